//! The walbridge command.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod commands;

/// The allocator of librdkafka, too, which gives memory back after a backlog: `.cargo/config.toml` says when.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Carries changes from databases through Kafka to their standbys.
#[derive(Debug, Parser)]
#[command(name = "walbridge", version = walbridge::VERSION)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs a worker until it is told to stop.
    Worker {
        /// The worker's TOML file.
        file: PathBuf,
    },
    /// Checks worker (.toml) and connector (.json) files and reports every mistake.
    Check {
        /// The files.
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// Prints the version.
    Version,
}

fn main() -> ExitCode {
    let env: BTreeMap<String, String> = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    match Arguments::parse().command {
        Command::Worker { file } => commands::worker(&file, &env),
        Command::Check { files } => commands::check(&files, &env),
        Command::Version => commands::version(),
    }
}
