//! Tests of the cluster itself.

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail};

use super::{Cluster, open};
use crate::process::Process;
use crate::wait;

const LONG: Duration = Duration::from_secs(60);

/// Set for the process that [`a_killed_test_leaves_nothing`] starts and kills.
const VICTIM: &str = "PGBELAY_TESTKIT_VICTIM";

async fn count(cluster: &Cluster, database: &str) -> anyhow::Result<i64> {
    let client = cluster.connect(database).await?;
    Ok(client.query_one("SELECT count(*) FROM kept", &[]).await?.get(0))
}

#[tokio::test]
async fn a_database_survives_both_ways_of_ending_the_server() -> anyhow::Result<()> {
    let mut cluster = Cluster::start().await?;
    cluster.create_database("a \"b\"").await?;
    let client = cluster.connect("a \"b\"").await?;
    client.batch_execute("CREATE TABLE kept (n int); INSERT INTO kept VALUES (1)").await?;
    cluster.stop_immediate()?;
    assert!(cluster.connect("postgres").await.is_err());
    cluster.start_again().await?;
    assert_eq!(count(&cluster, "a \"b\"").await?, 1);
    cluster.kill9_postmaster()?;
    assert!(cluster.kill9_postmaster().is_err());
    cluster.start_again().await?;
    assert!(cluster.start_again().await.is_err());
    assert_eq!(count(&cluster, "a \"b\"").await?, 1);
    Ok(())
}

#[tokio::test]
async fn durability_is_a_choice() -> anyhow::Result<()> {
    let durable = Cluster::builder().durable(true);
    for (builder, expected) in [(Cluster::builder(), "off"), (durable, "on")] {
        let cluster = builder.start().await?;
        let client = cluster.connect("postgres").await?;
        assert_eq!(client.query_one("SHOW fsync", &[]).await?.get::<_, String>(0), expected);
    }
    Ok(())
}

/// A directory of one version is called after its major: `…/18/bin`.
#[tokio::test]
async fn versions_are_what_their_directories_say() -> anyhow::Result<()> {
    let cluster = Cluster::start().await?;
    let sql = "SELECT current_setting('server_version_num')::integer / 10000";
    let major: i32 = cluster.connect("postgres").await?.query_one(sql, &[]).await?.get(0);
    let directory = cluster.programs().parent().and_then(Path::file_name).and_then(OsStr::to_str);
    // Elsewhere it may be called anything.
    if let Some(said) = directory.and_then(|name| name.parse::<i32>().ok()) {
        assert_eq!(major, said);
    }
    Ok(())
}

#[tokio::test]
async fn only_the_right_password_is_let_in() -> anyhow::Result<()> {
    let cluster = Cluster::start().await?;
    let mut socket = tokio_postgres::Config::new();
    socket.host_path(cluster.directory()).port(cluster.port()).user(cluster.user()).dbname("postgres");
    for config in [cluster.config("postgres"), socket] {
        assert!(open(config.clone().password(cluster.password())).await.is_ok());
        let refused = format!("{:#}", open(config.clone().password("wrong")).await.unwrap_err());
        assert!(refused.contains("password authentication failed"), "{refused}");
    }
    assert!(!format!("{cluster:?}").contains(cluster.password()));
    Ok(())
}

#[tokio::test]
async fn clusters_are_apart() -> anyhow::Result<()> {
    let other = Cluster::builder().own_system_identifier().setting("max_connections", "7");
    let (one, copy, other) = tokio::try_join!(Cluster::start(), Cluster::start(), other.start())?;
    one.create_database("here").await?;
    assert!(copy.connect("here").await.is_err());
    let identifier = async |cluster: &Cluster| {
        let sql = "SELECT system_identifier, current_setting('max_connections') FROM pg_control_system()";
        let row = cluster.connect("postgres").await?.query_one(sql, &[]).await?;
        anyhow::Ok((row.get::<_, i64>(0), row.get::<_, String>(1)))
    };
    assert_eq!(identifier(&one).await?, identifier(&copy).await?);
    let (id, connections) = identifier(&other).await?;
    assert_ne!(id, identifier(&one).await?.0);
    assert_eq!(connections, "7");
    Ok(())
}

#[tokio::test]
async fn other_sessions_can_be_ended() -> anyhow::Result<()> {
    let cluster = Cluster::start().await?;
    let victim = cluster.connect("postgres").await?;
    victim.batch_execute("SELECT 1").await?;
    assert_eq!(cluster.terminate_backends("postgres").await?, 1);
    wait::until("the session to end", LONG, async || Ok(victim.batch_execute("SELECT 1").await.is_err()))
        .await
}

#[tokio::test]
async fn a_server_that_cannot_start_says_why() {
    let broken = Cluster::builder().setting("max_connections", "many").start().await;
    let message = format!("{:#}", broken.unwrap_err());
    assert!(message.contains("max_connections") && message.contains("its log ends"), "{message}");
}

#[tokio::test]
async fn nothing_is_left_of_a_cluster() -> anyhow::Result<()> {
    let cluster = Cluster::start().await?;
    let (directory, port) = (cluster.directory().to_owned(), cluster.port());
    assert!(directory.join("data/PG_VERSION").is_file());
    drop(cluster);
    assert!(!directory.exists());
    assert!(std::net::TcpStream::connect(("127.0.0.1", port)).is_err());
    Ok(())
}

/// Not a test of its own: started by the next one, to be killed.
#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "how the next test tells it that it is wanted")]
async fn victim() -> anyhow::Result<()> {
    if std::env::var_os(VICTIM).is_none() {
        return Ok(());
    }
    let cluster = Cluster::start().await?;
    let mut endless = Command::new("sh");
    endless.args(["-c", "while :; do sleep 0.1; done"]);
    let process = Process::spawn(endless, "endless", cluster.directory())?;
    let line = format!("victim: {} {} {}", cluster.port(), process.pid(), cluster.directory().display());
    println!("\n{line}");
    wait::until("being killed", LONG, async || Ok(false)).await
}

#[tokio::test]
async fn a_killed_test_leaves_nothing() -> anyhow::Result<()> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["--exact", "postgres::tests::victim", "--nocapture"]).env(VICTIM, "1");
    let mut child = command.stdout(Stdio::piped()).spawn()?;
    let lines = BufReader::new(child.stdout.take().context("no stdout")?).lines();
    let line = lines.map_while(Result::ok).find_map(|line| Some(line.strip_prefix("victim: ")?.to_owned()));
    let line = line.context("the victim did not start")?;
    let [port, pid, directory] = line.split(' ').collect::<Vec<_>>()[..] else {
        bail!("an odd line: {line}")
    };
    let port: u16 = port.parse()?;
    let home = Path::new(directory).parent().context("no parent")?;
    // Not by a signal: one that has ended, and that nobody has waited for yet, still takes it.
    let program = Path::new("/proc").join(pid).join("exe");
    assert!(std::net::TcpStream::connect(("127.0.0.1", port)).is_ok());
    assert!(program.read_link().is_ok());
    child.kill()?;
    child.wait()?;
    wait::until("the watchdog to end what is left and to remove the directory", LONG, async || {
        let deaf = std::net::TcpStream::connect(("127.0.0.1", port)).is_err();
        Ok(deaf && program.read_link().is_err() && !home.exists())
    })
    .await
}
