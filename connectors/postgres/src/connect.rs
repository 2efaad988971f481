//! Connection settings, and ordinary connections made from them.

use std::time::Duration;

use tokio_postgres::config::SslMode as ClientSslMode;
use tokio_postgres::{Client, Config, NoTls};
use walbridge_connector_api::{ConfigKey, ConnectorError, Importance, Kind, Settings as Keys};

use crate::url::Url;
use crate::{sqlstate, tls};

/// Whether and how TLS is used; the meaning is libpq's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SslMode {
    /// Never.
    Disable,
    /// Only if the server refuses to go without.
    Allow,
    /// If the server can.
    Prefer,
    /// Always, with any certificate (with `sslrootcert`: as [`SslMode::VerifyCa`]).
    Require,
    /// Always, with a certificate signed by `sslrootcert`.
    VerifyCa,
    /// Always, with a certificate signed by `sslrootcert` for the host's name.
    VerifyFull,
}

/// The values of `sslmode`.
pub const SSL_MODES: &[&str] = &[
    "disable",
    "allow",
    "prefer",
    "require",
    "verify-ca",
    "verify-full",
];

impl SslMode {
    /// Returns libpq's word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Disable => "disable",
            Self::Allow => "allow",
            Self::Prefer => "prefer",
            Self::Require => "require",
            Self::VerifyCa => "verify-ca",
            Self::VerifyFull => "verify-full",
        }
    }

    fn parse(text: &str) -> Result<Self, ConnectorError> {
        Ok(match text.to_ascii_lowercase().as_str() {
            "disable" => Self::Disable,
            "allow" => Self::Allow,
            "" | "prefer" => Self::Prefer,
            "require" => Self::Require,
            "verify-ca" => Self::VerifyCa,
            "verify-full" => Self::VerifyFull,
            other => {
                return Err(ConnectorError::configuration(
                    "BadConfiguration",
                    format!("sslmode \"{other}\" is none of {}", SSL_MODES.join(", ")),
                ));
            }
        })
    }
}

/// Where a database is and how to get in.
#[derive(Clone)]
pub struct Settings {
    /// The host's name or address, or the folder of a Unix socket when it starts with `/`.
    pub host: String,
    /// The port, which also names a Unix socket's file.
    pub port: u16,
    /// The user.
    pub user: String,
    /// The password, if one is needed.
    pub password: Option<String>,
    /// The database.
    pub dbname: String,
    /// Whether and how TLS is used.
    pub sslmode: SslMode,
    /// The PEM file with the authorities to trust.
    pub sslrootcert: Option<String>,
    /// The PEM file with this client's certificate.
    pub sslcert: Option<String>,
    /// The PEM file with this client's key.
    pub sslkey: Option<String>,
    /// Whether TCP keep-alives are sent.
    pub keepalive: bool,
    /// How long connecting may take.
    pub connect_timeout: Duration,
    /// What `pg_stat_activity` shows.
    pub application_name: String,
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Settings").field(&self.target()).finish()
    }
}

/// Declares the keys of one naming style under a prefix.
macro_rules! keys {
    ($prefix:literal, $user:literal, $host:expr) => {
        vec![
            $host,
            ConfigKey::new(
                concat!($prefix, "port"),
                Kind::Int,
                "Port of the PostgreSQL server.",
            )
            .default("5432")
            .min(1)
            .group("PostgreSQL")
            .importance(Importance::High),
            ConfigKey::new(concat!($prefix, $user), Kind::String, "User to connect as.")
                .group("PostgreSQL")
                .importance(Importance::High),
            ConfigKey::new(
                concat!($prefix, "password"),
                Kind::Password,
                "Password of the user.",
            )
            .group("PostgreSQL")
            .importance(Importance::High),
            ConfigKey::new(
                concat!($prefix, "dbname"),
                Kind::String,
                "Name of the database.",
            )
            .group("PostgreSQL")
            .importance(Importance::High),
            ConfigKey::new(
                concat!($prefix, "sslmode"),
                Kind::String,
                "Whether TLS is used and what is checked, with libpq's words.",
            )
            .default("prefer")
            .allowed(SSL_MODES)
            .group("PostgreSQL"),
            ConfigKey::new(
                concat!($prefix, "sslrootcert"),
                Kind::String,
                "PEM file with the authorities that may sign the server's certificate.",
            )
            .group("PostgreSQL"),
            ConfigKey::new(
                concat!($prefix, "sslcert"),
                Kind::String,
                "PEM file with the client's certificate.",
            )
            .group("PostgreSQL"),
            ConfigKey::new(
                concat!($prefix, "sslkey"),
                Kind::String,
                "PEM file with the client's key, not encrypted.",
            )
            .group("PostgreSQL"),
            ConfigKey::new(
                concat!($prefix, "tcpKeepAlive"),
                Kind::Boolean,
                "Whether TCP keep-alives find a dead connection.",
            )
            .default("true")
            .group("PostgreSQL")
            .importance(Importance::Low),
            ConfigKey::new(
                concat!($prefix, "connect.timeout.ms"),
                Kind::Long,
                "How long connecting may take.",
            )
            .default("10000")
            .min(1)
            .group("PostgreSQL")
            .importance(Importance::Low),
        ]
    };
}

