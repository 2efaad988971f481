//! `lab topic`: a site's topics, and their records with Avro made readable.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use apache_avro::Schema;
use apache_avro::reader::datum::GenericDatumReader;
use serde_json::Value;
use walbridge_lab::{Http, Lab, Site};

/// List a site's topics, or print the records of one.
#[derive(Debug, clap::Args)]
pub(super) struct Topic {
    /// east or west
    site: String,
    /// The topic; all topics are listed without it
    topic: Option<String>,
    /// Print the first so many records of each partition
    #[arg(long, default_value_t = 10, conflicts_with = "last")]
    first: usize,
    /// Print the last so many records instead
    #[arg(long)]
    last: Option<usize>,
}

impl Topic {
    /// Runs the command.
    pub(super) fn run(&self, lab: &Lab) -> Result<()> {
        let site = lab.site(&self.site)?;
        let Some(topic) = &self.topic else {
            let list = tool(site, "org.apache.kafka.tools.TopicCommand", &["--list"])?;
            print!("{list}");
            return Ok(());
        };
        let mut schemas = Schemas {
            url: site.registry().url(),
            http: Http::new()?,
            known: BTreeMap::new(),
        };
        for line in self.records(site, topic)? {
            print!("{}", schemas.readable(&line)?);
        }
        Ok(())
    }

    /// Reads what is committed of every partition, one record a line, bytes escaped.
    fn records(&self, site: &Site, topic: &str) -> Result<Vec<String>> {
        let ends = tool(
            site,
            "org.apache.kafka.tools.GetOffsetShell",
            &["--topic-partitions", topic],
        )
        .with_context(|| {
            let site = &self.site;
            format!(
                "topic {topic} cannot be read in {site}; `./lab topic {site}` lists those there are"
            )
        })?;
        let mut lines = Vec::new();
        for line in ends.lines() {
            let mut fields = line.rsplitn(3, ':');
            let (Some(end), Some(partition)) = (fields.next(), fields.next()) else {
                continue;
            };
            lines.extend(self.partition(site, topic, partition, end.parse()?)?);
        }
        Ok(lines)
    }

    /// Reads a partition up to where it ends now: one that grows would never be through.
    fn partition(
        &self,
        site: &Site,
        topic: &str,
        partition: &str,
        end: u64,
    ) -> Result<Vec<String>> {
        // Markers take offsets too, so the last records may begin further back.
        let begin = self
            .last
            .map_or(0, |last| end.saturating_sub(4 * last as u64 + 20));
        let mut command = consumer(site, topic, partition, begin);
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let mut lines = Vec::new();
        for line in BufReader::new(child.stdout.take().context("no output")?).lines() {
            let line = line?;
            let offset = line
                .split('\t')
                .find_map(|field| field.strip_prefix("Offset:"));
            let beyond = offset
                .and_then(|text| text.parse::<u64>().ok())
                .is_some_and(|at| at >= end);
            if beyond || (self.last.is_none() && lines.len() == self.first) {
                break;
            }
            lines.push(line);
        }
        child.kill()?;
        child.wait()?;
        Ok(lines.split_off(self.last.map_or(0, |last| lines.len().saturating_sub(last))))
    }
}

/// Prepares Kafka's own consumer, which ends when nothing comes for three seconds.
fn consumer(site: &Site, topic: &str, partition: &str, begin: u64) -> Command {
    let bytes = "org.apache.kafka.common.serialization.BytesDeserializer";
    let (bootstrap, begin) = (site.kafka().bootstrap(), begin.to_string());
    let mut args = vec!["--bootstrap-server", &bootstrap, "--topic", topic];
    args.extend([
        "--partition",
        partition,
        "--offset",
        &begin,
        "--timeout-ms",
        "3000",
    ]);
    args.extend(["--isolation-level", "read_committed"]);
    let properties = [
        format!("key.deserializer={bytes}"),
        format!("value.deserializer={bytes}"),
        "print.key=true".to_owned(),
        "print.partition=true".to_owned(),
        "print.offset=true".to_owned(),
    ];
    for property in &properties {
        args.extend(["--formatter-property", property]);
    }
    site.kafka()
        .tool("org.apache.kafka.tools.consumer.ConsoleConsumer", &args)
}

fn tool(site: &Site, class: &str, args: &[&str]) -> Result<String> {
    let bootstrap = site.kafka().bootstrap();
    let args = [&["--bootstrap-server", bootstrap.as_str()], args].concat();
    let output = site.kafka().tool(class, &args).output()?;
    if !output.status.success() {
        bail!("{class}: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The schemas seen so far.
struct Schemas {
    url: String,
    http: Http,
    known: BTreeMap<u32, Schema>,
}

impl Schemas {
    fn readable(&mut self, line: &str) -> Result<String> {
        let fields: Vec<&str> = line.split('\t').collect();
        let [partition, offset, key, value] = fields[..] else {
            return Ok(format!("{line}\n"));
        };
        let mut text = format!("{partition} {offset}\n");
        for (name, field) in [("key", key), ("value", value)] {
            writeln!(text, "  {name:<6}{}", self.field(field)?)?;
        }
        Ok(text)
    }

    fn field(&mut self, escaped: &str) -> Result<String> {
        if escaped == "null" {
            return Ok("null".to_owned());
        }
        let bytes = unescape(escaped);
        let [0, a, b, c, d, ref body @ ..] = bytes[..] else {
            return Ok(escaped.to_owned());
        };
        let id = u32::from_be_bytes([a, b, c, d]);
        let schema = match self.known.entry(id) {
            std::collections::btree_map::Entry::Occupied(known) => known.into_mut(),
            std::collections::btree_map::Entry::Vacant(new) => {
                let answer = self.http.get(&format!("{}/schemas/ids/{id}", self.url))?;
                let text = answer["schema"]
                    .as_str()
                    .context("the registry sent no schema")?;
                new.insert(Schema::parse_str(text)?)
            }
        };
        let value = GenericDatumReader::builder(schema)
            .build()?
            .read_value(&mut std::io::Cursor::new(body))?;
        Ok(Value::try_from(value)?.to_string())
    }
}

/// Takes back the escapes of Kafka's `Bytes.toString`: `\xNN`.
fn unescape(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find("\\x") {
        let (plain, escape) = rest.split_at(at);
        bytes.extend_from_slice(plain.as_bytes());
        match escape
            .get(2..4)
            .and_then(|hex| u8::from_str_radix(hex, 16).ok())
        {
            Some(byte) => bytes.push(byte),
            None => break,
        }
        rest = escape.get(4..).unwrap_or_default();
    }
    bytes.extend_from_slice(rest.as_bytes());
    bytes
}

#[cfg(test)]
mod tests {
    #[test]
    fn takes_escapes_back() {
        assert_eq!(super::unescape(r"a\x00\xFFz"), [b'a', 0, 255, b'z']);
    }
}
