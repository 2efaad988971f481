//! Producing: records in batches, and the calls of a transaction.

use std::ffi::c_void;
use std::ptr::{self, NonNull};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rdkafka_sys::bindings as sys;
use rdkafka_sys::bindings::rd_kafka_resp_err_t as Code;
use rdkafka_sys::bindings::rd_kafka_vtype_t as Tag;
use walbridge_connector_api::Headers;

use super::fault;
use super::handle::{Handle, millis};
use super::list::PartitionList;
use super::state::RECORD_OVERHEAD;
use super::text::to_c;
use crate::client_config::{ClientConfig, Role};
use crate::error::{ErrorKind, KafkaError, Result};

/// Copy the bytes, and take the partition of each record from the record.
const FLAGS: i32 = 0x2 | 0x8;

/// A record on its way to librdkafka.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Outgoing<'a> {
    pub(crate) partition: i32,
    pub(crate) timestamp: i64,
    pub(crate) key: Option<&'a [u8]>,
    pub(crate) value: Option<&'a [u8]>,
}

impl Outgoing<'_> {
    /// Returns what the record counts in librdkafka's queue.
    pub(crate) fn cost(&self) -> usize {
        self.key.map_or(0, <[u8]>::len) + self.value.map_or(0, <[u8]>::len) + RECORD_OVERHEAD
    }
}

/// A producer with its topics.
#[derive(Debug)]
pub(crate) struct RawProducer {
    // Dropped before the client, which the topics need.
    topics: Vec<Topic>,
    scratch: Vec<sys::rd_kafka_message_t>,
    handle: Arc<Handle>,
}

// SAFETY: the topics are librdkafka's own objects, usable from any thread; the scratch memory is empty
// outside of a call.
unsafe impl Send for RawProducer {}

#[derive(Debug)]
struct Topic {
    name: String,
    topic: NonNull<sys::rd_kafka_topic_t>,
}

impl Drop for Topic {
    fn drop(&mut self) {
        // SAFETY: the topic is live and ours; its client is dropped later.
        unsafe { sys::rd_kafka_topic_destroy(self.topic.as_ptr()) };
    }
}

impl RawProducer {
    pub(crate) fn new(config: &ClientConfig) -> Result<Self> {
        let handle = Arc::new(Handle::new(Role::Producer, config)?);
        Ok(Self {
            topics: Vec::new(),
            scratch: Vec::new(),
            handle,
        })
    }

    pub(crate) fn handle(&self) -> &Arc<Handle> {
        &self.handle
    }

    /// Returns the index of a topic, making it known to the client.
    pub(crate) fn topic(&mut self, name: &str) -> Result<usize> {
        if let Some(found) = self.topics.iter().position(|t| t.name == name) {
            return Ok(found);
        }
        let c_name = to_c(name)?;
        // SAFETY: client and name are live; a null configuration means the client's defaults.
        let topic = unsafe {
            sys::rd_kafka_topic_new(self.handle.as_ptr(), c_name.as_ptr(), ptr::null_mut())
        };
        let topic = NonNull::new(topic).ok_or_else(|| {
            KafkaError::new(ErrorKind::Config, format!("{name:?} is not a topic's name"))
        })?;
        self.topics.push(Topic {
            name: name.to_owned(),
            topic,
        });
        Ok(self.topics.len() - 1)
    }

    /// Asks the cluster how many partitions a topic has.
    pub(crate) fn partitions(&self, topic: usize, wait: Duration) -> Result<i32> {
        let Topic { name, topic } = &self.topics[topic];
        let mut found = ptr::null();
        // SAFETY: client and topic are live, and `found` is written only on success.
        fault::check_code(unsafe {
            let client = self.handle.as_ptr();
            sys::rd_kafka_metadata(client, 0, topic.as_ptr(), &mut found, millis(wait))
        })
        .map_err(|error| error.while_doing(format!("asking for topic {name}")))?;
        // SAFETY: the metadata is live until destroyed below; one topic was asked for.
        let (code, count) = unsafe {
            let answer = match (*found).topic_cnt {
                0 => (Code::RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC, 0),
                _ => ((*(*found).topics).err, (*(*found).topics).partition_cnt),
            };
            sys::rd_kafka_metadata_destroy(found);
            answer
        };
        fault::check_code(code).map_err(|error| error.while_doing(format!("topic {name}")))?;
        Ok(count)
    }

