//! `walbridge apply`: brings a running group to what a folder says.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::ExitCode;

use serde_json::Value;

use super::client::{Client, Failure, Target};
use super::folder::{ConnectorFile, Folder};
use super::{CONFIGURATION, ENVIRONMENT, fail, say};

/// What the worker shows instead of a secret.
const MASK: &str = "********";

/// What is to be done besides showing.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wishes {
    /// Delete connectors that are in no file.
    pub(crate) delete: bool,
    /// Only show.
    pub(crate) dry_run: bool,
    /// Write connectors with secrets in them even if nothing else differs.
    pub(crate) secrets: bool,
}

enum Step<'a> {
    Create(&'a ConnectorFile),
    Update(&'a ConnectorFile),
    Delete(String),
}

/// Shows how the group differs from the files, and changes the group.
pub(crate) fn apply(paths: &[PathBuf], target: &Target, wishes: Wishes) -> ExitCode {
    let folder = Folder::read(paths);
    if !folder.mistakes.is_empty() {
        return fail(CONFIGURATION, &folder.mistakes.join("\nwalbridge: "));
    }
    let client = match Client::new(target) {
        Ok(client) => client,
        Err(why) => return fail(CONFIGURATION, &why),
    };
    match run(&folder, &client, wishes) {
        Ok(code) => code,
        Err(failure) => {
            let code = if failure.status == Some(400) {
                CONFIGURATION
            } else {
                ENVIRONMENT
            };
            fail(code, &failure.words)
        }
    }
}

fn run(folder: &Folder, client: &Client, wishes: Wishes) -> Result<ExitCode, Failure> {
    let present = present(client)?;
    let steps = steps(folder, &present, wishes);
    if steps.is_empty() {
        say("nothing to do");
        return Ok(ExitCode::SUCCESS);
    }
    // All or nothing, as far as mistakes can be seen beforehand.
    let mut mistakes = 0;
    for step in &steps {
        if let Step::Create(file) | Step::Update(file) = step {
            mistakes += validate(client, file)?;
        }
    }
    if mistakes > 0 {
        let words = format!("{mistakes} mistakes; nothing was changed");
        return Ok(fail(CONFIGURATION, &words));
    }
    if wishes.dry_run {
        say("nothing was changed (--dry-run)");
        return Ok(ExitCode::SUCCESS);
    }
    for step in &steps {
        match step {
            Step::Create(file) | Step::Update(file) => {
                client.put(&["connectors", &file.name, "config"], &file.config)?;
            }
            Step::Delete(name) => {
                client.delete(&["connectors", name])?;
            }
        }
    }
    say(&format!("done: {} connectors changed", steps.len()));
    Ok(ExitCode::SUCCESS)
}

/// Returns the group's connectors and their configurations, secrets masked.
fn present(client: &Client) -> Result<BTreeMap<String, BTreeMap<String, String>>, Failure> {
    let all = client.get(&["connectors"], "expand=info")?;
    let mut found = BTreeMap::new();
    for (name, entry) in all.as_object().into_iter().flatten() {
        let config = entry["info"]["config"].as_object().into_iter().flatten();
        let texts = config.map(|(key, value)| (key.clone(), text(value)));
        found.insert(name.clone(), texts.collect());
    }
    Ok(found)
}

fn text(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

/// Finds out what is to be done, and shows it.
fn steps<'a>(
    folder: &'a Folder,
    present: &BTreeMap<String, BTreeMap<String, String>>,
    wishes: Wishes,
) -> Vec<Step<'a>> {
    let mut steps = Vec::new();
    for file in &folder.connectors {
        let Some(now) = present.get(&file.name) else {
            say(&format!("+ {} ({})", file.name, file.path.display()));
            steps.push(Step::Create(file));
            continue;
        };
        let lines = difference(now, &file.config, wishes.secrets);
        if !lines.is_empty() {
            say(&format!("~ {} ({})", file.name, file.path.display()));
            lines.iter().for_each(|line| say(line));
            steps.push(Step::Update(file));
        }
    }
    let named: BTreeSet<&String> = folder.connectors.iter().map(|file| &file.name).collect();
    for name in present.keys().filter(|name| !named.contains(name)) {
        if wishes.delete {
            say(&format!("- {name}"));
            steps.push(Step::Delete(name.clone()));
        } else {
            say(&format!("  {name} is in no file; --delete would delete it"));
        }
    }
    steps
}

/// Describes how a configuration would change, a line per key; values that may be secret are not shown.
fn difference(
    now: &BTreeMap<String, String>,
    wanted: &BTreeMap<String, String>,
    secrets: bool,
) -> Vec<String> {
    let keys: BTreeSet<&String> = now.keys().chain(wanted.keys()).collect();
    let mut lines = Vec::new();
    for key in keys {
        let line = match (now.get(key), wanted.get(key)) {
            (Some(now), Some(wanted)) if now == wanted => continue,
            // The worker does not tell what it has.
            (Some(now), Some(_)) if now == MASK && !secrets => continue,
            (Some(now), Some(_)) if now == MASK => format!("    {key}: {MASK}, written anew"),
            (Some(now), Some(wanted)) => format!("    {key}: {now} -> {wanted}"),
            (Some(now), None) => format!("    {key}: {now} -> (gone)"),
            (None, Some(wanted)) => format!("    {key}: (new) -> {wanted}"),
            (None, None) => continue,
        };
        lines.push(line);
    }
    lines
}

/// Lets the worker check a connector's configuration; shows and counts the mistakes.
fn validate(client: &Client, file: &ConnectorFile) -> Result<usize, Failure> {
    let shown = file.path.display();
    let Some(class) = file.config.get("connector.class") else {
        say(&format!("{shown}: connector.class: is missing"));
        return Ok(1);
    };
    let path = ["connector-plugins", class, "config", "validate"];
    let answer = match client.put(&path, &file.config) {
        Ok(answer) => answer,
        Err(failure)
            if failure
                .status
                .is_some_and(|status| status == 400 || status == 404) =>
        {
            say(&format!("{shown}: connector.class: {}", failure.words));
            return Ok(1);
        }
        Err(failure) => return Err(failure),
    };
    let mut mistakes = 0;
    for entry in answer["configs"].as_array().into_iter().flatten() {
        for error in entry["value"]["errors"].as_array().into_iter().flatten() {
            let key = text(&entry["value"]["name"]);
            say(&format!("{shown}: {key}: {}", text(error)));
            mistakes += 1;
        }
    }
    Ok(mistakes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect()
    }

    #[test]
    fn a_difference_names_keys_and_no_secrets() {
        let now = config(&[
            ("a", "1"),
            ("password", MASK),
            ("gone", "x"),
            ("p", "${file:s:p}"),
        ]);
        let wanted = config(&[
            ("a", "2"),
            ("password", "swordfish"),
            ("new", "y"),
            ("p", "${file:s:p}"),
        ]);
        let lines = difference(&now, &wanted, false);
        assert_eq!(
            lines,
            [
                "    a: 1 -> 2",
                "    gone: x -> (gone)",
                "    new: (new) -> y"
            ]
        );
        let lines = difference(&now, &wanted, true).join("\n");
        assert!(lines.contains("password: ********, written anew") && !lines.contains("swordfish"));
    }
}
