//! Links of YKC V1.6 and a judging platform on one virtual clock, with a small station and a store between.

use depotd::link::{self, Exchange, Link, Note};
use depotd::model::access::{ListEntries, ListKind};
use depotd::model::command::{Answer, Command};
use depotd::model::ident::{ConnectorId, Credential, DeviceCode, TransactionNumber};
use depotd::model::message::{
    AuthoriseRequest, Content, Decision, Entry, EntryId, FromLink, Lane, Owed, PileRegister, Realtime,
    StartOutcome, StartResult, StationFacts, ToLink,
};
use depotd::model::money::{Money, Price};
use depotd::model::quantity::{Energy, Power};
use depotd::model::record::{BillingMode, Protocol, Segment, StartMode, TransactionRecord};
use depotd::model::session::ConnectorState;
use depotd::model::stop::StopReason;
use depotd::model::tariff::{Tariff, Tier};
use depotd::model::time::{ClockTrust, Instant, Now, Utc};
use depotd::sim::platform::{Action, Event, Order};
use depotd::sim::ykc16::{Config, Platform};
use depotd::uplink::record;
use depotd::uplink::ykc16::{self, Ykc16};
use std::collections::BTreeMap;
use std::time::Duration;

/// 2026-11-18 09:26:40 local time.
const START: Utc = Utc(1_795_000_000_000);
const WAY: Duration = Duration::from_millis(5);
const SECOND: Duration = Duration::from_secs(1);
/// Connections of one link have numbers of their own.
const LINKS: u64 = 1_000_000;

enum Arrival {
    Platform(u64, Vec<u8>),
    Accepted(u64),
    PlatformClosed(u64),
    Connected(usize, u64),
    Link(usize, u64, Vec<u8>),
    LinkClosed(usize, u64),
    Loaded(usize, Lane, Vec<Entry>),
    Station(ToLink),
}

pub(crate) struct World {
    pub(crate) mono: Instant,
    pub(crate) platform: Platform,
    pub(crate) store: BTreeMap<(Lane, u64), Entry>,
    pub(crate) told: Vec<(Instant, FromLink)>,
    pub(crate) notes: Vec<Note>,
    pub(crate) refuse_connections: bool,
    /// Result of the next remote starts.
    pub(crate) remote_start: u8,
    links: Vec<Link>,
    exchange: Option<Exchange>,
    arrivals: Vec<(Instant, u64, Arrival)>,
    order: u64,
    records: u64,
    results: u64,
    serial: u16,
    turns: u64,
}

pub(crate) fn gun(pile: u8, number: u8) -> ConnectorId {
    format!("4403060000000{pile}/{number}").parse().expect("connector")
}

pub(crate) fn config() -> Config {
    let piles = [(gun(1, 1).pile, vec![1, 2]), (gun(2, 1).pile, vec![1])].into();
    Config { tariff: Some(tariff()), ..Config::new(piles) }
}

/// Flat all day.
pub(crate) fn tariff() -> Tariff {
    let tier = |code| Tier { code, electricity: Price(70_000 + code as u32), service: Price(40_000) };
    Tariff { number: 100, valid_from: None, tiers: (1..=4).map(tier).collect(), slots: vec![2; 48] }
}

fn register(pile: DeviceCode, connectors: u8) -> PileRegister {
    PileRegister {
        pile,
        kind: 1,
        connectors,
        rated_power: Power(120_000),
        max_voltage: None,
        max_current: None,
        billing_mode: BillingMode::Pile,
        meter_kind: 1,
        model: "DC-120-2".to_owned(),
    }
}

fn link(piles: &[(DeviceCode, Vec<u8>)], seed: u64, now: Now) -> Link {
    let pile = |(code, connectors): &(DeviceCode, Vec<u8>)| ykc16::Pile {
        code: *code,
        dc: true,
        connectors: connectors.clone(),
    };
    let station = "44030612340001".parse().expect("code");
    let piles_of = piles.iter().map(pile).collect();
    let codec = Ykc16::new(ykc16::Config { station, piles: piles_of, software: "1.0.0".to_owned() });
    let config = link::Config {
        addresses: vec!["platform:8768".to_owned()],
        reconnect_max: SECOND,
        heartbeat: 10 * SECOND,
        resend_after: 10 * SECOND,
        record_resend_after: 30 * SECOND,
        resends: 3,
        lane_pause: 300 * SECOND,
        stored_per_second: 50,
        piles: piles.iter().map(|(code, guns)| register(*code, guns.len() as u8)).collect(),
        seed,
    };
    Link::new(config, Box::new(codec), StationFacts::default(), &link::Held::default(), now)
}

