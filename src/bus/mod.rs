//! Half-duplex master of one line (rs485.md 6): one question at a time, and every answer to the question it belongs to.
//!
//! ```text
//! Closed --Open--> Opening --Opened--> Settling --silent--> Idle --turn--> Asking --answer, busy--> Idle
//!   ^                 |                                      ^                |
//!   |  wait 1 2 4 8 s |                                      |             time-out
//!   +-- OpenFailed ---+                                      +-- silent -- Quarantine
//! from each of them to Closed: Lost, WriteFailed
//! ```
//!
//! - Between two frames the line is silent for max(3.5 characters, 1.75 ms, the devices' turnaround and switch times); the
//!   next question leaves exactly when that is over. The end of a question is reckoned from the baud rate.
//! - A question ends in exactly one of: its answer, "busy", unanswered after all its sendings. Repeats are the same octets.
//! - After every time-out the line is in quarantine, and a device that owes an answer is asked nothing else until that
//!   answer cannot come any more (`quarantine.rs`). So no late answer is taken for the answer to another question, although
//!   protocols like Modbus do not say which question they answer. A command whose answer does say so goes out all the
//!   same, and before any repeat: a stop waits for one time-out and one quarantine at most.
//! - A dead device costs one time-out per probe. One that fails is never a reason to reopen the port; a port is reopened
//!   when it is lost, or when nobody at all was heard for 30 s.
//!
//! What is absent: bytes of any protocol (drivers cut and judge them), the port, the clock, what is to be asked.

mod device;
mod echo;
mod exchange;
mod health;
pub mod plan;
mod port;
mod quarantine;
mod rate;
mod reply_time;
mod schedule;
mod status;
mod verdict;
mod visit;

#[cfg(test)]
mod tests;

pub use status::{Counters, DeviceStatus, LineState, LineStatus, RoundTrip};

use crate::driver::Driver;
use crate::model::ident::DeviceId;
use crate::model::report::{OrderFault, Report};
use crate::model::request::Request;
use crate::model::time::{Instant, Now};
use device::Device;
use echo::Echo;
use exchange::{Exchange, Habits};
use port::Port;
use quarantine::{Lapse, Quarantine};
use rate::{Pace, Rate};
use status::{Histogram, Usage, ms_since};
use std::time::Duration;

/// How a line is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// Bits per second.
    pub baud: u32,
    /// Bits per character with start, parity and stop bits: 10 for 8N1, 11 for 8E1 and 8N2.
    pub bits: u32,
    /// Added to the time-out of the first octet: what adapter and kernel need both ways (rs485.md 6.3: 2 ms for USB).
    pub adapter: Duration,
    /// Silence after the port was opened (rs485.md 6.2).
    pub settle: Duration,
}

impl Default for Config {
    /// 9600 8N1 on a USB adapter.
    fn default() -> Config {
        Config { baud: 9600, bits: 10, adapter: Duration::from_millis(2), settle: Duration::from_millis(200) }
    }
}

/// What happens to the line.
pub enum Event<'a> {
    /// The port is open.
    Opened,
    /// The port could not be opened.
    OpenFailed,
    /// The open port is gone.
    Lost,
    /// Octets could not be written; the port is gone.
    WriteFailed,
    /// Octets arrived.
    Octets(&'a [u8]),
    /// The station orders a device.
    Tell(DeviceId, Request),
    /// Somebody comes with questions of a person, and leaves when they are asked. Who speaks to a device of this line
    /// names it. Dropped at once when the line is not open or somebody else is on a visit.
    Visit(Box<dyn Driver>, Option<DeviceId>),
    /// A deadline passed.
    Woke,
}

/// What the line wants done, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Close the port if it is open, and open it; answered by `Opened` or `OpenFailed`.
    Open,
    /// Drop what arrived and was not read.
    DiscardInput,
    /// One question in one write.
    Write(Vec<u8>),
    /// A device reports to the station.
    Report(DeviceId, Report),
}

/// What the line is doing.
#[derive(Debug)]
enum State {
    /// The port is not there; opened again at this moment.
    Closed { open_at: Instant },
    /// Being opened.
    Opening,
    /// Just opened; silent until then.
    Settling { until: Instant },
    /// Nobody's turn. `is_jammed`: the line would not become silent, so the next question does not wait for it.
    Idle { is_jammed: bool, wake: Option<Instant> },
    /// One question is open.
    Asking(Exchange),
    /// Octets are read and thrown away until the line is silent.
    Quarantine(Quarantine),
}

/// The master of one line.
pub struct Line {
    config: Config,
    devices: Vec<Device>,
    state: State,
    port: Port,
    habits: Habits,
    received: Vec<u8>,
    random: fastrand::Rng,
    /// When an octet was last on the wire, either way.
    last_activity: Instant,
    last_asked: Option<usize>,
    turns_since_slow: u32,
    /// Octets since the last question that belong to none.
    stray_run: usize,
    stray_octets: u64,
    /// The question that was given up last.
    lapse: Option<Lapse>,
    /// Somebody may answer late until then.
    owed_until: Instant,
    /// The first question since anybody was heard.
    unheard: Option<Instant>,
    /// Every device failed since then.
    mute: Option<Instant>,
    mutes: u64,
    usage: Usage,
}

