//! A client of librdkafka, freed when dropped.

use std::ffi::c_void;
use std::ptr::NonNull;
use std::sync::Arc;
use std::time::Duration;

use rdkafka_sys::bindings as sys;

use super::state::Shared;
use super::text::{ErrorText, from_c, to_c};
use super::{callbacks, fault};
use crate::client_config::{ClientConfig, Role};
use crate::error::{ErrorKind, KafkaError, Result};

/// A client of librdkafka and the state it shares with its callbacks.
#[derive(Debug)]
pub(crate) struct Handle {
    client: NonNull<sys::rd_kafka_t>,
    role: Role,
    shared: Arc<Shared>,
}

// SAFETY: librdkafka's clients may be used from any thread and from several at once.
unsafe impl Send for Handle {}
// SAFETY: as above; `Shared` synchronises itself.
unsafe impl Sync for Handle {}

impl Handle {
    /// Starts a client.
    pub(crate) fn new(role: Role, config: &ClientConfig) -> Result<Self> {
        super::leaders::keep();
        let shared = Arc::new(Shared::of(config.servers()));
        let kind = match role {
            Role::Consumer => sys::rd_kafka_type_t::RD_KAFKA_CONSUMER,
            Role::Producer | Role::Common => sys::rd_kafka_type_t::RD_KAFKA_PRODUCER,
        };
        let mut text = ErrorText::new();
        // SAFETY: the configuration is live until `rd_kafka_new` takes it or it is destroyed here.
        // The opaque pointer stays valid because the handle keeps `shared` longer than the client.
        let client = unsafe {
            let conf = sys::rd_kafka_conf_new();
            for (name, value) in config.native() {
                if let Err(error) = set(conf, name, value) {
                    sys::rd_kafka_conf_destroy(conf);
                    return Err(error);
                }
            }
            sys::rd_kafka_conf_set_opaque(conf, Arc::as_ptr(&shared).cast_mut().cast::<c_void>());
            callbacks::install(conf, role == Role::Producer);
            let client = sys::rd_kafka_new(kind, conf, text.as_mut_ptr(), text.len());
            if client.is_null() {
                sys::rd_kafka_conf_destroy(conf);
            }
            client
        };
        let client =
            NonNull::new(client).ok_or_else(|| KafkaError::new(ErrorKind::Config, text.text()))?;
        Ok(Self {
            client,
            role,
            shared,
        })
    }

    /// Returns what is wrong with a setting by itself, if anything is.
    pub(crate) fn check(name: &str, value: &str) -> Result<()> {
        // SAFETY: the configuration is ours, live during the call, and destroyed after it.
        unsafe {
            let conf = sys::rd_kafka_conf_new();
            let outcome = set(conf, name, value);
            sys::rd_kafka_conf_destroy(conf);
            outcome
        }
    }

    pub(super) fn as_ptr(&self) -> *mut sys::rd_kafka_t {
        self.client.as_ptr()
    }

    /// Returns the state that the callbacks write.
    pub(crate) fn shared(&self) -> &Shared {
        &self.shared
    }

    /// Serves callbacks for at most `wait`, returning as soon as any has been served.
    ///
    /// Does nothing for a consumer, whose callbacks are served by reading.
    pub(crate) fn serve(&self, wait: Duration) {
        if self.role == Role::Consumer {
            return;
        }
        // SAFETY: the client is live, and its queue holds no records, which this call could not serve.
        unsafe { sys::rd_kafka_poll(self.as_ptr(), millis(wait)) };
    }

