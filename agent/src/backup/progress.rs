//! How far a backup is, for people who wait for it.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::database::Session;

/// How often the server is asked what pg_dump has read.
const ASK: Duration = Duration::from_secs(1);

/// Before that, a rate says nothing.
const FIRST_RATE: Duration = Duration::from_secs(2);

/// What each of pg_dump's sessions has read of the table that it is at. PostgreSQL 14 and newer.
const READING: &str = "SELECT p.relid, p.bytes_processed FROM pg_catalog.pg_stat_progress_copy p \
    JOIN pg_catalog.pg_stat_activity a ON a.pid = p.pid WHERE a.datname = pg_catalog.current_database()";

/// The first version that tells how far a COPY is.
const TELLS: u32 = 140_000;

/// What is counted while a backup is made.
#[derive(Debug)]
pub(super) struct Meter {
    began: Instant,
    /// Of the whole database.
    tables: usize,
    bytes: u64,
    /// Bytes in the files of the backup.
    written: AtomicU64,
    /// Files with rows.
    begun: AtomicUsize,
    /// Bytes of tables that were read, as far as the server tells.
    read: AtomicU64,
}

impl Meter {
    pub(super) fn new(tables: usize, bytes: u64) -> Self {
        Self {
            began: Instant::now(),
            tables,
            bytes,
            written: AtomicU64::new(0),
            begun: AtomicUsize::new(0),
            read: AtomicU64::new(0),
        }
    }

    /// So much is in so many files with rows.
    pub(super) fn has_written(&self, bytes: u64, begun: usize) {
        self.written.store(bytes, Ordering::Relaxed);
        self.begun.store(begun, Ordering::Relaxed);
    }

    /// Bytes in the files.
    pub(super) fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }

    /// Asks the server again and again how far pg_dump is. Never ends by itself: what cannot be told is not shown.
    pub(super) async fn watch(&self, session: &Session, sizes: &[(u32, u64)]) -> ! {
        let mut asks = interval(ASK);
        asks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut seen: Vec<(u32, u64)> = Vec::new();
        loop {
            asks.tick().await;
            if session.version < TELLS {
                continue;
            }
            let Ok(rows) = session.ask(READING).await else { continue };
            let now: Vec<(u32, u64)> = rows
                .iter()
                .filter_map(|row| Some((row.get(0)?.parse().ok()?, row.get(1)?.parse().ok()?)))
                .collect();
            let size = |oid: u32| sizes.iter().find(|(of, _)| *of == oid).map_or(0, |(_, size)| *size);
            for (oid, _) in &now {
                if !seen.iter().any(|(known, _)| known == oid) {
                    seen.push((*oid, size(*oid)));
                }
            }
            let read = seen.iter().map(|(oid, size)| {
                now.iter().find(|(at, _)| at == oid).map_or(*size, |(_, bytes)| (*bytes).min(*size))
            });
            // A table that was not seen because it was read between two looks is small.
            self.read.store(read.sum(), Ordering::Relaxed);
        }
    }

    /// In words.
    pub(super) fn words(&self) -> String {
        let (read, took) = (self.read.load(Ordering::Relaxed), self.began.elapsed());
        words((self.begun.load(Ordering::Relaxed), self.tables), (read, self.bytes), self.written(), took)
    }
}

fn words((begun, tables): (usize, usize), (read, bytes): (u64, u64), written: u64, took: Duration) -> String {
    let mut text = format!("backup: {begun} of {tables} tables, ");
    if read > 0 {
        text.push_str(&format!("{} of about {} read, ", amount(read.min(bytes)), amount(bytes)));
    }
    text.push_str(&format!("{} written", amount(written)));
    if took < FIRST_RATE {
        return text;
    }
    let seconds = took.as_secs_f64();
    text.push_str(&format!(", {}/s", amount((written as f64 / seconds) as u64)));
    if read > 0 && read < bytes {
        let left = (bytes - read) as f64 * seconds / read as f64;
        text.push_str(&format!(", about {left:.0} s left"));
    }
    text
}

/// Bytes for people.
pub(super) fn amount(bytes: u64) -> String {
    match bytes {
        0..1_000_000 => format!("{} kB", bytes.div_ceil(1_000)),
        1_000_000..1_000_000_000 => format!("{}.{} MB", bytes / 1_000_000, bytes / 100_000 % 10),
        _ => format!("{}.{} GB", bytes / 1_000_000_000, bytes / 100_000_000 % 10),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_far_it_is_is_told_as_far_as_it_is_known() {
        let check = |begun, read, written, ms, expected| {
            let told = words((begun, 40), (read, 3_400_000_000), written, Duration::from_millis(ms));
            assert_eq!(told, expected);
        };
        check(0, 0, 0, 100, "backup: 0 of 40 tables, 0 kB written");
        check(3, 0, 1_200, 4_000, "backup: 3 of 40 tables, 2 kB written, 1 kB/s");
        check(
            12,
            1_700_000_000,
            420_000_000,
            4_000,
            "backup: 12 of 40 tables, 1.7 GB of about 3.4 GB read, 420.0 MB written, 105.0 MB/s, about 4 s left",
        );
        check(
            40,
            9_000_000_000,
            420_000_000,
            4_000,
            "backup: 40 of 40 tables, 3.4 GB of about 3.4 GB read, 420.0 MB written, 105.0 MB/s",
        );
    }

    #[test]
    fn bytes_are_told_in_three_sizes() {
        assert_eq!([0, 1, 999_999].map(amount), ["0 kB", "1 kB", "1000 kB"]);
        assert_eq!([1_000_000, 12_345_678, 2_270_000_000].map(amount), ["1.0 MB", "12.3 MB", "2.2 GB"]);
    }
}
