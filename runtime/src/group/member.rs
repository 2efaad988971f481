//! This worker's membership: its standing and its view, behind one lock, and the thread that keeps
//! writing that it is there.

use std::collections::BTreeSet;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use walbridge_connector_api::StopToken;
use walbridge_kafka::{LogRecord, LogWriter};

use super::Lease;
use super::plan;
use super::record::{AppliedTo, GroupRecord, Progress, Request, TaskId};
use super::standing::{LeaseMove, Standing, State};
use super::view::{Change, View};
use crate::task::Measured;

/// How often the thread looks whether there is something to write.
const TICK: Duration = Duration::from_millis(100);

/// After how many sessions of silence a worker's records leave the topic.
const FORGET: u32 = 20;

#[derive(Debug)]
struct Inner {
    standing: Standing,
    view: View,
}

/// This worker as a member of its group.
#[derive(Debug)]
pub(crate) struct Member {
    inner: Mutex<Inner>,
    lease: Lease,
    session: Duration,
    heartbeat: Duration,
    hurry: Mutex<Option<Sender<()>>>,
    /// What the tasks here say of themselves and nobody has been told yet.
    progress: Mutex<Option<Progress>>,
}

fn new_incarnation() -> String {
    format!("{:016x}", rand::random::<u64>())
}

