//! An agent that speaks the contract and has no database.

use std::collections::VecDeque;
use std::future::Future;
use std::sync::{Arc, Mutex};

use anyhow::{Context as _, bail};
use pgbelay_core::Catalog;
use pgbelay_core::digest::Digest;
use pgbelay_proto::tls::Credentials;
use pgbelay_proto::wire::agent_message::Message as Says;
use pgbelay_proto::wire::agent_service_client::AgentServiceClient;
use pgbelay_proto::wire::controller_message::Message as Hears;
use pgbelay_proto::wire::outcome::Outcome;
use pgbelay_proto::wire::{self, command::Kind};
use pgbelay_proto::{MAX_MESSAGE_BYTES, PROTOCOL};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Channel;
use tonic::{Status, Streaming};

use super::{PATIENCE, World};

pub(crate) fn system_identifier(database: &str) -> String {
    format!("731/{database}")
}

/// What an agent is, apart from its connections.
#[derive(Clone)]
pub(crate) struct Agent {
    pub(crate) database: String,
    pub(crate) credentials: Credentials,
    pub(crate) instance_id: String,
    pub(crate) process_id: String,
    pub(crate) journal: Vec<wire::JournalEntry>,
    /// What it was told of the ledger.
    pub(crate) witness: Option<wire::Checkpoint>,
    /// The migrations that its database has.
    pub(crate) records: Vec<wire::AppliedRecord>,
    /// Its schema, if it can be read.
    pub(crate) schema: Option<Catalog>,
    /// As in an observation.
    pub(crate) conditions: String,
    /// What the history tables of other tools hold.
    pub(crate) history: wire::HistoryTables,
    /// What is measured.
    pub(crate) measured: wire::Measured,
    /// What is wrong with the newest of its backups.
    pub(crate) broken: Vec<String>,
    /// What is wrong with some copies of its backups, while others are whole.
    pub(crate) noted: Vec<String>,
    /// Whether it cannot look at its backups.
    pub(crate) blind: bool,
    pub(crate) refuses_to_delete: bool,
    /// The path of its newest backup.
    pub(crate) newest: String,
    /// The key of each of its backups, as its owners have it; empty: they are not encrypted.
    pub(crate) sealed_key: String,
}

impl Agent {
    pub(crate) fn new(database: &str, credentials: Credentials) -> Self {
        Self {
            database: database.to_owned(),
            credentials,
            instance_id: format!("instance-of-{database}"),
            process_id: format!("process-of-{database}"),
            journal: Vec::new(),
            witness: None,
            records: Vec::new(),
            schema: Some(Catalog::fresh()),
            history: wire::HistoryTables::default(),
            measured: wire::Measured::default(),
            conditions: String::new(),
            broken: Vec::new(),
            noted: Vec::new(),
            blind: false,
            refuses_to_delete: false,
            newest: String::new(),
            sealed_key: String::new(),
        }
    }

    /// Another agent with this one's files, but for the one that tells two directories apart.
    pub(crate) fn clone_of(&self) -> Self {
        Self { instance_id: format!("{}-copied", self.instance_id), ..self.restarted() }
    }

    /// Another process with all of this one's files: this agent restarted, or a copy of the whole machine.
    pub(crate) fn restarted(&self) -> Self {
        Self { process_id: format!("{}-and-another", self.process_id), ..self.clone() }
    }

    pub(crate) fn observation(&self) -> wire::Observation {
        let versions: Vec<_> = self.records.iter().map(|record| record.version.as_str()).collect();
        wire::Observation {
            server_version: 150_018,
            system_identifier: system_identifier(&self.database),
            fingerprint: Digest::of(versions.join(",")).to_string(),
            records: self.records.clone(),
            conditions: self.conditions.clone(),
            unfinished: Vec::new(),
        }
    }

    /// Its schema, in parts.
    fn catalog(&self) -> Result<Vec<wire::CatalogPart>, String> {
        let json = self.schema.as_ref().ok_or("the schema cannot be read")?.write_json().into_bytes();
        let (first, second) = json.split_at(json.len() / 2);
        let part = |number, json: &[u8]| wire::CatalogPart {
            number,
            last: number == 1,
            json: json.to_vec(),
            fingerprint: self.observation().fingerprint,
        };
        Ok(vec![part(0, first), part(1, second)])
    }

