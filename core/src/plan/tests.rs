//! What plans say: tables of records and releases against steps and problems.

use std::collections::BTreeMap;

use pgbelay_analysis::{Catalog, Options, Severity, analyze, analyze_next};

use super::*;
use crate::database::{AppliedRecord, Database, Window};
use crate::judge::{AllJudged, Basis, File, Script};
use crate::migration::{Migration, MigrationSource};
use crate::origin::Layout;
use crate::policy::{HazardLevel, Policy};
use crate::release::Release;

const NOW: Timestamp = Timestamp(1_000_000);

fn version(text: &str) -> Version {
    text.parse().unwrap()
}

fn sql(number: &str, up: &str, down: Option<&str>) -> Migration {
    let (name, down) = (format!("t{number}"), down.map(str::to_owned));
    MigrationSource::plain(version(number), name, up, down).analyse().unwrap()
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

/// Scales with these levels; nothing was judged.
macro_rules! scales {
    ($risk:expr) => {
        Scales::new(&policy($risk), &AllJudged::new(), &AllSizes::new())
    };
}

fn record(migration: &Migration) -> AppliedRecord {
    AppliedRecord {
        version: migration.version.clone(),
        name: migration.name.clone(),
        checksum: migration.up.checksum,
        applied_at: Timestamp(0),
        repeatable: false,
        adopted: false,
    }
}

fn seen(records: Vec<AppliedRecord>) -> Observation {
    let (system_identifier, fingerprint) = ("1".to_owned(), Digest::of("schema"));
    Observation {
        server_version: 150_018,
        system_identifier,
        fingerprint,
        conditions: crate::database::no_conditions(),
        records,
        unfinished: Vec::new(),
    }
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
    let release = Release::new(Layout::Plain, release.iter().map(|number| table(number)).collect()).unwrap();
    let records = applied.iter().map(|number| record(&table(number))).collect();
    said(&plan_forward(&"db".parse().unwrap(), &seen(records), &release, &mut scales!(&[])))
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
        (&["003"], &["001", "002"], "db: migration 003 is applied, but the release does not have it"),
    ] {
        assert_eq!(forward(applied, release), expected, "{applied:?} {release:?}");
    }
}

fn repeatable(name: &str, up: &str) -> Migration {
    Migration { repeatable: true, ..sql(name, up, None) }
}

#[test]
fn the_order_is_that_of_the_release() {
    let forward = |applied: &[&str], order: &[&str]| {
        let migrations = order.iter().map(|name| sql(name, "SELECT 1;", None)).collect();
        let release = Release::new(Layout::Sqitch, migrations).unwrap();
        let records = applied.iter().map(|name| record(&sql(name, "SELECT 1;", None))).collect();
        said(&plan_forward(&"db".parse().unwrap(), &seen(records), &release, &mut scales!(&[])))
    };
    for (applied, order, expected) in [
        (&[][..], &["users", "appschema"][..], "Up users, Up appschema"),
        (&["users"], &["users", "appschema"], "Up appschema"),
        (&["10"], &["10", "9"], "Up 9"),
        (
            &["appschema"],
            &["users", "appschema"],
            "db: migration users comes before appschema, which is already applied",
        ),
        (&["9"], &["10", "9"], "db: migration 10 comes before 9, which is already applied"),
    ] {
        assert_eq!(forward(applied, order), expected, "{applied:?} {order:?}");
    }
}

