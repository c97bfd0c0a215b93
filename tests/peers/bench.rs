//! A wire between two pseudo-terminals, a foreign program at one end, the daemon's loop at the other.

use crate::program::{PATIENCE, Program, now};
use depotd::bus::{self, LineStatus};
use depotd::driver::Driver;
use depotd::model::ident::DeviceId;
use depotd::model::report::{OrderFault, OrderId, Report};
use depotd::model::request::{Order, Request};
use depotd::port::clock::Clock;
use depotd::port::serial::{ParityBit, Settings};
use depotd::task::{INBOX, Pulse, line};
use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;
use tokio::sync::mpsc;

pub(crate) const BAUD: u32 = 9600;

/// The interpreter with the packages; fetched once.
fn python() -> &'static str {
    static PYTHON: OnceLock<String> = OnceLock::new();
    PYTHON.get_or_init(|| {
        let top = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut fetch = Command::new(top.join("packaging/python.sh"));
        fetch.arg(top.join("target/peers")).arg(top.join("tests/peers/requirements.txt"));
        let fetched = fetch.output().expect("the script runs");
        assert!(
            fetched.status.success(),
            "the Python packages of tests/peers/requirements.txt cannot be had:\n{}",
            String::from_utf8_lossy(&fetched.stderr)
        );
        String::from_utf8(fetched.stdout).expect("a path").trim().to_owned()
    })
}

/// Two ends of a wire.
struct Wire {
    ours: PathBuf,
    theirs: PathBuf,
    /// The ends that programs open stay open here: without them the wire would break whenever a program closes one.
    _kept: [OwnedFd; 2],
}

/// One pseudo-terminal: our hold on it twice, its name, and the end that is kept open.
fn terminal() -> (Arc<OwnedFd>, PathBuf, OwnedFd) {
    let hold = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a pseudo-terminal");
    grantpt(&hold).expect("granted");
    unlockpt(&hold).expect("unlocked");
    let name = ptsname(&hold, Vec::new()).expect("a name").into_string().expect("of ASCII");
    let kept = rustix::fs::open(&*name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).expect("opened");
    let mut settings = tcgetattr(&kept).expect("a terminal");
    settings.make_raw();
    tcsetattr(&kept, OptionalActions::Now, &settings).expect("raw");
    (Arc::new(hold), PathBuf::from(name), kept)
}

/// Carries octets from one end to the other, each piece when it would have arrived.
fn carry(from: Arc<OwnedFd>, to: Arc<OwnedFd>) {
    std::thread::spawn(move || {
        let mut octets = [0; 256];
        while let Ok(count @ 1..) = rustix::io::read(&*from, &mut octets) {
            std::thread::sleep(Duration::from_micros(count as u64 * 10_000_000 / u64::from(BAUD)));
            if rustix::io::write(&*to, &octets[..count]).is_err() {
                return;
            }
        }
    });
}

fn wire() -> Wire {
    let ((left, ours, our_end), (right, theirs, their_end)) = (terminal(), terminal());
    carry(Arc::clone(&left), Arc::clone(&right));
    carry(right, left);
    Wire { ours, theirs, _kept: [our_end, their_end] }
}

/// A line of the daemon with a foreign program at its other end.
pub(crate) struct Bench {
    pub(crate) peer: Program,
    line: Arc<Mutex<bus::Line>>,
    clock: Arc<Clock>,
    orders: Option<mpsc::Sender<(DeviceId, Request)>>,
    reports: mpsc::Receiver<(DeviceId, Report)>,
    thread: Option<std::thread::JoinHandle<()>>,
    seen: Vec<(DeviceId, Report)>,
    next_order: u64,
    _wire: Wire,
}

impl Bench {
    /// `program` of this folder is called with the device and `words`.
    pub(crate) fn new(program: &str, words: &[&str], devices: Vec<(DeviceId, Box<dyn Driver>)>) -> Bench {
        let wire = wire();
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers").join(program);
        let peer = Program::start(Command::new(python()).arg(path).arg(&wire.theirs).args(words));
        peer.line_with("ready");
        let config = bus::Config { baud: BAUD, ..bus::Config::default() };
        let line = Arc::new(Mutex::new(bus::Line::new(config, devices, 1)));
        let clock = Arc::new(Clock::new());
        let (orders, told) = mpsc::channel(INBOX);
        let (report, reports) = mpsc::channel(INBOX);
        let parts = line::Parts {
            name: "peer".to_owned(),
            settings: Settings {
                device: wire.ours.to_string_lossy().into_owned(),
                baud: BAUD,
                parity: ParityBit::None,
                stop_bits: 1,
                kernel_turns: false,
            },
            line: Arc::clone(&line),
            orders: told,
            visits: mpsc::channel(1).1,
            reports: report,
            tee: depotd::task::tee::Tee::default(),
            clock: Arc::clone(&clock),
            pulse: Pulse::new("peer"),
        };
        let thread = Some(std::thread::spawn(move || run(parts)));
        Bench {
            peer,
            line,
            clock,
            orders: Some(orders),
            reports,
            thread,
            seen: Vec::new(),
            next_order: 0,
            _wire: wire,
        }
    }

    /// Waits for a report, one that has come already or one that is yet to come.
    pub(crate) fn until(&mut self, what: &str, fits: impl Fn(&Report) -> bool) -> Report {
        let began = now();
        loop {
            while let Ok(report) = self.reports.try_recv() {
                self.seen.push(report);
            }
            if let Some((_, report)) = self.seen.iter().find(|(_, report)| fits(report)) {
                return report.clone();
            }
            assert!(began.elapsed() < PATIENCE, "{what} never came; {:#?}", self.seen);
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Gives an order and waits for its outcome.
    pub(crate) fn order(&mut self, device: DeviceId, what: Order) -> Result<(), OrderFault> {
        self.next_order += 1;
        let order = OrderId(self.next_order);
        let orders = self.orders.as_ref().expect("the line runs");
        orders.blocking_send((device, Request { order, what })).expect("the line runs");
        let done = self.until("the outcome", |r| matches!(r, Report::Done(id, _) if *id == order));
        let Report::Done(_, outcome) = done else { panic!("{done:?}") };
        outcome
    }

    /// Waits until the line stands so.
    pub(crate) fn until_line(&mut self, what: &str, fits: impl Fn(&LineStatus) -> bool) -> LineStatus {
        let began = now();
        loop {
            let status = self.line.lock().expect("the line runs").status(self.clock.now());
            if fits(&status) {
                return status;
            }
            assert!(began.elapsed() < PATIENCE, "{what} never was; {status:#?}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// What was reported so far.
    pub(crate) fn seen(&self) -> impl Iterator<Item = &Report> {
        self.seen.iter().map(|(_, report)| report)
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        self.orders = None;
        self.reports.close();
        if let Some(Err(panic)) = self.thread.take().map(std::thread::JoinHandle::join)
            && !std::thread::panicking()
        {
            std::panic::resume_unwind(panic);
        }
    }
}

fn run(parts: line::Parts) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(line::run(parts));
}
