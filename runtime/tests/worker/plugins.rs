//! Connectors out of libraries, which are built as somebody would who has only the documentation.

mod build;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use walbridge_lab::{Lab, RunningWorker};

use crate::records::{Whole, all, create, write};
use crate::site::{http, kafka, name, read, wait};
use build::{Package, blocks, compile, page, repository};

const RUNNING: Duration = Duration::from_secs(60);

/// A worker in a process of its own with libraries of its own.
struct Site {
    dir: tempfile::TempDir,
    group: String,
    url: String,
    http: reqwest::blocking::Client,
}

impl Site {
    fn new(what: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let port = Lab::shared().unwrap().free_port().unwrap();
        std::fs::create_dir(dir.path().join("plugins")).unwrap();
        let site = Self {
            dir,
            group: name(what),
            url: format!("http://127.0.0.1:{port}"),
            http: http().build().unwrap(),
        };
        let group = &site.group;
        let text = format!(
            "group.id = \"{group}\"\nbootstrap.servers = \"{}\"\nlisteners = \"{}\"\n\
             config.storage.topic = \"{group}-configs\"\noffset.storage.topic = \"{group}-offsets\"\n\
             status.storage.topic = \"{group}-status\"\noffset.storage.partitions = 3\n\
             config.storage.replication.factor = 1\noffset.storage.replication.factor = 1\n\
             status.storage.replication.factor = 1\noffset.flush.interval.ms = 300\n\
             key.converter = \"StringConverter\"\n\"value.converter\" = \"JsonConverter\"\n\
             \"value.converter.schemas.enable\" = \"false\"\nplugin.path = [\"{}\"]\n",
            kafka(),
            site.url,
            site.path("plugins").display(),
        );
        std::fs::write(site.path("worker.toml"), text).unwrap();
        site
    }

    fn path(&self, file: &str) -> PathBuf {
        self.dir.path().join(file)
    }

    fn library(&self) -> PathBuf {
        self.path("plugins").join("libwalbridge_example.so")
    }

    fn start(&self) -> RunningWorker {
        let worker = Lab::shared()
            .unwrap()
            .worker(&self.group, &self.path("worker.toml"));
        let binary = Path::new(env!("CARGO_BIN_EXE_walbridge"));
        worker.binary(binary).url(&self.url).start().unwrap()
    }

    /// Sends a request; returns status and body.
    fn send(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let method = method.parse().unwrap();
        let url = format!("{}{path}", self.url);
        let mut request = self.http.request(method, url);
        if !body.is_null() {
            request = request
                .header("content-type", "application/json")
                .body(body.to_string());
        }
        let answer = request.send().unwrap();
        let status = answer.status().as_u16();
        let text = answer.text().unwrap();
        (status, serde_json::from_str(&text).unwrap_or(Value::Null))
    }

    /// Returns what the list of plugins says of a class.
    fn plugin(&self, worker: &RunningWorker, class: &str) -> Value {
        let all = worker.get("/connector-plugins").unwrap();
        let found = |plugin: &&Value| plugin["class"] == class;
        all.as_array().unwrap().iter().find(found).unwrap().clone()
    }

    /// Waits until task 0 is in this state.
    fn task(&self, worker: &RunningWorker, connector: &str, state: &str) -> Value {
        let status = worker.wait_state(connector, state, RUNNING);
        let status = status.unwrap_or_else(|error| panic!("{error:#}\n{}", worker.log_tail(30)));
        status["tasks"][0].clone()
    }
}

const ORDERS: &str = "io.walbridge.example.OrdersSourceConnector";

fn orders(topic: &str, limit: &str) -> Value {
    json!({
        "connector.class": "OrdersSource", "topic": topic, "limit": limit, "interval.ms": "20",
    })
}

/// Returns a table's rows: key, and how many records there were of it.
fn counts(file: &Path) -> BTreeMap<String, u64> {
    let text = std::fs::read_to_string(file).unwrap_or_else(|_| "{}".into());
    let all: Value = serde_json::from_str(&text).unwrap();
    let rows = all["rows"].as_object().cloned().unwrap_or_default();
    let count = |row: Value| row["records"].as_u64().unwrap();
    rows.into_iter()
        .map(|(key, row)| (key, count(row)))
        .collect()
}

