//! Many changes of one table become at most one statement per row.
//!
//! Pure: the fold knows keys as bytes and row images as opaque values; what an image is, the caller
//! says through [`Images`].
//!
//! Per key the fold keeps the *multiset* of rows that live under it, not the last event seen. Inside
//! a transaction (deferrable keys, `id = id + 1`) two rows may share a key for a while; which of them
//! an event means is told by its `before` image. The row that the target had when the fold began is
//! the *base*: unknown in content, and known to exist only once an event has taken it away or
//! replaced it.
//!
//! | base taken | rows left | statement |
//! |---|---|---|
//! | no | none | nothing |
//! | no | one | `INSERT` |
//! | yes | none | `DELETE` |
//! | yes | one | `UPDATE` |
//! | | several | none possible: held until they are resolved |

mod loose;

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, DefaultHasher, Hasher};

use loose::Loose;

/// What the fold must know of row images.
pub(crate) trait Images {
    /// One row as an event carries it.
    type Image: Copy;

    /// Compares `before` with the row `live`.
    fn compare(&self, before: &Self::Image, live: &Self::Image) -> Likeness;

    /// Returns `newer` with the columns it lacks taken from `older`.
    fn merge(&mut self, newer: Self::Image, older: &Self::Image) -> Self::Image;

    /// Returns a hash that rows which are the same in all columns share.
    fn hash(&self, image: &Self::Image) -> u64;

    /// Returns whether two rows are known whole and are the same in all columns.
    fn alike(&self, one: &Self::Image, other: &Self::Image) -> bool;
}

/// How alike two images are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Likeness {
    /// Every column is known in both and equal.
    Same,
    /// Every column known in both is equal, but some are not known.
    Possible,
    /// A column differs.
    Different,
}

/// Says that an event takes away a row that cannot be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NoSuchRow;

/// Which row of a key an event means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found<I> {
    /// The one that the target had before the fold began.
    Base,
    /// One that came in this fold.
    Live(I),
}

const NONE: u32 = u32::MAX;

#[derive(Debug)]
struct Entry<I> {
    key: (u32, u32),
    /// The next entry whose key has the same hash.
    next: u32,
    /// The image that took the base away, if one did: it locates the row.
    base: Option<I>,
    live: Option<I>,
    /// Further live rows, in order of arrival; empty but for transient duplicates.
    more: Vec<I>,
    /// Whether the live row was moved here from another key.
    moved: bool,
}

/// The changes of one table since the last [`settle`](Fold::settle).
#[derive(Debug)]
pub(crate) struct Fold<I> {
    entries: Vec<Entry<I>>,
    index: HashMap<u64, u32, BuildHasherDefault<Hashed>>,
    keys: Vec<u8>,
    loose: Loose<I>,
}

/// What is to be done at the target, to be done in this order.
#[derive(Debug)]
pub(crate) struct Settled<I> {
    /// Rows to delete, located by these images.
    pub(crate) deletes: Vec<I>,
    /// Rows to set to these images.
    pub(crate) updates: Vec<I>,
    /// Rows to insert.
    pub(crate) inserts: Vec<I>,
    /// Keys that hold several rows or a row whose place may not be free yet; they stay in the fold.
    pub(crate) held: usize,
}

impl<I: Copy> Fold<I> {
    pub(crate) fn new() -> Self {
        Self {
            entries: Vec::new(),
            index: HashMap::default(),
            keys: Vec::new(),
            loose: Loose::new(),
        }
    }

