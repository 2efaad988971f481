//! Other people's clients of Kafka Connect's REST API, through their own calls.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use walbridge_lab::Lab;
use walbridge_tests::consumers::{folder, part};

use crate::worker;

/// Scripts that use a client from PyPI each.
const PYTHON: [&str; 3] = [
    "use_kafka_connect_py.py",
    "use_kafka_connect_api.py",
    "use_kafka_connect_healthcheck.py",
];

#[test]
fn public_clients_are_content_with_a_worker() -> Result<()> {
    let lab = Lab::shared()?;
    let _peace = lab.peace();
    let worker = worker::start(lab, &format!("clients-{}", std::process::id()))?;
    let dir = lab.dir().join("connect");
    let (clients, npm) = (part("clients")?, part("npm")?);
    for script in PYTHON {
        let mut python = Command::new("python3");
        python
            .env("PYTHONPATH", &clients)
            .env("PYTHONDONTWRITEBYTECODE", "1");
        run(python, script, &worker.url, &dir)?;
    }
    let mut node = Command::new("node");
    node.env("NODE_PATH", npm.join("node_modules"));
    run(node, "use_kafka_connect_client.js", &worker.url, &dir)
}

/// Runs a script to its end; it ends badly where the client is not content.
fn run(mut program: Command, script: &str, url: &str, dir: &Path) -> Result<()> {
    program
        .arg(folder().join("connect/clients").join(script))
        .arg(url)
        .arg(dir);
    let output = program
        .output()
        .with_context(|| format!("running {script}"))?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let complained = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success() && said.contains("is content"),
        "{script} ended with {}:\n{said}\n{complained}",
        output.status
    );
    Ok(())
}
