//! What becomes of a command: once, in order, and told until somebody has heard.

use std::time::Duration;

use pgbelay_core::command::{FailureKind, Outcome, RefusedBecause};
use pgbelay_core::database::AppliedRecord;
use pgbelay_core::digest::Digest;
use pgbelay_core::time::{Span, Timestamp};
use pgbelay_proto::wire::command::Kind;
use pgbelay_proto::wire::controller_message::Message::Command;
use pgbelay_proto::wire::{self, agent_message::Message as Said};

use crate::site::{Mood, observation};
use crate::world::{SQL, World, backup_command, run_command, until};

fn rule(outcome: Outcome) -> String {
    let Outcome::Refused { reason: RefusedBecause::Guard { rule } } = outcome else {
        panic!("not a guard's refusal: {outcome:?}");
    };
    rule
}

#[tokio::test]
async fn a_command_is_on_disk_then_accepted_then_run_then_told_until_acknowledged() -> anyhow::Result<()> {
    let mut world = World::new().await?;
    world.timing.resend = Duration::from_millis(50);
    world.start_agent();
    world.site.mood(Mood::Slow);
    let mut agent = world.controller.agent().await?;
    agent.say(Command(run_command("c1", 1))).await?;
    assert_eq!(agent.accepted().await?, ("c1".to_owned(), 1));
    assert_eq!(world.journal("c1@1.json")?["state"]["is"], "accepted");
    until("it runs", || world.site.asked().runs == ["c1"]).await?;
    assert_eq!(world.site.asked().sql[&Digest::of(SQL)], SQL);
    world.site.mood(Mood::Quick);
    for _ in 0..3 {
        let (id, attempt, outcome) = agent.report().await?;
        assert_eq!((id.as_str(), attempt), ("c1", 1));
        assert_eq!(outcome, Outcome::Ran { done: Vec::new(), observation: observation() });
    }
    assert_eq!(world.journal("c1@1.json")?["state"]["is"], "finished");
    agent.ack("c1", 1).await?;
    until("it is acknowledged", || {
        world.journal("c1@1.json").is_ok_and(|entry| entry["state"]["is"] == "acknowledged")
    })
    .await?;
    agent.say(Command(backup_command("c2", 1))).await?;
    while !matches!(agent.next().await?, Said::Accepted(accepted) if accepted.command_id == "c2") {}
    for _ in 0..3 {
        let (id, _, outcome) = agent.report().await?;
        assert!(id == "c2" && matches!(outcome, Outcome::BackedUp { .. }), "c1 is told no more: {id}");
    }
    Ok(())
}

#[tokio::test]
async fn progress_is_told_while_it_lasts() -> anyhow::Result<()> {
    let mut world = World::started().await?;
    world.site.mood(Mood::Slow);
    let mut agent = world.controller.agent().await?;
    agent.say(Command(run_command("c1", 1))).await?;
    let progress = loop {
        if let Said::Progress(progress) = agent.next_of_all().await? {
            break progress;
        }
    };
    assert_eq!((progress.command_id.as_str(), progress.doing.as_str()), ("c1", "001 tasks"));
    Ok(())
}

#[tokio::test]
async fn the_same_command_again_is_not_run_again() -> anyhow::Result<()> {
    let mut world = World::started().await?;
    world.site.mood(Mood::Slow);
    let mut agent = world.controller.agent().await?;
    for _ in 0..2 {
        agent.say(Command(run_command("c1", 2))).await?;
        assert_eq!(agent.accepted().await?, ("c1".to_owned(), 2), "accepted, and accepted still");
    }
    until("it runs", || !world.site.asked().runs.is_empty()).await?;
    world.site.mood(Mood::Quick);
    let first = agent.report().await?;
    agent.ack("c1", 2).await?;
    agent.say(Command(run_command("c1", 2))).await?;
    assert_eq!(agent.report().await?, first, "acknowledged, and told all the same");
    agent.say(Command(run_command("c1", 1))).await?;
    world.kill_agent().await;
    world.start_agent();
    let mut agent = world.controller.agent().await?;
    assert!(agent.hello.journal.is_empty(), "{:?}", agent.hello.journal);
    agent.say(Command(run_command("c1", 2))).await?;
    assert_eq!(agent.report().await?, first, "and after a restart");
    assert_eq!(world.site.asked().runs, ["c1"]);
    Ok(())
}

