//! Schema ids of one registry as those of another.

use std::collections::HashMap;

use walbridge_connector_api::{Batch, ConnectorError, Partition, Result};
use walbridge_schemas::frame;
use walbridge_schemas::registry::{Registry, RegistryError};

/// Translates the ids in Confluent's frame from the source's registry to the target's.
#[derive(Debug)]
pub(crate) struct SchemaIds {
    source: Registry,
    target: Registry,
    /// By subject, and there by id: few, so the newest is found at once from the end.
    known: HashMap<String, Vec<(u32, u32)>>,
}

impl SchemaIds {
    pub(crate) fn new(source: Registry, target: Registry) -> Self {
        Self {
            source,
            target,
            known: HashMap::new(),
        }
    }

    /// Rewrites the ids in a batch whose topics already have the target's names.
    pub(crate) fn translate(&mut self, batch: &mut Batch) -> Result<()> {
        let topics = batch.topics().iter();
        let subjects: Vec<[String; 2]> = topics
            .map(|t| [format!("{}-key", t.name), format!("{}-value", t.name)])
            .collect();
        for index in 0..batch.records().len() {
            let record = batch.records()[index];
            for (span, part) in [(record.key, 0), (record.value, 1)] {
                let Some(Ok((id, _))) = batch.bytes(span).map(frame::read) else {
                    continue;
                };
                let subject = &subjects[record.topic as usize][part];
                let new = self.id(subject, id).map_err(|error| {
                    let Partition::Fixed(partition) = record.partition else {
                        return error;
                    };
                    at(error, subject, partition, record.offset)
                })?;
                if let (true, Some(bytes)) = (new != id, batch.bytes_mut(span)) {
                    bytes[1..5].copy_from_slice(&new.to_be_bytes());
                }
            }
        }
        Ok(())
    }

    fn id(&mut self, subject: &str, id: u32) -> Result<u32> {
        let known = self.known.get(subject).map_or(&[][..], Vec::as_slice);
        if let Some((_, new)) = known.iter().rev().find(|(old, _)| *old == id) {
            return Ok(*new);
        }
        let schema = self.source.schema(id).map_err(|e| failure(&e, "source"))?;
        let new = self
            .target
            .register(subject, &schema)
            .map_err(|e| failure(&e, "target"))?;
        tracing::info!(
            subject,
            source_id = id,
            target_id = new,
            "schema carried over"
        );
        self.known
            .entry(subject.to_owned())
            .or_default()
            .push((id, new));
        Ok(new)
    }
}

fn failure(error: &RegistryError, site: &str) -> ConnectorError {
    let text = format!("{site}.schema.registry: {error}");
    if error.is_retriable() {
        return ConnectorError::retry("RegistryUnavailable", text);
    }
    match error {
        RegistryError::Unknown { .. } => ConnectorError::stop("SchemaUnknown", text).remedy(
            "if the topic holds no Avro, mirror it with a connector that has no registries; otherwise \
             restore the schema in the registry",
        ),
        _ => ConnectorError::stop("SchemaRefused", text)
            .remedy("see what the registry says; its compatibility rules may need to be the source's"),
    }
}

/// Adds which record it was.
fn at(error: ConnectorError, subject: &str, partition: i32, offset: i64) -> ConnectorError {
    let place = format!("schema of {subject}, partition {partition}, offset {offset}");
    use walbridge_connector_api::Disposition::{Retry, Rewind, Stop};
    let name = error.name();
    match error.disposition() {
        Stop => ConnectorError::stop(name, place),
        Retry => ConnectorError::retry(name, place),
        Rewind => ConnectorError::rewind(name, place),
    }
    .because(error)
}
