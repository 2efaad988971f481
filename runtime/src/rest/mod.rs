//! Kafka Connect's REST API.
//!
//! Reading answers from what the worker knows; writing goes through the herder's loop and answers when
//! it is done. Every error, also one of the router's, is `{"error_code": …, "message": …}`.

mod apart;
mod at;
mod body;
mod connectors;
mod dead_letters;
mod degraded;
mod error;
mod guard;
mod health;
mod lifecycle;
mod listen;
mod loggers;
mod negotiate;
mod offsets;
mod openapi;
mod plugins;
mod query;
mod server;
mod spares;
mod status;
mod tls;
mod topics;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post, put};
use tokio::sync::Semaphore;

pub(crate) use server::{Door, bind, serve};

use crate::access::Access;
use crate::herder::Herder;
use crate::worker::Shared;

/// What every handler gets.
#[derive(Clone)]
struct Api {
    shared: Arc<Shared>,
    herder: Herder,
    access: Arc<Access>,
    /// Who may work apart at the moment.
    places: Arc<Semaphore>,
}

fn router(api: Api) -> Router {
    let connector = Router::new()
        .route("/", get(connectors::show).delete(connectors::delete))
        .route(
            "/config",
            get(connectors::config)
                .put(connectors::put_config)
                .patch(connectors::patch_config),
        )
        .route("/status", get(status::connector))
        .route("/tasks", get(connectors::tasks))
        .route("/tasks-config", get(connectors::tasks_config))
        .route("/tasks/{task}/status", get(status::task))
        .route("/tasks/{task}/restart", post(lifecycle::restart_task))
        .route("/topics", get(topics::list))
        .route("/topics/reset", put(topics::reset))
        .route("/restart", post(lifecycle::restart))
        .route("/pause", put(lifecycle::pause))
        .route("/resume", put(lifecycle::resume))
        .route("/stop", put(lifecycle::stop))
        .route("/dead-letters/replay", post(dead_letters::replay))
        .route(
            "/offsets",
            get(offsets::show)
                .patch(offsets::alter)
                .delete(offsets::reset),
        );
    let ready = Router::new()
        .route("/", get(health::root))
        .route(
            "/connectors",
            get(connectors::list).post(connectors::create),
        )
        .nest("/connectors/{connector}", connector)
        .route("/connector-plugins", get(plugins::list))
        .route("/connector-plugins/{plugin}/config", get(plugins::keys))
        .route(
            "/connector-plugins/{plugin}/config/validate",
            put(plugins::validate),
        )
        .route("/admin/loggers", get(loggers::list))
        .route(
            "/admin/loggers/{logger}",
            get(loggers::show).put(loggers::set),
        )
        .route_layer(axum::middleware::from_fn_with_state(
            api.clone(),
            server::only_when_ready,
        ))
        .route_layer(axum::middleware::from_fn_with_state(
            api.clone(),
            server::in_time,
        ))
        .route_layer(axum::middleware::from_fn(negotiate::json_only));
    Router::new()
        .route("/health", get(health::health))
        .route("/metrics", get(health::metrics))
        .route("/openapi.json", get(openapi::show))
        .merge(ready)
        .with_state(api)
}
