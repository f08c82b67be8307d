//! News, as a receiver gets it: a real HTTP server that drops, refuses, is slow, and comes back.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pgbelay_controller::notify::settings::{EndpointSettings, SecretText};
use pgbelay_controller::notify::{Notifications, NotifyTiming};
use pgbelay_controller::server::Options;
use pgbelay_proto::wire;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use super::world::{Agent, PATIENCE, World, quick, until};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// What a receiver does with the next message; after the last of them it takes all.
#[derive(Debug, Clone, Copy)]
enum Mood {
    Takes,
    Answers(u16),
    Drops,
    IsSlow,
}

/// A message as it came.
#[derive(Debug, Clone)]
struct Got {
    path: String,
    id: String,
    timestamp: String,
    signature: String,
    body: String,
}

impl Got {
    fn json(&self) -> anyhow::Result<Value> {
        Ok(serde_json::from_str(&self.body)?)
    }

    fn kind(&self) -> String {
        let json = self.json().unwrap_or_default();
        json["type"].as_str().unwrap_or_default().to_owned()
    }
}

#[derive(Default)]
struct Heard {
    moods: VecDeque<Mood>,
    /// What it has taken.
    taken: Vec<Got>,
    /// How often it was asked.
    asked: usize,
}

/// An HTTP server for one message after the other.
struct Receiver {
    address: SocketAddr,
    heard: Arc<Mutex<Heard>>,
    task: JoinHandle<()>,
}

impl Receiver {
    async fn start(moods: &[Mood]) -> anyhow::Result<Self> {
        Self::serve(TcpListener::bind("127.0.0.1:0").await?, moods, None)
    }

    fn serve(listener: TcpListener, moods: &[Mood], tls: Option<TlsAcceptor>) -> anyhow::Result<Self> {
        let heard =
            Arc::new(Mutex::new(Heard { moods: moods.iter().copied().collect(), ..Heard::default() }));
        let (address, hears) = (listener.local_addr()?, Arc::clone(&heard));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (hears, tls) = (Arc::clone(&hears), tls.clone());
                tokio::spawn(async move {
                    match tls {
                        None => drop(answer(stream, &hears).await),
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                drop(answer(stream, &hears).await);
                            }
                        }
                    }
                });
            }
        });
        Ok(Self { address, heard, task })
    }

    /// It is gone for a while; nobody else gets its address meanwhile that would answer.
    fn stop(&self) {
        self.task.abort();
    }

    /// The same receiver again.
    async fn again(&self) -> anyhow::Result<Self> {
        let mut listener = TcpListener::bind(self.address).await;
        let deadline = tokio::time::Instant::now() + PATIENCE;
        while listener.is_err() && tokio::time::Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(10)).await;
            listener = TcpListener::bind(self.address).await;
        }
        Self::serve(listener?, &[], None)
    }

    fn with<T>(&self, look: impl FnOnce(&mut Heard) -> T) -> T {
        look(&mut self.heard.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn kinds(&self) -> Vec<String> {
        self.with(|heard| heard.taken.iter().map(Got::kind).collect())
    }

    async fn has(&self, kinds: &[&str]) -> anyhow::Result<()> {
        let asked = |receiver: &Self| receiver.with(|heard| heard.asked);
        let found =
            until(&format!("it has got {kinds:?}"), async || Ok(self.kinds().len() >= kinds.len())).await;
        ensure!(self.kinds() == kinds, "{:?} after {} tries, {found:?}", self.kinds(), asked(self));
        Ok(())
    }

    fn endpoint(&self, name: &str) -> EndpointSettings {
        EndpointSettings {
            name: name.to_owned(),
            url: SecretText::new(format!("http://{}/hook?key=hidden", self.address)),
            secret: Some(SecretText::new(SECRET)),
            secret_file: None,
            format: "generic".to_owned(),
            kinds: Vec::new(),
            environments: Vec::new(),
            ca: None,
            plain_http: true,
        }
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(mut stream: impl AsyncRead + AsyncWrite + Unpin, heard: &Mutex<Heard>) -> anyhow::Result<()> {
    let mut text = Vec::new();
    let (head, length) = loop {
        ensure!(stream.read_buf(&mut text).await? > 0, "cut off");
        if let Some(end) = text.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8(text[..end].to_vec())?;
            break (head.clone(), header(&head, "content-length").parse::<usize>()?);
        }
    };
    let begins = head.len() + 4;
    while text.len() < begins + length {
        ensure!(stream.read_buf(&mut text).await? > 0, "cut off");
    }
    let got = Got {
        path: head.split(' ').nth(1).unwrap_or_default().to_owned(),
        id: header(&head, "webhook-id"),
        timestamp: header(&head, "webhook-timestamp"),
        signature: header(&head, "webhook-signature"),
        body: String::from_utf8(text[begins..].to_vec())?,
    };
    let mood = {
        let mut heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.asked += 1;
        let mood = heard.moods.pop_front().unwrap_or(Mood::Takes);
        if matches!(mood, Mood::Takes) {
            heard.taken.push(got);
        }
        mood
    };
    let status = match mood {
        Mood::Takes => 200,
        Mood::Answers(status) => status,
        Mood::Drops => return Ok(()),
        Mood::IsSlow => {
            // Longer than anybody waits.
            tokio::time::sleep(PATIENCE).await;
            return Ok(());
        }
    };
    let said = format!("HTTP/1.1 {status} X\r\ncontent-length: 6\r\nconnection: close\r\n\r\nthanks");
    stream.write_all(said.as_bytes()).await?;
    stream.shutdown().await?;
    Ok(())
}

fn header(head: &str, name: &str) -> String {
    let line = head.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        key.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
    });
    line.unwrap_or_default()
}

