//! Other kinds of backups than that of the whole database, and how gently that is made.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::ensure;
use pgbelay_agent::backup::verify;
use pgbelay_core::command::{BackupOrder, Outcome};
use pgbelay_core::policy::{BackupMethod, Bytes, MethodRule};
use pgbelay_core::time::Span;
use pgbelay_tests::postgres::Cluster;
use pgbelay_tests::wait;

use crate::backups::{Yard, backed_up, failure, manifest};
use crate::world::{APP, LONG, World};

/// A server that archives by a command, and asks for restore points.
async fn archiving(command: &str) -> anyhow::Result<Yard> {
    let builder = Cluster::builder().setting("archive_mode", "on").setting("archive_command", command);
    let mut yard = Yard::on(World::on(builder.start().await?).await?).await?;
    yard.order = order(Span::seconds(60));
    Ok(yard)
}

fn order(archive_timeout: Span) -> BackupOrder {
    BackupOrder { method: MethodRule::RestorePoint, archive_timeout, ..BackupOrder::default() }
}

#[tokio::test]
async fn a_restore_point_counts_when_it_is_archived() -> anyhow::Result<()> {
    let yard = archiving("mkdir -p ../archive && cp %p ../archive/%f").await?;
    let backup = backed_up(yard.back_up(None).await?);
    assert_eq!((backup.method, backup.bytes), (BackupMethod::RestorePoint, 0));
    let manifest = manifest(&backup);
    assert_eq!((&manifest["method"], &manifest["parts"]), (&"restore_point".into(), &serde_json::json!([])));
    let point = &manifest["restore_point"];
    assert_eq!(point["name"], "pgbelay-r3-c7-1");
    assert_eq!(manifest["lsn"], point["lsn"]);
    let archive = yard.world.cluster.directory().join("archive");
    let wal = fs::read(archive.join(point["wal"].as_str().unwrap_or_default()))?;
    ensure!(wal.windows(15).any(|bytes| bytes == b"pgbelay-r3-c7-1"), "the archive has no such point");

    let directory = Path::new(&backup.path);
    let problems = async || verify(directory, backup.sha256, &yard.signer.ca_pem).await;
    assert_eq!(problems().await, Vec::<String>::new());
    let text = fs::read_to_string(directory.join("manifest.json"))?;
    fs::write(directory.join("manifest.json"), text.replace("pgbelay-r3-c7-1", "pgbelay-r3-c8-1"))?;
    assert_eq!(problems().await, ["manifest.json is not the one that was made"]);
    Ok(())
}

#[tokio::test]
async fn an_archive_that_fails_or_is_slow_gives_no_restore_point() -> anyhow::Result<()> {
    let yard = archiving("false").await?;
    let failed = failure(yard.back_up(None).await?);
    assert!(
        failed.message.contains("the server's archive does not work: it has failed to archive 0"),
        "{failed:?}"
    );
    // What it says is known before, too.
    let again = failure(yard.back_up(None).await?);
    assert!(again.message.contains("has failed to archive"), "{again:?}");

    let mut yard = archiving("sleep 60").await?;
    yard.order = order(Span(900));
    let slow = failure(yard.back_up(None).await?);
    assert!(slow.message.contains("was not archived within 0 s; the last was nothing"), "{slow:?}");
    assert!(yard.left().is_empty());
    Ok(())
}

#[tokio::test]
async fn what_a_restore_point_needs_is_told_before_anything_is_made() -> anyhow::Result<()> {
    let mut yard = Yard::on(World::new().await?).await?;
    yard.order = order(Span::seconds(5));
    let off = failure(yard.back_up(None).await?);
    assert!(off.message.contains("archive_mode is off"), "{off:?}");

    let yard = archiving("").await?;
    let unset = failure(yard.back_up(None).await?);
    assert!(unset.message.contains("neither archive_command nor archive_library"), "{unset:?}");

    let mut yard = archiving("true").await?;
    let client = yard.world.client().await?;
    let keeper = "CREATE ROLE keeper LOGIN PASSWORD 'secret'; GRANT CREATE ON DATABASE app TO keeper; \
        GRANT EXECUTE ON FUNCTION pg_switch_wal() TO keeper";
    client.batch_execute(keeper).await?;
    yard.world.target.user = "keeper".to_owned();
    yard.world.target.password = Some(pgbelay_agent::database::Secret::new("secret"));
    let refused = failure(yard.back_up(None).await?);
    let hint = refused.hint.unwrap_or_default();
    assert!(hint.contains("GRANT EXECUTE ON FUNCTION pg_create_restore_point(text) TO keeper"), "{hint}");
    assert!(!hint.contains("pg_switch_wal"), "{hint}");
    assert!(yard.left().is_empty());
    client.batch_execute("GRANT EXECUTE ON FUNCTION pg_create_restore_point(text) TO keeper").await?;
    backed_up(yard.back_up(None).await?);
    Ok(())
}

