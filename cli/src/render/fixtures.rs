//! Messages of a small fleet, for the tests of what people and programs see.

use std::collections::BTreeMap;

use pgbelay_proto::wire::{
    BackupView, DatabaseView, DestroyView, FailureView, HazardView, HistoryEntry, HistoryResponse,
    ImpactView, LockView, LossView, PlanGroup, PlanStep, PlanView, RolloutView, StatusResponse, StepView,
    TargetView, TrialView, TryPlanResponse, WindowView, WorkView,
};

/// Without colour.
pub(super) fn plain(text: &str) -> String {
    super::harmless(text, false).into_owned()
}

pub(super) fn assert_fits(text: &str, width: usize) {
    for line in text.lines() {
        assert!(super::text::visible(line) <= width, "wider than {width}: {line}");
    }
}

fn strings(texts: &[&str]) -> Vec<String> {
    texts.iter().map(ToString::to_string).collect()
}

fn database(name: &str, environment: &str, version: &str, health: &str) -> DatabaseView {
    DatabaseView {
        name: name.into(),
        environment: environment.into(),
        labels: BTreeMap::from([("region".into(), "eu-west".into()), ("tier".into(), "1".into())]),
        version: version.into(),
        applied: 12,
        pending: 0,
        health: health.into(),
        connected: health != "unreachable",
        window: Some(WindowView {
            version: version.into(),
            state: "open".into(),
            until: "2026-07-30T10:00:00.000Z".into(),
            problem: String::new(),
        }),
        problem: String::new(),
        server_version: 150_006,
        unfinished: Vec::new(),
        proven_at: None,
        drift_since: None,
        encrypted: false,
    }
}

pub(super) fn status() -> StatusResponse {
    let orders = database("orders-1", "staging", "012", "ok");
    let billing = DatabaseView {
        pending: 3,
        applied: 9,
        problem: "the agent has been silent since 2026-07-29 09:58 UTC: is its machine running?".into(),
        window: Some(WindowView {
            version: "009".into(),
            state: "expired".into(),
            until: "2026-07-28T10:00:00Z".into(),
            problem: String::new(),
        }),
        ..database("billing-eu-1", "production", "009", "unreachable")
    };
    let fresh = DatabaseView {
        version: String::new(),
        applied: 0,
        pending: 12,
        window: None,
        labels: BTreeMap::new(),
        ..database("orders-2", "production", "", "ok")
    };
    StatusResponse {
        databases: vec![orders, billing, fresh],
        ledger_problem: String::new(),
        freezes: Vec::new(),
        considered: 3,
    }
}

fn plan_step(version: &str, name: &str, direction: &str, risk: &str, reasons: &[&str]) -> PlanStep {
    PlanStep {
        version: version.into(),
        name: name.into(),
        direction: direction.into(),
        risk: risk.into(),
        reasons: strings(reasons),
        has_rollback: name != "drop_task_assigned_to",
        judged_on: "orders-1".into(),
        ..PlanStep::default()
    }
}

/// Of both databases, the longest first.
fn impacts() -> Vec<ImpactView> {
    let larger = ImpactView {
        database: "orders-2".into(),
        version: "011".into(),
        relation: "public.tasks".into(),
        mode: "AccessExclusiveLock".into(),
        waits: "reads and writes".into(),
        low_ms: Some(2_100),
        high_ms: Some(210_000),
        basis: "scan of 3.1 GiB at 15.0 MiB/s to 2.9 GiB/s (assumed, none was seen yet)".into(),
        written_bytes: 0,
        rows: Some(21_000_000),
        bytes: 3_300_000_000,
        index_bytes: 900_000_000,
        writes_per_second: Some(12),
        referenced_by: 1,
        waits_for: strings(&["pid 4711 (report, user ada, idle in transaction), 300 s in its transaction"]),
    };
    let smaller = ImpactView { database: "orders-1".into(), high_ms: Some(5), ..larger.clone() };
    vec![larger, smaller]
}

