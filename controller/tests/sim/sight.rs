//! Who is there, counted by hand at each look at the clock: what the ledger says of databases that are out of reach.

use std::collections::{BTreeMap, BTreeSet};

use pgbelay_core::name::DatabaseName;
use pgbelay_core::state::State;

/// What a controller has seen since it started.
pub(crate) struct Sight {
    started: i64,
    now: i64,
    there: BTreeSet<DatabaseName>,
    /// When each was last there, as far as it was looked at.
    last: BTreeMap<DatabaseName, i64>,
}

impl Sight {
    pub(crate) const fn new(started: i64) -> Self {
        Self { started, now: started, there: BTreeSet::new(), last: BTreeMap::new() }
    }

    /// These are there now.
    pub(crate) fn look<'a>(&mut self, there: impl Iterator<Item = &'a DatabaseName>, now: i64) {
        (self.now, self.there) = (now, there.cloned().collect());
        self.last.extend(self.there.iter().map(|name| (name.clone(), now)));
    }

    /// One has come, or has been there until now.
    pub(crate) fn there(&mut self, database: &DatabaseName, now: i64) {
        self.last.insert(database.clone(), now);
    }

    /// Whether the ledger says something else of a database than what was seen.
    pub(crate) fn trouble(&self, state: &State) -> Option<String> {
        let seen = state.databases.values().filter(|known| known.observed.is_some());
        seen.filter_map(|known| {
            let (name, is_out) = (&known.name, known.unreachable.is_some());
            if self.there.contains(name) {
                return is_out.then(|| format!("{name} is there, and counts as out of reach"));
            }
            let most = state.policy.environment(&known.environment)?.unreachable_after.0;
            let since = self.last.get(name).copied().unwrap_or(self.started);
            let is_late = self.now - since >= most && !is_out;
            is_late.then(|| format!("{name} is out of reach, and counts as there"))
        })
        .next()
    }
}
