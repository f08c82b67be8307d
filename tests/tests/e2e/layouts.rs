//! A directory of another tool, from plan to rollback.

use pgbelay_tests::world::World;

#[tokio::test]
async fn a_directory_of_flyway_is_run_again_where_it_changed_and_taken_back() -> anyhow::Result<()> {
    let world = World::start(&[("one", "staging")]).await?;
    let up = ("V1.9__a.sql", "CREATE TABLE a (id int);");
    let later = ("V1.10__b.sql", "CREATE TABLE b (id int);");
    let back = ("U1.10__b.sql", "DROP TABLE b;");
    let view = |text| ("R__v.sql", text);
    world.write_migrations(&[up, later, back, view("CREATE OR REPLACE VIEW v AS SELECT 1 AS n;")])?;
    let migrate = ["migrate", "--env", "staging", "--force"];
    assert_eq!(world.json(&migrate).await?["state"], "succeeded");
    let status = world.status_of("one").await?;
    assert_eq!((&status["version"], &status["applied"]), (&"1.10".into(), &3.into()));

    world.write_migrations(&[up, later, back, view("CREATE OR REPLACE VIEW v AS SELECT 1 AS n, 2 AS m;")])?;
    let plan = world.json(&["plan", "--env", "staging"]).await?;
    let steps = plan["groups"][0]["steps"].as_array().map_or(0, Vec::len);
    assert_eq!((steps, &plan["groups"][0]["steps"][0]["version"]), (1, &"R__v".into()));
    assert_eq!(world.json(&migrate).await?["state"], "succeeded");
    let status = world.status_of("one").await?;
    assert_eq!(
        (&status["version"], &status["applied"], &status["pending"]),
        (&"1.10".into(), &3.into(), &0.into())
    );

    let rollback = ["rollback", "--env", "staging", "--target", "1.9", "--force"];
    assert_eq!(world.json(&rollback).await?["state"], "succeeded");
    let status = world.status_of("one").await?;
    assert_eq!((&status["version"], &status["applied"]), (&"1.9".into(), &2.into()), "the view stays");
    Ok(())
}