#[expect(clippy::too_many_lines, reason = "every field of a plan")]
pub(super) fn plan() -> PlanView {
    let labels = plan_step("010", "task_assignees", "up", "low", &["creates the table task_assignees"]);
    let drop = plan_step(
        "011",
        "drop_task_assigned_to",
        "up",
        "high",
        &[
            "drop-column: code that reads it fails",
            "ALTER TABLE tasks drops column assigned_to and its values",
            "unknown: what the function f does",
        ],
    );
    let hazard = |id: &str, severity: &str, message: &str, allowed: &str| HazardView {
        id: id.into(),
        severity: severity.into(),
        relation: "public.tasks.assigned_to".into(),
        message: message.into(),
        line: 3,
        allowed: allowed.into(),
    };
    let tasks = || "public.tasks".to_owned();
    let drop = PlanStep {
        hazards: vec![
            hazard("drop-column", "high", "code that reads it fails", ""),
            hazard("drop-index-non-concurrent", "medium", "writes wait", "it is small"),
        ],
        locks: vec![LockView { relation: tasks(), mode: "AccessExclusiveLock".into(), new: false }],
        work: vec![WorkView {
            relation: tasks(),
            kind: "scan".into(),
            because: "the check is proven".into(),
            new: false,
        }],
        unknown: strings(&["what the function f does"]),
        destroys: vec![DestroyView { object: "public.tasks.assigned_to".into(), what: "column".into() }],
        ..drop
    };
    PlanView {
        id: "p0a1b2c3d4e5f".into(),
        digest: "0a1b2c3d4e5f".repeat(5) + "0a1b",
        environment: "staging".into(),
        release: "9f8e7d6c5b4a".repeat(5) + "9f8e",
        direction: "up".into(),
        target: String::new(),
        risk: "high".into(),
        groups: vec![
            PlanGroup {
                databases: strings(&["orders-1", "orders-2"]),
                steps: vec![labels, drop],
                losses: Vec::new(),
                impacts: impacts(),
                not_measured: strings(&["orders-3: the agent is not connected"]),
                ..PlanGroup::default()
            },
            PlanGroup { databases: strings(&["billing-1"]), ..PlanGroup::default() },
        ],
        approvals_needed: 2,
        approved_by: strings(&["bob"]),
        author: "ada".into(),
        created_at: "2026-07-29T10:00:00.000Z".into(),
        backup: "required".into(),
        backup_method: "full".into(),
        backup_each: "run".into(),
        waves: Vec::new(),
        confirmation_needed: true,
        force_allowed: true,
        blocked_by: strings(&["it waits for approval: it has 1 of 2"]),
        acknowledge: strings(&["drop-column:public.tasks.assigned_to"]),
        purpose: "migrate".into(),
        gates: Vec::new(),
        ..PlanView::default()
    }
}

pub(super) fn rollback_plan() -> PlanView {
    let reasons = ["DROP TABLE audit_log (line 2)"];
    let losses = vec![
        LossView {
            database: "orders-1".into(),
            object: "audit_log".into(),
            rows: 1204,
            error: String::new(),
        },
        LossView { database: "orders-1".into(), object: "tasks.note".into(), rows: 0, error: String::new() },
        LossView {
            database: "orders-2".into(),
            object: "audit_log".into(),
            rows: 0,
            error: "permission denied".into(),
        },
    ];
    let steps = vec![
        plan_step("007", "audit_tables", "down", "high", &reasons),
        plan_step("006", "template_tables", "down", "high", &["DROP TABLE templates (line 1)"]),
    ];
    PlanView {
        release: String::new(),
        direction: "down".into(),
        target: "005".into(),
        groups: vec![PlanGroup {
            databases: strings(&["orders-1", "orders-2"]),
            steps,
            losses,
            ..PlanGroup::default()
        }],
        approvals_needed: 0,
        approved_by: Vec::new(),
        backup: "off".into(),
        backup_method: String::new(),
        backup_each: String::new(),
        backup_rate_limit: String::new(),
        backup_thresholds: String::new(),
        force_allowed: false,
        blocked_by: Vec::new(),
        acknowledge: Vec::new(),
        purpose: "rollback".into(),
        ..plan()
    }
}

