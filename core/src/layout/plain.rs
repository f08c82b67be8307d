//! The plain layout: `NNN_name.sql`, and `rollback/NNN_rollback.sql` for the way back.

use super::detect::Looks;
use super::entry::{by_number, own_mark};
use super::files::{is_top, text};
use super::{LayoutError, Misfit, ROLLBACK_DIR, Reading, SourceFile};
use crate::migration::{MigrationSource, Version};

pub(super) const EXAMPLE: &str = "001_name.sql";

const EXPECTED: &str = "a version, an underscore and a name, for example 001_create_users.sql";

/// Numbered files alone say nothing: several tools have them.
pub(super) fn looks(looks: &Looks<'_>) -> bool {
    let backs = looks.sql().any(|file| is_back(&file.path));
    backs && looks.top().any(|path| parse_name(path).is_ok())
}

fn is_back(path: &str) -> bool {
    path.split_once('/').is_some_and(|(dir, name)| dir == ROLLBACK_DIR && is_top(name))
}

struct Named<'a> {
    path: &'a str,
    version: Version,
    name: &'a str,
    sql: &'a str,
}

pub(super) fn read(files: &[SourceFile]) -> Reading {
    let mut reading = Reading::default();
    let (mut up, mut down) = (Vec::new(), Vec::new());
    for file in files.iter().filter(|file| file.path.ends_with(".sql")) {
        let group = match (is_top(&file.path), is_back(&file.path)) {
            (true, _) => &mut up,
            (false, true) => &mut down,
            (false, false) => continue,
        };
        match named(file) {
            Ok(named) => group.push(named),
            Err(error) => reading.errors.push(error),
        }
    }
    up.sort_by(|a, b| a.version.cmp(&b.version));
    reading.migrations = up.into_iter().map(source).collect();
    reading.refuse_twins("number", by_number);
    for back in down {
        let is_its = |m: &&mut MigrationSource| m.version.same_number(&back.version);
        let error = match reading.migrations.iter_mut().find(is_its) {
            None => Misfit::Orphan { version: back.version },
            Some(migration) => match &migration.down_file {
                Some(other) => Misfit::SameVersion { other: other.clone(), number: "number" },
                None => {
                    migration.down = Some(back.sql.to_owned());
                    migration.down_file = Some(back.path.to_owned());
                    migration.down_autocommit = own_mark(back.sql);
                    continue;
                }
            },
        };
        reading.errors.push(LayoutError::file(back.path, error));
    }
    reading.or_nothing(EXAMPLE)
}

fn source(named: Named<'_>) -> MigrationSource {
    let Named { path, version, name, sql } = named;
    MigrationSource {
        up_file: path.to_owned(),
        up_autocommit: own_mark(sql),
        ..MigrationSource::plain(version, name, sql, None)
    }
}

/// The version and the name that a file's name says.
pub(super) fn parse_name(path: &str) -> Result<(Version, &str), LayoutError> {
    let bad_name = || LayoutError::file(path, Misfit::BadName { expected: EXPECTED });
    let stem = path.rsplit('/').next().and_then(|name| name.strip_suffix(".sql")).ok_or_else(bad_name)?;
    let (version, name) = stem.split_once('_').ok_or_else(bad_name)?;
    let printable = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | ' ');
    let digits = !version.is_empty() && version.bytes().all(|c| c.is_ascii_digit());
    if !digits || name.is_empty() || !name.chars().all(printable) {
        return Err(bad_name());
    }
    Ok((version.parse().map_err(|_| bad_name())?, name))
}

fn named(file: &SourceFile) -> Result<Named<'_>, LayoutError> {
    let (version, name) = parse_name(&file.path)?;
    let sql = text(file)?;
    if sql.trim().is_empty() {
        return Err(LayoutError::file(&file.path, Misfit::Empty));
    }
    Ok(Named { path: &file.path, version, name, sql })
}
