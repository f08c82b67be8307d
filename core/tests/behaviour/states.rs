//! `docs/rollout-states.md`: what becomes of a rollout in each state, whatever is asked of it or happens to it.
//!
//! The table is made by letting it happen. `UPDATE_STATES=1` writes it anew.
#![expect(clippy::disallowed_methods, reason = "the core reads no file; its table is one")]

use std::path::Path;

use pgbelay_core::rollout::{PauseReason, Rollout, RolloutState, Stage, Verdict};

use crate::story::teller::Teller;

const HEAD: &str = "\
# What becomes of a rollout

Every state of a rollout, and everything that is asked of it or happens to it. A test makes this table by letting it
happen (`UPDATE_STATES=1 cargo test -p pgbelay-core --test behaviour states`), and fails when it says something else.

The rollout of the table has the databases `a`, `b` and `c`. The first wave has `a` and `b`, the second has `c`. No
failure and nothing unknown is allowed. \"stays\" means that the state of the rollout is the same afterwards; what
became of the database is its own (`pgbelay rollout show`).

| state | what is asked or happens | becomes | answer |
|---|---|---|---|
";

/// A fleet, a plan in two waves, and its rollout, with `a` and `b` in the hands of their agents.
const STARTED: &[&str] =
    &["enrol a staging", "enrol b staging", "enrol c staging", "push 001", "plan staging", "start"];

const BAKES: &str =
    r#"policy staging staging.waves=[{"count":2,"bake":"5h"}] staging.progress_deadline="9h""#;
const PAUSES: &str =
    r#"policy staging staging.waves=[{"count":2,"pause":true}] staging.progress_deadline="2h""#;
const WINDOW: &str = r#"policy staging staging.waves=[{"count":2,"bake":"5h"}] staging.windows=[{"from":"22:00","to":"23:00"}]"#;
const ASKS: &str = r#"policy staging staging.waves=[{"count":2,"bake":"5h"}] staging.verify=[{"name":"alive","query":"SELECT(true)"}]"#;
const FIRST_WAVE: &[&str] = &["agent a backs-up", "agent a runs", "agent b backs-up", "agent b runs"];

