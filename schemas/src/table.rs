//! A table's key and value schemas.

use crate::field::{Field, SchemaText};
use crate::name;

/// The schema of a table's events.
#[derive(Debug, Clone, PartialEq)]
pub struct TableSchema {
    namespace: String,
    fields: Vec<Field>,
    key: Vec<Field>,
}

impl TableSchema {
    /// Creates the schema of the events of `topic`.
    ///
    /// `key` lists indexes into `fields` in the key's own order; empty means records without a key.
    pub fn new(topic: &str, fields: Vec<Field>, key: &[usize]) -> Self {
        let key = key.iter().filter_map(|&i| fields.get(i).cloned()).collect();
        Self {
            namespace: name::namespace(topic),
            fields,
            key,
        }
    }

    /// Returns the row's fields.
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// Returns the key's fields in the key's order.
    pub fn key(&self) -> &[Field] {
        &self.key
    }

    /// Returns the namespace of the key, row and envelope records.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Returns the key's schema text, if the table has a key.
    pub fn key_json(&self) -> Option<String> {
        if self.key.is_empty() {
            return None;
        }
        let namespace = &self.namespace;
        let mut text = SchemaText::within(namespace);
        text.push(&format!(
            "{{\"type\":\"record\",\"name\":\"Key\",\"namespace\":\"{namespace}\",\"fields\":"
        ));
        text.fields(self.key.iter());
        text.push(&format!(",\"connect.name\":\"{namespace}.Key\"}}"));
        Some(text.finish())
    }

    /// Returns the value's schema text; `source` is that of the `source` block, such as
    /// [`postgresql::SOURCE_SCHEMA`](crate::postgresql::SOURCE_SCHEMA).
    pub fn value_json(&self, source: &str) -> String {
        let namespace = &self.namespace;
        let mut text = SchemaText::within(namespace);
        text.push(&format!(
            "{{\"type\":\"record\",\"name\":\"Envelope\",\"namespace\":\"{namespace}\",\"fields\":[\
             {{\"name\":\"before\",\"type\":[\"null\",{{\"type\":\"record\",\"name\":\"Value\",\"fields\":"
        ));
        text.fields(self.fields.iter());
        text.push(&format!(
            ",\"connect.name\":\"{namespace}.Value\"}}],\"default\":null}},\
             {{\"name\":\"after\",\"type\":[\"null\",\"Value\"],\"default\":null}},\
             {{\"name\":\"source\",\"type\":{source}}},\
             {{\"name\":\"transaction\",\"type\":[\"null\",{BLOCK_SCHEMA}],\"default\":null}},\
             {{\"name\":\"op\",\"type\":\"string\"}},\
             {{\"name\":\"ts_ms\",\"type\":[\"null\",\"long\"],\"default\":null}},\
             {{\"name\":\"ts_us\",\"type\":[\"null\",\"long\"],\"default\":null}},\
             {{\"name\":\"ts_ns\",\"type\":[\"null\",\"long\"],\"default\":null}}],\
             \"connect.version\":2,\"connect.name\":\"{namespace}.Envelope\"}}"
        ));
        text.finish()
    }
}

const BLOCK_SCHEMA: &str = concat!(
    r#"{"type":"record","name":"block","namespace":"event","fields":[{"name":"id","type":"string"},"#,
    r#"{"name":"total_order","type":"long"},{"name":"data_collection_order","type":"long"}],"#,
    r#""connect.version":1,"connect.name":"event.block"}"#
);
