//! Statistics and the tables they are shown in.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

/// What one contender did in one round.
#[derive(Debug, Clone)]
pub(crate) struct Sample {
    /// Who.
    pub(crate) contender: &'static str,
    /// How many rows.
    pub(crate) rows: u64,
    /// In what time.
    pub(crate) elapsed: Duration,
    /// With how much processor time, by process.
    pub(crate) cpu: BTreeMap<String, Duration>,
}

impl Sample {
    fn rate(&self) -> f64 {
        self.rows as f64 / self.elapsed.as_secs_f64()
    }

    fn line(&self) -> String {
        let total: Duration = self.cpu.values().sum();
        format!(
            "{}: {} rows in {:.2} s = {:.0} rows/s, {:.2} CPU s",
            self.contender,
            self.rows,
            self.elapsed.as_secs_f64(),
            self.rate(),
            total.as_secs_f64()
        )
    }
}

/// The samples of all rounds of one part.
#[derive(Debug, Default)]
pub(crate) struct Rounds(Vec<Vec<Sample>>);

impl Rounds {
    /// Adds a round.
    pub(crate) fn push(&mut self, round: Vec<Sample>) {
        for sample in &round {
            eprintln!("round {}: {}", self.0.len() + 1, sample.line());
        }
        self.0.push(round);
    }

    fn of(&self, contender: &str) -> Vec<&Sample> {
        let all = self.0.iter().flatten();
        all.filter(|sample| sample.contender == contender).collect()
    }

    /// Returns how a contender's rate relates to another's, round by round.
    fn ratios(&self, contender: &str, reference: &str) -> Vec<f64> {
        let find = |round: &[Sample], who: &str| {
            let found = round.iter().find(|sample| sample.contender == who);
            found.map(Sample::rate)
        };
        let of = |round: &Vec<Sample>| Some(find(round, contender)? / find(round, reference)?);
        self.0.iter().filter_map(of).collect()
    }

    /// Shows the rates, and each contender's relation to the references.
    pub(crate) fn rates(&self, contenders: &[&str], references: &[&str]) -> String {
        let mut text = String::from("| | rows/s, median (least–most) |");
        for reference in references {
            let _ = write!(text, " of {reference} |");
        }
        let _ = writeln!(text, "\n|---|---|{}", "---|".repeat(references.len()));
        for contender in contenders {
            let rates: Vec<f64> = self.of(contender).iter().map(|s| s.rate()).collect();
            if rates.is_empty() {
                continue;
            }
            let _ = write!(text, "| {contender} | {} |", spread(&rates, 0));
            for reference in references {
                let ratios = self.ratios(contender, reference);
                let shown = match ratios.is_empty() || contender == reference {
                    true => String::new(),
                    false => spread(&ratios, 2),
                };
                let _ = write!(text, " {shown} |");
            }
            text.push('\n');
        }
        text
    }

    /// Shows the processor time of every process, in seconds per million rows (so also in µs per
    /// row).
    pub(crate) fn cpu(&self, contenders: &[&str]) -> String {
        let mut names: Vec<&str> = self
            .0
            .iter()
            .flatten()
            .flat_map(|s| s.cpu.keys())
            .map(String::as_str)
            .collect();
        names.sort_unstable();
        names.dedup();
        let present: Vec<&&str> = contenders
            .iter()
            .filter(|c| !self.of(c).is_empty())
            .collect();
        let mut text = String::from("| CPU seconds per million rows |");
        for contender in &present {
            let _ = write!(text, " {contender} |");
        }
        let _ = writeln!(text, "\n|---|{}", "---|".repeat(present.len()));
        for name in names.into_iter().chain(["all of them"]) {
            let _ = write!(text, "| {name} |");
            for contender in &present {
                let used: Vec<f64> = self
                    .of(contender)
                    .iter()
                    .map(|sample| {
                        let time: Duration = match name {
                            "all of them" => sample.cpu.values().sum(),
                            _ => sample.cpu.get(name).copied().unwrap_or_default(),
                        };
                        time.as_secs_f64() * 1e6 / sample.rows as f64
                    })
                    .collect();
                let shown = if median(&used) < 0.005 {
                    String::new()
                } else {
                    format!("{:.2}", median(&used))
                };
                let _ = write!(text, " {shown} |");
            }
            text.push('\n');
        }
        text
    }
}

/// Shows the largest resident memory of each process.
pub(crate) fn memory(peaks: &[(String, u64)]) -> String {
    let mut text = String::from("| process | peak resident memory, MiB |\n|---|---|\n");
    for (name, bytes) in peaks {
        let _ = writeln!(
            text,
            "| {name} | {:.0} |",
            *bytes as f64 / f64::from(1 << 20)
        );
    }
    text
}

/// Returns the value below which this share of the values lies.
pub(crate) fn percentile(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let last = values.len().saturating_sub(1);
    let index = (last as f64 * share).round() as usize;
    values.get(index).copied().unwrap_or(f64::NAN)
}

/// Returns the value in the middle.
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    let half = values.len() / 2;
    match (values.len() % 2, values.get(half)) {
        (1, Some(&middle)) => middle,
        (_, Some(&upper)) => {
            (values.get(half.wrapping_sub(1)).copied().unwrap_or(upper) + upper) / 2.0
        }
        _ => f64::NAN,
    }
}

fn spread(values: &[f64], digits: usize) -> String {
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    format!(
        "**{:.digits$}** ({least:.digits$}–{most:.digits$})",
        median(values)
    )
}
