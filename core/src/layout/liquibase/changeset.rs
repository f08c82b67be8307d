//! A file of formatted SQL, cut into its changesets.

use super::refused;
use crate::layout::files::{Line, lines};
use crate::layout::{LayoutError, Misfit};

/// A changeset as it stands in its file.
#[derive(Debug)]
pub(super) struct Changeset<'a> {
    pub(super) line: u32,
    pub(super) author: &'a str,
    pub(super) id: &'a str,
    pub(super) attributes: Vec<(&'a str, &'a str)>,
    /// What runs: for each line of the file up to its end, what stands in it.
    up: Vec<&'a str>,
    /// What takes it back, in the same way, behind as many spaces.
    down: Vec<(usize, &'a str)>,
    /// What cannot be run, with its line and what to do.
    pub(super) refused: Vec<(u32, String, &'static str)>,
    /// Whether a way back is written.
    has_down: bool,
}

/// A comment of Liquibase: its first word in small letters, and the rest of it.
fn directive(line: &str) -> Option<(String, &str)> {
    let words = line.trim_start().strip_prefix("--")?.trim_start();
    let end = words.find(|c: char| !c.is_alphanumeric() && !matches!(c, '-' | '_')).unwrap_or(words.len());
    let (word, rest) = words.split_at(end);
    Some((word.to_ascii_lowercase(), rest.strip_prefix(':').unwrap_or(rest).trim()))
}

/// The changesets of a file.
pub(super) fn all<'a>(path: &str, text: &'a str) -> Result<Vec<Changeset<'a>>, Vec<LayoutError>> {
    let mut cutter =
        Cutter { path, done: Vec::new(), errors: Vec::new(), block: false, ignored: Ignored::Nothing };
    for line in lines(text) {
        cutter.take(line);
    }
    if cutter.errors.is_empty() { Ok(cutter.done) } else { Err(cutter.errors) }
}

/// Lines that Liquibase passes over.
#[derive(Clone, Copy)]
enum Ignored {
    Nothing,
    Lines(u32),
    ToEnd,
}

struct Cutter<'a, 'p> {
    path: &'p str,
    done: Vec<Changeset<'a>>,
    errors: Vec<LayoutError>,
    /// Inside a comment that holds a way back.
    block: bool,
    ignored: Ignored,
}

impl<'a> Cutter<'a, '_> {
    fn take(&mut self, line: Line<'a>) {
        if self.passes_over(line) {
            return;
        }
        if self.block {
            return self.in_block(line);
        }
        let opens =
            line.text.trim_start().strip_prefix("/*").map(|rest| rest.trim_start().to_ascii_lowercase());
        if opens.is_some_and(|rest| rest.starts_with("liquibase rollback")) {
            self.block = !line.text.contains("*/");
            return;
        }
        match directive(line.text) {
            Some((word, rest)) if word == "changeset" => self.begin(line, rest),
            Some((word, rest)) => self.comment(line, (&word, rest)),
            None => self.sql(line),
        }
    }

    fn passes_over(&mut self, line: Line<'a>) -> bool {
        let said = directive(line.text).filter(|(word, _)| word == "ignorelines");
        match (self.ignored, said) {
            (Ignored::ToEnd, Some((_, "end"))) => self.ignored = Ignored::Nothing,
            (Ignored::ToEnd, _) => {}
            (Ignored::Lines(1), _) => self.ignored = Ignored::Nothing,
            (Ignored::Lines(count), _) => self.ignored = Ignored::Lines(count - 1),
            (Ignored::Nothing, Some((_, rest))) => {
                self.ignored = match rest.parse() {
                    Ok(0) => Ignored::Nothing,
                    Ok(count) => Ignored::Lines(count),
                    Err(_) if rest == "start" => Ignored::ToEnd,
                    Err(_) => Ignored::Nothing,
                };
            }
            (Ignored::Nothing, None) => return false,
        }
        true
    }

    fn in_block(&mut self, line: Line<'a>) {
        let (text, ends) = line.text.split_once("*/").map_or((line.text, false), |(text, _)| (text, true));
        self.block = !ends;
        if let Some(changeset) = self.done.last_mut().filter(|_| !text.trim().is_empty()) {
            changeset.back(line.number, 0, text);
        }
    }

    fn begin(&mut self, line: Line<'a>, rest: &'a str) {
        let words = words(rest);
        let mut words = words.into_iter();
        let Some((author, id)) = words.next().filter(|(author, id)| !author.is_empty() && !id.is_empty())
        else {
            let what =
                Misfit::Unknown { directive: format!("changeset {rest}"), known: "--changeset author:id" };
            self.errors.push(LayoutError::line(self.path, line.number, what));
            return;
        };
        self.done.push(Changeset {
            line: line.number,
            author,
            id,
            attributes: words.collect(),
            up: Vec::new(),
            down: Vec::new(),
            refused: Vec::new(),
            has_down: false,
        });
    }

    fn comment(&mut self, line: Line<'a>, (word, rest): (&str, &'a str)) {
        let mut say = |what: String, instead| match self.done.last_mut() {
            Some(changeset) => changeset.refused.push((line.number, what, instead)),
            None => self.errors.push(refused(self.path, line.number, what, instead)),
        };
        match word {
            "rollback" => self.rollback(line, rest),
            "rollbacksqlfile" => {
                say(format!("--rollbackSqlFile {rest}"), "write the SQL behind --rollback, in the changeset");
            }
            "property" => say(format!("--property {rest}"), "write the value into the file"),
            "preconditions" | "comment" | "validchecksum" => {}
            word if word.starts_with("precondition-") => say(
                format!("--{word}"),
                "what runs is decided by the plan; write SQL that needs no precondition",
            ),
            _ => self.sql(line),
        }
    }

    fn rollback(&mut self, line: Line<'a>, rest: &'a str) {
        let Some(changeset) = self.done.last_mut() else { return };
        let first = rest.split([' ', ':']).next().unwrap_or_default().to_ascii_lowercase();
        let other = rest.to_ascii_lowercase();
        if other == "empty" || other == "not required" || rest.is_empty() {
            return;
        }
        if matches!(first.as_str(), "changesetid" | "changesetauthor" | "changesetpath") {
            let instead = "write the SQL of that changeset behind --rollback";
            changeset.refused.push((line.number, format!("--rollback {rest}"), instead));
            return;
        }
        let column = line.text.len() - line.text.trim_end().len();
        let column = line.text.len() - column - rest.len();
        changeset.back(line.number, column, rest);
    }

    fn sql(&mut self, line: Line<'a>) {
        match self.done.last_mut() {
            Some(changeset) => changeset.up.push_at(line.number, line.text),
            None if line.text.trim().is_empty() || line.text.trim_start().starts_with("--") => {}
            None if line.text.trim_start().starts_with(['/', '*', '\u{feff}']) => {}
            None => {
                let instead = "write --changeset author:id above it";
                self.errors.push(refused(self.path, line.number, "SQL outside of a changeset", instead));
            }
        }
    }
}

