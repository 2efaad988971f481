//! A blocking connection that speaks PostgreSQL's protocol, with replication and COPY.
//!
//! The socket never blocks by itself: every wait is a `poll` with a limit, so that a stop is seen
//! and status updates go out in time whatever the server does.

mod inbox;
mod startup;

use std::io::{ErrorKind, Write};
use std::time::{Duration, Instant};

use bytes::BytesMut;
use postgres_protocol::message::frontend;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use walbridge_connector_api::{ConnectorError, Result, StopToken};
use walbridge_postgres::connect::{Settings, SslMode};
use walbridge_postgres::sqlstate;
use walbridge_postgres::stream::Stream;

use crate::cursor::Cursor;
pub(crate) use inbox::{Frame, Inbox};

/// How long a write may wait for a server that does not read.
const WRITE_LIMIT: Duration = Duration::from_secs(60);

/// How often a waiting connection looks whether it is to stop.
const STOP_CHECK: Duration = Duration::from_millis(100);

/// A row of texts, as the simple query protocol returns it.
pub(crate) type Row = Vec<Option<String>>;

/// One connection.
#[derive(Debug)]
pub(crate) struct Wire {
    stream: Stream,
    pub(crate) inbox: Inbox,
    stop: StopToken,
    target: String,
}

impl Wire {
    /// Connects and logs in; `replication` gives a connection for replication commands.
    pub(crate) fn open(settings: &Settings, replication: bool, stop: &StopToken) -> Result<Self> {
        match Self::open_as(settings, settings.sslmode, replication, stop) {
            // The server's answer to a client it wants to see encrypted.
            Err(error)
                if settings.sslmode == SslMode::Allow && error.name() == "AuthenticationFailed" =>
            {
                Self::open_as(settings, SslMode::Require, replication, stop).map_err(|_| error)
            }
            other => other,
        }
    }

    fn open_as(
        settings: &Settings,
        mode: SslMode,
        replication: bool,
        stop: &StopToken,
    ) -> Result<Self> {
        let stream = Stream::open_as(settings, mode)?;
        let target = settings.target();
        stream
            .set_nonblocking(true)
            .map_err(|error| sqlstate::from_io(error, &format!("connecting to {target}")))?;
        let mut wire = Self {
            stream,
            inbox: Inbox::new(),
            stop: stop.clone(),
            target,
        };
        startup::log_in(&mut wire, settings, replication)?;
        Ok(wire)
    }

    /// Returns where this is connected to, for messages.
    pub(crate) fn target(&self) -> &str {
        &self.target
    }

    fn io(&self, error: std::io::Error) -> ConnectorError {
        sqlstate::from_io(error, &format!("talking to {}", self.target))
    }

