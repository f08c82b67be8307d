//! What goes on while it goes on: moving bars on a terminal, lines everywhere else. All on stderr.
//!
//! A program that asked for JSON gets none of it: what it reads on stderr is the error, if there is one.

use std::collections::BTreeMap;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use pgbelay_proto::wire::{RolloutView, TargetView};

use super::text::{Tone, paint};
use super::{Screen, harmless};
use crate::args::Format;

mod changes;

use changes::{Change, changes};

/// How often a spinner moves.
const TICK: Duration = Duration::from_millis(120);
/// Most databases with a bar of their own: more than are worked on at a time by default, and less than a screen.
const MAX_BARS: usize = 12;

/// How a rollout is shown while it runs.
pub(crate) enum Progress {
    /// On a terminal.
    Bars(Bars),
    /// Into a file or a pipe.
    Lines,
    /// For programs.
    Nothing,
}

/// A bar for the whole, and one for each database that is worked on.
pub(crate) struct Bars {
    all: MultiProgress,
    whole: ProgressBar,
    each: BTreeMap<String, ProgressBar>,
}

impl Progress {
    pub(crate) fn new(screen: &Screen) -> Self {
        match screen.format {
            _ if screen.can_draw() => Self::Bars(Bars::new()),
            Format::Table => Self::Lines,
            Format::Json => Self::Nothing,
        }
    }

    /// Shows what is new.
    pub(crate) fn show(&mut self, screen: &mut Screen, before: &RolloutView, now: &RolloutView) {
        let news = changes(before, now);
        match self {
            Self::Lines => news.iter().for_each(|change| screen.note(&change.text)),
            Self::Bars(bars) => bars.show(screen, &news, now),
            Self::Nothing => {}
        }
    }

    /// Says something that is not about a database.
    pub(crate) fn remark(&self, screen: &mut Screen, text: &str) {
        match self {
            Self::Lines => screen.note(text),
            Self::Bars(bars) => bars.all.suspend(|| screen.note(text)),
            Self::Nothing => {}
        }
    }

    /// Clears the bars away.
    pub(crate) fn finish(&mut self) {
        if let Self::Bars(bars) = self {
            bars.each.clear();
            bars.whole.finish_and_clear();
            // A terminal that is gone needs no clearing.
            drop(bars.all.clear());
        }
    }
}

impl Bars {
    fn new() -> Self {
        let all = MultiProgress::with_draw_target(ProgressDrawTarget::stderr());
        let whole = all.add(spinner("{spinner} {pos}/{len} {msg} {elapsed}"));
        Self { all, whole, each: BTreeMap::new() }
    }

    fn show(&mut self, screen: &mut Screen, news: &[Change], now: &RolloutView) {
        let lasting: Vec<_> = news.iter().filter(|change| change.lasting).collect();
        self.all.suspend(|| lasting.iter().for_each(|change| screen.note(&change.text)));
        let over = now.targets.iter().filter(|target| is_over(target)).count();
        self.whole.set_length(u64::try_from(now.targets.len()).unwrap_or(u64::MAX));
        self.whole.set_position(u64::try_from(over).unwrap_or(u64::MAX));
        self.whole.set_message(format!("databases, rollout {} {}", now.id, now.state));
        for target in &now.targets {
            self.show_target(target);
        }
    }

    fn show_target(&mut self, target: &TargetView) {
        let active = matches!(target.state.as_str(), "backing-up" | "running" | "recording" | "verifying");
        if !active {
            if let Some(bar) = self.each.remove(&target.database) {
                bar.finish_and_clear();
                self.all.remove(&bar);
            }
            return;
        }
        if self.each.len() >= MAX_BARS && !self.each.contains_key(&target.database) {
            return;
        }
        let all = &self.all;
        let new = || all.add(spinner("  {spinner} {wide_msg}"));
        let bar = self.each.entry(target.database.clone()).or_insert_with(new);
        bar.set_message(harmless(&doing(target), false).into_owned());
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
    let what = match (target.state.as_str(), target.doing.as_str(), next) {
        (_, doing, _) if !doing.is_empty() => doing.to_owned(),
        ("running", _, Some(step)) => format!("{} {}", step.version, step.name),
        (state, _, _) => state.to_owned(),
    };
    format!("{} [{done}/{}] {what}", target.database, target.steps.len())
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
