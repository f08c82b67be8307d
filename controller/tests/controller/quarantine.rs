//! Two agents with one identity.

use std::time::Duration;

use pgbelay_proto::csr::new_key_and_csr;
use pgbelay_proto::wire;
use pgbelay_proto::wire::agent_service_client::AgentServiceClient;
use tonic::{Code, Status};

use super::world::{Agent, Stream, World, quick, until};

async fn shut_out(agent: &Agent, world: &World) -> anyhow::Result<Status> {
    let mut stream = agent.say_hello(world, agent.hello()).await?;
    stream.why_it_ends().await
}

#[tokio::test]
async fn a_copied_agent_shuts_both_out_until_one_is_enrolled_anew() -> anyhow::Result<()> {
    let world = World::start().await?;
    let original = world.agent("orders", "staging").await?;
    let copy = original.clone_of();
    let mut live = original.connect(&world).await?;

    let status = shut_out(&copy, &world).await?;
    assert_eq!(status.code(), Code::PermissionDenied, "{status:?}");
    live.end().await?;
    for agent in [&original, &copy, &original] {
        let status = shut_out(agent, &world).await?;
        assert!(status.message().contains("two agents"), "{status:?}");
    }
    assert_eq!(world.status("orders").await?.health, "quarantined");

    let anew = world.agent("orders", "staging").await?;
    let _live = anew.connect(&world).await?;
    assert_eq!(world.status("orders").await?.health, "ok");
    for agent in [&original, &copy] {
        assert!(agent.connect(&world).await.is_err(), "the old certificate still counts");
    }
    assert!(world.connected("orders").await?);
    Ok(())
}

/// Of two that come at one moment, none is served, whichever is first.
#[tokio::test]
async fn copies_that_come_at_once_are_all_shut_out() -> anyhow::Result<()> {
    let world = World::start().await?;
    let original = world.agent("orders", "staging").await?;
    let copies: Vec<Agent> = (0..8)
        .map(|n| {
            let mut copy = original.clone();
            copy.instance_id = format!("copy-{n}");
            copy
        })
        .collect();
    let streams: Vec<_> = copies.iter().map(|copy| copy.say_hello(&world, copy.hello())).collect();
    let mut streams = futures_util::future::try_join_all(streams).await?;
    for stream in &mut streams {
        stream.end().await?;
    }
    assert_eq!(world.status("orders").await?.health, "quarantined");
    Ok(())
}

/// Somebody who is shut out must not be able to make itself another identity.
#[tokio::test]
async fn a_shut_out_agent_gets_no_certificate_and_no_sql() -> anyhow::Result<()> {
    let mut world = World::start().await?;
    let original = world.agent("orders", "staging").await?;
    let _live = original.connect(&world).await?;
    shut_out(&original.clone_of(), &world).await?;

    let mut client = AgentServiceClient::new(world.dial(&original.credentials).await?);
    let renewed = client.renew(wire::RenewRequest { csr_der: new_key_and_csr()?.1 }).await;
    assert_eq!(renewed.err().map(|status| status.code()), Some(Code::PermissionDenied));
    let fetched = client.fetch_sql(wire::FetchSqlRequest::default()).await;
    assert_eq!(fetched.err().map(|status| status.code()), Some(Code::PermissionDenied));
    let story = world.story().await?;
    assert!(!story.iter().any(|line| line.ends_with("agent-renewed")), "{story:#?}");
    Ok(())
}

/// A machine that is replaced while the old one still runs: the enrolment says which is the right one.
#[tokio::test]
async fn a_new_enrolment_ends_the_session_of_the_agent_before() -> anyhow::Result<()> {
    let world = World::start().await?;
    let old = world.agent("orders", "staging").await?;
    let mut live = old.connect(&world).await?;
    let mut new = world.agent("orders", "staging").await?;
    new.instance_id = "another machine".to_owned();
    live.end().await?;
    let _live = new.connect(&world).await?;
    assert_eq!(world.status("orders").await?.health, "ok");
    assert!(old.connect(&world).await.is_err());
    assert_eq!(world.status("orders").await?.health, "ok", "the old agent was taken for a rival");
    Ok(())
}

/// What has been silent for too long is not there: a restored copy of an agent's machine may take its place.
#[tokio::test]
async fn an_agent_that_is_gone_is_nobodys_rival() -> anyhow::Result<()> {
    let world = World::with(quick()).await?;
    let original = world.agent("orders", "staging").await?;
    drop(original.connect(&world).await?);
    until("the session is over", async || Ok(!world.connected("orders").await?)).await?;
    tokio::time::sleep(Duration::from_millis(10)).await;
    let _live = original.clone_of().connect(&world).await?;
    assert_eq!(world.status("orders").await?.health, "ok");
    Ok(())
}

/// An agent's session that has shown to be alive.
async fn alive(agent: &Agent, world: &World) -> anyhow::Result<Stream> {
    let mut stream = agent.connect(world).await?;
    stream.heartbeat().await?;
    stream.next().await?;
    Ok(stream)
}

