//! A whole fleet of one test: a PostgreSQL server, a controller, an agent for each database, and the CLI.
//!
//! All of them are the real programs, with real certificates. Each process can be killed and started again.

use std::collections::BTreeMap;
use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::Context as _;
use serde_json::Value;

use crate::postgres::Cluster;
use crate::process::{Process, bin};
use crate::scratch::Scratch;
use crate::wait::{self, Look};

mod build;
mod cli;
mod identity;
mod standing;

pub use build::WorldBuilder;
pub use cli::{Ran, run};
pub use identity::dial;
pub use standing::Standing;

/// How long a test waits for something that should take a moment. Generous: other tests share the machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// One database of a world.
pub struct Member {
    /// The name under which pgbelay knows it.
    pub name: String,
    /// Its name in PostgreSQL.
    pub pg_name: String,
    /// The directory of its agent.
    pub home: PathBuf,
    agent: Option<Process>,
}

/// A fleet of one test.
pub struct World {
    // Before the directory, so that the processes end first.
    controller: Option<Process>,
    members: BTreeMap<String, Member>,
    /// The PostgreSQL server.
    pub cluster: Cluster,
    /// Where agents and operators connect.
    pub listen: SocketAddr,
    /// Where agents enrol.
    pub enrol_listen: SocketAddr,
    home: Scratch,
}

impl World {
    /// A fleet of these databases (name, environment), ready for work.
    ///
    /// # Errors
    /// Something did not start; the message has its log.
    pub async fn start(databases: &[(&str, &str)]) -> anyhow::Result<Self> {
        Self::builder().databases(databases).start().await
    }

    /// A fleet that needs other than the defaults.
    #[must_use]
    pub fn builder() -> WorldBuilder {
        WorldBuilder::default()
    }

