//! One message to one receiver: a connection of its own, an answer of a bounded size, all within a deadline.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST, USER_AGENT};
use http::{HeaderName, Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::endpoint::Endpoint;

/// Bytes of an answer that are read: enough for what a person wants to know.
const MAX_ANSWER: usize = 16 << 10;

/// Characters of an answer that are kept.
const MAX_WORDS: usize = 200;

/// Why a message was not delivered. It has neither the path nor the secret in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum PostError {
    #[error("failed to connect to {host}: {why}")]
    Connect { host: String, why: String },
    #[error("the connection broke: {0}")]
    Broken(String),
    #[error("no answer within {0:?}")]
    Late(Duration),
    #[error("the receiver answered {0}")]
    Refused(String),
}

/// Posts a body; what the receiver said, if it took it.
pub(super) async fn post(
    endpoint: &Endpoint,
    headers: &[(&'static str, String)],
    body: String,
    deadline: Duration,
) -> Result<String, PostError> {
    timeout(deadline, try_post(endpoint, headers, body)).await.unwrap_or(Err(PostError::Late(deadline)))
}

async fn try_post(
    endpoint: &Endpoint,
    headers: &[(&'static str, String)],
    body: String,
) -> Result<String, PostError> {
    let unreachable = |why: String| PostError::Connect { host: endpoint.shown(), why };
    let stream = TcpStream::connect((endpoint.host.as_str(), endpoint.port)).await;
    let stream = stream.map_err(|error| unreachable(error.to_string()))?;
    let request = request(endpoint, headers, body).map_err(|error| unreachable(error.to_string()))?;
    match &endpoint.tls {
        None => exchange(stream, request).await,
        Some(config) => {
            let name = ServerName::try_from(endpoint.host.clone());
            let name =
                name.map_err(|_| unreachable("it has no name that a certificate can have".to_owned()))?;
            let stream = TlsConnector::from(Arc::clone(config)).connect(name, stream).await;
            exchange(stream.map_err(|error| unreachable(error.to_string()))?, request).await
        }
    }
}

fn request(
    endpoint: &Endpoint,
    headers: &[(&'static str, String)],
    body: String,
) -> Result<Request<Full<Bytes>>, http::Error> {
    let host =
        if endpoint.host.contains(':') { format!("[{}]", endpoint.host) } else { endpoint.host.clone() };
    let mut request = Request::builder()
        .method(Method::POST)
        .uri(endpoint.path.as_str())
        .header(HOST, format!("{host}:{}", endpoint.port))
        .header(CONTENT_TYPE, "application/json")
        .header(USER_AGENT, concat!("pgbelay/", env!("CARGO_PKG_VERSION")));
    for (name, value) in headers {
        request = request.header(HeaderName::from_static(name), value);
    }
    request.body(Full::new(Bytes::from(body)))
}

async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    request: Request<Full<Bytes>>,
) -> Result<String, PostError> {
    let broken = |error: &dyn std::fmt::Display| PostError::Broken(error.to_string());
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|e| broken(&e))?;
    let answered = async {
        let response = sender.send_request(request).await.map_err(|e| broken(&e))?;
        let (head, body) = response.into_parts();
        // An answer that is too long, or breaks off, is as good as none: its status has come.
        let body =
            Limited::new(body, MAX_ANSWER).collect().await.map(|body| body.to_bytes()).unwrap_or_default();
        Ok((head.status, words(&body)))
    };
    let mut answered = std::pin::pin!(answered);
    let (status, said) = tokio::select! {
        answered = &mut answered => answered?,
        // What it has brought to its end is there; what it has not will not come.
        _ = connection => answered.await?,
    };
    let answer = if said.is_empty() { status.to_string() } else { format!("{status}: {said}") };
    if status.is_success() {
        Ok(answer)
    } else if status.is_redirection() && status != StatusCode::NOT_MODIFIED {
        Err(PostError::Refused(format!("{status}: redirects are not followed")))
    } else {
        Err(PostError::Refused(answer))
    }
}

/// The beginning of an answer, on one line.
fn words(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let line = text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
    line.collect::<Vec<_>>().join(" ").chars().take(MAX_WORDS).collect()
}
