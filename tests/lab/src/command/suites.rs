//! `lab test` and `lab bench`.

use std::process::{Command, ExitCode};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use walbridge_lab::{Lab, Options};

use super::{replace, repository};

/// Every command of the dev profile builds the same selection with the same features, so that
/// each dependency is compiled once. `./lab` builds the programs themselves before it comes here.
const SELECTION: [&str; 3] = ["--workspace", "--features", "walbridge/failpoints"];

/// Run everything CI runs, or one suite of the end-to-end tests.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "A suite is a file of tests/tests. `--name value` reaches it as \
    WALBRIDGE_TEST_NAME=value, for example: ./lab test faults --rounds 200. \
    Everything else is for the test harness, such as a part of a test's name."
)]
pub(super) struct Test {
    /// The suite
    suite: Option<String>,
    /// Settings of the suite, and arguments for the test harness
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<String>,
}

impl Test {
    /// Runs the command.
    pub(super) fn run(&self) -> Result<ExitCode> {
        match &self.suite {
            None => everything(),
            Some(suite) => one(suite, &self.args),
        }
    }
}

fn everything() -> Result<ExitCode> {
    let started = Instant::now();
    step(started, "format", cargo("fmt").args(["--all", "--check"]))?;
    let mut clippy = cargo("clippy");
    clippy
        .args(SELECTION)
        .args(["--all-targets", "--", "-D", "warnings"]);
    step(started, "clippy", &mut clippy)?;
    let mut doc = cargo("doc");
    doc.args(SELECTION)
        .arg("--no-deps")
        .env("RUSTDOCFLAGS", "-D warnings");
    step(started, "rustdoc", &mut doc)?;
    let lab = start_lab()?;
    let mut test = cargo("test");
    test.args(SELECTION)
        .arg("--no-fail-fast")
        .env("WALBRIDGE_LAB_ATTACH", lab.dir());
    step(started, "tests", &mut test)?;
    println!(
        "\neverything passed in {:.0} s",
        started.elapsed().as_secs_f64()
    );
    Ok(ExitCode::SUCCESS)
}

fn one(suite: &str, args: &[String]) -> Result<ExitCode> {
    let known = suites()?;
    if !known.iter().any(|name| name == suite) {
        bail!("no suite {suite}: there are {}", known.join(", "));
    }
    let lab = start_lab()?;
    let mut test = cargo("test");
    test.args(SELECTION)
        .args(["--test", suite])
        .env("WALBRIDGE_LAB_ATTACH", lab.dir());
    let (settings, rest) = settings(args);
    test.envs(settings).arg("--").arg("--nocapture").args(rest);
    replace(&mut test)
}

/// Runs the benchmarks, which start a lab of their own.
pub(super) fn bench(args: &[String]) -> Result<ExitCode> {
    let mut run = cargo("run");
    run.args(["--release", "-p", "walbridge-tests", "--bin", "bench", "--"])
        .args(args);
    replace(&mut run)
}

/// Starts the servers that all tests share; they end with this process.
fn start_lab() -> Result<Lab> {
    println!("\n── lab");
    Lab::start(Options::throwaway()?, &|text| println!("   {text}"))
}

fn cargo(verb: &str) -> Command {
    let mut command = Command::new("cargo");
    command.arg(verb).current_dir(repository());
    command
}

fn step(started: Instant, name: &str, command: &mut Command) -> Result<()> {
    println!(
        "\n── {name} (after {:.0} s)",
        started.elapsed().as_secs_f64()
    );
    let status = command
        .status()
        .with_context(|| format!("running {command:?}"))?;
    if !status.success() {
        bail!("{name} failed");
    }
    Ok(())
}

/// Lists the suites: the files and folders of `tests/tests`, and the lab's own.
fn suites() -> Result<Vec<String>> {
    let mut names = Vec::new();
    for dir in ["tests/tests", "tests/lab/tests"] {
        let Ok(entries) = std::fs::read_dir(repository().join(dir)) else {
            continue;
        };
        let paths = entries.flatten().map(|entry| entry.path());
        let suites = paths.filter(|path| {
            path.extension().is_some_and(|end| end == "rs") || path.join("main.rs").exists()
        });
        names.extend(suites.filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned())));
    }
    names.sort();
    Ok(names)
}

/// What the test harness itself knows with a value; other pairs are settings of the suite.
const HARNESS: [&str; 5] = [
    "--skip",
    "--test-threads",
    "--format",
    "--color",
    "--logfile",
];

/// Takes `--name value` and `--name=value` out of the arguments, as environment variables.
fn settings(args: &[String]) -> (Vec<(String, String)>, Vec<String>) {
    let (mut settings, mut rest) = (Vec::new(), Vec::new());
    let mut args = args.iter().peekable();
    while let Some(arg) = args.next() {
        let (name, given) = match arg.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (arg.as_str(), None),
        };
        let ours = name.starts_with("--") && !HARNESS.contains(&name);
        let has_value = given.is_some() || args.peek().is_some_and(|next| !next.starts_with('-'));
        if ours && has_value {
            let value = given.or_else(|| args.next().cloned()).unwrap_or_default();
            let name = name
                .trim_start_matches('-')
                .replace('-', "_")
                .to_uppercase();
            settings.push((format!("WALBRIDGE_TEST_{name}"), value));
        } else {
            rest.push(arg.clone());
            if HARNESS.contains(&arg.as_str()) {
                rest.extend(args.next().cloned());
            }
        }
    }
    (settings, rest)
}

#[cfg(test)]
mod tests {
    use super::settings;

    #[test]
    fn tells_settings_from_arguments_for_the_harness() {
        let args = [
            "kill",
            "--rounds",
            "200",
            "--exact",
            "--test-threads",
            "1",
            "--seed=7",
        ];
        let (settings, rest) = settings(&args.map(str::to_owned));
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let expected = [
            pair("WALBRIDGE_TEST_ROUNDS", "200"),
            pair("WALBRIDGE_TEST_SEED", "7"),
        ];
        assert_eq!(settings, expected);
        assert_eq!(rest, ["kill", "--exact", "--test-threads", "1"]);
    }
}
