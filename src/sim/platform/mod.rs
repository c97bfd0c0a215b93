//! A central platform in software (wire profile 222): it judges everything it receives.
//!
//! Written from the profile, not from the station's code; only octets and tables are shared
//! ([`crate::wire::platform222`]). It accepts logins, answers every message, decides starts by its card list, keeps a
//! ledger of records, gives commands with the rules of repetition, and can be made to misbehave ([`fault`]). Every rule
//! that the station breaks becomes a complaint; [`Platform::summary`] says record by record what arrived.
//!
//! ```text
//! connection   one connection: frames, sequences, repetition, one outstanding request per type
//! arrival      login, life, piles, tariffs and the order after login
//! alarms       raises, clears, lists of open alarms
//! start        questions for a start, start results
//! telemetry    states of connectors
//! ledger       records: gapless, chained, adding up
//! desk         commands and their answers
//! lists        the card list and its synchronisation
//! fault        how replies go wrong
//! summary      the reconciliation
//! ```

mod alarms;
mod arrival;
mod battery;
mod connection;
mod desk;
pub mod fault;
mod ledger;
mod lists;
mod news;
mod start;
mod summary;
mod telemetry;

pub use desk::{Answered, Order};
pub use fault::Fault;
pub use ledger::Filed;
pub use summary::{RecordLine, Summary};

use crate::model::access::{Card, Vehicle};
use crate::model::ident::{ConnectorId, DeviceCode, TransactionNumber};
use crate::model::tariff::Tariff;
use crate::model::time::{Instant, Now, Utc};
use crate::wire::platform222::{
    Body, Checksum, Direction, Found, Header, Said, Verdict, dialect, frame, judge, octets, refusal,
};
use connection::{Connection, Fresh};
use desk::Desk;
use fault::Faults;
use ledger::Ledger;
use start::Session;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use telemetry::Seen;

/// Complaints kept; the count goes on.
const KEPT: usize = 1000;

/// How the platform behaves.
#[derive(Clone, Debug)]
pub struct Config {
    /// The one station it knows.
    pub station: DeviceCode,
    /// Shared with it; `None` = no proof is asked for.
    pub secret: Option<Vec<u8>>,
    /// Of the dialect.
    pub checksum: Checksum,
    /// Known piles and how many connectors they have; empty = learns them from 0103.
    pub piles: BTreeMap<DeviceCode, u8>,
    /// Seconds, given at login.
    pub heartbeat: u16,
    /// Seconds, given at login.
    pub telemetry_charging: u16,
    /// Seconds, given at login.
    pub telemetry_idle: u16,
    /// Given at login.
    pub record_window: u8,
    /// Cards that may start, and those that may not.
    pub cards: Vec<Card>,
    /// Version of that list, 0 = none.
    pub card_list_version: u32,
    /// Vehicles that may start, and those that may not.
    pub vehicles: Vec<Vehicle>,
    /// Version of that list, 0 = none.
    pub vehicle_list_version: u32,
    /// The tariff in force.
    pub tariff: Option<Tariff>,
    /// Every record since number 1 is expected here; else the first one that arrives begins the ledger.
    pub from_first_record: bool,
    /// Probability of each fault per reply, in permille.
    pub faults: BTreeMap<Fault, u16>,
    /// For numbers, delays and faults.
    pub seed: u64,
}

impl Config {
    /// A well-behaved platform for this station.
    #[must_use]
    pub fn new(station: DeviceCode) -> Config {
        Config {
            station,
            secret: None,
            checksum: Checksum::default(),
            piles: BTreeMap::new(),
            heartbeat: 20,
            telemetry_charging: 15,
            telemetry_idle: 300,
            record_window: 4,
            cards: Vec::new(),
            card_list_version: 0,
            vehicles: Vec::new(),
            vehicle_list_version: 0,
            tariff: None,
            from_first_record: true,
            faults: BTreeMap::new(),
            seed: 1,
        }
    }
}

