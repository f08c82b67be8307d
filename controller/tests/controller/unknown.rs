//! Outcomes that cannot be told, agents that are away with work in their hands, and how both end.

use std::time::Duration;

use pgbelay_proto::wire;
use pgbelay_proto::wire::controller_message::Message as Hears;
use pgbelay_proto::wire::outcome::Outcome;

use super::world::{World, quick, until};

fn unknown() -> Outcome {
    Outcome::Unknown(wire::outcome::Unknown { why: "the database went away".to_owned() })
}

/// In the same session, after a while; and not before.
#[tokio::test]
async fn a_command_of_unknown_outcome_is_handed_over_again_and_then_told() -> anyhow::Result<()> {
    let mut world = World::with(quick()).await?;
    let mut stream = world.agent("orders", "staging").await?.connect(&world).await?;
    let (rollout, command) = stream.with_command(&world).await?;
    stream.accept(&command).await?;
    stream.report(&command, unknown()).await?;
    assert_eq!(stream.ack().await?.command_id, command.id);
    until("the rollout is paused", async || Ok(world.state_of(&rollout).await? == "paused")).await?;

    for _ in 0..2 {
        let Hears::Command(again) = stream.next().await? else { anyhow::bail!("not the command") };
        assert_eq!(again, command);
        stream.report(&again, unknown()).await?;
        assert_eq!(stream.ack().await?.command_id, command.id);
    }
    let again = stream.command().await?;
    let outcome = stream.carry_out(&again)?;
    stream.report(&again, outcome).await?;
    assert_eq!(stream.ack().await?.command_id, command.id);
    // The run follows the backup: the rollout goes on by itself.
    stream.obey().await?;
    until("the rollout has succeeded", async || Ok(world.state_of(&rollout).await? == "succeeded")).await?;
    let story = world.story().await?;
    assert_eq!(story.iter().filter(|line| line.ends_with("command-finished")).count(), 3, "{story:#?}");
    Ok(())
}

#[tokio::test]
async fn a_command_of_unknown_outcome_is_handed_over_in_the_next_session() -> anyhow::Result<()> {
    let world = World::start().await?;
    let agent = world.agent("orders", "staging").await?;
    let mut stream = agent.connect(&world).await?;
    let (_, command) = stream.with_command(&world).await?;
    stream.report(&command, unknown()).await?;
    stream.ack().await?;
    // It was acknowledged: the journal does not name it.
    assert_eq!(agent.connect(&world).await?.command().await?, command);
    Ok(())
}

/// It survives a restart of the controller as well.
#[tokio::test]
async fn a_command_survives_a_restart_of_the_controller() -> anyhow::Result<()> {
    let mut world = World::start().await?;
    let agent = world.agent("orders", "staging").await?;
    let (rollout, command) = agent.connect(&world).await?.with_command(&world).await?;
    world.stop().await?;
    world.run().await?;
    let mut stream = agent.connect(&world).await?;
    assert_eq!(stream.command().await?, command);
    let outcome = stream.carry_out(&command)?;
    stream.report(&command, outcome).await?;
    stream.ack().await?;
    stream.obey().await?;
    until("the rollout has succeeded", async || Ok(world.state_of(&rollout).await? == "succeeded")).await
}

#[tokio::test]
async fn work_of_an_agent_that_stays_away_pauses_its_rollout_until_it_is_back() -> anyhow::Result<()> {
    let mut world = World::with(quick()).await?;
    let agent = world.agent("orders", "staging").await?;
    let mut stream = agent.connect(&world).await?;
    let (rollout, command) = stream.with_command(&world).await?;
    drop(stream);
    until("the rollout is paused", async || Ok(world.state_of(&rollout).await? == "paused")).await?;
    let mut stream = agent.connect(&world).await?;
    assert_eq!(stream.command().await?, command);
    until("the rollout goes on", async || {
        stream.heartbeat().await?;
        Ok(world.state_of(&rollout).await? == "running")
    })
    .await?;
    let outcome = stream.carry_out(&command)?;
    stream.report(&command, outcome).await?;
    stream.ack().await?;
    stream.obey().await?;
    until("the rollout has succeeded", async || Ok(world.state_of(&rollout).await? == "succeeded")).await?;
    let story = world.story().await?;
    assert_eq!(story.iter().filter(|line| line.ends_with("rollout-paused")).count(), 1, "{story:#?}");
    assert!(story.contains(&"controller rollout-paused".to_owned()), "{story:#?}");
    Ok(())
}

/// A person's pause is not ended by an agent that comes back.
#[tokio::test]
async fn a_pause_of_a_person_stays() -> anyhow::Result<()> {
    let world = World::with(quick()).await?;
    let agent = world.agent("orders", "staging").await?;
    let mut stream = agent.connect(&world).await?;
    let (rollout, _) = stream.with_command(&world).await?;
    let request = wire::RolloutRequest { rollout: rollout.clone() };
    let view = world.admin().await?.pause_rollout(request).await?.into_inner();
    assert_eq!((view.state.as_str(), view.reason.as_str()), ("paused", "operator"));
    drop(stream);
    let _stream = agent.connect(&world).await?;
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(world.state_of(&rollout).await?, "paused");
    Ok(())
}

/// Nor is what nobody knows of a copy a run of the database, with and without a backup.
#[tokio::test]
async fn a_rehearsal_of_unknown_outcome_is_no_run_in_the_history() -> anyhow::Result<()> {
    for backup in ["", "\n  backup: off"] {
        let world = World::start().await?;
        let yaml = format!("environments:\n- name: staging\n  rehearsal: schema{backup}\n");
        world.admin().await?.apply_policy(wire::ApplyPolicyRequest { yaml }).await?;
        let agent = world.agent("orders", "staging").await?;
        let mut stream = agent.connect(&world).await?;
        let (rollout, command) = stream.with_command(&world).await?;
        let Some(wire::command::Kind::Rehearse(rehearse)) = &command.kind else {
            anyhow::bail!("not a rehearsal: {command:?}")
        };
        let states = async || -> anyhow::Result<Vec<String>> {
            let history = world.admin().await?.history(wire::HistoryRequest::default()).await?;
            Ok(history.into_inner().entries.into_iter().map(|line| line.state).collect())
        };
        stream.report(&command, unknown()).await?;
        stream.ack().await?;
        until("the rollout is paused", async || Ok(world.state_of(&rollout).await? == "paused")).await?;
        assert_eq!(states().await?, [""; 0]);

        let done = |step: &wire::Step| wire::StepDone { version: step.version.clone(), ..Default::default() };
        let [up, back] = [&rehearse.up, &rehearse.back].map(|steps| steps.iter().map(done).collect());
        let rehearsed = wire::outcome::Rehearsed { up, back, took_ms: 1 };
        stream = agent.connect(&world).await?;
        let again = stream.command().await?;
        stream.report(&again, Outcome::Rehearsed(rehearsed)).await?;
        stream.ack().await?;
        let mut next = stream.command().await?;
        if matches!(next.kind, Some(wire::command::Kind::Backup(_))) {
            let made = stream.carry_out(&next)?;
            stream.report(&next, made).await?;
            stream.ack().await?;
            next = stream.command().await?;
        }
        assert!(matches!(next.kind, Some(wire::command::Kind::Run(_))), "{next:?}");
        stream.report(&next, unknown()).await?;
        stream.ack().await?;
        until("it is told", async || Ok(states().await? == ["unknown"])).await?;
    }
    Ok(())
}
