//! The quoted texts and the words of a statement, without its comments.

/// What stands in single quotes, dollar quotes left out.
pub(super) fn literals(sql: &str) -> Vec<String> {
    let tokens = tokens(sql);
    tokens.into_iter().filter(|(quoted, _)| *quoted).map(|(_, text)| text).collect()
}

/// Identifiers and key words, unquoted ones in lower case.
pub(super) fn words(sql: &str) -> Vec<String> {
    let tokens = tokens(sql);
    tokens.into_iter().filter(|(quoted, _)| !quoted).map(|(_, text)| text).collect()
}

/// Texts (`true`) and words (`false`), in order.
fn tokens(sql: &str) -> Vec<(bool, String)> {
    let mut found = Vec::new();
    let mut rest = sql;
    while let Some(first) = rest.chars().next() {
        if let Some(comment) = rest.strip_prefix("--") {
            rest = comment.find('\n').map_or("", |end| &comment[end..]);
        } else if let Some(comment) = rest.strip_prefix("/*") {
            rest = comment.find("*/").map_or("", |end| &comment[end + 2..]);
        } else if first == '\'' || first == '"' {
            let (text, after) = quoted(&rest[1..], first);
            found.push((first == '\'', text));
            rest = after;
        } else if first == '$' {
            rest = dollar(rest);
        } else if first.is_alphabetic() || first == '_' {
            let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_' && c != '$').unwrap_or(rest.len());
            found.push((false, rest[..end].to_lowercase()));
            rest = &rest[end..];
        } else {
            rest = &rest[first.len_utf8()..];
        }
    }
    found
}

/// What is left of a text up to its closing quote, and what follows.
fn quoted(text: &str, quote: char) -> (String, &str) {
    let mut found = String::new();
    let mut rest = text;
    while let Some(end) = rest.find(quote) {
        found.push_str(&rest[..end]);
        rest = &rest[end + 1..];
        match rest.strip_prefix(quote) {
            Some(more) => {
                found.push(quote);
                rest = more;
            }
            None => return (found, rest),
        }
    }
    (found, "")
}

/// What follows a text in dollar quotes, or the `$`.
fn dollar(text: &str) -> &str {
    let after = &text[1..];
    let tag = after.find('$').filter(|end| after[..*end].chars().all(|c| c.is_alphanumeric() || c == '_'));
    let Some(tag) = tag else { return after };
    let mark = &text[..tag + 2];
    let body = &text[mark.len()..];
    body.find(mark).map_or("", |end| &body[end + mark.len()..])
}

#[cfg(test)]
mod tests {
    use super::{literals, words};

    #[test]
    fn comments_and_bodies_are_not_looked_at() {
        let sql = "UPDATE \"Odd\" SET a = 'it''s', b = E'x' -- 'no'\n WHERE /* 'no' */ c = $t$ 'no' $t$ OR $1 = 'ü'";
        assert_eq!(literals(sql), ["it's", "x", "ü"]);
        assert_eq!(words(sql), ["update", "Odd", "set", "a", "b", "e", "where", "c", "or"]);
        assert!(literals("'open").is_empty() || literals("'open") == [""]);
    }
}
