//! Backups: whole ones, and what is left of those that fail.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use age::x25519::Recipient;
use anyhow::{Context as _, ensure};
use pgbelay_agent::backup::{BackupRequest, back_up, look, remove_leftovers, verify};
use pgbelay_agent::config::{BackupProgram, Stores};
use pgbelay_agent::database::{Control, Target, inspect};
use pgbelay_core::command::{Backup, BackupOrder, Failure, FailureKind, Outcome, RefusedBecause};
use pgbelay_core::digest::Digest;
use pgbelay_core::job::Destination;
use pgbelay_core::plan::Expectation;
use pgbelay_core::time::Timestamp;
use pgbelay_proto::signing;
use pgbelay_proto::tls::{Credentials, Secret};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, SanType};
use serde_json::Value;
use tempfile::TempDir;

use crate::restoring::{into, restored};
use crate::world::{APP, World, target};

const DATA: &str = "CREATE TABLE a (id int PRIMARY KEY, name text); CREATE SCHEMA s; \
    CREATE TABLE s.\"B b\" (x text); CREATE TABLE s.empty (x text); CREATE UNLOGGED TABLE u (x int); \
    INSERT INTO a SELECT n, md5(n::text) FROM generate_series(1, 5000) n; INSERT INTO s.\"B b\" VALUES ('é')";

pub(crate) struct Yard {
    pub(crate) world: World,
    pub(crate) dir: TempDir,
    pub(crate) signer: Credentials,
    pub(crate) order: BackupOrder,
    pub(crate) outside: Option<BackupProgram>,
    pub(crate) stores: Stores,
    pub(crate) encrypt_to: Vec<Recipient>,
}

/// An agent's credentials, of a CA of its own.
fn credentials() -> Credentials {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let mut params = CertificateParams::default();
    params.subject_alt_names = vec![SanType::URI(format!("pgbelay://agent/{APP}").try_into().unwrap())];
    let key = KeyPair::generate().unwrap();
    let certificate_pem = params.signed_by(&key, &ca).unwrap().pem();
    Credentials { ca_pem: ca.pem(), certificate_pem, key_pem: Secret::new(key.serialize_pem()) }
}

impl Yard {
    pub(crate) async fn new() -> anyhow::Result<Self> {
        Self::on(World::new().await?).await
    }

    pub(crate) async fn on(world: World) -> anyhow::Result<Self> {
        world.client().await?.batch_execute(DATA).await?;
        Ok(Self {
            world,
            dir: tempfile::tempdir()?,
            signer: credentials(),
            order: BackupOrder::default(),
            outside: None,
            stores: Stores::default(),
            encrypt_to: Vec::new(),
        })
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.dir.path().join("backups")
    }

    /// With the programs of the server's own version, or these.
    pub(crate) async fn back_up(&self, programs: Option<&Path>) -> anyhow::Result<Outcome> {
        let expect = Expectation::from(&self.world.seen().await?);
        let programs = programs.unwrap_or_else(|| self.world.cluster.programs());
        self.back_up_to(&self.path(), Some(programs), &expect).await
    }

    async fn back_up_to(
        &self,
        dir: &Path,
        programs: Option<&Path>,
        expect: &Expectation,
    ) -> anyhow::Result<Outcome> {
        let order = self.world.up(&[]).await?;
        let request = BackupRequest {
            command: &order.command,
            expect,
            order: &self.order,
            programs,
            outside: self.outside.as_ref(),
            signer: &self.signer,
            stores: &self.stores,
            encrypt_to: &self.encrypt_to,
        };
        let control = Control {
            progress: &self.world.progress,
            cancel: &self.world.cancel,
            lease: &|| true,
            may_end: &[],
        };
        Ok(back_up(&self.world.target, dir, &request, &control).await)
    }

    /// Restores a backup with pg_restore alone, into a new database called `restored`.
    async fn restore(&self, backup: &Backup) -> anyhow::Result<()> {
        restore_with(self, self.world.cluster.programs(), backup, "restored").await
    }

