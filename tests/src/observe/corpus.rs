//! The files `tests/truth/TOPIC.sql`: statements, each with the tables that it meets.
//!
//! A file is a sequence of cases; what stands before the first one is a comment.
//!
//! ```sql
//! -- case: one sentence, unique in the file
//! -- server: 14+            (optional; also 14-17 and 15: the majors that it runs on)
//! -- refused: already a partition   (optional: the server says no, in words that match this regular expression)
//! -- setup:
//! CREATE TABLE t (a int);
//! INSERT INTO t VALUES (1);
//! -- run:
//! ALTER TABLE t ADD COLUMN b int;
//! ```
//!
//! A statement of the setup ends with a `;` at the end of a line outside of `$$ … $$`, and is sent alone, so that what
//! cannot run in a transaction can be part of it. One session runs setup and statement: what the setup SETs, holds.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};

/// One statement, and the database that it meets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// The file's name without its ending.
    pub topic: String,
    /// What the case is about; unique in its file.
    pub name: String,
    /// The line of the file that it begins on.
    pub line: usize,
    /// The server majors that it runs on.
    pub majors: Majors,
    /// The server says no, in words that match this (POSIX) regular expression.
    pub refused: Option<String>,
    /// What makes the database, one statement each.
    pub setup: Vec<String>,
    /// The statement.
    pub run: String,
}

/// Server majors from one to another, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Majors {
    /// The first.
    pub from: u32,
    /// The last; `u32::MAX` for no end.
    pub to: u32,
}

impl Majors {
    /// Every major.
    pub const ALL: Self = Self { from: 0, to: u32::MAX };

    /// Whether `major` is one of them.
    #[must_use]
    pub fn contains(self, major: u32) -> bool {
        (self.from..=self.to).contains(&major)
    }

    fn parse(text: &str) -> anyhow::Result<Self> {
        let majors = if let Some(from) = text.strip_suffix('+') {
            Self { from: from.parse()?, to: u32::MAX }
        } else if let Some((from, to)) = text.split_once('-') {
            Self { from: from.parse()?, to: to.parse()? }
        } else {
            Self { from: text.parse()?, to: text.parse()? }
        };
        ensure!(majors.from <= majors.to, "the first major is behind the last");
        Ok(majors)
    }
}

/// The directory with the corpus.
#[must_use]
pub fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("truth")
}

/// Reads every file of [`directory`], in the order of their names.
///
/// # Errors
/// A file cannot be read or is not in the format; with its name and the line.
pub fn read_all() -> anyhow::Result<Vec<Case>> {
    let entries = fs::read_dir(directory())?.collect::<Result<Vec<_>, _>>()?;
    let mut files: Vec<_> = entries.iter().map(fs::DirEntry::path).collect();
    files.retain(|file| file.extension().is_some_and(|ending| ending == "sql"));
    files.sort();
    let mut cases = Vec::new();
    for file in files {
        let topic = file.file_stem().context("a file without a name")?.to_string_lossy().into_owned();
        let text = fs::read_to_string(&file)?;
        cases.extend(parse(&topic, &text).with_context(|| format!("failed to read {}", file.display()))?);
    }
    Ok(cases)
}

/// Reads the cases of one file.
///
/// # Errors
/// It is not in the format; with the line.
pub fn parse(topic: &str, text: &str) -> anyhow::Result<Vec<Case>> {
    let mut drafts: Vec<Draft<'_>> = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        if let Some(name) = line.strip_prefix("-- case:") {
            drafts.push(Draft::new(name.trim(), number));
        } else if let Some(draft) = drafts.last_mut() {
            draft.line(line).with_context(|| format!("line {number}"))?;
        }
    }
    let mut names = BTreeSet::new();
    let mut cases = Vec::new();
    for draft in drafts {
        let (name, line) = (draft.name, draft.number);
        ensure!(names.insert(name), "line {line}: a second case {name:?}");
        cases.push(draft.finish(topic).with_context(|| format!("line {line}: case {name:?}"))?);
    }
    Ok(cases)
}

/// Where in a case a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Head,
    Setup,
    Run,
}

