//! One way to write an expression, whether a person wrote it or a server prints it.
//!
//! What a server adds (casts of constants, casts that it would make by itself, schemas, parentheses) is
//! left out, and so is what it spells in its own way. Two texts from here that differ mean different
//! things, as far as that can be told without types; the constants of some types (times of day with a
//! zone, for one) are not put in one form.

use super::moment;
use crate::syntax::{BoolOp, Constant, Expr, QName, Query, TypeName};

/// An expression in canonical form.
pub(crate) fn canonical(expression: &Expr) -> String {
    match expression {
        Expr::Column(path) => path.last().cloned().unwrap_or_default(),
        Expr::Constant(constant) => self::constant(constant),
        Expr::Call { name, args } => call(name, args),
        Expr::Operator { name, args } if name == "is distinct from" && args.iter().any(is_null) => {
            let arg = args.iter().find(|arg| !is_null(arg));
            format!("({} is not null)", arg.map_or_else(String::new, canonical))
        }
        Expr::Operator { name, args } if name == "is not distinct from" && args.iter().any(is_null) => {
            let arg = args.iter().find(|arg| !is_null(arg));
            format!("({} is null)", arg.map_or_else(String::new, canonical))
        }
        Expr::Operator { name, args } => operator(name, args),
        Expr::Bool { op, args } => bool(*op, args),
        Expr::IsNull { arg, negated } => {
            format!("({} {})", canonical(arg), if *negated { "is not null" } else { "is null" })
        }
        Expr::Cast { arg, to } => cast(arg, to),
        Expr::Collate { arg, collation } => format!("{} collate {}", canonical(arg), collation.name),
        Expr::List(parts) => format!("[{}]", all(parts)),
        Expr::Value(word) if word == "current_timestamp" => "now()".to_owned(),
        Expr::Value(word) => word.clone(),
        Expr::Query(query) => self::query(query),
        Expr::Other(parts) => format!("…({})", all(parts)),
        Expr::Deep { columns, calls } => referred(columns, calls),
    }
}

const fn is_null(expression: &Expr) -> bool {
    matches!(expression, Expr::Constant(Constant::Null))
}

fn all(parts: &[Expr]) -> String {
    parts.iter().map(canonical).collect::<Vec<_>>().join(", ")
}

/// Numbers and texts look the same: a server prints `-1` as `'-1'::integer`.
fn constant(constant: &Constant) -> String {
    match constant {
        Constant::Null => "null".to_owned(),
        Constant::Bool(truth) => format!("'{truth}'"),
        Constant::Number(number) => format!("'{number}'"),
        Constant::Text(text) => format!("'{}'", value(text).replace('\'', "''")),
        Constant::Bits(bits) => format!("'{}'", bits.trim_start_matches(['b', 'x'])),
        Constant::Parameter => "$".to_owned(),
    }
}

/// The text of a constant as a server would print it for the type that it is likely to be of.
fn value(text: &str) -> String {
    if text.starts_with(['{', '[']) {
        return text.split_whitespace().collect();
    }
    moment::plain(text).or_else(|| interval(text)).or_else(|| uuid(text)).unwrap_or_else(|| text.to_owned())
}

/// A UUID, which is printed in lower case.
fn uuid(text: &str) -> Option<String> {
    let at = |(at, byte): (usize, u8)| match at {
        8 | 13 | 18 | 23 => byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    };
    (text.len() == 36 && text.bytes().enumerate().all(at)).then(|| text.to_ascii_lowercase())
}

/// A length of time of one unit.
fn interval(text: &str) -> Option<String> {
    let (number, unit) = text.split_once(' ')?;
    let number: u64 = number.parse().ok().filter(|number| *number < 1_000_000)?;
    let clock = |seconds: u64| format!("{:02}:{:02}:{:02}", seconds / 3_600, seconds / 60 % 60, seconds % 60);
    let plural = |number: u64, unit: &str| format!("{number} {unit}{}", if number == 1 { "" } else { "s" });
    Some(match unit.strip_suffix('s').unwrap_or(unit) {
        "sec" | "second" => clock(number),
        "min" | "minute" => clock(number * 60),
        "hour" => clock(number * 3_600),
        "day" => plural(number, "day"),
        "week" => plural(number * 7, "day"),
        "mon" | "month" => plural(number, "mon"),
        "year" => plural(number, "year"),
        _ => return None,
    })
}

fn call(name: &QName, args: &[Expr]) -> String {
    let name = match name.name.as_str() {
        "extract" => "date_part",
        "transaction_timestamp" => "now",
        name => name,
    };
    match (name, args) {
        // The server adds or leaves out the schema, by its search_path.
        ("nextval", [sequence]) => format!("nextval({})", sequence_name(sequence)),
        _ => format!("{name}({})", all(args)),
    }
}

fn sequence_name(sequence: &Expr) -> String {
    match sequence {
        Expr::Constant(Constant::Text(text)) => {
            let name = text.rsplit_once('.').map_or(text.as_str(), |(_, name)| name);
            name.trim_matches('"').to_owned()
        }
        Expr::Cast { arg, .. } => sequence_name(arg),
        other => canonical(other),
    }
}

