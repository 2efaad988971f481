//! `lab topic`: a site's topics, and their records with Avro made readable.

use std::collections::BTreeMap;
use std::fmt::Write as _;

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
    /// Print the first so many records
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
        let lines = self.records(site, topic)?;
        let skipped = self.last.map_or(0, |last| lines.len().saturating_sub(last));
        let mut schemas = Schemas {
            url: site.registry().url(),
            http: Http::new()?,
            known: BTreeMap::new(),
        };
        for line in lines.iter().skip(skipped) {
            print!("{}", schemas.readable(line)?);
        }
        Ok(())
    }

    /// Reads what is committed, one record a line, bytes escaped.
    fn records(&self, site: &Site, topic: &str) -> Result<Vec<String>> {
        let first = self.first.to_string();
        let bytes = "org.apache.kafka.common.serialization.BytesDeserializer";
        let mut args = vec!["--topic", topic, "--from-beginning", "--timeout-ms", "3000"];
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
        if self.last.is_none() {
            args.extend(["--max-messages", &first]);
        }
        let text = tool(
            site,
            "org.apache.kafka.tools.consumer.ConsoleConsumer",
            &args,
        )?;
        Ok(text.lines().map(str::to_owned).collect())
    }
}

fn tool(site: &Site, class: &str, args: &[&str]) -> Result<String> {
    let bootstrap = site.kafka().bootstrap();
    let args = [&["--bootstrap-server", bootstrap.as_str()], args].concat();
    let output = site.kafka().tool(class, &args).output()?;
    // The consumer ends with an error when it has waited long enough for more: not one of ours.
    let said = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() && !said.contains("TimeoutException") {
        bail!("{class}: {said}");
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
