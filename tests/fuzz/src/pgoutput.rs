//! What PostgreSQL's logical replication sends.

use walbridge_postgres_source::pgoutput::{self, Message, Tuple};

/// One message. A row has as many columns as it says.
pub fn pgoutput(data: &[u8]) {
    let Ok(message) = pgoutput::parse(data) else {
        return;
    };
    match message {
        Message::Insert { new, .. } => whole(&new),
        Message::Update { old, new, .. } => {
            if let Some(old) = old {
                whole(&old.tuple);
            }
            whole(&new);
        }
        Message::Delete { old, .. } => whole(&old.tuple),
        Message::Relation(relation) => {
            let _ = relation.columns().count();
        }
        Message::Truncate { relations, .. } => {
            let _ = relations.iter().count();
        }
        _ => {}
    }
}

fn whole(tuple: &Tuple<'_>) {
    assert_eq!(tuple.columns().count(), tuple.len(), "a row is not whole");
}
