//! What is new since a revision: asks git, and leaves of a report only what stands in changed lines.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::io;
use std::ops::RangeInclusive;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use pgbelay_analysis::StatementReport;
use tokio::process::Command;

use super::report::FileReport;
use super::sources::{STDIN, STDIN_NAME};
use crate::error::CliError;

#[cfg(test)]
mod tests;

/// How long git may take: it reads a few files and two trees.
const DEADLINE: Duration = Duration::from_secs(60);
/// Configuration must not change what is compared, nor run other programs.
const DIFF: [&str; 6] =
    ["diff", "--no-ext-diff", "--no-textconv", "--no-color", "--find-renames", "--ignore-submodules=all"];

/// The files that differ from a revision, by their real path.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Changes(BTreeMap<PathBuf, Changed>);

/// What of a file is new.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Changed {
    Whole,
    Lines(Vec<RangeInclusive<u32>>),
}

#[derive(Debug, thiserror::Error)]
enum SinceError {
    #[error("failed to run git")]
    Start(#[source] io::Error),
    #[error("git did not answer within {DEADLINE:?}")]
    Slow,
    #[error("{} is in no git repository", .0.display())]
    NoRepository(PathBuf),
    #[error("git knows no revision {revision:?} in {}", repository.display())]
    Revision { revision: String, repository: PathBuf },
    #[error("git failed: {0}")]
    Failed(String),
}

/// What of these paths is new or changed since the revision.
pub(crate) async fn changes(paths: &[PathBuf], revision: &str) -> Result<Changes, CliError> {
    find(paths, revision).await.map_err(|error| {
        let hint = match &error {
            SinceError::Start(_) => "--since needs git on the PATH; without --since everything counts",
            SinceError::NoRepository(_) => "leave --since out, or name files of a git repository",
            SinceError::Revision { .. } => {
                "name a branch, a tag or a commit that is here; in CI, fetch it first (a shallow clone lacks it)"
            }
            SinceError::Slow | SinceError::Failed(_) => "leave --since out, or put that right",
        };
        CliError::usage(error.to_string()).because(crate::error::causes(&error)).hint(hint)
    })
}

async fn find(paths: &[PathBuf], revision: &str) -> Result<Changes, SinceError> {
    let mut repositories: BTreeMap<PathBuf, BTreeSet<PathBuf>> = BTreeMap::new();
    let mut known: BTreeMap<PathBuf, PathBuf> = BTreeMap::new();
    // What cannot be opened is told elsewhere.
    for path in paths.iter().filter(|path| path.as_os_str() != STDIN).filter_map(|p| p.canonicalize().ok()) {
        let folder = if path.is_dir() { &path } else { path.parent().unwrap_or(&path) }.to_owned();
        let top = match known.get(&folder) {
            Some(top) => top.clone(),
            None => top_level(&folder).await?,
        };
        known.insert(folder, top.clone());
        repositories.entry(top).or_default().insert(path);
    }
    let mut changes = Changes::default();
    for (top, paths) in repositories {
        let commit = commit(&top, revision).await?;
        let paths: Vec<_> = paths.iter().map(|path| path.as_os_str()).collect();
        let diff = |with: &[&'static str]| arguments(&DIFF, with, &[&commit, "--"], &paths);
        let names = git(&top, &diff(&["--name-only", "-z"])).await?;
        let patch = git(&top, &diff(&["--unified=0"])).await?;
        changes.take_diff(&top, &names, &patch);
        let others = git(&top, &arguments(&["ls-files", "--others"], &["-z"], &["--"], &paths)).await?;
        changes.0.extend(parts(&others).map(|name| (top.join(name), Changed::Whole)));
    }
    Ok(changes)
}

fn arguments<'a>(
    command: &[&'a str],
    with: &[&'a str],
    then: &[&'a str],
    paths: &[&'a OsStr],
) -> Vec<&'a OsStr> {
    let words = command.iter().chain(with).chain(then).map(|word| OsStr::new(*word));
    words.chain(paths.iter().copied()).collect()
}

async fn top_level(folder: &Path) -> Result<PathBuf, SinceError> {
    let output = run(folder, &["rev-parse", "--show-toplevel"].map(OsStr::new)).await?;
    if output.status.success() {
        return Ok(PathBuf::from(OsStr::from_bytes(output.stdout.trim_ascii_end())));
    }
    Err(match said(&output) {
        text if text.contains("not a git repository") => SinceError::NoRepository(folder.to_owned()),
        text => SinceError::Failed(text),
    })
}

async fn commit(top: &Path, revision: &str) -> Result<String, SinceError> {
    let wanted = format!("{revision}^{{commit}}");
    let words = ["rev-parse", "--verify", "--quiet", "--end-of-options", &wanted];
    let output = run(top, &words.map(OsStr::new)).await?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(output.stdout.trim_ascii()).into_owned());
    }
    Err(SinceError::Revision { revision: revision.chars().take(100).collect(), repository: top.to_owned() })
}

async fn git(top: &Path, arguments: &[&OsStr]) -> Result<Vec<u8>, SinceError> {
    let output = run(top, arguments).await?;
    if output.status.success() { Ok(output.stdout) } else { Err(SinceError::Failed(said(&output))) }
}

async fn run(folder: &Path, arguments: &[&OsStr]) -> Result<Output, SinceError> {
    let mut command = Command::new("git");
    command.arg("-C").arg(folder).args(arguments);
    // Paths are names, not patterns; what git says is compared with English words.
    command.env("GIT_LITERAL_PATHSPECS", "1").env("GIT_OPTIONAL_LOCKS", "0").env("LC_ALL", "C");
    command.stdin(Stdio::null()).kill_on_drop(true);
    match tokio::time::timeout(DEADLINE, command.output()).await {
        Ok(output) => output.map_err(SinceError::Start),
        Err(_) => Err(SinceError::Slow),
    }
}

fn said(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr);
    let first = text.lines().next().unwrap_or_default();
    first.strip_prefix("fatal: ").unwrap_or(first).chars().take(200).collect()
}

fn parts(bytes: &[u8]) -> impl Iterator<Item = &OsStr> {
    bytes.split(|byte| *byte == 0).filter(|part| !part.is_empty()).map(OsStr::from_bytes)
}

impl Changes {
    /// A patch has its files in the order of the list of names, which alone has them unquoted. Where the two do not
    /// fit (a merge that is not done), everything in the files counts.
    fn take_diff(&mut self, top: &Path, names: &[u8], patch: &[u8]) {
        let names: Vec<_> = parts(names).map(|name| top.join(name)).collect();
        let files = hunks(patch);
        if files.len() == names.len() {
            self.0.extend(names.into_iter().zip(files.into_iter().map(Changed::Lines)));
        } else {
            self.0.extend(names.into_iter().map(|name| (name, Changed::Whole)));
        }
    }

