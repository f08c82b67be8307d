//! Judges what a plan will run, before it is made: away from the sequencer, for it takes seconds.
//!
//! One schema is read for each fingerprint: databases that have it are alike. Where none can be read, the text alone is
//! judged, and the plan says so.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use pgbelay_core::digest::Digest;
use pgbelay_core::judge::{AllJudged, Circumstances, File, Judged, Script, judge};
use pgbelay_core::name::DatabaseName;
use pgbelay_core::plan::ExecutionSettings;
use pgbelay_core::state::State;
use pgbelay_core::{Catalog, on_parser_stack};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, timeout_at};
use tonic::Status;

use super::catalogs::CATALOGS_AT_ONCE;
use super::{Services, internal};
use crate::blobs::BlobStore;
use crate::fleet::ProbeError;

/// For all schemas of a plan together. Whoever waits for the plan waits for it.
const DEADLINE: Duration = Duration::from_secs(200);

/// Schemas that are read for one plan. A fleet that differs more than this has drifted apart, and is better looked at
/// database by database.
const MAX_SCHEMAS: usize = 32;

/// Databases that are asked for one schema.
const MAX_ASKED: usize = 2;

/// Databases for which the same is judged.
struct Group {
    server_version: u32,
    files: Vec<Pending>,
    members: Vec<DatabaseName>,
}

/// A file that is going to run, and how many of how many pieces of it have run before.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Pending {
    file: File,
    done: u32,
    pieces: u32,
}

/// The members of groups, by what makes them one.
type Members = BTreeMap<(u32, Vec<Pending>), Vec<DatabaseName>>;

/// Groups whose schema is the same, and what else decides what SQL does.
struct Alike {
    fingerprint: Digest,
    conditions: Digest,
    groups: Vec<Group>,
}

impl Services {
    /// Judges the files that are pending on each database.
    pub(super) async fn judge(
        &self,
        state: &State,
        pending: BTreeMap<DatabaseName, Vec<File>>,
        settings: ExecutionSettings,
    ) -> Result<AllJudged, Status> {
        let until = Instant::now() + DEADLINE;
        let alike = alike(state, pending);
        let tasks = alike.into_iter().enumerate().map(|(at, alike)| {
            let settings = settings.clone();
            async move {
                let schema = if at < MAX_SCHEMAS {
                    self.schema(&alike, until).await
                } else {
                    Err(format!("the databases have more than {MAX_SCHEMAS} different schemas"))
                };
                let blobs = Arc::clone(&self.blobs);
                let judged = move || on_parser_stack(|| judge_all(&alike, &schema, &blobs, &settings));
                let judged = tokio::task::spawn_blocking(judged).await;
                judged
                    .map_err(|error| internal(error.to_string()))?
                    .map_err(|error| internal(error.to_string()))?
            }
        });
        let tasks: Vec<_> = tasks.collect();
        let mut all = AllJudged::new();
        let mut judged = futures_util::stream::iter(tasks).buffer_unordered(CATALOGS_AT_ONCE);
        while let Some(some) = judged.next().await {
            all.extend(some?);
        }
        Ok(all)
    }

    /// The schema that some databases have, by the first of them; or why there is none, in words that stay the same. Two
    /// agents are asked where there are two, so that none decides for the others alone.
    async fn schema(&self, alike: &Alike, until: Instant) -> Result<Read, String> {
        let members: BTreeSet<_> = alike.groups.iter().flat_map(|group| &group.members).collect();
        let first = members.first().copied().cloned().ok_or("there is no database")?;
        let turn = timeout_at(until, self.catalog_turn()).await.ok().flatten().ok_or(TOO_LONG)?;
        let mut read: Option<Arc<Catalog>> = None;
        let mut why = NOT_CONNECTED;
        for name in members.into_iter().take(MAX_ASKED) {
            let asked = timeout_at(until, self.schema_of(name, alike.fingerprint)).await;
            match (asked.unwrap_or(Err(TOO_LONG)), read.clone()) {
                (Ok(found), None) => read = Some(Arc::new(found)),
                (Ok(other), Some(known)) => {
                    let compared = tokio::task::spawn_blocking(move || other.is_judged_like(&known)).await;
                    if !compared.unwrap_or(false) {
                        tracing::warn!(database = %name, "its schema is not that of the others with its fingerprint");
                        return Err("databases with one fingerprint have different schemas".to_owned());
                    }
                }
                (Err(because), _) => why = because,
            }
        }
        let catalog = read.ok_or_else(|| why.to_owned())?;
        Ok(Read { name: first, catalog, _turn: turn })
    }

