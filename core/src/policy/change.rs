//! What differs between two policies, key by key, and whether that is stricter.
//!
//! Documents are compared as they are written with every default filled in: what a key that is left out stands for is no
//! difference to writing it.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::{ApprovalRule, Bytes, EnvironmentPolicy, Policy, SETTINGS, Tighter};
use crate::time::Span;

/// The key that has a number, or rules.
const APPROVALS: &str = "environments[].approvals";

/// Whether a change lets more happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Leaning {
    /// It does.
    Loosens,
    /// It lets less happen.
    Tightens,
    /// That depends on more than this key.
    Unclear,
}

impl Leaning {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Loosens => "loosens",
            Self::Tightens => "tightens",
            Self::Unclear => "changes",
        }
    }

    const fn turned(self) -> Self {
        match self {
            Self::Loosens => Self::Tightens,
            Self::Tightens => Self::Loosens,
            Self::Unclear => Self::Unclear,
        }
    }
}

/// One key that says something else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Where: environments by their names, `environments.production.approvals`; entries of lists from 0.
    pub path: String,
    /// What it was, on one line; `None`: it was not there.
    pub old: Option<String>,
    /// What it is, on one line; `None`: it is not there any more.
    pub new: Option<String>,
    /// Whether it is stricter.
    pub leaning: Leaning,
}

impl Policy {
    /// The document with every default filled in: where there is a backup, its keys; what each environment requires.
    /// What is absent by default has no key.
    #[must_use]
    pub fn written_out(&self) -> Value {
        let mut document = serde_json::to_value(self).unwrap_or_default();
        let list = document.get_mut("environments").and_then(Value::as_array_mut);
        for (written, environment) in list.into_iter().flatten().zip(&self.environments) {
            let rules = environment.backup.rules();
            if let Some(rules) = rules.and_then(|rules| serde_json::to_value(rules).ok()) {
                written["backup"] = rules;
            }
            // Where nothing is said of these, a word stands for it.
            written["rehearsal"] = serde_json::to_value(environment.rehearsal).unwrap_or_default();
            written["on_failure"] = serde_json::to_value(environment.on_failure).unwrap_or_default();
            written["keep_history_table"] = environment.keep_history_table.into();
            if written["requires"].is_null() {
                written["requires"] =
                    serde_json::to_value(self.required_before(&environment.name)).unwrap_or_default();
            }
        }
        document
    }

    /// What an environment asks for that is not what policy says unless it says otherwise.
    #[must_use]
    pub fn beside_defaults(&self, environment: &EnvironmentPolicy) -> Vec<Change> {
        let mut plain = self.clone();
        for other in &mut plain.environments {
            if other.name == environment.name {
                *other = EnvironmentPolicy::with_defaults(other.name.clone());
            }
        }
        let start = format!("environments.{}.", environment.name);
        let own =
            |change: Change| Some(Change { path: change.path.strip_prefix(&start)?.to_owned(), ..change });
        changes(&plain, self).into_iter().filter_map(own).collect()
    }

    /// The same of what it says for all environments together.
    #[must_use]
    pub fn beside_defaults_everywhere(&self) -> Vec<Change> {
        let environments = self.environments.clone();
        changes(&Self { environments, ..Self::initial(&[]) }, self)
    }
}

/// What is different in a policy that comes after another one, in the order of the document.
#[must_use]
pub fn changes(old: &Policy, new: &Policy) -> Vec<Change> {
    let mut found = Found(Vec::new());
    found.value(&At::default(), &old.written_out(), &new.written_out());
    found.0
}

/// Where in the documents: as it is shown, and as [`SETTINGS`] has it.
#[derive(Debug, Clone, Default)]
struct At {
    shown: String,
    setting: String,
}

impl At {
    fn key(&self, key: &str) -> Self {
        let dot = if self.shown.is_empty() { "" } else { "." };
        let known = format!("{}{dot}{key}", self.setting);
        let any = format!("{}.*", self.setting);
        let free = SETTINGS.iter().any(|setting| setting.path == any);
        Self { shown: format!("{}{dot}{key}", self.shown), setting: if free { any } else { known } }
    }

