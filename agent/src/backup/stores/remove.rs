//! Removing copies: those that were given up, and what never became one.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use object_store::multipart::MultipartStore as _;
use object_store::path::Path as Key;
use object_store::{Error as Refusal, ListResult, ObjectMeta, ObjectStore as _, ObjectStoreExt as _};
use pgbelay_core::digest::Digest;
use pgbelay_core::name::DatabaseName;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::super::manifest::MANIFEST;
use super::error::{StoreError, refused};
use super::read::Source;
use super::unfinished::{Entry, Unfinished};
use super::{CLAIM, Store, TRIAL};
use crate::config::Stores;

/// Uploads that are ended at a time.
const AT_A_TIME: usize = 8;

/// For taking back what is of no use. What is left is removed before the next backup.
const PATIENCE: Duration = Duration::from_secs(60);

/// How old the mark of an upload is of which nobody knows here, when nobody can be at work on it: pg_dump may take six
/// hours, and so may each store after it.
const ABANDONED: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// The same for trial objects: a trial takes a minute at most, and clocks differ.
const TRIAL_OVER: Duration = Duration::from_secs(60 * 60);

/// What is looked for.
#[derive(Debug, Clone, Copy)]
enum Reach<'a> {
    /// What this agent has written down, and what others have abandoned: that takes one listing.
    Marked,
    /// All that has no manifest, too, but for what others may be at work on; and what nobody was told of: a copy whose name
    /// ends like this.
    All { untold: Option<&'a str> },
}

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
    clear(&good, &unfinished, Reach::All { untold }).await
}

/// Removes what earlier backups of a database left in stores: what could not be taken back when they failed, and what an
/// agent left that nobody can ask any more. `parent`: where its backups are. It fails nothing, and takes two minutes at most.
pub(in super::super) async fn clear_up(open: &[Store], parent: &Path, cancel: &CancellationToken) {
    let unfinished = Unfinished::of(parent);
    let removed = tokio::select! {
        () = cancel.cancelled() => 0,
        removed = Box::pin(clear(open, &unfinished, Reach::Marked)) => removed,
    };
    if removed > 0 {
        tracing::info!(removed, "what earlier backups had left in stores is removed");
    }
}

/// All stores at once: one that is slow holds up no other.
async fn clear(stores: &[Store], unfinished: &Unfinished, reach: Reach<'_>) -> usize {
    let each = stores.iter().map(|store| async move {
        let aborted = abort(store, unfinished).await;
        match timeout(PATIENCE, Box::pin(store.leftovers(unfinished, reach))).await {
            Ok(Ok(count)) => aborted + count,
            Ok(Err(error)) => {
                tracing::warn!(%error, "what an interrupted upload left is still there");
                aborted
            }
            Err(_) => {
                tracing::warn!(store = store.url, "looking for what interrupted uploads left took too long");
                aborted
            }
        }
    });
    futures_util::future::join_all(each).await.into_iter().sum()
}

/// Takes back a copy that did not become whole, or of which there are too few.
pub(super) async fn discard(store: &Store, id: &str, unfinished: &Unfinished) {
    unfinished.give_up(&store.url, id);
    abort(store, unfinished).await;
    let gone = timeout(PATIENCE, Box::pin(store.take_back(id, unfinished))).await;
    if !matches!(gone, Ok(Ok(_))) {
        tracing::warn!(
            store = store.url,
            backup = id,
            "an upload could not be taken back; it goes before the next backup is made"
        );
    }
}

