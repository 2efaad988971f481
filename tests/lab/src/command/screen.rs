//! The live screen of `lab up`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;
use walbridge_lab::{Lab, Link};

use super::reading::{Reader, Reading};

/// How often the screen is drawn; without a terminal a line is printed ten times as rarely.
const TICK: Duration = Duration::from_millis(200);

/// How long the standby may take to show its tables before the screen goes on without them.
const LOADING: Duration = Duration::from_secs(180);

/// Shows what both sides have until time is over or somebody presses Enter or Ctrl-C.
pub(super) fn show(lab: &Lab, duration: Duration, terminal: bool) -> Result<()> {
    let ended = Arc::new(AtomicBool::new(false));
    listen(&ended, terminal);
    let reader = Reader::open(lab)?;
    let begun = Instant::now();
    // Time counts from the first sight of the standby's tables, within reason.
    let mut started = None;
    let over = |started: Option<Instant>| match started {
        Some(started) => started.elapsed() >= duration,
        None => begun.elapsed() >= duration + LOADING,
    };
    let mut read = Instant::now();
    let mut peak = 0;
    let mut broken = 0_u64;
    let mut ticks = 0_u64;
    let mut drawn = 0;
    while !over(started) && !ended.load(Ordering::Relaxed) {
        let text = match reader.read() {
            Ok(reading) => {
                read = Instant::now();
                if reading.sums.is_some() && started.is_none() {
                    started = Some(Instant::now());
                }
                peak = peak.max(reading.behind());
                broken += u64::from(reading.sums.is_some_and(|sums| !sums.agree()));
                if terminal {
                    draw(
                        &reading,
                        lab.link(),
                        peak,
                        ticks + 1,
                        broken,
                        left(duration, started),
                    )
                } else {
                    line(&reading, begun)
                }
            }
            Err(error) => {
                let since = read.elapsed().as_secs_f64();
                format!(
                    "  lag unknown for {since:.1} s, because a database cannot be asked: {error:#}\n"
                )
            }
        };
        if terminal {
            // Back to the first line of the last drawing, then clear to the end of the screen.
            let home = if drawn > 0 {
                format!("\x1b[{drawn}A\r\x1b[J")
            } else {
                String::new()
            };
            drawn = text.lines().count();
            print!("{home}{text}");
            flush();
        } else if ticks.is_multiple_of(10) {
            print!("{text}");
            flush();
        }
        ticks += 1;
        thread::sleep(TICK);
    }
    Ok(())
}

fn left(duration: Duration, started: Option<Instant>) -> u64 {
    duration
        .saturating_sub(started.map_or(Duration::ZERO, |started| started.elapsed()))
        .as_secs()
}

fn flush() {
    use std::io::Write;
    // A closed screen is no reason to stop.
    let _ = std::io::stdout().flush();
}

fn draw(reading: &Reading, link: &Link, peak: i64, reads: u64, broken: u64, left: u64) -> String {
    let network = link.describe().unwrap_or_else(|error| format!("{error:#}"));
    let bytes = reading
        .bytes
        .map_or("—".to_owned(), |bytes| bytes.to_string());
    let phase = reading.phase.as_deref().unwrap_or("waiting for the stream");
    let sums = reading.sums.map_or(String::new(), |sums| {
        format!(
            "    accounts {:>10}   tellers {:>10}\n    branches {:>10}   history {:>10}\n",
            sums.accounts, sums.tellers, sums.branches, sums.history
        )
    });
    // No line may be wider than a terminal: the next drawing goes back by counting lines.
    format!(
        "
  east   committed  {:>10} transactions
  west   applied    {:>10} transactions   ({phase})
  lag               {:>10} transactions   {bytes} bytes   {} ms
                    {peak:>10} at most so far

  TPC-B at west, in one snapshot: {}
{sums}  {reads} snapshots read, {broken} torn

  network {network}
  {left} s left; Enter or Ctrl-C goes on
",
        reading.committed,
        reading.applied,
        reading.behind(),
        reading.millis,
        match reading.sums {
            None => "not there yet",
            Some(_) if reading.is_loading() => "loading",
            Some(sums) if sums.agree() => "all equal",
            Some(_) => "TORN",
        },
    )
}

fn line(reading: &Reading, begun: Instant) -> String {
    let agree = match reading.sums {
        None => "no tables yet",
        Some(_) if reading.is_loading() => "loading",
        Some(sums) if sums.agree() => "sums equal",
        Some(_) => "sums TORN",
    };
    format!(
        "{:>5.1} s  east {}  west {}  lag {} transactions {} bytes {} ms  {agree}\n",
        begun.elapsed().as_secs_f64(),
        reading.committed,
        reading.applied,
        reading.behind(),
        reading
            .bytes
            .map_or("—".to_owned(), |bytes| bytes.to_string()),
        reading.millis,
    )
}

/// Notes Ctrl-C and, at a terminal, Enter. The threads end with the process.
fn listen(ended: &Arc<AtomicBool>, terminal: bool) {
    let flag = Arc::clone(ended);
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        if runtime.is_ok_and(|runtime| runtime.block_on(tokio::signal::ctrl_c()).is_ok()) {
            flag.store(true, Ordering::Relaxed);
        }
    });
    if terminal {
        let flag = Arc::clone(ended);
        thread::spawn(move || {
            let mut line = String::new();
            if std::io::stdin()
                .read_line(&mut line)
                .is_ok_and(|count| count > 0)
            {
                flag.store(true, Ordering::Relaxed);
            }
        });
    }
}
