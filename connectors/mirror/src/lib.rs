//! Copies topics from another site's Kafka, byte for byte and exactly once.
