//! librdkafka's error codes as our kinds.

use rdkafka_sys::bindings as sys;
use rdkafka_sys::bindings::rd_kafka_resp_err_t as Code;

use super::text::from_c;
use crate::error::{ErrorKind, KafkaError, Result};

/// Turns an error object into ours and frees it; null is success.
///
/// # Safety
/// `error` must be null or an error object that nobody else frees.
pub(super) unsafe fn check(error: *mut sys::rd_kafka_error_t) -> Result<()> {
    if error.is_null() {
        return Ok(());
    }
    // SAFETY: `error` is a live error object, destroyed only after the last look at it.
    let (code, text, fatal, retriable, abort) = unsafe {
        let code = sys::rd_kafka_error_code(error);
        let found = (
            code,
            from_c(sys::rd_kafka_error_string(error)),
            sys::rd_kafka_error_is_fatal(error) != 0,
            sys::rd_kafka_error_is_retriable(error) != 0,
            sys::rd_kafka_error_txn_requires_abort(error) != 0,
        );
        sys::rd_kafka_error_destroy(error);
        found
    };
    let kind = match kind_of(code) {
        ErrorKind::Fenced => ErrorKind::Fenced,
        kind @ (ErrorKind::Authorization | ErrorKind::Refused) => kind,
        _ if fatal => ErrorKind::Fatal,
        _ if abort => ErrorKind::Abortable,
        _ if retriable => ErrorKind::Retriable,
        kind => kind,
    };
    Err(KafkaError::new(kind, format!("{text} ({})", name(code))))
}

/// Turns a code into a result.
pub(super) fn check_code(code: Code) -> Result<()> {
    if code == Code::RD_KAFKA_RESP_ERR_NO_ERROR {
        Ok(())
    } else {
        Err(of(code, None))
    }
}

/// Makes an error of a code and the text that came with it.
pub(super) fn of(code: Code, text: Option<String>) -> KafkaError {
    // SAFETY: returns a static string for every code.
    let own = || unsafe { from_c(sys::rd_kafka_err2str(code)) };
    let text = text.filter(|t| !t.is_empty()).unwrap_or_else(own);
    KafkaError::new(kind_of(code), format!("{text} ({})", name(code)))
}

/// Returns the code's symbolic name.
pub(super) fn name(code: Code) -> String {
    // SAFETY: returns a static string for every code.
    unsafe { from_c(sys::rd_kafka_err2name(code)) }
}

fn kind_of(code: Code) -> ErrorKind {
    use Code::*;
    match code {
        RD_KAFKA_RESP_ERR__FENCED
        | RD_KAFKA_RESP_ERR_PRODUCER_FENCED
        | RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH
        | RD_KAFKA_RESP_ERR_INVALID_PRODUCER_ID_MAPPING => ErrorKind::Fenced,
        RD_KAFKA_RESP_ERR__FATAL => ErrorKind::Fatal,
        RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART
        | RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC
        | RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION
        | RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_ID => ErrorKind::UnknownTopic,
        RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS => ErrorKind::TopicExists,
        RD_KAFKA_RESP_ERR__AUTHENTICATION
        | RD_KAFKA_RESP_ERR__SSL
        | RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED
        | RD_KAFKA_RESP_ERR_UNSUPPORTED_SASL_MECHANISM => ErrorKind::Authentication,
        RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED
        | RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED
        | RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED
        | RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED => ErrorKind::Authorization,
        RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE | RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE => {
            ErrorKind::TooLarge
        }
        RD_KAFKA_RESP_ERR_INVALID_CONFIG
        | RD_KAFKA_RESP_ERR_INVALID_PARTITIONS
        | RD_KAFKA_RESP_ERR_INVALID_REPLICATION_FACTOR
        | RD_KAFKA_RESP_ERR_INVALID_TRANSACTION_TIMEOUT
        | RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION
        | RD_KAFKA_RESP_ERR_INVALID_RECORD
        | RD_KAFKA_RESP_ERR_POLICY_VIOLATION => ErrorKind::Refused,
        RD_KAFKA_RESP_ERR__INVALID_ARG => ErrorKind::Config,
        RD_KAFKA_RESP_ERR__TRANSPORT
        | RD_KAFKA_RESP_ERR__TIMED_OUT
        | RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE
        | RD_KAFKA_RESP_ERR__MSG_TIMED_OUT
        | RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN
        | RD_KAFKA_RESP_ERR__RESOLVE
        | RD_KAFKA_RESP_ERR__WAIT_COORD
        | RD_KAFKA_RESP_ERR__QUEUE_FULL
        | RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT
        | RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE
        | RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION
        | RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE
        | RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS
        | RD_KAFKA_RESP_ERR_NOT_COORDINATOR
        | RD_KAFKA_RESP_ERR_NOT_CONTROLLER
        | RD_KAFKA_RESP_ERR_NETWORK_EXCEPTION => ErrorKind::Retriable,
        RD_KAFKA_RESP_ERR_DUPLICATE_SEQUENCE_NUMBER
        | RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER => ErrorKind::Abortable,
        _ => ErrorKind::Other,
    }
}
