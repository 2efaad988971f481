//! A sink: the latest value of each key, in a file, each record's effect exactly once.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use serde::{Deserialize, Serialize};
use walbridge_connector_api::data::ConnectRecord;
use walbridge_connector_api::{
    ConfigDef, ConfigKey, Connector, ConnectorError, ConnectorKind, ErrantRecordReporter, Form,
    Kind, RecordSink, Result, Settings, TaskContext,
};

/// The kind of connector.
#[derive(Debug, Clone, Copy, Default)]
pub struct LatestSink;

impl Connector for LatestSink {
    fn class(&self) -> &'static str {
        "io.walbridge.example.LatestSinkConnector"
    }

    fn kind(&self) -> ConnectorKind {
        ConnectorKind::Sink
    }

    fn form(&self) -> Form {
        Form::Records
    }

    fn version(&self) -> &'static str {
        env!("CARGO_PKG_VERSION")
    }

    fn config(&self) -> &ConfigDef {
        static DEF: OnceLock<ConfigDef> = OnceLock::new();
        let file = ConfigKey::new("file", Kind::String, "The file that holds the table.");
        DEF.get_or_init(|| ConfigDef::new(vec![file.required()]))
    }

    fn record_sink(&self, settings: &Settings, _: TaskContext) -> Result<Box<dyn RecordSink>> {
        let path = PathBuf::from(settings.text("file"));
        let table = Table::read(&path)?;
        let reporter = ErrantRecordReporter::default();
        Ok(Box::new(Latest {
            path,
            table,
            reporter,
        }))
    }
}

/// What the file holds: the rows, and which records have had their effect on them.
#[derive(Default, Serialize, Deserialize)]
struct Table {
    /// Of each `topic-partition` the offset of the next record.
    next: BTreeMap<String, i64>,
    rows: BTreeMap<String, Row>,
}

/// The latest value of a key, and how many records there were of it.
#[derive(Default, Serialize, Deserialize)]
struct Row {
    value: String,
    records: u64,
}

impl Table {
    fn read(path: &Path) -> Result<Self> {
        match std::fs::read(path) {
            Ok(text) => serde_json::from_slice(&text).map_err(|error| {
                let what = format!("{} is not a table of this sink's", path.display());
                let error = ConnectorError::stop("NoTable", what).because(error);
                error.remedy("name another file, or take this one away")
            }),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(away(path, error)),
        }
    }

    /// Puts the new table in the place of the old one: a crash leaves one of them whole.
    fn write(&self, path: &Path) -> std::io::Result<()> {
        let beside = path.with_extension("new");
        let mut file = File::create(&beside)?;
        serde_json::to_writer_pretty(&mut file, self)?;
        file.sync_all()?;
        std::fs::rename(&beside, path)?;
        // The rename is safe once the folder is.
        let folder = path.parent().filter(|folder| folder.is_dir());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
    }
}

fn away(path: &Path, error: std::io::Error) -> ConnectorError {
    let what = format!("cannot read or write {}", path.display());
    ConnectorError::retry("FileUnusable", what).because(error)
}

struct Latest {
    path: PathBuf,
    table: Table,
    reporter: ErrantRecordReporter,
}

impl Latest {
    fn take(&mut self, record: &ConnectRecord) -> Result<()> {
        if record.key.is_null() {
            return Err(ConnectorError::stop("NoKey", "a record without a key"));
        }
        let (key, value) = (record.key.text()?, record.value.text()?);
        let row = self.table.rows.entry(key).or_default();
        (row.value, row.records) = (value, row.records + 1);
        Ok(())
    }
}

impl RecordSink for Latest {
    fn report_to(&mut self, reporter: ErrantRecordReporter) {
        self.reporter = reporter;
    }

    fn put(&mut self, records: &[ConnectRecord]) -> Result<()> {
        for record in records {
            let Some(origin) = &record.origin else {
                continue;
            };
            let place = format!("{}-{}", origin.topic, origin.partition);
            let next = self.table.next.get(&place);
            if next.is_some_and(|next| origin.offset < *next) {
                // Delivered again: its effect is in the table.
                continue;
            }
            if let Err(error) = self.take(record) {
                self.reporter.report(record, error)?;
            }
            self.table.next.insert(place, origin.offset + 1);
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        let written = self.table.write(&self.path);
        written.map_err(|error| away(&self.path, error))
    }
}
