//! What every kill test plays on: a fleet, and migrations that can be held at a known point.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use pgbelay_tests::proxy::Proxy;
use pgbelay_tests::wait::{self, Look};
use pgbelay_tests::world::{PATIENCE, World};
use serde_json::Value;

/// The database of most tests.
pub(crate) const ORDERS: &str = "orders";

/// How long a session takes to end that was told to: shorter than any limit that would end it by itself.
const AT_ONCE: Duration = Duration::from_secs(15);

/// What migrations and backups run into. Nothing but its name is read of `vault` when the schema is looked at: that
/// does not wait for who locks it.
const GATES: &str = "CREATE TABLE gate (version text PRIMARY KEY); CREATE TABLE vault (id bigint)";

/// A fleet in one environment, with migrations that wait where a test wants them to.
pub(crate) struct Stage {
    pub(crate) world: World,
}

impl Stage {
    /// One database, these migrations, no backups.
    pub(crate) async fn set(versions: &[&str]) -> anyhow::Result<Self> {
        Self::of(&[ORDERS], "off", versions).await
    }

    /// As [`Self::set`], with a backup before each run.
    pub(crate) async fn with_backups(versions: &[&str]) -> anyhow::Result<Self> {
        Self::of(&[ORDERS], "required", versions).await
    }

    /// Databases that are migrated one after the other.
    pub(crate) async fn of(databases: &[&str], backup: &str, versions: &[&str]) -> anyhow::Result<Self> {
        // Longer than any test holds a lock: the tests of lock timeouts are elsewhere.
        let policy = format!(
            "environments:\n  - name: staging\n    backup: \"{backup}\"\n    max_parallel: 1\n    \
             lock_timeout: 2m\n    lock_budget: 4m\n"
        );
        let members: Vec<_> = databases.iter().map(|name| (*name, "staging")).collect();
        let world = World::builder().databases(&members).policy(&policy).start().await?;
        for name in databases {
            world.connect(name).await?.batch_execute(GATES).await?;
        }
        let stage = Self { world };
        stage.write(versions, "")?;
        Ok(stage)
    }

    /// Writes these migrations and their way back. Each leaves a table before the gate, a row in it and a table after
    /// it; `more` stands at the end.
    pub(crate) fn write(&self, versions: &[&str], more: &str) -> anyhow::Result<()> {
        let mut files = Vec::new();
        for v in versions {
            let up = format!(
                "CREATE TABLE made_{v} (id bigint);\nINSERT INTO gate (version) VALUES ('{v}');\n\
                 CREATE TABLE after_{v} (id bigint);\n{more}"
            );
            let down = format!(
                "DROP TABLE after_{v};\nDELETE FROM gate WHERE version = '{v}';\nDROP TABLE made_{v};\n"
            );
            files.push((format!("{v}_step.sql"), up));
            files.push((format!("rollback/{v}_rollback.sql"), down));
        }
        let files: Vec<_> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
        self.world.write_migrations(&files).map(drop)
    }

    /// Starts to run all migrations; the rollout.
    pub(crate) async fn migrate(&self) -> anyhow::Result<String> {
        self.begin(&["migrate", "--env", "staging", "--force", "--detach"]).await
    }

    /// Runs all migrations.
    pub(crate) async fn migrated(&self) -> anyhow::Result<()> {
        let rollout = self.migrate().await?;
        self.succeeds(&rollout).await
    }

    /// Starts to take back all migrations after `target`; the rollout.
    pub(crate) async fn roll_back_to(&self, target: &str) -> anyhow::Result<String> {
        self.begin(&["rollback", "--env", "staging", "--target", target, "--force", "--detach"]).await
    }

    /// Starts something; the rollout.
    pub(crate) async fn begin(&self, args: &[&str]) -> anyhow::Result<String> {
        let view = self.world.json(args).await?;
        Ok(view["id"].as_str().context("a rollout has an id")?.to_owned())
    }

    /// Waits for the end of a rollout, or for a pause that only a person ends; the view.
    pub(crate) async fn ends(&self, rollout: &str) -> anyhow::Result<Value> {
        let ended = wait::until("the end of the rollout", PATIENCE, async || {
            // It ends with the rollout. To ask again and again would take the time from those who work.
            self.world.spawn_cli(&["rollout", "watch", rollout], "rollout-watch")?.wait(PATIENCE).await?;
            let view = self.world.json(&["rollout", "show", rollout]).await?;
            Ok(if is_over(&view) { Look::Done(view) } else { Look::not_yet(view) })
        });
        match ended.await {
            Ok(view) => Ok(view),
            Err(error) => {
                let view = self.world.json(&["rollout", "show", rollout]).await?;
                Err(error.context(format!("it stands at {view:#}")))
            }
        }
    }

    /// Waits until a rollout has succeeded. Any other end is an error.
    pub(crate) async fn succeeds(&self, rollout: &str) -> anyhow::Result<()> {
        let view = self.ends(rollout).await?;
        ensure!(view["state"] == "succeeded", "the rollout did not succeed: {view:#}");
        Ok(())
    }

    /// Whether an agent is connected, for the controller.
    pub(crate) async fn is_connected(&self, database: &str) -> anyhow::Result<bool> {
        let status = self.world.json(&["status", database]).await?;
        Ok(status["databases"][0]["connected"] == true)
    }

    /// Waits until the controller has an agent's connection, or has it no more.
    pub(crate) async fn connected(&self, database: &str, is: bool) -> anyhow::Result<()> {
        let what = format!("{database} connected: {is}");
        wait::until(&what, PATIENCE, async || Ok(self.is_connected(database).await? == is)).await
    }

