//! The local page: the vocabulary of [`crate::control`], read only, for a browser in the depot.
//!
//! It listens only where the configuration says. Host and Origin are checked, so that no page from elsewhere can read
//! it through the browser of somebody in the depot; on any address that is not the machine's own a token is needed.

pub mod metrics;

mod places;

use crate::control::desk::Desk;
use crate::control::{Answer, Ask};
use axum::Router;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use std::net::SocketAddr;
use std::sync::Arc;
use subtle::ConstantTimeEq;
use tokio::net::TcpListener;

const PAGE: &str = include_str!("page.html");
const ROWS: usize = 50;

/// What the handlers need.
#[derive(Clone)]
struct Shared {
    desk: Desk,
    listen: SocketAddr,
    token: Option<Arc<str>>,
}

/// Opens the address that the configuration names in this section.
pub async fn listen(section: &str, address: SocketAddr) -> std::io::Result<TcpListener> {
    TcpListener::bind(address).await.map_err(|e| {
        let what = format!("[{section}] listen = \"{address}\": {e}; name a free address of this machine");
        std::io::Error::new(e.kind(), what)
    })
}

/// Serves until the program ends.
pub async fn serve(listener: TcpListener, listen: SocketAddr, token: Option<String>, desk: Desk) {
    let shared = Shared { desk, listen, token: token.map(Into::into) };
    let router = Router::new()
        .route("/", get(|| async { Html(PAGE) }))
        .route("/api/{what}", get(api))
        .layer(middleware::from_fn_with_state(shared.clone(), guard))
        .with_state(shared);
    if let Err(error) = axum::serve(places::Places::new(listener), router).await {
        tracing::error!(%error, "the local page ended");
    }
}

async fn api(State(shared): State<Shared>, Path(what): Path<String>) -> Response {
    let ask = match what.as_str() {
        "status" => Ask::Status,
        "connectors" => Ask::Connectors,
        "lines" => Ask::Lines,
        "sessions" => Ask::Sessions { limit: ROWS },
        "records" => Ask::Records { unsent: false, limit: ROWS },
        "queue" => Ask::Queue { limit: ROWS },
        "alarms" => Ask::Alarms,
        _ => return (StatusCode::NOT_FOUND, "unknown; see /").into_response(),
    };
    match shared.desk.answer(ask).await {
        Answer::Good { data } => axum::Json(data).into_response(),
        Answer::Refused { error } => (StatusCode::SERVICE_UNAVAILABLE, error).into_response(),
    }
}

async fn guard(State(shared): State<Shared>, request: Request, next: Next) -> Response {
    let headers = request.headers();
    if !host_is_ours(headers, shared.listen) || !origin_is_ours(headers) {
        return (StatusCode::FORBIDDEN, "this page answers only under its own address").into_response();
    }
    if let Some(token) = &shared.token
        && !has_token(headers, token)
    {
        let challenge = [(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))];
        return (StatusCode::UNAUTHORIZED, challenge, "Authorization: Bearer TOKEN is needed")
            .into_response();
    }
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'none'; connect-src 'self'; script-src 'unsafe-inline'; style-src 'unsafe-inline'",
        ),
    );
    response
}

/// The name in the address bar must be an address of this machine's, not a name that somebody else points here.
fn host_is_ours(headers: &HeaderMap, listen: SocketAddr) -> bool {
    let Some(host) = headers.get(header::HOST).and_then(|h| h.to_str().ok()) else { return false };
    let name = host.strip_suffix(&format!(":{}", listen.port())).unwrap_or(host);
    let name = name.trim_start_matches('[').trim_end_matches(']');
    name == "localhost"
        || name.parse().is_ok_and(|ip: std::net::IpAddr| ip == listen.ip() || listen.ip().is_unspecified())
}

fn origin_is_ours(headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(header::ORIGIN) else { return true };
    let host = headers.get(header::HOST).and_then(|h| h.to_str().ok()).unwrap_or_default();
    origin.to_str().is_ok_and(|o| o == format!("http://{host}"))
}

fn has_token(headers: &HeaderMap, token: &str) -> bool {
    let given = headers.get(header::AUTHORIZATION).and_then(|h| h.to_str().ok());
    given.and_then(|g| g.strip_prefix("Bearer ")).is_some_and(|g| g.as_bytes().ct_eq(token.as_bytes()).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(host: &str, origin: Option<&str>) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, HeaderValue::from_str(host).expect("host"));
        if let Some(origin) = origin {
            headers.insert(header::ORIGIN, HeaderValue::from_str(origin).expect("origin"));
        }
        headers
    }

    #[test]
    fn a_page_from_elsewhere_is_not_answered() {
        let listen: SocketAddr = "127.0.0.1:8722".parse().expect("address");
        assert!(host_is_ours(&headers("127.0.0.1:8722", None), listen));
        assert!(host_is_ours(&headers("localhost:8722", None), listen));
        assert!(!host_is_ours(&headers("evil.example:8722", None), listen));
        assert!(!host_is_ours(&HeaderMap::new(), listen));
        assert!(origin_is_ours(&headers("localhost:8722", Some("http://localhost:8722"))));
        assert!(!origin_is_ours(&headers("localhost:8722", Some("http://evil.example"))));
    }
}
