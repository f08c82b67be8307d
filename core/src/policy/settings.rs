//! Every key of the policy document, with what makes it stricter.
//!
//! What can be asked of a key that is not listed here has no answer, so a test finds every key in the types and fails on
//! one that is missing.

/// In which direction a setting becomes stricter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tighter {
    /// The larger one; none is zero.
    More,
    /// The larger one; none is without end.
    MoreOrNone,
    /// The smaller one; none is without end.
    Less,
    /// The smaller one; without it something else counts, so that nothing can be said.
    LessOfTwo,
    /// `true`; none is `false`.
    On,
    /// `false`; none is `false`.
    Off,
    /// When it is there.
    Present,
    /// When it is not there.
    Absent,
    /// Each entry of the list makes it stricter.
    Entries,
    /// Each entry of the list makes it stricter, and no list is the strictest.
    EntriesOrNone,
    /// As windows: each entry lets more in, but without any all is.
    Openings,
    /// Words from the loosest to the strictest. A map counts as the last one.
    Words(&'static [&'static str]),
    /// The same; none counts as the last one.
    WordsOrNone(&'static [&'static str]),
    /// That depends.
    Unclear,
}

/// A key of the policy document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setting {
    /// Where it stands: `[]` is any entry of a list, `*` any key of a map.
    pub path: &'static str,
    /// What makes it stricter.
    pub tighter: Tighter,
}

const fn of(path: &'static str, tighter: Tighter) -> Setting {
    Setting { path, tighter }
}

const LEVELS: Tighter = Tighter::Words(&["low", "medium", "high"]);

/// All keys there are, in the order of the document.
pub const SETTINGS: &[Setting] = &[
    of("environments", Tighter::Unclear),
    of("environments[].name", Tighter::Unclear),
    of("environments[].requires", Tighter::Entries),
    of("environments[].requires.all_of", Tighter::Entries),
    of("environments[].requires.any_of", Tighter::Unclear),
    of("environments[].soak", Tighter::More),
    of("environments[].unreachable_after", Tighter::Less),
    of("environments[].approvals", Tighter::More),
    of("environments[].approvals.count", Tighter::More),
    of("environments[].approvals.roles", Tighter::Openings),
    of("environments[].approvals.from_risk", Tighter::WordsOrNone(&["high", "medium", "low"])),
    of("environments[].approvals.hazards", Tighter::EntriesOrNone),
    of("environments[].confirm_at", Tighter::Words(&["high", "medium", "low"])),
    of("environments[].force_allowed", Tighter::Off),
    of("environments[].backup", Tighter::Words(&["off", "required"])),
    of("environments[].backup.method", Tighter::Words(&["touched", "full"])),
    of("environments[].backup.touched_from", Tighter::More),
    of("environments[].backup.outside_from", Tighter::More),
    of("environments[].backup.outside", Tighter::Absent),
    of("environments[].backup.each", Tighter::Words(&["run", "migration"])),
    of("environments[].backup.rate_limit", Tighter::Unclear),
    of("environments[].backup.archive_timeout", Tighter::Unclear),
    of("environments[].backup_retention", Tighter::Absent),
    of("environments[].backup_retention.keep", Tighter::More),
    of("environments[].backup_retention.days", Tighter::More),
    of("environments[].rollback_window", Tighter::More),
    of("environments[].max_parallel", Tighter::Less),
    of("environments[].lock_timeout", Tighter::Less),
    of("environments[].lock_budget", Tighter::Less),
    of("environments[].statement_timeout", Tighter::Less),
    of("environments[].statement_timeouts", Tighter::Unclear),
    of("environments[].statement_timeouts.*", Tighter::LessOfTwo),
    of("environments[].concurrent_timeout", Tighter::Less),
    of("environments[].blockers", Tighter::Unclear),
    of("environments[].blockers.wait", Tighter::On),
    of("environments[].blockers.cancel_after", Tighter::MoreOrNone),
    of("environments[].blockers.queries", Tighter::Words(&["full", "redacted", "none"])),
    of("environments[].replication_lag", Tighter::Present),
    of("environments[].replication_lag.max", Tighter::Less),
    of("environments[].replication_lag.wait", Tighter::Unclear),
    of("environments[].replication_lag.then", Tighter::Words(&["go-on", "give-up"])),
    of("environments[].start_deadline", Tighter::Less),
    of("environments[].acknowledge", Tighter::Entries),
    of("environments[].unknown_server", Tighter::Words(&["allow", "refuse"])),
    of("environments[].keep_history_table", Tighter::Unclear),
    of("environments[].drill_every", Tighter::Less),
    of("environments[].waves", Tighter::Unclear),
    of("environments[].waves[].select", Tighter::Unclear),
    of("environments[].waves[].count", Tighter::LessOfTwo),
    of("environments[].waves[].percent", Tighter::LessOfTwo),
    of("environments[].waves[].order_by", Tighter::Unclear),
    of("environments[].waves[].max_parallel", Tighter::Less),
    of("environments[].waves[].pause", Tighter::On),
    of("environments[].waves[].bake", Tighter::More),
    of("environments[].waves[].allow_empty", Tighter::Off),
    of("environments[].first_bake", Tighter::More),
    of("environments[].max_failures", Tighter::Less),
    of("environments[].max_unknown", Tighter::Less),
    of("environments[].step_deadline", Tighter::Less),
    of("environments[].progress_deadline", Tighter::Less),
    of("environments[].rehearsal", Tighter::Words(&["off", "schema", "data"])),
    of("environments[].verify", Tighter::Entries),
    of("environments[].verify[].name", Tighter::Unclear),
    of("environments[].verify[].query", Tighter::Unclear),
    of("environments[].verify[].expect", Tighter::Unclear),
    of("environments[].verify[].timeout", Tighter::Unclear),
    of("environments[].on_failure", Tighter::Unclear),
    of("environments[].windows", Tighter::Openings),
    of("environments[].windows[].days", Tighter::Unclear),
    of("environments[].windows[].from", Tighter::Unclear),
    of("environments[].windows[].to", Tighter::Unclear),
    of("environments[].windows[].schedule", Tighter::Unclear),
    of("environments[].windows[].duration", Tighter::Unclear),
    of("environments[].windows[].zone", Tighter::Unclear),
    of("environments[].blackouts", Tighter::Entries),
    of("environments[].blackouts[].days", Tighter::Unclear),
    of("environments[].blackouts[].from", Tighter::Unclear),
    of("environments[].blackouts[].to", Tighter::Unclear),
    of("environments[].blackouts[].schedule", Tighter::Unclear),
    of("environments[].blackouts[].duration", Tighter::Unclear),
    of("environments[].blackouts[].zone", Tighter::Unclear),
    of("environments[].blackouts[].reason", Tighter::Unclear),
    of("environments[].freeze", Tighter::Present),
    of("risk", Tighter::Unclear),
    of("risk.*", LEVELS),
    of("hazards", Tighter::Unclear),
    of("hazards.*", Tighter::Words(&["off", "low", "medium", "high"])),
    of("freeze", Tighter::Present),
    of("refine", Tighter::Off),
];

#[cfg(test)]
mod keys;
#[cfg(test)]
mod tests;
