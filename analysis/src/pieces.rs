//! How a script is run when some of it cannot be in a transaction: cut into the longest transactional runs and single
//! statements that stand alone, in order.
//!
//! What the catalogue shows of a statement that stands alone ([`Mark`]) is how a run that was cut off finds out
//! afterwards whether the statement took effect.

use std::ops::Range;

use crate::read::{Parsed, parse_script};
use crate::syntax::{AlterAction, AlterTable, Ast, EnumChange, ReindexTarget, SettingScope};
use crate::{QName, Script, ScriptError, Statement, StatementKind, Transactional};

/// A part of a script that takes effect as one, or not at all as far as can be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// Which statements of the script.
    pub statements: Range<usize>,
    /// Which statements before them change settings of the session, so that they have to be run again when the piece
    /// runs in a session of its own.
    pub settings: Vec<usize>,
    /// `None`: they run in one transaction. Else there is one statement, which runs outside of any.
    pub alone: Option<Alone>,
}

/// A statement that runs outside of any transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alone {
    /// Which part of it the server refuses inside, or why it is not put there, as in `CREATE INDEX CONCURRENTLY`.
    pub why: String,
    /// Where its effect shows.
    pub mark: Mark,
    /// Whether nobody waits for it while it waits for its lock: it does not stop reads or writes.
    pub gentle: bool,
}

/// Where the effect of a statement that stands alone shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mark {
    /// A new, valid index of the table; an invalid one is what an interrupted build leaves.
    NewIndex {
        /// The table.
        table: QName,
        /// The index; `None`: the server chooses its name.
        index: Option<String>,
    },
    /// The indexes are gone.
    NoIndex {
        /// Their names.
        indexes: Vec<QName>,
    },
    /// Nothing shows it, and doing it again does no harm; an interrupted one may leave invalid indexes behind.
    Reindexed {
        /// The index or the table; `None`: of a whole schema or database.
        relation: Option<QName>,
    },
    /// The partition belongs to the table no more; an interrupted one has to be finalised.
    Detached {
        /// The partitioned table.
        table: QName,
        /// The partition.
        partition: QName,
    },
    /// There is a database of this name.
    Database(String),
    /// There is no database of this name.
    NoDatabase(String),
    /// There is a tablespace of this name.
    Tablespace(String),
    /// There is no tablespace of this name.
    NoTablespace(String),
    /// Nothing shows it, and doing it again does no harm.
    Repeatable,
    /// Nothing shows it, and doing it again may do harm. If it fails, it has done nothing.
    Nowhere,
    /// Nothing shows it, and it may have committed some of its work before it failed.
    Opaque,
}

/// A script, and how it is run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cut {
    /// The script.
    pub script: Script,
    /// Its pieces, in order.
    pub pieces: Vec<Piece>,
    /// Why it cannot be cut, although it has to be: the line, and what stands there.
    pub objection: Option<(u32, String)>,
}

/// Reads a script and cuts it. `autocommit`: its author says that it does not run in a transaction, so that what may
/// end transactions by itself (`CALL`, `DO`), and what only the catalogue knows to be refused inside (`REINDEX`,
/// `CLUSTER`), stands alone as well.
///
/// # Errors
/// As [`crate::read()`].
pub fn read_pieces(sql: &str, autocommit: bool) -> Result<Cut, ScriptError> {
    read_pieces_after(sql, autocommit, 0)
}

/// The same for what stands after the first statements, which were run before.
///
/// # Errors
/// As [`crate::read()`].
pub fn read_pieces_after(sql: &str, autocommit: bool, done: usize) -> Result<Cut, ScriptError> {
    let parsed = parse_script(sql)?;
    let mut cutter = Cutter { parsed: &parsed, pieces: Vec::new(), begins: done.min(parsed.len()) };
    for (at, one) in parsed.iter().enumerate().skip(done) {
        if let Some(alone) = alone(one, autocommit) {
            cutter.cut(at);
            cutter.push(at..at + 1, Some(alone));
        } else if uses_new_label(&parsed[cutter.begins..=at], &parsed[at + 1..]) {
            cutter.cut(at + 1);
        }
    }
    cutter.cut(parsed.len());
    let mut pieces = cutter.pieces;
    if pieces.is_empty() && done == 0 {
        pieces.push(Piece { statements: 0..parsed.len(), settings: Vec::new(), alone: None });
    }
    let objection = if done == 0 && pieces.len() < 2 { None } else { objection(sql, &parsed) };
    let statements = parsed.into_iter().map(|parsed| parsed.statement).collect();
    Ok(Cut { script: Script { statements }, pieces, objection })
}

