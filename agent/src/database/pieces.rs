//! The journal of migrations that do not run in one transaction: which of their pieces are done, which one was begun.
//!
//! A piece that runs in a transaction is written down as done in that transaction. A statement that stands alone is
//! written down as intended before it is sent, with what the catalogue shows until then, and as done afterwards: what is
//! found intended was cut off.

use pgbelay_analysis::{Piece, Script};
use pgbelay_core::command::Resolution;
use pgbelay_core::digest::Digest;
use tokio_postgres::SimpleQueryRow;

use super::fault::Fault;
use super::layout;
use super::quote::{identifier, literal, nullable};
use super::records::{Doing, word};
use super::session::Session;

/// A piece that was begun, of a migration that has not come to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Kept {
    /// From 1.
    pub(crate) piece: u32,
    /// How many there were.
    pub(crate) pieces: u32,
    /// Of its text.
    pub(crate) digest: Digest,
    /// Whether it is done; else it is intended.
    pub(crate) done: bool,
    /// Of the schema before it, or after it when it is done; `None`: nobody looked.
    pub(crate) fingerprint: Option<Digest>,
    /// What the catalogue showed before it.
    pub(crate) evidence: String,
}

/// What tells one piece from all others.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    /// From 1.
    pub(crate) piece: u32,
    /// How many there are.
    pub(crate) pieces: u32,
    /// Of its text.
    pub(crate) digest: Digest,
}

impl Place {
    /// The place of a piece of a script, counted from 0.
    pub(crate) fn of(script: &Script, pieces: &[Piece], at: usize) -> Self {
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let statements = pieces.get(at).map(|piece| piece.statements.clone()).unwrap_or_default();
        let texts = script.statements.get(statements).unwrap_or_default().iter();
        let digest = Digest::of_parts("pgbelay piece 1", texts.map(|statement| statement.text.as_bytes()));
        Self { piece: count(at + 1), pieces: count(pieces.len()), digest }
    }
}

/// The open pieces of a step, in order.
pub(crate) async fn open(session: &Session, doing: &Doing<'_>) -> Result<Vec<Kept>, Fault> {
    if !layout::has(session, doing.schema, "migration_pieces").await? {
        return Ok(Vec::new());
    }
    let sql = format!(
        "SELECT piece, pieces, digest, state, fingerprint, evidence FROM {}.migration_pieces \
         WHERE version = {} AND direction = {} AND closed_at IS NULL ORDER BY piece",
        identifier(doing.schema),
        literal(doing.step.version.as_str()),
        literal(word(doing.step.direction)),
    );
    session.ask(&sql).await?.iter().map(kept).collect()
}

fn kept(row: &SimpleQueryRow) -> Result<Kept, Fault> {
    let column = |at| row.get(at).unwrap_or_default();
    let damaged = || Fault::Lost("a row of migration_pieces is damaged".to_owned());
    Ok(Kept {
        piece: column(0).parse().map_err(|_| damaged())?,
        pieces: column(1).parse().map_err(|_| damaged())?,
        digest: column(2).parse().map_err(|_| damaged())?,
        done: column(3) == "done",
        fingerprint: row.get(4).map(str::parse).transpose().map_err(|_| damaged())?,
        evidence: column(5).to_owned(),
    })
}

impl Doing<'_> {
    fn pieces(&self) -> String {
        format!("{}.migration_pieces", identifier(self.schema))
    }

    fn which(&self, place: Place) -> String {
        format!(
            "version OPERATOR(pg_catalog.=) {} AND piece OPERATOR(pg_catalog.=) {} AND closed_at IS NULL",
            literal(self.step.version.as_str()),
            place.piece
        )
    }

    fn insert(&self, place: Place, state: &str, more: (&str, &str)) -> String {
        format!(
            "INSERT INTO {} (version, direction, piece, pieces, digest, state, command_id, attempt, plan, {}) \
             VALUES ({}, {}, {}, {}, {}, {}, {}, {}, {}, {})",
            self.pieces(),
            more.0,
            literal(self.step.version.as_str()),
            literal(word(self.step.direction)),
            place.piece,
            place.pieces,
            literal(&place.digest.to_string()),
            literal(state),
            literal(self.command.id.as_str()),
            self.command.attempt,
            literal(&self.command.plan.to_string()),
            more.1,
        )
    }

    /// Writes down that a statement is about to be sent.
    pub(crate) fn intend(&self, place: Place, fingerprint: Digest, evidence: &str) -> String {
        let values = format!("{}, {}", literal(&fingerprint.to_string()), literal(evidence));
        self.insert(place, "intended", ("fingerprint, evidence", &values))
    }

    /// Writes down that a piece is done, in its own transaction.
    pub(crate) fn piece_done(&self, place: Place) -> String {
        self.insert(place, "done", ("ended_at", "pg_catalog.clock_timestamp()"))
    }

    /// Writes down that what was intended is done.
    pub(crate) fn intended_done(
        &self,
        place: Place,
        fingerprint: Option<Digest>,
        said: Option<&Resolution>,
    ) -> String {
        self.settled(place, "done", (fingerprint, said), "")
    }

    /// Writes down that what was intended did not happen: it may be intended again.
    pub(crate) fn intended_undone(&self, place: Place, said: Option<&Resolution>) -> String {
        self.settled(place, "undone", (None, said), ", closed_at = pg_catalog.clock_timestamp()")
    }

    fn settled(
        &self,
        place: Place,
        state: &str,
        (fingerprint, said): (Option<Digest>, Option<&Resolution>),
        more: &str,
    ) -> String {
        let said = said.map(|said| {
            serde_json::json!({"resolved_by": said.by.to_string(), "reason": said.reason}).to_string()
        });
        format!(
            "UPDATE {} SET state = {}, ended_at = pg_catalog.clock_timestamp(), fingerprint = {}, \
               metadata = coalesce({}::pg_catalog.jsonb, metadata){more} WHERE {}",
            self.pieces(),
            literal(state),
            nullable(fingerprint.map(|digest| digest.to_string()).as_deref()),
            nullable(said.as_deref()),
            self.which(place),
        )
    }

    /// Closes the journal of a step that has come to its end, in the transaction that records it.
    pub(crate) fn close_pieces(&self) -> String {
        format!(
            "UPDATE {} SET closed_at = pg_catalog.clock_timestamp() \
             WHERE version OPERATOR(pg_catalog.=) {} AND closed_at IS NULL",
            self.pieces(),
            literal(self.step.version.as_str()),
        )
    }
}