#[test]
fn what_is_repeatable_runs_again_when_it_changes_and_stays_when_others_are_taken_back() {
    let [one, two] = ["1", "2"].map(table);
    let [old, new] = ["SELECT 1;", "SELECT 2;"].map(|up| repeatable("R__v", up));
    let again = |record: &AppliedRecord| AppliedRecord { repeatable: true, ..record.clone() };
    let forward = |records: Vec<AppliedRecord>| {
        let migrations = vec![one.clone(), two.clone(), new.clone()];
        let release = Release::new(Layout::Flyway, migrations).unwrap();
        plan_forward(&"db".parse().unwrap(), &seen(records), &release, &mut scales!(&[]))
    };
    let (first, second) = (record(&one), record(&two));
    for (records, expected) in [
        (vec![], "Up 1, Up 2, Up R__v"),
        (vec![first.clone(), again(&record(&old))], "Up 2, Up R__v"),
        (vec![first.clone(), again(&record(&new))], "Up 2"),
        (vec![first.clone(), second.clone(), again(&record(&old))], "Up R__v"),
    ] {
        assert_eq!(said(&forward(records)), expected);
    }
    let run = forward(vec![first.clone(), second.clone(), again(&record(&old))]).unwrap();
    assert_eq!((run.steps[0].replaces, run.steps[0].repeatable), (Some(old.up.checksum), true));
    assert_eq!(run.steps[0].checksum, new.up.checksum);

    let back = |records: &[AppliedRecord], target: Option<&str>| {
        let all = [&one, &two];
        let find = |record: &AppliedRecord| all.into_iter().find(|m| m.version == record.version);
        let target = target.map(version);
        let (database, seen) = (database(records), seen(records.to_vec()));
        said(&plan_back(&database, &seen, Above::Version(target.as_ref()), find, (&mut scales!(&[]), NOW)))
    };
    let records = [first, again(&record(&old)), second];
    for (target, expected) in [
        (Some("1"), "Down 2"),
        (None, "Down 2, Down 1"),
        (
            Some("R__v"),
            "db: R__v is not among its applied migrations, and versions that are not all numbers do not say what comes \
             after it",
        ),
    ] {
        assert_eq!(back(&records, target), expected);
    }
}

#[test]
fn back_follows_the_order_in_which_it_was_applied() {
    let [ann, bob, zoe] = ["ann", "bob", "zoe"].map(|name| sql(name, "SELECT 1;", Some("SELECT 2;")));
    let all = [&zoe, &ann, &bob];
    for (target, expected) in [
        (Some("zoe"), "Down bob, Down ann"),
        (Some("ann"), "Down bob"),
        (None, "Down bob, Down ann, Down zoe"),
        (
            Some("5"),
            "db: 5 is not among its applied migrations, and versions that are not all numbers do not say what comes \
             after it",
        ),
    ] {
        assert_eq!(said(&back_with(&all, target, NOW)), expected, "{target:?}");
    }
}

#[test]
fn on_a_server_that_is_not_known_policy_decides() {
    use crate::policy::UnknownServer::{Allow, Refuse};
    let name: DatabaseName = "db".parse().unwrap();
    let planned = |version, applied: &[&str], policy| {
        let release = Release::new(Layout::Plain, vec![table("001"), table("002")]).unwrap();
        let records = applied.iter().map(|number| record(&table(number))).collect();
        let seen = Observation { server_version: version, ..seen(records) };
        let planned = plan_forward(&name, &seen, &release, &mut scales!(&[]));
        said(&only_on_known_servers(planned, (&name, &seen), policy))
    };
    let unknown = "db: its server is PostgreSQL 19, and PostgreSQL 18 is the newest that this pgbelay knows";
    for (version, applied, policy, expected) in [
        (180_004, &["001"][..], Refuse, "Up 002"),
        (190_000, &["001"], Refuse, unknown),
        (190_000, &["001"], Allow, "Up 002"),
        // Where nothing would be run, there is nothing to refuse.
        (190_000, &["001", "002"], Refuse, ""),
        (
            190_000,
            &["002"],
            Refuse,
            &format!("{unknown}; db: migration 001 comes before 002, which is already applied"),
        ),
    ] {
        assert_eq!(planned(version, applied, policy), expected, "{version} {applied:?}");
    }
}

#[test]
fn forward_stops_at_another_checksum_and_not_at_what_has_no_transaction() {
    let release = Release::new(
        Layout::Plain,
        vec![table("001"), sql("002", "CREATE INDEX CONCURRENTLY i ON t001 (id)", None)],
    )
    .unwrap();
    let mut changed = record(&table("001"));
    changed.checksum = Digest::of("something else");
    let result =
        plan_forward(&"db".parse().unwrap(), &seen(vec![changed.clone()]), &release, &mut scales!(&[]));
    let (applied, file) = (changed.checksum.short(), table("001").up.checksum.short());
    assert_eq!(
        said(&result),
        format!("db: migration 001 was applied with another checksum ({applied}) than its file has ({file})")
    );
    let name = "db".parse().unwrap();
    let plan = plan_forward(&name, &seen(vec![record(&table("001"))]), &release, &mut scales!(&[])).unwrap();
    let told = "runs outside of a transaction, so that it cannot be rolled back with the rest: line 1, column 1: \
                CREATE INDEX CONCURRENTLY";
    assert_eq!(plan.steps[0].reasons.first().map(String::as_str), Some(told));
}

