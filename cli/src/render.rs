//! The only part that writes to the terminal. Everything below it makes texts; the [`Screen`] prints them.
//!
//! Texts may carry colour; the screen takes it out where it is not wanted, and takes out every other control
//! character always: names and messages come from databases, and must not steer a terminal.

use std::borrow::Cow;
use std::io::{self, BufRead, BufWriter, ErrorKind as IoErrorKind, Read as _, Write};
use std::os::fd::OwnedFd;

use serde::Serialize;

use crate::args::{Format, GlobalArgs};
use crate::error::CliError;
use crate::exit_code::ExitCode;
use crate::io::{Io, Terminal};
use live::{Line, Live, Room};
use progress::Spinner;
use reader::Reader;

pub(crate) mod access;
pub(crate) mod audit;
pub(crate) mod backup;
pub(crate) mod context;
pub(crate) mod error;
pub(crate) mod explain;
#[cfg(test)]
mod fixtures;
pub(crate) mod freeze;
pub(crate) mod graph;
pub(crate) mod history;
pub(crate) mod job;
pub(crate) mod ledger;
pub(crate) mod lint;
pub(crate) mod live;
pub(crate) mod mistakes;
pub(crate) mod notify;
pub(crate) mod plan;
pub(crate) mod policy;
pub(crate) mod progress;
pub(crate) mod reader;
pub(crate) mod rollout;
pub(crate) mod status;
mod table;
pub(crate) mod text;
pub(crate) mod trial;
mod waves;

/// Bytes of a document that are written at once.
const DOCUMENT_BUFFER: usize = 64 * 1024;
/// Longest line that is read as an answer: the longest name, many times over.
const MAX_ANSWER: u64 = 4096;
/// Without a limit of its own, prose is broken to be read.
const PROSE: u16 = 100;
/// Columns and lines of a terminal that does not say how many it has.
const USUAL: (u16, u16) = (80, 24);

/// How much room there is.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Layout {
    /// Columns; `None`: no limit.
    pub(crate) width: Option<u16>,
}

impl Layout {
    /// Where prose is broken.
    pub(crate) fn prose(self) -> usize {
        self.width.map_or(PROSE, |width| width.clamp(20, PROSE)).into()
    }
}

/// Where results, remarks and questions go.
pub(crate) struct Screen {
    out: Box<dyn Write + Send>,
    reader: Option<OwnedFd>,
    err: Box<dyn Write + Send>,
    input: Box<dyn BufRead + Send>,
    terminal: Terminal,
    format: Format,
    colour: bool,
    deserted: bool,
}

impl Screen {
    pub(crate) fn new(io: Io, globals: &GlobalArgs) -> Self {
        Self {
            out: io.out,
            reader: io.reader,
            err: io.err,
            input: io.input,
            terminal: io.terminal,
            format: globals.output.format(),
            colour: !globals.no_color && !io.environment.no_color,
            deserted: false,
        }
    }

    /// The room for results.
    pub(crate) const fn layout(&self) -> Layout {
        Layout { width: self.terminal.width }
    }

    /// Whether somebody can read a question and answer it.
    pub(crate) const fn is_interactive(&self) -> bool {
        self.terminal.stdin && self.terminal.stderr
    }

    /// Whether moving pictures have a place: progress is drawn on stderr.
    pub(crate) const fn can_draw(&self) -> bool {
        self.terminal.stderr
    }

    /// Whether results go to a terminal.
    pub(crate) const fn shows_results(&self) -> bool {
        self.terminal.stdout
    }

    /// Whether results for people may be drawn over themselves.
    pub(crate) fn draws_results(&self) -> bool {
        self.format == Format::Table && self.terminal.stdout && self.terminal.stderr
    }

    /// A remark on stderr for people; nothing for programs.
    pub(crate) fn remark(&mut self, text: &str) {
        if self.writes_lines() {
            self.note(text);
        }
    }

    /// Whoever reads the results, to be asked once.
    pub(crate) fn reader(&mut self) -> Reader {
        Reader::of(self.reader.take())
    }

    /// Whether whoever read the results has gone.
    pub(crate) const fn is_deserted(&self) -> bool {
        self.deserted
    }

    /// The room that the terminal has at this moment.
    fn room(&self) -> Room {
        let size = self.terminal.size.and_then(|size| size());
        let (width, height) = size.unwrap_or((self.terminal.width.unwrap_or(USUAL.0), USUAL.1));
        Room { width: width.into(), height: height.into() }
    }

    /// Draws a picture in the place of the one before.
    pub(crate) fn draw(&mut self, live: &mut Live, picture: impl FnOnce(Room) -> Vec<Line>) {
        let room = self.room();
        let text = live.draw(&picture(room), room, self.colour);
        write_out(&mut self.err, &text);
    }

    /// Takes a picture away.
    pub(crate) fn erase(&mut self, live: &mut Live) {
        let text = live.clear(self.room());
        write_out(&mut self.err, &text);
    }

    /// Whether somebody reads remarks on the way: programs that asked for JSON do not.
    pub(crate) fn writes_lines(&self) -> bool {
        self.format == Format::Table
    }

    /// A result: as JSON for programs, as `render` makes it for people.
    pub(crate) fn present<T: Serialize>(&mut self, value: &T, render: impl FnOnce(&T, Layout) -> String) {
        match self.format {
            Format::Json => self.json(value),
            Format::Table => self.show(&render(value, self.layout())),
        }
    }

    /// A result for programs; nothing for people.
    pub(crate) fn json(&mut self, value: &impl Serialize) {
        if self.format == Format::Json {
            // Every message is made of texts, numbers and lists of them, which JSON can hold.
            let text = serde_json::to_string_pretty(value).unwrap_or_default();
            self.deserted |= write_out(&mut self.out, &format!("{text}\n"));
        }
    }

