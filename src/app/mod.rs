//! Builds the machines from a checked configuration, starts the loops and ends them in order.
//!
//! Reading order: the configuration is good, secrets are read, the store is open and recovered, `READY=1`; only then
//! lines and platform are reached. SIGTERM ends in order, SIGHUP reads the configuration again.

pub mod build;
pub mod log;
mod reload;
mod summary;

use crate::config::{Config, Secret, SecretSource, StopSessions};
use crate::control::desk::{self, Desk};
use crate::control::server;
use crate::link::{Held, Link};
use crate::port::clock::Clock;
use crate::port::signal::{Asked, Signals};
use crate::port::systemd;
use crate::session::Restart;
use crate::station::Station;
use crate::store::Store;
use crate::task::{self, Fatal, INBOX, Pulse, watchdog};
use crate::web;
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::{mpsc, watch};

/// How often the clock's trust and old rows are looked at.
const UPKEEP: Duration = Duration::from_secs(30);
/// An orderly end takes no longer than this beside the sessions it closes.
const FAREWELL: Duration = Duration::from_secs(5);
/// The station gives its last state so long to become durable (10 s), and then says so; it is let finish.
const LAST_STATE: Duration = Duration::from_secs(12);
/// Closing every session in order takes no longer than this (platform-222.md 14.4: 30 s forced end, 15 s register).
const CLOSING: Duration = Duration::from_secs(60);
/// Goodbye reason: shutdown.
const SHUTDOWN: u8 = 1;

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
    let clock = Arc::new(Clock::new());
    let mut signals = Signals::new().map_err(|e| Error::Io(format!("signals: {e}")))?;
    let (store, recovered) = Store::open(Path::new(&config.store.path)).map_err(Error::Store)?;
    let restart = if clock.machine_started_after(recovered.last_stamp) {
        Restart::PowerLoss
    } else {
        Restart::Unexpected
    };
    let edge = build::Edge { secret: &secret, nonce: build::system_nonce, seed: seed()?, restart };
    let machines = build::machines(&config, &edge)?;
    for caution in build::cautions(&config) {
        tracing::warn!("{caution}");
    }
    let control = server::listen(Path::new(&config.socket)).map_err(|e| Error::Io(e.to_string()))?;
    let page = match &config.web {
        Some(page) => {
            let token = page.token.as_ref().map(secret).transpose()?;
            let token = token.map(|t| String::from_utf8_lossy(t.octets()).into_owned());
            Some((listen("web", page.listen).await?, page.listen, token))
        }
        None => None,
    };
    let metrics = match config.metrics {
        Some(address) => Some((address, listen("metrics", address).await?)),
        None => None,
    };
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        station = %config.code,
        boot = recovered.boot_counter,
        open_sessions = recovered.sessions.len(),
        unsent_records = recovered.unsent_records,
        "depotd {} of station {}: boot {}, {} sessions found open, {} records waiting",
        env!("CARGO_PKG_VERSION"),
        config.code,
        recovered.boot_counter,
        recovered.sessions.len(),
        recovered.unsent_records,
    );
    systemd::ready(&format!("{}: {} connectors", config.name, machines.station.connectors.len()));

    let mut pulses = Vec::new();
    let mut pulse = |name: &str| {
        let pulse = Pulse::new(name);
        pulses.push(pulse.clone());
        pulse
    };
    let (asks, asked) = mpsc::channel(INBOX);
    let (store_done, station_done) = mpsc::channel(INBOX);
    let (link_loaded, loaded) = mpsc::channel(INBOX);
    let store_thread = task::store::spawn(
        store,
        asked,
        task::store::Outcomes { station: store_done, link: link_loaded },
        pulse("store"),
    )
    .map_err(|e| Error::Io(format!("the store thread did not start: {e}")))?;
    let (reports, reported) = mpsc::channel(INBOX);
    let mut ways = BTreeMap::new();
    let mut seen_lines = Vec::new();
    for line in machines.lines {
        let (orders, ordered) = mpsc::channel(64);
        ways.extend(line.devices.iter().map(|id| (*id, orders.clone())));
        let machine = Arc::new(Mutex::new(line.machine));
        seen_lines.push((line.name.clone(), Arc::clone(&machine)));
        tokio::spawn(task::line::run(task::line::Parts {
            pulse: pulse(&line.name),
            name: line.name,
            settings: line.settings,
            line: machine,
            orders: ordered,
            reports: reports.clone(),
            clock: Arc::clone(&clock),
        }));
    }
    let (surroundings, surrounded) = mpsc::channel(INBOX);
    tokio::spawn(task::surroundings::run(task::surroundings::Parts {
        lines: seen_lines.iter().map(|(_, line)| Arc::clone(line)).collect(),
        store: PathBuf::from(&config.store.path),
        station: surroundings,
        clock: Arc::clone(&clock),
        pulse: pulse("surroundings"),
    }));
    let (to_station, messages) = mpsc::channel(INBOX);
    let (goodbye, goodbyes) = watch::channel(None);
    let mut link_loop = None;
    let mut to_link = None;
    let mut link_status = None;
    if let Some((link_config, uplink)) = machines.link {
        let held = Held::of(&recovered);
        let facts = crate::model::message::StationFacts {
            boot_counter: recovered.boot_counter,
            unsent_records: u32::try_from(recovered.unsent_records).unwrap_or(u32::MAX),
            ..Default::default()
        };
        let link = Link::new(link_config, uplink, facts, &held, clock.now());
        let (sender, receiver) = mpsc::channel(INBOX);
        let (status, seen) = watch::channel(link.status());
        to_link = Some(sender);
        link_status = Some(seen);
        link_loop = Some(tokio::spawn(task::link::run(task::link::Parts {
            link,
            messages: receiver,
            station: to_station.clone(),
            store: asks.clone(),
            loaded,
            goodbye: goodbyes,
            status,
            clock: Arc::clone(&clock),
            pulse: pulse("link"),
        })));
    }
    let (calls, called) = mpsc::channel(64);
    let (shutdown, shutdowns) = watch::channel(None);
    let station = Station::new(clock.now(), machines.station, recovered);
    let mut station_loop = tokio::spawn(task::station::run(task::station::Parts {
        station,
        lines: ways,
        reports: reported,
        surroundings: surrounded,
        link: to_link,
        messages,
        store: asks.clone(),
        done: station_done,
        calls: called,
        shutdown: shutdowns,
        clock: Arc::clone(&clock),
        pulse: pulse("station"),
    }));
    let desk = Desk::new(desk::Parts {
        code: config.code,
        name: config.name.clone(),
        database: PathBuf::from(&config.store.path),
        station: calls.clone(),
        store: task::store::Questions(asks.clone()),
        lines: seen_lines,
        devices: machines.devices,
        link: link_status,
        clock: Arc::clone(&clock),
    });
    tokio::spawn(server::serve(control, desk.clone()));
    if let Some((address, listener)) = metrics {
        tracing::info!(%address, "metrics on http://{address}/metrics");
        tokio::spawn(web::metrics::serve(listener, desk.clone()));
    }
    if let Some((listener, address, token)) = page {
        tracing::info!(%address, "local page on http://{address}/");
        tokio::spawn(web::serve(listener, address, token, desk));
    }
    tokio::spawn(watchdog::run(pulses));
    let summary = tokio::spawn(summary::run(config.name.clone(), config.uplink.is_some(), calls.clone()));
    drop(reports);
    drop(to_station);

    let mut config = config;
    let mut upkeep = tokio::time::interval(UPKEEP);
    loop {
        tokio::select! {
            asked = signals.next() => match asked {
                Asked::Stop => break,
                Asked::Reload => reload::reload(&mut config, file, &calls).await,
            },
            _ = upkeep.tick() => {
                clock.judge();
                let (now, keep) = (clock.now().wall, config.store.keep_records);
                drop(asks.try_send(task::store::Ask::Prune(now, keep)));
            }
            ended = &mut station_loop => {
                let why = match ended {
                    Ok(Ok(())) => "the station loop ended".to_owned(),
                    Ok(Err(Fatal(why))) => why,
                    Err(error) => format!("the station loop broke: {error}"),
                };
                return Err(Error::Fatal(why));
            }
        }
    }
    summary.abort();
    systemd::stopping();
    let end_sessions = config.stop == StopSessions::End;
    tracing::info!(
        end_sessions,
        "ending; sessions {}",
        if end_sessions { "are closed first" } else { "go on" }
    );
    let _unheard = shutdown.send(Some(end_sessions));
    let patience = if end_sessions { CLOSING + LAST_STATE } else { LAST_STATE };
    let ended = tokio::select! {
        ended = tokio::time::timeout(patience, station_loop) => ended.is_ok(),
        () = told_again(&mut signals) => false,
    };
    if !ended {
        tracing::warn!("the station did not end in time; what is open is adopted at the next start");
    }
    let _unheard = goodbye.send(Some(SHUTDOWN));
    if let Some(link) = link_loop {
        drop(tokio::time::timeout(FAREWELL, link).await);
    }
    let _gone = tokio::time::timeout(FAREWELL, asks.send(task::store::Ask::End)).await;
    let _joined =
        tokio::time::timeout(FAREWELL, tokio::task::spawn_blocking(move || store_thread.join())).await;
    drop(std::fs::remove_file(&config.socket));
    tracing::info!("ended");
    Ok(())
}

async fn listen(section: &str, address: std::net::SocketAddr) -> Result<tokio::net::TcpListener, Error> {
    web::listen(section, address).await.map_err(|e| Error::Io(e.to_string()))
}

/// Somebody cannot wait for the orderly end.
async fn told_again(signals: &mut Signals) {
    while let Asked::Reload = signals.next().await {}
}

/// A seed for jitter, so that a city of depots does not act in step.
fn seed() -> Result<u64, Error> {
    getrandom::u64().map_err(|e| Error::Io(format!("no random octets: {e}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;

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
