//! What operators ask: bad arguments, what they may see, and what the ledger says of it.

use pgbelay_proto::status::{RemoteError, RemoteKind};
use pgbelay_proto::wire;
use pgbelay_proto::wire::create_plan_request::Goal;
use tonic::{Code, Status};

use super::world::{World, refusal};

/// The words of a refusal of something that makes no sense.
fn usage<T: std::fmt::Debug>(what: &str, outcome: Result<T, Status>) -> anyhow::Result<String> {
    let error = RemoteError::from_status(&refusal(outcome.map_err(Into::into))?);
    anyhow::ensure!(error.kind == RemoteKind::Usage, "{what}: {error:?}");
    Ok(error.message)
}

fn on(rollout: &str) -> wire::RolloutRequest {
    wire::RolloutRequest { rollout: rollout.to_owned() }
}

fn all_say_something(said: impl IntoIterator<Item = anyhow::Result<String>>) -> anyhow::Result<()> {
    for message in said {
        let message = message?;
        anyhow::ensure!(!message.is_empty() && message.len() < 400, "{message:?}");
    }
    Ok(())
}

#[tokio::test]
async fn plans_and_rollouts_that_make_no_sense_are_refused_with_a_reason() -> anyhow::Result<()> {
    let world = World::start().await?;
    let mut admin = world.admin().await?;
    let plan = |environment: &str, goal| wire::CreatePlanRequest { environment: environment.into(), goal };
    let start = |plan: &str, confirmation: &str| wire::StartRolloutRequest {
        plan: plan.into(),
        confirmation: confirmation.into(),
        acknowledge: Vec::new(),
    };
    let (release, promote) = (Goal::Release("abc".into()), Goal::PromoteFrom("mars".into()));
    let (back, nowhere) = (Goal::RollbackTo("1".into()), Goal::RollbackTo("v 1".into()));
    all_say_something([
        usage("no goal", admin.create_plan(plan("staging", None)).await),
        usage("digest", admin.create_plan(plan("staging", Some(release))).await),
        usage("environment", admin.create_plan(plan("mars", Some(back))).await),
        usage("target", admin.create_plan(plan("staging", Some(nowhere))).await),
        usage("promotion", admin.create_plan(plan("staging", Some(promote))).await),
        usage("no plan", admin.get_plan(wire::GetPlanRequest { plan: "p0".into() }).await),
        usage("plan's name", admin.get_plan(wire::GetPlanRequest { plan: "../p".into() }).await),
        usage("try", admin.try_plan(wire::TryPlanRequest { plan: "p0".into() }).await),
        usage("approve", admin.approve(wire::ApproveRequest { plan: "p0".into() }).await),
        usage("start", admin.start_rollout(start("p0", "typed")).await),
        usage("confirmation", admin.start_rollout(start("p0", "shouted")).await),
        usage("no rollout", admin.get_rollout(on("r9")).await),
        usage("watch", admin.watch_rollout(on("r9")).await),
        usage("pause", admin.pause_rollout(on("r9")).await),
        usage("resume", admin.resume_rollout(on("")).await),
        usage("abort", admin.abort_rollout(on("r 9")).await),
    ])
}

#[tokio::test]
async fn questions_that_make_no_sense_are_refused_with_a_reason() -> anyhow::Result<()> {
    let world = World::start().await?;
    let mut admin = world.admin().await?;
    let database = wire::StatusRequest { database: "x".into(), ..Default::default() };
    let label = wire::StatusRequest { labels: vec!["x".into()], ..Default::default() };
    let history = wire::HistoryRequest { environment: "mars".into(), ..Default::default() };
    let rollouts = wire::ListRolloutsRequest { environment: "a b".into(), ..Default::default() };
    all_say_something([
        usage("database", admin.status(database).await),
        usage("label", admin.status(label).await),
        usage("history", admin.history(history).await),
        usage("rollouts", admin.list_rollouts(rollouts).await),
    ])
}

