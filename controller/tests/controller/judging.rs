//! Plans are judged against the schemas that the agents read, and hazards are acknowledged.

use pgbelay_analysis::{Options, analyze_next};
use pgbelay_core::Catalog;
use pgbelay_core::digest::Digest;
use pgbelay_proto::status::{RemoteError, RemoteKind};
use pgbelay_proto::wire;
use pgbelay_proto::wire::create_plan_request::Goal;
use tonic::Code;

use super::world::{Agent, Stream, World, refusal};

const TABLES: &str = "CREATE TABLE notes (id int PRIMARY KEY, body text); CREATE TABLE old (id int)";
const DROPS: &str = "ALTER TABLE notes DROP COLUMN body;\nDROP TABLE old;";

fn schema() -> Catalog {
    let mut catalog = Catalog::fresh();
    analyze_next(TABLES, &mut catalog, Options::default());
    catalog
}

async fn push(world: &World, sql: &str) -> anyhow::Result<String> {
    let file = wire::MigrationFile {
        version: "001".to_owned(),
        name: "lean".to_owned(),
        up: sql.to_owned(),
        down: None,
        ..wire::MigrationFile::default()
    };
    world.push_files(vec![file]).await
}

async fn connected(world: &World, name: &str, schema: Option<Catalog>) -> anyhow::Result<Stream> {
    let agent = world.agent(name, "staging").await?;
    Agent { schema, ..agent }.connect(world).await
}

/// The plan for two databases.
async fn plan_for_two(
    world: &World,
    (first, second): (&mut Stream, &mut Stream),
    release: String,
) -> anyhow::Result<wire::PlanView> {
    let mut admin = world.admin().await?;
    let request =
        wire::CreatePlanRequest { environment: "staging".to_owned(), goal: Some(Goal::Release(release)) };
    let planned = second.during(admin.create_plan(request));
    Ok(Box::pin(first.during(planned)).await???.into_inner())
}

fn hazards(step: &wire::PlanStep) -> Vec<String> {
    step.hazards.iter().map(|hazard| format!("{} {}", hazard.id, hazard.relation)).collect()
}

#[tokio::test]
async fn one_schema_is_read_for_databases_that_are_alike() -> anyhow::Result<()> {
    let world = World::start().await?;
    let mut first = connected(&world, "orders-1", Some(schema())).await?;
    // Its fingerprint is the same.
    let mut second = connected(&world, "orders-2", None).await?;
    let release = push(&world, DROPS).await?;
    let plan = Box::pin(plan_for_two(&world, (&mut first, &mut second), release)).await?;

    assert_eq!(plan.groups.len(), 1, "{plan:?}");
    let step = &plan.groups[0].steps[0];
    assert_eq!(step.judged_on, "orders-1");
    assert_eq!(step.unknown, Vec::<String>::new());
    let found = hazards(step);
    for hazard in ["drop-column public.notes.body", "drop-table public.old"] {
        assert!(found.iter().any(|known| known == hazard), "{found:?}");
    }
    let locks: Vec<_> = step.locks.iter().map(|lock| format!("{} {}", lock.relation, lock.mode)).collect();
    assert!(locks.contains(&"public.notes AccessExclusiveLock".to_owned()), "{locks:?}");
    let destroyed: Vec<_> =
        step.destroys.iter().map(|loss| format!("{} {}", loss.what, loss.object)).collect();
    assert_eq!(destroyed, ["column public.notes.body", "table public.old"]);
    assert_eq!(plan.risk, "high");
    Ok(())
}

#[tokio::test]
async fn a_schema_that_cannot_be_read_is_said_and_never_safe() -> anyhow::Result<()> {
    let world = World::start().await?;
    let mut agent = connected(&world, "orders", None).await?;
    let release = push(&world, "CREATE TABLE seen (LIKE notes)").await?;
    let plan = agent.plan(&world, "staging", &release).await?;
    let step = &plan.groups[0].steps[0];
    assert_eq!((step.judged_on.as_str(), step.risk.as_str()), ("", "medium"), "{step:?}");
    let why = "judged by its text alone: its agent could not read it";
    assert!(step.reasons.iter().any(|reason| reason == why), "{:?}", step.reasons);
    assert!(!step.unknown.is_empty());
    Ok(())
}

