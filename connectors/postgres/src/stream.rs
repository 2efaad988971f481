//! A blocking byte stream to the server, encrypted or not, for the replication protocol.

use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;

use rustls::{ClientConnection, StreamOwned};
use walbridge_connector_api::ConnectorError;

use crate::connect::{Settings, SslMode};
use crate::{sqlstate, tls};

/// The bytes that ask for TLS: length 8 and a version no protocol has.
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xD2, 0x16, 0x2F];

/// A connected socket before any message of the protocol.
#[derive(Debug)]
pub enum Stream {
    /// TCP without encryption.
    Tcp(TcpStream),
    /// A Unix socket.
    Unix(UnixStream),
    /// TLS over TCP.
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Stream {
    /// Connects and negotiates TLS as `sslmode` says.
    ///
    /// `allow` goes without encryption here: whoever needs the second attempt makes it with
    /// [`Stream::open_as`].
    ///
    /// # Errors
    /// `Unreachable` (try again) or `TlsFailed`.
    pub fn open(settings: &Settings) -> Result<Self, ConnectorError> {
        Self::open_as(settings, settings.sslmode)
    }

    /// Connects and negotiates TLS as `mode` says instead of the settings' own.
    ///
    /// # Errors
    /// As [`Stream::open`].
    pub fn open_as(settings: &Settings, mode: SslMode) -> Result<Self, ConnectorError> {
        let what = format!("connecting to {}", settings.target());
        if settings.is_unix() {
            let path = format!("{}/.s.PGSQL.{}", settings.host, settings.port);
            let socket = UnixStream::connect(&path)
                .map_err(|error| sqlstate::from_io(error, &format!("connecting to {path}")))?;
            return Ok(Self::Unix(socket));
        }
        let socket = tcp(settings).map_err(|error| sqlstate::from_io(error, &what))?;
        if matches!(mode, SslMode::Disable | SslMode::Allow) {
            return Ok(Self::Tcp(socket));
        }
        let config = tls::client_config(settings)?;
        negotiate(socket, settings, mode, config)
            .map_err(|error| sqlstate::from_io(error, &what))?
    }

    /// Limits how long one read may wait; reading then fails with `WouldBlock` or `TimedOut`.
    ///
    /// # Errors
    /// If the socket refuses.
    pub fn set_read_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        match self {
            Self::Tcp(socket) => socket.set_read_timeout(timeout),
            Self::Unix(socket) => socket.set_read_timeout(timeout),
            Self::Tls(session) => session.get_ref().set_read_timeout(timeout),
        }
    }

    /// Makes reading and writing answer `WouldBlock` instead of waiting.
    ///
    /// # Errors
    /// If the socket refuses.
    pub fn set_nonblocking(&self, on: bool) -> io::Result<()> {
        match self {
            Self::Tcp(socket) => socket.set_nonblocking(on),
            Self::Unix(socket) => socket.set_nonblocking(on),
            Self::Tls(session) => session.get_ref().set_nonblocking(on),
        }
    }

    /// Limits how long one write may wait.
    ///
    /// # Errors
    /// If the socket refuses.
    pub fn set_write_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        match self {
            Self::Tcp(socket) => socket.set_write_timeout(timeout),
            Self::Unix(socket) => socket.set_write_timeout(timeout),
            Self::Tls(session) => session.get_ref().set_write_timeout(timeout),
        }
    }
}

fn tcp(settings: &Settings) -> io::Result<TcpStream> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the host's name has no address");
    for address in (settings.host.as_str(), settings.port).to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, settings.connect_timeout) {
            Ok(socket) => {
                socket.set_nodelay(true)?;
                let raw = socket2::SockRef::from(&socket);
                if settings.keepalive {
                    let keepalive = socket2::TcpKeepalive::new()
                        .with_time(Duration::from_secs(20))
                        .with_interval(Duration::from_secs(5))
                        .with_retries(4);
                    raw.set_tcp_keepalive(&keepalive)?;
                }
                return Ok(socket);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn negotiate(
    mut socket: TcpStream,
    settings: &Settings,
    mode: SslMode,
    config: Arc<rustls::ClientConfig>,
) -> io::Result<Result<Stream, ConnectorError>> {
    socket.set_read_timeout(Some(settings.connect_timeout))?;
    socket.set_write_timeout(Some(settings.connect_timeout))?;
    socket.write_all(&SSL_REQUEST)?;
    let mut answer = [0u8; 1];
    socket.read_exact(&mut answer)?;
    if answer[0] != b'S' {
        if mode == SslMode::Prefer {
            return Ok(Ok(Stream::Tcp(socket)));
        }
        return Ok(Err(ConnectorError::stop(
            "TlsFailed",
            format!(
                "{} does not speak TLS, and sslmode is {}",
                settings.target(),
                mode.as_str()
            ),
        )
        .remedy(
            "turn on ssl on the server or set sslmode to prefer or disable",
        )));
    }
    let name = tls::server_name(&settings.host)?;
    let mut session = ClientConnection::new(config, name).map_err(io::Error::other)?;
    while session.is_handshaking() {
        session.complete_io(&mut socket)?;
    }
    Ok(Ok(Stream::Tls(Box::new(StreamOwned::new(session, socket)))))
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Tcp(socket) => socket.as_fd(),
            Self::Unix(socket) => socket.as_fd(),
            Self::Tls(session) => session.get_ref().as_fd(),
        }
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(socket) => socket.read(buffer),
            Self::Unix(socket) => socket.read(buffer),
            Self::Tls(session) => session.read(buffer),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(socket) => socket.write(bytes),
            Self::Unix(socket) => socket.write(bytes),
            Self::Tls(session) => session.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Tcp(socket) => socket.flush(),
            Self::Unix(socket) => socket.flush(),
            Self::Tls(session) => session.flush(),
        }
    }
}
