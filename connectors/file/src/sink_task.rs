//! Writes lines.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use walbridge_connector_api::data::{ConnectRecord, Value, text_of};
use walbridge_connector_api::{ConnectorError, RecordSink, Result};

use crate::trouble;

enum Output {
    Stdout,
    File(PathBuf, File),
}

pub(crate) struct FileSinkTask {
    output: Output,
    /// Whole lines that go out in one write.
    lines: Vec<u8>,
}

impl FileSinkTask {
    /// Opens the file at its end; a line that an earlier end of the process cut off is ended first.
    pub(crate) fn open(file: Option<&str>) -> Result<Self> {
        let output = match file.map(Path::new) {
            None => Output::Stdout,
            Some(path) => {
                let file = open(path).map_err(|error| unwritable(path, error))?;
                Output::File(path.to_owned(), file)
            }
        };
        Ok(Self {
            output,
            lines: Vec::new(),
        })
    }
}

fn open(path: &Path) -> std::io::Result<File> {
    let mut file = OpenOptions::new()
        .read(true)
        .append(true)
        .create(true)
        .open(path)?;
    // A pipe or a terminal has no end to look at.
    if file.metadata()?.is_file() && file.seek(SeekFrom::End(0))? > 0 {
        let mut last = [0];
        file.seek(SeekFrom::End(-1))?;
        file.read_exact(&mut last)?;
        if last != *b"\n" {
            file.write_all(b"\n")?;
        }
    }
    Ok(file)
}

impl RecordSink for FileSinkTask {
    fn put(&mut self, records: &[ConnectRecord]) -> Result<()> {
        self.lines.clear();
        for record in records {
            append(&mut self.lines, record)?;
        }
        match &mut self.output {
            Output::Stdout => std::io::stdout()
                .write_all(&self.lines)
                .map_err(|error| unwritable(Path::new("standard output"), error)),
            Output::File(path, file) => file
                .write_all(&self.lines)
                .map_err(|error| unwritable(path, error)),
        }
    }

    fn flush(&mut self) -> Result<()> {
        match &mut self.output {
            Output::Stdout => std::io::stdout()
                .flush()
                .map_err(|error| unwritable(Path::new("standard output"), error)),
            // What has no disk under it cannot be synced, and need not be.
            Output::File(path, file) => match file.metadata() {
                Ok(about) if about.is_file() => {
                    file.sync_data().map_err(|error| unwritable(path, error))
                }
                _ => Ok(()),
            },
        }
    }
}

/// Appends a record's value as a line: bytes as they are, anything else as Java prints it.
fn append(lines: &mut Vec<u8>, record: &ConnectRecord) -> Result<()> {
    let data = &record.value;
    match &data.value {
        Value::String(text) => lines.extend_from_slice(text.as_bytes()),
        Value::Bytes(bytes) => lines.extend_from_slice(bytes),
        value => {
            let text = text_of(data.schema.as_ref(), value).map_err(|error| {
                let place = record.origin.as_ref().map_or_else(
                    || format!("topic {}", record.topic),
                    |o| {
                        format!(
                            "topic {}, partition {}, offset {}",
                            o.topic, o.partition, o.offset
                        )
                    },
                );
                ConnectorError::stop("NoTextForm", format!("the value of {place} is no text"))
                    .because(error)
                    .remedy("use a converter that gives text")
            })?;
            lines.extend_from_slice(text.as_bytes());
        }
    }
    lines.push(b'\n');
    Ok(())
}

fn unwritable(path: &Path, error: std::io::Error) -> ConnectorError {
    trouble::of("FileUnwritable", "write to", path, error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use walbridge_connector_api::data::{Schema, SchemaAndValue, Type};

    #[test]
    fn appends_a_line_per_record_and_ends_a_torn_one() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("out.txt");
        std::fs::write(&path, "old\ntor").unwrap();
        let record = |value: Value| ConnectRecord::new("t", SchemaAndValue::schemaless(value));
        let number = SchemaAndValue::new(Schema::of(Type::Float64), 1e10);
        let all = [
            record("a".into()),
            record(vec![b'b', 0xff].into()),
            record(Value::Null),
            record(Value::Map(vec![(
                "k".into(),
                Value::Array(vec![1i64.into(), 2i64.into()]),
            )])),
            ConnectRecord::new("t", number),
        ];
        let mut task = FileSinkTask::open(path.to_str()).unwrap();
        task.put(&all).unwrap();
        task.flush().unwrap();
        drop(task);
        FileSinkTask::open(path.to_str())
            .unwrap()
            .put(&all[..1])
            .unwrap();
        let found = std::fs::read(&path).unwrap();
        assert_eq!(found, b"old\ntor\na\nb\xff\nnull\n{k=[1, 2]}\n1.0E10\na\n");
    }

    #[test]
    fn a_folder_is_no_file() {
        let dir = tempfile::tempdir().unwrap();
        let Err(error) = FileSinkTask::open(dir.path().to_str()) else {
            panic!("it opened")
        };
        assert_eq!(error.name(), "FileUnwritable");
    }
}
