//! A TCP proxy that a test puts between two processes, to cut or stall what goes through.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::AbortHandle;

use crate::wait;

/// How long a connection may take to end: a task has to be woken, no more.
const SEVER: Duration = Duration::from_secs(10);

/// What the proxy does with what it is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Everything goes through.
    Open,
    /// Nothing from the client arrives; nothing is lost either: it waits.
    HoldUpstream,
    /// Nothing from the server arrives; it waits as well.
    HoldDownstream,
    /// Connections are cut, and new ones as well.
    Cut,
}

/// A proxy on a port of its own. It ends with the value.
pub struct Proxy {
    address: SocketAddr,
    mode: watch::Sender<Mode>,
    upstream_bytes: Arc<AtomicU64>,
    accepting: AbortHandle,
}

impl Proxy {
    /// Starts a proxy to `target`.
    ///
    /// # Errors
    /// No port could be had.
    pub async fn start(target: SocketAddr) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let (mode, modes) = watch::channel(Mode::Open);
        let upstream_bytes = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&upstream_bytes);
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(connection(client, target, modes.clone(), Arc::clone(&counter)));
            }
        });
        Ok(Self { address, mode, upstream_bytes, accepting: accepting.abort_handle() })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Changes what it does, for the connections that there are as well.
    pub fn set(&self, mode: Mode) {
        self.mode.send_replace(mode);
    }

    /// Cuts every connection that there is, with what was held of it, and is open to new ones.
    ///
    /// # Errors
    /// A connection does not end.
    pub async fn sever(&self) -> anyhow::Result<()> {
        self.set(Mode::Cut);
        // The one receiver that is left is the listener's.
        wait::until("the end of every connection", SEVER, async || Ok(self.mode.receiver_count() == 1))
            .await?;
        self.set(Mode::Open);
        Ok(())
    }

    /// How many bytes of clients have gone through.
    #[must_use]
    pub fn upstream_bytes(&self) -> u64 {
        self.upstream_bytes.load(Ordering::Relaxed)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.set(Mode::Cut);
        self.accepting.abort();
    }
}

async fn connection(
    client: TcpStream,
    target: SocketAddr,
    mut modes: watch::Receiver<Mode>,
    counter: Arc<AtomicU64>,
) {
    let up = Way { modes: modes.clone(), held_in: Mode::HoldUpstream, counter: Some(counter) };
    let down = Way { modes: modes.clone(), held_in: Mode::HoldDownstream, counter: None };
    let through = async {
        let server = TcpStream::connect(target).await?;
        let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
        tokio::select! {
            done = up.copy(from_client, to_server) => done,
            done = down.copy(from_server, to_client) => done,
        }
    };
    // A connection that is cut ends without a word, as a lost network does. Looked at first: what was held does not
    // slip through.
    tokio::select! {
        biased;
        _ = modes.wait_for(|mode| *mode == Mode::Cut) => {}
        _ = through => {}
    }
}

/// One direction of a connection.
struct Way {
    modes: watch::Receiver<Mode>,
    held_in: Mode,
    counter: Option<Arc<AtomicU64>>,
}

impl Way {
    async fn copy(mut self, mut from: OwnedReadHalf, mut to: OwnedWriteHalf) -> std::io::Result<()> {
        let mut buffer = vec![0; 16 << 10];
        loop {
            let n = from.read(&mut buffer).await?;
            if n == 0 {
                return to.shutdown().await;
            }
            let held_in = self.held_in;
            if self.modes.wait_for(|mode| *mode != held_in).await.is_err() {
                return Ok(());
            }
            if let Some(counter) = &self.counter {
                counter.fetch_add(n as u64, Ordering::Relaxed);
            }
            to.write_all(&buffer[..n]).await?;
        }
    }
}