impl World {
    /// Two piles on one connection.
    pub(crate) fn new(platform: Config) -> World {
        World::with(platform, false)
    }

    /// Each pile on its own.
    pub(crate) fn apart(platform: Config) -> World {
        World::with(platform, true)
    }

    fn with(platform: Config, apart: bool) -> World {
        let mono = Instant(1_000_000);
        let piles = [(gun(1, 1).pile, vec![1, 2]), (gun(2, 1).pile, vec![1])];
        let links = match apart {
            true => piles
                .iter()
                .zip(7..)
                .map(|(pile, seed)| link(std::slice::from_ref(pile), seed, now(mono)))
                .collect(),
            false => vec![link(&piles, 7, now(mono))],
        };
        World {
            mono,
            platform: Platform::new(platform),
            store: BTreeMap::new(),
            told: Vec::new(),
            notes: Vec::new(),
            refuse_connections: false,
            remote_start: 0,
            exchange: apart.then(|| Exchange::new(piles.iter().map(|(code, _)| *code).collect())),
            links,
            arrivals: Vec::new(),
            order: 0,
            records: 0,
            results: 0,
            serial: 0,
            turns: 0,
        }
    }

    pub(crate) fn run(&mut self, seconds: u64) {
        let end = self.mono + Duration::from_secs(seconds);
        self.wake();
        loop {
            let arrival = self.arrivals.iter().map(|(at, order, _)| (*at, *order)).min();
            let links = self.links.iter().filter_map(Link::wake_at);
            let next = links.chain(self.platform.wake_at()).chain(arrival.map(|(at, _)| at)).min();
            let Some(at) = next.filter(|at| *at <= end) else { break };
            self.turns = if at > self.mono { 0 } else { self.turns + 1 };
            assert!(self.turns < 10_000, "the machines spin at {at:?}");
            self.mono = self.mono.max(at);
            match arrival.filter(|(a, _)| *a <= self.mono) {
                Some((_, order)) => self.arrive(order),
                None => {
                    self.wake();
                    self.step_platform(Event::Woke);
                }
            }
        }
        self.mono = end;
    }

    fn wake(&mut self) {
        (0..self.links.len()).for_each(|at| self.step_link(at, link::Event::Woke));
    }

    fn arrive(&mut self, order: u64) {
        let at = self.arrivals.iter().position(|(_, o, _)| *o == order).expect("arrival");
        match self.arrivals.remove(at).2 {
            Arrival::Accepted(id) => self.step_platform(Event::Accepted(id)),
            Arrival::Platform(id, octets) => self.step_platform(Event::Octets(id, &octets)),
            Arrival::PlatformClosed(id) => self.step_platform(Event::Closed(id)),
            Arrival::Connected(at, epoch) => self.step_link(at, link::Event::Connected(epoch, [0; 16])),
            Arrival::Link(at, epoch, octets) => self.step_link(at, link::Event::Octets(epoch, &octets)),
            Arrival::LinkClosed(at, epoch) => {
                self.step_link(at, link::Event::Closed(epoch, "closed by the platform"))
            }
            Arrival::Loaded(at, lane, entries) => {
                self.step_link(at, link::Event::Loaded(lane, Some(entries)))
            }
            Arrival::Station(message) => self.tell(message),
        }
    }

    fn later(&mut self, wait: Duration, arrival: Arrival) {
        self.order += 1;
        self.arrivals.push((self.mono + wait, self.order, arrival));
    }

    /// The station says something.
    pub(crate) fn tell(&mut self, message: ToLink) {
        let ways = match &self.exchange {
            Some(exchange) => exchange.down(message),
            None => vec![(0, message)],
        };
        ways.into_iter().for_each(|(at, message)| self.step_link(at, link::Event::Station(message)));
    }

