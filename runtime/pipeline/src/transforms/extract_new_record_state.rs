//! `ExtractNewRecordState`: the row of a Debezium event in the place of its envelope.

use walbridge_connector_api::data::{
    ConnectHeader, ConnectRecord, Schema, SchemaAndValue, Struct, Type, Value,
};
use walbridge_connector_api::{ConfigDef, ConfigKey, Importance, Kind};

use super::cache::SchemaCache;
use super::insert_field::InsertField;
use super::kind::{Built, Plan};
use super::replace_field::ReplaceField;
use super::structs::{self, envelope};
use super::{Side, Transform, TransformError};

mod reference;

use self::reference::Reference;

const MODES: &[&str] = &[
    "drop",
    "tombstone",
    "rewrite-with-tombstone",
    "rewrite",
    "delete-to-tombstone",
];

/// Returns the options.
pub(super) fn config() -> ConfigDef {
    let key = |name, kind, doc| ConfigKey::new(name, kind, doc).importance(Importance::Low);
    ConfigDef::new(vec![
        key(
            "delete.tombstone.handling.mode",
            Kind::String,
            "What becomes of deletes and of the tombstones behind them.",
        )
        .default("tombstone")
        .allowed(MODES)
        .importance(Importance::Medium),
        key(
            "route.by.field",
            Kind::String,
            "The column whose value is the new topic.",
        )
        .default(""),
        key(
            "add.fields.prefix",
            Kind::String,
            "What stands before the names of added fields.",
        )
        .default("__"),
        key(
            "add.fields",
            Kind::List,
            "Parts of the envelope to add as fields, such as op or source.ts_ms:when.",
        )
        .default(""),
        key(
            "add.headers.prefix",
            Kind::String,
            "What stands before the names of added headers.",
        )
        .default("__"),
        key(
            "add.headers",
            Kind::List,
            "Parts of the envelope to add as headers.",
        )
        .default(""),
        key(
            "replace.null.with.default",
            Kind::Boolean,
            "Whether a rewritten row's nulls become defaults.",
        )
        .default("true"),
        key(
            "drop.fields.header.name",
            Kind::String,
            "The header that lists fields to leave out.",
        ),
        key(
            "drop.fields.from.key",
            Kind::Boolean,
            "Whether they are left out of the key too.",
        )
        .default("false"),
        key(
            "drop.fields.keep.schema.compatible",
            Kind::Boolean,
            "Whether only optional fields are left out.",
        )
        .default("true"),
    ])
}

/// Puts rows in the place of their envelopes.
struct ExtractNewRecordState {
    mode: String,
    route: Option<String>,
    fields: Vec<Reference>,
    headers: Vec<Reference>,
    drop_header: Option<String>,
    drop_from_key: bool,
    drop_compatible: bool,
    removed: InsertField,
    updated: InsertField,
    schemas: SchemaCache<(Schema, Schema)>,
}

/// Makes the transform.
pub(super) fn build(plan: &Plan<'_>) -> Built {
    let mut options = plan.options(config());
    let mode = options.required("delete.tombstone.handling.mode");
    let mode = mode.trim().to_ascii_lowercase();
    if !MODES.contains(&mode.as_str()) {
        let why = "Value must be one of drop, tombstone, rewrite-with-tombstone, rewrite, delete-to-tombstone";
        options.invalid("delete.tombstone.handling.mode", &mode, why);
    }
    let mut references = |key: &str| {
        let prefix = options.required(&format!("{key}.prefix"));
        let mut all = Vec::new();
        for text in options.list(key) {
            match Reference::new(prefix, text) {
                Ok(reference) => all.push(reference),
                Err(why) => options.problem(key, why),
            }
        }
        all
    };
    let (fields, headers) = (references("add.fields"), references("add.headers"));
    let some = |text: Option<&str>| text.filter(|t| !t.trim().is_empty()).map(str::to_owned);
    let route = some(options.text("route.by.field"));
    let drop_header = some(options.text("drop.fields.header.name"));
    let defaults = options.flag("replace.null.with.default");
    let drop_from_key = options.flag("drop.fields.from.key");
    let drop_compatible = options.flag("drop.fields.keep.schema.compatible");
    options.finish()?;
    Ok(Box::new(ExtractNewRecordState {
        mode,
        route,
        fields,
        headers,
        drop_header,
        drop_from_key,
        drop_compatible,
        removed: InsertField::text("__deleted", "true", defaults),
        updated: InsertField::text("__deleted", "false", defaults),
        schemas: SchemaCache::sized(64),
    }))
}

impl Transform for ExtractNewRecordState {
    fn apply(&self, mut record: ConnectRecord) -> Result<Option<ConnectRecord>, TransformError> {
        if record.value.is_null() {
            self.tombstone_headers(&mut record.headers);
            return Ok((self.mode == "rewrite-with-tombstone").then_some(record));
        }
        if !envelope::is(&record) {
            return Ok(Some(record));
        }
        let SchemaAndValue { schema, value } = std::mem::take(&mut record.value);
        let event = structs::require_struct(value, schema.as_ref(), "field extraction")?;
        for reference in &self.headers {
            if let Some(header) = reference.header(&event)? {
                record.headers.push(header);
            }
        }
        let after = envelope::part(&event, "after")?;
        if !after.is_null() {
            return self.changed(record, &event, after).map(Some);
        }
        let before = envelope::part(&event, "before")?;
        // A truncate has no row at all.
        if before.is_null() {
            return Ok(None);
        }
        self.deleted(record, &event, before, after)
    }
}

