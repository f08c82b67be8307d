//! Functions, triggers, rules, policies.

use std::collections::BTreeSet;

use super::alter_type::speaks_of;
use super::view::{self, table_or_view};
use super::{Change, ObjectRef, Scene, drop, tree};
use crate::catalog::{
    Catalog, Function, Lookup, Name, Policy, RelId, RelationKind, Rule, Trigger, ViewUse, Volatility,
};
use crate::report::LockMode;
use crate::syntax::{
    CreatePolicy, CreateRoutine, CreateRule, CreateTrigger, Drop, Expr, ObjectKind, ObjectName, QName,
    Rename, RoutineBody, TypeName,
};

pub(super) fn create_trigger(scene: &mut Scene<'_>, statement: &CreateTrigger) {
    if statement.replace {
        scene.needs(14, "CREATE OR REPLACE TRIGGER");
    }
    let Some(id) = table_or_view(scene, &statement.table, LockMode::ShareRowExclusiveLock) else { return };
    let partitioned = scene.catalog.get(id).is_some_and(|table| table.kind == RelationKind::Partitioned);
    let family = if partitioned && statement.row { scene.reached(id, false) } else { vec![id] };
    scene.lock_all(&family, LockMode::ShareRowExclusiveLock);
    if let Some(from) = &statement.from {
        super::alter::other(scene, from, LockMode::AccessShareLock);
    }
    let mut columns: BTreeSet<String> = statement.columns.iter().cloned().collect();
    if let Some(when) = &statement.when {
        columns.extend(when.column_paths().iter().filter_map(|path| path.last().cloned()));
        // The whole row is no column.
        columns.remove("*");
    }
    let trigger = Trigger {
        name: statement.name.clone(),
        function: statement.function.name.clone(),
        events: statement.events.iter().map(|event| (*event).to_owned()).collect(),
        columns,
        row: statement.row,
        enabled: true,
    };
    for member in family {
        scene.catalog.change(member, |table| {
            table.triggers.retain(|other| other.name != trigger.name);
            table.triggers.push(trigger.clone());
        });
    }
    scene.change(Change::TriggerCreated { table: id, trigger: statement.name.clone() });
}

pub(super) fn create_rule(scene: &mut Scene<'_>, statement: &CreateRule) {
    let Some(id) = table_or_view(scene, &statement.table, LockMode::AccessExclusiveLock) else { return };
    let own = scene.catalog.relation(&statement.table);
    for source in &statement.uses.sources {
        if scene.catalog.relation(&source.relation) != own && !is_row(&source.relation) {
            let written = statement.writes.contains(&source.relation);
            let mode = if written { LockMode::RowExclusiveLock } else { LockMode::AccessShareLock };
            super::alter::other(scene, &source.relation, mode);
        }
    }
    let mut uses = view::uses(scene, &statement.uses);
    // An INSERT without a list writes every column.
    for used in uses.iter_mut().filter(|used| used.columns.is_empty()) {
        let Some(relation) = scene.catalog.get(used.relation) else { continue };
        if statement.writes.iter().any(|name| scene.catalog.relation(name) == Lookup::Found(used.relation)) {
            used.columns.extend(relation.columns.iter().map(|column| column.name.clone()));
        }
    }
    let rule = Rule { name: statement.name.clone(), uses };
    scene.catalog.change(id, |table| {
        table.rules.retain(|other| other.name != rule.name);
        table.rules.push(rule);
    });
    scene.change(Change::RuleChanged { table: id, rule: statement.name.clone() });
}

fn is_row(name: &QName) -> bool {
    name.schema.is_none() && (name.name == "new" || name.name == "old")
}

