//! The operator service as the commands call it: connected, with a deadline on every call, errors in our words.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use pgbelay_proto::channel::{DialError, DialLimits, dial};
use pgbelay_proto::status::{RemoteError, RemoteKind};
use pgbelay_proto::tls::client_config;
use pgbelay_proto::wire::operator_service_client::OperatorServiceClient;
use pgbelay_proto::wire::{self, MigrationFile, PushReleaseResponse, RolloutRequest, RolloutView};
use pgbelay_proto::{MAX_ANSWER_BYTES, MAX_MESSAGE_BYTES};
use rustls::ClientConfig;
use tonic::transport::Channel;
use tonic::{Request, Response, Status, Streaming};

use crate::context::Access;
use crate::error::{CliError, ErrorKind, causes};
use crate::migrations::Migrations;

/// For calls that the controller answers from what it knows: an answer later than this is none.
const READ: Duration = Duration::from_secs(30);
/// For calls that append to the ledger: a slow disk, or the ledger's database being failed over.
const WRITE: Duration = Duration::from_secs(60);
/// A plan asks every agent what its database holds, some of them for the whole schema, and, for a rollback, counts
/// rows: minutes on large tables.
const PLAN: Duration = Duration::from_secs(420);
/// A release is as large as 5,000 files of SQL: ten minutes take the usual hundred kilobytes over any line.
const PUSH: Duration = Duration::from_secs(600);
/// A trial runs every statement on the live databases: as long as a command may wait to be started.
const TRY: Duration = Duration::from_secs(3600);
/// All copies of a backup are read again: the controller knows how much that is, and gives up by it. This is only longer
/// than it takes to read 80 TB; a connection that dies is noticed by its pings.
const READ_AGAIN: Duration = Duration::from_secs(100 * 24 * 3600);

/// A connection to a controller.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    controller: Arc<str>,
    tls: Arc<ClientConfig>,
    service: OperatorServiceClient<Channel>,
}

/// The calls that take one message and answer with one: method, messages, deadline.
macro_rules! unary {
    ($($method:ident($request:ident) -> $response:ident within $deadline:ident;)+) => {
        impl Client {
            $(
                pub(crate) async fn $method(&self, request: wire::$request) -> Result<wire::$response, CliError> {
                    let mut service = self.service.clone();
                    let call = service.$method(limited(request, $deadline));
                    Ok(self.answer(stringify!($method), call, $deadline).await?)
                }
            )+
        }
    };
}

