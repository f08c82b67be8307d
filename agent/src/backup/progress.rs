//! How far a backup is, for people who wait for it.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use pgbelay_analysis::bytes_in_words as amount;
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
    /// Whether pg_dump is stopped, because it was too fast.
    held: AtomicBool,
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
            held: AtomicBool::new(false),
        }
    }

    /// Whether pg_dump is stopped.
    pub(super) fn is_held(&self) -> bool {
        self.held.load(Ordering::Relaxed)
    }

    /// It is stopped, or goes on.
    pub(super) fn hold(&self, held: bool) {
        self.held.store(held, Ordering::Relaxed);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_far_it_is_is_told_as_far_as_it_is_known() {
        const GIB: u64 = 1 << 30;
        let check = |begun, read, written, ms, expected| {
            let told = words((begun, 40), (read, 4 * GIB), written, Duration::from_millis(ms));
            assert_eq!(told, expected);
        };
        check(0, 0, 0, 100, "backup: 0 of 40 tables, 0 B written");
        check(3, 0, 8_192, 4_000, "backup: 3 of 40 tables, 8.0 KiB written, 2.0 KiB/s");
        check(
            12,
            2 * GIB,
            GIB / 2,
            4_000,
            "backup: 12 of 40 tables, 2.0 GiB of about 4.0 GiB read, 512.0 MiB written, 128.0 MiB/s, about 4 s left",
        );
        check(
            40,
            9 * GIB,
            GIB / 2,
            4_000,
            "backup: 40 of 40 tables, 4.0 GiB of about 4.0 GiB read, 512.0 MiB written, 128.0 MiB/s",
        );
    }
}
