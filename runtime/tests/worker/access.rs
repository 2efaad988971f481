//! Who may use the API: passwords, tokens and roles, and what the log says of changes.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use reqwest::blocking::Client;
use reqwest::header::{AUTHORIZATION, HeaderMap};
use serde_json::{Value, json};
use tempfile::TempDir;
use walbridge::access::{hash_password, hash_token};

use crate::site::{Answer, Running, anybody, http, name, start, start_for, wait, worker_file};

const NETWORK: &str = "http://0.0.0.0:0";

/// A users file that ends with the test.
struct UsersFile {
    dir: TempDir,
}

impl UsersFile {
    fn new(lines: &[String]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let file = Self { dir };
        file.write(lines);
        file
    }

    fn write(&self, lines: &[String]) {
        std::fs::write(self.path(), lines.join("\n")).unwrap();
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("users")
    }

    fn text(&self) -> String {
        self.path().display().to_string()
    }
}

fn basic(user: &str, password: &str) -> String {
    use base64::Engine as _;
    let plain = format!("{user}:{password}");
    let encoded = base64::engine::general_purpose::STANDARD.encode(plain);
    format!("Basic {encoded}")
}

/// Returns a client that sends this with every request.
fn who(authorization: &str) -> Client {
    let mut headers = HeaderMap::new();
    headers.insert(AUTHORIZATION, authorization.parse().unwrap());
    http().default_headers(headers).build().unwrap()
}

fn get(worker: &Running, authorization: Option<&str>, path: &str) -> Answer {
    let header = authorization.map(|text| ("authorization", text));
    let headers: Vec<_> = header.into_iter().collect();
    worker
        .request_by(&anybody(), "GET", path, &headers, None)
        .unwrap()
}

fn challenges(answer: &Answer) -> Vec<&str> {
    let all = answer.headers.get_all("www-authenticate").iter();
    all.map(|value| value.to_str().unwrap()).collect()
}

#[test]
fn loopback_asks_nobody() {
    let worker = start(&name("loopback"));
    assert_eq!(worker.get("/connectors").json(), json!([]));
    let config = json!({ "connector.class": "Counter", "topic": name("loopback"), "limit": 1 });
    assert_eq!(worker.create("c", &config).status, 201);
    // What comes unasked is no hindrance.
    assert_eq!(get(&worker, Some("Basic nonsense"), "/").status, 200);
}

#[test]
fn insecure_asks_nobody_over_the_network() {
    let keys = [("listeners", NETWORK), ("rest.authentication", "insecure")];
    let worker = start_for(&name("insecure"), &keys, anybody());
    assert_eq!(worker.get("/connectors").json(), json!([]));
    assert_eq!(worker.send("DELETE", "/connectors/none", None).status, 404);
}

#[test]
fn passwords_and_tokens_let_in_and_nothing_else_does() {
    let users = UsersFile::new(&[
        format!("ann admin {}", hash_password("open: sesame").unwrap()),
        format!("bot admin {}", hash_token("a-long-token")),
    ]);
    let ann = basic("ann", "open: sesame");
    let file = users.text();
    let keys = [
        ("listeners", NETWORK),
        ("rest.authentication", "basic,bearer"),
        ("rest.users.file", &file),
    ];
    let worker = start_for(&name("users"), &keys, who(&ann));
    let open = |authorization: &str| get(&worker, Some(authorization), "/connectors").status == 200;
    assert!(open(&ann));
    assert!(open("bearer a-long-token") && open("Bearer  a-long-token "));
    for wrong in [
        basic("ann", "open: sesamf"),
        basic("ann", ""),
        basic("Ann", "open: sesame"),
        basic("nobody", "open: sesame"),
        // A token is no password, and a password no token.
        basic("bot", "a-long-token"),
        "Bearer open: sesame".into(),
        "Bearer a-long-toke".into(),
        "Bearer".into(),
        "Basic".into(),
        "Basic !!".into(),
        "Basic /w==".into(),
        ann.replace("Basic", "Digest"),
    ] {
        let refused = get(&worker, Some(&wrong), "/connectors");
        assert_eq!(refused.status, 401, "{wrong}: {refused:?}");
    }
    let refused = get(&worker, None, "/connectors");
    assert_eq!(refused.status, 401);
    assert_eq!(
        refused.message(),
        "Who is asking is not known: give credentials that rest.authentication allows."
    );
    let realms = [
        "Basic realm=\"walbridge\", charset=\"UTF-8\"",
        "Bearer realm=\"walbridge\"",
    ];
    assert_eq!(challenges(&refused), realms);
    // Not even which paths there are.
    for path in ["/", "/nowhere", "/metrics", "/openapi.json", "/connectors/"] {
        assert_eq!(get(&worker, None, path).status, 401, "{path}");
    }
    assert_eq!(get(&worker, Some(&ann), "/nowhere").status, 404);
}

