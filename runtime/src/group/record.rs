//! What the group's topic holds.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A task: its connector's name and its number.
pub(crate) type TaskId = (String, u32);

/// A topic, a partition, and the first offset in it that a sink has not applied.
pub(crate) type AppliedTo = (String, i32, i64);

/// That a worker is there; its key is `worker-<worker id>`, and a tombstone says that it has left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Presence {
    /// Tells one life of a worker from the next under the same address.
    pub(crate) incarnation: String,
    /// Counts this incarnation's records.
    pub(crate) pulse: u64,
    /// The newest assignment after which nothing runs here that it does not give to this worker.
    pub(crate) acked: u64,
}

/// That a worker leads from now on, unless another claim of this term came first; its key is
/// `leader-<worker id>`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Claim {
    /// Which life of the worker.
    pub(crate) incarnation: String,
    /// One more than that of the leader before.
    pub(crate) term: u64,
}

/// A task that its owner is to end before another may have it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Release {
    /// The task.
    pub(crate) task: TaskId,
    /// Who runs it.
    pub(crate) worker: String,
    /// Which life of that worker.
    pub(crate) incarnation: String,
    /// The assignment that took it away.
    pub(crate) generation: u64,
}

/// Who runs what; its key is `assignment-<the leader's worker id>`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Assignment {
    /// The leader's term.
    pub(crate) term: u64,
    /// Counts assignments, whoever makes them.
    pub(crate) generation: u64,
    /// The offset up to which the leader had read.
    pub(crate) as_of: i64,
    /// The workers that are there, with the incarnations meant.
    pub(crate) workers: BTreeMap<String, String>,
    /// The tasks of each worker.
    pub(crate) tasks: BTreeMap<String, Vec<TaskId>>,
    /// Tasks that have no owner yet because the former one has not ended them.
    pub(crate) releasing: Vec<Release>,
}

impl Assignment {
    /// Returns each task's owner.
    pub(crate) fn owners(&self) -> BTreeMap<TaskId, String> {
        let pairs = self.tasks.iter().flat_map(|(worker, tasks)| {
            let owner = move |task: &TaskId| (task.clone(), worker.clone());
            tasks.iter().map(owner)
        });
        pairs.collect()
    }
}

/// Something that only the leader may do; its key is `request-<worker id>-<incarnation>`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Request {
    /// Who asks.
    pub(crate) worker: String,
    /// Which life of that worker.
    pub(crate) incarnation: String,
    /// Counts that life's requests.
    pub(crate) number: u64,
    /// What is asked for.
    pub(crate) body: Value,
}

/// What a worker's tasks say of themselves, for the other workers' answers; its key is
/// `progress-<worker id>`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Progress {
    /// When this was so, in milliseconds since 1970.
    pub(crate) at_ms: u64,
    /// Each task's details.
    pub(crate) tasks: Vec<(TaskId, Value)>,
    /// How far the sinks among them have applied.
    pub(crate) applied: Vec<(TaskId, Vec<AppliedTo>)>,
}

/// One record of the group's topic.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum GroupRecord {
    /// A worker is there, or has left.
    Presence(String, Option<Presence>),
    /// A worker wants to lead.
    Claim(String, Claim),
    /// The leader says who runs what.
    Assignment(String, Assignment),
    /// What a worker's tasks say of themselves.
    Progress(String, Option<Progress>),
    /// A worker asks the leader for something, or has got its answer.
    Request(String, Option<Request>),
}

impl GroupRecord {
    /// Reads a record; what is not understood is `None`.
    pub(crate) fn read(key: &[u8], value: Option<&[u8]>) -> Option<Self> {
        let key = std::str::from_utf8(key).ok()?;
        let (kind, name) = key.split_once('-')?;
        let name = name.to_owned();
        match (kind, value) {
            ("worker", None) => Some(Self::Presence(name, None)),
            ("worker", Some(value)) => Some(Self::Presence(
                name,
                Some(serde_json::from_slice(value).ok()?),
            )),
            ("leader", Some(value)) => Some(Self::Claim(name, serde_json::from_slice(value).ok()?)),
            ("assignment", Some(value)) => {
                Some(Self::Assignment(name, serde_json::from_slice(value).ok()?))
            }
            ("progress", None) => Some(Self::Progress(name, None)),
            ("progress", Some(value)) => Some(Self::Progress(
                name,
                Some(serde_json::from_slice(value).ok()?),
            )),
            ("request", None) => Some(Self::Request(name, None)),
            ("request", Some(value)) => Some(Self::Request(
                name,
                Some(serde_json::from_slice(value).ok()?),
            )),
            _ => None,
        }
    }

    /// Returns the key's bytes.
    pub(crate) fn key(&self) -> Vec<u8> {
        let (kind, name) = match self {
            Self::Presence(name, _) => ("worker", name),
            Self::Claim(name, _) => ("leader", name),
            Self::Assignment(name, _) => ("assignment", name),
            Self::Progress(name, _) => ("progress", name),
            Self::Request(name, _) => ("request", name),
        };
        format!("{kind}-{name}").into_bytes()
    }

    /// Returns the value's bytes; `None` deletes.
    pub(crate) fn value(&self) -> Option<Vec<u8>> {
        fn json(value: &impl Serialize) -> Option<Vec<u8>> {
            serde_json::to_vec(value).ok()
        }
        match self {
            Self::Presence(_, None) | Self::Progress(_, None) | Self::Request(_, None) => None,
            Self::Presence(_, Some(presence)) => json(presence),
            Self::Claim(_, claim) => json(claim),
            Self::Assignment(_, assignment) => json(assignment),
            Self::Progress(_, Some(progress)) => json(progress),
            Self::Request(_, Some(request)) => json(request),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_what_it_writes() {
        let task = ("a-b".to_owned(), 3);
        let release = Release {
            task: task.clone(),
            worker: "one:1".into(),
            incarnation: "x".into(),
            generation: 4,
        };
        let assignment = Assignment {
            term: 2,
            generation: 5,
            as_of: 77,
            workers: [("one:1".to_owned(), "x".to_owned())].into(),
            tasks: [("one:1".to_owned(), vec![task])].into(),
            releasing: vec![release],
        };
        let presence = Presence {
            incarnation: "x".into(),
            pulse: 1,
            acked: 5,
        };
        for record in [
            GroupRecord::Presence("h-1:80".into(), Some(presence)),
            GroupRecord::Presence("h-1:80".into(), None),
            GroupRecord::Assignment("h-1:80".into(), assignment),
            GroupRecord::Request("h-1:80-x".into(), None),
        ] {
            let value = record.value();
            assert_eq!(
                GroupRecord::read(&record.key(), value.as_deref()),
                Some(record)
            );
        }
    }

    proptest! {
        #[test]
        fn any_bytes_end_without_panic(key in "(worker|leader|assignment|progress|request)-.{0,6}", value: Vec<u8>) {
            GroupRecord::read(key.as_bytes(), Some(&value));
        }
    }
}
