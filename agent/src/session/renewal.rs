//! The successor of a certificate, asked for while the certificate is good.

use std::time::Duration;

use pgbelay_core::time::Timestamp;
use pgbelay_proto::csr::{CsrError, new_key_and_csr};
use pgbelay_proto::tls::Credentials;
use pgbelay_proto::wire;
use pgbelay_proto::wire::agent_service_client::AgentServiceClient;
use tokio::time::{sleep, timeout};
use tonic::transport::Channel;

use crate::backoff;
use crate::clock::now;
use crate::identity_files::{IdentityFileError, IdentityFiles, Slot, StoredIdentity};
use crate::words;

/// Longest sleep before the clock is read again: timers stand still while a machine sleeps.
const CLOCK_CHECK: Duration = Duration::from_secs(30);
/// For one request: the controller has to sign and to write one entry.
const REQUEST: Duration = Duration::from_secs(15);
/// Between two tries, at most; there is half a lifetime for them.
const RETRY: Duration = Duration::from_secs(60);

#[derive(Debug, thiserror::Error)]
enum RenewalError {
    #[error(transparent)]
    Csr(#[from] CsrError),
    #[error("the controller issues no new certificate")]
    Refused(#[source] tonic::Status),
    #[error("the controller did not answer within {REQUEST:?}")]
    NoAnswer,
    #[error("failed to keep the new certificate")]
    NotKept(#[from] IdentityFileError),
}

/// Returns when a successor of the identity is on disk.
pub(super) async fn in_time(files: &IdentityFiles, identity: &StoredIdentity, channel: Channel) {
    let due = identity.renew_at(backoff::jitter());
    loop {
        while let Some(left) = until(due) {
            sleep(left.min(CLOCK_CHECK)).await;
        }
        match renew(files, identity, channel.clone()).await {
            Ok(()) => return,
            Err(error) => {
                let error = words::line(&error);
                tracing::warn!(
                    error,
                    expires_at = identity.peer.not_after.0,
                    "failed to renew the certificate"
                );
            }
        }
        let left = until(identity.peer.not_after).unwrap_or_default();
        sleep(backoff::about(RETRY.min(left / 10).max(Duration::from_secs(1)))).await;
    }
}

async fn renew(
    files: &IdentityFiles,
    identity: &StoredIdentity,
    channel: Channel,
) -> Result<(), RenewalError> {
    let (key_pem, csr_der) = new_key_and_csr()?;
    let mut client = AgentServiceClient::new(channel);
    let issued = timeout(REQUEST, client.renew(wire::RenewRequest { csr_der })).await;
    let issued = issued.map_err(|_| RenewalError::NoAnswer)?.map_err(RenewalError::Refused)?.into_inner();
    let ca_pem = identity.credentials.ca_pem.clone();
    let credentials = Credentials { ca_pem, certificate_pem: issued.certificate_pem, key_pem };
    files.save(Slot::Next, &credentials, now())?;
    tracing::info!("the certificate was renewed");
    Ok(())
}

fn until(moment: Timestamp) -> Option<Duration> {
    u64::try_from((moment - now()).0).ok().filter(|ms| *ms > 0).map(Duration::from_millis)
}
