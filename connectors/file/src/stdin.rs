//! The process's standard input, read by one thread for whoever asks.

use std::io::Read;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

/// How many pieces may wait to be taken.
const WAITING: usize = 16;

/// Returns the next piece of standard input; `None` when nothing came in time or there is no more.
///
/// A read cannot be called off, so one thread does it for the life of the process, and a task that is
/// started again goes on where the last one stopped.
pub(crate) fn read(wait: Duration) -> Option<Vec<u8>> {
    static PIECES: OnceLock<Mutex<Receiver<Vec<u8>>>> = OnceLock::new();
    let pieces = PIECES.get_or_init(|| Mutex::new(start()));
    let pieces = pieces.lock().unwrap_or_else(PoisonError::into_inner);
    match pieces.recv_timeout(wait) {
        Ok(piece) => Some(piece),
        Err(RecvTimeoutError::Timeout) => None,
        Err(RecvTimeoutError::Disconnected) => {
            std::thread::sleep(wait);
            None
        }
    }
}

fn start() -> Receiver<Vec<u8>> {
    let (send, pieces) = sync_channel(WAITING);
    // If the thread cannot start there is no input: the channel is closed with `send`.
    let _ = std::thread::Builder::new()
        .name("stdin".to_owned())
        .spawn(move || {
            let mut piece = vec![0; 8192];
            while let Ok(count @ 1..) = std::io::stdin().read(&mut piece) {
                if send.send(piece[..count].to_vec()).is_err() {
                    break;
                }
            }
        });
    pieces
}
