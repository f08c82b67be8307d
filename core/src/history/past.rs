//! What the rows of each tool's table mean: which migrations it applied, and in what state it left them.

use std::collections::BTreeMap;

use super::shape::{Part, TABLES};
use super::{HistoryFault, MAX_ROWS, Shape, Table, Tool};
use crate::digest::Digest;
use crate::origin::Layout;
use crate::time::Timestamp;

mod moment;
mod rows;

/// A migration that a tool applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// How the tool calls it: [`Origin::id`](crate::origin::Origin::id).
    pub id: String,
    /// Its name, its description or its file, whichever the tool keeps.
    pub name: String,
    /// When; `None`: the tool does not say.
    pub applied_at: Option<Timestamp>,
    /// The checksum, in the tool's own form.
    pub checksum: Option<String>,
    /// What else identifies it, by column.
    pub more: BTreeMap<String, String>,
}

/// A mark up to which everything counts as applied, though the tool keeps no row of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpTo {
    /// The migration at the mark.
    pub id: String,
    /// When it was set; `None`: the tool does not say.
    pub applied_at: Option<Timestamp>,
}

/// A migration that the tool left unfinished.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dirty {
    /// How the tool calls it.
    pub id: String,
    /// What its row says, and what to do.
    pub what: &'static str,
}

/// What a history table says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Past {
    /// Whose it is.
    pub tool: Tool,
    /// The table's schema.
    pub schema: String,
    /// The table's name.
    pub name: String,
    /// The digest of what was read.
    pub digest: Digest,
    /// Everything up to this is applied.
    pub up_to: Option<UpTo>,
    /// What is applied by rows of its own, in the order in which it was.
    pub applied: Vec<Applied>,
    /// What was left unfinished.
    pub dirty: Vec<Dirty>,
}

impl Past {
    /// Schema and table, for people.
    #[must_use]
    pub fn title(&self) -> String {
        format!("{}.{}", self.schema, self.name)
    }

    fn mark(&mut self, id: &str, applied_at: Option<Timestamp>) {
        self.up_to = Some(UpTo { id: id.to_owned(), applied_at });
    }

    fn dirty(&mut self, id: &str, what: &'static str) {
        self.dirty.push(Dirty { id: id.to_owned(), what });
    }
}

/// What the tables of a database say of the past. `wanted`: the tool whose table counts; `None`: the one whose layout
/// the migrations have, or else the only one that there is.
///
/// # Errors
/// When there is no such table, or it cannot be told what it means.
pub fn past(tables: &[Table], wanted: Option<Tool>, layout: Layout) -> Result<Past, HistoryFault> {
    let found = histories(tables);
    let strange: Vec<&Table> = tables.iter().filter(|table| is_strange(table)).collect();
    let tool = match wanted {
        Some(tool) => tool,
        None => choose(&found, &strange, layout)?,
    };
    let of_tool: Vec<&Table> =
        found.iter().filter(|(whose, _)| *whose == tool).map(|(_, table)| *table).collect();
    let filled: Vec<&Table> = of_tool.iter().filter(|table| !table.rows.is_empty()).copied().collect();
    match (filled.as_slice(), of_tool.first()) {
        ([table], _) | ([], Some(table)) => read(tool, table, tables),
        ([], None) => Err(missing(tool, &found, &strange)),
        (several, _) => Err(HistoryFault::Several(several.iter().map(|table| table.title()).collect())),
    }
}

/// The history tables, each with its tool. Hasura keeps golang-migrate's table in a schema of its own.
fn histories(tables: &[Table]) -> Vec<(Tool, &Table)> {
    let marked = |schema: &str| {
        let is_mark = |table: &Table| {
            table.schema == schema && table.shape().is_some_and(|shape| shape.part == Part::Mark)
        };
        tables.iter().any(is_mark)
    };
    let history = |table: &'_ Table| {
        let shape = table.shape().filter(|shape| shape.part == Part::History)?;
        Some(if shape.tool == Tool::Dbmate && marked(&table.schema) { Tool::Rails } else { shape.tool })
    };
    tables
        .iter()
        .filter(|table| table.schema != "hdb_catalog")
        .filter_map(|table| Some((history(table)?, table)))
        .collect()
}

