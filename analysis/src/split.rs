//! Cuts the tokens of a file into statements, the way psql does.
//!
//! A `;` ends a statement unless it is inside parentheses (CREATE RULE) or inside a BEGIN ATOMIC
//! function body. What is left open runs to the end of the file, where the grammar then says what
//! is missing.

/// A token of the file: what it is to the splitter, and its bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Token {
    pub(crate) kind: TokenKind,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// What a token is to the splitter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenKind {
    Semicolon,
    Open,
    Close,
    Backslash,
    Comment,
    Create,
    Or,
    Replace,
    Routine,
    Begin,
    Atomic,
    Case,
    End,
    Other,
}

/// One statement: its tokens without comments. Never empty.
#[derive(Debug)]
pub(crate) struct Piece {
    pub(crate) tokens: Vec<Token>,
    /// Whether a `;` ended it.
    pub(crate) ended: bool,
}

impl Piece {
    /// Where it starts and ends in the file, in bytes.
    pub(crate) fn span(&self) -> (usize, usize) {
        let start = self.tokens.first().map_or(0, |token| token.start);
        let end = self.tokens.last().map_or(start, |token| token.end);
        (start, end)
    }

    /// Where a psql command starts, if there is one. A backslash outside of quotes is nothing else.
    pub(crate) fn backslash(&self) -> Option<usize> {
        self.tokens.iter().find(|t| t.kind == TokenKind::Backslash).map(|token| token.start)
    }
}

/// The statements that `tokens` make up, in order.
pub(crate) fn pieces(tokens: &[Token]) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut current = Vec::new();
    let mut nesting = Nesting::default();
    for token in tokens {
        if token.kind == TokenKind::Comment {
            continue;
        }
        if token.kind == TokenKind::Semicolon && nesting.is_outside() {
            nesting = Nesting::default();
            if !current.is_empty() {
                pieces.push(Piece { tokens: std::mem::take(&mut current), ended: true });
            }
            continue;
        }
        nesting.follow(&current, token.kind);
        current.push(*token);
    }
    if !current.is_empty() {
        pieces.push(Piece { tokens: current, ended: false });
    }
    pieces
}

/// What is open at this place of a statement.
#[derive(Debug, Default)]
struct Nesting {
    parentheses: usize,
    /// BEGIN ATOMIC and the CASEs inside it, each of which has its END.
    blocks: usize,
}

impl Nesting {
    const fn is_outside(&self) -> bool {
        self.parentheses == 0 && self.blocks == 0
    }

    fn follow(&mut self, before: &[Token], kind: TokenKind) {
        if kind == TokenKind::Open {
            self.parentheses += 1;
        } else if kind == TokenKind::Close {
            self.parentheses = self.parentheses.saturating_sub(1);
        } else if self.blocks == 0 && kind == TokenKind::Atomic && opens_body(before) {
            self.blocks = 1;
        } else if self.blocks > 0 && kind == TokenKind::Case {
            self.blocks += 1;
        } else if kind == TokenKind::End {
            self.blocks = self.blocks.saturating_sub(1);
        }
    }
}

/// Whether ATOMIC after these tokens opens the body of a function or procedure.
fn opens_body(before: &[Token]) -> bool {
    let kinds = |at: usize| before.get(at).map(|token| token.kind);
    let routine = if kinds(1) == Some(TokenKind::Or) { 3 } else { 1 };
    kinds(0) == Some(TokenKind::Create)
        && kinds(routine) == Some(TokenKind::Routine)
        && before.last().map(|token| token.kind) == Some(TokenKind::Begin)
}
