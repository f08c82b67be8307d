//! A step that does not run in one transaction: piece after piece, each written down, so that a run that was cut off goes
//! on where it was.
//!
//! Invariant: whatever is sent alone was written down as intended before. What is found intended is settled by the
//! catalogue, or by a person's word, before anything else is sent; nothing is repeated blindly.

use pgbelay_core::command::{Failure, FailureKind, RefusedBecause, Resolution, StepDone, Unsettled};
use pgbelay_core::digest::Digest;
use tokio::time::Instant;

use super::{Broken, Ending, Part, Ready, Runner, Then, Took, failure, observe, of_step};
use crate::database::fault::{Fault, sql_failure};
use crate::database::marks::{self, Effect, Evidence};
use crate::database::pieces::{self, Kept, Place};

/// How often a run gets a new connection for one step. A server that goes away more often needs a person.
const MOST_LOST: u32 = 3;

/// What a settled piece came to.
enum Settled {
    Done,
    NotDone,
}

impl Runner<'_> {
    /// Runs what is left of a step.
    pub(super) async fn pieced(&mut self, ready: &Ready) -> Result<StepDone, Ending> {
        let (began, mut took, mut lost) = (Instant::now(), Took::default(), 0);
        loop {
            let why = match Box::pin(self.remaining(ready, &mut took)).await {
                Ok(()) => return Ok(self.step_done(ready, Took { time: began.elapsed(), ..took })),
                Err(Broken::Ended(ending)) => return Err(self.with_what_stays(ready, ending).await),
                Err(Broken::Lost(why)) => why,
            };
            lost += 1;
            if let Some(done) = self.reconnect(ready, &why).await? {
                return Ok(done);
            }
            if lost > MOST_LOST {
                let message = format!("the connection was lost {lost} times: {why}");
                let hint = "look at the server's log, then run it again: it goes on where it was";
                let failure = of_step(&ready.step, Box::new(failure(FailureKind::Connection, message, hint)));
                return Err(self.with_what_stays(ready, Ending::Failed(failure)).await);
            }
            // A wish to end the run is heard between two pieces.
            self.may_start()?;
        }
    }

    async fn remaining(&mut self, ready: &Ready, took: &mut Took) -> Result<(), Broken> {
        let kept = pieces::open(&self.session, &self.doing(ready, 0))
            .await
            .map_err(|fault| self.broken(ready, &fault))?;
        let next = Box::pin(self.go_on(ready, &kept)).await?;
        for at in next..ready.pieces.len() {
            self.may_start()?;
            let (piece, last) = (&ready.pieces[at], at + 1 == ready.pieces.len());
            let place = Place::of(&ready.script, &ready.pieces, at);
            let retries = match &piece.alone {
                Some(alone) => Box::pin(self.alone(ready, at, alone)).await?,
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
                    self.transact(ready, &part).await?.retries
                }
            };
            took.retries += retries;
        }
        Ok(())
    }

    /// Settles what was begun before; the number of the first piece that is to be run.
    async fn go_on(&mut self, ready: &Ready, kept: &[Kept]) -> Result<usize, Broken> {
        for (at, kept) in kept.iter().enumerate() {
            if Place::of(&ready.script, &ready.pieces, at).digest != kept.digest || at >= ready.pieces.len() {
                return Err(Ending::Failed(changed(ready, kept)).into());
            }
        }
        let Some(last) = kept.last() else { return Ok(0) };
        let mut next = kept.len();
        let mut fingerprint = last.fingerprint;
        if !last.done {
            match self.settle_piece(ready, last).await? {
                Settled::Done => fingerprint = None,
                Settled::NotDone => next -= 1,
            }
        }
        self.unmoved(fingerprint).await?;
        Ok(next)
    }

    /// Whether the schema is still as this migration left it, where that is known.
    async fn unmoved(&self, fingerprint: Option<Digest>) -> Result<(), Broken> {
        let Some(expected) = fingerprint else { return Ok(()) };
        let seen = observe(&self.session, &self.target.schema).await;
        let seen = seen.map_err(|error| Broken::Lost(error.to_string()))?.fingerprint;
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

    /// Finds out whether a statement that was cut off took effect, and writes it down.
    async fn settle_piece(&mut self, ready: &Ready, kept: &Kept) -> Result<Settled, Broken> {
        let at = kept.piece as usize - 1;
        let piece = ready.pieces.get(at).filter(|piece| piece.alone.is_some());
        let Some((piece, alone)) = piece.and_then(|piece| Some((piece, piece.alone.as_ref()?))) else {
            return Err(Ending::Failed(changed(ready, kept)).into());
        };
        self.say(format!("{}: finding out what became of piece {}", ready.title(), kept.piece));
        let evidence: Evidence = serde_json::from_str(&kept.evidence).unwrap_or_default();
        let seen = marks::effect(&self.session, &alone.mark, &evidence).await;
        let effect = seen.map_err(|fault| self.broken(ready, &fault))?;
        let line = ready.script.statements.get(piece.statements.start).map_or(0, |one| one.position.line);
        let (settled, said) = match effect {
            Effect::Done => (Settled::Done, None),
            Effect::Finish(cleanup) => {
                self.clean_up(ready, std::slice::from_ref(&cleanup)).await?;
                (Settled::Done, None)
            }
            Effect::NotDone { cleanup } => {
                self.clean_up(ready, &cleanup).await?;
                (Settled::NotDone, None)
            }
            Effect::Untold => match self.said(ready, kept) {
                Some(said) if said.done => (Settled::Done, Some(said)),
                Some(said) => (Settled::NotDone, Some(said)),
                None => {
                    let statement = Unsettled {
                        version: ready.step.version.clone(),
                        piece: kept.piece,
                        pieces: kept.pieces,
                        line,
                        what: alone.why.clone(),
                    };
                    return Err(Ending::Unsettled(Box::new(statement)).into());
                }
            },
        };
        let place = Place::of(&ready.script, &ready.pieces, at);
        let doing = self.doing(ready, 0);
        let then = match settled {
            Settled::NotDone => Then::Write(doing.intended_undone(place, said.as_ref())),
            Settled::Done => {
                let write = doing.intended_done(place, None, said.as_ref());
                if at + 1 == ready.pieces.len() { Then::RecordAfter(write) } else { Then::Write(write) }
            }
        };
        self.write(ready, then).await?;
        Ok(settled)
    }

    /// What a person has said of a piece.
    fn said(&self, ready: &Ready, kept: &Kept) -> Option<Resolution> {
        let said = self.run.resolution.as_ref()?;
        (said.version == ready.step.version && said.piece == kept.piece).then(|| said.clone())
    }

    /// Writes to the journal, or the record, in a transaction of its own.
    pub(super) async fn write(&mut self, ready: &Ready, then: Then) -> Result<(), Broken> {
        let part = Part { settings: Vec::new(), statements: &[], then };
        self.transact(ready, &part).await.map(drop)
    }

    pub(super) fn broken(&self, ready: &Ready, fault: &Fault) -> Broken {
        match fault {
            Fault::Lost(why) => Broken::Lost(why.clone()),
            Fault::Sql(error) => {
                Ending::Failed(of_step(&ready.step, Box::new(sql_failure(error, None)))).into()
            }
        }
    }

    /// Says what of a step stays done although it has failed.
    async fn with_what_stays(&self, ready: &Ready, ending: Ending) -> Ending {
        let Ending::Failed(failure) = ending else { return ending };
        let kept = pieces::open(&self.session, &self.doing(ready, 0)).await.unwrap_or_default();
        let done = kept.iter().filter(|kept| kept.done).count();
        let all = ready.pieces.len();
        let stays = match done {
            0 => return Ending::Failed(failure),
            1 => format!("piece 1 of {all} is done and stays"),
            _ => format!("pieces 1 to {done} of {all} are done and stay"),
        };
        let message = format!("{}; {stays}: the next run goes on after that", failure.message);
        let hint = failure.hint.map(|hint| hint.replace("nothing was changed; ", ""));
        Ending::Failed(Box::new(Failure { message, hint, ..*failure }))
    }
}

/// A migration that has begun is another one now.
fn changed(ready: &Ready, kept: &Kept) -> Box<Failure> {
    let message = format!(
        "this migration has begun with another text: {} of its pieces were sent, and piece {} of the file is not the one \
         that was",
        kept.piece, kept.piece
    );
    let hint = "put the statements that were sent back as they were; those after them may be changed";
    of_step(&ready.step, Box::new(failure(FailureKind::Sql, message, hint)))
}
