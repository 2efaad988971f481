//! A whole group on one thread with a clock of its own: whatever happens in whatever order, no task has
//! two owners, and when it is quiet again every task has one and all have about as many.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::plan;
use super::record::{GroupRecord, TaskId};
use super::standing::{LeaseMove, Standing, State};
use super::view::View;

const SESSION: Duration = Duration::from_millis(8000);

/// What happens.
#[derive(Debug, Clone)]
enum Event {
    /// Time passes.
    Pass(u64),
    /// A worker reads so many records.
    Read(usize, usize),
    /// A worker writes that it is there; the record may be on its way for long.
    Beat(usize, bool),
    /// A worker does what a leader does, if it takes itself for one; what it writes may be on its way.
    Lead(usize, bool),
    /// A worker claims to lead if it sees reason to.
    Claim(usize),
    /// A worker's tasks that must end do so.
    End(usize),
    /// A worker is killed.
    Kill(usize),
    /// A worker is started if it does not run, under its address.
    Start(usize),
    /// A worker leaves in good order.
    Leave(usize),
    /// What is on its way arrives.
    Arrive,
    /// There are other tasks.
    Tasks(Vec<u32>),
}

struct Worker {
    standing: Standing,
    view: View,
    read: usize,
    lease: Option<Instant>,
    running: BTreeSet<TaskId>,
}

struct World {
    now: Instant,
    log: Vec<GroupRecord>,
    flying: Vec<GroupRecord>,
    workers: BTreeMap<usize, Worker>,
    lives: u32,
    wanted: BTreeSet<TaskId>,
}

fn name(number: usize) -> String {
    format!("w{number}")
}

impl World {
    fn new() -> Self {
        Self {
            now: Instant::now(),
            log: Vec::new(),
            flying: Vec::new(),
            workers: BTreeMap::new(),
            lives: 0,
            wanted: wanted(&[3, 2]),
        }
    }

    fn start(&mut self, number: usize) {
        if self.workers.contains_key(&number) {
            return;
        }
        self.lives += 1;
        let incarnation = format!("life{}", self.lives);
        let standing = Standing::new(name(number), incarnation, SESSION);
        let worker = Worker {
            standing,
            view: View::new(SESSION),
            read: 0,
            lease: None,
            running: BTreeSet::new(),
        };
        self.workers.insert(number, worker);
        // A process reads its topic to the end before it does anything.
        self.read(number, usize::MAX);
    }

    fn read(&mut self, number: usize, count: usize) {
        let Some(worker) = self.workers.get_mut(&number) else {
            return;
        };
        let end = self.log.len().min(worker.read.saturating_add(count));
        for offset in worker.read..end {
            let record = self.log[offset].clone();
            let change = worker.view.apply(offset as i64, record.clone(), self.now);
            match worker
                .standing
                .read(&worker.view, &record, change, self.now)
            {
                Some(LeaseMove::Until(until)) => worker.lease = worker.lease.max(Some(until)),
                Some(LeaseMove::Lost) => worker.lease = None,
                None => {}
            }
            // It starts what it is given as soon as it reads of it; what it must end, ends later.
            let tasks = worker.standing.tasks(&worker.view);
            worker.running.extend(tasks);
        }
        worker.read = end;
    }

    fn end(&mut self, number: usize) {
        let Some(worker) = self.workers.get_mut(&number) else {
            return;
        };
        let tasks: BTreeSet<_> = worker.standing.tasks(&worker.view).into_iter().collect();
        worker.running = tasks;
        match worker.standing.state() {
            State::In => {
                let generation = worker.view.assignment().generation;
                worker.standing.ack(generation);
            }
            State::Evicted | State::Superseded => {
                self.lives += 1;
                worker.standing.rejoin(format!("life{}", self.lives));
            }
        }
    }

    fn write(&mut self, record: GroupRecord, slowly: bool) {
        if slowly {
            self.flying.push(record);
        } else {
            self.log.push(record);
        }
    }

    fn beat(&mut self, number: usize, slowly: bool) {
        if let Some(worker) = self.workers.get_mut(&number) {
            let record = worker.standing.beat(self.now);
            self.write(record, slowly);
        }
    }

    fn lead(&mut self, number: usize, slowly: bool) {
        let Some(worker) = self.workers.get(&number) else {
            return;
        };
        let held = worker.lease.is_some_and(|until| self.now < until);
        let Some(term) = worker.standing.term(&worker.view).filter(|_| held) else {
            return;
        };
        let me = name(number);
        if let Some(next) = plan::next(&worker.view, &me, term, &self.wanted, SESSION) {
            self.write(GroupRecord::Assignment(me, next), slowly);
        }
    }

