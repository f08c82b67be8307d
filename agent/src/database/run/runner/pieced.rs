//! A step that does not run in one transaction: piece after piece, each written down, so that a run that was cut off goes
//! on where it was.
//!
//! Invariant: whatever is sent alone was written down as intended before. What is found intended is settled by the
//! catalogue, or by a person's word on this very intent, before anything else is sent; nothing is repeated blindly.

use pgbelay_analysis::{Alone, Cut, Mark, Piece, read_pieces_after};
use pgbelay_core::command::{Failure, FailureKind, RefusedBecause, Resolution, StepDone, Unsettled};
use pgbelay_core::digest::Digest;
use tokio::time::Instant;

use super::{Broken, Ending, Part, Ready, Runner, Then, Took, failure, observe, of_step, unread};
use crate::database::fault::{Fault, sql_failure};
use crate::database::marks::{self, Effect, Evidence};
use crate::database::pieces::{self, Kept, Place, digest_of};
use crate::database::session::OWN_PATH;

/// What a settled piece came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Settled {
    Done,
    NotDone,
    /// As a person says: the schema may be anything.
    SaidNotDone,
}

/// What is left of a step.
#[derive(Debug)]
pub(super) struct Rest {
    /// How many pieces are done.
    done: usize,
    /// Those that are not.
    pieces: Vec<Piece>,
}

impl Rest {
    /// The place of one of its pieces.
    pub(super) fn place(&self, ready: &Ready, at: usize) -> Place {
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let statements = self.pieces.get(at).map_or(0, |piece| piece.statements.end);
        Place {
            piece: count(self.done + at + 1),
            pieces: count(self.done + self.pieces.len()),
            statements,
            digest: digest_of(&ready.script, statements),
        }
    }
}