    /// The directory of the test.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.home.path()
    }

    /// The controller's directory.
    #[must_use]
    pub fn controller_home(&self) -> PathBuf {
        self.path().join("controller")
    }

    /// A member by name.
    ///
    /// # Panics
    /// When the test names one that it did not make.
    #[must_use]
    #[expect(clippy::expect_used, reason = "a test that names a wrong member is wrong itself")]
    pub fn member(&self, name: &str) -> &Member {
        self.members.get(name).expect("no such member")
    }

    #[expect(clippy::expect_used, reason = "a test that names a wrong member is wrong itself")]
    fn member_mut(&mut self, name: &str) -> &mut Member {
        self.members.get_mut(name).expect("no such member")
    }

    /// A connection to a member's database.
    ///
    /// # Errors
    /// The server is not there.
    pub async fn connect(&self, member: &str) -> anyhow::Result<tokio_postgres::Client> {
        self.cluster.connect(&self.member(member).pg_name).await
    }

    /// The versions that a member's own records say are applied, in their order.
    ///
    /// # Errors
    /// The server is not there.
    pub async fn applied(&self, member: &str) -> anyhow::Result<Vec<String>> {
        let client = self.connect(member).await?;
        let query = "SELECT version FROM pgbelay.migration_records \
                     WHERE success AND rolled_back_at IS NULL ORDER BY id";
        match client.query(query, &[]).await {
            Ok(rows) => Ok(rows.iter().map(|row| row.get(0)).collect()),
            // Before the first run there is no such table.
            Err(error) if error.code() == Some(&tokio_postgres::error::SqlState::UNDEFINED_TABLE) => {
                Ok(Vec::new())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Writes migration files: paths below the migrations directory, and their text. What was there is gone.
    ///
    /// # Errors
    /// The disk.
    pub fn write_migrations(&self, files: &[(&str, &str)]) -> anyhow::Result<PathBuf> {
        let dir = self.path().join("migrations");
        if dir.exists() {
            fs::remove_dir_all(&dir)?;
        }
        for (path, text) in files {
            let path = dir.join(path);
            fs::create_dir_all(path.parent().context("a path has a parent")?)?;
            fs::write(path, text)?;
        }
        Ok(dir)
    }

    /// Starts the controller again, or for the first time, and waits until it answers.
    ///
    /// # Errors
    /// It does not start; the message has its log.
    pub async fn start_controller(&mut self) -> anyhow::Result<()> {
        self.launch_controller()?;
        let running = self.controller.as_mut().context("it was started")?;
        running.wait_for_log("controller started", PATIENCE).await?;
        // It listens before it has read its ledger.
        wait::until("an answer of the controller", PATIENCE, async || self.json(&["status"]).await.map(Some))
            .await
            .map(drop)
    }

    /// Starts the controller, and leaves it to itself.
    ///
    /// # Errors
    /// The program is not there.
    pub fn launch_controller(&mut self) -> anyhow::Result<()> {
        let mut command = Command::new(bin("pgbelay-controller")?);
        command.arg("run").arg("--dir").arg(self.controller_home());
        self.controller = Some(Process::spawn(command, "controller", self.path())?);
        Ok(())
    }

    /// Kills the controller with SIGKILL.
    ///
    /// # Errors
    /// It was not running.
    pub fn kill_controller(&mut self) -> anyhow::Result<()> {
        self.controller.take().context("the controller is not running")?.kill9()?;
        Ok(())
    }

    /// The controller's process.
    ///
    /// # Errors
    /// It is not running.
    pub fn controller(&mut self) -> anyhow::Result<&mut Process> {
        self.controller.as_mut().context("the controller is not running")
    }

    /// Starts a member's agent.
    ///
    /// # Errors
    /// The program is not there.
    pub fn start_agent(&mut self, member: &str) -> anyhow::Result<()> {
        self.start_agent_by(member, &[])
    }

    /// Starts a member's agent by another program, for example `nice -n 10`, which becomes it or stands for it.
    ///
    /// # Errors
    /// A program is not there.
    pub fn start_agent_by(&mut self, member: &str, starter: &[&str]) -> anyhow::Result<()> {
        let home = self.path().to_owned();
        let member = self.member_mut(member);
        let agent = bin("pgbelay-agent")?;
        let mut command = match starter {
            [] => Command::new(agent),
            [program, args @ ..] => {
                let mut command = Command::new(program);
                command.args(args).arg(agent);
                command
            }
        };
        command.arg("run").arg("--config").arg(member.home.join("agent.yaml"));
        member.agent = Some(Process::spawn(command, &format!("agent-{}", member.name), &home)?);
        Ok(())
    }

    /// Starts a member's agent from another program file, with more in its environment.
    ///
    /// # Errors
    /// The program is not there.
    pub fn start_agent_as(
        &mut self,
        member: &str,
        program: &Path,
        environment: &[(&str, &Path)],
    ) -> anyhow::Result<()> {
        let home = self.path().to_owned();
        let member = self.member_mut(member);
        let mut command = Command::new(program);
        command.arg("run").arg("--config").arg(member.home.join("agent.yaml"));
        command.envs(environment.iter().copied());
        member.agent = Some(Process::spawn(command, &format!("agent-{}", member.name), &home)?);
        Ok(())
    }

    /// Kills a member's agent and starts it with a setting changed: `from` in its file becomes `to`.
    ///
    /// # Errors
    /// The setting is not there, or the agent was not running.
    pub fn reconfigure_agent(&mut self, member: &str, from: &str, to: &str) -> anyhow::Result<()> {
        self.kill_agent(member)?;
        let file = self.member(member).home.join("agent.yaml");
        let before = fs::read_to_string(&file)?;
        let after = before.replace(from, to);
        anyhow::ensure!(after != before, "there is no {from:?} in {}", file.display());
        fs::write(&file, after)?;
        self.start_agent(member)
    }

    /// Kills a member's agent with SIGKILL.
    ///
    /// # Errors
    /// It was not running.
    pub fn kill_agent(&mut self, member: &str) -> anyhow::Result<()> {
        self.member_mut(member).agent.take().context("the agent is not running")?.kill9()?;
        Ok(())
    }

    /// A member's agent.
    ///
    /// # Errors
    /// It is not running.
    pub fn agent(&mut self, member: &str) -> anyhow::Result<&mut Process> {
        self.member_mut(member).agent.as_mut().context("the agent is not running")
    }

    /// Waits until every agent is connected and can reach its database.
    ///
    /// # Errors
    /// They are not in time; the message has the last status.
    pub async fn all_connected(&self) -> anyhow::Result<()> {
        wait::until("every agent is connected", PATIENCE, async || {
            let status = self.json(&["status"]).await?;
            let rows = status["databases"].as_array().context("no list")?;
            let ready = |row: &Value| row["connected"] == true && row["health"] != "unreachable";
            let all = rows.len() == self.members.len() && rows.iter().all(ready);
            Ok(if all { Look::Done(()) } else { Look::not_yet(&status) })
        })
        .await
    }

    /// Waits until the status of a member satisfies a condition, and returns it.
    ///
    /// # Errors
    /// It does not in time; the message has the last status.
    pub async fn status_until(
        &self,
        member: &str,
        what: &str,
        condition: impl Fn(&Value) -> bool,
    ) -> anyhow::Result<Value> {
        wait::until(what, PATIENCE, async || {
            let row = self.status_of(member).await?;
            Ok(if condition(&row) { Look::Done(row) } else { Look::not_yet(&row) })
        })
        .await
    }

    /// The status of a member.
    ///
    /// # Errors
    /// The controller does not answer, or does not know it.
    pub async fn status_of(&self, member: &str) -> anyhow::Result<Value> {
        Ok(self.json(&["status", member]).await?["databases"][0].take())
    }

    /// Waits until a rollout's view satisfies a condition, and returns it.
    ///
    /// # Errors
    /// It does not in time; the message has the last view.
    pub async fn rollout_until(
        &self,
        rollout: &str,
        what: &str,
        condition: impl Fn(&Value) -> bool,
    ) -> anyhow::Result<Value> {
        wait::until(what, PATIENCE, async || {
            let view = self.json(&["rollout", "show", rollout]).await?;
            Ok(if condition(&view) { Look::Done(view) } else { Look::not_yet(&view) })
        })
        .await
    }
}

/// An address of this machine that nobody listens on.
///
/// # Errors
/// There is none.
pub fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}
