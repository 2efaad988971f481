//! Schema ids of one registry as those of another.

use std::collections::HashMap;
use std::sync::Arc;

use walbridge_connector_api::{Batch, ConnectorError, Partition, Result};
use walbridge_schemas::frame;
use walbridge_schemas::registry::{Registry, RegistryError};

use crate::settings::Plan;

/// Translates the ids in Confluent's frame from the source's registry to the target's.
///
/// Five bytes of which the first is zero are a frame only where it is known that there are frames: a
/// number or a text may begin so, too. The source's registry knows it: the topic has a subject there.
/// Whoever writes with a schema id has registered it before. So a subject that is not there when a batch
/// has been read means that no record of that batch has an id.
#[derive(Debug)]
pub(crate) struct SchemaIds {
    source: Registry,
    target: Registry,
    plan: Arc<Plan>,
    /// By the target's subject, and there by id: few, so the newest is found at once from the end.
    known: HashMap<String, Vec<(u32, u32)>>,
}

/// The subject of a topic's keys or values, while a batch is translated.
struct Subject {
    source: String,
    target: String,
    /// Whether there are schema ids, once that is known.
    framed: Option<bool>,
}

impl SchemaIds {
    pub(crate) fn new(source: Registry, target: Registry, plan: Arc<Plan>) -> Self {
        Self {
            source,
            target,
            plan,
            known: HashMap::new(),
        }
    }

    /// Rewrites the ids in a batch whose topics already have the target's names; `sources` has those at
    /// the source.
    pub(crate) fn translate(
        &mut self,
        batch: &mut Batch,
        sources: &HashMap<String, Arc<str>>,
    ) -> Result<()> {
        let topics = batch.topics().iter();
        let mut subjects: Vec<[Subject; 2]> = topics
            .map(|topic| {
                let source = sources.get(&topic.name).map(|source| &**source);
                self.subjects(source.unwrap_or(&topic.name), &topic.name)
            })
            .collect();
        for index in 0..batch.records().len() {
            let record = batch.records()[index];
            for (span, part) in [(record.key, 0), (record.value, 1)] {
                let Some(Ok((id, _))) = batch.bytes(span).map(frame::read) else {
                    continue;
                };
                let subject = &mut subjects[record.topic as usize][part];
                let new = self.id(subject, id).map_err(|error| {
                    let Partition::Fixed(partition) = record.partition else {
                        return error;
                    };
                    at(error, &subject.target, partition, record.offset)
                })?;
                let Some(new) = new.filter(|new| *new != id) else {
                    continue;
                };
                if let Some(bytes) = batch.bytes_mut(span) {
                    bytes[1..5].copy_from_slice(&new.to_be_bytes());
                }
            }
        }
        Ok(())
    }

    fn subjects(&self, source: &str, target: &str) -> [Subject; 2] {
        let said = self.plan.framed.takes(source).then_some(true);
        ["key", "value"].map(|part| Subject {
            source: format!("{source}-{part}"),
            target: format!("{target}-{part}"),
            framed: said,
        })
    }

    /// Returns the target's id for one of the source's; `None` where there are no ids.
    fn id(&mut self, subject: &mut Subject, id: u32) -> Result<Option<u32>> {
        let known = self.known.get(&subject.target);
        let known = known.map_or(&[][..], Vec::as_slice);
        if let Some((_, new)) = known.iter().rev().find(|(old, _)| *old == id) {
            return Ok(Some(*new));
        }
        let framed = match subject.framed {
            Some(framed) => framed,
            None => *subject.framed.insert(self.has_subject(&subject.source)?),
        };
        if !framed {
            return Ok(None);
        }
        let new = self.carry(&subject.target, id)?;
        let known = self.known.entry(subject.target.clone()).or_default();
        known.push((id, new));
        Ok(Some(new))
    }

    fn has_subject(&self, subject: &str) -> Result<bool> {
        match self.source.latest(subject) {
            Err(RegistryError::NotRegistered { .. }) => Ok(false),
            Err(error) if error.is_retriable() => Err(failure(&error, "source")),
            // Whatever is wrong with the newest schema, there is one.
            _ => Ok(true),
        }
    }

    /// Registers a schema of the source's registry at the target; returns its id there.
    fn carry(&self, subject: &str, id: u32) -> Result<u32> {
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
        Ok(new)
    }
}

fn failure(error: &RegistryError, site: &str) -> ConnectorError {
    let text = format!("{site}.schema.registry: {error}");
    if error.is_retriable() {
        return ConnectorError::retry("RegistryUnavailable", text);
    }
    match error {
        RegistryError::Unknown { .. } => ConnectorError::stop("SchemaUnknown", text)
            .remedy("restore the schema in the source's registry, then restart the task"),
        _ => ConnectorError::stop("SchemaRefused", text).remedy(
            "see what the registry says; its compatibility rules may need to be the source's",
        ),
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
