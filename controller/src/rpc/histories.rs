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
        let history = match self.fleet.probe(name, Kind::History(ReadHistory {}), DEADLINE).await {
            Ok(Answer::History(found)) => Ok(found.tables.into_iter().map(Table::from).collect()),
            Ok(
                Answer::Observation(_)
                | Answer::DryRun(_)
                | Answer::Loss(_)
                | Answer::Catalog(_)
                | Answer::Measured(_)
                | Answer::Backup(_)
                | Answer::Error(_),
            ) => Err("the agent answered another question".to_owned()),
            Err(error) => Err(error.to_string()),
        };
        (name.clone(), history)
    }
}
