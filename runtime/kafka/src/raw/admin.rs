//! Requests about topics.

use std::ffi::CString;
use std::ptr::NonNull;
use std::time::Duration;

use rdkafka_sys::bindings as sys;
use walbridge_connector_api::TopicSpec;

use super::fault;
use super::handle::{Handle, millis};
use super::list::PartitionList;
use super::text::{ErrorText, from_c, to_c};
use crate::error::{ErrorKind, KafkaError, Result};
use crate::topic::TopicDescription;

/// One request on its way: its options and the queue its answer comes to.
pub(super) struct Request<'a> {
    handle: &'a Handle,
    options: NonNull<sys::rd_kafka_AdminOptions_t>,
    queue: NonNull<sys::rd_kafka_queue_t>,
    wait: Duration,
}

impl<'a> Request<'a> {
    pub(super) fn new(
        handle: &'a Handle,
        op: sys::rd_kafka_admin_op_t,
        wait: Duration,
    ) -> Result<Self> {
        let no_memory = || KafkaError::new(ErrorKind::Fatal, "no memory for a request");
        let mut text = ErrorText::new();
        // SAFETY: the client is live; what is allocated is owned by the request.
        unsafe {
            let options = NonNull::new(sys::rd_kafka_AdminOptions_new(handle.as_ptr(), op));
            let queue = NonNull::new(sys::rd_kafka_queue_new(handle.as_ptr()));
            let (options, queue) = options.zip(queue).ok_or_else(no_memory)?;
            let request = Self {
                handle,
                options,
                queue,
                wait,
            };
            fault::check_code(sys::rd_kafka_AdminOptions_set_request_timeout(
                request.options(),
                millis(wait),
                text.as_mut_ptr(),
                text.len(),
            ))?;
            Ok(request)
        }
    }

    pub(super) fn options(&self) -> *mut sys::rd_kafka_AdminOptions_t {
        self.options.as_ptr()
    }

    pub(super) fn queue(&self) -> *mut sys::rd_kafka_queue_t {
        self.queue.as_ptr()
    }

    /// Waits for the answer.
    pub(super) fn answer(&self, doing: &str) -> Result<Answer> {
        // The client answers in time by itself; the second on top only guards against it.
        let wait = self.wait + Duration::from_secs(1);
        // SAFETY: the queue is live.
        let event = unsafe { sys::rd_kafka_queue_poll(self.queue(), millis(wait)) };
        self.handle.serve(Duration::ZERO);
        let event = NonNull::new(event).ok_or_else(|| self.handle.shared().timed_out(doing))?;
        let answer = Answer(event);
        // SAFETY: the event is live, and so are its texts.
        let (code, text) = unsafe {
            let code = sys::rd_kafka_event_error(answer.event());
            (
                code,
                from_c(sys::rd_kafka_event_error_string(answer.event())),
            )
        };
        if let Err(plain) = fault::check_code(code) {
            return Err(match plain.is_retriable() {
                true => self.handle.shared().timed_out(doing),
                false => fault::of(code, Some(text)).while_doing(doing),
            });
        }
        Ok(answer)
    }
}

impl Drop for Request<'_> {
    fn drop(&mut self) {
        // SAFETY: both are live and ours.
        unsafe {
            sys::rd_kafka_AdminOptions_destroy(self.options());
            sys::rd_kafka_queue_destroy(self.queue());
        }
    }
}

/// The answer to a request.
pub(super) struct Answer(NonNull<sys::rd_kafka_event_t>);

impl Answer {
    pub(super) fn event(&self) -> *mut sys::rd_kafka_event_t {
        self.0.as_ptr()
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        // SAFETY: the event is live and ours.
        unsafe { sys::rd_kafka_event_destroy(self.event()) };
    }
}

/// Returns an array of an answer as a slice.
///
/// # Safety
/// `first` must point to `count` elements that live as long as the result, or `count` be 0.
pub(super) unsafe fn items<'a, T>(first: *const T, count: usize) -> &'a [T] {
    if first.is_null() || count == 0 {
        return &[];
    }
    // SAFETY: as the caller promises.
    unsafe { std::slice::from_raw_parts(first, count) }
}

