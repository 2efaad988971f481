//! Dead letters: records that could not be processed, on their way to a topic of their own.

use std::borrow::Cow;
use std::sync::Arc;

use walbridge_connector_api::{
    Batch, Headers, Partition, Record, Settings, Span, TaskContext, TopicSpec, push_header,
};
use walbridge_pipeline::WireRecord;

use super::failure::source_position;
use super::{Failure, Place};

/// What the names of Kafka Connect's context headers begin with.
pub(crate) const CONTEXT: [&str; 2] = ["__connect.errors.", "wb.errors."];
/// The header that names the topic a dead letter was read from.
pub(crate) const TOPIC: &str = "__connect.errors.topic";
/// The header with the partition it was read from.
pub(crate) const PARTITION: &str = "__connect.errors.partition";
/// The header with the offset it was read at.
const OFFSET: &str = "__connect.errors.offset";
/// The header that names the connector.
pub(crate) const CONNECTOR: &str = "__connect.errors.connector.name";

/// Makes the dead letters of one task.
#[derive(Debug)]
pub(crate) struct DeadLetters {
    /// The topic they go to.
    pub(crate) spec: Arc<TopicSpec>,
    context: bool,
    connector: String,
    task: String,
}

impl DeadLetters {
    /// Reads the settings of a task; `None` if it has no dead letter topic.
    pub(crate) fn new(settings: &Settings, context: &TaskContext) -> Option<Self> {
        let name = settings.optional("errors.deadletterqueue.topic.name")?;
        let copies = settings.number("errors.deadletterqueue.topic.replication.factor");
        let spec = TopicSpec {
            name: name.trim().to_owned(),
            partitions: Some(1),
            replication_factor: i32::try_from(copies).ok().filter(|copies| *copies > 0),
            config: Vec::new(),
        };
        Some(Self {
            spec: Arc::new(spec),
            context: settings.flag("errors.deadletterqueue.context.headers.enable"),
            connector: context.connector.clone(),
            task: context.task.to_string(),
        })
    }

    /// Adds a record that was read from Kafka, with the bytes it was read with.
    pub(crate) fn add(
        &self,
        out: &mut Batch,
        (from, record): (&Batch, &Record),
        place: Place<'_>,
        failure: &Failure,
    ) {
        let part = |out: &mut Batch, span| copy(out, from.bytes(span));
        let (key, value) = (part(out, record.key), part(out, record.value));
        let mark = out.mark();
        out.buffer()
            .extend_from_slice(from.bytes(record.headers).unwrap_or_default());
        self.push(out, (key, value, record.timestamp), mark, place, failure);
    }

    /// Adds a record that a converter has written.
    pub(crate) fn add_written(
        &self,
        out: &mut Batch,
        record: &WireRecord<'_>,
        place: Place<'_>,
        failure: &Failure,
    ) {
        let part = |out: &mut Batch, bytes: &Option<Cow<'_, [u8]>>| copy(out, bytes.as_deref());
        let (key, value) = (part(out, &record.key), part(out, &record.value));
        let mark = out.mark();
        for header in &record.headers {
            push_header(out.buffer(), &header.key, header.value.as_deref());
        }
        let timestamp = record.timestamp.unwrap_or(-1);
        self.push(out, (key, value, timestamp), mark, place, failure);
    }

    /// Adds the record whose headers begin at `mark`.
    fn push(
        &self,
        out: &mut Batch,
        (key, value, timestamp): (Span, Span, i64),
        mark: usize,
        place: Place<'_>,
        failure: &Failure,
    ) {
        if self.context {
            for (name, text) in self.context_of(place, failure) {
                let own = &out.buffer()[mark..];
                // As in Kafka Connect, what a record has brought along stays.
                if Headers::new(own).all(|header| header.name != name) {
                    push_header(out.buffer(), name, Some(text.as_bytes()));
                }
            }
        }
        let headers = if out.mark() == mark {
            Span::NULL
        } else {
            out.span(mark)
        };
        let topic = out.topic(&self.spec);
        out.push(Record {
            topic,
            partition: Partition::ByKey,
            offset: -1,
            timestamp,
            key,
            value,
            headers,
        });
    }

