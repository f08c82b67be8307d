//! What the parser tells about one statement; the rules make risk and reasons of it.

use crate::syntax::Ast;
use crate::{Destroyed, StatementKind};

/// What one statement turned out to be.
#[derive(Debug)]
pub(crate) enum Meaning {
    /// Something to run, and what it says.
    Facts(Box<Facts>, Box<Ast>),
    /// BEGIN without options.
    PlainBegin,
    /// COMMIT without options.
    PlainCommit,
    /// Any other transaction control.
    Control,
    /// COPY that wants rows from the client.
    CopyFromStdin,
    /// COPY that sends rows to the client.
    CopyToStdout,
}

/// What the syntax tree of a statement says.
#[derive(Debug)]
pub(crate) struct Facts {
    pub(crate) kind: StatementKind,
    pub(crate) objects: Vec<String>,
    pub(crate) destroys: Vec<Destroyed>,
    /// Why the server refuses it in a transaction.
    pub(crate) never: Option<String>,
    pub(crate) circumstances: Vec<Circumstance>,
    pub(crate) not_analysed: Option<String>,
}

impl Facts {
    pub(crate) fn new(kind: StatementKind, objects: Vec<String>) -> Self {
        Self {
            kind,
            objects,
            destroys: Vec::new(),
            never: None,
            circumstances: Vec::new(),
            not_analysed: None,
        }
    }

    pub(crate) fn never(mut self, why: &str) -> Self {
        self.never = Some(why.to_owned());
        self
    }

    pub(crate) fn never_if(self, condition: bool, why: &str) -> Self {
        if condition { self.never(why) } else { self }
    }

    pub(crate) fn with(mut self, circumstance: Circumstance) -> Self {
        self.circumstances.push(circumstance);
        self
    }

    pub(crate) fn with_if(self, condition: bool, circumstance: Circumstance) -> Self {
        if condition { self.with(circumstance) } else { self }
    }

    pub(crate) fn destroying(mut self, destroys: Vec<Destroyed>) -> Self {
        self.destroys.extend(destroys);
        self
    }

    pub(crate) fn not_analysed(mut self, what: &str) -> Self {
        self.not_analysed = Some(format!("not analysed: {what}"));
        self
    }
}

/// Something about a statement that its kind alone does not say, and that matters for its risk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Circumstance {
    /// Drops or empties whatever depends on what it names.
    Cascade,
    /// Writes to a table, itself or in a WITH clause.
    Writes { how: Write, table: String, every_row: bool },
    /// INSERT … ON CONFLICT DO UPDATE.
    Upsert(String),
    /// An index built without blocking writes.
    BuildsOnline,
    /// A new partition of a table that is there.
    PartitionOf(String),
    /// CREATE OR REPLACE of something that others read.
    Replaces,
    /// VACUUM FULL.
    RewritesTable,
    /// A change, in words, of a setting that the rest of the run depends on.
    Setting(String),
    /// Runs a program on the server's machine.
    Program,
}

/// The ways to write to a table. Ordered by weight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Write {
    Insert,
    Update,
    Delete,
    Truncate,
}
