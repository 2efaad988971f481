//! The commands' way to a worker.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use reqwest::Method;
use reqwest::blocking::{Client as Http, RequestBuilder};
use serde_json::Value;
use url::Url;

/// How long a worker may take to answer; a write waits while the group shares out its tasks anew.
const PATIENCE: Duration = Duration::from_secs(90);

/// Where a worker is and who asks it.
#[derive(Debug, Args)]
pub(crate) struct Target {
    /// Any worker of the group.
    #[arg(long, env = "WALBRIDGE_URL", default_value = "http://127.0.0.1:8083")]
    url: Url,
    /// The user's name; the password is in WALBRIDGE_PASSWORD.
    #[arg(long, env = "WALBRIDGE_USER")]
    user: Option<String>,
    /// A file that holds a bearer token.
    #[arg(long, conflicts_with = "user")]
    token_file: Option<PathBuf>,
    /// A PEM file of the authorities that may vouch for the worker.
    #[arg(long)]
    cacert: Option<PathBuf>,
    /// A PEM file with this client's certificate and key.
    #[arg(long)]
    cert: Option<PathBuf>,
}

enum Proof {
    None,
    Password(String, String),
    Token(String),
}

/// Asks a worker.
pub(crate) struct Client {
    http: Http,
    url: Url,
    proof: Proof,
}

/// Why a worker did not do what it was asked.
pub(crate) struct Failure {
    /// The HTTP status, if it answered at all.
    pub(crate) status: Option<u16>,
    /// What happened, in words.
    pub(crate) words: String,
}

impl Client {
    /// Prepares to ask the worker at `target`.
    pub(crate) fn new(target: &Target) -> Result<Self, String> {
        // An error means that there is one already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let read = |path: &PathBuf| {
            std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))
        };
        let mut builder = Http::builder().timeout(PATIENCE);
        if let Some(path) = &target.cacert {
            let bad = |error: reqwest::Error| format!("{}: {error}", path.display());
            let all = reqwest::Certificate::from_pem_bundle(&read(path)?).map_err(bad)?;
            builder = builder.tls_certs_only(all);
        }
        if let Some(path) = &target.cert {
            let bad = |_| format!("{}: not a certificate with its key in PEM", path.display());
            builder = builder.identity(reqwest::Identity::from_pem(&read(path)?).map_err(bad)?);
        }
        let proof = match (&target.user, &target.token_file) {
            (Some(user), _) => {
                let password = std::env::var("WALBRIDGE_PASSWORD").map_err(|_| {
                    format!("the password of {user} is missing: set WALBRIDGE_PASSWORD")
                })?;
                Proof::Password(user.clone(), password)
            }
            (None, Some(path)) => {
                let token = String::from_utf8_lossy(&read(path)?).trim().to_owned();
                Proof::Token(token)
            }
            (None, None) => Proof::None,
        };
        let http = builder.build().map_err(|error| error.to_string())?;
        let url = target.url.clone();
        Ok(Self { http, url, proof })
    }

    fn request(&self, method: Method, path: &[&str], query: &str) -> RequestBuilder {
        let mut url = self.url.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        url.set_query(Some(query).filter(|query| !query.is_empty()));
        let request = self.http.request(method, url);
        match &self.proof {
            Proof::None => request,
            Proof::Password(user, password) => request.basic_auth(user, Some(password)),
            Proof::Token(token) => request.bearer_auth(token),
        }
    }

    /// Returns the answer to a GET of the path with these segments.
    pub(crate) fn get(&self, path: &[&str], query: &str) -> Result<Value, Failure> {
        self.send(self.request(Method::GET, path, query))
    }

    /// Sends a body by PUT.
    pub(crate) fn put(
        &self,
        path: &[&str],
        body: &impl serde::Serialize,
    ) -> Result<Value, Failure> {
        self.send(self.request(Method::PUT, path, "").json(body))
    }

    /// Deletes.
    pub(crate) fn delete(&self, path: &[&str]) -> Result<Value, Failure> {
        self.send(self.request(Method::DELETE, path, ""))
    }

    fn send(&self, request: RequestBuilder) -> Result<Value, Failure> {
        let unreachable = |error: reqwest::Error| {
            let mut words = format!("{} does not answer: {error}", self.url);
            let mut cause = std::error::Error::source(&error);
            while let Some(next) = cause {
                words.push_str(&format!(": {next}"));
                cause = next.source();
            }
            Failure {
                status: None,
                words,
            }
        };
        let answer = request.send().map_err(unreachable)?;
        let status = answer.status();
        let text = answer.text().map_err(unreachable)?;
        let body: Value = serde_json::from_str(&text).unwrap_or(Value::Null);
        if status.is_success() {
            return Ok(body);
        }
        let message = body["message"].as_str().map_or(text.clone(), str::to_owned);
        let hint = match status.as_u16() {
            401 => " (say who you are: --user, --token-file or --cert)",
            403 => " (this user may only read)",
            _ => "",
        };
        Err(Failure {
            status: Some(status.as_u16()),
            words: format!("{} answers {status}: {message}{hint}", self.url),
        })
    }
}
