//! Apache Kafka Connect itself, to compare with and to take over from: one distributed worker.

use std::ops::Deref;
use std::path::PathBuf;

use anyhow::{Result, bail};

use crate::http::Http;
use crate::kafka::{Kafka, LOGGING, jvm_flags};
use crate::lab::Lab;
use crate::parts::Parts;
use crate::process::Signal;
use crate::server::{Program, Server};

/// A worker of Kafka Connect, killed when this goes out of scope; its process is reached through
/// [`Server`]'s methods.
#[derive(Debug)]
pub struct Connect {
    server: Server,
    port: u16,
    jmx: u16,
}

impl Connect {
    /// Describes a worker of the group `group`, which is also the first part of its topics' names;
    /// fetches the connectors it comes with if they are missing. `settings` come last in its file,
    /// and the jars in the folders of `class_path` are on its class path too.
    pub fn new(
        lab: &Lab,
        kafka: &Kafka,
        group: &str,
        settings: &[(&str, &str)],
        class_path: &[PathBuf],
    ) -> Result<Self> {
        let connectors = Parts::ensure_connect(&|text| eprintln!("lab: {text}"))?;
        let (port, jmx) = (lab.free_port()?, lab.free_port()?);
        let name = format!("connect-{group}");
        let data = lab.dir().join("data").join(&name);
        std::fs::create_dir_all(&data)?;
        let (file, logging) = (
            data.join("worker.properties"),
            data.join("log4j2.properties"),
        );
        std::fs::write(&logging, LOGGING)?;
        std::fs::write(&file, properties(kafka, group, port, settings))?;
        let folders = [kafka.libs(), &connectors].into_iter();
        let folders = folders.chain(class_path.iter().map(PathBuf::as_path));
        let class_path: Vec<_> = folders.map(|dir| format!("{}/*", dir.display())).collect();
        let mut args = jvm_flags("384m", false);
        args.extend(jmx_flags(jmx));
        args.extend([
            format!("-Dlog4j2.configurationFile={}", logging.display()),
            "-cp".to_owned(),
            class_path.join(":"),
            "org.apache.kafka.connect.cli.ConnectDistributed".to_owned(),
            file.display().to_string(),
        ]);
        let program = Program {
            name,
            path: kafka.java().to_owned(),
            args,
            env: Vec::new(),
            user: None,
            stop: Signal::Term,
        };
        let http = Http::new()?;
        let health = format!("{}/health", url_of(port));
        let ready = move || match http.status(&health)? {
            200 => Ok(()),
            status => bail!("{health} answers {status}"),
        };
        Ok(Self {
            server: Server::new(program, lab.dir(), ready),
            port,
            jmx,
        })
    }

    /// Returns the port at which its metrics can be read by JMX.
    pub fn jmx(&self) -> u16 {
        self.jmx
    }

    /// Returns the URL of its REST API.
    pub fn url(&self) -> String {
        url_of(self.port)
    }
}

impl Deref for Connect {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.server
    }
}

impl Drop for Connect {
    fn drop(&mut self) {
        // The lab's reaper ends what this could not.
        let _ = self.server.kill();
    }
}

/// Lets anybody on this machine read the metrics.
fn jmx_flags(port: u16) -> impl Iterator<Item = String> {
    let flag = |(name, value): (&str, String)| format!("-D{name}={value}");
    let jmx = "com.sun.management.jmxremote";
    let local = "127.0.0.1".to_owned();
    let all = [
        (format!("{jmx}.port"), port.to_string()),
        (format!("{jmx}.rmi.port"), port.to_string()),
        (format!("{jmx}.host"), local.clone()),
        ("java.rmi.server.hostname".to_owned(), local),
        (format!("{jmx}.authenticate"), "false".to_owned()),
        (format!("{jmx}.ssl"), "false".to_owned()),
    ];
    all.into_iter()
        .map(move |(name, value)| flag((name.as_str(), value)))
}

fn url_of(port: u16) -> String {
    format!("http://127.0.0.1:{port}")
}

fn properties(kafka: &Kafka, group: &str, port: u16, settings: &[(&str, &str)]) -> String {
    let bootstrap = kafka.bootstrap();
    let mut text = format!(
        "\
bootstrap.servers={bootstrap}
group.id={group}
listeners=http://127.0.0.1:{port}
rest.advertised.host.name=127.0.0.1
config.storage.topic={group}-configs
offset.storage.topic={group}-offsets
status.storage.topic={group}-status
{SETTINGS}"
    );
    for (name, value) in settings {
        text.push_str(&format!("{name}={value}\n"));
    }
    text
}

/// One replica of everything and few partitions; plugins by their service files, which saves seconds
/// of looking through jars; nothing waits for members that will not come.
const SETTINGS: &str = "\
config.storage.replication.factor=1
offset.storage.replication.factor=1
offset.storage.partitions=3
status.storage.replication.factor=1
status.storage.partitions=1
plugin.discovery=service_load
offset.flush.interval.ms=1000
scheduled.rebalance.max.delay.ms=0
key.converter=org.apache.kafka.connect.storage.StringConverter
value.converter=org.apache.kafka.connect.storage.StringConverter
";