/// Shapes of tables that are called so, by those whose name says enough.
fn named(table: &Table) -> impl Iterator<Item = &'static Shape> {
    let name = table.name.clone();
    let own_schema = table.schema == "sqitch";
    TABLES.iter().filter(move |shape| {
        let says_enough = shape.distinctive || shape.tool == Tool::Sqitch && own_schema;
        says_enough && shape.part == Part::History && shape.names.contains(&name.as_str())
    })
}

fn is_strange(table: &Table) -> bool {
    table.shape().is_none() && named(table).next().is_some()
}

fn choose(found: &[(Tool, &Table)], strange: &[&Table], layout: Layout) -> Result<Tool, HistoryFault> {
    let mut tools: Vec<Tool> = found.iter().map(|(tool, _)| *tool).collect();
    tools.sort();
    tools.dedup();
    let of_layout = Tool::of(layout);
    match (of_layout.filter(|tool| tools.contains(tool)), tools.as_slice(), strange.first()) {
        (Some(tool), _, _) => Ok(tool),
        (None, _, Some(table)) => Err(unknown_shape(table)),
        (None, [tool], None) => Ok(*tool),
        (None, [], None) => Err(HistoryFault::NoTable),
        (None, _, None) => Err(HistoryFault::Several(words(found))),
    }
}

fn words(found: &[(Tool, &Table)]) -> Vec<String> {
    found.iter().map(|(tool, table)| format!("{} ({tool})", table.title())).collect()
}

fn missing(tool: Tool, found: &[(Tool, &Table)], strange: &[&Table]) -> HistoryFault {
    if let Some(table) = strange.iter().find(|table| named(table).any(|shape| shape.tool == tool)) {
        return unknown_shape(table);
    }
    let found = if found.is_empty() { "none".to_owned() } else { words(found).join(", ") };
    HistoryFault::NotThere { tool, found }
}

fn unknown_shape(table: &Table) -> HistoryFault {
    let found: Vec<String> = table.columns.iter().map(|c| format!("{} ({})", c.name, c.kind)).collect();
    let tools: Vec<&str> = named(table).map(|shape| shape.tool.as_str()).collect();
    let expected: Vec<String> = named(table).map(Shape::words).collect();
    HistoryFault::UnknownShape {
        table: table.title(),
        tool: tools.join(" or "),
        found: found.join(", "),
        expected: expected.join("; or "),
    }
}

fn read(tool: Tool, table: &Table, tables: &[Table]) -> Result<Past, HistoryFault> {
    if table.rows.len() > MAX_ROWS {
        let what = format!("it has more than {MAX_ROWS} rows, which is more than is read");
        return Err(HistoryFault::Odd { table: table.title(), what });
    }
    unlocked(tool, table, tables)?;
    let mut past = Past {
        tool,
        schema: table.schema.clone(),
        name: table.name.clone(),
        digest: table.digest(),
        up_to: None,
        applied: Vec::new(),
        dirty: Vec::new(),
    };
    let shape = table.shape().ok_or_else(|| unknown_shape(table))?;
    let fields: Vec<&str> = shape.read().map(|field| field.name).collect();
    let all: Vec<rows::Row<'_>> =
        table.rows.iter().map(|cells| rows::Row { fields: &fields, cells }).collect();
    let odd = |what: String| HistoryFault::Odd { table: table.title(), what };
    rows::mean(&mut past, &all).map_err(odd)?;
    Ok(past)
}

/// Liquibase says in a table of its own whether it is at work.
fn unlocked(tool: Tool, history: &Table, tables: &[Table]) -> Result<(), HistoryFault> {
    let is_lock = |table: &&Table| {
        let shape = table.shape().filter(|shape| shape.part == Part::Lock && shape.tool == tool);
        shape.is_some() && table.schema == history.schema
    };
    let Some(lock) = tables.iter().find(is_lock) else { return Ok(()) };
    let held = lock.rows.iter().find(|row| row.first().is_some_and(|cell| cell.as_deref() == Some("true")));
    match held {
        None => Ok(()),
        Some(row) => {
            let by = row.get(1).and_then(Option::as_deref).map_or_else(String::new, |by| format!(" by {by}"));
            Err(HistoryFault::Locked { table: lock.title(), tool, by })
        }
    }
}
