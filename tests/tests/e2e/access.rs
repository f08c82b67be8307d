//! Who is let in, and for what: join tokens, identities, roles, revocation, quarantine.
//!
//! That a token expires is proven in `core` (its ten minutes are no setting), that sessions are not resumed in the
//! tests of the controller's listener.

use std::fs;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use pgbelay_core::digest::Digest;
use pgbelay_proto::channel::{DialError, DialLimits, dial as dial_with};
use pgbelay_proto::tls::{Credentials, pinned_client_config};
use pgbelay_proto::token::JoinToken;
use pgbelay_proto::wire::agent_message::Message;
use pgbelay_proto::wire::agent_service_client::AgentServiceClient;
use pgbelay_proto::wire::operator_service_client::OperatorServiceClient;
use pgbelay_proto::wire::{self, controller_message};
use pgbelay_tests::process::{Process, bin};
use pgbelay_tests::world::{PATIENCE, Ran, World, dial, run};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Channel;
use tonic::{Code, Status, Streaming};

use crate::samples::{ONE, THREE};

/// What "at once" may take: far less than any time-out that would end a dead session.
const AT_ONCE: Duration = Duration::from_secs(5);

async fn enroll(world: &World, member: &str, token: &str) -> anyhow::Result<Ran> {
    run(world.enroll_command(member, token)?).await
}

#[tokio::test]
async fn a_join_token_counts_once_for_one_name() -> anyhow::Result<()> {
    let mut world = World::start(&[("one", "staging"), ("two", "staging")]).await?;
    // Who enrolls holds the state directory.
    world.kill_agent("one")?;
    world.kill_agent("two")?;
    let before = (world.agent_credentials("one")?.certificate_pem, world.json(&["agent", "list"]).await?);
    let next = ["pgbelay token create"];
    for garbage in ["hunter2", "pgb1.t1.ab", ""] {
        let ran = enroll(&world, "one", garbage).await?.ended(2, &["join token"]);
        assert!(garbage.is_empty() || !ran.stderr.contains(garbage), "{ran:?}");
    }
    let whole = world.token("one", "staging").await?;
    let wrong = whole.replacen(&secret_of(&whole)?, &"ab".repeat(32), 1);
    enroll(&world, "one", &wrong).await?.ended(3, &[&["the join token is not known"], &next[..]].concat());
    enroll(&world, "two", &whole)
        .await?
        .ended(3, &[&["the join token is for another database"], &next[..]].concat());
    let after = (world.agent_credentials("one")?.certificate_pem, world.json(&["agent", "list"]).await?);
    let serials = |list: &serde_json::Value| {
        let agents = list["agents"].as_array().into_iter().flatten();
        agents.map(|agent| agent["certificate_serial"].clone()).collect::<Vec<_>>()
    };
    assert_eq!((&after.0, serials(&after.1)), (&before.0, serials(&before.1)), "nothing was issued");
    // None of that has used it up.
    enroll(&world, "one", &whole).await?.ended(0, &[]);
    assert_ne!(world.agent_credentials("one")?.certificate_pem, before.0);
    enroll(&world, "one", &whole)
        .await?
        .ended(3, &[&["the join token has already been used"], &next[..]].concat());
    Ok(())
}

/// A token ends with its secret and the digest of the CA.
fn secret_of(token: &str) -> anyhow::Result<String> {
    let parts: Vec<_> = token.rsplitn(3, '.').collect();
    Ok((*parts.get(1).context("not a token")?).to_owned())
}

fn code<T: std::fmt::Debug>(answer: Result<T, Status>) -> Code {
    answer.map_or_else(|status| status.code(), |_| Code::Ok)
}

async fn status_as(world: &World, credentials: &Credentials) -> anyhow::Result<Code> {
    let mut client = OperatorServiceClient::new(dial(world.listen, credentials).await?);
    Ok(code(client.status(wire::StatusRequest::default()).await))
}

