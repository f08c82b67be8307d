//! Notes of a statement what the catalog has no field for ([`crate::catalog::Marks`]), in its words.

use super::drop;
use crate::catalog::{Aspect, Catalog, Holder, Lookup, Mark};
use crate::parser;
use crate::split::{Token, TokenKind};
use crate::statement::Statement;
use crate::syntax::{
    AlterAction, AlterTable, Ast, CreateRoutine, Grant, GrantTarget, ObjectKind, ObjectName, QName,
};
use crate::syntax::{Rename, RoutineBody, TypeName};
use crate::{StatementKind, catalog::Name};

/// Notes what a statement has said; `catalog` is the one after it, `tokens` are the statement's.
#[expect(clippy::wildcard_enum_match_arm, reason = "what the others do is in the catalog")]
pub(crate) fn note(catalog: &mut Catalog, ast: &Ast, statement: &Statement, tokens: &[Token]) {
    let mut noting = Noting { catalog, text: &statement.text, tokens };
    match ast {
        Ast::CreateView(s) => noting.relation(&s.name, Aspect::View, ""),
        Ast::CreateTableAs(s) if s.materialized_view => noting.relation(&s.name, Aspect::View, ""),
        Ast::CreateTrigger(s) => noting.relation(&s.table, Aspect::Trigger, &s.name),
        Ast::CreateRule(s) => noting.relation(&s.table, Aspect::Rule, &s.name),
        Ast::CreatePolicy(s) => noting.relation(&s.table, Aspect::Policy, &s.name),
        Ast::AlterPolicy { table, name, .. } => noting.altered(table, Aspect::Policy, name),
        Ast::CreateRoutine(s) => noting.routine(s),
        Ast::AlterRoutine { name, arguments, .. } => {
            for holder in noting.routines(name, arguments.as_deref()) {
                noting.append(holder, Aspect::Function, "");
            }
        }
        Ast::AlterSequence { name, owned_by: None, .. } => noting.altered(name, Aspect::Settings, ""),
        Ast::AlterStatistics { name } => noting.append(named(name), Aspect::Settings, ""),
        Ast::AlterTable(s) => noting.alter(s),
        Ast::Comment { kind, name } => noting.comment(*kind, name),
        Ast::OwnerTo { kind, name } => {
            let holder = noting.object(*kind, name);
            noting.set(holder, Aspect::Owner, "");
        }
        Ast::SecurityLabel { kind, name } => {
            let holder = noting.object(*kind, name);
            noting.append(holder, Aspect::Settings, "security label");
        }
        Ast::Grant(s) => noting.grant(s),
        Ast::Rename(s) => noting.rename(s),
        Ast::SetSchema(s) if is_routine(s.kind) => {
            let from = noting.function_name(&s.name.name);
            noting
                .catalog
                .marks
                .rename_holders(&from, &format!("{}(", Name::new(&s.schema, &s.name.name.name)));
        }
        Ast::Publication { .. } | Ast::Other => noting.other(statement),
        Ast::Drop(s) if drop::is_other(s.kind) => noting.other(statement),
        _ => {}
    }
}

struct Noting<'a> {
    catalog: &'a mut Catalog,
    text: &'a str,
    /// With offsets in the file that the text was cut from.
    tokens: &'a [Token],
}

fn named(name: &QName) -> Holder {
    Holder::Named(name.to_string())
}

const fn is_routine(kind: ObjectKind) -> bool {
    matches!(kind, ObjectKind::Function | ObjectKind::Procedure | ObjectKind::Routine | ObjectKind::Aggregate)
}

fn mark(holder: Holder, aspect: Aspect, part: &str) -> Mark {
    Mark { holder, aspect, part: part.to_owned() }
}

