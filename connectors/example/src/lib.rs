//! The worked example of `docs/plugins.md`: a source and a sink, each in one file.
//!
//! * [`OrdersSource`] makes up orders: records with a structure, from a position that it goes on from.
//! * [`LatestSink`] keeps the latest value of each key in a file, each record's effect exactly once.
//!
//! The crate is a library that a worker loads from its `plugin.path` (`libwalbridge_example.so`), and one
//! that can be compiled in like any other.

mod latest;
mod orders;

pub use latest::LatestSink;
pub use orders::OrdersSource;

walbridge_plugin::export!(OrdersSource, LatestSink);
