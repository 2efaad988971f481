//! The network between the sites: all proxied routes under one control.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use crate::conditions::{Change, Conditions};
use crate::proxy;

/// One way through the link: connections to `listen` are led to `target`.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Route {
    /// The proxy's port.
    pub listen: u16,
    /// The server's port.
    pub target: u16,
}

/// The control of a link, which may be served by another process.
#[derive(Debug, Clone)]
pub struct Link {
    socket: PathBuf,
}

impl Link {
    /// Returns the control of the link whose lab lives in `dir`.
    pub fn of(dir: &Path) -> Self {
        Self {
            socket: dir.join("link.sock"),
        }
    }

    /// Serves the routes and the control from threads of this process until it ends.
    pub fn serve(dir: &Path, routes: &[Route]) -> Result<Self> {
        let link = Self::of(dir);
        // A socket left by a process that was killed.
        let _ = std::fs::remove_file(&link.socket);
        let conditions = Arc::new(Conditions::default());
        for route in routes {
            proxy::start(route.listen, route.target, &conditions)?;
        }
        let listener = UnixListener::bind(&link.socket)
            .with_context(|| format!("listening on {}", link.socket.display()))?;
        thread::Builder::new()
            .name("link".to_owned())
            .spawn(move || {
                for stream in listener.incoming().flatten() {
                    // A client that went away needs no answer.
                    let _ = answer(&stream, &conditions);
                }
            })?;
        Ok(link)
    }

    /// Pulls the cable: bytes wait, nobody is told.
    pub fn cut(&self) -> Result<()> {
        self.apply(Change::Cut)
    }

    /// Takes back every change.
    pub fn heal(&self) -> Result<()> {
        self.apply(Change::Heal)
    }

    /// Resets all connections and refuses new ones.
    pub fn refuse(&self) -> Result<()> {
        self.apply(Change::Refuse)
    }

    /// Resets all connections; new ones are welcome.
    pub fn reset(&self) -> Result<()> {
        self.apply(Change::Reset)
    }

    /// Delays every byte in either direction.
    pub fn delay(&self, delay: Duration) -> Result<()> {
        self.apply(Change::Delay(delay))
    }

    /// Limits each connection to so many bytes per second in either direction; 0 is no limit.
    pub fn throttle(&self, bytes_per_second: u64) -> Result<()> {
        self.apply(Change::Rate(bytes_per_second))
    }

    /// Applies a change.
    pub fn apply(&self, change: Change) -> Result<()> {
        self.ask(&change.to_string()).map(drop)
    }

    /// Describes the present state in words.
    pub fn describe(&self) -> Result<String> {
        self.ask("status")
    }

    fn ask(&self, request: &str) -> Result<String> {
        let mut stream = UnixStream::connect(&self.socket)
            .with_context(|| format!("the link does not answer at {}", self.socket.display()))?;
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        writeln!(stream, "{request}")?;
        let mut reply = String::new();
        BufReader::new(stream).read_line(&mut reply)?;
        match reply.trim_end().split_once(' ') {
            Some(("ok", text)) => Ok(text.to_owned()),
            _ => bail!("the link refused {request:?}: {}", reply.trim_end()),
        }
    }
}

fn answer(stream: &UnixStream, conditions: &Conditions) -> Result<()> {
    let mut request = String::new();
    BufReader::new(stream).read_line(&mut request)?;
    let mut stream = stream;
    match request.trim() {
        "status" => writeln!(stream, "ok {}", conditions.now())?,
        text => match text.parse::<Change>() {
            Ok(change) => {
                conditions.apply(change);
                writeln!(stream, "ok {}", conditions.now())?;
            }
            Err(error) => writeln!(stream, "error {error}")?,
        },
    }
    Ok(())
}
