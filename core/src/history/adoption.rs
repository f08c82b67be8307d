//! What a history table says of the migrations of a release: what can be recorded as applied, and what does not fit.

use std::collections::BTreeSet;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{Applied, Past, Tool};
use crate::migration::{Migration, Version};
use crate::origin::Layout;
use crate::release::Release;
use crate::time::Timestamp;

mod matching;

use matching::{Files, is_as_applied};

/// Longest checksum of a tool that is kept, in bytes: SHA-512 in hex has 128.
const MAX_CHECKSUM: usize = 200;

/// How it is known that a migration is applied as its file has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum How {
    /// The tool kept a checksum, and the file has it.
    Verified,
    /// The tool says that it is applied, and keeps no checksum that the file could be compared with.
    NotVerifiable,
    /// The tool keeps no row of it: it lies below the mark that the tool keeps.
    Assumed,
    /// A person says so.
    Baseline,
}

impl How {
    /// Its word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Verified => "verified",
            Self::NotVerifiable => "not-verifiable",
            Self::Assumed => "assumed",
            Self::Baseline => "baseline",
        }
    }

    /// Why nothing of it is run, for the reasons of a step.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Verified => {
                "only recorded: the other tool applied it, and its checksum is that of the file"
            }
            Self::NotVerifiable => "only recorded: the other tool applied it, and keeps no checksum of it",
            Self::Assumed => "only recorded: it lies below the version that the other tool has reached",
            Self::Baseline => "only recorded: it is taken to be applied",
        }
    }
}

/// The text is not one of the words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("it is verified, not-verifiable, assumed or baseline")]
pub struct UnknownHow;

impl FromStr for How {
    type Err = UnknownHow;
    fn from_str(text: &str) -> Result<Self, UnknownHow> {
        let all = [Self::Verified, Self::NotVerifiable, Self::Assumed, Self::Baseline];
        all.into_iter().find(|how| how.as_str() == text).ok_or(UnknownHow)
    }
}

/// A migration that is applied, to be recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adopted<'a> {
    /// The migration.
    pub migration: &'a Migration,
    /// When it was applied; `None`: nobody knows.
    pub applied_at: Option<Timestamp>,
    /// How that is known.
    pub how: How,
    /// The checksum that the tool keeps, in the tool's own form.
    pub tool_checksum: Option<String>,
}

/// Something in a history table that does not fit a release.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(tag = "misfit", rename_all = "kebab-case")]
pub enum Misfit {
    /// The tool left it unfinished.
    #[error("{id}: {what}")]
    Dirty {
        /// How the tool calls it.
        id: String,
        /// What its row says, and what to do.
        what: String,
    },
    /// The file is not the one that was applied.
    #[error(
        "{version}: its file has changed since it was applied (the tool's checksum is {recorded}, the file's {file}): put the file back as it was applied"
    )]
    Changed {
        /// The migration.
        version: Version,
        /// The checksum that the tool keeps.
        recorded: String,
        /// The checksum of the file, in the same form.
        file: String,
    },
    /// It is applied, and the release does not have it.
    #[error("{id}{name}: it is applied, and there is no file of it: add the file to the directory")]
    NoFile {
        /// How the tool calls it.
        id: String,
        /// Its name, in brackets and with a leading blank, if the tool keeps one.
        name: String,
    },
    /// It comes before one that is applied, and is not.
    #[error("{version} {name}: it comes before {applied}, which is applied, and is not: it stays to be run")]
    Gap {
        /// The migration.
        version: Version,
        /// Its name.
        name: String,
        /// The newest one that is applied.
        applied: Version,
    },
    /// The directory was read in another layout than the tool's.
    #[error(
        "the directory is read as one of {layout}: with --layout {tool} its files can be compared with the checksums that {tool} keeps"
    )]
    OtherLayout {
        /// The tool, whose layout has the same name.
        tool: Tool,
        /// The layout that was read.
        layout: Layout,
    },
    /// It runs again when its file changes, and its file has changed.
    #[error("{version}: its file has changed since it was applied: it stays to be run again")]
    RunsAgain {
        /// The migration.
        version: Version,
    },
}

impl Misfit {
    /// Whether nothing may be recorded as long as it is there.
    #[must_use]
    pub const fn blocks(&self) -> bool {
        match self {
            Self::Dirty { .. } | Self::Changed { .. } | Self::NoFile { .. } => true,
            Self::Gap { .. } | Self::OtherLayout { .. } | Self::RunsAgain { .. } => false,
        }
    }
}