/// Returns the keys `database.*` by Debezium's names, for sources.
pub fn database_keys() -> Vec<ConfigKey> {
    let host = ConfigKey::new(
        "database.hostname",
        Kind::String,
        "Host of the PostgreSQL server, or the folder of its Unix socket.",
    )
    .required()
    .group("PostgreSQL");
    let mut keys = keys!("database.", "user", host);
    for key in &mut keys {
        key.required |= matches!(key.name, "database.user" | "database.dbname");
    }
    keys
}

/// Returns the keys `connection.*` by the JDBC sink's names, for sinks.
///
/// `connection.url` may say everything; a key that is also given wins over the URL.
pub fn connection_keys() -> Vec<ConfigKey> {
    let host = ConfigKey::new(
        "connection.hostname",
        Kind::String,
        "Host of the PostgreSQL server, or the folder of its Unix socket.",
    )
    .group("PostgreSQL")
    .importance(Importance::High);
    let mut keys = vec![
        ConfigKey::new(
            "connection.url",
            Kind::String,
            "Where the database is, as postgresql://host:port/database or the JDBC form of it.",
        )
        .group("PostgreSQL")
        .importance(Importance::High),
    ];
    keys.extend(keys!("connection.", "username", host));
    keys
}

impl Settings {
    /// Reads the keys `database.*`.
    ///
    /// # Errors
    /// If a value cannot be used.
    pub fn from_database(keys: &Keys) -> Result<Self, ConnectorError> {
        Self::read(keys, "database.", "user", &Url::default())
    }

    /// Reads the keys `connection.*`.
    ///
    /// # Errors
    /// If a value cannot be used or the host is missing.
    pub fn from_connection(keys: &Keys) -> Result<Self, ConnectorError> {
        let url = match keys.optional("connection.url") {
            Some(text) => Url::parse(text)
                .map_err(|why| bad(format!("connection.url cannot be used: {why}")))?,
            None => Url::default(),
        };
        Self::read(keys, "connection.", "username", &url)
    }

    fn read(keys: &Keys, prefix: &str, user: &str, url: &Url) -> Result<Self, ConnectorError> {
        // A key that was given wins over the URL, and the URL over a key's default.
        let given = |name: &str, from_url: &str| {
            let key = format!("{prefix}{name}");
            let raw = keys.raw().get(&key).filter(|value| !value.is_empty());
            raw.cloned()
                .or_else(|| url.get(from_url).map(str::to_owned))
                .or_else(|| keys.optional(&key).map(str::to_owned))
        };
        let host =
            given("hostname", "host").ok_or_else(|| bad(format!("{prefix}hostname is missing")))?;
        let port = given("port", "port").unwrap_or_else(|| "5432".into());
        let port = port
            .trim()
            .parse()
            .map_err(|_| bad(format!("port \"{port}\" is no port number")))?;
        let user = given(user, "user").ok_or_else(|| bad(format!("{prefix}{user} is missing")))?;
        Ok(Self {
            host,
            port,
            dbname: given("dbname", "dbname").unwrap_or_else(|| user.clone()),
            user,
            password: given("password", "password"),
            sslmode: SslMode::parse(&given("sslmode", "sslmode").unwrap_or_default())?,
            sslrootcert: given("sslrootcert", "sslrootcert"),
            sslcert: given("sslcert", "sslcert"),
            sslkey: given("sslkey", "sslkey"),
            keepalive: given("tcpKeepAlive", "tcpKeepAlive").is_none_or(|v| v != "false"),
            connect_timeout: match keys.millis(&format!("{prefix}connect.timeout.ms")) {
                Duration::ZERO => Duration::from_secs(10),
                time => time,
            },
            application_name: url
                .get("application_name")
                .unwrap_or("walbridge")
                .to_owned(),
        })
    }

    /// Returns where this leads, for messages: `user@host:port/database`.
    pub fn target(&self) -> String {
        format!("{}@{}:{}/{}", self.user, self.host, self.port, self.dbname)
    }

    /// Returns whether the host is the folder of a Unix socket.
    pub fn is_unix(&self) -> bool {
        self.host.starts_with('/')
    }

    fn client_config(&self, mode: ClientSslMode) -> Config {
        let mut config = Config::new();
        config
            .host(&self.host)
            .port(self.port)
            .user(&self.user)
            .dbname(&self.dbname)
            .application_name(&self.application_name)
            .connect_timeout(self.connect_timeout)
            .keepalives(self.keepalive)
            .keepalives_idle(Duration::from_secs(20))
            .keepalives_interval(Duration::from_secs(5))
            .keepalives_retries(4)
            .tcp_user_timeout(Duration::from_secs(40))
            .ssl_mode(mode);
        if let Some(password) = &self.password {
            config.password(password);
        }
        config
    }
}

