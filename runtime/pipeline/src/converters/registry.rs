//! The settings of the Avro converter, by Confluent's names.

use std::time::Duration;

use walbridge_connector_api::{ConfigKey, ConfigProblem, Importance, Kind, Settings};
use walbridge_schemas::registry::{Registry, RegistrySettings};

use super::avro::{AvroConverter, AvroOptions, SubjectNames, Writing};
use super::catalog::Role;

const URL: &str = "schema.registry.url";
const CREDENTIALS: &str = "basic.auth.credentials.source";
const USER: &str = "basic.auth.user.info";
const AUTHORITIES: &str = "schema.registry.ssl.truststore.location";
const REGISTER: &str = "auto.register.schemas";
const LATEST: &str = "use.latest.version";
const STRICT: &str = "latest.compatibility.strict";
const SUBJECTS: [&str; 2] = ["key.subject.name.strategy", "value.subject.name.strategy"];

/// Returns the keys, without a prefix.
pub(super) fn keys() -> Vec<ConfigKey> {
    use Kind::{Boolean, Int, List, Long, Password, String as Text};
    let key = |name, kind, default, doc| {
        ConfigKey::new(name, kind, doc)
            .default(default)
            .importance(Importance::Low)
    };
    let subjects = |name| {
        let doc = "How the schema's subject is named: TopicNameStrategy, RecordNameStrategy or \
                   TopicRecordNameStrategy.";
        let default = "io.confluent.kafka.serializers.subject.TopicNameStrategy";
        key(name, Kind::Class, default, doc)
    };
    vec![
        ConfigKey::new(URL, List, "URL of the schema registry, or several of them.")
            .required()
            .importance(Importance::High),
        key(
            REGISTER,
            Boolean,
            "true",
            "Whether a schema that its subject does not have is registered; otherwise the record is in error.",
        ),
        key(
            LATEST,
            Boolean,
            "false",
            "Whether records are written with the newest schema of their subject instead of their own; only \
             with auto.register.schemas=false.",
        ),
        key(
            STRICT,
            Boolean,
            "true",
            "With use.latest.version: whether a field that the newest schema does not have is an error; \
             otherwise it is left out.",
        ),
        key(
            CREDENTIALS,
            Text,
            "URL",
            "Where user and password are: in the URL, or with USER_INFO in basic.auth.user.info.",
        )
        .allowed(&["URL", "USER_INFO"]),
        ConfigKey::new(USER, Password, "user:password for the schema registry."),
        ConfigKey::new(AUTHORITIES, Text, "PEM file with authorities to trust."),
        subjects(SUBJECTS[0]),
        subjects(SUBJECTS[1]),
        key(
            "connect.meta.data",
            Boolean,
            "true",
            "Whether what Avro has no words for is kept in members of the schema.",
        ),
        key(
            "enhanced.avro.schema.support",
            Boolean,
            "false",
            "Whether the members of a union are read under their full names.",
        ),
        key(
            "schemas.cache.config",
            Int,
            "1000",
            "How many schemas are remembered each way.",
        )
        .min(1),
        key(
            "schema.registry.timeout.ms",
            Long,
            "10000",
            "How long one call of the registry may take.",
        )
        .min(1),
    ]
}

/// Checks what a definition cannot say.
pub(super) fn problems(settings: &Settings) -> Vec<ConfigProblem> {
    let mut found = Vec::new();
    let mut wrong = |key: &str, value: &str, why: &str| {
        found.push(ConfigProblem::invalid(key, value, why));
    };
    if settings.flag(LATEST) && settings.flag(REGISTER) {
        let why = "schemas that are registered by themselves are always the newest; set \
                   auto.register.schemas=false";
        wrong(LATEST, settings.text(LATEST), why);
    }
    for key in SUBJECTS {
        let name = settings.text(key);
        if SubjectNames::find(name).is_none() {
            let why = "there are TopicNameStrategy, RecordNameStrategy and TopicRecordNameStrategy";
            wrong(key, name, why);
        }
    }
    if settings.text(CREDENTIALS) == "USER_INFO" && settings.optional(USER).is_none() {
        wrong(CREDENTIALS, "USER_INFO", "basic.auth.user.info is missing");
    }
    if let Some(urls) = settings.optional(URL) {
        // The client itself is not made here: that blocks.
        let bad = |url: &&str| !url.starts_with("http://") && !url.starts_with("https://");
        if let Some(url) = urls.split(',').map(str::trim).find(bad) {
            wrong(URL, url, "it is neither http nor https");
        }
    }
    if let Some(path) = settings.optional(AUTHORITIES)
        && let Err(error) = std::fs::metadata(path)
    {
        wrong(AUTHORITIES, path, &error.to_string());
    }
    found
}

/// Creates the converter of keys or values.
pub(super) fn open(role: Role, settings: &Settings) -> Result<AvroConverter, ConfigProblem> {
    let key = role == Role::Key;
    let strategy = settings.text(SUBJECTS[usize::from(!key)]);
    let options = AvroOptions {
        key,
        subjects: SubjectNames::find(strategy).unwrap_or_default(),
        writing: match (settings.flag(REGISTER), settings.flag(LATEST)) {
            (true, _) => Writing::Register,
            (false, false) => Writing::Find,
            (false, true) => Writing::Latest {
                strict: settings.flag(STRICT),
            },
        },
        metadata: settings.flag("connect.meta.data"),
        enhanced: settings.flag("enhanced.avro.schema.support"),
        cache: settings.size("schemas.cache.config").max(1),
    };
    Ok(AvroConverter::new(Box::new(client(settings)?), options))
}

fn client(settings: &Settings) -> Result<Registry, ConfigProblem> {
    let mut wanted = RegistrySettings::new(settings.text(URL));
    for url in &mut wanted.urls {
        // User and password in the URL, as Confluent's clients take them.
        if let Some((scheme, rest)) = url.split_once("://")
            && let Some((login, host)) = rest.split_once('@')
            && let Some((user, password)) = login.split_once(':')
        {
            wanted.basic_auth = Some((user.to_owned(), password.to_owned()));
            *url = format!("{scheme}://{host}");
        }
    }
    if let Some((user, password)) = settings
        .optional(USER)
        .and_then(|text| text.split_once(':'))
    {
        wanted.basic_auth = Some((user.to_owned(), password.to_owned()));
    }
    if let Some(path) = settings.optional(AUTHORITIES) {
        let pem = std::fs::read_to_string(path);
        let pem =
            pem.map_err(|error| ConfigProblem::invalid(AUTHORITIES, path, &error.to_string()))?;
        wanted.ca_pem = Some(pem);
    }
    let timeout = settings.millis("schema.registry.timeout.ms");
    wanted.timeout = if timeout.is_zero() {
        Duration::from_secs(10)
    } else {
        timeout
    };
    Registry::new(&wanted).map_err(|error| {
        let shown = wanted.urls.join(",");
        ConfigProblem::invalid(URL, &shown, &error.to_string())
    })
}
