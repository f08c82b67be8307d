//! Agents without databases: each its own certificate, connection and stream.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use pgbelay_core::digest::Digest;
use pgbelay_proto::channel::{DialLimits, dial};
use pgbelay_proto::csr::new_key_and_csr;
use pgbelay_proto::tls::{Credentials, client_config, pinned_client_config};
use pgbelay_proto::token::JoinToken;
use pgbelay_proto::wire::agent_message::Message as Says;
use pgbelay_proto::wire::agent_service_client::AgentServiceClient;
use pgbelay_proto::wire::controller_message::Message as Hears;
use pgbelay_proto::wire::enrolment_service_client::EnrolmentServiceClient;
use pgbelay_proto::wire::{self, command::Kind, outcome::Outcome};
use pgbelay_proto::{MAX_MESSAGE_BYTES, PROTOCOL};
use rustls::ClientConfig;
use tokio::sync::{Semaphore, mpsc};
use tokio_stream::wrappers::ReceiverStream;

use crate::controller::Controller;

/// Enrolments under way at a time.
const AT_ONCE: usize = 32;

/// Enrolments over one connection; the controller closes one after a while.
const OVER_ONE: usize = 50;

/// Handshakes of this process at a time: more would only wait for each other.
const DIALS: usize = 128;

/// As agents wait: full jitter, from a second to half a minute.
const FIRST: Duration = Duration::from_secs(1);
const CAP: Duration = Duration::from_secs(30);

pub(crate) struct Agent {
    name: String,
    config: Arc<ClientConfig>,
    records: Vec<wire::AppliedRecord>,
}

/// Invites and enrols agents called `db00001` and so on.
pub(crate) async fn enrol(controller: &Controller, count: usize) -> anyhow::Result<Vec<Agent>> {
    let admin = controller.admin().await?;
    let names: Vec<String> = (1..=count).map(|number| format!("db{number:05}")).collect();
    let tokens: Vec<(String, JoinToken)> = stream::iter(names)
        .map(|name| {
            let mut admin = admin.clone();
            async move {
                let request = wire::CreateTokenRequest {
                    database: name.clone(),
                    environment: "staging".to_owned(),
                    ..Default::default()
                };
                let created = admin.create_token(request).await?.into_inner();
                anyhow::Ok((name, created.token.parse()?))
            }
        })
        .buffered(AT_ONCE)
        .try_collect()
        .await?;
    let chunks: Vec<Vec<_>> = tokens.chunks(OVER_ONE).map(<[_]>::to_vec).collect();
    let agents: Vec<Vec<Agent>> = stream::iter(chunks)
        .map(|chunk| async {
            let pin = chunk.first().context("a chunk")?.1.ca;
            let config = Arc::new(pinned_client_config(pin)?);
            let channel = dial(&controller.enrol, config, DialLimits::default()).await?;
            let mut client = EnrolmentServiceClient::new(channel);
            let mut agents = Vec::new();
            for (name, token) in chunk {
                let (key_pem, csr_der) = new_key_and_csr()?;
                let request = wire::EnrolRequest {
                    token_id: token.id.to_string(),
                    token_secret: token.secret.expose().to_vec(),
                    database: name.clone(),
                    system_identifier: format!("731/{name}"),
                    csr_der,
                };
                let enrolled = client.enrol(request).await?.into_inner();
                let (ca_pem, certificate_pem) = (enrolled.ca_pem, enrolled.certificate_pem);
                let credentials = Credentials { ca_pem, certificate_pem, key_pem };
                let config = Arc::new(client_config(&credentials)?);
                agents.push(Agent { name, config, records: Vec::new() });
            }
            anyhow::Ok(agents)
        })
        .buffered(AT_ONCE)
        .try_collect()
        .await?;
    Ok(agents.into_iter().flatten().collect())
}

/// All agents.
pub(crate) struct Fleet {
    agents: Mutex<Vec<Agent>>,
    count: usize,
    shared: Arc<Shared>,
}

