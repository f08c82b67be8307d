//! A controller that says what the test says.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use anyhow::{Context as _, bail};
use pgbelay_core::digest::Digest;
use pgbelay_proto::MAX_MESSAGE_BYTES;
use pgbelay_proto::identity::PeerIdentity;
use pgbelay_proto::tls::{
    CONTROLLER_DNS_NAME, ClientAuth, Credentials, Secret, ServerCredentials, server_config,
};
use pgbelay_proto::wire::agent_service_server::{AgentService, AgentServiceServer};
use pgbelay_proto::wire::enrolment_service_server::{EnrolmentService, EnrolmentServiceServer};
use pgbelay_proto::wire::{self, agent_message::Message as Said, controller_message::Message};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, IsCa, Issuer, KeyPair, SanType,
    SerialNumber,
};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::task::AbortOnDropHandle;
use tonic::transport::Server;
use tonic::transport::server::Connected;
use tonic::{Request, Response, Status, Streaming};

use crate::world::PATIENCE;

/// A certificate authority.
pub(crate) struct Ca {
    pub(crate) pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Ca {
    pub(crate) fn new() -> anyhow::Result<Self> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key)?.pem();
        Ok(Self { pem, issuer: Issuer::new(params, key) })
    }

    pub(crate) fn fingerprint(&self) -> anyhow::Result<Digest> {
        Ok(Digest::of(CertificateDer::from_pem_slice(self.pem.as_bytes())?))
    }

    fn server(&self) -> anyhow::Result<ServerCredentials> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new([CONTROLLER_DNS_NAME.to_owned()])?;
        params.subject_alt_names.push(SanType::URI("pgbelay://controller/c1".try_into()?));
        let certificate_pem = params.signed_by(&key, &self.issuer)?.pem() + &self.pem;
        Ok(ServerCredentials { certificate_pem, key_pem: Secret::new(key.serialize_pem()) })
    }

    pub(crate) fn sign(&self, csr_der: &[u8], uri: &str, life: Duration) -> anyhow::Result<String> {
        let mut request = CertificateSigningRequestParams::from_der(&csr_der.to_vec().into())?;
        request.params.subject_alt_names = vec![SanType::URI(uri.try_into()?)];
        request.params.serial_number = Some(SerialNumber::from(u64::from(rand::random::<u32>()) + 1));
        request.params.not_after = std::time::SystemTime::now().checked_add(life).context("time")?.into();
        Ok(request.signed_by(&self.issuer)?.pem())
    }

    pub(crate) fn credentials(&self, uri: &str) -> anyhow::Result<Credentials> {
        let (key_pem, csr) = pgbelay_proto::csr::new_key_and_csr()?;
        let certificate_pem = self.sign(&csr, uri, Duration::from_secs(3600))?;
        Ok(Credentials { ca_pem: self.pem.clone(), certificate_pem, key_pem })
    }
}

/// What the controller's calls do.
#[derive(Default)]
pub(crate) struct Script {
    /// What can be fetched; the digest is what the test says it is.
    pub(crate) sql: BTreeMap<String, Vec<u8>>,
    /// Certificates, by serial number, that are turned away.
    pub(crate) turned_away: BTreeSet<String>,
    /// How often an agent was.
    pub(crate) turned_away_count: u32,
    /// What an enrolment is answered with; `None`: a certificate.
    pub(crate) refuse_enrolment: Option<Status>,
    pub(crate) enrolments: Vec<wire::EnrolRequest>,
    /// Whether heartbeats are answered.
    pub(crate) silent: bool,
}

/// A controller at work.
pub(crate) struct Controller {
    pub(crate) ca: Arc<Ca>,
    pub(crate) address: SocketAddr,
    pub(crate) script: Arc<Mutex<Script>>,
    sessions: mpsc::Receiver<Session>,
    _serving: [AbortOnDropHandle<()>; 2],
}

impl Controller {
    pub(crate) async fn start() -> anyhow::Result<Self> {
        let ca = Arc::new(Ca::new()?);
        let clients = ClientAuth::Required { ca_pem: ca.pem.clone() };
        Self::serve(ca, clients).await
    }

    /// A listener that asks for no certificate.
    pub(crate) async fn start_enrolment() -> anyhow::Result<Self> {
        Self::serve(Arc::new(Ca::new()?), ClientAuth::None).await
    }

