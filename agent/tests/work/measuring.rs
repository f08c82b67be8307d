//! Sizes and traffic of relations, and who is in a transaction with them.

use pgbelay_agent::database::{Target, measure};

use pgbelay_tests::wait;

use crate::world::{LONG, World};

#[tokio::test]
async fn sizes_traffic_and_sessions_are_seen() -> anyhow::Result<()> {
    let world = World::new().await?;
    let client = world.client().await?;
    let sql = "CREATE TABLE t (a int PRIMARY KEY, t text); CREATE TABLE u (a int REFERENCES t); \
               INSERT INTO t SELECT n, repeat('x', 100) FROM generate_series(1, 5000) n; \
               CREATE SCHEMA \"S\"; CREATE TABLE \"S\".\"T\" (x int)";
    client.batch_execute(sql).await?;
    client.batch_execute("ANALYZE t").await?;
    let idle = world.client().await?;
    idle.batch_execute("SET application_name = 'report'; BEGIN; SELECT 1 FROM t LIMIT 1").await?;
    let names: Vec<String> = ["public.t", "public.u", "\"S\".\"T\"", "public.gone"].map(str::to_owned).into();

    let measured = async || anyhow::Ok(measure(&world.target, &names).await?);
    let seen = measured().await?;
    let found: Vec<_> =
        seen.relations.iter().map(|size| (size.relation.as_str(), size.referenced_by)).collect();
    assert_eq!(found, [("public.t", 1), ("public.u", 0), ("\"S\".\"T\"", 0)]);
    let [t, u, empty] = &seen.relations[..] else { panic!("{seen:?}") };
    assert_eq!(t.rows, Some(5000));
    assert!(t.bytes > 5000 * 100 && t.index_bytes > 0 && t.bytes > u.bytes, "{seen:?}");
    assert_eq!((empty.bytes, empty.rows), (0, None));
    let holder = wait::until("the transaction to be old enough", LONG, async || {
        Ok(measured().await?.holders.into_iter().find(|holder| holder.application == "report"))
    })
    .await?;
    assert_eq!((holder.state.as_str(), holder.relation.as_str()), ("idle in transaction", "public.t"));
    assert_eq!(holder.modes, ["AccessShareLock"]);

    // Nobody waits for a table that somebody has for himself: what was noted is what is known.
    idle.batch_execute("LOCK TABLE t").await?;
    let seen = measured().await?;
    assert_eq!(seen.relations[0].rows, Some(5000));
    assert!(seen.relations[0].bytes > 5000 * 100, "{seen:?}");
    let gone = Target { port: 1, ..world.target.clone() };
    assert!(measure(&gone, &names).await.is_err());
    Ok(())
}
