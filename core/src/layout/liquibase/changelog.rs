//! In which order the files of formatted SQL come: a changelog in XML, YAML or JSON may say so. Its other contents are not
//! read.

use std::collections::BTreeSet;

use super::refused;
use crate::layout::files::folder;
use crate::layout::{LayoutError, Misfit, SourceFile};

/// How deep changelogs include each other.
const MAX_DEPTH: usize = 16;

fn is_sql(file: &SourceFile) -> bool {
    let first = file.bytes.split(|byte| *byte == b'\n').find(|line| !line.trim_ascii().is_empty());
    let first = String::from_utf8_lossy(first.unwrap_or_default()).to_ascii_lowercase();
    let words = first.trim_start_matches('\u{feff}').trim().strip_prefix("--").unwrap_or_default();
    file.path.ends_with(".sql") && words.trim_start().starts_with("liquibase formatted sql")
}

fn is_changelog(file: &SourceFile) -> bool {
    let ending = [".xml", ".yaml", ".yml", ".json"].iter().any(|ending| file.path.ends_with(ending));
    ending && String::from_utf8_lossy(&file.bytes).contains("databaseChangeLog")
}

/// The files with changesets, in the order in which they run.
pub(super) fn in_order<'a>(files: &'a [SourceFile], errors: &mut Vec<LayoutError>) -> Vec<&'a SourceFile> {
    let logs: Vec<_> = files.iter().filter(|file| is_changelog(file)).collect();
    let mut walk = Walk { files, errors, seen: BTreeSet::new(), order: Vec::new() };
    if logs.is_empty() {
        let mut order: Vec<_> = files.iter().filter(|file| is_sql(file)).collect();
        order.sort_by(|a, b| a.path.cmp(&b.path));
        return order;
    }
    let included: Vec<_> = logs.iter().flat_map(|log| includes(log)).collect();
    let is_included = |log: &SourceFile| {
        included.iter().any(|include| {
            include.targets(files, folder(&include.from)).iter().any(|target| target.path == log.path)
        })
    };
    let roots: Vec<_> = logs.iter().filter(|log| !is_included(log)).collect();
    match roots.as_slice() {
        [root] => walk.log(root, 0),
        [_, second, ..] => {
            let instead = "name the folder of one changelog, or let one include the others";
            walk.errors.push(refused(&second.path, 0, "a second changelog that nothing includes", instead));
        }
        [] => {}
    }
    walk.order
}

struct Walk<'a, 'e> {
    files: &'a [SourceFile],
    errors: &'e mut Vec<LayoutError>,
    seen: BTreeSet<&'a str>,
    order: Vec<&'a SourceFile>,
}

impl<'a> Walk<'a, '_> {
    fn log(&mut self, log: &'a SourceFile, depth: usize) {
        let text = String::from_utf8_lossy(&log.bytes);
        for (line, number) in text.lines().zip(1..) {
            let lower = line.to_ascii_lowercase();
            if lower.contains("<changeset") || lower.contains("changeset:") || lower.contains("\"changeset\"")
            {
                let instead = "write it as formatted SQL, in a file that the changelog includes";
                self.errors.push(refused(&log.path, number, "a changeset in this format", instead));
            }
        }
        for include in includes(log) {
            let targets = include.targets(self.files, folder(&log.path));
            if targets.is_empty() && !include.all {
                let what = Misfit::Missing {
                    what: include.target.clone(),
                    instead: "name the folder that holds the changelog and what it includes",
                };
                self.errors.push(LayoutError::line(&log.path, include.line, what));
            }
            for target in targets {
                self.file(target, depth);
            }
        }
    }

    fn file(&mut self, file: &'a SourceFile, depth: usize) {
        if depth >= MAX_DEPTH || !self.seen.insert(&file.path) {
            return;
        }
        if is_changelog(file) {
            self.log(file, depth + 1);
        } else if is_sql(file) {
            self.order.push(file);
        } else {
            let instead = "begin it with --liquibase formatted sql";
            self.errors.push(refused(&file.path, 0, "a file that is not formatted SQL", instead));
        }
    }
}

/// What a changelog includes.
struct Include {
    from: String,
    line: u32,
    /// Everything in a folder.
    all: bool,
    target: String,
}

impl Include {
    /// The files that are meant: the path counts from the changelog, from the directory, or from somewhere above it.
    fn targets<'a>(&self, files: &'a [SourceFile], beside: &str) -> Vec<&'a SourceFile> {
        let wanted = self.target.trim_start_matches("./").trim_start_matches("classpath:").trim_matches('/');
        let near = if beside.is_empty() { wanted.to_owned() } else { format!("{beside}/{wanted}") };
        let tails = wanted.match_indices('/').map(|(at, _)| wanted.split_at(at + 1).1);
        let places = std::iter::once(near.as_str()).chain([wanted]).chain(tails);
        for place in places {
            let mut found: Vec<_> = files.iter().filter(|file| self.is_meant(file, place)).collect();
            if !found.is_empty() {
                found.sort_by(|a, b| a.path.cmp(&b.path));
                return found;
            }
        }
        let mut found: Vec<_> = files.iter().filter(|file| self.all && is_sql(file)).collect();
        found.retain(|file| self.from != file.path && folder(&self.from) == folder(&file.path));
        found
    }

    fn is_meant(&self, file: &SourceFile, place: &str) -> bool {
        match self.all {
            true => file.path.strip_prefix(place).is_some_and(|rest| rest.starts_with('/')) && is_sql(file),
            false => file.path == place,
        }
    }
}

/// Reads `include` and `includeAll` with their `file` or `path`, in whichever of the three formats.
fn includes(log: &SourceFile) -> Vec<Include> {
    let text = String::from_utf8_lossy(&log.bytes);
    let mut found: Vec<Include> = Vec::new();
    let mut open: Option<(bool, u32)> = None;
    let mut comment = false;
    for (line, number) in text.lines().zip(1..) {
        comment |= line.contains("<!--");
        if comment || line.trim_start().starts_with('#') {
            comment &= !line.contains("-->");
            continue;
        }
        let mut rest = line;
        while let Some((key, after)) = next_key(rest) {
            rest = after;
            match key {
                "include" | "includeAll" => open = Some((key == "includeAll", number)),
                _ => {
                    if let Some((all, line)) = open.filter(|(all, _)| *all == (key == "path")) {
                        open = None;
                        let target = value(after).to_owned();
                        found.push(Include { from: log.path.clone(), line, all, target });
                    }
                }
            }
        }
    }
    found
}

/// The next word that matters, and what follows it.
fn next_key(text: &str) -> Option<(&str, &str)> {
    let mut at = 0;
    loop {
        let rest = text.get(at..)?;
        let start = at + rest.find(|c: char| c.is_ascii_alphabetic())?;
        let rest = text.get(start..)?;
        let end = start + rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(rest.len());
        let word = text.get(start..end)?;
        let closes = text.get(..start).is_some_and(|before| before.ends_with('/'));
        if matches!(word, "include" | "includeAll" | "file" | "path") && !closes {
            return Some((word, text.get(end..)?));
        }
        at = end;
    }
}

/// What stands behind a key.
fn value(after: &str) -> &str {
    let text = after.trim_start_matches('"').trim_start().trim_start_matches([':', '=']).trim_start();
    match text.chars().next() {
        Some(quote @ ('"' | '\'')) => text.get(1..).and_then(|t| t.split(quote).next()).unwrap_or_default(),
        _ => text.split_whitespace().next().unwrap_or_default().trim_end_matches([',', '}']),
    }
}
