//! What a plan would do, how risky that is, and what stands against it.

use pgbelay_core::acknowledge::Acknowledgement;
use pgbelay_proto::wire::{GateView, PlanGroup, PlanStep, PlanView};

use super::Layout;
use super::table::{Column, Word, number, prose, table, toned, word};
use super::text::{self, Tone, count, entry, moment, paint, short, wrap};

mod adopted;
mod back;
mod judged;

const STEPS: [Column; 4] = [word("VERSION"), prose("NAME"), word("RISK"), prose("WHY")];
/// Reasons of a step that a table has room for.
const MAX_REASONS: usize = 3;
const LOSSES: [Column; 3] = [word("DATABASE"), prose("OBJECT"), number("ROWS LOST")];

/// The whole plan.
pub(crate) fn overview(plan: &PlanView, layout: Layout) -> String {
    let width = layout.prose();
    let origin = wrap(&origin(plan), 0, width);
    let mut text = format!("{}\n{}\n", wrap(&heading(plan), 2, width), paint(Tone::Faint, &origin));
    if is_rollback(plan) {
        text.push_str(&back::summary(plan, layout));
    }
    for group in &plan.groups {
        text.push_str(&group_text(group, layout));
    }
    text.push_str(&super::waves::of_plan(&plan.waves, layout));
    text.push('\n');
    text.push_str(&losses(plan, layout));
    text.push_str(&circumstances(plan, layout));
    text
}

/// The whole plan, and what to type next.
pub(crate) fn plan(plan: &PlanView, layout: Layout) -> String {
    format!("{}{}", overview(plan, layout), entry("Next", &next(plan), layout.prose()))
}

/// The command that carries it out.
pub(crate) fn run(plan: &PlanView) -> String {
    if is_rollback(plan) {
        return format!("pgbelay rollback --env {} --target {}", plan.environment, target(plan));
    }
    format!("pgbelay {} --env {} --plan {}", command(plan), plan.environment, plan.id)
}

/// The command that carries such plans out.
pub(crate) fn command(plan: &PlanView) -> &str {
    match plan.purpose.as_str() {
        "" if is_rollback(plan) => "rollback",
        "" => "migrate",
        purpose => purpose,
    }
}

/// What the plan is for, after its name.
pub(crate) fn purpose(plan: &PlanView) -> &'static str {
    match command(plan) {
        "rollback" => "takes migrations back",
        "adopt" => "records what another tool has applied",
        "baseline" => "takes migrations to be applied",
        _ => "runs migrations",
    }
}

/// Whether the plan takes migrations back.
pub(crate) fn is_rollback(plan: &PlanView) -> bool {
    plan.direction == "down"
}

/// What a person reads before typing the environment's name.
pub(crate) fn danger(plan: &PlanView) -> String {
    let databases: usize = plan.groups.iter().map(|group| group.databases.len()).sum();
    let mut text =
        format!("\n{}\n", paint(Tone::Bad, &format!("{} risk on {}", plan.risk, plan.environment)));
    let risky = |step: &&PlanStep| step.risk == plan.risk && plan.risk != "low";
    let mut seen = Vec::new();
    for step in plan.groups.iter().flat_map(|group| &group.steps).filter(risky) {
        if !seen.contains(&&step.version) {
            text.push_str(&format!("  {} {}: {}\n", step.version, step.name, step.reasons.join("; ")));
            seen.push(&step.version);
        }
    }
    for loss in plan.groups.iter().flat_map(|group| &group.losses) {
        text.push_str(&match (loss.rows, loss.error.is_empty()) {
            (0, true) => String::new(),
            (_, false) => {
                format!("  {}: {} could not be counted: {}\n", loss.database, loss.object, loss.error)
            }
            (rows, true) => format!("  {}: {} loses {}\n", loss.database, loss.object, lost(rows)),
        });
    }
    let where_ = format!("{} of {}", count(databases, "database"), plan.environment);
    text + &if only_records(plan) {
        format!("It is recorded on {where_} as applied, without a rollback window. Nothing is run.")
    } else {
        format!("It runs on {where_}.")
    }
}