    fn step_link(&mut self, at: usize, event: link::Event<'_>) {
        for action in self.links[at].handle(now(self.mono), event) {
            let name = |epoch: u64| at as u64 * LINKS + epoch;
            match action {
                link::Action::Connect(epoch, _) if self.refuse_connections => {
                    self.later(WAY, Arrival::LinkClosed(at, epoch));
                }
                link::Action::Connect(epoch, _) => {
                    self.later(WAY, Arrival::Accepted(name(epoch)));
                    self.later(WAY, Arrival::Connected(at, epoch));
                }
                link::Action::Write(octets) => {
                    let id = name(self.links[at].epoch());
                    self.later(WAY, Arrival::Platform(id, octets));
                }
                link::Action::Close => {
                    let id = name(self.links[at].epoch());
                    self.later(WAY, Arrival::PlatformClosed(id));
                }
                link::Action::Load(lane, after, limit) => {
                    let pile = self.exchange.as_ref().and_then(|exchange| exchange.pile(at));
                    let entries = self.store.range((lane, after + 1)..=(lane, u64::MAX)).map(|(_, e)| e);
                    let own = entries.filter(|e| pile.is_none_or(|pile| pile == e.device));
                    let entries = own.take(limit).cloned().collect();
                    self.later(Duration::from_millis(2), Arrival::Loaded(at, lane, entries));
                }
                link::Action::Tell(message) => {
                    let heard = match &mut self.exchange {
                        Some(exchange) => exchange.up(at, message),
                        None => vec![message],
                    };
                    heard.into_iter().for_each(|message| self.hear(message));
                }
                link::Action::Note(note) => self.notes.push(note),
                link::Action::Ended => {}
            }
        }
    }

    fn step_platform(&mut self, event: Event<'_>) {
        for action in self.platform.handle(now(self.mono), event) {
            let of = |id: u64| ((id / LINKS) as usize, id % LINKS);
            match action {
                Action::Write(id, octets) => self.later(WAY, Arrival::Link(of(id).0, of(id).1, octets)),
                Action::Close(id) => self.later(WAY, Arrival::LinkClosed(of(id).0, of(id).1)),
                Action::Say(_) => {}
            }
        }
    }

    pub(crate) fn order(&mut self, order: Order) {
        self.step_platform(Event::Order(order));
    }

    fn hear(&mut self, message: FromLink) {
        match &message {
            FromLink::Acknowledged(id, _) => {
                self.store.remove(&(id.lane, id.id));
                let id = *id;
                self.later(Duration::from_millis(2), Arrival::Station(ToLink::Settled(id)));
            }
            FromLink::Tariff(tariff) => {
                let facts = StationFacts { tariff_number: tariff.number, ..StationFacts::default() };
                self.later(Duration::from_millis(2), Arrival::Station(ToLink::Facts(facts)));
            }
            FromLink::Command { ticket, command, .. } => {
                let answer = match command {
                    Command::RemoteStart(_) => Answer::RemoteStart(self.remote_start),
                    Command::RemoteStop { .. } => Answer::RemoteStop(1),
                    Command::SetTime(_) => {
                        Answer::Time { result: 0, before: Some(START), offset_ms: Some(0) }
                    }
                    Command::SetTariff(_) => Answer::Tariff(0),
                    Command::CardList(_) => Answer::List(ListKind::Cards, 0, 1),
                    Command::ListDigest(_) => Answer::ListDigest(1, ListEntries::Cards(Default::default())),
                    Command::BalanceUpdate { .. } => Answer::Balance(1),
                    Command::Interrogate(_) => Answer::Interrogate(0),
                    other => panic!("no command of this protocol: {other:?}"),
                };
                let ticket = *ticket;
                self.later(Duration::from_millis(3), Arrival::Station(ToLink::Answer(ticket, answer)));
            }
            _ => {}
        }
        self.told.push((self.mono, message));
    }

    fn queue(&mut self, entry: Entry) {
        let id = entry.id;
        self.store.insert((id.lane, id.id), entry);
        self.tell(ToLink::Queued(id));
    }

    pub(crate) fn realtime(
        &mut self,
        connector: ConnectorId,
        txn: TransactionNumber,
        state: ConnectorState,
        energy: i64,
    ) {
        let plugged = Some(true);
        let energy = Energy(energy);
        self.tell(ToLink::Realtime(Realtime {
            connector,
            txn,
            state,
            plugged,
            energy,
            ..Realtime::default()
        }));
    }

    pub(crate) fn ask(&mut self, ticket: u64, connector: ConnectorId, credential: Credential) {
        let start_mode = StartMode::CardOnline;
        let request = AuthoriseRequest { connector, start_mode, credential, plugged: Some(true), soc: None };
        self.tell(ToLink::Authorise(ticket, request));
    }

