//! A TCP proxy that can lose, delay, slow and reset what passes through it.
//!
//! ```text
//!  client ── accept ──▶ pump (client → server) ──▶ server
//!                       pump (server → client)
//! ```
//! One thread per direction of a connection. While the cable is pulled the pumps keep what they
//! have read and wait, so a connection that outlives the cut goes on as TCP would.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::conditions::{Conditions, Flow};

/// Bytes that may be under way in one direction while they are delayed.
const IN_FLIGHT: usize = 4 << 20;

/// How often a thread that waits for bytes looks at the weather.
const GLANCE: Duration = Duration::from_millis(100);

/// Listens on `listen` and leads every connection to `target` under these conditions.
///
/// The threads live as long as the process.
pub fn start(listen: u16, target: u16, conditions: &Arc<Conditions>) -> Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, listen))
        .with_context(|| format!("listening on port {listen}"))?;
    let conditions = Arc::clone(conditions);
    thread::Builder::new()
        .name(format!("proxy-{listen}"))
        .spawn(move || {
            for client in listener.incoming().flatten() {
                let conditions = Arc::clone(&conditions);
                // A connection that cannot be served is closed, which is what a network would do.
                let _ = thread::Builder::new()
                    .name("proxy-connection".to_owned())
                    .spawn(move || connection(client, target, &conditions));
            }
        })?;
    Ok(())
}

fn connection(client: TcpStream, target: u16, conditions: &Arc<Conditions>) {
    let born = conditions.now().resets;
    if conditions.wait_passable(born).flow != Flow::Open {
        return abort(&client);
    }
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, target));
    let Ok(server) = TcpStream::connect_timeout(&address, Duration::from_secs(5)) else {
        return abort(&client);
    };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let (client, server) = (Arc::new(client), Arc::new(server));
    let back = {
        let (from, to) = (Arc::clone(&server), Arc::clone(&client));
        let conditions = Arc::clone(conditions);
        thread::spawn(move || Pump::new(&from, &to, &conditions, born).run())
    };
    Pump::new(&client, &server, conditions, born).run();
    // The other direction may go on after this one has ended.
    let _ = back.join();
}

/// Closes with a reset instead of a goodbye, once the last holder lets go of it.
fn abort(stream: &TcpStream) {
    let _ = socket2::SockRef::from(stream).set_linger(Some(Duration::ZERO));
}

struct Pump<'a> {
    from: &'a TcpStream,
    to: &'a TcpStream,
    conditions: &'a Conditions,
    /// The number of resets when the connection was made.
    born: u64,
    /// Delayed bytes with the moment they are due.
    queue: VecDeque<(Instant, Vec<u8>)>,
    queued: usize,
    ended: bool,
}

impl<'a> Pump<'a> {
    fn new(from: &'a TcpStream, to: &'a TcpStream, conditions: &'a Conditions, born: u64) -> Self {
        Self {
            from,
            to,
            conditions,
            born,
            queue: VecDeque::new(),
            queued: 0,
            ended: false,
        }
    }

    fn run(mut self) {
        let mut buffer = vec![0; 64 << 10];
        while self.step(&mut buffer).is_some() {}
        if self.conditions.now().resets == self.born {
            // A goodbye on one side is a goodbye on the other.
            let _ = self.to.shutdown(Shutdown::Write);
        } else {
            abort(self.from);
            abort(self.to);
        }
    }

    /// Reads once and writes what is due; `None` when the connection has ended.
    fn step(&mut self, buffer: &mut [u8]) -> Option<()> {
        if self.conditions.now().resets != self.born {
            return None;
        }
        if !self.ended && self.queued < IN_FLIGHT {
            self.from.set_read_timeout(Some(self.patience())).ok()?;
            match (&mut &*self.from).read(buffer) {
                Ok(0) => self.ended = true,
                Ok(count) => {
                    let bytes = buffer.get(..count)?.to_vec();
                    let due = Instant::now() + self.conditions.now().delay;
                    self.queued += count;
                    self.queue.push_back((due, bytes));
                }
                Err(error) if is_timeout(&error) => {}
                Err(_) => {
                    abort(self.to);
                    return None;
                }
            }
        } else if self.conditions.wait_reset(self.born, self.patience()) {
            return None;
        }
        while let Some((due, _)) = self.queue.front()
            && *due <= Instant::now()
        {
            let (_, bytes) = self.queue.pop_front()?;
            self.queued -= bytes.len();
            self.send(&bytes)?;
        }
        (!self.ended || !self.queue.is_empty()).then_some(())
    }

    /// How long a read may wait: until the next delayed bytes are due, but not for ever.
    fn patience(&self) -> Duration {
        let due = self
            .queue
            .front()
            .map(|(due, _)| due.saturating_duration_since(Instant::now()));
        due.unwrap_or(GLANCE)
            .clamp(Duration::from_millis(1), GLANCE)
    }

    fn send(&self, mut bytes: &[u8]) -> Option<()> {
        self.to.set_write_timeout(Some(GLANCE)).ok()?;
        while !bytes.is_empty() {
            let weather = self.conditions.wait_passable(self.born);
            if weather.resets != self.born {
                return None;
            }
            // A tenth of a second's worth at a time keeps a limited connection smooth.
            let part = match usize::try_from(weather.rate / 10) {
                Ok(limit) if weather.rate > 0 => bytes.len().min(limit.max(1)),
                _ => bytes.len(),
            };
            match (&mut &*self.to).write(bytes.get(..part)?) {
                Ok(count) => {
                    bytes = bytes.get(count..)?;
                    if weather.rate > 0 {
                        let spent = Duration::from_secs_f64(count as f64 / weather.rate as f64);
                        self.conditions.wait_reset(self.born, spent);
                    }
                }
                Err(error) if is_timeout(&error) => {}
                Err(_) => {
                    abort(self.from);
                    return None;
                }
            }
        }
        Some(())
    }
}

fn is_timeout(error: &std::io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
    )
}
