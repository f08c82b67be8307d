//! Join tokens: what lets an agent in, and everything that does not.

use std::time::Duration;

use pgbelay_proto::csr::new_key_and_csr;
use pgbelay_proto::token::JoinToken;
use pgbelay_proto::wire;
use tonic::Code;

use super::world::{World, refusal};

fn request(token: &JoinToken, database: &str) -> anyhow::Result<wire::EnrolRequest> {
    Ok(wire::EnrolRequest {
        token_id: token.id.to_string(),
        token_secret: token.secret.expose().to_vec(),
        database: database.to_owned(),
        system_identifier: format!("731/{database}"),
        csr_der: new_key_and_csr()?.1,
    })
}

async fn refused(world: &World, pin: &JoinToken, request: wire::EnrolRequest) -> anyhow::Result<String> {
    let mut client = world.enrolment(pin.ca).await?;
    let status = refusal(client.enrol(request).await.map_err(Into::into))?;
    Ok(format!("{:?}: {}", status.code(), status.message()))
}

#[tokio::test]
async fn a_token_lets_in_its_own_database_once() -> anyhow::Result<()> {
    let mut world = World::start().await?;
    let token = world.token("orders", "staging").await?;

    let mut other_secret = request(&token, "orders")?;
    other_secret.token_secret[0] ^= 1;
    assert_eq!(
        refused(&world, &token, other_secret).await?,
        "FailedPrecondition: the join token is not known"
    );
    let mut other_id = request(&token, "orders")?;
    other_id.token_id = "0123".to_owned();
    assert_eq!(refused(&world, &token, other_id).await?, "FailedPrecondition: the join token is not known");
    let other_name = request(&token, "billing")?;
    assert_eq!(
        refused(&world, &token, other_name).await?,
        "FailedPrecondition: the join token is for another database"
    );

    world.show(&token, "orders").await?;
    let again = refused(&world, &token, request(&token, "orders")?).await?;
    assert_eq!(
        again,
        "FailedPrecondition: the join token has already been used, or was replaced by a newer one"
    );
    let story = world.story().await?;
    assert_eq!(story, ["operator/root token-created", "controller agent-enrolled"]);
    Ok(())
}

/// The ledger was written by a controller whose clock was behind: the token has expired for this one.
#[tokio::test]
async fn an_expired_token_lets_nobody_in() -> anyhow::Result<()> {
    use pgbelay_controller::clock;
    use pgbelay_controller::ledger::{Ledger as _, OpenError, SqliteLedger};
    use pgbelay_controller::sequencer::entry;
    use pgbelay_core::event::{Actor, Event};
    use pgbelay_core::request::Circumstances;
    use pgbelay_core::time::Span;

    let mut world = World::start().await?;
    let token = world.token("orders", "staging").await?;
    world.stop().await?;
    let expired = {
        let mut ledger = SqliteLedger::open(&world.home.ledger(), |_| Ok::<_, OpenError>(()))?;
        let entries = ledger.read(0, 10)?;
        let body = &entries.last().expect("a token").body;
        let Event::TokenCreated { token: mut old } = serde_json::from_str(body)? else {
            anyhow::bail!("{body}")
        };
        old.id = "expired".parse()?;
        old.expires_at = clock::now();
        let here = Circumstances { actor: Actor::Controller, now: clock::now() + Span(-600_000) };
        let head = ledger.head()?;
        ledger.append(&head, &[entry(&Event::TokenCreated { token: old }, &here)?])?;
        JoinToken { id: "expired".parse()?, ..token.clone() }
    };
    world.run().await?;
    let said = refused(&world, &token, request(&expired, "orders")?).await?;
    assert_eq!(said, "FailedPrecondition: the join token has expired");
    Ok(())
}

#[tokio::test]
async fn another_postgresql_database_is_not_taken_under_the_same_name() -> anyhow::Result<()> {
    let world = World::start().await?;
    world.agent("orders", "staging").await?;
    let token = world.token("orders", "staging").await?;
    let mut other = request(&token, "orders")?;
    other.system_identifier = "999/1".to_owned();
    let said = refused(&world, &token, other).await?;
    assert!(said.contains("another PostgreSQL database"), "{said}");
    // The token was not used up by that.
    world.show(&token, "orders").await?;
    Ok(())
}

#[tokio::test]
async fn a_request_that_makes_no_sense_leaves_the_token_as_it_was() -> anyhow::Result<()> {
    let world = World::start().await?;
    let token = world.token("orders", "staging").await?;
    let spoil: [fn(&mut wire::EnrolRequest); 6] = [
        |r| r.database = "a/b".to_owned(),
        |r| r.token_id.clear(),
        |r| r.csr_der = vec![1, 2, 3],
        |r| r.system_identifier.clear(),
        |r| r.system_identifier = "x".repeat(65),
        |r| r.system_identifier = "a\nb".to_owned(),
    ];
    for spoil in spoil {
        let mut bad = request(&token, "orders")?;
        spoil(&mut bad);
        let said = refused(&world, &token, bad).await?;
        assert!(said.starts_with("InvalidArgument"), "{said}");
    }
    world.show(&token, "orders").await?;
    Ok(())
}

/// Signing costs a hundred times what looking a token up does, and anybody may call.
#[tokio::test]
async fn nothing_is_signed_for_a_token_that_does_not_count() -> anyhow::Result<()> {
    let world = World::start().await?;
    let token = world.token("orders", "staging").await?;
    let mut bad = request(&token, "orders")?;
    bad.token_secret.clear();
    bad.csr_der = vec![1, 2, 3];
    let said = refused(&world, &token, bad).await?;
    assert_eq!(said, "FailedPrecondition: the join token is not known", "the request was looked at first");
    Ok(())
}

#[tokio::test]
async fn a_message_that_is_too_large_is_refused_before_it_is_read() -> anyhow::Result<()> {
    let world = World::start().await?;
    let token = world.token("orders", "staging").await?;
    let mut large = request(&token, "orders")?;
    large.csr_der = vec![0; 100 << 10];
    let said = refused(&world, &token, large).await?;
    assert!(said.starts_with("OutOfRange"), "{said}");
    Ok(())
}

#[tokio::test]
async fn the_other_services_are_not_on_the_enrolment_listener() -> anyhow::Result<()> {
    let world = World::start().await?;
    let token = world.token("orders", "staging").await?;
    let config = pgbelay_proto::tls::pinned_client_config(token.ca)?;
    let limits = pgbelay_proto::channel::DialLimits::default();
    let channel = pgbelay_proto::channel::dial(&world.enrol.to_string(), config.into(), limits).await?;
    let mut client = wire::operator_service_client::OperatorServiceClient::new(channel);
    let asked = client.show_policy(wire::ShowPolicyRequest {});
    let status = refusal(tokio::time::timeout(Duration::from_secs(5), asked).await?.map_err(Into::into))?;
    assert_eq!(status.code(), Code::Unimplemented);
    Ok(())
}
