//! PL/pgSQL, statement by statement.

use super::words::Words;
use super::{BodyPart, literal};
use crate::position::Cursor;

/// Words that open a query.
const QUERY: &[&str] = &["select", "with", "values", "table", "insert", "update", "delete", "merge"];

/// Everything that a body in PL/pgSQL runs.
pub(super) fn all(body: &str) -> Result<Vec<BodyPart>, String> {
    let mut reader = Reader { words: Words::new(body)?, cursor: Cursor::new(body), parts: Vec::new() };
    let mut at = 0;
    while at < reader.words.len() {
        at = reader.step(at);
    }
    Ok(reader.parts)
}

struct Reader<'a> {
    words: Words<'a>,
    cursor: Cursor<'a>,
    parts: Vec<BodyPart>,
}

impl Reader<'_> {
    /// Reads what starts at that token; gives the token to go on with, which is a later one.
    fn step(&mut self, at: usize) -> usize {
        if self.is_assignment(at) {
            return self.words.find(at, &[";"]) + 1;
        }
        self.structure(at).or_else(|| self.own(at)).unwrap_or_else(|| self.sql_statement(at))
    }

    fn is_assignment(&self, at: usize) -> bool {
        matches!(self.words.at(self.words.after_variable(at)), ":=" | "=")
    }

    /// Blocks, branches and loops.
    fn structure(&mut self, at: usize) -> Option<usize> {
        let words = &self.words;
        let word = words.at(at).to_ascii_lowercase();
        Some(match word.as_str() {
            ";" | "begin" | "exception" | "else" | "loop" | "then" => at + 1,
            "#" => words.next_line(at),
            "<<" => words.find(at, &[">>"]) + 1,
            "declare" => self.after_declarations(at),
            "if" | "elsif" | "elseif" | "when" => words.find(at + 1, &["then"]) + 1,
            "case" => words.find(at + 1, &["when"]),
            "while" => words.find(at + 1, &["loop"]) + 1,
            "for" | "foreach" => self.loop_over(at),
            "end" => words.find(at + 1, &[";"]) + 1,
            _ => return None,
        })
    }

    fn after_declarations(&self, at: usize) -> usize {
        let mut next = at + 1;
        while next < self.words.len() && !self.words.is(next, "begin") {
            next = self.words.find(next, &[";"]) + 1;
        }
        next
    }

    /// FOR … IN … LOOP.
    fn loop_over(&mut self, at: usize) -> usize {
        let end = self.words.find(at + 1, &["loop"]);
        let from = self.words.find(at + 1, &["in"]) + 1;
        let range = self.words.find(from, &["..", "loop"]) < end;
        if from < end && !range {
            self.query(from, end);
        }
        end + 1
    }

    /// The statements that only PL/pgSQL has.
    fn own(&mut self, at: usize) -> Option<usize> {
        let end = self.words.find(at + 1, &[";"]);
        let word = self.words.at(at).to_ascii_lowercase();
        match word.as_str() {
            "exit" | "continue" | "raise" | "assert" | "null" | "get" | "fetch" | "move" | "close" => {}
            "return" if self.words.is(at + 1, "query") => self.query(at + 2, end),
            "return" => {}
            "open" => {
                let query = self.words.find(at + 1, &["for", ";"]) + 1;
                if query < end {
                    self.query(query, end);
                }
            }
            "perform" => {
                let query = format!("SELECT {}", self.words.between(at + 1, end));
                self.sql(at, query);
            }
            "execute" => self.execute(at, end),
            _ => return None,
        }
        Some(end + 1)
    }

    /// A query where PL/pgSQL expects one, or EXECUTE of one, or the name of a cursor.
    fn query(&mut self, from: usize, end: usize) {
        if self.words.is(from, "execute") {
            self.execute(from, end);
        } else if self.words.is_any(from, QUERY) || self.words.at(from) == "(" {
            self.sql(from, self.words.between(from, end).to_owned());
        }
    }

    fn execute(&mut self, at: usize, end: usize) {
        let end = self.words.find(at + 1, &["into", "using", ";"]).min(end);
        let written = self.words.between(at + 1, end);
        match literal(written) {
            Some(text) => self.sql(at, text),
            None => {
                const SHOWN: usize = 80;
                let what = written.split_whitespace().collect::<Vec<_>>().join(" ");
                let line = self.line(at);
                self.parts.push(BodyPart::Dynamic { line, what: what.chars().take(SHOWN).collect() });
            }
        }
    }

    fn sql_statement(&mut self, at: usize) -> usize {
        let end = self.words.find(at, &[";"]);
        let text = match self.targets(at, end) {
            Some((from, to)) => {
                format!("{} {}", self.words.between(at, from), self.words.between(to, end))
            }
            None => self.words.between(at, end).to_owned(),
        };
        self.sql(at, text.trim_end().to_owned());
        end + 1
    }

    /// INTO with the variables behind it. To the server's grammar it would be a new table.
    fn targets(&self, at: usize, end: usize) -> Option<(usize, usize)> {
        if !self.words.is_any(at, QUERY) {
            return None;
        }
        let mut from = self.words.find(at + 1, &["into"]);
        if self.words.is_any(from.checked_sub(1)?, &["insert", "merge"]) {
            from = self.words.find(from + 1, &["into"]);
        }
        if from >= end {
            return None;
        }
        let mut to = from + 1 + usize::from(self.words.is(from + 1, "strict"));
        to = self.words.after_variable(to);
        while self.words.at(to) == "," {
            to = self.words.after_variable(to + 1);
        }
        Some((from, to.min(end)))
    }

    fn sql(&mut self, at: usize, text: String) {
        let line = self.line(at);
        self.parts.push(BodyPart::Sql { text, line });
    }

    fn line(&mut self, at: usize) -> u32 {
        self.cursor.advance_to(self.words.offset(at)).line
    }
}