/// Connects on the calling tokio runtime, which then also drives the connection.
///
/// # Errors
/// By name: `Unreachable` (try again), `AuthenticationFailed`, `TlsFailed`, `DatabaseMissing`.
pub async fn connect(settings: &Settings) -> Result<Client, ConnectorError> {
    let mode = if settings.is_unix() {
        SslMode::Disable
    } else {
        settings.sslmode
    };
    match mode {
        SslMode::Disable => plain(settings).await,
        SslMode::Allow => match plain(settings).await {
            // The server's answer to a client it wants to see encrypted.
            Err(error) if error.name() == "AuthenticationFailed" => {
                encrypted(settings, ClientSslMode::Require)
                    .await
                    .map_err(|_| error)
            }
            other => other,
        },
        SslMode::Prefer => encrypted(settings, ClientSslMode::Prefer).await,
        _ => encrypted(settings, ClientSslMode::Require).await,
    }
}

async fn plain(settings: &Settings) -> Result<Client, ConnectorError> {
    let config = settings.client_config(ClientSslMode::Disable);
    let (client, connection) = config
        .connect(NoTls)
        .await
        .map_err(|error| failed(error, settings))?;
    drive(connection);
    Ok(client)
}

async fn encrypted(settings: &Settings, mode: ClientSslMode) -> Result<Client, ConnectorError> {
    let connector = tls::Connector(tls::client_config(settings)?);
    let config = settings.client_config(mode);
    let (client, connection) = config
        .connect(connector)
        .await
        .map_err(|error| failed(error, settings))?;
    drive(connection);
    Ok(client)
}

/// Lets the connection run beside its client; it ends with the client or with the server.
fn drive<F>(connection: F)
where
    F: Future<Output = Result<(), tokio_postgres::Error>> + Send + 'static,
{
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "a database connection ended");
        }
    });
}

fn failed(error: tokio_postgres::Error, settings: &Settings) -> ConnectorError {
    sqlstate::from_client(error, &format!("connecting to {}", settings.target()))
}

fn bad(message: String) -> ConnectorError {
    ConnectorError::configuration("BadConfiguration", message)
}

/// A connection with a current-thread runtime of its own, for code that blocks.
pub struct Session {
    client: Client,
    runtime: tokio::runtime::Runtime,
    target: String,
}

impl Session {
    /// Connects.
    ///
    /// # Errors
    /// As [`connect`].
    pub fn open(settings: &Settings) -> Result<Self, ConnectorError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| sqlstate::from_io(error, "starting a runtime"))?;
        let client = runtime.block_on(connect(settings))?;
        Ok(Self {
            client,
            runtime,
            target: settings.target(),
        })
    }

    /// Returns the client; use it inside [`block_on`](Self::block_on).
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Returns the client for starting transactions; use it inside [`split`](Self::split).
    pub fn split(&mut self) -> (&mut Client, &tokio::runtime::Runtime) {
        (&mut self.client, &self.runtime)
    }

    /// Waits for a future that uses the client.
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.runtime.block_on(future)
    }

    /// Runs a query and returns its rows.
    ///
    /// # Errors
    /// What the server answered, or that it is gone.
    pub fn query(
        &self,
        sql: &str,
        parameters: &[&(dyn tokio_postgres::types::ToSql + Sync)],
    ) -> Result<Vec<tokio_postgres::Row>, ConnectorError> {
        self.block_on(self.client.query(sql, parameters))
            .map_err(|error| sqlstate::from_client(error, &format!("asking {}", self.target)))
    }

    /// Runs statements without parameters or results.
    ///
    /// # Errors
    /// What the server answered, or that it is gone.
    pub fn execute(&self, sql: &str) -> Result<(), ConnectorError> {
        self.block_on(self.client.batch_execute(sql))
            .map_err(|error| sqlstate::from_client(error, &format!("running {sql}")))
    }

    /// Returns whether the connection has ended.
    pub fn is_closed(&self) -> bool {
        self.client.is_closed()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use walbridge_connector_api::ConfigDef;

    use super::*;

    fn values(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect()
    }

    #[test]
    fn keys_win_over_the_url_and_the_url_over_defaults() {
        let def = ConfigDef::new(connection_keys());
        let given = values(&[
            (
                "connection.url",
                "jdbc:postgresql://db:6000/west?sslmode=require",
            ),
            ("connection.username", "walbridge"),
            ("connection.dbname", "other"),
        ]);
        assert_eq!(def.check(&given), []);
        let settings = Settings::from_connection(&def.settings(&given)).unwrap();
        assert_eq!(settings.target(), "walbridge@db:6000/other");
        assert_eq!(settings.sslmode, SslMode::Require);
    }

    #[test]
    fn debezium_names_are_read() {
        let def = ConfigDef::new(database_keys());
        let given = values(&[
            ("database.hostname", "/run/pg"),
            ("database.user", "u"),
            ("database.password", "hunter2"),
            ("database.dbname", "d"),
        ]);
        let settings = Settings::from_database(&def.settings(&given)).unwrap();
        assert!(settings.is_unix());
        assert!(!format!("{settings:?}").contains("hunter2"));
    }
}
