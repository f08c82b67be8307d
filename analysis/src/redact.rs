//! The text of somebody's query without what may be secret in it: every literal is a `?`.
//!
//! The text may be cut anywhere, as the server's list of sessions cuts it, so it is read character by character and not
//! by the grammar.

use std::iter::Peekable;
use std::str::Chars;

/// The statement in one line, at most `most` characters of it, with `?` in place of strings and numbers, and without
/// comments. What is not closed goes on to the end.
pub fn redacted(sql: &str, most: usize) -> String {
    let mut text = String::new();
    let mut rest = sql.chars().peekable();
    let mut kept = 0;
    while let Some(c) = rest.next() {
        if kept >= most {
            text.push('…');
            break;
        }
        let before = text.chars().next_back();
        match c {
            '\'' => {
                // The letter of E'', B'', X'' and N'' goes with it.
                if before.is_some_and(|c| "eEbBxXnN".contains(c)) && !is_word(text.chars().nth_back(1)) {
                    text.pop();
                }
                let escapes = before.is_some_and(|c| "eE".contains(c));
                string(&mut rest, escapes);
                text.push('?');
            }
            '"' => {
                text.push(c);
                for c in rest.by_ref() {
                    text.push(c);
                    if c == '"' {
                        break;
                    }
                }
            }
            '$' if !is_word(before) => dollar(&mut rest, &mut text),
            '-' if rest.peek() == Some(&'-') => {
                rest.by_ref().find(|c| *c == '\n');
                space(&mut text);
            }
            '/' if rest.peek() == Some(&'*') => {
                comment(&mut rest);
                space(&mut text);
            }
            c if c.is_ascii_digit() && !is_word(before) => {
                while rest.next_if(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_')).is_some() {}
                text.push('?');
            }
            c if c.is_whitespace() => space(&mut text),
            c => text.push(c),
        }
        kept = text.chars().count();
    }
    text.trim_end().to_owned()
}

fn is_word(c: Option<char>) -> bool {
    c.is_some_and(|c| c.is_alphanumeric() || matches!(c, '_' | '$' | '"'))
}

fn space(text: &mut String) {
    if !text.is_empty() && !text.ends_with(' ') {
        text.push(' ');
    }
}

/// To the end of a string.
fn string(rest: &mut Peekable<Chars<'_>>, escapes: bool) {
    while let Some(c) = rest.next() {
        match c {
            '\\' if escapes => drop(rest.next()),
            '\'' if rest.next_if_eq(&'\'').is_none() => return,
            _ => {}
        }
    }
}

/// A dollar quote to its end, or a parameter.
fn dollar(rest: &mut Peekable<Chars<'_>>, text: &mut String) {
    let mut tag = String::from("$");
    while let Some(c) = rest.next_if(|c| c.is_alphanumeric() || *c == '_') {
        tag.push(c);
    }
    if rest.next_if_eq(&'$').is_none() {
        // A parameter, or the end of a text that was cut.
        return text.push_str(&tag);
    }
    tag.push('$');
    let mut seen = String::new();
    for c in rest.by_ref() {
        seen.push(c);
        if seen.ends_with(&tag) {
            break;
        }
    }
    text.push('?');
}

/// To the end of a comment, which may hold others.
fn comment(rest: &mut Peekable<Chars<'_>>) {
    let mut depth = 1;
    rest.next();
    while let Some(c) = rest.next() {
        match c {
            '*' if rest.next_if_eq(&'/').is_some() => depth -= 1,
            '/' if rest.next_if_eq(&'*').is_some() => depth += 1,
            _ => {}
        }
        if depth == 0 {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_are_not_told() {
        for (sql, told) in [
            (
                "SELECT * FROM users WHERE email = 'ann@x.org' AND id = 42",
                "SELECT * FROM users WHERE email = ? AND id = ?",
            ),
            ("SELECT 'it''s', E'a\\'b', t1.c2, 1.5e3, 0xff", "SELECT ?, ?, t1.c2, ?, ?"),
            ("SELECT $1, $$secret$$, $t$ a $$ b $t$ FROM \"T'1\"", "SELECT $1, ?, ? FROM \"T'1\""),
            ("UPDATE a -- secret 'x\n SET b = 1 /* 'c /* d */ */ WHERE c", "UPDATE a SET b = ? WHERE c"),
            ("SELECT 'cut in the midd", "SELECT ?"),
            ("SELECT $body$ cut", "SELECT ?"),
            ("SELECT X'1F', B'01', name'x'", "SELECT ?, ?, name?"),
            ("", ""),
        ] {
            assert_eq!(redacted(sql, 200), told, "{sql}");
        }
        assert_eq!(redacted("SELECT abcdef", 8), "SELECT a…");
    }
}
