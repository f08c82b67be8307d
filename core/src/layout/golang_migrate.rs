//! golang-migrate: `000001_name.up.sql` and `000001_name.down.sql`, in the order of the numbers.

use super::detect::Looks;
use super::entry::{Entry, Pair, flat, origin, parts, version, whole};
use super::files::{numbered, unpadded};
use super::{LayoutError, Reading, SourceFile};

const EXPECTED: &str =
    "a number, an underscore, a name and the direction, for example 000001_create_users.up.sql";

/// Its own numbers have six digits or are seconds; those of sqlx have four or are moments.
pub(super) fn looks(looks: &Looks<'_>) -> bool {
    let pairs = looks.top().any(|path| half_name(path).is_some());
    pairs && (is_ours(looks) || !super::sqlx::is_ours(looks))
}

/// Whether something speaks for golang-migrate and not for sqlx.
pub(super) fn is_ours(looks: &Looks<'_>) -> bool {
    looks.top().filter_map(half_name).any(|(number, _, _)| matches!(number.len(), 6 | 10))
}

/// The number, the name and whether it is the way back.
pub(super) fn half_name(path: &str) -> Option<(&str, &str, bool)> {
    let up = path.strip_suffix(".up.sql").map(|stem| (stem, false));
    let (stem, back) = up.or_else(|| path.strip_suffix(".down.sql").map(|stem| (stem, true)))?;
    let (number, title) = numbered(stem)?;
    number.parse::<u64>().ok()?;
    Some((number, title, back))
}

pub(super) fn read(files: &[SourceFile]) -> Reading {
    let mut reading = Reading::default();
    for pair in flat(files, half_name, EXPECTED, &mut reading.errors) {
        reading.add(entry(&pair));
    }
    reading.or_nothing("000001_name.up.sql")
}

fn entry(pair: &Pair<'_>) -> Result<Entry, Vec<LayoutError>> {
    let (up, down) = parts(pair, whole)?;
    let version = version(pair.number, &pair.up.path, EXPECTED).map_err(|error| vec![error])?;
    let origin = origin(unpadded(pair.number), pair.title, &pair.up.path);
    Ok(Entry { version, name: pair.title.to_owned(), up, down, repeatable: false, origin })
}
