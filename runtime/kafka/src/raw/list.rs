//! Lists of partitions in librdkafka's form.

use std::ptr::NonNull;

use rdkafka_sys::bindings as sys;

use super::fault;
use super::text::{from_c, to_c};
use crate::error::{ErrorKind, KafkaError, Result};

/// A list of partitions with offsets, freed when dropped.
#[derive(Debug)]
pub(crate) struct PartitionList(NonNull<sys::rd_kafka_topic_partition_list_t>);

impl PartitionList {
    /// Creates a list of these partitions and offsets.
    pub(crate) fn new<'a>(
        partitions: impl IntoIterator<Item = (&'a str, i32, i64)>,
    ) -> Result<Self> {
        // SAFETY: plain allocation.
        let list = unsafe { sys::rd_kafka_topic_partition_list_new(16) };
        let list = Self(NonNull::new(list).ok_or_else(|| {
            KafkaError::new(ErrorKind::Fatal, "no memory for a list of partitions")
        })?);
        for (topic, partition, offset) in partitions {
            let topic = to_c(topic)?;
            // SAFETY: the list is live; the returned element is valid until the next change.
            unsafe {
                let element = sys::rd_kafka_topic_partition_list_add(
                    list.as_ptr(),
                    topic.as_ptr(),
                    partition,
                );
                (*element).offset = offset;
            }
        }
        Ok(list)
    }

    pub(super) fn as_ptr(&self) -> *mut sys::rd_kafka_topic_partition_list_t {
        self.0.as_ptr()
    }

    fn elements(&self) -> &[sys::rd_kafka_topic_partition_t] {
        // SAFETY: the list is live and `elems` holds `cnt` elements.
        unsafe {
            let list = self.0.as_ref();
            let count = usize::try_from(list.cnt).unwrap_or(0);
            if count == 0 {
                &[][..]
            } else {
                std::slice::from_raw_parts(list.elems, count)
            }
        }
    }

    /// Returns the offsets in the order of the list.
    pub(crate) fn offsets(&self) -> Vec<i64> {
        self.elements().iter().map(|one| one.offset).collect()
    }

    /// Returns the first error that librdkafka has left at an element.
    pub(crate) fn first_error(&self) -> Result<()> {
        for element in self.elements() {
            fault::check_code(element.err).map_err(|error| {
                // SAFETY: the element's topic is a text that the list owns.
                let topic = unsafe { from_c(element.topic) };
                error.while_doing(format!("topic {topic} partition {}", element.partition))
            })?;
        }
        Ok(())
    }
}

impl Drop for PartitionList {
    fn drop(&mut self) {
        // SAFETY: the list is live and ours.
        unsafe { sys::rd_kafka_topic_partition_list_destroy(self.as_ptr()) };
    }
}
