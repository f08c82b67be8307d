//! What the controller says, parsed. What can't be read is told apart by whom it concerns.

use std::path::PathBuf;
use std::time::Duration;

use pgbelay_core::command::CommandId;
use pgbelay_core::digest::Digest;
use pgbelay_core::job::JobId;
use pgbelay_core::plan::ExecutionSettings;
use pgbelay_proto::convert::{BadMessage, MOST_COPIES, WireCommand, WireJob, WireStep};
use pgbelay_proto::wire::{self, controller_message::Message, probe};

/// A message of the controller, after its welcome.
#[derive(Debug)]
pub(crate) enum Incoming {
    /// Do this.
    Command(Box<WireCommand>),
    /// Do this, in words that this agent does not understand.
    UnreadableCommand { id: CommandId, attempt: u32, why: BadMessage },
    /// Don't do that, or stop doing it.
    Cancel { id: CommandId, attempt: u32 },
    /// The result is durable.
    Ack { id: CommandId, attempt: u32 },
    /// The answer to a heartbeat: the controller is there.
    Alive,
    /// A question that changes nothing.
    Probe { id: u64, question: Result<Question, BadMessage> },
    /// Do this with a backup.
    Job(Box<WireJob>),
    /// Do this with a backup, in words that this agent does not understand.
    UnreadableJob { id: JobId, why: BadMessage },
    /// Don't do that with a backup, or stop doing it.
    CancelJob(JobId),
    /// The end of the job is durable.
    JobAck(JobId),
    /// Come back after a while.
    Drain { after: Duration },
    /// Something that this agent has no ear for.
    Noise { why: String },
}

/// What a probe asks.
#[derive(Debug)]
pub(crate) enum Question {
    /// What does the database look like?
    Inspect,
    /// What happens when these steps are run, in a transaction that is rolled back?
    DryRun { steps: Vec<WireStep>, settings: ExecutionSettings },
    /// How many rows would be lost, of these tables and columns?
    CountLoss(Vec<(String, Option<String>)>),
    /// What is the schema?
    Catalog,
    /// How large and busy are these relations?
    Measure(Vec<String>),
    /// What do the history tables of other tools hold?
    History,
    /// Is the backup at this path, and in these other places, whose manifest had this digest, still whole? It takes as long as there is to read: the
    /// controller, which knows how much that is, may say how long it waits.
    Backup { path: PathBuf, sha256: Digest, copies: Vec<String>, deadline: Option<Duration> },
    /// Is all of it still there, as far as can be seen without reading it?
    LookAtBackup(PathBuf, Digest),
    /// Delete it.
    DeleteBackup(PathBuf, Digest),
}

impl From<wire::ControllerMessage> for Incoming {
    fn from(message: wire::ControllerMessage) -> Self {
        match message.message {
            Some(Message::Command(command)) => read_command(command),
            Some(Message::Cancel(cancel)) => match cancel.command_id.parse() {
                Ok(id) => Self::Cancel { id, attempt: cancel.attempt },
                Err(_) => noise("a cancel without a command id"),
            },
            Some(Message::Ack(ack)) if ack.command_id.is_empty() => Self::Alive,
            Some(Message::Ack(ack)) => match ack.command_id.parse() {
                Ok(id) => Self::Ack { id, attempt: ack.attempt },
                Err(_) => noise("an acknowledgement with a malformed command id"),
            },
            Some(Message::StartJob(job)) => match (job.id.parse::<JobId>(), WireJob::try_from(job)) {
                (_, Ok(job)) => Self::Job(Box::new(job)),
                (Ok(id), Err(why)) => Self::UnreadableJob { id, why },
                (Err(_), Err(why)) => noise(&why.to_string()),
            },
            Some(Message::CancelJob(cancel)) => match cancel.id.parse() {
                Ok(id) => Self::CancelJob(id),
                Err(_) => noise("a cancel without a job id"),
            },
            Some(Message::JobAck(ack)) => match ack.id.parse() {
                Ok(id) => Self::JobAck(id),
                Err(_) => noise("an acknowledgement with a malformed job id"),
            },
            Some(Message::Probe(probe)) => Self::Probe { id: probe.id, question: read_question(probe.kind) },
            Some(Message::Drain(drain)) => Self::Drain { after: Duration::from_millis(drain.after_ms) },
            Some(Message::Welcome(_)) => noise("a second welcome"),
            None => noise("a kind of message that this version does not know"),
        }
    }
}

