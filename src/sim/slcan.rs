//! A CAN adapter that speaks slcan on a serial line (can.md 4.2), from the adapter's side.
//!
//! It complains of what the host may not do: transmit while it listens only, join a tapped bus with `O`, ask for a bit
//! rate that is not the bus's, change the bit rate of an open channel, send lines that are none.

use crate::model::time::Instant;
use crate::wire::can::Frame;
use crate::wire::slcan::line::BIT_RATES;
use crate::wire::slcan::{Command, Flags, Line, Parser};
use std::collections::VecDeque;
use std::time::Duration;

/// Octets for a host that does not read; frames beyond are lost, and a flag says so.
const ROOM: usize = 16 * 1024;
const MOST_COMPLAINTS: usize = 1_000;
/// A character of the serial side, a USB one of 1 Mbit/s.
const CHARACTER: Duration = Duration::from_micros(10);
/// Flags, by bit.
mod flag {
    pub(super) const RX_FULL: u8 = 1;
    pub(super) const PASSIVE: u8 = 1 << 5;
    pub(super) const BUS_ERROR: u8 = 1 << 7;
}

/// How an adapter goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It says nothing and hears nothing.
    Silent,
    /// It refuses everything.
    Refuses,
    /// Its bus has failed: nothing passes, flags tell it.
    BusOff,
    /// Octets of its lines are turned now and then.
    Noise,
}

