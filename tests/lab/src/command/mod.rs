//! The lab's commands, one file each.

mod connectors;
mod down;
mod fuzz;
mod load;
mod reading;
mod screen;
mod status;
mod suites;
mod topic;
mod try_it;
mod up;

use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};
use clap::{Parser, Subcommand};
use walbridge_lab::{Change, DATABASE, Lab, Link, Options, State};

/// Two sites on one machine, from real servers.
#[derive(Debug, Parser)]
#[command(name = "lab", bin_name = "./lab", disable_version_flag = true)]
#[command(after_help = "Environment:\n  \
    WALBRIDGE_LAB_DIR    the lab's folder (default: one per user and port in the temporary folder)\n  \
    WALBRIDGE_LAB_PORT   where its ports begin (default: 21000); another value is another lab\n  \
    WALBRIDGE_LAB_PARTS  where fetched parts are kept (default: ~/.cache/walbridge-lab)")]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Start two sites, a worker in each, a load, and show the standby following
    Up(up::Up),
    /// Stop everything and remove the lab's folder
    Down,
    /// Show what runs and how far the standby is
    Status,
    /// Print where everything is, as NAME=value lines
    Env,
    /// Open psql in a site's database, or pass it arguments
    Sql {
        /// east or west
        site: String,
        /// Arguments for psql
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// List a site's topics, or print the records of one
    Topic(topic::Topic),
    /// Pull the cable between the sites
    Cut,
    /// Put the cable back
    Heal,
    /// Change the network: cut, heal, refuse, reset, delay MS, rate BYTES-PER-SECOND
    Net {
        /// The change
        #[arg(required = true)]
        change: Vec<String>,
    },
    /// Start or stop the write load
    Load {
        /// start or stop
        verb: String,
        /// Transactions per second
        #[arg(long, default_value_t = load::RATE)]
        rate: u32,
    },
    /// Print a server's log, or list the logs
    Logs {
        /// The server's name
        name: Option<String>,
        /// Go on as the log grows
        #[arg(short, long)]
        follow: bool,
    },
    /// Run everything CI runs, or one suite of the end-to-end tests
    Test(suites::Test),
    /// Measure
    Bench {
        /// Arguments for the benchmark
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Feed a reader of other people's input with anything
    Fuzz(fuzz::Fuzz),
    /// Serve the network between the sites (started by up)
    #[command(hide = true)]
    Link,
}

/// Runs the command that the arguments ask for.
pub(crate) fn run() -> Result<ExitCode> {
    let options = Options::from_env()?;
    match Arguments::parse().verb {
        Verb::Up(up) => up.run(options)?,
        Verb::Down => down::run(&options.dir)?,
        Verb::Status => status::run(&Lab::attach(&options.dir)?)?,
        Verb::Env => env(&Lab::attach(&options.dir)?),
        Verb::Sql { site, args } => return sql(&Lab::attach(&options.dir)?, &site, &args),
        Verb::Topic(topic) => topic.run(&Lab::attach(&options.dir)?)?,
        Verb::Cut => change(&options, Change::Cut)?,
        Verb::Heal => change(&options, Change::Heal)?,
        Verb::Net { change: words } => change(&options, words.join(" ").parse()?)?,
        Verb::Load { verb, rate } => load::run(&Lab::attach(&options.dir)?, &verb, rate)?,
        Verb::Logs { name, follow } => return logs(&options, name.as_deref(), follow),
        Verb::Test(test) => return test.run(),
        Verb::Bench { args } => return suites::bench(&args),
        Verb::Fuzz(fuzz) => return fuzz.run(),
        Verb::Link => link(&options)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Returns the folder of the repository: where `./lab` stands.
fn repository() -> PathBuf {
    match std::env::var_os("WALBRIDGE_LAB_ROOT") {
        Some(root) => root.into(),
        None => PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../..")),
    }
}

fn env(lab: &Lab) {
    for (name, value) in lab.env() {
        println!("{name}={value}");
    }
}

fn sql(lab: &Lab, site: &str, args: &[String]) -> Result<ExitCode> {
    let mut command = lab.site(site)?.postgres().tool("psql");
    replace(command.env("PGDATABASE", DATABASE).args(args))
}

/// Runs a command in the foreground and ends as it ended.
fn replace(command: &mut Command) -> Result<ExitCode> {
    let status = command
        .status()
        .with_context(|| format!("running {command:?}"))?;
    Ok(status
        .code()
        .and_then(|code| u8::try_from(code).ok())
        .map_or(ExitCode::FAILURE, Into::into))
}

fn change(options: &Options, change: Change) -> Result<()> {
    State::read(&options.dir)?;
    let link = Link::of(&options.dir);
    link.apply(change)?;
    println!("the network between the sites is {}", link.describe()?);
    Ok(())
}

fn logs(options: &Options, name: Option<&str>, follow: bool) -> Result<ExitCode> {
    State::read(&options.dir)?;
    let logs = options.dir.join("logs");
    let Some(name) = name else {
        let mut names: Vec<String> = std::fs::read_dir(&logs)?
            .flatten()
            .filter_map(|entry| Some(entry.file_name().to_str()?.strip_suffix(".log")?.to_owned()))
            .collect();
        names.sort();
        println!("{}", names.join("\n"));
        return Ok(ExitCode::SUCCESS);
    };
    let path = logs.join(format!("{name}.log"));
    if !path.exists() {
        bail!("no log {name}: ./lab logs lists them");
    }
    let mut tail = Command::new("tail");
    tail.args(if follow {
        ["-n", "50", "-F"]
    } else {
        ["-n", "+1", "--"]
    });
    replace(tail.arg(path))
}

/// Serves the network until it is told to end.
fn link(options: &Options) -> Result<()> {
    let lab = Lab::attach(&options.dir)?;
    Link::serve(lab.dir(), &lab.routes())?;
    loop {
        std::thread::park();
    }
}
