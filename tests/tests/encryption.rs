//! Connections that nobody may listen to: TLS towards PostgreSQL, TLS and SASL towards Kafka.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::json;
use walbridge_lab::{Kafka, KafkaPorts, Lab, Parts, Postgres, wait_for};
use walbridge_tests::chain::{Chain, PATIENCE, Part, Plan, Shape};
use walbridge_tests::sql::Sql;

/// An authority, and a server's key with the certificate that the authority has signed.
struct Certificates {
    folder: PathBuf,
}

impl Certificates {
    /// Makes them; the server may call itself 127.0.0.1 and nothing else.
    fn make(folder: PathBuf) -> Result<Self> {
        std::fs::create_dir_all(&folder)?;
        let made = Self { folder };
        openssl(
            &made.folder,
            "req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 2 -subj /CN=authority",
        )?;
        openssl(
            &made.folder,
            "req -newkey rsa:2048 -nodes -keyout server.key -out server.csr -subj /CN=server",
        )?;
        std::fs::write(made.path("names"), "subjectAltName=IP:127.0.0.1\n")?;
        openssl(
            &made.folder,
            "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 \
             -extfile names -out server.pem",
        )?;
        let read = |name| std::fs::read_to_string(made.path(name));
        let both = format!("{}{}", read("server.key")?, read("server.pem")?);
        std::fs::write(made.path("both.pem"), both)?;
        Ok(made)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }
}

fn openssl(folder: &Path, arguments: &str) -> Result<()> {
    let output = Command::new("openssl")
        .args(arguments.split_whitespace())
        .current_dir(folder)
        .output()
        .context("running openssl, which comes with PostgreSQL's packages")?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "openssl {arguments}: {errors}");
    Ok(())
}

/// Starts a server that lets the role `guarded` in over TLS only.
fn postgres(lab: &Lab, parts: &Parts, certificates: &Certificates) -> Result<Postgres> {
    let server = Postgres::new("encrypted", lab.dir(), lab.free_port()?, parts)?;
    server.create(&[
        ("fsync".into(), "off".into()),
        ("wal_level".into(), "logical".into()),
        ("ssl".into(), "on".into()),
    ])?;
    for name in ["server.pem", "server.key"] {
        // The server's own user must own its key, and nobody else may read it.
        let path = server.data().join(name);
        std::fs::copy(certificates.path(name), &path)?;
        use std::os::unix::fs::{MetadataExt, PermissionsExt};
        let owner = std::fs::metadata(server.data())?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
        std::os::unix::fs::chown(&path, Some(owner.uid()), Some(owner.gid()))?;
    }
    server.set(&[
        ("ssl_cert_file", "'server.pem'"),
        ("ssl_key_file", "'server.key'"),
    ])?;
    let rules = server.data().join("pg_hba.conf");
    let others = std::fs::read_to_string(&rules)?;
    std::fs::write(
        &rules,
        format!("hostnossl all guarded all reject\n{others}"),
    )?;
    server.start()?;
    let session = server.session("postgres")?;
    session.run("create role guarded superuser login password 'of the role'")?;
    Ok(server)
}

/// Starts a broker that speaks TLS and wants a password on its second listener.
fn kafka(lab: &Lab, parts: &Parts, certificates: &Certificates) -> Result<Kafka> {
    let link = lab.free_port()?;
    let ports = KafkaPorts {
        client: lab.free_port()?,
        link,
        advertised_link: link,
        controller: lab.free_port()?,
    };
    let broker = Kafka::new("encrypted-kafka", lab.dir(), ports, false, parts);
    let settings = [
        (
            "listener.security.protocol.map",
            "PLAINTEXT:PLAINTEXT,LINK:SASL_SSL,CONTROLLER:PLAINTEXT".to_owned(),
        ),
        ("listener.name.link.sasl.enabled.mechanisms", "PLAIN".into()),
        (
            "listener.name.link.plain.sasl.jaas.config",
            "org.apache.kafka.common.security.plain.PlainLoginModule required \
             user_guarded=\"of the client\";"
                .into(),
        ),
        ("listener.name.link.ssl.keystore.type", "PEM".into()),
        (
            "listener.name.link.ssl.keystore.location",
            certificates.text("both.pem"),
        ),
    ];
    let settings: Vec<_> = settings
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value))
        .collect();
    broker.create(&settings)?;
    broker.start()?;
    Ok(broker)
}

