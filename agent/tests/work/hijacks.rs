//! Operators that others have planted in schemas of the path: never used by the agent's own statements.

use pgbelay_agent::database::{count_loss, dry_run, recover};
use pgbelay_core::command::Outcome;
use pgbelay_core::plan::Direction;

use crate::world::{APP, World, ran, sample, settings, steps, table, versions};

/// What the agent's own statements could take by mistake.
const PLANTED: &[(&str, &str, &str)] = &[
    ("=", "name", "name"),
    ("=", "oid", "oid"),
    ("=", "oid", "regclass"),
    ("=", "text", "text"),
    ("=", "int8", "int8"),
    ("=", "bool", "bool"),
    ("=", "int2", "int4"),
    ("=", "\"char\"", "\"char\""),
    ("<>", "int4", "int4"),
    ("<>", "name", "name"),
    (">", "int2", "int4"),
    (">", "int8", "int4"),
    (">=", "int8", "int4"),
    ("<=", "int8", "int4"),
    ("-", "int4", "int4"),
    ("-", "int8", "int4"),
    ("-", "timestamptz", "timestamptz"),
    ("&", "int8", "int8"),
    ("!~", "name", "text"),
    ("!~", "name", "name"),
    ("~~", "name", "text"),
    ("->>", "jsonb", "text"),
];

async fn planted() -> anyhow::Result<World> {
    let world = World::new().await?;
    plant(&world).await?;
    Ok(world)
}

/// Puts an operator for each of the above into the schema `public`, and that before PostgreSQL's own.
pub(crate) async fn plant(world: &World) -> anyhow::Result<()> {
    let client = world.client().await?;
    let path = "SET search_path = here, public, pg_catalog";
    for (at, (operator, left, right)) in PLANTED.iter().enumerate() {
        client
            .batch_execute(&format!(
                "CREATE FUNCTION public.evil_{at}({left}, {right}) RETURNS bool LANGUAGE plpgsql AS \
                 'BEGIN RAISE EXCEPTION ''planted {operator} was used''; END'; \
                 CREATE OPERATOR public.{operator} (FUNCTION = public.evil_{at}, LEFTARG = {left}, RIGHTARG = {right})"
            ))
            .await?;
    }
    client.batch_execute(&format!("CREATE SCHEMA here; ALTER ROLE belay IN DATABASE {APP} {path}")).await?;
    Ok(())
}

#[tokio::test]
async fn planted_operators_are_not_used() -> anyhow::Result<()> {
    let world = planted().await?;
    let used = world.client().await?.batch_execute("SELECT 'a'::text = 'b'::text").await.unwrap_err();
    assert!(used.as_db_error().is_some_and(|e| e.message().contains("planted")), "{used:?}");

    // Settings that are capped between statements, a lock that is counted, and the way back.
    let capped = "SET lock_timeout = 0; SELECT 1; CREATE TABLE a (id int); INSERT INTO a VALUES (1);";
    let samples = [sample("001", capped, "DROP TABLE a;"), table("002", "b")];
    let (tried, sql) = steps(&samples, Direction::Up);
    let (done, failure) = dry_run(&world.target, &tried, &settings(), &sql).await;
    assert_eq!((done.len(), failure), (2, None));
    let order = world.up(&samples).await?;
    let (done, _) = ran(world.run(&order).await);
    assert_eq!(versions(&done), ["001", "002"]);
    // The path of the user is still what the migrations see.
    assert!(world.has_table("here.a").await? && world.has_table("here.b").await?);
    let outcome = recover(&world.target, &order.command).await?;
    assert!(matches!(&outcome, Outcome::Interrupted { done, .. } if done.len() == 2), "{outcome:?}");
    let counted = count_loss(&world.target, &[("a".into(), None), ("a".into(), Some("id".into()))]).await;
    assert_eq!(counted, [Ok(1), Ok(1)]);
    let mut back = world.order(&[samples[1].clone(), samples[0].clone()], Direction::Down).await?;
    back.command.id = "c8".parse()?;
    ran(world.run(&back).await);
    assert!(world.applied().await?.is_empty() && !world.has_table("here.a").await?);
    Ok(())
}

#[tokio::test]
async fn a_path_that_a_migration_leaves_is_not_used() -> anyhow::Result<()> {
    let world = planted().await?;
    let left = "CREATE SCHEMA s; SET search_path = public, pg_catalog;";
    let clean = "CREATE TABLE b (id int); SELECT pg_catalog.pg_sleep(0);";
    let bad = "SET search_path = public, pg_catalog; SELECT nix;";
    let order =
        world.up(&[sample("001", left, ""), sample("002", clean, ""), sample("003", bad, "")]).await?;
    let (done, failure) = crate::world::failed(world.run(&order).await);
    assert_eq!(done, ["001", "002"]);
    assert_eq!(failure.sqlstate.as_deref(), Some("42703"), "{failure:?}");
    assert!(world.has_table("here.b").await?);
    let kept = world.client().await?;
    kept.batch_execute("SET search_path = pg_catalog").await?;
    let kept = kept.query("SELECT FROM pgbelay.migration_attempts WHERE outcome = 'failed'", &[]).await?;
    assert_eq!(kept.len(), 1);
    Ok(())
}
