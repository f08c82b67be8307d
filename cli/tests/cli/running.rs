//! Plans, and what has to be confirmed, approved or put right before one runs.

use std::path::Path;

use pgbelay_proto::status::{RemoteError, RemoteKind};
use pgbelay_proto::wire::{LossView, PlanGroup, PlanStep, PlanView, RolloutView, TrialView, TryPlanResponse};

use crate::controller::{Controller, Script};
use crate::person::{person, program};

pub(crate) fn plan() -> PlanView {
    let step = PlanStep {
        version: "001".into(),
        name: "a".into(),
        direction: "up".into(),
        risk: "low".into(),
        ..PlanStep::default()
    };
    PlanView {
        id: "p1".into(),
        environment: "staging".into(),
        direction: "up".into(),
        risk: "low".into(),
        groups: vec![PlanGroup {
            databases: vec!["orders-1".into()],
            steps: vec![step],
            ..PlanGroup::default()
        }],
        backup: "required".into(),
        force_allowed: true,
        ..PlanView::default()
    }
}

pub(crate) fn rollout(state: &str) -> RolloutView {
    RolloutView {
        id: "r1".into(),
        plan: "p1".into(),
        environment: "staging".into(),
        state: state.into(),
        ..RolloutView::default()
    }
}

fn dangerous() -> PlanView {
    PlanView { risk: "high".into(), confirmation_needed: true, ..plan() }
}

pub(crate) async fn controller(plan: PlanView) -> anyhow::Result<Controller> {
    let start = Some(Ok(rollout("succeeded")));
    Controller::start(Script { plan, start, ..Script::default() }).await
}

pub(crate) fn migrations(dir: &Path, sql: &str) -> anyhow::Result<String> {
    let dir = dir.join("migrations");
    std::fs::create_dir_all(&dir)?;
    std::fs::write(dir.join("001_a.sql"), sql)?;
    Ok(dir.display().to_string())
}

pub(crate) fn started(controller: &Controller) -> Option<String> {
    controller.asked().into_iter().find_map(|asked| asked.strip_prefix("start ").map(str::to_owned))
}

