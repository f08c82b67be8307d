//! What a rollback would destroy, in rows.

use pgbelay_agent::database::{Target, count_loss};

use crate::world::World;

#[tokio::test]
async fn rows_and_values_are_counted() -> anyhow::Result<()> {
    let world = World::new().await?;
    let sql = "CREATE TABLE t (a int, \"B c\" int); INSERT INTO t VALUES (1, NULL), (2, 2), (NULL, NULL); \
               CREATE SCHEMA \"S\"; CREATE TABLE \"S\".\"T\" (x int); CREATE VIEW v AS SELECT 1; \
               CREATE TABLE busy (id int)";
    world.client().await?.batch_execute(sql).await?;
    let blocker = world.client().await?;
    blocker.batch_execute("BEGIN; LOCK TABLE busy").await?;
    let object = |table: &str, column: Option<&str>| (table.to_owned(), column.map(str::to_owned));
    let objects = [
        object("t", None),
        object("public.t", Some("a")),
        object("t", Some("\"B c\"")),
        object("\"S\".\"T\"", None),
        object("nix", None),
        object("t", Some("nix")),
        object("v", None),
        object("busy", None),
        object("t; DROP TABLE t", None),
        object("t", Some("a) FROM t; DROP TABLE t; --")),
        object("t", None),
    ];
    let counted = count_loss(&world.target, &objects).await;
    let numbers: Vec<_> = counted.iter().map(|count| count.as_ref().ok().copied()).collect();
    let (no, yes) = (None, Some);
    assert_eq!(numbers, [yes(3), yes(2), yes(1), yes(0), no, no, no, no, no, no, yes(3)], "{counted:?}");
    let why = |at: usize| counted[at].clone().unwrap_err();
    assert!(why(4).contains("does not exist") && why(5).contains("no column nix in t"), "{counted:?}");
    assert!(why(7).contains("lock timeout"), "{counted:?}");
    let gone = Target { port: 1, ..world.target.clone() };
    assert!(count_loss(&gone, &objects[..1]).await[0].is_err());
    Ok(())
}
