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
        Expr::Operator { name, args } if !is_steady(catalog, name, args) => {
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

/// The kind under which the catalog lists an operator whose function may differ from row to row, of an extension or not.
pub(crate) const VOLATILE_OPERATOR: &str = "volatile operator";

/// Whether an operator is surely not volatile, as none is that PostgreSQL brings along.
fn is_steady(catalog: &Catalog, name: &str, args: &[Expr]) -> bool {
    // `= ANY`, BETWEEN and the like.
    let symbol = name.split(' ').next().unwrap_or(name);
    if symbol.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return true;
    }
    let ending = format!(".{}", crate::catalog::quoted(symbol));
    let listed =
        |kind: &str| catalog.others.iter().any(|(listed, name)| listed == kind && name.ends_with(&ending));
    if listed(VOLATILE_OPERATOR) {
        return false;
    }
    // An extension of which nothing has been read may have one for any arguments that PostgreSQL has none for.
    let taken = || COMMON.contains(&symbol) && args.iter().all(is_own);
    listed("operator") || builtin::is_operator(symbol) && (!has_unread_extension(catalog) || taken())
}

/// Operators that PostgreSQL has for almost all of its types.
const COMMON: &[&str] = &["+", "-", "*", "/", "%", "||", "=", "<>", "!=", "<", "<=", ">", ">="];

/// Whether the value of an expression is surely of one of PostgreSQL's types.
fn is_own(expression: &Expr) -> bool {
    match expression {
        Expr::Constant(_) | Expr::Value(_) => true,
        Expr::Cast { to, .. } => builtin::is_type(&to.name.name),
        Expr::Call { name, .. } => builtin::function(&name.name).is_some(),
        Expr::Operator { args, .. } => args.iter().all(is_own),
        _ => false,
    }
}

/// Extensions that come with PostgreSQL; none has a volatile operator.
const KNOWN_EXTENSIONS: &[&str] = &[
    "adminpack",
    "amcheck",
    "autoinc",
    "bloom",
    "btree_gin",
    "btree_gist",
    "citext",
    "cube",
    "dblink",
    "dict_int",
    "dict_xsyn",
    "earthdistance",
    "file_fdw",
    "fuzzystrmatch",
    "hstore",
    "insert_username",
    "intagg",
    "intarray",
    "isn",
    "lo",
    "ltree",
    "moddatetime",
    "pageinspect",
    "pg_buffercache",
    "pg_freespacemap",
    "pg_prewarm",
    "pg_stat_statements",
    "pg_surgery",
    "pg_trgm",
    "pg_visibility",
    "pg_walinspect",
    "pgcrypto",
    "pgrowlocks",
    "pgstattuple",
    "plpgsql",
    "postgres_fdw",
    "refint",
    "seg",
    "sslinfo",
    "tablefunc",
    "tcn",
    "tsm_system_rows",
    "tsm_system_time",
    "unaccent",
    "uuid-ossp",
    "xml2",
];

/// Whether there is an extension that no server has told of: one that only a statement creates.
fn has_unread_extension(catalog: &Catalog) -> bool {
    let unread = |name: &String| {
        !KNOWN_EXTENSIONS.contains(&name.as_str()) && !catalog.extension_members.contains_key(name)
    };
    catalog.extensions.iter().any(unread)
}

/// The volatility of whatever function of that name is meant: of the worst of them.
pub(crate) fn of_any(catalog: &Catalog, name: &QName) -> Option<Volatility> {
    let own = || catalog.function_named(name)?.iter().map(|function| function.volatility).max();
    match name.schema.as_deref() {
        Some("pg_catalog") => builtin::function(&name.name),
        Some(_) => own(),
        None => builtin::function(&name.name).max(own()),
    }
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