#[tokio::test]
async fn a_second_command_is_refused_while_one_is_in_work() -> anyhow::Result<()> {
    let mut world = World::started().await?;
    world.site.mood(Mood::Slow);
    let mut agent = world.controller.agent().await?;
    agent.say(Command(backup_command("c1", 1))).await?;
    agent.accepted().await?;
    agent.say(Command(run_command("c2", 1))).await?;
    let (id, _, outcome) = agent.report().await?;
    assert_eq!(
        (id.as_str(), rule(outcome).as_str()),
        ("c2", "the agent is busy with command c1 of rollout r1")
    );
    agent.ack("c2", 1).await?;
    world.site.mood(Mood::Quick);
    let (id, _, outcome) = agent.report().await?;
    assert!(id == "c1" && matches!(outcome, Outcome::BackedUp { .. }), "{id} {outcome:?}");
    agent.ack("c1", 1).await?;
    agent.say(Command(run_command("c2", 1))).await?;
    assert!(rule(agent.report().await?.2).contains("busy"), "a refusal is a result");
    assert!(world.site.asked().runs.is_empty());
    Ok(())
}

#[tokio::test]
async fn a_cancel_ends_what_is_in_work() -> anyhow::Result<()> {
    let mut world = World::started().await?;
    world.site.mood(Mood::Slow);
    let mut agent = world.controller.agent().await?;
    agent.say(Command(run_command("c1", 1))).await?;
    agent.accepted().await?;
    until("it runs", || !world.site.asked().runs.is_empty()).await?;
    agent.cancel("c1", 1).await?;
    assert_eq!(agent.report().await?.2, Outcome::Cancelled { done: Vec::new(), observation: None });
    Ok(())
}

#[tokio::test]
async fn a_cancel_that_comes_first_keeps_the_command_from_ever_being_run() -> anyhow::Result<()> {
    let mut world = World::started().await?;
    let mut agent = world.controller.agent().await?;
    agent.cancel("c1", 1).await?;
    let cancelled = agent.report().await?;
    assert_eq!(cancelled.2, Outcome::Cancelled { done: Vec::new(), observation: None });
    agent.ack("c1", 1).await?;
    agent.say(Command(run_command("c1", 1))).await?;
    assert_eq!(agent.report().await?, cancelled);
    world.kill_agent().await;
    world.start_agent();
    let mut agent = world.controller.agent().await?;
    agent.say(Command(run_command("c1", 1))).await?;
    assert_eq!(agent.report().await?, cancelled, "and after a restart");
    assert!(world.site.asked().runs.is_empty());
    Ok(())
}

#[tokio::test]
async fn a_cancel_of_something_done_answers_with_what_was_done() -> anyhow::Result<()> {
    let mut world = World::started().await?;
    let mut agent = world.controller.agent().await?;
    agent.say(Command(run_command("c1", 1))).await?;
    agent.accepted().await?;
    let ran = agent.report().await?;
    agent.ack("c1", 1).await?;
    agent.cancel("c1", 1).await?;
    assert_eq!(agent.report().await?, ran);
    Ok(())
}

#[tokio::test]
async fn an_agent_that_may_not_migrate_backs_up_and_does_no_more() -> anyhow::Result<()> {
    let mut world = World::new().await?;
    world.config.agent.allow_migrations = false;
    world.start_agent();
    let mut agent = world.controller.agent().await?;
    agent.say(Command(run_command("c1", 1))).await?;
    assert!(rule(agent.report().await?.2).contains("agent.allow_migrations"));
    agent.ack("c1", 1).await?;
    agent.say(Command(backup_command("c2", 1))).await?;
    agent.accepted().await?;
    assert!(matches!(agent.report().await?.2, Outcome::BackedUp { .. }));
    assert!(world.site.asked().runs.is_empty());
    Ok(())
}

