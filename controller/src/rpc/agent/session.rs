//! One agent's stream, from its hello to its end.

use std::time::Duration;

use pgbelay_proto::wire;
use pgbelay_proto::wire::agent_message::Message as FromAgent;
use pgbelay_proto::wire::controller_message::Message as ToAgent;
use tokio::time::timeout;
use tonic::{Status, Streaming};

use super::talk::Talk;
use crate::rpc::{Services, stopping};

/// How long an agent is given to read why its stream has ended, before its connection is closed: a slow round trip.
const LINGER: Duration = Duration::from_secs(2);

/// How long agents stay away when the controller stops: a restart takes a second or two, and they come back
/// spread out.
const STAY_AWAY_MS: std::ops::Range<u64> = 1_000..4_000;

/// One agent's stream.
pub(super) struct Session {
    pub(super) talk: Talk<Services>,
}

impl Session {
    /// Serves the stream to its end. The connection goes with it: there is nothing else that it is for.
    pub(super) async fn live(self, incoming: Streaming<wire::AgentMessage>) {
        let connection = self.talk.connection.clone();
        let outcome = tokio::select! {
            () = connection.closed() => Ok(()),
            outcome = self.serve(incoming) => outcome,
        };
        if let Err(status) = outcome {
            tracing::info!(database = %self.talk.database, why = status.message(), "an agent's session ended");
            self.talk.outbox.end(status);
            // The reason is of use only if it arrives.
            drop(timeout(LINGER, connection.closed()).await);
        }
        connection.close();
    }

    async fn serve(&self, mut incoming: Streaming<wire::AgentMessage>) -> Result<(), Status> {
        let hello = timeout(self.talk.desk.fleet.timing().hello, first(&mut incoming)).await;
        let hello = hello.map_err(|_| Status::deadline_exceeded("the agent did not say hello"))??;
        let seat = self.talk.hello(hello).await?;
        tracing::info!(database = %self.talk.database, "agent connected");
        self.listen(seat.number, &mut incoming).await
    }

    async fn listen(&self, number: u64, incoming: &mut Streaming<wire::AgentMessage>) -> Result<(), Status> {
        loop {
            let message = tokio::select! {
                () = self.talk.desk.stop.cancelled() => return Err(self.send_away()),
                message = incoming.message() => message?,
            };
            let Some(message) = message else { return Ok(()) };
            self.talk.heard(number, message).await?;
        }
    }

    fn send_away(&self) -> Status {
        let after_ms = rand::random_range(STAY_AWAY_MS);
        self.talk.outbox.try_send(ToAgent::Drain(wire::Drain { after_ms }));
        stopping()
    }
}

async fn first(incoming: &mut Streaming<wire::AgentMessage>) -> Result<wire::Hello, Status> {
    match incoming.message().await? {
        Some(wire::AgentMessage { message: Some(FromAgent::Hello(hello)) }) => Ok(hello),
        Some(_) | None => Err(Status::invalid_argument("the first message must be a hello")),
    }
}
