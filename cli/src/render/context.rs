//! Contexts: the list, and one of them with its certificate.

use std::path::PathBuf;

use serde::Serialize;

use super::Layout;
use super::table::{Column, Word, prose, table, toned, word};
use super::text::{Tone, entry, moment};

const COLUMNS: [Column; 4] =
    [word("CURRENT"), word("NAME"), word("CONTROLLER"), prose("CREDENTIALS").rank(1)];

/// All contexts of a file.
#[derive(Debug, Serialize)]
pub(crate) struct ContextList {
    /// The file.
    pub(crate) file: PathBuf,
    /// The one that counts when none is named.
    pub(crate) current: Option<String>,
    /// All of them.
    pub(crate) contexts: Vec<ContextLine>,
}

/// One of them, as it stands in the file.
#[derive(Debug, Serialize)]
pub(crate) struct ContextLine {
    /// Its name.
    pub(crate) name: String,
    /// The address that it sets, if any.
    pub(crate) controller: Option<String>,
    /// Its credentials file.
    pub(crate) credentials: PathBuf,
}

/// What a command would use.
#[derive(Debug, Serialize)]
pub(crate) struct ContextDetail {
    /// Its name; `null`: a file named by `PGBELAY_CREDENTIALS`.
    pub(crate) name: Option<String>,
    /// `host:port`.
    pub(crate) controller: String,
    /// Whose credentials these are.
    pub(crate) operator: String,
    /// The credentials file.
    pub(crate) credentials: PathBuf,
    /// When the certificate ends, RFC 3339; `null`: it cannot be read.
    pub(crate) certificate_until: Option<String>,
}

/// One line for each.
pub(crate) fn list(list: &ContextList, layout: Layout) -> String {
    if list.contexts.is_empty() {
        return format!(
            "No context in {}.\n\nAdd one: pgbelay context add NAME --credentials FILE\n",
            list.file.display()
        );
    }
    let rows: Vec<Vec<Word>> =
        list.contexts.iter().map(|context| row(context, list.current.as_deref())).collect();
    table(&COLUMNS, &rows, layout)
}

fn row(context: &ContextLine, current: Option<&str>) -> Vec<Word> {
    let marked = current == Some(context.name.as_str());
    vec![
        if marked { toned(Tone::Good, "*") } else { "".into() },
        context.name.as_str().into(),
        context.controller.as_deref().map_or_else(|| toned(Tone::Faint, "as in the credentials"), Word::from),
        context.credentials.display().to_string().into(),
    ]
}

/// One of them.
pub(crate) fn detail(detail: &ContextDetail, layout: Layout) -> String {
    let width = layout.prose();
    let name = detail.name.as_deref().unwrap_or("none: PGBELAY_CREDENTIALS names the file");
    let until = detail.certificate_until.as_deref().map_or_else(|| "cannot be read".into(), moment);
    [
        entry("Context", name, width),
        entry("Controller", &detail.controller, width),
        entry("Operator", &detail.operator, width),
        entry("File", &detail.credentials.display().to_string(), width),
        entry("Until", &until, width),
    ]
    .concat()
}
