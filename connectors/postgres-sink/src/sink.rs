//! The state of a running sink: the target, the stream's buffers, and where both stand.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Instant;

use walbridge_connector_api::{ConnectorError, Result, TaskContext, TopicPartition};
use walbridge_postgres::Lsn;
use walbridge_postgres::types::TypeCatalog;
use walbridge_schemas::ValueSchema;

use crate::binding::Binding;
use crate::config::Config;
use crate::definition::Definition;
use crate::event::{self, Event};
use crate::fold::Fold;
use crate::marker::Marker;
use crate::position::{Phase, Position};
use crate::rows::{Image, Plan, Rows};
use crate::schema::Schemas;
use crate::stopped::{self, Search};
use crate::target::Target;
use crate::wait::Told;

/// One table's topic and what is collected for the table.
#[derive(Debug)]
pub(crate) struct Topic {
    pub(crate) name: Arc<str>,
    pub(crate) lanes: Vec<usize>,
    /// Plans of the schemas seen here, by schema id.
    plans: Vec<(u32, u32)>,
    /// The plan that the rows in the fold have.
    pub(crate) active: Option<u32>,
    pub(crate) definition: Option<Definition>,
    pub(crate) fold: Fold<Image>,
    /// A row that leaves its key, waiting for the event that says where to.
    pub(crate) leaving: Option<(Event, Vec<u8>)>,
    /// Events taken of the transaction (or snapshot) at hand.
    pub(crate) taken: u64,
    /// Whether it is listed in [`Sink::dirty`].
    pub(crate) dirty: bool,
    /// Keys in the fold from before the last flush: their events cannot be replayed.
    pub(crate) held: bool,
}

/// The transaction or snapshot at hand.
#[derive(Debug)]
pub(crate) struct Current {
    pub(crate) begin: Marker,
    pub(crate) end: Option<Marker>,
    /// The topics in END with the events each must have.
    pub(crate) counts: Vec<(usize, u64)>,
    /// When its last row, or END, was taken.
    pub(crate) moved: Instant,
}

/// What is folded but not committed.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    pub(crate) transactions: u64,
    pub(crate) rows: u64,
    pub(crate) bytes: u64,
    /// Bytes taken since the last flush.
    pub(crate) unflushed: usize,
    pub(crate) since: Option<Instant>,
}

/// A running sink.
pub(crate) struct Sink {
    pub(crate) config: Config,
    pub(crate) context: TaskContext,
    pub(crate) schemas: Box<dyn Schemas>,
    pub(crate) target: Target,
    pub(crate) types: TypeCatalog,
    pub(crate) rows: Rows,
    /// By plan.
    pub(crate) bindings: Vec<Option<Binding>>,
    pub(crate) topics: Vec<Topic>,
    names: HashMap<Arc<str>, usize>,
    /// By lane: the topic, or `None` for the transaction topic and what may be it.
    pub(crate) topic_of: Vec<Option<usize>>,
    pub(crate) lane_of: HashMap<TopicPartition, usize>,
    /// By lane: the head, read.
    pub(crate) heads: Vec<Option<Event>>,
    pub(crate) transactions: Option<usize>,
    /// Lanes whose records must tell whether they are the transaction topic's or a table's.
    pub(crate) undecided: Vec<usize>,
    pub(crate) current: Option<Current>,
    /// The position as folded; committed only by [`commit`](Sink::commit).
    pub(crate) position: Position,
    /// The search for a snapshot ahead, while it goes on.
    pub(crate) search: Option<Search>,
    /// Whether the snapshot that begins next was found by a search.
    pub(crate) passing: bool,
    /// What was committed before this is passed over, µs since 1970: the link had stopped, and went on
    /// with a later snapshot.
    pub(crate) since_us: Option<i64>,
    /// Snapshots that were begun and given up for another.
    pub(crate) given_up: HashSet<Lsn>,
    pub(crate) dirty: Vec<usize>,
    pub(crate) pending: Pending,
    /// How many transactions this task has committed at the target.
    pub(crate) commits: u64,
    /// Events since the last flush of tables where the order of rows may matter.
    pub(crate) log: Vec<(usize, Event)>,
    /// Tables to truncate before anything else is done.
    pub(crate) truncates: Vec<usize>,
    /// The newest END seen: position, number, commit time.
    pub(crate) newest: (u64, u64, i64),
    /// When all that had come was applied, or the task began, µs since 1970.
    pub(crate) even_us: i64,
    /// What people were told of rows that are missing.
    pub(crate) told: Told,
    /// Memory for the key at hand.
    pub(crate) scratch: Vec<u8>,
}