/// Soon, so that nobody waits for long; a day is over in a moment where a test wants it.
fn options(give_up: Duration) -> Options {
    let notify = NotifyTiming {
        first: Duration::from_millis(20),
        cap: Duration::from_millis(50),
        deadline: Duration::from_millis(500),
        give_up,
    };
    Options { timing: quick(), notify, ..Options::default() }
}

const DAY: Duration = Duration::from_secs(24 * 3_600);

fn to(endpoints: Vec<EndpointSettings>) -> impl FnOnce(&Path) -> Notifications {
    move |_| Notifications { notify_before: None, endpoints }
}

/// The state of the endpoint with a name.
async fn endpoint(world: &World, name: &str) -> anyhow::Result<wire::EndpointView> {
    let listed = world.admin().await?.list_endpoints(wire::ListEndpointsRequest {}).await?.into_inner();
    listed.endpoints.into_iter().find(|one| one.name == name).context("no such endpoint")
}

/// A rollout from its plan to its end.
async fn roll_out(world: &World, agent: &mut Agent, versions: &[&str]) -> anyhow::Result<()> {
    let mut stream = agent.connect(world).await?;
    let release = world.push(versions).await?;
    let rollout = stream.start_rollout(world, "staging", &release).await?;
    stream.obey().await?;
    stream.obey().await?;
    until("the rollout is over", async || Ok(world.state_of(&rollout).await? == "succeeded")).await?;
    *agent = stream.agent.clone();
    Ok(())
}

const ONE_ROLLOUT: [&str; 3] = ["plan-created", "rollout-started", "rollout-finished"];

#[tokio::test]
async fn messages_come_in_order_signed_and_to_be_told_apart() -> anyhow::Result<()> {
    let receiver = Receiver::start(&[]).await?;
    let world = World::with_notifications(options(DAY), to(vec![receiver.endpoint("ops")])).await?;
    let mut agent = world.agent("orders", "staging").await?;
    roll_out(&world, &mut agent, &["001"]).await?;
    receiver.has(&ONE_ROLLOUT).await?;
    let taken = receiver.with(|heard| heard.taken.clone());
    let key = ring::hmac::Key::new(
        ring::hmac::HMAC_SHA256,
        &STANDARD.decode(SECRET.strip_prefix("whsec_").context("no prefix")?)?,
    );
    for got in &taken {
        assert_eq!(got.path, "/hook?key=hidden");
        let signature = got.signature.strip_prefix("v1,").context("not of version 1")?;
        let signed = format!("{}.{}.{}", got.id, got.timestamp, got.body);
        ensure!(ring::hmac::verify(&key, signed.as_bytes(), &STANDARD.decode(signature)?).is_ok(), "{got:?}");
        let json = got.json()?;
        assert_eq!(json["data"]["environment"], "staging");
        assert_eq!(json["data"]["controller"], "c1");
        ensure!(json["data"]["entry"].as_u64() > Some(0), "{json}");
        ensure!(
            json["data"]["text"].as_str().is_some_and(|text| text.starts_with("pgbelay staging:")),
            "{json}"
        );
    }
    let mut ids: Vec<_> = taken.iter().map(|got| got.id.clone()).collect();
    ids.dedup();
    assert_eq!(ids.len(), taken.len());
    let view = endpoint(&world, "ops").await?;
    ensure!(view.state == "ok" && view.host == format!("http://{}", receiver.address), "{view:?}");
    ensure!(!format!("{view:?}").contains("hidden"), "{view:?}");
    Ok(())
}

