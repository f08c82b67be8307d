//! Rollouts: one with its databases, or a list of them.

use std::time::Duration;

use pgbelay_analysis::bytes_in_words as bytes;
use pgbelay_proto::wire::{
    BackupView, FailureView, ListRolloutsResponse, Observed, ObservedLock, ResolveResponse, RolloutView,
    StepView, TargetView,
};

use super::Layout;
use super::table::{Column, Word, number, prose, table, toned, word};
use super::text::{Tone, left_off, moment, paint, short, took, took_ms, wrap};

const TARGETS: [Column; 5] =
    [word("DATABASE"), word("STATE"), number("STEPS"), number("TOOK").rank(1), prose("BACKUP").rank(2)];
const STEPS: [Column; 5] =
    [word("VERSION"), prose("NAME"), word("STATE"), number("TOOK"), number("RETRIES").rank(1)];
const LIST: [Column; 8] = [
    word("ROLLOUT"),
    word("ENVIRONMENT"),
    word("STATE"),
    word("DIRECTION").rank(3),
    word("PLAN").rank(4),
    word("BY").rank(2),
    word("STARTED").rank(1),
    word("RELEASE").rank(5),
];

/// How it stands: one line for each database, and what failed.
pub(crate) fn summary(rollout: &RolloutView, layout: Layout) -> String {
    let rows: Vec<_> = rollout.targets.iter().map(target).collect();
    let waves = super::waves::of_rollout(&rollout.waves, layout);
    let mut text = format!("{}\n\n{waves}{}", heading(rollout, layout), table(&TARGETS, &rows, layout));
    for target in &rollout.targets {
        if let Some(error) = &target.error {
            text.push_str(&format!("\n{}", failure(&target.database, error, layout)));
        }
    }
    text
}

/// The same, with every step on every database.
pub(crate) fn full(rollout: &RolloutView, layout: Layout) -> String {
    let mut text = summary(rollout, layout);
    for target in rollout.targets.iter().filter(|target| !target.steps.is_empty()) {
        let rows: Vec<_> = target.steps.iter().map(step).collect();
        text.push_str(&format!(
            "\n{}\n{}",
            paint(Tone::Strong, &target.database),
            table(&STEPS, &rows, layout)
        ));
        for step in &target.steps {
            text.extend(step.observed.iter().filter_map(|seen| observed(&step.version, seen, layout)));
        }
        if !target.rehearsal.is_empty() {
            let words = format!("rehearsed on a copy: {}", target.rehearsal);
            text.push_str(&format!("{}\n", wrap(&words, 2, layout.prose())));
        }
        for backup in all_backups(target) {
            text.push_str(&format!("backup {} (SHA-256 {})\n", backup.path, backup.sha256));
            text.push_str(&kind(backup));
        }
    }
    text
}

/// What kind of backup it is, where that is not the usual one.
fn kind(backup: &BackupView) -> String {
    let what = match (backup.method_reason.as_str(), backup.method.as_str()) {
        ("", "full" | "") => return String::new(),
        ("", method) => method.to_owned(),
        (reason, _) => reason.to_owned(),
    };
    let place =
        if backup.outside.is_empty() { String::new() } else { format!("; it is at {}", backup.outside) };
    format!("  {what}{place}\n")
}

/// The last one, or each of several.
fn all_backups(target: &TargetView) -> impl Iterator<Item = &BackupView> {
    let last = target.backup.as_ref().filter(|_| target.backups.is_empty());
    last.into_iter().chain(&target.backups)
}

/// What was seen of a step that others may have noticed; nothing, if there is nothing to say.
fn observed(version: &str, seen: &Observed, layout: Layout) -> Option<String> {
    let mut words = Vec::new();
    if seen.lock_wait_ms > 0 {
        let whom = match seen.waited_for.as_slice() {
            [] => String::new(),
            sessions => format!(", held by {}", sessions.join("; ")),
        };
        words.push(format!("waited {} for locks{whom}", took_ms(seen.lock_wait_ms)));
    }
    words.extend(seen.ended.iter().map(|session| format!("ended {session}")));
    words.extend(seen.rewrites.iter().map(|relation| format!("wrote {relation} anew")));
    let strong = |lock: &&ObservedLock| lock.mode == "AccessExclusiveLock";
    let locked: Vec<_> = seen.locks.iter().filter(strong).map(|lock| lock.relation.as_str()).collect();
    if !locked.is_empty() {
        words.push(format!("kept everybody from {}", locked.join(", ")));
    }
    if let Some(slow) =
        seen.statements.iter().filter(|one| one.took_ms >= 1_000).max_by_key(|one| one.took_ms)
    {
        words.push(format!("line {} ({}) took {}", slow.line, slow.what, took_ms(slow.took_ms)));
    }
    if words.is_empty() {
        return None;
    }
    words.push(format!("{} of WAL", bytes(seen.wal_bytes)));
    Some(format!("{}\n", wrap(&format!("{version}: {}", words.join("; ")), 2, layout.prose())))
}

