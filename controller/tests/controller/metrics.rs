//! Figures for Prometheus.

use std::time::Instant;

use anyhow::{Context as _, ensure};
use pgbelay_proto::wire;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::world::World;

async fn ask(world: &World, head: &str) -> anyhow::Result<String> {
    let mut stream = TcpStream::connect(world.metrics.context("no listener")?).await?;
    stream.write_all(format!("{head}\r\nHost: x\r\n\r\n").as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}

#[tokio::test]
async fn figures_are_there_and_nothing_else() -> anyhow::Result<()> {
    let world = World::start().await?;
    let agent = world.agent("orders-1", "staging").await?;
    let stream = agent.connect(&world).await?;
    let figures = ask(&world, "GET /metrics HTTP/1.1").await?;
    ensure!(figures.starts_with("HTTP/1.1 200"), "{figures}");
    let has = |line: &str| figures.lines().any(|seen| seen == line);
    ensure!(has("pgbelay_agent_connected{database=\"orders-1\",environment=\"staging\"} 1"), "{figures}");
    ensure!(
        has("pgbelay_jobs{state=\"open\"} 0") && has("# TYPE pgbelay_backup_proven_age_seconds gauge"),
        "{figures}"
    );
    ensure!(has("pgbelay_ledger_doubts 0") && has("pgbelay_agents_quarantined 0"), "{figures}");
    ensure!(!figures.contains("pgbelay_backup_proven_age_seconds{"), "never proven: {figures}");
    ensure!(!figures.contains("{method=\"Status\"}"), "nobody has asked: {figures}");
    drop(stream);
    ensure!(ask(&world, "GET /ledger HTTP/1.1").await?.starts_with("HTTP/1.1 404"));
    ensure!(ask(&world, "POST /metrics HTTP/1.1").await?.starts_with("HTTP/1.1 404"));
    Ok(())
}

/// One of the figures of how long answers take.
fn answers(figures: &str, what: &str) -> anyhow::Result<f64> {
    let sample = format!("pgbelay_answer_seconds_{what}");
    let value = figures.lines().find_map(|line| line.strip_prefix(&sample)?.strip_prefix(' '));
    Ok(value.with_context(|| format!("no {sample} in {figures}"))?.parse()?)
}

/// An answer and a refusal of the service are each counted once.
#[tokio::test]
async fn the_time_that_operators_wait_is_counted_by_method() -> anyhow::Result<()> {
    let world = World::start().await?;
    let begun = Instant::now();
    let mut admin = world.admin().await?;
    for database in ["", "", "nobody"] {
        let asked = wire::StatusRequest { database: database.to_owned(), ..Default::default() };
        ensure!(admin.status(asked).await.is_ok() == database.is_empty());
    }
    let figures = ask(&world, "GET /metrics HTTP/1.1").await?;
    let took = begun.elapsed().as_secs_f64();
    assert_eq!(answers(&figures, "count{method=\"Status\"}")?, 3.0);
    assert_eq!(answers(&figures, "bucket{method=\"Status\",le=\"+Inf\"}")?, 3.0);
    assert_eq!(answers(&figures, "bucket{method=\"Status\",le=\"10\"}")?, 3.0);
    let sum = answers(&figures, "sum{method=\"Status\"}")?;
    ensure!(sum > 0.0 && sum < took, "{sum} s of {took} s");
    ensure!(figures.lines().any(|line| line == "# TYPE pgbelay_answer_seconds histogram"), "{figures}");
    Ok(())
}
