//! The screen of a rollout: what it has to say of hundreds of databases in the room that there is.

use std::collections::BTreeMap;
use std::time::Duration;

use pgbelay_proto::wire::{RolloutView, TargetView, WaveView};

use super::pace::Pace;
use super::{doing, is_over};
use crate::render::live::{Line, Room, cut};
use crate::render::rollout::tone;
use crate::render::text::{Tone, moment, took, wrap};

/// In a lower room each line of the head has one row, whatever is cut off.
const LOW: usize = 10;
/// In a lower room this is so of the wave's members alone.
const USUAL: usize = 20;
/// Of what is broken.
const INDENT: usize = 2;
/// What is counted first. States that are not here come after them.
const FIRST: [&str; 7] = ["failed", "unknown", "unverified", "refused", "cancelled", "done", "running"];
/// What stays to be counted last.
const LAST: [&str; 3] = ["skipped", "not-reached", "waiting"];

/// The lines of the screen, at most as many as the room has, less one for the cursor.
pub(super) fn board(view: &RolloutView, pace: &Pace, now: Duration, room: Room) -> Vec<Line> {
    let mut lines = head(view, pace, now, room);
    let rows = room.height.saturating_sub(1);
    let failed: Vec<_> = view.targets.iter().filter(|target| went_wrong(target)).map(failure).collect();
    let (waits, works): (Vec<_>, Vec<_>) =
        view.targets.iter().filter(|target| is_at_work(target)).partition(|target| is_waiting(target));
    let waits = waits.into_iter().map(|target| (Tone::Warn, doing(target))).collect();
    let works = works.into_iter().map(|target| (Tone::Plain, doing(target))).collect();
    let parts = [(failed, "with a failure"), (waits, "waiting for others"), (works, "at work")];
    let mut free = rows.saturating_sub(lines.len());
    for (at, (part, what)) in parts.iter().enumerate() {
        // Each of those that follow keeps a row, if there is more than one.
        let later = parts[at + 1..].iter().filter(|(part, _)| !part.is_empty()).count();
        let taken = fitting(part, what, free.saturating_sub(later).max(free.min(1)));
        free -= taken.len();
        lines.extend(taken);
    }
    lines.truncate(rows);
    lines.into_iter().map(|(tone, line)| (tone, cut(&line, room.width))).collect()
}

/// As many as there is room for, and how many more there are.
fn fitting(part: &[Line], what: &str, rows: usize) -> Vec<Line> {
    if part.len() <= rows {
        return part.to_vec();
    }
    let Some(shown) = rows.checked_sub(1) else { return Vec::new() };
    let more = if shown == 0 {
        format!("{} {what}", part.len())
    } else {
        format!("and {} more {what}", part.len() - shown)
    };
    part[..shown].iter().cloned().chain([(Tone::Faint, more)]).collect()
}

fn head(view: &RolloutView, pace: &Pace, now: Duration, room: Room) -> Vec<Line> {
    let reason = match (view.reason.as_str(), view.held.as_str()) {
        ("", "") => String::new(),
        (reason, "") => format!(" ({reason})"),
        (_, held) => format!(" (held: {held})"),
    };
    let name = format!("{} on {}: {}{reason}", view.id, view.environment, view.state);
    let mut lines = vec![(tone(&view.state), name), (Tone::Plain, counts(view))];
    let members = wave(&view.waves, view).map(|(tone, line)| {
        (tone, if room.height < USUAL { cut(&line, room.width.saturating_sub(INDENT)) } else { line })
    });
    lines.extend(members);
    lines.push((Tone::Faint, speed(view, pace, now)));
    if room.height < LOW {
        return lines;
    }
    let broken = |(tone, text): Line| {
        let rows: Vec<_> =
            wrap(&text, INDENT, room.width).lines().map(|row| (tone, row.to_owned())).collect();
        rows
    };
    lines.into_iter().flat_map(broken).collect()
}

/// `18 of 240 over: 1 failed, 17 done, 3 running, 219 waiting`.
pub(super) fn counts(view: &RolloutView) -> String {
    let mut by_state: BTreeMap<&str, usize> = BTreeMap::new();
    for target in &view.targets {
        *by_state.entry(&target.state).or_default() += 1;
    }
    let place = |state: &str| {
        let last = || LAST.iter().position(|one| *one == state).map(|at| FIRST.len() + 1 + at);
        FIRST.iter().position(|one| *one == state).or_else(last).unwrap_or(FIRST.len())
    };
    let mut states: Vec<_> = by_state.into_iter().collect();
    states.sort_by_key(|(state, _)| place(state));
    let states: Vec<_> = states.iter().map(|(state, number)| format!("{number} {state}")).collect();
    let over = view.targets.iter().filter(|target| is_over(target)).count();
    format!("{over} of {} over: {}", view.targets.len(), states.join(", "))
}

/// The wave that is at work or bakes, or the one that comes next.
fn wave(waves: &[WaveView], view: &RolloutView) -> Option<Line> {
    let (at, wave) = waves.iter().enumerate().find(|(_, wave)| wave.state != "passed")?;
    let until = if wave.until.is_empty() { String::new() } else { format!(" until {}", moment(&wave.until)) };
    let is_member = |target: &&TargetView| wave.databases.contains(&target.database);
    let over = view.targets.iter().filter(is_member).filter(|target| is_over(target)).count();
    let text = format!(
        "wave {} of {} ({}): {}{until}, {over} of {} over: {}",
        at + 1,
        waves.len(),
        wave.selects,
        wave.state,
        wave.databases.len(),
        super::few(&wave.databases),
    );
    Some((Tone::Plain, text))
}

fn speed(view: &RolloutView, pace: &Pace, now: Duration) -> String {
    let watched = format!("watched for {}", took(Duration::from_secs(now.as_secs().max(1))));
    let speed = pace.per_minute(now).map(|speed| format!("{speed:.1} databases a minute"));
    let left = pace.left(now, view).map(|left| format!("about {} left", took(left)));
    speed.into_iter().chain(left).chain([watched]).collect::<Vec<_>>().join(", ")
}

fn went_wrong(target: &TargetView) -> bool {
    matches!(target.state.as_str(), "failed" | "refused" | "unknown" | "unverified" | "cancelled")
}

/// Also in a state that this program does not know yet.
fn is_at_work(target: &TargetView) -> bool {
    let stands = matches!(target.state.as_str(), "waiting" | "unknown" | "unverified");
    !is_over(target) && (!stands || !target.doing.is_empty() && target.state != "unknown")
}

/// The agents and the controller say it in these words, whoever is waited for.
fn is_waiting(target: &TargetView) -> bool {
    target.doing.contains("waiting for ")
}

fn failure(target: &TargetView) -> Line {
    let why = target.error.as_ref().map_or_else(String::new, |error| {
        let at = if error.version.is_empty() { String::new() } else { format!(" at {}", error.version) };
        let line = if error.line > 0 { format!(", line {}", error.line) } else { String::new() };
        let blocker = error.blockers.first().map_or_else(String::new, |one| format!("; blocked by {one}"));
        let message = error.message.lines().next().unwrap_or_default();
        format!("{at}{line}: {message}{blocker}")
    });
    (Tone::Bad, format!("{} {}{why}", target.database, target.state))
}

#[cfg(test)]
mod tests;
