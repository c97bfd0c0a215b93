//! One RS-485 line: the port below, the bus machine, the station above.

use super::tee::{Content, Passed, Tee};
use super::{IDLE_TURN, Pulse};
use crate::bus::{Action, Event, Line};
use crate::driver::Driver;
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
    /// Guests with questions of a person.
    pub visits: mpsc::Receiver<Visit>,
    /// Reports to the station.
    pub reports: mpsc::Sender<(DeviceId, Report)>,
    /// For whoever looks on.
    pub tee: Tee,
    /// The clocks.
    pub clock: Arc<Clock>,
    /// For the watchdog.
    pub pulse: Pulse,
}

/// Somebody with questions of a person, and the device of the line that they are for, if they are for one.
pub struct Visit {
    /// Asks, and tells what it learned; dropped when it may not ask.
    pub guest: Box<dyn Driver>,
    /// Whom.
    pub host: Option<DeviceId>,
}

/// What the loop was woken by.
enum Woken {
    Octets(usize),
    Lost(std::io::Error),
    Order(DeviceId, Request),
    Visit(Visit),
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
            Some(visit) = parts.visits.recv() => Woken::Visit(visit),
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
            Woken::Visit(Visit { guest, host }) => hand_over(&parts, Event::Visit(guest, host)),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bus;
    use crate::driver::modbus::meter::{Config, Meter};
    use crate::driver::modbus::profile::Profile;
    use crate::model::report::LinkState;
    use crate::port::serial::ParityBit;
    use crate::wire::modbus::{Request as Question, Response};
    use rustix::pty::{OpenptFlags, openpt, ptsname, unlockpt};
    use std::fs::File;
    use std::io::{Read, Write};
    use std::path::{Path, PathBuf};
    use std::sync::atomic::{AtomicBool, Ordering};

    /// An adapter in its socket: a pseudo-terminal that a link leads to, and a meter behind it.
    struct Adapter {
        link: PathBuf,
        pulled: Arc<AtomicBool>,
        meter: std::thread::JoinHandle<()>,
    }

    impl Adapter {
        fn plug(link: &Path) -> Adapter {
            let end = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a pair");
            unlockpt(&end).expect("unlocked");
            let name = ptsname(&end, Vec::new()).expect("a name");
            std::os::unix::fs::symlink(name.to_str().expect("a path"), link).expect("a link");
            let pulled = Arc::new(AtomicBool::new(false));
            let is_pulled = Arc::clone(&pulled);
            let meter = std::thread::spawn(move || answer(File::from(end), &is_pulled));
            Adapter { link: link.to_owned(), pulled, meter }
        }

        /// The name goes, and with the next question what is behind it.
        fn pull(self) {
            std::fs::remove_file(&self.link).expect("a link");
            self.pulled.store(true, Ordering::Relaxed);
            self.meter.join().expect("a meter");
        }
    }

    /// Every register holds 1.
    fn answer(mut end: File, is_pulled: &AtomicBool) {
        let mut octets = [0; 64];
        while let Ok(count @ 1..) = end.read(&mut octets) {
            if is_pulled.load(Ordering::Relaxed) {
                return;
            }
            let Ok((slave, Question::Read { table, count, .. })) = Question::decode(&octets[..count]) else {
                continue;
            };
            let told = Response::Registers { table, registers: vec![1; count.into()] }.encode(slave);
            if end.write_all(&told).is_err() {
                return;
            }
        }
    }

    /// A meter on a line that is opened by this name.
    fn parts(
        device: &Path,
        reports: mpsc::Sender<(DeviceId, Report)>,
        orders: mpsc::Receiver<(DeviceId, Request)>,
    ) -> Parts {
        let profile = Arc::new(Profile::by_name("chint-dtsu666").expect("built in"));
        let config = Config { address: 1, profile, poll: Duration::from_millis(50), ratio: 1 };
        let meter = Meter::new(config).expect("a meter");
        let line = Line::new(bus::Config::default(), vec![(DeviceId(1), Box::new(meter))], 1);
        Parts {
            name: "usb".to_owned(),
            settings: Settings {
                device: device.to_string_lossy().into_owned(),
                baud: 9600,
                parity: ParityBit::None,
                stop_bits: 1,
                kernel_turns: false,
            },
            line: Arc::new(Mutex::new(line)),
            orders,
            visits: mpsc::channel(1).1,
            reports,
            tee: Tee::default(),
            clock: Arc::new(Clock::new()),
            pulse: Pulse::new("usb"),
        }
    }

    /// The next change of the meter's link.
    async fn link(reports: &mut mpsc::Receiver<(DeviceId, Report)>) -> LinkState {
        let changed = async {
            loop {
                if let (_, Report::Link(link)) = reports.recv().await.expect("the line runs") {
                    return link;
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(20), changed).await.expect("a change of the link")
    }

    #[test]
    fn an_adapter_that_was_pulled_is_found_again_by_its_name_wherever_it_comes_back() {
        let folder = tempfile::tempdir().expect("a folder");
        let name = folder.path().join("usb-FTDI_A10K-if00-port0");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let first = Adapter::plug(&name);
            let (report, mut reports) = mpsc::channel(1_024);
            let (orders, told) = mpsc::channel(1);
            let running = tokio::spawn(run(parts(&name, report, told)));
            assert_eq!(link(&mut reports).await, LinkState::Good);
            tokio::task::spawn_blocking(|| first.pull()).await.expect("pulled");
            assert_eq!(link(&mut reports).await, LinkState::Silent, "at once, not after its time-outs");
            let second = Adapter::plug(&name); // under another number
            assert_eq!(link(&mut reports).await, LinkState::Good);
            drop(orders);
            running.await.expect("ended");
            drop(second);
        });
    }
}
