//! The operators' service.

use std::pin::Pin;

use pgbelay_core::event::{Actor, Event};
use pgbelay_core::name::{DatabaseName, OperatorName};
use pgbelay_core::plan::PlanId;
use pgbelay_core::request::Request as Ask;
use pgbelay_core::rollout::{Confirmation, RolloutId};
use pgbelay_core::state::State;
use pgbelay_proto::wire;
use pgbelay_proto::wire::operator_service_server::OperatorService;
use tokio_stream::Stream;
use tonic::{Request, Response, Status, Streaming};

use super::{Services, backups, internal, not_granted, operator, parse, prune, refused, usage};
use crate::sequencer::Granted;
use crate::views;
pub(crate) use audit::AT_ONCE as AUDITS_AT_ONCE;
use reader::Reader;
pub(crate) use releases::AT_ONCE as RELEASES_AT_ONCE;

mod access;
mod audit;
mod catalogs;
mod freezes;
mod jobs;
mod ledger;
pub(super) mod lists;
mod plans;
mod policies;
mod reader;
mod releases;
mod watch;

/// The operators' service.
pub struct OperatorsService {
    /// What it needs.
    pub services: Services,
}

type Answer<T> = Result<Response<T>, Status>;

/// Longest reason that is kept with a revocation.
const MAX_REASON: usize = 500;

fn reason(text: &str) -> Result<String, Status> {
    if text.len() > MAX_REASON {
        return Err(usage(&format!("a reason has at most {MAX_REASON} bytes")));
    }
    Ok(text.to_owned())
}

impl OperatorsService {
    async fn ask<T>(&self, request: &Request<T>, ask: Ask) -> Result<Granted, Status> {
        let actor = Actor::Operator(operator(request)?);
        self.services.controller.ask(actor, ask).await.map_err(not_granted)
    }

    /// What the operator who asks may see, now.
    fn reader<T>(&self, request: &Request<T>) -> Result<Reader, Status> {
        Ok(Reader { state: self.services.state()?, name: operator(request)? })
    }

    fn rollout_view(&self, state: &State, id: &RolloutId) -> Answer<wire::RolloutView> {
        let rollout = state.rollout(id).map_err(|refusal| refused(&refusal))?;
        Ok(Response::new(views::rollout::detailed(state, &self.services.fleet, rollout)))
    }

    async fn steer(
        &self,
        request: &Request<wire::RolloutRequest>,
        ask: impl FnOnce(RolloutId) -> Ask,
    ) -> Answer<wire::RolloutView> {
        let id: RolloutId = parse(&request.get_ref().rollout)?;
        let granted = self.ask(request, ask(id.clone())).await?;
        self.rollout_view(&granted.state, &id)
    }
}

#[tonic::async_trait]
impl OperatorService for OperatorsService {
    type ReadAuditStream = audit::Entries;
    type WatchRolloutStream = Pin<Box<dyn Stream<Item = Result<wire::RolloutView, Status>> + Send>>;

    async fn push_release(
        &self,
        request: Request<Streaming<wire::MigrationFile>>,
    ) -> Answer<wire::PushReleaseResponse> {
        releases::push(&self.services, request).await
    }

    async fn create_plan(&self, request: Request<wire::CreatePlanRequest>) -> Answer<wire::PlanView> {
        plans::create(&self.services, request).await
    }

    async fn get_plan(&self, request: Request<wire::GetPlanRequest>) -> Answer<wire::PlanView> {
        let id: PlanId = parse(&request.get_ref().plan)?;
        let reader = self.reader(&request)?;
        reader.check(&reader.state.plan(&id).map_err(|refusal| refused(&refusal))?.plan.body.environment)?;
        plans::view(&self.services, &reader.state, &id, &reader.name).await
    }

    async fn try_plan(&self, request: Request<wire::TryPlanRequest>) -> Answer<wire::TryPlanResponse> {
        plans::try_out(&self.services, request).await
    }

    async fn approve(&self, request: Request<wire::ApproveRequest>) -> Answer<wire::PlanView> {
        let plan: PlanId = parse(&request.get_ref().plan)?;
        let granted = self.ask(&request, Ask::Approve { plan: plan.clone() }).await?;
        plans::view(&self.services, &granted.state, &plan, &operator(&request)?).await
    }

