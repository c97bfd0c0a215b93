//! A simulated DL/T 645-2007 meter behind a charging place (rs485.md 1).
//!
//! It shows what flows through its place, answers as slowly as real meters do, and complains of what no master may do:
//! clear, trip, write or change anything, ask before it had time to answer, use a wrong address or a damaged frame.

use super::bay::Bay;
use super::line::{Answer, Fault};
use super::slave::{Reaction, Slave};
use crate::model::quantity::Energy;
use crate::model::time::{Instant, Utc};
use crate::wire::Cut;
use crate::wire::dlt645::{Address, Control, Di, Frame, cut};
use jiff::civil::DateTime;
use std::time::Duration;

/// Complaints that are kept.
const COMPLAINTS_MAX: usize = 100;
/// A broadcast moves the clock only when it is off by no more than this, and once a day (rs485.md 1.6 [R]).
const BROADCAST_REACH_MS: i64 = 300_000;
const DAY: Duration = Duration::from_secs(86_400);

/// Functions that a meter must never be sent by a station.
const FORBIDDEN: [(u8, &str); 9] = [
    (0x03, "security authentication"),
    (0x14, "write"),
    (0x15, "write address"),
    (0x17, "change rate"),
    (0x18, "change password"),
    (0x19, "clear maximum demand"),
    (0x1A, "clear meter"),
    (0x1B, "clear events"),
    (0x1C, "trip or close"),
];

/// Error octet: no such data.
const NO_SUCH_DATA: u8 = 0x02;
/// Error octet: not authorised.
const NOT_AUTHORISED: u8 = 0x04;

/// Which items it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Standard items, phases A, B and C alike.
    Ac,
    /// Standard items, phase A only, current signed.
    Dc,
    /// The vendor items of rs485.md 1.8 beside the standard energies.
    DcVendor,
}

/// What a meter is like.
#[derive(Clone, Debug)]
pub struct Config {
    /// As printed on it.
    pub address: Address,
    /// Its items.
    pub kind: Kind,
    /// Twelve digits, high pair first.
    pub number: [u8; 6],
    /// Its current transformers divide by this.
    pub ratio: i64,
    /// What the wall clock shows at [`Instant`] 0.
    pub wall: Utc,
    /// How far its own clock is ahead of that.
    pub clock_ahead_ms: i64,
    /// It has 0400010C (newer meters).
    pub joint_clock: bool,
    /// From the question to its answer.
    pub delay: Duration,
    /// Wake-up octets before its answers.
    pub preamble: usize,
    /// Longest value in one reply; the rest is fetched with function 12.
    pub part: Option<usize>,
}

impl Config {
    /// A healthy meter with a clock that is right.
    #[must_use]
    pub fn new(address: Address, kind: Kind, wall: Utc) -> Config {
        Config {
            address,
            kind,
            number: address.0,
            ratio: 1,
            wall,
            clock_ahead_ms: 0,
            joint_clock: true,
            delay: Duration::from_millis(100),
            preamble: 4,
            part: None,
        }
    }
}

/// A meter on a line.
#[derive(Clone, Debug)]
pub struct Meter {
    config: Config,
    /// What goes wrong with its answers.
    pub fault: Option<Fault>,
    /// What is left of a long answer, and the sequence number of the next part.
    rest: Option<(Di, Vec<u8>, u8)>,
    busy_until: Instant,
    clock_set: Option<Instant>,
    complaints: Vec<String>,
    /// Questions that it answered.
    pub answered: u64,
}

impl Meter {
    /// A meter that works.
    #[must_use]
    pub fn new(config: Config) -> Meter {
        Meter {
            config,
            fault: None,
            rest: None,
            busy_until: Instant::default(),
            clock_set: None,
            complaints: Vec::new(),
            answered: 0,
        }
    }

    /// It is replaced by one with another number; the register is [`Bay::replace_meter`]'s.
    pub fn replace(&mut self, number: [u8; 6]) {
        self.config.number = number;
    }

    fn complain(&mut self, what: String) {
        if self.complaints.len() < COMPLAINTS_MAX {
            self.complaints.push(format!("meter {}: {what}", self.config.address));
        }
    }

    /// One frame of the master. `None`: not for this meter, or not answered.
    fn question(&mut self, now: Instant, frame: &Frame, bay: &Bay) -> Option<Frame> {
        let control = frame.control();
        if control.is_reply() {
            return None; // another meter's answer
        }
        match (frame.address(), control) {
            (Address::BROADCAST, Control::BROADCAST_TIME) => self.set_clock(now, frame.data()),
            (Address::BROADCAST, Control::FREEZE) => {}
            (Address::BROADCAST, _) => self.complain(format!("function {:02X} to everybody", control.0)),
            (Address::ANY, Control::READ_ADDRESS) => {
                let address = self.config.address;
                return self.reply(control.reply(), address.to_wire().to_vec());
            }
            (Address::ANY, _) => self.complain(format!("function {:02X} to any address", control.0)),
            (address, _) if address == self.config.address => return self.asked(now, frame, bay),
            _ => {}
        }
        None
    }

