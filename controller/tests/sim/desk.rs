//! The sequencer without its disk and its queue: decides, keeps and evolves in one step.

use std::sync::{Arc, Mutex, MutexGuard};

use pgbelay_controller::fleet::{Contact, Fleet, Timing};
use pgbelay_controller::rpc::agent::Desk;
use pgbelay_controller::sequencer::Granted;
use pgbelay_core::decide::decide;
use pgbelay_core::digest::Digest;
use pgbelay_core::event::{Actor, Event, Recorded};
use pgbelay_core::evolve::evolve;
use pgbelay_core::request::{Circumstances, Refusal, Request};
use pgbelay_core::state::State;
use pgbelay_core::time::Timestamp;
use pgbelay_core::witness::{Checkpoint, Incarnation, Looked};
use std::time::{Duration, Instant};
use tonic::Status;

use crate::bugs::Bug;
use crate::rules::Rules;

/// When every history begins.
pub(crate) const START: i64 = 1_700_000_000_000;

/// The times of the talk with agents, stretched so that a history of hours has few heartbeats.
pub(crate) fn timing() -> Timing {
    let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
    Timing {
        hello: minutes(8),
        heartbeat: minutes(8),
        lease: minutes(24),
        dead_after: minutes(25),
        silent_after: minutes(35),
        ask_again: minutes(15),
        checkpoint: minutes(20),
    }
}

/// The moment, as the controller's machine sees it.
pub(crate) struct Now {
    base: Instant,
    /// Since the beginning of the history.
    pub(crate) elapsed: i64,
    /// How far the clock for people is off.
    pub(crate) off: i64,
}

impl Now {
    pub(crate) fn new() -> Self {
        Self { base: Instant::now(), elapsed: 0, off: 0 }
    }

    pub(crate) fn contact(&self) -> Contact {
        let elapsed = Duration::from_millis(u64::try_from(self.elapsed).unwrap_or(0));
        Contact { at: Timestamp(START + self.elapsed + self.off), instant: self.base + elapsed }
    }
}

/// What is durable, and the state that follows from it.
pub(crate) struct Book {
    pub(crate) state: Arc<State>,
    pub(crate) ledger: Vec<Recorded>,
    /// The chain of hashes beside it.
    pub(crate) hashes: Vec<Digest>,
    pub(crate) rules: Rules,
    pub(crate) bug: Option<Bug>,
    pub(crate) now: Timestamp,
    /// The first promise that was broken.
    pub(crate) trouble: Option<String>,
}

impl Book {
    pub(crate) fn new(bug: Option<Bug>) -> Self {
        Self {
            state: Arc::default(),
            ledger: Vec::new(),
            hashes: Vec::new(),
            rules: Rules::default(),
            bug,
            now: Timestamp(START),
            trouble: None,
        }
    }

    /// Decides, writes down, and takes it into the state.
    pub(crate) fn ask(&mut self, actor: &Actor, request: &Request) -> Result<Vec<Event>, Refusal> {
        let here = Circumstances { actor: actor.clone(), now: self.now };
        let events = match self.bug {
            Some(bug) => bug.decide(&self.state, request, &here),
            None => decide(&self.state, request, &here),
        }?;
        for event in &events {
            let broken = self.rules.before(&self.state, actor, event, self.now);
            let recorded = Recorded { seq: self.state.seq + 1, at: self.now, event: event.clone() };
            let illegal = evolve(Arc::make_mut(&mut self.state), &recorded).err();
            let parts = [self.head().hash.to_string(), event.kind().to_owned(), self.now.0.to_string()];
            self.hashes.push(Digest::of_parts("entry", parts.iter().map(String::as_bytes)));
            self.ledger.push(recorded);
            let illegal = illegal.map(|why| format!("an event cannot follow: {why}"));
            let broken = broken.or(illegal).or_else(|| self.rules.after(&self.state, event, self.now));
            if let Some(broken) = broken {
                self.trouble.get_or_insert(format!("{broken} [{} by {actor}]", event.kind()));
            }
        }
        Ok(events)
    }

    /// Where the ledger ends.
    pub(crate) fn head(&self) -> Checkpoint {
        Checkpoint {
            incarnation: Incarnation::from_bytes([7; 16]),
            acceptances: self.state.trust.acceptances,
            seq: self.ledger.len() as u64,
            hash: self.hashes.last().copied().unwrap_or_else(|| Digest::of("genesis")),
        }
    }

    fn hash_at(&self, seq: u64) -> Option<Digest> {
        let at = usize::try_from(seq).ok()?.checked_sub(1)?;
        self.hashes.get(at).copied()
    }

    /// The state as it is looked at for what is outstanding.
    pub(crate) fn as_effects_see(&self) -> Arc<State> {
        match self.bug {
            Some(bug) => bug.as_effects_see(&self.state),
            None => Arc::clone(&self.state),
        }
    }

    /// The state as a controller that starts now makes it of what happened.
    pub(crate) fn replayed(&self) -> State {
        fold(self.ledger.iter().cloned())
    }

    /// The same, of what stands in the ledger, as text.
    pub(crate) fn read_again(&self) -> State {
        fold(self.ledger.iter().map(|recorded| {
            let text = serde_json::to_string(&recorded.event).unwrap();
            Recorded { event: serde_json::from_str(&text).unwrap(), ..*recorded }
        }))
    }
}

fn fold(recorded: impl Iterator<Item = Recorded>) -> State {
    let mut state = State::default();
    recorded.for_each(|recorded| evolve(&mut state, &recorded).unwrap());
    state
}

/// The controller's desk, shared by the talks.
#[derive(Clone)]
pub(crate) struct SharedDesk {
    book: Arc<Mutex<Book>>,
    fleet: Fleet,
}

impl SharedDesk {
    pub(crate) fn new(book: Arc<Mutex<Book>>, fleet: Fleet) -> Self {
        Self { book, fleet }
    }

    pub(crate) fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap()
    }
}

impl Desk for SharedDesk {
    fn state(&self) -> Result<Arc<State>, Status> {
        let book = self.book();
        Ok(match book.bug {
            Some(bug) => bug.as_talks_see(&book.state),
            None => Arc::clone(&book.state),
        })
    }

    fn fleet(&self) -> &Fleet {
        &self.fleet
    }

    fn checkpoint(&self) -> Option<Checkpoint> {
        let book = self.book();
        (!book.state.trust.is_doubted()).then(|| book.head())
    }

    async fn look(&self, seq: u64) -> Result<Looked, Status> {
        let book = self.book();
        Ok(Looked { head: book.head(), hash: book.hash_at(seq) })
    }

    async fn ask(&self, actor: Actor, request: Request) -> Result<Granted, Status> {
        let mut book = self.book();
        if book.bug.is_some_and(|bug| bug.loses(&request)) {
            return Ok(Granted { events: Vec::new(), state: Arc::clone(&book.state) });
        }
        let asked = book.ask(&actor, &request);
        let events = asked.map_err(|refusal| Status::failed_precondition(refusal.to_string()))?;
        Ok(Granted { events, state: Arc::clone(&book.state) })
    }
}
