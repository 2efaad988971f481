//! One row's change goes into its table's fold, or, where that cannot be, straight to the target.

use walbridge_connector_api::{ConnectorError, Result};
use walbridge_schemas::Op;

use crate::apply::{Refused, Run};
use crate::event::Event;
use crate::fold::{Found, Images};
use crate::key::{self, KeyForm};
use crate::rows::{Image, Kept};
use crate::sink::Sink;
use crate::stopped::REMEDY;

/// What tells a table's rows apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Identity {
    /// Their keys.
    Key,
    /// Their keys, in a way that only the database knows: nothing is folded.
    Database,
    /// All that is in them: the table has no key.
    Content,
}

impl Sink {
    /// Takes an event whose turn has come.
    pub(crate) fn take(&mut self, topic: usize, event: Event) -> Result<()> {
        let mut event = event;
        if event.redefines || self.topics[topic].active != Some(event.plan) {
            self.adopt(topic, &event)?;
            event = self.reread(event)?;
        }
        if event.op == Op::Truncate {
            self.truncate(topic);
            return Ok(());
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
        let identity = self.identity(&event);
        match (event.op, event.before, event.after) {
            (Op::Read, _, Some(after)) => self.topics[topic].fold.append(after),
            (Op::Create, _, Some(after)) if identity == Identity::Key => {
                let key = self.key(&event, &after)?;
                self.topics[topic].fold.insert(&key, after, event.arrives);
                self.scratch = key;
                self.record(topic, &event);
            }
            (Op::Create, _, Some(after)) => {
                self.topics[topic].fold.come(&self.rows, after);
                self.record(topic, &event);
            }
            (Op::Update, before, Some(after)) if identity == Identity::Key => {
                let key = self.key(&event, &after)?;
                let fold = &mut self.topics[topic].fold;
                fold.update(&mut self.rows, &key, before.as_ref(), after)
                    .map_err(|_| self.surplus(&event))?;
                self.scratch = key;
                self.record(topic, &event);
            }
            (Op::Update, Some(before), Some(after)) if identity == Identity::Content => {
                let after = self.rows.merge(after, &before);
                match self.is_whole(&before) && self.is_whole(&after) {
                    true => self.replace(topic, &event, before, Some(after)),
                    false => self.alone(before, Some(after))?,
                }
            }
            (Op::Delete, Some(before), _)
                if identity == Identity::Content && self.is_whole(&before) =>
            {
                self.replace(topic, &event, before, None);
            }
            (Op::Delete, Some(_), _) if identity == Identity::Database && event.leaves => {
                self.topics[topic].leaving = Some((event, Vec::new()));
            }
            (Op::Delete, Some(before), _)
                if identity == Identity::Key && self.knows_key(&before) =>
            {
                let key = self.key(&event, &before)?;
                if event.leaves {
                    self.topics[topic].leaving = Some((event, key));
                    return Ok(());
                }
                self.remove(topic, &event, &before, &key)?;
                self.scratch = key;
            }
            (Op::Update, None, Some(after)) if identity == Identity::Database => {
                self.alone(after, Some(after))?;
            }
            (Op::Update, Some(before), Some(after)) => self.alone(before, Some(after))?,
            (Op::Delete, Some(before), _) => self.alone(before, None)?,
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
        if self.identity(event) == Identity::Database {
            return self.alone(before, Some(after));
        }
        let mut after = after;
        if !self.rows.marks(&after).unknown.is_empty() {
            // Columns that were not sent: they are those of the row as it was at its former key.
            let fold = &mut self.topics[topic].fold;
            if let Ok(Found::Live(live)) = fold.find(&self.rows, old, &before) {
                after = self.rows.merge(after, &live);
            }
            after = self.rows.merge(after, &before);
            if !self.rows.marks(&after).unknown.is_empty() {
                return self.alone(before, Some(after));
            }
        }
        self.remove(topic, leaving, &before, old)?;
        let new = self.key(event, &after)?;
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
        for topic in self.dirty.clone() {
            let Some((event, key)) = self.topics[topic].leaving.take() else {
                continue;
            };
            let Some(before) = event.before else {
                continue;
            };
            match self.identity(&event) {
                Identity::Database => self.alone(before, None)?,
                _ => self.remove(topic, &event, &before, &key)?,
            }
        }
        Ok(())
    }

    /// Returns how the table's rows are told apart.
    fn identity(&self, event: &Event) -> Identity {
        match self.bindings[event.plan as usize].as_ref() {
            Some(binding) if binding.key.is_empty() => Identity::Content,
            Some(binding) if binding.key_form == KeyForm::Database => Identity::Database,
            Some(_) => Identity::Key,
            None => Identity::Content,
        }
    }

    fn is_whole(&self, image: &Image) -> bool {
        self.rows.marks(image).unknown.is_empty()
    }

    /// Folds a change of a row that nothing but its content tells apart.
    fn replace(&mut self, topic: usize, event: &Event, before: Image, after: Option<Image>) {
        let fold = &mut self.topics[topic].fold;
        fold.go(&self.rows, before);
        if let Some(after) = after {
            fold.come(&self.rows, after);
        }
        self.record(topic, &Event { after, ..*event });
    }

    fn knows_key(&self, image: &Image) -> bool {
        let unknown = &self.rows.marks(image).unknown;
        let binding = self.bindings[image.plan as usize].as_ref();
        binding.is_some_and(|b| !b.key.iter().any(|at| unknown.contains(&(*at as u16))))
    }

    /// Returns what tells the row of an event from others: the same bytes for keys that are equal.
    fn key(&mut self, event: &Event, image: &Image) -> Result<Vec<u8>> {
        let mut bytes = std::mem::take(&mut self.scratch);
        bytes.clear();
        let Some(binding) = &self.bindings[image.plan as usize] else {
            return Ok(bytes);
        };
        if let KeyForm::Values(canons) = &binding.key_form {
            self.rows.write_key(image, binding, canons, &mut bytes)?;
            return Ok(bytes);
        }
        let Some(key) = event.key else {
            let what = "a row of a table with a key comes without one";
            return Err(crate::event::unreadable(&self.rows, event.lane, &what));
        };
        bytes.extend_from_slice(self.rows.lanes[event.lane].bytes(key));
        // Values that Avro only approximates: their exact texts tell them apart.
        for (field, text) in &self.rows.marks(image).special {
            if binding.key.contains(&usize::from(*field)) {
                bytes.extend_from_slice(&field.to_be_bytes());
                key::push_part(text, &mut bytes)?;
            }
        }
        Ok(bytes)
    }

    /// Applies a change on its own, after all before it.
    fn alone(&mut self, before: Image, after: Option<Image>) -> Result<()> {
        let mut kept = Kept::default();
        // Both outlive the flush of what comes before them.
        let images =
            [before, after.unwrap_or(before)].map(|image| self.rows.keep(&mut kept, &image));
        let [before, set] = self.flush_keeping(false, kept, images)?;
        let link = &self.config.link;
        let mut run = Run::new(&mut self.target, &self.rows, &self.bindings, link);
        run.located(&before, after.map(|_| &set))
            .and_then(|()| run.send())
            .map_err(Refused::error)
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