/// What happens to the platform. Connections are named by the shell, each with a number of its own.
#[derive(Clone, Debug)]
pub enum Event<'a> {
    /// Somebody connected.
    Accepted(u64),
    /// Octets of a connection.
    Octets(u64, &'a [u8]),
    /// A connection ended.
    Closed(u64),
    /// The people at the platform want something.
    Order(Order),
    /// A deadline passed.
    Woke,
}

/// What the platform wants done, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Write these octets in one call.
    Write(u64, Vec<u8>),
    /// End a connection.
    Close(u64),
    /// For the people at the platform.
    Say(String),
}

/// Octets that are written later.
#[derive(Clone, Debug)]
struct Later {
    at: Instant,
    connection: u64,
    octets: Vec<u8>,
    /// Sequence of the request that is answered with it.
    answers: Option<u32>,
}

/// The platform.
#[derive(Debug)]
pub struct Platform {
    config: Config,
    random: fastrand::Rng,
    connections: BTreeMap<u64, Connection>,
    /// The connection whose login is in force.
    current: Option<u64>,
    nonces: BTreeSet<[u8; 16]>,
    logins: u32,
    boot_counter: u32,
    /// Times when a login was in force, the newest 256.
    online: Vec<(Utc, Option<Utc>)>,
    /// From a connection that went half-open to the next login: who was online then is a matter of opinion.
    murky: Vec<(Utc, Option<Utc>)>,
    piles: BTreeMap<DeviceCode, u8>,
    tariffs: BTreeMap<u32, Tariff>,
    tariff: Option<u32>,
    cards: lists::Mirror<Card>,
    vehicles: lists::Mirror<Vehicle>,
    sessions: BTreeMap<TransactionNumber, Session>,
    seen: BTreeMap<ConnectorId, Seen>,
    batteries: battery::Batteries,
    ledger: Ledger,
    desk: Desk,
    alarms: alarms::Alarms,
    not_supported: BTreeSet<u16>,
    faults: Faults,
    later: Vec<Later>,
    complaints: Vec<String>,
    complaint_count: u64,
    gaps: u64,
}

impl Platform {
    /// A platform without connections.
    #[must_use]
    pub fn new(config: Config) -> Platform {
        let mut random = fastrand::Rng::with_seed(config.seed);
        Platform {
            faults: Faults::new(config.faults.clone(), random.fork()),
            random,
            connections: BTreeMap::new(),
            current: None,
            nonces: BTreeSet::new(),
            logins: 0,
            boot_counter: 0,
            online: Vec::new(),
            murky: Vec::new(),
            piles: config.piles.clone(),
            tariffs: config.tariff.iter().map(|t| (t.number, t.clone())).collect(),
            tariff: config.tariff.as_ref().map(|t| t.number),
            cards: lists::Mirror::new(
                config.cards.iter().map(|c| (c.uid, *c)).collect(),
                config.card_list_version,
            ),
            vehicles: lists::Mirror::new(
                config.vehicles.iter().map(|v| (v.vin, *v)).collect(),
                config.vehicle_list_version,
            ),
            sessions: BTreeMap::new(),
            seen: BTreeMap::new(),
            batteries: battery::Batteries::default(),
            ledger: Ledger::default(),
            desk: Desk::default(),
            alarms: alarms::Alarms::default(),
            not_supported: BTreeSet::new(),
            later: Vec::new(),
            complaints: Vec::new(),
            complaint_count: 0,
            gaps: 0,
            config,
        }
    }

    /// Takes one event; gives all that is to be done, in order.
    #[must_use]
    pub fn handle(&mut self, now: Now, event: Event<'_>) -> Vec<Action> {
        let mut out = Vec::new();
        match event {
            Event::Accepted(id) => {
                self.connections.insert(id, Connection::new(self.config.checksum, now.mono));
            }
            Event::Octets(id, octets) => self.octets(now, id, octets, &mut out),
            Event::Closed(id) => self.closed(now, id),
            Event::Order(order) => self.order(now, order, &mut out),
            Event::Woke => {}
        }
        self.timers(now, &mut out);
        self.pump_desk(now, &mut out);
        out
    }

