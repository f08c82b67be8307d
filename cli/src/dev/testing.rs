//! What several tests of this module look at: processes from outside.

use std::fs;
use std::time::Duration;

use anyhow::{Context as _, bail};
use tokio::time::Instant;

use super::signal::{self, Signal, Target};

/// Asks until there is a value.
pub(crate) async fn until<T>(deadline: Duration, mut look: impl FnMut() -> Option<T>) -> anyhow::Result<T> {
    let mut ticks = tokio::time::interval(Duration::from_millis(20));
    let looking = async {
        loop {
            ticks.tick().await;
            if let Some(value) = look() {
                return value;
            }
        }
    };
    tokio::time::timeout(deadline, looking).await.context("it did not happen")
}

/// Whether a process is there and has not ended: one that nobody waited for is only a memory.
pub(crate) fn is_there(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat.rsplit_once(')').and_then(|(_, rest)| rest.trim().chars().next());
    state.is_some_and(|state| state != 'Z')
}

/// Waits until none of them is there.
pub(crate) async fn until_gone<'a>(
    pids: impl IntoIterator<Item = &'a u32>,
    deadline: Duration,
) -> anyhow::Result<()> {
    let end = Instant::now() + deadline;
    let mut left: Vec<_> = pids.into_iter().copied().collect();
    let mut ticks = tokio::time::interval(Duration::from_millis(20));
    while !left.is_empty() {
        ticks.tick().await;
        left.retain(|pid| is_there(*pid));
        if Instant::now() > end {
            bail!("still there: {left:?}");
        }
    }
    Ok(())
}

/// The processes that a process has started.
pub(crate) fn children(pid: u32) -> anyhow::Result<Vec<u32>> {
    let text = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"))?;
    Ok(text.split_whitespace().map(str::parse).collect::<Result<_, _>>()?)
}

/// SIGKILL.
pub(crate) fn kill(pid: u32) -> anyhow::Result<()> {
    Ok(signal::send(Signal::Kill, Target::Process(pid))?)
}
