//! What goes out comes back in, and what is malformed does not.

use pgbelay_core::command::{
    Backup, BackupOrder, Command, CommandKind, Failure, FailureKind, Outcome, RefusedBecause, Resolution,
    Run, StepDone, StrongLock, Unsettled,
};
use pgbelay_core::digest::Digest;
use pgbelay_core::plan::{ExecutionSettings, LockMode, Step, Touches};
use pgbelay_core::policy::{
    BackupMethod, Blockers, Bytes, LagThen, MethodRule, Outside, QueryText, ReplicationLag, Thresholds,
};
use pgbelay_core::time::Span;
use prost::Message;

use super::*;

fn observation() -> Observation {
    Observation {
        conditions: no_conditions(),
        server_version: 150_018,
        system_identifier: "731/16384".into(),
        fingerprint: Digest::of("schema"),
        records: vec![AppliedRecord {
            version: "001".parse().unwrap(),
            name: "a".into(),
            checksum: Digest::of("sql"),
            applied_at: Timestamp(5),
            repeatable: true,
            adopted: true,
        }],
        unfinished: vec![Unfinished {
            version: "002".parse().unwrap(),
            direction: Direction::Down,
            done: 1,
            pieces: 2,
            open: Some(9),
        }],
    }
}

fn backup() -> Backup {
    Backup {
        path: "/b/x.dump".into(),
        copies: vec!["s3://b/x".into()],
        sha256: Digest::of("dump"),
        bytes: 4,
        took: Span(7),
        method: BackupMethod::Command,
        reason: Some("auto".into()),
        outside: Some("repo1".into()),
        sealed_key: Some("-----BEGIN AGE ENCRYPTED FILE-----".into()),
    }
}

fn outcomes() -> Vec<Outcome> {
    let done = vec![StepDone { version: "001".parse().unwrap(), took: Span(3), retries: 1, observed: None }];
    let failure = Failure {
        kind: FailureKind::LockTimeout,
        version: Some("002".parse().unwrap()),
        message: "m".into(),
        hint: Some("h".into()),
        sqlstate: Some("55P03".into()),
        line: Some(4),
        blockers: vec!["pid 1".into()],
    };
    let statement = Unsettled {
        version: "002".parse().unwrap(),
        piece: 1,
        pieces: 2,
        intent: 9,
        line: 3,
        what: "CALL".into(),
    };
    let refused = [
        RefusedBecause::StaleFence { seen: 0 },
        RefusedBecause::Moved { what: "x".into() },
        RefusedBecause::TooLate,
        RefusedBecause::Guard { rule: "r".into() },
    ];
    let mut all = vec![
        Outcome::BackedUp { backup: backup() },
        Outcome::Ran { done: done.clone(), observation: observation() },
        Outcome::Failed { done: done.clone(), failure, observation: None },
        Outcome::Interrupted { done: done.clone(), observation: Some(observation()) },
        Outcome::Cancelled { done: done.clone(), observation: None },
        Outcome::Unsettled { done, statement, observation: Some(observation()) },
        Outcome::Unknown { why: "w".into() },
    ];
    all.extend(refused.map(|reason| Outcome::Refused { reason }));
    all
}

#[test]
fn every_outcome_survives_the_wire() {
    for outcome in outcomes() {
        let bytes = wire::Outcome::from(&outcome).encode_to_vec();
        let back = wire::Outcome::decode(bytes.as_slice()).unwrap();
        assert_eq!(Outcome::try_from(back), Ok(outcome));
    }
}

#[test]
fn every_kind_of_failure_has_a_word_of_its_own() {
    let kinds = [
        FailureKind::Sql,
        FailureKind::LockTimeout,
        FailureKind::StatementTimeout,
        FailureKind::StepDeadline,
        FailureKind::Backup,
        FailureKind::Connection,
        FailureKind::NotTransactional,
        FailureKind::Busy,
        FailureKind::ReplicationLag,
        FailureKind::SqlMissing,
        FailureKind::Agent,
    ];
    for kind in kinds {
        let stored = serde_json::to_value(kind).unwrap();
        assert_eq!(stored, failure_word(kind), "the ledger and the wire use one word");
    }
}

fn origin() -> Origin {
    Origin {
        id: "2".into(),
        description: "b".into(),
        script: "V2__b.sql".into(),
        checksum: Some("-7".into()),
        more: [("author".into(), "ann".into())].into(),
    }
}

