//! Who is connected: sessions, liveness, progress, probes. Nothing here outlives the process.
//!
//! There is one seat for each database, and everything about it is under one lock: a session that comes, one that
//! goes and one that is shut out at the same moment see each other.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use dashmap::DashMap;
use pgbelay_core::access::Certificates;
use pgbelay_core::command::{Command, CommandId};
use pgbelay_core::job::{Job, JobEnd, JobId};
use pgbelay_core::name::DatabaseName;
use pgbelay_core::request::Request;
use pgbelay_core::state::State;
use pgbelay_core::time::{Span, Timestamp};
use pgbelay_proto::convert::WireJob;
use pgbelay_proto::tls::Secret;
use pgbelay_proto::wire;
use pgbelay_proto::wire::controller_message::Message;
use tokio::sync::{Notify, oneshot};

use crate::clock;

mod seat;
mod session;
mod waiting;

pub use seat::Contact;
use seat::{Holder, Seat};
pub use session::{NewSession, OUTBOX, Outbox, Outgoing, Session};

/// The bounds in time of the talk with agents. One value, so that tests can wait for less.
#[derive(Debug, Clone)]
pub struct Timing {
    /// How long an agent may take to introduce itself: it reads its database, and then has its hello ready.
    pub hello: Duration,
    /// How often an agent tells that it lives.
    pub heartbeat: Duration,
    /// How long an agent works on without hearing anything: three heartbeats.
    pub lease: Duration,
    /// After this long without a word a session is dead: a moment more than three heartbeats.
    pub dead_after: Duration,
    /// After this long without an agent, work in its hands pauses its rollout: time to reconnect.
    pub silent_after: Duration,
    /// How often an agent that stays is told where the ledger is, if it has moved: each time is a write on its disk.
    pub checkpoint: Duration,
    /// After this long a command whose outcome is not known is handed over again: the agent then looks again.
    pub ask_again: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            hello: Duration::from_secs(20),
            heartbeat: Duration::from_secs(5),
            lease: Duration::from_secs(15),
            dead_after: Duration::from_secs(16),
            silent_after: Duration::from_secs(30),
            checkpoint: Duration::from_secs(60),
            ask_again: Duration::from_secs(30),
        }
    }
}

/// Why a probe has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProbeError {
    /// There is no session.
    #[error("its agent is not connected")]
    NotConnected,
    /// The session ended, or its outbox is full.
    #[error("the connection to its agent was lost")]
    Lost,
    /// It has not answered what it was asked before.
    #[error("its agent has {} questions to answer already", session::MAX_PROBES)]
    Busy,
    /// The deadline passed.
    #[error("its agent did not answer within {0:?}")]
    Late(Duration),
    /// The agent said why.
    #[error("{0}")]
    Failed(String),
}

/// After this long a job whose backup is encrypted is without its key for good: it was lost with the process that the job
/// was asked of.
const KEY_COMES_WITHIN: Span = Span::seconds(10);

fn key_is_gone() -> JobEnd {
    JobEnd::Failed {
        message: "the key of the backup is gone: the controller was restarted before an agent had the job, and keeps keys \
                  in memory only; nothing was restored"
            .to_owned(),
        hint: "start it again, with --identity".to_owned(),
        problems: Vec::new(),
    }
}

fn places(places: [Option<&String>; 2]) -> Vec<String> {
    places.into_iter().flatten().cloned().collect()
}

/// Why a session is not taken in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JoinError {
    /// Two agents with one identity were connected at once, and it is found here.
    #[error("two agents are connected for {database}; both are shut out until one of them is enrolled anew")]
    Contested {
        /// Their database.
        database: DatabaseName,
        /// Where they are connected from, as far as it was seen.
        places: Vec<String>,
    },
    /// Two agents with one identity were connected at once: neither is served until one is enrolled anew.
    #[error("two agents are connected for {0}; both are shut out until one of them is enrolled anew")]
    Quarantined(DatabaseName),
    /// The connection has ended meanwhile.
    #[error("the connection of {0} ended before its session began")]
    Gone(DatabaseName),
}

/// What can be told of a database's agent without asking it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Glance {
    /// It is connected, and this is why it cannot reach its database; empty: it can.
    pub connected: Option<String>,
    /// Two agents with its identity were seen at once.
    pub quarantined: bool,
}

