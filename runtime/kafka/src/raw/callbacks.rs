//! What librdkafka calls back into.

use std::ffi::{c_char, c_int, c_void};

use rdkafka_sys::bindings as sys;
use rdkafka_sys::bindings::rd_kafka_resp_err_t as Code;

use super::fault;
use super::state::Shared;
use super::text::from_c;

/// Sets the callbacks of a client's configuration.
///
/// # Safety
/// `conf` must be a live configuration, and its opaque pointer must point to a [`Shared`] that
/// outlives the client made of it.
pub(super) unsafe fn install(conf: *mut sys::rd_kafka_conf_t, producer: bool) {
    // SAFETY: the configuration is live, the functions have the types that it wants.
    unsafe {
        sys::rd_kafka_conf_set_log_cb(conf, Some(log));
        sys::rd_kafka_conf_set_error_cb(conf, Some(error));
        if producer {
            sys::rd_kafka_conf_set_dr_msg_cb(conf, Some(delivered));
        }
    }
}

unsafe extern "C" fn delivered(
    _client: *mut sys::rd_kafka_t,
    message: *const sys::rd_kafka_message_t,
    opaque: *mut c_void,
) {
    // SAFETY: the message lives during the call; the opaque pointer is the client's `Shared`.
    let (message, shared) = unsafe { (&*message, &*opaque.cast::<Shared>()) };
    let bytes = message.len + message.key_len;
    let outcome = match message.err {
        Code::RD_KAFKA_RESP_ERR_NO_ERROR if message.offset >= 0 => Ok(message.offset),
        // Kafka takes the record's number for one it has seen before, and librdkafka takes that for an
        // acknowledgement. In a partition that was empty it is none: a later record was taken first.
        Code::RD_KAFKA_RESP_ERR_NO_ERROR => Err(fault::of(
            Code::RD_KAFKA_RESP_ERR_DUPLICATE_SEQUENCE_NUMBER,
            None,
        )),
        code => Err(fault::of(code, None)),
    };
    let outcome = outcome.map_err(|error| {
        // SAFETY: a delivery report of a record that was produced names its topic.
        let topic = unsafe { from_c(sys::rd_kafka_topic_name(message.rkt)) };
        let to = format!(
            "a record of {bytes} bytes for topic {topic} partition {}",
            message.partition
        );
        error.while_doing(to)
    });
    // Not a pointer: the number that the record was handed over with.
    let group = message._private.addr();
    shared.delivered(bytes, group, outcome);
}

unsafe extern "C" fn error(
    client: *mut sys::rd_kafka_t,
    code: c_int,
    reason: *const c_char,
    opaque: *mut c_void,
) {
    // SAFETY: librdkafka passes a text and the pointer that the client was made with.
    let (reason, shared) = unsafe { (from_c(reason), &*opaque.cast::<Shared>()) };
    // SAFETY: the client lives during the call; the code came from librdkafka, whose codes the
    // bindings of the same version enumerate.
    let (name, code) = unsafe {
        (
            from_c(sys::rd_kafka_name(client)),
            std::mem::transmute::<c_int, Code>(code),
        )
    };
    let _entered = shared.span.enter();
    if code == Code::RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN {
        // librdkafka says so at each attempt to connect, of each client.
        shared.outage.down(&name);
        shared.complain_anew(fault::of(code, Some(reason)));
    } else {
        tracing::warn!(target: "kafka", client = name, code = fault::name(code), "{reason}");
        shared.complain(fault::of(code, Some(reason)));
    }
}

unsafe extern "C" fn log(
    client: *const sys::rd_kafka_t,
    level: c_int,
    facility: *const c_char,
    text: *const c_char,
) {
    // SAFETY: librdkafka passes texts that live during the call.
    let (facility, text) = unsafe { (from_c(facility), from_c(text)) };
    // SAFETY: the client lives during the call and was made with a `Shared`, to which the opaque
    // pointer points once it is set.
    let shared = unsafe { sys::rd_kafka_opaque(client).cast::<Shared>().as_ref() };
    if level >= 7
        && matches!(facility.as_str(), "METADATA" | "TOPICPROP")
        && let Some(shared) = shared
    {
        note(shared, &text);
    }
    let _entered = shared.map(|shared| shared.span.enter());
    // SAFETY: as above; the name is a text that the client owns.
    let name = unsafe { from_c(sys::rd_kafka_name(client)) };
    match level {
        0..=3 => tracing::error!(target: "kafka", client = name, facility, "{text}"),
        4 => tracing::warn!(target: "kafka", client = name, facility, "{text}"),
        5 => tracing::info!(target: "kafka", client = name, facility, "{text}"),
        6 => tracing::debug!(target: "kafka", client = name, facility, "{text}"),
        _ => tracing::trace!(target: "kafka", client = name, facility, "{text}"),
    }
}

/// Takes from debug lines what librdkafka 2.12 says nowhere else: that a topic has another id, said
/// before anything is fetched from the new topic, and that a topic is gone.
fn note(shared: &Shared, line: &str) {
    if let Some((topic, id)) = changed_id(line) {
        shared.topic_id(topic, id);
    } else if let Some(topic) = missing(line) {
        shared.missing(topic);
    }
}

fn missing(line: &str) -> Option<&str> {
    let start = line.find("Topic ")? + "Topic ".len();
    line[start..]
        .split_once(" does not exist, allowing ")
        .map(|(topic, _)| topic)
}

fn changed_id(line: &str) -> Option<(&str, &str)> {
    let start = line.find("Topic ")? + "Topic ".len();
    let (topic, ids) = line[start..].split_once(" changed id from ")?;
    let (_, id) = ids.split_once(" to ")?;
    Some((topic, id.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_line_about_a_missing_topic() {
        let line =
            "[thrd:main]: Topic a.b does not exist, allowing 29455ms for metadata propagation";
        assert_eq!(missing(line), Some("a.b"));
    }

    #[test]
    fn reads_the_line_about_a_changed_id() {
        let line = "[thrd:main]: Topic a.b changed id from AAAAAAAAAAAAAAAAAAAAAA to WpW5u7dRQ_s";
        assert_eq!(changed_id(line), Some(("a.b", "WpW5u7dRQ_s")));
        assert_eq!(
            changed_id("[thrd:main]:   Topic a.b partition 0 Leader 1"),
            None
        );
    }
}
