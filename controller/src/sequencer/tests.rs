//! Order, groups, failures of the ledger, and what a restart makes of it.

use std::collections::{BTreeMap, VecDeque};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use anyhow::Context as _;
use futures_util::FutureExt as _;
use pgbelay_core::digest::Digest;
use pgbelay_core::origin::Layout;
use pgbelay_core::plan::{ExecutionSettings, Expectation, Goal, Plan, PlanBody, TargetPlan};
use pgbelay_core::policy::{BackupPolicy, Policy};
use pgbelay_core::release::Release;
use pgbelay_core::request::Circumstances;
use pgbelay_core::rollout::{Confirmation, Rollout, RolloutState, Target, TargetState};
use pgbelay_core::state::PlanState;
use pgbelay_core::time::{Span, Timestamp};
use tempfile::TempDir;
use uuid::Uuid;

use super::*;
use crate::ledger::{AppendError, Head, Ledger, NewEntry};

pub(super) const PATIENCE: Duration = Duration::from_secs(20);

pub(super) fn token(id: &str, environment: &str) -> Request {
    Request::CreateToken {
        id: id.parse().expect("a name"),
        secret: Digest::of(id),
        database: "orders".parse().expect("a name"),
        environment: environment.parse().expect("a name"),
        labels: BTreeMap::new(),
        lifetime: Span::seconds(600),
    }
}

fn staging() -> State {
    let policy = Policy::initial(&["staging".parse().expect("a name")]);
    State { policy: Arc::new(policy), policy_version: 1, ..State::default() }
}

/// What a ledger does with the next appends.
#[derive(Default)]
struct Script {
    /// Appends wait as long as this is so.
    closed: bool,
    /// An append waits.
    held: bool,
    /// What becomes of the next appends; those after them succeed.
    next: VecDeque<Result<(), AppendError>>,
    appended: Vec<Vec<String>>,
}

/// A ledger that waits to be opened, fails when it is told to, and counts.
#[derive(Clone, Default)]
struct Fake(Arc<(Mutex<Script>, Condvar)>);

impl Fake {
    fn with<T>(&self, change: impl FnOnce(&mut Script) -> T) -> T {
        let changed = change(&mut self.0.0.lock().expect("nobody panicked"));
        self.0.1.notify_all();
        changed
    }
}

impl Ledger for Fake {
    fn head(&self) -> Result<Head, LedgerError> {
        Ok(Head { incarnation: Uuid::nil(), seq: 0, epoch: 1, hash: Digest::of("") })
    }

    fn append(&mut self, expected: &Head, entries: &[NewEntry]) -> Result<Head, AppendError> {
        let mut script = self.0.0.lock().expect("nobody panicked");
        script.held = true;
        let mut script = self.0.1.wait_while(script, |script| script.closed).expect("nobody panicked");
        script.appended.push(entries.iter().map(|entry| entry.body.clone()).collect());
        match script.next.pop_front() {
            Some(Err(error)) => Err(error),
            Some(Ok(())) | None => Ok(Head { seq: expected.seq + entries.len() as u64, ..expected.clone() }),
        }
    }

    fn read(&self, _: u64, _: usize) -> Result<Vec<Entry>, LedgerError> {
        Ok(Vec::new())
    }

    fn hash_at(&self, _: u64) -> Result<Option<Digest>, LedgerError> {
        Ok(None)
    }

    fn contains(&self, _: Uuid) -> Result<bool, LedgerError> {
        Ok(false)
    }
}

fn failed() -> AppendError {
    AppendError::Failed("the disk is full".into())
}

/// A sequencer over a fake ledger.
fn serve(state: State) -> (Fake, Controller, Running) {
    let fake = Fake::default();
    let (work, queue) = mpsc::channel(QUEUE);
    let (publish, states) = watch::channel(None);
    let (tell, checkpoint) = watch::channel(None);
    let (tell_end, end) = oneshot::channel();
    let mut writer = Writer::new(fake.clone(), state, Published { state: publish, checkpoint: tell })
        .expect("the head reads");
    std::thread::spawn(move || {
        let ended = writer.serve(queue);
        drop(writer);
        drop(tell_end.send(ended));
    });
    (fake, Controller { work: work.clone(), state: states, checkpoint }, Running { work, end })
}