impl Runner<'_> {
    /// Runs what is left of a step.
    pub(super) async fn pieced(&mut self, ready: &Ready) -> Result<StepDone, Ending> {
        let (began, mut took, mut lost) = (Instant::now(), Took::default(), 0);
        loop {
            let loss = match Box::pin(self.remaining(ready, &mut took)).await {
                Ok(()) => return Ok(self.step_done(ready, Took { time: began.elapsed(), ..took })),
                Err(Broken::Ended(ending)) => return Err(self.with_what_stays(ready, ending).await),
                Err(Broken::Lost(loss)) => loss,
            };
            lost += 1;
            if let Some(done) = self.reconnect(ready, &loss).await? {
                return Ok(done);
            }
            if let Some(not) = self.not_again(&loss, lost).await {
                return match Box::pin(self.leave(ready, not)).await {
                    Ok(()) => Ok(self.step_done(ready, Took { time: began.elapsed(), ..took })),
                    Err(ending) => Err(self.with_what_stays(ready, ending).await),
                };
            }
            // A wish to end the run is heard between two pieces.
            self.may_start()?;
            took.retries += 1;
        }
    }

    /// Ends a step that is not gone on with. What became of the statement that was cut off is found out and written down
    /// all the same, and what it left is taken away. `Ok`: it was the last one and is done, and so the step is.
    async fn leave(&mut self, ready: &Ready, not: String) -> Result<(), Ending> {
        let hint = "look at the server's log, then run it again: it goes on where it was";
        let failed = Box::new(failure(FailureKind::Connection, not, hint));
        let failed = Ending::Failed(of_step(&ready.step, failed));
        match Box::pin(self.left(ready)).await {
            Ok(None) => Ok(()),
            Ok(Some(_)) => Err(failed),
            // Then a person has to be asked.
            Err(Broken::Ended(ending @ Ending::Unsettled(_))) => Err(ending),
            Err(Broken::Ended(ending)) => {
                tracing::warn!(step = ready.title(), ?ending, "what was cut off is settled by the next run");
                Err(failed)
            }
            // It may have been recorded by that.
            Err(Broken::Lost(loss)) => match self.reconnect(ready, &loss).await? {
                Some(_) => Ok(()),
                None => Err(failed),
            },
        }
    }

    async fn remaining(&mut self, ready: &Ready, took: &mut Took) -> Result<(), Broken> {
        let Some(rest) = Box::pin(self.left(ready)).await? else { return Ok(()) };
        if rest.pieces.is_empty() {
            // What was not sent was taken out of the file.
            return self.write(ready, Then::RecordAfter("SELECT 1".to_owned())).await;
        }
        for (at, piece) in rest.pieces.iter().enumerate() {
            self.may_start()?;
            let place = rest.place(ready, at);
            let last = at + 1 == rest.pieces.len();
            let retries = match &piece.alone {
                Some(alone) => Box::pin(self.alone(ready, piece, (alone, place))).await?,
                None => {
                    self.say(format!("{}: piece {} of {}", ready.title(), place.piece, place.pieces));
                    let statements = &ready.script.statements;
                    let part = Part {
                        settings: piece.settings.iter().map(|at| &statements[*at]).collect(),
                        statements: &statements[piece.statements.clone()],
                        then: if last {
                            Then::RecordAfter(self.doing(ready, 0).piece_done(place))
                        } else {
                            Then::Piece(place)
                        },
                    };
                    self.transact(ready, &part, None).await?.retries
                }
            };
            took.retries += retries;
            if !last {
                self.left_behind(ready, place).await;
            }
        }
        Ok(())
    }

    /// Settles what was begun before; what is left to be run, or nothing if the step is recorded by that.
    async fn left(&mut self, ready: &Ready) -> Result<Option<Rest>, Broken> {
        self.own_session(ready).await?;
        let kept = pieces::open(&self.session, &self.doing(ready, 0)).await;
        let kept = kept.map_err(|fault| self.broken(ready, &fault))?;
        let Some(last) = kept.last() else {
            return Ok(Some(Rest { done: 0, pieces: ready.pieces.clone() }));
        };
        if !last.is_of(&ready.script) {
            return Err(Ending::Failed(changed(ready, last)).into());
        }
        let begun = if last.done { last.statements } else { last.statements.saturating_sub(1) };
        let mut rest =
            Rest { done: kept.iter().filter(|kept| kept.done).count(), pieces: cut(ready, begun).await? };
        let mut unmoved = last.done;
        if !last.done {
            let settled = self.settle_piece(ready, last, &rest).await?;
            unmoved = settled == Settled::NotDone;
            if settled == Settled::Done {
                rest.done += 1;
                rest.pieces.remove(0);
                if rest.pieces.is_empty() {
                    return Ok(None);
                }
            }
        }
        // Another plan was made for the schema as it is.
        if unmoved && last.plan == Some(self.command.plan) {
            self.unmoved(ready, last.fingerprint).await?;
        }
        Ok(Some(rest))
    }

    /// Whether the schema is still as this migration left it, where that is known.
    async fn unmoved(&self, ready: &Ready, fingerprint: Option<Digest>) -> Result<(), Broken> {
        let Some(expected) = fingerprint else { return Ok(()) };
        let seen = self.fingerprint(ready).await?;
        if seen == expected {
            return Ok(());
        }
        let what = format!(
            "the schema was changed since the migration was cut off: its fingerprint is {}, and was {}",
            seen.short(),
            expected.short()
        );
        Err(match self.done.is_empty() {
            true => Ending::Refused(RefusedBecause::Moved { what }),
            false => Ending::Interrupted,
        }
        .into())
    }

    /// The fingerprint of the schema as it is.
    pub(super) async fn fingerprint(&self, ready: &Ready) -> Result<Digest, Broken> {
        self.own_session(ready).await?;
        let seen = observe(&self.session, &self.target.schema).await;
        Ok(seen.map_err(|error| unread(ready, error))?.fingerprint)
    }

    /// Puts the session back to its own user and path: what is asked next is ours.
    pub(super) async fn own_session(&self, ready: &Ready) -> Result<(), Broken> {
        let sql = format!("SET SESSION AUTHORIZATION DEFAULT; RESET ROLE; {OWN_PATH}");
        self.session.tell(&sql).await.map_err(|fault| self.broken(ready, &fault))
    }

    /// Writes down what a piece has left behind. It is for noticing what others change: the run goes on without it.
    async fn left_behind(&mut self, ready: &Ready, place: Place) {
        let noted = async {
            let fingerprint = self.fingerprint(ready).await?;
            let sql = self.doing(ready, 0).left_behind(place, fingerprint);
            self.write(ready, Then::Write(sql)).await
        };
        match Box::pin(noted).await {
            Ok(()) => {}
            Err(Broken::Lost(loss)) => tracing::debug!(%loss, "what a piece has left behind is not noted"),
            Err(Broken::Ended(ending)) => {
                tracing::debug!(?ending, "what a piece has left behind is not noted");
            }
        }
    }

    /// Finds out whether a statement that was cut off took effect, and writes it down.
    async fn settle_piece(&mut self, ready: &Ready, kept: &Kept, rest: &Rest) -> Result<Settled, Broken> {
        let first = rest.pieces.first();
        let Some(alone) = first.and_then(|piece| piece.alone.as_ref()) else {
            return Err(Ending::Failed(changed(ready, kept)).into());
        };
        self.say(format!("{}: finding out what became of piece {}", ready.title(), kept.piece));
        let evidence: Evidence = serde_json::from_str(&kept.evidence).unwrap_or_default();
        let seen = marks::effect(&self.session, &alone.mark, &evidence).await;
        let (settled, said) = match seen.map_err(|fault| self.broken(ready, &fault))? {
            Effect::Done => (Settled::Done, None),
            Effect::Finish(cleanup) => {
                self.clean_up(ready, std::slice::from_ref(&cleanup)).await?;
                (Settled::Done, None)
            }
            Effect::NotDone { cleanup } => {
                self.clean_up(ready, &cleanup).await?;
                // These change the schema before they are through.
                let half = matches!(alone.mark, Mark::NoIndex { .. } | Mark::Reindexed { .. });
                (if half { Settled::SaidNotDone } else { Settled::NotDone }, None)
            }
            Effect::Untold => match self.said(kept) {
                Some(said) if said.done => (Settled::Done, Some(said)),
                Some(said) => (Settled::SaidNotDone, Some(said)),
                None => {
                    let statement = unsettled(ready, kept, (alone, "its answer never came"));
                    return Err(Ending::Unsettled(Box::new(statement)).into());
                }
            },
        };
        let place = rest.place(ready, 0);
        let doing = self.doing(ready, 0);
        let then = match settled {
            Settled::NotDone | Settled::SaidNotDone => {
                Then::Write(doing.intended_undone(place, said.as_ref()))
            }
            Settled::Done => {
                let write = doing.intended_done(place, said.as_ref());
                if rest.pieces.len() == 1 { Then::RecordAfter(write) } else { Then::Write(write) }
            }
        };
        self.write(ready, then).await?;
        Ok(settled)
    }

    /// What a person has said of an intent.
    fn said(&self, kept: &Kept) -> Option<Resolution> {
        self.run.resolution.as_ref().filter(|said| said.intent == kept.id).cloned()
    }

    /// Writes to the journal, or the record, in a transaction of its own.
    pub(super) async fn write(&mut self, ready: &Ready, then: Then) -> Result<(), Broken> {
        let part = Part { settings: Vec::new(), statements: &[], then };
        self.transact(ready, &part, None).await.map(drop)
    }

    pub(super) fn broken(&self, ready: &Ready, fault: &Fault) -> Broken {
        match fault {
            Fault::Lost(loss) => Broken::Lost(loss.clone()),
            Fault::Sql(error) => {
                Ending::Failed(of_step(&ready.step, Box::new(sql_failure(error, None)))).into()
            }
        }
    }

    /// Says what of a step stays done although it has failed.
    async fn with_what_stays(&self, ready: &Ready, ending: Ending) -> Ending {
        let Ending::Failed(failure) = ending else { return ending };
        let kept = match self.own_session(ready).await {
            Ok(()) => pieces::open(&self.session, &self.doing(ready, 0)).await.ok(),
            Err(Broken::Lost(_) | Broken::Ended(_)) => None,
        };
        let stays = match kept.map(|kept| kept.iter().filter(|kept| kept.done).count()) {
            Some(0) => return Ending::Failed(failure),
            Some(1) => "piece 1 is done and stays: the next run goes on after it".to_owned(),
            Some(done) => format!("pieces 1 to {done} are done and stay: the next run goes on after them"),
            None => {
                "which of its pieces are done stands in migration_pieces, and could not be read".to_owned()
            }
        };
        let message = format!("{}; {stays}", failure.message);
        let hint = failure.hint.map(|hint| hint.replace("nothing was changed; ", ""));
        Ending::Failed(Box::new(Failure { message, hint, ..*failure }))
    }
}