#[tokio::test]
async fn what_policy_asks_for_is_acknowledged_before_it_runs() -> anyhow::Result<()> {
    let world = World::start().await?;
    let mut agent = connected(&world, "orders", Some(schema())).await?;
    let mut admin = world.admin().await?;
    let yaml = "environments:\n  - name: staging\n    acknowledge: [drop-column, drop-table]\n";
    admin.apply_policy(wire::ApplyPolicyRequest { yaml: yaml.to_owned() }).await?;
    let release = push(&world, DROPS).await?;
    let plan = agent.plan(&world, "staging", &release).await?;
    assert_eq!(plan.acknowledge, ["drop-column:public.notes.body", "drop-table:public.old"]);

    let mut start = async |words: &[&str]| {
        let request = wire::StartRolloutRequest {
            plan: plan.id.clone(),
            confirmation: "typed".to_owned(),
            acknowledge: words.iter().map(ToString::to_string).collect(),
        };
        anyhow::Ok(agent.during(admin.start_rollout(request)).await??.into_inner())
    };
    let remote = |status| RemoteError::from_status(&status);
    let missing = remote(refusal(start(&["drop-table:old"]).await)?);
    assert_eq!(missing.kind, RemoteKind::Refused);
    assert!(missing.next_step.ends_with("--acknowledge drop-column:public.notes.body"), "{missing:?}");
    let pointless = remote(refusal(start(&["drop-column:notes.bodi", "drop-table:old"]).await)?);
    assert_eq!(pointless.kind, RemoteKind::Usage);
    assert!(pointless.message.contains("did you mean drop-column:public.notes.body"), "{pointless:?}");
    let nonsense = remote(refusal(start(&["Drop column"]).await)?);
    assert_eq!(nonsense.kind, RemoteKind::Usage);

    let rollout = start(&["drop-column:notes.body", "drop-table:public.old"]).await?;
    let words = ["drop-column:public.notes.body", "drop-table:public.old"];
    assert_eq!(rollout.acknowledged, words);
    agent.obey().await?;
    agent.obey().await?;
    let history = world.admin().await?.history(wire::HistoryRequest::default()).await?.into_inner();
    assert_eq!(history.entries[0].acknowledged, words);
    Ok(())
}

fn measured(mib: u64) -> wire::Measured {
    let size = wire::RelationSize {
        relation: "public.notes".to_owned(),
        rows: Some(10),
        bytes: mib << 20,
        index_bytes: 0,
        writes_per_second: 5,
        referenced_by: 2,
    };
    let holder = |pid, mode: &str| wire::LockHolder {
        pid,
        user: "ada".to_owned(),
        application: "report".to_owned(),
        state: "idle in transaction".to_owned(),
        seconds: Some(300),
        relation: "public.notes".to_owned(),
        modes: vec![mode.to_owned()],
    };
    let holders = vec![holder(1, "RowExclusiveLock"), holder(2, "AccessShareLock")];
    wire::Measured { relations: vec![size], holders }
}

async fn measured_agent(world: &World, name: &str, mib: u64) -> anyhow::Result<Stream> {
    let agent =
        Agent { schema: Some(schema()), measured: measured(mib), ..world.agent(name, "staging").await? };
    agent.connect(world).await
}

const INDEX: &str = "CREATE INDEX ON notes (body)";