    async fn start_rollout(&self, request: Request<wire::StartRolloutRequest>) -> Answer<wire::RolloutView> {
        let plan: PlanId = parse(&request.get_ref().plan)?;
        let confirmation = match request.get_ref().confirmation.as_str() {
            "" | "none" => Confirmation::None,
            "typed" => Confirmation::Typed,
            "forced" => Confirmation::Forced,
            other => return Err(usage(&format!("{other:?} is not a confirmation: none, typed or forced"))),
        };
        let (sizes, looks) = plans::look_again(&self.services, &plan, &operator(&request)?).await?;
        let given = request.get_ref().acknowledge.iter();
        let acknowledged = given.map(|text| parse(text)).collect::<Result<_, Status>>()?;
        let granted =
            self.ask(&request, Ask::StartRollout { plan, confirmation, acknowledged, sizes, looks }).await?;
        let started = granted.events.iter().find_map(|event| {
            if let Event::RolloutStarted { rollout, .. } = event { Some(rollout.clone()) } else { None }
        });
        let id = started.ok_or_else(|| internal("the rollout was granted but not started".to_owned()))?;
        self.rollout_view(&granted.state, &id)
    }

    async fn list_rollouts(
        &self,
        request: Request<wire::ListRolloutsRequest>,
    ) -> Answer<wire::ListRolloutsResponse> {
        lists::rollouts(&self.services, &self.reader(&request)?, request.get_ref())
    }

    async fn get_rollout(&self, request: Request<wire::RolloutRequest>) -> Answer<wire::RolloutView> {
        let (id, reader) = (parse(&request.get_ref().rollout)?, self.reader(&request)?);
        reader.rollout(&id)?;
        self.rollout_view(&reader.state, &id)
    }

    async fn watch_rollout(
        &self,
        request: Request<wire::RolloutRequest>,
    ) -> Answer<Self::WatchRolloutStream> {
        let id: RolloutId = parse(&request.get_ref().rollout)?;
        self.reader(&request)?.rollout(&id)?;
        Ok(Response::new(Box::pin(watch::rollout(&self.services, id))))
    }

    async fn pause_rollout(&self, request: Request<wire::RolloutRequest>) -> Answer<wire::RolloutView> {
        self.steer(&request, |rollout| Ask::PauseRollout { rollout }).await
    }

    async fn resume_rollout(&self, request: Request<wire::RolloutRequest>) -> Answer<wire::RolloutView> {
        self.steer(&request, |rollout| Ask::ResumeRollout { rollout }).await
    }

    async fn abort_rollout(&self, request: Request<wire::RolloutRequest>) -> Answer<wire::RolloutView> {
        self.steer(&request, |rollout| Ask::AbortRollout { rollout }).await
    }

    async fn override_window(
        &self,
        request: Request<wire::OverrideWindowRequest>,
    ) -> Answer<wire::RolloutView> {
        let rollout: RolloutId = parse(&request.get_ref().rollout)?;
        let reason = reason(&request.get_ref().reason)?;
        let ask = Ask::OverrideWindow { rollout: rollout.clone(), reason };
        let granted = self.ask(&request, ask).await?;
        self.rollout_view(&granted.state, &rollout)
    }

    async fn freeze(&self, request: Request<wire::FreezeRequest>) -> Answer<wire::FreezesView> {
        freezes::freeze(self, &request).await
    }

    async fn unfreeze(&self, request: Request<wire::UnfreezeRequest>) -> Answer<wire::FreezesView> {
        freezes::unfreeze(self, &request).await
    }

    async fn cancel_target(&self, request: Request<wire::CancelTargetRequest>) -> Answer<wire::RolloutView> {
        let rollout: RolloutId = parse(&request.get_ref().rollout)?;
        let database: DatabaseName = parse(&request.get_ref().database)?;
        let ask = Ask::CancelTarget { rollout: rollout.clone(), database };
        let granted = self.ask(&request, ask).await?;
        self.rollout_view(&granted.state, &rollout)
    }

    async fn retry_rollout(&self, request: Request<wire::RolloutRequest>) -> Answer<wire::RolloutView> {
        self.steer(&request, |rollout| Ask::RetryRollout { rollout }).await
    }

    async fn skip_target(&self, request: Request<wire::SkipTargetRequest>) -> Answer<wire::RolloutView> {
        let wire::SkipTargetRequest { rollout, database, .. } = request.get_ref();
        let (rollout, database): (RolloutId, DatabaseName) = (parse(rollout)?, parse(database)?);
        let reason = reason(&request.get_ref().reason)?;
        let granted =
            self.ask(&request, Ask::SkipTarget { rollout: rollout.clone(), database, reason }).await?;
        self.rollout_view(&granted.state, &rollout)
    }

