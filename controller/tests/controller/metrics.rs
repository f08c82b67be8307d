//! Figures for Prometheus.

use anyhow::{Context as _, ensure};
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
    drop(stream);
    ensure!(ask(&world, "GET /ledger HTTP/1.1").await?.starts_with("HTTP/1.1 404"));
    ensure!(ask(&world, "POST /metrics HTTP/1.1").await?.starts_with("HTTP/1.1 404"));
    Ok(())
}