    /// When to be woken.
    #[must_use]
    pub fn wake_at(&self) -> Option<Instant> {
        let later = self.later.iter().map(|l| l.at);
        let silent = self.connections.values().filter_map(|c| c.wake_at(self.silence()));
        let starts = self.sessions.values().filter_map(|s| s.due);
        later.chain(silent).chain(starts).chain(self.desk_wake_at()).min()
    }

    /// Every broken rule so far, oldest first (at most 1000 are kept).
    #[must_use]
    pub fn complaints(&self) -> &[String] {
        &self.complaints
    }

    /// Whether a login is in force.
    #[must_use]
    pub fn is_online(&self) -> bool {
        self.current.is_some()
    }

    /// Accepted logins so far.
    #[must_use]
    pub fn logins(&self) -> u32 {
        self.logins
    }

    /// The records that arrived, by number.
    #[must_use]
    pub fn records(&self) -> &BTreeMap<u64, Filed> {
        &self.ledger.records
    }

    /// The transaction that runs at a connector by its newest state.
    #[must_use]
    pub fn running(&self, connector: ConnectorId) -> Option<TransactionNumber> {
        self.seen.get(&connector).map(|seen| seen.txn).filter(|txn| !txn.is_none())
    }

    /// State number of a connector in its newest 0201.
    #[must_use]
    pub fn connector_state(&self, connector: ConnectorId) -> Option<u8> {
        self.seen.get(&connector).map(|seen| seen.state)
    }

    fn complain(&mut self, what: impl Into<String>) {
        self.complaint_count += 1;
        if self.complaints.len() < KEPT {
            self.complaints.push(what.into());
        }
    }

    /// The platform closes a connection after four silent heartbeat periods.
    fn silence(&self) -> Duration {
        Duration::from_secs(u64::from(self.config.heartbeat.max(5))) * 4
    }

