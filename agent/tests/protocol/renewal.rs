//! Certificates are renewed while they are good, and the old one counts until the new one was used.

use std::time::Duration;

use pgbelay_agent::identity_files::Slot;
use pgbelay_core::command::Outcome;
use pgbelay_core::time::Span;
use pgbelay_proto::wire::controller_message::Message::Command;

use crate::site::Mood;
use crate::world::{World, now, run_command, until};

/// A world whose agent has a certificate for an hour, of which two are over.
async fn due() -> anyhow::Result<World> {
    let world = World::new().await?;
    let (_, identity) = world.identity().load()?;
    world.identity().save(Slot::Current, &identity.credentials, now() + Span::hours(-2))?;
    Ok(world)
}

#[tokio::test]
async fn a_renewed_certificate_replaces_the_old_when_it_was_used() -> anyhow::Result<()> {
    let mut world = due().await?;
    let old = world.identity().load()?.1.peer.serial;
    world.site.mood(Mood::Slow);
    world.start_agent();
    let first = world.controller.hello().await?;
    assert_eq!(first.serial, old);
    first.welcome(Duration::from_secs(5)).await?;
    first.say(Command(run_command("c1", 1))).await?;
    let mut second = world.controller.agent().await?;
    let new = second.serial.clone();
    assert_ne!(new, old);
    until("it is in its place", || !world.state("identity/next.json").exists()).await?;
    assert_eq!(world.identity().load()?.1.peer.serial, new);
    first.ended().await?;
    // The command may have been lost with the connection: a controller sends it again.
    second.say(Command(run_command("c1", 1))).await?;
    assert_eq!(second.accepted().await?.0, "c1");
    until("it runs", || !world.site.asked().runs.is_empty()).await?;
    world.site.mood(Mood::Quick);
    assert!(matches!(second.report().await?.2, Outcome::Ran { .. }));
    assert_eq!(world.site.asked().runs, ["c1"], "the work does not notice");
    Ok(())
}

#[tokio::test]
async fn a_successor_that_is_refused_is_given_up() -> anyhow::Result<()> {
    let mut world = World::new().await?;
    let old = world.identity().load()?.1.peer.serial;
    let successor = world.controller.ca.credentials("pgbelay://agent/orders")?;
    let serial = successor.identity()?.serial;
    world.controller.script(|script| script.turned_away.insert(serial));
    world.identity().save(Slot::Next, &successor, now())?;
    world.start_agent();
    let agent = world.controller.agent().await?;
    assert_eq!(agent.serial, old);
    assert!(!world.state("identity/next.json").exists());
    Ok(())
}
