//! Files that grow all the time, through topics into other files: each line once in its topic, in order,
//! and each at least once in the file behind it.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use rdkafka::Message;
use serde_json::json;
use walbridge_lab::wait_for;
use walbridge_tests::chain::{Chain, End, PATIENCE};
use walbridge_tests::topic;

/// How often a line is written to each file.
const PACE: Duration = Duration::from_millis(50);

/// How many files there are, each with a source and a sink.
pub(crate) const FILES: usize = 2;

const TEXT: &str = "org.apache.kafka.connect.storage.StringConverter";

/// The files and who writes them.
pub(crate) struct Files {
    dir: PathBuf,
    writers: Vec<Writer>,
}

/// Writes numbered lines to a file.
struct Writer {
    written: Arc<AtomicUsize>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<std::io::Result<()>>>,
}

impl Writer {
    fn start(path: &Path) -> Result<Self> {
        let mut file = std::fs::File::create(path)?;
        let (written, stop) = (
            Arc::new(AtomicUsize::new(0)),
            Arc::new(AtomicBool::new(false)),
        );
        let (count, end) = (Arc::clone(&written), Arc::clone(&stop));
        let thread = std::thread::spawn(move || {
            while !end.load(Ordering::Relaxed) {
                let number = count.load(Ordering::Relaxed);
                // In two pieces: a line without its end is none yet.
                write!(file, "line {number}")?;
                file.flush()?;
                std::thread::sleep(PACE);
                writeln!(file, " ends")?;
                count.store(number + 1, Ordering::Relaxed);
            }
            Ok(())
        });
        Ok(Self {
            written,
            stop,
            thread: Some(thread),
        })
    }

    /// Ends the thread and returns how many lines it wrote.
    fn end(&mut self) -> Result<usize> {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().map_err(|_| anyhow!("a writer panicked"))??;
        }
        Ok(self.written.load(Ordering::Relaxed))
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

fn line(number: usize) -> String {
    format!("line {number} ends")
}

fn topic_of(number: usize) -> String {
    format!("group_lines_{number}")
}

impl Files {
    /// Begins to write.
    pub(crate) fn start(dir: &Path) -> Result<Self> {
        std::fs::create_dir_all(dir)?;
        let dir = dir.to_owned();
        let writers = (0..FILES).map(|number| Writer::start(&dir.join(format!("in-{number}"))));
        let writers = writers.collect::<Result<_>>()?;
        Ok(Self { dir, writers })
    }

    fn out(&self, number: usize) -> PathBuf {
        self.dir.join(format!("out-{number}"))
    }

    /// Creates a source and a sink for each.
    pub(crate) fn connect(&self, chain: &Chain) -> Result<()> {
        for number in 0..FILES {
            let source = json!({
                "connector.class": "FileStreamSource",
                "file": self.dir.join(format!("in-{number}")).display().to_string(),
                "topic": topic_of(number),
                "key.converter": TEXT,
                "value.converter": TEXT,
                "topic.creation.default.partitions": "1",
                "topic.creation.default.replication.factor": "1",
            });
            chain.put_any(&format!("group_file_in_{number}"), &source)?;
            let sink = json!({
                "connector.class": "FileStreamSink",
                "file": self.out(number).display().to_string(),
                "topics": topic_of(number),
                "key.converter": TEXT,
                "value.converter": TEXT,
            });
            chain.put_any(&format!("group_file_out_{number}"), &sink)?;
        }
        Ok(())
    }

    /// Waits until each line that is written by now is behind its sink.
    pub(crate) fn in_step(&self) -> Result<()> {
        for (number, writer) in self.writers.iter().enumerate() {
            self.wait(number, writer.written.load(Ordering::Relaxed))?;
        }
        Ok(())
    }

    fn wait(&self, number: usize, count: usize) -> Result<()> {
        let Some(last) = count.checked_sub(1).map(line) else {
            return Ok(());
        };
        let out = self.out(number);
        wait_for(&format!("{last:?} in {}", out.display()), PATIENCE, || {
            let text = std::fs::read_to_string(&out).unwrap_or_default();
            let newest = text.lines().next_back().unwrap_or("nothing");
            ensure!(
                text.lines().rev().any(|l| l == last),
                "it ends with {newest:?}"
            );
            Ok(Some(()))
        })
    }

    /// Ends the writing and judges what has become of the lines.
    pub(crate) fn judge(mut self, chain: &Chain) -> Result<()> {
        for number in 0..FILES {
            let count = self.writers[number].end()?;
            ensure!(count > 100, "only {count} lines were written");
            self.wait(number, count).with_context(|| chain.describe())?;
            let bootstrap = chain.site(End::East).kafka().bootstrap();
            let mut next = 0;
            topic::read(&bootstrap, &topic_of(number), |message| {
                let value = message.payload().map(String::from_utf8_lossy);
                let wanted = line(next);
                ensure!(
                    value.as_deref() == Some(&wanted),
                    "{value:?} instead of {wanted:?}"
                );
                next += 1;
                Ok(())
            })?;
            // What is written half when the writing ends has no end.
            ensure!(
                next == count,
                "{count} lines were written, {next} are in the topic"
            );
            let text = std::fs::read_to_string(self.out(number))?;
            let found: BTreeSet<&str> = text.lines().collect();
            let missing: Vec<usize> = (0..count)
                .filter(|n| !found.contains(line(*n).as_str()))
                .collect();
            ensure!(
                missing.is_empty(),
                "lines {missing:?} of {count} are not in the file"
            );
            let twice = text.lines().count() - count.min(found.len());
            println!(
                "file {number}: {count} lines, each once in its topic; {twice} of them again in the file"
            );
        }
        Ok(())
    }
}