#[tokio::test]
async fn invitations_and_rights_that_make_no_sense_are_refused_with_a_reason() -> anyhow::Result<()> {
    let world = World::start().await?;
    let mut admin = world.admin().await?;
    let token = |database: &str, environment: &str, (key, value): (&str, &str)| wire::CreateTokenRequest {
        database: database.into(),
        environment: environment.into(),
        labels: [(key.to_owned(), value.to_owned())].into(),
    };
    let csr_der = pgbelay_proto::csr::new_key_and_csr()?.1;
    let operator = |name: &str, role: &str, environments: &[&str]| wire::AddOperatorRequest {
        name: name.into(),
        role: role.into(),
        environments: environments.iter().map(ToString::to_string).collect(),
        csr_der: csr_der.clone(),
    };
    let no_key = wire::AddOperatorRequest { csr_der: vec![1], ..operator("eve", "viewer", &[]) };
    let revoke = |reason: String| wire::RevokeAgentRequest { database: "x".into(), reason };
    let dismiss = |reason: String| wire::RevokeOperatorRequest { name: "eve".into(), reason };
    let fine = ("tier", "gold");
    all_say_something([
        usage("database", admin.create_token(token("a b", "staging", fine)).await),
        usage("environment", admin.create_token(token("orders", "mars", fine)).await),
        usage("label's value", admin.create_token(token("orders", "staging", ("k", &"x".repeat(64)))).await),
        usage("label's key", admin.create_token(token("orders", "staging", ("a=b", "c"))).await),
        usage("no key", admin.create_token(token("orders", "staging", ("", "c"))).await),
        usage("role", admin.add_operator(operator("eve", "god", &[])).await),
        usage("operator's environment", admin.add_operator(operator("eve", "viewer", &["mars"])).await),
        usage("operator's name", admin.add_operator(operator("e/ve", "viewer", &[])).await),
        usage("request", admin.add_operator(no_key).await),
        usage("revoke", admin.revoke_agent(revoke(String::new())).await),
        usage("reason", admin.revoke_agent(revoke("y".repeat(501))).await),
        usage("dismiss", admin.revoke_operator(dismiss(String::new())).await),
        usage("dismiss reason", admin.revoke_operator(dismiss("y".repeat(501))).await),
    ])
}

#[tokio::test]
async fn a_release_that_cannot_be_used_is_refused_and_leaves_nothing() -> anyhow::Result<()> {
    let mut world = World::start().await?;
    let mut admin = world.admin().await?;
    let file = |version: &str, name: &str, up: &str| wire::MigrationFile {
        version: version.into(),
        name: name.into(),
        up: up.into(),
        down: None,
        ..wire::MigrationFile::default()
    };
    let fine = file("001", "a", "SELECT 1;");
    for (what, files) in [
        ("nothing", vec![]),
        ("same version", vec![fine.clone(), file("1", "b", "SELECT 1;")]),
        ("version", vec![file("v 1", "a", "SELECT 1;")]),
        ("syntax", vec![fine.clone(), file("002", "b", "SELEC 1;")]),
        ("name", vec![file("001", &"n".repeat(256), "SELECT 1;")]),
        ("name", vec![file("001", "a\nb", "SELECT 1;")]),
        ("size", vec![file("001", "a", &format!("SELECT '{}';", "x".repeat(1 << 20)))]),
    ] {
        usage(what, admin.push_release(tokio_stream::iter(files)).await)?;
    }
    let too_large = vec![file("001", "a", &"x".repeat(5 << 20))];
    let status = refusal(admin.push_release(tokio_stream::iter(too_large)).await.map_err(Into::into))?;
    assert_eq!(status.code(), Code::OutOfRange, "{status:?}");
    assert_eq!(world.story().await?, Vec::<String>::new());
    Ok(())
}

