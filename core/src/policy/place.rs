//! Where something stands in a policy document: `environments[1].waves[0].percent`.

use std::fmt;

use super::PolicyError;

/// One step on the way into a document.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// To what a key of a map has; in a list of words, to that word.
    Key(String),
    /// To an entry of a list, counted from 0.
    Item(usize),
}

/// A way into a policy document, from its beginning; without steps: the document.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place(pub Vec<Step>);

impl Place {
    /// The environment that stands there in the list, counted from 0.
    #[must_use]
    pub fn environment(at: usize) -> Self {
        Self::default().key("environments").item(at)
    }

    /// One key further.
    #[must_use]
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.0.push(Step::Key(key.into()));
        self
    }

    /// One entry of a list further.
    #[must_use]
    pub fn item(mut self, at: usize) -> Self {
        self.0.push(Step::Item(at));
        self
    }

    /// As far as a key goes, written with dots. Where it is about an entry of the list that its first part names, that
    /// entry is named. Where it names several keys, the first.
    #[must_use]
    fn dotted(self, keys: &str, entry: Option<usize>) -> Self {
        let first = keys.split(',').next().unwrap_or(keys);
        first.split('.').enumerate().fold(self, |place, (nth, key)| {
            let place = place.key(key);
            match entry {
                Some(at) if nth == 0 => place.item(at),
                Some(_) | None => place,
            }
        })
    }

    /// Whether it is that place or one within it.
    #[must_use]
    pub fn is_within(&self, other: &Self) -> bool {
        self.0.starts_with(&other.0)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (nth, step) in self.0.iter().enumerate() {
            match step {
                Step::Key(key) if nth == 0 => f.write_str(key)?,
                Step::Key(key) => write!(f, ".{key}")?,
                Step::Item(at) => write!(f, "[{at}]")?,
            }
        }
        Ok(())
    }
}

/// A mistake in a policy, with its place in the document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// Where: what would have to be changed.
    pub place: Place,
    /// What is wrong.
    pub error: PolicyError,
}

impl Mistake {
    /// A mistake about a whole policy (`environment` is `None`), or the environment that stands there.
    pub(super) fn new(environment: Option<usize>, error: PolicyError) -> Self {
        let start = environment.map_or_else(Place::default, Place::environment);
        Self { place: within(start, &error), error }
    }
}

fn within(start: Place, error: &PolicyError) -> Place {
    match error {
        PolicyError::NoEnvironment | PolicyError::TooManyEnvironments(_) => start.key("environments"),
        PolicyError::Twice(_) => start.key("name"),
        PolicyError::NotBefore { required, .. } | PolicyError::NoSuchEnvironment { required, .. } => {
            start.key("requires").key(required.as_str())
        }
        PolicyError::OutOfRange { key, entry, .. } => start.dotted(key, *entry),
        PolicyError::HiddenWave { wave, .. } => start.key("waves").item(wave.saturating_sub(1)),
        PolicyError::BadQuery { at, .. } => start.key("verify").item(*at).key("query"),
        PolicyError::UnknownKind { key, kind, .. } => start.key(key.as_str()).key(kind),
        PolicyError::UnknownHazard { key, id, .. } => start.key(key.as_str()).key(id),
        PolicyError::NeverOpen(_) => start.key("windows"),
        PolicyError::AcknowledgesOff { id, .. } => start.key("acknowledge").key(id),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_reads_as_a_path() {
        let place = Place::environment(1).dotted("waves.percent", Some(0));
        assert_eq!(place.to_string(), "environments[1].waves[0].percent");
        assert!(place.is_within(&Place::environment(1)) && !place.is_within(&Place::environment(0)));
        let several = Place::environment(0).dotted("backup.touched_from, outside_from and outside", None);
        assert_eq!(several.to_string(), "environments[0].backup.touched_from");
        assert_eq!(Place::default().key("freeze").to_string(), "freeze");
    }
}
