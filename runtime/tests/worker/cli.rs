//! The commands that ask a running group.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::site::{Running, name, start, wait, worker_file};

/// Runs `walbridge` and returns its exit code and what it said.
fn walbridge(args: &[&str]) -> (Option<i32>, String) {
    let run = Command::new(env!("CARGO_BIN_EXE_walbridge"))
        .args(args)
        .env_remove("WALBRIDGE_URL")
        .output();
    let Output {
        status,
        stdout,
        stderr,
    } = run.unwrap();
    let mut said = String::from_utf8(stdout).unwrap();
    said.push_str(&String::from_utf8(stderr).unwrap());
    (status.code(), said)
}

fn put(dir: &Path, file: &str, content: &Value) {
    std::fs::write(dir.join(file), content.to_string()).unwrap();
}

fn counter(worker: &Running, limit: &str) -> Value {
    json!({
        "connector.class": "Counter", "topic": worker.group, "limit": limit, "secret": "swordfish",
    })
}

#[test]
fn a_folder_is_applied() {
    let worker = start(&name("apply"));
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().to_str().unwrap();
    let apply = |more: &[&str]| {
        let mut args = vec!["apply", dir, "--url", &worker.url];
        args.extend(more);
        walbridge(&args)
    };
    put(
        folder.path(),
        "one.json",
        &json!({ "name": "one", "config": counter(&worker, "4") }),
    );
    // A bare configuration has its file's name.
    put(folder.path(), "two.json", &counter(&worker, "4"));

    let (code, said) = apply(&["--dry-run"]);
    assert!(
        code == Some(0) && said.contains("+ one (") && said.contains("+ two ("),
        "{said}"
    );
    assert_eq!(worker.get("/connectors").json(), json!([]));
    let (code, said) = apply(&[]);
    assert!(
        code == Some(0) && said.contains("2 connectors changed"),
        "{said}"
    );
    worker.task("one", "RUNNING");
    worker.task("two", "RUNNING");
    assert_eq!(apply(&[]), (Some(0), "nothing to do\n".to_owned()));

    // What differs is shown by key, a secret never.
    put(folder.path(), "two.json", &counter(&worker, "5"));
    let (code, said) = apply(&[]);
    assert!(code == Some(0) && said.contains("limit: 4 -> 5"), "{said}");
    assert!(
        said.contains("1 connectors changed") && !said.contains("swordfish"),
        "{said}"
    );
    assert_eq!(worker.get("/connectors/two/config").json()["limit"], "5");
    let (code, said) = apply(&["--secrets"]);
    assert!(
        code == Some(0) && said.contains("secret: ********, written anew"),
        "{said}"
    );

    // One mistake, and nothing is changed.
    put(folder.path(), "one.json", &counter(&worker, "many"));
    put(folder.path(), "two.json", &counter(&worker, "6"));
    let (code, said) = apply(&[]);
    assert!(
        code == Some(1) && said.contains("one.json: limit: "),
        "{said}"
    );
    assert_eq!(worker.get("/connectors/two/config").json()["limit"], "5");

    // What is in no file stays unless told otherwise.
    std::fs::remove_file(folder.path().join("one.json")).unwrap();
    let (code, said) = apply(&[]);
    assert!(
        code == Some(0) && said.contains("one is in no file"),
        "{said}"
    );
    assert_eq!(worker.get("/connectors").json(), json!(["one", "two"]));
    let (code, said) = apply(&["--delete"]);
    assert!(code == Some(0) && said.contains("- one"), "{said}");
    assert_eq!(worker.get("/connectors").json(), json!(["two"]));

    // Two files with one name are nobody's wish.
    put(
        folder.path(),
        "again.json",
        &json!({ "name": "two", "config": counter(&worker, "6") }),
    );
    let (code, said) = apply(&[]);
    assert!(
        code == Some(1) && said.contains("connector two is in"),
        "{said}"
    );
    let (code, said) = walbridge(&["check", dir]);
    assert!(
        code == Some(1) && said.contains("connector two is in"),
        "{said}"
    );
}

#[test]
fn connectors_are_checked_by_what_the_worker_beside_them_allows() {
    let folder = tempfile::tempdir().unwrap();
    let dir = |name: &str| folder.path().join(name);
    let check = || {
        let sites = ["strict", "free"].map(|site| dir(site).display().to_string());
        walbridge(&["check", &sites[0], &sites[1]])
    };
    let source = json!({
        "name": "lines", "config": {
            "connector.class": "FileStreamSource", "file": "/tmp/lines", "topic": "lines",
            "producer.override.linger.ms": "5",
        },
    });
    for (site, policy) in [("strict", "None"), ("free", "All")] {
        std::fs::create_dir(dir(site)).unwrap();
        let mut worker = worker_file(site);
        worker.push_str(&format!(
            "\n[connector.client.config.override]\npolicy = \"{policy}\"\n"
        ));
        std::fs::write(dir(site).join("worker.toml"), worker).unwrap();
        let mut own = source.clone();
        own["name"] = json!(format!("lines-{site}"));
        put(&dir(site), "lines.json", &own);
    }
    let (code, said) = check();
    let refused = format!(
        "{}: producer.override.linger.ms: ",
        dir("strict").join("lines.json").display()
    );
    assert!(code == Some(1) && said.contains(&refused), "{said}");
    assert!(
        said.contains("The 'None' policy does not allow 'linger.ms'"),
        "{said}"
    );
    let good = format!("{}: good", dir("free").join("lines.json").display());
    assert!(said.contains(&good), "{said}");
    // Alone, a connector's file is checked by what a worker allows that says nothing.
    std::fs::remove_file(dir("strict").join("worker.toml")).unwrap();
    let (code, said) = check();
    assert!(code == Some(0), "{said}");
}

#[test]
fn the_status_of_a_group_is_shown() {
    let worker = start(&name("shown"));
    let mut config = counter(&worker, "4");
    assert_eq!(worker.create("good", &config).status, 201);
    worker.task("good", "RUNNING");
    let shown = || walbridge(&["status", "--url", &worker.url]);
    let (code, said) = shown();
    assert!(code == Some(0) && said.contains("1 workers: "), "{said}");
    assert!(
        said.contains("good (source) RUNNING\n  task 0 RUNNING on "),
        "{said}"
    );
    config["fail.at"] = json!("0");
    assert_eq!(worker.create("bad", &config).status, 201);
    worker.task("bad", "FAILED");
    let said = wait("the failure to be shown", || {
        let (code, said) = shown();
        (code == Some(2)).then_some(said)
    });
    assert!(
        said.contains("Broken: it is broken\n    What to do: mend it"),
        "{said}"
    );
    let (_, said) = walbridge(&["status", "--json", "--url", &worker.url]);
    let all: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(
        all["connectors"]["good"]["status"]["tasks"][0]["state"],
        "RUNNING"
    );

    let (code, said) = walbridge(&["status", "--url", "http://127.0.0.1:1"]);
    assert!(
        code == Some(2) && said.contains("http://127.0.0.1:1/ does not answer"),
        "{said}"
    );
    let (code, said) = walbridge(&["completion", "bash"]);
    assert!(
        code == Some(0) && said.contains("walbridge") && said.contains("apply"),
        "{said}"
    );
}
