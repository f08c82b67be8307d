//! What the agent's own file does not allow, on a real server: refused as a whole, and nothing was changed.

use std::collections::BTreeMap;

use pgbelay_agent::config::Config;
use pgbelay_core::command::{Outcome, RefusedBecause};
use pgbelay_core::database::Observation;
use pgbelay_core::digest::Digest;
use pgbelay_proto::wire;
use pgbelay_proto::wire::command::Kind;
use pgbelay_proto::wire::controller_message::Message::{Command, Probe};
use pgbelay_proto::wire::probe_answer::Answer;
use pgbelay_tests::postgres::Cluster;

use crate::controller::Session;
use crate::real::{expecting, on, seen, start};
use crate::world::{World, backup_command, run_command, settings, step};

/// A world whose agent has that section `guard`.
async fn guarded(cluster: &Cluster, guard: &str) -> anyhow::Result<World> {
    let mut world = World::new().await?;
    on(&mut world, cluster);
    let text = format!(
        "database: {{ name: orders, user: u }}\nagent: {{ name: orders, controller: 'c:1', state_dir: /s }}\nguard: {guard}"
    );
    let config = Config::parse(&text, &BTreeMap::new());
    world.config.guard = config.map_err(|mistakes| anyhow::anyhow!("{mistakes:?}"))?.guard;
    Ok(world)
}

fn steps(world: &World, files: &[(&str, &str)]) -> Vec<wire::Step> {
    let one = |(version, sql): &(&str, &str)| {
        world.controller.script(|script| script.sql.insert(Digest::of(sql).to_string(), (*sql).into()));
        wire::Step { version: (*version).to_owned(), ..step(sql) }
    };
    files.iter().map(one).collect()
}

/// What came of a run of these.
async fn run(
    world: &World,
    agent: &mut Session,
    id: &str,
    files: &[(&str, &str)],
    seen: &Observation,
) -> anyhow::Result<Outcome> {
    let mut command = expecting(run_command(id, 1), seen);
    if let Some(Kind::Run(run)) = &mut command.kind {
        run.steps = steps(world, files);
    }
    agent.say(Command(command)).await?;
    agent.accepted().await?;
    let (_, _, outcome) = agent.report().await?;
    agent.ack(id, 1).await?;
    Ok(outcome)
}

#[track_caller]
fn rule(outcome: Outcome) -> String {
    let Outcome::Refused { reason: RefusedBecause::Guard { rule } } = outcome else {
        panic!("not refused: {outcome:?}")
    };
    rule
}

const FIRST: (&str, &str) = ("001", "CREATE TABLE a (id int);");

