//! File descriptors: all that there may be are used, and the API has some when tasks have taken the rest.

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::{Value, json};

use crate::child::ChildWorker;
use crate::site::{name, wait};

#[test]
fn a_worker_raises_its_soft_limit() {
    let group = name("soft");
    let mut worker = ChildWorker::new(&group, &[]).limited("-Sn 256");
    worker.start(None);
    wait("the worker to answer", || worker.get("/"));
    let (soft, hard) = worker.descriptors();
    assert_eq!(soft, hard);
    assert_ne!(soft, "256");
}

#[test]
fn tasks_leave_some_to_the_api() {
    let group = name("hard");
    // The worker itself takes some 190: a few tasks have room, and many have not.
    let mut worker = ChildWorker::new(&group, &[]).limited("-n 320");
    worker.start(None);
    wait("the worker to answer", || worker.get("/"));
    let config = json!({
        "connector.class": "FileStreamSource", "file": "/dev/null", "topic": name("hard"),
    });
    const MANY: usize = 30;
    for number in 0..MANY {
        worker.put(&format!("c{number}"), &config);
    }
    let traces = || -> Option<Vec<String>> {
        let all: Value = worker.get("/connectors?expand=status")?;
        let tasks = all.as_object()?.values();
        let tasks = tasks.map(|one| one["status"]["tasks"][0].to_string());
        Some(tasks.collect())
    };
    wait("every task to run or to say why it cannot", || {
        let traces = traces()?;
        let waiting = traces
            .iter()
            .filter(|task| task.contains("OutOfDescriptors"))
            .count();
        let running = traces
            .iter()
            .filter(|task| !task.contains("trace") && task.contains("RUNNING"))
            .count();
        let all = waiting > 0 && running > 0 && waiting + running == MANY;
        if !all {
            // Shown only if it never comes to that.
            println!("{waiting} wait, {running} run: {traces:#?}");
        }
        all.then_some(())
    });
    // Whatever hangs on to the others: connections are accepted, and changes are made.
    let mut open = Vec::new();
    for _ in 0..20 {
        let mut connection = TcpStream::connect(worker.address()).unwrap();
        let request = format!("GET / HTTP/1.1\r\nHost: {}\r\n\r\n", worker.address());
        connection.write_all(request.as_bytes()).unwrap();
        let mut answer = [0; 12];
        connection.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"HTTP/1.1 200");
        open.push(connection);
    }
    drop(open);
    worker.put("one.more", &config);
}

/// A source that has its topics asks nothing of the cluster's administration any more.
#[test]
fn a_source_with_all_its_topics_needs_fewer() {
    const SOURCES: usize = 20;
    let group = name("fewer");
    let mut worker = ChildWorker::new(&group, &[]);
    worker.start(None);
    wait("the worker to answer", || worker.get("/"));
    let none = worker.open_descriptors();
    let topic = name("fewer");
    for number in 0..SOURCES {
        let config = json!({
            "connector.class": "FileStreamSource", "file": "/dev/null", "topic": topic,
        });
        worker.put(&format!("c{number}"), &config);
    }
    let running = || {
        let all: Value = worker.get("/connectors?expand=status")?;
        let tasks = all.as_object()?.values();
        let running = tasks.filter(|one| one["status"]["tasks"][0]["state"] == "RUNNING");
        (running.count() == SOURCES).then_some(())
    };
    wait("every task to run", running);
    let mut most = 0;
    wait("every source to give some back", || {
        let open = worker.open_descriptors();
        most = most.max(open);
        (open + 3 * SOURCES <= most).then_some(())
    });
    let left = (worker.open_descriptors() - none) / SOURCES;
    println!(
        "a source needs {left} descriptors, {} at its start",
        (most - none) / SOURCES
    );
}
