//! Conditions with deadlines.

use std::fmt::Display;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// How long to let go by between two looks at a condition.
const STEP: Duration = Duration::from_millis(50);

/// Waits until `look` yields a value, and fails after `limit` with what was last seen instead.
///
/// `look` answers `Ok(value)` when the condition holds and `Err(what is seen instead)` otherwise.
///
/// # Errors
/// If the condition does not hold within `limit`.
pub fn until<T, W: Display>(
    what: impl Display,
    limit: Duration,
    mut look: impl FnMut() -> Result<T, W>,
) -> Result<T> {
    let deadline = Instant::now() + limit;
    loop {
        let seen = match look() {
            Ok(value) => return Ok(value),
            Err(seen) => seen,
        };
        if Instant::now() >= deadline {
            bail!("waited {limit:?} for {what}; last seen: {seen}");
        }
        thread::sleep(STEP);
    }
}

/// Waits until `look` answers true.
///
/// # Errors
/// If it does not within `limit`.
pub fn until_true(
    what: impl Display,
    limit: Duration,
    mut look: impl FnMut() -> Result<bool>,
) -> Result<()> {
    until(what, limit, || match look() {
        Ok(true) => Ok(()),
        Ok(false) => Err("not yet".to_owned()),
        Err(error) => Err(format!("{error:#}")),
    })
}
