//! What plans say: tables of records and releases against steps and problems.

use std::collections::BTreeMap;

use super::*;
use crate::database::{AppliedRecord, Database, Window};
use crate::migration::{Migration, MigrationSource};
use crate::policy::Policy;
use crate::release::Release;

const NOW: Timestamp = Timestamp(1_000_000);

fn version(text: &str) -> Version {
    text.parse().unwrap()
}

fn sql(number: &str, up: &str, down: Option<&str>) -> Migration {
    let source = MigrationSource {
        version: version(number),
        name: format!("t{number}"),
        up: up.to_owned(),
        down: down.map(str::to_owned),
    };
    source.analyse().unwrap()
}

fn table(number: &str) -> Migration {
    let (up, down) = (format!("CREATE TABLE t{number} (id int)"), format!("DROP TABLE t{number}"));
    sql(number, &up, Some(&down))
}

fn policy(risk: &[(&str, Risk)]) -> Policy {
    let mut policy = Policy::initial(&["staging".parse().unwrap()]);
    policy.risk = risk.iter().map(|(kind, level)| ((*kind).to_owned(), *level)).collect();
    policy
}

fn record(migration: &Migration) -> AppliedRecord {
    AppliedRecord {
        version: migration.version.clone(),
        name: migration.name.clone(),
        checksum: migration.up.checksum,
        applied_at: Timestamp(0),
    }
}

fn seen(records: Vec<AppliedRecord>) -> Observation {
    let (system_identifier, fingerprint) = ("1".to_owned(), Digest::of("schema"));
    Observation { server_version: 150_018, system_identifier, fingerprint, records }
}

/// Steps and problems in words: `up 001`, or what the problem says.
fn said(result: &Result<TargetPlan, Vec<PlanProblem>>) -> String {
    let step = |step: &Step| format!("{:?} {}", step.direction, step.version);
    match result {
        Ok(target) => target.steps.iter().map(step).collect::<Vec<_>>().join(", "),
        Err(problems) => problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "),
    }
}

fn forward(applied: &[&str], release: &[&str]) -> String {
    let release = Release::new(release.iter().map(|number| table(number)).collect()).unwrap();
    let records = applied.iter().map(|number| record(&table(number))).collect();
    said(&plan_forward(&"db".parse().unwrap(), &seen(records), &release, &policy(&[])))
}

#[test]
fn forward_runs_what_is_missing_in_order() {
    for (applied, release, expected) in [
        (&[][..], &["002", "001"][..], "Up 001, Up 002"),
        (&["001"], &["001", "002"], "Up 002"),
        (&["001", "002"], &["001", "002"], ""),
        (&[], &["10", "9"], "Up 9, Up 10"),
        (&["002"], &["001", "002"], "db: migration 001 comes before 002, which is already applied"),
        (&["001", "003"], &["001"], "db: migration 003 is applied, but the release does not have it"),
        (
            &["003"],
            &["001", "002"],
            "db: migration 003 is applied, but the release does not have it; db: migration 001 comes before 003, \
             which is already applied; db: migration 002 comes before 003, which is already applied",
        ),
    ] {
        assert_eq!(forward(applied, release), expected, "{applied:?} {release:?}");
    }
}

#[test]
fn forward_stops_at_another_checksum_and_at_what_has_no_transaction() {
    let release =
        Release::new(vec![table("001"), sql("002", "CREATE INDEX CONCURRENTLY i ON t001 (id)", None)])
            .unwrap();
    let mut changed = record(&table("001"));
    changed.checksum = Digest::of("something else");
    let result = plan_forward(&"db".parse().unwrap(), &seen(vec![changed.clone()]), &release, &policy(&[]));
    let (applied, file) = (changed.checksum.short(), table("001").up.checksum.short());
    assert_eq!(
        said(&result),
        format!(
            "db: migration 001 was applied with another checksum ({applied}) than its file has ({file}); \
             db: migration 002 cannot run in a transaction (line 1, column 1: CREATE INDEX CONCURRENTLY)"
        )
    );
}

