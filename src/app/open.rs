//! What can fail before the station is ready: sockets, the store, secrets.

use super::{Error, build, secret};
use crate::config::Config;
use crate::control::server;
use crate::model::batch::Recovered;
use crate::port::clock::Clock;
use crate::port::systemd;
use crate::session::Restart;
use crate::store::Store;
use crate::web;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::net::{TcpListener, UnixListener};

/// Everything that is open once the station is ready.
pub(super) struct Opened {
    pub(super) clock: Arc<Clock>,
    pub(super) store: Store,
    pub(super) recovered: Recovered,
    pub(super) machines: build::Machines,
    pub(super) control: UnixListener,
    pub(super) page: Option<Page>,
    pub(super) metrics: Option<(SocketAddr, TcpListener)>,
}

/// The local page before it is served.
pub(super) struct Page {
    pub(super) address: SocketAddr,
    pub(super) listener: TcpListener,
    pub(super) token: Option<String>,
}

/// What needs no store: with it CAN buses can begin.
pub(super) struct Claimed {
    pub(super) clock: Arc<Clock>,
    pub(super) machines: build::Machines,
    pub(super) control: UnixListener,
}

/// Makes sure that no other daemon runs this station, and builds the machines.
pub(super) fn claim(config: &Config) -> Result<Claimed, Error> {
    let clock = Arc::new(Clock::new());
    // what the store alone knows follows when it is open
    let restart = Restart::Unexpected;
    let edge = build::Edge { secret: &secret, nonce: build::system_nonce, seed: seed()?, restart };
    let machines = build::machines(config, &edge)?;
    for caution in build::cautions(config) {
        tracing::warn!("{caution}");
    }
    let control = server::listen(Path::new(&config.socket)).map_err(|e| Error::Io(e.to_string()))?;
    Ok(Claimed { clock, machines, control })
}

/// Opens the rest and says that the station is ready.
pub(super) async fn open(
    config: &Config,
    clock: Arc<Clock>,
    mut machines: build::Machines,
    control: UnixListener,
) -> Result<Opened, Error> {
    let path = PathBuf::from(&config.store.path);
    // on a thread of its own: years of records may take long, and heartbeats on CAN must not wait for them
    let opening = tokio::task::spawn_blocking(move || Store::open(&path));
    let (store, recovered) =
        opening.await.map_err(|e| Error::Io(format!("the store: {e}")))?.map_err(Error::Store)?;
    if clock.machine_started_after(recovered.last_stamp) {
        machines.station.session.restart = Restart::PowerLoss;
    }
    let page = page(config).await?;
    let metrics = match config.metrics {
        Some(address) => Some((address, listen("metrics", address).await?)),
        None => None,
    };
    say_ready(config, &recovered, machines.station.connectors.len());
    Ok(Opened { clock, store, recovered, machines, control, page, metrics })
}

async fn page(config: &Config) -> Result<Option<Page>, Error> {
    let Some(page) = &config.web else { return Ok(None) };
    let token = page.token.as_ref().map(secret).transpose()?;
    let token = token.map(|t| String::from_utf8_lossy(t.octets()).into_owned());
    Ok(Some(Page { address: page.listen, listener: listen("web", page.listen).await?, token }))
}

fn say_ready(config: &Config, recovered: &Recovered, connectors: usize) {
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
    systemd::ready(&format!("{}: {connectors} connectors", config.name));
}

async fn listen(section: &str, address: SocketAddr) -> Result<TcpListener, Error> {
    web::listen(section, address).await.map_err(|e| Error::Io(e.to_string()))
}

/// A seed for jitter, so that a city of depots does not act in step.
fn seed() -> Result<u64, Error> {
    getrandom::u64().map_err(|e| Error::Io(format!("no random octets: {e}")))
}
