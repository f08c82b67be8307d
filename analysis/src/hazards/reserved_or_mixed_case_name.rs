//! New names that have to be quoted.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use super::scope::made_by;
use super::{Context, Found, HazardInfo, Rule};
use crate::report::Severity;
use crate::syntax::{AlterAction, Ast, ColumnConstraint, ColumnDefinition, NewConstraint, ObjectKind};

pub(super) const RULE: Rule = Rule {
    info: HazardInfo {
        id: "reserved-or-mixed-case-name",
        title: "the name must be quoted everywhere for ever",
        severity: Severity::Info,
        page: include_str!("../../hazards/reserved-or-mixed-case-name/page.md"),
    },
    check,
};

/// Reserved, also where a function or type may have the name: `pg_get_keywords()`, catcode R and T.
const RESERVED: &str = "
    all analyse analyze and any array as asc asymmetric authorization binary both case cast check collate
    collation column concurrently constraint create cross current_catalog current_date current_role
    current_schema current_time current_timestamp current_user default deferrable desc distinct do else
    end except false fetch for foreign freeze from full grant group having ilike in initially inner
    intersect into is isnull join lateral leading left like limit localtime localtimestamp natural not
    notnull null offset on only or order outer overlaps placing primary references returning right select
    session_user similar some symmetric system_user table tablesample then to trailing true union unique
    user using variadic verbose when where window with
";

static WORDS: LazyLock<BTreeSet<&str>> = LazyLock::new(|| RESERVED.split_whitespace().collect());

fn check(context: &Context<'_>) -> Vec<Found> {
    let mut names: Vec<String> = new_names(context).into_iter().filter(|name| needs_quotes(name)).collect();
    names.sort();
    names.dedup();
    names
        .into_iter()
        .map(|name| Found::new(name.clone(), format!("\"{name}\" has to be written in quotes everywhere")))
        .collect()
}

fn needs_quotes(name: &str) -> bool {
    let plain = name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'$');
    if plain {
        return WORDS.contains(name);
    }
    // Letters outside of ASCII need no quotes while they are lower case.
    let letters = name.chars().all(|c| c.is_ascii() || (c.is_alphabetic() && !c.is_uppercase()));
    let ascii: String = name.chars().filter(char::is_ascii).collect();
    let rest = ascii.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'$');
    let first = name.starts_with(|c: char| !c.is_ascii_digit() && c != '$');
    !(letters && rest && first) || WORDS.contains(name)
}

fn new_names(context: &Context<'_>) -> Vec<String> {
    let mut found: Vec<String> =
        made_by(context.ast).map(|(_, name)| name.name.clone()).into_iter().collect();
    match context.ast {
        Ast::CreateTable(create) => {
            create.columns.iter().for_each(|column| of_column(column, &mut found));
            create.constraints.iter().for_each(|constraint| of_constraint(constraint, &mut found));
        }
        Ast::AlterTable(alter) => alter.actions.iter().for_each(|action| match action {
            AlterAction::AddColumn { column, .. } => of_column(column, &mut found),
            AlterAction::AddConstraint(constraint) => of_constraint(constraint, &mut found),
            _ => {}
        }),
        Ast::CreateIndex(create) => found.extend(create.name.clone()),
        Ast::CreateSchema(create) => found.extend(create.name.clone()),
        Ast::CreateView(create) => found.extend(create.columns.iter().cloned()),
        Ast::CreateTableAs(create) => found.extend(create.columns.iter().cloned()),
        Ast::Rename(rename) if is_named_by_code(rename.kind) => found.push(rename.to.clone()),
        _ => {}
    }
    found
}

const fn is_named_by_code(kind: ObjectKind) -> bool {
    !matches!(
        kind,
        ObjectKind::Trigger | ObjectKind::Policy | ObjectKind::Rule | ObjectKind::Role | ObjectKind::Database
    )
}

fn of_column(column: &ColumnDefinition, found: &mut Vec<String>) {
    found.push(column.name.clone());
    for constraint in &column.constraints {
        if let ColumnConstraint::Constraint(constraint) = constraint {
            of_constraint(constraint, found);
        }
    }
}

fn of_constraint(constraint: &NewConstraint, found: &mut Vec<String>) {
    found.extend(constraint.name.clone());
}
