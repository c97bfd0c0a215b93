//! A MINGTE MT625 or MT626 card reader, and the SL-RF800 family beside them (rs485.md 5.1).
//!
//! ```text
//! Find ──yes──▶ Serial ──UID──▶ Card
//!   ▲ no           │
//!   └──────────────┘ after the poll period
//! ```
//!
//! Invariants:
//! - Nothing is asked of a card but its serial number: no login, no block, no write. Keys are the operator's secrets.
//! - A serial number is believed only as the answer to the question for it, behind a card that was found just before.
//! - One showing is one report: the reader repeats a card while it lies there, and the repeats start the time anew.
//!
//! The reader has no lamp of ours; its sounder is behind command 30, whose second octet and data are in the maker's
//! manual: with [`Config::beep`] accepted is one beep, finished two, refused three \[A\], and everything else, like every
//! feedback without it, is answered as unsupported.
//!
//! What is absent: CPU cards (their numbers are behind the maker's commands), ejecting, tamper (the reader does not tell).

mod signal;

pub use super::card::NoCard;
pub use signal::Beep;

use super::card::{self, DEBOUNCE, Debounce};
use super::{Class, Driver, Foreign, Heard, PlannedQuestion, Question, Timing, Want};
use crate::model::report::{OrderFault, ReaderStatus, Report};
use crate::model::request::{Order, Request};
use crate::model::time::{Instant, Now};
use crate::wire::Cut;
use crate::wire::mt62x::{self, Command, Frame, Status};
use signal::Signal;
use std::time::Duration;

/// Tries of one question (rs485.md 9).
const TRIES: u8 = 2;

/// Settings of one reader.
#[derive(Clone, Debug)]
pub struct Config {
    /// From one search to the next. Taken as 50 ms to 10 s.
    pub poll: Duration,
    /// The same card within this time is the same showing.
    pub debounce: Duration,
    /// The reader tells the last octet on air first.
    pub reversed: bool,
    /// How its sounder is used, from the maker's manual.
    pub beep: Option<Beep>,
}

impl Default for Config {
    /// Poll policy of the field (rs485.md 5.1), no sounder.
    fn default() -> Config {
        Config { poll: Duration::from_millis(500), debounce: DEBOUNCE, reversed: false, beep: None }
    }
}

/// What happened so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Cards found, repeats included.
    pub found: u64,
    /// Cards without a usable name.
    pub no_card: u64,
    /// Cards that were gone before they told their number.
    pub gone: u64,
    /// Answers with a status that is neither yes nor no.
    pub unreadable: u64,
}

/// What is asked of the reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    Find,
    Serial,
    Beep,
}

/// One MT62x reader.
#[derive(Clone, Debug)]
pub struct Reader {
    config: Config,
    counters: Counters,
    /// A card was found; its number is asked next.
    found: bool,
    pending: Option<(Asked, Vec<u8>)>,
    due: Instant,
    signal: Option<Signal>,
    silent: bool,
    told: bool,
    debounce: Debounce,
}

impl Reader {
    /// A reader that was not asked yet.
    #[must_use]
    pub fn new(config: Config) -> Reader {
        Reader {
            debounce: Debounce::new(config.debounce),
            config,
            counters: Counters::default(),
            found: false,
            pending: None,
            due: Instant::default(),
            signal: None,
            silent: false,
            told: false,
        }
    }

