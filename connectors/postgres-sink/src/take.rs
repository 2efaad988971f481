//! One row's change goes into its table's fold, or, where that cannot be, straight to the target.

use walbridge_connector_api::{ConnectorError, Result};
use walbridge_schemas::Op;

use crate::apply::{Refused, Run};
use crate::event::Event;
use crate::fold::{Found, Images};
use crate::rows::{Image, Kept};
use crate::sink::Sink;
use crate::stopped::REMEDY;

impl Sink {
    /// Takes an event whose turn has come.
    pub(crate) fn take(&mut self, topic: usize, event: Event) -> Result<()> {
        let mut event = event;
        if event.redefines || self.topics[topic].active != Some(event.plan) {
            self.adopt(topic, &event)?;
            event = self.reread(event)?;
        }
        if event.op == Op::Truncate {
            return self.truncate(topic);
        }
        if !self.truncates.is_empty() {
            self.run_truncates()?;
        }
        let size = self.rows.lanes[event.lane]
            .head()
            .map_or(0, |head| head.size());
        self.pending.rows += 1;
        self.pending.bytes += size;
        self.pending.unflushed += size as usize + 100;
        self.mark_dirty(topic);
        if let Some((leaving, key)) = self.topics[topic].leaving.take() {
            return self.arrive(topic, &leaving, &key, &event);
        }
        let binding = self.bindings[event.plan as usize].as_ref();
        let keyed = binding.is_some_and(|binding| !binding.key.is_empty());
        match (event.op, event.before, event.after) {
            (Op::Read, _, Some(after)) => self.topics[topic].fold.append(after),
            (Op::Create, _, Some(after)) if keyed => {
                let key = self.key(&event)?;
                self.topics[topic].fold.insert(&key, after, event.arrives);
                self.scratch = key;
                self.record(topic, &event);
            }
            (Op::Create, _, Some(after)) => {
                self.topics[topic].fold.append(after);
                self.record(topic, &event);
            }
            (Op::Update, before, Some(after)) if keyed => {
                let key = self.key(&event)?;
                let fold = &mut self.topics[topic].fold;
                fold.update(&mut self.rows, &key, before.as_ref(), after)
                    .map_err(|_| self.surplus(&event))?;
                self.scratch = key;
                self.record(topic, &event);
            }
            (Op::Delete, Some(before), _) if keyed && self.knows_key(&before) => {
                let key = self.key(&event)?;
                if event.leaves {
                    self.topics[topic].leaving = Some((event, key));
                    return Ok(());
                }
                self.remove(topic, &event, &before, &key)?;
                self.scratch = key;
            }
            (Op::Update, Some(_), Some(_)) | (Op::Delete, Some(_), _) => self.alone(event)?,
            (Op::Message | Op::Truncate, _, _) => {}
            _ => {
                let what = "an event without the row image that its operation needs";
                return Err(
                    crate::event::unreadable(&self.rows, event.lane, &what).remedy(format!(
                        "set REPLICA IDENTITY FULL on the source's table; {REMEDY}"
                    )),
                );
            }
        }
        Ok(())
    }

    fn remove(&mut self, topic: usize, event: &Event, before: &Image, key: &[u8]) -> Result<()> {
        let fold = &mut self.topics[topic].fold;
        fold.delete(&self.rows, key, before)
            .map_err(|_| self.surplus(event))?;
        self.record(topic, event);
        Ok(())
    }

    /// Remembers an event where rows may have to be replayed one by one.
    fn record(&mut self, topic: usize, event: &Event) {
        let binding = self.bindings[event.plan as usize].as_ref();
        if binding.is_some_and(|binding| binding.other_uniques) {
            self.log.push((topic, *event));
        }
    }

    /// Reads the event at hand again: a flush forgets what was read of it.
    fn reread(&mut self, event: Event) -> Result<Event> {
        self.heads[event.lane] = None;
        let again = self.head(event.lane)?;
        Ok(again.unwrap_or(event))
    }

