//! What agents do with backups: asked for, looked at, ended.

use std::sync::Arc;

use pgbelay_core::backup::KnownBackup;
use pgbelay_core::command::MAX_BACKUP_KEY;
use pgbelay_core::event::{Actor, Event};
use pgbelay_core::job::{Job, JobId, Restore};
use pgbelay_core::migration::Version;
use pgbelay_core::name::DatabaseName;
use pgbelay_core::policy::BackupMethod;
use pgbelay_core::request::Request as Ask;
use pgbelay_core::state::State;
use pgbelay_proto::tls::Secret;
use pgbelay_proto::wire;
use tonic::{Request, Response, Status};

use super::lists::{MAX_ENTRIES, as_many_as_fit, limit};
use super::{Answer, OperatorsService};
use crate::rpc::{bad, internal, not_granted, operator, parse, refused, usage};
use crate::views;

pub(super) async fn start(
    service: &OperatorsService,
    request: &Request<wire::StartJobRequest>,
) -> Answer<wire::JobView> {
    let asked = request.get_ref();
    let database: DatabaseName = parse(&asked.database)?;
    let into = asked.into.clone().ok_or_else(|| usage("into is missing"))?;
    let into = into.try_into().map_err(|error| bad(&error))?;
    let reader = service.reader(request)?;
    reader.database(&database)?;
    let found = find(&reader.state, &database, &asked.backup)?;
    let key = key(found, asked.key.as_ref())?;
    let backup = found.id().to_owned();
    let ask = Ask::StartJob { database, restore: Restore { backup, into } };
    let actor = Actor::Operator(operator(request)?);
    let (controller, fleet) = (service.services.controller.clone(), service.services.fleet.clone());
    let started = async move {
        let granted = controller.ask(actor, ask).await.map_err(not_granted)?;
        let started = granted.events.iter().find_map(|event| {
            if let Event::JobStarted { job, .. } = event { Some(job.clone()) } else { None }
        });
        let id = started.ok_or_else(|| internal("the job was granted but not started".to_owned()))?;
        if let Some(key) = key {
            fleet.keep_key(id.clone(), key);
        }
        Ok::<_, Status>((granted.state, id))
    };
    // By itself: who asked may go away meanwhile, and a job that was started would be without its key.
    let started = tokio::spawn(started).await;
    let (state, id) = started.map_err(|error| internal(format!("the job was not started: {error}")))??;
    view(service, &state, &id)
}

/// What opens a backup, where that is needed.
fn key(known: &KnownBackup, given: Option<&wire::BackupKey>) -> Result<Option<Secret>, Status> {
    match (&known.backup.sealed_key, given) {
        (None, _) => Ok(None),
        (Some(_), Some(key)) if key.text.len() <= MAX_BACKUP_KEY => Ok(Some(key.clone().into())),
        (Some(_), Some(_)) => Err(usage("the key of the backup is too long to be one")),
        (Some(_), None) => Err(usage(&format!(
            "backup {} is encrypted: only an owner of its key can have it restored; give the file of the private key with \
             --identity FILE",
            known.id()
        ))),
    }
}

/// Which backup is meant, and what its owner needs to open it.
pub(super) fn find_backup(
    service: &OperatorsService,
    request: &Request<wire::FindBackupRequest>,
) -> Answer<wire::FoundBackup> {
    let (asked, reader) = (request.get_ref(), service.reader(request)?);
    let database: DatabaseName = parse(&asked.database)?;
    reader.database(&database)?;
    let found = find(&reader.state, &database, &asked.backup)?;
    let sealed_key = found.backup.sealed_key.clone().unwrap_or_default();
    Ok(Response::new(wire::FoundBackup { id: found.id().to_owned(), sealed_key }))
}

/// The backup that a person means.
fn find<'s>(state: &'s State, database: &DatabaseName, text: &str) -> Result<&'s KnownBackup, Status> {
    let of = || state.backups_of(database);
    let known = match text.strip_prefix("before:") {
        Some(version) => before(state, of(), &parse(version)?),
        None if text == "latest" => latest(of()),
        None => of().find(|known| known.id() == text),
    };
    known.ok_or_else(|| {
        usage(&format!(
            "{database} has no backup {text:?}: name one of pgbelay backup list --database {database}, latest, or \
             before:VERSION"
        ))
    })
}

/// The newest that brings all rows back; where there is none, the newest of any kind, of which it is then told why it
/// cannot be restored, or what it lacks. One in which something is wrong is still the newest: an older one in its place,
/// and nobody told, would be a surprise.
fn latest<'a>(backups: impl Iterator<Item = &'a KnownBackup>) -> Option<&'a KnownBackup> {
    let is_full = |known: &KnownBackup| known.backup.method == BackupMethod::Full;
    backups.max_by_key(|known| {
        let stays = is_full(known) && known.condemned.is_none();
        (is_full(known), stays, known.made_at, known.id().to_owned())
    })
}

