//! The controller's process: the talks with agents, and what is outstanding.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use futures_util::FutureExt as _;
use pgbelay_controller::effects::{absences, carry_out, heal};
use pgbelay_controller::fleet::{Fleet, Outbox, Outgoing};
use pgbelay_controller::listener::ConnectionHandle;
use pgbelay_controller::rpc::agent::{Seat, Talk};
use pgbelay_core::access::Certificates;
use pgbelay_core::event::Actor;
use pgbelay_core::name::DatabaseName;
use pgbelay_core::outstanding::{Effect, outstanding};
use pgbelay_core::request::Request;
use pgbelay_core::time::Timestamp;
use pgbelay_proto::identity::{Identity, PeerIdentity};
use pgbelay_proto::wire;
use pgbelay_proto::wire::agent_message::Message as FromAgent;
use tokio::sync::mpsc;

use crate::desk::{Book, Now, SharedDesk, timing};
use crate::sight::Sight;

/// More rounds than anything needs: who is still busy then never comes to rest.
const MANY_ROUNDS: usize = 1_000;

struct Talking {
    talk: Talk<SharedDesk>,
    outgoing: mpsc::Receiver<Outgoing>,
    seat: Option<Seat>,
}

/// A controller that runs.
pub(crate) struct Controller {
    pub(crate) desk: SharedDesk,
    fleet: Fleet,
    talks: BTreeMap<u64, Talking>,
    /// Somebody has come or gone, or time has passed.
    stirred: bool,
    /// How long the ledger was at the last look.
    seen: usize,
    /// Who was there at the last looks at the clock.
    sight: Sight,
    /// The clock is to be looked at.
    due: bool,
    now: Arc<Mutex<Now>>,
}

/// What goes out, by link: messages, and `None` at the end of a stream.
pub(crate) type Sent = Vec<(u64, Option<wire::ControllerMessage>)>;

impl Controller {
    pub(crate) fn start(book: Arc<Mutex<Book>>, now: Arc<Mutex<Now>>) -> Self {
        let sight = Sight::new(now.lock().unwrap().elapsed);
        let by = Arc::clone(&now);
        let clock = Box::new(move || by.lock().unwrap().contact());
        let fleet = Fleet::by_clock(timing(), clock);
        Self {
            desk: SharedDesk::new(book, fleet.clone()),
            fleet,
            talks: BTreeMap::new(),
            stirred: true,
            seen: 0,
            sight,
            due: false,
            now,
        }
    }

    pub(crate) fn is_connected(&self, database: &DatabaseName) -> bool {
        self.fleet.is_connected(database)
    }

    /// An agent has connected; what it showed is a certificate with this serial number.
    pub(crate) fn connect(&mut self, link: u64, database: &DatabaseName, serial: &str) {
        let (outbox, outgoing) = Outbox::new();
        let peer = PeerIdentity {
            identity: Identity::Agent(database.clone()),
            serial: serial.to_owned(),
            not_after: Timestamp(i64::MAX),
        };
        let talk = Talk {
            desk: self.desk.clone(),
            database: database.clone(),
            peer: Arc::new(peer),
            connection: ConnectionHandle::default(),
            place: None,
            outbox,
        };
        self.talks.insert(link, Talking { talk, outgoing, seat: None });
    }

    /// An agent's words have arrived.
    pub(crate) fn hears(&mut self, link: u64, message: wire::AgentMessage) {
        let Some(talking) = self.talks.get_mut(&link) else { return };
        let heard = match (&talking.seat, message.message) {
            (None, Some(FromAgent::Hello(hello))) => {
                self.stirred = true;
                let seat = talking.talk.hello(hello).now_or_never().expect("nothing is waited for");
                self.sight.there(&talking.talk.database, self.now.lock().unwrap().elapsed);
                seat.map(|seat| talking.seat = Some(seat))
            }
            (None, _) => Err(tonic::Status::invalid_argument("the first message must be a hello")),
            (Some(seat), message) => {
                let said = talking.talk.heard(seat.number, wire::AgentMessage { message });
                said.now_or_never().expect("nothing is waited for")
            }
        };
        if heard.is_err() {
            talking.talk.connection.close();
        }
    }

