//! Answers that are lists: what is asked for, what the reader may see of it, and how much of it fits.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::sync::Arc;

use pgbelay_core::backup::KnownBackup;
use pgbelay_core::database::Database;
use pgbelay_core::name::{DatabaseName, EnvironmentName};
use pgbelay_core::rollout::Rollout;
use pgbelay_core::state::State;
use pgbelay_core::time::Timestamp;
use pgbelay_proto::{MAX_MESSAGE_BYTES, wire};
use prost::Message;
use tonic::{Response, Status};

use super::{Answer, Reader};
use crate::clock;
use crate::rpc::{Services, parse, refused, usage};
use crate::views;
use crate::views::history::{Filter, Outcome};
use crate::views::parts::in_parts;

/// Rollouts that are listed when nobody says how many.
const ROLLOUTS: usize = 20;

/// Lines of history that are shown when nobody says how many.
const LINES: usize = 50;

/// Most entries of one answer, whatever is asked for.
pub(super) const MAX_ENTRIES: usize = 1_000;

/// Most bytes of one list: what any client takes, less what holds its entries together.
const MAX_LIST_BYTES: usize = MAX_MESSAGE_BYTES - (64 << 10);

/// Most bytes before an entry in a list: its field, and its length.
const MARK: usize = 6;

pub(super) fn rollouts(
    services: &Services,
    reader: &Reader,
    asked: &wire::ListRolloutsRequest,
) -> Answer<wire::ListRolloutsResponse> {
    let environment = environment(reader, &asked.environment)?;
    let mut rollouts: Vec<&Rollout> = match optional::<DatabaseName>(&asked.at_work_on)? {
        Some(database) => {
            reader.database(&database)?;
            reader.state.open_rollouts().filter(|rollout| rollout.targets.contains_key(&database)).collect()
        }
        None => reader.state.rollouts.values().map(Arc::as_ref).collect(),
    };
    rollouts.retain(|rollout| reader.wants(environment.as_ref(), &rollout.environment));
    rollouts.sort_by_key(|r| Reverse(r.started_at));
    let view = |rollout: &&Rollout| views::rollout::rollout(&reader.state, &services.fleet, rollout);
    let (rollouts, left_off) = as_many_as_fit(&rollouts, limit(asked.limit, ROLLOUTS), view);
    Ok(Response::new(wire::ListRolloutsResponse { rollouts, left_off }))
}

pub(super) fn status(
    services: &Services,
    reader: &Reader,
    asked: &wire::StatusRequest,
) -> Answer<wire::StatusResponse> {
    let (state, now) = (&reader.state, clock::now());
    let name = optional::<DatabaseName>(&asked.database)?;
    if let Some(name) = &name {
        reader.database(name)?;
    }
    let environment = environment(reader, &asked.environment)?;
    let labels: Vec<_> = asked
        .labels
        .iter()
        .map(|label| label.split_once('=').ok_or_else(|| usage("a label is key=value")))
        .collect::<Result<_, _>>()?;
    let wanted = |d: &&Arc<Database>| {
        name.as_ref().is_none_or(|wanted| *wanted == d.name)
            && reader.wants(environment.as_ref(), &d.environment)
            && labels.iter().all(|(k, v)| d.labels.get(*k).is_some_and(|value| value == v))
    };
    let mut databases: Vec<_> = state.databases.values().filter(wanted).collect();
    if databases.is_empty() && !asked.labels.is_empty() {
        return Err(usage(&format!("no database that you may see there has {}", asked.labels.join(","))));
    }
    let health = healths(&asked.health)?;
    let place = |e: &EnvironmentName| state.policy.environments.iter().position(|p| p.name == *e);
    // Stable: within an environment they stay in the order of their names.
    databases.sort_by_cached_key(|d| place(&d.environment));
    let sees = |name: &DatabaseName| state.databases.get(name).is_some_and(|d| reader.sees(&d.environment));
    let ledger_problem = state.trust.problem_for(sees).unwrap_or_default();
    let considered = u32::try_from(databases.len()).unwrap_or(u32::MAX);
    databases.retain(|database| !asked.drift || database.drift.is_some());
    let is_asked_for = |view: &wire::DatabaseView| {
        (!asked.pending || view.pending > 0) && (health.is_empty() || health.contains(&view.health.as_str()))
    };
    let databases = in_parts(&databases, |databases, shown| {
        let mut views = views::fleet::Databases::new(state, &services.fleet, now);
        shown.extend(databases.iter().map(|database| views.view(database)).filter(is_asked_for));
    });
    let freezes = super::freezes::view(reader).freezes;
    Ok(Response::new(wire::StatusResponse { databases, ledger_problem, freezes, considered }))
}

