//! One connected agent.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::{Duration, Instant};

use pgbelay_core::access::Certificates;
use pgbelay_core::command::{Command, CommandId};
use pgbelay_core::job::JobId;
use pgbelay_core::witness::Checkpoint;
use pgbelay_proto::wire;
use pgbelay_proto::wire::controller_message::Message;
use tokio::sync::{mpsc, oneshot};
use tonic::Status;

use super::waiting::Waiting;
use super::{Contact, ProbeError};
use crate::listener::ConnectionHandle;

/// Messages that may wait for an agent. One that does not take them is disconnected; its commands are not lost.
pub const OUTBOX: usize = 64;

/// Questions that an agent may have to answer at a time: several people planning at once, and no more.
pub(super) const MAX_PROBES: usize = 16;

/// What goes out on a session's stream: messages, and at its end perhaps the reason for it. Boxed, because a queue has
/// room for 32 of them from its beginning on, and there is one for each agent.
pub type Outgoing = Result<Box<wire::ControllerMessage>, Status>;

/// A run of a command.
type Key = (CommandId, u32);

/// The way to an agent. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Outbox(mpsc::Sender<Outgoing>);

impl Outbox {
    /// A queue of [`OUTBOX`] messages, and its other end.
    #[must_use]
    pub fn new() -> (Self, mpsc::Receiver<Outgoing>) {
        let (queue, outgoing) = mpsc::channel(OUTBOX);
        (Self(queue), outgoing)
    }

    /// Sends a message if there is room; whether there was.
    pub fn try_send(&self, message: impl Into<wire::ControllerMessage>) -> bool {
        self.0.try_send(Ok(Box::new(message.into()))).is_ok()
    }

    /// Sends a message when there is room; whether the stream is still there.
    pub async fn send(&self, message: impl Into<wire::ControllerMessage>) -> bool {
        self.0.send(Ok(Box::new(message.into()))).await.is_ok()
    }

    /// Says why the stream ends, if there is room.
    pub fn end(self, why: Status) {
        // An agent that does not read learns from its connection that it is over.
        drop(self.0.try_send(Err(why)));
    }
}

/// What a new session starts with.
pub struct NewSession {
    /// What tells two agents with one identity apart.
    pub instance_id: String,
    /// What tells a start of the agent from every other one.
    pub process_id: String,
    /// The serial number of its certificate.
    pub serial: String,
    /// The agent's version.
    pub agent_version: String,
    /// Why the agent cannot reach its database; empty: it can.
    pub database_error: String,
    /// The way to the agent.
    pub outbox: Outbox,
    /// Where that comes from.
    pub place: Option<String>,
    /// The connection that it came on.
    pub connection: ConnectionHandle,
    /// The commands, by run, that stand in its journal.
    pub known: BTreeSet<Key>,
    /// The jobs that it has.
    pub jobs: BTreeSet<JobId>,
}

/// What an agent told of itself and what is going on there.
pub struct Session {
    /// Which of the sessions of this process it is.
    pub number: u64,
    /// The agent's version.
    pub agent_version: String,
    /// Why the agent cannot reach its database; empty: it can.
    pub database_error: String,
    /// How far the command in its hands is.
    pub progress: Option<wire::Progress>,
    pub(super) serial: String,
    pub(super) heard: Contact,
    pub(super) connection: ConnectionHandle,
    pub(super) process_id: String,
    pub(super) place: Option<String>,
    instance_id: String,
    outbox: Outbox,
    /// The last entry of the ledger when it was welcomed.
    welcomed: Option<u64>,
    /// The checkpoint that it was told last, and when.
    told: Option<(Checkpoint, Instant)>,
    /// The commands that it has or was sent in this session.
    known: BTreeMap<Key, Known>,
    cancelled: BTreeSet<Key>,
    /// What the job in its hands is at.
    pub job_progress: Option<wire::JobProgress>,
    jobs: BTreeSet<JobId>,
    cancelled_jobs: BTreeSet<JobId>,
    probes: HashMap<u64, Waiting>,
}

/// What an agent knows of a command.
enum Known {
    /// It has it.
    Told,
    /// It could not tell what came of it, and is to look again from this moment on.
    AskAgain(Instant),
}

impl Session {
    pub(super) fn new(number: u64, new: NewSession, heard: Contact) -> Self {
        Self {
            number,
            agent_version: new.agent_version,
            database_error: new.database_error,
            progress: None,
            serial: new.serial,
            heard,
            connection: new.connection,
            process_id: new.process_id,
            place: new.place,
            instance_id: new.instance_id,
            outbox: new.outbox,
            welcomed: None,
            told: None,
            known: new.known.into_iter().map(|key| (key, Known::Told)).collect(),
            cancelled: BTreeSet::new(),
            job_progress: None,
            jobs: new.jobs,
            cancelled_jobs: BTreeSet::new(),
            probes: HashMap::new(),
        }
    }

