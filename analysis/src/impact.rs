//! How long others wait for a script, estimated from what it locks and does, and from sizes.
//!
//! A script is one transaction: a lock lasts from the statement that takes it to the end. What is said is a range with
//! what it rests on, and it is an estimate.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::catalog::Size;
use crate::report::{Lock, LockMode, StatementReport, Work, WorkKind};

const MIB: u64 = 1 << 20;

/// What a script locks and does, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Course {
    /// Every relation that it locks, with the strongest mode, from the first statement that makes others wait.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub locks: Vec<At<Lock>>,
    /// What takes time in proportion to the rows.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub work: Vec<At<Work>>,
    /// Statements whose time nobody can tell, in words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub untimed: Vec<At<Untimed>>,
}

/// Something at a statement.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct At<T> {
    /// Counts the statements of the script, from 0.
    pub statement: u32,
    /// What is there.
    #[serde(flatten)]
    pub what: T,
}

/// A statement whose time nobody can tell.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Untimed {
    /// Which one, in words.
    pub words: String,
}

impl Course {
    /// What a script does, statement by statement.
    pub fn of<'a>(statements: impl IntoIterator<Item = &'a StatementReport>) -> Self {
        let mut course = Self::default();
        let mut places: BTreeMap<&str, usize> = BTreeMap::new();
        for (number, report) in (0..).zip(statements) {
            for lock in &report.locks {
                let known = places.get(lock.relation.as_str()).and_then(|at| course.locks.get_mut(*at));
                match known {
                    Some(known) => {
                        if !known.what.mode.blocks_writes() {
                            known.statement = number;
                        }
                        known.what.mode = known.what.mode.max(lock.mode);
                        known.what.new &= lock.new;
                    }
                    None => {
                        places.insert(&lock.relation, course.locks.len());
                        course.locks.push(At { statement: number, what: lock.clone() });
                    }
                }
            }
            course.work.extend(report.work.iter().map(|work| At { statement: number, what: work.clone() }));
            if crate::analyze::is_about_rows(report.kind) || !report.unknown.is_empty() {
                let words = format!("{} (line {})", report.kind.words(), report.position.line);
                course.untimed.push(At { statement: number, what: Untimed { words } });
            }
        }
        course
    }

    /// Keeps so many locks, and so many pieces of work, and says what that means.
    pub fn shorten(&mut self, most: usize) {
        if self.work.len() > most {
            let words = format!("what comes after the first {most} scans, index builds and rewrites");
            let statement = self.work.last().map_or(0, |work| work.statement);
            self.untimed.push(At { statement, what: Untimed { words } });
        }
        self.work.truncate(most);
        self.locks.truncate(most);
        let dropped = self.untimed.len().saturating_sub(most);
        self.untimed.drain(..dropped);
    }

    /// The relations whose sizes an estimate needs.
    pub fn relations(&self) -> impl Iterator<Item = &str> {
        let locked = self.locks.iter().map(|lock| &lock.what).filter(|lock| waited_for(lock));
        let worked = self.work.iter().map(|work| &work.what).filter(|work| !work.new);
        locked.map(|lock| lock.relation.as_str()).chain(worked.map(|work| work.relation.as_str()))
    }

    /// What others notice, the longest wait first.
    pub fn impacts(&self, sizes: &Sizes, rates: &Rates) -> Vec<Impact> {
        let mut locks: Vec<_> = self.locks.iter().filter(|lock| waited_for(&lock.what)).collect();
        // From the last statement to the first, the work adds up.
        locks.sort_by_key(|lock| lock.statement);
        let (mut work, mut untimed) =
            (self.work.iter().rev().peekable(), self.untimed.iter().rev().peekable());
        let (mut amount, mut unknown) = (Amount::default(), Vec::new());
        let mut written: BTreeMap<&str, u64> = BTreeMap::new();
        let mut impacts: Vec<Impact> = Vec::with_capacity(locks.len());
        for lock in locks.into_iter().rev() {
            while let Some(next) = work.next_if(|work| work.statement >= lock.statement) {
                amount.add(&next.what, sizes);
                let bytes = written.entry(&next.what.relation).or_default();
                *bytes = bytes.saturating_add(written_by(&next.what, sizes));
            }
            while let Some(next) = untimed.next_if(|what| what.statement >= lock.statement) {
                unknown.push(next.what.words.as_str());
            }
            impacts.push(Impact {
                relation: lock.what.relation.clone(),
                mode: lock.what.mode,
                time: (amount.missing.is_empty() && unknown.is_empty()).then(|| amount.time(rates)),
                basis: amount.basis(&unknown, rates),
                written: written.get(lock.what.relation.as_str()).copied().unwrap_or_default(),
            });
        }
        impacts.reverse();
        impacts.sort_by_key(|impact| std::cmp::Reverse(impact.time.map_or(u64::MAX, |time| time.high_ms)));
        impacts
    }

    /// How long each of so many statements makes others wait, from its start to the end of the script; `None` where that
    /// cannot be told.
    pub fn waits(&self, statements: u32, sizes: &Sizes, rates: &Rates) -> Vec<Option<Time>> {
        let (mut work, mut untimed) =
            (self.work.iter().rev().peekable(), self.untimed.iter().rev().peekable());
        let (mut amount, mut unknown) = (Amount::default(), false);
        let mut waits: Vec<_> = (0..statements)
            .rev()
            .map(|number| {
                while let Some(next) = work.next_if(|work| work.statement >= number) {
                    amount.add(&next.what, sizes);
                }
                while untimed.next_if(|what| what.statement >= number).is_some() {
                    unknown = true;
                }
                (amount.missing.is_empty() && !unknown).then(|| amount.time(rates))
            })
            .collect();
        waits.reverse();
        waits
    }

    /// All work of the script, when it is of one kind and every size is known: what its time says something about.
    pub fn bulk(&self, sizes: &Sizes) -> Option<(WorkKind, u64)> {
        let mut amount = Amount::default();
        self.work.iter().for_each(|work| amount.add(&work.what, sizes));
        let mut kinds = amount.bytes.into_iter();
        match (kinds.next(), kinds.next()) {
            (Some(only), None) if amount.missing.is_empty() && self.untimed.is_empty() => Some(only),
            _ => None,
        }
    }
}

