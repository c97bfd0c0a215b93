//! Feeds the watchdog of the service manager only while every loop turns.

use super::Pulse;
use crate::port::systemd;
use std::time::Duration;

/// Runs until the program ends. Without a watchdog there is nothing to feed and it only waits.
pub async fn run(pulses: Vec<Pulse>) {
    let Some(period) = systemd::watchdog_period() else { return std::future::pending().await };
    let mut seen: Vec<u64> = pulses.iter().map(Pulse::turns).collect();
    let mut tick = tokio::time::interval((period / 2).max(Duration::from_millis(100)));
    tick.tick().await;
    loop {
        tick.tick().await;
        let now: Vec<u64> = pulses.iter().map(Pulse::turns).collect();
        let stuck: Vec<&str> = pulses
            .iter()
            .zip(seen.iter().zip(&now))
            .filter(|(_, (a, b))| a == b)
            .map(|(p, _)| &*p.name)
            .collect();
        if stuck.is_empty() {
            systemd::alive();
        } else {
            let loops = stuck.join(", ");
            tracing::error!(loops, "no progress of {loops}; the watchdog is not fed");
        }
        seen = now;
    }
}
