//! What policy makes of what was found in the SQL of a step: its risk, with reasons, and what a person is shown.

use std::collections::BTreeMap;
use std::sync::Arc;

use pgbelay_analysis::{Course, Hazard, Loss, Rates, Risk, Severity, Size, Sizes, StatementReport};
use serde::{Deserialize, Serialize};

use super::Direction;
use crate::judge::{AllJudged, Basis, File, Findings, Judged, Touch};
use crate::migration::{Migration, ScriptFacts};
use crate::name::DatabaseName;
use crate::policy::Policy;

/// What a step does to the schema, as it was judged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judgement {
    /// What it was judged against.
    pub basis: Basis,
    /// Named dangers, each once for each object, gravest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hazards: Vec<FoundHazard>,
    /// What it locks and does, in order.
    #[serde(flatten)]
    pub course: Course,
    /// How many statements there are.
    pub statements: usize,
    /// The statements, counted from 0, whose hazards count little because they are over at once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub brief: Vec<u32>,
    /// What is gone after it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub destroys: Vec<Loss>,
    /// What would have to be known to judge it, and is not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unknown: Vec<String>,
    /// What is known of the rows that it touches, beside its locks.
    #[serde(default, skip_serializing_if = "Touch::is_plain")]
    pub touch: Touch,
}

/// A hazard in a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoundHazard {
    /// The line of the statement, from 1.
    pub line: u32,
    /// The hazard.
    #[serde(flatten)]
    pub hazard: Hazard,
}

/// What is said of a step.
#[derive(Debug, Clone)]
pub(super) struct Word {
    pub(super) risk: Risk,
    pub(super) reasons: Vec<String>,
    /// Its place among the judgements of the plan.
    pub(super) judgement: Option<u32>,
}

/// Weighs the steps of one plan. Steps that are alike share a judgement.
#[derive(Debug)]
pub struct Scales<'a> {
    policy: &'a Policy,
    judged: &'a AllJudged,
    sizes: &'a AllSizes,
    rates: BTreeMap<&'a DatabaseName, &'a Rates>,
    judgements: Vec<Judgement>,
    /// What was said of the files of what was judged, by its place in memory and by what sizes made of its statements:
    /// nothing is weighed twice for a fleet.
    said: BTreeMap<(usize, usize, Vec<Weight>), Word>,
}

/// How large the relations of each database are, as far as that was asked.
pub type AllSizes = BTreeMap<DatabaseName, Sizes>;

/// What sizes and traffic make of the wait for a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Weight {
    /// It is over at once.
    Brief,
    /// Neither, or nobody knows.
    Plain,
    /// Everybody hears of it.
    Long,
}

/// Most reasons of one step: more than a person reads before an answer.
const MAX_REASONS: usize = 20;

/// Most entries of the lists that are only shown. Hazards have no bound of their own but that of a file: each may have
/// to be acknowledged.
const MAX_SHOWN: usize = 200;

/// Most locks and pieces of work of a step that are kept.
const MAX_COURSE: usize = 2_000;

/// A statement that is done with so soon, and a relation that is written to so rarely, that hardly anybody waits.
const BRIEF_MS: u64 = 1_000;
const FEW_WRITES_PER_SECOND: u64 = 100;

/// A lock of which everybody who uses the relation hears.
const LONG_MS: u64 = 60_000;

impl<'a> Scales<'a> {
    /// Nothing is weighed yet.
    #[must_use]
    pub const fn new(policy: &'a Policy, judged: &'a AllJudged, sizes: &'a AllSizes) -> Self {
        Self { policy, judged, sizes, rates: BTreeMap::new(), judgements: Vec::new(), said: BTreeMap::new() }
    }

    /// How fast the databases work, as far as that was seen.
    #[must_use]
    pub fn at(mut self, rates: impl IntoIterator<Item = (&'a DatabaseName, &'a Rates)>) -> Self {
        self.rates.extend(rates);
        self
    }

    /// What the steps refer to.
    #[must_use]
    pub fn judgements(self) -> Vec<Judgement> {
        self.judgements
    }

    pub(super) fn weigh(
        &mut self,
        database: &DatabaseName,
        (migration, script): (&Migration, &ScriptFacts),
        direction: Direction,
    ) -> Word {
        let file = File { version: migration.version.clone(), direction, sql: script.checksum };
        let judged: &'a AllJudged = self.judged;
        let found = judged.get(database).and_then(|judged| Some((judged, judged.findings(&file)?)));
        let Some((judged, (at, findings))) = found else { return by_facts(script, self.policy) };
        let key = (Arc::as_ptr(judged).addr(), at, self.weights(database, (judged, findings)));
        if let Some(word) = self.said.get(&key) {
            return word.clone();
        }
        let word = self.judge(judged, findings, &key.2);
        self.said.insert(key, word.clone());
        word
    }

