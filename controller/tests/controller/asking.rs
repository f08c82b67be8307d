//! What `status` and `history` are asked for, and that nobody is named to whom it is none of their business.

use std::time::Duration;

use pgbelay_core::digest::Digest;
use pgbelay_proto::wire;
use tonic::Code;

use super::world::{World, refusal, until};

async fn names(world: &World, asked: wire::StatusRequest) -> anyhow::Result<Vec<String>> {
    let answer = world.admin().await?.status(asked).await?.into_inner();
    Ok(answer.databases.into_iter().map(|database| database.name).collect())
}

async fn lines(world: &World, asked: wire::HistoryRequest) -> anyhow::Result<Vec<String>> {
    let answer = world.admin().await?.history(asked).await?.into_inner();
    Ok(answer.entries.into_iter().map(|l| format!("{} {} {}", l.database, l.version, l.state)).collect())
}

fn of_health(words: &[&str]) -> wire::StatusRequest {
    wire::StatusRequest {
        health: words.iter().map(|word| (*word).to_owned()).collect(),
        ..Default::default()
    }
}

fn changed(mut hello: wire::Hello) -> wire::Hello {
    if let Some(seen) = &mut hello.observation {
        seen.fingerprint = Digest::of("changed").to_string();
    }
    hello
}

#[tokio::test]
async fn status_has_what_was_asked_for() -> anyhow::Result<()> {
    let world = World::start().await?;
    let mut orders = world.agent("orders", "staging").await?.connect(&world).await?;
    let _users = world.agent("users", "production").await?;
    let release = world.push(&["001"]).await?;
    orders.start_rollout(&world, "staging", &release).await?;
    orders.obey().await?;
    orders.obey().await?;

    until("it is done", async || Ok(world.status("orders").await?.pending == 0)).await?;
    let pending = wire::StatusRequest { pending: true, ..Default::default() };
    assert_eq!(names(&world, pending).await?, ["users"]);
    assert_eq!(names(&world, of_health(&["ok"])).await?, ["orders"]);
    assert_eq!(names(&world, of_health(&["never-seen"])).await?, ["users"]);
    assert_eq!(names(&world, of_health(&["never-seen", "ok"])).await?, ["orders", "users"]);
    let answer = world.admin().await?.status(of_health(&["busy"])).await?.into_inner();
    assert_eq!((answer.databases.len(), answer.considered), (0, 2));

    let drift = || wire::StatusRequest { drift: true, ..Default::default() };
    assert_eq!(names(&world, drift()).await?, Vec::<String>::new());
    let agent = orders.agent.restarted();
    drop(orders);
    // Somebody changes the schema; what is applied stays.
    let mut stream = agent.say_hello(&world, changed(agent.hello())).await?;
    stream.next().await?;
    assert_eq!(names(&world, drift()).await?, ["orders"]);
    assert!(world.status("orders").await?.drift_since.is_some());
    // They take it back.
    drop(stream);
    let stream = agent.connect(&world).await?;
    stream.heartbeat().await?;
    until("it is as it was", async || Ok(names(&world, drift()).await?.is_empty())).await?;
    Ok(())
}

#[tokio::test]
async fn what_is_pending_is_told_in_whatever_order_the_rest_was_applied() -> anyhow::Result<()> {
    let world = World::start().await?;
    world.push(&["001", "002", "003"]).await?;
    let databases = [
        ("none", &[][..], 3),
        ("first", &["001"], 2),
        ("second", &["002"], 2),
        ("reversed", &["002", "001"], 1),
        ("more", &["001", "002", "003", "004"], 0),
        ("others", &["000", "001"], 2),
    ];
    for (name, applied, pending) in databases {
        let mut agent = world.agent(name, "staging").await?;
        agent.records = applied
            .iter()
            .map(|version| wire::AppliedRecord {
                version: (*version).to_owned(),
                name: format!("m{version}"),
                checksum: Digest::of(version).to_string(),
                applied_at_ms: 1,
                ..wire::AppliedRecord::default()
            })
            .collect();
        let _stream = agent.connect(&world).await?;
        let status = world.status(name).await?;
        assert_eq!((status.pending, status.applied as usize), (pending, applied.len()), "{name}");
    }
    Ok(())
}

