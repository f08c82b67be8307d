//! Removing copies: those that were given up, and what never became one.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use object_store::multipart::MultipartStore as _;
use object_store::path::Path as Key;
use object_store::{Error as Refusal, ObjectStore as _, ObjectStoreExt as _};
use pgbelay_core::digest::Digest;
use pgbelay_core::name::DatabaseName;
use tokio::time::timeout;

use super::super::manifest::MANIFEST;
use super::error::{StoreError, refused};
use super::read::Source;
use super::unfinished::Unfinished;
use super::{Store, TRIAL};
use crate::config::Stores;

/// Uploads that are ended at a time.
const AT_A_TIME: usize = 8;

/// For taking back what is of no use. What is left is removed at the next start.
const PATIENCE: Duration = Duration::from_secs(60);

/// Deletes all copies of a backup in stores. Once more does no harm.
///
/// # Errors
/// A store cannot be asked, or has another backup there; then it is left alone.
pub async fn remove(source: &Source<'_>) -> Result<(), StoreError> {
    for at in &source.stores.all {
        let store = Store::open(at, source.database)?;
        store.remove(source.id(), source.sha256).await?;
    }
    Ok(())
}

/// Removes what interrupted uploads of a database left in its stores; how many things it was. `untold`: a copy whose name
/// ends like this is whole, perhaps, and nobody was told of it: it goes as well. Not to be called while a backup of this
/// database is made. A store that cannot be used is told of in the log.
pub async fn remove_leftovers(
    stores: &Stores,
    dir: &Path,
    database: &DatabaseName,
    untold: Option<&str>,
) -> usize {
    let unfinished = Unfinished::of(&dir.join(database.as_str()));
    let (good, bad) = Box::pin(super::try_all(stores, database)).await;
    for error in &bad {
        tracing::warn!(%error, hint = error.hint, "a store of backups cannot be used");
    }
    let mut removed = 0;
    for store in &good {
        removed += abort(store, &unfinished).await;
        match timeout(PATIENCE, Box::pin(store.leftovers(untold))).await {
            Ok(Ok(count)) => removed += count,
            Ok(Err(error)) => tracing::warn!(%error, "what an interrupted upload left is still there"),
            Err(_) => {
                tracing::warn!(store = store.url, "looking for what interrupted uploads left took too long");
            }
        }
    }
    removed
}

/// Takes back a copy that did not become whole.
pub(super) async fn discard(store: &Store, id: &str, unfinished: &Unfinished) {
    abort(store, unfinished).await;
    let gone = timeout(PATIENCE, Box::pin(store.delete_all(id))).await;
    if !matches!(gone, Ok(Ok(_))) {
        tracing::warn!(
            store = store.url,
            backup = id,
            "an upload could not be taken back; it goes when the agent clears up"
        );
    }
}

/// Ends the uploads that were begun in a store; how many there were.
pub(super) async fn abort(store: &Store, unfinished: &Unfinished) -> usize {
    let (mine, mut others): (Vec<_>, Vec<_>) =
        unfinished.all().into_iter().partition(|upload| upload.store == store.url);
    let count = mine.len();
    let mut ended = BTreeSet::new();
    let all = async {
        let ends = stream::iter(mine.clone()).map(|upload| async move {
            let key = Key::from(upload.key.as_str());
            let ended = store.client.abort_multipart(&key, &upload.id).await;
            matches!(ended, Ok(()) | Err(Refusal::NotFound { .. })).then_some(upload.id)
        });
        let mut ends = std::pin::pin!(ends.buffer_unordered(AT_A_TIME));
        while let Some(one) = ends.next().await {
            ended.extend(one);
        }
    };
    // All together: a store that hangs is not waited for by each.
    if timeout(PATIENCE, all).await.is_err() {
        tracing::warn!(store = store.url, "ending uploads took too long; the rest is tried again");
    }
    others.extend(mine.into_iter().filter(|upload| !ended.contains(&upload.id)));
    if let Err(error) = unfinished.clear(&others) {
        tracing::warn!(%error, "the list of uploads could not be written");
    }
    count
}

/// Whether something is called as backups are: `20260102T030405Z-` and more. What is called otherwise is somebody else's,
/// another database's perhaps.
fn is_id(name: &str) -> bool {
    let form = "00000000T000000Z-";
    let fits = |(c, at): (char, char)| if at == '0' { c.is_ascii_digit() } else { c == at };
    name.len() > form.len() && name.chars().zip(form.chars()).all(fits)
}

impl Store {
    async fn remove(&self, id: &str, sha256: Digest) -> Result<(), StoreError> {
        let key = self.key(id, MANIFEST);
        let read = async { self.client.get(&key).await?.bytes().await }.await;
        match read {
            Ok(text) if Digest::of(&text) != sha256 => {
                let why = format!("{key} is not the one that was made");
                let hint = "if it may go, delete it by hand";
                return Err(StoreError::new(&self.url, "delete the backup", why, hint));
            }
            Ok(_) => {}
            Err(Refusal::NotFound { .. }) => {}
            Err(error) => return Err(refused(&self.url, "delete the backup", &error)),
        }
        self.delete_all(id).await.map(drop)
    }

    /// Deletes all objects of a backup, the manifest first; how many there were.
    async fn delete_all(&self, id: &str) -> Result<usize, StoreError> {
        let failed = |error: &Refusal| refused(&self.url, "delete a backup", error);
        match self.client.delete(&self.key(id, MANIFEST)).await {
            Ok(()) | Err(Refusal::NotFound { .. }) => {}
            Err(error) => return Err(failed(&error)),
        }
        let mut objects = self.client.list(Some(&self.directory(id)));
        let mut count = 0;
        while let Some(object) = objects.next().await {
            let object = object.map_err(|error| failed(&error))?;
            match self.client.delete(&object.location).await {
                Ok(()) | Err(Refusal::NotFound { .. }) => count += 1,
                Err(error) => return Err(failed(&error)),
            }
        }
        Ok(count)
    }

    /// Removes what has no manifest, what nobody was told of, and trial objects; how many things it was.
    async fn leftovers(&self, untold: Option<&str>) -> Result<usize, StoreError> {
        let failed = |error: &Refusal| refused(&self.url, "list its backups", error);
        let base = Key::from(self.base.as_str());
        let there = self.client.list_with_delimiter(Some(&base)).await.map_err(|error| failed(&error))?;
        let mut count = 0;
        for object in there.objects {
            if object.location.filename().is_some_and(|name| name.starts_with(TRIAL)) {
                self.client.delete(&object.location).await.map_err(|error| failed(&error))?;
                count += 1;
            }
        }
        for directory in there.common_prefixes {
            let Some(id) = directory.filename().filter(|id| is_id(id)) else { continue };
            if untold.is_some_and(|untold| id.ends_with(untold)) {
                self.delete_all(id).await?;
                count += 1;
                continue;
            }
            match self.client.head(&self.key(id, MANIFEST)).await {
                Ok(_) => self.unclaim(id).await,
                Err(Refusal::NotFound { .. }) => {
                    self.delete_all(id).await?;
                    count += 1;
                }
                Err(error) => return Err(failed(&error)),
            }
        }
        Ok(count)
    }
}
