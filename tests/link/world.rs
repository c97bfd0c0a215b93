//! The link machine and a judging platform on one virtual clock, with a small station and a store between.

use depotd::link::{self, Held, Link, Note};
use depotd::model::access::ListKind;
use depotd::model::alarm::{Alarm, AlarmEvent};
use depotd::model::command::{Answer, Command};
use depotd::model::ident::{ConnectorId, Credential, DeviceCode, TransactionNumber};
use depotd::model::message::{
    Content, Decision, Entry, EntryId, FromLink, Lane, Owed, PileRegister, Realtime, StartOutcome,
    StartResult, StationFacts, ToLink, Verdict,
};
use depotd::model::money::Money;
use depotd::model::quantity::{Energy, Power};
use depotd::model::record::{BillingMode, Segment, StartMode, TransactionRecord, flag};
use depotd::model::session::ConnectorState;
use depotd::model::stop::StopReason;
use depotd::model::time::{ClockTrust, Instant, Now, Utc};
use depotd::sim::platform::{self, Platform};
use depotd::uplink::p222::{self, P222, Variant};
use std::collections::BTreeMap;
use std::time::Duration;

pub(crate) const SECRET: &[u8] = b"depot-secret";
const START: Utc = Utc(1_795_000_000_000);
const WAY: Duration = Duration::from_millis(5);

/// Something that arrives after a while.
enum Arrival {
    Platform(u64, Vec<u8>),
    Accepted(u64),
    PlatformClosed(u64),
    Connected(u64),
    Link(u64, Vec<u8>),
    LinkClosed(u64),
    Loaded(Lane, Vec<Entry>),
    Station(ToLink),
}

pub(crate) struct World {
    pub(crate) mono: Instant,
    pub(crate) link: Link,
    pub(crate) platform: Platform,
    pub(crate) store: BTreeMap<(Lane, u64), Entry>,
    pub(crate) told: Vec<(Instant, FromLink)>,
    pub(crate) notes: Vec<(Instant, Note)>,
    pub(crate) refuse_connections: bool,
    arrivals: Vec<(Instant, u64, Arrival)>,
    order: u64,
    records: u64,
    results: u64,
    events: u64,
    open: Vec<Alarm>,
    serial: u16,
    previous: [u8; 8],
    turns: u64,
    nonce: u64,
    account: String,
}

pub(crate) fn station() -> DeviceCode {
    "44030012340001".parse().expect("code")
}

pub(crate) fn gun(pile: u8, number: u8) -> ConnectorId {
    format!("4403000001000{pile}/{number}").parse().expect("connector")
}

pub(crate) fn config() -> platform::Config {
    platform::Config {
        secret: Some(SECRET.to_vec()),
        piles: [(gun(1, 1).pile, 2), (gun(2, 1).pile, 2)].into(),
        ..platform::Config::new(station())
    }
}

fn pile(pile: DeviceCode) -> PileRegister {
    PileRegister {
        pile,
        kind: 1,
        connectors: 2,
        rated_power: Power(120_000),
        max_voltage: None,
        max_current: None,
        billing_mode: BillingMode::Platform,
        meter_kind: 1,
        model: "DC-120-2".to_owned(),
    }
}

impl World {
    pub(crate) fn new(platform: platform::Config) -> World {
        World::with_secret(platform, SECRET)
    }

    pub(crate) fn with_secret(platform: platform::Config, secret: &[u8]) -> World {
        let codec = P222::new(p222::Config {
            station: station(),
            secret: Some(secret.to_vec().into()),
            crc: Variant::Ibm3740,
            little_endian: false,
            software: "1.0.0".to_owned(),
            piles: 2,
            connectors: 4,
        });
        let config = link::Config {
            addresses: vec!["platform:7220".to_owned()],
            reconnect_max: Duration::from_secs(1),
            heartbeat: Duration::from_secs(20),
            resend_after: Duration::from_secs(10),
            record_resend_after: Duration::from_secs(10),
            resends: 3,
            lane_pause: Duration::from_secs(300),
            stored_per_second: 50,
            piles: vec![pile(gun(1, 1).pile), pile(gun(2, 1).pile)],
            seed: 7,
        };
        let mono = Instant(1_000_000);
        let facts = StationFacts { boot_counter: 1, ..StationFacts::default() };
        let link = Link::new(config, Box::new(codec), facts, &Held::default(), now(mono));
        World {
            mono,
            link,
            platform: Platform::new(platform),
            store: BTreeMap::new(),
            told: Vec::new(),
            notes: Vec::new(),
            refuse_connections: false,
            arrivals: Vec::new(),
            order: 0,
            records: 0,
            results: 0,
            events: 0,
            open: Vec::new(),
            serial: 0,
            previous: p222::chain_start(station()),
            turns: 0,
            nonce: 0,
            account: String::new(),
        }
    }

