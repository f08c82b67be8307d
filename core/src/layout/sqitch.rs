//! Sqitch: `sqitch.plan` says what comes when; `deploy/name.sql` and `revert/name.sql` are the two ways. A change that was
//! reworked keeps its older scripts as `name@tag.sql`.

use std::collections::BTreeMap;

use super::checksum;
use super::detect::Looks;
use super::entry::{Entry, Part, own_mark, version};
use super::files::{Line, folder, lines, name, text};
use super::{LayoutError, Misfit, Reading, SourceFile, psql};
use crate::origin::Origin;

const PLAN: &str = "sqitch.plan";
const CONF: &str = "sqitch.conf";
const EXPECTED: &str = "one without spaces";
const LINE: &str =
    "a change, its dependencies in brackets, a moment, a name and <address>, perhaps # and a note";

pub(super) fn looks(looks: &Looks<'_>) -> bool {
    looks.has(PLAN)
}

/// A change as the plan says it.
struct Change<'a> {
    line: u32,
    name: &'a str,
    requires: Vec<&'a str>,
    conflicts: Vec<&'a str>,
    planned_at: &'a str,
    planner: (&'a str, &'a str),
    note: String,
    /// The tags that stand behind it, before the next change.
    tags: Vec<&'a str>,
}

/// What a plan says of itself.
#[derive(Default)]
struct Project<'a> {
    name: &'a str,
    uri: Option<&'a str>,
}

pub(super) fn read(files: &[SourceFile]) -> Reading {
    let mut reading = Reading::default();
    let plans: Vec<_> = files.iter().filter(|file| name(&file.path) == PLAN).collect();
    let plan = match plans.as_slice() {
        [plan] => *plan,
        [] => return reading.or_nothing(PLAN),
        [_, second, ..] => {
            let what = Misfit::Refused {
                what: "a second plan".to_owned(),
                instead: "name the folder of one project",
            };
            reading.errors.push(LayoutError::file(&second.path, what));
            return reading;
        }
    };
    reading.errors.extend(files.iter().filter(|file| name(&file.path) == CONF).flat_map(settings));
    match text(plan) {
        Err(error) => reading.errors.push(error),
        Ok(text) => {
            let (project, changes) = parse(&plan.path, text, &mut reading.errors);
            let place = Place { plan: &plan.path, project: &project, files };
            place.all(&changes, &mut reading);
        }
    }
    reading.or_nothing("deploy/name.sql, and in sqitch.plan")
}

/// Settings that change where scripts are, or for which engine.
fn settings(file: &SourceFile) -> Vec<LayoutError> {
    let text = String::from_utf8_lossy(&file.bytes);
    let setting = |line: Line<'_>| {
        let (key, value) = line.text.split_once('=')?;
        let (key, value) = (key.trim(), value.trim());
        let refused = match key {
            "engine" => value != "pg",
            "extension" => value != "sql",
            "deploy_dir" | "revert_dir" | "reworked_dir" => true,
            _ => false,
        };
        let what = Misfit::Refused {
            what: format!("a project with {key} = {value}"),
            instead: "it has to be for pg, with the scripts in deploy/ and revert/",
        };
        refused.then(|| LayoutError::line(&file.path, line.number, what))
    };
    lines(&text).filter_map(setting).collect()
}

