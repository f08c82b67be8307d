//! A certificate authority, a listener on a free port, and clients of every kind.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use http::Request;
use pgbelay_controller::ca::{AuthorityFiles, CertificateAuthority, Issued};
use pgbelay_controller::listener::{ConnectionHandle, ListenerOptions, RemoteAddr, TlsHandle, serve};
use pgbelay_core::time::{Span, Timestamp};
use pgbelay_proto::channel::{DialError, DialLimits, dial};
use pgbelay_proto::csr::new_key_and_csr;
use pgbelay_proto::identity::PeerIdentity;
use pgbelay_proto::tls::{
    CONTROLLER_DNS_NAME, ClientAuth, Credentials, ServerCredentials, client_config, server_config,
};
use rustls::ClientConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_rustls::client::TlsStream;
use tokio_util::sync::CancellationToken;
use tonic::body::Body;
use tonic::service::Routes;
use tonic::transport::Channel;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tower::ServiceExt as _;

/// Longer than anything here takes, shorter than a person's patience.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);
/// A deadline that a test waits for.
pub(crate) const SHORT: Duration = Duration::from_millis(300);
pub(crate) const HOUR: Span = Span::hours(1);

pub(crate) fn now() -> anyhow::Result<Timestamp> {
    Ok(Timestamp(SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis().try_into()?))
}

/// An authority and its files.
pub(crate) struct Ca {
    pub(crate) authority: CertificateAuthority,
    pub(crate) files: AuthorityFiles,
}

impl Ca {
    pub(crate) fn new() -> anyhow::Result<Self> {
        let (authority, files) = CertificateAuthority::create(now()?)?;
        Ok(Self { authority, files })
    }

    pub(crate) fn controller(&self) -> anyhow::Result<ServerCredentials> {
        Ok(self.authority.issue_controller("c1", now()?, HOUR)?)
    }

    /// Credentials for a URI, which trust this authority.
    pub(crate) fn credentials(&self, uri: &str) -> anyhow::Result<Credentials> {
        Ok(self.issue(uri, now()?, HOUR)?.0)
    }

    pub(crate) fn issue(
        &self,
        uri: &str,
        at: Timestamp,
        life: Span,
    ) -> anyhow::Result<(Credentials, Issued)> {
        let (key_pem, csr) = new_key_and_csr()?;
        let issued = self.authority.sign_csr(&csr, &uri.parse()?, at, life)?;
        let ca_pem = self.files.certificate_pem.clone();
        Ok((Credentials { ca_pem, certificate_pem: issued.certificate_pem.clone(), key_pem }, issued))
    }

    pub(crate) fn client_auth(&self) -> ClientAuth {
        ClientAuth::Required { ca_pem: self.files.certificate_pem.clone() }
    }

    pub(crate) fn server(&self) -> anyhow::Result<rustls::ServerConfig> {
        Ok(server_config(&self.controller()?, &self.client_auth())?)
    }
}

/// What a request carried when it reached the service.
pub(crate) struct Seen {
    pub(crate) identity: Option<Arc<PeerIdentity>>,
    pub(crate) remote: RemoteAddr,
    pub(crate) handle: ConnectionHandle,
}

/// A listener that serves gRPC health.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) tls: TlsHandle,
    pub(crate) shutdown: CancellationToken,
    pub(crate) seen: mpsc::Receiver<Seen>,
    pub(crate) task: JoinHandle<()>,
}

impl Server {
    pub(crate) async fn start(
        config: rustls::ServerConfig,
        options: ListenerOptions,
    ) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let (report, seen) = mpsc::channel(100);
        let (_, health) = tonic_health::server::health_reporter();
        let routes = Routes::new(health);
        let service = tower::service_fn(move |request: Request<Body>| {
            let extensions = request.extensions();
            let identity = extensions.get().cloned();
            if let (Some(remote), Some(handle)) = (extensions.get().copied(), extensions.get().cloned()) {
                // A test that does not look at what was seen lets the queue fill up.
                let _ = report.try_send(Seen { identity, remote, handle });
            }
            routes.clone().oneshot(request)
        });
        let tls = TlsHandle::new(config);
        let shutdown = CancellationToken::new();
        let task = tokio::spawn(serve(listener, service, tls.clone(), options, shutdown.clone()));
        Ok(Self { address, tls, shutdown, seen, task })
    }

    pub(crate) async fn dial(&self, config: ClientConfig) -> Result<Channel, DialError> {
        dial(&self.address.to_string(), Arc::new(config), DialLimits::default()).await
    }

    pub(crate) async fn dial_as(&self, credentials: &Credentials) -> anyhow::Result<Channel> {
        Ok(self.dial(client_config(credentials)?).await?)
    }

    /// A connection that has shaken hands, in the test's own hands.
    pub(crate) async fn raw_tls(&self, config: ClientConfig) -> anyhow::Result<TlsStream<TcpStream>> {
        raw_tls(self.address, Arc::new(config)).await
    }

    pub(crate) async fn next_seen(&mut self) -> anyhow::Result<Seen> {
        timeout(PATIENCE, self.seen.recv()).await?.context("the server is gone")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

pub(crate) async fn raw_tls(
    address: SocketAddr,
    config: Arc<ClientConfig>,
) -> anyhow::Result<TlsStream<TcpStream>> {
    let socket = TcpStream::connect(address).await?;
    let connecting =
        tokio_rustls::TlsConnector::from(config).connect(CONTROLLER_DNS_NAME.try_into()?, socket);
    Ok(timeout(PATIENCE, connecting).await??)
}

pub(crate) async fn check(channel: &Channel) -> Result<(), tonic::Status> {
    let calling = async {
        HealthClient::new(channel.clone()).check(HealthCheckRequest::default()).await?;
        Ok(())
    };
    timeout(PATIENCE, calling).await.unwrap_or_else(|_| Err(tonic::Status::deadline_exceeded("no answer")))
}

/// A stream that stays open until the connection ends.
pub(crate) async fn watch(
    channel: &Channel,
) -> anyhow::Result<tonic::Streaming<tonic_health::pb::HealthCheckResponse>> {
    let mut client = HealthClient::new(channel.clone());
    let mut stream = timeout(PATIENCE, client.watch(HealthCheckRequest::default())).await??.into_inner();
    timeout(PATIENCE, stream.message()).await??.context("no first answer")?;
    Ok(stream)
}

/// Waits until the peer closes: an end of file and a reset are both an end.
pub(crate) async fn closed_by_peer(stream: &mut (impl tokio::io::AsyncRead + Unpin)) -> anyhow::Result<()> {
    use tokio::io::AsyncReadExt as _;
    let reading = async { while stream.read(&mut [0; 1024]).await.is_ok_and(|n| n > 0) {} };
    Ok(timeout(PATIENCE, reading).await?)
}
