//! The words of a statement, for what its tree does not keep: names as written, and key words.

/// A word outside of texts and comments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Word {
    /// Lower case unless quoted, without the quotes.
    pub(super) text: String,
    pub(super) quoted: bool,
}

/// Every identifier and key word of a statement, in order.
pub(super) fn words(statement: &str) -> Vec<Word> {
    let mut found = Vec::new();
    let mut rest = statement;
    while let Some(first) = rest.chars().next() {
        rest = match first {
            '\'' => after_text(&rest[1..]),
            '"' => quoted(&rest[1..], &mut found),
            '$' => after_dollar(rest),
            '-' if rest.starts_with("--") => rest.find('\n').map_or("", |end| &rest[end..]),
            '/' if rest.starts_with("/*") => after_comment(&rest[2..]),
            c if c.is_alphabetic() || c == '_' => plain(rest, &mut found),
            c if c.is_ascii_digit() => rest.trim_start_matches(|c: char| c.is_alphanumeric() || c == '_'),
            c => &rest[c.len_utf8()..],
        };
    }
    found
}

/// Whether a statement holds a key word.
pub(super) fn has_word(statement: &str, word: &str) -> bool {
    has_any(statement, &[word])
}

/// Whether it holds one of several.
pub(super) fn has_any(statement: &str, any: &[&str]) -> bool {
    words(statement).iter().any(|found| !found.quoted && any.contains(&found.text.as_str()))
}

fn plain<'t>(text: &'t str, found: &mut Vec<Word>) -> &'t str {
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_' && c != '$').unwrap_or(text.len());
    let (word, rest) = text.split_at(end);
    let lower = word.to_lowercase();
    if let Some(text) = rest.strip_prefix('\'') {
        // E'…', in which a backslash hides a quote.
        return if lower == "e" { after_escaped(text) } else { after_text(text) };
    }
    found.push(Word { text: lower, quoted: false });
    rest
}

fn quoted<'t>(text: &'t str, found: &mut Vec<Word>) -> &'t str {
    let mut name = String::new();
    let mut rest = text;
    loop {
        let Some(end) = rest.find('"') else { return "" };
        name.push_str(&rest[..end]);
        rest = &rest[end + 1..];
        match rest.strip_prefix('"') {
            Some(more) => {
                name.push('"');
                rest = more;
            }
            None => break,
        }
    }
    found.push(Word { text: name, quoted: true });
    rest
}

fn after_text(text: &str) -> &str {
    text.find('\'').map_or("", |end| &text[end + 1..])
}

fn after_escaped(text: &str) -> &str {
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '\'' => return &text[at + 1..],
            _ => {}
        }
    }
    ""
}

/// Behind `$tag$…$tag$`; a `$1` is passed over.
fn after_dollar(text: &str) -> &str {
    let inside = &text[1..];
    let tag = inside.find(|c: char| !c.is_alphanumeric() && c != '_');
    let Some(end) = tag.filter(|end| inside[*end..].starts_with('$')) else { return inside };
    let (delimiter, body) = text.split_at(end + 2);
    body.find(delimiter).map_or("", |at| &body[at + delimiter.len()..])
}

/// Comments nest.
fn after_comment(text: &str) -> &str {
    let mut depth = 1;
    let mut rest = text;
    while depth > 0 {
        let Some(at) = rest.find(['*', '/']) else { return "" };
        rest = &rest[at..];
        if let Some(behind) = rest.strip_prefix("*/") {
            depth -= 1;
            rest = behind;
        } else if let Some(behind) = rest.strip_prefix("/*") {
            depth += 1;
            rest = behind;
        } else {
            rest = &rest[1..];
        }
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::words;

    #[test]
    fn words_are_found_outside_of_texts_and_comments() {
        let text = r#"ALTER TABLE "A ""b" -- no"#.to_owned()
            + "\n/* no /* no */ no */ SET E'no\\'no' 'no' $x$ no $x$ $1 x1 U&'no'";
        let found: Vec<_> = words(&text).into_iter().map(|word| word.text).collect();
        assert_eq!(found, ["alter", "table", "A \"b", "set", "x1", "u"]);
    }
}
