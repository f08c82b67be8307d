//! The risk of a statement: the base of its kind, raised by hazards, and lowered by what is known.

use std::collections::BTreeSet;

use crate::Risk;
use crate::report::{Hazard, Severity, StatementReport};

/// Puts risk and reasons into a report.
pub(super) fn judge(report: &mut StatementReport, refine: bool) {
    let findings = report.findings(refine);
    report.risk = findings.first().map_or(report.base.risk, |(risk, _)| *risk);
    report.reasons = findings.into_iter().map(|(_, reason)| reason).collect();
}

impl StatementReport {
    /// All that speaks for a level of risk, weightiest first, each once; never empty. Whoever changes hazards or base
    /// asks again. `refine`: whether what is known may lower the base.
    pub fn findings(&self, refine: bool) -> Vec<(Risk, String)> {
        let mut findings: Vec<(Risk, String)> = Vec::new();
        let counted = self.hazards.iter().filter(|hazard| hazard.allowed.is_none());
        findings.extend(counted.map(|hazard| (hazard.severity.risk(), reason(hazard))));
        for hazard in self.hazards.iter().filter(|hazard| hazard.allowed.is_some()) {
            let why = hazard.allowed.as_deref().unwrap_or_default();
            findings.push((Risk::Low, format!("{} is allowed: {why}", hazard.id)));
        }
        for what in &self.unknown {
            findings.push((Risk::Medium, format!("unknown: {what}")));
        }
        if let Some(fails) = &self.fails {
            findings.push((Risk::High, format!("the server would refuse it: {fails}")));
        }
        if refine && is_explained(self) {
            if findings.is_empty() {
                findings.push((Risk::Low, what_is_known(self)));
            }
        } else {
            findings.extend(self.base.reasons.iter().map(|reason| (self.base.risk, reason.clone())));
        }
        findings.sort_by_key(|(risk, _)| std::cmp::Reverse(*risk));
        let mut said: BTreeSet<String> = BTreeSet::new();
        findings.retain(|(_, reason)| said.insert(reason.clone()));
        findings
    }
}

fn reason(hazard: &Hazard) -> String {
    format!("{}: {}", hazard.id, hazard.message)
}

/// Whether all that the statement does was found out, so that its kind says nothing more. What writes
/// rows, destroys data or is not analysed keeps the base of its kind.
fn is_explained(report: &StatementReport) -> bool {
    let destroys = report.destroys.iter().any(|loss| loss.data);
    let rows = super::is_about_rows(report.kind);
    let allowed_high =
        report.hazards.iter().any(|hazard| hazard.allowed.is_none() && hazard.severity == Severity::High);
    !report.base.stands && (!destroys || allowed_high) && !rows && report.unknown.is_empty()
}

/// Why the risk is lower than that of the kind.
fn what_is_known(report: &StatementReport) -> String {
    let words = report.kind.words();
    let others = report.locks.iter().any(|lock| !lock.new);
    if report.work.iter().all(|work| work.new) && !others {
        return format!("{words} touches nothing that was there before");
    }
    if report.work.is_empty() {
        return format!("{words} changes the catalogue only");
    }
    format!("{words} has no hazard that is known")
}
