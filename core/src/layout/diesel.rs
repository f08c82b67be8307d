//! diesel: a folder for each migration, `2024-01-31-120000_name`, with `up.sql` and `down.sql`. The order is that of the
//! versions as text.

use super::detect::Looks;
use super::entry::{Entry, Part, by_text, origin, version};
use super::files::{folder, is_top, lines, name, text};
use super::{LayoutError, Misfit, Reading, SourceFile};

const EXPECTED: &str = "a version, an underscore and a name, for example 2024-01-31-120000_create_users";

/// Folders with `up.sql` are also Hasura's.
pub(super) fn looks(looks: &Looks<'_>) -> bool {
    has_folders(looks) && (is_ours(looks) || !super::hasura::is_ours(looks))
}

pub(super) fn has_folders(looks: &Looks<'_>) -> bool {
    looks.sql().any(|file| name(&file.path) == "up.sql" && is_top(folder(&file.path)))
}

/// Whether something speaks for diesel and not for Hasura.
pub(super) fn is_ours(looks: &Looks<'_>) -> bool {
    let dashes = |file: &SourceFile| folder(&file.path).split('_').next().is_some_and(|v| v.contains('-'));
    let first = |file: &SourceFile| folder(&file.path) == "00000000000000_diesel_initial_setup";
    looks.has("diesel.toml")
        || looks.has("metadata.toml")
        || looks.sql().any(|file| dashes(file) || first(file))
}

pub(super) fn read(files: &[SourceFile]) -> Reading {
    let mut reading = Reading::default();
    let is_up = |file: &&SourceFile| name(&file.path) == "up.sql" && is_top(folder(&file.path));
    for up in files.iter().filter(is_up).filter(|file| !file.path.starts_with('.') && file.path.contains('/'))
    {
        reading.add(entry(up, files));
    }
    let is_down = |file: &&SourceFile| name(&file.path) == "down.sql" && is_top(folder(&file.path));
    for down in files.iter().filter(is_down).filter(|file| file.path.contains('/')) {
        let up = format!("{}/up.sql", folder(&down.path));
        if files.iter().all(|file| file.path != up) {
            let what = Misfit::Missing { what: up, instead: "write it, or remove the folder" };
            reading.errors.push(LayoutError::file(&down.path, what));
        }
    }
    reading.migrations.sort_by(|a, b| a.version.as_str().cmp(b.version.as_str()));
    reading.refuse_twins("version", by_text);
    reading.or_nothing("2024-01-31-120000_name/up.sql")
}

fn entry(up: &SourceFile, files: &[SourceFile]) -> Result<Entry, Vec<LayoutError>> {
    let folder = folder(&up.path);
    let beside = |name: &str| {
        let path = format!("{folder}/{name}");
        files.iter().find(|file| file.path == path)
    };
    let (number, title) = folder.split_once('_').unwrap_or((folder, ""));
    let version = version(&number.replace('-', ""), &up.path, EXPECTED);
    let version = version.and_then(|version| match version.is_number() {
        true => Ok(version),
        false => Err(LayoutError::file(&up.path, Misfit::BadName { expected: EXPECTED })),
    });
    let autocommit = beside("metadata.toml").map_or(Ok(false), |file| text(file).map(without_transaction));
    let part = |file: &SourceFile, autocommit| {
        let sql = text(file)?;
        if sql.is_empty() {
            return Err(LayoutError::file(&file.path, Misfit::Empty));
        }
        Ok(Part { sql: sql.to_owned(), autocommit, file: file.path.clone() })
    };
    let mark = autocommit.as_ref().copied().unwrap_or_default();
    let (read_up, read_down) = (part(up, mark), beside("down.sql").map(|file| part(file, mark)).transpose());
    match (version, autocommit, read_up, read_down) {
        (Ok(version), Ok(_), Ok(read_up), Ok(down)) => {
            let origin = origin(version.as_str(), title, &up.path);
            Ok(Entry { version, name: title.to_owned(), up: read_up, down, repeatable: false, origin })
        }
        (version, mark, up, down) => {
            Err([version.err(), mark.err(), up.err(), down.err()].into_iter().flatten().collect())
        }
    }
}

/// What `metadata.toml` says. diesel takes a file that does not have the key as if it said `false`.
fn without_transaction(metadata: &str) -> bool {
    let value = lines(metadata).find_map(|line| {
        let code = line.text.split('#').next().unwrap_or_default();
        let (key, value) = code.split_once('=')?;
        (key.trim().trim_matches('"') == "run_in_transaction").then(|| value.trim() == "true")
    });
    !value.unwrap_or(false)
}
