//! What only the group's leader does: it writes the config topic, makes tasks, and says who runs them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use walbridge_connector_api::{ConnectorKind, Disposition, Partition, Result, Settings, StopToken};
use walbridge_kafka::{TransactionalProducer, fence};

use super::{Loop, Refusal};
use crate::clients;
use crate::connector;
use crate::group::{Request, TaskId};
use crate::state::{Answer, ConfigRecord, ConnectorEntry, RunState, TargetState};

/// When to try again if a connector's tasks could not be made because something was out of reach.
const RETRY: Duration = Duration::from_secs(5);

/// How long the brokers keep a leader's transaction open that nobody ends.
const TRANSACTION: Duration = Duration::from_secs(10);

/// What a leader has.
pub(super) struct Leading {
    term: u64,
    /// Nobody else can write with its id, and a former leader cannot any more.
    producer: TransactionalProducer,
}

impl Loop {
    /// Begins to lead, or ceases to, as the group has it.
    pub(super) fn see_leader(&mut self) {
        let term = self.shared.member.term();
        if self.leading.as_ref().map(|leading| leading.term) == term {
            return;
        }
        self.leading = None;
        self.generated.clear();
        self.retry_at.clear();
        let Some(term) = term.filter(|_| Instant::now() >= self.lead_at) else {
            return;
        };
        match self.begin_to_lead(term) {
            Ok(leading) => {
                tracing::info!(term, "this worker leads the group");
                self.leading = Some(leading);
                let known: Vec<String> = {
                    let configs = self.shared.configs();
                    configs.iter().map(|(name, _)| name.to_owned()).collect()
                };
                self.forget_unknown(&known);
                for name in &known {
                    self.settle(name);
                }
            }
            Err(error) => {
                tracing::warn!(error = %error.trace(), "cannot begin to lead; trying again");
                self.lead_at = Instant::now() + Duration::from_secs(1);
            }
        }
    }

    /// Makes sure that no former leader can write, and reads all that one wrote.
    fn begin_to_lead(&self, term: u64) -> Result<Leading> {
        let config = &self.shared.config;
        let client = clients::admin(config)?
            .or("client.id", &format!("walbridge-{}-leader", config.group))
            .with(
                "transaction.timeout.ms",
                TRANSACTION.as_millis().to_string(),
            );
        // Kafka Connect's leaders have the same: one of theirs cannot write beside this one.
        let id = format!("connect-cluster-{}", config.group);
        let mut producer = TransactionalProducer::new(&client, &id, StopToken::new())?;
        producer.init()?;
        self.shared.stores.configs_to_end()?;
        Ok(Leading { term, producer })
    }

    /// Writes records to the config topic in one transaction, with the answer to the request that they
    /// carry out if it is another worker's, and returns when they have been read back.
    pub(super) fn write(
        &mut self,
        records: &[ConfigRecord],
        created: bool,
    ) -> std::result::Result<(), Refusal> {
        let mut all = records.to_vec();
        let carried = self.carrying.clone();
        if let Some(request) = &carried {
            let answer = answer_to(request, &Ok(created));
            all.push(ConfigRecord::answer(&request.worker, &answer));
        }
        let written = self.write_all(&all).map_err(|error| {
            Refusal::new(500, format!("Could not write to the config topic: {error}"))
        });
        if written.is_ok() && carried.is_some() {
            self.carrying = None;
        }
        written
    }

    fn write_all(&mut self, records: &[ConfigRecord]) -> Result<()> {
        let topic = self.shared.config.config_topic.name.clone();
        let not_leading =
            || walbridge_connector_api::ConnectorError::retry("NotLeading", "another worker leads");
        let leading = self.leading.as_mut().ok_or_else(not_leading)?;
        let mut put = || -> walbridge_kafka::Result<i64> {
            let producer = &mut leading.producer;
            producer.begin()?;
            for record in records {
                let (key, value) = (record.key.as_bytes(), record.bytes());
                producer.send_one(&topic, Partition::Fixed(0), Some(key), value.as_deref())?;
            }
            producer.commit()?;
            Ok(producer.last_offset())
        };
        match put() {
            Ok(last) => self.shared.stores.configs_past(last),
            Err(error) => {
                // It may or may not be there: whoever leads next begins with a producer of their own.
                self.leading = None;
                Err(error.into())
            }
        }
    }

    /// Does the leader's part for one connector: its tasks, its own status.
    pub(super) fn settle(&mut self, name: &str) {
        if self.leading.is_none() {
            return;
        }
        let Some(entry) = self.entry(name) else {
            self.generated.remove(name);
            self.retry_at.remove(name);
            self.forget_status(name);
            return;
        };
        let entry = match self.make_tasks(name, entry) {
            Ok(entry) => entry,
            Err(error) => {
                if self.leading.is_none() {
                    return;
                }
                tracing::error!(connector = name, error = %error.trace(), "connector failed");
                if error.disposition() != Disposition::Stop {
                    self.retry_at
                        .insert(name.to_owned(), Instant::now() + RETRY);
                }
                self.set_connector(name, RunState::Failed, Some(error.trace()));
                return;
            }
        };
        let state = match entry.target {
            TargetState::Started => RunState::Running,
            TargetState::Paused => RunState::Paused,
            TargetState::Stopped => RunState::Stopped,
        };
        self.set_connector(name, state, None);
        self.forget_tasks_from(name, entry.tasks.map_or(0, |tasks| tasks.len()));
    }

