//! A line on a virtual clock, devices of a small Modbus-like protocol, and what may go wrong between them.
//!
//! An answer of this protocol says whose it is, not what was asked. Each question asks for its own serial number, so the
//! tests know which question an answer belongs to; the driver does not.

use crate::bus::{Action, Config, Event, Line};
use crate::driver::{Class, Driver, Foreign, Heard, PlannedQuestion, Question, Timing, Want};
use crate::model::ident::DeviceId;
use crate::model::report::{ChargerStatus, LinkState, OrderFault, OrderId, Report};
use crate::model::request::{Order, Request};
use crate::model::time::{Instant, Now};
use crate::wire::Cut;
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

pub(super) const READ: u8 = 3;
pub(super) const WRITE: u8 = 6;
const BUSY: u8 = 0x83;
const CRC: crc::Crc<u16> = crc::Crc::<u16>::new(&crc::CRC_16_MODBUS);

pub(super) fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

pub(super) fn at_ms(ms: u64) -> Instant {
    Instant(ms * 1_000)
}

pub(super) fn timing() -> Timing {
    Timing {
        reply: ms(400),
        floor: ms(60),
        ceiling: ms(1_000),
        inter_octet: ms(50),
        turnaround: ms(5),
        after_switch: Duration::ZERO,
        probe_max: ms(10_000),
        silent_after: 10,
    }
}

pub(super) fn sealed(octets: &[u8]) -> Vec<u8> {
    let mut frame = octets.to_vec();
    frame.extend(CRC.checksum(octets).to_le_bytes());
    frame
}

/// The answer to a question of this protocol.
pub(super) fn answer(question: &[u8]) -> Vec<u8> {
    match question[1] {
        READ => sealed(&[question[0], READ, 2, question[2], question[3]]),
        _ => question.to_vec(),
    }
}

pub(super) fn busy(question: &[u8]) -> Vec<u8> {
    sealed(&[question[0], BUSY, 6])
}

/// A periodic question.
#[derive(Clone, Debug)]
pub(super) struct Group {
    pub(super) class: Class,
    pub(super) period: Duration,
    pub(super) due: Instant,
    pub(super) tries: u8,
}

pub(super) fn live(period: Duration) -> Group {
    Group { class: Class::Live, period, due: Instant(0), tries: 2 }
}

/// A driver that does as it is told and believes what it hears.
#[derive(Clone, Debug)]
pub(super) struct Script {
    pub(super) address: u8,
    pub(super) groups: Vec<Group>,
    pub(super) timing: Timing,
    pub(super) orders: VecDeque<Request>,
    serial: u16,
    asked: Option<(u8, u16, Option<Request>)>,
}

impl Script {
    pub(super) fn new(address: u8, groups: Vec<Group>) -> Script {
        Script { address, groups, timing: timing(), orders: VecDeque::new(), serial: 0, asked: None }
    }

    pub(super) fn with(mut self, timing: Timing) -> Script {
        self.timing = timing;
        self
    }

    fn next(&self) -> Option<(usize, &Group)> {
        self.groups.iter().enumerate().min_by_key(|(_, group)| group.due)
    }

    fn frame(&mut self, function: u8, order: Option<Request>) -> Vec<u8> {
        assert!(self.asked.is_none(), "a second question before the end of the first");
        self.serial += 1;
        self.asked = Some((function, self.serial, order));
        let [high, low] = self.serial.to_be_bytes();
        sealed(&[self.address, function, high, low])
    }
}

impl Driver for Script {
    fn wants(&self) -> Option<Want> {
        if let Some(order) = self.orders.front() {
            let class = if order.what == Order::ReadRegister { Class::Billing } else { Class::Command };
            return Some(Want { class, due: Instant(0) });
        }
        self.next().map(|(_, group)| Want { class: group.class, due: group.due })
    }

    fn ask(&mut self, now: Now) -> Option<Question> {
        if let Some(order) = self.orders.pop_front() {
            let read = order.what == Order::ReadRegister;
            let (function, class, kind) =
                if read { (READ, Class::Billing, 1) } else { (WRITE, Class::Command, 2) };
            let octets = self.frame(function, Some(order));
            return Some(Question { octets, class, kind, expects_reply: true, tries: 3 });
        }
        let (index, _) = self.next()?;
        let group = &mut self.groups[index];
        group.due = group.due + group.period;
        if group.due <= now.mono {
            group.due = now.mono + group.period;
        }
        let (class, tries) = (group.class, group.tries);
        let octets = self.frame(READ, None);
        Some(Question { octets, class, kind: 1, expects_reply: true, tries })
    }