    /// Lets so many seconds pass.
    pub(crate) fn run(&mut self, seconds: u64) {
        let end = self.mono + Duration::from_secs(seconds);
        self.step_link(link::Event::Woke);
        loop {
            let arrival = self.arrivals.iter().map(|(at, order, _)| (*at, *order)).min();
            let next = [arrival.map(|(at, _)| at), self.link.wake_at(), self.platform.wake_at()];
            let Some(at) = next.into_iter().flatten().min().filter(|at| *at <= end) else { break };
            self.turns = if at > self.mono { 0 } else { self.turns + 1 };
            assert!(self.turns < 10_000, "the machines spin at {at:?}");
            self.mono = self.mono.max(at);
            match arrival.filter(|(a, _)| *a <= self.mono) {
                Some((_, order)) => self.arrive(order),
                None => {
                    self.step_link(link::Event::Woke);
                    self.step_platform(platform::Event::Woke);
                }
            }
        }
        self.mono = end;
    }

    fn arrive(&mut self, order: u64) {
        let at = self.arrivals.iter().position(|(_, o, _)| *o == order).expect("arrival");
        match self.arrivals.remove(at).2 {
            Arrival::Accepted(id) => self.step_platform(platform::Event::Accepted(id)),
            Arrival::Platform(id, octets) => self.step_platform(platform::Event::Octets(id, &octets)),
            Arrival::PlatformClosed(id) => self.step_platform(platform::Event::Closed(id)),
            Arrival::Connected(id) => {
                self.nonce += 1;
                let mut nonce = [0x5A; 16];
                nonce[..8].copy_from_slice(&self.nonce.to_le_bytes());
                self.step_link(link::Event::Connected(id, nonce));
            }
            Arrival::Link(id, octets) => self.step_link(link::Event::Octets(id, &octets)),
            Arrival::LinkClosed(id) => self.step_link(link::Event::Closed(id, "closed by the platform")),
            Arrival::Loaded(lane, entries) => self.step_link(link::Event::Loaded(lane, Some(entries))),
            Arrival::Station(message) => self.step_link(link::Event::Station(message)),
        }
    }

    fn later(&mut self, wait: Duration, arrival: Arrival) {
        self.order += 1;
        self.arrivals.push((self.mono + wait, self.order, arrival));
    }

    pub(crate) fn step_link(&mut self, event: link::Event<'_>) {
        for action in self.link.handle(now(self.mono), event) {
            match action {
                link::Action::Connect(id, _) if self.refuse_connections => {
                    self.later(WAY, Arrival::LinkClosed(id))
                }
                link::Action::Connect(id, _) => {
                    self.later(WAY, Arrival::Accepted(id));
                    self.later(WAY, Arrival::Connected(id));
                }
                link::Action::Write(octets) => {
                    let id = self.link.epoch();
                    self.later(WAY, Arrival::Platform(id, octets));
                }
                link::Action::Close => {
                    let id = self.link.epoch();
                    self.later(WAY, Arrival::PlatformClosed(id));
                }
                link::Action::Load(lane, after, limit) => {
                    let entries = self.store.range((lane, after + 1)..=(lane, u64::MAX));
                    let entries = entries.take(limit).map(|(_, e)| e.clone()).collect();
                    self.later(Duration::from_millis(2), Arrival::Loaded(lane, entries));
                }
                link::Action::Tell(message) => self.hear(message),
                link::Action::Note(note) => self.notes.push((self.mono, note)),
                link::Action::Ended => {}
            }
        }
    }

    fn step_platform(&mut self, event: platform::Event<'_>) {
        for action in self.platform.handle(now(self.mono), event) {
            match action {
                platform::Action::Write(id, octets) => self.later(WAY, Arrival::Link(id, octets)),
                platform::Action::Close(id) => self.later(WAY, Arrival::LinkClosed(id)),
                platform::Action::Say(_) => {}
            }
        }
    }

