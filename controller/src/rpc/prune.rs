//! Backups that policy lets go: which ones, and giving them up.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use pgbelay_core::access::Role;
use pgbelay_core::backup::{BackupId, KnownBackup};
use pgbelay_core::event::Actor;
use pgbelay_core::name::{DatabaseName, EnvironmentName, OperatorName};
use pgbelay_core::request::Request as Ask;
use pgbelay_core::retention::{Fate, Judged, Keep, judge};
use pgbelay_core::state::State;
use pgbelay_core::time::Timestamp;
use pgbelay_proto::wire;
use tokio::time::timeout;
use tonic::{Response, Status};

use super::operator::lists::as_many_as_fit;
use super::{Services, not_granted, parse, refused};
use crate::clock::{self, rfc3339};

/// How long it is waited for the agents: most have deleted theirs by then, and the others go on without anybody waiting.
const WAIT: Duration = Duration::from_secs(20);

/// Most backups of one answer.
const MAX_ENTRIES: usize = 10_000;

type Named = BTreeSet<(DatabaseName, BackupId)>;

/// Shows which backups go, or gives up those that are named.
pub(super) async fn prune(
    services: &Services,
    name: OperatorName,
    asked: wire::PruneBackupsRequest,
) -> Result<Response<wire::PruneBackupsResponse>, Status> {
    let state = services.state()?;
    let databases = databases(&state, &name, &asked)?;
    if asked.dry_run {
        let now = clock::now();
        let judged = databases.iter().flat_map(|database| judge(&state, database, now));
        let judged: Vec<_> = judged.collect();
        let (backups, left_off) = as_many_as_fit(&judged, MAX_ENTRIES, |judged| shown(&state, judged));
        return Ok(Response::new(wire::PruneBackupsResponse { dry_run: true, backups, left_off }));
    }
    let mut by_database: BTreeMap<DatabaseName, BTreeSet<BackupId>> = BTreeMap::new();
    for named in asked.backups {
        by_database.entry(parse(&named.database)?).or_default().insert(named.id);
    }
    let mut named = Named::new();
    let mut before = BTreeMap::new();
    for (database, backups) in by_database.into_iter().filter(|(database, _)| databases.contains(database)) {
        for known in state.backups_of(&database).filter(|known| backups.contains(known.id())) {
            before.insert((database.clone(), known.id().to_owned()), known.clone());
        }
        named.extend(backups.iter().map(|backup| (database.clone(), backup.clone())));
        let condemn = Ask::Condemn { database, backups };
        services.controller.ask(Actor::Operator(name.clone()), condemn).await.map_err(not_granted)?;
    }
    let state = gone(services, &named).await?;
    let given_up: Vec<_> = named.iter().filter_map(|of| before.get(of)).collect();
    let (backups, left_off) = as_many_as_fit(&given_up, MAX_ENTRIES, |known| became(&state, known));
    Ok(Response::new(wire::PruneBackupsResponse { dry_run: false, backups, left_off }))
}

/// The databases that are asked for, and on which the operator may have backups deleted.
fn databases(
    state: &State,
    name: &OperatorName,
    asked: &wire::PruneBackupsRequest,
) -> Result<Vec<DatabaseName>, Status> {
    let may = |environment: &EnvironmentName| state.allow(name, Role::Operator, Some(environment));
    let environment: Option<EnvironmentName> =
        (!asked.environment.is_empty()).then(|| parse(&asked.environment)).transpose()?;
    if let Some(environment) = &environment {
        state.environment(environment).map_err(|refusal| refused(&refusal))?;
        may(environment).map_err(|refusal| refused(&refusal))?;
    }
    let database: Option<DatabaseName> =
        (!asked.database.is_empty()).then(|| parse(&asked.database)).transpose()?;
    if let Some(database) = &database {
        let known = state.database(database).map_err(|refusal| refused(&refusal))?;
        may(&known.environment).map_err(|refusal| refused(&refusal))?;
    }
    let wanted = state.databases.values().filter(|known| {
        database.as_ref().is_none_or(|wanted| *wanted == known.name)
            && environment.as_ref().is_none_or(|wanted| *wanted == known.environment)
            && may(&known.environment).is_ok()
    });
    Ok(wanted.map(|known| known.name.clone()).collect())
}

/// Waits until all that was given up is gone, for a while.
async fn gone(services: &Services, named: &Named) -> Result<std::sync::Arc<State>, Status> {
    let mut states = services.controller.states();
    let all_gone = |state: &Option<std::sync::Arc<State>>| {
        state.as_ref().is_some_and(|state| !named.iter().any(|of| state.condemned.contains(of)))
    };
    // Whether it came to that is seen in the state.
    drop(timeout(WAIT, states.wait_for(all_gone)).await);
    services.state()
}

fn shown(state: &State, judged: &Judged<'_>) -> wire::PrunedBackup {
    let (fate, why) = match &judged.fate {
        Fate::Stays(Keep::Window { until }) => ("stays", window(*until)),
        Fate::Stays(keep) => ("stays", keep.to_string()),
        Fate::Goes(why) => ("goes", why.to_string()),
        Fate::Condemned(why) => ("deleting", why.to_string()),
    };
    entry(state, judged.backup, (fate, why))
}

fn window(until: Timestamp) -> String {
    format!("a rollback window is open until {}", rfc3339(until))
}

/// What became of a backup that was to go.
fn became(state: &State, before: &KnownBackup) -> wire::PrunedBackup {
    let judged = judge(state, &before.database, clock::now());
    match judged.iter().find(|judged| judged.backup.id() == before.id()) {
        Some(judged) => shown(state, judged),
        None => entry(state, before, ("deleted", String::new())),
    }
}

fn entry(state: &State, known: &KnownBackup, (fate, why): (&str, String)) -> wire::PrunedBackup {
    let database = state.databases.get(&known.database);
    wire::PrunedBackup {
        id: known.id().to_owned(),
        database: known.database.to_string(),
        environment: database.map(|database| database.environment.to_string()).unwrap_or_default(),
        created_at: rfc3339(known.made_at),
        bytes: known.backup.bytes,
        location: known.backup.path.clone(),
        fate: fate.to_owned(),
        why,
    }
}
