//! What statements use that leaves no trace in the schema: rows that they read and write, bodies of
//! functions.

use super::things::Things;
use crate::analyze::Watched;
use crate::catalog::Catalog;
use crate::parser::plpgsql::{BodyPart, text};
use crate::read::{on_parser_stack, parse_leniently};
use crate::simulate::Change;
use crate::syntax::{Ast, Dml, Query, RoutineBody};

/// Adds what a statement uses.
pub(super) fn used(statement: &Watched<'_>, used: &mut Things) {
    for subject in statement.effects.locks.keys() {
        if let Some(id) = subject.id {
            used.columns(statement.after, id, []);
        }
    }
    for change in &statement.effects.changes {
        if let Change::PrivilegesChanged { object: Some(object), .. } = change
            && let Some(id) = object.relation
        {
            used.columns(statement.after, id, []);
        }
    }
    of_ast(statement.after, statement.ast, used);
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the others leave all that they use in the schema")]
fn of_ast(catalog: &Catalog, ast: &Ast, used: &mut Things) {
    match ast {
        Ast::Dml(dml) => rows(catalog, dml, used),
        Ast::CreateTableAs(s) => query(catalog, &s.query, used),
        Ast::Explain { inner, .. } | Ast::Prepare { inner } => of_ast(catalog, inner, used),
        Ast::Call { name } => used.function(catalog, &name.name),
        Ast::Do(block) => body(catalog, &block.language, &block.body, used),
        Ast::CreateRoutine(routine) => match &routine.body {
            RoutineBody::Text(text) => {
                body(catalog, routine.language.as_deref().unwrap_or("sql"), text, used);
            }
            RoutineBody::Parsed(parsed) => query(catalog, parsed, used),
            RoutineBody::Symbol => {}
        },
        _ => {}
    }
}

/// What runs only when the body is called is used all the same.
fn body(catalog: &Catalog, language: &str, body: &str, used: &mut Things) {
    let Ok(Ok(parts)) = on_parser_stack(|| text(language, body)) else { return };
    for part in parts {
        let BodyPart::Sql { text, .. } = part else { continue };
        for parsed in parse_leniently(&text).parsed {
            if !matches!(parsed.ast, Ast::Do(_) | Ast::CreateRoutine(_)) {
                of_ast(catalog, &parsed.ast, used);
            }
        }
    }
}

fn rows(catalog: &Catalog, dml: &Dml, used: &mut Things) {
    for write in &dml.writes {
        if let Some(id) = catalog.relation(&write.table).found() {
            used.columns(catalog, id, &write.columns);
        }
    }
    let written = dml.writes.iter().map(|write| (&write.table, None));
    let sources = dml.reads.sources.iter().map(|source| (&source.relation, source.alias.as_deref()));
    of_sources(catalog, written.chain(sources), &dml.reads, used);
}

fn query(catalog: &Catalog, read: &Query, used: &mut Things) {
    let sources = read.sources.iter().map(|source| (&source.relation, source.alias.as_deref()));
    of_sources(catalog, sources, read, used);
}

fn of_sources<'a>(
    catalog: &Catalog,
    sources: impl Iterator<Item = (&'a crate::syntax::QName, Option<&'a str>)>,
    read: &Query,
    used: &mut Things,
) {
    for (name, alias) in sources {
        let Some(id) = catalog.relation(name).found() else { continue };
        let Some(relation) = catalog.get(id) else { continue };
        let called = alias.unwrap_or(&name.name);
        let mine = read.columns.iter().filter_map(|path| path.split_last()).filter(|(last, before)| {
            before.last().is_none_or(|of| of == called) && relation.column(last).is_some()
        });
        used.columns(catalog, id, mine.map(|(last, _)| last));
        if read.columns.iter().any(|path| path.last().is_some_and(|last| last == "*")) {
            used.columns(catalog, id, relation.columns.iter().map(|column| &column.name));
        }
    }
    for (name, _) in &read.calls {
        used.function(catalog, &name.name);
    }
}
