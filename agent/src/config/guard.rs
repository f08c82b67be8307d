//! The section `guard`: what this agent does not run, whoever asks.

use std::collections::BTreeSet;

use jiff::tz::TimeZone;
use pgbelay_analysis::{FunctionName, Guarded, Risk, StatementKind, nearest};

use super::MAX_IDENTIFIER_BYTES;
use super::fields::Fields;
use super::hours::Hours;

/// What an agent does not run. The controller cannot loosen it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuardRules {
    /// Nothing is run: it only looks and takes backups.
    pub read_only: bool,
    /// No statement of more risk, by what its text tells.
    pub max_risk: Risk,
    /// When runs may start; `None`: always.
    pub hours: Option<Hours>,
    /// Kinds of statements that are not run.
    pub deny: BTreeSet<StatementKind>,
    /// What is run although it reaches outside the database.
    pub allow: BTreeSet<Guarded>,
    /// Extensions that may be created and updated.
    pub extensions: Extensions,
    /// Functions that may not be called.
    pub functions: Vec<FunctionName>,
    /// Roles whose sessions a run may end when they block it, where policy asks for that (`cancel_blockers_after`).
    /// The one who waits for locks looks here.
    pub cancel_blockers_of: Vec<String>,
}

/// Which extensions may be created and updated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Extensions {
    /// Those that the server calls trusted.
    Trusted,
    /// These.
    Only(BTreeSet<String>),
    /// Any.
    All,
}

impl Default for GuardRules {
    fn default() -> Self {
        Self {
            read_only: false,
            max_risk: Risk::High,
            hours: None,
            deny: BTreeSet::new(),
            allow: BTreeSet::new(),
            extensions: Extensions::Trusted,
            functions: Vec::new(),
            cancel_blockers_of: Vec::new(),
        }
    }
}

/// Keys that take a list.
pub(super) const LISTS: [&str; 5] =
    ["guard.deny", "guard.allow", "guard.extensions", "guard.functions", "guard.cancel_blockers_of"];

pub(super) fn guard(fields: &mut Fields) -> GuardRules {
    let none = GuardRules::default();
    let read_only = fields.optional("guard.read_only", "must be true or false", |text| text.parse().ok());
    let max_risk = fields.optional("guard.max_risk", "must be low, medium or high", |text| text.parse().ok());
    let hours = hours(fields);
    let deny = fields
        .list("guard.deny", |text| one_of(text, "kind of statement", StatementKind::ALL, |k| k.as_str()));
    let allow =
        fields.list("guard.allow", |text| one_of(text, "guarded thing", Guarded::ALL, |g| g.as_str()));
    let extensions = fields.list("guard.extensions", name);
    let functions = fields.list("guard.functions", function);
    let cancel_blockers_of = fields.list("guard.cancel_blockers_of", name);
    GuardRules {
        read_only: read_only.unwrap_or(none.read_only),
        max_risk: max_risk.unwrap_or(none.max_risk),
        hours,
        deny: deny.unwrap_or_default().into_iter().collect(),
        allow: allow.unwrap_or_default().into_iter().collect(),
        extensions: match extensions {
            None => Extensions::Trusted,
            Some(names) if names.iter().any(|name| name == "*") => Extensions::All,
            Some(names) => Extensions::Only(names.into_iter().collect()),
        },
        functions: functions.unwrap_or_default(),
        cancel_blockers_of: cancel_blockers_of.unwrap_or_default(),
    }
}

fn hours(fields: &mut Fields) -> Option<Hours> {
    let zone = "must be a time zone by its name, for example Europe/Berlin";
    let zone = fields.optional("guard.time_zone", zone, |text| TimeZone::get(text).ok());
    let rule = "must be days and hours of the week, for example Mon-Fri 22:00-06:00, Sat-Sun";
    fields.optional("guard.hours", rule, |text| Hours::read(text, zone.unwrap_or(TimeZone::UTC)))
}

/// One of a closed list of names. Never says what was given, but what was perhaps meant.
fn one_of<T: Copy>(text: &str, what: &str, all: &[T], name: impl Fn(T) -> &'static str) -> Result<T, String> {
    let found = all.iter().copied().find(|one| name(*one) == text);
    found.ok_or_else(|| {
        let meant = nearest(text, all.iter().map(|one| name(*one)));
        let meant = meant.map(|meant| format!(": did you mean {meant}?")).unwrap_or_default();
        format!("is not the name of a {what}{meant}")
    })
}

fn name(text: &str) -> Result<String, String> {
    let fits = !text.is_empty() && text.len() <= MAX_IDENTIFIER_BYTES && !text.contains('\0');
    fits.then(|| text.to_owned()).ok_or_else(|| "must be a name of at most 63 bytes".to_owned())
}

fn function(text: &str) -> Result<FunctionName, String> {
    let parts: Option<Vec<_>> = text.split('.').map(|part| name(part).ok()).collect();
    let rule = "must be the name of a function, with its schema or without, and without arguments";
    match parts.filter(|_| !text.contains(['(', ')', ' '])).as_deref() {
        Some([own]) => Ok(FunctionName { schema: None, name: own.clone() }),
        Some([schema, own]) => Ok(FunctionName { schema: Some(schema.clone()), name: own.clone() }),
        Some(_) | None => Err(rule.to_owned()),
    }
}
