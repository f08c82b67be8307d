//! The screen at several sizes.

use pgbelay_proto::wire::FailureView;

use super::*;

fn target(n: usize) -> TargetView {
    let (state, doing) = match n {
        0..=40 => ("done", String::new()),
        41 | 42 => ("failed", String::new()),
        43..=50 => ("running", format!("1/2 011 drop_note: statement {n}")),
        51 => (
            "running",
            "0/2 010 note: waiting for a lock held by pid 4711 (report, idle in transaction for 5m)".into(),
        ),
        52 => ("waiting", "waiting for its agent to connect".into()),
        _ => ("waiting", String::new()),
    };
    let error = (state == "failed").then(|| FailureView {
        kind: "sql".into(),
        version: "011".into(),
        line: 3,
        message: "column \"note\" does not exist\nPerhaps you meant \u{1b}[2Jnotes".into(),
        ..FailureView::default()
    });
    TargetView {
        database: format!("orders-{n:03}"),
        state: state.into(),
        doing,
        error,
        ..TargetView::default()
    }
}

fn fleet() -> RolloutView {
    let targets: Vec<_> = (0..240).map(target).collect();
    let named = |range: std::ops::Range<usize>| targets[range].iter().map(|t| t.database.clone()).collect();
    let wave = |state: &str, databases: Vec<String>| WaveView {
        state: state.into(),
        databases,
        selects: "25% of all".into(),
        ..WaveView::default()
    };
    RolloutView {
        id: "r7".into(),
        environment: "production".into(),
        state: "running".into(),
        waves: vec![
            wave("passed", named(0..24)),
            wave("working", named(24..84)),
            wave("waiting", named(84..240)),
        ],
        targets,
        ..RolloutView::default()
    }
}

fn shown(view: &RolloutView, width: usize, height: usize) -> String {
    let mut pace = Pace::default();
    let mut before = view.clone();
    before.targets[..20].iter_mut().for_each(|target| target.state = "waiting".into());
    pace.note(Duration::ZERO, &before);
    pace.note(Duration::from_secs(100), view);
    let lines = board(view, &pace, Duration::from_secs(120), Room { width, height });
    assert!(lines.len() < height.max(1), "{} lines in {height}", lines.len());
    for (_, line) in &lines {
        assert!(crate::render::text::visible(line) <= width, "wider than {width}: {line}");
        assert!(!line.contains(char::is_control), "{line:?}");
    }
    lines.into_iter().map(|(_, line)| format!("{line}\n")).collect()
}

#[test]
fn it_fits_a_large_window() {
    insta::assert_snapshot!(shown(&fleet(), 120, 30));
}

#[test]
fn it_fits_a_usual_window() {
    insta::assert_snapshot!(shown(&fleet(), 80, 16));
}

#[test]
fn it_fits_a_narrow_and_low_window() {
    insta::assert_snapshot!(shown(&fleet(), 40, 12));
}

#[test]
fn it_fits_whatever_window_there_is() {
    for width in [0, 1, 5, 20, 33] {
        for height in 0..40 {
            shown(&fleet(), width, height);
        }
    }
    insta::assert_snapshot!(shown(&fleet(), 20, 8));
    let last_row = shown(&fleet(), 40, 6);
    assert!(last_row.ends_with("\n2 with a failure\n"), "what went wrong has the last row: {last_row}");
}

#[test]
fn what_stands_still_says_why_and_no_time() {
    let paused = RolloutView {
        state: "paused".into(),
        reason: "budget: 2 failed, and policy allows 1".into(),
        ..fleet()
    };
    let text = shown(&paused, 120, 30);
    assert!(text.starts_with("r7 on production: paused (budget: 2 failed, and policy allows 1)\n"), "{text}");
    assert!(!text.contains("left"), "{text}");
}

#[test]
fn a_state_that_is_not_known_yet_is_counted_and_at_work() {
    let mut view = fleet();
    view.targets[60].state = "verifying".into();
    let text = shown(&view, 120, 30);
    assert!(text.contains("1 verifying") && text.contains("orders-060 [0/0] verifying"), "{text}");
}
