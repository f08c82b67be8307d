//! Schemas, extensions, types, functions and the rest.

use std::collections::BTreeSet;

use super::{Lines, with, words};
use crate::catalog::canonical::canonical;
use crate::catalog::{Catalog, Domain, Function, Name, SharedMap, TypeDefinition};

/// `other`: what is the same there is left out.
pub(super) fn add(catalog: &Catalog, other: Option<&Catalog>, lines: &mut Lines) {
    let extra = |all: fn(&Catalog) -> &BTreeSet<String>| {
        all(catalog).iter().filter(move |name| other.is_none_or(|other| !all(other).contains(*name)))
    };
    for schema in extra(|catalog| &catalog.schemas) {
        lines.add("schema", crate::catalog::name::quoted(schema), "");
    }
    for extension in extra(|catalog| &catalog.extensions) {
        lines.add("extension", extension, "");
    }
    for (name, definition) in unlike(&catalog.types, other.map(|other| &other.types)) {
        if !is_multirange(catalog, name, definition) {
            lines.add("type", name, self::definition(definition));
        }
    }
    for (name, functions) in unlike(&catalog.functions, other.map(|other| &other.functions)) {
        let constructor = catalog.types.get(name).is_some_and(is_range);
        for function in functions.iter().filter(|function| !(constructor && function.language == "internal"))
        {
            lines.add("function", function.signature(name), self::function(function));
        }
    }
    let others =
        catalog.others.iter().filter(|found| other.is_none_or(|other| !other.others.contains(*found)));
    for (kind, name) in others {
        lines.add("object", format!("{kind} {name}"), "");
    }
}

/// What is not the same in the other, if one is given.
fn unlike<'a, T: PartialEq>(
    all: &'a SharedMap<Name, T>,
    other: Option<&'a SharedMap<Name, T>>,
) -> Vec<(&'a Name, &'a T)> {
    match other {
        Some(other) => {
            let names = all.unlike(other, |one, other| one == other);
            names.filter_map(|name| all.get_key_value(name)).collect()
        }
        None => all.iter().collect(),
    }
}

const fn is_range(definition: &TypeDefinition) -> bool {
    matches!(definition, TypeDefinition::Range { .. } | TypeDefinition::Base)
}

/// Whether the server made it with a range, under a name that follows from the range's.
fn is_multirange(catalog: &Catalog, name: &Name, definition: &TypeDefinition) -> bool {
    let Some(at) = name.name.rfind("multirange").filter(|_| *definition == TypeDefinition::Base) else {
        return false;
    };
    let (before, after) = (&name.name[..at], &name.name[at + "multi".len()..]);
    let ranges = [format!("{before}{after}"), before.trim_end_matches('_').to_owned()];
    ranges.iter().any(|range| {
        let range = catalog.types.get(&Name::new(&name.schema, range));
        matches!(range, Some(TypeDefinition::Range { .. }))
    })
}

fn definition(definition: &TypeDefinition) -> String {
    match definition {
        TypeDefinition::Enum(labels) => format!("enum ({})", labels.join(", ")),
        TypeDefinition::Domain(domain) => self::domain(domain),
        TypeDefinition::Range { subtype } => format!("range{}", with("over", subtype.as_ref())),
        TypeDefinition::Base => "base".to_owned(),
    }
}

fn domain(domain: &Domain) -> String {
    let checks = domain.checks.iter().map(|(name, check, valid)| {
        format!(" check {name} {}{}", canonical(&check.expression), words(&[(!valid, "not valid")]))
    });
    format!(
        "domain over {}{}{}{}{}",
        domain.base,
        with("collate", domain.collation.as_deref()),
        words(&[(domain.not_null, "not null")]),
        with("default", domain.default.as_ref().map(canonical)),
        sorted(checks),
    )
}

fn sorted(parts: impl Iterator<Item = String>) -> String {
    let mut parts: Vec<String> = parts.collect();
    parts.sort();
    parts.concat()
}

fn function(function: &Function) -> String {
    // What OUT arguments and RETURNS TABLE make of it is not written anywhere.
    let returns = function.returns.as_deref().filter(|returns| *returns != "record" && *returns != "void");
    format!(
        "{} {:?} in {}{}{}{}",
        if function.procedure { "procedure" } else { "function" },
        function.volatility,
        function.language,
        with("returns", returns),
        with("defaults", (function.defaults > 0).then_some(function.defaults)),
        with("body", function.body.as_deref()),
    )
    .to_lowercase()
}
