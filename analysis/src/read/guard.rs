//! A file as an agent's guard sees it.

use super::trouble::{Trouble, What};
use super::{Text, on_parser_stack};
use crate::guarded::{FunctionName, GuardedStatement, Reach};
use crate::parser::reach;
use crate::position::Cursor;
use crate::split::{Piece, pieces};
use crate::{Position, ScriptError};

/// What the statements of each file reach outside of the database, and which of these functions they call.
///
/// Statements and calls are found in the syntax tree, in bodies in SQL too. PL/pgSQL and other languages are searched
/// for the names of functions; SQL that is put together when it runs is not seen. Transaction control is left out.
///
/// # Errors
/// The first file that cannot be read, by its place in `files`, and why.
pub fn guarded(
    files: &[&str],
    functions: &[FunctionName],
) -> Result<Vec<Vec<GuardedStatement>>, (usize, ScriptError)> {
    let all = || {
        let one = |(at, sql): (usize, &&str)| of_file(sql, functions).map_err(|error| (at, error));
        files.iter().enumerate().map(one).collect()
    };
    on_parser_stack(all).map_err(|error| (0, error))?
}

fn of_file(sql: &str, functions: &[FunctionName]) -> Result<Vec<GuardedStatement>, ScriptError> {
    let text = Text::new(sql)?;
    let (tokens, broken) = text.tokens();
    if let Some(fault) = broken {
        return Err(Trouble::of(fault, 0).error(text.sql));
    }
    let mut cursor = Cursor::new(text.sql);
    let found =
        pieces(&tokens).into_iter().map(|piece| of_statement(text.sql, &piece, &mut cursor, functions));
    found.filter_map(Result::transpose).collect()
}

fn of_statement(
    sql: &str,
    piece: &Piece,
    cursor: &mut Cursor<'_>,
    functions: &[FunctionName],
) -> Result<Option<GuardedStatement>, ScriptError> {
    if let Some(at) = piece.backslash() {
        return Err(Trouble { at, what: What::Command }.error(sql));
    }
    let (start, end) = piece.span();
    let found = reach::statement(&sql[start..end], &piece.tokens, functions);
    let found = found.map_err(|fault| Trouble::of(fault, start).error(sql))?;
    let line = cursor.advance_to(start).line;
    let reaches = |found: Vec<_>| {
        let reach = |(at, to)| Reach { line: Position::of(sql, start + at).line, to };
        found.into_iter().map(reach).collect()
    };
    Ok(found.map(|found| GuardedStatement {
        line,
        kind: found.kind,
        risk: found.risk,
        objects: found.objects,
        reaches: reaches(found.reaches),
    }))
}
