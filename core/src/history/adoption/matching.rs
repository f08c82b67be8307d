//! Which file a row is about, and whether the file is what was applied.
//!
//! Where the release has the tool's own layout, the tool's own identity counts. Elsewhere (the files were converted, or
//! the tool has no layout of SQL) a row is about the migration that has its number, or its name.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::history::{Applied, Tool};
use crate::migration::{Migration, Version};
use crate::origin::Origin;
use crate::release::Release;

/// The migrations of a release, as a tool sees them.
pub(super) struct Files<'a> {
    release: &'a Release,
    tool: Tool,
    /// Whether the release has the tool's own layout.
    own: bool,
    by_key: BTreeMap<String, Vec<&'a Migration>>,
}

impl<'a> Files<'a> {
    pub(super) fn new(release: &'a Release, tool: Tool) -> Self {
        let own = Tool::of(release.layout) == Some(tool);
        let mut by_key: BTreeMap<String, Vec<&Migration>> = BTreeMap::new();
        for migration in &release.migrations {
            let keys = match migration.origin.as_ref().filter(|_| own) {
                Some(origin) => vec![own_key(tool, origin)],
                None => other_keys(migration),
            };
            for key in keys {
                by_key.entry(key).or_default().push(migration);
            }
        }
        Self { release, tool, own, by_key }
    }

    /// The migration that a row is about.
    pub(super) fn of(&self, row: &Applied) -> Option<&'a Migration> {
        let keys = if self.own { vec![row_key(self.tool, row)] } else { keys_of_text(row) };
        let found = keys.iter().find_map(|key| self.by_key.get(key))?;
        match found.as_slice() {
            [one] => Some(*one),
            // Only Liquibase's files may tell several apart.
            several => several.iter().find(|migration| same_file(migration, row)).copied(),
        }
    }

    /// Everything up to a mark, with the migration at the mark; `None`: there is no such migration.
    pub(super) fn up_to(&self, id: &str) -> Option<&'a [Migration]> {
        let at = |migration: &Migration| match migration.origin.as_ref().filter(|_| self.own) {
            Some(origin) => origin.id == id,
            None => {
                number(id).is_some_and(|id| number(migration.version.as_str()) == Some(id))
                    || is_called(migration, id)
            }
        };
        let migrations = &self.release.migrations;
        let count = if self.tool == Tool::Flyway {
            // A baseline need not be a file.
            let mark = groups(id);
            let below = |m: &&Migration| !m.repeatable && groups(m.version.as_str()) <= mark;
            Some(migrations.iter().take_while(below).count())
        } else {
            migrations.iter().position(at).map(|at| at + 1)
        };
        migrations.get(..count?)
    }
}

/// What the tool knows a migration by.
fn own_key(tool: Tool, origin: &Origin) -> String {
    key(tool, &origin.id, &origin.description, &origin.more)
}

fn row_key(tool: Tool, row: &Applied) -> String {
    key(tool, &row.id, &row.name, &row.more)
}

fn key(tool: Tool, id: &str, name: &str, more: &BTreeMap<String, String>) -> String {
    match tool {
        Tool::Flyway => flyway_key(id, name),
        Tool::Liquibase => author_key(id, more),
        Tool::GolangMigrate
        | Tool::Sqlx
        | Tool::Diesel
        | Tool::Dbmate
        | Tool::Goose
        | Tool::SqlMigrate
        | Tool::Refinery
        | Tool::Prisma
        | Tool::Sqitch
        | Tool::Rails
        | Tool::Alembic => id.to_owned(),
    }
}

/// What is repeatable has no version, and goes by its description.
fn flyway_key(version: &str, description: &str) -> String {
    if version.is_empty() { format!("R {description}") } else { format!("{:?}", groups(version)) }
}

fn author_key(id: &str, more: &BTreeMap<String, String>) -> String {
    format!("{}\n{id}", more.get("author").map_or("", String::as_str))
}