    /// Waits until an agent's journal has an entry that is `how`: accepted, finished or acknowledged.
    pub(crate) async fn journal_has(&self, database: &str, how: &str) -> anyhow::Result<()> {
        let what = format!("{how} in the journal");
        wait::until(&what, PATIENCE, async || {
            let entries = self.journal(database)?;
            let is = |entry: &Value| entry["state"]["is"] == how;
            Ok(if entries.iter().any(is) { Look::Done(()) } else { Look::not_yet(format!("{entries:?}")) })
        })
        .await
    }

    /// What stands in an agent's journal.
    pub(crate) fn journal(&self, database: &str) -> anyhow::Result<Vec<Value>> {
        let mut entries = Vec::new();
        for file in fs::read_dir(self.journal_directory(database))? {
            let path = file?.path();
            if path.extension().is_some_and(|suffix| suffix == "json") {
                entries.push(serde_json::from_slice(&fs::read(path)?)?);
            }
        }
        Ok(entries)
    }

    /// Waits until the first rollout has given an agent something to do.
    pub(crate) async fn has_begun(&self) -> anyhow::Result<()> {
        let begun = |target: &Value| target["state"] != "waiting";
        let at_work =
            |view: &Value| view["targets"].as_array().is_some_and(|targets| targets.iter().any(begun));
        self.world.rollout_until("r1", "a command of the rollout", at_work).await.map(drop)
    }

    /// Waits until a session of an agent's run waits for a lock.
    pub(crate) async fn somebody_waits(&self) -> anyhow::Result<()> {
        let is = "application_name LIKE 'pgbelay-agent c%' AND wait_event_type = 'Lock'";
        self.session_is(is).await
    }

    /// Waits until a session has finished its statement and does nothing more.
    pub(crate) async fn is_idle_in_transaction(&self, session: i32) -> anyhow::Result<()> {
        self.session_is(&format!("pid = {session} AND state = 'idle in transaction'")).await
    }

    /// Waits a moment for the end of a session that was ended.
    pub(crate) async fn is_gone(&self, session: i32) -> anyhow::Result<()> {
        let client = self.world.connect(ORDERS).await?;
        let sql = "SELECT FROM pg_stat_activity WHERE pid = $1";
        wait::until("the session's end", AT_ONCE, async || {
            Ok(client.query_opt(sql, &[&session]).await?.is_none())
        })
        .await
    }

    async fn session_is(&self, what: &str) -> anyhow::Result<()> {
        let client = self.world.connect(ORDERS).await?;
        let sql =
            format!("SELECT FROM pg_stat_activity WHERE datname = current_database() AND {what} LIMIT 1");
        wait::until(what, PATIENCE, async || Ok(client.query_opt(&sql, &[]).await?.is_some())).await
    }

    /// The directory of an agent's journal.
    pub(crate) fn journal_directory(&self, database: &str) -> PathBuf {
        self.world.member(database).home.join("state/journal")
    }

    /// Waits until a migration is recorded.
    pub(crate) async fn recorded(&self, database: &str, version: &str) -> anyhow::Result<()> {
        self.record_is(database, version, true).await
    }

    /// Waits until the record of a migration is closed.
    pub(crate) async fn taken_back(&self, database: &str, version: &str) -> anyhow::Result<()> {
        self.record_is(database, version, false).await
    }

    async fn record_is(&self, database: &str, version: &str, live: bool) -> anyhow::Result<()> {
        let what = format!("a live record of {version}: {live}");
        wait::until(&what, PATIENCE, async || {
            Ok(self.world.applied(database).await?.iter().any(|applied| applied == version) == live)
        })
        .await
    }

    /// Puts a proxy between an agent and its controller.
    pub(crate) async fn proxy_to_controller(&mut self, database: &str) -> anyhow::Result<Proxy> {
        let (target, proxy) = (self.world.listen, Proxy::start(self.world.listen).await?);
        let (from, to) = (target.to_string(), proxy.address().to_string());
        self.rewire(database, &format!("controller: \"{from}\""), &format!("controller: \"{to}\"")).await?;
        Ok(proxy)
    }

    /// Puts a proxy between an agent and PostgreSQL.
    pub(crate) async fn proxy_to_database(&mut self, database: &str) -> anyhow::Result<Proxy> {
        let port = self.world.cluster.port();
        let proxy = Proxy::start(SocketAddr::from(([127, 0, 0, 1], port))).await?;
        let (from, to) = (format!("port: {port}\n"), format!("port: {}\n", proxy.address().port()));
        self.rewire(database, &from, &to).await?;
        Ok(proxy)
    }

    async fn rewire(&mut self, database: &str, from: &str, to: &str) -> anyhow::Result<()> {
        let file = self.world.member(database).home.join("agent.yaml");
        let settings = fs::read_to_string(&file)?;
        ensure!(settings.contains(from), "the agent's settings have no {from:?}");
        fs::write(&file, settings.replace(from, to))?;
        self.world.kill_agent(database)?;
        self.connected(database, false).await?;
        self.world.start_agent(database)?;
        self.connected(database, true).await
    }

    /// Kills an agent and starts it again.
    pub(crate) fn restart_agent(&mut self, database: &str) -> anyhow::Result<()> {
        self.world.kill_agent(database)?;
        self.world.start_agent(database)
    }

    /// Kills the controller and starts it again.
    pub(crate) async fn restart_controller(&mut self) -> anyhow::Result<()> {
        self.world.kill_controller()?;
        self.world.start_controller().await
    }
}

fn is_over(view: &Value) -> bool {
    let word = view["state"].as_str().unwrap_or_default();
    let reason = view["reason"].as_str().unwrap_or_default();
    let stuck = reason.starts_with("unknown") || reason.starts_with("budget");
    ["succeeded", "failed", "aborted"].contains(&word) || stuck
}
