//! Policies: documents, what is wrong with them, what differs.

use std::path::{Path, PathBuf};

use pgbelay_core::policy::{Change, Policy};
use pgbelay_proto::wire::{
    ListPoliciesResponse, PolicyChangeView, PolicyDiffView, PolicyVersionView, PolicyView, StalePlanView,
};
use serde::Serialize;

use super::Layout;
use super::mistakes::at_place;
use super::table::{Column, Word, number, table, toned, word};
use super::text::{Tone, count, moment, paint, wrap};
use crate::policy::{MAX_MISTAKES, Mistake};

const VERSIONS: [Column; 6] = [
    number("VERSION"),
    word("APPLIED AT"),
    word("BY"),
    number("CHANGED"),
    number("LOOSENED").rank(1),
    number("TIGHTENED").rank(2),
];

/// What `policy check` found.
#[derive(Debug, Serialize)]
pub(crate) struct Checked {
    #[serde(skip)]
    file: PathBuf,
    #[serde(skip)]
    text: String,
    /// By line; none: it is good.
    mistakes: Vec<Mistake>,
    /// What is noteworthy of a good one.
    environments: Vec<CheckedEnvironment>,
    /// What it says for all environments together.
    everywhere: Vec<Beside>,
}

#[derive(Debug, Serialize)]
struct CheckedEnvironment {
    name: String,
    /// What is not as by default.
    beside_defaults: Vec<Beside>,
}

/// A setting that is not as by default.
#[derive(Debug, Serialize)]
struct Beside {
    path: String,
    /// `null`: it is left out.
    value: Option<String>,
}

impl From<Change> for Beside {
    fn from(change: Change) -> Self {
        Self { path: change.path, value: change.new }
    }
}

impl Checked {
    /// A document without mistakes.
    pub(crate) fn good(file: &Path, policy: &Policy) -> Self {
        let of = |environment| policy.beside_defaults(environment).into_iter().map(Beside::from).collect();
        let environments = policy.environments.iter().map(|environment| CheckedEnvironment {
            name: environment.name.to_string(),
            beside_defaults: of(environment),
        });
        Self {
            file: file.to_owned(),
            text: String::new(),
            mistakes: Vec::new(),
            environments: environments.collect(),
            everywhere: policy.beside_defaults_everywhere().into_iter().map(Beside::from).collect(),
        }
    }

    /// One that has some.
    pub(crate) fn bad(file: &Path, text: String, mistakes: Vec<Mistake>) -> Self {
        Self { file: file.to_owned(), text, mistakes, environments: Vec::new(), everywhere: Vec::new() }
    }
}

/// Every mistake with its line; of a good document, a line for each environment.
pub(crate) fn checked(checked: &Checked, layout: Layout) -> String {
    let file = checked.file.display();
    if !checked.mistakes.is_empty() {
        let all = mistakes(&checked.file, &checked.text, &checked.mistakes).join("\n");
        let number = count(checked.mistakes.len(), "mistake");
        let more = if checked.mistakes.len() >= MAX_MISTAKES { ", and perhaps more" } else { "" };
        return format!("{all}\n\n{}\n", paint(Tone::Bad, &format!("{file} has {number}{more}")));
    }
    let number = count(checked.environments.len(), "environment");
    let mut text = format!("{file} is a good policy of {number}.\n");
    for environment in &checked.environments {
        text.push_str(&beside(&environment.name, &environment.beside_defaults, layout));
    }
    if !checked.everywhere.is_empty() {
        text.push_str(&beside("everywhere", &checked.everywhere, layout));
    }
    text
}

fn beside(place: &str, settings: &[Beside], layout: Layout) -> String {
    let said =
        |setting: &Beside| format!("{}: {}", setting.path, setting.value.as_deref().unwrap_or("left out"));
    let said: Vec<_> = settings.iter().map(said).collect();
    let said = if said.is_empty() { "all as by default".to_owned() } else { said.join("; ") };
    format!("{}\n", wrap(&format!("{place}: {said}"), 2, layout.prose()))
}

/// Each mistake as `file:line:column: what is wrong`, with the line.
pub(crate) fn mistakes(file: &Path, text: &str, mistakes: &[Mistake]) -> Vec<String> {
    let line = |number: u64| {
        let before = usize::try_from(number).unwrap_or(usize::MAX).saturating_sub(1);
        text.lines().nth(before).unwrap_or_default()
    };
    let shown = |mistake: &Mistake| {
        let place = (mistake.line, mistake.column, line(mistake.line));
        at_place(file, place, &mistake.message)
    };
    mistakes.iter().map(shown).collect()
}

