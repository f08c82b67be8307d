//! A release arrives file by file; its SQL is kept before anybody hears of it.

use std::sync::Arc;
use std::time::Duration;

use pgbelay_core::event::Actor;
use pgbelay_core::layout::MAX_FILE_BYTES;
use pgbelay_core::migration::{Migration, MigrationSource};
use pgbelay_core::on_parser_stack;
use pgbelay_core::origin::Layout;
use pgbelay_core::release::{MAX_MIGRATIONS, Release};
use pgbelay_core::request::Request as Ask;
use pgbelay_proto::wire;
use tokio::time::timeout;
use tonic::{Request, Response, Status, Streaming};

use super::{Answer, Services, internal, not_granted, operator, parse, usage};
use crate::blobs::BlobStore;

/// Most bytes of SQL in one release: a bound on what one request can make the controller hold.
const MAX_RELEASE_BYTES: usize = 64 << 20;

/// For all files of a release, a turn included; the CLI gives up at the same time.
const RECEIVE_DEADLINE: Duration = Duration::from_secs(600);

/// Between two files: one that is taking its time must not keep a turn from the others.
const FILE_DEADLINE: Duration = Duration::from_secs(30);

/// Releases that arrive at the same time: each may hold [`MAX_RELEASE_BYTES`].
pub(crate) const AT_ONCE: usize = 4;

/// What a release has beside its SQL: versions, names, and how a tool calls its migrations. A command carries it all, in
/// one message.
const MAX_WORDS_BYTES: usize = 3 << 20;

/// What is wrong with a release that comes in several layouts.
const ONE_LAYOUT: &str = "all files of a release have one layout";

/// Longest name of a migration: that of its file has at most 255 bytes.
const MAX_FILE_NAME: usize = 255;

pub(super) async fn push(
    services: &Services,
    request: Request<Streaming<wire::MigrationFile>>,
) -> Answer<wire::PushReleaseResponse> {
    let actor = Actor::Operator(operator(&request)?);
    let arriving = async {
        let turn = services.releases.acquire().await.map_err(|_| super::super::stopping())?;
        Ok::<_, Status>((turn, receive(request.into_inner()).await?))
    };
    let arrived = timeout(RECEIVE_DEADLINE, arriving).await;
    let (_turn, arrived) =
        arrived.map_err(|_| Status::deadline_exceeded("the release did not arrive in time"))??;
    let blobs = Arc::clone(&services.blobs);
    let kept = tokio::task::spawn_blocking(move || keep(&blobs, &arrived)).await;
    let release = kept.map_err(|_| internal("failed to read the release".to_owned()))??;
    let (id, migrations) = (release.id, release.migrations.len());
    let is_new = !services.state()?.releases.contains_key(&id);
    services.controller.ask(actor, Ask::RecordRelease(release)).await.map_err(not_granted)?;
    Ok(Response::new(wire::PushReleaseResponse {
        release: id.to_string(),
        migrations: u32::try_from(migrations).unwrap_or(u32::MAX),
        new: is_new,
    }))
}

/// What has arrived: the migrations in the order of their layout.
struct Arrived {
    layout: Layout,
    sources: Vec<MigrationSource>,
}

async fn receive(mut files: Streaming<wire::MigrationFile>) -> Result<Arrived, Status> {
    let mut arrived = Arrived { layout: Layout::default(), sources: Vec::new() };
    let (mut bytes, mut words) = (0, 0);
    let late = |_| Status::deadline_exceeded("the next file of the release did not arrive in time");
    while let Some(file) = timeout(FILE_DEADLINE, files.message()).await.map_err(late)?? {
        let sizes = [file.up.len(), file.down.as_ref().map_or(0, String::len)];
        bytes += sizes.iter().sum::<usize>();
        words += words_of(&file);
        if arrived.sources.len() == MAX_MIGRATIONS || bytes > MAX_RELEASE_BYTES || words > MAX_WORDS_BYTES {
            return Err(usage(&format!(
                "a release has at most {MAX_MIGRATIONS} migrations, {MAX_RELEASE_BYTES} bytes of SQL and \
                 {MAX_WORDS_BYTES} bytes of names"
            )));
        }
        if sizes.iter().any(|size| *size > MAX_FILE_BYTES) {
            return Err(usage(&format!("{}: a file has at most {MAX_FILE_BYTES} bytes", file.version)));
        }
        if file.name.is_empty() || file.name.len() > MAX_FILE_NAME || file.name.chars().any(char::is_control)
        {
            let what = format!("{}: a name has 1 to {MAX_FILE_NAME} printable characters", file.version);
            return Err(usage(&what));
        }
        let layout = if file.layout.is_empty() { Layout::default() } else { parse(&file.layout)? };
        if !arrived.sources.is_empty() && layout != arrived.layout {
            return Err(usage(ONE_LAYOUT));
        }
        arrived.layout = layout;
        arrived.sources.push(source(file)?);
    }
    Ok(arrived)
}

fn source(file: wire::MigrationFile) -> Result<MigrationSource, Status> {
    let version = parse(&file.version)?;
    Ok(MigrationSource {
        up_autocommit: file.up_autocommit,
        down_autocommit: file.down_autocommit,
        repeatable: file.repeatable,
        origin: file.origin.map(Into::into),
        ..MigrationSource::plain(version, file.name, file.up, file.down)
    })
}

fn words_of(file: &wire::MigrationFile) -> usize {
    let origin = file.origin.as_ref().map_or(0, prost::Message::encoded_len);
    file.version.len() + file.name.len() + origin
}

/// Analyses everything first: a release that cannot be used leaves nothing behind.
fn keep(blobs: &BlobStore, Arrived { layout, sources }: &Arrived) -> Result<Release, Status> {
    let analysed = || sources.iter().map(MigrationSource::analyse).collect::<Result<Vec<Migration>, _>>();
    let analysed = on_parser_stack(analysed).map_err(|error| internal(error.to_string()))?;
    let migrations = analysed.map_err(|error| usage(&error.to_string()))?;
    let release = Release::new(*layout, migrations).map_err(|error| usage(&error.to_string()))?;
    let texts = sources
        .iter()
        .flat_map(|s| std::iter::once(s.up.as_bytes()).chain(s.down.as_deref().map(str::as_bytes)));
    blobs.put_all(texts).map_err(|error| internal(format!("failed to keep the release: {error}")))?;
    Ok(release)
}
