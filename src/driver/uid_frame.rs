//! A card reader of any make that is asked with fixed octets and answers with one frame (rs485.md 5.4).
//!
//! What its frames look like is a [`Profile`]. A frame that is neither a card nor "no card" is not taken for the answer.
//! It has no address that a profile knows of, so there is one such reader on a line. It shows nothing: every feedback is
//! answered as unsupported.
//!
//! What is absent: readers that speak when they like (`mode = "push"`). A line is half duplex and its master listens
//! only behind a question; what comes unasked is thrown away before the next one. Such a reader is refused here.

use super::card::{self, Debounce, NoCard};
use super::{Class, Driver, Foreign, Heard, PlannedQuestion, Question, Timing, Want};
use crate::model::report::{OrderFault, ReaderStatus, Report};
use crate::model::request::Request;
use crate::model::time::{Instant, Now};
use crate::wire::Cut;
use crate::wire::uid_frame::{Length, Meaning, Mode, Profile};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Tries of one question, as for MT62x (rs485.md 9).
const TRIES: u8 = 2;

/// Settings of one reader.
#[derive(Clone, Debug)]
pub struct Config {
    /// What it is asked, and what its frames look like.
    pub profile: Arc<Profile>,
}

/// Why a reader cannot be made of this configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// The profile describes a reader that is not asked.
    Push,
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unfit::Push => f.write_str("the profile has mode \"push\"; a reader on a line must be asked"),
        }
    }
}

impl std::error::Error for Unfit {}

/// What happened so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Cards whose number was made up, too long, or nothing but zeros.
    pub no_card: u64,
    /// Frames of a card without a UID where the profile has it.
    pub unreadable: u64,
}

/// One reader.
#[derive(Clone, Debug)]
pub struct Reader {
    profile: Arc<Profile>,
    question: Vec<u8>,
    period: Duration,
    counters: Counters,
    asked: bool,
    due: Instant,
    told: bool,
    debounce: Debounce,
}

impl Reader {
    /// A reader that was not asked yet.
    pub fn new(config: Config) -> Result<Reader, Unfit> {
        let Mode::Poll { question, period } = &config.profile.mode else { return Err(Unfit::Push) };
        Ok(Reader {
            question: question.clone(),
            period: *period,
            debounce: Debounce::new(config.profile.dedupe),
            profile: config.profile,
            counters: Counters::default(),
            asked: false,
            due: Instant::default(),
            told: false,
        })
    }

    /// What happened so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.counters
    }

    fn question(&mut self, now: Instant) -> Question {
        self.asked = true;
        self.due = now + self.period;
        Question {
            octets: self.question.clone(),
            class: Class::Live,
            kind: 0,
            expects_reply: true,
            tries: TRIES,
        }
    }

    fn card(&mut self, now: Instant, uid: &[u8]) -> Option<Report> {
        match card::name(uid) {
            Ok(uid) => self.debounce.is_new(now, uid).then_some(Report::Card(uid)),
            Err(NoCard::Size | NoCard::Random | NoCard::Zero) => {
                self.counters.no_card += 1;
                None
            }
        }
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
        self.profile.cut(received)
    }

    fn cut_at_rest(&self, received: &[u8]) -> Cut {
        self.profile.cut_at_rest(received)
    }

    fn hear(&mut self, now: Now, frame: &[u8]) -> Heard {
        if frame == self.question {
            return Heard::Foreign(Foreign::Echo);
        }
        if !self.asked {
            return Heard::Foreign(Foreign::Question);
        }
        let card = match self.profile.meaning(frame) {
            Meaning::Card(uid) => self.card(now.mono, &uid),
            Meaning::Absent => None,
            Meaning::Other => return Heard::Foreign(Foreign::Question),
            Meaning::Unreadable(_) => {
                self.counters.unreadable += 1;
                None
            }
        };
        self.asked = false;
        let first = !std::mem::replace(&mut self.told, true);
        let condition = first.then(|| Report::Reader(ReaderStatus::default()));
        Heard::Answer(condition.into_iter().chain(card).collect())
    }

    fn unanswered(&mut self, now: Now) -> Vec<Report> {
        self.asked = false;
        self.due = now.mono + self.period;
        Vec::new()
    }

    fn tell(&mut self, _: Now, request: Request) -> Vec<Report> {
        vec![Report::Done(request.order, Err(OrderFault::Unsupported))]
    }

    fn timing(&self) -> Timing {
        let mut timing = card::timing();
        if let Length::Idle(silence) = self.profile.layout.length {
            timing.inter_octet = silence;
        }
        timing
    }

    fn load(&self) -> Vec<PlannedQuestion> {
        let answered = self.profile.usual_length();
        let delay = Duration::from_millis(14);
        vec![PlannedQuestion { period: self.period, asked: self.question.len(), answered, delay }]
    }
}
