//! Consuming: messages in batches from the one queue of a consumer.

use std::collections::VecDeque;
use std::ffi::{CStr, CString};
use std::ptr::{self, NonNull};
use std::sync::Arc;
use std::time::Duration;

use rdkafka_sys::bindings as sys;
use rdkafka_sys::bindings::rd_kafka_resp_err_t as Code;
use walbridge_connector_api::push_header;

use super::fault;
use super::handle::{Handle, millis};
use super::list::PartitionList;
use super::text::from_c;
use crate::client_config::{ClientConfig, Role};
use crate::error::{ErrorKind, KafkaError, Result};

/// How many messages are taken out of the queue at once.
const AT_ONCE: usize = 512;

/// What came out of a consumer's queue: a record, or an event about a partition.
pub(crate) struct Message(NonNull<sys::rd_kafka_message_t>);

// SAFETY: a message is memory that only its owner touches; librdkafka frees it from any thread.
unsafe impl Send for Message {}

impl std::fmt::Debug for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Message({}/{}@{})",
            self.topic(),
            self.partition(),
            self.offset()
        )
    }
}

impl Message {
    fn get(&self) -> &sys::rd_kafka_message_t {
        // SAFETY: the message is live as long as `self` and nobody writes to it.
        unsafe { self.0.as_ref() }
    }

    /// Returns the topic's name; empty for an event about no topic.
    pub(crate) fn topic(&self) -> &str {
        if self.get().rkt.is_null() {
            return "";
        }
        // SAFETY: the message keeps its topic alive, the topic keeps its name.
        let name = unsafe { CStr::from_ptr(sys::rd_kafka_topic_name(self.get().rkt)) };
        name.to_str().unwrap_or_default()
    }

    /// Returns a number that is the same for all messages of a topic held at the same time.
    pub(crate) fn topic_key(&self) -> usize {
        self.get().rkt as usize
    }

    pub(crate) fn partition(&self) -> i32 {
        self.get().partition
    }

    /// Returns the record's offset, or where the partition stands for an event.
    pub(crate) fn offset(&self) -> i64 {
        self.get().offset
    }

    /// Returns whether it says that the end of its partition has been reached.
    pub(crate) fn is_end(&self) -> bool {
        self.get().err == Code::RD_KAFKA_RESP_ERR__PARTITION_EOF
    }

    /// Returns whether it says that the position cannot be read.
    pub(crate) fn is_out_of_range(&self) -> bool {
        self.get().err == Code::RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET
    }

    /// Returns the error it stands for instead of a record.
    pub(crate) fn error(&self) -> Option<KafkaError> {
        let code = self.get().err;
        (code != Code::RD_KAFKA_RESP_ERR_NO_ERROR).then(|| {
            // SAFETY: the message is live; the text belongs to it.
            let text = unsafe { from_c(sys::rd_kafka_message_errstr(self.get())) };
            fault::of(code, Some(text))
        })
    }

    pub(crate) fn key(&self) -> Option<&[u8]> {
        // SAFETY: the message holds `key_len` bytes there as long as it lives.
        unsafe { bytes(self.get().key, self.get().key_len) }
    }

    pub(crate) fn value(&self) -> Option<&[u8]> {
        // SAFETY: the message holds `len` bytes there as long as it lives.
        unsafe { bytes(self.get().payload, self.get().len) }
    }

    pub(crate) fn timestamp(&self) -> i64 {
        let mut kind = sys::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
        // SAFETY: the message is live.
        unsafe { sys::rd_kafka_message_timestamp(self.get(), &mut kind) }
    }

