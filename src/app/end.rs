//! The orderly end: sessions as the configuration wants, the last state durable, goodbye to the platform.

use super::start::Running;
use crate::config::{Config, StopSessions};
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

/// Ends every loop.
pub(super) async fn end(config: &Config, mut signals: Signals, running: Running) {
    let Running { asks, shutdown, goodbye, station, link, store, summary, .. } = running;
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

/// Somebody cannot wait for the orderly end.
async fn told_again(signals: &mut Signals) {
    while let Asked::Reload = signals.next().await {}
}