/// Whether nothing of it is run.
pub(crate) fn only_records(plan: &PlanView) -> bool {
    matches!(command(plan), "adopt" | "baseline")
}

fn lost(rows: u64) -> String {
    if rows == 1 { "1 row".into() } else { format!("{rows} rows") }
}

fn heading(plan: &PlanView) -> String {
    let versions = plan.groups.iter().flat_map(|group| &group.steps).map(|step| &step.version);
    let versions: std::collections::BTreeSet<_> = versions.collect();
    let databases: usize = plan.groups.iter().map(|group| group.databases.len()).sum();
    let what = match (versions.len(), is_rollback(plan)) {
        (0, false) if only_records(plan) => "nothing to record".into(),
        (n, false) if only_records(plan) => format!("record {}", count(n, "migration")),
        (0, false) => "nothing is pending".into(),
        (0, true) => "nothing to take back".into(),
        (n, false) => count(n, "migration"),
        (n, true) => format!("take back {}", count(n, "migration")),
    };
    let risk = paint(text::risk(&plan.risk), &format!("{} risk", plan.risk));
    let where_ = format!("{} ({})", plan.environment, count(databases, "database"));
    format!("{}: {what}, {risk}", paint(Tone::Strong, &format!("Plan {} for {where_}", plan.id)))
}

fn origin(plan: &PlanView) -> String {
    let what = if is_rollback(plan) {
        format!("rollback to {}", target(plan))
    } else {
        match command(plan) {
            "baseline" => format!("release {} up to {}", short(&plan.release), plan.target),
            _ => format!("release {}", short(&plan.release)),
        }
    };
    format!("{what}, planned by {} at {}", plan.author, moment(&plan.created_at))
}

fn target(plan: &PlanView) -> &str {
    if plan.target.is_empty() { "base" } else { &plan.target }
}

fn group_text(group: &PlanGroup, layout: Layout) -> String {
    let names = wrap(&group.databases.join(", "), 0, layout.prose());
    if adopted::is_adopted(group) {
        return format!("\n{}\n{}", paint(Tone::Strong, &names), adopted::summary(group, layout));
    }
    if group.steps.is_empty() {
        return format!("\n{}\nnothing to do\n", paint(Tone::Strong, &names));
    }
    let rows: Vec<_> = group.steps.iter().map(step).collect();
    let table = table(&STEPS, &rows, layout);
    format!("\n{}\n{table}{}", paint(Tone::Strong, &names), judged::details(group, layout))
}

fn step(step: &PlanStep) -> Vec<Word> {
    vec![
        step.version.as_str().into(),
        step.name.as_str().into(),
        toned(text::risk(&step.risk), step.risk.as_str()),
        why(step).into(),
    ]
}

/// The weightiest reasons, which come first; a file of fifty statements has fifty.
fn why(step: &PlanStep) -> String {
    let no_way_back = step.direction == "up" && !step.has_rollback;
    // What stands below the table is not said twice.
    let reasons: Vec<_> =
        step.reasons.iter().filter(|reason| !judged::is_detail(step, reason)).cloned().collect();
    let more = reasons.len().saturating_sub(MAX_REASONS);
    let below = (reasons.is_empty() && !step.reasons.is_empty()).then(|| "see below".to_owned());
    let shown = reasons.into_iter().take(MAX_REASONS);
    let more = (more > 0).then(|| format!("and {more} more, see --output json"));
    let no_way_back = no_way_back.then(|| "no rollback SQL: cannot be taken back".to_owned());
    no_way_back.into_iter().chain(below).chain(shown).chain(more).collect::<Vec<_>>().join("; ")
}

