//! A simulated OSDP reader, from the standard's side of the device (rs485.md 4).
//!
//! It repeats its previous reply when a sequence number is repeated, begins anew with sequence number 0, forgets its
//! session after 8 s without a valid command, and notes what a panel must not do.

use super::bay::Bay;
use super::line::{Answer, Fault};
use super::slave::{Reaction, Slave};
use crate::model::ident::CardUid;
use crate::model::time::Instant;
use crate::wire::Cut;
use crate::wire::osdp::command::{Buzzer, ComSet, Display, KeySet, Led};
use crate::wire::osdp::reply::{
    Capabilities, Capability, ClientProof, Identity, InitialMac, LocalStatus, Nak, Raw, States,
};
use crate::wire::osdp::secure::{BaseKey, Channel, DEFAULT_KEY, Octets16, Response};
use crate::wire::osdp::{
    Block, Command, Frame, Header, Octets, Reply, Rest, Security, Version, cut, frame::BROADCAST,
};
use std::collections::VecDeque;
use std::time::Duration;

/// Without a valid command for so long, the panel is gone.
const OFFLINE: Duration = Duration::from_secs(8);
/// Events that wait for a poll.
const QUEUE: usize = 16;
/// Complaints kept; what is beyond adds nothing.
const COMPLAINTS: usize = 64;
/// Typical time from command to reply (rs485.md 7.4).
const DELAY: Duration = Duration::from_millis(3);

/// What a lamp shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Light {
    /// 0.1 s.
    pub on: u8,
    /// 0.1 s.
    pub off: u8,
    /// 0 off, 1 red, 2 green, 3 amber, 4 blue, 5 magenta, 6 cyan, 7 white.
    pub on_colour: u8,
    /// Colour of the other half.
    pub off_colour: u8,
    /// Since when.
    pub since: Instant,
}

impl Light {
    fn colour(&self, now: Instant) -> u8 {
        let (on, off) = (u64::from(self.on), u64::from(self.off));
        let phase = now.since(self.since).as_millis() as u64 / 100 % (on + off).max(1);
        if phase < on || off == 0 { self.on_colour } else { self.off_colour }
    }
}

/// The last command to the display.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shown {
    /// Its characters, trailing blanks removed.
    pub text: String,
    /// When a temporary text goes away.
    pub until: Option<Instant>,
}

/// A simulated OSDP reader.
#[derive(Clone, Debug)]
pub struct Reader {
    /// Its address.
    pub address: u8,
    /// What goes wrong with its answers.
    pub fault: Option<Fault>,
    /// So many commands are answered BUSY.
    pub busy: u32,
    /// What it says it can do, and does.
    pub capabilities: Vec<Capability>,
    /// Opened.
    pub tamper: bool,
    /// Its supply fails.
    pub power_failing: bool,
    /// Commands carried out (repeats not counted).
    pub carried_out: u64,
    key: Option<BaseKey>,
    random: fastrand::Rng,
    response: Option<Response>,
    channel: Option<Channel>,
    /// Last sequence number with the question and the answer under it.
    last: Option<Last>,
    valid_at: Instant,
    events: VecDeque<Reply>,
    told: LocalStatus,
    permanent: Light,
    temporary: Option<(Light, Instant)>,
    buzzes: Vec<Buzzer>,
    shown: Shown,
    complaints: Vec<String>,
}

/// The last exchange, for a panel that missed the answer.
#[derive(Clone, Debug)]
struct Last {
    sequence: u8,
    question: Vec<u8>,
    answer: Vec<u8>,
}

/// A reply on its way out.
enum Out {
    /// As the channel has it: sealed when one is open.
    Usual(Reply),
    /// Outside the channel.
    Plain(Reply),
    /// Under a block of the handshake.
    Handshake(Block, u8, Reply),
}

