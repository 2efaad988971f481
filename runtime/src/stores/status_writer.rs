//! The thread that writes the status topic.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use walbridge_connector_api::StopToken;
use walbridge_kafka::{KafkaError, LogWriter};

use super::{StatusJob, StatusRecord};

/// Starts the thread that writes the status topic.
pub(super) fn start(
    writer: Arc<LogWriter>,
    jobs: Receiver<StatusJob>,
    closing: StopToken,
) -> std::io::Result<JoinHandle<()>> {
    let body = move || write_statuses(&writer, &jobs, &closing);
    std::thread::Builder::new()
        .name("statuses".into())
        .spawn(body)
}

/// Writes statuses in order, several at once, again and again until Kafka has them.
fn write_statuses(writer: &LogWriter, jobs: &Receiver<StatusJob>, closing: &StopToken) {
    let mut waiting: Vec<StatusRecord> = Vec::new();
    let mut flushed: Vec<Sender<()>> = Vec::new();
    let mut quiet_until = Instant::now();
    while !closing.is_stopped() {
        match jobs.recv_timeout(Duration::from_millis(100)) {
            Ok(job) => take(job, &mut waiting, &mut flushed),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        while let Ok(job) = jobs.try_recv() {
            take(job, &mut waiting, &mut flushed);
        }
        if waiting.is_empty() || Instant::now() < quiet_until {
            if waiting.is_empty() {
                flushed.clear();
            }
            continue;
        }
        let all: Vec<_> = waiting
            .iter()
            .map(|(key, value)| (key.as_bytes(), value.as_deref()))
            .collect();
        match writer.put_all(&all) {
            Ok(()) => {
                waiting.clear();
                flushed
                    .drain(..)
                    .for_each(|done| done.send(()).unwrap_or_default());
            }
            Err(error) => quiet_until = held_up(&error),
        }
    }
}

fn take(job: StatusJob, waiting: &mut Vec<StatusRecord>, flushed: &mut Vec<Sender<()>>) {
    match job {
        StatusJob::Write((key, value)) => {
            waiting.retain(|(other, _)| *other != key);
            waiting.push((key, value));
        }
        StatusJob::Flush(done) => flushed.push(done),
    }
}

fn held_up(error: &KafkaError) -> Instant {
    tracing::warn!(%error, "statuses cannot be written at the moment");
    Instant::now() + Duration::from_secs(1)
}