    pub(crate) fn order(&mut self, order: platform::Order) {
        self.step_platform(platform::Event::Order(order));
    }

    fn hear(&mut self, message: FromLink) {
        match &message {
            FromLink::Acknowledged(id, Verdict::Refused(_)) if id.lane != Lane::Record => {
                let id = *id; // kept, and offered once more
                self.later(Duration::from_millis(2), Arrival::Station(ToLink::Settled(id)));
            }
            FromLink::Acknowledged(id, _) => {
                let settled = self.store.remove(&(id.lane, id.id));
                if let Some(record) = settled.filter(|_| id.lane == Lane::Record) {
                    // A start result is kept until its record was sent.
                    self.store.retain(|(lane, _), e| *lane != Lane::StartResult || e.txn != record.txn);
                }
                let id = *id;
                self.later(Duration::from_millis(2), Arrival::Station(ToLink::Settled(id)));
            }
            FromLink::Command { ticket, command, .. } => {
                let answer = match command {
                    Command::RemoteStart(_) => Answer::RemoteStart(2),
                    Command::RemoteStop { .. } => Answer::RemoteStop(1),
                    Command::SetTime(_) => {
                        Answer::Time { result: 1, before: Some(START), offset_ms: Some(0) }
                    }
                    Command::SetTariff(_) => Answer::Tariff(0),
                    Command::CardList(update) => Answer::List(ListKind::Cards, 0, update.to_version),
                    Command::VehicleList(update) => Answer::List(ListKind::Vehicles, 0, update.to_version),
                    Command::PlateList(update) => Answer::List(ListKind::Plates, 0, update.to_version),
                    Command::ListDigest(_) => Answer::UnknownDevice,
                    Command::DeparturePlan(_) => Answer::DeparturePlan(0),
                    Command::BalanceUpdate { .. } => Answer::Balance(1),
                    Command::Interrogate(_) => Answer::Interrogate(0),
                    Command::ResetAlarm(_) => Answer::ResetAlarm(1),
                    Command::Recall(_) => Answer::Recall(1, 0),
                };
                let ticket = *ticket;
                self.later(Duration::from_millis(3), Arrival::Station(ToLink::Answer(ticket, answer)));
            }
            _ => {}
        }
        self.told.push((self.mono, message));
    }

    /// A durable message is in the store; the link hears of it.
    pub(crate) fn queue(&mut self, entry: Entry) {
        let id = entry.id;
        self.store.insert((id.lane, id.id), entry);
        self.step_link(link::Event::Station(ToLink::Queued(id)));
    }

    /// An alarm is raised or over: the list first, then the event, as the station tells them.
    pub(crate) fn alarm(&mut self, id: u64, raised: bool, stored: bool) {
        self.events += 1;
        let alarm = Alarm {
            id,
            code: 0x0115,
            level: 2,
            latched: false,
            index: u16::try_from(id).expect("few"),
            connector: Some(gun(1, 1)),
            subject: "charger".to_owned(),
            raised: Some(now(self.mono).wall),
            txn: None,
            value: 0,
        };
        self.open.retain(|open| open.id != id);
        if raised {
            self.open.push(alarm.clone());
        }
        self.step_link(link::Event::Station(ToLink::OpenAlarms(self.open.clone())));
        let at = Some(now(self.mono).wall);
        let event = AlarmEvent { alarm, raised, at, text: String::new() };
        self.queue(Entry {
            id: EntryId { lane: Lane::Alarm, id: self.events },
            device: gun(1, 1).pile,
            stored,
            txn: TransactionNumber::default(),
            content: Content::Alarm(event),
        });
    }

    pub(crate) fn tell(&mut self, message: ToLink) {
        self.step_link(link::Event::Station(message));
    }

    pub(crate) fn realtime(&mut self, connector: ConnectorId, txn: TransactionNumber, state: ConnectorState) {
        let realtime = Realtime { connector, txn, state, plugged: Some(true), ..Realtime::default() };
        self.step_link(link::Event::Station(ToLink::Realtime(realtime)));
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
        mode: StartMode,
        stored: bool,
    ) -> Utc {
        self.results += 1;
        let id = EntryId { lane: Lane::StartResult, id: self.results };
        let started = now(self.mono).wall;
        let result = StartResult {
            txn,
            connector,
            result: StartOutcome::Charging,
            vin: None,
            soc: None,
            start_time: Some(started),
            start_register: Some(Energy(1_000)),
            start_mode: mode,
        };
        self.queue(Entry { id, device: connector.pile, stored, txn, content: Content::StartResult(result) });
        started
    }