/// What keeps a script from being cut: its author asked for one transaction, or later pieces need what an earlier one
/// leaves in the session.
fn objection(sql: &str, parsed: &[Parsed]) -> Option<(u32, String)> {
    let first = parsed.first()?;
    let before = sql.get(..first.start).unwrap_or_default();
    let begins = crate::parser::scan(before).ok()?.into_iter().find(|token| {
        let word = before.get(token.start..token.end).unwrap_or_default();
        ["begin", "start"].iter().any(|begin| word.eq_ignore_ascii_case(begin))
    });
    if let Some(token) = begins {
        let line = crate::Position::of(before, token.start).line;
        return Some((line, "its own BEGIN asks for one transaction".to_owned()));
    }
    parsed.iter().find_map(|one| {
        let what = match &one.ast {
            Ast::CreateTable(create) if create.temporary => "a temporary table",
            Ast::CreateTableAs(create) if create.temporary => "a temporary table",
            _ if one.statement.kind == StatementKind::Prepare => "a prepared statement",
            _ => return None,
        };
        Some((
            one.statement.position.line,
            format!("{what} lasts as long as its session, and each piece has its own"),
        ))
    })
}

/// The text of a script without its first pieces, which are done: what is left stands where it stood. `pieces`: how many it
/// had when they were run, which tells how it was cut. A text that does not have so many is left as it is.
pub fn without_pieces(sql: &str, done: usize, pieces: usize) -> String {
    let cut = [false, true].into_iter().find_map(|autocommit| {
        let cut = read_pieces(sql, autocommit).ok()?.pieces;
        (cut.len() == pieces).then_some(cut)
    });
    let end = cut.as_deref().and_then(|cut| cut.get(..done)?.last()).map_or(0, |last| last.statements.end);
    let Ok(parsed) = parse_script(sql) else { return sql.to_owned() };
    let mut text = sql.as_bytes().to_vec();
    // Settings hold for what is left.
    for one in parsed.iter().take(end).filter(|one| !is_setting(one)) {
        for byte in text.get_mut(one.start..one.end).into_iter().flatten() {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
    }
    String::from_utf8(text).unwrap_or_else(|_| sql.to_owned())
}

struct Cutter<'a> {
    parsed: &'a [Parsed],
    pieces: Vec<Piece>,
    /// The first statement that is in no piece yet.
    begins: usize,
}

impl Cutter<'_> {
    /// Ends a transactional run before a statement. One of nothing but settings does nothing by itself.
    fn cut(&mut self, ends: usize) {
        let run = self.begins..ends;
        if self.parsed[run.clone()].iter().any(|one| !is_setting(one)) {
            self.push(run, None);
        }
    }

    fn push(&mut self, statements: Range<usize>, alone: Option<Alone>) {
        let before = self.parsed.iter().take(statements.start).enumerate();
        let settings = before.filter(|(_, one)| is_setting(one)).map(|(at, _)| at).collect();
        self.begins = statements.end;
        self.pieces.push(Piece { statements, settings, alone });
    }
}

/// Whether it is SET or RESET for the rest of the session, or the same as a function, as pg_dump writes it.
fn is_setting(parsed: &Parsed) -> bool {
    match &parsed.ast {
        Ast::Setting(setting) => setting.scope == SettingScope::Session,
        _ => parsed.statement.kind == StatementKind::Select && sets_config(&parsed.statement.text),
    }
}

/// `SELECT set_config('…', '…', false)`, and nothing else.
fn sets_config(text: &str) -> bool {
    let words = text.to_ascii_lowercase().split_whitespace().collect::<Vec<_>>().join(" ");
    let called = words.strip_prefix("select ").map(|call| call.strip_prefix("pg_catalog.").unwrap_or(call));
    let arguments =
        called.and_then(|call| call.strip_prefix("set_config(")).and_then(|rest| rest.strip_suffix(')'));
    arguments.is_some_and(|arguments| !arguments.contains('(') && arguments.trim_end().ends_with("false"))
}

