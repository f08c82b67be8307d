//! Everything that the controller knows: the fold of its ledger.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::access::{Certificates, Contested, JoinToken, Operator};
use crate::backup::{BackupId, KnownBackup};
use crate::command::{Command, CommandId};
use crate::database::{AppliedRecord, Database};
use crate::digest::Digest;
use crate::job::{Job, JobId};
use crate::migration::Migration;
use crate::name::{DatabaseName, EnvironmentName, OperatorName, TokenId};
use crate::notice::Told;
use crate::plan::{Plan, PlanId};
use crate::policy::{EnvironmentPolicy, Policy};
use crate::proof::Shown;
use crate::release::Release;
use crate::request::Refusal;
use crate::rollout::{Rollout, RolloutId};
use crate::time::Timestamp;
use crate::witness::Trust;

/// Everything that the controller knows. Cheap to clone: what is large is shared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// The last event that is in it.
    pub seq: u64,
    /// The policy in force.
    pub policy: Arc<Policy>,
    /// Counts the policies, from 1; 0: none yet.
    pub policy_version: u64,
    /// Who may talk to the controller.
    pub operators: BTreeMap<OperatorName, Operator>,
    /// The certificates of the agents.
    pub agents: BTreeMap<DatabaseName, Certificates>,
    /// The agents of which there are two.
    pub contested: BTreeMap<DatabaseName, Contested>,
    /// The invitations.
    pub tokens: BTreeMap<TokenId, JoinToken>,
    /// The databases.
    pub databases: BTreeMap<DatabaseName, Arc<Database>>,
    /// The releases.
    pub releases: BTreeMap<Digest, Arc<Release>>,
    /// The release that was pushed last.
    pub latest_release: Option<Digest>,
    /// The plans.
    pub plans: BTreeMap<PlanId, PlanState>,
    /// The rollouts.
    pub rollouts: BTreeMap<RolloutId, Arc<Rollout>>,
    /// Those that are not over. Most decisions are about these, and there are few.
    pub open_rollouts: BTreeSet<RolloutId>,
    /// The rollouts of each database, in the order in which they were started.
    pub rollouts_of: BTreeMap<DatabaseName, Vec<RolloutId>>,
    /// What environments have shown of releases.
    pub shown: BTreeMap<EnvironmentName, Shown>,
    /// The last rollout of each environment.
    pub last_rollout: BTreeMap<EnvironmentName, RolloutId>,
    /// The backups, by database and name.
    pub backups: BTreeMap<(DatabaseName, BackupId), Arc<KnownBackup>>,
    /// The jobs.
    pub jobs: BTreeMap<JobId, Arc<Job>>,
    /// Those that have not come to an end, in the order in which they were asked for.
    pub open_jobs: BTreeMap<DatabaseName, Vec<JobId>>,
    /// When a backup of a database was last tried to be proven, and whether it was.
    pub last_proofs: BTreeMap<DatabaseName, (Timestamp, bool)>,
    /// The backups that are given up and not gone yet.
    pub condemned: BTreeSet<(DatabaseName, BackupId)>,
    /// What is frozen by somebody's word; `None`: everything.
    pub freezes: BTreeMap<Option<EnvironmentName>, Freeze>,
    /// The commands that have not come to an end.
    pub commands: BTreeMap<CommandId, CommandState>,
    /// How many commands there have been.
    pub commands_issued: u64,
    /// What people were told of in time.
    pub told: Told,
    /// Whether the ledger is believed to be the true one.
    pub trust: Trust,
}

/// A plan and who approved it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanState {
    /// The plan.
    pub plan: Arc<Plan>,
    /// Who approved it, and under which version of the policy: a word that was given under another one does not count.
    pub approvals: BTreeMap<OperatorName, u64>,
}

/// Somebody's word that nothing may begin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Freeze {
    /// Whose.
    pub by: OperatorName,
    /// Why.
    pub reason: String,
    /// Since when.
    pub since: Timestamp,
}

/// A command that has not come to an end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandState {
    /// The command.
    pub command: Arc<Command>,
    /// Whether the agent has it in its journal.
    pub accepted: bool,
}

impl Default for State {
    fn default() -> Self {
        Self {
            seq: 0,
            policy: Arc::new(Policy::initial(&[])),
            policy_version: 0,
            operators: BTreeMap::new(),
            agents: BTreeMap::new(),
            contested: BTreeMap::new(),
            tokens: BTreeMap::new(),
            databases: BTreeMap::new(),
            releases: BTreeMap::new(),
            latest_release: None,
            plans: BTreeMap::new(),
            rollouts: BTreeMap::new(),
            open_rollouts: BTreeSet::new(),
            rollouts_of: BTreeMap::new(),
            shown: BTreeMap::new(),
            last_rollout: BTreeMap::new(),
            backups: BTreeMap::new(),
            jobs: BTreeMap::new(),
            open_jobs: BTreeMap::new(),
            last_proofs: BTreeMap::new(),
            condemned: BTreeSet::new(),
            freezes: BTreeMap::new(),
            commands: BTreeMap::new(),
            commands_issued: 0,
            told: Told::default(),
            trust: Trust::default(),
        }
    }
}