fn operator(name: &str, args: &[Expr]) -> String {
    if let Some((op, compared)) = between(name, args) {
        return bool(op, &compared);
    }
    match (name, args) {
        ("-", [Expr::Constant(Constant::Number(number))]) => format!("'-{number}'"),
        ("= any", [value, list]) => member(value, list, "=", name),
        ("<> all", [value, list]) => member(value, list, "<>", name),
        (_, [one]) => format!("({name} {})", canonical(one)),
        (_, [left, right]) => format!("({} {name} {})", canonical(left), canonical(right)),
        _ => format!("{name}({})", all(args)),
    }
}

/// BETWEEN as the two comparisons that it stands for.
fn between(name: &str, args: &[Expr]) -> Option<(BoolOp, Vec<Expr>)> {
    let (op, operators) = match name {
        "between" => (BoolOp::And, [">=", "<="]),
        "not between" => (BoolOp::Or, ["<", ">"]),
        _ => return None,
    };
    let [value, Expr::List(ends)] = args else { return None };
    let compared = ends.iter().zip(operators).map(|(end, operator)| Expr::Operator {
        name: operator.to_owned(),
        args: vec![value.clone(), end.clone()],
    });
    Some((op, compared.collect()))
}

/// IN with one value is a plain comparison.
fn member(value: &Expr, list: &Expr, plain: &str, name: &str) -> String {
    match elements(list) {
        Some(values) if values.len() == 1 => format!("({} {plain} {})", canonical(value), all(&values)),
        Some(values) => format!("({} {name} [{}])", canonical(value), all(&values)),
        None => format!("({} {name} {})", canonical(value), canonical(list)),
    }
}

/// The values of a list, also of one that is written as the text of an array.
pub(crate) fn elements(list: &Expr) -> Option<Vec<Expr>> {
    match uncast(list) {
        Expr::List(values) => Some(values.clone()),
        Expr::Constant(Constant::Text(text)) => {
            let inner = text.strip_prefix('{')?.strip_suffix('}')?;
            let plain = !inner.contains(['"', '\\', '{']) && !inner.is_empty();
            let value = |value: &str| match value.trim() {
                value if value.eq_ignore_ascii_case("null") => Expr::Constant(Constant::Null),
                value => Expr::Constant(Constant::Text(value.to_owned())),
            };
            plain.then(|| inner.split(',').map(value).collect())
        }
        _ => None,
    }
}

fn uncast(expression: &Expr) -> &Expr {
    match expression {
        Expr::Cast { arg, .. } => uncast(arg),
        other => other,
    }
}

fn bool(op: BoolOp, args: &[Expr]) -> String {
    let word = match op {
        BoolOp::And => " and ",
        BoolOp::Or => " or ",
        BoolOp::Not => return format!("(not {})", all(args)),
    };
    let mut parts = Vec::new();
    flatten(op, args, &mut parts);
    format!("({})", parts.join(word))
}

fn flatten(op: BoolOp, args: &[Expr], parts: &mut Vec<String>) {
    for arg in args {
        match arg {
            Expr::Bool { op: same, args } if *same == op => flatten(op, args, parts),
            Expr::Operator { name, args } => match between(name, args) {
                Some((same, compared)) if same == op => flatten(op, &compared, parts),
                _ => parts.push(canonical(arg)),
            },
            other => parts.push(canonical(other)),
        }
    }
}

/// Types that a server casts to by itself, and prints so.
const BY_ITSELF: [&str; 10] =
    ["text", "varchar", "bpchar", "name", "numeric", "float8", "int8", "timestamp", "timestamptz", "oid"];

fn cast(arg: &Expr, to: &TypeName) -> String {
    let word = to.name.name.as_str();
    match uncast(arg) {
        Expr::Constant(Constant::Text(text)) if word == "bool" => {
            let truth = ["t", "true", "yes", "on", "1"].contains(&text.to_ascii_lowercase().as_str());
            format!("'{truth}'")
        }
        Expr::Constant(_) => canonical(uncast(arg)),
        Expr::Operator { name, args } if name == "-" && args.len() == 1 => canonical(uncast(arg)),
        Expr::List(_) if to.array => canonical(uncast(arg)),
        _ if BY_ITSELF.contains(&word) && !to.array => canonical(arg),
        _ => format!("{}::{word}{}", canonical(arg), if to.array { "[]" } else { "" }),
    }
}

/// What a subquery refers to, wherever in it.
fn query(query: &Query) -> String {
    let sources = sorted(query.sources.iter().map(|source| source.relation.name.clone()));
    format!("query(from {sources}; {})", referred(&query.columns, &query.calls))
}

fn referred(columns: &[Vec<String>], calls: &[(QName, usize)]) -> String {
    let columns = sorted(columns.iter().filter_map(|path| path.last().cloned()));
    let calls = sorted(calls.iter().map(|(name, _)| name.name.clone()));
    format!("columns {columns}; calls {calls}")
}

fn sorted(names: impl Iterator<Item = String>) -> String {
    let names: std::collections::BTreeSet<String> = names.collect();
    names.into_iter().collect::<Vec<_>>().join(", ")
}
