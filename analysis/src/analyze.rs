//! Judges a script against a catalog, and moves the catalog on.

mod allow;
mod bodies;
mod judge;

use std::collections::BTreeSet;

use crate::catalog::{Catalog, RelId, Server};
use crate::hazards::{self, Ahead, Behind, Context, Transaction};
use crate::read::{Parsed, parse_leniently};
use crate::report::{Analysis, Base, Lock, LockMode, Span, StatementReport, Work};
use crate::simulate::{self, Change, Effects, Scene};
use crate::split::Token;
use crate::syntax::Ast;
use crate::{StatementKind, Transactional};

/// What a script is judged for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// The server that it is for.
    pub server: Server,
    /// Whether what is known of the statement may lower the base risk of its kind.
    pub refine: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { server: Server::default(), refine: true }
    }
}

/// Judges a script against a schema; gives the schema after it too. Any text gives an answer.
pub fn analyze(sql: &str, catalog: &Catalog, options: Options) -> (Analysis, Catalog) {
    let mut catalog = catalog.clone();
    let analysis = analyze_next(sql, &mut catalog, options);
    (analysis, catalog)
}

/// The same, moving `catalog` on in place: for a chain of scripts. Each script is one transaction, cut
/// where a statement cannot run in one.
pub fn analyze_next(sql: &str, catalog: &mut Catalog, options: Options) -> Analysis {
    analyze_watched(sql, catalog, options, &mut |_| {})
}

/// A statement that has been carried out.
pub(crate) struct Watched<'a> {
    pub(crate) ast: &'a Ast,
    pub(crate) effects: &'a Effects,
    /// The schema after it.
    pub(crate) after: &'a Catalog,
}

/// The same, showing each statement once it was carried out.
pub(crate) fn analyze_watched(
    sql: &str,
    catalog: &mut Catalog,
    options: Options,
    watch: &mut dyn FnMut(&Watched<'_>),
) -> Analysis {
    let read = parse_leniently(sql);
    let mut script = Script {
        catalog,
        options,
        born: BTreeSet::new(),
        transaction: Transaction::default(),
        earlier: Vec::new(),
        behind: Behind::default(),
        said: BTreeSet::new(),
        local: None,
        watch,
    };
    let (facts, asts): (Vec<_>, Vec<Ast>) = read.parsed.into_iter().map(split).unzip();
    let ahead = Ahead::new(&asts);
    let mut statements = Vec::with_capacity(facts.len());
    for (index, facts) in facts.iter().enumerate() {
        statements.push(script.statement(facts, &asts, &ahead, index));
    }
    script.end();
    let allows = allow::apply(sql, &read.comments, &mut statements);
    for report in &mut statements {
        judge::judge(report, options.refine);
    }
    Analysis { statements, faults: read.faults, allows }
}

/// What the text of a statement says, its tree aside.
struct Facts {
    statement: crate::Statement,
    tokens: Vec<Token>,
    span: Span,
}

fn split(parsed: Parsed) -> (Facts, Ast) {
    let span = Span { start: parsed.start, end: parsed.end };
    (Facts { statement: parsed.statement, tokens: parsed.tokens, span }, parsed.ast)
}

/// A script on its way.
struct Script<'a> {
    catalog: &'a mut Catalog,
    options: Options,
    born: BTreeSet<RelId>,
    transaction: Transaction,
    earlier: Vec<Change>,
    behind: Behind,
    /// The hazards of its statements so far.
    said: BTreeSet<String>,
    /// The settings before the first SET LOCAL, which end with the transaction.
    local: Option<crate::catalog::Settings>,
    watch: &'a mut dyn FnMut(&Watched<'_>),
}

