//! What a stop says to do about it helps: after each, the standby is in step again.

use anyhow::{Context, Result, ensure};
use rdkafka::Message;
use serde_json::{Value, json};
use walbridge_lab::{Lab, wait_for};
use walbridge_tests::chain::{Chain, End, PATIENCE, Part, Plan, Shape};
use walbridge_tests::forge::Forger;
use walbridge_tests::own::own_postgres;
use walbridge_tests::sql::Sql;
use walbridge_tests::topic::{self, Decoder, text};

/// A chain that gets into trouble again and again.
struct Patient {
    chain: Chain,
    east: Sql,
    west: Sql,
    topic: String,
    next: i64,
}

const STATE: &str = "select count(*) || ' ' || md5(string_agg(t::text, ',' order by id)) from t";

impl Patient {
    /// Starts a chain from the database at `url`, or the one that it has at east.
    fn start(plan: Plan, url: Option<&str>) -> Result<Self> {
        let name = plan.name.clone();
        let mut chain = Chain::prepare(Lab::shared()?, plan)?;
        let east = Sql::connect(url.unwrap_or(&chain.east()))?;
        east.run("create table t (id int primary key, v text); insert into t values (0, 'first')")?;
        chain.start()?;
        let west = Sql::connect(&chain.west())?;
        let topic = format!("{name}.public.t");
        let mut patient = Self {
            chain,
            east,
            west,
            topic,
            next: 1,
        };
        patient.is_in_step()?;
        Ok(patient)
    }

    /// Writes rows into every partition, one transaction each.
    fn write(&mut self) -> Result<()> {
        for id in self.next..self.next + 20 {
            self.east
                .run(&format!("insert into t values ({id}, 'row {id}')"))?;
        }
        self.next += 20;
        Ok(())
    }

    /// Writes more, and waits until both sides are equal.
    fn is_in_step(&mut self) -> Result<()> {
        self.write()?;
        let wanted = self.east.texts(STATE)?;
        let waited = wait_for("the standby to be equal", PATIENCE, || {
            self.chain.check_alive()?;
            let found = self.west.texts(STATE)?;
            ensure!(found == wanted, "it has {found:?}, not {wanted:?}");
            Ok(Some(()))
        });
        waited.with_context(|| self.chain.describe())
    }

    /// Waits until the last row is in west's Kafka.
    fn is_mirrored(&self) -> Result<()> {
        let row = format!("row {}", self.next - 1);
        let row = row.as_bytes();
        wait_for("the last row at west", PATIENCE, || {
            let mut found = false;
            topic::read(&self.kafka(End::West), &self.topic, |message| {
                let value = message.payload().unwrap_or_default();
                found |= value.windows(row.len()).any(|part| part == row);
                Ok(())
            })?;
            Ok(found.then_some(()))
        })
    }

    /// Returns how many snapshots have ended, as the Kafka says that the sink reads.
    fn snapshots(&self) -> Result<usize> {
        let end = self.chain.end_of(Part::Sink);
        let registry = self.chain.site(end).registry().url();
        let mut decoder = Decoder::new(&registry)?;
        let mut ended = 0;
        let name = format!("{}.transaction", self.chain.name());
        topic::read(&self.kafka(end), &name, |message| {
            let value = decoder.decode(message.payload().context("no value")?)?;
            let id = text(&value, "id").unwrap_or_default();
            let ends = text(&value, "status") == Some("END");
            ended += usize::from(ends && id.starts_with("snapshot:"));
            Ok(())
        })?;
        Ok(ended)
    }

    fn kafka(&self, end: End) -> String {
        self.chain.site(end).kafka().bootstrap()
    }

    fn forger(&self, end: End) -> Result<Forger> {
        Forger::new(&self.kafka(end))
    }

    /// What the source says when it cannot go on, and the sink when there is a hole before it.
    fn begin_anew(&self) -> Result<()> {
        self.stop(Part::Source)?;
        self.chain.tell(Part::Source, "DELETE", "offsets")?;
        let name = self.chain.name();
        self.east.run(&format!(
            "select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = '{name}'"
        ))?;
        self.chain.tell(Part::Source, "PUT", "resume").map(drop)
    }

    fn stop(&self, part: Part) -> Result<()> {
        self.chain.tell(part, "PUT", "stop")?;
        wait_for("no task", PATIENCE, || {
            let status = self.chain.status(part)?;
            Ok((status["tasks"] == json!([])).then_some(()))
        })
    }

