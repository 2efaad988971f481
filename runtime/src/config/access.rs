//! Who may use the REST API, and the listener's TLS.

use std::collections::BTreeMap;
use std::path::PathBuf;

use secrecy::SecretString;
use walbridge_connector_api::Settings;

use super::Listener;

/// What stands before keys that are for HTTPS listeners alone.
pub(super) const HTTPS_PREFIX: &str = "listeners.https.";

/// Keys of an HTTPS listener, by their names behind the prefix.
const HTTPS_KEYS: [&str; 8] = [
    "ssl.keystore.type",
    "ssl.keystore.location",
    "ssl.keystore.key",
    "ssl.keystore.certificate.chain",
    "ssl.truststore.type",
    "ssl.truststore.location",
    "ssl.truststore.certificates",
    "ssl.client.auth",
];

/// A way of saying who one is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthMethod {
    /// A name and a password.
    Basic,
    /// A token.
    Bearer,
    /// A client certificate.
    Mtls,
    /// None at all: everybody may do everything.
    Insecure,
}

/// PEM text, in a file or written out.
#[derive(Debug, Clone)]
pub enum Pem {
    /// In this file.
    File(PathBuf),
    /// Written out in the configuration.
    Text(SecretString),
}

/// Whether a client must show a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientAuth {
    /// It is not asked for one.
    None,
    /// It may show one.
    Requested,
    /// Without one there is no connection.
    Required,
}

/// What an HTTPS listener needs.
#[derive(Debug, Clone)]
pub struct TlsSettings {
    /// The listener's certificate, followed by those that sign it.
    pub certificates: Pem,
    /// Its private key.
    pub key: Pem,
    /// The certificates that sign clients'.
    pub trusted: Option<Pem>,
    /// Whether clients must show one.
    pub client_auth: ClientAuth,
}

/// Who may use the REST API.
#[derive(Debug, Clone)]
pub struct RestAccess {
    /// The ways that let a request in; empty asks nothing.
    pub methods: Vec<AuthMethod>,
    /// Names, roles and hashed secrets.
    pub users_file: Option<PathBuf>,
    /// Paths that may be read without saying who one is.
    pub open_paths: Vec<String>,
    /// TLS of the `https` listeners.
    pub tls: Option<TlsSettings>,
}

/// Reads and checks the keys, telling `problem` of each mistake with its key.
pub(super) fn read(
    settings: &Settings,
    listeners: &[Listener],
    problem: &mut impl FnMut(&str, String),
) -> RestAccess {
    let mut methods = Vec::new();
    let named = settings.list("rest.authentication");
    for text in &named {
        methods.push(match text.to_ascii_lowercase().as_str() {
            "basic" => AuthMethod::Basic,
            "bearer" => AuthMethod::Bearer,
            "mtls" => AuthMethod::Mtls,
            "insecure" => AuthMethod::Insecure,
            _ => {
                let why = format!("{text} is none of basic, bearer, mtls, insecure");
                problem("rest.authentication", why);
                continue;
            }
        });
    }
    let users_file = settings.optional("rest.users.file").map(PathBuf::from);
    let has = |method| methods.contains(&method);
    if has(AuthMethod::Insecure) && methods.len() > 1 {
        problem(
            "rest.authentication",
            "insecure asks nobody who they are: it stands alone".into(),
        );
    }
    if (has(AuthMethod::Basic) || has(AuthMethod::Bearer)) && users_file.is_none() {
        problem(
            "rest.users.file",
            "must name the file with users, which rest.authentication asks for; \
             `walbridge password` writes its lines"
                .into(),
        );
    }
    if has(AuthMethod::Mtls) && listeners.iter().any(|listener| !listener.tls) {
        problem(
            "rest.authentication",
            "mtls needs https in all listeners: a client shows its certificate in the TLS handshake"
                .into(),
        );
    }
    if let Some(open) = listeners.iter().find(|listener| !listener.is_loopback())
        && named.is_empty()
    {
        problem(
            "listeners",
            format!(
                "{open} can be reached over the network, and nobody is asked who they are: set \
                 rest.authentication to basic, bearer or mtls, or to insecure if that is meant, or \
                 listen on 127.0.0.1 alone"
            ),
        );
    }
    let open_paths = settings.list("rest.open.paths");
    for path in &open_paths {
        if !["/", "/health", "/metrics", "/openapi.json"].contains(path) {
            let why =
                format!("{path} cannot be open; only /, /health, /metrics, /openapi.json can");
            problem("rest.open.paths", why);
        }
    }
    let tls = listeners
        .iter()
        .any(|listener| listener.tls)
        .then(|| tls(settings, has(AuthMethod::Mtls), methods.len() == 1, problem))
        .flatten();
    RestAccess {
        open_paths: open_paths.into_iter().map(str::to_owned).collect(),
        methods,
        users_file,
        tls,
    }
}

