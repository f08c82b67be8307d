//! `init`, and a directory that is not as it should be.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use pgbelay_controller::ca::CertificateAuthority;
use pgbelay_controller::clock;
use pgbelay_controller::config::{Home, Settings, SettingsError};
use pgbelay_controller::init::{InitError, Wishes, init};
use pgbelay_controller::sequencer;
use pgbelay_controller::server::ServeError;
use pgbelay_core::digest::Digest;
use pgbelay_proto::credentials::CredentialsFile;
use tempfile::TempDir;

use super::world::{PATIENCE, World, set_up};

fn wishes(settings: Settings) -> anyhow::Result<Wishes> {
    Ok(Wishes { settings, advertise: None, environments: vec!["staging".parse()?], admin: "root".parse()? })
}

/// Every file with its digest.
fn contents(dir: &Path) -> anyhow::Result<Vec<(String, Digest)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        found.push((path.display().to_string(), Digest::of(fs::read(&path)?)));
    }
    found.sort();
    Ok(found)
}

#[test]
fn a_second_init_is_refused_and_touches_nothing() -> anyhow::Result<()> {
    let dir = TempDir::new()?;
    let (home, settings) = set_up(dir.path())?;
    let before = contents(home.path())?;
    assert!(matches!(init(&home, &wishes(settings)?), Err(InitError::Exists(_))));
    assert_eq!(contents(home.path())?, before);
    Ok(())
}

#[test]
fn what_init_writes_is_for_its_owner_only() -> anyhow::Result<()> {
    let dir = TempDir::new()?;
    let (home, _) = set_up(dir.path())?;
    let mode = |path: &Path| anyhow::Ok(fs::metadata(path)?.permissions().mode() & 0o777);
    assert_eq!(mode(home.path())?, 0o700);
    for entry in fs::read_dir(home.path())? {
        let path = entry?.path();
        assert_eq!(mode(&path)?, 0o600, "{}", path.display());
    }
    let admin = CredentialsFile::load(&home.admin_credentials())?;
    assert_eq!((admin.controller.as_str(), admin.operator.as_str()), ("127.0.0.1:1", "root"));
    Ok(())
}

/// Cut short after each of its files: what can be gone on from is, and what cannot is said.
#[test]
fn an_init_that_was_cut_short_can_be_run_again() -> anyhow::Result<()> {
    let dir = TempDir::new()?;
    let (whole, settings) = set_up(dir.path())?;
    let again = |files: &[&str]| {
        let dir = TempDir::new()?;
        let home = Home::new(dir.path());
        for file in files {
            fs::copy(whole.path().join(file), dir.path().join(file))?;
        }
        anyhow::Ok((init(&home, &wishes(settings.clone())?), fs::read(home.ca_key()).ok(), dir))
    };
    let key = Some(fs::read(whole.ca_key())?);
    let (outcome, found, _dir) = again(&["ca.key", "ca.pem"])?;
    outcome?;
    assert_eq!(found, key, "a CA that was there was replaced");
    let (outcome, found, _dir) = again(&["ca.key", "ca.pem", "admin.credentials"])?;
    outcome?;
    assert_eq!(found, key);
    let (outcome, found, _dir) = again(&["ca.key"])?;
    assert!(matches!(outcome, Err(InitError::HalfACa(_))), "{outcome:?}");
    assert_eq!(found, key);
    let (outcome, _, _dir) = again(&["ca.key", "ca.pem", "admin.credentials", "ledger.db"])?;
    assert!(matches!(outcome, Err(InitError::Unfinished(_))), "{outcome:?}");
    Ok(())
}

#[test]
fn the_users_own_ca_is_used_if_it_is_one() -> anyhow::Result<()> {
    let dir = TempDir::new()?;
    let (_, settings) = set_up(dir.path())?;
    let (authority, files) = CertificateAuthority::create(clock::now())?;
    let (_, other) = CertificateAuthority::create(clock::now())?;
    for (key, fits) in [(files.key_pem, true), (other.key_pem, false)] {
        let dir = TempDir::new()?;
        let home = Home::new(dir.path());
        fs::write(home.ca_certificate(), &files.certificate_pem)?;
        fs::write(home.ca_key(), key.expose())?;
        let outcome = init(&home, &wishes(settings.clone())?);
        assert_eq!(outcome.is_ok(), fits, "{outcome:?}");
        if fits {
            let admin = CredentialsFile::load(&home.admin_credentials())?;
            assert_eq!(admin.credentials.ca_pem, authority.certificate_pem());
        }
    }
    Ok(())
}

