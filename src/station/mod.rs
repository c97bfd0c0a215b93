//! The only machine that sees the whole: connectors, authorisation, lists, commands, journal.
//!
//! Devices report, the platform answers and commands, people swipe; the station decides. It owns one
//! [`crate::session::Session`] per busy connector, numbers and chains the records, keeps the lists and the tariffs,
//! and writes everything as batches: one batch in flight, what comes meanwhile goes into the next one. What must not
//! happen before a fact is durable waits for its batch (commit before act).
//!
//! What is absent: bytes, disks, sockets, clocks.
//!
//! Vehicles have three files: `vehicles` what is heard of them and what the list says, `identify` a vehicle as its own
//! credential, `pairs` two plugs in one bus.
//!
//! One file per part: `connector` what a gun is, `swipe` cards and decisions, `offline` the rule without the platform,
//! `remote` orders of the platform to one gun, `commands` all others, `tariffs`, `lists` cards, vehicles and plates, `departures` plans, `clock`, `serial` numbers of
//! our own, `sessions` their life here, `records` numbers and the chain, `journal` what waits for the disk, `alarms`
//! what is wrong, `alarm_flow` what they do here, `inventory` which device is meant, `telemetry` what others see,
//! `battery` when others hear of batteries, `meter_clock` the time of meters, `people` operators and the end,
//! `rehearsal` what an offline start would do, `status` what the local page shows.

mod alarm_flow;
mod alarms;
mod battery;
mod clock;
mod commands;
mod connector;
mod departures;
mod identify;
pub mod inventory;
mod journal;
mod lists;
mod meter_clock;
mod offline;
mod pairs;
mod people;
mod records;
mod rehearsal;
mod remote;
mod serial;
mod sessions;
mod status;
mod swipe;
mod tariffs;
mod telemetry;
#[cfg(test)]
mod tests;
mod vehicles;

pub use alarms::text as alarm_text;
pub use inventory::Inventory;
pub use rehearsal::{Condition, Rehearsal};
pub use status::{AlarmStatus, ConnectorStatus, LinkStatus, ListStatus, Status};

use crate::model::access::{Card, Plate, Vehicle};
use crate::model::batch::{Batch, Recovered};
use crate::model::ident::{ConnectorId, DeviceCode, DeviceId};
use crate::model::message::{EntryId, FromLink, StationFacts, ToLink};
use crate::model::quantity::{Energy, Power};
use crate::model::record::{BillingMode, Protocol};
use crate::model::report::{ChargerState, ChargerStatus, LinkState, MeterReading, Report, Surrounding};
use crate::model::request::{AuxVoltage, Order, Request};
use crate::model::time::{Instant, Now, Utc};
use crate::session;
use alarms::{Alarms, Key, SiteStop, code};
use commands::{Deferred, Remembered};
use connector::{Gun, Phase, Role};
use departures::Departures;
use inventory::Places;
use journal::Journal;
use lists::List;
use meter_clock::MeterClocks;
use offline::Ledger;
use people::Ending;
use records::Records;
use serial::Serials;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;
use swipe::Late;
use tariffs::Tariffs;

/// What the station must know of the depot.
#[derive(Clone, Debug)]
pub struct Config {
    /// Station code.
    pub code: DeviceCode,
    /// Every gun, in pile-code order.
    pub connectors: Vec<ConnectorConfig>,
    /// Every device by class and index.
    pub inventory: Inventory,
    /// DL/T 645 meters that hear one broadcast and may be told the time, line by line.
    pub clocks: Vec<Vec<DeviceId>>,
    /// Charging while the platform is away.
    pub offline: Offline,
    /// How sessions behave; the rating is taken from the connector.
    pub session: session::Config,
    /// In whose form records are made.
    pub protocol: Protocol,
    /// A platform is configured.
    pub has_platform: bool,
    /// No moment before this one is ever sent (platform-222.md 17).
    pub built: Utc,
    /// For spreading and jitter.
    pub seed: u64,
}

impl Config {
    /// Whether the platform hears of alarms: not every protocol has words for them.
    fn tells_alarms(&self) -> bool {
        match self.protocol {
            Protocol::Profile222 => self.has_platform,
            Protocol::Ykc16 => false,
        }
    }
}

