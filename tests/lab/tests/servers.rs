//! The lab itself: servers come back from a kill with their data, and the link obeys.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::json;
use walbridge_lab::{Http, Lab, Link, Route, free_port, wait_for, wait_until};

fn kafka_tool(lab: &Lab, class: &str, args: &[&str]) -> Result<String> {
    let output = lab.east().kafka().tool(class, args).output()?;
    anyhow::ensure!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(String::from_utf8(output.stdout)?)
}

#[test]
fn postgres_keeps_its_rows_over_a_kill() -> Result<()> {
    let lab = Lab::shared()?;
    let _harm = lab.harm();
    let postgres = lab.east().postgres();
    postgres.create_database("lab_kill")?;
    postgres
        .session("lab_kill")?
        .run("create table t as select generate_series(1, 1000) id")?;
    postgres.kill()?;
    assert!(!postgres.is_running());
    assert!(postgres.session("lab_kill").is_err());
    postgres.start()?;
    let session = postgres.session("lab_kill")?;
    assert_eq!(session.one::<i64>("select count(*) from t")?, 1000);
    assert_eq!(session.one::<String>("show wal_level")?, "logical");
    Ok(())
}

#[test]
fn postgres_killed_by_another_process_than_its_parent_starts_again() -> Result<()> {
    let lab = Lab::shared()?;
    let _harm = lab.harm();
    let postgres = Lab::attach(lab.dir())?;
    let postgres = postgres.west().postgres();
    let pid = postgres.pid().expect("it runs");
    postgres.kill()?;
    postgres.start()?;
    assert_ne!(postgres.pid().expect("it runs again"), pid);
    Ok(())
}

#[test]
fn kafka_keeps_its_records_over_a_kill_and_is_reached_through_the_link() -> Result<()> {
    let lab = Lab::shared()?;
    let _harm = lab.harm();
    let kafka = lab.east().kafka();
    let class = "org.apache.kafka.tools.TopicCommand";
    let create = ["--create", "--topic", "lab-kill", "--partitions", "3"];
    let direct = kafka.bootstrap();
    kafka_tool(
        lab,
        class,
        &[&["--bootstrap-server", direct.as_str()], &create[..]].concat(),
    )?;
    kafka.kill()?;
    assert!(!kafka.is_running());
    kafka.start()?;
    let through = kafka.link_bootstrap();
    let describe = [
        "--bootstrap-server",
        &through,
        "--describe",
        "--topic",
        "lab-kill",
    ];
    let text = kafka_tool(lab, class, &describe)?;
    assert!(text.contains("PartitionCount: 3"), "{text}");
    // It was taken for dead before it came back, and nothing hangs.
    let trouble = kafka.trouble();
    assert!(trouble.contains("hanging transactions: Topic"), "{trouble}");
    assert!(!trouble.contains("Fencing broker"), "{trouble}");
    // The same if it is nobody of the lab who kills it.
    let pid = kafka.pid().expect("it runs").to_string();
    assert!(Command::new("kill").args(["-9", &pid]).status()?.success());
    wait_until("Kafka to be gone", Duration::from_secs(10), || {
        !kafka.is_running()
    })?;
    kafka.start()?;
    let trouble = kafka.trouble();
    assert!(!trouble.contains("Fencing broker"), "{trouble}");
    Ok(())
}

#[test]
fn registry_keeps_its_schemas_over_a_kill() -> Result<()> {
    let lab = Lab::shared()?;
    let _harm = lab.harm();
    let registry = lab.west().registry();
    let http = Http::new()?;
    let subject = format!("{}/subjects/lab-kill-value/versions", registry.url());
    let id = http.post(&subject, &json!({"schema": "\"string\""}))?["id"].clone();
    // At once: the registry must not need time to write what it has answered.
    registry.kill()?;
    registry.start()?;
    let stored = http.get(&format!("{}/schemas/ids/{id}", lab.west().registry().url()))?;
    assert_eq!(stored["schema"], "\"string\"");
    Ok(())
}

#[test]
fn ends_with_its_process_even_if_that_is_killed() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let pids = dir.path().join("lab/pids");
    std::fs::create_dir_all(&pids)?;
    let mut sleeper = Command::new("sleep").arg("600").spawn()?;
    let identity = walbridge_lab::Identity::of(sleeper.id()).expect("it runs");
    identity.write(&pids.join("sleeper.pid"))?;
    drop(walbridge_lab::Reaper::watch(&dir.path().join("lab"))?);
    assert!(!sleeper.wait()?.success());
    assert!(!dir.path().join("lab").exists());
    Ok(())
}

/// Starts a server that sends back what it gets, and a link in front of it.
fn echo(dir: &std::path::Path) -> Result<(Link, u16)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let target = listener.local_addr()?.port();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            std::thread::spawn(move || {
                let mut buffer = [0; 4096];
                while let Ok(count @ 1..) = stream.read(&mut buffer) {
                    if stream.write_all(&buffer[..count]).is_err() {
                        break;
                    }
                }
            });
        }
    });
    let listen = free_port(21900)?;
    Ok((Link::serve(dir, &[Route { listen, target }])?, listen))
}

fn ping(stream: &mut TcpStream) -> std::io::Result<()> {
    stream.write_all(b"ping")?;
    let mut answer = [0; 4];
    stream.read_exact(&mut answer)?;
    assert_eq!(&answer, b"ping");
    Ok(())
}

#[test]
fn a_cut_link_holds_bytes_back_and_a_healed_one_delivers_them() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let (link, port) = echo(dir.path())?;
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    ping(&mut stream)?;
    link.cut()?;
    assert_eq!(link.describe()?, "cut");
    stream.set_read_timeout(Some(Duration::from_millis(300)))?;
    let silence = ping(&mut stream).unwrap_err().kind();
    assert!(
        matches!(silence, ErrorKind::WouldBlock | ErrorKind::TimedOut),
        "{silence:?}"
    );
    link.heal()?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let mut answer = [0; 4];
    stream.read_exact(&mut answer)?;
    assert_eq!(
        &answer, b"ping",
        "what was sent during the cut arrives after it"
    );
    ping(&mut stream)?;
    Ok(())
}

#[test]
fn a_reset_link_ends_connections_and_takes_new_ones() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let (link, port) = echo(dir.path())?;
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    ping(&mut stream)?;
    link.reset()?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let error = stream.read(&mut [0; 1]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    ping(&mut TcpStream::connect((Ipv4Addr::LOCALHOST, port))?)?;
    link.refuse()?;
    let refused = wait_for("a refusal", Duration::from_secs(10), || {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        Ok(ping(&mut stream).err())
    });
    refused?;
    link.heal()?;
    ping(&mut TcpStream::connect((Ipv4Addr::LOCALHOST, port))?)?;
    Ok(())
}

#[test]
fn a_slow_link_delays_and_limits() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let (link, port) = echo(dir.path())?;
    link.delay(Duration::from_millis(100))?;
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    let started = Instant::now();
    ping(&mut stream)?;
    assert!(
        started.elapsed() >= Duration::from_millis(200),
        "{:?}",
        started.elapsed()
    );
    link.heal()?;
    link.throttle(40_000)?;
    let started = Instant::now();
    stream.write_all(&[7; 20_000])?;
    stream.read_exact(&mut [0; 20_000])?;
    assert!(
        started.elapsed() >= Duration::from_millis(400),
        "{:?}",
        started.elapsed()
    );
    assert!("delay soon".parse::<walbridge_lab::Change>().is_err());
    Ok(())
}
