//! Servers that cannot be used, and what is said of them.

use pgbelay_agent::database::{Secret, Target, inspect};
use pgbelay_core::command::FailureKind;

use crate::proxy::{Fate, Proxy};
use crate::world::{World, failed, table};

async fn refused(target: &Target) -> String {
    inspect(target).await.unwrap_err().to_string()
}

#[tokio::test]
async fn each_mistake_is_told_apart_and_without_the_password() -> anyhow::Result<()> {
    let world = World::new().await?;
    let target = &world.target;
    let wrong = Target { password: Some(Secret::new("hunter2")), ..target.clone() };
    let cases = [
        (wrong, "does not accept the password for user belay"),
        (Target { password: None, ..target.clone() }, "does not accept the password for user belay"),
        (Target { name: "nix".into(), ..target.clone() }, "there is no database nix"),
        (Target { port: 1, ..target.clone() }, "port 1 cannot be reached"),
        (Target { host: "no-such-host.invalid".into(), ..target.clone() }, "cannot be reached"),
        (Target { host: "/no/such/directory".into(), ..target.clone() }, "cannot be reached"),
    ];
    for (target, told) in cases {
        let said = refused(&target).await;
        assert!(said.contains(told), "{said}");
        assert!(!said.contains("hunter2") && !format!("{target:?}").contains("hunter2"), "{said}");
    }
    let order = world.up(&[table("001", "a")]).await?;
    let gone = Target { port: 1, ..target.clone() };
    let (_, failure) = failed(world.run_at(&gone, &order).await);
    assert_eq!(failure.kind, FailureKind::Connection);
    Ok(())
}

#[tokio::test]
async fn a_socket_works_as_well() -> anyhow::Result<()> {
    let world = World::new().await?;
    let host = world.cluster.directory().to_string_lossy().into_owned();
    assert_eq!(inspect(&Target { host, ..world.target.clone() }).await?, world.seen().await?);
    Ok(())
}

#[tokio::test]
async fn a_pooling_proxy_is_refused() -> anyhow::Result<()> {
    let world = World::new().await?;
    let proxy = Proxy::start(world.cluster.port(), Fate::OtherProcess).await?;
    let said = refused(&Target { port: proxy.port, ..world.target.clone() }).await;
    assert!(said.contains("pooling proxy"), "{said}");
    assert!(said.contains("set database.host and database.port (MCP_DB_HOST, MCP_DB_PORT)"), "{said}");
    Ok(())
}

#[tokio::test]
async fn a_standby_is_refused() -> anyhow::Result<()> {
    let mut world = World::new().await?;
    world.cluster.stop_immediate()?;
    let data = world.cluster.directory().join("data");
    std::fs::write(data.join("standby.signal"), "")?;
    world.cluster.start_again().await?;
    let said = refused(&world.target).await;
    assert!(said.contains("standby"), "{said}");
    assert!(said.contains("to those of the primary"), "{said}");
    Ok(())
}

#[tokio::test]
async fn a_user_who_may_not_make_a_schema_is_told_how() -> anyhow::Result<()> {
    let world = World::new().await?;
    world.client().await?.batch_execute("CREATE ROLE weak LOGIN PASSWORD 'w'").await?;
    let order = world.up(&[table("001", "a")]).await?;
    let weak = Target { user: "weak".into(), password: Some(Secret::new("w")), ..world.target.clone() };
    let (_, failure) = failed(world.run_at(&weak, &order).await);
    assert!(failure.message.contains("own tables cannot be made"), "{failure:?}");
    assert!(failure.hint.unwrap().contains("GRANT CREATE ON DATABASE"));
    Ok(())
}