    /// Sends bytes, all of them.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> Result<()> {
        let limit = Instant::now() + WRITE_LIMIT;
        let mut rest = bytes;
        while !rest.is_empty() {
            match self.stream.write(rest) {
                Ok(written) => rest = &rest[written..],
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.writable(limit)?,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(self.io(error)),
            }
        }
        loop {
            match self.stream.flush() {
                Ok(()) => return Ok(()),
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.writable(limit)?,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(self.io(error)),
            }
        }
    }

    fn writable(&self, limit: Instant) -> Result<()> {
        if Instant::now() > limit {
            return Err(self.io(ErrorKind::TimedOut.into()));
        }
        self.wait_for(PollFlags::OUT, STOP_CHECK)
    }

    /// Waits until there is something to read, at most `time`.
    pub(crate) fn readable(&self, time: Duration) -> Result<()> {
        self.wait_for(PollFlags::IN, time)
    }

    fn wait_for(&self, what: PollFlags, time: Duration) -> Result<()> {
        let time = Timespec::try_from(time).ok();
        let mut fds = [PollFd::new(&self.stream, what)];
        match poll(&mut fds, time.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(error) => Err(self.io(error.into())),
        }
    }

    /// Reads what there is; `None` when there is nothing now.
    pub(crate) fn fill(&mut self) -> Result<Option<usize>> {
        match self.inbox.fill(&mut self.stream) {
            Ok(0) => Err(ConnectorError::retry(
                "Unreachable",
                format!("{} closed the connection", self.target),
            )),
            Ok(read) => Ok(Some(read)),
            Err(error)
                if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) =>
            {
                Ok(None)
            }
            Err(error) => Err(self.io(error)),
        }
    }

    /// Returns the next whole message in the buffer.
    #[inline]
    pub(crate) fn frame(&mut self) -> Result<Option<Frame>> {
        self.inbox.next().map_err(|error| self.io(error))
    }

    /// Waits for the next message and leaves it in the buffer; an error of the server is an error.
    pub(crate) fn wait_frame(&mut self) -> Result<Frame> {
        loop {
            while let Some(frame) = self.frame()? {
                match frame.tag {
                    b'E' => return Err(self.server_error(self.inbox.body(&frame))),
                    b'N' | b'A' | b'S' => {}
                    _ => return Ok(frame),
                }
            }
            if self.fill()?.is_none() {
                if self.stop.is_stopped() {
                    return Err(ConnectorError::retry("Stopped", "the task is stopping"));
                }
                self.readable(STOP_CHECK)?;
            }
        }
    }

    fn message(&mut self) -> Result<(u8, Vec<u8>)> {
        let frame = self.wait_frame()?;
        Ok((frame.tag, self.inbox.body(&frame).to_vec()))
    }

    /// Turns the body of an ErrorResponse into an error.
    pub(crate) fn server_error(&self, body: &[u8]) -> ConnectorError {
        let mut cursor = Cursor::new(body);
        let (mut code, mut message) = (String::new(), String::new());
        while let Ok(field) = cursor.u8("error field") {
            let Ok(text) = cursor.text("error field") else {
                break;
            };
            match field {
                b'C' => code = text.to_owned(),
                b'M' => message = text.to_owned(),
                b'D' | b'H' => {
                    message.push_str("; ");
                    message.push_str(text);
                }
                _ => {}
            }
        }
        sqlstate::from_server(&code, &message, &self.target)
    }

    /// Sends a command or statements and returns the rows of all of them.
    ///
    /// After an error of the server the connection serves no further query: it is to be dropped.
    pub(crate) fn query(&mut self, sql: &str) -> Result<Vec<Row>> {
        self.send_query(sql)?;
        let mut rows = Vec::new();
        loop {
            let frame = self.wait_frame()?;
            match frame.tag {
                b'D' => rows.push(self.row(&frame)?),
                b'Z' => return Ok(rows),
                _ => {}
            }
        }
    }

    fn row(&self, frame: &Frame) -> Result<Row> {
        let malformed = |error: crate::cursor::Malformed| {
            ConnectorError::retry("Unreachable", format!("{}: {error}", self.target))
        };
        let mut cursor = Cursor::new(self.inbox.body(frame));
        let count = cursor.u16("row").map_err(malformed)?;
        let mut row = Vec::with_capacity(usize::from(count));
        for _ in 0..count {
            let len = cursor.i32("row").map_err(malformed)?;
            row.push(match usize::try_from(len) {
                Ok(len) => {
                    let bytes = cursor.take(len, "row").map_err(malformed)?;
                    Some(String::from_utf8_lossy(bytes).into_owned())
                }
                Err(_) => None,
            });
        }
        Ok(row)
    }

    /// Sends a command that turns the connection to copying, and waits until it has.
    pub(crate) fn start_copy(&mut self, sql: &str) -> Result<()> {
        self.send_query(sql)?;
        loop {
            let frame = self.wait_frame()?;
            match frame.tag {
                b'W' | b'H' => return Ok(()),
                b'Z' => {
                    return Err(ConnectorError::retry(
                        "Unreachable",
                        format!("{} did not start to copy", self.target),
                    ));
                }
                _ => {}
            }
        }
    }

    fn send_query(&mut self, sql: &str) -> Result<()> {
        let mut out = BytesMut::new();
        frontend::query(sql, &mut out).map_err(|error| self.io(error))?;
        self.send(&out)
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        // Saying goodbye spares the server a line in its log; it matters to nobody if it fails.
        let mut out = BytesMut::new();
        frontend::terminate(&mut out);
        let _ = self.stream.write(&out).and_then(|_| self.stream.flush());
    }
}
