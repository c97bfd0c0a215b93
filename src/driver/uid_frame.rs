//! A card reader of any make that is asked with fixed octets and answers with one frame (rs485.md 5.4).
//!
//! What its frames look like is a [`Profile`]. A frame that is neither a card nor "no card" is not taken for the answer.
//! It has no address that a profile knows of, so there is one such reader on a line. It shows nothing: every feedback is
//! answered as unsupported.
//!
//! A reader that speaks when it likes (`mode = "push"`) is asked nothing: its line listens, and has no other device, because
//! a line is half duplex. Whether such a reader lives nobody can tell before the next card; its link is that of its port.

use super::card::{self, Debounce, NoCard};
use super::{Class, Driver, Foreign, Heard, PlannedQuestion, Question, Timing, Want};
use crate::model::report::{OrderFault, ReaderStatus, Report};
use crate::model::request::Request;
use crate::model::time::{Instant, Now};
use crate::wire::Cut;
use crate::wire::uid_frame::{Length, Meaning, Mode, Profile};
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
    /// What it is asked and how often; `None`: it speaks when it likes.
    poll: Option<(Vec<u8>, Duration)>,
    counters: Counters,
    asked: bool,
    due: Instant,
    told: bool,
    debounce: Debounce,
}

impl Reader {
    /// A reader that was not asked yet.
    #[must_use]
    pub fn new(config: Config) -> Reader {
        let poll = match &config.profile.mode {
            Mode::Poll { question, period } => Some((question.clone(), *period)),
            Mode::Push => None,
        };
        Reader {
            poll,
            debounce: Debounce::new(config.profile.dedupe),
            profile: config.profile,
            counters: Counters::default(),
            asked: false,
            due: Instant::default(),
            told: false,
        }
    }

    /// What happened so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.counters
    }

    fn question(&mut self, now: Instant) -> Option<Question> {
        let (octets, period) = self.poll.clone()?;
        self.asked = true;
        self.due = now + period;
        Some(Question { octets, class: Class::Live, kind: 0, expects_reply: true, tries: TRIES })
    }

    /// What a frame of this reader tells; `None` when it is none of its profile.
    fn told(&mut self, now: Instant, frame: &[u8]) -> Option<Vec<Report>> {
        let card = match self.profile.meaning(frame) {
            Meaning::Card(uid) => self.card(now, &uid),
            Meaning::Absent => None,
            Meaning::Other => return None,
            Meaning::Unreadable(_) => {
                self.counters.unreadable += 1;
                None
            }
        };
        let first = !std::mem::replace(&mut self.told, true);
        let condition = first.then(|| Report::Reader(ReaderStatus::default()));
        Some(condition.into_iter().chain(card).collect())
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
        self.poll.is_some().then_some(Want { class: Class::Live, due: self.due })
    }

    fn ask(&mut self, now: Now) -> Option<Question> {
        self.question(now.mono)
    }

    /// One that is not asked is never probed; if it were, an empty question would ask nobody.
    fn probe(&mut self, now: Now) -> Question {
        let nothing =
            Question { octets: Vec::new(), class: Class::Live, kind: 0, expects_reply: false, tries: 1 };
        self.question(now.mono).unwrap_or(nothing)
    }

    fn speaks_unasked(&self) -> bool {
        self.poll.is_none()
    }

    fn overhear(&mut self, now: Now, frame: &[u8]) -> Option<Vec<Report>> {
        self.told(now.mono, frame)
    }

    fn cut(&self, received: &[u8]) -> Cut {
        self.profile.cut(received)
    }

    fn cut_at_rest(&self, received: &[u8]) -> Cut {
        self.profile.cut_at_rest(received)
    }

    fn hear(&mut self, now: Now, frame: &[u8]) -> Heard {
        if self.poll.as_ref().is_some_and(|(question, _)| frame == question) {
            return Heard::Foreign(Foreign::Echo);
        }
        if !self.asked {
            return Heard::Foreign(Foreign::Question);
        }
        let Some(reports) = self.told(now.mono, frame) else { return Heard::Foreign(Foreign::Question) };
        self.asked = false;
        Heard::Answer(reports)
    }

    fn unanswered(&mut self, now: Now) -> Vec<Report> {
        self.asked = false;
        let period = self.poll.as_ref().map_or(Duration::ZERO, |(_, period)| *period);
        self.due = now.mono + period;
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
        let planned = |(question, period): &(Vec<u8>, Duration)| PlannedQuestion {
            period: *period,
            asked: question.len(),
            answered,
            delay,
        };
        self.poll.iter().map(planned).collect()
    }
}
