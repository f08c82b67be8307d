//! What others notice of a plan, from what was measured.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use pgbelay_core::database::Database;
use pgbelay_core::plan::{Impact, LockMode, PlanBody, Size, Sizes, Step, TargetPlan};
use pgbelay_proto::wire;

/// Most of them for one group of databases.
const MOST: usize = 1_000;

/// The sizes of one database's relations.
#[must_use]
pub fn sizes(measured: &wire::Measured) -> Sizes {
    let size = |size: &wire::RelationSize| Size {
        rows: size.rows,
        bytes: size.bytes,
        index_bytes: size.index_bytes,
        writes: size.writes_per_second,
        seconds: Some(1),
    };
    measured.relations.iter().map(|known| (known.relation.clone(), size(known))).collect()
}

/// What others notice of a plan on one database.
pub(super) fn impacts(
    body: &PlanBody,
    (database, target): (&Database, &TargetPlan),
    measured: &wire::Measured,
) -> Vec<wire::ImpactView> {
    let sizes = sizes(measured);
    let known: BTreeMap<_, _> =
        measured.relations.iter().map(|size| (size.relation.as_str(), size)).collect();
    let of_step = |step: &Step| -> Vec<wire::ImpactView> {
        let Some(judgement) = body.judgement(step) else { return Vec::new() };
        let impacts = judgement.course.impacts(&sizes, &database.rates).into_iter();
        let view = |impact: Impact| {
            let view = wire::ImpactView {
                database: database.name.to_string(),
                version: step.version.to_string(),
                ..of_relation((&impact.relation, impact.mode), &known, measured)
            };
            with_time(impact, view)
        };
        impacts.map(view).collect()
    };
    target.steps.iter().flat_map(of_step).collect()
}

fn with_time(impact: Impact, view: wire::ImpactView) -> wire::ImpactView {
    let waits = if impact.mode.blocks_reads() { "reads and writes" } else { "writes" };
    wire::ImpactView {
        relation: impact.relation,
        mode: impact.mode.to_string(),
        waits: waits.to_owned(),
        low_ms: impact.time.map(|time| time.low_ms),
        high_ms: impact.time.map(|time| time.high_ms),
        basis: impact.basis,
        written_bytes: impact.written,
        ..view
    }
}

fn of_relation(
    (relation, mode): (&str, LockMode),
    known: &BTreeMap<&str, &wire::RelationSize>,
    measured: &wire::Measured,
) -> wire::ImpactView {
    let holders =
        measured.holders.iter().filter(|holder| holder.relation == relation && stands_in(holder, mode));
    let waits_for = holders.map(holder).collect();
    let Some(size) = known.get(relation) else {
        return wire::ImpactView { waits_for, ..wire::ImpactView::default() };
    };
    wire::ImpactView {
        rows: size.rows,
        bytes: size.bytes,
        index_bytes: size.index_bytes,
        writes_per_second: Some(size.writes_per_second),
        referenced_by: size.referenced_by,
        waits_for,
        ..wire::ImpactView::default()
    }
}

fn stands_in(holder: &wire::LockHolder, mode: LockMode) -> bool {
    // A mode that nobody knows may be in the way.
    holder.modes.iter().any(|held| LockMode::of(held).is_none_or(|held| held.conflicts_with(mode)))
}

fn holder(holder: &wire::LockHolder) -> String {
    let application = match holder.application.as_str() {
        "" => "no name",
        name => name,
    };
    let wire::LockHolder { pid, user, state, .. } = holder;
    match (pid, holder.seconds) {
        (0, _) => "a prepared transaction".to_owned(),
        (_, None) => format!("pid {pid}, of which the agent's user may not see more"),
        (_, Some(seconds)) => {
            format!("pid {pid} ({application}, user {user}, {state}), {seconds} s in its transaction")
        }
    }
}

/// The longest first, and not more than a person or a message can bear.
pub(super) fn in_order(impacts: &mut Vec<wire::ImpactView>) {
    impacts.sort_by_key(|impact| Reverse(impact.high_ms.unwrap_or(u64::MAX)));
    impacts.truncate(MOST);
}