/// Rows that hardly get smaller.
const NOISE: &str = "CREATE TABLE noise AS SELECT string_agg(md5(random()::text), '') AS x \
    FROM generate_series(1, 1200000) n GROUP BY n % 40000";

#[tokio::test]
async fn a_rate_is_kept_to() -> anyhow::Result<()> {
    let mut yard = Yard::on(World::new().await?).await?;
    yard.world.client().await?.batch_execute(NOISE).await?;
    const RATE: u64 = 2_000_000;
    yard.order.rate_limit = Some(Bytes(RATE));
    let times = yard.dir.path().join("times");
    let note = format!("date +%s.%N >>{}", times.display());
    let programs = yard.programs(&format!("{note}; $REAL \"$@\"; ended=$?; {note}; exit $ended"))?;
    let backup = backed_up(yard.back_up(Some(&programs)).await?);
    let times = fs::read_to_string(times)?;
    let times: Vec<f64> = times.lines().map(str::parse).collect::<Result<_, _>>()?;
    let [began, ended] = times[..] else { anyhow::bail!("{times:?}") };
    let took = ended - began;
    let rate = backup.bytes as f64 / took;
    ensure!(took > 3.0, "too short to tell: {} bytes in {took} s", backup.bytes);
    // Never faster. How much slower is a matter of who else is at work on the machine.
    ensure!((0.4..1.15).contains(&(rate / RATE as f64)), "{rate} in place of {RATE}, for {took} s");
    assert_eq!(manifest(&backup)["rate_limit"], RATE);
    Ok(())
}

#[tokio::test]
async fn a_stopped_pg_dump_is_ended_when_it_is_cancelled() -> anyhow::Result<()> {
    let mut yard = Yard::on(World::new().await?).await?;
    yard.world.client().await?.batch_execute(NOISE).await?;
    yard.order.rate_limit = Some(Bytes(100_000));
    let pids = yard.dir.path().join("pid");
    let programs = yard.programs(&format!("echo $$ >{}; exec $REAL \"$@\"", pids.display()))?;
    let cancelled = async {
        wait::until("pg_dump to be stopped", LONG, async || {
            let Ok(pid) = fs::read_to_string(&pids) else { return Ok(None) };
            Ok((state_of(pid.trim()) == Some('T')).then_some(()))
        })
        .await?;
        yard.world.cancel.cancel();
        anyhow::Ok(())
    };
    let (outcome, cancelled) = tokio::join!(yard.back_up(Some(&programs)), cancelled);
    cancelled?;
    assert!(matches!(outcome?, Outcome::Cancelled { .. }));
    let pid = fs::read_to_string(&pids)?;
    wait::until("pg_dump to be gone", LONG, async || Ok(state_of(pid.trim()).is_none().then_some(())))
        .await?;
    assert!(yard.left().is_empty());
    let others = "SELECT count(*) FROM pg_stat_activity WHERE datname = $1 AND application_name = 'pgbelay-agent dump'";
    let client = yard.world.cluster.connect("postgres").await?;
    wait::until("its sessions to be gone", Duration::from_secs(30), async || {
        Ok((client.query_one(others, &[&APP]).await?.get::<_, i64>(0) == 0).then_some(()))
    })
    .await
}

/// As in `/proc`: `T` is stopped. Nothing: there is no such process.
fn state_of(pid: &str) -> Option<char> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    text.rsplit_once(") ")?.1.chars().next()
}
