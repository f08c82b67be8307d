//! Real processes that are kept running, and given up when they are broken.

use std::time::Duration;

use super::super::testing;
use super::super::watchdog::Leave;
use super::*;

const SOON: Duration = Duration::from_secs(60);

fn daemon(home: &Path, script: &str) -> anyhow::Result<(Daemon, Arc<Watchdog>)> {
    let watchdog = Arc::new(Watchdog::start(home, Leave::Everything)?);
    let launch = Launch {
        name: "sleeper".to_owned(),
        program: "/bin/sh".into(),
        args: vec!["-c".into(), script.into()],
        path: "/usr/bin:/bin".into(),
        directory: home.to_owned(),
        log: home.join("log"),
    };
    Ok((Daemon::start(launch, &watchdog)?, watchdog))
}

fn pid(daemon: &Daemon) -> Option<u32> {
    match daemon.target()? {
        Target::Process(pid) | Target::Group(pid) => Some(pid),
    }
}

#[tokio::test]
async fn a_killed_daemon_is_started_again_and_takes_its_group_with_it() -> anyhow::Result<()> {
    let home = tempfile::tempdir()?;
    let (mut daemon, _watchdog) = daemon(home.path(), "sleep 600 & sleep 600; :")?;
    let first = pid(&daemon).unwrap();
    let children = testing::until(SOON, || testing::children(first).ok().filter(|c| c.len() == 2)).await?;
    testing::kill(first)?;
    let (status, next) = tokio::time::timeout(SOON, daemon.ended()).await??;
    assert_eq!((status.success(), next), (false, Next::Restart));
    testing::until_gone(&children, SOON).await?;
    assert_eq!(pid(&daemon), None);

    // Waiting in short pieces, as one who waits for other things too.
    let second = loop {
        let _ = tokio::time::timeout(PAUSE / 20, daemon.ended()).await;
        if let Some(pid) = pid(&daemon) {
            break pid;
        }
    };
    assert!(second != first && testing::is_there(second));
    drop(daemon);
    testing::until_gone(&[second], SOON).await
}

#[tokio::test]
async fn a_broken_daemon_is_given_up() -> anyhow::Result<()> {
    let home = tempfile::tempdir()?;
    let (mut daemon, _watchdog) = daemon(home.path(), "echo broken; exit 3")?;
    let mut ends = 0;
    loop {
        let (status, next) = tokio::time::timeout(SOON, daemon.ended()).await??;
        assert_eq!(status.code(), Some(3));
        ends += 1;
        if next == Next::GiveUp {
            break;
        }
    }
    assert_eq!(ends, MAX_RESTARTS + 1);
    assert_eq!(std::fs::read_to_string(daemon.log())?, "broken\n".repeat(ends));
    assert!(tokio::time::timeout(PAUSE * 2, daemon.ended()).await.is_err(), "it was started again");
    Ok(())
}

#[tokio::test]
async fn a_daemon_does_not_see_the_environment() -> anyhow::Result<()> {
    let home = tempfile::tempdir()?;
    let (mut daemon, _watchdog) = daemon(home.path(), "env")?;
    tokio::time::timeout(SOON, daemon.ended_for_good()).await??;
    let seen = std::fs::read_to_string(daemon.log())?;
    let mut names: Vec<_> = seen.lines().filter_map(|line| line.split('=').next()).collect();
    // Those that shells set themselves.
    names.retain(|name| !["PWD", "SHLVL", "_", "OLDPWD"].contains(name));
    names.sort_unstable();
    assert_eq!(names, ["NO_COLOR", "PATH"]);
    Ok(())
}
