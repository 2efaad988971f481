//! The benchmarks: walbridge against PostgreSQL's own tools, in one run on one machine.
//!
//! `./lab bench [source|chain|latency|rest|footprint]`. Every part prints a table in Markdown, fit for
//! `docs/measurements.md`, with the machine and the date on top.
//!
//! | Part | walbridge | compared with |
//! |---|---|---|
//! | [`source`] | a backlog from the slot into Kafka | `pg_recvlogical` on a slot with the same content |
//! | [`chain`] | a backlog from east's table into west's | `CREATE SUBSCRIPTION` on a slot with the same content |
//! | [`latency`] | single transactions at a fixed rate | the subscription |
//! | [`rest`] | many connectors over the REST API | |
//! | [`footprint`] | a worker's start, its idling and its end | |
//!
//! Method: contenders take turns within a round and the order rotates from round to round; a
//! ratio is taken within a round, and what is shown is the median with the extremes. Everything is
//! counted at the far end, with a checksum, after the clock has stopped. Processor time comes from
//! `/proc`, for every process that takes part.

mod backlog;
mod chain;
mod far_end;
mod footprint;
mod latency;
mod machine;
mod meter;
mod native;
mod pair;
mod report;
mod rest;
mod source;

use std::path::PathBuf;

use anyhow::Result;
use clap::{Parser, ValueEnum};

use crate::pair::Pair;

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// All of the others
    All,
    /// The source's drain against pg_recvlogical
    Source,
    /// The whole chain against a subscription
    Chain,
    /// From commit in east to visible in west
    Latency,
    /// The REST API with many connectors; nothing to compare with
    Rest,
    /// A worker's start, its idling and its end; nothing to compare with
    Footprint,
}

/// Measure walbridge against PostgreSQL's own tools on this machine.
#[derive(Debug, Parser)]
#[command(name = "bench")]
struct Arguments {
    /// What to measure
    #[arg(value_enum, default_value = "all")]
    part: Part,
    /// Rounds of `source`, `chain` and `footprint`
    #[arg(long, default_value_t = 5)]
    runs: usize,
    /// Rows of a backlog
    #[arg(long, default_value_t = 1_000_000)]
    rows: u64,
    /// Rows of a transaction in the backlog
    #[arg(long, default_value_t = 1_000)]
    transaction: u64,
    /// What the transactions of the backlog do
    #[arg(long, value_enum, default_value = "insert")]
    mix: backlog::Mix,
    /// Transactions per second of `latency`
    #[arg(long, default_value_t = 200)]
    rate: u32,
    /// Seconds of `latency`
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Seconds that `chain` and `latency` work before anything counts: Java compiles what it runs often,
    /// and brokers that have just started have not
    #[arg(long, default_value_t = 180)]
    warm_up: u64,
    /// Partitions of a table's topic
    #[arg(long, default_value_t = 1)]
    partitions: u32,
    /// Seconds that a worker of `footprint` is left alone
    #[arg(long, default_value_t = 15)]
    idle: u64,
    /// Connectors of `rest`
    #[arg(long, default_value_t = 1_000)]
    connectors: usize,
    /// A setting on top of a connector's, as CONNECTOR.KEY=VALUE; may be repeated
    #[arg(long = "set", value_name = "CONNECTOR.KEY=VALUE")]
    settings: Vec<String>,
    /// Only walbridge, nothing to compare with: for work on its speed
    #[arg(long)]
    alone: bool,
    /// Where the servers' files are kept while it runs; needs some gigabytes
    #[arg(long)]
    dir: Option<PathBuf>,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    println!("{}", machine::describe());
    let pair = Pair::start(&arguments)?;
    let wanted = |part| arguments.part == Part::All || arguments.part == part;
    if wanted(Part::Source) {
        source::run(&pair, &arguments)?;
    }
    if wanted(Part::Chain) {
        chain::run(&pair, &arguments)?;
    }
    if wanted(Part::Latency) {
        latency::run(&pair, &arguments)?;
    }
    if wanted(Part::Rest) {
        rest::run(&pair, &arguments)?;
    }
    if wanted(Part::Footprint) {
        footprint::run(&pair, &arguments)?;
    }
    println!("{}", report::memory(&pair.peaks()));
    Ok(())
}