    async fn serve(ca: Arc<Ca>, clients: ClientAuth) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let tls = TlsAcceptor::from(Arc::new(server_config(&ca.server()?, &clients)?));
        let (connections, incoming) = mpsc::channel(8);
        let accepting = tokio::spawn(accept(listener, tls, connections));
        let (opened, sessions) = mpsc::channel(8);
        let script = Arc::new(Mutex::new(Script::default()));
        let service = Service { ca: Arc::clone(&ca), script: Arc::clone(&script), opened };
        let agents = AgentServiceServer::new(service.clone()).max_decoding_message_size(MAX_MESSAGE_BYTES);
        let serving = Server::builder()
            .add_service(agents)
            .add_service(EnrolmentServiceServer::new(service))
            .serve_with_incoming(ReceiverStream::new(incoming));
        let serving = tokio::spawn(async move { serving.await.expect("the test's server ended") });
        let _serving = [accepting, serving].map(AbortOnDropHandle::new);
        Ok(Self { ca, address, script, sessions, _serving })
    }

    pub(crate) fn script<T>(&self, change: impl FnOnce(&mut Script) -> T) -> T {
        change(&mut self.script.lock().unwrap())
    }

    /// Waits for an agent's hello; it has not been welcomed.
    pub(crate) async fn hello(&mut self) -> anyhow::Result<Session> {
        let mut session = timeout(PATIENCE, self.sessions.recv()).await?.context("the controller is gone")?;
        let said = session.next_of_all().await?;
        let Said::Hello(hello) = said else { bail!("no hello: {said:?}") };
        session.hello = hello;
        Ok(session)
    }

    /// Waits for an agent, and welcomes it.
    pub(crate) async fn agent(&mut self) -> anyhow::Result<Session> {
        let session = self.hello().await?;
        session.welcome(PATIENCE).await?;
        Ok(session)
    }
}

/// One stream of an agent.
pub(crate) struct Session {
    pub(crate) hello: wire::Hello,
    /// The serial number of the agent's certificate.
    pub(crate) serial: String,
    inbound: mpsc::Receiver<Said>,
    out: mpsc::Sender<Result<wire::ControllerMessage, Status>>,
}

impl Session {
    pub(crate) async fn welcome(&self, lease: Duration) -> anyhow::Result<()> {
        let welcome = wire::Welcome {
            protocol: 1,
            heartbeat_every_ms: 20,
            lease_ms: u64::try_from(lease.as_millis())?,
        };
        self.say(Message::Welcome(welcome)).await
    }

    pub(crate) async fn say(&self, message: Message) -> anyhow::Result<()> {
        Ok(self.out.send(Ok(wire::ControllerMessage::from(message))).await?)
    }

    pub(crate) async fn fail(&self, status: Status) -> anyhow::Result<()> {
        Ok(self.out.send(Err(status)).await?)
    }

    pub(crate) async fn ack(&self, id: &str, attempt: u32) -> anyhow::Result<()> {
        self.say(Message::Ack(wire::Ack { command_id: id.to_owned(), attempt })).await
    }

    pub(crate) async fn cancel(&self, id: &str, attempt: u32) -> anyhow::Result<()> {
        self.say(Message::Cancel(wire::Cancel { command_id: id.to_owned(), attempt })).await
    }

    pub(crate) async fn next_of_all(&mut self) -> anyhow::Result<Said> {
        timeout(PATIENCE, self.inbound.recv())
            .await
            .context("waiting for the agent")?
            .context("the stream ended")
    }

    /// The next message that is neither a sign of life nor progress.
    pub(crate) async fn next(&mut self) -> anyhow::Result<Said> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let said = timeout_at(deadline, self.inbound.recv()).await.context("waiting for the agent")?;
            let said = said.context("the stream ended")?;
            if !matches!(said, Said::Heartbeat(_) | Said::Progress(_) | Said::JobProgress(_)) {
                return Ok(said);
            }
        }
    }

    pub(crate) async fn accepted(&mut self) -> anyhow::Result<(String, u32)> {
        let said = self.next().await?;
        let Said::Accepted(accepted) = said else { bail!("not an acceptance: {said:?}") };
        Ok((accepted.command_id, accepted.attempt))
    }

    pub(crate) async fn report(&mut self) -> anyhow::Result<(String, u32, pgbelay_core::command::Outcome)> {
        let said = self.next().await?;
        let Said::Report(report) = said else { bail!("not a report: {said:?}") };
        Ok((report.command_id, report.attempt, report.outcome.context("no outcome")?.try_into()?))
    }

    pub(crate) async fn answer(&mut self) -> anyhow::Result<wire::ProbeAnswer> {
        let said = self.next().await?;
        let Said::Answer(answer) = said else { bail!("not an answer: {said:?}") };
        Ok(answer)
    }

    /// Waits for a heartbeat that says this of the database.
    pub(crate) async fn heartbeat_with(&mut self, error: &str) -> anyhow::Result<()> {
        let waiting = async {
            loop {
                let said = self.next_of_all().await?;
                if matches!(&said, Said::Heartbeat(beat) if beat.database_error == error) {
                    return Ok(());
                }
            }
        };
        timeout(PATIENCE, waiting).await?
    }

    /// Waits for the agent to hang up.
    pub(crate) async fn ended(mut self) -> anyhow::Result<()> {
        Ok(timeout(PATIENCE, async { while self.inbound.recv().await.is_some() {} }).await?)
    }
}

#[derive(Clone)]
struct Service {
    ca: Arc<Ca>,
    script: Arc<Mutex<Script>>,
    opened: mpsc::Sender<Session>,
}