    /// What sizes make of each statement, where policy lets them count and the schema was there to judge by.
    fn weights(&self, database: &DatabaseName, (judged, findings): (&Judged, &Findings)) -> Vec<Weight> {
        let counts = self.policy.refine && judged.basis.is_schema() && findings.unread.is_empty();
        let Some(sizes) = self.sizes.get(database).filter(|_| counts) else { return Vec::new() };
        let rates = self.rates.get(database).copied();
        weights(&kept(&findings.statements), findings.statements.len(), (sizes, rates))
    }

    fn judge(&mut self, judged: &Judged, findings: &Findings, weights: &[Weight]) -> Word {
        let mut weighed: Vec<(Risk, String)> = Vec::new();
        let mut judgement =
            Judgement::new(judged.basis.clone(), kept(&findings.statements), findings.statements.len());
        if let Basis::Text { because } = &judged.basis {
            weighed.push((Risk::Medium, format!("judged by its text alone: {because}")));
        }
        weighed.extend(findings.unread.iter().map(|what| (Risk::Medium, format!("unknown: {what}"))));
        for (number, statement) in findings.statements.iter().enumerate() {
            let mut statement = statement.clone();
            let mut changed = self.policy.apply(&mut statement);
            let weight = weights.get(number).copied().unwrap_or(Weight::Plain);
            if let Some(reason) = weight.apply(&mut statement, self.policy) {
                changed.push(reason);
                if weight == Weight::Brief {
                    judgement.brief.push(u32::try_from(number).unwrap_or(u32::MAX));
                }
            }
            weighed.extend(statement.findings(self.policy.refine));
            weighed.extend(changed);
            judgement.add(statement);
        }
        judgement.unknown.extend(findings.unread.iter().cloned());
        judgement.touch = touch(findings);
        judgement.settle();
        let place = self.judgements.iter().position(|known| *known == judgement).unwrap_or_else(|| {
            self.judgements.push(judgement);
            self.judgements.len() - 1
        });
        let (risk, reasons) = summed_up(weighed);
        Word { risk, reasons, judgement: u32::try_from(place).ok() }
    }
}

/// What is known of the rows that a file touches: nothing, where not all of it was read, or not all of its locks are kept.
fn touch(findings: &Findings) -> Touch {
    let Findings { statements, unread, touch } = findings;
    let cut = Course::of(statements).locks.len() > MAX_COURSE;
    let cut = cut.then(|| format!("it locks more than {MAX_COURSE} relations"));
    let unread = unread.first().map(|what| format!("unknown: {what}"));
    let untold = unread.or(cut).or_else(|| touch.untold.clone());
    Touch { untold, ..touch.clone() }
}

/// As much of what statements do as a plan keeps: the same when it is made and when it is started.
fn kept(statements: &[StatementReport]) -> Course {
    let mut course = Course::of(statements);
    course.shorten(MAX_COURSE);
    course
}

/// What sizes and traffic make of each statement: how long others wait from there to the end of the file.
///
/// What is brief is so at the assumed rates, whatever was seen: no two pieces of work are alike.
fn weights(course: &Course, statements: usize, (sizes, rates): (&Sizes, Option<&Rates>)) -> Vec<Weight> {
    let count = u32::try_from(statements).unwrap_or(u32::MAX);
    let assumed = Rates::default();
    let careful = course.waits(count, sizes, &assumed);
    let likely = course.waits(count, sizes, rates.unwrap_or(&assumed));
    let mut weights: Vec<Weight> = careful
        .iter()
        .zip(&likely)
        .map(|(careful, likely)| match (careful, likely) {
            (Some(time), _) if time.high_ms <= BRIEF_MS => Weight::Brief,
            (_, Some(time)) if time.low_ms >= LONG_MS => Weight::Long,
            _ => Weight::Plain,
        })
        .collect();
    let may_be_busy = |relation: &String| sizes.get(relation).is_none_or(is_busy);
    for work in course.work.iter().filter(|work| !work.what.new && may_be_busy(&work.what.relation)) {
        let place = usize::try_from(work.statement).ok().and_then(|number| weights.get_mut(number));
        if let Some(weight) = place.filter(|weight| **weight == Weight::Brief) {
            *weight = Weight::Plain;
        }
    }
    weights
}

/// Whether so many write to it that a second is long.
const fn is_busy(size: &Size) -> bool {
    match size.seconds {
        Some(seconds) => {
            let seconds = if seconds == 0 { 1 } else { seconds };
            size.writes / seconds >= FEW_WRITES_PER_SECOND
        }
        None => true,
    }
}

