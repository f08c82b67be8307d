//! What is said between the controller and one agent, apart from how it travels.

use std::collections::BTreeSet;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use pgbelay_core::access::Certificates;
use pgbelay_core::command::{CommandId, Outcome};
use pgbelay_core::database::Observation;
use pgbelay_core::event::Actor;
use pgbelay_core::job::{JobEnd, JobId};
use pgbelay_core::name::DatabaseName;
use pgbelay_core::request::Request as Ask;
use pgbelay_core::rollout::TargetState;
use pgbelay_core::state::State;
use pgbelay_core::witness::{Checkpoint, Looked};
use pgbelay_proto::identity::PeerIdentity;
use pgbelay_proto::wire;
use pgbelay_proto::wire::agent_message::Message as FromAgent;
use pgbelay_proto::wire::controller_message::Message as ToAgent;
use tonic::Status;

use super::{bounds, shut_out};
use crate::fleet::{self, Fleet, JoinError, NewSession, Outbox};
use crate::listener::ConnectionHandle;
use crate::rpc::{Services, bad, gate, not_granted, parse, usage};
use crate::sequencer::Granted;

mod witness;

/// Longest identity of an agent's directory or process; a UUID has 36 characters.
const MAX_ID: usize = 64;

/// Most entries of a journal that are looked at: an agent keeps at most 500 that were not acknowledged.
const MAX_JOURNAL: usize = 1_000;

/// Who decides, and who is connected.
pub trait Desk: Send + Sync {
    /// The state.
    ///
    /// # Errors
    /// The controller is still starting.
    fn state(&self) -> Result<Arc<State>, Status>;

    /// Who is connected.
    fn fleet(&self) -> &Fleet;

    /// Where the ledger is, for agents to keep; `None`: it is in doubt.
    fn checkpoint(&self) -> Option<Checkpoint>;

    /// What the ledger has at a place.
    ///
    /// # Errors
    /// It cannot be read.
    fn look(&self, seq: u64) -> impl Future<Output = Result<Looked, Status>> + Send;

    /// Asks for something; when this is done, it is durable.
    ///
    /// # Errors
    /// It was refused, or is not durable.
    fn ask(&self, actor: Actor, request: Ask) -> impl Future<Output = Result<Granted, Status>> + Send;
}

impl Desk for Services {
    fn state(&self) -> Result<Arc<State>, Status> {
        Self::state(self)
    }

    fn fleet(&self) -> &Fleet {
        &self.fleet
    }

    fn checkpoint(&self) -> Option<Checkpoint> {
        self.controller.checkpoint()
    }

    async fn look(&self, seq: u64) -> Result<Looked, Status> {
        self.controller.look(seq).await.map_err(not_granted)
    }

    async fn ask(&self, actor: Actor, request: Ask) -> Result<Granted, Status> {
        self.controller.ask(actor, request).await.map_err(not_granted)
    }
}

/// The controller's end of the talk with one agent.
pub struct Talk<D> {
    /// Who decides.
    pub desk: D,
    /// Whose agent it is.
    pub database: DatabaseName,
    /// Who it is, by its certificate.
    pub peer: Arc<PeerIdentity>,
    /// The connection, to be cut.
    pub connection: ConnectionHandle,
    /// Where it comes from.
    pub place: Option<String>,
    /// The way to the agent.
    pub outbox: Outbox,
}

