//! Whatever happens to the file: the ledger opens with exactly what was written, or refuses and says where.

use std::path::Path;
use std::sync::LazyLock;

use pgbelay_core::digest::Digest;
use proptest::prelude::*;
use rusqlite::Connection;
use rusqlite::types::{Value, ValueRef};
use tempfile::TempDir;

use super::file::beside;
use super::tests::{filled, new_entry, open};
use super::{Damage, Entry, Ledger, OpenError};

const ENTRIES: u64 = 8;
const COLUMNS: [&str; 10] =
    ["seq", "event_id", "at", "actor", "kind", "version", "critical", "body", "prev_hash", "hash"];

/// One sound ledger of [`ENTRIES`] entries, closed, and what is in it.
static SOUND: LazyLock<(Vec<u8>, Vec<Entry>)> = LazyLock::new(|| {
    let (_directory, path) = filled(ENTRIES).unwrap();
    let (ledger, entries) = open(&path).unwrap();
    drop(ledger);
    (std::fs::read(path).unwrap(), entries)
});

fn with_ledger<T>(bytes: &[u8], run: impl FnOnce(&Path) -> T) -> T {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("ledger.sqlite");
    std::fs::write(&path, bytes).unwrap();
    run(&path)
}

/// Changes a sound ledger as somebody with a SQLite shell can, and returns why it does not open.
fn damage_after(change: impl FnOnce(&Connection) -> rusqlite::Result<()>) -> Damage {
    with_ledger(&SOUND.0, |path| {
        let raw = Connection::open(path).unwrap();
        raw.pragma_update(None, "ignore_check_constraints", true).unwrap();
        change(&raw).unwrap();
        raw.close().unwrap();
        match open(path) {
            Err(error @ OpenError::Damaged { .. }) => {
                let text = error.to_string();
                assert!(text.contains("restore the ledger file from a backup"), "{text}");
                let OpenError::Damaged { damage, .. } = error else { unreachable!() };
                assert!(text.contains(&damage.to_string()), "{text}");
                damage
            }
            Err(other) => panic!("{other}"),
            Ok((_, entries)) => panic!("opened with {} entries", entries.len()),
        }
    })
}

fn damage_after_sql(sql: &str) -> Damage {
    damage_after(|raw| raw.execute_batch(sql))
}

/// The value with one bit flipped. A low bit of `seq` could name a row that is there: only high ones are flipped.
fn flipped(column: &str, value: ValueRef<'_>, at: usize, bit: u8) -> Value {
    let in_bytes = |bytes: &[u8]| {
        let mut bytes = bytes.to_vec();
        let at = at % bytes.len();
        bytes[at] ^= 1 << bit;
        bytes
    };
    match value {
        ValueRef::Integer(n) if column == "seq" => Value::Integer(n ^ (1 << (8 + at % 56))),
        ValueRef::Integer(n) => Value::Integer(n ^ (1 << (at % 64))),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => Value::Blob(in_bytes(bytes)),
        other @ (ValueRef::Null | ValueRef::Real(_)) => panic!("{other:?} in {column}"),
    }
}

