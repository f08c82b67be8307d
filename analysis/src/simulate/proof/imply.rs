//! Whether one clause implies another: `predicate_implied_by`, in its weak sense. A CHECK holds where it is not false,
//! and so must what it proves.

use super::clause::{Clause, Op};
use super::value::Value;

/// Whether what is to hold is not false wherever what is known is not false.
pub(super) fn implies(known: &Clause, wanted: &Clause) -> bool {
    match (known, wanted) {
        (_, Clause::All(parts)) => parts.iter().all(|part| implies(known, part)),
        (Clause::Any(cases), Clause::Any(parts)) => {
            cases.iter().all(|case| parts.iter().any(|part| implies(case, part)))
        }
        (Clause::All(facts), Clause::Any(parts)) => {
            parts.iter().any(|part| implies(known, part)) || facts.iter().any(|fact| implies(fact, wanted))
        }
        (_, Clause::Any(parts)) => parts.iter().any(|part| implies(known, part)),
        (Clause::All(facts), _) => facts.iter().any(|fact| implies(fact, wanted)),
        (Clause::Any(cases), _) => cases.iter().all(|case| implies(case, wanted)),
        (Clause::Null { of, is }, Clause::Null { of: other, is: wanted }) => of == other && is == wanted,
        (Clause::Compare { of, op, to }, Clause::Compare { of: other, op: wanted, to: than }) => {
            of == other && (op == wanted && to == than || follows(*op, *wanted, than, to))
        }
        (Clause::Same(known), Clause::Same(wanted)) => known == wanted,
        (Clause::Null { .. } | Clause::Compare { .. } | Clause::Same(_) | Clause::Opaque, _) => false,
    }
}

/// Whether one comparison follows from another of the same thing, with `than` and `to` as their values
/// (`BT_implic_table`).
fn follows(known: Op, wanted: Op, than: &Value, to: &Value) -> bool {
    if (known, wanted) == (Op::Eq, Op::Ne) {
        return than.differs(to);
    }
    let Some(order) = than.order(to) else { return false };
    match (known, wanted) {
        (Op::Lt, Op::Lt | Op::Le | Op::Ne) | (Op::Le, Op::Le) | (Op::Eq, Op::Le) => order.is_ge(),
        (Op::Le, Op::Lt | Op::Ne) | (Op::Eq, Op::Lt) => order.is_gt(),
        (Op::Eq, Op::Eq) | (Op::Ne, Op::Ne) => order.is_eq(),
        (Op::Eq, Op::Ne) => order.is_ne(),
        (Op::Gt, Op::Gt | Op::Ge | Op::Ne) | (Op::Ge, Op::Ge) | (Op::Eq, Op::Ge) => order.is_le(),
        (Op::Ge, Op::Gt | Op::Ne) | (Op::Eq, Op::Gt) => order.is_lt(),
        (Op::Lt | Op::Le | Op::Ne, Op::Eq | Op::Ge | Op::Gt)
        | (Op::Ge | Op::Gt, Op::Lt | Op::Le | Op::Eq)
        | (Op::Ne, Op::Lt | Op::Le) => false,
    }
}
