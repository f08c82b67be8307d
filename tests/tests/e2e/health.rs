//! What load balancers and people with a gRPC client ask: is it well, and what can it do?

use std::pin::Pin;

use pgbelay_proto::tls::Credentials;
use pgbelay_tests::wait::{self, Look};
use pgbelay_tests::world::{PATIENCE, World, dial};
use tonic::codegen::{Body as _, Service as _, http};

/// A call without a generated client: a frame of gRPC is a zero, the length in four bytes, and the message. Answers
/// with the first bytes that come.
async fn call(credentials: &Credentials, world: &World, path: &str, frame: &str) -> anyhow::Result<Vec<u8>> {
    let mut channel = dial(world.listen, credentials).await?;
    let request = http::Request::post(format!("http://controller.pgbelay{path}"));
    let request = request.header("content-type", "application/grpc").header("te", "trailers");
    std::future::poll_fn(|context| channel.poll_ready(context)).await?;
    let response = channel.call(request.body(tonic::body::Body::new(frame.to_owned()))?).await?;
    if let Some(status) = tonic::Status::from_header_map(response.headers()) {
        return Err(status.into());
    }
    let mut body = response.into_body();
    let mut bytes = Vec::new();
    while let Some(part) = std::future::poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        bytes.extend(part?.data_ref().into_iter().flatten());
    }
    Ok(bytes)
}

/// What health answers: a frame with field 1, a number.
const SERVING: [u8; 7] = [0, 0, 0, 0, 2, 8, 1];
/// See [`SERVING`].
const NOT_SERVING: [u8; 7] = [0, 0, 0, 0, 2, 8, 2];

#[tokio::test]
async fn health_is_told_and_the_contract_is_shown_to_operators() -> anyhow::Result<()> {
    let mut world = World::start(&[("one", "staging")]).await?;
    let (admin, agent) = (world.admin_credentials()?, world.agent_credentials("one")?);
    let (health, nothing) = ("/grpc.health.v1.Health/Check", "\0\0\0\0\0");
    for credentials in [&admin, &agent] {
        assert_eq!(call(credentials, &world, health, nothing).await?, SERVING);
    }
    // Field 7: list the services.
    let (reflection, list) =
        ("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", "\0\0\0\0\x02\x3a\0");
    let services = call(&admin, &world, reflection, list).await?;
    assert!(String::from_utf8_lossy(&services).contains("pgbelay.v1.OperatorService"));
    let refused = call(&agent, &world, reflection, list).await.unwrap_err();
    let code = refused.downcast_ref::<tonic::Status>().map(tonic::Status::code);
    assert_eq!(code, Some(tonic::Code::PermissionDenied), "{refused:#}");
    world.kill_controller()?;
    let start = world.start_controller();
    start.await?;
    wait::until("it serves again", PATIENCE, async || {
        let answer = call(&admin, &world, health, nothing).await?;
        Ok(match answer {
            answer if answer == SERVING => Look::Done(()),
            answer if answer == NOT_SERVING => Look::not_yet("not serving"),
            answer => Look::Never(format!("{answer:?}")),
        })
    })
    .await
}
