//! Listening, and what lies around every request.

use std::net::TcpListener;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use axum::ServiceExt;
use axum::extract::{Request, State};
use axum::http::{StatusCode, Uri};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::Response;
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tower::Layer as _;
use walbridge_connector_api::StopToken;

use super::error::ApiError;
use super::listen::{Incoming, Peer};
use super::{Api, apart, guard, negotiate, router, tls};
use crate::access::Access;
use crate::config::{Listener, WorkerConfig};
use crate::herder::Herder;
use crate::worker::{Shared, Startup, WorkerError};

/// How long a request waits for a worker that is still starting.
const PATIENCE: Duration = Duration::from_secs(3);

/// How long open requests may take once the worker ends.
const GRACE: Duration = Duration::from_millis(500);

/// What stands at the door: who is let in, and how connections are encrypted.
pub(crate) struct Door {
    access: Arc<Access>,
    tls: Option<TlsAcceptor>,
}

impl Door {
    /// Reads users, keys and certificates.
    ///
    /// # Errors
    /// If one of the files cannot be used.
    pub(crate) fn open(config: &WorkerConfig) -> Result<Self, WorkerError> {
        let access = Access::load(&config.access).map_err(WorkerError::Access)?;
        let tls = config.access.tls.as_ref().map(tls::acceptor).transpose();
        let tls = tls.map_err(WorkerError::Access)?;
        for listener in config.listeners.iter().filter(|l| !l.is_loopback()) {
            if access.asks_nobody() {
                tracing::warn!(%listener, "the REST API is open to the network and asks nobody");
            } else if !listener.tls {
                tracing::warn!(%listener, "passwords and tokens cross the network unencrypted");
            }
        }
        Ok(Self {
            access: Arc::new(access),
            tls,
        })
    }
}

/// Opens the listeners.
pub(crate) fn bind(listeners: &[Listener]) -> Result<Vec<TcpListener>, WorkerError> {
    let open = |listener: &Listener| {
        let socket = TcpListener::bind(listener.bind())?;
        socket.set_nonblocking(true)?;
        Ok(socket)
    };
    listeners
        .iter()
        .map(|listener| {
            open(listener).map_err(|source| WorkerError::Listen {
                listener: listener.to_string(),
                source,
            })
        })
        .collect()
}

/// Answers requests on a thread of its own until told to stop.
pub(crate) fn serve(
    listeners: Vec<TcpListener>,
    door: Door,
    shared: Arc<Shared>,
    herder: Herder,
    stop: StopToken,
) -> std::io::Result<JoinHandle<()>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let encrypted: Vec<bool> = shared.config.listeners.iter().map(|l| l.tls).collect();
    let api = Api {
        shared,
        herder,
        access: door.access,
        places: Arc::new(Semaphore::new(apart::PLACES)),
    };
    std::thread::Builder::new()
        .name("rest".into())
        .spawn(move || {
            runtime.block_on(async {
                for (listener, encrypted) in listeners.into_iter().zip(encrypted) {
                    let tls = door.tls.clone().filter(|_| encrypted);
                    if let Err(error) = spawn(listener, tls, api.clone(), stop.clone()) {
                        tracing::error!(%error, "cannot listen");
                    }
                }
                stopped(stop).await;
                tokio::time::sleep(GRACE).await;
            });
            // A connector's check that never comes back must not hold up the worker's end.
            runtime.shutdown_background();
        })
}

fn spawn(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    api: Api,
    stop: StopToken,
) -> std::io::Result<()> {
    let incoming = Incoming::start(tokio::net::TcpListener::from_std(listener)?, tls)?;
    let guarded = from_fn_with_state(api.clone(), guard::guard).layer(router(api));
    // Around the router and not in it: it adds `Allow` only on its way out.
    let shaped = from_fn(negotiate::shape).layer(guarded);
    let app = tower::util::MapRequestLayer::new(plain_path).layer(shaped);
    let service = ServiceExt::<Request>::into_make_service_with_connect_info::<Peer>(app);
    tokio::spawn(async move {
        let served = axum::serve(incoming, service)
            .with_graceful_shutdown(stopped(stop))
            .await;
        if let Err(error) = served {
            tracing::error!(%error, "REST ended");
        }
    });
    Ok(())
}

async fn stopped(stop: StopToken) {
    while !stop.is_stopped() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Takes a trailing slash off: clients put one on every path.
fn plain_path(mut request: Request) -> Request {
    let path = request.uri().path();
    let plain = path.trim_end_matches('/');
    if plain.len() == path.len() || path == "/" {
        return request;
    }
    let query = request
        .uri()
        .query()
        .map(|query| format!("?{query}"))
        .unwrap_or_default();
    let plain = if plain.is_empty() { "/" } else { plain };
    if let Ok(uri) = format!("{plain}{query}").parse::<Uri>() {
        *request.uri_mut() = uri;
    }
    request
}

/// Holds what needs the worker's topics until they have been read, but not for ever.
pub(super) async fn only_when_ready(
    State(api): State<Api>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let until = Instant::now() + PATIENCE;
    loop {
        let startup = api.shared.startup().clone();
        let Startup::Starting(stage) = startup else {
            return Ok(next.run(request).await);
        };
        if Instant::now() >= until {
            return Err(ApiError::new(
                StatusCode::SERVICE_UNAVAILABLE,
                format!("The worker is still starting (like a rebalance, this passes): {stage}"),
            ));
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Answers within the time that a request may take, whatever it waits for.
///
/// Whoever waits for the answer is gone then: an order that has not begun is not carried out.
pub(super) async fn in_time(
    State(api): State<Api>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let limit = api.shared.config.request_timeout;
    let answer = tokio::time::timeout(limit, next.run(request)).await;
    answer.map_err(|_| {
        let text = "Request timed out: this worker waits for Kafka or for its group's leader. What had begun may \
                    still be carried out";
        ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, text)
    })
}
