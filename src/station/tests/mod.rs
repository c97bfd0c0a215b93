//! The station on a small depot: chargers and meters that obey, a disk that can be slow or full, virtual time.

mod alarms;
mod battery;
mod cards_and_tariffs;
mod charging;
mod disk;
mod dual;
mod meter_clocks;
mod platform;
mod random;
mod restart;
mod storage;
mod vin;

use super::{Action, Config, ConnectorConfig, Event, Inventory, Note, Offline, OperatorOrder, Station};
use crate::model::access::{Card, CardStatus, Vehicle, VehicleStatus};
use crate::model::batch::Batch;
use crate::model::command::{Answer, Command, RemoteStart};
use crate::model::ident::{CardUid, ConnectorId, Credential, DeviceCode, DeviceId, TransactionNumber};
use crate::model::message::{AuthoriseRequest, Decision, EntryId, FromLink, Lane, Realtime, ToLink, Verdict};
use crate::model::money::Price;
use crate::model::quantity::{Energy, Power};
use crate::model::record::{BillingMode, TransactionRecord};
use crate::model::report::{ChargerState, ChargerStatus, LinkState, MeterReading, Report};
use crate::model::request::{Feedback, Order};
use crate::model::session::{ConnectorState, Grant};
use crate::model::tariff::{Tariff, Tier};
use crate::model::time::{ClockTrust, Instant, Now, Utc};
use crate::model::vehicle::{Admission, Handshake, VehicleReport};
use disk::Disk;
use std::collections::VecDeque;
use std::time::Duration;

fn station_code() -> DeviceCode {
    "44030000000001".parse().unwrap()
}

fn pile() -> DeviceCode {
    "44030000010001".parse().unwrap()
}

/// Gun 0 is connector 1, and so on.
fn gun_id(gun: usize) -> ConnectorId {
    ConnectorId { pile: pile(), number: gun as u8 + 1 }
}

fn charger(gun: usize) -> DeviceId {
    DeviceId(10 * gun as u16)
}

fn meter(gun: usize) -> DeviceId {
    DeviceId(10 * gun as u16 + 1)
}

fn reader(gun: usize) -> DeviceId {
    DeviceId(10 * gun as u16 + 2)
}

fn uid(n: u8) -> CardUid {
    CardUid::new(&[4, 0xAA, 0xBB, n]).unwrap()
}

fn listed(n: u8) -> Card {
    Card {
        uid: uid(n),
        account: format!("10{n}").into(),
        status: CardStatus::Allowed,
        group: 0,
        max_concurrent: 1,
        valid_until: None,
    }
}

fn number(n: u8) -> TransactionNumber {
    TransactionNumber([n; 16])
}

fn grant(n: u8) -> Grant {
    Grant { txn: number(n), account: format!("10{n}"), ..Grant::default() }
}

fn tariff(number: u32) -> Tariff {
    let tier = Tier { code: 3, electricity: Price(70_000), service: Price(40_000) };
    Tariff { number, valid_from: None, tiers: vec![tier], slots: vec![0; 48] }
}

fn config(guns: usize) -> Config {
    Config {
        code: station_code(),
        connectors: (0..guns)
            .map(|gun| ConnectorConfig {
                id: gun_id(gun),
                charger: charger(gun),
                meter: meter(gun),
                reader: Some(reader(gun)),
                rated: Power(120_000),
                ..ConnectorConfig::default()
            })
            .collect(),
        inventory: Inventory {
            meters: (0..guns).map(meter).collect(),
            readers: (0..guns).map(|gun| (reader(gun), false)).collect(),
            lines: vec![(
                "line-1".into(),
                (0..guns).flat_map(|g| [charger(g), meter(g), reader(g)]).collect(),
            )],
        },
        clocks: vec![vec![meter(0), meter(1)]],
        offline: Offline {
            enable: true,
            vin: true,
            list_max_age: Duration::from_secs(7 * 86_400),
            sessions_per_card: 2,
            energy_per_card: Energy(3_000_000),
            sessions: 10,
        },
        session: crate::session::Config::default(),
        protocol: Default::default(),
        has_platform: true,
        built: Utc(1_750_000_000_000),
        seed: 1,
    }
}

