//! Whether a change of type needs the values to be converted: `ATColumnChangeRequiresRewrite`.

use crate::catalog::{Catalog, DataType, Domain, TypeDefinition};

/// What a change of type costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Conversion {
    /// The values stay as they are, and indexes too, if they are plain.
    Free,
    /// The values stay as they are; indexes on the column order them by another operator class.
    OtherOperators,
    /// Each value is converted.
    Rewrite,
    /// Free when TimeZone is UTC, which is not known.
    TimeZone,
    /// A type is in no catalog.
    Unknown,
}

/// PostgreSQL's own casts without a function (`pg_cast.castmethod` = b), with whether indexes can be
/// kept because both types order values by the same operator class.
const BINARY: &[(&str, &str, bool)] = &[
    ("varchar", "text", true),
    ("text", "varchar", true),
    ("cidr", "inet", true),
    ("xml", "text", true),
    ("xml", "varchar", true),
    ("xml", "bpchar", false),
    ("text", "bpchar", false),
    ("varchar", "bpchar", false),
    ("bit", "varbit", false),
    ("varbit", "bit", false),
    ("pg_node_tree", "text", true),
];

/// Types that are numbers of objects: each can be read as `oid` or `int4`, and `oid` or `int4` as each.
const OIDS: &[&str] = &[
    "oid",
    "regproc",
    "regprocedure",
    "regoper",
    "regoperator",
    "regclass",
    "regtype",
    "regconfig",
    "regdictionary",
    "regnamespace",
    "regrole",
    "regcollation",
];

/// What changing a column from one type to another costs.
pub(super) fn conversion(catalog: &Catalog, from: &DataType, to: &DataType) -> Conversion {
    if from == to {
        return Conversion::Free;
    }
    if from.schema.is_none() || to.schema.is_none() {
        return Conversion::Unknown;
    }
    // A domain is stored as what it is over; a value of it is not known to keep a limit by itself.
    let (source, was_domain) = match base_of(catalog, from) {
        Some(base) => (base, true),
        None => (from.clone(), false),
    };
    let target = match base_of(catalog, to) {
        Some(_) if constrained(catalog, to) => return Conversion::Rewrite,
        Some(base) => base,
        None => to.clone(),
    };
    if from.array || to.array || source.array || target.array {
        let unlimited = DataType { modifiers: Vec::new(), ..source.clone() };
        return if source == target || unlimited == target { Conversion::Free } else { Conversion::Rewrite };
    }
    let source = if was_domain { DataType { modifiers: Vec::new(), ..source } } else { source };
    plain(catalog, &source, &target)
}

fn plain(catalog: &Catalog, from: &DataType, to: &DataType) -> Conversion {
    let (Some(a), Some(b)) = (from.own_name(), to.own_name()) else {
        return if from.schema == to.schema && from.name == to.name {
            if from.modifiers == to.modifiers || to.modifiers.is_empty() {
                Conversion::Free
            } else {
                Conversion::Rewrite
            }
        } else {
            extension(from, to)
        };
    };
    if a == b {
        return if same_type(a, &from.modifiers, &to.modifiers) {
            Conversion::Free
        } else {
            Conversion::Rewrite
        };
    }
    if ["timestamp", "timestamptz"].contains(&a) && ["timestamp", "timestamptz"].contains(&b) {
        return time_zone(catalog, &from.modifiers, &to.modifiers);
    }
    let kept = BINARY.iter().find(|(x, y, _)| *x == a && *y == b).map(|(_, _, kept)| *kept);
    let oids = (OIDS.contains(&a) || a == "int4") && (OIDS.contains(&b) || b == "int4") && readable(a, b);
    match kept {
        // The length is checked as if the source had none, unless it is the same family of limits.
        Some(kept) => {
            let limit = match (a, b) {
                ("varchar", "varchar") => from.modifiers.clone(),
                _ => Vec::new(),
            };
            if !same_type(b, &limit, &to.modifiers) {
                Conversion::Rewrite
            } else if kept {
                Conversion::Free
            } else {
                Conversion::OtherOperators
            }
        }
        None if oids => {
            if a != "int4" && b != "int4" {
                Conversion::Free
            } else {
                Conversion::OtherOperators
            }
        }
        None => Conversion::Rewrite,
    }
}

/// Between two `reg…` types there is a cast only by way of `oid`, but for the pairs with arguments.
fn readable(a: &str, b: &str) -> bool {
    let general = |name: &str| name == "oid" || name == "int4";
    general(a)
        || general(b)
        || matches!(
            (a, b),
            ("regproc", "regprocedure")
                | ("regprocedure", "regproc")
                | ("regoper", "regoperator")
                | ("regoperator", "regoper")
        )
}

/// citext and text: binary coercible, other operators.
fn extension(from: &DataType, to: &DataType) -> Conversion {
    let text = |t: &DataType| matches!(t.own_name(), Some("text" | "varchar")) && t.modifiers.is_empty();
    let citext = |t: &DataType| t.name == "citext" && !t.array;
    if (citext(from) && text(to)) || (citext(to) && matches!(from.own_name(), Some("text" | "varchar"))) {
        return Conversion::OtherOperators;
    }
    Conversion::Rewrite
}