#[test]
fn a_step_says_what_runs_and_what_the_record_carries() {
    let migration = table("001");
    let release = Release::new(Layout::Plain, vec![migration.clone()]).unwrap();
    let name = "db".parse().unwrap();
    let up = plan_forward(&name, &seen(Vec::new()), &release, &mut scales!(&[])).unwrap();
    let back = back_with(&[&migration], None, NOW).unwrap();
    let (up, down) = (&up.steps[0], &back.steps[0]);
    assert_eq!((up.sql, up.checksum), (migration.up.checksum, migration.up.checksum));
    assert_eq!((down.sql, down.checksum), (migration.down.as_ref().unwrap().checksum, migration.up.checksum));
    assert!(up.has_rollback && down.has_rollback);
    // Nobody has judged them.
    assert_eq!((up.risk, down.risk), (Risk::Medium, Risk::High));
    assert_eq!(up.reasons[0], "judged by its text alone: nobody has judged it");
    assert!(up.destroys.is_empty() && !down.destroys.is_empty());
    assert_eq!(back.expect, Expectation::from(&seen(vec![record(&migration)])));
}

fn database(records: &[AppliedRecord]) -> Database {
    let window = Window { opened_at: Timestamp(0), until: Timestamp(NOW.0 + 1), backup: None };
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
        rates: Rates::default(),
        resolution: None,
        unreachable: None,
        drift: None,
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
    plan_back(
        &database(&records),
        &seen(records.clone()),
        Above::Version(target.as_ref()),
        find,
        (&mut scales!(&[]), now),
    )
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
    assert_eq!(said(&back_with(&applied, None, NOW)), "db: migration 002 has no rollback SQL");
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
    let result =
        plan_back(&database(&[]), &seen(records), Above::Version(None), find, (&mut scales!(&[]), NOW));
    let unseen = PlanProblem::WindowClosed {
        database: "db".parse().unwrap(),
        version: one.version.clone(),
        closed_at: None,
    };
    assert_eq!(result, Err(vec![unseen]));
}

/// The schema that migrations meet.
const SCHEMA: &str =
    "CREATE TABLE b (id int, d int CHECK (d > 0)); CREATE TABLE c (x int); CREATE INDEX i ON b (id);";

/// The one step of a migration under a policy, and what it was judged to do.
fn judged(up: &str, policy: &Policy) -> (Step, Judgement) {
    judged_against(
        Ok(("db".parse().unwrap(), analyze(SCHEMA, &Catalog::fresh(), Options::default()).1)),
        up,
        policy,
    )
}

fn judged_against(
    schema: Result<(DatabaseName, Catalog), String>,
    up: &str,
    policy: &Policy,
) -> (Step, Judgement) {
    judged_with(schema, up, (policy, &AllSizes::new()))
}

fn judged_with(
    schema: Result<(DatabaseName, Catalog), String>,
    up: &str,
    (policy, sizes): (&Policy, &AllSizes),
) -> (Step, Judgement) {
    let name: DatabaseName = "db".parse().unwrap();
    let migration = sql("001", up, None);
    let file = File { version: version("001"), direction: Direction::Up, sql: migration.up.checksum };
    let settings = (&policy.environments[0]).into();
    let server = crate::judge::Circumstances {
        fingerprint: Digest::of("schema"),
        conditions: crate::database::no_conditions(),
        server_version: 150_018,
        settings: &settings,
    };
    let judged = crate::judge::judge(schema, &[Script { file: &file, text: up }], server);
    let judged = AllJudged::from([(name.clone(), judged.into())]);
    let mut scales = Scales::new(policy, &judged, sizes);
    let release = Release::new(Layout::Plain, vec![migration]).unwrap();
    let target = plan_forward(&name, &seen(Vec::new()), &release, &mut scales).unwrap();
    let step = target.steps[0].clone();
    let body = PlanBody { judgements: scales.judgements(), ..body(target) };
    assert_eq!(body.risk(), step.risk);
    let judgement = body.judgement(&step).unwrap().clone();
    (step, judgement)
}