    /// The record of a session of 1 kWh.
    pub(crate) fn record(
        &mut self,
        connector: ConnectorId,
        txn: TransactionNumber,
        mode: StartMode,
        started: Utc,
        stored: bool,
        credential: Credential,
    ) -> u64 {
        self.records += 1;
        let offline = matches!(mode, StartMode::CardOffline);
        let energy = Energy(10_000);
        let segment = Segment {
            code: 0,
            electricity_price: Default::default(),
            service_price: Default::default(),
            energy,
            electricity_amount: Money(0),
            service_amount: Money(0),
        };
        let record = TransactionRecord {
            txn,
            connector,
            start_mode: mode,
            credential,
            account: std::mem::take(&mut self.account),
            vin: None,
            start_time: Some(started),
            end_time: Some(now(self.mono).wall),
            start_register: Some(Energy(1_000)),
            end_register: Some(Energy(11_000)),
            meter_number: "000000000001".to_owned(),
            start_soc: None,
            end_soc: None,
            stop_reason: StopReason::SAME_CARD,
            billing_mode: BillingMode::Platform,
            tariff_number: 0,
            energy_total: energy,
            electricity_total: Money(0),
            service_total: Money(0),
            segments: vec![segment],
            flags: if offline { flag::STARTED_OFFLINE } else { 0 },
            number: self.records,
            previous_digest: self.previous,
            protocol: Default::default(),
        };
        let body = p222::record_body(&record);
        self.previous.copy_from_slice(&p222::record_digest(connector.pile, &body)[..8]);
        let id = EntryId { lane: Lane::Record, id: self.records };
        let owed = Owed { body, record: Some(Box::new(record)) };
        self.queue(Entry { id, device: connector.pile, stored, txn, content: Content::Record(owed) });
        self.records
    }

    /// The record of a session that the platform accepted.
    pub(crate) fn record_of(
        &mut self,
        connector: ConnectorId,
        txn: TransactionNumber,
        started: Utc,
        credential: Credential,
        account: &str,
    ) -> u64 {
        self.account = account.to_owned();
        self.record(connector, txn, StartMode::CardOnline, started, false, credential)
    }

    /// A session begun and ended by a local operator, online or not.
    pub(crate) fn session(&mut self, connector: ConnectorId) {
        let stored = !self.link.is_online();
        let txn = self.own_txn(connector);
        let started = self.start_result(connector, txn, StartMode::LocalOperator, stored);
        self.realtime(connector, txn, ConnectorState::Charging);
        self.run(3);
        let stored = !self.link.is_online();
        self.record(connector, txn, StartMode::LocalOperator, started, stored, Credential::None);
        self.realtime(connector, txn, ConnectorState::Finished);
    }

    /// A whole session that nobody saw: begun and ended offline.
    pub(crate) fn offline_session(&mut self, connector: ConnectorId) {
        let txn = self.own_txn(connector);
        let card = Credential::Card("04A1B2C3".parse().expect("uid"));
        let started = now(self.mono).wall.plus_ms(-60_000);
        self.record(connector, txn, StartMode::CardOffline, started, true, card);
    }

    pub(crate) fn decision(&self, ticket: u64) -> Option<&Decision> {
        self.told.iter().rev().find_map(|(_, message)| match message {
            FromLink::Decision(t, decision) if *t == ticket => Some(decision),
            _ => None,
        })
    }

    pub(crate) fn count(&self, wanted: impl Fn(&FromLink) -> bool) -> usize {
        self.told.iter().filter(|(_, message)| wanted(message)).count()
    }

    /// No rule was broken.
    pub(crate) fn assert_no_complaint(&self) {
        assert!(self.platform.complaints().is_empty(), "{:#?}", self.platform.complaints());
    }
}

pub(crate) fn now(mono: Instant) -> Now {
    let wall = START.plus_ms(i64::try_from(mono.0 / 1000).expect("time"));
    Now { mono, wall, trust: ClockTrust::Ntp }
}
