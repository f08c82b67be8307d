//! A stand-in for a bad network: a TCP proxy that understands where PostgreSQL's messages end.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use crate::world::LONG;

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
    /// Holds the n-th COMMIT until it is let go.
    HoldCommit(usize),
    /// Holds the answer to the n-th COMMIT until it is let go.
    HoldAnswer(usize),
    /// Holds what clients end their sessions with until it is let go: the server takes a while to see it.
    HoldEnd,
    /// Announces another server process, as proxies that pool do.
    OtherProcess,
}

/// Whether something is held, and whether it may go on.
#[derive(Debug, Clone, Copy, Default)]
struct Gate {
    reached: bool,
    open: bool,
}

pub(crate) struct Proxy {
    pub(crate) port: u16,
    gate: watch::Sender<Gate>,
    _task: AbortOnDropHandle<()>,
}

impl Proxy {
    pub(crate) async fn start(server: u16, fate: Fate) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let port = listener.local_addr()?.port();
        let commits = Arc::new(AtomicUsize::new(0));
        let (gate, _) = watch::channel(Gate::default());
        let gates = gate.clone();
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (commits, gate) = (Arc::clone(&commits), gates.clone());
                tokio::spawn(async move {
                    let Ok(server) = TcpStream::connect(("127.0.0.1", server)).await else { return };
                    serve(client, server, fate, (commits, gate)).await;
                });
            }
        });
        Ok(Self { port, gate, _task: AbortOnDropHandle::new(task) })
    }

    /// Waits until something is held.
    pub(crate) async fn holds(&self) -> anyhow::Result<()> {
        let mut gate = self.gate.subscribe();
        tokio::time::timeout(LONG, gate.wait_for(|gate| gate.reached)).await??;
        Ok(())
    }

    /// Lets go what is held.
    pub(crate) fn let_go(&self) {
        self.gate.send_modify(|gate| gate.open = true);
    }
}

/// Ends, and closes both connections, when either direction ends.
async fn serve(
    client: TcpStream,
    server: TcpStream,
    fate: Fate,
    (commits, gate): (Arc<AtomicUsize>, watch::Sender<Gate>),
) {
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let mute = Arc::new(AtomicUsize::new(0));
    let there = forward((from_client, to_server), fate, commits, (Arc::clone(&mute), gate.clone()));
    let back = backward((from_server, to_client), fate, (mute, gate));
    tokio::select! {
        _ = there => {}
        _ = back => {}
    }
}

async fn forward(
    (mut from, mut to): (OwnedReadHalf, OwnedWriteHalf),
    fate: Fate,
    commits: Arc<AtomicUsize>,
    (mute, gate): (Arc<AtomicUsize>, watch::Sender<Gate>),
) -> std::io::Result<()> {
    let mut started = false;
    loop {
        let message = message(&mut from, started).await?;
        started = true;
        // At the end of a message, or before what opens the next transaction.
        let commits_with = |commit: &[u8]| contains(&message, commit);
        let is_commit = message[0] == b'Q' && (commits_with(b"COMMIT\0") || commits_with(b"COMMIT; BEGIN"));
        let writes = contains(&message, b"EXECUTE pgbelay_record");
        let number = if is_commit && writes { commits.fetch_add(1, Ordering::SeqCst) + 1 } else { 0 };
        match fate {
            Fate::CutBeforeCommit(n) if n == number => return Ok(()),
            Fate::CutBeforeCommitsFrom(n) if number >= n => return Ok(()),
            Fate::CutWithCommit(n) if n == number => {
                to.write_all(&message).await?;
                return to.flush().await;
            }
            Fate::CutAfterCommit(n) | Fate::HoldAnswer(n) if n == number => mute.store(1, Ordering::SeqCst),
            Fate::HoldCommit(n) if n == number => held(&gate).await,
            Fate::HoldEnd if message[0] == b'X' => held(&gate).await,
            _ => {}
        }
        to.write_all(&message).await?;
    }
}

/// Waits until what is held may go on.
async fn held(gate: &watch::Sender<Gate>) {
    gate.send_modify(|gate| gate.reached = true);
    let mut gates = gate.subscribe();
    // The sender is held here.
    let _ = gates.wait_for(|gate| gate.open).await;
}

async fn backward(
    (mut from, mut to): (OwnedReadHalf, OwnedWriteHalf),
    fate: Fate,
    (mute, gate): (Arc<AtomicUsize>, watch::Sender<Gate>),
) -> std::io::Result<()> {
    loop {
        let mut message = message(&mut from, true).await?;
        if fate == Fate::OtherProcess && message[0] == b'K' {
            message[8] ^= 1;
        }
        match mute.load(Ordering::SeqCst) {
            1 if matches!(fate, Fate::HoldAnswer(_)) => {
                held(&gate).await;
                to.write_all(&message).await?;
            }
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
