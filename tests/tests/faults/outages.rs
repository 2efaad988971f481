//! Outages: while something is out of reach, lag grows or is said to be unknown since when, the workers are
//! not healthy, and the alarms that docs/metrics.md names fire; afterwards all of that is over.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use serde_json::{Value, json};
use walbridge_lab::{Lab, RunningWorker, Session, wait_for};
use walbridge_tests::chain::{Chain, End, PATIENCE, Part, Plan, Shape};

/// An alarm of docs/metrics.md: fires while the metric is above the limit.
#[derive(Debug, Clone, PartialEq)]
struct Alarm {
    metric: String,
    limit: f64,
}

/// Reads the alarms out of the page's table.
fn alarms() -> Result<Vec<Alarm>> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/metrics.md");
    let text = std::fs::read_to_string(page)?;
    let (_, rest) = text
        .split_once("## Alarms")
        .context("docs/metrics.md names no alarms")?;
    let rows = rest.lines().take_while(|line| !line.starts_with("## "));
    let expressions = rows.filter_map(|row| row.strip_prefix("| `")?.split_once('`'));
    expressions
        .map(|(expression, _)| {
            let (metric, limit) = expression.split_once(" > ").context("no `>`")?;
            Ok(Alarm {
                metric: metric.to_owned(),
                limit: limit.parse()?,
            })
        })
        .collect()
}

/// Returns the value of a task's metric, if the worker shows a number.
fn metric(chain: &Chain, part: Part, name: &str) -> Result<Option<f64>> {
    let text = chain.worker(chain.end_of(part))?.metrics()?;
    let series = format!(
        "{name}{{connector=\"{}\",task=\"0\"}} ",
        chain.connector(part)
    );
    let line = text.lines().find_map(|line| line.strip_prefix(&series));
    Ok(line.map(str::parse).transpose()?)
}

/// Waits until an alarm fires for a connector.
fn wait_alarm(chain: &Chain, part: Part, name: &str) -> Result<()> {
    let all = alarms()?;
    let mut named = all.iter().filter(|alarm| alarm.metric == name);
    let alarm = named
        .next()
        .with_context(|| format!("no alarm on {name}"))?;
    wait_for(&format!("{alarm:?} of {part:?}"), PATIENCE, || {
        let value = metric(chain, part, name)?;
        ensure!(value.is_some_and(|v| v > alarm.limit), "it is {value:?}");
        Ok(Some(()))
    })
}

/// Returns what a connector's task says of itself, with its state.
fn task(chain: &Chain, part: Part) -> Result<Value> {
    Ok(chain.status(part)?["tasks"][0].clone())
}

/// Waits until a worker's health names a connector among what is not well.
fn wait_degraded(chain: &Chain, end: End, part: Part) -> Result<()> {
    let name = chain.connector(part);
    wait_for(
        &format!("{end:?} to be degraded by {part:?}"),
        PATIENCE,
        || {
            let health = chain.worker(end)?.health()?;
            let reasons = health["degraded"].as_array().context("no reasons")?;
            let named = reasons.iter().any(|reason| reason["connector"] == *name);
            // A worker that does not reach its own Kafka is no member of its group, either.
            let told = ["degraded", "unhealthy"].contains(&health["status"].as_str().unwrap_or(""));
            ensure!(named && told, "{health}");
            Ok(Some(()))
        },
    )
}

/// Waits until a task's lag is unknown, makes sure that what is unknown is shown as such, and that its time grows.
fn wait_unknown(chain: &Chain, part: Part) -> Result<()> {
    let unknown = wait_for(&format!("{part:?}'s lag to be unknown"), PATIENCE, || {
        let task = task(chain, part)?;
        ensure!(task["details"]["lag_unknown_since_ms"].is_u64(), "{task}");
        Ok(Some(task))
    })?;
    for key in ["lag_bytes", "lag_transactions"] {
        ensure!(unknown["details"][key].is_null(), "{key} in {unknown}");
    }
    let first = metric(chain, part, "walbridge_task_lag_seconds")?;
    ensure!(first > Some(0.0), "lag_seconds is {first:?}: {unknown}");
    wait_for(&format!("{part:?}'s lag to grow"), PATIENCE, || {
        let task = task(chain, part)?;
        let (then, now) = (&unknown["details"]["lag_ms"], &task["details"]["lag_ms"]);
        ensure!(now.as_i64() > then.as_i64().map(|ms| ms + 500), "{task}");
        let seconds = metric(chain, part, "walbridge_task_lag_seconds")?;
        ensure!(
            seconds > first,
            "lag_seconds is {seconds:?} after {first:?}"
        );
        Ok(Some(()))
    })?;
    wait_alarm(chain, part, "walbridge_task_lag_unknown_seconds")
}

