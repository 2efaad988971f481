//! Running tasks: one thread each, supervised, never disturbing one another.
//!
//! [`supervise`] runs a task again and again as the disposition of its errors says, and as often as
//! [`restart`] allows. [`source`] makes a source ready for one of two loops, [`exactly_once`] and
//! [`at_least_once`]; [`sink`] is the third. Connectors of records run in the same loops, behind converters:
//! [`record_source`] and [`record_sink`]; [`errors`] says what becomes of records that cannot be processed.

mod at_least_once;
mod backoff;
mod control;
mod counts;
mod errors;
mod exactly_once;
mod input;
mod lag;
mod live;
mod panics;
mod record_sink;
mod record_source;
mod restart;
mod sink;
mod source;
mod subscription;
mod supervise;
mod topics;
mod tracking;
mod watermark;

pub(crate) use errors::{CONNECTOR, CONTEXT, COUNTERS, PARTITION, TOPIC};
pub(crate) use lag::{Lag, Measured, Standing};
pub(crate) use live::{Classes, LiveTask, now_ms};
pub(crate) use panics::install_hook;
pub(crate) use supervise::{TaskEvent, TaskHandle, TaskSpec, reporter, start};
