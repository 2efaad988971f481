//! The controller of a broker that was killed.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use crate::kafka::{jvm_flags, program};
use crate::parts::Parts;
use crate::server::{Program, Server};

/// Runs a lab broker's controller alone until it has fenced the broker.
///
/// Controllers live apart from brokers where it counts, and notice that a broker is gone. A lab has both in
/// one process: killed and started again, the controller takes the broker for alive at first, the broker
/// acts on that, and is fenced then by the news of its own death. Kafka 4.3 takes partitions without a
/// leader for deleted at that moment, and forgets to end transactions in them.
#[derive(Debug)]
pub(crate) struct Controller {
    program: Program,
    dir: PathBuf,
    file: PathBuf,
    properties: String,
}

impl Controller {
    /// Describes the controller of the broker `name`.
    pub(crate) fn new(name: &str, dir: &Path, port: u16, parts: &Parts) -> Self {
        let data = dir.join("data").join(name);
        let (file, flags) = (data.join("controller.properties"), jvm_flags("256m", false));
        Self {
            program: program(&format!("{name}-controller"), flags, &file, parts),
            dir: dir.to_owned(),
            file,
            properties: properties(port, &data.join("log")),
        }
    }

    /// Returns once the broker, which must not run, is known to be gone.
    pub(crate) fn fence_broker(&self) -> Result<()> {
        std::fs::write(&self.file, &self.properties)?;
        let name = &self.program.name;
        let log = self.dir.join("logs").join(format!("{name}.log"));
        // What the last one wrote says nothing of this one.
        let _ = std::fs::remove_file(&log);
        let server = Server::new(self.program.clone(), &self.dir, move || {
            if !is_fenced(&std::fs::read_to_string(&log)?) {
                bail!("the broker is not fenced yet");
            }
            Ok(())
        });
        server.start()?;
        server.stop()
    }
}

fn properties(port: u16, data: &Path) -> String {
    format!(
        "\
process.roles=controller
node.id=1
controller.quorum.bootstrap.servers=127.0.0.1:{port}
controller.listener.names=CONTROLLER
listeners=CONTROLLER://127.0.0.1:{port}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,LINK:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={}
broker.heartbeat.interval.ms=50
broker.session.timeout.ms=100
",
        data.display()
    )
}

/// Reads from a controller's log whether it is active and the last it knows of the broker is that it is
/// fenced; a broker that was never registered is as good.
fn is_fenced(log: &str) -> bool {
    let last = log.lines().rev().find_map(|line| {
        if line.contains("RegisterBrokerRecord(") {
            Some(line.contains("fenced=true"))
        } else if line.contains("BrokerRegistrationChangeRecord(") {
            // 0 stands for no change.
            (!line.contains("fenced=0,")).then(|| line.contains("fenced=1,"))
        } else {
            None
        }
    });
    log.contains("Performing controller activation") && last.unwrap_or(true)
}

#[cfg(test)]
mod tests {
    use super::is_fenced;

    #[test]
    fn the_last_registration_counts_once_the_controller_is_active() {
        let alive = "Replayed RegisterBrokerRecord establishing a new incarnation of broker 1: RegisterBrokerRecord(brokerId=1, fenced=true, inControlledShutdown=false)\n\
                     Replayed BrokerRegistrationChangeRecord modifying the registration for broker 1: BrokerRegistrationChangeRecord(brokerId=1, brokerEpoch=17, fenced=-1, inControlledShutdown=0)\n";
        let active = "[QuorumController id=1] Performing controller activation.\n";
        let dead = "Replayed BrokerRegistrationChangeRecord modifying the registration for broker 1: BrokerRegistrationChangeRecord(brokerId=1, brokerEpoch=17, fenced=1, inControlledShutdown=0)\n";
        assert!(!is_fenced(alive));
        assert!(!is_fenced(&format!("{alive}{active}")));
        assert!(is_fenced(&format!("{alive}{active}{dead}")));
        assert!(!is_fenced(dead));
        let moved = dead.replace("fenced=1", "fenced=0");
        assert!(!is_fenced(&format!("{alive}{active}{moved}")));
        assert!(is_fenced(&format!("{alive}{active}{dead}{moved}")));
        assert!(is_fenced(active));
    }
}