/// Where the fleet reads the time.
pub type Clock = Box<dyn Fn() -> Contact + Send + Sync>;

/// All sessions. Cheap to clone.
#[derive(Clone)]
pub struct Fleet {
    inner: Arc<Inner>,
}

struct Inner {
    seats: DashMap<DatabaseName, Seat>,
    timing: Timing,
    clock: Clock,
    started: Instant,
    /// Since when it is looked who is there.
    watches: Mutex<Contact>,
    numbers: AtomicU64,
    changed: Notify,
    /// What opens the backups of jobs that no agent has yet. Never written down.
    keys: DashMap<JobId, Secret>,
}

impl Fleet {
    /// Nobody is connected yet.
    #[must_use]
    pub fn new(timing: Timing) -> Self {
        Self::by_clock(timing, Box::new(|| Contact { at: clock::now(), instant: Instant::now() }))
    }

    /// The same, by another clock than that of the machine.
    #[must_use]
    pub fn by_clock(timing: Timing, clock: Clock) -> Self {
        let inner = Inner {
            seats: DashMap::new(),
            timing,
            started: clock().instant,
            watches: Mutex::new(clock()),
            clock,
            numbers: AtomicU64::new(1),
            changed: Notify::new(),
            keys: DashMap::new(),
        };
        Self { inner: Arc::new(inner) }
    }

    fn now(&self) -> Contact {
        (self.inner.clock)()
    }

    /// The bounds in time.
    #[must_use]
    pub fn timing(&self) -> &Timing {
        &self.inner.timing
    }

    /// Gives a session the seat; nothing is said to it before its [welcome](Self::welcome). An earlier session of the
    /// same agent is over; one of another agent under the same identity shuts both out. `certificates` are the ones
    /// that count at present: an agent whose certificate was replaced by a new enrolment is nobody's rival.
    ///
    /// # Errors
    /// When two agents claim the identity.
    pub fn join(
        &self,
        database: &DatabaseName,
        certificates: &Certificates,
        new: NewSession,
    ) -> Result<u64, JoinError> {
        let number = self.inner.numbers.fetch_add(1, Ordering::Relaxed);
        let (heard, dead_after) = (self.now(), self.inner.timing.dead_after);
        let mut seat = self.inner.seats.entry(database.clone()).or_default();
        match &seat.holder {
            Holder::Quarantined { serials } if serials.contains(&new.serial) => {
                return Err(JoinError::Quarantined(database.clone()));
            }
            Holder::Session(before) if before.rivals(&new, certificates, (heard.instant, dead_after)) => {
                let places = places([before.place.as_ref(), new.place.as_ref()]);
                seat.quarantine(certificates);
                drop(seat);
                self.inner.changed.notify_one();
                return Err(JoinError::Contested { database: database.clone(), places });
            }
            Holder::Session(_) | Holder::Quarantined { .. } | Holder::Nobody => {}
        }
        seat.take(Session::new(number, new, heard));
        drop(seat);
        self.inner.changed.notify_one();
        Ok(number)
    }

    /// Says welcome to a session. Questions follow, and what a state asks for that has entry `seq` in it: one that is older
    /// does not know what the agent's hello has told.
    ///
    /// # Errors
    /// When the session is over.
    pub fn welcome(
        &self,
        database: &DatabaseName,
        number: u64,
        (welcome, seq): (wire::ControllerMessage, u64),
    ) -> Result<(), JoinError> {
        let welcomed = self.inner.seats.get_mut(database).is_some_and(|mut seat| {
            let session = seat.session_mut().filter(|session| session.number == number);
            session.is_some_and(|session| session.welcome(welcome, seq))
        });
        self.inner.changed.notify_one();
        if welcomed { Ok(()) } else { Err(JoinError::Gone(database.clone())) }
    }

