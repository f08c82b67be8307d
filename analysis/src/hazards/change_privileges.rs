//! Who may do what: GRANT, REVOKE, owners and roles.

use super::scope::listed;
use super::words::{has_word, words};
use super::{Context, Found, HazardInfo, Rule};
use crate::StatementKind;
use crate::report::Severity;
use crate::simulate::Change;
use crate::syntax::{Ast, Grant, GrantTarget, ObjectKind};

pub(super) const RULE: Rule = Rule {
    info: HazardInfo {
        id: "change-privileges",
        title: "rights that running code relies on may go",
        severity: Severity::Medium,
        page: include_str!("../../hazards/change-privileges/page.md"),
    },
    check,
};

fn check(context: &Context<'_>) -> Vec<Found> {
    if let Ast::Grant(grant) = context.ast {
        return granted(context, grant).into_iter().collect();
    }
    let mut found: Vec<Found> = context
        .changes()
        .filter_map(|change| match change {
            Change::OwnerChanged { object } if context.is_old_object(object) => {
                let name = object.name.clone();
                Some(Found::new(
                    name.clone(),
                    format!("{name} gets another owner, and the old one loses its rights"),
                ))
            }
            _ => None,
        })
        .collect();
    found.extend(role(context));
    found
}

fn granted(context: &Context<'_>, grant: &Grant) -> Option<Found> {
    let objects = existing(context, &grant.target)?;
    let on = listed(&objects);
    let object = objects.first().cloned().unwrap_or_default();
    Some(if grant.revoke {
        Found::new(object, format!("rights on {on} go, which running code may rely on"))
    } else {
        Found::new(object, format!("rights on {on} are given")).as_grave_as(Severity::Info)
    })
}

/// Names of what was there before the script; `None` when nothing was.
fn existing(context: &Context<'_>, target: &GrantTarget) -> Option<Vec<String>> {
    let names: Vec<String> = match target {
        GrantTarget::Relations(names) => {
            let old = names
                .iter()
                .filter(|name| context.after.relation(name).found().is_none_or(|id| context.is_old(id)));
            old.map(|name| context.after.full_name(name).to_string()).collect()
        }
        GrantTarget::Routines(names) => {
            let full = names.iter().map(|name| context.after.new_name(&name.name).to_string());
            full.filter(|name| !context.is_made(ObjectKind::Function, name)).collect()
        }
        GrantTarget::Schemas(names) | GrantTarget::AllIn { schemas: names, .. } => {
            let old = names.iter().filter(|name| !context.is_made(ObjectKind::Schema, name));
            old.cloned().collect()
        }
        GrantTarget::Other => vec!["roles or other objects".to_owned()],
    };
    (!names.is_empty()).then_some(names)
}

fn role(context: &Context<'_>) -> Option<Found> {
    let revokes = context.kind == StatementKind::AlterDefaultPrivileges && has_word(context.text, "revoke");
    let (what, severity) = match context.kind {
        StatementKind::ReassignOwned => ("everything of the role gets another owner", Severity::Medium),
        StatementKind::DropRole => ("whoever logs in as the role is refused", Severity::Medium),
        StatementKind::AlterRole => {
            ("the role may no longer be able to do what running code does", Severity::Medium)
        }
        StatementKind::CreateRole => ("a role is added for the whole cluster", Severity::Info),
        StatementKind::AlterDefaultPrivileges if revokes => {
            ("later objects lack rights that running code may rely on", Severity::Medium)
        }
        StatementKind::AlterDefaultPrivileges => ("later objects get other rights", Severity::Info),
        _ => return None,
    };
    let name = words(context.text)
        .into_iter()
        .skip(2)
        .find(|word| {
            word.quoted
                || !["if", "exists", "by", "in", "for", "role", "user", "privileges"]
                    .contains(&word.text.as_str())
        })
        .map(|word| word.text);
    let object = name.filter(|_| context.kind != StatementKind::AlterDefaultPrivileges);
    let message = match &object {
        Some(name) => format!("{name}: {what}"),
        None => what.to_owned(),
    };
    Some(Found { object, ..Found::of_all(message) }.as_grave_as(severity))
}
