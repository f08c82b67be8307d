//! Dialling a controller: one TCP connection, one TLS session, one HTTP/2 connection, for each call.
//!
//! There is no hidden reconnect: a channel whose connection has ended fails, and the caller dials again with
//! credentials that it has read afresh.

use std::error::Error as StdError;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::TokioIo;
use rustls::{AlertDescription, ClientConfig};
use rustls_pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tonic::transport::{Channel, Endpoint};

use crate::tls::CONTROLLER_DNS_NAME;
use first_read::FirstRead;

mod first_read;
#[cfg(test)]
mod tests;

/// From the name look-up to the first HTTP/2 bytes. A controller on the other side of the world takes a second;
/// ten times that is a controller that isn't there.
pub const CONNECT_DEADLINE: Duration = Duration::from_secs(10);
/// How often a connection is proven alive: well inside the idle limits of common firewalls (a minute and more).
pub const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(20);
/// How long a ping may go without an answer before the connection counts as dead.
pub const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(10);
/// Unread bytes that one stream may hold. The default of 2 MiB costs that much for each reader that stalls;
/// messages are small, and 64 KiB at 100 ms of round trip still carries 5 Mbit/s.
pub const STREAM_WINDOW: u32 = 64 * 1024;
/// Unread bytes that all streams of a connection may hold together: one stream can't starve the others.
pub const CONNECTION_WINDOW: u32 = 128 * 1024;
/// Size of the headers of one response; gRPC's own are below 1 KiB.
pub const MAX_HEADER_LIST: u32 = 16 * 1024;

/// The URI inside the TLS session, which is ours: tonic must not add another.
const ORIGIN: &str = "http://controller.pgbelay";

/// Bounds of one connection.
#[derive(Debug, Clone)]
pub struct DialLimits {
    /// See [`CONNECT_DEADLINE`].
    pub connect_deadline: Duration,
    /// See [`KEEPALIVE_INTERVAL`].
    pub keepalive_interval: Duration,
    /// See [`KEEPALIVE_TIMEOUT`].
    pub keepalive_timeout: Duration,
}

impl Default for DialLimits {
    fn default() -> Self {
        Self {
            connect_deadline: CONNECT_DEADLINE,
            keepalive_interval: KEEPALIVE_INTERVAL,
            keepalive_timeout: KEEPALIVE_TIMEOUT,
        }
    }
}

/// Why there is no channel; the variants call for different actions.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    /// Nobody there, or nobody who can take another connection: worth trying again later.
    #[error("the controller at {address} cannot be reached")]
    Unreachable {
        /// Where the controller was looked for.
        address: String,
        /// Look-up, connection or time-out.
        #[source]
        source: io::Error,
    },
    /// The server is not a controller that we trust: trying again does not help.
    #[error("the server at {address} is not trusted")]
    NotTrusted {
        /// Where the controller was looked for.
        address: String,
        /// What is wrong with its certificate.
        #[source]
        source: rustls::Error,
    },
    /// The controller does not accept our certificate: expired, of another CA, or none was shown.
    #[error("the controller at {address} refuses our certificate")]
    Refused {
        /// Where the controller was looked for.
        address: String,
        /// The alert that it sent.
        #[source]
        source: rustls::Error,
    },
    /// Somebody is there who does not speak TLS 1.3 as a controller does.
    #[error("the server at {address} does not speak pgbelay's TLS 1.3: is this a controller's address?")]
    Protocol {
        /// Where the controller was looked for.
        address: String,
        /// What went wrong in the handshake.
        #[source]
        source: rustls::Error,
    },
}

/// Connects to `host:port`; the whole of it within `limits.connect_deadline`.
///
/// With TLS 1.3 a client has finished its handshake before the server has looked at the client's certificate.
/// Therefore this returns only when the server's first HTTP/2 bytes (or its alert) have arrived: a channel that is
/// handed out has been accepted. The server closes a connection on which no call is made soon (ten seconds).
///
/// # Errors
/// See [`DialError`].
pub async fn dial(address: &str, tls: Arc<ClientConfig>, limits: DialLimits) -> Result<Channel, DialError> {
    timeout(limits.connect_deadline, connect(address, tls, &limits)).await.unwrap_or_else(|_| {
        let waited = format!("no answer within {:?}", limits.connect_deadline);
        Err(unreachable(address, io::Error::new(io::ErrorKind::TimedOut, waited)))
    })
}