impl Script<'_> {
    fn statement(&mut self, facts: &Facts, asts: &[Ast], ahead: &Ahead, index: usize) -> StatementReport {
        let (before, from) = asts.split_at(index.min(asts.len()));
        let (ast, rest) = from.split_first().unwrap_or((&Ast::Other, &[]));
        let settings = self.catalog.settings.clone();
        if let Ast::Setting(setting) = ast
            && setting.scope == crate::syntax::SettingScope::Transaction
        {
            self.local.get_or_insert_with(|| settings.clone());
        }
        self.catalog.watch();
        let mut scene = Scene::new(self.catalog, self.options.server, &mut self.born);
        simulate::statement(&mut scene, ast);
        bodies::run(&mut scene, ast);
        simulate::note(scene.catalog, ast, &facts.statement, &facts.tokens);
        if matches!(ast, Ast::Other) {
            not_followed(&mut scene, facts.statement.kind);
        }
        let mut effects = scene.out;
        effects.settle();
        (self.watch)(&Watched { ast, effects: &effects, after: self.catalog });
        let past = self.catalog.touched();
        let never = match &facts.statement.transactional {
            Transactional::Never { .. } => true,
            Transactional::Inside => effects.never_in_transaction.is_some(),
        };
        if never {
            // What was open is committed before it.
            self.transaction = Transaction { first: index + 1, ..Transaction::default() };
            self.born.clear();
        }
        let context = Context {
            ast,
            kind: facts.statement.kind,
            text: &facts.statement.text,
            effects: &effects,
            past: &past,
            after: self.catalog,
            settings: &settings,
            server: self.options.server,
            born: &self.born,
            transaction: &self.transaction,
            inside: !never,
            before,
            rest,
            ahead,
            behind: &self.behind,
            earlier: &self.earlier,
            said: &self.said,
        };
        let hazards = hazards::find(&context);
        self.said.extend(hazards.iter().map(|hazard| hazard.id.clone()));
        let report = self.report(facts, &effects, hazards, never);
        if never {
            self.born.clear();
        } else {
            self.remember(&effects, index);
            self.remember_rows(facts, ast);
        }
        self.behind.take(&effects.changes);
        self.earlier.extend(effects.changes);
        report
    }

    fn report(
        &self,
        facts: &Facts,
        effects: &Effects,
        hazards: Vec<crate::report::Hazard>,
        never: bool,
    ) -> StatementReport {
        let new = |id: Option<RelId>| id.is_some_and(|id| self.born.contains(&id));
        let mut unknown = effects.unknown.clone();
        unknown.extend(facts.statement.not_analysed.clone().filter(|what| !is_known(what)));
        StatementReport {
            position: facts.statement.position,
            span: facts.span,
            kind: facts.statement.kind,
            transactional: !never,
            locks: effects
                .locks
                .iter()
                .map(|(subject, mode)| Lock {
                    relation: subject.name.to_string(),
                    mode: *mode,
                    new: new(subject.id),
                })
                .collect(),
            work: work(effects, new),
            destroys: effects.losses.clone(),
            breaks: effects.breaks.clone(),
            hazards,
            unknown,
            risk: facts.statement.risk,
            reasons: facts.statement.reasons.clone(),
            fails: effects.fails.clone(),
            needs_server: effects.needs,
            base: Base {
                risk: facts.statement.risk,
                reasons: facts.statement.reasons.clone(),
                stands: facts.statement.not_analysed.is_some(),
            },
        }
    }

    /// What later statements of the transaction are judged by.
    fn remember(&mut self, effects: &Effects, index: usize) {
        for (subject, mode) in &effects.locks {
            if let Some(id) = subject.id.filter(|id| !self.born.contains(id)) {
                let held = self.transaction.held.entry(id).or_insert(LockMode::AccessShareLock);
                *held = (*held).max(*mode);
            }
        }
        for change in &effects.changes {
            match change {
                Change::ConstraintAdded { table, constraint, .. } if !constraint.valid => {
                    self.transaction.not_valid.insert((*table, constraint.name.clone()));
                }
                Change::EnumValueAdded { name, label } => {
                    self.transaction.labels.insert((name.clone(), label.clone()));
                }
                Change::ColumnAdded { table, column, .. } => {
                    self.transaction.columns.insert((*table, column.name.clone()));
                    self.transaction.altered.insert(*table, index);
                }
                Change::IndexCreated { table, index, .. } => {
                    self.transaction.indexes.insert((*table, index.name.clone()));
                }
                Change::TypeChanged { table, .. }
                | Change::ColumnDropped { table, .. }
                | Change::DefaultChanged { table, .. }
                | Change::NotNullSet { table, .. }
                | Change::NotNullDropped { table, .. }
                | Change::ConstraintAdded { table, .. }
                | Change::ConstraintDropped { table, implied: false, .. } => {
                    self.transaction.altered.insert(*table, index);
                }
                _ => {}
            }
        }
    }

    /// The rows that a statement wrote.
    fn remember_rows(&mut self, facts: &Facts, ast: &Ast) {
        if facts.statement.kind == StatementKind::SetConstraints {
            let text = facts.statement.text.to_ascii_lowercase();
            self.transaction.deferred |= text.contains("deferred");
            if text.contains("immediate") {
                self.transaction.written.clear();
            }
        }
        for write in hazards::writes(ast) {
            if let Some(id) = self.catalog.relation(&write.table).found()
                && !self.born.contains(&id)
            {
                self.transaction.written.entry(id).or_default().push(write.clone());
            }
        }
    }

    /// The transaction ends, and SET LOCAL with it.
    fn end(&mut self) {
        if let Some(settings) = self.local.take() {
            self.catalog.settings = settings;
        }
    }
}

