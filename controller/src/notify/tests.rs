//! Settings that make no sense, and what is told of them.

use std::path::PathBuf;

use super::endpoint::Endpoint;
use super::settings::{EndpointSettings, Notifications, SecretText};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

fn endpoint() -> EndpointSettings {
    EndpointSettings {
        name: "ops".to_owned(),
        url: SecretText::new("https://hooks.example.com/T0/hunter2"),
        secret: Some(SecretText::new(SECRET)),
        secret_file: None,
        format: "generic".to_owned(),
        kinds: Vec::new(),
        environments: Vec::new(),
        ca: None,
        plain_http: false,
    }
}

fn mistakes(endpoints: Vec<EndpointSettings>) -> Vec<String> {
    Notifications { notify_before: None, endpoints }.mistakes()
}

#[test]
fn a_sound_section_reads() {
    let yaml = "notify_before: 30m\nendpoints:\n- name: ops\n  url: https://hooks.example.com/a\n  secret_file: hook.secret\n  kinds: [rollout-failed]\n  environments: [production]\n- name: chat\n  url: https://hooks.slack.com/services/x\n  format: slack\n";
    let read: Notifications = serde_saphyr::from_str(yaml).unwrap();
    assert_eq!(read.mistakes(), Vec::<String>::new());
    assert_eq!((read.endpoints.len(), read.before()), (2, pgbelay_core::time::Span::seconds(1_800)));
    let again: Notifications = serde_saphyr::from_str(&serde_saphyr::to_string(&read).unwrap()).unwrap();
    assert_eq!(again, read);
}

#[test]
fn everything_that_is_wrong_is_said_by_key_and_never_by_value() {
    let wrong = EndpointSettings {
        name: "no/name".to_owned(),
        secret_file: Some(PathBuf::from("hunter2")),
        format: "hunter2".to_owned(),
        kinds: vec!["hunter2".to_owned()],
        environments: vec!["hunter2/x".to_owned()],
        ..endpoint()
    };
    let unsigned = EndpointSettings { secret: None, ..endpoint() };
    let found = mistakes(vec![wrong, unsigned, endpoint()]);
    let expected = [
        "notifications.endpoints[0].name must be a name",
        "notifications.endpoints[0].format must be generic or slack",
        "notifications.endpoints[0].secret and secret_file exclude each other",
        "notifications.endpoints[0].kinds may have plan-created",
        "notifications.endpoints[0].environments must be names",
        "notifications.endpoints[1].secret or secret_file must be there",
        "notifications.endpoints[2].name is that of another endpoint",
    ];
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for (found, expected) in found.iter().zip(expected) {
        assert!(found.starts_with(expected) && !found.contains("hunter2"), "{found}");
    }
}

#[track_caller]
fn refused(settings: &EndpointSettings, why: &str) {
    let dir = tempfile::tempdir().unwrap();
    let Err(found) = Endpoint::load(settings, 3, dir.path()) else { panic!("{why}: it was taken") };
    let [found] = found.as_slice() else { panic!("{found:#?}") };
    assert!(found.starts_with("notifications.endpoints[3].") && found.contains(why), "{found}");
    assert!(!found.contains("hunter2"), "{found}");
}

#[test]
fn addresses_files_and_secrets_that_cannot_be_used_are_refused() {
    let at = |url: &str| EndpointSettings { url: SecretText::new(url), ..endpoint() };
    refused(&at("http://hooks.example.com/hunter2"), "is plain http");
    refused(&at("ftp://hooks.example.com/hunter2"), "must begin with https://");
    refused(&at("hunter2"), "must begin with https://");
    refused(&at("https://ada:hunter2@hooks.example.com/"), "must not have a user or password");
    refused(&at("https://hunter 2"), "must be an address");
    let secret = EndpointSettings { secret: Some(SecretText::new("hunter2")), ..endpoint() };
    refused(&secret, "secret must be whsec_");
    let file = EndpointSettings { secret: None, secret_file: Some(PathBuf::from("gone")), ..endpoint() };
    refused(&file, "secret_file cannot be read");
    refused(
        &EndpointSettings { ca: Some(PathBuf::from("gone.pem")), ..endpoint() },
        "gone.pem cannot be read",
    );
}

#[test]
fn no_log_shows_an_address_or_a_secret() {
    let shown = format!("{:?}", Notifications { notify_before: None, endpoints: vec![endpoint()] });
    assert!(!shown.contains("hunter2") && !shown.contains(SECRET), "{shown}");
}
