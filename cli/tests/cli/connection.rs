//! Getting to the controller, and not getting there.

use pgbelay::Environment;
use tokio::net::TcpListener;

use crate::controller::{Controller, Script};
use crate::person::{program, script_in, unread, with_credentials};

#[tokio::test]
async fn a_controller_that_is_not_there_ends_with_seven() -> anyhow::Result<()> {
    let controller = Controller::start(Script::default()).await?;
    let nobody = TcpListener::bind("127.0.0.1:0").await?.local_addr()?;
    let path = controller.credentials()?;
    let text = std::fs::read_to_string(&path)?.replace(&controller.address, &nobody.to_string());
    std::fs::write(&path, text)?;
    let seen = script_in(&["status"], with_credentials(&path)).await;
    assert_eq!((seen.code, seen.out.as_str()), (7, ""));
    assert!(
        seen.err.contains(&format!("error: the controller at {nobody} cannot be reached")),
        "{}",
        seen.err
    );
    assert!(seen.err.contains("why: ") && seen.err.contains("next: "), "{}", seen.err);
    let seen = script_in(&["status", "-o", "json"], with_credentials(&path)).await;
    let error = seen.error();
    assert_eq!((&error["error"]["kind"], &error["error"]["exit_code"]), (&"unreachable".into(), &7.into()));
    Ok(())
}

#[tokio::test]
async fn certificates_that_do_not_fit_end_with_seven_and_say_whose() -> anyhow::Result<()> {
    let controller = Controller::start(Script::default()).await?;
    let seen = script_in(&["status"], with_credentials(&controller.foreign_credentials()?)).await;
    assert_eq!(seen.code, 7, "{seen:?}");
    assert!(
        seen.err.contains("refuses our certificate") && seen.err.contains("pgbelay operator add"),
        "{seen:?}"
    );
    let seen = script_in(&["status"], with_credentials(&controller.distrustful_credentials()?)).await;
    assert_eq!(seen.code, 7, "{seen:?}");
    assert!(seen.err.contains("is not trusted") && seen.err.contains("pgbelay context show"), "{seen:?}");
    assert_eq!(controller.asked(), [""; 0]);
    Ok(())
}

#[tokio::test]
async fn an_answer_that_is_lost_ends_with_seven() -> anyhow::Result<()> {
    let controller = Controller::start(Script { break_at: Some("status"), ..Script::default() }).await?;
    let seen = program(&controller, &["status"]).await?;
    assert_eq!(seen.code, 7, "{seen:?}");
    assert!(
        seen.err.contains(&format!("the controller at {} did not answer", controller.address)),
        "{seen:?}"
    );
    Ok(())
}

#[tokio::test]
async fn a_call_that_the_controller_does_not_know_is_told() -> anyhow::Result<()> {
    let controller = Controller::start(Script::default()).await?;
    let seen = program(&controller, &["history"]).await?;
    assert_eq!(seen.code, 2, "{seen:?}");
    assert!(seen.err.contains("not in the script"), "{seen:?}");
    Ok(())
}

#[tokio::test]
async fn a_reader_that_has_gone_away_is_no_failure() -> anyhow::Result<()> {
    let controller = Controller::start(Script::default()).await?;
    assert_eq!(unread(&controller, &["status"]).await?, 0);
    assert_eq!(unread(&controller, &["history"]).await?, 2);
    Ok(())
}

#[tokio::test]
async fn contexts_choose_the_controller() -> anyhow::Result<()> {
    let controller = Controller::start(Script::default()).await?;
    let credentials = controller.credentials()?;
    let environment = || Environment { home: Some(controller.dir().to_owned()), ..Environment::default() };
    let seen = script_in(&["status"], environment()).await;
    assert_eq!(seen.code, 2, "{seen:?}");
    assert!(seen.err.contains("pgbelay context add"), "{seen:?}");

    let path = credentials.display().to_string();
    let seen =
        script_in(&["context", "add", "work", "--credentials", &path, "-o", "json"], environment()).await;
    assert_eq!((seen.code, &seen.json()["current"]), (0, &"work".into()), "{seen:?}");
    let nowhere = ["context", "add", "away", "--credentials", &path, "--controller", "127.0.0.1:1"];
    assert_eq!(script_in(&nowhere, environment()).await.code, 0);

    assert_eq!(script_in(&["status"], environment()).await.code, 0);
    assert_eq!(script_in(&["status", "--context", "away"], environment()).await.code, 7);
    let by_variable = Environment { context: Some("away".into()), ..environment() };
    assert_eq!(script_in(&["status"], by_variable).await.code, 7);
    assert_eq!(script_in(&["status", "--context", "none"], environment()).await.code, 2);
    assert_eq!(script_in(&["context", "use", "away"], environment()).await.code, 0);
    assert_eq!(script_in(&["status"], environment()).await.code, 7);

    let shown = script_in(&["context", "show", "-o", "json"], environment()).await.json();
    assert_eq!((&shown["name"], &shown["operator"]), (&"away".into(), &"ada".into()));
    assert!(shown["certificate_until"].is_string(), "{shown}");
    let listed = script_in(&["context", "list"], environment()).await.out;
    assert!(listed.contains("*        away"), "{listed}");
    Ok(())
}