    /// Makes the connector's task configurations anew if its configuration has changed.
    fn make_tasks(&mut self, name: &str, entry: ConnectorEntry) -> Result<ConnectorEntry> {
        let known = self.generated.get(name) == Some(&entry.config);
        let made = known && entry.tasks.is_some();
        if entry.target != TargetState::Started || made {
            return Ok(entry);
        }
        let loaded = connector::load(
            &self.shared.catalog,
            &self.shared.resolver,
            &entry.config,
            &self.shared.config.rules,
        );
        self.shared.counts.connectors.note(loaded.is_ok());
        let (loaded, tasks) = loaded?;
        let changed = entry.tasks.as_ref() != Some(&tasks);
        let mut records = match changed {
            true => ConfigRecord::tasks(name, &tasks),
            false => Vec::new(),
        };
        if loaded.connector.kind() == ConnectorKind::Source && (changed || entry.unfenced) {
            let former = self.former_tasks(name, &entry, &tasks);
            if !former.is_empty() {
                // What the tasks are now has to be known before the former ones are fenced: one that takes
                // its id over again in between reads it and ends.
                if !records.is_empty() {
                    self.write_all(&std::mem::take(&mut records))?;
                }
                self.fence(name, &loaded.settings, &former)?;
            }
            records.push(ConfigRecord::fencing(name, tasks.len()));
        }
        if !records.is_empty() {
            self.write_all(&records)?;
        }
        self.generated.insert(name.to_owned(), entry.config.clone());
        Ok(self.entry(name).unwrap_or(entry))
    }

    /// Returns which former tasks of a source may still write and are not to: a task that stays as it was
    /// goes on, and one alone is fenced by the one that takes its place.
    fn former_tasks(
        &self,
        name: &str,
        entry: &ConnectorEntry,
        tasks: &[BTreeMap<String, String>],
    ) -> Vec<usize> {
        let known = self.shared.configs().fenced(name);
        if known == 1 && tasks.len() == 1 {
            return Vec::new();
        }
        let stays = |n: &usize| {
            let before = entry.tasks.as_ref().and_then(|before| before.get(*n));
            !entry.unfenced && before.is_some() && before == tasks.get(*n)
        };
        (0..known).filter(|n| !stays(n)).collect()
    }

    /// Makes sure that these tasks of a connector cannot write any more.
    pub(super) fn fence(&self, name: &str, settings: &Settings, tasks: &[usize]) -> Result<()> {
        if tasks.is_empty() {
            return Ok(());
        }
        let group = &self.shared.config.group;
        let ids: Vec<String> = tasks
            .iter()
            .map(|task| format!("{group}-{name}-{task}"))
            .collect();
        let client = clients::producer(&self.shared.config, settings, &format!("{name}-fencing"))?;
        fence(&client, &ids)?;
        tracing::info!(connector = name, tasks = ?tasks, "fenced the producers of former tasks");
        Ok(())
    }

    /// Writes another assignment if there is reason for one.
    pub(super) fn assign(&mut self) {
        if self.leading.is_none() {
            return;
        }
        let wanted: BTreeSet<TaskId> = {
            let configs = self.shared.configs();
            let all = configs.iter().flat_map(|(name, entry)| {
                let count = match entry.target {
                    TargetState::Stopped => 0,
                    _ => entry.tasks.as_ref().map_or(0, Vec::len),
                };
                (0..count).map(|n| (name.to_owned(), u32::try_from(n).unwrap_or(u32::MAX)))
            });
            all.filter(|(name, _)| !self.failed_to_make(name)).collect()
        };
        // One may show that another is due: what it takes away from nobody can be given at once.
        for _ in 0..3 {
            let Some(next) = self.shared.member.next_assignment(&wanted) else {
                return;
            };
            if let Err(error) = self.shared.stores.write_group(&[next]) {
                tracing::warn!(error = %error.trace(), "tasks cannot be assigned at the moment");
                return;
            }
        }
    }

    fn failed_to_make(&self, name: &str) -> bool {
        let statuses = self.shared.statuses();
        let failed = |status: &crate::state::Status| status.state == RunState::Failed;
        statuses.connector(name).is_some_and(failed) && !self.generated.contains_key(name)
    }

    /// Carries out what other workers ask for.
    pub(super) fn serve_requests(&mut self) {
        for (request, here) in self.shared.member.requests() {
            if self.leading.is_none() {
                return;
            }
            let id = (request.incarnation.clone(), request.number);
            let answered = {
                let configs = self.shared.configs();
                let last = configs.answer(&request.worker);
                last.is_some_and(|last| (&last.incarnation, last.number) == (&id.0, id.1))
            };
            if !here {
                self.forget_request(&request);
            } else if !answered && self.taken.insert(id) {
                self.serve(request, None);
            }
        }
    }

    /// Writes the answer to a request, if that was not written with what carried it out.
    pub(super) fn answer(&mut self, request: &Request, outcome: &super::Outcome) {
        let record = ConfigRecord::answer(&request.worker, &answer_to(request, outcome));
        if let Err(error) = self.write_all(&[record]) {
            // The next leader finds the request as it is.
            tracing::warn!(error = %error.trace(), "a request cannot be answered at the moment");
            self.taken
                .remove(&(request.incarnation.clone(), request.number));
        }
    }
}

fn answer_to(request: &Request, outcome: &super::Outcome) -> Answer {
    let refused = outcome.as_ref().err();
    Answer {
        incarnation: request.incarnation.clone(),
        number: request.number,
        refused: refused.map(|refusal| refusal.status),
        message: refused.map_or_else(String::new, |refusal| refusal.message.clone()),
        created: outcome.as_ref().copied().unwrap_or_default(),
    }
}
