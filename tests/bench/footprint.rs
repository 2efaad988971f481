//! What a worker takes: time to start and to stop, memory and processor time while it is idle.
//!
//! Kafka runs and is warm. A worker starts on its topics, which hold the connectors of the round before,
//! is left alone, and is told to stop. Nothing flows: files and databases are as they were.

use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use serde_json::{Value, json};
use walbridge_lab::{Http, RunningWorker, wait_for};

use crate::Arguments;
use crate::pair::{Pair, SOON};
use crate::report::median;

/// How often a worker is asked whether it is there.
const LOOK: Duration = Duration::from_millis(2);

/// One worker with its connectors.
struct Load<'a> {
    title: &'a str,
    group: &'a str,
    connectors: Vec<(String, Value)>,
}

/// What was measured of one life of a worker.
#[derive(Debug, Default)]
struct Life {
    healthy_ms: f64,
    running_ms: f64,
    resident_mib: f64,
    peak_mib: f64,
    threads: f64,
    cpu_ms_per_s: f64,
    stop_ms: f64,
}

/// Measures and prints.
pub(crate) fn run(pair: &Pair, arguments: &Arguments) -> Result<()> {
    let files = pair.folder("footprint")?;
    let loads = [
        Load {
            title: "no connector",
            group: "idle-none",
            connectors: Vec::new(),
        },
        Load {
            title: "5 FileStreamSource, 5 FileStreamSink",
            group: "idle-files",
            connectors: file_connectors(&files, "files", 5, 5),
        },
        Load {
            title: "2 PostgresSource, 2 PostgresSink, 1 Mirror, 3 FileStreamSource, 2 FileStreamSink",
            group: "idle-mix",
            connectors: mix(pair, arguments, &files)?,
        },
    ];
    let mut table = String::new();
    for load in &loads {
        let mut lives = Vec::new();
        // The first makes topics and connectors.
        for round in 0..=arguments.runs {
            let life = live(pair, load, arguments.idle)?;
            if round > 0 {
                lives.push(life);
            }
        }
        let shown = |read: fn(&Life) -> f64, digits: usize| {
            let all: Vec<f64> = lives.iter().map(read).collect();
            let most = all.iter().copied().fold(0.0, f64::max);
            format!("{:.digits$} ({most:.digits$})", median(&all))
        };
        let cells = [
            shown(|l| l.healthy_ms, 0),
            shown(|l| l.running_ms, 0),
            shown(|l| l.resident_mib, 1),
            shown(|l| l.peak_mib, 1),
            shown(|l| l.threads, 0),
            shown(|l| l.cpu_ms_per_s, 1),
            shown(|l| l.stop_ms, 0),
        ];
        let _ = writeln!(table, "| {} | {} |", load.title, cells.join(" | "));
    }
    println!(
        "### Footprint: a worker left alone for {} s, {} lives each: median (most)\n\n\
         | Connectors | healthy after ms | all tasks run after ms | resident MiB | peak MiB | threads | CPU ms/s \
         | stopped after ms |\n|---|---|---|---|---|---|---|---|\n{table}",
        arguments.idle, arguments.runs,
    );
    Ok(())
}

fn file_connectors(files: &Path, name: &str, sources: usize, sinks: usize) -> Vec<(String, Value)> {
    let text = "org.apache.kafka.connect.storage.StringConverter";
    let path = |kind: &str, number| {
        files
            .join(format!("{name}-{kind}-{number}"))
            .display()
            .to_string()
    };
    let source = |number| {
        let config = json!({
            "connector.class": "FileStreamSource",
            "file": path("in", number),
            "topic": format!("{name}-{number}"),
            "key.converter": text,
            "value.converter": text,
            "topic.creation.default.partitions": "1",
            "topic.creation.default.replication.factor": "1",
        });
        (format!("{name}-source-{number}"), config)
    };
    let sink = |number| {
        let config = json!({
            "connector.class": "FileStreamSink",
            "file": path("out", number),
            "topics": format!("{name}-{number}"),
            "key.converter": text,
            "value.converter": text,
        });
        (format!("{name}-sink-{number}"), config)
    };
    (0..sources)
        .map(source)
        .chain((0..sinks).map(sink))
        .collect()
}

