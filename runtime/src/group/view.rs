//! The group as its topic tells it, the same for every worker that has read as far.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::record::{Assignment, Claim, GroupRecord, Presence, Progress, Request};

/// A worker that has written that it is there.
#[derive(Debug, Clone)]
pub(crate) struct Present {
    /// Its newest record.
    pub(crate) presence: Presence,
    /// That record's offset.
    pub(crate) offset: i64,
    /// When it was read here, by the view's own clock.
    pub(crate) seen: Duration,
}

/// The leader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Leader {
    /// Its worker id.
    pub(crate) worker: String,
    /// Which life of that worker, and its term.
    pub(crate) claim: Claim,
}

/// What a record has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    /// Nothing that calls for anything.
    None,
    /// A worker has come, begun anew, gone, or said what it has ended.
    Workers,
    /// Another leader.
    Leader,
    /// Another assignment.
    Assignment,
    /// A request has come.
    Request,
}

/// The group.
#[derive(Debug)]
pub(crate) struct View {
    /// How long the topic has been heard of. While Kafka is away nobody is heard of, and nobody is to be
    /// taken for dead because of that: silence of the whole topic counts only up to `gap` at a time.
    clock: Duration,
    gap: Duration,
    heard: Option<Instant>,
    workers: BTreeMap<String, Present>,
    leader: Option<Leader>,
    assignment: Assignment,
    progress: BTreeMap<String, Progress>,
    requests: BTreeMap<String, (i64, Request)>,
    /// The offset after the last record read.
    next: i64,
}

impl View {
    /// Creates the view of an empty topic, for a group in which the dead are found after `session`.
    pub(crate) fn new(session: Duration) -> Self {
        Self {
            clock: Duration::ZERO,
            gap: session / 4,
            heard: None,
            workers: BTreeMap::new(),
            leader: None,
            assignment: Assignment::default(),
            progress: BTreeMap::new(),
            requests: BTreeMap::new(),
            next: 0,
        }
    }

    /// Takes one record in.
    pub(crate) fn apply(&mut self, offset: i64, record: GroupRecord, now: Instant) -> Change {
        self.next = offset + 1;
        if let Some(before) = self.heard.replace(now) {
            self.clock += now.saturating_duration_since(before).min(self.gap);
        }
        match record {
            GroupRecord::Presence(worker, Some(presence)) => {
                let old = self.workers.get(&worker).map(|old| &old.presence);
                let same = old.is_some_and(|old| {
                    old.incarnation == presence.incarnation && old.acked == presence.acked
                });
                let present = Present {
                    presence,
                    offset,
                    seen: self.clock,
                };
                self.workers.insert(worker, present);
                if same { Change::None } else { Change::Workers }
            }
            GroupRecord::Presence(worker, None) => match self.workers.remove(&worker) {
                Some(_) => Change::Workers,
                None => Change::None,
            },
            GroupRecord::Claim(worker, claim) => {
                let term = self.leader.as_ref().map_or(0, |leader| leader.claim.term);
                if claim.term <= term {
                    // Another came first.
                    return Change::None;
                }
                self.leader = Some(Leader { worker, claim });
                Change::Leader
            }
            GroupRecord::Assignment(worker, assignment) => {
                if !self.counts(&worker, &assignment) {
                    return Change::None;
                }
                self.assignment = assignment;
                Change::Assignment
            }
            GroupRecord::Progress(worker, Some(progress)) => {
                self.progress.insert(worker, progress);
                Change::None
            }
            GroupRecord::Progress(worker, None) => {
                self.progress.remove(&worker);
                Change::None
            }
            GroupRecord::Request(key, Some(request)) => {
                self.requests.insert(key, (offset, request));
                Change::Request
            }
            GroupRecord::Request(key, None) => {
                self.requests.remove(&key);
                Change::None
            }
        }
    }

    /// Returns whether an assignment is the leader's, and knows of everybody whom it leaves out.
    fn counts(&self, worker: &str, assignment: &Assignment) -> bool {
        let by_leader = self
            .leader
            .as_ref()
            .is_some_and(|leader| leader.worker == worker && leader.claim.term == assignment.term);
        let newer = assignment.generation > self.assignment.generation;
        let revived = |(name, incarnation): (&String, &String)| {
            assignment.workers.get(name) != Some(incarnation)
                && self.workers.get(name).is_some_and(|present| {
                    present.presence.incarnation == *incarnation
                        && present.offset >= assignment.as_of
                })
        };
        by_leader && newer && !self.assignment.workers.iter().any(revived)
    }

    /// Returns the workers that have not left, whether or not they are still alive.
    pub(crate) fn workers(&self) -> &BTreeMap<String, Present> {
        &self.workers
    }

    /// Returns the leader, whether or not it is still alive.
    pub(crate) fn leader(&self) -> Option<&Leader> {
        self.leader.as_ref()
    }

    /// Returns the newest assignment that counts.
    pub(crate) fn assignment(&self) -> &Assignment {
        &self.assignment
    }

    /// Returns what each worker's tasks said last.
    pub(crate) fn progress(&self) -> &BTreeMap<String, Progress> {
        &self.progress
    }

    /// Returns the requests that wait, in the order in which they came.
    pub(crate) fn requests(&self) -> Vec<&Request> {
        let mut all: Vec<_> = self.requests.values().collect();
        all.sort_by_key(|(offset, _)| *offset);
        all.into_iter().map(|(_, request)| request).collect()
    }

    /// Returns the offset after the last record read.
    pub(crate) fn next_offset(&self) -> i64 {
        self.next
    }
}