impl Noting<'_> {
    fn words(&self) -> Vec<String> {
        words(self.text, self.tokens, &self.catalog.settings.search_path)
    }

    fn set(&mut self, holder: Holder, aspect: Aspect, part: &str) {
        let words = self.words();
        self.catalog.marks.set(mark(holder, aspect, part), words);
    }

    fn append(&mut self, holder: Holder, aspect: Aspect, part: &str) {
        let words = self.words();
        self.catalog.marks.append(mark(holder, aspect, part), words);
    }

    fn holder(&self, name: &QName) -> Option<Holder> {
        self.catalog.relation(name).found().map(Holder::Relation)
    }

    fn relation(&mut self, name: &QName, aspect: Aspect, part: &str) {
        if let Some(holder) = self.holder(name) {
            self.set(holder, aspect, part);
        }
    }

    fn altered(&mut self, name: &QName, aspect: Aspect, part: &str) {
        if let Some(holder) = self.holder(name) {
            self.append(holder, aspect, part);
        }
    }

    fn function_name(&self, name: &QName) -> String {
        let found = match &name.schema {
            Some(schema) => Some(Name::new(schema, &name.name)),
            None => {
                let mut path =
                    self.catalog.settings.search_path.iter().map(|schema| Name::new(schema, &name.name));
                path.find(|name| self.catalog.functions.contains_key(name))
            }
        };
        format!("{}(", found.unwrap_or_else(|| self.catalog.new_name(name)))
    }

    fn routine(&mut self, statement: &CreateRoutine) {
        for holder in self.routines(&statement.name, Some(&statement.arguments)) {
            // The catalog tells one body from another.
            let mut words = self.words();
            words.retain(|word| !word.starts_with('$'));
            self.catalog.marks.set(mark(holder.clone(), Aspect::Function, ""), words);
            let harmless = mark(holder, Aspect::Harmless, "");
            if is_harmless(statement) {
                self.catalog.marks.set(harmless, Vec::new());
            } else {
                self.catalog.marks.remove(&harmless);
            }
        }
    }

    /// The functions of a name, or the one with those arguments, by signature.
    fn routines(&self, name: &QName, arguments: Option<&[TypeName]>) -> Vec<Holder> {
        let wanted: Option<Vec<String>> =
            arguments.map(|types| types.iter().map(|t| self.catalog.data_type(t).to_string()).collect());
        let start = self.function_name(name);
        let full = Name::shown(start.trim_end_matches('(')).map(|(full, _)| full);
        let all = full.and_then(|full| Some((self.catalog.functions.get(&full)?, full)));
        let Some((all, full)) = all else { return vec![Holder::Named(start)] };
        let fits = all.iter().filter(|found| wanted.as_ref().is_none_or(|wanted| *wanted == found.arguments));
        fits.map(|found| Holder::Named(found.signature(&full))).collect()
    }

    /// What a statement about any object is about.
    fn object(&self, kind: ObjectKind, name: &ObjectName) -> Holder {
        if is_routine(kind)
            && let Some(holder) = self.routines(&name.name, name.arguments.as_deref()).pop()
        {
            return holder;
        }
        match self.catalog.relation(&name.name) {
            Lookup::Found(id) if kind != ObjectKind::Schema => Holder::Relation(id),
            Lookup::Found(_) | Lookup::Absent | Lookup::Unknown => {
                Holder::Named(format!("{} {}", drop::words(kind), self.catalog.new_name(&name.name)))
            }
        }
    }

    fn comment(&mut self, kind: ObjectKind, name: &ObjectName) {
        let index = (kind == ObjectKind::Index).then(|| self.catalog.index(&name.name).found()).flatten();
        let (holder, part) = match index {
            Some((table, index)) => (Holder::Relation(table), index),
            None => (self.object(kind, name), name.part.clone().unwrap_or_default()),
        };
        let comment = self.words().pop().unwrap_or_default();
        let mark = mark(holder, Aspect::Comment, &part);
        match comment.as_str() {
            // The same as one that never had any.
            "null" | "''" if self.catalog.is_followed(&mark.holder) => {
                self.catalog.marks.remove(&mark);
            }
            _ => self.catalog.marks.set(mark, vec![comment]),
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "what the others do is in the catalog")]
    fn alter(&mut self, statement: &AlterTable) {
        let Some(holder) = self.holder(&statement.relation) else { return };
        for action in &statement.actions {
            match action {
                AlterAction::OwnerTo => self.set(holder.clone(), Aspect::Owner, ""),
                AlterAction::SetOptions { names } => {
                    for name in names {
                        self.set(holder.clone(), Aspect::Settings, name);
                    }
                }
                AlterAction::ResetOptions { names } => {
                    for name in names {
                        if self.catalog.is_followed(&holder) {
                            self.catalog.marks.remove(&mark(holder.clone(), Aspect::Settings, name));
                        } else {
                            self.set(holder.clone(), Aspect::Settings, name);
                        }
                    }
                }
                AlterAction::SetStatistics
                | AlterAction::ColumnOptions
                | AlterAction::SetStorage
                | AlterAction::SetCompression
                | AlterAction::Rule { .. }
                | AlterAction::ForeignOptions => self.append(holder.clone(), Aspect::Settings, ""),
                _ => {}
            }
        }
    }

    fn rename(&mut self, statement: &Rename) {
        if is_routine(statement.kind) {
            let schema = Name::shown(self.function_name(&statement.name.name).trim_end_matches('('))
                .map(|found| found.0.schema);
            let schema = schema.unwrap_or_else(|| self.catalog.creation_schema());
            let named = |name: &str| format!("{}(", Name::new(&schema, name));
            self.catalog.marks.rename_holders(&named(&statement.name.name.name), &named(&statement.to));
        } else if let (Some(part), Some(holder)) = (&statement.name.part, self.holder(&statement.name.name)) {
            self.catalog.marks.rename_part(&holder, part, &statement.to);
        }
    }

    fn grant(&mut self, statement: &Grant) {
        let words = self.words();
        let Some(granted) = Granted::of(&words) else { return };
        for holder in self.granted_on(&statement.target, &granted.on) {
            for to in &granted.to {
                for privilege in &granted.privileges {
                    self.privilege(&holder, privilege, to, statement.revoke);
                }
            }
        }
    }

    fn granted_on(&self, target: &GrantTarget, on: &str) -> Vec<Holder> {
        match target {
            GrantTarget::Relations(names) => {
                names.iter().map(|name| self.holder(name).unwrap_or_else(|| named(name))).collect()
            }
            GrantTarget::Routines(names) => {
                names.iter().flat_map(|name| self.routines(&name.name, name.arguments.as_deref())).collect()
            }
            GrantTarget::Schemas(names) => {
                names.iter().map(|name| Holder::Named(format!("schema {name}"))).collect()
            }
            GrantTarget::AllIn { .. } | GrantTarget::Other => vec![Holder::Named(on.to_owned())],
        }
    }

    fn privilege(&mut self, holder: &Holder, privilege: &str, to: &str, revoke: bool) {
        let this = mark(holder.clone(), Aspect::Privileges, &format!("{privilege} to {to}"));
        let word = |word: &str| vec![word.to_owned()];
        if !revoke {
            self.catalog.marks.set(this, word("granted"));
            return;
        }
        let suffix = format!(" to {to}");
        let all: Vec<Mark> = self.catalog.marks.of(holder);
        let mut was = all.into_iter().filter(|mark| {
            mark.aspect == Aspect::Privileges
                && (if privilege == "all" { mark.part.ends_with(&suffix) } else { mark.part == this.part })
        });
        let followed = self.catalog.is_followed(holder);
        let first = was.next().filter(|_| followed);
        match first {
            Some(first) => {
                for mark in [first].into_iter().chain(was) {
                    self.catalog.marks.remove(&mark);
                }
            }
            None => self.catalog.marks.set(this, word("revoked")),
        }
    }

    /// Objects that the catalog knows by name at most: operators, roles, publications.
    fn other(&mut self, statement: &Statement) {
        let words = self.words();
        let [verb, kind, ..] = words.as_slice() else { return };
        let bare = |name: &String| name.split('(').next().unwrap_or_default().trim().to_owned();
        let name = statement.objects.first().map(bare).unwrap_or_default();
        let name = name.rsplit('.').next().unwrap_or_default();
        let mark = mark(Holder::Named(format!("{kind} {name}")), Aspect::Object, "");
        match (verb.as_str(), statement.kind) {
            (_, StatementKind::AlterTable | StatementKind::AlterIndex) => {}
            ("create", _) => self.catalog.marks.set(mark, words),
            // One that nobody saw being made was there before.
            ("drop", _) if self.catalog.marks.remove(&mark).is_none() => self.catalog.marks.set(mark, words),
            ("alter" | "import" | "reassign" | "load", _) => self.catalog.marks.append(mark, words),
            _ => {}
        }
    }
}