impl<D: Desk> Talk<D> {
    /// Takes the seat, and only then records what the agent tells: one that is shut out leaves no trace.
    ///
    /// # Errors
    /// The hello makes no sense, or the agent is shut out.
    pub async fn hello(&self, hello: wire::Hello) -> Result<Seat, Status> {
        check(&hello)?;
        if let Some(seen) = &hello.observation {
            bounds::observation(seen).map_err(|error| usage(&error.to_string()))?;
        }
        let observation = hello.observation.map(Observation::try_from).transpose();
        let observation = observation.map_err(|error| bad(&error))?;
        let run = |entry: &wire::JournalEntry| Ok((parse(&entry.command_id)?, entry.attempt));
        let known: BTreeSet<(CommandId, u32)> =
            hello.journal.iter().map(run).collect::<Result<_, Status>>()?;
        let jobs: BTreeSet<JobId> = hello.jobs.iter().map(|job| parse(job)).collect::<Result<_, Status>>()?;
        let witnessed = hello.witness.map(Checkpoint::try_from).transpose().map_err(|error| bad(&error))?;
        let state = self.known()?;
        let seat = self.take_seat(
            &state,
            NewSession {
                instance_id: hello.instance_id,
                process_id: hello.process_id,
                serial: self.peer.serial.clone(),
                agent_version: bounds::line(hello.agent_version),
                database_error: bounds::line(hello.database_error),
                outbox: self.outbox.clone(),
                connection: self.connection.clone(),
                place: self.place.clone(),
                known: known.clone(),
                jobs: jobs.clone(),
            },
        );
        let seat = match seat {
            Ok(seat) => seat,
            Err(error) => return Err(self.turn_away(error).await),
        };
        // Before all else: from here on nothing is sent that the agent's word speaks against.
        self.witness(witnessed).await?;
        self.record(observation, known).await?;
        for job in jobs {
            if !self.is_of_another(&job)? {
                self.ask(Ask::JobTaken { job }).await?;
            }
        }
        let seq = self.desk.state()?.seq;
        let welcome = self.with_checkpoint(self.welcome());
        let welcomed = self.desk.fleet().welcome(&self.database, seat.number, (welcome, seq));
        welcomed.map_err(|error| shut_out(&error))?;
        Ok(seat)
    }

    fn take_seat(&self, state: &State, new: NewSession) -> Result<Seat, JoinError> {
        // Also those that were found before this process began.
        let contested = state.contested.get(&self.database);
        if contested.is_some_and(|contested| contested.serials.contains(&self.peer.serial)) {
            return Err(JoinError::Quarantined(self.database.clone()));
        }
        let certificates = state.agents.get(&self.database);
        let certificates = certificates.ok_or_else(|| JoinError::Gone(self.database.clone()))?;
        let number = self.desk.fleet().join(&self.database, certificates, new)?;
        Ok(Seat { fleet: self.desk.fleet().clone(), database: self.database.clone(), number })
    }

    async fn record(
        &self,
        observation: Option<Observation>,
        known: BTreeSet<(CommandId, u32)>,
    ) -> Result<(), Status> {
        let (database, serial) = (self.database.clone(), self.peer.serial.clone());
        self.ask(Ask::CertificateSeen { database: database.clone(), serial }).await?;
        if let Some(observation) = observation {
            self.ask(Ask::Observe { database, observation }).await?;
        }
        for (command, attempt) in known {
            if self.desk.state()?.commands.contains_key(&command) {
                self.ask(Ask::Accepted { command, attempt }).await?;
            }
        }
        Ok(())
    }

