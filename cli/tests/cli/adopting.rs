//! What another tool has applied is shown, confirmed and recorded.

use pgbelay_proto::wire::{PlanGroup, PlanStep, PlanView};

use crate::controller::Controller;
use crate::person::{person, program};
use crate::running::{controller, migrations, plan, rollout, started};

fn adoption(purpose: &str) -> PlanView {
    let step = PlanStep {
        version: "001".into(),
        name: "a".into(),
        direction: "up".into(),
        risk: "low".into(),
        recorded: "assumed".into(),
        ..PlanStep::default()
    };
    let group = PlanGroup {
        databases: vec!["orders-1".into()],
        steps: vec![step],
        tool: "golang-migrate".into(),
        history: "public.schema_migrations".into(),
        misfits: vec!["002 b: it comes before 003, which is applied, and is not: it stays to be run".into()],
        ..PlanGroup::default()
    };
    PlanView {
        purpose: purpose.into(),
        groups: vec![group],
        confirmation_needed: true,
        backup: "off".into(),
        ..plan()
    }
}

async fn adopting(purpose: &str) -> anyhow::Result<(Controller, String)> {
    let controller = controller(adoption(purpose)).await?;
    let dir = migrations(controller.dir(), "SELECT 1;")?;
    Ok((controller, dir))
}

#[tokio::test]
async fn a_history_is_shown_and_recorded_when_it_is_confirmed() -> anyhow::Result<()> {
    let (controller, dir) = adopting("adopt").await?;
    // As golang-migrate names it.
    let file = |name: &str| std::path::Path::new(&dir).join(name);
    std::fs::rename(file("001_a.sql"), file("001_a.up.sql"))?;
    let args = ["adopt", "--env", "staging", "--from", "golang-migrate", "--migrations", &dir];
    let seen = person(&controller, &args, "staging\n").await?;
    assert_eq!((seen.code, started(&controller).as_deref()), (0, Some("p1 typed")), "{seen:?}");
    for part in [
        "record 1 migration",
        "history of golang-migrate in public.schema_migrations",
        "1 assumed",
        "002 b: it comes before 003",
        "Nothing is run.",
    ] {
        assert!(seen.err.contains(part) || seen.out.contains(part), "{part} is missing: {seen:?}");
    }
    let asked = r#"plan staging Some(Adopt(AdoptGoal { release: "9f8e", tool: "golang-migrate" }))"#;
    assert_eq!(controller.asked()[1], asked);
    Ok(())
}

#[tokio::test]
async fn a_dry_run_shows_the_plan_and_tries_nothing() -> anyhow::Result<()> {
    let (controller, dir) = adopting("adopt").await?;
    let args = ["adopt", "--env", "staging", "--migrations", &dir, "--dry-run", "-o", "json"];
    let seen = program(&controller, &args).await?;
    assert_eq!(seen.code, 0, "{seen:?}");
    assert_eq!(seen.json(), serde_json::to_value(adoption("adopt"))?);
    let asked = controller.asked();
    assert_eq!(
        asked[1..],
        [r#"plan staging Some(Adopt(AdoptGoal { release: "9f8e", tool: "" }))"#],
        "{asked:?}"
    );
    Ok(())
}

#[tokio::test]
async fn a_baseline_names_its_version() -> anyhow::Result<()> {
    let (controller, dir) = adopting("baseline").await?;
    let args =
        ["baseline", "--env", "staging", "--version", "012", "--migrations", &dir, "--force", "-o", "json"];
    let seen = program(&controller, &args).await?;
    assert_eq!((seen.code, seen.json()), (0, serde_json::to_value(rollout("succeeded"))?), "{seen:?}");
    let asked = r#"plan staging Some(Baseline(BaselineGoal { release: "9f8e", version: "012" }))"#;
    assert_eq!(controller.asked()[1..], [asked, "start p1 forced"]);
    Ok(())
}

#[tokio::test]
async fn a_plan_is_carried_out_by_the_command_that_it_is_for() -> anyhow::Result<()> {
    for (purpose, command, code) in
        [("adopt", "migrate", 2), ("baseline", "adopt", 2), ("migrate", "adopt", 2), ("adopt", "adopt", 0)]
    {
        let (controller, _) = adopting(purpose).await?;
        let seen = program(&controller, &[command, "--plan", "p1", "--force"]).await?;
        assert_eq!(seen.code, code, "{purpose} by {command}: {seen:?}");
        assert_eq!(started(&controller).is_some(), code == 0, "{purpose} by {command}");
    }
    Ok(())
}