impl Sink {
    pub(crate) fn new(
        config: Config,
        context: TaskContext,
        schemas: Box<dyn Schemas>,
        target: Target,
        position: Position,
    ) -> Self {
        Self {
            config,
            context,
            schemas,
            target,
            types: TypeCatalog::new(),
            rows: Rows::default(),
            bindings: Vec::new(),
            topics: Vec::new(),
            names: HashMap::new(),
            topic_of: Vec::new(),
            lane_of: HashMap::new(),
            heads: Vec::new(),
            transactions: None,
            undecided: Vec::new(),
            current: None,
            newest: (position.commit_lsn.0, position.seq, position.commit_ts),
            even_us: if position.phase == Phase::Streaming {
                -1
            } else {
                crate::task::now_us()
            },
            position,
            search: None,
            passing: false,
            since_us: None,
            given_up: HashSet::new(),
            dirty: Vec::new(),
            pending: Pending::default(),
            commits: 0,
            log: Vec::new(),
            truncates: Vec::new(),
            told: Told::Nothing,
            scratch: Vec::new(),
        }
    }

    /// Returns the topic with this name, a new one if there is none.
    pub(crate) fn topic(&mut self, name: &str) -> usize {
        if let Some(at) = self.names.get(name) {
            return *at;
        }
        let name: Arc<str> = name.into();
        self.names.insert(Arc::clone(&name), self.topics.len());
        self.topics.push(Topic {
            name,
            lanes: Vec::new(),
            plans: Vec::new(),
            active: None,
            definition: None,
            fold: Fold::new(),
            leaving: None,
            taken: 0,
            dirty: false,
            held: false,
        });
        self.topics.len() - 1
    }

    /// Returns the topic of a table that the transaction topic names; `None` if it is not followed.
    pub(crate) fn topic_of_collection(&mut self, collection: &str) -> Option<usize> {
        let transactions = self.transactions?;
        let transactions = Arc::clone(&self.rows.lanes[transactions].partition.topic);
        let name = self.config.table_topic(&transactions, collection);
        self.config.topics.contain(&name).then(|| self.topic(&name))
    }

    /// Returns the event at a lane's head, passing over tombstones.
    pub(crate) fn head(&mut self, lane: usize) -> Result<Option<Event>> {
        if let Some(event) = self.heads[lane] {
            return Ok(Some(event));
        }
        let Some(topic) = self.topic_of[lane] else {
            return Ok(None);
        };
        let id = loop {
            if self.rows.lanes[lane].is_empty() {
                return Ok(None);
            }
            match event::schema_id(&self.rows, lane)? {
                Some(id) => break id,
                None => self.rows.lanes[lane].take(),
            }
        };
        let plan = self.plan(topic, id, lane)?;
        let table = self.topics[topic].definition.as_ref();
        let event = event::read(&mut self.rows, lane, plan, table)?;
        self.heads[lane] = Some(event);
        Ok(Some(event))
    }

    fn plan(&mut self, topic: usize, id: u32, lane: usize) -> Result<u32> {
        if let Some((_, plan)) = self.topics[topic]
            .plans
            .iter()
            .find(|(known, _)| *known == id)
        {
            return Ok(*plan);
        }
        let json = self.schemas.json(id, &self.place(lane))?;
        let schema = ValueSchema::parse(&json).map_err(|e| {
            let cause = format!("its schema {id}: {e}");
            event::unreadable(&self.rows, lane, &cause)
        })?;
        let plan = self.rows.plans.len() as u32;
        self.rows.plans.push(Plan { schema });
        self.bindings.push(None);
        self.topics[topic].plans.push((id, plan));
        Ok(plan)
    }

    /// Returns the memory held by records and what is collected of them.
    pub(crate) fn buffered(&self) -> usize {
        let lanes: usize = self.rows.lanes.iter().map(|lane| lane.size()).sum();
        let folds: usize = self
            .dirty
            .iter()
            .map(|at| self.topics[*at].fold.size())
            .sum();
        lanes + folds + self.rows.aside() + self.log.len() * size_of::<(usize, Event)>()
    }

    /// Returns where a lane's head is, for messages.
    pub(crate) fn place(&self, lane: usize) -> String {
        let lane = &self.rows.lanes[lane];
        let offset = lane.head().map_or(lane.next, |head| head.offset);
        format!(
            "topic {} partition {} offset {offset}",
            lane.partition.topic, lane.partition.partition
        )
    }

    /// Returns whether a snapshot is being loaded.
    pub(crate) fn is_loading(&self) -> bool {
        self.position.phase == Phase::Loading
    }

    pub(crate) fn mark_dirty(&mut self, topic: usize) {
        if !self.topics[topic].dirty {
            self.topics[topic].dirty = true;
            self.dirty.push(topic);
        }
    }
}

/// Says that the chain of transactions has a gap.
pub(crate) fn chain_gap(what: String) -> ConnectorError {
    ConnectorError::stop("ChainGap", what).remedy(format!(
        "transactions are missing from the topics and cannot be had again from them: {}",
        stopped::REMEDY
    ))
}