fn total(file: &Path) -> u64 {
    counts(file).values().sum()
}

#[test]
fn the_page_shows_the_example_as_it_is_and_a_reader_can_build_it() {
    let page = page();
    let sources = [
        "src/orders.rs",
        "src/latest.rs",
        "src/lib.rs",
        "tests/testkit.rs",
    ]
    .map(|file| {
        let path = repository("connectors/example").join(file);
        std::fs::read_to_string(path).unwrap()
    });
    let shown = blocks(&page, "rust");
    assert!(shown.len() >= 6, "{} blocks", shown.len());
    for block in shown {
        // Comments of the page's own stand for what is left out.
        for part in block.split("// …\n") {
            let part = part.trim_end();
            assert!(
                sources.iter().any(|source| source.contains(part)),
                "the example has no such lines:\n{part}"
            );
        }
    }
    for (file, source) in ["orders", "latest"].iter().zip(&sources) {
        let lines = source.lines().count();
        assert!(lines < 150, "{file} has {lines} lines");
    }
    let said = Package::example("0.1.0", |_, text| text).cargo("test");
    assert!(said.contains("6 passed"), "{said}");
}

#[test]
fn a_library_is_loaded_runs_panics_and_is_replaced() {
    let site = Site::new("library");
    let (topic, table) = (name("orders"), site.path("table.json"));
    create(&topic, 2, &[]);
    Package::example("0.1.0", |_, text| text).library(&site.library());
    let worker = site.start();
    assert_eq!(
        site.plugin(&worker, ORDERS),
        json!({
            "class": ORDERS, "type": "source", "version": "0.1.0",
            "location": site.library().display().to_string(),
        })
    );
    // Checks are the library's own.
    let mut wrong = orders("no name", "-1");
    wrong["name"] = json!("w");
    let path = "/connector-plugins/OrdersSource/config/validate";
    let (status, found) = site.send("PUT", path, &wrong);
    let text = found.to_string();
    assert_eq!((status, &found["error_count"]), (200, &json!(2)), "{text}");
    assert!(
        text.contains("no topic's name") && text.contains("Value must be at least 0"),
        "{text}"
    );

    let dead = name("dead");
    let sink = json!({
        "connector.class": "LatestSink", "file": table.display().to_string(), "topics": topic,
        "errors.tolerance": "all", "errors.deadletterqueue.topic.name": dead,
        "errors.deadletterqueue.topic.replication.factor": "1",
        "errors.deadletterqueue.context.headers.enable": "true",
    });
    let (file, lines) = (site.path("in.txt"), name("lines"));
    std::fs::write(&file, "one\n").unwrap();
    let other = json!({
        "connector.class": "FileStreamSource", "file": file.display().to_string(), "topic": lines,
    });
    worker
        .put_connector("orders", &orders(&topic, "0"))
        .unwrap();
    worker.put_connector("latest", &sink).unwrap();
    worker.put_connector("other", &other).unwrap();
    wait("orders in the table", || (total(&table) > 50).then_some(()));
    // A library's lines are in the worker's log, with the task that they are of.
    let log = worker.log();
    let line = log
        .lines()
        .find(|line| line.contains("making orders next=0"));
    let line = line.unwrap_or_else(|| panic!("{log}"));
    assert!(
        line.contains("orders") && line.contains("walbridge_example::orders"),
        "{line}"
    );

    // A release with a defect comes in the place of it. Who runs goes on with the old one.
    let defect = site.path("defect");
    let spoil = |file: &str, text: String| {
        let begin = "        // A poll may wait, and no longer than it is told.\n";
        let check = format!(
            "        assert!(!std::path::Path::new({:?}).exists(), \"a defect of 0.2.0\");\n",
            defect.display().to_string()
        );
        if file != "src/orders.rs" {
            return text;
        }
        assert!(text.contains(begin));
        text.replace(begin, &check)
    };
    Package::example("0.2.0", spoil).library(&site.library());
    assert_eq!(site.plugin(&worker, ORDERS)["version"], "0.1.0");
    worker.kill().unwrap();
    worker.start().unwrap();
    assert_eq!(site.plugin(&worker, ORDERS)["version"], "0.2.0");
    let before = total(&table);
    wait("more orders", || {
        (total(&table) > before + 50).then_some(())
    });

    std::fs::write(&defect, "").unwrap();
    let task = site.task(&worker, "orders", "FAILED");
    let trace = task["trace"].as_str().unwrap();
    assert!(
        trace.starts_with("Panic: a defect of 0.2.0 at src/orders.rs:")
            && trace.contains("libwalbridge_example.so (walbridge-example 0.2.0)"),
        "{trace}"
    );
    // Worker, the library's other tasks and those of others live on.
    site.task(&worker, "latest", "RUNNING");
    std::fs::write(&file, "one\ntwo\n").unwrap();
    let found = read(&lines, 1, |found| found.len() >= 2);
    assert_eq!(found[1].1.as_deref(), Some("\"two\""));
    std::fs::remove_file(&defect).unwrap();
    let (status, _) = site.send("POST", "/connectors/orders/tasks/0/restart", &Value::Null);
    assert_eq!(status, 204);
    site.task(&worker, "orders", "RUNNING");
    let before = total(&table);
    wait("more orders", || {
        (total(&table) > before + 50).then_some(())
    });

    // The next release, and an end to the orders.
    Package::example("0.3.0", |_, text| text).library(&site.library());
    worker.kill().unwrap();
    worker.start().unwrap();
    assert_eq!(site.plugin(&worker, ORDERS)["version"], "0.3.0");
    let offsets = site
        .send("GET", "/connectors/orders/offsets", &Value::Null)
        .1;
    let next = offsets["offsets"][0]["offset"]["next"].as_u64().unwrap();
    // It goes on while it is told: 500 orders a second.
    let limit = next + 2500;
    worker
        .put_connector("orders", &orders(&topic, &limit.to_string()))
        .unwrap();
    wait("all orders", || (total(&table) == limit).then_some(()));

    // Into Kafka once each, whatever was killed, and out of it too.
    let mut ids: Vec<u64> = read(&topic, 2, |found| found.len() as u64 >= limit)
        .into_iter()
        .map(|(_, value)| {
            let order: Value = serde_json::from_str(&value.unwrap()).unwrap();
            order["id"].as_u64().unwrap()
        })
        .collect();
    ids.sort_unstable();
    assert_eq!(ids, (0..limit).collect::<Vec<_>>());
    let wanted = |customer: u64| (0..limit).filter(|id| id % 7 == customer).count() as u64;
    let wanted = (0..7)
        .map(|n| (format!("customer-{n}"), wanted(n)))
        .collect();
    assert_eq!(counts(&table), wanted);

    // A record that the library's sink refuses becomes a dead letter.
    let mut nobody = Whole::new(1, 0, b"{\"id\": -1}");
    nobody.key = None;
    write(&topic, &[nobody.clone()]);
    let letters = all(&dead, 1, 1);
    assert_eq!(letters[0].value, nobody.value);
    let class = letters[0]
        .header("__connect.errors.exception.message")
        .unwrap();
    assert!(class.contains("a record without a key"), "{class}");
    assert_eq!(total(&table), limit);

    // Offsets are the library's to check.
    let offsets = site
        .send("GET", "/connectors/orders/offsets", &Value::Null)
        .1;
    assert_eq!(offsets["offsets"][0]["offset"], json!({ "next": limit }));
    assert_eq!(
        site.send("PUT", "/connectors/orders/stop", &Value::Null).0,
        204
    );
    wait("the stop", || {
        let status = worker.get("/connectors/orders/status").unwrap();
        (status["connector"]["state"] == "STOPPED").then_some(())
    });
    let place = |offset: Value| json!({ "offsets": [{ "partition": { "generator": "orders" }, "offset": offset }] });
    let path = "/connectors/orders/offsets";
    let (status, refused) = site.send("PATCH", path, &place(json!({ "next": "x" })));
    let text = refused.to_string();
    assert!(
        status == 400 && text.contains("an offset is {"),
        "{status} {text}"
    );
    assert_eq!(
        site.send("PATCH", path, &place(json!({ "next": 0 }))).0,
        200
    );
    worker.stop().unwrap();
}

