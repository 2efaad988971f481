//! Says that a cluster is out of reach: once for all clients, then at long intervals, and when it is over.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long nobody is told again that a cluster is still out of reach.
const TELL_AGAIN: Duration = Duration::from_secs(60);

/// A cluster that is out of reach.
#[derive(Debug, Clone, Copy)]
struct Away {
    since: Instant,
    told: Instant,
}

/// What there is to say.
#[derive(Debug, PartialEq, Eq)]
enum Word {
    Down,
    StillDown(Duration),
    Up(Duration),
}

/// The clusters that are out of reach, by the addresses that their clients have.
#[derive(Debug, Default)]
struct Clusters(HashMap<String, Away>);

impl Clusters {
    fn down(&mut self, servers: &str, now: Instant) -> Option<Word> {
        let Some(away) = self.0.get_mut(servers) else {
            let away = Away {
                since: now,
                told: now,
            };
            self.0.insert(servers.to_owned(), away);
            return Some(Word::Down);
        };
        let again = now.duration_since(away.told) >= TELL_AGAIN;
        again.then(|| {
            away.told = now;
            Word::StillDown(now.duration_since(away.since))
        })
    }

    fn up(&mut self, servers: &str, now: Instant) -> Option<Word> {
        let away = self.0.remove(servers)?;
        Some(Word::Up(now.duration_since(away.since)))
    }
}

/// What one client knows of its cluster's absence.
#[derive(Debug, Default)]
pub(crate) struct Outage {
    servers: String,
    is_down: AtomicBool,
}

impl Outage {
    pub(super) fn of(servers: &str) -> Self {
        Self {
            servers: servers.to_owned(),
            is_down: AtomicBool::new(false),
        }
    }

    /// Notes that this client reaches none of its brokers.
    pub(super) fn down(&self, client: &str) {
        self.is_down.store(true, Ordering::Relaxed);
        let servers = &self.servers;
        match clusters(|all| all.down(servers, Instant::now())) {
            Some(Word::Down) => {
                tracing::warn!(target: "kafka", client, servers, "no broker of the cluster can be reached");
            }
            Some(Word::StillDown(since)) => {
                let since_s = since.as_secs();
                tracing::warn!(
                    target: "kafka", client, servers, since_s,
                    "still no broker of the cluster can be reached"
                );
            }
            _ => {}
        }
    }

    /// Notes that something came from a broker or was taken by one: called often, and does nothing unless
    /// this client was cut off.
    pub(super) fn up(&self) {
        if !self.is_down.load(Ordering::Relaxed) || !self.is_down.swap(false, Ordering::Relaxed) {
            return;
        }
        let servers = &self.servers;
        if let Some(Word::Up(after)) = clusters(|all| all.up(servers, Instant::now())) {
            let after_s = after.as_secs();
            tracing::info!(target: "kafka", servers, after_s, "the cluster can be reached again");
        }
    }
}

fn clusters(say: impl FnOnce(&mut Clusters) -> Option<Word>) -> Option<Word> {
    static ALL: LazyLock<Mutex<Clusters>> = LazyLock::new(Mutex::default);
    say(&mut ALL.lock().unwrap_or_else(PoisonError::into_inner))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_is_told_once_then_each_minute_and_at_its_end() {
        let (mut all, began) = (Clusters::default(), Instant::now());
        let mut words = Vec::new();
        // Twelve complaints a second for five minutes, from many clients.
        for tick in 0..12 * 300u32 {
            let now = began + Duration::from_secs(1) * tick / 12;
            words.extend(all.down("a:9092", now));
        }
        let still = |secs| Word::StillDown(Duration::from_secs(secs));
        assert_eq!(
            words,
            [Word::Down, still(60), still(120), still(180), still(240)]
        );
        // Another cluster has an outage of its own.
        assert_eq!(all.down("b:9092", began), Some(Word::Down));
        let over = began + Duration::from_secs(300);
        assert_eq!(
            all.up("a:9092", over),
            Some(Word::Up(Duration::from_secs(300)))
        );
        assert_eq!(all.up("a:9092", over), None);
        assert_eq!(all.down("a:9092", over), Some(Word::Down));
    }

    #[test]
    fn a_client_that_was_never_cut_off_ends_nothing() {
        let (cut, whole) = (Outage::of("outage:1"), Outage::of("outage:1"));
        cut.down("cut");
        whole.up();
        let is_known =
            || clusters(|all| all.0.contains_key("outage:1").then_some(Word::Down)).is_some();
        assert!(is_known());
        cut.up();
        assert!(!is_known());
    }
}