    /// Returns why the client is of no further use, if it is: only another one can go on.
    pub(crate) fn fatal(&self) -> Option<String> {
        let mut text = [0; 512];
        // SAFETY: the client is live, and the text has room for as many bytes as are said.
        let code =
            unsafe { sys::rd_kafka_fatal_error(self.as_ptr(), text.as_mut_ptr(), text.len()) };
        if code == sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
            return None;
        }
        // SAFETY: librdkafka has written a text that ends with a zero.
        Some(unsafe { from_c(text.as_ptr()) })
    }

    /// Breaks the client as an error of the broker would.
    #[cfg(test)]
    pub(crate) fn break_for_good(&self) {
        let code = sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER;
        // SAFETY: the client is live, and the text ends with a zero.
        unsafe { sys::rd_kafka_test_fatal_error(self.as_ptr(), code, c"a test".as_ptr()) };
    }

    /// Returns the id of the cluster.
    pub(crate) fn cluster_id(&self, wait: Duration) -> Result<String> {
        // SAFETY: the client is live; the text is ours to free.
        let id = unsafe {
            let text = sys::rd_kafka_clusterid(self.as_ptr(), millis(wait));
            let id = from_c(text);
            sys::rd_kafka_mem_free(self.as_ptr(), text.cast());
            id
        };
        if id.is_empty() {
            self.serve(Duration::ZERO);
            return Err(self.shared.timed_out("asking for the cluster's id"));
        }
        Ok(id)
    }

    /// Returns the names of all topics with their numbers of partitions.
    pub(crate) fn topics(&self, wait: Duration) -> Result<Vec<(String, i32)>> {
        let mut found = std::ptr::null();
        // SAFETY: the client is live, and `found` is written only on success.
        let code = unsafe {
            sys::rd_kafka_metadata(
                self.as_ptr(),
                1,
                std::ptr::null_mut(),
                &mut found,
                millis(wait),
            )
        };
        if let Err(error) = fault::check_code(code) {
            self.serve(Duration::ZERO);
            return Err(match error.is_retriable() {
                true => self.shared.timed_out("asking for the topics"),
                false => error.while_doing("asking for the topics"),
            });
        }
        // SAFETY: the metadata is live until destroyed below, and its arrays are as long as it says.
        let topics = unsafe {
            let count = usize::try_from((*found).topic_cnt).unwrap_or(0);
            let mut topics = Vec::with_capacity(count);
            for i in 0..count {
                let topic = &*(*found).topics.add(i);
                topics.push((from_c(topic.topic), topic.partition_cnt));
            }
            sys::rd_kafka_metadata_destroy(found);
            topics
        };
        Ok(topics)
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        // Nothing is closed in the group's sense: partitions are assigned by hand, positions kept
        // elsewhere.
        let flags = match self.role {
            Role::Consumer => sys::RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE,
            Role::Common | Role::Producer => 0,
        };
        // SAFETY: the client is live and nobody uses it any more: this handle is its only owner, and
        // what was made of it (topics, queues, messages) is dropped before it.
        unsafe { sys::rd_kafka_destroy_flags(self.as_ptr(), flags) };
    }
}

/// Returns milliseconds for librdkafka, rounded up so that a short wait is not none.
pub(super) fn millis(wait: Duration) -> i32 {
    i32::try_from(wait.as_micros().div_ceil(1000)).unwrap_or(i32::MAX)
}

/// # Safety
/// `conf` must be a live configuration.
unsafe fn set(conf: *mut sys::rd_kafka_conf_t, name: &str, value: &str) -> Result<()> {
    let (c_name, c_value) = (to_c(name)?, to_c(value)?);
    let mut text = ErrorText::new();
    // SAFETY: all pointers live during the call, and the buffer is as long as it says.
    let outcome = unsafe {
        sys::rd_kafka_conf_set(
            conf,
            c_name.as_ptr(),
            c_value.as_ptr(),
            text.as_mut_ptr(),
            text.len(),
        )
    };
    match outcome {
        sys::rd_kafka_conf_res_t::RD_KAFKA_CONF_OK => Ok(()),
        // The text may repeat the value, which may be a secret: only the name is shown then.
        _ if name.contains("password") || name.contains("pem") => Err(KafkaError::new(
            ErrorKind::Config,
            format!("invalid value for {name}"),
        )),
        _ => Err(KafkaError::new(ErrorKind::Config, text.text())),
    }
}