fn flip(raw: &Connection, column: &str, seq: u64, at: usize, bit: u8) -> rusqlite::Result<()> {
    let seq = i64::try_from(seq).unwrap();
    let select = format!("SELECT {column} FROM entry WHERE seq = ?1");
    let (value, is_text) = raw.query_row(&select, [seq], |row| {
        let value = row.get_ref(0)?;
        Ok((flipped(column, value, at, bit), matches!(value, ValueRef::Text(_))))
    })?;
    let new = if is_text { "CAST(?1 AS TEXT)" } else { "?1" };
    raw.execute(&format!("UPDATE entry SET {column} = {new} WHERE seq = ?2"), (value, seq)).map(|_| ())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn invariant_any_change_is_noticed(
        column in prop::sample::select(&COLUMNS), seq in 1..=ENTRIES, at in any::<usize>(), bit in 0..8_u8,
    ) {
        let damage = damage_after(|raw| flip(raw, column, seq, at, bit));
        let expected = if column == "seq" { Damage::Missing { seq } } else { Damage::HashMismatch { seq } };
        prop_assert_eq!(damage, expected);
    }

    #[test]
    fn invariant_a_damaged_file_never_opens_with_other_entries(at in any::<prop::sample::Index>(), bit in 0..8_u8) {
        let mut bytes = SOUND.0.clone();
        bytes[at.index(SOUND.0.len())] ^= 1 << bit;
        if let Ok((_, entries)) = with_ledger(&bytes, open) {
            prop_assert_eq!(&entries, &SOUND.1);
        }
    }

    #[test]
    fn invariant_a_truncated_file_never_opens(length in 0..SOUND.0.len()) {
        prop_assert!(with_ledger(&SOUND.0[..length], open).is_err(), "opened with {} bytes", length);
    }
}

/// A ledger of eight groups of three that was killed: its files as they are while it is open.
static KILLED: LazyLock<(Vec<u8>, Vec<u8>, Vec<Entry>)> = LazyLock::new(|| {
    let (_directory, path) = filled(0).unwrap();
    let (mut ledger, _) = open(&path).unwrap();
    for group in 0..8 {
        let entries: Vec<_> = (1..=3).map(|n| new_entry(3 * group + n)).collect();
        ledger.append(&ledger.head().unwrap(), &entries).unwrap();
    }
    let read = |suffix| std::fs::read(beside(&path, suffix)).unwrap();
    (read(""), read("-wal"), ledger.read(0, 100).unwrap())
});

fn open_killed(wal: &[u8]) -> Result<Vec<Entry>, OpenError> {
    with_ledger(&KILLED.0, |path| {
        std::fs::write(beside(path, "-wal"), wal).unwrap();
        open(path).map(|(_, entries)| entries)
    })
}

#[test]
fn a_whole_write_ahead_log_gives_everything_back() {
    assert_eq!(open_killed(&KILLED.1).unwrap(), KILLED.2);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    /// What the log lost is what a power failure would lose: no file can tell. The agents' checkpoints do.
    #[test]
    fn invariant_a_damaged_write_ahead_log_gives_whole_groups(
        at in any::<prop::sample::Index>(), bit in 0..8_u8, cut in any::<bool>(),
    ) {
        let mut wal = KILLED.1.clone();
        let at = at.index(wal.len());
        if cut { wal.truncate(at) } else { wal[at] ^= 1 << bit }
        if let Ok(entries) = open_killed(&wal) {
            prop_assert!(entries.len() % 3 == 0 && KILLED.2.starts_with(&entries));
        }
    }
}

#[test]
fn a_file_cut_between_pages_never_opens() {
    let page = 4096;
    for length in (0..SOUND.0.len()).step_by(page).chain([1, 16, 99, 100, 512, page - 1, page + 1]) {
        assert!(with_ledger(&SOUND.0[..length], open).is_err(), "opened with {length} bytes");
    }
}

#[test]
fn missing_entries_are_named() {
    assert_eq!(damage_after_sql("DELETE FROM entry WHERE seq = 1"), Damage::Missing { seq: 1 });
    assert_eq!(damage_after_sql("DELETE FROM entry WHERE seq = 4"), Damage::Missing { seq: 4 });
    assert_eq!(damage_after_sql("DELETE FROM entry WHERE seq > 7"), Damage::Missing { seq: 8 });
    assert_eq!(damage_after_sql("DELETE FROM entry WHERE seq > 3"), Damage::Missing { seq: 4 });
    assert_eq!(damage_after_sql("DELETE FROM entry"), Damage::Missing { seq: 1 });
}

#[test]
fn a_cut_off_end_is_noticed_by_the_head() {
    let cut = "DELETE FROM entry WHERE seq = 8; UPDATE head SET seq = 7";
    assert_eq!(damage_after_sql(cut), Damage::HeadMismatch { seq: 7 });
    let emptied = "DELETE FROM entry; UPDATE head SET seq = 0";
    assert_eq!(damage_after_sql(emptied), Damage::HeadMismatch { seq: 0 });
}