/// Reads `listeners.https.ssl.*`, or `ssl.*` if there is none of those: all of one, as Connect does.
fn tls(
    settings: &Settings,
    mtls: bool,
    only_mtls: bool,
    problem: &mut impl FnMut(&str, String),
) -> Option<TlsSettings> {
    let own: BTreeMap<String, String> = settings.under(HTTPS_PREFIX);
    let (prefix, all) = if own.is_empty() {
        ("", settings.raw().clone())
    } else {
        (HTTPS_PREFIX, own)
    };
    if !prefix.is_empty() {
        for key in all.keys().filter(|key| !HTTPS_KEYS.contains(&key.as_str())) {
            let why = if key.ends_with("password") {
                "keys and stores are read as plain PEM, which has no password".to_owned()
            } else {
                format!(
                    "unknown; known behind {HTTPS_PREFIX}: {}",
                    HTTPS_KEYS.join(", ")
                )
            };
            problem(&format!("{prefix}{key}"), why);
        }
    }
    let get = |key: &str| all.get(key).map(String::as_str).filter(|v| !v.is_empty());
    for key in ["ssl.keystore.type", "ssl.truststore.type"] {
        let store = key.replace(".type", ".location");
        if let (Some(_), other) = (get(&store), get(key).unwrap_or("JKS"))
            && !other.eq_ignore_ascii_case("PEM")
        {
            let why = format!("{other} is not supported for a listener; only PEM");
            problem(&format!("{prefix}{key}"), why);
        }
    }
    let pem = |location: &str, text: &str| match (get(location), get(text)) {
        (Some(path), _) => Some(Pem::File(path.into())),
        (None, Some(text)) => Some(Pem::Text(SecretString::from(text.to_owned()))),
        (None, None) => None,
    };
    let certificates = pem("ssl.keystore.location", "ssl.keystore.certificate.chain");
    let key = pem("ssl.keystore.location", "ssl.keystore.key");
    let trusted = pem("ssl.truststore.location", "ssl.truststore.certificates");
    let client_auth = match get("ssl.client.auth")
        .map(str::to_ascii_lowercase)
        .as_deref()
    {
        _ if only_mtls && mtls => ClientAuth::Required,
        Some("required") => ClientAuth::Required,
        Some("requested") => ClientAuth::Requested,
        None | Some("none") if mtls => ClientAuth::Requested,
        None | Some("none") => ClientAuth::None,
        Some(other) => {
            let why = format!("{other} is none of none, requested, required");
            problem(&format!("{prefix}ssl.client.auth"), why);
            ClientAuth::None
        }
    };
    if client_auth != ClientAuth::None && trusted.is_none() {
        problem(
            &format!("{prefix}ssl.truststore.location"),
            "must name the PEM file of the certificates that sign clients'".into(),
        );
    }
    let (Some(certificates), Some(key)) = (certificates, key) else {
        problem(
            &format!("{prefix}ssl.keystore.location"),
            "an https listener needs a PEM file with its key and certificates \
             (or ssl.keystore.key and ssl.keystore.certificate.chain)"
                .into(),
        );
        return None;
    };
    Some(TlsSettings {
        certificates,
        key,
        trusted,
        client_auth,
    })
}