#[tokio::test]
async fn a_release_has_one_layout_and_keeps_its_order() -> anyhow::Result<()> {
    let world = World::start().await?;
    let mut admin = world.admin().await?;
    let file = |version: &str, layout: &str| wire::MigrationFile {
        version: version.into(),
        name: "a".into(),
        up: "SELECT 1;".into(),
        layout: layout.into(),
        origin: Some(wire::Origin { id: "x".into(), ..wire::Origin::default() }),
        ..wire::MigrationFile::default()
    };
    let many = wire::Origin { script: "x".repeat(4 << 20), ..wire::Origin::default() };
    for (what, files) in [
        ("two layouts", vec![file("1", "goose"), file("2", "")]),
        ("no such layout", vec![file("1", "rails")]),
        ("names", vec![wire::MigrationFile { origin: Some(many), ..file("1", "sqitch") }]),
    ] {
        let answer = admin.push_release(tokio_stream::iter(files)).await;
        assert!(answer.is_err(), "{what}");
    }
    let files = vec![file("users", "sqitch"), file("appschema", "sqitch")];
    let pushed = admin.push_release(tokio_stream::iter(files)).await?.into_inner();
    let turned = vec![file("appschema", "sqitch"), file("users", "sqitch")];
    let other = admin.push_release(tokio_stream::iter(turned)).await?.into_inner();
    assert_ne!(pushed.release, other.release, "the order is part of what a release is");
    Ok(())
}

#[tokio::test]
async fn a_release_is_new_once() -> anyhow::Result<()> {
    let mut world = World::start().await?;
    let file = || wire::MigrationFile {
        version: "1".into(),
        name: "a".into(),
        up: "SELECT 1;".into(),
        down: None,
        ..wire::MigrationFile::default()
    };
    for expected in [true, false] {
        let pushed = world.admin().await?.push_release(tokio_stream::iter([file()])).await?.into_inner();
        assert_eq!((pushed.new, pushed.migrations), (expected, 1));
    }
    assert_eq!(world.story().await?, ["operator/root release-recorded"]);
    Ok(())
}

#[tokio::test]
async fn the_policy_that_is_shown_can_be_applied_again_and_changes_nothing() -> anyhow::Result<()> {
    let mut world = World::start().await?;
    let mut admin = world.admin().await?;
    let yaml = "\
environments:
  - name: staging
    approvals: 1
    rollback_window: 36h
    lock_timeout: 500ms
  - name: production
    requires: [staging]
    confirm_at: medium
    force_allowed: false
    backup: off
    max_parallel: 7
risk:
  drop-index: medium
";
    let applied = admin.apply_policy(wire::ApplyPolicyRequest { yaml: yaml.into() }).await?.into_inner();
    assert!(applied.changed);
    let shown = admin.show_policy(wire::ShowPolicyRequest {}).await?.into_inner();
    assert_eq!((shown.version, shown.changed, &shown.yaml), (applied.version, false, &applied.yaml));
    for line in ["rollback_window: 36h", "lock_timeout: 500ms", "confirm_at: medium", "drop-index: medium"] {
        assert!(shown.yaml.contains(line), "{line} is not in\n{}", shown.yaml);
    }
    let again = admin.apply_policy(wire::ApplyPolicyRequest { yaml: shown.yaml.clone() }).await?.into_inner();
    assert_eq!((again.version, again.changed, again.yaml), (shown.version, false, shown.yaml));
    assert_eq!(world.story().await?, ["operator/root policy-applied"]);
    Ok(())
}

#[tokio::test]
async fn a_policy_that_does_not_read_is_refused_with_its_line() -> anyhow::Result<()> {
    let world = World::start().await?;
    let mut admin = world.admin().await?;
    for (yaml, words) in [
        ("environments:\n  - name: staging\n    aprovals: 1\n", ["line 3", "aprovals"]),
        ("environments:\n  - name: staging\n    lock_timeout: soon\n", ["line 3", "duration"]),
        ("environments:\n  - name: staging\n   oops\n", ["line 3", ""]),
        ("environments: [", ["line 1", ""]),
        ("environments:\n  - {name: a, max_parallel: 0}\n", ["max_parallel", "from 1 to 1000"]),
        ("environments: []\n", ["no environment", ""]),
    ] {
        let message = usage(yaml, admin.apply_policy(wire::ApplyPolicyRequest { yaml: yaml.into() }).await)?;
        for word in words {
            assert!(message.contains(word), "{word:?} is not in {message:?}");
        }
    }
    Ok(())
}

