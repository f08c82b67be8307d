//! Backups that another program makes: real programs, good ones and bad ones.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::ensure;
use pgbelay_agent::backup::verify;
use pgbelay_agent::config::BackupProgram;
use pgbelay_core::command::{BackupOrder, Outcome};
use pgbelay_core::job::{Destination, JobEnd};
use pgbelay_core::policy::{BackupMethod, MethodRule};
use pgbelay_tests::wait;

use crate::backups::{Yard, backed_up, failure, manifest};
use crate::restoring::into;
use crate::world::LONG;

const WELL: &str = r#"echo '{"id": "20261127F", "location": "repo1/main", "bytes": 4711}'"#;

async fn yard() -> anyhow::Result<Yard> {
    let mut yard = Yard::new().await?;
    yard.order = BackupOrder { method: MethodRule::Command, ..BackupOrder::default() };
    Ok(yard)
}

/// Lets the agent's file name a program that does this.
fn program(yard: &mut Yard, script: &str) -> anyhow::Result<PathBuf> {
    let path = yard.dir.path().join("program");
    fs::write(&path, format!("#!/bin/sh\n{script}\n"))?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o700))?;
    let timeout = Duration::from_secs(60);
    yard.outside = Some(BackupProgram { path: path.clone(), arguments: vec!["main".to_owned()], timeout });
    Ok(path)
}

#[tokio::test]
async fn what_a_program_made_is_published_with_what_it_says() -> anyhow::Result<()> {
    let mut yard = yard().await?;
    let told = yard.dir.path().join("told");
    let script = format!("{{ echo \"$@\"; env; }} >{}; echo working >&2; {WELL}", told.display());
    program(&mut yard, &script)?;
    let backup = backed_up(yard.back_up(None).await?);
    assert_eq!((backup.method, backup.bytes), (BackupMethod::Command, 4_711));
    assert_eq!(backup.outside.as_deref(), Some("repo1/main"));
    let manifest = manifest(&backup);
    assert_eq!(
        manifest["outside"],
        serde_json::json!({"id": "20261127F", "location": "repo1/main", "bytes": 4711})
    );
    assert_eq!((&manifest["method"], &manifest["tables"]), (&"command".into(), &0.into()));
    let told = fs::read_to_string(told)?;
    let target = &yard.world.target;
    let expected = [
        "main".to_owned(),
        format!("PGHOST={}", target.host),
        format!("PGPORT={}", target.port),
        format!("PGUSER={}", target.user),
        format!("PGDATABASE={}", target.name),
        "PGBELAY_DATABASE=app".to_owned(),
        "PGBELAY_ROLLOUT=r3".to_owned(),
        "PGBELAY_BACKUP_ID=r3-c7-1".to_owned(),
        format!("PGBELAY_FINGERPRINT={}", manifest["fingerprint"].as_str().unwrap_or_default()),
        format!("PGBELAY_LSN={}", manifest["lsn"].as_str().unwrap_or_default()),
    ];
    for line in &expected {
        ensure!(told.lines().any(|found| found == line), "{line} is not in {told}");
    }
    let problems = verify(Path::new(&backup.path), backup.sha256, &yard.signer.ca_pem).await;
    assert_eq!(problems, Vec::<String>::new());
    let end = into(&yard, target, &backup, Destination::Scratch).await?;
    let JobEnd::Failed { message, .. } = &end else { anyhow::bail!("{end:?}") };
    ensure!(message.contains("it is at repo1/main"), "{message}");
    Ok(())
}