    pub(crate) fn decision(&self, ticket: u64) -> Option<&Decision> {
        self.told.iter().rev().find_map(|(_, message)| match message {
            FromLink::Decision(t, decision) if *t == ticket => Some(decision),
            _ => None,
        })
    }

    /// The transaction of an accepted start.
    pub(crate) fn granted(&self, ticket: u64) -> TransactionNumber {
        match self.decision(ticket) {
            Some(Decision::Accepted { grant, .. }) => grant.txn,
            other => panic!("not granted: {other:?}"),
        }
    }

    /// A number that the station makes.
    pub(crate) fn own_txn(&mut self, connector: ConnectorId) -> TransactionNumber {
        self.serial += 1;
        let text = format!("{}{:02}261118012640{:04}", connector.pile, connector.number, self.serial);
        text.parse().expect("txn")
    }

    pub(crate) fn start_result(
        &mut self,
        connector: ConnectorId,
        txn: TransactionNumber,
        outcome: StartOutcome,
    ) {
        self.results += 1;
        let id = EntryId { lane: Lane::StartResult, id: self.results };
        let result = StartResult {
            txn,
            connector,
            result: outcome,
            vin: None,
            soc: None,
            start_time: None,
            start_register: None,
            start_mode: StartMode::Remote,
        };
        self.queue(Entry {
            id,
            device: connector.pile,
            stored: false,
            txn,
            content: Content::StartResult(result),
        });
    }

    /// The record of a session of 1 kWh that lasted a minute and ends now.
    pub(crate) fn record(
        &mut self,
        connector: ConnectorId,
        txn: TransactionNumber,
        mode: StartMode,
        made_for: Protocol,
    ) {
        self.records += 1;
        let ended = now(self.mono).wall;
        let energy = Energy(10_000);
        let segment = Segment {
            code: 3,
            electricity_price: Price(70_003),
            service_price: Price(40_000),
            energy,
            electricity_amount: Money(7_000),
            service_amount: Money(4_000),
        };
        let record = TransactionRecord {
            txn,
            connector,
            start_mode: mode,
            credential: Credential::None,
            account: String::new(),
            vin: None,
            start_time: Some(ended.plus_ms(-60_000)),
            end_time: Some(ended),
            start_register: Some(Energy(1_000)),
            end_register: Some(Energy(11_000)),
            meter_number: "000000000001".to_owned(),
            start_soc: None,
            end_soc: None,
            stop_reason: StopReason::SAME_CARD,
            billing_mode: BillingMode::Pile,
            tariff_number: 1,
            energy_total: energy,
            electricity_total: Money(7_000),
            service_total: Money(4_000),
            segments: vec![segment],
            flags: 0,
            number: self.records,
            previous_digest: [0; 8],
            protocol: made_for,
        };
        let owed = Owed { body: record::body(&record), record: Some(Box::new(record)) };
        let id = EntryId { lane: Lane::Record, id: self.records };
        self.queue(Entry { id, device: connector.pile, stored: false, txn, content: Content::Record(owed) });
    }

    /// A session of a minute that somebody at the depot began.
    pub(crate) fn session(&mut self, connector: ConnectorId) {
        let txn = self.own_txn(connector);
        self.charge(connector, txn, StartMode::LocalOperator);
    }

    /// A session of a minute under this number.
    pub(crate) fn charge(&mut self, connector: ConnectorId, txn: TransactionNumber, mode: StartMode) {
        self.start_result(connector, txn, StartOutcome::Charging);
        for quarter in 0..4 {
            self.realtime(connector, txn, ConnectorState::Charging, quarter * 2_500);
            self.run(15);
        }
        self.record(connector, txn, mode, Protocol::Ykc16);
        self.realtime(connector, txn, ConnectorState::Finished, 10_000);
        self.run(1);
    }

    pub(crate) fn count(&self, wanted: impl Fn(&FromLink) -> bool) -> usize {
        self.told.iter().filter(|(_, message)| wanted(message)).count()
    }

    pub(crate) fn assert_no_complaint(&self) {
        assert!(self.platform.complaints().is_empty(), "{:#?}", self.platform.complaints());
    }
}

pub(crate) fn now(mono: Instant) -> Now {
    let wall = START.plus_ms(i64::try_from(mono.0 / 1000).expect("time"));
    Now { mono, wall, trust: ClockTrust::Ntp }
}
