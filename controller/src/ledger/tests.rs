//! What the ledger promises as long as nobody touches its file.

use std::path::{Path, PathBuf};

use anyhow::Result;
use pgbelay_core::digest::Digest;
use pgbelay_core::time::Timestamp;
use rusqlite::Connection;
use tempfile::TempDir;
use uuid::Uuid;

use super::{
    AppendError, CreateError, Damage, Entry, Ledger, LedgerError, LedgerReader, MAX_BODY_BYTES, MAX_READ,
    NewEntry, OpenError, SqliteLedger,
};

pub(super) fn new_entry(n: u64) -> NewEntry {
    NewEntry {
        event_id: Uuid::new_v4(),
        at: Timestamp(1_700_000_000_000 + i64::try_from(n).unwrap()),
        actor: format!("operator/öl-{n}"),
        kind: "release_created".to_owned(),
        version: 1,
        critical: n.is_multiple_of(2),
        body: format!(r#"{{"n":{n},"text":"drei Äpfel"}}"#),
    }
}

/// A ledger with entries 1 to `n`, closed.
pub(super) fn filled(n: u64) -> Result<(TempDir, PathBuf)> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("ledger.sqlite");
    let mut ledger = SqliteLedger::create(&path)?;
    let entries: Vec<_> = (1..=n).map(new_entry).collect();
    ledger.append(&ledger.head()?, &entries)?;
    Ok((directory, path))
}

/// Opens the ledger and returns what it handed over on the way.
pub(super) fn open(path: &Path) -> Result<(SqliteLedger, Vec<Entry>), OpenError> {
    let mut entries = Vec::new();
    let ledger = SqliteLedger::open(path, |entry| {
        entries.push(entry);
        Ok::<_, OpenError>(())
    })?;
    Ok((ledger, entries))
}

fn as_new(entry: &Entry) -> NewEntry {
    NewEntry {
        event_id: entry.event_id,
        at: entry.at,
        actor: entry.actor.clone(),
        kind: entry.kind.clone(),
        version: entry.version,
        critical: entry.critical,
        body: entry.body.clone(),
    }
}

