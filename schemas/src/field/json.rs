//! Schema text as Confluent's AvroConverter registers it, down to the order of the properties.

use super::{Field, FieldType, Nulls};

/// Schema JSON under construction.
///
/// A record that was defined before is named, not defined again: by its short name inside its own
/// namespace, in full elsewhere.
#[derive(Debug, Default)]
pub(crate) struct SchemaText {
    text: String,
    namespace: String,
    defined: Vec<&'static str>,
}

/// What stands behind the Avro type in a type object; empty means the bare type name.
#[derive(Default)]
struct Properties<'a> {
    before: String,
    doc: Option<&'a str>,
    version: bool,
    parameters: Vec<(&'a str, String)>,
    default: Option<&'a str>,
    name: Option<&'a str>,
    connect_type: Option<&'a str>,
    logical: Option<&'a str>,
}

impl SchemaText {
    pub(crate) fn within(namespace: &str) -> Self {
        Self {
            namespace: namespace.to_owned(),
            ..Self::default()
        }
    }

    pub(crate) fn push(&mut self, text: &str) {
        self.text.push_str(text);
    }

    pub(crate) fn finish(self) -> String {
        self.text
    }

    /// Appends `[…]`: every field with its name, type and default.
    pub(crate) fn fields<'f>(&mut self, fields: impl Iterator<Item = &'f Field>) {
        self.push("[");
        for (i, field) in fields.enumerate() {
            if i > 0 {
                self.push(",");
            }
            self.field(field);
        }
        self.push("]");
    }

    fn field(&mut self, field: &Field) {
        let default = field.default.as_ref().map(|d| d.json.as_str());
        self.push(&format!("{{\"name\":{},\"type\":", quoted(&field.name)));
        match field.nulls {
            Nulls::Never => self.field_type(&field.ty, default),
            Nulls::First => {
                self.push("[\"null\",");
                self.field_type(&field.ty, default);
                self.push("]");
            }
            Nulls::Last => {
                self.push("[");
                self.field_type(&field.ty, default);
                self.push(",\"null\"]");
            }
        }
        match (default, field.nulls) {
            (Some(json), _) => self.push(&format!(",\"default\":{json}")),
            (None, Nulls::First | Nulls::Last) => self.push(",\"default\":null"),
            (None, Nulls::Never) => {}
        }
        self.push("}");
    }

    fn field_type(&mut self, ty: &FieldType, default: Option<&str>) {
        let name = ty.connect_name();
        let mut properties = Properties {
            default,
            name,
            version: name.is_some(),
            ..Properties::default()
        };
        match ty {
            FieldType::Int16 => properties.connect_type = Some("int16"),
            FieldType::Decimal { precision, scale } => {
                properties.before = format!(
                    ",\"scale\":{scale},\"precision\":{}",
                    precision.unwrap_or(64)
                );
                properties.parameters.push(("scale", scale.to_string()));
                if let Some(precision) = precision {
                    properties
                        .parameters
                        .push(("connect.decimal.precision", precision.to_string()));
                }
                properties.logical = Some("decimal");
            }
            FieldType::Enum { allowed } => {
                properties.parameters.push(("allowed", allowed.join(",")))
            }
            FieldType::Bits { length } => {
                properties.parameters.push(("length", length.to_string()))
            }
            FieldType::VariableScaleDecimal => {
                return self.record(
                    "io.debezium.data.VariableScaleDecimal",
                    r#"[{"name":"scale","type":"int"},{"name":"value","type":"bytes"}]"#,
                    &Properties {
                        doc: Some("Variable scaled decimal"),
                        ..properties
                    },
                );
            }
            FieldType::Point => {
                return self.record(
                    "io.debezium.data.geometry.Point",
                    concat!(
                        r#"[{"name":"x","type":"double"},{"name":"y","type":"double"},"#,
                        r#"{"name":"wkb","type":["null","bytes"],"default":null},"#,
                        r#"{"name":"srid","type":["null","int"],"default":null}]"#
                    ),
                    &Properties {
                        doc: Some("Geometry (POINT)"),
                        ..properties
                    },
                );
            }
            FieldType::Array(items) => {
                self.push("{\"type\":\"array\",\"items\":");
                if items.nullable {
                    self.push("[\"null\",");
                }
                self.field_type(&items.ty, None);
                if items.nullable {
                    self.push("]");
                }
                self.push(&properties.text());
                return self.push("}");
            }
            _ => {}
        }
        let rest = properties.text();
        if rest.is_empty() {
            self.push(&quoted(ty.avro_type()));
        } else {
            self.push(&format!("{{\"type\":{}{rest}}}", quoted(ty.avro_type())));
        }
    }

    fn record(&mut self, full: &'static str, fields: &str, properties: &Properties<'_>) {
        let (namespace, name) = full.rsplit_once('.').unwrap_or(("", full));
        if self.defined.contains(&full) {
            let known = if namespace == self.namespace {
                name
            } else {
                full
            };
            return self.push(&quoted(known));
        }
        self.defined.push(full);
        let rest = properties.text();
        self.push(&format!(
            "{{\"type\":\"record\",\"name\":\"{name}\",\"namespace\":\"{namespace}\",\"fields\":{fields}{rest}}}"
        ));
    }
}

impl Properties<'_> {
    fn text(&self) -> String {
        let mut text = self.before.clone();
        if let Some(doc) = self.doc {
            text.push_str(&format!(",\"connect.doc\":{}", quoted(doc)));
        }
        if self.version {
            text.push_str(",\"connect.version\":1");
        }
        if !self.parameters.is_empty() {
            let all: Vec<_> = self
                .parameters
                .iter()
                .map(|(k, v)| format!("{}:{}", quoted(k), quoted(v)))
                .collect();
            text.push_str(&format!(",\"connect.parameters\":{{{}}}", all.join(",")));
        }
        let mut property = |key: &str, json: Option<String>| {
            if let Some(json) = json {
                text.push_str(&format!(",\"{key}\":{json}"));
            }
        };
        property("connect.default", self.default.map(str::to_owned));
        property("connect.name", self.name.map(quoted));
        property("connect.type", self.connect_type.map(quoted));
        property("logicalType", self.logical.map(quoted));
        text
    }
}

/// Returns a JSON string.
pub(crate) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
