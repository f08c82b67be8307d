//! Identity on every request, revocation, expiry, reload and shutdown.

use std::time::Duration;

use pgbelay_controller::listener::{ListenerOptions, serve};
use pgbelay_core::time::Span;
use pgbelay_proto::channel::DialError;
use pgbelay_proto::tls::client_config;
use tokio::time::{Instant, timeout};

use super::world::{Ca, PATIENCE, SHORT, Server, check, closed_by_peer, now, watch};

const AGENT: &str = "pgbelay://agent/orders";

fn options() -> ListenerOptions {
    ListenerOptions::identified()
}

#[tokio::test]
async fn each_request_says_who_sent_it_and_from_where() -> anyhow::Result<()> {
    let ca = Ca::new()?;
    let mut server = Server::start(ca.server()?, options()).await?;
    for uri in [AGENT, "pgbelay://operator/ada"] {
        let credentials = ca.credentials(uri)?;
        check(&server.dial_as(&credentials).await?).await?;
        let seen = server.next_seen().await?;
        assert_eq!(seen.identity.as_deref(), Some(&credentials.identity()?));
        assert!(seen.remote.0.ip().is_loopback());
    }
    Ok(())
}

#[tokio::test]
async fn a_closed_connection_ends_its_streams_at_once_and_no_others() -> anyhow::Result<()> {
    let ca = Ca::new()?;
    let mut server = Server::start(ca.server()?, options()).await?;
    let revoked = server.dial_as(&ca.credentials(AGENT)?).await?;
    let mut its_stream = watch(&revoked).await?;
    let handle = server.next_seen().await?.handle;
    let other = server.dial_as(&ca.credentials("pgbelay://agent/billing")?).await?;
    let mut other_stream = watch(&other).await?;

    handle.close();

    let ended = timeout(PATIENCE, its_stream.message()).await?;
    assert!(ended.is_err(), "{ended:?}");
    assert!(check(&revoked).await.is_err(), "the channel has reconnected by itself");
    assert!(timeout(SHORT, other_stream.message()).await.is_err(), "another connection was cut as well");
    Ok(())
}

#[tokio::test]
async fn a_handle_learns_that_its_peer_went_away() -> anyhow::Result<()> {
    let ca = Ca::new()?;
    let mut server = Server::start(ca.server()?, options()).await?;
    let channel = server.dial_as(&ca.credentials(AGENT)?).await?;
    check(&channel).await?;
    let handle = server.next_seen().await?.handle;
    assert!(!handle.is_closed());
    drop(channel);
    timeout(PATIENCE, handle.closed()).await?;
    Ok(())
}

#[tokio::test]
async fn a_connection_ends_with_its_certificate() -> anyhow::Result<()> {
    let ca = Ca::new()?;
    let server = Server::start(ca.server()?, options()).await?;
    let (credentials, issued) = ca.issue(AGENT, now()?, Span::seconds(3))?;
    let channel = server.dial_as(&credentials).await?;
    let mut stream = watch(&channel).await?;
    let ended = timeout(PATIENCE, stream.message()).await?;
    assert!(ended.is_err(), "{ended:?}");
    let late = now()? - issued.not_after;
    assert!((0..2_000).contains(&late.0), "ended {late} after the certificate");
    Ok(())
}

#[tokio::test]
async fn a_reload_concerns_new_connections_only() -> anyhow::Result<()> {
    let (old, new) = (Ca::new()?, Ca::new()?);
    let server = Server::start(old.server()?, options()).await?;
    let before = server.dial_as(&old.credentials(AGENT)?).await?;
    check(&before).await?;

    server.tls.reload(new.server()?);

    check(&server.dial_as(&new.credentials(AGENT)?).await?).await?;
    let outdated = server.dial(client_config(&old.credentials(AGENT)?)?).await;
    assert!(matches!(outdated, Err(DialError::NotTrusted { .. })), "{outdated:?}");
    check(&before).await?;
    Ok(())
}

#[tokio::test]
async fn a_shutdown_closes_idle_peers_at_once_and_refuses_new_ones() -> anyhow::Result<()> {
    let ca = Ca::new()?;
    let mut server = Server::start(ca.server()?, options()).await?;
    let credentials = ca.credentials(AGENT)?;
    let idle = server.dial_as(&credentials).await?;
    check(&idle).await?;
    let mut silent = server.raw_tls(client_config(&credentials)?).await?;
    let mut stranger = tokio::net::TcpStream::connect(server.address).await?;

    let begun = Instant::now();
    server.shutdown.cancel();
    timeout(PATIENCE, &mut server.task).await??;

    assert!(begun.elapsed() < Duration::from_secs(5), "waited for peers that had nothing to say");
    closed_by_peer(&mut silent).await?;
    closed_by_peer(&mut stranger).await?;
    let refused = server.dial(client_config(&credentials)?).await;
    assert!(matches!(refused, Err(DialError::Unreachable { .. })), "{refused:?}");
    Ok(())
}

#[tokio::test]
async fn a_shutdown_ends_at_its_deadline_with_a_stream_still_open() -> anyhow::Result<()> {
    let ca = Ca::new()?;
    let drain_deadline = Duration::from_secs(1);
    let mut server = Server::start(ca.server()?, ListenerOptions { drain_deadline, ..options() }).await?;
    let channel = server.dial_as(&ca.credentials(AGENT)?).await?;
    let mut hanging = watch(&channel).await?;

    let begun = Instant::now();
    server.shutdown.cancel();
    assert!(timeout(drain_deadline / 2, hanging.message()).await.is_err(), "cut without a chance to finish");
    timeout(PATIENCE, &mut server.task).await??;

    assert!(begun.elapsed() >= drain_deadline);
    assert!(begun.elapsed() < drain_deadline + Duration::from_secs(2));
    assert!(timeout(PATIENCE, hanging.message()).await?.is_err());
    Ok(())
}

/// What is handed out works as it is with tonic's own router.
#[tokio::test]
async fn routes_are_served_without_anything_around_them() -> anyhow::Result<()> {
    let ca = Ca::new()?;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?.to_string();
    let (_, health) = tonic_health::server::health_reporter();
    let routes = tonic::service::Routes::new(health).prepare();
    let tls = pgbelay_controller::listener::TlsHandle::new(ca.server()?);
    let shutdown = tokio_util::sync::CancellationToken::new();
    let task = tokio::spawn(serve(listener, routes, tls, options(), shutdown.clone()));

    let config = client_config(&ca.credentials(AGENT)?)?;
    let limits = pgbelay_proto::channel::DialLimits::default();
    let channel = pgbelay_proto::channel::dial(&address, config.into(), limits).await?;
    check(&channel).await?;

    shutdown.cancel();
    timeout(PATIENCE, task).await??;
    Ok(())
}
