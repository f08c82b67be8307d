//! Sending a backup to a store, the manifest last.

use std::collections::BTreeMap;
use std::io::SeekFrom;
use std::path::Path;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use object_store::multipart::{MultipartStore as _, PartId};
use object_store::path::Path as Key;
use object_store::{Error as Refusal, ObjectStoreExt as _, PutPayload};
use pgbelay_core::digest::Digest;
use sha2::{Digest as _, Sha256};
use tokio::fs::File;
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};
use uuid::Uuid;

use super::super::manifest::{CERTIFICATE, MANIFEST, Manifest, SIGNATURE, SUMS};
use super::super::parts::Part;
use super::Store;
use super::early::Begun;
use super::error::{StoreError, refused};
use super::read::listed;
use super::unfinished::{Claim, Entry, Unfinished, Upload};

/// How much is sent in one request. A store takes 10,000 pieces of a file at most, so those of huge ones are larger.
pub(super) const PIECE: u64 = 8 * 1024 * 1024;
pub(super) const MOST_PIECES: u64 = 9_000;

/// Requests under way at a time: with the piece that is being read, that is what the upload takes of memory.
const AT_A_TIME: usize = 2;

const CHANGED: &str = "see what changes files in the backup directory";

impl Store {
    /// Sends what is in the directory of a whole backup, but for what was sent of it before. What fails leaves no manifest.
    pub(super) async fn upload(
        &self,
        (directory, id): (&Path, &str),
        mut begun: BTreeMap<String, Begun>,
        unfinished: &Unfinished,
    ) -> Result<(), StoreError> {
        let text = self.read(directory, MANIFEST).await?;
        let manifest = Manifest::parse(&text).map_err(|error| self.unread(MANIFEST, &error))?;
        for part in &manifest.parts {
            let is_sent = match begun.remove(&part.name) {
                Some(begun) => self.go_on(directory, (id, part), begun, unfinished).await,
                None => false,
            };
            if !is_sent {
                self.send(directory, (id, part), unfinished).await?;
            }
        }
        for name in [SUMS, SIGNATURE, CERTIFICATE] {
            self.create(&self.key(id, name), self.read(directory, name).await?).await?;
        }
        // Who deletes what he takes for left over would be noticed here.
        let there = listed(self, id).await?;
        let lacks = |part: &&Part| there.get(&part.name) != Some(&part.bytes);
        if let Some(part) = manifest.parts.iter().find(lacks) {
            let why = format!("{} is not there, or not whole, after it was written", part.name);
            return Err(StoreError::new(
                &self.url,
                "keep the backup",
                why,
                "see who else writes or deletes there",
            ));
        }
        self.create(&self.key(id, MANIFEST), text).await
    }

    /// Says that a copy is being written: only one can, and none where there is one already.
    /// Said again by the same one it is no other claim.
    pub(super) async fn claim(&self, id: &str, who: Uuid, unfinished: &Unfinished) -> Result<(), StoreError> {
        self.create(&self.claim_key(id), who.to_string().into_bytes()).await?;
        // Somebody else who is done has taken his mark away, after he had written the manifest.
        let manifest = self.key(id, MANIFEST);
        let error = match self.client.head(&manifest).await {
            Err(Refusal::NotFound { .. }) => {
                let claim = Claim { store: self.url.clone(), backup: id.to_owned(), given_up: false };
                match unfinished.add(&Entry::Claim(claim)) {
                    Ok(()) => return Ok(()),
                    Err(error) => self.unnoted("copy", &error),
                }
            }
            Ok(_) => StoreError::taken(&self.url, &manifest),
            Err(error) => refused(&self.url, "look for another backup", &error),
        };
        self.unclaim(id).await;
        Err(error)
    }

    pub(super) async fn unclaim(&self, id: &str) {
        // It does no harm; when it is old it is removed.
        if let Err(error) = self.client.delete(&self.claim_key(id)).await {
            tracing::debug!(store = self.url, %error, "the mark of an upload is still there");
        }
    }

    async fn read(&self, directory: &Path, name: &str) -> Result<Vec<u8>, StoreError> {
        tokio::fs::read(directory.join(name)).await.map_err(|error| self.unread(name, &error))
    }

    pub(super) fn unread(&self, name: &str, error: &std::io::Error) -> StoreError {
        StoreError::new(&self.url, "be given the backup", format!("{name} cannot be read: {error}"), CHANGED)
    }

    async fn send(
        &self,
        directory: &Path,
        (id, part): (&str, &Part),
        unfinished: &Unfinished,
    ) -> Result<(), StoreError> {
        let file = File::open(directory.join(&part.name)).await;
        let file = file.map_err(|error| self.unread(&part.name, &error))?;
        let size = PIECE.max(part.bytes / MOST_PIECES + 1);
        let mut pieces = Pieces { file, size, hash: Sha256::new(), bytes: 0, sent: Vec::new() };
        let key = self.key(id, &part.name);
        if part.bytes <= PIECE {
            let content = pieces.next().await.map_err(|error| self.unread(&part.name, &error))?;
            self.is_it(part, pieces)?;
            let sent = self.client.put(&key, PutPayload::from(content)).await;
            return sent.map(drop).map_err(|error| refused(&self.url, "write a part", &error));
        }
        let upload = self.begin(&key, unfinished).await?;
        self.send_pieces((&key, &upload), part, pieces, unfinished).await
    }

