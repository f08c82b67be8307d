//! What casts do to values, as clients and readers see it.

use crate::catalog::{Catalog, DataType, TypeDefinition};
use crate::syntax::Expr;

/// The type under a domain.
pub(super) fn base(catalog: &Catalog, data_type: &DataType) -> DataType {
    let mut at = data_type.clone();
    // A domain over a domain is never deep.
    for _ in 0..32 {
        let domain = at.full_name().and_then(|name| catalog.types.get(&name));
        match domain {
            Some(TypeDefinition::Domain(domain)) if !at.array => at = domain.base.clone(),
            _ => break,
        }
    }
    at
}

/// What an assignment cast drops without an error, in words that follow "and".
pub(super) fn loses(catalog: &Catalog, from: &DataType, to: &DataType) -> Option<&'static str> {
    let (from, to) = (base(catalog, from), base(catalog, to));
    if from.array != to.array {
        return None;
    }
    let own = |data_type: &DataType| data_type.schema.as_deref() == Some("pg_catalog");
    if !own(&from) || !own(&to) {
        return None;
    }
    match (from.name.as_str(), to.name.as_str()) {
        ("numeric", "numeric") => scale(&to)
            .is_some_and(|to| scale(&from).is_none_or(|from| to < from))
            .then_some("values are rounded"),
        ("numeric" | "float4" | "float8", "int2" | "int4" | "int8") => Some("values are rounded"),
        ("float4" | "float8", "numeric") => scale(&to).map(|_| "values are rounded"),
        ("numeric" | "float8", "float4") | ("numeric", "float8") => Some("values lose digits"),
        ("float8" | "float4" | "numeric", "money") => Some("values are rounded"),
        ("timestamptz", "timestamp") | ("timetz", "time") => Some("the time zone is lost"),
        ("timestamp" | "timestamptz", "date") => Some("the time of day is lost"),
        ("timestamp" | "timestamptz", "time" | "timetz") => Some("the date is lost"),
        (a, b) if is_time(a) && is_time(b) => {
            (precision(&to) < precision(&from)).then_some("values are rounded")
        }
        _ => None,
    }
}

/// The same for USING.
pub(super) fn using_loses(
    catalog: &Catalog,
    using: &Expr,
    column: &str,
    from: &DataType,
    to: &DataType,
) -> Option<&'static str> {
    match using {
        Expr::Column(path) if path.last().is_some_and(|last| last == column) => loses(catalog, from, to),
        Expr::Cast { arg, to: written } => {
            let explicit = catalog.data_type(written);
            match using_loses(catalog, arg, column, from, &explicit) {
                Some(lost) => Some(lost),
                None => cuts(catalog, from, &explicit).or_else(|| loses(catalog, &explicit, to)),
            }
        }
        _ => Some("the expression after USING may drop a part of the values"),
    }
}

/// What an explicit cast drops, where the one of an assignment is an error.
fn cuts(catalog: &Catalog, from: &DataType, to: &DataType) -> Option<&'static str> {
    let (from, to) = (base(catalog, from), base(catalog, to));
    let text = ["text", "varchar", "bpchar"];
    let is_text = text.contains(&from.name.as_str());
    match (to.name.as_str(), to.modifiers.first()) {
        ("varchar" | "bpchar", Some(length)) => {
            let shorter = !is_text || from.modifiers.first().is_none_or(|before| length < before);
            shorter.then_some("longer values are cut without an error")
        }
        ("date", _) if is_text => Some("what follows the date is lost"),
        ("bit", Some(_)) if from.modifiers != to.modifiers => Some("bits are cut without an error"),
        _ => None,
    }
}

fn is_time(name: &str) -> bool {
    matches!(name, "timestamp" | "timestamptz" | "time" | "timetz" | "interval")
}

fn scale(data_type: &DataType) -> Option<i32> {
    data_type.modifiers.get(1).copied()
}

/// Digits of a second.
fn precision(data_type: &DataType) -> i32 {
    let at = usize::from(data_type.name == "interval");
    data_type.modifiers.get(at).copied().unwrap_or(6)
}

/// The types that drivers treat alike.
fn class(name: &str) -> &str {
    match name {
        "text" | "varchar" => "text",
        other => other,
    }
}

/// Whether clients get another type, or values that were allowed are refused; in words that follow
/// the column's name.
pub(super) fn changes_for_clients(catalog: &Catalog, from: &DataType, to: &DataType) -> Option<String> {
    let (old, new) = (base(catalog, from), base(catalog, to));
    let named = |data_type: &DataType| (data_type.schema.clone(), class(&data_type.name).to_owned());
    if old.array != new.array || named(&old) != named(&new) {
        return Some(format!("becomes {to} where clients expect {from}"));
    }
    let narrower = match new.name.as_str() {
        "varchar" | "text" | "bpchar" | "varbit" => {
            let (old, new) = (old.modifiers.first(), new.modifiers.first());
            new.is_some_and(|new| old.is_none_or(|old| new < old))
        }
        "bit" => old.modifiers != new.modifiers,
        "numeric" => {
            let whole = |found: &DataType| match found.modifiers.as_slice() {
                [precision, scale, ..] => Some(precision - scale),
                _ => None,
            };
            let less = |old: Option<i32>, new: Option<i32>| new.is_some_and(|n| old.is_none_or(|o| n < o));
            less(whole(&old), whole(&new)) || less(scale(&old), scale(&new))
        }
        name if is_time(name) => precision(&new) < precision(&old),
        _ => false,
    };
    narrower.then(|| format!("shrinks from {from} to {to}: values that were allowed are refused or rounded"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: &str, modifiers: &[i32]) -> DataType {
        DataType { modifiers: modifiers.to_vec(), ..DataType::own(name) }
    }

    #[test]
    fn casts_that_lose() {
        let catalog = Catalog::fresh();
        let lossy = [
            (of("numeric", &[10, 4]), of("numeric", &[10, 2])),
            (of("numeric", &[]), of("numeric", &[10, 2])),
            (of("numeric", &[]), of("int4", &[])),
            (of("timestamptz", &[]), of("timestamp", &[])),
            (of("timestamptz", &[]), of("timestamptz", &[0])),
            (of("timestamp", &[3]), of("date", &[])),
        ];
        for (from, to) in lossy {
            assert!(loses(&catalog, &from, &to).is_some(), "{from} to {to}");
            assert!(changes_for_clients(&catalog, &from, &to).is_some(), "{from} to {to}");
        }
        let kept = [
            (of("numeric", &[10, 2]), of("numeric", &[12, 2])),
            (of("text", &[]), of("varchar", &[10])),
            (of("int4", &[]), of("int8", &[])),
            (of("timestamp", &[]), of("timestamptz", &[])),
        ];
        for (from, to) in kept {
            assert_eq!(loses(&catalog, &from, &to), None, "{from} to {to}");
        }
    }
}
