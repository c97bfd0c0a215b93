//! Builds the machines from a checked configuration, starts the loops and ends them in order.
//!
//! Reading order: [`open`] what can fail, [`start`] the loops, [`watch`] until somebody asks for the end, [`end`] in order.
//! The configuration is good, secrets are read, no other daemon serves the socket; then heartbeats begin on CAN, because
//! chargers there stop 3 s after the last one. The store is open and recovered, `READY=1`; only then lines and platform are
//! reached. SIGTERM ends in order, SIGHUP reads the configuration again.

pub mod build;
mod end;
pub mod log;
mod open;
mod reload;
mod start;
mod summary;
pub mod uplink;
mod watch;

use crate::config::{Config, Secret, SecretSource};
use crate::port::signal::Signals;
use crate::task::Fatal;
use std::fmt;
use std::path::{Path, PathBuf};

/// Why the program could not run, or had to end.
#[derive(Debug)]
pub enum Error {
    /// The configuration or a secret.
    Config(String),
    /// The database.
    Store(crate::store::Error),
    /// A socket or a thread.
    Io(String),
    /// A loop ended by itself.
    Fatal(String),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Config(what) | Error::Io(what) | Error::Fatal(what) => f.write_str(what),
            Error::Store(error) => write!(f, "{error}"),
        }
    }
}

impl std::error::Error for Error {}

impl From<Fatal> for Error {
    fn from(Fatal(what): Fatal) -> Error {
        Error::Fatal(what)
    }
}

/// Runs the station until it is told to end.
pub fn run(config: Config, file: &Path) -> Result<(), Error> {
    to_the_end(serve(config, file))
}

/// Runs a future to its end, and waits for nothing else: a disk that hangs holds its thread, not the program.
fn to_the_end(work: impl Future<Output = Result<(), Error>>) -> Result<(), Error> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| Error::Io(format!("the runtime did not start: {e}")))?;
    let outcome = runtime.block_on(work);
    runtime.shutdown_background();
    outcome
}

/// Reads secrets from files and from the credentials of the service manager.
pub fn secret(source: &SecretSource) -> Result<Secret, Error> {
    let credentials = std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from);
    source.read(credentials.as_deref()).map_err(|e| Error::Config(e.to_string()))
}

async fn serve(config: Config, file: &Path) -> Result<(), Error> {
    let mut signals = Signals::new().map_err(|e| Error::Io(format!("signals: {e}")))?;
    let open::Claimed { clock, machines, control } = open::claim(&config)?;
    let (machines, buses) = start::buses(machines, &clock);
    let opened = open::open(&config, clock, machines, control).await;
    let opened = opened.inspect_err(|_| drop(std::fs::remove_file(&config.socket)))?;
    let mut running = start::start(&config, opened, buses)?;
    let mut config = config;
    watch::until_stopped(&mut config, file, &mut signals, &mut running).await?;
    end::end(&config, signals, running).await;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;
    use std::time::Duration;

    #[test]
    fn a_disk_that_hangs_does_not_hold_up_the_end() {
        let (ended, end) = channel();
        let (disk, never) = channel::<()>();
        std::thread::spawn(move || {
            let work = async {
                drop(tokio::task::spawn_blocking(move || never.recv().is_ok()));
                tokio::task::yield_now().await;
                Ok(())
            };
            ended.send(to_the_end(work).is_ok()).expect("the test waits");
        });
        assert_eq!(end.recv_timeout(Duration::from_secs(10)), Ok(true));
        drop(disk);
    }
}
