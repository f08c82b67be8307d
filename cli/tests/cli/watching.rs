//! Following a rollout: to its end, over lost connections, while it stands still, until Ctrl-C.

use std::process::Stdio;
use std::time::Duration;

use anyhow::Context as _;
use pgbelay_proto::channel::DialLimits;
use pgbelay_proto::wire::{FailureView, RolloutView, TargetView};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};

use crate::controller::{Controller, Script};
use crate::person::{program, with_credentials};
use crate::running::rollout;

/// Longest wait of a test for a process.
const DEADLINE: Duration = Duration::from_secs(30);

fn step(state: &str, target: &str) -> RolloutView {
    let target = TargetView { database: "orders-1".into(), state: target.into(), ..TargetView::default() };
    RolloutView { targets: vec![target], ..rollout(state) }
}

fn paused(reason: &str) -> RolloutView {
    RolloutView { reason: reason.into(), ..step("paused", "running") }
}

async fn controller(watches: Vec<Vec<RolloutView>>) -> anyhow::Result<Controller> {
    let start = Some(Ok(step("running", "waiting")));
    Controller::start(Script { start, watches, ..Script::default() }).await
}

fn watched(controller: &Controller) -> usize {
    controller.asked().iter().filter(|asked| asked.starts_with("watch")).count()
}

#[tokio::test]
async fn it_is_followed_to_its_end_with_a_line_for_everything_new() -> anyhow::Result<()> {
    let views = vec![step("running", "backing-up"), step("running", "running"), step("succeeded", "done")];
    let controller = controller(vec![views]).await?;
    let seen = program(&controller, &["rollout", "watch", "r1"]).await?;
    assert_eq!(seen.code, 0, "{seen:?}");
    let expected = [
        "rollout r1 on staging: running",
        "orders-1: backing-up",
        "orders-1: running",
        "rollout r1 on staging: succeeded",
        "orders-1: done",
    ];
    assert_eq!(seen.out.lines().take(5).collect::<Vec<_>>(), expected);
    assert_eq!(seen.out.lines().nth(5), Some("r1 on staging: succeeded"), "{}", seen.out);
    assert_eq!(seen.err, "");
    Ok(())
}

#[tokio::test]
async fn a_lost_connection_is_made_again() -> anyhow::Result<()> {
    let first = vec![step("running", "backing-up")];
    let second = vec![step("running", "backing-up"), step("succeeded", "done")];
    let controller = controller(vec![first, second]).await?;
    let seen = program(&controller, &["rollout", "watch", "r1"]).await?;
    assert_eq!((seen.code, watched(&controller)), (0, 2), "{seen:?}");
    let (before, after) = seen.out.split_once("connected to the controller again\n").unwrap_or_default();
    assert!(before.contains("the rollout goes on, reconnecting"), "{}", seen.out);
    assert!(after.contains("\nr1 on staging: succeeded\n"), "{}", seen.out);
    assert_eq!(seen.out.matches("orders-1: backing-up").count(), 1, "{}", seen.out);
    Ok(())
}

#[tokio::test]
async fn a_failed_rollout_ends_with_one_and_says_where() -> anyhow::Result<()> {
    let mut failed = step("failed", "failed");
    failed.targets[0].error =
        Some(FailureView { kind: "sql".into(), message: "no such table".into(), ..FailureView::default() });
    let controller = controller(vec![vec![failed]]).await?;
    let seen = program(&controller, &["rollout", "watch", "r1"]).await?;
    assert_eq!(seen.code, 1, "{seen:?}");
    assert!(seen.out.contains("orders-1: sql: no such table"), "{}", seen.out);
    assert!(seen.err.contains("error: rollout r1 failed on orders-1"), "{}", seen.err);
    Ok(())
}

#[tokio::test]
async fn an_outcome_that_nobody_knows_ends_with_five() -> anyhow::Result<()> {
    let controller =
        controller(vec![vec![paused("unknown: what happened on orders-1 cannot be told")]]).await?;
    let seen = program(&controller, &["rollout", "watch", "r1", "-o", "json"]).await?;
    assert_eq!((seen.code, &seen.json()["state"]), (5, &"paused".into()), "{seen:?}");
    assert_eq!(seen.error()["error"]["kind"], "unknown", "and nothing but that on stderr");
    Ok(())
}

