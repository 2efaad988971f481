//! The schema registry, as seen through Confluent's API.
//!
//! The cache is ours: schemas and ids never change once given, so successes are kept for ever and
//! errors never, lest a moment's trouble stick.
//!
//! Calls block and must not be made on a thread inside a tokio context.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use schema_registry_converter::blocking::schema_registry::{
    SrSettings, get_schema_by_id, perform_sr_call, post_schema,
};
use schema_registry_converter::error::SRCError;
use schema_registry_converter::schema_registry_common::{SchemaType, SrCall, SuppliedSchema};

/// Where a registry is and how to get in.
#[derive(Clone)]
pub struct RegistrySettings {
    /// Base URLs, tried in order.
    pub urls: Vec<String>,
    /// User and password for basic authentication.
    pub basic_auth: Option<(String, String)>,
    /// PEM text of further certificate authorities.
    pub ca_pem: Option<String>,
    /// How long one call may take.
    pub timeout: Duration,
}

impl RegistrySettings {
    /// Creates settings from a list of URLs separated by commas; calls may take ten seconds.
    pub fn new(urls: &str) -> Self {
        let urls = urls
            .split(',')
            .map(|url| url.trim().trim_end_matches('/').to_owned());
        Self {
            urls: urls.filter(|url| !url.is_empty()).collect(),
            basic_auth: None,
            ca_pem: None,
            timeout: Duration::from_secs(10),
        }
    }
}

impl fmt::Debug for RegistrySettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RegistrySettings")
            .field("urls", &self.urls)
            .finish_non_exhaustive()
    }
}

/// What went wrong between us and the registry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RegistryError {
    /// The settings cannot be used.
    #[error("the schema registry's settings are wrong: {0}")]
    Settings(String),
    /// Nobody answered in time.
    #[error("the schema registry at {url} cannot be reached: {cause}")]
    Unreachable {
        /// The URLs tried.
        url: String,
        /// What the last one failed with.
        cause: String,
    },
    /// The registry has trouble of its own.
    #[error("the schema registry at {url} answered {status}: {cause}")]
    Unavailable {
        /// The URLs tried.
        url: String,
        /// The HTTP status.
        status: u16,
        /// Its message.
        cause: String,
    },
    /// It does not let us in.
    #[error("the schema registry at {url} refused access ({status})")]
    Refused {
        /// The URLs tried.
        url: String,
        /// The HTTP status.
        status: u16,
    },
    /// It has no such schema.
    #[error("the schema registry at {url} knows no schema {id}")]
    Unknown {
        /// The URLs tried.
        url: String,
        /// The id asked for.
        id: u32,
    },
    /// It does not accept the schema, most often because it breaks the subject's compatibility rule.
    #[error(
        "the schema registry at {url} rejected the schema for subject {subject} ({status}): {cause}"
    )]
    Rejected {
        /// The URLs tried.
        url: String,
        /// The subject.
        subject: String,
        /// The HTTP status.
        status: u16,
        /// Its message.
        cause: String,
    },
    /// The subject is not there, or has no such schema, and nothing is to be registered.
    #[error("the schema registry at {url} has {what} under subject {subject}")]
    NotRegistered {
        /// The URLs tried.
        url: String,
        /// The subject.
        subject: String,
        /// What is missing.
        what: &'static str,
    },
    /// The schema is there, but is not Avro, or is split over several subjects.
    #[error("schema {id} in the registry at {url} is {what}")]
    NotAvro {
        /// The URLs tried.
        url: String,
        /// The schema's id.
        id: u32,
        /// What it is.
        what: String,
    },
    /// The answer makes no sense.
    #[error("the schema registry at {url} gave an answer that is none: {cause}")]
    Nonsense {
        /// The URLs tried.
        url: String,
        /// What is wrong with it.
        cause: String,
    },
}

impl RegistryError {
    /// Returns whether the same call may succeed later without anybody changing anything.
    pub fn is_retriable(&self) -> bool {
        matches!(
            self,
            Self::Unreachable { .. } | Self::Unavailable { .. } | Self::Nonsense { .. }
        )
    }
}

/// A client of one registry; cheap to share between threads behind an `Arc`.
#[derive(Debug)]
pub struct Registry {
    settings: SrSettings,
    urls: String,
    schemas: Mutex<HashMap<u32, Arc<str>>>,
    ids: Mutex<HashMap<String, HashMap<String, u32>>>,
}

impl Registry {
    /// Creates a client; nothing is called yet.
    pub fn new(settings: &RegistrySettings) -> Result<Self, RegistryError> {
        let wrong = |cause: &dyn fmt::Display| RegistryError::Settings(cause.to_string());
        let (first, more) = settings
            .urls
            .split_first()
            .ok_or_else(|| wrong(&"no URL"))?;
        for url in &settings.urls {
            let parsed = reqwest::Url::parse(url).map_err(|e| wrong(&format!("{url}: {e}")))?;
            if !matches!(parsed.scheme(), "http" | "https") {
                return Err(wrong(&format!("{url} is neither http nor https")));
            }
        }
        // Whichever part of the process comes first sets the provider; they are all the same.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut client = reqwest::blocking::Client::builder()
            .connect_timeout(settings.timeout.min(Duration::from_secs(5)))
            .no_proxy();
        if let Some(pem) = &settings.ca_pem {
            let all = reqwest::Certificate::from_pem_bundle(pem.as_bytes());
            for certificate in all.map_err(|e| wrong(&e))? {
                client = client.add_root_certificate(certificate);
            }
        }
        let mut builder = SrSettings::new_builder(first.clone());
        for url in more {
            builder.add_url(url.clone());
        }
        if let Some((user, password)) = &settings.basic_auth {
            builder.set_basic_authorization(user, Some(password));
        }
        builder.set_timeout(settings.timeout);
        let inner = builder.build_with(client).map_err(|e| wrong(&e))?;
        Ok(Self {
            settings: inner,
            urls: settings.urls.join(","),
            schemas: Mutex::default(),
            ids: Mutex::default(),
        })
    }

