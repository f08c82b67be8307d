//! The crash matrix: every kind of step, held at every point, while every process is killed in turn. Nobody helps: the
//! run ends, or pauses with a named state, and the schema agrees with the record.
//!
//! A kind and a victim share a fleet; each point is a migration of its own in it. A cell is
//! - `ok`: the rollout ended well by itself,
//! - `again`: it failed with a named reason, and the same command ran to its end,
//! - `word`: it waited for `pgbelay resolve`, and ran to its end,
//! - `-`: there is no such point.
//!
//! Anything else fails the test.

mod kind;
mod restoring;
mod stage;

use kind::Kind;
use stage::{Point, Stage, Victim};

async fn kind_of_step(kind: Kind) -> anyhow::Result<()> {
    let mut rows: Vec<(Point, Vec<&str>)> = Point::ALL.map(|point| (point, Vec::new())).into();
    let (mut tried, mut wrong) = (0, Vec::new());
    for victim in Victim::ALL {
        let mut stage = Stage::set(kind).await?;
        for (point, cells) in &mut rows {
            if !kind.has(*point) {
                cells.push("-");
                continue;
            }
            tried += 1;
            match stage.cell(*point, victim).await {
                Ok(how) => cells.push(how),
                Err(error) => {
                    cells.push("WRONG");
                    wrong.push(format!("{point:?}, {victim:?}: {error:#}"));
                    // What is left over would spoil the next cell.
                    stage = Stage::set(kind).await?;
                }
            }
        }
    }
    print(kind, &rows, tried, wrong.len());
    anyhow::ensure!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the matrix is what the test is run for")]
fn print(kind: Kind, rows: &[(Point, Vec<&str>)], tried: usize, wrong: usize) {
    let mut text = format!("{kind:?}: {tried} cells tried, {} held\n", tried - wrong);
    let heads = Victim::ALL.map(|victim| format!("{victim:?}").to_lowercase());
    text.push_str(&format!("  {:<24}", ""));
    heads.iter().for_each(|head| text.push_str(&format!("{head:>12}")));
    for (point, cells) in rows {
        text.push_str(&format!("\n  {:<24}", point.words()));
        cells.iter().for_each(|cell| text.push_str(&format!("{cell:>12}")));
    }
    println!("{text}\n");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn transactional() -> anyhow::Result<()> {
    kind_of_step(Kind::Transactional).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mixed() -> anyhow::Result<()> {
    kind_of_step(Kind::Mixed).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_index() -> anyhow::Result<()> {
    kind_of_step(Kind::ConcurrentIndex).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn enum_value() -> anyhow::Result<()> {
    kind_of_step(Kind::EnumValue).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn backup() -> anyhow::Result<()> {
    kind_of_step(Kind::Backup).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rollback() -> anyhow::Result<()> {
    kind_of_step(Kind::Rollback).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn series() -> anyhow::Result<()> {
    kind_of_step(Kind::Series).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn restore_as_a_proof() -> anyhow::Result<()> {
    restoring::matrix(restoring::Kind::Scratch).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn restore_into_a_new_database() -> anyhow::Result<()> {
    restoring::matrix(restoring::Kind::New).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn restore_of_tables() -> anyhow::Result<()> {
    restoring::matrix(restoring::Kind::Tables).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn restore_in_place() -> anyhow::Result<()> {
    restoring::matrix(restoring::Kind::InPlace).await
}
