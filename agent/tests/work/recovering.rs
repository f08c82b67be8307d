//! An agent that died during a run: what a new one reads.

use std::sync::Arc;

use pgbelay_agent::database::recover;
use pgbelay_core::command::Outcome;

use crate::world::{LONG, World, ran, sample, table, versions};

#[tokio::test]
async fn what_a_dead_run_recorded_is_told_exactly() -> anyhow::Result<()> {
    let world = Arc::new(World::new().await?);
    let slow = sample("002", "CREATE TABLE b (id int); SELECT pg_sleep(60);", "");
    let order = world.up(&[table("001", "a"), slow]).await?;
    let task = tokio::spawn({
        let (world, order) = (Arc::clone(&world), order.clone());
        async move { world.run(&order).await }
    });
    world.until_running("pg_sleep").await?;
    task.abort();
    let outcome = recover(&world.target, &order.command).await?;
    let Outcome::Interrupted { done, observation: Some(seen) } = outcome else { panic!("{outcome:?}") };
    assert_eq!(versions(&done), ["001"]);
    assert_eq!(seen, world.seen().await?);
    assert!(!world.has_table("b").await?);
    let mut other = order.command.clone();
    other.attempt = 2;
    let outcome = recover(&world.target, &other).await?;
    assert!(matches!(&outcome, Outcome::Interrupted { done, .. } if done.is_empty()), "{outcome:?}");
    Ok(())
}

#[tokio::test]
async fn nothing_is_made_where_nothing_was_run() -> anyhow::Result<()> {
    let world = World::new().await?;
    let order = world.up(&[table("001", "a")]).await?;
    let outcome = recover(&world.target, &order.command).await?;
    assert!(matches!(&outcome, Outcome::Interrupted { done, .. } if done.is_empty()), "{outcome:?}");
    assert!(!world.has_table("pgbelay.fence").await?);
    Ok(())
}

#[tokio::test]
async fn a_session_that_outlived_its_agent_is_ended_first() -> anyhow::Result<()> {
    let world = World::new().await?;
    let order = world.up(&[table("001", "a"), table("002", "b")]).await?;
    let (first, mut rest) = (order.clone(), order);
    ran(world.run(&world.up(&[]).await?).await);
    // What an agent leaves whose machine lost power: a session that is named like its run's, holds the fence, and whose
    // client the server believes to be there.
    let mut config = world.cluster.config(crate::world::APP);
    config.application_name("pgbelay-agent c7/1");
    let (left, connection) = config.connect(tokio_postgres::NoTls).await?;
    let connection = tokio::spawn(connection);
    left.batch_execute("BEGIN; SELECT * FROM pgbelay.fence FOR UPDATE; CREATE TABLE a (id int)").await?;
    let outcome = tokio::time::timeout(LONG, recover(&world.target, &first.command)).await??;
    assert!(matches!(&outcome, Outcome::Interrupted { done, .. } if done.is_empty()), "{outcome:?}");
    assert!(tokio::time::timeout(LONG, connection).await??.is_err(), "its session was ended");
    rest.command.attempt = 2;
    ran(world.run(&rest).await);
    assert_eq!(world.applied().await?, ["001", "002"]);
    Ok(())
}