fn run_step(version: &str, name: &str, state: &str, took_ms: i64, retries: u32) -> StepView {
    StepView {
        version: version.into(),
        name: name.into(),
        state: state.into(),
        took_ms,
        retries,
        observed: None,
    }
}

fn error() -> FailureView {
    FailureView {
        kind: "sql".into(),
        version: "011".into(),
        message: "column \"assigned_to\" of relation \"tasks\" does not exist".into(),
        hint: "correct the migration and plan again".into(),
        sqlstate: "42703".into(),
        line: 3,
        blockers: strings(&["pid 4711 (psql, running for 5m): SELECT count(*) FROM tasks"]),
    }
}

pub(super) fn rollout() -> RolloutView {
    let done = TargetView {
        database: "orders-1".into(),
        state: "done".into(),
        steps: vec![
            run_step("010", "task_assignees", "done", 12, 0),
            run_step("011", "drop_task_assigned_to", "done", 1_204, 2),
        ],
        backup: Some(BackupView {
            path: "/var/backups/pgbelay/orders-1/20260729T100001Z-c12".into(),
            sha256: "ab12".repeat(16),
            bytes: 1_468_006,
            took_ms: 830,
            method: "full".into(),
            ..BackupView::default()
        }),
        backups: Vec::new(),
        rehearsal: String::new(),
        error: None,
        doing: String::new(),
    };
    let failed = TargetView {
        database: "orders-2".into(),
        state: "failed".into(),
        steps: vec![
            run_step("010", "task_assignees", "done", 9, 0),
            run_step("011", "drop_task_assigned_to", "failed", 3, 0),
        ],
        backup: None,
        backups: Vec::new(),
        rehearsal: String::new(),
        error: Some(error()),
        doing: String::new(),
    };
    let rest =
        TargetView { database: "billing-1".into(), state: "not-reached".into(), ..TargetView::default() };
    RolloutView {
        id: "r7".into(),
        plan: "p0a1b2c3d4e5f".into(),
        environment: "staging".into(),
        state: "failed".into(),
        reason: String::new(),
        undo: String::new(),
        direction: "up".into(),
        release: "9f8e7d6c5b4a".repeat(5) + "9f8e",
        started_by: "ada".into(),
        started_at: "2026-07-29T10:00:00.000Z".into(),
        finished_at: "2026-07-29T10:01:30.000Z".into(),
        confirmation: "forced".into(),
        targets: vec![done, failed, rest],
        acknowledged: strings(&["drop-column:public.tasks.assigned_to"]),
        held: String::new(),
        waves: Vec::new(),
        overridden: String::new(),
    }
}

pub(super) fn trial() -> TryPlanResponse {
    let works = TrialView {
        database: "orders-1".into(),
        succeeded: true,
        steps: vec![run_step("010", "task_assignees", "done", 12, 0)],
        error: None,
    };
    let fails = TrialView {
        database: "orders-2".into(),
        succeeded: false,
        steps: vec![run_step("011", "drop_task_assigned_to", "failed", 3, 0)],
        error: Some(error()),
    };
    TryPlanResponse { plan: "p0a1b2c3d4e5f".into(), succeeded: false, databases: vec![works, fails] }
}

pub(super) fn history() -> HistoryResponse {
    let entry = |version: &str, state: &str, error: &str| HistoryEntry {
        at: "2026-07-29T10:00:30.000Z".into(),
        database: "orders-1".into(),
        environment: "staging".into(),
        rollout: "r7".into(),
        direction: "up".into(),
        version: version.into(),
        name: "task_assignees".into(),
        state: state.into(),
        by: "ada".into(),
        confirmation: if state == "done" { "none".into() } else { "forced".into() },
        error: error.into(),
        acknowledged: if state == "done" { strings(&["drop-column:public.tasks.note"]) } else { Vec::new() },
    };
    HistoryResponse {
        entries: vec![
            entry("011", "failed", "column \"assigned_to\" does not exist"),
            entry("010", "done", ""),
        ],
        left_off: 0,
    }
}
