//! What goes wrong with Kafka, and what it means for a task.

use walbridge_connector_api::ConnectorError;

/// Shorthand for results of this crate.
pub type Result<T, E = KafkaError> = std::result::Result<T, E>;

/// Says what kind of failure it is, and so what may be done about it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Kafka is out of reach or busy: the same may succeed later.
    Retriable,
    /// The open transaction must be aborted; a new client's may succeed.
    Abortable,
    /// This client is unusable; a new one may succeed.
    Fatal,
    /// Another producer has taken over the transactional id (or the broker gave up on this one).
    Fenced,
    /// The position is outside of what the partition still holds.
    Truncated {
        /// The topic.
        topic: String,
        /// The partition.
        partition: i32,
        /// The offset that was to be read next.
        position: i64,
        /// The first offset that can be read, -1 if not known.
        first: i64,
        /// The offset that the next record will have, -1 if not known.
        end: i64,
    },
    /// The topic was deleted and created anew under the same name.
    Recreated {
        /// The topic.
        topic: String,
        /// The id it had.
        was: String,
        /// The id it has now.
        now: String,
    },
    /// There is no such topic or partition.
    UnknownTopic,
    /// The topic exists already.
    TopicExists,
    /// Kafka does not accept who we say we are, or we do not accept its certificate.
    Authentication,
    /// We may not do this.
    Authorization,
    /// A record is larger than Kafka takes.
    TooLarge,
    /// Kafka refuses what was asked, and would refuse it again.
    Refused,
    /// The settings make no sense to the client.
    Config,
    /// The task was told to stop while it waited.
    Stopped,
    /// A call did not come back long after its own time limit.
    Hung,
    /// Anything else.
    Other,
}

/// A failure of Kafka or of its client: the kind, and what happened in words.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct KafkaError {
    kind: ErrorKind,
    message: String,
}

impl KafkaError {
    /// Creates an error of this kind.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
        }
    }

    /// Returns what kind of failure it is.
    pub fn kind(&self) -> &ErrorKind {
        &self.kind
    }

    /// Returns whether the same may succeed later with the same client.
    pub fn is_retriable(&self) -> bool {
        self.kind == ErrorKind::Retriable
    }

    /// Puts in front what was being done.
    #[must_use]
    pub fn while_doing(self, doing: impl std::fmt::Display) -> Self {
        Self {
            kind: self.kind,
            message: format!("{doing}: {}", self.message),
        }
    }
}

impl From<KafkaError> for ConnectorError {
    fn from(error: KafkaError) -> Self {
        let KafkaError { kind, message } = error;
        match kind {
            ErrorKind::Retriable | ErrorKind::Other => Self::retry("Unreachable", message),
            ErrorKind::Stopped => Self::retry("Stopped", message),
            ErrorKind::Abortable => Self::rewind("TransactionAborted", message),
            ErrorKind::Fatal | ErrorKind::Hung => Self::rewind("ProducerBroken", message),
            ErrorKind::Fenced => Self::retry("Fenced", message).remedy(
                "nothing, if this worker was only cut off for longer than transaction.timeout.ms; \
                 otherwise find the other worker that runs the same task",
            ),
            ErrorKind::Truncated {
                topic,
                partition,
                position,
                first,
                end,
            } => truncated(&topic, partition, position, first, end),
            ErrorKind::Recreated { topic, was, now } => Self::stop(
                "TopicRecreated",
                format!(
                    "topic {topic} was deleted and created anew: its id was {was} and is {now}"
                ),
            )
            .remedy(
                "what the old topic held beyond the stored position is lost; restart the task: a \
                 connector that knows how to go on says so then",
            ),
            ErrorKind::UnknownTopic => Self::stop("TopicDeleted", message).remedy(
                "restore the topic, or take it out of the connector's topics and reset its offsets",
            ),
            ErrorKind::TopicExists => Self::retry("TopicExists", message),
            ErrorKind::Authentication => Self::configuration("AuthenticationFailed", message)
                .remedy("check security.protocol, sasl.* and ssl.*"),
            ErrorKind::Authorization => Self::stop("MissingPrivilege", message)
                .remedy("grant the Kafka ACL that the message names"),
            ErrorKind::TooLarge => Self::stop("RecordTooLarge", message)
                .remedy(
                    "raise max.message.bytes of the topic that the message names, on this cluster and on each that \
                     it is mirrored to, or message.max.bytes of the brokers; then restart the task",
                ),
            ErrorKind::Refused => Self::stop("KafkaRefused", message),
            ErrorKind::Config => Self::configuration("InvalidClientConfig", message),
        }
    }
}

fn truncated(topic: &str, partition: i32, position: i64, first: i64, end: i64) -> ConnectorError {
    let message = if first > position {
        format!(
            "topic {topic} partition {partition} begins at offset {first} now, the next to be read \
             was {position}: offsets {position} to {} ({} of them) are gone",
            first - 1,
            first - position
        )
    } else if end >= 0 && position > end {
        format!(
            "topic {topic} partition {partition} ends at offset {end}, but {position} was to be \
             read next: what had been read was lost or the topic is another one"
        )
    } else {
        format!("topic {topic} partition {partition} has no offset {position} to read on from")
    };
    ConnectorError::stop("TopicTruncated", message).remedy(
        "restart the task: a connector that knows how to go on says so then; any other goes on at the \
         offset that you give it (PATCH /connectors/<name>/offsets). Raise retention.ms and \
         retention.bytes of the topic so that it holds more than the longest outage",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn truncation_names_what_is_missing() {
        let kind = ErrorKind::Truncated {
            topic: "t".into(),
            partition: 3,
            position: 10,
            first: 15,
            end: 40,
        };
        let error = ConnectorError::from(KafkaError::new(kind, ""));
        assert_eq!(error.name(), "TopicTruncated");
        assert!(error.trace().contains("partition 3"), "{error}");
        assert!(
            error
                .trace()
                .contains("offsets 10 to 14 (5 of them) are gone"),
            "{error}"
        );
    }
}