    /// Only what is new; what cannot be found at all stays.
    pub(crate) fn keep(&self, files: Vec<FileReport>) -> Vec<FileReport> {
        files.into_iter().filter_map(|file| self.kept(file)).collect()
    }

    fn kept(&self, mut file: FileReport) -> Option<FileReport> {
        if file.wrong_name || file.path == STDIN_NAME {
            return Some(file);
        }
        let path = Path::new(&file.path).canonicalize().ok()?;
        if let Changed::Lines(changed) = self.0.get(&path)? {
            let touches = |lines: RangeInclusive<u32>| {
                changed.iter().any(|one| one.start() <= lines.end() && lines.start() <= one.end())
            };
            file.statements.retain(|statement| touches(lines_of(statement, &file.text)));
            file.allows.retain(|allow| touches(allow.position.line..=allow.position.line));
        }
        Some(file)
    }
}

fn lines_of(statement: &StatementReport, text: &str) -> RangeInclusive<u32> {
    let bytes = text.as_bytes().get(statement.span.start..statement.span.end).unwrap_or_default();
    let more = bytes.iter().filter(|byte| **byte == b'\n').count();
    let first = statement.position.line;
    first..=first.saturating_add(u32::try_from(more).unwrap_or(u32::MAX))
}

/// The changed lines of each file of a patch without context.
fn hunks(patch: &[u8]) -> Vec<Vec<RangeInclusive<u32>>> {
    let mut files: Vec<Vec<_>> = Vec::new();
    for line in patch.split(|byte| *byte == b'\n') {
        if line.starts_with(b"diff --") {
            files.push(Vec::new());
        } else if line.starts_with(b"@@ ")
            && let Some(file) = files.last_mut()
        {
            file.extend(hunk(&String::from_utf8_lossy(line)));
        }
    }
    files
}

/// `@@ -3,0 +4,2 @@`: lines 4 and 5. Where lines only went away, those around the place: a comment that allowed
/// something may have stood there.
fn hunk(line: &str) -> Option<RangeInclusive<u32>> {
    let (start, count) = {
        let place = line.split(' ').find_map(|word| word.strip_prefix('+'))?;
        let (start, count) = place.split_once(',').unwrap_or((place, "1"));
        (start.parse::<u32>().ok()?, count.parse::<u32>().ok()?)
    };
    Some(if count == 0 { start..=start.saturating_add(1) } else { start..=start.saturating_add(count - 1) })
}