fn alone(parsed: &Parsed, autocommit: bool) -> Option<Alone> {
    let statement = &parsed.statement;
    let marked = |why: &str| Alone {
        why: why.to_owned(),
        mark: mark(statement, &parsed.ast),
        gentle: is_gentle(statement, &parsed.ast),
    };
    match &statement.transactional {
        Transactional::Never { why } => Some(marked(why)),
        Transactional::Inside if !autocommit => None,
        Transactional::Inside => {
            let opaque = matches!(statement.kind, StatementKind::Call | StatementKind::DoBlock);
            let upkeep = matches!(statement.kind, StatementKind::Reindex | StatementKind::Cluster);
            let why = || format!("{} in a file without a transaction", statement.kind.words());
            (opaque || upkeep).then(|| marked(&why()))
        }
    }
}

/// Whether reads and writes go on while it waits and while it runs.
fn is_gentle(statement: &Statement, ast: &Ast) -> bool {
    match ast {
        Ast::CreateIndex(create) => create.concurrently,
        Ast::Drop(drop) => drop.concurrently,
        Ast::Reindex(reindex) => reindex.concurrently,
        Ast::AlterTable(alter) => detached(alter).is_some(),
        Ast::Vacuum(vacuum) => !vacuum.full,
        _ => matches!(statement.kind, StatementKind::AlterSystem),
    }
}

/// Where the effect of a statement shows.
fn mark(statement: &Statement, ast: &Ast) -> Mark {
    match ast {
        Ast::CreateIndex(create) => {
            Mark::NewIndex { table: create.table.clone(), index: create.name.clone() }
        }
        Ast::Drop(drop) if statement.kind == StatementKind::DropIndex => {
            Mark::NoIndex { indexes: drop.names.iter().map(|name| name.name.clone()).collect() }
        }
        Ast::Reindex(reindex) => Mark::Reindexed {
            relation: match &reindex.target {
                ReindexTarget::Index(name) | ReindexTarget::Table(name) => Some(name.clone()),
                ReindexTarget::Schema(_) | ReindexTarget::Database => None,
            },
        },
        Ast::AlterTable(alter) => detached(alter).unwrap_or(Mark::Nowhere),
        _ => by_kind(statement),
    }
}

fn detached(alter: &AlterTable) -> Option<Mark> {
    alter.actions.iter().find_map(|action| match action {
        AlterAction::DetachPartition { partition, .. } => {
            Some(Mark::Detached { table: alter.relation.clone(), partition: partition.clone() })
        }
        _ => None,
    })
}

fn by_kind(statement: &Statement) -> Mark {
    let name = || statement.objects.first().map(|name| unquoted(name)).unwrap_or_default();
    match statement.kind {
        StatementKind::Vacuum
        | StatementKind::Cluster
        | StatementKind::AlterSystem
        | StatementKind::AlterDatabase => Mark::Repeatable,
        StatementKind::Call | StatementKind::DoBlock => Mark::Opaque,
        StatementKind::CreateDatabase => Mark::Database(name()),
        StatementKind::DropDatabase => Mark::NoDatabase(name()),
        StatementKind::CreateTablespace => Mark::Tablespace(name()),
        StatementKind::DropTablespace => Mark::NoTablespace(name()),
        _ => Mark::Nowhere,
    }
}

/// A name as it is stored.
fn unquoted(name: &str) -> String {
    let inner = name.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    inner.map_or_else(|| name.to_owned(), |inner| inner.replace("\"\"", "\""))
}

