//! Topics as a cluster has them.

/// A topic as the cluster describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicDescription {
    /// The topic's name.
    pub name: String,
    /// The topic's id: another one under the same name is another topic.
    pub id: String,
    /// How many partitions it has.
    pub partitions: i32,
    /// Whether Kafka keeps it for its own purposes.
    pub internal: bool,
}

/// What became of the wish to have a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CreateOutcome {
    /// It was created.
    Created,
    /// It had been there before, as it was.
    Existed,
}