/// One gun and its devices.
#[derive(Clone, Debug, Default)]
pub struct ConnectorConfig {
    /// Its name.
    pub id: ConnectorId,
    /// The charger's connector on its line.
    pub charger: DeviceId,
    /// The meter behind it.
    pub meter: DeviceId,
    /// The reader beside it.
    pub reader: Option<DeviceId>,
    /// Rating of the pile.
    pub rated: Power,
    /// Who computes the money.
    pub billing: BillingMode,
    /// What listens on the plug's own bus.
    pub tap: Option<DeviceId>,
    /// A vehicle may be its own credential here.
    pub vin_start: bool,
    /// The charger obeys [`Order::Identify`] and waits for [`Order::Admit`].
    pub can_identify: bool,
    /// Supply of a vehicle's BMS where the order names none.
    pub aux: AuxVoltage,
    /// The other plug of a vehicle with two inlets.
    pub partner: Option<ConnectorId>,
}

/// Rules of charging without the platform (platform-222.md 15.5).
#[derive(Clone, Debug)]
pub struct Offline {
    /// Parameter 0020; off is the safe default.
    pub enable: bool,
    /// Parameter 0021: vehicles of the list may start by their VIN.
    pub vin: bool,
    /// Parameter 0025.
    pub list_max_age: Duration,
    /// Parameter 0022.
    pub sessions_per_card: u32,
    /// Parameter 0023; zero = no cap.
    pub energy_per_card: Energy,
    /// Parameter 0024.
    pub sessions: u32,
}

/// What happens to the station.
#[derive(Clone, Debug)]
pub enum Event {
    /// A device told something.
    Device(DeviceId, Report),
    /// The platform link says.
    Link(FromLink),
    /// This batch is durable.
    Committed(u64),
    /// This batch is not, nothing of it.
    CommitFailed(u64),
    /// The store refused this batch, nothing of it is durable: a row contradicts what it holds, and why.
    Refused(u64, String),
    /// Something beside the devices: a line, the disk.
    Surrounding(Surrounding),
    /// An order of somebody in the depot; answered by [`Action::Done`] with the same ticket.
    Operator(u64, OperatorOrder),
    /// End: leave sessions charging (adopted at the next start), or close them in order.
    Shutdown {
        /// Sessions at these connectors are closed in order first; all others go on, and the next start adopts them.
        close: Vec<ConnectorId>,
    },
    /// A deadline passed.
    Woke,
}

/// Local operator actions (audited).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OperatorOrder {
    /// Start this connector; `by` names the person or tool.
    Start {
        /// Where.
        connector: ConnectorId,
        /// Who.
        by: String,
    },
    /// Stop what runs there.
    Stop {
        /// Where.
        connector: ConnectorId,
        /// Who.
        by: String,
    },
    /// Reset an alarm that does not end by itself.
    ResetAlarm {
        /// Which.
        id: u64,
        /// Who.
        by: String,
    },
    /// Nothing is to be done but to remember it.
    Note {
        /// What.
        what: String,
        /// Who.
        by: String,
    },
}

/// What the station wants done, in order.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Make this durable; then `Committed`, `CommitFailed` or `Refused` with its number. One at a time.
    Commit(Batch),
    /// Order a device.
    Tell(DeviceId, Request),
    /// Tell the platform link.
    Link(ToLink),
    /// The wall clock shall say this now.
    SetClock(Utc),
    /// The platform confirmed the wall clock.
    ConfirmClock,
    /// The outcome of an operator's order: a refusal says why and what to do.
    Done(u64, Result<(), String>),
    /// For the log and the counters.
    Note(Note),
    /// The shutdown is over; nothing follows.
    Ended,
}

/// What an operator would want to notice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// In order.
    Info(String),
    /// May need a person.
    Warn(String),
    /// Stops work.
    Error(String),
}

/// Conditions that depend on the wall clock are looked at this often.
const HOUSEKEEPING: Duration = Duration::from_secs(60);
/// A charger that charges without a session is told to stop at this pace.
const ORPHAN_STOP: Duration = Duration::from_secs(5);

