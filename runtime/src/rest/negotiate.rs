//! What lies around the paths: `OPTIONS`, content types, and one shape for the router's own errors.

use axum::extract::Request;
use axum::http::header::{ACCEPT, ALLOW, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http_body::Body as _;

use super::error::ApiError;

/// Refuses what is not JSON, in either direction.
///
/// A body is JSON if nothing says otherwise, and without a body its type does not matter: clients send
/// all kinds.
pub(super) async fn json_only(request: Request, next: Next) -> Response {
    if !accepts_json(request.headers()) {
        return router_error(StatusCode::NOT_ACCEPTABLE);
    }
    let empty = request.body().size_hint().exact() == Some(0);
    if !empty && !sends_json(request.headers()) {
        return router_error(StatusCode::UNSUPPORTED_MEDIA_TYPE);
    }
    next.run(request).await
}

fn accepts_json(headers: &HeaderMap) -> bool {
    let mut ranges = headers
        .get_all(ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .filter(|range| !range.is_empty())
        .peekable();
    ranges.peek().is_none()
        || ranges.any(|range| {
            let mut parts = range.split(';').map(str::trim);
            let kind = parts.next().unwrap_or_default().to_ascii_lowercase();
            let refused = parts.any(|part| {
                part.split_once('=').is_some_and(|(name, value)| {
                    name.trim().eq_ignore_ascii_case("q")
                        && value.trim().parse::<f32>().is_ok_and(|q| q <= 0.0)
                })
            });
            !refused && ["*/*", "application/*", "application/json"].contains(&kind.as_str())
        })
}

fn sends_json(headers: &HeaderMap) -> bool {
    let Some(kind) = headers.get(CONTENT_TYPE) else {
        return true;
    };
    let kind = kind.to_str().unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    kind.is_empty() || kind.eq_ignore_ascii_case("application/json")
}

/// Answers `OPTIONS`, and gives the router's own errors (no such path, wrong verb, unreadable path) the
/// shape of all others.
pub(super) async fn shape(request: Request, next: Next) -> Response {
    let method = request.method().clone();
    let response = next.run(request).await;
    let status = response.status();
    let shaped = response
        .headers()
        .get(CONTENT_TYPE)
        .is_some_and(|kind| kind == "application/json");
    if shaped || !(status.is_client_error() || status.is_server_error()) {
        return response;
    }
    let allow = response.headers().get(ALLOW).map(with_options);
    if let (Method::OPTIONS, StatusCode::METHOD_NOT_ALLOWED, Some(allow)) = (method, status, &allow)
    {
        let body = allow.replace(',', ", ");
        let kind = [
            (CONTENT_TYPE, "text/plain".to_owned()),
            (ALLOW, allow.clone()),
        ];
        return (kind, body).into_response();
    }
    let mut shaped = router_error(status);
    if let Some(allow) = allow.and_then(|allow| HeaderValue::from_str(&allow).ok()) {
        shaped.headers_mut().insert(ALLOW, allow);
    }
    shaped
}

fn with_options(allow: &HeaderValue) -> String {
    let allow = allow.to_str().unwrap_or_default();
    if allow.is_empty() {
        "OPTIONS".into()
    } else {
        format!("{allow},OPTIONS")
    }
}

/// Returns the router's words for a status.
fn router_error(status: StatusCode) -> Response {
    let words = status.canonical_reason().unwrap_or_default();
    let code = status.as_u16();
    ApiError::new(status, format!("HTTP {code} {words}")).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: axum::http::HeaderName, value: &'static str) -> HeaderMap {
        [(name, HeaderValue::from_static(value))]
            .into_iter()
            .collect()
    }

    #[test]
    fn json_is_taken_and_given_however_it_is_said() {
        assert!(accepts_json(&HeaderMap::new()));
        for value in [
            "*/*",
            "text/html, application/JSON;q=0.5",
            "application/*",
            "",
        ] {
            assert!(accepts_json(&headers(ACCEPT, value)), "{value}");
        }
        for value in ["text/html", "application/json;q=0", "text/plain, image/*"] {
            assert!(!accepts_json(&headers(ACCEPT, value)), "{value}");
        }
        assert!(sends_json(&HeaderMap::new()));
        for value in ["application/json", "Application/JSON; charset=utf-8", ""] {
            assert!(sends_json(&headers(CONTENT_TYPE, value)), "{value}");
        }
        for value in ["text/plain", "application/x-www-form-urlencoded"] {
            assert!(!sends_json(&headers(CONTENT_TYPE, value)), "{value}");
        }
    }
}
