//! The base risk of a statement, and why in plain English. Nothing of the database is known here.

use std::collections::BTreeSet;

use crate::facts::{Circumstance, Facts, Write};
use crate::{Destroyed, Risk, Script, StatementKind};

/// How many reasons are listed one by one; nobody reads more, and plans carry them.
pub const MAX_REASONS: usize = 20;

/// The risk of a whole script: that of its riskiest statement, with the reasons of all of them,
/// weightiest first, each once. Beyond [`MAX_REASONS`] they are only counted.
pub fn assess(script: &Script) -> (Risk, Vec<String>) {
    let findings = script
        .statements
        .iter()
        .flat_map(|statement| statement.reasons.iter().map(|reason| (statement.risk, reason.clone())));
    let (risk, mut reasons) = summed_up(findings.collect());
    if reasons.len() > MAX_REASONS {
        let more = reasons.len() - MAX_REASONS;
        reasons.truncate(MAX_REASONS);
        reasons.push(format!("and {more} more"));
    }
    (risk, reasons)
}

/// The risk of one statement and what makes it so.
pub(crate) fn judge(facts: &Facts) -> (Risk, Vec<String>) {
    let mut findings = Vec::new();
    findings.extend(facts.not_analysed.iter().map(|what| (Risk::Medium, what.clone())));
    findings.extend(facts.destroys.iter().filter_map(|what| lost(facts, what)));
    findings.extend(facts.circumstances.iter().map(|what| circumstance(facts, what)));
    // What is lost or written says more than the kind; a lock comes on top of what is lost.
    if findings.is_empty()
        || facts.kind == StatementKind::AlterTable
        || facts.kind.base_risk() > highest(&findings)
    {
        findings.push((facts.kind.base_risk(), base_reason(facts)));
    }
    summed_up(findings)
}

fn highest(findings: &[(Risk, String)]) -> Risk {
    findings.iter().map(|(risk, _)| *risk).max().unwrap_or(Risk::Low)
}

fn summed_up(mut findings: Vec<(Risk, String)>) -> (Risk, Vec<String>) {
    let risk = highest(&findings);
    findings.sort_by_key(|(risk, _)| std::cmp::Reverse(*risk));
    let mut seen = BTreeSet::new();
    let reasons =
        findings.into_iter().map(|(_, reason)| reason).filter(|reason| seen.insert(reason.clone())).collect();
    (risk, reasons)
}

fn base_reason(facts: &Facts) -> String {
    let subject = subject(facts);
    let space = if subject.is_empty() { "" } else { " " };
    format!("{}{space}{subject} {}", facts.kind.words(), facts.kind.effect())
}

/// The names that a reason speaks of: `orders_idx on orders`, `a, b, c and 2 more`.
fn subject(facts: &Facts) -> String {
    const NAMED: usize = 3;
    if belongs_to_table(facts.kind)
        && let [name, table] = facts.objects.as_slice()
    {
        return format!("{name} on {table}");
    }
    let named = facts.objects.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
    match facts.objects.len().saturating_sub(NAMED) {
        0 => named,
        more => format!("{named} and {more} more"),
    }
}

const fn belongs_to_table(kind: StatementKind) -> bool {
    matches!(
        kind,
        StatementKind::CreateIndex
            | StatementKind::CreateTrigger
            | StatementKind::CreateRule
            | StatementKind::CreatePolicy
            | StatementKind::AlterTrigger
            | StatementKind::AlterPolicy
            | StatementKind::DropTrigger
            | StatementKind::DropRule
            | StatementKind::DropPolicy
    )
}

/// Rows are spoken of by what writes them.
fn lost(facts: &Facts, what: &Destroyed) -> Option<(Risk, String)> {
    let words = facts.kind.words();
    let effect = facts.kind.effect();
    Some(match what {
        Destroyed::Rows(_) => return None,
        Destroyed::Table(name) => (Risk::High, format!("{words} {name} destroys the table and its rows")),
        Destroyed::Column { table, column } => {
            (Risk::High, format!("{words} {table} drops column {column} and its values"))
        }
        Destroyed::Index(name) => (Risk::High, format!("{words} {name} {effect}")),
        Destroyed::Other { kind, name } if kind == "attribute" => {
            (Risk::High, format!("{words} drops attribute {name} and its values"))
        }
        Destroyed::Other { kind, name } if facts.kind == StatementKind::DropOther => {
            (facts.kind.base_risk(), format!("DROP {} {name} {effect}", kind.to_uppercase()))
        }
        Destroyed::Other { name, .. } => (facts.kind.base_risk(), format!("{words} {name} {effect}")),
    })
}

fn circumstance(facts: &Facts, what: &Circumstance) -> (Risk, String) {
    let words = facts.kind.words();
    let subject = subject(facts);
    match what {
        Circumstance::Cascade if facts.kind == StatementKind::Truncate => {
            (Risk::High, format!("TRUNCATE {subject} CASCADE also empties every table that refers to it"))
        }
        Circumstance::Cascade => {
            (Risk::High, format!("{words} {subject} CASCADE also drops whatever depends on it"))
        }
        Circumstance::Writes { how, table, every_row } => written(*how, table, *every_row),
        Circumstance::Upsert(table) => {
            (Risk::Medium, format!("INSERT … ON CONFLICT DO UPDATE changes rows of {table}"))
        }
        Circumstance::BuildsOnline => {
            (Risk::Medium, format!("{words} CONCURRENTLY {subject} reads the whole table while it is in use"))
        }
        Circumstance::PartitionOf(parent) => {
            (Risk::Medium, format!("{words} {subject} PARTITION OF {parent} takes a strong lock on {parent}"))
        }
        Circumstance::Replaces => (Risk::Medium, format!("{words} {subject} may replace one that is in use")),
        Circumstance::RewritesTable => (
            Risk::Medium,
            format!("{words} FULL {subject} rewrites under a lock that blocks reads and writes"),
        ),
        Circumstance::Setting(change) => {
            (Risk::Medium, format!("{change} changes what the rest of the run relies on"))
        }
        Circumstance::Program => {
            (Risk::Medium, format!("{words} PROGRAM runs a program on the server's machine"))
        }
    }
}

fn written(how: Write, table: &str, every_row: bool) -> (Risk, String) {
    match (how, every_row) {
        (Write::Insert, _) => (Risk::Low, format!("INSERT adds rows to {table}")),
        (Write::Update, true) => (Risk::Medium, format!("UPDATE without WHERE changes every row of {table}")),
        (Write::Update, false) => (Risk::Medium, format!("UPDATE changes rows of {table}")),
        (Write::Delete, true) => (Risk::High, format!("DELETE without WHERE removes every row of {table}")),
        (Write::Delete, false) => (Risk::High, format!("DELETE removes rows of {table}")),
        (Write::Truncate, _) => (Risk::High, format!("TRUNCATE removes every row of {table}")),
    }
}
