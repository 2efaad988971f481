//! A walbridge worker of the kind that stands beside the lab's Kafka Connect.

use std::ops::Deref;

use anyhow::Result;
use walbridge_lab::{Lab, RunningWorker};

/// A running worker and where it answers.
pub(crate) struct Worker {
    pub(crate) url: String,
    running: RunningWorker,
}

impl Deref for Worker {
    type Target = RunningWorker;

    fn deref(&self) -> &RunningWorker {
        &self.running
    }
}

/// Starts a worker of this group with the topics that a Kafka Connect of the same group has.
pub(crate) fn start(lab: &Lab, group: &str) -> Result<Worker> {
    let dir = lab.dir().join("connect");
    std::fs::create_dir_all(&dir)?;
    let port = lab.free_port()?;
    let url = format!("http://127.0.0.1:{port}");
    let file = dir.join(format!("{group}.toml"));
    std::fs::write(
        &file,
        settings(group, &lab.east().kafka().bootstrap(), port),
    )?;
    let running = lab.worker(group, &file).url(&url).start()?;
    Ok(Worker { url, running })
}

fn settings(group: &str, kafka: &str, port: u16) -> String {
    format!(
        "group.id = \"{group}\"\nbootstrap.servers = \"{kafka}\"\n\
         listeners = \"http://127.0.0.1:{port}\"\n\
         config.storage.topic = \"{group}-configs\"\nconfig.storage.replication.factor = 1\n\
         offset.storage.topic = \"{group}-offsets\"\noffset.storage.replication.factor = 1\n\
         offset.storage.partitions = 3\noffset.flush.interval.ms = 1000\n\
         status.storage.topic = \"{group}-status\"\nstatus.storage.replication.factor = 1\n\
         key.converter = \"org.apache.kafka.connect.storage.StringConverter\"\n\
         value.converter = \"org.apache.kafka.connect.storage.StringConverter\"\n"
    )
}
