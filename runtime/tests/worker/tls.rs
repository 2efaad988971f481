//! TLS listeners: real handshakes, client certificates, and what is no handshake at all.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::json;
use tempfile::TempDir;
use walbridge::access::hash_token;
use walbridge::catalog::Catalog;
use walbridge::secrets::Resolver;
use walbridge::{Worker, WorkerError};

use crate::certificates::Authority;
use crate::site::{SOON, config_with, name, start_for};

const LISTENER: &str = "https://0.0.0.0:0";

/// The files of a TLS listener.
struct Files {
    dir: TempDir,
    authority: Authority,
}

impl Files {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let authority = Authority::new("authority");
        authority.write(dir.path());
        std::fs::write(dir.path().join("both.pem"), authority.issue("server")).unwrap();
        Self { dir, authority }
    }

    fn path(&self, file: &str) -> String {
        self.dir.path().join(file).display().to_string()
    }

    /// Returns the keys of a worker with such a listener, and these.
    fn keys(&self, more: &[(&str, &str)]) -> Vec<(String, String)> {
        let pem = "PEM";
        let (both, ca) = (self.path("both.pem"), self.path("ca.pem"));
        [
            ("listeners", LISTENER),
            ("listeners.https.ssl.keystore.type", pem),
            ("listeners.https.ssl.keystore.location", &both),
            ("listeners.https.ssl.truststore.type", pem),
            ("listeners.https.ssl.truststore.location", &ca),
        ]
        .iter()
        .chain(more)
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
    }
}

fn borrowed(keys: &[(String, String)]) -> Vec<(&str, &str)> {
    keys.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect()
}

#[test]
fn a_tls_listener_serves_who_trusts_it_and_survives_who_speaks_something_else() {
    let files = Files::new();
    let keys = files.keys(&[("rest.authentication", "insecure")]);
    let client = files.authority.client();
    let worker = start_for(&name("tls"), &borrowed(&keys), client.clone());
    let config = json!({ "connector.class": "Counter", "topic": name("tls"), "limit": 1 });
    let created = worker.create("c", &config);
    let location = created.headers["location"].to_str().unwrap();
    assert_eq!(
        location,
        format!("https://{}/connectors/c", worker.address())
    );
    // Who does not trust its authority does not talk to it.
    let stranger = Authority::new("stranger").client();
    let refused = worker.request_by(&stranger, "GET", "/", &[], None);
    assert!(refused.unwrap_err().is_connect());
    // Connections that never begin a handshake hold nobody up.
    let idle: Vec<_> = (0..3)
        .map(|_| TcpStream::connect(worker.address()).unwrap())
        .collect();
    for nonsense in [
        &b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"[..],
        b"\x16\x03\x01",
        b"\0\0\0\0\0\0\0\0",
    ] {
        let mut plain = TcpStream::connect(worker.address()).unwrap();
        plain.set_read_timeout(Some(SOON)).unwrap();
        plain.write_all(nonsense).unwrap();
        plain.shutdown(std::net::Shutdown::Write).unwrap();
        let mut answer = Vec::new();
        let _ = plain.read_to_end(&mut answer);
        assert!(!answer.starts_with(b"HTTP/"), "{answer:?}");
        assert!(answer.len() < 64, "{answer:?}");
    }
    assert_eq!(worker.get("/connectors").json(), json!(["c"]));
    drop(idle);
    assert!(worker.stop() < Duration::from_secs(10));
}

#[test]
fn a_client_certificate_lets_in_and_another_does_not() {
    let files = Files::new();
    let keys = files.keys(&[("rest.authentication", "mtls")]);
    let ops = files.authority.client_with(&files.authority.issue("ops"));
    let worker = start_for(&name("mtls"), &borrowed(&keys), ops);
    // Without a users file whoever has a certificate may do everything.
    assert_eq!(worker.send("DELETE", "/connectors/none", None).status, 404);
    let none = files.authority.client();
    let other = Authority::new("other").issue("ops");
    for client in [none, files.authority.client_with(&other)] {
        // The handshake itself fails: not even what is open can be asked for.
        let refused = worker.request_by(&client, "GET", "/health", &[], None);
        assert!(refused.is_err(), "{refused:?}");
    }
}

