//! YKC V1.6 (云快充) towards the platform.
//!
//! One connection carries one pile or several. The first pile logs the connection in, the others follow on it; each
//! connector has its own heartbeat, each pile its own question for the billing model. Octets and tables are those of
//! [`crate::wire::ykc16`].
//!
//! ```text
//! charging    login, life, states of connectors, questions for a start
//! record      the transaction record and how the ledger keeps it
//! tariff      billing models
//! commands    what the platform wants, and the answers
//! questions   which frame answers which
//! stop        stop reasons
//! vehicle     the vehicle and its battery
//! values      units and names
//! ```
//!
//! # What it does that the text does not say
//!
//! A reply is matched by type, pile, connector and transaction; its sequence number only tells questions of one kind
//! apart. A frame that is not the answer to an open question is a command, so that a billing model pushed as 0x0A is
//! taken and not answered. Values outside their enumeration are never a yes. A tariff is the station's: a model set for
//! one pile is set for all, and so are the cards and the time. A connector that is about to charge is not told as idle.
//! A balance of more than a million yuan is not known.
//!
//! # What it does not do
//!
//! There is no message for the outcome of a start: the record is that. 0x3D of V1.7, the parking lock, restart, update,
//! QR code, working parameters and parallel charging (0xA1 to 0xA4) are refused or absent; passwords are never asked for.

mod charging;
mod commands;
mod questions;
mod record;
mod stop;
mod tariff;
#[cfg(test)]
mod tests;
mod values;
pub mod vehicle;

pub use record::{record_body, record_fits};

use super::{Encoded, Incoming, Kind, Manners, Outgoing, Reply, ReplyTo, Uplink};
use crate::model::command::Answer;
use crate::model::ident::{ConnectorId, DeviceCode, TransactionNumber};
use crate::model::message::{Content, Entry};
use crate::wire::ykc16::body::Opened;
use crate::wire::ykc16::field::Bcd;
use crate::wire::ykc16::frame::{self, Frame, Header, Order};
use crate::wire::ykc16::layout::{Message, Way};
use crate::wire::ykc16::message::login::{HeartbeatReply, LoginReply};
use crate::wire::ykc16::message::record::{Record, RecordAck};
use crate::wire::ykc16::message::start::{StartDecision, StartRequest};
use crate::wire::ykc16::message::tariff::{ModelCheck, ModelCheckReply, ModelReply, ModelRequest};
use crate::wire::ykc16::{self as wire, Found, Receiver};
use commands::{Waiting, Wanted};
use questions::{Answers, Key, Questions, place};
use std::collections::{BTreeMap, BTreeSet};

/// Longest software version of 0x01.
const SOFTWARE: usize = 8;
/// Commands that may wait for their answers here; the link lets 64 wait.
const WAITING: usize = 512;
/// Remote starts that may wait for their plugs.
const UNPLUGGED: usize = 64;

/// What the codec must know.
#[derive(Clone, Debug)]
pub struct Config {
    /// Station code: whom commands for the whole depot are for.
    pub station: DeviceCode,
    /// Piles of this connection; not empty.
    pub piles: Vec<Pile>,
    /// Version of this program; the first 8 characters are told.
    pub software: String,
}

/// One pile as it logs in.
#[derive(Clone, Debug)]
pub struct Pile {
    /// Its code.
    pub code: DeviceCode,
    /// DC or AC.
    pub dc: bool,
    /// Numbers of its connectors, 1..=99.
    pub connectors: Vec<u8>,
}

impl Config {
    fn knows(&self, pile: [u8; 7]) -> bool {
        self.piles.iter().any(|known| known.code.0 == pile)
    }

    /// A connector that exists.
    fn connector(&self, pile: [u8; 7], gun: Bcd<1>) -> Option<ConnectorId> {
        let number = values::number(gun)?;
        let pile = self.piles.iter().find(|known| known.code.0 == pile)?;
        pile.connectors.contains(&number).then_some(ConnectorId { pile: pile.code, number })
    }

    fn connectors(&self) -> Vec<ConnectorId> {
        let of = |pile: &Pile| {
            let pile = (pile.code, pile.connectors.clone());
            pile.1.into_iter().map(move |number| ConnectorId { pile: pile.0, number })
        };
        self.piles.iter().flat_map(of).collect()
    }
}