/// How the link stands.
#[derive(Debug)]
struct Uplink {
    online: bool,
    telemetry_charging: Duration,
    telemetry_idle: Duration,
}

/// The station machine.
#[derive(Debug)]
pub struct Station {
    config: Config,
    guns: Vec<Gun>,
    roles: BTreeMap<DeviceId, Vec<(usize, Role)>>,
    journal: Journal,
    records: Records,
    cards: List<Card>,
    vins: List<Vehicle>,
    plates: List<Plate>,
    departures: Departures,
    tariffs: Tariffs,
    serials: Serials,
    offline_use: Ledger,
    alarms: Alarms,
    site_stop: SiteStop,
    /// Messages that the platform refused to know.
    refused_messages: BTreeSet<EntryId>,
    meter_clocks: MeterClocks,
    link: Uplink,
    /// Remote starts decided and their results.
    commands: Remembered<u8>,
    transactions: Remembered<()>,
    /// Piles that the platform does not know: no remote start there.
    unknown_piles: BTreeSet<DeviceCode>,
    late: VecDeque<Late>,
    /// The VIN list holds vehicles that not everybody may start.
    restricted_vehicles: bool,
    random: fastrand::Rng,
    deferred: VecDeque<Deferred>,
    facts: StationFacts,
    tickets: u64,
    epochs: u32,
    feedbacks: u32,
    housekeeping: Instant,
    ending: Option<Ending>,
    ended: bool,
}

impl Station {
    /// A station on what the store knows. Sessions that were open are recovered; the actions are to be carried out.
    #[must_use]
    pub fn new(now: Now, config: Config, recovered: Recovered) -> (Station, Vec<Action>) {
        let now = clock::believed(now, config.built);
        let alarms = Alarms::new(now, Places::new(&config.connectors, &config.inventory), &recovered);
        let guns: Vec<Gun> = config.connectors.iter().map(|c| Gun::new(c.clone(), false)).collect();
        let mut station = Station {
            roles: roles(&guns),
            guns,
            journal: Journal::default(),
            records: Records::new(config.code, &recovered),
            cards: List::new(recovered.cards),
            vins: List::new(recovered.vehicles),
            plates: List::new(recovered.plates),
            departures: Departures::new(recovered.departures),
            tariffs: Tariffs::new(recovered.tariffs, recovered.tariff_in_force, recovered.tariff_pending),
            serials: Serials::new(&recovered.serials),
            offline_use: Ledger::new(&recovered.offline_use, &recovered.records),
            alarms,
            site_stop: SiteStop::default(),
            refused_messages: BTreeSet::new(),
            meter_clocks: MeterClocks::new(now, &config.clocks),
            link: Uplink {
                online: false,
                telemetry_charging: Duration::from_secs(15),
                telemetry_idle: Duration::from_secs(300),
            },
            commands: Remembered::new(recovered.commands),
            transactions: Remembered::new(recovered.transactions.into_iter().map(|txn| (txn, ()))),
            unknown_piles: BTreeSet::new(),
            late: VecDeque::new(),
            restricted_vehicles: false,
            random: fastrand::Rng::with_seed(config.seed),
            deferred: VecDeque::new(),
            facts: StationFacts { boot_counter: recovered.boot_counter, ..StationFacts::default() },
            tickets: 0,
            epochs: sessions::NO_SESSION,
            feedbacks: 0,
            housekeeping: now.mono,
            ending: None,
            ended: false,
            config,
        };
        let mut out = vec![Action::Link(ToLink::Facts(station.facts.clone()))];
        out.push(Action::Link(ToLink::OpenAlarms(station.alarms.listed())));
        for entry in &recovered.offered_again {
            station.message_refused(now, *entry, true);
        }
        station.look_for_restrictions();
        station.recover(now, &recovered.sessions, &mut out);
        station.turn(now, &mut out);
        (station, out)
    }

