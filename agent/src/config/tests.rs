//! What a file and an environment may say, and what is wrong with them.

use std::collections::BTreeSet;

use pgbelay_analysis::{Guarded, Risk, StatementKind};

use super::*;

const FULL: &str = r#"
database:
  host: db.example.com
  port: 5433
  name: orders
  user: pgbelay
  password: 007
  schema: belay
migration:
  backup_dir: /backups
  timeout: 30m
  max_rollback_time: 12h
  require_confirmation: true
logging:
  level: debug
  format: json
agent:
  name: orders-eu
  controller: "[::1]:7443"
  state_dir: /state
  allow_migrations: false
  pg_bin: /pg/bin
guard:
  read_only: true
  max_risk: medium
  hours: Mon-Fri 22:00-06:00, Sat-Sun
  time_zone: Europe/Berlin
  deny: [truncate, drop-role]
  allow:
    - set-role
  extensions: [0x1f, pgcrypto]
  functions: [app.purge, pg_sleep]
  cancel_blockers_of: batch
"#;

/// A public key of age.
const KEY: &str = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p";

const LEAST: &str = "
database: { name: orders, user: pgbelay }
agent: { name: orders-eu, controller: 'c:7443', state_dir: /state }
";

fn environment(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn mistakes(text: &str, pairs: &[(&str, &str)]) -> Vec<String> {
    let found = Config::parse(text, &environment(pairs)).expect_err("the configuration was taken");
    found.iter().map(ToString::to_string).collect()
}

#[test]
fn every_key_is_read() {
    let config = Config::parse(FULL, &BTreeMap::new()).unwrap();
    assert_eq!((config.database.host.as_str(), config.database.port), ("db.example.com", 5433));
    assert_eq!((config.database.name.as_str(), config.database.user.as_str()), ("orders", "pgbelay"));
    assert_eq!(config.database.password.as_ref().unwrap().expose(), "007", "a text, whatever it looks like");
    assert_eq!(config.database.schema, "belay");
    assert_eq!(config.migration.backup_dir, Path::new("/backups"));
    assert_eq!(config.migration.timeout, Some(Span(30 * 60_000)));
    assert_eq!(config.migration.max_rollback_time, Some(Span::hours(12)));
    assert_eq!(config.logging, Logging { level: tracing::Level::DEBUG, format: LogFormat::Json });
    assert_eq!((config.agent.name.as_str(), config.agent.controller.as_str()), ("orders-eu", "[::1]:7443"));
    assert!(!config.agent.allow_migrations);
    assert_eq!(config.agent.pg_bin.as_deref(), Some(Path::new("/pg/bin")));
    let guard = config.guard;
    assert_eq!((guard.read_only, guard.max_risk), (true, Risk::Medium));
    let hours = guard.hours.as_ref().map(ToString::to_string);
    assert_eq!(hours.as_deref(), Some("Mon-Fri 22:00-06:00, Sat-Sun, Europe/Berlin"));
    assert_eq!(guard.deny, [StatementKind::Truncate, StatementKind::DropRole].into());
    assert_eq!(guard.allow, [Guarded::SetRole].into());
    assert_eq!(guard.extensions, Extensions::Only(["0x1f", "pgcrypto"].map(str::to_owned).into()));
    assert_eq!(
        guard.functions.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["app.purge", "pg_sleep"]
    );
    assert_eq!(guard.cancel_blockers_of, ["batch"]);
}

#[test]
fn which_extensions_are_taken() {
    for (text, expected) in [
        ("guard: {}", Extensions::Trusted),
        ("guard:", Extensions::Trusted),
        ("guard: { extensions: }", Extensions::Trusted),
        ("guard: { extensions: [] }", Extensions::Only(BTreeSet::new())),
        ("guard: { extensions: '*' }", Extensions::All),
        ("guard: { extensions: pgcrypto }", Extensions::Only(["pgcrypto".to_owned()].into())),
    ] {
        let config = Config::parse(&format!("{LEAST}{text}"), &BTreeMap::new()).unwrap();
        assert_eq!(config.guard.extensions, expected, "{text}");
    }
}

#[test]
fn what_is_left_out_has_a_default() {
    let config = Config::parse(LEAST, &BTreeMap::new()).unwrap();
    assert_eq!((config.database.host.as_str(), config.database.port), ("localhost", 5432));
    assert!(config.database.password.is_none());
    assert_eq!(config.migration.backup_dir, Path::new("/state/backups"));
    assert_eq!((config.migration.timeout, config.migration.max_rollback_time), (None, None));
    assert_eq!(config.logging, Logging { level: tracing::Level::INFO, format: LogFormat::Text });
    assert!(config.agent.allow_migrations);
    assert_eq!(config.guard, GuardRules::default());
}

#[test]
fn the_environment_overrides_the_file_and_can_replace_it() {
    let pairs = [
        ("MCP_DB_HOST", "h"),
        ("MCP_DB_PORT", "1"),
        ("MCP_DB_NAME", "n"),
        ("MCP_DB_USER", "u"),
        ("MCP_DB_PASSWORD", "p"),
        ("MCP_MIGRATION_BACKUP_DIR", "/b"),
        ("MCP_MIGRATION_TIMEOUT", "1s"),
        ("MCP_MIGRATION_MAX_ROLLBACK_TIME", "2h"),
        ("PGBELAY_BACKUP_STORES", "s3://b/x s3://b/y"),
        ("PGBELAY_BACKUP_STORES_NEEDED", "1"),
        ("PGBELAY_BACKUP_KEEP_LOCAL", "false"),
        ("PGBELAY_DB_SCHEMA", "s"),
        ("PGBELAY_LOG", "error"),
        ("PGBELAY_LOG_FORMAT", "text"),
        ("PGBELAY_AGENT_NAME", "a"),
        ("PGBELAY_CONTROLLER", "c:2"),
        ("PGBELAY_STATE_DIR", "/s"),
        ("PGBELAY_ALLOW_MIGRATIONS", "true"),
        ("PGBELAY_PG_BIN", "/bin"),
        ("PGBELAY_BACKUP_ENCRYPT_TO", KEY),
        ("PGBELAY_GUARD_READ_ONLY", "false"),
        ("PGBELAY_GUARD_MAX_RISK", "low"),
    ];
    assert_eq!(pairs.len(), OVERRIDES.len());
    for text in [FULL, ""] {
        let config = Config::parse(text, &environment(&pairs)).unwrap();
        let database = &config.database;
        assert_eq!((database.host.as_str(), database.port, database.name.as_str()), ("h", 1, "n"));
        assert_eq!((database.user.as_str(), database.schema.as_str()), ("u", "s"));
        assert_eq!(database.password.as_ref().unwrap().expose(), "p");
        assert_eq!(config.migration.backup_dir, Path::new("/b"));
        assert_eq!(config.migration.timeout, Some(Span::seconds(1)));
        let stores: Vec<_> = config.stores.all.iter().map(StoreAt::url).collect();
        assert_eq!(stores, ["s3://b/x", "s3://b/y"]);
        assert_eq!((config.stores.needed, config.stores.keep_local), (1, false));
        assert_eq!(config.encrypt_to.iter().map(ToString::to_string).collect::<Vec<_>>(), [KEY]);
        assert_eq!(config.migration.max_rollback_time, Some(Span::hours(2)));
        assert_eq!(config.logging, Logging { level: tracing::Level::ERROR, format: LogFormat::Text });
        let agent = &config.agent;
        assert_eq!((agent.name.as_str(), agent.controller.as_str()), ("a", "c:2"));
        assert_eq!((agent.state_dir.as_path(), agent.allow_migrations), (Path::new("/s"), true));
        assert_eq!(agent.pg_bin.as_deref(), Some(Path::new("/bin")));
        assert_eq!((config.guard.read_only, config.guard.max_risk), (false, Risk::Low));
    }
    let unset = Config::parse(FULL, &environment(&[("MCP_DB_HOST", "")])).unwrap();
    assert_eq!(unset.database.host, "db.example.com");
}

#[test]
fn keys_that_backups_are_encrypted_to_are_public_ones_of_age() {
    let other = age::x25519::Identity::generate().to_public();
    let with = |keys: &str| format!("{LEAST}backup: {{ encrypt_to: {keys} }}\n");
    let config = Config::parse(&with(&format!("[{KEY}, {other}]")), &BTreeMap::new()).unwrap();
    assert_eq!(config.encrypt_to.len(), 2);
    assert!(Config::parse(LEAST, &BTreeMap::new()).unwrap().encrypt_to.is_empty());
    let fault = |keys: &str| {
        let [only] = mistakes(&with(keys), &[]).try_into().unwrap();
        assert!(only.starts_with("backup.encrypt_to") && !only.contains("hunter2"), "{only}");
        only
    };
    assert!(fault("[hunter2]").contains("must be public keys of age"));
    assert!(fault(&format!("[{}]", &KEY[..KEY.len() - 1])).contains("must be public keys of age"));
    assert!(fault("[AGE-SECRET-KEY-1hunter2]").contains("has a private key"));
    assert!(fault(&format!("[{KEY}, {KEY}]")).contains("names one key twice"));
    assert!(fault("\" \"").contains("names no key"));
    assert!(fault("[]").contains("names no key"));
}

#[test]
fn all_mistakes_are_told_at_once_by_key_and_without_values() {
    let text = r#"
database: { port: hunter2-70000, name: "", schema: pg_hunter2, pasword: hunter2 }
migration: { timeout: hunter2, max_rollback_time: 0s, require_confirmation: false }
logging: { level: hunter2, format: hunter2, file: hunter2 }
agent: { name: "hunter2 x", controller: hunter2, allow_migrations: hunter2 }
databse: { name: hunter2 }
guard:
  read_only: hunter2
  max_risk: hunter2
  hours: hunter2 22:00
  time_zone: Hunter/hunter2
  deny: [drop-tabel, truncate, hunter2]
  allow: set-rol
  functions: ["hunter2()", a.b.hunter2]
  cancel_blockers_of: [""]
  forbid: hunter2
"#;
    let found = mistakes(text, &[("MCP_MIGRATION_TIMEOUT", "hunter2h")]).join("\n");
    assert!(!found.contains("hunter2"), "{found}");
    insta::assert_snapshot!(found, @r"
    agent.allow_migrations must be true or false
    agent.controller must be host:port
    agent.name must be 1 to 63 characters of a-z, A-Z, 0-9, '-', '_' or '.', and start with a letter or digit
    agent.state_dir is missing
    database.name must be the name of a database
    database.pasword is not a known key
    database.port must be a port, 1 to 65535
    database.schema must be an identifier of at most 63 bytes that does not start with pg_
    database.user is missing
    databse.name is not a known key
    guard.allow[1] is not the name of a guarded thing: did you mean set-role?
    guard.cancel_blockers_of[1] must be a name of at most 63 bytes
    guard.deny[1] is not the name of a kind of statement: did you mean drop-table?
    guard.deny[3] is not the name of a kind of statement
    guard.forbid is not a known key
    guard.functions[1] must be the name of a function, with its schema or without, and without arguments
    guard.functions[2] must be the name of a function, with its schema or without, and without arguments
    guard.hours must be days and hours of the week, for example Mon-Fri 22:00-06:00, Sat-Sun
    guard.max_risk must be low, medium or high
    guard.read_only must be true or false
    guard.time_zone must be a time zone by its name, for example Europe/Berlin
    logging.file is not a known key
    logging.format must be text or json
    logging.level must be error, warn, info, debug or trace
    migration.max_rollback_time must be a duration of more than zero: a whole number and a unit, for example 30s, 15m or 24h
    migration.require_confirmation can only be true: people are always asked, by the pgbelay command (whose --force is recorded)
    migration.timeout (from MCP_MIGRATION_TIMEOUT) must be a duration of more than zero: a whole number and a unit, for example 30s, 15m or 24h
    ");
}

#[test]
fn a_text_of_another_shape_is_one_mistake_without_values() {
    for text in [
        "database: hunter2",
        "database: { password: [hunter2] }",
        "a: {b: {c: hunter2}}",
        "[hunter2",
        "'hunter2",
    ] {
        let found = mistakes(text, &[]);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with("the file is not YAML with sections"), "{found:?}");
        assert!(!found[0].contains("hunter2"), "{found:?}");
    }
    assert!(mistakes("database: {host: a}\ndatabase: {host: b}", &[])[0].contains("line 2"));
}

#[test]
fn a_controller_is_a_host_and_a_port() {
    for good in ["localhost:7443", "10.0.0.1:1", "[::1]:7443"] {
        assert_eq!(address(good).as_deref(), Some(good));
    }
    for bad in [
        "",
        "localhost",
        ":7443",
        "localhost:",
        "localhost:0",
        "localhost:70000",
        "::1:7443",
        "https://c:1",
        "[]:1",
    ] {
        assert_eq!(address(bad), None, "{bad}");
    }
}

#[test]
fn a_missing_file_is_named() {
    let error = Config::load(Path::new("/no/such/file.yaml"), &BTreeMap::new()).unwrap_err();
    assert_eq!(error.to_string(), "failed to read the configuration file /no/such/file.yaml");
}

#[test]
fn debug_does_not_show_the_password() {
    let shown = format!("{:?}", Config::parse(FULL, &BTreeMap::new()).unwrap());
    assert!(!shown.contains("007"), "{shown}");
}

#[test]
fn every_name_that_a_list_takes_is_in_the_documents() {
    let page = include_str!("../../../docs/configuration.md");
    let guarded = Guarded::ALL.iter().map(|guarded| guarded.as_str());
    let kinds = StatementKind::ALL.iter().map(|kind| kind.as_str());
    for name in guarded.chain(kinds) {
        assert!(page.contains(&format!("`{name}`")), "{name}");
    }
}

#[test]
fn a_program_for_backups_has_a_whole_path_and_a_time() {
    let read = |section: &str| Config::parse(&format!("{LEAST}{section}"), &BTreeMap::new());
    assert_eq!(read("").unwrap().backup, None);
    let program = |arguments: &[&str], seconds| BackupProgram {
        path: "/lib/backrest".into(),
        arguments: arguments.iter().map(|word| (*word).to_owned()).collect(),
        timeout: std::time::Duration::from_secs(seconds),
    };
    let given = "backup: { command: [/lib/backrest, main, 007], command_timeout: 2h }\n";
    assert_eq!(read(given).unwrap().backup, Some(program(&["main", "007"], 7_200)));
    assert_eq!(read("backup: { command: /lib/backrest }\n").unwrap().backup, Some(program(&[], 3_600)));
    let check = |section: &str, said: &str| {
        let found = mistakes(&format!("{LEAST}{section}"), &[]);
        assert!(found.len() == 1 && found[0].starts_with(said), "{found:?}");
    };
    check("backup: { command: [backrest] }\n", "backup.command must start with the whole path");
    check("backup: { command: [] }\n", "backup.command must start with the whole path");
    check("backup: { command: /x, command_timeout: soon }\n", "backup.command_timeout must be a duration");
    check("backup: { comand: /x }\n", "backup.comand is not a known key");
}