unary! {
    create_plan(CreatePlanRequest) -> PlanView within PLAN;
    get_plan(GetPlanRequest) -> PlanView within READ;
    try_plan(TryPlanRequest) -> TryPlanResponse within TRY;
    approve(ApproveRequest) -> PlanView within WRITE;
    list_rollouts(ListRolloutsRequest) -> ListRolloutsResponse within READ;
    get_rollout(RolloutRequest) -> RolloutView within READ;
    pause_rollout(RolloutRequest) -> RolloutView within WRITE;
    resume_rollout(RolloutRequest) -> RolloutView within WRITE;
    abort_rollout(RolloutRequest) -> RolloutView within WRITE;
    override_window(OverrideWindowRequest) -> RolloutView within WRITE;
    freeze(FreezeRequest) -> FreezesView within WRITE;
    unfreeze(UnfreezeRequest) -> FreezesView within WRITE;
    cancel_target(CancelTargetRequest) -> RolloutView within WRITE;
    retry_rollout(RolloutRequest) -> RolloutView within WRITE;
    skip_target(SkipTargetRequest) -> RolloutView within WRITE;
    advance_rollout(RolloutRequest) -> RolloutView within WRITE;
    resolve(ResolveRequest) -> ResolveResponse within WRITE;
    list_backups(ListBackupsRequest) -> ListBackupsResponse within READ;
    verify_backup(VerifyBackupRequest) -> BackupEntry within READ_AGAIN;
    start_job(StartJobRequest) -> JobView within WRITE;
    find_backup(FindBackupRequest) -> FoundBackup within READ;
    get_job(JobRequest) -> JobView within READ;
    cancel_job(JobRequest) -> JobView within WRITE;
    list_jobs(ListJobsRequest) -> ListJobsResponse within READ;
    prune_backups(PruneBackupsRequest) -> PruneBackupsResponse within WRITE;
    status(StatusRequest) -> StatusResponse within READ;
    history(HistoryRequest) -> HistoryResponse within READ;
    read_catalog(ReadCatalogRequest) -> ReadCatalogResponse within PLAN;
    create_token(CreateTokenRequest) -> CreateTokenResponse within WRITE;
    list_agents(ListAgentsRequest) -> ListAgentsResponse within READ;
    revoke_agent(RevokeAgentRequest) -> ListAgentsResponse within WRITE;
    remove_database(RemoveDatabaseRequest) -> ListAgentsResponse within WRITE;
    add_operator(AddOperatorRequest) -> AddOperatorResponse within WRITE;
    list_operators(ListOperatorsRequest) -> ListOperatorsResponse within READ;
    revoke_operator(RevokeOperatorRequest) -> ListOperatorsResponse within WRITE;
    ledger_status(LedgerStatusRequest) -> LedgerView within READ;
    accept_ledger(AcceptLedgerRequest) -> LedgerView within WRITE;
    set_witness_aside(WitnessRequest) -> LedgerView within WRITE;
    hear_witness(WitnessRequest) -> LedgerView within WRITE;
    verify_ledger(VerifyLedgerRequest) -> VerifyLedgerResponse within TRY;
    sign_checkpoint(SignCheckpointRequest) -> SignedCheckpoint within READ;
    list_endpoints(ListEndpointsRequest) -> ListEndpointsResponse within READ;
    test_endpoints(TestEndpointsRequest) -> TestEndpointsResponse within WRITE;
    show_policy(ShowPolicyRequest) -> PolicyView within READ;
    read_policy(ReadPolicyRequest) -> PolicyView within READ;
    diff_policy(DiffPolicyRequest) -> PolicyDiffView within READ;
    list_policies(ListPoliciesRequest) -> ListPoliciesResponse within READ;
    apply_policy(ApplyPolicyRequest) -> PolicyView within WRITE;
}

impl Client {
    /// Dials the controller.
    pub(crate) async fn connect(access: Access) -> Result<Self, CliError> {
        let tls = client_config(&access.file.credentials).map_err(|error| {
            let message = format!("the credentials in {} cannot be used", access.path.display());
            CliError::usage(message)
                .because(format!("{error}: {}", causes(&error)).trim_end_matches(": "))
                .hint("ask an admin for new credentials (pgbelay operator add)")
        })?;
        tracing::debug!(controller = access.controller, operator = %access.file.operator, "connecting");
        Ok(Self::dial(access.controller.into(), Arc::new(tls)).await?)
    }

    /// Dials the same controller again. A connection that has ended, or that a firewall forgot while a person was
    /// thinking, is not mended by itself.
    pub(crate) async fn again(&self) -> Result<Self, DialError> {
        Self::dial(Arc::clone(&self.controller), Arc::clone(&self.tls)).await
    }

    async fn dial(controller: Arc<str>, tls: Arc<ClientConfig>) -> Result<Self, DialError> {
        let channel = dial(&controller, Arc::clone(&tls), DialLimits::default()).await?;
        let service = OperatorServiceClient::new(channel)
            .max_decoding_message_size(MAX_ANSWER_BYTES)
            .max_encoding_message_size(MAX_MESSAGE_BYTES);
        Ok(Self { controller, tls, service })
    }

    /// Where the controller is.
    pub(crate) fn controller(&self) -> &str {
        &self.controller
    }

    /// Sends a release, file by file.
    pub(crate) async fn push_release(
        &self,
        Migrations { layout, sources }: Migrations,
    ) -> Result<PushReleaseResponse, CliError> {
        let files = sources.into_iter().map(|migration| MigrationFile {
            version: migration.version.into(),
            name: migration.name,
            up: migration.up,
            down: migration.down,
            layout: if layout.is_plain() { String::new() } else { layout.to_string() },
            repeatable: migration.repeatable,
            up_autocommit: migration.up_autocommit,
            down_autocommit: migration.down_autocommit,
            origin: migration.origin.as_ref().map(Into::into),
        });
        let stream = tokio_stream::iter(files.collect::<Vec<_>>());
        let mut service = self.service.clone();
        let call = service.push_release(limited(stream, PUSH));
        Ok(self.answer("push_release", call, PUSH).await?)
    }

