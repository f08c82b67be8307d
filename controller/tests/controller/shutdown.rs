//! The end: asked for with everybody connected, with a client that hangs, and from outside by a signal.

use std::process::Stdio;
use std::time::Duration;

use pgbelay_controller::config::Home;
use pgbelay_controller::fleet::Timing;
use pgbelay_controller::ledger::{OpenError, SqliteLedger};
use pgbelay_controller::listener::ListenerOptions;
use pgbelay_controller::server::Options;
use pgbelay_proto::channel::{DialLimits, dial};
use pgbelay_proto::credentials::CredentialsFile;
use pgbelay_proto::tls::client_config;
use pgbelay_proto::wire;
use pgbelay_proto::wire::controller_message::Message as Hears;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;
use tokio::time::{Instant, timeout};
use tonic::Code;
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

use super::world::{PATIENCE, World, until};

#[tokio::test]
async fn agents_are_sent_away_for_a_while_and_the_end_comes_at_once() -> anyhow::Result<()> {
    let mut world = World::start().await?;
    let mut stream = world.agent("orders", "staging").await?.connect(&world).await?;
    let begun = Instant::now();
    world.shutdown.cancel();
    let Hears::Drain(drain) = stream.next().await? else { anyhow::bail!("no word of the end") };
    assert!((1_000..4_000).contains(&drain.after_ms), "{drain:?}");
    assert_eq!(stream.end().await?.map(|status| status.code()), Some(Code::Unavailable));
    drop(stream);
    world.stop().await?;
    assert!(begun.elapsed() < Duration::from_secs(5), "it took {:?}", begun.elapsed());
    // The lock has been given back: the next one can begin.
    SqliteLedger::open(&world.home.ledger(), |_| Ok::<_, OpenError>(()))?;
    Ok(())
}

#[tokio::test]
async fn a_client_that_hangs_delays_the_end_no_longer_than_its_deadline() -> anyhow::Result<()> {
    let drain_deadline = Duration::from_secs(1);
    let main = ListenerOptions { drain_deadline, ..ListenerOptions::identified() };
    let mut world =
        World::with_options(Options { main, timing: Timing::default(), ..Options::default() }).await?;
    let mut health = HealthClient::new(world.dial(&world.admin_file()?.credentials).await?);
    let mut hanging = health.watch(HealthCheckRequest::default()).await?.into_inner();
    hanging.message().await?;
    let agent = world.agent("orders", "staging").await?.connect(&world).await?;
    let begun = Instant::now();
    world.stop().await?;
    assert!(begun.elapsed() < drain_deadline + Duration::from_secs(3), "it took {:?}", begun.elapsed());
    drop(agent);
    Ok(())
}

/// A ledger that cannot be written for a while makes nobody wait for ever, and nothing is lost.
#[tokio::test]
async fn a_ledger_that_is_locked_refuses_the_change_and_goes_on() -> anyhow::Result<()> {
    let world = World::start().await?;
    let mut admin = world.admin().await?;
    let writer = rusqlite::Connection::open(world.home.ledger())?;
    writer.execute_batch("BEGIN IMMEDIATE")?;
    let token = || wire::CreateTokenRequest {
        database: "orders".into(),
        environment: "staging".into(),
        ..Default::default()
    };
    let refused = timeout(PATIENCE, admin.create_token(token())).await?.expect_err("it was written");
    assert!(refused.message().contains("nothing was changed"), "{refused:?}");
    writer.execute_batch("ROLLBACK")?;
    admin.create_token(token()).await?;
    Ok(())
}

#[tokio::test]
async fn a_signal_ends_the_process_in_time_with_a_client_that_hangs() -> anyhow::Result<()> {
    for signal in ["TERM", "INT"] {
        let dir = TempDir::new()?;
        let home = Home::new(dir.path().join("controller"));
        let program = env!("CARGO_BIN_EXE_pgbelay-controller");
        let ports: Vec<_> =
            (0..2).map(|_| std::net::TcpListener::bind("127.0.0.1:0")).collect::<Result<_, _>>()?;
        let addresses = [ports[0].local_addr()?.to_string(), ports[1].local_addr()?.to_string()];
        drop(ports);
        let mut init = Command::new(program);
        init.arg("init").arg("--dir").arg(home.path());
        init.args(["--listen", &addresses[0], "--enrol-listen", &addresses[1]]);
        assert!(init.stdout(Stdio::null()).status().await?.success());
        let mut run = Command::new(program);
        run.arg("run").arg("--dir").arg(home.path()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut process = run.spawn()?;
        let mut log = BufReader::new(process.stderr.take().expect("it was piped")).lines();
        let started = async {
            while let Some(line) = log.next_line().await? {
                if line.contains("controller started") {
                    return anyhow::Ok(());
                }
            }
            anyhow::bail!("it ended instead of starting")
        };
        timeout(PATIENCE, started).await??;

        let admin = CredentialsFile::load(&home.admin_credentials())?;
        let config = std::sync::Arc::new(client_config(&admin.credentials)?);
        let mut health = HealthClient::new(dial(&addresses[0], config, DialLimits::default()).await?);
        let mut hanging = health.watch(HealthCheckRequest::default()).await?.into_inner();
        hanging.message().await?;
        until("it serves", async || {
            let status = health.check(HealthCheckRequest::default()).await?.into_inner().status;
            Ok(status == tonic_health::pb::health_check_response::ServingStatus::Serving as i32)
        })
        .await?;
        let begun = Instant::now();
        let pid = process.id().expect("it runs").to_string();
        let kill =
            Command::new("sh").args(["-c", "kill -s \"$1\" \"$2\"", "sh", signal, &pid]).status().await?;
        assert!(kill.success());
        let ended = timeout(Duration::from_secs(25), process.wait()).await??;
        assert!(ended.success(), "{ended}");
        assert!(begun.elapsed() < Duration::from_secs(15), "it took {:?}", begun.elapsed());
        SqliteLedger::open(&home.ledger(), |_| Ok::<_, OpenError>(()))?;
    }
    Ok(())
}