#[test]
fn a_source_and_a_sink_of_bytes_work_through_a_library() {
    const LIMIT: usize = 3000;
    let site = Site::new("bytes");
    let (topic, file) = (name("numbers"), site.path("numbers.txt"));
    let source = include_str!("plugins/sources/bytes.rs").to_owned();
    Package::new("1.0.0", &[("src/lib.rs", source)]).library(&site.library());
    let worker = site.start();
    let numbers = json!({
        "connector.class": "NumbersSource", "topic": topic, "limit": LIMIT.to_string(),
    });
    let keeping = json!({
        "connector.class": "KeepingSink", "topics": topic, "file": file.display().to_string(),
    });
    let pairs_topic = name("pairs");
    let pairs = json!({
        "connector.class": "PairsSource", "topic": pairs_topic, "limit": "42",
        "exactly.once.support": "required", "transaction.boundary": "connector",
        "topic.creation.default.partitions": "1", "topic.creation.default.replication.factor": "1",
    });
    worker.put_connector("pairs", &pairs).unwrap();
    worker.put_connector("numbers", &numbers).unwrap();
    worker.put_connector("keeping", &keeping).unwrap();
    let lines = || std::fs::read_to_string(&file).unwrap_or_default();
    wait("some numbers", || {
        (lines().lines().count() > 10).then_some(())
    });
    worker.kill().unwrap();
    worker.start().unwrap();
    wait("all numbers", || {
        (lines().lines().count() >= LIMIT).then_some(())
    });
    let found = lines();
    let found: Vec<_> = found
        .lines()
        .map(|line| line.split_once(' ').unwrap().1)
        .collect();
    let wanted: Vec<_> = (0..LIMIT).map(|n| format!("{n} h=Some([1, 2])")).collect();
    assert_eq!(found, wanted);
    // A source that says where its transactions end: what it aborted is not seen, nor read again.
    let kept: Vec<_> = (0..42)
        .filter(|n| n % 6 < 4)
        .map(|n| n.to_string())
        .collect();
    let seen = read(&pairs_topic, 1, |found| found.len() >= kept.len());
    let seen: Vec<_> = seen.into_iter().filter_map(|(_, value)| value).collect();
    assert_eq!(seen, kept);
    wait("the last offset", || {
        let offsets = worker.get("/connectors/pairs/offsets").unwrap();
        (offsets["offsets"][0]["offset"]["next"] == 42).then_some(())
    });
    // What the tasks say of themselves is in their status.
    let details = wait("what the source says", || {
        let task = worker.get("/connectors/numbers/tasks/0/status").unwrap();
        let details = task["details"].clone();
        (details["phase"] == "all counted").then_some(details)
    });
    assert_eq!(details["sequence"], LIMIT, "{details}");
    let task = site.task(&worker, "keeping", "RUNNING");
    assert!(task["details"]["pauses"].is_string(), "{task}");
    worker.stop().unwrap();
}

