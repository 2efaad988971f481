//! A site's folder: its worker files and its connectors' files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use walbridge::connector;

/// A connector's file, and what it says.
pub(crate) struct ConnectorFile {
    pub(crate) path: PathBuf,
    pub(crate) name: String,
    pub(crate) config: BTreeMap<String, String>,
}

/// What files and folders hold.
#[derive(Default)]
pub(crate) struct Folder {
    /// Worker files (.toml).
    pub(crate) workers: Vec<PathBuf>,
    /// Connectors (.json), by name.
    pub(crate) connectors: Vec<ConnectorFile>,
    /// What is wrong with the files as such, each with the file's name.
    pub(crate) mistakes: Vec<String>,
}

impl Folder {
    /// Reads files, and the .toml and .json files of folders.
    pub(crate) fn read(paths: &[PathBuf]) -> Self {
        let mut folder = Self::default();
        for path in paths {
            match listed(path) {
                Ok(files) => files.iter().for_each(|file| folder.add(file)),
                Err(why) => folder.mistakes.push(format!("{}: {why}", path.display())),
            }
        }
        folder.connectors.sort_by(|a, b| a.name.cmp(&b.name));
        for pair in folder.connectors.windows(2) {
            if let [one, other] = pair
                && one.name == other.name
            {
                let (at, also) = (other.path.display(), one.path.display());
                folder
                    .mistakes
                    .push(format!("{at}: connector {} is in {also} too", one.name));
            }
        }
        folder
    }

    fn add(&mut self, file: &Path) {
        if file.extension().is_some_and(|ext| ext == "toml") {
            self.workers.push(file.to_owned());
            return;
        }
        let read = std::fs::read_to_string(file)
            .map_err(|error| error.to_string())
            .and_then(|text| connector::parse_request(&text));
        match read {
            Ok(mut config) => {
                // A bare configuration may leave its name to the file's.
                let stem = file
                    .file_stem()
                    .map(|stem| stem.to_string_lossy().into_owned());
                let name = config
                    .entry("name".into())
                    .or_insert_with(|| stem.unwrap_or_default());
                let name = name.clone();
                let path = file.to_owned();
                self.connectors.push(ConnectorFile { path, name, config });
            }
            Err(why) => self.mistakes.push(format!("{}: {why}", file.display())),
        }
    }
}

/// Returns a file itself, or what is of use in a folder, in order.
fn listed(path: &Path) -> Result<Vec<PathBuf>, String> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let entries = std::fs::read_dir(path).map_err(|error| error.to_string())?;
    let mut files = Vec::new();
    for entry in entries {
        let file = entry.map_err(|error| error.to_string())?.path();
        let of_use = file
            .extension()
            .is_some_and(|ext| ext == "toml" || ext == "json");
        if of_use && file.is_file() {
            files.push(file);
        }
    }
    files.sort();
    if files.is_empty() {
        return Err("there is neither a worker file (.toml) nor a connector's (.json)".into());
    }
    Ok(files)
}
