//! What the journal holds after every kind of end, and what it does with files that are damaged.

use std::fs;

use pgbelay_core::digest::Digest;
use pgbelay_core::plan::{Direction, ExecutionSettings, Expectation};
use pgbelay_core::time::Span;
use pgbelay_proto::convert::{WireKind, WireRun, WireStep};

use super::*;

const NOW: Timestamp = Timestamp(1_000);

fn id(text: &str) -> CommandId {
    text.parse().unwrap()
}

fn command(name: &str, attempt: u32) -> WireCommand {
    let expect = Expectation {
        system_identifier: "1/2".to_owned(),
        records: Digest::of("records"),
        fingerprint: Digest::of("schema"),
    };
    let step = WireStep {
        version: "001".parse().unwrap(),
        name: "tasks".to_owned(),
        direction: Direction::Up,
        sql: Digest::of("create"),
        checksum: Digest::of("create"),
        autocommit: false,
        repeatable: false,
        replaces: None,
        origin: None,
    };
    let settings = ExecutionSettings::new(Span::seconds(1), Span::seconds(9), Span(1));
    let run = WireRun {
        direction: Direction::Up,
        steps: vec![step],
        expect,
        backup: None,
        settings,
        resolution: None,
        locks: Vec::new(),
    };
    WireCommand {
        id: id(name),
        database: "orders".parse().unwrap(),
        rollout: "r1".parse().unwrap(),
        plan: Digest::of("plan"),
        attempt,
        fence: u64::MAX,
        not_after: Timestamp(i64::MAX),
        kind: WireKind::Run(run),
    }
}

fn cancelled() -> Outcome {
    Outcome::Cancelled { done: Vec::new(), observation: None }
}

fn open(dir: &tempfile::TempDir) -> Journal {
    Journal::open(&dir.path().join("journal"), NOW).unwrap()
}

fn names(dir: &tempfile::TempDir) -> Vec<String> {
    let listed = fs::read_dir(dir.path().join("journal")).unwrap();
    let mut names: Vec<_> = listed.map(|item| item.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn every_state_survives_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = open(&dir);
    journal.accept(command("c1", 1)).unwrap();
    journal.accept(command("c2", 3)).unwrap();
    journal.finish(&id("c2"), 3, cancelled()).unwrap();
    journal.finish(&id("c3"), 1, cancelled()).unwrap();
    journal.acknowledge(&id("c3"), 1, NOW);
    let again = open(&dir);
    assert_eq!(again.entries, journal.entries);
    let EntryState::Accepted { command: kept } = &again.get(&id("c1")).unwrap().state else { panic!() };
    assert_eq!(**kept, command("c1", 1));
    let waiting: Vec<_> = again.unacknowledged().map(|entry| entry.id.as_str()).collect();
    assert_eq!(waiting, ["c1", "c2"]);
}

#[test]
fn an_acknowledgement_counts_for_the_finished_attempt_alone() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = open(&dir);
    journal.accept(command("c1", 2)).unwrap();
    journal.acknowledge(&id("c1"), 2, NOW);
    assert!(journal.get(&id("c1")).unwrap().outcome().is_none(), "it is still in work");
    journal.finish(&id("c1"), 2, cancelled()).unwrap();
    journal.acknowledge(&id("c1"), 1, NOW);
    journal.acknowledge(&id("c9"), 1, NOW);
    assert_eq!(journal.unacknowledged().count(), 1);
    journal.acknowledge(&id("c1"), 2, NOW);
    assert_eq!(journal.unacknowledged().count(), 0);
}

#[test]
fn what_an_interrupted_write_left_is_cleared() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = open(&dir);
    journal.accept(command("c1", 1)).unwrap();
    let before = journal.entries.clone();
    drop(journal);
    fs::write(dir.path().join("journal/.c1@1.json.tmp"), "{\"id\":\"c1\",\"att").unwrap();
    fs::write(dir.path().join("journal/.c2@1.json.tmp"), "").unwrap();
    assert_eq!(open(&dir).entries, before);
    assert_eq!(names(&dir), ["c1@1.json"]);
}

#[test]
fn a_crash_between_two_attempts_leaves_the_later_one() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = open(&dir);
    journal.finish(&id("c1"), 1, cancelled()).unwrap();
    let old = fs::read(dir.path().join("journal/c1@1.json")).unwrap();
    journal.accept(command("c1", 2)).unwrap();
    assert_eq!(names(&dir), ["c1@2.json"]);
    fs::write(dir.path().join("journal/c1@1.json"), old).unwrap();
    assert_eq!(open(&dir).get(&id("c1")).unwrap().attempt, 2);
    assert_eq!(names(&dir), ["c1@2.json"]);
}

