//! What a statement does to the schema, and what that costs: the locks, the work, the losses.
//!
//! One pass, since the parts of a statement build on each other: each step says what it locks and
//! does ([`Effects`]), what has changed ([`Change`], which the hazards look at), and moves the catalog
//! on. The rules are PostgreSQL's own, from its documentation and its sources (`tablecmds.c`,
//! `indexcmds.c`, `heap.c`), and compared with real servers of each major version by the tests.

mod alter;
mod alter_type;
mod cause;
mod change;
mod coercion;
mod columns;
mod constraints;
mod create_table;
mod data;
mod drop;
mod drop_column;
mod effects;
mod foreign_key;
mod index;
mod lock_level;
mod maintenance;
mod marks;
mod naming;
mod objects;
mod partition;
mod proof;
mod rename;
mod routines;
mod scene;
mod sequence;
mod settings;
mod tree;
mod types;
mod view;
mod volatility;

pub(crate) use cause::Cause;
pub(crate) use change::{Change, ObjectRef};
pub(crate) use effects::Effects;
pub(crate) use marks::note;
pub(crate) use routines::is_steady;
pub(crate) use scene::Scene;

use crate::syntax::Ast;

/// Plans a statement without running it: what it reads and writes is locked, and that is all.
pub(crate) fn planned(scene: &mut Scene<'_>, ast: &Ast) {
    match ast {
        Ast::Dml(s) => data::planned(scene, s),
        Ast::CreateTableAs(s) => view::lock_sources(scene, &s.query, true),
        _ => {}
    }
}

/// Carries out one statement on the scene's catalog.
pub(crate) fn statement(scene: &mut Scene<'_>, ast: &Ast) {
    match ast {
        Ast::CreateTable(s) => create_table::create(scene, s),
        Ast::CreateTableAs(s) => view::create_as(scene, s),
        Ast::AlterTable(s) => alter::alter(scene, s),
        Ast::CreateIndex(s) => index::create(scene, s),
        Ast::Reindex(s) => maintenance::reindex(scene, s),
        Ast::CreateView(s) => view::create(scene, s),
        Ast::Refresh { view, concurrently, with_data } => {
            view::refresh(scene, view, *concurrently, *with_data);
        }
        Ast::CreateTrigger(s) => routines::create_trigger(scene, s),
        Ast::CreateRule(s) => routines::create_rule(scene, s),
        Ast::CreatePolicy(s) => routines::create_policy(scene, s),
        Ast::AlterPolicy { table, name, using, check } => {
            routines::alter_policy(scene, table, name, [using.as_ref(), check.as_ref()]);
        }
        Ast::CreateRoutine(s) => routines::create_routine(scene, s),
        Ast::AlterRoutine { name, arguments, volatility } => {
            routines::alter_routine(scene, name, arguments.as_deref(), *volatility);
        }
        Ast::CreateSequence(s) => sequence::create(scene, s),
        Ast::AlterSequence { name, if_exists, owned_by, persistence_only } => {
            sequence::alter(scene, name, *if_exists, owned_by.as_ref(), *persistence_only);
        }
        Ast::CreateType(s) => types::create(scene, s),
        Ast::AlterEnum(s) => types::alter_enum(scene, s),
        Ast::CreateDomain(s) => types::create_domain(scene, s),
        Ast::AlterDomain(s) => types::alter_domain(scene, s),
        Ast::CreateSchema(s) => objects::create_schema(scene, s),
        Ast::CreateExtension(s) => objects::create_extension(scene, s),
        Ast::CreateOperator { name, function } => objects::create_operator(scene, name, function.as_ref()),
        Ast::CreateStatistics { name, if_not_exists, table } => {
            objects::create_statistics(scene, name.as_ref(), *if_not_exists, table.as_ref());
        }
        Ast::AlterStatistics { .. } | Ast::SecurityLabel { .. } | Ast::Execute | Ast::Other => {}
        Ast::Drop(s) => drop::drop(scene, s),
        Ast::Rename(s) => rename::rename(scene, s),
        Ast::SetSchema(s) => rename::set_schema(scene, s),
        Ast::OwnerTo { kind, name } => objects::owner(scene, *kind, name),
        Ast::Truncate(s) => data::truncate(scene, s),
        Ast::LockTable(s) => data::lock_table(scene, s),
        Ast::Vacuum(s) => maintenance::vacuum(scene, s),
        Ast::Cluster { table, index } => maintenance::cluster(scene, table.as_ref(), index.as_deref()),
        Ast::Comment { kind, name } => objects::comment(scene, *kind, name),
        Ast::Grant(s) => objects::grant(scene, s),
        Ast::Setting(s) => settings::set(scene, s),
        Ast::Dml(s) => data::dml(scene, s),
        Ast::Copy(s) => data::copy(scene, s),
        Ast::Do(_) | Ast::Call { .. } => {}
        Ast::Explain { analyze: true, inner } => statement(scene, inner),
        Ast::Explain { analyze: false, inner } | Ast::Prepare { inner } => planned(scene, inner),
        Ast::Publication { tables, all_tables } => objects::publication(scene, tables, *all_tables),
    }
}
