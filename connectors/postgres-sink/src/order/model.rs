//! Streams that are fed twice, against a model: whatever comes again, in whichever order, the target is
//! either as the model is at its position, or has stopped there.

mod stream;

use std::collections::{HashSet, VecDeque};

use proptest::prelude::*;
use walbridge_postgres::Lsn;
use walbridge_schemas::transaction::Status;

use self::stream::{Row, State, Stream, Twice, again, deeds};
use super::{Due, Measure, Standing};
use crate::marker::{Marker, Unit};
use crate::position::{Phase, Position};

/// Table 0 has a key and two partitions, table 1 has neither.
const LANES: [usize; 3] = [0, 0, 1];

/// The target, with what the sink's loop does around `judge` and `due`.
#[derive(Debug)]
struct Target {
    position: Position,
    current: Option<(Marker, Option<Vec<u64>>)>,
    taken: [u64; 2],
    given_up: HashSet<Lsn>,
    /// As committed.
    state: State,
    /// With the rows of the transaction at hand.
    working: State,
}

/// What a step came to.
enum Step {
    More,
    Blocked,
    Stopped,
}

impl Target {
    fn new() -> Self {
        Self {
            position: Position::new(1),
            current: None,
            taken: [0; 2],
            given_up: HashSet::new(),
            state: State::default(),
            working: State::default(),
        }
    }

    fn step(&mut self, markers: &mut VecDeque<Marker>, lanes: &mut [VecDeque<Row>; 3]) -> Step {
        let Some((begin, counts)) = self.current.clone() else {
            return self.begin(markers);
        };
        if counts.is_none()
            && let Some(step) = self.read_end(&begin, markers)
        {
            return step;
        }
        let limits = self.current.clone().and_then(|(_, counts)| counts);
        let mut any = limits.is_some() && counts.is_none();
        for (lane, table) in LANES.into_iter().enumerate() {
            let limit = limits.as_ref().map_or(u64::MAX, |limits| limits[table]);
            while let Some(row) = lanes[lane].front().copied()
                && self.taken[table] < limit
            {
                let measure = Measure {
                    position: &self.position,
                    begin: &begin,
                    since_us: None,
                    given_up: &self.given_up,
                };
                match measure.due(row.turn, &row.written, self.taken[table]) {
                    Due::Now => {
                        let there = self.working[table].entry(row.id).or_default();
                        // As the target's key would.
                        if table == 0 && *there > 0 {
                            return Step::Stopped;
                        }
                        *there += 1;
                        self.taken[table] += 1;
                    }
                    Due::Never => {}
                    Due::Later => break,
                    Due::Again => return Step::Stopped,
                }
                lanes[lane].pop_front();
                any = true;
            }
        }
        let Some(limits) = limits else {
            return if any { Step::More } else { Step::Blocked };
        };
        if limits == self.taken {
            self.finish(&begin);
            return Step::More;
        }
        if limits
            .iter()
            .zip(self.taken)
            .any(|(limit, taken)| taken > *limit)
        {
            return Step::Stopped;
        }
        if any { Step::More } else { Step::Blocked }
    }

    fn begin(&mut self, markers: &mut VecDeque<Marker>) -> Step {
        let Some(begin) = markers.front() else {
            return Step::Blocked;
        };
        if self.position.judge(begin, &self.given_up) != Standing::Next {
            return Step::Stopped;
        }
        let Some(begin) = markers.pop_front() else {
            return Step::Blocked;
        };
        self.taken = [0; 2];
        if let Unit::Snapshot(lsn) = begin.unit {
            if self.position.phase == Phase::Loading {
                self.given_up.insert(self.position.snapshot_lsn);
                self.given_up.remove(&lsn);
            }
            self.working = State::default();
            self.position.phase = Phase::Loading;
            self.position.snapshot_lsn = lsn;
            self.position.snapshot_ts = Some(begin.ts_us);
            self.position.snapshot_since = Some(begin.since_us);
            self.position.commit_ts = begin.ts_us;
        }
        self.current = Some((begin, None));
        Step::More
    }

    fn read_end(&mut self, begin: &Marker, markers: &mut VecDeque<Marker>) -> Option<Step> {
        let marker = markers.front()?;
        if marker.status == Status::End && marker.is_of(begin) {
            let counts = marker.counts.iter().map(|(_, count)| *count).collect();
            self.current = Some((begin.clone(), Some(counts)));
            markers.pop_front();
            return None;
        }
        let snapshots = matches!(
            (begin.unit, marker.unit),
            (Unit::Snapshot(_), Unit::Snapshot(_))
        );
        let next = self.position.judge(marker, &self.given_up) == Standing::Next;
        if !snapshots || !next || marker.is_of(begin) {
            return Some(Step::Stopped);
        }
        self.current = None;
        Some(Step::More)
    }