    /// Everything in the directory of backups.
    pub(crate) fn left(&self) -> Vec<String> {
        let entries = fs::read_dir(self.path().join(APP)).into_iter().flatten();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    /// A directory of programs in which `pg_dump` does `script` first. `$REAL` is the real program.
    pub(crate) fn programs(&self, script: &str) -> anyhow::Result<PathBuf> {
        self.programs_with("pg_dump", script)
    }

    /// The same for another program.
    pub(crate) fn programs_with(&self, program: &str, script: &str) -> anyhow::Result<PathBuf> {
        let (dir, real) = (self.dir.path().join("bin"), self.world.cluster.programs());
        fs::create_dir(&dir)?;
        for other in ["pg_dump", "pg_restore"].into_iter().filter(|other| *other != program) {
            std::os::unix::fs::symlink(real.join(other), dir.join(other))?;
        }
        let real = real.join(program);
        let text = format!(
            "#!/bin/sh\nREAL={}\n[ \"$1\" = --version ] && [ -z \"$FAKE_VERSION\" ] && exec $REAL --version\n{script}\n",
            real.display()
        );
        fs::write(dir.join(program), text)?;
        fs::set_permissions(dir.join(program), fs::Permissions::from_mode(0o755))?;
        Ok(dir)
    }
}

#[track_caller]
pub(crate) fn backed_up(outcome: Outcome) -> Backup {
    match outcome {
        Outcome::BackedUp { backup } => backup,
        other => panic!("no backup: {other:?}"),
    }
}

#[track_caller]
pub(crate) fn failure(outcome: Outcome) -> Failure {
    match outcome {
        Outcome::Failed { failure, .. } => failure,
        other => panic!("not failed: {other:?}"),
    }
}

pub(crate) fn manifest(backup: &Backup) -> Value {
    serde_json::from_slice(&fs::read(Path::new(&backup.path).join("manifest.json")).unwrap()).unwrap()
}

#[tokio::test]
async fn a_backup_is_restored_by_hand() -> anyhow::Result<()> {
    let yard = Yard::new().await?;
    let backup = backed_up(yard.back_up(None).await?);
    let directory = Path::new(&backup.path);
    let [name] = yard.left().try_into().unwrap();
    let (time, rest) = name.split_once('-').unwrap();
    assert!(time.len() == 16 && time.ends_with('Z') && rest == "r3-c7", "{name}");

    // As docs/backups.md says.
    let sums = Command::new("sha256sum")
        .args(["--check", "--strict", "SHA256SUMS"])
        .current_dir(directory)
        .output()?;
    ensure!(sums.status.success(), "{}", String::from_utf8_lossy(&sums.stdout));
    fs::write(directory.join("key.pem"), public_key(directory)?)?;
    let mut openssl = Command::new("openssl");
    openssl.args(["dgst", "-sha256", "-verify", "key.pem", "-signature", "manifest.sig", "manifest.json"]);
    let openssl = openssl.current_dir(directory).output()?;
    ensure!(openssl.status.success(), "{}", String::from_utf8_lossy(&openssl.stdout));

    let seen = yard.world.seen().await?;
    let cluster = &yard.world.cluster;
    yard.restore(&backup).await?;
    assert_eq!(inspect(&target(cluster, "restored")).await?.fingerprint, seen.fingerprint);
    let sum = "SELECT md5(string_agg(id || name, ',' ORDER BY id)) FROM a";
    let sum =
        async |name| anyhow::Ok(cluster.connect(name).await?.query_one(sum, &[]).await?.get::<_, String>(0));
    assert_eq!(sum(APP).await?, sum("restored").await?);
    backed_up(yard.back_up(None).await?);
    assert_eq!(yard.left().len(), 2, "nothing is replaced");
    Ok(())
}

fn public_key(directory: &Path) -> anyhow::Result<Vec<u8>> {
    let openssl = Command::new("openssl")
        .args(["x509", "-in", "agent.pem", "-noout", "-pubkey"])
        .current_dir(directory)
        .output()
        .context("openssl")?;
    ensure!(openssl.status.success(), "{}", String::from_utf8_lossy(&openssl.stderr));
    Ok(openssl.stdout)
}

#[tokio::test]
async fn a_manifest_says_what_there_is_and_is_signed() -> anyhow::Result<()> {
    let yard = Yard::new().await?;
    let settings =
        "ALTER DATABASE app SET work_mem = '5MB'; CREATE ROLE keeper; ALTER TABLE a OWNER TO keeper";
    yard.world.client().await?.batch_execute(settings).await?;
    let backup = backed_up(yard.back_up(None).await?);
    let (directory, manifest) = (Path::new(&backup.path), manifest(&backup));
    let text = fs::read(directory.join("manifest.json"))?;
    assert_eq!(backup.sha256, Digest::of(&text));
    let signature = fs::read(directory.join("manifest.sig"))?;
    let certificate = fs::read_to_string(directory.join("agent.pem"))?;
    let signer = signing::verify(&yard.signer.ca_pem, &certificate, &text, &signature)?;
    assert_eq!(signer.to_string(), format!("pgbelay://agent/{APP}"));

    let seen = yard.world.seen().await?;
    assert_eq!(manifest["fingerprint"], seen.fingerprint.to_string());
    assert_eq!(manifest["system_identifier"], seen.system_identifier);
    assert_eq!((&manifest["format"], &manifest["tables"]), (&Value::from(3), &Value::from(4)));
    assert_eq!(manifest["timeline"], 1);
    assert_eq!(manifest["needs"]["encoding"], "UTF8");
    assert_eq!(manifest["needs"]["settings"][0], "work_mem=5MB");
    let roles = manifest["needs"]["roles"].as_array().context("roles")?;
    assert!(roles.contains(&Value::from("keeper")), "{roles:?}");
    for key in ["lsn", "snapshot", "pg_dump_version", "compression"] {
        assert!(manifest[key].as_str().is_some_and(|text| !text.is_empty()), "{key}: {manifest}");
    }
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(directory), 0o700);
    let parts = manifest["parts"].as_array().context("parts")?;
    let mut bytes = 0;
    for part in parts {
        let path = directory.join(part["name"].as_str().context("name")?);
        let file = fs::read(&path)?;
        assert_eq!(part["sha256"], Digest::of(&file).to_string(), "{}", path.display());
        assert_eq!((&part["bytes"], mode(&path)), (&Value::from(file.len()), 0o600));
        bytes += file.len() as u64;
    }
    assert_eq!(backup.bytes, bytes);
    let globals = fs::read_to_string(directory.join("globals.sql"))?;
    assert!(globals.contains("CREATE ROLE keeper") && !globals.contains("PASSWORD"), "{globals}");
    let names: Vec<_> = parts.iter().map(|part| part["name"].as_str().unwrap()).collect();
    assert!(names.contains(&"globals.sql") && names.contains(&"dump/toc.dat"), "{names:?}");
    Ok(())
}

