//! Enrolment: a join token for a certificate.

use pgbelay_core::access::Certificate;
use pgbelay_core::decide::decide;
use pgbelay_core::digest::Digest;
use pgbelay_core::event::Actor;
use pgbelay_core::name::DatabaseName;
use pgbelay_core::request::{Circumstances, Request as Ask};
use pgbelay_core::time::Timestamp;
use pgbelay_proto::identity::Identity;
use pgbelay_proto::wire;
use pgbelay_proto::wire::enrolment_service_server::EnrolmentService;
use tonic::{Request, Response, Status};

use super::{AGENT_CERTIFICATE, Services, not_granted, parse, refused, usage};
use crate::clock;

/// Longest identifier of a database: two numbers and what stands between them.
pub(crate) const MAX_SYSTEM_IDENTIFIER: usize = 64;

/// The service of the enrolment listener.
pub struct Enrolment {
    /// What it needs.
    pub services: Services,
}

#[tonic::async_trait]
impl EnrolmentService for Enrolment {
    async fn enrol(
        &self,
        request: Request<wire::EnrolRequest>,
    ) -> Result<Response<wire::EnrolResponse>, Status> {
        let request = request.into_inner();
        let database: DatabaseName = parse(&request.database)?;
        check(&request)?;
        let enrol = |certificate| -> Result<Ask, Status> {
            Ok(Ask::Enrol {
                token: parse(&request.token_id)?,
                secret: Digest::of(&request.token_secret),
                database: database.clone(),
                system_identifier: request.system_identifier.clone(),
                certificate,
            })
        };
        // Anybody can call: nothing is signed for one whose token would not count.
        let here = Circumstances { actor: Actor::Controller, now: clock::now() };
        let none_yet = Certificate { serial: String::new(), not_after: Timestamp(0) };
        decide(&*self.services.state()?, &enrol(none_yet)?, &here).map_err(|refusal| refused(&refusal))?;

        let (authority, identity) = (&self.services.authority, Identity::Agent(database.clone()));
        let signed = authority.sign_csr(&request.csr_der, &identity, here.now, AGENT_CERTIFICATE);
        let issued = signed.map_err(|error| usage(&error.to_string()))?;
        let certificate = Certificate { serial: issued.serial, not_after: issued.not_after };
        // The certificate leaves only after the token's use is durable.
        self.services.controller.ask(Actor::Controller, enrol(certificate)?).await.map_err(not_granted)?;
        self.services.fleet.enrolled(&database);
        tracing::info!(%database, "agent enrolled");
        Ok(Response::new(wire::EnrolResponse {
            certificate_pem: issued.certificate_pem,
            ca_pem: authority.certificate_pem().to_owned(),
        }))
    }
}

/// It is kept for ever, and a database that was enrolled with none could never show itself to be the same.
fn check(request: &wire::EnrolRequest) -> Result<(), Status> {
    let id = &request.system_identifier;
    if id.is_empty() || id.len() > MAX_SYSTEM_IDENTIFIER || !id.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(usage("the system identifier must be 1 to 64 printable characters"));
    }
    Ok(())
}
