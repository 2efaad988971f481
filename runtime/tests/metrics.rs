//! The page about metrics says what there is.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use walbridge::metrics::{self, Kind};

#[test]
fn names_are_openmetrics_and_stand_once() {
    let mut names = BTreeSet::new();
    for metric in metrics::all().into_iter().flat_map(|(_, all)| all) {
        let name = metric.name;
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        assert!(
            name.starts_with(|c: char| c.is_ascii_lowercase()) && name.chars().all(fits),
            "{name}"
        );
        assert!(names.insert(name), "{name} stands twice");
        // Suffixes that OpenMetrics gives to samples of other kinds.
        for end in ["_total", "_created", "_bucket", "_sum", "_info"] {
            assert!(!name.ends_with(end), "{name}");
        }
        let last = metric.labels.last();
        assert!(
            metric.kind != Kind::Text || last.is_some_and(|l| name.ends_with(l)),
            "{name}"
        );
    }
}

#[test]
fn the_page_lists_all_metrics() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/metrics.md");
    let text = std::fs::read_to_string(&file).unwrap();
    let (before, rest) = text.split_once("<!-- metrics -->\n").unwrap();
    let (now, after) = rest.split_once("<!-- /metrics -->").unwrap();
    let wanted = tables();
    if std::env::var_os("WALBRIDGE_TEST_UPDATE").is_some() {
        let whole = format!("{before}<!-- metrics -->\n{wanted}<!-- /metrics -->{after}");
        std::fs::write(&file, whole).unwrap();
        return;
    }
    assert!(
        now == wanted,
        "docs/metrics.md does not list what there is; run \
         WALBRIDGE_TEST_UPDATE=1 cargo test -p walbridge --features walbridge/failpoints --test metrics"
    );
}

fn tables() -> String {
    let mut out = String::new();
    for (title, metrics) in metrics::all() {
        let _ = write!(
            out,
            "\n### {title}\n\n| Series | Kind | Labels | Meaning |\n|---|---|---|---|\n"
        );
        for metric in metrics {
            let kind = match metric.kind {
                Kind::Counter => "counter",
                Kind::Gauge => "gauge",
                Kind::Text => "text",
            };
            let labels: Vec<_> = metric.labels.iter().map(|l| format!("`{l}`")).collect();
            let (series, labels) = (metric.series(), labels.join(", "));
            let _ = writeln!(out, "| `{series}` | {kind} | {labels} | {} |", metric.help);
        }
    }
    out.push('\n');
    out
}
