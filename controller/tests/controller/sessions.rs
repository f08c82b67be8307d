//! The life of an agent's session: what it is told, when, and how often.

use std::time::Duration;

use pgbelay_controller::fleet::Timing;
use pgbelay_proto::wire;
use pgbelay_proto::wire::agent_message::Message as Says;
use pgbelay_proto::wire::agent_service_client::AgentServiceClient;
use pgbelay_proto::wire::controller_message::Message as Hears;
use tonic::Code;

use super::world::{World, quick, refusal, until};

type Spoil = fn(&mut wire::Hello);

/// Longer than the controller takes to look for something to do.
const A_LOOK: Duration = Duration::from_millis(1_500);

#[tokio::test]
async fn a_command_is_handed_over_once_a_session() -> anyhow::Result<()> {
    let world = World::start().await?;
    let mut stream = world.agent("orders", "staging").await?.connect(&world).await?;
    let (_, command) = stream.with_command(&world).await?;
    assert_eq!(command.database, "orders");
    assert!(matches!(command.kind, Some(wire::command::Kind::Backup(_))), "{command:?}");
    stream.silent_during(tokio::time::sleep(A_LOOK)).await
}

#[tokio::test]
async fn a_command_that_the_journal_lacks_is_handed_over_again() -> anyhow::Result<()> {
    let world = World::start().await?;
    let mut agent = world.agent("orders", "staging").await?;
    let (_, command) = agent.connect(&world).await?.with_command(&world).await?;

    let mut again = agent.connect(&world).await?;
    assert_eq!(again.command().await?, command);

    agent.journal =
        vec![wire::JournalEntry { command_id: command.id, attempt: command.attempt, finished: false }];
    agent.connect(&world).await?.silent_during(tokio::time::sleep(A_LOOK)).await
}

#[tokio::test]
async fn an_accepted_command_and_its_result_are_durable_before_the_acknowledgement() -> anyhow::Result<()> {
    let mut world = World::start().await?;
    let mut stream = world.agent("orders", "staging").await?.connect(&world).await?;
    let (_, command) = stream.with_command(&world).await?;
    stream.accept(&command).await?;
    let outcome = stream.carry_out(&command)?;
    stream.report(&command, outcome).await?;
    let ack = stream.ack().await?;
    assert_eq!((ack.command_id, ack.attempt), (command.id, command.attempt));
    let story = world.story().await?;
    let told: Vec<_> = story.iter().filter(|line| line.starts_with("agent/orders command-")).collect();
    assert_eq!(told, ["agent/orders command-accepted", "agent/orders command-finished"]);
    Ok(())
}

#[tokio::test]
async fn a_result_that_is_told_twice_is_acknowledged_twice_and_counts_once() -> anyhow::Result<()> {
    let mut world = World::start().await?;
    let mut stream = world.agent("orders", "staging").await?.connect(&world).await?;
    let (_, command) = stream.with_command(&world).await?;
    let outcome = stream.carry_out(&command)?;
    stream.report(&command, outcome.clone()).await?;
    assert_eq!(stream.ack().await?.command_id, command.id);
    let run = stream.command().await?;
    stream.report(&command, outcome).await?;
    assert_eq!(stream.ack().await?.command_id, command.id);
    stream.accept(&run).await?;
    stream.heartbeat().await?;
    assert!(matches!(stream.next().await?, Hears::Ack(ack) if ack.command_id.is_empty()));
    let story = world.story().await?;
    assert_eq!(story.iter().filter(|line| line.ends_with("command-finished")).count(), 1, "{story:#?}");
    Ok(())
}

/// A newer agent may have words that this controller lacks.
#[tokio::test]
async fn a_result_that_cannot_be_read_is_acknowledged_and_not_known() -> anyhow::Result<()> {
    use wire::outcome::{Failed, Outcome};
    let mut world = World::start().await?;
    let mut stream = world.agent("orders", "staging").await?.connect(&world).await?;
    let (rollout, command) = stream.with_command(&world).await?;
    let failure = wire::Failure { kind: "out-of-cheese".to_owned(), ..Default::default() };
    let failed = Failed { failure: Some(failure), ..Default::default() };
    for _ in 0..2 {
        stream.report(&command, Outcome::Failed(failed.clone())).await?;
        assert_eq!(stream.ack().await?.command_id, command.id);
    }
    stream.say(Says::Report(wire::Report { command_id: command.id, attempt: 1, outcome: None })).await?;
    stream.ack().await?;
    until("the rollout waits", async || Ok(world.state_of(&rollout).await? == "paused")).await?;
    let story = world.story().await?;
    assert_eq!(story.iter().filter(|line| line.ends_with("command-finished")).count(), 1, "{story:#?}");
    Ok(())
}