#[test]
fn entries_beyond_the_head_are_named() {
    assert_eq!(damage_after_sql("UPDATE head SET seq = 5"), Damage::Extra { seq: 6 });
    let copied = "INSERT INTO entry SELECT 9, randomblob(16), at, actor, kind, version, critical, body, prev_hash, hash
                  FROM entry WHERE seq = 8";
    assert_eq!(damage_after_sql(copied), Damage::Extra { seq: 9 });
    let before_the_first = copied.replace("SELECT 9", "SELECT -9");
    assert!(matches!(damage_after_sql(&before_the_first), Damage::Structure { .. }));
}

#[test]
fn a_changed_head_is_noticed() {
    let other = "UPDATE head SET hash = zeroblob(32)";
    assert_eq!(damage_after_sql(other), Damage::HeadMismatch { seq: 8 });
    assert_eq!(damage_after_sql("UPDATE head SET seq = 9"), Damage::Missing { seq: 9 });
    let other = "UPDATE head SET incarnation = randomblob(16)";
    assert_eq!(damage_after_sql(other), Damage::ChainBroken { seq: 1 });
    for gone in ["DELETE FROM head", "UPDATE head SET seq = -1", "UPDATE head SET hash = x'00'"] {
        assert!(matches!(damage_after_sql(gone), Damage::Structure { .. }), "{gone}");
    }
}

#[test]
fn an_entry_that_was_replaced_with_its_hash_breaks_the_chain() {
    let replaced = damage_after(|raw| {
        let (_directory, other) = filled(ENTRIES).unwrap();
        let (other_ledger, other_entries) = open(&other).unwrap();
        drop(other_ledger);
        // Entry 3 is made to agree with itself: its own body and prev_hash, hashed as pgbelay would.
        let mut third = SOUND.1[2].clone();
        third.body.clone_from(&other_entries[2].body);
        third.body.push(' ');
        let hash = Digest::of_parts(
            "pgbelay ledger entry 1",
            [
                third.prev_hash.as_bytes().as_slice(),
                &3_i64.to_be_bytes(),
                third.event_id.as_bytes(),
                &third.at.0.to_be_bytes(),
                third.actor.as_bytes(),
                third.kind.as_bytes(),
                &i64::from(third.version).to_be_bytes(),
                &i64::from(third.critical).to_be_bytes(),
                third.body.as_bytes(),
            ],
        );
        raw.execute("UPDATE entry SET body = ?1, hash = ?2 WHERE seq = 3", (&third.body, hash.as_bytes()))?;
        Ok(())
    });
    assert_eq!(replaced, Damage::ChainBroken { seq: 4 });
}

#[test]
fn added_tables_and_triggers_are_refused() {
    for added in [
        "CREATE TRIGGER t AFTER INSERT ON entry BEGIN DELETE FROM entry WHERE seq = new.seq; END",
        "CREATE TABLE notes (a)",
        "ALTER TABLE entry RENAME TO entries",
    ] {
        assert!(matches!(damage_after_sql(added), Damage::Structure { .. }), "{added}");
    }
}

#[test]
fn an_event_id_that_is_damaged_in_the_table_or_in_its_index_is_noticed() {
    // An entry that the index does not know could be appended a second time.
    let id = SOUND.1[3].event_id;
    let places: Vec<_> = SOUND
        .0
        .windows(16)
        .enumerate()
        .filter(|(_, bytes)| bytes == id.as_bytes())
        .map(|(at, _)| at)
        .collect();
    assert_eq!(places.len(), 2);
    for at in places {
        let mut bytes = SOUND.0.clone();
        bytes[at + 15] ^= 1;
        let opened = with_ledger(&bytes, open);
        assert!(matches!(opened, Err(OpenError::Damaged { .. })), "flipped at {at}");
    }
}