/// Each state, the policy, and how one comes there.
const STATES: &[(&str, &str, &[&str])] = &[
    ("running", BAKES, &[]),
    ("baking", BAKES, FIRST_WAVE),
    ("paused: operator", BAKES, &["pause"]),
    ("paused: wave", PAUSES, FIRST_WAVE),
    ("paused: budget", BAKES, &["agent a fails"]),
    ("paused: budget, nothing under way", BAKES, &["agent a fails", "agent b backs-up"]),
    ("paused: unknown", BAKES, &["agent a unknown"]),
    ("paused: unsettled", BAKES, &["agent a backs-up", "agent a unsettled"]),
    ("paused: agent_unreachable", BAKES, &["silent a"]),
    ("paused: progress", PAUSES, &["wait 3h"]),
    ("paused: window", WINDOW, &["wait 1h"]),
    ("paused: freeze", BAKES, &["freeze staging an incident"]),
    (
        "verifying",
        ASKS,
        &[
            "agent a backs-up",
            "agent a runs",
            "agent a passes",
            "agent b backs-up",
            "agent b runs",
            "agent b passes",
            "wait 5h",
        ],
    ),
    ("paused: verification", ASKS, &["agent a backs-up", "agent a runs", "agent a unsettled"]),
    ("paused: approval_stale", BAKES, &[r#"policy staging staging.approvals=1 staging.waves=[{"count":2}]"#]),
    ("aborting", BAKES, &["abort"]),
    ("aborted", BAKES, &["abort", "agent a cancels", "agent b cancels"]),
    (
        "succeeded",
        BAKES,
        &[
            "agent a backs-up",
            "agent a runs",
            "agent b backs-up",
            "agent b runs",
            "wait 5h",
            "agent c backs-up",
            "agent c runs",
        ],
    ),
    ("failed", BAKES, &["cancel c", "cancel a", "agent a cancels", "agent b backs-up", "agent b runs"]),
];

/// What happens, and the commands that make it happen.
const EVENTS: &[(&str, &[&str])] = &[
    ("`rollout pause`", &["pause r1"]),
    ("`rollout resume`", &["resume r1"]),
    ("`rollout abort`", &["abort r1"]),
    ("`rollout retry`", &["retry r1"]),
    ("`rollout skip a`", &["skip a it is broken"]),
    ("`rollout skip c`", &["skip c it is broken"]),
    ("`rollout cancel a`", &["cancel a"]),
    ("`rollout advance`", &["advance"]),
    ("`rollout override`", &["override it cannot wait"]),
    ("`approve`", &["approve"]),
    ("`freeze`", &["freeze staging something else"]),
    ("`unfreeze`", &["unfreeze staging"]),
    ("`resolve a --done`", &["resolve a 001 done seen"]),
    ("another plan is started", &["plan staging", "start"]),
    ("`a` does what it was asked", &["agent a answers"]),
    ("`a` fails", &["agent a fails"]),
    ("`a` cannot tell", &["agent a unknown"]),
    ("the truth of `a` is read", &["agent a finds-out"]),
    ("the agent of `a` is silent", &["silent a"]),
    ("the agent of `a` is back", &["back a"]),
    ("the agent of `a` is revoked", &["revoke a"]),
    ("ten hours go by", &["wait 10h"]),
];

#[test]
fn the_table_of_states_is_what_happens() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/rollout-states.md");
    let happens = format!("{HEAD}{}", rows().concat());
    if std::env::var_os("UPDATE_STATES").is_some() {
        std::fs::write(&path, &happens).unwrap();
    }
    let told = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(told == happens, "docs/rollout-states.md is stale: UPDATE_STATES=1 writes it anew");
}

fn rows() -> Vec<String> {
    let pairs = STATES.iter().flat_map(|state| EVENTS.iter().map(move |event| (state, event)));
    pairs
        .map(|((state, policy, way), (event, commands))| row((state, policy, way), event, commands))
        .collect()
}

fn row((state, policy, way): (&str, &str, &[&str]), event: &str, commands: &[&str]) -> String {
    let mut teller = Teller::new();
    teller.tell(policy);
    for command in STARTED.iter().chain(way) {
        teller.tell(command);
    }
    let state_of = state.split(',').next().unwrap_or(state);
    assert_eq!(word(first(&teller)), state_of, "{way:?} does not lead there");
    let lines: Vec<_> = commands.iter().flat_map(|command| teller.tell(command)).collect();
    let becomes = word(first(&teller));
    let becomes = if becomes == state_of { "stays".to_owned() } else { becomes };
    format!("| {state} | {event} | {becomes} | {} |\n", answer(&lines))
}

fn first(teller: &Teller) -> &Rollout {
    teller.world.state.rollouts.values().find(|rollout| rollout.id.as_str() == "r1").unwrap()
}

/// The refusal with what to do next; else whether anything happened at all.
fn answer(lines: &[String]) -> String {
    let after = |start: &str| lines.iter().find_map(|line| line.trim().strip_prefix(start));
    let quiet = |line: &String| {
        line == "nothing changes" || line.ends_with("has nothing to do") || line.starts_with("outstanding")
    };
    match (after("refused: "), after("next: ")) {
        (Some(refused), Some(next)) => format!("refused: {refused}; {next}"),
        (Some(refused), None) => format!("refused: {refused}"),
        (None, _) if lines.iter().all(quiet) => "nothing changes".to_owned(),
        (None, _) => String::new(),
    }
}

fn word(rollout: &Rollout) -> String {
    let bakes = rollout.waves.last().is_some_and(|wave| matches!(wave.stage, Stage::Baking { .. }));
    let asks = rollout.waves.last().is_some_and(|wave| wave.stage == Stage::Verifying);
    match &rollout.state {
        RolloutState::Running if bakes => "baking",
        RolloutState::Running if asks => "verifying",
        RolloutState::Running => "running",
        RolloutState::Paused { reason } => match reason {
            PauseReason::Operator => "paused: operator",
            PauseReason::Unknown { .. } => "paused: unknown",
            PauseReason::AgentUnreachable { .. } => "paused: agent_unreachable",
            PauseReason::Unsettled { .. } => "paused: unsettled",
            PauseReason::Budget { .. } => "paused: budget",
            PauseReason::Wave { .. } => "paused: wave",
            PauseReason::NoProgress { .. } => "paused: progress",
            PauseReason::Verification { .. } => "paused: verification",
            PauseReason::ApprovalStale { .. } => "paused: approval_stale",
            PauseReason::Window { .. } => "paused: window",
            PauseReason::Freeze { .. } => "paused: freeze",
        },
        RolloutState::Aborting => "aborting",
        RolloutState::Finished { verdict, .. } => match verdict {
            Verdict::Succeeded => "succeeded",
            Verdict::Failed => "failed",
            Verdict::Aborted => "aborted",
        },
    }
    .to_owned()
}
