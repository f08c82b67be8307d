//! What is new between two looks at a rollout, as lines.

use std::collections::HashMap;

use pgbelay_analysis::bytes_in_words as bytes;
use pgbelay_proto::wire::{BackupView, RolloutView, StepView, TargetView, WaveView};

use super::few;
use crate::render::rollout::tone;
use crate::render::text::{count, moment, paint, took_ms};

/// A line of news.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Change {
    /// What to say.
    pub(super) text: String,
    /// Whether it is worth a line even where a screen shows what goes on.
    pub(super) lasting: bool,
}

/// What `now` has that `before` had not. A rollout that was never seen is compared with an empty one.
pub(super) fn changes(before: &RolloutView, now: &RolloutView) -> Vec<Change> {
    let mut news = Vec::new();
    if (&before.state, &before.reason) != (&now.state, &now.reason) {
        let reason = if now.reason.is_empty() { String::new() } else { format!(" ({})", now.reason) };
        let state = paint(tone(&now.state), &now.state);
        news.push(lasting(format!("rollout {} on {}: {state}{reason}", now.id, now.environment)));
    }
    if before.held != now.held {
        let text = if now.held.is_empty() { "the ledger is believed again" } else { &now.held };
        news.push(lasting(format!("rollout {} on {}: {text}", now.id, now.environment)));
    }
    for (at, wave) in now.waves.iter().enumerate() {
        let was = before.waves.get(at).map_or("waiting", |known| known.state.as_str());
        if wave.state != was {
            news.push(lasting(wave_moved(at, now.waves.len(), wave)));
        }
    }
    // A fleet has thousands of them.
    let known: HashMap<_, _> = before.targets.iter().map(|known| (&known.database, known)).collect();
    let unseen = TargetView::default();
    for target in &now.targets {
        target_changes(known.get(&target.database).unwrap_or(&&unseen), target, &mut news);
    }
    news
}

fn target_changes(before: &TargetView, now: &TargetView, news: &mut Vec<Change>) {
    if let (None, Some(backup)) = (&before.backup, &now.backup) {
        news.push(passing(format!("{}: {}", now.database, backed_up(backup))));
    }
    for (at, step) in now.steps.iter().enumerate() {
        let was = before.steps.get(at).map_or("pending", |known| known.state.as_str());
        if step.state != was && step.state != "pending" {
            news.push(passing(format!("{}: {}", now.database, stepped(step))));
        }
    }
    if before.state != now.state && now.state != "waiting" {
        // What goes well is counted on the screen; each of hundreds would push away what does not.
        let is_well = matches!(
            now.state.as_str(),
            "rehearsing" | "backing-up" | "running" | "recording" | "verifying" | "done"
        );
        let text = format!("{}: {}{}", now.database, paint(tone(&now.state), &now.state), failure(now));
        news.push(Change { text, lasting: !is_well });
    }
}

fn wave_moved(at: usize, of: usize, wave: &WaveView) -> String {
    let until = if wave.until.is_empty() { String::new() } else { format!(" until {}", moment(&wave.until)) };
    let members = count(wave.databases.len(), "database");
    format!("wave {} of {of}: {}{until}, {members}: {}", at + 1, wave.state, few(&wave.databases))
}

fn backed_up(backup: &BackupView) -> String {
    format!("backup of {} verified in {}", bytes(backup.bytes), took_ms(backup.took_ms))
}

fn stepped(step: &StepView) -> String {
    let retries = match step.retries {
        0 => String::new(),
        1 => ", 1 retry".into(),
        n => format!(", {n} retries"),
    };
    let state = paint(tone(&step.state), &step.state);
    format!("{} {} {state} in {}{retries}", step.version, step.name, took_ms(step.took_ms))
}

fn failure(target: &TargetView) -> String {
    target.error.as_ref().map_or_else(String::new, |error| format!(": {}", error.message))
}

const fn lasting(text: String) -> Change {
    Change { text, lasting: true }
}

const fn passing(text: String) -> Change {
    Change { text, lasting: false }
}

#[cfg(test)]
mod tests {
    use super::super::super::fixtures::{self, plain};
    use super::*;

    fn lines(before: &RolloutView, now: &RolloutView) -> String {
        let mark =
            |change: &Change| format!("{} {}\n", if change.lasting { "*" } else { "-" }, plain(&change.text));
        changes(before, now).iter().map(mark).collect()
    }

    #[test]
    fn only_what_is_new_is_said() {
        let end = fixtures::rollout();
        insta::assert_snapshot!(lines(&RolloutView::default(), &end), @r#"
        * rollout r7 on staging: failed
        - orders-1: backup of 1.4 MiB verified in 830ms
        - orders-1: 010 task_assignees done in 12ms
        - orders-1: 011 drop_task_assigned_to done in 1.2s, 2 retries
        - orders-1: done
        - orders-2: 010 task_assignees done in 9ms
        - orders-2: 011 drop_task_assigned_to failed in 3ms
        * orders-2: failed: column "assigned_to" of relation "tasks" does not exist
        * billing-1: not-reached
        "#);
        assert_eq!(lines(&end, &end), "");
        let mut before = end.clone();
        before.state = "running".into();
        before.targets[0].steps[1].state = "pending".into();
        insta::assert_snapshot!(lines(&before, &end), @r"
        * rollout r7 on staging: failed
        - orders-1: 011 drop_task_assigned_to done in 1.2s, 2 retries
        ");
    }
}
