//! Many small migrations beside psql: run on request, in release mode, on a quiet machine.

use std::fmt::Write as _;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::ensure;
use pgbelay_tests::postgres::Cluster;

use crate::world::{Sample, World, ran, sample, versions};

const COUNT: usize = 500;
const ROUNDS: usize = 5;

fn samples() -> Vec<Sample> {
    let one = |n: usize| {
        let table = format!("t{}", n / 4);
        let up = match n % 4 {
            0 => format!("CREATE TABLE {table} (id int PRIMARY KEY, name text);"),
            1 => format!("ALTER TABLE {table} ADD COLUMN n int;"),
            2 => format!("CREATE INDEX {table}_n ON {table} (n);"),
            _ => format!("ALTER TABLE {table} ADD CONSTRAINT {table}_c CHECK (n > 0);"),
        };
        sample(&format!("{n:04}"), &up, "")
    };
    (0..COUNT).map(one).collect()
}

#[expect(clippy::print_stdout, reason = "what was measured")]
async fn agent() -> anyhow::Result<Duration> {
    let world = World::on(Cluster::builder().durable(true).start().await?).await?;
    let order = world.up(&samples()).await?;
    let began = Instant::now();
    let mut progress = world.progress.subscribe();
    // When the first step began, and when the last was done.
    let parts = tokio::spawn(async move {
        let mut at = Vec::new();
        for words in ["0000 ", "looking at"] {
            let seen = progress.wait_for(|progress| progress.doing.starts_with(words)).await.map(drop);
            at.push(seen.map(|()| began.elapsed()));
        }
        at
    });
    let (done, _) = ran(world.run(&order).await);
    let took = began.elapsed();
    println!("first step and last step after {:?}", parts.await?);
    assert_eq!(versions(&done).len(), COUNT);
    Ok(took)
}

async fn psql() -> anyhow::Result<Duration> {
    let world = World::on(Cluster::builder().durable(true).start().await?).await?;
    world
        .client()
        .await?
        .batch_execute("CREATE TABLE history (version text PRIMARY KEY, at timestamptz DEFAULT now())")
        .await?;
    let directory = tempfile::tempdir()?;
    let mut arguments = Vec::new();
    for sample in samples() {
        let mut text = String::new();
        write!(
            text,
            "BEGIN;\n{}\nINSERT INTO history (version) VALUES ('{}');\nCOMMIT;\n",
            sample.up, sample.version
        )?;
        let file = directory.path().join(&sample.version);
        std::fs::write(&file, text)?;
        arguments.push("-f".into());
        arguments.push(file.into_os_string());
    }
    let mut command = Command::new(world.cluster.programs().join("psql"));
    command
        .args(["-q", "-X", "-v", "ON_ERROR_STOP=1"])
        .args(arguments)
        .envs(world.cluster.environment("app"));
    let began = Instant::now();
    let output = command.output()?;
    let took = began.elapsed();
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(took)
}

#[tokio::test]
#[ignore = "a measurement"]
async fn five_hundred_small_migrations() -> anyhow::Result<()> {
    let mut ratios = Vec::new();
    for _ in 0..ROUNDS {
        let (agent, psql) = (agent().await?, psql().await?);
        let ratio = agent.as_secs_f64() / psql.as_secs_f64();
        println!("agent {agent:?}, psql {psql:?}, ratio {ratio:.2}");
        ratios.push(ratio);
    }
    ratios.sort_by(f64::total_cmp);
    println!("median ratio {:.2}", ratios[ROUNDS / 2]);
    Ok(())
}