/// Ends the uploads that were begun in a store; how many were ended.
pub(super) async fn abort(store: &Store, unfinished: &Unfinished) -> usize {
    let mine = unfinished.uploads(&store.url);
    let mut ended = BTreeSet::new();
    let all = async {
        let ends = stream::iter(mine).map(|upload| async move {
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
    unfinished.forget(|entry| match entry {
        Entry::Upload(upload) => ended.contains(&upload.id),
        Entry::Claim(_) => false,
    });
    ended.len()
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
        self.delete_all(id).await
    }

    /// Deletes all objects of a backup, the manifest first.
    async fn delete_all(&self, id: &str) -> Result<(), StoreError> {
        self.delete_one(&self.key(id, MANIFEST)).await?;
        let mut objects = self.client.list(Some(&self.directory(id)));
        while let Some(object) = objects.next().await {
            let object = object.map_err(|error| refused(&self.url, "delete a backup", &error))?;
            self.delete_one(&object.location).await?;
        }
        Ok(())
    }

    /// Deletes all of a copy that is no backup, the mark last: what is left of it is found by that.
    async fn take_back(&self, id: &str, unfinished: &Unfinished) -> Result<(), StoreError> {
        self.delete_all(id).await?;
        self.delete_one(&self.claim_key(id)).await?;
        self.forget(id, unfinished);
        Ok(())
    }

    fn forget(&self, id: &str, unfinished: &Unfinished) {
        unfinished.forget(|entry| match entry {
            Entry::Claim(claim) => claim.store == self.url && claim.backup == id,
            Entry::Upload(_) => false,
        });
    }

    /// Whether a copy has its manifest.
    async fn is_whole(&self, id: &str) -> Result<bool, StoreError> {
        match self.client.head(&self.key(id, MANIFEST)).await {
            Ok(_) => Ok(true),
            Err(Refusal::NotFound { .. }) => Ok(false),
            Err(error) => Err(refused(&self.url, "list its backups", &error)),
        }
    }

    async fn delete_one(&self, key: &Key) -> Result<(), StoreError> {
        match self.client.delete(key).await {
            Ok(()) | Err(Refusal::NotFound { .. }) => Ok(()),
            Err(error) => Err(refused(&self.url, "delete a backup", &error)),
        }
    }

    /// Removes what was left over; how many things it was.
    async fn leftovers(&self, unfinished: &Unfinished, reach: Reach<'_>) -> Result<usize, StoreError> {
        let failed = |error: &Refusal| refused(&self.url, "list its backups", error);
        let mut count = 0;
        for claim in unfinished.claims(&self.url) {
            // One that became whole may be a backup: only the mark goes, as far as is known.
            if claim.given_up || !self.is_whole(&claim.backup).await? {
                self.take_back(&claim.backup, unfinished).await?;
                count += 1;
            } else {
                self.delete_one(&self.claim_key(&claim.backup)).await?;
                self.forget(&claim.backup, unfinished);
            }
        }
        let base = Key::from(self.base.as_str());
        let there = self.client.list_with_delimiter(Some(&base)).await.map_err(|error| failed(&error))?;
        for trial in trials(&there, reach) {
            self.delete_one(&trial).await?;
            count += 1;
        }
        let mut at_work = 0;
        for (id, claimed) in copies(&there, reach) {
            match self.becomes(&id, claimed, reach).await? {
                Fate::Goes => {
                    self.take_back(&id, unfinished).await?;
                    count += 1;
                }
                Fate::LosesItsMark => self.unclaim(&id).await,
                Fate::IsAtWork => at_work += 1,
                Fate::Stays => {}
            }
        }
        if at_work > 0 {
            let store = &self.url;
            tracing::info!(
                store,
                at_work,
                "somebody else has begun backups there of late; they are left alone"
            );
        }
        Ok(count)
    }

    /// What is to be done with a copy.
    async fn becomes(
        &self,
        id: &str,
        claimed: Option<Claimed>,
        reach: Reach<'_>,
    ) -> Result<Fate, StoreError> {
        let is_untold = match reach {
            Reach::All { untold } => untold.is_some_and(|untold| id.ends_with(untold)),
            Reach::Marked => false,
        };
        if is_untold {
            return Ok(Fate::Goes);
        }
        if claimed == Some(Claimed::OfLate) {
            return Ok(Fate::IsAtWork);
        }
        Ok(match (self.is_whole(id).await?, claimed) {
            (false, _) => Fate::Goes,
            (true, Some(_)) => Fate::LosesItsMark,
            (true, None) => Fate::Stays,
        })
    }
}

/// What is to be done with a copy.
enum Fate {
    Goes,
    /// It is whole.
    LosesItsMark,
    /// Somebody may be at work on it.
    IsAtWork,
    Stays,
}

/// Since when a copy is marked as one that is being written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Claimed {
    OfLate,
    LongAgo,
}

/// The trial objects that nobody looks at any more.
fn trials(there: &ListResult, reach: Reach<'_>) -> Vec<Key> {
    let is_over = |object: &&ObjectMeta| match reach {
        Reach::Marked => is_older(object, TRIAL_OVER),
        Reach::All { .. } => true,
    };
    let is_trial =
        |object: &&ObjectMeta| object.location.filename().is_some_and(|name| name.starts_with(TRIAL));
    there.objects.iter().filter(is_trial).filter(is_over).map(|object| object.location.clone()).collect()
}

/// The copies that have to be looked at, by name.
fn copies(there: &ListResult, reach: Reach<'_>) -> BTreeMap<String, Option<Claimed>> {
    let all = match reach {
        Reach::Marked => [].as_slice(),
        Reach::All { .. } => &there.common_prefixes,
    };
    let copies = all.iter().filter_map(|directory| Some((directory.filename()?.to_owned(), None)));
    let marked = there.objects.iter().filter_map(|object| {
        let id = object.location.filename()?.strip_prefix(CLAIM)?;
        let when = if is_older(object, ABANDONED) { Claimed::LongAgo } else { Claimed::OfLate };
        Some((id.to_owned(), Some(when)))
    });
    copies.chain(marked).filter(|(id, _)| is_id(id)).collect()
}

fn is_older(object: &ObjectMeta, than: Duration) -> bool {
    let age = jiff::Timestamp::now().as_millisecond() - object.last_modified.timestamp_millis();
    u128::try_from(age).is_ok_and(|age| age > than.as_millis())
}
