//! A thread and a runtime for one piece of work: the task that asks the server and the one that keeps the connection are on
//! the same thread, so that none has to wake another for each answer. That is a good part of what short steps take.

use std::io;
use std::panic::resume_unwind;
use std::thread;

use pgbelay_core::command::{FailureKind, Outcome};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::failed;

/// Carries out work on a thread of its own. When this is dropped, the work is dropped at its next wait; when the work
/// panics, so does this.
pub(super) async fn on_its_own(work: impl Future<Output = Outcome> + Send + 'static) -> Outcome {
    let dropped = CancellationToken::new();
    let _guard = dropped.clone().drop_guard();
    let (tell, told) = oneshot::channel();
    let run = move || {
        if let Some(outcome) = carry_out(work, &dropped) {
            // Nobody may listen any more.
            let _ = tell.send(outcome);
        }
    };
    match thread::Builder::new().name("pgbelay-run".to_owned()).spawn(run) {
        Ok(_) => told.await.unwrap_or_else(|_| resume_unwind(Box::new("the thread of a run broke"))),
        Err(error) => refused(&error),
    }
}

/// The outcome; `None`: nobody wants it any more.
fn carry_out(work: impl Future<Output = Outcome>, dropped: &CancellationToken) -> Option<Outcome> {
    let runtime = match Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => Own(Some(runtime)),
        Err(error) => return Some(refused(&error)),
    };
    let work = dropped.run_until_cancelled(Box::pin(work));
    runtime.0.as_ref().and_then(|runtime| runtime.block_on(work))
}

/// A runtime of which nothing is waited for when it is dropped, also when the work panics: what still reads a file or asks
/// for an address has no deadline.
struct Own(Option<Runtime>);

impl Drop for Own {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

fn refused(error: &io::Error) -> Outcome {
    let message = format!("the run got no thread of its own: {error}");
    let hint = "nothing was changed; see what the agent may use (threads, open files), then retry";
    failed(FailureKind::Agent, message, hint)
}

#[cfg(test)]
mod tests {
    use std::future::pending;
    use std::time::Duration;

    use tokio::time::timeout;
    use tokio_util::task::AbortOnDropHandle;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(30);

    fn outcome() -> Outcome {
        Outcome::Interrupted { done: Vec::new(), observation: None }
    }

    #[tokio::test]
    async fn what_it_comes_to_is_told() {
        let here = thread::current().id();
        let work = async move {
            // Another task of the same runtime is on the same thread.
            let there = tokio::spawn(async { thread::current().id() }).await;
            assert!(there.is_ok_and(|there| there == thread::current().id() && there != here));
            outcome()
        };
        assert_eq!(timeout(PATIENCE, on_its_own(work)).await, Ok(outcome()));
    }

    #[tokio::test]
    async fn work_that_is_not_wanted_any_more_is_dropped() {
        let (held, dropped) = oneshot::channel::<()>();
        let (began, begun) = oneshot::channel();
        let work = async move {
            let _held = held;
            let _ = began.send(());
            pending().await
        };
        let job = AbortOnDropHandle::new(tokio::spawn(on_its_own(work)));
        assert!(timeout(PATIENCE, begun).await.is_ok());
        drop(job);
        assert!(timeout(PATIENCE, dropped).await.is_ok_and(|ended| ended.is_err()), "it is still held");
    }

    #[tokio::test]
    async fn a_panic_is_one_of_whoever_waits() {
        let job = tokio::spawn(on_its_own(async { panic!("it broke") }));
        assert!(timeout(PATIENCE, job).await.is_ok_and(|ended| ended.is_err_and(|error| error.is_panic())));
    }
}
