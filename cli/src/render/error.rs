//! A failure on the screen: what happened, why pgbelay stopped, what to do next.

use serde::Serialize;

use super::Layout;
use super::text::{Tone, paint, wrap};
use crate::error::CliError;

/// For people.
pub(super) fn text(error: &CliError, layout: Layout) -> String {
    let part = |label: &str, tone, text: &str| {
        format!("{}: {}\n", paint(tone, label), wrap(text, label.len() + 2, layout.prose()))
    };
    let mut text = part("error", Tone::Bad, &error.message);
    for detail in &error.details {
        let lines: String = detail.lines().map(|line| format!("  {line}\n")).collect();
        text.push_str(&format!("\n{lines}"));
    }
    if !error.details.is_empty() {
        text.push('\n');
    }
    if let Some(cause) = &error.cause {
        text.push_str(&part("why", Tone::Strong, cause));
    }
    if let Some(hint) = &error.hint {
        text.push_str(&part("next", Tone::Strong, hint));
    }
    text
}

#[derive(Serialize)]
struct Document<'a> {
    error: Body<'a>,
}

#[derive(Serialize)]
struct Body<'a> {
    kind: &'static str,
    message: &'a str,
    details: &'a [String],
    cause: Option<&'a str>,
    next_step: Option<&'a str>,
    exit_code: u8,
}

/// For programs.
pub(super) fn json(error: &CliError) -> String {
    let body = Body {
        kind: error.kind.as_str(),
        message: &error.message,
        details: &error.details,
        cause: error.cause.as_deref(),
        next_step: error.hint.as_deref(),
        exit_code: error.kind.exit_code().number(),
    };
    serde_json::to_string_pretty(&Document { error: body }).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::plain;
    use super::*;
    use crate::error::ErrorKind;

    fn error() -> CliError {
        CliError::new(
            ErrorKind::Refused,
            "plan p1 cannot be started now, and this goes on for more than a line",
        )
        .because("the release has not succeeded on every database of staging: orders-1, orders-2")
        .hint("pgbelay migrate --env staging")
    }

    #[test]
    fn the_parts_are_told_apart() {
        insta::assert_snapshot!(plain(&text(&error(), Layout { width: Some(60) })), @r"
        error: plan p1 cannot be started now, and this goes on for
               more than a line
        why: the release has not succeeded on every database of
             staging: orders-1, orders-2
        next: pgbelay migrate --env staging
        ");
    }

    #[test]
    fn details_stand_between_what_and_why() {
        let error = CliError::usage("2 mistakes")
            .with_details(vec!["a: wrong".into(), "b:\n  1 | x".into()])
            .hint("go");
        insta::assert_snapshot!(plain(&text(&error, Layout::default())), @r"
        error: 2 mistakes

          a: wrong

          b:
            1 | x

        next: go
        ");
    }

    #[test]
    fn programs_get_the_same_parts() {
        insta::assert_snapshot!(json(&error()), @r#"
        {
          "error": {
            "kind": "refused",
            "message": "plan p1 cannot be started now, and this goes on for more than a line",
            "details": [],
            "cause": "the release has not succeeded on every database of staging: orders-1, orders-2",
            "next_step": "pgbelay migrate --env staging",
            "exit_code": 3
          }
        }
        "#);
    }
}