    /// A rule for approvals: in the document, one alone needs no list.
    fn rule(&self, at: usize, is_alone: bool) -> Self {
        let shown = if is_alone { self.shown.clone() } else { format!("{}[{at}]", self.shown) };
        Self { shown, setting: self.setting.clone() }
    }

    fn entry(&self, at: usize) -> Self {
        Self { shown: format!("{}[{at}]", self.shown), setting: format!("{}[]", self.setting) }
    }

    fn tighter(&self) -> Tighter {
        let known = SETTINGS.iter().find(|setting| setting.path == self.setting);
        known.map_or(Tighter::Unclear, |setting| setting.tighter)
    }
}

struct Found(Vec<Change>);

impl Found {
    fn value(&mut self, at: &At, old: &Value, new: &Value) {
        if old == new {
            return;
        }
        match (old, new) {
            // A number is a rule.
            (Value::Number(_), Value::Array(rules)) if at.setting == APPROVALS => {
                self.rules(at, &as_rules(old), rules);
            }
            (Value::Array(rules), Value::Number(_)) if at.setting == APPROVALS => {
                self.rules(at, rules, &as_rules(new));
            }
            (Value::Object(old), Value::Object(new)) => self.maps(at, old, new),
            (Value::Array(old), Value::Array(new)) => self.lists(at, old, new),
            // No list is an empty one.
            (Value::Null, Value::Array(new)) => self.lists(at, &[], new),
            (Value::Array(old), Value::Null) => self.lists(at, old, &[]),
            (
                Value::Null
                | Value::Bool(_)
                | Value::Number(_)
                | Value::String(_)
                | Value::Array(_)
                | Value::Object(_),
                _,
            ) => self.push(at, old, new, leaning(at.tighter(), old, new)),
        }
    }

    fn push(&mut self, at: &At, old: &Value, new: &Value, leaning: Leaning) {
        let said = |value: &Value| (!value.is_null()).then(|| in_words(value));
        self.0.push(Change { path: at.shown.clone(), old: said(old), new: said(new), leaning });
    }

    fn maps(&mut self, at: &At, old: &Map<String, Value>, new: &Map<String, Value>) {
        let keys: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
        let mut keys: Vec<_> = keys.into_iter().map(|key| (at.key(key), key)).collect();
        keys.sort_by_key(|(at, _)| SETTINGS.iter().position(|setting| setting.path == at.setting));
        for (at, key) in keys {
            let of = |map: &Map<String, Value>| map.get(key).cloned().unwrap_or_default();
            self.value(&at, &of(old), &of(new));
        }
    }

    fn lists(&mut self, at: &At, old: &[Value], new: &[Value]) {
        let all = || old.iter().chain(new);
        if at.setting == "environments" {
            self.environments(at, old, new);
        } else if at.setting == APPROVALS {
            self.rules(at, old, new);
        } else if !all().all(Value::is_object) || is_set(at.tighter()) {
            self.sets(at, old, new);
        } else {
            self.rows(at, old, new);
        }
    }

    /// Environments are known by their names; where they stand counts.
    fn environments(&mut self, at: &At, old: &[Value], new: &[Value]) {
        let named = |list: &[Value], name: &Value| list.iter().find(|e| e["name"] == *name).cloned();
        self.order(at, old, new);
        let added = new.iter().filter(|e| named(old, &e["name"]).is_none());
        for environment in old.iter().chain(added) {
            let name = environment["name"].as_str().unwrap_or_default();
            let own = At { shown: format!("{}.{name}", at.shown), setting: format!("{}[]", at.setting) };
            let (old, new) = (named(old, &environment["name"]), named(new, &environment["name"]));
            self.value(&own, &old.unwrap_or_default(), &new.unwrap_or_default());
        }
    }