/// Puts requests into the queue in their order, while the ledger is held up by the first of them.
async fn ask_together(
    fake: &Fake,
    controller: &Controller,
    requests: Vec<Request>,
) -> anyhow::Result<Vec<Result<Granted, AskError>>> {
    fake.with(|script| script.closed = true);
    let first = tokio::spawn(ask(controller, token("first", "staging")));
    // What comes now waits together.
    wait_for(|| fake.with(|script| script.held)).await?;
    let mut asked = Vec::new();
    for (n, request) in requests.into_iter().enumerate() {
        asked.push(tokio::spawn(ask(controller, request)));
        wait_for(|| controller.work.capacity() == QUEUE - n - 1).await?;
    }
    fake.with(|script| script.closed = false);
    first.await??;
    let mut answers = Vec::new();
    for answer in asked {
        answers.push(timeout(PATIENCE, answer).await??);
    }
    Ok(answers)
}

pub(super) fn ask(
    controller: &Controller,
    request: Request,
) -> impl Future<Output = Result<Granted, AskError>> + Send + 'static {
    let controller = controller.clone();
    async move { controller.ask(Actor::Controller, request).await }
}

pub(super) async fn wait_for(mut condition: impl FnMut() -> bool) -> anyhow::Result<()> {
    let waiting = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    Ok(timeout(PATIENCE, waiting).await?)
}

fn ids(state: &State) -> Vec<&str> {
    state.tokens.keys().map(|id| id.as_str()).collect()
}

#[tokio::test]
async fn what_waits_together_is_written_together_and_in_order() -> anyhow::Result<()> {
    let (fake, controller, running) = serve(staging());
    let requests = (0..50).map(|n| token(&format!("t{n:02}"), "staging")).collect();
    let answers = ask_together(&fake, &controller, requests).await?;
    let appended = fake.with(|script| script.appended.iter().map(Vec::len).collect::<Vec<_>>());
    assert_eq!(appended, [1, 50]);
    for (n, answer) in answers.into_iter().enumerate() {
        let granted = answer?;
        let [Event::TokenCreated { token }] = granted.events.as_slice() else { anyhow::bail!("{granted:?}") };
        assert_eq!(token.id.as_str(), format!("t{n:02}"));
        assert_eq!(granted.state.seq, 51, "an answer came before all of its group was durable");
    }
    assert_eq!(controller.state().context("no state")?.seq, 51);
    Ok(running.stop().await?)
}

#[tokio::test]
async fn a_refusal_leaves_nothing() -> anyhow::Result<()> {
    let (fake, controller, _running) = serve(staging());
    let before = controller.state().context("no state")?;
    let refused = controller.ask(Actor::Controller, token("t1", "mars")).await;
    assert!(matches!(refused, Err(AskError::Refused(Refusal::NotFound { .. }))), "{refused:?}");
    assert!(Arc::ptr_eq(&before, &controller.state().context("no state")?));
    assert!(fake.with(|script| script.appended.is_empty()));
    Ok(())
}

/// A refusal, or "it is so already", that follows from what was then not written would be a lie.
#[tokio::test]
async fn what_follows_from_an_unwritten_event_is_not_answered_either() -> anyhow::Result<()> {
    let (fake, controller, _running) = serve(staging());
    let policy = Policy::initial(&["staging".parse()?, "production".parse()?]);
    let requests = vec![
        token("t1", "mars"),
        Request::ApplyPolicy(policy.clone()),
        Request::ApplyPolicy(policy.clone()),
        token("first", "production"),
    ];
    fake.with(|script| script.next = [Ok(()), Err(failed())].into());
    let answers = ask_together(&fake, &controller, requests).await?;
    let words = answers.iter().map(|answer| match answer {
        Err(AskError::Refused(_)) => "refused",
        Err(AskError::NotWritten(_)) => "not written",
        Ok(_) | Err(_) => "something else",
    });
    assert_eq!(words.collect::<Vec<_>>(), ["refused", "not written", "not written", "not written"]);
    assert_eq!(controller.state().context("no state")?.policy.environments.len(), 1);
    Ok(())
}

