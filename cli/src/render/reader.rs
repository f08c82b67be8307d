//! Whoever reads the results: `pgbelay status --watch | head -1` ends when `head` does, not with the next line.

use std::future::pending;
use std::os::fd::OwnedFd;

use tokio::io::Interest;
use tokio::net::unix::pipe::Sender;

/// Whoever reads the results. A file, and what is not known, always does.
pub(crate) struct Reader(Option<Sender>);

impl Reader {
    pub(super) fn of(out: Option<OwnedFd>) -> Self {
        // Not checked: nothing is written by this, and what is no pipe has no end to wait for, or one like it.
        Self(out.and_then(|out| Sender::from_owned_fd_unchecked(out).ok()))
    }

    /// Comes back when nobody can read the results any more.
    pub(crate) async fn has_gone(&self) {
        let Some(out) = &self.0 else { return pending().await };
        if out.ready(Interest::ERROR).await.is_err() {
            pending::<()>().await;
        }
    }
}
