//! Two sites on one machine from real servers: installs, starts, cuts and stops them.
//!
//! ```text
//!            east                         Link                        west
//!  PostgreSQL  Kafka  Registry  ◀── proxies: cut, slow, ──▶  PostgreSQL  Kafka  Registry
//!         worker                        resetting                   worker
//! ```
//!
//! Tests share one lab per process (or, under `./lab test`, one lab for all of them) and keep
//! apart by database, topic prefix and group:
//!
//! ```no_run
//! # fn main() -> anyhow::Result<()> {
//! let lab = walbridge_lab::Lab::shared()?;
//! let _peace = lab.peace(); // nobody kills a server meanwhile; lab.harm() is the right to
//! lab.east().postgres().create_database("orders")?;
//! let session = lab.east().postgres().session("orders")?;
//! session.run("create table t (id int primary key)")?;
//! # Ok(())
//! # }
//! ```
//!
//! | Module | Holds |
//! |---|---|
//! | [`Lab`], [`Site`] | the pair of sites; its databases, brokers, registries |
//! | [`Server`] | one process: start, stop, kill -9, freeze, log, what it has used |
//! | [`Connect`] | Apache Kafka Connect, to compare with |
//! | [`Worker`] | `walbridge worker FILE` as a child process, with failpoints |
//! | [`Link`] | the network between the sites: cut, heal, delay, throttle, reset |
//! | [`Session`], [`Http`] | blocking SQL and HTTP |
//! | [`wait_for`] | waiting for a condition with a deadline |
//!
//! Environment: `WALBRIDGE_LAB_DIR` and `WALBRIDGE_LAB_PORT` place a lab, `WALBRIDGE_LAB_PARTS`
//! its downloads; `WALBRIDGE_LAB_ATTACH` makes tests use the lab in that folder;
//! `WALBRIDGE_LAB_KEEP` leaves the folder of a lab that ended; `WALBRIDGE_LAB_BIN` is the executable.

mod conditions;
mod connect;
mod controller;
mod deadline;
mod http;
mod kafka;
mod lab;
mod link;
mod parts;
mod ports;
mod postgres;
mod process;
mod proxy;
mod reaper;
mod registry;
mod server;
mod site;
mod sql;
mod state;
mod worker;

pub use conditions::{Change, Conditions, Flow, Weather};
pub use connect::Connect;
pub use deadline::{Hopeless, wait_for, wait_until};
pub use http::Http;
pub use kafka::{Kafka, KafkaPorts};
pub use lab::{Harm, Lab};
pub use link::{Link, Route};
pub use parts::{Parts, cache_dir};
pub use ports::{DEFAULT_BASE, free_port, is_free};
pub use postgres::{DATABASE, PASSWORD, Postgres, USER};
pub use process::{Identity, Signal, Usage, tree, usage};
pub use proxy::start as start_proxy;
pub use reaper::Reaper;
pub use registry::Registry;
pub use server::{Program, RunAs, Server};
pub use site::{Site, SitePorts};
pub use sql::Session;
pub use state::{Options, State};
pub use worker::{RunningWorker, Worker, binary, run};