impl Reader {
    /// A reader with a lamp, a sounder and a display of two rows. With a key it serves cards only in a secure channel.
    #[must_use]
    pub fn new(address: u8, key: Option<Octets16>, seed: u64) -> Reader {
        let able = |(function, compliance, count): (u8, u8, u8)| Capability { function, compliance, count };
        let secure = u8::from(key.is_some());
        let table = [
            (3, 1, 1),
            (4, 4, 1),
            (5, 2, 1),
            (6, 2, 1),
            (8, 1, 0),
            (9, secure, secure),
            (10, 0, 1),
            (16, 2, 0),
        ];
        Reader {
            address,
            fault: None,
            busy: 0,
            capabilities: table.into_iter().map(able).collect(),
            tamper: false,
            power_failing: false,
            carried_out: 0,
            key: key.map(BaseKey::new),
            random: fastrand::Rng::with_seed(seed),
            response: None,
            channel: None,
            last: None,
            valid_at: Instant::default(),
            events: VecDeque::new(),
            told: LocalStatus { tamper: 0, power: 0 },
            permanent: Light::default(),
            temporary: None,
            buzzes: Vec::new(),
            shown: Shown::default(),
            complaints: Vec::new(),
        }
    }

    /// A card is shown. False when too many events wait already.
    pub fn present(&mut self, uid: CardUid) -> bool {
        let card = uid.as_bytes().to_vec();
        let bits = 8 * card.len() as u16;
        self.happens(Reply::Raw(Raw { reader: 0, format: 0, bits, card: Rest(card) }))
    }

    /// Something happens that the panel is told at its next poll. False when too many events wait already.
    pub fn happens(&mut self, event: Reply) -> bool {
        let room = self.events.len() < QUEUE;
        if room {
            self.events.push_back(event);
        }
        room
    }

    /// Its power was away for a moment: it has forgotten everything but its key and address.
    pub fn restart(&mut self) {
        self.forget();
        self.events.clear();
        (self.permanent, self.temporary, self.shown) = (Light::default(), None, Shown::default());
    }

    /// Colour of its lamp.
    #[must_use]
    pub fn colour(&self, now: Instant) -> u8 {
        match &self.temporary {
            Some((light, until)) if now < *until => light.colour(now),
            Some(_) | None => self.permanent.colour(now),
        }
    }

    /// What its lamp shows when nothing temporary is above it.
    #[must_use]
    pub fn permanent(&self) -> Light {
        self.permanent
    }

    /// Orders to its sounder so far.
    #[must_use]
    pub fn buzzes(&self) -> &[Buzzer] {
        &self.buzzes
    }

    /// What its display shows.
    #[must_use]
    pub fn text(&self, now: Instant) -> &str {
        if self.shown.until.is_some_and(|until| until <= now) { "" } else { &self.shown.text }
    }