    fn probe(&mut self, _: Now) -> Question {
        Question {
            octets: self.frame(READ, None),
            class: Class::Slow,
            kind: 1,
            expects_reply: true,
            tries: 1,
        }
    }

    fn cut(&self, received: &[u8]) -> Cut {
        let length = match received {
            [] => return Cut::More,
            [0 | 248.., ..] => return Cut::Noise(1),
            [_] => return Cut::More,
            [_, READ, ..] => 7,
            [_, WRITE, ..] => 6,
            [_, BUSY, ..] => 5,
            [..] => return Cut::Noise(1),
        };
        match received.get(..length) {
            None => Cut::More,
            Some(frame) if sealed(&frame[..length - 2]) == frame => Cut::Frame(length),
            Some(_) => Cut::Noise(1),
        }
    }

    fn hear(&mut self, _: Now, frame: &[u8]) -> Heard {
        let Some((function, serial, order)) = self.asked.clone() else { panic!("nothing was asked") };
        if frame[0] != self.address {
            return Heard::Foreign(Foreign::Address);
        }
        if frame[1] == BUSY {
            self.asked = None;
            return Heard::Busy;
        }
        if frame[1] != function || (function == WRITE && frame[2..4] != serial.to_be_bytes()) {
            return Heard::Foreign(Foreign::Question);
        }
        self.asked = None;
        let told = u16::from_be_bytes([frame[frame.len() - 4], frame[frame.len() - 3]]);
        let value = ChargerStatus { faults: u32::from(serial), raw: told, ..ChargerStatus::default() };
        let done = order.map(|order| Report::Done(order.order, Ok(())));
        Heard::Answer(std::iter::once(Report::Charger(value)).chain(done).collect())
    }

    fn unanswered(&mut self, _: Now) -> Vec<Report> {
        let Some((_, _, order)) = self.asked.take() else { panic!("nothing was asked") };
        order.map(|order| Report::Done(order.order, Err(OrderFault::Silent))).into_iter().collect()
    }

    fn tell(&mut self, _: Now, request: Request) -> Vec<Report> {
        self.orders.push_back(request);
        Vec::new()
    }

    fn timing(&self) -> Timing {
        self.timing
    }

    fn answers_name_commands(&self) -> bool {
        true // a write is answered by its echo, serial number and all
    }

    fn load(&self) -> Vec<PlannedQuestion> {
        let planned =
            |group: &Group| PlannedQuestion { period: group.period, asked: 6, answered: 7, delay: ms(5) };
        self.groups.iter().map(planned).collect()
    }
}

/// Octets that a slave puts on the wire: when the first one begins, and which.
pub(super) type Sound = (Instant, Vec<u8>);

/// What the slaves do with a question whose last octet arrived at a moment.
pub(super) type Slaves<'a> = Box<dyn FnMut(Instant, &[u8]) -> Vec<Sound> + 'a>;

/// Slaves that answer everything after this delay.
pub(super) fn answering(delay: Duration) -> Slaves<'static> {
    Box::new(move |asked, question| vec![(asked + delay, answer(question))])
}

pub(super) struct Bench<'a> {
    pub(super) line: Line,
    pub(super) now: Instant,
    pub(super) slaves: Slaves<'a>,
    /// Octets that the adapter hands over at once.
    pub(super) piece: usize,
    pub(super) is_plugged: bool,
    /// Octets take no time, as on a pseudo-terminal.
    pub(super) is_instant: bool,
    pub(super) written: Vec<(Instant, Vec<u8>)>,
    pub(super) reports: Vec<(Instant, DeviceId, Report)>,
    pub(super) opened: Vec<Instant>,
    config: Config,
    arriving: BTreeMap<(Instant, u64), Vec<u8>>,
    count: u64,
}

