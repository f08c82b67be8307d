//! The SQL inside a routine's text: what it would run, were everything in it run.
//!
//! PL/pgSQL is followed by its words, not by the parser crate's grammar of it: that one refuses types
//! of any schema but `public` and most trigger functions. A word that opens a statement is enough to
//! tell SQL from control flow; conditions and assignments only read and are passed over.
//!
//! Callers run on a parser's stack ([`crate::read::on_parser_stack`]).

mod statements;
mod words;

#[cfg(test)]
mod tests;

use super::expression;
use crate::position::Cursor;
use crate::split::pieces;
use crate::syntax::{Constant, Expr};

/// Something that a body runs. Lines count from 1 in the body, whose first line is the one behind
/// its opening quote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum BodyPart {
    /// A statement, with variables where they are written.
    Sql { text: String, line: u32 },
    /// EXECUTE of something that only shows when it runs.
    Dynamic { line: u32, what: String },
}

/// What the text of a routine in that language runs.
pub(crate) fn text(language: &str, body: &str) -> Result<Vec<BodyPart>, String> {
    match language {
        "plpgsql" => statements::all(body),
        "sql" => sql(body),
        other => Err(format!("the language {other} is not read")),
    }
}

/// The statements of a body in SQL.
fn sql(body: &str) -> Result<Vec<BodyPart>, String> {
    let tokens = super::scan(body).map_err(|fault| fault.message)?;
    let mut cursor = Cursor::new(body);
    let parts = pieces(&tokens).into_iter().map(|piece| {
        let (start, end) = piece.span();
        BodyPart::Sql { text: body[start..end].to_owned(), line: cursor.advance_to(start).line }
    });
    Ok(parts.collect())
}

/// The text that EXECUTE of that expression runs, if the expression says it.
fn literal(written: &str) -> Option<String> {
    constant(&expression(written)?)
}

fn constant(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Constant(Constant::Text(text)) => Some(text.clone()),
        Expr::Operator { name, args } if name == "||" => args.iter().map(constant).collect(),
        Expr::Call { name, args } if name.name == "format" => match args.as_slice() {
            [format] => constant(format).filter(|format| !format.contains('%')),
            _ => None,
        },
        Expr::Cast { arg, to } if to.name.name == "text" => constant(arg),
        _ => None,
    }
}
