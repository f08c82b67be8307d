//! Contexts: what is chosen, what is kept, what is refused.

use std::os::unix::fs::PermissionsExt;

use pgbelay_proto::tls::{Credentials, Secret};

use super::*;

fn credentials(path: &Path, controller: &str) {
    let pem = String::new;
    let credentials = Credentials { ca_pem: pem(), certificate_pem: pem(), key_pem: Secret::new("") };
    let file =
        CredentialsFile { controller: controller.into(), operator: "ada".parse().unwrap(), credentials };
    file.save(path).unwrap();
}

fn context(name: &str, controller: Option<&str>) -> Context {
    Context { name: name.into(), controller: controller.map(str::to_owned), credentials: "ada.json".into() }
}

#[test]
fn the_most_specific_choice_wins() {
    let globals =
        |context: Option<&str>| GlobalArgs { context: context.map(str::to_owned), ..GlobalArgs::default() };
    let environment = |credentials: Option<&str>, context: Option<&str>| Environment {
        credentials: credentials.map(PathBuf::from),
        context: context.map(str::to_owned),
        ..Environment::default()
    };
    let check = |flag, file, variable, expected| {
        assert_eq!(choose(&globals(flag), &environment(file, variable)), expected);
    };
    check(Some("a"), Some("f"), Some("b"), Choice::Context("a".into()));
    check(None, Some("f"), Some("b"), Choice::File("f".into()));
    check(None, None, Some("b"), Choice::Context("b".into()));
    check(None, None, None, Choice::Current);
}

#[test]
fn the_file_is_found_where_it_is_said_to_be() {
    let path = |config: Option<&str>, environment: Environment| {
        let globals = GlobalArgs { config: config.map(PathBuf::from), ..GlobalArgs::default() };
        config_path(&globals, &environment).ok()
    };
    let all = Environment {
        config: Some("/e.yaml".into()),
        config_home: Some("/xdg".into()),
        home: Some("/home/ada".into()),
        ..Environment::default()
    };
    assert_eq!(path(Some("/f.yaml"), all.clone()), Some("/f.yaml".into()));
    assert_eq!(path(None, all.clone()), Some("/e.yaml".into()));
    let all = Environment { config: None, ..all };
    assert_eq!(path(None, all.clone()), Some("/xdg/pgbelay/config.yaml".into()));
    let all = Environment { config_home: None, ..all };
    assert_eq!(path(None, all), Some("/home/ada/.config/pgbelay/config.yaml".into()));
    assert_eq!(path(None, Environment::default()), None);
}

#[test]
fn contexts_are_kept_and_the_first_is_current() -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let place = dir.path().join("new/config.yaml");
    let mut contexts = Contexts::load(&place)?;
    assert_eq!(contexts, Contexts::default());
    contexts.put(context("one", None));
    contexts.put(context("two", Some("host:1")));
    contexts.put(context("two", Some("host:2")));
    contexts.save(&place)?;
    let loaded = Contexts::load(&place)?;
    assert_eq!(loaded, contexts);
    assert_eq!(loaded.find(None, &place)?.name, "one");
    assert_eq!(loaded.find(Some("two"), &place)?.controller.as_deref(), Some("host:2"));
    let unknown = loaded.find(Some("three"), &place).unwrap_err();
    assert_eq!(unknown.kind, ErrorKind::Usage);
    assert!(unknown.cause.unwrap().ends_with("has: one, two"));
    Ok(())
}

#[test]
fn a_context_may_name_another_address_than_the_credentials() -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    credentials(&dir.path().join("ada.json"), "db:7420");
    let place = dir.path().join("config.yaml");
    assert_eq!(context("one", None).access(&place)?.controller, "db:7420");
    assert_eq!(context("one", Some("tunnel:1")).access(&place)?.controller, "tunnel:1");
    assert_eq!(context("one", Some("tunnel")).access(&place).unwrap_err().kind, ErrorKind::Usage);
    Ok(())
}

#[test]
fn credentials_that_others_can_read_are_refused_with_the_remedy() -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let path = dir.path().join("ada.json");
    credentials(&path, "db:7420");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644))?;
    let environment = Environment { credentials: Some(path.clone()), ..Environment::default() };
    let error = access(&GlobalArgs::default(), &environment).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Usage);
    assert!(error.message.contains("mode 0644"), "{}", error.message);
    assert!(error.hint.unwrap().starts_with(&format!("chmod 600 {}", path.display())));
    Ok(())
}

#[test]
fn nothing_chosen_says_how_to_choose() {
    let error = Contexts::default().find(None, Path::new("config.yaml")).unwrap_err();
    assert!(error.hint.unwrap().contains("pgbelay context add"));
}

#[test]
fn a_file_with_a_mistake_names_it() -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let place = dir.path().join("config.yaml");
    fs::write(&place, "contexts:\n  - name: a\n    credential: x\n")?;
    let error = Contexts::load(&place).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Usage);
    assert!(error.cause.unwrap().contains("credential"));
    Ok(())
}
