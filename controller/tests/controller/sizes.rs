//! How large the answers about a large fleet are.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use pgbelay_controller::fleet::{Fleet, Timing};
use pgbelay_controller::{clock, views};
use pgbelay_core::access::{Certificate, Certificates};
use pgbelay_core::command::{Backup, StepDone};
use pgbelay_core::database::{AppliedRecord, Database, Observation};
use pgbelay_core::digest::Digest;
use pgbelay_core::migration::{Migration, MigrationSource};
use pgbelay_core::name::{DatabaseName, EnvironmentName};
use pgbelay_core::origin::Layout;
use pgbelay_core::plan::{Direction, ExecutionSettings, Expectation, Goal, Plan, PlanBody, Step, TargetPlan};
use pgbelay_core::policy::{BackupPolicy, EnvironmentPolicy, Policy};
use pgbelay_core::release::Release;
use pgbelay_core::rollout::{Confirmation, Rollout, RolloutState, Target, TargetState, Verdict};
use pgbelay_core::state::{PlanState, State};
use pgbelay_core::time::{Span, Timestamp};
use pgbelay_proto::{MAX_ANSWER_BYTES, MAX_MESSAGE_BYTES, wire};
use prost::Message as _;

const DATABASES: usize = 4_000;
const MIGRATIONS: usize = 100;
/// Far more than it takes, on a machine that does other things as well.
const A_WHILE: Duration = Duration::from_secs(10);

fn names() -> anyhow::Result<Vec<DatabaseName>> {
    let name = |n| Ok(format!("tenant-database-{n:05}.eu-west.example").parse()?);
    (0..DATABASES).map(name).collect()
}

pub(super) fn release() -> anyhow::Result<Release> {
    let migration = |n: usize| {
        let (version, name) = (format!("{n:03}").parse()?, "a_migration_with_quite_a_name".to_owned());
        Ok(MigrationSource::plain(version, name, format!("SELECT {n};"), None).analyse()?)
    };
    let migrations: anyhow::Result<Vec<_>> = (1..=MIGRATIONS).map(migration).collect();
    Ok(Release::new(Layout::Plain, migrations?)?)
}

pub(super) fn observation(release: &Release) -> Observation {
    let record = |m: &Migration| AppliedRecord {
        version: m.version.clone(),
        name: m.name.clone(),
        checksum: m.up.checksum,
        applied_at: Timestamp(0),
        repeatable: false,
        adopted: false,
    };
    Observation {
        conditions: pgbelay_core::database::no_conditions(),
        server_version: 150_018,
        system_identifier: "7312345678901234567/16384".to_owned(),
        fingerprint: Digest::of("x"),
        records: release.migrations.iter().map(record).collect(),
        unfinished: Vec::new(),
    }
}

fn step(migration: &Migration) -> Step {
    Step {
        version: migration.version.clone(),
        name: migration.name.clone(),
        direction: Direction::Up,
        sql: migration.up.checksum,
        checksum: migration.up.checksum,
        risk: pgbelay_core::Risk::Low,
        reasons: Vec::new(),
        has_rollback: false,
        destroys: Vec::new(),
        judgement: None,
        autocommit: false,
        repeatable: false,
        replaces: None,
        origin: None,
        recorded: None,
    }
}

fn plan(release: &Release, policy: &EnvironmentPolicy, seen: &Observation) -> anyhow::Result<Plan> {
    let steps: Vec<_> = release.migrations.iter().map(step).collect();
    let target = TargetPlan::of(Expectation::from(seen), steps);
    let body = PlanBody {
        environment: policy.name.clone(),
        goal: Goal::Release { release: release.id },
        policy_version: 1,
        after: None,
        backup: BackupPolicy::required(),
        settings: ExecutionSettings::from(policy),
        targets: names()?.into_iter().map(|name| (name, target.clone())).collect(),
        judgements: Vec::new(),
        course: Default::default(),
    };
    let (id, author) = ("p1".parse()?, "root".parse()?);
    Ok(Plan { id, digest: body.digest(), body, author, created_at: Timestamp(0) })
}