/// That it has begun, and how to see more.
pub(crate) fn started(rollout: &RolloutView, _: Layout) -> String {
    format!(
        "Rollout {id} on {} has started: pgbelay rollout watch {id}\n",
        rollout.environment,
        id = rollout.id
    )
}

/// What was asked of it, and where it stands.
pub(crate) fn asked(rollout: &RolloutView, layout: Layout) -> String {
    format!("{}\n", heading(rollout, layout))
}

/// What was said of a statement that was cut off, and what goes on.
pub(crate) fn resolved(response: &ResolveResponse, layout: Layout) -> String {
    let ResolveResponse { database, version, done, rollout } = response;
    let word = if *done { "done" } else { "not done" };
    let next = if rollout.is_empty() {
        "it counts for the next run".to_owned()
    } else {
        format!("rollout {rollout} goes on: pgbelay rollout watch {rollout}")
    };
    let text = format!("{database}: the statement of migration {version} counts as {word}; {next}");
    format!("{}\n", wrap(&text, 2, layout.prose()))
}

/// One line for each.
pub(crate) fn list(response: &ListRolloutsResponse, layout: Layout) -> String {
    if response.rollouts.is_empty() {
        return "No rollout yet. Start one: pgbelay migrate --env ENVIRONMENT\n".into();
    }
    let rows: Vec<_> = response.rollouts.iter().map(list_row).collect();
    table(&LIST, &rows, layout) + &left_off(response.left_off, "--limit")
}

/// What failed on a database, and what helps.
pub(super) fn failure(database: &str, error: &FailureView, layout: Layout) -> String {
    let at = if error.version.is_empty() { String::new() } else { format!(" at {}", error.version) };
    let line = if error.line > 0 { format!(", line {}", error.line) } else { String::new() };
    let code =
        if error.sqlstate.is_empty() { String::new() } else { format!(" (SQLSTATE {})", error.sqlstate) };
    let what = format!("{database}: {}{at}{line}: {}{code}", error.kind, error.message);
    let mut text = format!("{}\n", paint_first(&wrap(&what, 2, layout.prose())));
    for blocker in &error.blockers {
        text.push_str(&format!("  {}\n", wrap(&format!("blocked by {blocker}"), 4, layout.prose())));
    }
    if !error.hint.is_empty() {
        text.push_str(&format!("  {}\n", wrap(&format!("next: {}", error.hint), 4, layout.prose())));
    }
    text
}

fn paint_first(text: &str) -> String {
    text.lines().map(|line| paint(Tone::Bad, line)).collect::<Vec<_>>().join("\n")
}

fn heading(rollout: &RolloutView, layout: Layout) -> String {
    let reason = if rollout.reason.is_empty() { String::new() } else { format!(" ({})", rollout.reason) };
    let direction = if rollout.direction == "down" { "rollback" } else { "rollout" };
    let release = if rollout.release.is_empty() {
        String::new()
    } else {
        format!(", release {}", short(&rollout.release))
    };
    let forced = if rollout.confirmation == "forced" { ", forced" } else { "" };
    let head = paint(Tone::Strong, &format!("{} on {}", rollout.id, rollout.environment));
    let state = paint(tone(&rollout.state), &rollout.state);
    let began = moment(&rollout.started_at);
    let took = elapsed(rollout).map_or_else(String::new, |time| format!(", took {}", took(time)));
    let about = format!(
        "{direction} of plan {}{release}, by {}{forced}, {began}{took}",
        rollout.plan, rollout.started_by
    );
    let width = layout.prose();
    let held = if rollout.held.is_empty() {
        String::new()
    } else {
        let held = format!("held: {}; see pgbelay ledger status", rollout.held);
        format!("\n{}", paint(Tone::Bad, &wrap(&held, 2, width)))
    };
    let undo = if rollout.undo.is_empty() {
        String::new()
    } else {
        format!("\n{}", wrap(&format!("what it did: {}", rollout.undo), 2, width))
    };
    format!("{}\n{}{undo}{held}", wrap(&format!("{head}: {state}{reason}"), 2, width), wrap(&about, 2, width))
}

/// From start to end, once it is over.
fn elapsed(rollout: &RolloutView) -> Option<Duration> {
    let moment = |text: &str| text.parse::<jiff::Timestamp>().ok();
    let time = moment(&rollout.finished_at)?.duration_since(moment(&rollout.started_at)?);
    Duration::try_from(time).ok()
}