impl ExtractNewRecordState {
    fn tombstone_headers(&self, headers: &mut Vec<ConnectHeader>) {
        for reference in self.headers.iter().filter(|r| r.field == "op") {
            let value = SchemaAndValue::new(Schema::of(Type::String), "d");
            headers.push(ConnectHeader::new(reference.name.as_str(), value));
        }
    }

    fn rewrites(&self) -> bool {
        self.mode.starts_with("rewrite")
    }

    fn changed(
        &self,
        mut record: ConnectRecord,
        event: &Struct,
        after: SchemaAndValue,
    ) -> Result<ConnectRecord, TransformError> {
        record.value = after;
        if self.rewrites() && record.value.value.as_struct().is_some() {
            record = self.updated.insert(record)?;
        }
        if let Some(field) = &self.route {
            let row = record.value.value.as_struct();
            let topic = row.map(|row| envelope::text(row, field)).transpose()?;
            let topic = topic.flatten().map(str::to_owned);
            route(&mut record, topic.as_deref());
        }
        let record = self.add_fields(record, event)?;
        self.drop_fields(record)
    }

    fn deleted(
        &self,
        mut record: ConnectRecord,
        event: &Struct,
        before: SchemaAndValue,
        after: SchemaAndValue,
    ) -> Result<Option<ConnectRecord>, TransformError> {
        let row = before.value.as_struct();
        let topic = match (&self.route, row) {
            (Some(field), Some(row)) if self.mode != "drop" => envelope::text(row, field)?,
            _ => None,
        }
        .map(str::to_owned);
        record.value = match self.mode.as_str() {
            "drop" => return Ok(None),
            "tombstone" => after,
            "delete-to-tombstone" => SchemaAndValue::NULL,
            _ => before,
        };
        if self.rewrites() && record.value.value.as_struct().is_some() {
            record = self.removed.insert(record)?;
        }
        route(&mut record, topic.as_deref());
        let record = self.drop_fields(record)?;
        if record.value.is_null() {
            return Ok(Some(record));
        }
        self.add_fields(record, event).map(Some)
    }

    fn add_fields(
        &self,
        mut record: ConnectRecord,
        event: &Struct,
    ) -> Result<ConnectRecord, TransformError> {
        let SchemaAndValue { schema, value } = std::mem::take(&mut record.value);
        let row = structs::require_struct(value, schema.as_ref(), "source field insertion")?;
        let key = (row.schema().clone(), event.schema().clone());
        let schema = self
            .schemas
            .get_or(key, |(row, event)| self.schema(row, event))?;
        let mut values = row.into_values();
        for reference in &self.fields {
            if reference.schema(event.schema())?.is_some() {
                values.push(reference.value(event)?);
            }
        }
        let row = structs::moved(schema.clone(), values)?;
        record.value = SchemaAndValue::new(schema, row);
        Ok(record)
    }

    fn schema(&self, row: &Schema, event: &Schema) -> Result<Schema, TransformError> {
        let mut builder = structs::basics(row, Type::Struct);
        for field in row.fields() {
            builder = builder.field(&*field.name, field.schema.clone());
        }
        for reference in &self.fields {
            if let Some(schema) = reference.schema(event)? {
                builder = structs::add_field(builder, &reference.name, schema)?;
            }
        }
        Ok(builder.build()?)
    }

    /// Leaves out the fields that a header lists.
    fn drop_fields(&self, mut record: ConnectRecord) -> Result<ConnectRecord, TransformError> {
        let Some(name) = &self.drop_header else {
            return Ok(record);
        };
        let header = record.headers.iter().find(|header| *header.key == **name);
        let names: Vec<String> = match header.map(|header| &header.value.value) {
            None | Some(Value::Null) => return Ok(record),
            Some(Value::Array(names)) => {
                let names = names.iter().filter_map(Value::as_str);
                names.map(str::to_owned).collect()
            }
            Some(other) => {
                return Err(TransformError::data(format!(
                    "The header {name} must hold a list of field names, found: {}",
                    structs::class_name(other, None)
                )));
            }
        };
        if names.is_empty() {
            return Ok(record);
        }
        if self.drop_from_key && !record.key.is_null() {
            record = self.drop_from(record, Side::Key, &names)?;
        }
        self.drop_from(record, Side::Value, &names)
    }

    fn drop_from(
        &self,
        record: ConnectRecord,
        side: Side,
        names: &[String],
    ) -> Result<ConnectRecord, TransformError> {
        let Some(schema) = &side.of(&record).schema else {
            return Ok(record);
        };
        let may_go = |name: &String| {
            let field = schema.field(name);
            !self.drop_compatible || field.is_some_and(|field| field.schema.is_optional())
        };
        let names: Vec<String> = names.iter().filter(|name| may_go(name)).cloned().collect();
        if names.is_empty() {
            return Ok(record);
        }
        ReplaceField::without(side, names).replace(record)
    }
}

/// Gives the record another topic, unless that is blank.
fn route(record: &mut ConnectRecord, topic: Option<&str>) {
    if let Some(topic) = topic.filter(|topic| !topic.trim().is_empty()) {
        record.topic = topic.into();
    }
}
