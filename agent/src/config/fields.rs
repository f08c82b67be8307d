//! Keys and their texts, and the mistakes that were found among them.
//!
//! The file is read as sections of plain texts and nothing else: YAML's own idea of what a number or a truth value is
//! would turn the password `007` into `7`.

use std::collections::BTreeMap;

use super::Mistake;

type Sections = BTreeMap<String, Option<BTreeMap<String, Option<String>>>>;

struct Given {
    text: String,
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
        let sections: Option<Sections> = serde_saphyr::from_str(text).map_err(|error| {
            // The parser's own words quote the file; where it stopped is all that is safe to repeat.
            let at = error.location().map(|at| format!(" (line {}, column {})", at.line(), at.column()));
            let fault = "is not YAML with sections of single values";
            vec![Mistake { key: "the file".to_owned(), fault: fault.to_owned() + &at.unwrap_or_default() }]
        })?;
        let mut given = BTreeMap::new();
        for (section, keys) in sections.unwrap_or_default() {
            for (key, text) in keys.unwrap_or_default() {
                if let Some(text) = text {
                    given.insert(format!("{section}.{key}"), Given { text, variable: None });
                }
            }
        }
        Ok(Self { given, mistakes: Vec::new() })
    }

    /// Takes the value of a variable in place of what the file says. An empty variable counts as not set.
    pub(super) fn override_with(&mut self, key: &str, variable: &'static str, value: Option<&String>) {
        if let Some(text) = value.filter(|text| !text.is_empty()) {
            self.given.insert(key.to_owned(), Given { text: text.clone(), variable: Some(variable) });
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
        let value = if given.text.is_empty() { None } else { read(&given.text) };
        if value.is_none() {
            let key = match given.variable {
                Some(variable) => format!("{key} (from {variable})"),
                None => key.to_owned(),
            };
            self.mistakes.push(Mistake { key, fault: rule.to_owned() });
        }
        value
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

    /// Every mistake; keys that nobody asked for are mistakes as well.
    pub(super) fn finish(mut self) -> Vec<Mistake> {
        let unknown =
            self.given.into_keys().map(|key| Mistake { key, fault: "is not a known key".to_owned() });
        self.mistakes.extend(unknown);
        self.mistakes.sort();
        self.mistakes
    }
}
