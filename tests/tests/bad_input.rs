//! Bad input: a clear error each, nothing lost, no panic.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use walbridge_lab::{Lab, Parts, Postgres, run, wait_for};
use walbridge_tests::chain::{Chain, End, PATIENCE, Part, Plan, Shape};
use walbridge_tests::forge::Forger;
use walbridge_tests::sql::Sql;

/// Checks that a text names everything in `words`.
fn names(text: &str, words: &[&str]) -> Result<()> {
    for word in words {
        ensure!(text.contains(word), "{word:?} is not named in: {text}");
    }
    Ok(())
}

/// Prepares a chain whose primary has one table with one row.
fn prepared(lab: &'static Lab, plan: Plan) -> Result<Chain> {
    let chain = Chain::prepare(lab, plan)?;
    let east = Sql::connect(&chain.east())?;
    east.run("create table t (id int primary key, v text); insert into t values (1, 'a')")?;
    Ok(chain)
}

#[test]
fn a_worker_file_full_of_mistakes() -> Result<()> {
    let dir = Lab::shared()?.dir().join("bad-files");
    std::fs::create_dir_all(&dir)?;
    let file = dir.join("worker.toml");
    std::fs::write(
        &file,
        "\"bootstrap.servers\" = \"127.0.0.1:1\"\n\"grup.id\" = \"x\"\n\"listeners\" = \"carrier pigeon\"\n\
         \"offset.storage.partitions\" = \"many\"\n\"sasl.password\" = \"geheim\"\n\
         \"config.storage.topic\" = \"${env:WB_NOT_SET}\"\n",
    )?;
    let path = file.display().to_string();
    let (code, output) = run(&["worker", &path], &[])?;
    ensure!(
        code.is_some_and(|code| code != 0),
        "the exit code is {code:?}"
    );
    names(
        &output,
        &[
            &path,
            "group.id",
            "grup.id",
            "listeners",
            "offset.storage.partitions",
            "WB_NOT_SET",
            "status.storage.topic",
        ],
    )?;
    ensure!(!output.contains("geheim"), "a secret was printed: {output}");
    ensure!(!output.contains("panicked"), "{output}");
    for text in ["not = [toml", "", "\u{0}\u{1}"] {
        std::fs::write(&file, text)?;
        let (code, output) = run(&["worker", &path], &[])?;
        ensure!(
            code.is_some_and(|code| code != 0),
            "{text:?} was taken, exit code {code:?}"
        );
        names(&output, &[&path])?;
        ensure!(!output.contains("panicked"), "{output}");
    }
    let (code, output) = run(&["worker", "/nowhere/worker.toml"], &[])?;
    ensure!(
        code.is_some_and(|code| code != 0),
        "a file that is not there was taken"
    );
    names(&output, &["/nowhere/worker.toml"])
}

#[test]
fn a_connector_full_of_mistakes() -> Result<()> {
    let lab = Lab::shared()?;
    let _peace = lab.peace();
    let mut plan = Plan::new("bad_connector", Shape::SourceOnly);
    plan.source = json!({
        "database.port": "many", "slot.name": "Not A Slot", "topic.prefix": null,
        "snapshot.mode": "sometimes", "database.passwort": "geheim", "table.include.list": "public.(t",
    });
    let mut chain = prepared(lab, plan)?;
    chain.start_worker(End::East, None)?;
    let error = match chain.create(Part::Source) {
        Ok(()) => anyhow::bail!("the worker took it"),
        Err(error) => format!("{error:#}"),
    };
    names(
        &error,
        &[
            "400",
            "database.port",
            "slot.name",
            "topic.prefix",
            "snapshot.mode",
            "table.include.list",
        ],
    )?;
    ensure!(!error.contains("geheim"), "a secret was shown: {error}");
    Ok(())
}

/// Expects the source to stop by `name` under this configuration, then to go on once it is right.
fn source_refuses(
    name: &str,
    wrong: Value,
    right: &Value,
    error: &str,
    words: &[&str],
) -> Result<()> {
    let lab = Lab::shared()?;
    let _peace = lab.peace();
    let mut plan = Plan::new(name, Shape::SourceOnly);
    plan.source = wrong;
    let mut chain = prepared(lab, plan)?;
    chain.start_worker(End::East, None)?;
    chain.create(Part::Source)?;
    let message = chain.wait_failed(Part::Source, error)?;
    names(&message, words)?;
    let mut good = chain.config(Part::Source);
    for (key, value) in right.as_object().context("an object")? {
        good[key] = value.clone();
    }
    chain.put(Part::Source, &good)?;
    chain.wait_snapshot()?;
    chain.wait_confirmed()
}

