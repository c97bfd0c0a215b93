//! The daemon.

fn main() -> std::process::ExitCode {
    depotd::cli::depotd()
}
