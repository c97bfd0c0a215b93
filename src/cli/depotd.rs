//! `depotd run` and `depotd check`.

use super::{Exit, Failure};
use crate::app;
use crate::config::{self, Config};
use clap::{Parser, Subcommand};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Station controller of an electric-bus depot: RS-485 field devices, SQLite ledger, client of the city's platform
/// (DB4403/T 222).
#[derive(Parser, Debug)]
#[command(name = "depotd", version, arg_required_else_help = true)]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Run the station (started by systemd; the log goes to the journal, or to stderr)
    Run {
        /// Configuration file
        #[arg(long, value_name = "FILE", default_value = "/etc/depotd/depotd.toml")]
        config: PathBuf,
    },
    /// Check a configuration file without touching any device; every problem with its line
    Check {
        /// Configuration file
        #[arg(long, value_name = "FILE", default_value = "/etc/depotd/depotd.toml")]
        config: PathBuf,
    },
}

/// The program.
#[must_use]
pub fn main() -> ExitCode {
    super::run("depotd", |args: Args| match args.command {
        Command::Check { config } => {
            load(&config)?;
            super::print(format_args!("{}: ok\n", config.display()))
        }
        Command::Run { config } => {
            let checked = load(&config)?;
            app::log::start();
            app::run(checked, &config).map_err(failure)
        }
    })
}

/// Reads and checks; every problem goes to stderr as `FILE:LINE: KEY: what is wrong; what is allowed`.
pub(super) fn load(path: &Path) -> Result<Config, Failure> {
    let shown = path.display();
    let text = std::fs::read_to_string(path).map_err(|error| {
        Failure::new(Exit::Config, format_args!("{shown}: {error}; name another file with --config FILE"))
    })?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let problems = match config::load(&text, &|name| std::fs::read_to_string(folder.join(name))) {
        Ok(config) => return Ok(config),
        Err(problems) => problems,
    };
    for problem in &problems {
        eprintln!("{shown}:{problem}");
    }
    Err(Failure::silent(Exit::Config))
}

fn failure(error: app::Error) -> Failure {
    let exit = match error {
        app::Error::Config(_) => Exit::Config,
        app::Error::Store(_) | app::Error::Io(_) => Exit::Io,
        app::Error::Fatal(_) => Exit::Internal,
    };
    Failure::new(exit, error)
}