    /// Takes one event; gives all that is to be done, in order. Nothing follows [`Action::Ended`].
    #[must_use]
    pub fn handle(&mut self, now: Now, event: Event) -> Vec<Action> {
        let mut out = Vec::new();
        if self.ended {
            return out;
        }
        let now = clock::believed(now, self.config.built);
        match event {
            Event::Device(device, report) => self.device(now, device, report, &mut out),
            Event::Link(message) => self.link_says(now, message, &mut out),
            Event::Committed(number) => self.committed(now, number, &mut out),
            Event::CommitFailed(number) => self.commit_failed(now, number, &mut out),
            Event::Refused(number, why) => self.refused(now, number, &why, &mut out),
            Event::Surrounding(what) => self.surrounding(now, what),
            Event::Operator(ticket, order) => self.operator(now, ticket, order, &mut out),
            Event::Shutdown { close } => self.shutdown(now, &close, &mut out),
            Event::Woke => {}
        }
        if !self.ended {
            self.turn(now, &mut out);
        }
        if self.ended {
            out.push(Action::Ended);
        }
        out
    }

    /// New rules for charging without the platform; sessions that run keep theirs.
    pub fn set_offline(&mut self, rules: Offline) {
        self.config.offline = rules;
    }

    /// When to be woken.
    #[must_use]
    pub fn wake_at(&self) -> Option<Instant> {
        if self.ended {
            return None;
        }
        let guns = self.guns.iter().filter_map(Gun::wake_at).min();
        let deadlines = [
            guns,
            self.journal.wake_at(),
            self.alarms.wake_at(),
            self.site_stop.wake_at(),
            self.telemetry_wake(),
            self.battery_wake(),
            self.ending_wake(),
            Some(self.housekeeping + HOUSEKEEPING),
        ];
        deadlines.into_iter().flatten().min()
    }

    /// What follows from the time and from what just happened.
    fn turn(&mut self, now: Now, out: &mut Vec<Action>) {
        if self.housekeeping + HOUSEKEEPING <= now.mono {
            self.housekeeping = now.mono;
            self.tell_meters_the_time(now, out);
        }
        self.watch_tariffs(now);
        self.resume_deferred(now, out);
        for gun in 0..self.guns.len() {
            self.watch_waits(now, gun, out);
            self.watch_identification(now, gun, out);
            self.watch_pair(now, gun, out);
            self.watch_session(now, gun, out);
            self.watch_orphan(now, gun, out);
            if self.guns[gun].unsent.is_some_and(|u| u.until <= now.mono || !self.link.online) {
                self.guns[gun].unsent = None;
            }
            self.show_state(now, gun, out);
            self.tell_battery(now, gun, out);
            self.telemetry(now, gun, out);
        }
        self.watch_conditions(now);
        self.watch_alarms(now, out);
        self.watch_ending(now, out);
        self.build(now, out);
        self.tell_facts(out);
    }

    fn device(&mut self, now: Now, device: DeviceId, report: Report, out: &mut Vec<Action>) {
        let guns = self.roles.get(&device).cloned().unwrap_or_default();
        if let Report::Card(card) = report {
            let at: Vec<usize> =
                guns.iter().filter(|(_, r)| *r == Role::Reader).map(|(gun, _)| *gun).collect();
            self.card(now, &at, card, out);
            return;
        }
        if let Report::Meter(MeterReading { clock_ahead_ms: Some(ahead_ms), .. }) = report {
            self.meter_clock(now, device, ahead_ms);
        }
        for (gun, role) in guns {
            match (role, &report) {
                (Role::Charger, Report::Charger(status)) => self.charger(now, gun, status, out),
                (Role::Meter, Report::Meter(reading)) => self.meter(now, gun, reading, out),
                (Role::Reader, Report::Reader(status)) => {
                    self.guns[gun].reader = *status;
                    let id = self.guns[gun].config.id;
                    let key = |code| Key::connector(code, id, "reader");
                    let keyed = self.config.inventory.readers.contains(&(device, true));
                    self.alarms.set(now, key(code::READER_OPENED), status.tamper);
                    self.alarms.set(now, key(code::READER_CHANNEL), keyed && !status.secure);
                }
                (role, Report::Done(order, outcome)) => {
                    self.order_done(now, gun, role, *order, *outcome, out)
                }
                (Role::Charger | Role::Tap, Report::Vehicle(report)) => {
                    self.vehicle(now, gun, role, report, out);
                }
                (role, Report::Link(state)) => self.device_link(now, gun, role, *state, out),
                (
                    _,
                    Report::Charger(_)
                    | Report::Meter(_)
                    | Report::Vehicle(_)
                    | Report::Reader(_)
                    | Report::Card(_),
                ) => {}
            }
        }
    }

