//! Bringing a backup that is whole on disk to enough stores; or there is no backup.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use pgbelay_core::command::Failure;
use pgbelay_core::name::DatabaseName;
use tokio::time::timeout;

use super::super::failure;
use super::early::{Early, Sent};
use super::error::StoreError;
use super::remove::abort;
use super::unfinished::{Entry, Unfinished};
use super::{Store, remove, too_few};
use crate::config::Stores;
use crate::database::Control;
use crate::failpoint::reach;

/// For all of one copy. Slower, and something is wrong that a person has to see.
const LONGEST: Duration = Duration::from_secs(6 * 60 * 60);

/// Why a backup is not where it has to be.
#[derive(Debug)]
pub(in super::super) enum NotKept {
    Failed(Box<Failure>),
    Cancelled,
}

/// Sends a backup to the stores that can be used; where its copies are. If there are too few, none is left.
pub(in super::super) async fn keep(
    stores: (&Stores, &[Store]),
    database: &DatabaseName,
    (directory, early): (&Path, &mut Early),
    control: &Control<'_>,
) -> Result<Vec<String>, NotKept> {
    let ((stores, open), Some(parent), Some(id)) = (stores, directory.parent(), directory.file_name()) else {
        return Err(NotKept::Failed(failure("the backup has no name".to_owned(), "retry".to_owned())));
    };
    let id = id.to_string_lossy();
    let unfinished = Unfinished::of(parent);
    let mut kept = Vec::new();
    let mut first = None;
    for store in open {
        control.say(0, 0, format!("backup: sending it to {}", store.url));
        let before = early.take(store);
        let claimed = Arc::clone(&before.claimed);
        let sent = tokio::select! {
            () = control.cancel.cancelled() => None,
            sent = timeout(LONGEST, Box::pin(send(store, (directory, &id), before, &unfinished))) => Some(sent),
        };
        match sent {
            Some(Ok(Ok(()))) => kept.push(store),
            Some(failed) => {
                let error = match failed {
                    Ok(Err(error)) => error,
                    Ok(Ok(())) | Err(_) => StoreError::too_slow(&store.url, "be given the backup", LONGEST),
                };
                tracing::warn!(%error, "a copy of the backup was not made");
                // What is there is of somebody else, where it was not claimed.
                if claimed.load(Ordering::SeqCst) {
                    remove::discard(store, &id, &unfinished).await;
                }
                first.get_or_insert(error);
            }
            None => {
                if claimed.load(Ordering::SeqCst) {
                    remove::discard(store, &id, &unfinished).await;
                }
                for store in kept {
                    remove::discard(store, &id, &unfinished).await;
                }
                return Err(NotKept::Cancelled);
            }
        }
        reach("backup-between-stores").await;
    }
    if let Some(error) = first.filter(|_| kept.len() < stores.needed) {
        for store in &kept {
            remove::discard(store, &id, &unfinished).await;
        }
        return Err(NotKept::Failed(too_few(stores, kept.len(), &error)));
    }
    // What was begun twice, and could not be ended then.
    for store in &kept {
        abort(store, &unfinished).await;
    }
    unfinished.forget(|entry| match entry {
        Entry::Claim(claim) => claim.backup == id && !claim.given_up,
        Entry::Upload(_) => false,
    });
    Ok(kept.iter().map(|store| store.location(database, &id)).collect())
}

async fn send(
    store: &Store,
    backup: (&Path, &str),
    before: Sent,
    unfinished: &Unfinished,
) -> Result<(), StoreError> {
    store.claim(backup.1, before.who, unfinished).await?;
    before.claimed.store(true, Ordering::SeqCst);
    store.upload(backup, before.begun, unfinished).await?;
    store.unclaim(backup.1).await;
    Ok(())
}