#[tokio::test]
async fn what_is_not_allowed_is_refused_before_anything_is_changed() -> anyhow::Result<()> {
    let cluster = Cluster::start().await?;
    cluster.create_database("app").await?;
    let guard = "{ deny: [truncate], max_risk: medium, functions: [app.purge] }";
    let mut world = guarded(&cluster, guard).await?;
    let (task, shutdown) = start(&world);
    let mut agent = world.controller.agent().await?;
    let empty = seen(&agent)?;
    for (at, (sql, told)) in [
        ("SELECT 1;\nCOPY a FROM PROGRAM 'true';", "COPY FROM PROGRAM runs a program"),
        ("SELECT 1;\nDO LANGUAGE plpython3u 'pass';", "code in plpython3u"),
        ("SELECT 1,\n pg_catalog.pg_read_file('postgresql.conf');", "pg_read_file() reads or writes files"),
        ("SELECT 1;\nSET ROLE pg_monitor;", "SET ROLE may make the session somebody else"),
        ("SELECT 1;\nCREATE EXTENSION dblink;", "extension dblink is not trusted by the server"),
        ("SELECT 1;\nUPDATE pgbelay.fence SET epoch = 0;", "pgbelay.fence belongs to pgbelay itself"),
        ("SELECT 1;\nTRUNCATE a;", "TRUNCATE is denied"),
        ("SELECT 1;\nDROP TABLE a;", "DROP TABLE is of high risk by itself"),
        ("SELECT 1;\nSELECT app.purge();", "it calls app.purge"),
    ]
    .into_iter()
    .enumerate()
    {
        let files = [FIRST, ("002", sql)];
        let rule = rule(run(&world, &mut agent, &format!("c{at}"), &files, &empty).await?);
        assert!(rule.starts_with("migration 002, line 2: ") && rule.contains(told), "{rule}");
        let kind = wire::probe::Kind::DryRun(wire::probe::DryRun {
            steps: steps(&world, &files),
            settings: Some(settings()),
        });
        agent.say(Probe(wire::Probe { id: 1, kind: Some(kind) })).await?;
        let Some(Answer::DryRun(tried)) = agent.answer().await?.answer else { panic!("{sql}") };
        let failure = tried.failure.unwrap();
        assert!(tried.done.is_empty() && failure.message.contains(told), "{failure:?}");
        assert_eq!((failure.line, failure.version.as_str()), (2, "002"), "{failure:?}");
    }
    let client = cluster.connect("app").await?;
    let made = client.query("SELECT FROM pg_namespace WHERE nspname = 'pgbelay'", &[]).await?;
    assert!(made.is_empty(), "not even pgbelay's own tables were made");
    // What the file says nothing of is run.
    let files = [FIRST, ("002", "CREATE EXTENSION pgcrypto; UPDATE a SET id = 1;")];
    let outcome = run(&world, &mut agent, "c90", &files, &empty).await?;
    assert!(matches!(&outcome, Outcome::Ran { done, .. } if done.len() == 2), "{outcome:?}");
    shutdown.stop.cancel();
    task.await?
}

#[tokio::test]
async fn what_the_file_allows_is_run() -> anyhow::Result<()> {
    let cluster = Cluster::start().await?;
    cluster.create_database("app").await?;
    let guard = "{ allow: [set-role, server-files, end-sessions], extensions: [dblink] }";
    let mut world = guarded(&cluster, guard).await?;
    let (task, shutdown) = start(&world);
    let mut agent = world.controller.agent().await?;
    let empty = seen(&agent)?;
    let unlisted = [("001", "CREATE EXTENSION pgcrypto;")];
    let rule = rule(run(&world, &mut agent, "c1", &unlisted, &empty).await?);
    assert!(rule.contains("guard.extensions does not list pgcrypto"), "{rule}");
    let files = [
        ("001", "SET ROLE pg_monitor; RESET ROLE; CREATE EXTENSION dblink;"),
        ("002", "CREATE TABLE a (t text); INSERT INTO a SELECT pg_read_file('PG_VERSION');"),
        ("003", "SELECT pg_cancel_backend(0); DO 'BEGIN PERFORM pg_stat_file(''PG_VERSION''); END';"),
    ];
    let outcome = run(&world, &mut agent, "c2", &files, &empty).await?;
    assert!(matches!(&outcome, Outcome::Ran { done, .. } if done.len() == 3), "{outcome:?}");
    shutdown.stop.cancel();
    task.await?
}

#[tokio::test]
async fn an_agent_that_only_reads_takes_backups() -> anyhow::Result<()> {
    let cluster = Cluster::start().await?;
    cluster.create_database("app").await?;
    let mut world = guarded(&cluster, "{ read_only: true }").await?;
    let (task, shutdown) = start(&world);
    let mut agent = world.controller.agent().await?;
    let empty = seen(&agent)?;
    let mut command = expecting(run_command("c1", 1), &empty);
    if let Some(Kind::Run(run)) = &mut command.kind {
        run.steps = steps(&world, &[FIRST]);
    }
    agent.say(Command(command)).await?;
    let (_, _, outcome) = agent.report().await?;
    assert!(rule(outcome).contains("guard.read_only: true"));
    agent.ack("c1", 1).await?;
    agent.say(Command(expecting(backup_command("c2", 1), &empty))).await?;
    agent.accepted().await?;
    let (_, _, outcome) = agent.report().await?;
    assert!(matches!(outcome, Outcome::BackedUp { .. }), "{outcome:?}");
    shutdown.stop.cancel();
    task.await?
}