    fn charger(&mut self, now: Now, gun: usize, status: &ChargerStatus, out: &mut Vec<Action>) {
        let this = &mut self.guns[gun];
        let was = this.was_plugged;
        this.was_plugged = status.plugged.or(was);
        let before = this.charger.state;
        let told = std::mem::replace(&mut this.charger, status.clone()).alarms;
        if status.plugged == Some(false) && was != Some(false) {
            this.finished = None;
            self.forget_vehicle(now, gun);
        }
        let pulled = was == Some(true) && status.plugged == Some(false);
        let under_load = pulled && before == ChargerState::Charging && self.guns[gun].running().is_some();
        self.charger_faults(now, gun, status, &told, under_load);
        if status.plugged == Some(true) && was != Some(true) {
            self.plugged_in(now, gun, was.is_some());
            if was.is_none() {
                self.found_plugged(gun);
            }
        }
        self.watch_handshake(now, gun, status, out);
        self.session_event(now, gun, session::Event::Charger(status), out);
    }

    fn meter(&mut self, now: Now, gun: usize, reading: &MeterReading, out: &mut Vec<Action>) {
        self.guns[gun].meter.take(reading);
        let order = self.own_order(gun, reading.order);
        let reading = MeterReading { order, ..reading.clone() };
        self.session_event(now, gun, session::Event::Meter(&reading), out);
        self.watch_offline_energy(now, gun, out);
    }

    fn device_link(&mut self, now: Now, gun: usize, role: Role, state: LinkState, out: &mut Vec<Action>) {
        let this = &mut self.guns[gun];
        let (lost, subject) = match role {
            Role::Charger => (code::CHARGER_LINK_LOST, "charger"),
            Role::Meter => (code::METER_LINK_LOST, "meter"),
            Role::Reader => (code::READER_LINK_LOST, "reader"),
            Role::Tap => (code::BMS_LISTENER_SILENT, "tap"),
        };
        match role {
            Role::Charger => this.charger_link = state,
            Role::Meter => this.meter_link = state,
            Role::Reader => this.reader_link = state,
            Role::Tap => this.tap_link = state,
        }
        let key = Key::connector(lost, this.config.id, subject);
        self.alarms.set(now, key, state == LinkState::Silent);
        match role {
            Role::Charger => self.session_event(now, gun, session::Event::ChargerLink(state), out),
            Role::Meter => self.session_event(now, gun, session::Event::MeterLink(state), out),
            Role::Reader | Role::Tap => {}
        }
    }

    fn link_says(&mut self, now: Now, message: FromLink, out: &mut Vec<Action>) {
        match message {
            FromLink::Online { platform_time, telemetry_charging, telemetry_idle } => {
                self.link = Uplink { online: true, telemetry_charging, telemetry_idle };
                self.alarms.set(now, Key::station(code::LOGIN_REFUSED, "platform"), false);
                if let Some(told) = platform_time {
                    self.platform_time(now, told, out);
                }
                self.spread_questions(now);
                self.tell_sessions(now, true, out);
            }
            FromLink::Ready => {
                self.confirm_lists(now);
                for gun in 0..self.guns.len() {
                    self.send_realtime(now, gun, out);
                }
            }
            FromLink::Offline => {
                self.link.online = false;
                self.discard_updates();
                self.asking_without_link(now, out);
                self.spread_unanswered(now);
                self.tell_sessions(now, false, out);
            }
            FromLink::LoginRefused(_) => {
                self.alarms.set(now, Key::station(code::LOGIN_REFUSED, "platform"), true);
            }
            FromLink::PlatformTime(told) => drop(self.platform_time(now, told, out)),
            FromLink::Tariff(tariff) => self.offer_tariff(now, None, tariff, out),
            FromLink::TariffConfirmed => {
                self.alarms.set(now, Key::station(code::IMPLAUSIBLE_VALUE, "tariff"), false);
            }
            FromLink::PileRegistered(pile, result) => self.pile_registered(now, pile, result),
            FromLink::Decision(ticket, decision) => self.decided(now, ticket, decision, out),
            FromLink::Command { ticket, device, command } => self.command(now, ticket, device, command, out),
            FromLink::Acknowledged(entry, verdict) => self.acknowledged(now, entry, verdict),
            FromLink::AlarmsTold(taken) => {
                self.alarms.set(now, Key::station(code::MESSAGE_REFUSED, "open alarms"), !taken);
            }
        }
    }

