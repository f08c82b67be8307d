//! Jobs with backups: beside the commands, over lost connections, known until they are acknowledged.

use anyhow::{Context as _, bail};
use pgbelay_proto::wire::agent_message::Message as Said;
use pgbelay_proto::wire::controller_message::Message::{CancelJob, Command, JobAck, StartJob};
use pgbelay_proto::wire::job_ended::End;
use pgbelay_proto::wire::{self, destination};
use tonic::Status;

use crate::controller::Session;
use crate::site::Mood;
use crate::world::{World, run_command, until};

fn job(id: &str) -> wire::controller_message::Message {
    let into = destination::Into::Scratch(destination::Scratch {});
    StartJob(wire::StartJob {
        id: id.to_owned(),
        backup: "b".to_owned(),
        path: "/b".to_owned(),
        sha256: "ab".repeat(32),
        into: Some(wire::Destination { into: Some(into) }),
        key: None,
    })
}

async fn taken(agent: &mut Session) -> anyhow::Result<String> {
    let said = agent.next().await?;
    let Said::JobTaken(taken) = said else { bail!("not taken: {said:?}") };
    Ok(taken.id)
}

async fn end(agent: &mut Session) -> anyhow::Result<(String, End)> {
    let said = agent.next().await?;
    let Said::JobEnded(ended) = said else { bail!("no end: {said:?}") };
    Ok((ended.id, ended.end.context("no end")?))
}

#[tokio::test]
async fn a_job_goes_on_without_a_connection_and_its_end_is_told_until_it_is_known() -> anyhow::Result<()> {
    let mut world = World::started().await?;
    world.site.mood(Mood::Slow);
    let mut agent = world.controller.agent().await?;
    assert!(agent.hello.jobs.is_empty());
    agent.say(job("j1")).await?;
    assert_eq!(taken(&mut agent).await?, "j1");
    // Once more is not twice.
    agent.say(job("j1")).await?;
    assert_eq!(taken(&mut agent).await?, "j1");
    agent.fail(Status::unavailable("gone")).await?;
    let mut agent = world.controller.agent().await?;
    assert_eq!(agent.hello.jobs, ["j1"]);
    world.site.mood(Mood::Quick);
    let (id, told) = end(&mut agent).await?;
    assert!(id == "j1" && matches!(told, End::Restored(_)), "{told:?}");
    agent.fail(Status::unavailable("gone")).await?;
    let mut agent = world.controller.agent().await?;
    assert_eq!(agent.hello.jobs, ["j1"], "nobody has acknowledged it");
    assert_eq!(end(&mut agent).await?.0, "j1");
    agent.say(JobAck(wire::JobAck { id: "j1".to_owned() })).await?;
    until("it is forgotten", || world.state("jobs").read_dir().is_ok_and(|mut all| all.next().is_none()))
        .await?;
    assert_eq!(world.site.asked().restores, ["j1"], "it was done once");
    Ok(())
}

#[tokio::test]
async fn a_job_and_a_command_do_not_wait_for_each_other_and_two_jobs_do() -> anyhow::Result<()> {
    let mut world = World::started().await?;
    world.site.mood(Mood::Slow);
    let mut agent = world.controller.agent().await?;
    agent.say(job("j1")).await?;
    assert_eq!(taken(&mut agent).await?, "j1");
    agent.say(Command(run_command("c1", 1))).await?;
    agent.accepted().await?;
    agent.say(job("j2")).await?;
    let (id, told) = end(&mut agent).await?;
    let End::Failed(failed) = told else { panic!("{told:?}") };
    assert!(id == "j2" && failed.message.contains("busy with job j1"), "{failed:?}");
    agent.say(CancelJob(wire::CancelJob { id: "j1".to_owned() })).await?;
    assert!(matches!(end(&mut agent).await?, (id, End::Cancelled(_)) if id == "j1"));
    // What never came is over as well.
    agent.say(CancelJob(wire::CancelJob { id: "j9".to_owned() })).await?;
    assert!(matches!(end(&mut agent).await?, (id, End::Cancelled(_)) if id == "j9"));
    Ok(())
}

#[tokio::test]
async fn a_job_whose_agent_died_is_found_out_about() -> anyhow::Result<()> {
    let mut world = World::started().await?;
    world.site.mood(Mood::Slow);
    let mut agent = world.controller.agent().await?;
    agent.say(job("j1")).await?;
    assert_eq!(taken(&mut agent).await?, "j1");
    world.kill_agent().await;
    world.start_agent();
    let mut agent = world.controller.agent().await?;
    assert_eq!(agent.hello.jobs, ["j1"]);
    let (id, told) = end(&mut agent).await?;
    assert!(id == "j1" && matches!(told, End::Interrupted(_)), "{told:?}");
    assert_eq!(world.site.asked().restores.len(), 1, "it is not done again by itself");
    Ok(())
}