    fn restart(&self, part: Part) -> Result<()> {
        let command = "restart?includeTasks=true&onlyFailed=true";
        self.chain.tell(part, "POST", command).map(drop)
    }

    /// Resumes a connector and returns what it says when it stops.
    fn stops(&self, part: Part, name: &str) -> Result<String> {
        self.chain.tell(part, "PUT", "resume")?;
        self.chain.wait_failed(part, name)
    }

    /// Resumes the source, which cannot go on, and does as it says.
    fn source_begins_anew(&mut self, name: &str) -> Result<()> {
        let message = self.stops(Part::Source, name)?;
        ensure!(
            message.contains("DELETE /connectors/<name>/offsets"),
            "{message}"
        );
        self.begin_anew()?;
        self.chain.wait_state(Part::Source, "RUNNING")?;
        self.is_in_step()
    }

    /// Resumes the mirror, which cannot go on, does as it says, and then as the sink says.
    fn mirror_goes_on(&mut self, name: &str) -> Result<()> {
        let message = self.stops(Part::Mirror, name)?;
        self.patch_as_told(&message)?;
        self.chain.wait_state(Part::Mirror, "RUNNING")?;
        let message = self.chain.wait_failed(Part::Sink, "CountMismatch")?;
        self.heal(&message)
    }

    /// Does as the sink says: lets the source begin anew, and restarts the sink once the snapshot is there.
    fn heal(&mut self, message: &str) -> Result<()> {
        ensure!(message.contains("restart this task"), "{message}");
        let before = self.snapshots()?;
        self.begin_anew()?;
        wait_for("another snapshot at west", PATIENCE, || {
            Ok((self.snapshots()? > before).then_some(()))
        })?;
        self.restart(Part::Sink)?;
        self.chain.wait_state(Part::Sink, "RUNNING")?;
        self.is_in_step()
    }

    /// Sends the request that a message of the mirror's holds.
    fn patch_as_told(&self, message: &str) -> Result<()> {
        let (_, rest) = message.split_once("/offsets with ").context("no request")?;
        let (body, _) = rest.split_once("), and resume").context("no end")?;
        let body: Value = serde_json::from_str(body).with_context(|| body.to_owned())?;
        self.stop(Part::Mirror)?;
        self.chain.patch_offsets(Part::Mirror, &body)?;
        self.chain.tell(Part::Mirror, "PUT", "resume").map(drop)
    }
}

#[test]
fn what_a_stop_says_to_do_helps() -> Result<()> {
    let lab = Lab::shared()?;
    let _peace = lab.peace();
    let mut plan = Plan::new("remedies", Shape::TwoSites);
    // Rows that a hole in the mirror took are missed soon, and not before the mirror has found their topic: it
    // looks for topics every two seconds.
    plan.sink = json!({"missing.rows.grace.ms": "15000"});
    let mut patient = Patient::start(plan, None)?;

    // The slot is gone: the source begins anew, and nobody else needs to be told.
    patient.stop(Part::Source)?;
    patient.write()?;
    patient
        .east
        .run("select pg_drop_replication_slot('remedies')")?;
    patient.source_begins_anew("SlotMissing")?;

    // Records that the sink has not read are gone from its own Kafka.
    patient.stop(Part::Sink)?;
    patient.write()?;
    patient.is_mirrored()?;
    patient.forger(End::West)?.truncate(&patient.topic)?;
    let message = patient.stops(Part::Sink, "TopicTruncated")?;
    patient.heal(&message)?;

    // Records that the mirror has not read are gone from the other Kafka.
    patient.stop(Part::Mirror)?;
    patient.write()?;
    patient.chain.wait_confirmed()?;
    patient.forger(End::East)?.truncate(&patient.topic)?;
    patient.mirror_goes_on("TopicTruncated")?;

    // The topic is another one.
    patient.stop(Part::Mirror)?;
    patient.write()?;
    patient.chain.wait_confirmed()?;
    let forger = patient.forger(End::East)?;
    forger.delete(&patient.topic)?;
    forger.create(&patient.topic, 3)?;
    patient.mirror_goes_on("TopicRecreated")
}