/// The risk of the one step of a migration, with its reasons.
fn risk(up: &str, overrides: &[(&str, Risk)]) -> (Risk, Vec<String>) {
    let (step, _) = judged(up, &policy(overrides));
    (step.risk, step.reasons)
}

fn body(target: TargetPlan) -> PlanBody {
    let environment = EnvironmentPolicy::with_defaults("staging".parse().unwrap());
    PlanBody {
        environment: environment.name.clone(),
        goal: Goal::Back { target: None },
        policy_version: 1,
        after: None,
        backup: BackupPolicy::required(),
        settings: ExecutionSettings::from(&environment),
        targets: BTreeMap::from_iter([("db".parse().unwrap(), target)]),
        judgements: Vec::new(),
        course: Default::default(),
    }
}

#[test]
fn the_riskiest_statement_decides_and_its_reasons_come_first() {
    for (up, expected) in [
        ("CREATE TABLE a (id int)", Risk::Low),
        ("CREATE TABLE a (id int); CREATE INDEX j ON a (id)", Risk::Medium),
        ("CREATE TABLE a (id int); DROP TABLE b; UPDATE c SET x = 1", Risk::High),
    ] {
        assert_eq!(risk(up, &[]).0, expected, "{up}");
    }
    let (_, reasons) = risk("CREATE TABLE a (id int); DROP TABLE b; UPDATE c SET x = 1", &[]);
    let place = |what: &str| reasons.iter().position(|reason| reason.contains(what)).unwrap();
    assert!(place("DROP TABLE b") < place("UPDATE"), "{reasons:?}");
    assert!(place("UPDATE") < place("CREATE TABLE a"), "{reasons:?}");
}

#[test]
fn policy_changes_the_level_of_a_kind_and_the_plan_says_so() {
    let mut lax = policy(&[("update", Risk::Low)]);
    lax.hazards.insert("unbatched-backfill".to_owned(), HazardLevel::Off);
    let (step, _) = judged("UPDATE c SET x = 1 WHERE x = 2", &lax);
    assert_eq!((step.risk, step.reasons.len()), (Risk::Low, 2), "{step:?}");
    assert_eq!(step.reasons[1], "policy says low instead of medium for update");
    let (higher, reasons) = risk("CREATE TABLE a (id int)", &[("create-table", Risk::High)]);
    assert_eq!(higher, Risk::High);
    assert!(reasons.contains(&"policy says high instead of low for create-table".to_owned()), "{reasons:?}");
    let (same, reasons) = risk("CREATE TABLE a (id int)", &[("create-table", Risk::Low)]);
    assert_eq!(same, Risk::Low);
    assert!(reasons.iter().all(|reason| !reason.starts_with("policy says")), "{reasons:?}");
    // The other statements of the file keep their own level.
    let (other, _) = risk("UPDATE c SET x = 1; DROP TABLE b", &[("update", Risk::Low)]);
    assert_eq!(other, Risk::High);
}

#[test]
fn policy_changes_the_level_of_a_hazard_and_the_plan_says_so() {
    let not_null = "ALTER TABLE c ALTER COLUMN x SET NOT NULL";
    let with = |level: Option<HazardLevel>| {
        let mut policy = policy(&[("alter-table", Risk::Low)]);
        policy.hazards.extend(level.map(|level| ("set-not-null".to_owned(), level)));
        judged(not_null, &policy)
    };
    let levels = |judgement: &Judgement| -> Vec<Severity> {
        let found = judgement.hazards.iter().filter(|found| found.hazard.id == "set-not-null");
        found.map(|found| found.hazard.severity).collect()
    };
    let (plain, judgement) = with(None);
    let [severity] = levels(&judgement)[..] else { panic!("{judgement:?}") };
    assert!(plain.risk >= severity.risk() && severity > Severity::Low);
    let (low, judgement) = with(Some(HazardLevel::Low));
    assert_eq!(levels(&judgement), [Severity::Low]);
    assert!(
        low.reasons.contains(&format!("policy says low instead of {} for set-not-null", severity.as_str()))
    );
    let (off, judgement) = with(Some(HazardLevel::Off));
    assert_eq!(levels(&judgement), []);
    assert!(off.reasons.iter().all(|reason| !reason.contains("set-not-null")), "{:?}", off.reasons);
}