    fn tell_sessions(&mut self, now: Now, online: bool, out: &mut Vec<Action>) {
        for gun in 0..self.guns.len() {
            self.guns[gun].seen.due = None;
            self.session_event(now, gun, session::Event::Online(online), out);
        }
    }

    fn pile_registered(&mut self, now: Now, pile: DeviceCode, result: u8) {
        const UNKNOWN: u8 = 1;
        match result {
            UNKNOWN => self.unknown_piles.insert(pile),
            _ => self.unknown_piles.remove(&pile),
        };
        let key = Key::station(code::CONFIGURATION_DIFFERS, &pile.to_string());
        self.alarms.set(now, key, result != 0);
    }

    fn watch_session(&mut self, now: Now, gun: usize, out: &mut Vec<Action>) {
        let due = self.guns[gun].running().and_then(|r| r.session.wake_at());
        if due.is_some_and(|at| at <= now.mono) {
            self.session_event(now, gun, session::Event::Woke, out);
        }
    }

    /// A charger that charges without a session is stopped, with an alarm and without a record (platform-222.md 15.6).
    fn watch_orphan(&mut self, now: Now, gun: usize, out: &mut Vec<Action>) {
        let this = &self.guns[gun];
        if this.ghost {
            return;
        }
        let charges = this.charger_answers() && this.charger.state == ChargerState::Charging;
        let orphan = charges && this.running().is_none();
        let (id, charger) = (this.config.id, this.config.charger);
        if orphan && this.orphan.is_none_or(|again| again <= now.mono) {
            self.guns[gun].orphan = Some(now.mono + ORPHAN_STOP);
            self.feedbacks = self.feedbacks.wrapping_add(1);
            let order = sessions::order_id(sessions::NO_SESSION, self.feedbacks);
            out.push(Action::Note(Note::Warn(format!("{id} charges without a session; it is stopped"))));
            out.push(Action::Tell(charger, Request { order, what: Order::Stop }));
        } else if !orphan && this.orphan.is_some() {
            self.guns[gun].orphan = None;
        }
        let key = Key::connector(code::CHARGING_WITHOUT_SESSION, id, "charger");
        self.alarms.set(now, key, orphan);
    }
}

impl Gun {
    fn wake_at(&self) -> Option<Instant> {
        let phase = match &self.phase {
            Phase::Free => None,
            Phase::Identifying { until } | Phase::Asking { until, .. } | Phase::Held { until, .. } => {
                Some(*until)
            }
            Phase::Busy(running) => running.session.wake_at(),
        };
        let unsent = self.unsent.map(|u| u.until);
        let identifying = matches!(self.phase, Phase::Identifying { .. });
        [phase, unsent, self.orphan, self.show_again, self.identification.wake_at(identifying)]
            .into_iter()
            .flatten()
            .min()
    }
}

fn roles(guns: &[Gun]) -> BTreeMap<DeviceId, Vec<(usize, Role)>> {
    let mut roles: BTreeMap<DeviceId, Vec<(usize, Role)>> = BTreeMap::new();
    for (index, gun) in guns.iter().enumerate() {
        roles.entry(gun.config.charger).or_default().push((index, Role::Charger));
        roles.entry(gun.config.meter).or_default().push((index, Role::Meter));
        if let Some(reader) = gun.config.reader {
            roles.entry(reader).or_default().push((index, Role::Reader));
        }
        if let Some(tap) = gun.config.tap {
            roles.entry(tap).or_default().push((index, Role::Tap));
        }
    }
    roles
}
