//! What of an object nothing else in a catalog says: how a view's query, a trigger, a policy is
//! written, its comment, its privileges, its storage parameters. Kept only while scripts are
//! simulated, to tell whether a script puts back what another has changed.

use std::collections::{BTreeMap, BTreeSet};

use super::{Catalog, Name, RelId, SharedMap};

/// Whose mark it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Holder {
    Relation(RelId),
    /// Anything else, in words: `public.f(int4)`, `schema app`, `aggregate median`.
    Named(String),
}

/// What is said of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Mark {
    pub(crate) holder: Holder,
    pub(crate) aspect: Aspect,
    /// The column, trigger, policy, parameter, privilege; empty for the whole.
    pub(crate) part: String,
}

/// The sides of an object that only its statements tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Aspect {
    View,
    Trigger,
    Rule,
    Policy,
    Function,
    /// That a function only computes. It is no side of its own.
    Harmless,
    Comment,
    Privileges,
    Owner,
    Settings,
    /// That it is there at all.
    Object,
}

impl Aspect {
    pub(crate) const fn words(self) -> &'static str {
        match self {
            Self::View => "view",
            Self::Trigger => "trigger",
            Self::Rule => "rule",
            Self::Policy => "policy",
            Self::Function | Self::Harmless => "function",
            Self::Comment => "comment",
            Self::Privileges => "privileges",
            Self::Owner => "owner",
            Self::Settings => "settings",
            Self::Object => "object",
        }
    }
}

/// All of them: the words of the statements that count.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Marks(SharedMap<Mark, Vec<String>>);

impl Marks {
    pub(crate) fn set(&mut self, mark: Mark, words: Vec<String>) {
        self.0.insert(mark, words);
    }

    /// Adds to what was said before: what an ALTER leaves depends on it.
    pub(crate) fn append(&mut self, mark: Mark, words: Vec<String>) {
        self.0.get_or_default(mark).extend(words);
    }

    pub(crate) fn remove(&mut self, mark: &Mark) -> Option<Vec<String>> {
        self.0.remove(mark)
    }

    pub(crate) fn get(&self, mark: &Mark) -> Option<&[String]> {
        self.0.get(mark).map(Vec::as_slice)
    }

    /// Those of one object.
    pub(crate) fn of(&self, holder: &Holder) -> Vec<Mark> {
        let first = Mark { holder: holder.clone(), aspect: Aspect::View, part: String::new() };
        let marks = self.0.from(&first).map(|(mark, _)| mark);
        marks.take_while(|mark| mark.holder == *holder).cloned().collect()
    }

    /// A part has another name.
    pub(crate) fn rename_part(&mut self, holder: &Holder, from: &str, to: &str) {
        for mark in self.of(holder).into_iter().filter(|mark| mark.part == from) {
            if let Some(words) = self.0.remove(&mark) {
                self.0.insert(Mark { part: to.to_owned(), ..mark }, words);
            }
        }
    }

    /// Functions have another name: everything whose name begins so.
    pub(crate) fn rename_holders(&mut self, from: &str, to: &str) {
        let begins = |mark: &&Mark| matches!(&mark.holder, Holder::Named(name) if name.starts_with(from));
        for mark in self.0.keys().filter(begins).cloned().collect::<Vec<_>>() {
            let Holder::Named(name) = &mark.holder else { continue };
            let holder = Holder::Named(format!("{to}{}", &name[from.len()..]));
            if let Some(words) = self.0.remove(&mark) {
                self.0.insert(Mark { holder, ..mark }, words);
            }
        }
    }
}

/// A mark under a name that means the same in another catalog.
pub(crate) type NamedMark = (String, Aspect, String);

impl Catalog {
    /// What is known of an object from the first statement on: nobody else has changed it.
    pub(crate) fn is_followed(&self, holder: &Holder) -> bool {
        self.server.is_none()
            && match holder {
                Holder::Relation(id) => self.get(*id).is_some_and(|relation| !relation.partial),
                Holder::Named(name) => self.has_function(name),
            }
    }

    /// Whether every function of a name only computes, as far as its text tells.
    pub(crate) fn only_computes(&self, function: &str) -> bool {
        let full = Name::shown(function).filter(|(_, rest)| rest.is_empty()).map(|(name, _)| name);
        let mut all = self
            .functions
            .iter()
            .filter(|(name, _)| name.name == function || full.as_ref() == Some(name))
            .flat_map(|(name, all)| all.iter().map(move |one| one.signature(name)))
            .peekable();
        let harmless = |signature: String| {
            let mark =
                Mark { holder: Holder::Named(signature), aspect: Aspect::Harmless, part: String::new() };
            self.marks.get(&mark).is_some()
        };
        all.peek().is_some() && all.all(harmless)
    }

