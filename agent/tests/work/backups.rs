//! Backups: whole ones, and what is left of those that fail.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};
use pgbelay_agent::backup::{BackupRequest, back_up, remove_leftovers};
use pgbelay_agent::database::{Control, Target, inspect};
use pgbelay_core::command::{Backup, Failure, FailureKind, Outcome, RefusedBecause};
use pgbelay_core::digest::Digest;
use pgbelay_core::plan::Expectation;
use pgbelay_core::time::Timestamp;
use tempfile::TempDir;

use crate::world::{APP, World, target};

const DATA: &str = "CREATE TABLE a (id int PRIMARY KEY, name text); CREATE SCHEMA s; \
    CREATE TABLE s.\"B b\" (x text); CREATE TABLE s.empty (x text); CREATE UNLOGGED TABLE u (x int); \
    INSERT INTO a SELECT n, md5(n::text) FROM generate_series(1, 5000) n; INSERT INTO s.\"B b\" VALUES ('é')";

struct Yard {
    world: World,
    dir: TempDir,
}

impl Yard {
    async fn new() -> anyhow::Result<Self> {
        let world = World::new().await?;
        world.client().await?.batch_execute(DATA).await?;
        Ok(Self { world, dir: tempfile::tempdir()? })
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("backups")
    }

    async fn back_up(&self, programs: Option<&Path>) -> anyhow::Result<Outcome> {
        let expect = Expectation::from(&self.world.seen().await?);
        self.back_up_to(&self.path(), programs, &expect).await
    }

    async fn back_up_to(
        &self,
        dir: &Path,
        programs: Option<&Path>,
        expect: &Expectation,
    ) -> anyhow::Result<Outcome> {
        let order = self.world.up(&[]).await?;
        let request = BackupRequest { command: &order.command, expect, programs };
        let control = Control {
            progress: &self.world.progress,
            cancel: &self.world.cancel,
            lease: &|| true,
            may_end: &[],
        };
        Ok(back_up(&self.world.target, dir, &request, &control).await)
    }