/// GRANT or REVOKE, by its words.
struct Granted {
    privileges: Vec<String>,
    on: String,
    to: Vec<String>,
}

impl Granted {
    fn of(words: &[String]) -> Option<Self> {
        let at = |word: &str| words.iter().position(|other| other == word);
        let on = at("on");
        let to = words.iter().rposition(|word| word == "to" || word == "from")?;
        let privileges = words.get(1..on.unwrap_or(to))?;
        let target = on.and_then(|on| words.get(on..to)).unwrap_or_default();
        let end = |word: &&String| !matches!(word.as_str(), "with" | "granted" | "cascade" | "restrict");
        let grantees: Vec<String> = words.get(to + 1..)?.iter().take_while(end).cloned().collect();
        Some(Self {
            privileges: listed(privileges).into_iter().map(|p| p.replace("all privileges", "all")).collect(),
            on: target.join(" "),
            to: listed(&grantees),
        })
    }
}

/// Whether a function does nothing but compute: it holds no word that writes, and calls PostgreSQL's own
/// functions only.
fn is_harmless(statement: &CreateRoutine) -> bool {
    const WRITES: &[&str] = &[
        "execute", "create", "alter", "drop", "truncate", "insert", "update", "delete", "merge", "call",
        "perform", "grant", "revoke", "comment", "refresh", "copy", "do", "lock", "set", "reindex",
        "cluster", "vacuum",
    ];
    const OPENS: &[&str] = &[
        "if", "elsif", "while", "when", "and", "or", "not", "in", "any", "all", "exists", "values", "case",
        "return", "select", "from", "as", "array", "row", "cast", "coalesce", "greatest", "least", "nullif",
        "extract", "numeric", "varchar", "over", "filter", "where", "on", "by", "using", "then", "else",
        "distinct",
    ];
    let language = statement.language.as_deref().unwrap_or("sql");
    let RoutineBody::Text(body) = &statement.body else { return false };
    let tokens = parser::scan(body).unwrap_or_default();
    let start = tokens.first().map_or(0, |token| token.start);
    let words = words(body.get(start..).unwrap_or_default(), &tokens, &[]);
    let calls = words
        .iter()
        .zip(words.iter().skip(1))
        .filter(|(_, next)| *next == "(")
        .map(|(word, _)| word.as_str());
    let own = |word: &str| {
        !word.starts_with(|c: char| c.is_alphabetic() || c == '_')
            || OPENS.contains(&word)
            || crate::builtin::function(word)
                .is_some_and(|_| !word.starts_with("lo_") && word != "set_config")
    };
    matches!(language, "sql" | "plpgsql")
        && !words.is_empty()
        && !words.iter().any(|word| WRITES.contains(&word.as_str()))
        && { calls }.all(own)
}

