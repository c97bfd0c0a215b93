//! A commercial platform in software (YKC V1.6): it judges everything it receives.
//!
//! Written from the text (ykc16.md), not from the station's code; only octets and tables are shared
//! ([`crate::wire::ykc16`]), and with [`super::platform`] the words in which people speak to a platform. It lets piles log
//! in on one connection or on one each, decides starts by its cards, keeps a ledger of records, gives commands, and can be
//! made to misbehave as platforms in the field do (ykc16.md 8.1). Every rule that a pile breaks becomes a complaint.
//!
//! ```text
//! connection   one connection: frames, sequence numbers, who logged in on it
//! arrival      login, life, billing model
//! charging     states of connectors, questions for a start, the vehicle
//! ledger       records: once, adding up, in time
//! desk         commands and their answers
//! delivery     replies, and how they go wrong
//! ```

mod arrival;
mod charging;
mod connection;
mod delivery;
mod desk;
mod ledger;
#[cfg(test)]
mod tests;

pub use ledger::Filed;

use super::platform::{Action, Event, Fault, RecordLine, Summary, fault::Faults};
use crate::model::access::Card;
use crate::model::ident::{CardUid, ConnectorId, DeviceCode, TransactionNumber, Vin};
use crate::model::tariff::Tariff;
use crate::model::time::{Instant, Now, Utc};
use crate::wire::ykc16::body::Opened;
use crate::wire::ykc16::layout::{Message, Way};
use crate::wire::ykc16::message::{card, charging as frames, login, maintenance, record, start, tariff};
use crate::wire::ykc16::{self as wire, Found};
use charging::{Seen, Session};
use connection::Connection;
use delivery::Later;
use desk::Desk;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Complaints kept; the count goes on.
const KEPT: usize = 1000;
/// The platform closes a connection after so long a silence: three heartbeats and some air.
const SILENCE: Duration = Duration::from_secs(40);

/// How the platform behaves.
#[derive(Clone, Debug)]
pub struct Config {
    /// Known piles and the numbers of their connectors.
    pub piles: BTreeMap<DeviceCode, Vec<u8>>,
    /// Cards that may start, and those that may not.
    pub cards: Vec<Card>,
    /// VINs that may start.
    pub vins: BTreeSet<Vin>,
    /// The billing model in force: tiers tip, peak, flat, valley in this order, its number four digits.
    pub tariff: Option<Tariff>,
    /// Probability of each fault per reply, in permille.
    pub faults: BTreeMap<Fault, u16>,
    /// For delays and faults.
    pub seed: u64,
}

impl Config {
    /// A well-behaved platform for these piles.
    #[must_use]
    pub fn new(piles: BTreeMap<DeviceCode, Vec<u8>>) -> Config {
        Config {
            piles,
            cards: Vec::new(),
            vins: BTreeSet::new(),
            tariff: None,
            faults: BTreeMap::new(),
            seed: 1,
        }
    }
}