impl Fault {
    /// All of them with the words that `depotsim` knows.
    pub const WORDS: [(&'static str, Fault); 4] = [
        ("silent", Fault::Silent),
        ("refuses", Fault::Refuses),
        ("bus-off", Fault::BusOff),
        ("noise", Fault::Noise),
    ];
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Channel {
    Closed,
    Open,
    Listening,
}

/// One adapter and its place on a bus.
#[derive(Debug)]
pub struct Adapter {
    bit_rate: u32,
    /// The bus is somebody else's: nobody but its two ends may speak or acknowledge.
    tap: bool,
    parser: Parser,
    channel: Channel,
    rate: Option<u32>,
    stamps: bool,
    flags: u8,
    out: VecDeque<(Instant, Vec<u8>)>,
    waiting: usize,
    free: Instant,
    fault: Option<Fault>,
    random: fastrand::Rng,
    complaints: Vec<String>,
}

impl Adapter {
    /// A closed adapter on a bus of this bit rate.
    #[must_use]
    pub fn new(bit_rate: u32, tap: bool, seed: u64) -> Adapter {
        Adapter {
            bit_rate,
            tap,
            parser: Parser::default(),
            channel: Channel::Closed,
            rate: None,
            stamps: false,
            flags: 0,
            out: VecDeque::new(),
            waiting: 0,
            free: Instant::default(),
            fault: None,
            random: fastrand::Rng::with_seed(seed),
            complaints: Vec::new(),
        }
    }

    /// What goes wrong from now on.
    pub fn go_wrong(&mut self, fault: Option<Fault>) {
        self.fault = fault;
    }

    /// Every rule that was broken so far.
    #[must_use]
    pub fn complaints(&self) -> &[String] {
        &self.complaints
    }

    /// Octets of the host; gives the frames that go on the bus.
    pub fn hear(&mut self, now: Instant, octets: &[u8]) -> Vec<Frame> {
        if self.fault == Some(Fault::Silent) {
            return Vec::new();
        }
        let mut frames = Vec::new();
        for octet in octets {
            match self.parser.take(*octet) {
                None => {}
                Some(Ok(line)) => frames.extend(self.take(now, line)),
                Some(Err(error)) => {
                    self.complain(format!("a line that is none: {error}"));
                    self.say(now, &Line::Error);
                }
            }
        }
        frames
    }

    fn take(&mut self, now: Instant, line: Line) -> Option<Frame> {
        let mut sent = None;
        let answer = match line {
            _ if self.fault == Some(Fault::Refuses) => Line::Error,
            Line::Ok => Line::Ok,
            Line::Frame { frame, .. } => {
                sent = self.transmit(frame);
                match sent {
                    Some(_) => Line::Sent { extended: frame.id().is_extended() },
                    None => Line::Error,
                }
            }
            Line::Command(command) => self.obey(command),
            Line::Error | Line::Sent { .. } | Line::Version(_) | Line::Serial(_) | Line::Flags(_) => {
                self.complain("a line that only an adapter says".to_owned());
                Line::Error
            }
        };
        self.say(now, &answer);
        sent
    }

    fn transmit(&mut self, frame: Frame) -> Option<Frame> {
        match self.channel {
            _ if self.fault == Some(Fault::BusOff) => None,
            Channel::Open => Some(frame),
            Channel::Listening => {
                self.complain(format!("transmits {} though it only listens", frame.id()));
                None
            }
            Channel::Closed => {
                self.complain(format!("transmits {} on a closed channel", frame.id()));
                None
            }
        }
    }

    fn obey(&mut self, command: Command) -> Line {
        match command {
            Command::Close => {
                self.channel = Channel::Closed;
                Line::Ok
            }
            Command::BitRate(rate) if self.channel == Channel::Closed => {
                self.rate = BIT_RATES.get(usize::from(rate)).copied();
                Line::Ok
            }
            Command::BitRate(_) => {
                self.complain("changes the bit rate of an open channel".to_owned());
                Line::Error
            }
            Command::Open | Command::OpenListenOnly => self.open(command == Command::OpenListenOnly),
            Command::AskVersion => Line::Version(*b"1013"),
            Command::AskSerial => Line::Serial(*b"SIM1"),
            Command::AskFlags => Line::Flags(Flags(std::mem::take(&mut self.flags) | self.lasting_flags())),
            Command::Timestamps(on) if self.channel == Channel::Closed => {
                self.stamps = on;
                Line::Ok
            }
            Command::Timestamps(_) => Line::Error,
        }
    }

    fn lasting_flags(&self) -> u8 {
        if self.fault == Some(Fault::BusOff) { flag::PASSIVE | flag::BUS_ERROR } else { 0 }
    }

    fn open(&mut self, listen_only: bool) -> Line {
        if self.channel != Channel::Closed {
            return Line::Error;
        }
        if self.rate != Some(self.bit_rate) {
            self.complain(format!("opens at {:?} bit/s a bus of {}", self.rate, self.bit_rate));
            return Line::Error;
        }
        if self.tap && !listen_only {
            self.complain("joins a tapped bus instead of listening".to_owned());
            return Line::Error;
        }
        self.channel = if listen_only { Channel::Listening } else { Channel::Open };
        Line::Ok
    }

    /// A frame on the bus, at the moment it was through.
    pub fn overhear(&mut self, now: Instant, frame: &Frame) {
        if self.channel == Channel::Closed || matches!(self.fault, Some(Fault::Silent | Fault::BusOff)) {
            return;
        }
        if self.waiting >= ROOM {
            self.flags |= flag::RX_FULL;
            return;
        }
        let stamp_ms = self.stamps.then_some((now.0 / 1_000 % 60_000) as u16);
        self.say(now, &Line::Frame { frame: *frame, stamp_ms });
    }

    fn say(&mut self, now: Instant, line: &Line) {
        let mut octets = Vec::new();
        line.write(&mut octets);
        if self.fault == Some(Fault::Noise) && self.random.u8(..20) == 0 {
            let at = self.random.usize(..octets.len());
            octets[at] ^= 1 << self.random.u32(..7);
        }
        self.free = self.free.max(now) + CHARACTER * octets.len() as u32;
        self.waiting += octets.len();
        self.out.push_back((self.free, octets));
    }

    /// Octets that have reached the host by now.
    pub fn take_octets(&mut self, now: Instant) -> Option<Vec<u8>> {
        let mut all = Vec::new();
        while self.out.front().is_some_and(|(at, _)| *at <= now) {
            let (_, octets) = self.out.pop_front()?;
            self.waiting -= octets.len();
            all.extend(octets);
        }
        (!all.is_empty()).then_some(all)
    }

    /// When octets reach the host next.
    #[must_use]
    pub fn wake_at(&self) -> Option<Instant> {
        self.out.front().map(|(at, _)| *at)
    }

    /// The host is gone and another one will come; or the adapter is plugged anew.
    pub fn replug(&mut self) {
        self.channel = Channel::Closed;
        self.parser.forget();
        self.out.clear();
        self.waiting = 0;
        (self.rate, self.stamps, self.flags) = (None, false, 0);
    }

    fn complain(&mut self, what: String) {
        if self.complaints.len() < MOST_COMPLAINTS {
            self.complaints.push(what);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::can::Id;

    fn spoken(adapter: &mut Adapter, octets: &[u8]) -> (Vec<Frame>, String) {
        let frames = adapter.hear(Instant(0), octets);
        let answer = adapter.take_octets(Instant(1_000_000)).unwrap_or_default();
        (frames, String::from_utf8(answer).expect("ASCII"))
    }

    fn frame() -> Frame {
        Frame::new(Id::pdu1(6, 0x40, 0xE0, 0x8A), &[1, 2]).expect("two")
    }

    #[test]
    fn an_adapter_is_opened_as_the_daemon_opens_it() {
        let mut adapter = Adapter::new(250_000, false, 1);
        adapter.overhear(Instant(0), &frame());
        assert_eq!(spoken(&mut adapter, b"\r\rC\rS5\rZ1\rO\r").1, "\r\r\r\r\r\r");
        let (frames, answer) = spoken(&mut adapter, b"T1840E08A20102\rF\r");
        assert_eq!((frames.as_slice(), answer.as_str()), (&[frame()][..], "Z\rF00\r"));
        adapter.overhear(Instant(61_000_000), &frame());
        assert_eq!(adapter.take_octets(Instant(70_000_000)), Some(b"T1840E08A2010203E8\r".to_vec()));
        assert_eq!(adapter.complaints(), &[] as &[String]);
    }

    #[test]
    fn a_tap_only_listens() {
        let mut adapter = Adapter::new(250_000, true, 1);
        assert_eq!(spoken(&mut adapter, b"S5\rO\r").1, "\r\x07");
        assert_eq!(spoken(&mut adapter, b"L\rT1840E08A20102\r").1, "\r\x07");
        assert_eq!(adapter.complaints().len(), 2);
        adapter.overhear(Instant(0), &frame());
        assert!(adapter.take_octets(Instant(1_000_000)).is_some());
    }

    #[test]
    fn wrong_rates_and_wrong_lines_are_complaints() {
        let mut adapter = Adapter::new(250_000, false, 1);
        assert_eq!(spoken(&mut adapter, b"S4\rO\r").1, "\r\x07");
        assert_eq!(spoken(&mut adapter, b"S5\rO\rS5\rhello\r").1, "\r\r\x07\x07");
        assert_eq!(adapter.complaints().len(), 3);
    }

    #[test]
    fn a_host_that_does_not_read_loses_frames_and_is_told() {
        let mut adapter = Adapter::new(250_000, false, 1);
        assert_eq!(spoken(&mut adapter, b"S5\rO\r").1, "\r\r");
        (0..2_000).for_each(|_| adapter.overhear(Instant(0), &frame()));
        assert!(adapter.waiting < ROOM + 64);
        let _ = adapter.take_octets(Instant(1_000_000));
        assert_eq!(spoken(&mut adapter, b"F\r").1, "F01\r");
    }
}
