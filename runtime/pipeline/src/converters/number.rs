//! The converters of one primitive type: fixed-width numbers, booleans and plain bytes.

use walbridge_connector_api::data::{Schema, SchemaAndValue, Type, Value};

use super::{ConvertError, Converter};

/// Writes values of one primitive type as Kafka's own serializers do: big endian, one byte for a
/// boolean, bytes as they are.
pub(super) struct Primitive {
    kind: Type,
}

impl Primitive {
    pub(super) fn new(kind: Type) -> Self {
        Self { kind }
    }

    fn read(&self, bytes: &[u8]) -> Option<Value> {
        Some(match self.kind {
            Type::Int16 => i16::from_be_bytes(bytes.try_into().ok()?).into(),
            Type::Int32 => i32::from_be_bytes(bytes.try_into().ok()?).into(),
            Type::Int64 => i64::from_be_bytes(bytes.try_into().ok()?).into(),
            Type::Float32 => f32::from_be_bytes(bytes.try_into().ok()?).into(),
            Type::Float64 => f64::from_be_bytes(bytes.try_into().ok()?).into(),
            Type::Boolean => match bytes {
                [0] => false.into(),
                [1] => true.into(),
                _ => return None,
            },
            _ => bytes.to_vec().into(),
        })
    }
}

impl Converter for Primitive {
    fn encode(&mut self, _: &str, data: &SchemaAndValue) -> Result<Option<Vec<u8>>, ConvertError> {
        let kind = self.kind;
        if let Some(schema) = &data.schema
            && schema.kind() != kind
        {
            let found = schema.kind();
            return Err(ConvertError::data(format!(
                "this converter writes {kind} alone, and the schema is {found}"
            )));
        }
        let bytes = match &data.value {
            Value::Null => return Ok(None),
            Value::Int16(n) if kind == Type::Int16 => n.to_be_bytes().to_vec(),
            Value::Int32(n) if kind == Type::Int32 => n.to_be_bytes().to_vec(),
            Value::Int64(n) if kind == Type::Int64 => n.to_be_bytes().to_vec(),
            Value::Float32(n) if kind == Type::Float32 => n.to_be_bytes().to_vec(),
            Value::Float64(n) if kind == Type::Float64 => n.to_be_bytes().to_vec(),
            Value::Boolean(b) if kind == Type::Boolean => vec![u8::from(*b)],
            Value::Bytes(bytes) if kind == Type::Bytes => bytes.clone(),
            other => {
                let found = other.kind_name();
                return Err(ConvertError::data(format!(
                    "this converter writes {kind} alone, and the value is {found}"
                )));
            }
        };
        Ok(Some(bytes))
    }

    fn decode(&mut self, _: &str, bytes: Option<&[u8]>) -> Result<SchemaAndValue, ConvertError> {
        let kind = self.kind;
        let value = match bytes {
            None => Value::Null,
            Some(bytes) => self.read(bytes).ok_or_else(|| {
                let len = bytes.len();
                ConvertError::data(format!("these {len} bytes are not a value of type {kind}"))
            })?,
        };
        Ok(SchemaAndValue::new(Schema::optional_of(kind), value))
    }
}
