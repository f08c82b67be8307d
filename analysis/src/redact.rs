//! The text of a statement without the values in it: for people who have to know what runs, and not on what data.
//!
//! The text may be cut anywhere (`pg_stat_activity` keeps 1,024 bytes) or be no SQL at all, so it is not the server's
//! scanner that reads it.

/// What stands for a value.
const VALUE: char = '?';

/// What stands for what was left out at the end.
const MORE: char = '…';

/// A statement on one line, of at most so many characters, with `?` for every literal: texts, numbers, bit strings,
/// dollar quotes. Comments are left out.
///
/// Names stay. Where it depends on a setting of the session how the text goes on (a backslash at the end of a plain
/// literal), the rest is left out.
pub fn redacted(sql: &str, max: usize) -> String {
    let mut reader = Reader { rest: sql, out: String::new(), space: false };
    while !reader.rest.is_empty() && reader.step() {}
    let mut shown = reader.out;
    if let Some((end, _)) = shown.char_indices().nth(max) {
        shown.truncate(end);
        shown.pop();
        if max > 0 {
            shown.push(MORE);
        }
    }
    shown
}

struct Reader<'a> {
    rest: &'a str,
    out: String,
    /// Whether there was space since the last of what is shown.
    space: bool,
}

impl<'a> Reader<'a> {
    /// Reads one token. No more, when it cannot be told how the text goes on.
    fn step(&mut self) -> bool {
        let rest = self.rest;
        let Some(first) = rest.chars().next() else { return false };
        let second = rest[first.len_utf8()..].chars().next();
        match (first, second) {
            (first, _) if first.is_whitespace() => self.skip(first.len_utf8()),
            ('-', Some('-')) => self.skip(rest.find('\n').unwrap_or(rest.len())),
            ('/', Some('*')) => self.skip(comment(rest)),
            ('\'', _) => return self.literal(0, false),
            ('"', _) => self.show(quoted_name(rest)),
            ('$', Some(next)) if next.is_ascii_digit() => {
                self.show(1 + rest[1..].find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len() - 1));
            }
            ('$', _) => match dollar_quoted(rest) {
                Some(length) => self.value(length),
                None => self.show(1),
            },
            ('.', Some(next)) if next.is_ascii_digit() => self.value(number(rest)),
            (first, _) if first.is_ascii_digit() => self.value(number(rest)),
            (first, _) if is_name(first) => return self.name(),
            (first, _) => self.show(first.len_utf8()),
        }
        true
    }

    /// A name or a keyword, or the letters before a literal.
    fn name(&mut self) -> bool {
        let rest = self.rest;
        let end = rest.find(|c: char| !(is_name(c) || c.is_ascii_digit() || c == '$')).unwrap_or(rest.len());
        let after = &rest[end..];
        match rest[..end].to_ascii_lowercase().as_str() {
            "e" if after.starts_with('\'') => return self.literal(end, true),
            "b" | "x" | "n" if after.starts_with('\'') => return self.literal(end, false),
            "u" if after.starts_with("&'") => return self.literal(end + 1, false),
            _ => self.show(end),
        }
        true
    }

    /// A literal whose quote is at that byte.
    fn literal(&mut self, quote: usize, escapes: bool) -> bool {
        let bytes = self.rest.as_bytes();
        let mut at = quote + 1;
        while let Some(byte) = bytes.get(at) {
            match byte {
                b'\'' if bytes.get(at + 1) == Some(&b'\'') => at += 1,
                b'\'' => {
                    self.value(at + 1);
                    return true;
                }
                b'\\' if escapes => at += 1,
                b'\\' if bytes.get(at + 1) == Some(&b'\'') => break,
                _ => {}
            }
            at += 1;
        }
        self.value(self.rest.len());
        false
    }

    fn skip(&mut self, bytes: usize) {
        self.rest = &self.rest[bytes..];
        self.space = true;
    }

    fn show(&mut self, bytes: usize) {
        let (shown, rest) = self.rest.split_at(bytes);
        self.word(shown);
        self.rest = rest;
    }

    fn value(&mut self, bytes: usize) {
        self.word(VALUE.encode_utf8(&mut [0; 4]));
        self.rest = &self.rest[bytes..];
    }

    fn word(&mut self, word: &str) {
        if std::mem::take(&mut self.space) && !self.out.is_empty() {
            self.out.push(' ');
        }
        self.out.push_str(word);
    }
}

