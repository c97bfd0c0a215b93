//! Modbus slaves on a pseudo-terminal that takes the time of a real line.
//!
//! A pseudo-terminal carries a question at once, so it counts as ended when its octets would have been over; the answer
//! follows after the device's own delay, one octet at a time, each when it would have been complete. All moments are
//! reckoned from the begin of the question, so nothing that is late here adds up. The slaves keep the books: octets and
//! delays that no master can avoid, against the time that went by, and questions that came too early.

use depotd::wire::modbus::{Exception, Request, Response, Table, frame};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::time::Timespec;
use std::collections::VecDeque;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// A question may seem to come so much too early: clocks of two programs.
const SLACK: Duration = Duration::from_micros(100);

/// One slave.
#[derive(Clone, Copy, Debug)]
pub struct Slave {
    /// 1..=247.
    pub address: u8,
    /// From the end of a question to the begin of the answer. `None`: it is dead.
    pub delay: Option<Duration>,
}

/// How the line is set: 8N1.
#[derive(Clone, Copy, Debug)]
pub struct Line {
    /// Bits per second.
    pub baud: u32,
}

impl Line {
    /// Time of so many characters of ten bits.
    #[must_use]
    pub fn wire(self, characters: usize) -> Duration {
        Duration::from_nanos(characters as u64 * 10 * 1_000_000_000 / u64::from(self.baud))
    }

    /// Silence between frames: 3.5 characters of eleven bits, never below 1.75 ms (Modbus over serial line 2.5.1.1).
    #[must_use]
    pub fn gap(self) -> Duration {
        Duration::from_nanos(77 * 500_000_000 / u64::from(self.baud)).max(Duration::from_micros(1_750))
    }
}

/// What the slaves saw.
#[derive(Clone, Copy, Debug, Default)]
pub struct Books {
    /// Answers that went out whole.
    pub answers: u64,
    /// Questions to a slave that is dead.
    pub unanswered: u64,
    /// Questions that began before the gap was over.
    pub early: u64,
    /// What nobody can save: questions, delays, answers, gaps.
    pub least: Duration,
    /// From the begin of the first question to the end of the last answer.
    pub taken: Duration,
}

impl Books {
    /// The least time there is to the time that went by.
    #[must_use]
    pub fn share(&self) -> f64 {
        self.least.as_secs_f64() / self.taken.as_secs_f64()
    }

    /// Answers a minute.
    #[must_use]
    pub fn per_minute(&self) -> f64 {
        self.answers as f64 * 60.0 / self.taken.as_secs_f64()
    }
}

/// A line with its slaves, served by a thread of its own.
pub struct Bench {
    /// What a master opens.
    pub device: PathBuf,
    stop: Arc<AtomicBool>,
    thread: std::thread::JoinHandle<Books>,
    _kept: OwnedFd,
}

impl Bench {
    /// Opens a pseudo-terminal and begins to serve.
    #[must_use]
    pub fn open(line: Line, slaves: Vec<Slave>) -> Bench {
        let end = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a pseudo-terminal");
        grantpt(&end).expect("granted");
        unlockpt(&end).expect("unlocked");
        let name = ptsname(&end, Vec::new()).expect("a name");
        let device = PathBuf::from(name.to_str().expect("a name of ASCII"));
        let kept = rustix::fs::open(&device, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).expect("opened");
        let mut settings = rustix::termios::tcgetattr(&kept).expect("a terminal");
        settings.make_raw();
        rustix::termios::tcsetattr(&kept, rustix::termios::OptionalActions::Now, &settings).expect("raw");
        let stop = Arc::new(AtomicBool::new(false));
        let served = Served::new(line, slaves, end, Arc::clone(&stop));
        Bench { device, stop, thread: std::thread::spawn(move || served.run()), _kept: kept }
    }

    /// Ends it; what was seen.
    #[must_use]
    pub fn close(self) -> Books {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("the slaves do not panic")
    }
}

