//! What a refusal must leave as it was.

use std::collections::BTreeMap;

use anyhow::Context as _;

use super::World;

/// How things stand: two of them are equal when nothing was changed in between.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The schema of each database, as pg_dump writes it.
    pub schemas: BTreeMap<String, String>,
    /// All rows of pgbelay's records in each database.
    pub records: BTreeMap<String, Vec<String>>,
    /// The rollouts and their states, newest first.
    pub rollouts: Vec<String>,
}

impl World {
    /// How things stand: schemas, records, rollouts.
    ///
    /// # Errors
    /// A server or the controller is not there.
    pub async fn standing(&self) -> anyhow::Result<Standing> {
        let (mut schemas, mut records) = (BTreeMap::new(), BTreeMap::new());
        for (name, member) in &self.members {
            schemas.insert(name.clone(), self.cluster.dump_schema(&member.pg_name).await?);
            records.insert(name.clone(), self.records(name).await?);
        }
        Ok(Standing { schemas, records, rollouts: self.rollouts().await? })
    }

    /// All rows of a member's own records, as text.
    ///
    /// # Errors
    /// The server is not there.
    pub async fn records(&self, member: &str) -> anyhow::Result<Vec<String>> {
        let client = self.connect(member).await?;
        match client.query("SELECT r::text FROM pgbelay.migration_records AS r ORDER BY id", &[]).await {
            Ok(rows) => Ok(rows.iter().map(|row| row.get(0)).collect()),
            // Before the first run there is no such table.
            Err(error) if error.code() == Some(&tokio_postgres::error::SqlState::UNDEFINED_TABLE) => {
                Ok(Vec::new())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The rollouts and their states, newest first.
    ///
    /// # Errors
    /// The controller is not there.
    pub async fn rollouts(&self) -> anyhow::Result<Vec<String>> {
        let list = self.json(&["rollout", "list"]).await?;
        let list = list["rollouts"].as_array().context("no list")?;
        Ok(list.iter().map(|rollout| format!("{} {}", rollout["id"], rollout["state"])).collect())
    }
}