/// The level of a hazard that is about waiting, for a table of so many bytes that is written to so often in 1,000 s.
fn severity(bytes: u64, writes: u64, policy: &Policy) -> (Option<Severity>, Vec<String>) {
    let name: DatabaseName = "db".parse().unwrap();
    let mut catalog = Catalog::fresh();
    analyze_next("CREATE TABLE c (x int)", &mut catalog, Default::default());
    let size = Size { rows: None, bytes, index_bytes: 0, writes, seconds: Some(1_000) };
    let sizes = AllSizes::from([(name.clone(), Sizes::from([("public.c".to_owned(), size)]))]);
    let up = "ALTER TABLE c ADD COLUMN y int CHECK (y > 0)";
    let (step, judgement) = judged_with(Ok((name, catalog)), up, (policy, &sizes));
    let found = judgement.hazards.iter().find(|found| found.hazard.id == "add-column-inline-check");
    (found.map(|found| found.hazard.severity), step.reasons)
}

#[test]
fn size_and_traffic_move_the_level_of_a_wait_where_policy_lets_them() {
    const MIB: u64 = 1 << 20;
    let refined = Policy { refine: true, ..policy(&[]) };
    let plain = severity(MIB, 0, &policy(&[])).0.unwrap();
    assert_eq!(plain, Severity::Medium);
    let (level, reasons) = severity(MIB, 0, &refined);
    assert_eq!(level, Some(Severity::Low));
    let why = "add-column-inline-check takes less than a second here, and few write to it";
    assert!(reasons.contains(&why.to_owned()), "{reasons:?}");
    assert_eq!(severity(MIB, 100 * 1_000, &refined).0, Some(plain), "many write to it");
    assert_eq!(severity(1_000 * MIB, 0, &refined).0, Some(plain), "it takes some seconds");
    let (level, reasons) = severity(300_000 * MIB, 0, &refined);
    assert_eq!(level, Some(Severity::High));
    assert!(reasons.iter().any(|reason| reason.contains("takes more than a minute here")), "{reasons:?}");
    // What policy says of the hazard stands.
    let hazards = BTreeMap::from([("add-column-inline-check".to_owned(), HazardLevel::Medium)]);
    assert_eq!(severity(MIB, 0, &Policy { hazards, ..refined }).0, Some(Severity::Medium));
}

/// Otherwise it could never be started.
#[test]
fn what_is_brief_when_it_is_planned_is_so_at_once_afterwards() {
    let name: DatabaseName = "db".parse().unwrap();
    let refined = Policy { refine: true, ..policy(&[]) };
    for tables in [3, 2_001] {
        let sql = |what: &str| (0..tables).map(|n| what.replace('#', &n.to_string())).collect::<String>();
        let mut catalog = Catalog::fresh();
        analyze_next(&sql("CREATE TABLE t# (x int);"), &mut catalog, Default::default());
        let size = Size { rows: None, bytes: 0, index_bytes: 0, writes: 0, seconds: Some(1) };
        let sizes: Sizes = (0..tables).map(|n| (format!("public.t{n}"), size)).collect();
        let all = AllSizes::from([(name.clone(), sizes.clone())]);
        let up = sql("ALTER TABLE t# ALTER x SET NOT NULL;");
        let (_, judgement) = judged_with(Ok((name.clone(), catalog)), &up, (&refined, &all));
        assert_eq!(judgement.brief.is_empty(), tables > 2_000, "what is not kept is not brief");
        assert!(judgement.is_still_brief(Some(&sizes)), "{tables}");
        assert_eq!(judgement.is_still_brief(None), judgement.brief.is_empty(), "nobody has measured it");
    }
}

#[test]
fn facts_lower_the_base_where_policy_lets_them() {
    let free = "ALTER TABLE c ADD COLUMN y int";
    let with = |refine, risk: &[(&str, Risk)]| judged(free, &Policy { refine, ..policy(risk) }).0.risk;
    assert_eq!(with(false, &[]), Risk::High);
    assert_eq!(with(true, &[]), Risk::Low);
    // What policy says by name stands.
    assert_eq!(with(true, &[("alter-table", Risk::Medium)]), Risk::Medium);
}

