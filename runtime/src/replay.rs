//! Writes a sink's dead letters back to the topics they were read from.
//!
//! Records and the offsets up to which the dead letter topic was read are in one Kafka transaction: each
//! record is written once, however often and wherever this is called or cut off.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use walbridge_connector_api::{
    Batch, ConnectorError, Headers, Partition, Record, Result, Settings, Span, StartAt, StopToken,
    TopicPartition, TopicSpec, fail_point, push_header,
};
use walbridge_kafka::{Admin, Consumer, TransactionalProducer};

use crate::clients;
use crate::config::WorkerConfig;
use crate::task::{CONNECTOR, CONTEXT, PARTITION, TOPIC};

/// How much is read at once.
const BATCH_BYTES: usize = 1 << 20;

/// How long one call may go on reading; what is left then is for the next call.
const LONGEST: Duration = Duration::from_secs(30);

/// What was done.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Replayed {
    /// Records written to where they were read.
    pub(crate) replayed: u64,
    /// Records without a word of where they were read.
    pub(crate) without_origin: u64,
    /// Records of other connectors.
    pub(crate) of_others: u64,
    /// Offsets that retention has taken.
    pub(crate) expired: u64,
    /// Offsets not looked at yet.
    pub(crate) remaining: u64,
}

/// Replays at most `max` dead letters of a connector from this topic.
///
/// # Errors
/// If Kafka is out of reach, or a record cannot go where it was read.
pub(crate) fn replay(
    config: &WorkerConfig,
    settings: &Settings,
    connector: &str,
    topic: &str,
    max: u64,
    stop: &StopToken,
) -> Result<Replayed> {
    let admin = Admin::new(&clients::admin(config)?)?;
    let partitions = partitions(&admin, topic)?.ok_or_else(|| {
        ConnectorError::stop(
            "TopicDeleted",
            format!("the dead letter topic {topic} does not exist"),
        )
        .remedy("it is created when a task of the connector starts with errors.tolerance=all")
    })?;
    let client = format!("{connector}-replay");
    let id = format!("{}-{client}", config.group);
    let mut producer = TransactionalProducer::new(
        &clients::producer(config, settings, &client)?,
        &id,
        stop.clone(),
    )?;
    // First of all: another call that is under way cannot commit any more.
    producer.init()?;
    let group = format!("connect-{connector}-replay");
    let reader = clients::consumer(config, settings, connector, &client)?.with("group.id", &group);
    let mut consumer = Consumer::new(&reader)?;
    let all: Vec<_> = (0..partitions)
        .map(|partition| TopicPartition {
            topic: Arc::from(topic),
            partition,
        })
        .collect();
    let mut done = Replayed::default();
    let mut run = Run {
        connector,
        admin: &admin,
        counts: HashMap::new(),
        specs: HashMap::new(),
        next: HashMap::new(),
        max,
    };
    let committed = consumer.committed(&all)?;
    let mut ends = HashMap::new();
    for (info, committed) in consumer.committed_ends(&all)?.into_iter().zip(committed) {
        // What was read of another topic of this name says nothing about this one.
        let from = committed.filter(|at| *at <= info.end).unwrap_or(info.first);
        done.expired += u64::try_from(info.first - from).unwrap_or(0);
        run.next
            .insert(info.partition.clone(), from.max(info.first));
        ends.insert(info.partition, info.end);
    }
    let starts: Vec<_> = run.next.iter().collect();
    let starts: Vec<_> = starts
        .into_iter()
        .map(|(tp, next)| (tp.clone(), StartAt::Offset(*next)))
        .collect();
    consumer.assign(&starts)?;
    let began = Instant::now();
    let mut batch = Batch::default();
    while run.remaining(&ends) > 0 && done.replayed < max && began.elapsed() < LONGEST {
        if stop.is_stopped() {
            break;
        }
        batch.clear();
        consumer.poll(&mut batch, BATCH_BYTES, Duration::from_millis(200))?;
        let mut out = Batch::default();
        let mut found = done.clone();
        let trouble = run.sort(&batch, &ends, &mut found, &mut out).err();
        if batch.records().is_empty() {
            // Marks of transactions stand between the last record and the end.
            for (tp, end) in consumer.ends() {
                run.advance(tp, *end);
            }
            continue;
        }
        producer.begin()?;
        let offsets: Vec<_> = run.next.iter().map(|(tp, at)| (tp.clone(), *at)).collect();
        let written = producer
            .send(&out)
            .and_then(|()| producer.send_offsets(&group, &offsets))
            .and_then(|()| {
                fail_point!("replay-before-commit");
                producer.commit()
            });
        if let Err(error) = written {
            if let Err(error) = producer.abort() {
                tracing::debug!(%error, "could not abort");
            }
            return Err(error.into());
        }
        fail_point!("replay-after-commit");
        done = found;
        if let Some(error) = trouble {
            return Err(error);
        }
    }
    done.remaining = run.remaining(&ends);
    Ok(done)
}