#[tokio::test]
async fn a_release_is_pushed_planned_run_and_told() -> anyhow::Result<()> {
    let controller = controller(plan()).await?;
    let dir = migrations(controller.dir(), "SELECT 1;")?;
    let args = ["migrate", "--env", "staging", "--migrations", &dir, "--output", "json"];
    let seen = program(&controller, &args).await?;
    assert_eq!(seen.code, 0, "{seen:?}");
    assert_eq!(seen.json(), serde_json::to_value(rollout("succeeded"))?);
    assert_eq!(controller.asked(), ["push 001", r#"plan staging Some(Release("9f8e"))"#, "start p1 none"]);
    Ok(())
}

#[tokio::test]
async fn a_directory_of_another_tool_is_pushed_in_its_layout_and_order() -> anyhow::Result<()> {
    let controller = controller(plan()).await?;
    let dir = controller.dir().join("goose");
    std::fs::create_dir_all(&dir)?;
    std::fs::write(dir.join("10_b.sql"), "-- +goose Up\nSELECT 1;\n")?;
    std::fs::write(dir.join("9_a.sql"), "-- +goose Up\nSELECT 1;\n")?;
    let dir = dir.display().to_string();
    let seen =
        program(&controller, &["plan", "--env", "staging", "--migrations", &dir, "-o", "json"]).await?;
    assert_eq!(seen.json(), serde_json::to_value(plan())?);
    let seen = program(&controller, &["plan", "--env", "staging", "--migrations", &dir]).await?;
    assert!(seen.err.contains("is read as a directory of goose"), "{}", seen.err);
    let args = ["plan", "--env", "staging", "--migrations", &dir, "--layout", "plain"];
    assert_eq!(program(&controller, &args).await?.code, 0);
    let pushed: Vec<_> = controller.asked().into_iter().filter(|asked| asked.starts_with("push")).collect();
    assert_eq!(pushed, ["push goose:9,goose:10", "push goose:9,goose:10", "push 9,10"]);
    let args = ["plan", "--env", "staging", "--migrations", &dir, "--layout", "rails"];
    let seen = program(&controller, &args).await?;
    assert!(seen.code == 2 && seen.err.contains("possible values: plain, golang-migrate"), "{seen:?}");
    Ok(())
}

#[tokio::test]
async fn a_plan_is_shown_and_nothing_is_started() -> anyhow::Result<()> {
    let controller = controller(plan()).await?;
    let dir = migrations(controller.dir(), "SELECT 1;")?;
    let seen = program(&controller, &["plan", "--env", "staging", "--migrations", &dir]).await?;
    assert_eq!(seen.code, 0);
    assert!(seen.out.contains("Next        pgbelay migrate --env staging --plan p1"), "{}", seen.out);
    let seen = program(&controller, &["plan", "p1", "-o", "json"]).await?;
    assert_eq!(seen.json(), serde_json::to_value(plan())?);
    assert_eq!(started(&controller), None);
    Ok(())
}

#[tokio::test]
async fn sql_that_does_not_parse_is_told_before_anything_is_sent() -> anyhow::Result<()> {
    let controller = controller(plan()).await?;
    let dir = migrations(controller.dir(), "SELECT 1;\nSELEC 2;\n")?;
    let seen = program(&controller, &["migrate", "--env", "staging", "--migrations", &dir]).await?;
    assert_eq!(seen.code, 2, "{seen:?}");
    assert!(seen.err.contains("001_a.sql:2:1: syntax error"), "{}", seen.err);
    assert!(seen.err.contains("2 | SELEC 2;\n    | ^"), "{}", seen.err);
    assert_eq!(controller.asked(), [""; 0]);
    let seen =
        program(&controller, &["plan", "--env", "staging", "--migrations", &dir, "-o", "json"]).await?;
    assert!(seen.error()["error"]["details"][0].as_str().unwrap().contains("001_a.sql:2:1"));
    Ok(())
}

#[tokio::test]
async fn danger_without_a_terminal_is_refused() -> anyhow::Result<()> {
    let controller = controller(dangerous()).await?;
    let seen = program(&controller, &["promote", "staging", "production"]).await?;
    assert_eq!(seen.code, 3, "{seen:?}");
    assert!(seen.err.contains("--force"), "{}", seen.err);
    assert_eq!(started(&controller), None);
    Ok(())
}

#[tokio::test]
async fn force_stands_in_for_the_person_and_is_recorded() -> anyhow::Result<()> {
    let controller = controller(dangerous()).await?;
    let seen = program(&controller, &["promote", "staging", "production", "--force"]).await?;
    assert_eq!((seen.code, started(&controller).as_deref()), (0, Some("p1 forced")), "{seen:?}");
    Ok(())
}

#[tokio::test]
async fn force_is_refused_where_policy_says_so() -> anyhow::Result<()> {
    let controller = controller(PlanView { force_allowed: false, ..dangerous() }).await?;
    let seen = program(&controller, &["promote", "staging", "production", "--force"]).await?;
    assert_eq!((seen.code, started(&controller)), (3, None), "{seen:?}");
    Ok(())
}

#[tokio::test]
async fn a_person_types_the_environments_name() -> anyhow::Result<()> {
    let controller = controller(dangerous()).await?;
    for wrong in ["", "y\n", "production\n"] {
        let seen = person(&controller, &["migrate", "--plan", "p1"], wrong).await?;
        assert_eq!((seen.code, started(&controller)), (3, None), "{wrong:?}: {seen:?}");
    }
    let seen = person(&controller, &["migrate", "--plan", "p1"], "staging\n").await?;
    assert_eq!((seen.code, started(&controller).as_deref()), (0, Some("p1 typed")), "{seen:?}");
    assert!(seen.err.contains("Type staging to go on"), "{}", seen.err);
    Ok(())
}

#[tokio::test]
async fn rows_that_a_rollback_would_destroy_are_counted_and_confirmed() -> anyhow::Result<()> {
    let loss =
        LossView { database: "orders-1".into(), object: "audit_log".into(), rows: 7, error: String::new() };
    let mut plan = PlanView { direction: "down".into(), target: "005".into(), ..plan() };
    plan.groups[0].losses.push(loss);
    let controller = controller(plan).await?;
    let args = ["rollback", "--env", "staging", "--target", "005"];
    let seen = program(&controller, &args).await?;
    assert_eq!((seen.code, started(&controller)), (3, None), "{seen:?}");
    let seen = person(&controller, &args, "staging\n").await?;
    assert_eq!((seen.code, started(&controller).as_deref()), (0, Some("p1 typed")), "{seen:?}");
    assert!(seen.err.contains("orders-1: audit_log loses 7 rows"), "{}", seen.err);
    assert_eq!(controller.asked()[0], r#"plan staging Some(RollbackTo("005"))"#);
    Ok(())
}

#[tokio::test]
async fn a_plan_without_approval_waits_and_says_how_to_go_on() -> anyhow::Result<()> {
    let controller = controller(PlanView { approvals_needed: 1, ..plan() }).await?;
    let seen = program(&controller, &["promote", "staging", "production", "-o", "json"]).await?;
    assert_eq!((seen.code, started(&controller)), (4, None), "{seen:?}");
    assert_eq!(seen.json()["id"], "p1");
    let error = seen.error();
    assert_eq!(error["error"]["kind"], "approval");
    assert!(error["error"]["next_step"].as_str().unwrap().contains("pgbelay approve p1"));
    Ok(())
}

#[tokio::test]
async fn a_blocked_plan_is_refused_before_anybody_is_asked() -> anyhow::Result<()> {
    let blocked_by = vec!["the release has not succeeded on every database of staging".into()];
    let controller = controller(PlanView { blocked_by, ..dangerous() }).await?;
    let seen = person(&controller, &["migrate", "--plan", "p1"], "staging\n").await?;
    assert_eq!((seen.code, started(&controller)), (3, None), "{seen:?}");
    assert!(!seen.err.contains("Type"), "{}", seen.err);
    Ok(())
}

#[tokio::test]
async fn what_the_controller_refuses_is_told_with_its_next_step() -> anyhow::Result<()> {
    for (kind, code) in [
        (RemoteKind::Usage, 2),
        (RemoteKind::Refused, 3),
        (RemoteKind::Approval, 4),
        (RemoteKind::NotAllowed, 3),
        (RemoteKind::Unknown, 5),
        (RemoteKind::Internal, 1),
    ] {
        let error = RemoteError {
            kind,
            message: "plan p1 is stale: größer".into(),
            next_step: "make a new plan → go".into(),
        };
        let script = Script { plan: plan(), start: Some(Err(error)), ..Script::default() };
        let controller = Controller::start(script).await?;
        let seen = program(&controller, &["migrate", "--plan", "p1", "-o", "json"]).await?;
        assert_eq!((seen.code, seen.out.as_str()), (code, ""), "{seen:?}");
        let told = &seen.error()["error"];
        assert_eq!(
            (&told["message"], &told["next_step"]),
            (&"plan p1 is stale: größer".into(), &"make a new plan → go".into())
        );
    }
    Ok(())
}

#[tokio::test]
async fn a_start_whose_answer_is_lost_is_unknown() -> anyhow::Result<()> {
    let controller =
        Controller::start(Script { plan: plan(), break_at: Some("start"), ..Script::default() }).await?;
    let seen = program(&controller, &["migrate", "--plan", "p1"]).await?;
    assert_eq!(seen.code, 5, "{seen:?}");
    assert!(seen.err.contains("pgbelay rollout list --env staging"), "{}", seen.err);
    Ok(())
}

#[tokio::test]
async fn a_dry_run_changes_nothing_and_says_what_came_of_it() -> anyhow::Result<()> {
    for (succeeded, code) in [(true, 0), (false, 1)] {
        let database = TrialView { database: "orders-1".into(), succeeded, ..TrialView::default() };
        let trial = TryPlanResponse { plan: "p1".into(), succeeded, databases: vec![database] };
        let script = Script { plan: dangerous(), trial: trial.clone(), ..Script::default() };
        let controller = Controller::start(script).await?;
        let seen = program(&controller, &["migrate", "--plan", "p1", "--dry-run", "-o", "json"]).await?;
        assert_eq!(seen.code, code, "{seen:?}");
        assert_eq!(seen.json(), serde_json::to_value(trial)?);
        assert_eq!(controller.asked(), ["get-plan p1", "try p1"]);
    }
    Ok(())
}

#[tokio::test]
async fn a_plan_of_another_environment_or_direction_is_not_run() -> anyhow::Result<()> {
    let controller = controller(plan()).await?;
    assert_eq!(program(&controller, &["migrate", "--plan", "p1", "--env", "production"]).await?.code, 2);
    controller.script.lock().unwrap().plan.direction = "down".into();
    let seen = program(&controller, &["migrate", "--plan", "p1"]).await?;
    assert_eq!(seen.code, 2, "{seen:?}");
    assert!(seen.err.contains("pgbelay rollback --env staging --target base"), "{}", seen.err);
    assert_eq!(started(&controller), None);
    Ok(())
}

#[tokio::test]
async fn detached_is_started_and_left_alone() -> anyhow::Result<()> {
    let controller =
        Controller::start(Script { plan: plan(), start: Some(Ok(rollout("running"))), ..Script::default() })
            .await?;
    let seen = program(&controller, &["migrate", "--plan", "p1", "--detach"]).await?;
    assert_eq!((seen.code, started(&controller).as_deref()), (0, Some("p1 none")), "{seen:?}");
    assert!(seen.out.contains("pgbelay rollout watch r1"), "{}", seen.out);
    assert!(!controller.asked().iter().any(|asked| asked.starts_with("watch")));
    Ok(())
}
