//! Goes through SQL as PostgreSQL's lexer does, as far as it takes to tell code from literals and comments.

/// What a stretch of SQL is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// White space.
    Space,
    /// A comment.
    Comment,
    /// A string, a quoted name or a dollar-quoted body.
    Quoted,
    /// One character of anything else.
    Code,
}

/// The stretches of a text, each with where it starts and ends.
pub(super) struct Scan<'a> {
    text: &'a str,
    at: usize,
    /// Whether what comes before could be the end of a word: `e` in `E'\''` begins one, that of `the'` does not.
    word: bool,
}

pub(super) const fn scan(text: &str) -> Scan<'_> {
    Scan { text, at: 0, word: false }
}

impl Scan<'_> {
    /// Goes on from there.
    pub(super) const fn skip_to(&mut self, at: usize) {
        (self.at, self.word) = (at, false);
    }
}

/// Whether there is no statement in it: nothing but white space, comments and semicolons.
pub(super) fn is_blank(sql: &str) -> bool {
    scan(sql).all(|(kind, start, _)| match kind {
        Kind::Space | Kind::Comment => true,
        Kind::Code => sql[start..].starts_with([';', '\u{feff}']),
        Kind::Quoted => false,
    })
}

impl Iterator for Scan<'_> {
    type Item = (Kind, usize, usize);

    fn next(&mut self) -> Option<Self::Item> {
        let start = self.at;
        let rest = self.text.get(start..)?;
        let first = rest.chars().next()?;
        let (kind, length) = stretch(rest, first, self.word);
        self.at = start + length;
        self.word = kind == Kind::Code && is_word(first);
        Some((kind, start, self.at))
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '$'
}

fn stretch(rest: &str, first: char, in_word: bool) -> (Kind, usize) {
    let bytes = rest.as_bytes();
    match (first, bytes.get(1)) {
        ('-', Some(b'-')) => (Kind::Comment, rest.find('\n').unwrap_or(rest.len())),
        ('/', Some(b'*')) => (Kind::Comment, block(bytes)),
        ('\'', _) => (Kind::Quoted, quoted(bytes, 0, b'\'', false)),
        ('"', _) => (Kind::Quoted, quoted(bytes, 0, b'"', false)),
        ('e' | 'E', Some(b'\'')) if !in_word => (Kind::Quoted, quoted(bytes, 1, b'\'', true)),
        ('$', _) if !in_word => match dollar(rest) {
            Some(length) => (Kind::Quoted, length),
            None => (Kind::Code, 1),
        },
        (space, _) if space.is_whitespace() => {
            (Kind::Space, rest.find(|c: char| !c.is_whitespace()).unwrap_or(rest.len()))
        }
        (code, _) => (Kind::Code, code.len_utf8()),
    }
}

/// The length of a comment; they nest.
fn block(bytes: &[u8]) -> usize {
    let (mut at, mut depth) = (0, 0_usize);
    while at < bytes.len() {
        match bytes.get(at..at + 2) {
            Some(b"/*") => (at, depth) = (at + 2, depth + 1),
            Some(b"*/") if depth == 1 => return at + 2,
            Some(b"*/") => (at, depth) = (at + 2, depth - 1),
            Some(_) | None => at += 1,
        }
    }
    bytes.len()
}

/// The length of what stands between quotes, of which the first is at `open`.
fn quoted(bytes: &[u8], open: usize, quote: u8, escapes: bool) -> usize {
    let mut at = open + 1;
    while let Some(byte) = bytes.get(at) {
        at += match *byte {
            b'\\' if escapes => 2,
            byte if byte == quote && bytes.get(at + 1) == Some(&quote) => 2,
            byte if byte == quote => return at + 1,
            _ => 1,
        };
    }
    bytes.len()
}

/// The length of a dollar-quoted body, if one begins here.
fn dollar(rest: &str) -> Option<usize> {
    let tag_end = 1 + rest.get(1..)?.find(|c: char| !(c.is_alphanumeric() || c == '_'))?;
    let starts_with_digit = rest.as_bytes().get(1).is_some_and(u8::is_ascii_digit);
    if rest.as_bytes().get(tag_end) != Some(&b'$') || starts_with_digit {
        return None;
    }
    let (tag, body) = rest.split_at(tag_end + 1);
    Some(body.find(tag).map_or(rest.len(), |at| 2 * tag.len() + at))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(sql: &str) -> String {
        scan(sql).filter(|(kind, _, _)| *kind == Kind::Code).map(|(_, start, end)| &sql[start..end]).collect()
    }

    #[test]
    fn only_code_is_code() {
        for (sql, expected) in [
            ("a -- b\nc", "ac"),
            ("a /* b /* c */ d */ e", "ae"),
            ("a 'b''c' d", "ad"),
            ("a E'b\\'c' d", "ad"),
            ("a 'b\\' c", "ac"),
            ("like'b\\' c", "likec"),
            ("a \"b\"\"c\" d", "ad"),
            ("a $$b$x$c$$ d", "ad"),
            ("a $b$c$$d$b$ e", "ae"),
            ("a$b$c", "a$b$c"),
            ("$1 + $2", "$1+$2"),
            ("'open", ""),
            ("$$ open", ""),
            ("/* open", ""),
        ] {
            assert_eq!(code(sql), expected, "{sql}");
        }
    }

    #[test]
    fn comments_are_no_statement() {
        for blank in ["", " \n", "-- a", "/* a */ ;; -- b", "\u{feff}"] {
            assert!(is_blank(blank), "{blank:?}");
        }
        assert!(!is_blank("SELECT 1") && !is_blank("'a'") && !is_blank("-- a\nb"));
    }
}