#[test]
fn a_step_says_what_runs_and_what_the_record_carries() {
    let migration = table("001");
    let release = Release::new(vec![migration.clone()]).unwrap();
    let name = "db".parse().unwrap();
    let up = plan_forward(&name, &seen(Vec::new()), &release, &policy(&[])).unwrap();
    let back = back_with(&[&migration], None, NOW).unwrap();
    let (up, down) = (&up.steps[0], &back.steps[0]);
    assert_eq!((up.sql, up.checksum), (migration.up.checksum, migration.up.checksum));
    assert_eq!((down.sql, down.checksum), (migration.down.as_ref().unwrap().checksum, migration.up.checksum));
    assert!(up.has_rollback && down.has_rollback);
    assert_eq!((up.risk, down.risk), (Risk::Low, Risk::High));
    assert!(up.destroys.is_empty() && !down.destroys.is_empty());
    assert_eq!(back.expect, Expectation::from(&seen(vec![record(&migration)])));
}

fn database(records: &[AppliedRecord]) -> Database {
    let window = Window { opened_at: Timestamp(0), until: Timestamp(NOW.0 + 1) };
    Database {
        name: "db".parse().unwrap(),
        environment: "staging".parse().unwrap(),
        labels: BTreeMap::new(),
        system_identifier: "1".to_owned(),
        observed: None,
        fence: 0,
        in_flight: None,
        windows: records.iter().map(|r| (r.version.clone(), window.clone())).collect(),
        carries: BTreeMap::new(),
    }
}

fn back_with(
    applied: &[&Migration],
    target: Option<&str>,
    now: Timestamp,
) -> Result<TargetPlan, Vec<PlanProblem>> {
    let records: Vec<_> = applied.iter().map(|m| record(m)).collect();
    let find = |record: &AppliedRecord| applied.iter().copied().find(|m| m.version == record.version);
    let target = target.map(version);
    plan_back(&database(&records), &seen(records.clone()), target.as_ref(), find, (&policy(&[]), now))
}

#[test]
fn back_takes_everything_above_the_target_last_applied_first() {
    let [one, two, ten] = ["001", "002", "10"].map(table);
    let all = [&one, &two, &ten];
    for (applied, target, expected) in [
        (&all[..], Some("001"), "Down 10, Down 002"),
        (&all, Some("002"), "Down 10"),
        (&all, Some("2"), "Down 10"),
        (&all, Some("0002"), "Down 10"),
        (&all, Some("10"), ""),
        (&all, Some("011"), ""),
        (&all, None, "Down 10, Down 002, Down 001"),
        (&[&one], Some("002"), ""),
        (&[], None, ""),
    ] {
        assert_eq!(said(&back_with(applied, target, NOW)), expected, "{target:?}");
    }
}

#[test]
fn back_goes_by_the_order_of_application() {
    let [one, two, three] = ["001", "002", "003"].map(table);
    assert_eq!(said(&back_with(&[&one, &three, &two], Some("001"), NOW)), "Down 002, Down 003");
}

#[test]
fn back_says_everything_that_stands_against_it() {
    let kept = sql("002", "CREATE TABLE t002 (id int)", None);
    let online = sql("003", "CREATE TABLE t003 (id int)", Some("DROP INDEX CONCURRENTLY i"));
    let applied = [&table("001"), &kept, &online];
    assert_eq!(
        said(&back_with(&applied, None, NOW)),
        "db: migration 003 cannot run in a transaction (line 1, column 1: DROP INDEX CONCURRENTLY); \
         db: migration 002 has no rollback SQL"
    );
    let late = Timestamp(NOW.0 + 1);
    assert_eq!(
        said(&back_with(&applied[..1], None, late)),
        "db: the rollback window of migration 001 has closed"
    );
    assert_eq!(back_with(&applied[..1], Some("001"), late).unwrap().steps, []);
}

#[test]
fn back_does_not_touch_what_was_applied_without_pgbelay() {
    let one = table("001");
    let (records, find) = (vec![record(&one)], |_: &AppliedRecord| Some(&one));
    let result = plan_back(&database(&[]), &seen(records), None, find, (&policy(&[]), NOW));
    let unseen = PlanProblem::WindowClosed {
        database: "db".parse().unwrap(),
        version: one.version.clone(),
        closed_at: None,
    };
    assert_eq!(result, Err(vec![unseen]));
}

