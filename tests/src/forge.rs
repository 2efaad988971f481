//! What an enemy, a tired operator or an eager retention does to topics.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use rdkafka::admin::{
    AdminClient, AdminOptions, AlterConfig, NewTopic, ResourceSpecifier, TopicReplication,
};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::message::{BorrowedMessage, Header, Headers, Message, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer, ThreadedProducer};
use rdkafka::{Offset, TopicPartitionList};
use tokio::runtime::{Builder, Runtime};
use walbridge_lab::wait_for;

use crate::topic;

/// How long Kafka may take for one of these things.
const LIMIT: Duration = Duration::from_secs(30);

/// Somebody with rights over a Kafka's topics.
pub struct Forger {
    bootstrap: String,
    admin: AdminClient<DefaultClientContext>,
    runtime: Runtime,
}

impl std::fmt::Debug for Forger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Forger")
            .field("bootstrap", &self.bootstrap)
            .finish_non_exhaustive()
    }
}

impl Forger {
    /// Connects to the Kafka at `bootstrap`.
    ///
    /// # Errors
    /// If there can be no client.
    pub fn new(bootstrap: &str) -> Result<Self> {
        let admin = ClientConfig::new()
            .set("bootstrap.servers", bootstrap)
            .create()?;
        let runtime = Builder::new_current_thread().enable_all().build()?;
        Ok(Self {
            bootstrap: bootstrap.to_owned(),
            admin,
            runtime,
        })
    }

    /// Deletes all records that a topic has now; their offsets are never used again.
    ///
    /// # Errors
    /// If Kafka refuses.
    pub fn truncate(&self, topic: &str) -> Result<()> {
        let mut list = TopicPartitionList::new();
        for partition in 0..self.partitions(topic)? {
            list.add_partition_offset(topic, partition, Offset::End)?;
        }
        let done = self
            .runtime
            .block_on(self.admin.delete_records(&list, &AdminOptions::new()))?;
        for element in done.elements() {
            element.error()?;
        }
        Ok(())
    }

    /// Deletes a topic and waits until it is gone.
    ///
    /// # Errors
    /// If Kafka refuses.
    pub fn delete(&self, topic: &str) -> Result<()> {
        for outcome in self
            .runtime
            .block_on(self.admin.delete_topics(&[topic], &AdminOptions::new()))?
        {
            outcome.map_err(|(name, code)| anyhow!("deleting {name}: {code}"))?;
        }
        wait_for(&format!("{topic} to be gone"), LIMIT, || {
            let left = topic::topics(&self.bootstrap, topic)?;
            Ok((!left.iter().any(|name| name == topic)).then_some(()))
        })
    }

    /// Creates a topic.
    ///
    /// # Errors
    /// If Kafka refuses.
    pub fn create(&self, topic: &str, partitions: i32) -> Result<()> {
        let spec = NewTopic::new(topic, partitions, TopicReplication::Fixed(1));
        for outcome in self
            .runtime
            .block_on(self.admin.create_topics(&[spec], &AdminOptions::new()))?
        {
            outcome.map_err(|(name, code)| anyhow!("creating {name}: {code}"))?;
        }
        wait_for(&format!("{topic} to be there"), LIMIT, || {
            Ok(self
                .partitions(topic)
                .is_ok_and(|n| n == partitions)
                .then_some(()))
        })
    }

    /// Sets one of a topic's settings.
    ///
    /// # Errors
    /// If Kafka refuses.
    pub fn configure(&self, topic: &str, name: &str, value: &str) -> Result<()> {
        let change = AlterConfig::new(ResourceSpecifier::Topic(topic)).set(name, value);
        let options = AdminOptions::new().operation_timeout(Some(LIMIT));
        let done = self
            .runtime
            .block_on(self.admin.alter_configs([&change], &options))?;
        for outcome in done {
            outcome.map_err(|(_, code)| anyhow!("changing {topic}: {code}"))?;
        }
        Ok(())
    }

