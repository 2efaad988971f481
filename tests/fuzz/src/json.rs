//! JSON as Kafka Connect writes it, and header values as text.

use std::collections::BTreeMap;

use walbridge_pipeline::converters::{ConverterKind, Role};

/// The converters of JSON and of headers. What JSON's read, it can write and read again.
pub fn json_converter(data: &[u8]) {
    for schemas in ["true", "false"] {
        let settings = BTreeMap::from([("schemas.enable".to_owned(), schemas.to_owned())]);
        let Ok(mut converter) = ConverterKind::Json.create(Role::Value, &settings) else {
            panic!("the settings are right");
        };
        let Ok(read) = converter.decode("topic", Some(data)) else {
            continue;
        };
        if let Ok(Some(bytes)) = converter.encode("topic", &read) {
            let again = converter.decode("topic", Some(&bytes));
            assert!(
                again.is_ok(),
                "{again:?} of {}",
                String::from_utf8_lossy(&bytes)
            );
        }
    }
    let Ok(mut headers) = ConverterKind::Simple.create(Role::Header, &BTreeMap::new()) else {
        panic!("the settings are right");
    };
    if let Ok(read) = headers.decode("topic", Some(data)) {
        let _ = headers.encode("topic", &read);
    }
}
