//! Programs of others that do the same work.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where the foreign programs are: `bench.sh` says so.
#[derive(Clone, Debug)]
pub struct Peers {
    python: Option<PathBuf>,
    libmodbus: Option<PathBuf>,
}

impl Peers {
    /// From `BENCH_PYTHON` and `BENCH_LIBMODBUS`; what is absent is left out of the tables.
    #[must_use]
    pub fn from_environment() -> Peers {
        let path = |name| std::env::var_os(name).map(PathBuf::from).filter(|p| p.exists());
        Peers { python: path("BENCH_PYTHON"), libmodbus: path("BENCH_LIBMODBUS") }
    }

    /// A Python program of `peers/`.
    #[must_use]
    pub fn python(&self, program: &str) -> Option<Command> {
        let mut command = Command::new(self.python.as_ref()?);
        command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("peers").join(program));
        Some(command)
    }

    /// The master on libmodbus.
    #[must_use]
    pub fn libmodbus(&self) -> Option<Command> {
        self.libmodbus.as_ref().map(Command::new)
    }
}

/// Runs a program to its end; it prints one JSON object.
pub fn report(command: &mut Command) -> Value {
    let output = command.output().unwrap_or_else(|e| panic!("{command:?}: {e}"));
    let said = String::from_utf8_lossy(&output.stdout);
    let line = said.lines().last().unwrap_or_default();
    serde_json::from_str(line).unwrap_or_else(|e| {
        panic!("{command:?} said {said:?}: {e}\n{}", String::from_utf8_lossy(&output.stderr))
    })
}
