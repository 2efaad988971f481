//! Watches what the slot keeps on the server, and tables that come to be wanted.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use walbridge_connector_api::Result;

use crate::catalog::{Catalog, number};
use crate::config::Autocreate;
use crate::identity;
use crate::looks::Looks;
use crate::publication;
use crate::shared::{Shared, now_us};
use crate::slot::{self, Retention};

const INTERVAL: Duration = Duration::from_secs(2);
const TABLES_INTERVAL: Duration = Duration::from_secs(10);

/// Watches until the task stops; trouble here is none of the stream's, and only logged.
pub(crate) fn run(shared: &Shared) {
    let mut watch = Watch::default();
    while !shared.stop.sleep(INTERVAL) {
        if let Err(error) = watch.look(shared) {
            tracing::debug!(%error, "cannot look at the slot");
            watch.catalog = None;
        }
    }
}

#[derive(Default)]
struct Watch {
    catalog: Option<Catalog>,
    tables_at: Option<Instant>,
    warned: bool,
    left_out: BTreeSet<u32>,
    looks: Looks,
    /// Whether it was said what the slot waits for.
    told: bool,
    /// Why a table did not get its replica identity.
    unset: String,
}

impl Watch {
    fn look(&mut self, shared: &Shared) -> Result<()> {
        let options = &shared.options;
        let catalog = match &mut self.catalog {
            Some(catalog) => catalog,
            none => none.insert(Catalog::open(&options.database, &shared.stop)?),
        };
        let phase = shared.metrics.facts().get("phase").cloned();
        let creating = phase.as_deref() == Some(slot::CREATING);
        if creating || self.told {
            let awaited = match creating {
                true => slot::awaited(catalog)?,
                false => Vec::new(),
            };
            self.told = !awaited.is_empty();
            shared.metrics.fact("waiting for", awaited.join("; "));
        }
        let asked_ms = now_us() / 1000;
        if let Some(retention) = slot::retention(catalog, &options.slot)? {
            report(shared, &retention, &mut self.looks, asked_ms);
            // Half the limit is used up: time to say so, while there is time to act.
            let short = retention.safe.is_some_and(|safe| safe < retention.retained);
            if (short || retention.endangered) && !self.warned {
                tracing::warn!(
                    slot = %options.slot,
                    retained_bytes = retention.retained,
                    safe_bytes = retention.safe,
                    "the slot keeps more than half of the write-ahead log it may; when it keeps all, it is lost"
                );
            }
            self.warned = short || retention.endangered;
        }
        let due = self
            .tables_at
            .is_none_or(|at| at.elapsed() >= TABLES_INTERVAL);
        if phase.as_deref() == Some("streaming") && due {
            self.tables_at = Some(Instant::now());
            // Also of tables that have come since the start.
            let set = identity::set(catalog, options);
            let tables = identity::without(catalog, options)?;
            tell_identities(shared, &tables, set, &mut self.unset);
            if options.autocreate == Autocreate::Filtered {
                let version = number(&catalog.row("SHOW server_version_num")?, 0);
                publication::extend(catalog, options, version, &mut self.left_out)?;
            }
        }
        Ok(())
    }
}

/// Tells which published tables have no replica identity, and why one did not get its own; `unset` is what was
/// told of that last.
fn tell_identities(shared: &Shared, tables: &[String], set: Result<()>, unset: &mut String) {
    let metrics = &shared.metrics;
    metrics.fact("no replica identity", identity::shown(tables));
    let count = i64::try_from(tables.len()).unwrap_or(i64::MAX);
    metrics
        .tables_without_identity
        .store(count, Ordering::Relaxed);
    let trouble = set.err().map(|error| error.to_string()).unwrap_or_default();
    if trouble != *unset && !trouble.is_empty() {
        tracing::warn!(error = trouble, "a table does not get its replica identity");
    }
    metrics.fact("replica identity not set", trouble.as_str());
    *unset = trouble;
}

fn report(shared: &Shared, retention: &Retention, looks: &mut Looks, asked_ms: i64) {
    let metrics = &shared.metrics;
    let gauge = |bytes: u64| i64::try_from(bytes).unwrap_or(i64::MAX);
    metrics
        .retained_wal_bytes
        .store(gauge(retention.retained), Ordering::Relaxed);
    if let Some(safe) = retention.safe {
        metrics.safe_wal_bytes.store(gauge(safe), Ordering::Relaxed);
    }
    let stored = shared.stored();
    if !stored.is_zero() {
        let lag = retention.current.since(stored);
        metrics.lag_bytes.store(gauge(lag), Ordering::Relaxed);
        let since = looks.behind_since(retention.current, stored, shared.is_even(), asked_ms);
        metrics.measured(asked_ms, since);
    }
}