    /// Hands over records of one topic that have neither headers nor timestamps; returns how many were
    /// taken, which are fewer than all only when the queue is full. A `group` that is not 0 counts them.
    pub(crate) fn produce(
        &mut self,
        topic: usize,
        records: &[Outgoing<'_>],
        group: usize,
    ) -> Result<usize> {
        self.scratch.clear();
        self.scratch
            .extend(records.iter().map(|record| sys::rd_kafka_message_t {
                err: Code::RD_KAFKA_RESP_ERR_NO_ERROR,
                rkt: ptr::null_mut(),
                partition: record.partition,
                payload: pointer(record.value),
                len: record.value.map_or(0, <[u8]>::len),
                key: pointer(record.key),
                key_len: record.key.map_or(0, <[u8]>::len),
                offset: 0,
                // Comes back with the report of the record.
                _private: ptr::without_provenance_mut(group),
            }));
        let cost: usize = records.iter().map(Outgoing::cost).sum();
        let in_flight = &self.handle.shared().in_flight;
        in_flight.fetch_add(cost, Ordering::Relaxed);
        self.handle.shared().sending(group, records.len());
        let count = i32::try_from(records.len()).unwrap_or(i32::MAX);
        let topic = &self.topics[topic];
        // SAFETY: the topic is live; the messages point to bytes that outlive the call, which copies
        // them; the array holds `count` messages.
        let taken = unsafe {
            let messages = self.scratch.as_mut_ptr();
            sys::rd_kafka_produce_batch(topic.topic.as_ptr(), -1, FLAGS, messages, count)
        };
        let taken = usize::try_from(taken).unwrap_or(0);
        if taken == records.len() {
            return Ok(taken);
        }
        let refused = |m: &sys::rd_kafka_message_t| m.err != Code::RD_KAFKA_RESP_ERR_NO_ERROR;
        let lost: usize = (self.scratch.iter().zip(records))
            .filter(|(message, _)| refused(message))
            .map(|(_, record)| record.cost())
            .sum();
        in_flight.fetch_sub(lost, Ordering::Relaxed);
        self.handle.shared().settled(group, records.len() - taken);
        match self.scratch.iter().find(|m| refused(m)) {
            Some(m) if m.err != Code::RD_KAFKA_RESP_ERR__QUEUE_FULL => Err(fault::of(m.err, None)
                .while_doing(format!("topic {} partition {}", topic.name, m.partition))),
            _ => Ok(taken),
        }
    }

    /// Hands over one record with its timestamp and headers; returns whether it was taken.
    pub(crate) fn produce_one(
        &mut self,
        topic: usize,
        record: &Outgoing<'_>,
        headers: Headers<'_>,
        group: usize,
    ) -> Result<bool> {
        let topic = &self.topics[topic];
        let list = HeaderList::new(headers)?;
        let mut fields = [vu(Tag::RD_KAFKA_VTYPE_END); 8];
        fields[0] = vu(Tag::RD_KAFKA_VTYPE_RKT);
        fields[0].u.rkt = topic.topic.as_ptr();
        fields[1] = vu(Tag::RD_KAFKA_VTYPE_PARTITION);
        fields[1].u.i32_ = record.partition;
        fields[2] = vu(Tag::RD_KAFKA_VTYPE_MSGFLAGS);
        fields[2].u.i = 0x2;
        fields[3] = vu(Tag::RD_KAFKA_VTYPE_KEY);
        fields[3].u.mem = memory(record.key);
        fields[4] = vu(Tag::RD_KAFKA_VTYPE_VALUE);
        fields[4].u.mem = memory(record.value);
        fields[5] = vu(Tag::RD_KAFKA_VTYPE_TIMESTAMP);
        fields[5].u.i64_ = if record.timestamp < 0 {
            0
        } else {
            record.timestamp
        };
        fields[6] = vu(Tag::RD_KAFKA_VTYPE_OPAQUE);
        fields[6].u.ptr = ptr::without_provenance_mut(group);
        let mut count = 7;
        if let Some(list) = &list {
            fields[7] = vu(Tag::RD_KAFKA_VTYPE_HEADERS);
            fields[7].u.headers = list.0.as_ptr();
            count = 8;
        }
        let in_flight = &self.handle.shared().in_flight;
        in_flight.fetch_add(record.cost(), Ordering::Relaxed);
        self.handle.shared().sending(group, 1);
        // SAFETY: client, topic, bytes and headers outlive the call; the bytes are copied, the headers
        // are taken over if and only if the call succeeds.
        let outcome = unsafe {
            let error = sys::rd_kafka_produceva(self.handle.as_ptr(), fields.as_ptr(), count);
            let full = !error.is_null()
                && sys::rd_kafka_error_code(error) == Code::RD_KAFKA_RESP_ERR__QUEUE_FULL;
            (fault::check(error), full)
        };
        match outcome {
            (Ok(()), _) => {
                std::mem::forget(list);
                Ok(true)
            }
            (Err(error), full) => {
                in_flight.fetch_sub(record.cost(), Ordering::Relaxed);
                self.handle.shared().settled(group, 1);
                let to = format!("topic {} partition {}", topic.name, record.partition);
                if full {
                    Ok(false)
                } else {
                    Err(error.while_doing(to))
                }
            }
        }
    }
}

/// The calls of a transaction; each blocks at most as long as it is told.
impl Handle {
    pub(crate) fn init_transactions(&self, wait: Duration) -> Result<()> {
        // SAFETY: the client is live; the error is ours.
        unsafe { fault::check(sys::rd_kafka_init_transactions(self.as_ptr(), millis(wait))) }
    }

