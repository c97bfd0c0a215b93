//! A card reader that holds the UID in Modbus registers (rs485.md 5.2).
//!
//! Counter and UID are read in one question, so that they belong together. With a counter (or sequence number) a change
//! of it is a new card, and the same card again when it is shown again. Without one, the edge from no card to a card is,
//! and from one card to another.
//!
//! Invariants:
//! - The first answer tells nothing new: nobody knows how long that UID has stood there. The same after the reader was
//!   not heard for [`HELD`]: a card of minutes ago starts no charge.
//! - Zeros are no card, whatever the counter says.
//!
//! What is absent: lamps and sounders (every maker has other registers; a feedback is answered as unsupported), bit
//! counts, push mode.

use super::card::{self, DEBOUNCE, Debounce};
use super::{Class, Driver, Foreign, Heard, PlannedQuestion, Question, Timing, Want};
use crate::model::report::{OrderFault, ReaderStatus, Report};
use crate::model::request::Request as Told;
use crate::model::time::{Instant, Now};
use crate::wire::Cut;
use crate::wire::modbus::frame::cut_answer;
use crate::wire::modbus::{Direction, Exception, MAX_READ, Request, Response, Table, cut};
use std::fmt;
use std::time::Duration;

/// What was read before a silence longer than this says nothing of now.
pub const HELD: Duration = Duration::from_secs(5);
/// Tries of one question (rs485.md 9).
const TRIES: u8 = 2;
/// Longest UID, in octets.
const LONGEST_UID: u8 = 10;

/// Settings of one reader.
#[derive(Clone, Debug)]
pub struct Config {
    /// 1..=247.
    pub address: u8,
    /// Holding or input.
    pub table: Table,
    /// Where the UID stands.
    pub uid: Place,
    /// Register that changes with every card shown.
    pub counter: Option<u16>,
    /// From one question to the next. Taken as 50 ms to 10 s.
    pub poll: Duration,
    /// The same card within this time is the same showing.
    pub debounce: Duration,
}

/// Where a UID stands, and how its octets are laid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// First register.
    pub register: u16,
    /// Octets before the UID in it and the following ones.
    pub skip: u8,
    /// Octets of the UID, 1..=10.
    pub octets: u8,
    /// The low octet of each register comes first.
    pub low_first: bool,
    /// The last octet on air comes first (after `low_first` and `skip`).
    pub reversed: bool,
}

impl Config {
    /// A VRD-485: registers 2 and 3, no counter (rs485.md 5.2).
    #[must_use]
    pub fn vrd485(address: u8) -> Config {
        let uid = Place { register: 2, skip: 0, octets: 4, low_first: false, reversed: false };
        let poll = Duration::from_millis(300);
        Config { address, table: Table::Holding, uid, counter: None, poll, debounce: DEBOUNCE }
    }

    /// First register and count of the one question.
    fn window(&self) -> Option<(u16, u16)> {
        let registers = (u16::from(self.uid.skip) + u16::from(self.uid.octets)).div_ceil(2);
        let last = self.uid.register.checked_add(registers.max(1) - 1)?;
        let counter = self.counter.unwrap_or(last);
        let (first, last) = (self.uid.register.min(counter), last.max(counter));
        let count = (last - first).checked_add(1)?;
        (count <= MAX_READ).then_some((first, count))
    }
}

/// Why a reader cannot be made of this configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// Modbus addresses are 1..=247.
    Address(u8),
    /// A UID has 1..=10 octets.
    Uid(u8),
    /// Bits hold no UID.
    Table,
    /// Counter and UID lie too far apart for one question, or behind the last register.
    Apart,
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unfit::Address(address) => write!(f, "{address} is no Modbus address; 1 to 247"),
            Unfit::Uid(octets) => write!(f, "a UID of {octets} octets; 1 to {LONGEST_UID}"),
            Unfit::Table => f.write_str("a UID stands in holding or input registers"),
            Unfit::Apart => write!(f, "counter and UID do not fit in one read of {MAX_READ} registers"),
        }
    }
}

impl std::error::Error for Unfit {}

/// What happened so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Cards without a usable name.
    pub no_card: u64,
    /// Answers whose news were not used, because nobody knows how old they are.
    pub stale: u64,
    /// Refusals by the reader; the last code is [`Reader::refusal`].
    pub refused: u64,
}

/// What the registers held.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Held {
    counter: Option<u16>,
    uid: Vec<u8>,
}

impl Held {
    fn is_empty(&self) -> bool {
        self.uid.iter().all(|octet| *octet == 0)
    }

    /// Whether a card was shown between these two.
    fn shows_after(&self, before: &Held) -> bool {
        let changed =
            if self.counter.is_some() { self.counter != before.counter } else { self.uid != before.uid };
        changed && !self.is_empty()
    }
}

/// One reader.
#[derive(Clone, Debug)]
pub struct Reader {
    config: Config,
    request: Request,
    start: u16,
    counters: Counters,
    refusal: Option<Exception>,
    pending: Option<Vec<u8>>,
    due: Instant,
    held: Option<(Held, Instant)>,
    told: bool,
    debounce: Debounce,
}

