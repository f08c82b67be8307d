//! The pages of the hazards: Markdown, as a terminal can show it.

use pgbelay_analysis::Severity;
use serde::Serialize;

use super::Layout;
use super::lint::tone;
use super::table::{Column, prose, table, toned, word};
use super::text::{Tone, paint, wrap};

const HAZARDS: [Column; 3] = [word("HAZARD"), word("SEVERITY").rank(1), prose("WHAT HAPPENS")];

/// Every hazard.
#[derive(Debug, Serialize)]
pub(crate) struct HazardList {
    pub(crate) hazards: Vec<HazardLine>,
}

/// A hazard in a line.
#[derive(Debug, Serialize)]
pub(crate) struct HazardLine {
    pub(crate) id: &'static str,
    pub(crate) severity: Severity,
    pub(crate) title: &'static str,
}

/// A hazard with its page.
#[derive(Debug, Serialize)]
pub(crate) struct HazardPage {
    pub(crate) id: &'static str,
    pub(crate) severity: Severity,
    pub(crate) title: &'static str,
    /// Markdown.
    pub(crate) page: &'static str,
}

/// All of them, a line each.
pub(crate) fn list(list: &HazardList, layout: Layout) -> String {
    let row = |hazard: &HazardLine| {
        let severity = toned(tone(hazard.severity), hazard.severity.as_str());
        vec![hazard.id.into(), severity, hazard.title.into()]
    };
    table(&HAZARDS, &list.hazards.iter().map(row).collect::<Vec<_>>(), layout)
}

/// One of them, for people.
pub(crate) fn page(hazard: &HazardPage, layout: Layout) -> String {
    let severity = paint(tone(hazard.severity), hazard.severity.as_str());
    let heading = format!("{} ({severity}): {}", paint(Tone::Strong, hazard.id), hazard.title);
    format!("{}\n\n{}", wrap(&heading, 2, layout.prose()), markdown(without_title(hazard), layout.prose()))
}

/// The page without its first heading, which says what stands above it.
fn without_title(hazard: &HazardPage) -> &'static str {
    let page = hazard.page.trim_start();
    match page.split_once('\n') {
        Some((first, rest)) if heading(first).is_some_and(|text| text.starts_with(hazard.id)) => rest,
        Some(_) | None => page,
    }
}

/// Headings, paragraphs, lists and code. Anything else stays as it is, which is how Markdown is meant to be read.
fn markdown(source: &str, width: usize) -> String {
    let mut page = Page { text: String::new(), paragraph: String::new(), width };
    let mut code = false;
    for line in source.trim_start().lines() {
        if line.trim_start().starts_with("```") {
            page.end_paragraph();
            code = !code;
        } else if code {
            page.line(&format!("    {line}"));
        } else if line.starts_with("    ") && page.paragraph.is_empty() {
            page.line(line);
        } else if let Some(heading) = heading(line) {
            page.end_paragraph();
            page.line(&paint(Tone::Strong, heading));
        } else if line.trim().is_empty() {
            page.end_paragraph();
            page.line("");
        } else if line.starts_with('|') {
            page.end_paragraph();
            page.line(line);
        } else {
            if bullet(line.trim_start()).is_some() {
                page.end_paragraph();
            }
            page.paragraph.push_str(line);
            page.paragraph.push(' ');
        }
    }
    page.end_paragraph();
    page.text
}

struct Page {
    text: String,
    /// What has been read of the paragraph that goes on.
    paragraph: String,
    width: usize,
}

impl Page {
    fn line(&mut self, line: &str) {
        self.text.push_str(line.trim_end());
        self.text.push('\n');
    }

    fn end_paragraph(&mut self) {
        let paragraph = std::mem::take(&mut self.paragraph);
        let text = paragraph.trim();
        if text.is_empty() {
            return;
        }
        let indent = paragraph.len() - paragraph.trim_start().len();
        let (mark, text) = bullet(text).unwrap_or(("", text));
        let under = indent + mark.len();
        let wrapped = wrap(&strong(text), under, self.width);
        self.line(&format!("{:indent$}{mark}{wrapped}", ""));
    }
}

fn heading(line: &str) -> Option<&str> {
    let text = line.strip_prefix('#')?.trim_start_matches('#');
    text.strip_prefix(' ').map(str::trim)
}

/// `- text` or `1. text`, parted.
fn bullet(text: &str) -> Option<(&str, &str)> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let mark = if digits > 0 && text[digits..].starts_with(". ") {
        digits + 2
    } else if text.starts_with("- ") || text.starts_with("* ") {
        2
    } else {
        return None;
    };
    Some(text.split_at(mark))
}

/// `**text**` in bold.
fn strong(text: &str) -> String {
    let parts: Vec<_> = text.split("**").collect();
    if parts.len().is_multiple_of(2) {
        return text.to_owned();
    }
    let painted = parts.iter().enumerate().map(|(at, part)| {
        // Word by word: a line that is broken in the middle keeps its indent plain.
        let bold = |word| paint(Tone::Strong, word);
        if at % 2 == 0 { (*part).to_owned() } else { part.split(' ').map(bold).collect::<Vec<_>>().join(" ") }
    });
    painted.collect()
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{assert_fits, plain};
    use super::*;

    const PAGE: &str = "\
# drop-column: values are gone

## What happens

The column and its values are gone. Code that runs now and names the column **fails at once**, also
`SELECT *` of a prepared statement.

- first take it out of the code, and deploy that everywhere, so that nothing names it any more
- then drop it

```sql
SET lock_timeout = '2s';
  ALTER TABLE orders DROP COLUMN note;
```
";

    #[test]
    fn a_page_fits_the_terminal_and_keeps_its_code() {
        let hazard =
            HazardPage { id: "drop-column", severity: Severity::High, title: "values are gone", page: PAGE };
        let text = plain(&page(&hazard, Layout { width: Some(60) }));
        assert_fits(&text, 60);
        insta::assert_snapshot!(text, @r"
        drop-column (high): values are gone

        What happens

        The column and its values are gone. Code that runs now and
        names the column fails at once, also `SELECT *` of a
        prepared statement.

        - first take it out of the code, and deploy that everywhere,
          so that nothing names it any more
        - then drop it

            SET lock_timeout = '2s';
              ALTER TABLE orders DROP COLUMN note;
        ");
    }

    #[test]
    fn the_list_has_one_line_each() {
        let hazards =
            vec![HazardLine { id: "drop-column", severity: Severity::High, title: "values are gone" }];
        insta::assert_snapshot!(plain(&list(&HazardList { hazards }, Layout { width: Some(80) })), @r"
        HAZARD       SEVERITY  WHAT HAPPENS
        drop-column  high      values are gone
        ");
    }

    #[test]
    fn odd_stars_stay() {
        assert_eq!(strong("a ** b"), "a ** b");
        assert_eq!(plain(&strong("**a b** c")), "a b c");
    }
}
