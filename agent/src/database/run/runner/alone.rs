//! A statement that stands alone: written down as intended, sent, and written down as done.

use pgbelay_analysis::{Alone, Mark, Piece, Statement};
use pgbelay_core::command::{Failure, FailureKind};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::pieced::unsettled;
use super::{Broken, Ending, Limits, Ready, Runner, Stop, Then, Worker, duration, failure, is_passing};
use super::{of_step, pause, told, waiting, waiting_again};
use crate::database::fault::Fault;
use crate::database::lock::{self, Keys};
use crate::database::marks::{self, Cleanup, Effect, Evidence};
use crate::database::pieces::{self, Place};
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
    pub(super) async fn alone(
        &mut self,
        ready: &Ready,
        piece: &Piece,
        (alone, place): (&Alone, Place),
    ) -> Result<u32, Broken> {
        let statements = &ready.script.statements;
        let settings = piece.settings.iter().map(|at| &statements[*at]).collect();
        let sent = Sent { statement: &statements[piece.statements.start], settings, alone, place };
        let (began, mut retries) = (Instant::now(), 0);
        let budget = duration(self.run.settings.lock_budget);
        loop {
            self.may_start()?;
            if !alone.gentle {
                self.others(ready, began, budget).await?;
            }
            self.say(format!("{}: piece {} of {}: {}", ready.title(), place.piece, place.pieces, alone.why));
            let tried_at = Instant::now();
            let Some(stop) = self.send(ready, &sent).await? else { break };
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
        self.sent(ready, &sent).await?;
        Ok(retries)
    }

    /// Sends it. `None`: it took effect; else why it did not, with nothing of it left behind.
    async fn send(&mut self, ready: &Ready, sent: &Sent<'_>) -> Result<Option<Stop>, Broken> {
        reach("before-intent").await;
        let evidence = self.look(ready, sent).await?;
        reach("after-intent").await;
        let (cancel, limits) = (self.control.cancel.clone(), self.limits(sent));
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
                Err(Stop::Lost(loss)) => return Err(Broken::Lost(loss)),
                Err(stop) => stop,
            }
        };
        self.own_session(ready).await?;
        let seen = marks::effect(&self.session, &sent.alone.mark, &evidence).await;
        match seen.map_err(|fault| self.broken(ready, &fault))? {
            // It was too late to end it.
            Effect::Done => return Ok(None),
            Effect::Finish(cleanup) => {
                self.clean_up(ready, std::slice::from_ref(&cleanup)).await?;
                return Ok(None);
            }
            Effect::NotDone { cleanup } => self.clean_up(ready, &cleanup).await?,
            // What it committed by itself before it failed stays, and nobody knows how much that is.
            Effect::Untold if sent.alone.mark == Mark::Opaque => {
                return Err(self.opaque(ready, sent, &stop).await?.into());
            }
            // The server has told that it failed, and it is one transaction.
            Effect::Untold => {}
        }
        let undone = self.doing(ready, 0).intended_undone(sent.place, None);
        self.write(ready, Then::Write(undone)).await?;
        Ok(Some(stop))
    }

    /// A statement that may have committed a part of its work has failed: a person has to look.
    async fn opaque(&self, ready: &Ready, sent: &Sent<'_>, stop: &Stop) -> Result<Ending, Broken> {
        let kept = pieces::open(&self.session, &self.doing(ready, 0)).await;
        let kept = kept.map_err(|fault| self.broken(ready, &fault))?;
        let because = match stop {
            Stop::Failed(failure) => {
                format!("it failed ({}), and may have committed some of its work", failure.message)
            }
            Stop::Cancelled | Stop::Stale { .. } | Stop::Lost(_) => {
                "it was cancelled, and may have committed some of its work".to_owned()
            }
        };
        Ok(match kept.iter().find(|kept| !kept.done) {
            Some(kept) => Ending::Unsettled(Box::new(unsettled(ready, kept, (sent.alone, &because)))),
            None => Ending::Unknown(format!("{}: {because}", ready.title())),
        })
    }

    fn limits(&self, sent: &Sent<'_>) -> Limits {
        let settings = &self.run.settings;
        let statement = duration(settings.timeout_alone(sent.statement.kind.as_str()));
        // Nobody waits behind it: at its end it waits for older transactions, which count as locks.
        let lock = if sent.alone.gentle { statement } else { duration(settings.lock_timeout) };
        Limits { lock, statement }
    }

    /// Looks what is there before it is sent, and writes down that it is going to be.
    async fn look(&mut self, ready: &Ready, sent: &Sent<'_>) -> Result<Evidence, Broken> {
        let (cancel, limits) = (self.control.cancel.clone(), self.limits(sent));
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
            Err(Stop::Lost(loss)) => return Err(Broken::Lost(loss)),
            Err(Stop::Failed(failure)) => return Err(Ending::Failed(of_step(&ready.step, failure)).into()),
            Err(stop @ (Stop::Cancelled | Stop::Stale { .. })) => return Err(self.stopped(stop).into()),
        }
        let looked = async {
            let evidence = marks::evidence(&self.session, &sent.alone.mark).await?;
            let twin = marks::in_the_way(&self.session, &sent.alone.mark, &evidence).await?;
            Ok::<_, Fault>((evidence, twin))
        };
        let (evidence, twin) = looked.await.map_err(|fault| self.broken(ready, &fault))?;
        if let Some(twin) = twin {
            return Err(Ending::Failed(of_step(&ready.step, in_the_way(sent, &twin))).into());
        }
        let fingerprint = self.fingerprint(ready).await?;
        let ours = lock::is_ours(&self.session, Keys::migrator(&self.target.schema)).await;
        if !ours.map_err(|fault| self.broken(ready, &fault))? {
            return Err(Ending::Failed(of_step(&ready.step, lock_given_up())).into());
        }
        let written = serde_json::to_string(&evidence).unwrap_or_default();
        let intended = self.doing(ready, 0).intend(sent.place, fingerprint, &written);
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

    /// Writes down that it took effect; after the last piece, with the record. Nothing comes between: what is known must
    /// not be asked of a person because a look failed.
    async fn sent(&mut self, ready: &Ready, sent: &Sent<'_>) -> Result<(), Broken> {
        self.own_session(ready).await?;
        let (before, after) = (std::mem::take(&mut self.lsn), self.wal(ready).await?);
        self.tally.wal(&before, &after);
        let write = self.doing(ready, 0).intended_done(sent.place, None);
        let last = sent.place.piece == sent.place.pieces;
        self.write(ready, if last { Then::RecordAfter(write) } else { Then::Write(write) }).await
    }

    /// Takes away what an interrupted statement has left. Also when the run was cancelled: it would be left for ever.
    pub(super) async fn clean_up(&mut self, ready: &Ready, cleanup: &[Cleanup]) -> Result<(), Broken> {
        for one in cleanup {
            // It may have become valid, or gone, since it was found.
            if let Some(index) = one.index {
                let invalid = marks::is_invalid(&self.session, index).await;
                if !invalid.map_err(|fault| self.broken(ready, &fault))? {
                    continue;
                }
            }
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
                Err(Stop::Lost(loss)) => return Err(Broken::Lost(loss)),
                Err(Stop::Failed(failure)) => {
                    return Err(Ending::Failed(left_over(ready, one, *failure)).into());
                }
                Err(stop @ (Stop::Cancelled | Stop::Stale { .. })) => return Err(self.stopped(stop).into()),
            }
        }
        Ok(())
    }
}