    fn finish(&mut self, begin: &Marker) {
        let at = &mut self.position;
        (at.phase, at.commit_lsn, at.seq) = (Phase::Streaming, begin.lsn, begin.seq);
        (at.commit_ts, at.epoch) = (begin.ts_us, begin.epoch);
        self.current = None;
        self.state = self.working.clone();
    }
}

/// Feeds the lanes in any order of arrival, checking the target whenever it is a standby.
fn feed(
    stream: &Stream,
    order: &[u8],
    reached: &mut Vec<(i64, u64)>,
) -> Result<bool, TestCaseError> {
    let mut markers = VecDeque::new();
    let mut lanes: [VecDeque<Row>; 3] = Default::default();
    let mut source: VecDeque<_> = stream.markers.iter().cloned().collect();
    let mut sources = stream.lanes.clone().map(VecDeque::from);
    let mut target = Target::new();
    let arrivals = order.iter().copied().cycle();
    for arrival in arrivals {
        match arrival % 4 {
            0 => markers.extend(source.pop_front()),
            lane => lanes[lane as usize - 1].extend(sources[lane as usize - 1].pop_front()),
        }
        loop {
            let step = target.step(&mut markers, &mut lanes);
            let at = &target.position;
            if at.phase == Phase::Streaming {
                let key = (at.snapshot_ts.unwrap_or_default(), at.seq);
                let wanted = stream.states.get(&key);
                prop_assert_eq!(Some(&target.state), wanted, "at {:?}", key);
                prop_assert!(
                    reached.last().is_none_or(|last| *last <= key),
                    "back to {:?}",
                    key
                );
                reached.push(key);
            }
            match step {
                Step::More => {}
                Step::Blocked => break,
                Step::Stopped => return Ok(false),
            }
        }
        if source.is_empty() && sources.iter().all(VecDeque::is_empty) {
            return Ok(true);
        }
    }
    Ok(true)
}

fn order() -> impl Strategy<Value = Vec<u8>> {
    // Every lane comes at last.
    proptest::collection::vec(0u8..4, 0..40).prop_map(|mut order| {
        order.extend(0..4);
        order
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    /// The loop above is the sink's: what comes once is applied whole.
    #[test]
    fn what_comes_once_is_taken_to_its_end(deeds in deeds(), order in order()) {
        let stream = Stream::play(&deeds);
        let mut reached = Vec::new();
        prop_assert!(feed(&stream, &order, &mut reached)?);
        prop_assert_eq!(reached.last(), stream.states.keys().last());
    }

    #[test]
    fn what_comes_again_never_takes_the_target_anywhere_else(
        deeds in deeds(),
        order in order(),
        twice in proptest::collection::vec(
            (0usize..4, 0usize..64, prop_oneof![Just(1), 1usize..4, 1usize..64], prop_oneof![Just(0), 0usize..64])
                .prop_map(|(lane, from, len, late)| Twice { lane, from, len, late }),
            1..4,
        ),
        swaps in proptest::collection::vec((0usize..4, 0usize..64), 0..3),
    ) {
        let mut stream = Stream::play(&deeds);
        for twice in &twice {
            match twice.lane {
                0 => again(&mut stream.markers, twice),
                lane => again(&mut stream.lanes[lane - 1], twice),
            }
        }
        for (lane, at) in swaps {
            match lane {
                0 if stream.markers.len() > 1 => {
                    let at = at % (stream.markers.len() - 1);
                    stream.markers.swap(at, at + 1);
                }
                1.. if stream.lanes[lane - 1].len() > 1 => {
                    let at = at % (stream.lanes[lane - 1].len() - 1);
                    stream.lanes[lane - 1].swap(at, at + 1);
                }
                _ => {}
            }
        }
        feed(&stream, &order, &mut Vec::new())?;
    }

    /// A second mirror that is behind: all of the stream once more.
    #[test]
    fn a_whole_second_copy_is_noticed(deeds in deeds(), order in order(), rows in any::<bool>()) {
        let mut stream = Stream::play(&deeds);
        let last = stream.states.keys().last().copied();
        let whole = Twice { lane: 0, from: 0, len: usize::MAX / 2, late: 0 };
        again(&mut stream.markers, &whole);
        if rows {
            stream.lanes.iter_mut().for_each(|lane| again(lane, &whole));
        }
        let mut reached = Vec::new();
        prop_assert!(!feed(&stream, &order, &mut reached)?, "it was not noticed");
        // Rows may be noticed sooner.
        prop_assert!(rows || reached.last().copied() == last);
    }
}
