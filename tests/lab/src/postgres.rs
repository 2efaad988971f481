//! A site's PostgreSQL.

use std::fmt::Write as _;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::parts::Parts;
use crate::process::Signal;
use crate::server::{Program, RunAs, Server};
use crate::sql::Session;

/// The superuser of every lab database.
pub const USER: &str = "postgres";
/// The password of the superuser; a lab listens on the loopback interface only.
pub const PASSWORD: &str = "walbridge";
/// The database that `lab up` loads and replicates.
pub const DATABASE: &str = "bank";

/// What `postgresql.conf` says unless a lab's options say otherwise.
const SETTINGS: &[(&str, &str)] = &[
    ("wal_level", "logical"),
    ("max_replication_slots", "40"),
    ("max_wal_senders", "40"),
    ("max_connections", "200"),
    // Several subscriptions at a time, each of which copies its tables first.
    ("max_logical_replication_workers", "24"),
    ("max_worker_processes", "32"),
    ("max_prepared_transactions", "10"),
    ("shared_buffers", "64MB"),
    ("max_wal_size", "1GB"),
    // Replication lag in time needs to know when the last transaction committed.
    ("track_commit_timestamp", "on"),
    ("logging_collector", "off"),
    ("log_line_prefix", "'%m [%p] %q%u@%d '"),
];

/// A PostgreSQL server; its process is reached through [`Server`]'s methods.
#[derive(Debug)]
pub struct Postgres {
    server: Server,
    bin: PathBuf,
    data: PathBuf,
    port: u16,
    user: Option<RunAs>,
}

impl Postgres {
    /// Describes the server `name` with its data under the lab's folder.
    pub fn new(name: &str, dir: &Path, port: u16, parts: &Parts) -> Result<Self> {
        let user = other_user()?;
        let data = dir.join("data").join(name);
        let bin = parts.postgres_bin.clone();
        let program = Program {
            name: name.to_owned(),
            path: bin.join("postgres"),
            args: vec!["-D".to_owned(), data.display().to_string()],
            env: vec![("LC_ALL".to_owned(), "C".to_owned())],
            user,
            stop: Signal::Int,
        };
        let url = url_of(port, "postgres");
        let ready = move || Session::open(&url)?.run("select 1");
        Ok(Self {
            server: Server::new(program, dir, ready),
            bin,
            data,
            port,
            user,
        })
    }

    /// Creates the data folder with these settings on top of the lab's.
    pub fn create(&self, settings: &[(String, String)]) -> Result<()> {
        std::fs::create_dir_all(&self.data)?;
        let password_file = self.data.with_extension("password");
        std::fs::write(&password_file, PASSWORD)?;
        if let Some(user) = self.user {
            for path in [&self.data, &password_file] {
                std::os::unix::fs::chown(path, Some(user.uid), Some(user.gid))
                    .with_context(|| format!("giving {} to another user", path.display()))?;
            }
        }
        let mut command = self.tool("initdb");
        command
            .arg("--pgdata")
            .arg(&self.data)
            .args([
                "--username",
                USER,
                "--encoding",
                "UTF8",
                "--locale",
                "C",
                "--no-sync",
            ])
            .args([
                "--auth-local",
                "trust",
                "--auth-host",
                "scram-sha-256",
                "--pwfile",
            ])
            .arg(&password_file);
        run(&mut command)?;
        std::fs::remove_file(&password_file)?;
        self.configure(settings)
    }

    /// Appends settings to `postgresql.conf`; they hold from the next start.
    pub fn set(&self, settings: &[(&str, &str)]) -> Result<()> {
        let path = self.data.join("postgresql.conf");
        let mut text = std::fs::read_to_string(&path)?;
        for (name, value) in settings {
            writeln!(text, "{name} = {value}")?;
        }
        std::fs::write(&path, text).with_context(|| format!("writing {}", path.display()))
    }

