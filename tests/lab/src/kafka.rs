//! A site's Kafka: one Apache Kafka broker in KRaft mode.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, bail};

use crate::controller::Controller;
use crate::parts::Parts;
use crate::postgres::run;
use crate::process::Signal;
use crate::server::{Program, Server};

/// The ports of one broker.
#[derive(Debug, Clone, Copy)]
pub struct KafkaPorts {
    /// Where the site's own clients connect.
    pub client: u16,
    /// Where the proxy connects for the other site's clients.
    pub link: u16,
    /// What the broker tells those clients to connect to: the proxy's port.
    pub advertised_link: u16,
    /// The controller's port.
    pub controller: u16,
}

/// A Kafka broker; its process is reached through [`Server`]'s methods.
#[derive(Debug)]
pub struct Kafka {
    server: Server,
    data: PathBuf,
    ports: KafkaPorts,
    java: PathBuf,
    libs: PathBuf,
}

impl Kafka {
    /// What Kafka logs when it leaves out the end of a transaction in partitions that have no leader for a
    /// moment: it takes them for deleted.
    pub const FORGETS: &str = "these partitions are likely deleted already";

    /// Describes the broker `name` with its data under the lab's folder.
    pub fn new(name: &str, dir: &Path, ports: KafkaPorts, fast: bool, parts: &Parts) -> Self {
        let data = dir.join("data").join(name);
        let flags = jvm_flags("768m", fast);
        let program = program(name, flags, &data.join("server.properties"), parts);
        let controller = Controller::new(name, dir, ports.controller, parts);
        let server = Server::new(program, dir, move || answers(ports.client))
            .after_kill(move || controller.fence_broker());
        Self {
            server,
            data,
            ports,
            java: parts.java.clone(),
            libs: parts.kafka_libs.clone(),
        }
    }

    /// Writes the broker's settings and formats its storage.
    pub fn create(&self, settings: &[(String, String)]) -> Result<()> {
        std::fs::create_dir_all(&self.data)?;
        std::fs::write(self.data.join("log4j2.properties"), LOGGING)?;
        let file = self.data.join("server.properties");
        let mut text = self.properties();
        for (name, value) in settings {
            text.push_str(&format!("{name}={value}\n"));
        }
        std::fs::write(&file, text)?;
        let id = run(&mut self.tool("kafka.tools.StorageTool", &["random-uuid"]))?;
        let file = file.display().to_string();
        let format = ["format", "--standalone", "-t", id.trim(), "-c", &file];
        run(&mut self.tool("kafka.tools.StorageTool", &format)).map(drop)
    }

    /// Returns the address for the site's own clients.
    pub fn bootstrap(&self) -> String {
        format!("127.0.0.1:{}", self.ports.client)
    }

    /// Returns the address for the other site's clients, which leads through the link's proxy.
    pub fn link_bootstrap(&self) -> String {
        format!("127.0.0.1:{}", self.ports.advertised_link)
    }

    /// Returns the folder with the broker's logs and settings.
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// Returns the `java` that runs it.
    pub(crate) fn java(&self) -> &Path {
        &self.java
    }

    /// Returns the folder with Kafka's jars, Kafka Connect's among them.
    pub(crate) fn libs(&self) -> &Path {
        &self.libs
    }

    /// Prepares one of Kafka's own programs by its class name.
    pub fn tool(&self, class: &str, args: &[&str]) -> Command {
        let mut command = Command::new(&self.java);
        command
            .args(jvm_flags("256m", false))
            .arg("-Dlog4j2.level=ERROR")
            .arg("-cp")
            .arg(format!("{}/*", self.libs.display()))
            .arg(class)
            .args(args);
        command
    }

