//! Who may call what: one table, looked up before anything else happens.

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Either, Ready, ready};
use http::{Request, Response};
use pgbelay_core::access::Role;
use pgbelay_core::event::Actor;
use pgbelay_core::request::Refusal;
use pgbelay_core::state::State;
use pgbelay_proto::identity::{Identity, PeerIdentity};
use tonic::Status;
use tonic::body::Body;
use tower::Service;

use super::times::Times;
use super::{Operators, refused, starting};
use crate::listener::GrpcService;
use crate::sequencer::Controller;

/// Who may call a method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// Agents.
    Agents,
    /// Operators with a role. Where the role counts is decided with the request.
    Operators(Role),
    /// Whoever has an identity.
    Everybody,
}

/// Every method of the contract on the main listener, and who may call it.
pub const AUDIENCES: [(&str, Audience); 55] = [
    ("/pgbelay.v1.AgentService/Connect", Audience::Agents),
    ("/pgbelay.v1.AgentService/FetchSql", Audience::Agents),
    ("/pgbelay.v1.AgentService/Renew", Audience::Agents),
    ("/pgbelay.v1.OperatorService/PushRelease", Audience::Operators(Role::Operator)),
    ("/pgbelay.v1.OperatorService/CreatePlan", Audience::Operators(Role::Operator)),
    ("/pgbelay.v1.OperatorService/GetPlan", Audience::Operators(Role::Viewer)),
    ("/pgbelay.v1.OperatorService/TryPlan", Audience::Operators(Role::Operator)),
    ("/pgbelay.v1.OperatorService/Approve", Audience::Operators(Role::Approver)),
    ("/pgbelay.v1.OperatorService/StartRollout", Audience::Operators(Role::Operator)),
    ("/pgbelay.v1.OperatorService/ListRollouts", Audience::Operators(Role::Viewer)),
    ("/pgbelay.v1.OperatorService/GetRollout", Audience::Operators(Role::Viewer)),
    ("/pgbelay.v1.OperatorService/WatchRollout", Audience::Operators(Role::Viewer)),
    ("/pgbelay.v1.OperatorService/PauseRollout", Audience::Operators(Role::Operator)),
    ("/pgbelay.v1.OperatorService/ResumeRollout", Audience::Operators(Role::Operator)),
    ("/pgbelay.v1.OperatorService/AbortRollout", Audience::Operators(Role::Operator)),
    ("/pgbelay.v1.OperatorService/OverrideWindow", Audience::Operators(Role::Admin)),
    ("/pgbelay.v1.OperatorService/Freeze", Audience::Operators(Role::Admin)),
    ("/pgbelay.v1.OperatorService/Unfreeze", Audience::Operators(Role::Admin)),
    ("/pgbelay.v1.OperatorService/CancelTarget", Audience::Operators(Role::Operator)),
    ("/pgbelay.v1.OperatorService/RetryRollout", Audience::Operators(Role::Operator)),
    ("/pgbelay.v1.OperatorService/SkipTarget", Audience::Operators(Role::Operator)),
    ("/pgbelay.v1.OperatorService/AdvanceRollout", Audience::Operators(Role::Approver)),
    ("/pgbelay.v1.OperatorService/Resolve", Audience::Operators(Role::Operator)),
    ("/pgbelay.v1.OperatorService/Status", Audience::Operators(Role::Viewer)),
    ("/pgbelay.v1.OperatorService/History", Audience::Operators(Role::Viewer)),
    ("/pgbelay.v1.OperatorService/ReadCatalog", Audience::Operators(Role::Operator)),
    ("/pgbelay.v1.OperatorService/ListBackups", Audience::Operators(Role::Viewer)),
    ("/pgbelay.v1.OperatorService/VerifyBackup", Audience::Operators(Role::Operator)),
    ("/pgbelay.v1.OperatorService/StartJob", Audience::Operators(Role::Operator)),
    ("/pgbelay.v1.OperatorService/FindBackup", Audience::Operators(Role::Operator)),
    ("/pgbelay.v1.OperatorService/GetJob", Audience::Operators(Role::Viewer)),
    ("/pgbelay.v1.OperatorService/CancelJob", Audience::Operators(Role::Operator)),
    ("/pgbelay.v1.OperatorService/ListJobs", Audience::Operators(Role::Viewer)),
    ("/pgbelay.v1.OperatorService/PruneBackups", Audience::Operators(Role::Operator)),
    ("/pgbelay.v1.OperatorService/CreateToken", Audience::Operators(Role::Admin)),
    ("/pgbelay.v1.OperatorService/ListAgents", Audience::Operators(Role::Viewer)),
    ("/pgbelay.v1.OperatorService/RevokeAgent", Audience::Operators(Role::Admin)),
    ("/pgbelay.v1.OperatorService/RemoveDatabase", Audience::Operators(Role::Admin)),
    ("/pgbelay.v1.OperatorService/AddOperator", Audience::Operators(Role::Admin)),
    ("/pgbelay.v1.OperatorService/ListOperators", Audience::Operators(Role::Viewer)),
    ("/pgbelay.v1.OperatorService/RevokeOperator", Audience::Operators(Role::Admin)),
    ("/pgbelay.v1.OperatorService/LedgerStatus", Audience::Operators(Role::Viewer)),
    ("/pgbelay.v1.OperatorService/AcceptLedger", Audience::Operators(Role::Admin)),
    ("/pgbelay.v1.OperatorService/SetWitnessAside", Audience::Operators(Role::Admin)),
    ("/pgbelay.v1.OperatorService/HearWitness", Audience::Operators(Role::Admin)),
    ("/pgbelay.v1.OperatorService/ReadAudit", Audience::Operators(Role::Viewer)),
    ("/pgbelay.v1.OperatorService/VerifyLedger", Audience::Operators(Role::Viewer)),
    ("/pgbelay.v1.OperatorService/SignCheckpoint", Audience::Operators(Role::Viewer)),
    ("/pgbelay.v1.OperatorService/ListEndpoints", Audience::Operators(Role::Viewer)),
    ("/pgbelay.v1.OperatorService/TestEndpoints", Audience::Operators(Role::Admin)),
    ("/pgbelay.v1.OperatorService/ShowPolicy", Audience::Operators(Role::Viewer)),
    ("/pgbelay.v1.OperatorService/ReadPolicy", Audience::Operators(Role::Viewer)),
    ("/pgbelay.v1.OperatorService/DiffPolicy", Audience::Operators(Role::Viewer)),
    ("/pgbelay.v1.OperatorService/ListPolicies", Audience::Operators(Role::Viewer)),
    ("/pgbelay.v1.OperatorService/ApplyPolicy", Audience::Operators(Role::Admin)),
];

