//! Loading a snapshot: it begins with the tables, goes on with rows as they come, and ends with the
//! counts. Until then the target is no standby, and says so.

use walbridge_connector_api::{ConnectorError, Result};
use walbridge_postgres::Lsn;
use walbridge_postgres::ident::qualified;

use walbridge_schemas::transaction::Status;

use crate::apply::{Refused, Run};
use crate::definition::Definition;
use crate::evolve::Standing;
use crate::marker::{Marker, Unit};
use crate::params::{Array, Raw, texts};
use crate::position::{ADVANCE, Phase};
use crate::rows::Kept;
use crate::sink::Sink;
use crate::table::TargetTable;
use crate::target::origin_sql;
use crate::truncate::Emptied;

const LOADED: &str = "\
UPDATE walbridge.relation AS r SET loaded = s.loaded
FROM unnest($2::text[], $3::bigint[]) AS s(topic, loaded) WHERE r.link = $1 AND r.topic = s.topic";

/// Notes that snapshot $2, which was being loaded, is given up for $3.
const GIVE_UP: &str = "\
WITH begun AS (
    DELETE FROM walbridge.given_up WHERE link = $1 AND snapshot_lsn = $3
)
INSERT INTO walbridge.given_up (link, snapshot_lsn) SELECT $1, $2::pg_lsn
WHERE $2::pg_lsn <> $3::pg_lsn
ON CONFLICT DO NOTHING";

/// Notes what the snapshot is known by; the fence is asked for when the position moves.
const TAKEN: &str =
    "UPDATE walbridge.position SET snapshot_ts = $2, snapshot_since = $3 WHERE link = $1";

impl Sink {
    /// Begins to load a snapshot: all its tables are there and empty afterwards.
    pub(crate) fn begin_loading(&mut self, begin: Marker) -> Result<()> {
        let Unit::Snapshot(lsn) = begin.unit else {
            return Ok(());
        };
        if self.pending.transactions > 0 {
            self.commit()?;
        }
        tracing::info!(%lsn, tables = begin.tables.len(), "a snapshot begins");
        if self.is_loading() {
            self.give_up(lsn)?;
        }
        self.go_on(begin.since_us)?;
        self.note_taken(&begin)?;
        let mut followed = Vec::new();
        let mut filled = Vec::new();
        for definition in &begin.tables {
            let Some(topic) = self.topic_of_collection(&definition.collection()) else {
                continue;
            };
            let ours = self.topics[topic].definition.is_some();
            filled.extend(self.filled(definition, ours)?);
            followed.push((topic, definition));
        }
        self.empty(&filled)?;
        for (topic, definition) in followed {
            let former = self.topics[topic].definition.take();
            self.shape(definition, former.as_ref(), Standing::Go)?;
            let name = self.topics[topic].name.to_string();
            self.remember(&name, definition)?;
            self.topics[topic].definition = Some(definition.clone());
            self.topics[topic].active = None;
        }
        self.position.phase = Phase::Loading;
        self.position.snapshot_lsn = lsn;
        self.position.epoch = begin.epoch;
        self.position.commit_ts = begin.ts_us;
        self.position.snapshot_ts = Some(begin.ts_us);
        self.position.snapshot_since = Some(begin.since_us);
        self.start(begin);
        Ok(())
    }

    /// Remembers what tells the snapshot from one that comes again.
    fn note_taken(&mut self, begin: &Marker) -> Result<()> {
        let times = [begin.ts_us, begin.since_us].map(Raw::timestamp);
        let link = self.config.link.clone();
        let mut run = Run::new(&mut self.target, &self.rows, &self.bindings, &link);
        let [taken, since] = times;
        run.statement(TAKEN, vec![Raw::text(&link), taken, since], Some(1))
            .map_err(Refused::Error)
            .and_then(|()| run.send())
            .map_err(Refused::error)
    }

