//! The plain layout: `NNN_name.sql`, and `rollback/NNN_rollback.sql` for the way back.
//!
//! From file names and bytes to migrations; reading the directory is the caller's work.

use std::collections::BTreeMap;

use crate::migration::{MigrationSource, Version};

/// Largest file of SQL that is taken: a message of the protocol carries one whole.
pub const MAX_FILE_BYTES: usize = 1 << 20;

/// The folder of the rollback files.
pub const ROLLBACK_DIR: &str = "rollback";

/// A file as it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFile {
    /// Its path below the migrations directory, with `/` between the parts.
    pub path: String,
    /// Its contents.
    pub bytes: Vec<u8>,
}

/// A file that does not fit, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LayoutError {
    /// Its name has no version.
    #[error("{path}: the name must be a version, an underscore and a name, for example 001_create_users.sql")]
    BadName {
        /// The file.
        path: String,
    },
    /// Two files claim one version.
    #[error("{first} and {second} have one version: give one of them another number")]
    SameVersion {
        /// One file.
        first: String,
        /// The other.
        second: String,
    },
    /// A rollback file without a migration.
    #[error("{path}: there is no migration with version {version}")]
    Orphan {
        /// The file.
        path: String,
        /// The version in its name.
        version: Version,
    },
    /// It is empty.
    #[error("{path}: the file is empty; delete it, or write the SQL that it was meant to have")]
    Empty {
        /// The file.
        path: String,
    },
    /// It is not UTF-8.
    #[error("{path}: not UTF-8 at byte {at}; save the file as UTF-8")]
    NotUtf8 {
        /// The file.
        path: String,
        /// The first byte that is not.
        at: usize,
    },
    /// It is too large.
    #[error("{path}: {bytes} bytes; at most {MAX_FILE_BYTES} are taken")]
    TooLarge {
        /// The file.
        path: String,
        /// Its size.
        bytes: usize,
    },
    /// There is nothing to run.
    #[error("there is no migration: no file is called like 001_name.sql")]
    Nothing,
}

struct Named<'a> {
    path: &'a str,
    version: Version,
    name: String,
    sql: String,
}

/// Reads a directory's files. Files that do not end in `.sql` are none of its business.
///
/// # Errors
/// Everything that does not fit, at once.
pub fn read_plain(files: &[SourceFile]) -> Result<Vec<MigrationSource>, Vec<LayoutError>> {
    let mut errors = Vec::new();
    let (mut up, mut down) = (Vec::new(), Vec::new());
    for file in files.iter().filter(|f| f.path.ends_with(".sql")) {
        match (file.path.split_once('/'), named(file)) {
            (_, Err(error)) => errors.push(error),
            (None, Ok(named)) => up.push(named),
            (Some((dir, _)), Ok(named)) if dir == ROLLBACK_DIR => down.push(named),
            (Some(_), Ok(_)) => {}
        }
    }
    for group in [&mut up, &mut down] {
        group.sort_by(|a, b| a.version.cmp(&b.version));
        let twice = group.array_windows().filter(|[a, b]| a.version.same_number(&b.version));
        errors.extend(
            twice.map(|[a, b]| LayoutError::SameVersion {
                first: a.path.to_owned(),
                second: b.path.to_owned(),
            }),
        );
    }
    let orphan = |d: &&Named<'_>| up.iter().all(|u| !u.version.same_number(&d.version));
    errors.extend(
        down.iter()
            .filter(orphan)
            .map(|d| LayoutError::Orphan { path: d.path.to_owned(), version: d.version.clone() }),
    );
    if up.is_empty() && errors.is_empty() {
        errors.push(LayoutError::Nothing);
    }
    if errors.is_empty() { Ok(pair(up, down)) } else { Err(errors) }
}

fn pair(up: Vec<Named<'_>>, down: Vec<Named<'_>>) -> Vec<MigrationSource> {
    let number = |version: &Version| version.as_str().trim_start_matches('0').to_owned();
    let mut down: BTreeMap<String, String> = down.into_iter().map(|d| (number(&d.version), d.sql)).collect();
    let with_down = |up: Named<'_>| MigrationSource {
        down: down.remove(&number(&up.version)),
        version: up.version,
        name: up.name,
        up: up.sql,
    };
    up.into_iter().map(with_down).collect()
}

