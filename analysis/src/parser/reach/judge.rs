//! Which nodes are looked at, and what they reach.

use pg_query::protobuf::VariableSetKind;
use serde_json::Value;

use super::beside::beside;
use super::functions::{self, SET_CONFIG};
use super::walk::Fields;
use super::{Place, Search, Written};
use crate::StatementKind;
use crate::guarded::{Guarded, Reached};
use crate::parser::names::{ident, is_untrusted};

/// Settings that say who the session is.
const WHO: &[&str] = &["role", "session_authorization"];

/// Roles of the server's own that reach out of it.
const POWERS: &[&str] = &["pg_execute_server_program", "pg_read_server_files", "pg_write_server_files"];

/// The fields that are wanted of a kind of node; nothing, where it does not matter.
pub(super) fn fields_of(node: &str) -> Option<&'static [&'static str]> {
    Some(match node {
        "FuncCall" => &["funcname", "args", "location"],
        "CopyStmt" => &["is_from", "is_program", "filename"],
        "VariableSetStmt" => &["kind", "name", "args"],
        "InsertStmt" | "UpdateStmt" | "DeleteStmt" | "MergeStmt" => &["relation"],
        "CreateFunctionStmt" => &["options"],
        "DoStmt" => &["args"],
        "CreatePLangStmt" => &["plname", "plhandler"],
        "CreateExtensionStmt" => &["extname", "options"],
        "AlterExtensionStmt" => &["extname"],
        "CreateRoleStmt" | "AlterRoleStmt" => &["options"],
        "GrantRoleStmt" => &["granted_roles", "is_grant"],
        "GrantStmt" => &["objects", "is_grant", "objtype"],
        "CommentStmt" | "SecLabelStmt" => &["objtype"],
        "RenameStmt" => &["rename_type"],
        "AlterOwnerStmt" => &["object_type"],
        "AlterRoleSetStmt"
        | "DropRoleStmt"
        | "AlterDatabaseStmt"
        | "AlterDatabaseSetStmt"
        | "AlterDatabaseRefreshCollStmt"
        | "ReassignOwnedStmt"
        | "DropOwnedStmt"
        | "DropUserMappingStmt" => &[],
        "CreateCastStmt" => &["func"],
        "DefineStmt" => &["definition"],
        "CreateTrigStmt" | "CreateEventTrigStmt" => &["funcname"],
        other => return whole(other).map(|_| [].as_slice()),
    })
}

/// Whether what a function is called with matters, by its name.
pub(super) fn arguments_matter(funcname: &Value) -> bool {
    let name = strings(funcname, "sval").pop().unwrap_or_default();
    name == SET_CONFIG || functions::runs_text(&name)
}

/// Statements that are guarded whatever they say.
fn whole(node: &str) -> Option<(Guarded, &'static str)> {
    Some(match node {
        "AlterSystemStmt" => (Guarded::AlterSystem, "ALTER SYSTEM"),
        "CreatedbStmt" => (Guarded::CreateDatabase, "CREATE DATABASE"),
        "DropdbStmt" => (Guarded::DropDatabase, "DROP DATABASE"),
        "LoadStmt" => (Guarded::Load, "LOAD"),
        "CreateTableSpaceStmt" => (Guarded::Tablespaces, "CREATE TABLESPACE"),
        "DropTableSpaceStmt" => (Guarded::Tablespaces, "DROP TABLESPACE"),
        "AlterTableSpaceOptionsStmt" => (Guarded::Tablespaces, "ALTER TABLESPACE"),
        "CreateSubscriptionStmt" => (Guarded::Subscription, "CREATE SUBSCRIPTION"),
        "AlterSubscriptionStmt" => (Guarded::Subscription, "ALTER SUBSCRIPTION"),
        "DropSubscriptionStmt" => (Guarded::Subscription, "DROP SUBSCRIPTION"),
        "CreateForeignServerStmt" => (Guarded::OtherServers, "CREATE SERVER"),
        "AlterForeignServerStmt" => (Guarded::OtherServers, "ALTER SERVER"),
        "CreateFdwStmt" => (Guarded::OtherServers, "CREATE FOREIGN DATA WRAPPER"),
        "AlterFdwStmt" => (Guarded::OtherServers, "ALTER FOREIGN DATA WRAPPER"),
        "CreateUserMappingStmt" => (Guarded::OtherServers, "CREATE USER MAPPING"),
        "AlterUserMappingStmt" => (Guarded::OtherServers, "ALTER USER MAPPING"),
        "ImportForeignSchemaStmt" => (Guarded::OtherServers, "IMPORT FOREIGN SCHEMA"),
        _ => return None,
    })
}

