//! Reads lines and hands out records.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use serde_json::{Map, Value};
use walbridge_connector_api::data::{ConnectRecord, Schema, SchemaAndValue, Type};
use walbridge_connector_api::{
    ConnectorError, OffsetEntry, RecordSource, Result, Settings, SourceRecord, StopToken,
    TaskContext, TaskMetrics,
};

use crate::input::Input;
use crate::lines::Lines;
use crate::source::{FILENAME, POSITION, position};

/// A line longer than this is no line: no broker takes such a record, and memory has an end.
const LONGEST: usize = 16 << 20;

pub(crate) struct FileSourceTask {
    topic: Arc<str>,
    partition: Map<String, Value>,
    input: Input,
    lines: Lines,
    piece: Vec<u8>,
    /// How many bytes of the file the records handed out so far took.
    position: u64,
    most: usize,
    stop: StopToken,
    metrics: Arc<TaskMetrics>,
    /// When the end of the file was last seen, in milliseconds since 1970.
    caught_up: i64,
}

impl FileSourceTask {
    pub(crate) fn new(settings: &Settings, context: &TaskContext) -> Result<Self> {
        let file = settings.optional("file");
        let partition =
            Map::from_iter([(FILENAME.to_owned(), file.map_or(Value::Null, Value::from))]);
        let stored = context.offsets.iter();
        let stored = stored
            .filter(|entry| file.is_some() && entry.partition == partition)
            .find_map(|entry| entry.offset.as_ref());
        let position = stored.map_or(Ok(0), position).map_err(|message| {
            ConnectorError::stop("InvalidOffset", message)
                .remedy("stop the connector and alter or reset its offsets")
        })?;
        Ok(Self {
            topic: Arc::from(settings.text("topic")),
            partition,
            input: Input::new(file, position),
            lines: Lines::default(),
            piece: Vec::new(),
            position,
            most: settings.size("batch.size").max(1),
            stop: context.stop.clone(),
            metrics: Arc::clone(&context.metrics),
            caught_up: now_ms().unwrap_or(-1),
        })
    }

    /// Tells how far the file's end is away. A line that has no end yet is not missing.
    fn tell_lag(&mut self, at_end: bool, now: Option<i64>) {
        let now = now.unwrap_or(self.caught_up);
        let length = self.input.length().unwrap_or(self.position);
        let left = length.saturating_sub(self.position);
        let (bytes, millis) = if at_end || left == 0 {
            self.caught_up = now;
            self.metrics.last_progress_ms.store(now, Ordering::Relaxed);
            (0, 0)
        } else {
            (left, (now - self.caught_up).max(0))
        };
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        self.metrics.lag_bytes.store(bytes, Ordering::Relaxed);
        self.metrics.lag_ms.store(millis, Ordering::Relaxed);
    }

    fn record(&self, text: String, now: Option<i64>) -> SourceRecord {
        let value = SchemaAndValue::new(Schema::of(Type::String), text);
        let mut record = ConnectRecord::new(Arc::clone(&self.topic), value);
        record.timestamp = now;
        let offset = Map::from_iter([(POSITION.to_owned(), Value::from(self.position))]);
        SourceRecord {
            record,
            offset: Some(OffsetEntry {
                partition: self.partition.clone(),
                offset: Some(offset),
            }),
        }
    }
}

fn now_ms() -> Option<i64> {
    let since = SystemTime::UNIX_EPOCH.elapsed().ok()?;
    i64::try_from(since.as_millis()).ok()
}