impl State {
    /// The policy of an environment.
    ///
    /// # Errors
    /// When there is no such environment.
    pub fn environment(&self, name: &EnvironmentName) -> Result<&EnvironmentPolicy, Refusal> {
        self.policy.environment(name).ok_or_else(|| not_found("environment", name))
    }

    /// What names a rule of the policy: its version, and a key of an environment.
    pub(crate) fn rule(&self, environment: &EnvironmentName, key: &str) -> String {
        format!("policy v{}, environments.{environment}.{key}", self.policy_version)
    }

    /// The databases of an environment, by name.
    pub fn databases_of<'a>(
        &'a self,
        environment: &'a EnvironmentName,
    ) -> impl Iterator<Item = &'a Arc<Database>> {
        self.databases.values().filter(move |d| d.environment == *environment)
    }

    /// A database by name.
    ///
    /// # Errors
    /// When there is none.
    pub fn database(&self, name: &DatabaseName) -> Result<&Database, Refusal> {
        self.databases.get(name).map(Arc::as_ref).ok_or_else(|| not_found("database", name))
    }

    /// A plan by its id.
    ///
    /// # Errors
    /// When there is none.
    pub fn plan(&self, id: &PlanId) -> Result<&PlanState, Refusal> {
        self.plans.get(id).ok_or_else(|| not_found("plan", id))
    }

    /// A backup by its database and its name.
    ///
    /// # Errors
    /// When there is none.
    pub fn backup(&self, database: &DatabaseName, id: &str) -> Result<&KnownBackup, Refusal> {
        let known = self.backups.get(&(database.clone(), id.to_owned()));
        known.map(Arc::as_ref).ok_or_else(|| not_found("backup", id))
    }

    /// A job by its id.
    ///
    /// # Errors
    /// When there is none.
    pub fn job(&self, id: &JobId) -> Result<&Job, Refusal> {
        self.jobs.get(id).map(Arc::as_ref).ok_or_else(|| not_found("job", id))
    }

    /// What an agent has to do with its backups, in the order in which it was asked.
    pub fn open_jobs<'a>(&'a self, database: &DatabaseName) -> impl Iterator<Item = &'a Job> {
        let ids = self.open_jobs.get(database).into_iter().flatten();
        ids.filter_map(|id| self.jobs.get(id)).map(Arc::as_ref)
    }

    /// A rollout by its id.
    ///
    /// # Errors
    /// When there is none.
    pub fn rollout(&self, id: &RolloutId) -> Result<&Rollout, Refusal> {
        self.rollouts.get(id).map(Arc::as_ref).ok_or_else(|| not_found("rollout", id))
    }

    /// The rollouts that are not over.
    pub fn open_rollouts(&self) -> impl Iterator<Item = &Rollout> {
        self.open_rollouts.iter().filter_map(|id| self.rollouts.get(id)).map(Arc::as_ref)
    }

    /// Whether a migration has begun there and has not come to its end: there is no state before it to come back to, and
    /// what a statement has done that was cut off nobody can tell on a copy either. What is left goes on without a rehearsal.
    #[must_use]
    pub fn is_half_way(&self, database: &DatabaseName) -> bool {
        let observed = self.databases.get(database).and_then(|known| known.observed.as_ref());
        observed.is_some_and(|(_, seen)| !seen.unfinished.is_empty())
    }

    /// The plan of a rollout.
    #[must_use]
    pub fn plan_of(&self, rollout: &Rollout) -> Option<&Plan> {
        self.plans.get(&rollout.plan).map(|state| state.plan.as_ref())
    }

    /// The migration that a record stands for; of several, one with rollback SQL, from the newest push on.
    #[must_use]
    pub fn migration_of(&self, record: &AppliedRecord) -> Option<&Migration> {
        let is_it = |m: &&Migration| m.version == record.version && m.up.recorded() == record.checksum;
        let latest = self.latest_release.and_then(|id| self.releases.get(&id));
        let all = latest.into_iter().chain(self.releases.values());
        let mut candidates = all.flat_map(|release| release.migrations.iter().find(is_it)).peekable();
        let first = candidates.peek().copied();
        candidates.find(|m| m.down.is_some()).or(first)
    }
}

/// There is no such thing.
pub(crate) fn not_found(what: &'static str, name: impl ToString) -> Refusal {
    Refusal::NotFound { what, name: name.to_string() }
}
