//! One task's way from records to bytes or back.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use walbridge_connector_api::data::{ConnectHeader, ConnectRecord, Origin};
use walbridge_connector_api::{ConnectorError, Result};

use crate::converters::{Converter, Role};
use crate::transforms::{Chain, chain};
use crate::{ConverterChoices, WireHeader, WireRecord};

/// The converters of one task and the transforms before or behind them.
pub struct Pipeline {
    transforms: Chain,
    key: Box<dyn Converter>,
    value: Box<dyn Converter>,
    header: Box<dyn Converter>,
}

impl Pipeline {
    /// Creates the transforms that a connector's settings name, and its converters: where it names none,
    /// those of the worker.
    ///
    /// # Errors
    /// If their settings cannot be used.
    pub fn new(worker: &ConverterChoices, settings: &BTreeMap<String, String>) -> Result<Self> {
        let transforms = chain::build(settings).map_err(|problems| {
            let all: Vec<_> = problems
                .into_iter()
                .map(|problem| problem.message)
                .collect();
            ConnectorError::stop("InvalidConfiguration", all.join("; "))
        })?;
        let converters = worker.with(settings);
        Ok(Self {
            transforms,
            key: converters.create(Role::Key)?,
            value: converters.create(Role::Value)?,
            header: converters.create(Role::Header)?,
        })
    }

    /// Turns a source's record into bytes; `None` if a transform has dropped it.
    ///
    /// # Errors
    /// If a part of it cannot be converted; names the part, the topic and why.
    pub fn source(&mut self, record: ConnectRecord) -> Result<Option<WireRecord<'static>>> {
        let from = Arc::clone(&record.topic);
        let transformed = self.transforms.apply(record);
        let transformed =
            transformed.map_err(|error| error.at(&format!("a record for topic {from}")))?;
        let Some(record) = transformed else {
            return Ok(None);
        };
        let topic = &*record.topic;
        let place = || format!("a record for topic {topic}");
        let mut headers = Vec::with_capacity(record.headers.len());
        for header in &record.headers {
            let value = self.header.encode(topic, &header.value);
            headers.push(WireHeader {
                key: Cow::Owned(header.key.to_string()),
                value: value
                    .map_err(|e| e.at("header", &in_header(&header.key, &place())))?
                    .map(Cow::Owned),
            });
        }
        let key = self.key.encode(topic, &record.key);
        let key = key.map_err(|error| error.at("key", &place()))?;
        let value = self.value.encode(topic, &record.value);
        let value = value.map_err(|error| error.at("value", &place()))?;
        Ok(Some(WireRecord {
            partition: record.partition,
            offset: None,
            timestamp: record.timestamp,
            key: key.map(Cow::Owned),
            value: value.map(Cow::Owned),
            headers,
            topic: record.topic,
        }))
    }

    /// Turns a record read from Kafka into one for a sink; `None` if a transform has dropped it.
    ///
    /// # Errors
    /// If a part of it cannot be converted; names the part, the topic, partition and offset, and why.
    pub fn sink(&mut self, record: &WireRecord<'_>) -> Result<Option<ConnectRecord>> {
        let topic = &*record.topic;
        let (partition, offset) = (record.partition.unwrap_or(-1), record.offset.unwrap_or(-1));
        let place = || format!("topic {topic}, partition {partition}, offset {offset}");
        let key = self.key.decode(topic, record.key.as_deref());
        let key = key.map_err(|error| error.at("key", &place()))?;
        let value = self.value.decode(topic, record.value.as_deref());
        let value = value.map_err(|error| error.at("value", &place()))?;
        let mut headers = Vec::with_capacity(record.headers.len());
        for header in &record.headers {
            let value = self.header.decode(topic, header.value.as_deref());
            let value = value.map_err(|e| e.at("header", &in_header(&header.key, &place())))?;
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
        self.transforms
            .apply(record)
            .map_err(|error| error.at(&place()))
    }
}

fn in_header(name: &str, place: &str) -> String {
    format!("{place}, header \"{name}\"")
}

#[cfg(test)]
mod tests {
    use super::*;
    use walbridge_connector_api::Disposition;
    use walbridge_connector_api::data::{Schema, SchemaAndValue, Type, Value};

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
        let wire = pipeline.source(record.clone()).unwrap().unwrap();
        let back = WireRecord {
            partition: Some(3),
            offset: Some(9),
            ..wire
        };
        let back = pipeline.sink(&back).unwrap().unwrap();
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
        let wire = pipeline.source(ConnectRecord::new("t", text("x"))).unwrap();
        let value = wire.unwrap().value.unwrap().into_owned();
        assert_eq!(String::from_utf8(value).unwrap(), r#"{"line":"x"}"#);
        let tombstone = ConnectRecord::new("t", SchemaAndValue::NULL);
        assert_eq!(pipeline.source(tombstone).unwrap(), None);
        let wire = WireRecord {
            topic: "t".into(),
            partition: Some(0),
            offset: Some(5),
            timestamp: None,
            key: None,
            value: Some(Cow::Borrowed(b"7")),
            headers: Vec::new(),
        };
        let record = pipeline.sink(&wire).unwrap().unwrap();
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
        let trace = error.trace();
        for word in ["\"up\"", "topic orders, partition 2, offset 41"] {
            assert!(trace.contains(word), "{trace}");
        }
    }
}
