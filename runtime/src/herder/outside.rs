//! What becomes of a worker that its group does not hear, or that another has taken the address of.

use std::collections::BTreeSet;

use super::Loop;
use crate::group::State;

impl Loop {
    /// Ends all tasks if the others must have taken this worker for dead by now, so that nothing here
    /// stands in the way of those that run them; begins again when it turns out that nobody did.
    pub(super) fn rest(&mut self) {
        let lease = &self.shared.lease;
        let session = self.shared.config.session;
        if !self.resting && !self.slots.is_empty() && lease.out_for() >= session / 4 {
            self.resting = true;
            tracing::warn!(
                "this worker has not reached its group through Kafka for session.timeout.ms: it ends its \
                 tasks, which may run elsewhere by now"
            );
            self.end_tasks();
        } else if self.resting && lease.is_held() {
            self.resting = false;
            tracing::info!("this worker has its group back");
            self.group_changed();
        }
    }

    /// Ends everything and comes back to the group, which has taken this worker for dead or for another.
    pub(super) fn begin_anew(&mut self, state: State) {
        self.leading = None;
        self.end_tasks();
        if self.slots.values().any(|slot| slot.handle.is_some()) {
            return;
        }
        let first = !std::mem::replace(&mut self.silenced, state == State::Superseded);
        let worker = self.shared.worker_id();
        match state {
            State::Superseded if !first => {}
            State::Superseded => tracing::error!(
                worker,
                "another worker of the group has the same address; give each its own \
                 rest.advertised.host.name or rest.advertised.port"
            ),
            _ => tracing::warn!(
                worker,
                "this worker was not heard of for session.timeout.ms: the group has given its tasks \
                 away, and it begins anew"
            ),
        }
        if !self.shared.member.may_rejoin() {
            return;
        }
        self.silenced = false;
        self.taken.clear();
        self.resting = false;
        self.shared.member.rejoin();
    }

    /// Tells every task of this worker to end.
    fn end_tasks(&mut self) {
        let names: BTreeSet<String> = self.slots.keys().map(|key| key.0.clone()).collect();
        for name in &names {
            self.stop_slots(name, 0);
        }
    }
}