/// What a person has to find out.
pub(super) fn unsettled(ready: &Ready, kept: &Kept, (alone, because): (&Alone, &str)) -> Unsettled {
    let line =
        ready.script.statements.get(kept.statements.saturating_sub(1)).map_or(0, |one| one.position.line);
    Unsettled {
        version: ready.step.version.clone(),
        piece: kept.piece,
        pieces: kept.pieces,
        intent: kept.id,
        line,
        what: format!("{}: {because}", alone.why),
    }
}

/// Cuts what stands after the first statements of a step.
async fn cut(ready: &Ready, done: usize) -> Result<Vec<Piece>, Broken> {
    let (text, autocommit) = (ready.text.clone(), ready.step.autocommit);
    // The parser uses the processor, and a thread of its own.
    let cut = tokio::task::spawn_blocking(move || read_pieces_after(&text, autocommit, done)).await;
    let failed = |line, message: String| {
        let hint = "correct the migration, then make a new plan";
        let failure = Failure { line, ..failure(FailureKind::Sql, message, hint) };
        Broken::from(Ending::Failed(of_step(&ready.step, Box::new(failure))))
    };
    match cut {
        Ok(Ok(Cut { pieces, objection: None, .. })) => Ok(pieces),
        Ok(Ok(Cut { objection: Some((line, what)), .. })) => Err(failed(Some(line), what)),
        Ok(Err(error)) => Err(failed(error.position().map(|position| position.line), error.to_string())),
        Err(error) => Err(failed(None, format!("the SQL could not be read: {error}"))),
    }
}

/// A migration that has begun is another one now.
fn changed(ready: &Ready, kept: &Kept) -> Box<Failure> {
    let message = format!(
        "this migration has begun with another text: {} of its statements were sent, and the file does not begin with them",
        kept.statements
    );
    let hint = "put the statements that were sent back as they were; those after them may be changed";
    of_step(&ready.step, Box::new(failure(FailureKind::Sql, message, hint)))
}