    fn certificates<'a>(&self, state: &'a State) -> Result<&'a Certificates, Status> {
        state.agents.get(&self.database).ok_or_else(|| Status::permission_denied("not enrolled"))
    }

    /// That there are two is written down: they stay shut out when the controller is another process.
    async fn turn_away(&self, error: JoinError) -> Status {
        tracing::error!(database = %self.database, "{error}");
        let status = shut_out(&error);
        if let JoinError::Contested { database, places } = error {
            let contested = self.desk.ask(Actor::Controller, Ask::Contest { database, places });
            if let Err(error) = contested.await {
                tracing::error!(database = %self.database, error = error.message(), "that there are two agents is not on record");
            }
        }
        status
    }

    fn welcome(&self) -> ToAgent {
        let timing = self.desk.fleet().timing();
        let ms = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        ToAgent::Welcome(wire::Welcome {
            protocol: pgbelay_proto::PROTOCOL,
            heartbeat_every_ms: ms(timing.heartbeat),
            lease_ms: ms(timing.lease),
        })
    }

    /// Takes what an agent says after its hello.
    ///
    /// # Errors
    /// Its certificate counts no more, another session has its place, or what it says makes no sense.
    pub async fn heard(&self, number: u64, message: wire::AgentMessage) -> Result<(), Status> {
        // The certificate may have been revoked while the stream lives.
        let state = self.known()?;
        let spoke = self.desk.fleet().spoke(&self.database, self.certificates(&state)?, number);
        if let Err(error) = spoke {
            return Err(self.turn_away(error).await);
        }
        match message.message {
            Some(message) => self.handle(number, message).await,
            None => Ok(()),
        }
    }

    /// The state, in which the agent's certificate counts.
    fn known(&self) -> Result<Arc<State>, Status> {
        let state = self.desk.state()?;
        gate::known(&state, &self.peer)?;
        Ok(state)
    }

    async fn handle(&self, number: u64, message: FromAgent) -> Result<(), Status> {
        match message {
            FromAgent::Hello(_) => Err(Status::invalid_argument("a second hello")),
            FromAgent::Heartbeat(beat) => self.sign_of_life(number, |session| {
                session.database_error = bounds::line(beat.database_error);
                let every = self.desk.fleet().timing().checkpoint;
                session.answer_heartbeat(self.desk.checkpoint(), every);
            }),
            FromAgent::Progress(progress) => {
                self.sign_of_life(number, |session| session.progress = Some(bounds::progress(progress)))
            }
            FromAgent::Answer(answer) => {
                self.sign_of_life(number, |session| session.answered(bounds::answer(answer)))
            }
            FromAgent::Accepted(accepted) => {
                self.sign_of_life(number, |_| {})?;
                self.accepted(&accepted).await
            }
            FromAgent::JobTaken(taken) => {
                self.sign_of_life(number, |_| {})?;
                self.ask(Ask::JobTaken { job: parse(&taken.id)? }).await
            }
            FromAgent::JobProgress(progress) => self
                .sign_of_life(number, |session| session.job_progress = Some(bounds::job_progress(progress))),
            FromAgent::JobEnded(ended) => {
                self.sign_of_life(number, |session| session.job_progress = None)?;
                self.job_ended(ended).await
            }
            FromAgent::Report(report) => {
                self.sign_of_life(number, |session| session.progress = None)?;
                self.report(report).await
            }
        }
    }

    /// Takes a sign of life. A session that is over is not listened to: what matters is said again in the next one.
    fn sign_of_life(&self, number: u64, update: impl FnOnce(&mut fleet::Session)) -> Result<(), Status> {
        let is_current = self.desk.fleet().heard(&self.database, number, update);
        is_current
            .then_some(())
            .ok_or_else(|| Status::aborted("another session has taken the place of this one"))
    }

    async fn accepted(&self, accepted: &wire::Accepted) -> Result<(), Status> {
        let command: CommandId = parse(&accepted.command_id)?;
        if self.desk.state()?.commands.contains_key(&command) {
            self.ask(Ask::Accepted { command, attempt: accepted.attempt }).await?;
        }
        Ok(())
    }

    /// Acknowledged only when it is durable, or when nobody waits for it any more.
    async fn report(&self, report: wire::Report) -> Result<(), Status> {
        let command: CommandId = parse(&report.command_id)?;
        let outcome = readable(report.outcome.unwrap_or_default());
        if self.may_be_anothers(|state| state.commands.contains_key(&command))? {
            return Ok(());
        }
        if self.desk.state()?.commands.contains_key(&command) {
            self.ask(Ask::Report { command: command.clone(), attempt: report.attempt, outcome }).await?;
            if is_unknown(&*self.desk.state()?, &command) {
                self.desk.fleet().ask_again(&self.database, &command, report.attempt);
            }
        }
        let ack = wire::Ack { command_id: report.command_id, attempt: report.attempt };
        let sent = self.outbox.send(self.with_checkpoint(ToAgent::Ack(ack))).await;
        sent.then_some(()).ok_or_else(|| Status::cancelled("the agent does not read any more"))
    }

    /// Acknowledged only when it is durable, or when nobody waits for it any more.
    async fn job_ended(&self, ended: wire::JobEnded) -> Result<(), Status> {
        let job: JobId = parse(&ended.id)?;
        let end = bounds::job_end(ended.end).unwrap_or_else(|error| {
            let why = format!("the agent sent an end of the job that this controller cannot read: {error}");
            JobEnd::Interrupted { why: bounds::line(why) }
        });
        if self.may_be_anothers(|state| state.jobs.contains_key(&job))? {
            return Ok(());
        }
        if !self.is_of_another(&job)? {
            self.ask(Ask::EndJob { job, end }).await?;
        }
        let ack = self.with_checkpoint(ToAgent::JobAck(wire::JobAck { id: ended.id }));
        let sent = self.outbox.send(ack).await;
        sent.then_some(()).ok_or_else(|| Status::cancelled("the agent does not read any more"))
    }

    /// Whether a job is one of another database: what this agent tells of it is of another ledger.
    fn is_of_another(&self, job: &JobId) -> Result<bool, Status> {
        let state = self.desk.state()?;
        Ok(state.jobs.get(job).is_some_and(|known| known.database != self.database))
    }

    async fn ask(&self, request: Ask) -> Result<(), Status> {
        let actor = Actor::Agent(self.database.clone());
        self.desk.ask(actor, request).await.map(drop)
    }
}

