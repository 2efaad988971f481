//! When the server was seen to have written how much: so the age of what is not done is known.

use std::collections::VecDeque;

use walbridge_postgres::Lsn;

/// How many looks are kept; when there are more, every other is forgotten, and they are taken half as often.
const MOST: usize = 512;

/// How long log that is none of ours may stay unconfirmed before it counts as behind: its position is recorded
/// only now and then.
const IDLE_MS: i64 = 10_000;

/// What the server had written at the moments at which it was asked, as far as that is not confirmed.
#[derive(Debug, Default)]
pub(crate) struct Looks {
    all: VecDeque<(Lsn, i64)>,
    /// How far apart they are at least, in milliseconds.
    step_ms: i64,
}

impl Looks {
    /// Takes in what the server has written now and what of it is confirmed, and returns since when something
    /// is not, in milliseconds since 1970; `even` says that all that the stream has brought is confirmed.
    pub(crate) fn behind_since(
        &mut self,
        written: Lsn,
        confirmed: Lsn,
        even: bool,
        now_ms: i64,
    ) -> Option<i64> {
        while self.all.front().is_some_and(|(lsn, _)| *lsn <= confirmed) {
            self.all.pop_front();
        }
        if written <= confirmed {
            return None;
        }
        match self.all.back() {
            None => self.step_ms = 0,
            Some((lsn, at)) if *lsn == written || now_ms - at < self.step_ms => {}
            Some(_) if self.all.len() >= MOST => self.thin_out(),
            Some(_) => self.all.push_back((written, now_ms)),
        }
        if self.all.is_empty() {
            self.all.push_back((written, now_ms));
        }
        let (_, since) = *self.all.front()?;
        let idle = even && now_ms - since < IDLE_MS;
        (!idle).then_some(since)
    }

    /// Forgets every other look.
    fn thin_out(&mut self) {
        let mut keep = false;
        self.all.retain(|_| {
            keep = !keep;
            keep
        });
        let ends = self.all.front().zip(self.all.back());
        let span = ends.map_or(0, |((_, first), (_, last))| last - first);
        self.step_ms = 2 * span / MOST as i64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_age_is_that_of_the_first_look_at_what_is_not_confirmed() {
        let mut looks = Looks::default();
        let mut look = |written, confirmed, even, at| {
            looks.behind_since(Lsn(written), Lsn(confirmed), even, at)
        };
        assert_eq!(look(10, 10, true, 1_000), None);
        assert_eq!(look(20, 10, false, 3_000), Some(3_000));
        assert_eq!(look(30, 10, false, 5_000), Some(3_000));
        assert_eq!(look(30, 20, false, 7_000), Some(5_000));
        assert_eq!(look(30, 30, true, 9_000), None);
        // What other databases write is not behind, unless the stream stands still.
        assert_eq!(look(40, 30, true, 11_000), None);
        assert_eq!(look(50, 30, true, 21_000), Some(11_000));
    }

    #[test]
    fn a_long_outage_takes_little_memory_and_keeps_its_beginning() {
        let mut looks = Looks::default();
        for at in 1..10_000 {
            let written = Lsn(at);
            let since = looks.behind_since(written, Lsn::ZERO, false, at as i64);
            assert_eq!(since, Some(1));
            assert!(looks.all.len() <= MOST);
        }
        // What is confirmed half-way is no older than it is.
        let since = looks.behind_since(Lsn(10_000), Lsn(5_000), false, 10_000);
        assert!(since > Some(5_000) && since < Some(5_050), "{since:?}");
        assert_eq!(
            looks.behind_since(Lsn(10_001), Lsn(10_000), false, 10_001),
            Some(10_001)
        );
    }
}