#[tokio::test]
async fn a_write_that_failed_changes_nothing_and_the_next_one_counts() -> anyhow::Result<()> {
    let (fake, controller, running) = serve(staging());
    fake.with(|script| script.next = [Err(failed())].into());
    let answer = controller.ask(Actor::Controller, token("t1", "staging")).await;
    let Err(AskError::NotWritten(why)) = answer else { anyhow::bail!("{answer:?}") };
    assert_eq!(why, "failed to append to the ledger: the disk is full");
    assert_eq!(ids(&*controller.state().context("no state")?), Vec::<&str>::new());
    let granted = controller.ask(Actor::Controller, token("t2", "staging")).await?;
    assert_eq!((granted.state.seq, ids(&granted.state)), (1, vec!["t2"]));
    Ok(running.stop().await?)
}

#[tokio::test]
async fn an_unknown_outcome_ends_it_and_everybody_is_told() -> anyhow::Result<()> {
    let (fake, controller, mut running) = serve(staging());
    fake.with(|script| {
        script.closed = true;
        script.next = [Err(AppendError::Unknown("fsync failed".into()))].into();
    });
    let first = tokio::spawn(ask(&controller, token("t1", "staging")));
    wait_for(|| fake.with(|script| script.held)).await?;
    let second = tokio::spawn(ask(&controller, token("t2", "staging")));
    wait_for(|| controller.work.capacity() == QUEUE - 1).await?;
    fake.with(|script| script.closed = false);
    let (first, second) = (first.await?, second.await?);
    assert!(matches!(first, Err(AskError::Unknown(_))), "{first:?}");
    assert!(matches!(second, Err(AskError::Stopped)), "{second:?}");
    let third = controller.ask(Actor::Controller, token("t3", "staging")).await;
    assert!(matches!(third, Err(AskError::Stopped)), "{third:?}");
    let ended = running.ended().await;
    assert!(matches!(&ended, Err(EndError::Ledger(why)) if why.contains("fsync failed")), "{ended:?}");
    assert_eq!(ids(&*controller.state().context("no state")?), Vec::<&str>::new());
    Ok(())
}

#[tokio::test]
async fn one_request_too_many_is_told_so() -> anyhow::Result<()> {
    let (fake, controller, _running) = serve(staging());
    fake.with(|script| script.closed = true);
    let mut waiting = Vec::new();
    for n in 0..=QUEUE {
        let mut asked = Box::pin(ask(&controller, token(&format!("t{n}"), "staging")));
        assert!((&mut asked).now_or_never().is_none());
        waiting.push(asked);
        // The first one is taken out of the queue, and held.
        wait_for(|| fake.with(|script| script.held)).await?;
        wait_for(|| controller.work.capacity() == QUEUE - n).await?;
    }
    let refused = controller.ask(Actor::Controller, token("last", "staging")).await;
    assert!(matches!(refused, Err(AskError::Overloaded)), "{refused:?}");
    fake.with(|script| script.closed = false);
    Ok(())
}

#[tokio::test]
async fn what_was_asked_before_the_end_is_answered() -> anyhow::Result<()> {
    let (fake, controller, running) = serve(staging());
    fake.with(|script| script.closed = true);
    let first = tokio::spawn(ask(&controller, token("t1", "staging")));
    wait_for(|| fake.with(|script| script.held)).await?;
    let second = tokio::spawn(ask(&controller, token("t2", "staging")));
    wait_for(|| controller.work.capacity() == QUEUE - 1).await?;
    let stopped = tokio::spawn(running.stop());
    wait_for(|| controller.work.capacity() == QUEUE - 2).await?;
    let third = tokio::spawn(ask(&controller, token("t3", "staging")));
    wait_for(|| controller.work.capacity() == QUEUE - 3).await?;
    fake.with(|script| script.closed = false);
    first.await??;
    second.await??;
    assert!(matches!(third.await?, Err(AskError::Stopped)));
    Ok(timeout(PATIENCE, stopped).await???)
}