    /// What both lists have stands in another order. Of a set as well: it is another document, and its entries are told
    /// of by their places.
    fn order(&mut self, at: &At, old: &[Value], new: &[Value]) {
        let both = |list: &[Value], other: &[Value]| {
            let is_there = |entry: &&Value| other.iter().any(|known| name(known) == name(entry));
            Value::from(list.iter().filter(is_there).map(|entry| name(entry).clone()).collect::<Vec<_>>())
        };
        let (before, after) = (both(old, new), both(new, old));
        if before != after {
            self.push(at, &before, &after, Leaning::Unclear);
        }
    }

    /// Rules for approvals: all count, wherever they stand. What both have is left out.
    fn rules(&mut self, at: &At, old: &[Value], new: &[Value]) {
        let is_alone = old.len().max(new.len()) <= 1;
        let without = |list: &[Value], other: &[Value]| {
            let all = list.iter().cloned().enumerate();
            all.filter(|(_, rule)| !other.contains(rule)).collect::<Vec<_>>()
        };
        let (gone, added) = (without(old, new), without(new, old));
        self.order(at, old, new);
        for nth in 0..gone.len().max(added.len()) {
            match (gone.get(nth), added.get(nth)) {
                (Some((_, old)), Some((place, new))) => self.value(&at.rule(*place, is_alone), old, new),
                (Some((place, old)), None) => {
                    self.push(&at.rule(*place, is_alone), old, &Value::Null, Leaning::Loosens);
                }
                (None, Some((place, new))) => {
                    self.push(&at.rule(*place, is_alone), &Value::Null, new, Leaning::Tightens);
                }
                (None, None) => {}
            }
        }
    }

    /// Lists in which the order does not count for how strict they are: what is gone, and what is new.
    fn sets(&mut self, at: &At, old: &[Value], new: &[Value]) {
        let adds = match at.tighter() {
            Tighter::Entries => Leaning::Tightens,
            // The first window closes all other hours; the last one that goes opens them.
            Tighter::Openings if old.is_empty() || new.is_empty() => Leaning::Tightens,
            Tighter::Openings => Leaning::Loosens,
            Tighter::EntriesOrNone if old.is_empty() || new.is_empty() => Leaning::Loosens,
            Tighter::EntriesOrNone => Leaning::Tightens,
            Tighter::More
            | Tighter::MoreOrNone
            | Tighter::Less
            | Tighter::LessOfTwo
            | Tighter::On
            | Tighter::Off
            | Tighter::Present
            | Tighter::Absent
            | Tighter::Words(_)
            | Tighter::WordsOrNone(_)
            | Tighter::Unclear => Leaning::Unclear,
        };
        self.order(at, old, new);
        for gone in old.iter().filter(|entry| !new.contains(entry)) {
            self.push(at, gone, &Value::Null, adds.turned());
        }
        for added in new.iter().filter(|entry| !old.contains(entry)) {
            self.push(at, &Value::Null, added, adds);
        }
    }

    /// Lists in which the order counts: what is the same at both ends is left out. The same entries in another order are
    /// one change.
    fn rows(&mut self, at: &At, old: &[Value], new: &[Value]) {
        if old.len() == new.len() && old.iter().chain(new).all(|e| times(old, e) == times(new, e)) {
            return self.order(at, old, new);
        }
        let same = old.iter().zip(new).take_while(|(a, b)| a == b).count();
        let (old, new) = (&old[same..], &new[same..]);
        let end = old.iter().rev().zip(new.iter().rev()).take_while(|(a, b)| a == b).count();
        let (old, new) = (&old[..old.len() - end], &new[..new.len() - end]);
        for nth in 0..old.len().max(new.len()) {
            let of = |list: &[Value]| list.get(nth).cloned().unwrap_or_default();
            self.value(&at.entry(same + nth), &of(old), &of(new));
        }
    }
}