/// Runs `walbridge` and returns its exit code and what it said.
fn walbridge(args: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_walbridge"))
        .args(args)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    (
        output.status.code(),
        said + &String::from_utf8_lossy(&output.stderr),
    )
}

#[test]
fn libraries_that_do_not_fit_are_refused_all_at_once() {
    let site = Site::new("refused");
    let at = |file: &str| site.path("plugins").join(file);
    let descriptor = include_str!("plugins/sources/refused.rs");
    let refused = |abi: &str, sizes: &str, file: &str| {
        let source = descriptor.replace("abi: ABI", &format!("abi: {abi}"));
        compile(&source.replace("SIZES", sizes), &at(file));
    };
    let sizes = {
        let header = walbridge_plugin::abi::Header::new("", "");
        (header.descriptor_size, header.host_size, header.buffer_size)
    };
    let (descriptor_size, host_size, buffer_size) = sizes;
    let right = format!("[{descriptor_size}, {host_size}, {buffer_size}]");
    refused("7", &right, "a-abi.so");
    refused(
        "1",
        &format!("[{descriptor_size}, 8, {buffer_size}]"),
        "b-host.so",
    );
    refused(
        "1",
        &format!("[1, {host_size}, {buffer_size}]"),
        "c-size.so",
    );
    compile("", &at("d-nothing.so"));
    compile(
        "#[unsafe(no_mangle)] pub static WALBRIDGE_PLUGIN: [u64; 64] = [7; 64];",
        &at("e-magic.so"),
    );
    std::fs::write(at("f-text.so"), "no library at all").unwrap();
    let panics = include_str!("plugins/sources/panics.rs").to_owned();
    Package::new("1.0.0", &[("src/lib.rs", panics)]).library(&at("g-panics.so"));
    let taken = include_str!("plugins/sources/taken.rs").to_owned();
    Package::new("1.0.0", &[("src/lib.rs", taken)]).library(&at("h-taken.so"));
    let java = site.path("java");
    std::fs::create_dir(&java).unwrap();
    std::fs::write(java.join("debezium.jar"), "").unwrap();
    let file = site.path("worker.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let (plugins, none) = (site.path("plugins"), site.path("none"));
    let one = format!("[\"{}\"]", plugins.display());
    let more = format!(
        "[\"{}\", \"{}\", \"{}\"]",
        plugins.display(),
        java.display(),
        none.display()
    );
    std::fs::write(&file, text.replace(&one, &more)).unwrap();

    let words = [
        (
            at("a-abi.so"),
            "it has plugin ABI 7 (walbridge-plugin 9.9.9), and this worker wants ABI 1 \
             (walbridge-plugin 0.1.0): build it against that",
        ),
        (at("b-host.so"), "its host table has 8 bytes"),
        (at("c-size.so"), "its descriptor has 1 bytes"),
        (
            at("d-nothing.so"),
            "it is no walbridge plugin: it does not export WALBRIDGE_PLUGIN",
        ),
        (
            at("e-magic.so"),
            "WALBRIDGE_PLUGIN is not the descriptor of a walbridge plugin",
        ),
        (
            at("f-text.so"),
            "it cannot be loaded as a shared library of this machine: ",
        ),
        (
            at("g-panics.so"),
            "it panicked when it was asked what it is: no version today at src/lib.rs:",
        ),
        (
            at("h-taken.so"),
            "its org.example.FileStreamSinkConnector goes by FileStreamSinkConnector, which \
             org.apache.kafka.connect.file.FileStreamSinkConnector has (built-in)",
        ),
        (
            java,
            "there are Java's archives (.jar) in it and no libraries",
        ),
        (none, "No such file or directory"),
    ];
    let shown = file.display().to_string();
    let (code, started) = walbridge(&["worker", &shown]);
    assert_eq!(code, Some(1), "{started}");
    assert!(started.contains("10 mistakes"), "{started}");
    // A worker's file that has other mistakes too does not hide these.
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, format!("{text}\ntask.stuck.after.ms = \"dog\"\n")).unwrap();
    let (code, checked) = walbridge(&["check", &shown]);
    assert_eq!(code, Some(1), "{checked}");
    assert!(checked.contains("task.stuck.after.ms"), "{checked}");
    for (path, words) in words {
        let line = format!("plugin.path: {}: {words}", path.display());
        for said in [&started, &checked] {
            assert!(said.contains(&line), "{line}\nis not in\n{said}");
        }
    }
}

#[test]
fn check_knows_the_connectors_of_a_workers_libraries() {
    let site = Site::new("check");
    Package::example("0.1.0", |_, text| text).library(&site.library());
    let connectors = site.path("connectors");
    std::fs::create_dir(&connectors).unwrap();
    std::fs::write(
        connectors.join("orders.json"),
        orders("orders", "5").to_string(),
    )
    .unwrap();
    let (worker, folder) = (
        site.path("worker.toml").display().to_string(),
        connectors.display().to_string(),
    );
    let (code, said) = walbridge(&["check", &worker, &folder]);
    assert_eq!(code, Some(0), "{said}");
    let wrong = orders("no name", "5").to_string();
    std::fs::write(connectors.join("orders.json"), wrong).unwrap();
    let (code, said) = walbridge(&["check", &worker, &folder]);
    assert!(
        code == Some(1) && said.contains("no topic's name"),
        "{said}"
    );
    // Without the worker nobody knows what this is.
    let (code, said) = walbridge(&["check", &folder]);
    assert!(
        code == Some(1) && said.contains("Failed to find any class"),
        "{said}"
    );
}