    /// Everything in the directory of backups.
    fn left(&self) -> Vec<String> {
        let entries = fs::read_dir(self.path().join(APP)).into_iter().flatten();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    /// A directory of programs in which `pg_dump` does `script` first. `$REAL` is the real program.
    fn programs(&self, script: &str) -> anyhow::Result<PathBuf> {
        let (dir, real) = (self.dir.path().join("bin"), self.world.cluster.programs());
        fs::create_dir(&dir)?;
        std::os::unix::fs::symlink(real.join("pg_restore"), dir.join("pg_restore"))?;
        let real = real.join("pg_dump");
        let text = format!(
            "#!/bin/sh\nREAL={}\n[ \"$1\" = --version ] && [ -z \"$FAKE_VERSION\" ] && exec $REAL --version\n{script}\n",
            real.display()
        );
        fs::write(dir.join("pg_dump"), text)?;
        fs::set_permissions(dir.join("pg_dump"), fs::Permissions::from_mode(0o755))?;
        Ok(dir)
    }
}

#[track_caller]
fn backed_up(outcome: Outcome) -> Backup {
    match outcome {
        Outcome::BackedUp { backup } => backup,
        other => panic!("no backup: {other:?}"),
    }
}

#[track_caller]
fn failure(outcome: Outcome) -> Failure {
    match outcome {
        Outcome::Failed { failure, .. } => failure,
        other => panic!("not failed: {other:?}"),
    }
}

#[tokio::test]
async fn a_backup_can_be_restored_and_has_its_manifest() -> anyhow::Result<()> {
    let yard = Yard::new().await?;
    let backup = backed_up(yard.back_up(None).await?);
    let archive = fs::read(&backup.path)?;
    assert_eq!((backup.sha256, backup.bytes), (Digest::of(&archive), archive.len() as u64));
    let [name] = yard.left().try_into().unwrap();
    let (time, rest) = name.split_once('-').unwrap();
    assert!(time.len() == 16 && time.ends_with('Z') && rest == "r3-c7", "{name}");
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let directory = Path::new(&backup.path).parent().unwrap();
    assert_eq!((mode(directory), mode(Path::new(&backup.path))), (0o700, 0o600));
    let manifest: serde_json::Value = serde_json::from_slice(&fs::read(directory.join("manifest.json"))?)?;
    let seen = yard.world.seen().await?;
    assert_eq!(manifest["sha256"], backup.sha256.to_string());
    assert_eq!(manifest["fingerprint"], seen.fingerprint.to_string());
    assert_eq!(manifest["tables"], 4);
    assert!(manifest["lsn"].as_str().is_some_and(|lsn| lsn.contains('/')), "{manifest}");

    let cluster = &yard.world.cluster;
    cluster.create_database("restored").await?;
    let mut restore = Command::new(cluster.programs().join("pg_restore"));
    restore
        .args(["--exit-on-error", "--dbname", "restored"])
        .arg(&backup.path)
        .envs(cluster.environment("restored"));
    let output = restore.output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(inspect(&target(cluster, "restored")).await?.fingerprint, seen.fingerprint);
    let sum = "SELECT md5(string_agg(id || name, ',' ORDER BY id)) FROM a";
    let sum =
        async |name| anyhow::Ok(cluster.connect(name).await?.query_one(sum, &[]).await?.get::<_, String>(0));
    assert_eq!(sum(APP).await?, sum("restored").await?);
    backed_up(yard.back_up(None).await?);
    assert_eq!(yard.left().len(), 2, "nothing is replaced");
    Ok(())
}

#[tokio::test]
async fn planted_operators_do_not_reach_a_backup() -> anyhow::Result<()> {
    let yard = Yard::new().await?;
    crate::hijacks::plant(&yard.world).await?;
    backed_up(yard.back_up(None).await?);
    Ok(())
}

#[tokio::test]
async fn a_state_that_has_moved_gets_no_backup() -> anyhow::Result<()> {
    let yard = Yard::new().await?;
    let mut expect = Expectation::from(&yard.world.seen().await?);
    expect.fingerprint = Digest::of("other");
    let outcome = yard.back_up_to(&yard.path(), None, &expect).await?;
    assert!(matches!(outcome, Outcome::Refused { reason: RefusedBecause::Moved { .. } }), "{outcome:?}");
    let mut order = yard.world.up(&[]).await?;
    order.command.not_after = Timestamp(1);
    let request = BackupRequest { command: &order.command, expect: &order.run.expect, programs: None };
    let control =
        Control { progress: &yard.world.progress, cancel: &yard.world.cancel, lease: &|| true, may_end: &[] };
    let outcome = back_up(&yard.world.target, &yard.path(), &request, &control).await;
    assert!(matches!(outcome, Outcome::Refused { reason: RefusedBecause::TooLate }), "{outcome:?}");
    assert!(yard.left().is_empty());
    Ok(())
}

#[tokio::test]
async fn a_directory_that_cannot_be_written_fails_it() -> anyhow::Result<()> {
    let yard = Yard::new().await?;
    // A file stands where the directory would be: this stops root as well.
    fs::write(yard.path(), "")?;
    let failure = failure(yard.back_up(None).await?);
    assert_eq!(failure.kind, FailureKind::Backup);
    assert!(failure.message.contains("failed to make the directory"), "{failure:?}");
    assert!(failure.hint.unwrap().contains("backup directory"));
    Ok(())
}

#[tokio::test]
async fn a_full_disk_fails_it_and_leaves_nothing() -> anyhow::Result<()> {
    let yard = Yard::new().await?;
    // A limit on the size of files, met as a full disk is: by an error of write().
    let programs = yard.programs("trap '' XFSZ; ulimit -f 8; exec $REAL \"$@\"")?;
    let failure = failure(yard.back_up(Some(&programs)).await?);
    assert_eq!(failure.kind, FailureKind::Backup);
    assert!(failure.message.contains("pg_dump failed: could not write"), "{failure:?}");
    assert!(failure.hint.unwrap().contains("make room"));
    assert!(yard.left().is_empty(), "{:?}", yard.left());
    Ok(())
}

#[tokio::test]
async fn a_pg_dump_that_is_too_old_is_refused_before_it_runs() -> anyhow::Result<()> {
    let yard = Yard::new().await?;
    let said = "[ \"$1\" = --version ] && { echo 'pg_dump (PostgreSQL) 9.6.24'; exit; }; touch $0.was-run";
    let programs = yard.programs(said)?;
    let text = fs::read_to_string(programs.join("pg_dump"))?.replace("-z \"$FAKE_VERSION\"", "1 = 2");
    fs::write(programs.join("pg_dump"), text)?;
    let failure = failure(yard.back_up(Some(&programs)).await?);
    let server = yard.world.seen().await?.server_version / 10_000;
    assert!(
        failure.message.contains("9.6.24") && failure.message.contains(&server.to_string()),
        "{failure:?}"
    );
    assert!(failure.hint.unwrap().contains(&format!("postgresql-client-{server}")));
    assert!(!programs.join("pg_dump.was-run").exists() && yard.left().is_empty());
    Ok(())
}

#[tokio::test]
async fn no_pg_dump_at_all_is_told() -> anyhow::Result<()> {
    let yard = Yard::new().await?;
    let failure = failure(yard.back_up(Some(Path::new("/no/such/directory"))).await?);
    assert!(failure.message.contains("were not found"), "{failure:?}");
    Ok(())
}

#[tokio::test]
async fn an_archive_that_is_cut_off_is_not_published() -> anyhow::Result<()> {
    let yard = Yard::new().await?;
    let cut = "$REAL \"$@\" || exit; while [ $# -gt 0 ]; do [ \"$1\" = --file ] && f=$2; shift; done; \
               size=$(wc -c <$f); truncate -s $((size - 2000)) $f";
    let programs = yard.programs(cut)?;
    let failure = failure(yard.back_up(Some(&programs)).await?);
    assert!(failure.message.starts_with("pg_restore failed"), "{failure:?}");
    assert!(yard.left().is_empty());
    Ok(())
}

#[tokio::test]
async fn an_archive_that_lacks_a_table_is_not_published() -> anyhow::Result<()> {
    let yard = Yard::new().await?;
    let programs = yard.programs("exec $REAL \"$@\" --exclude-table-data=public.a")?;
    let failure = failure(yard.back_up(Some(&programs)).await?);
    assert!(failure.message.contains("1 tables have no rows section"), "{failure:?}");
    assert!(yard.left().is_empty());
    Ok(())
}

#[tokio::test]
async fn a_cancel_ends_pg_dump_and_leaves_nothing() -> anyhow::Result<()> {
    let yard = Yard::new().await?;
    let pid_file = yard.dir.path().join("pid");
    let programs =
        yard.programs(&format!("echo $$ >{0}.new; mv {0}.new {0}; exec sleep 600", pid_file.display()))?;
    let cancel = async {
        pgbelay_tests::wait::until("pg_dump to run", crate::world::LONG, async || Ok(pid_file.exists()))
            .await?;
        yard.world.cancel.cancel();
        anyhow::Ok(())
    };
    let (outcome, cancelled) = tokio::join!(yard.back_up(Some(&programs)), cancel);
    cancelled?;
    let outcome = outcome?;
    assert!(matches!(outcome, Outcome::Cancelled { .. }), "{outcome:?}");
    let pid = fs::read_to_string(&pid_file)?;
    assert!(!Path::new("/proc").join(pid.trim()).exists(), "pg_dump still runs");
    assert!(yard.left().is_empty());
    Ok(())
}

#[tokio::test]
async fn a_password_is_in_no_argument() -> anyhow::Result<()> {
    let yard = Yard::new().await?;
    let log = yard.dir.path().join("arguments");
    let programs = yard.programs(&format!("echo \"$@\" >{}; exec $REAL \"$@\"", log.display()))?;
    backed_up(yard.back_up(Some(&programs)).await?);
    let arguments = fs::read_to_string(log)?;
    assert!(arguments.contains("--lock-wait-timeout") && !arguments.contains(yard.world.cluster.password()));
    let wrong = Target { port: 1, ..yard.world.target.clone() };
    let order = yard.world.up(&[]).await?;
    let request = BackupRequest { command: &order.command, expect: &order.run.expect, programs: None };
    let control =
        Control { progress: &yard.world.progress, cancel: &yard.world.cancel, lease: &|| true, may_end: &[] };
    let failure = failure(back_up(&wrong, &yard.path(), &request, &control).await);
    assert_eq!(failure.kind, FailureKind::Connection);
    Ok(())
}

#[tokio::test]
async fn leftovers_of_an_earlier_life_are_removed_and_backups_are_not() -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let database = "app".parse()?;
    assert_eq!(remove_leftovers(dir.path(), &database).await?, 0);
    let mine = dir.path().join("app");
    for name in [".tmp-c1-1", ".tmp-c2-1", "20260101T000000Z-r1-c1"] {
        fs::create_dir_all(mine.join(name)).context("a directory")?;
        fs::write(mine.join(name).join("database.dump"), "x")?;
    }
    fs::create_dir_all(dir.path().join("other/.tmp-c1-1"))?;
    assert_eq!(remove_leftovers(dir.path(), &database).await?, 2);
    let left: Vec<_> = fs::read_dir(&mine)?.map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["20260101T000000Z-r1-c1"]);
    assert!(dir.path().join("other/.tmp-c1-1").exists(), "it may be at work");
    Ok(())
}