    fn asked(&mut self, now: Instant, frame: &Frame, bay: &Bay) -> Option<Frame> {
        if now < self.busy_until {
            self.complain("asked before it had answered".to_owned());
        }
        let control = frame.control();
        if let Some((_, what)) = FORBIDDEN.iter().find(|(code, _)| *code == control.0) {
            self.complain(format!("{what} ({:02X})", control.0));
            return self.reply(control.refusal(), vec![NOT_AUTHORISED]);
        }
        match (control, frame.data()) {
            (Control::READ, &[a, b, c, d]) => self.read(now, Di::from_wire([a, b, c, d]), bay),
            (Control::READ_FOLLOW_UP, &[a, b, c, d, part]) => self.read_on(Di::from_wire([a, b, c, d]), part),
            _ => {
                self.complain(format!("function {:02X} with {} octets", control.0, frame.data().len()));
                None
            }
        }
    }

    fn read(&mut self, now: Instant, di: Di, bay: &Bay) -> Option<Frame> {
        self.rest = None;
        match self.value(now, di, bay) {
            Some(value) => self.part(di, value, None),
            None => self.reply(Control::READ.refusal(), vec![NO_SUCH_DATA]),
        }
    }

    fn read_on(&mut self, di: Di, asked: u8) -> Option<Frame> {
        match self.rest.take() {
            Some((known, rest, part)) if known == di && part == asked => self.part(di, rest, Some(part)),
            _ => {
                self.complain(format!("part {asked} of {di} was not to be fetched"));
                self.reply(Control::READ_FOLLOW_UP.refusal(), vec![NO_SUCH_DATA])
            }
        }
    }

    /// As much of the value as one reply takes. `part` is the sequence number of a follow-up.
    fn part(&mut self, di: Di, mut value: Vec<u8>, part: Option<u8>) -> Option<Frame> {
        let rest = match self.config.part {
            Some(longest) if value.len() > longest => value.split_off(longest),
            _ => Vec::new(),
        };
        let question = if part.is_some() { Control::READ_FOLLOW_UP } else { Control::READ };
        let control = if rest.is_empty() { question.reply() } else { question.reply_with_more() };
        if !rest.is_empty() {
            self.rest = Some((di, rest, part.unwrap_or(0).wrapping_add(1)));
        }
        let mut data = di.to_wire().to_vec();
        data.extend(value);
        data.extend(part);
        self.reply(control, data)
    }

    fn reply(&self, control: Control, data: Vec<u8>) -> Option<Frame> {
        let mut address = self.config.address;
        if self.fault == Some(Fault::WrongAddress) {
            address.0[0] ^= 0x40; // nobody in a planned depot
        }
        Frame::new(address, control, data)
    }

    fn value(&self, now: Instant, di: Di, bay: &Bay) -> Option<Vec<u8>> {
        let standard = self.config.kind != Kind::DcVendor;
        match di.0 {
            0x0001_0000 => Some(bcd(self.register(bay).0 / 100, 4)),
            0x0001_FF00 => Some(self.tariffs(bay)),
            0x0002_0000 => Some(bcd(0, 4)),
            0x00D1_0000 if !standard => {
                let wh = u32::try_from(self.register(bay).0 / 10).unwrap_or(u32::MAX);
                Some(wh.to_le_bytes().to_vec())
            }
            0x0200_0100 if !standard => Some(signed_bcd(self.current(bay) * 10, 4)),
            0x0200_0200 if !standard => Some(bcd(bay.voltage().0 * 10, 4)),
            0x0201_0100 if standard => Some(bcd(bay.voltage().0 / 100, 2)),
            0x0202_0100 if standard => Some(signed_bcd(self.current(bay), 3)),
            0x0203_0000 if standard => Some(signed_bcd(bay.power().0 * 10 / self.config.ratio, 3)),
            0x0201_0200 | 0x0201_0300 if self.config.kind == Kind::Ac => Some(bcd(bay.voltage().0 / 100, 2)),
            0x0202_0200 | 0x0202_0300 if self.config.kind == Kind::Ac => {
                Some(signed_bcd(self.current(bay), 3))
            }
            0x0400_0101 => Some(self.date(now)),
            0x0400_0102 => Some(self.time(now)),
            0x0400_010C if self.config.joint_clock => Some([self.time(now), self.date(now)].concat()),
            0x0400_0401 => Some(self.config.address.to_wire().to_vec()),
            0x0400_0402 => Some(self.config.number.iter().rev().copied().collect()),
            _ => None,
        }
    }

