//! Waiting for a condition: asked again and again until it holds, until it never will, or until a deadline.

use std::fmt::Display;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

/// How often a condition is asked: short beside what tests wait for, long beside what asking costs.
const INTERVAL: Duration = Duration::from_millis(20);

/// What one look at a condition showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Look<T> {
    /// It holds, and this is what came of it.
    Done(T),
    /// It does not hold yet; the text says what there is instead, for the message if it never does.
    NotYet(String),
    /// It will never hold; the text says why. Waiting ends at once.
    Never(String),
}

impl<T> Look<T> {
    /// Not yet, seen so far.
    pub fn not_yet(seen: impl Display) -> Self {
        Self::NotYet(seen.to_string())
    }
}

/// What a condition may answer: a [`Look`], an `Option` (there, or not yet) or a `bool` (holds, or not yet).
pub trait Answer {
    /// What waiting gives when the condition holds.
    type Value;
    /// The answer as a look.
    fn look(self) -> Look<Self::Value>;
}

impl<T> Answer for Look<T> {
    type Value = T;
    fn look(self) -> Self {
        self
    }
}

impl<T> Answer for Option<T> {
    type Value = T;
    fn look(self) -> Look<T> {
        self.map_or_else(|| Look::not_yet("nothing"), Look::Done)
    }
}

impl Answer for bool {
    type Value = ();
    fn look(self) -> Look<()> {
        self.then_some(()).look()
    }
}

/// Asks `condition` until it answers that it holds.
///
/// An error counts as "not yet": a server that is starting refuses connections. A look that hangs is cut off at the
/// deadline.
///
/// # Errors
/// The deadline passed, or the condition answered [`Look::Never`]. The message has `what` and what was seen last.
pub async fn until<A: Answer>(
    what: &str,
    deadline: Duration,
    mut condition: impl AsyncFnMut() -> anyhow::Result<A>,
) -> anyhow::Result<A::Value> {
    let mut last = "no look finished".to_owned();
    let looking = async {
        let mut ticks = tokio::time::interval(INTERVAL);
        loop {
            ticks.tick().await;
            match condition().await.map(Answer::look) {
                Ok(Look::Done(value)) => return Ok(value),
                Ok(Look::Never(why)) => bail!("waited for {what}, which will not happen: {why}"),
                Ok(Look::NotYet(seen)) => last = seen,
                Err(error) => last = format!("{error:#}"),
            }
        }
    };
    let outcome = tokio::time::timeout(deadline, looking).await;
    outcome.with_context(|| format!("waited {deadline:?} for {what}; last seen: {last}"))?
}

/// [`until`] for places that cannot be async (`Drop`): asks until there is a value or the deadline has passed.
#[expect(clippy::disallowed_methods, reason = "Drop cannot await; used where the wait is short")]
pub(crate) fn blocking_until<T>(deadline: Duration, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let start = Instant::now();
    loop {
        let value = look();
        if value.is_some() || start.elapsed() > deadline {
            return value;
        }
        std::thread::sleep(INTERVAL);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: Duration = Duration::from_millis(200);
    const LONG: Duration = Duration::from_secs(60);

    #[tokio::test]
    async fn a_condition_is_asked_until_it_holds() -> anyhow::Result<()> {
        let mut asked = 0;
        let answer = until("three", LONG, async || {
            asked += 1;
            Ok((asked == 3).then_some("there"))
        });
        assert_eq!(answer.await?, "there");
        assert_eq!(asked, 3);
        until("true", LONG, async || Ok(true)).await
    }

    #[tokio::test]
    async fn an_error_is_not_yet() -> anyhow::Result<()> {
        let mut refused = false;
        until("a server", LONG, async || {
            if !std::mem::replace(&mut refused, true) {
                bail!("connection refused");
            }
            Ok(true)
        })
        .await
    }

    #[tokio::test]
    async fn the_message_has_what_was_seen_last() {
        let waiting = until("green", SHORT, async || Ok(Look::<()>::not_yet("still red")));
        let message = format!("{:#}", waiting.await.unwrap_err());
        assert!(message.starts_with("waited 200ms for green; last seen: still red"), "{message}");
    }

    #[tokio::test]
    async fn what_will_never_be_ends_the_wait_at_once() {
        let start = Instant::now();
        let waiting = until("green", LONG, async || Ok(Look::<()>::Never("the lamp is broken".into())));
        let message = format!("{:#}", waiting.await.unwrap_err());
        assert!(message.contains("the lamp is broken"), "{message}");
        assert!(start.elapsed() < LONG);
    }

    #[tokio::test]
    async fn a_look_that_hangs_is_cut_off() {
        let waiting = until("an answer", SHORT, async || {
            std::future::pending::<()>().await;
            Ok(true)
        });
        assert!(waiting.await.unwrap_err().to_string().contains("no look finished"));
    }
}