/// Services that are not of the contract.
const HELPERS: [(&str, Audience); 2] = [
    ("/grpc.health.v1.Health/", Audience::Everybody),
    ("/grpc.reflection.", Audience::Operators(Role::Viewer)),
];

/// Who may call a path; `None`: nobody, for there is no such method.
#[must_use]
pub fn audience(path: &str) -> Option<Audience> {
    let method = AUDIENCES.iter().find(|(name, _)| *name == path);
    method
        .or_else(|| HELPERS.iter().find(|(prefix, _)| path.starts_with(prefix)))
        .map(|(_, audience)| *audience)
}

/// Lets a request through to the services, or not.
#[derive(Clone)]
pub struct Gate<S> {
    /// The services.
    pub services: S,
    /// The way to the state.
    pub controller: Controller,
    /// The connections of the operators.
    pub operators: Operators,
    /// How long their calls take.
    pub times: Times,
}

impl<S> Gate<S> {
    /// Who the method is for, if the caller may call it.
    fn check(&self, request: &Request<Body>) -> Result<Audience, Status> {
        let path = request.uri().path();
        let audience =
            audience(path).ok_or_else(|| Status::unimplemented(format!("there is no method {path}")))?;
        let peer = request.extensions().get::<Arc<PeerIdentity>>();
        let peer = peer.ok_or_else(|| Status::unauthenticated("the connection has no identity"))?;
        let Some(state) = self.controller.state() else {
            // Whether it is ready may be asked before it is.
            return if audience == Audience::Everybody { Ok(audience) } else { Err(starting()) };
        };
        known(&state, peer)?;
        if let (Identity::Operator(name), extensions) = (&peer.identity, request.extensions())
            && let (Some(connection), Some(remote)) = (extensions.get(), extensions.get())
        {
            self.operators.seen(name, &peer.serial, *remote, connection);
        }
        match (audience, &peer.identity) {
            (Audience::Everybody, _) | (Audience::Agents, Identity::Agent(_)) => Ok(audience),
            (Audience::Operators(role), Identity::Operator(name)) => {
                state.allow(name, role, None).map_err(|refusal| refused(&refusal))?;
                Ok(audience)
            }
            (Audience::Agents | Audience::Operators(_), identity) => {
                tracing::warn!(%identity, path, "a call that is not for this kind of identity");
                Err(Status::permission_denied(format!("{identity} may not call {path}")))
            }
        }
    }
}

