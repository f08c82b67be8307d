//! The journal of migrations that do not run in one transaction: which of their pieces are done, which one was begun.
//!
//! A piece that runs in a transaction is written down as done in that transaction. A statement that stands alone is
//! written down as intended before it is sent, with what the catalogue shows until then, and as done afterwards: what is
//! found intended was cut off.

use pgbelay_analysis::Script;
use pgbelay_core::command::Resolution;
use pgbelay_core::digest::Digest;
use tokio_postgres::SimpleQueryRow;

use super::fault::{Fault, Loss};
use super::layout;
use super::quote::{identifier, literal, nullable};
use super::records::{Doing, word};
use super::session::Session;

/// A piece that was begun, of a migration that has not come to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Kept {
    /// The row.
    pub(crate) id: i64,
    /// From 1.
    pub(crate) piece: u32,
    /// How many there were.
    pub(crate) pieces: u32,
    /// How many statements of the file stand up to its end.
    pub(crate) statements: usize,
    /// Of their texts.
    pub(crate) digest: Digest,
    /// Whether it is done; else it is intended.
    pub(crate) done: bool,
    /// The plan that it was run for.
    pub(crate) plan: Option<Digest>,
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
    /// How many statements of the file stand up to its end.
    pub(crate) statements: usize,
    /// Of their texts.
    pub(crate) digest: Digest,
}

/// The digest of the first statements of a script, settings and all.
pub(crate) fn digest_of(script: &Script, statements: usize) -> Digest {
    let texts = script.statements.iter().take(statements);
    Digest::of_parts("pgbelay pieces 1", texts.map(|statement| statement.text.as_bytes()))
}

impl Kept {
    /// Whether the file still begins with what was run.
    pub(crate) fn is_of(&self, script: &Script) -> bool {
        self.statements <= script.statements.len() && digest_of(script, self.statements) == self.digest
    }
}

/// Which migrations of a direction have begun, and whether one of them did for a plan.
pub(crate) async fn begun(
    session: &Session,
    schema: &str,
    direction: &str,
) -> Result<Vec<(String, String)>, Fault> {
    if !layout::has(session, schema, "migration_pieces").await? {
        return Ok(Vec::new());
    }
    let sql = format!(
        "SELECT DISTINCT version, plan FROM {}.migration_pieces WHERE direction = {} AND closed_at IS NULL",
        identifier(schema),
        literal(direction)
    );
    let rows = session.ask(&sql).await?;
    let text = |row: &SimpleQueryRow, at: usize| row.get(at).unwrap_or_default().to_owned();
    Ok(rows.iter().map(|row| (text(row, 0), text(row, 1))).collect())
}

/// The open pieces of a step, in order. The session has the path of its own.
pub(crate) async fn open(session: &Session, doing: &Doing<'_>) -> Result<Vec<Kept>, Fault> {
    let sql = format!(
        "SELECT id, piece, pieces, statements, digest, state, plan, fingerprint, evidence FROM {}.migration_pieces \
         WHERE version = {} AND direction = {} AND closed_at IS NULL ORDER BY piece",
        identifier(doing.schema),
        literal(doing.step.version.as_str()),
        literal(word(doing.step.direction)),
    );
    session.ask(&sql).await?.iter().map(kept).collect()
}

fn kept(row: &SimpleQueryRow) -> Result<Kept, Fault> {
    let column = |at| row.get(at).unwrap_or_default();
    let damaged = || Fault::Lost(Loss::broke("a row of migration_pieces is damaged"));
    Ok(Kept {
        id: column(0).parse().map_err(|_| damaged())?,
        piece: column(1).parse().map_err(|_| damaged())?,
        pieces: column(2).parse().map_err(|_| damaged())?,
        statements: column(3).parse().map_err(|_| damaged())?,
        digest: column(4).parse().map_err(|_| damaged())?,
        done: column(5) == "done",
        plan: column(6).parse().ok(),
        fingerprint: row.get(7).map(str::parse).transpose().map_err(|_| damaged())?,
        evidence: column(8).to_owned(),
    })
}

impl Doing<'_> {
    fn pieces(&self) -> String {
        format!("{}.migration_pieces", identifier(self.schema))
    }

    fn which(&self, place: Place) -> String {
        format!(
            "version OPERATOR(pg_catalog.=) {} AND direction OPERATOR(pg_catalog.=) {} \
             AND piece OPERATOR(pg_catalog.=) {} AND closed_at IS NULL",
            literal(self.step.version.as_str()),
            literal(word(self.step.direction)),
            place.piece
        )
    }

    fn insert(&self, place: Place, state: &str, more: (&str, &str)) -> String {
        format!(
            "INSERT INTO {} (version, direction, piece, pieces, statements, digest, state, command_id, attempt, plan, {}) \
             VALUES ({}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {})",
            self.pieces(),
            more.0,
            literal(self.step.version.as_str()),
            literal(word(self.step.direction)),
            place.piece,
            place.pieces,
            place.statements,
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
    pub(crate) fn intended_done(&self, place: Place, said: Option<&Resolution>) -> String {
        self.settled(place, "done", said, "")
    }

    /// Writes down what the schema is after a piece that is done.
    pub(crate) fn left_behind(&self, place: Place, fingerprint: Digest) -> String {
        format!(
            "UPDATE {} SET fingerprint = {} WHERE {}",
            self.pieces(),
            literal(&fingerprint.to_string()),
            self.which(place)
        )
    }

    /// Writes down that what was intended did not happen: it may be intended again.
    pub(crate) fn intended_undone(&self, place: Place, said: Option<&Resolution>) -> String {
        self.settled(place, "undone", said, ", closed_at = pg_catalog.clock_timestamp()")
    }

    fn settled(&self, place: Place, state: &str, said: Option<&Resolution>, more: &str) -> String {
        let said = said.map(|said| {
            serde_json::json!({"resolved_by": said.by.to_string(), "reason": said.reason}).to_string()
        });
        format!(
            "UPDATE {} SET state = {}, ended_at = pg_catalog.clock_timestamp(), fingerprint = NULL, \
               metadata = coalesce({}::pg_catalog.jsonb, metadata){more} WHERE {}",
            self.pieces(),
            literal(state),
            nullable(said.as_deref()),
            self.which(place),
        )
    }

    /// Closes the journal of a step that has come to its end, in the transaction that records it.
    pub(crate) fn close_pieces(&self) -> String {
        format!(
            "UPDATE {} SET closed_at = pg_catalog.clock_timestamp() \
             WHERE version OPERATOR(pg_catalog.=) {} AND direction OPERATOR(pg_catalog.=) {} AND closed_at IS NULL",
            self.pieces(),
            literal(self.step.version.as_str()),
            literal(word(self.step.direction)),
        )
    }
}