    /// Appends the headers in the arena's form; returns whether there are any.
    pub(crate) fn append_headers(&self, arena: &mut Vec<u8>) -> bool {
        let mut list = ptr::null_mut();
        // SAFETY: the message is live and keeps its headers; `list` is written only on success.
        let code = unsafe { sys::rd_kafka_message_headers(self.get(), &mut list) };
        if code != Code::RD_KAFKA_RESP_ERR_NO_ERROR || list.is_null() {
            return false;
        }
        let mut index = 0;
        loop {
            let (mut name, mut value, mut len) = (ptr::null(), ptr::null(), 0);
            // SAFETY: the list is live; name and value stay valid as long as it.
            let code = unsafe {
                sys::rd_kafka_header_get_all(list, index, &mut name, &mut value, &mut len)
            };
            if code != Code::RD_KAFKA_RESP_ERR_NO_ERROR {
                return index > 0;
            }
            // SAFETY: as above; the value has `len` bytes, the name ends in NUL.
            let (name, value) = unsafe { (CStr::from_ptr(name), bytes(value.cast_mut(), len)) };
            push_header(arena, &name.to_string_lossy(), value);
            index += 1;
        }
    }
}

impl Drop for Message {
    fn drop(&mut self) {
        // SAFETY: the message is live and ours.
        unsafe { sys::rd_kafka_message_destroy(self.0.as_ptr()) };
    }
}

/// # Safety
/// `start` must be null or point to `len` bytes that live as long as the result.
unsafe fn bytes<'a>(start: *mut std::ffi::c_void, len: usize) -> Option<&'a [u8]> {
    // SAFETY: not null, and as long as the caller promises.
    (!start.is_null()).then(|| unsafe { std::slice::from_raw_parts(start.cast::<u8>(), len) })
}

/// A consumer whose partitions are assigned by hand.
#[derive(Debug)]
pub(crate) struct RawConsumer {
    queue: NonNull<sys::rd_kafka_queue_t>,
    slots: Vec<*mut sys::rd_kafka_message_t>,
    handle: Arc<Handle>,
}

// SAFETY: the queue is librdkafka's own object; the slots are empty outside of a call.
unsafe impl Send for RawConsumer {}

impl RawConsumer {
    pub(crate) fn new(config: &ClientConfig) -> Result<Self> {
        let handle = Arc::new(Handle::new(Role::Consumer, config)?);
        // SAFETY: the client is live; its own events go to the same queue from now on, so that one
        // call serves everything.
        let queue = unsafe {
            sys::rd_kafka_poll_set_consumer(handle.as_ptr());
            sys::rd_kafka_queue_get_consumer(handle.as_ptr())
        };
        let queue = NonNull::new(queue)
            .ok_or_else(|| KafkaError::new(ErrorKind::Config, "a consumer needs group.id"))?;
        Ok(Self {
            queue,
            slots: vec![ptr::null_mut(); AT_ONCE],
            handle,
        })
    }

    pub(crate) fn handle(&self) -> &Arc<Handle> {
        &self.handle
    }

    /// Appends what the queue holds, at most `most`; waits at most `wait` until it holds `most`.
    pub(crate) fn fetch(
        &mut self,
        wait: Duration,
        most: usize,
        out: &mut VecDeque<Message>,
    ) -> usize {
        let most = most.min(self.slots.len());
        // SAFETY: the queue is live and the array has room for `most` pointers.
        let count = unsafe {
            let slots = self.slots.as_mut_ptr();
            sys::rd_kafka_consume_batch_queue(self.queue.as_ptr(), millis(wait), slots, most)
        };
        let count = usize::try_from(count).unwrap_or(0);
        if count > 0 {
            self.handle.shared().outage.up();
        }
        out.extend(
            self.slots[..count]
                .iter()
                .filter_map(|slot| NonNull::new(*slot))
                .map(Message),
        );
        count
    }

