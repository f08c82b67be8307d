//! The named dangers: one rule, one file below `hazards/`, one page for people in `analysis/hazards`.
//!
//! A rule looks at what a statement did ([`Context`]) and says what it found. Rules know nothing of
//! each other, and nothing of files or policy.

mod alone;
mod around;
mod column_change;
mod context;
mod literals;

mod add_check_validated;
mod add_column_constrained_domain;
mod add_column_generated_stored;
mod add_column_identity;
mod add_column_inline_check;
mod add_column_inline_fk;
mod add_column_inline_primary_key;
mod add_column_inline_unique;
mod add_column_serial;
mod add_column_volatile_default;
mod add_exclusion_constraint;
mod add_fk_validated;
mod add_pk_using_index_nullable;
mod add_primary_key;
mod add_unique_constraint;
mod alter_column_type_locks_fk_peer;
mod alter_column_type_rescan;
mod alter_column_type_rewrite;
mod alter_constraint_deferrable;
mod alter_constraint_enforced;
mod attach_partition;
mod attach_partition_index_build;
mod cluster;
mod concurrently_in_transaction;
mod concurrently_waits_for_old_transactions;
mod create_index_non_concurrent;
mod create_partition_of;
mod create_table_fk;
mod create_trigger;
mod default_partition_scan;
mod depends_on_generated_column;
mod depends_on_policy;
mod depends_on_view;
mod detach_partition;
mod domain_constraint;
mod drop_fk_locks_parent;
mod drop_index_non_concurrent;
mod drop_partition;
mod drop_trigger;
mod enable_disable_trigger;
mod enum_value_used_in_transaction;
mod explicit_lock;
mod fk_not_valid_locks;
mod invalid_index_retry;
mod multiple_alter_table;
mod non_transactional_statement;
mod opaque_dynamic_sql;
mod pending_trigger_events;
mod policy_change;
mod refresh_materialized_view;
mod reindex_non_concurrent;
mod replica_identity;
mod require_lock_timeout;
mod require_statement_timeout;
mod row_level_security;
mod rule_change;
mod set_access_method;
mod set_generated_expression;
mod set_logged_unlogged;
mod set_not_null;
mod set_tablespace;
mod statement_after_access_exclusive;
mod sue_conflict;
mod unsupported_on_partitioned;
mod vacuum_full;
mod validate_constraint;
mod validate_in_same_transaction;
mod wide_lock_window;

mod add_required_column;
mod alter_type_clients;
mod backfill_in_ddl_transaction;
mod cached_plan_invalidated;
mod cached_plan_select_star;
mod casts;
mod change_default;
mod change_privileges;
mod change_sequence;
mod constraints;
mod create_if_not_exists_mismatch;
mod delete_without_where;
mod disable_trigger;
mod drop_column;
mod drop_column_drops_constraint;
mod drop_column_drops_index;
mod drop_constraint;
mod drop_database;
mod drop_default;
mod drop_extension_cascade;
mod drop_function;
mod drop_function_cascade;
mod drop_index;
mod drop_materialized_view;
mod drop_not_null;
mod drop_owned;
mod drop_schema;
mod drop_sequence;
mod drop_table;
mod drop_type_cascade;
mod drop_view;
mod duplicate_column_assignment;
mod enum_add_value;
mod extension_update;
mod fk_without_index;
mod identifier_too_long;
mod if_exists_hides_state;
mod lossy_type_change;
mod new_write_restriction;
mod no_char;
mod no_money;
mod no_timestamp_zero;
mod on_delete_cascade;
mod prefer_bigint;
mod prefer_identity;
mod prefer_jsonb;
mod prefer_text;
mod prefer_timestamptz;
mod redundant_index;
mod rename_column;
mod rename_enum_value;
mod rename_object;
mod rename_schema;
mod rename_table;
mod replace_function;
mod replace_view;
mod require_primary_key;
mod reserved_or_mixed_case_name;
mod row_level_security_without_policy;
mod rows;
mod scope;
mod session_setting;
mod set_schema;
mod truncate;
mod unbatched_backfill;
mod unlogged_table;
mod unused_allow;
mod update_without_where;
mod words;