#[tokio::test]
async fn an_identity_opens_its_own_service_and_no_other() -> anyhow::Result<()> {
    let world = World::start(&[("one", "staging")]).await?;
    let (admin, agent) = (world.admin_credentials()?, world.agent_credentials("one")?);
    assert_eq!(status_as(&world, &admin).await?, Code::Ok);
    assert_eq!(status_as(&world, &agent).await?, Code::PermissionDenied);
    let mut operators = OperatorServiceClient::new(dial(world.listen, &agent).await?);
    let revoke = wire::RevokeAgentRequest { database: "one".into(), reason: "none".into() };
    assert_eq!(code(operators.revoke_agent(revoke).await), Code::PermissionDenied);
    let mut agents = AgentServiceClient::new(dial(world.listen, &admin).await?);
    let fetched = agents.fetch_sql(wire::FetchSqlRequest::default()).await;
    assert_eq!(code(fetched.map(drop)), Code::PermissionDenied);
    let connected = agents.connect(tokio_stream::empty()).await;
    assert_eq!(code(connected.map(drop)), Code::PermissionDenied);
    let renewed = agents.renew(wire::RenewRequest::default()).await;
    assert_eq!(code(renewed.map(drop)), Code::PermissionDenied);
    // Nobody at all.
    let ca: JoinToken = world.token("one", "staging").await?.parse()?;
    let nobody = pinned_client_config(ca.ca)?.into();
    let refused = dial_with(&world.listen.to_string(), nobody, DialLimits::default()).await;
    assert!(matches!(refused, Err(DialError::Refused { .. })), "{refused:?}");
    assert_eq!(world.status_of("one").await?["connected"], true);
    Ok(())
}

async fn fetch(channel: Channel, digests: Vec<String>) -> Result<Vec<String>, Status> {
    let mut files =
        AgentServiceClient::new(channel).fetch_sql(wire::FetchSqlRequest { digests }).await?.into_inner();
    let mut texts = Vec::new();
    while let Some(file) = files.message().await? {
        texts.push(String::from_utf8_lossy(&file.sql).into_owned());
    }
    Ok(texts)
}

#[tokio::test]
async fn an_agent_gets_the_sql_of_its_own_plans_only() -> anyhow::Result<()> {
    let world = World::start(&[("a", "staging"), ("b", "production")]).await?;
    world.write_migrations(&ONE)?;
    let up = vec![Digest::of(ONE[0].1).to_string()];
    let as_agent = async |name: &str| anyhow::Ok(dial(world.listen, &world.agent_credentials(name)?).await?);
    world.json(&["plan", "--env", "staging"]).await?;
    assert_eq!(fetch(as_agent("a").await?, up.clone()).await?, [ONE[0].1]);
    // There is a plan, but not for this one.
    let refused = fetch(as_agent("b").await?, up.clone()).await;
    ensure!(refused.as_ref().is_err_and(|status| status.code() == Code::PermissionDenied), "{refused:?}");
    // It is in the release, but nothing is to be rolled back.
    let refused = fetch(as_agent("a").await?, vec![Digest::of(ONE[1].1).to_string()]).await;
    ensure!(refused.as_ref().is_err_and(|status| status.code() == Code::PermissionDenied), "{refused:?}");
    let nothing = fetch(as_agent("a").await?, vec![Digest::of("nothing").to_string()]).await;
    ensure!(nothing.is_err(), "{nothing:?}");
    Ok(())
}

/// A stream of an agent that the test itself plays, as it is after the welcome.
struct Played {
    incoming: Streaming<wire::ControllerMessage>,
    _outgoing: mpsc::Sender<wire::AgentMessage>,
}

async fn play(world: &World, credentials: &Credentials) -> anyhow::Result<Played> {
    let (outgoing, messages) = mpsc::channel(4);
    let range = wire::ProtocolRange { min: pgbelay_proto::PROTOCOL, max: pgbelay_proto::PROTOCOL };
    let (instance_id, process_id) = ("played".into(), "played".into());
    let hello = wire::Hello { protocol: Some(range), instance_id, process_id, ..Default::default() };
    outgoing.send(wire::AgentMessage { message: Some(Message::Hello(hello)) }).await?;
    let mut client = AgentServiceClient::new(dial(world.listen, credentials).await?);
    let mut incoming = client.connect(ReceiverStream::new(messages)).await?.into_inner();
    let first = incoming.message().await?.and_then(|message| message.message);
    ensure!(matches!(first, Some(controller_message::Message::Welcome(_))), "no welcome: {first:?}");
    Ok(Played { incoming, _outgoing: outgoing })
}