fn run() -> Command {
    let seen = observation();
    let step = Step {
        version: "002".parse().unwrap(),
        name: "b".into(),
        direction: Direction::Up,
        sql: Digest::of("up"),
        checksum: Digest::of("up"),
        risk: pgbelay_core::Risk::High,
        reasons: vec!["r".into()],
        has_rollback: true,
        destroys: Vec::new(),
        judgement: None,
        autocommit: true,
        repeatable: true,
        replaces: Some(Digest::of("an earlier one")),
        origin: Some(origin()),
        recorded: None,
    };
    let mut settings = ExecutionSettings::new(Span(1), Span(2), Span(3));
    settings.statement_timeouts.insert("create-index".into(), Span(4));
    settings.blockers = Blockers { wait: false, cancel_after: Some(Span(5)), queries: QueryText::Full };
    settings.replication_lag = Some(ReplicationLag { max: Span(6), wait: Span(7), then: LagThen::GoOn });
    Command {
        id: "c1-a".parse().unwrap(),
        database: "orders".parse().unwrap(),
        rollout: "r1".parse().unwrap(),
        plan: Digest::of("plan"),
        attempt: 2,
        fence: 3,
        not_after: Timestamp(9),
        kind: CommandKind::Run(Run {
            direction: Direction::Up,
            steps: vec![step],
            expect: Expectation::from(&seen),
            backup: Some(backup()),
            more: false,
            settings,
            locks: vec![StrongLock {
                version: "002".parse().unwrap(),
                relation: "public.a".into(),
                mode: LockMode::ShareLock,
            }],
            resolution: Some(Resolution {
                version: "002".parse().unwrap(),
                piece: 2,
                intent: 9,
                done: true,
                reason: "r".into(),
                by: "ann".parse().unwrap(),
            }),
        }),
    }
}

#[test]
fn a_command_arrives_as_it_was_issued() {
    let command = run();
    let arrived = WireCommand::try_from(wire::Command::from(&command)).unwrap();
    let (CommandKind::Run(sent), WireKind::Run(got)) = (&command.kind, &arrived.kind) else {
        panic!("a run became something else")
    };
    assert_eq!((arrived.id, arrived.fence, arrived.attempt), (command.id, 3, 2));
    assert_eq!((&got.expect, &got.backup, &got.settings), (&sent.expect, &sent.backup, &sent.settings));
    assert_eq!((&got.locks, &got.resolution), (&sent.locks, &sent.resolution));
    let (arrived, step) = (&got.steps[0], &sent.steps[0]);
    assert_eq!((arrived.sql, arrived.autocommit, arrived.repeatable), (step.sql, true, true));
    assert_eq!((arrived.replaces, &arrived.origin), (step.replaces, &step.origin));
}

type Spoil = fn(&mut wire::Command);

#[test]
fn a_command_without_what_it_needs_is_not_taken() {
    let spoil: [(&str, Spoil); 4] = [
        ("kind", |c| c.kind = None),
        ("id", |c| c.id = "../x".into()),
        ("plan", |c| c.plan = "abc".into()),
        ("lock_timeout_ms", |c| {
            if let Some(wire::command::Kind::Run(run)) = &mut c.kind {
                run.settings.as_mut().unwrap().lock_timeout_ms = 0;
            }
        }),
    ];
    for (field, spoil) in spoil {
        let mut wire = wire::Command::from(&run());
        spoil(&mut wire);
        assert_eq!(WireCommand::try_from(wire).map_err(|e| e.field), Err(field));
    }
}

#[test]
fn what_a_backup_is_to_be_survives_the_wire() {
    let relations = Touches::Relations { names: vec!["public.a".into(), "s.\"B b\"".into()], writes: true };
    for (method, outside, touches) in [
        (MethodRule::Auto, Some(Outside::Command), relations),
        (MethodRule::Full, None, Touches::Untold { why: "a DO block".into() }),
    ] {
        let order = BackupOrder {
            method,
            thresholds: Thresholds { touched_from: Bytes(1), outside_from: Bytes(2), outside },
            touches,
            rate_limit: Some(Bytes(100_000)),
            archive_timeout: Span(5),
        };
        let bytes = wire::BackupCommand::from(&order).encode_to_vec();
        let back = wire::BackupCommand::decode(bytes.as_slice()).unwrap();
        assert_eq!(BackupOrder::try_from(&back), Ok(order));
    }
    let unknown =
        wire::BackupCommand { method: "tar".into(), ..wire::BackupCommand::from(&BackupOrder::default()) };
    assert_eq!(BackupOrder::try_from(&unknown).unwrap_err().field, "method");
}