    /// The words are part of the plan: they are few, and what differs from time to time is in the log.
    async fn schema_of(&self, name: &DatabaseName, fingerprint: Digest) -> Result<Catalog, &'static str> {
        let read = self.read_catalog(name).await.map_err(|error| {
            tracing::info!(database = %name, %error, "a schema could not be read");
            match error {
                ProbeError::NotConnected | ProbeError::Lost => NOT_CONNECTED,
                ProbeError::Busy | ProbeError::Late(_) => TOO_LONG,
                ProbeError::Failed(_) => "its agent could not read it",
            }
        })?;
        if read.fingerprint != fingerprint {
            return Err("the schema was changed while it was read");
        }
        let parse = move || Catalog::read_json(&String::from_utf8(read.json).ok()?).ok();
        let parsed = tokio::task::spawn_blocking(parse).await.ok().flatten();
        parsed.ok_or("what its agent sent is no schema")
    }
}

const NOT_CONNECTED: &str = "its agent is not connected";
const TOO_LONG: &str = "reading it took too long";

/// A schema, and the turn that it holds for as long as it is in memory.
struct Read {
    name: DatabaseName,
    catalog: Arc<Catalog>,
    _turn: OwnedSemaphorePermit,
}

/// Puts databases together for which the same is to be judged.
fn alike(state: &State, pending: BTreeMap<DatabaseName, Vec<File>>) -> Vec<Alike> {
    let mut all: BTreeMap<(Digest, Digest), Members> = BTreeMap::new();
    for (name, files) in pending.into_iter().filter(|(_, files)| !files.is_empty()) {
        let Some((_, seen)) = state.databases.get(&name).and_then(|database| database.observed.as_ref())
        else {
            continue;
        };
        let begun = |file: File| {
            let begun = seen
                .unfinished
                .iter()
                .find(|one| one.version == file.version && one.direction == file.direction);
            Pending { file, done: begun.map_or(0, |one| one.done), pieces: begun.map_or(0, |one| one.pieces) }
        };
        let files = files.into_iter().map(begun).collect();
        all.entry((seen.fingerprint, seen.conditions))
            .or_default()
            .entry((seen.server_version, files))
            .or_default()
            .push(name);
    }
    let group = |((server_version, files), members)| Group { server_version, files, members };
    let alike = |((fingerprint, conditions), groups): (_, Members)| Alike {
        fingerprint,
        conditions,
        groups: groups.into_iter().map(group).collect(),
    };
    all.into_iter().map(alike).collect()
}

fn judge_all(
    alike: &Alike,
    schema: &Result<Read, String>,
    blobs: &BlobStore,
    settings: &ExecutionSettings,
) -> Result<AllJudged, Status> {
    let mut all = AllJudged::new();
    for group in &alike.groups {
        let schema = match schema {
            Ok(read) => Ok((read.name.clone(), Catalog::clone(&read.catalog))),
            Err(because) => Err(because.clone()),
        };
        let circumstances = Circumstances {
            fingerprint: alike.fingerprint,
            conditions: alike.conditions,
            server_version: group.server_version,
            settings,
        };
        let judged = Arc::new(judge_group(group, schema, blobs, circumstances)?);
        all.extend(group.members.iter().map(|name| (name.clone(), Arc::clone(&judged))));
    }
    Ok(all)
}

fn judge_group(
    group: &Group,
    schema: Result<(DatabaseName, Catalog), String>,
    blobs: &BlobStore,
    circumstances: Circumstances<'_>,
) -> Result<Judged, Status> {
    let text = |pending: &Pending| {
        let bytes = blobs.get(&pending.file.sql).map_err(|error| internal(error.to_string()))?;
        let text = String::from_utf8(bytes).map_err(|error| internal(error.to_string()))?;
        // What has run already meets nothing of this schema.
        Ok(if pending.done == 0 {
            text
        } else {
            pgbelay_core::without_pieces(&text, pending.done as usize, pending.pieces as usize)
        })
    };
    let texts = group.files.iter().map(text).collect::<Result<Vec<String>, Status>>()?;
    let files = group.files.iter().map(|pending| &pending.file);
    let scripts: Vec<_> = files.zip(&texts).map(|(file, text)| Script { file, text }).collect();
    Ok(judge(schema, &scripts, circumstances))
}
