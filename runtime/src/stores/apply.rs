//! What each topic's records do to the views.

use std::sync::{Arc, PoisonError};

use walbridge_kafka::LogRecord;

use super::{Age, Listener, Restart, Views};
use crate::group::{Change, Member};
use crate::logging::{self, loggers};
use crate::state::{ANSWER, LOGGER, RESTART};

/// Takes in the config topic: configurations, and what was asked for while the worker runs.
pub(super) fn config(
    views: &Views,
    listener: impl Listener,
) -> impl FnMut(&LogRecord, Age) + Send + 'static {
    let (view, statuses) = (Arc::clone(&views.configs), Arc::clone(&views.statuses));
    move |record, age| {
        let Ok(key) = std::str::from_utf8(&record.key) else {
            return;
        };
        if let Some(logger) = key.strip_prefix(LOGGER) {
            // What was set before this worker started was for the workers of that time.
            if age == Age::New {
                set_level(logger, record.value.as_deref());
            }
            return;
        }
        if let Some(connector) = key.strip_prefix(RESTART) {
            let restart = restart(connector, record.value.as_deref());
            if let Some(restart) = restart.filter(|_| age == Age::New) {
                let mut statuses = statuses.write().unwrap_or_else(PoisonError::into_inner);
                if restart.tasks || restart.task.is_some() {
                    statuses.restarting(connector, restart.only_failed, restart.task);
                }
                listener.restarted(restart);
            }
            return;
        }
        let (changed, answer) = {
            let mut configs = view.write().unwrap_or_else(PoisonError::into_inner);
            let changed = configs.apply(key, record.value.as_deref());
            let worker = key.strip_prefix(ANSWER).filter(|_| age == Age::New);
            let answer = worker.and_then(|worker| {
                let answer = configs.answer(worker)?.clone();
                Some((worker.to_owned(), answer))
            });
            (changed, answer)
        };
        if let Some(connector) = changed {
            listener.changed(connector);
        }
        if let Some((worker, answer)) = answer {
            listener.answered(worker, answer);
        }
    }
}

fn restart(connector: &str, value: Option<&[u8]>) -> Option<Restart> {
    let value: serde_json::Value = serde_json::from_slice(value?).ok()?;
    let flag = |name| value.get(name).and_then(serde_json::Value::as_bool);
    let task = value.get("task").and_then(serde_json::Value::as_u64);
    Some(Restart {
        connector: connector.to_owned(),
        tasks: flag("include-tasks")?,
        only_failed: flag("only-failed")?,
        task: task.and_then(|task| u32::try_from(task).ok()),
    })
}

/// Takes in the group's topic.
pub(super) fn group(
    member: Arc<Member>,
    listener: impl Listener,
) -> impl FnMut(&LogRecord, Age) + Send + 'static {
    move |record, _| {
        let change = member.apply(record);
        if change != Change::None {
            listener.group();
        }
    }
}

/// Takes in the status topic; `me` is this worker.
pub(super) fn status(views: &Views, me: String) -> impl FnMut(&LogRecord, Age) + Send + 'static {
    let (view, configs) = (Arc::clone(&views.statuses), Arc::clone(&views.configs));
    move |record, age| {
        let Ok(key) = std::str::from_utf8(&record.key) else {
            return;
        };
        let value = record.value.as_deref();
        let configs = configs.read().unwrap_or_else(PoisonError::into_inner);
        let mut statuses = view.write().unwrap_or_else(PoisonError::into_inner);
        match age {
            Age::Old => statuses.apply(key, value),
            Age::New => statuses.apply_news(key, value, &me, &configs),
        }
    }
}

/// Sets a logger's level as a record of the config topic says.
fn set_level(logger: &str, value: Option<&[u8]>) {
    let value = value.and_then(|bytes| serde_json::from_slice::<serde_json::Value>(bytes).ok());
    let level = value.as_ref().and_then(|value| value["level"].as_str());
    let Some(level) = level.and_then(logging::level) else {
        return;
    };
    match loggers().set(logger, level) {
        Ok(_) => tracing::info!(logger, level, "log level set for the group"),
        Err(error) => tracing::warn!(logger, level, error, "no such log level can be set"),
    }
}

/// Takes in the offset topic.
pub(super) fn offset(views: &Views) -> impl FnMut(&LogRecord, Age) + Send + 'static {
    let view = Arc::clone(&views.offsets);
    move |record, _| {
        let mut offsets = view.write().unwrap_or_else(PoisonError::into_inner);
        offsets.apply_at(&record.key, record.value.as_deref(), record.timestamp);
    }
}
