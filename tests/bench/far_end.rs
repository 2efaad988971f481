//! Topics read as a consumer at the far end does: to know when all is there, and to count it.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use apache_avro::types::Value;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::Message;
use rdkafka::{Offset, TopicPartitionList};
use walbridge_lab::{Session, Site};
use walbridge_tests::topic::{Decoder, client, field, partitions};

use crate::backlog::{Backlog, TABLE};

/// A place in a topic from which on records count.
pub(crate) struct Mark {
    consumer: BaseConsumer,
    decoder: Decoder,
    begin: TopicPartitionList,
}

impl Mark {
    /// Notes the present end of a topic.
    pub(crate) fn end_of(site: &Site, topic: &str) -> Result<Self> {
        let mut config = client(&site.kafka().bootstrap());
        config.set("fetch.wait.max.ms", "20");
        let consumer: BaseConsumer = config.create()?;
        let limit = Duration::from_secs(10);
        let mut list = TopicPartitionList::new();
        for partition in 0..partitions(&consumer, topic)? {
            let (_, end) = consumer.fetch_watermarks(topic, partition, limit)?;
            list.add_partition_offset(topic, partition, Offset::Offset(end))?;
        }
        consumer.assign(&list)?;
        let decoder = Decoder::new(&site.registry().url())?;
        Ok(Self {
            consumer,
            decoder,
            begin: list,
        })
    }

    /// Waits until the ENDs of a transaction topic add up to so many rows.
    pub(crate) fn wait_rows(
        mut self,
        rows: u64,
        limit: Duration,
        check: &dyn Fn() -> Result<()>,
    ) -> Result<()> {
        let started = Instant::now();
        let mut counted = 0;
        while counted < rows {
            match self.consumer.poll(Duration::from_millis(100)) {
                None | Some(Err(KafkaError::PartitionEOF(_))) => check()?,
                Some(Err(error)) => return Err(error.into()),
                Some(Ok(message)) => {
                    let value = self
                        .decoder
                        .decode(message.payload().context("no value")?)?;
                    if let Some(Value::Long(events)) = field(&value, "event_count") {
                        counted += u64::try_from(*events)?;
                    }
                }
            }
            ensure!(
                started.elapsed() < limit,
                "{counted} of {rows} rows after {limit:?}"
            );
        }
        ensure!(counted == rows, "{counted} rows where {rows} were written");
        Ok(())
    }

    /// Reads a table's topic to its end and compares what is in it with the database.
    pub(crate) fn verify(mut self, backlog: &Backlog, east: &Session) -> Result<()> {
        // Anew: what has been fetched since may say that the topic ends where it ended then.
        self.consumer.assign(&self.begin)?;
        let mut found = Sums::default();
        let keys = usize::try_from(backlog.last - backlog.first + 1)?;
        let mut inserted = vec![false; keys];
        let (mut events, mut ended) = (0, 0);
        while ended < self.begin.count() {
            let message = match self.consumer.poll(Duration::from_secs(30)) {
                None => bail!("nothing for 30 s"),
                Some(Err(KafkaError::PartitionEOF(_))) => {
                    ended += 1;
                    continue;
                }
                Some(message) => message?,
            };
            let Some(payload) = message.payload() else {
                continue;
            };
            events += 1;
            let value = self.decoder.decode(payload)?;
            if !matches!(field(&value, "op"), Some(Value::String(op)) if op == "c") {
                continue;
            }
            let after = field(&value, "after").context("an insert without a row")?;
            let id = found.add(after)?;
            let index = usize::try_from(id - backlog.first)
                .ok()
                .filter(|index| *index < keys);
            let slot = index
                .and_then(|index| inserted.get_mut(index))
                .with_context(|| format!("key {id} is not of this backlog"))?;
            ensure!(
                !std::mem::replace(slot, true),
                "key {id} was inserted twice"
            );
        }
        ensure!(
            events == backlog.rows,
            "{events} events for {} rows",
            backlog.rows
        );
        ensure!(inserted.iter().all(|seen| *seen), "keys are missing");
        let expected = Sums::of(backlog, east)?;
        // Rows that were changed or deleted since are not what was inserted.
        let unchanged = u64::try_from(keys)? == backlog.rows;
        ensure!(
            !unchanged || found == expected,
            "the sums are {found:?}, not {expected:?}"
        );
        Ok(())
    }
}

/// Sums over the columns of inserted rows.
#[derive(Debug, Default, PartialEq, Eq)]
struct Sums {
    id: i64,
    account: i64,
    cents: i64,
    letters: i64,
    rates: i64,
    days: i64,
}

impl Sums {
    fn of(backlog: &Backlog, east: &Session) -> Result<Self> {
        let rows = east.query(
            &format!(
                "select sum(id)::bigint, sum(account)::bigint, sum(amount * 100)::bigint, sum(length(note))::bigint,
                     count(rate), sum(due - date '1970-01-01')::bigint from {TABLE} where id between $1 and $2"
            ),
            &[&backlog.first, &backlog.last],
        )?;
        let row = rows.first().context("no answer")?;
        Ok(Self {
            id: row.try_get(0)?,
            account: row.try_get(1)?,
            cents: row.try_get(2)?,
            letters: row.try_get(3)?,
            rates: row.try_get(4)?,
            days: row.try_get(5)?,
        })
    }

    /// Adds a row and returns its key.
    fn add(&mut self, row: &Value) -> Result<i64> {
        let number = |name| match field(row, name) {
            Some(Value::Long(number)) => Ok(*number),
            Some(Value::Int(number) | Value::Date(number)) => Ok(i64::from(*number)),
            other => bail!("{name} is {other:?}"),
        };
        let id = number("id")?;
        self.id += id;
        self.account += number("account")?;
        self.days += number("due")?;
        let bytes = match field(row, "amount") {
            Some(Value::Decimal(decimal)) => Vec::try_from(decimal)?,
            Some(Value::Bytes(bytes)) => bytes.clone(),
            other => bail!("amount is {other:?}"),
        };
        self.cents += bytes
            .iter()
            .fold(0, |sum, byte| sum << 8 | i64::from(*byte));
        if let Some(Value::String(note)) = field(row, "note") {
            self.letters += i64::try_from(note.chars().count())?;
        }
        self.rates += i64::from(field(row, "rate").is_some());
        Ok(id)
    }
}
