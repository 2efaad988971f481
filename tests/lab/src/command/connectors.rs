//! Creates the connectors that stand as JSON files in a site's folder of `configs/`.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;
use walbridge_lab::{Http, Site, wait_for};

use super::repository;

/// Puts every JSON file of the site's folder to the site's worker and returns the names.
pub(super) fn create(site: &Site) -> Result<Vec<String>> {
    let http = Http::new()?;
    let mut names = Vec::new();
    for file in files(site)? {
        let (name, config) = read(&file).with_context(|| format!("reading {}", file.display()))?;
        let url = format!("{}/connectors/{name}/config", site.connect_url());
        wait_for(
            &format!("{name} to be created"),
            Duration::from_secs(30),
            || http.put(&url, &config).map(Some),
        )?;
        names.push(name);
    }
    Ok(names)
}

fn files(site: &Site) -> Result<Vec<PathBuf>> {
    let dir = repository().join("configs").join(site.name());
    let mut files: Vec<PathBuf> = std::fs::read_dir(&dir)
        .with_context(|| format!("reading {}", dir.display()))?
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "json")
        })
        .collect();
    files.sort();
    Ok(files)
}

/// Reads a file that holds `{"name": …, "config": {…}}`, or the configuration alone, which is then
/// named by its `name` or by the file.
fn read(file: &std::path::Path) -> Result<(String, Value)> {
    let mut whole: Value = serde_json::from_str(&std::fs::read_to_string(file)?)?;
    let config = match whole.get_mut("config") {
        Some(config) => config.take(),
        None => whole.clone(),
    };
    let name = whole
        .get("name")
        .or_else(|| config.get("name"))
        .and_then(Value::as_str);
    let stem = || file.file_stem().and_then(|stem| stem.to_str());
    let name = name.or_else(stem).context("it has no name")?.to_owned();
    Ok((name, config))
}
