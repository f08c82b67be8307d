//! DROP MATERIALIZED VIEW, and REFRESH … WITH NO DATA.

use super::{Context, Found, HazardInfo, Rule};
use crate::catalog::RelationKind;
use crate::report::Severity;
use crate::simulate::Change;
use crate::syntax::{Ast, ObjectKind};

pub(super) const RULE: Rule = Rule {
    info: HazardInfo {
        id: "drop-materialized-view",
        title: "the stored result and its indexes are gone",
        severity: Severity::Medium,
        page: include_str!("../../hazards/drop-materialized-view/page.md"),
    },
    check,
};

fn check(context: &Context<'_>) -> Vec<Found> {
    if let Ast::Refresh { view, with_data: false, .. } = context.ast {
        return emptied(context, view).into_iter().collect();
    }
    let gone = |change: &Change| match change {
        Change::Dropped { object, implied: false, .. }
            if object.kind == ObjectKind::MaterializedView
                && context.is_old_object(object)
                && !context.is_made_later(ObjectKind::MaterializedView, &object.name) =>
        {
            let name = object.name.clone();
            let message = format!("{name}, its stored result and its indexes are gone");
            Some(Found::new(name, message))
        }
        _ => None,
    };
    context.changes().filter_map(gone).collect()
}

fn emptied(context: &Context<'_>, view: &crate::syntax::QName) -> Option<Found> {
    let id = context.old_table(view)?;
    let before = context.was(id)?;
    let name = before.name.to_string();
    (before.kind == RelationKind::MaterializedView && before.populated).then(|| {
        Found::new(name.clone(), format!("{name} is emptied and cannot be read until it is refreshed"))
    })
}
