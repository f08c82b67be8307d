//! How fast databases come to their end, and how long the rest will take, where that can be told.

use std::collections::VecDeque;
use std::time::Duration;

use pgbelay_proto::wire::RolloutView;

use super::is_over;

/// What is older says nothing of how fast it goes.
const SPAN: Duration = Duration::from_secs(300);
/// Fewer databases, or a shorter time, are chance.
const LEAST_OVER: usize = 3;
const LEAST_TIME: Duration = Duration::from_secs(10);

/// What was seen of a rollout while it was watched. Times are counted from when watching began.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// When how many databases were over, the oldest first; the first one may be older than the span.
    seen: VecDeque<(Duration, usize)>,
}

impl Pace {
    /// Takes a look into account. While it stands still, nothing is measured.
    pub(super) fn note(&mut self, at: Duration, view: &RolloutView) {
        let over = over(view);
        let went_back = self.seen.back().is_some_and(|(_, before)| over < *before);
        if !runs(view) || went_back {
            self.seen.clear();
        }
        if runs(view) && self.seen.back().is_none_or(|(_, before)| *before != over) {
            self.seen.push_back((at, over));
        }
        while self.seen.get(1).is_some_and(|(second, _)| *second + SPAN < at) {
            self.seen.pop_front();
        }
    }

    /// Databases in a minute.
    pub(super) fn per_minute(&self, now: Duration) -> Option<f64> {
        let ((since, first), (_, last)) = self.seen.front().zip(self.seen.back())?;
        let time = now.saturating_sub(*since);
        let over = u32::try_from(last - first).ok()?;
        (last - first >= LEAST_OVER && time >= LEAST_TIME)
            .then(|| f64::from(over) * 60.0 / time.as_secs_f64())
    }

    /// How long the rest will take. Nobody can tell while it stands still, or where a wave to come waits for a time or
    /// for a person.
    pub(super) fn left(&self, now: Duration, view: &RolloutView) -> Option<Duration> {
        let waits =
            view.waves.iter().rev().skip(1).any(|wave| wave.state != "passed" && !wave.then.is_empty());
        if !runs(view) || waits {
            return None;
        }
        let rest = view.targets.iter().filter(|target| !is_over(target)).count();
        let rest = u32::try_from(rest).ok().filter(|rest| *rest > 0)?;
        Duration::try_from_secs_f64(f64::from(rest) * 60.0 / self.per_minute(now)?).ok()
    }
}

fn runs(view: &RolloutView) -> bool {
    view.state == "running" && view.held.is_empty()
}

fn over(view: &RolloutView) -> usize {
    view.targets.iter().filter(|target| is_over(target)).count()
}

#[cfg(test)]
mod tests {
    use pgbelay_proto::wire::{TargetView, WaveView};

    use super::*;

    fn at(done: usize, all: usize) -> RolloutView {
        let target = |n| TargetView {
            database: format!("d{n}"),
            state: if n < done { "done" } else { "waiting" }.into(),
            ..TargetView::default()
        };
        let targets = (0..all).map(target).collect();
        RolloutView { state: "running".into(), targets, ..RolloutView::default() }
    }

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn little_was_seen_means_nothing_is_said() {
        let mut pace = Pace::default();
        pace.note(s(0), &at(10, 40));
        assert_eq!(pace.per_minute(s(100)), None, "what was over before was not watched");
        pace.note(s(5), &at(13, 40));
        assert_eq!(pace.per_minute(s(9)), None);
        assert_eq!(pace.per_minute(s(30)), Some(6.0));
        assert_eq!(pace.left(s(30), &at(13, 40)), Some(s(270)));
        assert_eq!(pace.per_minute(s(60)), Some(3.0), "nothing has come since");
    }

    #[test]
    fn what_was_long_ago_does_not_count() {
        let mut pace = Pace::default();
        pace.note(s(0), &at(0, 100));
        pace.note(s(10), &at(60, 100));
        pace.note(s(310), &at(70, 100));
        pace.note(s(311), &at(70, 100));
        assert_eq!(pace.per_minute(s(310)), Some(2.0));
    }

    #[test]
    fn what_stands_still_has_no_time_left() {
        let mut pace = Pace::default();
        pace.note(s(0), &at(0, 10));
        pace.note(s(20), &at(5, 10));
        let still = RolloutView { state: "paused".into(), ..at(5, 10) };
        assert!(pace.left(s(20), &at(5, 10)).is_some());
        assert_eq!(pace.left(s(20), &still), None);
        pace.note(s(21), &still);
        assert_eq!(pace.per_minute(s(30)), None, "it is measured anew when it goes on");
    }

    #[test]
    fn a_wave_that_bakes_or_waits_for_a_person_makes_the_time_unknown() {
        let mut pace = Pace::default();
        pace.note(s(0), &at(0, 10));
        pace.note(s(20), &at(5, 10));
        let wave = |state: &str, then: &str| WaveView {
            state: state.into(),
            then: then.into(),
            ..WaveView::default()
        };
        let left = |waves| pace.left(s(20), &RolloutView { waves, ..at(5, 10) }).is_some();
        assert!(!left(vec![wave("working", "bakes 30m"), wave("waiting", "")]));
        assert!(left(vec![wave("passed", "bakes 30m"), wave("working", "bakes 30m")]));
        assert!(left(vec![wave("working", ""), wave("waiting", "")]));
    }
}
