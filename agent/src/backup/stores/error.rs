//! What stores say, in words for people: what is wrong, and what to do.

use std::time::Duration;

use object_store::path::Path as Key;

use crate::words;

/// Most of a server's own words that is repeated.
const MOST: usize = 200;

/// Something that a store did not do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("store {store} cannot {what}: {why}")]
pub struct StoreError {
    /// Its URL.
    pub(super) store: String,
    /// What it did not do.
    pub(super) what: String,
    /// Why, in words.
    pub(super) why: String,
    /// What to do.
    pub(super) hint: &'static str,
    /// Whether something is where something new was to be written.
    pub(super) taken: bool,
}

impl StoreError {
    pub(super) fn new(store: &str, what: &str, why: String, hint: &'static str) -> Self {
        Self { store: store.to_owned(), what: what.to_owned(), why, hint, taken: false }
    }

    pub(super) fn too_slow(store: &str, what: &str, after: Duration) -> Self {
        let why = format!("it took longer than {} s", after.as_secs());
        Self::new(store, what, why, "see what makes the store slow")
    }

    pub(super) fn taken(store: &str, key: &Key) -> Self {
        let hint =
            "see who else writes there: each database has one agent, and each fleet a prefix of its own";
        let error = Self::new(store, "write", format!("{key} is there already, and was left alone"), hint);
        Self { taken: true, ..error }
    }
}

/// What is known of the words that servers use: the words, what they mean, what to do.
const KNOWN: [(&[&str], &str, &str); 10] = [
    (
        &["RequestTimeTooSkewed"],
        "the clock of this machine is not that of the store (RequestTimeTooSkewed)",
        "set the clock of the agent's machine",
    ),
    (&["NoSuchBucket"], "there is no such bucket", "make the bucket, or correct backup.stores"),
    (
        &[
            "InvalidAccessKeyId",
            "SignatureDoesNotMatch",
            "InvalidToken",
            "ExpiredToken",
            "401 Unauthorized",
            "NotSignedUp",
        ],
        "it does not accept the agent's credentials",
        "correct the credentials of the store",
    ),
    (
        &["AccessDenied", "403 Forbidden"],
        "the agent's credentials do not allow it",
        "let them put, get, list and delete objects below the prefix",
    ),
    (
        &["QuotaExceeded", "StorageFull", "InsufficientStorage", "507 Insufficient", "EntityTooLarge"],
        "it is full",
        "make room in the store",
    ),
    // Before what cannot be reached: it is told of in the same words.
    (
        &["UnknownIssuer"],
        "its certificate is from an authority that this machine does not trust",
        "name the file of the authority's certificate in backup.stores (ca=/path), if the store is the one that is meant",
    ),
    (
        &["invalid peer certificate"],
        "its certificate does not count: it has another name, or its time is over",
        "see whether the endpoint in backup.stores has the name that is in the store's certificate, and how long that \
         counts",
    ),
    (
        &[
            "Connection refused",
            "dns error",
            "tcp connect",
            "error trying to connect",
            "ConnectError",
            "error sending request",
        ],
        "it cannot be reached",
        "see whether the endpoint in backup.stores is right and the store is up",
    ),
    (
        &[
            "InternalError",
            "SlowDown",
            "ServiceUnavailable",
            "Server returned",
            "500 Internal",
            "503 Service",
        ],
        "it answers with a server error",
        "see what is wrong with the store",
    ),
    (
        &["metadata", "169.254.169.254"],
        "no credentials were found",
        "give the store credentials: in a file, or in the environment of the agent",
    ),
];

/// What an error of a store means.
pub(super) fn refused(store: &str, what: &str, error: &object_store::Error) -> StoreError {
    let text = words::line(error);
    let known = KNOWN.iter().find(|(marks, ..)| marks.iter().any(|mark| text.contains(mark)));
    match known {
        Some((_, why, hint)) => StoreError::new(store, what, (*why).to_owned(), hint),
        None => {
            let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
            let why = line.chars().take(MOST).collect();
            StoreError::new(store, what, why, "see what the store says, and whether it is up")
        }
    }
}
