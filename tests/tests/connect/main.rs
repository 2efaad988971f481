//! Kafka Connect itself beside walbridge: the same questions to both.

mod clients;
mod compare;
mod normal;
mod rest;
mod script;
mod side;
mod takeover;
mod worker;
