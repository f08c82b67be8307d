//! The schema of a database, for whoever judges migrations elsewhere.

use std::time::Duration;

use pgbelay_core::access::Role;
use pgbelay_core::name::DatabaseName;
use pgbelay_proto::status::{RemoteError, RemoteKind};
use pgbelay_proto::wire;
use tokio::time::timeout;
use tonic::{Request, Response, Status};

use super::{Answer, Services, operator, parse, refused};
use crate::fleet::ProbeError;

/// For the turn: others read schemas of fifty thousand tables.
const TURN_DEADLINE: Duration = Duration::from_secs(150);

pub(super) async fn read(
    services: &Services,
    request: Request<wire::ReadCatalogRequest>,
) -> Answer<wire::ReadCatalogResponse> {
    let name = operator(&request)?;
    let database: DatabaseName = parse(&request.get_ref().database)?;
    let state = services.state()?;
    let environment = &state.database(&database).map_err(|refusal| refused(&refusal))?.environment;
    // Before the agent is asked anything.
    state.allow(&name, Role::Operator, Some(environment)).map_err(|refusal| refused(&refusal))?;
    let _turn = timeout(TURN_DEADLINE, services.catalog_turn())
        .await
        .ok()
        .flatten()
        .ok_or_else(|| not_read(&database, &ProbeError::Busy))?;
    let read = services.read_catalog(&database).await.map_err(|error| not_read(&database, &error))?;
    Ok(Response::new(wire::ReadCatalogResponse {
        database: database.to_string(),
        fingerprint: read.fingerprint.to_string(),
        catalog: read.json,
    }))
}

fn not_read(database: &DatabaseName, error: &ProbeError) -> Status {
    let kind = match error {
        ProbeError::NotConnected | ProbeError::Lost | ProbeError::Busy | ProbeError::Late(_) => {
            RemoteKind::Unreachable
        }
        ProbeError::Failed(_) => RemoteKind::Refused,
    };
    RemoteError {
        kind,
        message: format!("the schema of {database} could not be read: {error}"),
        next_step: "check the agent with pgbelay agent list and its log".to_owned(),
    }
    .to_status()
}