#[tokio::test]
async fn without_roles_a_backup_says_why() -> anyhow::Result<()> {
    let yard = Yard::new().await?;
    let programs = yard.programs("exec $REAL \"$@\"")?;
    let backup = backed_up(yard.back_up(Some(&programs)).await?);
    assert_eq!(manifest(&backup)["no_globals"], "pg_dumpall is not installed");
    let failing = "#!/bin/sh\necho 'pg_dumpall: error: permission denied for table pg_authid' >&2; exit 1\n";
    fs::write(programs.join("pg_dumpall"), failing)?;
    fs::set_permissions(programs.join("pg_dumpall"), fs::Permissions::from_mode(0o755))?;
    let backup = backed_up(yard.back_up(Some(&programs)).await?);
    let why = manifest(&backup)["no_globals"].as_str().unwrap_or_default().to_owned();
    assert!(why.contains("permission denied"), "{why}");
    assert!(!Path::new(&backup.path).join("globals.sql").exists());
    Ok(())
}

#[tokio::test]
async fn what_changes_while_pg_dump_works_is_not_in_the_backup() -> anyhow::Result<()> {
    let yard = Yard::new().await?;
    let cluster = &yard.world.cluster;
    let psql = cluster.programs().join("psql");
    let late = format!(
        "PGDATABASE={APP} {} -X -q -c \"INSERT INTO a SELECT n, 'late' FROM generate_series(10001, 10100) n\" || exit 1\n\
         exec $REAL \"$@\"",
        psql.display()
    );
    let programs = yard.programs(&late)?;
    let backup = backed_up(yard.back_up(Some(&programs)).await?);
    let rows = async |name| {
        anyhow::Ok(
            cluster.connect(name).await?.query_one("SELECT count(*) FROM a", &[]).await?.get::<_, i64>(0),
        )
    };
    assert_eq!(rows(APP).await?, 5_100);
    yard.restore(&backup).await?;
    assert_eq!(rows("restored").await?, 5_000, "the snapshot is older than pg_dump's start");
    Ok(())
}