/// What the text alone could not be analysed for, and the catalog tells: the bodies of DO blocks, and
/// PostgreSQL's own functions that reach no further than their own session's rows and locks.
fn is_known(what: &str) -> bool {
    const REACHING: &[&str] = &[
        "lo_",
        "pg_read",
        "pg_ls",
        "pg_stat_file",
        "pg_terminate",
        "pg_cancel",
        "pg_reload",
        "pg_rotate",
        "pg_promote",
        "pg_switch",
        "pg_create",
        "pg_drop",
        "pg_logical",
        "pg_replication",
        "pg_backup",
        "pg_start",
        "pg_stop",
        "query_to",
        "table_to",
        "cursor_to",
        "schema_to",
        "database_to",
        "set_config",
        "pg_file",
        "pg_import",
        "ts_stat",
        "ts_rewrite",
        "pg_wal",
        "pg_stat_reset",
        "pg_extension",
    ];
    if what == "not analysed: DO block" {
        return true;
    }
    let Some(name) = what.strip_prefix("not analysed: function ") else { return false };
    let name = name.strip_prefix("pg_catalog.").unwrap_or(name);
    crate::builtin::function(name).is_some() && !REACHING.iter().any(|start| name.starts_with(start))
}

/// Work by relation and kind, each once, with the first cause.
fn work(effects: &Effects, new: impl Fn(Option<RelId>) -> bool) -> Vec<Work> {
    let mut found: Vec<Work> = Vec::new();
    for job in &effects.jobs {
        let relation = job.relation.name.to_string();
        if !found.iter().any(|other| other.relation == relation && other.kind == job.kind) {
            found.push(Work {
                relation,
                kind: job.kind,
                because: job.cause.to_string(),
                new: new(job.relation.id),
            });
        }
    }
    found
}

/// Statements that change relations in a way that is not simulated.
fn not_followed(scene: &mut Scene<'_>, kind: StatementKind) {
    let follows = matches!(
        kind,
        StatementKind::AlterTable
            | StatementKind::AlterIndex
            | StatementKind::AlterMaterializedView
            | StatementKind::DropOwned
            | StatementKind::ReassignOwned
            | StatementKind::ImportForeignSchema
    );
    if follows {
        scene.out.unknown(format!("which relations {} changes", kind.words()));
    }
}

/// Kinds of statements that change no schema.
pub(crate) const fn is_about_rows(kind: StatementKind) -> bool {
    matches!(
        kind,
        StatementKind::Insert
            | StatementKind::Update
            | StatementKind::Delete
            | StatementKind::Merge
            | StatementKind::Select
            | StatementKind::CopyFrom
            | StatementKind::CopyTo
    )
}
