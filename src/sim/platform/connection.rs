//! One connection: sequences, repetition, and one outstanding request per type (platform-222.md 4.1, 14.2).

use crate::model::ident::DeviceCode;
use crate::model::time::{Instant, Utc};
use crate::wire::platform222::layout::{self, Class};
use crate::wire::platform222::{Body, Checksum, Header, Receiver, frame};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Parameter 0014 allows no less before a message is sent again.
const RESEND_LEAST: Duration = Duration::from_secs(5);
/// An unanswered request that was last sent this long ago is given up or will be sent again: 10 s, and the ways differ.
const RESEND_AFTER: Duration = Duration::from_millis(9_500);
/// Parameter 0015: at most ten resends; the default is three.
const SENDS_MOST: u32 = 4;
/// A frame must be whole after this long.
const COMPLETION: Duration = Duration::from_secs(10);
/// Requests remembered for the rules of repetition.
const REMEMBERED: usize = 512;

/// Whether a request came before on this connection.
pub(super) enum Fresh {
    /// It is new.
    New,
    /// It is a repetition; the same reply is due.
    Again(Option<Vec<u8>>),
}

#[derive(Debug)]
struct Sent {
    header: Header,
    octets: Vec<u8>,
    sends: u32,
    last: Instant,
    reply: Option<Vec<u8>>,
    /// The reply was written.
    answered: bool,
    /// Connector of 0202, which is a lane of its own.
    lane: i128,
}

/// Where the order after login stands (platform-222.md 5.5).
#[derive(Debug, Default)]
pub(super) struct Order {
    pub(super) piles: BTreeSet<DeviceCode>,
    pub(super) last_pile: Option<DeviceCode>,
    pub(super) tariff_checked: bool,
    pub(super) tariff_wanted: bool,
    pub(super) tariff_sent: bool,
}

impl Order {
    /// Steps 2 and 3 are done as far as the platform can see.
    pub(super) fn is_settled(&self) -> bool {
        self.tariff_checked && (!self.tariff_wanted || self.tariff_sent)
    }
}

/// One connection.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) receiver: Receiver,
    /// Nothing is read and nothing is written: half-open.
    pub(super) frozen: bool,
    /// Something went wrong with a reply: rules about time are not judged.
    pub(super) disturbed: bool,
    /// Messages may come in bunches: their distances are not judged.
    pub(super) bunched: bool,
    /// When the login was accepted, on both clocks.
    pub(super) login: Option<(Instant, Utc)>,
    pub(super) heartbeat: Instant,
    pub(super) order: Order,
    heard: Instant,
    partial: Option<(u64, Instant)>,
    expected_at: u64,
    highest: u32,
    sent: BTreeMap<u32, Sent>,
    sequence: u32,
}

impl Connection {
    pub(super) fn new(checksum: Checksum, now: Instant) -> Connection {
        Connection {
            receiver: Receiver::new(checksum),
            frozen: false,
            disturbed: false,
            bunched: false,
            login: None,
            heartbeat: now,
            order: Order::default(),
            heard: now,
            partial: None,
            expected_at: 0,
            highest: 0,
            sent: BTreeMap::new(),
            sequence: 0,
        }
    }

    /// Sequence of the next command.
    pub(super) fn next_sequence(&mut self) -> u32 {
        self.sequence += 1;
        self.sequence
    }

    /// The connection ends then, for silence; a frozen one stays.
    pub(super) fn deadline(&self, silence: Duration) -> Option<Instant> {
        (!self.frozen).then_some(self.heard + silence)
    }

    pub(super) fn wake_at(&self, silence: Duration) -> Option<Instant> {
        let partial = self.partial.map(|(_, since)| since + COMPLETION);
        self.deadline(silence).into_iter().chain(partial).min()
    }

    pub(super) fn partial_overdue(&self, now: Instant) -> bool {
        self.partial.is_some_and(|(_, since)| since + COMPLETION <= now)
    }

    pub(super) fn watch_partial(&mut self, now: Instant) {
        let unfinished = self.receiver.unfinished();
        let known = self.partial.filter(|(at, _)| Some(*at) == unfinished);
        self.partial = known.or(unfinished.map(|at| (at, now)));
    }

    /// A good frame was found; true when there were octets of no frame before it.
    pub(super) fn took(&mut self, now: Instant, at: u64, body: usize) -> bool {
        let noise = at != self.expected_at;
        self.expected_at = at + frame::length_around(body) as u64;
        self.heard = now;
        noise
    }

