//! Policies: the one in force, those that were, and what differs. The ledger has them all; they are read there when
//! somebody asks.

use std::sync::Arc;

use pgbelay_core::decide::prospect;
use pgbelay_core::event::Event;
use pgbelay_core::policy::{Change, Leaning, Policy, changes};
use pgbelay_core::request::Refusal;
use pgbelay_proto::wire;
use tonic::Status;

use super::audit::{turn, unread};
use super::reader::Reader;
use super::{Answer, Services, internal, usage};
use crate::clock::{self, rfc3339};
use crate::ledger::{Entry, LedgerReader};
use crate::views;

/// Entries that are read in one go: a policy may have 20 KiB.
const PAGE: usize = 100;

/// Most versions of an answer.
const MAX_LISTED: usize = 1_000;

/// The kind of the events that are policies.
const KIND: &str = "policy-applied";

/// Reads a policy document. What the parser says names the line.
pub(super) fn parse(yaml: &str) -> Result<Policy, Status> {
    serde_saphyr::from_str(yaml)
        .map_err(|error| usage(&format!("the policy document does not read: {error}")))
}

/// A policy as a document.
pub(super) fn view(policy: &Policy, version: u64, changed: bool) -> Answer<wire::PolicyView> {
    let yaml = serde_saphyr::to_string(policy);
    let yaml = yaml.map_err(|error| internal(format!("failed to write the policy as YAML: {error}")))?;
    Ok(tonic::Response::new(wire::PolicyView { version, yaml, changed }))
}

/// A version, for people who count them from 1.
pub(super) async fn read(services: &Services, asked: &wire::ReadPolicyRequest) -> Answer<wire::PolicyView> {
    view(&*version(services, asked.version).await?, asked.version, false)
}

/// What differs, and what a policy would do that is not in force.
pub(super) async fn diff(
    services: &Services,
    reader: &Reader,
    asked: &wire::DiffPolicyRequest,
) -> Answer<wire::PolicyDiffView> {
    let state = &reader.state;
    if !asked.yaml.is_empty() && asked.to != 0 {
        return Err(usage("compare with a document or with a version, not with both"));
    }
    let numbered = |asked: u64| if asked == 0 { state.policy_version } else { asked };
    let from = numbered(asked.from);
    let old = of(services, reader, from).await?;
    let (to, new) = if asked.yaml.is_empty() {
        let to = numbered(asked.to);
        (to, of(services, reader, to).await?)
    } else {
        (0, Arc::new(parse(&asked.yaml)?))
    };
    let mut view = wire::PolicyDiffView {
        from,
        to,
        changes: changes(&old, &new).into_iter().map(views::policy::change).collect(),
        ..wire::PolicyDiffView::default()
    };
    if from == state.policy_version {
        let prospect = prospect(state, &new, clock::now());
        let stale = prospect.stale.iter().filter(|(plan, _)| reader.sees(&plan.body.environment));
        view.stale_plans = stale.map(|(plan, waits)| views::policy::stale(plan, *waits)).collect();
        let open = prospect.open.iter().filter(|rollout| reader.sees(&rollout.environment));
        view.open_rollouts = open.map(|rollout| views::policy::open(rollout)).collect();
        let refusal = prospect.refusal.map(|refusal| for_reader(reader, refusal));
        view.refused = refusal.as_ref().map(ToString::to_string).unwrap_or_default();
        view.next = refusal.map(|refusal| refusal.next_step()).unwrap_or_default();
    }
    Ok(tonic::Response::new(view))
}

/// A refusal without the names of databases that are none of the reader's business.
fn for_reader(reader: &Reader, refusal: Refusal) -> Refusal {
    if let Refusal::EnvironmentInUse { environment, .. } = &refusal
        && !reader.sees(environment)
    {
        return Refusal::EnvironmentInUse { environment: environment.clone(), databases: Vec::new() };
    }
    refusal
}