fn parse<'a>(path: &str, text: &'a str, errors: &mut Vec<LayoutError>) -> (Project<'a>, Vec<Change<'a>>) {
    let (mut project, mut changes) = (Project::default(), Vec::<Change<'a>>::new());
    for line in lines(text) {
        let code = line.text.trim();
        let mut say = |what| errors.push(LayoutError::line(path, line.number, what));
        if let Some(pragma) = code.strip_prefix('%') {
            match pragma.split_once('=') {
                Some(("project", name)) => project.name = name.trim(),
                Some(("uri", uri)) => project.uri = Some(uri.trim()),
                Some(_) | None => {}
            }
        } else if let Some(tag) = code.strip_prefix('@') {
            let tag = tag.split_whitespace().next().unwrap_or_default();
            if let Some(change) = changes.last_mut() {
                change.tags.push(tag);
            }
        } else if code.starts_with('-') {
            let what = Misfit::Refused {
                what: "a change that is reverted by the plan".to_owned(),
                instead: "remove both lines of it",
            };
            say(what);
        } else if !code.is_empty() && !code.starts_with('#') {
            match change(code.strip_prefix('+').unwrap_or(code), line.number) {
                Some(change) => changes.push(change),
                None => say(Misfit::Unknown { directive: code.to_owned(), known: LINE }),
            }
        }
    }
    (project, changes)
}

fn change(code: &str, line: u32) -> Option<Change<'_>> {
    let end = code.find(|c: char| c.is_whitespace() || c == '[')?;
    let (name, rest) = code.split_at(end);
    let rest = rest.trim_start();
    let (dependencies, rest) = match rest.strip_prefix('[') {
        Some(inside) => inside.split_once(']')?,
        None => ("", rest),
    };
    let (planned_at, rest) = rest.trim_start().split_once(char::is_whitespace)?;
    let (planner, rest) = rest.split_once('<')?;
    let (address, rest) = rest.split_once('>')?;
    let note = rest.trim_start().strip_prefix('#').unwrap_or_default().trim();
    let (conflicts, requires): (Vec<_>, Vec<_>) =
        dependencies.split_whitespace().partition(|name| name.starts_with('!'));
    let is_moment = planned_at.ends_with('Z') && planned_at.starts_with(|c: char| c.is_ascii_digit());
    (is_moment && !name.is_empty()).then(|| Change {
        line,
        name,
        requires,
        conflicts: conflicts.iter().map(|name| name.trim_start_matches('!')).collect(),
        planned_at,
        planner: (planner.trim(), address),
        note: unescaped(note),
        tags: Vec::new(),
    })
}

/// A note with what the plan writes for the ends of lines.
fn unescaped(note: &str) -> String {
    let mut text = String::with_capacity(note.len());
    let mut rest = note.chars();
    while let Some(c) = rest.next() {
        match (c, rest.as_str().chars().next()) {
            ('\\', Some(next @ ('n' | 'r' | '\\'))) => {
                text.push(match next {
                    'n' => '\n',
                    'r' => '\r',
                    same => same,
                });
                rest.next();
            }
            (c, _) => text.push(c),
        }
    }
    text
}

struct Place<'a> {
    plan: &'a str,
    project: &'a Project<'a>,
    files: &'a [SourceFile],
}

