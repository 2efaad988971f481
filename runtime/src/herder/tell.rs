//! What this worker knows of its tasks: told to the others, and kept of those that do not run.

use std::time::{Duration, Instant};

use super::Loop;
use crate::group::{Progress, State};
use crate::state::TargetState;
use crate::task::now_ms;

/// How often the group hears what the tasks of this worker say of themselves.
const TELL: Duration = Duration::from_secs(3);

impl Loop {
    /// Lets the other workers know what the tasks here say of themselves, so that any worker can answer.
    pub(super) fn tell(&mut self) {
        if self.told.0.elapsed() < TELL {
            return;
        }
        self.forget_resting();
        if !self.shared.lease.is_held() {
            return;
        }
        let mut progress = Progress::default();
        for (task, live) in self.shared.live().iter() {
            progress.tasks.push((task.clone(), live.details()));
            let applied: Vec<_> = live
                .applied()
                .into_iter()
                .map(|(at, offset)| (at.topic.to_string(), at.partition, offset))
                .collect();
            if !applied.is_empty() {
                progress.applied.push((task.clone(), applied));
            }
        }
        for (task, resting) in self.shared.resting().iter() {
            progress.tasks.push((task.clone(), resting.rest_details()));
        }
        self.told.0 = Instant::now();
        if self.told.1 != progress {
            self.told.1 = progress.clone();
            progress.at_ms = now_ms();
            self.shared.member.tell(progress);
        }
    }

    /// Forgets what is known of tasks that are no more, or are others' by now.
    fn forget_resting(&self) {
        if self.shared.resting().is_empty() {
            return;
        }
        let member = &self.shared.member;
        let mine = (member.state() == State::In).then(|| member.tasks());
        let configs = self.shared.configs();
        self.shared.forget_resting(|task| {
            let entry = configs
                .get(&task.0)
                .filter(|entry| entry.target != TargetState::Stopped);
            let tasks = entry
                .and_then(|entry| entry.tasks.as_ref())
                .map_or(0, Vec::len);
            (task.1 as usize) < tasks && mine.as_ref().is_none_or(|mine| mine.contains(task))
        });
    }
}