/// An alias that stands for an alias that stands for … must not eat the controller's memory.
#[tokio::test]
async fn a_policy_that_unfolds_for_ever_is_refused() -> anyhow::Result<()> {
    let world = World::start().await?;
    let mut yaml = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n".to_owned();
    for n in 1..12 {
        let alias = format!("*a{},", n - 1).repeat(10);
        yaml.push_str(&format!("a{n}: &a{n} [{alias}]\n"));
    }
    yaml.push_str("environments: *a11\n");
    usage("a bomb", world.admin().await?.apply_policy(wire::ApplyPolicyRequest { yaml }).await)?;
    Ok(())
}

#[tokio::test]
async fn who_is_limited_to_an_environment_sees_nothing_of_the_others() -> anyhow::Result<()> {
    let world = World::start().await?;
    let mut agent = world.agent("orders", "staging").await?.connect(&world).await?;
    let _other = world.agent("billing", "production").await?;
    let release = world.push(&["001"]).await?;
    let plan = agent.plan(&world, "staging", &release).await?.id;
    let rollout = agent.start_rollout(&world, "staging", &release).await?;
    agent.obey().await?;
    agent.obey().await?;

    let staging = world.add_operator("sam", "operator", &["staging"]).await?;
    let production = world.add_operator("pat", "operator", &["production"]).await?;
    for (credentials, expected) in [(staging, vec!["orders"]), (production, vec!["billing"])] {
        let sees_staging = expected == ["orders"];
        let mut client = world.operators(&credentials).await?;
        let status = client.status(wire::StatusRequest::default()).await?.into_inner().databases;
        assert_eq!(status.into_iter().map(|d| d.name).collect::<Vec<_>>(), expected);
        let agents = client.list_agents(wire::ListAgentsRequest {}).await?.into_inner().agents;
        assert_eq!(agents.into_iter().map(|a| a.database).collect::<Vec<_>>(), expected);
        let lines = client.history(wire::HistoryRequest::default()).await?.into_inner().entries;
        assert_eq!(!lines.is_empty(), sees_staging, "{lines:?}");
        let rollouts =
            client.list_rollouts(wire::ListRolloutsRequest::default()).await?.into_inner().rollouts;
        assert_eq!(!rollouts.is_empty(), sees_staging);

        let plan = wire::GetPlanRequest { plan: plan.clone() };
        let named = wire::StatusRequest { environment: "staging".into(), ..Default::default() };
        let goal = Some(Goal::Release(release.clone()));
        let new_plan = wire::CreatePlanRequest { environment: "staging".into(), goal };
        let codes = [
            client.get_rollout(on(&rollout)).await.err(),
            client.watch_rollout(on(&rollout)).await.err(),
            client.get_plan(plan).await.err(),
            client.status(named).await.err(),
            agent.during(client.create_plan(new_plan)).await?.err(),
        ];
        for status in codes {
            let code = status.map(|status| status.code());
            assert_eq!(code, (!sees_staging).then_some(Code::PermissionDenied));
        }
    }
    Ok(())
}