fn noise(why: &str) -> Incoming {
    Incoming::Noise { why: why.to_owned() }
}

fn read_command(command: wire::Command) -> Incoming {
    let (id, attempt) = (command.id.parse::<CommandId>(), command.attempt);
    match (WireCommand::try_from(command), id) {
        (Ok(command), _) => Incoming::Command(Box::new(command)),
        (Err(why), Ok(id)) => Incoming::UnreadableCommand { id, attempt, why },
        (Err(why), Err(_)) => Incoming::Noise { why: why.to_string() },
    }
}

fn read_question(kind: Option<probe::Kind>) -> Result<Question, BadMessage> {
    match kind {
        Some(probe::Kind::Inspect(probe::Inspect {})) => Ok(Question::Inspect),
        Some(probe::Kind::DryRun(dry_run)) => {
            let settings = dry_run.settings.ok_or_else(|| missing("settings"))?.try_into()?;
            let steps = dry_run.steps.into_iter().map(TryInto::try_into).collect::<Result<_, _>>()?;
            Ok(Question::DryRun { steps, settings })
        }
        Some(probe::Kind::CountLoss(count)) => {
            let object = |doomed: wire::Doomed| {
                let column = (!doomed.column.is_empty()).then_some(doomed.column);
                (doomed.table, column)
            };
            Ok(Question::CountLoss(count.objects.into_iter().map(object).collect()))
        }
        Some(probe::Kind::Catalog(probe::Catalog {})) => Ok(Question::Catalog),
        Some(probe::Kind::History(probe::ReadHistory {})) => Ok(Question::History),
        Some(probe::Kind::VerifyBackup(wanted)) => {
            let (path, sha256) = (wanted.path.into(), read_digest(&wanted.sha256)?);
            Ok(if wanted.quick {
                Question::LookAtBackup(path, sha256)
            } else {
                let deadline = Duration::from_millis(wanted.deadline_ms);
                let deadline = Some(deadline).filter(|deadline| !deadline.is_zero());
                Question::Backup { path, sha256, copies: read_copies(wanted.copies)?, deadline }
            })
        }
        Some(probe::Kind::DeleteBackup(wanted)) => {
            Ok(Question::DeleteBackup(wanted.path.into(), read_digest(&wanted.sha256)?))
        }
        Some(probe::Kind::Measure(measure)) => Ok(Question::Measure(measure.relations)),
        None => Err(missing("kind")),
    }
}

fn read_copies(copies: Vec<String>) -> Result<Vec<String>, BadMessage> {
    if copies.len() <= MOST_COPIES {
        return Ok(copies);
    }
    Err(BadMessage { field: "copies", fault: format!("more than {MOST_COPIES}") })
}

fn read_digest(text: &str) -> Result<Digest, BadMessage> {
    text.parse().map_err(|_| BadMessage { field: "sha256", fault: "not a digest".to_owned() })
}

fn missing(field: &'static str) -> BadMessage {
    BadMessage { field, fault: "missing, or of a kind that this version does not know".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(message: Message) -> Incoming {
        wire::ControllerMessage::from(message).into()
    }

    #[test]
    fn a_command_that_cannot_be_read_is_still_somebodys() {
        let command = wire::Command { id: "c7".to_owned(), attempt: 2, ..wire::Command::default() };
        let Incoming::UnreadableCommand { id, attempt, .. } = read(Message::Command(command)) else {
            panic!()
        };
        assert_eq!((id.as_str(), attempt), ("c7", 2));
        let nobodys = wire::Command { id: "../c7".to_owned(), ..wire::Command::default() };
        assert!(matches!(read(Message::Command(nobodys)), Incoming::Noise { .. }));
    }

    #[test]
    fn an_acknowledgement_of_nothing_is_a_sign_of_life() {
        let ack = |id: &str| Message::Ack(wire::Ack { command_id: id.to_owned(), attempt: 1 });
        assert!(matches!(read(ack("")), Incoming::Alive));
        assert!(matches!(read(ack("c1")), Incoming::Ack { attempt: 1, .. }));
        assert!(matches!(read(ack("no/name")), Incoming::Noise { .. }));
    }

    #[test]
    fn a_kind_that_is_not_known_is_not_an_error_of_the_stream() {
        assert!(matches!(Incoming::from(wire::ControllerMessage::default()), Incoming::Noise { .. }));
        let probe = wire::Probe { id: 3, kind: None };
        assert!(matches!(read(Message::Probe(probe)), Incoming::Probe { id: 3, question: Err(_) }));
    }
}