/// The tone of a state of a rollout, a target or a step.
pub(super) fn tone(state: &str) -> Tone {
    match state {
        "succeeded" | "done" => Tone::Good,
        "paused" | "aborting" | "aborted" | "cancelled" | "skipped" => Tone::Warn,
        "failed" | "refused" | "unknown" | "unverified" => Tone::Bad,
        "waiting" | "pending" | "not-reached" => Tone::Faint,
        _ => Tone::Plain,
    }
}

fn target(target: &TargetView) -> Vec<Word> {
    let done = target.steps.iter().filter(|step| step.state == "done").count();
    let took: i64 = target.steps.iter().map(|step| step.took_ms).sum();
    let backup = target
        .backup
        .as_ref()
        .map_or_else(String::new, |backup| format!("{}, {}", bytes(backup.bytes), backup.path));
    vec![
        target.database.as_str().into(),
        toned(tone(&target.state), target.state.as_str()),
        format!("{done}/{}", target.steps.len()).into(),
        took_ms(took).into(),
        backup.into(),
    ]
}

fn step(step: &StepView) -> Vec<Word> {
    vec![
        step.version.as_str().into(),
        step.name.as_str().into(),
        toned(tone(&step.state), step.state.as_str()),
        if step.state == "pending" { "".into() } else { took_ms(step.took_ms).into() },
        if step.retries == 0 { "".into() } else { step.retries.to_string().into() },
    ]
}

fn list_row(rollout: &RolloutView) -> Vec<Word> {
    vec![
        rollout.id.as_str().into(),
        rollout.environment.as_str().into(),
        toned(tone(&rollout.state), rollout.state.as_str()),
        rollout.direction.as_str().into(),
        rollout.plan.as_str().into(),
        rollout.started_by.as_str().into(),
        moment(&rollout.started_at).into(),
        short(&rollout.release).into(),
    ]
}

#[cfg(test)]
mod tests {
    use pgbelay_proto::wire::ObservedStatement;

    use super::super::fixtures::{self, plain};
    use super::*;

