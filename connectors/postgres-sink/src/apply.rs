//! Settled changes become statements, sent in as few round trips as memory allows.

use std::collections::BTreeMap;

use bytes::Bytes;
use tokio_postgres::error::SqlState;
use walbridge_connector_api::{ConnectorError, Result};
use walbridge_postgres::sqlstate;

use crate::binding::Binding;
use crate::fold::Settled;
use crate::params::{Array, Raw};
use crate::rows::{Image, Rows};
use crate::target::{Failure, Step, Target};

/// Fewer new rows than this go by `INSERT`, which needs no answer before the next step.
const COPY_FROM: usize = 50;
const CHUNK_ROWS: usize = 2000;
const CHUNK_BYTES: usize = 1 << 20;
const PIECE: usize = 64 << 10;
/// Statements on their way before answers are waited for.
const IN_FLIGHT_BYTES: usize = 2 << 20;
const IN_FLIGHT_STEPS: usize = 128;

/// Why a batch was not applied.
pub(crate) enum Refused {
    /// A constraint beside the order of rows stands in the way: one by one they may pass.
    Unique(ConnectorError),
    /// Anything else.
    Error(ConnectorError),
}

impl Refused {
    pub(crate) fn error(self) -> ConnectorError {
        match self {
            Self::Unique(error) | Self::Error(error) => error,
        }
    }
}

impl From<ConnectorError> for Refused {
    fn from(error: ConnectorError) -> Self {
        Self::Error(error)
    }
}

/// What a step does, for the message should it fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verb {
    Insert,
    Update,
    Delete,
    Other,
}

struct Blame {
    verb: Verb,
    binding: usize,
    images: Vec<Image>,
}

/// Statements being collected and sent.
pub(crate) struct Run<'a> {
    target: &'a mut Target,
    rows: &'a Rows,
    /// By plan; plans that no row at hand uses have none.
    bindings: &'a [Option<Binding>],
    steps: Vec<Step>,
    blames: Vec<Blame>,
    bytes: usize,
    link: &'a str,
}

impl<'a> Run<'a> {
    /// Starts collecting; a transaction is opened with the first step if none is open.
    pub(crate) fn new(
        target: &'a mut Target,
        rows: &'a Rows,
        bindings: &'a [Option<Binding>],
        link: &'a str,
    ) -> Self {
        let mut run = Self {
            target,
            rows,
            bindings,
            steps: Vec::new(),
            blames: Vec::new(),
            bytes: 0,
            link,
        };
        run.target.begin(&mut run.steps);
        run.pad();
        run
    }

    fn pad(&mut self) {
        while self.blames.len() < self.steps.len() {
            self.blames.push(Blame {
                verb: Verb::Other,
                binding: usize::MAX,
                images: Vec::new(),
            });
        }
    }

    /// Adds a step that is not about rows.
    pub(crate) fn other(&mut self, step: Step) {
        self.steps.push(step);
        self.pad();
    }

    /// Adds statements without parameters.
    pub(crate) fn sql(&mut self, sql: impl Into<String>) {
        self.other(Step::Sql(sql.into()));
    }

    /// Adds a prepared statement.
    pub(crate) fn statement(
        &mut self,
        sql: &str,
        params: Vec<Raw>,
        expect: Option<u64>,
    ) -> Result<()> {
        let statement = self.target.prepare(sql)?;
        self.other(Step::Run {
            statement,
            params,
            expect,
        });
        Ok(())
    }

    fn rows_step(
        &mut self,
        step: Step,
        verb: Verb,
        binding: usize,
        images: &[Image],
        bytes: usize,
    ) -> Result<(), Refused> {
        self.steps.push(step);
        self.blames.push(Blame {
            verb,
            binding,
            images: images.to_vec(),
        });
        self.bytes += bytes;
        if self.bytes > IN_FLIGHT_BYTES || self.steps.len() >= IN_FLIGHT_STEPS {
            self.send()?;
        }
        Ok(())
    }

    /// Sends what was collected and checks every answer.
    pub(crate) fn send(&mut self) -> Result<(), Refused> {
        let steps = std::mem::take(&mut self.steps);
        let blames = std::mem::take(&mut self.blames);
        self.bytes = 0;
        self.target
            .run(steps)
            .map_err(|failure| self.explain(failure, &blames))
    }

