//! Wire profile 222 (DB4403/T 222-2021) towards the platform.
//!
//! The files mirror the parts of the profile: login and life, charging, record, tariff, lists, alarms, commands. Each holds both
//! directions of its messages. Octets and tables are those of [`crate::wire::platform222`].
//!
//! Every reply belongs to a request that [`crate::link`] sent; every command is answered by the station, except three
//! kinds that are answered here at once: malformed ones (FE), those of parts that this version does not have (FF, or
//! the refusal that the message provides), and those for another station (FD).

mod alarm;
mod battery;
mod charging;
mod commands;
mod lists;
mod login;
mod record;
mod tariff;
mod values;

pub use crate::wire::platform222::Variant;
pub use lists::list_digest;
pub use record::{chain_start, record_body, record_digest, record_fits};

use super::{Encoded, Incoming, Kind, Manners, Outgoing, ReplyTo, Uplink};
use crate::model::command::Answer;
use crate::model::ident::DeviceCode;
use crate::model::message::Content;
use crate::wire::platform222::{
    self as wire, Body, Checksum, Direction, Found, Header, Order, Receiver, Said, Verdict, frame, octets,
};
use commands::Wanted;
use std::fmt;
use zeroize::Zeroizing;

/// What the codec must know.
#[derive(Clone)]
pub struct Config {
    /// Station code.
    pub station: DeviceCode,
    /// Shared with the platform; `None` = the login carries no proof. Wiped when dropped, never shown.
    pub secret: Option<Zeroizing<Vec<u8>>>,
    /// Checksum variant.
    pub crc: Variant,
    /// Checksum low octet first.
    pub little_endian: bool,
    /// Version of this program, at most 16 characters of ASCII.
    pub software: String,
    /// Configured piles.
    pub piles: u16,
    /// Configured connectors.
    pub connectors: u16,
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Config { station, secret, crc, little_endian, software, piles, connectors } = self;
        let secret = secret.as_ref().map(|_| "…");
        let shown = (station, secret, crc, little_endian, software, piles, connectors);
        f.debug_tuple("Config").field(&shown).finish()
    }
}

/// The codec of profile 222.
#[derive(Debug)]
pub struct P222 {
    config: Config,
    checksum: Checksum,
    receiver: Receiver,
}

/// A request: number, device, whether it was created while offline, body.
struct Request {
    number: u16,
    device: DeviceCode,
    stored: bool,
    body: Vec<u8>,
}

impl Request {
    fn new(number: u16, device: DeviceCode, body: &Body) -> Request {
        Request { number, device, stored: false, body: octets::write(body) }
    }
}

impl P222 {
    /// At the beginning of a stream.
    #[must_use]
    pub fn new(config: Config) -> P222 {
        let order = if config.little_endian { Order::LowFirst } else { Order::HighFirst };
        let checksum = Checksum { variant: config.crc, order };
        P222 { config, checksum, receiver: Receiver::new(checksum) }
    }

    fn request(&self, outgoing: &Outgoing<'_>) -> Request {
        let station = self.config.station;
        match outgoing {
            Outgoing::Login { facts, nonce, time } => {
                Request::new(0x0101, station, &login::login(&self.config, facts, nonce, *time))
            }
            Outgoing::Heartbeat { turn: _, uptime, facts } => {
                Request::new(0x0102, station, &login::heartbeat(*uptime, facts))
            }
            Outgoing::PileRegister(pile) => Request::new(0x0103, pile.pile, &login::pile_register(pile)),
            Outgoing::TariffCheck { turn: _, number } => {
                Request::new(0x0105, station, &wire::request(0x0105).number("tariff_number", *number))
            }
            Outgoing::TariffRequest { turn: _ } => Request::new(0x0106, station, &wire::request(0x0106)),
            Outgoing::Goodbye(reason) => {
                Request::new(0x0108, station, &wire::request(0x0108).number("reason", *reason))
            }
            Outgoing::Realtime(now) => Request::new(0x0201, now.connector.pile, &charging::realtime(now)),
            Outgoing::BatteryHandshake(words) => {
                Request::new(0x0206, words.connector.pile, &battery::handshake(words))
            }
            Outgoing::BatteryProgress(words) => {
                Request::new(0x0207, words.connector.pile, &battery::progress(words))
            }
            Outgoing::Authorise(asks) => {
                Request::new(0x0202, asks.connector.pile, &charging::authorise(asks))
            }
            Outgoing::OpenAlarms { part, parts, alarms } => {
                Request::new(0x0402, station, &alarm::open(*part, *parts, alarms))
            }
            Outgoing::Entry(entry) => {
                let (number, body) = match &entry.content {
                    Content::StartResult(result) => (0x0204, octets::write(&charging::start_result(result))),
                    Content::Alarm(event) => (0x0401, octets::write(&alarm::event(event))),
                    Content::BatteryEnd(words) => (0x0208, octets::write(&battery::end(words))),
                    Content::Record(owed) => (0x020A, record::told(owed)),
                };
                Request { number, device: entry.device, stored: entry.stored, body }
            }
        }
    }

