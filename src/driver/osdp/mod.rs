//! An OSDP reader from the panel's seat (rs485.md 4.5).
//!
//! ```text
//! Identify ──PDID──▶ Capabilities ──PDCAP──▶ [Challenge ──CCRYPT──▶ Prove ──RMAC_I──▶] Online: POLL, LSTAT, LED, BUZ, TEXT
//!     ▲                                                                                  │
//!     └── silence, NAK 04/05/06, plain NAK in a session, 8 s without an answer ◀─────────┘
//! ```
//!
//! Invariants:
//! - The sequence number is 0 for the first question after a restart, then 1, 2, 3, 1 …; it moves on with a valid
//!   answer only. A question that has to be repeated is repeated octet by octet, and the chain of MACs stands still.
//! - With a key, nothing but the handshake is believed outside the secure channel, and a card only when hidden.
//! - A reply whose MAC does not verify is somebody else's or an old one: it is counted and the question stays open. If
//!   no good reply comes, the session is dropped with the question.
//! - A reader with another key is never online; it is tried again after 1, 2, 4 … 10 s.
//!
//! What is absent: outputs, biometrics, files.

mod answer;
mod card;
mod config;
mod feedback;
mod install;
mod presence;
mod question;

pub use super::card::NoCard;
pub use card::Notation;
pub use config::{BadKey, Config, Key, Language};
pub use feedback::Abilities;

use super::card::Debounce;
use super::{Class, Driver, Foreign, Heard, PlannedQuestion, Question, Timing, Want};
use crate::model::report::{OrderFault, OrderId, ReaderStatus, Report};
use crate::model::request::{Feedback, Order, Request};
use crate::model::time::{Instant, Now};
use crate::wire::Cut;
use crate::wire::osdp::secure::{self, Channel, Proof};
use crate::wire::osdp::{self, Frame};
use answer::Arrival;
use feedback::Step;
use install::Install;
use std::collections::VecDeque;
use std::time::Duration;

/// After so long without an answer both ends begin anew (rs485.md 4.1).
const OFFLINE: Duration = Duration::from_secs(8);
/// From one question about tamper and power to the next; changes come by themselves as well.
const STATUS: Duration = Duration::from_secs(60);
/// Longest wait between tries of a reader that answers and does not come online (rs485.md 4.5).
const LONGEST_WAIT_S: u64 = 10;
/// Tries of one question (rs485.md 4.5).
const TRIES: u8 = 3;
/// How often a reader may complain of one question's checksum.
const COMPLAINTS: u8 = 3;
/// How often a feedback may be begun again after a restart.
const RESTARTS: u8 = 1;
/// Key kind of CHLNG and SCRYPT: the reader's own key. Verdict of RMAC_I: agreed.
const OWN_KEY: u8 = 1;
/// A tampered reading head in RSTATR.
const HEAD_TAMPER: u8 = 2;

/// What happened so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Times it came online.
    pub online: u64,
    /// Times it was lost while online.
    pub lost: u64,
    /// Readers that took our key in place of the default one.
    pub keys_set: u64,
    /// Handshakes that failed: another key, the default key, or none.
    pub key_refused: u64,
    /// Replies whose MAC did not verify.
    pub mac_refused: u64,
    /// Replies, and cards, that were not protected as they must be.
    pub plain_refused: u64,
    /// Refusals by the reader.
    pub naks: u64,
    /// Times it was busy.
    pub busy: u64,
    /// Replies whose content did not have its layout.
    pub unreadable: u64,
    /// Cards without a usable name.
    pub no_card: u64,
}

/// How far the reader has come.
#[derive(Debug)]
enum Stage {
    Identify,
    Capabilities,
    Challenge,
    Challenged(secure::Challenge),
    Prove(Proof),
    /// Over the default key: ours is given.
    KeySet,
    Online,
}

/// What the open question is about.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Asked {
    Identity,
    Capabilities,
    Challenge,
    Proof,
    KeySet,
    Poll,
    Status,
    Show(Step, Option<OrderId>),
}

/// The open question.
#[derive(Debug)]
struct Pending {
    asked: Asked,
    sequence: u8,
    question: Question,
    /// When the reader was first busy with it.
    busy_since: Option<Instant>,
    complaints: u8,
}

/// A feedback on its way.
#[derive(Debug)]
struct Show {
    /// `None`: the reader is shown again what it showed before it restarted.
    order: Option<OrderId>,
    steps: VecDeque<Step>,
    due: Instant,
    shown: bool,
    fault: Option<OrderFault>,
    restarts: u8,
}

/// One OSDP reader.
pub struct Reader {
    config: Config,
    nonce: Box<dyn FnMut() -> [u8; 8] + Send>,
    counters: Counters,
    stage: Stage,
    channel: Option<Channel>,
    install: Install,
    /// Of the next new question.
    sequence: u8,
    pending: Option<Pending>,
    /// The open question is to be asked again, at this moment.
    again: Option<Instant>,
    due: Instant,
    status_due: Option<Instant>,
    heard_at: Instant,
    /// Restarts in a row without a good poll between them.
    failures: u32,
    silent: bool,
    abilities: Abilities,
    status: ReaderStatus,
    head_tamper: bool,
    told: Option<ReaderStatus>,
    wanted: Option<Feedback>,
    show: Option<Show>,
    debounce: Debounce,
}