/// The codec of YKC V1.6.
#[derive(Debug)]
pub struct Ykc16 {
    config: Config,
    connectors: Vec<ConnectorId>,
    receiver: Receiver,
    /// Sequence number of the next frame.
    next: u16,
    questions: Questions,
    /// Commands without answer, by the name they got here.
    waiting: BTreeMap<u32, Waiting>,
    commands: u32,
    /// Remote starts that were answered "not plugged".
    waits_for_plug: BTreeSet<TransactionNumber>,
    faulted: BTreeSet<ConnectorId>,
}

impl Ykc16 {
    /// At the beginning of a stream.
    #[must_use]
    pub fn new(config: Config) -> Ykc16 {
        Ykc16 {
            connectors: config.connectors(),
            config,
            receiver: Receiver::new(),
            next: 0,
            questions: Questions::default(),
            waiting: BTreeMap::new(),
            commands: 0,
            waits_for_plug: BTreeSet::new(),
            faulted: BTreeSet::new(),
        }
    }

    fn next_number(&mut self) -> [u8; 2] {
        let number = self.next;
        self.next = self.next.wrapping_add(1);
        number.to_le_bytes()
    }

    fn frame_of<M: Message>(&mut self, message: &M) -> Vec<u8> {
        let number = self.next_number();
        wire::write(message, number)
    }

    fn told<M: Message>(&mut self, message: Option<M>) -> Encoded {
        Encoded::Told(message.iter().map(|message| self.frame_of(message)).collect())
    }

    /// A question, and how its answer is known: type and key.
    fn asked<M: Message>(&mut self, message: &M, reply: u8, key: Key, kind: Kind, sequence: u32) -> Encoded {
        let number = self.next_number();
        self.questions.asked(reply, key, kind, sequence, number);
        Encoded::Asked(wire::write(message, number))
    }

    fn login(&mut self, pile: usize, kind: Kind, sequence: u32) -> Encoded {
        let Some(pile) = self.config.piles.get(pile) else { return Encoded::Unsayable };
        let login = charging::login(pile, &self.config.software);
        let key = place(&pile.code.0, None);
        self.asked(&login, LoginReply::NUMBER, key, kind, sequence)
    }

    /// The pile that asks in this turn.
    fn pile_of(&self, turn: usize) -> Option<DeviceCode> {
        self.config.piles.get(turn).map(|pile| pile.code)
    }

    fn entry(&mut self, sequence: u32, entry: &Entry) -> Encoded {
        match &entry.content {
            Content::StartResult(result) => {
                let waited = self.waits_for_plug.remove(&result.txn);
                let reply = charging::plugged_in_time(result).filter(|_| waited);
                self.told(reply)
            }
            Content::Alarm(_) => Encoded::Unsayable, // of another platform: faults are in the realtime data here
            Content::BatteryEnd(told) => {
                let (at, end) = (vehicle::Place::new(told.txn, told.connector), &told.end);
                let mut frames = vec![self.frame_of(&vehicle::end(at, end))];
                frames.extend(vehicle::bms_stop(at, end).map(|m| self.frame_of(&m)));
                frames.extend(vehicle::charger_stop(at, end).map(|m| self.frame_of(&m)));
                frames.extend(vehicle::errors(at, end).map(|m| self.frame_of(&m)));
                Encoded::Told(frames)
            }
            Content::Record(owed) => {
                let Some(body) = record::sent(owed) else { return Encoded::Unsayable };
                let number = self.next_number();
                self.questions.asked(RecordAck::NUMBER, entry.txn.0, Kind::Record, sequence, number);
                let header = Header { sequence: number, encryption: 0, kind: Record::NUMBER };
                Encoded::Asked(frame::seal(header, &body, Order::LowFirst))
            }
        }
    }

    fn wait_for_plug(&mut self, txn: TransactionNumber) {
        if self.waits_for_plug.len() >= UNPLUGGED {
            self.waits_for_plug.pop_first();
        }
        self.waits_for_plug.insert(txn);
    }

    fn found(&mut self, found: Found, out: &mut Vec<Incoming>) {
        match found {
            Found::Bad { fault, .. } => out.push(Incoming::Bad(fault.code())),
            Found::Hopeless => out.push(Incoming::Hopeless),
            Found::Frame { frame, .. } => self.frame(&frame, out),
        }
    }