#[test]
fn health_is_open_and_tells_strangers_nothing_of_connectors() {
    let users = UsersFile::new(&[format!("bot admin {}", hash_token("t"))]);
    let file = users.text();
    let keys = [
        ("rest.authentication", "bearer"),
        ("rest.users.file", file.as_str()),
    ];
    let worker = start_for(&name("health"), &keys, who("Bearer t"));
    let known = worker.get("/health").json();
    assert_eq!(known["failed"], json!([]));
    let stranger = get(&worker, None, "/health/");
    assert_eq!(stranger.status, 200);
    assert_eq!(stranger.json()["status"], "healthy");
    assert!(stranger.json().get("failed").is_none(), "{stranger:?}");
    assert_eq!(challenges(&get(&worker, None, "/")).len(), 1);
    drop(worker);
    let keys = [keys[0], keys[1], ("rest.open.paths", "/metrics")];
    let worker = start_for(&name("health"), &keys, who("Bearer t"));
    assert_eq!(get(&worker, None, "/metrics").status, 200);
    assert_eq!(get(&worker, None, "/health").status, 401);
}

#[test]
fn a_read_only_user_reads_and_changes_nothing() {
    let users = UsersFile::new(&[
        format!("boss admin {}", hash_token("boss")),
        format!("eye read-only {}", hash_token("eye")),
    ]);
    let file = users.text();
    let keys = [
        ("rest.authentication", "bearer"),
        ("rest.users.file", file.as_str()),
    ];
    let worker = start_for(&name("roles"), &keys, who("Bearer boss"));
    let config = json!({
        "connector.class": "Counter", "topic": name("roles"), "limit": 1, "secret": "hunter2",
    });
    assert_eq!(worker.create("c", &config).status, 201);
    let eye = who("Bearer eye");
    for path in [
        "/connectors?expand=info&expand=status",
        "/connectors/c/config",
        "/connectors/c/tasks",
        "/connectors/c/offsets",
        "/connector-plugins",
        "/admin/loggers",
        "/metrics",
    ] {
        let read = worker.request_by(&eye, "GET", path, &[], None).unwrap();
        assert_eq!(read.status, 200, "{path}");
        assert!(!read.text.contains("hunter2"), "{path}: {read:?}");
    }
    let shown = worker.request_by(&eye, "GET", "/connectors/c/config", &[], None);
    assert_eq!(shown.unwrap().json()["secret"], "********");
    let json = [("content-type", "application/json")];
    for (verb, path, body) in [
        ("POST", "/connectors", r#"{"name":"d","config":{}}"#),
        ("PUT", "/connectors/c/config", "{}"),
        ("PATCH", "/connectors/c/config", "{}"),
        ("PUT", "/connectors/c/pause", ""),
        ("POST", "/connectors/c/restart", ""),
        ("DELETE", "/connectors/c/offsets", ""),
        ("DELETE", "/connectors/c", ""),
        ("PUT", "/admin/loggers/x", r#"{"level":"OFF"}"#),
    ] {
        let body = Some(body).filter(|body| !body.is_empty());
        let refused = worker.request_by(&eye, verb, path, &json, body).unwrap();
        assert_eq!(refused.status, 403, "{verb} {path}");
        assert_eq!(
            refused.message(),
            "This user may only read; a change needs the role admin."
        );
    }
    worker.task("c", "RUNNING");
}

#[test]
fn a_users_file_that_changes_holds_from_the_next_request_on() {
    let old = format!("ann admin {}", hash_token("old"));
    let users = UsersFile::new(std::slice::from_ref(&old));
    let file = users.text();
    let keys = [
        ("rest.authentication", "basic,bearer"),
        ("rest.users.file", file.as_str()),
    ];
    let worker = start_for(&name("changing"), &keys, who("Bearer old"));
    let status = |authorization: &str| get(&worker, Some(authorization), "/").status;
    let ben = basic("ben", "pw");
    assert_eq!((status("Bearer old"), status(&ben)), (200, 401));
    let line = format!("ben read-only {}", hash_password("pw").unwrap());
    users.write(&[old.clone(), line]);
    assert_eq!((status("Bearer old"), status(&ben)), (200, 200));
    // Who is gone from the file is out, also if the password was known to be right.
    users.write(&[old]);
    assert_eq!((status("Bearer old"), status(&ben)), (200, 401));
    users.write(&["this is no user".into()]);
    assert_eq!(status("Bearer old"), 200);
    users.write(&[format!("ann admin {}", hash_token("new"))]);
    assert_eq!((status("Bearer old"), status("Bearer new")), (401, 200));
}

/// A worker in a process of its own, whose log is kept.
struct Process {
    child: Child,
    dir: TempDir,
}

impl Process {
    fn start(file: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("worker.toml");
        std::fs::write(&path, file).unwrap();
        let log = std::fs::File::create(dir.path().join("log")).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_walbridge"))
            .arg("worker")
            .arg(&path)
            .stderr(Stdio::from(log))
            .spawn()
            .unwrap();
        Self { child, dir }
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("log")).unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn the_log_says_who_changed_what_and_no_secret() {
    let users = UsersFile::new(&[
        format!("ann admin {}", hash_password("open sesame").unwrap()),
        format!("eye read-only {}", hash_token("a-long-token")),
    ]);
    let port = walbridge_lab::Lab::shared().unwrap().free_port().unwrap();
    let file = worker_file(&name("audit")).replace("127.0.0.1:0", &format!("127.0.0.1:{port}"));
    // Changes are logged whatever the level.
    let process = Process::start(&format!(
        "{file}log.level = \"error\"\nlog.format = \"json\"\nrest.authentication = \"basic,bearer\"\n\
         rest.users.file = \"{}\"\n",
        users.text()
    ));
    let client = anybody();
    let send = |verb: &str, path: &str, who: &str, body: &Value| {
        let url = format!("http://127.0.0.1:{port}{path}");
        let mut request = client.request(verb.parse().unwrap(), url);
        if !who.is_empty() {
            request = request.header(AUTHORIZATION, who);
        }
        let answer = request.json(body).send().ok()?;
        Some(answer.status().as_u16())
    };
    let ann = basic("ann", "open sesame");
    wait("the worker to be ready", || {
        (send("GET", "/", &ann, &Value::Null) == Some(200)).then_some(())
    });
    let mut config = json!({
        "connector.class": "Mirror", "source.cluster.alias": "a", "target.cluster.alias": "b",
        "source.cluster.bootstrap.servers": "127.0.0.1:1", "topics": "x",
        "source.schema.registry.basic.auth.user.info": "reg:hunter2",
    });
    let create = json!({ "name": "m", "config": config });
    assert_eq!(send("POST", "/connectors", &ann, &create), Some(201));
    config["topics"] = json!("y");
    config["source.schema.registry.basic.auth.user.info"] = json!("reg:hunter3");
    let path = "/connectors/m/config";
    assert_eq!(send("PUT", path, &ann, &config), Some(200));
    let token = "Bearer a-long-token";
    assert_eq!(
        send("DELETE", "/connectors/m", token, &Value::Null),
        Some(403)
    );
    assert_eq!(
        send("PUT", "/connectors/m/pause", "", &Value::Null),
        Some(401)
    );
    assert_eq!(
        send("GET", "/connectors", "Bearer guess", &Value::Null),
        Some(401)
    );
    assert_eq!(send("GET", "/connectors", token, &Value::Null), Some(200));
    assert_eq!(
        send("DELETE", "/connectors/m", &ann, &Value::Null),
        Some(204)
    );

    let log = process.log();
    let lines: Vec<Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .filter(|line: &Value| line["target"] == "walbridge::audit")
        .collect();
    let told: Vec<_> = lines
        .iter()
        .map(|line| {
            let text = |key: &str| line[key].as_str().unwrap().to_owned();
            assert!(text("peer").starts_with("127.0.0.1:"), "{line}");
            let status = line["status"].as_u64().unwrap();
            (
                text("user"),
                text("method"),
                text("path"),
                status,
                text("changed"),
            )
        })
        .collect();
    let told: Vec<_> = told
        .iter()
        .map(|(a, b, c, d, e)| (a.as_str(), b.as_str(), c.as_str(), *d, e.as_str()))
        .collect();
    // Attempts before the worker was ready are none: reading is not logged.
    assert_eq!(
        told,
        [
            ("ann", "POST", "/connectors", 201, "created m"),
            (
                "ann",
                "PUT",
                path,
                200,
                "source.schema.registry.basic.auth.user.info, topics of m"
            ),
            ("eye", "DELETE", "/connectors/m", 403, ""),
            ("unknown", "PUT", "/connectors/m/pause", 401, ""),
            ("unknown", "GET", "/connectors", 401, ""),
            ("ann", "DELETE", "/connectors/m", 204, ""),
        ]
    );
    for secret in [
        "hunter",
        "sesame",
        "a-long-token",
        "guess",
        "Basic",
        "Bearer",
    ] {
        assert!(!log.contains(secret), "{secret}: {log}");
    }
}

fn password(arguments: &[&str], input: &str) -> (Option<i32>, String, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_walbridge"))
        .arg("password")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // A command that asks for nothing may have gone.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (
        output.status.code(),
        text(output.stdout),
        text(output.stderr),
    )
}

#[test]
fn the_password_command_writes_lines_that_let_in() {
    let (code, line, _) = password(&["ann", "--role", "admin"], "open sesame\n");
    assert_eq!(code, Some(0));
    let (code, bot, token) = password(&["bot", "--token"], "");
    assert_eq!(code, Some(0));
    let (code, certificate, _) = password(&["John Doe", "--certificate"], "");
    assert_eq!(code, Some(0));
    assert_eq!(certificate, "John Doe read-only certificate\n");
    for (arguments, input, code) in [(["a:b"], "x\n", 1), (["#a"], "x\n", 1), (["a"], "\n", 2)] {
        let (found, line, why) = password(&arguments, input);
        assert_eq!((found, line.as_str()), (Some(code), ""), "{arguments:?}");
        assert!(why.starts_with("walbridge: "), "{why}");
    }
    let users = UsersFile::new(&[line.clone(), bot.clone(), certificate]);
    assert!(!line.contains("sesame") && !bot.contains(token.trim()));
    let file = users.text();
    let keys = [
        ("rest.authentication", "basic,bearer"),
        ("rest.users.file", file.as_str()),
    ];
    let worker = start_for(&name("password"), &keys, who(&basic("ann", "open sesame")));
    assert_eq!(worker.send("DELETE", "/connectors/x", None).status, 404);
    let bot = format!("Bearer {}", token.trim());
    assert_eq!(get(&worker, Some(&bot), "/connectors").status, 200);
    let delete = worker.request_by(&who(&bot), "DELETE", "/connectors/x", &[], None);
    assert_eq!(delete.unwrap().status, 403);
}
