//! Further workers of east's group.

use anyhow::{Context, Result};
use serde_json::Value;
use walbridge_lab::{RunningWorker, Worker};

use super::{Chain, End};

/// A worker beside the first of its group.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) url: String,
    pub(super) worker: RunningWorker,
}

impl Chain {
    /// Starts another worker of east's group and returns its number, counted from 1; the chain's own is 0.
    ///
    /// One that is `far` reaches Kafka through the link between the sites, which can be cut.
    ///
    /// # Errors
    /// If it does not come up.
    pub fn join(&mut self, far: bool) -> Result<usize> {
        let number = self.peers.len() + 1;
        let url = format!("http://127.0.0.1:{}", self.lab.free_port()?);
        let kafka = self.lab.east().kafka();
        let bootstrap = if far {
            kafka.link_bootstrap()
        } else {
            kafka.bootstrap()
        };
        let file = self.dir.join(format!("east-{number}.toml"));
        std::fs::write(&file, self.worker_file(End::East, &url, &bootstrap))?;
        let name = format!("{}-east-{number}", self.plan.name);
        let worker = Worker::new(self.lab.dir(), &name, &file)
            .url(&url)
            .start()?;
        self.peers.push(Peer { url, worker });
        Ok(number)
    }

    /// Returns a worker of east's group.
    ///
    /// # Errors
    /// If there is none of this number.
    pub fn member(&self, number: usize) -> Result<&RunningWorker> {
        match number.checked_sub(1) {
            None => self.worker(End::East),
            Some(at) => {
                let peer = self.peers.get(at);
                Ok(&peer.with_context(|| format!("no worker {number}"))?.worker)
            }
        }
    }

    /// Returns the id of a worker of east's group.
    ///
    /// # Errors
    /// If there is none of this number.
    pub fn member_id(&self, number: usize) -> Result<String> {
        let url = self.member_url(number)?;
        Ok(url.trim_start_matches("http://").to_owned())
    }

    fn member_url(&self, number: usize) -> Result<String> {
        match number.checked_sub(1) {
            None => Ok(self.own_url(End::East)),
            Some(at) => {
                let peer = self.peers.get(at);
                Ok(peer
                    .with_context(|| format!("no worker {number}"))?
                    .url
                    .clone())
            }
        }
    }

    /// Asks this worker of east's group from now on.
    ///
    /// # Errors
    /// If there is none of this number.
    pub fn speak_through(&mut self, number: usize) -> Result<()> {
        self.speaker = Some(self.member_url(number)?);
        Ok(())
    }

    /// Returns the answer of the worker asked to a GET.
    ///
    /// # Errors
    /// If it does not answer well.
    pub fn ask(&self, path: &str) -> Result<Value> {
        let url = self
            .speaker
            .clone()
            .unwrap_or_else(|| self.own_url(End::East));
        self.http.get(&format!("{url}{path}"))
    }

    /// Creates or changes any connector at the worker asked.
    ///
    /// # Errors
    /// If it refuses.
    pub fn put_any(&self, name: &str, config: &Value) -> Result<Value> {
        let url = self
            .speaker
            .clone()
            .unwrap_or_else(|| self.own_url(End::East));
        self.http
            .put(&format!("{url}/connectors/{name}/config"), config)
    }
}
