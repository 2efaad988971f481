//! Lines of a file into a topic, and a topic's records into lines of a file: Kafka Connect's
//! `FileStreamSource` and `FileStreamSink`.
//!
//! ```text
//!  file or stdin ─▶ lines ─▶ one record per line, offset {"position": bytes} ─▶ topic
//!  topic ─▶ one line per record ─▶ file or stdout, synced before offsets are committed
//! ```
//!
//! Made for trying things out, as in Kafka Connect: the source reads one file to its end and waits for
//! more, it does not follow rotated files.

mod input;
mod lines;
mod sink;
mod sink_task;
mod source;
mod source_task;
mod stdin;
mod trouble;

pub use sink::FileStreamSink;
pub use source::FileStreamSource;