/// The backup of the last run that applied a migration.
fn before<'a>(
    state: &State,
    backups: impl Iterator<Item = &'a KnownBackup>,
    version: &Version,
) -> Option<&'a KnownBackup> {
    let applied_it = |known: &&KnownBackup| {
        let target = state.rollouts.get(&known.rollout).and_then(|r| r.targets.get(&known.database));
        target.is_some_and(|target| target.done.iter().any(|step| step.version == *version))
    };
    backups.filter(applied_it).max_by_key(|known| known.made_at)
}

pub(super) async fn cancel(
    service: &OperatorsService,
    request: &Request<wire::JobRequest>,
) -> Answer<wire::JobView> {
    let id: JobId = parse(&request.get_ref().job)?;
    let granted = service.ask(request, Ask::CancelJob { job: id.clone() }).await?;
    view(service, &granted.state, &id)
}

pub(super) fn get(service: &OperatorsService, request: &Request<wire::JobRequest>) -> Answer<wire::JobView> {
    let (id, reader) = (parse::<JobId>(&request.get_ref().job)?, service.reader(request)?);
    let job = reader.state.job(&id).map_err(|refusal| refused(&refusal))?;
    reader.database(&job.database)?;
    view(service, &reader.state, &id)
}

pub(super) fn list(
    service: &OperatorsService,
    request: &Request<wire::ListJobsRequest>,
) -> Answer<wire::ListJobsResponse> {
    let (asked, reader) = (request.get_ref(), service.reader(request)?);
    let wanted = |job: &&Arc<Job>| {
        reader.state.databases.get(&job.database).is_some_and(|database| {
            reader.sees(&database.environment)
                && (asked.environment.is_empty() || asked.environment == database.environment.as_str())
                && (asked.database.is_empty() || asked.database == job.database.as_str())
        })
    };
    let mut jobs: Vec<_> = reader.state.jobs.values().filter(wanted).collect();
    jobs.sort_by_key(|job| std::cmp::Reverse((job.started_at, job.id.as_str().len(), job.id.clone())));
    let view = |job: &&Arc<Job>| views::job::job(&reader.state, &service.services.fleet, job);
    let (jobs, left_off) = as_many_as_fit(&jobs, limit(asked.limit, MAX_ENTRIES), view);
    Ok(Response::new(wire::ListJobsResponse { jobs, left_off }))
}

fn view(service: &OperatorsService, state: &State, id: &JobId) -> Answer<wire::JobView> {
    let job = state.job(id).map_err(|refusal| refused(&refusal))?;
    Ok(Response::new(views::job::job(state, &service.services.fleet, job)))
}

#[cfg(test)]
mod tests {
    use pgbelay_core::backup::BackupCheck;
    use pgbelay_core::command::Backup;
    use pgbelay_core::digest::Digest;
    use pgbelay_core::time::{Span, Timestamp};

    use super::*;

    fn known(at: i64, method: BackupMethod, whole: bool) -> KnownBackup {
        let problems = if whole { Vec::new() } else { vec!["it is missing".to_owned()] };
        KnownBackup {
            database: "orders".parse().unwrap(),
            rollout: "r1".parse().unwrap(),
            backup: Backup {
                path: format!("/b/orders/{at}"),
                sha256: Digest::of("x"),
                bytes: 1,
                took: Span(1),
                method,
                copies: Vec::new(),
                reason: None,
                outside: None,
                sealed_key: None,
            },
            made_at: Timestamp(at),
            checked: Some(BackupCheck { at: Timestamp(at), problems, notes: Vec::new() }),
            restored_at: None,
            looked: None,
            condemned: None,
        }
    }

    #[test]
    fn the_latest_is_the_newest_that_brings_all_rows_back() {
        let check = |all: &[(BackupMethod, bool)], expected: i64| {
            let all: Vec<_> =
                (1..).zip(all).map(|(at, (method, whole))| known(at, *method, *whole)).collect();
            let found = latest(all.iter()).map(|known| known.made_at);
            assert_eq!(found, Some(Timestamp(expected)), "{all:?}");
        };
        let (full, some) = (BackupMethod::Full, BackupMethod::Touched);
        check(&[(full, true), (full, true), (some, true), (BackupMethod::RestorePoint, true)], 2);
        check(&[(full, true), (full, false), (some, true)], 2);
        check(&[(some, true), (some, true)], 2);
        assert!(latest(std::iter::empty()).is_none());
    }
}