    /// A session has said something after its welcome: its process is alive. Where that process had been replaced by
    /// another, there are two of them, and both are shut out. A process that was restarted says nothing any more,
    /// whatever of it may still be on the way.
    ///
    /// # Errors
    /// When there are two.
    pub fn spoke(
        &self,
        database: &DatabaseName,
        certificates: &Certificates,
        number: u64,
    ) -> Result<(), JoinError> {
        let Some(mut seat) = self.inner.seats.get_mut(database) else { return Ok(()) };
        if seat.hears(number) {
            return Ok(());
        }
        let places = places([seat.session().and_then(|session| session.place.as_ref()), None]);
        seat.quarantine(certificates);
        drop(seat);
        self.inner.changed.notify_one();
        Err(JoinError::Contested { database: database.clone(), places })
    }

    /// Takes a session out that has come to its end, if it is still the one with this number. Its connection is its
    /// own affair.
    pub fn leave(&self, database: &DatabaseName, number: u64) {
        if let Some(mut seat) = self.inner.seats.get_mut(database)
            && seat.session().is_some_and(|session| session.number == number)
        {
            drop(seat.replace(Holder::Nobody));
        }
        self.inner.changed.notify_one();
    }

    /// Cuts the connection of a database's agent.
    pub fn disconnect(&self, database: &DatabaseName) {
        self.vacate_if(database, |_| true);
    }

    /// An agent was enrolled anew: whoever was connected or shut out before has a certificate that counts no more.
    pub fn enrolled(&self, database: &DatabaseName) {
        let now = self.now();
        if let Some(mut seat) = self.inner.seats.get_mut(database) {
            seat.enrolled(now);
        }
        self.inner.changed.notify_one();
    }

    fn vacate_if(&self, database: &DatabaseName, condition: impl FnOnce(&Session) -> bool) {
        let Some(mut seat) = self.inner.seats.get_mut(database) else { return };
        if seat.session().is_some_and(condition) {
            seat.vacate(Holder::Nobody);
            drop(seat);
            self.inner.changed.notify_one();
        }
    }

    /// Something was heard from an agent. `false`: the session is over, and another one or none has its place.
    pub fn heard(&self, database: &DatabaseName, number: u64, update: impl FnOnce(&mut Session)) -> bool {
        let now = self.now();
        let Some(mut seat) = self.inner.seats.get_mut(database) else { return false };
        let is_it = seat.session().is_some_and(|session| session.number == number);
        if is_it {
            seat.hear(now, update);
        }
        is_it
    }

    /// What is known of a database's session, once it was welcomed.
    pub fn look<T>(&self, database: &DatabaseName, read: impl FnOnce(&Session) -> T) -> Option<T> {
        self.inner.seats.get(database)?.session().filter(|session| session.is_welcomed()).map(read)
    }

    /// How a database's seat looks at this moment.
    #[must_use]
    pub fn glance(&self, database: &DatabaseName) -> Glance {
        let Some(seat) = self.inner.seats.get(database) else { return Glance::default() };
        let welcomed = seat.session().filter(|session| session.is_welcomed());
        Glance {
            connected: welcomed.map(|session| session.database_error.clone()),
            quarantined: matches!(seat.holder, Holder::Quarantined { .. }),
        }
    }

    /// Whether a database's agent is connected.
    #[must_use]
    pub fn is_connected(&self, database: &DatabaseName) -> bool {
        self.look(database, |_| ()).is_some()
    }

    /// Whether two agents with this identity were seen at once.
    #[must_use]
    pub fn is_quarantined(&self, database: &DatabaseName) -> bool {
        let seat = self.inner.seats.get(database);
        seat.is_some_and(|seat| matches!(seat.holder, Holder::Quarantined { .. }))
    }

    /// When the database's agent was last heard; `None`: not since the controller started.
    #[must_use]
    pub fn last_seen(&self, database: &DatabaseName) -> Option<Timestamp> {
        self.inner.seats.get(database)?.last().map(|contact| contact.at)
    }

    /// Whether the agent has been away for so long that its work counts as stuck.
    #[must_use]
    pub fn is_silent(&self, database: &DatabaseName) -> bool {
        let seat = self.inner.seats.get(database);
        if seat.as_ref().is_some_and(|seat| seat.session().is_some()) {
            return false;
        }
        let last = seat.and_then(|seat| seat.last()).map_or(self.inner.started, |contact| contact.instant);
        self.now().instant.saturating_duration_since(last) >= self.inner.timing.silent_after
    }