struct Served {
    line: Line,
    slaves: Vec<Slave>,
    end: OwnedFd,
    stop: Arc<AtomicBool>,
    received: Vec<u8>,
    begun: Option<Instant>,
    outgoing: VecDeque<(Instant, u8)>,
    /// The line is in use until then.
    busy_until: Option<Instant>,
    first: Option<Instant>,
    /// Of the answer that is going out.
    cost: Duration,
    books: Books,
}

impl Served {
    fn new(line: Line, slaves: Vec<Slave>, end: OwnedFd, stop: Arc<AtomicBool>) -> Served {
        Served {
            line,
            slaves,
            end,
            stop,
            received: Vec::new(),
            begun: None,
            outgoing: VecDeque::new(),
            busy_until: None,
            first: None,
            cost: Duration::ZERO,
            books: Books::default(),
        }
    }

    #[expect(clippy::disallowed_methods, reason = "a line in real time")]
    fn run(mut self) -> Books {
        while !self.stop.load(Ordering::Relaxed) {
            let now = Instant::now();
            let due = self.outgoing.front().map(|(at, _)| at.saturating_duration_since(now));
            let wait = due.unwrap_or(Duration::from_millis(50));
            let wait = Timespec::try_from(wait).expect("short");
            let mut fds = [PollFd::new(&self.end, PollFlags::IN)];
            let ready = poll(&mut fds, Some(&wait)).expect("polled");
            let now = Instant::now();
            if ready > 0 {
                self.read(now);
            }
            self.write(now);
        }
        self.books
    }

    fn read(&mut self, now: Instant) {
        let mut octets = [0; 512];
        let count = rustix::io::read(&self.end, &mut octets).expect("read");
        if self.begun.is_none() {
            self.begun = Some(now);
            self.first.get_or_insert(now);
            let allowed = self.busy_until.map(|at| at + self.line.gap());
            self.books.early += u64::from(allowed.is_some_and(|at| now + SLACK < at));
        }
        self.received.extend_from_slice(&octets[..count]);
        let begun = self.begun.unwrap_or(now);
        if let Ok((address, request)) = Request::decode(&self.received) {
            self.answer(begun, address, &request);
            self.received.clear();
            self.begun = None;
        } else if self.received.len() > frame::LONGEST {
            self.received.clear();
            self.begun = None;
        }
    }

    fn answer(&mut self, begun: Instant, address: u8, request: &Request) {
        let ended = begun + self.line.wire(self.received.len());
        self.busy_until = Some(ended);
        let slave = self.slaves.iter().find(|s| s.address == address);
        let Some(delay) = slave.and_then(|s| s.delay) else {
            self.books.unanswered += 1;
            return;
        };
        let octets = response(address, request).encode(address);
        let starts = ended + delay;
        self.outgoing = (1..).zip(&octets).map(|(n, o)| (starts + self.line.wire(n), *o)).collect();
        self.busy_until = Some(starts + self.line.wire(octets.len()));
        self.cost = self.line.wire(self.received.len() + octets.len()) + delay + self.line.gap();
    }

    fn write(&mut self, now: Instant) {
        while let Some((at, octet)) = self.outgoing.front().copied().filter(|(at, _)| *at <= now) {
            let _written = rustix::io::write(&self.end, &[octet]).expect("written");
            self.outgoing.pop_front();
            if self.outgoing.is_empty() {
                self.books.answers += 1;
                self.books.least += self.cost;
                self.books.taken = at - self.first.unwrap_or(at) + self.line.gap();
            }
        }
    }
}

/// Registers that say whose they are and where they stand.
fn response(address: u8, request: &Request) -> Response {
    match request {
        Request::Read { table: Table::Holding, start, count } => {
            let registers = (*start..).take(usize::from(*count)).map(|at| register(address, at)).collect();
            Response::Registers { table: Table::Holding, registers }
        }
        _ => Response::Exception { function: request.function(), exception: Exception::FUNCTION },
    }
}

/// What a register of a slave holds.
#[must_use]
pub fn register(address: u8, at: u16) -> u16 {
    u16::from(address) << 8 | (at & 0xFF)
}
