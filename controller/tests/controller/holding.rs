//! Freezes and windows over the wire: rollouts wait for them and go on by themselves.

use pgbelay_proto::wire;

use super::world::{World, refusal, until};

async fn reason(world: &World, rollout: &str) -> anyhow::Result<String> {
    let request = wire::RolloutRequest { rollout: rollout.to_owned() };
    let view = world.admin().await?.get_rollout(request).await?.into_inner();
    Ok(format!("{} {}", view.state, view.reason))
}

async fn apply(world: &World, yaml: &str) -> anyhow::Result<()> {
    world.admin().await?.apply_policy(wire::ApplyPolicyRequest { yaml: yaml.to_owned() }).await?;
    Ok(())
}

#[tokio::test]
async fn a_freeze_holds_a_rollout_back_until_it_is_lifted() -> anyhow::Result<()> {
    let world = World::start().await?;
    let mut agent = world.agent("orders", "staging").await?.connect(&world).await?;
    let release = world.push(&["001"]).await?;
    let mut admin = world.admin().await?;
    let freeze = |reason: &str| wire::FreezeRequest { environment: String::new(), reason: reason.to_owned() };
    let silent = refusal(admin.freeze(freeze(" ")).await.map_err(Into::into))?;
    anyhow::ensure!(silent.message().contains("a reason is needed"), "{silent:?}");
    let frozen = admin.freeze(freeze("incident 4711")).await?.into_inner().freezes;
    assert_eq!((frozen[0].reason.as_str(), frozen[0].rule.as_str()), ("incident 4711", "pgbelay unfreeze"));
    assert_eq!(admin.status(wire::StatusRequest::default()).await?.into_inner().freezes, frozen);

    let plan = agent.plan(&world, "staging", &release).await?;
    let gates: Vec<_> = plan.gates.iter().map(|gate| format!("{} {}", gate.name, gate.state)).collect();
    assert_eq!(
        gates,
        ["freeze closed", "window open", "requires open", "approvals open", "confirmation open"]
    );
    let tried = agent.during(admin.try_plan(wire::TryPlanRequest { plan: plan.id })).await?;
    let tried = refusal(tried.map_err(Into::into))?;
    anyhow::ensure!(tried.message().contains("incident 4711"), "{tried:?}");
    let rollout = agent.start_rollout(&world, "staging", &release).await?;
    let held = "paused freeze: incident 4711, by root; lifted with pgbelay unfreeze";
    until("it is held back", async || Ok(reason(&world, &rollout).await? == held)).await?;

    let lifted = admin.unfreeze(wire::UnfreezeRequest::default()).await?.into_inner();
    assert_eq!(lifted.freezes, []);
    agent.obey().await?;
    agent.obey().await?;
    until("it is done", async || Ok(reason(&world, &rollout).await? == "succeeded ")).await
}

#[tokio::test]
async fn an_admin_lets_a_rollout_go_on_outside_of_windows() -> anyhow::Result<()> {
    let world = World::start().await?;
    let mut agent = world.agent("orders", "staging").await?.connect(&world).await?;
    let dates = "from: \"2020-01-01\", to: \"2020-01-02\"";
    let never = refusal(
        apply(&world, "environments: [{name: staging, windows: [{from: \"22:00\", to: \"22:00\"}]}]").await,
    )?;
    anyhow::ensure!(never.message().contains("from and to are both"), "{never:?}");
    // The agent's world has no clock of its own: what is shut now is shut by a date far ahead.
    let shut = format!(
        "environments: [{{name: staging, blackouts: [{{{dates}}}, {{from: \"2020-01-01\", to: \"{}\", reason: sale}}]}}]",
        soon()
    );
    apply(&world, &shut).await?;
    let release = world.push(&["001"]).await?;
    let rollout = agent.start_rollout(&world, "staging", &release).await?;
    until("it is held back", async || {
        let reason = reason(&world, &rollout).await?;
        Ok(reason.starts_with("paused window: nothing may begin now (sale); goes on at ")
            && reason.ends_with("(policy v2, environments.staging.blackouts[1])"))
    })
    .await?;

    let request =
        wire::OverrideWindowRequest { rollout: rollout.clone(), reason: "customers cannot order".to_owned() };
    let view = world.admin().await?.override_window(request).await?.into_inner();
    assert_eq!(view.overridden, "root: customers cannot order");
    agent.obey().await?;
    agent.obey().await?;
    until("it is done", async || Ok(reason(&world, &rollout).await? == "succeeded ")).await
}

/// The day after the one after tomorrow.
fn soon() -> String {
    let day = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(72);
    day.to_string()[..10].to_owned()
}
