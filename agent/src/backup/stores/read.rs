//! Reading copies again: looking at them, reading all of them, and bringing one back for a restore.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use object_store::ObjectStoreExt as _;
use object_store::{Error as Refusal, ObjectStore as _};
use pgbelay_core::digest::Digest;
use pgbelay_core::name::DatabaseName;
use pgbelay_proto::tls::Secret;
use sha2::{Digest as _, Sha256};
use tokio::fs::OpenOptions;
use tokio::io::AsyncWriteExt as _;
use tokio_util::sync::CancellationToken;

use super::super::manifest::{CERTIFICATE, DUMP_DIR, MANIFEST, Manifest, SIGNATURE, SUMS};
use super::super::parts::Part;
use super::super::place::{private_directory, remove_all};
use super::super::seal::{NotOpened, open};
use super::super::verify::{Texts, believed, whole};
use super::super::{look as local, space};
use super::Store;
use super::error::{StoreError, refused};
use crate::config::{StoreAt, Stores};

/// How many parts are read at a time.
const AT_A_TIME: usize = 4;

/// Most problems that are told of a copy.
const MOST: usize = 20;

/// A copy in a store, with its objects.
type Copy = (Store, BTreeMap<String, u64>);

/// Where parts are brought for a restore, beside the backups of a database.
const FETCHED: &str = ".fetched";

/// A backup, and where copies of it may be.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// The agent's stores.
    pub stores: &'a Stores,
    /// The directory of all backups.
    pub dir: &'a Path,
    /// Whose backup it is.
    pub database: &'a DatabaseName,
    /// Where the backup was said to be: a directory, or `s3://…`.
    pub path: &'a str,
    /// The digest of its manifest.
    pub sha256: Digest,
    /// Who stands behind the agents' certificates.
    pub ca_pem: &'a str,
}

impl Source<'_> {
    /// Its name.
    pub(super) fn id(&self) -> &str {
        self.path.trim_end_matches('/').rsplit('/').next().unwrap_or(self.path)
    }

    /// Whether it is said to be in a store, and not in a directory.
    fn is_remote(&self) -> bool {
        self.path.starts_with("s3://")
    }

    /// The local copy: that which was told of, or the one that is there beside.
    #[must_use]
    pub fn local(&self) -> Option<PathBuf> {
        if !self.is_remote() {
            return Some(PathBuf::from(self.path));
        }
        Some(self.dir.join(self.database.as_str()).join(self.id())).filter(|path| path.exists())
    }

    /// Whether the path is one that this agent may have given.
    #[must_use]
    pub fn is_in_a_store(&self) -> bool {
        let plain = |id: &str| !id.is_empty() && !id.starts_with('.');
        let fits = |at: &StoreAt| {
            let place = format!("{}/{}/", at.url(), self.database);
            self.path.strip_prefix(&place).is_some_and(|id| plain(id) && !id.contains('/'))
        };
        self.stores.all.iter().any(fits)
    }

    /// Where the copy in a store is, if there is one.
    fn location(&self, at: &StoreAt) -> String {
        format!("{}/{}/{}", at.url(), self.database, self.id())
    }

    /// Why nobody looks for a copy where it is said to be, if that is so.
    fn not_looked_at(&self, said: &str) -> Option<String> {
        let is_local = self.local().is_some_and(|path| path == Path::new(said));
        if is_local || self.stores.all.iter().any(|at| self.location(at) == said) {
            return None;
        }
        let why = match said.starts_with("s3://") {
            true => "its store is not among those of the agent (backup.stores)",
            false => "it is not where the agent's backups are (migration.backup_dir)",
        };
        Some(format!("the copy at {said} was not looked at: {why}"))
    }

    /// The copies in stores. A store where nothing of it lies is passed over, unless the backup is `said` to be there:
    /// not every store has every backup.
    /// One that does not answer says nothing of the others: all are asked at the same time.
    async fn remote(&self, said: &[&str]) -> Vec<Result<Copy, StoreError>> {
        let ask = async |at: &StoreAt| {
            let store = Store::open(at, self.database)?;
            let there = listed(&store, self.id()).await?;
            let is_there = !there.is_empty() || said.contains(&self.location(at).as_str());
            Ok(is_there.then_some((store, there)))
        };
        let found = futures_util::future::join_all(self.stores.all.iter().map(ask)).await;
        found.into_iter().filter_map(Result::transpose).collect()
    }
}

/// What was found when all copies of a backup were read again, in words.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Checked {
    /// What is wrong with it; nothing: it is whole, because one of its copies is.
    pub problems: Vec<String>,
    /// What is wrong with others of its copies while one is whole: each with the copy that it is about.
    pub notes: Vec<String>,
}