type Answers<T> = Pin<Box<dyn tokio_stream::Stream<Item = Result<T, Status>> + Send>>;

#[tonic::async_trait]
impl AgentService for Service {
    type ConnectStream = Answers<wire::ControllerMessage>;
    type FetchSqlStream = Answers<wire::SqlFile>;

    async fn connect(
        &self,
        request: Request<Streaming<wire::AgentMessage>>,
    ) -> Result<Response<Self::ConnectStream>, Status> {
        let serial = request.extensions().get::<Peer>().map(|peer| peer.0.clone()).unwrap_or_default();
        {
            let mut script = self.script.lock().unwrap();
            if script.turned_away.contains(&serial) {
                script.turned_away_count += 1;
                return Err(Status::permission_denied("this agent was revoked"));
            }
        }
        let (out, answers) = mpsc::channel(64);
        let (heard, inbound) = mpsc::channel(1024);
        tokio::spawn(listen(request.into_inner(), heard, out.downgrade(), Arc::clone(&self.script)));
        let session = Session { hello: wire::Hello::default(), serial, inbound, out };
        self.opened.send(session).await.map_err(|_| Status::unavailable("the test is over"))?;
        Ok(Response::new(Box::pin(ReceiverStream::new(answers))))
    }

    async fn fetch_sql(
        &self,
        request: Request<wire::FetchSqlRequest>,
    ) -> Result<Response<Self::FetchSqlStream>, Status> {
        let script = self.script.lock().unwrap();
        let found = request.into_inner().digests.into_iter().filter_map(|digest| {
            let sql = script.sql.get(&digest)?.clone();
            Some(Ok(wire::SqlFile { digest, sql }))
        });
        let found: Vec<_> = found.collect();
        Ok(Response::new(Box::pin(tokio_stream::iter(found))))
    }

    async fn renew(
        &self,
        request: Request<wire::RenewRequest>,
    ) -> Result<Response<wire::RenewResponse>, Status> {
        let csr = request.into_inner().csr_der;
        let signed = self.ca.sign(&csr, "pgbelay://agent/orders", Duration::from_secs(7200));
        let certificate_pem = signed.map_err(|error| Status::internal(error.to_string()))?;
        Ok(Response::new(wire::RenewResponse { certificate_pem }))
    }
}

#[tonic::async_trait]
impl EnrolmentService for Service {
    async fn enrol(
        &self,
        request: Request<wire::EnrolRequest>,
    ) -> Result<Response<wire::EnrolResponse>, Status> {
        let request = request.into_inner();
        let uri = format!("pgbelay://agent/{}", request.database);
        let signed = self.ca.sign(&request.csr_der, &uri, Duration::from_secs(3600));
        let mut script = self.script.lock().unwrap();
        script.enrolments.push(request);
        if let Some(status) = script.refuse_enrolment.clone() {
            return Err(status);
        }
        let certificate_pem = signed.map_err(|error| Status::internal(error.to_string()))?;
        Ok(Response::new(wire::EnrolResponse { certificate_pem, ca_pem: self.ca.pem.clone() }))
    }
}

/// Passes on what an agent says, and answers its heartbeats.
async fn listen(
    mut inbound: Streaming<wire::AgentMessage>,
    heard: mpsc::Sender<Said>,
    out: mpsc::WeakSender<Result<wire::ControllerMessage, Status>>,
    script: Arc<Mutex<Script>>,
) {
    while let Some(Ok(message)) = inbound.next().await {
        let Some(said) = message.message else { continue };
        let silent = script.lock().unwrap().silent;
        if let (Said::Heartbeat(_), false, Some(out)) = (&said, silent, out.upgrade()) {
            let alive = Message::Ack(wire::Ack::default());
            let _ = out.send(Ok(wire::ControllerMessage::from(alive))).await;
        }
        // A test that does not look at heartbeats lets them go by.
        if heard.try_send(said).is_err() {
            return;
        }
    }
}

/// The serial number of the peer's certificate.
#[derive(Clone)]
struct Peer(String);

struct Accepted(TlsStream<TcpStream>);

async fn accept(listener: TcpListener, tls: TlsAcceptor, connections: mpsc::Sender<io::Result<Accepted>>) {
    while let Ok((socket, _)) = listener.accept().await {
        let (tls, connections) = (tls.clone(), connections.clone());
        tokio::spawn(async move {
            if let Ok(stream) = tls.accept(socket).await {
                let _ = connections.send(Ok(Accepted(stream))).await;
            }
        });
    }
}

impl Connected for Accepted {
    type ConnectInfo = Peer;
    fn connect_info(&self) -> Peer {
        let leaf = self.0.get_ref().1.peer_certificates().and_then(<[_]>::first);
        let identity = leaf.and_then(|leaf| PeerIdentity::from_certificate(leaf).ok());
        Peer(identity.map(|identity| identity.serial).unwrap_or_default())
    }
}

impl AsyncRead for Accepted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for Accepted {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
