//! What agents were told of the ledger, and a controller whose ledger is another one.

use std::fs;
use std::path::PathBuf;

use anyhow::Context as _;
use pgbelay_controller::fleet::Timing;
use pgbelay_core::digest::Digest;
use pgbelay_proto::status::RemoteError;
use pgbelay_proto::wire;
use pgbelay_proto::wire::controller_message::Message as Hears;
use tonic::Code;

use super::world::{Stream, World, quick, refusal, until};

impl World {
    /// The ledger's file, whole. The controller must have ended.
    fn copy_ledger(&self) -> anyhow::Result<Vec<u8>> {
        Ok(fs::read(self.home.ledger())?)
    }

    /// Puts a copy in the place of the ledger.
    fn put_back(&self, copy: &[u8]) -> anyhow::Result<()> {
        let file = self.home.ledger();
        for beside in ["-wal", "-shm"] {
            let mut path = file.clone().into_os_string();
            path.push(beside);
            match fs::remove_file(PathBuf::from(path)) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
                Ok(()) | Err(_) => {}
            }
        }
        Ok(fs::write(file, copy)?)
    }

    async fn ledger_view(&self) -> anyhow::Result<wire::LedgerView> {
        Ok(self.admin().await?.ledger_status(wire::LedgerStatusRequest {}).await?.into_inner())
    }

    async fn accept(&self, ledger: &str, reason: &str) -> anyhow::Result<wire::LedgerView> {
        let request = wire::AcceptLedgerRequest { ledger: ledger.to_owned(), reason: reason.to_owned() };
        Ok(self.admin().await?.accept_ledger(request).await?.into_inner())
    }
}

/// A checkpoint that is told while the agent lives on.
async fn told(stream: &mut Stream) -> anyhow::Result<wire::Checkpoint> {
    stream.told = None;
    loop {
        stream.heartbeat().await?;
        stream.next().await?;
        if let Some(told) = stream.told.take() {
            return Ok(told);
        }
    }
}

/// No command comes while the agent lives on for a while: as many answers to heartbeats as it has sent.
async fn nothing_comes(stream: &mut Stream) -> anyhow::Result<()> {
    for _ in 0..5 {
        stream.heartbeat().await?;
        let heard = stream.next().await?;
        anyhow::ensure!(matches!(&heard, Hears::Ack(ack) if ack.command_id.is_empty()), "{heard:?}");
    }
    anyhow::ensure!(stream.told.is_none(), "the doubted ledger was told: {:?}", stream.told);
    Ok(())
}

#[tokio::test]
async fn a_welcome_and_acknowledgements_say_where_the_ledger_is() -> anyhow::Result<()> {
    let mut world = World::with(quick()).await?;
    let agent = world.agent("orders", "staging").await?;
    let mut stream = agent.connect(&world).await?;
    let first = stream.told.take().context("the welcome has no checkpoint")?;
    stream.heartbeat().await?;

    let release = world.push(&["001"]).await?;
    stream.start_rollout(&world, "staging", &release).await?;
    let command = stream.command().await?;
    let outcome = stream.carry_out(&command)?;
    stream.report(&command, outcome).await?;
    stream.ack().await?;
    let told = stream.told.take().context("the acknowledgement has no checkpoint")?;
    assert!(told.seq > first.seq, "{told:?} is not after {first:?}");
    drop(stream);
    world.stop().await?;
    let entries = world.ledger()?;
    for checkpoint in [&first, &told] {
        let entry = entries.iter().find(|entry| entry.seq == checkpoint.seq).context("no such entry")?;
        assert_eq!(entry.hash.to_string(), checkpoint.hash);
    }
    // The result was in the ledger when it was acknowledged.
    let finished = entries.iter().find(|entry| entry.kind == "command-finished").context("not finished")?;
    assert!(told.seq >= finished.seq);
    Ok(())
}

/// The agent is that of `orders`, in another environment.
async fn who_does_not_see_that_agent_is_not_told_its_name(
    world: &World,
    agent: &mut Stream,
    plan: &str,
) -> anyhow::Result<()> {
    let pat = world.add_operator("pat", "operator", &["production"]).await?;
    let request = wire::StartRolloutRequest { plan: plan.to_owned(), ..Default::default() };
    let mut pat = world.operators(&pat).await?;
    let refused = agent.during(pat.start_rollout(request)).await?.err().context("it was started")?;
    let said = RemoteError::from_status(&refused);
    assert!(said.message.contains("an agent of an environment that you do not see"), "{said:?}");
    assert!(said.next_step.contains("pgbelay ledger set-aside DATABASE --reason TEXT"), "{said:?}");
    assert!(!format!("{said:?}").contains("orders"), "{said:?}");
    Ok(())
}