impl Judgement {
    /// Whether what was of little weight when the plan was made would be so with these sizes.
    #[must_use]
    pub fn is_still_brief(&self, sizes: Option<&Sizes>) -> bool {
        let Some(sizes) = sizes else { return self.brief.is_empty() };
        let now = weights(&self.course, self.statements, (sizes, None));
        let is_brief = |number: &u32| {
            let weight = usize::try_from(*number).ok().and_then(|number| now.get(number));
            weight == Some(&Weight::Brief)
        };
        self.brief.iter().all(is_brief)
    }
}

impl Weight {
    /// Puts another severity in place of that of the hazards that are about waiting, but for those that policy names.
    fn apply(self, statement: &mut StatementReport, policy: &Policy) -> Option<(Risk, String)> {
        let (severity, why) = match self {
            Self::Brief => (Severity::Low, "takes less than a second here, and few write to it"),
            Self::Plain => return None,
            Self::Long => (Severity::High, "takes more than a minute here, and others wait"),
        };
        let mut ids = Vec::new();
        for hazard in &mut statement.hazards {
            let moves = match self {
                Self::Brief => hazard.severity > severity,
                Self::Plain | Self::Long => hazard.severity < severity,
            };
            if hazard.waits && hazard.allowed.is_none() && moves && !policy.hazards.contains_key(&hazard.id) {
                hazard.severity = severity;
                ids.push(hazard.id.clone());
            }
        }
        statement.hazards.sort_by_key(|hazard| std::cmp::Reverse(hazard.severity));
        (!ids.is_empty()).then(|| (severity.risk(), format!("{} {why}", ids.join(", "))))
    }
}

impl Judgement {
    const fn new(basis: Basis, course: Course, statements: usize) -> Self {
        Self {
            basis,
            hazards: Vec::new(),
            course,
            statements,
            brief: Vec::new(),
            destroys: Vec::new(),
            unknown: Vec::new(),
            touch: Touch { untold: None, writes: false, made: Vec::new() },
        }
    }

    fn add(&mut self, statement: StatementReport) {
        let line = statement.position.line;
        // What it weighs has been said; it is not stored, and a state is what the ledger folds to.
        let weighed = statement.hazards.into_iter().map(|hazard| Hazard { waits: false, ..hazard });
        self.hazards.extend(weighed.map(|hazard| FoundHazard { line, hazard }));
        self.destroys.extend(statement.destroys);
        self.unknown.extend(statement.unknown);
    }

    /// Puts everything in order, each once.
    fn settle(&mut self) {
        self.hazards.sort_by_key(|found| std::cmp::Reverse(found.hazard.severity));
        let mut known = std::collections::BTreeSet::new();
        self.hazards.retain(|found| known.insert((found.hazard.id.clone(), found.hazard.relation.clone())));
        self.destroys.sort();
        self.destroys.dedup();
        self.unknown.sort();
        self.unknown.dedup();
        self.destroys.truncate(MAX_SHOWN);
        self.unknown.truncate(MAX_SHOWN);
    }
}

/// What the text says of a file that nobody judged.
fn by_facts(script: &ScriptFacts, policy: &Policy) -> Word {
    let mut weighed = vec![(Risk::Medium, "judged by its text alone: nobody has judged it".to_owned())];
    for statement in &script.statements {
        let level = policy.risk_of(&statement.kind, statement.risk);
        weighed.extend(statement.reasons.iter().map(|reason| (level, reason.clone())));
        weighed.extend(policy.says(level, statement.risk, &statement.kind));
    }
    let (risk, reasons) = summed_up(weighed);
    Word { risk, reasons, judgement: None }
}

/// The highest level, and the reasons, weightiest first, each once.
fn summed_up(mut weighed: Vec<(Risk, String)>) -> (Risk, Vec<String>) {
    weighed.sort_by_key(|(level, _)| std::cmp::Reverse(*level));
    let highest = weighed.first().map_or(Risk::Low, |(level, _)| *level);
    let mut said = std::collections::BTreeSet::new();
    let reasons = weighed.into_iter().map(|(_, reason)| reason).filter(|reason| said.insert(reason.clone()));
    (highest, bounded(reasons.collect()))
}

fn bounded(mut reasons: Vec<String>) -> Vec<String> {
    if let Some(more) = reasons.len().checked_sub(MAX_REASONS).filter(|n| *n > 0) {
        reasons.truncate(MAX_REASONS);
        reasons.push(format!("and {more} more"));
    }
    reasons
}
