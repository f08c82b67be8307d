//! One connection, from the dial to its end.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use pgbelay_core::database::Observation;
use pgbelay_core::witness::Checkpoint;
use pgbelay_proto::channel::{DialError, DialLimits, dial};
use pgbelay_proto::tls::client_config;
use pgbelay_proto::wire::agent_service_client::AgentServiceClient;
use pgbelay_proto::wire::{self, controller_message::Message};
use pgbelay_proto::{MAX_MESSAGE_BYTES, PROTOCOL};
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tonic::transport::Channel;
use tonic::{Status, Streaming};

use super::{Ended, Incoming, Keeper, Link, LinkEvent, Outbox, Remembered, renewal};
use crate::identity_files::{Slot, StoredIdentity};
use crate::words;
use crate::work::{NoAnswer, Site};

/// Shortest interval between heartbeats that a controller may ask for.
const MIN_HEARTBEAT: Duration = Duration::from_millis(10);

/// A stream on which the controller has said welcome.
struct Open {
    inbound: Streaming<wire::ControllerMessage>,
    outbox: Outbox,
    welcome: wire::Welcome,
    database_error: String,
}

impl<S: Site> Keeper<S> {
    /// Makes a connection and keeps it for as long as it lasts.
    pub(super) async fn connect_once(&self) -> Ended {
        let (slot, identity) = match self.files.load() {
            Ok(loaded) => loaded,
            Err(error) => return turned_away(words::line(&error), "enroll this agent"),
        };
        let cut = CancellationToken::new();
        let (channel, open) = match Box::pin(self.dial_and_open(&identity, cut.clone())).await {
            Ok(open) => open,
            Err(ended) => return self.without_successor(slot, ended),
        };
        if slot == Slot::Next
            && let Err(error) = self.files.promote_next()
        {
            tracing::error!(error = words::line(&error), "the renewed certificate is not yet in its place");
        }
        tracing::info!(controller = %self.controller, "connected to the controller");
        self.channel.send_replace(Some(channel.clone()));
        let ended = self.pump(open, channel, &identity, cut).await;
        // A dispatcher that is gone needs no news.
        let _ = self.events.send(LinkEvent::Down).await;
        ended
    }

    async fn dial_and_open(
        &self,
        identity: &StoredIdentity,
        cut: CancellationToken,
    ) -> Result<(Channel, Open), Ended> {
        let (channel, seen) = self.dial_and_look(identity).await?;
        let ca = &identity.credentials.ca_pem;
        let open = self.open(channel.clone(), cut, (seen, ca)).await?;
        Ok((channel, open))
    }

    /// A connection, and what the hello will say of the database. The dial comes first: a database is not looked at
    /// again and again because its controller is away. But a connection on which nothing is said for long is closed,
    /// so that after a long look, at a large schema, there is another dial.
    async fn dial_and_look(
        &self,
        identity: &StoredIdentity,
    ) -> Result<(Channel, Result<Observation, NoAnswer>), Ended> {
        let channel = self.dial(identity).await?;
        let mut look = pin!(self.site.inspect());
        if let Ok(seen) = timeout(self.timing.look, &mut look).await {
            return Ok((channel, seen));
        }
        drop(channel);
        let seen = timeout(self.timing.long_look, look).await;
        let late = |_| Err(NoAnswer("the database could not be read in time".to_owned()));
        Ok((self.dial(identity).await?, seen.unwrap_or_else(late)))
    }

    async fn dial(&self, identity: &StoredIdentity) -> Result<Channel, Ended> {
        let tls = client_config(&identity.credentials);
        let tls = tls.map_err(|error| turned_away(words::line(&error), "enroll this agent again"))?;
        let dialled = dial(&self.controller, Arc::new(tls), DialLimits::default()).await;
        dialled.map_err(|error: DialError| Ended::of_dial(&error))
    }

    /// A successor that is turned away may have been forgotten by the controller; what was there before counts.
    fn without_successor(&self, slot: Slot, ended: Ended) -> Ended {
        match (slot, ended) {
            (Slot::Next, Ended::TurnedAway { why, .. }) => match self.files.discard_next() {
                Ok(()) => Ended::SuccessorRefused { why },
                Err(error) => turned_away(words::line(&error), "check the state directory"),
            },
            (Slot::Next | Slot::Current, ended) => ended,
        }
    }

