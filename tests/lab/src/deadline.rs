//! Waiting for a condition, never for a time.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// A reason for which waiting longer is of no use.
#[derive(Debug)]
pub struct Hopeless(pub String);

impl std::fmt::Display for Hopeless {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Hopeless {}

/// Probes until it answers, or fails with what it said last once `limit` has passed.
///
/// The probe answers `Ok(Some(value))` when the condition holds, `Ok(None)` while it does not yet,
/// and an error for a reason worth repeating when time runs out; [`Hopeless`] ends it at once.
pub fn wait_for<T>(
    what: &str,
    limit: Duration,
    mut probe: impl FnMut() -> Result<Option<T>>,
) -> Result<T> {
    let started = Instant::now();
    let mut pause = Duration::from_millis(5);
    loop {
        let last = match probe() {
            Ok(Some(value)) => return Ok(value),
            Ok(None) => None,
            Err(error) if error.is::<Hopeless>() => bail!("{what}: {error:#}"),
            Err(error) => Some(error),
        };
        if started.elapsed() >= limit {
            match last {
                Some(error) => bail!("{what}: not within {limit:?}; last: {error:#}"),
                None => bail!("{what}: not within {limit:?}"),
            }
        }
        std::thread::sleep(pause);
        pause = (pause * 3 / 2).min(Duration::from_millis(100));
    }
}

/// Waits until a plain yes-or-no condition holds.
pub fn wait_until(what: &str, limit: Duration, mut holds: impl FnMut() -> bool) -> Result<()> {
    wait_for(what, limit, || Ok(holds().then_some(())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_as_soon_as_the_condition_holds() {
        let mut calls = 0;
        let got = wait_for("three calls", Duration::from_secs(5), || {
            calls += 1;
            Ok((calls == 3).then_some(calls))
        });
        assert_eq!(got.unwrap(), 3);
    }

    #[test]
    fn repeats_the_last_error_when_time_runs_out() {
        let got: Result<()> = wait_for("a door", Duration::from_millis(20), || {
            bail!("still locked")
        });
        let text = got.unwrap_err().to_string();
        assert!(
            text.contains("a door") && text.contains("still locked"),
            "{text}"
        );
    }
}
