//! Connections come and go; the work and its results do not.

use std::time::Duration;

use pgbelay_core::command::Outcome;
use pgbelay_proto::wire;
use pgbelay_proto::wire::controller_message::Message::{Command, Drain};
use tokio::time::Instant;
use tonic::Status;

use crate::site::{Mood, observation};
use crate::world::{World, run_command, until};

#[tokio::test]
async fn the_hello_says_who_what_and_what_is_open() -> anyhow::Result<()> {
    let mut world = World::started().await?;
    let agent = world.controller.agent().await?;
    let hello = &agent.hello;
    assert_eq!(hello.protocol, Some(wire::ProtocolRange { min: 1, max: 1 }));
    assert_eq!(hello.agent_version, env!("CARGO_PKG_VERSION"));
    assert_eq!(hello.observation, Some((&observation()).into()));
    assert!(hello.database_error.is_empty() && hello.journal.is_empty());
    let instance = hello.instance_id.clone();
    world.kill_agent().await;
    world.start_agent();
    assert_eq!(
        world.controller.agent().await?.hello.instance_id,
        instance,
        "one state directory, one instance"
    );
    Ok(())
}

#[tokio::test]
async fn work_goes_on_without_a_connection_and_is_told_on_the_next() -> anyhow::Result<()> {
    let mut world = World::started().await?;
    world.site.mood(Mood::Slow);
    let mut agent = world.controller.agent().await?;
    agent.say(Command(run_command("c1", 1))).await?;
    agent.accepted().await?;
    until("it runs", || !world.site.asked().runs.is_empty()).await?;
    drop(agent);
    let agent = world.controller.hello().await?;
    let open = wire::JournalEntry { command_id: "c1".to_owned(), attempt: 1, finished: false };
    assert_eq!(agent.hello.journal, [open]);
    drop(agent);
    world.site.mood(Mood::Quick);
    until("it is done", || world.journal("c1@1.json").is_ok_and(|entry| entry["state"]["is"] == "finished"))
        .await?;
    for _ in 0..2 {
        let mut agent = loop {
            let agent = world.controller.hello().await?;
            if agent.hello.journal.iter().all(|entry| entry.finished) {
                agent.welcome(Duration::from_secs(1)).await?;
                break agent;
            }
        };
        assert!(matches!(agent.report().await?.2, Outcome::Ran { .. }));
    }
    assert_eq!(world.site.asked().runs, ["c1"]);
    Ok(())
}

#[tokio::test]
async fn sql_is_fetched_across_a_lost_connection() -> anyhow::Result<()> {
    let mut world = World::started().await?;
    let agent = world.controller.agent().await?;
    agent.say(Command(run_command("c1", 1))).await?;
    drop(agent);
    let mut agent = world.controller.agent().await?;
    // The command may have been lost with the connection: a controller sends it again.
    agent.say(Command(run_command("c1", 1))).await?;
    loop {
        if let wire::agent_message::Message::Report(report) = agent.next().await? {
            let outcome: Outcome = report.outcome.unwrap().try_into()?;
            assert!(matches!(outcome, Outcome::Ran { .. }), "{outcome:?}");
            break;
        }
    }
    assert_eq!(world.site.asked().runs, ["c1"]);
    Ok(())
}

#[tokio::test]
async fn a_controller_that_drains_is_left_alone_for_a_while() -> anyhow::Result<()> {
    let mut world = World::started().await?;
    let agent = world.controller.agent().await?;
    let asked_at = Instant::now();
    agent.say(Drain(wire::Drain { after_ms: 400 })).await?;
    agent.ended().await?;
    world.controller.agent().await?;
    assert!(asked_at.elapsed() >= Duration::from_millis(400), "{:?}", asked_at.elapsed());
    Ok(())
}

#[tokio::test]
async fn an_agent_that_is_turned_away_tries_again_slowly() -> anyhow::Result<()> {
    let mut world = World::new().await?;
    world.timing.refused = Duration::from_millis(500);
    world.start_agent();
    let agent = world.controller.agent().await?;
    let serial = agent.serial.clone();
    world.controller.script(|script| script.turned_away.insert(serial.clone()));
    let began = Instant::now();
    agent.fail(Status::permission_denied("revoked")).await?;
    until("it was turned away twice", || world.controller.script(|script| script.turned_away_count) == 2)
        .await?;
    assert!(began.elapsed() >= Duration::from_millis(900), "{:?}", began.elapsed());
    world.controller.script(|script| script.turned_away.clear());
    world.controller.agent().await?;
    Ok(())
}

#[tokio::test]
async fn a_controller_of_another_protocol_is_not_served() -> anyhow::Result<()> {
    let mut world = World::started().await?;
    let agent = world.controller.hello().await?;
    let welcome = wire::Welcome { protocol: 2, heartbeat_every_ms: 20, lease_ms: 500 };
    agent.say(wire::controller_message::Message::Welcome(welcome)).await?;
    agent.ended().await
}

#[tokio::test]
async fn a_silent_controller_loses_its_lease_and_its_connection() -> anyhow::Result<()> {
    let mut world = World::started().await?;
    world.site.mood(Mood::Stepwise);
    let mut agent = world.controller.hello().await?;
    agent.welcome(Duration::from_secs(1)).await?;
    agent.say(Command(run_command("c1", 1))).await?;
    agent.accepted().await?;
    until("it runs", || !world.site.asked().runs.is_empty()).await?;
    world.controller.script(|script| script.silent = true);
    agent.ended().await?;
    world.controller.script(|script| script.silent = false);
    until("it stopped between two steps", || {
        world.journal("c1@1.json").is_ok_and(|entry| entry["state"]["outcome"]["outcome"] == "interrupted")
    })
    .await
}

#[tokio::test]
async fn heartbeats_tell_of_the_database() -> anyhow::Result<()> {
    let mut world = World::new().await?;
    world.site.trouble(Some("nobody answers on port 5432"));
    world.start_agent();
    let mut agent = world.controller.agent().await?;
    assert_eq!(agent.hello.observation, None);
    assert_eq!(agent.hello.database_error, "nobody answers on port 5432");
    agent.heartbeat_with("nobody answers on port 5432").await?;
    world.site.trouble(None);
    agent.heartbeat_with("").await?;
    world.site.trouble(Some("gone"));
    agent.heartbeat_with("gone").await
}
