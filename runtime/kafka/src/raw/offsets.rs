//! Asking for the first and the last offsets of many partitions at once.

use std::time::Duration;

use rdkafka_sys::bindings as sys;

use super::admin::Request;
use super::handle::Handle;
use super::list::PartitionList;
use super::text::from_c;
use super::{admin, fault};
use crate::error::Result;

/// Which offset of a partition is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OffsetSpec {
    /// The first that can be read.
    First,
    /// The one that the next record will have.
    End,
}

/// Whether records of open transactions count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Isolation {
    /// The end is the end of the log.
    Uncommitted,
    /// The end is where the first open transaction begins.
    Committed,
}

impl Handle {
    /// Returns the asked offset of every partition, in any order.
    pub(crate) fn list_offsets(
        &self,
        partitions: &[(&str, i32)],
        spec: OffsetSpec,
        isolation: Isolation,
        wait: Duration,
    ) -> Result<Vec<(String, i32, i64)>> {
        if partitions.is_empty() {
            return Ok(Vec::new());
        }
        let spec = match spec {
            OffsetSpec::First => sys::rd_kafka_OffsetSpec_t::RD_KAFKA_OFFSET_SPEC_EARLIEST as i64,
            OffsetSpec::End => sys::rd_kafka_OffsetSpec_t::RD_KAFKA_OFFSET_SPEC_LATEST as i64,
        };
        let list = PartitionList::new(partitions.iter().map(|(t, p)| (*t, *p, spec)))?;
        let op = sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_LISTOFFSETS;
        let request = Request::new(self, op, wait)?;
        let level = match isolation {
            Isolation::Uncommitted => {
                sys::rd_kafka_IsolationLevel_t::RD_KAFKA_ISOLATION_LEVEL_READ_UNCOMMITTED
            }
            Isolation::Committed => {
                sys::rd_kafka_IsolationLevel_t::RD_KAFKA_ISOLATION_LEVEL_READ_COMMITTED
            }
        };
        // SAFETY: client, list, options and queue are live; the error is ours.
        unsafe {
            fault::check(sys::rd_kafka_AdminOptions_set_isolation_level(
                request.options(),
                level,
            ))?;
            let (client, options, queue) = (self.as_ptr(), request.options(), request.queue());
            sys::rd_kafka_ListOffsets(client, list.as_ptr(), options, queue);
        }
        let answer = request.answer("asking for offsets")?;
        let mut found = Vec::with_capacity(partitions.len());
        // SAFETY: the event is live until `answer` is dropped and is of the kind that was asked for.
        unsafe {
            let result = sys::rd_kafka_event_ListOffsets_result(answer.event());
            let mut count = 0;
            let infos = sys::rd_kafka_ListOffsets_result_infos(result, &mut count);
            for info in admin::items(infos, count) {
                let partition = &*sys::rd_kafka_ListOffsetsResultInfo_topic_partition(*info);
                let topic = from_c(partition.topic);
                fault::check_code(partition.err).map_err(|error| {
                    error.while_doing(format!("topic {topic} partition {}", partition.partition))
                })?;
                found.push((topic, partition.partition, partition.offset));
            }
        }
        Ok(found)
    }
}