fn losses(plan: &PlanView, layout: Layout) -> String {
    let all = plan.groups.iter().flat_map(|group| &group.losses);
    let rows: Vec<Vec<Word>> = all
        .map(|loss| {
            let rows = if loss.error.is_empty() {
                toned(if loss.rows > 0 { Tone::Bad } else { Tone::Plain }, loss.rows.to_string())
            } else {
                toned(Tone::Bad, format!("not counted: {}", loss.error))
            };
            vec![loss.database.as_str().into(), loss.object.as_str().into(), rows]
        })
        .collect();
    if rows.is_empty() {
        return String::new();
    }
    format!("{}\n{}\n", paint(Tone::Strong, "What it would destroy"), table(&LOSSES, &rows, layout))
}

/// What backups come first. What policy does not change is not said.
fn required(plan: &PlanView) -> String {
    let what = match plan.backup_method.as_str() {
        "restore_point" => "a restore point of each database, seen in its server's archive,".to_owned(),
        "touched" => "a verified backup of the tables that are touched, in each database,".to_owned(),
        "command" => "a backup of each database by the program that its agent's file names,".to_owned(),
        "auto" => {
            format!("a backup of each database, of a kind by its size (full, {}),", plan.backup_thresholds)
        }
        _ => "a verified backup of each database".to_owned(),
    };
    let before = match plan.backup_each.as_str() {
        "migration" => "before each migration",
        _ => "first",
    };
    let rate = match plan.backup_rate_limit.as_str() {
        "" => String::new(),
        rate => format!(", at {rate} per second at most"),
    };
    format!("{what} {before}{rate}; without one nothing runs")
}

/// Which rows are in a backup of what is touched, for databases for which the plan does the same.
fn touched(group: &PlanGroup, named: bool) -> Option<String> {
    let of = match group.databases.as_slice() {
        [first, rest @ ..] if named && !rest.is_empty() => format!(" (of {first} and {} more)", rest.len()),
        [first] if named => format!(" (of {first})"),
        _ => String::new(),
    };
    if !group.backup_untold.is_empty() {
        return Some(format!(
            "all of them{of}: it cannot be told what is touched, at {}",
            group.backup_untold
        ));
    }
    let more = group.backup_touches.len().saturating_sub(MOST_TOUCHED);
    let names = group.backup_touches.iter().take(MOST_TOUCHED).cloned().collect::<Vec<_>>().join(", ");
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    (!names.is_empty()).then(|| format!("{names}{more}, with what these depend on{of}"))
}

/// Most tables that are named.
const MOST_TOUCHED: usize = 10;

fn circumstances(plan: &PlanView, layout: Layout) -> String {
    let width = layout.prose();
    let backup = match plan.backup.as_str() {
        "required" => required(plan),
        "off" if only_records(plan) => "none: nothing is run".to_owned(),
        "off" => format!("none: the policy of {} turns it off", plan.environment),
        other => other.to_owned(),
    };
    let mut text = entry("Backup", &backup, width);
    for group in &plan.groups {
        text.push_str(
            &touched(group, plan.groups.len() > 1)
                .map_or_else(String::new, |line| entry("Rows", &line, width)),
        );
    }
    if plan.approvals_needed > 0 {
        let by = if plan.approved_by.is_empty() {
            String::new()
        } else {
            format!(": {}", plan.approved_by.join(", "))
        };
        text.push_str(&entry(
            "Approvals",
            &format!("{} of {}{by}", plan.approved_by.len(), plan.approvals_needed),
            width,
        ));
    }
    if plan.confirmation_needed {
        let force = if plan.force_allowed { ", or --force" } else { "; --force is not allowed" };
        text.push_str(&entry("Confirm", &format!("type {}{force}", plan.environment), width));
    }
    if !plan.acknowledge.is_empty() {
        text.push_str(&entry("Acknowledge", &plan.acknowledge.join(", "), width));
    }
    for reason in &plan.blocked_by {
        text.push_str(&entry("Blocked", reason, width));
    }
    let (open, others): (Vec<_>, Vec<_>) = plan.gates.iter().partition(|gate| gate.state == "open");
    for gate in others {
        text.push_str(&entry("Gate", &standing(gate), width));
    }
    if !open.is_empty() {
        let names: Vec<_> = open.iter().map(|gate| gate.name.as_str()).collect();
        text.push_str(&entry("Open", &names.join(", "), width));
    }
    text
}