/// Whether a certificate counts: it was issued to this identity, has not been replaced, and nothing was revoked.
///
/// # Errors
/// When it does not count.
pub(super) fn known(state: &State, peer: &PeerIdentity) -> Result<(), Status> {
    let (certificates, who) = match &peer.identity {
        Identity::Agent(name) => (state.agents.get(name), Actor::Agent(name.clone())),
        Identity::Operator(name) => {
            (state.operators.get(name).map(|o| &o.certificates), Actor::Operator(name.clone()))
        }
        Identity::Controller(_) => (None, Actor::Controller),
    };
    match certificates {
        Some(certificates) if certificates.accepts(&peer.serial) => Ok(()),
        Some(_) | None => Err(refused(&Refusal::Revoked { who: who.to_string() })),
    }
}

impl<S: GrpcService> Service<Request<Body>> for Gate<S> {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Either<
        Either<Ready<Result<Response<Body>, Infallible>>, S::Future>,
        BoxFuture<'static, Result<Response<Body>, Infallible>>,
    >;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.services.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        match self.check(&request) {
            Ok(Audience::Operators(_)) => {
                let (begun, path) = (Instant::now(), request.uri().path().to_owned());
                let (times, answer) = (self.times.clone(), self.services.call(request));
                let timed = async move { Ok(times.of_answer(&path, begun, answer.await?)) };
                Either::Right(timed.boxed())
            }
            Ok(Audience::Agents | Audience::Everybody) => {
                Either::Left(Either::Right(self.services.call(request)))
            }
            Err(status) => Either::Left(Either::Left(ready(Ok(status.into_http())))),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use prost::Message as _;

    use super::*;

    fn methods_of_the_contract() -> BTreeSet<String> {
        let set = prost_types::FileDescriptorSet::decode(pgbelay_proto::DESCRIPTORS).unwrap();
        let services = set.file.iter().flat_map(|file| file.service.iter().map(move |s| (file.package(), s)));
        services
            .flat_map(|(package, s)| {
                s.method.iter().map(move |m| format!("/{package}.{}/{}", s.name(), m.name()))
            })
            .collect()
    }

    #[test]
    fn every_method_of_the_contract_has_an_audience_and_nothing_else_has() {
        let listed: BTreeSet<String> = AUDIENCES.iter().map(|(path, _)| (*path).to_owned()).collect();
        let mut expected = methods_of_the_contract();
        // On a listener of its own, for those who have no identity yet.
        assert!(expected.remove("/pgbelay.v1.EnrolmentService/Enrol"));
        assert_eq!(listed, expected);
        assert_eq!(AUDIENCES.len(), listed.len(), "a method stands twice");
    }

    #[test]
    fn what_is_not_in_the_table_is_for_nobody() {
        assert_eq!(audience("/pgbelay.v1.OperatorService/DropEverything"), None);
        assert_eq!(audience("/pgbelay.v1.EnrolmentService/Enrol"), None);
        assert_eq!(audience("/grpc.health.v1.Health/Check"), Some(Audience::Everybody));
    }
}
