//! A real server: it starts, answers, stops, and leaves no process behind, however its starter ends.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use tempfile::TempDir;

use super::super::programs::Places;
use super::super::testing;
use super::super::watchdog::Leave;
use super::*;

/// Everything here is a matter of seconds; on a busy machine, of some more.
const SOON: Duration = Duration::from_secs(60);

/// Where [`a_starter_that_is_killed`] finds its directory.
const STARTER: &str = "PGBELAY_DEV_TEST_STARTER";

fn home() -> anyhow::Result<TempDir> {
    let home = tempfile::tempdir()?;
    fs::set_permissions(home.path(), PermissionsExt::from_mode(0o711))?;
    Ok(home)
}

#[expect(clippy::disallowed_methods, reason = "the tests look for PostgreSQL where the program does")]
async fn start(home: &Path, watchdog: Option<Arc<Watchdog>>) -> anyhow::Result<Cluster> {
    let programs = Programs::find(&Places::usual(std::env::var_os("PATH").as_deref()))?;
    let options = ClusterOptions {
        dir: home.join("postgres"),
        superuser: "belay".to_owned(),
        password: Secret::new("hunter2"),
        durable: false,
        settings: vec![],
        watchdog,
    };
    Ok(Cluster::start(programs, options).await?)
}

#[tokio::test]
async fn a_cluster_starts_stops_and_leaves_no_process() -> anyhow::Result<()> {
    let home = home()?;
    let mut cluster = start(home.path(), None).await?;
    assert!(!format!("{cluster:?}").contains("hunter2"));
    assert!(!home.path().join("postgres/password").exists());
    cluster.create_database("orders_1").await?;
    let twice = cluster.create_database("orders_1").await.unwrap_err().to_string();
    assert!(twice.contains("already exists"), "{twice}");
    let again = cluster.start_again().await.unwrap_err().to_string();
    assert_eq!(again, "PostgreSQL is running already");

    let first = cluster.pid().unwrap();
    let children = testing::children(first)?;
    assert!(!children.is_empty());
    let port = cluster.port();
    cluster.stop(Shutdown::Fast).await?;
    assert!(!cluster.is_running()?);
    testing::until_gone(children.iter().chain([&first]), SOON).await?;

    cluster.start_again().await?;
    assert_eq!(cluster.port(), port);
    let second = cluster.pid().unwrap();
    let children = testing::children(second)?;
    drop(cluster);
    testing::until_gone(children.iter().chain([&second]), SOON).await
}

#[tokio::test]
async fn a_killed_postmaster_is_noticed_and_can_be_started_again() -> anyhow::Result<()> {
    let home = home()?;
    let mut cluster = start(home.path(), None).await?;
    testing::kill(cluster.pid().unwrap())?;
    let status = tokio::time::timeout(SOON, cluster.ended()).await??;
    assert!(!status.success());
    assert!(!cluster.is_running()?);
    cluster.start_again().await?;
    cluster.create_database("after").await?;
    cluster.kill_postmaster().await?;
    cluster.start_again().await?;
    cluster.create_database("after_that").await?;
    Ok(())
}

#[tokio::test]
async fn a_server_that_cannot_start_shows_its_log() -> anyhow::Result<()> {
    let home = home()?;
    let mut cluster = start(home.path(), None).await?;
    cluster.stop(Shutdown::Immediate).await?;
    cluster.options.settings.push(("no_such_setting".to_owned(), "1".to_owned()));
    let error = cluster.start_again().await.unwrap_err().to_string();
    assert!(error.contains("unrecognized configuration parameter \"no_such_setting\""), "{error}");
    Ok(())
}

#[test]
fn a_directory_that_the_account_cannot_reach_is_named() -> anyhow::Result<()> {
    use super::super::programs::Account;
    let closed = tempfile::tempdir()?;
    fs::set_permissions(closed.path(), PermissionsExt::from_mode(0o700))?;
    fs::create_dir(closed.path().join("inside"))?;
    let account = Account { name: "postgres".to_owned(), uid: u32::MAX, gid: u32::MAX };
    let dir = fs::canonicalize(closed.path().join("inside"))?;
    let error = directory::check_reachable(&dir, &account).unwrap_err().to_string();
    assert!(error.contains("the account postgres, which may not enter"), "{error}");
    fs::set_permissions(closed.path(), PermissionsExt::from_mode(0o711))?;
    Ok(directory::check_reachable(&dir, &account)?)
}

/// Not a test: the process that [`the_watchdog_ends_what_a_killed_starter_leaves`] kills.
#[tokio::test]
#[ignore = "run by another test"]
#[expect(clippy::disallowed_methods, reason = "how a test tells another process of itself")]
async fn a_starter_that_is_killed() -> anyhow::Result<()> {
    let Some(home) = std::env::var_os(STARTER).map(PathBuf::from) else { return Ok(()) };
    let watchdog = Arc::new(Watchdog::start(&home, Leave::Kept)?);
    let cluster = start(&home, Some(Arc::clone(&watchdog))).await?;
    let mut sleepers = Command::new("/bin/sh");
    sleepers.args(["-c", "sleep 600 & sleep 600; :"]);
    let run = Run {
        name: "sleepers",
        log: &home.join("sleepers.log"),
        end_by: EndBy::KillGroup,
        watchdog: Some(&watchdog),
    };
    let sleepers = Process::spawn(sleepers, &run)?;
    let postmaster = cluster.pid().unwrap();
    let pids = [watchdog.pid(), postmaster, sleepers.pid()];
    let children: Vec<_> =
        [postmaster, sleepers.pid()].map(testing::children).into_iter().flatten().flatten().collect();
    let text: Vec<_> = pids.iter().chain(&children).map(ToString::to_string).collect();
    fs::write(home.join("kept/running.new"), text.join("\n"))?;
    fs::rename(home.join("kept/running.new"), home.join("kept/running"))?;
    tokio::time::sleep(SOON * 10).await;
    Ok(())
}

#[tokio::test]
async fn the_watchdog_ends_what_a_killed_starter_leaves() -> anyhow::Result<()> {
    let parent = home()?;
    let home = parent.path().join("home");
    fs::create_dir_all(home.join("kept"))?;
    fs::set_permissions(&home, PermissionsExt::from_mode(0o711))?;
    fs::write(home.join("kept/KEEP"), "")?;
    let mut starter = tokio::process::Command::new(std::env::current_exe()?);
    let name = format!("{}::a_starter_that_is_killed", module_path!().split_once("::").unwrap().1);
    starter.args([&name, "--exact", "--ignored"]).env(STARTER, &home).kill_on_drop(true);
    starter.stdout(std::process::Stdio::null());
    let mut starter = starter.spawn()?;
    let file = home.join("kept/running");
    let running = testing::until(SOON, || fs::read_to_string(&file).ok()).await?;
    let pids: Vec<u32> = running.lines().map(str::parse).collect::<Result<_, _>>()?;
    assert!(pids.len() > 5 && pids.iter().all(|pid| testing::is_there(*pid)), "{pids:?}");

    starter.kill().await?;
    testing::until_gone(&pids, SOON).await?;
    let left: Vec<_> = fs::read_dir(&home)?.collect::<Result<_, _>>()?;
    assert_eq!(left.iter().map(fs::DirEntry::file_name).collect::<Vec<_>>(), ["kept"]);
    Ok(())
}