/// How a gate stands, the rule that decides, and what to do.
fn standing(gate: &GateView) -> String {
    let GateView { name, state, detail, rule, next } = gate;
    let detail = if detail.is_empty() { String::new() } else { format!(": {detail}") };
    // The reasons of a pause name their rule themselves.
    let rule = if detail.contains(rule.as_str()) { String::new() } else { format!(" ({rule})") };
    let next = if next.is_empty() { String::new() } else { format!("; next: {next}") };
    format!("{name} {state}{detail}{rule}{next}")
}

fn next(plan: &PlanView) -> String {
    let waits = plan.approved_by.len() < usize::try_from(plan.approvals_needed).unwrap_or(usize::MAX);
    match (waits, plan.blocked_by.is_empty()) {
        (true, _) => format!("somebody else approves it: pgbelay approve {}", plan.id),
        (false, false) => "put right what blocks it, then plan again".into(),
        (false, true) => format!("{}{}", run(plan), acknowledgements(plan)),
    }
}

/// The flags without which it is refused.
fn acknowledgements(plan: &PlanView) -> String {
    let words = plan.acknowledge.iter().filter_map(|text| text.parse::<Acknowledgement>().ok());
    words.map(|word| format!(" {}", word.flag())).collect()
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{self, plain};
    use super::*;

    #[test]
    fn it_fits_a_wide_terminal() {
        insta::assert_snapshot!(plain(&plan(&fixtures::plan(), Layout { width: Some(120) })), @r"
        Plan p0a1b2c3d4e5f for staging (3 databases): 2 migrations, high risk
        release 9f8e7d6c5b4a, planned by ada at 2026-07-29 10:00 UTC

        orders-1, orders-2
        VERSION  NAME                   RISK  WHY
        010      task_assignees         low   creates the table task_assignees
        011      drop_task_assigned_to  high  no rollback SQL: cannot be taken back; ALTER TABLE tasks drops column assigned_to
                                              and its values

        011 drop_task_assigned_to
          high     drop-column public.tasks.assigned_to: code that reads it fails (line 3)
          allowed  drop-index-non-concurrent public.tasks.assigned_to: writes wait (line 3); allowed: it is
                   small
          unknown  what the function f does
          locks    public.tasks AccessExclusiveLock
          work     scan public.tasks (the check is proven)
          impact   public.tasks on orders-2: reads and writes wait an estimated 2.1s to 3m 30s (scan of 3.1
                   GiB at 15.0 MiB/s to 2.9 GiB/s (assumed, none was seen yet)); 12 rows written in a
                   second; 1 foreign key of other tables to it
          now      it would wait for pid 4711 (report, user ada, idle in transaction), 300 s in its
                   transaction
        not measured: orders-3: the agent is not connected
        judged on the schema of orders-1, which is that of all of them

        billing-1
        nothing to do

        Backup      a verified backup of each database first; without one nothing runs
        Approvals   1 of 2: bob
        Confirm     type staging, or --force
        Acknowledge drop-column:public.tasks.assigned_to
        Blocked     it waits for approval: it has 1 of 2
        Next        somebody else approves it: pgbelay approve p0a1b2c3d4e5f
        ");
    }

    #[test]
    fn it_fits_a_narrow_terminal() {
        let text = plain(&plan(&fixtures::plan(), Layout { width: Some(60) }));
        fixtures::assert_fits(&text, 60);
        insta::assert_snapshot!(text, @r"
        Plan p0a1b2c3d4e5f for staging (3 databases): 2
          migrations, high risk
        release 9f8e7d6c5b4a, planned by ada at 2026-07-29 10:00 UTC

        orders-1, orders-2
        VERSION  NAME                   RISK  WHY
        010      task_assignees         low   creates the table
                                              task_assignees
        011      drop_task_assigned_to  high  no rollback SQL:
                                              cannot be taken back;
                                              ALTER TABLE tasks
                                              drops column
                                              assigned_to and its
                                              values

        011 drop_task_assigned_to
          high     drop-column public.tasks.assigned_to: code that
                   reads it fails (line 3)
          allowed  drop-index-non-concurrent
                   public.tasks.assigned_to: writes wait (line 3);
                   allowed: it is small
          unknown  what the function f does
          locks    public.tasks AccessExclusiveLock
          work     scan public.tasks (the check is proven)
          impact   public.tasks on orders-2: reads and writes wait
                   an estimated 2.1s to 3m 30s (scan of 3.1 GiB at
                   15.0 MiB/s to 2.9 GiB/s (assumed, none was seen
                   yet)); 12 rows written in a second; 1 foreign key
                   of other tables to it
          now      it would wait for pid 4711 (report, user ada,
                   idle in transaction), 300 s in its transaction
        not measured: orders-3: the agent is not connected
        judged on the schema of orders-1, which is that of all of
        them

        billing-1
        nothing to do

        Backup      a verified backup of each database first;
                    without one nothing runs
        Approvals   1 of 2: bob
        Confirm     type staging, or --force
        Acknowledge drop-column:public.tasks.assigned_to
        Blocked     it waits for approval: it has 1 of 2
        Next        somebody else approves it: pgbelay approve
                    p0a1b2c3d4e5f
        ");
    }

    #[test]
    fn a_rollback_counts_what_it_destroys() {
        let rollback = fixtures::rollback_plan();
        insta::assert_snapshot!(plain(&plan(&rollback, Layout { width: Some(100) })), @r"
        Plan p0a1b2c3d4e5f for staging (2 databases): take back 2 migrations, high risk
        rollback to 005, planned by ada at 2026-07-29 10:00 UTC

        Target      005 stays
        Rollbacks   4 on 2 databases
        Data loss   high: 1204 rows and 1 object that could not be counted

        orders-1, orders-2
        VERSION  NAME             RISK  WHY
        007      audit_tables     high  DROP TABLE audit_log (line 2)
        006      template_tables  high  DROP TABLE templates (line 1)
        judged on the schema of orders-1, which is that of all of them

        What it would destroy
        DATABASE  OBJECT                           ROWS LOST
        orders-1  audit_log                             1204
        orders-1  tasks.note                               0
        orders-2  audit_log   not counted: permission denied

        Backup      none: the policy of staging turns it off
        Confirm     type staging; --force is not allowed
        Next        pgbelay rollback --env staging --target 005
        ");
        insta::assert_snapshot!(plain(&danger(&rollback)), @r"

        high risk on staging
          007 audit_tables: DROP TABLE audit_log (line 2)
          006 template_tables: DROP TABLE templates (line 1)
          orders-1: audit_log loses 1204 rows
          orders-2: audit_log could not be counted: permission denied
        It runs on 2 databases of staging.
        ");
    }

    #[test]
    fn of_many_reasons_the_first_are_shown() {
        let reasons: Vec<_> = (1..=5).map(|n| format!("r{n}")).collect();
        let step = PlanStep { reasons, direction: "up".into(), ..PlanStep::default() };
        assert_eq!(
            why(&step),
            "no rollback SQL: cannot be taken back; r1; r2; r3; and 2 more, see --output json"
        );
    }

    #[test]
    fn an_empty_plan_says_so() {
        let empty = PlanView {
            groups: vec![PlanGroup { databases: vec!["a".into()], ..PlanGroup::default() }],
            ..fixtures::plan()
        };
        assert!(overview(&empty, Layout::default()).contains("nothing is pending"));
    }

    #[test]
    fn a_gate_says_its_rule_once() {
        let gate = |detail: &str, next: &str| GateView {
            name: "window".into(),
            state: "closed".into(),
            detail: detail.into(),
            rule: "policy v3, environments.staging.windows".into(),
            next: next.into(),
        };
        assert_eq!(standing(&gate("", "")), "window closed (policy v3, environments.staging.windows)");
        assert_eq!(
            standing(&gate("shut (policy v3, environments.staging.windows)", "wait")),
            "window closed: shut (policy v3, environments.staging.windows); next: wait"
        );
    }

    #[test]
    fn what_comes_next_depends_on_what_stands_against_it() {
        let plan = |needed, blocked: &[&str]| PlanView {
            approvals_needed: needed,
            blocked_by: blocked.iter().map(ToString::to_string).collect(),
            approved_by: Vec::new(),
            ..fixtures::plan()
        };
        assert_eq!(
            next(&plan(0, &[])),
            "pgbelay migrate --env staging --plan p0a1b2c3d4e5f --acknowledge drop-column:public.tasks.assigned_to"
        );
        assert_eq!(next(&plan(1, &["approval"])), "somebody else approves it: pgbelay approve p0a1b2c3d4e5f");
        assert_eq!(next(&plan(0, &["busy"])), "put right what blocks it, then plan again");
        assert_eq!(next(&fixtures::rollback_plan()), "pgbelay rollback --env staging --target 005");
    }

    #[test]
    fn programs_get_every_field_of_a_step() {
        insta::assert_json_snapshot!(fixtures::plan().groups[0].steps[1], @r#"
        {
          "version": "011",
          "name": "drop_task_assigned_to",
          "direction": "up",
          "risk": "high",
          "reasons": [
            "drop-column: code that reads it fails",
            "ALTER TABLE tasks drops column assigned_to and its values",
            "unknown: what the function f does"
          ],
          "has_rollback": false,
          "hazards": [
            {
              "id": "drop-column",
              "severity": "high",
              "relation": "public.tasks.assigned_to",
              "message": "code that reads it fails",
              "line": 3,
              "allowed": ""
            },
            {
              "id": "drop-index-non-concurrent",
              "severity": "medium",
              "relation": "public.tasks.assigned_to",
              "message": "writes wait",
              "line": 3,
              "allowed": "it is small"
            }
          ],
          "locks": [
            {
              "relation": "public.tasks",
              "mode": "AccessExclusiveLock",
              "new": false
            }
          ],
          "work": [
            {
              "relation": "public.tasks",
              "kind": "scan",
              "because": "the check is proven",
              "new": false
            }
          ],
          "unknown": [
            "what the function f does"
          ],
          "destroys": [
            {
              "object": "public.tasks.assigned_to",
              "what": "column"
            }
          ],
          "judged_on": "orders-1",
          "recorded": "",
          "applied_at": ""
        }
        "#);
    }

    #[test]
    fn programs_get_every_field_of_a_group() {
        let plan = fixtures::plan();
        let group = PlanGroup { steps: Vec::new(), ..plan.groups[0].clone() };
        insta::assert_json_snapshot!(group, @r#"
        {
          "databases": [
            "orders-1",
            "orders-2"
          ],
          "steps": [],
          "losses": [],
          "impacts": [
            {
              "database": "orders-2",
              "version": "011",
              "relation": "public.tasks",
              "mode": "AccessExclusiveLock",
              "waits": "reads and writes",
              "low_ms": 2100,
              "high_ms": 210000,
              "basis": "scan of 3.1 GiB at 15.0 MiB/s to 2.9 GiB/s (assumed, none was seen yet)",
              "written_bytes": 0,
              "rows": 21000000,
              "bytes": 3300000000,
              "index_bytes": 900000000,
              "writes_per_second": 12,
              "referenced_by": 1,
              "waits_for": [
                "pid 4711 (report, user ada, idle in transaction), 300 s in its transaction"
              ]
            },
            {
              "database": "orders-1",
              "version": "011",
              "relation": "public.tasks",
              "mode": "AccessExclusiveLock",
              "waits": "reads and writes",
              "low_ms": 2100,
              "high_ms": 5,
              "basis": "scan of 3.1 GiB at 15.0 MiB/s to 2.9 GiB/s (assumed, none was seen yet)",
              "written_bytes": 0,
              "rows": 21000000,
              "bytes": 3300000000,
              "index_bytes": 900000000,
              "writes_per_second": 12,
              "referenced_by": 1,
              "waits_for": [
                "pid 4711 (report, user ada, idle in transaction), 300 s in its transaction"
              ]
            }
          ],
          "not_measured": [
            "orders-3: the agent is not connected"
          ],
          "tool": "",
          "history": "",
          "misfits": [],
          "backup_touches": [],
          "backup_untold": ""
        }
        "#);
    }

    #[test]
    fn which_rows_a_backup_has_is_said() {
        let strings = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let group = PlanGroup {
            databases: strings(&["a", "b"]),
            backup_touches: strings(&["public.t", "public.u"]),
            ..PlanGroup::default()
        };
        let said = |group: &PlanGroup, named| touched(group, named).unwrap_or_default();
        assert_eq!(said(&group, false), "public.t, public.u, with what these depend on");
        assert_eq!(said(&group, true), "public.t, public.u, with what these depend on (of a and 1 more)");
        let many = PlanGroup { backup_touches: vec!["s.t".to_owned(); 12], ..group.clone() };
        assert!(said(&many, false).contains("s.t and 2 more, with"), "{}", said(&many, false));
        let untold =
            PlanGroup { backup_untold: "002: line 1: what DO touches cannot be told".to_owned(), ..group };
        assert_eq!(
            said(&untold, false),
            "all of them: it cannot be told what is touched, at 002: line 1: what DO touches cannot be told"
        );
        assert_eq!(touched(&PlanGroup::default(), true), None);
        let auto = PlanView {
            backup_method: "auto".to_owned(),
            backup_thresholds: "touched from 10GB on".to_owned(),
            ..PlanView::default()
        };
        assert!(
            required(&auto).contains("of a kind by its size (full, touched from 10GB on), first"),
            "{}",
            required(&auto)
        );
    }

    #[test]
    fn what_kind_of_backup_comes_first_is_said() {
        let check = |method: &str, each: &str, rate: &str, expected: &str| {
            let plan = PlanView {
                backup_method: method.into(),
                backup_each: each.into(),
                backup_rate_limit: rate.into(),
                ..PlanView::default()
            };
            assert_eq!(required(&plan), expected);
        };
        check("full", "run", "", "a verified backup of each database first; without one nothing runs");
        check(
            "full",
            "migration",
            "50MB",
            "a verified backup of each database before each migration, at 50MB per second at most; without one nothing runs",
        );
        check(
            "restore_point",
            "run",
            "",
            "a restore point of each database, seen in its server's archive, first; without one nothing runs",
        );
    }

    #[test]
    fn programs_get_every_field_about_the_whole() {
        let plan = PlanView { groups: Vec::new(), ..fixtures::plan() };
        insta::assert_json_snapshot!(plan, @r#"
        {
          "id": "p0a1b2c3d4e5f",
          "digest": "0a1b2c3d4e5f0a1b2c3d4e5f0a1b2c3d4e5f0a1b2c3d4e5f0a1b2c3d4e5f0a1b",
          "environment": "staging",
          "release": "9f8e7d6c5b4a9f8e7d6c5b4a9f8e7d6c5b4a9f8e7d6c5b4a9f8e7d6c5b4a9f8e",
          "direction": "up",
          "target": "",
          "risk": "high",
          "groups": [],
          "approvals_needed": 2,
          "approved_by": [
            "bob"
          ],
          "author": "ada",
          "created_at": "2026-07-29T10:00:00.000Z",
          "backup": "required",
          "confirmation_needed": true,
          "force_allowed": true,
          "blocked_by": [
            "it waits for approval: it has 1 of 2"
          ],
          "acknowledge": [
            "drop-column:public.tasks.assigned_to"
          ],
          "purpose": "migrate",
          "backup_method": "full",
          "backup_each": "run",
          "backup_rate_limit": "",
          "waves": [],
          "gates": [],
          "backup_thresholds": ""
        }
        "#);
    }
}
