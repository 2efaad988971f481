//! Writes a sink's dead letters, before anybody may forget the records.

use walbridge_connector_api::{Batch, ConnectorError, Disposition, Result, StopToken, fail_point};
use walbridge_kafka::{Admin, BatchWriter, ClientConfig};

use super::{DeadLetters, Tolerance};

/// The dead letter topic of one sink task, with a producer once there is a first letter.
pub(crate) struct DeadLetterWriter {
    /// Makes the letters.
    pub(crate) letters: DeadLetters,
    /// The letters that are not written yet.
    pub(crate) waiting: Batch,
    config: ClientConfig,
    writer: Option<BatchWriter>,
    stop: StopToken,
}

impl DeadLetterWriter {
    /// Makes sure that the topic exists.
    ///
    /// # Errors
    /// If it cannot be created.
    pub(crate) fn open(
        letters: DeadLetters,
        config: ClientConfig,
        admin: &Admin,
        stop: StopToken,
    ) -> Result<Self> {
        let name = &letters.spec.name;
        let created = admin.describe(&[name]).and_then(|found| {
            if found.is_empty() {
                tracing::info!(topic = %name, "creating the dead letter topic");
                admin.create(&letters.spec, &stop).map(drop)?;
            }
            Ok(())
        });
        created.map_err(|error| unwritten(name, "cannot be created", error.into()))?;
        Ok(Self {
            letters,
            waiting: Batch::default(),
            config,
            writer: None,
            stop,
        })
    }

    /// Writes the letters that wait and returns once Kafka has them.
    ///
    /// # Errors
    /// If Kafka does not take them: the task must not go on as if they were safe.
    pub(crate) fn write(&mut self, tolerance: &Tolerance) -> Result<()> {
        let count = self.waiting.records().len() as u64;
        if count == 0 {
            return Ok(());
        }
        tolerance.requested(count);
        let writer = match &mut self.writer {
            Some(writer) => writer,
            none => none.insert(BatchWriter::new(&self.config, self.stop.clone())?),
        };
        let written = writer.write(&self.waiting);
        if let Err(error) = written {
            tolerance.unwritten(count);
            let name = &self.letters.spec.name;
            return Err(unwritten(
                name,
                "does not take records, and no offset is committed beyond them",
                error.into(),
            ));
        }
        fail_point!("dead-letters-written");
        self.waiting.clear();
        Ok(())
    }
}

/// Says that the dead letter topic is the trouble, and leaves it to the cause what is done about it.
fn unwritten(topic: &str, what: &str, cause: ConnectorError) -> ConnectorError {
    let message = format!("the dead letter topic {topic} {what}");
    let error = match cause.disposition() {
        Disposition::Retry => ConnectorError::retry("DeadLetterUnwritten", message),
        Disposition::Rewind => ConnectorError::rewind("DeadLetterUnwritten", message),
        Disposition::Stop => ConnectorError::stop("DeadLetterUnwritten", message).remedy(
            "mend the topic or give another as errors.deadletterqueue.topic.name; the records that it \
             did not take are read again",
        ),
    };
    error.because(cause)
}
