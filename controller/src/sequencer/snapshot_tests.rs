//! A start from a snapshot ends where one without ends; whatever is wrong with the file, it is as if there were none.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};

use anyhow::{Context as _, ensure};
use pgbelay_core::access::Certificate;
use pgbelay_core::digest::Digest;
use pgbelay_core::time::Timestamp;
use rusqlite::Connection;
use tempfile::TempDir;

use super::tests::{PATIENCE, ask, folded, new_ledger, token, wait_for};
use super::*;
use crate::ledger::{Damage, Ledger as _};
use crate::snapshot::Stands;

const NEVER: Worth = Worth { running: u64::MAX, end: u64::MAX };
const AT_END: Worth = Worth { running: u64::MAX, end: 0 };

/// Where the header ends, and where in it the digest of the program is.
const HEADER: usize = 140;
const PROGRAM: usize = 68;

/// Has a controller write so many entries.
async fn grow(path: &Path, worth: Worth, prefix: &str, entries: usize) -> anyhow::Result<Arc<State>> {
    let (controller, running) = start_with(path.to_owned(), worth)?;
    folded(&controller).await?;
    let ids: Vec<_> = (0..entries).map(|n| format!("{prefix}{n}")).collect();
    for some in ids.chunks(QUEUE / 2) {
        let asked: Vec<_> =
            some.iter().map(|id| tokio::spawn(ask(&controller, token(id, "staging")))).collect();
        for answer in asked {
            answer.await??;
        }
    }
    let state = controller.state().context("no state")?;
    running.stop().await?;
    Ok(state)
}

fn file_of(ledger: &Path) -> PathBuf {
    ledger.with_file_name("state.snapshot")
}

/// What a start makes of the ledger, and up to where it did not read it.
fn opened(path: &Path) -> anyhow::Result<(State, Option<u64>)> {
    let Opened { state, skipped, .. } = open(path, &Snapshots::of(path))?;
    Ok((state, skipped.map(|place| place.seq)))
}

/// Why the snapshot does not count.
fn unusable(path: &Path) -> anyhow::Result<String> {
    let loaded = Snapshots::of(path).load(&Opening::begin(path)?);
    Ok(chain(&loaded.err().context("it counts")?))
}

#[tokio::test]
async fn a_start_with_a_snapshot_and_one_without_give_equal_states() -> anyhow::Result<()> {
    let dir = TempDir::new()?;
    let path = new_ledger(dir.path())?;
    let first = grow(&path, AT_END, "a", 3_000).await?;
    assert_eq!(fs::metadata(file_of(&path))?.permissions().mode() & 0o777, 0o600);
    assert_eq!(opened(&path)?, ((*first).clone(), Some(3_001)), "nothing follows the snapshot");
    let second = grow(&path, NEVER, "b", 1_500).await?;
    assert_eq!(opened(&path)?, ((*second).clone(), Some(3_001)), "entries follow the snapshot");
    fs::remove_file(file_of(&path))?;
    assert_eq!(opened(&path)?, ((*second).clone(), None));
    Ok(())
}

#[tokio::test]
async fn a_snapshot_is_written_while_it_serves_and_after_a_long_start() -> anyhow::Result<()> {
    let dir = TempDir::new()?;
    let path = new_ledger(dir.path())?;
    let worth = Worth { running: 500, end: u64::MAX };
    grow(&path, worth, "a", 499).await?;
    assert!(!file_of(&path).exists(), "500 entries are not more than 500");
    let (controller, running) = start_with(path.clone(), worth)?;
    folded(&controller).await?;
    ask(&controller, token("b", "staging")).await?;
    wait_for(|| file_of(&path).exists()).await?;
    running.stop().await?;
    assert_eq!(opened(&path)?.1, Some(501));
    grow(&path, NEVER, "c", 600).await?;
    let (_controller, running) = start_with(path.clone(), worth)?;
    wait_for(|| fs::read(file_of(&path)).is_ok_and(|file| file[28..36] == 1_101_u64.to_be_bytes())).await?;
    running.stop().await?;
    assert_eq!(opened(&path)?.1, Some(1_101));
    Ok(())
}

