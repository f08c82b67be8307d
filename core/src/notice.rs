//! What people want to be told of in time, though nothing happens at that moment: rollback windows that close soon.
//!
//! It becomes an event, so that it is told once, to everybody who is told of events, and over restarts.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::database::WindowState;
use crate::migration::Version;
use crate::name::{DatabaseName, EnvironmentName};
use crate::state::State;
use crate::time::{Span, Timestamp};

/// The windows of one environment are told of together, and not more often than this: they close one after the other,
/// as the migrations ran.
pub const NOTICE_PAUSE: Span = Span::seconds(600);

/// A rollback window that closes soon.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closing {
    /// Of which database.
    pub database: DatabaseName,
    /// Of which migration.
    pub version: Version,
    /// When.
    pub until: Timestamp,
}

/// What was told already.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// The window that was told of last, by its end.
    pub windows: BTreeMap<DatabaseName, Timestamp>,
    /// When windows of an environment were told of last.
    pub last: BTreeMap<EnvironmentName, Timestamp>,
}

impl Told {
    /// Windows of an environment were told of.
    pub(crate) fn note(&mut self, environment: &EnvironmentName, windows: &[Closing], at: Timestamp) {
        self.windows.extend(windows.iter().map(|window| (window.database.clone(), window.until)));
        self.last.insert(environment.clone(), at);
    }
}

/// The environments in which windows close within a time that were not told of.
#[must_use]
pub fn due_notices(state: &State, soon: (Timestamp, Span)) -> Vec<EnvironmentName> {
    let names = state.policy.environments.iter().map(|environment| &environment.name);
    names.filter(|name| !closing(state, name, soon).is_empty()).cloned().collect()
}

/// The windows of an environment that close within a time and were not told of.
#[must_use]
pub fn closing(
    state: &State,
    environment: &EnvironmentName,
    (now, within): (Timestamp, Span),
) -> Vec<Closing> {
    if state.told.last.get(environment).is_some_and(|last| now >= *last && now - *last < NOTICE_PAUSE) {
        return Vec::new();
    }
    let soon = state.databases_of(environment).filter_map(|database| {
        let version = database.version()?;
        let window = database.windows.get(version)?;
        let is_open = database.window_state(version, now) == Some(WindowState::Open);
        let is_new = state.told.windows.get(&database.name) != Some(&window.until);
        (is_open && is_new && window.until - now <= within).then(|| Closing {
            database: database.name.clone(),
            version: version.clone(),
            until: window.until,
        })
    });
    soon.collect()
}
