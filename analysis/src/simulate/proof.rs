//! What constraints prove, so that the server need not look at the rows.
//!
//! The server's own prover (`predtest.c`) knows more; what is not proved here is said to need a look,
//! never the other way round.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use crate::catalog::{Catalog, ConstraintKind, RelId, Relation};
use crate::syntax::{BoolOp, Bound, BoundValue, Constant, Expr, PartitionStrategy};

/// Whether valid CHECKs of a table prove that a column holds no NULL.
pub(super) fn not_null(table: &Relation, column: &str) -> bool {
    valid_checks(table).any(|expression| never_null(expression).contains(column))
}

fn valid_checks(table: &Relation) -> impl Iterator<Item = &Expr> {
    table.constraints.iter().filter(|c| c.valid && c.enforced).filter_map(|c| match &c.kind {
        ConstraintKind::Check(check) => Some(&check.expression),
        _ => None,
    })
}

/// Columns that are not NULL wherever the expression is not false. A comparison proves nothing: it
/// is NULL for a NULL, and a CHECK lets that pass.
fn never_null(expression: &Expr) -> BTreeSet<String> {
    match expression {
        Expr::IsNull { arg, negated: true } => column_of(arg).into_iter().map(str::to_owned).collect(),
        Expr::Operator { name, args } if name == "is distinct from" => match args.as_slice() {
            [one, Expr::Constant(Constant::Null)] | [Expr::Constant(Constant::Null), one] => {
                column_of(one).into_iter().map(str::to_owned).collect()
            }
            _ => BTreeSet::new(),
        },
        Expr::Bool { op: BoolOp::And, args } => args.iter().flat_map(never_null).collect(),
        Expr::Bool { op: BoolOp::Or, args } => {
            let mut sets = args.iter().map(never_null);
            let first = sets.next().unwrap_or_default();
            sets.fold(first, |common, set| common.intersection(&set).cloned().collect())
        }
        Expr::Bool { op: BoolOp::Not, args } => match args.as_slice() {
            [Expr::IsNull { arg, negated: false }] => column_of(arg).into_iter().map(str::to_owned).collect(),
            _ => BTreeSet::new(),
        },
        _ => BTreeSet::new(),
    }
}

/// The column that an expression is, casts aside.
fn column_of(expression: &Expr) -> Option<&str> {
    match expression {
        Expr::Column(path) => path.last().map(String::as_str),
        Expr::Cast { arg, .. } => column_of(arg),
        _ => None,
    }
}

/// A value that can be compared.
#[derive(Debug, Clone, PartialEq)]
enum Value {
    Number(f64),
    Text(String),
}

impl Value {
    fn of(expression: &Expr) -> Option<Self> {
        match expression {
            Expr::Constant(Constant::Number(text)) => text.parse().ok().map(Self::Number),
            Expr::Constant(Constant::Text(text)) => Some(Self::Text(text.clone())),
            Expr::Cast { arg, .. } => Self::of(arg),
            Expr::Operator { name, args } if name == "-" => match args.as_slice() {
                [one] => match Self::of(one)? {
                    Self::Number(number) => Some(Self::Number(-number)),
                    Self::Text(_) => None,
                },
                _ => None,
            },
            _ => None,
        }
    }

    /// Only values that are surely compared as written: numbers, and texts of one length that look
    /// like dates (`2024-01-01`).
    fn order(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Number(a), Self::Number(b)) => a.partial_cmp(b),
            (Self::Text(a), Self::Text(b)) if a == b => Some(Ordering::Equal),
            (Self::Text(a), Self::Text(b)) if a.len() == b.len() && is_date(a) && is_date(b) => {
                Some(a.cmp(b))
            }
            _ => None,
        }
    }
}

fn is_date(text: &str) -> bool {
    text.len() >= 10
        && text.bytes().enumerate().all(|(at, byte)| match at {
            4 | 7 => byte == b'-',
            10 => byte == b' ' || byte == b'T',
            13 | 16 => byte == b':',
            19 => byte == b'.' || byte == b'+',
            _ => byte.is_ascii_digit(),
        })
}

/// What the constraints of a table say about one column.
#[derive(Debug, Default)]
struct Known {
    not_null: bool,
    /// Lower and upper bounds, each with whether the bound itself is allowed.
    at_least: Vec<(Value, bool)>,
    at_most: Vec<(Value, bool)>,
    /// Only these values.
    one_of: Option<Vec<Value>>,
    only_null: bool,
    /// None of these values.
    none_of: Vec<Value>,
}

