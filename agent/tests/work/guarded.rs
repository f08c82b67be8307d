//! What the agent notices whatever it was told.

use pgbelay_agent::database::dry_run;
use pgbelay_core::command::{FailureKind, Outcome};
use pgbelay_core::plan::Direction;
use pgbelay_core::time::Span;

use crate::world::{LONG, World, failed, ran, sample, settings, steps, table, versions};

#[tokio::test]
async fn a_fence_that_the_migration_changes_fails_it() -> anyhow::Result<()> {
    let world = World::new().await?;
    ran(world.run(&world.up(&[table("001", "a")]).await?).await);
    let hidden = "CREATE TABLE b (id int); DO 'BEGIN UPDATE pgbelay.fence SET epoch = 0; END';";
    let emptied = "CREATE TABLE b (id int); DO 'BEGIN DELETE FROM pgbelay.fence; END';";
    for sql in [hidden, emptied] {
        let mut order = world.up(&[sample("002", sql, "")]).await?;
        order.command.id = "c8".parse()?;
        let (_, failure) = failed(world.run(&order).await);
        assert_eq!(failure.kind, FailureKind::Agent, "{failure:?}");
        assert!(failure.message.contains("fence") && !world.has_table("b").await?, "{failure:?}");
    }
    assert_eq!(world.number("SELECT epoch FROM pgbelay.fence").await?, 1);
    Ok(())
}

#[tokio::test]
async fn limits_hold_after_any_statement_that_can_raise_them() -> anyhow::Result<()> {
    let world = World::new().await?;
    let assert = "DO 'BEGIN ASSERT current_setting(''lock_timeout'') = ''400ms'', current_setting(''lock_timeout''); END';";
    let raise = "set_config('lock_timeout', '0', false)";
    for sql in [
        format!("INSERT INTO s SELECT {raise};"),
        format!("UPDATE s SET t = {raise};"),
        format!("DELETE FROM s WHERE {raise} = '0';"),
        format!("CREATE TABLE made AS SELECT {raise};"),
        format!("ALTER TABLE s ADD n text DEFAULT {raise};"),
    ] {
        let text = format!(
            "CREATE TABLE s (t text); INSERT INTO s VALUES ('0'); {sql} {assert} DROP TABLE s; SELECT nix;"
        );
        let (_, failure) = failed(world.run(&world.up(&[sample("001", &text, "")]).await?).await);
        assert_eq!(failure.sqlstate.as_deref(), Some("42703"), "{sql}: {failure:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_record_is_read_as_it_was_sent_whatever_encoding_is_left() -> anyhow::Result<()> {
    let world = World::new().await?;
    let text =
        "CREATE TABLE s (t text); INSERT INTO s SELECT set_config('client_encoding', 'LATIN1', false);";
    let mut order = world.up(&[sample("001", text, "")]).await?;
    order.run.steps[0].name = "\u{fc}n\u{ef}code".to_owned();
    let (_, seen) = ran(world.run(&order).await);
    assert_eq!(seen.records[0].name, "\u{fc}n\u{ef}code");
    Ok(())
}

#[tokio::test]
async fn a_command_that_comes_again_to_a_forgetful_agent_is_not_taken_for_a_moved_state() -> anyhow::Result<()>
{
    let world = World::new().await?;
    let order = world.up(&[table("001", "a"), sample("002", "SELECT nix;", "")]).await?;
    failed(world.run(&order).await);
    let outcome = world.run(&order).await;
    let Outcome::Interrupted { done, observation: Some(seen) } = outcome else { panic!("{outcome:?}") };
    assert_eq!((versions(&done), seen), (vec!["001".to_owned()], world.seen().await?));
    Ok(())
}

#[tokio::test]
async fn steps_that_nobody_could_look_at_afterwards_leave_it_unknown() -> anyhow::Result<()> {
    let world = World::new().await?;
    let blocker = world.client().await?;
    blocker.batch_execute("CREATE TABLE busy (id int); CREATE VIEW v AS SELECT * FROM busy").await?;
    let order = world.up(&[table("001", "a"), sample("002", "SELECT pg_sleep(60);", "")]).await?;
    let cancel = async {
        world.until_running("pg_sleep").await?;
        blocker.batch_execute("BEGIN; LOCK TABLE busy").await?;
        world.cancel.cancel();
        anyhow::Ok(())
    };
    let (outcome, cancelled) = tokio::join!(tokio::time::timeout(LONG, world.run(&order)), cancel);
    cancelled?;
    let outcome = outcome?;
    assert!(matches!(&outcome, Outcome::Unknown { .. }), "{outcome:?}");
    Ok(())
}

#[tokio::test]
async fn a_run_does_not_wait_for_a_trial() -> anyhow::Result<()> {
    let world = World::new().await?;
    let (tried, sql) = steps(&[sample("001", "SELECT pg_sleep(50);", "")], Direction::Up);
    let mut long = settings();
    long.statement_timeout = Span::seconds(60);
    let order = world.up(&[table("001", "a")]).await?;
    let run = async {
        let client = world.client().await?;
        pgbelay_tests::wait::until("the trial", LONG, async || {
            let sql = "SELECT pid FROM pg_stat_activity WHERE application_name = 'pgbelay-agent dry run' \
                       AND query LIKE '%pg_sleep%' AND state = 'active'";
            Ok(client.query_opt(sql, &[]).await?.map(|row| row.get::<_, i32>(0)))
        })
        .await?;
        anyhow::Ok(world.run(&order).await)
    };
    let ((_, failure), outcome) = tokio::join!(dry_run(&world.target, &tried, &long, &sql), run);
    ran(outcome?);
    assert_eq!(failure.unwrap().kind, FailureKind::Connection);
    Ok(())
}
