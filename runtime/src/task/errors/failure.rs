//! A record that cannot be processed, as logs and dead letters tell of it.

use std::fmt;

use serde_json::Value;
use walbridge_connector_api::{ConnectorError, OffsetEntry};
use walbridge_pipeline::{Stage, StageError};

/// The Java class that Kafka Connect names where a sink has reported a record.
const SINK_TASK: &str = "org.apache.kafka.connect.sink.SinkTask";
/// The Java class of errors of the general kind.
const CONNECT_EXCEPTION: &str = "org.apache.kafka.connect.errors.ConnectException";

/// Which record it is.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Place<'a> {
    /// One that was read from Kafka.
    Consumed {
        /// The topic.
        topic: &'a str,
        /// The partition.
        partition: i32,
        /// The offset.
        offset: i64,
        /// Milliseconds since 1970, -1 if it has none.
        timestamp: i64,
    },
    /// One that a source has handed out.
    Read {
        /// The topic that it was for.
        topic: &'a str,
        /// Where the source is after it.
        offset: Option<&'a OffsetEntry>,
    },
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Consumed {
                topic,
                partition,
                offset,
                ..
            } => write!(f, "topic {topic}, partition {partition}, offset {offset}"),
            Self::Read { topic, offset } => {
                write!(f, "a record for topic {topic}")?;
                let Some(entry) = offset else {
                    return Ok(());
                };
                let (partition, offset) = source_position(entry);
                write!(
                    f,
                    ", source partition {partition}, next source offset {offset}"
                )
            }
        }
    }
}

/// Returns a source's partition and offset as JSON.
pub(super) fn source_position(entry: &OffsetEntry) -> (Value, Value) {
    let offset = entry.offset.clone().map_or(Value::Null, Value::Object);
    (Value::Object(entry.partition.clone()), offset)
}

/// What is told of a record that cannot be processed.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(super) stage: &'static str,
    pub(super) class: &'static str,
    pub(super) exception: &'static str,
    pub(super) message: String,
}

impl Failure {
    /// Tells of a step that failed.
    pub(super) fn of_step(error: &StageError) -> Self {
        Self {
            stage: error.stage().as_str(),
            class: error.class(),
            exception: error.exception(),
            message: error.message(),
        }
    }

    /// Tells of a record that a sink has reported.
    pub(super) fn of_put(error: &ConnectorError) -> Self {
        Self {
            stage: Stage::TaskPut.as_str(),
            class: SINK_TASK,
            exception: CONNECT_EXCEPTION,
            message: error.trace(),
        }
    }

    /// Returns what stands in the place of Java's stack trace.
    pub(super) fn trace(&self) -> String {
        format!("{}: {}\n", self.exception, self.message)
    }

    /// Returns Kafka Connect's words for the log.
    pub(super) fn words(&self, task: &str, place: Option<Place<'_>>) -> String {
        let (stage, class) = (self.stage, self.class);
        let record = match place {
            None => String::new(),
            Some(Place::Consumed {
                topic,
                partition,
                offset,
                timestamp,
            }) => format!(
                ", where consumed record is {{topic='{topic}', partition={partition}, offset={offset}, \
                 timestamp={timestamp}}}"
            ),
            Some(place) => format!(", where source record is {place}"),
        };
        format!(
            "Error encountered in task {task}. Executing stage '{stage}' with class '{class}'{record}."
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_it_in_kafka_connects_words() {
        let error = ConnectorError::stop("Wrong", "it is wrong");
        let failure = Failure::of_put(&error);
        let place = Place::Consumed {
            topic: "t",
            partition: 0,
            offset: 1,
            timestamp: 5,
        };
        assert_eq!(
            failure.words("c-0", Some(place)),
            "Error encountered in task c-0. Executing stage 'TASK_PUT' with class \
             'org.apache.kafka.connect.sink.SinkTask', where consumed record is {topic='t', \
             partition=0, offset=1, timestamp=5}."
        );
        assert!(failure.words("c-0", None).ends_with("SinkTask'."));
        assert_eq!(
            failure.trace(),
            "org.apache.kafka.connect.errors.ConnectException: Wrong: it is wrong\n"
        );
    }
}