    fn found(&self, found: Found) -> Incoming {
        match found {
            Found::Bad { verdict, .. } => Incoming::Bad(verdict.name()),
            Found::Hopeless => Incoming::Hopeless,
            Found::Frame { header, body, .. } => match wire::judge(Direction::Down, &header, &body) {
                Ok(Said::Request(body)) => self.wanted(&header, &body),
                Ok(Said::Reply(body)) => reply(&header, &body),
                Ok(Said::Refused(code)) => refused(&header, code),
                Err(verdict) => self.judged(&header, verdict),
            },
        }
    }

    fn judged(&self, header: &Header, verdict: Verdict) -> Incoming {
        match wire::refusal(self.checksum, header, verdict) {
            Some(octets) => Incoming::Respond(octets),
            None => Incoming::Ignored(verdict.name()),
        }
    }

    fn wanted(&self, header: &Header, body: &Body) -> Incoming {
        let reply_to =
            ReplyTo { kind: header.number, sequence: header.sequence, device: DeviceCode(header.device) };
        match commands::wanted(self.config.station, &reply_to, body) {
            Wanted::Command(command) => Incoming::Command { reply_to, command },
            Wanted::Answered(body) => Incoming::Respond(frame::seal(self.checksum, &header.reply(), &body)),
        }
    }
}

/// The question of ours that a message number belongs to.
fn kind(number: u16) -> Option<Kind> {
    Some(match number {
        0x0101 => Kind::Login,
        0x0102 => Kind::Heartbeat,
        0x0103 => Kind::PileRegister,
        0x0105 => Kind::TariffCheck,
        0x0106 => Kind::TariffRequest,
        0x0108 => Kind::Goodbye,
        0x0202 => Kind::Authorise,
        0x0204 => Kind::StartResult,
        0x0208 => Kind::BatteryEnd,
        0x020A => Kind::Record,
        0x0401 => Kind::Alarm,
        0x0402 => Kind::OpenAlarms,
        _ => return None,
    })
}

/// A reply by its table.
fn reply(header: &Header, body: &Body) -> Incoming {
    let Some(kind) = kind(header.number) else { return Incoming::Ignored("reply to nothing") };
    let reply = match kind {
        Kind::Login => login::login_reply(body),
        Kind::Heartbeat => login::heartbeat_reply(body),
        Kind::PileRegister => login::pile_register_reply(body),
        Kind::TariffCheck => tariff::check_reply(body),
        Kind::TariffRequest => tariff::request_reply(body),
        Kind::Goodbye => super::Reply::Goodbye,
        Kind::Authorise => charging::decision(body),
        Kind::StartResult => super::Reply::StartResult,
        Kind::BatteryEnd => super::Reply::BatteryEnd,
        Kind::Record => record::reply(body),
        Kind::Alarm => alarm::event_reply(body),
        Kind::OpenAlarms => super::Reply::OpenAlarms,
    };
    Incoming::Reply { kind, sequence: header.sequence, reply }
}

fn refused(header: &Header, code: u8) -> Incoming {
    match kind(header.number) {
        Some(kind) => Incoming::Reply { kind, sequence: header.sequence, reply: super::Reply::Refused(code) },
        None => Incoming::Ignored("refusal of nothing"),
    }
}

impl Uplink for P222 {
    fn reset(&mut self) {
        self.receiver = Receiver::new(self.checksum);
    }

    fn manners(&self) -> Manners {
        Manners {
            heartbeats: 1,
            tariff_checks: 1,
            stored_first: false,
            silent_aside: false,
            free_after_record: false,
        }
    }

    fn encode(&mut self, sequence: u32, outgoing: &Outgoing<'_>) -> Encoded {
        let request = self.request(outgoing);
        let header = Header::request(request.number, sequence, request.device.0, request.stored);
        let octets = frame::seal(self.checksum, &header, &request.body);
        if kind(request.number).is_some() { Encoded::Asked(octets) } else { Encoded::Told(vec![octets]) }
    }

    fn answer(&mut self, to: &ReplyTo, answer: &Answer) -> Option<Vec<u8>> {
        let header = Header::request(to.kind, to.sequence, to.device.0, false).reply();
        Some(frame::seal(self.checksum, &header, &commands::answer(to.kind, answer)))
    }

    fn receive(&mut self, octets: &[u8]) -> Vec<Incoming> {
        let found = self.receiver.feed(octets);
        found.into_iter().map(|one| self.found(one)).collect()
    }

    fn unfinished(&self) -> Option<u64> {
        self.receiver.unfinished()
    }

    fn expire(&mut self) -> Vec<Incoming> {
        let found = self.receiver.expire();
        found.into_iter().map(|one| self.found(one)).collect()
    }
}

#[cfg(test)]
mod tests;