/// Sizes of relations, by their names with schema.
pub type Sizes = BTreeMap<String, Size>;

/// Whether others wait for a lock.
const fn waited_for(lock: &Lock) -> bool {
    !lock.new && lock.mode.blocks_writes()
}

/// What others notice of a script at one relation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Impact {
    /// With its schema.
    pub relation: String,
    /// The strongest lock on it: who waits.
    pub mode: LockMode,
    /// How long it is held, once it is taken; `None`: that cannot be estimated.
    pub time: Option<Time>,
    /// What the estimate rests on, or why there is none.
    pub basis: String,
    /// Bytes that are written to disk beside what is there, and to the WAL, at most.
    pub written: u64,
}

/// A range of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Time {
    /// Milliseconds, at least.
    pub low_ms: u64,
    /// Milliseconds, at most.
    pub high_ms: u64,
}

/// How fast work goes, in bytes of what is worked on, for each second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// At the slowest.
    pub slowest: u64,
    /// At the fastest.
    pub fastest: u64,
    /// Whether it was seen on this database; if not, it is what machines commonly do.
    pub seen: bool,
}

/// How fast a database does each kind of work, as far as that was seen.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rates {
    seen: BTreeMap<WorkKind, Vec<u64>>,
}

/// Runs that count: the last ones say how it is now.
const REMEMBERED: usize = 8;

/// Less than this says more about what comes with any transaction than about the rate.
const TELLING: (u64, u64) = (16 * MIB, 100);

impl Rates {
    /// Remembers a run: bytes that were worked on, and the time that it took. Small ones say nothing.
    pub fn note(&mut self, kind: WorkKind, bytes: u64, took_ms: u64) {
        if bytes < TELLING.0 || took_ms < TELLING.1 {
            return;
        }
        let rates = self.seen.entry(kind).or_default();
        rates.push(bytes.saturating_mul(1_000) / took_ms);
        let old = rates.len().saturating_sub(REMEMBERED);
        rates.drain(..old);
    }

    /// How fast a kind of work goes: from half the slowest run to twice the fastest, for no two runs are alike.
    pub fn of(&self, kind: WorkKind) -> Rate {
        let seen = self.seen.get(&kind).map(Vec::as_slice).unwrap_or_default();
        match (seen.iter().min(), seen.iter().max()) {
            (Some(slowest), Some(fastest)) => {
                Rate { slowest: (slowest / 2).max(1), fastest: fastest.saturating_mul(2).max(1), seen: true }
            }
            _ => assumed(kind),
        }
    }
}

/// What is taken where nothing was seen. Measured with PostgreSQL 15 on two cores that did other things as well, tables
/// of 0.4 to 1 GiB with short rows: scans 430 to 550 MiB/s, but 19 MiB/s of the referring table where a foreign key is
/// checked; B-tree indexes 36 to 136 MiB/s, GIN 11 MiB/s; rewrites with two indexes 27 to 34 MiB/s. With rows of 500
/// bytes in memory, a scan and an index of a short column together took 59 ms for 31 MiB. Faster machines are common,
/// and a cold cache is slower.
const fn assumed(kind: WorkKind) -> Rate {
    let (slowest, fastest) = match kind {
        WorkKind::Scan => (15, 3_000),
        WorkKind::Index => (8, 1_000),
        WorkKind::Rewrite => (15, 500),
    };
    Rate { slowest: slowest * MIB, fastest: fastest * MIB, seen: false }
}

