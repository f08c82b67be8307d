//! Backups: which there are, and whether they are still whole.

use std::time::Duration;

use pgbelay_core::access::Role;
use pgbelay_core::backup::KnownBackup;
use pgbelay_core::event::Actor;
use pgbelay_core::name::{DatabaseName, OperatorName};
use pgbelay_core::request::Request as Ask;
use pgbelay_core::state::State;
use pgbelay_proto::wire;
use pgbelay_proto::wire::probe::{Kind, VerifyBackup};
use pgbelay_proto::wire::probe_answer::Answer;
use tonic::{Response, Status};

use super::{Services, not_granted, parse, refused, usage};
use crate::clock;
use crate::fleet::ProbeError;
use crate::views;

/// Reading a backup takes as long as its disk does.
const DEADLINE: Duration = Duration::from_secs(600);

/// Has an agent read a backup again, and writes down what it found.
pub(super) async fn verify(
    services: &Services,
    name: OperatorName,
    asked: &wire::VerifyBackupRequest,
) -> Result<Response<wire::BackupEntry>, Status> {
    let state = services.state()?;
    let known = find(&state, &name, asked)?;
    let database = state.database(&known.database).map_err(|refusal| refused(&refusal))?;
    let allowed = state.allow(&name, Role::Operator, Some(&database.environment));
    allowed.map_err(|refusal| refused(&refusal))?;
    let kind = Kind::VerifyBackup(VerifyBackup {
        path: known.backup.path.clone(),
        sha256: known.backup.sha256.to_string(),
        quick: false,
    });
    let take = |answer| if let Answer::Backup(check) = answer { Some(check.problems) } else { None };
    let problems = services.probe(&known.database, (kind, DEADLINE), take).await;
    // Nothing was found out then: the backup may be whole.
    let unread = |error: ProbeError| {
        Status::unavailable(format!("backup {} could not be read again: {error}", known.id()))
    };
    let problems = problems.map_err(unread)?;
    let (of, backup) = (known.database.clone(), known.id().to_owned());
    let record = Ask::RecordCheck { database: of.clone(), backup: backup.clone(), problems };
    let granted = services.controller.ask(Actor::Operator(name), record).await.map_err(not_granted)?;
    let known = granted.state.backup(&of, &backup).map_err(|refusal| refused(&refusal))?;
    Ok(Response::new(views::backup::entry(&granted.state, known, clock::now())))
}

fn find<'s>(
    state: &'s State,
    name: &OperatorName,
    asked: &wire::VerifyBackupRequest,
) -> Result<&'s KnownBackup, Status> {
    if !asked.database.is_empty() {
        let database: DatabaseName = parse(&asked.database)?;
        return state.backup(&database, &asked.id).map_err(|refusal| refused(&refusal));
    }
    let sees = |database: &DatabaseName| {
        let place = state.databases.get(database).map(|database| &database.environment);
        place.is_some_and(|place| state.allow(name, Role::Viewer, Some(place)).is_ok())
    };
    let mut all =
        state.backups.values().filter(|known| known.id() == asked.id).filter(|known| sees(&known.database));
    match (all.next(), all.next()) {
        (Some(known), None) => Ok(known),
        (Some(_), Some(_)) => {
            Err(usage("two databases have a backup of this name: say which with --database"))
        }
        (None, _) => Err(usage(&format!(
            "there is no backup called {}: pgbelay backup list shows those that there are",
            asked.id
        ))),
    }
}
