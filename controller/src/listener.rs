//! The accept loop: TCP, TLS, HTTP/2 and their bounds, around any gRPC service.
//!
//! It is our own because what tonic brings does not do: its TLS resumes sessions past a revocation and can't be
//! reloaded, its handshakes and first requests have no deadline, and its limits don't cover open streams.
//! It knows *who* a peer is. What the peer may do, and whether it was revoked, is for the services.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, WaitForCancellationFuture};
use tokio_util::task::TaskTracker;

pub use service::GrpcService;

mod accept;
mod connection;
mod handshake;
mod log_limit;
mod service;

/// Peers that are identified and connected. An agent costs 62 KiB (docs/fleet.md), so that a full house is 0.8 GB;
/// the process needs as many file descriptors.
pub const MAX_CONNECTIONS: usize = 12_000;
/// Peers whose identity is not known yet. They have their own room, so that strangers who connect and say nothing
/// can't take the place of agents. A fleet of a thousand that reconnects in one moment still fits.
pub const MAX_PENDING: usize = 1_024;
/// TLS handshakes at work at once, from the peer's first message on: each is a millisecond of one core, and 256 of them
/// keep any machine busy.
pub const MAX_HANDSHAKES: usize = 256;
/// From accept to the end of the handshake, waiting for a turn included. Ten round trips across the world.
pub const HANDSHAKE_DEADLINE: Duration = Duration::from_secs(10);
/// From the handshake to the first call. HTTP/2 itself has no deadline for its preface (hyper#4170).
pub const FIRST_REQUEST_DEADLINE: Duration = Duration::from_secs(10);
/// From the shutdown to the end of the last connection. Supervisors kill after 30 s or more.
pub const DRAIN_DEADLINE: Duration = Duration::from_secs(10);
/// Calls at once on an agent's connection: its session, a renewal, and one to spare for each.
pub const MAX_AGENT_STREAMS: u32 = 4;
/// Calls at once on an operator's connection: a fleet-wide view follows several streams.
pub const MAX_OPERATOR_STREAMS: u32 = 32;
/// Calls at once on an enrolment connection: one is needed.
pub const MAX_ANONYMOUS_STREAMS: u32 = 2;
/// Connections to the enrolment listener at once: they end by themselves, and joining can wait its turn.
pub const MAX_ENROLMENT_CONNECTIONS: usize = 64;
/// Life of an enrolment connection: nobody is authenticated there, and to enrol takes a second.
pub const ENROLMENT_LIFETIME: Duration = Duration::from_secs(30);

/// Who the peers of a listener are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peers {
    /// Agents and operators with certificates. A connection without an identity is closed, whatever TLS thought.
    Identified,
    /// Anybody: enrolment. Connections live at most this long.
    Anonymous {
        /// See [`ENROLMENT_LIFETIME`].
        lifetime: Duration,
    },
}

/// Bounds of one listener. The constants of this module are the defaults and give the reasons.
#[derive(Debug, Clone)]
pub struct ListenerOptions {
    /// Who connects.
    pub peers: Peers,
    /// Connections after their handshake; one more is closed.
    pub max_connections: usize,
    /// Connections before the end of their handshake; one more is closed.
    pub max_pending: usize,
    /// Handshakes at work at once, of peers that have said something; one more waits, within its deadline.
    pub max_handshakes: usize,
    /// See [`HANDSHAKE_DEADLINE`].
    pub handshake_deadline: Duration,
    /// See [`FIRST_REQUEST_DEADLINE`].
    pub first_request_deadline: Duration,
    /// See [`DRAIN_DEADLINE`].
    pub drain_deadline: Duration,
    /// See [`MAX_AGENT_STREAMS`].
    pub agent_streams: u32,
    /// See [`MAX_OPERATOR_STREAMS`].
    pub operator_streams: u32,
    /// See [`MAX_ANONYMOUS_STREAMS`].
    pub anonymous_streams: u32,
}

