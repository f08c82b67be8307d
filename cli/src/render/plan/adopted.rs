//! What of a plan is only recorded: how many migrations, on whose word, and what does not fit.

use pgbelay_proto::wire::{PlanGroup, PlanStep};

use crate::render::Layout;
use crate::render::text::{Tone, count, moment, paint, wrap};

/// What does not fit, shown one by one.
const MAX_MISFITS: usize = 20;

/// The words for how it is known, surest first.
const HOW: [(&str, &str); 4] = [
    ("verified", "verified: the file has the checksum that the tool keeps"),
    ("not-verifiable", "not verifiable: the tool keeps no checksum that could be compared"),
    ("assumed", "assumed: below the version that the tool has reached"),
    ("baseline", "taken to be applied"),
];

/// Whether a group is about what is only recorded.
pub(super) fn is_adopted(group: &PlanGroup) -> bool {
    !group.tool.is_empty() || group.steps.iter().any(|step| !step.recorded.is_empty())
}

/// The group in words: a history may have hundreds of migrations, and nothing of them is run.
pub(super) fn summary(group: &PlanGroup, layout: Layout) -> String {
    let mut text = String::new();
    let mut say = |tone, line: &str| {
        text.push_str(&format!("{}\n", paint(tone, &wrap(line, 2, layout.prose()))));
    };
    if !group.tool.is_empty() {
        say(Tone::Faint, &format!("history of {} in {}", group.tool, group.history));
    }
    match (group.steps.first(), group.steps.last()) {
        (Some(first), Some(last)) if group.steps.len() > 1 => {
            let many = count(group.steps.len(), "migration");
            say(Tone::Plain, &format!("records {many}, from {} to {}", title(first), title(last)));
        }
        (Some(only), _) => say(Tone::Plain, &format!("records 1 migration, {}", title(only))),
        (None, _) => say(Tone::Plain, "nothing to do: everything that is applied is recorded"),
    }
    for (word, words) in HOW {
        match group.steps.iter().filter(|step| step.recorded == word).count() {
            0 => {}
            number => say(Tone::Plain, &format!("{number} {words}")),
        }
    }
    for misfit in group.misfits.iter().take(MAX_MISFITS) {
        say(Tone::Warn, misfit);
    }
    if let Some(more) = group.misfits.len().checked_sub(MAX_MISFITS).filter(|more| *more > 0) {
        say(Tone::Warn, &format!("and {more} more, see --output json"));
    }
    text
}

fn title(step: &PlanStep) -> String {
    let at = if step.applied_at.is_empty() {
        String::new()
    } else {
        format!(" (applied {})", moment(&step.applied_at))
    };
    format!("{} {}{at}", step.version, step.name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::fixtures::{assert_fits, plain};

    fn step(version: &str, recorded: &str) -> PlanStep {
        PlanStep {
            version: version.to_owned(),
            name: "tasks".to_owned(),
            recorded: recorded.to_owned(),
            ..PlanStep::default()
        }
    }

    fn group() -> PlanGroup {
        let mut steps = vec![step("001", "assumed"), step("002", "verified"), step("003", "verified")];
        steps[2].applied_at = "2026-07-29T10:00:00.000Z".to_owned();
        PlanGroup {
            tool: "flyway".to_owned(),
            history: "public.flyway_schema_history".to_owned(),
            misfits: vec![
                "004 notes: it comes before 005, which is applied, and is not: it stays to be run".to_owned(),
            ],
            steps,
            ..PlanGroup::default()
        }
    }

    #[test]
    fn a_history_is_told_in_a_few_lines() {
        insta::assert_snapshot!(plain(&summary(&group(), Layout { width: Some(100) })), @r"
        history of flyway in public.flyway_schema_history
        records 3 migrations, from 001 tasks to 003 tasks (applied 2026-07-29 10:00 UTC)
        2 verified: the file has the checksum that the tool keeps
        1 assumed: below the version that the tool has reached
        004 notes: it comes before 005, which is applied, and is not: it stays to be run
        ");
        assert_fits(&plain(&summary(&group(), Layout { width: Some(60) })), 60);
    }

    #[test]
    fn of_many_misfits_the_first_are_shown() {
        let misfits = (0..25).map(|n| format!("misfit {n}")).collect();
        let text = plain(&summary(&PlanGroup { misfits, steps: Vec::new(), ..group() }, Layout::default()));
        assert!(text.contains("nothing to do") && text.contains("misfit 19\nand 5 more"), "{text}");
    }

    #[test]
    fn a_baseline_is_no_history() {
        let group = PlanGroup { steps: vec![step("001", "baseline")], ..PlanGroup::default() };
        let text = plain(&summary(&group, Layout::default()));
        assert_eq!(text, "records 1 migration, 001 tasks\n1 taken to be applied\n");
        assert!(is_adopted(&group) && !is_adopted(&PlanGroup::default()));
    }
}
