//! The history tables of other tools, read by the agents when their history is to be adopted.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::StreamExt as _;
use pgbelay_core::history::Table;
use pgbelay_core::name::DatabaseName;
use pgbelay_core::plan::{AllHistories, History};
use pgbelay_proto::wire::probe::{Kind, ReadHistory};
use pgbelay_proto::wire::probe_answer::Answer;

use super::Services;
use super::probes::AT_ONCE;

/// Reading a few small tables takes milliseconds.
const DEADLINE: Duration = Duration::from_secs(30);

impl Services {
    /// Asks the agents of some databases what the history tables there hold.
    pub(super) async fn histories(&self, databases: &BTreeSet<DatabaseName>) -> AllHistories {
        let asked: Vec<_> = databases.iter().map(|name| self.history(name)).collect();
        futures_util::stream::iter(asked).buffer_unordered(AT_ONCE).collect().await
    }

    async fn history(&self, name: &DatabaseName) -> (DatabaseName, History) {
        let take = |answer| if let Answer::History(found) = answer { Some(found) } else { None };
        let found = self.probe(name, (Kind::History(ReadHistory {}), DEADLINE), take).await;
        let history = found.map(|found| found.tables.into_iter().map(Table::from).collect());
        let history = history.map_err(|error| error.to_string());
        (name.clone(), history)
    }
}