    /// Returns the end of a partition as the last fetch from it told, without asking anybody.
    pub(crate) fn known_end(&self, topic: &str, partition: i32) -> Option<i64> {
        let topic = CString::new(topic).ok()?;
        let (mut low, mut high) = (-1, -1);
        // SAFETY: client and name are live; the two numbers are written before it returns.
        let code = unsafe {
            let client = self.handle.as_ptr();
            sys::rd_kafka_get_watermark_offsets(
                client,
                topic.as_ptr(),
                partition,
                &mut low,
                &mut high,
            )
        };
        (code == Code::RD_KAFKA_RESP_ERR_NO_ERROR && high >= 0).then_some(high)
    }

    /// Replaces what is read.
    pub(crate) fn assign(&self, partitions: &PartitionList) -> Result<()> {
        // SAFETY: client and list are live; the list is copied.
        fault::check_code(unsafe {
            sys::rd_kafka_assign(self.handle.as_ptr(), partitions.as_ptr())
        })
    }

    /// Reads these partitions too.
    pub(crate) fn assign_more(&self, partitions: &PartitionList) -> Result<()> {
        // SAFETY: client and list are live; the list is copied; the error is ours.
        unsafe {
            let client = self.handle.as_ptr();
            fault::check(sys::rd_kafka_incremental_assign(
                client,
                partitions.as_ptr(),
            ))
        }
    }

    /// Reads these partitions no more.
    pub(crate) fn unassign(&self, partitions: &PartitionList) -> Result<()> {
        // SAFETY: client and list are live; the list is copied; the error is ours.
        unsafe {
            let client = self.handle.as_ptr();
            fault::check(sys::rd_kafka_incremental_unassign(
                client,
                partitions.as_ptr(),
            ))
        }
    }

    pub(crate) fn pause(&self, partitions: &PartitionList) -> Result<()> {
        // SAFETY: client and list are live.
        fault::check_code(unsafe {
            sys::rd_kafka_pause_partitions(self.handle.as_ptr(), partitions.as_ptr())
        })?;
        partitions.first_error()
    }

    pub(crate) fn resume(&self, partitions: &PartitionList) -> Result<()> {
        // SAFETY: client and list are live.
        fault::check_code(unsafe {
            sys::rd_kafka_resume_partitions(self.handle.as_ptr(), partitions.as_ptr())
        })?;
        partitions.first_error()
    }

    pub(crate) fn seek(&self, partitions: &PartitionList, wait: Duration) -> Result<()> {
        // SAFETY: client and list are live; the error is ours.
        unsafe {
            let client = self.handle.as_ptr();
            fault::check(sys::rd_kafka_seek_partitions(
                client,
                partitions.as_ptr(),
                millis(wait),
            ))?;
        }
        partitions.first_error()
    }

    /// Commits offsets to the group; whether Kafka took them shows only in the log.
    pub(crate) fn commit(&self, partitions: &PartitionList) -> Result<()> {
        // SAFETY: client and list are live; the list is copied.
        fault::check_code(unsafe {
            sys::rd_kafka_commit(self.handle.as_ptr(), partitions.as_ptr(), 1)
        })
    }

    /// Commits offsets to the group and waits until Kafka has them.
    pub(crate) fn commit_now(&self, partitions: &PartitionList) -> Result<()> {
        // SAFETY: client and list are live.
        fault::check_code(unsafe {
            sys::rd_kafka_commit(self.handle.as_ptr(), partitions.as_ptr(), 0)
        })?;
        partitions.first_error()
    }

    /// Puts the offsets that the group has committed into the list; negative where it has none.
    pub(crate) fn committed(&self, partitions: &PartitionList, wait: Duration) -> Result<()> {
        // SAFETY: client and list are live.
        fault::check_code(unsafe {
            sys::rd_kafka_committed(self.handle.as_ptr(), partitions.as_ptr(), millis(wait))
        })?;
        partitions.first_error()
    }
}

impl Drop for RawConsumer {
    fn drop(&mut self) {
        // SAFETY: the queue is live and ours; the client, which is dropped later, keeps its own
        // reference.
        unsafe { sys::rd_kafka_queue_destroy(self.queue.as_ptr()) };
    }
}
