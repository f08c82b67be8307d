//! Locks that a test holds, so that a step of a run stops at a known point.

use pgbelay_tests::wait;
use pgbelay_tests::world::PATIENCE;
use tokio::task::JoinHandle;
use tokio_postgres::Client;

use super::stage::{ORDERS, Stage};

/// A lock that somebody runs into. It is there until it is released, or its server ends.
pub(crate) struct Hold {
    client: Client,
}

/// A lock that is waited for.
pub(crate) struct Queued(JoinHandle<anyhow::Result<Hold>>);

impl Stage {
    /// Makes a migration wait in its second statement.
    pub(crate) async fn hold_migration(&self, version: &str) -> anyhow::Result<Hold> {
        self.hold(ORDERS, &format!("INSERT INTO gate (version) VALUES ('{version}')")).await
    }

    /// Makes the way back of a migration wait in its second statement.
    pub(crate) async fn hold_rollback(&self, version: &str) -> anyhow::Result<Hold> {
        self.hold(ORDERS, &format!("SELECT FROM gate WHERE version = '{version}' FOR UPDATE")).await
    }

    /// Makes the first run of all wait before it has touched anything: it makes pgbelay's own schema first.
    pub(crate) async fn hold_first_touch(&self) -> anyhow::Result<Hold> {
        self.hold(ORDERS, "CREATE SCHEMA pgbelay").await
    }

    /// Makes a backup wait.
    pub(crate) async fn hold_backup(&self) -> anyhow::Result<Hold> {
        self.hold(ORDERS, "LOCK TABLE vault IN ACCESS EXCLUSIVE MODE").await
    }

    /// Makes a migration, or its way back, wait in the last thing that it writes: the COMMIT has been sent then.
    pub(crate) async fn hold_commit(&self) -> anyhow::Result<Hold> {
        self.hold(ORDERS, "LOCK TABLE pgbelay.migration_attempts IN SHARE MODE").await
    }

    /// Queues up for the row that every transaction of a run locks first: after the transaction that has it now, and
    /// as a rule before the next one.
    pub(crate) async fn queue_for_fence(&self) -> anyhow::Result<Queued> {
        let client = self.world.connect(ORDERS).await?;
        let pid: i32 = client.query_one("SELECT pg_backend_pid()", &[]).await?.get(0);
        let task = tokio::spawn(async move {
            client.batch_execute("BEGIN; SELECT FROM pgbelay.fence FOR UPDATE").await?;
            Ok(Hold { client })
        });
        let look = self.world.connect(ORDERS).await?;
        let sql = "SELECT FROM pg_locks WHERE pid = $1 AND NOT granted";
        wait::until("a place in the queue", PATIENCE, async || {
            Ok(look.query_opt(sql, &[&pid]).await?.is_some())
        })
        .await?;
        Ok(Queued(task))
    }

    async fn hold(&self, database: &str, sql: &str) -> anyhow::Result<Hold> {
        let client = self.world.connect(database).await?;
        client.batch_execute(&format!("BEGIN; {sql}")).await?;
        Ok(Hold { client })
    }
}

impl Queued {
    /// Waits for the lock, and lets go.
    pub(crate) async fn release(self) -> anyhow::Result<()> {
        tokio::time::timeout(PATIENCE, self.0).await???.release().await
    }
}

impl Hold {
    /// Waits until a session waits for this lock; its process.
    pub(crate) async fn is_run_into(&self) -> anyhow::Result<i32> {
        self.is_run_into_again(0).await
    }

    /// Waits until a session other than that of the process `before` waits for this lock; its process.
    pub(crate) async fn is_run_into_again(&self, before: i32) -> anyhow::Result<i32> {
        // pg_locks, because what pg_stat_activity shows stays the same for all of a transaction.
        let sql = "SELECT pid FROM pg_locks WHERE NOT granted AND pid <> $1 \
                   AND pg_backend_pid() = ANY (pg_blocking_pids(pid)) LIMIT 1";
        wait::until("a session that waits for the lock", PATIENCE, async || {
            Ok(self.client.query_opt(sql, &[&before]).await?.map(|row| row.get(0)))
        })
        .await
    }

    /// Lets go.
    pub(crate) async fn release(self) -> anyhow::Result<()> {
        Ok(self.client.batch_execute("ROLLBACK").await?)
    }
}
