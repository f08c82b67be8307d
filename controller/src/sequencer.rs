//! The one writer: decides, persists, publishes.
//!
//! A thread of its own, because the ledger blocks on disk. Requests that wait at the same time are decided one after
//! the other and made durable together (group commit); nobody gets an answer, and no snapshot shows a change, before
//! it is on disk.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use pgbelay_core::event::{Actor, Event, Recorded};
use pgbelay_core::evolve::{IllegalEvent, evolve};
use pgbelay_core::request::{Refusal, Request};
use pgbelay_core::state::State;
use pgbelay_core::witness::{Checkpoint, Looked};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;

use crate::ledger::{Entry, LedgerError, OpenError, Opening, Place, SqliteLedger};
use crate::snapshot::{Snapshots, Unusable};
use audit::Audit;
use saver::{Saver, Worth};
use writer::{Published, Writer};

mod audit;
mod draft;
mod encode;
mod saver;
#[cfg(test)]
mod snapshot_tests;
#[cfg(test)]
mod tests;
mod writer;

pub use encode::{EncodeError, entry};

/// Requests that may wait: more means that the disk cannot follow.
const QUEUE: usize = 1_024;

/// How long a request waits for a place in the queue. A whole fleet that reconnects in one moment fills the queue
/// for a fraction of this; after it the caller is told that there is too much to do.
const PLACE_DEADLINE: Duration = Duration::from_secs(5);

/// How long an answer may take: hundreds of times what a disk needs, and less than the CLI waits for a change.
const ANSWER_DEADLINE: Duration = Duration::from_secs(45);

/// What a granted request caused.
#[derive(Debug, Clone)]
pub struct Granted {
    /// The events, durable.
    pub events: Vec<Event>,
    /// The state with them in it.
    pub state: Arc<State>,
}

/// Why a request was not granted.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AskError {
    /// It was decided against.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Too many requests wait.
    #[error("the controller has too much to do; nothing was changed")]
    Overloaded,
    /// The decision is one that cannot stand: a fault of this program.
    #[error("the controller cannot do this: {0}; nothing was changed")]
    Faulty(String),
    /// The ledger could not be written.
    #[error("failed to write the ledger: {0}; nothing was changed")]
    NotWritten(String),
    /// The ledger could not be read.
    #[error("failed to read the ledger: {0}; nothing was changed")]
    NotRead(String),
    /// It was not looked at any more.
    #[error("the controller is stopping; nothing was changed")]
    Stopped,
    /// It cannot be told whether the ledger was written.
    #[error("whether this was done cannot be told: {0}")]
    Unknown(String),
}