/// Reads all copies again. A backup is whole if one of them is: a restore takes that one. `said`: where it is said to be;
/// what is gone from there, or cannot be looked for, is told.
///
/// # Errors
/// No copy is whole, and a store could not be asked: then nothing was found out, since it may have one.
pub async fn verify(source: &Source<'_>, said: &[String]) -> Result<Checked, StoreError> {
    let said: Vec<&str> = said.iter().map(String::as_str).collect();
    let (mut is_whole, mut here, mut there, mut unasked) = (false, None, Vec::new(), Vec::new());
    if let Some(path) = source.local() {
        match whole(&path, source.sha256, source.ca_pem).await {
            Ok(_) => is_whole = true,
            Err(_) if is_gone(&path) => there.push(gone(&path.to_string_lossy())),
            Err(found) => here = Some((path, found)),
        }
    }
    for copy in source.remote(&said).await {
        match read_again(source, copy).await {
            Ok(found) if found.is_empty() => is_whole = true,
            Ok(found) => there.extend(found),
            Err(error) => unasked.push(error),
        }
    }
    there.extend(said.iter().filter_map(|said| source.not_looked_at(said)));
    if is_whole {
        let of_path = |(path, found): (PathBuf, Vec<String>)| {
            found.into_iter().map(move |problem| format!("{}: {problem}", path.display()))
        };
        let notes = here.into_iter().flat_map(of_path).chain(there);
        let notes = notes.chain(unasked.iter().map(ToString::to_string)).collect();
        return Ok(Checked { problems: Vec::new(), notes });
    }
    match unasked.into_iter().next() {
        Some(error) => Err(error),
        None => {
            let here = here.map(|(_, found)| found).unwrap_or_default();
            let problems: Vec<_> = here.into_iter().chain(there).collect();
            let none = || vec!["no copy of it was found".to_owned()];
            Ok(Checked { problems: if problems.is_empty() { none() } else { problems }, notes: Vec::new() })
        }
    }
}

fn gone(location: &str) -> String {
    format!("the copy at {location} is gone")
}

fn is_gone(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound)
}

/// What is wrong with a copy, with where it is.
async fn read_again(source: &Source<'_>, copy: Result<Copy, StoreError>) -> Result<Vec<String>, StoreError> {
    let (store, there) = copy?;
    let location = store.location(source.database, source.id());
    if there.is_empty() {
        return Ok(vec![gone(&location)]);
    }
    let found = store.whole(source, &there).await?;
    Ok(found.into_iter().map(|problem| format!("{location}: {problem}")).collect())
}

/// Looks whether a copy is there with all its parts; what is wrong with the copies, if none is.
///
/// # Errors
/// A store could not be asked: then nothing was found out.
pub async fn look(source: &Source<'_>) -> Result<Vec<String>, StoreError> {
    let mut problems = Vec::new();
    if let Some(path) = source.local() {
        problems = local::look(&path, source.sha256, source.ca_pem).await;
        if problems.is_empty() {
            return Ok(problems);
        }
    }
    let mut unasked = None;
    for copy in source.remote(&[source.path]).await {
        let (store, there) = match copy {
            Ok(copy) => copy,
            Err(error) => {
                unasked = Some(error);
                continue;
            }
        };
        let location = store.location(source.database, source.id());
        let found = match store.manifest(source).await {
            Ok(Ok(manifest)) => misfits(&manifest, &there),
            Ok(Err(problem)) => vec![problem],
            Err(error) => {
                unasked = Some(error);
                continue;
            }
        };
        if found.is_empty() {
            return Ok(found);
        }
        problems.extend(found.into_iter().map(|problem| format!("{location}: {problem}")));
    }
    // One that could not be asked may have it.
    unasked.map_or(Ok(problems), Err)
}

/// A backup that can be restored: its dump, and its manifest.
#[derive(Debug)]
pub(in super::super) struct Brought {
    pub(in super::super) archive: Archive,
    pub(in super::super) manifest: Manifest,
}

/// The dump of a backup. What was brought of it from a store, or decrypted, goes with this.
#[derive(Debug)]
pub(in super::super) struct Archive {
    pub(in super::super) dump: PathBuf,
    scratch: Option<Scratch>,
}

