//! Arguments, and the commands that ask one thing and print the answer.

use std::os::unix::fs::MetadataExt;

use pgbelay_proto::credentials::CredentialsFile;
use pgbelay_proto::wire::{DatabaseView, StatusResponse};

use crate::controller::{Controller, Script};
use crate::person::{person, program, script};

#[tokio::test]
async fn a_wrong_command_line_ends_with_two() {
    let wrong: [&[&str]; 20] = [
        &[],
        &["frobnicate"],
        &["plan"],
        &["migrate"],
        &["promote", "staging"],
        &["rollback", "--env", "staging"],
        &["adopt"],
        &["adopt", "--env", "staging", "--from", "atlas"],
        &["baseline", "--env", "staging"],
        &["rollback", "--env", "staging", "--target", "v5"],
        &["plan", "--env", "no spaces"],
        &["status", "-l", "region"],
        &["migrate", "--env", "staging", "--dry-run", "--force"],
        &["operator", "add", "bob", "--role", "king", "--out", "x"],
        &["status", "--output", "xml"],
        &["status", "--output", "sarif"],
        &["lint", "--output", "xml"],
        &["lint", "--pg-version", "11"],
        &["lint", "--fail-on", "info"],
        &["explain", "no-such-hazard"],
    ];
    for args in wrong {
        let seen = script(args).await;
        assert_eq!((seen.code, seen.out.as_str()), (2, ""), "{args:?}");
        assert!(!seen.err.is_empty(), "{args:?}");
    }
}

#[tokio::test]
async fn a_wrong_command_line_is_json_for_programs() {
    for args in [["status", "--nonsense", "--output", "json"], ["-o", "json", "plan", "--nonsense"]] {
        let error = script(&args).await.error();
        assert_eq!((&error["error"]["kind"], &error["error"]["exit_code"]), (&"usage".into(), &2.into()));
    }
}

#[tokio::test]
async fn help_and_version_are_answers() {
    let seen = script(&["--help"]).await;
    assert_eq!((seen.code, seen.err.as_str()), (0, ""));
    for part in ["Examples:", "Exit codes:", "PGBELAY_CREDENTIALS", "waits for approval"] {
        assert!(seen.out.contains(part), "{part} is missing in {}", seen.out);
    }
    assert!(!seen.out.contains('\u{1b}'), "no terminal, no colour");
    assert_eq!(script(&["--version"]).await.code, 0);
    for command in [
        "status",
        "plan",
        "migrate",
        "promote",
        "rollback",
        "approve",
        "history",
        "completion",
        "lint",
        "explain",
    ] {
        let seen = script(&[command, "--help"]).await;
        assert!(seen.code == 0 && seen.out.contains("Examples:"), "{command}");
    }
}

#[tokio::test]
async fn every_usual_shell_has_a_completion() {
    for shell in ["bash", "zsh", "fish"] {
        let seen = script(&["completion", shell]).await;
        assert_eq!(seen.code, 0);
        assert!(["rollback", "lint", "explain"].iter().all(|command| seen.out.contains(command)), "{shell}");
    }
}

fn fleet() -> StatusResponse {
    let database = DatabaseView {
        name: "orders-1".into(),
        environment: "staging".into(),
        health: "ok".into(),
        ..DatabaseView::default()
    };
    StatusResponse {
        databases: vec![database],
        ledger_problem: String::new(),
        freezes: Vec::new(),
        considered: 1,
    }
}

#[tokio::test]
async fn status_is_asked_for_what_was_named_and_printed_as_it_came() -> anyhow::Result<()> {
    let controller = Controller::start(Script { status: fleet(), ..Script::default() }).await?;
    let seen =
        program(&controller, &["status", "orders-1", "--env", "staging", "-l", "a=b", "-o", "json"]).await?;
    assert_eq!((seen.code, seen.err.as_str()), (0, ""));
    assert_eq!(seen.json(), serde_json::to_value(fleet())?);
    assert_eq!(controller.asked(), ["status orders-1 staging a=b"]);
    Ok(())
}

#[tokio::test]
async fn colour_is_for_terminals_that_want_it() -> anyhow::Result<()> {
    let controller = Controller::start(Script { status: fleet(), ..Script::default() }).await?;
    assert!(person(&controller, &["status"], "").await?.out.contains("\u{1b}["));
    assert!(!person(&controller, &["status", "--no-color"], "").await?.out.contains('\u{1b}'));
    assert!(!program(&controller, &["status"]).await?.out.contains('\u{1b}'));
    Ok(())
}

#[tokio::test]
async fn a_new_operator_gets_a_file_that_only_its_owner_reads() -> anyhow::Result<()> {
    let controller = Controller::start(Script::default()).await?;
    let out = controller.dir().join("bob.json");
    let path = out.display().to_string();
    let args =
        ["operator", "add", "bob", "--role", "approver", "--env", "staging", "--out", &path, "-o", "json"];
    let seen = program(&controller, &args).await?;
    assert_eq!(seen.code, 0, "{seen:?}");
    assert_eq!(seen.json()["credentials_file"], path.as_str());
    let file = CredentialsFile::load(&out)?;
    assert_eq!((file.operator.as_str(), &file.controller), ("bob", &controller.address));
    assert!(file.credentials.key_pem.expose().contains("PRIVATE KEY"));
    assert!(!seen.out.contains("PRIVATE KEY"));
    assert_eq!(std::fs::metadata(&out)?.mode() & 0o777, 0o600);
    assert_eq!(controller.asked(), ["operator bob approver staging"]);

    let again = program(&controller, &args).await?;
    assert_eq!(again.code, 2, "an existing file is not overwritten");
    assert_eq!(controller.asked().len(), 1, "and nothing is issued");
    Ok(())
}