/// What a commit comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Store {
    AtOnce,
    Slow,
    Full,
}

/// A charger and a meter that do what they are told.
#[derive(Clone, Debug)]
struct Field {
    plugged: bool,
    state: ChargerState,
    register: Energy,
    /// Answers; a silent one keeps its state to itself.
    alive: bool,
    /// Bits of platform-222.md 13.3.
    faults: u32,
    /// It has a handshake open and waits to be told what the vehicle may do.
    waits: bool,
    /// It was told to start as soon as the vehicle is admitted.
    started: bool,
}

struct Depot {
    station: Station,
    config: Config,
    now: Now,
    disk: Disk,
    store: Store,
    held: Option<Batch>,
    /// What is stored contradicts a record or a first state of this transaction.
    contradicts: Option<TransactionNumber>,
    field: Vec<Field>,
    inbox: VecDeque<Event>,
    /// Everything the station wanted of others, since it was last looked at.
    link: Vec<ToLink>,
    feedback: Vec<(usize, Feedback)>,
    orders: Vec<(usize, Order)>,
    done: Vec<(u64, Result<(), String>)>,
    notes: Vec<Note>,
    clock_set: Vec<Utc>,
    ended: bool,
    tickets: u64,
}

impl Depot {
    fn new(guns: usize) -> Depot {
        Depot::on(config(guns), Disk::default())
    }

    /// With a card list of cards 1 to 4 and tariff 7.
    fn supplied(guns: usize) -> Depot {
        let mut disk = Disk::default();
        disk.supply((1..5).map(listed).collect(), tariff(7), Utc(1_800_000_000_000));
        Depot::on(config(guns), disk)
    }

    fn on(config: Config, disk: Disk) -> Depot {
        let now = Now { mono: Instant(0), wall: Utc(1_800_000_000_000), trust: ClockTrust::Platform };
        let (state, register) = (ChargerState::Idle, Energy(5_000_000));
        let field = vec![
            Field {
                plugged: false,
                state,
                register,
                alive: true,
                faults: 0,
                waits: false,
                started: false
            };
            config.connectors.len()
        ];
        Depot::begin(config, disk, field, now)
    }

    fn begin(config: Config, mut disk: Disk, field: Vec<Field>, now: Now) -> Depot {
        let (station, actions) = Station::new(now, config.clone(), disk.recovered());
        let mut depot = Depot {
            station,
            now,
            disk,
            store: Store::AtOnce,
            held: None,
            contradicts: None,
            field,
            config,
            inbox: VecDeque::new(),
            link: Vec::new(),
            feedback: Vec::new(),
            orders: Vec::new(),
            done: Vec::new(),
            notes: Vec::new(),
            clock_set: Vec::new(),
            ended: false,
            tickets: 0,
        };
        depot.carry_out(actions);
        depot.field_links();
        depot.settle();
        depot
    }

    fn field_links(&mut self) {
        for gun in 0..self.field.len() {
            for device in [charger(gun), meter(gun), reader(gun)] {
                if device == charger(gun) && !self.field[gun].alive {
                    continue;
                }
                self.inbox.push_back(Event::Device(device, Report::Link(LinkState::Good)));
            }
            self.poll(gun);
        }
    }

    /// Three seconds later, the same disk and the same devices, another run of the program; what was in flight is lost.
    fn restart(mut self) -> Depot {
        self.field.truncate(self.config.connectors.len());
        let now = Now { mono: Instant(0), wall: self.now.wall.plus_ms(3_000), ..self.now };
        Depot::begin(self.config, self.disk, self.field, now)
    }

    fn event(&mut self, event: Event) -> &mut Depot {
        self.inbox.push_back(event);
        self.settle();
        self
    }

    fn settle(&mut self) {
        for round in 0.. {
            let Some(event) = self.inbox.pop_front() else { return };
            assert!(round < 5_000, "it answers in circles: {event:?}, {:?}", self.orders.last());
            let actions = self.station.handle(self.now, event);
            self.carry_out(actions);
        }
    }