/// Why the ledger cannot be folded.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// It cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// An entry is not one that this version writes.
    #[error("entry {seq} of the ledger cannot be read")]
    Entry {
        /// The entry.
        seq: u64,
        /// Why.
        #[source]
        source: EncodeError,
    },
    /// An entry cannot follow those before it.
    #[error(transparent)]
    Illegal(#[from] IllegalEvent),
    /// The head cannot be read.
    #[error(transparent)]
    Head(#[from] LedgerError),
    /// There is no thread to fold in.
    #[error("failed to start a thread")]
    Thread(#[source] std::io::Error),
    /// The thread that folds is gone.
    #[error("the thread that folds the ledger broke: that is a defect of pgbelay")]
    Broken,
}

/// Why the sequencer ended without having been asked to.
#[derive(Debug, thiserror::Error)]
pub enum EndError {
    /// It never began.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The ledger cannot go on.
    #[error("the ledger stopped: {0}; start the controller again, it reads what the ledger holds")]
    Ledger(String),
}

struct Ask {
    actor: Actor,
    request: Request,
    reply: oneshot::Sender<Result<Granted, AskError>>,
}

/// What does the ledger say to this place of it?
struct Look {
    seq: u64,
    reply: oneshot::Sender<Result<Looked, LedgerError>>,
}

enum Work {
    Ask(Box<Ask>),
    Look(Look),
    /// The ledger is damaged where the start did not look: end, and answer nothing more.
    Damaged(Box<OpenError>),
    /// Answer what was asked before this, and end.
    Stop,
}

/// The way to the sequencer. Cheap to clone.
#[derive(Clone)]
pub struct Controller {
    work: mpsc::Sender<Work>,
    state: watch::Receiver<Option<Arc<State>>>,
    checkpoint: watch::Receiver<Option<Checkpoint>>,
}

impl Controller {
    /// Asks for something; the answer comes when it is durable. Once it was asked, dropping the future takes
    /// nothing back.
    ///
    /// # Errors
    /// When it is refused, or could not be made durable.
    pub async fn ask(&self, actor: Actor, request: Request) -> Result<Granted, AskError> {
        let place = timeout(PLACE_DEADLINE, self.work.reserve()).await;
        let place = place.map_err(|_| AskError::Overloaded)?.map_err(|_| AskError::Stopped)?;
        let (reply, answer) = oneshot::channel();
        place.send(Work::Ask(Box::new(Ask { actor, request, reply })));
        match timeout(ANSWER_DEADLINE, answer).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(AskError::Unknown("the controller stopped while it was at it".to_owned())),
            Err(_) => Err(AskError::Unknown(format!("the ledger did not answer within {ANSWER_DEADLINE:?}"))),
        }
    }

    /// What the ledger has at a place.
    ///
    /// # Errors
    /// It cannot be read, or the controller stops.
    pub async fn look(&self, seq: u64) -> Result<Looked, AskError> {
        let (reply, answer) = oneshot::channel();
        let place = timeout(PLACE_DEADLINE, self.work.reserve()).await;
        let place = place.map_err(|_| AskError::Overloaded)?.map_err(|_| AskError::Stopped)?;
        place.send(Work::Look(Look { seq, reply }));
        match timeout(ANSWER_DEADLINE, answer).await {
            Ok(Ok(looked)) => looked.map_err(|error| AskError::NotRead(chain(&error))),
            Ok(Err(_)) => Err(AskError::Stopped),
            Err(_) => Err(AskError::NotRead(format!("the ledger did not answer within {ANSWER_DEADLINE:?}"))),
        }
    }

    /// Where the ledger is, for agents to keep. `None`: it has not been read, or is in doubt; then what they keep is what
    /// speaks against it, and must not be replaced.
    #[must_use]
    pub fn checkpoint(&self) -> Option<Checkpoint> {
        *self.checkpoint.borrow()
    }

    /// The state, once the ledger has been read.
    #[must_use]
    pub fn state(&self) -> Option<Arc<State>> {
        self.state.borrow().clone()
    }

    /// Tells of every new state.
    #[must_use]
    pub fn states(&self) -> watch::Receiver<Option<Arc<State>>> {
        self.state.clone()
    }
}

/// The running sequencer: its end, awaited or asked for.
pub struct Running {
    work: mpsc::Sender<Work>,
    end: oneshot::Receiver<Result<(), EndError>>,
}

impl Running {
    /// Waits for its end. The ledger is closed then, and its lock given back.
    ///
    /// # Errors
    /// When it ended without having been asked to.
    pub async fn ended(&mut self) -> Result<(), EndError> {
        (&mut self.end).await.unwrap_or_else(|_| Err(EndError::Ledger("its thread panicked".to_owned())))
    }

    /// Asks it to end: what was asked before is still answered.
    ///
    /// # Errors
    /// As [`Running::ended`].
    pub async fn stop(mut self) -> Result<(), EndError> {
        // One that has ended already needs no telling.
        drop(self.work.send(Work::Stop).await);
        self.ended().await
    }
}

/// Starts the sequencer: it reads the ledger, folds it, and then answers. What the snapshot of a state beside the
/// ledger lets it skip is verified meanwhile.
///
/// # Errors
/// When the thread cannot be started.
pub fn start(ledger: PathBuf) -> std::io::Result<(Controller, Running)> {
    start_with(ledger, Worth::default())
}

fn start_with(ledger: PathBuf, worth: Worth) -> std::io::Result<(Controller, Running)> {
    let (work, queue) = mpsc::channel(QUEUE);
    let (publish, state) = watch::channel(None);
    let (tell, checkpoint) = watch::channel(None);
    let (tell_end, end) = oneshot::channel();
    // Weak: that it lives must not keep the queue open.
    let tell_damage = work.downgrade();
    let live = move || {
        let published = Published { state: publish, checkpoint: tell };
        let ended = live(&ledger, worth, published, (queue, tell_damage));
        // Nobody listens any more when the process is going down.
        drop(tell_end.send(ended));
    };
    std::thread::Builder::new().name("sequencer".to_owned()).spawn(live)?;
    Ok((Controller { work: work.clone(), state, checkpoint }, Running { work, end }))
}

fn live(
    path: &Path,
    worth: Worth,
    published: Published,
    (queue, tell_damage): (mpsc::Receiver<Work>, mpsc::WeakSender<Work>),
) -> Result<(), EndError> {
    let snapshots = Arc::new(Snapshots::of(path));
    let Opened { ledger, state, skipped } = open(path, &snapshots)?;
    let audit = skipped
        .map(|skipped| Audit::start(path, skipped, Arc::clone(&snapshots), tell_damage))
        .transpose()?;
    let saver = Saver::new(snapshots, worth, skipped.map_or(0, |place| place.seq));
    let mut writer = Writer::new(ledger, state, published).map_err(StartError::Head)?.saved_by(saver);
    let ended = writer.serve(queue);
    if let Some(audit) = audit {
        audit.end();
    }
    if ended.is_ok() {
        writer.save();
    }
    ended
}

/// Lets what is in no hurry run behind everything else: this thread only.
fn behind() {
    /// As `nice` has it by default.
    const STEPS: i32 = 10;
    // Elsewhere it would be the whole process. It is a courtesy: without it all is well, too.
    if cfg!(target_os = "linux") {
        let _ = rustix::process::nice(STEPS);
    }
}

/// Entries that are folded at a time, and such portions that may wait: some megabytes.
const PORTION: usize = 500;
const WAITING: usize = 4;

struct Opened {
    ledger: SqliteLedger,
    state: State,
    /// Up to where nothing was read; `None`: all was.
    skipped: Option<Place>,
}

/// Reads the ledger, or only what follows its snapshot, if that counts.
fn open(path: &Path, snapshots: &Snapshots) -> Result<Opened, StartError> {
    let opening = Opening::begin(path)?;
    let (place, state) = match snapshots.load(&opening) {
        Ok(Some(loaded)) => loaded,
        Ok(None) => return read(opening, None, State::default()),
        Err(why) => {
            ignore(&why);
            return read(opening, None, State::default());
        }
    };
    tracing::info!(entry = place.seq, "the ledger is read from the snapshot of the state on");
    read(opening, Some(place), state).or_else(|error| match error {
        StartError::Open(_) | StartError::Head(_) | StartError::Thread(_) => Err(error),
        // No snapshot may keep a controller from starting that would start without.
        StartError::Entry { .. } | StartError::Illegal(_) | StartError::Broken => {
            let why = chain(&error);
            tracing::error!(
                why,
                "the snapshot of the state does not lead on, and is ignored: the whole ledger is read"
            );
            read(Opening::begin(path)?, None, State::default())
        }
    })
}

fn ignore(why: &Unusable) {
    let text = chain(why);
    if matches!(why, Unusable::OtherProgram) {
        // After every upgrade.
        tracing::info!(why = text, "the snapshot of the state is ignored: the whole ledger is read");
    } else {
        tracing::warn!(why = text, "the snapshot of the state is ignored: the whole ledger is read");
    }
}

/// Reads and checks the ledger, and folds it in a second thread meanwhile: each takes about as long as the other.
fn read(opening: Opening, skipped: Option<Place>, mut state: State) -> Result<Opened, StartError> {
    let (portions, read) = std::sync::mpsc::sync_channel::<Vec<Entry>>(WAITING);
    std::thread::scope(|scope| {
        let folding = std::thread::Builder::new().name("fold".to_owned()).spawn_scoped(scope, move || {
            read.into_iter().flatten().try_for_each(|entry| fold(&mut state, &entry))?;
            Ok(state)
        });
        let folding = folding.map_err(StartError::Thread)?;
        let mut portion = Vec::with_capacity(PORTION);
        let opened = opening.finish(skipped, |entry: Entry| -> Result<(), Unread> {
            portion.push(entry);
            if portion.len() == PORTION {
                let full = std::mem::replace(&mut portion, Vec::with_capacity(PORTION));
                // Nobody takes it any more when an entry cannot be folded.
                portions.send(full).map_err(|_| Unread::NotFolded)?;
            }
            Ok(())
        });
        let rest = portions.send(portion);
        drop(portions);
        let folded = folding.join().unwrap_or_else(|_| Err(StartError::Broken));
        match (opened, rest) {
            // What is damaged comes first: what follows from it means nothing.
            (Err(Unread::Ledger(error)), _) => Err(error.into()),
            (Err(Unread::NotFolded), _) | (Ok(_), Err(_)) => Err(folded.err().unwrap_or(StartError::Broken)),
            (Ok(ledger), Ok(())) => Ok(Opened { ledger, state: folded?, skipped }),
        }
    })
}

/// Why the reading of a ledger has ended.
enum Unread {
    Ledger(OpenError),
    NotFolded,
}

impl From<OpenError> for Unread {
    fn from(error: OpenError) -> Self {
        Self::Ledger(error)
    }
}

fn fold(state: &mut State, entry: &Entry) -> Result<(), StartError> {
    let event = encode::event(entry).map_err(|source| StartError::Entry { seq: entry.seq, source })?;
    match event {
        Some(event) => Ok(evolve(state, &Recorded { seq: entry.seq, at: entry.at, event })?),
        None => {
            state.seq = entry.seq;
            Ok(())
        }
    }
}

/// An error with its causes, on one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        text = format!("{text}: {source}");
        next = source.source();
    }
    text
}
