//! The history of another tool: read by the agents, planned, recorded; and what stands against it.

use pgbelay_proto::wire;
use pgbelay_proto::wire::create_plan_request::Goal;

use super::world::{World, until};

fn table(version: &str) -> wire::HistoryTables {
    let column =
        |name: &str, kind: &str| wire::HistoryColumn { name: name.to_owned(), kind: kind.to_owned() };
    let cell = |text: &str| wire::HistoryCell { text: Some(text.to_owned()) };
    let table = wire::HistoryTable {
        schema: "public".to_owned(),
        name: "schema_migrations".to_owned(),
        columns: vec![column("version", "int8"), column("dirty", "bool")],
        rows: vec![wire::HistoryRow { cells: vec![cell(version), cell("false")] }],
    };
    wire::HistoryTables { tables: vec![table] }
}

fn adopt(release: &str, tool: &str) -> wire::CreatePlanRequest {
    let goal = wire::AdoptGoal { release: release.to_owned(), tool: tool.to_owned() };
    wire::CreatePlanRequest { environment: "staging".to_owned(), goal: Some(Goal::Adopt(goal)) }
}

#[tokio::test]
async fn a_history_is_planned_and_recorded_like_everything_else() -> anyhow::Result<()> {
    let world = World::start().await?;
    let mut agent = world.agent("orders", "staging").await?;
    agent.history = table("2");
    let mut agent = agent.connect(&world).await?;
    let release = world.push(&["001", "002", "003"]).await?;
    let mut admin = world.admin().await?;

    let plan = agent.during(admin.create_plan(adopt(&release, ""))).await??.into_inner();
    assert_eq!((plan.purpose.as_str(), plan.risk.as_str(), plan.backup.as_str()), ("adopt", "low", "off"));
    let group = &plan.groups[0];
    assert_eq!((group.tool.as_str(), group.history.as_str()), ("golang-migrate", "public.schema_migrations"));
    let steps: Vec<_> = group.steps.iter().map(|s| format!("{} {}", s.version, s.recorded)).collect();
    assert_eq!(steps, ["001 assumed", "002 assumed"]);

    let start = wire::StartRolloutRequest {
        plan: plan.id.clone(),
        confirmation: "typed".to_owned(),
        ..Default::default()
    };
    let rollout = agent.during(admin.start_rollout(start)).await??.into_inner();
    let command = agent.obey().await?;
    let Some(wire::command::Kind::Adopt(adopted)) = command.kind else { anyhow::bail!("{command:?}") };
    assert_eq!(adopted.history.map(|mark| mark.tool).as_deref(), Some("golang-migrate"));
    until("the rollout to end", async || Ok(world.state_of(&rollout.id).await? == "succeeded")).await?;
    let status = world.status("orders").await?;
    assert_eq!((status.version.as_str(), status.applied, status.window), ("002", 2, None));

    // Once more: the same history, and nothing to do.
    let plan = agent.during(admin.create_plan(adopt(&release, "golang-migrate"))).await??.into_inner();
    assert!(plan.groups[0].steps.is_empty(), "{plan:?}");
    let trial = wire::TryPlanRequest { plan: plan.id };
    let error = agent.during(admin.try_plan(trial)).await?.unwrap_err();
    assert!(error.message().contains("runs nothing that could be tried"), "{error:?}");
    Ok(())
}

#[tokio::test]
async fn what_cannot_be_adopted_is_said() -> anyhow::Result<()> {
    let world = World::start().await?;
    let mut agent = world.agent("orders", "staging").await?.connect(&world).await?;
    let release = world.push(&["001", "002"]).await?;
    let mut admin = world.admin().await?;
    let mut refused = async |tool: &str| {
        let plan = agent.during(admin.create_plan(adopt(&release, tool))).await?;
        anyhow::Ok(plan.unwrap_err().message().to_owned())
    };
    assert!(refused("").await?.contains("no history table of a known tool was found"));
    assert!(refused("goose").await?.contains("there is no history table of goose; found: none"));
    assert!(refused("atlas").await?.contains("there is no tool called \"atlas\""));
    Ok(())
}

#[tokio::test]
async fn a_baseline_is_a_persons_word() -> anyhow::Result<()> {
    let world = World::start().await?;
    let mut agent = world.agent("orders", "staging").await?.connect(&world).await?;
    let release = world.push(&["001", "002", "003"]).await?;
    let mut admin = world.admin().await?;
    let goal = wire::BaselineGoal { release, version: "2".to_owned() };
    let goal = Some(Goal::Baseline(goal));
    let request = wire::CreatePlanRequest { environment: "staging".to_owned(), goal };
    let plan = agent.during(admin.create_plan(request)).await??.into_inner();
    assert_eq!((plan.purpose.as_str(), plan.target.as_str()), ("baseline", "2"));
    let steps: Vec<_> =
        plan.groups[0].steps.iter().map(|s| format!("{} {}", s.version, s.recorded)).collect();
    assert_eq!(steps, ["001 baseline", "002 baseline"]);
    Ok(())
}
