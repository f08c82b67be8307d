//! The agents' service: sessions, SQL files, renewals.

use std::pin::Pin;
use std::sync::Arc;

use pgbelay_core::access::Certificate;
use pgbelay_core::event::Actor;
use pgbelay_core::name::DatabaseName;
use pgbelay_core::request::Request as Ask;
use pgbelay_proto::identity::{Identity, PeerIdentity};
use pgbelay_proto::wire;
use pgbelay_proto::wire::agent_service_server::AgentService;
use tokio_stream::wrappers::ReceiverStream;
use tokio_stream::{Stream, StreamExt as _};
use tonic::{Request, Response, Status, Streaming};

use super::{Services, gate, not_granted, peer};
use crate::clock;
use crate::fleet::{JoinError, Outbox};
use crate::listener::{ConnectionHandle, RemoteAddr};
use session::Session;
pub use talk::{Desk, Seat, Talk};

mod bounds;
mod session;
mod sql;
mod talk;

type Stream_<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// The agents' service.
pub struct Agents {
    /// What it needs.
    pub services: Services,
}

/// The agent who sent a request.
fn agent<T>(request: &Request<T>) -> Result<(DatabaseName, Arc<PeerIdentity>), Status> {
    let peer = peer(request)?;
    match &peer.identity {
        Identity::Agent(database) => Ok((database.clone(), Arc::clone(&peer))),
        Identity::Operator(_) | Identity::Controller(_) => {
            Err(Status::permission_denied("this is for agents"))
        }
    }
}

fn shut_out(error: &JoinError) -> Status {
    match error {
        JoinError::Quarantined(_) | JoinError::Contested { .. } => {
            Status::permission_denied(error.to_string())
        }
        JoinError::Gone(_) => Status::cancelled(error.to_string()),
    }
}

impl Agents {
    /// What is shut out gets nothing: neither SQL, nor a certificate that would let it back in.
    fn not_quarantined(&self, database: &DatabaseName) -> Result<(), Status> {
        let contested = self.services.state()?.contested.contains_key(database);
        if contested || self.services.fleet.is_quarantined(database) {
            return Err(shut_out(&JoinError::Quarantined(database.clone())));
        }
        Ok(())
    }
}

#[tonic::async_trait]
impl AgentService for Agents {
    type ConnectStream = Stream_<wire::ControllerMessage>;
    type FetchSqlStream = Stream_<wire::SqlFile>;

    async fn connect(
        &self,
        request: Request<Streaming<wire::AgentMessage>>,
    ) -> Result<Response<Self::ConnectStream>, Status> {
        let (database, peer) = agent(&request)?;
        let connection = request.extensions().get::<ConnectionHandle>().cloned();
        let connection = connection.ok_or_else(|| Status::internal("the request has no connection"))?;
        let place = request.extensions().get::<RemoteAddr>().map(|remote| remote.0.ip().to_string());
        let (outbox, outgoing) = Outbox::new();
        let services = self.services.clone();
        let talk = Talk { desk: services, database, peer, connection, place, outbox };
        let session = Session { talk };
        tokio::spawn(session.live(request.into_inner()));
        let messages = ReceiverStream::new(outgoing).map(|message| message.map(|message| *message));
        Ok(Response::new(Box::pin(messages)))
    }

    async fn fetch_sql(
        &self,
        request: Request<wire::FetchSqlRequest>,
    ) -> Result<Response<Self::FetchSqlStream>, Status> {
        let (database, peer) = agent(&request)?;
        self.not_quarantined(&database)?;
        let state = self.services.state()?;
        // The gate has looked when the call began; the request may have taken its time.
        gate::known(&state, &peer)?;
        let wanted = sql::wanted(&state, &database, &request.get_ref().digests)?;
        Ok(Response::new(Box::pin(sql::files(Arc::clone(&self.services.blobs), wanted))))
    }

    async fn renew(
        &self,
        request: Request<wire::RenewRequest>,
    ) -> Result<Response<wire::RenewResponse>, Status> {
        let (database, peer) = agent(&request)?;
        self.not_quarantined(&database)?;
        let identity = Identity::Agent(database.clone());
        let csr = &request.get_ref().csr_der;
        let signed = self.services.authority.sign_csr(csr, &identity, clock::now(), super::AGENT_CERTIFICATE);
        let issued = signed.map_err(|error| super::usage(&error.to_string()))?;
        let certificate = Certificate { serial: issued.serial, not_after: issued.not_after };
        let serial = peer.serial.clone();
        let renew = Ask::Renew { database: database.clone(), serial, certificate };
        self.services.controller.ask(Actor::Agent(database.clone()), renew).await.map_err(not_granted)?;
        // A certificate that a quarantine does not know of yet would be a way round it.
        self.not_quarantined(&database)?;
        Ok(Response::new(wire::RenewResponse { certificate_pem: issued.certificate_pem }))
    }
}