    /// Takes the pair of events that moves a row to another key.
    fn arrive(&mut self, topic: usize, leaving: &Event, old: &[u8], event: &Event) -> Result<()> {
        let (Some(before), Some(after)) = (leaving.before, event.after) else {
            return Err(self.surplus(event));
        };
        let mut after = after;
        if !self.rows.marks(&after).unknown.is_empty() {
            // Columns that were not sent: they are those of the row as it was at its former key.
            let fold = &mut self.topics[topic].fold;
            if let Ok(Found::Live(live)) = fold.find(&self.rows, old, &before) {
                after = self.rows.merge(after, &live);
            }
            after = self.rows.merge(after, &before);
            if !self.rows.marks(&after).unknown.is_empty() {
                return self.move_alone(before, after);
            }
        }
        self.remove(topic, leaving, &before, old)?;
        let new = self.key(event)?;
        self.topics[topic].fold.insert(&new, after, true);
        self.scratch = new;
        self.record(
            topic,
            &Event {
                after: Some(after),
                ..*event
            },
        );
        Ok(())
    }

    /// Folds rows that left their keys and, the transaction being over, went nowhere.
    pub(crate) fn settle_leaving(&mut self) -> Result<()> {
        for at in 0..self.dirty.len() {
            let topic = self.dirty[at];
            if let Some((event, key)) = self.topics[topic].leaving.take()
                && let Some(before) = event.before
            {
                self.remove(topic, &event, &before, &key)?;
            }
        }
        Ok(())
    }

    fn knows_key(&self, image: &Image) -> bool {
        let unknown = &self.rows.marks(image).unknown;
        let binding = self.bindings[image.plan as usize].as_ref();
        binding.is_some_and(|b| !b.key.iter().any(|at| unknown.contains(&(*at as u16))))
    }

    fn key(&mut self, event: &Event) -> Result<Vec<u8>> {
        let Some(key) = event.key else {
            let what = "a row of a table with a key comes without one";
            return Err(crate::event::unreadable(&self.rows, event.lane, &what));
        };
        let mut bytes = std::mem::take(&mut self.scratch);
        bytes.clear();
        bytes.extend_from_slice(self.rows.lanes[event.lane].bytes(key));
        Ok(bytes)
    }

    /// Applies an event on its own, after all before it: its row has no key to fold it by.
    fn alone(&mut self, event: Event) -> Result<()> {
        self.flush(false)?;
        let event = self.reread(event)?;
        let Some(before) = event.before else {
            return Ok(());
        };
        let after = event.after.filter(|_| event.op == Op::Update);
        let mut run = Run::new(
            &mut self.target,
            &self.rows,
            &self.bindings,
            &self.config.link,
        );
        run.located(&before, after.as_ref())
            .and_then(|()| run.send())
            .map_err(Refused::error)
    }

    fn move_alone(&mut self, before: Image, after: Image) -> Result<()> {
        let mut kept = Kept::default();
        let images = [before, after].map(|image| self.rows.keep(&mut kept, &image));
        // Both outlive the flush of what comes before them.
        let images = self.flush_keeping(false, kept, images)?;
        let mut run = Run::new(
            &mut self.target,
            &self.rows,
            &self.bindings,
            &self.config.link,
        );
        run.located(&images[0], Some(&images[1]))
            .and_then(|()| run.send())
            .map_err(Refused::error)
    }

    /// Empties a table, after all changes before and before all changes after.
    fn truncate(&mut self, topic: usize) -> Result<()> {
        if self.truncates.is_empty() {
            self.flush(false)?;
        }
        self.truncates.push(topic);
        self.pending.rows += 1;
        Ok(())
    }

    /// Runs the truncates that came one after another as one statement: their tables may refer to
    /// each other.
    pub(crate) fn run_truncates(&mut self) -> Result<()> {
        let mut names = Vec::new();
        for topic in std::mem::take(&mut self.truncates) {
            let Some(definition) = &self.topics[topic].definition else {
                continue;
            };
            let name = walbridge_postgres::ident::qualified(&definition.schema, &definition.table);
            if !names.contains(&name) {
                names.push(name);
            }
        }
        if names.is_empty() {
            return Ok(());
        }
        let mut run = Run::new(
            &mut self.target,
            &self.rows,
            &self.bindings,
            &self.config.link,
        );
        run.sql(format!("TRUNCATE ONLY {}", names.join(", ")));
        run.send().map_err(Refused::error)
    }

    fn surplus(&self, event: &Event) -> ConnectorError {
        let lane = &self.rows.lanes[event.lane].partition;
        ConnectorError::stop(
            "StandbyDiverged",
            format!(
                "topic {} partition {} offset {}: the change is of a row that an earlier change has \
                 already taken away",
                lane.topic, lane.partition, event.offset
            ),
        )
        .remedy(format!("the stream contradicts itself: {REMEDY}"))
    }
}