pub(super) fn history(reader: &Reader, asked: &wire::HistoryRequest) -> Answer<wire::HistoryResponse> {
    let environment = environment(reader, &asked.environment)?;
    let filter = Filter {
        database: optional(&asked.database)?,
        version: optional(&asked.version)?,
        since: asked.since_ms.map(Timestamp),
        until: asked.until_ms.map(Timestamp),
        results: asked.results.iter().map(|word| outcome(word)).collect::<Result<_, _>>()?,
        by: optional(&asked.by)?,
    };
    if let Some(name) = &filter.database {
        let is_remembered = || reader.state.rollouts.values().any(|r| r.targets.contains_key(name));
        match reader.state.database(name) {
            Err(refusal) if !is_remembered() => return Err(refused(&refusal)),
            Ok(_) | Err(_) => {}
        }
    }
    let wanted = |place: &EnvironmentName| reader.wants(environment.as_ref(), place);
    let lines = views::history::history(&reader.state, &filter, wanted);
    let (entries, left_off) = as_many_as_fit(&lines, limit(asked.limit, LINES), views::history::in_words);
    Ok(Response::new(wire::HistoryResponse { entries, left_off }))
}

pub(super) fn backups(
    reader: &Reader,
    asked: &wire::ListBackupsRequest,
) -> Answer<wire::ListBackupsResponse> {
    let (state, now) = (&reader.state, clock::now());
    let environment = environment(reader, &asked.environment)?;
    let name = optional::<DatabaseName>(&asked.database)?;
    if let Some(name) = &name {
        reader.database(name)?;
    }
    let is_wanted = |known: &&Arc<KnownBackup>| {
        // A database that is not managed any more is of no environment: nobody may see its backups.
        state.databases.get(&known.database).is_some_and(|database| {
            name.as_ref().is_none_or(|wanted| *wanted == database.name)
                && reader.wants(environment.as_ref(), &database.environment)
        })
    };
    let is_called = |known: &&Arc<KnownBackup>| asked.id.is_empty() || known.id() == asked.id;
    let mut wanted: Vec<_> = state.backups.values().filter(is_wanted).filter(is_called).collect();
    wanted.sort_by_key(|known| Place::of(known));
    if asked.newest {
        let mut seen = BTreeSet::new();
        wanted.retain(|known| known.problems().is_empty() && seen.insert(&known.database));
    }
    if !asked.after.is_empty() {
        let after = Place::parse(&asked.after)?;
        wanted.retain(|known| Place::of(known) > after);
    }
    let view = |known: &&Arc<KnownBackup>| views::backup::entry(state, known, now);
    let (backups, left_off) = as_many_as_fit(&wanted, limit(asked.limit, MAX_ENTRIES), view);
    let last = wanted.iter().take(backups.len()).next_back().filter(|_| left_off > 0);
    let next = last.map(|known| Place::of(known).to_string()).unwrap_or_default();
    Ok(Response::new(wire::ListBackupsResponse { backups, left_off, next }))
}