/// Waits until a task's lag is some time, and grows.
fn wait_growing(chain: &Chain, part: Part) -> Result<()> {
    let mut first = None;
    wait_for(&format!("{part:?}'s lag to grow"), PATIENCE, || {
        let now = metric(chain, part, "walbridge_task_lag_seconds")?;
        let now = now.context("there is no lag_seconds")?;
        let then = *first.get_or_insert(now);
        // It may still be one that is over in a moment.
        ensure!(now > 5.0 && now > then, "it is {now} after {then}");
        Ok(Some(()))
    })
}

/// Waits until every lag is known and nothing, and both workers are healthy.
fn wait_well(chain: &Chain) -> Result<()> {
    for part in chain.parts() {
        wait_for(&format!("{part:?} to be in step"), PATIENCE, || {
            let task = task(chain, part)?;
            let details = &task["details"];
            let known = details.get("lag_unknown_since_ms").is_none();
            let even = details["lag_ms"] == 0 && details["lag_bytes"] == 0;
            ensure!(task["state"] == "RUNNING" && known && even, "{task}");
            for name in ["lag_seconds", "lag_unknown_seconds"] {
                let value = metric(chain, part, &format!("walbridge_task_{name}"))?;
                ensure!(value == Some(0.0), "{name} is {value:?}");
            }
            Ok(Some(()))
        })
        .with_context(|| chain.describe())?;
    }
    for end in chain.ends() {
        wait_for(&format!("{end:?} to be healthy"), PATIENCE, || {
            let health = chain.worker(end)?.health()?;
            ensure!(health["status"] == "healthy", "{health}");
            Ok(Some(()))
        })?;
    }
    Ok(())
}

/// Writes one more row at the primary.
fn write(east: &Session) -> Result<()> {
    east.run("insert into t select coalesce(max(id), 0) + 1, 'more' from t")
}

#[test]
fn an_outage_is_told_and_over_when_it_is_over() -> Result<()> {
    let lab = Lab::shared()?;
    let _harm = lab.harm();
    let mut plan = Plan::new("outages", Shape::TwoSites);
    let soon = ("task.lag.unknown.after.ms".to_owned(), "5000".to_owned());
    plan.worker.push(soon);
    let mut chain = Chain::prepare(lab, plan)?;
    let session = lab.east().postgres().session("outages")?;
    session.run(
        "create table t (id int primary key, v text); insert into t values (1, 'a'), (2, 'b')",
    )?;
    chain.start()?;
    chain.wait_streaming()?;
    wait_well(&chain)?;

    // Nothing passes between the sites, while the primary goes on.
    lab.link().cut()?;
    write(&session)?;
    wait_unknown(&chain, Part::Mirror)?;
    wait_unknown(&chain, Part::Sink)?;
    write(&session)?;
    wait_degraded(&chain, End::West, Part::Mirror)?;
    wait_degraded(&chain, End::West, Part::Sink)?;
    for part in [Part::Mirror, Part::Sink] {
        wait_alarm(&chain, part, "walbridge_task_lag_seconds")?;
    }
    lab.link().heal()?;
    wait_well(&chain)?;

    // A sink that is paused is behind, for all that anybody knows.
    chain.tell(Part::Sink, "PUT", "pause")?;
    write(&session)?;
    wait_unknown(&chain, Part::Sink)?;
    wait_degraded(&chain, End::West, Part::Sink)?;
    chain.tell(Part::Sink, "PUT", "resume")?;
    wait_well(&chain)?;

    // One that has failed, too, and what it showed last is not shown on.
    let west = lab.west().postgres().session("outages")?;
    west.run("delete from t where id = 1")?;
    session.run("update t set v = 'b' where id = 1")?;
    chain.wait_failed(Part::Sink, "")?;
    wait_unknown(&chain, Part::Sink)?;
    wait_alarm(&chain, Part::Sink, "walbridge_task_failed")?;
    wait_degraded(&chain, End::West, Part::Sink)?;
    west.run("insert into t values (1, 'a')")?;
    chain.tell(Part::Sink, "POST", "tasks/0/restart")?;
    wait_well(&chain)?;
    Ok(())
}

