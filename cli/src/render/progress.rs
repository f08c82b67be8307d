//! What goes on while it goes on: a live screen on a terminal, lines everywhere else.
//!
//! A program that asked for JSON gets none of it: what it reads on stderr is the error, if there is one.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use pgbelay_proto::wire::{RolloutView, TargetView};
use tokio::time::Instant;

use super::Screen;
use super::live::Live;
use super::text::{Tone, paint};
use crate::args::Format;

mod board;
mod changes;
mod pace;

use changes::changes;
use pace::Pace;

/// How often a spinner moves.
const TICK: Duration = Duration::from_millis(120);
/// How often lines are summed up, if there were any.
const SUM_EVERY: Duration = Duration::from_secs(60);
/// Names that a line has room for.
const MAX_NAMES: usize = 8;

/// Where lines go when nothing is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// They are what was asked for: stdout.
    Result,
    /// They tell how something else goes: stderr.
    Remark,
}

/// How a rollout is shown while it runs.
pub(crate) struct Progress {
    form: Form,
    pace: Pace,
    began: Instant,
}

enum Form {
    /// On a terminal.
    Drawn(Live),
    /// Into a file or a pipe.
    Lines(Lines),
    /// For programs.
    Nothing,
}

struct Lines {
    place: Place,
    /// When the last sum was told.
    summed: Duration,
    /// What it said.
    last: String,
}

impl Progress {
    pub(crate) fn new(screen: &Screen, place: Place) -> Self {
        let draws = screen.can_draw() && (place == Place::Remark || screen.shows_results());
        let form = match screen.format {
            _ if draws => Form::Drawn(Live::default()),
            Format::Table => Form::Lines(Lines { place, summed: Duration::ZERO, last: String::new() }),
            Format::Json => Form::Nothing,
        };
        Self { form, pace: Pace::default(), began: Instant::now() }
    }

    /// Shows what is new.
    pub(crate) fn show(&mut self, screen: &mut Screen, before: &RolloutView, now: &RolloutView) {
        let at = self.began.elapsed();
        self.pace.note(at, now);
        let news = changes(before, now);
        match &mut self.form {
            Form::Lines(lines) => news.iter().for_each(|change| lines.say(screen, &change.text)),
            Form::Drawn(live) => {
                screen.erase(live);
                news.iter().filter(|change| change.lasting).for_each(|change| screen.note(&change.text));
                screen.draw(live, |room| board::board(now, &self.pace, at, room));
            }
            Form::Nothing => {}
        }
    }

    /// Time has gone by: the screen has a clock, and its terminal may have another size; lines are summed up.
    pub(crate) fn tick(&mut self, screen: &mut Screen, now: &RolloutView) {
        let at = self.began.elapsed();
        match &mut self.form {
            Form::Lines(lines) => {
                if let Some(sum) = lines.sum(at, now, &self.pace) {
                    lines.say(screen, &sum);
                }
            }
            Form::Drawn(live) => screen.draw(live, |room| board::board(now, &self.pace, at, room)),
            Form::Nothing => {}
        }
    }

    /// Says something that is not about a database.
    pub(crate) fn remark(&mut self, screen: &mut Screen, text: &str) {
        match &mut self.form {
            Form::Lines(lines) => lines.say(screen, text),
            Form::Drawn(live) => {
                screen.erase(live);
                screen.note(text);
            }
            Form::Nothing => {}
        }
    }

    /// Clears the screen away.
    pub(crate) fn finish(&mut self, screen: &mut Screen) {
        if let Form::Drawn(live) = &mut self.form {
            screen.erase(live);
        }
    }
}

impl Lines {
    fn say(&self, screen: &mut Screen, text: &str) {
        match self.place {
            Place::Result => screen.show(text),
            Place::Remark => screen.note(text),
        }
    }

    /// How it stands, if that is another than it was and some time has gone by.
    fn sum(&mut self, at: Duration, now: &RolloutView, pace: &Pace) -> Option<String> {
        if at.saturating_sub(self.summed) < SUM_EVERY {
            return None;
        }
        self.summed = at;
        let counts = board::counts(now);
        if counts == self.last {
            return None;
        }
        self.last.clone_from(&counts);
        let speed = pace.per_minute(at).map(|speed| format!("; {speed:.1} databases a minute"));
        let left = pace.left(at, now).map(|left| format!(", about {} left", super::text::took(left)));
        Some(format!("{}: {counts}{}{}", now.id, speed.unwrap_or_default(), left.unwrap_or_default()))
    }
}

fn spinner(template: &str) -> ProgressBar {
    let bar = ProgressBar::new(0);
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.tick_chars("|/-\\ "));
    }
    bar.enable_steady_tick(TICK);
    bar
}

fn doing(target: &TargetView) -> String {
    let done = target.steps.iter().filter(|step| step.state == "done").count();
    let next = target.steps.iter().find(|step| step.state == "pending");
    if !target.doing.is_empty() {
        // It says itself how far it is.
        return format!("{}: {}", target.database, target.doing);
    }
    let what = match (target.state.as_str(), next) {
        ("running", Some(step)) => format!("{} {}", step.version, step.name),
        (state, _) => state.to_owned(),
    };
    format!("{} [{done}/{}] {what}", target.database, target.steps.len())
}

/// The first names of many.
pub(super) fn few(names: &[String]) -> String {
    let first = names.iter().take(MAX_NAMES).map(String::as_str).collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(MAX_NAMES) {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}

fn is_over(target: &TargetView) -> bool {
    matches!(target.state.as_str(), "done" | "failed" | "refused" | "cancelled" | "skipped" | "not-reached")
}

/// Says that something takes its time, until it is dropped.
pub(crate) struct Spinner(Option<ProgressBar>);

impl Spinner {
    pub(super) fn start(doing: &str) -> Self {
        let bar = spinner("{spinner} {msg} {elapsed}");
        bar.set_message(paint(Tone::Plain, doing));
        Self(Some(bar))
    }

    pub(super) const fn none() -> Self {
        Self(None)
    }
}

impl Spinner {
    /// Says something else.
    pub(crate) fn say(&self, doing: &str) {
        if let Some(bar) = &self.0 {
            bar.set_message(paint(Tone::Plain, doing));
        }
    }
}

impl Drop for Spinner {
    fn drop(&mut self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_summed_up_now_and_then_and_never_twice() {
        let view = super::super::fixtures::rollout();
        let mut lines = Lines { place: Place::Remark, summed: Duration::ZERO, last: String::new() };
        let mut sum = |seconds| lines.sum(Duration::from_secs(seconds), &view, &Pace::default());
        assert_eq!(sum(59), None);
        assert_eq!(sum(60).as_deref(), Some("r7: 3 of 3 over: 1 failed, 1 done, 1 not-reached"));
        assert_eq!(sum(200), None, "nothing is new");
    }
}
