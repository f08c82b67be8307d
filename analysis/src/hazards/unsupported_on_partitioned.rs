//! Statements that a partitioned table refuses.

use super::{Context, Found, HazardInfo, Rule};
use crate::catalog::{PartitionKey, RelId};
use crate::report::Severity;
use crate::simulate::Change;
use crate::syntax::{AlterAction, Ast, Expr, NewConstraint, NewConstraintKind, ObjectKind, ReindexTarget};

pub(super) const RULE: Rule = Rule {
    info: HazardInfo {
        id: "unsupported-on-partitioned",
        title: "the statement is refused on a partitioned table",
        severity: Severity::Medium,
        page: include_str!("../../hazards/unsupported-on-partitioned/page.md"),
    },
    check,
};

fn check(context: &Context<'_>) -> Vec<Found> {
    let Some((table, what)) = refused(context) else { return Vec::new() };
    let name = context.name(table);
    let name = if name.is_empty() { "the table".to_owned() } else { name };
    vec![Found::new(name.clone(), format!("{name} is partitioned: the server refuses {what}"))]
}

fn refused(context: &Context<'_>) -> Option<(RelId, &'static str)> {
    let partitioned = |id: Option<RelId>| id.filter(|id| context.is_partitioned(*id));
    match context.ast {
        Ast::CreateIndex(create) if create.concurrently => {
            Some((partitioned(context.named(&create.table))?, "CREATE INDEX CONCURRENTLY"))
        }
        Ast::Drop(drop) if drop.concurrently && drop.kind == ObjectKind::Index => {
            let dropped = context.changes().find_map(|change| match change {
                Change::IndexDropped { table, .. } => partitioned(Some(*table)),
                _ => None,
            });
            let kept = || {
                let owner = |name| context.after.index(name).found().map(|(table, _)| table);
                drop.names.iter().find_map(|name| partitioned(owner(&name.name)))
            };
            Some((dropped.or_else(kept)?, "DROP INDEX CONCURRENTLY"))
        }
        Ast::Reindex(reindex) if reindex.concurrently && !context.server.has(14) => {
            let table = match &reindex.target {
                ReindexTarget::Table(name) => context.named(name),
                ReindexTarget::Index(name) => context.after.index(name).found().map(|(table, _)| table),
                ReindexTarget::Schema(_) | ReindexTarget::Database => None,
            };
            Some((partitioned(table)?, "REINDEX CONCURRENTLY before PostgreSQL 14"))
        }
        Ast::AlterTable(alter) => {
            let table = partitioned(context.named(&alter.relation))?;
            let what = alter.actions.iter().find_map(|action| by_action(context, table, action))?;
            Some((table, what))
        }
        _ => None,
    }
}

fn by_action(context: &Context<'_>, table: RelId, action: &AlterAction) -> Option<&'static str> {
    match action {
        AlterAction::AddConstraint(added) => by_constraint(context, table, added),
        AlterAction::SetLogged | AlterAction::SetUnlogged if context.server.has(18) => {
            Some("SET LOGGED and SET UNLOGGED from PostgreSQL 18 on")
        }
        _ => None,
    }
}

fn by_constraint(context: &Context<'_>, table: RelId, added: &NewConstraint) -> Option<&'static str> {
    let key = context.relation(table)?.partition_key.as_ref()?;
    match &added.kind {
        NewConstraintKind::UsingIndex { .. } => Some("a constraint USING INDEX"),
        NewConstraintKind::ForeignKey(_) if added.not_valid && !context.server.has(18) => {
            Some("a NOT VALID foreign key before PostgreSQL 18")
        }
        NewConstraintKind::Exclude { .. } if !context.server.has(17) => {
            Some("an exclusion constraint before PostgreSQL 17")
        }
        NewConstraintKind::PrimaryKey { columns, .. } | NewConstraintKind::Unique { columns, .. }
            if !covers(key, columns) =>
        {
            Some("a unique constraint without all columns of the partition key")
        }
        _ => None,
    }
}

/// Whether every key of the partitioning is one of those columns.
fn covers(key: &PartitionKey, columns: &[String]) -> bool {
    key.keys.iter().all(|key| match key {
        Expr::Column(path) => path.last().is_some_and(|name| columns.contains(name)),
        _ => false,
    })
}