fn rollout(release: &Release, plan: &Plan, seen: &Observation) -> anyhow::Result<Rollout> {
    let done = |m: &Migration| StepDone {
        version: m.version.clone(),
        took: Span(1_234),
        retries: 3,
        observed: None,
    };
    let target = Target {
        backup_after: 0,
        backup: Some(Backup {
            path: format!("/var/lib/pgbelay/backups/{}/{}.dump", "x".repeat(30), "y".repeat(30)),
            sha256: Digest::of("dump"),
            bytes: 1 << 40,
            took: Span(123_456),
            method: Default::default(),
            copies: Vec::new(),
            reason: None,
            outside: None,
            sealed_key: None,
        }),
        done: release.migrations.iter().map(done).collect(),
        expect: Expectation::from(seen),
        attempt: 1,
        pieces: 0,
        rehearsed: None,
        verified: false,
        cancelled: false,
        overdue: None,
        moved_at: Timestamp(5),
        state: TargetState::Done,
    };
    Ok(Rollout {
        id: "r1".parse()?,
        plan: plan.id.clone(),
        environment: plan.body.environment.clone(),
        started_by: "root".parse()?,
        confirmation: Confirmation::Typed,
        acknowledged: Default::default(),
        bulk: Default::default(),
        started_at: Timestamp(0),
        moved_at: Timestamp(9),
        waves: Vec::new(),
        overridden: None,
        not_undone: None,
        state: RolloutState::Finished { verdict: Verdict::Succeeded, at: Timestamp(9) },
        targets: names()?.into_iter().map(|name| (name, target.clone())).collect(),
    })
}

pub(super) fn database(
    name: &DatabaseName,
    environment: &EnvironmentName,
    seen: &Arc<Observation>,
) -> Arc<Database> {
    let labels =
        [("tenant", "acme"), ("tier", "gold")].map(|(key, value)| (key.to_owned(), value.to_owned()));
    Arc::new(Database {
        name: name.clone(),
        environment: environment.clone(),
        labels: labels.into(),
        system_identifier: seen.system_identifier.clone(),
        observed: Some((Timestamp(0), Arc::clone(seen))),
        fence: 2,
        in_flight: None,
        windows: BTreeMap::new(),
        carries: BTreeMap::new(),
        unreachable: None,
        drift: None,
        rates: Default::default(),
        resolution: None,
    })
}

/// A fleet that has been through one rollout.
fn state() -> anyhow::Result<State> {
    let policy = Policy::initial(&["production".parse()?]);
    let environment = policy.environments[0].name.clone();
    let release = release()?;
    let seen = Arc::new(observation(&release));
    let plan = plan(&release, &policy.environments[0], &seen)?;
    let rollout = rollout(&release, &plan, &seen)?;
    let certificate = Certificate { serial: "40".repeat(16), not_after: Timestamp(1) };
    let names = names()?;
    let databases = names.iter().map(|name| (name.clone(), database(name, &environment, &seen)));
    Ok(State {
        databases: databases.collect(),
        agents: names.into_iter().map(|name| (name, Certificates::new(certificate.clone()))).collect(),
        latest_release: Some(release.id),
        releases: [(release.id, Arc::new(release))].into(),
        last_rollout: [(environment, rollout.id.clone())].into(),
        rollouts: [(rollout.id.clone(), Arc::new(rollout))].into(),
        plans: [(plan.id.clone(), PlanState { plan: Arc::new(plan), approvals: Default::default() })].into(),
        policy: Arc::new(policy),
        ..State::default()
    })
}

#[test]
fn the_answers_about_thousands_of_databases_fit() -> anyhow::Result<()> {
    let (state, fleet, now) = (state()?, Fleet::new(Timing::default()), clock::now());
    let begun = Instant::now();
    let mut views = views::fleet::Databases::new(&state, &fleet, now);
    let databases = state.databases.values().map(|database| views.view(database)).collect();
    let status = wire::StatusResponse { databases, ..Default::default() }.encoded_len();
    let agents = state.databases.values().map(|d| views::fleet::agent(&state, &fleet, d)).collect();
    let agents = wire::ListAgentsResponse { agents }.encoded_len();
    assert!(status < MAX_MESSAGE_BYTES && agents < MAX_MESSAGE_BYTES, "{status} and {agents} bytes");

    let views = state.rollouts.values().map(|r| views::rollout::rollout(&state, &fleet, r).encoded_len());
    let rollout: usize = views.sum();
    assert!((MAX_MESSAGE_BYTES..MAX_ANSWER_BYTES).contains(&rollout), "{rollout} bytes");

    let lines = views::history::history(&state, &views::history::Filter::default(), |_| true);
    let entries: Vec<_> = lines.iter().take(1_000).map(views::history::in_words).collect();
    assert_eq!(entries.len(), 1_000);
    assert!(wire::HistoryResponse { entries, left_off: 0 }.encoded_len() < MAX_MESSAGE_BYTES);
    assert!(begun.elapsed() < A_WHILE, "it took {:?}", begun.elapsed());
    Ok(())
}
