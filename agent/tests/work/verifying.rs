//! What was run is asked how it is. A wrong answer is not a missing one, and nothing is changed by asking.

use std::sync::atomic::Ordering;

use pgbelay_agent::database::{self, Control};
use pgbelay_core::command::{Outcome, Said};
use pgbelay_core::policy::Query;
use pgbelay_core::time::Span;
use pgbelay_tests::wait;

use crate::world::{LONG, World};

const SETUP: &str = "CREATE TABLE t (id int); INSERT INTO t VALUES (1), (2);
    CREATE FUNCTION writes() RETURNS int LANGUAGE sql AS 'INSERT INTO public.t VALUES (3) RETURNING id';
    CREATE SCHEMA other; CREATE TABLE other.u (id int);
    ALTER DATABASE app SET search_path = other, public;";

fn query(text: &str, expect: &str) -> Query {
    Query {
        name: text.to_owned(),
        query: text.to_owned(),
        expect: expect.to_owned(),
        timeout: Span::seconds(20),
    }
}

async fn ask(world: &World, queries: &[Query]) -> Outcome {
    let lease = || world.leased.load(Ordering::SeqCst);
    let control = Control { progress: &world.progress, cancel: &world.cancel, lease: &lease, may_end: &[] };
    database::verify(&world.target, queries, &control).await
}

async fn said(world: &World, queries: &[Query]) -> Vec<Said> {
    match ask(world, queries).await {
        Outcome::Verified { answers } => {
            assert!(answers.iter().map(|a| &a.query).eq(queries.iter().map(|q| &q.name)));
            answers.into_iter().map(|answer| answer.said).collect()
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn every_answer_is_what_it_should_or_something_else_or_none() -> anyhow::Result<()> {
    let world = World::new().await?;
    world.client().await?.batch_execute(SETUP).await?;
    let failed = |got: &str| Said::Failed { got: got.to_owned() };
    for (text, expect, expected) in [
        ("SELECT count(*) FROM t", "2", Ok(Said::Passed)),
        ("SELECT count(*) FROM u -- the path of the agent's user; counts", "0", Ok(Said::Passed)),
        ("SELECT count(*) = 2 FROM t;", "true", Ok(Said::Passed)),
        ("SELECT 'a' || $x$'b$x$", "a'b", Ok(Said::Passed)),
        ("WITH w AS (SELECT max(id) AS m FROM t) SELECT m FROM w", "2", Ok(Said::Passed)),
        ("SELECT count(*) FROM t", "0", Ok(failed("\"2\", not \"0\""))),
        ("SELECT id FROM t WHERE id > 5", "0", Ok(failed("no row, not \"0\""))),
        ("SELECT id FROM t", "1", Ok(failed("more than one row, not \"1\""))),
        ("SELECT NULL::int", "1", Ok(failed("NULL, not \"1\""))),
        ("SELECT 1, 2", "1", Err("it gives 2 columns, and one is asked for")),
        ("SELECT nothing FROM t", "1", Err("column \"nothing\" does not exist")),
        ("SELECT writes()", "3", Err("cannot execute INSERT in a read-only transaction")),
        ("SELECT 1/0", "1", Err("division by zero")),
        ("SELECT 1; SELECT 2", "1", Err("more than one statement")),
    ] {
        let said = said(&world, &[query(text, expect)]).await;
        match (expected, &said[0]) {
            (Ok(expected), said) => assert_eq!(*said, expected, "{text}"),
            (Err(expected), Said::Unknown { why }) => assert!(why.contains(expected), "{text}: {why}"),
            (Err(_), said) => panic!("{text}: {said:?}"),
        }
    }
    let rows: i64 = world.client().await?.query_one("SELECT count(*) FROM t", &[]).await?.get(0);
    assert_eq!(rows, 2, "something was written");
    Ok(())
}

#[tokio::test]
async fn one_that_takes_too_long_says_nothing_and_the_next_is_asked() -> anyhow::Result<()> {
    let world = World::new().await?;
    let slow = Query { timeout: Span(300), ..query("SELECT pg_sleep(60) IS NOT NULL", "true") };
    let said = said(&world, &[slow, query("SELECT 1", "1")]).await;
    assert!(matches!(&said[0], Said::Unknown { why } if why.contains("statement timeout")), "{said:?}");
    assert_eq!(said[1], Said::Passed);
    Ok(())
}

#[tokio::test]
async fn one_that_is_cancelled_is_ended_on_the_server() -> anyhow::Result<()> {
    let world = World::new().await?;
    let slow = [Query { timeout: Span::seconds(600), ..query("SELECT pg_sleep(500) IS NULL", "false") }];
    let watcher = world.client().await?;
    let sleeping = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pgbelay-agent verification' \
                    AND state = 'active'";
    let count = async || anyhow::Ok(watcher.query_one(sleeping, &[]).await?.get::<_, i64>(0));
    let cancel = async {
        wait::until("the query runs", LONG, async || Ok(count().await? == 1)).await?;
        world.cancel.cancel();
        anyhow::Ok(())
    };
    let (outcome, cancelled) = tokio::join!(ask(&world, &slow), cancel);
    cancelled?;
    assert_eq!(outcome, Outcome::Cancelled { done: Vec::new(), observation: None });
    wait::until("the query has ended", LONG, async || Ok(count().await? == 0)).await
}

#[tokio::test]
async fn a_server_that_is_away_is_no_answer() -> anyhow::Result<()> {
    let mut world = World::new().await?;
    world.cluster.stop_immediate()?;
    let said = said(&world, &[query("SELECT 1", "1"), query("SELECT 2", "2")]).await;
    assert!(said.iter().all(|said| matches!(said, Said::Unknown { .. })), "{said:?}");
    Ok(())
}