    async fn advance_rollout(&self, request: Request<wire::RolloutRequest>) -> Answer<wire::RolloutView> {
        self.steer(&request, |rollout| Ask::PassWave { rollout }).await
    }

    async fn resolve(&self, request: Request<wire::ResolveRequest>) -> Answer<wire::ResolveResponse> {
        let wire::ResolveRequest { database, version, done, .. } = request.get_ref().clone();
        let reason = reason(&request.get_ref().reason)?;
        let ask = Ask::Resolve { database: parse(&database)?, version: parse(&version)?, done, reason };
        let granted = self.ask(&request, ask).await?;
        let resumed = granted.events.iter().find_map(|event| {
            if let Event::RolloutResumed { rollout } = event { Some(rollout.to_string()) } else { None }
        });
        let rollout = resumed.unwrap_or_default();
        Ok(Response::new(wire::ResolveResponse { database, version, done, rollout }))
    }

    async fn list_backups(
        &self,
        request: Request<wire::ListBackupsRequest>,
    ) -> Answer<wire::ListBackupsResponse> {
        lists::backups(&self.reader(&request)?, request.get_ref())
    }

    async fn verify_backup(&self, request: Request<wire::VerifyBackupRequest>) -> Answer<wire::BackupEntry> {
        backups::verify(&self.services, operator(&request)?, request.get_ref()).await
    }

    async fn start_job(&self, request: Request<wire::StartJobRequest>) -> Answer<wire::JobView> {
        jobs::start(self, &request).await
    }

    async fn find_backup(&self, request: Request<wire::FindBackupRequest>) -> Answer<wire::FoundBackup> {
        jobs::find_backup(self, &request)
    }

    async fn get_job(&self, request: Request<wire::JobRequest>) -> Answer<wire::JobView> {
        jobs::get(self, &request)
    }

    async fn cancel_job(&self, request: Request<wire::JobRequest>) -> Answer<wire::JobView> {
        jobs::cancel(self, &request).await
    }

    async fn list_jobs(&self, request: Request<wire::ListJobsRequest>) -> Answer<wire::ListJobsResponse> {
        jobs::list(self, &request)
    }

    async fn prune_backups(
        &self,
        request: Request<wire::PruneBackupsRequest>,
    ) -> Answer<wire::PruneBackupsResponse> {
        let name = operator(&request)?;
        prune::prune(&self.services, name, request.into_inner()).await
    }

    async fn status(&self, request: Request<wire::StatusRequest>) -> Answer<wire::StatusResponse> {
        lists::status(&self.services, &self.reader(&request)?, request.get_ref())
    }

    async fn history(&self, request: Request<wire::HistoryRequest>) -> Answer<wire::HistoryResponse> {
        lists::history(&self.reader(&request)?, request.get_ref())
    }

    async fn read_catalog(
        &self,
        request: Request<wire::ReadCatalogRequest>,
    ) -> Answer<wire::ReadCatalogResponse> {
        catalogs::read(&self.services, request).await
    }

    async fn create_token(
        &self,
        request: Request<wire::CreateTokenRequest>,
    ) -> Answer<wire::CreateTokenResponse> {
        access::create_token(&self.services, request).await
    }

    async fn list_agents(
        &self,
        request: Request<wire::ListAgentsRequest>,
    ) -> Answer<wire::ListAgentsResponse> {
        Ok(lists::agents(&self.services, &self.reader(&request)?))
    }

    async fn revoke_agent(
        &self,
        request: Request<wire::RevokeAgentRequest>,
    ) -> Answer<wire::ListAgentsResponse> {
        let database: DatabaseName = parse(&request.get_ref().database)?;
        let reason = reason(&request.get_ref().reason)?;
        self.ask(&request, Ask::RevokeAgent { database: database.clone(), reason }).await?;
        self.services.fleet.disconnect(&database);
        Ok(lists::agents(&self.services, &self.reader(&request)?))
    }

    async fn remove_database(
        &self,
        request: Request<wire::RemoveDatabaseRequest>,
    ) -> Answer<wire::ListAgentsResponse> {
        let database: DatabaseName = parse(&request.get_ref().database)?;
        let reason = reason(&request.get_ref().reason)?;
        self.ask(&request, Ask::RemoveDatabase { database: database.clone(), reason }).await?;
        self.services.fleet.disconnect(&database);
        Ok(lists::agents(&self.services, &self.reader(&request)?))
    }