    fn carry_out(&mut self, actions: Vec<Action>) {
        for action in actions {
            assert!(!self.ended, "{action:?} after the end");
            match action {
                Action::Commit(batch) => self.commit(batch),
                Action::Tell(device, request) => self.obey(device, request.order, request.what),
                Action::Link(message) => self.link.push(message),
                Action::SetClock(at) => {
                    self.clock_set.push(at);
                    (self.now.wall, self.now.trust) = (at, ClockTrust::Platform);
                }
                Action::ConfirmClock => self.now.trust = self.now.trust.max(ClockTrust::Platform),
                Action::Done(ticket, outcome) => self.done.push((ticket, outcome)),
                Action::Note(note) => self.notes.push(note),
                Action::Ended => self.ended = true,
            }
        }
    }

    fn commit(&mut self, batch: Batch) {
        assert!(self.held.is_none(), "a second batch in flight");
        match self.store {
            Store::AtOnce if self.is_contradicted(&batch) => self.inbox.push_back(refusal(&batch)),
            Store::AtOnce => {
                self.disk.apply(&batch);
                self.inbox.push_back(Event::Committed(batch.number));
            }
            Store::Full => self.inbox.push_back(Event::CommitFailed(batch.number)),
            Store::Slow => self.held = Some(batch),
        }
    }

    fn is_contradicted(&self, batch: &Batch) -> bool {
        self.contradicts.is_some_and(|txn| disk::begins_or_ends(batch, &txn))
    }

    /// The slow store is done with the batch in flight.
    fn release(&mut self, good: bool) -> &mut Depot {
        let batch = self.held.take().expect("no batch in flight");
        if good && self.is_contradicted(&batch) {
            return self.event(refusal(&batch));
        }
        if good {
            self.disk.apply(&batch);
        }
        self.event(if good { Event::Committed(batch.number) } else { Event::CommitFailed(batch.number) })
    }

    fn obey(&mut self, device: DeviceId, order: crate::model::report::OrderId, what: Order) {
        let gun = usize::from(device.0 / 10);
        if let Order::Feedback(feedback) = what {
            self.feedback.push((gun, feedback));
            return;
        }
        self.orders.push((gun, what.clone()));
        let field = &mut self.field[gun];
        if !field.alive {
            return;
        }
        match what {
            Order::Start(start) if field.plugged && start.verify_vin && !field.waits => {
                (field.state, field.started) = (ChargerState::Preparing, true);
            }
            Order::Start(_) if field.plugged => {
                (field.state, field.waits) = (ChargerState::Charging, false);
            }
            Order::Start(_) => {}
            Order::Stop => {
                field.state = if field.plugged { ChargerState::Finished } else { ChargerState::Idle };
                (field.waits, field.started) = (false, false);
            }
            Order::ReadRegister => {
                let reading = MeterReading { order: Some(order), ..self.reading(gun) };
                self.inbox.push_back(Event::Device(device, Report::Meter(reading)));
            }
            Order::Identify(_) if field.plugged => {
                (field.state, field.waits) = (ChargerState::Preparing, true);
            }
            Order::Admit(Admission::Admitted) if field.started => {
                (field.state, field.started) = (ChargerState::Charging, false);
            }
            Order::Admit(Admission::Refused | Admission::Illegal | Admission::TimedOut) => {
                (field.state, field.waits, field.started) = (ChargerState::StartFailed, false, false);
            }
            Order::Identify(_) | Order::Admit(_) | Order::Service(_) | Order::Lock(_) => {}
            Order::Limit(_) | Order::Delivered { .. } | Order::SetClock | Order::Feedback(_) => {}
        }
        self.inbox.push_back(Event::Device(device, Report::Done(order, Ok(()))));
        self.poll(gun);
    }

    fn reading(&self, gun: usize) -> MeterReading {
        MeterReading {
            order: None,
            register: Some(self.field[gun].register),
            resolution: Energy(100),
            power: Some(Power(if self.field[gun].state == ChargerState::Charging { 60_000 } else { 0 })),
            ..MeterReading::default()
        }
    }

    fn poll(&mut self, gun: usize) {
        let field = &self.field[gun];
        if !field.alive {
            return;
        }
        let charges = field.state == ChargerState::Charging;
        let status = ChargerStatus {
            state: field.state,
            plugged: Some(field.plugged),
            soc: Some(50),
            faults: field.faults,
            current: Some(crate::model::quantity::Current(if charges { 100_000 } else { 0 })),
            power: Some(Power(if charges { 60_000 } else { 0 })),
            ..ChargerStatus::default()
        };
        self.inbox.push_back(Event::Device(charger(gun), Report::Charger(status)));
        let reading = self.reading(gun);
        self.inbox.push_back(Event::Device(meter(gun), Report::Meter(reading)));
    }

