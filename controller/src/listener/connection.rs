//! The life of one connection, and all that may end it.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hyper::server::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use pgbelay_core::time::Timestamp;
use pgbelay_proto::channel::{
    CONNECTION_WINDOW, KEEPALIVE_INTERVAL, KEEPALIVE_TIMEOUT, MAX_HEADER_LIST, STREAM_WINDOW,
};
use pgbelay_proto::identity::{Identity, PeerIdentity};
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::sleep;
use tokio_rustls::server::TlsStream;

use super::service::PerConnection;
use super::{ConnectionHandle, GrpcService, ListenerOptions, Peers, RemoteAddr, Shared, handshake};

/// Bytes of answers that one stream may hold back for a peer that does not read: its window.
const MAX_SEND_BUFFER: usize = STREAM_WINDOW as usize;

/// How long a sleep towards the end of a certificate may be before the clock is read again: the timer does not run
/// while a machine sleeps, and does not know when the clock is set.
const CLOCK_CHECK: Duration = Duration::from_secs(30);

/// A connection that was accepted, and its place among those that nobody knows yet.
pub(super) struct Newcomer {
    pub(super) socket: TcpStream,
    pub(super) remote: SocketAddr,
    pub(super) pending: OwnedSemaphorePermit,
}

/// Why a connection was ended from this side.
#[derive(Debug, Clone, Copy)]
enum Ending {
    Closed,
    CertificateExpired,
    LifetimeOver,
    NoRequest,
}

pub(super) async fn run<S: GrpcService>(newcomer: Newcomer, service: S, shared: Arc<Shared>) {
    let Newcomer { socket, remote, pending } = newcomer;
    let accepted = tokio::select! {
        () = shared.shutdown.cancelled() => return,
        () = shared.abort.cancelled() => return,
        accepted = handshake::accept(socket, remote, &shared) => accepted,
    };
    let Some(stream) = accepted else {
        return;
    };
    let Ok(_place) = shared.connections.try_acquire() else {
        if let Some(suppressed) = shared.log.full.admit() {
            let limit = shared.options.max_connections;
            tracing::warn!(%remote, limit, suppressed, "closed a connection: there are too many");
        }
        return;
    };
    drop(pending);
    match identity_of(&stream, shared.options.peers) {
        Ok(identity) => Box::pin(serve(stream, remote, identity, service, &shared)).await,
        Err(reason) => {
            if let Some(suppressed) = shared.log.identity.admit() {
                tracing::warn!(%remote, %reason, suppressed, "closed a connection without an identity");
            }
        }
    }
}

/// Who the peer is; nobody, on a listener for anybody.
fn identity_of(stream: &TlsStream<TcpStream>, peers: Peers) -> Result<Option<Arc<PeerIdentity>>, String> {
    match peers {
        Peers::Anonymous { .. } => Ok(None),
        Peers::Identified => {
            let chain = stream.get_ref().1.peer_certificates();
            let leaf = chain.and_then(<[_]>::first).ok_or("the peer showed no certificate")?;
            let identity = PeerIdentity::from_certificate(leaf).map_err(|error| error.to_string())?;
            Ok(Some(Arc::new(identity)))
        }
    }
}

async fn serve<S: GrpcService>(
    stream: TlsStream<TcpStream>,
    remote: SocketAddr,
    identity: Option<Arc<PeerIdentity>>,
    service: S,
    shared: &Shared,
) {
    let closing = shared.abort.child_token();
    let handle = ConnectionHandle(closing.clone());
    let _ended = closing.drop_guard();
    let has_called = Arc::new(AtomicBool::new(false));
    let who = identity.as_ref().map_or_else(|| "anybody".to_owned(), |peer| peer.identity.to_string());
    let mut ending = pin!(ending(&shared.options, identity.as_deref(), &handle, &has_called));
    let builder = builder(streams_for(identity.as_deref(), &shared.options));
    let service = PerConnection {
        service,
        identity: identity.clone(),
        remote: RemoteAddr(remote),
        handle: handle.clone(),
        has_called: Arc::clone(&has_called),
    };
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
    tracing::debug!(%remote, %who, "connected");
    let outcome = tokio::select! {
        done = connection.as_mut() => Ok(done),
        why = ending.as_mut() => Err(why),
        () = shared.shutdown.cancelled() => {
            if !has_called.load(Ordering::Relaxed) {
                return;
            }
            connection.as_mut().graceful_shutdown();
            tokio::select! {
                done = connection => Ok(done),
                why = ending => Err(why),
            }
        }
    };
    match outcome {
        Ok(Ok(())) => tracing::debug!(%remote, %who, "disconnected"),
        Ok(Err(error)) => tracing::debug!(%remote, %who, %error, "disconnected"),
        Err(why) => tracing::info!(%remote, %who, ?why, "connection cut"),
    }
}

fn builder(max_streams: u32) -> http2::Builder<TokioExecutor> {
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(max_streams)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buf_size(MAX_SEND_BUFFER)
        .max_header_list_size(MAX_HEADER_LIST)
        .keep_alive_interval(KEEPALIVE_INTERVAL)
        .keep_alive_timeout(KEEPALIVE_TIMEOUT);
    builder
}

fn streams_for(identity: Option<&PeerIdentity>, options: &ListenerOptions) -> u32 {
    match identity.map(|peer| &peer.identity) {
        Some(Identity::Agent(_)) => options.agent_streams,
        Some(Identity::Operator(_)) => options.operator_streams,
        Some(Identity::Controller(_)) | None => options.anonymous_streams,
    }
}

/// Waits for whatever ends the connection from this side.
async fn ending(
    options: &ListenerOptions,
    identity: Option<&PeerIdentity>,
    handle: &ConnectionHandle,
    has_called: &AtomicBool,
) -> Ending {
    let expiry = async {
        match identity {
            Some(peer) => clock_reaches(peer.not_after).await,
            None => std::future::pending().await,
        }
    };
    let lifetime = async {
        match options.peers {
            Peers::Anonymous { lifetime } => sleep(lifetime).await,
            Peers::Identified => std::future::pending().await,
        }
    };
    let silence = async {
        sleep(options.first_request_deadline).await;
        if has_called.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        () = handle.closed() => Ending::Closed,
        () = expiry => Ending::CertificateExpired,
        () = lifetime => Ending::LifetimeOver,
        () = silence => Ending::NoRequest,
    }
}

async fn clock_reaches(moment: Timestamp) {
    while let Some(left) = time_until(moment) {
        sleep(left.min(CLOCK_CHECK)).await;
    }
}

fn time_until(moment: Timestamp) -> Option<Duration> {
    let moment = Duration::from_millis(u64::try_from(moment.0).unwrap_or(0));
    // A clock before 1970 is before every certificate.
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    moment.checked_sub(now).filter(|left| !left.is_zero())
}