    /// What happened so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.counters
    }

    fn poll(&self) -> Duration {
        self.config.poll.clamp(Duration::from_millis(50), Duration::from_secs(10))
    }

    fn question(&mut self, asked: Asked) -> Question {
        let (command, data, class) = match (asked, &self.config.beep) {
            (Asked::Serial, _) => (Command::SERIAL, &[][..], Class::Live),
            (Asked::Beep, Some(beep)) => (beep.command(), &beep.data[..], Class::Command),
            (Asked::Find, _) | (Asked::Beep, None) => (Command::FIND, &[][..], Class::Live),
        };
        let octets = Frame { command, data }.encode();
        self.pending = Some((asked, octets.clone()));
        Question { octets, class, kind: u16::from_be_bytes(command.0), expects_reply: true, tries: TRIES }
    }

    /// Whether a beep goes before the next search.
    fn beeps_next(&self) -> bool {
        self.signal.as_ref().is_some_and(|signal| signal.due <= self.due)
    }

    fn answered(&mut self, now: Instant, asked: Asked, data: &[u8]) -> Vec<Report> {
        self.silent = false;
        let mut reports = Vec::new();
        if !self.told {
            self.told = true;
            reports.push(Report::Reader(ReaderStatus::default()));
        }
        let (status, rest) =
            data.split_first().map_or((Status::Other(0), data), |(s, r)| (Status::of(*s), r));
        reports.extend(match asked {
            Asked::Find => self.searched(now, status),
            Asked::Serial => self.serial(now, status, rest),
            Asked::Beep => self.beeped(now, status),
        });
        reports
    }

    fn searched(&mut self, now: Instant, status: Status) -> Option<Report> {
        match status {
            Status::Yes | Status::Passed => {
                self.counters.found += 1;
                self.found = true;
                self.due = now;
            }
            Status::No => {}
            Status::Other(_) => self.counters.unreadable += 1,
        }
        None
    }

    fn serial(&mut self, now: Instant, status: Status, uid: &[u8]) -> Option<Report> {
        if !status.is_good() {
            self.counters.gone += 1;
            return None;
        }
        let mut uid = uid.to_vec();
        if self.config.reversed {
            uid.reverse();
        }
        match card::name(&uid) {
            Ok(uid) => self.debounce.is_new(now, uid).then_some(Report::Card(uid)),
            Err(_) => {
                self.counters.no_card += 1;
                None
            }
        }
    }

    fn beeped(&mut self, now: Instant, status: Status) -> Option<Report> {
        let signal = self.signal.as_mut()?;
        if !status.is_good() {
            let refused = OrderFault::Refused(u16::from(status.octet()));
            return self.end_signal(Err(refused));
        }
        if signal.next(now) { None } else { self.end_signal(Ok(())) }
    }

    fn end_signal(&mut self, outcome: Result<(), OrderFault>) -> Option<Report> {
        self.signal.take().map(|signal| Report::Done(signal.order, outcome))
    }
}

impl Driver for Reader {
    fn wants(&self) -> Option<Want> {
        Some(match &self.signal {
            Some(signal) if self.beeps_next() => Want { class: Class::Command, due: signal.due },
            Some(_) | None => Want { class: Class::Live, due: self.due },
        })
    }

    fn ask(&mut self, now: Now) -> Option<Question> {
        if self.beeps_next() {
            return Some(self.question(Asked::Beep));
        }
        self.due = now.mono + self.poll();
        let asked = if std::mem::take(&mut self.found) { Asked::Serial } else { Asked::Find };
        Some(self.question(asked))
    }

    fn probe(&mut self, now: Now) -> Question {
        self.found = false;
        self.due = now.mono + self.poll();
        self.question(Asked::Find)
    }

    fn cut(&self, received: &[u8]) -> Cut {
        mt62x::cut(received)
    }

    fn hear(&mut self, now: Now, octets: &[u8]) -> Heard {
        let (Some((asked, question)), Ok(frame)) = (&self.pending, Frame::parse(octets)) else {
            return Heard::Foreign(Foreign::Question);
        };
        if octets == question {
            return Heard::Foreign(Foreign::Echo);
        }
        let asked = *asked;
        let wanted = match (asked, &self.config.beep) {
            (Asked::Find, _) => Some(Command::FIND),
            (Asked::Serial, _) => Some(Command::SERIAL),
            (Asked::Beep, beep) => beep.as_ref().map(Beep::command),
        };
        if Some(frame.command) != wanted || frame.data.is_empty() {
            return Heard::Foreign(Foreign::Question);
        }
        self.pending = None;
        Heard::Answer(self.answered(now.mono, asked, frame.data))
    }

    fn unanswered(&mut self, now: Now) -> Vec<Report> {
        self.pending = None;
        self.found = false;
        self.silent = true;
        self.due = now.mono + self.poll();
        self.end_signal(Err(OrderFault::Silent)).into_iter().collect()
    }

    fn tell(&mut self, now: Now, request: Request) -> Vec<Report> {
        let Order::Feedback(feedback) = &request.what else {
            return vec![Report::Done(request.order, Err(OrderFault::Unsupported))];
        };
        let mut reports: Vec<Report> = self.end_signal(Err(OrderFault::Overtaken)).into_iter().collect();
        match signal::beeps(feedback).filter(|_| self.config.beep.is_some()) {
            None => reports.push(Report::Done(request.order, Err(OrderFault::Unsupported))),
            Some(_) if self.silent => reports.push(Report::Done(request.order, Err(OrderFault::Silent))),
            Some(count) => self.signal = Some(Signal::new(now.mono, request.order, count)),
        }
        reports
    }

    fn timing(&self) -> Timing {
        card::timing()
    }

    fn load(&self) -> Vec<PlannedQuestion> {
        let delay = Duration::from_millis(14);
        vec![PlannedQuestion { period: self.poll(), asked: 7, answered: 8, delay }]
    }
}
