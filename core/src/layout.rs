//! From the files of a directory to migrations: one reader for each layout, chosen by looking at the files.
//!
//! Each reader is a file below this one, and gives the migrations in the order of its own tool, with the SQL that the
//! tool would run. Reading the directory is the caller's work; what SQL means is that of the analysis.

use std::fmt;

use crate::migration::{MigrationSource, Version};
use crate::origin::Layout;

mod checksum;
mod comments;
mod dbmate;
mod detect;
mod diesel;
mod entry;
mod files;
mod flyway;
mod golang_migrate;
mod goose;
mod hasura;
mod liquibase;
mod plain;
mod prisma;
mod psql;
mod refinery;
mod scan;
mod sqitch;
mod sql_migrate;
mod sqlx;

pub use detect::detect;

/// Largest file of SQL that is taken: a message of the protocol carries one whole.
pub const MAX_FILE_BYTES: usize = 1 << 20;

/// The folder of the rollback files of the plain layout.
pub const ROLLBACK_DIR: &str = "rollback";

/// A file as it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFile {
    /// Its path below the migrations directory, with `/` between the parts.
    pub path: String,
    /// Its contents.
    pub bytes: Vec<u8>,
}

/// Something that does not fit, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct LayoutError {
    /// The file; empty: the directory as such.
    pub path: String,
    /// The line, from 1; 0: the file as such.
    pub line: u32,
    /// What does not fit.
    pub what: Misfit,
}

impl fmt::Display for LayoutError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.path.as_str(), self.line) {
            ("", _) => write!(f, "{}", self.what),
            (path, 0) => write!(f, "{path}: {}", self.what),
            (path, line) => write!(f, "{path}:{line}: {}", self.what),
        }
    }
}

impl LayoutError {
    fn directory(what: Misfit) -> Self {
        Self { path: String::new(), line: 0, what }
    }

    fn file(path: &str, what: Misfit) -> Self {
        Self { path: path.to_owned(), line: 0, what }
    }

    fn line(path: &str, line: u32, what: Misfit) -> Self {
        Self { path: path.to_owned(), line, what }
    }
}

/// What does not fit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Misfit {
    /// Its name is not one that the layout knows.
    #[error("the name must be {expected}")]
    BadName {
        /// What it should be, with an example.
        expected: &'static str,
    },
    /// Two files claim one version.
    #[error("{other} has the same version: give one of them another {number}")]
    SameVersion {
        /// The other file.
        other: String,
        /// What tells versions apart.
        number: &'static str,
    },
    /// A way back without a migration.
    #[error("there is no migration with version {version}")]
    Orphan {
        /// The version in its name.
        version: Version,
    },
    /// It is empty.
    #[error("the file is empty; delete it, or write the SQL that it was meant to have")]
    Empty,
    /// It is not UTF-8.
    #[error("not UTF-8 at byte {at}; save the file as UTF-8")]
    NotUtf8 {
        /// The first byte that is not.
        at: usize,
    },
    /// It is too large.
    #[error("{bytes} bytes; at most {MAX_FILE_BYTES} are taken")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// There is nothing to run.
    #[error("there is no migration: no file is called like {example}")]
    Nothing {
        /// A name that would do.
        example: &'static str,
    },
    /// The files are those of no layout.
    #[error("the files fit no layout{hint}; say which one with --layout")]
    NoLayout {
        /// What they may be.
        hint: &'static str,
    },
    /// The files are those of several.
    #[error("the files fit more than one layout: {}; say which one with --layout", layouts(.candidates))]
    Ambiguous {
        /// The layouts.
        candidates: Vec<Layout>,
    },
    /// A section is not there.
    #[error("there is no line {marker:?}; {why}")]
    NoSection {
        /// The line that begins it.
        marker: &'static str,
        /// What to do.
        why: &'static str,
    },
    /// A section is there twice.
    #[error("a second {marker:?}; the first is in line {first}")]
    SecondSection {
        /// The line that begins it.
        marker: &'static str,
        /// Where the first one is.
        first: u32,
    },
    /// A directive that the tool's reader does not know.
    #[error("unknown directive {directive:?}; known are {known}")]
    Unknown {
        /// As it was written.
        directive: String,
        /// Those that are.
        known: &'static str,
    },
    /// Something that the tool can do and pgbelay does not.
    #[error("{what} cannot be run; {instead}")]
    Refused {
        /// What stands there.
        what: String,
        /// What to do.
        instead: &'static str,
    },
    /// A file or a change that something else names is not there.
    #[error("{what} is not there; {instead}")]
    Missing {
        /// What is named.
        what: String,
        /// What to do.
        instead: &'static str,
    },
}

fn layouts(candidates: &[Layout]) -> String {
    let names: Vec<_> = candidates.iter().map(|layout| layout.as_str()).collect();
    names.join(", ")
}

/// What a reader made of a directory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reading {
    /// The migrations that fit, in the order in which their tool runs them.
    pub migrations: Vec<MigrationSource>,
    /// Everything that does not fit.
    pub errors: Vec<LayoutError>,
}

impl Reading {
    /// All migrations, if everything fits.
    ///
    /// # Errors
    /// Everything that does not.
    pub fn whole(self) -> Result<Vec<MigrationSource>, Vec<LayoutError>> {
        if self.errors.is_empty() { Ok(self.migrations) } else { Err(self.errors) }
    }
}

/// One layout: how it looks, and how it is read.
struct Reader {
    layout: Layout,
    /// Whether the files look like it.
    looks: fn(&detect::Looks<'_>) -> bool,
    read: fn(&[SourceFile]) -> Reading,
}

const READERS: [Reader; 13] = [
    Reader { layout: Layout::Plain, looks: plain::looks, read: plain::read },
    Reader { layout: Layout::GolangMigrate, looks: golang_migrate::looks, read: golang_migrate::read },
    Reader { layout: Layout::Sqlx, looks: sqlx::looks, read: sqlx::read },
    Reader { layout: Layout::Diesel, looks: diesel::looks, read: diesel::read },
    Reader { layout: Layout::Dbmate, looks: dbmate::looks, read: dbmate::read },
    Reader { layout: Layout::Goose, looks: goose::looks, read: goose::read },
    Reader { layout: Layout::Flyway, looks: flyway::looks, read: flyway::read },
    Reader { layout: Layout::SqlMigrate, looks: sql_migrate::looks, read: sql_migrate::read },
    Reader { layout: Layout::Refinery, looks: refinery::looks, read: refinery::read },
    Reader { layout: Layout::Prisma, looks: prisma::looks, read: prisma::read },
    Reader { layout: Layout::Hasura, looks: hasura::looks, read: hasura::read },
    Reader { layout: Layout::Liquibase, looks: liquibase::looks, read: liquibase::read },
    Reader { layout: Layout::Sqitch, looks: sqitch::looks, read: sqitch::read },
];

/// Reads a directory's files as those of a layout. Files that are none of its business are left alone.
#[must_use]
pub fn read(layout: Layout, files: &[SourceFile]) -> Reading {
    let reader = READERS.iter().find(|reader| reader.layout == layout);
    reader.map(|reader| (reader.read)(files)).unwrap_or_default()
}

#[cfg(test)]
mod tests;
