//! `EventRouter`: rows of an outbox table as the events they hold.

mod json;
mod placement;

use walbridge_connector_api::data::{
    ConnectHeader, ConnectRecord, Schema, SchemaAndValue, SchemaBuilder, Struct, Type, Value,
};
use walbridge_connector_api::{ConfigDef, ConfigKey, Kind};

use self::placement::{Additional, Placement};
use super::kind::{Built, Plan};
use super::regex_router::RegexRouter;
use super::structs::{self, envelope};
use super::{Transform, TransformError};

/// Returns the options.
pub(super) fn config() -> ConfigDef {
    let key = |name, kind, doc| ConfigKey::new(name, kind, doc);
    ConfigDef::new(vec![
        key(
            "table.field.event.id",
            Kind::String,
            "The column with the event's id.",
        )
        .default("id"),
        key(
            "table.field.event.key",
            Kind::String,
            "The column with the event's key.",
        )
        .default("aggregateid"),
        key(
            "table.field.event.type",
            Kind::String,
            "The column with the event's type.",
        )
        .default("type"),
        key(
            "table.field.event.payload",
            Kind::String,
            "The column with the event itself.",
        )
        .default("payload"),
        key(
            "table.field.event.timestamp",
            Kind::String,
            "The column with the event's time; otherwise the change's is taken.",
        ),
        key(
            "table.fields.additional.placement",
            Kind::List,
            "Further columns: column:header, column:envelope or column:partition, each with :name behind it if wanted.",
        ),
        key(
            "table.field.additional.missing",
            Kind::String,
            "Whether a further column that is not there is an error.",
        )
        .default("error")
        .allowed(&["error", "ignore"]),
        key(
            "table.field.event.schema.version",
            Kind::String,
            "The column with the version of the event's schema.",
        ),
        key(
            "route.by.field",
            Kind::String,
            "The column that the topic is made from.",
        )
        .default("aggregatetype"),
        key(
            "route.topic.regex",
            Kind::String,
            "What that column's value must match.",
        )
        .default("(?<routedByValue>.*)"),
        key(
            "route.topic.replacement",
            Kind::String,
            "The topic, with the groups of the match.",
        )
        .default("outbox.event.${routedByValue}"),
        key(
            "route.tombstone.on.empty.payload",
            Kind::Boolean,
            "Whether an empty payload makes a tombstone.",
        )
        .default("false"),
        key(
            "table.op.invalid.behavior",
            Kind::String,
            "What happens at an update of an outbox row.",
        )
        .default("warn")
        .allowed(&["warn", "error", "fatal"]),
        key(
            "table.expand.json.payload",
            Kind::Boolean,
            "Whether a payload of JSON text becomes a struct.",
        )
        .default("false"),
        key(
            "table.json.payload.null.behavior",
            Kind::String,
            "Whether nulls in it are left out or become bytes.",
        )
        .default("ignore")
        .allowed(&["ignore", "optional_bytes"]),
        key(
            "field.name.adjustment.mode",
            Kind::String,
            "Must be none: names are kept as they are.",
        )
        .default("none"),
    ])
}

/// Makes events of outbox rows.
struct EventRouter {
    id: String,
    key: String,
    payload: String,
    timestamp: Option<String>,
    version: Option<String>,
    route_by: String,
    router: RegexRouter,
    additional: Vec<Additional>,
    ignore_missing: bool,
    tombstones: bool,
    fatal: bool,
    /// How JSON is expanded; `None` leaves it as text.
    expand: Option<json::Nulls>,
}

