//! One CAN bus: the adapter below, the bus machine, the station above.
//!
//! Charge controllers stop by themselves 3 s after the last heartbeat. So this loop waits for nobody: it runs before the
//! store is open and until the program is gone, and what the station does not take at once waits here.

use super::tee::{Content, Passed, Tee};
use super::{IDLE_TURN, Pulse};
use crate::canbus::{Action, Bus, BusState, Event, Fault};
use crate::model::ident::DeviceId;
use crate::model::report::Report;
use crate::model::request::Request;
use crate::model::time::Instant;
use crate::model::vehicle::VehicleReport;
use crate::port::can::{CanBus, NotSent, Seen, Settings};
use crate::port::clock::{Clock, sleep_until};
use crate::wire::can::Frame;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use tokio::sync::mpsc;

/// What a bus loop needs.
pub struct Parts {
    /// Name of the bus, for the log.
    pub name: String,
    /// How the adapter is opened.
    pub settings: Settings,
    /// The machine; shared so that people can look at its counters.
    pub bus: Arc<Mutex<Bus>>,
    /// Orders of the station.
    pub orders: mpsc::Receiver<(DeviceId, Request)>,
    /// Reports to the station.
    pub reports: mpsc::Sender<(DeviceId, Report)>,
    /// For whoever looks on.
    pub tee: Tee,
    /// The clocks.
    pub clock: Arc<Clock>,
    /// For the watchdog.
    pub pulse: Pulse,
}

/// What the loop was woken by.
enum Woken {
    Seen(Seen),
    Lost(std::io::Error),
    Order(DeviceId, Request),
    /// The station takes a report, or is gone.
    Taken(bool),
    Deadline,
}

/// Runs until the program ends: heartbeats go on while the station is being closed.
pub async fn run(mut parts: Parts) {
    let mut adapter: Option<CanBus> = None;
    let mut missing = false;
    let mut backlog = Backlog::default();
    let mut has_station = true;
    let mut todo = VecDeque::from(hand_over(&parts, Event::Woke));
    loop {
        parts.pulse.beat();
        while let Some(action) = todo.pop_front() {
            obey(&parts, &mut adapter, &mut missing, action, &mut todo, &mut backlog).await;
        }
        let wake = locked(&parts.bus).wake_at();
        let woken = tokio::select! {
            seen = next(&mut adapter, &parts.clock) => seen.map_or_else(Woken::Lost, Woken::Seen),
            order = parts.orders.recv(), if has_station => match order {
                Some((device, request)) => Woken::Order(device, request),
                None => Woken::Taken(false),
            },
            place = parts.reports.reserve(), if has_station && !backlog.is_empty() => match place {
                Ok(place) => {
                    if let Some(report) = backlog.next() {
                        place.send(report);
                    }
                    Woken::Taken(true)
                }
                Err(_) => Woken::Taken(false),
            },
            () = sleep_until(&parts.clock, wake) => Woken::Deadline,
            () = tokio::time::sleep(IDLE_TURN) => Woken::Deadline,
        };
        todo.extend(match woken {
            Woken::Seen(seen) => saw(&parts, seen),
            Woken::Lost(error) => {
                lost(&parts, &error);
                adapter = None;
                hand_over(&parts, Event::Lost)
            }
            Woken::Order(device, request) => hand_over(&parts, Event::Tell(device, request)),
            Woken::Taken(taken) => {
                has_station &= taken;
                Vec::new()
            }
            Woken::Deadline => hand_over(&parts, Event::Woke),
        });
        if !has_station {
            backlog = Backlog::default();
        }
    }
}

fn hand_over(parts: &Parts, event: Event<'_>) -> Vec<Action> {
    locked(&parts.bus).handle(parts.clock.now(), event)
}