#[tokio::test]
async fn who_is_limited_to_an_environment_sees_no_freeze_of_the_others() -> anyhow::Result<()> {
    let world = World::start().await?;
    let mut admin = world.admin().await?;
    let freeze = |environment: &str| wire::FreezeRequest {
        environment: environment.to_owned(),
        reason: format!("because of {environment}"),
    };
    let yaml = "environments: [{name: staging, freeze: a}, {name: production, freeze: b}]\nfreeze: c\n";
    admin.apply_policy(wire::ApplyPolicyRequest { yaml: yaml.into() }).await?;
    for place in ["", "production"] {
        admin.freeze(freeze(place)).await?;
    }
    let places = |freezes: Vec<wire::FreezeView>| {
        freezes.into_iter().map(|freeze| freeze.environment).collect::<Vec<_>>()
    };
    let sam = world.add_operator("sam", "admin", &["staging"]).await?;
    let mut sam = world.operators(&sam).await?;
    let set = sam.freeze(freeze("staging")).await?.into_inner().freezes;
    assert_eq!(places(set), ["", "", "staging", "staging"]);
    let status = sam.status(wire::StatusRequest::default()).await?.into_inner().freezes;
    assert_eq!(places(status), ["", "", "staging", "staging"]);
    let lifted = sam.unfreeze(wire::UnfreezeRequest { environment: "staging".into() }).await?.into_inner();
    assert_eq!(places(lifted.freezes), ["", "", "staging"]);
    let all = admin.unfreeze(wire::UnfreezeRequest::default()).await?.into_inner().freezes;
    assert_eq!(places(all), ["", "staging", "production", "production"]);
    Ok(())
}

/// Who may not plan there makes no agent do anything.
#[tokio::test]
async fn no_agent_is_asked_anything_before_the_question_is_allowed() -> anyhow::Result<()> {
    let world = World::start().await?;
    let mut agent = world.agent("orders", "staging").await?.connect(&world).await?;
    let release = world.push(&["001"]).await?;
    let plan = agent.plan(&world, "staging", &release).await?.id;
    let pat = world.add_operator("pat", "operator", &["production"]).await?;
    let mut client = world.operators(&pat).await?;
    let goal = Some(Goal::Release(release));
    let request = wire::CreatePlanRequest { environment: "staging".into(), goal };
    let asking = async {
        let start = wire::StartRolloutRequest {
            plan: plan.clone(),
            confirmation: "typed".into(),
            acknowledge: Vec::new(),
        };
        [
            client.create_plan(request).await.err().map(|status| status.code()),
            client
                .try_plan(wire::TryPlanRequest { plan: plan.clone() })
                .await
                .err()
                .map(|status| status.code()),
            client.start_rollout(start).await.err().map(|status| status.code()),
        ]
    };
    assert_eq!(agent.silent_during(asking).await?, [Some(Code::PermissionDenied); 3]);
    Ok(())
}

#[tokio::test]
async fn every_change_by_an_operator_is_in_the_ledger_under_that_name() -> anyhow::Result<()> {
    let mut world = World::start().await?;
    let mut agent = world.agent("orders", "staging").await?.connect(&world).await?;
    let release = world.push(&["001"]).await?;
    let alice = world.add_operator("alice", "approver", &[]).await?;
    let plan = agent.plan(&world, "staging", &release).await?.id;
    let mut approver = world.operators(&alice).await?;
    agent.during(approver.approve(wire::ApproveRequest { plan: plan.clone() })).await??;
    let mut admin = world.admin().await?;
    agent.during(admin.try_plan(wire::TryPlanRequest { plan: plan.clone() })).await??;
    let start = wire::StartRolloutRequest { plan, confirmation: "forced".into(), acknowledge: Vec::new() };
    let rollout = agent.during(admin.start_rollout(start)).await??.into_inner();
    assert_eq!((rollout.state.as_str(), rollout.confirmation.as_str()), ("running", "forced"));
    admin.pause_rollout(on(&rollout.id)).await?;
    admin.resume_rollout(on(&rollout.id)).await?;
    admin.abort_rollout(on(&rollout.id)).await?;
    let reason = "sold".to_owned();
    admin.revoke_agent(wire::RevokeAgentRequest { database: "orders".into(), reason }).await?;
    let story = world.story().await?;
    let by_people: Vec<_> = story.iter().filter(|line| line.starts_with("operator/")).collect();
    assert_eq!(
        by_people,
        [
            "operator/root token-created",
            "operator/root release-recorded",
            "operator/root operator-added",
            "operator/root plan-created",
            "operator/alice plan-approved",
            "operator/root plan-tried",
            "operator/root rollout-started",
            "operator/root rollout-paused",
            "operator/root rollout-resumed",
            "operator/root rollout-aborted",
            "operator/root agent-revoked",
        ]
    );
    Ok(())
}
