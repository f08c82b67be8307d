//! Lists of large things stay below what a client takes.

use std::collections::BTreeMap;

use pgbelay_core::access::{Certificate, Certificates, Operator, Role};
use pgbelay_core::backup::BackupCheck;
use pgbelay_core::command::Backup;
use pgbelay_core::digest::Digest;
use pgbelay_core::policy::{BackupMethod, Policy};
use pgbelay_core::time::Span;

use super::*;

fn backup(at: i64, problem: usize) -> KnownBackup {
    KnownBackup {
        database: "orders".parse().unwrap(),
        rollout: "r1".parse().unwrap(),
        backup: Backup {
            path: format!("/b/orders/{at}"),
            sha256: Digest::of("x"),
            bytes: 1,
            took: Span(1),
            method: BackupMethod::Full,
            copies: Vec::new(),
            reason: None,
            outside: None,
            sealed_key: None,
        },
        made_at: Timestamp(at),
        checked: Some(BackupCheck {
            at: Timestamp(at),
            problems: vec!["x".repeat(problem)],
            notes: Vec::new(),
        }),
        restored_at: None,
        looked: None,
        condemned: None,
    }
}

/// Somebody who sees everything, and a hundred backups with so much to say each.
fn reader(problem: usize) -> Reader {
    let policy = Policy::initial(&["production".parse().unwrap()]);
    let environment = policy.environments[0].name.clone();
    let certificate = Certificate { serial: "40".to_owned(), not_after: Timestamp(1) };
    let name: pgbelay_core::name::OperatorName = "root".parse().unwrap();
    let operator = Operator {
        name: name.clone(),
        role: Role::Admin,
        environments: None,
        certificates: Certificates::new(certificate),
    };
    let database = Database {
        name: "orders".parse().unwrap(),
        environment,
        labels: BTreeMap::new(),
        system_identifier: "1".to_owned(),
        observed: None,
        fence: 1,
        in_flight: None,
        resolution: None,
        windows: BTreeMap::new(),
        carries: BTreeMap::new(),
        rates: Default::default(),
        unreachable: None,
        drift: None,
    };
    let known = (1..=100).map(|at| backup(at, problem));
    let state = State {
        operators: [(name.clone(), operator)].into(),
        databases: [(database.name.clone(), Arc::new(database))].into(),
        backups: known
            .map(|known| ((known.database.clone(), known.id().to_owned()), Arc::new(known)))
            .collect(),
        policy: Arc::new(policy),
        ..State::default()
    };
    Reader { state: Arc::new(state), name }
}

#[test]
fn a_list_of_large_things_is_as_long_as_any_client_takes() {
    let listed =
        |problem| backups(&reader(problem), &wire::ListBackupsRequest::default()).unwrap().into_inner();
    assert_eq!(listed(100).backups.len(), 100);
    let large = listed(100_000);
    assert!(large.encoded_len() < MAX_MESSAGE_BYTES, "{} bytes", large.encoded_len());
    assert!((30..100).contains(&large.backups.len()), "{}", large.backups.len());
    assert_eq!(large.left_off as usize, 100 - large.backups.len());
    assert_eq!(large.backups[0].location, "/b/orders/100", "the newest come first");
    // One that is larger than that is still told of: the CLI takes more.
    assert_eq!(listed(5 << 20).backups.len(), 1);
}

#[test]
fn a_list_goes_on_where_the_last_answer_ended() {
    let reader = reader(1);
    let ask = |after: &str, limit| {
        let asked = wire::ListBackupsRequest { after: after.to_owned(), limit, ..Default::default() };
        backups(&reader, &asked).map(Response::into_inner)
    };
    let (mut seen, mut after) = (Vec::new(), String::new());
    for (left_off, some) in [(60, 40), (20, 40), (0, 20)] {
        let listed = ask(&after, 40).unwrap();
        assert_eq!((listed.left_off, listed.backups.len()), (left_off, some));
        assert_eq!(listed.next.is_empty(), left_off == 0, "{}", listed.next);
        seen.extend(listed.backups.into_iter().map(|entry| entry.location));
        after = listed.next;
    }
    let all: Vec<_> = (1..=100).rev().map(|at| format!("/b/orders/{at}")).collect();
    assert_eq!(seen, all);
    // Where a backup is gone that an answer ended with, the list goes on behind its place.
    assert_eq!(ask("50/orders/gone", 1).unwrap().backups[0].location, "/b/orders/49");
    for bad in ["x", "1", "1/orders", "x/orders/1"] {
        assert!(ask(bad, 1).is_err(), "{bad}");
    }
}

#[test]
fn a_backup_is_found_by_its_name_and_the_newest_complete_one_without() {
    let mut reader = reader(1);
    let state = Arc::make_mut(&mut reader.state);
    let whole = state.backups.values_mut().find(|known| known.made_at == Timestamp(7)).unwrap();
    Arc::make_mut(whole).checked = None;
    let ask = |asked| {
        let listed = backups(&reader, &asked).unwrap().into_inner().backups;
        listed.into_iter().map(|entry| entry.location).collect::<Vec<_>>()
    };
    let named = wire::ListBackupsRequest { id: "8".to_owned(), ..Default::default() };
    assert_eq!(ask(named), ["/b/orders/8"]);
    let newest = wire::ListBackupsRequest { newest: true, ..Default::default() };
    assert_eq!(ask(newest), ["/b/orders/7"], "the others are not whole");
}