    /// How long nobody has known how a database is, and since when: its agent is not there, or cannot reach it. `None`: it
    /// is well. Before it was [looked](Self::watches_anew) nothing is known either, and does not count.
    #[must_use]
    pub fn out_of_reach(&self, database: &DatabaseName) -> Option<(Span, Timestamp)> {
        let seat = self.inner.seats.get(database);
        if seat.as_ref().is_some_and(|seat| seat.is_well()) {
            return None;
        }
        let watches = *self.inner.watches.lock().unwrap_or_else(PoisonError::into_inner);
        let well = seat.and_then(|seat| seat.last_well()).filter(|well| well.instant > watches.instant);
        let last = well.unwrap_or(watches);
        let long = i64::try_from(last.age(self.now().instant).as_millis()).unwrap_or(i64::MAX);
        Some((Span(long), last.at))
    }

    /// Nobody has looked until now: the process has just begun, or stood still.
    pub fn watches_anew(&self) {
        *self.inner.watches.lock().unwrap_or_else(PoisonError::into_inner) = self.now();
    }

    /// Cuts sessions that have said nothing for too long, and those whose certificate counts no more.
    pub fn sweep(&self, counts: impl Fn(&DatabaseName, &str) -> bool) {
        let now = self.now().instant;
        let why = |seat: &Seat, database: &DatabaseName| {
            let session = seat.session()?;
            let is_dead = session.heard.age(now) >= self.inner.timing.dead_after;
            let is_replaced = || !counts(database, &session.serial);
            let why =
                if is_dead { "it has said nothing for too long" } else { "its certificate counts no more" };
            (is_dead || is_replaced()).then_some((session.number, why))
        };
        let over: Vec<_> = self
            .inner
            .seats
            .iter()
            .filter_map(|seat| why(seat.value(), seat.key()).map(|why| (seat.key().clone(), why)))
            .collect();
        for (database, (number, why)) in over {
            tracing::warn!(%database, why, "the agent's session is cut");
            self.vacate_if(&database, |session| session.number == number);
        }
    }

    /// Hands a command to an agent, unless it has it, is not there, or came after entry `seq`, at which it was found that the
    /// command is to be handed over. A full outbox ends the session.
    pub fn deliver(&self, database: &DatabaseName, command: &Command, seq: u64) {
        let now = self.now().instant;
        self.once(
            database,
            |session| session.follows(seq) && session.wants(command, now),
            || Message::Command(command.into()),
        );
    }

    /// The agent could not tell what came of a command: it is handed over again after a while.
    pub fn ask_again(&self, database: &DatabaseName, command: &CommandId, attempt: u32) {
        let at = self.now().instant + self.inner.timing.ask_again;
        if let Some(mut seat) = self.inner.seats.get_mut(database)
            && let Some(session) = seat.session_mut()
        {
            session.ask_again((command.clone(), attempt), at);
        }
    }

    /// Tells an agent to stop working on a command, once a session.
    pub fn cancel(&self, database: &DatabaseName, command: &Command) {
        let (command_id, attempt) = (command.id.to_string(), command.attempt);
        let message = || Message::Cancel(wire::Cancel { command_id, attempt });
        self.once(database, |session| session.not_yet_cancelled(command), message);
    }

    /// Hands a job to an agent, unless it has it or is not there. One that the agent had taken, and that it does not know
    /// when it is back, was lost with its process: then that is what is to be written down. So is that the key of an
    /// encrypted backup is gone, once the agent has said that it does not have the job: one that is away may be at it.
    pub fn start_job(&self, state: &State, job: &Job) -> Option<Request> {
        let Some(backup) = state.backups.get(&(job.database.clone(), job.restore.backup.clone())) else {
            let why = "the backup is not known any more".to_owned();
            return Some(Request::EndJob { job: job.id.clone(), end: JobEnd::Interrupted { why } });
        };
        let lacks_it = |session: &Session| session.follows(state.seq) && session.lacks_job(&job.id);
        let is_without = self.look(&job.database, lacks_it) == Some(true);
        if job.taken && is_without {
            let why = "its agent does not know of it any more".to_owned();
            return Some(Request::EndJob { job: job.id.clone(), end: JobEnd::Interrupted { why } });
        }
        let key = self.inner.keys.get(&job.id).map(|key| key.clone());
        if backup.backup.sealed_key.is_some() && key.is_none() && !job.taken {
            // It comes right after the job.
            let is_late = self.now().at >= job.started_at + KEY_COMES_WITHIN;
            return (is_late && is_without)
                .then(|| Request::EndJob { job: job.id.clone(), end: key_is_gone() });
        }
        let message = || {
            Message::StartJob(
                WireJob {
                    id: job.id.clone(),
                    backup: job.restore.backup.clone(),
                    path: backup.backup.path.clone(),
                    sha256: backup.backup.sha256,
                    into: job.restore.into.clone(),
                    key,
                }
                .into(),
            )
        };
        self.once(&job.database, |session| session.follows(state.seq) && session.wants_job(&job.id), message);
        None
    }