    /// Starts a rollout. When the answer is lost, whether it was started cannot be told, and the error says so.
    pub(crate) async fn start_rollout(
        &self,
        request: wire::StartRolloutRequest,
        environment: &str,
    ) -> Result<RolloutView, CliError> {
        let mut service = self.service.clone();
        let call = service.start_rollout(limited(request, WRITE));
        let answer = self.answer("start_rollout", call, WRITE).await;
        answer.map_err(|error| match error.kind {
            RemoteKind::Unreachable => {
                CliError::new(ErrorKind::Unknown, "whether the rollout was started cannot be told")
                    .because(error.message)
                    .hint(format!("look before trying again: pgbelay rollout list --env {environment}"))
            }
            RemoteKind::Usage
            | RemoteKind::Refused
            | RemoteKind::Approval
            | RemoteKind::NotAllowed
            | RemoteKind::Unknown
            | RemoteKind::Internal => error.into(),
        })
    }

    /// Opens the stream of a rollout's changes. Its end has no deadline: the rollout's own bounds end it, and a
    /// connection that dies is noticed by its pings.
    pub(crate) async fn watch_rollout(&self, rollout: &str) -> Result<Streaming<RolloutView>, RemoteError> {
        let mut service = self.service.clone();
        let call = service.watch_rollout(Request::new(RolloutRequest { rollout: rollout.to_owned() }));
        self.answer("watch_rollout", call, READ).await
    }

    /// Opens the stream of the record. As long as entries come it has no deadline: a ledger may have millions.
    pub(crate) async fn read_audit(
        &self,
        request: wire::ReadAuditRequest,
    ) -> Result<Streaming<wire::AuditEntry>, CliError> {
        let mut service = self.service.clone();
        Ok(self.answer("read_audit", service.read_audit(Request::new(request)), READ).await?)
    }

    /// The next entry of that stream; a filter may have much to read before it finds one.
    pub(crate) async fn next_entry(
        &self,
        stream: &mut Streaming<wire::AuditEntry>,
    ) -> Result<Option<wire::AuditEntry>, CliError> {
        match tokio::time::timeout(PLAN, stream.message()).await {
            Ok(Ok(entry)) => Ok(entry),
            Ok(Err(status)) => Err(self.error(&status).into()),
            Err(_) => Err(self.lost(format!("no entry within {PLAN:?}")).into()),
        }
    }

    async fn answer<T>(
        &self,
        method: &'static str,
        call: impl Future<Output = Result<Response<T>, Status>>,
        deadline: Duration,
    ) -> Result<T, RemoteError> {
        let started = tokio::time::Instant::now();
        let answer = tokio::time::timeout(deadline, call).await;
        tracing::debug!(method, took = ?started.elapsed(), "answered");
        match answer {
            Ok(Ok(response)) => Ok(response.into_inner()),
            Ok(Err(status)) => Err(self.error(&status)),
            Err(_) => Err(self.lost(format!("no answer within {deadline:?}"))),
        }
    }

    /// A status in our words. One that a broken connection made names the controller.
    pub(crate) fn error(&self, status: &Status) -> RemoteError {
        let error = RemoteError::from_status(status);
        match error.kind {
            RemoteKind::Unreachable => self.lost(error.message),
            RemoteKind::Usage
            | RemoteKind::Refused
            | RemoteKind::Approval
            | RemoteKind::NotAllowed
            | RemoteKind::Unknown
            | RemoteKind::Internal => error,
        }
    }

    fn lost(&self, why: String) -> RemoteError {
        RemoteError {
            kind: RemoteKind::Unreachable,
            message: format!("the controller at {} did not answer: {why}", self.controller()),
            next_step: String::new(),
        }
    }
}

fn limited<T>(message: T, deadline: Duration) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(deadline);
    request
}