#[tokio::test]
async fn a_table_that_is_emptied_before_pg_dump_has_its_lock_gets_no_backup() -> anyhow::Result<()> {
    let yard = Yard::new().await?;
    let psql = yard.world.cluster.programs().join("psql");
    // Rows are there before and after, and for an older snapshot there are none.
    let load = format!(
        "PGDATABASE={APP} {} -X -q -c \"BEGIN; TRUNCATE a; INSERT INTO a VALUES (1, 'x'); COMMIT\" || exit 1\n\
         exec $REAL \"$@\"",
        psql.display()
    );
    let programs = yard.programs(&load)?;
    let failure = failure(yard.back_up(Some(&programs)).await?);
    assert!(failure.message.contains("may lack rows: ") && failure.message.ends_with('a'), "{failure:?}");
    assert!(yard.left().is_empty());
    Ok(())
}

#[tokio::test]
async fn where_several_sessions_cannot_one_does_it() -> anyhow::Result<()> {
    let yard = Yard::new().await?;
    let busy = "case \"$*\" in *--jobs=1\\ *) exec $REAL \"$@\";; esac\n\
        while [ $# -gt 0 ]; do [ \"$1\" = --file ] && mkdir -p $2 && echo 1 >$2/1.dat; shift; done\n\
        echo 'pg_dump: error: could not obtain lock on relation \"public.a\"' >&2; exit 1";
    let programs = yard.programs(busy)?;
    let backup = backed_up(yard.back_up(Some(&programs)).await?);
    assert_eq!(manifest(&backup)["jobs"], 1);
    assert!(!parts(&backup).contains(&"dump/1.dat".to_owned()), "what the first try left is gone");
    assert_eq!(
        verify(Path::new(&backup.path), backup.sha256, &yard.signer.ca_pem).await,
        Vec::<String>::new()
    );
    Ok(())
}