#[tokio::test]
async fn a_receiver_that_drops_refuses_and_is_slow_gets_each_once_and_in_order() -> anyhow::Result<()> {
    let moods =
        [Mood::Drops, Mood::Answers(500), Mood::IsSlow, Mood::Answers(302), Mood::Takes, Mood::Answers(429)];
    let receiver = Receiver::start(&moods).await?;
    let world = World::with_notifications(options(DAY), to(vec![receiver.endpoint("ops")])).await?;
    let mut agent = world.agent("orders", "staging").await?;
    roll_out(&world, &mut agent, &["001"]).await?;
    receiver.has(&ONE_ROLLOUT).await?;
    assert_eq!(receiver.with(|heard| heard.asked), 8);

    // It goes away, and comes back at the same address.
    receiver.stop();
    roll_out(&world, &mut agent, &["001", "002"]).await?;
    until("it is seen to fail", async || {
        let view = endpoint(&world, "ops").await?;
        Ok(view.state == "failing" && view.last_error.contains("failed to connect") && view.behind > 0)
    })
    .await?;
    let back = receiver.again().await?;
    back.has(&ONE_ROLLOUT).await?;
    until("it is well again", async || Ok(endpoint(&world, "ops").await?.state == "ok")).await
}

#[tokio::test]
async fn what_was_delivered_survives_a_restart_and_what_was_not_is_delivered_then() -> anyhow::Result<()> {
    let (alive, dead) = (Receiver::start(&[]).await?, Receiver::start(&[]).await?);
    dead.stop();
    let endpoints = vec![alive.endpoint("alive"), dead.endpoint("dead")];
    let mut world = World::with_notifications(options(DAY), to(endpoints)).await?;
    let mut agent = world.agent("orders", "staging").await?;
    roll_out(&world, &mut agent, &["001"]).await?;
    // The dead one stops nobody.
    alive.has(&ONE_ROLLOUT).await?;
    until("the dead one is seen", async || Ok(endpoint(&world, "dead").await?.state == "failing")).await?;
    world.stop().await?;
    let back = dead.again().await?;
    world.run().await?;
    back.has(&ONE_ROLLOUT).await?;
    roll_out(&world, &mut agent, &["001", "002"]).await?;
    alive.has(&[ONE_ROLLOUT, ONE_ROLLOUT].concat()).await?;
    back.has(&[ONE_ROLLOUT, ONE_ROLLOUT].concat()).await
}

#[tokio::test]
async fn one_that_fails_for_too_long_is_skipped_ahead_and_told_so() -> anyhow::Result<()> {
    let receiver = Receiver::start(&[]).await?;
    receiver.stop();
    let options = options(Duration::from_millis(200));
    let mut world = World::with_notifications(options, to(vec![receiver.endpoint("ops")])).await?;
    let mut agent = world.agent("orders", "staging").await?;
    roll_out(&world, &mut agent, &["001"]).await?;
    until("it is skipped ahead", async || {
        let view = endpoint(&world, "ops").await?;
        Ok(view.skips > 0 && view.behind == 0)
    })
    .await?;
    // That it was skipped is remembered, too.
    world.stop().await?;
    world.run().await?;
    let back = receiver.again().await?;
    back.has(&["messages-skipped"]).await?;
    roll_out(&world, &mut agent, &["001", "002"]).await?;
    back.has(&[&["messages-skipped"][..], &ONE_ROLLOUT].concat()).await
}

