//! The source by itself: a real PostgreSQL, a real registry, and its batches read by apache-avro.

mod driver;
mod golden;
mod hidden;
mod identity;
mod names;
mod order;
mod rows;
mod starts;