#[test]
fn a_wrong_password_of_the_primary() -> Result<()> {
    source_refuses(
        "bad_password",
        json!({"database.password": "wrong-one"}),
        &json!({"database.password": walbridge_lab::PASSWORD}),
        "AuthenticationFailed",
        &["postgres"],
    )
}

#[test]
fn a_database_that_is_not_there() -> Result<()> {
    source_refuses(
        "bad_database",
        json!({"database.dbname": "atlantis"}),
        &json!({"database.dbname": "bad_database"}),
        "DatabaseMissing",
        &["atlantis"],
    )
}

#[test]
fn a_role_that_may_not_replicate() -> Result<()> {
    let lab = Lab::shared()?;
    let admin = Sql::connect(&lab.east().postgres().url("postgres"))?;
    admin.run("drop role if exists bad_reader; create role bad_reader login password 'r'")?;
    source_refuses(
        "bad_privilege",
        json!({"database.user": "bad_reader", "database.password": "r"}),
        &json!({"database.user": walbridge_lab::USER, "database.password": walbridge_lab::PASSWORD}),
        "MissingPrivilege",
        &["bad_reader", "REPLICATION"],
    )
}

#[test]
fn a_role_that_may_not_write_at_the_standby() -> Result<()> {
    let lab = Lab::shared()?;
    let _peace = lab.peace();
    let admin = Sql::connect(&lab.west().postgres().url("postgres"))?;
    admin.run("drop role if exists bad_writer; create role bad_writer login password 'w'")?;
    let mut plan = Plan::new("bad_writer", Shape::OneSite);
    plan.sink = json!({"connection.username": "bad_writer", "connection.password": "w"});
    let mut chain = prepared(lab, plan)?;
    chain.start_worker(End::East, None)?;
    chain.create(Part::Source)?;
    chain.wait_snapshot()?;
    chain.create(Part::Sink)?;
    let message = chain.wait_failed(Part::Sink, "MissingPrivilege")?;
    names(&message, &["bad_writer"])?;
    let mut good = chain.config(Part::Sink);
    good["connection.username"] = json!(walbridge_lab::USER);
    good["connection.password"] = json!("wrong-one");
    chain.put(Part::Sink, &good)?;
    chain.wait_failed(Part::Sink, "AuthenticationFailed")?;
    good["connection.password"] = json!(walbridge_lab::PASSWORD);
    chain.put(Part::Sink, &good)?;
    chain.wait_row("select count(*) from t", 1)
}

#[test]
fn wal_level_too_low() -> Result<()> {
    let lab = Lab::shared()?;
    let _peace = lab.peace();
    let parts = Parts::ensure(&|line| println!("{line}"))?;
    let postgres = Postgres::new("bad-wal-level", lab.dir(), lab.free_port()?, &parts)?;
    postgres.create(&[
        ("fsync".into(), "off".into()),
        ("wal_level".into(), "replica".into()),
    ])?;
    postgres.start()?;
    postgres.create_database("bad_level")?;
    let sql = Sql::connect(&postgres.url("bad_level"))?;
    sql.run("create table t (id int primary key); insert into t values (1)")?;
    let mut plan = Plan::new("bad_level", Shape::SourceOnly);
    plan.source = json!({"database.port": postgres.port().to_string()});
    let mut chain = Chain::prepare(lab, plan)?;
    chain.start_worker(End::East, None)?;
    chain.create(Part::Source)?;
    let message = chain.wait_failed(Part::Source, "WalLevelTooLow")?;
    names(&message, &["replica", "logical"])?;
    drop(sql);
    postgres.set(&[("wal_level", "logical")])?;
    postgres.restart()?;
    chain.tell(Part::Source, "POST", "restart?includeTasks=true")?;
    chain.wait_snapshot()?;
    postgres.stop()
}

/// A server out of reach is waited for, and the status says what is waited for.
#[test]
fn a_server_out_of_reach() -> Result<()> {
    let lab = Lab::shared()?;
    let _peace = lab.peace();
    let port = lab.free_port()?;
    let mut plan = Plan::new("bad_reach", Shape::SourceOnly);
    plan.source = json!({"database.port": port.to_string()});
    let mut chain = prepared(lab, plan)?;
    chain.start_worker(End::East, None)?;
    chain.create(Part::Source)?;
    wait_for("the status to say what is out of reach", PATIENCE, || {
        let status = chain.status(Part::Source)?;
        ensure!(
            status["tasks"][0]["state"] != "FAILED",
            "it gave up: {status}"
        );
        let text = status.to_string();
        names(&text, &["Unreachable", &port.to_string()])?;
        Ok(Some(()))
    })?;
    // Somebody puts a server there.
    let target = lab.east().postgres().port();
    walbridge_lab::start_proxy(port, target, &Arc::default())?;
    chain.wait_snapshot()
}