    /// Says hello and waits for the welcome.
    async fn open(
        &self,
        channel: Channel,
        cut: CancellationToken,
        (seen, ca): (Result<Observation, NoAnswer>, &str),
    ) -> Result<Open, Ended> {
        let (hello, database_error) = self.hello((seen, ca)).await?;
        let (outbox, outgoing) = Outbox::new(cut);
        outbox.hello(hello);
        let mut client = AgentServiceClient::new(channel)
            .max_decoding_message_size(MAX_MESSAGE_BYTES)
            .max_encoding_message_size(MAX_MESSAGE_BYTES);
        let greeted = async {
            let mut inbound = client.connect(outgoing).await?.into_inner();
            let first = inbound.message().await?;
            let first = first.inspect(|message| self.note(message, ca));
            Ok::<_, Status>((inbound, first.and_then(|message| message.message)))
        };
        let greeted = timeout(self.timing.welcome, greeted).await;
        let greeted = greeted.map_err(|_| Ended::lost("the controller said no welcome"))?;
        match greeted.map_err(|status| Ended::of_status(&status, Duration::ZERO))? {
            (_, Some(Message::Welcome(welcome))) if welcome.protocol != PROTOCOL => Err(turned_away(
                format!("the controller chose protocol {}, this agent speaks {PROTOCOL}", welcome.protocol),
                "upgrade the controller first, then its agents",
            )),
            (inbound, Some(Message::Welcome(welcome))) => {
                Ok(Open { inbound, outbox, welcome, database_error })
            }
            (_, Some(Message::Drain(drain))) => {
                Err(Ended::Drained { after: Duration::from_millis(drain.after_ms) })
            }
            (_, _) => Err(Ended::lost("the controller did not begin with a welcome")),
        }
    }

    /// What this agent is, sees and remembers; and why it does not see its database, if it does not.
    async fn hello(
        &self,
        (seen, ca): (Result<Observation, NoAnswer>, &str),
    ) -> Result<(wire::Hello, String), Ended> {
        let (ask, answer) = oneshot::channel();
        self.events.send(LinkEvent::Greeting(ask)).await.map_err(|_| Ended::Stopped)?;
        let Remembered { journal, jobs } = answer.await.map_err(|_| Ended::Stopped)?;
        let (observation, database_error) = match seen {
            Ok(seen) => (Some((&seen).into()), String::new()),
            Err(error) => (None, error.to_string()),
        };
        let hello = wire::Hello {
            protocol: Some(wire::ProtocolRange { min: PROTOCOL, max: PROTOCOL }),
            agent_version: env!("CARGO_PKG_VERSION").to_owned(),
            instance_id: self.instance_id.clone(),
            process_id: self.process_id.clone(),
            observation,
            database_error: database_error.clone(),
            journal,
            jobs,
            witness: self.witness.last(ca).as_ref().map(Into::into),
        };
        Ok((hello, database_error))
    }

    /// Keeps where the ledger is, if the message says so, before anything is made of the message.
    fn note(&self, message: &wire::ControllerMessage, ca: &str) {
        match message.checkpoint.clone().map(Checkpoint::try_from) {
            Some(Ok(checkpoint)) => self.witness.keep(checkpoint, ca),
            Some(Err(error)) => {
                tracing::warn!(%error, "what the controller told of its ledger is not understood");
            }
            None => {}
        }
    }

    /// Passes on what the controller says, until there is a reason to end the connection.
    async fn pump(
        &self,
        open: Open,
        channel: Channel,
        identity: &StoredIdentity,
        cut: CancellationToken,
    ) -> Ended {
        let Open { mut inbound, outbox, welcome, database_error } = open;
        let since = Instant::now();
        let link = Link {
            outbox,
            heartbeat_every: Duration::from_millis(welcome.heartbeat_every_ms).max(MIN_HEARTBEAT),
            lease: Duration::from_millis(welcome.lease_ms),
            database_error,
        };
        if self.events.send(LinkEvent::Up(link)).await.is_err() {
            return Ended::Stopped;
        }
        let mut renewed = Box::pin(renewal::in_time(&self.files, identity, channel));
        loop {
            let message = tokio::select! {
                message = inbound.message() => message,
                () = &mut renewed => return Ended::Renewed,
                () = cut.cancelled() => {
                    return Ended::Lost { why: "it was cut from here".to_owned(), lasted: since.elapsed() };
                }
            };
            let incoming = match message {
                Ok(Some(message)) => {
                    self.note(&message, &identity.credentials.ca_pem);
                    Incoming::from(message)
                }
                Ok(None) => {
                    return Ended::Lost {
                        why: "the controller ended it".to_owned(),
                        lasted: since.elapsed(),
                    };
                }
                Err(status) => return Ended::of_status(&status, since.elapsed()),
            };
            if let Incoming::Drain { after } = incoming {
                return Ended::Drained { after };
            }
            if self.events.send(LinkEvent::Heard(incoming)).await.is_err() {
                return Ended::Stopped;
            }
        }
    }
}

fn turned_away(why: String, next_step: &str) -> Ended {
    Ended::TurnedAway { why, next_step: next_step.to_owned() }
}