impl Handle {
    /// Describes topics; those that do not exist are left out.
    pub(crate) fn describe(&self, names: &[&str], wait: Duration) -> Result<Vec<TopicDescription>> {
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let names = names
            .iter()
            .map(|n| to_c(n))
            .collect::<Result<Vec<CString>>>()?;
        let mut pointers: Vec<_> = names.iter().map(|n| n.as_ptr()).collect();
        let op = sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBETOPICS;
        let request = Request::new(self, op, wait)?;
        // SAFETY: client, names, options and queue are live; the collection is ours and copied.
        unsafe {
            let topics =
                sys::rd_kafka_TopicCollection_of_topic_names(pointers.as_mut_ptr(), pointers.len());
            let (options, queue) = (request.options(), request.queue());
            sys::rd_kafka_DescribeTopics(self.as_ptr(), topics, options, queue);
            sys::rd_kafka_TopicCollection_destroy(topics);
        }
        let answer = request.answer("describing topics")?;
        let mut found = Vec::with_capacity(names.len());
        // SAFETY: the event is live until `answer` is dropped and is of the kind that was asked for.
        unsafe {
            let result = sys::rd_kafka_event_DescribeTopics_result(answer.event());
            let mut count = 0;
            let topics = sys::rd_kafka_DescribeTopics_result_topics(result, &mut count);
            for topic in items(topics, count) {
                let name = from_c(sys::rd_kafka_TopicDescription_name(*topic));
                let code = sys::rd_kafka_error_code(sys::rd_kafka_TopicDescription_error(*topic));
                match fault::check_code(code) {
                    Err(error) if *error.kind() == ErrorKind::UnknownTopic => continue,
                    other => other.map_err(|e| e.while_doing(format!("topic {name}")))?,
                }
                let id = sys::rd_kafka_TopicDescription_topic_id(*topic);
                let mut partitions = 0;
                sys::rd_kafka_TopicDescription_partitions(*topic, &mut partitions);
                found.push(TopicDescription {
                    name,
                    id: from_c(sys::rd_kafka_Uuid_base64str(id)),
                    partitions: i32::try_from(partitions).unwrap_or(i32::MAX),
                    internal: sys::rd_kafka_TopicDescription_is_internal(*topic) != 0,
                });
            }
        }
        Ok(found)
    }

    /// Creates one topic.
    pub(crate) fn create(&self, spec: &TopicSpec, wait: Duration) -> Result<()> {
        let name = to_c(&spec.name)?;
        let mut text = ErrorText::new();
        // SAFETY: the name lives during the call.
        let topic = unsafe {
            sys::rd_kafka_NewTopic_new(
                name.as_ptr(),
                spec.partitions.unwrap_or(-1),
                spec.replication_factor.unwrap_or(-1),
                text.as_mut_ptr(),
                text.len(),
            )
        };
        if topic.is_null() {
            return Err(KafkaError::new(ErrorKind::Config, text.text()));
        }
        let topic = Owned(topic, sys::rd_kafka_NewTopic_destroy);
        for (key, value) in &spec.config {
            let (key, value) = (to_c(key)?, to_c(value)?);
            // SAFETY: the topic is live and copies both texts.
            fault::check_code(unsafe {
                sys::rd_kafka_NewTopic_set_config(topic.0, key.as_ptr(), value.as_ptr())
            })?;
        }
        let op = sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_CREATETOPICS;
        let request = Request::new(self, op, wait)?;
        // SAFETY: everything passed is live; the event is of the kind that was asked for.
        unsafe {
            let mut topics = [topic.0];
            let (options, queue) = (request.options(), request.queue());
            sys::rd_kafka_CreateTopics(self.as_ptr(), topics.as_mut_ptr(), 1, options, queue);
            let answer = request.answer("creating a topic")?;
            let mut count = 0;
            let result = sys::rd_kafka_event_CreateTopics_result(answer.event());
            check_topics(
                sys::rd_kafka_CreateTopics_result_topics(result, &mut count),
                count,
            )
        }
    }

