//! Whether an expression may differ from row to row.

use super::Scene;
use crate::builtin;
use crate::catalog::{Catalog, Function, Volatility};
use crate::syntax::{Constant, Expr, QName};

/// How an expression depends on anything but its columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The same for every row of a statement.
    Steady,
    /// It may differ from row to row, because of that function.
    Volatile(String),
    /// It depends on a function or an operator of which nothing is known; with the word.
    Unknown(String),
}

/// Judges an expression by the functions that it calls.
pub(crate) fn verdict(catalog: &Catalog, expression: &Expr) -> Verdict {
    let mut calls: Vec<(QName, usize, Option<Vec<String>>)> = Vec::new();
    let mut unknown = None;
    expression.each(&mut |part| match part {
        Expr::Operator { name, .. } if !is_own_operator(catalog, name) => {
            unknown = unknown.take().or_else(|| Some(format!("operator {name}")));
        }
        // AT TIME ZONE: only of a time of day with a zone it asks for the date.
        Expr::Call { name, args } if name.name == "timezone" && !of_time(args) => {}
        Expr::Call { name, args } => calls.push((name.clone(), args.len(), types(catalog, args))),
        Expr::Deep { .. } | Expr::Query(_) => {
            calls.extend(part.calls().into_iter().map(|(name, count)| (name, count, None)));
        }
        _ => {}
    });
    for (name, count, types) in calls {
        match function(catalog, &name, count, types.as_deref()) {
            Some(Volatility::Volatile) => return Verdict::Volatile(name.to_string()),
            Some(Volatility::Immutable | Volatility::Stable) => {}
            None => unknown = unknown.or_else(|| Some(format!("function {name}"))),
        }
    }
    unknown.map_or(Verdict::Steady, Verdict::Unknown)
}

/// Whether `timezone` may be called with a `time with time zone`.
fn of_time(args: &[Expr]) -> bool {
    let mut found = false;
    args.iter().for_each(|arg| {
        arg.each(&mut |part| {
            found |= match part {
                Expr::Cast { to, .. } => to.name.name == "timetz",
                Expr::Call { name, .. } => name.name == "timetz" || builtin::function(&name.name).is_none(),
                Expr::Value(value) => value == "current_time",
                Expr::Column(_) | Expr::Query(_) | Expr::Deep { .. } => true,
                _ => false,
            };
        });
    });
    found
}

/// Whether an operator is surely one that PostgreSQL brings along, none of which is volatile.
fn is_own_operator(catalog: &Catalog, name: &str) -> bool {
    // `= ANY`, BETWEEN and the like.
    let symbol = name.split(' ').next().unwrap_or(name);
    if symbol.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return true;
    }
    let ending = format!(".{}", crate::catalog::quoted(symbol));
    let made = catalog.others.iter().any(|(kind, name)| kind == "operator" && name.ends_with(&ending));
    builtin::is_operator(symbol) && !made
}

/// The types of arguments, where all of them are written.
fn types(catalog: &Catalog, args: &[Expr]) -> Option<Vec<String>> {
    args.iter()
        .map(|arg| match arg {
            Expr::Cast { to, .. } => Some(catalog.data_type(to).to_string()),
            Expr::Constant(Constant::Number(text)) if text.parse::<i32>().is_ok() => Some("int4".to_owned()),
            Expr::Constant(Constant::Bool(_)) => Some("bool".to_owned()),
            _ => None,
        })
        .collect()
}

/// The volatility of a function with that many arguments: of the worst that may be meant.
fn function(catalog: &Catalog, name: &QName, count: usize, types: Option<&[String]>) -> Option<Volatility> {
    let own = || builtin::function(&name.name);
    match name.schema.as_deref() {
        Some("pg_catalog") => own(),
        Some(_) => catalog.functions_named(name, count, types),
        // pg_catalog is searched first.
        None => {
            own().or_else(|| catalog.functions_named(name, count, types)).or_else(|| extension(&name.name))
        }
    }
}

/// Functions of extensions that come with PostgreSQL, under names that nobody else uses.
fn extension(name: &str) -> Option<Volatility> {
    match name {
        "uuid_generate_v1" | "uuid_generate_v1mc" | "uuid_generate_v4" | "gen_salt" | "gen_random_bytes" => {
            Some(Volatility::Volatile)
        }
        "uuid_nil" | "uuid_ns_dns" | "uuid_ns_url" | "uuid_generate_v3" | "uuid_generate_v5" | "digest"
        | "hmac" => Some(Volatility::Immutable),
        _ => None,
    }
}

/// Whether a function can be called with that many arguments.
fn takes(function: &Function, count: usize) -> bool {
    let most = function.arguments.len();
    let least = most.saturating_sub(function.defaults).saturating_sub(usize::from(function.variadic));
    count >= least && (count <= most || function.variadic)
}

impl Catalog {
    fn functions_named(&self, name: &QName, count: usize, types: Option<&[String]>) -> Option<Volatility> {
        let named = self.function_named(name)?;
        let volatility = |f: &Function| if f.steady_body { Volatility::Stable } else { f.volatility };
        if let Some(exact) = types.and_then(|types| named.iter().find(|f| f.arguments == types)) {
            return Some(volatility(exact));
        }
        named.iter().filter(|f| takes(f, count)).map(volatility).max()
    }
}

impl Scene<'_> {
    /// As [`verdict`], with what is not known noted.
    pub(crate) fn volatility(&mut self, expression: &Expr) -> Verdict {
        let verdict = verdict(self.catalog, expression);
        if let Verdict::Unknown(called) = &verdict {
            self.out.unknown(format!("{called} is not in the catalog: it may be volatile"));
        }
        verdict
    }
}
