//! Plain HTTP, as the registries and the workers' REST speak it.

use std::sync::Once;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use reqwest::blocking::{Client, RequestBuilder, Response};
use serde_json::Value;

/// A blocking client with deadlines; not for use inside an async runtime.
#[derive(Debug, Clone)]
pub struct Http {
    client: Client,
}

impl Http {
    /// Creates a client whose every request ends within 30 seconds.
    pub fn new() -> Result<Self> {
        static PROVIDER: Once = Once::new();
        PROVIDER.call_once(|| {
            // Fails only if the process has one already, which is as good.
            let _ = rustls::crypto::ring::default_provider().install_default();
        });
        let client = Client::builder()
            .no_proxy()
            .connect_timeout(Duration::from_secs(2))
            .timeout(Duration::from_secs(30))
            .build()
            .context("creating an HTTP client")?;
        Ok(Self { client })
    }

    /// Returns the status of a GET.
    pub fn status(&self, url: &str) -> Result<u16> {
        Ok(self.client.get(url).send()?.status().as_u16())
    }

    /// Returns the body of a GET as text; any other status than 2xx is an error that quotes it.
    pub fn text(&self, url: &str) -> Result<String> {
        accepted(url, self.client.get(url).send()?)
    }

    /// Returns the body of a GET as JSON.
    pub fn get(&self, url: &str) -> Result<Value> {
        Ok(serde_json::from_str(&self.text(url)?)?)
    }

    /// Returns the body of a GET as JSON, whatever the status is.
    pub fn any(&self, url: &str) -> Result<Value> {
        Ok(serde_json::from_str(&self.client.get(url).send()?.text()?)?)
    }

    /// Sends JSON by PUT and returns the answer, `null` if it is empty.
    pub fn put(&self, url: &str, body: &Value) -> Result<Value> {
        send(url, self.client.put(url), body)
    }

    /// Sends JSON by POST and returns the answer, `null` if it is empty.
    pub fn post(&self, url: &str, body: &Value) -> Result<Value> {
        send(url, self.client.post(url), body)
    }

    /// Sends JSON by PATCH and returns the answer, `null` if it is empty.
    pub fn patch(&self, url: &str, body: &Value) -> Result<Value> {
        send(url, self.client.patch(url), body)
    }

    /// Sends a DELETE.
    pub fn delete(&self, url: &str) -> Result<()> {
        accepted(url, self.client.delete(url).send()?).map(drop)
    }
}

fn send(url: &str, request: RequestBuilder, body: &Value) -> Result<Value> {
    let answer = accepted(url, request.json(body).send()?)?;
    if answer.is_empty() {
        Ok(Value::Null)
    } else {
        Ok(serde_json::from_str(&answer)?)
    }
}

fn accepted(url: &str, response: Response) -> Result<String> {
    let status = response.status();
    let body = response
        .text()
        .with_context(|| format!("reading the answer of {url}"))?;
    if !status.is_success() {
        bail!("{url} answered {status}: {body}");
    }
    Ok(body)
}
