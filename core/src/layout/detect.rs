//! Which layout the files of a directory are in, by their names and by what they begin with.

use super::files::{is_top, lines, name, text};
use super::plain;
use super::{LayoutError, Misfit, READERS, SourceFile};
use crate::origin::Layout;

/// What there is to see.
pub(super) struct Looks<'a> {
    pub(super) files: &'a [SourceFile],
    pub(super) dbmate: bool,
    pub(super) goose: bool,
    pub(super) sql_migrate: bool,
    pub(super) liquibase: bool,
}

impl<'a> Looks<'a> {
    fn new(files: &'a [SourceFile]) -> Self {
        let mut looks = Self { files, dbmate: false, goose: false, sql_migrate: false, liquibase: false };
        for file in looks.sql() {
            let Ok(text) = text(file) else { continue };
            let comments = lines(text).filter_map(|line| line.text.trim_start().strip_prefix("--"));
            for words in comments.map(str::trim_start) {
                looks.dbmate |= words.starts_with("migrate:up");
                looks.goose |= words.starts_with("+goose ");
                looks.sql_migrate |= words.starts_with("+migrate ");
                looks.liquibase |= words.to_ascii_lowercase().starts_with("liquibase formatted sql");
            }
        }
        looks
    }

    /// The files of SQL.
    pub(super) fn sql(&self) -> impl Iterator<Item = &'a SourceFile> + use<'a> {
        self.files.iter().filter(|file| file.path.ends_with(".sql"))
    }

    /// The names of the files of SQL in the directory itself.
    pub(super) fn top(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.sql().map(|file| file.path.as_str()).filter(|path| is_top(path))
    }

    /// Whether a file of this name is there, wherever.
    pub(super) fn has(&self, wanted: &str) -> bool {
        self.files.iter().any(|file| name(&file.path) == wanted)
    }

    /// Whether a file of SQL begins so.
    pub(super) fn begins(&self, with: &str) -> bool {
        self.sql().any(|file| file.bytes.starts_with(with.as_bytes()))
    }
}

/// The layout that the files are in.
///
/// # Errors
/// When they fit none, or several.
pub fn detect(files: &[SourceFile]) -> Result<Layout, LayoutError> {
    let looks = Looks::new(files);
    let fits = READERS.iter().filter(|reader| (reader.looks)(&looks));
    let candidates: Vec<_> = fits.map(|reader| reader.layout).collect();
    match candidates.as_slice() {
        [layout] => Ok(*layout),
        [] => fallback(&looks).map_err(LayoutError::directory),
        _ => Err(LayoutError::directory(Misfit::Ambiguous { candidates })),
    }
}

/// Nothing speaks for any tool: numbered files are the plain layout.
fn fallback(looks: &Looks<'_>) -> Result<Layout, Misfit> {
    if looks.top().any(|path| plain::parse_name(path).is_ok()) {
        return Ok(Layout::Plain);
    }
    let ends = |ending: &str| looks.files.iter().any(|file| file.path.ends_with(ending));
    match (looks.sql().next(), ends(".rb"), ends(".py"), ends(".go")) {
        (Some(_), ..) => Err(Misfit::NoLayout { hint: "" }),
        (None, true, ..) => Err(Misfit::NoLayout { hint: " (migrations in Ruby cannot be run)" }),
        (None, _, true, _) => Err(Misfit::NoLayout { hint: " (migrations in Python cannot be run)" }),
        (None, _, _, true) => Err(Misfit::NoLayout { hint: " (migrations in Go cannot be run)" }),
        (None, ..) => Err(Misfit::Nothing { example: plain::EXAMPLE }),
    }
}