/// What an expression of a policy refers to.
fn policy_parts(
    scene: &Scene<'_>,
    id: RelId,
    expressions: [Option<&Expr>; 2],
) -> (BTreeSet<String>, Vec<ViewUse>, BTreeSet<String>) {
    let Some(table) = scene.catalog.get(id) else { return Default::default() };
    let mut columns = BTreeSet::new();
    let mut uses = Vec::new();
    let mut calls = BTreeSet::new();
    for expression in expressions.into_iter().flatten() {
        let spoken = table.columns.iter().filter(|column| speaks_of(expression, &column.name));
        columns.extend(spoken.map(|column| column.name.clone()));
        calls.extend(expression.calls().into_iter().map(|(name, _)| name.name));
        expression.each(&mut |part| {
            if let Expr::Query(query) = part {
                uses.extend(view::uses(scene, query));
            }
        });
    }
    uses.retain(|used| used.relation != id);
    (columns, uses, calls)
}

pub(super) fn create_policy(scene: &mut Scene<'_>, statement: &CreatePolicy) {
    let Some(id) = table_or_view(scene, &statement.table, LockMode::AccessExclusiveLock) else { return };
    lock_read(scene, [statement.using.as_ref(), statement.check.as_ref()]);
    let (columns, uses, calls) =
        policy_parts(scene, id, [statement.using.as_ref(), statement.check.as_ref()]);
    let policy = Policy { name: statement.name.clone(), columns, uses, calls };
    scene.catalog.change(id, |table| table.policies.push(policy));
    scene.change(Change::PolicyChanged { table: id, policy: statement.name.clone(), dropped: false });
}

fn lock_read(scene: &mut Scene<'_>, expressions: [Option<&Expr>; 2]) {
    let mut queries = Vec::new();
    for expression in expressions.into_iter().flatten() {
        expression.each(&mut |part| {
            if let Expr::Query(query) = part {
                queries.push(query.as_ref().clone());
            }
        });
    }
    for query in queries {
        view::lock_sources(scene, &query, false);
    }
}

pub(super) fn alter_policy(
    scene: &mut Scene<'_>,
    table: &QName,
    name: &str,
    expressions: [Option<&Expr>; 2],
) {
    let Some(id) = table_or_view(scene, table, LockMode::AccessExclusiveLock) else { return };
    lock_read(scene, expressions);
    let (columns, uses, calls) = policy_parts(scene, id, expressions);
    scene.catalog.change(id, |table| {
        if let Some(policy) = table.policies.iter_mut().find(|policy| policy.name == name) {
            policy.columns.extend(columns);
            policy.uses.extend(uses);
            policy.calls.extend(calls);
        }
    });
    scene.change(Change::PolicyChanged { table: id, policy: name.to_owned(), dropped: false });
}

/// DROP TRIGGER, RULE, POLICY.
pub(super) fn drop_part(scene: &mut Scene<'_>, statement: &Drop, name: &ObjectName) {
    let Some(part) = name.part.as_deref() else { return };
    let Some(id) = scene.need_if(&name.name, RelationKind::Table, statement.if_exists) else { return };
    let Some(table) = scene.catalog.get(id) else { return };
    let there = table.partial
        || match statement.kind {
            ObjectKind::Trigger => table.triggers.iter().any(|trigger| trigger.name == part),
            ObjectKind::Rule => table.rules.iter().any(|rule| rule.name == part),
            _ => table.policies.iter().any(|policy| policy.name == part),
        };
    let shown = format!("{}.{part}", table.name);
    if !there {
        if statement.if_exists {
            let object = ObjectRef { kind: statement.kind, name: shown, relation: Some(id) };
            scene.change(Change::NothingToDo { object, differs: false });
        } else {
            scene.out.fail(format!("{} {shown} does not exist", drop::words(statement.kind)));
        }
        return;
    }
    let partitioned = scene.catalog.get(id).is_some_and(|table| table.kind == RelationKind::Partitioned);
    let family = if partitioned && statement.kind == ObjectKind::Trigger {
        tree::family(scene.catalog, id)
    } else {
        vec![id]
    };
    scene.lock_all(&family, LockMode::AccessExclusiveLock);
    for member in family {
        scene.catalog.change(member, |table| match statement.kind {
            ObjectKind::Trigger => table.triggers.retain(|trigger| trigger.name != part),
            ObjectKind::Rule => table.rules.retain(|rule| rule.name != part),
            _ => table.policies.retain(|policy| policy.name != part),
        });
    }
    scene.lost(shown, drop::words(statement.kind), false);
    let part = part.to_owned();
    scene.change(match statement.kind {
        ObjectKind::Trigger => Change::TriggerDropped { table: id, trigger: part },
        ObjectKind::Rule => Change::RuleChanged { table: id, rule: part },
        _ => Change::PolicyChanged { table: id, policy: part, dropped: true },
    });
}