impl Brought {
    /// Decrypts the dump of an encrypted backup beside the backups, where it stays as long as this does.
    ///
    /// # Errors
    /// There is no room, the key is another one, or a part is not what was encrypted.
    pub(in super::super) async fn open(
        self,
        source: &Source<'_>,
        key: &Secret,
        stop: CancellationToken,
    ) -> Result<Self, NotOpened> {
        let parent = source.dir.join(source.database.as_str());
        let (fetched, bytes) = (parent.join(FETCHED), self.manifest.plain_bytes());
        let unmade = |source| NotOpened::Io { name: "the backup".to_owned(), source };
        let Archive { dump, scratch } = self.archive;
        let from = dump.parent().unwrap_or(&dump).to_owned();
        let is_copy = scratch.is_some();
        if !is_copy {
            remove_all(&fetched).map_err(unmade)?;
        }
        let scratch = scratch.unwrap_or_else(|| Scratch(fetched.clone()));
        // Nobody decrypts into what is removed.
        let stop = stop.child_token();
        let _ended = stop.clone().drop_guard();
        if let Ok(Some(what)) = space::lacks_all(&parent, bytes) {
            let full =
                std::io::Error::new(std::io::ErrorKind::StorageFull, format!("there is no room: {what}"));
            return Err(unmade(full));
        }
        let (to, parts, key) = (fetched.join("opened"), self.manifest.parts.clone(), key.clone());
        let dump = to.join(DUMP_DIR);
        // What was brought goes, so that it is not there twice; a backup itself stays as it is.
        let work = move || open(&parts, (&from, &to), &key, (is_copy, &stop));
        let opened = tokio::task::spawn_blocking(work).await;
        opened.unwrap_or(Err(NotOpened::Cancelled))?;
        Ok(Self { archive: Archive { dump, scratch: Some(scratch) }, manifest: self.manifest })
    }
}

#[derive(Debug)]
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = remove_all(&self.0) {
            tracing::warn!(path = %self.0.display(), %error, "what was brought for a restore is still there");
        }
    }
}

/// Finds a copy that is whole: the local one, or one that is brought from a store, every digest checked on the way.
///
/// # Errors
/// What is wrong with each copy.
pub(in super::super) async fn bring(source: &Source<'_>) -> Result<Brought, Vec<String>> {
    let mut problems = Vec::new();
    if let Some(path) = source.local() {
        match whole(&path, source.sha256, source.ca_pem).await {
            Ok(manifest) => {
                let archive = Archive { dump: path.join(DUMP_DIR), scratch: None };
                return Ok(Brought { archive, manifest });
            }
            Err(found) => problems = found,
        }
    }
    for copy in source.remote(&[source.path]).await {
        let (store, there) = match copy {
            Ok(copy) => copy,
            Err(error) => {
                problems.push(error.to_string());
                continue;
            }
        };
        let location = store.location(source.database, source.id());
        match store.fetch(source, &there).await {
            Ok(brought) => return Ok(brought),
            Err(found) => problems.extend(found.into_iter().map(|problem| format!("{location}: {problem}"))),
        }
    }
    Err(problems)
}

/// Removes what an interrupted restore has brought. Not to be called while one is at work.
pub fn forget_fetched(dir: &Path, database: &DatabaseName) {
    drop(Scratch(dir.join(database.as_str()).join(FETCHED)));
}

/// The objects of a backup, by name, with their sizes.
pub(super) async fn listed(store: &Store, id: &str) -> Result<BTreeMap<String, u64>, StoreError> {
    let directory = store.directory(id);
    let objects = store.client.list(Some(&directory)).map_ok(|object| {
        let name = object.location.as_ref().strip_prefix(directory.as_ref()).unwrap_or_default();
        (name.trim_start_matches('/').to_owned(), object.size)
    });
    objects.try_collect().await.map_err(|error| refused(&store.url, "list a backup", &error))
}

/// What is wrong with a copy, as far as names and sizes tell.
fn misfits(manifest: &Manifest, there: &BTreeMap<String, u64>) -> Vec<String> {
    let fault = |part: &Part| match there.get(&part.name) {
        None => Some(format!("{} is missing", part.name)),
        Some(bytes) if *bytes != part.bytes => {
            Some(format!("{} has {bytes} bytes in place of {}", part.name, part.bytes))
        }
        Some(_) => None,
    };
    let parts = manifest.parts.iter().map(|part| part.name.as_str());
    let known: BTreeSet<_> = parts.chain([MANIFEST, SIGNATURE, CERTIFICATE, SUMS]).collect();
    let foreign = there.keys().filter(|name| !known.contains(name.as_str()));
    let foreign = foreign.map(|name| format!("{name} is there, and the manifest does not know it"));
    manifest.parts.iter().filter_map(fault).chain(foreign).take(MOST).collect()
}

impl Store {
    async fn text(&self, id: &str, name: &str) -> Result<Result<Vec<u8>, String>, StoreError> {
        let read = async { self.client.get(&self.key(id, name)).await?.bytes().await }.await;
        match read {
            Ok(text) => Ok(Ok(text.to_vec())),
            Err(Refusal::NotFound { .. }) => Ok(Err(format!("{name} is missing"))),
            Err(error) => Err(refused(&self.url, "read a backup", &error)),
        }
    }