/// Returns how many partitions a topic has, if it exists.
fn partitions(admin: &Admin, topic: &str) -> Result<Option<i32>> {
    let found = admin.describe(&[topic])?;
    Ok(found.first().map(|topic| topic.partitions))
}

struct Run<'a> {
    connector: &'a str,
    admin: &'a Admin,
    /// How many partitions the topics have that records go to.
    counts: HashMap<String, i32>,
    specs: HashMap<String, Arc<TopicSpec>>,
    /// Where the dead letter topic is read on.
    next: HashMap<TopicPartition, i64>,
    max: u64,
}

impl Run<'_> {
    fn remaining(&self, ends: &HashMap<TopicPartition, i64>) -> u64 {
        let left = |(tp, end): (&TopicPartition, &i64)| {
            let next = self.next.get(tp).copied().unwrap_or_default();
            u64::try_from(end - next).unwrap_or(0)
        };
        ends.iter().map(left).sum()
    }

    fn advance(&mut self, tp: &TopicPartition, to: i64) {
        if let Some(next) = self.next.get_mut(tp) {
            *next = to.max(*next);
        }
    }

    /// Puts what is to be written into `out`, up to the limit, and moves on behind what was looked at.
    ///
    /// What has died since the call began, perhaps because of it, is left for the next.
    fn sort(
        &mut self,
        batch: &Batch,
        ends: &HashMap<TopicPartition, i64>,
        found: &mut Replayed,
        out: &mut Batch,
    ) -> Result<()> {
        for record in batch.records() {
            let Partition::Fixed(partition) = record.partition else {
                continue;
            };
            let tp = TopicPartition {
                topic: Arc::from(batch.topic_of(record).name.as_str()),
                partition,
            };
            if ends.get(&tp).is_none_or(|end| record.offset >= *end) {
                self.advance(&tp, ends.get(&tp).copied().unwrap_or_default());
                continue;
            }
            if found.replayed >= self.max {
                break;
            }
            self.place(batch, record, found, out)?;
            self.advance(&tp, record.offset + 1);
        }
        Ok(())
    }

    fn place(
        &mut self,
        batch: &Batch,
        record: &Record,
        found: &mut Replayed,
        out: &mut Batch,
    ) -> Result<()> {
        let text = |name: &str| {
            let bytes = Headers::last(&batch.headers(record), name)?;
            std::str::from_utf8(bytes).ok()
        };
        if text(CONNECTOR).is_some_and(|name| name != self.connector) {
            found.of_others += 1;
            return Ok(());
        }
        let Some(to) = text(TOPIC).filter(|topic| !topic.is_empty()) else {
            found.without_origin += 1;
            return Ok(());
        };
        if !self.counts.contains_key(to)
            && let Some(count) = partitions(self.admin, to)?
        {
            self.counts.insert(to.to_owned(), count);
        }
        let Some(count) = self.counts.get(to).copied() else {
            let (from, offset) = (&batch.topic_of(record).name, record.offset);
            return Err(ConnectorError::stop(
                "TopicDeleted",
                format!("the record at offset {offset} of {from} was read from topic {to}, which does not exist"),
            )
            .remedy("create the topic, or let the dead letter expire"));
        };
        let spec = self.specs.entry(to.to_owned()).or_insert_with(|| {
            Arc::new(TopicSpec {
                name: to.to_owned(),
                ..TopicSpec::default()
            })
        });
        let topic = out.topic(spec);
        let partition = text(PARTITION).and_then(|text| text.parse().ok());
        let partition = partition.filter(|number| (0..count).contains(number));
        let key = copy(out, batch.bytes(record.key));
        let value = copy(out, batch.bytes(record.value));
        let mark = out.mark();
        for header in batch.headers(record) {
            if !CONTEXT.iter().any(|prefix| header.name.starts_with(prefix)) {
                push_header(out.buffer(), header.name, header.value);
            }
        }
        let headers = if out.mark() == mark {
            Span::NULL
        } else {
            out.span(mark)
        };
        out.push(Record {
            topic,
            partition: partition.map_or(Partition::ByKey, Partition::Fixed),
            offset: -1,
            timestamp: record.timestamp,
            key,
            value,
            headers,
        });
        found.replayed += 1;
        Ok(())
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
