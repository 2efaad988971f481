//! `lab fuzz`.

use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};

use super::{replace, repository};

/// Feed one of the readers of other people's input with anything for a while.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Needs cargo-fuzz (cargo install cargo-fuzz). What is found on the way is kept in \
    target/fuzz/TARGET; what makes the reader panic is kept below tests/fuzz/libfuzzer/artifacts."
)]
pub(super) struct Fuzz {
    /// The target: a file of tests/fuzz/libfuzzer/fuzz_targets
    target: String,
    /// For how many seconds
    #[arg(long, default_value_t = 300)]
    seconds: u64,
    /// Also look for mistakes of memory, in the libraries below too; needs more time to build
    #[arg(long)]
    address: bool,
}

impl Fuzz {
    /// Runs the command.
    pub(super) fn run(&self) -> Result<ExitCode> {
        let root = repository();
        let folder = root.join("tests/fuzz/libfuzzer");
        let program = folder.join(format!("fuzz_targets/{}.rs", self.target));
        if !program.is_file() {
            bail!(
                "there is no target {}: see {}",
                self.target,
                folder.join("fuzz_targets").display()
            );
        }
        let target = std::env::var_os("CARGO_TARGET_DIR").map_or(root.join("target"), Into::into);
        let found = target.join("fuzz").join(&self.target);
        std::fs::create_dir_all(&found).with_context(|| found.display().to_string())?;
        let sanitizer = if self.address { "address" } else { "none" };
        let mut cargo = Command::new("cargo");
        cargo
            .current_dir(&root)
            // The compiler's hooks for coverage have no stable name yet.
            .env("RUSTC_BOOTSTRAP", "1")
            .env("CARGO_TARGET_DIR", target.join("fuzz/build"))
            .args(["fuzz", "run", "--sanitizer", sanitizer, "--fuzz-dir"])
            .arg(&folder)
            .arg(&self.target)
            .arg(&found)
            .arg(root.join("tests/fuzz/seeds").join(&self.target))
            .arg("--")
            .arg(format!("-max_total_time={}", self.seconds))
            .args(["-max_len=8192", "-timeout=20", "-rss_limit_mb=2048"]);
        replace(&mut cargo)
    }
}
