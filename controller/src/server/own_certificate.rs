//! The certificate that the controller serves with. It makes a new one at every start, and long before it ends.

use std::sync::Arc;
use std::time::Duration;

use pgbelay_core::time::{Span, Timestamp};
use pgbelay_proto::tls::{ClientAuth, TlsError, server_config};
use rustls::ServerConfig;
use tokio_util::sync::CancellationToken;

use crate::ca::{CaError, CertificateAuthority};
use crate::clock;
use crate::listener::TlsHandle;

/// How long it counts.
const LIFETIME: Span = Span::hours(24);

/// From this age on it is replaced: half of its life is left for trying again.
const REPLACE_AFTER: Span = Span::hours(12);

/// How often is looked whether it is time. By the clock, because a timer stands still while a machine sleeps.
const LOOK: Duration = Duration::from_secs(60);

/// There is no certificate.
#[derive(Debug, thiserror::Error)]
pub enum OwnCertificateError {
    /// The CA does not issue it.
    #[error(transparent)]
    Ca(#[from] CaError),
    /// It cannot be served with.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// The certificate in use on both listeners.
pub(super) struct OwnCertificate {
    authority: Arc<CertificateAuthority>,
    name: String,
    issued_at: Timestamp,
    main: TlsHandle,
    enrolment: TlsHandle,
}

impl OwnCertificate {
    pub(super) fn issue(
        authority: Arc<CertificateAuthority>,
        name: String,
    ) -> Result<Self, OwnCertificateError> {
        let issued_at = clock::now();
        let [main, enrolment] = configs(&authority, &name, issued_at)?;
        let (main, enrolment) = (TlsHandle::new(main), TlsHandle::new(enrolment));
        Ok(Self { authority, name, issued_at, main, enrolment })
    }

    /// For the listener of agents and operators, and for the one of agents that enrol.
    pub(super) fn handles(&self) -> (TlsHandle, TlsHandle) {
        (self.main.clone(), self.enrolment.clone())
    }

    pub(super) async fn keep_fresh(mut self, stop: CancellationToken) {
        while stop.run_until_cancelled(tokio::time::sleep(LOOK)).await.is_some() {
            if let Err(error) = self.replace_if_due(clock::now()) {
                tracing::error!(%error, "failed to replace the controller's certificate");
            }
        }
    }

    fn replace_if_due(&mut self, now: Timestamp) -> Result<(), OwnCertificateError> {
        if now - self.issued_at < REPLACE_AFTER {
            return Ok(());
        }
        let [main, enrolment] = configs(&self.authority, &self.name, now)?;
        self.main.reload(main);
        self.enrolment.reload(enrolment);
        self.issued_at = now;
        Ok(())
    }
}

fn configs(
    authority: &CertificateAuthority,
    name: &str,
    now: Timestamp,
) -> Result<[ServerConfig; 2], OwnCertificateError> {
    let own = authority.issue_controller(name, now, LIFETIME)?;
    let required = ClientAuth::Required { ca_pem: authority.certificate_pem().to_owned() };
    Ok([server_config(&own, &required)?, server_config(&own, &ClientAuth::None)?])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_replaced_at_half_of_its_life_and_not_before() -> anyhow::Result<()> {
        let (authority, _) = CertificateAuthority::create(clock::now())?;
        let mut own = OwnCertificate::issue(Arc::new(authority), "c1".to_owned())?;
        let start = own.issued_at;
        own.replace_if_due(start + Span(REPLACE_AFTER.0 - 1))?;
        assert_eq!(own.issued_at, start);
        own.replace_if_due(start + REPLACE_AFTER)?;
        assert_eq!(own.issued_at, start + REPLACE_AFTER);
        Ok(())
    }
}