    /// Returns whether there is nothing to settle.
    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.loose.is_empty()
    }

    /// Forgets everything: the table is emptied after all of it.
    pub(crate) fn clear(&mut self) {
        self.entries.clear();
        self.index.clear();
        self.keys.clear();
        self.loose.clear();
    }

    /// Returns about how many bytes the fold itself holds.
    pub(crate) fn size(&self) -> usize {
        let entry = size_of::<Entry<I>>() + 24;
        self.entries.len() * entry + self.keys.len() + self.loose.size()
    }

    /// Takes a row of which no event before the next [`settle`](Fold::settle) says more.
    pub(crate) fn append(&mut self, after: I) {
        self.loose.push(after);
    }

    /// Takes a new row of a table without a key.
    pub(crate) fn come<C: Images<Image = I>>(&mut self, context: &C, after: I) {
        self.loose.come(context, after);
    }

    /// Takes away a row of a table without a key.
    pub(crate) fn go<C: Images<Image = I>>(&mut self, context: &C, before: I) {
        self.loose.go(context, before);
    }

    /// Takes a new row; `moved` says that it came from another key.
    pub(crate) fn insert(&mut self, key: &[u8], after: I, moved: bool) {
        let at = self.entry(key);
        let entry = &mut self.entries[at];
        match entry.live {
            None => (entry.live, entry.moved) = (Some(after), moved),
            Some(_) => entry.more.push(after),
        }
    }

    /// Takes the new image of a row; `before` is given when the event carries the old one.
    pub(crate) fn update<C>(
        &mut self,
        context: &mut C,
        key: &[u8],
        before: Option<&I>,
        after: I,
    ) -> Result<(), NoSuchRow>
    where
        C: Images<Image = I>,
    {
        let at = self.entry(key);
        let place = self.place(context, at, before)?;
        let entry = &mut self.entries[at];
        match place {
            None => {
                entry.base = Some(after);
                match entry.live {
                    None => entry.live = Some(after),
                    Some(_) => entry.more.push(after),
                }
            }
            Some(place) => {
                let row = match (place, &mut entry.live) {
                    (0, Some(live)) => live,
                    (n, _) => &mut entry.more[n - 1],
                };
                *row = context.merge(after, row);
            }
        }
        Ok(())
    }

    /// Takes a row away.
    pub(crate) fn delete<C>(&mut self, context: &C, key: &[u8], before: &I) -> Result<(), NoSuchRow>
    where
        C: Images<Image = I>,
    {
        let at = self.entry(key);
        let place = self.place(context, at, Some(before))?;
        let entry = &mut self.entries[at];
        match place {
            None => entry.base = Some(*before),
            Some(0) if entry.more.is_empty() => entry.live = None,
            Some(0) => (entry.live, entry.moved) = (Some(entry.more.remove(0)), true),
            Some(n) => {
                entry.more.remove(n - 1);
            }
        }
        Ok(())
    }

    /// Returns which row an event on `key` would mean, and changes nothing that matters.
    pub(crate) fn find<C>(
        &mut self,
        context: &C,
        key: &[u8],
        before: &I,
    ) -> Result<Found<I>, NoSuchRow>
    where
        C: Images<Image = I>,
    {
        let at = self.entry(key);
        let place = self.place(context, at, Some(before))?;
        let entry = &self.entries[at];
        Ok(match (place, entry.live) {
            (Some(0), Some(live)) => Found::Live(live),
            (Some(n), _) if n > 0 => Found::Live(entry.more[n - 1]),
            _ => Found::Base,
        })
    }

    /// Returns which of the live rows is meant, or `None` for the base.
    fn place<C>(
        &self,
        context: &C,
        at: usize,
        before: Option<&I>,
    ) -> Result<Option<usize>, NoSuchRow>
    where
        C: Images<Image = I>,
    {
        let entry = &self.entries[at];
        let rows = || entry.live.iter().chain(&entry.more);
        let like = |wanted| {
            rows().position(|row| before.is_none_or(|b| context.compare(b, row) == wanted))
        };
        let found = match (before, &entry.live) {
            (_, None) => None,
            (None, Some(_)) => Some(0),
            // A row that is the same in all columns goes before one that only may be.
            (Some(_), Some(_)) => like(Likeness::Same).or_else(|| like(Likeness::Possible)),
        };
        match (found, entry.base, entry.live) {
            (Some(place), _, _) => Ok(Some(place)),
            (None, None, _) => Ok(None),
            // Only one row can be meant, though it does not look the same.
            (None, Some(_), Some(_)) if entry.more.is_empty() => Ok(Some(0)),
            (None, Some(_), _) => Err(NoSuchRow),
        }
    }

    /// Returns the entry of a key, a new one if there is none.
    fn entry(&mut self, key: &[u8]) -> usize {
        let mut hasher = DefaultHasher::new();
        hasher.write(key);
        let hash = hasher.finish();
        let first = self.index.get(&hash).copied().unwrap_or(NONE);
        let mut at = first;
        while at != NONE {
            let entry = &self.entries[at as usize];
            let (start, len) = (entry.key.0 as usize, entry.key.1 as usize);
            if &self.keys[start..start + len] == key {
                return at as usize;
            }
            at = entry.next;
        }
        let start = self.keys.len() as u32;
        self.keys.extend_from_slice(key);
        self.index.insert(hash, self.entries.len() as u32);
        self.entries.push(Entry {
            key: (start, key.len() as u32),
            next: first,
            base: None,
            live: None,
            more: Vec::new(),
            moved: false,
        });
        self.entries.len() - 1
    }

    /// Returns what to do at the target and forgets it.
    ///
    /// With `whole` a source transaction has just ended. Without, the fold is cut in the middle of
    /// one: then keys with several rows, and rows moved to a key whose former row may yet have to
    /// leave, are held back. `keep` is told each image that is held and returns one that lasts.
    pub(crate) fn settle(&mut self, whole: bool, mut keep: impl FnMut(I) -> I) -> Settled<I> {
        let (deletes, inserts) = self.loose.settle();
        let mut out = Settled {
            deletes,
            updates: Vec::new(),
            inserts,
            held: 0,
        };
        let mut held = Vec::new();
        for entry in self.entries.drain(..) {
            let unresolved = !entry.more.is_empty();
            let early = !whole && entry.moved && entry.base.is_none() && entry.live.is_some();
            if unresolved || early {
                held.push(entry);
                continue;
            }
            match (entry.base, entry.live) {
                (None, None) => {}
                (None, Some(image)) => out.inserts.push(image),
                (Some(before), None) => out.deletes.push(before),
                (Some(_), Some(image)) => out.updates.push(image),
            }
        }
        self.index.clear();
        let keys = std::mem::take(&mut self.keys);
        out.held = held.len();
        for old in held {
            let (start, len) = (old.key.0 as usize, old.key.1 as usize);
            let at = self.entry(&keys[start..start + len]);
            let entry = &mut self.entries[at];
            entry.base = old.base.map(&mut keep);
            entry.live = old.live.map(&mut keep);
            entry.more = old.more.into_iter().map(&mut keep).collect();
            entry.moved = old.moved;
        }
        if self.entries.is_empty() {
            self.keys = keys;
            self.keys.clear();
        }
        out
    }
}

/// Passes a hash on as it is: the index is keyed by hashes already.
#[derive(Debug, Default)]
struct Hashed(u64);

impl Hasher for Hashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(byte);
        }
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

#[cfg(test)]
mod model;
