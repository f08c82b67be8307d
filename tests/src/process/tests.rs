//! Tests of processes, with `sh` as the program under test.

use std::process::Command;
use std::time::Duration;

use super::{Process, bin};
use crate::scratch::Scratch;

const LONG: Duration = Duration::from_secs(60);

fn shell(script: &str, scratch: &Scratch) -> anyhow::Result<Process> {
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    Process::spawn(command, "shell", scratch.path())
}

#[tokio::test]
async fn output_is_in_the_log_and_the_end_is_seen() -> anyhow::Result<()> {
    let scratch = Scratch::new("process")?;
    let mut process = shell("echo listening on 7; echo to stderr >&2; exit 3", &scratch)?;
    assert_eq!(process.wait_for_log("listening", LONG).await?, "listening on 7");
    assert_eq!(process.wait(LONG).await?.code(), Some(3));
    assert!(!process.is_running());
    assert!(process.log_tail().ends_with("to stderr"), "{}", process.log_tail());
    Ok(())
}

#[tokio::test]
async fn terminate_lets_it_clean_up() -> anyhow::Result<()> {
    let scratch = Scratch::new("process")?;
    let mut process = shell("trap 'echo bye; exit 0' TERM; echo up; while :; do sleep 0.05; done", &scratch)?;
    process.wait_for_log("up", LONG).await?;
    assert!(process.is_running());
    assert!(process.terminate(LONG).await?.success());
    assert!(process.log_tail().ends_with("bye"));
    let again = process.terminate(LONG).await.unwrap_err();
    assert!(format!("{again:#}").contains("has ended"), "{again:#}");
    Ok(())
}

#[tokio::test]
async fn one_that_does_not_end_is_reported_with_its_log_and_killed() -> anyhow::Result<()> {
    let scratch = Scratch::new("process")?;
    let mut process = shell("trap '' TERM; echo stubborn; while :; do sleep 0.05; done", &scratch)?;
    process.wait_for_log("stubborn", LONG).await?;
    let error = format!("{:#}", process.terminate(Duration::from_millis(300)).await.unwrap_err());
    assert!(error.contains("stubborn") && error.contains("to end"), "{error}");
    assert!(process.is_running());
    assert!(!process.kill9()?.success());
    assert!(!process.is_running());
    Ok(())
}

#[tokio::test]
async fn a_log_line_that_cannot_come_is_not_waited_for() -> anyhow::Result<()> {
    let scratch = Scratch::new("process")?;
    let mut process = shell("echo out of disk", &scratch)?;
    let error = format!("{:#}", process.wait_for_log("ready", LONG).await.unwrap_err());
    assert!(error.contains("has ended") && error.contains("out of disk"), "{error}");
    Ok(())
}

#[tokio::test]
async fn what_a_process_before_it_said_does_not_count() -> anyhow::Result<()> {
    let scratch = Scratch::new("process")?;
    shell("echo ready 1", &scratch)?.wait(LONG).await?;
    let mut again = shell("echo starting; echo ready 2", &scratch)?;
    assert_eq!(again.wait_for_log("ready", LONG).await?, "ready 2");
    assert!(again.log_tail().starts_with("ready 1"), "{}", again.log_tail());
    Ok(())
}

#[test]
fn the_programs_of_the_workspace_are_built() -> anyhow::Result<()> {
    for name in ["pgbelay", "pgbelay-agent", "pgbelay-controller"] {
        assert!(bin(name)?.is_file());
    }
    assert!(bin("no-such-program").is_err());
    Ok(())
}
