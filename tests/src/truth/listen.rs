//! Hears what a site's topics say and hands it to the audit.

use anyhow::{Context, Result, bail};
use apache_avro::types::Value;
use rdkafka::message::{BorrowedMessage, Message};

use super::audit::{Audit, Heard, Link};
use super::operations::Events;
use crate::topic::{self, Decoder, field, number, text};

/// Reads the transaction topic and the topics of all tables of `prefix`, at `read_committed`.
///
/// # Errors
/// If a topic cannot be read or a record is not what it should be.
pub fn listen(bootstrap: &str, registry: &str, prefix: &str) -> Result<Audit> {
    let mut audit = Audit::default();
    let mut decoder = Decoder::new(registry)?;
    let transactions = format!("{prefix}.transaction");
    topic::read(bootstrap, &transactions, |message| {
        let payload = message
            .payload()
            .context("a transaction record without a value")?;
        audit.hear(transaction(&decoder.decode(payload)?, message)?);
        Ok(())
    })?;
    for name in topic::topics(bootstrap, &format!("{prefix}."))? {
        if name == transactions {
            continue;
        }
        let table = name[prefix.len() + 1..].to_owned();
        topic::read(bootstrap, &name, |message| {
            if let Some(key) = message.key() {
                decoder.decode(key).context("its key")?;
            }
            // A tombstone is for compaction only and no event.
            if let Some(payload) = message.payload() {
                let value = decoder.decode(payload)?;
                audit.hear(row(&table, message.partition(), &value)?);
            }
            Ok(())
        })?;
    }
    Ok(audit)
}

/// Understands a record of the transaction topic.
fn transaction(value: &Value, message: &BorrowedMessage<'_>) -> Result<Heard> {
    let id = text(value, "id").context("no id")?.to_owned();
    let headers = ["wb.lsn", "wb.prev", "wb.seq"].map(|name| topic::header(message, name));
    let [Some(lsn), Some(prev), Some(seq)] = headers else {
        bail!("{id}: the headers wb.lsn, wb.prev, wb.seq are {headers:?}");
    };
    let link = Link { lsn, prev, seq };
    match text(value, "status") {
        Some("BEGIN") => Ok(Heard::Begin { id, link }),
        Some("END") => {
            let count = number(value, "event_count").context("END without event_count")?;
            let mut tables = Events::new();
            if let Some(Value::Array(collections)) = field(value, "data_collections") {
                for collection in collections {
                    let table = text(collection, "data_collection").context("a nameless table")?;
                    let count = number(collection, "event_count").context("no count")?;
                    tables.insert(table.to_owned(), u64::try_from(count)?);
                }
            }
            Ok(Heard::End {
                id,
                link,
                count: u64::try_from(count)?,
                tables,
            })
        }
        other => bail!("{id}: status {other:?}"),
    }
}

/// Understands a record of a table's topic.
fn row(table: &str, partition: i32, value: &Value) -> Result<Heard> {
    let source = field(value, "source").context("no source")?;
    let op = text(value, "op").context("no op")?;
    let Some(block) = field(value, "transaction") else {
        let lsn = number(source, "lsn").context("no lsn")?;
        if op != "r" {
            bail!("an event {op} outside of any transaction at LSN {lsn}");
        }
        return Ok(Heard::Row {
            table: table.to_owned(),
            partition,
            id: format!("snapshot:{lsn}"),
            order: None,
        });
    };
    let total = number(block, "total_order").context("no total_order")?;
    let own = number(block, "data_collection_order").context("no data_collection_order")?;
    Ok(Heard::Row {
        table: table.to_owned(),
        partition,
        id: text(block, "id").context("no transaction id")?.to_owned(),
        order: Some((u64::try_from(total)?, u64::try_from(own)?)),
    })
}