    /// Returns what the broker has logged of trouble lately, and which transactions hang in it: what to
    /// show of it when a test fails.
    pub fn trouble(&self) -> String {
        let log = self.log();
        let is_trouble = |line: &&str| {
            let words = [" WARN ", " ERROR ", "Fencing broker", Self::FORGETS];
            words.iter().any(|word| line.contains(word))
        };
        let lines: Vec<_> = log.lines().filter(is_trouble).collect();
        let mut words = lines
            .get(lines.len().saturating_sub(8)..)
            .unwrap_or(&lines)
            .join("\n");
        let bootstrap = self.bootstrap();
        let args = [
            "--bootstrap-server",
            &bootstrap,
            "find-hanging",
            "--broker-id",
            "1",
            "--max-transaction-timeout",
            "0",
        ];
        let hanging = match self.is_running() {
            true => run(&mut self.tool("org.apache.kafka.tools.TransactionsCommand", &args)),
            false => Ok("it does not run".to_owned()),
        };
        words.push_str("\nhanging transactions: ");
        words.push_str(&hanging.unwrap_or_else(|error| format!("{error:#}")));
        words
    }

    fn properties(&self) -> String {
        let KafkaPorts {
            client,
            link,
            advertised_link,
            controller,
        } = self.ports;
        let data = self.data.join("log").display().to_string();
        format!(
            "\
process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=127.0.0.1:{controller}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
listeners=PLAINTEXT://127.0.0.1:{client},LINK://127.0.0.1:{link},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{client},LINK://127.0.0.1:{advertised_link},CONTROLLER://127.0.0.1:{controller}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,LINK:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={data}
{SETTINGS}"
        )
    }
}

impl Deref for Kafka {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.server
    }
}

/// What every lab broker has: one replica of everything, few partitions of the internal topics
/// (each costs files and start-up time), no waiting for members that will not come. Its own
/// controller does not give it up because the machine was busy for a while ([`Controller`]).
const SETTINGS: &str = "\
broker.session.timeout.ms=120000
num.network.threads=2
num.io.threads=4
background.threads=2
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=1
group.initial.rebalance.delay.ms=0
transaction.abort.timed.out.transaction.cleanup.interval.ms=1000
log.cleaner.dedupe.buffer.size=16777216
";

/// Describes a process of Kafka's: its settings are in `file`, and beside that is how it logs.
pub(crate) fn program(name: &str, flags: Vec<String>, file: &Path, parts: &Parts) -> Program {
    let mut args = flags;
    args.extend([
        format!(
            "-Dlog4j2.configurationFile={}",
            file.with_file_name("log4j2.properties").display()
        ),
        "-cp".to_owned(),
        format!("{}/*", parts.kafka_libs.display()),
        "kafka.Kafka".to_owned(),
        file.display().to_string(),
    ]);
    Program {
        name: name.to_owned(),
        path: parts.java.clone(),
        args,
        env: Vec::new(),
        user: None,
        stop: Signal::Term,
    }
}

/// How a lab's Java servers log.
pub(crate) const LOGGING: &str = "\
status=ERROR
appender.out.type=Console
appender.out.name=out
appender.out.layout.type=PatternLayout
appender.out.layout.pattern=[%d] %p %m (%c)%n
rootLogger.level=INFO
rootLogger.appenderRef.out.ref=out
";

/// Returns the flags of a small Java server; `fast` lets it compile fully, for measurements.
pub(crate) fn jvm_flags(heap: &str, fast: bool) -> Vec<String> {
    let mut flags = vec![
        format!("-Xmx{heap}"),
        "-XX:+UseSerialGC".to_owned(),
        "-Xshare:auto".to_owned(),
    ];
    if !fast {
        flags.push("-XX:TieredStopAtLevel=1".to_owned());
    }
    flags
}

/// Asks the broker which requests it knows: it answers only once it serves.
fn answers(port: u16) -> Result<()> {
    let limit = Duration::from_secs(2);
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut stream = TcpStream::connect_timeout(&address, limit)?;
    stream.set_read_timeout(Some(limit))?;
    // ApiVersions v0: length 10, key 18, version 0, correlation id 7, null client id.
    stream.write_all(&[0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 7, 0xff, 0xff])?;
    // The answer: length, correlation id, error code.
    let mut answer = [0; 10];
    stream.read_exact(&mut answer)?;
    if answer.get(4..) != Some(&[0, 0, 0, 7, 0, 0]) {
        bail!("unexpected answer {answer:?}");
    }
    Ok(())
}
