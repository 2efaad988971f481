//! What the numbers were measured on.

use std::process::Command;

/// Describes the machine, the software and the day in one line of Markdown.
pub(crate) fn describe() -> String {
    let read = |path| std::fs::read_to_string(path).unwrap_or_default();
    let cpuinfo = read("/proc/cpuinfo");
    let cores = cpuinfo
        .lines()
        .filter(|l| l.starts_with("processor"))
        .count();
    let model = field(&cpuinfo, "model name").unwrap_or("unknown processor");
    let memory = field(&read("/proc/meminfo"), "MemTotal")
        .and_then(|text| text.split_whitespace().next()?.parse::<u64>().ok())
        .map_or(0, |kib| kib / 1024 / 1024);
    let kernel = read("/proc/sys/kernel/osrelease");
    format!(
        "Measured on {}: {cores} cores ({}), {memory} GiB, Linux {}, {}, {}, walbridge {} at {}.\n",
        output("date", &["-u", "+%Y-%m-%d"]),
        model.trim(),
        kernel.trim(),
        output(
            "sh",
            &[
                "-c",
                "/usr/lib/postgresql/*/bin/postgres --version | tail -n 1"
            ]
        ),
        "Apache Kafka 4.3.0",
        env!("CARGO_PKG_VERSION"),
        output("git", &["describe", "--always", "--dirty"]),
    )
}

fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let line = text.lines().find(|line| line.starts_with(name))?;
    line.split_once(':').map(|(_, value)| value)
}

fn output(program: &str, arguments: &[&str]) -> String {
    match Command::new(program).args(arguments).output() {
        Ok(output) => String::from_utf8_lossy(&output.stdout).trim().to_owned(),
        Err(_) => format!("unknown ({program} does not run)"),
    }
}