/// What some work comes to.
#[derive(Default)]
struct Amount<'a> {
    /// Bytes that are worked on.
    bytes: BTreeMap<WorkKind, u64>,
    /// Relations whose size is not known.
    missing: BTreeSet<&'a str>,
}

impl<'a> Amount<'a> {
    fn add(&mut self, work: &'a Work, sizes: &Sizes) {
        match sizes.get(&work.relation) {
            _ if work.new => {}
            Some(size) => {
                let bytes = self.bytes.entry(work.kind).or_default();
                *bytes = bytes.saturating_add(worked_on(work.kind, size));
            }
            None => drop(self.missing.insert(&work.relation)),
        }
    }

    fn time(&self, rates: &Rates) -> Time {
        self.bytes.iter().fold(Time::default(), |time, (kind, bytes)| {
            let rate = rates.of(*kind);
            let ms = |rate: u64| bytes.saturating_mul(1_000) / rate.max(1);
            Time {
                low_ms: time.low_ms.saturating_add(ms(rate.fastest)),
                high_ms: time.high_ms.saturating_add(ms(rate.slowest)),
            }
        })
    }

    fn basis(&self, unknown: &[&str], rates: &Rates) -> String {
        const NAMED: usize = 5;
        let known = self.bytes.iter().map(|(kind, bytes)| {
            let rate = rates.of(*kind);
            let (slowest, fastest) = (bytes_in_words(rate.slowest), bytes_in_words(rate.fastest));
            let whence = if rate.seen { "seen on this database" } else { "assumed, none was seen yet" };
            format!(
                "{} of {} at {slowest}/s to {fastest}/s ({whence})",
                kind.as_str(),
                bytes_in_words(*bytes)
            )
        });
        let missing = self.missing.iter().map(|relation| format!("the size of {relation} is not known"));
        // The first statement comes first.
        let unknown = unknown.iter().rev().map(|what| format!("the time of {what} is not known"));
        let mut all: Vec<String> = known.chain(missing.take(NAMED)).chain(unknown.take(NAMED)).collect();
        if all.is_empty() {
            all.push("catalogue only".to_owned());
        }
        all.join("; ")
    }
}

/// A rewrite makes everything anew; an index is taken to be no larger than its table.
fn written_by(work: &Work, sizes: &Sizes) -> u64 {
    match work.kind {
        WorkKind::Scan => 0,
        _ if work.new => 0,
        WorkKind::Index | WorkKind::Rewrite => {
            sizes.get(&work.relation).map_or(0, |size| worked_on(work.kind, size))
        }
    }
}

/// Bytes that are read, or for a rewrite written.
const fn worked_on(kind: WorkKind, size: &Size) -> u64 {
    match kind {
        WorkKind::Scan | WorkKind::Index => size.bytes,
        WorkKind::Rewrite => size.bytes.saturating_add(size.index_bytes),
    }
}