#[tokio::test]
async fn history_has_what_was_asked_for() -> anyhow::Result<()> {
    let world = World::start().await?;
    let mut orders = world.agent("orders", "staging").await?.connect(&world).await?;
    let release = world.push(&["001", "002"]).await?;
    orders.start_rollout(&world, "staging", &release).await?;
    orders.obey().await?;
    orders.obey().await?;
    let all = ["orders 002 done", "orders 001 done"];
    let none: [&str; 0] = [];
    until("all is there", async || Ok(lines(&world, Default::default()).await?.len() == 2)).await?;

    let version = |version: &str| wire::HistoryRequest { version: version.into(), ..Default::default() };
    assert_eq!(lines(&world, version("001")).await?, ["orders 001 done"]);
    assert_eq!(lines(&world, version("009")).await?, none);
    let result = |word: &str| wire::HistoryRequest { results: vec![word.into()], ..Default::default() };
    assert_eq!(lines(&world, result("done")).await?, all);
    assert_eq!(lines(&world, result("failed")).await?, none);
    let by = |name: &str| wire::HistoryRequest { by: name.into(), ..Default::default() };
    assert_eq!(lines(&world, by("eve")).await?, none);
    let entries = world.admin().await?.history(wire::HistoryRequest::default()).await?.into_inner().entries;
    assert_eq!(lines(&world, by(&entries[0].by)).await?, all);
    let at = entries[0].at.parse::<jiff::Timestamp>()?.as_millisecond();
    let between = |since_ms, until_ms| wire::HistoryRequest { since_ms, until_ms, ..Default::default() };
    assert_eq!(lines(&world, between(Some(at), None)).await?, all);
    assert_eq!(lines(&world, between(Some(at + 1), None)).await?, none);
    assert_eq!(lines(&world, between(None, Some(at))).await?, none);
    assert_eq!(lines(&world, between(None, Some(at + 1))).await?, all);
    Ok(())
}

#[tokio::test]
async fn words_that_mean_nothing_are_refused() -> anyhow::Result<()> {
    let world = World::start().await?;
    let _agent = world.agent("orders", "staging").await?;
    let mut admin = world.admin().await?;
    let label = wire::StatusRequest { labels: vec!["region=mars".into()], ..Default::default() };
    let result = wire::HistoryRequest { results: vec!["fine".into()], ..Default::default() };
    let nobody = wire::HistoryRequest { database: "nobody".into(), ..Default::default() };
    let said = [
        (admin.status(of_health(&["fine"])).await.map(drop), "\"fine\" is not a health: ok, busy"),
        (admin.status(label).await.map(drop), "no database that you may see there has region=mars"),
        (admin.history(result).await.map(drop), "\"fine\" is not a result: done, failed"),
        (admin.history(nobody).await.map(drop), "nobody"),
    ];
    for (answer, words) in said {
        let status = refusal(answer.map_err(Into::into))?;
        assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");
        assert!(status.message().contains(words), "{status:?}");
    }
    Ok(())
}

/// An agent whose word is against the ledger is named to those who may see it, and to nobody else.
#[tokio::test]
async fn a_doubt_names_no_database_of_another_environment() -> anyhow::Result<()> {
    let world = World::start().await?;
    let mut orders = world.agent("orders", "staging").await?;
    let _users = world.agent("users", "production").await?;
    orders.witness = Some(wire::Checkpoint {
        incarnation: "00000000-0000-4000-8000-000000000000".to_owned(),
        acceptances: 0,
        seq: 7,
        hash: Digest::of("7").to_string(),
    });
    let _stream = tokio::time::timeout(Duration::from_secs(30), orders.connect(&world)).await??;
    for (name, place, named) in [("sam", "staging", true), ("pat", "production", false)] {
        let reader = world.add_operator(name, "viewer", &[place]).await?;
        let mut reader = world.operators(&reader).await?;
        let problem = reader.status(wire::StatusRequest::default()).await?.into_inner().ledger_problem;
        assert!(problem.contains("the ledger is in doubt"), "{problem:?}");
        assert_eq!(problem.contains("orders"), named, "{problem:?}");
    }
    Ok(())
}
