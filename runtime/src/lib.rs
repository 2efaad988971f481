//! The worker: loads connectors, runs their tasks, keeps their state in Kafka and answers Kafka Connect's REST API.
