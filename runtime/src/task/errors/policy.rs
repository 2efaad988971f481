//! What a connector's settings say about errors.

use std::time::Duration;

use rand::Rng as _;
use walbridge_connector_api::Settings;

/// The first pause before a step is tried again.
const FIRST: Duration = Duration::from_millis(300);

/// How errors of records are met: `errors.*` of a connector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ErrorPolicy {
    /// For how long a step is tried again; `None` for ever.
    pub(super) retry: Option<Duration>,
    /// The longest pause between attempts.
    pub(super) longest: Duration,
    /// Whether records that cannot be processed are left out.
    pub(crate) tolerant: bool,
    /// Whether errors are logged.
    pub(super) log: bool,
    /// Whether the log says which record it was.
    pub(super) log_records: bool,
}

impl ErrorPolicy {
    /// Reads the settings.
    pub(crate) fn new(settings: &Settings) -> Self {
        let timeout = u64::try_from(settings.number("errors.retry.timeout"));
        Self {
            retry: timeout.ok().map(Duration::from_millis),
            longest: settings.millis("errors.retry.delay.max.ms"),
            tolerant: settings
                .text("errors.tolerance")
                .trim()
                .eq_ignore_ascii_case("all"),
            log: settings.flag("errors.log.enable"),
            log_records: settings.flag("errors.log.include.messages"),
        }
    }

    /// Returns how long to wait after the n-th attempt, the first of which began so long ago; `None` if
    /// the time is over. As in Kafka Connect the pause doubles, and is any up to the longest once it would
    /// be longer.
    pub(super) fn pause(&self, attempt: u32, since: Duration) -> Option<Duration> {
        let left = match self.retry {
            None => Duration::MAX,
            Some(all) => all.checked_sub(since).filter(|left| !left.is_zero())?,
        };
        let doubled = FIRST.saturating_mul(1 << attempt.saturating_sub(1).min(30));
        let pause = if doubled > self.longest {
            self.longest.mul_f64(rand::rng().random_range(0.0..1.0))
        } else {
            doubled
        };
        Some(pause.min(left))
    }

    /// Returns whether a record may be left out because what it needs was out of reach for too long.
    ///
    /// Only if somebody has said how long is too long: otherwise a short outage would empty a topic into
    /// its dead letters.
    pub(super) fn gives_up(&self) -> bool {
        self.tolerant && self.retry.is_some_and(|time| !time.is_zero())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use walbridge_connector_api::ConfigDef;

    fn policy(timeout: &str) -> ErrorPolicy {
        let values = [
            ("errors.retry.timeout", timeout),
            ("errors.retry.delay.max.ms", "1000"),
            ("errors.tolerance", "ALL"),
        ];
        let values = values.map(|(key, value)| (key.to_owned(), value.to_owned()));
        ErrorPolicy::new(&ConfigDef::default().settings(&values.into()))
    }

    #[test]
    fn pauses_double_then_vary_and_end_with_the_time() {
        let ms = Duration::from_millis;
        let never = policy("0");
        assert_eq!(never.pause(1, ms(0)), None);
        assert!(never.tolerant && !never.gives_up());

        let limited = policy("5000");
        assert!(limited.gives_up());
        assert_eq!(limited.pause(1, ms(0)), Some(ms(300)));
        assert_eq!(limited.pause(2, ms(300)), Some(ms(600)));
        for attempt in 3..70 {
            assert!(limited.pause(attempt, ms(900)).unwrap() < ms(1000));
        }
        assert_eq!(limited.pause(1, ms(4900)), Some(ms(100)));
        assert_eq!(limited.pause(1, ms(5000)), None);

        let endless = policy("-1");
        assert!(!endless.gives_up());
        assert_eq!(endless.pause(2, ms(u64::MAX / 2)), Some(ms(600)));
    }
}