impl Reader {
    /// A reader that was not asked yet.
    pub fn new(config: Config) -> Result<Reader, Unfit> {
        if !(1..=247).contains(&config.address) {
            return Err(Unfit::Address(config.address));
        }
        if !(1..=LONGEST_UID).contains(&config.uid.octets) {
            return Err(Unfit::Uid(config.uid.octets));
        }
        if !matches!(config.table, Table::Holding | Table::Input) {
            return Err(Unfit::Table);
        }
        let (start, count) = config.window().ok_or(Unfit::Apart)?;
        Ok(Reader {
            request: Request::Read { table: config.table, start, count },
            start,
            debounce: Debounce::new(config.debounce),
            config,
            counters: Counters::default(),
            refusal: None,
            pending: None,
            due: Instant::default(),
            held: None,
            told: false,
        })
    }

    /// What happened so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// Why the reader refused the last question, if it did: its registers are not where the configuration has them.
    #[must_use]
    pub fn refusal(&self) -> Option<Exception> {
        self.refusal
    }

    fn poll(&self) -> Duration {
        self.config.poll.clamp(Duration::from_millis(50), Duration::from_secs(10))
    }

    fn question(&mut self, now: Instant) -> Question {
        self.due = now + self.poll();
        let octets = self.request.encode(self.config.address);
        self.pending = Some(octets.clone());
        Question { octets, class: Class::Live, kind: 0, expects_reply: true, tries: TRIES }
    }

    fn read(&mut self, now: Instant, registers: &[u16]) -> Option<Report> {
        let held = self.found(registers)?;
        let news = match &self.held {
            Some((before, at)) if now.since(*at) < HELD => held.shows_after(before),
            Some(_) | None => {
                self.counters.stale += u64::from(!held.is_empty());
                false
            }
        };
        let name = news.then(|| card::name(&held.uid));
        self.held = Some((held, now));
        match name? {
            Ok(uid) => self.debounce.is_new(now, uid).then_some(Report::Card(uid)),
            Err(_) => {
                self.counters.no_card += 1;
                None
            }
        }
    }

    /// `None` never happens with registers of the length that was asked for.
    fn found(&self, registers: &[u16]) -> Option<Held> {
        let place = self.config.uid;
        let from = usize::from(place.register - self.start);
        let octets = registers.get(from..)?.iter().flat_map(|register| match place.low_first {
            true => register.to_le_bytes(),
            false => register.to_be_bytes(),
        });
        let mut uid: Vec<u8> = octets.skip(place.skip.into()).take(place.octets.into()).collect();
        if place.reversed {
            uid.reverse();
        }
        let counter = match self.config.counter {
            Some(counter) => Some(*registers.get(usize::from(counter - self.start))?),
            None => None,
        };
        Some(Held { counter, uid })
    }
}

impl Driver for Reader {
    fn wants(&self) -> Option<Want> {
        Some(Want { class: Class::Live, due: self.due })
    }

    fn ask(&mut self, now: Now) -> Option<Question> {
        Some(self.question(now.mono))
    }

    fn probe(&mut self, now: Now) -> Question {
        self.question(now.mono)
    }

    fn cut(&self, received: &[u8]) -> Cut {
        match &self.pending {
            Some(question) => cut_answer(received, question),
            None => cut(received, Direction::Response),
        }
    }

    fn hear(&mut self, now: Now, frame: &[u8]) -> Heard {
        let Some(question) = &self.pending else { return Heard::Foreign(Foreign::Question) };
        let response = match Response::decode(frame) {
            Ok((slave, _)) if slave != self.config.address => return Heard::Foreign(Foreign::Address),
            Ok((_, response)) if self.request.is_answered_by(&response) => response,
            Ok(_) | Err(_) if frame == question => return Heard::Foreign(Foreign::Echo),
            Ok(_) | Err(_) => return Heard::Foreign(Foreign::Question),
        };
        self.pending = None;
        let card = match response {
            Response::Exception { exception: Exception::BUSY | Exception::ACKNOWLEDGE, .. } => {
                return Heard::Busy;
            }
            Response::Exception { exception, .. } => {
                self.counters.refused += 1;
                self.refusal = Some(exception);
                return Heard::Answer(Vec::new());
            }
            Response::Registers { registers, .. } => self.read(now.mono, &registers),
            Response::Bits { .. }
            | Response::WriteCoil { .. }
            | Response::WriteRegister { .. }
            | Response::WriteCoils { .. }
            | Response::WriteRegisters { .. }
            | Response::DeviceId(_) => None,
        };
        self.refusal = None;
        let first = !std::mem::replace(&mut self.told, true);
        let condition = first.then(|| Report::Reader(ReaderStatus::default()));
        Heard::Answer(condition.into_iter().chain(card).collect())
    }

    fn unanswered(&mut self, now: Now) -> Vec<Report> {
        self.pending = None;
        self.due = now.mono + self.poll();
        Vec::new()
    }

    fn tell(&mut self, _: Now, request: Told) -> Vec<Report> {
        vec![Report::Done(request.order, Err(OrderFault::Unsupported))]
    }

    fn timing(&self) -> Timing {
        Timing { reply: Duration::from_millis(400), turnaround: Duration::from_millis(5), ..card::timing() }
    }

    fn load(&self) -> Vec<PlannedQuestion> {
        let answered = self.request.reply_length().unwrap_or(0);
        vec![PlannedQuestion { period: self.poll(), asked: 8, answered, delay: Duration::from_millis(20) }]
    }
}
