//! Whether an expression may differ from row to row.

use super::Scene;
use crate::builtin;
use crate::catalog::{Catalog, Volatility};
use crate::syntax::{Expr, QName};

/// How an expression depends on anything but its columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The same for every row of a statement.
    Steady,
    /// It may differ from row to row, because of that function.
    Volatile(String),
    /// It depends on a function that is in no catalog.
    Unknown(String),
}

/// Judges an expression by the functions that it calls.
pub(crate) fn verdict(catalog: &Catalog, expression: &Expr) -> Verdict {
    let mut unknown = None;
    for (name, count) in expression.calls() {
        match function(catalog, &name, count) {
            Some(Volatility::Volatile) => return Verdict::Volatile(name.to_string()),
            Some(Volatility::Immutable | Volatility::Stable) => {}
            None => unknown = unknown.or(Some(name.to_string())),
        }
    }
    unknown.map_or(Verdict::Steady, Verdict::Unknown)
}

/// The volatility of a function with that many arguments: of the worst that may be meant.
fn function(catalog: &Catalog, name: &QName, count: usize) -> Option<Volatility> {
    let own = || builtin::function(&name.name);
    match name.schema.as_deref() {
        Some("pg_catalog") => own(),
        Some(_) => catalog.functions_named(name, count),
        // pg_catalog is searched first.
        None => own().or_else(|| catalog.functions_named(name, count)).or_else(|| extension(&name.name)),
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

impl Catalog {
    fn functions_named(&self, name: &QName, count: usize) -> Option<Volatility> {
        self.function_named(name)?
            .iter()
            .filter(|f| f.arguments.len() >= count && count + f.defaults >= f.arguments.len())
            .map(|f| f.volatility)
            .max()
    }
}

impl Scene<'_> {
    /// As [`verdict`], with what is not known noted.
    pub(crate) fn volatility(&mut self, expression: &Expr) -> Verdict {
        let verdict = verdict(self.catalog, expression);
        if let Verdict::Unknown(function) = &verdict {
            self.out.unknown(format!("function {function} is not in the catalog: it may be volatile"));
        }
        verdict
    }
}