const fn volatility(letter: char) -> Volatility {
    match letter {
        'i' => Volatility::Immutable,
        's' => Volatility::Stable,
        _ => Volatility::Volatile,
    }
}

pub(super) fn create_routine(scene: &mut Scene<'_>, statement: &CreateRoutine) {
    if matches!(statement.body, RoutineBody::Parsed(_)) {
        scene.needs(14, "a body in standard SQL");
    }
    let name = scene.catalog.new_name(&statement.name);
    let arguments: Vec<String> =
        statement.arguments.iter().map(|written| scene.catalog.data_type(written).to_string()).collect();
    let uses = match &statement.body {
        RoutineBody::Parsed(query) => {
            view::lock_sources(scene, query, false);
            query.sources.iter().map(|source| scene.catalog.full_name(&source.relation).to_string()).collect()
        }
        RoutineBody::Text(_) | RoutineBody::Symbol => Vec::new(),
    };
    let function = Function {
        arguments: arguments.clone(),
        defaults: statement.defaults,
        variadic: statement.variadic,
        volatility: volatility(statement.volatility),
        language: statement.language.clone().unwrap_or_else(|| "sql".to_owned()),
        procedure: statement.procedure,
        returns: statement.returns.as_ref().map(|written| scene.catalog.data_type(written).to_string()),
        body: body_text(&statement.body),
        uses,
        steady_body: is_sql(statement) && !statement.strict && steady(scene, &statement.body),
    };
    if let (true, RoutineBody::Text(text)) = (is_sql(statement), &statement.body) {
        lock_body(scene, text);
    }
    let known = scene.catalog.functions.get_or_default(name.clone());
    let present = known.iter_mut().find(|other| other.arguments == arguments);
    let kind = if statement.procedure { ObjectKind::Procedure } else { ObjectKind::Function };
    let object = ObjectRef { kind, name: name.to_string(), relation: None };
    match present {
        Some(present) => {
            let same = *present == function;
            *present = function;
            if !statement.replace {
                scene.out.fail(format!("function {name} exists already"));
            } else if !same {
                scene.change(Change::Replaced(object));
            }
        }
        None => {
            known.push(function);
            scene.change(Change::Created(object));
        }
    }
}

fn is_sql(statement: &CreateRoutine) -> bool {
    statement.language.as_deref().unwrap_or("sql") == "sql"
}

/// Whether a body in SQL is one SELECT without a table that calls nothing volatile: then a call is
/// replaced by what it computes.
fn steady(scene: &Scene<'_>, body: &RoutineBody) -> bool {
    match body {
        RoutineBody::Text(text) => is_steady(scene.catalog, text),
        RoutineBody::Parsed(query) => gives_steady(scene.catalog, query),
        RoutineBody::Symbol => false,
    }
}

fn gives_steady(catalog: &Catalog, query: &crate::syntax::Query) -> bool {
    let [(_, output)] = query.outputs.as_slice() else { return false };
    query.sources.is_empty()
        && super::volatility::verdict(catalog, output) == super::volatility::Verdict::Steady
}

/// The same for the text of a body, also for one in standard SQL as a server shows it.
pub(crate) fn is_steady(catalog: &Catalog, text: &str) -> bool {
    let inner = text.strip_prefix("BEGIN ATOMIC").and_then(|text| text.trim_end().strip_suffix("END"));
    let returned = text.strip_prefix("RETURN ").map(|value| format!("SELECT {value}"));
    let text = returned.as_deref().or(inner).unwrap_or(text);
    let read = crate::read::parse_leniently(text);
    let [parsed] = read.parsed.as_slice() else { return false };
    let crate::syntax::Ast::Dml(select) = &parsed.ast else { return false };
    select.writes.is_empty() && gives_steady(catalog, &select.reads)
}