impl Reader {
    /// A reader that was not asked yet. `nonce` gives eight octets of the operating system's generator.
    #[must_use]
    pub fn new(config: Config, nonce: Box<dyn FnMut() -> [u8; 8] + Send>) -> Reader {
        Reader {
            debounce: Debounce::new(config.debounce),
            install: Install::new(config.install && config.key.is_some()),
            config,
            nonce,
            counters: Counters::default(),
            stage: Stage::Identify,
            channel: None,
            sequence: 0,
            pending: None,
            again: None,
            due: Instant::default(),
            status_due: None,
            heard_at: Instant::default(),
            failures: 0,
            silent: false,
            abilities: Abilities::ASSUMED,
            status: ReaderStatus::default(),
            head_tamper: false,
            told: None,
            wanted: None,
            show: None,
        }
    }

    /// What happened so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// Whether it is polled for cards.
    #[must_use]
    pub fn is_online(&self) -> bool {
        matches!(self.stage, Stage::Online)
    }

    /// What it has to show things with.
    #[must_use]
    pub fn abilities(&self) -> Abilities {
        self.abilities
    }
}

/// Octets without the mark in front of them.
fn unmarked(octets: &[u8]) -> &[u8] {
    octets.strip_prefix(&[osdp::frame::MARK]).unwrap_or(octets)
}

impl Driver for Reader {
    fn wants(&self) -> Option<Want> {
        if let (Some(due), Some(pending)) = (self.again, &self.pending) {
            return Some(Want { class: pending.question.class, due });
        }
        if let (Stage::Online, Some(show)) = (&self.stage, &self.show)
            && !show.steps.is_empty()
        {
            return Some(Want { class: Class::Command, due: show.due });
        }
        let status = self.status_due.filter(|_| self.is_online()).unwrap_or(self.due);
        Some(Want { class: Class::Live, due: self.due.min(status) })
    }

    fn ask(&mut self, now: Now) -> Option<Question> {
        let now = now.mono;
        if let (Some(_), Some(pending)) = (self.again.take(), &self.pending) {
            return Some(pending.question.clone());
        }
        if self.is_online() && now.since(self.heard_at) >= OFFLINE {
            self.restart(now, Duration::ZERO);
        }
        let (asked, command, class) = self.next(now);
        Some(self.question(asked, &command, class))
    }

    fn probe(&mut self, now: Now) -> Question {
        self.restart(now.mono, Duration::ZERO);
        let (asked, command, class) = self.identify();
        self.question(asked, &command, class)
    }

    fn cut(&self, received: &[u8]) -> Cut {
        osdp::cut(received)
    }

    fn hear(&mut self, now: Now, frame: &[u8]) -> Heard {
        let Some(pending) = self.pending.as_ref().filter(|_| self.again.is_none()) else {
            return Heard::Foreign(Foreign::Question);
        };
        if unmarked(frame) == unmarked(&pending.question.octets) {
            return Heard::Foreign(Foreign::Echo);
        }
        let sequence = pending.sequence;
        let Ok(frame) = Frame::parse(frame) else { return Heard::Foreign(Foreign::Question) };
        if !frame.header.reply || frame.header.address != self.config.address {
            return Heard::Foreign(Foreign::Address);
        }
        match self.admit(&frame, sequence) {
            Err(foreign) => Heard::Foreign(foreign),
            Ok((Some(reply), Arrival::Plain)) if self.postponed(now.mono, &reply) => Heard::Busy,
            Ok((reply, arrival)) => Heard::Answer(self.answered(now.mono, reply, arrival)),
        }
    }

    fn unanswered(&mut self, now: Now) -> Vec<Report> {
        self.restart(now.mono, Duration::ZERO);
        self.silent = true;
        let failed = self.end_show(OrderFault::Silent);
        failed.into_iter().chain(self.condition(false)).collect()
    }

    fn tell(&mut self, now: Now, request: Request) -> Vec<Report> {
        let Order::Feedback(feedback) = request.what else {
            return vec![Report::Done(request.order, Err(OrderFault::Unsupported))];
        };
        let mut reports: Vec<Report> = self.end_show(OrderFault::Overtaken).into_iter().collect();
        let hopeless = self.silent || (!self.is_online() && self.failures > u32::from(RESTARTS));
        if hopeless {
            reports.push(Report::Done(request.order, Err(OrderFault::Silent)));
        } else {
            reports.extend(self.begin(now.mono, &feedback, Some(request.order), 0));
        }
        self.wanted = Some(feedback);
        reports
    }

    fn timing(&self) -> Timing {
        Timing {
            // a reader may take the whole 200 ms at any time, so nothing shorter is ever learned
            reply: Duration::from_millis(200),
            floor: Duration::from_millis(200),
            ceiling: Duration::from_millis(400),
            inter_octet: Duration::from_millis(40),
            turnaround: Duration::from_millis(5),
            after_switch: Duration::ZERO,
            probe_max: Duration::from_secs(LONGEST_WAIT_S),
            silent_after: 1,
        }
    }

    fn load(&self) -> Vec<PlannedQuestion> {
        let size = if self.config.key.is_some() { 14 } else { 8 };
        vec![PlannedQuestion {
            period: self.config.poll(),
            asked: size + usize::from(self.config.mark),
            answered: size + 1,
            delay: Duration::from_millis(3),
        }]
    }
}
