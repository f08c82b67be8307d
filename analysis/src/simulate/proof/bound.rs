//! What a bound of a partition demands of its rows, in the words of the server (`get_qual_from_partbound`).

use crate::catalog::{Catalog, PartitionKey, RelId};
use crate::simulate::tree;
use crate::syntax::{BoolOp, Bound, BoundValue, Constant, Expr, PartitionStrategy};

/// The demand of `bound` on the rows of a partition of `parent`. `None` for a hash, and where the parent is not known.
pub(super) fn demand(catalog: &Catalog, parent: RelId, bound: &Bound) -> Option<Expr> {
    let key = catalog.get(parent)?.partition_key.as_ref()?;
    match (bound, key.strategy) {
        (Bound::Range { from, to }, PartitionStrategy::Range) => {
            let mut parts = required(key);
            parts.extend(range(key, from, to));
            Some(joined(BoolOp::And, parts))
        }
        (Bound::List(values), PartitionStrategy::List) => list(key, &values.iter().collect::<Vec<_>>()),
        (Bound::Default, PartitionStrategy::Range) => Some(outside_ranges(key, &siblings(catalog, parent))),
        (Bound::Default, PartitionStrategy::List) => outside_lists(key, &siblings(catalog, parent)),
        _ => None,
    }
}

/// The bounds that the partitions of a table have.
fn siblings(catalog: &Catalog, parent: RelId) -> Vec<&Bound> {
    let children = tree::children(catalog, parent).into_iter();
    let bounds =
        children.filter_map(|child| Some(&catalog.get(child)?.inheritance.partition.as_ref()?.bound));
    bounds.filter(|bound| **bound != Bound::Default).collect()
}

fn joined(op: BoolOp, mut args: Vec<Expr>) -> Expr {
    if args.len() == 1 { args.remove(0) } else { Expr::Bool { op, args } }
}

fn null(key: &Expr, negated: bool) -> Expr {
    Expr::IsNull { arg: Box::new(key.clone()), negated }
}

fn denied(expression: Expr) -> Expr {
    Expr::Bool { op: BoolOp::Not, args: vec![expression] }
}

/// No part of the key of a range is NULL.
fn required(key: &PartitionKey) -> Vec<Expr> {
    key.keys.iter().map(|key| null(key, true)).collect()
}

fn compared(key: &PartitionKey, at: usize, operator: &str, value: &BoundValue) -> Option<Expr> {
    let BoundValue::Value(value) = value else { return None };
    let args = vec![key.keys.get(at)?.clone(), value.clone()];
    Some(Expr::Operator { name: operator.to_owned(), args })
}

fn range(key: &PartitionKey, from: &[BoundValue], to: &[BoundValue]) -> Vec<Expr> {
    let same = |(low, high): &(&BoundValue, &BoundValue)| matches!(low, BoundValue::Value(_)) && low == high;
    let equal = from.iter().zip(to).take_while(same).count();
    let mut parts: Vec<Expr> =
        from.iter().take(equal).enumerate().filter_map(|(at, value)| compared(key, at, "=", value)).collect();
    let lower = |next: Option<&BoundValue>| match next {
        None | Some(BoundValue::Min) => ">=",
        Some(_) => ">",
    };
    let upper = |next: Option<&BoundValue>| if next == Some(&BoundValue::Max) { "<=" } else { "<" };
    for arms in [arms(key, from, equal, &lower), arms(key, to, equal, &upper)] {
        if !arms.is_empty() {
            parts.push(joined(BoolOp::Or, arms));
        }
    }
    parts
}

/// One end of a range: one column beyond its value, those before it at theirs. The operator depends on the next value.
fn arms(
    key: &PartitionKey,
    values: &[BoundValue],
    equal: usize,
    operator: &dyn Fn(Option<&BoundValue>) -> &'static str,
) -> Vec<Expr> {
    let mut arms = Vec::new();
    for (at, value) in values.iter().enumerate().skip(equal) {
        let next = values.get(at + 1);
        let Some(last) = compared(key, at, operator(next), value) else { break };
        let before = values.iter().enumerate().take(at).skip(equal);
        let mut arm: Vec<Expr> = before.filter_map(|(at, value)| compared(key, at, "=", value)).collect();
        arm.push(last);
        arms.push(joined(BoolOp::And, arm));
        if !matches!(next, Some(BoundValue::Value(_))) {
            break;
        }
    }
    arms
}

fn list(key: &PartitionKey, values: &[&BoundValue]) -> Option<Expr> {
    let [column] = key.keys.as_slice() else { return None };
    let takes_null = values.iter().any(|value| is_null(value));
    let plain = values.iter().filter(|value| !is_null(value)).filter_map(|value| match value {
        BoundValue::Value(value) => Some(value.clone()),
        BoundValue::Min | BoundValue::Max => None,
    });
    let plain: Vec<Expr> = plain.collect();
    let null = null(column, !takes_null);
    if plain.is_empty() {
        return Some(null);
    }
    let args = vec![column.clone(), Expr::List(plain)];
    let member = Expr::Operator { name: "= any".to_owned(), args };
    Some(joined(if takes_null { BoolOp::Or } else { BoolOp::And }, vec![null, member]))
}

/// The default partition takes what no other takes; all of it if there is no other.
fn outside_ranges(key: &PartitionKey, others: &[&Bound]) -> Expr {
    let ranges = others.iter().filter_map(|bound| match bound {
        Bound::Range { from, to } => Some(joined(BoolOp::And, range(key, from, to))),
        Bound::Default | Bound::List(_) | Bound::Hash { .. } => None,
    });
    let ranges: Vec<Expr> = ranges.collect();
    if ranges.is_empty() {
        return joined(BoolOp::And, Vec::new());
    }
    let mut parts = required(key);
    parts.push(joined(BoolOp::Or, ranges));
    denied(joined(BoolOp::And, parts))
}

fn outside_lists(key: &PartitionKey, others: &[&Bound]) -> Option<Expr> {
    let values = others.iter().flat_map(|bound| match bound {
        Bound::List(values) => values.as_slice(),
        Bound::Default | Bound::Range { .. } | Bound::Hash { .. } => &[],
    });
    let values: Vec<&BoundValue> = values.collect();
    if values.is_empty() {
        return Some(joined(BoolOp::And, Vec::new()));
    }
    Some(denied(list(key, &values)?))
}

fn is_null(value: &BoundValue) -> bool {
    let BoundValue::Value(value) = value else { return false };
    let mut at = value;
    while let Expr::Cast { arg, .. } = at {
        at = arg;
    }
    matches!(at, Expr::Constant(Constant::Null))
}