#[tokio::test]
async fn a_file_that_was_changed_anywhere_does_not_count() -> anyhow::Result<()> {
    let dir = TempDir::new()?;
    let path = new_ledger(dir.path())?;
    let state = grow(&path, AT_END, "a", 50).await?;
    let sound = fs::read(file_of(&path))?;
    let steps = (0..HEADER).chain((HEADER..sound.len()).step_by(97)).chain([sound.len() - 1]);
    let mut ways: Vec<_> = steps
        .map(|at| {
            let mut changed = sound.clone();
            changed[at] ^= 4;
            changed
        })
        .collect();
    ways.extend([0, 7, HEADER - 1, HEADER, sound.len() - 1].map(|end| sound[..end].to_vec()));
    ways.push([sound.as_slice(), b"x"].concat());
    let (snapshots, opening) = (Snapshots::of(&path), Opening::begin(&path)?);
    for way in ways {
        fs::write(file_of(&path), &way)?;
        ensure!(snapshots.load(&opening).is_err(), "it counts");
    }
    drop(opening);
    assert_eq!(opened(&path)?, ((*state).clone(), None));
    for (change, words) in [
        (PROGRAM, "another version of this program"),
        (11, "it has format 5, and this program reads format 1"),
        (12, "of another ledger"),
        (0, "it is not a snapshot"),
        (sound.len() - 1, "its content is not what was written"),
    ] {
        let mut changed = sound.clone();
        changed[change] ^= 4;
        fs::write(file_of(&path), &changed)?;
        let why = unusable(&path)?;
        assert!(why.contains(words), "{why}");
    }
    fs::write(file_of(&path), &sound[..sound.len() - 1])?;
    assert!(unusable(&path)?.contains("were written"));
    fs::write(file_of(&path), &sound)?;
    assert_eq!(opened(&path)?.1, Some(51), "it was not sound to begin with");
    Ok(())
}

/// An old copy of the ledger comes back with a newer snapshot beside it, and goes on in another way; and the snapshot of
/// another ledger.
#[tokio::test]
async fn a_snapshot_of_what_the_ledger_does_not_have_does_not_count() -> anyhow::Result<()> {
    let dir = TempDir::new()?;
    let path = new_ledger(dir.path())?;
    grow(&path, NEVER, "a", 5).await?;
    let old = dir.path().join("old.db");
    fs::copy(&path, &old)?;
    grow(&path, AT_END, "b", 20).await?;
    fs::rename(&old, &path)?;
    let why = unusable(&path)?;
    assert!(why.contains("stands for entry 26, and the ledger ends at entry 6"), "{why}");
    let forked = grow(&path, NEVER, "c", 30).await?;
    let why = unusable(&path)?;
    assert!(why.contains("another entry 26"), "{why}");
    assert_eq!(opened(&path)?, ((*forked).clone(), None));

    let other_dir = TempDir::new()?;
    let other = new_ledger(other_dir.path())?;
    grow(&other, NEVER, "b", 40).await?;
    fs::copy(file_of(&path), file_of(&other))?;
    let why = unusable(&other)?;
    assert!(why.contains("another ledger"), "{why}");
    Ok(())
}

/// No snapshot keeps a controller from starting: one that is whole, fits, and is not the fold of what it stands for.
#[tokio::test]
async fn a_snapshot_that_does_not_lead_on_is_passed_over() -> anyhow::Result<()> {
    let dir = TempDir::new()?;
    let path = new_ledger(dir.path())?;
    grow(&path, NEVER, "a", 3).await?;
    let head = SqliteLedger::open(&path, |_| Ok::<_, OpenError>(()))?.head()?;
    let (controller, running) = start_with(path.clone(), NEVER)?;
    folded(&controller).await?;
    let enrol = Request::Enrol {
        token: "a2".parse()?,
        secret: Digest::of("a2"),
        database: "orders".parse()?,
        system_identifier: "1".to_owned(),
        certificate: Certificate { serial: "1".to_owned(), not_after: Timestamp(i64::MAX) },
    };
    let state = ask(&controller, enrol).await?.state;
    running.stop().await?;
    let stands = Stands { incarnation: head.incarnation, place: Place { seq: head.seq, hash: head.hash } };
    let wrong = State { seq: head.seq, ..State::default() };
    Snapshots::of(&path).write(stands, &wrong)?;
    assert!(Snapshots::of(&path).load(&Opening::begin(&path)?)?.is_some());
    assert_eq!(opened(&path)?, ((*state).clone(), None));
    Ok(())
}

