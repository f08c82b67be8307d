//! Who gets through to what: every method, for every kind of identity.

use http::header::CONTENT_TYPE;
use pgbelay_controller::ca::CertificateAuthority;
use pgbelay_controller::clock;
use pgbelay_controller::rpc::gate::{AUDIENCES, Audience};
use pgbelay_core::access::Role;
use pgbelay_core::time::Span;
use pgbelay_proto::csr::new_key_and_csr;
use pgbelay_proto::tls::Credentials;
use pgbelay_proto::wire;
use tokio::time::timeout;
use tonic::Code;
use tower::ServiceExt as _;

use super::world::{PATIENCE, World, refusal, until};

const HEALTH: &str = "/grpc.health.v1.Health/Check";
const REFLECTION: &str = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";

/// An empty message, which most services find something to say against.
const EMPTY: &str = "\0\0\0\0\0";

/// The code that a call begins with, on a connection of its own.
async fn code(world: &World, credentials: &Credentials, path: &str) -> anyhow::Result<Code> {
    let request = http::Request::post(format!("http://controller.pgbelay{path}"))
        .header(CONTENT_TYPE, "application/grpc")
        .header("te", "trailers")
        .body(tonic::body::Body::new(EMPTY.to_owned()))?;
    let channel = world.dial(credentials).await?;
    let response = timeout(PATIENCE, channel.oneshot(request)).await??;
    let status = tonic::Status::from_header_map(response.headers());
    Ok(status.map_or(Code::Ok, |status| status.code()))
}

enum Who {
    Agent,
    Operator(Role),
    Nobody,
}

fn may_call(who: &Who, audience: Audience) -> bool {
    match (who, audience) {
        (Who::Nobody, _) => false,
        (_, Audience::Everybody) | (Who::Agent, Audience::Agents) => true,
        (Who::Operator(role), Audience::Operators(needed)) => role.covers(needed),
        (Who::Agent, Audience::Operators(_)) | (Who::Operator(_), Audience::Agents) => false,
    }
}

#[tokio::test]
async fn every_method_is_for_its_audience_and_nobody_else() -> anyhow::Result<()> {
    let world = World::start().await?;
    let mut people = vec![(Who::Operator(Role::Admin), world.admin_file()?.credentials)];
    for role in [Role::Viewer, Role::Operator, Role::Approver] {
        people.push((Who::Operator(role), world.add_operator(role.as_str(), role.as_str(), &[]).await?));
    }
    people.push((Who::Agent, world.agent("orders", "staging").await?.credentials));
    people.push((Who::Nobody, never_added(&world)?));
    let helpers = [(HEALTH, Audience::Everybody), (REFLECTION, Audience::Operators(Role::Viewer))];
    for (who, credentials) in &people {
        for (path, audience) in AUDIENCES.iter().chain(&helpers) {
            let code = code(&world, credentials, path).await?;
            let refused = code == Code::PermissionDenied;
            let name = credentials.identity()?.identity;
            assert_eq!(!refused, may_call(who, *audience), "{name} called {path}: {code:?}");
        }
    }
    Ok(())
}

/// A certificate of the controller's CA that the ledger knows nothing of.
fn never_added(world: &World) -> anyhow::Result<Credentials> {
    let ca_pem = std::fs::read_to_string(world.home.ca_certificate())?;
    let key = std::fs::read_to_string(world.home.ca_key())?;
    let authority = CertificateAuthority::load(&ca_pem, &key)?;
    let (key_pem, csr) = new_key_and_csr()?;
    let identity = "pgbelay://operator/ghost".parse()?;
    let certificate_pem = authority.sign_csr(&csr, &identity, clock::now(), Span::hours(1))?.certificate_pem;
    Ok(Credentials { ca_pem, certificate_pem, key_pem })
}

#[tokio::test]
async fn what_is_in_no_table_does_not_exist() -> anyhow::Result<()> {
    let world = World::start().await?;
    let admin = world.admin_file()?.credentials;
    for path in [
        "/",
        "/pgbelay.v1.OperatorService/DropEverything",
        "/pgbelay.v1.OperatorService/Status/",
        "/pgbelay.v1.EnrolmentService/Enrol",
        "/grpc.health.v1.Healthy/Check",
    ] {
        assert_eq!(code(&world, &admin, path).await?, Code::Unimplemented, "{path}");
    }
    Ok(())
}

/// The refusal must not be lost in what the client is still sending.
#[tokio::test]
async fn a_refusal_arrives_although_the_request_goes_on() -> anyhow::Result<()> {
    let world = World::start().await?;
    let viewer = world.add_operator("vera", "viewer", &[]).await?;
    let mut client = world.operators(&viewer).await?;
    let file = |n: u32| wire::MigrationFile {
        version: n.to_string(),
        name: "m".to_owned(),
        up: "x".repeat(100 << 10),
        down: None,
        ..wire::MigrationFile::default()
    };
    let files = tokio_stream::iter((0..200).map(file));
    let status = refusal(timeout(PATIENCE, client.push_release(files)).await?.map_err(Into::into))?;
    assert_eq!(status.code(), Code::PermissionDenied, "{status:?}");
    Ok(())
}