    /// Begins an upload in pieces, and writes down that it was begun.
    pub(super) async fn begin(&self, key: &Key, unfinished: &Unfinished) -> Result<String, StoreError> {
        let begun = self.client.create_multipart(key).await;
        let upload = begun.map_err(|error| refused(&self.url, "begin an upload", &error))?;
        let noted = Upload { store: self.url.clone(), key: key.to_string(), id: upload.clone() };
        if let Err(error) = unfinished.add(&Entry::Upload(noted)) {
            self.end(key, &upload, unfinished).await;
            return Err(self.unnoted("upload", &error));
        }
        Ok(upload)
    }

    fn unnoted(&self, what: &str, error: &std::io::Error) -> StoreError {
        let why = format!("the {what} cannot be written down: {error}");
        let hint = "let the agent write to the backup directory (migration.backup_dir)";
        StoreError::new(&self.url, "be given the backup", why, hint)
    }

    /// Ends an upload that nobody goes on with.
    pub(super) async fn end(&self, key: &Key, upload: &String, unfinished: &Unfinished) {
        match self.client.abort_multipart(key, upload).await {
            Ok(()) => ended(unfinished, upload),
            Err(error) => tracing::warn!(
                store = self.url, %error, "an upload could not be ended; it is tried again when a backup is there"
            ),
        }
    }

    /// Sends the rest of a part; whether that made it whole.
    async fn go_on(
        &self,
        directory: &Path,
        (id, part): (&str, &Part),
        begun: Begun,
        unfinished: &Unfinished,
    ) -> bool {
        let key = self.key(id, &part.name);
        let Begun { upload, sent, piece, hash, bytes } = begun;
        let more = part.bytes.saturating_sub(bytes) / piece + 1;
        if bytes > part.bytes || sent.len() as u64 + more > MOST_PIECES {
            self.end(&key, &upload, unfinished).await;
            return false;
        }
        let rest = async {
            let mut file = File::open(directory.join(&part.name)).await?;
            file.seek(SeekFrom::Start(bytes)).await?;
            Ok(file)
        };
        let file = rest.await.map_err(|error: std::io::Error| self.unread(&part.name, &error));
        let done = match file {
            Ok(file) => {
                let pieces = Pieces { file, size: piece, hash, bytes, sent };
                self.send_pieces((&key, &upload), part, pieces, unfinished).await
            }
            Err(error) => {
                self.end(&key, &upload, unfinished).await;
                Err(error)
            }
        };
        if let Err(error) = &done {
            tracing::warn!(%error, part = part.name, "a part is sent once more, from its beginning");
        }
        done.is_ok()
    }

    /// Sends all pieces that there are yet, and makes the object of them. An upload that fails is ended.
    async fn send_pieces(
        &self,
        (key, upload): (&Key, &String),
        part: &Part,
        pieces: Pieces,
        unfinished: &Unfinished,
    ) -> Result<(), StoreError> {
        let done = self.send_all((key, upload), part, pieces).await;
        match &done {
            Ok(()) => ended(unfinished, upload),
            Err(_) => self.end(key, upload, unfinished).await,
        }
        done
    }

    async fn send_all(
        &self,
        (key, upload): (&Key, &String),
        part: &Part,
        mut pieces: Pieces,
    ) -> Result<(), StoreError> {
        let mut under_way = FuturesUnordered::new();
        let mut sent: Vec<(usize, PartId)> =
            std::mem::take(&mut pieces.sent).into_iter().enumerate().collect();
        let mut number = sent.len();
        loop {
            let content = pieces.next().await.map_err(|error| self.unread(&part.name, &error))?;
            if content.is_empty() {
                break;
            }
            if under_way.len() >= AT_A_TIME
                && let Some(one) = under_way.next().await
            {
                sent.push(one?);
            }
            let at = number;
            under_way.push(async move {
                let put = self.client.put_part(key, upload, at, PutPayload::from(content)).await;
                put.map(|id| (at, id)).map_err(|error| refused(&self.url, "write a part", &error))
            });
            number += 1;
        }
        while let Some(one) = under_way.next().await {
            sent.push(one?);
        }
        drop(under_way);
        self.is_it(part, pieces)?;
        sent.sort_by_key(|(at, _)| *at);
        let sent = sent.into_iter().map(|(_, id)| id).collect();
        let done = self.client.complete_multipart(key, upload, sent).await;
        done.map(drop).map_err(|error| refused(&self.url, "end an upload", &error))
    }

    /// Whether what was read is what the manifest says.
    fn is_it(&self, part: &Part, pieces: Pieces) -> Result<(), StoreError> {
        if pieces.bytes == part.bytes && Digest::from_bytes(pieces.hash.finalize().into()) == part.sha256 {
            return Ok(());
        }
        let why = format!("{} was changed before it was sent", part.name);
        Err(StoreError::new(&self.url, "be given the backup", why, CHANGED))
    }
}

fn ended(unfinished: &Unfinished, id: &str) {
    unfinished.forget(|entry| match entry {
        Entry::Upload(upload) => upload.id == id,
        Entry::Claim(_) => false,
    });
}

/// A file, piece by piece.
struct Pieces {
    file: File,
    size: u64,
    hash: Sha256,
    bytes: u64,
    /// Those that are in the store already.
    sent: Vec<PartId>,
}

impl Pieces {
    /// The next one; empty at the end.
    async fn next(&mut self) -> std::io::Result<Vec<u8>> {
        let mut piece = Vec::new();
        (&mut self.file).take(self.size).read_to_end(&mut piece).await?;
        self.hash.update(&piece);
        self.bytes += piece.len() as u64;
        Ok(piece)
    }
}
