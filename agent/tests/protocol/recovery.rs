//! What an agent that died leaves to the next one.

use std::time::Duration;

use pgbelay_core::command::Outcome;
use pgbelay_proto::wire::controller_message::Message::Command;

use crate::controller::Session;
use crate::site::{Mood, observation};
use crate::world::{World, backup_command, run_command, until};

#[tokio::test]
async fn an_interrupted_run_is_read_from_the_database_when_it_answers() -> anyhow::Result<()> {
    let mut world = World::started().await?;
    world.site.mood(Mood::Slow);
    let mut agent = world.controller.agent().await?;
    agent.say(Command(run_command("c1", 3))).await?;
    agent.accepted().await?;
    until("it runs", || !world.site.asked().runs.is_empty()).await?;
    world.kill_agent().await;
    world.site.trouble(Some("recovering from a crash"));
    world.start_agent();
    let mut agent = world.controller.agent().await?;
    let journal = &agent.hello.journal;
    assert!(journal.len() == 1 && !journal[0].finished && journal[0].attempt == 3, "{journal:?}");
    until("it was asked for in vain", || world.site.asked().recoveries > 3).await?;
    agent.say(Command(run_command("c1", 3))).await?;
    assert_eq!(agent.accepted().await?, ("c1".to_owned(), 3), "still in work");
    world.site.trouble(None);
    let (id, attempt, outcome) = agent.report().await?;
    assert_eq!((id.as_str(), attempt), ("c1", 3));
    assert_eq!(outcome, Outcome::Interrupted { done: Vec::new(), observation: Some(observation()) });
    assert_eq!(world.site.asked().runs, ["c1"], "it was not begun again");
    Ok(())
}

/// A world whose agent was killed in a run, and whose database does not answer; the next agent has the journal.
async fn interrupted(patience: Duration) -> anyhow::Result<(World, Session)> {
    let mut world = World::started().await?;
    world.site.mood(Mood::Slow);
    let mut agent = world.controller.agent().await?;
    agent.say(Command(run_command("c1", 1))).await?;
    agent.accepted().await?;
    until("it runs", || !world.site.asked().runs.is_empty()).await?;
    world.kill_agent().await;
    world.site.trouble(Some("no such host"));
    world.timing.recover_for = patience;
    world.start_agent();
    let agent = world.controller.agent().await?;
    Ok((world, agent))
}

async fn looks_again(world: &World, agent: &mut Session) -> anyhow::Result<()> {
    agent.ack("c1", 1).await?;
    world.site.trouble(None);
    agent.say(Command(run_command("c1", 1))).await?;
    assert_eq!(agent.accepted().await?, ("c1".to_owned(), 1));
    let interrupted = Outcome::Interrupted { done: Vec::new(), observation: Some(observation()) };
    assert_eq!(agent.report().await?.2, interrupted);
    assert_eq!(world.site.asked().runs, ["c1"], "it was not begun again");
    Ok(())
}

#[tokio::test]
async fn who_cancels_what_cannot_be_read_hears_that_it_is_not_known() -> anyhow::Result<()> {
    let (world, mut agent) = interrupted(Duration::from_secs(600)).await?;
    until("it was asked for in vain", || world.site.asked().recoveries > 1).await?;
    agent.cancel("c1", 1).await?;
    let (id, attempt, outcome) = agent.report().await?;
    assert!(id == "c1" && attempt == 1 && matches!(outcome, Outcome::Unknown { .. }), "{outcome:?}");
    looks_again(&world, &mut agent).await
}

#[tokio::test]
async fn what_cannot_be_read_for_long_is_not_known() -> anyhow::Result<()> {
    let (world, mut agent) = interrupted(Duration::from_millis(100)).await?;
    let Outcome::Unknown { why } = agent.report().await?.2 else { panic!("it is known") };
    assert!(why.contains("no such host"), "{why}");
    looks_again(&world, &mut agent).await
}