#[tokio::test]
async fn a_revoked_agent_is_out_at_once_until_it_is_enrolled_anew() -> anyhow::Result<()> {
    let mut world = World::start(&[("one", "staging"), ("two", "staging")]).await?;
    world.kill_agent("one")?;
    let credentials = world.agent_credentials("one")?;
    world.status_until("one", "its agent is gone", |row| row["connected"] == false).await?;
    let mut played = play(&world, &credentials).await?;
    world.status_until("one", "the played agent is there", |row| row["connected"] == true).await?;
    world.cli(&["agent", "revoke", "one", "--reason", "stolen"]).await?.ended(0, &[]);
    let end =
        tokio::time::timeout(AT_ONCE, async { while let Ok(Some(_)) = played.incoming.message().await {} });
    end.await.context("the live stream of a revoked agent went on")?;
    let row = world.status_of("one").await?;
    assert_eq!((&row["health"], &row["connected"]), (&"revoked".into(), &false.into()));
    let back = play(&world, &credentials).await;
    let back = back.err().context("a revoked agent came back")?;
    assert!(format!("{back:#}").contains("has been revoked"), "{back:#}");
    world.start_agent("one")?;
    world.agent("one")?.wait_for_log("revoked", PATIENCE).await?;
    assert_eq!(world.status_of("one").await?["connected"], false);
    world.write_migrations(&ONE)?;
    let refused = world.cli(&["migrate", "--env", "staging"]).await?;
    refused.ended(3, &["one"]);
    assert_eq!(world.applied("two").await?, Vec::<String>::new());
    drop(world.kill_agent("one"));
    let token = world.token("one", "staging").await?;
    enroll(&world, "one", &token).await?.ended(0, &[]);
    world.start_agent("one")?;
    world.all_connected().await?;
    world.cli(&["migrate", "--env", "staging"]).await?.ended(0, &[]);
    assert_eq!(world.applied("one").await?, ["001"]);
    // What was revoked stays so.
    assert!(play(&world, &credentials).await.is_err());
    Ok(())
}

#[tokio::test]
async fn a_role_allows_what_it_says_where_it_says() -> anyhow::Result<()> {
    let world = World::start(&[("a", "staging"), ("b", "production")]).await?;
    world.write_migrations(&THREE)?;
    world.add_operator("vera", &["viewer"]).await?;
    world.add_operator("olga", &["operator", "--env", "staging"]).await?;
    let before = world.standing().await?;
    let next = "ask an admin for the role (pgbelay operator add)";
    world.cli_as("vera", &["status"]).await?.ended(0, &[]);
    world.cli_as("vera", &["history"]).await?.ended(0, &[]);
    for args in [
        &["plan", "--env", "staging"][..],
        &["migrate", "--env", "staging", "--force"],
        &["rollback", "--env", "staging", "--target", "001", "--force"],
        &["promote", "staging", "production", "--force"],
        &["agent", "revoke", "a", "--reason", "none"],
        &["token", "create", "a", "--env", "staging"],
    ] {
        let ran = world.cli_as("vera", args).await?;
        ran.ended(3, &["operator/vera may not do this: it needs the role", next]);
    }
    let policy = world.path().join("loose.yaml");
    fs::write(&policy, "environments:\n  - name: staging\n    backup: off\n  - name: production\n")?;
    for operator in ["vera", "olga"] {
        let ran = world.cli_as(operator, &["policy", "apply", &policy.to_string_lossy()]).await?;
        ran.ended(3, &["it needs the role admin", next]);
    }
    assert_eq!(world.standing().await?, before);
    world.cli_as("olga", &["migrate", "--env", "staging"]).await?.ended(0, &[]);
    let staged = world.standing().await?;
    for args in [
        &["plan", "--env", "production"][..],
        &["migrate", "--env", "production", "--force"],
        &["promote", "staging", "production", "--force"],
    ] {
        let ran = world.cli_as("olga", args).await?;
        ran.ended(3, &["operator/olga may not do this: it needs the role operator in production", next]);
    }
    assert_eq!(world.standing().await?, staged);
    assert_eq!(world.applied("b").await?, Vec::<String>::new());
    Ok(())
}

