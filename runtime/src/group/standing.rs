//! Where one worker stands in its group: what it writes about itself, and what it makes of what it reads.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use super::plan::alive;
use super::record::{Claim, GroupRecord, Presence, TaskId};
use super::view::{Change, View};

/// How much longer each further worker waits before it claims to lead, so that one does so first.
const STAGGER: Duration = Duration::from_millis(500);

/// What a worker knows of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// It belongs to the group, or is about to.
    In,
    /// The others took it for dead: it must end everything and begin anew.
    Evicted,
    /// Another worker has come under its address.
    Superseded,
}

/// What becomes of the lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LeaseMove {
    /// It holds until then.
    Until(Instant),
    /// It is lost.
    Lost,
}

/// One worker's own standing.
#[derive(Debug)]
pub(super) struct Standing {
    me: String,
    incarnation: String,
    session: Duration,
    state: State,
    pulse: u64,
    acked: u64,
    /// When each record that has not been read back was begun to be written.
    sent: BTreeMap<u64, Instant>,
    /// Whether a record of this incarnation has been read back.
    known: bool,
    /// Whether an assignment has named this incarnation.
    included: bool,
    /// Since when the group seems to have no leader.
    leaderless: Option<Instant>,
    /// Lives under this worker's id that began before this one: whatever they still write counts for nothing.
    former: BTreeSet<String>,
    /// When the life that has come after this one was heard of last.
    rival_heard: Option<Instant>,
}

impl Standing {
    pub(super) fn new(me: String, incarnation: String, session: Duration) -> Self {
        Self {
            me,
            incarnation,
            session,
            state: State::In,
            pulse: 0,
            acked: 0,
            sent: BTreeMap::new(),
            known: false,
            included: false,
            leaderless: None,
            former: BTreeSet::new(),
            rival_heard: None,
        }
    }

    pub(super) fn me(&self) -> &str {
        &self.me
    }

    pub(super) fn incarnation(&self) -> &str {
        &self.incarnation
    }

    pub(super) fn state(&self) -> State {
        self.state
    }

    /// Begins anew after everything has ended.
    pub(super) fn rejoin(&mut self, incarnation: String) {
        let me = std::mem::take(&mut self.me);
        let mut former = std::mem::take(&mut self.former);
        former.insert(std::mem::take(&mut self.incarnation));
        *self = Self::new(me, incarnation, self.session);
        self.former = former;
    }

    /// Returns whether it may begin anew: one that another worker has taken the address of waits until that is
    /// gone, for whichever comes last would end what the other runs.
    pub(super) fn may_rejoin(&self, now: Instant) -> bool {
        let heard = self.rival_heard.filter(|_| self.state == State::Superseded);
        heard.is_none_or(|heard| now.saturating_duration_since(heard) > self.session)
    }

    /// Notes that nothing runs here any more that this assignment does not give; says whether that is
    /// news.
    pub(super) fn ack(&mut self, generation: u64) -> bool {
        let news = generation > self.acked;
        self.acked = self.acked.max(generation);
        news
    }

    /// Returns the record to write now.
    pub(super) fn beat(&mut self, now: Instant) -> GroupRecord {
        self.pulse += 1;
        self.sent.insert(self.pulse, now);
        let presence = Presence {
            incarnation: self.incarnation.clone(),
            pulse: self.pulse,
            acked: self.acked,
        };
        GroupRecord::Presence(self.me.clone(), Some(presence))
    }

    /// Makes something of a record that was read now; `change` is what it did to the view.
    pub(super) fn read(
        &mut self,
        view: &View,
        record: &GroupRecord,
        change: Change,
        now: Instant,
    ) -> Option<LeaseMove> {
        match record {
            GroupRecord::Presence(worker, Some(presence)) if *worker == self.me => {
                if presence.incarnation != self.incarnation {
                    return self.read_rival(&presence.incarnation, now);
                }
                self.known = true;
                let sent = self.sent.remove(&presence.pulse);
                self.sent.retain(|pulse, _| *pulse > presence.pulse);
                // The others wait longer, by their clocks, before they take this worker for dead.
                let until = sent? + self.session * 3 / 4;
                (self.state == State::In).then_some(LeaseMove::Until(until))
            }
            GroupRecord::Assignment(..) if change == Change::Assignment => {
                let named = view.assignment().workers.get(&self.me) == Some(&self.incarnation);
                if !named && self.included && self.state == State::In {
                    self.state = State::Evicted;
                    return Some(LeaseMove::Lost);
                }
                self.included |= named;
                None
            }
            _ => None,
        }
    }

    /// Reads what another life under this worker's id has written: of two, the one that came last stays.
    fn read_rival(&mut self, incarnation: &str, now: Instant) -> Option<LeaseMove> {
        if !self.known {
            self.former.insert(incarnation.to_owned());
        }
        if self.former.contains(incarnation) {
            return None;
        }
        self.rival_heard = Some(now);
        let lost = self.state == State::In;
        self.state = State::Superseded;
        lost.then_some(LeaseMove::Lost)
    }

    /// Returns the tasks that are this worker's.
    pub(super) fn tasks(&self, view: &View) -> Vec<TaskId> {
        let assignment = view.assignment();
        let named = assignment.workers.get(&self.me) == Some(&self.incarnation);
        if !named || self.state != State::In {
            return Vec::new();
        }
        assignment.tasks.get(&self.me).cloned().unwrap_or_default()
    }

    /// Returns the term in which this worker leads.
    pub(super) fn term(&self, view: &View) -> Option<u64> {
        let leader = view.leader()?;
        let me = leader.worker == self.me && leader.claim.incarnation == self.incarnation;
        (me && self.state == State::In).then_some(leader.claim.term)
    }

    /// Returns the claim to write if nobody leads and it is this worker's turn to.
    pub(super) fn claim(&mut self, view: &View, now: Instant) -> Option<GroupRecord> {
        let alive = alive(view, &self.me, self.session);
        let present = self.state == State::In && alive.get(&self.me) == Some(&self.incarnation);
        let led = view
            .leader()
            .is_some_and(|leader| alive.get(&leader.worker) == Some(&leader.claim.incarnation));
        if !present || led {
            self.leaderless = None;
            return None;
        }
        let since = *self.leaderless.get_or_insert(now);
        let rank = alive
            .keys()
            .take_while(|worker| **worker != self.me)
            .count();
        let turn = STAGGER * u32::try_from(rank).unwrap_or(u32::MAX);
        if now.saturating_duration_since(since) < turn {
            return None;
        }
        self.leaderless = None;
        let term = view.leader().map_or(0, |leader| leader.claim.term) + 1;
        let claim = Claim {
            incarnation: self.incarnation.clone(),
            term,
        };
        Some(GroupRecord::Claim(self.me.clone(), claim))
    }
}