#[test]
fn what_was_appended_is_read_now_and_after_reopening() -> Result<()> {
    let (_directory, path) = filled(0)?;
    let (mut ledger, none) = open(&path)?;
    assert!(none.is_empty() && ledger.read(0, 10)?.is_empty());

    let news: Vec<_> = (1..=5).map(new_entry).collect();
    let mut head = ledger.append(&ledger.head()?, &news[..1])?;
    head = ledger.append(&head, &news[1..])?;
    assert_eq!((head.seq, &head), (5, &ledger.head()?));

    let read = ledger.read(0, 10)?;
    assert_eq!(read.iter().map(as_new).collect::<Vec<_>>(), news);
    assert_eq!(read.iter().map(|entry| entry.seq).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
    assert_eq!(ledger.read(2, 2)?, read[2..4]);
    assert!(ledger.read(5, 10)?.is_empty() && ledger.read(99, 10)?.is_empty());
    assert!(ledger.contains(news[4].event_id)? && !ledger.contains(Uuid::new_v4())?);

    drop(ledger);
    let (reopened, entries) = open(&path)?;
    assert_eq!(entries, read);
    let again = reopened.head()?;
    assert_eq!((again.incarnation, again.seq, again.hash), (head.incarnation, head.seq, head.hash));
    assert!(again.epoch > head.epoch, "a former holder must not be able to append");
    Ok(())
}

#[test]
fn a_read_is_bounded_whatever_is_asked_for() -> Result<()> {
    let (_directory, path) = filled(MAX_READ as u64 + 1)?;
    let (ledger, all) = open(&path)?;
    let page = ledger.read(0, usize::MAX)?;
    assert_eq!((all.len(), page.len()), (MAX_READ + 1, MAX_READ));
    assert_eq!(ledger.read(MAX_READ as u64, usize::MAX)?, all[MAX_READ..]);
    Ok(())
}

#[test]
fn who_lost_the_race_is_told_where_the_ledger_is() -> Result<()> {
    let (_directory, path) = filled(2)?;
    let (mut ledger, _) = open(&path)?;
    let head = ledger.head()?;
    let actual = ledger.append(&head, &[new_entry(3)])?;
    let mut wrong_epoch = actual.clone();
    wrong_epoch.epoch -= 1;
    let mut wrong_hash = actual.clone();
    wrong_hash.hash = Digest::of("another");
    for stale in [head, wrong_epoch, wrong_hash] {
        match ledger.append(&stale, &[new_entry(4)]) {
            Err(AppendError::Moved { actual: told }) => assert_eq!(told, actual),
            other => anyhow::bail!("{other:?}"),
        }
    }
    assert_eq!(ledger.read(0, 10)?.len(), 3);
    Ok(())
}

#[test]
fn a_group_is_appended_whole_or_not_at_all() -> Result<()> {
    let (_directory, path) = filled(2)?;
    let (mut ledger, entries) = open(&path)?;
    let head = ledger.head()?;
    let mut twice = new_entry(4);
    twice.event_id = entries[1].event_id;
    let refused = ledger.append(&head, &[new_entry(3), twice.clone()]);
    assert!(matches!(refused, Err(AppendError::Duplicate { event_id }) if event_id == twice.event_id));

    let mut large = new_entry(4);
    large.body = "x".repeat(MAX_BODY_BYTES + 1);
    let refused = ledger.append(&head, &[new_entry(3), large]);
    assert!(matches!(refused, Err(AppendError::TooLarge { bytes, .. }) if bytes == MAX_BODY_BYTES + 1));

    assert_eq!((ledger.head()?, ledger.read(0, 10)?), (head.clone(), entries));
    assert_eq!(ledger.append(&head, &[])?, head);
    Ok(())
}

#[test]
fn a_full_disk_refuses_and_leaves_the_ledger_in_use() -> Result<()> {
    let (_directory, path) = filled(2)?;
    let (mut ledger, _) = open(&path)?;
    let head = ledger.head()?;
    // SQLite takes the present size for anything below it.
    let set_pages = |ledger: &SqliteLedger, pages: i64| {
        ledger.connection().pragma_update_and_check(None, "max_page_count", pages, |row| row.get::<_, i64>(0))
    };
    set_pages(&ledger, 1)?;
    let mut large = new_entry(3);
    large.body = "x".repeat(64 * 1024);
    let refused = ledger.append(&head, &[new_entry(3), large.clone()]);
    assert!(matches!(refused, Err(AppendError::Failed(_))), "{refused:?}");
    assert_eq!(ledger.head()?, head);

    set_pages(&ledger, 1_000_000)?;
    ledger.append(&head, &[large])?;
    drop(ledger);
    assert_eq!(open(&path)?.1.len(), 3);
    Ok(())
}

#[test]
fn the_caller_can_stop_the_opening_with_its_own_error() -> Result<()> {
    #[derive(Debug, thiserror::Error)]
    enum StartError {
        #[error(transparent)]
        Open(#[from] OpenError),
        #[error("unknown event at {0}")]
        UnknownEvent(u64),
    }
    let (_directory, path) = filled(3)?;
    let refuse_second = |entry: Entry| match entry.seq {
        2 => Err(StartError::UnknownEvent(2)),
        _ => Ok(()),
    };
    let refused = SqliteLedger::open(&path, refuse_second);
    assert!(matches!(refused, Err(StartError::UnknownEvent(2))));
    assert_eq!(open(&path)?.1.len(), 3, "the lock is free again");
    Ok(())
}

#[test]
fn one_holder_at_a_time() -> Result<()> {
    let (_directory, path) = filled(1)?;
    let (first, _) = open(&path)?;
    let second = open(&path);
    assert!(matches!(&second, Err(OpenError::InUse { .. })));
    assert!(second.unwrap_err().to_string().contains("in use by another process"));
    drop(first);
    open(&path)?;
    Ok(())
}

#[test]
fn a_holder_whose_lock_file_was_removed_is_fenced() -> Result<()> {
    let (_directory, path) = filled(1)?;
    let (mut first, _) = open(&path)?;
    let head = first.head()?;
    std::fs::remove_file(super::file::beside(&path.canonicalize()?, "-lock"))?;
    let (second, _) = open(&path)?;
    let refused = first.append(&head, &[new_entry(2)]);
    assert!(matches!(refused, Err(AppendError::Moved { actual }) if actual == second.head()?));
    Ok(())
}

#[test]
fn a_ledger_can_be_copied_while_it_is_in_use() -> Result<()> {
    let (directory, path) = filled(3)?;
    let (ledger, entries) = open(&path)?;
    let copy = directory.path().join("copy.sqlite");
    Connection::open(&path)?.execute("VACUUM INTO ?1", [copy.to_string_lossy()])?;
    assert_eq!(open(&copy)?.1, entries);
    drop(ledger);
    Ok(())
}

#[test]
fn every_commit_reaches_the_disk() -> Result<()> {
    let (_directory, path) = filled(1)?;
    let (ledger, _) = open(&path)?;
    let pragma = |name| {
        ledger.connection().pragma_query_value(None, name, |row| row.get::<_, rusqlite::types::Value>(0))
    };
    assert_eq!(pragma("synchronous")?, 2.into(), "FULL");
    assert_eq!(pragma("journal_mode")?, "wal".to_owned().into());
    assert_eq!(pragma("foreign_keys")?, 1.into());
    Ok(())
}

#[cfg(unix)]
#[test]
fn only_the_owner_can_read_it() -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let (directory, path) = filled(1)?;
    let (_ledger, _) = open(&path)?;
    for file in std::fs::read_dir(directory.path())? {
        let file = file?;
        assert_eq!(file.metadata()?.permissions().mode() & 0o777, 0o600, "{:?}", file.path());
    }
    Ok(())
}

#[test]
fn nothing_that_is_there_is_overwritten() -> Result<()> {
    let (directory, path) = filled(1)?;
    assert!(matches!(SqliteLedger::create(&path), Err(CreateError::Exists { .. })));
    assert_eq!(open(&path)?.1.len(), 1);

    let no_parent = directory.path().join("absent").join("ledger.sqlite");
    assert!(matches!(SqliteLedger::create(&no_parent), Err(CreateError::Io { .. })));
    assert!(matches!(open(&no_parent), Err(OpenError::Absent { .. })));

    let leftover = directory.path().join("second.sqlite");
    std::fs::write(directory.path().join("second.sqlite-wal"), "frames")?;
    assert!(matches!(SqliteLedger::create(&leftover), Err(CreateError::Leftover { .. })));
    Ok(())
}

#[test]
fn what_is_not_a_ledger_is_left_alone() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("file");
    for content in [&b""[..], b"SQL", &[0; 8192], &b"select 1;\n".repeat(1000)] {
        std::fs::write(&path, content)?;
        assert!(matches!(open(&path), Err(OpenError::NotALedger { .. })), "{} bytes", content.len());
        assert_eq!(std::fs::read(&path)?, content);
    }

    let other = directory.path().join("other.sqlite");
    Connection::open(&other)?.execute_batch("CREATE TABLE head (a)")?;
    let before = std::fs::read(&other)?;
    assert!(matches!(open(&other), Err(OpenError::NotALedger { .. })));
    assert_eq!(std::fs::read(&other)?, before);
    Ok(())
}

