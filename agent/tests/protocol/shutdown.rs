//! Stopping: what is under way may end, its result is told, and nothing new begins.

use std::time::Duration;

use pgbelay_core::command::Outcome;
use pgbelay_proto::wire::controller_message::Message::Command;

use crate::controller::Session;
use crate::site::{Mood, observation};
use crate::world::{World, run_command, until};

async fn busy(mood: Mood) -> anyhow::Result<(World, Session)> {
    let mut world = World::started().await?;
    world.site.mood(mood);
    let mut agent = world.controller.agent().await?;
    agent.say(Command(run_command("c1", 1))).await?;
    agent.accepted().await?;
    until("it runs", || !world.site.asked().runs.is_empty()).await?;
    Ok((world, agent))
}

#[tokio::test]
async fn an_idle_agent_stops_at_once() -> anyhow::Result<()> {
    let mut world = World::started().await?;
    let agent = world.controller.agent().await?;
    world.agent()?.shutdown.stop.cancel();
    world.agent_ended().await?;
    agent.ended().await
}

#[tokio::test]
async fn the_transaction_that_is_under_way_ends_and_is_told() -> anyhow::Result<()> {
    let (mut world, mut agent) = busy(Mood::Stepwise).await?;
    world.agent()?.shutdown.stop.cancel();
    let interrupted = Outcome::Interrupted { done: Vec::new(), observation: Some(observation()) };
    assert_eq!(agent.report().await?.2, interrupted);
    agent.ack("c1", 1).await?;
    world.agent_ended().await?;
    assert_eq!(world.journal("c1@1.json")?["state"]["is"], "acknowledged");
    Ok(())
}

#[tokio::test]
async fn what_does_not_end_in_time_is_cancelled_and_was_interrupted() -> anyhow::Result<()> {
    let (mut world, mut agent) = busy(Mood::Slow).await?;
    world.agent()?.shutdown.stop.cancel();
    let outcome = agent.report().await?.2;
    assert_eq!(
        outcome,
        Outcome::Interrupted { done: Vec::new(), observation: None },
        "nobody asked to cancel it"
    );
    agent.say(Command(run_command("c2", 1))).await?;
    agent.ack("c1", 1).await?;
    world.agent_ended().await?;
    assert_eq!(world.site.asked().runs, ["c1"]);
    assert!(world.journal("c2@1.json").is_err(), "a command that came while stopping was not taken");
    Ok(())
}

#[tokio::test]
async fn what_does_not_even_listen_is_left_for_the_next_start() -> anyhow::Result<()> {
    let (mut world, _agent) = busy(Mood::Deaf).await?;
    world.agent()?.shutdown.stop.cancel();
    world.agent_ended().await?;
    assert_eq!(world.journal("c1@1.json")?["state"]["is"], "accepted");
    world.start_agent();
    let mut agent = world.controller.agent().await?;
    assert!(matches!(agent.report().await?.2, Outcome::Interrupted { .. }));
    Ok(())
}

#[tokio::test]
async fn a_controller_that_does_not_acknowledge_does_not_keep_the_agent() -> anyhow::Result<()> {
    let mut world = World::new().await?;
    world.timing.farewell = Duration::from_millis(50);
    world.start_agent();
    let mut agent = world.controller.agent().await?;
    agent.say(Command(run_command("c1", 1))).await?;
    agent.accepted().await?;
    agent.report().await?;
    world.agent()?.shutdown.stop.cancel();
    world.agent_ended().await?;
    assert_eq!(world.journal("c1@1.json")?["state"]["is"], "finished");
    Ok(())
}

#[tokio::test]
async fn at_once_means_at_once() -> anyhow::Result<()> {
    let (mut world, _agent) = busy(Mood::Deaf).await?;
    world.timing.grace = Duration::from_secs(60);
    world.agent()?.shutdown.stop.cancel();
    world.agent()?.shutdown.now.cancel();
    world.agent_ended().await
}