    fn frame(&mut self, frame: &Frame, out: &mut Vec<Incoming>) {
        let opened = match wire::open(frame) {
            Ok(opened) if opened.layout.way == Way::Down => opened,
            Ok(_) => return out.push(Incoming::Ignored("a message of piles")),
            Err(fault) => return out.push(Incoming::Ignored(fault.code())),
        };
        if opened.is_tolerated() {
            out.push(Incoming::Departs("its form is not that of the table"));
        }
        let incoming = match self.answer_to(&opened) {
            Some((key, reply)) => self.replied(&opened, &key, reply, out),
            None => self.wanted(&opened),
        };
        out.push(incoming);
    }

    /// A frame that answers one of our questions, if there is one: its key and what it says.
    fn answer_to(&self, opened: &Opened<'_>) -> Option<(Key, Reply)> {
        let number = opened.header.kind;
        Some(match number {
            LoginReply::NUMBER => {
                let m = opened.read::<LoginReply>()?;
                (place(&m.pile.0, None), login_reply(m.result))
            }
            HeartbeatReply::NUMBER => (Key::default(), Reply::Heartbeat(None)),
            ModelCheckReply::NUMBER => {
                let m = opened.read::<ModelCheckReply>()?;
                (place(&m.pile.0, None), tariff::check_reply(&m))
            }
            ModelReply::NUMBER => {
                let m = opened.read::<ModelReply>()?;
                let key = place(&m.pile.0, None);
                return self
                    .questions
                    .is_open(number, &key)
                    .then(|| (key, Reply::Tariff(Some(tariff::of_reply(m)))));
            }
            StartDecision::NUMBER => {
                let m = opened.read::<StartDecision>()?;
                (place(&m.pile.0, Some(m.gun.0[0])), charging::decision(&m))
            }
            RecordAck::NUMBER => {
                let m = opened.read::<RecordAck>()?;
                (m.serial.0, record::reply(&m))
            }
            _ => return None,
        })
    }

    fn replied(&mut self, opened: &Opened<'_>, key: &Key, reply: Reply, out: &mut Vec<Incoming>) -> Incoming {
        const NO_SEQUENCE: u32 = 0;
        if opened.header.kind == HeartbeatReply::NUMBER {
            return Incoming::Reply { kind: Kind::Heartbeat, sequence: NO_SEQUENCE, reply };
        }
        match self.questions.answered(opened.header.kind, key, opened.header.sequence) {
            Answers::This(kind, sequence) => Incoming::Reply { kind, sequence, reply: of_kind(kind, reply) },
            Answers::Misnumbered(kind, sequence) => {
                out.push(Incoming::Departs("its sequence number is not that of the question"));
                Incoming::Reply { kind, sequence, reply: of_kind(kind, reply) }
            }
            Answers::Again => Incoming::Ignored("answered before"),
            Answers::Nothing => Incoming::Ignored("answers no question"),
        }
    }

    fn wanted(&mut self, opened: &Opened<'_>) -> Incoming {
        match commands::wanted(&self.config, opened) {
            Wanted::Answered(frame) => Incoming::Respond(frame),
            Wanted::Nothing(why) => Incoming::Ignored(why),
            Wanted::Command(device, command) => {
                self.commands = self.commands.wrapping_add(1);
                if self.waiting.len() >= WAITING {
                    self.waiting.pop_first();
                }
                let Header { sequence, kind, .. } = opened.header;
                let waiting = Waiting { wire: sequence, kind, body: opened.body().to_vec() };
                self.waiting.insert(self.commands, waiting);
                let reply_to = ReplyTo { kind: kind.into(), sequence: self.commands, device };
                Incoming::Command { reply_to, command }
            }
        }
    }
}

/// Only 0 is a yes. What the table does not hold is told as "try later".
fn login_reply(result: u8) -> Reply {
    const TRY_LATER: u8 = 5;
    let result = if result <= 1 { result } else { TRY_LATER };
    Reply::Login(super::LoginReply {
        result,
        retry_after: 0,
        time: None,
        heartbeat: 0,
        telemetry_charging: 0,
        telemetry_idle: 0,
        record_window: 1,
    })
}

/// The login of a pile that follows on the connection of another one is what its register is elsewhere.
fn of_kind(kind: Kind, reply: Reply) -> Reply {
    if let (Kind::PileRegister, Reply::Login(login)) = (kind, &reply) {
        return Reply::PileRegister(login.result);
    }
    reply
}

impl Uplink for Ykc16 {
    fn reset(&mut self) {
        self.receiver = Receiver::new();
        self.next = 0;
        self.questions = Questions::default();
        self.waiting.clear();
        self.waits_for_plug.clear();
    }

