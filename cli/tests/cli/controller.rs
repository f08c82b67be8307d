//! A controller with scripted answers, on a free port, with a CA of its own.

use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::service::TowerToHyperService;
use pgbelay_proto::credentials::CredentialsFile;
use pgbelay_proto::status::RemoteError;
use pgbelay_proto::tls::{ClientAuth, Credentials, Secret, ServerCredentials, server_config};
use pgbelay_proto::wire::operator_service_server::{OperatorService, OperatorServiceServer};
use pgbelay_proto::wire::*;
use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, SanType};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_stream::StreamExt;
use tonic::{Request, Response, Status, Streaming};

/// What the controller answers, and what it was asked.
#[derive(Default)]
pub(crate) struct Script {
    /// The answer to every call about a plan.
    pub(crate) plan: PlanView,
    /// The answer to `StartRollout`.
    pub(crate) start: Option<Result<RolloutView, RemoteError>>,
    /// For each `WatchRollout`: what the stream has. The connection breaks after all but the last, which stays open.
    pub(crate) watches: Vec<Vec<RolloutView>>,
    /// The answer to `TryPlan`.
    pub(crate) trial: TryPlanResponse,
    /// The answer to `Status`.
    pub(crate) status: StatusResponse,
    /// Break the connection in place of an answer to this method.
    pub(crate) break_at: Option<&'static str>,
    /// What was asked, in words.
    pub(crate) asked: Vec<String>,
}

/// A running controller. Its connections end with it.
pub(crate) struct Controller {
    pub(crate) script: Arc<Mutex<Script>>,
    pub(crate) address: String,
    authority: Authority,
    dir: tempfile::TempDir,
    _serving: JoinSet<()>,
}

struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> anyhow::Result<Self> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key)?.pem();
        Ok(Self { pem, issuer: Issuer::new(params, key) })
    }

    fn issue(&self, uri: &str) -> anyhow::Result<(String, Secret)> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new(vec!["controller.pgbelay".to_owned()])?;
        params.subject_alt_names.push(SanType::URI(uri.try_into()?));
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        Ok((params.signed_by(&key, &self.issuer)?.pem(), Secret::new(key.serialize_pem())))
    }
}

impl Controller {
    pub(crate) async fn start(script: Script) -> anyhow::Result<Self> {
        let authority = Authority::new()?;
        let (certificate, key) = authority.issue("pgbelay://controller/test")?;
        let server = ServerCredentials { certificate_pem: certificate, key_pem: key };
        let config = server_config(&server, &ClientAuth::Required { ca_pem: authority.pem.clone() })?;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?.to_string();
        let script = Arc::new(Mutex::new(script));
        let mut serving = JoinSet::new();
        serving.spawn(serve(listener, TlsAcceptor::from(Arc::new(config)), Arc::clone(&script)));
        Ok(Self { script, address, authority, dir: tempfile::tempdir()?, _serving: serving })
    }

    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// A credentials file of an operator whom this controller knows.
    pub(crate) fn credentials(&self) -> anyhow::Result<PathBuf> {
        self.credentials_from(&self.authority.pem, &self.authority)
    }

    /// Credentials that another CA has issued, for a client that trusts this controller.
    pub(crate) fn foreign_credentials(&self) -> anyhow::Result<PathBuf> {
        self.credentials_from(&self.authority.pem, &Authority::new()?)
    }

    /// Credentials of this CA, for a client that trusts another controller.
    pub(crate) fn distrustful_credentials(&self) -> anyhow::Result<PathBuf> {
        self.credentials_from(&Authority::new()?.pem, &self.authority)
    }

    fn credentials_from(&self, trusted: &str, issuer: &Authority) -> anyhow::Result<PathBuf> {
        let (certificate_pem, key_pem) = issuer.issue("pgbelay://operator/ada")?;
        let credentials = Credentials { ca_pem: trusted.to_owned(), certificate_pem, key_pem };
        let file =
            CredentialsFile { controller: self.address.clone(), operator: "ada".parse()?, credentials };
        let path = self.dir().join("ada.json");
        file.save(&path)?;
        Ok(path)
    }

    pub(crate) fn asked(&self) -> Vec<String> {
        self.script.lock().unwrap().asked.clone()
    }
}

async fn serve(listener: TcpListener, tls: TlsAcceptor, script: Arc<Mutex<Script>>) {
    let mut connections = JoinSet::new();
    while let Ok((socket, _)) = listener.accept().await {
        connections.spawn(connection(socket, tls.clone(), Arc::clone(&script)));
    }
}

async fn connection(socket: TcpStream, tls: TlsAcceptor, script: Arc<Mutex<Script>>) {
    let Ok(stream) = tls.accept(socket).await else { return };
    let end = Arc::new(tokio::sync::Notify::new());
    let service = OperatorServiceServer::new(Scripted { script, end: Arc::clone(&end) });
    let builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
    let serving = builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
    tokio::select! {
        _ = serving => {}
        () = end.notified() => {}
    }
}

struct Scripted {
    script: Arc<Mutex<Script>>,
    end: Arc<tokio::sync::Notify>,
}

