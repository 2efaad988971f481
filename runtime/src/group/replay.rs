//! A group's topic read from outside, for tests that write anything into it.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::plan;
use super::record::GroupRecord;
use super::standing::Standing;
use super::view::View;

const SESSION: Duration = Duration::from_secs(10);

/// Reads records as a worker does that is to lead its group, and does what leaders do.
///
/// # Panics
/// If a record that was read and is written again reads otherwise.
pub fn replay<'a>(records: impl Iterator<Item = (&'a [u8], Option<&'a [u8]>)>) {
    let mut view = View::new(SESSION);
    let mut standing = Standing::new("me:1".to_owned(), "life".to_owned(), SESSION);
    let wanted = BTreeSet::from([("c".to_owned(), 0), ("c".to_owned(), 1)]);
    for (offset, (key, value)) in (0..).zip(records) {
        let Some(record) = GroupRecord::read(key, value) else {
            continue;
        };
        let again = GroupRecord::read(&record.key(), record.value().as_deref());
        assert_eq!(
            again.as_ref(),
            Some(&record),
            "it reads otherwise when written again"
        );
        let change = view.apply(offset, record.clone(), Instant::now());
        let _ = standing.read(&view, &record, change, Instant::now());
        let _ = standing.tasks(&view);
        let _ = standing.claim(&view, Instant::now());
        let term = standing.term(&view).unwrap_or(1);
        let next = plan::next(&view, "me:1", term, &wanted, SESSION);
        let _ = next.map(|next| next.owners());
        let _ = view.requests();
    }
}