    /// Time goes on, second by second; vehicles draw 60 kW.
    fn run(&mut self, seconds: u64) -> &mut Depot {
        for _ in 0..seconds {
            self.now.mono = self.now.mono + Duration::from_secs(1);
            self.now.wall = self.now.wall.plus_ms(1000);
            for gun in 0..self.field.len() {
                if self.field[gun].state == ChargerState::Charging {
                    self.field[gun].register += Energy::from_power(Power(60_000), 1000);
                }
                self.poll(gun);
            }
            self.inbox.push_back(Event::Woke);
            self.settle();
            assert!(self.station.wake_at().is_none_or(|at| at > self.now.mono), "it would turn without end");
        }
        self
    }

    fn plug(&mut self, gun: usize) -> &mut Depot {
        self.field[gun].plugged = true;
        self.poll(gun);
        self.settle();
        self
    }

    fn unplug(&mut self, gun: usize) -> &mut Depot {
        (self.field[gun].plugged, self.field[gun].state) = (false, ChargerState::Idle);
        (self.field[gun].waits, self.field[gun].started) = (false, false);
        self.poll(gun);
        self.settle();
        self
    }

    fn swipe(&mut self, gun: usize, card: u8) -> &mut Depot {
        self.event(Event::Device(reader(gun), Report::Card(uid(card))))
    }

    /// The charger tells who the vehicle is.
    fn names(&mut self, gun: usize, vin: Option<&str>) -> &mut Depot {
        self.heard(charger(gun), vin)
    }

    /// A device at this gun tells who the vehicle is.
    fn heard(&mut self, device: DeviceId, vin: Option<&str>) -> &mut Depot {
        let vin = vin.map(|text| text.parse().unwrap());
        let handshake = Handshake { vin, soc_permille: Some(430), ..Handshake::default() };
        let report = VehicleReport::Handshake(Box::new(handshake));
        self.event(Event::Device(device, Report::Vehicle(report)))
    }

    fn says(&mut self, message: FromLink) -> &mut Depot {
        self.event(Event::Link(message))
    }

    fn online(&mut self) -> &mut Depot {
        self.says(FromLink::Online {
            platform_time: None,
            telemetry_charging: Duration::from_secs(15),
            telemetry_idle: Duration::from_secs(300),
        });
        self.says(FromLink::Ready)
    }

    fn command_of(&mut self, device: DeviceCode, command: Command) -> u64 {
        self.tickets += 1;
        let ticket = self.tickets;
        self.says(FromLink::Command { ticket, device, command });
        ticket
    }

    /// The answer to this command; `None` while there is none.
    fn command(&mut self, device: DeviceCode, command: Command) -> Option<Answer> {
        let ticket = self.command_of(device, command);
        self.answer(ticket)
    }

    fn answer(&self, ticket: u64) -> Option<Answer> {
        let found: Vec<&Answer> = self
            .link
            .iter()
            .filter_map(|m| match m {
                ToLink::Answer(of, answer) if *of == ticket => Some(answer),
                _ => None,
            })
            .collect();
        assert!(found.len() <= 1, "two answers: {found:?}");
        found.first().map(|a| (*a).clone())
    }

    fn remote_start(&mut self, gun: usize, txn: u8) -> Option<Answer> {
        let start = start(gun, txn);
        self.command(pile(), Command::RemoteStart(start))
    }

    fn remote_stop(&mut self, gun: usize, txn: TransactionNumber) -> Option<Answer> {
        self.command(pile(), Command::RemoteStop { txn, connector: gun_id(gun).number })
    }

    /// The newest question to the platform.
    fn asked(&self) -> (u64, AuthoriseRequest) {
        let asked = self.link.iter().rev().find_map(|m| match m {
            ToLink::Authorise(ticket, request) => Some((*ticket, request.clone())),
            _ => None,
        });
        asked.expect("the platform was not asked")
    }

