//! The crash matrix of restores: every kind, held at every point, while every process is killed in turn, or somebody
//! ends the job. What is said of its end agrees with the server; nothing is left over; and the same command works.
//!
//! A cell is how the job ended: `restored`, `failed`, `cancelled` or `interrupted`.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, ensure};
use pgbelay_tests::wait::{self, Look};
use pgbelay_tests::world::{PATIENCE, World};
use serde_json::Value;

use crate::stage::program;

const ORDERS: &str = "orders";

/// Where a restore is held: its failpoint.
const POINTS: [(&str, &str); 4] = [
    ("restore-made", "when it is begun"),
    ("restore-compared", "before it has its name"),
    ("restore-published", "when it has its name"),
    ("restore-ended", "before its end is kept"),
];

const VICTIMS: [Victim; 5] =
    [Victim::Agent, Victim::Sessions, Victim::Postgres, Victim::Controller, Victim::Job];

/// What is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Victim {
    Agent,
    /// The agent's sessions on the server.
    Sessions,
    Postgres,
    Controller,
    /// Nothing: somebody ends the job.
    Job,
}

/// What is restored into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Scratch,
    New,
    Tables,
    InPlace,
}

struct Stage {
    kind: Kind,
    world: World,
    points: PathBuf,
    backup: String,
    /// Databases that were there before the cell.
    before: Vec<String>,
}

