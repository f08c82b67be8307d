//! Backups: which there are, and whether they are still whole.

use std::time::Duration;

use pgbelay_core::access::Role;
use pgbelay_core::backup::KnownBackup;
use pgbelay_core::event::Actor;
use pgbelay_core::name::{DatabaseName, OperatorName};
use pgbelay_core::request::Request as Ask;
use pgbelay_core::state::State;
use pgbelay_proto::convert::MOST_COPIES;
use pgbelay_proto::wire;
use pgbelay_proto::wire::probe::{Kind, VerifyBackup};
use pgbelay_proto::wire::probe_answer::Answer;
use tonic::{Response, Status};

use super::{Services, internal, not_granted, parse, refused, usage};
use crate::clock;
use crate::fleet::ProbeError;
use crate::views;

/// For reading a backup again, beside what its bytes take: asking stores, and what is small.
const BASE: Duration = Duration::from_secs(600);

/// How many bytes of a backup are read in a second at the least: a disk that others keep busy and a line of 100 Mbit/s
/// to a store give as much. What is slower is given up; each copy is read in full, one after the other.
const SLOWEST: u64 = 10_000_000;

/// How long reading all copies of a backup of so many bytes may take. The CLI waits for longer, and the agent reads for
/// as long.
fn deadline(bytes: u64, copies: usize) -> Duration {
    BASE + Duration::from_secs(bytes.saturating_mul(copies as u64).div_ceil(SLOWEST))
}

/// Has an agent read a backup again, and writes down what it found, also when who asked has gone away meanwhile.
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
    let (services, known) = (services.clone(), known.clone());
    let read = tokio::spawn(async move { read_again(&services, name, &known).await });
    read.await.map_err(|error| internal(format!("the backup was not read again: {error}")))?
}

async fn read_again(
    services: &Services,
    name: OperatorName,
    known: &KnownBackup,
) -> Result<Response<wire::BackupEntry>, Status> {
    let deadline = deadline(known.backup.bytes, 1 + known.backup.copies.len());
    let kind = Kind::VerifyBackup(VerifyBackup {
        path: known.backup.path.clone(),
        sha256: known.backup.sha256.to_string(),
        quick: false,
        deadline_ms: u64::try_from(deadline.as_millis()).unwrap_or(u64::MAX),
        copies: known.backup.copies.iter().take(MOST_COPIES).cloned().collect(),
    });
    let take =
        |answer| if let Answer::Backup(check) = answer { Some((check.problems, check.notes)) } else { None };
    let found = services.probe(&known.database, (kind, deadline), take).await;
    // Nothing was found out then: the backup may be whole.
    let unread = |error: ProbeError| {
        Status::unavailable(format!("backup {} could not be read again: {error}", known.id()))
    };
    let (problems, notes) = found.map_err(unread)?;
    let (of, backup) = (known.database.clone(), known.id().to_owned());
    let record = Ask::RecordCheck { database: of.clone(), backup: backup.clone(), problems, notes };
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_backup_has_the_time_that_its_copies_take() {
        assert_eq!(deadline(0, 1), BASE);
        assert_eq!(deadline(4, 1), BASE + Duration::from_secs(1));
        // A terabyte here and in two stores: more than three days.
        assert_eq!(deadline(1_000_000_000_000, 3), BASE + Duration::from_secs(300_000));
        assert!(deadline(u64::MAX, 3) > deadline(1_000_000_000_000, 3));
    }
}
