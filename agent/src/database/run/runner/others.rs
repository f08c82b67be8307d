//! Those who are in the way, looked for before anything is asked of the server: sessions that hold what a migration
//! locks, and standbys that are behind.
//!
//! Whoever queues up for a strong lock holds up everybody who comes after. So a migration waits outside of the queue until
//! the long transactions are over, and only then asks, with a short `lock_timeout`: a transaction that has just begun may
//! turn out to be a long one, and then the migration has left the queue before many are behind it.

use std::time::Duration;

use pgbelay_core::command::{FailureKind, StrongLock};
use pgbelay_core::policy::LagThen;
use tokio::time::{Instant, timeout};

use super::{Ending, Ready, Runner, duration, failure, of_step};
use crate::database::blockers::Holder;
use crate::database::session::ANSWER;

/// Between two looks.
const LOOK: Duration = Duration::from_millis(300);

/// How long the first try stands in the queue: longer than most transactions take, too short for people to notice.
const FIRST_WAIT: Duration = Duration::from_millis(100);

/// How long a try stands in the queue for one lock: from try to try twice as long, up to `lock_timeout`, so that it gets
/// past many short transactions too.
pub(super) fn first_wait(retries: u32, lock_timeout: Duration) -> Duration {
    FIRST_WAIT.saturating_mul(2_u32.saturating_pow(retries)).min(lock_timeout)
}

impl Runner<'_> {
    /// What a step locks so that others wait, if it is to be looked who holds it.
    fn looked_at(&self, ready: &Ready) -> Vec<StrongLock> {
        let of_step = self.run.locks.iter().filter(|lock| lock.version == ready.step.version);
        if self.run.settings.blockers.wait { of_step.cloned().collect() } else { Vec::new() }
    }

    /// Whether others are waited for outside of the queue.
    pub(super) fn waits_outside(&self, ready: &Ready) -> bool {
        !self.looked_at(ready).is_empty()
    }

    /// Waits until no long transaction holds what a step locks.
    pub(super) async fn others(
        &mut self,
        ready: &Ready,
        began: Instant,
        budget: Duration,
    ) -> Result<(), Ending> {
        let (policy, locks) = (&self.run.settings.blockers, self.looked_at(ready));
        if locks.is_empty() {
            return Ok(());
        }
        let (cancel_after, waited) = (policy.cancel_after.map(duration), Instant::now());
        let mut looked = waited;
        loop {
            let holders = self.watcher.holders(&locks, self.session.pid, policy.queries).await;
            let Some(holders) = holders.filter(|holders| !holders.is_empty()) else { return Ok(()) };
            self.roll_back_opened().await;
            let words: Vec<_> = holders.iter().map(|holder| holder.words.clone()).collect();
            let now = Instant::now();
            self.tally.waited(now - looked, &words);
            looked = now;
            if cancel_after.is_some_and(|after| waited.elapsed() >= after) {
                self.end(ready, &holders).await;
            }
            if began.elapsed() >= budget {
                return Err(Ending::Failed(of_step(&ready.step, held(&words, budget))));
            }
            self.say(format!(
                "{}: waiting for {} before the lock is asked for",
                ready.title(),
                words.join(", ")
            ));
            self.sleep(LOOK).await;
            self.may_start()?;
        }
    }

    /// Ends those sessions whose roles the agent's own file lists.
    async fn end(&mut self, ready: &Ready, holders: &[Holder]) {
        let may = |holder: &&Holder| self.control.may_end.contains(&holder.user);
        for holder in holders.iter().filter(may) {
            if self.watcher.end(holder).await {
                tracing::warn!(step = ready.title(), session = holder.words, "a session in the way is ended");
                self.tally.ended(std::slice::from_ref(&holder.words));
                self.say(format!("{}: ended {}", ready.title(), holder.words));
            }
        }
    }

    /// Waits until the standbys have caught up, as policy says.
    pub(super) async fn standbys(&mut self, ready: &Ready) -> Result<(), Ending> {
        let Some(lag) = &self.run.settings.replication_lag else { return Ok(()) };
        let (began, wait) = (Instant::now(), duration(lag.wait));
        loop {
            self.may_start()?;
            let Some((standby, behind)) = self.furthest_behind().await.filter(|(_, ms)| *ms > lag.max.0)
            else {
                return Ok(());
            };
            let seconds = behind / 1000;
            let what = format!("standby {standby} is {seconds} s behind, and policy allows {}", lag.max);
            if began.elapsed() >= wait {
                return match lag.then {
                    LagThen::GoOn => {
                        tracing::warn!(step = ready.title(), what, "going on all the same");
                        Ok(())
                    }
                    LagThen::GiveUp => {
                        let message = format!("{what}; it did not catch up within {}", lag.wait);
                        let hint = "nothing of this migration was changed; let it catch up, or change \
                                    replication_lag in the policy";
                        let failure = failure(FailureKind::ReplicationLag, message, hint);
                        Err(Ending::Failed(of_step(&ready.step, Box::new(failure))))
                    }
                };
            }
            self.say(format!("{}: {what}; waiting", ready.title()));
            self.sleep(Duration::from_secs(1)).await;
        }
    }

    /// The standby that is furthest behind, in milliseconds.
    async fn furthest_behind(&self) -> Option<(String, i64)> {
        let sql = "SELECT coalesce(nullif(application_name, ''), pg_catalog.host(client_addr), 'unnamed'), \
                   (extract(epoch FROM replay_lag) * 1000)::bigint FROM pg_catalog.pg_stat_replication \
                   WHERE replay_lag IS NOT NULL ORDER BY replay_lag DESC LIMIT 1";
        let own = format!("{}; {sql}", crate::database::session::OWN_PATH);
        let rows = timeout(ANSWER, self.session.ask(&own)).await.ok()?.ok()?;
        let row = rows.first()?;
        Some((row.get(0)?.to_owned(), row.get(1)?.parse().ok()?))
    }
}

fn held(words: &[String], budget: Duration) -> Box<pgbelay_core::command::Failure> {
    let message = format!(
        "what the migration locks is held by {}; it did not get free within {} s, and the lock was not asked for",
        words.join(", "),
        budget.as_secs()
    );
    let hint =
        "nothing was changed; let these sessions finish or end them, or raise lock_budget in the policy";
    let blockers = words.to_vec();
    Box::new(pgbelay_core::command::Failure { blockers, ..failure(FailureKind::LockTimeout, message, hint) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_try_stands_in_the_queue_for_longer_up_to_what_policy_allows() {
        let check = |retries, lock_timeout, expected| {
            let wait = first_wait(retries, Duration::from_millis(lock_timeout));
            assert_eq!(wait, Duration::from_millis(expected), "{retries} {lock_timeout}");
        };
        check(0, 5_000, 100);
        check(1, 5_000, 200);
        check(5, 5_000, 3_200);
        check(6, 5_000, 5_000);
        check(1_000, 5_000, 5_000);
        check(0, 50, 50);
    }
}