    pub(crate) fn has_function(&self, signature: &str) -> bool {
        let Some(name) = Name::of_signature(signature) else { return false };
        let all = self.functions.get(&name).map(Vec::as_slice).unwrap_or_default();
        all.iter().any(|function| function.signature(&name) == signature)
    }

    /// Whether what a mark speaks of is still there.
    fn holds(&self, mark: &Mark) -> bool {
        let id = match &mark.holder {
            Holder::Relation(id) => *id,
            Holder::Named(name) => return !name.ends_with(')') || self.has_function(name),
        };
        let Some(relation) = self.get(id).filter(|relation| !relation.partial) else { return false };
        let part = mark.part.as_str();
        match mark.aspect {
            Aspect::Trigger => relation.triggers.iter().any(|trigger| trigger.name == part),
            Aspect::Rule => relation.rules.iter().any(|rule| rule.name == part),
            Aspect::Policy => relation.policies.iter().any(|policy| policy.name == part),
            Aspect::Comment => {
                part.is_empty()
                    || relation.column(part).is_some()
                    || relation.constraint(part).is_some()
                    || relation.index(part).is_some()
                    || relation.triggers.iter().any(|trigger| trigger.name == part)
                    || relation.rules.iter().any(|rule| rule.name == part)
                    || relation.policies.iter().any(|policy| policy.name == part)
            }
            Aspect::View
            | Aspect::Function
            | Aspect::Harmless
            | Aspect::Privileges
            | Aspect::Owner
            | Aspect::Settings
            | Aspect::Object => true,
        }
    }

    /// The marks that are not the same in both, by names, each with what is said here and there.
    pub(crate) fn marks_unlike<'a>(&'a self, other: &'a Self) -> BTreeMap<NamedMark, Said<'a>> {
        let unlike = self.marks.0.unlike(&other.marks.0, |one, other| one == other).cloned();
        // What is said of a relation may be kept longer than the relation.
        let coming = self.relations.unlike(&other.relations, |one, other| one.is_some() == other.is_some());
        let holders = coming.map(|id| Holder::Relation(*id));
        let of_them = holders.flat_map(|holder| [self.marks.of(&holder), other.marks.of(&holder)].concat());
        let mut keys: BTreeSet<Mark> = unlike.chain(of_them).collect();
        keys.retain(|mark| mark.aspect != Aspect::Harmless);
        let mut found: BTreeMap<NamedMark, Said<'a>> = BTreeMap::new();
        for mark in &keys {
            let (here, there) = (self.marks.get(mark), other.marks.get(mark));
            for (catalog, said) in [(self, here), (other, there)] {
                let Some(name) = catalog.holder_name(&mark.holder).filter(|_| catalog.holds(mark)) else {
                    continue;
                };
                let entry = found.entry((name, mark.aspect, mark.part.clone())).or_default();
                let slot = if std::ptr::eq(catalog, self) { &mut entry.here } else { &mut entry.there };
                *slot = slot.or(said);
            }
        }
        found.retain(|_, said| said.here != said.there);
        found
    }

    fn holder_name(&self, holder: &Holder) -> Option<String> {
        match holder {
            Holder::Relation(id) => self.get(*id).map(|relation| relation.name.to_string()),
            Holder::Named(name) => Some(name.clone()),
        }
    }

    /// What is said of a mark by its name.
    pub(crate) fn said(&self, (name, aspect, part): &NamedMark) -> Option<&[String]> {
        self.marks.get(&Mark { holder: self.holder(name), aspect: *aspect, part: part.clone() })
    }

    /// Whose mark a name means, of those that this catalog has.
    pub(crate) fn holder(&self, name: &str) -> Holder {
        let id =
            Name::shown(name).filter(|(_, rest)| rest.is_empty()).and_then(|(name, _)| self.by_name(&name));
        id.map_or_else(|| Holder::Named(name.to_owned()), Holder::Relation)
    }
}

/// What is said of the same object in two catalogs.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Said<'a> {
    pub(crate) here: Option<&'a [String]>,
    pub(crate) there: Option<&'a [String]>,
}