/// The version and the name that a file's name says.
///
/// # Errors
/// [`LayoutError::BadName`].
pub fn parse_name(path: &str) -> Result<(Version, &str), LayoutError> {
    let bad_name = || LayoutError::BadName { path: path.to_owned() };
    let stem = path.rsplit('/').next().and_then(|name| name.strip_suffix(".sql")).ok_or_else(bad_name)?;
    let (version, name) = stem.split_once('_').ok_or_else(bad_name)?;
    let version: Version = version.parse().map_err(|_| bad_name())?;
    let printable = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | ' ');
    if name.is_empty() || !name.chars().all(printable) || version.as_str().contains('.') {
        return Err(bad_name());
    }
    Ok((version, name))
}

fn named(file: &SourceFile) -> Result<Named<'_>, LayoutError> {
    let path = &file.path;
    let (version, name) = parse_name(path)?;
    if file.bytes.len() > MAX_FILE_BYTES {
        return Err(LayoutError::TooLarge { path: path.clone(), bytes: file.bytes.len() });
    }
    let sql = String::from_utf8(file.bytes.clone())
        .map_err(|error| LayoutError::NotUtf8 { path: path.clone(), at: error.utf8_error().valid_up_to() })?;
    if sql.trim().is_empty() {
        return Err(LayoutError::Empty { path: path.clone() });
    }
    Ok(Named { path, version, name: name.to_owned(), sql })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(files: &[(&str, &str)], expected: Result<&[&str], &[&str]>) {
        let files: Vec<_> = files
            .iter()
            .map(|(path, text)| SourceFile { path: (*path).into(), bytes: text.as_bytes().to_vec() })
            .collect();
        let read = read_plain(&files)
            .map(|found| {
                let line = |m: &MigrationSource| format!("{} {} {}", m.version, m.name, m.down.is_some());
                found.iter().map(line).collect::<Vec<_>>()
            })
            .map_err(|errors| errors.iter().map(ToString::to_string).collect::<Vec<_>>());
        let expected = expected
            .map(|lines| lines.iter().map(ToString::to_string).collect())
            .map_err(|lines| lines.iter().map(ToString::to_string).collect());
        assert_eq!(read, expected);
    }

    #[test]
    fn migrations_come_in_the_order_of_their_numbers_with_their_way_back() {
        check(
            &[
                ("10_c.sql", "select 1"),
                ("9_b.sql", "select 1"),
                ("rollback/009_rollback.sql", "select 2"),
                ("README.md", "not ours"),
                ("archive/001_old.sql", "not ours either"),
            ],
            Ok(&["9 b true", "10 c false"]),
        );
    }

    #[test]
    fn everything_that_does_not_fit_is_said_at_once() {
        check(
            &[
                ("001_a.sql", "select 1"),
                ("1_b.sql", "select 1"),
                ("x.sql", "select 1"),
                ("002_c.sql", " \n"),
                ("rollback/003_rollback.sql", "select 1"),
            ],
            Err(&[
                "x.sql: the name must be a version, an underscore and a name, for example 001_create_users.sql",
                "002_c.sql: the file is empty; delete it, or write the SQL that it was meant to have",
                "001_a.sql and 1_b.sql have one version: give one of them another number",
                "rollback/003_rollback.sql: there is no migration with version 003",
            ]),
        );
        check(&[], Err(&["there is no migration: no file is called like 001_name.sql"]));
    }

    #[test]
    fn bytes_that_are_not_text_are_named_with_their_place() {
        let file = SourceFile { path: "001_a.sql".into(), bytes: vec![b'-', b'-', 0xff] };
        assert_eq!(read_plain(&[file]), Err(vec![LayoutError::NotUtf8 { path: "001_a.sql".into(), at: 2 }]));
    }
}
