//! What became of a restore, as the server has it: after it was broken off, and in the next process.

use std::time::Duration;

use futures_util::future::BoxFuture;
use pgbelay_core::database::Observation;
use pgbelay_core::job::{Destination, JobId, Restored};
use pgbelay_core::name::DatabaseName;
use tokio::time::{Instant, sleep};

use super::server::{self, Mark, Server};
use super::{Stop, Work, tables};
use crate::database::{Control, Target, inspect};

/// How long a server is waited for that is away in the middle of it, and how often it is asked.
const COMES_BACK: Duration = Duration::from_secs(120);
const AGAIN: Duration = Duration::from_secs(1);

/// What became of a job that an earlier process of this agent was at: what it left is dropped, and what had come to its
/// end is told. `None`: it had not.
///
/// # Errors
/// The server could not be asked, in words.
pub async fn recover(
    target: &Target,
    name: &DatabaseName,
    (job, backup, into): (&JobId, &str, &Destination),
) -> Result<Option<Mark>, String> {
    drop_leftovers(target, name).await?;
    published(target, name, (&server::mark(backup, job), into)).await
}

pub(super) async fn drop_leftovers(target: &Target, name: &DatabaseName) -> Result<(), String> {
    let server = Server::open(target).await.map_err(|stop| stop.words())?;
    let gone = server.drop_leftovers(name).await;
    server.session.close().await;
    gone.map_err(|fault| fault.words())
}

/// What has been published, if it was: the server knows, whatever became of who did it.
async fn published(
    target: &Target,
    name: &DatabaseName,
    (mark, into): (&str, &Destination),
) -> Result<Option<Mark>, String> {
    match into {
        Destination::Scratch => Ok(None),
        Destination::Tables { schema, .. } => {
            let there = tables::marked(target, schema, mark).await?;
            Ok(there.then(|| Mark { database: target.name.clone(), kept: None }))
        }
        Destination::New { .. } | Destination::InPlace { .. } => {
            let server = Server::open(target).await.map_err(|stop| stop.words())?;
            let found = server.marked(name, mark).await;
            server.session.close().await;
            found.map_err(|fault| fault.words())
        }
    }
}

/// Asks until there is an answer, or for as long as a server takes to come back.
pub(crate) async fn patiently<'a, T>(
    ask: impl Fn() -> BoxFuture<'a, Result<T, String>> + Send,
) -> Result<T, String> {
    let began = Instant::now();
    loop {
        match ask().await {
            Err(why) if began.elapsed() < COMES_BACK => {
                tracing::info!(why, "the server is asked again");
                sleep(AGAIN).await;
            }
            answer => return answer,
        }
    }
}

/// Reads the database that is there now. The controller knows another one until it is told: this ends when it can be
/// read, or with the process, whose successor goes on.
pub(super) async fn look(target: &Target, control: &Control<'_>) -> Observation {
    loop {
        match inspect(target).await {
            Ok(seen) => return seen,
            Err(why) => {
                tracing::warn!(%why, "the database that was put in place cannot be read yet");
                control.say(0, 0, format!("restore: it is in its place, and cannot be read yet: {why}"));
                sleep(AGAIN).await;
            }
        }
    }
}

impl Work<'_> {
    /// It was broken off while it was being published: the server knows whether it was.
    pub(super) async fn settle(&self, mut restored: Restored, stop: Stop) -> Result<Restored, Stop> {
        let (mark, into) = (self.mark(), &self.request.job.into);
        let found = patiently(|| Box::pin(published(self.target, self.request.name, (&mark, into)))).await;
        match found {
            Ok(Some(found)) => {
                restored.kept = found.kept;
                Ok(restored)
            }
            Ok(None) => Err(stop),
            Err(why) => Err(Stop::failed(
                format!("it cannot be told whether it came to its end: {} ({why})", stop.words()),
                "see on the server whether what was asked for is there",
            )),
        }
    }
}