    fn octets(&mut self, now: Now, id: u64, octets: &[u8], out: &mut Vec<Action>) {
        let Some(connection) = self.connections.get_mut(&id).filter(|c| !c.frozen) else { return };
        let found = connection.receiver.feed(octets);
        for one in found {
            self.found(now, id, one, out);
        }
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.watch_partial(now.mono);
        }
    }

    fn found(&mut self, now: Now, id: u64, found: Found, out: &mut Vec<Action>) {
        match found {
            Found::Bad { verdict, at } => {
                self.complain(format!("4.2: {verdict} at octet {at} of the connection"))
            }
            Found::Hopeless => {
                self.complain("4.4: the stream is beyond repair");
                self.end(now, id, out);
            }
            Found::Frame { at, header, body } => {
                let noise = self.connections.get_mut(&id).is_some_and(|c| c.took(now.mono, at, body.len()));
                if noise {
                    self.complain(format!("4.1: octets between frames before octet {at}"));
                }
                self.frame(now, id, &header, &body, out);
            }
        }
    }

    fn frame(&mut self, now: Now, id: u64, header: &Header, octets: &[u8], out: &mut Vec<Action>) {
        match judge(Direction::Up, header, octets) {
            Ok(Said::Request(body)) => self.request(now, id, header, &body, octets, out),
            Ok(Said::Reply(body)) => self.answered(now, header, octets, Some(&body), out),
            Ok(Said::Refused(_)) => self.answered(now, header, octets, None, out),
            Err(verdict) => {
                self.complain(format!(
                    "4.2: {verdict} in {:04X} sequence {}",
                    header.number, header.sequence
                ));
                let told = verdict == Verdict::BadVersion && header.number == 0x0101 && !header.is_reply();
                let answer = if told {
                    Some(frame::seal(self.config.checksum, &header.reply(), &self.login_version(now)))
                } else {
                    refusal(self.config.checksum, header, verdict)
                };
                out.extend(answer.map(|answer| Action::Write(id, answer)));
            }
        }
    }

    fn request(
        &mut self,
        now: Now,
        id: u64,
        header: &Header,
        body: &Body,
        octets: &[u8],
        out: &mut Vec<Action>,
    ) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let window = usize::from(self.config.record_window.clamp(1, 32));
        let mut faults = Vec::new();
        let fresh =
            connection.judge_request(now.mono, header, body, octets, window, &mut faults, &mut self.gaps);
        faults.into_iter().for_each(|fault| self.complain(fault));
        let reply = match fresh {
            Fresh::Again(reply) => {
                self.came_again(header.number, body);
                reply
            }
            Fresh::New => {
                let reply = self.judge_message(now, id, header, body, octets, out);
                out.extend(news::of(header, body, reply.as_deref()).map(Action::Say));
                if let Some(connection) = self.connections.get_mut(&id) {
                    connection.remember_reply(header.sequence, reply.as_deref());
                }
                reply
            }
        };
        if let Some(reply) = reply {
            self.deliver(now, id, header, &reply, out);
        }
    }

    /// What a new request says; the body of its reply, `None` where none is due.
    fn judge_message(
        &mut self,
        now: Now,
        id: u64,
        header: &Header,
        body: &Body,
        octets: &[u8],
        out: &mut Vec<Action>,
    ) -> Option<Vec<u8>> {
        if header.number != 0x0101 && self.current != Some(id) {
            self.complain(format!("5.1: {:04X} without a login in force", header.number));
            return None;
        }
        if self.not_supported.contains(&header.number) {
            return Some(vec![dialect::NOT_SUPPORTED]);
        }
        match header.number {
            0x0101 => return Some(self.login(now, id, header, body, out)),
            0x0102 => Some(self.heartbeat(now, id)),
            0x0103 => Some(self.pile_register(id, header, body)),
            0x0105 => Some(self.tariff_check(id, body)),
            0x0106 => Some(self.tariff_request(id)),
            0x0108 => Some(crate::wire::platform222::reply(0x0108)),
            0x0201 => {
                self.realtime(now, id, header, body);
                None
            }
            0x0202 => Some(self.authorise(now, id, header, body)),
            0x0204 => Some(self.start_result(now, id, header, body, octets)),
            0x0206 => {
                self.battery_handshake(id, header, body);
                None
            }
            0x0207 => {
                self.battery_progress(now, id, header, body);
                None
            }
            0x0208 => Some(self.battery_end(header, body, octets)),
            0x020A => Some(self.record(now, id, header, body, octets)),
            0x0401 => Some(self.alarm_event(id, header, body)),
            0x0402 => Some(self.alarm_list(id, body)),
            // Messages of parts that the station may not have yet are taken as they are.
            other => acknowledgement(other, body),
        }
        .map(|body| octets::write(&body))
    }

    fn closed(&mut self, now: Now, id: u64) {
        self.connections.remove(&id);
        self.later.retain(|later| later.connection != id);
        if self.current == Some(id) {
            self.current = None;
            if let Some((_, end)) = self.online.last_mut() {
                *end = Some(now.wall);
            }
            self.sessions.values_mut().for_each(|session| session.due = None);
            self.desk_lost();
        }
    }

    /// The platform ends a connection.
    fn end(&mut self, now: Now, id: u64, out: &mut Vec<Action>) {
        self.closed(now, id);
        out.push(Action::Close(id));
    }

    fn timers(&mut self, now: Now, out: &mut Vec<Action>) {
        self.write_later(now, out);
        let silence = self.silence();
        let silent: Vec<u64> = self
            .connections
            .iter()
            .filter(|(_, c)| c.deadline(silence).is_some_and(|at| at <= now.mono))
            .map(|(id, _)| *id)
            .collect();
        for id in silent {
            if self.connections.get(&id).is_some_and(|c| !c.disturbed) && self.current == Some(id) {
                self.complain("5.4: nothing heard for four heartbeat periods");
            }
            self.end(now, id, out);
        }
        let stuck: Vec<u64> =
            self.connections.iter().filter(|(_, c)| c.partial_overdue(now.mono)).map(|(id, _)| *id).collect();
        for id in stuck {
            let found = self.connections.get_mut(&id).map(|c| c.receiver.expire()).unwrap_or_default();
            found.into_iter().for_each(|one| self.found(now, id, one, out));
            if let Some(connection) = self.connections.get_mut(&id) {
                connection.watch_partial(now.mono);
            }
        }
        self.starts_overdue(now);
    }

    fn write_later(&mut self, now: Now, out: &mut Vec<Action>) {
        let due: Vec<Later> = self.later.extract_if(.., |later| later.at <= now.mono).collect();
        for later in due {
            self.write(later.connection, later.octets, later.answers, out);
        }
    }

    fn write(&mut self, id: u64, octets: Vec<u8>, answers: Option<u32>, out: &mut Vec<Action>) {
        let Some(connection) = self.connections.get_mut(&id).filter(|c| !c.frozen) else { return };
        if let Some(sequence) = answers {
            connection.replied(sequence);
        }
        out.push(Action::Write(id, octets));
    }

    /// Sends a reply, with whatever goes wrong on the way.
    fn deliver(&mut self, now: Now, id: u64, request: &Header, body: &[u8], out: &mut Vec<Action>) {
        let answers = Some(request.sequence);
        let good = frame::seal(self.config.checksum, &request.reply(), body);
        let Some(fault) = self.faults.draw(request.number) else {
            self.write(id, good, answers, out);
            return;
        };
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.disturbed = true;
        }
        match fault {
            Fault::DropReply => {}
            Fault::DoubleReply => {
                self.write(id, good.clone(), answers, out);
                self.write(id, good, None, out);
            }
            Fault::DelayReply => {
                let at = now.mono + Duration::from_millis(self.random.u64(2_000..14_000));
                self.later.push(Later { at, connection: id, octets: good, answers });
            }
            Fault::SplitWrites => {
                for piece in good.chunks(self.random.usize(1..8)) {
                    self.write(id, piece.to_vec(), answers, out);
                }
            }
            Fault::MergeWrites => {
                let twice = [good.clone(), good].concat();
                self.write(id, twice, answers, out);
            }
            Fault::BadCrc => {
                let mut bad = good;
                bad.iter_mut().last().into_iter().for_each(|octet| *octet ^= 0x55);
                self.write(id, bad, None, out);
            }
            Fault::WrongVerdict => {
                let wrong = self.faults.wrong(body);
                let octets = frame::seal(self.config.checksum, &request.reply(), &wrong);
                self.write(id, octets, None, out);
            }
            // those of platforms of another protocol are never drawn here
            Fault::CutSequence
            | Fault::AsciiDigits
            | Fault::ShortDecision
            | Fault::SwappedCrc
            | Fault::ShortLength => self.write(id, good, answers, out),
            Fault::Freeze => self.freeze(now, id),
            Fault::Cut => self.end(now, id, out),
        }
    }

    fn freeze(&mut self, now: Now, id: u64) {
        self.murky.push((now.wall, None));
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.frozen = true;
            connection.disturbed = true;
        }
    }

    /// Who was online from here on is a matter of opinion, and messages come when they come.
    fn disturb(&mut self, now: Now) {
        self.murky.push((now.wall, None));
        self.connections.values_mut().for_each(|c| (c.disturbed, c.bunched) = (true, true));
    }

    fn is_disturbed(&self, id: u64) -> bool {
        self.connections.get(&id).is_none_or(|c| c.disturbed)
    }
}

/// The plain reply to a message that is only taken note of: its identity repeated where the table wants it.
fn acknowledgement(number: u16, body: &Body) -> Option<Body> {
    use crate::wire::platform222::{layout, reply};
    let message = layout::message(number).filter(|m| m.class != layout::Class::Flow)?;
    let reply = reply(number);
    Some(match message.reply.first().map(|f| f.name) {
        Some("id") if number == 0x0603 => {
            let next = body.num("offset") + body.raw("data").len() as i128;
            reply.number("id", body.num("id")).number("next_offset", next)
        }
        Some("id") => reply.number("id", body.num("id")),
        _ => reply,
    })
}

#[cfg(test)]
mod tests;