    /// Adds one table's settled changes: deletes, updates, inserts.
    pub(crate) fn apply(&mut self, plan: u32, settled: &Settled<Image>) -> Result<(), Refused> {
        let at = plan as usize;
        let Some(binding) = self.bindings.get(at).and_then(Option::as_ref) else {
            return Ok(());
        };
        if !settled.deletes.is_empty() {
            let statement = self.target.prepare(&binding.delete_sql())?;
            self.chunks(at, &settled.deletes, &binding.key, &statement, Verb::Delete)?;
        }
        // Rows with unknown columns leave those as they are: a statement per set of columns.
        let mut groups: BTreeMap<&[u16], Vec<Image>> = BTreeMap::new();
        for image in &settled.updates {
            let unknown = self.rows.marks(image).unknown.as_slice();
            groups.entry(unknown).or_default().push(*image);
        }
        for (unknown, images) in groups {
            let columns = binding.columns_without(unknown);
            let bulk = binding.bulk(&columns);
            let statement = self.target.prepare(&binding.update_sql(&columns, bulk))?;
            if bulk {
                self.chunks(at, &images, &columns, &statement, Verb::Update)?;
            } else {
                self.singly(at, &images, &columns, &statement, Verb::Update)?;
            }
        }
        self.insert(at, binding, &settled.inserts)
    }

    fn insert(&mut self, at: usize, binding: &Binding, images: &[Image]) -> Result<(), Refused> {
        if images.is_empty() {
            return Ok(());
        }
        if let Some(image) = images
            .iter()
            .find(|i| !self.rows.marks(i).unknown.is_empty())
        {
            let columns = &self.rows.marks(image).unknown;
            return Err(Refused::Error(ConnectorError::stop(
                "StandbyDiverged",
                format!(
                    "table {}: a new row comes without the value of field {} and no former row to \
                     take it from",
                    binding.title, columns[0]
                ),
            )));
        }
        let all: Vec<_> = (0..binding.columns.len()).collect();
        if binding.copy && images.len() >= COPY_FROM {
            return self.copy(at, binding, images);
        }
        let statement = self.target.prepare(&binding.insert_sql(binding.bulk))?;
        if binding.bulk {
            self.chunks(at, images, &all, &statement, Verb::Insert)
        } else {
            self.singly(at, images, &all, &statement, Verb::Insert)
        }
    }

    /// Sends images as arrays, one per column, in chunks.
    fn chunks(
        &mut self,
        at: usize,
        images: &[Image],
        columns: &[usize],
        statement: &tokio_postgres::Statement,
        verb: Verb,
    ) -> Result<(), Refused> {
        let mut rest = images;
        while !rest.is_empty() {
            let (params, taken, bytes) = self.arrays(at, rest, columns)?;
            let (chunk, more) = rest.split_at(taken);
            rest = more;
            let step = Step::Run {
                statement: statement.clone(),
                params,
                expect: Some(taken as u64),
            };
            self.rows_step(step, verb, at, chunk, bytes)?;
        }
        Ok(())
    }

    /// Makes array parameters of as many images as a chunk takes.
    fn arrays(
        &self,
        at: usize,
        images: &[Image],
        columns: &[usize],
    ) -> Result<(Vec<Raw>, usize, usize)> {
        let Some(binding) = &self.bindings[at] else {
            return Ok((Vec::new(), images.len(), 0));
        };
        let mut arrays: Vec<_> = columns
            .iter()
            .map(|&column| Array::new(binding.columns[column].element))
            .collect();
        let (mut fields, mut taken, mut bytes) = (Vec::new(), 0, 0);
        for image in images.iter().take(CHUNK_ROWS) {
            self.split(image, &mut fields, binding)?;
            for (array, &column) in arrays.iter_mut().zip(columns) {
                let before = array.size();
                self.element(array, image, binding, column, &fields)?;
                bytes += array.size() - before;
            }
            taken += 1;
            if bytes >= CHUNK_BYTES {
                break;
            }
        }
        let params = arrays.iter_mut().map(Array::finish).collect();
        Ok((params, taken, bytes))
    }

    fn element(
        &self,
        array: &mut Array,
        image: &Image,
        binding: &Binding,
        column: usize,
        fields: &[&[u8]],
    ) -> Result<()> {
        let decoder = &binding.columns[column].decoder;
        let bad = |e: &dyn std::fmt::Display| bad_value(binding, column, e);
        if let Some(text) = self.special(image, column) {
            return array
                .push(|out| decoder.decode_special(text, out))
                .map_err(|e| bad(&e));
        }
        if decoder.is_null(fields[column]).map_err(|e| bad(&e))? {
            array.null();
            return Ok(());
        }
        array
            .push(|out| decoder.decode(fields[column], out).map(drop))
            .map_err(|e| bad(&e))
    }

