//! A database without any history: a person says up to which version it is.

use super::{Adopted, Adoption, How};
use crate::migration::Version;
use crate::release::Release;

/// Everything of a release up to a version, with it; `None`: the release does not have the version.
#[must_use]
pub fn baseline<'a>(release: &'a Release, version: &Version) -> Option<Adoption<'a>> {
    let last = release.migrations.iter().position(|m| m.version.same_number(version))?;
    let adopted =
        |migration| Adopted { migration, applied_at: None, how: How::Baseline, tool_checksum: None };
    // What runs again when it changes is not below any version.
    let below = release.migrations.get(..=last)?.iter().filter(|migration| !migration.repeatable);
    Some(Adoption { recorded: below.map(adopted).collect(), misfits: Vec::new() })
}
