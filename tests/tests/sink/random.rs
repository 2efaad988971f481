//! Streams made of dice, of which parts come again or out of order.

use std::collections::BTreeMap;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::rig::{Database, Rig};
use crate::stream::{Stream, Table, V, Written};

use V::I;

/// A stream made of dice, with what the target must be after each of its units.
struct Random {
    dice: StdRng,
    stream: Stream,
    keyed: Table,
    keyless: Table,
    state: (BTreeMap<i64, i64>, Vec<i64>),
    /// By the snapshot's place in `snapshots` and the number since.
    states: BTreeMap<(usize, i64), Vec<String>>,
    /// The positions of all snapshots.
    snapshots: Vec<i64>,
    next: i64,
}

impl Random {
    fn new(seed: u64) -> Self {
        let mut stream = Stream::new();
        let columns = [("id", "bigint"), ("n", "bigint")];
        let keyed = stream.table("keyed", &columns, &[0], 2);
        let keyless = stream.table("keyless", &columns[1..], &[], 2);
        Self {
            dice: StdRng::seed_from_u64(seed),
            stream,
            keyed,
            keyless,
            state: Default::default(),
            states: BTreeMap::new(),
            snapshots: Vec::new(),
            next: 0,
        }
    }

    fn note(&mut self) {
        let keyed = self.state.0.iter().map(|(id, n)| format!("{id}|{n}"));
        let mut rows: Vec<_> = keyed
            .chain(self.state.1.iter().map(i64::to_string))
            .collect();
        rows.sort();
        let key = (self.snapshots.len() - 1, self.stream.seq as i64);
        self.states.insert(key, rows);
    }

    fn snapshot(&mut self, ends: bool) {
        self.stream.begin_snapshot(&[&self.keyed, &self.keyless]);
        self.state = Default::default();
        self.snapshots.push(self.stream.lsn as i64);
        for _ in 0..self.dice.random_range(0..5) {
            let n = self.dice.random_range(0..3);
            self.next += 1;
            self.stream.read(&self.keyed, &[I(self.next), I(n)]);
            self.stream.read(&self.keyless, &[I(n)]);
            self.state.0.insert(self.next, n);
            self.state.1.push(n);
        }
        if ends {
            self.stream.end_snapshot();
            self.note();
        }
    }

    fn transaction(&mut self) {
        self.stream.begin();
        for _ in 0..self.dice.random_range(1..5) {
            let n = self.dice.random_range(0..3);
            let known = self.state.0.keys().next().copied();
            match (self.dice.random_range(0..4), known) {
                (0, Some(id)) => {
                    self.stream.update(&self.keyed, &[I(id), I(n)]);
                    self.state.0.insert(id, n);
                }
                (1, Some(id)) => {
                    let before = [I(id), I(self.state.0[&id])];
                    self.stream.delete(&self.keyed, &before);
                    self.state.0.remove(&id);
                }
                (2, _) => {
                    self.stream.insert(&self.keyless, &[I(n)]);
                    self.state.1.push(n);
                }
                _ => {
                    self.next += 1;
                    self.stream.insert(&self.keyed, &[I(self.next), I(n)]);
                    self.state.0.insert(self.next, n);
                }
            }
        }
        self.stream.commit();
        self.note();
    }

    fn play(&mut self) {
        self.snapshot(true);
        for _ in 0..self.dice.random_range(0..8) {
            match self.dice.random_range(0..8) {
                0 => self.snapshot(true),
                1 => {
                    self.snapshot(false);
                    self.snapshot(true);
                }
                2 if self.snapshots.iter().all(|lsn| *lsn >= 1000) => {
                    self.stream.change_server();
                    self.snapshot(true);
                }
                _ => self.transaction(),
            }
        }
    }

    /// Writes a run of a partition's records once more, somewhere behind, or lets two change places.
    fn disturb(&mut self) {
        let log = &mut self.stream.log;
        let lane = &log[self.dice.random_range(0..log.len())];
        let lane = (lane.topic.name.clone(), lane.partition);
        let whole = self.dice.random_range(0..4) == 0;
        let of = |w: &Written| whole || (&w.topic.name, w.partition) == (&lane.0, lane.1);
        let places: Vec<_> = (0..log.len()).filter(|at| of(&log[*at])).collect();
        if self.dice.random_range(0..4) == 0 {
            let at = self.dice.random_range(0..places.len());
            log.swap(places[at], places[(at + 1) % places.len()]);
        } else {
            let from = self.dice.random_range(0..places.len());
            let len = self.dice.random_range(1..=places.len());
            let run = places.iter().skip(from).take(len);
            let copy: Vec<_> = run.map(|at| log[*at].clone()).collect();
            let at = self.dice.random_range(places[from]..log.len()) + 1;
            log.splice(at..at, copy);
        }
        self.stream.renumber();
    }
}

#[test]
fn whatever_comes_again_the_standby_is_only_what_the_source_has_been() {
    let database = Database::create("random");
    for seed in 0..36 {
        let mut random = Random::new(seed);
        random.play();
        let disturbed = seed % 6 != 0;
        for _ in 0..random.dice.random_range(1..3) {
            if disturbed {
                random.disturb();
            }
        }
        let link = format!("link {seed}");
        let more = [
            ("link.name", link.as_str()),
            ("snapshot.target.nonempty", "truncate"),
        ];
        let chunk = random.dice.random_range(1..9);
        let mut reached = (0, 0);
        for _ in 0..3 {
            let fed = Rig::open(&database, &random.stream, &more)
                .and_then(|mut rig| rig.feed(&random.stream, chunk));
            if let Err(error) = &fed {
                let known = [
                    "StreamRepeats",
                    "ChainGap",
                    "CountMismatch",
                    "StandbyDiverged",
                    "NoLaterSnapshot",
                ];
                assert!(
                    disturbed && known.contains(&error.name()),
                    "{link}: {error}"
                );
            }
            let at = format!(
                "SELECT (snapshot_lsn - '0/0')::bigint, seq FROM walbridge.position
                 WHERE link = '{link}' AND phase = 'streaming'"
            );
            let Some(at) = database.rows(&at).pop() else {
                continue;
            };
            let (snapshot, seq) = at.split_once('|').unwrap();
            let known = random
                .snapshots
                .iter()
                .position(|lsn| lsn.to_string() == snapshot);
            let at = (known.unwrap(), seq.parse().unwrap());
            assert!(at >= reached, "{link}: {reached:?} {at:?}");
            reached = at;
            let found = database.rows(
                "SELECT * FROM (SELECT id || '|' || n AS r FROM public.keyed
                 UNION ALL SELECT n::text FROM public.keyless) AS t ORDER BY r COLLATE \"C\"",
            );
            assert_eq!(found, random.states[&at], "{link} at {at:?}: {fed:?}");
            if !disturbed {
                assert_eq!(Some(&at), random.states.keys().last(), "{link}");
            }
        }
    }
}