/// A stop is nobody's cancel: the next process goes on.
#[tokio::test]
async fn an_agent_that_stops_while_it_reads_leaves_it_to_the_next() -> anyhow::Result<()> {
    let (mut world, agent) = interrupted(Duration::from_secs(600)).await?;
    until("it was asked for in vain", || world.site.asked().recoveries > 1).await?;
    world.agent()?.shutdown.stop.cancel();
    world.agent_ended().await?;
    agent.ended().await?;
    assert_eq!(world.journal("c1@1.json")?["state"]["is"], "accepted");
    Ok(())
}

#[tokio::test]
async fn an_interrupted_backup_is_cleared_away() -> anyhow::Result<()> {
    let mut world = World::started().await?;
    world.site.mood(Mood::Slow);
    let mut agent = world.controller.agent().await?;
    agent.say(Command(backup_command("c1", 1))).await?;
    agent.accepted().await?;
    until("it runs", || world.site.asked().backups == 1).await?;
    world.kill_agent().await;
    world.start_agent();
    let mut agent = world.controller.agent().await?;
    assert_eq!(agent.report().await?.2, Outcome::Interrupted { done: Vec::new(), observation: None });
    let asked = world.site.asked();
    assert_eq!((asked.leftovers_removed, asked.backups), (1, 1));
    Ok(())
}

#[tokio::test]
async fn a_result_that_nobody_heard_is_told_by_the_next_agent() -> anyhow::Result<()> {
    let mut world = World::started().await?;
    let mut agent = world.controller.agent().await?;
    agent.say(Command(run_command("c1", 1))).await?;
    agent.accepted().await?;
    let told = agent.report().await?;
    world.kill_agent().await;
    world.start_agent();
    let mut agent = world.controller.agent().await?;
    assert!(agent.hello.journal.iter().all(|entry| entry.finished));
    assert_eq!(agent.report().await?, told);
    Ok(())
}

#[tokio::test]
async fn a_command_that_breaks_the_agents_own_code_is_read_from_the_database() -> anyhow::Result<()> {
    let mut world = World::started().await?;
    world.site.mood(Mood::Broken);
    let mut agent = world.controller.agent().await?;
    agent.say(Command(run_command("c1", 1))).await?;
    agent.accepted().await?;
    let interrupted = Outcome::Interrupted { done: Vec::new(), observation: Some(observation()) };
    assert_eq!(agent.report().await?.2, interrupted);
    Ok(())
}

#[tokio::test]
async fn a_damaged_journal_is_an_unknown_outcome_until_somebody_asks_again() -> anyhow::Result<()> {
    let mut world = World::started().await?;
    world.site.mood(Mood::Slow);
    let mut agent = world.controller.agent().await?;
    agent.say(Command(run_command("c1", 2))).await?;
    agent.accepted().await?;
    until("it runs", || !world.site.asked().runs.is_empty()).await?;
    world.kill_agent().await;
    std::fs::write(world.state("journal").join("c1@2.json"), "\0")?;
    world.start_agent();
    let mut agent = world.controller.agent().await?;
    let (id, attempt, outcome) = agent.report().await?;
    assert!(id == "c1" && attempt == 2 && matches!(outcome, Outcome::Unknown { .. }), "{outcome:?}");
    agent.ack("c1", 2).await?;
    agent.say(Command(run_command("c1", 2))).await?;
    assert_eq!(agent.accepted().await?, ("c1".to_owned(), 2));
    let interrupted = Outcome::Interrupted { done: Vec::new(), observation: Some(observation()) };
    assert_eq!(agent.report().await?.2, interrupted, "asked again, it looks again");
    assert_eq!(world.site.asked().runs.len(), 1);
    Ok(())
}

#[tokio::test]
async fn two_agents_do_not_share_a_state_directory() -> anyhow::Result<()> {
    let mut world = World::started().await?;
    world.controller.agent().await?;
    let (config, site, timing) = (world.config.clone(), world.site.clone(), world.timing.clone());
    let resources = pgbelay_agent::Resources { site, timing };
    let second = pgbelay_agent::run(&config, resources, pgbelay_agent::Shutdown::default());
    let second = tokio::time::timeout(Duration::from_secs(5), second).await?;
    assert!(matches!(second, Err(pgbelay_agent::RunError::State(_))), "{second:?}");
    Ok(())
}
