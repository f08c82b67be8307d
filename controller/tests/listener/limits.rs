//! Deadlines and bounds: what a peer that is slow, silent or one too many gets.

use std::sync::Arc;
use std::time::Duration;

use pgbelay_controller::listener::{ListenerOptions, Peers};
use pgbelay_proto::channel::DialError;
use pgbelay_proto::tls::{
    CONTROLLER_DNS_NAME, ClientAuth, client_config, pinned_client_config, server_config,
};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use super::world::{Ca, PATIENCE, SHORT, Server, check, closed_by_peer, watch};

const AGENT: &str = "pgbelay://agent/orders";
/// What HTTP/2 begins with, and empty settings.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

fn options() -> ListenerOptions {
    ListenerOptions::identified()
}

#[tokio::test]
async fn a_peer_that_says_nothing_after_tls_is_closed() -> anyhow::Result<()> {
    let ca = Ca::new()?;
    let server =
        Server::start(ca.server()?, ListenerOptions { first_request_deadline: SHORT, ..options() }).await?;
    for first_words in [&b""[..], PREFACE] {
        let begun = Instant::now();
        let mut stream = server.raw_tls(client_config(&ca.credentials(AGENT)?)?).await?;
        stream.write_all(first_words).await?;
        closed_by_peer(&mut stream).await?;
        assert!(begun.elapsed() >= SHORT, "closed before its time");
    }
    Ok(())
}

#[tokio::test]
async fn a_peer_that_has_called_may_be_silent_afterwards() -> anyhow::Result<()> {
    let ca = Ca::new()?;
    let server =
        Server::start(ca.server()?, ListenerOptions { first_request_deadline: SHORT, ..options() }).await?;
    let channel = server.dial_as(&ca.credentials(AGENT)?).await?;
    let mut stream = watch(&channel).await?;
    let waited = timeout(3 * SHORT, stream.message()).await;
    assert!(waited.is_err(), "the stream ended: {waited:?}");
    check(&channel).await?;
    Ok(())
}

#[tokio::test]
async fn a_peer_that_does_not_shake_hands_is_closed() -> anyhow::Result<()> {
    let ca = Ca::new()?;
    let server =
        Server::start(ca.server()?, ListenerOptions { handshake_deadline: SHORT, ..options() }).await?;
    let begun = Instant::now();
    closed_by_peer(&mut TcpStream::connect(server.address).await?).await?;
    assert!(begun.elapsed() >= SHORT, "closed before its time");
    Ok(())
}

/// The first message of a handshake.
fn client_hello(config: rustls::ClientConfig) -> anyhow::Result<Vec<u8>> {
    let mut peer = rustls::ClientConnection::new(Arc::new(config), CONTROLLER_DNS_NAME.try_into()?)?;
    let mut hello = Vec::new();
    peer.write_tls(&mut hello)?;
    Ok(hello)
}

#[tokio::test]
async fn silent_sockets_keep_nobody_from_shaking_hands() -> anyhow::Result<()> {
    let ca = Ca::new()?;
    let handshake_deadline = 6 * PATIENCE;
    let options = ListenerOptions { max_handshakes: 2, handshake_deadline, ..options() };
    let server = Server::start(ca.server()?, options).await?;
    let mut silent = Vec::new();
    for _ in 0..8 {
        silent.push(TcpStream::connect(server.address).await?);
    }
    let mut halting = TcpStream::connect(server.address).await?;
    let hello = client_hello(client_config(&ca.credentials(AGENT)?)?)?;
    halting.write_all(&hello[..hello.len() / 2]).await?;
    let dialled = timeout(PATIENCE, server.dial_as(&ca.credentials(AGENT)?)).await??;
    check(&dialled).await?;
    Ok(())
}

/// The handshakes that stall use up all turns, and the one behind them is served once they have been closed.
#[tokio::test]
async fn stalled_handshakes_delay_others_no_longer_than_their_deadline() -> anyhow::Result<()> {
    let ca = Ca::new()?;
    let handshake_deadline = Duration::from_secs(1);
    let options = ListenerOptions { max_handshakes: 1, handshake_deadline, ..options() };
    let server = Server::start(ca.server()?, options).await?;
    let credentials = ca.credentials(AGENT)?;
    let begun = Instant::now();
    let mut stalled = TcpStream::connect(server.address).await?;
    stalled.write_all(&client_hello(client_config(&credentials)?)?).await?;
    // Whoever comes at the same moment has the same deadline; this one comes later.
    tokio::time::sleep(handshake_deadline / 2).await;
    let (closed, dialled) = tokio::join!(closed_by_peer(&mut stalled), server.dial_as(&credentials));
    assert!(begun.elapsed() >= handshake_deadline, "two handshakes at once");
    closed?;
    check(&dialled?).await?;
    Ok(())
}

