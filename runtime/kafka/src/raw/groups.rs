//! Requests about the offsets of consumer groups.

use std::time::Duration;

use rdkafka_sys::bindings as sys;

use super::admin::{Answer, Owned, Request, items};
use super::fault;
use super::handle::Handle;
use super::list::PartitionList;
use super::text::{from_c, to_c};
use crate::error::Result;

/// What a group has committed: topic, partition, offset.
type Committed = Vec<(String, i32, i64)>;

impl Handle {
    /// Returns everything that a group has committed; nothing if there is no such group.
    pub(crate) fn group_offsets(&self, group: &str, wait: Duration) -> Result<Committed> {
        let name = to_c(group)?;
        let op = sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPOFFSETS;
        let request = Request::new(self, op, wait)?;
        // SAFETY: the name lives during the calls, no list asks for all partitions; the array is
        // copied, and what is in it is ours.
        unsafe {
            let about = sys::rd_kafka_ListConsumerGroupOffsets_new(name.as_ptr(), std::ptr::null());
            let about = Owned(about, sys::rd_kafka_ListConsumerGroupOffsets_destroy);
            let (mut all, options, queue) = ([about.0], request.options(), request.queue());
            sys::rd_kafka_ListConsumerGroupOffsets(
                self.as_ptr(),
                all.as_mut_ptr(),
                1,
                options,
                queue,
            );
        }
        let answer = request.answer("asking for a group's offsets")?;
        // SAFETY: the event is live and of the kind that was asked for.
        unsafe {
            let result = sys::rd_kafka_event_ListConsumerGroupOffsets_result(answer.event());
            let mut count = 0;
            let groups = sys::rd_kafka_ListConsumerGroupOffsets_result_groups(result, &mut count);
            outcome(&answer, groups, count)
        }
    }

    /// Commits these offsets for a group that has no members.
    pub(crate) fn set_group_offsets(
        &self,
        group: &str,
        offsets: &[(&str, i32, i64)],
        wait: Duration,
    ) -> Result<()> {
        let (name, list) = (to_c(group)?, PartitionList::new(offsets.iter().copied())?);
        let op = sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_ALTERCONSUMERGROUPOFFSETS;
        let request = Request::new(self, op, wait)?;
        // SAFETY: name and list live during the calls and are copied; what is made is ours.
        unsafe {
            let about = sys::rd_kafka_AlterConsumerGroupOffsets_new(name.as_ptr(), list.as_ptr());
            let about = Owned(about, sys::rd_kafka_AlterConsumerGroupOffsets_destroy);
            let (mut all, options, queue) = ([about.0], request.options(), request.queue());
            sys::rd_kafka_AlterConsumerGroupOffsets(
                self.as_ptr(),
                all.as_mut_ptr(),
                1,
                options,
                queue,
            );
        }
        let answer = request.answer("changing a group's offsets")?;
        // SAFETY: the event is live and of the kind that was asked for.
        unsafe {
            let result = sys::rd_kafka_event_AlterConsumerGroupOffsets_result(answer.event());
            let mut count = 0;
            let groups = sys::rd_kafka_AlterConsumerGroupOffsets_result_groups(result, &mut count);
            outcome(&answer, groups, count).map(drop)
        }
    }

    /// Takes away what a group without members has committed for these partitions.
    pub(crate) fn forget_group_offsets(
        &self,
        group: &str,
        partitions: &[(&str, i32)],
        wait: Duration,
    ) -> Result<()> {
        let list = partitions
            .iter()
            .map(|(topic, partition)| (*topic, *partition, -1));
        let (name, list) = (to_c(group)?, PartitionList::new(list)?);
        let op = sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DELETECONSUMERGROUPOFFSETS;
        let request = Request::new(self, op, wait)?;
        // SAFETY: name and list live during the calls and are copied; what is made is ours.
        unsafe {
            let about = sys::rd_kafka_DeleteConsumerGroupOffsets_new(name.as_ptr(), list.as_ptr());
            let about = Owned(about, sys::rd_kafka_DeleteConsumerGroupOffsets_destroy);
            let (mut all, options, queue) = ([about.0], request.options(), request.queue());
            sys::rd_kafka_DeleteConsumerGroupOffsets(
                self.as_ptr(),
                all.as_mut_ptr(),
                1,
                options,
                queue,
            );
        }
        let answer = request.answer("deleting a group's offsets")?;
        // SAFETY: the event is live and of the kind that was asked for.
        unsafe {
            let result = sys::rd_kafka_event_DeleteConsumerGroupOffsets_result(answer.event());
            let mut count = 0;
            let groups = sys::rd_kafka_DeleteConsumerGroupOffsets_result_groups(result, &mut count);
            outcome(&answer, groups, count).map(drop)
        }
    }
}

/// Returns what an answer says of the one group that was asked about.
///
/// # Safety
/// `groups` must point to `count` results of `answer`.
unsafe fn outcome(
    _answer: &Answer,
    groups: *mut *const sys::rd_kafka_group_result_t,
    count: usize,
) -> Result<Committed> {
    let mut found = Vec::new();
    // SAFETY: as the caller promises; errors and lists belong to the results, and lists hold `cnt`
    // elements.
    unsafe {
        for group in items(groups.cast_const(), count) {
            let error = sys::rd_kafka_group_result_error(*group);
            if !error.is_null() {
                let code = sys::rd_kafka_error_code(error);
                let text = from_c(sys::rd_kafka_error_string(error));
                return Err(fault::of(code, Some(text)));
            }
            let Some(list) = sys::rd_kafka_group_result_partitions(*group).as_ref() else {
                continue;
            };
            let elements = items(
                list.elems.cast_const(),
                usize::try_from(list.cnt).unwrap_or(0),
            );
            for element in elements {
                let topic = from_c(element.topic);
                fault::check_code(element.err).map_err(|error| {
                    error.while_doing(format!("topic {topic} partition {}", element.partition))
                })?;
                if element.offset >= 0 {
                    found.push((topic, element.partition, element.offset));
                }
            }
        }
    }
    Ok(found)
}
