//! A large fleet: counted by environment or label, and then only the databases that need somebody.

use std::collections::BTreeMap;

use pgbelay_proto::wire::{DatabaseView, StatusResponse};

use super::super::Layout;
use super::super::table::{Column, Word, number, prose, table, toned, word};
use super::super::text::{Tone, count, wrap};
use super::{each, healths, notices, problems, sum};

/// More than a screen or two.
const LARGE: usize = 50;
/// Databases that need somebody and are shown: more are one problem, not so many.
const MAX_SHOWN: usize = 50;
/// Versions that are named in a group.
const MAX_VERSIONS: usize = 4;

/// How databases are put together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Grouping {
    /// By environment, if there are many.
    IfLarge,
    /// By the value of a label.
    ByLabel(String),
    /// Not at all.
    Each,
}

/// Groups or one line for each, as is wanted.
pub(crate) fn status(response: &StatusResponse, grouping: &Grouping, layout: Layout) -> String {
    match grouping {
        Grouping::IfLarge if response.databases.len() > LARGE => {
            grouped(response, "ENVIRONMENT", |database| &database.environment, layout)
        }
        Grouping::ByLabel(label) if !response.databases.is_empty() => {
            let of_label = grouped(response, "VALUE", |database| value(database, label), layout);
            format!("By {label}\n\n{of_label}")
        }
        Grouping::IfLarge | Grouping::ByLabel(_) | Grouping::Each => super::status(response, layout),
    }
}

fn value<'a>(database: &'a DatabaseView, label: &str) -> &'a str {
    database.labels.get(label).map_or("-", String::as_str)
}

fn grouped<'a>(
    response: &'a StatusResponse,
    title: &'static str,
    key: impl Fn(&'a DatabaseView) -> &'a str,
    layout: Layout,
) -> String {
    let mut groups: Vec<(&str, Vec<&DatabaseView>)> = Vec::new();
    let mut places: BTreeMap<&str, usize> = BTreeMap::new();
    // In the order in which they come: environments as policy has them.
    for database in &response.databases {
        let key = key(database);
        let at = *places.entry(key).or_insert_with(|| {
            groups.push((key, Vec::new()));
            groups.len() - 1
        });
        groups[at].1.push(database);
    }
    let columns: [Column; 6] = [
        word(title),
        number("DATABASES").rank(1),
        prose("HEALTH"),
        prose("VERSIONS").rank(3),
        number("PENDING").rank(2),
        number("DRIFT").rank(4),
    ];
    let rows: Vec<_> = groups.iter().map(|(key, members)| row(key, members)).collect();
    let needy: Vec<_> = response.databases.iter().filter(|database| needs_somebody(database)).collect();
    let shown = &needy[..needy.len().min(MAX_SHOWN)];
    let mut text = table(&columns, &rows, layout);
    if shown.is_empty() {
        text.push_str("\nNone needs attention.\n");
    } else {
        text.push_str(&format!("\n{}", each(shown, layout)));
    }
    if needy.len() > shown.len() {
        let more = count(needy.len() - shown.len(), "more database");
        text.push_str(&format!("and {more} in need of attention; --all shows each\n"));
    }
    let (notices, problems) = (notices(response, layout), problems(shown, layout));
    format!("{text}{notices}{problems}\n{}\n", wrap(&sum(&response.databases), 2, layout.prose()))
}

fn row(key: &str, members: &[&DatabaseView]) -> Vec<Word> {
    let all_well = members.iter().all(|database| is_well(database));
    let pending = members.iter().filter(|database| database.pending > 0).count();
    let drift = members.iter().filter(|database| database.drift_since.is_some()).count();
    let some = |number: usize| toned(if number > 0 { Tone::Warn } else { Tone::Plain }, number.to_string());
    vec![
        key.into(),
        members.len().to_string().into(),
        toned(if all_well { Tone::Good } else { Tone::Bad }, healths(members.iter().copied())),
        versions(members).into(),
        some(pending),
        some(drift),
    ]
}

/// `012: 200, 011: 40`, what most have first.
fn versions(members: &[&DatabaseView]) -> String {
    let mut by_version: BTreeMap<&str, usize> = BTreeMap::new();
    for database in members {
        *by_version.entry(&database.version).or_default() += 1;
    }
    let mut all: Vec<_> = by_version.into_iter().collect();
    all.sort_by_key(|(_, number)| std::cmp::Reverse(*number));
    let name = |version: &str| if version.is_empty() { "none".to_owned() } else { version.to_owned() };
    let named = all.iter().take(MAX_VERSIONS).map(|(version, number)| format!("{}: {number}", name(version)));
    let more = all.len().checked_sub(MAX_VERSIONS).filter(|more| *more > 0);
    named.chain(more.map(|more| format!("{more} others"))).collect::<Vec<_>>().join(", ")
}

fn is_well(database: &DatabaseView) -> bool {
    matches!(database.health.as_str(), "ok" | "busy")
}

/// What is pending is counted: after a release was pushed it is that everywhere.
fn needs_somebody(database: &DatabaseView) -> bool {
    let unusable = database.window.as_ref().is_some_and(|window| window.state == "unusable");
    !is_well(database) || database.drift_since.is_some() || unusable
}

#[cfg(test)]
mod tests {
    use super::super::super::fixtures::{self, plain};
    use super::*;

    fn fleet(databases: usize, away: usize) -> StatusResponse {
        let pattern = fixtures::status().databases;
        let database = |n: usize| {
            let of = if n < away { &pattern[1] } else { &pattern[0] };
            let environment = if n.is_multiple_of(3) { "staging" } else { "production" };
            DatabaseView { name: format!("d{n:03}"), environment: environment.into(), ..of.clone() }
        };
        let considered = u32::try_from(databases).unwrap();
        StatusResponse { databases: (0..databases).map(database).collect(), considered, ..Default::default() }
    }

    #[test]
    fn a_large_fleet_is_counted_and_who_needs_somebody_is_shown() {
        let mut fleet = fleet(60, 2);
        fleet.databases[7].drift_since = Some("2026-07-29T10:00:00Z".into());
        let at = |width| plain(&status(&fleet, &Grouping::IfLarge, Layout { width: Some(width) }));
        insta::assert_snapshot!(at(120));
        insta::assert_snapshot!(at(80));
        insta::assert_snapshot!(at(40));
        for width in [40, 80, 120] {
            fixtures::assert_fits(&at(width), width.into());
        }
    }

    #[test]
    fn a_small_one_is_not_unless_it_is_asked_for() {
        let (small, layout) = (fleet(50, 0), Layout { width: Some(100) });
        let all = super::super::status(&small, layout);
        assert_eq!(status(&small, &Grouping::IfLarge, layout), all);
        let by = plain(&status(&small, &Grouping::ByLabel("region".into()), layout));
        insta::assert_snapshot!(by);
        let large = fleet(51, 0);
        assert_ne!(status(&large, &Grouping::IfLarge, layout), super::super::status(&large, layout));
        assert_eq!(status(&large, &Grouping::Each, layout), super::super::status(&large, layout));
    }

    #[test]
    fn a_fleet_that_is_all_away_is_cut_short() {
        let text = plain(&status(&fleet(80, 80), &Grouping::IfLarge, Layout { width: Some(100) }));
        assert!(text.contains("and 30 more databases in need of attention; --all shows each"), "{text}");
    }
}