#[tokio::test]
async fn a_result_of_another_agents_command_is_refused_and_changes_nothing() -> anyhow::Result<()> {
    let mut world = World::start().await?;
    let mut orders = world.agent("orders", "staging").await?.connect(&world).await?;
    let mut billing = world.agent("billing", "production").await?.connect(&world).await?;
    let (rollout, command) = orders.with_command(&world).await?;
    let outcome = billing.carry_out(&command)?;
    billing.report(&command, outcome).await?;
    let status = billing.why_it_ends().await?;
    assert_eq!(status.code(), Code::PermissionDenied, "{status:?}");
    assert_eq!(world.state_of(&rollout).await?, "running");
    let story = world.story().await?;
    assert!(!story.iter().any(|line| line.ends_with("command-finished")), "{story:#?}");
    Ok(())
}

#[tokio::test]
async fn a_heartbeat_is_answered_and_tells_of_the_database() -> anyhow::Result<()> {
    let world = World::start().await?;
    let mut stream = world.agent("orders", "staging").await?.connect(&world).await?;
    stream.heartbeat().await?;
    assert_eq!(stream.next().await?, Hears::Ack(wire::Ack::default()));
    assert_eq!(world.status("orders").await?.health, "ok");
    let database_error = "x".repeat(1 << 20);
    stream.say(Says::Heartbeat(wire::Heartbeat { database_error })).await?;
    assert_eq!(stream.next().await?, Hears::Ack(wire::Ack::default()));
    let status = world.status("orders").await?;
    assert_eq!(status.health, "unreachable");
    assert!(status.problem.len() <= 1_000, "all of it was kept: {} bytes", status.problem.len());
    Ok(())
}

#[tokio::test]
async fn a_hello_that_cannot_be_used_is_told_why() -> anyhow::Result<()> {
    let world = World::start().await?;
    let agent = world.agent("orders", "staging").await?;
    let spoil: [(&str, Spoil); 7] = [
        ("protocol", |hello| hello.protocol = Some(wire::ProtocolRange { min: 7, max: 9 })),
        ("protocol", |hello| hello.protocol = None),
        ("instance_id", |hello| hello.instance_id.clear()),
        ("process_id", |hello| hello.process_id.clear()),
        ("another PostgreSQL database", |hello| {
            hello.observation.as_mut().expect("there is one").system_identifier = "999/1".to_owned();
        }),
        ("records of migrations; at most", |hello| {
            let seen = hello.observation.as_mut().expect("there is one");
            seen.records = vec![wire::AppliedRecord::default(); 20_001];
        }),
        ("fingerprint", |hello| {
            hello.observation.as_mut().expect("there is one").fingerprint = "?".to_owned();
        }),
    ];
    for (word, spoil) in spoil {
        let mut hello = agent.hello();
        spoil(&mut hello);
        let status = agent.say_hello(&world, hello).await?.why_it_ends().await?;
        assert!(status.message().contains(word), "{status:?}");
        assert!(!world.connected("orders").await?);
    }
    agent.connect(&world).await?;
    Ok(())
}

#[tokio::test]
async fn an_agent_that_says_no_hello_is_cut() -> anyhow::Result<()> {
    let world = World::with(quick()).await?;
    let agent = world.agent("orders", "staging").await?;
    let mut client = AgentServiceClient::new(world.dial(&agent.credentials).await?);
    let mut stream = client.connect(tokio_stream::pending()).await?.into_inner();
    let status = stream.message().await.expect_err("it said something");
    assert_eq!(status.code(), Code::DeadlineExceeded, "{status:?}");
    Ok(())
}

#[tokio::test]
async fn a_revoked_agents_live_stream_ends_at_once_and_it_does_not_come_back() -> anyhow::Result<()> {
    let world = World::start().await?;
    let agent = world.agent("orders", "staging").await?;
    let mut stream = agent.connect(&world).await?;
    let request = wire::RevokeAgentRequest { database: "orders".into(), reason: "stolen".into() };
    let agents = world.admin().await?.revoke_agent(request).await?.into_inner().agents;
    assert_eq!(agents[0].state, "revoked");
    let begun = tokio::time::Instant::now();
    stream.end().await?;
    assert!(begun.elapsed() < Duration::from_secs(1), "it took {:?}", begun.elapsed());
    assert!(!world.connected("orders").await?);
    let status = refusal(agent.connect(&world).await.map(drop))?;
    assert_eq!(status.code(), Code::PermissionDenied, "{status:?}");
    Ok(())
}

