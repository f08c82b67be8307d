//! What an expression demands, in the shape in which the server compares it: NOT pushed down to the comparisons, IN and
//! BETWEEN taken apart (`eval_const_expressions`, `canonicalize_qual`).

use super::value::{Family, Value};
use crate::catalog::{Catalog, Relation, RelationKind, canonical, elements};
use crate::syntax::{BoolOp, Constant, Expr, QName};

/// Lists of more values are not taken apart (`MAX_SAOP_ARRAY_SIZE`).
const MAX_LIST: usize = 100;

/// A demand on a row.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Clause {
    All(Vec<Clause>),
    Any(Vec<Clause>),
    /// Something is or is not NULL.
    Null {
        of: String,
        is: bool,
    },
    /// Something beside a constant.
    Compare {
        of: String,
        op: Op,
        to: Value,
    },
    /// Whatever this text says.
    Same(String),
    /// What cannot be told from anything else.
    Opaque,
}

/// A comparison that an index can answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Op {
    Lt,
    Le,
    Eq,
    Ge,
    Gt,
    Ne,
}

impl Op {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "<" => Self::Lt,
            "<=" => Self::Le,
            "=" => Self::Eq,
            ">=" => Self::Ge,
            ">" => Self::Gt,
            "<>" | "!=" => Self::Ne,
            _ => return None,
        })
    }

    const fn denied(self) -> Self {
        match self {
            Self::Lt => Self::Ge,
            Self::Le => Self::Gt,
            Self::Eq => Self::Ne,
            Self::Ge => Self::Lt,
            Self::Gt => Self::Le,
            Self::Ne => Self::Eq,
        }
    }

    /// The same with its sides changed.
    const fn mirrored(self) -> Self {
        match self {
            Self::Lt => Self::Gt,
            Self::Le => Self::Ge,
            Self::Ge => Self::Le,
            Self::Gt => Self::Lt,
            Self::Eq | Self::Ne => self,
        }
    }
}

impl Clause {
    /// All of them, without an AND in an AND.
    pub(super) fn all(parts: Vec<Self>) -> Self {
        let flat = |part| match part {
            Self::All(parts) => parts,
            part => vec![part],
        };
        let mut parts: Vec<Self> = parts.into_iter().flat_map(flat).collect();
        if parts.len() == 1 { parts.remove(0) } else { Self::All(parts) }
    }

    /// One of them, without an OR in an OR. What all have in common is taken out (`find_duplicate_ors`).
    pub(super) fn any(parts: Vec<Self>) -> Self {
        let flat = |part| match part {
            Self::Any(parts) => parts,
            part => vec![part],
        };
        let mut parts: Vec<Self> = parts.into_iter().flat_map(flat).collect();
        if parts.len() == 1 {
            return parts.remove(0);
        }
        let in_all = |fact: &&Self| !parts.is_empty() && parts.iter().all(|part| part.facts().contains(fact));
        let common: Vec<Self> =
            parts.first().map_or(&[][..], Self::facts).iter().filter(in_all).cloned().collect();
        if common.is_empty() || common.contains(&Self::Opaque) {
            return Self::Any(parts);
        }
        let rest = |part: &Self| part.facts().iter().filter(|fact| !common.contains(fact)).cloned().collect();
        let rests: Vec<Vec<Self>> = parts.iter().map(rest).collect();
        if rests.iter().any(Vec::is_empty) {
            return Self::all(common);
        }
        let mut all = common;
        all.push(Self::any(rests.into_iter().map(Self::all).collect()));
        Self::all(all)
    }

    fn facts(&self) -> &[Self] {
        match self {
            Self::All(parts) => parts,
            other => std::slice::from_ref(other),
        }
    }

    /// Its opposite.
    pub(super) fn denied(self) -> Self {
        match self {
            Self::All(parts) => Self::any(parts.into_iter().map(Self::denied).collect()),
            Self::Any(parts) => Self::all(parts.into_iter().map(Self::denied).collect()),
            Self::Null { of, is } => Self::Null { of, is: !is },
            Self::Compare { of, op: Op::Eq, to: Value::Bool(truth) } => {
                Self::Compare { of, op: Op::Eq, to: Value::Bool(!truth) }
            }
            Self::Compare { of, op, to } => Self::Compare { of, op: op.denied(), to },
            Self::Same(text) => match text.strip_prefix("not ") {
                Some(text) => Self::Same(text.to_owned()),
                None => Self::Same(format!("not {text}")),
            },
            Self::Opaque => Self::Opaque,
        }
    }
}

