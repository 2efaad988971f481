//! What the leader does about what it sees: the next assignment.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::balance::balance;
use super::record::{Assignment, Release, TaskId};
use super::view::View;

/// Returns the workers that are alive: those that were heard of, before the leader last heard of itself,
/// within the session's time.
///
/// The leader's own newest record stands for now: a leader that was paused, or whose reading lags, has
/// not heard of anybody.
pub(super) fn alive(view: &View, me: &str, session: Duration) -> BTreeMap<String, String> {
    let Some(now) = view.workers().get(me).map(|own| own.seen) else {
        return BTreeMap::new();
    };
    view.workers()
        .iter()
        .filter(|(_, present)| now.saturating_sub(present.seen) <= session)
        .map(|(name, present)| (name.clone(), present.presence.incarnation.clone()))
        .collect()
}

/// Returns the assignment that the leader `me` should write; `None` if the present one is right.
pub(crate) fn next(
    view: &View,
    me: &str,
    term: u64,
    wanted: &BTreeSet<TaskId>,
    session: Duration,
) -> Option<Assignment> {
    let old = view.assignment();
    let workers = alive(view, me, session);
    if workers.is_empty() {
        return None;
    }
    let generation = old.generation + 1;
    // Owners that still live as they did when they got their tasks.
    let lives = |worker: &String| {
        let was = old.workers.get(worker);
        was.is_some() && was == workers.get(worker)
    };
    let mut owners = old.owners();
    owners.retain(|_, worker| lives(worker));
    let mut releasing: Vec<Release> = old
        .releasing
        .iter()
        .filter(|release| {
            let lives = workers.get(&release.worker) == Some(&release.incarnation);
            let acked = view.workers().get(&release.worker);
            let acked = acked.map_or(0, |present| present.presence.acked);
            lives && acked < release.generation
        })
        .cloned()
        .collect();
    let mut held = owners.clone();
    for release in &releasing {
        held.insert(release.task.clone(), release.worker.clone());
    }
    let names: BTreeSet<String> = workers.keys().cloned().collect();
    let desired = balance(wanted, &names, &held);
    let mut tasks: BTreeMap<String, Vec<TaskId>> =
        names.into_iter().map(|name| (name, Vec::new())).collect();
    let mut give = |worker: &String, task: &TaskId| {
        tasks.entry(worker.clone()).or_default().push(task.clone());
    };
    for (task, worker) in &desired {
        match held.get(task) {
            Some(holder) if holder != worker => {}
            _ => give(worker, task),
        }
    }
    // What is given back to whoever is ending it is no longer taken away.
    releasing.retain(|release| desired.get(&release.task) != Some(&release.worker));
    for (task, worker) in owners {
        if desired.get(&task) == Some(&worker) {
            continue;
        }
        if let Some(incarnation) = workers.get(&worker) {
            releasing.push(Release {
                task,
                incarnation: incarnation.clone(),
                worker,
                generation,
            });
        }
    }
    let next = Assignment {
        term,
        generation,
        as_of: view.next_offset(),
        workers,
        tasks,
        releasing,
    };
    let same = next.workers == old.workers
        && next.tasks == old.tasks
        && next.releasing == old.releasing
        && next.term == old.term;
    (!same).then_some(next)
}
