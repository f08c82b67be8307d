//! The SQL files that an agent may have, one after the other.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures_util::stream::{self, Stream, TryStreamExt as _};
use pgbelay_core::command::CommandKind;
use pgbelay_core::digest::Digest;
use pgbelay_core::name::DatabaseName;
use pgbelay_core::plan::Plan;
use pgbelay_core::state::State;
use pgbelay_proto::wire;
use tonic::Status;

use crate::blobs::BlobStore;
use crate::rpc::{internal, parse};

/// When so much has been read, it goes out before more is read.
const ENOUGH_BYTES: usize = 256 * 1024;

/// What was asked for, each file once, if all of it is in this agent's hands.
pub(super) fn wanted(
    state: &State,
    database: &DatabaseName,
    digests: &[String],
) -> Result<BTreeSet<Digest>, Status> {
    let allowed = in_hand(state, database);
    let mut wanted = BTreeSet::new();
    for text in digests {
        let digest: Digest = parse(text)?;
        if !allowed.contains(&digest) {
            return Err(Status::permission_denied("the file is not part of a plan for this database"));
        }
        wanted.insert(digest);
    }
    Ok(wanted)
}

/// The SQL that a database's agent may have: that of its command, and of the plans that are about it now.
fn in_hand(state: &State, database: &DatabaseName) -> BTreeSet<Digest> {
    let mut digests = BTreeSet::new();
    let command = state.databases.get(database).and_then(|d| state.commands.get(d.in_flight.as_ref()?));
    match command.map(|known| &known.command.kind) {
        Some(CommandKind::Run(run)) => digests.extend(run.steps.iter().map(|step| step.sql)),
        Some(CommandKind::Rehearse(tried)) => {
            digests.extend(tried.up.iter().chain(&tried.back).map(|step| step.sql));
        }
        Some(CommandKind::Backup { .. } | CommandKind::Adopt(_) | CommandKind::Verify(_)) | None => {}
    }
    let plans = state.plans.values().map(|known| known.plan.as_ref());
    let about_now = |plan: &&Plan| state.last_rollout.get(&plan.body.environment) == plan.body.after.as_ref();
    for target in plans.filter(about_now).filter_map(|plan| plan.body.targets.get(database)) {
        digests.extend(target.steps.iter().map(|step| step.sql));
    }
    digests
}

/// Files are read a few at a time, when those before them have gone out: an agent that does not read holds no thread, and
/// little memory.
pub(super) fn files(
    blobs: Arc<BlobStore>,
    wanted: BTreeSet<Digest>,
) -> impl Stream<Item = Result<wire::SqlFile, Status>> + Send {
    let next = move |wanted: BTreeSet<Digest>| {
        let blobs = Arc::clone(&blobs);
        async move {
            if wanted.is_empty() {
                return Ok::<_, Status>(None);
            }
            let read = tokio::task::spawn_blocking(move || some(&blobs, wanted)).await;
            let (files, rest) = read.map_err(|_| internal("failed to read a file".to_owned()))??;
            Ok(Some((stream::iter(files.into_iter().map(Ok)), rest)))
        }
    };
    stream::try_unfold(wanted, next).try_flatten()
}

/// The first of them, and those that are left.
fn some(
    blobs: &BlobStore,
    mut wanted: BTreeSet<Digest>,
) -> Result<(Vec<wire::SqlFile>, BTreeSet<Digest>), Status> {
    let (mut files, mut bytes) = (Vec::new(), 0);
    while bytes < ENOUGH_BYTES
        && let Some(digest) = wanted.pop_first()
    {
        let sql = blobs.get(&digest).map_err(|error| internal(error.to_string()))?;
        bytes += sql.len();
        files.push(wire::SqlFile { digest: digest.to_string(), sql });
    }
    Ok((files, wanted))
}
