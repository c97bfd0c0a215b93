//! The tool of operators and field engineers.

fn main() -> std::process::ExitCode {
    depotd::cli::depotctl()
}
