//! A table as the source describes it in the headers `wb.tables` and `wb.relation`.

use serde::{Deserialize, Serialize};

/// One column of the source's table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ColumnDefinition {
    pub(crate) name: String,
    /// As `format_type` writes it, with a schema where one is needed.
    #[serde(rename = "type")]
    pub(crate) type_name: String,
    #[serde(default = "yes")]
    pub(crate) nullable: bool,
    /// The labels of an enum type in their order.
    #[serde(rename = "enum", default, skip_serializing_if = "Option::is_none")]
    pub(crate) labels: Option<Vec<String>>,
    /// The value of rows that are older than the column, as text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) missing: Option<String>,
    /// The default's expression.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) default: Option<String>,
}

fn yes() -> bool {
    true
}

/// The source's table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Definition {
    pub(crate) schema: String,
    pub(crate) table: String,
    pub(crate) columns: Vec<ColumnDefinition>,
    #[serde(default)]
    pub(crate) key: Vec<String>,
    #[serde(default)]
    pub(crate) identity: String,
    /// The fingerprint of the rows' schema; definitions of earlier sources have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) layout: Option<String>,
}

impl Definition {
    /// Returns the name that the transaction topic uses.
    pub(crate) fn collection(&self) -> String {
        format!("{}.{}", self.schema, self.table)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_the_source_writes() {
        let json = r#"{"schema":"public","table":"t","columns":[
            {"name":"id","type":"integer","nullable":false},
            {"name":"mood","type":"public.mood","nullable":true,"enum":["sad","ok"]}],
            "key":["id"],"identity":"default"}"#;
        let read: Definition = serde_json::from_str(json).unwrap();
        assert_eq!(read.collection(), "public.t");
        assert_eq!(
            read.columns[1].labels.as_deref(),
            Some(&["sad".to_owned(), "ok".to_owned()][..])
        );
        assert!(!read.columns[0].nullable);
    }
}
