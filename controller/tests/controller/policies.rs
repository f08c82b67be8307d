//! Policies of before, what differs, and what a policy would do that is not in force.

use pgbelay_proto::wire;
use tonic::Code;

use super::world::{World, refusal};

const OPEN: &str = "environments:\n- name: staging\n- name: production\n";
const STRICT: &str =
    "environments:\n- name: staging\n- name: production\n  approvals: 2\n  max_parallel: 8\n";

fn apply(yaml: &str) -> wire::ApplyPolicyRequest {
    wire::ApplyPolicyRequest { yaml: yaml.into() }
}

fn document(yaml: &str) -> wire::DiffPolicyRequest {
    wire::DiffPolicyRequest { yaml: yaml.into(), ..wire::DiffPolicyRequest::default() }
}

/// Changes as `effect path`.
fn told(diff: &wire::PolicyDiffView) -> Vec<String> {
    diff.changes.iter().map(|change| format!("{} {}", change.effect, change.path)).collect()
}

#[tokio::test]
async fn every_version_is_read_from_the_ledger_again() -> anyhow::Result<()> {
    let mut world = World::start().await?;
    let mut admin = world.admin().await?;
    let first = admin.show_policy(wire::ShowPolicyRequest {}).await?.into_inner();
    assert_eq!(admin.apply_policy(apply(STRICT)).await?.into_inner().version, 2);
    // What changes nothing is no version, and what lies between in the ledger is none either.
    assert!(!admin.apply_policy(apply(STRICT)).await?.into_inner().changed);
    world.push(&["001"]).await?;
    assert_eq!(admin.apply_policy(apply(OPEN)).await?.into_inner().version, 3);
    // A controller that has started again has no other source.
    world.stop().await?;
    world.run().await?;
    let mut admin = world.admin().await?;

    let listed = admin.list_policies(wire::ListPoliciesRequest { newest: 0 }).await?.into_inner().policies;
    let line = |v: &wire::PolicyVersionView| (v.version, v.changed, v.loosened, v.tightened);
    let lines: Vec<_> = listed.iter().map(line).collect();
    assert_eq!(lines, [(3, Some(2), 1, 1), (2, Some(2), 1, 1), (1, None, 0, 0)]);
    assert_eq!(listed[0].by, "operator/root");
    assert!(listed[0].applied_at >= listed[1].applied_at && !listed[2].applied_at.is_empty());
    let newest = admin.list_policies(wire::ListPoliciesRequest { newest: 1 }).await?.into_inner().policies;
    assert_eq!(newest, listed[..1]);

    let read = admin.read_policy(wire::ReadPolicyRequest { version: 2 }).await?.into_inner();
    assert_eq!(read.version, 2);
    assert!(read.yaml.contains("approvals: 2") && read.yaml.contains("max_parallel: 8"), "{}", read.yaml);
    let read = admin.read_policy(wire::ReadPolicyRequest { version: 1 }).await?.into_inner();
    assert_eq!(read.yaml, first.yaml);
    for version in [0, 4, u64::MAX] {
        let answer = admin.read_policy(wire::ReadPolicyRequest { version }).await;
        let status = refusal(answer.map_err(Into::into))?;
        assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");
        assert!(status.message().contains("numbered from 1 to 3"), "{status:?}");
    }

    let between = wire::DiffPolicyRequest { from: 1, to: 2, yaml: String::new() };
    let diff = admin.diff_policy(between).await?.into_inner();
    let changed =
        ["tightens environments.production.approvals", "loosens environments.production.max_parallel"];
    assert_eq!((diff.from, diff.to, told(&diff)), (1, 2, changed.map(str::to_owned).to_vec()));
    let change = &diff.changes[0];
    assert_eq!((change.old.as_deref(), change.new.as_deref()), (Some("0"), Some("2")));
    let back = wire::DiffPolicyRequest { from: 1, to: 3, yaml: String::new() };
    assert_eq!(told(&admin.diff_policy(back).await?.into_inner()), Vec::<String>::new());
    Ok(())
}

