//! A check of a configuration that takes long holds up nobody else.

use std::sync::{Condvar, Mutex, PoisonError};

use serde_json::json;

use crate::site::{name, start, wait};

/// How many checks wait at the gate, and whether it is open.
static GATE: (Mutex<(usize, bool)>, Condvar) = (Mutex::new((0, false)), Condvar::new());

/// Waits at the gate, as a check does that asks something slow: the value of `${env:GATE}`.
pub(crate) fn gate() -> String {
    let (state, opened) = &GATE;
    let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
    state.0 += 1;
    while !state.1 {
        state = opened.wait(state).unwrap_or_else(PoisonError::into_inner);
    }
    "open".into()
}

fn waiting() -> usize {
    GATE.0.lock().unwrap().0
}

#[test]
fn a_slow_check_holds_up_neither_other_requests_nor_the_end() {
    let worker = start(&name("apart"));
    let config = json!({ "connector.class": "CounterConnector", "topic": "${env:GATE}" });
    let path = "/connector-plugins/CounterConnector/config/validate";
    std::thread::scope(|scope| {
        let (asked, body) = (&worker, config.to_string());
        let validate = scope.spawn(move || asked.send("PUT", path, Some(&body)));
        wait("a validation at the gate", || {
            (waiting() == 1).then_some(())
        });
        assert_eq!(worker.get("/health").status, 200);
        let create = scope.spawn(|| worker.create("slow", &config));
        wait("a create at the gate", || (waiting() == 2).then_some(()));
        assert_eq!(worker.get("/connectors").json(), json!([]));
        *GATE.0.lock().unwrap() = (0, true);
        GATE.1.notify_all();
        assert_eq!(validate.join().unwrap().status, 200);
        assert_eq!(create.join().unwrap().status, 201);
        worker.task("slow", "RUNNING");
    });
    // A check that never comes back ends with the worker.
    GATE.0.lock().unwrap().1 = false;
    let asked = worker.address().to_owned();
    let hanging = std::thread::spawn(move || {
        let url = format!("http://{asked}{path}");
        let request = crate::site::anybody().put(url).body(config.to_string());
        // Whatever becomes of it: nobody answers.
        drop(request.send());
    });
    wait("a validation that hangs", || (waiting() > 0).then_some(()));
    worker.stop();
    hanging.join().unwrap();
    *GATE.0.lock().unwrap() = (0, true);
    GATE.1.notify_all();
}