#[tokio::test]
async fn each_database_is_measured_and_the_longest_wait_comes_first() -> anyhow::Result<()> {
    let world = World::start().await?;
    let mut small = measured_agent(&world, "orders-1", 1).await?;
    let mut large = measured_agent(&world, "orders-2", 300).await?;
    let release = push(&world, INDEX).await?;
    let plan = Box::pin(plan_for_two(&world, (&mut small, &mut large), release)).await?;

    let [group] = &plan.groups[..] else { panic!("{plan:?}") };
    let names: Vec<_> = group.impacts.iter().map(|impact| impact.database.as_str()).collect();
    assert_eq!(names, ["orders-2", "orders-1"]);
    let impact = &group.impacts[0];
    assert_eq!((impact.relation.as_str(), impact.version.as_str()), ("public.notes", "001"));
    assert_eq!((impact.mode.as_str(), impact.waits.as_str()), ("ShareLock", "writes"));
    assert_eq!((impact.low_ms, impact.high_ms), (Some(300), Some(37_500)));
    assert_eq!((impact.writes_per_second, impact.referenced_by), (Some(5), 2));
    assert!(impact.basis.starts_with("index of 300.0 MiB at "), "{impact:?}");
    // Who only reads is not in the way of an index.
    assert_eq!(impact.waits_for.len(), 1, "{impact:?}");
    assert!(impact.waits_for[0].starts_with("pid 1 (report, user ada, idle in transaction)"));

    // It is not part of what is approved: the plan is the same when the table has grown.
    large.agent.measured = measured(600);
    let release = plan.release.clone();
    let again = Box::pin(plan_for_two(&world, (&mut small, &mut large), release)).await?;
    assert_eq!(again.id, plan.id);
    assert_eq!(again.groups[0].impacts[0].high_ms, Some(75_000));
    Ok(())
}

#[tokio::test]
async fn a_run_says_how_fast_a_database_is() -> anyhow::Result<()> {
    let mut world = World::start().await?;
    let mut agent = measured_agent(&world, "orders", 100).await?;
    agent.took_ms = 1_000;
    let file = |version: &str, sql: &str| wire::MigrationFile {
        version: version.to_owned(),
        name: "index".to_owned(),
        up: sql.to_owned(),
        down: Some("SELECT 1".to_owned()),
        ..wire::MigrationFile::default()
    };
    let first = file("001", INDEX);
    let release = world.push_files(vec![first.clone()]).await?;
    agent.start_rollout(&world, "staging", &release).await?;
    agent.obey().await?;
    agent.obey().await?;

    // The ledger knows it after a restart, too.
    world.stop().await?;
    world.run().await?;
    let mut agent = agent.agent.connect(&world).await?;
    let release = world.push_files(vec![first, file("002", "CREATE INDEX ON notes (id)")]).await?;
    let plan = agent.plan(&world, "staging", &release).await?;
    let impact = &plan.groups[0].impacts[0];
    assert!(impact.basis.ends_with("at 50.0 MiB/s to 200.0 MiB/s (seen on this database)"), "{impact:?}");
    assert_eq!((impact.low_ms, impact.high_ms), (Some(500), Some(2_000)));
    Ok(())
}

#[tokio::test]
async fn sizes_lower_the_risk_where_policy_lets_them() -> anyhow::Result<()> {
    let world = World::start().await?;
    let mut agent = measured_agent(&world, "orders", 1).await?;
    let release = push(&world, INDEX).await?;
    assert_eq!(agent.plan(&world, "staging", &release).await?.risk, "high");
    let yaml = "environments:\n  - name: staging\nrefine: true\n".to_owned();
    world.admin().await?.apply_policy(wire::ApplyPolicyRequest { yaml }).await?;
    let plan = agent.plan(&world, "staging", &release).await?;
    assert_eq!(plan.risk, "low", "{plan:?}");
    let reasons = &plan.groups[0].steps[0].reasons;
    assert!(reasons.iter().any(|reason| reason.contains("takes less than a second here")), "{reasons:?}");

    // What was small when it was planned is looked at again when it is started.
    agent.agent.measured = measured(600);
    let mut admin = world.admin().await?;
    let start = wire::StartRolloutRequest { plan: plan.id.clone(), ..wire::StartRolloutRequest::default() };
    let status = agent.during(admin.start_rollout(start.clone())).await?.unwrap_err();
    let error = RemoteError::from_status(&status);
    assert!(error.kind == RemoteKind::Refused && error.message.contains("on orders"), "{error:?}");
    agent.agent.measured = wire::Measured::default();
    agent.during(admin.start_rollout(start.clone())).await?.unwrap_err();
    agent.agent.measured = measured(1);
    agent.during(admin.start_rollout(start)).await??;
    Ok(())
}

