//! One task's way from records to bytes or back.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use walbridge_connector_api::ConnectorError;
use walbridge_connector_api::data::{ConnectHeader, ConnectRecord, Origin, SchemaAndValue};

use crate::converters::{Converter, Role};
use crate::transforms::{Chain, chain};
use crate::{ConverterChoices, Stage, StageError, WireHeader, WireRecord};

/// A converter with its Java class.
struct Part {
    converter: Box<dyn Converter>,
    stage: Stage,
    class: &'static str,
}

impl Part {
    fn encode(&mut self, topic: &str, data: &SchemaAndValue) -> Encoded {
        let bytes = self.converter.encode(topic, data);
        bytes
            .map(|bytes| bytes.map(Cow::Owned))
            .map_err(|error| StageError::convert(self.stage, self.class, error))
    }

    fn decode(&mut self, topic: &str, bytes: Option<&[u8]>) -> Result<SchemaAndValue, StageError> {
        let data = self.converter.decode(topic, bytes);
        data.map_err(|error| StageError::convert(self.stage, self.class, error))
    }
}

type Encoded = Result<Option<Cow<'static, [u8]>>, StageError>;

/// The converters of one task and the transforms before or behind them.
///
/// A source's record is first [transformed](Self::transform) and then [encoded](Self::encode); a sink's comes
/// out of [sink](Self::sink). Encoding and the way to a sink may be tried again.
pub struct Pipeline {
    transforms: Chain,
    key: Part,
    value: Part,
    header: Part,
}

impl Pipeline {
    /// Creates the transforms that a connector's settings name, and its converters: where it names none,
    /// those of the worker.
    ///
    /// # Errors
    /// If their settings cannot be used.
    pub fn new(
        worker: &ConverterChoices,
        settings: &BTreeMap<String, String>,
    ) -> Result<Self, ConnectorError> {
        let transforms = chain::build(settings).map_err(|problems| {
            let all: Vec<_> = problems
                .into_iter()
                .map(|problem| problem.message)
                .collect();
            ConnectorError::configuration("InvalidConfiguration", all.join("; "))
        })?;
        let converters = worker.with(settings);
        let part = |role, stage| -> Result<Part, ConnectorError> {
            Ok(Part {
                converter: converters.create(role)?,
                stage,
                class: converters.class(role),
            })
        };
        Ok(Self {
            transforms,
            key: part(Role::Key, Stage::KeyConverter)?,
            value: part(Role::Value, Stage::ValueConverter)?,
            header: part(Role::Header, Stage::HeaderConverter)?,
        })
    }

    /// Returns whether there is any transform.
    pub fn has_transforms(&self) -> bool {
        !self.transforms.is_empty()
    }

    /// Takes a record through the transforms; `None` if one has dropped it.
    ///
    /// # Errors
    /// If a transform cannot work on it.
    pub fn transform(&self, record: ConnectRecord) -> Result<Option<ConnectRecord>, StageError> {
        Ok(self.transforms.apply(record)?)
    }