fn saw(parts: &Parts, seen: Seen) -> Vec<Action> {
    match seen {
        Seen::Frame(frame, at) => {
            tracing::trace!(bus = parts.name, %frame, "heard");
            pass(parts, frame, at, false);
            hand_over(parts, Event::Frame(&frame))
        }
        Seen::Fault(fault) => {
            tell_fault(&parts.name, fault);
            hand_over(parts, Event::Fault(fault))
        }
        Seen::Dropped(count) => {
            tracing::warn!(
                bus = parts.name,
                count,
                "CAN bus {}: {count} frames were dropped by the kernel",
                parts.name
            );
            hand_over(parts, Event::Dropped(count))
        }
    }
}

fn pass(parts: &Parts, frame: Frame, at: Option<Instant>, sent: bool) {
    parts.tee.pass(|| Passed {
        at: at.unwrap_or_else(|| parts.clock.now().mono),
        sent,
        what: Content::Frame(frame),
    });
}

/// Carries one action out; what fails is an event of its own.
async fn obey(
    parts: &Parts,
    adapter: &mut Option<CanBus>,
    missing: &mut bool,
    action: Action,
    todo: &mut VecDeque<Action>,
    backlog: &mut Backlog,
) {
    match action {
        Action::Open => {
            *adapter = None; // a serial line that is still ours would be refused as in use
            *adapter = open(parts, missing).await;
            let event = if adapter.is_some() { Event::Opened } else { Event::OpenFailed };
            todo.extend(hand_over(parts, event));
        }
        Action::Send(frame) => {
            let sent = match adapter.as_mut() {
                Some(adapter) => adapter.send(&frame).await,
                None => Err(NotSent::Full),
            };
            match sent {
                Ok(()) => {
                    tracing::trace!(bus = parts.name, %frame, "sent");
                    pass(parts, frame, None, true);
                }
                Err(NotSent::Full) => todo.extend(hand_over(parts, Event::SendFailed)),
                Err(NotSent::Gone(error)) => {
                    lost(parts, &error);
                    *adapter = None;
                    todo.extend(hand_over(parts, Event::Lost));
                }
            }
        }
        Action::Report(device, report) => {
            if backlog.is_empty() {
                match parts.reports.try_send((device, report)) {
                    Ok(()) => {}
                    Err(mpsc::error::TrySendError::Full((device, report))) => backlog.add(device, report),
                    Err(mpsc::error::TrySendError::Closed(_)) => {}
                }
            } else {
                backlog.add(device, report);
            }
        }
    }
}

async fn open(parts: &Parts, missing: &mut bool) -> Option<CanBus> {
    let Settings { way, bitrate, listen_only, .. } = &parts.settings;
    match CanBus::open(&parts.settings).await {
        Ok((adapter, odd)) => {
            let mode = if *listen_only { "listening only" } else { "both ways" };
            tracing::info!(
                bus = parts.name,
                adapter = %way,
                bitrate,
                listen_only,
                "CAN bus {} open: {way} at {bitrate} bit/s, {mode}",
                parts.name
            );
            for what in odd {
                tracing::warn!(bus = parts.name, "CAN bus {}: {what}", parts.name);
            }
            *missing = false;
            Some(adapter)
        }
        Err(error) => {
            match std::mem::replace(missing, true) {
                false => {
                    tracing::warn!(bus = parts.name, %error, "CAN bus {} could not be opened: {error}; it is tried again", parts.name);
                }
                true => {
                    tracing::debug!(bus = parts.name, %error, "CAN bus {} still could not be opened: {error}", parts.name);
                }
            }
            None
        }
    }
}

fn lost(parts: &Parts, error: &std::io::Error) {
    let way = &parts.settings.way;
    tracing::warn!(bus = parts.name, adapter = %way, %error, "CAN bus {} is gone: {way}: {error}; it is opened again", parts.name);
}