    fn context_of(&self, place: Place<'_>, failure: &Failure) -> Vec<(&'static str, String)> {
        let (topic, partition, offset) = match place {
            Place::Consumed {
                topic,
                partition,
                offset,
                ..
            } => (topic, partition, offset),
            Place::Read { .. } => ("", -1, -1),
        };
        let mut all = vec![
            (TOPIC, topic.to_owned()),
            (PARTITION, partition.to_string()),
            (OFFSET, offset.to_string()),
            (CONNECTOR, self.connector.clone()),
            ("__connect.errors.task.id", self.task.clone()),
            ("__connect.errors.stage", failure.stage.to_owned()),
            ("__connect.errors.class.name", failure.class.to_owned()),
            (
                "__connect.errors.exception.class.name",
                failure.exception.to_owned(),
            ),
            (
                "__connect.errors.exception.message",
                failure.message.clone(),
            ),
            ("__connect.errors.exception.stacktrace", failure.trace()),
        ];
        if let Place::Read { topic, offset } = place {
            all.push(("wb.errors.topic", topic.to_owned()));
            if let Some(entry) = offset {
                let (partition, offset) = source_position(entry);
                all.push(("wb.errors.source.partition", partition.to_string()));
                all.push(("wb.errors.source.offset", offset.to_string()));
            }
        }
        all
    }
}

fn copy(out: &mut Batch, bytes: Option<&[u8]>) -> Span {
    let Some(bytes) = bytes else {
        return Span::NULL;
    };
    let mark = out.mark();
    out.buffer().extend_from_slice(bytes);
    out.span(mark)
}

#[cfg(test)]
mod tests {
    use super::*;
    use walbridge_connector_api::ConnectorError;

    #[test]
    fn a_record_keeps_its_bytes_and_gets_its_context() {
        let mut from = Batch::default();
        let key = copy(&mut from, Some(b"k"));
        let mark = from.mark();
        push_header(from.buffer(), "own", None);
        push_header(from.buffer(), "__connect.errors.stage", Some(b"before"));
        let headers = from.span(mark);
        let record = Record {
            topic: 0,
            partition: Partition::Fixed(3),
            offset: 9,
            timestamp: 77,
            key,
            value: Span::NULL,
            headers,
        };
        let failure = Failure::of_put(&ConnectorError::stop("Wrong", "it is wrong"));
        let place = Place::Consumed {
            topic: "t",
            partition: 3,
            offset: 9,
            timestamp: 77,
        };
        for context in [false, true] {
            let letters = DeadLetters {
                spec: Arc::default(),
                context,
                connector: "c".into(),
                task: "0".into(),
            };
            let mut out = Batch::default();
            letters.add(&mut out, (&from, &record), place, &failure);
            let found = &out.records()[0];
            assert_eq!(out.bytes(found.key), Some(&b"k"[..]));
            assert_eq!((out.bytes(found.value), found.timestamp), (None, 77));
            let headers: Vec<_> = out
                .headers(found)
                .map(|h| (h.name, h.value.and_then(|v| std::str::from_utf8(v).ok())))
                .collect();
            assert_eq!(
                headers[..2],
                [("own", None), ("__connect.errors.stage", Some("before"))]
            );
            if !context {
                assert_eq!(headers.len(), 2);
                continue;
            }
            assert_eq!(
                headers[2..6],
                [
                    (TOPIC, Some("t")),
                    (PARTITION, Some("3")),
                    (OFFSET, Some("9")),
                    (CONNECTOR, Some("c")),
                ]
            );
            assert_eq!(headers.len(), 2 + 9);
        }
    }
}