#[test]
fn a_damaged_file_is_kept_for_people_and_its_command_is_unknown() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = open(&dir);
    journal.accept(command("c1", 4)).unwrap();
    journal.accept(command("c2", 1)).unwrap();
    let path = dir.path().join("journal/c1@4.json");
    let whole = fs::read(&path).unwrap();
    let stranger = fs::read(dir.path().join("journal/c2@1.json")).unwrap();
    for damage in [&whole[..whole.len() / 2], b"", b"\0\0\0\0", &stranger[..]] {
        fs::write(&path, damage).unwrap();
        let journal = open(&dir);
        let entry = journal.get(&id("c1")).unwrap();
        assert_eq!(entry.attempt, 4);
        let Some(Outcome::Unknown { why }) = entry.outcome() else { panic!("{entry:?}") };
        assert!(why.contains("damaged-1000-c1@4"), "{why}");
        assert_eq!(fs::read(dir.path().join("journal/damaged-1000-c1@4")).unwrap(), damage);
        assert_eq!(open(&dir).entries, journal.entries, "told once, and kept");
    }
}

#[test]
fn strangers_in_the_directory_are_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    drop(open(&dir));
    for name in ["README", "c1.json", "c1@x.json", "-@1.json"] {
        fs::write(dir.path().join("journal").join(name), "").unwrap();
    }
    assert!(open(&dir).entries.is_empty());
    assert_eq!(names(&dir).len(), 4);
}

#[test]
fn the_oldest_acknowledged_go_and_nothing_else_does() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = open(&dir);
    journal.accept(command("work", 1)).unwrap();
    journal.finish(&id("told"), 1, cancelled()).unwrap();
    for n in 0..KEPT + 3 {
        let name = id(&format!("c{n}"));
        journal.finish(&name, 1, cancelled()).unwrap();
        journal.acknowledge(&name, 1, Timestamp(n.try_into().unwrap()));
    }
    for (name, kept) in [("c0", false), ("c2", false), ("c3", true), ("work", true), ("told", true)] {
        assert_eq!(journal.get(&id(name)).is_some(), kept, "{name}");
    }
    assert_eq!(open(&dir).entries, journal.entries);
}

#[test]
fn a_disk_that_does_not_take_it_keeps_the_command_from_starting() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = open(&dir);
    fs::remove_dir_all(dir.path().join("journal")).unwrap();
    assert!(matches!(journal.accept(command("c1", 1)), Err(JournalError::File(_))));
    assert!(journal.get(&id("c1")).is_none());
    assert!(journal.finish(&id("c1"), 1, cancelled()).is_err());
    assert_eq!(journal.get(&id("c1")).unwrap().outcome(), Some(&cancelled()), "and a result is not lost");
}

#[test]
fn a_result_is_told_when_it_is_on_disk_and_not_before() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = open(&dir);
    fs::remove_dir_all(dir.path().join("journal")).unwrap();
    assert!(journal.finish(&id("c1"), 1, cancelled()).is_err());
    assert!(journal.write_again().is_err());
    assert_eq!((journal.result(&id("c1")), journal.untold().count()), (None, 0));
    fs::create_dir(dir.path().join("journal")).unwrap();
    journal.write_again().unwrap();
    assert_eq!(journal.result(&id("c1")), Some((1, &cancelled())));
    assert_eq!(journal.untold().count(), 1);
    assert_eq!(open(&dir).entries, journal.entries);
}

#[test]
fn a_controller_that_acknowledges_nothing_fills_no_disk() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = open(&dir);
    for n in 0..MAX_UNACKNOWLEDGED {
        journal.finish(&id(&format!("c{n}")), 1, cancelled()).unwrap();
    }
    assert!(matches!(journal.accept(command("one-more", 1)), Err(JournalError::Full)));
    assert!(matches!(journal.finish(&id("one-more"), 1, cancelled()), Err(JournalError::Full)));
    assert!(journal.get(&id("one-more")).is_none());
    assert_eq!(names(&dir).len(), MAX_UNACKNOWLEDGED);
    journal.finish(&id("c7"), 2, cancelled()).unwrap();
}
