//! One RS-485 line: the port below, the bus machine, the station above.

use super::tee::{Content, Passed, Tee};
use super::{IDLE_TURN, Pulse};
use crate::bus::{Action, Event, Line};
use crate::model::ident::DeviceId;
use crate::model::report::Report;
use crate::model::request::Request;
use crate::port::alarm::Alarm;
use crate::port::clock::Clock;
use crate::port::serial::{Serial, Settings};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::mpsc;

/// A write that the kernel does not take for this long is a fault of the adapter.
const WRITE: Duration = Duration::from_secs(2);

/// What a line loop needs.
pub struct Parts {
    /// Name of the line, for the log.
    pub name: String,
    /// How the port is opened.
    pub settings: Settings,
    /// The machine; shared so that people can look at its counters.
    pub line: Arc<Mutex<Line>>,
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
    Octets(usize),
    Lost(std::io::Error),
    Order(DeviceId, Request),
    Deadline,
    Ended,
}

/// Runs until the station ends.
pub async fn run(mut parts: Parts) {
    let mut port: Option<Serial> = None;
    let mut missing = false;
    let alarm = Alarm::new();
    let mut octets = [0; 512];
    let mut todo = VecDeque::from(hand_over(&parts, Event::Woke));
    loop {
        parts.pulse.beat();
        while let Some(action) = todo.pop_front() {
            if !obey(&parts, &mut port, &mut missing, action, &mut todo).await {
                return;
            }
        }
        let wake = locked(&parts.line).wake_at();
        let woken = tokio::select! {
            read = read(&mut port, &mut octets) => match read {
                Ok(count) => Woken::Octets(count),
                Err(error) => Woken::Lost(error),
            },
            order = parts.orders.recv() => order.map_or(Woken::Ended, |(device, request)| Woken::Order(device, request)),
            () = alarm.at(&parts.clock, wake) => Woken::Deadline,
            () = tokio::time::sleep(IDLE_TURN) => Woken::Deadline,
        };
        let actions = match woken {
            Woken::Octets(count) => {
                tracing::trace!(line = parts.name, octets = %crate::wire::hex::upper(&octets[..count]), "read");
                pass(&parts, &octets[..count], false);
                hand_over(&parts, Event::Octets(&octets[..count]))
            }
            Woken::Lost(error) => {
                tracing::warn!(line = parts.name, device = parts.settings.device, %error, "line {} is gone: {error}; it is opened again", parts.name);
                port = None;
                hand_over(&parts, Event::Lost)
            }
            Woken::Order(device, request) => hand_over(&parts, Event::Tell(device, request)),
            Woken::Deadline => hand_over(&parts, Event::Woke),
            Woken::Ended => return,
        };
        todo.extend(actions);
    }
}

fn hand_over(parts: &Parts, event: Event<'_>) -> Vec<Action> {
    locked(&parts.line).handle(parts.clock.now(), event)
}

fn pass(parts: &Parts, octets: &[u8], sent: bool) {
    parts.tee.pass(|| Passed { at: parts.clock.now().mono, sent, what: Content::Octets(octets.to_vec()) });
}

/// Carries one action out; what fails is an event of its own. False = the station has ended.
async fn obey(
    parts: &Parts,
    port: &mut Option<Serial>,
    missing: &mut bool,
    action: Action,
    todo: &mut VecDeque<Action>,
) -> bool {
    match action {
        Action::Open => {
            *port = None; // a port that is still ours would be refused as in use
            let event = match Serial::open(&parts.settings) {
                Ok(opened) => {
                    tracing::info!(
                        line = parts.name,
                        device = parts.settings.device,
                        baud = parts.settings.baud,
                        "line {} open: {} at {} baud",
                        parts.name,
                        parts.settings.device,
                        parts.settings.baud
                    );
                    *port = Some(opened);
                    *missing = false;
                    Event::Opened
                }
                Err(error) => {
                    match std::mem::replace(missing, true) {
                        false => {
                            tracing::warn!(line = parts.name, %error, "line {} could not be opened: {error}; it is tried again", parts.name)
                        }
                        true => {
                            tracing::debug!(line = parts.name, %error, "line {} still could not be opened: {error}", parts.name)
                        }
                    }
                    Event::OpenFailed
                }
            };
            todo.extend(hand_over(parts, event));
        }
        Action::DiscardInput => {
            if let Some(port) = port
                && let Err(error) = port.discard_input()
            {
                tracing::debug!(line = parts.name, %error, "input not discarded");
            }
        }
        Action::Write(octets) => {
            tracing::trace!(line = parts.name, octets = %crate::wire::hex::upper(&octets), "write");
            pass(parts, &octets, true);
            let written = match port.as_mut() {
                Some(port) => tokio::time::timeout(WRITE, port.write(&octets)).await.is_ok_and(|w| w.is_ok()),
                None => false,
            };
            if !written {
                *port = None;
                todo.extend(hand_over(parts, Event::WriteFailed));
            }
        }
        Action::Report(device, report) => return parts.reports.send((device, report)).await.is_ok(),
    }
    true
}

async fn read(port: &mut Option<Serial>, octets: &mut [u8]) -> std::io::Result<usize> {
    match port {
        Some(port) => port.read(octets).await,
        None => std::future::pending().await,
    }
}

/// A machine that panicked while it was locked is not used again: the program ends.
fn locked(line: &Mutex<Line>) -> std::sync::MutexGuard<'_, Line> {
    line.lock().expect("the bus machine does not panic")
}
