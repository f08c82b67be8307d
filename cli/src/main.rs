//! `pgbelay`: the program around the library.

use std::io::{self, BufReader, IsTerminal};
use std::os::fd::AsFd;
use std::process;

use mimalloc::MiMalloc;
use pgbelay::{Environment, ExitCode, Io, Terminal};

/// `lint` makes and drops many small things: with it, that is a fifth less work.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> process::ExitCode {
    // More than one thread: the connection to the controller is kept alive while a person thinks about a prompt.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let Ok(runtime) = runtime else { return ExitCode::Failed.into() };
    let code = runtime.block_on(pgbelay::run(std::env::args_os().collect(), standard_io()));
    // A prompt that nobody answered must not keep the program.
    runtime.shutdown_background();
    code.into()
}

fn standard_io() -> Io {
    let terminal = Terminal {
        stdin: io::stdin().is_terminal(),
        stdout: io::stdout().is_terminal(),
        stderr: io::stderr().is_terminal(),
        width: comfy_table::Table::new().width(),
        size: Some(|| crossterm::terminal::size().ok()),
    };
    Io {
        out: Box::new(io::stdout()),
        reader: io::stdout().as_fd().try_clone_to_owned().ok(),
        err: Box::new(io::stderr()),
        input: Box::new(BufReader::new(io::stdin())),
        terminal,
        environment: Environment::of_process(),
    }
}