/// The risk of the one step of a migration, with its reasons.
fn risk(up: &str, overrides: &[(&str, Risk)]) -> (Risk, Vec<String>) {
    let release = Release::new(vec![sql("001", up, None)]).unwrap();
    let plan = plan_forward(&"db".parse().unwrap(), &seen(Vec::new()), &release, &policy(overrides)).unwrap();
    let body = body(plan.clone());
    assert_eq!(body.risk(), plan.steps[0].risk);
    (plan.steps[0].risk, plan.steps[0].reasons.clone())
}

fn body(target: TargetPlan) -> PlanBody {
    let environment = EnvironmentPolicy::with_defaults("staging".parse().unwrap());
    PlanBody {
        environment: environment.name.clone(),
        goal: Goal::Back { target: None },
        policy_version: 1,
        after: None,
        backup: BackupPolicy::Required,
        settings: ExecutionSettings::from(&environment),
        targets: BTreeMap::from_iter([("db".parse().unwrap(), target)]),
    }
}

#[test]
fn the_riskiest_statement_decides_and_its_reasons_come_first() {
    for (up, expected) in [
        ("CREATE TABLE a (id int)", Risk::Low),
        ("CREATE TABLE a (id int); CREATE INDEX i ON a (id)", Risk::Medium),
        ("CREATE TABLE a (id int); DROP TABLE b; UPDATE c SET x = 1", Risk::High),
    ] {
        assert_eq!(risk(up, &[]).0, expected, "{up}");
    }
    let (_, reasons) = risk("CREATE TABLE a (id int); DROP TABLE b; CREATE INDEX i ON a (id)", &[]);
    assert!(reasons[0].contains("DROP TABLE b"), "{reasons:?}");
    assert!(reasons[1].contains("CREATE INDEX i"), "{reasons:?}");
    assert!(reasons[2].contains("CREATE TABLE a"), "{reasons:?}");
}

#[test]
fn policy_changes_the_level_of_a_kind_and_the_plan_says_so() {
    let (lower, reasons) = risk("DROP INDEX i", &[("drop-index", Risk::Low)]);
    assert_eq!(lower, Risk::Low);
    assert_eq!(reasons.last().unwrap(), "policy says low instead of high for drop-index");
    let (higher, reasons) = risk("CREATE TABLE a (id int)", &[("create-table", Risk::High)]);
    assert_eq!(higher, Risk::High);
    assert_eq!(reasons.last().unwrap(), "policy says high instead of low for create-table");
    let (same, reasons) = risk("CREATE TABLE a (id int)", &[("create-table", Risk::Low)]);
    assert_eq!((same, reasons.len()), (Risk::Low, 1));
    // The other statements of the file keep their own level.
    let (other, _) = risk("DROP INDEX i; DROP TABLE a", &[("drop-index", Risk::Low)]);
    assert_eq!(other, Risk::High);
}

#[test]
fn reasons_are_bounded_and_each_stands_once() {
    let many: String = (0..30).map(|n| format!("CREATE TABLE a{n} (id int);")).collect();
    let (_, reasons) = risk(&many, &[]);
    assert_eq!((reasons.len(), reasons.last().unwrap().as_str()), (21, "and 10 more"));
    let (_, reasons) = risk("CREATE INDEX i ON a (id); CREATE INDEX i ON a (id)", &[]);
    assert_eq!(reasons.len(), 1, "{reasons:?}");
}

#[test]
fn the_digest_covers_everything_that_a_plan_binds() {
    let target = TargetPlan { expect: Expectation::from(&seen(Vec::new())), steps: Vec::new() };
    let plain = body(target);
    assert!(plain.is_empty());
    let other = [
        PlanBody { environment: "production".parse().unwrap(), ..plain.clone() },
        PlanBody { goal: Goal::Back { target: Some(version("001")) }, ..plain.clone() },
        PlanBody { policy_version: 2, ..plain.clone() },
        PlanBody { after: Some("r1".parse().unwrap()), ..plain.clone() },
        PlanBody { backup: BackupPolicy::Off, ..plain.clone() },
        PlanBody { targets: BTreeMap::new(), ..plain.clone() },
        body(TargetPlan { expect: Expectation::from(&seen(vec![record(&table("001"))])), steps: Vec::new() }),
        body(back_with(&[&table("001")], None, NOW).unwrap()),
    ];
    let digests: std::collections::BTreeSet<_> = other.iter().chain([&plain]).map(PlanBody::digest).collect();
    assert_eq!(digests.len(), other.len() + 1);
}
