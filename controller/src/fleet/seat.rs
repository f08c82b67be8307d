//! The place of one database's agent: who has it, and who had it last.

use std::collections::{BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use pgbelay_core::access::Certificates;
use pgbelay_core::time::Timestamp;

use super::Session;

/// Processes that are remembered after another took their place: copies of one machine take turns, and there are few.
const REPLACED: usize = 8;

#[derive(Default)]
pub(super) struct Seat {
    pub(super) holder: Holder,
    /// When the last session before the present one was heard.
    last: Option<Contact>,
    /// When a session last told that its database is well, but for the present one while it is.
    well: Option<Contact>,
    /// The process that was last heard after its welcome, and those that were before it.
    process: Option<String>,
    replaced: VecDeque<String>,
}

#[derive(Default)]
pub(super) enum Holder {
    #[default]
    Nobody,
    Session(Box<Session>),
    /// Two agents claimed the seat. Which of them is the right one, only a person can tell: whoever shows one of
    /// these certificates is shut out, and a new enrolment gives another one.
    Quarantined {
        serials: BTreeSet<String>,
    },
}

/// A sign of life, by both clocks: one for people, and one that nobody sets.
#[derive(Debug, Clone, Copy)]
pub struct Contact {
    /// For people.
    pub at: Timestamp,
    /// For lengths of time.
    pub instant: Instant,
}

impl Contact {
    /// How long ago it was.
    pub(super) fn age(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.instant)
    }
}

impl Seat {
    pub(super) fn session(&self) -> Option<&Session> {
        match &self.holder {
            Holder::Session(session) => Some(session),
            Holder::Nobody | Holder::Quarantined { .. } => None,
        }
    }

    pub(super) fn session_mut(&mut self) -> Option<&mut Session> {
        match &mut self.holder {
            Holder::Session(session) => Some(session),
            Holder::Nobody | Holder::Quarantined { .. } => None,
        }
    }

    pub(super) fn last(&self) -> Option<Contact> {
        self.session().map(|session| session.heard).or(self.last)
    }

    /// Whether there is an agent that reaches its database.
    pub(super) fn is_well(&self) -> bool {
        self.session().is_some_and(Session::is_well)
    }

    /// When the database was last known to be well.
    pub(super) fn last_well(&self) -> Option<Contact> {
        let well = self.session().filter(|session| session.is_well());
        well.map(|session| session.heard).or(self.well)
    }

    /// Something is heard from the present session, which may be that its database is not well any more.
    pub(super) fn hear(&mut self, now: Contact, update: impl FnOnce(&mut Session)) {
        self.well = self.last_well();
        if let Some(session) = self.session_mut() {
            session.heard = now;
            update(session);
        }
    }

    /// The present session, if it is this one, was heard after its welcome. `false`: another process of the agent was
    /// alive since this one was last heard.
    pub(super) fn hears(&mut self, number: u64) -> bool {
        let session = self.session().filter(|session| session.number == number);
        let Some(process) = session.map(|session| session.process_id.clone()) else { return true };
        if self.process.as_ref() == Some(&process) {
            return true;
        }
        if self.replaced.contains(&process) {
            return false;
        }
        self.replaced.extend(self.process.replace(process));
        if self.replaced.len() > REPLACED {
            self.replaced.pop_front();
        }
        true
    }

    /// A session has the seat from now on. Of a database that was never well before, nothing is known until now.
    pub(super) fn take(&mut self, session: Session) {
        let heard = session.heard;
        self.vacate(Holder::Session(Box::new(session)));
        self.well.get_or_insert(heard);
    }

    /// Whoever had it before has not, and an agent that was let in anew has its database.
    pub(super) fn enrolled(&mut self, now: Contact) {
        self.vacate(Holder::Nobody);
        self.well = Some(now);
        self.process = None;
        self.replaced.clear();
    }

    /// Shuts out whoever shows one of these certificates, the present session with them.
    pub(super) fn quarantine(&mut self, certificates: &Certificates) {
        let counts = std::iter::once(&certificates.current).chain(&certificates.next);
        let serials = counts.map(|certificate| certificate.serial.clone()).collect();
        self.vacate(Holder::Quarantined { serials });
    }

    /// Puts `holder` in the place of the session that there is, if any, and cuts that one's connection.
    pub(super) fn vacate(&mut self, holder: Holder) {
        if let Holder::Session(session) = self.replace(holder) {
            session.connection.close();
        }
    }

    pub(super) fn replace(&mut self, holder: Holder) -> Holder {
        (self.last, self.well) = (self.last(), self.last_well());
        std::mem::replace(&mut self.holder, holder)
    }
}