/// Makes the transform.
pub(super) fn build(plan: &Plan<'_>) -> Built {
    let mut options = plan.options(config());
    let additional = placement::read(&mut options);
    for (key, allowed) in [
        ("table.op.invalid.behavior", "warn, error, fatal"),
        ("table.field.additional.missing", "error, ignore"),
        ("table.json.payload.null.behavior", "ignore, optional_bytes"),
    ] {
        let given = options.required(key);
        let lower = given.trim().to_ascii_lowercase();
        if !allowed.split(", ").any(|one| one == lower) {
            let why = format!("The '{key}' value is invalid: Value must be one of {allowed}");
            options.invalid(key, given, &why);
        }
    }
    let mode = options.required("field.name.adjustment.mode");
    if mode != "none" {
        options.invalid(
            "field.name.adjustment.mode",
            mode,
            "only none is supported: the names of a JSON payload's fields are kept as they are",
        );
    }
    let invalid =
        "The 'route.topic.regex' value is invalid: A valid regular expressions is expected, but ";
    let router = RegexRouter::read(
        &mut options,
        "route.topic.regex",
        "route.topic.replacement",
        invalid,
    );
    let is = |key: &str, value: &str| options.required(key).trim().eq_ignore_ascii_case(value);
    let text = |key: &str| options.required(key).to_owned();
    let nulls = if is("table.json.payload.null.behavior", "ignore") {
        json::Nulls::Ignored
    } else {
        json::Nulls::Bytes
    };
    let event_router = router.map(|router| EventRouter {
        id: text("table.field.event.id"),
        key: text("table.field.event.key"),
        payload: text("table.field.event.payload"),
        timestamp: options
            .text("table.field.event.timestamp")
            .map(str::to_owned),
        version: options
            .text("table.field.event.schema.version")
            .map(str::to_owned),
        route_by: text("route.by.field"),
        router,
        additional,
        ignore_missing: is("table.field.additional.missing", "ignore"),
        tombstones: options.flag("route.tombstone.on.empty.payload"),
        fatal: is("table.op.invalid.behavior", "fatal"),
        expand: options.flag("table.expand.json.payload").then_some(nulls),
    });
    options.finish()?;
    match event_router {
        Some(router) => Ok(Box::new(router)),
        None => Err(Vec::new()),
    }
}

impl Transform for EventRouter {
    fn apply(&self, mut record: ConnectRecord) -> Result<Option<ConnectRecord>, TransformError> {
        if record.value.is_null() {
            return Ok(None);
        }
        if !envelope::is(&record) {
            return Ok(Some(record));
        }
        let SchemaAndValue { schema, value } = std::mem::take(&mut record.value);
        let event = structs::require_struct(value, schema.as_ref(), "Detect Debezium Operation")?;
        match envelope::text(&event, "op")? {
            Some("d") => return Ok(None),
            Some("u") if self.fatal => {
                return Err(TransformError::new(
                    "java.lang.IllegalStateException",
                    format!(
                        "Unexpected update message received in topic {}, fail.",
                        record.topic
                    ),
                ));
            }
            Some("u") => return Ok(None),
            _ => {}
        }
        let after = envelope::part(&event, "after")?;
        let row = structs::require_struct(after.value, after.schema.as_ref(), "Read Outbox Event")?;
        self.route(record, &event, &row).map(Some)
    }
}

impl EventRouter {
    fn route(
        &self,
        mut record: ConnectRecord,
        event: &Struct,
        row: &Struct,
    ) -> Result<ConnectRecord, TransformError> {
        let payload = match row.schema().field(&self.payload) {
            Some(field) => field.schema.clone(),
            None => {
                let message = format!("Unable to find payload field {} in event", self.payload);
                return Err(TransformError::connect(message));
            }
        };
        record.timestamp = self.timestamp(event, row)?;
        let id = field(row, &self.id)?;
        record.headers.push(ConnectHeader::new("id", id));
        let value = row.get(&self.payload).cloned().unwrap_or_default();
        let payload = self.expanded(SchemaAndValue::new(payload, value));
        let empty = match &payload.value {
            Value::Null => true,
            Value::String(text) => text.trim().is_empty(),
            _ => false,
        };
        let wraps = self
            .additional
            .iter()
            .any(|a| a.placement == Placement::Envelope);
        let value = if wraps {
            self.wrapped(row, payload)?
        } else {
            payload
        };
        record.partition = None;
        for additional in self.additional.iter().filter(|a| self.there(row, a)) {
            match additional.placement {
                Placement::Envelope => {}
                Placement::Header => {
                    let value = field(row, &additional.field)?;
                    let header = ConnectHeader::new(additional.alias.as_str(), value);
                    record.headers.push(header);
                }
                Placement::Partition => {
                    let value = envelope::typed(row, &additional.field, Type::Int32)?;
                    record.partition = value.as_i64().and_then(|n| i32::try_from(n).ok());
                }
            }
        }
        record.value = if empty && self.tombstones {
            SchemaAndValue::NULL
        } else {
            value
        };
        record.key = field(row, &self.key)?;
        record.topic = self.topic(row)?.into();
        self.router.route(record)
    }

