//! Status updates: what was received, and what the server may forget.

use std::time::{Duration, Instant};

use walbridge_connector_api::{ConnectorError, Result};
use walbridge_postgres::Lsn;

use crate::shared::{POSTGRES_EPOCH_US, now_us};
use crate::wire::Wire;

/// How long a confirmation waits for more of its kind.
const GATHER: Duration = Duration::from_millis(250);

/// How often a waiting reader looks whether it is to stop.
const LOOK: Duration = Duration::from_millis(100);

/// Sends status updates: on a timer, after a confirmation, when asked.
#[derive(Debug)]
pub(crate) struct Feedback {
    interval: Duration,
    /// How long the server may be silent before it counts as gone.
    patience: Duration,
    received: Lsn,
    sent: Lsn,
    sent_at: Instant,
    heard_at: Instant,
    asked: bool,
}

impl Feedback {
    pub(crate) fn new(interval: Duration, sender_timeout: Duration, start: Lsn) -> Self {
        // A server that hears nothing for its timeout gives up on us.
        let bound = match sender_timeout {
            Duration::ZERO => interval,
            timeout => timeout / 4,
        };
        let interval = interval.min(bound).max(Duration::from_millis(100));
        let now = Instant::now();
        Self {
            interval,
            patience: (interval * 4).max(Duration::from_secs(40)),
            received: start,
            sent: Lsn::ZERO,
            sent_at: now.checked_sub(interval).unwrap_or(now),
            heard_at: now,
            asked: false,
        }
    }

    /// Notes how far the stream has come.
    #[inline]
    pub(crate) fn received(&mut self, lsn: Lsn) {
        self.received = self.received.max(lsn);
    }

    /// Notes that the server lives.
    pub(crate) fn heard(&mut self) {
        self.heard_at = Instant::now();
    }

    /// Notes that the server wants an answer now.
    pub(crate) fn hurry(&mut self) {
        self.asked = true;
    }

    /// Sends an update if one is due.
    pub(crate) fn send_if_due(&mut self, wire: &mut Wire, confirmed: Lsn) -> Result<()> {
        let since = self.sent_at.elapsed();
        let news = confirmed > self.sent && since >= GATHER;
        if !(self.asked || news || since >= self.interval) {
            return Ok(());
        }
        // A server that has been silent is asked for a sign of life.
        let ask = self.heard_at.elapsed() >= self.interval;
        let mut out = [0u8; 39];
        out[0] = b'd';
        out[1..5].copy_from_slice(&38u32.to_be_bytes());
        out[5] = b'r';
        out[6..14].copy_from_slice(&self.received.max(confirmed).0.to_be_bytes());
        out[14..22].copy_from_slice(&confirmed.0.to_be_bytes());
        out[22..30].copy_from_slice(&confirmed.0.to_be_bytes());
        out[30..38].copy_from_slice(&(now_us() - POSTGRES_EPOCH_US).to_be_bytes());
        out[38] = u8::from(ask);
        wire.send(&out)?;
        self.asked = false;
        self.sent = confirmed;
        self.sent_at = Instant::now();
        Ok(())
    }

    /// Returns how long the reader may wait for the server.
    pub(crate) fn nap(&self, confirmed: Lsn) -> Duration {
        let due = if confirmed > self.sent {
            GATHER
        } else {
            self.interval
        };
        due.saturating_sub(self.sent_at.elapsed())
            .clamp(Duration::from_millis(1), LOOK)
    }

    /// Fails when the server has been silent for too long.
    pub(crate) fn check_alive(&self, wire: &Wire) -> Result<()> {
        let silent = self.heard_at.elapsed();
        if silent < self.patience {
            return Ok(());
        }
        Err(ConnectorError::retry(
            "Unreachable",
            format!(
                "{} has been silent for {} s",
                wire.target(),
                silent.as_secs()
            ),
        ))
    }
}
