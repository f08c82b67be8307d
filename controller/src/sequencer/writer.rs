//! The thread's work: one group of requests after the other.

use std::sync::Arc;

use pgbelay_core::event::Recorded;
use pgbelay_core::state::State;
use pgbelay_core::witness::{Checkpoint, Looked};
use tokio::sync::{mpsc, oneshot, watch};

use super::draft::Draft;
use super::saver::Saver;
use super::{Ask, AskError, EndError, Granted, Look, StartError, Work, chain};
use crate::ledger::{AppendError, Head, Ledger, LedgerError, NewEntry, OpenError};

/// Requests that are made durable together: more would make the first of them wait for too long.
const GROUP: usize = 256;

pub(super) struct Writer<L> {
    ledger: L,
    head: Head,
    state: Arc<State>,
    publish: Published,
    /// `None`: no snapshots are written.
    saver: Option<Saver>,
}

/// What everybody may see of what is durable.
pub(super) struct Published {
    pub(super) state: watch::Sender<Option<Arc<State>>>,
    /// Where the ledger is, unless it is in doubt.
    pub(super) checkpoint: watch::Sender<Option<Checkpoint>>,
}

impl Published {
    /// The state first: whoever has a checkpoint finds in the state what led to it.
    fn send(&self, state: &Arc<State>, head: &Head) {
        self.state.send_replace(Some(Arc::clone(state)));
        let believed = !state.trust.is_doubted();
        self.checkpoint.send_replace(believed.then(|| checkpoint(state, head)));
    }
}

fn checkpoint(state: &State, head: &Head) -> Checkpoint {
    Checkpoint {
        incarnation: head.incarnation(),
        acceptances: state.trust.acceptances,
        seq: head.seq,
        hash: head.hash,
    }
}

/// What is to be done in one go.
#[derive(Default)]
struct Group {
    asks: Vec<Ask>,
    looks: Vec<Look>,
    stop: bool,
    damaged: Option<Box<OpenError>>,
}

/// A request that was decided on, and who waits for it.
struct Decided {
    reply: oneshot::Sender<Result<Granted, AskError>>,
    /// How many of the group's events are its own.
    result: Result<usize, AskError>,
    /// Whether it was decided on a state that is not durable yet: if that is not written, neither answer is true.
    on_draft: bool,
}

/// What the ledger did not take.
struct Unwritten {
    answer: AskError,
    /// Why the ledger cannot go on, if it cannot.
    fatal: Option<String>,
}

impl<L: Ledger> Writer<L> {
    /// Publishes the state that was folded, and is ready.
    pub(super) fn new(ledger: L, state: State, publish: Published) -> Result<Self, LedgerError> {
        let head = ledger.head()?;
        let state = Arc::new(state);
        publish.send(&state, &head);
        Ok(Self { ledger, head, state, publish, saver: None })
    }

    /// With snapshots of its states from here on.
    pub(super) fn saved_by(mut self, mut saver: Saver) -> Self {
        saver.note(&self.state, &self.head);
        self.saver = Some(saver);
        self
    }

    /// At an orderly end: a snapshot of the last state, if that is worth it.
    pub(super) fn save(&mut self) {
        if let Some(saver) = &mut self.saver {
            saver.finish(&self.state, &self.head);
        }
    }

    /// Answers until it is asked to stop, until nobody can ask any more, or until the ledger cannot go on.
    pub(super) fn serve(&mut self, mut queue: mpsc::Receiver<Work>) -> Result<(), EndError> {
        let ended = loop {
            let Some(first) = queue.blocking_recv() else { break Ok(()) };
            let Group { asks, looks, stop, damaged } = collect(first, &mut queue);
            if let Some(error) = damaged {
                asks.into_iter().for_each(|ask| drop(ask.reply.send(Err(AskError::Stopped))));
                break Err(StartError::Open(*error).into());
            }
            looks.into_iter().for_each(|look| self.look(look));
            match self.group(asks) {
                Err(why) => break Err(EndError::Ledger(why)),
                Ok(()) if stop => break Ok(()),
                Ok(()) => {}
            }
        };
        turn_away(queue);
        ended
    }