    /// Turns a source's record into bytes.
    ///
    /// # Errors
    /// If a part of it cannot be converted.
    pub fn encode(&mut self, record: &ConnectRecord) -> Result<WireRecord<'static>, StageError> {
        let topic = &*record.topic;
        let mut headers = Vec::with_capacity(record.headers.len());
        for header in &record.headers {
            let value = self.header.encode(topic, &header.value);
            headers.push(WireHeader {
                key: Cow::Owned(header.key.to_string()),
                value: value.map_err(|error| error.in_header(&header.key))?,
            });
        }
        Ok(WireRecord {
            partition: record.partition,
            offset: None,
            timestamp: record.timestamp,
            key: self.key.encode(topic, &record.key)?,
            value: self.value.encode(topic, &record.value)?,
            headers,
            topic: Arc::clone(&record.topic),
        })
    }

    /// Turns a record read from Kafka into one for a sink; `None` if a transform has dropped it.
    ///
    /// # Errors
    /// If a part of it cannot be converted, or a transform cannot work on it.
    pub fn sink(&mut self, record: &WireRecord<'_>) -> Result<Option<ConnectRecord>, StageError> {
        let topic = &*record.topic;
        let (partition, offset) = (record.partition.unwrap_or(-1), record.offset.unwrap_or(-1));
        let key = self.key.decode(topic, record.key.as_deref())?;
        let value = self.value.decode(topic, record.value.as_deref())?;
        let mut headers = Vec::with_capacity(record.headers.len());
        for header in &record.headers {
            let value = self.header.decode(topic, header.value.as_deref());
            let value = value.map_err(|error| error.in_header(&header.key))?;
            headers.push(ConnectHeader::new(&*header.key, value));
        }
        let record = ConnectRecord {
            topic: Arc::clone(&record.topic),
            partition: record.partition,
            key,
            value,
            timestamp: record.timestamp,
            headers,
            origin: Some(Origin {
                topic: Arc::clone(&record.topic),
                partition,
                offset,
            }),
        };
        Ok(self.transforms.apply(record)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use walbridge_connector_api::Disposition;
    use walbridge_connector_api::data::{Schema, Type, Value};

    fn out(pipeline: &mut Pipeline, record: ConnectRecord) -> Option<WireRecord<'static>> {
        let record = pipeline.transform(record).unwrap()?;
        Some(pipeline.encode(&record).unwrap())
    }

    fn back(pipeline: &mut Pipeline, wire: &WireRecord<'_>) -> ConnectRecord {
        pipeline.sink(wire).unwrap().unwrap()
    }

    fn pipeline(pairs: &[(&str, &str)]) -> Pipeline {
        let own = pairs
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
        let values: BTreeMap<_, _> = own.collect();
        assert_eq!(ConverterChoices::problems(&values), []);
        Pipeline::new(&ConverterChoices::default(), &values).unwrap()
    }

    #[test]
    fn a_record_comes_back_as_it_was() {
        let mut pipeline = pipeline(&[("key.converter", "long")]);
        let text = SchemaAndValue::new(Schema::of(Type::String), "x");
        let mut record = ConnectRecord::new("t", text.clone())
            .with_key(SchemaAndValue::new(Schema::optional_of(Type::Int64), 7i64));
        record.headers.push(ConnectHeader::new("h", text));
        let wire = out(&mut pipeline, record.clone()).unwrap();
        let wire = WireRecord {
            partition: Some(3),
            offset: Some(9),
            ..wire
        };
        let back = back(&mut pipeline, &wire);
        assert_eq!(back.origin.as_ref().unwrap().offset, 9);
        record.partition = Some(3);
        record.origin.clone_from(&back.origin);
        assert_eq!(back, record);
    }

    #[test]
    fn an_error_says_what_and_where() {
        let mut pipeline = pipeline(&[("value.converter", "integer")]);
        let wire = WireRecord {
            topic: "orders".into(),
            partition: Some(2),
            offset: Some(41),
            timestamp: None,
            key: None,
            value: Some(Cow::Borrowed(b"abc")),
            headers: Vec::new(),
        };
        let error = pipeline.sink(&wire).unwrap_err();
        assert_eq!(error.stage(), Stage::ValueConverter);
        let class = "org.apache.kafka.connect.converters.IntegerConverter";
        assert_eq!((error.class(), error.is_retriable()), (class, false));
        let error = error.at("topic orders, partition 2, offset 41");
        assert_eq!(error.disposition(), Disposition::Stop);
        let trace = error.trace();
        assert!(
            trace.contains("the value of topic orders, partition 2, offset 41"),
            "{trace}"
        );
        assert!(
            trace.contains("these 3 bytes are not a value of type INT32"),
            "{trace}"
        );
    }

    #[test]
    fn transforms_stand_between_the_connector_and_its_converters() {
        let mut pipeline = pipeline(&[
            ("value.converter", "json"),
            ("value.converter.schemas.enable", "false"),
            ("key.converter", "string"),
            ("transforms", "drop,hoist"),
            ("transforms.drop.type", "Filter"),
            ("transforms.drop.predicate", "gone"),
            ("transforms.hoist.type", "HoistField$Value"),
            ("transforms.hoist.field", "line"),
            ("predicates", "gone"),
            ("predicates.gone.type", "RecordIsTombstone"),
        ]);
        let text = |text: &str| SchemaAndValue::new(Schema::of(Type::String), text);
        let wire = out(&mut pipeline, ConnectRecord::new("t", text("x")));
        let value = wire.unwrap().value.unwrap().into_owned();
        assert_eq!(String::from_utf8(value).unwrap(), r#"{"line":"x"}"#);
        let tombstone = ConnectRecord::new("t", SchemaAndValue::NULL);
        assert_eq!(out(&mut pipeline, tombstone), None);
        let wire = WireRecord {
            topic: "t".into(),
            partition: Some(0),
            offset: Some(5),
            timestamp: None,
            key: None,
            value: Some(Cow::Borrowed(b"7")),
            headers: Vec::new(),
        };
        let record = back(&mut pipeline, &wire);
        assert_eq!(record.value.value.entry("line"), Some(&Value::Int64(7)));
    }

    #[test]
    fn a_transform_that_fails_says_on_which_record() {
        let mut pipeline = pipeline(&[
            ("value.converter", "string"),
            ("transforms", "up"),
            ("transforms.up.type", "ExtractField$Value"),
            ("transforms.up.field", "id"),
        ]);
        let wire = WireRecord {
            topic: "orders".into(),
            partition: Some(2),
            offset: Some(41),
            timestamp: None,
            key: None,
            value: Some(Cow::Borrowed(b"abc")),
            headers: Vec::new(),
        };
        let error = pipeline.sink(&wire).unwrap_err();
        assert_eq!(error.stage(), Stage::Transformation);
        let exception = "org.apache.kafka.connect.errors.DataException";
        assert_eq!(error.exception(), exception);
        let trace = error.at("topic orders, partition 2, offset 41").trace();
        for word in ["\"up\"", "topic orders, partition 2, offset 41"] {
            assert!(trace.contains(word), "{trace}");
        }
    }
}