impl Member {
    /// Creates a member that has written nothing yet.
    pub(crate) fn new(worker: &str, lease: Lease, session: Duration, heartbeat: Duration) -> Self {
        let standing = Standing::new(worker.to_owned(), new_incarnation(), session);
        Self {
            inner: Mutex::new(Inner {
                standing,
                view: View::new(session),
            }),
            lease,
            session,
            heartbeat,
            hurry: Mutex::default(),
            progress: Mutex::default(),
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a record of the group's topic in; returns what it changed, for this worker's loop.
    pub(crate) fn apply(&self, record: &LogRecord) -> Change {
        let Some(read) = GroupRecord::read(&record.key, record.value.as_deref()) else {
            return Change::None;
        };
        let mut inner = self.inner();
        let now = Instant::now();
        let change = inner.view.apply(record.offset, read.clone(), now);
        let Inner { standing, view } = &mut *inner;
        match standing.read(view, &read, change, now) {
            Some(LeaseMove::Until(until)) => self.lease.extend(until),
            Some(LeaseMove::Lost) => {
                self.lease.lose();
                return Change::Workers;
            }
            None => {}
        }
        change
    }

    /// Returns this worker's id.
    pub(crate) fn worker(&self) -> String {
        self.inner().standing.me().to_owned()
    }

    /// Returns where this worker stands.
    pub(crate) fn state(&self) -> State {
        self.inner().standing.state()
    }

    /// Returns whether a new life in the group may begin.
    pub(crate) fn may_rejoin(&self) -> bool {
        self.inner().standing.may_rejoin(Instant::now())
    }

    /// Begins a new life in the group, everything of the one before having ended.
    pub(crate) fn rejoin(&self) {
        self.inner().standing.rejoin(new_incarnation());
        self.hurry();
    }

    /// Returns the tasks that this worker is to run.
    pub(crate) fn tasks(&self) -> BTreeSet<TaskId> {
        let inner = self.inner();
        inner.standing.tasks(&inner.view).into_iter().collect()
    }

    /// Returns the number of the newest assignment.
    pub(crate) fn generation(&self) -> u64 {
        self.inner().view.assignment().generation
    }

    /// Says that nothing runs here that the assignment `generation` does not give to this worker.
    pub(crate) fn ack(&self, generation: u64) {
        if self.inner().standing.ack(generation) {
            self.hurry();
        }
    }

    /// Returns whether this worker is a member of its group, and may believe so.
    pub(crate) fn is_in(&self) -> bool {
        self.inner().standing.state() == State::In && self.lease.is_held()
    }

    /// Returns the group as this worker knows it, for people to see.
    pub(crate) fn describe(&self) -> serde_json::Value {
        let inner = self.inner();
        let assignment = inner.view.assignment();
        serde_json::json!({
            "worker_id": inner.standing.me(),
            "leader": inner.view.leader().map(|leader| leader.worker.as_str()),
            "generation": assignment.generation,
            "workers": assignment.workers.keys().collect::<Vec<_>>(),
            "member": inner.standing.state() == State::In && self.lease.is_held(),
        })
    }

    /// Returns the worker that leads, as far as this one knows.
    pub(crate) fn leader(&self) -> Option<String> {
        let inner = self.inner();
        let leader = inner.view.leader()?;
        Some(leader.worker.clone())
    }

    /// Returns the term in which this worker leads, as long as it may believe so.
    pub(crate) fn term(&self) -> Option<u64> {
        let inner = self.inner();
        inner
            .standing
            .term(&inner.view)
            .filter(|_| self.lease.is_held())
    }

    /// Returns the assignment to be written if this worker leads and there is reason for one.
    pub(crate) fn next_assignment(&self, wanted: &BTreeSet<TaskId>) -> Option<GroupRecord> {
        let term = self.term()?;
        let inner = self.inner();
        let me = inner.standing.me();
        let next = plan::next(&inner.view, me, term, wanted, self.session)?;
        Some(GroupRecord::Assignment(me.to_owned(), next))
    }

    /// Returns whether no worker has, or may still be ending, a task of this connector.
    pub(crate) fn is_free(&self, connector: &str) -> bool {
        let inner = self.inner();
        let assignment = inner.view.assignment();
        let mut tasks = assignment.tasks.values().flatten();
        let mut releasing = assignment.releasing.iter().map(|release| &release.task);
        !tasks.any(|task| task.0 == connector) && !releasing.any(|task| task.0 == connector)
    }

    /// Lets the group know, with the next heartbeat, what the tasks here say of themselves.
    pub(crate) fn tell(&self, progress: Progress) {
        let mut slot = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        *slot = Some(progress);
    }

    /// Returns the worker that is to run the task.
    pub(crate) fn owner(&self, task: &TaskId) -> Option<String> {
        let inner = self.inner();
        let assignment = inner.view.assignment();
        let found = assignment
            .tasks
            .iter()
            .find(|(_, tasks)| tasks.contains(task));
        let (worker, _) = found?;
        // An assignment to a former life of a worker is nobody's.
        let present = inner.view.workers().get(worker)?;
        let same = assignment.workers.get(worker) == Some(&present.presence.incarnation);
        same.then(|| worker.clone())
    }

    /// Returns what the task's worker said of it last.
    pub(crate) fn details(&self, worker: &str, task: &TaskId) -> Option<serde_json::Value> {
        let inner = self.inner();
        let progress = inner.view.progress().get(worker)?;
        let mut tasks = progress.tasks.iter();
        let (_, details) = tasks.find(|(id, _)| id == task)?;
        Some(details.clone())
    }

    /// Returns what any worker said last of a task's lag.
    pub(crate) fn measured_last(&self, task: &TaskId) -> Option<Measured> {
        let inner = self.inner();
        let all = inner.view.progress().values();
        let of_task = all.flat_map(|progress| progress.tasks.iter().filter(|(id, _)| id == task));
        let said = of_task.filter_map(|(_, details)| Measured::read(details));
        said.max_by_key(|measured| measured.at_ms)
    }

    /// Returns how far the sink tasks of a connector on other workers had applied when those said so.
    pub(crate) fn applied(&self, connector: &str) -> Vec<AppliedTo> {
        let inner = self.inner();
        let me = inner.standing.me();
        let assignment = inner.view.assignment();
        let others = inner.view.progress().iter().filter(|(name, _)| *name != me);
        let of_owner = others.flat_map(|(worker, progress)| {
            let owned = assignment.tasks.get(worker).map_or(&[][..], Vec::as_slice);
            let all = progress.applied.iter();
            all.filter(move |(task, _)| task.0 == connector && owned.contains(task))
        });
        of_owner.flat_map(|(_, offsets)| offsets.clone()).collect()
    }

    /// Returns the records with which the leader forgets workers that have been gone for long.
    pub(crate) fn forget(&self) -> Vec<GroupRecord> {
        let inner = self.inner();
        let Some(now) = inner
            .view
            .workers()
            .get(inner.standing.me())
            .map(|own| own.seen)
        else {
            return Vec::new();
        };
        let all = inner.view.workers().iter();
        let gone =
            all.filter(|(_, present)| now.saturating_sub(present.seen) > self.session * FORGET);
        gone.flat_map(|(worker, _)| farewell(worker)).collect()
    }

    /// Returns the requests that wait for the leader, in order, each with whether whoever asked is
    /// still there.
    pub(crate) fn requests(&self) -> Vec<(Request, bool)> {
        let inner = self.inner();
        let here = |request: &Request| {
            let present = inner.view.workers().get(&request.worker);
            present.is_some_and(|present| present.presence.incarnation == request.incarnation)
        };
        let all = inner.view.requests().into_iter();
        all.map(|request| (request.clone(), here(request)))
            .collect()
    }

    /// Makes a request of this worker.
    pub(crate) fn request(&self, number: u64, body: serde_json::Value) -> Request {
        let inner = self.inner();
        Request {
            worker: inner.standing.me().to_owned(),
            incarnation: inner.standing.incarnation().to_owned(),
            number,
            body,
        }
    }

    /// Returns whether this request is this worker's own, of this life.
    pub(crate) fn is_mine(&self, worker: &str, incarnation: &str) -> bool {
        let inner = self.inner();
        inner.standing.me() == worker && inner.standing.incarnation() == incarnation
    }

    fn hurry(&self) {
        let hurry = self.hurry.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(hurry) = &*hurry {
            // The thread ends only with the worker.
            let _ = hurry.send(());
        }
    }

    /// Starts the thread that writes that this worker is there.
    ///
    /// # Errors
    /// If there is no thread to be had.
    pub(crate) fn start(
        self: &Arc<Self>,
        writer: Arc<LogWriter>,
        closing: StopToken,
    ) -> std::io::Result<std::thread::JoinHandle<()>> {
        let (sender, hurried) = channel();
        *self.hurry.lock().unwrap_or_else(PoisonError::into_inner) = Some(sender);
        let member = Arc::clone(self);
        std::thread::Builder::new()
            .name("member".into())
            .spawn(move || member.run(&writer, &hurried, &closing))
    }

    fn run(&self, writer: &LogWriter, hurried: &Receiver<()>, closing: &StopToken) {
        let mut due = Instant::now();
        while !closing.is_stopped() {
            let now = Instant::now();
            let mut records = Vec::new();
            // One whose address another worker has taken is silent: the other would take it for a newer one.
            if now >= due && self.state() != State::Superseded {
                due = now + self.heartbeat;
                records.push(self.inner().standing.beat(now));
                let mut slot = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
                let news = slot.take();
                drop(slot);
                let me = self.worker();
                records.extend(news.map(|news| GroupRecord::Progress(me, Some(news))));
            }
            {
                let mut inner = self.inner();
                let Inner { standing, view } = &mut *inner;
                records.extend(standing.claim(view, now));
            }
            if let Err(error) = write(writer, &records) {
                tracing::warn!(%error, "the group does not hear of this worker at the moment");
            }
            match hurried.recv_timeout(TICK) {
                Ok(()) => due = Instant::now(),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
        if self.state() == State::Superseded {
            return;
        }
        let me = self.worker();
        if let Err(error) = write(writer, &farewell(&me)) {
            tracing::warn!(%error, "the group could not be told that this worker leaves");
        }
    }
}

/// Returns the records that take a worker out of the topic.
fn farewell(worker: &str) -> [GroupRecord; 2] {
    [
        GroupRecord::Presence(worker.to_owned(), None),
        GroupRecord::Progress(worker.to_owned(), None),
    ]
}

/// Writes records to the group's topic.
pub(crate) fn write(writer: &LogWriter, records: &[GroupRecord]) -> walbridge_kafka::Result<()> {
    if records.is_empty() {
        return Ok(());
    }
    let bytes: Vec<_> = records.iter().map(|r| (r.key(), r.value())).collect();
    let all: Vec<_> = bytes
        .iter()
        .map(|(key, value)| (key.as_slice(), value.as_deref()))
        .collect();
    writer.put_all(&all)
}
