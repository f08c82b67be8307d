//! The same, with nothing played but the controller: a real server, a real pg_dump.

use std::path::Path;

use anyhow::Context as _;
use pgbelay_agent::database::{DEFAULT_SCHEMA, Secret, Target};
use pgbelay_agent::work::Postgres;
use pgbelay_agent::{Resources, Shutdown, run};
use pgbelay_core::command::Outcome;
use pgbelay_core::database::Observation;
use pgbelay_core::digest::Digest;
use pgbelay_core::plan::Expectation;
use pgbelay_proto::wire;
use pgbelay_proto::wire::command::Kind;
use pgbelay_proto::wire::controller_message::Message::Command;
use pgbelay_tests::postgres::Cluster;
use tokio::task::JoinHandle;

use crate::controller::Session;
use crate::world::{SQL, World, backup_command, run_command};

/// Puts the agent to work on the database `app` of a server.
pub(crate) fn on(world: &mut World, cluster: &Cluster) {
    world.config.agent.pg_bin = Some(cluster.programs().to_owned());
    world.config.database = Target {
        host: "127.0.0.1".to_owned(),
        port: cluster.port(),
        name: "app".to_owned(),
        user: cluster.user().to_owned(),
        password: Some(Secret::new(cluster.password())),
        schema: DEFAULT_SCHEMA.to_owned(),
    };
}

/// An agent on a real database.
pub(crate) fn start(world: &World) -> (JoinHandle<anyhow::Result<()>>, Shutdown) {
    let (config, timing, shutdown) = (world.config.clone(), world.timing.clone(), Shutdown::default());
    let (resources, stopping) = (Resources { site: Postgres::of(&config), timing }, shutdown.clone());
    (tokio::spawn(async move { Ok(run(&config, resources, stopping).await?) }), shutdown)
}

pub(crate) fn seen(agent: &Session) -> anyhow::Result<Observation> {
    let seen = agent.hello.observation.clone().with_context(|| agent.hello.database_error.clone())?;
    Ok(seen.try_into()?)
}

/// The command, for the database as it is.
pub(crate) fn expecting(mut command: wire::Command, seen: &Observation) -> wire::Command {
    let expect = Some((&Expectation::from(seen)).into());
    match &mut command.kind {
        Some(Kind::Run(run)) => run.expect = expect,
        Some(Kind::Backup(backup)) => backup.expect = expect,
        Some(Kind::Adopt(adopt)) => adopt.expect = expect,
        Some(Kind::Verify(verify)) => verify.expect = expect,
        Some(Kind::Rehearse(rehearse)) => rehearse.expect = expect,
        None => {}
    }
    command
}

#[tokio::test]
async fn a_backup_a_migration_and_a_death() -> anyhow::Result<()> {
    let cluster = Cluster::start().await?;
    cluster.create_database("app").await?;
    let mut world = World::new().await?;
    on(&mut world, &cluster);
    let (first, _) = start(&world);
    let mut agent = world.controller.agent().await?;
    let empty = seen(&agent)?;
    agent.say(Command(expecting(backup_command("c1", 1), &empty))).await?;
    agent.accepted().await?;
    let (_, _, outcome) = agent.report().await?;
    let Outcome::BackedUp { backup } = outcome else { panic!("{outcome:?}") };
    assert!(Path::new(&backup.path).exists() && backup.bytes > 0, "{backup:?}");
    agent.ack("c1", 1).await?;

    agent.say(Command(expecting(run_command("c2", 1), &empty))).await?;
    agent.accepted().await?;
    let (_, _, outcome) = agent.report().await?;
    let Outcome::Ran { done, observation } = outcome else { panic!("{outcome:?}") };
    assert_eq!((done.len(), observation.records.len()), (1, 1));
    assert_eq!(observation.records[0].checksum, Digest::of(SQL));

    // Its result was told and not acknowledged; what the next life knows is the journal and the database.
    first.abort();
    let _ = first.await;
    let (second, shutdown) = start(&world);
    let mut agent = world.controller.agent().await?;
    assert_eq!(seen(&agent)?, observation);
    assert_eq!(agent.report().await?.2, Outcome::Ran { done, observation });
    agent.ack("c2", 1).await?;
    shutdown.stop.cancel();
    second.await?
}
