//! A rollback in short: what stays, how much is taken back, how long that takes and what it may destroy.

use std::collections::BTreeMap;

use pgbelay_proto::wire::{PlanGroup, PlanView};

use super::super::Layout;
use super::super::text::{count, entry, took_ms};

/// The lines above the tables.
pub(super) fn summary(plan: &PlanView, layout: Layout) -> String {
    let width = layout.prose();
    let lines = [
        ("Target", target(plan)),
        ("Rollbacks", rollbacks(plan)),
        ("Time", time(plan)),
        ("Data loss", data_loss(plan)),
        ("Left out", left_out(plan)),
    ];
    let said = lines.iter().filter_map(|(name, text)| Some((name, text.as_ref()?)));
    let text: String = said.map(|(name, text)| entry(name, text, width)).collect();
    format!("\n{text}")
}

fn busy(plan: &PlanView) -> impl Iterator<Item = &PlanGroup> {
    plan.groups.iter().filter(|group| !group.steps.is_empty())
}

fn target(plan: &PlanView) -> Option<String> {
    Some(match super::target(plan) {
        "base" => "nothing stays".to_owned(),
        version => format!("{version} stays"),
    })
}

fn rollbacks(plan: &PlanView) -> Option<String> {
    let databases: usize = busy(plan).map(|group| group.databases.len()).sum();
    let all: usize = busy(plan).map(|group| group.databases.len() * group.steps.len()).sum();
    Some(format!("{all} on {}", count(databases, "database")))
}

/// For the slowest database: they are worked on beside each other. Locks of one migration are held at the same time.
fn time(plan: &PlanView) -> Option<String> {
    let mut steps: BTreeMap<(&str, &str), Option<u64>> = BTreeMap::new();
    for impact in busy(plan).flat_map(|group| &group.impacts) {
        let known = steps.entry((&impact.database, &impact.version)).or_insert(Some(0));
        *known = known.zip(impact.high_ms).map(|(before, high)| before.max(high));
    }
    if steps.is_empty() {
        return None;
    }
    let mut databases: BTreeMap<&str, Option<u64>> = BTreeMap::new();
    for ((database, _), step) in steps {
        let known = databases.entry(database).or_insert(Some(0));
        *known = known.zip(step).map(|(before, step)| before.saturating_add(step));
    }
    let unknown = databases.values().filter(|time| time.is_none()).count();
    let longest = databases.values().flatten().max().copied().unwrap_or_default();
    let longest = took_ms(i64::try_from(longest).unwrap_or(i64::MAX));
    Some(match unknown {
        0 => {
            format!("at most {longest} on one database, by estimate; backups and waits for locks come on top")
        }
        _ => format!("cannot be estimated on {}", count(unknown, "database")),
    })
}

fn data_loss(plan: &PlanView) -> Option<String> {
    let all: Vec<_> = busy(plan).flat_map(|group| &group.losses).collect();
    let rows: u64 = all.iter().map(|loss| loss.rows).sum();
    let not_counted = all.iter().filter(|loss| !loss.error.is_empty()).count();
    Some(match (rows, not_counted) {
        (0, 0) if all.is_empty() => "none is known of".to_owned(),
        (0, 0) => "none: what would be dropped is empty".to_owned(),
        (0, _) => format!("not known: {} could not be counted", count(not_counted, "object")),
        (_, 0) => format!("high: {}", super::lost(rows)),
        (_, _) => {
            format!(
                "high: {} and {} that could not be counted",
                super::lost(rows),
                count(not_counted, "object")
            )
        }
    })
}

/// Databases that have nothing above the target.
fn left_out(plan: &PlanView) -> Option<String> {
    let idle = plan.groups.iter().filter(|group| group.steps.is_empty());
    let names: Vec<_> = idle.flat_map(|group| &group.databases).map(String::as_str).collect();
    let above = match super::target(plan) {
        "base" => "nothing is applied there".to_owned(),
        version => format!("nothing above {version} is applied there"),
    };
    (!names.is_empty()).then(|| format!("{}: {above}", names.join(", ")))
}

#[cfg(test)]
mod tests {
    use pgbelay_proto::wire::ImpactView;

    use super::super::super::fixtures::{plain, rollback_plan};
    use super::*;

    fn impact(database: &str, version: &str, high_ms: Option<u64>) -> ImpactView {
        let (database, version) = (database.to_owned(), version.to_owned());
        ImpactView { database, version, high_ms, ..ImpactView::default() }
    }

    #[test]
    fn who_has_nothing_above_the_target_is_left_out_by_name() {
        let mut plan = rollback_plan();
        let databases = vec!["billing-1".to_owned(), "billing-2".to_owned()];
        plan.groups.push(PlanGroup { databases, ..PlanGroup::default() });
        plan.groups[0].impacts = vec![
            impact("orders-1", "007", Some(1_000)),
            impact("orders-1", "007", Some(3_000)),
            impact("orders-1", "006", Some(2_000)),
            impact("orders-2", "007", Some(4_000)),
        ];
        let text = plain(&summary(&plan, Layout { width: Some(120) }));
        let lines: Vec<_> = text.lines().filter(|line| !line.is_empty()).collect();
        assert_eq!(
            lines,
            [
                "Target      005 stays",
                "Rollbacks   4 on 2 databases",
                "Time        at most 5.0s on one database, by estimate; backups and waits for locks come on top",
                "Data loss   high: 1204 rows and 1 object that could not be counted",
                "Left out    billing-1, billing-2: nothing above 005 is applied there",
            ]
        );
    }

    #[test]
    fn what_is_not_known_is_not_said_to_be_nothing() {
        let mut plan = rollback_plan();
        plan.groups[0].impacts = vec![impact("orders-1", "007", None), impact("orders-2", "007", Some(1))];
        assert_eq!(time(&plan).as_deref(), Some("cannot be estimated on 1 database"));
        plan.groups[0].losses.retain(|loss| !loss.error.is_empty());
        assert_eq!(data_loss(&plan).as_deref(), Some("not known: 1 object could not be counted"));
        plan.groups[0].losses.clear();
        assert_eq!(data_loss(&plan).as_deref(), Some("none is known of"));
    }
}
