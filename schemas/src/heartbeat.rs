//! Heartbeat records, as Debezium writes them.

use crate::avro::{write_long, write_str};

/// The schema of a heartbeat's key.
pub const KEY_SCHEMA: &str = concat!(
    r#"{"type":"record","name":"ServerNameKey","namespace":"io.debezium.connector.common","#,
    r#""fields":[{"name":"serverName","type":"string"}],"#,
    r#""connect.version":1,"connect.name":"io.debezium.connector.common.ServerNameKey"}"#
);

/// The schema of a heartbeat's value.
pub const VALUE_SCHEMA: &str = concat!(
    r#"{"type":"record","name":"Heartbeat","namespace":"io.debezium.connector.common","#,
    r#""fields":[{"name":"ts_ms","type":"long"}],"#,
    r#""connect.version":1,"connect.name":"io.debezium.connector.common.Heartbeat"}"#
);

/// Appends a heartbeat's key.
pub fn write_key(out: &mut Vec<u8>, server: &str) {
    write_str(out, server);
}

/// Appends a heartbeat's value.
pub fn write_value(out: &mut Vec<u8>, ts_ms: i64) {
    write_long(out, ts_ms);
}