    /// Keeps what opens the backup of a job, until its agent has it.
    pub fn keep_key(&self, job: JobId, key: Secret) {
        self.inner.keys.insert(job, key);
        self.inner.changed.notify_one();
    }

    /// Forgets what opens the backups of jobs that are over, or whose agents have them.
    pub fn forget_keys(&self, state: &State) {
        // One that is not known yet was started a moment ago.
        let is_needed = |job: &JobId| state.jobs.get(job).is_none_or(|job| job.is_open() && !job.taken);
        self.inner.keys.retain(|job, _| is_needed(job));
    }

    /// Tells an agent to end a job, once a session. One that it does not have is over; only the agent knows that.
    pub fn cancel_job(&self, database: &DatabaseName, job: &JobId) -> Option<Request> {
        if self.look(database, |session| session.lacks_job(job)) == Some(true) {
            return Some(Request::EndJob { job: job.clone(), end: JobEnd::Cancelled });
        }
        let message = || Message::CancelJob(wire::CancelJob { id: job.to_string() });
        self.once(database, |session| session.not_yet_cancelled_job(job), message);
        None
    }

    fn once(
        &self,
        database: &DatabaseName,
        is_due: impl FnOnce(&mut Session) -> bool,
        message: impl FnOnce() -> Message,
    ) {
        let Some(mut seat) = self.inner.seats.get_mut(database) else { return };
        let Some(session) = seat.session_mut().filter(|session| session.is_welcomed()) else { return };
        if is_due(session) && !session.send(message()) {
            tracing::warn!(%database, "the agent does not take its messages; its session is cut");
            seat.vacate(Holder::Nobody);
        }
    }

    /// Asks an agent something that changes nothing.
    ///
    /// # Errors
    /// When there is no answer in time.
    pub async fn probe(
        &self,
        database: &DatabaseName,
        kind: wire::probe::Kind,
        deadline: Duration,
    ) -> Result<wire::probe_answer::Answer, ProbeError> {
        let id = self.inner.numbers.fetch_add(1, Ordering::Relaxed);
        let answer = self.send_probe(database, id, kind)?;
        match tokio::time::timeout(deadline, answer).await {
            Err(_) => Err(ProbeError::Late(deadline)),
            Ok(Err(_)) => Err(ProbeError::Lost),
            Ok(Ok(wire::probe_answer::Answer::Error(why))) => Err(ProbeError::Failed(why)),
            Ok(Ok(answer)) => Ok(answer),
        }
    }

    fn send_probe(
        &self,
        database: &DatabaseName,
        id: u64,
        kind: wire::probe::Kind,
    ) -> Result<oneshot::Receiver<wire::probe_answer::Answer>, ProbeError> {
        let mut seat = self.inner.seats.get_mut(database).ok_or(ProbeError::NotConnected)?;
        let session = seat.session_mut().filter(|session| session.is_welcomed());
        let session = session.ok_or(ProbeError::NotConnected)?;
        let answer = session.expect_answer(id, &kind)?;
        if session.send(Message::Probe(wire::Probe { id, kind: Some(kind) })) {
            return Ok(answer);
        }
        seat.vacate(Holder::Nobody);
        Err(ProbeError::Lost)
    }

    /// Waits until somebody has come or gone. For one listener.
    pub async fn changed(&self) {
        self.inner.changed.notified().await;
    }
}
