//! Kafka Connect itself beside walbridge: the same questions to both.

mod api;
mod clients;
mod compare;
mod files;
mod metrics;
mod normal;
mod rest;
mod script;
mod side;
mod takeover;
mod worker;