    fn topic<'a>(&self, row: &'a Struct) -> Result<&'a str, TransformError> {
        envelope::text(row, &self.route_by)?.ok_or_else(|| {
            TransformError::data(format!(
                "The field {} is null: there is no topic to route the event to",
                self.route_by
            ))
        })
    }

    fn there(&self, row: &Struct, additional: &Additional) -> bool {
        !self.ignore_missing || row.schema().field(&additional.field).is_some()
    }

    /// Returns the event's time in milliseconds.
    fn timestamp(&self, event: &Struct, row: &Struct) -> Result<Option<i64>, TransformError> {
        let of_change = || Ok(envelope::typed(event, "ts_ms", Type::Int64)?.as_i64());
        let Some(name) = &self.timestamp else {
            return of_change();
        };
        let Some(field) = row.schema().field(name) else {
            let message = format!("Unable to find timestamp field {name} in event");
            return Err(TransformError::connect(message));
        };
        let Some(time) = envelope::typed(row, name, Type::Int64)?.as_i64() else {
            return of_change();
        };
        match field.schema.name() {
            Some("io.debezium.time.Timestamp") => Ok(Some(time)),
            Some("io.debezium.time.MicroTimestamp") => Ok(Some(time / 1_000)),
            Some("io.debezium.time.NanoTimestamp") => Ok(Some(time / 1_000_000)),
            Some(other) => Err(TransformError::connect(format!(
                "Unsupported field type {other} for event timestamp"
            ))),
            None => Err(TransformError::connect(
                "Unsupported field type INT64 (without logical schema name) for event timestamp",
            )),
        }
    }

    /// Makes a struct of JSON text; text that cannot be one stays as it is.
    fn expanded(&self, payload: SchemaAndValue) -> SchemaAndValue {
        match (self.expand, &payload.value) {
            (Some(nulls), Value::String(text)) => {
                json::expand(text, &self.payload, nulls).unwrap_or(payload)
            }
            _ => payload,
        }
    }

    /// Puts the payload beside the columns that go into the value.
    fn wrapped(
        &self,
        row: &Struct,
        payload: SchemaAndValue,
    ) -> Result<SchemaAndValue, TransformError> {
        let SchemaAndValue { schema, value } = payload;
        let schema = schema.ok_or_else(|| TransformError::data("The payload has no schema"))?;
        let topic = self.topic(row)?;
        let name = match row
            .schema()
            .name()
            .map(|name| (name, name.rsplit_once('.')))
        {
            None => topic.to_owned(),
            Some((_, Some((space, last)))) => format!("{space}.{topic}.{last}"),
            Some((name, None)) => format!("{topic}.{name}"),
        };
        let mut builder = SchemaBuilder::structure().name(name);
        if let Some(field) = &self.version {
            let version = envelope::typed(row, field, Type::Int32)?.as_i64();
            builder = builder.with_version(version.and_then(|n| i32::try_from(n).ok()));
        }
        structs::check("payload", &schema, &value)?;
        builder = builder.field("payload", schema);
        let mut values = vec![value];
        for additional in &self.additional {
            if additional.placement != Placement::Envelope {
                continue;
            }
            let Some(field) = row.schema().field(&additional.field) else {
                if self.ignore_missing {
                    continue;
                }
                let message = format!("Unable to find field {} in event", additional.field);
                return Err(TransformError::connect(message));
            };
            builder = structs::add_field(builder, &additional.alias, field.schema.clone())?;
            values.push(row.get(&additional.field).cloned().unwrap_or_default());
        }
        let schema: Schema = builder.build()?;
        let fields = structs::moved(schema.clone(), values)?;
        Ok(SchemaAndValue::new(schema, fields))
    }
}

/// Returns a column with its schema.
fn field(row: &Struct, name: &str) -> Result<SchemaAndValue, TransformError> {
    let index = structs::index_of(row.schema(), name)?;
    let schema = row.schema().fields()[index].schema.clone();
    let value = row.get_at(index).cloned().unwrap_or_default();
    Ok(SchemaAndValue::new(schema, value))
}
