//! Upkeep, settings, locks, code that can't be looked into, and the rest.

use pg_query::{NodeEnum, protobuf};
use protobuf::{DiscardMode, ReindexObjectType, VariableSetKind};

use super::names::{self, dotted, idents, relations};
use crate::StatementKind as Kind;
use crate::facts::{Circumstance, Facts};

/// Settings that the run itself relies on: who it is, whether triggers and foreign keys work,
/// what its transactions are.
const RELIED_ON: &[&str] = &[
    "role",
    "session_authorization",
    "session_replication_role",
    "default_transaction_isolation",
    "default_transaction_read_only",
    "default_transaction_deferrable",
];

/// Limits that keep a run from blocking others for ever. Another limit is a choice; none is not.
const LIMITS: &[&str] =
    &["lock_timeout", "statement_timeout", "transaction_timeout", "idle_in_transaction_session_timeout"];

pub(super) fn facts(node: &NodeEnum) -> Option<Facts> {
    upkeep(node).or_else(|| opaque(node)).or_else(|| session(node))
}

fn upkeep(node: &NodeEnum) -> Option<Facts> {
    Some(match node {
        NodeEnum::VacuumStmt(s) if s.is_vacuumcmd => {
            let full = names::option(&s.options, "full") == Some(true);
            Facts::new(Kind::Vacuum, names::all(&s.rels))
                .never("VACUUM")
                .with_if(full, Circumstance::RewritesTable)
        }
        NodeEnum::VacuumStmt(s) => Facts::new(Kind::Analyze, names::all(&s.rels)),
        NodeEnum::ReindexStmt(s) => reindex(s),
        NodeEnum::ClusterStmt(s) => Facts::new(Kind::Cluster, relations(s.relation.as_ref()))
            .never_if(s.relation.is_none(), "CLUSTER of every table"),
        NodeEnum::RefreshMatViewStmt(s) => {
            Facts::new(Kind::RefreshMaterializedView, relations(s.relation.as_ref()))
        }
        NodeEnum::CheckPointStmt(_) => Facts::new(Kind::Checkpoint, Vec::new()),
        NodeEnum::LockStmt(s) => Facts::new(Kind::Lock, names::all(&s.relations)),
        _ => return None,
    })
}

fn reindex(statement: &protobuf::ReindexStmt) -> Facts {
    let mut objects = relations(statement.relation.as_ref());
    objects.extend(idents(&statement.name));
    let facts = Facts::new(Kind::Reindex, objects);
    if names::option(&statement.params, "concurrently") == Some(true) {
        return facts.never("REINDEX CONCURRENTLY").with(Circumstance::BuildsOnline);
    }
    match statement.kind() {
        ReindexObjectType::ReindexObjectSchema => facts.never("REINDEX SCHEMA"),
        ReindexObjectType::ReindexObjectSystem => facts.never("REINDEX SYSTEM"),
        ReindexObjectType::ReindexObjectDatabase => facts.never("REINDEX DATABASE"),
        _ => facts,
    }
}

/// Code that only the server can look into.
fn opaque(node: &NodeEnum) -> Option<Facts> {
    Some(match node {
        NodeEnum::DoStmt(_) => Facts::new(Kind::DoBlock, Vec::new()).not_analysed("DO block"),
        NodeEnum::CallStmt(s) => {
            let name = s.funccall.as_ref().map(|call| dotted(&call.funcname)).unwrap_or_default();
            let what = format!("CALL of {name}");
            Facts::new(Kind::Call, vec![name]).not_analysed(&what)
        }
        NodeEnum::LoadStmt(s) => {
            Facts::new(Kind::Load, vec![s.filename.clone()]).not_analysed("LOAD of a library")
        }
        _ => return None,
    })
}

fn session(node: &NodeEnum) -> Option<Facts> {
    Some(match node {
        NodeEnum::VariableSetStmt(s) => set(s),
        NodeEnum::VariableShowStmt(s) => Facts::new(Kind::Show, vec![s.name.clone()]),
        NodeEnum::ConstraintsSetStmt(s) => Facts::new(Kind::SetConstraints, names::all(&s.constraints)),
        NodeEnum::DiscardStmt(s) => {
            let all = s.target() == DiscardMode::DiscardAll;
            Facts::new(Kind::Discard, Vec::new()).never_if(all, "DISCARD ALL")
        }
        NodeEnum::DeallocateStmt(s) => Facts::new(Kind::Deallocate, idents(&s.name)),
        NodeEnum::NotifyStmt(s) => Facts::new(Kind::Notify, idents(&s.conditionname)),
        NodeEnum::ListenStmt(s) => Facts::new(Kind::Listen, idents(&s.conditionname)),
        NodeEnum::UnlistenStmt(s) => Facts::new(Kind::Listen, idents(&s.conditionname)),
        _ => return None,
    })
}

fn set(statement: &protobuf::VariableSetStmt) -> Facts {
    let resets_all = statement.kind() == VariableSetKind::VarResetAll;
    let name = if resets_all { "ALL" } else { statement.name.as_str() };
    let resets = resets_all || statement.kind() == VariableSetKind::VarReset;
    let is_one_of = |names: &[&str]| names.iter().any(|one| name.eq_ignore_ascii_case(one));
    let matters = resets_all || is_one_of(RELIED_ON) || (is_one_of(LIMITS) && !sets_some(statement));
    let change = format!("{} {name}", if resets { "RESET" } else { "SET" });
    Facts::new(Kind::Set, vec![name.to_owned()]).with_if(matters, Circumstance::Setting(change))
}

/// Whether the value is anything but zero (which means no limit) and the server's default.
fn sets_some(statement: &protobuf::VariableSetStmt) -> bool {
    let is_zero = |text: &str| text.trim_start_matches('0').chars().all(char::is_alphabetic);
    match statement.args.first().and_then(|value| value.node.as_ref()) {
        Some(NodeEnum::AConst(value)) => match &value.val {
            Some(protobuf::a_const::Val::Ival(number)) => number.ival != 0,
            Some(protobuf::a_const::Val::Sval(text)) => !is_zero(text.sval.trim()),
            _ => true,
        },
        _ => false,
    }
}