use std::sync::LazyLock;

pub(crate) use around::{Ahead, Behind};
pub(crate) use context::{Context, Found, Transaction, writes};

use crate::report::{Hazard, Severity};

/// What is known about a hazard without any statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HazardInfo {
    /// Its name: lower-case words with `-` between.
    pub id: &'static str,
    /// The danger, in a few words, lower case.
    pub title: &'static str,
    /// How grave it is, when nothing makes it less so.
    pub severity: Severity,
    /// The page for people, in Markdown.
    pub page: &'static str,
}

/// A rule: what it is called, and how it is found.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rule {
    pub(crate) info: HazardInfo,
    pub(crate) check: fn(&Context<'_>) -> Vec<Found>,
}

/// Every rule, in the order of the catalogue.
static RULES: &[Rule] = &[
    // Rewrites, scans, locks, transactions.
    add_column_volatile_default::RULE,
    add_column_serial::RULE,
    add_column_identity::RULE,
    add_column_generated_stored::RULE,
    add_column_constrained_domain::RULE,
    alter_column_type_rewrite::RULE,
    alter_column_type_rescan::RULE,
    alter_column_type_locks_fk_peer::RULE,
    set_generated_expression::RULE,
    set_logged_unlogged::RULE,
    set_access_method::RULE,
    set_tablespace::RULE,
    vacuum_full::RULE,
    cluster::RULE,
    set_not_null::RULE,
    add_check_validated::RULE,
    add_column_inline_check::RULE,
    add_fk_validated::RULE,
    add_column_inline_fk::RULE,
    fk_not_valid_locks::RULE,
    create_table_fk::RULE,
    add_unique_constraint::RULE,
    add_primary_key::RULE,
    add_pk_using_index_nullable::RULE,
    add_column_inline_unique::RULE,
    add_column_inline_primary_key::RULE,
    add_exclusion_constraint::RULE,
    create_index_non_concurrent::RULE,
    reindex_non_concurrent::RULE,
    drop_index_non_concurrent::RULE,
    refresh_materialized_view::RULE,
    attach_partition::RULE,
    attach_partition_index_build::RULE,
    default_partition_scan::RULE,
    create_partition_of::RULE,
    drop_partition::RULE,
    detach_partition::RULE,
    domain_constraint::RULE,
    alter_constraint_enforced::RULE,
    validate_in_same_transaction::RULE,
    validate_constraint::RULE,
    require_lock_timeout::RULE,
    require_statement_timeout::RULE,
    statement_after_access_exclusive::RULE,
    wide_lock_window::RULE,
    drop_fk_locks_parent::RULE,
    create_trigger::RULE,
    drop_trigger::RULE,
    enable_disable_trigger::RULE,
    rule_change::RULE,
    policy_change::RULE,
    row_level_security::RULE,
    replica_identity::RULE,
    alter_constraint_deferrable::RULE,
    explicit_lock::RULE,
    multiple_alter_table::RULE,
    sue_conflict::RULE,
    concurrently_waits_for_old_transactions::RULE,
    concurrently_in_transaction::RULE,
    non_transactional_statement::RULE,
    enum_value_used_in_transaction::RULE,
    invalid_index_retry::RULE,
    unsupported_on_partitioned::RULE,
    depends_on_view::RULE,
    depends_on_policy::RULE,
    depends_on_generated_column::RULE,
    opaque_dynamic_sql::RULE,
    pending_trigger_events::RULE,
    drop_table::RULE,
    drop_column::RULE,
    drop_schema::RULE,
    drop_database::RULE,
    truncate::RULE,
    drop_materialized_view::RULE,
    delete_without_where::RULE,
    update_without_where::RULE,
    drop_owned::RULE,
    drop_type_cascade::RULE,
    drop_extension_cascade::RULE,
    drop_sequence::RULE,
    drop_function_cascade::RULE,
    lossy_type_change::RULE,
    drop_column_drops_index::RULE,
    drop_column_drops_constraint::RULE,
    drop_constraint::RULE,
    drop_not_null::RULE,
    drop_default::RULE,
    on_delete_cascade::RULE,
    drop_index::RULE,
    rename_table::RULE,
    rename_column::RULE,
    rename_object::RULE,
    rename_enum_value::RULE,
    rename_schema::RULE,
    set_schema::RULE,
    add_required_column::RULE,
    new_write_restriction::RULE,
    alter_type_clients::RULE,
    cached_plan_invalidated::RULE,
    cached_plan_select_star::RULE,
    drop_view::RULE,
    replace_view::RULE,
    drop_function::RULE,
    replace_function::RULE,
    change_privileges::RULE,
    disable_trigger::RULE,
    row_level_security_without_policy::RULE,
    change_default::RULE,
    change_sequence::RULE,
    enum_add_value::RULE,
    unbatched_backfill::RULE,
    backfill_in_ddl_transaction::RULE,
    fk_without_index::RULE,
    redundant_index::RULE,
    require_primary_key::RULE,
    prefer_bigint::RULE,
    prefer_identity::RULE,
    prefer_jsonb::RULE,
    prefer_text::RULE,
    prefer_timestamptz::RULE,
    no_char::RULE,
    no_money::RULE,
    no_timestamp_zero::RULE,
    unlogged_table::RULE,
    identifier_too_long::RULE,
    reserved_or_mixed_case_name::RULE,
    if_exists_hides_state::RULE,
    create_if_not_exists_mismatch::RULE,
    unused_allow::RULE,
    duplicate_column_assignment::RULE,
    extension_update::RULE,
    session_setting::RULE,
];

