//! How a world comes to be.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Command;

use anyhow::bail;

use super::{Member, World, free_address};
use crate::process::bin;
use crate::scratch::Scratch;

/// What a world starts with.
#[derive(Default)]
pub struct WorldBuilder {
    databases: Vec<(String, String)>,
    policy: Option<String>,
    cluster: crate::postgres::Builder,
}

impl WorldBuilder {
    /// The databases: name and environment. The environments come in the order in which they are named here.
    #[must_use]
    pub fn databases(mut self, databases: &[(&str, &str)]) -> Self {
        self.databases = databases.iter().map(|(name, e)| ((*name).to_owned(), (*e).to_owned())).collect();
        self
    }

    /// A policy document to apply in place of the defaults.
    #[must_use]
    pub fn policy(mut self, yaml: &str) -> Self {
        self.policy = Some(yaml.to_owned());
        self
    }

    /// A PostgreSQL server with other than the defaults.
    #[must_use]
    pub fn cluster(mut self, cluster: crate::postgres::Builder) -> Self {
        self.cluster = cluster;
        self
    }

    /// Starts everything and waits until every agent is connected.
    ///
    /// # Errors
    /// Something did not start; the message has its log.
    pub async fn start(self) -> anyhow::Result<World> {
        let cluster = self.cluster.start().await?;
        let home = Scratch::new("world")?;
        let mut world = World {
            controller: None,
            members: BTreeMap::new(),
            cluster,
            listen: free_address()?,
            enrol_listen: free_address()?,
            home,
        };
        let mut seen = BTreeSet::new();
        let environments: Vec<&str> =
            self.databases.iter().map(|(_, e)| e.as_str()).filter(|e| seen.insert(*e)).collect();
        world.init_controller(&environments)?;
        world.start_controller().await?;
        if let Some(policy) = &self.policy {
            world.apply_policy(policy).await?;
        }
        for (name, environment) in &self.databases {
            world.add_member(name, environment).await?;
            world.start_agent(name)?;
        }
        world.all_connected().await?;
        Ok(world)
    }
}

impl World {
    fn init_controller(&self, environments: &[&str]) -> anyhow::Result<()> {
        let mut command = Command::new(bin("pgbelay-controller")?);
        command.arg("init").arg("--dir").arg(self.controller_home());
        command.args(["--environments", &environments.join(",")]);
        command.args([
            "--listen",
            &self.listen.to_string(),
            "--enrol-listen",
            &self.enrol_listen.to_string(),
        ]);
        succeed(command)
    }

    /// Puts a policy in force.
    ///
    /// # Errors
    /// It was refused; the message says why.
    pub async fn apply_policy(&self, yaml: &str) -> anyhow::Result<()> {
        let file = self.path().join("policy.yaml");
        fs::write(&file, yaml)?;
        self.json(&["policy", "apply", &file.to_string_lossy()]).await.map(drop)
    }

    /// Makes a database, invites its agent and enrols it. The agent is not started.
    ///
    /// # Errors
    /// Something was refused; the message says what.
    pub async fn add_member(&mut self, name: &str, environment: &str) -> anyhow::Result<()> {
        let pg_name = name.replace('-', "_");
        self.cluster.create_database(&pg_name).await?;
        let home = self.path().join("agents").join(name);
        fs::create_dir_all(&home)?;
        let member = Member { name: name.to_owned(), pg_name, home, agent: None };
        self.write_agent_config(&member, &self.listen.to_string())?;
        self.members.insert(name.to_owned(), member);
        let token = self.token(name, environment).await?;
        succeed(self.enroll_command(name, &token)?)
    }

    /// A join token.
    ///
    /// # Errors
    /// It was refused; the message says why.
    pub async fn token(&self, name: &str, environment: &str) -> anyhow::Result<String> {
        let token = self.json(&["token", "create", name, "--env", environment]).await?;
        Ok(token["token"].as_str().unwrap_or_default().to_owned())
    }

    /// The command that enrols a member's agent.
    ///
    /// # Errors
    /// The program is not there.
    pub fn enroll_command(&self, member: &str, token: &str) -> anyhow::Result<Command> {
        let mut command = Command::new(bin("pgbelay-agent")?);
        command.arg("enroll").arg("--config").arg(self.member(member).home.join("agent.yaml"));
        command.args(["--controller", &self.enrol_listen.to_string()]).env("PGBELAY_JOIN_TOKEN", token);
        Ok(command)
    }

    /// Writes an agent's settings; `controller` is where it connects.
    ///
    /// # Errors
    /// The disk.
    pub fn write_agent_config(&self, member: &Member, controller: &str) -> anyhow::Result<()> {
        let backups = member.home.join("backups");
        fs::create_dir_all(&backups)?;
        let yaml = format!(
            "database:\n  host: 127.0.0.1\n  port: {}\n  name: {}\n  user: {}\n  password: \"{}\"\n\
             migration:\n  backup_dir: {}\nlogging:\n  level: debug\n\
             agent:\n  name: {}\n  controller: \"{controller}\"\n  state_dir: {}\n",
            self.cluster.port(),
            member.pg_name,
            self.cluster.user(),
            self.cluster.password(),
            backups.display(),
            member.name,
            member.home.join("state").display(),
        );
        fs::write(member.home.join("agent.yaml"), yaml)?;
        Ok(())
    }
}

fn succeed(mut command: Command) -> anyhow::Result<()> {
    let output = command.output()?;
    if !output.status.success() {
        bail!("{command:?} ended with {}: {}", output.status, String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}
