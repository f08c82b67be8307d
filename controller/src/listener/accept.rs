//! Accepting connections, and not spinning when the system has none to give.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio_util::task::TaskTracker;

use super::{GrpcService, Shared, connection};

/// Pause after an error that the next accept would meet again (no file descriptors, no memory). Without it, such an
/// error costs a third of a core; with it, a connection waits at most this much longer than it must.
const BACK_OFF: Duration = Duration::from_millis(100);

/// Where connections come from.
pub(super) trait Accept {
    fn accept(&mut self) -> impl Future<Output = io::Result<(TcpStream, SocketAddr)>> + Send;
}

impl Accept for TcpListener {
    async fn accept(&mut self) -> io::Result<(TcpStream, SocketAddr)> {
        Self::accept(self).await
    }
}

pub(super) async fn accept_until_shutdown<S: GrpcService>(
    mut listener: impl Accept,
    service: &S,
    shared: &Arc<Shared>,
    tasks: &TaskTracker,
) {
    loop {
        let accepted = tokio::select! {
            biased;
            () = shared.shutdown.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((socket, remote)) => admit(socket, remote, service, shared, tasks),
            Err(error) if concerns_one_connection(&error) => {}
            Err(error) => {
                if let Some(suppressed) = shared.log.accept.admit() {
                    tracing::error!(%error, suppressed, "cannot accept connections");
                }
                tokio::select! {
                    () = shared.shutdown.cancelled() => return,
                    () = tokio::time::sleep(BACK_OFF) => {}
                }
            }
        }
    }
}

fn admit<S: GrpcService>(
    socket: TcpStream,
    remote: SocketAddr,
    service: &S,
    shared: &Arc<Shared>,
    tasks: &TaskTracker,
) {
    let Ok(pending) = Arc::clone(&shared.pending).try_acquire_owned() else {
        if let Some(suppressed) = shared.log.full.admit() {
            let limit = shared.options.max_pending;
            tracing::warn!(%remote, limit, suppressed, "closed a connection: too many are shaking hands");
        }
        return;
    };
    let newcomer = connection::Newcomer { socket, remote, pending };
    tasks.spawn(connection::run(newcomer, service.clone(), Arc::clone(shared)));
}

/// The peer was gone before it was accepted; the next one may be well.
fn concerns_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::Interrupted
    )
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use tokio::sync::Semaphore;
    use tokio::time::Instant;
    use tokio_util::sync::CancellationToken;

    use super::super::{ListenerOptions, TlsHandle, log_limit};
    use super::*;

    /// Linux's number for "too many open files".
    const EMFILE: i32 = 24;

    /// Gives errors, then ends the loop.
    struct Failing {
        errors: VecDeque<io::Error>,
        shutdown: CancellationToken,
    }

    impl Accept for Failing {
        async fn accept(&mut self) -> io::Result<(TcpStream, SocketAddr)> {
            match self.errors.pop_front() {
                Some(error) => Err(error),
                None => {
                    self.shutdown.cancel();
                    std::future::pending().await
                }
            }
        }
    }

    fn shared(shutdown: &CancellationToken) -> anyhow::Result<Shared> {
        let (authority, _) = crate::ca::CertificateAuthority::create(pgbelay_core::time::Timestamp(0))?;
        let hour = pgbelay_core::time::Span::hours(1);
        let credentials = authority.issue_controller("c", pgbelay_core::time::Timestamp(0), hour)?;
        let config = pgbelay_proto::tls::server_config(&credentials, &pgbelay_proto::tls::ClientAuth::None)?;
        Ok(Shared {
            tls: TlsHandle::new(config),
            options: ListenerOptions::enrolment(),
            pending: Arc::new(Semaphore::new(1)),
            handshakes: Semaphore::new(1),
            connections: Semaphore::new(1),
            shutdown: shutdown.clone(),
            abort: CancellationToken::new(),
            log: log_limit::Logs::default(),
        })
    }

    async fn time_of(errors: Vec<io::Error>) -> anyhow::Result<Duration> {
        let shutdown = CancellationToken::new();
        let failing = Failing { errors: errors.into(), shutdown: shutdown.clone() };
        let shared = Arc::new(shared(&shutdown)?);
        let begun = Instant::now();
        let routes = tonic::service::Routes::default();
        let tasks = TaskTracker::new();
        let accepting = accept_until_shutdown(failing, &routes, &shared, &tasks);
        tokio::time::timeout(Duration::from_secs(10), accepting).await?;
        Ok(begun.elapsed())
    }

    #[tokio::test]
    async fn an_error_of_the_system_is_followed_by_a_pause() -> anyhow::Result<()> {
        let errors = (0..3).map(|_| io::Error::from_raw_os_error(EMFILE)).collect();
        assert!(time_of(errors).await? >= 3 * BACK_OFF);
        Ok(())
    }

    #[tokio::test]
    async fn an_error_of_one_connection_is_not() -> anyhow::Result<()> {
        let errors = (0..1_000).map(|_| io::ErrorKind::ConnectionAborted.into()).collect();
        assert!(time_of(errors).await? < 50 * BACK_OFF);
        Ok(())
    }
}
