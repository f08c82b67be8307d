//! Whoever types: a person at a terminal, or a program without one; and what they see.

use std::ffi::OsString;
use std::io::{self, Cursor, Write};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use pgbelay::{Environment, Io, Terminal};

use crate::controller::Controller;

/// Longest time of a command line.
const DEADLINE: Duration = Duration::from_secs(60);

/// What came of a command line.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) code: u8,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Seen {
    /// The only JSON document on stdout.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:#?}"))
    }

    /// The only JSON document on stderr.
    pub(crate) fn error(&self) -> serde_json::Value {
        serde_json::from_str(&self.err).unwrap_or_else(|error| panic!("{error}: {self:#?}"))
    }
}

#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Shared {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

/// A reader that has gone away.
pub(crate) struct Gone;

impl Write for Gone {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::BrokenPipe.into())
    }
    fn flush(&mut self) -> io::Result<()> {
        Err(io::ErrorKind::BrokenPipe.into())
    }
}

pub(crate) fn with_credentials(path: &Path) -> Environment {
    Environment { credentials: Some(path.to_owned()), ..Environment::default() }
}

fn line(args: &[&str]) -> Vec<OsString> {
    std::iter::once("pgbelay").chain(args.iter().copied()).map(OsString::from).collect()
}

async fn run(args: &[&str], typed: &str, terminal: Terminal, environment: Environment) -> Seen {
    let (out, err) = (Shared::default(), Shared::default());
    let io = Io {
        out: Box::new(out.clone()),
        reader: None,
        err: Box::new(err.clone()),
        input: Box::new(Cursor::new(typed.to_owned())),
        terminal,
        environment,
    };
    let running = tokio::time::timeout(DEADLINE, Box::pin(pgbelay::run(line(args), io)));
    let code = running.await.unwrap_or_else(|_| panic!("{args:?} still runs: {}", err.text()));
    Seen { code: code.number(), out: out.text(), err: err.text() }
}

/// A script, without a controller's credentials.
pub(crate) async fn script(args: &[&str]) -> Seen {
    run(args, "", Terminal::default(), Environment::default()).await
}

/// A script that is fed on stdin.
pub(crate) async fn fed(args: &[&str], typed: &str) -> Seen {
    run(args, typed, Terminal::default(), Environment::default()).await
}

/// A person at a terminal of so many columns, without a controller.
pub(crate) async fn at_terminal(args: &[&str], width: u16) -> Seen {
    let terminal = Terminal { stdin: true, stdout: true, stderr: true, width: Some(width), size: None };
    run(args, "", terminal, Environment::default()).await
}

/// A script with an environment.
pub(crate) async fn script_in(args: &[&str], environment: Environment) -> Seen {
    run(args, "", Terminal::default(), environment).await
}

/// A script that uses a controller.
pub(crate) async fn program(controller: &Controller, args: &[&str]) -> anyhow::Result<Seen> {
    let environment = with_credentials(&controller.credentials()?);
    Ok(run(args, "", Terminal::default(), environment).await)
}

/// A person at a terminal who types.
pub(crate) async fn person(controller: &Controller, args: &[&str], typed: &str) -> anyhow::Result<Seen> {
    let terminal = Terminal { stdin: true, stdout: true, stderr: true, width: Some(80), size: None };
    let environment = with_credentials(&controller.credentials()?);
    Ok(run(args, typed, terminal, environment).await)
}

/// A script whose reader has gone away.
pub(crate) async fn unread(controller: &Controller, args: &[&str]) -> anyhow::Result<u8> {
    let io = Io {
        out: Box::new(Gone),
        reader: None,
        err: Box::new(Gone),
        input: Box::new(io::empty()),
        terminal: Terminal::default(),
        environment: with_credentials(&controller.credentials()?),
    };
    Ok(Box::pin(pgbelay::run(line(args), io)).await.number())
}