    async fn add_operator(
        &self,
        request: Request<wire::AddOperatorRequest>,
    ) -> Answer<wire::AddOperatorResponse> {
        access::add_operator(&self.services, request).await
    }

    async fn list_operators(
        &self,
        _request: Request<wire::ListOperatorsRequest>,
    ) -> Answer<wire::ListOperatorsResponse> {
        Ok(lists::operators(&*self.services.state()?))
    }

    async fn revoke_operator(
        &self,
        request: Request<wire::RevokeOperatorRequest>,
    ) -> Answer<wire::ListOperatorsResponse> {
        let operator: OperatorName = parse(&request.get_ref().name)?;
        let reason = reason(&request.get_ref().reason)?;
        // What is outstanding cuts the operator's connections, which may include this one.
        let granted = self.ask(&request, Ask::RevokeOperator { operator, reason }).await?;
        Ok(lists::operators(&granted.state))
    }

    async fn ledger_status(&self, request: Request<wire::LedgerStatusRequest>) -> Answer<wire::LedgerView> {
        ledger::status(self, &request).await
    }

    async fn accept_ledger(&self, request: Request<wire::AcceptLedgerRequest>) -> Answer<wire::LedgerView> {
        ledger::accept(self, &request).await
    }

    async fn set_witness_aside(&self, request: Request<wire::WitnessRequest>) -> Answer<wire::LedgerView> {
        ledger::set_aside(self, &request).await
    }

    async fn hear_witness(&self, request: Request<wire::WitnessRequest>) -> Answer<wire::LedgerView> {
        ledger::hear(self, &request).await
    }

    async fn read_audit(&self, request: Request<wire::ReadAuditRequest>) -> Answer<Self::ReadAuditStream> {
        audit::read(self, request)
    }

    async fn verify_ledger(
        &self,
        request: Request<wire::VerifyLedgerRequest>,
    ) -> Answer<wire::VerifyLedgerResponse> {
        audit::verify(self, request).await
    }

    async fn sign_checkpoint(
        &self,
        request: Request<wire::SignCheckpointRequest>,
    ) -> Answer<wire::SignedCheckpoint> {
        audit::sign(self, &request).await
    }

    async fn list_endpoints(
        &self,
        request: Request<wire::ListEndpointsRequest>,
    ) -> Answer<wire::ListEndpointsResponse> {
        let reader = self.reader(&request)?;
        let endpoints = self.services.notifier.views(reader.state.seq, |place| reader.sees(place));
        Ok(Response::new(wire::ListEndpointsResponse { endpoints }))
    }

    async fn test_endpoints(
        &self,
        request: Request<wire::TestEndpointsRequest>,
    ) -> Answer<wire::TestEndpointsResponse> {
        let (reader, name) = (self.reader(&request)?, &request.get_ref().name);
        let endpoints = self.services.notifier.test(name, |place| reader.sees(place)).await;
        if endpoints.is_empty() && !name.is_empty() {
            return Err(usage(&format!("there is no endpoint {name:?} in the controller's file")));
        }
        Ok(Response::new(wire::TestEndpointsResponse { endpoints }))
    }

    async fn show_policy(&self, _request: Request<wire::ShowPolicyRequest>) -> Answer<wire::PolicyView> {
        let state = self.services.state()?;
        policies::view(&state.policy, state.policy_version, false)
    }

    async fn read_policy(&self, request: Request<wire::ReadPolicyRequest>) -> Answer<wire::PolicyView> {
        policies::read(&self.services, request.get_ref()).await
    }

    async fn diff_policy(&self, request: Request<wire::DiffPolicyRequest>) -> Answer<wire::PolicyDiffView> {
        policies::diff(&self.services, &self.reader(&request)?, request.get_ref()).await
    }

    async fn list_policies(
        &self,
        request: Request<wire::ListPoliciesRequest>,
    ) -> Answer<wire::ListPoliciesResponse> {
        policies::list(&self.services, request.get_ref()).await
    }

    async fn apply_policy(&self, request: Request<wire::ApplyPolicyRequest>) -> Answer<wire::PolicyView> {
        let policy = policies::parse(&request.get_ref().yaml)?;
        let granted = self.ask(&request, Ask::ApplyPolicy(policy)).await?;
        let changed = !granted.events.is_empty();
        policies::view(&granted.state.policy, granted.state.policy_version, changed)
    }
}
