//! Schemas that a transform has made from others.

use std::sync::{Mutex, PoisonError};

use walbridge_connector_api::data::Schema;

/// The last schemas made, by what they were made from. A task's records have few schemas.
pub(crate) struct SchemaCache<K = Schema> {
    size: usize,
    made: Mutex<Vec<(K, Schema)>>,
}

impl<K: PartialEq> SchemaCache<K> {
    /// Creates a cache of Kafka Connect's usual size.
    pub(crate) fn new() -> Self {
        Self::sized(16)
    }

    /// Creates a cache of this many schemas.
    pub(crate) fn sized(size: usize) -> Self {
        let made = Mutex::new(Vec::new());
        Self { size, made }
    }

    /// Returns what was made from `key`, and makes it if it is not there.
    pub(crate) fn get_or<E>(
        &self,
        key: K,
        make: impl FnOnce(&K) -> Result<Schema, E>,
    ) -> Result<Schema, E> {
        // What a panic leaves behind is whole: an entry is pushed at once.
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = made.iter().position(|(from, _)| *from == key) {
            // The last is the one used last.
            made[at..].rotate_left(1);
            return match made.last() {
                Some((_, schema)) => Ok(schema.clone()),
                None => make(&key),
            };
        }
        let schema = make(&key)?;
        if made.len() >= self.size {
            made.remove(0);
        }
        made.push((key, schema.clone()));
        Ok(schema)
    }
}