    /// Returns the id of a schema under a subject, registering it if it is new there.
    pub fn register(&self, subject: &str, json: &str) -> Result<u32, RegistryError> {
        if let Some(id) = lock(&self.ids).get(subject).and_then(|ids| ids.get(json)) {
            return Ok(*id);
        }
        let schema = SuppliedSchema::new(None, SchemaType::Avro, json.to_owned());
        let registered = post_schema(&self.settings, subject.to_owned(), schema).map_err(|e| {
            self.error(&e, |url, status, cause| {
                rejected(url, subject, status, cause)
            })
        })?;
        tracing::debug!(subject, id = registered.id, "schema registered");
        lock(&self.ids)
            .entry(subject.to_owned())
            .or_default()
            .insert(json.to_owned(), registered.id);
        Ok(registered.id)
    }

    /// Returns the text of the schema with this id.
    pub fn schema(&self, id: u32) -> Result<Arc<str>, RegistryError> {
        if let Some(schema) = lock(&self.schemas).get(&id) {
            return Ok(Arc::clone(schema));
        }
        let found = get_schema_by_id(id, &self.settings).map_err(|e| {
            self.error(&e, |url, status, cause| match status {
                404 => RegistryError::Unknown { url, id },
                _ => RegistryError::Nonsense {
                    url,
                    cause: format!("{status}: {cause}"),
                },
            })
        })?;
        let not_avro = |what: &str| RegistryError::NotAvro {
            url: self.urls.clone(),
            id,
            what: what.to_owned(),
        };
        if found.schema_type != SchemaType::Avro {
            return Err(not_avro(&format!(
                "of type {:?}, not Avro",
                found.schema_type
            )));
        }
        if !found.references.is_empty() {
            return Err(not_avro("built from references to other subjects"));
        }
        let schema: Arc<str> = found.schema.into();
        lock(&self.schemas).insert(id, Arc::clone(&schema));
        Ok(schema)
    }

    /// Returns the id that a schema has under a subject, registering nothing.
    pub fn find(&self, subject: &str, json: &str) -> Result<u32, RegistryError> {
        let body = serde_json::json!({ "schema": json }).to_string();
        let call = SrCall::PostForVersion(subject, &body);
        let found = perform_sr_call(&self.settings, call)
            .map_err(|e| self.missing(&e, subject, "no such schema"))?;
        found
            .id
            .ok_or_else(|| self.nonsense("an answer without an id"))
    }

    /// Returns the newest schema of a subject with its id; asks anew each time.
    pub fn latest(&self, subject: &str) -> Result<(u32, Arc<str>), RegistryError> {
        let found = perform_sr_call(&self.settings, SrCall::GetLatest(subject))
            .map_err(|e| self.missing(&e, subject, "no schema"))?;
        let id = found
            .id
            .ok_or_else(|| self.nonsense("an answer without an id"))?;
        // By its id, for the checks that all schemas go through.
        Ok((id, self.schema(id)?))
    }

    fn missing(&self, error: &SRCError, subject: &str, what: &'static str) -> RegistryError {
        self.error(error, |url, status, cause| match status {
            404 => RegistryError::NotRegistered {
                url,
                subject: subject.to_owned(),
                what,
            },
            _ => rejected(url, subject, status, cause),
        })
    }

    fn nonsense(&self, cause: &str) -> RegistryError {
        RegistryError::Nonsense {
            url: self.urls.clone(),
            cause: cause.to_owned(),
        }
    }

    fn error(
        &self,
        error: &SRCError,
        other: impl FnOnce(String, u16, String) -> RegistryError,
    ) -> RegistryError {
        let url = self.urls.clone();
        let cause = innermost(error);
        match status_of(error) {
            None if error.retriable => RegistryError::Unreachable { url, cause },
            None => RegistryError::Nonsense { url, cause },
            Some(status @ (401 | 403)) => RegistryError::Refused { url, status },
            Some(status @ (408 | 429 | 500..)) => RegistryError::Unavailable { url, status, cause },
            Some(status) => other(url, status, cause),
        }
    }
}

fn rejected(url: String, subject: &str, status: u16, cause: String) -> RegistryError {
    RegistryError::Rejected {
        url,
        subject: subject.to_owned(),
        status,
        cause,
    }
}

/// Returns the HTTP status; the client library has it in the text of its error only.
fn status_of(error: &SRCError) -> Option<u16> {
    let (_, rest) = error.error.split_once("failed with status ")?;
    rest.get(..3)?.parse().ok()
}

/// Returns the message of the last cause, which is the one that says something.
fn innermost(error: &SRCError) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    if std::ptr::addr_eq(cause, error) {
        error.error.clone()
    } else {
        cause.to_string()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
