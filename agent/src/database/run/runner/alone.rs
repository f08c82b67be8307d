//! A statement that stands alone: written down as intended, sent, and written down as done.

use pgbelay_analysis::{Alone, Statement};
use pgbelay_core::command::{Failure, FailureKind};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{Broken, Ending, Limits, Ready, Runner, Stop, Then, Worker, duration, failure, is_passing};
use super::{observe, of_step, pause, told, waiting, waiting_again};
use crate::database::fault::Fault;
use crate::database::marks::{self, Cleanup, Effect, Evidence};
use crate::database::pieces::Place;
use crate::failpoint::reach;

/// Which statement, and what comes with it.
struct Sent<'s> {
    statement: &'s Statement,
    settings: Vec<&'s Statement>,
    alone: &'s Alone,
    place: Place,
}

impl Runner<'_> {
    /// Runs a statement alone; how often it had to start again.
    pub(super) async fn alone(&mut self, ready: &Ready, at: usize, alone: &Alone) -> Result<u32, Broken> {
        let (piece, statements) = (&ready.pieces[at], &ready.script.statements);
        let place = Place::of(&ready.script, &ready.pieces, at);
        let settings = piece.settings.iter().map(|at| &statements[*at]).collect();
        let sent = Sent { statement: &statements[piece.statements.start], settings, alone, place };
        let (began, mut retries) = (Instant::now(), 0);
        let budget = duration(self.run.settings.lock_budget);
        loop {
            self.may_start()?;
            self.say(format!("{}: piece {} of {}: {}", ready.title(), place.piece, place.pieces, alone.why));
            let tried_at = Instant::now();
            let left = budget.saturating_sub(began.elapsed());
            let Some(stop) = self.send(ready, &sent, left).await? else { break };
            let Stop::Failed(failed) = stop else {
                self.note(&self.doing(ready, retries), None, tried_at).await;
                return Err(self.stopped(stop).into());
            };
            let pause = pause(retries);
            if !is_passing(&failed) || began.elapsed() + pause >= budget {
                let failure =
                    of_step(&ready.step, told(failed, retries, began.elapsed(), &self.run.settings));
                self.note(&self.doing(ready, retries), Some(&failure), tried_at).await;
                return Err(Ending::Failed(failure).into());
            }
            retries += 1;
            self.say(waiting_again(ready, retries, &failed));
            self.sleep(pause).await;
        }
        self.sent(ready, &sent, at + 1 == ready.pieces.len()).await?;
        Ok(retries)
    }

    /// Sends it. `None`: it took effect; else why it did not, with nothing of it left behind.
    async fn send(
        &mut self,
        ready: &Ready,
        sent: &Sent<'_>,
        left: std::time::Duration,
    ) -> Result<Option<Stop>, Broken> {
        reach("before-intent").await;
        let evidence = self.look(ready, sent, left).await?;
        reach("after-intent").await;
        let (cancel, limits) = (self.control.cancel.clone(), self.limits(sent, left));
        let stop = {
            let waiting = waiting(self.control, ready, (self.done.len(), self.run.steps.len()));
            let mut worker = Worker {
                session: &self.session,
                watcher: &mut self.watcher,
                cancel: &cancel,
                limits,
                settings: &self.run.settings,
                tally: &mut self.tally,
                waiting: &waiting,
            };
            worker.watcher.seen.clear();
            let ran = async {
                worker.prepare_alone(&sent.settings).await?;
                worker.execute_alone(sent.statement).await
            };
            match ran.await {
                Ok(()) => {
                    reach("after-effect").await;
                    return Ok(None);
                }
                Err(Stop::Lost(why)) => return Err(Broken::Lost(why)),
                Err(stop) => stop,
            }
        };
        let seen = marks::effect(&self.session, &sent.alone.mark, &evidence).await;
        match seen.map_err(|fault| self.broken(ready, &fault))? {
            // It was too late to end it.
            Effect::Done => return Ok(None),
            Effect::Finish(cleanup) => {
                self.clean_up(ready, std::slice::from_ref(&cleanup)).await?;
                return Ok(None);
            }
            Effect::NotDone { cleanup } => self.clean_up(ready, &cleanup).await?,
            // The server has told that it failed. What it committed by itself before that stays.
            Effect::Untold => {}
        }
        let undone = self.doing(ready, 0).intended_undone(sent.place, None);
        self.write(ready, Then::Write(undone)).await?;
        Ok(Some(stop))
    }

    fn limits(&self, sent: &Sent<'_>, left: std::time::Duration) -> Limits {
        let timeout = self.run.settings.timeout_alone(sent.statement.kind.as_str());
        // What stands alone holds up few others while it waits: it may wait for as long as all tries together.
        Limits { lock: left.max(std::time::Duration::from_millis(1)), statement: duration(timeout) }
    }

    /// Looks what is there before it is sent, and writes down that it is going to be.
    async fn look(
        &mut self,
        ready: &Ready,
        sent: &Sent<'_>,
        left: std::time::Duration,
    ) -> Result<Evidence, Broken> {
        let (cancel, limits) = (self.control.cancel.clone(), self.limits(sent, left));
        let prepared = {
            let mut worker = Worker {
                session: &self.session,
                watcher: &mut self.watcher,
                cancel: &cancel,
                limits,
                settings: &self.run.settings,
                tally: &mut self.tally,
                waiting: &|_| (),
            };
            worker.prepare_alone(&sent.settings).await
        };
        match prepared {
            Ok(()) => {}
            Err(Stop::Lost(why)) => return Err(Broken::Lost(why)),
            Err(Stop::Failed(failure)) => return Err(Ending::Failed(of_step(&ready.step, failure)).into()),
            Err(stop @ (Stop::Cancelled | Stop::Stale { .. })) => return Err(self.stopped(stop).into()),
        }
        let looked = async {
            let evidence = marks::evidence(&self.session, &sent.alone.mark).await?;
            let twin = marks::in_the_way(&self.session, &sent.alone.mark, &evidence).await?;
            Ok::<_, Fault>((evidence, twin))
        };
        let (evidence, twin) = looked.await.map_err(|fault| self.broken(ready, &fault))?;
        if let Some(index) = twin {
            return Err(Ending::Failed(of_step(&ready.step, in_the_way(sent, &index))).into());
        }
        let seen = observe(&self.session, &self.target.schema).await;
        let seen = seen.map_err(|error| Broken::Lost(error.to_string()))?;
        let written = serde_json::to_string(&evidence).unwrap_or_default();
        let intended = self.doing(ready, 0).intend(sent.place, seen.fingerprint, &written);
        self.write(ready, Then::Write(intended)).await?;
        self.lsn = self.wal(ready).await?;
        Ok(evidence)
    }

    /// Where the server's WAL is.
    async fn wal(&self, ready: &Ready) -> Result<String, Broken> {
        let rows = self.session.ask("SELECT pg_catalog.pg_current_wal_insert_lsn()").await;
        let rows = rows.map_err(|fault| self.broken(ready, &fault))?;
        Ok(rows.first().and_then(|row| row.get(0)).unwrap_or("0/0").to_owned())
    }

    /// Writes down that it took effect; after the last piece, with the record.
    async fn sent(&mut self, ready: &Ready, sent: &Sent<'_>, last: bool) -> Result<(), Broken> {
        let seen = observe(&self.session, &self.target.schema).await;
        let seen = seen.map_err(|error| Broken::Lost(error.to_string()))?;
        let (before, after) = (std::mem::take(&mut self.lsn), self.wal(ready).await?);
        self.tally.wal(&before, &after);
        let write = self.doing(ready, 0).intended_done(sent.place, Some(seen.fingerprint), None);
        self.write(ready, if last { Then::RecordAfter(write) } else { Then::Write(write) }).await
    }

    /// Takes away what an interrupted statement has left. Also when the run was cancelled: it would be left for ever.
    pub(super) async fn clean_up(&mut self, ready: &Ready, cleanup: &[Cleanup]) -> Result<(), Broken> {
        for one in cleanup {
            tracing::warn!(step = ready.title(), "{}", one.what);
            self.say(format!("{}: {}", ready.title(), one.what));
            let settings = &self.run.settings;
            let limits = Limits {
                lock: duration(settings.lock_budget),
                statement: duration(settings.timeout_alone("drop-index")),
            };
            let waiting = waiting(self.control, ready, (self.done.len(), self.run.steps.len()));
            let unstoppable = CancellationToken::new();
            let mut worker = Worker {
                session: &self.session,
                watcher: &mut self.watcher,
                cancel: &unstoppable,
                limits,
                settings,
                tally: &mut self.tally,
                waiting: &waiting,
            };
            match worker.alone(&one.sql).await {
                Ok(()) => {}
                Err(Stop::Lost(why)) => return Err(Broken::Lost(why)),
                Err(Stop::Failed(failure)) => {
                    return Err(Ending::Failed(left_over(ready, one, failure)).into());
                }
                Err(stop @ (Stop::Cancelled | Stop::Stale { .. })) => return Err(self.stopped(stop).into()),
            }
        }
        Ok(())
    }
}

/// What was left could not be taken away: the journal still knows, and the next run tries again.
fn left_over(ready: &Ready, cleanup: &Cleanup, failure: Box<Failure>) -> Box<Failure> {
    let message = format!("{} failed: {}", cleanup.what, failure.message);
    let hint = format!("the next run tries it again; by hand: {}", cleanup.sql);
    of_step(&ready.step, Box::new(Failure { message, hint: Some(hint), ..*failure }))
}

/// An index of the same name that is not valid: IF NOT EXISTS would take it for the one that is wanted.
fn in_the_way(sent: &Sent<'_>, index: &str) -> Box<Failure> {
    let message = format!("the index {index} is there and is not valid: somebody's build of it was cut off");
    let hint = format!("drop it (DROP INDEX CONCURRENTLY {index}), then run the migration again");
    let line = Some(sent.statement.position.line);
    Box::new(Failure { line, ..failure(FailureKind::Sql, message, hint) })
}
