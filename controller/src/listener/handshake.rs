//! From a TCP connection to a peer that TLS has verified, within a deadline.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use rustls::server::Acceptor;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::server::TlsStream;

use super::Shared;

/// How long a refused peer is given to read why: one slow round trip.
const LINGER: Duration = Duration::from_secs(1);
/// How much of what a refused peer goes on sending is read: its first HTTP/2 frames are far smaller.
const LINGER_BYTES: u64 = 16 * 1024;

/// The TLS stream, or nothing when the peer was refused or too slow, which has been logged.
pub(super) async fn accept(
    socket: TcpStream,
    remote: SocketAddr,
    shared: &Shared,
) -> Option<TlsStream<TcpStream>> {
    // Small messages both ways: waiting to fill segments would only delay them.
    socket.set_nodelay(true).ok()?;
    let outcome = timeout(shared.options.handshake_deadline, shake_hands(socket, shared)).await;
    let error = match outcome {
        Ok(Ok(stream)) => return Some(stream),
        Ok(Err((error, socket))) => {
            if let Some(socket) = socket {
                linger(socket).await;
            }
            error
        }
        Err(_) => io::Error::new(io::ErrorKind::TimedOut, "the handshake took too long"),
    };
    if let Some(suppressed) = shared.log.handshake.admit() {
        tracing::warn!(%remote, %error, suppressed, "refused a connection");
    }
    None
}

/// A turn is for work: who has said nothing yet waits without one, so that silent sockets keep nobody out.
async fn shake_hands(
    socket: TcpStream,
    shared: &Shared,
) -> Result<TlsStream<TcpStream>, (io::Error, Option<TcpStream>)> {
    let mut acceptor = LazyConfigAcceptor::new(Acceptor::default(), socket);
    let hello = match (&mut acceptor).await {
        Ok(hello) => hello,
        Err(error) => return Err((error, acceptor.take_io())),
    };
    let _turn = shared.handshakes.acquire().await.map_err(|error| (io::Error::other(error), None))?;
    let handshake = hello.into_stream(shared.tls.current()).into_fallible();
    handshake.await.map_err(|(error, socket)| (error, Some(socket)))
}

/// A client of TLS 1.3 has sent its first request before its certificate was looked at. Closing a socket with unread
/// bytes resets the connection, and the reset would overtake the alert that tells the peer what is wrong.
async fn linger(mut socket: TcpStream) {
    let reading = async {
        socket.shutdown().await?;
        tokio::io::copy(&mut (&mut socket).take(LINGER_BYTES), &mut tokio::io::sink()).await
    };
    // The peer was refused: whether it stayed for the reason is its own affair.
    let _ = timeout(LINGER, reading).await;
}
