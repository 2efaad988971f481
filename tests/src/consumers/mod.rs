//! Other people's consumers: Java's and Python's, and what they read compared with the database.
//!
//! * [`Reader`]: runs `tests/compat/ReadTopics.java` or `read_topics.py` over a site's topics;
//! * [`Images`]: replays a table's events to its last rows, as any consumer would;
//! * [`expected`]: what a consumer must see of a database's rows, computed by the database.

pub mod expected;
mod images;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use walbridge_lab::Site;

pub use images::{Images, Record, by_table};

/// Somebody else's consumer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reader {
    /// Java with Confluent's `KafkaAvroDeserializer`.
    JavaDeserializer,
    /// Java with Kafka Connect's `AvroConverter`.
    JavaConverter,
    /// Python with `confluent-kafka`.
    Python,
}

impl Reader {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::JavaDeserializer, Self::JavaConverter, Self::Python];

    /// Reads topics of a site to their present ends. A name that ends in `*` is a prefix, one that
    /// begins with `!` is left out.
    ///
    /// # Errors
    /// If it cannot be fetched, or fails.
    pub fn read(self, site: &Site, topics: &[&str]) -> Result<Vec<Record>> {
        let mut command = match self {
            Self::Python => {
                let mut python = Command::new("python3");
                python.env("PYTHONPATH", part("python")?);
                python.env("PYTHONWARNINGS", "ignore");
                python.arg(folder().join("read_topics.py"));
                python
            }
            Self::JavaDeserializer | Self::JavaConverter => {
                let (kafka, confluent) = (part("connect")?, part("confluent")?);
                let mut java = Command::new("java");
                java.args([
                    "-XX:TieredStopAtLevel=1",
                    "-XX:+UseSerialGC",
                    "-Xmx256m",
                    "-cp",
                ]);
                java.arg(format!("{}/*:{}/*", kafka.display(), confluent.display()));
                java.arg(folder().join("ReadTopics.java"));
                java
            }
        };
        command.args([site.kafka().bootstrap(), site.registry().url()]);
        match self {
            Self::Python => &mut command,
            Self::JavaDeserializer => command.arg("generic"),
            Self::JavaConverter => command.arg("converter"),
        };
        let output = command
            .args(topics)
            .output()
            .with_context(|| format!("running {self:?}"))?;
        let errors = String::from_utf8_lossy(&output.stderr);
        ensure!(
            output.status.success(),
            "{self:?} ended with {}:\n{errors}",
            output.status
        );
        let text = String::from_utf8(output.stdout)?;
        text.lines()
            .map(|line| Record::parse(line).with_context(|| format!("{self:?} printed {line}")))
            .collect()
    }
}

/// Returns the folder of the compatibility tests' files.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("compat")
}

/// Returns the schemas that the real Debezium registered: subject and text.
///
/// # Errors
/// If the files cannot be read.
pub fn goldens() -> Result<Vec<(String, String)>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder().join("golden"))? {
        let path = entry?.path();
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        let subject = name
            .strip_suffix(".json")
            .filter(|stem| stem.ends_with("-key") || stem.ends_with("-value"));
        if let Some(subject) = subject {
            found.push((
                subject.to_owned(),
                std::fs::read_to_string(&path)?.trim_end().to_owned(),
            ));
        }
    }
    found.sort();
    Ok(found)
}

/// Fetches a part through `parts.py` unless it is there, and returns its folder.
///
/// # Errors
/// If it cannot be fetched.
pub fn part(name: &str) -> Result<PathBuf> {
    fetch(name, &walbridge_lab::cache_dir()?, None)
}

fn fetch(name: &str, cache: &Path, search: Option<OsString>) -> Result<PathBuf> {
    let mut command = Command::new("python3");
    command.arg(folder().join("parts.py")).arg(name);
    command.env("WALBRIDGE_LAB_PARTS", cache);
    command.envs(search.map(|search| ("PATH", search)));
    let output = command.output().context("running python3")?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "fetching {name}: {errors}");
    let path = PathBuf::from(String::from_utf8(output.stdout)?.trim_end());
    ensure!(
        path.is_dir(),
        "parts.py printed {path:?}, which is no folder"
    );
    Ok(path)
}