#[test]
fn a_newer_ledger_asks_for_the_newer_program() -> Result<()> {
    let (_directory, path) = filled(1)?;
    Connection::open(&path)?.pragma_update(None, "user_version", 2)?;
    let Err(refused) = open(&path) else { anyhow::bail!("opened") };
    assert!(matches!(refused, OpenError::NewerSchema { found: 2, known: 1, .. }));
    assert!(refused.to_string().contains("newer pgbelay (ledger version 2"), "{refused}");
    Ok(())
}

#[test]
fn the_hash_of_a_place_is_found_without_reading_the_others() -> Result<()> {
    let (_directory, path) = filled(5)?;
    let (ledger, entries) = open(&path)?;
    for entry in &entries {
        assert_eq!(ledger.hash_at(entry.seq)?, Some(entry.hash));
    }
    // The beginning is of this ledger, and of no other.
    assert_eq!(ledger.hash_at(0)?, Some(entries[0].prev_hash));
    for beyond in [6, u64::MAX] {
        assert_eq!(ledger.hash_at(beyond)?, None);
    }
    Ok(())
}

#[test]
fn entries_of_a_kind_are_found_page_by_page_and_each_is_checked() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("ledger.sqlite");
    let mut ledger = SqliteLedger::create(&path)?;
    let of =
        |n: u64| NewEntry { kind: if n.is_multiple_of(3) { "rare" } else { "often" }.into(), ..new_entry(n) };
    let entries: Vec<_> = (1..=10).map(of).collect();
    ledger.append(&ledger.head()?, &entries)?;
    let reader = LedgerReader::open(&path)?;
    let seqs = |after, limit| -> Result<Vec<u64>> {
        Ok(reader.of_kind("rare", after, limit)?.iter().map(|entry| entry.seq).collect())
    };
    assert_eq!((seqs(0, 2)?, seqs(6, 2)?, seqs(9, 2)?), (vec![3, 6], vec![9], vec![]));
    assert_eq!(reader.of_kind("rare", 3, 1)?, ledger.read(5, 1)?);
    assert_eq!(reader.of_kind("none", 0, 9)?, []);
    drop(ledger);
    Connection::open(&path)?.execute("UPDATE entry SET body = '{}' WHERE seq = 6", [])?;
    assert_eq!(seqs(0, 1)?, [3], "what is asked for is as it was");
    let error = reader.of_kind("rare", 0, 9).unwrap_err();
    assert!(matches!(error, LedgerError::Damaged(Damage::HashMismatch { seq: 6 })), "{error}");
    Ok(())
}
