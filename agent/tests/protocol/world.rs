//! An agent, its state directory, its controller and its database.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use pgbelay_agent::config::Config;
use pgbelay_agent::identity_files::{IdentityFiles, Slot};
use pgbelay_agent::timing::Timing;
use pgbelay_agent::{Resources, RunError, Shutdown, run};
use pgbelay_core::digest::Digest;
use pgbelay_core::time::Timestamp;
use pgbelay_proto::wire::{self, command::Kind};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use crate::controller::Controller;
use crate::site::PlayedSite;

/// Longer than anything here takes on a machine that is busy with other things.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) const SQL: &str = "create table tasks ();";

pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Timestamp(since.as_millis().try_into().unwrap())
}

pub(crate) struct World {
    pub(crate) controller: Controller,
    pub(crate) site: PlayedSite,
    _dir: TempDir,
    pub(crate) config: Config,
    pub(crate) timing: Timing,
    agent: Option<Agent>,
}

pub(crate) struct Agent {
    pub(crate) task: JoinHandle<Result<(), RunError>>,
    pub(crate) shutdown: Shutdown,
}

pub(crate) fn config(dir: &TempDir, controller: &Controller) -> anyhow::Result<Config> {
    let text = format!(
        "database: {{ name: orders, user: pgbelay }}\nagent: {{ name: orders, controller: '{}', state_dir: '{}' }}",
        controller.address,
        dir.path().join("state").display()
    );
    Config::parse(&text, &BTreeMap::new()).map_err(|mistakes| anyhow::anyhow!("{mistakes:?}"))
}

impl World {
    /// Everything but the agent, which is enrolled.
    pub(crate) async fn new() -> anyhow::Result<Self> {
        let controller = Controller::start().await?;
        let dir = tempfile::tempdir()?;
        let config = config(&dir, &controller)?;
        controller.script(|script| script.sql.insert(Digest::of(SQL).to_string(), SQL.into()));
        let ms = Duration::from_millis;
        let timing = Timing {
            reconnect_first: ms(20),
            reconnect_cap: ms(50),
            refused: ms(50),
            // A test that is about saying things again asks for less.
            resend: Duration::from_secs(60),
            check: ms(30),
            look: Duration::from_secs(2),
            fetch: Duration::from_secs(5),
            grace: ms(100),
            recover_cap: ms(10),
            ..Timing::default()
        };
        let world = Self { controller, site: PlayedSite::new(), config, timing, agent: None, _dir: dir };
        let credentials = world.controller.ca.credentials("pgbelay://agent/orders")?;
        world.identity().save(Slot::Current, &credentials, now())?;
        Ok(world)
    }

    /// With an agent that runs.
    pub(crate) async fn started() -> anyhow::Result<Self> {
        let mut world = Self::new().await?;
        world.start_agent();
        Ok(world)
    }

    pub(crate) fn identity(&self) -> IdentityFiles {
        IdentityFiles::new(self.state("identity"), self.config.agent.name.clone())
    }

    pub(crate) fn state(&self, name: &str) -> PathBuf {
        self.config.agent.state_dir.join(name)
    }

    pub(crate) fn start_agent(&mut self) {
        let (config, site, timing) = (self.config.clone(), self.site.clone(), self.timing.clone());
        let shutdown = Shutdown::default();
        let stopping = shutdown.clone();
        let task = tokio::spawn(async move { run(&config, Resources { site, timing }, stopping).await });
        self.agent = Some(Agent { task, shutdown });
    }

    /// As SIGKILL would: nothing of it runs on.
    pub(crate) async fn kill_agent(&mut self) {
        if let Some(agent) = self.agent.take() {
            agent.task.abort();
            let _ = agent.task.await;
        }
    }

    pub(crate) fn agent(&mut self) -> anyhow::Result<&mut Agent> {
        self.agent.as_mut().context("no agent runs")
    }

    /// Waits for the agent to end by itself.
    pub(crate) async fn agent_ended(&mut self) -> anyhow::Result<()> {
        let agent = self.agent.take().context("no agent runs")?;
        Ok(timeout(PATIENCE, agent.task).await???)
    }

    /// The journal's file of a command, as JSON.
    pub(crate) fn journal(&self, file: &str) -> anyhow::Result<serde_json::Value> {
        let text = std::fs::read(self.state("journal").join(file)).with_context(|| file.to_owned())?;
        Ok(serde_json::from_slice(&text)?)
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if let Some(agent) = &self.agent {
            agent.task.abort();
        }
    }
}

/// Waits until something is so.
pub(crate) async fn until(what: &str, mut is_so: impl FnMut() -> bool) -> anyhow::Result<()> {
    let waiting = async {
        while !is_so() {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, waiting).await.with_context(|| format!("waiting until {what}"))
}

fn expectation() -> wire::Expectation {
    let digest = Digest::of("").to_string();
    wire::Expectation { system_identifier: "7/5".to_owned(), records: digest.clone(), fingerprint: digest }
}

fn command(id: &str, attempt: u32, kind: Kind) -> wire::Command {
    wire::Command {
        id: id.to_owned(),
        database: "orders".to_owned(),
        rollout: "r1".to_owned(),
        plan: Digest::of("plan").to_string(),
        attempt,
        fence: 1,
        not_after_ms: i64::MAX,
        kind: Some(kind),
    }
}

pub(crate) fn step(sql: &str) -> wire::Step {
    wire::Step {
        version: "001".to_owned(),
        name: "tasks".to_owned(),
        direction: wire::Direction::Up.into(),
        sql: Digest::of(sql).to_string(),
        checksum: Digest::of(sql).to_string(),
        ..wire::Step::default()
    }
}

pub(crate) fn settings() -> wire::Settings {
    wire::Settings {
        lock_timeout_ms: 1_000,
        lock_budget_ms: 9_000,
        statement_timeout_ms: 60_000,
        ..wire::Settings::default()
    }
}

/// A command that runs one migration.
pub(crate) fn run_command(id: &str, attempt: u32) -> wire::Command {
    let run = wire::RunCommand {
        direction: wire::Direction::Up.into(),
        steps: vec![step(SQL)],
        expect: Some(expectation()),
        backup: None,
        settings: Some(settings()),
        resolution: None,
        locks: Vec::new(),
    };
    command(id, attempt, Kind::Run(run))
}

/// A command that takes a backup.
pub(crate) fn backup_command(id: &str, attempt: u32) -> wire::Command {
    let backup = wire::BackupCommand {
        expect: Some(expectation()),
        method: "full".to_owned(),
        archive_timeout_ms: 300_000,
        touches: Some(wire::Touches { untold: "a test".to_owned(), ..wire::Touches::default() }),
        ..wire::BackupCommand::default()
    };
    command(id, attempt, Kind::Backup(backup))
}
