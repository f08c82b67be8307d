//! Joining a fleet: a one-time token is exchanged for a certificate.
//!
//! The key is made here and stays here. The token's secret is shown only to a controller whose CA is the one that the
//! token names. What was there before is replaced when the new identity is whole, and not earlier.

use std::sync::Arc;
use std::time::Duration;

use pgbelay_core::digest::Digest;
use pgbelay_core::name::DatabaseName;
use pgbelay_core::time::Timestamp;
use pgbelay_proto::channel::{DialError, DialLimits, dial};
use pgbelay_proto::csr::{CsrError, new_key_and_csr};
use pgbelay_proto::status::{RemoteError, RemoteKind};
use pgbelay_proto::tls::{Credentials, TlsError, pinned_client_config};
use pgbelay_proto::token::JoinToken;
use pgbelay_proto::wire;
use pgbelay_proto::wire::enrolment_service_client::EnrolmentServiceClient;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use tokio::time::timeout;

use crate::clock::now;
use crate::config::Config;
use crate::identity_files::{IdentityFileError, IdentityFiles, Slot};
use crate::state_dir::{StateDir, StateDirError};
use crate::work::{NoAnswer, Site};

/// For the one request: the controller signs, and writes one entry.
const REQUEST: Duration = Duration::from_secs(20);

/// Why the agent did not join.
#[derive(Debug, thiserror::Error)]
pub enum EnrolError {
    /// The state directory can't be used; the token was not shown.
    #[error("the agent's state cannot be kept; the token is still good")]
    State(#[from] StateDirError),
    /// The database can't be read; the token was not shown.
    #[error(
        "the database could not be read, so the controller cannot be told which it is; the token is still good"
    )]
    Database(#[source] NoAnswer),
    /// No key could be made.
    #[error(transparent)]
    Key(#[from] CsrError),
    /// TLS can't be set up.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// Nobody there.
    #[error("no controller was reached; the token is still good")]
    NotReached(#[source] DialError),
    /// Somebody there who is not the controller that the token is for.
    #[error("the server is not the controller that made the token; the token was not shown to it")]
    NotTrusted(#[source] DialError),
    /// The connection broke before the answer.
    #[error("the controller did not answer ({why}): if it took the token, a new one is needed")]
    NoAnswer {
        /// What happened.
        why: String,
    },
    /// The controller says no.
    #[error("the controller refuses: {0}")]
    Refused(RemoteError),
    /// The controller fails.
    #[error("the controller could not enroll this agent: {0}")]
    Failed(RemoteError),
    /// What came back is of another CA than the one that the token names.
    #[error("the controller answered with another CA than the one that the token names")]
    OtherCa,
    /// What came back can't be kept.
    #[error("the certificate was issued but cannot be kept: a new token is needed")]
    NotKept(#[source] IdentityFileError),
}

impl EnrolError {
    /// What to do next.
    #[must_use]
    pub fn next_step(&self) -> &str {
        match self {
            Self::State(_) => {
                "check agent.state_dir and who may write there; stop an agent that runs with it"
            }
            Self::Database(_) => "check the database section of the configuration, and that PostgreSQL runs",
            Self::NotReached(_) => "check --controller: it is the enrolment address, not the main one",
            Self::NotTrusted(_) => "check --controller, and that the token is from that controller",
            Self::Refused(error) if !error.next_step.is_empty() => &error.next_step,
            Self::Failed(error) if !error.next_step.is_empty() => &error.next_step,
            Self::Refused(_) | Self::NoAnswer { .. } | Self::NotKept(_) | Self::OtherCa => {
                "make a new token with pgbelay token create, and enroll again"
            }
            Self::Failed(_) => "see the controller's log",
            Self::Key(_) | Self::Tls(_) => "this is a fault of the machine or of pgbelay: see the message",
        }
    }
}

/// What joining gave.
#[derive(Debug, Clone)]
pub struct Enrolled {
    /// The name in the certificate.
    pub name: DatabaseName,
    /// When the certificate has to have been renewed, which a running agent does by itself.
    pub not_after: Timestamp,
}

/// Exchanges a token for an identity, through the enrolment listener at `address`.
///
/// # Errors
/// See [`EnrolError`]; the identity that was there before, if there was one, is untouched.
pub async fn enrol<S: Site>(
    config: &Config,
    site: &S,
    address: &str,
    token: &JoinToken,
) -> Result<Enrolled, EnrolError> {
    let state = StateDir::open(&config.agent.state_dir)?;
    state.instance_id()?;
    let seen = Box::pin(site.inspect()).await.map_err(EnrolError::Database)?;
    let (key_pem, csr_der) = new_key_and_csr()?;
    let request = wire::EnrolRequest {
        token_id: token.id.to_string(),
        token_secret: token.secret.expose().to_vec(),
        database: config.agent.name.to_string(),
        system_identifier: seen.system_identifier,
        csr_der,
    };
    let answer = Box::pin(ask(address, token.ca, request)).await?;
    if !is_ca(&answer.ca_pem, token.ca) {
        return Err(EnrolError::OtherCa);
    }
    let credentials = Credentials { ca_pem: answer.ca_pem, certificate_pem: answer.certificate_pem, key_pem };
    let files = IdentityFiles::new(state.identity(), config.agent.name.clone());
    files.save(Slot::Current, &credentials, now()).map_err(EnrolError::NotKept)?;
    let (_, identity) = files.load().map_err(EnrolError::NotKept)?;
    Ok(Enrolled { name: config.agent.name.clone(), not_after: identity.peer.not_after })
}

async fn ask(
    address: &str,
    ca: Digest,
    request: wire::EnrolRequest,
) -> Result<wire::EnrolResponse, EnrolError> {
    let tls = Arc::new(pinned_client_config(ca)?);
    let channel = dial(address, tls, DialLimits::default()).await.map_err(|error| match error {
        DialError::Unreachable { .. } => EnrolError::NotReached(error),
        DialError::NotTrusted { .. } | DialError::Refused { .. } | DialError::Protocol { .. } => {
            EnrolError::NotTrusted(error)
        }
    })?;
    let answer = timeout(REQUEST, EnrolmentServiceClient::new(channel).enrol(request)).await;
    let late = |_| EnrolError::NoAnswer { why: format!("nothing within {REQUEST:?}") };
    match answer.map_err(late)? {
        Ok(answer) => Ok(answer.into_inner()),
        Err(status) => Err(refusal(RemoteError::from_status(&status))),
    }
}

fn refusal(error: RemoteError) -> EnrolError {
    match error.kind {
        RemoteKind::Usage | RemoteKind::Refused | RemoteKind::NotAllowed | RemoteKind::Approval => {
            EnrolError::Refused(error)
        }
        RemoteKind::Unreachable => EnrolError::NoAnswer { why: error.message },
        RemoteKind::Internal | RemoteKind::Unknown => EnrolError::Failed(error),
    }
}

fn is_ca(pem: &str, pin: Digest) -> bool {
    CertificateDer::from_pem_slice(pem.as_bytes()).is_ok_and(|der| Digest::of(&der) == pin)
}
