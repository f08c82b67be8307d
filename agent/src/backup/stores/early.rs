//! Sending what pg_dump has written while it goes on: of large files all but the last piece is in the stores when it ends.
//!
//! A file is taken to grow at its end only. Whether what was sent is what the backup is made of is seen when it is whole,
//! by the digest of its parts; what is not is sent again. So nothing here has to succeed, and no error is told but in the
//! log: the upload that follows does without.

use std::collections::BTreeMap;
use std::io::{self, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use object_store::PutPayload;
use object_store::multipart::{MultipartStore as _, PartId};
use sha2::{Digest as _, Sha256};
use tokio::fs::File;
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::Store;
use super::error::{StoreError, refused};
use super::remove::{abort, discard};
use super::unfinished::Unfinished;
use super::upload::{MOST_PIECES, PIECE};

/// How often it is looked what was written.
const LOOK: Duration = Duration::from_millis(500);

/// For what is on its way, when all of it is written.
const ARRIVES: Duration = Duration::from_secs(120);

/// For what is on its way, when it is of no use any more.
const STOPS: Duration = Duration::from_secs(10);

/// A file of which the first pieces are in a store.
#[derive(Debug)]
pub(super) struct Begun {
    /// The upload, as the store calls it.
    pub(super) upload: String,
    /// The pieces, in order.
    pub(super) sent: Vec<PartId>,
    /// How large each of them is.
    pub(super) piece: u64,
    /// Of what was sent.
    pub(super) hash: Sha256,
    /// How much that is.
    pub(super) bytes: u64,
}

/// What is in a store of a backup that is not whole yet.
#[derive(Debug)]
pub(super) struct Sent {
    /// Who claimed the place of the copy, or is about to.
    pub(super) who: Uuid,
    /// Whether that is known to be so: only then what is there is this one's.
    pub(super) claimed: Arc<AtomicBool>,
    /// The files of which something is there, by the name of the part.
    pub(super) begun: BTreeMap<String, Begun>,
}

/// One of the copies.
#[derive(Debug)]
struct Copy {
    store: Store,
    who: Uuid,
    /// Set as soon as it is so: whoever did it may have been ended meanwhile.
    claimed: Arc<AtomicBool>,
    begun: BTreeMap<String, Begun>,
}

/// A backup that is being sent to some stores while it is made.
#[derive(Debug)]
pub(in super::super) struct Early {
    copies: Vec<Copy>,
    /// What the backup will be called.
    id: String,
    unfinished: Unfinished,
    work: JoinSet<(String, BTreeMap<String, Begun>)>,
    ended: CancellationToken,
}

impl Early {
    /// Nothing is sent yet.
    pub(in super::super) fn new(stores: &[Store], parent: &Path, id: &str) -> Self {
        let copy = |store: &Store| Copy {
            store: store.clone(),
            who: Uuid::new_v4(),
            claimed: Arc::default(),
            begun: BTreeMap::new(),
        };
        Self {
            copies: stores.iter().map(copy).collect(),
            id: id.to_owned(),
            unfinished: Unfinished::of(parent),
            work: JoinSet::new(),
            ended: CancellationToken::new(),
        }
    }

    /// Begins to send the files of a directory, which may not be there yet, as parts whose names are `prefix` and theirs.
    /// `most`: about how many bytes a file may come to.
    pub(in super::super) fn begin(&mut self, directory: &Path, prefix: &str, most: u64) {
        self.ended = CancellationToken::new();
        for copy in &self.copies {
            let sender = Sender {
                store: copy.store.clone(),
                who: copy.who,
                claimed: Arc::clone(&copy.claimed),
                id: self.id.clone(),
                directory: directory.to_owned(),
                prefix: prefix.to_owned(),
                piece: PIECE.max(most / MOST_PIECES + 1),
                unfinished: self.unfinished.clone(),
                ended: self.ended.clone(),
                begun: BTreeMap::new(),
            };
            self.work.spawn(sender.run());
        }
    }

    /// Nothing more is written: the pieces that are on their way arrive, and no other is begun. What has not arrived in that
    /// time is sent again.
    pub(in super::super) async fn pause(&mut self) {
        self.stop(ARRIVES).await;
    }

    async fn stop(&mut self, within: Duration) {
        if timeout(within, self.ends()).await.is_err() {
            self.work.shutdown().await;
        }
    }

    async fn ends(&mut self) {
        self.ended.cancel();
        while let Some(done) = self.work.join_next().await {
            let Ok((url, begun)) = done else { continue };
            if let Some(copy) = self.copies.iter_mut().find(|copy| copy.store.url == url) {
                copy.begun = begun;
            }
        }
    }

    /// What was sent is of no use: it is made anew.
    pub(in super::super) async fn forget(&mut self) {
        self.stop(STOPS).await;
        for copy in &mut self.copies {
            copy.begun.clear();
            abort(&copy.store, &self.unfinished).await;
        }
    }

    /// There is no backup: what is of it in stores goes.
    pub(in super::super) async fn give_up(mut self) {
        self.stop(STOPS).await;
        for copy in self.copies.iter().filter(|copy| copy.claimed.load(Ordering::SeqCst)) {
            discard(&copy.store, &self.id, &self.unfinished).await;
        }
    }

    /// What is in a store. From then on it is not this one's any more.
    pub(super) fn take(&mut self, store: &Store) -> Sent {
        let at = self.copies.iter().position(|copy| copy.store.url == store.url);
        at.map_or_else(
            || Sent { who: Uuid::new_v4(), claimed: Arc::default(), begun: BTreeMap::new() },
            |at| {
                let copy = self.copies.remove(at);
                Sent { who: copy.who, claimed: copy.claimed, begun: copy.begun }
            },
        )
    }
}

/// Sends to one store.
struct Sender {
    store: Store,
    who: Uuid,
    claimed: Arc<AtomicBool>,
    id: String,
    directory: PathBuf,
    prefix: String,
    piece: u64,
    unfinished: Unfinished,
    ended: CancellationToken,
    begun: BTreeMap<String, Begun>,
}

impl Sender {
    async fn run(mut self) -> (String, BTreeMap<String, Begun>) {
        if let Err(error) = self.work().await {
            tracing::info!(%error, "a backup is sent when it is whole, and not before");
        }
        (self.store.url, self.begun)
    }

    async fn work(&mut self) -> Result<(), StoreError> {
        if !self.claimed.load(Ordering::SeqCst) {
            self.store.claim(&self.id, self.who, &self.unfinished).await?;
            self.claimed.store(true, Ordering::SeqCst);
        }
        while !self.ended.is_cancelled() {
            let next = self.next().await.map_err(|error| self.unread(&error))?;
            match next {
                Some(name) => self.send(&name).await?,
                None => tokio::select! {
                    () = self.ended.cancelled() => {}
                    () = sleep(LOOK) => {}
                },
            }
        }
        Ok(())
    }

    /// The file of which most is to be sent, if that is a piece at least.
    async fn next(&mut self) -> io::Result<Option<String>> {
        let mut files = match tokio::fs::read_dir(&self.directory).await {
            Ok(files) => files,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut most = None;
        while let Some(file) = files.next_entry().await? {
            let Ok(name) = file.file_name().into_string() else { continue };
            let begun = self.begun.get(&format!("{}{name}", self.prefix));
            let (bytes, pieces) = begun.map_or((0, 0), |begun| (begun.bytes, begun.sent.len() as u64));
            let left = file.metadata().await?.len().saturating_sub(bytes);
            if left >= self.piece
                && pieces < MOST_PIECES
                && most.as_ref().is_none_or(|(most, _)| left > *most)
            {
                most = Some((left, name));
            }
        }
        Ok(most.map(|(_, name)| name))
    }

    /// Sends one piece of a file.
    async fn send(&mut self, name: &str) -> Result<(), StoreError> {
        let part = format!("{}{name}", self.prefix);
        let key = self.store.key(&self.id, &part);
        let bytes = self.begun.get(&part).map_or(0, |begun| begun.bytes);
        let piece = self.read(name, bytes).await.map_err(|error| self.unread(&error))?;
        if !self.begun.contains_key(&part) {
            let upload = self.store.begin(&key, &self.unfinished).await?;
            let begun = Begun { upload, sent: Vec::new(), piece: self.piece, hash: Sha256::new(), bytes: 0 };
            self.begun.insert(part.clone(), begun);
        }
        let Some(begun) = self.begun.get_mut(&part) else { return Ok(()) };
        begun.hash.update(&piece);
        begun.bytes += piece.len() as u64;
        let at = begun.sent.len();
        let put = self.store.client.put_part(&key, &begun.upload, at, PutPayload::from(piece)).await;
        match put {
            Ok(id) => {
                begun.sent.push(id);
                Ok(())
            }
            Err(error) => {
                let upload = begun.upload.clone();
                self.begun.remove(&part);
                self.store.end(&key, &upload, &self.unfinished).await;
                Err(refused(&self.store.url, "write a part", &error))
            }
        }
    }

    async fn read(&self, name: &str, from: u64) -> io::Result<Vec<u8>> {
        let mut file = File::open(self.directory.join(name)).await?;
        file.seek(SeekFrom::Start(from)).await?;
        let mut piece = Vec::new();
        file.take(self.piece).read_to_end(&mut piece).await?;
        if (piece.len() as u64) < self.piece {
            return Err(io::Error::other(format!("{name} has shrunk")));
        }
        Ok(piece)
    }

    fn unread(&self, error: &io::Error) -> StoreError {
        self.store.unread("what pg_dump writes", error)
    }
}
