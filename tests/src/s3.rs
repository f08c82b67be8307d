//! An S3-compatible server of a test's own, on a directory: a real one (s3s-fs, which checks signatures), with a switch in
//! front for what goes wrong with servers.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use hyper::body::Incoming;
use hyper::header::IF_NONE_MATCH;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s::{Body, HttpError};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::{Mutex, watch};
use tokio::task::AbortHandle;

/// The key that the server knows.
pub const KEY_ID: &str = "pgbelay";
/// Its secret.
pub const SECRET: &str = "a-secret-of-tests";
/// The bucket that is there.
pub const BUCKET: &str = "backups";

/// What the server does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    /// What it is asked.
    Well,
    /// Whatever is written fails with 500.
    Broken,
    /// Whatever is written fails: there is no room.
    Full,
    /// The clocks differ.
    Skewed,
    /// Connections are taken, and nothing is answered once so many objects were written.
    SilentAfter(u64),
    /// Whatever is written fails with 500 once so many objects were written.
    BrokenAfter(u64),
    /// Nothing may be deleted any more once so many objects were written or deleted.
    KeepsAfter(u64),
    /// The same, and whatever is written fails with 500.
    StuckAfter(u64),
}

/// A server. It ends with the value.
pub struct S3 {
    directory: TempDir,
    address: SocketAddr,
    mood: watch::Sender<Mood>,
    written: Arc<AtomicU64>,
    accepting: AbortHandle,
}

impl S3 {
    /// Starts one with [`BUCKET`].
    ///
    /// # Errors
    /// No port or directory could be had.
    pub async fn start() -> anyhow::Result<Self> {
        let directory = tempfile::tempdir()?;
        std::fs::create_dir(directory.path().join(BUCKET))?;
        let files =
            s3s_fs::FileSystem::new(directory.path()).map_err(|error| anyhow::anyhow!("{error:?}"))?;
        let mut builder = S3ServiceBuilder::new(files);
        builder.set_auth(SimpleAuth::from_single(KEY_ID, SECRET));
        let service = builder.build();
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let (mood, moods) = watch::channel(Mood::Well);
        let written = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&written);
        let root = directory.path().to_owned();
        let creating = Arc::new(Mutex::new(()));
        let accepting = tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let (service, moods, counter) = (service.clone(), moods.clone(), Arc::clone(&counter));
                let (root, creating) = (root.clone(), Arc::clone(&creating));
                tokio::spawn(async move {
                    let answer = service_fn(move |request| {
                        let (service, mood, counter) =
                            (service.clone(), *moods.borrow(), Arc::clone(&counter));
                        let there = has_bucket(&root, &request);
                        let creating = Arc::clone(&creating);
                        async move {
                            // Of two that create one object, one does. The server looks, and then writes.
                            let creates = request.headers().contains_key(IF_NONE_MATCH);
                            let _alone = if creates { Some(creating.lock().await) } else { None };
                            answer(&service, (mood, there), &counter, request).await
                        }
                    });
                    let server = Builder::new(TokioExecutor::new());
                    // Whoever hangs up has heard enough.
                    let _ = server.serve_connection(TokioIo::new(socket), answer).await;
                });
            }
        });
        Ok(Self { directory, address, mood, written, accepting: accepting.abort_handle() })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Changes what it does.
    pub fn be(&self, mood: Mood) {
        self.written.store(0, Ordering::SeqCst);
        self.mood.send_replace(mood);
    }

    /// How many writes it was asked for since its mood changed.
    #[must_use]
    pub fn written(&self) -> u64 {
        self.written.load(Ordering::SeqCst)
    }

    /// The URL of a store in a bucket of it, with credentials from a file.
    #[must_use]
    pub fn url(&self, place: &str, credentials: &Path) -> String {
        let (address, credentials) = (self.address, credentials.display());
        format!(
            "s3://{place}?endpoint=http://{address}&allow_http=true&region=us-east-1&credentials={credentials}"
        )
    }

    /// The files of a bucket's directory, by their path in it. What the server itself keeps is not among them.
    #[must_use]
    pub fn objects(&self) -> Vec<String> {
        let root = self.bucket();
        let mut names = Vec::new();
        let mut directories = vec![root.clone()];
        while let Some(directory) = directories.pop() {
            for entry in std::fs::read_dir(&directory).into_iter().flatten().flatten() {
                let path = entry.path();
                if path.is_dir() {
                    directories.push(path);
                } else if let Ok(name) = path.strip_prefix(&root) {
                    names.push(name.to_string_lossy().into_owned());
                }
            }
        }
        names.sort();
        names
    }

    /// The directory of [`BUCKET`].
    #[must_use]
    pub fn bucket(&self) -> PathBuf {
        self.directory.path().join(BUCKET)
    }

    /// The directory of all buckets: pieces of unfinished uploads are there, too.
    #[must_use]
    pub fn root(&self) -> &Path {
        self.directory.path()
    }
}

impl Drop for S3 {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Whether the bucket of a request is there. The server itself would make it with the first object.
fn has_bucket(root: &Path, request: &Request<Incoming>) -> bool {
    let bucket = request.uri().path().trim_start_matches('/').split('/').next().unwrap_or_default();
    root.join(bucket).is_dir()
}

async fn answer(
    service: &S3Service,
    (mood, has_bucket): (Mood, bool),
    counter: &AtomicU64,
    request: Request<Incoming>,
) -> Result<Response<Body>, HttpError> {
    let writes = matches!(*request.method(), Method::PUT | Method::POST);
    // Objects are deleted by a list of them, and uploads are ended one by one.
    let deletes = *request.method() == Method::DELETE || writes && request.uri().query() == Some("delete");
    let before = if writes { counter.fetch_add(1, Ordering::SeqCst) } else { counter.load(Ordering::SeqCst) };
    let refusal = |status, code: &str| {
        let text =
            format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>{code}</Message></Error>");
        let mut response = Response::new(Body::from(text));
        *response.status_mut() = status;
        Ok(response)
    };
    if !has_bucket {
        return refusal(StatusCode::NOT_FOUND, "NoSuchBucket");
    }
    match mood {
        Mood::Broken if writes => refusal(StatusCode::INTERNAL_SERVER_ERROR, "InternalError"),
        Mood::KeepsAfter(count) | Mood::StuckAfter(count) if deletes && before >= count => {
            refusal(StatusCode::FORBIDDEN, "AccessDenied")
        }
        Mood::BrokenAfter(count) | Mood::StuckAfter(count) if writes && before >= count => {
            refusal(StatusCode::INTERNAL_SERVER_ERROR, "InternalError")
        }
        Mood::Full if writes => refusal(StatusCode::INSUFFICIENT_STORAGE, "XMinioStorageFull"),
        Mood::Skewed => refusal(StatusCode::FORBIDDEN, "RequestTimeTooSkewed"),
        Mood::SilentAfter(count) if before >= count => std::future::pending().await,
        Mood::Well
        | Mood::Broken
        | Mood::Full
        | Mood::SilentAfter(_)
        | Mood::BrokenAfter(_)
        | Mood::KeepsAfter(_)
        | Mood::StuckAfter(_) => service.call(request.map(Body::from)).await,
    }
}