impl Line {
    /// A line with its devices, in the order in which ties go round. The port is opened by the first event.
    #[must_use]
    pub fn new(config: Config, devices: Vec<(DeviceId, Box<dyn Driver>)>, seed: u64) -> Line {
        Line {
            devices: devices.into_iter().map(|(id, driver)| Device::new(id, driver)).collect(),
            state: State::Closed { open_at: Instant::default() },
            port: Port::default(),
            habits: Habits {
                rate: Rate::new(config.baud, config.bits),
                pace: Pace::Unknown,
                echo: Echo::default(),
            },
            config,
            received: Vec::with_capacity(512),
            random: fastrand::Rng::with_seed(seed),
            last_activity: Instant::default(),
            last_asked: None,
            turns_since_slow: 0,
            stray_run: 0,
            stray_octets: 0,
            lapse: None,
            owed_until: Instant::default(),
            unheard: None,
            mute: None,
            mutes: 0,
            usage: Usage::default(),
        }
    }

    /// Takes one event; gives all that is to be done, in order.
    #[must_use]
    pub fn handle(&mut self, now: Now, event: Event<'_>) -> Vec<Action> {
        let mut out = Vec::new();
        match event {
            Event::Opened => self.opened(now.mono),
            Event::OpenFailed | Event::Lost | Event::WriteFailed => self.down(now, &mut out),
            Event::Octets(octets) => self.octets(now, octets, &mut out),
            Event::Tell(device, request) => self.tell(now, device, request, &mut out),
            Event::Visit(driver, host) => self.visited(driver, host),
            Event::Woke => {}
        }
        self.advance(now, &mut out);
        out
    }

    /// When to be woken.
    #[must_use]
    pub fn wake_at(&self) -> Option<Instant> {
        match &self.state {
            State::Closed { open_at } => {
                self.devices.iter().filter_map(Device::pressing).min().into_iter().chain([*open_at]).min()
            }
            State::Opening => None,
            State::Settling { until } => Some(*until),
            State::Idle { wake, .. } => *wake,
            State::Asking(exchange) => Some(exchange.deadline(!self.received.is_empty())),
            State::Quarantine(quarantine) => Some(quarantine.ends_at()),
        }
    }

    /// How it stands.
    #[must_use]
    pub fn status(&self, now: Now) -> LineStatus {
        let mut counters = Counters::default();
        let mut round_trips = Histogram::default();
        for device in self.residents() {
            counters += device.counters;
            round_trips.merge(&device.round_trip);
        }
        let (use_permille, polls_per_minute) = self.usage.last(now.mono);
        let (state, since) = self.state_since();
        LineStatus {
            state,
            state_for_ms: ms_since(now.mono, since),
            echo: self.habits.echo.is_certain(),
            use_permille,
            polls_per_minute,
            planned_permille: plan::permille_of(&self.config, self.residents().iter().map(|d| &*d.driver)),
            opened: self.port.opened,
            lost: self.port.lost,
            reopened_mute: self.port.reopened_mute,
            mute: self.mutes,
            stray_octets: self.stray_octets,
            counters,
            round_trip: round_trips.round_trip(),
            devices: self.residents().iter().map(|device| device.status(now.mono)).collect(),
        }
    }

    fn state_since(&self) -> (LineState, Instant) {
        match (&self.state, self.mute) {
            (State::Closed { .. } | State::Opening, _) => (LineState::Closed, self.port.since),
            (_, Some(since)) => (LineState::Mute, since),
            (_, None) => (LineState::Open, self.port.since),
        }
    }

    fn tell(&mut self, now: Now, id: DeviceId, request: Request, out: &mut Vec<Action>) {
        let Some(device) = self.devices.iter_mut().find(|device| device.id == id) else {
            out.push(Action::Report(id, Report::Done(request.order, Err(OrderFault::Unsupported))));
            return;
        };
        let mut reports = device.driver.tell(now, request);
        device.refresh();
        if device.retry.as_ref().is_some_and(|retry| device.gives_way(retry.question.class, now.mono)) {
            device.retry = None;
            reports.extend(device.driver.unanswered(now));
            device.refresh();
        }
        device.health.probe_now(now.mono);
        out.extend(reports.into_iter().map(|report| Action::Report(id, report)));
    }

    /// Passes every deadline that has come, in the order in which one leads to the next.
    fn advance(&mut self, now: Now, out: &mut Vec<Action>) {
        if let State::Closed { .. } = self.state {
            self.reopen(now, out);
        }
        if let State::Settling { until } = self.state
            && now.mono >= until
        {
            self.state = State::Idle { is_jammed: false, wake: None };
        }
        if let State::Asking(_) = self.state {
            self.deadline(now, out);
        }
        if let State::Quarantine(quarantine) = self.state
            && now.mono >= quarantine.ends_at()
        {
            self.leave_quarantine(quarantine);
        }
        if let State::Idle { .. } = self.state {
            self.see_off();
        }
        if let State::Idle { is_jammed, .. } = self.state {
            self.idle(now, is_jammed, out);
        }
    }

    fn idle(&mut self, now: Now, is_jammed: bool, out: &mut Vec<Action>) {
        if self.reopen_mute(now.mono) {
            out.push(Action::Open);
            return;
        }
        let wake = self.take_turn(now, is_jammed, out);
        if let State::Idle { wake: next, .. } = &mut self.state {
            *next = wake;
        }
    }
}