    /// A result for people; nothing for programs.
    pub(crate) fn show(&mut self, text: &str) {
        if self.format == Format::Table {
            let text = harmless(text, self.colour && self.terminal.stdout);
            self.deserted |= write_out(&mut self.out, &format!("{}\n", text.trim_end()));
        }
    }

    /// A large result for programs, on one line.
    pub(crate) fn document(&mut self, value: &impl Serialize) {
        let mut out = BufWriter::with_capacity(DOCUMENT_BUFFER, &mut self.out);
        let written = serde_json::to_writer(&mut out, value).map_err(io::Error::from);
        told(written.and_then(|()| out.write_all(b"\n")).and_then(|()| out.flush()));
    }

    /// What stands on stdin, up to `limit` bytes and one more that shows that there are more.
    pub(crate) fn input(&mut self, limit: usize) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        io::Read::take(&mut self.input, limit as u64 + 1).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// A text for stdout as it is, whatever the format: help, a script.
    pub(crate) fn raw(&mut self, text: &str) {
        let text = harmless(text, self.colour && self.terminal.stdout);
        write_out(&mut self.out, &text);
    }

    /// A file for stdout, byte for byte: where JSON is escaped, control characters are.
    pub(crate) fn file(&mut self, json: &str) {
        write_out(&mut self.out, json);
        write_out(&mut self.out, "\n");
    }

    /// A remark on stderr.
    pub(crate) fn note(&mut self, text: &str) {
        let text = harmless(text, self.colour && self.terminal.stderr);
        write_out(&mut self.err, &format!("{text}\n"));
    }

    /// Asks at the terminal and reads one line.
    pub(crate) fn ask(&mut self, question: &str) -> io::Result<String> {
        let question = harmless(question, self.colour);
        write_out(&mut self.err, &question);
        let mut answer = String::new();
        io::Read::take(&mut self.input, MAX_ANSWER).read_line(&mut answer)?;
        if !answer.ends_with('\n') {
            write_out(&mut self.err, "\n");
        }
        Ok(answer)
    }

    /// A failure, in the chosen format, on stderr.
    pub(crate) fn error(&mut self, error: &CliError) -> ExitCode {
        match self.format {
            Format::Json => drop(write_out(&mut self.err, &format!("{}\n", error::json(error)))),
            Format::Table => self.note(error::text(error, self.layout()).trim_end()),
        }
        error.kind.exit_code()
    }

    /// Says that something takes its time, until it is dropped.
    pub(crate) fn spinner(&mut self, doing: &str) -> Spinner {
        if self.can_draw() { Spinner::start(doing) } else { Spinner::none() }
    }
}

/// Whether whoever read it has gone.
fn write_out(to: &mut impl Write, text: &str) -> bool {
    told(to.write_all(text.as_bytes()).and_then(|()| to.flush()))
}

/// A reader that has gone away (`pgbelay status | head -1`) is no failure of the command; its exit code still says
/// how it went. Answers whether it has.
fn told(written: io::Result<()>) -> bool {
    match written {
        Err(error) if error.kind() == IoErrorKind::BrokenPipe => true,
        Err(error) => {
            tracing::debug!(%error, "failed to write a result");
            false
        }
        Ok(()) => false,
    }
}

/// The text without control characters that could steer a terminal; colour stays if it is wanted.
fn harmless(text: &str, colour: bool) -> Cow<'_, str> {
    if !text.contains(|c: char| c.is_control() && c != '\n') {
        return Cow::Borrowed(text);
    }
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        if let Some((sequence, after)) = colour_sequence(rest) {
            clean.push_str(if colour { sequence } else { "" });
            rest = after;
            continue;
        }
        match first {
            '\t' => clean.push_str("    "),
            c if c.is_control() && c != '\n' => clean.extend(c.escape_default()),
            c => clean.push(c),
        }
        rest = &rest[first.len_utf8()..];
    }
    Cow::Owned(clean)
}

/// A leading sequence that sets a colour, bold or faint, or resets that. Others (concealed, blinking) are not passed.
fn colour_sequence(text: &str) -> Option<(&str, &str)> {
    let (parameters, _) = text.strip_prefix("\u{1b}[")?.split_once('m')?;
    let allowed =
        |p: &str| matches!(p, "" | "0" | "1" | "2" | "4" | "22" | "24" | "31" | "32" | "33" | "36" | "39");
    let palette = |p: &str| p.strip_prefix("38;5;").is_some_and(|n| n.parse::<u8>().is_ok());
    (allowed(parameters) || palette(parameters))
        .then(|| text.split_at("\u{1b}[".len() + parameters.len() + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_cannot_steer_the_terminal() {
        let check = |text: &str, coloured: &str, plain: &str| {
            assert_eq!(harmless(text, true), coloured);
            assert_eq!(harmless(text, false), plain);
        };
        check("plain\n", "plain\n", "plain\n");
        check("\u{1b}[31mred\u{1b}[0m", "\u{1b}[31mred\u{1b}[0m", "red");
        check("\u{1b}[38;5;9mred\u{1b}[39m", "\u{1b}[38;5;9mred\u{1b}[39m", "red");
        check("\u{1b}[8mhidden", "\\u{1b}[8mhidden", "\\u{1b}[8mhidden");
        check("\u{1b}]0;title\u{7}", "\\u{1b}]0;title\\u{7}", "\\u{1b}]0;title\\u{7}");
        check("\u{1b}[2Ja\rb\tc", "\\u{1b}[2Ja\\rb    c", "\\u{1b}[2Ja\\rb    c");
    }
}
