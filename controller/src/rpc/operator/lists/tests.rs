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
    assert_eq!(large.backups[0].location, "/b/orders/100", "the newest come first");
    // One that is larger than that is still told of: the CLI takes more.
    assert_eq!(listed(5 << 20).backups.len(), 1);
}