/// A case that is being read.
struct Draft<'a> {
    name: &'a str,
    number: usize,
    part: Part,
    majors: Majors,
    refused: Option<&'a str>,
    setup: Vec<&'a str>,
    run: Vec<&'a str>,
}

impl<'a> Draft<'a> {
    fn new(name: &'a str, number: usize) -> Self {
        let (setup, run) = (Vec::new(), Vec::new());
        Self { name, number, part: Part::Head, majors: Majors::ALL, refused: None, setup, run }
    }

    fn line(&mut self, line: &'a str) -> anyhow::Result<()> {
        match (self.part, line) {
            (Part::Head, "-- setup:") => self.part = Part::Setup,
            (Part::Head | Part::Setup, "-- run:") => self.part = Part::Run,
            (Part::Head, _) => self.head(line)?,
            (Part::Setup, _) => self.setup.push(line),
            (Part::Run, _) => self.run.push(line),
        }
        Ok(())
    }

    fn head(&mut self, line: &'a str) -> anyhow::Result<()> {
        if let Some(majors) = line.strip_prefix("-- server:") {
            self.majors = Majors::parse(majors.trim()).context("majors are 14+, 14-17 or 15")?;
        } else if let Some(refused) = line.strip_prefix("-- refused:") {
            self.refused = Some(refused.trim());
        } else if !line.is_empty() {
            bail!("expected server, refused, setup or run, found {line:?}");
        }
        Ok(())
    }

    fn finish(self, topic: &str) -> anyhow::Result<Case> {
        ensure!(!self.name.is_empty(), "it has no name");
        let mut run = statements(&self.run)?;
        let statement = run.pop().context("it runs nothing")?;
        ensure!(run.is_empty(), "it runs more than one statement");
        Ok(Case {
            topic: topic.to_owned(),
            name: self.name.to_owned(),
            line: self.number,
            majors: self.majors,
            refused: self.refused.map(str::to_owned),
            setup: statements(&self.setup)?,
            run: statement,
        })
    }
}

/// Lines to statements: one ends with a `;` that ends a line outside of `$$`.
fn statements(lines: &[&str]) -> anyhow::Result<Vec<String>> {
    let mut statements = Vec::new();
    let mut statement = String::new();
    let mut quoted = false;
    for line in lines {
        if statement.is_empty() && (line.trim().is_empty() || line.starts_with("--")) {
            continue;
        }
        if !statement.is_empty() {
            statement.push('\n');
        }
        statement.push_str(line);
        quoted ^= line.matches("$$").count() % 2 == 1;
        if line.ends_with(';') && !quoted {
            statements.push(std::mem::take(&mut statement));
        }
    }
    ensure!(statement.trim().is_empty(), "a statement without a `;` at its end: {statement}");
    Ok(statements)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_is_read() -> anyhow::Result<()> {
        let text = "-- about\n-- case: one\n-- server: 14-17\n-- refused: no\n-- setup:\nCREATE FUNCTION f()\n\
                    AS $$\nSELECT 1;\n$$;\nSELECT 2;\n\n-- run:\nSELECT\n3;\n";
        let [case] = <[Case; 1]>::try_from(parse("t", text)?).map_err(|_| anyhow::anyhow!("not one case"))?;
        assert_eq!((case.name.as_str(), case.line), ("one", 2));
        assert_eq!(case.majors, Majors { from: 14, to: 17 });
        assert_eq!(case.refused.as_deref(), Some("no"));
        assert_eq!(case.setup, ["CREATE FUNCTION f()\nAS $$\nSELECT 1;\n$$;", "SELECT 2;"]);
        assert_eq!(case.run, "SELECT\n3;");
        Ok(())
    }

    #[test]
    fn what_is_not_a_case_is_refused() {
        let two = "-- case: a\n-- run:\nSELECT 1;\nSELECT 2;\n";
        let twice = "-- case: a\n-- run:\nSELECT 1;\n-- case: a\n-- run:\nSELECT 1;\n";
        for text in [two, twice, "-- case: a\n", "-- case: a\n-- run:\nSELECT 1\n", "-- case: a\nSELECT 1;\n"]
        {
            assert!(parse("t", text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_corpus_is_in_the_format() -> anyhow::Result<()> {
        assert!(read_all()?.len() >= 220);
        Ok(())
    }
}
