//! What each command does, and how it ends: 0 done, 1 wrong configuration, 2 something outside is not
//! as it must be, 3 a defect.

mod apply;
mod client;
mod clock;
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
use walbridge::config::{ConnectorRules, WorkerConfig, plugin_path};
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
    let catalog = match Catalog::built_in().with_libraries(&config.plugin_path) {
        Ok(catalog) => catalog,
        Err(problems) => return fail(CONFIGURATION, &problems.to_string()),
    };
    let worker = match Worker::start(config, catalog, Resolver::new()) {
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
    let catalog = catalog_of(&folder, env);
    let connectors = folder.connectors.iter().map(|file| {
        let rules = rules(&folder, &file.path, env);
        (&file.path, check_connector(file, &catalog, &rules))
    });
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
    let mut found: Vec<String> = match WorkerConfig::load(file, env) {
        Ok(_) => Vec::new(),
        Err(problems) => problems.0.iter().map(ToString::to_string).collect(),
    };
    if let Err(problems) = Catalog::built_in().with_libraries(&plugin_path(file, env)) {
        let shown = file.display();
        found.extend(
            problems
                .0
                .iter()
                .map(|problem| format!("{shown}: {problem}")),
        );
    }
    found
}

/// Returns the connectors that the workers of a folder have, all taken together.
fn catalog_of(folder: &Folder, env: &BTreeMap<String, String>) -> Catalog {
    let mut paths = Vec::new();
    for path in folder
        .workers
        .iter()
        .flat_map(|file| plugin_path(file, env))
    {
        if !paths.contains(&path) {
            paths.push(path);
        }
    }
    let mut catalog = Catalog::built_in();
    for path in paths {
        // What is wrong with one has been told of with its worker's file.
        catalog = match catalog.clone().with_libraries(&[path]) {
            Ok(more) => more,
            Err(_) => catalog,
        };
    }
    catalog
}

/// Returns what the worker allows whose file lies beside a connector's.
fn rules(folder: &Folder, connector: &Path, env: &BTreeMap<String, String>) -> ConnectorRules {
    let mut beside = folder
        .workers
        .iter()
        .filter(|worker| worker.parent() == connector.parent());
    let worker = beside.find_map(|worker| WorkerConfig::load(worker, env).ok());
    worker.map(|worker| worker.rules).unwrap_or_default()
}

fn check_connector(file: &ConnectorFile, catalog: &Catalog, rules: &ConnectorRules) -> Vec<String> {
    let shown = file.path.display();
    match connector::check_for(catalog, &Resolver::new(), &file.config, rules) {
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