/// Cut at commas outside of parentheses.
fn listed(words: &[String]) -> Vec<String> {
    let mut found = vec![String::new()];
    let mut depth = 0_usize;
    for word in words {
        match word.as_str() {
            "," if depth == 0 => {
                found.push(String::new());
                continue;
            }
            "(" => depth += 1,
            ")" => depth = depth.saturating_sub(1),
            _ => {}
        }
        if let Some(last) = found.last_mut() {
            if !last.is_empty() {
                last.push(' ');
            }
            last.push_str(word);
        }
    }
    found
}

/// The words of a statement as the server would read them: without comments, without the schemas that
/// it finds by itself, in lower case unless quoted. `text` starts with the first of its tokens.
fn words(text: &str, tokens: &[Token], path: &[String]) -> Vec<String> {
    let base = tokens.first().map_or(0, |token| token.start);
    let tokens = tokens.iter().filter(|token| token.kind != TokenKind::Comment);
    let mut found: Vec<String> = Vec::new();
    for token in tokens {
        let word = word(text.get(token.start - base..token.end - base).unwrap_or_default());
        if found.last().is_some_and(|last| last == ".")
            && found
                .len()
                .checked_sub(2)
                .and_then(|at| found.get(at))
                .is_some_and(|schema| path.contains(schema))
        {
            found.truncate(found.len() - 2);
        }
        // It means the same, and came first.
        let function = word == "procedure" && found.last().is_some_and(|last| last == "execute");
        found.push(if function { "function".to_owned() } else { word });
    }
    if found.get(1).is_some_and(|word| word == "or") && found.get(2).is_some_and(|word| word == "replace") {
        found.drain(1..3);
    }
    found
}

fn word(written: &str) -> String {
    match written.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(name) => name.replace("\"\"", "\""),
        None if written.starts_with(['\'', '$']) => written.to_owned(),
        None => written.to_lowercase(),
    }
}