/// A registry that answers 500 to everything, until it leads to the real one.
struct Broken {
    port: u16,
    mended: Arc<AtomicBool>,
}

impl Broken {
    fn start(lab: &Lab) -> Result<Self> {
        let port = lab.free_port()?;
        let real = format!("127.0.0.1:{}", lab.east().registry().port());
        let listener = TcpListener::bind(("127.0.0.1", port))?;
        let mended = Arc::new(AtomicBool::new(false));
        let is_mended = Arc::clone(&mended);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (real, is_mended) = (real.clone(), Arc::clone(&is_mended));
                std::thread::spawn(move || answer(client, &real, &is_mended));
            }
        });
        Ok(Self { port, mended })
    }
}

/// Serves one connection; errors are the client's to notice.
fn answer(mut client: std::net::TcpStream, real: &str, mended: &AtomicBool) -> std::io::Result<()> {
    if !mended.load(Ordering::Relaxed) {
        let mut request = [0; 4096];
        let _ = client.read(&mut request)?;
        let body = "{\"error_code\":50001,\"message\":\"the store is on fire\"}";
        return write!(
            client,
            "HTTP/1.1 500 Internal Server Error\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        );
    }
    let mut server = std::net::TcpStream::connect(real)?;
    let (mut from_server, mut to_client) = (server.try_clone()?, client.try_clone()?);
    std::thread::spawn(move || std::io::copy(&mut from_server, &mut to_client));
    std::io::copy(&mut client, &mut server).map(drop)
}

#[test]
fn a_registry_that_answers_500() -> Result<()> {
    let lab = Lab::shared()?;
    let _peace = lab.peace();
    let registry = Broken::start(lab)?;
    let url = lab.east().registry().url();
    let path = url.splitn(4, '/').nth(3).unwrap_or_default();
    let broken = format!("http://127.0.0.1:{}/{path}", registry.port);
    let mut plan = Plan::new("bad_registry", Shape::OneSite);
    plan.source = json!({"schema.registry.url": broken});
    plan.sink = json!({"schema.registry.url": broken});
    let mut chain = prepared(lab, plan)?;
    chain.start_worker(End::East, None)?;
    chain.create(Part::Source)?;
    wait_for(
        "the status to say what the registry answers",
        PATIENCE,
        || {
            let status = chain.status(Part::Source)?;
            ensure!(
                status["tasks"][0]["state"] != "FAILED",
                "it gave up: {status}"
            );
            names(&status.to_string(), &["RegistryUnavailable", "500"])?;
            Ok(Some(()))
        },
    )?;
    registry.mended.store(true, Ordering::Relaxed);
    chain.wait_snapshot()?;
    chain.create(Part::Sink)?;
    chain.wait_row("select count(*) from t", 1)
}

/// Bytes that are not Avro stop the sink where they are, with their topic and offset.
#[test]
fn bytes_that_are_not_avro() -> Result<()> {
    let lab = Lab::shared()?;
    let _peace = lab.peace();
    let framed_by_nobody: &[u8] = &[0, 0x7f, 0xff, 0xff, 0xff, 1, 2, 3];
    let rubbish = [
        ("bad_bytes", "NotAvro", &b"{\"id\": 1}"[..]),
        ("bad_schema", "Schema", framed_by_nobody),
    ];
    for (name, error, bytes) in rubbish {
        let mut chain = prepared(lab, Plan::new(name, Shape::OneSite))?;
        chain.start()?;
        chain.wait_streaming()?;
        let forger = Forger::new(&lab.east().kafka().bootstrap())?;
        let topic = format!("{name}.public.t");
        forger.write(&topic, None, Some(bytes))?;
        let east = Sql::connect(&chain.east())?;
        // One of them goes into the partition with the rubbish.
        east.run("insert into t select i, 'b' from generate_series(2, 40) i")?;
        let message = chain.wait_failed(Part::Sink, error)?;
        names(&message, &[&topic])?;
        let rows = Sql::connect(&chain.west())?.number("select count(*) from t")?;
        ensure!(rows == 1, "{rows} rows: part of a transaction was applied");
        let log = chain.worker(End::East)?.log();
        ensure!(!log.contains("panicked"), "something panicked: {log}");
    }
    // In the transaction topic it is no better.
    let mut chain = prepared(lab, Plan::new("bad_marker", Shape::OneSite))?;
    chain.start()?;
    chain.wait_streaming()?;
    let forger = Forger::new(&lab.east().kafka().bootstrap())?;
    forger.write("bad_marker.transaction", None, Some(b"BEGIN"))?;
    Sql::connect(&chain.east())?.run("insert into t values (2, 'b')")?;
    let message = chain.wait_failed(Part::Sink, "NotAvro")?;
    names(&message, &["bad_marker.transaction"])
}
