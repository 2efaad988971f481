//! The walbridge command.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand, ValueEnum};
use walbridge::access::Role;

use commands::By;

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
    /// Checks worker (.toml) and connector (.json) files and reports every mistake, without any server.
    Check {
        /// Files, or folders of them.
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// Brings a running group to what a folder says: shows the difference, then creates and updates
    /// connectors.
    Apply {
        /// Folders of connector files (.json), or files.
        #[arg(required = true)]
        files: Vec<PathBuf>,
        #[command(flatten)]
        target: commands::Target,
        /// Deletes connectors that are in no file.
        #[arg(long)]
        delete: bool,
        /// Shows and checks only.
        #[arg(long)]
        dry_run: bool,
        /// Writes secrets that stand in the files; the worker does not tell whether they differ.
        #[arg(long)]
        secrets: bool,
    },
    /// Shows a group, its connectors and their tasks; ends with 2 if one has failed.
    Status {
        #[command(flatten)]
        target: commands::Target,
        /// Prints all there is, as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Prints what makes a shell complete this command.
    Completion {
        /// Which shell.
        shell: clap_complete::Shell,
    },
    /// Prints a line for a users file (rest.users.file), with a hash of the password that it asks for.
    Password {
        /// The user's name; of a certificate, its common name.
        name: String,
        /// What the user may do.
        #[arg(long, value_enum, default_value = "read-only")]
        role: RoleName,
        /// Makes a bearer token, which goes to standard error, once.
        #[arg(long, conflicts_with = "certificate")]
        token: bool,
        /// The user shows a client certificate.
        #[arg(long)]
        certificate: bool,
    },
    /// Prints the version.
    Version,
}

/// A role by its name in a users file.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum RoleName {
    ReadOnly,
    Admin,
}

fn main() -> ExitCode {
    let env: BTreeMap<String, String> = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    match Arguments::parse().command {
        Command::Worker { file } => commands::worker(&file, &env),
        Command::Check { files } => commands::check(&files, &env),
        Command::Password {
            name,
            role,
            token,
            certificate,
        } => {
            let role = match role {
                RoleName::ReadOnly => Role::ReadOnly,
                RoleName::Admin => Role::Admin,
            };
            let by = match (token, certificate) {
                (true, _) => By::Token,
                (_, true) => By::Certificate,
                _ => By::Password,
            };
            commands::password(&name, role, by)
        }
        Command::Apply {
            files,
            target,
            delete,
            dry_run,
            secrets,
        } => {
            let wishes = commands::Wishes {
                delete,
                dry_run,
                secrets,
            };
            commands::apply(&files, &target, wishes)
        }
        Command::Status { target, json } => commands::status(&target, json),
        Command::Completion { shell } => {
            let mut command = Arguments::command();
            clap_complete::generate(shell, &mut command, "walbridge", &mut std::io::stdout());
            ExitCode::SUCCESS
        }
        Command::Version => commands::version(),
    }
}
