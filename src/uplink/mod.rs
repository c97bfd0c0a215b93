//! The seam towards a platform: records and questions become frames, frames become answers and commands.
//!
//! One folder per platform protocol. A codec is pure and remembers nothing but the octets of an unfinished frame, and
//! what it needs to tell which frame answers which; order, time-outs, windows and repetition belong to [`crate::link`].

pub mod p222;
pub mod record;
pub mod ykc16;

use crate::model::alarm::Alarm;
use crate::model::command::{Answer, Command};
use crate::model::ident::{DeviceCode, TransactionNumber};
use crate::model::message::{
    AuthoriseRequest, BatteryHandshake, BatteryProgress, Decision, Entry, PileRegister, Realtime,
    StationFacts, Verdict,
};
use crate::model::tariff::Tariff;
use crate::model::time::Utc;
use std::time::Duration;

/// Open alarms in one message (platform-222.md 0402).
pub const ALARMS_IN_A_PART: usize = 128;

/// What the link sends.
#[derive(Clone, Debug)]
pub enum Outgoing<'a> {
    /// The first frame of every connection.
    Login {
        /// Counters and versions.
        facts: &'a StationFacts,
        /// Fresh from the operating system's generator.
        nonce: [u8; 16],
        /// Own clock, `None` when not trusted.
        time: Option<Utc>,
    },
    /// Life.
    Heartbeat {
        /// Counts the heartbeats of a connection from 0.
        turn: u32,
        /// Since the program started.
        uptime: Duration,
        /// Counters.
        facts: &'a StationFacts,
    },
    /// What a pile is.
    PileRegister(&'a PileRegister),
    /// Is this tariff number still right?
    TariffCheck {
        /// Counts the questions after a login from 0 ([`Manners::tariff_checks`]).
        turn: usize,
        /// Number of the one held, 0 none.
        number: u32,
    },
    /// The tariff, please.
    TariffRequest {
        /// That of the question that made it necessary.
        turn: usize,
    },
    /// An orderly end: 1 shutdown, 2 restart, 3 update.
    Goodbye(u8),
    /// Newest state of a connector.
    Realtime(&'a Realtime),
    /// Who the vehicle at a connector is.
    BatteryHandshake(&'a BatteryHandshake),
    /// How its battery charges.
    BatteryProgress(&'a BatteryProgress),
    /// A start is asked for.
    Authorise(&'a AuthoriseRequest),
    /// Every open alarm, in parts.
    OpenAlarms {
        /// From 1.
        part: u8,
        /// How many there are, at least 1.
        parts: u8,
        /// At most [`ALARMS_IN_A_PART`].
        alarms: &'a [Alarm],
    },
    /// A durable message.
    Entry(&'a Entry),
}

/// What a protocol makes of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Encoded {
    /// Nobody answers these frames; none at all = the protocol has no such message, and what would wait for an answer
    /// goes on as if it were a good one.
    Told(Vec<Vec<u8>>),
    /// A [`Reply`] with the sequence of the message answers this frame.
    Asked(Vec<u8>),
    /// The message cannot be said in this protocol: it is refused, and a durable one is kept.
    Unsayable,
}

/// How a protocol wants its dialogue led.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Manners {
    /// Heartbeats in one period, evenly spread: 1, or one per connector.
    pub heartbeats: u32,
    /// Questions for the tariff after a login: 1, or one per pile.
    pub tariff_checks: usize,
    /// What was stored goes before the first question for the tariff.
    pub stored_first: bool,
    /// A record that stays unanswered is set aside until the next login, and the next one goes; else the lane rests.
    pub silent_aside: bool,
    /// A connector is not told as free before its record was sent, even while the lane waits for other answers.
    pub free_after_record: bool,
}

/// Which question a reply answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// 0101.
    Login,
    /// 0102.
    Heartbeat,
    /// 0103.
    PileRegister,
    /// 0105.
    TariffCheck,
    /// 0106.
    TariffRequest,
    /// 0108.
    Goodbye,
    /// 0202.
    Authorise,
    /// 0204.
    StartResult,
    /// 0208.
    BatteryEnd,
    /// 020A.
    Record,
    /// 0401.
    Alarm,
    /// 0402.
    OpenAlarms,
}

/// Names the request that an answer belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReplyTo {
    /// Message type.
    pub kind: u16,
    /// Sequence of the request.
    pub sequence: u32,
    /// Device of the request.
    pub device: DeviceCode,
}

/// The answer to a login.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoginReply {
    /// 0 accepted, 1 unknown station, 2 digest wrong, 3 version not supported, 4 already connected, 5 try later.
    pub result: u8,
    /// Seconds; 0 = own rule.
    pub retry_after: u16,
    /// Platform clock.
    pub time: Option<Utc>,
    /// Seconds; 0 = keep the configured value.
    pub heartbeat: u16,
    /// Seconds; 0 = default.
    pub telemetry_charging: u16,
    /// Seconds; 0 = default.
    pub telemetry_idle: u16,
    /// Unacknowledged records allowed; 0 = 1.
    pub record_window: u8,
}

