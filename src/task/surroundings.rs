//! What is watched beside the devices: the lines as their machines see them, and the disk of the store.

use super::Pulse;
use crate::bus::{Line, LineState, LineStatus};
use crate::canbus::{Bus, BusStatus, PortState};
use crate::model::report::{LinkState, Surrounding};
use crate::port::clock::Clock;
use crate::port::disk;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::mpsc;

/// How often lines are looked at.
const LOOK: Duration = Duration::from_secs(1);
/// Looks per minute: over so long questions are counted. The disk is looked at once.
const MINUTE: u32 = 60;
/// Fewer questions or frames than this in a minute say nothing about a line.
const FEW: u64 = 30;

/// What the loop needs.
pub struct Parts {
    /// The lines, in the order of the configuration.
    pub lines: Vec<Arc<Mutex<Line>>>,
    /// The CAN buses, in the order of the configuration; they are counted behind the lines.
    pub buses: Vec<Arc<Mutex<Bus>>>,
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
    let mut watches: Vec<Watch> = Vec::new();
    watches.resize_with(parts.lines.len() + parts.buses.len(), Watch::default);
    let mut tick = tokio::time::interval(LOOK);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    for look in 0_u32.. {
        tick.tick().await;
        parts.pulse.beat();
        let Some(seen) = look_at(&parts) else { return };
        for ((index, seen), watch) in (0..).zip(seen).zip(&mut watches) {
            if let Some(told) = watch.look(index, &seen, look % MINUTE == 0)
                && parts.station.send(told).await.is_err()
            {
                return;
            }
        }
    }
}

/// Every line and bus as it is now; `None` when a loop that runs one has panicked.
fn look_at(parts: &Parts) -> Option<Vec<Seen>> {
    let now = parts.clock.now();
    let line = |line: &Arc<Mutex<Line>>| Some(Seen::of_line(&line.lock().ok()?.status(now)));
    let bus = |bus: &Arc<Mutex<Bus>>| Some(Seen::of_bus(&bus.lock().ok()?.status(now)));
    parts.lines.iter().map(line).chain(parts.buses.iter().map(bus)).collect()
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

/// A line or a bus at a look.
#[derive(Debug)]
struct Seen {
    /// Its port or adapter is not there.
    gone: bool,
    /// Nothing gets through.
    off: bool,
    /// Of each device, or of all together: what was said, what of it went wrong, and whether it counts.
    counts: Vec<(u64, u64, bool)>,
}

impl Seen {
    /// A silent device is a matter of its own.
    fn of_line(status: &LineStatus) -> Seen {
        let gone = match status.state {
            LineState::Closed => true,
            LineState::Open | LineState::Mute => false,
        };
        let devices = status.devices.iter();
        let counts = devices.map(|d| (d.counters.sent, d.counters.timeouts, d.link != LinkState::Silent));
        Seen { gone, off: false, counts: counts.collect() }
    }

    fn of_bus(status: &BusStatus) -> Seen {
        let (gone, off) = match status.state {
            PortState::Closed => (true, false),
            PortState::Open => (false, false),
            PortState::Off => (false, true),
        };
        let counters = &status.counters;
        let frames = counters.received + counters.sent + counters.errors;
        Seen { gone, off, counts: vec![(frames, counters.errors, true)] }
    }
}

/// What was told of a line or a bus.
#[derive(Debug, Default)]
struct Watch {
    told: Option<Surrounding>,
    /// The counts a minute ago.
    counted: Vec<(u64, u64)>,
    errors_permille: u16,
}

impl Watch {
    /// What the station is to know, when it is something new.
    fn look(&mut self, line: u16, seen: &Seen, minute: bool) -> Option<Surrounding> {
        const ALL: u16 = 1_000;
        if minute {
            self.errors_permille = self.count(seen);
        }
        let errors_permille = if seen.off { ALL } else { self.errors_permille };
        let now = Surrounding::Line { line, gone: seen.gone, errors_permille };
        (self.told.replace(now) != Some(now)).then_some(now)
    }

    /// Share of what went wrong since the last count.
    fn count(&mut self, seen: &Seen) -> u16 {
        let before = std::mem::take(&mut self.counted);
        self.counted = seen.counts.iter().map(|(said, wrong, _)| (*said, *wrong)).collect();
        let (mut all, mut failed) = (0, 0);
        for ((said, wrong, counts), before) in seen.counts.iter().zip(before) {
            if *counts {
                all += said.saturating_sub(before.0);
                failed += wrong.saturating_sub(before.1);
            }
        }
        if all < FEW { 0 } else { u16::try_from(failed.min(all) * 1_000 / all).unwrap_or(1_000) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bus::{Counters, DeviceStatus, RoundTrip};
    use crate::canbus;
    use crate::model::ident::DeviceId;

    fn line(state: LineState, devices: &[(u64, u64, LinkState)]) -> Seen {
        let device = |(at, (sent, timeouts, link)): (usize, &(u64, u64, LinkState))| DeviceStatus {
            device: DeviceId(at as u16),
            link: *link,
            link_for_ms: 0,
            timeout_ms: 0,
            counters: Counters { sent: *sent, timeouts: *timeouts, ..Counters::default() },
            round_trip: RoundTrip::default(),
        };
        Seen::of_line(&LineStatus {
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
        })
    }

    #[test]
    fn a_line_is_told_when_it_changes_and_silent_devices_do_not_count_as_its_errors() {
        let mut watch = Watch::default();
        let told = |gone, errors_permille| Some(Surrounding::Line { line: 2, gone, errors_permille });
        let first = [(1_000, 900, LinkState::Good), (50, 50, LinkState::Silent)];
        assert_eq!(watch.look(2, &line(LineState::Open, &first), true), told(false, 0));
        assert_eq!(watch.look(2, &line(LineState::Open, &first), false), None);
        assert_eq!(watch.look(2, &line(LineState::Closed, &first), false), told(true, 0));
        let later = [(1_100, 915, LinkState::Good), (90, 90, LinkState::Silent)];
        assert_eq!(watch.look(2, &line(LineState::Open, &later), true), told(false, 150));
        let idle = [(1_110, 925, LinkState::Good), (130, 130, LinkState::Silent)];
        assert_eq!(watch.look(2, &line(LineState::Open, &idle), true), told(false, 0), "too few to say");
    }

    fn bus(state: PortState, received: u64, errors: u64) -> Seen {
        Seen::of_bus(&BusStatus {
            state,
            state_for_ms: 0,
            bus: canbus::BusState::default(),
            bus_for_ms: 0,
            bitrate: 250_000,
            listen_only: false,
            use_permille: 0,
            counters: canbus::Counters { received, errors, ..canbus::Counters::default() },
            devices: Vec::new(),
        })
    }

    #[test]
    fn a_bus_that_is_off_lets_nothing_through_and_broken_frames_are_a_share_of_all() {
        let mut watch = Watch::default();
        let told = |gone, errors_permille| Some(Surrounding::Line { line: 7, gone, errors_permille });
        assert_eq!(watch.look(7, &bus(PortState::Open, 1_000, 400), true), told(false, 0));
        assert_eq!(watch.look(7, &bus(PortState::Open, 1_300, 500), true), told(false, 250));
        assert_eq!(watch.look(7, &bus(PortState::Off, 1_300, 500), false), told(false, 1_000));
        assert_eq!(watch.look(7, &bus(PortState::Closed, 1_300, 500), false), told(true, 250));
    }
}