    fn manners(&self) -> Manners {
        Manners {
            heartbeats: u32::try_from(self.connectors.len()).unwrap_or(u32::MAX),
            tariff_checks: self.config.piles.len(),
            stored_first: true,
            silent_aside: true,
            free_after_record: true,
        }
    }

    fn encode(&mut self, sequence: u32, outgoing: &Outgoing<'_>) -> Encoded {
        match outgoing {
            Outgoing::Login { .. } => self.login(0, Kind::Login, sequence),
            Outgoing::PileRegister(register) => {
                match self.config.piles.iter().position(|pile| pile.code == register.pile) {
                    Some(0) => Encoded::Told(Vec::new()), // logged in with the connection
                    Some(pile) => self.login(pile, Kind::PileRegister, sequence),
                    None => Encoded::Unsayable,
                }
            }
            Outgoing::Heartbeat { turn, .. } => {
                let of = self.connectors.get(*turn as usize % self.connectors.len().max(1)).copied();
                let heartbeat = of.map(|c| charging::heartbeat(c, self.faulted.contains(&c)));
                self.told(heartbeat)
            }
            Outgoing::TariffCheck { turn, number } => match self.pile_of(*turn) {
                Some(pile) => {
                    let check =
                        ModelCheck { pile: values::pile(pile), model_no: tariff::model_number(*number) };
                    let key = place(&pile.0, None);
                    self.asked(&check, ModelCheckReply::NUMBER, key, Kind::TariffCheck, sequence)
                }
                None => Encoded::Unsayable,
            },
            Outgoing::TariffRequest { turn } => match self.pile_of(*turn) {
                Some(pile) => {
                    let request = ModelRequest { pile: values::pile(pile) };
                    let key = place(&pile.0, None);
                    self.asked(&request, ModelReply::NUMBER, key, Kind::TariffRequest, sequence)
                }
                None => Encoded::Unsayable,
            },
            Outgoing::Goodbye(_) => Encoded::Told(Vec::new()),
            Outgoing::Realtime(now) => {
                match charging::is_faulted(now.state) {
                    true => self.faulted.insert(now.connector),
                    false => self.faulted.remove(&now.connector),
                };
                self.told(charging::realtime(now))
            }
            Outgoing::BatteryHandshake(told) => {
                let at = vehicle::Place::new(told.txn, told.connector);
                let who = self.frame_of(&vehicle::handshake(at, &told.handshake));
                let bears = self.frame_of(&vehicle::parameters(at, &told.handshake));
                Encoded::Told(vec![who, bears])
            }
            Outgoing::BatteryProgress(told) => {
                let at = vehicle::Place::new(told.txn, told.connector);
                let wants = self.frame_of(&vehicle::demand(at, &told.progress));
                let is = self.frame_of(&vehicle::battery(at, &told.progress));
                Encoded::Told(vec![wants, is])
            }
            Outgoing::Authorise(asks) => match charging::authorise(asks) {
                Some(request) => self.ask_for_start(&request, sequence),
                None => Encoded::Unsayable,
            },
            Outgoing::OpenAlarms { .. } => Encoded::Told(Vec::new()),
            Outgoing::Entry(entry) => self.entry(sequence, entry),
        }
    }

    fn answer(&mut self, to: &ReplyTo, answer: &Answer) -> Option<Vec<u8>> {
        let waiting = self.waiting.remove(&to.sequence)?;
        self.reply(&waiting, answer)
    }

    fn receive(&mut self, octets: &[u8]) -> Vec<Incoming> {
        let found = self.receiver.feed(octets);
        self.all(found)
    }

    fn unfinished(&self) -> Option<u64> {
        self.receiver.unfinished()
    }

    fn expire(&mut self) -> Vec<Incoming> {
        let found = self.receiver.expire();
        self.all(found)
    }
}

impl Ykc16 {
    fn ask_for_start(&mut self, request: &StartRequest, sequence: u32) -> Encoded {
        let key = place(&request.pile.0, Some(request.gun.0[0]));
        self.asked(request, StartDecision::NUMBER, key, Kind::Authorise, sequence)
    }

    fn all(&mut self, found: Vec<Found>) -> Vec<Incoming> {
        let mut out = Vec::new();
        found.into_iter().for_each(|one| self.found(one, &mut out));
        out
    }
}
