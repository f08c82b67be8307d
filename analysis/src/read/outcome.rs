//! Parses the pieces of a file, on several threads when there are many.
//!
//! Which thread parses what depends on the scheduler; what comes out does not: pieces are taken from
//! the front, and outcomes are put in order again.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use super::{STOPPED, parser_thread, unavailable};
use crate::facts::{Facts, Meaning};
use crate::parser::Fault;
use crate::split::Piece;
use crate::statement::{Statement, Transactional};
use crate::syntax::Ast;
use crate::{Position, ScriptError, parser, rules};

/// What one piece turned out to be.
pub(super) enum Outcome {
    /// Its position is not filled in.
    Statement(Box<(Statement, Ast)>),
    PlainBegin,
    PlainCommit,
    Control,
    CopyFromStdin,
    CopyToStdout,
    /// There is a psql command in it, at this byte of the file.
    Command(usize),
    Fault(Fault),
}

/// How far to go.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Until {
    /// What comes behind a fault may be missing.
    FirstFault,
    End,
}

/// How many pieces a thread takes at once. Fewer are not worth a thread of their own: starting one
/// takes as long as parsing some statements.
const CHUNK: usize = 64;

/// How many pieces are parsed at once, unless one of them has a mistake. With more, their trees do not
/// stay in the cache.
const TOGETHER: usize = 8;

/// More threads than this wait for memory rather than help.
const MAX_THREADS: usize = 8;

/// What each of the pieces is, in order.
pub(super) fn outcomes(sql: &str, pieces: &[Piece], until: Until) -> Result<Vec<Outcome>, ScriptError> {
    let work = Work {
        sql,
        chunks: pieces.chunks(CHUNK).collect(),
        until,
        next: AtomicUsize::new(0),
        stop: AtomicBool::new(false),
    };
    if work.chunks.len() <= 1 {
        return Ok(work.run().into_iter().flat_map(|(_, outcomes)| outcomes).collect());
    }
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let helpers = cores.min(MAX_THREADS).min(work.chunks.len()).saturating_sub(1);
    let mut done = thread::scope(|scope| {
        // Without a helper, whoever is there does its share.
        let start = |_| parser_thread().spawn_scoped(scope, || work.run()).ok();
        let helpers: Vec<_> = (0..helpers).filter_map(start).collect();
        let mut done = work.run();
        for helper in helpers {
            done.extend(helper.join().map_err(|_| unavailable(STOPPED))?);
        }
        Ok(done)
    })?;
    done.sort_by_key(|(chunk, _)| *chunk);
    let mut all = Vec::with_capacity(pieces.len());
    all.extend(done.into_iter().flat_map(|(_, outcomes)| outcomes));
    Ok(all)
}

/// What is to be done, by whoever comes.
struct Work<'a> {
    sql: &'a str,
    chunks: Vec<&'a [Piece]>,
    until: Until,
    next: AtomicUsize,
    /// Set when no further chunk is wanted; those before it are all taken.
    stop: AtomicBool,
}

impl Work<'_> {
    fn run(&self) -> Vec<(usize, Vec<Outcome>)> {
        let mut done = Vec::new();
        while !self.stop.load(Ordering::Relaxed) {
            let index = self.next.fetch_add(1, Ordering::Relaxed);
            let Some(chunk) = self.chunks.get(index) else { break };
            done.push((index, self.chunk(chunk)));
        }
        done
    }

    fn chunk(&self, pieces: &[Piece]) -> Vec<Outcome> {
        let mut outcomes = Vec::with_capacity(pieces.len());
        for some in pieces.chunks(TOGETHER) {
            if let Some(all) = together(self.sql, some) {
                outcomes.extend(all);
                continue;
            }
            for piece in some {
                let outcome = outcome(self.sql, piece);
                let faulty = matches!(outcome, Outcome::Fault(_) | Outcome::Command(_));
                outcomes.push(outcome);
                if faulty && self.until == Until::FirstFault {
                    self.stop.store(true, Ordering::Relaxed);
                    return outcomes;
                }
            }
        }
        outcomes
    }
}

/// Nothing if there is a mistake in any of them.
fn together(sql: &str, pieces: &[Piece]) -> Option<Vec<Outcome>> {
    let (first, last) = (pieces.first()?, pieces.last()?);
    let (start, end) = (first.span().0, last.span().1);
    if pieces.len() == 1 || pieces.iter().any(|piece| piece.backslash().is_some()) {
        return None;
    }
    let part = |piece: &Piece| piece.span().0 - start..piece.span().1 - start;
    let parts: Vec<_> = pieces.iter().map(part).collect();
    let text = &sql[start..end];
    let meanings = parser::parse_together(text, &parts)?;
    Some(meanings.into_iter().zip(parts).map(|(meaning, part)| meant(meaning, &text[part])).collect())
}

fn outcome(sql: &str, piece: &Piece) -> Outcome {
    if let Some(at) = piece.backslash() {
        return Outcome::Command(at);
    }
    let (start, end) = piece.span();
    let text = &sql[start..end];
    match parser::parse(text, &piece.tokens) {
        Ok(meaning) => meant(meaning, text),
        Err(fault) => Outcome::Fault(fault),
    }
}

fn meant(meaning: Meaning, text: &str) -> Outcome {
    match meaning {
        Meaning::Facts(facts, ast) => Outcome::Statement(Box::new((statement(*facts, text), *ast))),
        Meaning::PlainBegin => Outcome::PlainBegin,
        Meaning::PlainCommit => Outcome::PlainCommit,
        Meaning::Control => Outcome::Control,
        Meaning::CopyFromStdin => Outcome::CopyFromStdin,
        Meaning::CopyToStdout => Outcome::CopyToStdout,
    }
}

fn statement(facts: Facts, text: &str) -> Statement {
    let (risk, reasons) = rules::judge(&facts);
    Statement {
        text: text.to_owned(),
        position: Position { line: 1, column: 1 },
        kind: facts.kind,
        objects: facts.objects,
        transactional: match facts.never {
            Some(why) => Transactional::Never { why },
            None => Transactional::Inside,
        },
        destroys: facts.destroys,
        risk,
        reasons,
        not_analysed: facts.not_analysed,
    }
}
