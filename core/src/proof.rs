//! What an environment has shown of a release: since when all of it carries the release, and how long it did before.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::database::Database;
use crate::digest::Digest;
use crate::evolve::stands;
use crate::name::{DatabaseName, EnvironmentName};
use crate::plan::Goal;
use crate::request::Refusal;
use crate::rollout::RolloutId;
use crate::state::State;
use crate::time::{Span, Timestamp};

/// What an environment has shown.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shown {
    /// How many databases it has.
    pub members: u32,
    /// How many of them are out of reach.
    pub unreachable: u32,
    /// What it has shown of each release that one of them carries, or carried.
    pub releases: BTreeMap<Digest, Proof>,
}

/// What an environment has shown of a release.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    /// How many databases carry it.
    pub carriers: u32,
    /// Since when every database carries it, is there, and nothing has spoken against it; `None`: that is not so now.
    pub since: Option<Timestamp>,
    /// The longest such time that is over: an environment that moves on has still shown it. Rolling the release back
    /// takes it away.
    pub longest: Option<Span>,
    /// Whether a verification query failed there after it was run, and no later run of it has passed.
    pub failed: bool,
}

/// Why a release has not been verified somewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Lacks {
    /// It is not, or not everywhere, there: what is missing, in words.
    Missing(Vec<String>),
    /// It has not been there for long enough.
    Time { has: Span, ready: Option<Timestamp> },
    /// How this database has been since then is not known, nor how so many others are.
    Sight { database: DatabaseName, since: Timestamp, others: usize },
}

impl State {
    /// Why a release may not run in an environment yet: where it has not been verified, among the environments that must
    /// come before, or not for long enough.
    #[must_use]
    pub fn unproven(
        &self,
        release: &Digest,
        environment: &EnvironmentName,
        now: Timestamp,
    ) -> Option<Refusal> {
        let needs = self.policy.environment(environment)?.soak.unwrap_or_default();
        let required = self.policy.required_before(environment);
        let refusal = |environment: &EnvironmentName, lacks| match lacks {
            Lacks::Missing(missing) => Refusal::NotProven { environment: environment.clone(), missing },
            Lacks::Time { has, ready } => {
                Refusal::Soaking { environment: environment.clone(), has, needs, ready }
            }
            Lacks::Sight { database, since, others } => {
                Refusal::Unreachable { environment: environment.clone(), database, since, others, needs }
            }
        };
        let lacks =
            |name: &EnvironmentName| self.lacks(release, name, (needs, now)).map(|it| refusal(name, it));
        if let Some(first) = required.all_of.iter().find_map(lacks) {
            return Some(first);
        }
        let mut of_any: Vec<_> = required.any_of.iter().map_while(lacks).collect();
        match (of_any.len() < required.any_of.len(), of_any.len()) {
            (true, _) | (false, 0) => None,
            (false, 1) => of_any.pop(),
            (false, _) => Some(Refusal::NotProvenInAny(of_any)),
        }
    }

    /// What is missing for a release to count as verified in an environment.
    fn lacks(
        &self,
        release: &Digest,
        environment: &EnvironmentName,
        (needs, now): (Span, Timestamp),
    ) -> Option<Lacks> {
        let shown = self.shown.get(environment);
        let proof = shown.and_then(|shown| shown.releases.get(release)).cloned().unwrap_or_default();
        if proof.failed {
            return Some(Lacks::Missing(vec!["a verification query failed there".to_owned()]));
        }
        // One that has gone on to something newer has still shown it; one that never had it has not.
        let of = self.releases.get(release);
        let has_moved_on = |database: &Database| {
            let seen = database.observed.as_ref().map(|(_, seen)| seen);
            seen.zip(of).is_some_and(|(seen, release)| stands(seen, release))
        };
        let without = self.databases_of(environment).filter(|d| !d.carries.contains_key(release));
        let missing: Vec<_> = without.filter(|d| !has_moved_on(d)).map(|d| d.name.to_string()).collect();
        if !missing.is_empty() {
            return Some(Lacks::Missing(missing));
        }
        if let Some(rollout) = self.at_work(release, environment) {
            return Some(Lacks::Missing(vec![format!("its rollout {rollout} is not over")]));
        }
        if proof.longest.is_some_and(|longest| longest >= needs) {
            return None;
        }
        let members = shown.map_or(0, |shown| shown.members);
        if members == 0 {
            return Some(Lacks::Missing(vec!["it has no database".to_owned()]));
        }
        if let Some(since) = proof.since {
            let has = (now - since).max(Span::default());
            return (has < needs).then_some(Lacks::Time { has, ready: Some(since + needs) });
        }
        let unseen = (proof.carriers == members).then(|| self.out_of_sight(environment)).flatten();
        Some(unseen.unwrap_or_else(|| match proof.longest {
            Some(has) => Lacks::Time { has, ready: None },
            None => Lacks::Missing(vec!["it was never on all of them at once".to_owned()]),
        }))
    }

    /// The databases of an environment that are out of reach: the first one, and how many others.
    fn out_of_sight(&self, environment: &EnvironmentName) -> Option<Lacks> {
        let unreachable = |database: &Arc<Database>| Some((database.name.clone(), database.unreachable?));
        let mut all = self.databases_of(environment).filter_map(unreachable);
        let (database, since) = all.next()?;
        Some(Lacks::Sight { database, since, others: all.count() })
    }

    /// A rollout of a release in an environment that is not over.
    fn at_work(&self, release: &Digest, environment: &EnvironmentName) -> Option<&RolloutId> {
        let is_it = |goal: &Goal| matches!(goal, Goal::Release { release: of } if of == release);
        let here = self.open_rollouts().filter(|rollout| rollout.environment == *environment);
        let mut of_it =
            here.filter(|rollout| self.plan_of(rollout).is_some_and(|plan| is_it(&plan.body.goal)));
        of_it.next().map(|rollout| &rollout.id)
    }
}