/// What was left could not be taken away: the journal still knows, and the next run tries again.
fn left_over(ready: &Ready, cleanup: &Cleanup, failure: Failure) -> Box<Failure> {
    let message = format!("{} failed: {}", cleanup.what, failure.message);
    let hint = format!("the next run tries it again; by hand: {}", cleanup.sql);
    of_step(&ready.step, Box::new(Failure { message, hint: Some(hint), ..failure }))
}

/// An index of the wanted name that is not the wanted one: IF NOT EXISTS would take it for that.
fn in_the_way(sent: &Sent<'_>, (index, invalid): &(String, bool)) -> Box<Failure> {
    let (message, hint) = if *invalid {
        (
            format!(
                "the index {index} is there and is not valid: somebody's build of it was cut off, or goes on"
            ),
            format!(
                "drop it (DROP INDEX CONCURRENTLY {index}), or wait for it; then run the migration again"
            ),
        )
    } else {
        (
            format!("the index {index} is there already, and belongs to another table"),
            "give the new one another name, or drop that one; then make a new plan".to_owned(),
        )
    };
    let line = Some(sent.statement.position.line);
    Box::new(Failure { line, ..failure(FailureKind::Sql, message, hint) })
}

/// A script has released the advisory locks of its session.
fn lock_given_up() -> Box<Failure> {
    let message = "the migration gave up the lock that keeps other migrators away (pg_advisory_unlock_all)";
    let hint = "take that out of the migration, then make a new plan";
    Box::new(failure(FailureKind::Agent, message, hint))
}
