//! The write load: pgbench's TPC-B at east.

use anyhow::{Result, bail};
use walbridge_lab::{DATABASE, Lab, Program, Server, Signal};

/// Transactions per second unless told otherwise.
pub(super) const RATE: u32 = 50;

/// How long a load goes on if nobody stops it: the lab's disk is not for ever.
const SECONDS: u32 = 3600;

/// Runs `lab load start` or `lab load stop`.
pub(super) fn run(lab: &Lab, verb: &str, rate: u32) -> Result<()> {
    match verb {
        "start" => start(lab, rate),
        "stop" => server(lab, rate).stop(),
        _ => bail!("load {verb}: wanted start or stop"),
    }
}

/// Creates and fills pgbench's tables unless they are there.
pub(super) fn create(lab: &Lab, scale: u32) -> Result<()> {
    let postgres = lab.east().postgres();
    let known = "select to_regclass('pgbench_accounts') is not null";
    if postgres.session(DATABASE)?.one::<bool>(known)? {
        return Ok(());
    }
    let output = postgres
        .tool("pgbench")
        .args(["-i", "-q", "-s", &scale.to_string(), DATABASE])
        .output()?;
    if !output.status.success() {
        bail!("pgbench -i: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}

/// Starts the load unless it runs.
pub(super) fn start(lab: &Lab, rate: u32) -> Result<()> {
    server(lab, rate).start()
}

fn server(lab: &Lab, rate: u32) -> Server {
    let postgres = lab.east().postgres();
    let (rate, seconds) = (rate.to_string(), SECONDS.to_string());
    let args = [
        "-n", "-c", "2", "-j", "1", "-R", &rate, "-T", &seconds, "-P", "10", DATABASE,
    ];
    let program = Program {
        name: "load".to_owned(),
        path: postgres.tool_path("pgbench"),
        args: args.map(str::to_owned).into(),
        env: postgres.tool_env(),
        user: None,
        stop: Signal::Int,
    };
    Server::new(program, lab.dir(), || Ok(()))
}