/// What a history table says of a release.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Adoption<'a> {
    /// What is applied, in the order in which it was.
    pub recorded: Vec<Adopted<'a>>,
    /// What does not fit.
    pub misfits: Vec<Misfit>,
}

/// Puts the rows of a history table beside the migrations of a release.
#[must_use]
pub fn adoption<'a>(release: &'a Release, past: &Past) -> Adoption<'a> {
    let files = Files::new(release, past.tool);
    let mut found = Adoption::default();
    let dirty =
        past.dirty.iter().map(|dirty| Misfit::Dirty { id: dirty.id.clone(), what: dirty.what.to_owned() });
    found.misfits.extend(dirty);
    if let Some(mark) = &past.up_to {
        match files.up_to(&mark.id) {
            Some(below) => found.recorded.extend(below.iter().map(|migration| Adopted {
                migration,
                applied_at: mark.applied_at,
                how: How::Assumed,
                tool_checksum: None,
            })),
            None => found.misfits.push(Misfit::NoFile { id: mark.id.clone(), name: String::new() }),
        }
    }
    let projects = projects(release, past);
    let ours = |row: &&Applied| {
        projects.is_empty()
            || row.more.get("project").is_some_and(|project| projects.contains(project.as_str()))
    };
    for row in past.applied.iter().filter(ours) {
        match files.of(row) {
            Some(migration) => take(&mut found, migration, (row, &files)),
            None => found.misfits.push(no_file(row)),
        }
    }
    let gaps = gaps(release, &found.recorded);
    found.misfits.extend(gaps);
    let keeps_checksums = past.applied.iter().any(|row| row.checksum.is_some());
    if keeps_checksums && past.tool.layout().is_some_and(|own| own != release.layout) {
        found.misfits.push(Misfit::OtherLayout { tool: past.tool, layout: release.layout });
    }
    found
}

/// Takes over what a row says of a migration. What a mark assumes, a row knows.
fn take<'a>(found: &mut Adoption<'a>, migration: &'a Migration, (row, files): (&Applied, &Files<'a>)) {
    let how = match is_as_applied(row, migration, files) {
        Some(true) => How::Verified,
        None => How::NotVerifiable,
        Some(false) if migration.repeatable => {
            found.misfits.push(Misfit::RunsAgain { version: migration.version.clone() });
            return;
        }
        Some(false) => {
            let file = migration.origin.as_ref().and_then(|origin| origin.checksum.clone());
            found.misfits.push(Misfit::Changed {
                version: migration.version.clone(),
                recorded: row.checksum.clone().unwrap_or_default(),
                file: file.unwrap_or_default(),
            });
            return;
        }
    };
    found.recorded.retain(|other| other.migration.version != migration.version);
    let tool_checksum = row.checksum.clone().filter(|checksum| checksum.len() <= MAX_CHECKSUM);
    let applied_at = row.applied_at;
    found.recorded.push(Adopted { migration, applied_at, how, tool_checksum });
}

fn no_file(row: &Applied) -> Misfit {
    let named = !row.name.is_empty() && row.name != row.id;
    let name = if named { format!(" ({})", row.name) } else { String::new() };
    Misfit::NoFile { id: row.id.clone(), name }
}

/// Sqitch keeps the changes of all projects in one table: those of the release. Nothing: every row counts.
fn projects<'a>(release: &'a Release, past: &Past) -> BTreeSet<&'a str> {
    if past.tool != Tool::Sqitch {
        return BTreeSet::new();
    }
    let origins = release.migrations.iter().filter_map(|migration| migration.origin.as_ref());
    origins.filter_map(|origin| origin.more.get("project")).map(String::as_str).collect()
}

/// What is not applied and comes before something that is.
fn gaps(release: &Release, recorded: &[Adopted<'_>]) -> Vec<Misfit> {
    let versions: BTreeSet<&Version> = recorded.iter().map(|adopted| &adopted.migration.version).collect();
    // What runs again stands at the end of the order, and says nothing about what comes before it.
    let ordered: Vec<&Migration> = release.migrations.iter().filter(|m| !m.repeatable).collect();
    let Some(last) = ordered.iter().rposition(|m| versions.contains(&m.version)) else { return Vec::new() };
    let Some((newest, before)) = ordered.get(..=last).and_then(<[_]>::split_last) else { return Vec::new() };
    let gap = |migration: &&Migration| Misfit::Gap {
        version: migration.version.clone(),
        name: migration.name.clone(),
        applied: newest.version.clone(),
    };
    before.iter().filter(|m| !versions.contains(&m.version)).map(gap).collect()
}
