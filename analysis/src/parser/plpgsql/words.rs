//! The tokens of a body, as words.

use crate::parser;

/// The tokens of a body, without comments.
pub(super) struct Words<'a> {
    text: &'a str,
    spans: Vec<(usize, usize)>,
}

impl<'a> Words<'a> {
    pub(super) fn new(text: &'a str) -> Result<Self, String> {
        let tokens = parser::scan(text).map_err(|fault| fault.message)?;
        let tokens = tokens.iter().filter(|token| token.kind != crate::split::TokenKind::Comment);
        Ok(Self { text, spans: tokens.map(|token| (token.start, token.end)).collect() })
    }

    pub(super) fn len(&self) -> usize {
        self.spans.len()
    }

    /// The token as it is written; nothing behind the last.
    pub(super) fn at(&self, index: usize) -> &'a str {
        self.spans.get(index).map_or("", |(start, end)| &self.text[*start..*end])
    }

    pub(super) fn is(&self, index: usize, word: &str) -> bool {
        self.at(index).eq_ignore_ascii_case(word)
    }

    pub(super) fn is_any(&self, index: usize, words: &[&str]) -> bool {
        words.iter().any(|word| self.is(index, word))
    }

    /// Where a token starts.
    pub(super) fn offset(&self, index: usize) -> usize {
        self.spans.get(index).map_or(self.text.len(), |(start, _)| *start)
    }

    /// The text from one token to before another.
    pub(super) fn between(&self, from: usize, to: usize) -> &'a str {
        if from >= to {
            return "";
        }
        let end = self.spans.get(to - 1).map_or(self.text.len(), |(_, end)| *end);
        &self.text[self.offset(from)..end]
    }

    /// The first of these words from `from` on, outside of parentheses and of CASE expressions; the
    /// end of the text if there is none.
    pub(super) fn find(&self, from: usize, words: &[&str]) -> usize {
        let (mut depth, mut cases) = (0_usize, 0_usize);
        for index in from..self.len() {
            // No CASE reaches over the end of a statement, and END CASE opens none.
            let outside = depth == 0 && (cases == 0 || self.at(index) == ";");
            if outside && self.is_any(index, words) {
                return index;
            }
            match self.at(index) {
                "(" | "[" => depth += 1,
                ")" | "]" => depth = depth.saturating_sub(1),
                word if word.eq_ignore_ascii_case("case") => cases += 1,
                word if word.eq_ignore_ascii_case("end") => cases = cases.saturating_sub(1),
                _ => {}
            }
        }
        self.len()
    }

    /// The first line's end behind a token, as the token after it.
    pub(super) fn next_line(&self, index: usize) -> usize {
        let start = self.offset(index);
        let end = self.text[start..].find('\n').map_or(self.text.len(), |length| start + length);
        let after = self.spans.iter().skip(index).position(|(start, _)| *start >= end);
        after.map_or(self.len(), |count| index + count)
    }

    /// Behind a variable with its fields and subscripts.
    pub(super) fn after_variable(&self, index: usize) -> usize {
        let mut at = index + 1;
        loop {
            at = match self.at(at) {
                "." => at + 2,
                "[" => self.find(at + 1, &["]"]) + 1,
                _ => return at,
            };
        }
    }
}
