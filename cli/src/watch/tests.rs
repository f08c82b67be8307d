//! What ends watching, and how long the tries to get back take.

use pgbelay_proto::wire::TargetView;

use super::*;

#[test]
fn only_an_end_or_an_unknown_outcome_ends_watching() {
    let end = |state: &str, reason: &str| {
        End::of(&RolloutView { state: state.into(), reason: reason.into(), ..RolloutView::default() })
    };
    assert_eq!(end("running", ""), None);
    assert_eq!(end("aborting", ""), None);
    assert_eq!(end("paused", "operator"), None);
    assert_eq!(end("paused", "agent_unreachable: the agent of a is silent"), None);
    assert_eq!(end("paused", "unknown: what happened on a cannot be told"), Some(End::Unknown));
    assert_eq!(end("paused", "wave: wave 1 is done"), None);
    assert_eq!(end("paused", "budget: 1 failed, and policy allows 0"), Some(End::Failed));
    let target = |state: &str| TargetView { state: state.into(), ..TargetView::default() };
    let halts = RolloutView {
        state: "paused".into(),
        reason: "budget: 1 failed, and policy allows 0".into(),
        targets: vec![target("failed"), target("running")],
        ..RolloutView::default()
    };
    assert_eq!(End::of(&halts), None);
    assert_eq!(end("succeeded", ""), Some(End::Succeeded));
    assert_eq!(end("failed", ""), Some(End::Failed));
    assert_eq!(end("aborted", ""), Some(End::Aborted));
}

fn with(state: &str, reason: &str, targets: &[&str]) -> RolloutView {
    let target = |state: &&str| TargetView { state: (*state).into(), ..TargetView::default() };
    let targets = targets.iter().map(target).collect();
    RolloutView { id: "r1".into(), state: state.into(), reason: reason.into(), targets, ..Default::default() }
}

#[test]
fn what_is_at_work_does_not_stand_still() {
    let stands = |state: &str, reason: &str, targets: &[&str]| stands_still(&with(state, reason, targets));
    assert!(!stands("running", "", &["waiting"]));
    assert!(stands("paused", "operator", &["done", "waiting"]));
    for at_work in ["rehearsing", "backing-up", "running", "recording", "verifying"] {
        assert!(!stands("paused", "operator", &["done", at_work]), "{at_work}");
    }
    assert!(stands("paused", "agent_unreachable: the agent of a is silent", &["running"]));
    assert!(stands("paused", "progress: nothing has moved for too long; a is worked on", &["running"]));
    let held = |target| RolloutView { held: "in doubt".into(), ..with("running", "", &[target]) };
    assert!(stands_still(&held("waiting")) && !stands_still(&held("running")));
}

/// A watcher without anybody who reads.
fn watching(follow: impl FnOnce(&mut Watcher<'_>)) {
    let io = crate::io::Io {
        out: Box::new(std::io::sink()),
        reader: None,
        err: Box::new(std::io::sink()),
        input: Box::new(std::io::empty()),
        terminal: crate::io::Terminal::default(),
        environment: crate::io::Environment::default(),
    };
    let mut screen = Screen::new(io, &crate::args::GlobalArgs::default());
    follow(&mut Watcher {
        progress: Progress::new(&screen, Place::Result),
        screen: &mut screen,
        interrupts: signal(SignalKind::interrupt()).unwrap(),
        reader: None,
        view: RolloutView::default(),
        patience: None,
        standing_since: None,
        failures: 0,
        connected_at: None,
        away: false,
    });
}

#[tokio::test]
async fn it_stands_still_since_nothing_is_at_work_any_more() {
    watching(|watcher| {
        watcher.saw(with("paused", "operator", &["running"]));
        assert_eq!(watcher.standing_since, None);
        watcher.saw(with("paused", "operator", &["done"]));
        let since = watcher.standing_since;
        assert!(since.is_some());
        watcher.saw(with("paused", "operator", &["done", "skipped"]));
        assert_eq!(watcher.standing_since, since);
        watcher.saw(with("running", "", &["done", "running"]));
        assert_eq!(watcher.standing_since, None);
    });
}

#[tokio::test]
async fn a_stream_that_lived_long_begins_the_tries_anew() {
    let trouble = || Trouble { error: CliError::new(ErrorKind::Unreachable, "gone"), passing: true };
    watching(|watcher| {
        for _ in 0..MAX_TRIES {
            watcher.lost(trouble()).unwrap();
        }
        watcher.connected();
        watcher.connected_at = Instant::now().checked_sub(LONG);
        watcher.lost(trouble()).unwrap();
        assert_eq!(watcher.failures, 1);
        // One that broke at once is another failure.
        watcher.connected();
        watcher.lost(trouble()).unwrap();
        assert_eq!(watcher.failures, 2);
    });
}

#[test]
fn every_end_has_its_exit_code() {
    let view = RolloutView { id: "r1".into(), ..RolloutView::default() };
    let code = |error: CliError| error.kind.exit_code().number();
    assert_eq!(code(failed(&view)), 1);
    assert_eq!(code(aborted(&view)), 1);
    assert_eq!(code(unknown(&view)), 5);
    assert_eq!(code(stood_still(&view, UNATTENDED_PATIENCE)), 5);
    assert_eq!(code(interrupted(&view)), 130);
}

#[test]
fn the_tries_to_get_back_take_about_two_minutes() {
    assert_eq!(delay(1), FIRST_DELAY);
    assert_eq!(delay(2), 2 * FIRST_DELAY);
    assert_eq!(delay(u32::MAX), LONGEST_DELAY);
    let all: Duration = (1..=MAX_TRIES).map(delay).sum();
    assert!((100..150).contains(&all.as_secs()), "{all:?}");
}