    fn claim(&mut self, number: usize) {
        if let Some(worker) = self.workers.get_mut(&number)
            && let Some(claim) = worker.standing.claim(&worker.view, self.now)
        {
            self.write(claim, false);
        }
    }

    fn step(&mut self, event: Event) {
        match event {
            Event::Pass(millis) => self.now += Duration::from_millis(millis),
            Event::Read(number, count) => self.read(number, count),
            Event::Beat(number, slowly) => self.beat(number, slowly),
            Event::Lead(number, slowly) => self.lead(number, slowly),
            Event::Claim(number) => self.claim(number),
            Event::End(number) => self.end(number),
            Event::Kill(number) => drop(self.workers.remove(&number)),
            Event::Start(number) => {
                self.start(number);
                self.beat(number, false);
            }
            Event::Leave(number) => {
                if self.workers.remove(&number).is_some() {
                    self.write(GroupRecord::Presence(name(number), None), false);
                }
            }
            Event::Arrive => {
                let flying = std::mem::take(&mut self.flying);
                // What a process that is gone had sent may arrive all the same.
                self.log.extend(flying);
            }
            Event::Tasks(counts) => self.wanted = wanted(&counts),
        }
    }

    /// Fails if a task has two owners that may work.
    fn check(&self) -> Result<(), TestCaseError> {
        let mut owners: BTreeMap<&TaskId, usize> = BTreeMap::new();
        for (number, worker) in &self.workers {
            if worker.lease.is_none_or(|until| self.now >= until) {
                continue;
            }
            for task in &worker.running {
                let other = owners.insert(task, *number);
                prop_assert_eq!(other, None, "{:?} has two owners, {}", task, number);
            }
        }
        Ok(())
    }

    /// Lets everybody do what they should for a while.
    fn settle(&mut self) -> Result<(), TestCaseError> {
        self.step(Event::Arrive);
        for _ in 0..60 {
            let numbers: Vec<usize> = self.workers.keys().copied().collect();
            for number in numbers {
                self.beat(number, false);
                self.read(number, usize::MAX);
                self.end(number);
                self.claim(number);
                self.read(number, usize::MAX);
                self.lead(number, false);
                self.check()?;
            }
            self.now += Duration::from_millis(500);
        }
        Ok(())
    }
}

fn wanted(counts: &[u32]) -> BTreeSet<TaskId> {
    let all = counts
        .iter()
        .enumerate()
        .flat_map(|(n, count)| (0..*count).map(move |task| (format!("c{n}"), task)));
    all.collect()
}

fn event() -> impl Strategy<Value = Event> {
    let who = 0usize..5;
    prop_oneof![
        4 => (1u64..4000).prop_map(Event::Pass),
        8 => (who.clone(), 1usize..6).prop_map(|(w, n)| Event::Read(w, n)),
        6 => (who.clone(), prop::bool::weighted(0.2)).prop_map(|(w, slow)| Event::Beat(w, slow)),
        6 => (who.clone(), prop::bool::weighted(0.2)).prop_map(|(w, slow)| Event::Lead(w, slow)),
        3 => who.clone().prop_map(Event::Claim),
        4 => who.clone().prop_map(Event::End),
        1 => who.clone().prop_map(Event::Kill),
        2 => who.clone().prop_map(Event::Start),
        1 => who.prop_map(Event::Leave),
        2 => Just(Event::Arrive),
        1 => prop::collection::vec(0u32..4, 1..4).prop_map(Event::Tasks),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, max_shrink_iters: 20_000, ..ProptestConfig::default() })]

    #[test]
    fn one_owner_each_whatever_happens(events in prop::collection::vec(event(), 0..200)) {
        let mut world = World::new();
        world.start(0);
        world.beat(0, false);
        for event in events {
            world.step(event);
            world.check()?;
        }
        world.start(0);
        world.settle()?;
        let mut owners: BTreeMap<TaskId, usize> = BTreeMap::new();
        for (number, worker) in &world.workers {
            prop_assert_eq!(worker.standing.state(), State::In);
            for task in &worker.running {
                prop_assert_eq!(owners.insert(task.clone(), *number), None);
            }
        }
        let owned: BTreeSet<TaskId> = owners.keys().cloned().collect();
        prop_assert_eq!(&owned, &world.wanted);
        let counts: Vec<usize> = world.workers.values().map(|w| w.running.len()).collect();
        let (most, fewest) = (counts.iter().max().unwrap(), counts.iter().min().unwrap());
        prop_assert!(most - fewest <= 1, "{counts:?}");
    }
}