/// What every rule is called, for callers.
static INFOS: LazyLock<Vec<HazardInfo>> = LazyLock::new(|| RULES.iter().map(|rule| rule.info).collect());

/// Every hazard there is, in the order of the catalogue.
pub fn hazards() -> &'static [HazardInfo] {
    &INFOS
}

/// A hazard by its name.
pub fn hazard(id: &str) -> Option<&'static HazardInfo> {
    hazards().iter().find(|hazard| hazard.id == id)
}

/// The name that was perhaps meant: the nearest one, if it is near.
pub fn nearest_hazard(id: &str) -> Option<&'static str> {
    nearest(id, hazards().iter().map(|hazard| hazard.id))
}

/// The word that was perhaps meant: the nearest one, if it is near.
pub fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let near = known.map(|known| (distance(word, known), known)).min()?;
    (near.0 <= word.chars().count() / 3 + 1).then_some(near.1)
}

/// What all rules find in a statement, gravest first.
pub(crate) fn find(context: &Context<'_>) -> Vec<Hazard> {
    let mut found: Vec<Hazard> = Vec::new();
    for rule in RULES {
        found.extend((rule.check)(context).into_iter().map(|finding| Hazard {
            id: rule.info.id.to_owned(),
            severity: finding.gravity(rule.info.severity),
            relation: finding.object,
            message: finding.message,
            waits: finding.waits,
            allowed: None,
        }));
    }
    found.sort_by_key(|hazard| std::cmp::Reverse(hazard.severity));
    found
}

/// Levenshtein's distance, of at most so many characters.
fn distance(a: &str, b: &str) -> usize {
    const LONGEST: usize = 64;
    let b: Vec<char> = b.chars().take(LONGEST).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().take(LONGEST).enumerate() {
        let mut before = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let here = row[j + 1];
            row[j + 1] = (before + usize::from(x != *y)).min(row[j] + 1).min(here + 1);
            before = here;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{distance, nearest_hazard};

    #[test]
    fn the_nearest_name_is_offered() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(nearest_hazard("add-column-volatil-default"), Some("add-column-volatile-default"));
        assert_eq!(nearest_hazard("nonsense"), None);
    }
}