/// The versions, the newest first, with how much each changed.
pub(super) async fn list(
    services: &Services,
    asked: &wire::ListPoliciesRequest,
) -> Answer<wire::ListPoliciesResponse> {
    let newest = match asked.newest as usize {
        0 => MAX_LISTED,
        newest => newest.min(MAX_LISTED),
    };
    let mut before: Option<Policy> = None;
    let policies = walk(services, move |policies: &mut Vec<_>, number, entry, policy| {
        let changed = before.as_ref().map(|before| changes(before, &policy));
        policies.push(line(number, entry, changed.as_deref()));
        if policies.len() > newest {
            policies.remove(0);
        }
        before = Some(policy);
        true
    });
    let mut policies = policies.await?;
    policies.reverse();
    Ok(tonic::Response::new(wire::ListPoliciesResponse { policies }))
}

fn line(version: u64, entry: &Entry, changes: Option<&[Change]>) -> wire::PolicyVersionView {
    let count = |leaning: Option<Leaning>| {
        let all = changes.unwrap_or_default().iter();
        u32::try_from(all.filter(|change| leaning.is_none_or(|leaning| change.leaning == leaning)).count())
            .unwrap_or(u32::MAX)
    };
    wire::PolicyVersionView {
        version,
        applied_at: rfc3339(entry.at),
        by: entry.actor.clone(),
        seq: entry.seq,
        changed: changes.map(|_| count(None)),
        loosened: count(Some(Leaning::Loosens)),
        tightened: count(Some(Leaning::Tightens)),
    }
}

/// A version, which is in the state if it is in force.
async fn of(services: &Services, reader: &Reader, number: u64) -> Result<Arc<Policy>, Status> {
    if number == reader.state.policy_version {
        return Ok(Arc::clone(&reader.state.policy));
    }
    version(services, number).await
}

async fn version(services: &Services, wanted: u64) -> Result<Arc<Policy>, Status> {
    let found = walk(services, move |found: &mut Option<Policy>, number, _, policy| {
        if number == wanted {
            *found = Some(policy);
        }
        number < wanted
    });
    found.await?.map(Arc::new).ok_or_else(|| {
        let last = services.state().map_or(0, |state| state.policy_version);
        usage(&format!("there is no policy version {wanted}: they are numbered from 1 to {last}"))
    })
}

/// Every policy that was applied, the oldest first, with its number, until `each` says that it is enough.
async fn walk<T: Default + Send + 'static>(
    services: &Services,
    mut each: impl FnMut(&mut T, u64, &Entry, Policy) -> bool + Send + 'static,
) -> Result<T, Status> {
    let (turn, path, stop) = (turn(services).await?, Arc::clone(&services.ledger), services.stop.clone());
    let reading = tokio::task::spawn_blocking(move || {
        let _turn = turn;
        let reader = LedgerReader::open(&path).map_err(|error| unread(&error))?;
        let (mut result, mut number, mut last) = (T::default(), 0, 0);
        loop {
            let page = reader.of_kind(KIND, last, PAGE).map_err(|error| unread(&error))?;
            let Some(end) = page.last().map(|entry| entry.seq) else { return Ok(result) };
            for entry in &page {
                number += 1;
                if stop.is_cancelled() {
                    return Err(crate::rpc::stopping());
                }
                if !each(&mut result, number, entry, policy(entry)?) {
                    return Ok(result);
                }
            }
            last = end;
        }
    });
    reading.await.map_err(|_| internal("the reading broke".to_owned()))?
}

fn policy(entry: &Entry) -> Result<Policy, Status> {
    match serde_json::from_str(&entry.body) {
        Ok(Event::PolicyApplied { policy }) => Ok(policy),
        Ok(_) => Err(internal(format!("entry {} is not the policy that it says it is", entry.seq))),
        Err(error) => Err(internal(format!("entry {} does not read: {error}", entry.seq))),
    }
}
