//! Settled changes become statements, sent in as few round trips as memory allows.

mod blame;
mod remove;
mod values;

use std::collections::BTreeMap;

use walbridge_connector_api::{ConnectorError, Result};

use crate::binding::Binding;
use crate::fold::Settled;
use crate::params::Raw;
use crate::rows::{Image, Rows};
use crate::target::{Step, Target};
use blame::{Blame, Verb};

/// Fewer new rows than this go by `INSERT`, which needs no answer before the next step.
const COPY_FROM: usize = 50;
const CHUNK_ROWS: usize = 2000;
const CHUNK_BYTES: usize = 1 << 20;
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
        self.delete(at, binding, &settled.deletes)?;
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

    fn delete(&mut self, at: usize, binding: &Binding, images: &[Image]) -> Result<(), Refused> {
        if images.is_empty() {
            return Ok(());
        }
        if binding.key.is_empty() {
            return self.remove(at, binding, images);
        }
        let bulk = binding.bulk(&binding.key);
        let statement = self.target.prepare(&binding.delete_sql(bulk))?;
        if bulk {
            self.chunks(at, images, &binding.key, &statement, Verb::Delete)
        } else {
            self.singly(at, images, &binding.key, &statement, Verb::Delete)
        }
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
        if all.is_empty() {
            let statement = self.target.prepare(&binding.insert_sql(false))?;
            return self.singly(at, images, &all, &statement, Verb::Insert);
        }
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
            Some(after) => {
                let mut set = binding.columns_without(&self.rows.marks(after).unknown);
                set.retain(|at| !binding.columns[*at].fixed);
                if set.is_empty() {
                    return Ok(());
                }
                set
            }
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
}
