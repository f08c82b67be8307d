//! Flyway: `V1.2__name.sql`, `U1.2__name.sql` for the way back, `R__name.sql` for what runs whenever it changes; in any
//! folder. Versions are compared number by number; what is repeatable comes last, in the order of the descriptions.

use super::checksum;
use super::detect::Looks;
use super::entry::{Entry, Part, origin, version};
use super::files::{lines, name, text, unpadded};
use super::{LayoutError, Misfit, Reading, SourceFile};
use crate::migration::{MigrationSource, Version};
use crate::origin::Origin;

const EXPECTED: &str =
    "V, a version, two underscores and a name, for example V1.2__create_users.sql, or R__views.sql";

/// Files with versions are also refinery's.
pub(super) fn looks(looks: &Looks<'_>) -> bool {
    let ours = |file: &SourceFile| kind(name(&file.path)).is_some();
    looks.sql().any(ours) && (is_ours(looks) || !super::refinery::is_ours(looks))
}

/// Whether something speaks for Flyway and not for refinery.
pub(super) fn is_ours(looks: &Looks<'_>) -> bool {
    let kinds = || looks.files.iter().filter_map(|file| kind(name(&file.path)));
    let takes_back =
        |version: &str| kinds().any(|k| matches!(k, Kind::Versioned { version: v, .. } if v == version));
    let ours = |kind: Kind<'_>| match kind {
        Kind::Repeatable { .. } | Kind::Callback | Kind::Baseline => true,
        Kind::Versioned { version, .. } => version.contains(['.', '_']),
        Kind::Undo { version } => takes_back(version),
    };
    let settings = |file: &SourceFile| file.path.ends_with(".sql.conf") || is_java(&file.path);
    looks.has("flyway.conf")
        || looks.has("flyway.toml")
        || looks.files.iter().any(settings)
        || kinds().any(ours)
}

/// What a file is, by its name.
#[derive(Clone, Copy)]
enum Kind<'a> {
    Versioned { version: &'a str, title: &'a str },
    Undo { version: &'a str },
    Repeatable { title: &'a str },
    Baseline,
    Callback,
}

fn kind(name: &str) -> Option<Kind<'_>> {
    let stem = name.strip_suffix(".sql")?;
    if stem.starts_with("before") || stem.starts_with("after") || stem.starts_with("createSchema") {
        return Some(Kind::Callback);
    }
    let (head, title) = stem.split_once("__")?;
    if head == "R" {
        return Some(Kind::Repeatable { title });
    }
    let numbers = |version: &str| {
        version.split(['.', '_']).all(|part| !part.is_empty() && part.bytes().all(|c| c.is_ascii_digit()))
    };
    match (head.get(..1)?, head.get(1..)?) {
        (_, version) if !numbers(version) => None,
        ("V", version) => Some(Kind::Versioned { version, title }),
        ("U", version) => Some(Kind::Undo { version }),
        ("B", _) => Some(Kind::Baseline),
        _ => None,
    }
}

fn is_java(path: &str) -> bool {
    let stem = name(path).strip_suffix(".java").or_else(|| name(path).strip_suffix(".kt"));
    stem.is_some_and(|stem| stem.starts_with(['V', 'R', 'U']) && stem.contains("__"))
}

/// Versions that Flyway takes for one: zeros in front of and behind a version do not count.
fn key(version: &Version) -> Vec<(usize, String)> {
    if !version.is_number() {
        return vec![(usize::MAX, version.to_string())];
    }
    let number = |part: &str| (unpadded(part).len(), unpadded(part));
    let mut parts: Vec<_> = version.as_str().split('.').map(number).collect();
    while parts.len() > 1 && parts.last().is_some_and(|(_, part)| part == "0") {
        parts.pop();
    }
    parts
}

pub(super) fn read(files: &[SourceFile]) -> Reading {
    let mut reading = Reading::default();
    let (mut repeatable, mut undo) = (Reading::default(), Vec::new());
    for file in files {
        let refuse = |what: &str, instead| {
            LayoutError::file(&file.path, Misfit::Refused { what: what.to_owned(), instead })
        };
        match kind(name(&file.path)) {
            Some(Kind::Versioned { version, title }) => reading.add(entry(file, files, (version, title))),
            Some(Kind::Repeatable { title }) => repeatable.add(repeated(file, files, title)),
            Some(Kind::Undo { version }) => undo.push((version, file)),
            Some(Kind::Callback) => reading.errors.push(refuse(
                "a callback",
                "put what it does into a repeatable migration (R__name.sql), or run it beside pgbelay",
            )),
            Some(Kind::Baseline) => reading.errors.push(refuse(
                "a baseline migration",
                "keep the versioned migrations that it stands for, and remove it",
            )),
            None if is_java(&file.path) => {
                reading.errors.push(refuse("a migration in Java", "write it as SQL"));
            }
            None if file.path.ends_with(".sql") => {
                reading.errors.push(LayoutError::file(&file.path, Misfit::BadName { expected: EXPECTED }));
            }
            None => {}
        }
    }
    reading.migrations.sort_by_cached_key(|migration| key(&migration.version));
    undone(undo, files, &mut reading);
    repeatable.migrations.sort_by(|a, b| a.name.cmp(&b.name));
    reading.migrations.append(&mut repeatable.migrations);
    reading.errors.append(&mut repeatable.errors);
    reading.refuse_twins("version", |version| format!("{:?}", key(version)));
    reading.or_nothing("V1__name.sql")
}

