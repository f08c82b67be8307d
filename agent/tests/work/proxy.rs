//! A stand-in for a bad network: a TCP proxy that understands where PostgreSQL's messages end.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::task::AbortOnDropHandle;

/// What the proxy does to its connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Cuts the connection instead of passing on the n-th COMMIT.
    CutBeforeCommit(usize),
    /// The same with each one from the n-th on.
    CutBeforeCommitsFrom(usize),
    /// Passes on the n-th COMMIT, and cuts the connection at once.
    CutWithCommit(usize),
    /// Passes on the n-th COMMIT, waits for the answer, and cuts the connection instead of passing that on.
    CutAfterCommit(usize),
    /// Announces another server process, as proxies that pool do.
    OtherProcess,
}

pub(crate) struct Proxy {
    pub(crate) port: u16,
    _task: AbortOnDropHandle<()>,
}

impl Proxy {
    pub(crate) async fn start(server: u16, fate: Fate) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let port = listener.local_addr()?.port();
        let commits = Arc::new(AtomicUsize::new(0));
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let commits = Arc::clone(&commits);
                tokio::spawn(async move {
                    let Ok(server) = TcpStream::connect(("127.0.0.1", server)).await else { return };
                    serve(client, server, fate, commits).await;
                });
            }
        });
        Ok(Self { port, _task: AbortOnDropHandle::new(task) })
    }
}

/// Ends, and closes both connections, when either direction ends.
async fn serve(client: TcpStream, server: TcpStream, fate: Fate, commits: Arc<AtomicUsize>) {
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let mute = Arc::new(AtomicUsize::new(0));
    let there = forward(from_client, to_server, fate, commits, Arc::clone(&mute));
    let back = backward(from_server, to_client, fate, mute);
    tokio::select! {
        _ = there => {}
        _ = back => {}
    }
}

async fn forward(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    fate: Fate,
    commits: Arc<AtomicUsize>,
    mute: Arc<AtomicUsize>,
) -> std::io::Result<()> {
    let mut started = false;
    loop {
        let message = message(&mut from, started).await?;
        started = true;
        let is_commit = message[0] == b'Q' && contains(&message, b"COMMIT\0");
        let writes = contains(&message, b"INSERT INTO \"pgbelay\".migration_attempts");
        let number = if is_commit && writes { commits.fetch_add(1, Ordering::SeqCst) + 1 } else { 0 };
        match fate {
            Fate::CutBeforeCommit(n) if n == number => return Ok(()),
            Fate::CutBeforeCommitsFrom(n) if number >= n => return Ok(()),
            Fate::CutWithCommit(n) if n == number => {
                to.write_all(&message).await?;
                return to.flush().await;
            }
            Fate::CutAfterCommit(n) if n == number => mute.store(1, Ordering::SeqCst),
            _ => {}
        }
        to.write_all(&message).await?;
    }
}

async fn backward(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    fate: Fate,
    mute: Arc<AtomicUsize>,
) -> std::io::Result<()> {
    loop {
        let mut message = message(&mut from, true).await?;
        if fate == Fate::OtherProcess && message[0] == b'K' {
            message[8] ^= 1;
        }
        match mute.load(Ordering::SeqCst) {
            0 => to.write_all(&message).await?,
            // 'Z': the server is done with it.
            1 if message[0] == b'Z' => return Ok(()),
            _ => {}
        }
    }
}

/// One message with its header. The first that a client sends has no type.
async fn message(from: &mut OwnedReadHalf, typed: bool) -> std::io::Result<Vec<u8>> {
    let header = if typed { 5 } else { 4 };
    let mut message = vec![0; header];
    from.read_exact(&mut message).await?;
    let length = u32::from_be_bytes([
        message[header - 4],
        message[header - 3],
        message[header - 2],
        message[header - 1],
    ]);
    message.resize(header + length as usize - 4, 0);
    from.read_exact(&mut message[header..]).await?;
    Ok(message)
}

fn contains(message: &[u8], words: &[u8]) -> bool {
    message.windows(words.len()).any(|window| window == words)
}
