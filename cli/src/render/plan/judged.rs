//! What the steps of a plan lock, do and endanger.

use std::time::Duration;

use pgbelay_analysis::bytes_in_words;
use pgbelay_proto::wire::{HazardView, ImpactView, PlanGroup, PlanStep};

use crate::render::Layout;
use crate::render::text::{self, Tone, count, paint, took, wrap};

/// Hazards of a step that are shown one by one.
const MAX_HAZARDS: usize = 20;

/// Shorter than anybody notices.
const MOMENT_MS: u64 = 10;

/// Relations that are named.
const MAX_NAMED: usize = 8;

/// Below the table of a group: every step of which more is to be said, and what it was judged against.
pub(super) fn details(group: &PlanGroup, layout: Layout) -> String {
    let steps: String = group.steps.iter().map(|step| details_of(group, step, layout)).collect();
    let mut text = if steps.is_empty() { String::new() } else { format!("\n{steps}") };
    for why in group.not_measured.iter().take(MAX_NAMED) {
        let line = format!("not measured: {why}");
        text.push_str(&format!("{}\n", paint(Tone::Warn, &wrap(&line, 0, layout.prose()))));
    }
    if let Some(on) = judged_on(group) {
        text.push_str(&format!("{}\n", paint(Tone::Faint, &wrap(&on, 0, layout.prose()))));
    }
    text
}

/// Whether a reason stands in the details, too.
pub(super) fn is_detail(step: &PlanStep, reason: &str) -> bool {
    let of = |hazard: &HazardView| {
        reason
            .strip_prefix(hazard.id.as_str())
            .is_some_and(|rest| rest.starts_with(": ") || rest.starts_with(" is "))
    };
    step.hazards.iter().any(of)
        || reason.strip_prefix("unknown: ").is_some_and(|what| step.unknown.iter().any(|known| known == what))
}

fn details_of(group: &PlanGroup, step: &PlanStep, layout: Layout) -> String {
    let mut lines: Vec<(String, String)> = Vec::new();
    for hazard in step.hazards.iter().take(MAX_HAZARDS) {
        lines.push(hazard_line(hazard));
    }
    if let Some(more) = step.hazards.len().checked_sub(MAX_HAZARDS).filter(|more| *more > 0) {
        lines.push((
            padded("", Tone::Plain),
            format!("and {}, see --output json", count(more, "more hazard")),
        ));
    }
    lines.extend(
        step.unknown.iter().take(MAX_NAMED).map(|what| (padded("unknown", Tone::Warn), what.clone())),
    );
    lines.extend(named("locks", &locks(step)));
    lines.extend(named("work", &work(step)));
    for impact in longest(group, step).into_iter().take(MAX_NAMED) {
        lines.push((padded("impact", Tone::Plain), impact_line(group, impact)));
        let waits = impact
            .waits_for
            .iter()
            .map(|who| (padded("now", Tone::Warn), format!("it would wait for {who}")));
        lines.extend(waits.take(MAX_NAMED));
    }
    if lines.is_empty() {
        return String::new();
    }
    let mut text = format!("{} {}\n", step.version, step.name);
    for (label, line) in lines {
        text.push_str(&format!("  {label}{}\n", wrap(&line, 11, layout.prose())));
    }
    text
}

fn hazard_line(hazard: &HazardView) -> (String, String) {
    let about = if hazard.relation.is_empty() { String::new() } else { format!(" {}", hazard.relation) };
    let (label, tone) = match hazard.allowed.as_str() {
        "" => (hazard.severity.as_str(), text::risk(&hazard.severity)),
        _ => ("allowed", Tone::Faint),
    };
    let why =
        if hazard.allowed.is_empty() { String::new() } else { format!("; allowed: {}", hazard.allowed) };
    let line = format!("{}{about}: {} (line {}){why}", hazard.id, hazard.message, hazard.line);
    (padded(label, tone), line)
}

fn padded(label: &str, tone: Tone) -> String {
    paint(tone, &format!("{label:<9}"))
}

/// What others wait for; what is new, nobody knows yet.
fn locks(step: &PlanStep) -> Vec<String> {
    let others = step.locks.iter().filter(|lock| !lock.new);
    others.map(|lock| format!("{} {}", lock.relation, lock.mode)).collect()
}

fn work(step: &PlanStep) -> Vec<String> {
    let others = step.work.iter().filter(|work| !work.new);
    others.map(|work| format!("{} {} ({})", work.kind, work.relation, work.because)).collect()
}

/// What others notice of a step: of each relation the database where they wait longest.
fn longest<'a>(group: &'a PlanGroup, step: &PlanStep) -> Vec<&'a ImpactView> {
    let mut longest: Vec<&ImpactView> = Vec::new();
    for impact in group.impacts.iter().filter(|impact| impact.version == step.version) {
        if longest.iter().all(|known| known.relation != impact.relation) {
            longest.push(impact);
        }
    }
    longest
}

fn impact_line(group: &PlanGroup, impact: &ImpactView) -> String {
    let on = if group.databases.len() > 1 { format!(" on {}", impact.database) } else { String::new() };
    let time = match (impact.low_ms, impact.high_ms) {
        (Some(_), Some(high)) if high < MOMENT_MS => "for a moment".to_owned(),
        (Some(low), Some(high)) => format!(
            "an estimated {} to {}",
            took(Duration::from_millis(low)),
            took(Duration::from_millis(high))
        ),
        _ => "for a time that cannot be estimated".to_owned(),
    };
    let mut line = format!("{}{on}: {} wait {time} ({})", impact.relation, impact.waits, impact.basis);
    if impact.written_bytes > 0 {
        line.push_str(&format!("; up to {} of disk and of WAL", bytes_in_words(impact.written_bytes)));
    }
    if let Some(writes) = impact.writes_per_second.filter(|writes| *writes > 0) {
        line.push_str(&format!(
            "; {} written in a second",
            count(usize::try_from(writes).unwrap_or(usize::MAX), "row")
        ));
    }
    if impact.referenced_by > 0 {
        let keys = count(usize::try_from(impact.referenced_by).unwrap_or(usize::MAX), "foreign key");
        line.push_str(&format!("; {keys} of other tables to it"));
    }
    line
}

fn named(label: &str, all: &[String]) -> Option<(String, String)> {
    let shown = all.iter().take(MAX_NAMED).cloned().collect::<Vec<_>>().join(", ");
    let more = all.len().saturating_sub(MAX_NAMED);
    let line = if more > 0 { format!("{shown} and {more} more") } else { shown };
    (!all.is_empty()).then(|| (padded(label, Tone::Plain), line))
}

/// Said when it is another database than the one that is shown.
fn judged_on(group: &PlanGroup) -> Option<String> {
    let on = group.steps.iter().map(|step| step.judged_on.as_str()).find(|on| !on.is_empty())?;
    (group.databases.len() > 1 || group.databases.iter().any(|name| name != on))
        .then(|| format!("judged on the schema of {on}, which is that of all of them"))
}
