//! What a group of requests would make of the state, before any of it is written.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use pgbelay_core::decide::decide;
use pgbelay_core::event::{Actor, Event, Recorded};
use pgbelay_core::evolve::{IllegalEvent, evolve};
use pgbelay_core::request::{Circumstances, Request};
use pgbelay_core::state::State;

use super::encode::entry;
use super::{AskError, chain};
use crate::clock;
use crate::ledger::{MAX_BODY_BYTES, NewEntry};

/// The state as it would be, and the entries that would make it so.
pub(super) struct Draft {
    base: Arc<State>,
    /// With every event of the group in it.
    pub(super) state: Arc<State>,
    /// The events, in order.
    pub(super) recorded: Vec<Recorded>,
    /// The same, as the ledger keeps them.
    pub(super) entries: Vec<NewEntry>,
}

impl Draft {
    pub(super) fn new(base: &Arc<State>) -> Self {
        Self { base: Arc::clone(base), state: Arc::clone(base), recorded: Vec::new(), entries: Vec::new() }
    }

    /// Decides on one request; how many events it caused. What cannot stand leaves nothing behind, and is the fault
    /// of that request alone: the others of its group, and the controller, go on.
    ///
    /// # Errors
    /// The outer one: the draft itself cannot be mended.
    pub(super) fn take(
        &mut self,
        actor: Actor,
        request: &Request,
    ) -> Result<Result<usize, AskError>, IllegalEvent> {
        let before = self.recorded.len();
        let here = Circumstances { actor, now: clock::now() };
        let taken = catch_unwind(AssertUnwindSafe(|| self.try_take(request, &here)));
        let taken = taken.unwrap_or_else(|panic| Err(AskError::Faulty(words(panic.as_ref()))));
        if let Err(AskError::Faulty(why)) = &taken {
            tracing::error!(actor = %here.actor, why, "a decision cannot stand");
            self.rewind(before)?;
        }
        Ok(taken)
    }

    fn try_take(&mut self, request: &Request, here: &Circumstances) -> Result<usize, AskError> {
        let events = decide(&self.state, request, here)?;
        let entries: Vec<_> = events.iter().map(|event| self.entry(event, here)).collect::<Result<_, _>>()?;
        let caused = events.len();
        for event in events {
            let recorded = Recorded { seq: self.state.seq + 1, at: here.now, event };
            evolve(Arc::make_mut(&mut self.state), &recorded).map_err(|e| AskError::Faulty(chain(&e)))?;
            self.recorded.push(recorded);
        }
        self.entries.extend(entries);
        Ok(caused)
    }

    /// An entry that the ledger would not take is found out here, where it concerns nobody else.
    fn entry(&self, event: &Event, here: &Circumstances) -> Result<NewEntry, AskError> {
        let entry = entry(event, here).map_err(|error| AskError::Faulty(chain(&error)))?;
        if entry.body.len() <= MAX_BODY_BYTES {
            return Ok(entry);
        }
        let (kind, bytes) = (event.kind(), entry.body.len());
        Err(AskError::NotWritten(format!(
            "the {kind} would take {bytes} bytes, and at most {MAX_BODY_BYTES} fit"
        )))
    }

    /// An event that was refused half way leaves a state of no use: the ones before it make it anew.
    fn rewind(&mut self, keep: usize) -> Result<(), IllegalEvent> {
        self.recorded.truncate(keep);
        self.state = Arc::clone(&self.base);
        for recorded in &self.recorded {
            evolve(Arc::make_mut(&mut self.state), recorded)?;
        }
        Ok(())
    }
}

fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    format!("the decision panicked: {}", text.unwrap_or("without a word"))
}
