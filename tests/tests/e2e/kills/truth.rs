//! What must be true after any kill, read from the database, the agent's disk and the controller.

use std::path::Path;
use std::{fs, io};

use anyhow::{Context as _, ensure};
use pgbelay_tests::wait::{self, Look};
use pgbelay_tests::world::PATIENCE;
use serde_json::Value;

use super::stage::Stage;

/// What became of a migration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It happened, once.
    Applied,
    /// It happened once and was taken back once.
    TakenBack,
    /// It did not happen.
    Nothing,
}

use Fate::{Applied, Nothing, TakenBack};

/// By version: live records, closed records, attempts done up and down, rows at the gate, tables before and after it.
const FACTS: &str = "SELECT v.version, \
    (SELECT count(*) FROM pgbelay.migration_records r \
       WHERE r.version = v.version AND r.success AND r.rolled_back_at IS NULL), \
    (SELECT count(*) FROM pgbelay.migration_records r \
       WHERE r.version = v.version AND NOT (r.success AND r.rolled_back_at IS NULL)), \
    (SELECT count(*) FROM pgbelay.migration_attempts a \
       WHERE a.version = v.version AND a.direction = 'up' AND a.outcome = 'done'), \
    (SELECT count(*) FROM pgbelay.migration_attempts a \
       WHERE a.version = v.version AND a.direction = 'down' AND a.outcome = 'done'), \
    (SELECT count(*) FROM gate g WHERE g.version = v.version), \
    (to_regclass('public.made_' || v.version) IS NOT NULL)::int::int8, \
    (to_regclass('public.after_' || v.version) IS NOT NULL)::int::int8 \
    FROM unnest($1::text[]) v (version)";

impl Fate {
    fn facts(self) -> [i64; 7] {
        match self {
            Applied => [1, 0, 1, 0, 1, 1, 1],
            TakenBack => [0, 1, 1, 1, 0, 0, 0],
            Nothing => [0; 7],
        }
    }
}

impl Stage {
    /// Checks that the fate of these migrations is what everybody says it is, and that nothing is left over.
    pub(crate) async fn is_true(&self, database: &str, fates: &[(&str, Fate)]) -> anyhow::Result<()> {
        self.is_true_so_far(database, fates).await?;
        self.nothing_is_at_work(database).await?;
        self.everybody_was_told(database).await?;
        self.no_half_backup(database).await?;
        let applied = fates.iter().filter(|(_, fate)| *fate == Applied).count();
        self.controller_agrees(database, applied).await
    }

    /// Checks the fate of these migrations in the database alone, where a run may be under way.
    pub(crate) async fn is_true_so_far(&self, database: &str, fates: &[(&str, Fate)]) -> anyhow::Result<()> {
        let client = self.world.connect(database).await?;
        let versions: Vec<_> = fates.iter().map(|(version, _)| *version).collect();
        for (row, (version, fate)) in client.query(FACTS, &[&versions]).await?.iter().zip(fates) {
            let facts: [i64; 7] = std::array::from_fn(|at| row.get(at + 1));
            ensure!(facts == fate.facts(), "{version} on {database} should be {fate:?}, and is {facts:?}");
        }
        let all: i64 = client.query_one("SELECT count(*) FROM pgbelay.migration_records", &[]).await?.get(0);
        let known = fates.iter().filter(|(_, fate)| *fate != Nothing).count();
        ensure!(usize::try_from(all)? == known, "{database} has {all} records for {known} migrations");
        Ok(())
    }

    /// How many runs of commands have done something.
    pub(crate) async fn runs(&self, database: &str) -> anyhow::Result<i64> {
        let sql = "SELECT count(DISTINCT (command_id, attempt)) FROM pgbelay.migration_attempts WHERE outcome = 'done'";
        Ok(self.world.connect(database).await?.query_one(sql, &[]).await?.get(0))
    }

    /// No session of an agent's run, nor of its pg_dump, outlives the rollout.
    async fn nothing_is_at_work(&self, database: &str) -> anyhow::Result<()> {
        let client = self.world.connect(database).await?;
        let sql = "SELECT string_agg(application_name || ': ' || query, '; ') FROM pg_stat_activity \
                   WHERE datname = current_database() \
                     AND (application_name LIKE 'pgbelay-agent c%' OR application_name IN ('pgbelay-agent backup', 'pgbelay-agent dump'))";
        wait::until("the end of every session of a run", PATIENCE, async || {
            let left: Option<String> = client.query_one(sql, &[]).await?.get(0);
            Ok(left.map_or(Look::Done(()), Look::NotYet))
        })
        .await
    }

    /// Every result is acknowledged: no agent has anything left to say.
    async fn everybody_was_told(&self, database: &str) -> anyhow::Result<()> {
        wait::until("an acknowledgement of every result", PATIENCE, async || {
            let entries = self.journal(database)?;
            let done = entries.iter().all(|entry| entry["state"]["is"] == "acknowledged");
            Ok(if done { Look::Done(()) } else { Look::not_yet(format!("{entries:?}")) })
        })
        .await
    }

    async fn no_half_backup(&self, database: &str) -> anyhow::Result<()> {
        let directory = self.world.member(database).home.join("backups");
        wait::until("the end of every half backup", PATIENCE, async || {
            let half: Vec<_> =
                files_below(&directory)?.into_iter().filter(|path| is_temporary(path)).collect();
            Ok(if half.is_empty() { Look::Done(()) } else { Look::not_yet(half.join(", ")) })
        })
        .await
    }

    /// How many complete backups an agent has made.
    pub(crate) fn backups(&self, database: &str) -> anyhow::Result<usize> {
        let directory = self.world.member(database).home.join("backups");
        Ok(files_below(&directory)?.iter().filter(|path| path.ends_with("/manifest.json")).count())
    }

    async fn controller_agrees(&self, database: &str, applied: usize) -> anyhow::Result<()> {
        wait::until("a status that agrees", PATIENCE, async || {
            let status = self.world.json(&["status", database]).await?;
            let row = &status["databases"][0];
            let agrees = row["applied"] == applied && row["connected"] == true && row["health"] != "busy";
            Ok(if agrees { Look::Done(()) } else { Look::not_yet(row) })
        })
        .await
    }

    /// The backup that a rollout's run was made after is there.
    pub(crate) async fn has_its_backup(&self, rollout: &str, database: &str) -> anyhow::Result<()> {
        let view = self.world.json(&["rollout", "show", rollout]).await?;
        let of = |target: &&Value| target["database"] == database;
        let target =
            view["targets"].as_array().context("no targets")?.iter().find(of).context("no target")?;
        let path = target["backup"]["path"].as_str().context("a backup has a path")?;
        ensure!(Path::new(path).exists(), "there is no backup at {path}");
        Ok(())
    }
}

fn files_below(directory: &Path) -> io::Result<Vec<String>> {
    let mut found = Vec::new();
    for item in fs::read_dir(directory)? {
        let path = item?.path();
        found.push(path.to_string_lossy().into_owned());
        if path.is_dir() {
            found.extend(files_below(&path)?);
        }
    }
    Ok(found)
}

fn is_temporary(path: &str) -> bool {
    Path::new(path).file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'))
}