#[tokio::test]
async fn an_operator_with_new_credentials_loses_the_old_ones_and_their_streams() -> anyhow::Result<()> {
    let world = World::start().await?;
    let mut agent = world.agent("orders", "staging").await?.connect(&world).await?;
    let (rollout, _) = agent.with_command(&world).await?;
    let old = world.add_operator("vera", "viewer", &[]).await?;
    let mut client = world.operators(&old).await?;
    for _ in 0..10 {
        client.show_policy(wire::ShowPolicyRequest {}).await?;
    }
    let mut watch = client.watch_rollout(wire::RolloutRequest { rollout }).await?.into_inner();
    watch.message().await?;

    let new = world.add_operator("vera", "viewer", &[]).await?;
    let ended = timeout(PATIENCE, async { while let Ok(Some(_)) = watch.message().await {} }).await;
    assert!(ended.is_ok(), "the stream of the old certificate goes on");
    let mut client = world.operators(&old).await?;
    let status = refusal(client.show_policy(wire::ShowPolicyRequest {}).await.map_err(Into::into))?;
    assert_eq!(status.code(), Code::PermissionDenied);
    world.operators(&new).await?.show_policy(wire::ShowPolicyRequest {}).await?;
    Ok(())
}

#[tokio::test]
async fn an_operator_who_is_revoked_is_out_with_every_stream() -> anyhow::Result<()> {
    let world = World::start().await?;
    let mut agent = world.agent("orders", "staging").await?.connect(&world).await?;
    let (rollout, _) = agent.with_command(&world).await?;
    let vera = world.add_operator("vera", "viewer", &["staging"]).await?;
    let mut client = world.operators(&vera).await?;
    let mut watch = client.watch_rollout(wire::RolloutRequest { rollout }).await?.into_inner();
    watch.message().await?;

    let mut admin = world.admin().await?;
    let revoke = |name: &str| wire::RevokeOperatorRequest { name: name.into(), reason: "has left".into() };
    let operators = admin.revoke_operator(revoke("vera")).await?.into_inner().operators;
    let seen: Vec<_> = operators
        .iter()
        .map(|o| (o.name.as_str(), o.role.as_str(), o.environments.join(","), o.state.as_str()))
        .collect();
    let root = ("root", "admin", String::new(), "active");
    assert_eq!(seen, [root, ("vera", "viewer", "staging".to_owned(), "revoked")]);
    let listed = admin.list_operators(wire::ListOperatorsRequest {}).await?.into_inner().operators;
    assert_eq!(listed, operators);

    let ended = timeout(PATIENCE, async { while let Ok(Some(_)) = watch.message().await {} }).await;
    assert!(ended.is_ok(), "the stream of a revoked operator goes on");
    let mut back = world.operators(&vera).await?;
    let status = refusal(back.list_operators(wire::ListOperatorsRequest {}).await.map_err(Into::into))?;
    assert_eq!(status.code(), Code::PermissionDenied);

    let status = refusal(admin.revoke_operator(revoke("root")).await.map_err(Into::into))?;
    assert!(status.message().contains("last admin"), "{status:?}");
    admin.list_operators(wire::ListOperatorsRequest {}).await?;
    Ok(())
}

/// While the ledger is read, the controller says that it is not ready; afterwards that it is.
#[tokio::test]
async fn nothing_is_served_before_the_ledger_has_been_read() -> anyhow::Result<()> {
    use pgbelay_controller::server::{Options, Sockets, run};
    use tokio::net::TcpListener;
    use tokio_util::sync::CancellationToken;
    use tonic_health::pb::health_check_response::ServingStatus;
    use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

    let mut world = World::start().await?;
    world.stop().await?;
    // Whoever writes to the file makes the controller wait for it.
    let writer = rusqlite::Connection::open(world.home.ledger())?;
    writer.execute_batch("BEGIN IMMEDIATE")?;
    let sockets = Sockets {
        main: TcpListener::bind("127.0.0.1:0").await?,
        enrolment: TcpListener::bind("127.0.0.1:0").await?,
        metrics: None,
    };
    world.main = sockets.main.local_addr()?;
    let (home, settings, shutdown) = (world.home.clone(), world.settings.clone(), CancellationToken::new());
    let stop = shutdown.clone();
    let running =
        tokio::spawn(async move { Box::pin(run(&home, &settings, sockets, Options::default(), stop)).await });

    let mut health = HealthClient::new(world.dial(&world.admin_file()?.credentials).await?);
    let mut status = async |service: &str| {
        let request = HealthCheckRequest { service: service.to_owned() };
        anyhow::Ok(health.check(request).await?.into_inner().status())
    };
    for service in ["", "pgbelay.v1.OperatorService", "pgbelay.v1.AgentService"] {
        assert_eq!(status(service).await?, ServingStatus::NotServing, "{service}");
    }
    let mut admin = world.admin().await?;
    let refused = refusal(admin.show_policy(wire::ShowPolicyRequest {}).await.map_err(Into::into))?;
    assert_eq!(refused.code(), Code::Unavailable, "{refused:?}");

    writer.execute_batch("ROLLBACK")?;
    until("it serves", async || Ok(status("").await? == ServingStatus::Serving)).await?;
    admin.show_policy(wire::ShowPolicyRequest {}).await?;
    shutdown.cancel();
    Ok(timeout(PATIENCE, running).await???)
}