#[tokio::test]
async fn where_it_stands_in_the_log_is_what_the_program_says() -> anyhow::Result<()> {
    let mut yard = yard().await?;
    let digest = "ab".repeat(32);
    let json =
        format!(r#"{{"id": "a", "location": "b", "bytes": 0, "lsn": "7/ABCDEF", "sha256": "{digest}"}}"#);
    program(&mut yard, &format!("echo '{json}'"))?;
    let manifest = manifest(&backed_up(yard.back_up(None).await?));
    assert_eq!((&manifest["lsn"], &manifest["outside"]["sha256"]), (&"7/ABCDEF".into(), &digest.into()));
    Ok(())
}

#[tokio::test]
async fn whatever_a_program_does_wrong_is_told_and_leaves_nothing() -> anyhow::Result<()> {
    let mut yard = yard().await?;
    let none = failure(yard.back_up(None).await?);
    ensure!(none.message.contains("this agent has none"), "{none:?}");
    let check = async |yard: &mut Yard, script: &str, message: &str, hint: &str| {
        program(yard, script)?;
        let failed = failure(yard.back_up(None).await?);
        ensure!(failed.message.contains(message), "{message} is not in {failed:?}");
        ensure!(
            failed.hint.as_deref().is_some_and(|said| said.contains(hint)),
            "{hint} is not in {failed:?}"
        );
        ensure!(yard.left().is_empty(), "{:?}", yard.left());
        anyhow::Ok(())
    };
    check(&mut yard, "echo one >&2; echo 'no repo' >&2; exit 3", "program: no repo", "see its own log")
        .await?;
    check(&mut yard, "exit 3", "program: exit status: 3", "").await?;
    check(&mut yard, "echo 'locked by main' >&2; exit 75", "cannot do it now: locked by main", "retry later")
        .await?;
    check(&mut yard, "exit 75", "cannot do it now: (exit code 75)", "retry later").await?;
    check(&mut yard, "kill -9 $$", "signal: 9", "").await?;
    check(&mut yard, "true", "it prints nothing", "docs/backups.md").await?;
    check(&mut yard, "echo done", "not the JSON that is asked for", "docs/backups.md").await?;
    check(&mut yard, "head -c 100000 /dev/zero", "more than 64 KiB", "docs/backups.md").await?;
    check(&mut yard, "echo '{\"id\": \"a\"}'", "missing field `location`", "").await
}

#[tokio::test]
async fn a_program_that_others_may_change_is_not_run() -> anyhow::Result<()> {
    let mut yard = yard().await?;
    let path = program(&mut yard, WELL)?;
    let refused = async |yard: &Yard, why: &str| {
        let failed = failure(yard.back_up(None).await?);
        ensure!(failed.message.contains(why), "{failed:?}");
        anyhow::Ok(())
    };
    let mode = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode));
    mode(&path, 0o722)?;
    refused(&yard, "everybody may write to it").await?;
    mode(&path, 0o600)?;
    refused(&yard, "it is not executable").await?;
    mode(&path, 0o700)?;
    mode(yard.dir.path(), 0o777)?;
    refused(&yard, "everybody may write to its directory").await?;
    mode(yard.dir.path(), 0o700)?;
    backed_up(yard.back_up(None).await?);
    fs::remove_file(&path)?;
    refused(&yard, "it cannot be found").await?;
    fs::create_dir(&path)?;
    refused(&yard, "it is no file").await?;
    fs::remove_dir(&path)?;
    fs::write(&path, "#!/no/such/shell\n")?;
    mode(&path, 0o700)?;
    refused(&yard, "it cannot be started").await
}

#[tokio::test]
async fn a_program_that_hangs_is_ended_with_all_that_it_started() -> anyhow::Result<()> {
    let mut yard = yard().await?;
    let pids = yard.dir.path().join("pids");
    let script = format!("sleep 1000 & echo $! $$ >{0}.new; mv {0}.new {0}; wait", pids.display());
    program(&mut yard, &script)?;
    let outside = yard.outside.as_mut().expect("a program");
    outside.timeout = Duration::from_secs(2);
    let failed = failure(yard.back_up(None).await?);
    ensure!(failed.message.contains("it took longer than 2 s, and was ended"), "{failed:?}");
    gone(&pids).await?;

    // When it ends, what it has left behind holds nobody up.
    program(&mut yard, &format!("sleep 1000 & echo $! >{}; {WELL}", pids.display()))?;
    let began = Instant::now();
    backed_up(yard.back_up(None).await?);
    ensure!(began.elapsed() < Duration::from_secs(50), "{:?}", began.elapsed());
    gone(&pids).await?;

    fs::remove_file(&pids)?;
    program(&mut yard, &script)?;
    let cancelled = async {
        wait::until("the program to run", LONG, async || Ok(pids.exists().then_some(()))).await?;
        yard.world.cancel.cancel();
        anyhow::Ok(())
    };
    let (outcome, cancelled) = tokio::join!(yard.back_up(None), cancelled);
    cancelled?;
    assert!(matches!(outcome?, Outcome::Cancelled { .. }));
    gone(&pids).await
}

/// Waits until none of the processes in a file is there.
async fn gone(pids: &Path) -> anyhow::Result<()> {
    let pids = fs::read_to_string(pids)?;
    wait::until("the processes to be gone", LONG, async || {
        let is_there = |pid: &str| {
            let text = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            text.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
        };
        Ok((!pids.split_whitespace().any(is_there)).then_some(()))
    })
    .await
}

#[tokio::test]
async fn a_schema_that_changes_meanwhile_makes_it_worthless() -> anyhow::Result<()> {
    let mut yard = yard().await?;
    let psql = yard.world.cluster.programs().join("psql");
    program(&mut yard, &format!("{} -qXc 'CREATE TABLE meanwhile ()' >&2; {WELL}", psql.display()))?;
    let outcome = yard.back_up(None).await?;
    assert!(matches!(outcome, Outcome::Refused { .. }), "{outcome:?}");
    assert!(yard.left().is_empty());
    Ok(())
}
