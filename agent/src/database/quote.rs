//! Texts as parts of SQL.
//!
//! The agent's own statements travel as simple queries, several in one message, which take no parameters.

/// A string constant. `E''` reads the same whatever a migration has set `standard_conforming_strings` to.
pub(crate) fn literal(text: &str) -> String {
    format!("E'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

/// A string constant, or NULL.
pub(crate) fn nullable(text: Option<&str>) -> String {
    text.map_or_else(|| "NULL".to_owned(), literal)
}

/// An identifier.
pub(crate) fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_ends_a_constant_early() {
        assert_eq!(literal(r"it's \ "), r"E'it''s \\ '");
        assert_eq!(nullable(None), "NULL");
        assert_eq!(identifier("a\"b"), "\"a\"\"b\"");
    }
}