#[tokio::test]
async fn an_old_copy_of_the_ledger_commands_nobody_until_an_admin_accepts_it() -> anyhow::Result<()> {
    let mut world = World::with(quick()).await?;
    let mut orders = world.agent("orders", "staging").await?;
    let users = world.agent("users", "production").await?;
    {
        // A command is on its way to an agent that does not have it yet.
        let mut stream = orders.connect(&world).await?;
        let release = world.push(&["001"]).await?;
        stream.start_rollout(&world, "staging", &release).await?;
    }
    world.stop().await?;
    let copy = world.copy_ledger()?;
    world.run().await?;
    {
        let mut stream = orders.connect(&world).await?;
        stream.obey().await?;
        stream.heartbeat().await?;
        orders.witness = Some(told(&mut stream).await?);
    }
    world.stop().await?;
    world.put_back(&copy)?;
    world.run().await?;

    // Nobody has said anything yet, and nobody is there.
    assert_eq!(world.ledger_view().await?.state, "believed");
    let mut first = orders.connect(&world).await?;
    let mut second = users.connect(&world).await?;
    let view = world.ledger_view().await?;
    assert_eq!((view.state.as_str(), view.doubts.len()), ("in-doubt", 1), "{view:?}");
    assert_eq!((view.doubts[0].database.as_str(), view.doubts[0].finding.as_str()), ("orders", "beyond"));
    nothing_comes(&mut first).await?;
    nothing_comes(&mut second).await?;

    // What changes nothing goes on: a plan asks the agents.
    let release = world.push(&["001", "002"]).await?;
    let plan = second.plan(&world, "production", &release).await?;
    let mut admin = world.admin().await?;
    let request = wire::StartRolloutRequest { plan: plan.id.clone(), ..Default::default() };
    let refused = second.during(admin.start_rollout(request)).await?.err().context("it was started")?;
    assert_eq!(refused.code(), Code::FailedPrecondition, "{refused:?}");
    let said = RemoteError::from_status(&refused);
    assert!(said.message.contains("the ledger is in doubt: agent/orders"), "{said:?}");
    assert!(said.next_step.contains("pgbelay ledger set-aside orders --reason TEXT"), "{said:?}");
    who_does_not_see_that_agent_is_not_told_its_name(&world, &mut second, &plan.id).await?;
    let tried = admin.try_plan(wire::TryPlanRequest { plan: plan.id }).await.err().context("it was tried")?;
    assert!(tried.message().contains("the ledger is in doubt"), "{tried:?}");
    let status = admin.status(wire::StatusRequest::default()).await?.into_inner();
    assert!(status.ledger_problem.contains("agent/orders"), "{status:?}");
    let rollouts = admin.list_rollouts(wire::ListRolloutsRequest::default()).await?.into_inner().rollouts;
    assert!(rollouts[0].held.contains("in doubt"), "{rollouts:?}");
    drop((first, second));

    // It stays so over a restart, before that agent is back.
    world.stop().await?;
    world.run().await?;
    let view = world.ledger_view().await?;
    assert_eq!(view.state, "in-doubt");

    let other = Digest::of("another").to_string();
    let wrong = refusal(world.accept(&other[..8], "it is fine").await)?;
    assert!(wrong.message().contains("is not this ledger"), "{wrong:?}");
    let silent = refusal(world.accept(&view.ledger, " ").await)?;
    assert!(silent.message().contains("a reason is needed"), "{silent:?}");
    assert_eq!(world.ledger_view().await?.state, "in-doubt");
    let accepted = world.accept(&view.ledger[..8], "the disk is lost").await?;
    assert_eq!((accepted.state.as_str(), accepted.acceptances), ("believed", 1));

    // The agent comes with what it was told before, which is answered; it is told anew, and obeys.
    let mut stream = orders.connect(&world).await?;
    let command = stream.obey().await?;
    assert_eq!(command.database, "orders");
    orders.witness = Some(told(&mut stream).await?);
    assert_eq!(orders.witness.as_ref().map(|told| told.acceptances), Some(1));
    drop(stream);
    let _stream = orders.connect(&world).await?;
    assert_eq!(world.ledger_view().await?.state, "believed");
    Ok(())
}

