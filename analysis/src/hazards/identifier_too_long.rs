//! Names that the server cuts.

use super::words::words;
use super::{Context, Found, HazardInfo, Rule};
use crate::report::Severity;

pub(super) const RULE: Rule = Rule {
    info: HazardInfo {
        id: "identifier-too-long",
        title: "a name longer than 63 bytes is cut silently",
        severity: Severity::Medium,
        page: include_str!("../../hazards/identifier-too-long/page.md"),
    },
    check,
};

/// `NAMEDATALEN` - 1.
const LONGEST: usize = 63;

/// Whether it has to be cut into words at all.
fn may_be_long(text: &str) -> bool {
    let ends = |byte: u8| !byte.is_ascii_alphanumeric() && byte != b'_' && byte != b'$';
    !text.is_ascii()
        || text.contains('"')
        || text.as_bytes().split(|b| ends(*b)).any(|word| word.len() > LONGEST)
}

fn check(context: &Context<'_>) -> Vec<Found> {
    if !may_be_long(context.text) {
        return Vec::new();
    }
    let mut long: Vec<String> =
        words(context.text).into_iter().map(|word| word.text).filter(|name| name.len() > LONGEST).collect();
    long.sort();
    long.dedup();
    long.into_iter()
        .map(|name| {
            let cut =
                name.char_indices().map(|(at, c)| at + c.len_utf8()).take_while(|end| *end <= LONGEST).last();
            let kept = name.get(..cut.unwrap_or_default()).unwrap_or_default().to_owned();
            Found::new(name, format!("the name is cut to {kept}"))
        })
        .collect()
}
