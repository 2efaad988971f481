//! How far the group's tasks are behind, as this worker knows it at one moment.

use std::collections::BTreeMap;

use serde_json::Value;
use walbridge_connector_api::ConnectorKind;

use crate::group::TaskId;
use crate::state::RunState;
use crate::task::{Classes, Lag, LiveTask, Measured, Standing, now_ms};
use crate::worker::Shared;

/// Computes lags as of one moment, those of sinks with the lag of what fills their topics.
///
/// A sink sees what is in its topics alone. A stream that is quiet and one that is cut look alike there; the
/// source or mirror that fills the topics knows better, if it belongs to the same group.
pub(crate) struct Lags<'a> {
    shared: &'a Shared,
    now_ms: u64,
    /// What comes to each sink from the group's own sources.
    fed: BTreeMap<String, Lag>,
}

impl<'a> Lags<'a> {
    /// Looks at the group.
    pub(crate) fn now(shared: &'a Shared) -> Self {
        let now_ms = now_ms();
        let fed = BTreeMap::new();
        let mut lags = Self {
            shared,
            now_ms,
            fed,
        };
        let mut by_topic: BTreeMap<String, Lag> = BTreeMap::new();
        for (source, topics) in of_kind(shared, ConnectorKind::Source) {
            if let Some(worst) = lags.worst(&source) {
                for topic in topics {
                    let entry = by_topic.entry(topic).or_default();
                    *entry = entry.and(worst);
                }
            }
        }
        for (sink, topics) in of_kind(shared, ConnectorKind::Sink) {
            let all = topics.iter().filter_map(|topic| by_topic.get(topic));
            if let Some(worst) = all.copied().reduce(Lag::and) {
                lags.fed.insert(sink, worst);
            }
        }
        lags
    }

    /// Returns the greatest lag of a source's tasks.
    fn worst(&self, source: &str) -> Option<Lag> {
        let tasks: Vec<_> = {
            let statuses = self.shared.statuses();
            let tasks = statuses.tasks(source);
            tasks
                .map(|(number, status)| (number, status.state, status.worker.clone()))
                .collect()
        };
        let lags = tasks.into_iter().filter_map(|(number, state, worker)| {
            let task = (source.to_owned(), number);
            let (measured, runs) = self.measured(&task, &worker);
            Some(self.lag(measured?, standing(state, runs)))
        });
        lags.reduce(Lag::and)
    }

    /// Returns what is known of a task's lag, and whether it runs as far as this worker can tell.
    fn measured(&self, task: &TaskId, worker: &str) -> (Option<Measured>, bool) {
        if let Some(live) = self.shared.live().get(task) {
            return (live.measured(), true);
        }
        if let Some(resting) = self.shared.resting().get(task) {
            return (resting.measured(), false);
        }
        let details = self.shared.member.details(worker, task);
        (details.and_then(|details| Measured::read(&details)), true)
    }

    fn lag(&self, measured: Measured, standing: Standing) -> Lag {
        let after = self.shared.config.limits.lag_unknown_after;
        measured.lag(self.now_ms, after, standing)
    }

    /// Returns the lag of one of this worker's tasks; `None` if it tells of none.
    pub(crate) fn of_own(&self, task: &LiveTask) -> Option<Lag> {
        let status = self.shared.statuses();
        let status = status.task(&task.connector, task.task);
        let at_rest = status.is_some_and(|s| standing(s.state, true) == Standing::AtRest);
        let standing = match at_rest {
            true => Standing::AtRest,
            false => task.standing(),
        };
        self.of(&task.connector, task.measured(), standing)
    }

    fn of(&self, sink: &str, measured: Option<Measured>, standing: Standing) -> Option<Lag> {
        let own = measured.map(|measured| self.lag(measured, standing));
        let fed = self.fed.get(sink).copied();
        fed.into_iter().chain(own).reduce(Lag::and)
    }

    /// Returns the details of a task with the lag as it is now.
    pub(crate) fn details(&self, task: &TaskId, worker: &str, state: RunState) -> Option<Value> {
        let live = self.shared.live().get(task).map(|live| live.details());
        let resting = || {
            let resting = self.shared.resting();
            resting.get(task).map(|task| task.rest_details())
        };
        let (mut details, runs) = match live {
            Some(live) => (live, true),
            None => match resting() {
                Some(resting) => (resting, false),
                None => (self.shared.member.details(worker, task)?, true),
            },
        };
        let standing = standing(state, runs);
        if let Some(lag) = self.of(&task.0, Measured::read(&details), standing) {
            lag.show(&mut details);
        }
        Some(details)
    }
}

/// Tells whether a task in a state is at work, or about to be.
fn standing(state: RunState, runs: bool) -> Standing {
    match state {
        RunState::Running | RunState::Restarting | RunState::Unassigned if runs => Standing::AtWork,
        _ => Standing::AtRest,
    }
}

/// Returns the connectors of a kind, each with the topics that it uses.
fn of_kind(shared: &Shared, kind: ConnectorKind) -> Vec<(String, Vec<String>)> {
    let names: Vec<String> = {
        let configs = shared.configs();
        let all = configs.iter().filter(|(_, entry)| {
            let class = entry.config.get("connector.class");
            let found = class.and_then(|class| shared.catalog.find(class));
            found.is_some_and(|found| found.kind() == kind)
        });
        all.map(|(name, _)| name.to_owned()).collect()
    };
    let statuses = shared.statuses();
    let with_topics = names.into_iter().map(|name| {
        let topics = statuses.topics.of(&name).map(str::to_owned).collect();
        (name, topics)
    });
    with_topics.collect()
}

impl Shared {
    /// Returns what was known last of a task's lag before it comes to this worker, or starts anew here; nothing of
    /// one that was another class's.
    pub(crate) fn measured_before(&self, task: &TaskId, classes: &Classes) -> Option<Measured> {
        let same = |earlier: &LiveTask| {
            let class = "connector-class";
            let is = earlier.classes.get(class) == classes.get(class);
            earlier.measured().filter(|_| is)
        };
        let live = self.live().get(task).map(|live| same(live));
        let here = live.or_else(|| self.resting().get(task).map(|rests| same(rests)));
        here.unwrap_or_else(|| self.member.measured_last(task))
    }
}