/// An entry that does not fit is nobody else's misfortune.
#[tokio::test]
async fn a_request_that_does_not_fit_fails_alone() -> anyhow::Result<()> {
    let (fake, controller, _running) = serve(staging());
    let mut large = Release::new(Layout::Plain, vec![source("1").analyse()?])?;
    large.migrations[0].name = "x".repeat(crate::ledger::MAX_BODY_BYTES);
    let requests = vec![token("t1", "staging"), Request::RecordRelease(large), token("t2", "staging")];
    let answers = ask_together(&fake, &controller, requests).await?;
    assert!(answers[0].is_ok() && answers[2].is_ok());
    let Err(AskError::NotWritten(why)) = &answers[1] else { anyhow::bail!("{:?}", answers[1]) };
    assert!(why.starts_with("the release-recorded would take"), "{why}");
    assert_eq!(ids(&*controller.state().context("no state")?), ["first", "t1", "t2"]);
    assert!(controller.state().context("no state")?.releases.is_empty());
    Ok(())
}

fn source(version: &str) -> pgbelay_core::migration::MigrationSource {
    pgbelay_core::migration::MigrationSource::plain(version.parse().expect("digits"), "a", "SELECT 1;", None)
}

/// A state that cannot come from any ledger: the plan of its rollout is for a release that there is not. What
/// follows from it is half applied when it is found to be impossible.
fn inconsistent() -> anyhow::Result<State> {
    let state = staging();
    let environment = state.policy.environments[0].clone();
    let expect = Expectation {
        system_identifier: "1".to_owned(),
        records: Digest::of(""),
        fingerprint: Digest::of(""),
    };
    let body = PlanBody {
        environment: environment.name.clone(),
        goal: Goal::Release { release: Digest::of("no release") },
        policy_version: 1,
        after: None,
        backup: BackupPolicy::Off,
        settings: ExecutionSettings::from(&environment),
        targets: BTreeMap::from([("orders".parse()?, TargetPlan::of(expect.clone(), Vec::new()))]),
        judgements: Vec::new(),
        course: Default::default(),
    };
    let (id, author) = ("p1".parse()?, "root".parse()?);
    let plan = Plan { id, digest: body.digest(), body, author, created_at: Timestamp(0) };
    let target = Target {
        backup: None,
        backup_after: 0,
        done: Vec::new(),
        expect,
        attempt: 0,
        pieces: 0,
        rehearsed: None,
        verified: false,
        cancelled: false,
        overdue: None,
        moved_at: Timestamp(0),
        state: TargetState::Due,
    };
    let rollout = Rollout {
        id: "r1".parse()?,
        plan: plan.id.clone(),
        environment: environment.name,
        started_by: "root".parse()?,
        confirmation: Confirmation::None,
        acknowledged: Default::default(),
        bulk: Default::default(),
        started_at: Timestamp(0),
        state: RolloutState::Running,
        moved_at: Timestamp(0),
        waves: Vec::new(),
        overridden: None,
        not_undone: None,
        targets: BTreeMap::from([("orders".parse()?, target)]),
    };
    let known = PlanState { plan: Arc::new(plan.clone()), approvals: Default::default() };
    Ok(State {
        plans: BTreeMap::from([(plan.id, known)]),
        rollouts: BTreeMap::from([(rollout.id.clone(), Arc::new(rollout))]),
        ..state
    })
}

/// A fault in a decision concerns the one request, not the controller.
#[tokio::test]
async fn a_decision_that_cannot_stand_fails_alone_and_leaves_nothing() -> anyhow::Result<()> {
    let before = inconsistent()?;
    let (fake, controller, running) = serve(before.clone());
    let advance = Request::Advance { rollout: "r1".parse()? };
    let answers =
        ask_together(&fake, &controller, vec![token("t1", "staging"), advance, token("t2", "staging")])
            .await?;
    assert!(answers[0].is_ok() && answers[2].is_ok());
    assert!(matches!(&answers[1], Err(AskError::Faulty(why)) if why.contains("release")), "{:?}", answers[1]);
    let after = controller.state().context("no state")?;
    assert_eq!((after.seq, ids(&after)), (3, vec!["first", "t1", "t2"]));
    assert_eq!(after.rollouts, before.rollouts, "half of the decision was kept");
    Ok(running.stop().await?)
}

