//! Every path of the REST API, asked of Kafka Connect and of walbridge, answer by answer.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use sha2::{Digest, Sha256};
use walbridge_lab::{Connect, Lab};

use crate::compare::{Difference, Reason, compare, explain};
use crate::script::{self, Step};
use crate::side::Side;
use crate::worker;

#[test]
fn answers_differ_only_where_there_is_a_reason() -> Result<()> {
    let lab = Lab::shared()?;
    let _peace = lab.peace();
    let dir = lab.dir().join("connect");
    std::fs::create_dir_all(&dir)?;
    let kafka = lab.east().kafka();
    let group = format!("compare-{}", std::process::id());
    // As a worker of ours does unless it is told otherwise.
    let exactly = [("exactly.once.source.support", "enabled")];
    let connect = Connect::new(lab, kafka, &format!("{group}-one"), &exactly, &[])?;
    connect.spawn()?;
    let worker = worker::start(lab, &format!("{group}-two"))?;
    connect.wait_ready()?;

    let steps = script::read()?;
    let java = Side::new(&format!("{group}-java"), &connect.url(), &dir)?;
    let ours = Side::new(&format!("{group}-ours"), &worker.url, &dir)?;
    let (java, ours) = std::thread::scope(|scope| {
        let java = scope.spawn(|| java.run(&steps));
        let ours = ours.run(&steps);
        (java.join(), ours)
    });
    let java = match java {
        Ok(answers) => answers.with_context(|| connect.log_tail(30))?,
        Err(panic) => std::panic::resume_unwind(panic),
    };
    let ours = ours.with_context(|| worker.log_tail(30))?;
    let requests = steps.iter().filter_map(|step| match step {
        Step::Ask(request) => Some(request),
        _ => None,
    });
    let answers = requests.zip(java.iter().zip(&ours));
    let found: Vec<Difference> = answers
        .flat_map(|(request, (java, ours))| compare(request, java, ours))
        .collect();
    eprintln!("{} answers, {} differences", ours.len(), found.len());
    let reasons = Reason::all()?;
    let explained = explain(&found, &reasons)?;
    keep(&render(ours.len(), &reasons, &explained))
}

/// Writes the differences down for people.
fn render(asked: usize, reasons: &[Reason], explained: &[Vec<Difference>]) -> String {
    let all: usize = explained.iter().map(Vec::len).sum();
    let mut text = format!(
        "# Where walbridge answers otherwise than Kafka Connect\n\n\
         Kafka Connect 4.3.0 and walbridge are asked the same {asked} questions \
         (`tests/compat/connect/requests.txt`); {all} details of their answers differ, each for one of the \
         reasons below. The suite `connect` writes this page (`WALBRIDGE_TEST_UPDATE=1`) and fails when a \
         difference comes or goes. `tests/tests/connect/normal.rs` says what is not compared.\n\n\
         `SIDE` is the side's own name, `DIR` its folder; long texts are cut at `…`. The SHA-256 of all \
         details uncut is `{}`.\n",
        fingerprint(explained)
    );
    for (reason, own) in reasons.iter().zip(explained) {
        let _ = write!(text, "\n## {}\n\n{}\n\n", reason.title, reason.why.trim());
        text.push_str("| Request | Where | Kafka Connect | walbridge |\n|---|---|---|---|\n");
        // The same thing at many requests is one row: the first, and how many more.
        let mut rows: Vec<(&Difference, usize)> = Vec::new();
        for difference in own {
            let place = |d: &Difference| (d.place.clone(), d.connect.clone(), d.ours.clone());
            match rows
                .iter_mut()
                .find(|(first, _)| place(first) == place(difference))
            {
                Some((_, more)) => *more += 1,
                None => rows.push((difference, 0)),
            }
        }
        for (difference, more) in rows {
            let cells = [
                &difference.request,
                &difference.place,
                &difference.connect,
                &difference.ours,
            ];
            let mut cells = cells.map(|cell| shown(cell));
            if more > 0 {
                let _ = write!(cells[0], " and {more} more");
            }
            let _ = writeln!(text, "| {} |", cells.join(" | "));
        }
    }
    text
}

/// Returns a number that changes with any part of any difference.
fn fingerprint(explained: &[Vec<Difference>]) -> String {
    let mut hash = Sha256::new();
    for difference in explained.iter().flatten() {
        hash.update(format!("{difference:?}\n"));
    }
    let digest = hash.finalize();
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Writes a value as a cell of a table.
fn shown(text: &str) -> String {
    let mut short: String = text.chars().take(110).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    format!(
        "`{}`",
        short
            .replace('|', "\\|")
            .replace('`', "'")
            .replace('\n', " ")
    )
}

/// Compares the page with the one in the repository, or writes that.
fn keep(text: &str) -> Result<()> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/connect-differences.md");
    if std::env::var_os("WALBRIDGE_TEST_UPDATE").is_some() {
        return Ok(std::fs::write(&path, text)?);
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    let new = text
        .lines()
        .filter(|line| !kept.lines().any(|other| other == *line));
    let gone = kept
        .lines()
        .filter(|line| !text.lines().any(|other| other == *line));
    let changed: Vec<String> = new
        .map(|l| format!("+ {l}"))
        .chain(gone.map(|l| format!("- {l}")))
        .collect();
    ensure!(
        kept == text,
        "docs/connect-differences.md is not what the answers are now (WALBRIDGE_TEST_UPDATE=1 writes it):\n{}",
        changed.join("\n")
    );
    Ok(())
}
