//! Kafka Connect's API, whoever answers it.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use walbridge_lab::{Http, wait_for};

/// How long connectors may take to get somewhere.
pub(crate) const SOON: Duration = Duration::from_secs(40);

/// One who answers Kafka Connect's API.
pub(crate) struct Api {
    url: String,
    http: Http,
}

impl Api {
    pub(crate) fn new(url: &str) -> Result<Self> {
        let (url, http) = (url.to_owned(), Http::new()?);
        Ok(Self { url, http })
    }

    pub(crate) fn get(&self, path: &str) -> Result<Value> {
        self.http.get(&format!("{}/connectors{path}", self.url))
    }

    pub(crate) fn put(&self, path: &str, body: &Value) -> Result<Value> {
        self.http
            .put(&format!("{}/connectors{path}", self.url), body)
    }

    pub(crate) fn create(&self, name: &str, config: &Value, state: &str) -> Result<()> {
        let body = json!({ "name": name, "config": config, "initial_state": state });
        let url = format!("{}/connectors", self.url);
        self.http.post(&url, &body).map(drop)
    }

    pub(crate) fn delete(&self, name: &str) -> Result<()> {
        self.http.delete(&format!("{}/connectors/{name}", self.url))
    }

    /// Waits until the connector and its tasks are in these states, the connector's first.
    pub(crate) fn wait_states(&self, name: &str, states: &[&str]) -> Result<()> {
        wait_for(&format!("{name} to be {states:?}"), SOON, || {
            let status = self.get(&format!("/{name}/status"))?;
            if self.states(name)? == states {
                return Ok(Some(()));
            }
            bail!("it is {status}")
        })
    }

    fn states(&self, name: &str) -> Result<Vec<String>> {
        let status = self.get(&format!("/{name}/status"))?;
        let tasks = status["tasks"].as_array().into_iter().flatten();
        let all = std::iter::once(&status["connector"]).chain(tasks);
        Ok(all
            .filter_map(|part| Some(part["state"].as_str()?.to_owned()))
            .collect())
    }

    /// Waits until the connector's only offset has this value.
    pub(crate) fn wait_offset(&self, name: &str, pointer: &str, offset: usize) -> Result<()> {
        let pointer = format!("/offsets/0/offset/{pointer}");
        wait_for(&format!("{name} to be at {offset}"), SOON, || {
            let offsets = self.get(&format!("/{name}/offsets"))?;
            if offsets.pointer(&pointer) == Some(&json!(offset)) {
                return Ok(Some(()));
            }
            bail!("it is at {offsets}")
        })
    }

    /// Returns what a connector's status says of its failure.
    pub(crate) fn trace(&self, name: &str) -> Result<String> {
        let status = self.get(&format!("/{name}/status"))?;
        let trace = status["connector"]["trace"].as_str();
        Ok(trace
            .with_context(|| format!("{name} has not failed: {status}"))?
            .to_owned())
    }
}