/// The instance's id is in the directory that was copied as well: they take turns.
#[tokio::test]
async fn a_copied_machine_shuts_both_out() -> anyhow::Result<()> {
    let world = World::start().await?;
    let original = world.agent("orders", "staging").await?;
    let copy = original.restarted();
    drop(alive(&original, &world).await?);
    let mut second = alive(&copy, &world).await?;
    assert_eq!(world.status("orders").await?.health, "ok", "it may have been restarted");
    let mut back = original.connect(&world).await?;
    back.heartbeat().await?;
    back.end().await?;
    second.end().await?;
    for agent in [&original, &copy] {
        let status = shut_out(agent, &world).await?;
        assert!(status.message().contains("two agents"), "{status:?}");
    }
    assert_eq!(world.status("orders").await?.health, "quarantined");

    let mut anew = world.agent("orders", "staging").await?;
    anew.process_id = original.process_id;
    let _live = alive(&anew, &world).await?;
    assert_eq!(world.status("orders").await?.health, "ok", "whoever was enrolled anew is the right one");
    Ok(())
}

/// However often, and whatever of the earlier processes still arrives late.
#[tokio::test]
async fn an_agent_that_restarts_is_never_shut_out() -> anyhow::Result<()> {
    let world = World::start().await?;
    let mut agent = world.agent("orders", "staging").await?;
    for n in 0..20 {
        drop(alive(&agent, &world).await?);
        let before = agent.clone();
        agent.process_id = format!("start-{n}");
        drop(alive(&agent, &world).await?);
        let _late = before.connect(&world).await?;
        let mut live = alive(&agent, &world).await?;
        live.heartbeat().await?;
        live.next().await?;
        assert_eq!(world.status("orders").await?.health, "ok");
    }
    Ok(())
}

#[tokio::test]
async fn one_that_is_shut_out_leaves_no_trace() -> anyhow::Result<()> {
    let mut world = World::start().await?;
    let original = world.agent("orders", "staging").await?;
    let _live = original.connect(&world).await?;
    let mut hello = original.clone_of().hello();
    hello.observation.as_mut().expect("there is one").server_version = 160_000;
    let mut copy = original.say_hello(&world, hello).await?;
    copy.why_it_ends().await?;
    let story = world.story().await?;
    let told = story.iter().filter(|line| line.starts_with("agent/orders "));
    assert_eq!(told.count(), 1, "more than the first agent's look at its database: {story:#?}");
    Ok(())
}

#[tokio::test]
async fn a_successor_certificate_in_other_hands_is_a_rivals() -> anyhow::Result<()> {
    let mut world = World::start().await?;
    let original = world.agent("orders", "staging").await?;
    let mut live = original.connect(&world).await?;
    let (key_pem, csr_der) = new_key_and_csr()?;
    let mut client = AgentServiceClient::new(live.channel.clone());
    let mut copy = original.clone_of();
    copy.credentials.certificate_pem =
        client.renew(wire::RenewRequest { csr_der }).await?.into_inner().certificate_pem;
    copy.credentials.key_pem = key_pem;

    let status = shut_out(&copy, &world).await?;
    assert!(status.message().contains("two agents"), "{status:?}");
    live.end().await?;
    shut_out(&original, &world).await?;
    assert_eq!(world.status("orders").await?.health, "quarantined");
    let story = world.story().await?;
    assert!(!story.iter().any(|line| line.contains("renewal-used")), "{story:#?}");
    Ok(())
}

/// A restart is no way round it: the first of them that comes back must not get a command.
#[tokio::test]
async fn two_agents_stay_shut_out_over_a_restart_of_the_controller() -> anyhow::Result<()> {
    let mut world = World::start().await?;
    let original = world.agent("orders", "staging").await?;
    let _live = original.connect(&world).await?;
    shut_out(&original.clone_of(), &world).await?;
    world.stop().await?;
    world.run().await?;
    let status = shut_out(&original, &world).await?;
    assert!(status.message().contains("two agents"), "{status:?}");
    let view = world.status("orders").await?;
    assert_eq!(view.health, "quarantined");
    assert!(view.problem.contains("from 127.0.0.1 and 127.0.0.1"), "{view:?}");
    assert!(view.problem.contains("pgbelay token create orders --env staging"), "{view:?}");
    let mut client = AgentServiceClient::new(world.dial(&original.credentials).await?);
    let renewed = client.renew(wire::RenewRequest { csr_der: new_key_and_csr()?.1 }).await;
    assert_eq!(renewed.err().map(|status| status.code()), Some(Code::PermissionDenied));

    let anew = world.agent("orders", "staging").await?;
    let _live = anew.connect(&world).await?;
    assert_eq!(world.status("orders").await?.health, "ok");
    let story = world.story().await?;
    assert_eq!(story.iter().filter(|line| *line == "controller agent-contested").count(), 1, "{story:#?}");
    Ok(())
}