/// Gives the ways back to their migrations.
fn undone(undo: Vec<(&str, &SourceFile)>, files: &[SourceFile], reading: &mut Reading) {
    for (number, file) in undo {
        let error = match version(&number.replace('_', "."), &file.path, EXPECTED) {
            Err(error) => vec![error],
            Ok(version) => {
                let is_its = |m: &&mut MigrationSource| key(&m.version) == key(&version);
                match (reading.migrations.iter_mut().find(is_its), part(file, files)) {
                    (None, _) => vec![LayoutError::file(&file.path, Misfit::Orphan { version })],
                    (Some(_), Err(errors)) => errors,
                    (Some(MigrationSource { down_file: Some(other), .. }), Ok(_)) => {
                        let what = Misfit::SameVersion { other: other.clone(), number: "version" };
                        vec![LayoutError::file(&file.path, what)]
                    }
                    (Some(migration), Ok(part)) => {
                        migration.down_file = Some(part.file);
                        migration.down = Some(part.sql).filter(|sql| !super::scan::is_blank(sql));
                        migration.down_autocommit = part.autocommit;
                        Vec::new()
                    }
                }
            }
        };
        reading.errors.extend(error);
    }
}

fn entry(
    file: &SourceFile,
    files: &[SourceFile],
    (number, title): (&str, &str),
) -> Result<Entry, Vec<LayoutError>> {
    let version = version(&number.replace('_', "."), &file.path, EXPECTED).map_err(|error| vec![error])?;
    let up = part(file, files)?;
    let origin = described(file, version.as_str(), title);
    Ok(Entry { version, name: title.to_owned(), up, down: None, repeatable: false, origin })
}

fn repeated(file: &SourceFile, files: &[SourceFile], title: &str) -> Result<Entry, Vec<LayoutError>> {
    let version = version(&format!("R__{title}"), &file.path, EXPECTED).map_err(|error| vec![error])?;
    let up = part(file, files)?;
    let origin = described(file, "", title);
    Ok(Entry { version, name: title.to_owned(), up, down: None, repeatable: true, origin })
}

fn described(file: &SourceFile, id: &str, title: &str) -> Origin {
    let checksum = text(file).ok().map(checksum::flyway);
    Origin { checksum, ..origin(id, title.replace('_', " "), &file.path) }
}

/// The SQL of a file, with what the settings beside it say.
fn part(file: &SourceFile, files: &[SourceFile]) -> Result<Part, Vec<LayoutError>> {
    let sql = text(file).map_err(|error| vec![error])?;
    let beside = format!("{}.conf", file.path);
    let settings = files.iter().find(|file| file.path == beside).map_or(Ok(Settings::default()), settings)?;
    let placeholder = |line: super::files::Line<'_>| {
        let at = line.text.find("${")?;
        let end = line.text[at..].find('}').map_or(line.text.len(), |end| at + end + 1);
        let what = format!("the placeholder {}", &line.text[at..end]);
        let instead = "write its value into the file, or say placeholderReplacement=false in its .conf";
        Some(LayoutError::line(&file.path, line.number, Misfit::Refused { what, instead }))
    };
    let errors: Vec<_> = match settings.literal {
        true => Vec::new(),
        false => lines(sql).filter_map(placeholder).collect(),
    };
    if !errors.is_empty() {
        return Err(errors);
    }
    let sql = sql.strip_prefix('\u{feff}').unwrap_or(sql).to_owned();
    Ok(Part { sql, autocommit: settings.autocommit, file: file.path.clone() })
}

#[derive(Default)]
struct Settings {
    autocommit: bool,
    /// Whether placeholders are left alone.
    literal: bool,
}

fn settings(file: &SourceFile) -> Result<Settings, Vec<LayoutError>> {
    let (mut settings, mut errors) = (Settings::default(), Vec::new());
    for line in lines(text(file).map_err(|error| vec![error])?) {
        let code = line.text.trim();
        if code.is_empty() || code.starts_with(['#', '!']) {
            continue;
        }
        let (key, value) = code.split_once('=').unwrap_or((code, ""));
        let value = value.trim().to_ascii_lowercase();
        match (key.trim(), value.as_str()) {
            ("executeInTransaction", value) => settings.autocommit = value == "false",
            ("placeholderReplacement", value) => settings.literal = value == "false",
            ("encoding", "utf-8" | "utf8") => {}
            _ => {
                let what = Misfit::Unknown {
                    directive: code.to_owned(),
                    known: "executeInTransaction, placeholderReplacement and encoding=UTF-8",
                };
                errors.push(LayoutError::line(&file.path, line.number, what));
            }
        }
    }
    if errors.is_empty() { Ok(settings) } else { Err(errors) }
}
