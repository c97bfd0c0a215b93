//! What is watched beside the devices: the lines as their machines see them, and the disk of the store.

use super::Pulse;
use crate::bus::{Line, LineState, LineStatus};
use crate::model::ident::DeviceId;
use crate::model::report::{LinkState, Surrounding};
use crate::port::clock::Clock;
use crate::port::disk;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::mpsc;

/// How often lines are looked at.
const LOOK: Duration = Duration::from_secs(1);
/// Looks per minute: over so long questions are counted. The disk is looked at once.
const MINUTE: u32 = 60;
/// Fewer questions than this in a minute say nothing about a line.
const FEW: u64 = 30;

/// What the loop needs.
pub struct Parts {
    /// The lines, in the order of the configuration.
    pub lines: Vec<Arc<Mutex<Line>>>,
    /// A file or folder on the disk of the store.
    pub store: PathBuf,
    /// To the station.
    pub station: mpsc::Sender<Surrounding>,
    /// The clocks.
    pub clock: Arc<Clock>,
    /// For the watchdog.
    pub pulse: Pulse,
}

/// Runs until the station ends.
pub async fn run(parts: Parts) {
    // A disk that hangs holds a thread of its own, and nothing else.
    tokio::spawn(watch_disk(parts.store.clone(), parts.station.clone()));
    let mut watches: Vec<Watch> = parts.lines.iter().map(|_| Watch::default()).collect();
    let mut tick = tokio::time::interval(LOOK);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    for look in 0_u32.. {
        tick.tick().await;
        parts.pulse.beat();
        let minute = look % MINUTE == 0;
        for (index, (line, watch)) in parts.lines.iter().zip(&mut watches).enumerate() {
            let Ok(status) = line.lock().map(|line| line.status(parts.clock.now())) else { return };
            let Ok(line) = u16::try_from(index) else { continue };
            if let Some(told) = watch.look(line, &status, minute)
                && parts.station.send(told).await.is_err()
            {
                return;
            }
        }
    }
}

async fn watch_disk(store: PathBuf, station: mpsc::Sender<Surrounding>) {
    let mut tick = tokio::time::interval(LOOK * MINUTE);
    loop {
        tick.tick().await;
        let path = store.clone();
        let free = tokio::task::spawn_blocking(move || disk::free_permille(&path)).await;
        match free {
            Ok(Ok(free_permille)) => {
                if station.send(Surrounding::Disk { free_permille }).await.is_err() {
                    return;
                }
            }
            Ok(Err(error)) => tracing::debug!(%error, "the disk of the store cannot be looked at: {error}"),
            Err(_) => return,
        }
    }
}

/// What was seen of a line.
#[derive(Debug, Default)]
struct Watch {
    told: Option<Surrounding>,
    /// Sent and timed out by device, a minute ago.
    counted: BTreeMap<DeviceId, (u64, u64)>,
    unanswered_permille: u16,
}

impl Watch {
    /// What the station is to know, when it is something new.
    fn look(&mut self, line: u16, status: &LineStatus, minute: bool) -> Option<Surrounding> {
        if minute {
            self.unanswered_permille = self.count(status);
        }
        let gone = match status.state {
            LineState::Closed => true,
            LineState::Open | LineState::Mute => false,
        };
        let now = Surrounding::Line { line, gone, unanswered_permille: self.unanswered_permille };
        (self.told.replace(now) != Some(now)).then_some(now)
    }

    /// Share of the questions that stayed unanswered since the last count. A silent device is a matter of its own.
    fn count(&mut self, status: &LineStatus) -> u16 {
        let (mut sent, mut failed) = (0, 0);
        for device in &status.devices {
            let now = (device.counters.sent, device.counters.timeouts);
            let before = self.counted.insert(device.device, now).unwrap_or(now);
            if device.link != LinkState::Silent {
                sent += now.0.saturating_sub(before.0);
                failed += now.1.saturating_sub(before.1);
            }
        }
        if sent < FEW { 0 } else { u16::try_from(failed.min(sent) * 1_000 / sent).unwrap_or(1_000) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bus::{Counters, DeviceStatus, RoundTrip};

    fn status(state: LineState, devices: &[(u64, u64, LinkState)]) -> LineStatus {
        let device = |(at, (sent, timeouts, link)): (usize, &(u64, u64, LinkState))| DeviceStatus {
            device: DeviceId(at as u16),
            link: *link,
            link_for_ms: 0,
            timeout_ms: 0,
            counters: Counters { sent: *sent, timeouts: *timeouts, ..Counters::default() },
            round_trip: RoundTrip::default(),
        };
        LineStatus {
            state,
            state_for_ms: 0,
            echo: false,
            use_permille: 0,
            polls_per_minute: 0,
            planned_permille: 0,
            opened: 1,
            lost: 0,
            reopened_mute: 0,
            mute: 0,
            stray_octets: 0,
            counters: Counters::default(),
            round_trip: RoundTrip::default(),
            devices: devices.iter().enumerate().map(device).collect(),
        }
    }

    #[test]
    fn a_line_is_told_when_it_changes_and_silent_devices_do_not_count_as_its_errors() {
        let mut watch = Watch::default();
        let line = |gone, unanswered_permille| Some(Surrounding::Line { line: 2, gone, unanswered_permille });
        let first = [(1_000, 900, LinkState::Good), (50, 50, LinkState::Silent)];
        assert_eq!(watch.look(2, &status(LineState::Open, &first), true), line(false, 0));
        assert_eq!(watch.look(2, &status(LineState::Open, &first), false), None);
        assert_eq!(watch.look(2, &status(LineState::Closed, &first), false), line(true, 0));
        let later = [(1_100, 915, LinkState::Good), (90, 90, LinkState::Silent)];
        assert_eq!(watch.look(2, &status(LineState::Open, &later), true), line(false, 150));
        let idle = [(1_110, 925, LinkState::Good), (130, 130, LinkState::Silent)];
        assert_eq!(watch.look(2, &status(LineState::Open, &idle), true), line(false, 0), "too few to say");
    }
}