impl Place<'_> {
    fn script(&self, way: &str, stem: &str) -> Option<&SourceFile> {
        let base = folder(self.plan);
        let path =
            if base.is_empty() { format!("{way}/{stem}.sql") } else { format!("{base}/{way}/{stem}.sql") };
        self.files.iter().find(|file| file.path == path)
    }

    fn all(&self, changes: &[Change<'_>], reading: &mut Reading) {
        let mut parent: Option<String> = None;
        for (at, change) in changes.iter().enumerate() {
            let info = self.info(change, parent.as_deref());
            let id = checksum::sqitch_change(&info);
            reading.add(self.entry(changes, at, &id));
            parent = Some(id);
        }
    }

    /// What a change's id is the digest of.
    fn info(&self, change: &Change<'_>, parent: Option<&str>) -> String {
        let mut info = vec![format!("project {}", self.project.name)];
        info.extend(self.project.uri.map(|uri| format!("uri {uri}")));
        info.push(format!("change {}", change.name));
        info.extend(parent.map(|parent| format!("parent {parent}")));
        info.push(format!("planner {} <{}>", change.planner.0, change.planner.1));
        info.push(format!("date {}", change.planned_at));
        if !change.requires.is_empty() {
            info.push(format!("requires\n  + {}", change.requires.join("\n  + ")));
        }
        if !change.conflicts.is_empty() {
            info.push(format!("conflicts\n  - {}", change.conflicts.join("\n  - ")));
        }
        if !change.note.is_empty() {
            info.push(format!("\n{}", change.note));
        }
        info.join("\n")
    }

    fn entry(&self, changes: &[Change<'_>], at: usize, id: &str) -> Result<Entry, Vec<LayoutError>> {
        let Some(change) = changes.get(at) else { return Err(Vec::new()) };
        let say = |what| LayoutError::line(self.plan, change.line, what);
        let mut errors: Vec<_> = self.not_before(changes, at).map(say).collect();
        let stem = match self.stem(changes, at) {
            Ok(stem) => stem,
            Err(what) => return Err(errors.into_iter().chain([say(what)]).collect()),
        };
        let Some(deploy) = self.script("deploy", &stem) else {
            let what = Misfit::Missing {
                what: format!("deploy/{stem}.sql"),
                instead: "write it, or take the change out of the plan",
            };
            errors.push(say(what));
            return Err(errors);
        };
        let (up, down) = (part(deploy), self.script("revert", &stem).map(part).transpose());
        match (up, down, version(&stem, &deploy.path, EXPECTED)) {
            (Ok(up), Ok(down), Ok(version)) if errors.is_empty() => {
                let origin = self.origin(change, id, deploy);
                Ok(Entry { version, name: change.name.to_owned(), up, down, repeatable: false, origin })
            }
            (up, down, version) => {
                errors.extend(up.err().into_iter().chain(down.err()).flatten());
                errors.extend(version.err());
                Err(errors)
            }
        }
    }

    /// What the change asks for and does not come before it. Other projects are not looked at.
    fn not_before(&self, changes: &[Change<'_>], at: usize) -> impl Iterator<Item = Misfit> {
        let before = changes.get(..at).unwrap_or_default();
        let required = changes.get(at).map_or(&[][..], |change| &change.requires);
        let known = |wanted: &str| {
            let name = wanted.split('@').next().unwrap_or_default();
            wanted.contains(':') || name.is_empty() || before.iter().any(|change| change.name == name)
        };
        let missing = |wanted: &&str| Misfit::Missing {
            what: format!("the required change {wanted}"),
            instead: "it has to stand above in the plan",
        };
        required.iter().filter(|wanted| !known(wanted)).map(missing).collect::<Vec<_>>().into_iter()
    }

    /// What a change's scripts are called: where it is reworked below, there is a tag between the two.
    fn stem(&self, changes: &[Change<'_>], at: usize) -> Result<String, Misfit> {
        let Some(change) = changes.get(at) else { return Ok(String::new()) };
        let next = changes.iter().skip(at + 1).position(|other| other.name == change.name);
        let Some(next) = next.map(|distance| at + 1 + distance) else { return Ok(change.name.to_owned()) };
        let between = changes.get(at..next).unwrap_or_default();
        let mut stems =
            between.iter().flat_map(|c| &c.tags).map(|tag| format!("{}@{tag}", change.name)).peekable();
        if stems.peek().is_none() {
            return Err(Misfit::Refused {
                what: format!("the change {} twice without a tag between the two", change.name),
                instead: "add a tag, or give the second one another name",
            });
        }
        stems.find(|stem| self.script("deploy", stem).is_some()).ok_or_else(|| Misfit::Missing {
            what: format!("deploy/{}@TAG.sql, the script from before it was reworked,", change.name),
            instead: "put it back under the name of a tag between the two",
        })
    }

    fn origin(&self, change: &Change<'_>, id: &str, deploy: &SourceFile) -> Origin {
        let more = [
            ("project", self.project.name.to_owned()),
            ("uri", self.project.uri.unwrap_or_default().to_owned()),
            ("note", change.note.clone()),
            ("planned_at", change.planned_at.to_owned()),
            ("planner_name", change.planner.0.to_owned()),
            ("planner_email", change.planner.1.to_owned()),
            ("requires", change.requires.join(" ")),
            ("conflicts", change.conflicts.join(" ")),
            ("tags", change.tags.join(" ")),
        ];
        Origin {
            id: id.to_owned(),
            description: change.name.to_owned(),
            script: deploy.path.clone(),
            checksum: Some(checksum::sqitch_script(&deploy.bytes)),
            more: more
                .into_iter()
                .filter(|(_, value)| !value.is_empty())
                .map(|(key, value)| (key.to_owned(), value))
                .collect::<BTreeMap<_, _>>(),
        }
    }
}

fn part(file: &SourceFile) -> Result<Part, Vec<LayoutError>> {
    let sql = text(file).map_err(|error| vec![error])?;
    let errors = psql::refuse(&file.path, sql);
    if !errors.is_empty() {
        return Err(errors);
    }
    Ok(Part { sql: sql.to_owned(), autocommit: own_mark(sql), file: file.path.clone() })
}
