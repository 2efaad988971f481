//! Offsets, partitions and what a sink answers.

use serde_json::{Map, Value};
use walbridge_connector_api::{
    Applied, OffsetEntry, PartitionInfo, StartAt, TopicPartition, TopicSpec,
};

use super::{Malformed, Reader, Result, Wire, fields, put_bytes};

fields! {
    OffsetEntry { partition, offset }
    TopicPartition { topic, partition }
    PartitionInfo { partition, topic_id, first, end }
    TopicSpec { name, partitions, replication_factor, config }
    Applied { offsets, pending }
}

/// A map is the text that Kafka Connect stores.
impl Wire for Map<String, Value> {
    fn write(&self, out: &mut Vec<u8>) {
        // A map with text keys always has a text; there is no error to tell of.
        put_bytes(out, &serde_json::to_vec(self).unwrap_or_default());
    }

    fn read(from: &mut Reader<'_>) -> Result<Self> {
        serde_json::from_slice(from.bytes()?).map_err(|_| Malformed("an offset is no JSON object"))
    }
}

impl Wire for StartAt {
    fn write(&self, out: &mut Vec<u8>) {
        let offset = match self {
            Self::Beginning => None,
            Self::Offset(offset) => Some(*offset),
        };
        offset.write(out);
    }

    fn read(from: &mut Reader<'_>) -> Result<Self> {
        let offset = Option::<i64>::read(from)?;
        Ok(offset.map_or(Self::Beginning, Self::Offset))
    }
}