    fn look(&self, Look { seq, reply }: Look) {
        let head = checkpoint(&self.state, &self.head);
        let looked = self.ledger.hash_at(seq).map(|hash| Looked { head, hash });
        // Who asked may have gone away.
        drop(reply.send(looked));
    }

    fn group(&mut self, group: Vec<Ask>) -> Result<(), String> {
        let mut draft = Draft::new(&self.state);
        let mut decided = Vec::with_capacity(group.len());
        for Ask { actor, request, reply } in group {
            let result = draft.take(actor, &request).map_err(|error| chain(&error))?;
            decided.push(Decided { reply, result, on_draft: !draft.recorded.is_empty() });
        }
        let written = self.write(&draft.entries);
        if written.is_ok() && !draft.entries.is_empty() {
            self.state = draft.state;
            self.publish.send(&self.state, &self.head);
            if let Some(saver) = &mut self.saver {
                saver.note(&self.state, &self.head);
            }
        }
        self.answer(decided, draft.recorded, &written);
        match written {
            Ok(()) | Err(Unwritten { fatal: None, .. }) => Ok(()),
            Err(Unwritten { fatal: Some(why), .. }) => Err(why),
        }
    }

    fn write(&mut self, entries: &[NewEntry]) -> Result<(), Unwritten> {
        if entries.is_empty() {
            return Ok(());
        }
        self.head = self.ledger.append(&self.head, entries).map_err(|error| {
            let why = chain(&error);
            match error {
                AppendError::Failed(_) | AppendError::TooLarge { .. } => {
                    tracing::error!(why, "the ledger was not written");
                    Unwritten { answer: AskError::NotWritten(why), fatal: None }
                }
                AppendError::Moved { .. } | AppendError::Duplicate { .. } | AppendError::Stopped => {
                    Unwritten { answer: AskError::NotWritten(why.clone()), fatal: Some(why) }
                }
                AppendError::Unknown(_) => {
                    Unwritten { answer: AskError::Unknown(why.clone()), fatal: Some(why) }
                }
            }
        })?;
        Ok(())
    }

    fn answer(&self, decided: Vec<Decided>, recorded: Vec<Recorded>, written: &Result<(), Unwritten>) {
        let mut events = recorded.into_iter().map(|recorded| recorded.event);
        for Decided { reply, result, on_draft } in decided {
            let answer = match (written, result) {
                (Err(unwritten), _) if on_draft => Err(unwritten.answer.clone()),
                (_, Err(error)) => Err(error),
                (_, Ok(caused)) => Ok(Granted {
                    events: events.by_ref().take(caused).collect(),
                    state: Arc::clone(&self.state),
                }),
            };
            // Who asked may have gone away; what was decided stands all the same.
            drop(reply.send(answer));
        }
    }
}

/// All that waits already, as far as one group goes; and whether the end was asked for after it.
fn collect(first: Work, queue: &mut mpsc::Receiver<Work>) -> Group {
    let mut group = Group::default();
    let mut next = Some(first);
    while let Some(work) = next {
        match work {
            Work::Ask(ask) => group.asks.push(*ask),
            Work::Look(look) => group.looks.push(look),
            Work::Damaged(error) => {
                group.damaged = Some(error);
                break;
            }
            Work::Stop => {
                group.stop = true;
                break;
            }
        }
        next = if group.asks.len() + group.looks.len() < GROUP { queue.try_recv().ok() } else { None };
    }
    group
}

/// Nobody waits for an answer that does not come.
fn turn_away(mut queue: mpsc::Receiver<Work>) {
    queue.close();
    while let Some(work) = queue.blocking_recv() {
        match work {
            Work::Ask(ask) => drop(ask.reply.send(Err(AskError::Stopped))),
            // Who looks is told by the end of the channel.
            Work::Look(_) | Work::Damaged(_) | Work::Stop => {}
        }
    }
}