fn change(path: &Path, sql: &str) -> anyhow::Result<()> {
    let raw = Connection::open(path)?;
    raw.pragma_update(None, "ignore_check_constraints", true)?;
    raw.execute_batch(sql)?;
    raw.close().map_err(|(_, error)| error)?;
    Ok(())
}

#[tokio::test]
async fn damage_in_what_was_skipped_ends_the_controller_and_the_next_start() -> anyhow::Result<()> {
    let copied = "INSERT INTO entry SELECT -9, randomblob(16), at, actor, kind, version, critical, body, prev_hash, hash
                  FROM entry WHERE seq = 8";
    for (sql, expected) in [
        ("UPDATE entry SET body = body || ' ' WHERE seq = 5", Some(Damage::HashMismatch { seq: 5 })),
        ("DELETE FROM entry WHERE seq = 7", Some(Damage::Missing { seq: 7 })),
        (copied, None),
    ] {
        let dir = TempDir::new()?;
        let path = new_ledger(dir.path())?;
        grow(&path, AT_END, "a", 2_500).await?;
        change(&path, sql)?;
        let (controller, mut running) = start_with(path.clone(), AT_END)?;
        folded(&controller).await.context("it did not start from the snapshot")?;
        let ended = timeout(6 * PATIENCE, running.ended()).await.context(sql)?;
        let Err(EndError::Start(StartError::Open(OpenError::Damaged { damage, .. }))) = ended else {
            anyhow::bail!("{ended:?}")
        };
        match expected {
            Some(expected) => assert_eq!(damage, expected),
            None => assert!(matches!(damage, Damage::Structure { .. }), "{damage}"),
        }
        let asked = ask(&controller, token("late", "staging")).await;
        assert!(matches!(asked, Err(AskError::Stopped)), "{asked:?}");
        assert!(!file_of(&path).exists(), "the next start would skip the damage again");
        let (controller, mut running) = start_with(path.clone(), AT_END)?;
        let ended = timeout(6 * PATIENCE, running.ended()).await.context(sql)?;
        assert!(
            matches!(ended, Err(EndError::Start(StartError::Open(OpenError::Damaged { .. })))),
            "{ended:?}"
        );
        assert!(controller.state().is_none());
    }
    Ok(())
}

const LEDGER: &str = "PGBELAY_TEST_LEDGER_TO_SNAPSHOT";

/// Writes the snapshot over and over, and says so; does nothing unless it is the child.
#[test]
fn writer_of_snapshots_until_it_is_killed() -> anyhow::Result<()> {
    #[expect(clippy::disallowed_methods, reason = "how the parent tells this test that it is the child")]
    let Some(path) = std::env::var_os(LEDGER).map(PathBuf::from) else { return Ok(()) };
    let Opened { ledger, state, .. } = open(&path, &Snapshots::of(&path))?;
    let head = ledger.head()?;
    let stands = Stands { incarnation: head.incarnation, place: Place { seq: head.seq, hash: head.hash } };
    let mut out = std::io::stdout();
    loop {
        writeln!(out, "\nwrites")?;
        out.flush()?;
        Snapshots::of(&path).write(stands, &state)?;
    }
}

#[tokio::test]
async fn a_controller_that_is_killed_while_it_writes_leaves_a_whole_snapshot_or_none() -> anyhow::Result<()> {
    let dir = TempDir::new()?;
    let path = new_ledger(dir.path())?;
    let state = grow(&path, NEVER, "a", 2_000).await?;
    let module = module_path!().split_once("::").context("a module of the crate")?.1;
    for writes in 1..6 {
        let mut child = Command::new(std::env::current_exe()?)
            .args([&format!("{module}::writer_of_snapshots_until_it_is_killed"), "--exact", "--nocapture"])
            .env(LEDGER, &path)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
        let output = BufReader::new(child.stdout.take().context("its output")?);
        let begun = output.lines().map_while(Result::ok).filter(|line| line == "writes").take(writes).count();
        // In the middle of a write, as soon as the file is there.
        let unfinished = dir.path().join("state.snapshot-new");
        wait_for(|| unfinished.exists()).await?;
        child.kill()?;
        child.wait()?;
        ensure!(begun == writes, "it ended after {begun}");
        let (found, skipped) = opened(&path)?;
        assert_eq!(found, *state);
        // Not even the first may be there; each after the first has the one before it.
        assert_eq!(skipped.is_some(), file_of(&path).exists());
        assert!(writes == 1 || skipped == Some(2_001), "a whole snapshot was lost");
    }
    Ok(())
}