/// A body in SQL is checked when it is made, which locks what it names as running it would.
fn lock_body(scene: &mut Scene<'_>, text: &str) {
    for parsed in crate::read::parse_leniently(text).parsed {
        super::planned(scene, &parsed.ast);
    }
}

/// A text that tells one body from another.
fn body_text(body: &RoutineBody) -> Option<String> {
    match body {
        RoutineBody::Text(text) => Some(crate::digest::hex(text)),
        RoutineBody::Parsed(_) | RoutineBody::Symbol => None,
    }
}

/// The functions that a statement means: with those argument types, or all of the name.
fn matching(scene: &Scene<'_>, name: &QName, arguments: Option<&[TypeName]>) -> Option<(Name, Vec<usize>)> {
    let schemas: Vec<String> = match &name.schema {
        Some(schema) => vec![schema.clone()],
        None => scene.catalog.settings.search_path.clone(),
    };
    let wanted: Option<Vec<String>> =
        arguments.map(|types| types.iter().map(|t| scene.catalog.data_type(t).to_string()).collect());
    schemas.into_iter().find_map(|schema| {
        let full = Name::new(&schema, &name.name);
        let found = scene.catalog.functions.get(&full)?;
        let at: Vec<usize> = found
            .iter()
            .enumerate()
            .filter(|(_, function)| wanted.as_ref().is_none_or(|wanted| *wanted == function.arguments))
            .map(|(at, _)| at)
            .collect();
        (!at.is_empty()).then_some((full, at))
    })
}

pub(super) fn alter_routine(
    scene: &mut Scene<'_>,
    name: &QName,
    arguments: Option<&[TypeName]>,
    changed: Option<char>,
) {
    let Some((full, at)) = matching(scene, name, arguments) else { return };
    if let (Some(letter), Some(functions)) = (changed, scene.catalog.functions.get_mut(&full)) {
        for index in at {
            if let Some(function) = functions.get_mut(index) {
                function.volatility = volatility(letter);
            }
        }
    }
    let object = ObjectRef { kind: ObjectKind::Function, name: full.to_string(), relation: None };
    scene.change(Change::Replaced(object));
}

pub(super) fn drop_routine(scene: &mut Scene<'_>, statement: &Drop, name: &ObjectName) {
    let Some((full, at)) = matching(scene, &name.name, name.arguments.as_deref()) else {
        let shown = scene.catalog.new_name(&name.name).to_string();
        // Aggregates are in no catalog.
        if scene.catalog.is_whole() && statement.kind != ObjectKind::Aggregate {
            if statement.if_exists {
                let object = ObjectRef { kind: statement.kind, name: shown, relation: None };
                scene.change(Change::NothingToDo { object, differs: false });
            } else {
                scene.out.fail(format!("function {shown} does not exist"));
            }
            return;
        }
        if statement.kind != ObjectKind::Aggregate || statement.cascade {
            scene.out.unknown(format!("function {shown} is not in the catalog, nor what depends on it"));
        }
        gone(scene, statement, shown);
        return;
    };
    let users = users(scene, &full);
    if !statement.cascade
        && let Some(user) = users.first()
    {
        let user = scene.shown(*user);
        scene.out.fail(format!("function {full} cannot be dropped: {user} depends on it"));
        return;
    }
    for user in users {
        take_from(scene, user, &full.name);
    }
    note_trigger_function(scene, &full, &at);
    if let Some(functions) = scene.catalog.functions.get_mut(&full) {
        let mut index = 0;
        functions.retain(|_| {
            index += 1;
            !at.contains(&(index - 1))
        });
        if functions.is_empty() {
            scene.catalog.functions.remove(&full);
        }
    }
    gone(scene, statement, full.to_string());
}

