//! The orderly end: sessions as the configuration wants, the last state durable, goodbye to the platform.

use super::start::Running;
use crate::config::{Charger, Config, StopSessions};
use crate::model::ident::ConnectorId;
use crate::port::signal::{Asked, Signals};
use crate::port::systemd;
use crate::task::store::Ask;
use std::time::Duration;

/// An orderly end takes no longer than this beside the sessions it closes.
const FAREWELL: Duration = Duration::from_secs(5);
/// The station gives its last state so long to become durable (10 s), and then says so; it is let finish.
const LAST_STATE: Duration = Duration::from_secs(12);
/// Closing every session in order takes no longer than this (platform-222.md 14.4: 30 s forced end, 15 s register).
const CLOSING: Duration = Duration::from_secs(60);
/// Goodbye reason: shutdown.
const SHUTDOWN: u8 = 1;

/// Ends every loop but those of CAN buses: they end with the program, so that the last heartbeat is as late as can be.
pub(super) async fn end(config: &Config, mut signals: Signals, running: Running) {
    let Running { asks, shutdown, goodbye, station, link, store, summary, .. } = running;
    summary.abort();
    systemd::stopping();
    let close = to_close(config, systemd::is_restarting().await);
    tracing::info!(
        closing = close.len(),
        "ending; {}",
        match close.len() {
            0 => "sessions go on".to_owned(),
            count => format!("sessions at {count} connectors are closed first, where one is open"),
        }
    );
    let patience = if close.is_empty() { LAST_STATE } else { CLOSING + LAST_STATE };
    let _unheard = shutdown.send(Some(close));
    let ended = tokio::select! {
        ended = tokio::time::timeout(patience, station) => ended.is_ok(),
        () = told_again(&mut signals) => false,
    };
    if !ended {
        tracing::warn!("the station did not end in time; what is open is adopted at the next start");
    }
    let _unheard = goodbye.send(Some(SHUTDOWN));
    if let Some(link) = link {
        drop(tokio::time::timeout(FAREWELL, link).await);
    }
    let _gone = tokio::time::timeout(FAREWELL, asks.send(Ask::End)).await;
    let _joined = tokio::time::timeout(FAREWELL, tokio::task::spawn_blocking(move || store.join())).await;
    drop(std::fs::remove_file(&config.socket));
    tracing::info!("ended");
}

/// Where sessions are closed in order first. A restart is over before a charger that needs heartbeats misses one; a stop is
/// not, and such a charger would stop by itself with a fault.
fn to_close(config: &Config, restarting: bool) -> Vec<ConnectorId> {
    let closes = |charger: &&Charger| match config.stop {
        _ if restarting => false,
        StopSessions::End => true,
        StopSessions::Keep => charger.needs_heartbeats(),
    };
    let connectors = config.chargers.iter().filter(closes).flat_map(|charger| {
        charger.connectors.iter().map(|c| ConnectorId { pile: charger.code, number: c.number })
    });
    connectors.collect()
}

/// Somebody cannot wait for the orderly end.
async fn told_again(signals: &mut Signals) {
    while let Asked::Reload = signals.next().await {}
}
