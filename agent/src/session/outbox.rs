//! What goes out on one connection. Nobody waits here: a controller that does not read loses its connection, and
//! everything that matters is said again on the next one.

use pgbelay_core::command::{CommandId, Outcome};
use pgbelay_core::job::{JobEnd, JobId};
use pgbelay_proto::wire::{self, agent_message::Message};
use pgbelay_proto::{CATALOG_PART_BYTES, MAX_CATALOG_BYTES};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;

use crate::database::Progress;

/// Messages that wait to be sent: a burst of results and answers, not a backlog; and one schema in parts, which are
/// sent one by one.
const QUEUE: usize = 64 + MAX_CATALOG_BYTES.div_ceil(CATALOG_PART_BYTES);

/// The outgoing side of one connection.
#[derive(Debug, Clone)]
pub(crate) struct Outbox {
    queue: mpsc::Sender<wire::AgentMessage>,
    cut: CancellationToken,
}

impl Outbox {
    /// A queue, and its other end. `cut` ends the connection.
    pub(crate) fn new(cut: CancellationToken) -> (Self, ReceiverStream<wire::AgentMessage>) {
        let (queue, sent) = mpsc::channel(QUEUE);
        (Self { queue, cut }, ReceiverStream::new(sent))
    }

    pub(super) fn hello(&self, hello: wire::Hello) {
        self.send(Message::Hello(hello));
    }

    /// All is well with the agent; with its database, unless there is an error.
    pub(crate) fn heartbeat(&self, database_error: &str) {
        self.send(Message::Heartbeat(wire::Heartbeat { database_error: database_error.to_owned() }));
    }

    /// The command is on disk.
    pub(crate) fn accepted(&self, id: &CommandId, attempt: u32) {
        self.send(Message::Accepted(wire::Accepted { command_id: id.to_string(), attempt }));
    }

    /// What came of a command.
    pub(crate) fn report(&self, id: &CommandId, attempt: u32, outcome: &Outcome) {
        let outcome = Some(outcome.into());
        self.send(Message::Report(wire::Report { command_id: id.to_string(), attempt, outcome }));
    }

    /// The job is on disk.
    pub(crate) fn job_taken(&self, id: &JobId) {
        self.send(Message::JobTaken(wire::JobTaken { id: id.to_string() }));
    }

    /// How a job ended.
    pub(crate) fn job_ended(&self, id: &JobId, end: &JobEnd) {
        self.send(Message::JobEnded(wire::JobEnded { id: id.to_string(), end: Some(end.into()) }));
    }

    /// How far a job is; lost when the queue is full, and told again soon.
    pub(crate) fn job_progress(&self, id: &JobId, doing: &str) {
        let message = Message::JobProgress(wire::JobProgress { id: id.to_string(), doing: doing.to_owned() });
        let _ = self.queue.try_send(wire::AgentMessage { message: Some(message) });
    }

    /// What a probe found.
    pub(crate) fn answer(&self, answer: wire::ProbeAnswer) {
        self.send(Message::Answer(answer));
    }

    /// How far a command is; lost when the queue is full, and told again soon.
    pub(crate) fn progress(&self, id: &CommandId, progress: &Progress) {
        let message = Message::Progress(wire::Progress {
            command_id: id.to_string(),
            steps_done: progress.steps_done,
            steps_total: progress.steps_total,
            doing: progress.doing.clone(),
        });
        let _ = self.queue.try_send(wire::AgentMessage { message: Some(message) });
    }

    /// Ends the connection; the keeper makes another one.
    pub(crate) fn cut(&self) {
        self.cut.cancel();
    }

    fn send(&self, message: Message) {
        match self.queue.try_send(wire::AgentMessage { message: Some(message) }) {
            Ok(()) => {}
            Err(mpsc::error::TrySendError::Full(_)) => {
                tracing::warn!("the controller does not read what it is told: making another connection");
                self.cut();
            }
            // The connection has ended; the dispatcher hears of it in its turn.
            Err(mpsc::error::TrySendError::Closed(_)) => {}
        }
    }
}