/// The platform.
#[derive(Debug)]
pub struct Platform {
    config: Config,
    random: fastrand::Rng,
    connections: BTreeMap<u64, Connection>,
    /// The connection on which each pile is logged in.
    piles: BTreeMap<DeviceCode, u64>,
    logins: u32,
    cards: BTreeMap<CardUid, Card>,
    tariff: Option<Tariff>,
    /// Every model ever in force: a session keeps the one it began with.
    tariffs: Vec<Tariff>,
    sessions: BTreeMap<TransactionNumber, Session>,
    seen: BTreeMap<ConnectorId, Seen>,
    records: Vec<Filed>,
    /// Times at which a pile came online, for those rules that excuse what waited.
    online_since: BTreeMap<DeviceCode, Utc>,
    serial: u16,
    /// The station got the cards.
    synced: bool,
    desk: Desk,
    faults: Faults,
    later: Vec<Later>,
    complaints: Vec<String>,
    complaint_count: u64,
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
            piles: BTreeMap::new(),
            logins: 0,
            cards: config.cards.iter().map(|c| (c.uid, *c)).collect(),
            tariff: config.tariff.clone(),
            tariffs: config.tariff.iter().cloned().collect(),
            sessions: BTreeMap::new(),
            seen: BTreeMap::new(),
            records: Vec::new(),
            online_since: BTreeMap::new(),
            serial: 0,
            synced: false,
            desk: Desk::default(),
            later: Vec::new(),
            complaints: Vec::new(),
            complaint_count: 0,
            config,
        }
    }

    /// Takes one event; gives all that is to be done, in order.
    #[must_use]
    pub fn handle(&mut self, now: Now, event: Event<'_>) -> Vec<Action> {
        let mut out = Vec::new();
        match event {
            Event::Accepted(id) => drop(self.connections.insert(id, Connection::new(now.mono))),
            Event::Octets(id, octets) => self.octets(now, id, octets, &mut out),
            Event::Closed(id) => self.closed(id),
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
        let silent = self.connections.values().filter(|c| !c.frozen).map(|c| c.heard + SILENCE);
        let starts = self.sessions.values().filter_map(|s| s.due);
        later.chain(silent).chain(starts).chain(self.desk.wake_at()).min()
    }

    /// Every broken rule so far, oldest first (at most 1000 are kept).
    #[must_use]
    pub fn complaints(&self) -> &[String] {
        &self.complaints
    }

    /// Piles that are logged in.
    #[must_use]
    pub fn online(&self) -> usize {
        self.piles.len()
    }

    /// The records that arrived, in the order of their arrival.
    #[must_use]
    pub fn records(&self) -> &[Filed] {
        &self.records
    }

    /// The transaction that runs at a connector by its newest state.
    #[must_use]
    pub fn running(&self, connector: ConnectorId) -> Option<TransactionNumber> {
        self.seen.get(&connector).map(|seen| seen.txn).filter(|txn| !txn.is_none())
    }

    /// What arrived so far. Records have no numbers here: they are counted as they come, and none can be missing.
    #[must_use]
    pub fn summary(&self) -> Summary {
        let line = |(index, filed): (usize, &Filed)| RecordLine {
            number: index as u64 + 1,
            txn: filed.txn,
            pile: filed.connector.pile,
            energy: filed.energy,
            amount: filed.amount.into(),
            start_mode: filed.start_mode(),
            stored: filed.offline,
            arrivals: filed.arrivals,
            refused: filed.refused,
        };
        let records: Vec<RecordLine> = self.records.iter().enumerate().map(line).collect();
        Summary {
            logins: self.logins,
            missing: Vec::new(),
            open: self.sessions.iter().filter(|(_, s)| s.is_open()).map(|(txn, _)| *txn).collect(),
            energy: records.iter().map(|r| u64::from(r.energy)).sum(),
            amount: records.iter().map(|r| r.amount).sum(),
            sequence_gaps: 0,
            complaints: self.complaints.clone(),
            complaint_count: self.complaint_count,
            records,
        }
    }

    fn complain(&mut self, what: impl Into<String>) {
        self.complaint_count += 1;
        if self.complaints.len() < KEPT {
            self.complaints.push(what.into());
        }
    }

    fn octets(&mut self, now: Now, id: u64, octets: &[u8], out: &mut Vec<Action>) {
        let Some(connection) = self.connections.get_mut(&id).filter(|c| !c.frozen) else { return };
        for found in connection.receiver.feed(octets) {
            self.found(now, id, found, out);
        }
    }

    fn found(&mut self, now: Now, id: u64, found: Found, out: &mut Vec<Action>) {
        match found {
            Found::Bad { at, fault, .. } => {
                self.complain(format!("1: {fault} at octet {at} of the connection"))
            }
            Found::Hopeless => {
                self.complain("1: the stream is beyond repair");
                self.end(id, out);
            }
            Found::Frame { at, frame } => {
                let Some(connection) = self.connections.get_mut(&id) else { return };
                if connection.took(now.mono, at, &frame) {
                    self.complain(format!("1: octets between frames before octet {at}"));
                }
                match wire::open(&frame) {
                    Ok(opened) if opened.layout.way == Way::Down => {
                        self.complain(format!("4: 0x{:02X} from a pile", opened.header.kind));
                    }
                    Ok(opened) if opened.is_tolerated() => {
                        self.complain(format!("4: 0x{:02X} departs from its table", opened.header.kind));
                    }
                    Ok(opened) => self.message(now, id, &opened, out),
                    Err(fault) => self.complain(format!("4: {fault} in 0x{:02X}", frame.header.kind)),
                }
            }
        }
    }

    fn message(&mut self, now: Now, id: u64, opened: &Opened<'_>, out: &mut Vec<Action>) {
        let number = opened.header.kind;
        if number == login::Login::NUMBER {
            self.judge_sequence(id, opened);
            return self.login(now, id, opened, out);
        }
        let Some(pile) = self.pile_of(opened) else { return };
        if self.piles.get(&pile) != Some(&id) {
            return self.complain(format!("2: 0x{number:02X} of {pile} before its login"));
        }
        if self.answered(now, id, opened, out) {
            return;
        }
        self.judge_sequence(id, opened);
        match number {
            login::Heartbeat::NUMBER => self.heartbeat(now, id, opened, out),
            tariff::ModelCheck::NUMBER => self.model_check(now, id, opened, out),
            tariff::ModelRequest::NUMBER => self.model_request(now, id, opened, out),
            frames::Realtime::NUMBER => self.realtime(now, opened, out),
            start::StartRequest::NUMBER => self.authorise(now, id, opened, out),
            start::RemoteStartReply::NUMBER => self.plugged_in_time(opened),
            record::Record::NUMBER => self.record(now, id, opened, out),
            frames::Handshake::NUMBER
            | frames::Parameters::NUMBER
            | frames::ChargeEnd::NUMBER
            | frames::Errors::NUMBER
            | frames::BmsStop::NUMBER
            | frames::ChargerStop::NUMBER
            | frames::Demand::NUMBER
            | frames::Battery::NUMBER => self.vehicle(opened),
            maintenance::LockState::NUMBER => {}
            other => self.complain(format!("4: 0x{other:02X} answers no command")),
        }
    }

    /// The pile that a body is about: behind the transaction where there is one.
    fn pile_of(&self, opened: &Opened<'_>) -> Option<DeviceCode> {
        const SERIAL: usize = 16;
        let at = if opened.layout.rows.first().is_some_and(|row| row.name == "serial") { SERIAL } else { 0 };
        let code = opened.body().get(at..at + 7)?;
        Some(DeviceCode(code.try_into().ok()?))
    }

    /// A connector that exists; complains when it does not.
    fn connector(&mut self, number: u8, pile: [u8; 7], gun: u8) -> Option<ConnectorId> {
        let digits = (gun >> 4) * 10 + (gun & 0x0F);
        let id = ConnectorId { pile: DeviceCode(pile), number: digits };
        let known = self.config.piles.get(&id.pile).is_some_and(|guns| guns.contains(&digits));
        if !known || gun & 0x0F > 9 {
            self.complain(format!("0x{number:02X}: connector {id} is not one of its pile"));
            return None;
        }
        Some(id)
    }

    fn closed(&mut self, id: u64) {
        self.connections.remove(&id);
        self.later.retain(|later| later.connection != id);
        self.piles.retain(|_, at| *at != id);
        self.sessions.values_mut().for_each(|session| session.due = None);
        self.desk.lost(id);
    }

    /// The platform ends a connection.
    fn end(&mut self, id: u64, out: &mut Vec<Action>) {
        self.closed(id);
        out.push(Action::Close(id));
    }

    fn timers(&mut self, now: Now, out: &mut Vec<Action>) {
        self.write_later(now, out);
        let silent = |c: &Connection| !c.frozen && c.heard + SILENCE <= now.mono;
        let over: Vec<u64> = self.connections.iter().filter(|(_, c)| silent(c)).map(|(id, _)| *id).collect();
        for id in over {
            self.complain("0x03: nothing heard for three heartbeats");
            self.end(id, out);
        }
        self.starts_overdue(now);
    }

    fn is_disturbed(&self, id: u64) -> bool {
        self.connections.get(&id).is_none_or(|c| c.disturbed)
    }

    /// Whether rules about time are not judged for a pile.
    fn is_murky(&self, pile: DeviceCode) -> bool {
        self.piles.get(&pile).is_none_or(|id| self.is_disturbed(*id))
    }
}

/// A body of this message; the table was checked when it was opened.
fn body_of<M: Message>(opened: &Opened<'_>) -> Option<M> {
    opened.read::<M>()
}

/// Answers that piles give to commands.
fn is_answer(number: u8) -> bool {
    [
        start::RemoteStartReply::NUMBER,
        start::RemoteStopReply::NUMBER,
        start::ParallelRemoteStartReply::NUMBER,
        record::BalanceReply::NUMBER,
        card::CardSyncReply::NUMBER,
        card::CardClearReply::NUMBER,
        card::CardQueryReply::NUMBER,
        maintenance::WorkingReply::NUMBER,
        login::TimeReply::NUMBER,
        tariff::ModelSetReply::NUMBER,
        maintenance::LockReply::NUMBER,
        maintenance::RebootReply::NUMBER,
        maintenance::FirmwareReply::NUMBER,
        maintenance::QrPrefixReply::NUMBER,
    ]
    .contains(&number)
}