    /// Whether a secure channel is open.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.channel.is_some()
    }

    fn forget(&mut self) {
        (self.response, self.channel, self.last) = (None, None, None);
    }

    fn complain(&mut self, what: impl Into<String>) {
        if self.complaints.len() < COMPLAINTS {
            self.complaints.push(what.into());
        }
    }

    /// A whole frame for this reader.
    fn question(&mut self, now: Instant, octets: &[u8]) -> Vec<u8> {
        if now.since(self.valid_at) >= OFFLINE {
            self.forget();
        }
        let frame = match Frame::parse(octets) {
            Ok(frame) => frame,
            Err(error) => {
                self.complain(format!("a frame that is none: {error}"));
                let header =
                    Header { mark: false, address: 0, reply: true, sequence: 0, check: Default::default() };
                return self.write(&header, Out::Plain(Reply::Nak(Nak::new(Nak::BAD_LENGTH))));
            }
        };
        let sequence = frame.header.sequence;
        if let Some(last) = self.last.clone().filter(|last| last.sequence == sequence && sequence != 0) {
            if last.question != octets {
                self.complain(format!("another question under the sequence number {sequence}"));
            }
            self.valid_at = now;
            return last.answer;
        }
        if self.busy > 0 {
            self.busy -= 1;
            let header = Header { sequence: 0, ..frame.header };
            return self.write(&header, Out::Plain(Reply::Busy));
        }
        let out = self.in_order(now, &frame);
        let genuine = !matches!(&out, Out::Plain(Reply::Nak(_)));
        let answer = self.write(&frame.header, out);
        if genuine {
            self.valid_at = now;
            self.last = Some(Last { sequence, question: octets.to_vec(), answer: answer.clone() });
        }
        answer
    }

    /// Checks the sequence number and opens the frame.
    fn in_order(&mut self, now: Instant, frame: &Frame<'_>) -> Out {
        let sequence = frame.header.sequence;
        if sequence == 0 {
            self.forget();
        } else if self.last.as_ref().is_none_or(|last| last.sequence % 3 + 1 != sequence) {
            if let Some(last) = &self.last {
                self.complain(format!("sequence number {sequence} after {}", last.sequence));
            }
            return Out::Plain(Reply::Nak(Nak::new(Nak::BAD_SEQUENCE)));
        }
        let data = match (&mut self.channel, frame.security) {
            (Some(channel), Some(security)) if security.block.has_mac() => match channel.open(frame) {
                Ok(opened) => opened.data,
                Err(refused) => {
                    self.complain(format!("in the secure channel: {refused}"));
                    self.forget();
                    return Out::Plain(Reply::Nak(Nak::new(Nak::ENCRYPTION_REQUIRED)));
                }
            },
            (None, Some(security)) if security.block.has_mac() => {
                return Out::Plain(Reply::Nak(Nak::new(Nak::ENCRYPTION_REQUIRED)));
            }
            (Some(_), None) => {
                self.complain("plain data in a secure session");
                return Out::Plain(Reply::Nak(Nak::new(Nak::ENCRYPTION_REQUIRED)));
            }
            (Some(_) | None, _) => frame.body.to_vec(),
        };
        match Command::decode(frame.code, &data) {
            Ok(command) => self.act(now, command, frame.security),
            Err(_) if Command::name_of(frame.code).is_some() => {
                self.complain(format!("command {:02X} with {} octets", frame.code, data.len()));
                Out::Usual(Reply::Nak(Nak::new(Nak::BAD_LENGTH)))
            }
            Err(_) => Out::Usual(Reply::Nak(Nak::new(Nak::UNKNOWN_COMMAND))),
        }
    }

    fn act(&mut self, now: Instant, command: Command, security: Option<Security>) -> Out {
        let exempt = matches!(
            command,
            Command::Id(_) | Command::Capabilities(_) | Command::Challenge(_) | Command::ServerProof(_)
        );
        if self.key.is_some() && self.channel.is_none() && !exempt {
            return Out::Plain(Reply::Nak(Nak::new(Nak::ENCRYPTION_REQUIRED)));
        }
        self.carried_out += 1;
        let reply = match command {
            Command::Challenge(challenge) => return self.challenged(challenge.rnd_a.0, security),
            Command::ServerProof(proof) => return self.proven(&proof.server_cryptogram.0, security),
            Command::Id(_) => Reply::Identity(self.identity()),
            Command::Capabilities(_) => {
                Reply::Capabilities(Capabilities { capabilities: self.capabilities.clone() })
            }
            Command::Poll => self.polled(),
            Command::LocalStatus => Reply::LocalStatus(self.local_status()),
            Command::InputStatus => Reply::InputStatus(States { states: Vec::new() }),
            Command::OutputStatus => Reply::OutputStatus(States { states: Vec::new() }),
            Command::ReaderStatus => Reply::ReaderStatus(States { states: vec![0] }),
            Command::Led(leds) if self.has(Capability::LED) => self.lamp(now, &leds.records),
            Command::Buzzer(buzzer) if self.has(Capability::BUZZER) => {
                self.buzzes.push(buzzer);
                Reply::Ack
            }
            Command::Text(display) if self.has(Capability::TEXT) => self.display(now, &display),
            Command::KeySet(set) => self.new_key(&set),
            Command::ComSet(wanted) => Reply::Com(ComSet { address: self.address, baud: wanted.baud }),
            Command::Abort | Command::KeepActive(_) | Command::ReceiveSize(_) => Reply::Ack,
            Command::Led(_)
            | Command::Buzzer(_)
            | Command::Text(_)
            | Command::Out(_)
            | Command::BioRead(_)
            | Command::BioMatch(_)
            | Command::FileTransfer(_)
            | Command::Vendor(_)
            | Command::ExtendedWrite(_)
            | Command::PivData(_)
            | Command::GeneralAuthenticate(_)
            | Command::ChallengeCard(_) => Reply::Nak(Nak::new(Nak::UNKNOWN_COMMAND)),
        };
        Out::Usual(reply)
    }

    fn has(&self, function: u8) -> bool {
        self.capabilities.iter().any(|c| c.function == function && c.compliance > 0)
    }

    fn identity(&self) -> Identity {
        Identity {
            vendor: Octets([0xDE, 0x90, 0x01]),
            model: 1,
            version: 1,
            serial: Octets([self.address, 0, 0, 0]),
            firmware: Version([1, 0, 0]),
        }
    }

    fn local_status(&mut self) -> LocalStatus {
        self.told = LocalStatus { tamper: self.tamper.into(), power: self.power_failing.into() };
        self.told.clone()
    }

    fn polled(&mut self) -> Reply {
        if (self.told.tamper != 0, self.told.power != 0) != (self.tamper, self.power_failing) {
            return Reply::LocalStatus(self.local_status());
        }
        self.events.pop_front().unwrap_or(Reply::Ack)
    }

    fn challenged(&mut self, rnd_a: [u8; 8], security: Option<Security>) -> Out {
        let Some(Security { block: Block::Challenge, data: Some(kind) }) = security else {
            self.complain("a challenge without its security block");
            return Out::Plain(Reply::Nak(Nak::new(Nak::CANNOT_PROCESS)));
        };
        let key = match (&self.key, kind) {
            (Some(key), 1) => key.clone(),
            (None, 0) => BaseKey::new(DEFAULT_KEY),
            (Some(_) | None, _) => return Out::Plain(Reply::Nak(Nak::new(Nak::BLOCK_UNSUPPORTED))),
        };
        self.channel = None;
        let rnd_b = self.random.u64(..).to_le_bytes();
        let response = Response::new(&key, rnd_a, rnd_b);
        let proof = ClientProof {
            cuid: Octets([0xDE, 0x90, 0x01, 1, 1, self.address, 0, 0]),
            rnd_b: Octets(rnd_b),
            client_cryptogram: Octets(response.client_cryptogram()),
        };
        self.response = Some(response);
        Out::Handshake(Block::ClientProof, kind, Reply::ClientProof(proof))
    }

    fn proven(&mut self, server_cryptogram: &Octets16, security: Option<Security>) -> Out {
        let block = security.is_some_and(|s| s.block == Block::ServerProof);
        let Some(response) = self.response.take().filter(|_| block) else {
            self.complain("a proof without a challenge");
            return Out::Plain(Reply::Nak(Nak::new(Nak::CANNOT_PROCESS)));
        };
        match response.accept(server_cryptogram) {
            Ok((channel, r_mac_i)) => {
                self.channel = Some(channel);
                let first = InitialMac { r_mac_i: Octets(r_mac_i) };
                Out::Handshake(Block::InitialMac, 1, Reply::InitialMac(first))
            }
            Err(refused) => {
                self.complain(format!("the panel's proof: {refused}"));
                let none = InitialMac { r_mac_i: Octets([0; 16]) };
                Out::Handshake(Block::InitialMac, 0xFF, Reply::InitialMac(none))
            }
        }
    }

    fn new_key(&mut self, set: &KeySet) -> Reply {
        if self.channel.is_none() {
            self.complain("a key in plain");
            return Reply::Nak(Nak::new(Nak::ENCRYPTION_REQUIRED));
        }
        self.key = Some(BaseKey::new(*set.key.0));
        Reply::Ack
    }

    fn lamp(&mut self, now: Instant, records: &[Led]) -> Reply {
        for record in records.iter().filter(|r| (r.reader, r.led) == (0, 0)) {
            let (brief, lasting) = (&record.temporary, &record.permanent);
            match brief.control {
                1 => self.temporary = None,
                2 => {
                    let light = Light {
                        on: brief.on,
                        off: brief.off,
                        on_colour: brief.on_colour,
                        off_colour: brief.off_colour,
                        since: now,
                    };
                    let until = now + Duration::from_millis(100 * u64::from(brief.timer));
                    self.temporary = Some((light, until));
                }
                _ => {}
            }
            if lasting.control == 1 {
                self.permanent = Light {
                    on: lasting.on,
                    off: lasting.off,
                    on_colour: lasting.on_colour,
                    off_colour: lasting.off_colour,
                    since: now,
                };
            }
        }
        Reply::Ack
    }

    fn display(&mut self, now: Instant, display: &Display) -> Reply {
        if display.text.0.iter().any(|o| !(0x20..0x7F).contains(o)) {
            self.complain("a text that is not ASCII");
        }
        let text: String = display.text.0.iter().copied().map(char::from).collect();
        let temporary = display.command >= 3;
        self.shown = Shown {
            text: text.trim_end().to_owned(),
            until: temporary.then(|| now + Duration::from_secs(u64::from(display.time_s))),
        };
        Reply::Ack
    }

    fn write(&mut self, asked: &Header, out: Out) -> Vec<u8> {
        // nobody in a planned depot
        let elsewhere = if self.fault == Some(Fault::WrongAddress) { 0x40 } else { 0 };
        let header = Header { address: self.address ^ elsewhere, reply: true, ..*asked };
        match (out, &mut self.channel) {
            (Out::Usual(reply), Some(channel)) => channel.seal(&header, reply.code(), &reply.data()),
            (Out::Usual(reply) | Out::Plain(reply), _) => header.frame(None, reply.code(), &reply.data()),
            (Out::Handshake(block, data, reply), _) => {
                header.frame(Some(Security { block, data: Some(data) }), reply.code(), &reply.data())
            }
        }
    }
}

