//! Listening, and what lies around every request.

use std::net::TcpListener;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use axum::ServiceExt;
use axum::extract::{Request, State};
use axum::http::{StatusCode, Uri};
use axum::middleware::Next;
use axum::response::Response;
use tower::Layer as _;
use walbridge_connector_api::StopToken;

use super::error::ApiError;
use super::{Api, negotiate, router};
use crate::config::Listener;
use crate::herder::Herder;
use crate::worker::{Shared, Startup, WorkerError};

/// How long a request waits for a worker that is still starting.
const PATIENCE: Duration = Duration::from_secs(3);

/// How long open requests may take once the worker ends.
const GRACE: Duration = Duration::from_millis(500);

/// Opens the listeners.
pub(crate) fn bind(listeners: &[Listener]) -> Result<Vec<TcpListener>, WorkerError> {
    let open = |listener: &Listener| {
        if !listener.is_loopback() {
            tracing::warn!(%listener, "the REST API is open to the network and asks for no password");
        }
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
    shared: Arc<Shared>,
    herder: Herder,
    stop: StopToken,
) -> std::io::Result<JoinHandle<()>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let api = Api { shared, herder };
    std::thread::Builder::new()
        .name("rest".into())
        .spawn(move || {
            runtime.block_on(async {
                for listener in listeners {
                    if let Err(error) = spawn(listener, api.clone(), stop.clone()) {
                        tracing::error!(%error, "cannot listen");
                    }
                }
                stopped(stop).await;
                tokio::time::sleep(GRACE).await;
            });
        })
}

fn spawn(listener: TcpListener, api: Api, stop: StopToken) -> std::io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    // Around the router and not in it: it adds `Allow` only on its way out.
    let shaped = axum::middleware::from_fn(negotiate::shape).layer(router(api));
    let app = tower::util::MapRequestLayer::new(plain_path).layer(shaped);
    let service = ServiceExt::<Request>::into_make_service(app);
    tokio::spawn(async move {
        let served = axum::serve(listener, service)
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