#[tokio::test]
async fn what_a_policy_would_make_stale_is_told_before() -> anyhow::Result<()> {
    let world = World::start().await?;
    let mut admin = world.admin().await?;
    admin.apply_policy(apply("environments:\n- {name: staging, approvals: 1}\n- name: production\n")).await?;
    let mut agent = world.agent("orders", "staging").await?.connect(&world).await?;
    let release = world.push(&["001"]).await?;
    let plan = agent.plan(&world, "staging", &release).await?;

    let diff = admin.diff_policy(document(STRICT)).await?.into_inner();
    let stale = wire::StalePlanView {
        plan: plan.id.clone(),
        environment: "staging".into(),
        author: "root".into(),
        waits_for_approval: true,
    };
    assert_eq!(diff.stale_plans, [stale]);
    assert!(diff.refused.is_empty() && diff.open_rollouts.is_empty(), "{diff:?}");
    // Who may not see an environment is told nothing of its plans.
    let elsewhere = world.add_operator("eve", "viewer", &["production"]).await?;
    let mut elsewhere = world.operators(&elsewhere).await?;
    let seen = elsewhere.diff_policy(document(STRICT)).await?.into_inner();
    assert_eq!((seen.stale_plans.len(), told(&seen)), (0, told(&diff)));
    // Comparing with what was, or with the same, does nothing.
    let past = wire::DiffPolicyRequest { from: 1, ..document(STRICT) };
    let same = wire::DiffPolicyRequest { from: 2, to: 2, yaml: String::new() };
    for asked in [past, same] {
        assert_eq!(admin.diff_policy(asked).await?.into_inner().stale_plans, []);
    }
    // And it is so: once the policy is applied, nothing more is left to become stale.
    admin.apply_policy(apply(STRICT)).await?;
    let view = admin.get_plan(wire::GetPlanRequest { plan: plan.id }).await?.into_inner();
    assert!(view.blocked_by.iter().any(|why| why.contains("policy 3 is in force")), "{:?}", view.blocked_by);
    assert_eq!(admin.diff_policy(document(OPEN)).await?.into_inner().stale_plans, []);

    let rollout = agent.start_rollout(&world, "staging", &release).await?;
    let diff = admin.diff_policy(document(OPEN)).await?.into_inner();
    let open = wire::OpenRolloutView { rollout, environment: "staging".into() };
    assert_eq!((diff.open_rollouts, diff.stale_plans), (vec![open], vec![]));
    let without = admin.diff_policy(document("environments: [{name: production}]\n")).await?.into_inner();
    assert!(without.refused.contains("staging, which has databases: orders"), "{without:?}");
    assert!(!without.next.is_empty() && without.open_rollouts.is_empty(), "{without:?}");
    let seen = elsewhere.diff_policy(document("environments: [{name: production}]\n")).await?.into_inner();
    assert!(seen.refused.contains("staging, which has databases that you do not see"), "{seen:?}");
    assert!(!seen.refused.contains("orders"), "{seen:?}");
    Ok(())
}

#[tokio::test]
async fn a_difference_that_cannot_be_told_is_refused() -> anyhow::Result<()> {
    let world = World::start().await?;
    let mut admin = world.admin().await?;
    let both = wire::DiffPolicyRequest { to: 1, ..document(OPEN) };
    let nowhere = wire::DiffPolicyRequest { from: 9, ..document(OPEN) };
    for (asked, words) in [
        (both, "not with both"),
        (nowhere, "no policy version 9"),
        (document("environments: ["), "does not read"),
    ] {
        let status = refusal(admin.diff_policy(asked).await.map_err(Into::into))?;
        assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");
        assert!(status.message().contains(words), "{status:?}");
    }
    Ok(())
}
