//! How far a task is behind, as of the moment of asking.
//!
//! Whoever moves data notes when it last asked the far end, and since when something has been undone. The lag
//! is made of these two when somebody asks: it grows while nothing is done, and it is unknown once nobody has
//! asked for too long, whatever the reason is: a task that has failed, is paused or hangs, a cluster or a
//! database out of reach, a worker that is gone.

use std::time::Duration;

use serde_json::{Map, Value, json};

/// What is known only as long as the far end answers.
const KNOWN_WHILE_MEASURED: [&str; 5] = [
    "lag_bytes",
    "lag_transactions",
    "lag_records",
    "retained_wal_bytes",
    "safe_wal_bytes",
];

/// Whether something was undone when the far end was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Behind {
    /// All was done.
    Nothing,
    /// Something had been undone since then, in milliseconds since 1970.
    Since(u64),
    /// The task does not say.
    Untold,
}

/// What the far end said, and when, in milliseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Measured {
    pub(crate) at_ms: u64,
    pub(crate) behind: Behind,
}

/// How far a task is behind at the moment of asking.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Lag {
    /// How old the oldest change is that is not done; if that is unknown, how old it may be at most.
    pub(crate) ms: Option<u64>,
    /// Since when nobody has known it, in milliseconds since 1970.
    pub(crate) unknown_since_ms: Option<u64>,
}

/// Whether a task is at work, so that its lag is measured again and again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It is.
    AtWork,
    /// It has failed, is paused, or has no worker.
    AtRest,
}

impl Measured {
    /// Returns the lag at the moment `now_ms`; what is older than `after` is not known any more.
    pub(crate) fn lag(self, now_ms: u64, after: Duration, standing: Standing) -> Lag {
        let age = now_ms.saturating_sub(self.at_ms);
        let unknown = standing == Standing::AtRest || u128::from(age) > after.as_millis();
        let since = match self.behind {
            Behind::Since(since) => Some(since.min(self.at_ms)),
            _ if unknown => Some(self.at_ms),
            Behind::Nothing => Some(now_ms),
            Behind::Untold => None,
        };
        Lag {
            ms: since.map(|since| now_ms.saturating_sub(since)),
            unknown_since_ms: unknown.then_some(self.at_ms),
        }
    }

    /// Adds to a task's details what any worker can tell its lag from.
    pub(crate) fn write(self, details: &mut Map<String, Value>) {
        details.insert("lag_measured_ms".into(), json!(self.at_ms));
        let behind = match self.behind {
            Behind::Nothing => Some(0),
            Behind::Since(since) => Some(since),
            Behind::Untold => None,
        };
        if let Some(since) = behind {
            details.insert("lag_behind_since_ms".into(), json!(since));
        }
    }

    /// Reads what a task's details say of it.
    pub(crate) fn read(details: &Value) -> Option<Self> {
        let at_ms = details["lag_measured_ms"].as_u64()?;
        let behind = match details["lag_behind_since_ms"].as_u64() {
            None => Behind::Untold,
            Some(0) => Behind::Nothing,
            Some(since) => Behind::Since(since),
        };
        Some(Self { at_ms, behind })
    }
}

impl Lag {
    /// Returns the lag of what comes through both: the greater one, and unknown if either is.
    pub(crate) fn and(self, other: Self) -> Self {
        let earlier = |a: u64, b: u64| a.min(b);
        Self {
            ms: self.ms.max(other.ms),
            unknown_since_ms: match (self.unknown_since_ms, other.unknown_since_ms) {
                (Some(a), Some(b)) => Some(earlier(a, b)),
                (a, b) => a.or(b),
            },
        }
    }

    /// Puts the lag into a task's details: what is unknown is null there.
    pub(crate) fn show(self, details: &mut Value) {
        let Some(details) = details.as_object_mut() else {
            return;
        };
        if self.ms.is_some() {
            details.insert("lag_ms".into(), json!(self.ms));
        }
        let Some(since) = self.unknown_since_ms else {
            return;
        };
        details.insert("lag_unknown_since_ms".into(), json!(since));
        for key in KNOWN_WHILE_MEASURED {
            if let Some(value) = details.get_mut(key) {
                *value = Value::Null;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const AFTER: Duration = Duration::from_secs(15);

    fn lag(behind: Behind, now_ms: u64, standing: Standing) -> (Option<u64>, Option<u64>) {
        let at_ms = 100_000;
        let lag = Measured { at_ms, behind }.lag(now_ms, AFTER, standing);
        (lag.ms, lag.unknown_since_ms)
    }

    #[test]
    fn what_was_measured_long_ago_is_unknown_and_grows() {
        use Behind::{Nothing, Since, Untold};
        use Standing::{AtRest, AtWork};
        assert_eq!(lag(Nothing, 115_000, AtWork), (Some(0), None));
        assert_eq!(lag(Nothing, 115_001, AtWork), (Some(15_001), Some(100_000)));
        assert_eq!(lag(Since(99_000), 101_000, AtWork), (Some(2_000), None));
        assert_eq!(
            lag(Since(99_000), 120_000, AtWork),
            (Some(21_000), Some(100_000))
        );
        assert_eq!(lag(Untold, 101_000, AtWork), (None, None));
        assert_eq!(lag(Untold, 120_000, AtWork), (Some(20_000), Some(100_000)));
        // One that has ended is not measured again, however short ago it was.
        assert_eq!(lag(Nothing, 100_001, AtRest), (Some(1), Some(100_000)));
    }

    #[test]
    fn an_unknown_lag_has_no_numbers_but_its_time() {
        let mut details = json!({ "lag_bytes": 3, "lag_records": 4, "rows": 5 });
        let lag = Lag {
            ms: Some(7),
            unknown_since_ms: Some(1),
        };
        lag.show(&mut details);
        let wanted = json!({
            "lag_bytes": null, "lag_records": null, "rows": 5, "lag_ms": 7, "lag_unknown_since_ms": 1,
        });
        assert_eq!(details, wanted);
    }

    proptest! {
        #[test]
        fn while_nothing_is_measured_it_never_shrinks(
            at_ms in 0_u64..1_000_000, since: Option<u16>, first in 0_u64..100_000, more in 0_u64..100_000,
        ) {
            let behind = match since {
                None => Behind::Nothing,
                Some(age) => Behind::Since(at_ms.saturating_sub(u64::from(age))),
            };
            let measured = Measured { at_ms, behind };
            for standing in [Standing::AtWork, Standing::AtRest] {
                let at = |ms| measured.lag(at_ms + ms, AFTER, standing);
                let (now, later) = (at(first), at(first + more));
                prop_assert!(later.ms >= now.ms);
                prop_assert!(now.unknown_since_ms.is_none() || later.unknown_since_ms == now.unknown_since_ms);
            }
            let mut map = Map::new();
            measured.write(&mut map);
            prop_assume!(behind != Behind::Since(0));
            prop_assert_eq!(Measured::read(&Value::Object(map)), Some(measured));
        }
    }
}
