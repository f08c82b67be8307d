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
