//! Mends what librdkafka 2.12 does with news of leaders in a fetch response (its issue 5280).
//!
//! Such a response may name the new leader of some partitions and none for others, as that of a broker
//! does which is just starting. librdkafka makes room for all of them, fills in the first kind, and
//! reads all: what it takes for partition, leader and epoch of the rest is whatever the memory held
//! before. With an epoch from there, which no broker will ever reach, a partition is not read again
//! until the client ends, and nobody is told.
//!
//! The linker puts [`__wrap_rd_kafkap_leader_discovery_set_topic`] between librdkafka and its own
//! function (`--wrap`, see the build scripts of the crates that link): the room is marked as holding no
//! partition before it is filled in.

use std::ffi::{c_char, c_int, c_void};

use rdkafka_sys::bindings as sys;

/// No topic has so many partitions: librdkafka passes such an entry over.
const NO_PARTITION: i32 = i32::MAX;

/// A topic's id; librdkafka passes it by value.
#[derive(Clone, Copy)]
#[repr(C)]
struct Uuid {
    high: i64,
    low: i64,
    text: [c_char; 23],
}

unsafe extern "C" {
    fn __real_rd_kafkap_leader_discovery_set_topic(
        memory: *mut c_void,
        metadata: *mut sys::rd_kafka_metadata,
        topic: c_int,
        id: Uuid,
        name: *mut c_char,
        partitions: c_int,
    );
}

/// Makes room for a topic's partitions, and marks it as empty.
#[unsafe(no_mangle)]
unsafe extern "C" fn __wrap_rd_kafkap_leader_discovery_set_topic(
    memory: *mut c_void,
    // The internal type that it points to begins with the public one.
    metadata: *mut sys::rd_kafka_metadata,
    topic: c_int,
    id: Uuid,
    name: *mut c_char,
    partitions: c_int,
) {
    // SAFETY: the arguments are passed on as they came.
    unsafe {
        __real_rd_kafkap_leader_discovery_set_topic(memory, metadata, topic, id, name, partitions);
    }
    let at = |number: c_int| usize::try_from(number).unwrap_or_default();
    for number in 0..at(partitions) {
        // SAFETY: the call above made `partitions` entries for this topic; each is written whole.
        unsafe {
            let entries = (*(*metadata).topics.add(at(topic))).partitions;
            entries.add(number).write(sys::rd_kafka_metadata_partition {
                id: NO_PARTITION,
                err: sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR,
                leader: -1,
                replica_cnt: 0,
                replicas: std::ptr::null_mut(),
                isr_cnt: 0,
                isrs: std::ptr::null_mut(),
            });
        }
    }
}

/// Keeps the linker from leaving this module out.
pub(super) fn keep() {
    std::hint::black_box(__wrap_rd_kafkap_leader_discovery_set_topic as *const c_void);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// librdkafka's memory for one answer.
    #[repr(C)]
    struct Memory {
        size: usize,
        used: usize,
        bytes: *mut u8,
        failed: c_int,
        abort: c_int,
    }

    unsafe extern "C" {
        fn rd_kafkap_leader_discovery_set_topic_cnt(
            memory: *mut c_void,
            metadata: *mut sys::rd_kafka_metadata,
            topics: c_int,
        );
        fn rd_kafkap_leader_discovery_set_topic(
            memory: *mut c_void,
            metadata: *mut sys::rd_kafka_metadata,
            topic: c_int,
            id: Uuid,
            name: *mut c_char,
            partitions: c_int,
        );
    }

    #[test]
    fn room_for_partitions_holds_none() {
        // Memory as it is after other use: partition 1 with leader 1, again and again.
        let mut used = vec![1u32; 4096];
        let mut metadata = vec![0u64; 128];
        let mut memory = Memory {
            size: used.len() * 4,
            used: 0,
            bytes: used.as_mut_ptr().cast(),
            failed: 0,
            abort: 1,
        };
        let id = Uuid {
            high: 1,
            low: 2,
            text: [0; 23],
        };
        let memory = (&raw mut memory).cast();
        let metadata: *mut sys::rd_kafka_metadata = metadata.as_mut_ptr().cast();
        // SAFETY: the room is larger than what is asked for; librdkafka's own type of metadata, which
        // begins with the public one, is far below 1 KiB.
        let entries = unsafe {
            rd_kafkap_leader_discovery_set_topic_cnt(memory, metadata, 1);
            rd_kafkap_leader_discovery_set_topic(memory, metadata, 0, id, std::ptr::null_mut(), 3);
            std::slice::from_raw_parts((*(*metadata).topics).partitions, 3)
        };
        let seen: Vec<_> = entries
            .iter()
            .map(|entry| (entry.id, entry.leader))
            .collect();
        assert_eq!(seen, [(NO_PARTITION, -1); 3]);
    }
}
