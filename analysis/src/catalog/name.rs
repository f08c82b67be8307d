//! Names of what lives in a schema, and the ids of relations.

use std::fmt;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A schema and a name in it, as stored: not quoted, not folded.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name {
    /// The schema.
    pub schema: String,
    /// The name.
    pub name: String,
}

impl Name {
    /// A name in a schema.
    pub fn new(schema: &str, name: &str) -> Self {
        Self { schema: schema.to_owned(), name: name.to_owned() }
    }

    /// Reads what [`Display`](fmt::Display) has written, and what stands behind it.
    pub(crate) fn shown(text: &str) -> Option<(Self, &str)> {
        let (schema, rest) = identifier(text)?;
        let (name, rest) = identifier(rest.strip_prefix('.')?)?;
        let rest = if rest.is_empty() { rest } else { rest.strip_prefix('.')? };
        Some((Self { schema, name }, rest))
    }
}

impl Name {
    /// The name of a function in its signature, `public.f(integer)`.
    pub(crate) fn of_signature(text: &str) -> Option<Self> {
        let (schema, rest) = identifier(text)?;
        let rest = rest.strip_prefix('.')?;
        let (name, _) = match rest.starts_with('"') {
            true => identifier(rest)?,
            false => identifier(rest.split_once('(')?.0)?,
        };
        Some(Self { schema, name })
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", quoted(&self.schema), quoted(&self.name))
    }
}

/// An identifier, in quotes where it is not plain lower-case letters, digits and `_`.
pub(crate) fn quoted(identifier: &str) -> String {
    let plain = identifier.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && identifier.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    if plain { identifier.to_owned() } else { format!("\"{}\"", identifier.replace('"', "\"\"")) }
}

// As one string, so that names can be keys of a JSON object.
impl Serialize for Name {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        parse(&text).ok_or_else(|| D::Error::custom("expected a name with its schema, as in public.orders"))
    }
}

fn parse(text: &str) -> Option<Name> {
    let (schema, rest) = identifier(text)?;
    let (name, rest) = identifier(rest.strip_prefix('.')?)?;
    rest.is_empty().then_some(Name { schema, name })
}

fn identifier(text: &str) -> Option<(String, &str)> {
    let Some(mut rest) = text.strip_prefix('"') else {
        let end = text.find('.').unwrap_or(text.len());
        return (end > 0).then(|| (text[..end].to_owned(), &text[end..]));
    };
    let mut found = String::new();
    loop {
        let end = rest.find('"')?;
        found.push_str(&rest[..end]);
        rest = &rest[end + 1..];
        match rest.strip_prefix('"') {
            Some(more) => {
                found.push('"');
                rest = more;
            }
            None => return Some((found, rest)),
        }
    }
}

/// A relation of one catalog. Means nothing in another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RelId(pub u32);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_survive_being_written() {
        for name in [Name::new("public", "orders"), Name::new("Odd", "a.\"b"), Name::new("x", "Ü")] {
            let text = name.to_string();
            assert_eq!(parse(&text), Some(name), "{text}");
        }
        for broken in ["", "a", "a.", ".a", "\"a", "\"a\"b.c", "a.\"b\"c"] {
            assert_eq!(parse(broken), None, "{broken}");
        }
    }
}
