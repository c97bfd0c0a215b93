//! The three programs as their users type them.
//!
//! Exit codes follow sysexits. Errors go to stderr, one line that says what is wrong, where, and what to do.

mod capture;
mod decode;
mod depotctl;
mod depotd;
mod depotsim;
mod encode;
mod lens;
mod probe;
mod show;
mod table;

pub use depotctl::main as depotctl;
pub use depotd::main as depotd;
pub use depotsim::main as depotsim;

use clap::Parser;
use std::fmt::Display;
use std::io::{ErrorKind, Write};
use std::process::ExitCode;

/// How a program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// 0: nothing is wrong.
    Ok = 0,
    /// 64: the command line is wrong.
    Usage = 64,
    /// 65: the data is bad.
    Data = 65,
    /// 69: the daemon (or what is needed of it) is not there.
    Unavailable = 69,
    /// 70: a fault of the program itself.
    Internal = 70,
    /// 74: reading or writing failed.
    Io = 74,
    /// 77: not allowed.
    Permission = 77,
    /// 78: the configuration is wrong.
    Config = 78,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit as u8)
    }
}

/// Why a command failed: an exit code, and a line for people unless everything was said already.
#[derive(Debug)]
struct Failure {
    exit: Exit,
    line: Option<String>,
}

impl Failure {
    fn new(exit: Exit, line: impl Display) -> Failure {
        Failure { exit, line: Some(line.to_string()) }
    }

    /// Everything was said already.
    fn silent(exit: Exit) -> Failure {
        Failure { exit, line: None }
    }
}

/// Writes to stdout. Nobody who reads any more is no fault: the program ends with 0 and says nothing.
fn print(text: impl Display) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    write!(out, "{text}").and_then(|()| out.flush()).map_err(|error| match error.kind() {
        ErrorKind::BrokenPipe => Failure::silent(Exit::Ok),
        _ => Failure::new(Exit::Io, format_args!("standard output: {error}")),
    })
}

/// Parses the command line and runs. Wrong usage is 64, help and version are 0.
fn run<P: Parser>(program: &str, body: impl FnOnce(P) -> Result<(), Failure>) -> ExitCode {
    let parsed = match P::try_parse() {
        Ok(parsed) => parsed,
        Err(error) => {
            let usage = error.use_stderr();
            drop(error.print());
            return if usage { Exit::Usage.into() } else { ExitCode::SUCCESS };
        }
    };
    match body(parsed) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure { exit, line }) => {
            if let Some(line) = line {
                eprintln!("{program}: {line}");
            }
            exit.into()
        }
    }
}
