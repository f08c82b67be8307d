//! After the agent died during a run: what the database says of it.

use pgbelay_core::command::Outcome;
use pgbelay_proto::convert::WireCommand;
use tokio::time::Instant;

use super::connect::ConnectError;
use super::inspect::observe;
use super::settle::{DEADLINE, Settled, once};
use super::target::Target;

/// Reads which steps of a command are recorded by this attempt of it. What an earlier life of the agent may have left
/// running is ended first, so the answer stays true.
///
/// # Errors
/// The database cannot be asked, or another migrator has held its lock for a minute. Nothing is known then, and the
/// question may be put again.
pub async fn recover(target: &Target, command: &WireCommand) -> Result<Outcome, ConnectError> {
    let Settled { session, done } = Box::pin(once(target, command, Instant::now() + DEADLINE)).await?;
    let seen = observe(&session, &target.schema).await;
    session.close().await;
    let observation = Some(seen.map_err(|error| ConnectError::Lost { why: error.to_string() })?);
    Ok(Outcome::Interrupted { done, observation })
}