    /// Returns how many partitions a topic has.
    ///
    /// # Errors
    /// If it is not there.
    pub fn partitions(&self, topic: &str) -> Result<i32> {
        let metadata = self.admin.inner().fetch_metadata(Some(topic), LIMIT)?;
        let found = metadata.topics().first().context("no such topic")?;
        ensure!(
            found.error().is_none() && !found.partitions().is_empty(),
            "there is no {topic}"
        );
        Ok(i32::try_from(found.partitions().len())?)
    }

    /// Writes one record.
    ///
    /// # Errors
    /// If Kafka refuses.
    pub fn write(&self, topic: &str, key: Option<&[u8]>, value: Option<&[u8]>) -> Result<()> {
        let producer = self.producer()?;
        let mut record: BaseRecord<'_, [u8], [u8]> = BaseRecord::to(topic).partition(0);
        record.key = key;
        record.payload = value;
        producer.send(record).map_err(|(error, _)| error)?;
        Ok(producer.flush(LIMIT)?)
    }

    /// Copies all topics of prefix `from` to prefix `to`, each record as it is unless `keep` says
    /// otherwise. It is asked with the topic's name without the prefix.
    ///
    /// # Errors
    /// If Kafka refuses.
    pub fn copy(
        &self,
        from: &str,
        to: &str,
        mut keep: impl FnMut(&str, &BorrowedMessage<'_>) -> Result<bool>,
    ) -> Result<()> {
        let producer = self.producer()?;
        let mut kept = BTreeMap::new();
        for name in topic::topics(&self.bootstrap, &format!("{from}."))? {
            let short = &name[from.len() + 1..];
            let target = format!("{to}.{short}");
            self.create(&target, self.partitions(&name)?)?;
            topic::read(&self.bootstrap, &name, |message| {
                if !keep(short, message)? {
                    return Ok(());
                }
                *kept.entry(short.to_owned()).or_insert(0_u64) += 1;
                let record = as_it_is(&target, message);
                producer.send(record).map_err(|(error, _)| error)?;
                Ok(())
            })?;
        }
        producer.flush(LIMIT)?;
        ensure!(!kept.is_empty(), "there was nothing to copy from {from}");
        Ok(())
    }

    /// Writes all records of the topics of a prefix a second time, behind those that are there.
    ///
    /// # Errors
    /// If Kafka refuses.
    pub fn write_twice(&self, prefix: &str) -> Result<()> {
        let producer = self.producer()?;
        for name in topic::topics(&self.bootstrap, &format!("{prefix}."))? {
            let mut all = Vec::new();
            topic::read(&self.bootstrap, &name, |message| {
                all.push(message.detach());
                Ok(())
            })?;
            ensure!(!all.is_empty(), "there was nothing in {name}");
            for message in &all {
                let record = as_it_is(&name, message);
                producer.send(record).map_err(|(error, _)| error)?;
            }
        }
        Ok(producer.flush(LIMIT)?)
    }

    fn producer(&self) -> Result<ThreadedProducer<rdkafka::producer::DefaultProducerContext>> {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", &self.bootstrap)
            .set("enable.idempotence", "true");
        Ok(config.create()?)
    }
}

/// Returns a record that is like another one, for the same partition of `topic`.
fn as_it_is<'a>(
    topic: &'a str,
    message: &'a impl Message<Headers = impl Headers>,
) -> BaseRecord<'a, [u8], [u8]> {
    let mut record: BaseRecord<'_, [u8], [u8]> =
        BaseRecord::to(topic).partition(message.partition());
    record.key = message.key();
    record.payload = message.payload();
    record.headers = message.headers().map(|headers| {
        headers.iter().fold(OwnedHeaders::new(), |copy, header| {
            copy.insert(Header {
                key: header.key,
                value: header.value,
            })
        })
    });
    record
}