pub(crate) async fn matrix(kind: Kind) -> anyhow::Result<()> {
    let mut rows: Vec<(&str, Vec<String>)> = POINTS.map(|(_, words)| (words, Vec::new())).into();
    let mut wrong = Vec::new();
    for victim in VICTIMS {
        let mut stage = Stage::set(kind).await?;
        for ((point, _), (words, cells)) in POINTS.iter().zip(&mut rows) {
            if kind == Kind::Scratch && *point == "restore-published" {
                cells.push("-".to_owned());
                continue;
            }
            match stage.cell(point, victim).await {
                Ok(how) => cells.push(how),
                Err(error) => {
                    cells.push("WRONG".to_owned());
                    wrong.push(format!("{words}, {victim:?}: {error:#}"));
                    stage = Stage::set(kind).await?;
                }
            }
        }
    }
    print(kind, &rows, wrong.len());
    ensure!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the matrix is what the test is run for")]
fn print(kind: Kind, rows: &[(&str, Vec<String>)], wrong: usize) {
    let tried = rows.iter().flat_map(|(_, cells)| cells).filter(|cell| *cell != "-").count();
    let mut text = format!("restore, {kind:?}: {tried} cells tried, {} held\n  {:<24}", tried - wrong, "");
    VICTIMS.iter().for_each(|victim| text.push_str(&format!("{:>13}", format!("{victim:?}").to_lowercase())));
    for (words, cells) in rows {
        text.push_str(&format!("\n  {words:<24}"));
        cells.iter().for_each(|cell| text.push_str(&format!("{cell:>13}")));
    }
    println!("{text}\n");
}

impl Stage {
    async fn set(kind: Kind) -> anyhow::Result<Self> {
        program()?;
        let mut world = World::start(&[(ORDERS, "staging")]).await?;
        let first = "CREATE TABLE a (id int PRIMARY KEY, b text);\nINSERT INTO a SELECT n, n FROM generate_series(1, 500) n;\n";
        let second = "DELETE FROM a WHERE id > 100;\n";
        for files in [vec![("001_a.sql", first)], vec![("001_a.sql", first), ("002_b.sql", second)]] {
            world.write_migrations(&files)?;
            let dir = world.path().join("migrations");
            let args = ["migrate", "--env", "staging", "--force", "--migrations", &dir.to_string_lossy()];
            let rollout = world.json(&args).await?;
            ensure!(rollout["state"] == "succeeded", "{rollout}");
        }
        let list = world.json(&["backup", "list"]).await?;
        let backup = list["backups"][0]["id"].as_str().context("no backup")?.to_owned();
        let points = world.path().join("points");
        fs::create_dir_all(&points)?;
        world.kill_agent(ORDERS)?;
        let mut stage = Self { kind, world, points, backup, before: Vec::new() };
        stage.start_agent()?;
        stage.world.all_connected().await?;
        Ok(stage)
    }

    fn start_agent(&mut self) -> anyhow::Result<()> {
        let points = self.points.clone();
        self.world.start_agent_as(ORDERS, &program()?, &[("PGBELAY_FAILPOINTS", &points)])
    }

    fn arguments(&self) -> Vec<&str> {
        let mut arguments = match self.kind {
            Kind::Scratch => return vec!["backup", "verify", &self.backup, "--restore"],
            Kind::New | Kind::Tables | Kind::InPlace => vec!["restore", ORDERS, "--backup", &self.backup],
        };
        arguments.extend(match self.kind {
            Kind::Scratch => [].as_slice(),
            Kind::New => &["--into", "back", "--detach"],
            Kind::Tables => &["--tables", "a", "--schema", "back", "--detach"],
            Kind::InPlace => &["--in-place", "--force", "--cut-off", "belay", "--detach"],
        });
        arguments
    }

    async fn cell(&mut self, point: &str, victim: Victim) -> anyhow::Result<String> {
        self.world.all_connected().await?;
        self.before = self.databases().await?;
        fs::write(self.points.join(format!("arm-{point}")), "")?;
        let at = self.points.join(format!("at-{point}"));
        let id = self.start().await?;
        wait::until("the point", PATIENCE, async || Ok(at.exists())).await?;
        self.strike(victim, &id).await?;
        // A process that was killed has left the file behind.
        fs::remove_file(&at).or_else(|error| {
            if error.kind() == std::io::ErrorKind::NotFound { Ok(()) } else { Err(error) }
        })?;
        let job = self.ended(&id).await?;
        let state = job["state"].as_str().unwrap_or_default().to_owned();
        self.agrees(&job).await?;
        if state != "restored" {
            let reason =
                ["message", "hint"].iter().all(|key| job[key].as_str().is_some_and(|s| !s.is_empty()));
            ensure!(state == "cancelled" || reason, "no reason: {job}");
            self.world.all_connected().await?;
            self.before = self.databases().await?;
            let again = self.start().await?;
            let job = self.ended(&again).await?;
            ensure!(job["state"] == "restored", "it does not work again: {job}");
            self.agrees(&job).await?;
        }
        self.clean_up().await?;
        Ok(state)
    }

    /// Starts a job; what follows it is not waited for.
    async fn start(&self) -> anyhow::Result<String> {
        let arguments = self.arguments();
        if self.kind != Kind::Scratch {
            let job = self.world.json(&arguments).await?;
            return Ok(job["id"].as_str().context("a job has an id")?.to_owned());
        }
        let known = self.jobs().await?;
        let watched = self.world.cli(&arguments);
        let started = wait::until("the job", PATIENCE, async || {
            let jobs = self.jobs().await?;
            Ok((jobs.len() > known.len()).then(|| jobs[0]["id"].as_str().unwrap_or_default().to_owned()))
        });
        tokio::select! {
            ran = watched => anyhow::bail!("it ended before it was seen: {:?}", ran?),
            started = started => started,
        }
    }

    async fn jobs(&self) -> anyhow::Result<Vec<Value>> {
        let list = self.world.json(&["job", "list"]).await?;
        Ok(list["jobs"].as_array().context("no list")?.clone())
    }

    async fn strike(&mut self, victim: Victim, job: &str) -> anyhow::Result<()> {
        match victim {
            Victim::Agent => {
                self.world.kill_agent(ORDERS)?;
                self.start_agent()
            }
            Victim::Sessions => {
                let client = self.world.cluster.connect("postgres").await?;
                let sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'pgbelay-agent%'";
                client.batch_execute(sql).await.map_err(Into::into)
            }
            Victim::Postgres => {
                self.world.cluster.stop_immediate()?;
                self.world.cluster.start_again().await
            }
            Victim::Controller => {
                self.world.kill_controller()?;
                self.world.start_controller().await
            }
            Victim::Job => self.world.json(&["job", "cancel", job]).await.map(drop),
        }
    }

    async fn ended(&self, id: &str) -> anyhow::Result<Value> {
        wait::until("the end of the job", PATIENCE, async || {
            let job = self.world.json(&["job", "show", id]).await?;
            Ok(if job["ended_at"].is_string() { Look::Done(job) } else { Look::not_yet(job) })
        })
        .await
    }

    /// What is said agrees with the server, and there is nothing else.
    async fn agrees(&self, job: &Value) -> anyhow::Result<()> {
        let restored = job["state"] == "restored";
        let orders = self.world.member(ORDERS).pg_name.clone();
        let live = self.count(&orders, "a").await?;
        let mut expected = self.before.clone();
        match self.kind {
            Kind::Scratch => ensure!(live == 100, "{job}"),
            Kind::New => {
                ensure!(live == 100, "{job}");
                if restored {
                    expected.push("back".to_owned());
                    ensure!(self.count("back", "a").await? == 500, "{job}");
                }
            }
            Kind::Tables => {
                ensure!(live == 100, "{job}");
                let client = self.world.connect(ORDERS).await?;
                let sql = "SELECT count(*) FROM pg_namespace WHERE nspname = 'back'";
                let there: i64 = client.query_one(sql, &[]).await?.get(0);
                ensure!((there == 1) == restored, "{there} schemas: {job}");
                if restored {
                    ensure!(self.count(&orders, "back.a").await? == 500, "{job}");
                }
            }
            Kind::InPlace => {
                ensure!(live == if restored { 500 } else { 100 }, "{live} rows: {job}");
                if restored {
                    let kept = job["restored"]["kept"].as_str().context("it is not told what is kept")?;
                    expected.push(kept.to_owned());
                    ensure!(self.count(kept, "a").await? == 100, "{job}");
                }
                self.world
                    .status_until(ORDERS, "a status that agrees", |row| {
                        let version = if restored { "001" } else { "002" };
                        row["connected"] == true && row["version"] == version
                    })
                    .await?;
            }
        }
        expected.sort();
        wait::until("nothing to be left over", PATIENCE, async || {
            let there = self.databases().await?;
            Ok(if there == expected { Look::Done(()) } else { Look::not_yet(format!("{there:?}: {job}")) })
        })
        .await
    }

    async fn count(&self, database: &str, table: &str) -> anyhow::Result<i64> {
        let client = self.world.cluster.connect(database).await?;
        Ok(client.query_one(&format!("SELECT count(*) FROM {table}"), &[]).await?.get(0))
    }

    async fn databases(&self) -> anyhow::Result<Vec<String>> {
        let client = self.world.cluster.connect("postgres").await?;
        let sql = "SELECT datname::text FROM pg_database ORDER BY datname COLLATE \"C\"";
        Ok(client.query(sql, &[]).await?.iter().map(|row| row.get(0)).collect())
    }

    /// As it was before the cell.
    async fn clean_up(&self) -> anyhow::Result<()> {
        match self.kind {
            Kind::Scratch => Ok(()),
            Kind::New => {
                let client = self.world.cluster.connect("postgres").await?;
                client.batch_execute("DROP DATABASE back").await.map_err(Into::into)
            }
            Kind::Tables => {
                let client = self.world.connect(ORDERS).await?;
                client.batch_execute("DROP SCHEMA back CASCADE").await.map_err(Into::into)
            }
            // Managed as before: what was lost with the older backup is applied again.
            Kind::InPlace => {
                let dir = self.world.path().join("migrations");
                let args = ["migrate", "--env", "staging", "--force", "--migrations", &dir.to_string_lossy()];
                let rollout = self.world.json(&args).await?;
                ensure!(rollout["state"] == "succeeded", "{rollout}");
                Ok(())
            }
        }
    }
}