type Views = Pin<Box<dyn tokio_stream::Stream<Item = Result<RolloutView, Status>> + Send>>;

impl Scripted {
    async fn heard(&self, method: &'static str, what: String) -> std::sync::MutexGuard<'_, Script> {
        let breaks = {
            let mut script = self.script.lock().unwrap();
            script.asked.push(format!("{method} {what}").trim().to_owned());
            script.break_at == Some(method)
        };
        if breaks {
            self.end.notify_one();
            std::future::pending::<()>().await;
        }
        self.script.lock().unwrap()
    }
}

fn unscripted<T>() -> Result<Response<T>, Status> {
    Err(Status::unimplemented("not in the script"))
}

/// Methods that this controller has no answer for, as `async_trait` would write them.
macro_rules! unscripted {
    ($($method:ident($request:ty) -> $response:ty;)+) => {
        $(fn $method<'a, 'b>(&'a self, _: Request<$request>) -> Answer<'b, $response>
        where
            'a: 'b,
            Self: 'b,
        {
            Box::pin(std::future::ready(unscripted()))
        })+
    };
}

type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<Response<T>, Status>> + Send + 'a>>;

#[tonic::async_trait]
impl OperatorService for Scripted {
    async fn push_release(
        &self,
        request: Request<Streaming<MigrationFile>>,
    ) -> Result<Response<PushReleaseResponse>, Status> {
        let mut files = request.into_inner();
        let mut versions = Vec::new();
        while let Some(file) = files.message().await? {
            let layout = if file.layout.is_empty() { String::new() } else { format!("{}:", file.layout) };
            versions.push(format!("{layout}{}", file.version));
        }
        drop(self.heard("push", versions.join(",")).await);
        Ok(Response::new(PushReleaseResponse { release: "9f8e".into(), migrations: 1, new: true }))
    }

    async fn create_plan(&self, request: Request<CreatePlanRequest>) -> Result<Response<PlanView>, Status> {
        let request = request.into_inner();
        let script = self.heard("plan", format!("{} {:?}", request.environment, request.goal)).await;
        Ok(Response::new(script.plan.clone()))
    }

    async fn get_plan(&self, request: Request<GetPlanRequest>) -> Result<Response<PlanView>, Status> {
        let script = self.heard("get-plan", request.into_inner().plan).await;
        Ok(Response::new(script.plan.clone()))
    }

    async fn try_plan(&self, request: Request<TryPlanRequest>) -> Result<Response<TryPlanResponse>, Status> {
        let script = self.heard("try", request.into_inner().plan).await;
        Ok(Response::new(script.trial.clone()))
    }

    async fn start_rollout(
        &self,
        request: Request<StartRolloutRequest>,
    ) -> Result<Response<RolloutView>, Status> {
        let request = request.into_inner();
        let script = self.heard("start", format!("{} {}", request.plan, request.confirmation)).await;
        match script.start.clone() {
            Some(Ok(view)) => Ok(Response::new(view)),
            Some(Err(error)) => Err(error.to_status()),
            None => unscripted(),
        }
    }

    async fn get_rollout(&self, request: Request<RolloutRequest>) -> Result<Response<RolloutView>, Status> {
        let script = self.heard("get-rollout", request.into_inner().rollout).await;
        match script.start.clone() {
            Some(Ok(view)) => Ok(Response::new(view)),
            Some(Err(_)) | None => unscripted(),
        }
    }

    type ReadAuditStream = Pin<Box<dyn tokio_stream::Stream<Item = Result<AuditEntry, Status>> + Send>>;
    type WatchRolloutStream = Views;

    async fn watch_rollout(&self, request: Request<RolloutRequest>) -> Result<Response<Views>, Status> {
        let mut script = self.heard("watch", request.into_inner().rollout).await;
        if script.watches.len() < 2 {
            let views = script.watches.first().cloned().unwrap_or_default().into_iter().map(Ok);
            return Ok(Response::new(Box::pin(tokio_stream::iter(views).chain(tokio_stream::pending()))));
        }
        let views = script.watches.remove(0).into_iter().map(Ok);
        let end = Arc::clone(&self.end);
        // What was sent just before may be lost with the connection, as it may be anywhere.
        let broken = tokio_stream::once(()).filter_map(move |()| {
            end.notify_one();
            None
        });
        let kept = tokio_stream::pending();
        Ok(Response::new(Box::pin(tokio_stream::iter(views).chain(broken).chain(kept))))
    }

    async fn status(&self, request: Request<StatusRequest>) -> Result<Response<StatusResponse>, Status> {
        let request = request.into_inner();
        let what = format!("{} {} {}", request.database, request.environment, request.labels.join(","));
        let script = self.heard("status", what).await;
        Ok(Response::new(script.status.clone()))
    }

    async fn approve(&self, request: Request<ApproveRequest>) -> Result<Response<PlanView>, Status> {
        let script = self.heard("approve", request.into_inner().plan).await;
        Ok(Response::new(script.plan.clone()))
    }

    async fn create_token(
        &self,
        request: Request<CreateTokenRequest>,
    ) -> Result<Response<CreateTokenResponse>, Status> {
        let request = request.into_inner();
        drop(
            self.heard("token", format!("{} {} {:?}", request.database, request.environment, request.labels))
                .await,
        );
        Ok(Response::new(CreateTokenResponse { token: "pgb1.x".into(), ..CreateTokenResponse::default() }))
    }

    async fn add_operator(
        &self,
        request: Request<AddOperatorRequest>,
    ) -> Result<Response<AddOperatorResponse>, Status> {
        let request = request.into_inner();
        let what = format!("{} {} {}", request.name, request.role, request.environments.join(","));
        drop(self.heard("operator", what).await);
        if request.csr_der.is_empty() {
            return Err(Status::invalid_argument("no request for a certificate"));
        }
        Ok(Response::new(AddOperatorResponse {
            name: request.name,
            role: request.role,
            certificate_pem: "certificate".into(),
            ca_pem: "ca".into(),
            expires_at: "2027-07-29T10:00:00Z".into(),
        }))
    }

    async fn revoke_operator(
        &self,
        request: Request<RevokeOperatorRequest>,
    ) -> Result<Response<ListOperatorsResponse>, Status> {
        let RevokeOperatorRequest { name, reason } = request.into_inner();
        drop(self.heard("revoke-operator", format!("{name} {reason}")).await);
        let operator = OperatorView { name, state: "revoked".into(), ..OperatorView::default() };
        Ok(Response::new(ListOperatorsResponse { operators: vec![operator] }))
    }

    async fn apply_policy(
        &self,
        request: Request<ApplyPolicyRequest>,
    ) -> Result<Response<PolicyView>, Status> {
        let yaml = request.into_inner().yaml;
        drop(self.heard("policy", yaml.clone()).await);
        Ok(Response::new(PolicyView { version: 2, yaml, changed: true }))
    }

    async fn diff_policy(
        &self,
        request: Request<DiffPolicyRequest>,
    ) -> Result<Response<PolicyDiffView>, Status> {
        let DiffPolicyRequest { from, yaml, to } = request.into_inner();
        drop(self.heard("diff", format!("{from} {to} {yaml}")).await);
        let same = from == to && yaml.is_empty();
        let change = PolicyChangeView { path: "refine".into(), ..PolicyChangeView::default() };
        let changes = if same { Vec::new() } else { vec![change] };
        Ok(Response::new(PolicyDiffView { from, to, changes, ..PolicyDiffView::default() }))
    }

    unscripted! {
        list_rollouts(ListRolloutsRequest) -> ListRolloutsResponse;
        pause_rollout(RolloutRequest) -> RolloutView;
        resume_rollout(RolloutRequest) -> RolloutView;
        abort_rollout(RolloutRequest) -> RolloutView;
        override_window(OverrideWindowRequest) -> RolloutView;
        freeze(FreezeRequest) -> FreezesView;
        unfreeze(UnfreezeRequest) -> FreezesView;
        cancel_target(CancelTargetRequest) -> RolloutView;
        retry_rollout(RolloutRequest) -> RolloutView;
        skip_target(SkipTargetRequest) -> RolloutView;
        advance_rollout(RolloutRequest) -> RolloutView;
        resolve(ResolveRequest) -> ResolveResponse;
        list_backups(ListBackupsRequest) -> ListBackupsResponse;
        verify_backup(VerifyBackupRequest) -> BackupEntry;
        start_job(StartJobRequest) -> JobView;
        find_backup(FindBackupRequest) -> FoundBackup;
        get_job(JobRequest) -> JobView;
        cancel_job(JobRequest) -> JobView;
        list_jobs(ListJobsRequest) -> ListJobsResponse;
        prune_backups(PruneBackupsRequest) -> PruneBackupsResponse;
        history(HistoryRequest) -> HistoryResponse;
        read_catalog(ReadCatalogRequest) -> ReadCatalogResponse;
        list_agents(ListAgentsRequest) -> ListAgentsResponse;
        revoke_agent(RevokeAgentRequest) -> ListAgentsResponse;
        remove_database(RemoveDatabaseRequest) -> ListAgentsResponse;
        list_operators(ListOperatorsRequest) -> ListOperatorsResponse;
        show_policy(ShowPolicyRequest) -> PolicyView;
        read_policy(ReadPolicyRequest) -> PolicyView;
        list_policies(ListPoliciesRequest) -> ListPoliciesResponse;
        list_endpoints(ListEndpointsRequest) -> ListEndpointsResponse;
        test_endpoints(TestEndpointsRequest) -> TestEndpointsResponse;
        ledger_status(LedgerStatusRequest) -> LedgerView;
        accept_ledger(AcceptLedgerRequest) -> LedgerView;
        set_witness_aside(WitnessRequest) -> LedgerView;
        hear_witness(WitnessRequest) -> LedgerView;
        verify_ledger(VerifyLedgerRequest) -> VerifyLedgerResponse;
        sign_checkpoint(SignCheckpointRequest) -> SignedCheckpoint;
        read_audit(ReadAuditRequest) -> Self::ReadAuditStream;
    }
}
