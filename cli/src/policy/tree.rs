//! A YAML document with the place of everything in it.

use std::collections::BTreeMap;
use std::fmt;

use pgbelay_core::policy::Place;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{DuplicateKeyPolicy, Error, Options, Spanned, budget, options};

use super::Mistake;

/// Most values of a document, those that aliases bring counted each time: several times what a policy may have.
const MAX_NODES: usize = 20_000;
/// Most maps and lists within each other: a policy has five.
const MAX_DEPTH: usize = 32;

/// A place in the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Spot {
    /// From 1.
    pub(super) line: u64,
    /// In characters, from 1.
    pub(super) column: u64,
}

impl From<serde_saphyr::Location> for Spot {
    fn from(location: serde_saphyr::Location) -> Self {
        Self { line: location.line().max(1), column: location.column().max(1) }
    }
}

/// A value of the document. Where an alias stands for it, its place is that of the alias.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) at: Spot,
    pub(super) kind: Kind,
}

#[derive(Debug)]
pub(super) enum Kind {
    Null,
    Scalar {
        value: Scalar,
        /// As it is written, where it is not quoted; else what the quotes hold.
        text: String,
    },
    List(Vec<Node>),
    /// In the order of the document, each key once.
    Map(Vec<Entry>),
}

/// What a value is without anybody asking for a type.
#[derive(Debug, Clone, Copy)]
pub(super) enum Scalar {
    Bool(bool),
    Signed(i64),
    Unsigned(u64),
    Float(f64),
    Text,
}

#[derive(Debug)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) at: Spot,
    pub(super) value: Node,
}

impl Node {
    pub(super) const fn is_nothing(&self) -> bool {
        matches!(self.kind, Kind::Null)
    }

    /// The text of a scalar.
    pub(super) fn text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Scalar { text, .. } => Some(text),
            Kind::Null | Kind::List(_) | Kind::Map(_) => None,
        }
    }
}

fn reading() -> Options {
    options! {
        budget: budget! { max_nodes: MAX_NODES, max_depth: MAX_DEPTH },
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        with_snippet: false,
    }
}

/// Reads a document, and the keys that stand twice in it: the first one counts.
pub(super) fn parse(text: &str) -> Result<(Node, Vec<Mistake>), Mistake> {
    let raw: Spanned<Raw> =
        serde_saphyr::from_str_with_options(text, reading()).map_err(|error| mistake(&error))?;
    let mut doubles = Vec::new();
    let root = node(raw, text, &Place::default(), &mut doubles);
    Ok((root, doubles))
}

/// What the parser says. Its words end with the place, which is told apart from them.
pub(super) fn mistake(error: &Error) -> Mistake {
    let spot = error.location().map_or(Spot { line: 1, column: 1 }, Spot::from);
    let mut plain = error.without_snippet();
    while let Error::AliasError { error, .. } = plain {
        plain = error.without_snippet();
    }
    let said = plain.to_string();
    let words = said.split(" at line ").next().unwrap_or(&said);
    let unfolds = matches!(
        plain,
        Error::Budget { .. }
            | Error::AliasReplayCounterOverflow { .. }
            | Error::AliasReplayLimitExceeded { .. }
            | Error::AliasExpansionLimitExceeded { .. }
            | Error::AliasReplayStackDepthExceeded { .. }
    );
    let message = if unfolds {
        "it is too deep or, with its aliases, too large for a policy"
    } else if matches!(plain, Error::MultipleDocuments { .. }) {
        "a second document begins here: a policy is one"
    } else if words.contains("tabs disallowed") {
        "tabs cannot indent in YAML: use spaces"
    } else {
        words
    };
    spot.mistake("", message)
}

fn node(raw: Spanned<Raw>, source: &str, place: &Place, doubles: &mut Vec<Mistake>) -> Node {
    let written = written(&raw, source);
    let scalar = |value| Kind::Scalar { value, text: written.to_owned() };
    let kind = match raw.value {
        Raw::Null => Kind::Null,
        Raw::Bool(value) => scalar(Scalar::Bool(value)),
        Raw::Signed(value) => scalar(Scalar::Signed(value)),
        Raw::Unsigned(value) => scalar(Scalar::Unsigned(value)),
        Raw::Float(value) => scalar(Scalar::Float(value)),
        Raw::Text(text) => Kind::Scalar { value: Scalar::Text, text },
        Raw::List(list) => {
            let entries = list.into_iter().enumerate();
            Kind::List(entries.map(|(at, raw)| node(raw, source, &place.clone().item(at), doubles)).collect())
        }
        Raw::Map(map) => Kind::Map(entries(map, source, place, doubles)),
    };
    Node { at: raw.referenced.into(), kind }
}

fn entries(
    map: Vec<(Spanned<Raw>, Spanned<Raw>)>,
    source: &str,
    place: &Place,
    doubles: &mut Vec<Mistake>,
) -> Vec<Entry> {
    let mut first: BTreeMap<String, Spot> = BTreeMap::new();
    let mut found = Vec::new();
    for (raw, value) in map {
        let key = match &raw.value {
            Raw::Text(text) => text.clone(),
            Raw::Null
            | Raw::Bool(_)
            | Raw::Signed(_)
            | Raw::Unsigned(_)
            | Raw::Float(_)
            | Raw::List(_)
            | Raw::Map(_) => written(&raw, source).to_owned(),
        };
        let (at, place) = (Spot::from(raw.referenced), place.clone().key(&key));
        let value = node(value, source, &place, doubles);
        match first.get(&key) {
            Some(before) => doubles.push(at.mistake(
                &place,
                format!("the key {key} stands twice: the first one is in line {}", before.line),
            )),
            None => {
                first.insert(key.clone(), at);
                found.push(Entry { key, at, value });
            }
        }
    }
    found
}

/// A value as it stands in the text.
fn written<'a>(raw: &Spanned<Raw>, source: &'a str) -> &'a str {
    let span = raw.defined.span();
    let bytes = || {
        let start = usize::try_from(span.byte_offset()?).ok()?;
        source.get(start..start.checked_add(usize::try_from(span.byte_len()?).ok()?)?)
    };
    bytes().unwrap_or_default()
}

/// A value as the parser gives it.
enum Raw {
    Null,
    Bool(bool),
    Signed(i64),
    Unsigned(u64),
    Float(f64),
    Text(String),
    List(Vec<Spanned<Self>>),
    Map(Vec<(Spanned<Self>, Spanned<Self>)>),
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Anything)
    }
}

struct Anything;

impl<'de> Visitor<'de> for Anything {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }
    fn visit_unit<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }
    fn visit_none<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }
    fn visit_bool<E>(self, value: bool) -> Result<Raw, E> {
        Ok(Raw::Bool(value))
    }
    fn visit_i64<E>(self, value: i64) -> Result<Raw, E> {
        Ok(Raw::Signed(value))
    }
    fn visit_u64<E>(self, value: u64) -> Result<Raw, E> {
        Ok(Raw::Unsigned(value))
    }
    fn visit_f64<E>(self, value: f64) -> Result<Raw, E> {
        Ok(Raw::Float(value))
    }
    fn visit_str<E>(self, text: &str) -> Result<Raw, E> {
        Ok(Raw::Text(text.to_owned()))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Raw, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = list.next_element()? {
            entries.push(entry);
        }
        Ok(Raw::List(entries))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Raw, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Raw::Map(entries))
    }
}