    /// Raises the number of partitions of a topic.
    pub(crate) fn grow(&self, topic: &str, partitions: i32, wait: Duration) -> Result<()> {
        let name = to_c(topic)?;
        let mut text = ErrorText::new();
        let total = usize::try_from(partitions).unwrap_or(0);
        // SAFETY: the name lives during the call.
        let new = unsafe {
            let buffer = text.as_mut_ptr();
            sys::rd_kafka_NewPartitions_new(name.as_ptr(), total, buffer, text.len())
        };
        if new.is_null() {
            return Err(KafkaError::new(ErrorKind::Config, text.text()));
        }
        let new = Owned(new, sys::rd_kafka_NewPartitions_destroy);
        let op = sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_CREATEPARTITIONS;
        let request = Request::new(self, op, wait)?;
        // SAFETY: everything passed is live; the event is of the kind that was asked for.
        unsafe {
            let mut all = [new.0];
            let (options, queue) = (request.options(), request.queue());
            sys::rd_kafka_CreatePartitions(self.as_ptr(), all.as_mut_ptr(), 1, options, queue);
            let answer = request.answer("adding partitions")?;
            let mut count = 0;
            let result = sys::rd_kafka_event_CreatePartitions_result(answer.event());
            check_topics(
                sys::rd_kafka_CreatePartitions_result_topics(result, &mut count),
                count,
            )
        }
    }

    /// Deletes one topic.
    pub(crate) fn delete(&self, topic: &str, wait: Duration) -> Result<()> {
        let name = to_c(topic)?;
        // SAFETY: the name lives during the call.
        let gone = unsafe { sys::rd_kafka_DeleteTopic_new(name.as_ptr()) };
        let gone = Owned(gone, sys::rd_kafka_DeleteTopic_destroy);
        let op = sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DELETETOPICS;
        let request = Request::new(self, op, wait)?;
        // SAFETY: everything passed is live; the event is of the kind that was asked for.
        unsafe {
            let mut all = [gone.0];
            let (options, queue) = (request.options(), request.queue());
            sys::rd_kafka_DeleteTopics(self.as_ptr(), all.as_mut_ptr(), 1, options, queue);
            let answer = request.answer("deleting a topic")?;
            let mut count = 0;
            let result = sys::rd_kafka_event_DeleteTopics_result(answer.event());
            check_topics(
                sys::rd_kafka_DeleteTopics_result_topics(result, &mut count),
                count,
            )
        }
    }

    /// Deletes the records of a partition before an offset.
    pub(crate) fn delete_records(
        &self,
        topic: &str,
        partition: i32,
        before: i64,
        wait: Duration,
    ) -> Result<()> {
        let list = PartitionList::new([(topic, partition, before)])?;
        // SAFETY: the list is live and copied.
        let gone = unsafe { sys::rd_kafka_DeleteRecords_new(list.as_ptr()) };
        let gone = Owned(gone, sys::rd_kafka_DeleteRecords_destroy);
        let op = sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DELETERECORDS;
        let request = Request::new(self, op, wait)?;
        // SAFETY: everything passed is live; the event is of the kind that was asked for.
        unsafe {
            let mut all = [gone.0];
            let (options, queue) = (request.options(), request.queue());
            sys::rd_kafka_DeleteRecords(self.as_ptr(), all.as_mut_ptr(), 1, options, queue);
            let answer = request.answer("deleting records")?;
            let result = sys::rd_kafka_event_DeleteRecords_result(answer.event());
            let offsets = &*sys::rd_kafka_DeleteRecords_result_offsets(result);
            let count = usize::try_from(offsets.cnt).unwrap_or(0);
            for element in items(offsets.elems, count) {
                fault::check_code(element.err)?;
            }
        }
        Ok(())
    }
}

/// An object of librdkafka with the function that frees it.
pub(super) struct Owned<T>(pub(super) *mut T, pub(super) unsafe extern "C" fn(*mut T));

impl<T> Drop for Owned<T> {
    fn drop(&mut self) {
        if !self.0.is_null() {
            // SAFETY: the object is live and ours, and the function is the one for it.
            unsafe { (self.1)(self.0) };
        }
    }
}

/// # Safety
/// `topics` must point to `count` live results.
unsafe fn check_topics(
    topics: *mut *const sys::rd_kafka_topic_result_t,
    count: usize,
) -> Result<()> {
    // SAFETY: as the caller promises.
    let topics = unsafe { items(topics.cast_const(), count) };
    for topic in topics {
        // SAFETY: the result is live, and so are its texts.
        let (code, text, name) = unsafe {
            (
                sys::rd_kafka_topic_result_error(*topic),
                from_c(sys::rd_kafka_topic_result_error_string(*topic)),
                from_c(sys::rd_kafka_topic_result_name(*topic)),
            )
        };
        fault::check_code(code)
            .map_err(|_| fault::of(code, Some(text)).while_doing(format!("topic {name}")))?;
    }
    Ok(())
}
