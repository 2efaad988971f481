//! The connection to the target and the one transaction that may be open on it.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::task::Poll;

use bytes::Bytes;
use futures_util::SinkExt;
use futures_util::future::maybe_done;
use tokio_postgres::{Client, Statement};
use walbridge_connector_api::Result;
use walbridge_postgres::connect::{Session, Settings};
use walbridge_postgres::{Lsn, ident, sqlstate};

use crate::origin;
use crate::params::Raw;

/// What is sent to the server without waiting for what came before.
#[derive(Debug)]
pub(crate) enum Step {
    /// Statements without parameters.
    Sql(String),
    /// A prepared statement, which must affect so many rows.
    Run {
        statement: Statement,
        params: Vec<Raw>,
        expect: Option<u64>,
    },
    /// A `COPY … FROM STDIN`, which must take so many rows.
    Copy {
        statement: Statement,
        data: Vec<Bytes>,
        expect: u64,
    },
}

/// How a run of steps failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The server refused a step.
    Refused {
        step: usize,
        error: tokio_postgres::Error,
    },
    /// A step affected another number of rows than it must.
    Miscounted {
        step: usize,
        expected: u64,
        found: u64,
    },
}

/// The target database.
pub(crate) struct Target {
    pub(crate) session: Session,
    statements: HashMap<String, Statement>,
    open: bool,
    origin: Option<String>,
}

impl Target {
    /// Connects and makes the session one that applies others' changes.
    pub(crate) fn connect(settings: &Settings, synchronous_commit: Option<&str>) -> Result<Self> {
        let session = Session::open(settings)?;
        session.execute(
            "SET client_encoding = 'UTF8'; SET client_min_messages = warning; \
             SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0; \
             SET lock_timeout = '60s'; SET jit = off; SET plan_cache_mode = force_generic_plan; \
             SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off; \
             SET search_path = pg_catalog, public; SET row_security = off",
        )?;
        if let Some(value) = synchronous_commit {
            session.execute(&format!(
                "SET synchronous_commit = {}",
                ident::literal(value)
            ))?;
        }
        Ok(Self {
            session,
            statements: HashMap::new(),
            open: false,
            origin: None,
        })
    }

    /// Turns off triggers and foreign keys as logical replication does, and takes the link's origin.
    pub(crate) fn replicate(&mut self, settings: &Settings, link: &str) -> Result<()> {
        let user = ident::quote(&settings.user);
        self.session
            .execute("SET session_replication_role = replica")
            .map_err(|error| {
                error.remedy(format!(
                    "as a superuser: ALTER ROLE {user} SUPERUSER, or on PostgreSQL 15 and later \
                     GRANT SET ON PARAMETER session_replication_role TO {user}"
                ))
            })?;
        self.origin = Some(origin::take(&self.session, settings, link)?);
        Ok(())
    }

    /// Ends what is open and gives back what the server has few of.
    pub(crate) fn leave(&mut self) {
        self.rollback();
        if let Some(origin) = self.origin.take() {
            origin::give_back(&self.session, &origin);
        }
    }

    /// Adds the steps that open a transaction, if none is open.
    pub(crate) fn begin(&mut self, steps: &mut Vec<Step>) {
        if !self.open {
            steps.push(Step::Sql("BEGIN; SET CONSTRAINTS ALL DEFERRED".into()));
            self.open = true;
        }
    }

    /// Commits the open transaction.
    pub(crate) fn commit(&mut self) -> Result<()> {
        self.open = false;
        self.session.execute("COMMIT")
    }

    /// Rolls the open transaction back; a broken connection has done so already.
    pub(crate) fn rollback(&mut self) {
        if std::mem::take(&mut self.open) {
            let _ = self.session.execute("ROLLBACK");
        }
    }

    /// Returns a prepared statement.
    pub(crate) fn prepare(&mut self, sql: &str) -> Result<Statement> {
        if let Some(statement) = self.statements.get(sql) {
            return Ok(statement.clone());
        }
        let session = &self.session;
        let statement = session
            .block_on(session.client().prepare(sql))
            .map_err(|error| sqlstate::from_client(error, &format!("preparing {sql}")))?;
        self.statements.insert(sql.to_owned(), statement.clone());
        Ok(statement)
    }

    /// Forgets all prepared statements: tables have changed.
    pub(crate) fn forget(&mut self) {
        self.statements.clear();
    }

    /// Sends all steps at once and checks every answer.
    pub(crate) fn run(&self, steps: Vec<Step>) -> Result<(), Failure> {
        let client = self.session.client();
        let expected: Vec<_> = steps.iter().map(Step::expected).collect();
        let found = self.session.block_on(async {
            let mut all: Vec<_> = steps
                .into_iter()
                .map(|step| Box::pin(maybe_done(step.send(client))))
                .collect();
            // The first poll of each sends it, in this order; only then is any answer waited for.
            std::future::poll_fn(|context| {
                for step in &mut all {
                    let _ = step.as_mut().poll(context);
                }
                Poll::Ready(())
            })
            .await;
            let mut found = Vec::with_capacity(all.len());
            for step in &mut all {
                step.as_mut().await;
                found.push(step.as_mut().take_output());
            }
            found
        });
        let mut miscounted = None;
        let mut aborted = None;
        for (step, (expected, answer)) in expected.into_iter().zip(found).enumerate() {
            match answer {
                Some(Ok(found)) => {
                    if let Some(expected) = expected.filter(|expected| *expected != found) {
                        miscounted.get_or_insert(Failure::Miscounted {
                            step,
                            expected,
                            found,
                        });
                    }
                }
                // What follows a refused step only says so.
                Some(Err(error)) if error.code().is_some_and(|c| c.code() == "25P02") => {
                    aborted.get_or_insert(Failure::Refused { step, error });
                }
                Some(Err(error)) => return Err(Failure::Refused { step, error }),
                None => {}
            }
        }
        match miscounted.or(aborted) {
            Some(failure) => Err(failure),
            None => Ok(()),
        }
    }
}

impl Step {
    fn expected(&self) -> Option<u64> {
        match self {
            Self::Sql(_) => None,
            Self::Run { expect, .. } => *expect,
            Self::Copy { expect, .. } => Some(*expect),
        }
    }

    fn send(
        self,
        client: &Client,
    ) -> Pin<Box<dyn Future<Output = Result<u64, tokio_postgres::Error>> + '_>> {
        Box::pin(async move {
            match self {
                Self::Sql(sql) => client.batch_execute(&sql).await.map(|()| 0),
                Self::Run {
                    statement, params, ..
                } => client.execute_raw(&statement, params).await,
                Self::Copy {
                    statement, data, ..
                } => {
                    let mut sink = std::pin::pin!(client.copy_in::<_, Bytes>(&statement).await?);
                    for piece in data {
                        sink.feed(piece).await?;
                    }
                    sink.finish().await
                }
            }
        })
    }
}

/// Returns the statement part that names the source's commit for a transaction of ours.
pub(crate) fn origin_sql(lsn: Lsn, ts_us: i64) -> String {
    format!(
        "SELECT pg_replication_origin_xact_setup('{lsn}', \
         timestamptz 'epoch' + {ts_us} * interval '1 microsecond')"
    )
}