    pub(crate) fn begin_transaction(&self) -> Result<()> {
        // SAFETY: the client is live; the error is ours.
        unsafe { fault::check(sys::rd_kafka_begin_transaction(self.as_ptr())) }
    }

    /// Makes the offsets of a consumer group, which has no members, part of the transaction.
    pub(crate) fn send_offsets(
        &self,
        group: &str,
        offsets: &PartitionList,
        wait: Duration,
    ) -> Result<()> {
        let group = to_c(group)?;
        // SAFETY: client, list and name are live; what is made of the name is ours and freed once the call,
        // which copies it, is over; the error is ours.
        unsafe {
            let metadata = sys::rd_kafka_consumer_group_metadata_new(group.as_ptr());
            let error = sys::rd_kafka_send_offsets_to_transaction(
                self.as_ptr(),
                offsets.as_ptr(),
                metadata,
                millis(wait),
            );
            sys::rd_kafka_consumer_group_metadata_destroy(metadata);
            fault::check(error)
        }
    }

    pub(crate) fn commit_transaction(&self, wait: Duration) -> Result<()> {
        // SAFETY: the client is live; the error is ours.
        unsafe {
            fault::check(sys::rd_kafka_commit_transaction(
                self.as_ptr(),
                millis(wait),
            ))
        }
    }

    pub(crate) fn abort_transaction(&self, wait: Duration) -> Result<()> {
        // SAFETY: the client is live; the error is ours.
        unsafe { fault::check(sys::rd_kafka_abort_transaction(self.as_ptr(), millis(wait))) }
    }

    pub(crate) fn flush(&self, wait: Duration) -> Result<()> {
        // SAFETY: the client is live.
        fault::check_code(unsafe { sys::rd_kafka_flush(self.as_ptr(), millis(wait)) })
    }

    /// Throws away everything not yet written, in the queue and in flight.
    pub(crate) fn purge(&self) {
        // SAFETY: the client is live.
        unsafe { sys::rd_kafka_purge(self.as_ptr(), 0x1 | 0x2) };
    }
}

/// Headers in librdkafka's form.
struct HeaderList(NonNull<sys::rd_kafka_headers_t>);

impl HeaderList {
    fn new(headers: Headers<'_>) -> Result<Option<Self>> {
        let count = headers.clone().count();
        if count == 0 {
            return Ok(None);
        }
        let no_memory = || KafkaError::new(ErrorKind::Fatal, "no memory for headers");
        // SAFETY: plain allocation.
        let list = unsafe { sys::rd_kafka_headers_new(count) };
        let list = Self(NonNull::new(list).ok_or_else(no_memory)?);
        for header in headers {
            let value = pointer(header.value);
            // SAFETY: the list is live; name and value are copied with the lengths given.
            let code = unsafe {
                sys::rd_kafka_header_add(
                    list.0.as_ptr(),
                    header.name.as_ptr().cast(),
                    header.name.len().cast_signed(),
                    value,
                    header.value.map_or(0, <[u8]>::len).cast_signed(),
                )
            };
            fault::check_code(code)?;
        }
        Ok(Some(list))
    }
}

impl Drop for HeaderList {
    fn drop(&mut self) {
        // SAFETY: the list is live and was not taken over.
        unsafe { sys::rd_kafka_headers_destroy(self.0.as_ptr()) };
    }
}

fn pointer(bytes: Option<&[u8]>) -> *mut c_void {
    // Empty bytes have a pointer, which is what tells them from a null.
    bytes.map_or(ptr::null_mut(), |b| b.as_ptr().cast_mut().cast())
}

fn memory(bytes: Option<&[u8]>) -> sys::rd_kafka_vu_s__bindgen_ty_1__bindgen_ty_1 {
    sys::rd_kafka_vu_s__bindgen_ty_1__bindgen_ty_1 {
        ptr: pointer(bytes),
        size: bytes.map_or(0, <[u8]>::len),
    }
}

fn vu(vtype: Tag) -> sys::rd_kafka_vu_t {
    sys::rd_kafka_vu_t {
        vtype,
        u: sys::rd_kafka_vu_s__bindgen_ty_1 { _pad: [0; 64] },
    }
}