fn mix(pair: &Pair, arguments: &Arguments, files: &Path) -> Result<Vec<(String, Value)>> {
    let mut all = file_connectors(files, "mix", 3, 2);
    let (east, west) = (pair.east(), pair.west());
    for number in 0..2 {
        let database = format!("foot_{number}");
        let session = Pair::database(east, &database)?;
        session.run(&format!(
            "create table {} (id int primary key)",
            crate::backlog::TABLE
        ))?;
        Pair::database(west, &database)?;
        all.push((
            format!("mix-pg-source-{number}"),
            pair.source(&database, arguments),
        ));
        let sink = json!({
            "connector.class": "PostgresSink",
            "connection.hostname": "127.0.0.1",
            "connection.port": west.postgres().port().to_string(),
            "connection.username": walbridge_lab::USER,
            "connection.password": walbridge_lab::PASSWORD,
            "connection.dbname": database,
            "topics.regex": format!("{database}\\..*"),
            "schema.registry.url": east.registry().url(),
        });
        all.push((format!("mix-pg-sink-{number}"), sink));
    }
    let mirror = json!({
        "connector.class": "Mirror",
        "source.cluster.alias": "west",
        "target.cluster.alias": "east",
        "source.cluster.bootstrap.servers": west.kafka().bootstrap(),
        "topics": "nothing\\..*",
    });
    all.push(("mix-mirror".to_owned(), mirror));
    Ok(all)
}

fn since_ms(began: Instant) -> f64 {
    began.elapsed().as_secs_f64() * 1000.0
}

/// Runs a worker from its start to its end.
fn live(pair: &Pair, load: &Load<'_>, idle: u64) -> Result<Life> {
    let worker = pair.worker(load.group)?;
    let url = pair.east().connect_url();
    let http = Http::new()?;
    let began = Instant::now();
    worker.spawn()?;
    while http.status(&format!("{url}/health")).ok() != Some(200) {
        ensure!(
            worker.is_running(),
            "it has ended:\n{}",
            worker.log_tail(20)
        );
        ensure!(
            began.elapsed() < SOON,
            "it is not healthy:\n{}",
            worker.log_tail(20)
        );
        std::thread::sleep(LOOK);
    }
    let mut life = Life {
        healthy_ms: since_ms(began),
        ..Life::default()
    };
    for (name, config) in &load.connectors {
        let path = format!("{url}/connectors/{name}");
        if http.status(&path)? == 404 {
            http.put(&format!("{path}/config"), config)?;
        }
    }
    running(&http, &url, load, &worker)?;
    life.running_ms = since_ms(began);
    // What the start took has been given back.
    std::thread::sleep(Duration::from_secs(2));
    let before = worker.usage();
    std::thread::sleep(Duration::from_secs(idle));
    let after = worker.usage();
    let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    life.resident_mib = mib(after.resident);
    life.peak_mib = mib(after.peak);
    life.threads = threads(&worker)?;
    life.cpu_ms_per_s = (after.cpu - before.cpu).as_secs_f64() * 1000.0 / idle as f64;
    let told = Instant::now();
    worker.stop()?;
    life.stop_ms = since_ms(told);
    Ok(life)
}

fn running(http: &Http, url: &str, load: &Load<'_>, worker: &RunningWorker) -> Result<()> {
    let waited = wait_for("all tasks to run", SOON, || {
        let all: Value = http.get(&format!("{url}/connectors?expand=status"))?;
        for (name, _) in &load.connectors {
            let task = &all[name]["status"]["tasks"][0];
            if task["state"] != "RUNNING" {
                bail!("{name} is {task}");
            }
        }
        Ok(Some(()))
    });
    waited.map_err(|error| error.context(worker.log_tail(20)))
}

fn threads(worker: &RunningWorker) -> Result<f64> {
    let Some(pid) = worker.pid() else {
        bail!("it has ended:\n{}", worker.log_tail(20));
    };
    Ok(std::fs::read_dir(format!("/proc/{pid}/task"))?.count() as f64)
}