impl<'a> Bench<'a> {
    pub(super) fn new(config: Config, scripts: Vec<Script>, slaves: Slaves<'a>) -> Bench<'a> {
        let device =
            |script: Script| (DeviceId(u16::from(script.address)), Box::new(script) as Box<dyn Driver>);
        Bench {
            line: Line::new(config, scripts.into_iter().map(device).collect(), 7),
            now: Instant(0),
            slaves,
            piece: 1,
            is_plugged: true,
            is_instant: false,
            written: Vec::new(),
            reports: Vec::new(),
            opened: Vec::new(),
            config,
            arriving: BTreeMap::new(),
            count: 0,
        }
    }

    fn wire(&self, octets: usize) -> Duration {
        let us = octets as u64 * u64::from(self.config.bits) * 1_000_000 / u64::from(self.config.baud);
        if self.is_instant { Duration::ZERO } else { Duration::from_micros(us) }
    }

    /// Octets that begin on the wire at a moment.
    pub(super) fn sound(&mut self, (begin, octets): Sound) {
        for (index, piece) in octets.chunks(self.piece).enumerate() {
            let at = begin + self.wire(index * self.piece + piece.len());
            self.count += 1;
            self.arriving.insert((at, self.count), piece.to_vec());
        }
    }

    pub(super) fn event(&mut self, event: Event<'_>) {
        let now = Now { mono: self.now, ..Now::default() };
        let mut todo = VecDeque::from(self.line.handle(now, event));
        while let Some(action) = todo.pop_front() {
            match action {
                Action::Open => {
                    self.opened.push(self.now);
                    let event = if self.is_plugged { Event::Opened } else { Event::OpenFailed };
                    todo.extend(self.line.handle(now, event));
                }
                Action::DiscardInput => {}
                Action::Write(_) if !self.is_plugged => {
                    todo.extend(self.line.handle(now, Event::WriteFailed));
                }
                Action::Write(octets) => {
                    let asked = self.now + self.wire(octets.len());
                    for sound in (self.slaves)(asked, &octets) {
                        self.sound(sound);
                    }
                    self.written.push((self.now, octets));
                }
                Action::Report(device, report) => self.reports.push((self.now, device, report)),
            }
        }
    }

    pub(super) fn run_to(&mut self, until: Instant) {
        if self.opened.is_empty() {
            self.event(Event::Woke);
        }
        loop {
            let wake = self.line.wake_at().map(|at| at.max(self.now));
            let arrival = self.arriving.keys().next().copied();
            let Some(next) = wake.into_iter().chain(arrival.map(|(at, _)| at)).min() else { break };
            if next > until {
                break;
            }
            self.now = self.now.max(next);
            match arrival {
                Some(key) if key.0 <= next => {
                    let octets = self.arriving.remove(&key).unwrap();
                    if self.is_plugged {
                        self.event(Event::Octets(&octets));
                    }
                }
                Some(_) | None => self.event(Event::Woke),
            }
        }
        self.now = until;
    }

    pub(super) fn order(&mut self, device: u16, order: u64, what: Order) {
        self.event(Event::Tell(DeviceId(device), Request { order: OrderId(order), what }));
    }

    pub(super) fn unplug(&mut self) {
        self.is_plugged = false;
        self.arriving.clear();
        self.event(Event::Lost);
    }

    /// Values that a device reported: (serial asked, serial answered).
    pub(super) fn values(&self, device: u16) -> Vec<(u32, u32)> {
        self.valued(device).map(|(_, pair)| pair).collect()
    }

    pub(super) fn valued(&self, device: u16) -> impl Iterator<Item = (Instant, (u32, u32))> + '_ {
        self.reports.iter().filter(move |(_, id, _)| id.0 == device).filter_map(
            |(at, _, report)| match report {
                Report::Charger(status) => Some((*at, (status.faults, u32::from(status.raw)))),
                _ => None,
            },
        )
    }

    pub(super) fn wrong_values(&self) -> usize {
        let wrong = |report: &Report| matches!(report, Report::Charger(s) if s.faults != u32::from(s.raw));
        self.reports.iter().filter(|(_, _, report)| wrong(report)).count()
    }

    pub(super) fn links(&self, device: u16) -> Vec<LinkState> {
        self.link_changes(device).into_iter().map(|(_, link)| link).collect()
    }

    pub(super) fn link_changes(&self, device: u16) -> Vec<(Instant, LinkState)> {
        let of = self.reports.iter().filter(|(_, id, _)| id.0 == device);
        of.filter_map(
            |(at, _, report)| if let Report::Link(link) = report { Some((*at, *link)) } else { None },
        )
        .collect()
    }

    pub(super) fn done(&self) -> Vec<(u64, Result<(), OrderFault>)> {
        let done = self.reports.iter().filter_map(|(_, _, report)| match report {
            Report::Done(order, outcome) => Some((order.0, *outcome)),
            _ => None,
        });
        done.collect()
    }

    /// When a device was asked.
    pub(super) fn asked(&self, address: u8) -> Vec<Instant> {
        self.written.iter().filter(|(_, octets)| octets[0] == address).map(|(at, _)| *at).collect()
    }
}