    fn configure(&self, settings: &[(String, String)]) -> Result<()> {
        let port = self.port.to_string();
        // The socket stands beside the data folder: next to others' files, but in a short path.
        let sockets = format!("'{}'", self.data.display());
        self.set(&[
            ("port", &port),
            ("listen_addresses", "'127.0.0.1'"),
            ("unix_socket_directories", &sockets),
        ])?;
        self.set(SETTINGS)?;
        let own: Vec<(&str, &str)> = settings
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        self.set(&own)
    }

    /// Returns the port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns the data folder.
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// Returns the folder of the Unix socket.
    pub fn socket_dir(&self) -> &Path {
        &self.data
    }

    /// Returns the URL of a database as the superuser.
    pub fn url(&self, database: &str) -> String {
        url_of(self.port, database)
    }

    /// Opens a session in a database.
    pub fn session(&self, database: &str) -> Result<Session> {
        Session::open(&self.url(database))
    }

    /// Creates a database, dropping one of the same name.
    pub fn create_database(&self, database: &str) -> Result<()> {
        self.drop_database(database)?;
        self.session("postgres")?
            .run(&format!("create database \"{database}\""))
    }

    /// Drops a database with everybody in it, and its slots, if it exists.
    pub fn drop_database(&self, database: &str) -> Result<()> {
        let session = self.session("postgres")?;
        let slots = session.query(
            "select slot_name::text, active_pid from pg_replication_slots where database = $1",
            &[&database],
        )?;
        for row in slots {
            let (slot, pid): (String, Option<i32>) = (row.try_get(0)?, row.try_get(1)?);
            if let Some(pid) = pid {
                session.execute("select pg_terminate_backend($1, 10000)", &[&pid])?;
            }
            session.execute("select pg_drop_replication_slot($1)", &[&slot])?;
        }
        session.run(&format!(
            "drop database if exists \"{database}\" with (force)"
        ))
    }

    /// Prepares one of PostgreSQL's own programs (`psql`, `pgbench`, `pg_recvlogical`, …) with the
    /// environment that makes it connect here as the superuser.
    pub fn tool(&self, name: &str) -> Command {
        let mut command = Command::new(self.tool_path(name));
        command.envs(self.tool_env());
        if let (Some(user), "initdb" | "pg_ctl" | "pg_resetwal") = (self.user, name) {
            use std::os::unix::process::CommandExt;
            command.uid(user.uid).gid(user.gid).current_dir("/");
        }
        command
    }

    /// Returns the path of one of PostgreSQL's own programs.
    pub fn tool_path(&self, name: &str) -> PathBuf {
        self.bin.join(name)
    }

    /// Returns the environment that makes PostgreSQL's own programs connect here.
    pub fn tool_env(&self) -> Vec<(String, String)> {
        [
            ("PGHOST", "127.0.0.1"),
            ("PGPORT", self.port.to_string().as_str()),
            ("PGUSER", USER),
            ("PGPASSWORD", PASSWORD),
            ("LC_ALL", "C"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
    }
}

impl Deref for Postgres {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.server
    }
}

/// Runs a command to its end and quotes its output if it fails.
pub(crate) fn run(command: &mut Command) -> Result<String> {
    let output = command
        .output()
        .with_context(|| format!("running {command:?}"))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        bail!(
            "{command:?} ended with {}:\n{text}{}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(text)
}

fn url_of(port: u16, database: &str) -> String {
    format!("postgresql://{USER}:{PASSWORD}@127.0.0.1:{port}/{database}")
}

/// Finds a user for PostgreSQL, which refuses to run as root: `postgres`, else `nobody`.
fn other_user() -> Result<Option<RunAs>> {
    use std::os::unix::fs::MetadataExt;
    if std::fs::metadata("/proc/self")?.uid() != 0 {
        return Ok(None);
    }
    let users = std::fs::read_to_string("/etc/passwd")?;
    for wanted in ["postgres", "nobody"] {
        for line in users.lines() {
            let fields: Vec<&str> = line.split(':').collect();
            if let [name, _, uid, gid, ..] = fields[..]
                && name == wanted
            {
                return Ok(Some(RunAs {
                    uid: uid.parse()?,
                    gid: gid.parse()?,
                }));
            }
        }
    }
    bail!("PostgreSQL refuses to run as root, and there is neither a user postgres nor nobody")
}
