//! Requests on their way: from this worker to the leader, and from others to this one.

use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::{Command, Loop, Order, Outcome, Refusal};
use crate::group::{GroupRecord, Request};
use crate::state::Answer;

/// How long the leader may take to answer.
const PATIENCE: Duration = Duration::from_secs(80);

/// Somebody who waits for the leader's answer.
pub(super) struct Asking {
    until: Instant,
    reply: oneshot::Sender<Outcome>,
}

/// An order that waits for tasks to end.
pub(super) struct Deferred {
    until: Instant,
    order: Order,
    from: From,
}

/// Who gave an order.
pub(super) enum From {
    /// Somebody at this worker.
    Here(oneshot::Sender<Outcome>),
    /// Another worker.
    There(Request),
}

fn key(request: &Request) -> String {
    format!(
        "{}-{}-{}",
        request.worker, request.incarnation, request.number
    )
}

impl Loop {
    /// Carries an order out if this worker leads, or asks the leader to.
    pub(super) fn command(&mut self, command: Command) {
        let Command { order, reply } = command;
        // Whoever asked has given up, and may have done something else since.
        if reply.is_closed() {
            return;
        }
        if self.leading.is_none() {
            self.forward(&order, reply);
        } else {
            self.execute(order, From::Here(reply), None);
        }
    }

    /// Carries out another worker's request.
    pub(super) fn serve(&mut self, request: Request, until: Option<Instant>) {
        match serde_json::from_value(request.body.clone()) {
            Ok(order) => self.execute(order, From::There(request), until),
            Err(error) => {
                let refusal = Refusal::new(
                    500,
                    format!(
                        "The leader does not understand the request ({error}): is it of another version?"
                    ),
                );
                self.answer(&request, &Err(refusal));
            }
        }
    }

    fn execute(&mut self, order: Order, from: From, until: Option<Instant>) {
        if let Some(until) = self.must_wait(&order, until) {
            self.deferred.push(Deferred { until, order, from });
            return;
        }
        self.carrying = match &from {
            From::Here(_) => None,
            From::There(request) => Some(request.clone()),
        };
        let outcome = self.carry_out(&order);
        let unanswered = self.carrying.take().is_some();
        match from {
            // Another leads now: it may or may not have been done, and is asked to do it.
            From::Here(reply) if outcome.is_err() && self.leading.is_none() => {
                self.forward(&order, reply);
            }
            From::Here(reply) => {
                // Whoever asked may have gone away; what was asked is done all the same.
                let _ = reply.send(outcome);
            }
            From::There(request) if unanswered => self.answer(&request, &outcome),
            From::There(_) => {}
        }
    }

    /// Looks after the orders that wait for tasks to end.
    pub(super) fn look_after_deferred(&mut self) {
        for Deferred { until, order, from } in std::mem::take(&mut self.deferred) {
            if self.leading.is_some() {
                self.execute(order, from, Some(until));
            } else if let From::Here(reply) = from {
                self.forward(&order, reply);
            }
        }
    }

    fn forward(&mut self, order: &Order, reply: oneshot::Sender<Outcome>) {
        self.asked += 1;
        let number = self.asked;
        let body = serde_json::to_value(order).unwrap_or_default();
        let request = self.shared.member.request(number, body);
        let record = GroupRecord::Request(key(&request), Some(request));
        if let Err(error) = self.shared.stores.write_group(&[record]) {
            let words = format!("The group's leader cannot be asked: {error}");
            let _ = reply.send(Err(Refusal::new(500, words)));
            return;
        }
        let until = Instant::now() + PATIENCE;
        self.asking.insert(number, Asking { until, reply });
    }

    /// Takes the leader's answer to one of this worker's requests.
    pub(super) fn answered(&mut self, worker: &str, answer: Answer) {
        let member = &self.shared.member;
        if !member.is_mine(worker, &answer.incarnation) {
            return;
        }
        let request = member.request(answer.number, serde_json::Value::Null);
        if let Some(Asking { reply, .. }) = self.asking.remove(&answer.number) {
            let outcome = match answer.refused {
                Some(status) => Err(Refusal::new(status, answer.message)),
                None => Ok(answer.created),
            };
            let _ = reply.send(outcome);
        }
        self.forget_request(&request);
    }

    /// Takes a request out of the topic.
    pub(super) fn forget_request(&self, request: &Request) {
        let record = GroupRecord::Request(key(request), None);
        if let Err(error) = self.shared.stores.write_group(&[record]) {
            tracing::warn!(error = %error.trace(), "an answered request stays in the topic");
        }
    }

    /// Gives up on answers that do not come.
    pub(super) fn look_after_asked(&mut self) {
        let now = Instant::now();
        let late = self.asking.iter().filter(|(_, asking)| asking.until <= now);
        let late: Vec<u64> = late.map(|(number, _)| *number).collect();
        for number in late {
            let Some(Asking { reply, .. }) = self.asking.remove(&number) else {
                continue;
            };
            let words = "Request timed out: the group has no leader at the moment, like in a rebalance; \
                         it may still be carried out";
            let _ = reply.send(Err(Refusal::new(500, words)));
            let request = self.shared.member.request(number, serde_json::Value::Null);
            self.forget_request(&request);
        }
    }
}