#[tokio::test]
async fn an_endpoint_gets_what_it_asks_for_in_its_form() -> anyhow::Result<()> {
    let (slack, elsewhere) = (Receiver::start(&[]).await?, Receiver::start(&[]).await?);
    let kinds = vec!["rollout-finished".to_owned(), "drift-found".to_owned()];
    let endpoints = vec![
        EndpointSettings { format: "slack".to_owned(), secret: None, kinds, ..slack.endpoint("slack") },
        EndpointSettings { environments: vec!["production".to_owned()], ..elsewhere.endpoint("elsewhere") },
    ];
    let world = World::with_notifications(options(DAY), to(endpoints)).await?;
    let mut agent = world.agent("orders", "staging").await?;
    roll_out(&world, &mut agent, &["001"]).await?;
    // Somebody changes the schema: the fingerprint of this agent goes by its records, and they stay.
    let mut hello = agent.hello();
    if let Some(seen) = &mut hello.observation {
        seen.fingerprint = pgbelay_core::digest::Digest::of("changed").to_string();
    }
    let mut stream = agent.say_hello(&world, hello).await?;
    stream.next().await?;
    until("both have come", async || Ok(slack.with(|heard| heard.taken.len()) == 2)).await?;
    let texts = slack.with(|heard| heard.taken.iter().map(Got::json).collect::<anyhow::Result<Vec<_>>>())?;
    assert_eq!(texts[0]["text"], "pgbelay staging: rollout r1 is done: 1 databases");
    ensure!(
        texts[1]["text"].as_str().is_some_and(|text| text.contains("orders has another schema")),
        "{texts:?}"
    );
    ensure!(slack.with(|heard| heard.taken.iter().all(|got| got.signature.is_empty())));

    // Who is limited to an environment knows and tries no endpoint that hears of others only.
    let limited = world.add_operator("sam", "admin", &["staging"]).await?;
    let mut limited = world.operators(&limited).await?;
    let listed = limited.list_endpoints(wire::ListEndpointsRequest {}).await?.into_inner().endpoints;
    assert_eq!(listed.into_iter().map(|endpoint| endpoint.name).collect::<Vec<_>>(), ["slack"]);
    let tested = limited.test_endpoints(wire::TestEndpointsRequest::default()).await?.into_inner();
    assert_eq!(tested.endpoints.into_iter().map(|endpoint| endpoint.name).collect::<Vec<_>>(), ["slack"]);
    let hidden = wire::TestEndpointsRequest { name: "elsewhere".to_owned() };
    ensure!(limited.test_endpoints(hidden).await.is_err());
    assert_eq!(elsewhere.kinds(), Vec::<String>::new());

    let tested =
        world.admin().await?.test_endpoints(wire::TestEndpointsRequest::default()).await?.into_inner();
    ensure!(tested.endpoints.iter().all(|one| one.delivered && one.answer == "200 OK: thanks"), "{tested:?}");
    elsewhere.has(&["test"]).await?;
    let wrong = wire::TestEndpointsRequest { name: "nobody".to_owned() };
    ensure!(world.admin().await?.test_endpoints(wrong).await.is_err());
    elsewhere.with(|heard| heard.moods.push_back(Mood::Answers(403)));
    let one = wire::TestEndpointsRequest { name: "elsewhere".to_owned() };
    let tested = world.admin().await?.test_endpoints(one).await?.into_inner().endpoints;
    ensure!(tested.len() == 1 && !tested[0].delivered, "{tested:?}");
    ensure!(tested[0].answer.contains("the receiver answered 403"), "{tested:?}");
    Ok(())
}

/// A receiver's certificate is that of a CA that the settings name, or it gets nothing.
#[tokio::test]
async fn https_is_believed_by_its_ca_alone() -> anyhow::Result<()> {
    let ca_key = KeyPair::generate()?;
    let mut ca = CertificateParams::default();
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca_pem = ca.self_signed(&ca_key)?.pem();
    let issuer = Issuer::new(ca, ca_key);
    let key = KeyPair::generate()?;
    let certificate = CertificateParams::new(vec!["127.0.0.1".to_owned()])?.signed_by(&key, &issuer)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der())),
        )?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let receiver = Receiver::serve(listener, &[], Some(TlsAcceptor::from(Arc::new(tls))))?;
    let url = SecretText::new(format!("https://{}/", receiver.address));
    let (trusting, wary) = (receiver.endpoint("trusting"), receiver.endpoint("wary"));
    let settings = move |dir: &Path| {
        let file = dir.join("hooks-ca.pem");
        std::fs::write(&file, &ca_pem).unwrap();
        let trusting = EndpointSettings { url: url.clone(), ca: Some(file), plain_http: false, ..trusting };
        let other = dir.join("controller/ca.pem");
        let wary = EndpointSettings { url, ca: Some(other), plain_http: false, ..wary };
        Notifications { notify_before: None, endpoints: vec![trusting, wary] }
    };
    let world = World::with_notifications(options(DAY), settings).await?;
    let tested =
        world.admin().await?.test_endpoints(wire::TestEndpointsRequest::default()).await?.into_inner();
    let [trusting, wary] = tested.endpoints.as_slice() else { anyhow::bail!("{tested:?}") };
    ensure!(trusting.delivered, "{trusting:?}");
    ensure!(!wary.delivered && wary.answer.contains("certificate"), "{wary:?}");
    receiver.has(&["test"]).await
}
