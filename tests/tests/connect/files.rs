//! Files for FileStream's connectors.

use std::path::PathBuf;

use anyhow::{Result, bail};
use serde_json::{Value, json};
use walbridge_lab::{Lab, wait_for};

use crate::api::SOON;

/// Files that connectors read and write.
pub(crate) struct Files(PathBuf);

impl Files {
    pub(crate) fn path(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }

    /// Writes lines so that the file has them up to this number.
    pub(crate) fn lines_to(&self, name: &str, count: usize) -> Result<usize> {
        let text: String = (1..=count).map(|n| format!("line {n}\n")).collect();
        std::fs::write(self.path(name), &text)?;
        Ok(text.len())
    }

    /// Waits until a file is the same as another.
    pub(crate) fn wait_same(&self, copy: &str, original: &str) -> Result<()> {
        let whole = std::fs::read_to_string(self.path(original))?;
        wait_for(&format!("{copy} to be as {original}"), SOON, || {
            let text = std::fs::read_to_string(self.path(copy)).unwrap_or_default();
            if text == whole {
                return Ok(Some(()));
            }
            bail!("it has {} lines: {text:?}", text.lines().count())
        })
    }

    pub(crate) fn source(&self, name: &str, topic: &str) -> Value {
        json!({
            "connector.class": "org.apache.kafka.connect.file.FileStreamSourceConnector",
            "file": self.path(name), "topic": topic,
            "topic.creation.default.partitions": "1",
            "topic.creation.default.replication.factor": "1",
        })
    }

    pub(crate) fn sink(&self, name: &str, topic: &str) -> Value {
        json!({ "connector.class": "FileStreamSink", "file": self.path(name), "topics": topic })
    }
}

/// Makes a folder for a test.
pub(crate) fn files(lab: &Lab, name: &str) -> Result<Files> {
    let dir = lab.dir().join("connect").join(name);
    std::fs::create_dir_all(&dir)?;
    Ok(Files(dir))
}