impl Slave for Reader {
    fn hear(&mut self, now: Instant, octets: &[u8], _bay: &mut Bay) -> Option<Reaction> {
        let mut at = 0;
        while at < octets.len() {
            let rest = &octets[at..];
            match cut(rest) {
                Cut::More => return None,
                Cut::Noise(count) => at += count,
                Cut::Frame(size) => {
                    at += size;
                    let start = usize::from(rest[0] == 0xFF);
                    let address = rest[start + 1];
                    if address == self.address || address == BROADCAST {
                        let octets = self.question(now, &rest[..size]);
                        let answer = Answer { octets, delay: DELAY, fault: self.fault };
                        return Some(Reaction { taken: at, answer: Some(answer) });
                    }
                }
            }
        }
        None
    }

    fn complaints(&self) -> &[String] {
        &self.complaints
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::quantity::Energy;
    use crate::sim::bay::Electronics;
    use crate::wire::osdp::{Check, secure::Challenge};

    fn header(sequence: u8) -> Header {
        Header { mark: true, address: 1, reply: false, sequence, check: Check::Crc }
    }

    fn put(reader: &mut Reader, ms: u64, octets: &[u8]) -> Option<Vec<u8>> {
        let mut bay = Bay::new(Electronics::default(), Energy(0));
        let reaction = reader.hear(Instant(ms * 1000), octets, &mut bay)?;
        assert_eq!(reaction.taken, octets.len());
        reaction.answer.map(|answer| answer.octets)
    }

    fn reply(octets: &[u8]) -> Reply {
        let frame = Frame::parse(octets).unwrap();
        Reply::decode(frame.code, frame.body).unwrap()
    }

    fn nak(error: u8) -> Reply {
        Reply::Nak(Nak::new(error))
    }

    #[test]
    fn a_repeated_number_gets_the_repeated_answer_and_nothing_is_done_twice() {
        let mut reader = Reader::new(1, None, 1);
        reader.present(CardUid::new(&[4, 1, 2, 3]).unwrap());
        assert_eq!(reply(&put(&mut reader, 0, &header(0).frame(None, 0x60, &[])).unwrap()).name(), "RAW");
        let poll = header(1).frame(None, 0x60, &[]);
        reader.present(CardUid::new(&[4, 5, 6, 7]).unwrap());
        let card = put(&mut reader, 200, &poll).unwrap();
        assert_eq!(put(&mut reader, 400, &poll), Some(card));
        assert_eq!(reader.carried_out, 2);
        assert_eq!(reply(&put(&mut reader, 600, &header(2).frame(None, 0x60, &[])).unwrap()), Reply::Ack);
        assert!(reader.complaints().is_empty());
    }

    #[test]
    fn what_a_panel_must_not_do_is_noted() {
        let mut reader = Reader::new(1, None, 1);
        put(&mut reader, 0, &header(0).frame(None, 0x60, &[]));
        let skipped = put(&mut reader, 1, &header(3).frame(None, 0x60, &[])).unwrap();
        assert_eq!(reply(&skipped), nak(Nak::BAD_SEQUENCE));
        assert_eq!(reader.complaints().len(), 1);
        put(&mut reader, 2, &header(1).frame(None, 0x60, &[]));
        put(&mut reader, 3, &header(1).frame(None, 0x64, &[]));
        assert_eq!(reader.complaints().len(), 2);
        let unknown = put(&mut reader, 4, &header(2).frame(None, 0x99, &[])).unwrap();
        assert_eq!(reply(&unknown), nak(Nak::UNKNOWN_COMMAND));
        assert_eq!(put(&mut reader, 5, &Header { address: 2, ..header(3) }.frame(None, 0x60, &[])), None);
    }

    #[test]
    fn plain_data_end_a_secure_session_and_silence_does_too() {
        let key = [9; 16];
        for silence in [false, true] {
            let mut reader = Reader::new(1, Some(key), 1);
            put(&mut reader, 0, &header(0).frame(None, 0x61, &[0]));
            let challenge = Challenge::new(&BaseKey::new(key), [1; 8]);
            let block = |block| Some(Security { block, data: Some(1) });
            let octets = header(1).frame(block(Block::Challenge), 0x76, &challenge.rnd_a());
            let Reply::ClientProof(proof) = reply(&put(&mut reader, 1, &octets).unwrap()) else { panic!() };
            let proof = challenge.verify(proof.rnd_b.0, &proof.client_cryptogram.0).unwrap();
            let octets = header(2).frame(block(Block::ServerProof), 0x77, &proof.server_cryptogram());
            let Reply::InitialMac(first) = reply(&put(&mut reader, 2, &octets).unwrap()) else { panic!() };
            let mut channel = proof.confirm(&first.r_mac_i.0).unwrap();
            assert!(reader.is_secure());
            let poll = channel.seal(&header(3), 0x60, &[]);
            if silence {
                assert_eq!(reply(&put(&mut reader, 8_500, &poll).unwrap()), nak(Nak::BAD_SEQUENCE));
                assert!(reader.complaints().is_empty());
            } else {
                let plain = header(3).frame(None, 0x60, &[]);
                let answer = put(&mut reader, 3, &plain).unwrap();
                assert_eq!(reply(&answer), nak(Nak::ENCRYPTION_REQUIRED));
                assert_eq!(reader.complaints(), ["plain data in a secure session"]);
            }
        }
    }
}