fn is_name(c: char) -> bool {
    c.is_alphabetic() || c == '_' || !c.is_ascii()
}

/// The bytes of a comment, which may have others in it.
fn comment(rest: &str) -> usize {
    let bytes = rest.as_bytes();
    let (mut at, mut depth) = (0, 0_usize);
    while at + 1 < bytes.len() {
        match &bytes[at..at + 2] {
            b"/*" => (at, depth) = (at + 2, depth + 1),
            b"*/" => (at, depth) = (at + 2, depth - 1),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    rest.len()
}

fn quoted_name(rest: &str) -> usize {
    rest[1..].find('"').map_or(rest.len(), |end| end + 2)
}

/// The bytes of a dollar-quoted text, if one begins here. One that does not end goes on to the end.
fn dollar_quoted(rest: &str) -> Option<usize> {
    let end = rest[1..].find('$')? + 2;
    let tag = &rest[1..end - 1];
    let starts = tag.chars().next().is_none_or(is_name);
    let is_tag = starts && tag.chars().all(|c| is_name(c) || c.is_ascii_digit());
    is_tag.then(|| rest[end..].find(&rest[..end]).map_or(rest.len(), |length| end + length + end))
}

/// The bytes of a number, with whatever sticks to it.
fn number(rest: &str) -> usize {
    rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '.' || c == '_')).unwrap_or(rest.len())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::redacted;

    #[test]
    fn values_are_left_out_and_names_stay() {
        for (sql, expected) in [
            ("SELECT * FROM t1 WHERE a = 'x' AND b = 12", "SELECT * FROM t1 WHERE a = ? AND b = ?"),
            ("UPDATE \"T 1\" SET a = 'it''s', b=$1", "UPDATE \"T 1\" SET a = ?, b=$1"),
            ("SELECT E'a\\'b', b'01', X'1f', N'x', u&'x', U&\"x\"", "SELECT ?, ?, ?, ?, ?, U&\"x\""),
            ("SELECT $$a$$, $tag$ '$$' $tag$, a$b$c", "SELECT ?, ?, a$b$c"),
            ("SELECT 1.5e10, .5, -3, 0x1F, 1_000, a.b", "SELECT ?, ?, -?, ?, ?, a.b"),
            ("SELECT\n  1 -- x 'y\n , /* a /* b */ 'c' */ 2", "SELECT ? , ?"),
            ("ALTER ROLE a PASSWORD 'hunter2", "ALTER ROLE a PASSWORD ?"),
            ("SELECT $tag$ hunter2", "SELECT ?"),
            ("SELECT /* hunter2", "SELECT"),
            // One session takes this for the end of the literal, another does not.
            ("SELECT 'a\\' , 'hunter2'", "SELECT ?"),
            ("SELECT 'a\\b' , c", "SELECT ? , c"),
            ("SELECT 'ä€', ä", "SELECT ?, ä"),
            ("", ""),
        ] {
            assert_eq!(redacted(sql, 100), expected, "{sql}");
        }
    }

    #[test]
    fn what_is_long_is_cut() {
        for (max, expected) in [(0, ""), (1, "…"), (4, "SEL…"), (8, "SELECT ä"), (9, "SELECT ä")] {
            assert_eq!(redacted("SELECT ä", max), expected, "{max}");
        }
    }

    #[test]
    fn nothing_of_a_value_is_shown_wherever_the_text_is_cut() {
        let sql = "UPDATE t SET a = 'ZZ''ZZ', b = E'ZZ\\'ZZ', c = $q$ZZ 'ZZ$q$, d = U&'Z\\0041', e = 77.7e7, \
                   f = x'777' /* ZZ */ WHERE g = $$ZZ$ZZ$$ -- ZZ\n AND h = 0x77";
        for end in (0..=sql.len()).filter(|end| sql.is_char_boundary(*end)) {
            let shown = redacted(&sql[..end], 1_000);
            assert!(!shown.contains(['Z', '7']), "{shown}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_taken(text in "(['\"$a/*\\\\ \n0-9.eE&-]|\\PC){0,60}", max in 0_usize..80) {
            prop_assert!(redacted(&text, max).chars().count() <= max);
        }
    }
}
