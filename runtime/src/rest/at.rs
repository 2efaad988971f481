//! Where a request was sent to, to say where something is.

use std::convert::Infallible;

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::header::{HOST, LOCATION};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue};

use super::listen::Peer;

/// The scheme and the host by which the client knows this worker.
pub(super) struct At {
    base: String,
}

impl<S: Sync> FromRequestParts<S> for At {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let peer = parts.extensions.get::<ConnectInfo<Peer>>();
        let scheme = match peer {
            Some(ConnectInfo(peer)) if peer.tls => "https",
            _ => "http",
        };
        let host = parts.headers.get(HOST).and_then(|host| host.to_str().ok());
        let base = host.map_or_else(String::new, |host| format!("{scheme}://{host}"));
        Ok(Self { base })
    }
}

impl At {
    /// Returns the header that says where a connector is.
    pub(super) fn location(&self, name: &str) -> HeaderMap {
        let encoded: String = url::form_urlencoded::byte_serialize(name.as_bytes()).collect();
        let path = format!("/connectors/{}", encoded.replace('+', "%20"));
        let value = HeaderValue::from_str(&format!("{}{path}", self.base)).ok();
        value.map(|value| (LOCATION, value)).into_iter().collect()
    }
}