    #[test]
    fn it_fits_a_wide_terminal() {
        insta::assert_snapshot!(plain(&full(&fixtures::rollout(), Layout { width: Some(120) })), @r#"
        r7 on staging: failed
        rollout of plan p0a1b2c3d4e5f, release 9f8e7d6c5b4a, by ada, forced, 2026-07-29 10:00 UTC, took 1m
          30s

        DATABASE   STATE        STEPS  TOOK  BACKUP
        orders-1   done           2/2  1.2s  1.4 MiB, /var/backups/pgbelay/orders-1/20260729T100001Z-c12
        orders-2   failed         1/2  12ms
        billing-1  not-reached    0/0   0ms

        orders-2: sql at 011, line 3: column "assigned_to" of relation "tasks" does not exist (SQLSTATE
          42703)
          blocked by pid 4711 (psql, running for 5m): SELECT count(*) FROM tasks
          next: correct the migration and plan again

        orders-1
        VERSION  NAME                   STATE  TOOK  RETRIES
        010      task_assignees         done   12ms
        011      drop_task_assigned_to  done   1.2s        2
        backup /var/backups/pgbelay/orders-1/20260729T100001Z-c12 (SHA-256 ab12ab12ab12ab12ab12ab12ab12ab12ab12ab12ab12ab12ab12ab12ab12ab12)

        orders-2
        VERSION  NAME                   STATE   TOOK  RETRIES
        010      task_assignees         done     9ms
        011      drop_task_assigned_to  failed   3ms
        "#);
    }

    #[test]
    fn it_fits_a_narrow_terminal() {
        let text = plain(&summary(&fixtures::rollout(), Layout { width: Some(60) }));
        fixtures::assert_fits(&text, 60);
        insta::assert_snapshot!(text, @r#"
        r7 on staging: failed
        rollout of plan p0a1b2c3d4e5f, release 9f8e7d6c5b4a, by
          ada, forced, 2026-07-29 10:00 UTC, took 1m 30s

        DATABASE   STATE        STEPS  TOOK
        orders-1   done           2/2  1.2s
        orders-2   failed         1/2  12ms
        billing-1  not-reached    0/0   0ms
        no room for BACKUP

        orders-2: sql at 011, line 3: column "assigned_to" of
          relation "tasks" does not exist (SQLSTATE 42703)
          blocked by pid 4711 (psql, running for 5m): SELECT
            count(*) FROM tasks
          next: correct the migration and plan again
        "#);
    }

    #[test]
    fn what_others_may_have_noticed_is_told() {
        let statement =
            |line, took_ms| ObservedStatement { line, what: "ALTER TABLE".into(), took_ms, rows: 0 };
        let seen = Observed {
            statements: vec![statement(1, 20), statement(4, 2_300)],
            locks: vec![ObservedLock { relation: "public.a".into(), mode: "AccessExclusiveLock".into() }],
            rewrites: vec!["public.a".into()],
            wal_bytes: 3 << 20,
            lock_wait_ms: 700,
            waited_for: vec!["pid 7 (psql)".into()],
            ended: vec!["pid 8 (app)".into()],
        };
        let text = observed("011", &seen, Layout { width: Some(200) }).unwrap();
        assert_eq!(
            text,
            "011: waited 700ms for locks, held by pid 7 (psql); ended pid 8 (app); wrote public.a anew; kept\n  \
             everybody from public.a; line 4 (ALTER TABLE) took 2.3s; 3.0 MiB of WAL\n"
        );
        assert_eq!(observed("011", &Observed::default(), Layout { width: None }), None);
    }

    #[test]
    fn a_list_has_a_line_for_each() {
        let rollouts = ListRolloutsResponse { rollouts: vec![fixtures::rollout()], left_off: 0 };
        insta::assert_snapshot!(plain(&list(&rollouts, Layout { width: Some(120) })), @r"
        ROLLOUT  ENVIRONMENT  STATE   DIRECTION  PLAN           BY   STARTED               RELEASE
        r7       staging      failed  up         p0a1b2c3d4e5f  ada  2026-07-29 10:00 UTC  9f8e7d6c5b4a
        ");
        let narrow = plain(&list(&rollouts, Layout { width: Some(60) }));
        fixtures::assert_fits(&narrow, 60);
        insta::assert_snapshot!(narrow, @r"
        ROLLOUT  ENVIRONMENT  STATE   BY   STARTED
        r7       staging      failed  ada  2026-07-29 10:00 UTC
        no room for DIRECTION, PLAN, RELEASE
        ");
    }

    #[test]
    #[expect(clippy::too_many_lines, reason = "the document is the test")]
    fn programs_get_every_field() {
        insta::assert_json_snapshot!(fixtures::rollout(), @r#"
        {
          "id": "r7",
          "plan": "p0a1b2c3d4e5f",
          "environment": "staging",
          "state": "failed",
          "reason": "",
          "direction": "up",
          "release": "9f8e7d6c5b4a9f8e7d6c5b4a9f8e7d6c5b4a9f8e7d6c5b4a9f8e7d6c5b4a9f8e",
          "started_by": "ada",
          "started_at": "2026-07-29T10:00:00.000Z",
          "finished_at": "2026-07-29T10:01:30.000Z",
          "confirmation": "forced",
          "targets": [
            {
              "database": "orders-1",
              "state": "done",
              "steps": [
                {
                  "version": "010",
                  "name": "task_assignees",
                  "state": "done",
                  "took_ms": 12,
                  "retries": 0,
                  "observed": null
                },
                {
                  "version": "011",
                  "name": "drop_task_assigned_to",
                  "state": "done",
                  "took_ms": 1204,
                  "retries": 2,
                  "observed": null
                }
              ],
              "backup": {
                "path": "/var/backups/pgbelay/orders-1/20260729T100001Z-c12",
                "sha256": "ab12ab12ab12ab12ab12ab12ab12ab12ab12ab12ab12ab12ab12ab12ab12ab12",
                "bytes": 1468006,
                "took_ms": 830,
                "method": "full",
                "method_reason": "",
                "outside": ""
              },
              "error": null,
              "doing": "",
              "backups": [],
              "rehearsal": ""
            },
            {
              "database": "orders-2",
              "state": "failed",
              "steps": [
                {
                  "version": "010",
                  "name": "task_assignees",
                  "state": "done",
                  "took_ms": 9,
                  "retries": 0,
                  "observed": null
                },
                {
                  "version": "011",
                  "name": "drop_task_assigned_to",
                  "state": "failed",
                  "took_ms": 3,
                  "retries": 0,
                  "observed": null
                }
              ],
              "backup": null,
              "error": {
                "kind": "sql",
                "version": "011",
                "message": "column \"assigned_to\" of relation \"tasks\" does not exist",
                "hint": "correct the migration and plan again",
                "sqlstate": "42703",
                "line": 3,
                "blockers": [
                  "pid 4711 (psql, running for 5m): SELECT count(*) FROM tasks"
                ]
              },
              "doing": "",
              "backups": [],
              "rehearsal": ""
            },
            {
              "database": "billing-1",
              "state": "not-reached",
              "steps": [],
              "backup": null,
              "error": null,
              "doing": "",
              "backups": [],
              "rehearsal": ""
            }
          ],
          "acknowledged": [
            "drop-column:public.tasks.assigned_to"
          ],
          "held": "",
          "waves": [],
          "overridden": "",
          "undo": ""
        }
        "#);
    }
}