fn known(table: &Relation, column: &str) -> Known {
    let mut known = Known { not_null: table.column(column).is_some_and(|c| c.not_null), ..Known::default() };
    for expression in valid_checks(table) {
        learn(expression, column, &mut known);
    }
    if let Some(Bound::List(values)) = table.inheritance.partition.as_ref().map(|p| &p.bound)
        && values.is_empty()
    {
        known.only_null = true;
    }
    known
}

fn learn(expression: &Expr, column: &str, known: &mut Known) {
    match expression {
        Expr::Bool { op: BoolOp::And, args } => args.iter().for_each(|arg| learn(arg, column, known)),
        Expr::Bool { op: BoolOp::Not, args } => {
            if let [Expr::IsNull { arg, negated: false }] = args.as_slice() {
                known.not_null |= column_of(arg) == Some(column);
            }
        }
        Expr::IsNull { arg, negated } if column_of(arg) == Some(column) => {
            if *negated {
                known.not_null = true;
            } else {
                known.only_null = true;
            }
        }
        Expr::Operator { name, args } => compare(name, args, column, known),
        _ => {}
    }
}

fn compare(operator: &str, args: &[Expr], column: &str, known: &mut Known) {
    let [left, right] = args else { return };
    let (operator, value) = if column_of(left) == Some(column) {
        (operator.to_owned(), right)
    } else if column_of(right) == Some(column) {
        (mirrored(operator).to_owned(), left)
    } else {
        return;
    };
    if let Expr::List(values) = value {
        let all: Option<Vec<Value>> = values.iter().map(Value::of).collect();
        match (operator.as_str(), all) {
            ("= any", Some(values)) => known.one_of = Some(values),
            ("<> all", Some(values)) => known.none_of.extend(values),
            ("between", Some(values)) => {
                if let [low, high] = values.as_slice() {
                    known.at_least.push((low.clone(), true));
                    known.at_most.push((high.clone(), true));
                }
            }
            _ => {}
        }
        return;
    }
    let Some(value) = Value::of(value) else { return };
    match operator.as_str() {
        ">=" => known.at_least.push((value, true)),
        ">" => known.at_least.push((value, false)),
        "<=" => known.at_most.push((value, true)),
        "<" => known.at_most.push((value, false)),
        "=" => known.one_of = Some(vec![value]),
        "<>" => known.none_of.push(value),
        _ => {}
    }
}

fn mirrored(operator: &str) -> &str {
    match operator {
        "<" => ">",
        "<=" => ">=",
        ">" => "<",
        ">=" => "<=",
        other => other,
    }
}

/// Whether the constraints of `table` prove that all its rows belong to `bound` of `parent`.
pub(super) fn belongs(catalog: &Catalog, parent: RelId, table: &Relation, bound: &Bound) -> bool {
    let Some(key) = catalog.get(parent).and_then(|parent| parent.partition_key.as_ref()) else {
        return false;
    };
    let Some(columns) = plain(&key.keys) else { return false };
    match (bound, key.strategy, columns.as_slice()) {
        (Bound::Range { from, to }, PartitionStrategy::Range, [column]) => {
            let known = known(table, column);
            known.not_null && within(&known, from.first(), to.first())
        }
        (Bound::List(values), PartitionStrategy::List, [column]) => listed(&known(table, column), values),
        _ => false,
    }
}

fn plain(keys: &[Expr]) -> Option<Vec<&str>> {
    keys.iter().map(column_of).collect()
}

fn within(known: &Known, from: Option<&BoundValue>, to: Option<&BoundValue>) -> bool {
    let low = match from {
        Some(BoundValue::Min) => true,
        Some(BoundValue::Value(value)) => Value::of(value).is_some_and(|low| {
            known
                .at_least
                .iter()
                .any(|(at, _)| matches!(at.order(&low), Some(Ordering::Greater | Ordering::Equal)))
                || all_listed(known, |value| {
                    matches!(value.order(&low), Some(Ordering::Greater | Ordering::Equal))
                })
        }),
        Some(BoundValue::Max) | None => false,
    };
    let high = match to {
        Some(BoundValue::Max) => true,
        Some(BoundValue::Value(value)) => Value::of(value).is_some_and(|high| {
            known.at_most.iter().any(|(at, inclusive)| match at.order(&high) {
                Some(Ordering::Less) => true,
                Some(Ordering::Equal) => !inclusive,
                Some(Ordering::Greater) | None => false,
            }) || all_listed(known, |value| value.order(&high) == Some(Ordering::Less))
        }),
        Some(BoundValue::Min) | None => false,
    };
    low && high
}