    /// What its register counts: the secondary side of its transformers.
    fn register(&self, bay: &Bay) -> Energy {
        Energy(bay.register().0 / self.config.ratio)
    }

    /// Milliamperes on the secondary side.
    fn current(&self, bay: &Bay) -> i64 {
        bay.current().0 / self.config.ratio
    }

    /// Total, then a quarter for each tariff; the last takes what is left over.
    fn tariffs(&self, bay: &Bay) -> Vec<u8> {
        let total = self.register(bay).0 / 100;
        let quarter = total / 4;
        [total, quarter, quarter, quarter, total - 3 * quarter].into_iter().flat_map(|r| bcd(r, 4)).collect()
    }

    fn clock(&self, now: Instant) -> DateTime {
        let elapsed = i64::try_from(now.0 / 1_000).unwrap_or(i64::MAX);
        self.config.wall.plus_ms(elapsed).plus_ms(self.config.clock_ahead_ms).local()
    }

    /// WW DD MM YY.
    fn date(&self, now: Instant) -> Vec<u8> {
        let date = self.clock(now).date();
        let weekday = i64::from(date.weekday().to_sunday_zero_offset());
        let parts = [weekday, i64::from(date.day()), i64::from(date.month()), i64::from(date.year() % 100)];
        parts.into_iter().flat_map(|part| bcd(part, 1)).collect()
    }

    /// ss mm hh.
    fn time(&self, now: Instant) -> Vec<u8> {
        let time = self.clock(now).time();
        [time.second(), time.minute(), time.hour()].into_iter().flat_map(|part| bcd(part.into(), 1)).collect()
    }

    fn set_clock(&mut self, now: Instant, data: &[u8]) {
        let Some(told) = read_clock(data) else {
            self.complain("a broadcast of what is no time".to_owned());
            return;
        };
        let off = Utc::from_local(told).0 - Utc::from_local(self.clock(now)).0;
        let too_often = self.clock_set.is_some_and(|at| now.since(at) < DAY);
        if off.abs() > BROADCAST_REACH_MS || too_often {
            self.complain("a broadcast of time that meters do not take".to_owned());
            return;
        }
        self.config.clock_ahead_ms += off;
        self.clock_set = Some(now);
    }

    fn answer(&mut self, now: Instant, frame: &Frame) -> Answer {
        self.answered += 1;
        self.busy_until = now + self.config.delay;
        Answer { octets: frame.encode(self.config.preamble), delay: self.config.delay, fault: self.fault }
    }
}

impl Slave for Meter {
    fn hear(&mut self, now: Instant, octets: &[u8], bay: &mut Bay) -> Option<Reaction> {
        bay.advance(now);
        let mut at = 0;
        loop {
            match cut(&octets[at..]) {
                Cut::More => return None,
                Cut::Noise(count) => at += count,
                Cut::Frame(count) => {
                    let frame = Frame::parse(&octets[at..at + count]).ok()?;
                    at += count;
                    if let Some(reply) = self.question(now, &frame, bay) {
                        return Some(Reaction { taken: at, answer: Some(self.answer(now, &reply)) });
                    }
                    if frame.address() == Address::BROADCAST || frame.address() == self.config.address {
                        return Some(Reaction { taken: at, answer: None });
                    }
                }
            }
        }
    }

    fn complaints(&self) -> &[String] {
        &self.complaints
    }
}

/// So many octets of BCD, low pair first; what does not fit is lost, as on a meter that runs over.
fn bcd(number: i64, octets: u32) -> Vec<u8> {
    let pair = |at: u32| (number.unsigned_abs() / 100_u64.pow(at) % 100) as u8;
    (0..octets).map(pair).map(|pair| ((pair / 10) << 4) | (pair % 10)).collect()
}

/// The same with the sign in the top bit; what does not fit beside it is shown as no data.
fn signed_bcd(number: i64, octets: u32) -> Vec<u8> {
    if number.unsigned_abs() >= 8 * 10_u64.pow(2 * octets - 1) {
        return vec![0xFF; octets as usize];
    }
    let mut octets = bcd(number, octets);
    if let Some(last) = octets.last_mut().filter(|_| number < 0) {
        *last |= 0x80;
    }
    octets
}

/// ss mm hh DD MM YY.
fn read_clock(data: &[u8]) -> Option<DateTime> {
    let &[ss, mm, hh, day, month, year] = data else { return None };
    let digits = |octet: u8| i8::try_from((octet >> 4) * 10 + (octet & 15)).ok();
    let year = 2000 + i16::from(digits(year)?);
    DateTime::new(year, digits(month)?, digits(day)?, digits(hh)?, digits(mm)?, digits(ss)?, 0).ok()
}

#[cfg(test)]
mod tests;
