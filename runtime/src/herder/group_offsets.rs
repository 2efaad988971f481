//! The offsets of sinks of records: they are their consumer group's.

use std::collections::HashMap;

use serde_json::Value;
use walbridge_connector_api::{Form, SourceOffset, SourcePartition, TopicPartition};
use walbridge_kafka::{Admin, ClientConfig};

use super::{OffsetChange, Outcome, Refusal};
use crate::clients;
use crate::connector::load_task;
use crate::worker::Shared;

/// A sink's consumer group.
pub(crate) struct Group {
    name: String,
    client: ClientConfig,
}

/// Returns the consumer group of a sink whose position that is; `None` if it keeps its position itself.
///
/// # Errors
/// If its configuration cannot be used.
pub(crate) fn group_of(shared: &Shared, name: &str) -> Result<Option<Group>, Refusal> {
    let entry = shared.configs().get(name).cloned().unwrap_or_default();
    let refuse = |error: walbridge_connector_api::ConnectorError| {
        Refusal::new(400, format!("Connector {name}: {error}"))
    };
    let loaded = load_task(&shared.catalog, &shared.resolver, &entry.config).map_err(refuse)?;
    if loaded.connector.form() != Form::Records {
        return Ok(None);
    }
    let client = clients::consumer(&shared.config, &loaded.settings, name, name).map_err(refuse)?;
    let group = client.native().get("group.id").cloned();
    Ok(group.map(|name| Group { name, client }))
}

impl Group {
    /// Returns what it has committed: topic, partition, offset.
    ///
    /// # Errors
    /// If Kafka is out of reach.
    pub(crate) fn committed(&self) -> Result<Vec<(String, i32, i64)>, Refusal> {
        let failed = |error| Refusal::new(500, format!("Could not read the offsets: {error}"));
        let all = self.all().map_err(failed)?.into_iter();
        Ok(all
            .map(|(at, offset)| (at.topic.to_string(), at.partition, offset))
            .collect())
    }

    fn all(&self) -> walbridge_kafka::Result<Vec<(TopicPartition, i64)>> {
        Admin::new(&self.client)?.group_offsets(&self.name)
    }

    fn change(&self, offsets: &[(TopicPartition, Option<i64>)]) -> walbridge_kafka::Result<()> {
        Admin::new(&self.client)?.change_group_offsets(&self.name, offsets)
    }
}

/// Changes what a sink's group has committed.
pub(super) fn change_group(group: &Group, change: &OffsetChange) -> Outcome {
    let failed = |error| Refusal::new(500, format!("Could not write the offsets: {error}"));
    let offsets: Vec<(TopicPartition, Option<i64>)> = match change {
        OffsetChange::Alter(entries) => {
            let read = |(partition, offset): &(_, Option<_>)| read(partition, offset.as_ref());
            // One that comes again counts as it comes last, as in Kafka Connect.
            let read: Result<HashMap<_, _>, String> = entries.iter().map(read).collect();
            let read = read.map_err(|message| Refusal::new(400, message))?;
            read.into_iter().collect()
        }
        OffsetChange::Reset => {
            let all = group.all().map_err(failed)?.into_iter();
            all.map(|(at, _)| (at, None)).collect()
        }
    };
    group.change(&offsets).map_err(failed)?;
    Ok(false)
}

/// Reads one entry of a request in Kafka Connect's form for sinks; numbers may be texts.
fn read(
    partition: &SourcePartition,
    offset: Option<&SourceOffset>,
) -> Result<(TopicPartition, Option<i64>), String> {
    let (topic, number) = partition
        .get("kafka_topic")
        .zip(partition.get("kafka_partition"))
        .ok_or(
            "The partition for a sink connector offset must contain the keys 'kafka_topic' and \
             'kafka_partition'",
        )?;
    if matches!(topic, Value::Null | Value::Array(_) | Value::Object(_)) {
        return Err("Kafka topic names must be valid strings and may not be null".to_owned());
    }
    if number.is_null() {
        return Err("Kafka partitions must be valid numbers and may not be null".to_owned());
    }
    let number = text(number);
    let partition: i32 = number.parse().map_err(|_| {
        format!(
            "Failed to parse the following Kafka partition value in the provided offsets: '{number}'. \
             Partition values for sink connectors need to be integers."
        )
    })?;
    let topic = text(topic).into();
    let Some(offset) = offset else {
        return Ok((TopicPartition { topic, partition }, None));
    };
    let number = offset.get("kafka_offset").map(text).ok_or(
        "The offset for a sink connector should either be null or contain the key 'kafka_offset'",
    )?;
    let offset: i64 = number.parse().map_err(|_| {
        format!(
            "Failed to parse the following Kafka offset value in the provided offsets: '{number}'. \
             Offset values for sink connectors need to be integers."
        )
    })?;
    if partition < 0 || offset < 0 {
        return Err("Partitions and offsets of topics are not negative".to_owned());
    }
    Ok((TopicPartition { topic, partition }, Some(offset)))
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
