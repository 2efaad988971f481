//! What lets a mirror go on that has stopped at a hole.

use std::sync::Arc;

use serde_json::{Value, json};
use walbridge_connector_api::TopicPartition;

/// What mends partitions whose next records are gone, given the first that each has left.
pub(crate) fn go_on_with_what_is_left<'a>(
    alias: &str,
    partitions: impl Iterator<Item = (&'a TopicPartition, i64)>,
) -> String {
    // What is stored is the last offset that is done.
    let last = |first: i64| (first > 0).then(|| json!({ "offset": first - 1 }));
    let body = body(
        alias,
        partitions.map(|(at, first)| (at.clone(), last(first))),
    );
    format!(
        "stop this connector, let it go on with what is left (PATCH /connectors/<name>/offsets with \
         {body}), and resume it; if what is missing mattered, the sink behind it stops and says how to go \
         on. Raise retention.ms and retention.bytes of the topic so that it holds more than the longest \
         outage"
    )
}

/// What mends a topic that is another one under the same name.
pub(crate) fn take_the_new_topic(alias: &str, topic: &str, partitions: i32) -> String {
    let topic: Arc<str> = Arc::from(topic);
    let all = (0..partitions).map(|partition| TopicPartition {
        topic: Arc::clone(&topic),
        partition,
    });
    let body = body(alias, all.map(|at| (at, None)));
    format!(
        "what the old topic held beyond the stored position is lost. Stop this connector, let it take the \
         new topic from its beginning (PATCH /connectors/<name>/offsets with {body}), and resume it; if \
         what is missing mattered, the sink behind it stops and says how to go on"
    )
}

/// Returns the request that moves these partitions.
fn body(alias: &str, partitions: impl Iterator<Item = (TopicPartition, Option<Value>)>) -> Value {
    let entries = partitions.map(|(at, offset)| {
        let partition = json!({"cluster": alias, "partition": at.partition, "topic": *at.topic});
        json!({"partition": partition, "offset": offset})
    });
    json!({ "offsets": entries.collect::<Vec<_>>() })
}