pub(super) fn new_ledger(dir: &Path) -> anyhow::Result<PathBuf> {
    let path = dir.join("ledger.db");
    let mut ledger = SqliteLedger::create(&path)?;
    let here = Circumstances { actor: Actor::Controller, now: Timestamp(5) };
    let policy = Policy::initial(&["staging".parse()?]);
    let head = ledger.head()?;
    ledger.append(&head, &[entry(&Event::PolicyApplied { policy }, &here)?])?;
    Ok(path)
}

pub(super) async fn folded(controller: &Controller) -> anyhow::Result<Arc<State>> {
    let mut states = controller.states();
    let state = timeout(PATIENCE, states.wait_for(Option::is_some)).await??;
    state.clone().context("no state")
}

#[tokio::test]
async fn a_restart_folds_the_ledger_to_an_equal_state() -> anyhow::Result<()> {
    let dir = TempDir::new()?;
    let path = new_ledger(dir.path())?;
    let (controller, running) = start(path.clone())?;
    folded(&controller).await?;
    let asked: Vec<_> =
        (0..20).map(|n| tokio::spawn(ask(&controller, token(&format!("t{n}"), "staging")))).collect();
    for answer in asked {
        answer.await??;
    }
    controller
        .ask(
            Actor::Controller,
            Request::RecordRelease(Release::new(Layout::Plain, vec![source("1").analyse()?])?),
        )
        .await?;
    let before = controller.state().context("no state")?;
    running.stop().await?;
    let (controller, running) = start(path)?;
    assert_eq!(folded(&controller).await?, before);
    assert_eq!(before.seq, 22);
    Ok(running.stop().await?)
}

/// Appends an entry of a kind that this version does not know.
fn append_foreign(path: &Path, critical: bool, version: u32) -> anyhow::Result<()> {
    let mut ledger = SqliteLedger::open(path, |_| Ok::<_, OpenError>(()))?;
    let head = ledger.head()?;
    let foreign = NewEntry {
        event_id: Uuid::now_v7(),
        at: Timestamp(6),
        actor: "controller".to_owned(),
        kind: "moon-phase".to_owned(),
        version,
        critical,
        body: r#"{"kind":"moon-phase","phase":"full"}"#.to_owned(),
    };
    ledger.append(&head, &[foreign])?;
    Ok(())
}

#[tokio::test]
async fn an_event_of_a_newer_version_is_passed_over_only_if_it_may_be() -> anyhow::Result<()> {
    for (critical, version, words) in [
        (false, 1, None),
        (false, 2, None),
        (true, 1, Some("moon-phase is not an event that this version of pgbelay knows")),
        (true, 2, Some("moon-phase version 2 was written by a newer pgbelay")),
    ] {
        let dir = TempDir::new()?;
        let path = new_ledger(dir.path())?;
        append_foreign(&path, critical, version)?;
        let (controller, mut running) = start(path)?;
        match words {
            None => {
                folded(&controller).await?;
                assert_eq!(controller.ask(Actor::Controller, token("t", "staging")).await?.state.seq, 3);
            }
            Some(words) => {
                let Err(EndError::Start(error)) = running.ended().await else { anyhow::bail!("it started") };
                assert!(chain(&error).contains("entry 2"), "{}", chain(&error));
                assert!(chain(&error).contains(words), "{}", chain(&error));
            }
        }
    }
    Ok(())
}

#[tokio::test]
async fn an_event_that_cannot_follow_stops_the_start() -> anyhow::Result<()> {
    let dir = TempDir::new()?;
    let path = new_ledger(dir.path())?;
    {
        let mut ledger = SqliteLedger::open(&path, |_| Ok::<_, OpenError>(()))?;
        let here = Circumstances { actor: Actor::Controller, now: Timestamp(5) };
        let event = Event::RenewalUsed { database: "orders".parse()? };
        let head = ledger.head()?;
        ledger.append(&head, &[entry(&event, &here)?])?;
    }
    let (controller, mut running) = start(path)?;
    let ended = running.ended().await;
    assert!(matches!(ended, Err(EndError::Start(StartError::Illegal(_)))), "{ended:?}");
    assert!(controller.state().is_none(), "a state was shown that the ledger does not make");
    Ok(())
}