#[tokio::test]
async fn a_revoked_operator_is_out_at_once_and_the_last_admin_stays() -> anyhow::Result<()> {
    let world = World::start(&[("a", "staging")]).await?;
    world.add_operator("vera", &["viewer"]).await?;
    world.cli_as("vera", &["status"]).await?.ended(0, &[]);
    world.cli(&["operator", "revoke", "vera", "--reason", "has left"]).await?.ended(0, &[]);
    let next = "pgbelay operator add";
    world.cli_as("vera", &["status"]).await?.ended(3, &["operator/vera has been revoked", next]);
    let operators = world.json(&["operator", "list"]).await?["operators"].clone();
    let state_of = |name: &str| {
        let known = operators.as_array().into_iter().flatten().find(|operator| operator["name"] == name);
        known.map(|operator| operator["state"].clone())
    };
    assert_eq!(state_of("vera"), Some("revoked".into()));
    let admin = operators.as_array().into_iter().flatten().find(|operator| operator["role"] == "admin");
    let admin = admin.and_then(|admin| admin["name"].as_str()).context("no admin")?;
    let refused = world.cli(&["operator", "revoke", admin]).await?;
    refused.ended(3, &["is the last admin of every environment", "add another admin first"]);
    world.cli(&["status"]).await?.ended(0, &[]);
    // A new certificate lets somebody back in.
    fs::remove_file(world.path().join("vera"))?;
    world.add_operator("vera", &["viewer"]).await?;
    world.cli_as("vera", &["status"]).await?.ended(0, &[]);
    Ok(())
}

#[tokio::test]
async fn two_agents_with_one_identity_are_both_shut_out() -> anyhow::Result<()> {
    let mut world = World::start(&[("one", "staging")]).await?;
    let home = world.member("one").home.clone();
    let clone = world.path().join("clone");
    let mut copy = Command::new("cp");
    copy.arg("-r").arg(&home).arg(&clone);
    run(copy).await?.ended(0, &[]);
    // Another machine would make its own.
    fs::write(clone.join("state/instance-id"), "6c0c3c5e-0000-4000-8000-000000000000")?;
    let config = fs::read_to_string(home.join("agent.yaml"))?;
    let config = config.replace(&*home.to_string_lossy(), &clone.to_string_lossy());
    fs::write(clone.join("agent.yaml"), config)?;
    let mut command = Command::new(bin("pgbelay-agent")?);
    command.arg("run").arg("--config").arg(clone.join("agent.yaml"));
    let mut twin = Process::spawn(command, "agent-twin", world.path())?;
    let quarantined = |row: &serde_json::Value| row["health"] == "quarantined" && row["connected"] == false;
    let row = world.status_until("one", "both are shut out", quarantined).await?;
    assert!(row["problem"].as_str().is_some_and(|problem| problem.contains("two agents")), "{row}");
    let agents = world.json(&["agent", "list"]).await?;
    assert_eq!(agents["agents"][0]["state"], "quarantined");
    world.write_migrations(&ONE)?;
    world.cli(&["plan", "--env", "staging"]).await?.ended(3, &["one", "not connected"]);
    // One of them is enrolled anew, and is the only one from then on.
    twin.kill9()?;
    drop(world.kill_agent("one"));
    let token = world.token("one", "staging").await?;
    enroll(&world, "one", &token).await?.ended(0, &[]);
    world.start_agent("one")?;
    let well = |row: &serde_json::Value| row["health"] == "ok" && row["connected"] == true;
    world.status_until("one", "the one that was enrolled anew is in", well).await?;
    world.cli(&["migrate", "--env", "staging"]).await?.ended(0, &[]);
    Ok(())
}