/// Something that is compared.
pub(super) struct Term {
    pub(super) text: String,
    pub(super) family: Family,
}

/// Reads the expressions of one table.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a> {
    pub(super) catalog: &'a Catalog,
    pub(super) table: &'a Relation,
}

impl Reader<'_> {
    pub(super) fn clause(self, expression: &Expr) -> Clause {
        match expression {
            Expr::Bool { op: BoolOp::And, args } => {
                Clause::all(args.iter().map(|arg| self.clause(arg)).collect())
            }
            Expr::Bool { op: BoolOp::Or, args } => {
                Clause::any(args.iter().map(|arg| self.clause(arg)).collect())
            }
            Expr::Bool { op: BoolOp::Not, args } => match args.as_slice() {
                [arg] => self.clause(arg).denied(),
                _ => Clause::Opaque,
            },
            Expr::IsNull { arg, negated } => self.null(arg, !negated),
            Expr::Operator { name, args } => self.operator(name, args, expression),
            Expr::Constant(Constant::Bool(true)) => Clause::All(Vec::new()),
            Expr::Constant(Constant::Bool(false)) => Clause::Any(Vec::new()),
            Expr::Column(_) => match self.term(expression) {
                Some(Term { text, .. }) => Clause::Compare { of: text, op: Op::Eq, to: Value::Bool(true) },
                None => Clause::Opaque,
            },
            other => self.same(other),
        }
    }

    fn same(self, expression: &Expr) -> Clause {
        if is_told_apart(expression) { Clause::Same(canonical(expression)) } else { Clause::Opaque }
    }

    fn null(self, of: &Expr, is: bool) -> Clause {
        match of {
            // Of a row each value is looked at; the column that a NOT NULL speaks of is looked at as a whole.
            Expr::Column(_) if self.is_row(of) => Clause::Opaque,
            of => self.tested(of).map_or(Clause::Opaque, |of| Clause::Null { of, is }),
        }
    }

    fn is_row(self, column: &Expr) -> bool {
        let Expr::Column(path) = column else { return false };
        let data_type =
            path.last().and_then(|name| self.table.column(name)).and_then(|c| c.data_type.as_ref());
        data_type
            .filter(|data_type| !data_type.array)
            .and_then(|data_type| data_type.full_name())
            .is_some_and(|name| {
                let named = QName { schema: Some(name.schema.clone()), ..QName::bare(&name.name) };
                self.catalog.find(&named).is_some_and(|relation| relation.kind != RelationKind::Sequence)
            })
    }

    /// What IS NULL asks about: a cast asks about another value than the column.
    pub(super) fn tested(self, expression: &Expr) -> Option<String> {
        match expression {
            Expr::Column(path) => path.last().cloned(),
            Expr::Cast { arg, to } => match self.tested(arg) {
                Some(of) if self.is_of(arg, &self.catalog.data_type(to).to_string()) => Some(of),
                of => of.map(|of| format!("{of}::{}", to.name.name)),
            },
            other => is_told_apart(other).then(|| canonical(other)),
        }
    }

    /// Whether a cast to that type does nothing.
    fn is_of(self, column: &Expr, data_type: &str) -> bool {
        self.family(column).is_some_and(|(_, own)| own == data_type)
    }

    fn family(self, column: &Expr) -> Option<(Family, String)> {
        let Expr::Column(path) = column else { return None };
        let column = self.table.column(path.last()?)?;
        let data_type = column.data_type.as_ref()?;
        let collation = column.collation.as_deref().unwrap_or("default");
        let family = match Family::of(data_type, collation == "C" || collation == "POSIX", self.catalog) {
            // It may take texts that differ for the same.
            Family::Word { bytes: false } if collation != "default" => Family::Other,
            family => family,
        };
        Some((family, data_type.to_string()))
    }

    /// What an operator compares, with the casts that only rename a type left out.
    pub(super) fn term(self, expression: &Expr) -> Option<Term> {
        let family = |of: &Expr| self.family(of).map_or(Family::Unknown, |(family, _)| family);
        match expression {
            Expr::Constant(_) => None,
            Expr::Cast { arg, to } if to.name.name == "text" && !to.array => match family(arg) {
                Family::Word { .. } => self.term(arg),
                _ => Some(Term { text: format!("{}::text", self.tested(arg)?), family: Family::WORD }),
            },
            expression => Some(Term { text: self.tested(expression)?, family: family(expression) }),
        }
    }

    fn operator(self, name: &str, args: &[Expr], whole: &Expr) -> Clause {
        match (name, args) {
            (
                "is distinct from",
                [one, Expr::Constant(Constant::Null)] | [Expr::Constant(Constant::Null), one],
            ) => self.null(one, false),
            (
                "is not distinct from",
                [one, Expr::Constant(Constant::Null)] | [Expr::Constant(Constant::Null), one],
            ) => self.null(one, true),
            ("between", [one, Expr::List(ends)]) => match ends.as_slice() {
                [low, high] => {
                    Clause::all(vec![self.compared(one, Op::Ge, low), self.compared(one, Op::Le, high)])
                }
                _ => Clause::Opaque,
            },
            ("not between", [one, Expr::List(ends)]) => match ends.as_slice() {
                [low, high] => {
                    Clause::any(vec![self.compared(one, Op::Lt, low), self.compared(one, Op::Gt, high)])
                }
                _ => Clause::Opaque,
            },
            (_, [one, list]) if name.ends_with(" any") || name.ends_with(" all") => {
                self.listed(name, one, list).unwrap_or_else(|| self.same(whole))
            }
            (_, [left, right]) => match Op::named(name) {
                Some(op) if is_constant(left) => self.compared(right, op.mirrored(), left),
                Some(op) => self.compared(left, op, right),
                None => self.same(whole),
            },
            _ => self.same(whole),
        }
    }

    /// `= ANY (…)` and the like, taken apart.
    fn listed(self, name: &str, one: &Expr, list: &Expr) -> Option<Clause> {
        let (symbol, how) = name.rsplit_once(' ')?;
        let op = Op::named(symbol)?;
        let values = elements(list).filter(|values| values.len() <= MAX_LIST)?;
        let parts = values.iter().map(|value| self.compared(one, op, value)).collect();
        Some(if how == "any" { Clause::any(parts) } else { Clause::all(parts) })
    }

    pub(super) fn compared(self, one: &Expr, op: Op, value: &Expr) -> Clause {
        // Beside a truth a condition stands for itself.
        if let (Expr::Constant(Constant::Bool(truth)), Op::Eq | Op::Ne) = (value, op)
            && !matches!(one, Expr::Column(_))
        {
            let clause = self.clause(one);
            return if *truth == (op == Op::Eq) { clause } else { clause.denied() };
        }
        let compared = || {
            let term = self.term(one)?;
            let to = Value::of(value, term.family, &self.catalog.settings)?;
            Some(match (op, to) {
                (Op::Ne, Value::Bool(truth)) => {
                    Clause::Compare { of: term.text, op: Op::Eq, to: Value::Bool(!truth) }
                }
                (op, to) => Clause::Compare { of: term.text, op, to },
            })
        };
        compared().unwrap_or_else(|| {
            let whole = Expr::List(vec![one.clone(), value.clone()]);
            // The constant of a bound is made one of the key's type; that of a CHECK need not be.
            if is_told_apart(&whole) && !is_constant(value) {
                Clause::Same(format!("{op:?} {}", canonical(&whole)))
            } else {
                Clause::Opaque
            }
        })
    }
}

fn is_constant(expression: &Expr) -> bool {
    match expression {
        Expr::Constant(_) => true,
        Expr::Cast { arg, .. } => is_constant(arg),
        Expr::Operator { name, args } => name == "-" && args.len() == 1 && args.iter().all(is_constant),
        _ => false,
    }
}

/// Whether two expressions that are written alike are the same: no part was left out when it was read.
fn is_told_apart(expression: &Expr) -> bool {
    let mut apart = true;
    expression
        .each(&mut |part| apart &= !matches!(part, Expr::Other(_) | Expr::Deep { .. } | Expr::Query(_)));
    apart
}