    /// Remembers that the snapshot being loaded is given up for another: partitions come in any order,
    /// so its last rows may come long after the other one has ended.
    fn give_up(&mut self, other: Lsn) -> Result<()> {
        let former = self.position.snapshot_lsn;
        self.given_up.insert(former);
        self.given_up.remove(&other);
        let long = |lsn: Lsn| Raw::long(lsn.0.cast_signed());
        let link = self.config.link.clone();
        let mut run = Run::new(&mut self.target, &self.rows, &self.bindings, &link);
        run.statement(
            GIVE_UP,
            vec![Raw::text(&link), long(former), long(other)],
            None,
        )
        .map_err(Refused::Error)
        .and_then(|()| run.send())
        .map_err(Refused::error)
    }

    /// Returns a table that has rows, to be emptied; one with rows that this link did not write is
    /// refused.
    fn filled(&mut self, definition: &Definition, ours: bool) -> Result<Option<Emptied>> {
        let (schema, name) = (&definition.schema, &definition.table);
        let session = &self.target.session;
        let Some(table) = TargetTable::load(session, &mut self.types, schema, name)? else {
            return Ok(None);
        };
        let filled = self.has_rows(definition)?;
        if filled && !ours && !self.config.truncate_nonempty {
            return Err(ConnectorError::stop(
                "SnapshotTargetNotEmpty",
                format!(
                    "table {} at the target holds rows that link {} never wrote",
                    definition.collection(),
                    self.config.link
                ),
            )
            .remedy(
                "empty the table, point the sink at another database, or set \
                 snapshot.target.nonempty to truncate",
            ));
        }
        let name = qualified(schema, name);
        Ok(filled.then(|| Emptied {
            rows: table.rows(&name),
            name,
        }))
    }

    /// Goes on with a snapshot that was being loaded when the task last ended; `loaded` says how many
    /// rows of each topic are there.
    pub(crate) fn resume_loading(&mut self, loaded: &[(usize, u64)]) {
        let at = &self.position;
        let begin = Marker {
            status: Status::Begin,
            unit: Unit::Snapshot(at.snapshot_lsn),
            epoch: at.epoch,
            lsn: at.snapshot_lsn,
            prev: at.snapshot_lsn,
            seq: 0,
            ts_us: at.commit_ts,
            since_us: at.snapshot_since.unwrap_or(at.commit_ts),
            tables: Vec::new(),
            counts: Vec::new(),
        };
        self.start(begin);
        for (topic, loaded) in loaded {
            self.topics[*topic].taken = *loaded;
        }
    }

    /// Commits the rows loaded so far, with the offsets up to which they are.
    pub(crate) fn commit_loading(&mut self) -> Result<()> {
        let touched: Vec<usize> = self.dirty.clone();
        self.flush(true)?;
        let mut loaded = Array::new(20);
        for at in &touched {
            let taken = self.topics[*at].taken;
            let _ = loaded.push(|out| {
                out.extend_from_slice(&(taken as i64).to_be_bytes());
                Ok::<_, std::convert::Infallible>(())
            });
        }
        let topics = texts(touched.iter().map(|at| &*self.topics[*at].name));
        let (params, lanes) = self.advance_params();
        let origin = origin_sql(self.position.snapshot_lsn, self.position.commit_ts);
        let link = self.config.link.clone();
        let mut run = Run::new(&mut self.target, &self.rows, &self.bindings, &link);
        run.sql(origin);
        let sent = run
            .statement(
                LOADED,
                vec![Raw::text(&link), topics, loaded.finish()],
                None,
            )
            .and_then(|()| run.statement(ADVANCE, params, Some(1)))
            .map_err(Refused::Error)
            .and_then(|()| run.send());
        self.end(sent)?;
        for (lane, next) in lanes {
            self.rows.lanes[lane].stored = next;
        }
        self.rows.release(Kept::default());
        self.count();
        Ok(())
    }
}
