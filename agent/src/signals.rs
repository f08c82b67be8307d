//! SIGTERM and SIGINT: the first asks the agent to stop, the second does not ask.

use std::io;

use pgbelay_agent::Shutdown;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::task::AbortOnDropHandle;

/// Passes the signals on for as long as the handle is held.
pub(crate) fn watch(shutdown: Shutdown) -> io::Result<AbortOnDropHandle<()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let watching = async move {
        for token in [shutdown.stop, shutdown.now] {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            token.cancel();
        }
    };
    Ok(AbortOnDropHandle::new(tokio::spawn(watching)))
}
