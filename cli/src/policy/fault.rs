//! Why a document is not a policy: what serde says, in the words of a person who writes YAML.

use std::collections::BTreeSet;
use std::fmt;

use pgbelay_analysis::nearest;
use pgbelay_core::policy::{Place, Step};
use serde::de::{self, Expected, Unexpected};

/// Most words that are listed.
const MAX_WORDS: usize = 8;

/// Something that could not be read.
#[derive(Debug)]
pub(super) struct Fault {
    /// Where; what cannot be read any further begins there.
    pub(super) place: Place,
    placed: bool,
    what: What,
}

#[derive(Debug)]
enum What {
    UnknownKey {
        known: &'static [&'static str],
    },
    Missing {
        key: &'static str,
        was_left_out: bool,
    },
    UnknownWord {
        word: String,
        known: &'static [&'static str],
    },
    Wrong {
        expected: String,
        found: String,
    },
    /// What a type says of what it has read; whether something of that was left out.
    Said {
        said: String,
        of_a_part: bool,
    },
}

impl Fault {
    fn new(what: What) -> Self {
        Self { place: Place::default(), placed: false, what }
    }

    /// Other words than these were expected.
    pub(super) fn not_a_word(known: &'static [&'static str], found: Unexpected<'_>) -> Self {
        Self::new(What::Wrong { expected: one_of(known), found: found_in_words(found) })
    }

    /// With its place, if it has none yet: the innermost one counts.
    #[must_use]
    pub(super) fn at(mut self, place: &Place) -> Self {
        if !self.placed {
            (self.place, self.placed) = (place.clone(), true);
        }
        self
    }

    /// Whether it is one by itself: not what comes of another one.
    pub(super) const fn counts(&self) -> bool {
        !matches!(self.what, What::Missing { was_left_out: true, .. } | What::Said { of_a_part: true, .. })
    }

    /// Whether the key is wrong, and not what it has.
    pub(super) const fn is_about_the_key(&self) -> bool {
        matches!(self.what, What::UnknownKey { .. })
    }

    /// What is missing may only have been left out, or be what another key was meant to be.
    #[must_use]
    pub(super) fn knowing(mut self, left_out: &BTreeSet<Place>, before: &[Self]) -> Self {
        // What does not fit together may be what is left of it.
        if let What::Said { of_a_part, .. } = &mut self.what {
            *of_a_part = left_out.iter().any(|place| place.is_within(&self.place) && *place != self.place);
        }
        if let What::Missing { key, was_left_out } = &mut self.what {
            let meant = |fault: &Self| match (&fault.what, fault.place.0.split_last()) {
                (What::UnknownKey { known }, Some((Step::Key(written), map))) => {
                    *map == *self.place.0 && nearest(written, known.iter().copied()) == Some(*key)
                }
                (_, _) => false,
            };
            *was_left_out = left_out.contains(&self.place.clone().key(*key)) || before.iter().any(meant);
        }
        self
    }

    /// What is wrong. Within an environment, it begins with its name.
    pub(super) fn message(&self, environment: Option<&str>) -> String {
        let (before, path) = match (environment, self.place.0.get(2..)) {
            (Some(name), Some(steps)) if matches!(self.place.0.first(), Some(Step::Key(key)) if key == "environments") => {
                (format!("{name}: "), Place(steps.to_vec()).to_string())
            }
            (_, _) => (String::new(), self.place.to_string()),
        };
        format!("{before}{}", self.words(&path))
    }

    fn words(&self, path: &str) -> String {
        let subject = if path.is_empty() { "this" } else { path };
        match &self.what {
            What::UnknownKey { known } => {
                let key = path.rsplit('.').next().unwrap_or(path);
                let within = path.strip_suffix(key).and_then(|rest| rest.strip_suffix('.'));
                let within = within.map(|within| format!(" in {within}")).unwrap_or_default();
                format!("there is no key {key}{within}{}", meant(key, known))
            }
            What::Missing { key, .. } if path.is_empty() => format!("the key {key} is missing"),
            What::Missing { key, .. } => format!("{path}: the key {key} is missing"),
            What::UnknownWord { word, known } => {
                let close = nearest(word, known.iter().copied());
                let close = close.map(|word| format!("; did you mean {word}?")).unwrap_or_default();
                format!("{subject} must be {}, and is {word:?}{close}", one_of(known))
            }
            What::Wrong { expected, found } => format!("{subject} must be {expected}, and is {found}"),
            What::Said { said, .. } if path.is_empty() => said.clone(),
            What::Said { said, .. } => format!("{path}: {said}"),
        }
    }
}

/// What was perhaps meant, or what there is, if that is not much.
fn meant(word: &str, known: &[&str]) -> String {
    match nearest(word, known.iter().copied()) {
        Some(nearest) => format!("; did you mean {nearest}?"),
        None if known.len() <= MAX_WORDS => format!("; there are {}", known.join(", ")),
        None => "; docs/policy.md has all keys".to_owned(),
    }
}

fn one_of(words: &[&str]) -> String {
    match words {
        [first @ .., last] if !first.is_empty() => format!("{} or {last}", first.join(", ")),
        _ => words.join(""),
    }
}

/// What is expected, without the names of our types.
fn expected_in_words(expected: &dyn Expected) -> String {
    let text = expected.to_string();
    match text.as_str() {
        "a sequence" => "a list".to_owned(),
        "a boolean" => "true or false".to_owned(),
        "a string" => "a text".to_owned(),
        "u8" | "u16" | "u32" | "u64" | "usize" => {
            "a whole number, not below zero and not too large".to_owned()
        }
        "i8" | "i16" | "i32" | "i64" => "a whole number".to_owned(),
        text if text.starts_with("struct ") || text == "a map" => "a map of keys and values".to_owned(),
        _ => text,
    }
}

fn found_in_words(found: Unexpected<'_>) -> String {
    match found {
        Unexpected::Unit | Unexpected::Option => "empty".to_owned(),
        Unexpected::Map | Unexpected::StructVariant => "a map".to_owned(),
        Unexpected::Seq | Unexpected::TupleVariant => "a list".to_owned(),
        Unexpected::Str(text) => format!("{text:?}"),
        Unexpected::Bool(value) => value.to_string(),
        Unexpected::Unsigned(value) => value.to_string(),
        Unexpected::Signed(value) => value.to_string(),
        Unexpected::Float(value) => value.to_string(),
        Unexpected::Char(value) => format!("{value:?}"),
        Unexpected::Other(other) => other.to_owned(),
        Unexpected::Bytes(_)
        | Unexpected::NewtypeStruct
        | Unexpected::Enum
        | Unexpected::UnitVariant
        | Unexpected::NewtypeVariant => "something else".to_owned(),
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message(None))
    }
}

impl std::error::Error for Fault {}

impl de::Error for Fault {
    fn custom<T: fmt::Display>(said: T) -> Self {
        Self::new(What::Said { said: said.to_string(), of_a_part: false })
    }
    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new(What::Wrong { expected: expected_in_words(expected), found: found_in_words(found) })
    }
    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::invalid_type(found, expected)
    }
    fn unknown_variant(word: &str, known: &'static [&'static str]) -> Self {
        Self::new(What::UnknownWord { word: word.to_owned(), known })
    }
    fn unknown_field(_: &str, known: &'static [&'static str]) -> Self {
        Self::new(What::UnknownKey { known })
    }
    fn missing_field(key: &'static str) -> Self {
        Self::new(What::Missing { key, was_left_out: false })
    }
}