/// Whether the new value of a setting is stricter.
fn leaning(tighter: Tighter, old: &Value, new: &Value) -> Leaning {
    const NOTHING: i128 = 0;
    const ENDLESS: i128 = i128::MAX;
    let more = |none: Option<i128>| {
        let figure = |value: &Value| if value.is_null() { none } else { figure(value) };
        match (figure(old), figure(new)) {
            (Some(old), Some(new)) if new > old => Leaning::Tightens,
            (Some(old), Some(new)) if new < old => Leaning::Loosens,
            (Some(_) | None, Some(_) | None) => Leaning::Unclear,
        }
    };
    let strict = |is: bool| if is { Leaning::Tightens } else { Leaning::Loosens };
    let by_words = |words: &[&str], is_last: fn(&Value) -> bool| {
        let last = words.last().copied();
        let place = |value: &Value| {
            let word = if is_last(value) { last } else { value.as_str() };
            words.iter().position(|known| Some(*known) == word)
        };
        match (place(old), place(new)) {
            (Some(old), Some(new)) if old != new => strict(new > old),
            (Some(_) | None, Some(_) | None) => Leaning::Unclear,
        }
    };
    match tighter {
        Tighter::More => more(Some(NOTHING)),
        Tighter::MoreOrNone => more(Some(ENDLESS)),
        Tighter::Less => more(Some(ENDLESS)).turned(),
        Tighter::LessOfTwo => more(None).turned(),
        Tighter::On => strict(*new == Value::Bool(true)),
        Tighter::Off => strict(*new != Value::Bool(true)),
        // Another text says the same.
        Tighter::Present | Tighter::Absent if !old.is_null() && !new.is_null() => Leaning::Unclear,
        Tighter::Present => strict(!new.is_null()),
        Tighter::Absent => strict(new.is_null()),
        Tighter::Words(words) => by_words(words, Value::is_object),
        Tighter::WordsOrNone(words) => by_words(words, Value::is_null),
        Tighter::Entries | Tighter::EntriesOrNone | Tighter::Openings | Tighter::Unclear => Leaning::Unclear,
    }
}

/// Whether each entry of a list counts on its own.
const fn is_set(tighter: Tighter) -> bool {
    match tighter {
        Tighter::Entries | Tighter::EntriesOrNone | Tighter::Openings => true,
        Tighter::More
        | Tighter::MoreOrNone
        | Tighter::Less
        | Tighter::LessOfTwo
        | Tighter::On
        | Tighter::Off
        | Tighter::Present
        | Tighter::Absent
        | Tighter::Words(_)
        | Tighter::WordsOrNone(_)
        | Tighter::Unclear => false,
    }
}

/// How often a list has an entry.
fn times(list: &[Value], entry: &Value) -> usize {
    list.iter().filter(|other| *other == entry).count()
}

/// What an entry of a list is called; without a name it is itself.
fn name(entry: &Value) -> &Value {
    let name = &entry["name"];
    if name.is_null() { entry } else { name }
}

/// So many approvals, as rules.
fn as_rules(count: &Value) -> Vec<Value> {
    let of = count.as_u64().and_then(|count| u32::try_from(count).ok()).map(ApprovalRule::of);
    let rule = of.filter(|rule| rule.count > 0).and_then(|rule| serde_json::to_value(rule).ok());
    rule.into_iter().collect()
}

/// A number, a length of time or a size, to be compared with another of the same setting.
fn figure(value: &Value) -> Option<i128> {
    if let Some(number) = value.as_i64() {
        return Some(number.into());
    }
    let text = value.as_str()?;
    let span = text.parse::<Span>().map(|span| span.0.into());
    span.or_else(|_| text.parse::<Bytes>().map(|bytes| bytes.0.into())).ok()
}

/// A value on one line, as a document could have it.
fn in_words(value: &Value) -> String {
    match value {
        Value::Null => "none".to_owned(),
        Value::String(text) => text.clone(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::Array(list) => {
            let entries: Vec<_> = list.iter().map(in_words).collect();
            format!("[{}]", entries.join(", "))
        }
        Value::Object(map) => {
            let entries: Vec<_> =
                map.iter().map(|(key, value)| format!("{key}: {}", in_words(value))).collect();
            format!("{{{}}}", entries.join(", "))
        }
    }
}

#[cfg(test)]
mod tests;