    /// The manifest, if it is the one that was made; what is wrong with it.
    async fn manifest(&self, source: &Source<'_>) -> Result<Result<Manifest, String>, StoreError> {
        let id = source.id();
        let (manifest, signature, certificate) = (
            self.text(id, MANIFEST).await?,
            self.text(id, SIGNATURE).await?,
            self.text(id, CERTIFICATE).await?,
        );
        let texts = manifest
            .and_then(|manifest| Ok(Texts { manifest, signature: signature?, certificate: certificate? }));
        Ok(texts.and_then(|texts| believed(&texts, id, source.sha256, source.ca_pem)))
    }

    /// Reads all of a copy; what is wrong with it.
    async fn whole(
        &self,
        source: &Source<'_>,
        there: &BTreeMap<String, u64>,
    ) -> Result<Vec<String>, StoreError> {
        let manifest = match self.manifest(source).await? {
            Ok(manifest) => manifest,
            Err(problem) => return Ok(vec![problem]),
        };
        let mut problems = misfits(&manifest, there);
        let sums = self.text(source.id(), SUMS).await?;
        if sums.as_deref() != Ok(manifest.sums().as_bytes()) {
            problems.push(format!("{SUMS} is not what the manifest says"));
        }
        let fits = |part: &&Part| there.get(&part.name) == Some(&part.bytes);
        let parts: Vec<Part> = manifest.parts.iter().filter(fits).cloned().collect();
        let reads = parts.into_iter().map(|part| async move { self.receive(source.id(), &part, None).await });
        let mut reads = stream::iter(reads).buffer_unordered(AT_A_TIME);
        while let Some(read) = reads.next().await {
            problems.extend(read?);
        }
        problems.truncate(MOST);
        Ok(problems)
    }

    /// Reads a part, and writes it where it is wanted; what is wrong with it.
    async fn receive(&self, id: &str, part: &Part, to: Option<&Path>) -> Result<Option<String>, StoreError> {
        let failed = |error: &Refusal| refused(&self.url, "read a part", error);
        let unwritten = |error: std::io::Error| {
            let why = format!("{} cannot be written: {error}", part.name);
            StoreError::new(&self.url, "be read into the backup directory", why, "make room there")
        };
        let mut file = match to {
            Some(path) => {
                let mut how = OpenOptions::new();
                // What is in it is nobody else's business, whatever the agent's umask is.
                let file = how.write(true).create_new(true).mode(0o600).open(path).await;
                Some(file.map_err(unwritten)?)
            }
            None => None,
        };
        let got = match self.client.get(&self.key(id, &part.name)).await {
            Ok(got) => got,
            Err(Refusal::NotFound { .. }) => return Ok(Some(format!("{} is missing", part.name))),
            Err(error) => return Err(failed(&error)),
        };
        let (mut pieces, mut hash) = (got.into_stream(), Sha256::new());
        while let Some(piece) = pieces.next().await {
            let piece = piece.map_err(|error| failed(&error))?;
            hash.update(&piece);
            if let Some(file) = &mut file {
                file.write_all(&piece).await.map_err(unwritten)?;
            }
        }
        if let Some(file) = &mut file {
            file.flush().await.map_err(unwritten)?;
        }
        let same = Digest::from_bytes(hash.finalize().into()) == part.sha256;
        Ok((!same).then(|| format!("{} was changed: its digest is another one", part.name)))
    }

    /// Brings all parts of a copy.
    async fn fetch(
        &self,
        source: &Source<'_>,
        there: &BTreeMap<String, u64>,
    ) -> Result<Brought, Vec<String>> {
        let one = |problem: String| vec![problem];
        let manifest = self.manifest(source).await.map_err(|error| one(error.to_string()))?.map_err(one)?;
        let problems = misfits(&manifest, there);
        if !problems.is_empty() {
            return Err(problems);
        }
        let parent = source.dir.join(source.database.as_str());
        let path = parent.join(FETCHED);
        let scratch = Scratch(path.clone());
        let dump = path.join(DUMP_DIR);
        let made = remove_all(&path).and_then(|()| private_directory(&dump));
        made.map_err(|error| one(format!("{} cannot be made: {error}", dump.display())))?;
        if let Ok(Some(what)) = space::lacks_all(&parent, manifest.bytes()) {
            return Err(one(format!("there is no room to bring it from the store: {what}")));
        }
        let parts = manifest.parts.clone();
        let reads = parts.into_iter().map(|part| {
            let to = path.join(&part.name);
            async move { self.receive(source.id(), &part, Some(&to)).await }
        });
        let mut reads = stream::iter(reads).buffer_unordered(AT_A_TIME);
        while let Some(read) = reads.next().await {
            if let Some(problem) = read.map_err(|error| one(error.to_string()))? {
                return Err(one(problem));
            }
        }
        Ok(Brought { archive: Archive { dump, scratch: Some(scratch) }, manifest })
    }
}
