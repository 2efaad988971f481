//! What a field can hold, in Debezium's terms.

/// The type of a field: an Avro type and the meaning that `connect.name` gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FieldType {
    /// `boolean`.
    Boolean,
    /// `int` with `connect.type` int16.
    Int16,
    /// `int`.
    Int32,
    /// `long`.
    Int64,
    /// `float`.
    Float,
    /// `double`.
    Double,
    /// `string`.
    String,
    /// `bytes`.
    Bytes,
    /// `org.apache.kafka.connect.data.Decimal`: the unscaled value in two's complement.
    Decimal {
        /// The declared precision; without one (money) the schema says 64.
        precision: Option<u32>,
        /// Digits after the point.
        scale: u32,
    },
    /// `io.debezium.data.VariableScaleDecimal`: a record of scale and unscaled value.
    VariableScaleDecimal,
    /// `io.debezium.data.Uuid`.
    Uuid,
    /// `io.debezium.data.Json`.
    Json,
    /// `io.debezium.data.Xml`.
    Xml,
    /// `io.debezium.data.Ltree`.
    Ltree,
    /// `io.debezium.data.Tsvector`.
    Tsvector,
    /// `io.debezium.data.Enum` with the labels in their sort order.
    Enum {
        /// The labels.
        allowed: Vec<String>,
    },
    /// `io.debezium.time.Date`: days since 1970.
    Date,
    /// `io.debezium.time.Time`: milliseconds since midnight.
    Time,
    /// `io.debezium.time.MicroTime`: microseconds since midnight.
    MicroTime,
    /// `io.debezium.time.Timestamp`: milliseconds since 1970, no zone.
    Timestamp,
    /// `io.debezium.time.MicroTimestamp`: microseconds since 1970, no zone.
    MicroTimestamp,
    /// `io.debezium.time.ZonedTimestamp`: ISO 8601 text.
    ZonedTimestamp,
    /// `io.debezium.time.ZonedTime`: ISO 8601 text.
    ZonedTime,
    /// `io.debezium.time.MicroDuration`: microseconds, a month being 30.4375 days.
    MicroDuration,
    /// `io.debezium.time.Interval`: ISO 8601 text.
    Interval,
    /// `io.debezium.data.Bits`: the bits as a little-endian number of as few bytes as hold it.
    Bits {
        /// The declared length.
        length: u32,
    },
    /// `io.debezium.data.geometry.Point`: x, y, and the same as WKB.
    Point,
    /// `array` of another type.
    Array(Box<Items>),
    /// A type read from somebody else's schema that has no meaning here; it can only be skipped.
    Opaque,
}

/// The items of an array.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Items {
    /// What they hold.
    pub ty: FieldType,
    /// Whether they may be null.
    pub nullable: bool,
}

impl FieldType {
    /// Creates an array type.
    pub fn array_of(ty: FieldType, nullable: bool) -> Self {
        FieldType::Array(Box::new(Items { ty, nullable }))
    }

    /// Returns the semantic name, `connect.name` in the schema.
    pub fn connect_name(&self) -> Option<&'static str> {
        Some(match self {
            FieldType::Decimal { .. } => "org.apache.kafka.connect.data.Decimal",
            FieldType::VariableScaleDecimal => "io.debezium.data.VariableScaleDecimal",
            FieldType::Uuid => "io.debezium.data.Uuid",
            FieldType::Json => "io.debezium.data.Json",
            FieldType::Xml => "io.debezium.data.Xml",
            FieldType::Ltree => "io.debezium.data.Ltree",
            FieldType::Tsvector => "io.debezium.data.Tsvector",
            FieldType::Enum { .. } => "io.debezium.data.Enum",
            FieldType::Date => "io.debezium.time.Date",
            FieldType::Time => "io.debezium.time.Time",
            FieldType::MicroTime => "io.debezium.time.MicroTime",
            FieldType::Timestamp => "io.debezium.time.Timestamp",
            FieldType::MicroTimestamp => "io.debezium.time.MicroTimestamp",
            FieldType::ZonedTimestamp => "io.debezium.time.ZonedTimestamp",
            FieldType::ZonedTime => "io.debezium.time.ZonedTime",
            FieldType::MicroDuration => "io.debezium.time.MicroDuration",
            FieldType::Interval => "io.debezium.time.Interval",
            FieldType::Bits { .. } => "io.debezium.data.Bits",
            FieldType::Point => "io.debezium.data.geometry.Point",
            _ => return None,
        })
    }

    /// Returns the Avro type that carries it.
    pub fn avro_type(&self) -> &'static str {
        match self {
            FieldType::Boolean => "boolean",
            FieldType::Int16 | FieldType::Int32 | FieldType::Date | FieldType::Time => "int",
            FieldType::Int64
            | FieldType::MicroTime
            | FieldType::Timestamp
            | FieldType::MicroTimestamp
            | FieldType::MicroDuration => "long",
            FieldType::Float => "float",
            FieldType::Double => "double",
            FieldType::Bytes | FieldType::Decimal { .. } | FieldType::Bits { .. } => "bytes",
            FieldType::VariableScaleDecimal | FieldType::Point => "record",
            FieldType::Array(_) => "array",
            FieldType::Opaque => "null",
            _ => "string",
        }
    }

    /// Appends the type's zero as Avro: what a required column holds where its value is unknown.
    pub fn write_zero(&self, out: &mut Vec<u8>) {
        match self {
            FieldType::Float => out.extend_from_slice(&[0; 4]),
            FieldType::Double => out.extend_from_slice(&[0; 8]),
            FieldType::Decimal { .. } => out.extend_from_slice(&[2, 0]),
            FieldType::VariableScaleDecimal => out.extend_from_slice(&[0, 2, 0]),
            FieldType::ZonedTimestamp => crate::avro::write_str(out, "1970-01-01T00:00:00Z"),
            FieldType::ZonedTime => crate::avro::write_str(out, "00:00:00Z"),
            FieldType::Point => Self::write_point(out, 0.0, 0.0),
            FieldType::Opaque => {}
            // A zero number, false, an empty string, no bytes, no items: one zero byte each.
            _ => out.push(0),
        }
    }

    /// Appends a [`Point`](FieldType::Point): x, y, the WKB of both, no SRID.
    pub fn write_point(out: &mut Vec<u8>, x: f64, y: f64) {
        out.extend_from_slice(&x.to_le_bytes());
        out.extend_from_slice(&y.to_le_bytes());
        // Branch 1, 21 bytes: little endian, type 1 (point), x, y.
        out.extend_from_slice(&[2, 42, 1, 1, 0, 0, 0]);
        out.extend_from_slice(&x.to_le_bytes());
        out.extend_from_slice(&y.to_le_bytes());
        out.push(0);
    }
}