/// Whether a changed modifier of one type lets every value stay as it is: the support functions
/// `varchar_support`, `numeric_support`, `varbit_support` and those of the date and time types.
fn same_type(name: &str, from: &[i32], to: &[i32]) -> bool {
    if from == to || to.is_empty() {
        return true;
    }
    match name {
        "varchar" | "varbit" => match (from.first(), to.first()) {
            (_, None) => true,
            (Some(from), Some(to)) => to >= from,
            (None, Some(_)) => false,
        },
        "numeric" => match (from, to) {
            (_, []) => true,
            ([precision, scale], [new_precision, new_scale]) => {
                scale == new_scale && new_precision >= precision
            }
            _ => false,
        },
        "timestamp" | "timestamptz" | "time" | "timetz" => match (from.first(), to.first()) {
            (_, None | Some(6..)) => true,
            (Some(from), Some(to)) => to >= from,
            (None, Some(_)) => false,
        },
        "interval" => interval(from, to),
        // char(n) pads: every value is looked at. bit(n) has one length.
        _ => false,
    }
}

/// Fields of an interval, as bits (`INTERVAL_MASK`): year, month, day, hour, minute, second. The least
/// field that is kept must not get larger, nor the fraction of seconds shorter.
fn interval(from: &[i32], to: &[i32]) -> bool {
    const FULL: i32 = 0x7fff;
    const SECOND: i32 = 1 << 12;
    if to.is_empty() {
        return true;
    }
    let least = |modifiers: &[i32]| match modifiers.first().copied() {
        None | Some(FULL) => 0,
        Some(mask) if mask & SECOND != 0 => 0,
        Some(mask) if mask & (1 << 11) != 0 => 1,
        Some(mask) if mask & (1 << 10) != 0 => 2,
        Some(mask) if mask & (1 << 3) != 0 => 3,
        Some(mask) if mask & (1 << 1) != 0 => 4,
        Some(_) => 5,
    };
    let precision = |modifiers: &[i32]| modifiers.get(1).copied();
    let (old, new) = (least(from), least(to));
    let fraction = match (precision(from), precision(to)) {
        (_, None | Some(6..)) => true,
        (Some(from), Some(to)) => to >= from,
        (None, Some(_)) => false,
    };
    new <= old && (old > 0 || fraction)
}

fn time_zone(catalog: &Catalog, from: &[i32], to: &[i32]) -> Conversion {
    if !same_type("timestamp", from, to) {
        return Conversion::Rewrite;
    }
    match catalog.settings.time_zone.as_deref() {
        Some(zone) if is_utc(zone) => Conversion::OtherOperators,
        Some(_) => Conversion::Rewrite,
        None => Conversion::TimeZone,
    }
}

/// Zones without any offset, ever.
pub(super) fn is_utc(zone: &str) -> bool {
    let zone = zone.to_ascii_lowercase();
    let zone = zone.strip_prefix("etc/").unwrap_or(&zone);
    [
        "utc",
        "gmt",
        "uct",
        "zulu",
        "universal",
        "greenwich",
        "gmt0",
        "gmt+0",
        "gmt-0",
        "0",
        "+00",
        "+00:00",
        "<+00>-00",
        "<+00>+00",
    ]
    .contains(&zone)
}

/// What a domain is over in the end; `None` for what is no domain.
fn base_of(catalog: &Catalog, data_type: &DataType) -> Option<DataType> {
    let mut at = domain(catalog, data_type)?.base.clone();
    while let Some(next) = domain(catalog, &at) {
        at = next.base.clone();
    }
    Some(at)
}

fn domain<'c>(catalog: &'c Catalog, data_type: &DataType) -> Option<&'c Domain> {
    if data_type.array {
        return None;
    }
    match catalog.types.get(&data_type.full_name()?) {
        Some(TypeDefinition::Domain(domain)) => Some(domain),
        _ => None,
    }
}

fn constrained(catalog: &Catalog, data_type: &DataType) -> bool {
    let mut at = data_type.clone();
    while let Some(found) = domain(catalog, &at) {
        if found.not_null || !found.checks.is_empty() {
            return true;
        }
        at = found.base.clone();
    }
    false
}

/// Whether values may be lost, and how; in words.
pub(super) fn lossy(from: &DataType, to: &DataType) -> Option<&'static str> {
    let (a, b) = (from.own_name()?, to.own_name()?);
    let limit = |modifiers: &[i32]| modifiers.first().copied().unwrap_or(i32::MAX);
    match (a, b) {
        ("numeric", "numeric") => {
            let scale = |modifiers: &[i32]| modifiers.get(1).copied().unwrap_or(i32::MAX);
            (scale(&to.modifiers) < scale(&from.modifiers))
                .then_some("digits behind the point are rounded away")
        }
        ("numeric" | "float8" | "float4", "int2" | "int4" | "int8") => Some("fractions are rounded away"),
        ("float8" | "numeric", "float4") | ("numeric", "float8") => Some("digits are rounded away"),
        ("timestamp" | "timestamptz", "date") => Some("the time of day is dropped"),
        ("timestamp" | "timestamptz", "time") | ("timestamptz", "timetz") => Some("the date is dropped"),
        ("timestamptz", "timestamp") | ("timetz", "time") => Some("the offset from UTC is dropped"),
        (
            "timestamp" | "timestamptz" | "time" | "timetz",
            "timestamp" | "timestamptz" | "time" | "timetz",
        ) => (limit(&to.modifiers) < limit(&from.modifiers).min(6))
            .then_some("fractions of seconds are rounded away"),
        ("interval", "interval") => {
            (!interval(&from.modifiers, &to.modifiers)).then_some("fields are cut off")
        }
        ("json", "jsonb") => Some("the order and repetition of keys and white space are dropped"),
        ("bpchar", "text" | "varchar") => Some("trailing blanks are dropped"),
        ("inet", "cidr") => Some("host bits are dropped"),
        ("text" | "varchar", "name") => Some("what is longer than 63 bytes is cut off"),
        _ => None,
    }
}