/// Says that only triggers can have called what goes.
fn note_trigger_function(scene: &mut Scene<'_>, full: &Name, at: &[usize]) {
    let functions = scene.catalog.functions.get(full).map(Vec::as_slice).unwrap_or_default();
    let returns = |index: &usize| functions.get(*index).and_then(|function| function.returns.as_deref());
    if at.iter().all(|index| matches!(returns(index), Some("trigger" | "event_trigger"))) {
        scene.change(Change::TriggerFunctionDropped { name: full.to_string() });
    }
}

fn gone(scene: &mut Scene<'_>, statement: &Drop, shown: String) {
    scene.lost(shown.clone(), drop::words(statement.kind), false);
    scene.breaks(shown.clone(), "is gone".to_owned());
    let object = ObjectRef { kind: statement.kind, name: shown, relation: None };
    scene.change(Change::Dropped { object, implied: false, cascade: statement.cascade });
}

fn users(scene: &Scene<'_>, name: &Name) -> Vec<RelId> {
    // Another function of the name in a schema further up may be meant: then it is not sure.
    if scene.catalog.functions.get(name).is_some_and(|all| all.len() > 1) {
        return Vec::new();
    }
    scene.catalog.users_of_function(&name.name)
}

/// Takes out of a relation what calls a function that goes with CASCADE.
fn take_from(scene: &mut Scene<'_>, id: RelId, function: &str) {
    let Some(relation) = scene.catalog.get(id) else { return };
    if relation.calls.contains(function) {
        drop::relation(scene, id, true, true);
        return;
    }
    scene.lock(id, LockMode::AccessExclusiveLock);
    let calls = |expression: &Expr| expression.calls().iter().any(|(name, _)| name.name == function);
    let generated: Vec<String> = scene
        .catalog
        .get(id)
        .map(|table| {
            let uses =
                table.columns.iter().filter(|c| c.generated.as_ref().is_some_and(|g| calls(&g.expression)));
            uses.map(|column| column.name.clone()).collect()
        })
        .unwrap_or_default();
    for column in generated {
        let shown = format!("{}.{column}", scene.shown(id));
        scene.lost(shown, "column", true);
        super::drop_column::take(scene, id, &column, true);
    }
    scene.catalog.change(id, |table| {
        for column in &mut table.columns {
            if column.default.as_ref().is_some_and(calls) {
                column.default = None;
            }
        }
        table.constraints.retain(|constraint| {
            !matches!(&constraint.kind, crate::catalog::ConstraintKind::Check(check) if calls(&check.expression))
        });
        table.indexes.retain(|index| {
            let keyed = index.keys.iter().any(|key| {
                matches!(&key.key, crate::catalog::Key::Expression(expression) if calls(expression))
            });
            !keyed && !index.predicate.as_ref().is_some_and(calls)
        });
        table.triggers.retain(|trigger| trigger.function != function);
        table.policies.retain(|policy| !policy.calls.contains(function));
    });
}

/// A function under another name.
pub(super) fn rename(scene: &mut Scene<'_>, statement: &Rename) {
    let Some((full, at)) = matching(scene, &statement.name.name, statement.name.arguments.as_deref()) else {
        return;
    };
    let to = Name::new(&full.schema, &statement.to);
    move_functions(scene, &full, &at, to);
}

/// A function in another schema.
pub(super) fn move_to(scene: &mut Scene<'_>, name: &ObjectName, schema: &str) {
    let Some((full, at)) = matching(scene, &name.name, name.arguments.as_deref()) else { return };
    let to = Name::new(schema, &full.name);
    move_functions(scene, &full, &at, to);
}

fn move_functions(scene: &mut Scene<'_>, from: &Name, at: &[usize], to: Name) {
    let Some(functions) = scene.catalog.functions.remove(from) else { return };
    let mut moved = Vec::new();
    let mut kept = Vec::new();
    for (index, function) in functions.into_iter().enumerate() {
        if at.contains(&index) { moved.push(function) } else { kept.push(function) }
    }
    if !kept.is_empty() {
        scene.catalog.functions.insert(from.clone(), kept);
    }
    scene.catalog.functions.get_or_default(to).extend(moved);
}
