//! sqlx: `0001_name.sql`, or `0001_name.up.sql` and `0001_name.down.sql`, in the order of the numbers.

use super::checksum;
use super::detect::Looks;
use super::entry::{Entry, Pair, Part, flat, origin, parts, version};
use super::files::{numbered, text, unpadded};
use super::{LayoutError, Reading, SourceFile};
use crate::origin::Origin;

const EXPECTED: &str =
    "a number, an underscore and a name, for example 20240131120000_create_users.sql or 0001_users.up.sql";

/// What a file that runs outside of a transaction begins with, at its first byte.
const MARK: &str = "-- no-transaction";

/// Pairs are also golang-migrate's, and single files anybody's.
pub(super) fn looks(looks: &Looks<'_>) -> bool {
    let pairs = looks.top().any(|path| super::golang_migrate::half_name(path).is_some());
    if pairs {
        return is_ours(looks) || !super::golang_migrate::is_ours(looks);
    }
    looks.has("sqlx.toml") || looks.begins(MARK)
}

/// Whether something speaks for sqlx and not for golang-migrate.
pub(super) fn is_ours(looks: &Looks<'_>) -> bool {
    let four = |path: &str| half_name(path).is_some_and(|(number, _, _)| number.len() == 4);
    let single = |path: &str| !path.ends_with(".up.sql") && !path.ends_with(".down.sql");
    looks.has("sqlx.toml")
        || looks.begins(MARK)
        || looks.top().any(|path| four(path) || (single(path) && half_name(path).is_some()))
}

fn half_name(path: &str) -> Option<(&str, &str, bool)> {
    let down = path.strip_suffix(".down.sql").map(|stem| (stem, true));
    let up = || path.strip_suffix(".up.sql").or_else(|| path.strip_suffix(".sql")).map(|stem| (stem, false));
    let (stem, back) = down.or_else(up)?;
    let (number, title) = numbered(stem)?;
    number.parse::<i64>().ok()?;
    Some((number, title, back))
}

pub(super) fn read(files: &[SourceFile]) -> Reading {
    let mut reading = Reading::default();
    for pair in flat(files, half_name, EXPECTED, &mut reading.errors) {
        reading.add(entry(&pair));
    }
    reading.or_nothing("0001_name.sql")
}

fn entry(pair: &Pair<'_>) -> Result<Entry, Vec<LayoutError>> {
    let (up, down) = parts(pair, part)?;
    let version = version(pair.number, &pair.up.path, EXPECTED).map_err(|error| vec![error])?;
    let origin = Origin {
        checksum: Some(checksum::sqlx(&pair.up.bytes)),
        ..origin(unpadded(pair.number), pair.title.replace('_', " "), &pair.up.path)
    };
    Ok(Entry { version, name: pair.title.to_owned(), up, down, repeatable: false, origin })
}

fn part(file: &SourceFile) -> Result<Part, LayoutError> {
    let sql = text(file)?;
    Ok(Part { sql: sql.to_owned(), autocommit: sql.starts_with(MARK), file: file.path.clone() })
}