/// Keeps a line at its place.
trait PushAt<T> {
    fn push_at(&mut self, line: u32, text: T);
}

impl<T: Clone + Default> PushAt<T> for Vec<T> {
    fn push_at(&mut self, line: u32, text: T) {
        let place = usize::try_from(line).unwrap_or_default().saturating_sub(1);
        self.resize(place.max(self.len()), T::default());
        self.push(text);
    }
}

/// `author:id`, then `key:value`; either may be in quotes.
fn words(text: &str) -> Vec<(&str, &str)> {
    let mut words = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let (key, after) = word(rest, true);
        let (value, after) = match after.strip_prefix(':') {
            Some(after) => word(after, false),
            None => ("", after),
        };
        words.push((key, value));
        rest = after.trim_start();
    }
    words
}

/// A word, and what follows it. It ends at a space, and if it is a key at a colon.
fn word(text: &str, is_key: bool) -> (&str, &str) {
    if let Some(quote) = text.chars().next().filter(|c| matches!(c, '"' | '\''))
        && let Some((word, rest)) = text.get(1..).and_then(|inside| inside.split_once(quote))
    {
        return (word, rest);
    }
    let end = text.find(|c: char| c.is_whitespace() || (is_key && c == ':')).unwrap_or(text.len());
    match text.split_at(end) {
        // A colon alone would be read for ever.
        ("", rest) if rest.starts_with(':') => ("", rest),
        parts => parts,
    }
}

impl<'a> Changeset<'a> {
    fn back(&mut self, line: u32, column: usize, text: &'a str) {
        self.has_down = true;
        self.down.push_at(line, (column, text));
    }

    /// The SQL, each line where it is in the file. The blank lines before the next changeset are no part of it: they
    /// come when that one is written.
    pub(super) fn up(&self, delimiter: Option<&str>) -> String {
        let last = self.up.iter().rposition(|line| !line.trim().is_empty()).map_or(0, |last| last + 1);
        joined(self.up.iter().take(last).map(|line| ended(line, delimiter)))
    }

    /// What takes it back, each line where it is in the file.
    pub(super) fn down(&self, delimiter: Option<&str>) -> Option<String> {
        let line =
            |(column, text): &(usize, &str)| format!("{}{}", " ".repeat(*column), ended(text, delimiter));
        self.has_down.then(|| joined(self.down.iter().map(line)))
    }

    /// What the checksum is of.
    pub(super) fn hashed(&self) -> String {
        joined(self.up.iter().map(|line| (*line).to_owned()))
    }

    /// The parameters in what runs, each with its line.
    pub(super) fn parameters(&self) -> impl Iterator<Item = (u32, &'a str)> {
        let lines = self.up.iter().copied().zip(1..).chain(self.down.iter().map(|(_, text)| *text).zip(1..));
        lines.filter_map(|(text, line)| {
            let at = text.find("${")?;
            let end = text.get(at..)?.find('}')?;
            Some((line, text.get(at..=at + end)?))
        })
    }
}

fn joined(lines: impl Iterator<Item = String>) -> String {
    let mut text = lines.collect::<Vec<_>>().join("\n");
    text.push('\n');
    text
}

/// A line with `;` for what ends a statement.
fn ended(line: &str, delimiter: Option<&str>) -> String {
    let Some(delimiter) = delimiter else { return line.to_owned() };
    match line.trim_end().strip_suffix(delimiter) {
        Some(before) => format!("{before};"),
        None => line.to_owned(),
    }
}