/// A version of Flyway's: numbers, in which zeros at the end do not count.
fn groups(version: &str) -> Vec<u128> {
    let mut groups: Vec<u128> =
        version.split(['.', '_']).map(|group| group.parse().unwrap_or(u128::MAX)).collect();
    while groups.last() == Some(&0) {
        groups.pop();
    }
    groups
}

/// What another tool than that of the layout may call a migration.
fn other_keys(migration: &Migration) -> Vec<String> {
    let Migration { version, name, .. } = migration;
    let number = number(version.as_str());
    let mut keys: Vec<String> = number.into_iter().collect();
    keys.extend([name.clone(), format!("{version}_{name}")]);
    keys.dedup();
    keys
}

fn keys_of_text(row: &Applied) -> Vec<String> {
    let stem = row.id.strip_suffix(".sql").unwrap_or(&row.id).to_owned();
    let mut keys: Vec<String> = number(&row.id).into_iter().collect();
    keys.extend([stem, row.name.clone()].into_iter().filter(|text| !text.is_empty()));
    keys
}

/// A number, without what does not count in it.
fn number(text: &str) -> Option<String> {
    let version: Version = text.parse().ok()?;
    let digits = |group: &str| !group.is_empty() && group.bytes().all(|c| c.is_ascii_digit());
    let group = |group: &str| group.trim_start_matches('0').to_owned();
    let groups = version.as_str().split('.');
    groups.clone().all(digits).then(|| format!("# {}", groups.map(group).collect::<Vec<_>>().join(".")))
}

/// Whether a migration's version or name is, or its name begins with, what a tool calls it.
fn is_called(migration: &Migration, id: &str) -> bool {
    let Migration { version, name, .. } = migration;
    let begins =
        |name: &str| name.strip_prefix(id).is_some_and(|rest| rest.is_empty() || rest.starts_with('_'));
    !id.is_empty() && (version.as_str() == id || begins(name))
}

/// The tool was run from some directory: one of the two paths ends with the other.
fn same_file(migration: &Migration, row: &Applied) -> bool {
    let Some(origin) = &migration.origin else { return false };
    let ours = origin.more.get("filename").unwrap_or(&origin.script).as_str();
    row.more.get("filename").is_some_and(|theirs| {
        let ends = |long: &str, short: &str| {
            long.strip_suffix(short).is_some_and(|head| head.is_empty() || head.ends_with(['/', ':']))
        };
        ends(theirs, ours) || ends(ours, theirs)
    })
}

/// Whether the file has the checksum that the tool keeps; `None`: there is nothing to compare.
pub(super) fn is_as_applied(row: &Applied, migration: &Migration, files: &Files<'_>) -> Option<bool> {
    if !files.own {
        return None;
    }
    let origin = migration.origin.as_ref()?;
    let (theirs, ours) = (row.checksum.as_deref()?, origin.checksum.as_deref()?);
    // Of Liquibase's older algorithms only the number is known.
    if files.tool == Tool::Liquibase && algorithm(theirs) != algorithm(ours) {
        return None;
    }
    // What the tool takes for the same as well: other line ends, the numbers of another build.
    let others = origin.more.iter().filter(|(name, _)| name.starts_with("checksum_"));
    let mut all = others.map(|(_, checksum)| checksum.as_str()).chain([ours]);
    let prisma = files.tool == Tool::Prisma;
    Some(all.any(|ours| theirs == ours || prisma && theirs == without_zeros(ours)))
}

fn algorithm(checksum: &str) -> Option<&str> {
    checksum.split_once(':').map(|(algorithm, _)| algorithm)
}

/// Old versions of Prisma wrote each byte with as few digits as it needs.
fn without_zeros(hex: &str) -> String {
    let mut text = String::with_capacity(hex.len());
    for pair in hex.as_bytes().chunks(2) {
        let pair = std::str::from_utf8(pair).unwrap_or_default();
        if let Ok(byte) = u8::from_str_radix(pair, 16) {
            // Writing to a text does not fail.
            let _ = write!(text, "{byte:x}");
        }
    }
    text
}