pub(super) fn agents(services: &Services, reader: &Reader) -> Response<wire::ListAgentsResponse> {
    let seen = reader.state.databases.values().filter(|d| reader.sees(&d.environment));
    let agents = seen.map(|d| views::fleet::agent(&reader.state, &services.fleet, d));
    Response::new(wire::ListAgentsResponse { agents: agents.collect() })
}

pub(super) fn operators(state: &State) -> Response<wire::ListOperatorsResponse> {
    let operators = state.operators.values().map(views::operator::operator);
    Response::new(wire::ListOperatorsResponse { operators: operators.collect() })
}

/// The first that fit together, the first one in any case, and how many are left off.
pub(in crate::rpc) fn as_many_as_fit<E, T: Message>(
    entries: &[E],
    limit: usize,
    view: impl Fn(&E) -> T,
) -> (Vec<T>, u32) {
    let mut bytes = 0;
    let mut kept = Vec::new();
    for entry in entries.iter().take(limit) {
        let entry = view(entry);
        bytes += entry.encoded_len() + MARK;
        if bytes > MAX_LIST_BYTES && !kept.is_empty() {
            break;
        }
        kept.push(entry);
    }
    let left_off = u32::try_from(entries.len() - kept.len()).unwrap_or(u32::MAX);
    (kept, left_off)
}

/// Where a backup stands in a list, the newest first: what comes in meanwhile moves nothing that was not yet listed.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place<'a> {
    made_at: Reverse<Timestamp>,
    database: &'a str,
    id: &'a str,
}

impl<'a> Place<'a> {
    fn of(known: &'a KnownBackup) -> Self {
        let (database, id) = (known.database.as_str(), known.id());
        Self { made_at: Reverse(known.made_at), database, id }
    }

    fn parse(text: &'a str) -> Result<Self, Status> {
        let mut parts = text.splitn(3, '/');
        let made_at = parts.next().and_then(|part| part.parse().ok());
        match (made_at, parts.next(), parts.next()) {
            (Some(made_at), Some(database), Some(id)) => {
                Ok(Self { made_at: Reverse(Timestamp(made_at)), database, id })
            }
            (_, _, _) => Err(usage(&format!("{text:?} is not what an earlier answer had as `next`"))),
        }
    }
}

impl std::fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}/{}", self.made_at.0.0, self.database, self.id)
    }
}

/// The environment that was asked for, if one was, there is one, and the reader may see it.
fn environment(reader: &Reader, text: &str) -> Result<Option<EnvironmentName>, Status> {
    let environment = optional::<EnvironmentName>(text)?;
    if let Some(environment) = &environment {
        reader.state.environment(environment).map_err(|refusal| refused(&refusal))?;
        reader.check(environment)?;
    }
    Ok(environment)
}

/// The words for health, as they were asked for.
fn healths(asked: &[String]) -> Result<Vec<&str>, Status> {
    let known = |word: &String| views::fleet::HEALTH.contains(&word.as_str());
    match asked.iter().find(|word| !known(word)) {
        Some(word) => {
            let all = views::fleet::HEALTH.join(", ");
            Err(usage(&format!("{word:?} is not a health: {all}")))
        }
        None => Ok(asked.iter().map(String::as_str).collect()),
    }
}

fn outcome(word: &str) -> Result<Outcome, Status> {
    Outcome::ALL.into_iter().find(|outcome| outcome.as_str() == word).ok_or_else(|| {
        let all = Outcome::ALL.map(Outcome::as_str).join(", ");
        usage(&format!("{word:?} is not a result: {all}"))
    })
}

/// A name that may be left out.
fn optional<T: std::str::FromStr>(text: &str) -> Result<Option<T>, Status>
where
    T::Err: std::fmt::Display,
{
    if text.is_empty() { Ok(None) } else { parse(text).map(Some) }
}

/// Most entries that are listed.
pub(super) fn limit(asked: u32, default: usize) -> usize {
    if asked == 0 { default } else { (asked as usize).min(MAX_ENTRIES) }
}

#[cfg(test)]
mod tests;
