//! A thread and a runtime for one piece of work: the task that asks the server and the one that keeps the connection are on
//! the same thread, so that none has to wake another for each answer. That is a good part of what short steps take.

use pgbelay_core::command::{FailureKind, Outcome};
use tokio::runtime::Builder;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::failed;

/// Starts work. When the guard is dropped, the work is dropped at its next wait, and nobody hears of an outcome.
pub(super) fn on_its_own<F>(work: F) -> (JoinHandle<Outcome>, DropGuard)
where
    F: Future<Output = Outcome> + Send + 'static,
{
    let dropped = CancellationToken::new();
    let guard = dropped.clone().drop_guard();
    let task = spawn_blocking(move || {
        let runtime = match Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime,
            Err(error) => {
                let message = format!("the run got no thread of its own: {error}");
                let hint = "nothing was changed; see what the agent may use (open files), then retry";
                return failed(FailureKind::Agent, message, hint);
            }
        };
        let outcome = runtime.block_on(async {
            tokio::select! {
                outcome = Box::pin(work) => outcome,
                () = dropped.cancelled() => Outcome::Interrupted { done: Vec::new(), observation: None },
            }
        });
        // What still reads a file or a name is not waited for.
        runtime.shutdown_background();
        outcome
    });
    (task, guard)
}