/// The worker's Kafka settings, as people have them for Java's clients.
fn client(broker: &Kafka, certificates: &Certificates) -> Vec<(String, String)> {
    let jaas = "org.apache.kafka.common.security.plain.PlainLoginModule required \
                username=\"guarded\" password=\"of the client\";";
    [
        ("bootstrap.servers", broker.link_bootstrap()),
        ("security.protocol", "SASL_SSL".to_owned()),
        ("sasl.mechanism", "PLAIN".into()),
        ("sasl.jaas.config", jaas.into()),
        ("ssl.truststore.type", "PEM".into()),
        ("ssl.truststore.location", certificates.text("ca.pem")),
    ]
    .map(|(key, value)| (key.to_owned(), value))
    .into()
}

/// The whole way with everything encrypted and authenticated; with another authority's certificate,
/// or for another name, nothing is said to the server.
#[test]
fn everything_is_encrypted() -> Result<()> {
    let lab = Lab::shared()?;
    let _peace = lab.peace();
    let parts = Parts::ensure(&|line| println!("{line}"))?;
    let certificates = Certificates::make(lab.dir().join("certificates"))?;
    let others = Certificates::make(lab.dir().join("other-certificates"))?;
    let postgres = postgres(lab, &parts, &certificates)?;
    let kafka = kafka(lab, &parts, &certificates)?;
    for database in ["primary", "standby"] {
        postgres.create_database(database)?;
    }
    let primary = Sql::connect(&postgres.url("primary"))?;
    primary.run("create table t (id int primary key); insert into t values (1)")?;
    let mut plan = Plan::new("encrypted", Shape::OneSite);
    plan.source = json!({
        "database.port": postgres.port().to_string(),
        "database.user": "guarded",
        "database.password": "of the role",
        "database.dbname": "primary",
        "database.sslmode": "verify-full",
        "database.sslrootcert": certificates.text("ca.pem"),
    });
    plan.sink = json!({
        "connection.port": postgres.port().to_string(),
        "connection.username": "guarded",
        "connection.password": "of the role",
        "connection.dbname": "standby",
        "connection.sslmode": "verify-full",
        "connection.sslrootcert": certificates.text("ca.pem"),
    });
    plan.worker = client(&kafka, &certificates);
    let mut chain = Chain::prepare(lab, plan)?;
    chain.start()?;
    let standby = Sql::connect(&postgres.url("standby"))?;
    let arrives = |row: i64| {
        wait_for("the row", PATIENCE, || {
            chain.check_alive()?;
            let there =
                "select count(*) from pg_tables where tablename = 't' and schemaname = 'public'";
            ensure!(standby.number(there)? == 1, "there is no table yet");
            let found = standby.number(&format!("select count(*) from t where id = {row}"))?;
            Ok((found == 1).then_some(()))
        })
        .with_context(|| chain.describe())
    };
    arrives(1)?;
    primary.run("insert into t values (2)")?;
    arrives(2)?;
    let sessions = |encrypted: bool| {
        primary.number(&format!(
            "select count(*) from pg_stat_ssl join pg_stat_activity using (pid) \
             where usename = 'guarded' and ssl = {encrypted}"
        ))
    };
    ensure!(sessions(true)? >= 2 && sessions(false)? == 0);

    // A certificate that somebody else has signed, and one that is for another name.
    let sound = chain.config(Part::Source);
    for (key, value, word) in [
        ("database.sslrootcert", others.text("ca.pem"), "certificate"),
        ("database.hostname", "localhost".to_owned(), "localhost"),
    ] {
        let mut config = sound.clone();
        config[key] = json!(value);
        chain.put(Part::Source, &config)?;
        wait_for(&format!("the error about {word}"), PATIENCE, || {
            let status = chain.status(Part::Source)?.to_string();
            ensure!(
                status.contains("TlsFailed") && status.contains(word),
                "{status}"
            );
            Ok(Some(()))
        })?;
    }
    primary.run("insert into t values (3)")?;
    chain.put(Part::Source, &sound)?;
    arrives(3)?;
    drop((primary, standby));
    kafka.stop()?;
    postgres.stop()
}