/// The policy as a document that can be applied again.
pub(crate) fn document(policy: &PolicyView, _: Layout) -> String {
    format!("# policy version {}\n{}", policy.version, policy.yaml)
}

/// What applying a policy did.
pub(crate) fn applied(policy: &PolicyView, _: Layout) -> String {
    let what = if policy.changed { "is now in force" } else { "was in force already: nothing changed" };
    format!("Policy version {} {what}.\n", policy.version)
}

/// One line for each version.
pub(crate) fn history(response: &ListPoliciesResponse, layout: Layout) -> String {
    let rows: Vec<_> = response.policies.iter().map(version).collect();
    table(&VERSIONS, &rows, layout)
}

fn version(version: &PolicyVersionView) -> Vec<Word> {
    let figure = |number: u32, tone| match number {
        0 => toned(Tone::Faint, "0"),
        number => toned(tone, number.to_string()),
    };
    vec![
        version.version.to_string().into(),
        moment(&version.applied_at).into(),
        version.by.as_str().into(),
        version.changed.map_or_else(|| toned(Tone::Faint, "first"), |changed| changed.to_string().into()),
        figure(version.loosened, Tone::Warn),
        figure(version.tightened, Tone::Good),
    ]
}

/// What differs, and what that would do.
pub(crate) fn diff(diff: &PolicyDiffView, layout: Layout) -> String {
    let to = if diff.to == 0 { "the file".to_owned() } else { format!("version {}", diff.to) };
    if diff.changes.is_empty() {
        return format!("Nothing differs between policy version {} and {to}.\n", diff.from);
    }
    let mut text = format!("From policy version {} to {to}:\n\n", diff.from);
    for change in &diff.changes {
        text.push_str(&format!("{}\n", line(change, layout)));
    }
    let of = |effect: &str| diff.changes.iter().filter(|change| change.effect == effect).count();
    let (all, loosened, tightened) = (diff.changes.len(), of("loosens"), of("tightens"));
    let summary = format!("{}, {loosened} loosened, {tightened} tightened.", count(all, "setting"));
    text.push_str(&format!("\n{summary}\n"));
    text.push_str(&consequences(diff, layout));
    text
}

fn line(change: &PolicyChangeView, layout: Layout) -> String {
    let tone = match change.effect.as_str() {
        "loosens" => Tone::Warn,
        "tightens" => Tone::Good,
        _ => Tone::Plain,
    };
    let said = match (&change.old, &change.new) {
        (Some(old), Some(new)) => format!("{old} -> {new}"),
        (None, Some(new)) => format!("added: {new}"),
        (Some(old), None) => format!("removed: {old}"),
        (None, None) => String::new(),
    };
    let effect = paint(tone, &format!("{:<8}", change.effect));
    format!("{effect}  {}", wrap(&format!("{}: {said}", change.path), 10, layout.prose()))
}