    /// The connection is gone, as the controller's machine sees it.
    pub(crate) fn lost(&mut self, link: u64) {
        if let Some(talking) = self.talks.remove(&link) {
            self.stirred = true;
            self.ends(&talking);
            talking.talk.connection.close();
        }
    }

    fn ends(&mut self, talking: &Talking) {
        if talking.seat.is_some() {
            self.sight.there(&talking.talk.database, self.now.lock().unwrap().elapsed);
        }
    }

    /// Once in a while.
    pub(crate) fn tick(&mut self) {
        (self.stirred, self.due) = (true, true);
        let state = Arc::clone(&self.desk.book().state);
        self.fleet.sweep(|database, serial| {
            let certificates: Option<&Certificates> = state.agents.get(database);
            certificates.is_some_and(|certificates| certificates.accepts(serial))
        });
        let there = self.talks.values().map(|talking| (&talking.talk, talking.seat.is_some()));
        let there = there.filter(|(talk, seated)| *seated && !talk.connection.is_closed());
        self.sight.look(there.map(|(talk, _)| &talk.database), self.now.lock().unwrap().elapsed);
    }

    /// An agent was let in anew.
    pub(crate) fn enrolled(&mut self, database: &DatabaseName) {
        self.stirred = true;
        self.fleet.enrolled(database);
    }

    /// Does what is outstanding, until nothing is.
    pub(crate) fn act(&mut self) {
        let length = self.desk.book().ledger.len();
        if !self.stirred && length == self.seen {
            return;
        }
        self.stirred = false;
        for _ in 0..MANY_ROUNDS {
            let requests = self.outstanding();
            let mut changed = false;
            for request in requests {
                let asked = self.desk.book().ask(&Actor::Controller, &request);
                changed |= asked.is_ok_and(|events| !events.is_empty());
            }
            if !changed {
                let mut book = self.desk.book();
                self.seen = book.ledger.len();
                let unseen = || self.due.then(|| self.sight.trouble(&book.state)).flatten();
                if let Some(broken) = book.rules.at_rest(&book.state, book.now).or_else(unseen) {
                    book.trouble.get_or_insert(broken);
                }
                self.due = false;
                return;
            }
        }
        self.desk.book().trouble.get_or_insert("the controller never comes to rest".to_owned());
    }

    fn outstanding(&self) -> Vec<Request> {
        let (state, now) = {
            let book = self.desk.book();
            (book.as_effects_see(), book.now)
        };
        let mut requests = heal(&self.fleet, &state);
        if self.due {
            requests.extend(absences(&self.fleet, &state));
        }
        let effects = outstanding(&state, now);
        for effect in &effects {
            if let Effect::Deliver { command, .. } = effect {
                let mut book = self.desk.book();
                if let Some(broken) = book.rules.deliver(&book.state, command, now) {
                    book.trouble.get_or_insert(broken);
                }
            }
        }
        requests.extend(effects.into_iter().filter_map(|effect| carry_out(&self.fleet, &state, effect)));
        requests
    }

    /// What has been said since, and the streams that have ended.
    pub(crate) fn sent(&mut self) -> Sent {
        let mut sent = Vec::new();
        for (link, talking) in &mut self.talks {
            while let Ok(Ok(message)) = talking.outgoing.try_recv() {
                sent.push((*link, Some(*message)));
            }
            if talking.talk.connection.is_closed() {
                sent.push((*link, None));
            }
        }
        let ended: Vec<_> =
            sent.iter().filter(|(_, message)| message.is_none()).map(|(link, _)| *link).collect();
        for link in ended {
            if let Some(talking) = self.talks.remove(&link) {
                self.ends(&talking);
            }
        }
        sent
    }
}
