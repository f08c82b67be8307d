//! Row by row, for each tool.

use std::collections::BTreeMap;

use super::{Applied, Past, moment};
use crate::history::Tool;
use crate::time::Timestamp;

/// A row by the names of its columns.
#[derive(Clone, Copy)]
pub(super) struct Row<'a> {
    pub(super) fields: &'a [&'static str],
    pub(super) cells: &'a [Option<String>],
}

impl<'a> Row<'a> {
    fn get(&self, name: &str) -> Option<&'a str> {
        let at = self.fields.iter().position(|field| *field == name)?;
        self.cells.get(at)?.as_deref()
    }

    fn text(&self, name: &str) -> &'a str {
        self.get(name).unwrap_or_default()
    }

    fn is(&self, name: &str) -> bool {
        self.get(name) == Some("true")
    }

    fn at(&self, name: &str) -> Option<Timestamp> {
        self.get(name)?.parse().ok().map(Timestamp)
    }

    fn applied(&self, id: &str, name: &str, at: Option<Timestamp>) -> Applied {
        Applied {
            id: self.text(id).to_owned(),
            name: self.text(name).to_owned(),
            applied_at: at,
            checksum: self.get("checksum").map(str::to_owned),
            more: BTreeMap::new(),
        }
    }
}

/// Takes over what the rows mean.
///
/// # Errors
/// What is in them that the tool does not write.
pub(super) fn mean(past: &mut Past, rows: &[Row<'_>]) -> Result<(), String> {
    match past.tool {
        Tool::GolangMigrate => golang_migrate(past, rows),
        Tool::Alembic => alembic(past, rows),
        Tool::Flyway => flyway(past, rows),
        Tool::Goose => {
            goose(past, rows);
            Ok(())
        }
        Tool::Liquibase => liquibase(past, rows),
        Tool::Prisma => {
            prisma(past, rows);
            Ok(())
        }
        Tool::Sqlx => {
            sqlx(past, rows);
            Ok(())
        }
        Tool::Sqitch => {
            past.applied.extend(rows.iter().map(sqitch));
            Ok(())
        }
        Tool::Diesel => {
            past.applied.extend(rows.iter().map(|row| row.applied("version", "", row.at("run_on"))));
            Ok(())
        }
        Tool::Dbmate | Tool::Rails => {
            past.applied.extend(rows.iter().map(|row| row.applied("version", "", None)));
            Ok(())
        }
        Tool::SqlMigrate => {
            past.applied.extend(rows.iter().map(|row| row.applied("id", "id", row.at("applied_at"))));
            Ok(())
        }
        Tool::Refinery => {
            let applied =
                |row: &Row<'_>| row.applied("version", "name", moment::rfc3339(row.text("applied_on")));
            past.applied.extend(rows.iter().map(applied));
            Ok(())
        }
    }
}

/// One row, or none: the number that was reached.
fn golang_migrate(past: &mut Past, rows: &[Row<'_>]) -> Result<(), String> {
    let [row] = rows else {
        return match rows.len() {
            0 => Ok(()),
            several => Err(format!("it has {several} rows, and golang-migrate keeps one")),
        };
    };
    let version = row.text("version");
    if row.is("dirty") {
        past.dirty(
            version,
            "golang-migrate failed half-way in it (dirty): see what of it is in the database, then run migrate force",
        );
    }
    // -1 stands for "nothing".
    if !version.starts_with('-') {
        past.mark(version, None);
    }
    Ok(())
}

/// A row for each head; what lies below a head is known to its scripts only.
fn alembic(past: &mut Past, rows: &[Row<'_>]) -> Result<(), String> {
    match rows {
        [] => Ok(()),
        [row] => {
            past.mark(row.text("version_num"), None);
            Ok(())
        }
        several => {
            let heads: Vec<&str> = several.iter().map(|row| row.text("version_num")).collect();
            Err(format!("it has several heads ({}): merge them with alembic merge first", heads.join(", ")))
        }
    }
}

fn sqlx(past: &mut Past, rows: &[Row<'_>]) {
    for row in rows {
        if row.is("success") {
            past.applied.push(row.applied("version", "description", row.at("installed_on")));
        } else {
            past.dirty(
                row.text("version"),
                "sqlx did not finish it (success is false): finish or undo it by hand, then correct its row",
            );
        }
    }
}

/// A log: the newest row of a version counts. 0 is the row that the table begins with.
fn goose(past: &mut Past, rows: &[Row<'_>]) {
    let mut newest: BTreeMap<&str, usize> = BTreeMap::new();
    for (at, row) in rows.iter().enumerate() {
        newest.insert(row.text("version_id"), at);
    }
    for (at, row) in rows.iter().enumerate() {
        let counts = newest.get(row.text("version_id")) == Some(&at) && row.is("is_applied");
        if counts && row.text("version_id") != "0" {
            past.applied.push(row.applied("version_id", "", row.at("tstamp")));
        }
    }
}

/// The newest row of a name counts. Rolled back: it does not.
fn prisma(past: &mut Past, rows: &[Row<'_>]) {
    for row in rows {
        let name = row.text("migration_name");
        past.applied.retain(|applied| applied.id != name);
        past.dirty.retain(|dirty| dirty.id != name);
        match (row.at("finished_at"), row.get("rolled_back_at")) {
            (_, Some(_)) => {}
            (Some(at), None) => past.applied.push(row.applied("migration_name", "migration_name", Some(at))),
            (None, None) => past.dirty(
                name,
                "Prisma did not finish it: see what of it is in the database, then run prisma migrate resolve",
            ),
        }
    }
}

fn flyway(past: &mut Past, rows: &[Row<'_>]) -> Result<(), String> {
    for row in rows {
        let (id, description, kind) = (row.text("version"), row.text("description"), row.text("type"));
        let same = |applied: &Applied| applied.id == id && (!id.is_empty() || applied.name == description);
        match kind {
            // Flyway made the schema itself.
            "SCHEMA" => {}
            _ if !row.is("success") => past.dirty(
                if id.is_empty() { description } else { id },
                "Flyway failed in it (success is false): see what of it is in the database, then run flyway repair",
            ),
            "BASELINE" | "SQL_BASELINE" => past.mark(id, row.at("installed_on")),
            "SQL" | "JDBC" | "SPRING_JDBC" | "SCRIPT" | "CUSTOM" => {
                past.applied.retain(|applied| !same(applied));
                let mut applied = row.applied("version", "description", row.at("installed_on"));
                applied.more.insert("script".to_owned(), row.text("script").to_owned());
                past.applied.push(applied);
            }
            // Taken back, or found missing by flyway repair.
            "DELETE" => past.applied.retain(|applied| !same(applied)),
            undo if undo.starts_with("UNDO_") => past.applied.retain(|applied| !same(applied)),
            other => return Err(format!("the row of {id} has the type {other}, which is not known")),
        }
    }
    Ok(())
}

fn liquibase(past: &mut Past, rows: &[Row<'_>]) -> Result<(), String> {
    for row in rows {
        let id = row.text("id");
        match row.text("exectype") {
            "EXECUTED" | "RERAN" | "MARK_RAN" => {
                let mut applied = row.applied("id", "id", row.at("dateexecuted"));
                applied.checksum = row.get("md5sum").map(str::to_owned);
                for column in ["author", "filename"] {
                    applied.more.insert(column.to_owned(), row.text(column).to_owned());
                }
                past.applied.push(applied);
            }
            "FAILED" | "SKIPPED" => {}
            other => return Err(format!("the row of {id} has the exectype {other}, which is not known")),
        }
    }
    Ok(())
}

fn sqitch(row: &Row<'_>) -> Applied {
    let mut applied = row.applied("change_id", "change", row.at("committed_at"));
    applied.checksum = row.get("script_hash").map(str::to_owned);
    applied.more.insert("project".to_owned(), row.text("project").to_owned());
    applied
}