fn consequences(diff: &PolicyDiffView, layout: Layout) -> String {
    let mut text = String::new();
    let mut say = |said: &str| text.push_str(&format!("\n{}\n", wrap(said, 2, layout.prose())));
    if !diff.refused.is_empty() {
        say(&format!("It would be refused: {}; {}", diff.refused, diff.next));
    }
    let stale = |plan: &StalePlanView| {
        let waits = if plan.waits_for_approval { "waits for approval" } else { "could be started" };
        format!("{} ({}, by {}, {waits})", plan.plan, plan.environment, plan.author)
    };
    if !diff.stale_plans.is_empty() {
        let plans: Vec<_> = diff.stale_plans.iter().map(stale).collect();
        let number = count(plans.len(), "plan");
        say(&format!("Makes {number} stale, to be planned and approved again: {}.", plans.join("; ")));
    }
    if !diff.open_rollouts.is_empty() {
        let open = diff.open_rollouts.iter().map(|open| format!("{} ({})", open.rollout, open.environment));
        let open: Vec<_> = open.collect();
        say(&format!(
            "Goes on: {}, with the waves, failures, timeouts and backups of the plan; max_parallel, start_deadline, \
             rollback_window, windows, blackouts and freeze of the new policy count at once.",
            open.join("; ")
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use pgbelay_proto::wire::OpenRolloutView;

    use super::super::fixtures::plain;
    use super::*;

    const WIDE: Layout = Layout { width: Some(120) };

    fn change(effect: &str, path: &str, old: Option<&str>, new: Option<&str>) -> PolicyChangeView {
        PolicyChangeView {
            path: path.into(),
            old: old.map(Into::into),
            new: new.map(Into::into),
            effect: effect.into(),
        }
    }

    #[test]
    fn mistakes_stand_under_each_other_with_their_lines() {
        let text = "environments:\n  - name: staging\n    aprovals: 1\n";
        let mistake = |line, column, message: &str| Mistake {
            line,
            column,
            path: "environments[0]".into(),
            message: message.into(),
        };
        let found =
            vec![mistake(3, 5, "there is no key aprovals; did you mean approvals?"), mistake(9, 1, "gone")];
        let bad = Checked::bad(Path::new("policy.yaml"), text.into(), found);
        insta::assert_snapshot!(plain(&checked(&bad, WIDE)), @r"
        policy.yaml:3:5: there is no key aprovals; did you mean approvals?
        3 |     aprovals: 1
          |     ^
        policy.yaml:9:1: gone
        9 | 
          | ^

        policy.yaml has 2 mistakes
        ");
    }

    #[test]
    fn a_good_policy_says_what_is_not_as_by_default() -> Result<(), serde_json::Error> {
        let policy: Policy = serde_json::from_value(serde_json::json!({
            "environments": [{"name": "staging"}, {"name": "production", "approvals": 1, "backup": "off",
                "windows": [{"from": "22:00", "to": "04:00", "zone": "Europe/Berlin"}]}],
            "hazards": {"prefer-text": "off"},
        }))?;
        let good = Checked::good(Path::new("policy.yaml"), &policy);
        insta::assert_snapshot!(checked(&good, WIDE), @r"
        policy.yaml is a good policy of 2 environments.
        staging: all as by default
        production: approvals: 1; backup: off; windows: {days: daily, from: 22:00, to: 04:00, zone:
          Europe/Berlin}
        everywhere: hazards.prefer-text: off
        ");
        Ok(())
    }

    #[test]
    fn a_difference_says_what_it_loosens_and_makes_stale() {
        let mut view = PolicyDiffView {
            from: 3,
            changes: vec![
                change("loosens", "environments.production.approvals", Some("2"), Some("1")),
                change("tightens", "environments.production.acknowledge", None, Some("drop-column")),
                change("changes", "environments.qa", Some("{name: qa}"), None),
            ],
            stale_plans: vec![StalePlanView {
                plan: "p1".into(),
                environment: "staging".into(),
                author: "ada".into(),
                waits_for_approval: true,
            }],
            open_rollouts: vec![OpenRolloutView { rollout: "r7".into(), environment: "production".into() }],
            refused: "the policy drops qa, which has databases: q1".into(),
            next: "keep the environment".into(),
            ..PolicyDiffView::default()
        };
        insta::assert_snapshot!(plain(&diff(&view, WIDE)), @r"
        From policy version 3 to the file:

        loosens   environments.production.approvals: 2 -> 1
        tightens  environments.production.acknowledge: added: drop-column
        changes   environments.qa: removed: {name: qa}

        3 settings, 1 loosened, 1 tightened.

        It would be refused: the policy drops qa, which has databases: q1; keep the environment

        Makes 1 plan stale, to be planned and approved again: p1 (staging, by ada, waits for approval).

        Goes on: r7 (production), with the waves, failures, timeouts and backups of the plan;
          max_parallel, start_deadline, rollback_window, windows, blackouts and freeze of the new policy
          count at once.
        ");
        view.changes.clear();
        view.to = 5;
        insta::assert_snapshot!(diff(&view, WIDE), @"Nothing differs between policy version 3 and version 5.");
    }

    #[test]
    fn versions_are_a_line_each() {
        let version = |version, changed| PolicyVersionView {
            version,
            applied_at: "2026-07-29T10:00:00Z".into(),
            by: "operator/ada".into(),
            seq: 9,
            changed,
            loosened: u32::from(changed.is_some()),
            tightened: 0,
        };
        let policies = vec![version(2, Some(3)), version(1, None)];
        insta::assert_snapshot!(plain(&history(&ListPoliciesResponse { policies }, WIDE)), @r"
        VERSION  APPLIED AT            BY            CHANGED  LOOSENED  TIGHTENED
              2  2026-07-29 10:00 UTC  operator/ada        3         1          0
              1  2026-07-29 10:00 UTC  operator/ada    first         0          0
        ");
    }
}