    pub(crate) fn hello(&self) -> wire::Hello {
        wire::Hello {
            protocol: Some(wire::ProtocolRange { min: PROTOCOL, max: PROTOCOL }),
            agent_version: "0.1.0".to_owned(),
            instance_id: self.instance_id.clone(),
            process_id: self.process_id.clone(),
            observation: Some(self.observation()),
            database_error: String::new(),
            journal: self.journal.clone(),
            jobs: Vec::new(),
            witness: self.witness.clone(),
        }
    }

    /// A stream on which this agent was welcomed.
    pub(crate) async fn connect(&self, world: &World) -> anyhow::Result<Stream> {
        let mut stream = self.say_hello(world, self.hello()).await?;
        let first = stream.next().await?;
        anyhow::ensure!(
            matches!(&first, Hears::Welcome(w) if w.protocol == PROTOCOL),
            "not a welcome: {first:?}"
        );
        Ok(stream)
    }

    /// A stream with this hello, and whatever comes of it.
    pub(crate) async fn say_hello(&self, world: &World, hello: wire::Hello) -> anyhow::Result<Stream> {
        let channel = world.dial(&self.credentials).await?;
        let (says, outgoing) = mpsc::channel(16);
        says.send(wire::AgentMessage { message: Some(Says::Hello(hello)) }).await?;
        let mut client =
            AgentServiceClient::new(channel.clone()).max_decoding_message_size(MAX_MESSAGE_BYTES);
        let hears = client.connect(ReceiverStream::new(outgoing)).await?.into_inner();
        Ok(Stream {
            agent: self.clone(),
            channel,
            says,
            hears,
            stash: VecDeque::new(),
            took_ms: 1,
            asked: Arc::default(),
            told: None,
        })
    }
}

/// An agent's side of a session.
pub(crate) struct Stream {
    pub(crate) agent: Agent,
    pub(crate) channel: Channel,
    /// How long each migration takes that it runs.
    pub(crate) took_ms: i64,
    /// What was asked about its backups.
    pub(crate) asked: Arc<Mutex<Vec<String>>>,
    /// Where the ledger was, as it was told last.
    pub(crate) told: Option<wire::Checkpoint>,
    says: mpsc::Sender<wire::AgentMessage>,
    hears: Streaming<wire::ControllerMessage>,
    stash: VecDeque<Hears>,
}

impl Stream {
    pub(crate) async fn say(&self, message: Says) -> anyhow::Result<()> {
        Ok(self.says.send(wire::AgentMessage { message: Some(message) }).await?)
    }

    /// The next message, whatever it is.
    pub(crate) async fn next(&mut self) -> anyhow::Result<Hears> {
        if let Some(message) = self.stash.pop_front() {
            return Ok(message);
        }
        let message = timeout(PATIENCE, self.hears.message()).await??.context("the stream has ended")?;
        self.told = message.checkpoint.or(self.told.take());
        message.message.context("an empty message")
    }

    /// Nothing comes while something is awaited.
    pub(crate) async fn silent_during<T>(&mut self, other: impl Future<Output = T>) -> anyhow::Result<T> {
        anyhow::ensure!(self.stash.is_empty(), "{:?}", self.stash);
        tokio::select! {
            done = other => Ok(done),
            message = self.hears.message() => bail!("{message:?}"),
        }
    }

    /// Why the stream ends, whatever comes before.
    pub(crate) async fn why_it_ends(&mut self) -> anyhow::Result<Status> {
        self.end().await?.context("an end without a reason")
    }

    /// How the stream ends, whatever comes before.
    pub(crate) async fn end(&mut self) -> anyhow::Result<Option<Status>> {
        let ending = async {
            loop {
                match self.hears.message().await {
                    Ok(Some(_)) => {}
                    Ok(None) => return None,
                    Err(status) => return Some(status),
                }
            }
        };
        Ok(timeout(PATIENCE, ending).await?)
    }

    /// Awaits something, and answers what the controller asks about the database meanwhile.
    pub(crate) async fn during<T>(&mut self, other: impl Future<Output = T>) -> anyhow::Result<T> {
        let mut other = std::pin::pin!(other);
        loop {
            let message = tokio::select! {
                done = &mut other => return Ok(done),
                message = self.hears.message() => message?.context("the stream has ended")?,
            };
            self.told = message.checkpoint.or(self.told.take());
            let message = message.message.context("an empty message")?;
            if let Hears::Probe(probe) = message {
                self.answer(probe).await?;
            } else {
                self.stash.push_back(message);
            }
        }
    }