pub(crate) fn parts(backup: &Backup) -> Vec<String> {
    let manifest = manifest(backup);
    let parts = manifest["parts"].as_array().unwrap().iter();
    parts.map(|part| part["name"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_byte_that_flips_anywhere_is_found_and_its_part_named() -> anyhow::Result<()> {
    let yard = Yard::new().await?;
    let backup = backed_up(yard.back_up(None).await?);
    let directory = Path::new(&backup.path);
    let problems = async || verify(directory, backup.sha256, &yard.signer.ca_pem).await;
    assert_eq!(problems().await, Vec::<String>::new());
    let all = parts(&backup);
    assert!(all.len() >= 6, "{all:?}");
    for name in
        all.iter().map(String::as_str).chain(["manifest.json", "manifest.sig", "agent.pem", "SHA256SUMS"])
    {
        let path = directory.join(name);
        let before = fs::read(&path)?;
        let mut changed = before.clone();
        let at = changed.len() / 2;
        changed[at] ^= 1;
        fs::write(&path, &changed)?;
        let found = problems().await;
        let named = if name == "manifest.sig" || name == "agent.pem" { "manifest.json" } else { name };
        assert!(found.len() == 1 && found[0].contains(named), "{name}: {found:?}");

        fs::write(&path, &before[..before.len() / 2])?;
        let found = problems().await;
        assert!(!found.is_empty() && found[0].contains(named), "{name} is shorter: {found:?}");

        fs::remove_file(&path)?;
        let found = problems().await;
        assert!(found.len() == 1 && found[0].contains(name), "{name} is gone: {found:?}");
        fs::write(&path, &before)?;
    }
    assert_eq!(problems().await, Vec::<String>::new());
    Ok(())
}

#[tokio::test]
async fn parts_that_changed_places_and_others_signatures_are_found() -> anyhow::Result<()> {
    let yard = Yard::new().await?;
    let backup = backed_up(yard.back_up(None).await?);
    let directory = Path::new(&backup.path);
    let problems = async || verify(directory, backup.sha256, &yard.signer.ca_pem).await;
    let rows: Vec<_> = parts(&backup)
        .into_iter()
        .filter(|name| name.starts_with("dump/") && !name.contains("toc"))
        .collect();
    let [one, other, ..] = rows.as_slice() else { panic!("{rows:?}") };
    let aside = directory.join("aside");
    fs::rename(directory.join(one), &aside)?;
    fs::rename(directory.join(other), directory.join(one))?;
    fs::rename(&aside, directory.join(other))?;
    let found = problems().await;
    assert!(
        found.len() == 2 && found[0].contains(one.as_str()) && found[1].contains(other.as_str()),
        "{found:?}"
    );
    fs::rename(directory.join(other), &aside)?;
    fs::rename(directory.join(one), directory.join(other))?;
    fs::rename(&aside, directory.join(one))?;
    assert_eq!(problems().await, Vec::<String>::new());

    fs::write(directory.join("dump/9999.dat"), "1\n")?;
    let found = problems().await;
    assert_eq!(found, ["dump/9999.dat is there, and the manifest does not know it"]);
    fs::remove_file(directory.join("dump/9999.dat"))?;

    // A manifest that somebody else has signed, all of it in order.
    let text = fs::read(directory.join("manifest.json"))?;
    let stranger = credentials();
    fs::write(directory.join("manifest.sig"), signing::sign(&stranger, &text)?)?;
    fs::write(directory.join("agent.pem"), &stranger.certificate_pem)?;
    let found = problems().await;
    assert!(found.len() == 1 && found[0].contains("not issued by this fleet's CA"), "{found:?}");

    // The backup of another time, in this one's place.
    let later = backed_up(yard.back_up(None).await?);
    let found = verify(Path::new(&later.path), backup.sha256, &yard.signer.ca_pem).await;
    assert_eq!(found, ["manifest.json is not the one that was made"]);
    let found = verify(Path::new("/no/such/backup"), backup.sha256, &yard.signer.ca_pem).await;
    assert_eq!(found, ["manifest.json is missing"]);
    Ok(())
}

#[tokio::test]
async fn a_manifest_of_a_newer_form_says_so() -> anyhow::Result<()> {
    let yard = Yard::new().await?;
    let backup = backed_up(yard.back_up(None).await?);
    let directory = Path::new(&backup.path);
    let text = fs::read_to_string(directory.join("manifest.json"))?.replace("\"format\": 3", "\"format\": 4");
    fs::write(directory.join("manifest.json"), &text)?;
    fs::write(directory.join("manifest.sig"), signing::sign(&yard.signer, text.as_bytes())?)?;
    let found = verify(directory, Digest::of(&text), &yard.signer.ca_pem).await;
    assert!(found.len() == 1 && found[0].contains("form 4") && found[0].contains("newer agent"), "{found:?}");
    let text = text.replace("\"format\": 4", "\"format\": 1");
    fs::write(directory.join("manifest.json"), &text)?;
    fs::write(directory.join("manifest.sig"), signing::sign(&yard.signer, text.as_bytes())?)?;
    let found = verify(directory, Digest::of(&text), &yard.signer.ca_pem).await;
    assert!(found.len() == 1 && found[0].contains("form 1, and this agent knows forms 2 to 3"), "{found:?}");
    Ok(())
}

/// `form_2` is what the agent before encryption has written, of PostgreSQL 15, with the certificate of its own fleet.
#[tokio::test]
async fn a_backup_of_the_form_before_encryption_comes_back() -> anyhow::Result<()> {
    let mut yard = Yard::new().await?;
    let old = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/work/form_2");
    yard.signer.ca_pem = fs::read_to_string(old.join("ca.pem"))?;
    let id = "20261127T214350Z-r3-c7";
    fs::create_dir_all(yard.path().join(APP))?;
    let copied = Command::new("cp").arg("-r").arg(old.join(id)).arg(yard.path().join(APP)).status()?;
    ensure!(copied.success());
    let directory = yard.path().join(APP).join(id);
    let text = fs::read(directory.join("manifest.json"))?;
    ensure!(String::from_utf8_lossy(&text).contains("\"format\": 2"));
    let sha256 = Digest::of(&text);
    let found = verify(&directory, sha256, &yard.signer.ca_pem).await;
    ensure!(found.is_empty(), "{found:?}");
    let found = look(&directory, sha256, &yard.signer.ca_pem).await;
    ensure!(found.is_empty(), "{found:?}");
    let backup = Backup {
        path: directory.to_string_lossy().into_owned(),
        sha256,
        ..backed_up(yard.back_up(None).await?)
    };
    let new = Destination::New { name: "back".to_owned() };
    let end = restored(into(&yard, &yard.world.target, &backup, new).await?)?;
    // Schemas are compared on a server of the same version only.
    let is_compared = yard.world.seen().await?.server_version / 10_000 == 15;
    ensure!(end.rows == 5001 && end.schema_doubt.is_none() == is_compared, "{end:?}");
    let client = yard.world.cluster.connect("back").await?;
    let rows: i64 = client.query_one("SELECT count(*) FROM a", &[]).await?.get(0);
    ensure!(rows == 5000, "{rows}");
    Ok(())
}

#[tokio::test]
async fn planted_operators_do_not_reach_a_backup() -> anyhow::Result<()> {
    let yard = Yard::new().await?;
    crate::hijacks::plant(&yard.world).await?;
    backed_up(yard.back_up(None).await?);
    Ok(())
}

#[tokio::test]
async fn a_state_that_has_moved_gets_no_backup() -> anyhow::Result<()> {
    let yard = Yard::new().await?;
    let mut expect = Expectation::from(&yard.world.seen().await?);
    expect.fingerprint = Digest::of("other");
    let outcome = yard.back_up_to(&yard.path(), None, &expect).await?;
    assert!(matches!(outcome, Outcome::Refused { reason: RefusedBecause::Moved { .. } }), "{outcome:?}");
    let mut order = yard.world.up(&[]).await?;
    order.command.not_after = Timestamp(1);
    let request = BackupRequest {
        command: &order.command,
        expect: &order.run.expect,
        order: &yard.order,
        programs: None,
        outside: None,
        signer: &yard.signer,
        stores: &Stores::default(),
        encrypt_to: &[],
    };
    let control =
        Control { progress: &yard.world.progress, cancel: &yard.world.cancel, lease: &|| true, may_end: &[] };
    let outcome = back_up(&yard.world.target, &yard.path(), &request, &control).await;
    assert!(matches!(outcome, Outcome::Refused { reason: RefusedBecause::TooLate }), "{outcome:?}");
    assert!(yard.left().is_empty());
    Ok(())
}

#[tokio::test]
async fn a_directory_that_cannot_be_written_fails_it() -> anyhow::Result<()> {
    let yard = Yard::new().await?;
    // A file stands where the directory would be: this stops root as well.
    fs::write(yard.path(), "")?;
    let failure = failure(yard.back_up(None).await?);
    assert_eq!(failure.kind, FailureKind::Backup);
    assert!(failure.message.contains("failed to make the directory"), "{failure:?}");
    assert!(failure.hint.unwrap().contains("backup directory"));
    Ok(())
}

#[tokio::test]
async fn a_full_disk_fails_it_and_leaves_nothing() -> anyhow::Result<()> {
    let yard = Yard::new().await?;
    // A limit on the size of files, met as a full disk is: by an error of write().
    let programs = yard.programs("trap '' XFSZ; ulimit -f 8; exec $REAL \"$@\"")?;
    let failure = failure(yard.back_up(Some(&programs)).await?);
    assert_eq!(failure.kind, FailureKind::Backup);
    assert!(failure.message.contains("pg_dump failed: could not write"), "{failure:?}");
    assert!(failure.hint.unwrap().contains("make room"));
    assert!(yard.left().is_empty(), "{:?}", yard.left());
    Ok(())
}

#[tokio::test]
async fn a_pg_dump_that_is_too_old_is_refused_before_it_runs() -> anyhow::Result<()> {
    let yard = Yard::new().await?;
    let said = "[ \"$1\" = --version ] && { echo 'pg_dump (PostgreSQL) 9.6.24'; exit; }; touch $0.was-run";
    let programs = yard.programs(said)?;
    let text = fs::read_to_string(programs.join("pg_dump"))?.replace("-z \"$FAKE_VERSION\"", "1 = 2");
    fs::write(programs.join("pg_dump"), text)?;
    let failure = failure(yard.back_up(Some(&programs)).await?);
    let server = yard.world.seen().await?.server_version / 10_000;
    assert!(
        failure.message.contains("9.6.24") && failure.message.contains(&server.to_string()),
        "{failure:?}"
    );
    assert!(failure.hint.unwrap().contains(&format!("postgresql-client-{server}")));
    assert!(!programs.join("pg_dump.was-run").exists() && yard.left().is_empty());
    Ok(())
}

/// The programs of other versions that stand beside those of the server, as `make test-versions` has them.
fn neighbours(yard: &Yard) -> Vec<(u32, PathBuf)> {
    let all = yard.world.cluster.programs().ancestors().nth(2).and_then(|all| all.read_dir().ok());
    let versions = all.into_iter().flatten().filter_map(|entry| {
        let path = entry.ok()?.path();
        Some((path.file_name()?.to_str()?.parse().ok()?, path.join("bin")))
    });
    versions.filter(|(_, programs)| programs.join("pg_dump").exists()).collect()
}

#[tokio::test]
async fn a_real_pg_dump_backs_up_older_servers_and_no_newer_one() -> anyhow::Result<()> {
    let yard = Yard::new().await?;
    let server = yard.world.seen().await?.server_version / 10_000;
    for (version, programs) in neighbours(&yard) {
        let outcome = yard.back_up(Some(&programs)).await?;
        if version < server {
            let failure = failure(outcome);
            let said = format!("pg_dump is {version}.");
            ensure!(failure.message.starts_with(&said) && failure.message.contains("older"), "{failure:?}");
            continue;
        }
        let backup = backed_up(outcome);
        let dumped_by = manifest(&backup)["pg_dump_version"].as_str().unwrap_or_default().to_owned();
        ensure!(dumped_by.starts_with(&format!("{version}.")), "{dumped_by}");
        // What 17 and newer write sets a parameter that older servers do not know.
        if server < 17 && version > 16 {
            continue;
        }
        let database = format!("by_{version}");
        restore_with(&yard, &programs, &backup, &database).await?;
        let client = yard.world.cluster.connect(&database).await?;
        ensure!(client.query_one("SELECT count(*) FROM a", &[]).await?.get::<_, i64>(0) == 5000);
    }
    Ok(())
}

/// Restores a backup with pg_restore alone, into a new database.
async fn restore_with(yard: &Yard, programs: &Path, backup: &Backup, database: &str) -> anyhow::Result<()> {
    let cluster = &yard.world.cluster;
    cluster.create_database(database).await?;
    let mut restore = Command::new(programs.join("pg_restore"));
    restore.args(["--exit-on-error", "--jobs=2", "--dbname", database]);
    restore.arg(Path::new(&backup.path).join("dump")).envs(cluster.environment(database));
    let output = restore.output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

#[tokio::test]
async fn no_pg_dump_at_all_is_told() -> anyhow::Result<()> {
    let yard = Yard::new().await?;
    let failure = failure(yard.back_up(Some(Path::new("/no/such/directory"))).await?);
    assert!(failure.message.contains("were not found"), "{failure:?}");
    Ok(())
}

#[tokio::test]
async fn an_archive_that_is_cut_off_is_not_published() -> anyhow::Result<()> {
    let yard = Yard::new().await?;
    let cut = "$REAL \"$@\" || exit; while [ $# -gt 0 ]; do [ \"$1\" = --file ] && d=$2; shift; done; \
               f=$(ls -S $d/*.dat.* | head -1); size=$(wc -c <$f); truncate -s $((size - 2000)) $f";
    let programs = yard.programs(cut)?;
    let failure = failure(yard.back_up(Some(&programs)).await?);
    let told = ["pg_restore failed", "is cut off", "was written from anew"];
    assert!(told.iter().any(|words| failure.message.contains(words)), "{failure:?}");
    assert!(yard.left().is_empty());
    Ok(())
}

#[tokio::test]
async fn an_archive_that_lacks_a_table_is_not_published() -> anyhow::Result<()> {
    let yard = Yard::new().await?;
    let programs = yard.programs("exec $REAL \"$@\" --exclude-table-data=public.a")?;
    let failure = failure(yard.back_up(Some(&programs)).await?);
    assert!(failure.message.contains("1 tables have no rows section"), "{failure:?}");
    assert!(yard.left().is_empty());
    Ok(())
}

#[tokio::test]
async fn a_cancel_ends_pg_dump_and_leaves_nothing() -> anyhow::Result<()> {
    let yard = Yard::new().await?;
    let pid_file = yard.dir.path().join("pid");
    let programs =
        yard.programs(&format!("echo $$ >{0}.new; mv {0}.new {0}; exec sleep 600", pid_file.display()))?;
    let cancel = async {
        pgbelay_tests::wait::until("pg_dump to run", crate::world::LONG, async || Ok(pid_file.exists()))
            .await?;
        yard.world.cancel.cancel();
        anyhow::Ok(())
    };
    let (outcome, cancelled) = tokio::join!(yard.back_up(Some(&programs)), cancel);
    cancelled?;
    let outcome = outcome?;
    assert!(matches!(outcome, Outcome::Cancelled { .. }), "{outcome:?}");
    let pid = fs::read_to_string(&pid_file)?;
    assert!(!Path::new("/proc").join(pid.trim()).exists(), "pg_dump still runs");
    assert!(yard.left().is_empty());
    Ok(())
}

#[tokio::test]
async fn a_password_is_in_no_argument() -> anyhow::Result<()> {
    let yard = Yard::new().await?;
    let log = yard.dir.path().join("arguments");
    let programs = yard.programs(&format!("echo \"$@\" >{}; exec $REAL \"$@\"", log.display()))?;
    backed_up(yard.back_up(Some(&programs)).await?);
    let arguments = fs::read_to_string(log)?;
    assert!(arguments.contains("--lock-wait-timeout") && !arguments.contains(yard.world.cluster.password()));
    let wrong = Target { port: 1, ..yard.world.target.clone() };
    let order = yard.world.up(&[]).await?;
    let request = BackupRequest {
        command: &order.command,
        expect: &order.run.expect,
        order: &yard.order,
        programs: None,
        outside: None,
        signer: &yard.signer,
        stores: &Stores::default(),
        encrypt_to: &[],
    };
    let control =
        Control { progress: &yard.world.progress, cancel: &yard.world.cancel, lease: &|| true, may_end: &[] };
    let failure = failure(back_up(&wrong, &yard.path(), &request, &control).await);
    assert_eq!(failure.kind, FailureKind::Connection);
    Ok(())
}

#[tokio::test]
async fn leftovers_of_an_earlier_life_are_removed_and_backups_are_not() -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let database = "app".parse()?;
    assert_eq!(remove_leftovers(dir.path(), &database, None).await?, 0);
    let mine = dir.path().join("app");
    for name in [".tmp-c1-1", ".tmp-c2-1", "20260101T000000Z-r1-c1"] {
        fs::create_dir_all(mine.join(name)).context("a directory")?;
        fs::write(mine.join(name).join("database.dump"), "x")?;
    }
    fs::create_dir_all(dir.path().join("other/.tmp-c1-1"))?;
    assert_eq!(remove_leftovers(dir.path(), &database, None).await?, 2);
    let left: Vec<_> = fs::read_dir(&mine)?.map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["20260101T000000Z-r1-c1"]);
    assert!(dir.path().join("other/.tmp-c1-1").exists(), "it may be at work");
    Ok(())
}