/// Its connection goes as well, and its streams of any kind with it.
#[tokio::test]
async fn a_session_that_ends_takes_its_connection_with_it() -> anyhow::Result<()> {
    let world = World::start().await?;
    let agent = world.agent("orders", "staging").await?;
    let mut stream = agent.connect(&world).await?;
    stream.say(Says::Hello(agent.hello())).await?;
    assert_eq!(stream.end().await?.map(|status| status.code()), Some(Code::InvalidArgument));
    until("the connection is closed", async || {
        let fetch = wire::FetchSqlRequest { digests: Vec::new() };
        Ok(AgentServiceClient::new(stream.channel.clone()).fetch_sql(fetch).await.is_err())
    })
    .await
}

#[tokio::test]
async fn a_silent_agent_is_cut_and_one_that_speaks_is_not() -> anyhow::Result<()> {
    let world = World::with(Timing { silent_after: Duration::from_secs(600), ..quick() }).await?;
    let mut silent = world.agent("silent", "staging").await?.connect(&world).await?;
    let mut lively = world.agent("lively", "staging").await?.connect(&world).await?;
    let beating = async {
        loop {
            lively.heartbeat().await?;
            lively.next().await?;
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        #[expect(unreachable_code, reason = "gives the loop its type")]
        anyhow::Ok(())
    };
    tokio::select! {
        beat = beating => beat?,
        end = silent.end() => drop(end?),
    }
    assert!(!world.connected("silent").await?);
    assert!(world.connected("lively").await?);
    Ok(())
}

/// What an earlier session still says when there is a new one is not listened to.
#[tokio::test]
async fn the_same_agent_again_takes_the_place_of_its_earlier_session() -> anyhow::Result<()> {
    let world = World::start().await?;
    let agent = world.agent("orders", "staging").await?;
    let mut earlier = agent.connect(&world).await?;
    let mut later = agent.connect(&world).await?;
    earlier.end().await?;
    later.heartbeat().await?;
    later.next().await?;
    assert!(world.connected("orders").await?);
    Ok(())
}

#[tokio::test]
async fn a_renewed_certificate_replaces_the_one_before_when_it_is_used() -> anyhow::Result<()> {
    let mut world = World::start().await?;
    let agent = world.agent("orders", "staging").await?;
    let stream = agent.connect(&world).await?;
    let (key_pem, csr_der) = pgbelay_proto::csr::new_key_and_csr()?;
    let mut client = AgentServiceClient::new(stream.channel.clone());
    let certificate_pem = client.renew(wire::RenewRequest { csr_der }).await?.into_inner().certificate_pem;
    let csr_der = pgbelay_proto::csr::new_key_and_csr()?.1;
    let again = refusal(client.renew(wire::RenewRequest { csr_der }).await.map_err(Into::into))?;
    assert!(again.message().contains("less than a minute ago"), "{again:?}");
    let mut renewed = agent.clone();
    renewed.credentials.certificate_pem = certificate_pem;
    renewed.credentials.key_pem = key_pem;

    agent.connect(&world).await?;
    renewed.connect(&world).await?;
    let status = refusal(agent.connect(&world).await.map(drop))?;
    assert_eq!(status.code(), Code::PermissionDenied, "{status:?}");
    let story = world.story().await?;
    let told: Vec<_> = story.iter().filter(|line| line.contains("renew")).collect();
    assert_eq!(told, ["agent/orders agent-renewed", "agent/orders renewal-used"]);
    Ok(())
}

#[tokio::test]
async fn an_agent_gets_the_sql_of_its_plan_once_and_no_other() -> anyhow::Result<()> {
    let world = World::start().await?;
    let mut stream = world.agent("orders", "staging").await?.connect(&world).await?;
    let release = world.push(&["001", "002"]).await?;
    stream.plan(&world, "staging", &release).await?;
    let mut client = AgentServiceClient::new(stream.channel.clone());
    let sql = "CREATE TABLE t001 (id int);";
    let digest = pgbelay_core::digest::Digest::of(sql).to_string();
    let request = wire::FetchSqlRequest { digests: vec![digest.clone(); 100] };
    let mut files = client.fetch_sql(request).await?.into_inner();
    let file = files.message().await?.expect("no file");
    assert_eq!((file.digest, file.sql), (digest, sql.as_bytes().to_vec()));
    assert_eq!(files.message().await?, None);

    let down = pgbelay_core::digest::Digest::of("DROP TABLE t001;").to_string();
    let other = client.fetch_sql(wire::FetchSqlRequest { digests: vec![down] }).await;
    assert_eq!(other.err().map(|status| status.code()), Some(Code::PermissionDenied));
    Ok(())
}