    fn special(&self, image: &Image, column: usize) -> Option<&'a [u8]> {
        let marks = self.rows.marks(image);
        if marks.special.is_empty() {
            return None;
        }
        let found = marks
            .special
            .iter()
            .find(|(field, _)| usize::from(*field) == column);
        found.map(|(_, text)| &**text)
    }

    fn split<'f>(&self, image: &Image, fields: &mut Vec<&'f [u8]>, binding: &Binding) -> Result<()>
    where
        'a: 'f,
    {
        self.rows.split(image, fields).map_err(|e| {
            ConnectorError::stop("NotAvro", format!("table {}: a row: {e}", binding.title))
        })
    }

    /// Makes one parameter per column of one image.
    fn params(&self, at: usize, image: &Image, columns: &[usize]) -> Result<Vec<Raw>> {
        let Some(binding) = &self.bindings[at] else {
            return Ok(Vec::new());
        };
        let mut fields = Vec::new();
        self.split(image, &mut fields, binding)?;
        columns
            .iter()
            .map(|&column| {
                let decoder = &binding.columns[column].decoder;
                let mut out = Vec::new();
                let there = match self.special(image, column) {
                    Some(text) => decoder.decode_special(text, &mut out).map(|()| true),
                    None => decoder.decode(fields[column], &mut out),
                };
                let there = there.map_err(|e| bad_value(binding, column, &e))?;
                Ok(Raw(there.then_some(out)))
            })
            .collect()
    }

    /// Sends one statement per image.
    fn singly(
        &mut self,
        at: usize,
        images: &[Image],
        columns: &[usize],
        statement: &tokio_postgres::Statement,
        verb: Verb,
    ) -> Result<(), Refused> {
        for image in images {
            let params = self.params(at, image, columns)?;
            let bytes = params
                .iter()
                .filter_map(|p| p.0.as_ref())
                .map(Vec::len)
                .sum();
            let step = Step::Run {
                statement: statement.clone(),
                params,
                expect: Some(1),
            };
            self.rows_step(step, verb, at, std::slice::from_ref(image), bytes)?;
        }
        Ok(())
    }

    fn copy(&mut self, at: usize, binding: &Binding, images: &[Image]) -> Result<(), Refused> {
        let statement = self.target.prepare(&binding.copy_sql())?;
        let mut rest = images;
        while !rest.is_empty() {
            let (data, taken, bytes) = self.copy_data(binding, rest)?;
            rest = &rest[taken..];
            let step = Step::Copy {
                statement: statement.clone(),
                data,
                expect: taken as u64,
            };
            // The server names the key of a row that is there already.
            self.rows_step(step, Verb::Insert, at, &[], bytes)?;
        }
        Ok(())
    }

    fn copy_data(&self, binding: &Binding, images: &[Image]) -> Result<(Vec<Bytes>, usize, usize)> {
        let mut data = Vec::new();
        let mut out = Vec::with_capacity(PIECE + 4096);
        out.extend_from_slice(b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0");
        let count = (binding.columns.len() as i16).to_be_bytes();
        let (mut fields, mut taken, mut bytes) = (Vec::new(), 0, 0);
        for image in images {
            self.split(image, &mut fields, binding)?;
            out.extend_from_slice(&count);
            for (at, column) in binding.columns.iter().enumerate() {
                let done = match self.special(image, at) {
                    Some(text) => column.decoder.copy_special(text, &mut out),
                    None => column.decoder.copy(fields[at], &mut out),
                };
                done.map_err(|e| bad_value(binding, at, &e))?;
            }
            taken += 1;
            if out.len() >= PIECE {
                bytes += out.len();
                let next = Vec::with_capacity(PIECE + 4096);
                data.push(Bytes::from(std::mem::replace(&mut out, next)));
                if bytes >= IN_FLIGHT_BYTES {
                    break;
                }
            }
        }
        out.extend_from_slice(&(-1i16).to_be_bytes());
        bytes += out.len();
        data.push(Bytes::from(out));
        Ok((data, taken, bytes))
    }

    /// Adds a statement for one row found by what `before` knows of it.
    ///
    /// With `after` the row is set to that image, whatever columns it knows; without, it is deleted.
    pub(crate) fn located(&mut self, before: &Image, after: Option<&Image>) -> Result<(), Refused> {
        let at = before.plan as usize;
        let Some(binding) = self.bindings.get(at).and_then(Option::as_ref) else {
            return Ok(());
        };
        let marks = self.rows.marks(before);
        let known: Vec<usize> = if binding.key.is_empty() || !self.knows_key(before, binding) {
            binding.columns_without(&marks.unknown)
        } else {
            binding.key.clone()
        };
        let set = match after {
            Some(after) => binding.columns_without(&self.rows.marks(after).unknown),
            None => Vec::new(),
        };
        let statement = self.target.prepare(&binding.located_sql(&known, &set))?;
        let mut params = self.params(at, before, &known)?;
        if let Some(after) = after {
            params.extend(self.params(at, after, &set)?);
        }
        let step = Step::Run {
            statement,
            params,
            expect: Some(1),
        };
        let verb = if after.is_some() {
            Verb::Update
        } else {
            Verb::Delete
        };
        self.rows_step(step, verb, at, std::slice::from_ref(before), 0)
    }

    fn knows_key(&self, image: &Image, binding: &Binding) -> bool {
        let unknown = &self.rows.marks(image).unknown;
        !binding.key.iter().any(|at| unknown.contains(&(*at as u16)))
    }

    /// Adds one event as a statement of its own, in the order of events.
    pub(crate) fn replay(
        &mut self,
        before: Option<&Image>,
        after: Option<&Image>,
    ) -> Result<(), Refused> {
        match (before, after) {
            (Some(before), after) => self.located(before, after),
            (None, Some(after)) => {
                let at = after.plan as usize;
                let Some(binding) = self.bindings.get(at).and_then(Option::as_ref) else {
                    return Ok(());
                };
                let all: Vec<_> = (0..binding.columns.len()).collect();
                let statement = self.target.prepare(&binding.insert_sql(false))?;
                self.singly(
                    at,
                    std::slice::from_ref(after),
                    &all,
                    &statement,
                    Verb::Insert,
                )
            }
            (None, None) => Ok(()),
        }
    }

    fn explain(&mut self, failure: Failure, blames: &[Blame]) -> Refused {
        let blame = |step: usize| blames.get(step).filter(|blame| blame.verb != Verb::Other);
        match failure {
            Failure::Miscounted {
                step,
                expected,
                found,
            } => Refused::Error(match blame(step) {
                Some(blame) => self.diverged(blame, expected, found),
                None => ConnectorError::stop(
                    "Fenced",
                    format!(
                        "another task has taken over link {}: its fence has moved",
                        self.link
                    ),
                )
                .remedy("run only one sink per link; if this is the right one, restart it"),
            }),
            Failure::Refused { step, error } => {
                let what = match blame(step) {
                    Some(blame) => format!("applying to {}", self.title(blame.binding)),
                    None => format!("applying link {}", self.link),
                };
                let unique = error.code().is_some_and(|code| {
                    *code == SqlState::UNIQUE_VIOLATION || *code == SqlState::EXCLUSION_VIOLATION
                });
                let constraint = error
                    .code()
                    .is_some_and(|code| code.code().starts_with("23"));
                let error = sqlstate::from_client(error, &what);
                if unique {
                    Refused::Unique(standby_diverged(&error))
                } else if constraint {
                    Refused::Error(standby_diverged(&error))
                } else {
                    Refused::Error(error)
                }
            }
        }
    }

    fn title(&self, binding: usize) -> &str {
        let binding = self.bindings.get(binding).and_then(Option::as_ref);
        binding.map_or("", |binding| binding.title.as_str())
    }

    /// Finds out which key was missing, and says so.
    fn diverged(&mut self, blame: &Blame, expected: u64, found: u64) -> ConnectorError {
        self.target.rollback();
        let key = self.missing_key(blame).unwrap_or_default();
        let verb = match blame.verb {
            Verb::Update => "update",
            Verb::Delete => "delete",
            _ => "insert",
        };
        let table = self.title(blame.binding);
        let which = if key.is_empty() {
            String::new()
        } else {
            format!(" with key ({key})")
        };
        standby_diverged(&format!(
            "table {table}: {verb} of {expected} rows found {found}; the row{which} is not there"
        ))
    }

    fn missing_key(&mut self, blame: &Blame) -> Option<String> {
        let binding = self.bindings.get(blame.binding)?.as_ref()?;
        if binding.key.is_empty() || !blame.images.iter().all(|i| self.knows_key(i, binding)) {
            return None;
        }
        let (params, _, _) = self
            .arrays(blame.binding, &blame.images, &binding.key)
            .ok()?;
        let statement = self.target.prepare(&binding.missing_sql()).ok()?;
        let session = &self.target.session;
        let rows = session.block_on(async {
            let params: Vec<_> = params
                .iter()
                .map(|p| p as &(dyn tokio_postgres::types::ToSql + Sync))
                .collect();
            session.client().query(&statement, &params).await.ok()
        })?;
        rows.first().map(|row| row.get(0))
    }
}

fn standby_diverged(cause: &dyn std::fmt::Display) -> ConnectorError {
    ConnectorError::stop("StandbyDiverged", cause.to_string()).remedy(
        "something else has written to the target, or a constraint there is stricter than the \
         source's: put the row right, or begin a new snapshot",
    )
}

fn bad_value(binding: &Binding, column: usize, cause: &dyn std::fmt::Display) -> ConnectorError {
    ConnectorError::stop(
        "BadValue",
        format!("table {}: field {column}: {cause}", binding.title),
    )
}