/// Whether what follows names a label that the last statement of a run adds to an enum. The server lets nobody use such
/// a label before the transaction is committed, unless the transaction made the enum as well.
fn uses_new_label(run: &[Parsed], rest: &[Parsed]) -> bool {
    let Some((last, before)) = run.split_last() else { return false };
    let Ast::AlterEnum(alter) = &last.ast else { return false };
    let EnumChange::Add { label, .. } = &alter.change else { return false };
    let made_here = before
        .iter()
        .any(|one| matches!(&one.ast, Ast::CreateType(create) if create.name.name == alter.name.name));
    // Also inside of functions and blocks, whose text is searched like all other.
    let constant = format!("'{}'", label.replace('\'', "''"));
    !made_here && rest.iter().any(|one| !is_addition(one) && one.statement.text.contains(&constant))
}

/// A label may be put beside one that was added before.
fn is_addition(parsed: &Parsed) -> bool {
    matches!(&parsed.ast, Ast::AlterEnum(alter) if matches!(alter.change, EnumChange::Add { .. }))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `[1 2]`: together, `3!`: alone, `3!<1`: alone, after statement 1 was run again.
    fn cut(sql: &str, autocommit: bool) -> String {
        let Cut { script, pieces, .. } = read_pieces(sql, autocommit).unwrap();
        assert_eq!(script, crate::read(sql).unwrap());
        let words = pieces.iter().map(|piece| {
            let numbers: Vec<_> = piece.statements.clone().map(|at| (at + 1).to_string()).collect();
            let settings: Vec<_> = piece.settings.iter().map(|at| format!("<{}", at + 1)).collect();
            match &piece.alone {
                Some(_) => format!("{}!{}", numbers.join(" "), settings.concat()),
                None => format!("[{}]{}", numbers.join(" "), settings.concat()),
            }
        });
        words.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_script_is_cut_into_the_longest_runs_and_what_stands_alone() {
        for (sql, pieces) in [
            ("CREATE TABLE a (); CREATE TABLE b ()", "[1 2]"),
            ("CREATE INDEX CONCURRENTLY i ON a (b)", "1!"),
            (
                "CREATE TABLE a (); CREATE INDEX CONCURRENTLY i ON a (b); DROP TABLE a; DROP TABLE b",
                "[1] 2! [3 4]",
            ),
            ("VACUUM a; VACUUM b", "1! 2!"),
            ("SET lock_timeout = 0; CREATE INDEX CONCURRENTLY i ON a (b); CREATE TABLE c ()", "2!<1 [3]<1"),
            ("SET LOCAL a.b = 1; VACUUM", "[1] 2!"),
            ("SET a.b = 1", "[1]"),
            ("SELECT pg_catalog.set_config('search_path', '', false); VACUUM", "2!<1"),
            ("SELECT set_config('a.b', f(), false); VACUUM", "[1] 2!"),
            ("CREATE TABLE a (); SET a.b = 1; VACUUM", "[1 2] 3!<2"),
            ("ALTER TABLE p DETACH PARTITION c CONCURRENTLY", "1!"),
            ("CALL p(); REINDEX TABLE a", "[1 2]"),
        ] {
            assert_eq!(cut(sql, false), pieces, "{sql}");
        }
        assert_eq!(
            cut("CALL p(); UPDATE a SET b = 1; DO 'BEGIN END'; REINDEX TABLE a", true),
            "1! [2] 3! 4!"
        );
    }

    #[test]
    fn a_label_that_is_used_is_committed_before() {
        let add = "ALTER TYPE e ADD VALUE 'it''s';";
        for (rest, pieces) in [
            ("INSERT INTO a VALUES (1)", "[1 2]"),
            ("CREATE TABLE b (); INSERT INTO a VALUES ('it''s')", "[1] [2 3]"),
            ("DO $$ BEGIN INSERT INTO a VALUES ('it''s'); END $$", "[1] [2]"),
            ("ALTER TYPE e ADD VALUE 'x' AFTER 'it''s'", "[1 2]"),
            ("ALTER TYPE e ADD VALUE 'x' AFTER 'it''s'; INSERT INTO a VALUES ('x')", "[1 2] [3]"),
        ] {
            assert_eq!(cut(&format!("{add} {rest}"), false), pieces, "{rest}");
        }
        let new = format!("CREATE TYPE e AS ENUM ('a'); {add} INSERT INTO a VALUES ('it''s')");
        assert_eq!(cut(&new, false), "[1 2 3]");
    }

    #[test]
    fn what_is_left_is_cut_anew() {
        let sql = "SET a.b = 1; CREATE TABLE a (); DELETE FROM a; CREATE INDEX CONCURRENTLY i ON a (b); DROP TABLE c";
        let left = |done| {
            let pieces = read_pieces_after(sql, false, done).unwrap().pieces;
            pieces.iter().map(|piece| piece.statements.clone()).collect::<Vec<_>>()
        };
        assert_eq!(left(0), [0..3, 3..4, 4..5]);
        assert_eq!(left(2), [2..3, 3..4, 4..5]);
        assert_eq!(left(3), [3..4, 4..5]);
        assert_eq!(left(5), []);
        assert_eq!(read_pieces_after(sql, false, 4).unwrap().pieces[0].settings, [0]);
    }

    #[test]
    fn what_must_not_be_cut_is_named() {
        for (sql, objection) in [
            ("-- first\nBEGIN; CREATE TABLE a (); VACUUM; COMMIT;", Some((2, "its own BEGIN"))),
            ("CREATE TABLE a ();\nCREATE TEMP TABLE t ();\nVACUUM;", Some((2, "a temporary table"))),
            ("PREPARE q AS SELECT 1; VACUUM", Some((1, "a prepared statement"))),
            ("BEGIN; CREATE TEMP TABLE t (); COMMIT", None),
            ("CREATE TABLE begin (); VACUUM", None),
        ] {
            let found = read_pieces(sql, false).unwrap().objection;
            assert_eq!(found.as_ref().map(|(line, _)| *line), objection.map(|(line, _)| line), "{sql}");
            let words = found.map(|(_, what)| what).unwrap_or_default();
            assert!(words.starts_with(objection.map_or("", |(_, words)| words)), "{words}");
        }
    }

    #[test]
    fn what_is_done_is_left_out_and_the_rest_stays_where_it_was() {
        let sql =
            "SET a.b = 1; CREATE TABLE \u{e4} ();\nCREATE INDEX CONCURRENTLY i\n  ON a (b);\nDROP TABLE c";
        let left = without_pieces(sql, 2, 3);
        let script = crate::read(&left).unwrap();
        let kept: Vec<_> =
            script.statements.iter().map(|one| (one.text.as_str(), one.position.line)).collect();
        assert_eq!(kept, [("SET a.b = 1", 1), ("DROP TABLE c", 4)]);
        assert_eq!(without_pieces(sql, 0, 3), sql);
        assert_eq!(without_pieces(sql, 1, 7), sql, "it was cut in another way");
    }

    #[test]
    fn where_the_effect_shows_is_read_from_the_syntax_tree() {
        let name = |schema: Option<&str>, name: &str| QName {
            schema: schema.map(str::to_owned),
            name: name.to_owned(),
        };
        for (sql, expected) in [
            (
                "CREATE INDEX CONCURRENTLY i ON s.\"T\" (b)",
                Mark::NewIndex { table: name(Some("s"), "T"), index: Some("i".to_owned()) },
            ),
            ("CREATE INDEX CONCURRENTLY ON t (b)", Mark::NewIndex { table: name(None, "t"), index: None }),
            ("DROP INDEX CONCURRENTLY s.i", Mark::NoIndex { indexes: vec![name(Some("s"), "i")] }),
            ("REINDEX INDEX CONCURRENTLY i", Mark::Reindexed { relation: Some(name(None, "i")) }),
            ("REINDEX DATABASE d", Mark::Reindexed { relation: None }),
            (
                "ALTER TABLE p DETACH PARTITION c CONCURRENTLY",
                Mark::Detached { table: name(None, "p"), partition: name(None, "c") },
            ),
            ("VACUUM", Mark::Repeatable),
            ("ALTER SYSTEM SET a.b = 1", Mark::Repeatable),
            ("CREATE DATABASE \"My \"\"db\"", Mark::Database("My \"db".to_owned())),
            ("DROP SUBSCRIPTION s", Mark::Nowhere),
        ] {
            let pieces = read_pieces(sql, false).unwrap().pieces;
            let alone = pieces.into_iter().next().and_then(|piece| piece.alone).unwrap();
            assert_eq!(alone.mark, expected, "{sql}");
        }
    }
}
