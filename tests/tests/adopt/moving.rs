//! What every move has in common.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};
use pgbelay_tests::tools::Tools;
use pgbelay_tests::world::{World, run};
use serde_json::Value;

/// The database and its environment.
pub(crate) const DATABASE: &str = "orders";
pub(crate) const ENVIRONMENT: &str = "staging";

/// Migrations before the move and after it, as files of a tool.
pub(crate) struct Move<'a> {
    /// The name on the command line.
    pub(crate) tool: &'a str,
    /// The layout, where the files alone do not tell.
    pub(crate) layout: Option<&'a str>,
    /// What the tool applies; each makes a table `t1`, `t2` …
    pub(crate) before: &'a [(&'a str, &'a str)],
    /// What pgbelay applies; the files of before may be among them, with more in them.
    pub(crate) after: &'a [(&'a str, &'a str)],
    /// How each of before is known to be applied.
    pub(crate) how: &'a str,
    /// The tool's table.
    pub(crate) table: &'a str,
    /// SQL for the checksums that the tool keeps, in the order of its rows; `""`: it keeps none.
    pub(crate) checksums: &'a str,
    /// Whether the tool keeps times.
    pub(crate) times: bool,
}

/// A fleet of one database.
pub(crate) async fn world() -> anyhow::Result<World> {
    World::start(&[(DATABASE, ENVIRONMENT)]).await
}

/// The tools, on the world's database and migrations.
pub(crate) fn tools<'a>(world: &'a World, dir: &'a Path) -> Tools<'a> {
    Tools { cluster: &world.cluster, database: &world.member(DATABASE).pg_name, dir }
}

/// Runs a program of somebody else to its end.
pub(crate) async fn ends_well(command: Command) -> anyhow::Result<()> {
    let shown = format!("{command:?}");
    let ran = run(command).await.with_context(|| format!("not found, run make test-adopt: {shown}"))?;
    ensure!(ran.code == 0, "{shown} ended with {}:\n{}\n{}", ran.code, ran.stdout, ran.stderr);
    Ok(())
}

async fn texts(world: &World, sql: &str) -> anyhow::Result<Vec<Option<String>>> {
    let rows = world.connect(DATABASE).await?.query(sql, &[]).await.with_context(|| sql.to_owned())?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

impl Move<'_> {
    /// Writes the files that the tool applies.
    pub(crate) fn write_before(&self, world: &World) -> anyhow::Result<PathBuf> {
        world.write_migrations(self.before)
    }

    /// Adopts what the tool has applied, and goes on.
    pub(crate) async fn adopt_and_go_on(&self, world: &World) -> anyhow::Result<()> {
        let theirs = self.rows(world).await?;
        let shown = self.cli(world, &["adopt", "--dry-run"]).await?;
        self.check_plan(&shown)?;
        ensure!(self.records(world).await?.is_empty(), "a dry run records nothing");

        let rollout = self.cli(world, &["adopt", "--force"]).await?;
        ensure!(rollout["state"] == "succeeded", "{rollout}");
        self.check_records(world).await?;
        ensure!(self.rows(world).await? == theirs, "{}'s table is not what it was", self.tool);

        let again = self.cli(world, &["adopt", "--dry-run"]).await?;
        ensure!(again["groups"][0]["steps"] == Value::Array(Vec::new()), "there is nothing left: {again}");

        world.write_migrations(self.after)?;
        let rollout = self.cli(world, &["migrate", "--force"]).await?;
        ensure!(rollout["state"] == "succeeded", "{rollout}");
        let done = rollout["targets"][0]["steps"].as_array().map_or(0, Vec::len);
        ensure!(done == 2, "only what is new is run: {rollout}");
        let tables =
            "SELECT relname::text FROM pg_class WHERE relkind = 'r' AND relname ~ '^t[0-9]$' ORDER BY 1";
        let tables: Vec<_> = texts(world, tables).await?.into_iter().flatten().collect();
        ensure!(tables == ["t1", "t2", "t3", "t4", "t5"], "{tables:?}");
        ensure!(self.rows(world).await? == theirs, "pgbelay does not write {}'s table", self.tool);
        Ok(())
    }

    /// What of a history stands against adopting it, in the words of the refusal.
    pub(crate) async fn refused(&self, world: &World) -> anyhow::Result<String> {
        let dir = world.path().join("migrations").to_string_lossy().into_owned();
        let from = ["--from", self.tool, "--force", "--output", "json"];
        let ran =
            world.cli(&[&["adopt", "--env", ENVIRONMENT, "--migrations", &dir], &from[..]].concat()).await?;
        ensure!(ran.code == 3, "not refused: {ran:?}");
        ensure!(self.records(world).await?.is_empty(), "something was recorded");
        Ok(ran.stderr)
    }

    async fn cli(&self, world: &World, args: &[&str]) -> anyhow::Result<Value> {
        let dir = world.path().join("migrations").to_string_lossy().into_owned();
        let mut all = [args, &["--env", ENVIRONMENT, "--migrations", &dir]].concat();
        if let Some(layout) = self.layout {
            all.extend(["--layout", layout]);
        }
        world.json(&all).await
    }

    fn check_plan(&self, plan: &Value) -> anyhow::Result<()> {
        let group = &plan["groups"][0];
        ensure!(group["tool"] == self.tool, "{plan}");
        let steps = group["steps"].as_array().context("no steps")?;
        ensure!(steps.len() == 3, "{plan}");
        ensure!(steps.iter().all(|step| step["recorded"] == self.how), "{plan}");
        ensure!(group["misfits"] == Value::Array(Vec::new()), "{plan}");
        Ok(())
    }

    /// What the tool's table holds.
    async fn rows(&self, world: &World) -> anyhow::Result<Vec<Option<String>>> {
        texts(world, &format!("SELECT t::text FROM {} t ORDER BY 1", self.table)).await
    }

    async fn records(&self, world: &World) -> anyhow::Result<Vec<String>> {
        world.applied(DATABASE).await
    }

    async fn check_records(&self, world: &World) -> anyhow::Result<()> {
        let records = self.records(world).await?;
        ensure!(records.len() == 3, "{records:?}");
        if !self.checksums.is_empty() {
            let sql = "SELECT metadata ->> 'tool_checksum' FROM pgbelay.migration_records ORDER BY id";
            let (ours, theirs) = (texts(world, sql).await?, texts(world, self.checksums).await?);
            ensure!(ours == theirs && ours.iter().all(Option::is_some), "{ours:?} {theirs:?}");
        }
        let sql = "SELECT max(extract(epoch FROM now() - applied_at))::float8::text FROM pgbelay.migration_records \
                   WHERE (metadata ->> 'time_known')::boolean";
        let oldest = texts(world, sql).await?.pop().flatten();
        ensure!(oldest.is_some() == self.times, "times: {oldest:?}");
        Ok(())
    }
}