    fn decide(&mut self, decision: Decision) -> &mut Depot {
        let ticket = self.asked().0;
        self.says(FromLink::Decision(ticket, decision))
    }

    fn accept(&mut self, txn: u8) -> &mut Depot {
        self.decide(Decision::Accepted { grant: grant(txn), wait_for_start: false })
    }

    fn acknowledge(&mut self, record: u64) -> &mut Depot {
        self.says(FromLink::Acknowledged(EntryId { lane: Lane::Record, id: record }, Verdict::Taken))
    }

    fn operator(&mut self, order: OperatorOrder) -> Option<Result<(), String>> {
        self.tickets += 1;
        let ticket = self.tickets;
        self.event(Event::Operator(ticket, order));
        self.outcome(ticket)
    }

    fn outcome(&self, ticket: u64) -> Option<Result<(), String>> {
        self.done.iter().find(|(of, _)| *of == ticket).map(|(_, outcome)| outcome.clone())
    }

    fn state(&self, gun: usize) -> ConnectorState {
        self.station.status(self.now).connectors[gun].state
    }

    fn told(&self, gun: usize) -> Option<&Feedback> {
        self.feedback.iter().rev().find(|(at, _)| *at == gun).map(|(_, feedback)| feedback)
    }

    fn refused(&self, gun: usize) -> Option<&str> {
        match self.told(gun) {
            Some(Feedback::Refused(text)) => Some(text),
            _ => None,
        }
    }

    fn ordered(&self, gun: usize, order: &Order) -> usize {
        self.orders.iter().filter(|(at, what)| *at == gun && what == order).count()
    }

    fn realtimes(&self, gun: usize) -> Vec<&Realtime> {
        let told = self.link.iter().filter_map(|m| match m {
            ToLink::Realtime(r) if r.connector == gun_id(gun) => Some(r),
            _ => None,
        });
        told.collect()
    }

    fn records(&self) -> Vec<&TransactionRecord> {
        self.disk.records()
    }

    fn alarms(&self) -> Vec<String> {
        self.station.status(self.now).alarms.iter().map(|a| a.code.clone()).collect()
    }

    fn charges(&self, gun: usize) -> bool {
        self.field[gun].state == ChargerState::Charging
    }

    /// Offline start and stop with this card; the record is made.
    fn charge_offline(&mut self, gun: usize, card: u8) -> &mut Depot {
        self.plug(gun).swipe(gun, card).run(20);
        assert!(self.charges(gun), "card {card} does not charge: {:?}", self.told(gun));
        self.swipe(gun, card).run(30);
        self.unplug(gun)
    }
}

/// Guns whose chargers let a vehicle name itself.
fn by_vin(guns: usize) -> Config {
    let mut config = config(guns);
    for gun in &mut config.connectors {
        (gun.vin_start, gun.can_identify) = (true, true);
    }
    config
}

/// A vehicle that the list lets charge.
fn bus(vin: &str) -> Vehicle {
    Vehicle {
        vin: vin.parse().unwrap(),
        fleet_number: "1024".into(),
        plate: "粤B12345".into(),
        status: VehicleStatus::Allowed,
        bound_card: None,
        power_percent: 0,
        priority: 0,
    }
}

/// As [`Depot::supplied`], with this VIN list.
fn fleet(config: Config, vehicles: Vec<Vehicle>) -> Depot {
    let mut disk = Disk::default();
    disk.supply((1..5).map(listed).collect(), tariff(7), Utc(1_800_000_000_000));
    disk.know(vehicles, Utc(1_800_000_000_000));
    let mut depot = Depot::on(config, disk);
    depot.run(31); // what was plugged in at the start would have asked by now
    depot
}

fn refusal(batch: &Batch) -> Event {
    Event::Refused(batch.number, "it was there before".to_owned())
}

fn start(gun: usize, txn: u8) -> RemoteStart {
    RemoteStart {
        connector: gun_id(gun).number,
        grant: grant(txn),
        unknown_limit: false,
        aux_voltage: 0,
        expires: Duration::from_secs(90),
    }
}

fn by_operator(gun: usize) -> OperatorOrder {
    OperatorOrder::Start { connector: gun_id(gun), by: "li".into() }
}

fn bound_card(n: u8) -> Credential {
    Credential::Card(uid(n))
}