#[tokio::test]
async fn what_sql_means_belongs_to_what_is_planned() -> anyhow::Result<()> {
    let world = World::start().await?;
    let mut one = connected(&world, "orders-1", Some(schema())).await?;
    let mut two = connected(&world, "orders-2", Some(schema())).await?;
    two.agent.conditions = Digest::of("search_path archive").to_string();
    let release = push(&world, DROPS).await?;
    let plan = Box::pin(plan_for_two(&world, (&mut one, &mut two), release)).await?;
    let judged: Vec<_> = plan.groups.iter().map(|group| group.steps[0].judged_on.as_str()).collect();
    assert_eq!(judged, ["orders-1", "orders-2"]);
    one.agent.conditions = two.agent.conditions.clone();
    let mut admin = world.admin().await?;
    let start = wire::StartRolloutRequest { plan: plan.id.clone(), ..wire::StartRolloutRequest::default() };
    let started = two.during(admin.start_rollout(start));
    let error = RemoteError::from_status(&one.during(started).await??.unwrap_err());
    assert!(error.message.contains("SQL means something else on orders-1"), "{error:?}");
    Ok(())
}

/// Two agents say that their schemas have one fingerprint, and show two schemas.
#[tokio::test]
async fn an_agent_that_says_something_else_than_its_like_is_not_believed() -> anyhow::Result<()> {
    let world = World::start().await?;
    let mut honest = connected(&world, "orders-1", Some(schema())).await?;
    let mut other = connected(&world, "orders-2", Some(Catalog::fresh())).await?;
    let release = push(&world, DROPS).await?;
    let plan = Box::pin(plan_for_two(&world, (&mut honest, &mut other), release)).await?;
    let step = &plan.groups[0].steps[0];
    assert_eq!((step.judged_on.as_str(), plan.risk.as_str()), ("", "high"));
    let why = "judged by its text alone: databases with one fingerprint have different schemas";
    assert!(step.reasons.iter().any(|reason| reason == why), "{:?}", step.reasons);
    Ok(())
}

#[tokio::test]
async fn a_schema_can_be_asked_for_by_those_who_run_things_there() -> anyhow::Result<()> {
    let world = World::start().await?;
    let mut agent = connected(&world, "orders", Some(schema())).await?;
    let mut unread = connected(&world, "billing", None).await?;
    let request = |database: &str| wire::ReadCatalogRequest { database: database.to_owned() };
    let mut admin = world.admin().await?;

    let read = agent.during(admin.read_catalog(request("orders"))).await??.into_inner();
    assert_eq!(Catalog::read_json(std::str::from_utf8(&read.catalog)?)?, schema());
    assert_eq!(
        (read.database, read.fingerprint),
        ("orders".to_owned(), agent.agent.observation().fingerprint)
    );

    let status = unread.during(admin.read_catalog(request("billing"))).await?.unwrap_err();
    let error = RemoteError::from_status(&status);
    assert!(error.message.contains("the schema cannot be read"), "{error:?}");
    let status = admin.read_catalog(request("nobody")).await.unwrap_err();
    assert_eq!(RemoteError::from_status(&status).kind, RemoteKind::Usage);

    for (role, environments) in [("viewer", &[][..]), ("approver", &[]), ("operator", &["production"])] {
        let credentials = world.add_operator(&format!("a-{role}"), role, environments).await?;
        let mut operator = world.operators(&credentials).await?;
        let status = agent.silent_during(operator.read_catalog(request("orders"))).await?.unwrap_err();
        assert_eq!(status.code(), Code::PermissionDenied, "{role}");
    }
    drop(agent);
    Ok(())
}
