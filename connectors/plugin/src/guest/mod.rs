//! The library's side: carries out what the worker asks for.

mod log;
mod panics;
mod raw;
mod session;

use std::sync::OnceLock;

use walbridge_connector_api::{Connector, StopToken};

use crate::codec::{Delivery, Described, Description, Malformed, Reader, Wire, bytes_of};
use crate::{abi::status, operation};
use session::Session;

pub use raw::descriptor;

/// What a library exports; [`crate::export`] implements it.
pub trait Library {
    /// Creates the connectors; called once.
    fn connectors() -> Vec<Box<dyn Connector>>;
}

static CONNECTORS: OnceLock<Vec<Box<dyn Connector>>> = OnceLock::new();

/// How a call ended, and its answer.
struct Reply {
    status: i32,
    bytes: Vec<u8>,
}

impl Reply {
    fn ok(bytes: Vec<u8>) -> Self {
        let status = status::OK;
        Self { status, bytes }
    }

    fn malformed(why: &str) -> Self {
        Self {
            status: status::MALFORMED,
            bytes: why.as_bytes().to_vec(),
        }
    }
}

impl From<Malformed> for Reply {
    fn from(error: Malformed) -> Self {
        Self::malformed(&error.to_string())
    }
}

/// Creates the connectors and describes them.
fn begin<L: Library>() -> Reply {
    let connectors = CONNECTORS.get_or_init(L::connectors);
    let connectors = connectors.iter().map(|connector| Described {
        class: connector.class().into(),
        task_class: connector.task_class().into(),
        aliases: connector.aliases().iter().map(|&a| a.into()).collect(),
        kind: connector.kind(),
        form: connector.form(),
        version: connector.version().into(),
        config: connector.config().clone(),
    });
    Reply::ok(bytes_of(&Description {
        connectors: connectors.collect(),
    }))
}

/// Carries out an operation of a connector; one that starts a task leaves it in `started`.
fn connector(
    index: u32,
    operation: u32,
    input: &[u8],
    stop: Option<StopToken>,
    started: &mut Option<Session>,
) -> Result<Reply, Malformed> {
    let found = CONNECTORS.get().and_then(|all| all.get(index as usize));
    let connector = found.ok_or(Malformed("there is no such connector"))?;
    let mut from = Reader::new(input);
    let settings = Wire::read(&mut from)?;
    let reply = match operation {
        operation::VALIDATE => Reply::ok(bytes_of(&connector.validate(&settings))),
        operation::TASKS => {
            let most = u64::read(&mut from)?;
            match connector.tasks(&settings, usize::try_from(most).unwrap_or(usize::MAX)) {
                Ok(tasks) => Reply::ok(bytes_of(&tasks)),
                Err(error) => refusal(&error),
            }
        }
        operation::CHECK_OFFSETS => {
            let offsets = Vec::read(&mut from)?;
            let refused = connector.check_offsets(&settings, &offsets).err();
            Reply::ok(bytes_of(&refused))
        }
        operation::DELIVERY => Reply::ok(bytes_of(&Delivery {
            exactly_once: connector.exactly_once(&settings),
            defines_transactions: connector.can_define_boundaries(&settings),
        })),
        operation::START => {
            let start = Wire::read(&mut from)?;
            let stop = stop.ok_or(Malformed("a task cannot start without what stops it"))?;
            match Session::start(connector.as_ref(), &settings, start, stop) {
                Ok(session) => {
                    let answer = bytes_of(&session.patience());
                    *started = Some(session);
                    Reply::ok(answer)
                }
                Err(error) => refusal(&error),
            }
        }
        _ => return Err(Malformed("there is no such operation of a connector")),
    };
    from.end()?;
    Ok(reply)
}

fn refusal(error: &walbridge_connector_api::ConnectorError) -> Reply {
    Reply {
        status: status::ERROR,
        bytes: bytes_of(error),
    }
}
