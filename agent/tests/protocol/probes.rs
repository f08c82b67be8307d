//! Questions: answered beside the work, a few at a time, and never in its way.

use std::time::Duration;

use pgbelay_core::digest::Digest;
use pgbelay_proto::wire::controller_message::Message::{Command, Probe};
use pgbelay_proto::wire::probe::{Catalog, CountLoss, DryRun, Inspect, Kind, Measure, VerifyBackup};
use pgbelay_proto::wire::{self, probe_answer::Answer};

use crate::site::{Mood, observation};
use crate::world::{SQL, World, run_command, settings, step, until};

fn probe(id: u64, kind: Kind) -> wire::controller_message::Message {
    Probe(wire::Probe { id, kind: Some(kind) })
}

fn dry_run() -> Kind {
    Kind::DryRun(DryRun { steps: vec![step(SQL)], settings: Some(settings()) })
}

fn count(tables: &[&str]) -> Kind {
    let doomed = |table: &&str| wire::Doomed { table: (*table).to_owned(), column: String::new() };
    Kind::CountLoss(CountLoss { objects: tables.iter().map(doomed).collect() })
}

#[tokio::test]
async fn every_question_has_its_answer() -> anyhow::Result<()> {
    let mut world = World::started().await?;
    let mut agent = world.controller.agent().await?;
    agent.say(probe(1, Kind::Inspect(Inspect {}))).await?;
    let answer = agent.answer().await?;
    assert_eq!((answer.id, answer.answer), (1, Some(Answer::Observation((&observation()).into()))));
    agent.say(probe(2, dry_run())).await?;
    let Some(Answer::DryRun(result)) = agent.answer().await?.answer else { panic!() };
    assert!(result.done.len() == 1 && result.failure.is_none(), "{result:?}");
    agent.say(probe(3, count(&["tasks", "gone"]))).await?;
    let Some(Answer::Loss(loss)) = agent.answer().await?.answer else { panic!() };
    let counted: Vec<_> = loss.lost.iter().map(|lost| (lost.rows, lost.error.as_str())).collect();
    assert_eq!(counted, [(42, ""), (0, "there is no such table")]);
    agent.say(Probe(wire::Probe { id: 4, kind: None })).await?;
    assert!(matches!(agent.answer().await?.answer, Some(Answer::Error(_))));
    Ok(())
}

#[tokio::test]
async fn a_dry_run_waits_its_turn_and_a_look_does_not() -> anyhow::Result<()> {
    let mut world = World::started().await?;
    world.site.mood(Mood::Slow);
    let mut agent = world.controller.agent().await?;
    agent.say(Command(run_command("c1", 1))).await?;
    agent.accepted().await?;
    until("it runs", || !world.site.asked().runs.is_empty()).await?;
    agent.say(probe(1, dry_run())).await?;
    let Some(Answer::Error(why)) = agent.answer().await?.answer else { panic!() };
    assert!(why.contains("busy with command c1"), "{why}");
    agent.say(probe(2, Kind::Inspect(Inspect {}))).await?;
    assert!(matches!(agent.answer().await?.answer, Some(Answer::Observation(_))));
    Ok(())
}

#[tokio::test]
async fn an_agent_that_may_not_migrate_does_not_try_either() -> anyhow::Result<()> {
    let mut world = World::new().await?;
    world.config.agent.allow_migrations = false;
    world.start_agent();
    let mut agent = world.controller.agent().await?;
    agent.say(probe(1, dry_run())).await?;
    let Some(Answer::Error(why)) = agent.answer().await?.answer else { panic!() };
    assert!(why.contains("agent.allow_migrations"), "{why}");
    Ok(())
}

#[tokio::test]
async fn too_many_questions_are_answered_with_that() -> anyhow::Result<()> {
    let mut world = World::started().await?;
    world.site.mood(Mood::Slow);
    let mut agent = world.controller.agent().await?;
    for id in 1..=9 {
        agent.say(probe(id, count(&["tasks"]))).await?;
    }
    let answer = agent.answer().await?;
    assert!(answer.id == 9 && matches!(answer.answer, Some(Answer::Error(_))), "{answer:?}");
    world.site.mood(Mood::Quick);
    for _ in 1..=8 {
        assert!(matches!(agent.answer().await?.answer, Some(Answer::Loss(_))));
    }
    Ok(())
}

#[tokio::test]
async fn a_schema_is_read_one_at_a_time() -> anyhow::Result<()> {
    let mut world = World::started().await?;
    world.site.mood(Mood::Slow);
    let mut agent = world.controller.agent().await?;
    for id in [1, 2] {
        agent.say(probe(id, Kind::Catalog(Catalog {}))).await?;
    }
    world.site.mood(Mood::Quick);
    let Some(Answer::Catalog(part)) = agent.answer().await?.answer else { panic!() };
    assert!(part.last && part.fingerprint == observation().fingerprint.to_string(), "{part:?}");
    let read = pgbelay_analysis::Catalog::read_json(std::str::from_utf8(&part.json)?)?;
    assert_eq!(read, pgbelay_analysis::Catalog::fresh());
    assert!(matches!(agent.answer().await?.answer, Some(Answer::Catalog(_))), "the second had to wait");
    Ok(())
}

#[tokio::test]
async fn relations_are_measured() -> anyhow::Result<()> {
    let mut world = World::started().await?;
    let mut agent = world.controller.agent().await?;
    agent.say(probe(1, Kind::Measure(Measure { relations: vec!["public.a".to_owned()] }))).await?;
    let Some(Answer::Measured(measured)) = agent.answer().await?.answer else { panic!() };
    assert_eq!((measured.relations[0].relation.as_str(), measured.relations[0].bytes), ("public.a", 7));
    Ok(())
}

#[tokio::test]
async fn a_backup_is_read_for_as_long_as_the_controller_waits() -> anyhow::Result<()> {
    let mut world = World::new().await?;
    world.timing.probe = Duration::from_millis(50);
    world.start_agent();
    world.site.mood(Mood::Slow);
    let mut agent = world.controller.agent().await?;
    let verify = |id, deadline_ms| {
        let (path, sha256) = ("/backups/b".to_owned(), Digest::of("x").to_string());
        let copies = vec!["s3://b/x".to_owned()];
        probe(id, Kind::VerifyBackup(VerifyBackup { path, sha256, quick: false, deadline_ms, copies }))
    };
    agent.say(verify(1, 600_000)).await?;
    agent.say(probe(2, count(&["tasks"]))).await?;
    let late = agent.answer().await?;
    assert!(late.id == 2 && matches!(late.answer, Some(Answer::Error(_))), "{late:?}");
    world.site.mood(Mood::Quick);
    let read = agent.answer().await?;
    let Some(Answer::Backup(check)) = &read.answer else { anyhow::bail!("{read:?}") };
    assert!(read.id == 1 && check.notes == ["the copy at s3://b/x is gone"], "{read:?}");
    // A controller that says nothing of it waits as long as for everything.
    world.site.mood(Mood::Slow);
    agent.say(verify(3, 0)).await?;
    let late = agent.answer().await?;
    assert!(late.id == 3 && matches!(late.answer, Some(Answer::Error(_))), "{late:?}");
    Ok(())
}
