//! Descriptors that are held so that there are some to accept connections with when all others are taken.

use std::fs::File;
use std::io;

/// How many connections can be had when nothing else is left.
const HELD: usize = 16;

/// The numbers of Unix for: this process, or the whole system, has no descriptor left.
const NONE_LEFT: [i32; 2] = [24, 23];

/// Descriptors in reserve.
#[derive(Default)]
pub(super) struct Spares(Vec<File>);

impl Spares {
    /// Takes as many as there should be, or as there are.
    pub(super) fn refill(&mut self) {
        while self.0.len() < HELD {
            let Ok(spare) = File::open("/dev/null") else {
                return;
            };
            self.0.push(spare);
        }
    }

    /// Gives one back, if that is what keeps a connection from being accepted; returns whether it helps.
    pub(super) fn give(&mut self, error: &io::Error) -> bool {
        if !error
            .raw_os_error()
            .is_some_and(|code| NONE_LEFT.contains(&code))
        {
            return false;
        }
        if self.0.len() == HELD {
            tracing::warn!(%error, "the REST API accepts connections out of its reserve of descriptors");
        }
        self.0.pop().is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_is_given_back_one_by_one_and_taken_again() {
        let mut spares = Spares::default();
        spares.refill();
        assert!(!spares.give(&io::Error::from_raw_os_error(104)));
        for _ in 0..HELD {
            assert!(spares.give(&io::Error::from_raw_os_error(24)));
        }
        assert!(!spares.give(&io::Error::from_raw_os_error(24)));
        spares.refill();
        assert!(spares.give(&io::Error::from_raw_os_error(23)));
    }
}
