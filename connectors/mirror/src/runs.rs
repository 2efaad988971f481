//! Records of a batch, partition by partition: what is known of one is looked up once for all of them.

use walbridge_connector_api::{Batch, Partition};

/// Records of one partition in a batch, one after another.
pub(crate) struct Run {
    pub(crate) topic: u32,
    pub(crate) partition: i32,
    /// The last one's offset.
    pub(crate) offset: i64,
    /// When the last one was written, in milliseconds since 1970.
    pub(crate) written: i64,
    pub(crate) records: u64,
    /// Bytes of values.
    pub(crate) bytes: u64,
}

/// Finds the runs of a batch, in its order.
pub(crate) fn find(batch: &Batch) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for record in batch.records() {
        let Partition::Fixed(partition) = record.partition else {
            continue;
        };
        let bytes = batch.bytes(record.value).map_or(0, <[u8]>::len) as u64;
        match runs.last_mut() {
            Some(run) if run.topic == record.topic && run.partition == partition => {
                (run.offset, run.written) = (record.offset, record.timestamp);
                run.records += 1;
                run.bytes += bytes;
            }
            _ => runs.push(Run {
                topic: record.topic,
                partition,
                offset: record.offset,
                written: record.timestamp,
                records: 1,
                bytes,
            }),
        }
    }
    runs
}
