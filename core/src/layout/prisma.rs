//! Prisma: a folder for each migration, `20240131120000_name`, with `migration.sql`. The order is that of the names; there
//! is no way back.

use std::collections::BTreeMap;

use super::checksum;
use super::detect::Looks;
use super::entry::{Entry, by_text, origin, version, whole};
use super::files::{folder, is_top, name};
use super::{LayoutError, Misfit, Reading, SourceFile};
use crate::origin::Origin;

const EXPECTED: &str = "a folder's name without spaces, for example 20240131120000_init";

fn is_migration(path: &str) -> bool {
    name(path) == "migration.sql" && !is_top(path) && is_top(folder(path))
}

pub(super) fn looks(looks: &Looks<'_>) -> bool {
    looks.has("migration_lock.toml") || looks.sql().any(|file| is_migration(&file.path))
}

pub(super) fn read(files: &[SourceFile]) -> Reading {
    let mut reading = Reading::default();
    for file in files.iter().filter(|file| is_migration(&file.path)) {
        reading.add(entry(file).map_err(|error| vec![error]));
    }
    for file in files.iter().filter(|file| name(&file.path) == "migration_lock.toml") {
        let text = String::from_utf8_lossy(&file.bytes);
        let provider = text.lines().zip(1..).find_map(|(line, number)| {
            let (key, value) = line.split_once('=')?;
            (key.trim() == "provider").then(|| (value.trim().trim_matches('"').to_owned(), number))
        });
        if let Some((provider, number)) = provider.filter(|(provider, _)| provider != "postgresql") {
            let what = format!("migrations for {provider:?}");
            let instead = "only those for \"postgresql\" can";
            reading.errors.push(LayoutError::line(&file.path, number, Misfit::Refused { what, instead }));
        }
    }
    reading.migrations.sort_by(|a, b| a.version.as_str().cmp(b.version.as_str()));
    reading.refuse_twins("name", by_text);
    reading.or_nothing("20240131120000_name/migration.sql")
}

fn entry(file: &SourceFile) -> Result<Entry, LayoutError> {
    let folder = folder(&file.path);
    let version = version(folder, &file.path, EXPECTED)?;
    let title = super::files::numbered(folder).map_or(folder, |(_, title)| title);
    let checksum = Some(checksum::prisma(&file.bytes));
    let origin = Origin { checksum, more: other_ends(file), ..origin(folder, folder, &file.path) };
    Ok(Entry { version, name: title.to_owned(), up: whole(file)?, down: None, repeatable: false, origin })
}

/// The checksums of the text with other line ends, which Prisma takes for the same.
fn other_ends(file: &SourceFile) -> BTreeMap<String, String> {
    let lf = String::from_utf8_lossy(&file.bytes).replace("\r\n", "\n");
    let crlf = lf.replace('\n', "\r\n");
    let variants = [("checksum_lf", lf), ("checksum_crlf", crlf)];
    let other = variants.into_iter().filter(|(_, text)| text.as_bytes() != file.bytes);
    other.map(|(name, text)| (name.to_owned(), checksum::prisma(text.as_bytes()))).collect()
}