#[test]
fn certificates_have_roles_and_live_beside_tokens() {
    let files = Files::new();
    let users = files.path("users");
    let lines = format!(
        "ops admin certificate\neye read-only certificate\nbot admin {}\n",
        hash_token("t")
    );
    std::fs::write(&users, lines).unwrap();
    let keys = files.keys(&[
        ("rest.authentication", "mtls,bearer"),
        ("rest.users.file", &users),
    ]);
    let client = |name: &str| files.authority.client_with(&files.authority.issue(name));
    let worker = start_for(&name("roles"), &borrowed(&keys), client("ops"));
    let (eye, nobody, none) = (client("eye"), client("bot"), files.authority.client());
    let token = [("authorization", "Bearer t")];
    let status = |client, verb, headers: &[(&str, &str)]| {
        let path = "/connectors/none";
        let answer = worker.request_by(client, verb, path, headers, None);
        answer.unwrap().status
    };
    assert_eq!(worker.send("DELETE", "/connectors/none", None).status, 404);
    assert_eq!(
        (status(&eye, "GET", &[]), status(&eye, "DELETE", &[])),
        (404, 403)
    );
    // A name that has a token and no certificate is not let in by one.
    assert_eq!(
        (status(&nobody, "GET", &[]), status(&none, "GET", &[])),
        (401, 401)
    );
    assert_eq!(
        (
            status(&none, "DELETE", &token),
            status(&eye, "DELETE", &token)
        ),
        (404, 404)
    );
    let refused = worker.request_by(&none, "GET", "/", &[], None).unwrap();
    assert_eq!(
        refused.headers["www-authenticate"],
        "Bearer realm=\"walbridge\""
    );
}

#[test]
fn files_that_cannot_be_used_stop_the_start_and_show_no_key() {
    let files = Files::new();
    let write = |file: &str, text: &str| std::fs::write(files.path(file), text).unwrap();
    let good = std::fs::read_to_string(files.path("both.pem")).unwrap();
    let other = files.authority.issue("other");
    let certificate = |pem: &str| pem[pem.find("-----BEGIN CERT").unwrap()..].to_owned();
    let key = |pem: &str| pem[..pem.find("-----BEGIN CERT").unwrap()].to_owned();
    let encrypted = key(&good).replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
    for (text, words) in [
        (String::new(), "no certificate in PEM form"),
        (certificate(&good), "no private key in PEM form"),
        (key(&good), "no certificate in PEM form"),
        (
            encrypted + &certificate(&good),
            "the private key is encrypted",
        ),
        (
            key(&good) + &certificate(&other),
            "key and certificate do not fit",
        ),
    ] {
        write("both.pem", &text);
        let keys = files.keys(&[("rest.authentication", "insecure")]);
        let config = config_with(&name("files"), &borrowed(&keys));
        let refused = Worker::start(config, Catalog::built_in(), Resolver::new()).unwrap_err();
        assert!(matches!(refused, WorkerError::Access(_)), "{refused:?}");
        let message = refused.to_string();
        assert!(message.contains(words), "{message}");
        assert!(message.contains(&files.path("both.pem")), "{message}");
        let inside = key(&good);
        let inside = inside.lines().nth(1).unwrap();
        assert!(!message.contains(inside), "{message}");
    }
    write("both.pem", &good);
    write("users", "ann boss certificate\n");
    let users = files.path("users");
    let keys = files.keys(&[("rest.authentication", "mtls"), ("rest.users.file", &users)]);
    let config = config_with(&name("files"), &borrowed(&keys));
    let refused = Worker::start(config, Catalog::built_in(), Resolver::new()).unwrap_err();
    assert_eq!(
        refused.to_string(),
        format!("rest.users.file {users}, line 1: the role is neither read-only nor admin")
    );
}
