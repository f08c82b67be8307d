//! Joining a fleet with a token.

use pgbelay_agent::enrol::{EnrolError, enrol};
use pgbelay_agent::identity_files::{IdentityFiles, Slot};
use pgbelay_core::digest::Digest;
use pgbelay_proto::status::{RemoteError, RemoteKind};
use pgbelay_proto::token::{JoinToken, TokenSecret};
use tempfile::TempDir;

use crate::controller::Controller;
use crate::site::PlayedSite;
use crate::world::{config, now};

fn token(ca: Digest) -> anyhow::Result<JoinToken> {
    Ok(JoinToken { id: "t1".parse()?, secret: TokenSecret::from_bytes([7; 32]), ca })
}

fn files(dir: &TempDir) -> anyhow::Result<IdentityFiles> {
    Ok(IdentityFiles::new(dir.path().join("state/identity"), "orders".parse()?))
}

#[tokio::test]
async fn a_token_becomes_an_identity() -> anyhow::Result<()> {
    let (dir, controller) = (tempfile::tempdir()?, Controller::start_enrolment().await?);
    let config = config(&dir, &controller)?;
    let token = token(controller.ca.fingerprint()?)?;
    let enrolled = enrol(&config, &PlayedSite::new(), &controller.address.to_string(), &token).await?;
    assert_eq!(enrolled.name.as_str(), "orders");
    assert!(enrolled.not_after > now());
    let (slot, identity) = files(&dir)?.load()?;
    assert_eq!((slot, identity.peer.not_after), (Slot::Current, enrolled.not_after));
    let asked = controller.script(|script| script.enrolments.clone());
    assert_eq!(asked.len(), 1);
    assert_eq!((asked[0].token_id.as_str(), asked[0].token_secret.as_slice()), ("t1", &[7; 32][..]));
    assert_eq!((asked[0].database.as_str(), asked[0].system_identifier.as_str()), ("orders", "7/5"));
    Ok(())
}

#[tokio::test]
async fn a_refusal_says_why_and_leaves_what_was_there() -> anyhow::Result<()> {
    let (dir, controller) = (tempfile::tempdir()?, Controller::start_enrolment().await?);
    let config = config(&dir, &controller)?;
    let before = controller.ca.credentials("pgbelay://agent/orders")?;
    files(&dir)?.save(Slot::Current, &before, now())?;
    let refused = RemoteError {
        kind: RemoteKind::Refused,
        message: "the token has been used".to_owned(),
        next_step: "make another".to_owned(),
    };
    controller.script(|script| script.refuse_enrolment = Some(refused.to_status()));
    let token = token(controller.ca.fingerprint()?)?;
    let error =
        enrol(&config, &PlayedSite::new(), &controller.address.to_string(), &token).await.unwrap_err();
    assert!(matches!(error, EnrolError::Refused(_)), "{error:?}");
    assert_eq!(error.to_string(), "the controller refuses: the token has been used");
    assert_eq!(error.next_step(), "make another");
    assert_eq!(files(&dir)?.load()?.1.credentials.certificate_pem, before.certificate_pem);
    Ok(())
}

#[tokio::test]
async fn the_secret_is_not_shown_to_a_stranger() -> anyhow::Result<()> {
    let (dir, controller) = (tempfile::tempdir()?, Controller::start_enrolment().await?);
    let config = config(&dir, &controller)?;
    let token = token(Digest::of("another CA"))?;
    let error =
        enrol(&config, &PlayedSite::new(), &controller.address.to_string(), &token).await.unwrap_err();
    assert!(matches!(error, EnrolError::NotTrusted(_)), "{error:?}");
    assert!(controller.script(|script| script.enrolments.is_empty()));
    Ok(())
}

#[tokio::test]
async fn the_token_stays_good_when_something_is_missing() -> anyhow::Result<()> {
    let (dir, controller) = (tempfile::tempdir()?, Controller::start_enrolment().await?);
    let config = config(&dir, &controller)?;
    let token = token(controller.ca.fingerprint()?)?;
    let site = PlayedSite::new();
    site.trouble(Some("the password is wrong"));
    let error = enrol(&config, &site, &controller.address.to_string(), &token).await.unwrap_err();
    assert!(matches!(error, EnrolError::Database(_)), "{error:?}");
    site.trouble(None);
    let free = tokio::net::TcpListener::bind("127.0.0.1:0").await?.local_addr()?;
    let error = enrol(&config, &site, &free.to_string(), &token).await.unwrap_err();
    assert!(matches!(error, EnrolError::NotReached(_)), "{error:?}");
    assert!(controller.script(|script| script.enrolments.is_empty()));
    Ok(())
}