#[tokio::test]
async fn one_connection_too_many_is_closed_and_its_place_is_given_back() -> anyhow::Result<()> {
    let ca = Ca::new()?;
    let server = Server::start(ca.server()?, ListenerOptions { max_connections: 1, ..options() }).await?;
    let credentials = ca.credentials(AGENT)?;
    let first = server.dial_as(&credentials).await?;
    let stream = watch(&first).await?;

    let second = server.dial(client_config(&credentials)?).await;
    assert!(matches!(second, Err(DialError::Unreachable { .. })), "{second:?}");
    check(&first).await?;

    drop((stream, first));
    let deadline = Instant::now() + PATIENCE;
    while let Err(error) = server.dial_as(&credentials).await {
        anyhow::ensure!(Instant::now() < deadline, "no place became free: {error}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Ok(())
}

#[tokio::test]
async fn strangers_do_not_take_the_places_of_agents() -> anyhow::Result<()> {
    let ca = Ca::new()?;
    let options = ListenerOptions { max_connections: 1, max_pending: 2, ..options() };
    let server = Server::start(ca.server()?, options).await?;
    let _stranger = TcpStream::connect(server.address).await?;
    check(&server.dial_as(&ca.credentials(AGENT)?).await?).await?;

    let _another = TcpStream::connect(server.address).await?;
    closed_by_peer(&mut TcpStream::connect(server.address).await?).await
}

#[tokio::test]
async fn a_peer_that_has_shaken_hands_makes_room_for_the_next() -> anyhow::Result<()> {
    let ca = Ca::new()?;
    let server = Server::start(ca.server()?, ListenerOptions { max_pending: 1, ..options() }).await?;
    let credentials = ca.credentials(AGENT)?;
    let first = server.dial_as(&credentials).await?;
    check(&server.dial_as(&credentials).await?).await?;
    check(&first).await?;
    Ok(())
}

#[tokio::test]
async fn an_agent_gets_no_more_streams_than_its_kind_is_allowed() -> anyhow::Result<()> {
    let ca = Ca::new()?;
    let options = ListenerOptions { agent_streams: 2, operator_streams: 3, ..options() };
    let server = Server::start(ca.server()?, options).await?;
    for (uri, allowed) in [(AGENT, 2), ("pgbelay://operator/ada", 3)] {
        let channel = server.dial_as(&ca.credentials(uri)?).await?;
        let mut streams = Vec::new();
        for _ in 0..allowed {
            streams.push(watch(&channel).await?);
        }
        let one_more = timeout(SHORT, watch(&channel)).await;
        assert!(one_more.is_err(), "{uri} got more than {allowed} streams");
        streams.pop();
        watch(&channel).await?;
    }
    Ok(())
}

#[tokio::test]
async fn an_enrolment_connection_ends_by_itself() -> anyhow::Result<()> {
    let ca = Ca::new()?;
    let config = server_config(&ca.controller()?, &ClientAuth::None)?;
    let peers = Peers::Anonymous { lifetime: 2 * SHORT };
    let server = Server::start(config, ListenerOptions { peers, ..ListenerOptions::enrolment() }).await?;
    let channel = server.dial(pinned_client_config(ca.authority.fingerprint())?).await?;
    let mut stream = watch(&channel).await?;
    let ended = timeout(PATIENCE, stream.message()).await?;
    assert!(ended.is_err(), "{ended:?}");
    Ok(())
}

/// A listener for identified peers that was given a TLS configuration which asks nobody: nothing gets through.
#[tokio::test]
async fn an_identity_is_demanded_whatever_tls_was_told() -> anyhow::Result<()> {
    let ca = Ca::new()?;
    let config = server_config(&ca.controller()?, &ClientAuth::None)?;
    let server = Server::start(config, options()).await?;
    let outcome = server.dial(pinned_client_config(ca.authority.fingerprint())?).await;
    assert!(matches!(outcome, Err(DialError::Unreachable { .. })), "{outcome:?}");
    Ok(())
}