    /// Judges sequence and repetition of a request.
    #[expect(clippy::too_many_arguments, reason = "one rule book, and the two places its findings go to")]
    pub(super) fn judge_request(
        &mut self,
        now: Instant,
        header: &Header,
        body: &Body,
        octets: &[u8],
        window: usize,
        faults: &mut Vec<String>,
        gaps: &mut u64,
    ) -> Fresh {
        let sequence = header.sequence;
        let name = format!("{:04X} sequence {sequence}", header.number);
        if let Some(sent) = self.sent.get_mut(&sequence) {
            if sent.header != *header || sent.octets != octets {
                faults.push(format!("14.2: {name} was sent before with other octets"));
            }
            repeated(sent, now, &name, self.bunched, faults);
            return Fresh::Again(sent.reply.clone());
        }
        if sequence <= self.highest {
            faults.push(format!("4.1: {name} after sequence {}", self.highest));
        }
        *gaps += u64::from(sequence.saturating_sub(self.highest.saturating_add(1)));
        self.highest = self.highest.max(sequence);
        let lane = if header.number == 0x0202 { body.num("connector") } else { 0 };
        self.judge_lane(now, header, lane, window, &name, faults);
        let sent = Sent {
            header: *header,
            octets: octets.to_vec(),
            sends: 1,
            last: now,
            reply: None,
            answered: false,
            lane,
        };
        self.sent.insert(sequence, sent);
        if self.sent.len() > REMEMBERED {
            self.sent.pop_first();
        }
        Fresh::New
    }

    /// One request outstanding per type; records have a window, 0202 one per connector; the newest of class latest
    /// replaces the one before.
    fn judge_lane(
        &self,
        now: Instant,
        header: &Header,
        lane: i128,
        window: usize,
        name: &str,
        faults: &mut Vec<String>,
    ) {
        let Some(message) = layout::message(header.number) else { return };
        // A question ends after 30 s, wherever its repetitions stand: one that was disturbed may be asked anew.
        let asked_anew = header.number == 0x0202 && self.disturbed;
        if self.bunched || asked_anew || matches!(message.class, Class::Flow | Class::Latest) {
            return;
        }
        let most = if header.number == 0x020A { window } else { 1 };
        let same_lane = |s: &&Sent| {
            s.header.number == header.number
                && s.lane == lane
                && (header.number != 0x0202 || s.header.device == header.device)
        };
        let outstanding = self
            .sent
            .values()
            .filter(same_lane)
            .filter(|s| !s.answered && s.last + RESEND_AFTER > now)
            .count();
        if outstanding >= most {
            faults
                .push(format!("14.2: {name} while {outstanding} of its lane are unanswered, {most} allowed"));
        }
    }

    pub(super) fn remember_reply(&mut self, sequence: u32, reply: Option<&[u8]>) {
        if let Some(sent) = self.sent.get_mut(&sequence) {
            sent.reply = reply.map(<[u8]>::to_vec);
        }
    }

    /// The reply to this request was written.
    pub(super) fn replied(&mut self, sequence: u32) {
        if let Some(sent) = self.sent.get_mut(&sequence) {
            sent.answered = true;
        }
    }

    /// Records that wait for their acknowledgement.
    pub(super) fn open_records(&self) -> usize {
        self.sent.values().filter(|s| s.header.number == 0x020A && !s.answered).count()
    }

    /// Whether a record with this transaction was answered on this connection.
    pub(super) fn has_answered_record(&self, body: &[u8]) -> bool {
        self.sent.values().any(|s| s.header.number == 0x020A && s.answered && s.octets == body)
    }
}

fn repeated(sent: &mut Sent, now: Instant, name: &str, bunched: bool, faults: &mut Vec<String>) {
    let number = sent.header.number;
    let may = match layout::message(number).map(|m| m.class) {
        Some(Class::Flow) | None => false,
        Some(Class::Ask) => matches!(number, 0x0105 | 0x0106 | 0x0202),
        Some(Class::Record | Class::Event | Class::Latest | Class::Command) => true,
    };
    if !may {
        faults.push(format!("14.1: {name} is never sent again"));
    }
    if !bunched && now.since(sent.last) < RESEND_LEAST {
        faults.push(format!("14.2: {name} sent again after {} ms", now.since(sent.last).as_millis()));
    }
    sent.sends += 1;
    sent.last = now;
    let most = if number == 0x0202 { 3 } else { SENDS_MOST };
    if sent.sends > most {
        faults.push(format!("14.2: {name} sent {} times on one connection", sent.sends));
    }
}