/// Returns a JSON value in the one form that comparisons use: whole numbers without a point,
/// decimals without trailing zeros, also the ones of variable scale.
fn canonical(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(canonical).collect(),
        Value::Object(fields) => match decimal(fields) {
            Some(text) => serde_json::json!({ "decimal": text }),
            None => fields
                .iter()
                .map(|(name, field)| (name.clone(), canonical(field)))
                .collect(),
        },
        Value::Number(number) => match number.as_f64() {
            // A database writes 0 what a program writes 0.0 or -0.0.
            Some(float) if number.is_f64() && float.fract() == 0.0 && float.abs() < 9e15 => {
                Value::from(float as i64)
            }
            _ => value.clone(),
        },
        other => other.clone(),
    }
}

/// Reads `{"decimal": text}`, and Debezium's `{"scale": n, "value": {"bytes": base64}}`.
fn decimal(fields: &serde_json::Map<String, Value>) -> Option<String> {
    if let (1, Some(Value::String(text))) = (fields.len(), fields.get("decimal")) {
        return Some(trimmed(text));
    }
    let scale = usize::try_from(fields.get("scale")?.as_u64()?).ok()?;
    let bytes = base64(fields.get("value")?.get("bytes")?.as_str()?)?;
    (fields.len() == 2).then(|| trimmed(&scaled(&bytes, scale)))
}

fn trimmed(text: &str) -> String {
    let short = match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.'),
        false => text,
    };
    if short == "-0" {
        "0".to_owned()
    } else {
        short.to_owned()
    }
}

/// Writes a two's complement number with so many digits after the point.
fn scaled(bytes: &[u8], scale: usize) -> String {
    let negative = bytes.first().is_some_and(|first| first & 0x80 != 0);
    let mut digits: Vec<u8> = vec![0];
    // The absolute value is the complement plus one, so the carry begins with one.
    let mut add = |byte: u8| {
        let mut carry = u32::from(byte);
        for digit in &mut digits {
            carry += u32::from(*digit) * 256;
            *digit = (carry % 10) as u8;
            carry /= 10;
        }
        while carry > 0 {
            digits.push((carry % 10) as u8);
            carry /= 10;
        }
    };
    for byte in bytes {
        add(if negative { !byte } else { *byte });
    }
    if negative {
        let mut place = 0;
        loop {
            match digits.get_mut(place) {
                Some(9) => digits[place] = 0,
                Some(digit) => {
                    *digit += 1;
                    break;
                }
                None => {
                    digits.push(1);
                    break;
                }
            }
            place += 1;
        }
    }
    while digits.len() <= scale {
        digits.push(0);
    }
    let mut text: String = digits
        .iter()
        .rev()
        .map(|digit| char::from(b'0' + digit))
        .collect();
    if scale > 0 {
        text.insert(text.len() - scale, '.');
    }
    let text = match text.trim_start_matches('0') {
        rest if rest.is_empty() || rest.starts_with('.') => format!("0{rest}"),
        rest => rest.to_owned(),
    };
    if negative { format!("-{text}") } else { text }
}

/// Decodes base64 as the programs print it, with padding.
fn base64(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut held) = (0_u32, 0);
    for c in text.bytes().take_while(|c| *c != b'=') {
        let six = match c {
            b'A'..=b'Z' => c - b'A',
            b'a'..=b'z' => c - b'a' + 26,
            b'0'..=b'9' => c - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(six);
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held) as u8);
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Maven prints colour codes in its quiet mode too.
    #[test]
    fn what_a_fetching_program_prints_is_not_part_of_the_folder() -> Result<()> {
        use std::os::unix::fs::PermissionsExt;
        let cache = tempfile::tempdir()?;
        let mvn = cache.path().join("mvn");
        std::fs::write(&mvn, "#!/bin/sh\nprintf '\\033[0m\\033[0m'\n")?;
        std::fs::set_permissions(&mvn, PermissionsExt::from_mode(0o755))?;
        let mut search = OsString::from(cache.path());
        search.push(":");
        search.push(std::env::var_os("PATH").unwrap_or_default());
        let path = fetch("connect", cache.path(), Some(search))?;
        assert_eq!(path, cache.path().join("compat/connect"));
        Ok(())
    }

    #[test]
    fn writes_numbers_of_any_length() {
        assert_eq!(scaled(&[0x30, 0x39], 2), "123.45");
        assert_eq!(scaled(&[0xff], 3), "-0.001");
        assert_eq!(scaled(&[0x80], 0), "-128");
        assert_eq!(
            scaled(&[0x05, 0x6b, 0xc7, 0x5e, 0x2d, 0x63, 0x10, 0, 0], 0),
            "100000000000000000000"
        );
        assert_eq!(trimmed("1.500"), "1.5");
        assert_eq!(trimmed("100"), "100");
        assert_eq!(base64("AQID/w==").unwrap(), [1, 2, 3, 255]);
    }
}