#[tokio::test]
async fn the_agents_own_limits_bind_what_it_runs() -> anyhow::Result<()> {
    let mut world = World::new().await?;
    world.config.migration.timeout = Some(Span(1_234));
    world.config.migration.max_rollback_time = Some(Span::hours(1));
    let old = AppliedRecord {
        adopted: false,
        version: "001".parse()?,
        name: "tasks".to_owned(),
        checksum: Digest::of(SQL),
        applied_at: Timestamp(0),
        repeatable: false,
    };
    world.site.shows(pgbelay_core::database::Observation { records: vec![old], ..observation() });
    world.start_agent();
    let mut agent = world.controller.agent().await?;
    agent.say(Command(run_command("c1", 1))).await?;
    agent.accepted().await?;
    assert!(matches!(agent.report().await?.2, Outcome::Ran { .. }));
    assert_eq!(world.site.asked().statement_timeout, Some(Span(1_234)));
    agent.ack("c1", 1).await?;
    let mut back = run_command("c2", 1);
    if let Some(Kind::Run(run)) = &mut back.kind {
        run.direction = wire::Direction::Down.into();
    }
    agent.say(Command(back)).await?;
    agent.accepted().await?;
    assert!(rule(agent.report().await?.2).contains("max_rollback_time"));
    assert_eq!(world.site.asked().runs, ["c1"]);
    Ok(())
}

#[tokio::test]
async fn what_is_too_late_or_not_understood_is_refused_and_the_connection_goes_on() -> anyhow::Result<()> {
    let mut world = World::started().await?;
    let mut agent = world.controller.agent().await?;
    agent.say(Command(wire::Command { not_after_ms: 1, ..run_command("c1", 1) })).await?;
    assert_eq!(agent.report().await?.2, Outcome::Refused { reason: RefusedBecause::TooLate });
    agent.ack("c1", 1).await?;
    agent.say(Command(wire::Command { kind: None, ..run_command("c2", 7) })).await?;
    let (id, attempt, outcome) = agent.report().await?;
    assert_eq!((id.as_str(), attempt), ("c2", 7));
    assert!(rule(outcome).contains("does not understand"));
    agent.ack("c2", 7).await?;
    agent.say(Command(wire::Command { database: "billing".to_owned(), ..run_command("c3", 1) })).await?;
    assert_eq!(rule(agent.report().await?.2), "this agent serves orders, not billing");
    Ok(())
}

#[tokio::test]
async fn sql_that_is_not_what_the_plan_names_is_not_run() -> anyhow::Result<()> {
    let mut world = World::started().await?;
    let mut agent = world.controller.agent().await?;
    let digest = Digest::of(SQL).to_string();
    for (id, sql) in [("c1", Some("drop table tasks;")), ("c2", None)] {
        world.controller.script(|script| match sql {
            Some(sql) => script.sql.insert(digest.clone(), sql.into()),
            None => script.sql.remove(&digest),
        });
        agent.say(Command(run_command(id, 1))).await?;
        agent.accepted().await?;
        let (_, _, outcome) = agent.report().await?;
        let Outcome::Failed { failure, .. } = outcome else { panic!("{outcome:?}") };
        assert_eq!(failure.kind, FailureKind::SqlMissing, "{failure:?}");
        agent.ack(id, 1).await?;
    }
    assert!(world.site.asked().runs.is_empty());
    Ok(())
}

#[tokio::test]
async fn a_disk_that_does_not_take_the_command_keeps_it_from_being_run() -> anyhow::Result<()> {
    let mut world = World::started().await?;
    let mut agent = world.controller.agent().await?;
    std::fs::remove_dir_all(world.state("journal"))?;
    agent.say(Command(run_command("c1", 1))).await?;
    let (_, _, outcome) = agent.report().await?;
    let Outcome::Failed { failure, .. } = outcome else { panic!("{outcome:?}") };
    assert_eq!(failure.kind, FailureKind::Agent, "{failure:?}");
    assert!(world.site.asked().runs.is_empty());
    Ok(())
}

#[tokio::test]
async fn a_result_that_the_disk_does_not_take_is_told_when_it_does() -> anyhow::Result<()> {
    let mut world = World::new().await?;
    world.timing.resend = Duration::from_millis(20);
    world.start_agent();
    world.site.mood(Mood::Slow);
    let mut agent = world.controller.agent().await?;
    agent.say(Command(run_command("c1", 1))).await?;
    agent.accepted().await?;
    until("it runs", || !world.site.asked().runs.is_empty()).await?;
    std::fs::remove_dir_all(world.state("journal"))?;
    world.site.mood(Mood::Quick);
    // Ten rounds of reports, and nothing in them.
    assert!(tokio::time::timeout(Duration::from_millis(200), agent.report()).await.is_err());
    std::fs::create_dir(world.state("journal"))?;
    assert_eq!(agent.report().await?.0, "c1");
    assert_eq!(world.journal("c1@1.json")?["state"]["is"], "finished");
    Ok(())
}