/// What a reply says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// To a login.
    Login(LoginReply),
    /// To a heartbeat.
    Heartbeat(Option<Utc>),
    /// To a pile register: 0 ok, 1 unknown pile, 2 connectors differ.
    PileRegister(u8),
    /// To a tariff check: the number of the platform's tariff, and whether ours is the same.
    TariffCheck {
        /// Ours is the same.
        same: bool,
        /// The platform's current number.
        number: u32,
    },
    /// To a tariff request; `None` = the platform has none.
    Tariff(Option<Tariff>),
    /// To a goodbye.
    Goodbye,
    /// To an authorise request.
    Decision(Decision),
    /// To a start result.
    StartResult,
    /// To a battery end.
    BatteryEnd,
    /// To a record. `verdict` is `None` when it is no acknowledgement.
    Record {
        /// Of the record.
        txn: TransactionNumber,
        /// Taken, refused, or nothing.
        verdict: Option<Verdict>,
    },
    /// To an alarm event.
    Alarm {
        /// Of the alarm; another one is no answer.
        id: u64,
    },
    /// To open alarms.
    OpenAlarms,
    /// FD, FE or FF: the platform refuses to know this message.
    Refused(u8),
}

/// What octets meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Incoming {
    /// A good frame that answers a question of ours.
    Reply {
        /// Which one.
        kind: Kind,
        /// Sequence of our request.
        sequence: u32,
        /// The answer.
        reply: Reply,
    },
    /// A good frame that wants an answer.
    Command {
        /// How to answer.
        reply_to: ReplyTo,
        /// What is wanted.
        command: Command,
    },
    /// A good frame that the codec answers by itself (malformed, not supported): write these octets.
    Respond(Vec<u8>),
    /// A good frame without any effect here.
    Ignored(&'static str),
    /// The good frame that comes next departs from the text of the protocol in this way.
    Departs(&'static str),
    /// Octets that were refused; the name of the verdict.
    Bad(&'static str),
    /// The stream is beyond repair: close the connection.
    Hopeless,
}

impl Incoming {
    /// Whether it shows that the platform lives: every good frame does.
    #[must_use]
    pub fn is_life(&self) -> bool {
        match self {
            Incoming::Reply { .. }
            | Incoming::Command { .. }
            | Incoming::Respond(_)
            | Incoming::Ignored(_)
            | Incoming::Departs(_) => true,
            Incoming::Bad(_) | Incoming::Hopeless => false,
        }
    }
}

/// One platform protocol.
pub trait Uplink: Send {
    /// A new connection: forget the unfinished frame of the old one.
    fn reset(&mut self);

    /// How the dialogue is led.
    fn manners(&self) -> Manners;

    /// A message in frames. Its sequence rises with every message of a connection and names it in [`Incoming::Reply`].
    fn encode(&mut self, sequence: u32, outgoing: &Outgoing<'_>) -> Encoded;

    /// The answer to a command; `None` = it gets none.
    fn answer(&mut self, to: &ReplyTo, answer: &Answer) -> Option<Vec<u8>>;

    /// Octets as they arrived, in any pieces.
    fn receive(&mut self, octets: &[u8]) -> Vec<Incoming>;

    /// Where in the stream a frame has begun that is not complete; the link gives it 10 s.
    fn unfinished(&self) -> Option<u64>;

    /// The unfinished frame will not come: drop its first octet and look again.
    fn expire(&mut self) -> Vec<Incoming>;
}
