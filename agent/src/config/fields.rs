//! Keys and their texts, and the mistakes that were found among them.
//!
//! The file is read as sections of plain texts, and of lists of them where a key takes a list, and as nothing else:
//! YAML's own idea of what a number or a truth value is would turn the password `007` into `7`.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use super::Mistake;
use super::{backup, guard};

/// What stands behind a key.
enum Value {
    One(String),
    Many(Vec<String>),
}

struct Given {
    value: Value,
    variable: Option<&'static str>,
}

/// What was given and not yet asked for.
pub(super) struct Fields {
    given: BTreeMap<String, Given>,
    mistakes: Vec<Mistake>,
}

impl Fields {
    /// Reads YAML. A text that has another shape is one mistake: no key of it can be told.
    pub(super) fn read(text: &str) -> Result<Self, Vec<Mistake>> {
        let file: Option<File> = serde_saphyr::from_str(text).map_err(|error| {
            // The parser's own words quote the file; where it stopped is all that is safe to repeat.
            let at = error.location().map(|at| format!(" (line {}, column {})", at.line(), at.column()));
            let fault = "is not YAML with sections of single values (and lists, for the keys that take one)";
            vec![Mistake { key: "the file".to_owned(), fault: fault.to_owned() + &at.unwrap_or_default() }]
        })?;
        let values = file.map(|file| file.0).unwrap_or_default().into_iter();
        let given = values.map(|(key, value)| (key, Given { value, variable: None })).collect();
        Ok(Self { given, mistakes: Vec::new() })
    }

    /// Takes the value of a variable in place of what the file says. An empty variable counts as not set.
    pub(super) fn override_with(&mut self, key: &str, variable: &'static str, value: Option<&String>) {
        if let Some(text) = value.filter(|text| !text.is_empty()) {
            let value = Value::One(text.clone());
            self.given.insert(key.to_owned(), Given { value, variable: Some(variable) });
        }
    }

    /// The value of a key that need not be there. `None` may also mean a mistake, which is remembered.
    pub(super) fn optional<T>(
        &mut self,
        key: &str,
        rule: &str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let given = self.given.remove(key)?;
        let value = match &given.value {
            Value::One(text) if !text.is_empty() => read(text),
            Value::One(_) | Value::Many(_) => None,
        };
        if value.is_none() {
            let key = match given.variable {
                Some(variable) => format!("{key} (from {variable})"),
                None => key.to_owned(),
            };
            self.mistakes.push(Mistake { key, fault: rule.to_owned() });
        }
        value
    }

    /// The values of a key that takes a list; one value by itself is a list of one. What cannot be read is a mistake
    /// at its place, counted from 1.
    pub(super) fn list<T>(&mut self, key: &str, read: impl Fn(&str) -> Result<T, String>) -> Option<Vec<T>> {
        let texts = match self.given.remove(key)?.value {
            Value::One(text) => vec![text],
            Value::Many(texts) => texts,
        };
        let mut values = Vec::with_capacity(texts.len());
        for (at, text) in texts.iter().enumerate() {
            match read(text) {
                Ok(value) => values.push(value),
                Err(fault) => self.mistakes.push(Mistake { key: format!("{key}[{}]", at + 1), fault }),
            }
        }
        Some(values)
    }

    /// Notes a mistake that shows only when a value is looked at as a whole.
    pub(super) fn wrong(&mut self, key: &str, fault: &str) {
        self.mistakes.push(Mistake { key: key.to_owned(), fault: fault.to_owned() });
    }

    /// The value of a key that must be there.
    pub(super) fn required<T>(
        &mut self,
        key: &str,
        rule: &str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        if !self.given.contains_key(key) {
            self.mistakes.push(Mistake { key: key.to_owned(), fault: "is missing".to_owned() });
        }
        self.optional(key, rule, read)
    }

    /// Remembers a mistake that more than one value makes.
    pub(super) fn mistake(&mut self, key: &str, fault: &str) {
        self.mistakes.push(Mistake { key: key.to_owned(), fault: fault.to_owned() });
    }

    /// Every mistake; keys that nobody asked for are mistakes as well.
    pub(super) fn finish(mut self) -> Vec<Mistake> {
        let unknown =
            self.given.into_keys().map(|key| Mistake { key, fault: "is not a known key".to_owned() });
        self.mistakes.extend(unknown);
        self.mistakes.sort();
        self.mistakes
    }
}

/// The values of a file, by section and key.
struct File(BTreeMap<String, Value>);

impl<'de> Deserialize<'de> for File {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut values = BTreeMap::new();
        deserializer.deserialize_map(Sections(&mut values))?;
        Ok(Self(values))
    }
}

struct Sections<'a>(&'a mut BTreeMap<String, Value>);

impl<'de> Visitor<'de> for Sections<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sections")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(section) = map.next_key::<String>()? {
            map.next_value_seed(Section { section: &section, values: &mut *self.0 })?;
        }
        Ok(())
    }
}

struct Section<'a> {
    section: &'a str,
    values: &'a mut BTreeMap<String, Value>,
}

impl<'de> DeserializeSeed<'de> for Section<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_option(self)
    }
}

impl<'de> Visitor<'de> for Section<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("keys and values")
    }

    fn visit_none<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            let key = format!("{}.{key}", self.section);
            let value = if guard::LISTS.iter().chain(&backup::LISTS).any(|list| *list == key) {
                map.next_value::<OneOrMany>()?.0
            } else {
                map.next_value::<Option<String>>()?.map(Value::One)
            };
            if let Some(value) = value {
                self.values.insert(key, value);
            }
        }
        Ok(())
    }
}

/// A list, one value, or nothing.
struct OneOrMany(Option<Value>);

impl<'de> Deserialize<'de> for OneOrMany {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Items)
    }
}

struct Items;

impl<'de> Visitor<'de> for Items {
    type Value = OneOrMany;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of texts, or one text")
    }

    fn visit_unit<E>(self) -> Result<OneOrMany, E> {
        Ok(OneOrMany(None))
    }

    fn visit_none<E>(self) -> Result<OneOrMany, E> {
        Ok(OneOrMany(None))
    }

    fn visit_str<E>(self, text: &str) -> Result<OneOrMany, E> {
        Ok(OneOrMany(Some(Value::One(text.to_owned()))))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<OneOrMany, A::Error> {
        let mut texts = Vec::new();
        while let Some(text) = items.next_element::<String>()? {
            texts.push(text);
        }
        Ok(OneOrMany(Some(Value::Many(texts))))
    }
}