fn all_listed(known: &Known, test: impl Fn(&Value) -> bool) -> bool {
    known.one_of.as_ref().is_some_and(|values| !values.is_empty() && values.iter().all(test))
}

fn listed(known: &Known, bound: &[BoundValue]) -> bool {
    let takes_null = bound.iter().any(is_null);
    if known.only_null {
        return takes_null;
    }
    let values: Vec<Value> = bound.iter().filter_map(value_of).collect();
    (known.not_null || takes_null)
        && all_listed(known, |value| values.iter().any(|other| value.order(other) == Some(Ordering::Equal)))
}

fn value_of(bound: &BoundValue) -> Option<Value> {
    match bound {
        BoundValue::Value(value) => Value::of(value),
        BoundValue::Min | BoundValue::Max => None,
    }
}

fn is_null(bound: &BoundValue) -> bool {
    matches!(bound, BoundValue::Value(Expr::Constant(Constant::Null)))
}

/// Whether the constraints of the DEFAULT partition prove that it has no row of a new `bound`.
pub(super) fn excludes(catalog: &Catalog, parent: RelId, default: &Relation, bound: &Bound) -> bool {
    let Some(key) = catalog.get(parent).and_then(|parent| parent.partition_key.as_ref()) else {
        return false;
    };
    let Some(columns) = plain(&key.keys) else { return false };
    let [column] = columns.as_slice() else { return false };
    if valid_checks(default).any(|expression| denies(expression, column, bound)) {
        return true;
    }
    let known = known(default, column);
    match bound {
        Bound::Range { from, to } => outside(&known, from.first(), to.first()),
        Bound::List(values) => {
            let spared = |value: &BoundValue| match value_of(value) {
                Some(value) => {
                    known.none_of.contains(&value)
                        || all_listed(&known, |other| {
                            matches!(other.order(&value), Some(Ordering::Less | Ordering::Greater))
                        })
                }
                None => is_null(value) && known.not_null,
            };
            values.iter().all(spared)
        }
        Bound::Default | Bound::Hash { .. } => false,
    }
}

fn outside(known: &Known, from: Option<&BoundValue>, to: Option<&BoundValue>) -> bool {
    let below = match from.and_then(value_of) {
        Some(low) => known.at_most.iter().any(|(at, inclusive)| match at.order(&low) {
            Some(Ordering::Less) => true,
            Some(Ordering::Equal) => !inclusive,
            Some(Ordering::Greater) | None => false,
        }),
        None => false,
    };
    let above = match to.and_then(value_of) {
        Some(high) => known
            .at_least
            .iter()
            .any(|(at, _)| matches!(at.order(&high), Some(Ordering::Greater | Ordering::Equal))),
        None => false,
    };
    below || above
}

/// `NOT (a >= low AND a < high)`, written out or as its two sides: the new bound, denied.
fn denies(expression: &Expr, column: &str, bound: &Bound) -> bool {
    let Bound::Range { from, to } = bound else { return false };
    let (Some(low), Some(high)) = (from.first().and_then(value_of), to.first().and_then(value_of)) else {
        return false;
    };
    match expression {
        Expr::Bool { op: BoolOp::And, args } => args.iter().any(|arg| denies(arg, column, bound)),
        Expr::Bool { op: BoolOp::Not, args } => args.first().is_some_and(|inner| {
            let mut known = Known::default();
            learn(inner, column, &mut known);
            // Denying something wider denies the bound.
            let wide_low = known.at_least.iter().all(|(at, inclusive)| {
                at.order(&low).is_some_and(|o| o == Ordering::Less || (o.is_eq() && *inclusive))
            });
            let wide_high = known
                .at_most
                .iter()
                .all(|(at, _)| matches!(at.order(&high), Some(Ordering::Greater | Ordering::Equal)));
            let only_bounds = known.one_of.is_none() && known.none_of.is_empty() && !known.only_null;
            only_bounds && covers(inner, column) && wide_low && wide_high
        }),
        Expr::Bool { op: BoolOp::Or, args } => args.iter().all(|arg| {
            let mut known = Known::default();
            learn(arg, column, &mut known);
            outside(&known, from.first(), to.first())
        }),
        _ => false,
    }
}

/// Whether an expression is made of nothing but comparisons of that column.
fn covers(expression: &Expr, column: &str) -> bool {
    match expression {
        Expr::Bool { op: BoolOp::And, args } => args.iter().all(|arg| covers(arg, column)),
        Expr::Operator { args, .. } => args.iter().any(|arg| column_of(arg) == Some(column)),
        Expr::IsNull { arg, negated: true } => column_of(arg) == Some(column),
        _ => false,
    }
}