#[test]
fn all_mistakes_are_said_and_nothing_is_written() -> anyhow::Result<()> {
    let dir = TempDir::new()?;
    let (_, mut settings) = set_up(dir.path())?;
    settings.name = "my controller".to_owned();
    settings.listen = "0.0.0.0:7411".to_owned();
    settings.enrol_listen = "[::]:7412".to_owned();
    settings.logging.level = "loud".to_owned();
    let home = Home::new(dir.path().join("other"));
    let Err(InitError::Mistakes(said)) = init(&home, &Wishes { environments: vec![], ..wishes(settings)? })
    else {
        anyhow::bail!("it was set up");
    };
    for key in
        ["name", "enrol_advertise", "logging.level", "advertise must say where operators", "no environment"]
    {
        assert!(said.iter().any(|mistake| mistake.contains(key)), "{key} is not in {said:?}");
    }
    assert!(!home.path().exists());
    Ok(())
}

#[test]
fn an_address_that_leads_nowhere_is_not_advertised() -> anyhow::Result<()> {
    let dir = TempDir::new()?;
    let (_, mut settings) = set_up(dir.path())?;
    settings.listen = "0.0.0.0:7411".to_owned();
    settings.enrol_listen = "0.0.0.0:7412".to_owned();
    for (advertise, enrol_advertise, fine) in [
        ("db.example:7411", "db.example:7412", true),
        ("0.0.0.0:7411", "db.example:7412", false),
        ("db.example:7411", "[::]:7412", false),
        ("db.example", "db.example:7412", false),
    ] {
        let settings = Settings { enrol_advertise: Some(enrol_advertise.to_owned()), ..settings.clone() };
        let home = Home::new(dir.path().join(format!("{advertise}{enrol_advertise}")));
        let outcome = init(&home, &Wishes { advertise: Some(advertise.to_owned()), ..wishes(settings)? });
        assert_eq!(outcome.is_ok(), fine, "{advertise} {enrol_advertise}: {outcome:?}");
        if fine {
            assert_eq!(CredentialsFile::load(&home.admin_credentials())?.controller, advertise);
            assert_eq!(Settings::load(&home, |_| None)?.enrolment_address(), enrol_advertise);
        }
    }
    Ok(())
}

#[test]
fn settings_that_are_not_there_or_make_no_sense_are_refused() -> anyhow::Result<()> {
    let dir = TempDir::new()?;
    let nothing = Home::new(dir.path().join("nothing"));
    assert!(matches!(Settings::load(&nothing, |_| None), Err(SettingsError::NotInitialised(_))));
    let (home, settings) = set_up(dir.path())?;
    assert_eq!(Settings::load(&home, |_| None)?, settings);
    let listen = |name: &str| (name == "PGBELAY_CONTROLLER_LISTEN").then(|| "127.0.0.1:9".to_owned());
    assert_eq!(Settings::load(&home, listen)?.listen, "127.0.0.1:9");
    let everywhere = |name: &str| (name == "PGBELAY_CONTROLLER_ENROL_LISTEN").then(|| "0.0.0.0:9".to_owned());
    assert!(matches!(Settings::load(&home, everywhere), Err(SettingsError::Mistakes(_))));
    fs::write(home.settings(), "listen: 127.0.0.1:1\nlisten_too: x\n")?;
    assert!(matches!(Settings::load(&home, |_| None), Err(SettingsError::Parse { .. })));
    Ok(())
}

#[tokio::test]
async fn a_damaged_ledger_ends_the_controller_with_the_entry() -> anyhow::Result<()> {
    let mut world = World::start().await?;
    world.push(&["001"]).await?;
    world.stop().await?;
    let ledger = rusqlite::Connection::open(world.home.ledger())?;
    assert_eq!(ledger.execute("UPDATE entry SET actor = 'operator/mallory' WHERE seq = 2", [])?, 1);
    drop(ledger);
    let ended = tokio::time::timeout(PATIENCE, run_again(&world)).await??;
    let Err(ServeError::Ledger(error)) = ended else { anyhow::bail!("{ended:?}") };
    assert!(error.to_string().contains("damaged: entry 2"), "{error}");
    Ok(())
}

/// A second controller on one directory does not get to the ledger.
#[tokio::test]
async fn a_directory_that_is_in_use_is_not_used_twice() -> anyhow::Result<()> {
    let world = World::start().await?;
    let (_, mut second) = sequencer::start(world.home.ledger())?;
    let ended = tokio::time::timeout(Duration::from_secs(10), second.ended()).await?;
    let Err(error) = ended else { anyhow::bail!("two controllers") };
    assert!(error.to_string().contains("in use by another process"), "{error}");
    world.admin().await?.show_policy(pgbelay_proto::wire::ShowPolicyRequest {}).await?;
    Ok(())
}

async fn run_again(world: &World) -> anyhow::Result<Result<(), ServeError>> {
    use pgbelay_controller::server::{Options, Sockets, run};
    use tokio::net::TcpListener;
    let bind = async || TcpListener::bind("127.0.0.1:0").await;
    let sockets = Sockets { main: bind().await?, enrolment: bind().await?, metrics: None };
    let shutdown = tokio_util::sync::CancellationToken::new();
    Ok(Box::pin(run(&world.home, &world.settings, sockets, Options::default(), shutdown)).await)
}