impl Search<'_> {
    /// Notes what a node reaches.
    pub(super) fn judge(&mut self, node: &'static str, fields: &Fields, place: Place<'_>) {
        let field = |name: &str| fields.get(name).unwrap_or(&Value::Null);
        let at = place.base;
        if let Some(by) = beside(node, fields) {
            self.add(at, Reached::Beside { by });
        }
        match node {
            "FuncCall" => self.function_call(fields, place),
            "CopyStmt" => self.copy(fields, at),
            "VariableSetStmt" => self.set(fields, at),
            "InsertStmt" => self.write(StatementKind::Insert, field("relation"), at),
            "UpdateStmt" => self.write(StatementKind::Update, field("relation"), at),
            "DeleteStmt" => self.write(StatementKind::Delete, field("relation"), at),
            "MergeStmt" => self.write(StatementKind::Merge, field("relation"), at),
            "CreateFunctionStmt" => self.routine(field("options"), place),
            "DoStmt" => self.do_block(field("args"), place),
            "CreatePLangStmt" => self.language_made(fields, at),
            "CreateExtensionStmt" | "AlterExtensionStmt" => {
                let name = field("extname").as_str().unwrap_or_default().to_owned();
                let cascade = option(field("options"), "cascade").is_some();
                self.add(at, Reached::Extension { name, cascade });
            }
            "CreateRoleStmt" | "AlterRoleStmt" => {
                if option(field("options"), "superuser").is_some_and(|value| !says_no(value)) {
                    self.guarded(at, Guarded::Superusers, "SUPERUSER");
                }
            }
            "GrantRoleStmt" if *field("is_grant") == true => {
                let roles = strings(field("granted_roles"), "priv_name");
                if let Some(role) = roles.iter().find(|role| POWERS.contains(&role.as_str())) {
                    self.guarded(at, Guarded::Superusers, &format!("GRANT {role}"));
                }
            }
            "GrantStmt" if *field("is_grant") == true => self.functions_in(field("objects"), "objname", at),
            "CreateCastStmt" => self.functions_in(field("func"), "objname", at),
            "DefineStmt" => self.functions_in(field("definition"), "names", at),
            "CreateTrigStmt" | "CreateEventTrigStmt" => self.named(&strings(field("funcname"), "sval"), at),
            other => {
                if let Some((what, words)) = whole(other) {
                    self.guarded(at, what, words);
                }
            }
        }
    }

    pub(super) fn guarded(&mut self, at: usize, what: Guarded, by: &str) {
        self.add(at, Reached::Guarded { what, by: by.to_owned() });
    }

    fn write(&mut self, kind: StatementKind, table: &Value, at: usize) {
        let part = |name: &str| table[name].as_str().filter(|part| !part.is_empty()).map(ident);
        let table = part("schemaname").into_iter().chain(part("relname")).collect::<Vec<_>>().join(".");
        // A view whose rule sets what is written to it.
        if kind == StatementKind::Update && (table == "pg_settings" || table == "pg_catalog.pg_settings") {
            self.guarded(at, Guarded::SetRole, "UPDATE of pg_settings");
        }
        self.writes.push(Written { at, kind, table });
    }

    fn language_made(&mut self, fields: &Fields, at: usize) {
        let name = fields.get("plname").and_then(Value::as_str).unwrap_or_default();
        let handler =
            fields.get("plhandler").and_then(Value::as_array).is_some_and(|parts| !parts.is_empty());
        if handler || is_untrusted(name) {
            self.guarded(at, Guarded::UntrustedLanguages, &format!("CREATE LANGUAGE {name}"));
        }
    }

    fn copy(&mut self, fields: &Fields, at: usize) {
        let is = |name: &str| fields.get(name).is_some_and(|value| *value == true);
        let way = if is("is_from") { "FROM" } else { "TO" };
        if is("is_program") {
            self.guarded(at, Guarded::CopyProgram, &format!("COPY {way} PROGRAM"));
        } else if fields.get("filename").and_then(Value::as_str).is_some_and(|name| !name.is_empty()) {
            self.guarded(at, Guarded::ServerFiles, &format!("COPY {way} a file"));
        }
    }

    /// SET of who the session is; back to who it was is harmless.
    fn set(&mut self, fields: &Fields, at: usize) {
        let name = fields.get("name").and_then(Value::as_str).unwrap_or_default().to_ascii_lowercase();
        let sets = [VariableSetKind::VarSetValue, VariableSetKind::VarSetCurrent];
        let sets = sets.iter().any(|kind| fields.get("kind") == Some(&Value::from(*kind as i32)));
        let values = fields.get("args").map(|args| strings(args, "sval")).unwrap_or_default();
        let to_none =
            name == "role" && values.first().is_some_and(|value| value.eq_ignore_ascii_case("none"));
        if sets && WHO.contains(&name.as_str()) && !to_none {
            let words = if name == "role" { "SET ROLE" } else { "SET SESSION AUTHORIZATION" };
            self.guarded(at, Guarded::SetRole, words);
        }
    }

    fn function_call(&mut self, fields: &Fields, place: Place<'_>) {
        let name = fields.get("funcname").map(|name| strings(name, "sval")).unwrap_or_default();
        let location = fields.get("location").and_then(Value::as_u64);
        let at = place.base + location.and_then(|at| usize::try_from(at).ok()).unwrap_or_default();
        self.named(&name, at);
        let args = fields.get("args").unwrap_or(&Value::Null);
        let own = name.last().map(String::as_str).unwrap_or_default();
        if own == SET_CONFIG && may_say_who(&setting(&args[0])) {
            self.guarded(at, Guarded::SetRole, "set_config()");
        } else if functions::runs_text(own) {
            for text in strings(args, "sval") {
                self.text("sql", &text, Place { base: at, text: "" });
            }
        }
    }

    /// Functions that are named under that key, anywhere in it.
    fn functions_in(&mut self, value: &Value, key: &str, at: usize) {
        match value {
            Value::Array(items) => items.iter().for_each(|item| self.functions_in(item, key, at)),
            Value::Object(fields) => {
                if let Some(name) = fields.get(key) {
                    self.named(&strings(name, "sval"), at);
                }
                fields.values().for_each(|inner| self.functions_in(inner, key, at));
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    /// A function is used that is written like that.
    pub(super) fn named(&mut self, parts: &[String], at: usize) {
        let Some((name, before)) = parts.split_last() else { return };
        let schema = before.last().map(String::as_str);
        if let Some(what) = functions::guarded(schema, name) {
            self.guarded(at, what, &format!("{name}()"));
        }
        if let Some(known) = self.functions.iter().find(|known| known.may_be(schema, name)) {
            let known = known.clone();
            self.add(at, Reached::Function(known));
        }
    }
}

/// What is known of the name of a setting.
pub(super) enum SettingName {
    Whole(String),
    Starts(String),
    Unknown,
}

/// Whether the setting may be who the session is. One with a dot is nobody's but the application's.
pub(super) fn may_say_who(name: &SettingName) -> bool {
    match name {
        SettingName::Whole(name) => WHO.iter().any(|who| name.eq_ignore_ascii_case(who)),
        SettingName::Starts(start) => !start.contains('.'),
        SettingName::Unknown => true,
    }
}

fn setting(argument: &Value) -> SettingName {
    let node = &argument["node"];
    let constant = |value: &Value| value["AConst"]["val"]["Sval"]["sval"].as_str().map(str::to_owned);
    if let Some(name) = constant(node).or_else(|| constant(&node["TypeCast"]["arg"]["node"])) {
        SettingName::Whole(name)
    } else if let Some(start) = constant(&node["AExpr"]["lexpr"]["node"]) {
        SettingName::Starts(start)
    } else {
        SettingName::Unknown
    }
}

/// All texts under that key, in order, not looking into what holds one.
pub(super) fn strings(value: &Value, key: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![value];
    while let Some(value) = open.pop() {
        match value {
            Value::Array(items) => open.extend(items.iter().rev()),
            Value::Object(fields) => match fields.get(key) {
                Some(Value::String(text)) => found.push(text.clone()),
                Some(_) | None => open.extend(fields.values()),
            },
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    found
}

/// The value of an option of that name.
pub(super) fn option<'a>(options: &'a Value, name: &str) -> Option<&'a Value> {
    let mut options = options.as_array()?.iter().rev().map(|option| &option["node"]["DefElem"]);
    let of_name = |option: &&Value| option["defname"].as_str().is_some_and(|n| n.eq_ignore_ascii_case(name));
    options.find(of_name).map(|option| &option["arg"])
}

fn says_no(value: &Value) -> bool {
    value["node"]["Boolean"]["boolval"] == false
}
