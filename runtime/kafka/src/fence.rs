//! Making sure that nobody writes with a transactional id any more.

use walbridge_connector_api::StopToken;

use crate::client_config::ClientConfig;
use crate::error::Result;
use crate::producer::TransactionalProducer;

/// How many ids are taken over at once.
const AT_ONCE: usize = 8;

/// Fences all producers that have these transactional ids: what they have open is aborted, and they cannot
/// write any more.
///
/// # Errors
/// If the cluster refuses, or does not answer within some seconds; some may be fenced then.
pub fn fence(config: &ClientConfig, ids: &[String]) -> Result<()> {
    for some in ids.chunks(AT_ONCE) {
        std::thread::scope(|scope| {
            let all: Vec<_> = some
                .iter()
                .map(|id| scope.spawn(move || fence_one(config, id)))
                .collect();
            all.into_iter().try_for_each(|thread| {
                let fenced = thread.join();
                fenced.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            })
        })?;
    }
    Ok(())
}

fn fence_one(config: &ClientConfig, id: &str) -> Result<()> {
    // Told to stop from the start: then it does not wait for a cluster that is away.
    let stop = StopToken::new();
    stop.stop();
    let mut producer = TransactionalProducer::new(config, id, stop)?;
    producer
        .init()
        .map_err(|error| error.while_doing("fencing former producers"))
}