async fn connect(address: &str, tls: Arc<ClientConfig>, limits: &DialLimits) -> Result<Channel, DialError> {
    let classify = |error| classify(address, error);
    let socket = connect_tcp(address, limits.connect_deadline).await.map_err(classify)?;
    let name = ServerName::try_from(CONTROLLER_DNS_NAME).map_err(|e| classify(io::Error::other(e)))?;
    let stream = TlsConnector::from(tls).connect(name, socket).await.map_err(classify)?;
    let (stream, first_read) = FirstRead::new(stream);
    let channel = endpoint(limits)
        .connect_with_connector(hand_over_once(stream))
        .await
        .map_err(|error| classify(io::Error::other(error)))?;
    match first_read.await {
        Ok(Ok(1..)) => Ok(channel),
        Ok(Err(error)) => Err(classify(error)),
        Ok(Ok(0)) | Err(_) => Err(classify(closed_early())),
    }
}

/// Every address of the name gets its share of the time, so that one which swallows packets leaves some for the next.
async fn connect_tcp(address: &str, deadline: Duration) -> io::Result<TcpStream> {
    let found: Vec<SocketAddr> = tokio::net::lookup_host(address).await?.collect();
    let share = deadline / u32::try_from(found.len()).unwrap_or(u32::MAX).max(1);
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for one in found {
        match timeout(share, TcpStream::connect(one)).await {
            Ok(Ok(socket)) => {
                socket.set_nodelay(true)?;
                return Ok(socket);
            }
            Ok(Err(error)) => last = error,
            Err(_) => last = io::Error::new(io::ErrorKind::TimedOut, format!("{one} did not answer")),
        }
    }
    Err(last)
}

fn endpoint(limits: &DialLimits) -> Endpoint {
    Endpoint::from_static(ORIGIN)
        .http2_keep_alive_interval(limits.keepalive_interval)
        .keep_alive_timeout(limits.keepalive_timeout)
        .keep_alive_while_idle(true)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .http2_max_header_list_size(MAX_HEADER_LIST)
}

type Connected = TokioIo<FirstRead<TlsStream<TcpStream>>>;

/// Gives tonic the connection that was made, and no second one.
fn hand_over_once(
    stream: FirstRead<TlsStream<TcpStream>>,
) -> impl tower::Service<
    http::Uri,
    Response = Connected,
    Error = io::Error,
    Future = std::future::Ready<io::Result<Connected>>,
> + Send
+ 'static {
    let mut stream = Some(stream);
    tower::service_fn(move |_: http::Uri| {
        let gone =
            || io::Error::new(io::ErrorKind::NotConnected, "the connection to the controller has ended");
        std::future::ready(stream.take().map(TokioIo::new).ok_or_else(gone))
    })
}

fn closed_early() -> io::Error {
    io::Error::new(
        io::ErrorKind::ConnectionAborted,
        "the server closed the connection before it said anything",
    )
}

fn unreachable(address: &str, source: io::Error) -> DialError {
    DialError::Unreachable { address: address.to_owned(), source }
}

fn classify(address: &str, error: io::Error) -> DialError {
    let address = address.to_owned();
    match tls_error(&error).cloned() {
        None => DialError::Unreachable { address, source: error },
        Some(source @ rustls::Error::AlertReceived(alert)) if blames_certificate(alert) => {
            DialError::Refused { address, source }
        }
        Some(source @ (rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented)) => {
            DialError::NotTrusted { address, source }
        }
        Some(source) => DialError::Protocol { address, source },
    }
}

/// Whether an error comes from a TLS alert by which the peer refuses our certificate.
///
/// [`dial`] has already waited for such an alert. For a later error of a call, note that `h2` keeps only the text of
/// an I/O error: the alert is found in errors of the stream itself, not in a `tonic::Status` that came through `h2`.
#[must_use]
pub fn is_certificate_alert(error: &(dyn StdError + 'static)) -> bool {
    let alert = tls_error(error);
    matches!(alert, Some(rustls::Error::AlertReceived(alert)) if blames_certificate(*alert))
}

fn tls_error<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a rustls::Error> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        // An io::Error steps over what it wraps when asked for its source.
        next = match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(wrapped) => Some(wrapped),
            None => error.source(),
        };
    }
    None
}

fn blames_certificate(alert: AlertDescription) -> bool {
    matches!(
        alert,
        AlertDescription::NoCertificate
            | AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnknownCA
            | AlertDescription::AccessDenied
            | AlertDescription::CertificateRequired
            // What a chain whose signature does not fit is answered with.
            | AlertDescription::DecryptError
    )
}