/// One agent alone must not be able to stop a fleet for ever, whatever it says each time.
#[tokio::test]
async fn the_word_of_one_agent_can_be_set_aside() -> anyhow::Result<()> {
    let mut world = World::with(Timing { checkpoint: std::time::Duration::ZERO, ..quick() }).await?;
    let mut liar = world.agent("orders", "staging").await?;
    let honest = world.agent("users", "production").await?;
    let mut live = honest.connect(&world).await?;
    let lie = |seq: u64, incarnation: &str| {
        Some(wire::Checkpoint {
            incarnation: incarnation.to_owned(),
            acceptances: u64::MAX,
            seq,
            hash: Digest::of(seq.to_string()).to_string(),
        })
    };
    let ledger = world.ledger_view().await?.ledger;
    let foreign = "00000000-0000-4000-8000-000000000000";
    let lies = [(u64::MAX, ledger.as_str(), "beyond"), (1, &ledger, "forked"), (1, foreign, "foreign")];
    for (seq, incarnation, finding) in lies {
        liar.witness = lie(seq, incarnation);
        let _stream = liar.connect(&world).await?;
        let view = world.ledger_view().await?;
        assert_eq!(view.doubts.first().map(|doubt| doubt.finding.as_str()), Some(finding), "{view:?}");
        world.accept(&ledger, "it lies").await?;
    }
    liar.witness = lie(7, foreign);
    let _stream = liar.connect(&world).await?;
    assert_eq!(world.ledger_view().await?.state, "in-doubt");

    let request = wire::WitnessRequest { database: "orders".to_owned(), reason: "it lies".to_owned() };
    let view = world.admin().await?.set_witness_aside(request.clone()).await?.into_inner();
    assert_eq!((view.state.as_str(), view.doubts.len(), view.set_aside.len()), ("believed", 0, 1));
    liar.witness = lie(8, foreign);
    let _stream = liar.connect(&world).await?;
    assert_eq!(world.ledger_view().await?.state, "believed");
    let release = world.push(&["001"]).await?;
    live.plan(&world, "production", &release).await?;

    world.admin().await?.hear_witness(request).await?;
    let _stream = liar.connect(&world).await?;
    assert_eq!(world.ledger_view().await?.state, "in-doubt");
    // What is not readable is not taken for a doubt.
    liar.witness = Some(wire::Checkpoint { incarnation: "x".to_owned(), ..wire::Checkpoint::default() });
    let mut stream = liar.say_hello(&world, liar.hello()).await?;
    assert_eq!(stream.why_it_ends().await?.code(), Code::InvalidArgument);

    let revoke = wire::RevokeAgentRequest { database: "orders".to_owned(), reason: "it lies".to_owned() };
    world.admin().await?.revoke_agent(revoke).await?;
    until("a revoked agent's word is gone", async || Ok(world.ledger_view().await?.state == "believed"))
        .await?;
    let story = world.story().await?;
    let doubts = story.iter().filter(|line| line.ends_with("ledger-doubted")).count();
    assert_eq!(doubts, 5, "{story:#?}");
    Ok(())
}

/// A result that this copy of the ledger does not know of is not acknowledged: the right one may still come back.
#[tokio::test]
async fn what_an_old_copy_does_not_know_is_kept_by_its_agent() -> anyhow::Result<()> {
    let mut world = World::with(quick()).await?;
    let mut orders = world.agent("orders", "staging").await?;
    world.stop().await?;
    let copy = world.copy_ledger()?;
    world.run().await?;
    let command = {
        let mut stream = orders.connect(&world).await?;
        let (_, command) = stream.with_command(&world).await?;
        stream.accept(&command).await?;
        orders.witness = Some(told(&mut stream).await?);
        command
    };
    world.stop().await?;
    world.put_back(&copy)?;
    world.run().await?;
    let mut stream = orders.connect(&world).await?;
    let outcome = stream.carry_out(&command)?;
    stream.report(&command, outcome.clone()).await?;
    nothing_comes(&mut stream).await?;
    world.accept(&world.ledger_view().await?.ledger, "lost").await?;
    stream.report(&command, outcome).await?;
    assert_eq!(stream.ack().await?.command_id, command.id);
    Ok(())
}