    /// Answers what the controller asks about the database.
    pub(crate) async fn answer(&self, probe: wire::Probe) -> anyhow::Result<()> {
        use wire::probe_answer::Answer;
        let answer = match probe.kind {
            Some(wire::probe::Kind::Inspect(_)) => Answer::Observation(self.agent.observation()),
            Some(wire::probe::Kind::DryRun(_)) => Answer::DryRun(wire::DryRunResult::default()),
            Some(wire::probe::Kind::CountLoss(_)) | None => Answer::Error("not counted".to_owned()),
            Some(wire::probe::Kind::History(_)) => Answer::History(self.agent.history.clone()),
            Some(wire::probe::Kind::VerifyBackup(wanted)) => self.look(wanted),
            Some(wire::probe::Kind::DeleteBackup(wanted)) => {
                self.note(format!("delete {}", wanted.path));
                if self.agent.refuses_to_delete {
                    Answer::Error("the disk is read-only".to_owned())
                } else {
                    Answer::BackupDeleted(wire::BackupDeleted {})
                }
            }
            Some(wire::probe::Kind::Measure(_)) => Answer::Measured(self.agent.measured.clone()),
            Some(wire::probe::Kind::Catalog(_)) => match self.agent.catalog() {
                Ok(parts) => {
                    for part in parts {
                        let answer = Some(Answer::Catalog(part));
                        self.say(Says::Answer(wire::ProbeAnswer { id: probe.id, answer })).await?;
                    }
                    return Ok(());
                }
                Err(why) => Answer::Error(why),
            },
        };
        self.say(Says::Answer(wire::ProbeAnswer { id: probe.id, answer: Some(answer) })).await
    }

    fn note(&self, asked: String) {
        self.asked.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(asked);
    }

    fn look(&self, wanted: wire::probe::VerifyBackup) -> wire::probe_answer::Answer {
        let how = if wanted.quick { "look" } else { "read" };
        self.note(format!("{how} {}", wanted.path));
        if self.agent.blind {
            return wire::probe_answer::Answer::Error("the disk is away".to_owned());
        }
        let problems = if wanted.path == self.agent.newest { self.agent.broken.clone() } else { Vec::new() };
        let notes = if wanted.quick { Vec::new() } else { self.agent.noted.clone() };
        wire::probe_answer::Answer::Backup(wire::BackupCheck { problems, notes })
    }

    /// The next command.
    pub(crate) async fn command(&mut self) -> anyhow::Result<wire::Command> {
        loop {
            match self.next().await? {
                Hears::Command(command) => return Ok(command),
                Hears::Probe(probe) => self.answer(probe).await?,
                Hears::Ack(_) => {}
                other @ (Hears::Welcome(_)
                | Hears::Cancel(_)
                | Hears::StartJob(_)
                | Hears::CancelJob(_)
                | Hears::JobAck(_)
                | Hears::Drain(_)) => {
                    bail!("not a command: {other:?}")
                }
            }
        }
    }

    /// The next acknowledgement of a result. The next command may come before it, and stays the next one.
    pub(crate) async fn ack(&mut self) -> anyhow::Result<wire::Ack> {
        let mut early = Vec::new();
        loop {
            match self.next().await? {
                Hears::Ack(ack) if !ack.command_id.is_empty() => {
                    early.into_iter().rev().for_each(|command| self.stash.push_front(command));
                    return Ok(ack);
                }
                Hears::Ack(_) => {}
                Hears::Probe(probe) => self.answer(probe).await?,
                command @ Hears::Command(_) => early.push(command),
                other @ (Hears::Welcome(_)
                | Hears::Cancel(_)
                | Hears::StartJob(_)
                | Hears::CancelJob(_)
                | Hears::JobAck(_)
                | Hears::Drain(_)) => {
                    bail!("in place of an acknowledgement: {other:?}")
                }
            }
        }
    }

    pub(crate) async fn accept(&self, command: &wire::Command) -> anyhow::Result<()> {
        let (command_id, attempt) = (command.id.clone(), command.attempt);
        self.say(Says::Accepted(wire::Accepted { command_id, attempt })).await
    }

    pub(crate) async fn report(&self, command: &wire::Command, outcome: Outcome) -> anyhow::Result<()> {
        let outcome = Some(wire::Outcome { outcome: Some(outcome) });
        let (command_id, attempt) = (command.id.clone(), command.attempt);
        self.say(Says::Report(wire::Report { command_id, attempt, outcome })).await
    }

    pub(crate) async fn heartbeat(&self) -> anyhow::Result<()> {
        self.say(Says::Heartbeat(wire::Heartbeat::default())).await
    }

