//! A depot and a platform in software.

fn main() -> std::process::ExitCode {
    depotd::cli::depotsim()
}