    /// Says welcome, if there is room for it; whether there was.
    pub(super) fn welcome(&mut self, welcome: wire::ControllerMessage, seq: u64) -> bool {
        let said = self.send(welcome);
        self.welcomed = said.then_some(seq);
        said
    }

    /// Whether anything else may be said.
    pub(super) const fn is_welcomed(&self) -> bool {
        self.welcomed.is_some()
    }

    /// Whether it reaches its database.
    pub(super) const fn is_well(&self) -> bool {
        self.is_welcomed() && self.database_error.is_empty()
    }

    /// Whether a state that ends with this entry knows what the agent said when it came.
    pub(super) fn follows(&self, seq: u64) -> bool {
        self.welcomed.is_some_and(|welcomed| welcomed <= seq)
    }

    /// Whether this is another agent than the one that comes, alive and with a certificate that counts.
    pub(super) fn rivals(
        &self,
        new: &NewSession,
        certificates: &Certificates,
        (now, dead_after): (Instant, Duration),
    ) -> bool {
        self.instance_id != new.instance_id
            && certificates.accepts(&self.serial)
            && !self.connection.is_closed()
            && self.heard.age(now) < dead_after
    }

    /// Whether a command is to be handed over; it is then taken to have been.
    pub(super) fn wants(&mut self, command: &Command, now: Instant) -> bool {
        let key = (command.id.clone(), command.attempt);
        match self.known.get(&key) {
            Some(Known::Told) => return false,
            Some(Known::AskAgain(at)) if now < *at => return false,
            Some(Known::AskAgain(_)) | None => {}
        }
        self.known.insert(key, Known::Told);
        true
    }

    pub(super) fn ask_again(&mut self, key: Key, at: Instant) {
        self.known.insert(key, Known::AskAgain(at));
    }

    pub(super) fn not_yet_cancelled(&mut self, command: &Command) -> bool {
        self.cancelled.insert((command.id.clone(), command.attempt))
    }

    /// Whether it neither said that it has a job nor was sent it in this session.
    pub(super) fn lacks_job(&self, job: &JobId) -> bool {
        !self.jobs.contains(job)
    }

    /// Whether a job is to be handed over; it is then taken to have been.
    pub(super) fn wants_job(&mut self, job: &JobId) -> bool {
        self.jobs.insert(job.clone())
    }

    pub(super) fn not_yet_cancelled_job(&mut self, job: &JobId) -> bool {
        self.cancelled_jobs.insert(job.clone())
    }

    /// Waits for the answer to a probe. Those that nobody waits for any more do not count.
    pub(super) fn expect_answer(
        &mut self,
        id: u64,
        kind: &wire::probe::Kind,
    ) -> Result<oneshot::Receiver<wire::probe_answer::Answer>, ProbeError> {
        self.probes.retain(|_, waiting| !waiting.is_closed());
        if self.probes.len() >= MAX_PROBES {
            return Err(ProbeError::Busy);
        }
        let (reply, answer) = oneshot::channel();
        self.probes.insert(id, Waiting::new(reply, kind));
        Ok(answer)
    }

    /// Sends a message if there is room; whether there was.
    pub(super) fn send(&self, message: impl Into<wire::ControllerMessage>) -> bool {
        self.outbox.try_send(message)
    }

    /// Tells the agent that it was heard, and forgets who waits for it no more, with what has come for them. An agent that
    /// does not take even that is cut.
    pub fn answer_heartbeat(&mut self, checkpoint: Option<Checkpoint>, every: Duration) {
        self.probes.retain(|_, waiting| !waiting.is_closed());
        let now = self.heard.instant;
        let is_new = |checkpoint: &Checkpoint| {
            self.told
                .is_none_or(|(told, at)| told != *checkpoint && now.saturating_duration_since(at) >= every)
        };
        let checkpoint = checkpoint.filter(is_new);
        if let Some(checkpoint) = checkpoint {
            self.told = Some((checkpoint, now));
        }
        let mut answer = wire::ControllerMessage::from(Message::Ack(wire::Ack::default()));
        answer.checkpoint = checkpoint.as_ref().map(Into::into);
        if !self.send(answer) {
            self.connection.close();
        }
    }

    /// Gives an answer to whoever asked.
    pub fn answered(&mut self, answer: wire::ProbeAnswer) {
        if let (Some(waiting), Some(said)) = (self.probes.remove(&answer.id), answer.answer)
            && let Some(waiting) = waiting.answered(said)
        {
            self.probes.insert(answer.id, waiting);
        }
    }
}
