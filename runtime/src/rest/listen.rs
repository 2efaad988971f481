//! Connections: accepted, encrypted where the listener says so, and handed on.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::connect_info::Connected;
use axum::serve::IncomingStream;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio_rustls::TlsAcceptor;

use super::spares::Spares;
use super::tls;

/// How long a TLS handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// Handshakes at one time; further connections wait.
const HANDSHAKES: usize = 64;

/// How long to wait when no connection can be accepted, such as when there are too many files.
const PAUSE: Duration = Duration::from_millis(200);

/// How long a descriptor of the reserve may be missing that could be taken again.
const REFILL: Duration = Duration::from_secs(1);

/// What a connection is made of.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// Who is at the other end of a connection.
#[derive(Debug, Clone)]
pub(super) struct Peer {
    pub(super) address: SocketAddr,
    /// Whether the connection is encrypted.
    pub(super) tls: bool,
    /// The common name of the certificate that was shown and found good.
    pub(super) certificate: Option<String>,
}

/// Connections that are ready for requests.
pub(super) struct Incoming {
    ready: mpsc::Receiver<(Box<dyn Stream>, Peer)>,
    address: SocketAddr,
}

impl Incoming {
    /// Starts to accept connections.
    pub(super) fn start(listener: TcpListener, tls: Option<TlsAcceptor>) -> io::Result<Self> {
        let address = listener.local_addr()?;
        let (sender, ready) = mpsc::channel(16);
        tokio::spawn(accept(listener, tls, sender));
        Ok(Self { ready, address })
    }
}

async fn accept(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    ready: mpsc::Sender<(Box<dyn Stream>, Peer)>,
) {
    let handshakes = Arc::new(Semaphore::new(HANDSHAKES));
    let mut spares = Spares::default();
    while !ready.is_closed() {
        spares.refill();
        let (stream, address) = match tokio::time::timeout(REFILL, listener.accept()).await {
            Ok(Ok(accepted)) => accepted,
            Ok(Err(error)) if spares.give(&error) => {
                match tokio::time::timeout(Duration::ZERO, listener.accept()).await {
                    Ok(Ok(accepted)) => accepted,
                    _ => continue,
                }
            }
            Ok(Err(error)) => {
                tracing::debug!(%error, "cannot accept a connection");
                tokio::time::sleep(PAUSE).await;
                continue;
            }
            Err(_) => continue,
        };
        // Answers are small and wait for nothing.
        let _ = stream.set_nodelay(true);
        let peer = Peer {
            address,
            tls: tls.is_some(),
            certificate: None,
        };
        let Some(tls) = tls.clone() else {
            let _ = ready.send((Box::new(stream), peer)).await;
            continue;
        };
        let Ok(permit) = Arc::clone(&handshakes).acquire_owned().await else {
            return;
        };
        let ready = ready.clone();
        tokio::spawn(async move {
            let shaken = tokio::time::timeout(HANDSHAKE, handshake(&tls, stream, peer)).await;
            drop(permit);
            match shaken {
                Ok(Ok(connection)) => drop(ready.send(connection).await),
                Ok(Err(error)) => tracing::debug!(peer = %address, %error, "TLS handshake failed"),
                Err(_) => tracing::debug!(peer = %address, "TLS handshake took too long"),
            }
        });
    }
}

async fn handshake(
    tls: &TlsAcceptor,
    stream: TcpStream,
    mut peer: Peer,
) -> io::Result<(Box<dyn Stream>, Peer)> {
    let stream = tls.accept(stream).await?;
    let (_, session) = stream.get_ref();
    let certificates = session.peer_certificates().unwrap_or_default();
    peer.certificate = certificates.first().and_then(tls::common_name);
    Ok((Box::new(stream), peer))
}

impl axum::serve::Listener for Incoming {
    type Io = Box<dyn Stream>;
    type Addr = Peer;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        match self.ready.recv().await {
            Some(connection) => connection,
            // The accepting end lives as long as this one.
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        Ok(Peer {
            address: self.address,
            tls: false,
            certificate: None,
        })
    }
}

impl Connected<IncomingStream<'_, Incoming>> for Peer {
    fn connect_info(stream: IncomingStream<'_, Incoming>) -> Self {
        stream.remote_addr().clone()
    }
}