fn tell_fault(bus: &str, fault: Fault) {
    match fault {
        Fault::State(BusState::Off) => {
            tracing::warn!(
                bus,
                "CAN bus {bus}: our controller is off the bus after too many errors; wiring, bit rate, termination?"
            );
        }
        Fault::State(BusState::Passive) => {
            tracing::warn!(bus, "CAN bus {bus}: many errors; wiring, bit rate, termination?");
        }
        Fault::State(state @ (BusState::Unknown | BusState::Active | BusState::Warning)) => {
            tracing::info!(bus, ?state, "CAN bus {bus} is {state:?}");
        }
        Fault::Restarted => tracing::info!(bus, "CAN bus {bus}: our controller was restarted"),
        Fault::Unacknowledged
        | Fault::ArbitrationLost
        | Fault::Protocol
        | Fault::Transceiver
        | Fault::SendTimeout
        | Fault::ReceiveOverflow
        | Fault::SendOverflow
        | Fault::Unreadable => tracing::debug!(bus, ?fault, "a fault of the bus"),
    }
}

async fn next(adapter: &mut Option<CanBus>, clock: &Clock) -> std::io::Result<Seen> {
    match adapter {
        Some(adapter) => adapter.next(clock).await,
        None => std::future::pending().await,
    }
}

/// A machine that panicked while it was locked is not used again: the program ends.
fn locked(bus: &Mutex<Bus>) -> std::sync::MutexGuard<'_, Bus> {
    bus.lock().expect("the bus machine does not panic")
}

/// Reports that may wait for the station.
const WAITING: usize = 4096;

/// Reports that the station did not take yet. Of values that are told again and again only the newest waits, so that
/// nothing else is ever lost, however long the store takes to open.
#[derive(Debug, Default)]
struct Backlog(VecDeque<(DeviceId, Report)>);

impl Backlog {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn next(&mut self) -> Option<(DeviceId, Report)> {
        self.0.pop_front()
    }

    fn add(&mut self, device: DeviceId, report: Report) {
        if let Some(kind) = telemetry(&report) {
            self.0.retain(|(other, waits)| *other != device || telemetry(waits) != Some(kind));
        }
        if self.0.len() >= WAITING {
            tracing::error!("the station takes no reports; the oldest is lost");
            self.0.pop_front();
        }
        self.0.push_back((device, report));
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Telemetry {
    Charger,
    Progress,
}

/// Whether only the newest of its kind counts.
fn telemetry(report: &Report) -> Option<Telemetry> {
    match report {
        Report::Charger(_) => Some(Telemetry::Charger),
        Report::Vehicle(VehicleReport::Progress(_)) => Some(Telemetry::Progress),
        Report::Vehicle(
            VehicleReport::Handshake(_)
            | VehicleReport::Fault(..)
            | VehicleReport::Paused(_)
            | VehicleReport::End(_)
            | VehicleReport::Gone,
        )
        | Report::Meter(_)
        | Report::Card(_)
        | Report::Reader(_)
        | Report::Done(..)
        | Report::Link(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::report::{ChargerStatus, LinkState, OrderId};

    fn status(raw: u16) -> Report {
        Report::Charger(ChargerStatus { raw, ..ChargerStatus::default() })
    }

    #[test]
    fn while_the_station_is_away_only_the_newest_status_of_each_charger_waits_and_no_outcome_is_lost() {
        let mut backlog = Backlog::default();
        for raw in 0..10_000 {
            backlog.add(DeviceId(1), status(raw));
            backlog.add(DeviceId(2), status(raw + 1));
        }
        backlog.add(DeviceId(1), Report::Done(OrderId(1), Ok(())));
        backlog.add(DeviceId(1), Report::Link(LinkState::Silent));
        backlog.add(DeviceId(1), status(7));
        let kept: Vec<_> = std::iter::from_fn(|| backlog.next()).collect();
        assert_eq!(
            kept,
            [
                (DeviceId(2), status(10_000)),
                (DeviceId(1), Report::Done(OrderId(1), Ok(()))),
                (DeviceId(1), Report::Link(LinkState::Silent)),
                (DeviceId(1), status(7)),
            ]
        );
    }
}
