//! Compares what only the words of statements tell: queries of views, triggers, policies, comments,
//! privileges. The same words are the same thing; other words may mean the same.

use std::collections::BTreeSet;

use crate::catalog::{Aspect, Catalog, FactDifference, Holder};

/// Words that may be written or left out, or mean what is so anyhow.
const OPTIONAL: &[&str] = &[
    "(",
    ")",
    ",",
    ".",
    ";",
    "::",
    "all",
    "as",
    "asc",
    "btree",
    "by",
    "called",
    "check",
    "constraint",
    "cost",
    "create",
    "deferrable",
    "each",
    "else",
    "exists",
    "first",
    "for",
    "from",
    "function",
    "if",
    "immediate",
    "initially",
    "inner",
    "input",
    "invoker",
    "join",
    "language",
    "last",
    "not",
    "null",
    "nulls",
    "on",
    "option",
    "or",
    "outer",
    "parallel",
    "permissive",
    "procedure",
    "public",
    "replace",
    "row",
    "security",
    "statement",
    "then",
    "to",
    "unsafe",
    "using",
    "volatile",
    "with",
];

/// What certainly differs, and what may. `told`: what differs in the catalogs anyhow.
pub(super) fn compared(
    [before, middle, after]: [&Catalog; 3],
    told: &[FactDifference],
) -> (Vec<FactDifference>, Vec<String>) {
    let told: BTreeSet<&str> = told.iter().map(|difference| difference.object().1).collect();
    let (mut differs, mut unsure) = (Vec::new(), Vec::new());
    for (mark, said) in before.marks_unlike(after) {
        let (holder, aspect, part) = &mark;
        let name = if part.is_empty() { holder.clone() } else { format!("{holder}.{part}") };
        // What was made or is gone is told already.
        if told.contains(name.as_str()) || !is_kept(before, after, holder) {
            continue;
        }
        let kind = aspect.words();
        let followed = before.is_followed(&before.holder(holder));
        let untouched = middle.said(&mark) == said.there;
        match (said.here, said.there) {
            (Some(old), Some(new)) if is_other(*aspect, old, new, untouched) => {
                differs.push(FactDifference::Differs {
                    kind,
                    name,
                    before: old.join(" "),
                    after: new.join(" "),
                });
            }
            (Some(old), None) => differs.push(FactDifference::Missing { kind, name, before: old.join(" ") }),
            (None, Some(new)) if is_addition(*aspect, followed, untouched, new) => {
                differs.push(FactDifference::Added { kind, name, after: new.join(" ") });
            }
            (Some(_), Some(_)) => {
                unsure.push(format!("whether {kind} {name} is as before: it is written in another way"));
            }
            (None, _) => unsure.push(format!("what {kind} {name} was before")),
        }
    }
    (differs, unsure)
}

/// Whether an object is there before and after.
fn is_kept(before: &Catalog, after: &Catalog, holder: &str) -> bool {
    let relation = |catalog: &Catalog| matches!(catalog.holder(holder), Holder::Relation(_));
    relation(before) == relation(after)
        && (!holder.ends_with(')') || (before.has_function(holder) && after.has_function(holder)))
}

/// Whether other words certainly mean something else.
fn is_other(aspect: Aspect, old: &[String], new: &[String], untouched: bool) -> bool {
    match aspect {
        Aspect::Comment | Aspect::Owner => true,
        // What an ALTER leaves is not told by its words.
        Aspect::Settings => untouched && new.iter().any(|word| word == "set") && new.first() == old.first(),
        Aspect::Privileges | Aspect::Object | Aspect::Harmless => false,
        Aspect::View | Aspect::Trigger | Aspect::Rule | Aspect::Policy | Aspect::Function => {
            let is_altered = |words: &[String]| words.iter().skip(1).any(|word| word == "alter");
            let (old_set, new_set) = (meaning(old), meaning(new));
            old_set != new_set && !is_altered(old) && !is_altered(new)
        }
    }
}

/// The words that matter.
fn meaning(words: &[String]) -> BTreeSet<&str> {
    words.iter().map(String::as_str).filter(|word| !OPTIONAL.contains(word)).map(type_name).collect()
}

/// PostgreSQL's own types have several names.
fn type_name(word: &str) -> &str {
    match word {
        "int" | "int4" => "integer",
        "int8" => "bigint",
        "int2" => "smallint",
        "bool" => "boolean",
        "decimal" => "numeric",
        "<>" => "!=",
        "current_timestamp" => "now",
        other => other,
    }
}

/// Whether something that was not said before is certainly new.
fn is_addition(aspect: Aspect, followed: bool, untouched: bool, new: &[String]) -> bool {
    let says = |what: &str| new.iter().any(|word| word == what);
    match aspect {
        Aspect::Comment => followed,
        Aspect::Privileges => followed && says("granted"),
        Aspect::Settings => followed && untouched && !says("reset"),
        Aspect::Object => new.first().is_some_and(|word| word == "create") && !says("exists"),
        Aspect::View
        | Aspect::Trigger
        | Aspect::Rule
        | Aspect::Policy
        | Aspect::Function
        | Aspect::Harmless
        | Aspect::Owner => false,
    }
}