/// The new server's positions are lower than those that the standby has, and its transactions have the
/// numbers of earlier ones.
#[test]
fn a_source_begins_anew_with_another_server() -> Result<()> {
    let lab = Lab::shared()?;
    let _peace = lab.peace();
    let name = "remedies_server";
    let postgres = own_postgres(lab, "remedies-server", &[("fsync", "off")])?;
    postgres.create_database(name)?;
    let mut plan = Plan::new(name, Shape::TwoSites);
    plan.source = json!({"database.port": postgres.port().to_string()});
    let mut patient = Patient::start(plan, Some(&postgres.url(name)))?;
    patient
        .east
        .run("select pg_switch_wal(), pg_logical_emit_message(false, 'x', repeat('x', 1000000))")?;
    patient.is_in_step()?;
    let position = "select (pg_current_wal_lsn() - '0/0')::text";
    let before = patient.east.texts(position)?[0].parse::<u64>()?;
    patient.stop(Part::Source)?;
    postgres.stop()?;
    std::fs::remove_dir_all(postgres.data())?;
    postgres.create(&[("fsync".into(), "off".into())])?;
    postgres.start()?;
    postgres.create_database(name)?;
    patient.east = Sql::connect(&postgres.url(name))?;
    patient
        .east
        .run("create table t (id int primary key, v text); insert into t values (-1, 'new')")?;
    patient.source_begins_anew("WrongServer")?;
    let after = patient.east.texts(position)?[0].parse::<u64>()?;
    ensure!(
        after < before,
        "the new server is at {after}, the old one was at {before}"
    );
    drop(patient);
    postgres.stop()
}

/// As a second mirror would: all that the topics hold comes once more, by another producer.
#[test]
fn a_standby_whose_topics_are_fed_twice_stays_as_it_is_and_goes_on() -> Result<()> {
    let lab = Lab::shared()?;
    let _peace = lab.peace();
    let name = "remedies_twice";
    let mut patient = Patient::start(Plan::new(name, Shape::OneSite), None)?;
    patient.forger(End::East)?.write_twice(name)?;
    let message = patient.chain.wait_failed(Part::Sink, "StreamRepeats")?;
    let topic = format!("{name}.transaction");
    ensure!(
        message.contains(&format!("describe-producers --topic {topic} --partition 0")),
        "{message}"
    );
    let (east, west) = (patient.east.texts(STATE)?, patient.west.texts(STATE)?);
    ensure!(east == west, "{west:?} is not {east:?}");
    patient.heal(&message)
}

/// Whatever writes what the mirror fills stops it; once that has ended, it goes on where it was.
#[test]
fn a_mirror_that_is_not_alone_goes_on_once_it_is() -> Result<()> {
    let mut patient = Patient::start(Plan::new("remedies_alone", Shape::TwoSites), None)?;
    let forger = patient.forger(End::West)?;
    // One record may be taken for the end of a transaction of the mirror's own, as long as that may be late.
    let mut strange = 0;
    wait_for("the mirror to stop", PATIENCE, || {
        forger.write(&patient.topic, Some(b"a key"), None)?;
        strange += 1;
        let status = patient.chain.status(Part::Mirror)?;
        Ok((status["tasks"][0]["state"] == "FAILED").then_some(()))
    })?;
    let message = patient.chain.wait_failed(Part::Mirror, "SecondWriter")?;
    ensure!(
        message.contains(&patient.topic) && message.contains("restart this connector"),
        "{message}"
    );
    patient.restart(Part::Mirror)?;
    patient.write()?;
    patient.is_mirrored()?;
    let mut there = 0;
    topic::read(&patient.kafka(End::West), &patient.topic, |_| {
        there += 1;
        Ok(())
    })?;
    let wanted = patient.next + strange;
    ensure!(there == wanted, "{there} records, not {wanted}");
    Ok(())
}

/// The source's topic may take larger records by hand, the mirror's follows it.
#[test]
fn a_row_that_is_too_large_comes_through_once_its_topic_takes_it() -> Result<()> {
    let mut patient = Patient::start(Plan::new("remedies_large", Shape::TwoSites), None)?;
    patient.east.run(
        "insert into t select -1, string_agg(md5(random()::text), '') from generate_series(1, 130000)",
    )?;
    let message = patient.chain.wait_failed(Part::Source, "RecordTooLarge")?;
    ensure!(
        message.contains(&patient.topic) && message.contains("max.message.bytes"),
        "{message}"
    );
    let forger = patient.forger(End::East)?;
    forger.configure(&patient.topic, "max.message.bytes", "8000000")?;
    patient.restart(Part::Source)?;
    let message = patient.chain.wait_failed(Part::Mirror, "RecordTooLarge")?;
    ensure!(message.contains(&patient.topic), "{message}");
    patient.restart(Part::Mirror)?;
    patient.is_in_step()
}
