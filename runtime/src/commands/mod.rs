//! What each command does, and how it ends: 0 done, 1 wrong configuration, 2 something outside is not
//! as it must be, 3 a defect.

mod apply;
mod client;
mod folder;
mod password;
mod status;

pub(crate) use apply::{Wishes, apply};
pub(crate) use client::Target;
pub(crate) use password::{By, password};
pub(crate) use status::status;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use folder::{ConnectorFile, Folder};
use tokio::signal::unix::{SignalKind, signal};
use walbridge::catalog::Catalog;
use walbridge::config::WorkerConfig;
use walbridge::secrets::Resolver;
use walbridge::{Stopper, Worker, WorkerError, connector, crash, logging};

const CONFIGURATION: u8 = 1;
const ENVIRONMENT: u8 = 2;
const DEFECT: u8 = 3;

/// Runs a worker until SIGTERM or SIGINT.
pub(crate) fn worker(file: &Path, env: &BTreeMap<String, String>) -> ExitCode {
    let config = match WorkerConfig::load(file, env) {
        Ok(config) => config,
        Err(problems) => return fail(CONFIGURATION, &problems.to_string()),
    };
    if let Err(error) = logging::start(&config.log_level, config.json_logs) {
        return fail(CONFIGURATION, &error);
    }
    crash::arm(env.get("WALBRIDGE_CRASH").map(String::as_str));
    let worker = match Worker::start(config, Catalog::built_in(), Resolver::new()) {
        Ok(worker) => worker,
        Err(error) => return fail(class(&error), &error.to_string()),
    };
    if let Err(error) = stop_on_signal(worker.stopper()) {
        return fail(ENVIRONMENT, &format!("cannot wait for signals: {error}"));
    }
    match worker.join() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(class(&error), &error.to_string()),
    }
}

fn class(error: &WorkerError) -> u8 {
    if matches!(error, WorkerError::Panicked) {
        DEFECT
    } else {
        ENVIRONMENT
    }
}

fn fail(code: u8, message: &str) -> ExitCode {
    eprintln!("walbridge: {message}");
    ExitCode::from(code)
}

/// Prints a line; a reader that has gone away is no error.
fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

fn stop_on_signal(stopper: Stopper) -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    std::thread::Builder::new()
        .name("signals".into())
        .spawn(move || {
            runtime.block_on(async move {
                let both = (
                    signal(SignalKind::terminate()),
                    signal(SignalKind::interrupt()),
                );
                if let (Ok(mut terminate), Ok(mut interrupt)) = both {
                    tokio::select! {
                        _ = terminate.recv() => {}
                        _ = interrupt.recv() => {}
                    }
                    tracing::info!("told to stop");
                    stopper.stop();
                }
            });
        })?;
    Ok(())
}

/// Checks files, and the files of folders, without touching any server.
pub(crate) fn check(paths: &[PathBuf], env: &BTreeMap<String, String>) -> ExitCode {
    let folder = Folder::read(paths);
    let mut mistakes = folder.mistakes.len();
    folder.mistakes.iter().for_each(|line| say(line));
    let workers = folder
        .workers
        .iter()
        .map(|file| (file, check_worker(file, env)));
    let connectors = folder
        .connectors
        .iter()
        .map(|file| (&file.path, check_connector(file)));
    for (file, found) in workers.chain(connectors) {
        if found.is_empty() {
            say(&format!("{}: good", file.display()));
        }
        mistakes += found.len();
        found.iter().for_each(|line| say(line));
    }
    if mistakes == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(CONFIGURATION)
    }
}

fn check_worker(file: &Path, env: &BTreeMap<String, String>) -> Vec<String> {
    match WorkerConfig::load(file, env) {
        Ok(_) => Vec::new(),
        Err(problems) => problems.0.iter().map(ToString::to_string).collect(),
    }
}

fn check_connector(file: &ConnectorFile) -> Vec<String> {
    let shown = file.path.display();
    match connector::check(&Catalog::built_in(), &Resolver::new(), &file.config) {
        Ok(checked) => checked
            .problems
            .iter()
            .map(|problem| format!("{shown}: {}: {}", problem.key, problem.message))
            .collect(),
        Err(error) => vec![format!("{shown}: {error}")],
    }
}

/// Prints the version.
pub(crate) fn version() -> ExitCode {
    let (own, connect) = (walbridge::VERSION, walbridge::CONNECT_VERSION);
    say(&format!("walbridge {own} (Kafka Connect API {connect})"));
    ExitCode::SUCCESS
}