    /// Does what a command says, as well as one can without a database.
    pub(crate) fn carry_out(&mut self, command: &wire::Command) -> anyhow::Result<Outcome> {
        Ok(match command.kind.as_ref().context("no kind")? {
            Kind::Backup(_) => {
                self.agent.newest = format!("/backups/{}", command.id);
                let backup = wire::Backup {
                    path: self.agent.newest.clone(),
                    copies: vec![format!("s3://b{}", self.agent.newest)],
                    sha256: Digest::of("dump").to_string(),
                    bytes: 4,
                    took_ms: 1,
                    method: "full".to_owned(),
                    sealed_key: self.agent.sealed_key.clone(),
                    ..wire::Backup::default()
                };
                Outcome::BackedUp(wire::outcome::BackedUp { backup: Some(backup) })
            }
            Kind::Rehearse(_) => anyhow::bail!("these policies rehearse nothing"),
            // As they should be.
            Kind::Verify(verify) => {
                let answer = |query: &wire::VerifyQuery| wire::outcome::Answer {
                    query: query.name.clone(),
                    said: Some(wire::outcome::answer::Said::Passed(true)),
                };
                let answers = verify.queries.iter().map(answer).collect();
                Outcome::Verified(wire::outcome::Verified { answers })
            }
            Kind::Adopt(adopt) => {
                let mut done = Vec::new();
                for step in adopt.steps.iter().filter_map(|adopted| adopted.step.as_ref()) {
                    self.agent.records.push(wire::AppliedRecord {
                        version: step.version.clone(),
                        name: step.name.clone(),
                        checksum: step.checksum.clone(),
                        applied_at_ms: 1,
                        adopted: true,
                        repeatable: step.repeatable,
                    });
                    done.push(wire::StepDone { version: step.version.clone(), ..wire::StepDone::default() });
                }
                Outcome::Ran(wire::outcome::Ran { done, observation: Some(self.agent.observation()) })
            }
            Kind::Run(run) => {
                let mut done = Vec::new();
                for step in &run.steps {
                    match wire::Direction::try_from(step.direction)? {
                        wire::Direction::Up => self.agent.records.push(wire::AppliedRecord {
                            version: step.version.clone(),
                            name: step.name.clone(),
                            checksum: step.checksum.clone(),
                            applied_at_ms: 1,
                            repeatable: step.repeatable,
                            adopted: false,
                        }),
                        wire::Direction::Down | wire::Direction::Unspecified => {
                            self.agent.records.retain(|record| record.version != step.version);
                        }
                    }
                    let took_ms = self.took_ms;
                    done.push(wire::StepDone {
                        version: step.version.clone(),
                        took_ms,
                        retries: 0,
                        observed: None,
                    });
                }
                Outcome::Ran(wire::outcome::Ran { done, observation: Some(self.agent.observation()) })
            }
        })
    }

    /// Takes the next command, carries it out and waits for the acknowledgement.
    pub(crate) async fn obey(&mut self) -> anyhow::Result<wire::Command> {
        let command = self.command().await?;
        self.accept(&command).await?;
        let outcome = self.carry_out(&command)?;
        self.report(&command, outcome).await?;
        let ack = self.ack().await?;
        anyhow::ensure!((&ack.command_id, ack.attempt) == (&command.id, command.attempt), "{ack:?}");
        Ok(command)
    }

    /// Plans a release for an environment that has this database only.
    pub(crate) async fn plan(
        &mut self,
        world: &World,
        environment: &str,
        release: &str,
    ) -> anyhow::Result<wire::PlanView> {
        let mut admin = world.admin().await?;
        let goal = Some(wire::create_plan_request::Goal::Release(release.to_owned()));
        let request = wire::CreatePlanRequest { environment: environment.to_owned(), goal };
        Ok(self.during(admin.create_plan(request)).await??.into_inner())
    }

    /// Plans a release and starts to carry it out; the id of the rollout.
    pub(crate) async fn start_rollout(
        &mut self,
        world: &World,
        environment: &str,
        release: &str,
    ) -> anyhow::Result<String> {
        let plan = self.plan(world, environment, release).await?.id;
        let mut admin = world.admin().await?;
        let request =
            wire::StartRolloutRequest { plan, confirmation: "typed".to_owned(), acknowledge: Vec::new() };
        Ok(self.during(admin.start_rollout(request)).await??.into_inner().id)
    }

    /// The way of one database to a command in its agent's hands: the rollout and the command.
    pub(crate) async fn with_command(&mut self, world: &World) -> anyhow::Result<(String, wire::Command)> {
        let release = world.push(&["001"]).await?;
        let rollout = self.start_rollout(world, "staging", &release).await?;
        Ok((rollout, self.command().await?))
    }
}