#[tokio::test]
async fn an_operator_is_revoked_with_a_reason() -> anyhow::Result<()> {
    let controller = Controller::start(Script::default()).await?;
    let args = ["operator", "revoke", "bob", "--reason", "has left"];
    let seen = program(&controller, &args).await?;
    assert_eq!(seen.code, 0, "{seen:?}");
    assert!(seen.out.contains("bob") && seen.out.contains("revoked"), "{}", seen.out);
    let seen = program(&controller, &[&args[..], &["-o", "json"]].concat()).await?;
    assert_eq!((&seen.json()["operators"][0]["name"], seen.code), (&"bob".into(), 0));
    assert_eq!(controller.asked(), ["revoke-operator bob has left"; 2]);
    Ok(())
}

#[tokio::test]
async fn a_token_is_made_for_a_database_with_its_labels() -> anyhow::Result<()> {
    let controller = Controller::start(Script::default()).await?;
    let seen =
        program(&controller, &["token", "create", "orders-1", "--env", "staging", "-l", "region=eu"]).await?;
    assert_eq!(seen.code, 0, "{seen:?}");
    assert!(seen.out.starts_with("pgb1.x\n"), "{}", seen.out);
    assert_eq!(controller.asked(), [r#"token orders-1 staging {"region": "eu"}"#]);
    Ok(())
}

#[tokio::test]
async fn a_policy_is_sent_as_it_stands_in_its_file() -> anyhow::Result<()> {
    let controller = Controller::start(Script::default()).await?;
    let file = controller.dir().join("policy.yaml");
    std::fs::write(&file, "environments: [{name: staging}]\n")?;
    let seen = program(&controller, &["policy", "apply", &file.display().to_string()]).await?;
    assert_eq!((seen.code, seen.out.as_str()), (0, "Policy version 2 is now in force.\n"));
    assert_eq!(controller.asked(), ["policy environments: [{name: staging}]"]);
    assert_eq!(program(&controller, &["policy", "apply", "/no-such-file"]).await?.code, 2);
    Ok(())
}

#[tokio::test]
async fn a_policy_with_mistakes_is_not_sent() -> anyhow::Result<()> {
    let controller = Controller::start(Script::default()).await?;
    let path = controller.dir().join("policy.yaml");
    std::fs::write(&path, "environments:\n- name: a\n  aprovals: 1\n  max_parallel: 0\n")?;
    let file = path.display().to_string();
    for command in ["apply", "diff"] {
        let seen = program(&controller, &["policy", command, &file]).await?;
        assert_eq!(seen.code, 2, "{seen:?}");
        for words in [
            "has 2 mistakes",
            "policy.yaml:3:3: a: there is no key aprovals; did you mean approvals?",
            "3 |   aprovals: 1",
            "policy.yaml:4:17: a: max_parallel must be from 1 to 1000",
            "nothing was sent",
        ] {
            assert!(seen.err.contains(words), "{words}: {}", seen.err);
        }
    }
    assert_eq!(controller.asked(), Vec::<String>::new());
    Ok(())
}

#[tokio::test]
async fn a_policy_is_checked_without_a_controller_or_a_configuration() -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let path = dir.path().join("policy.yaml");
    std::fs::write(&path, "environments:\n- name: a\n  approvals: 11\n")?;
    let file = path.display().to_string();
    let alone = async |args: &[&str]| script(&[&["policy", "check", &file], args].concat()).await;
    let seen = alone(&[]).await;
    assert_eq!(seen.code, 2, "{seen:?}");
    assert!(
        seen.out.contains("policy.yaml:3:14: a: approvals must be from 0 to 10\n3 |   approvals: 11\n"),
        "{seen:?}"
    );
    let seen = alone(&["--output", "json"]).await;
    assert_eq!((seen.code, seen.err.as_str()), (2, ""));
    let found: serde_json::Value = serde_json::from_str(&seen.out)?;
    let expected = serde_json::json!([{
        "line": 3, "column": 14, "path": "environments[0].approvals", "message": "a: approvals must be from 0 to 10",
    }]);
    assert_eq!(found["mistakes"], expected);
    std::fs::write(&path, "environments:\n- name: a\n  approvals: 1\n")?;
    let seen = alone(&[]).await;
    assert_eq!(seen.code, 0, "{seen:?}");
    assert!(seen.out.contains("a good policy of 1 environment.\na: approvals: 1\n"), "{seen:?}");
    assert_eq!(script(&["policy", "check", "/no-such-file"]).await.code, 2);
    Ok(())
}

#[tokio::test]
async fn a_difference_has_a_code_of_its_own() -> anyhow::Result<()> {
    let controller = Controller::start(Script::default()).await?;
    let path = controller.dir().join("policy.yaml");
    std::fs::write(&path, "environments: [{name: a}]\n")?;
    let file = path.display().to_string();
    let diff = async |args: &[&str]| program(&controller, &[&["policy", "diff"], args].concat()).await;
    assert_eq!(diff(&[&file]).await?.code, 6);
    assert_eq!(diff(&[&file, "--version", "3"]).await?.code, 6);
    assert_eq!(diff(&["--from", "3", "--to", "3"]).await?.code, 0);
    let asked = ["diff 0 0 environments: [{name: a}]", "diff 3 0 environments: [{name: a}]", "diff 3 3"];
    assert_eq!(controller.asked(), asked);
    for wrong in [&[][..], &["--version", "3"], &[&file, "--to", "3"], &["--to", "0"]] {
        assert_eq!(diff(wrong).await?.code, 2, "{wrong:?}");
    }
    Ok(())
}
