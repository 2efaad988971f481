//! How often a failed task starts again by itself: `errors.restart.*` of its connector.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use rand::Rng as _;
use walbridge_connector_api::{ConnectorError, Settings};

/// How libraries say that the configuration is wrong: their errors come with a name alone.
const OF_LIBRARIES: &str = "InvalidConfiguration";

/// What the settings allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RestartLimits {
    /// How many restarts there may be within the window.
    pub(super) max: u32,
    window: Duration,
    first: Duration,
    longest: Duration,
}

impl RestartLimits {
    /// Reads the settings; `None` if a failed task stays failed.
    pub(super) fn new(settings: &Settings) -> Option<Self> {
        let max = u32::try_from(settings.number("errors.restart.max")).unwrap_or(0);
        (max > 0).then(|| Self {
            max,
            window: settings.millis("errors.restart.window.ms"),
            first: settings.millis("errors.restart.backoff.ms"),
            longest: settings.millis("errors.restart.backoff.max.ms"),
        })
    }

    /// Returns the time within which restarts count, in milliseconds.
    pub(super) fn window_ms(&self) -> u128 {
        self.window.as_millis()
    }
}

/// Returns whether a person must change the configuration before it makes sense to try again.
pub(super) fn is_configuration(error: &ConnectorError) -> bool {
    error.is_configuration() || error.name() == OF_LIBRARIES
}

/// The restarts that a task has had.
#[derive(Debug, Default)]
pub(super) struct Restarts {
    at: VecDeque<Instant>,
}

impl Restarts {
    /// Returns how many count now.
    pub(super) fn count(&self) -> u32 {
        u32::try_from(self.at.len()).unwrap_or(u32::MAX)
    }

    /// Notes one more restart and returns how long to wait before it; `None` if there may be no more.
    ///
    /// Pauses double with each restart within the window, up to a limit, with jitter.
    pub(super) fn next(&mut self, limits: &RestartLimits, now: Instant) -> Option<Duration> {
        while let Some(oldest) = self.at.front()
            && now.duration_since(*oldest) >= limits.window
        {
            self.at.pop_front();
        }
        if self.count() >= limits.max {
            return None;
        }
        let doubled = limits.first.saturating_mul(1 << self.count().min(30));
        let whole = doubled.min(limits.longest.max(limits.first));
        let pause = whole.mul_f64(rand::rng().random_range(0.5..=1.0));
        self.at.push_back(now + pause);
        Some(pause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use walbridge_connector_api::ConfigDef;

    #[test]
    fn restarts_end_at_the_limit_and_begin_again_after_the_window() {
        let limits = RestartLimits {
            max: 3,
            window: Duration::from_secs(60),
            first: Duration::from_millis(100),
            longest: Duration::from_millis(250),
        };
        let mut restarts = Restarts::default();
        let now = Instant::now();
        for whole in [100, 200, 250] {
            let pause = restarts.next(&limits, now).unwrap();
            assert!(pause <= Duration::from_millis(whole), "{pause:?}");
            assert!(pause >= Duration::from_millis(whole / 2), "{pause:?}");
        }
        assert_eq!(restarts.next(&limits, now), None);
        assert_eq!(restarts.count(), 3);
        let later = now + Duration::from_secs(61);
        assert!(restarts.next(&limits, later).unwrap() <= Duration::from_millis(100));
        assert_eq!(restarts.count(), 1);
    }

    #[test]
    fn nothing_restarts_unless_somebody_says_how_often() {
        let def = ConfigDef::default();
        assert_eq!(RestartLimits::new(&def.settings(&Default::default())), None);
        let given = [("errors.restart.max".to_owned(), "2".to_owned())].into();
        let limits = RestartLimits::new(&def.settings(&given)).unwrap();
        assert_eq!(limits.max, 2);
        let wrong = ConnectorError::configuration("InvalidConfiguration", "no");
        assert!(is_configuration(&wrong));
        assert!(!is_configuration(&ConnectorError::stop(
            "SlotMissing",
            "no"
        )));
    }
}
