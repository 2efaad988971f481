//! Lets requests in, and says who changed what.

use axum::extract::{ConnectInfo, Request, State};
use axum::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::Api;
use super::error::ApiError;
use super::listen::Peer;
use crate::access::{Proof, Role};

/// Whether the caller may hear of connectors.
#[derive(Debug, Clone, Copy)]
pub(super) struct Trusted(pub(super) bool);

/// What a request has changed, in words and without values; answers carry it here for the log.
#[derive(Debug, Clone)]
pub(super) struct Changed(pub(super) String);

/// Refuses who is not known or may not do this, and logs every change with who asked for it.
pub(super) async fn guard(
    State(api): State<Api>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    mut request: Request,
    next: Next,
) -> Response {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let reads = [Method::GET, Method::HEAD, Method::OPTIONS].contains(&method);
    let caller = {
        let header = request.headers().get(AUTHORIZATION);
        let proof = Proof {
            authorization: header.and_then(|value| value.to_str().ok()),
            certificate: peer.certificate.as_deref(),
        };
        api.access.caller(proof).await
    };
    let response = match &caller {
        None if reads && api.access.is_open(&path) => {
            request.extensions_mut().insert(Trusted(false));
            next.run(request).await
        }
        None => unknown(&api),
        Some(caller) if caller.role == Role::ReadOnly && !reads => {
            let words = "This user may only read; a change needs the role admin.";
            ApiError::new(StatusCode::FORBIDDEN, words).into_response()
        }
        Some(_) => {
            request.extensions_mut().insert(Trusted(true));
            next.run(request).await
        }
    };
    if !reads || response.status() == StatusCode::UNAUTHORIZED {
        let user = match &caller {
            None => "unknown",
            Some(caller) if caller.name.is_empty() => "anybody",
            Some(caller) => &caller.name,
        };
        let status = response.status().as_u16();
        let changed = response.extensions().get::<Changed>();
        let changed = changed.map_or("", |changed| &changed.0);
        let (peer, method) = (peer.address, method.as_str());
        tracing::info!(
            target: "walbridge::audit", user, %peer, method, path, status, changed, "audit"
        );
    }
    response
}

fn unknown(api: &Api) -> Response {
    let words = "Who is asking is not known: give credentials that rest.authentication allows.";
    let mut response = ApiError::new(StatusCode::UNAUTHORIZED, words).into_response();
    for challenge in api.access.challenges() {
        let value = HeaderValue::from_static(challenge);
        response.headers_mut().append(WWW_AUTHENTICATE, value);
    }
    response
}