struct Shared {
    address: String,
    dials: Semaphore,
    connected: AtomicUsize,
    welcomes: Mutex<Vec<Instant>>,
    commands: AtomicU64,
}

impl Fleet {
    pub(crate) fn new(agents: Vec<Agent>, address: String) -> Self {
        let shared = Arc::new(Shared {
            address,
            dials: Semaphore::new(DIALS),
            connected: AtomicUsize::new(0),
            welcomes: Mutex::new(Vec::new()),
            commands: AtomicU64::new(0),
        });
        Self { count: agents.len(), agents: Mutex::new(agents), shared }
    }

    /// Starts all of them. They live until the process ends.
    pub(crate) fn go(&self) {
        let agents = std::mem::take(&mut *self.agents.lock().unwrap_or_else(PoisonError::into_inner));
        for agent in agents {
            tokio::spawn(live(agent, Arc::clone(&self.shared)));
        }
    }

    pub(crate) async fn all_connected(&self, patience: Duration) -> anyhow::Result<()> {
        let begun = Instant::now();
        while self.shared.connected.load(Ordering::Relaxed) < self.count || self.taken_in().len() < self.count
        {
            let there = self.shared.connected.load(Ordering::Relaxed);
            ensure!(begun.elapsed() < patience, "{there} of {} are connected", self.count);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    fn taken_in(&self) -> std::sync::MutexGuard<'_, Vec<Instant>> {
        self.shared.welcomes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts those that are taken in from here on.
    pub(crate) fn forget(&self) {
        self.taken_in().clear();
    }

    /// How many were taken in within a second: at most, and on the average.
    pub(crate) fn rates(&self) -> (f64, f64) {
        let mut at = self.taken_in().clone();
        at.sort();
        let (Some(first), Some(last)) = (at.first(), at.last()) else { return (0.0, 0.0) };
        let whole = last.duration_since(*first).as_secs_f64().max(1.0);
        let second = Duration::from_secs(1);
        let within =
            |from: &Instant| at.iter().filter(|at| *at >= from && at.duration_since(*from) < second).count();
        let peak = at.iter().step_by(50).map(within).max().unwrap_or(0);
        (peak as f64, at.len() as f64 / whole)
    }

    pub(crate) fn commands(&self) -> u64 {
        self.shared.commands.load(Ordering::Relaxed)
    }
}

async fn live(mut agent: Agent, shared: Arc<Shared>) {
    let mut failures = 0;
    loop {
        let mut welcomed = false;
        if connect(&mut agent, &shared, &mut welcomed).await.is_err() && !welcomed {
            failures += 1;
        }
        if welcomed {
            shared.connected.fetch_sub(1, Ordering::Relaxed);
            failures = 0;
        }
        let longest = FIRST.saturating_mul(2u32.saturating_pow(failures)).min(CAP);
        tokio::time::sleep(longest.mul_f64(rand::random::<f64>())).await;
    }
}

async fn connect(agent: &mut Agent, shared: &Shared, welcomed: &mut bool) -> anyhow::Result<()> {
    let turn = shared.dials.acquire().await?;
    let channel = dial(&shared.address, Arc::clone(&agent.config), DialLimits::default()).await?;
    let mut client = AgentServiceClient::new(channel).max_decoding_message_size(MAX_MESSAGE_BYTES);
    let (says, outgoing) = mpsc::channel(16);
    says.send(message(Says::Hello(agent.hello()))).await?;
    let mut hears = client.connect(ReceiverStream::new(outgoing)).await?.into_inner();
    let first = hears.message().await?.and_then(|message| message.message);
    let Some(Hears::Welcome(welcome)) = first else { anyhow::bail!("no welcome") };
    drop(turn);
    *welcomed = true;
    shared.connected.fetch_add(1, Ordering::Relaxed);
    shared.welcomes.lock().unwrap_or_else(PoisonError::into_inner).push(Instant::now());
    let every = Duration::from_millis(welcome.heartbeat_every_ms.max(100));
    let start = tokio::time::Instant::now() + every.mul_f64(rand::random::<f64>());
    let mut beat = tokio::time::interval_at(start, every);
    loop {
        tokio::select! {
            _ = beat.tick() => says.send(message(Says::Heartbeat(wire::Heartbeat::default()))).await?,
            heard = hears.message() => match heard?.and_then(|message| message.message) {
                Some(Hears::Command(command)) => {
                    shared.commands.fetch_add(1, Ordering::Relaxed);
                    let (command_id, attempt) = (command.id.clone(), command.attempt);
                    says.send(message(Says::Accepted(wire::Accepted { command_id: command_id.clone(), attempt }))).await?;
                    let outcome = Some(wire::Outcome { outcome: Some(agent.carry_out(&command)?) });
                    says.send(message(Says::Report(wire::Report { command_id, attempt, outcome }))).await?;
                }
                Some(Hears::Probe(probe)) => {
                    let answer = Some(agent.answer(probe.kind.as_ref()));
                    says.send(message(Says::Answer(wire::ProbeAnswer { id: probe.id, answer }))).await?;
                }
                Some(_) => {}
                None => return Ok(()),
            },
        }
    }
}

fn message(says: Says) -> wire::AgentMessage {
    wire::AgentMessage { message: Some(says) }
}

impl Agent {
    fn observation(&self) -> wire::Observation {
        let versions: Vec<_> = self.records.iter().map(|record| record.version.as_str()).collect();
        wire::Observation {
            server_version: 150_018,
            system_identifier: format!("731/{}", self.name),
            fingerprint: Digest::of(versions.join(",")).to_string(),
            records: self.records.clone(),
            ..Default::default()
        }
    }

    fn hello(&self) -> wire::Hello {
        wire::Hello {
            protocol: Some(wire::ProtocolRange { min: PROTOCOL, max: PROTOCOL }),
            agent_version: "bench".to_owned(),
            instance_id: format!("instance-of-{}", self.name),
            process_id: format!("process-of-{}", self.name),
            observation: Some(self.observation()),
            ..Default::default()
        }
    }

    fn answer(&self, probe: Option<&wire::probe::Kind>) -> wire::probe_answer::Answer {
        match probe {
            Some(wire::probe::Kind::Inspect(_)) => {
                wire::probe_answer::Answer::Observation(self.observation())
            }
            Some(wire::probe::Kind::VerifyBackup(_)) => {
                wire::probe_answer::Answer::Backup(wire::BackupCheck::default())
            }
            Some(_) | None => wire::probe_answer::Answer::Error("there is no database".to_owned()),
        }
    }

    fn carry_out(&mut self, command: &wire::Command) -> anyhow::Result<Outcome> {
        Ok(match command.kind.as_ref().context("no kind")? {
            Kind::Backup(_) => {
                let backup = wire::Backup {
                    path: format!("/backups/{}", command.id),
                    sha256: Digest::of("dump").to_string(),
                    bytes: 4,
                    took_ms: 1,
                    method: "full".to_owned(),
                    ..Default::default()
                };
                Outcome::BackedUp(wire::outcome::BackedUp { backup: Some(backup) })
            }
            Kind::Verify(_) | Kind::Rehearse(_) => anyhow::bail!("the policy asks for no such thing"),
            Kind::Run(run) => {
                let record = |step: &wire::Step| wire::AppliedRecord {
                    version: step.version.clone(),
                    name: step.name.clone(),
                    checksum: step.checksum.clone(),
                    applied_at_ms: 1,
                    ..Default::default()
                };
                self.records.extend(run.steps.iter().map(record));
                let done = |step: &wire::Step| wire::StepDone {
                    version: step.version.clone(),
                    took_ms: 1,
                    ..Default::default()
                };
                let done = run.steps.iter().map(done).collect();
                Outcome::Ran(wire::outcome::Ran { done, observation: Some(self.observation()) })
            }
            Kind::Adopt(_) => anyhow::bail!("nothing is adopted here"),
        })
    }
}
