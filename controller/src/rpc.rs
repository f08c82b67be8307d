//! The services: from the wire to a request, and from what came of it back to the wire.

use std::path::Path;
use std::sync::Arc;

use pgbelay_core::name::OperatorName;
use pgbelay_core::request::{Refusal, RefusalClass};
use pgbelay_core::state::State;
use pgbelay_core::time::Span;
use pgbelay_proto::convert::BadMessage;
use pgbelay_proto::identity::{Identity, PeerIdentity};
use pgbelay_proto::status::{RemoteError, RemoteKind};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Status};

use crate::blobs::BlobStore;
use crate::ca::CertificateAuthority;
use crate::fleet::Fleet;
use crate::notify::Notifier;
use crate::sequencer::{AskError, Controller};

pub mod agent;
mod backups;
mod catalogs;
pub mod enrolment;
pub mod gate;
mod histories;
mod judging;
mod looks;
mod measuring;
pub mod operator;
mod operators;
mod probes;
mod prune;
pub mod times;

pub(crate) use catalogs::CATALOGS_AT_ONCE;
pub use operators::Operators;

/// How long an agent's certificate counts. Short, because it is renewed over the live identity at half that time.
pub const AGENT_CERTIFICATE: Span = Span::hours(24);

/// How long an operator's certificate counts.
pub const OPERATOR_CERTIFICATE: Span = Span::hours(24 * 90);

/// What every service needs.
#[derive(Clone)]
pub struct Services {
    /// The way to the sequencer.
    pub controller: Controller,
    /// Who is connected.
    pub fleet: Fleet,
    /// The SQL files.
    pub blobs: Arc<BlobStore>,
    /// Signs certificates.
    pub authority: Arc<CertificateAuthority>,
    /// Where agents enrol, as `token create` tells.
    pub enrolment_address: String,
    /// Turns to send a release: each holds all of its SQL in memory.
    pub releases: Arc<Semaphore>,
    /// Turns to read a schema: each is held in memory.
    pub catalogs: Arc<Semaphore>,
    /// Sends news.
    pub notifier: Notifier,
    /// Where the ledger is, for whoever reads much of it.
    pub ledger: Arc<Path>,
    /// Turns to read it.
    pub audits: Arc<Semaphore>,
    /// The controller's name.
    pub name: Arc<str>,
    /// The controller is going away: streams come to an end.
    pub stop: CancellationToken,
}

impl Services {
    /// The state, or a status that says that the controller is still starting.
    pub(crate) fn state(&self) -> Result<Arc<State>, Status> {
        self.controller.state().ok_or_else(starting)
    }
}

pub(crate) fn starting() -> Status {
    RemoteError {
        kind: RemoteKind::Unreachable,
        message: "the controller is starting: it reads its ledger".to_owned(),
        next_step: "try again in a moment".to_owned(),
    }
    .to_status()
}

pub(crate) fn stopping() -> Status {
    RemoteError {
        kind: RemoteKind::Unreachable,
        message: "the controller is stopping".to_owned(),
        next_step: "try again in a moment".to_owned(),
    }
    .to_status()
}

/// Who sent a request.
pub(crate) fn peer<T>(request: &Request<T>) -> Result<Arc<PeerIdentity>, Status> {
    let identity = request.extensions().get::<Arc<PeerIdentity>>();
    identity.cloned().ok_or_else(|| Status::unauthenticated("the connection has no identity"))
}

/// The operator who sent a request.
pub(crate) fn operator<T>(request: &Request<T>) -> Result<OperatorName, Status> {
    match &peer(request)?.identity {
        Identity::Operator(name) => Ok(name.clone()),
        Identity::Agent(_) | Identity::Controller(_) => {
            Err(Status::permission_denied("this is for operators"))
        }
    }
}

/// A malformed message.
pub(crate) fn bad(error: &BadMessage) -> Status {
    usage(&error.to_string())
}

/// What was asked makes no sense.
pub(crate) fn usage(message: &str) -> Status {
    RemoteError { kind: RemoteKind::Usage, message: message.to_owned(), next_step: String::new() }.to_status()
}

/// A text field of a request.
pub(crate) fn parse<T: std::str::FromStr>(text: &str) -> Result<T, Status>
where
    T::Err: std::fmt::Display,
{
    text.parse().map_err(|error: T::Err| usage(&error.to_string()))
}

/// Something went wrong here, not there.
pub(crate) fn internal(message: String) -> Status {
    let next_step = "look at the controller's log".to_owned();
    RemoteError { kind: RemoteKind::Internal, message, next_step }.to_status()
}

/// A refusal as a status: the message says what happened, the metadata what to do.
pub(crate) fn refused(refusal: &Refusal) -> Status {
    let kind = match refusal.class() {
        RefusalClass::Usage => RemoteKind::Usage,
        RefusalClass::NotAllowed => RemoteKind::NotAllowed,
        RefusalClass::Refused => RemoteKind::Refused,
        RefusalClass::WaitsForApproval => RemoteKind::Approval,
    };
    RemoteError { kind, message: refusal.to_string(), next_step: refusal.next_step() }.to_status()
}

/// Why a request was not granted, as a status.
pub(crate) fn not_granted(error: AskError) -> Status {
    match error {
        AskError::Refused(refusal) => refused(&refusal),
        AskError::Overloaded => RemoteError {
            kind: RemoteKind::Unreachable,
            message: error.to_string(),
            next_step: "try again in a moment".to_owned(),
        }
        .to_status(),
        AskError::Stopped => stopping(),
        AskError::Unknown(_) => RemoteError {
            kind: RemoteKind::Unknown,
            message: error.to_string(),
            next_step: "look whether it was done before asking again".to_owned(),
        }
        .to_status(),
        AskError::NotWritten(_) | AskError::NotRead(_) | AskError::Faulty(_) => internal(error.to_string()),
    }
}