/// The session's place in the fleet: free again when the session ends, however it does.
pub struct Seat {
    fleet: Fleet,
    database: DatabaseName,
    /// Which of the sessions of this process it is.
    pub number: u64,
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.fleet.leave(&self.database, self.number);
        tracing::info!(database = %self.database, "agent disconnected");
    }
}

fn check(hello: &wire::Hello) -> Result<(), Status> {
    let range = hello.protocol.unwrap_or_default();
    if !(range.min..=range.max).contains(&pgbelay_proto::PROTOCOL) {
        return Err(Status::failed_precondition(format!(
            "the agent speaks protocol {} to {}, the controller speaks {}",
            range.min,
            range.max,
            pgbelay_proto::PROTOCOL
        )));
    }
    // Without them, two agents with one identity could not be told apart.
    for (name, id) in [("instance_id", &hello.instance_id), ("process_id", &hello.process_id)] {
        if id.is_empty() || id.len() > MAX_ID {
            return Err(usage(&format!("{name} must have 1 to {MAX_ID} characters")));
        }
    }
    if hello.journal.len().max(hello.jobs.len()) > MAX_JOURNAL {
        return Err(usage(&format!("a hello may name at most {MAX_JOURNAL} commands")));
    }
    Ok(())
}

/// What came of a command. An agent of another version may use words that are not known here; turned away, it would
/// say them again for ever.
fn readable(outcome: wire::Outcome) -> Outcome {
    let read = match bounds::outcome(outcome) {
        Ok(outcome) => Outcome::try_from(outcome).map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    };
    read.unwrap_or_else(|error| {
        let why = format!("the agent sent a result that this controller cannot read: {error}");
        Outcome::Unknown { why: bounds::line(why) }
    })
}

/// Whether what came of a command cannot be told: it stays in the agent's hands.
fn is_unknown(state: &State, command: &CommandId) -> bool {
    let Some(known) = state.commands.get(command) else { return false };
    let rollout = state.rollouts.get(&known.command.rollout);
    let target = rollout.and_then(|rollout| rollout.targets.get(&known.command.database));
    target.is_some_and(
        |target| matches!(&target.state, TargetState::Unknown { command: id, .. } if id == command),
    )
}