#[test]
fn only_the_schema_tells_that_a_free_change_of_type_scans() {
    let widen = "ALTER TABLE b ALTER COLUMN d TYPE bigint; ALTER TABLE b ALTER COLUMN id TYPE int";
    let (_, judgement) = judged(widen, &policy(&[]));
    assert_eq!(
        judgement.basis,
        Basis::Schema { of: "db".parse().unwrap(), conditions: crate::database::no_conditions() }
    );
    assert!(judgement.course.work.iter().any(|work| work.what.relation == "public.b"), "{judgement:?}");
    let (step, judgement) = judged_against(Err("nobody is there".to_owned()), widen, &policy(&[]));
    assert!(!judgement.unknown.is_empty() && !judgement.basis.is_schema());
    assert!(step.reasons.contains(&"judged by its text alone: nobody is there".to_owned()), "{step:?}");
    // Unknown is never safe, whatever the kind.
    let (step, _) =
        judged_against(Err("nobody is there".to_owned()), "CREATE TABLE n (id int)", &policy(&[]));
    assert_eq!(step.risk, Risk::Medium);
}

#[test]
fn what_a_comment_allows_is_in_the_plan() {
    let text =
        "-- pgbelay: allow set-not-null the table is empty\nALTER TABLE c ALTER COLUMN x SET NOT NULL;";
    let (step, judgement) = judged(text, &policy(&[]));
    let found = judgement.hazards.iter().find(|found| found.hazard.id == "set-not-null").unwrap();
    assert_eq!((found.line, found.hazard.allowed.as_deref()), (2, Some("the table is empty")));
    assert!(step.reasons.contains(&"set-not-null is allowed: the table is empty".to_owned()));
}

#[test]
fn reasons_are_bounded_and_each_stands_once() {
    let many: String =
        (0..30).map(|n| format!("DELETE FROM c WHERE x = {n}; INSERT INTO c SELECT {n};")).collect();
    let (_, reasons) = risk(&many, &[]);
    assert!(reasons.len() <= 21, "{reasons:?}");
    let tables: String = (0..30).map(|n| format!("CREATE TABLE a{n} (id int);")).collect();
    let (_, reasons) = risk(&tables, &[]);
    assert!(reasons.len() == 21 && reasons[20].starts_with("and "), "{reasons:?}");
    assert_eq!(risk("UPDATE c SET x = 1 WHERE x = 2; UPDATE c SET x = 1 WHERE x = 2", &[]).1.len(), 2);
}

/// A plan of before there were judgements, as the ledger has it.
#[test]
fn an_old_plan_keeps_its_digest() {
    let target = back_with(&[&table("001")], None, NOW).unwrap();
    let body = body(target);
    let text = serde_json::to_string(&body).unwrap();
    assert!(!text.contains("judgement"), "{text}");
    let read: PlanBody = serde_json::from_str(&text).unwrap();
    assert_eq!(read.digest(), body.digest());
}

#[test]
fn the_digest_covers_everything_that_a_plan_binds() {
    let target = TargetPlan::of(Expectation::from(&seen(Vec::new())), Vec::new());
    let plain = body(target);
    assert!(plain.is_empty());
    let other = [
        PlanBody { environment: "production".parse().unwrap(), ..plain.clone() },
        PlanBody { goal: Goal::Back { target: Some(version("001")) }, ..plain.clone() },
        PlanBody { policy_version: 2, ..plain.clone() },
        PlanBody { after: Some("r1".parse().unwrap()), ..plain.clone() },
        PlanBody { backup: BackupPolicy::Off, ..plain.clone() },
        PlanBody { targets: BTreeMap::new(), ..plain.clone() },
        body(TargetPlan::of(Expectation::from(&seen(vec![record(&table("001"))])), Vec::new())),
        body(back_with(&[&table("001")], None, NOW).unwrap()),
        PlanBody { course: Course { max_failures: 1, ..Default::default() }, ..plain.clone() },
        PlanBody { judgements: vec![judged("DROP TABLE b", &policy(&[])).1], ..plain.clone() },
    ];
    let digests: std::collections::BTreeSet<_> = other.iter().chain([&plain]).map(PlanBody::digest).collect();
    assert_eq!(digests.len(), other.len() + 1);
}