impl ListenerOptions {
    /// The listener for agents and operators.
    #[must_use]
    pub const fn identified() -> Self {
        Self {
            peers: Peers::Identified,
            max_connections: MAX_CONNECTIONS,
            max_pending: MAX_PENDING,
            max_handshakes: MAX_HANDSHAKES,
            handshake_deadline: HANDSHAKE_DEADLINE,
            first_request_deadline: FIRST_REQUEST_DEADLINE,
            drain_deadline: DRAIN_DEADLINE,
            agent_streams: MAX_AGENT_STREAMS,
            operator_streams: MAX_OPERATOR_STREAMS,
            anonymous_streams: MAX_ANONYMOUS_STREAMS,
        }
    }

    /// The listener for those who have no certificate yet.
    #[must_use]
    pub const fn enrolment() -> Self {
        let mut options = Self::identified();
        options.peers = Peers::Anonymous { lifetime: ENROLMENT_LIFETIME };
        options.max_connections = MAX_ENROLMENT_CONNECTIONS;
        options.max_pending = MAX_ENROLMENT_CONNECTIONS;
        options
    }
}

/// The TLS configuration of a listener, which can be replaced while it serves.
#[derive(Debug, Clone)]
pub struct TlsHandle(Arc<ArcSwap<ServerConfig>>);

impl TlsHandle {
    /// A handle that starts with this configuration.
    #[must_use]
    pub fn new(config: ServerConfig) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(config)))
    }

    /// Replaces the configuration for the handshakes to come; always a whole new one, made by
    /// [`pgbelay_proto::tls::server_config`]. Connections that exist go on.
    pub fn reload(&self, config: ServerConfig) {
        self.0.store(Arc::new(config));
    }

    fn current(&self) -> Arc<ServerConfig> {
        self.0.load_full()
    }
}

/// Where the peer connected from: an extension of each request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RemoteAddr(pub SocketAddr);

/// The connection that a request came in on: an extension of each request.
#[derive(Debug, Clone, Default)]
pub struct ConnectionHandle(CancellationToken);

impl ConnectionHandle {
    /// Cuts the connection with all its streams, at once: for a peer whose identity was revoked.
    pub fn close(&self) {
        self.0.cancel();
    }

    /// Whether the connection was closed or has ended by itself.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.0.is_cancelled()
    }

    /// Waits until the connection was closed or has ended by itself.
    pub fn closed(&self) -> WaitForCancellationFuture<'_> {
        self.0.cancelled()
    }
}

/// What all connections of a listener share.
struct Shared {
    tls: TlsHandle,
    options: ListenerOptions,
    pending: Arc<Semaphore>,
    handshakes: Semaphore,
    connections: Semaphore,
    /// Finish, please.
    shutdown: CancellationToken,
    /// Finish now.
    abort: CancellationToken,
    log: log_limit::Logs,
}

/// Serves until `shutdown`, then at most `options.drain_deadline` longer. Each request carries the extensions
/// `Arc<PeerIdentity>` (not on an enrolment listener), [`RemoteAddr`] and [`ConnectionHandle`].
///
/// Shutting down: no connection is accepted any more; those without a call are closed, the others told to finish
/// (GOAWAY) and cut at the deadline. A connection also ends when its certificate does. Dropping the future cuts all.
pub async fn serve<S: GrpcService>(
    listener: TcpListener,
    service: S,
    tls: TlsHandle,
    options: ListenerOptions,
    shutdown: CancellationToken,
) {
    let abort = CancellationToken::new();
    let _cut_all = abort.clone().drop_guard();
    let drain_deadline = options.drain_deadline;
    let shared = Arc::new(Shared {
        tls,
        pending: Arc::new(Semaphore::new(options.max_pending)),
        handshakes: Semaphore::new(options.max_handshakes),
        connections: Semaphore::new(options.max_connections),
        options,
        shutdown,
        abort: abort.clone(),
        log: log_limit::Logs::default(),
    });
    let tasks = TaskTracker::new();
    accept::accept_until_shutdown(listener, &service, &shared, &tasks).await;
    tasks.close();
    if timeout(drain_deadline, tasks.wait()).await.is_err() {
        tracing::warn!(connections = tasks.len(), "cutting connections that did not finish in time");
        abort.cancel();
        // A connection that is told to end does not wait for anybody.
        tasks.wait().await;
    }
}