impl RecordSource for FileSourceTask {
    fn poll(&mut self, wait: Duration) -> Result<Vec<SourceRecord>> {
        let now = now_ms();
        let mut records = Vec::new();
        while records.len() < self.most {
            if let Some(line) = self.lines.next() {
                self.position += line.taken;
                records.push(self.record(line.text, now));
                continue;
            }
            if self.lines.pending() > LONGEST {
                let (position, limit) = (self.position, LONGEST >> 20);
                return Err(ConnectorError::stop(
                    "LineTooLong",
                    format!("the line at byte {position} is longer than {limit} MiB"),
                )
                .remedy("this connector reads lines of text: check that the file is one"));
            }
            let patience = if records.is_empty() {
                wait
            } else {
                Duration::ZERO
            };
            if !self.input.read(&mut self.piece, patience)? {
                break;
            }
            self.lines.push(&self.piece);
        }
        self.tell_lag(records.is_empty(), now);
        if records.is_empty() && !matches!(self.input, Input::Stdin) {
            // The end of the file, or no file yet.
            self.stop.sleep(wait);
        }
        Ok(records)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::FileStreamSource;
    use serde_json::json;
    use std::collections::BTreeMap;
    use std::io::Write;
    use std::path::Path;
    use walbridge_connector_api::Connector;

    fn task(path: &Path, position: Option<u64>) -> Box<dyn RecordSource> {
        task_telling(path, position, &Arc::default())
    }

    fn task_telling(
        path: &Path,
        position: Option<u64>,
        metrics: &Arc<TaskMetrics>,
    ) -> Box<dyn RecordSource> {
        let values: BTreeMap<String, String> = [
            ("file".to_owned(), path.display().to_string()),
            ("topic".to_owned(), "lines".to_owned()),
            ("batch.size".to_owned(), "2".to_owned()),
        ]
        .into();
        let entry = |name: String, position: u64| OffsetEntry {
            partition: json!({ "filename": name }).as_object().cloned().unwrap(),
            offset: json!({ "position": position }).as_object().cloned(),
        };
        let mut offsets = vec![entry("/another".into(), 99)];
        offsets.extend(position.map(|position| entry(path.display().to_string(), position)));
        let context = TaskContext {
            connector: "c".into(),
            task: 0,
            group: "g".into(),
            offsets,
            kafka: BTreeMap::new(),
            metrics: Arc::clone(metrics),
            stop: StopToken::new(),
        };
        let settings = FileStreamSource.config().settings(&values);
        FileStreamSource.record_source(&settings, context).unwrap()
    }

    fn poll(task: &mut dyn RecordSource) -> Vec<(String, u64)> {
        let records = task.poll(Duration::ZERO).unwrap();
        let position = |record: &SourceRecord| {
            let offset = record.offset.as_ref().unwrap().offset.as_ref().unwrap();
            offset["position"].as_u64().unwrap()
        };
        records
            .iter()
            .map(|r| {
                (
                    r.record.value.value.as_str().unwrap().to_owned(),
                    position(r),
                )
            })
            .collect()
    }

    #[test]
    fn waits_for_the_file_and_for_the_end_of_a_line() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("in.txt");
        let mut task = task(&path, None);
        assert_eq!(poll(&mut *task), []);
        let mut file = std::fs::File::create(&path).unwrap();
        file.write_all("eins\nzwölf\r\ndrei\nha".as_bytes())
            .unwrap();
        assert_eq!(poll(&mut *task), [("eins".into(), 5), ("zwölf".into(), 13)]);
        assert_eq!(poll(&mut *task), [("drei".into(), 18)]);
        assert_eq!(poll(&mut *task), []);
        file.write_all(b"lb\n").unwrap();
        assert_eq!(poll(&mut *task), [("halb".into(), 23)]);
    }

    #[test]
    fn goes_on_where_it_was_and_refuses_a_file_that_shrank() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("in.txt");
        std::fs::write(&path, "one\ntwo\nthree\n").unwrap();
        assert_eq!(
            poll(&mut *task(&path, Some(4))),
            [("two".into(), 8), ("three".into(), 14)]
        );
        assert_eq!(poll(&mut *task(&path, Some(14))), []);
        let error = task(&path, Some(15)).poll(Duration::ZERO).unwrap_err();
        assert_eq!(error.name(), "FileShrunk");
    }

    #[test]
    fn tells_how_many_bytes_are_left() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("in.txt");
        std::fs::write(&path, "one\ntwo\nthree\nfour\nha").unwrap();
        let metrics = Arc::default();
        let mut task = task_telling(&path, None, &metrics);
        let left = |metrics: &TaskMetrics| metrics.lag_bytes.load(Ordering::Relaxed);
        assert_eq!(left(&metrics), -1);
        assert_eq!(poll(&mut *task).len(), 2);
        assert_eq!(left(&metrics), 13);
        assert_eq!(poll(&mut *task).len(), 2);
        assert_eq!(poll(&mut *task).len(), 0);
        assert_eq!(left(&metrics), 0, "half a line is not missing");
        assert_eq!(metrics.lag_ms.load(Ordering::Relaxed), 0);
    }
}