/// `512 B`, `1.4 MiB`.
#[expect(clippy::cast_precision_loss, reason = "one decimal is shown")]
pub fn bytes_in_words(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    let mut size = bytes as f64;
    let mut unit = "B";
    for larger in UNITS {
        if size < 1024.0 {
            break;
        }
        size /= 1024.0;
        unit = larger;
    }
    if unit == "B" { format!("{bytes} B") } else { format!("{size:.1} {unit}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Catalog, Options, analyze_next};

    const TABLES: &str = "CREATE TABLE a (id int, b int NOT NULL); CREATE TABLE c (id int)";

    fn course(sql: &str) -> Course {
        let mut catalog = Catalog::fresh();
        analyze_next(TABLES, &mut catalog, Options::default());
        Course::of(&analyze_next(sql, &mut catalog, Options::default()).statements)
    }

    fn sizes() -> Sizes {
        let size = |mib: u64| Size {
            rows: None,
            bytes: mib * MIB,
            index_bytes: mib * MIB / 2,
            writes: 0,
            seconds: None,
        };
        Sizes::from([("public.a".to_owned(), size(1_500)), ("public.c".to_owned(), size(15))])
    }

    fn said(sql: &str) -> Vec<(String, Option<Time>, u64)> {
        let impacts = course(sql).impacts(&sizes(), &Rates::default()).into_iter();
        impacts.map(|impact| (impact.relation, impact.time, impact.written / MIB)).collect()
    }

    #[test]
    fn sizes_are_short() {
        assert_eq!(
            [0, 1023, 1024, 1_500_000, u64::MAX].map(bytes_in_words),
            ["0 B", "1023 B", "1.0 KiB", "1.4 MiB", "16777216.0 TiB"]
        );
    }

    fn time(low_ms: u64, high_ms: u64) -> Option<Time> {
        Some(Time { low_ms, high_ms })
    }

    #[test]
    fn a_lock_lasts_from_its_statement_to_the_end() {
        let sql = "ALTER TABLE c ADD COLUMN x int; ALTER TABLE a ALTER id SET NOT NULL";
        // The scan of a is what those wait for who wait for c.
        let scan = time(500, 100_000);
        assert_eq!(said(sql), [("public.c".to_owned(), scan, 0), ("public.a".to_owned(), scan, 0)]);
        let sql = "ALTER TABLE a ALTER id SET NOT NULL; ALTER TABLE c ADD COLUMN x int";
        assert_eq!(said(sql), [("public.a".to_owned(), scan, 0), ("public.c".to_owned(), time(0, 0), 0)]);
    }

    #[test]
    fn a_rewrite_writes_the_table_and_its_indexes_anew() {
        let found = said("ALTER TABLE c ALTER id TYPE bigint");
        assert_eq!(found, [("public.c".to_owned(), time(45, 1_500), 22)]);
    }

    #[test]
    fn what_nobody_waits_for_has_no_impact() {
        assert_eq!(said("CREATE TABLE d (id int); CREATE INDEX ON d (id)"), []);
        assert_eq!(said("CREATE INDEX CONCURRENTLY i ON a (id)"), []);
    }

    #[test]
    fn what_is_not_known_is_said_in_place_of_a_time() {
        let impacts = |sql| course(sql).impacts(&Sizes::new(), &Rates::default());
        let found = impacts("ALTER TABLE a ALTER id SET NOT NULL");
        assert_eq!((found[0].time, found[0].basis.as_str()), (None, "the size of public.a is not known"));
        let found = impacts("ALTER TABLE c ADD COLUMN x int; UPDATE c SET x = 1");
        assert_eq!(
            (found[0].time, found[0].basis.as_str()),
            (None, "the time of UPDATE (line 1) is not known")
        );
        // It is over before the lock is taken.
        let found = impacts("UPDATE c SET id = 1; ALTER TABLE c ADD COLUMN x int");
        assert_eq!((found[0].time, found[0].basis.as_str()), (time(0, 0), "catalogue only"));
    }

    #[test]
    fn what_was_seen_takes_the_place_of_what_is_assumed() {
        let mut rates = Rates::default();
        let basis = |rates: &Rates| {
            let found = course("ALTER TABLE a ALTER id SET NOT NULL").impacts(&sizes(), rates);
            (found[0].time, found[0].basis.clone())
        };
        // Too small, too short.
        rates.note(WorkKind::Scan, MIB, 10_000);
        rates.note(WorkKind::Scan, 100 * MIB, 5);
        assert_eq!(
            basis(&rates).1,
            "scan of 1.5 GiB at 15.0 MiB/s to 2.9 GiB/s (assumed, none was seen yet)"
        );
        rates.note(WorkKind::Scan, 400 * MIB, 1_000);
        rates.note(WorkKind::Scan, 800 * MIB, 1_000);
        let (seen, words) = basis(&rates);
        assert_eq!(seen, time(937, 7_500));
        assert_eq!(words, "scan of 1.5 GiB at 200.0 MiB/s to 1.6 GiB/s (seen on this database)");
        for _ in 0..REMEMBERED {
            rates.note(WorkKind::Scan, 80 * MIB, 1_000);
        }
        assert_eq!(rates.of(WorkKind::Scan).fastest, 160 * MIB);
    }

    #[test]
    fn a_statement_makes_others_wait_to_the_end() {
        let waits = |sql: &str, statements| course(sql).waits(statements, &sizes(), &Rates::default());
        let (scan, nothing) = (time(500, 100_000), time(0, 0));
        let sql =
            "ALTER TABLE c ADD COLUMN x int; ALTER TABLE a ALTER id SET NOT NULL; ALTER TABLE c ADD y int";
        assert_eq!(waits(sql, 3), [scan, scan, nothing]);
        let sql = "ALTER TABLE a ALTER id SET NOT NULL; UPDATE c SET id = 1; ALTER TABLE c ADD COLUMN y int";
        assert_eq!(waits(sql, 3), [None, None, nothing]);
    }

    #[test]
    fn a_run_is_telling_when_it_does_one_thing() {
        let bulk = |sql| course(sql).bulk(&sizes());
        assert_eq!(bulk("ALTER TABLE c ALTER id TYPE bigint"), Some((WorkKind::Rewrite, 15 * MIB * 3 / 2)));
        assert_eq!(bulk("ALTER TABLE c ALTER id TYPE bigint; CREATE INDEX ON a (id)"), None);
        assert_eq!(bulk("CREATE INDEX ON a (id); UPDATE c SET id = 2"), None);
    }
}
