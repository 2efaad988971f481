//! The state of the network between the sites, shared by all proxied routes.

use std::str::FromStr;
use std::sync::{Condvar, Mutex, MutexGuard};
use std::time::Duration;

use anyhow::{Result, bail};

/// What happens to bytes on their way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Flow {
    /// They pass.
    #[default]
    Open,
    /// They wait, as if the cable were pulled: nothing arrives and nobody is told.
    Cut,
    /// New connections are refused; existing ones were reset.
    Refused,
}

/// The network's present state.
#[derive(Debug, Clone, Copy, Default)]
pub struct Weather {
    /// Whether bytes pass.
    pub flow: Flow,
    /// How long each byte is under way.
    pub delay: Duration,
    /// Bytes per second in each direction of each connection; 0 is no limit.
    pub rate: u64,
    /// Grows whenever all connections are to be reset.
    pub resets: u64,
}

/// A change to the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Pulls the cable.
    Cut,
    /// Takes back everything: bytes pass, at once and unlimited.
    Heal,
    /// Resets all connections and refuses new ones.
    Refuse,
    /// Resets all connections; new ones are welcome.
    Reset,
    /// Delays every byte.
    Delay(Duration),
    /// Limits bytes per second.
    Rate(u64),
}

/// The weather with a bell that rings when it changes.
#[derive(Debug, Default)]
pub struct Conditions {
    weather: Mutex<Weather>,
    changed: Condvar,
}

impl Conditions {
    /// Returns the state now.
    pub fn now(&self) -> Weather {
        *self.lock()
    }

    /// Applies a change.
    pub fn apply(&self, change: Change) {
        let mut weather = self.lock();
        match change {
            Change::Cut => weather.flow = Flow::Cut,
            Change::Heal => {
                *weather = Weather {
                    resets: weather.resets,
                    ..Weather::default()
                }
            }
            Change::Refuse => {
                weather.flow = Flow::Refused;
                weather.resets += 1;
            }
            Change::Reset => weather.resets += 1,
            Change::Delay(delay) => weather.delay = delay,
            Change::Rate(rate) => weather.rate = rate,
        }
        self.changed.notify_all();
    }

    /// Waits while the cable is pulled, unless a reset comes; returns the state after it.
    pub fn wait_passable(&self, resets: u64) -> Weather {
        let mut weather = self.lock();
        while weather.flow == Flow::Cut && weather.resets == resets {
            weather = self
                .changed
                .wait(weather)
                .unwrap_or_else(|poisoned| poisoned.into_inner());
        }
        *weather
    }

    /// Waits until a reset comes after the one numbered `resets`, or for at most `limit`.
    pub fn wait_reset(&self, resets: u64, limit: Duration) -> bool {
        let weather = self.lock();
        let (weather, _) = self
            .changed
            .wait_timeout_while(weather, limit, |weather| weather.resets == resets)
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        weather.resets != resets
    }

    fn lock(&self) -> MutexGuard<'_, Weather> {
        self.weather
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl std::fmt::Display for Change {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Cut => f.write_str("cut"),
            Self::Heal => f.write_str("heal"),
            Self::Refuse => f.write_str("refuse"),
            Self::Reset => f.write_str("reset"),
            Self::Delay(delay) => write!(f, "delay {}", delay.as_millis()),
            Self::Rate(rate) => write!(f, "rate {rate}"),
        }
    }
}

impl FromStr for Change {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let words: Vec<&str> = text.split_whitespace().collect();
        Ok(match words[..] {
            ["cut"] => Self::Cut,
            ["heal"] => Self::Heal,
            ["refuse"] => Self::Refuse,
            ["reset"] => Self::Reset,
            ["delay", millis] => Self::Delay(Duration::from_millis(millis.parse()?)),
            ["rate", rate] => Self::Rate(rate.parse()?),
            _ => bail!("{text:?}: wanted cut, heal, refuse, reset, delay MS or rate BYTES"),
        })
    }
}

impl std::fmt::Display for Weather {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let flow = match self.flow {
            Flow::Open => "open",
            Flow::Cut => "cut",
            Flow::Refused => "refused",
        };
        f.write_str(flow)?;
        if !self.delay.is_zero() {
            write!(f, ", delayed by {} ms", self.delay.as_millis())?;
        }
        if self.rate > 0 {
            write!(f, ", at most {} bytes/s", self.rate)?;
        }
        Ok(())
    }
}