#[tokio::test]
async fn one_that_stands_still_is_watched_for_as_long_as_was_said() -> anyhow::Result<()> {
    let controller = controller(Vec::new()).await?;
    controller.script.lock().unwrap().start =
        Some(Ok(paused("agent_unreachable: the agent of orders-1 is silent")));
    let seen = program(&controller, &["rollout", "watch", "r1", "--timeout", "200ms"]).await?;
    assert_eq!(seen.code, 5, "{seen:?}");
    assert!(seen.err.contains("pgbelay rollout watch r1"), "{}", seen.err);
    Ok(())
}

#[tokio::test]
async fn nobody_who_reads_ends_watching_and_nothing_else() -> anyhow::Result<()> {
    let controller = controller(Vec::new()).await?;
    // Also when there is nothing more to write.
    for reads_a_line in [false, true] {
        let mut child = watching(&controller, &["rollout", "watch", "r1"])?;
        if reads_a_line {
            assert_eq!(first_line(&mut child).await?, "rollout r1 on staging: running");
        }
        drop(child.stdout.take());
        let ended = tokio::time::timeout(DEADLINE, child.wait_with_output()).await??;
        assert_eq!((ended.status.code(), String::from_utf8(ended.stderr)?.as_str()), (Some(130), ""));
    }
    assert!(!controller.asked().iter().any(|asked| asked.starts_with("abort")));
    Ok(())
}

#[tokio::test]
async fn a_status_that_nobody_reads_is_not_followed() -> anyhow::Result<()> {
    let controller = controller(Vec::new()).await?;
    let mut child = watching(&controller, &["status", "--watch"])?;
    first_line(&mut child).await?;
    drop(child.stdout.take());
    let ended = tokio::time::timeout(DEADLINE, child.wait_with_output()).await??;
    assert_eq!((ended.status.code(), String::from_utf8(ended.stderr)?.as_str()), (Some(0), ""));
    Ok(())
}

#[tokio::test]
async fn ctrl_c_ends_following_the_status_while_the_controller_does_not_answer() -> anyhow::Result<()> {
    let controller = controller(Vec::new()).await?;
    let address = controller.address.clone();
    let mut child = watching(&controller, &["status", "--watch"])?;
    first_line(&mut child).await?;
    drop(controller);
    // It takes connections and never says a word.
    let silent = loop {
        match TcpListener::bind(&address).await {
            Ok(listener) => break listener,
            Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => tokio::task::yield_now().await,
            Err(error) => return Err(error.into()),
        }
    };
    let _dialling = tokio::time::timeout(DEADLINE, silent.accept()).await??;
    interrupt(&child).await?;
    // Sooner than the dial is given up.
    let ended = tokio::time::timeout(DialLimits::default().connect_deadline / 2, child.wait()).await??;
    assert_eq!(ended.code(), Some(130));
    Ok(())
}

async fn first_line(child: &mut Child) -> anyhow::Result<String> {
    let out = child.stdout.as_mut().context("it has no stdout")?;
    let line = tokio::time::timeout(DEADLINE, BufReader::new(out).lines().next_line()).await??;
    line.context("it has said nothing")
}

async fn interrupt(child: &Child) -> anyhow::Result<()> {
    let pid = child.id().context("it has ended")?.to_string();
    anyhow::ensure!(Command::new("kill").args(["-INT", &pid]).status().await?.success());
    Ok(())
}

fn watching(controller: &Controller, args: &[&str]) -> anyhow::Result<Child> {
    let credentials = with_credentials(&controller.credentials()?).credentials.unwrap_or_default();
    let mut command = Command::new(env!("CARGO_BIN_EXE_pgbelay"));
    command.args(args).env("PGBELAY_CREDENTIALS", credentials);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    Ok(command.spawn()?)
}

#[tokio::test]
async fn ctrl_c_ends_watching_and_nothing_else() -> anyhow::Result<()> {
    let controller = controller(Vec::new()).await?;
    let mut child = watching(&controller, &["rollout", "watch", "r1"])?;
    let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
    assert_eq!(first_line(&mut child).await?, "rollout r1 on staging: running");
    interrupt(&child).await?;
    let status = tokio::time::timeout(DEADLINE, child.wait()).await??;
    assert_eq!(status.code(), Some(130));
    let told = said.next_line().await?.unwrap_or_default();
    assert!(told.contains("stopped watching; rollout r1 goes on"), "{told}");
    assert!(!controller.asked().iter().any(|asked| asked.starts_with("abort")));
    Ok(())
}