/// How many connectors are created at once while nobody can store them.
const CREATED: usize = 6;

/// Asks a worker to create connectors, all at once; returns how many it created, and how many it gave up on in
/// the time that a request may take.
fn create_many(worker: &RunningWorker) -> Result<(usize, usize)> {
    let create = |number: usize| {
        let begun = Instant::now();
        let config =
            json!({ "connector.class": "FileStreamSource", "topic": "late", "file": "/dev/null" });
        let answer = worker.put_connector(&format!("late-{number}"), &config);
        (answer, begun.elapsed())
    };
    let answers: Vec<_> = std::thread::scope(|scope| {
        let asked: Vec<_> = (0..CREATED)
            .map(|number| scope.spawn(move || create(number)))
            .collect();
        asked.into_iter().map(|asked| asked.join()).collect()
    });
    let (mut made, mut given_up) = (0, 0);
    for answer in answers {
        let (answer, took) = answer.map_err(|_| anyhow!("whoever asked panicked"))?;
        match answer {
            Ok(_) => made += 1,
            Err(error) if format!("{error:#}").contains("timed out") => {
                // One after another they would take half a minute each.
                ensure!(took < Duration::from_secs(20), "after {took:?}: {error:#}");
                given_up += 1;
            }
            Err(error) => return Err(error),
        }
    }
    Ok((made, given_up))
}

#[test]
fn servers_that_hang_are_told_of() -> Result<()> {
    let lab = Lab::shared()?;
    let _harm = lab.harm();
    let mut plan = Plan::new("hanging", Shape::TwoSites);
    let soon = ("task.lag.unknown.after.ms".to_owned(), "5000".to_owned());
    plan.worker.push(soon);
    let limit = ("rest.request.timeout.ms".to_owned(), "5000".to_owned());
    plan.worker.push(limit);
    let mut chain = Chain::prepare(lab, plan)?;
    let session = lab.east().postgres().session("hanging")?;
    session.run("create table t (id int primary key, v text); insert into t values (1, 'a')")?;
    chain.start()?;
    chain.wait_streaming()?;
    wait_well(&chain)?;

    // The target's Kafka: neither the mirror nor the sink knows how far it is.
    lab.west().kafka().freeze();
    write(&session)?;
    wait_unknown(&chain, Part::Sink)?;
    wait_degraded(&chain, End::West, Part::Sink)?;
    wait_degraded(&chain, End::West, Part::Mirror)?;
    wait_growing(&chain, Part::Mirror)?;
    let (made, given_up) = create_many(chain.worker(End::West)?)?;
    ensure!(made == 0 && given_up == CREATED, "{made}, {given_up}");
    lab.west().kafka().thaw();
    wait_well(&chain)?;
    // One may have begun; the others had been given up before their turn came.
    let there = chain.worker(End::West)?.get("/connectors")?.to_string();
    ensure!(there.matches("late-").count() <= 1, "{there}");

    // The source's: what the primary has written since then is behind.
    lab.east().kafka().freeze();
    write(&session)?;
    wait_growing(&chain, Part::Source)?;
    wait_degraded(&chain, End::East, Part::Source)?;
    lab.east().kafka().thaw();
    wait_well(&chain)?;

    // The primary itself.
    lab.east().postgres().freeze();
    let told = wait_unknown(&chain, Part::Source)
        .and_then(|()| wait_degraded(&chain, End::East, Part::Source));
    let kept = metric(&chain, Part::Source, "walbridge_task_retained_wal_bytes");
    lab.east().postgres().thaw();
    told?;
    ensure!(
        kept?.is_none_or(f64::is_nan),
        "what a slot keeps is told though nobody looks"
    );
    wait_well(&chain)?;

    // The slot of a source that is paused keeps more and more, and nobody measures it.
    chain.tell(Part::Source, "PUT", "pause")?;
    wait_unknown(&chain, Part::Source)?;
    wait_degraded(&chain, End::East, Part::Source)?;
    chain.tell(Part::Source, "PUT", "resume")?;
    wait_well(&chain)
}
