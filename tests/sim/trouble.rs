//! What goes wrong, and what the platform's people want: drawn from the seed, one after the other. Every kind comes at
//! least once in a run.

use crate::calendar::Arrival;
use crate::world::World;
use depotd::model::access::CardStatus;
use depotd::model::ident::{CardUid, ConnectorId, Credential};
use depotd::model::quantity::Energy;
use depotd::model::report::ChargerState;
use depotd::model::time::Instant;
use depotd::sim::bay::StartFault;
use depotd::sim::controller;
use depotd::sim::depot::Act;
use depotd::sim::household;
use depotd::sim::line;
use depotd::sim::plan::{Place, PlannedCharger};
use depotd::sim::platform::{Fault, Order};
use depotd::sim::plug;
use depotd::station::OperatorOrder;
use std::collections::BTreeMap;
use std::time::Duration;

/// From one trouble to the next, on average.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Density {
    pub(crate) seconds: u64,
}

/// Where it goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Line,
    Charger,
    Can,
    Link,
    Disk,
    Clock,
    Power,
    People,
    Platform,
}

const KINDS: [Kind; 9] = [
    Kind::Line,
    Kind::Charger,
    Kind::Link,
    Kind::Disk,
    Kind::Clock,
    Kind::Power,
    Kind::People,
    Kind::Platform,
    Kind::Can,
];

/// What ends again.
#[derive(Clone, Debug)]
pub(crate) enum Relief {
    Device(String),
    Adapter(usize),
    Bay(ConnectorId),
    Disk,
    Replies,
    Synchronised,
    /// A program that does not end by itself is ended.
    End(u32),
}

pub(crate) struct Trouble {
    density: Density,
    pub(crate) random: fastrand::Rng,
    pub(crate) count: BTreeMap<Kind, u32>,
    pub(crate) over: bool,
    tariffs: u32,
    first: Vec<Kind>,
}

impl Trouble {
    pub(crate) fn new(density: Density, can: bool, seed: u64) -> Trouble {
        let mut random = fastrand::Rng::with_seed(seed ^ 0x7270);
        let mut first: Vec<Kind> = KINDS.into_iter().filter(|kind| can || *kind != Kind::Can).collect();
        random.shuffle(&mut first);
        Trouble { density, random, count: BTreeMap::new(), over: false, tariffs: 1, first }
    }

    fn wait(&mut self) -> Duration {
        Duration::from_millis(self.random.u64(200..self.density.seconds * 2_000))
    }

    fn next(&mut self) -> Kind {
        let kind = self.first.pop().unwrap_or_else(|| match self.random.u32(..100) {
            0..22 => Kind::Line,
            22..29 => Kind::Charger,
            29..36 => Kind::Can,
            36..56 => Kind::Link,
            56..62 => Kind::Disk,
            62..68 => Kind::Clock,
            68..74 => Kind::Power,
            74..82 => Kind::People,
            _ => Kind::Platform,
        });
        *self.count.entry(kind).or_default() += 1;
        kind
    }

    fn seconds(&mut self, range: std::ops::Range<u64>) -> Duration {
        Duration::from_millis(self.random.u64(range.start * 1000..range.end * 1000))
    }
}

impl World {
    pub(crate) fn begin_trouble(&mut self) {
        // the depot comes up in peace, and the first list and tariff arrive
        self.calendar.put(self.at + Duration::from_secs(90), Arrival::Trouble);
    }

    pub(crate) fn next_trouble(&mut self) {
        if self.trouble.over {
            return;
        }
        match self.trouble.next() {
            Kind::Line => self.line_trouble(),
            // a depot without CAN has trouble with its other chargers instead
            Kind::Can if self.plan.cans.is_empty() => self.charger_trouble(),
            Kind::Can => self.can_trouble(),
            Kind::Charger => self.charger_trouble(),
            Kind::Link => self.link_trouble(),
            Kind::Disk => self.disk_trouble(),
            Kind::Clock => self.clock_trouble(),
            Kind::Power => self.power_trouble(),
            Kind::People => self.people_trouble(),
            Kind::Platform => self.platform_wish(),
        }
        let wait = self.trouble.wait();
        self.calendar.put(self.at + wait, Arrival::Trouble);
    }

    fn later(&mut self, wait: Duration, relief: Relief) -> Instant {
        self.calendar.put(self.at + wait, Arrival::Relief(relief));
        self.at + wait
    }

    pub(crate) fn relieve(&mut self, relief: Relief) {
        let run = self.daemon.as_ref().map(|d| d.run);
        match relief {
            Relief::Device(name) => drop(self.depot.act(self.at, Act::Heal(name))),
            Relief::Adapter(line) => self.plug_adapter(line, true),
            Relief::Bay(connector) => self.heal_bay(connector),
            Relief::Disk => (self.disk.slow, self.disk.fails) = (false, false),
            Relief::Replies => self.order(Order::Faults([].into())),
            Relief::Synchronised => {
                self.clock.synchronise(true);
                self.clock_changed();
            }
            Relief::End(of) if run == Some(of) => {
                let ended = self.daemon.as_ref().is_some_and(|d| d.station_ended);
                self.reference.log(format!("run {of} ends, in order: {ended}"));
                let away = self.trouble.seconds(1..20);
                self.kill(false, away);
            }
            Relief::End(_) => {}
        }
        self.watch_depot();
    }

    fn heal_bay(&mut self, connector: ConnectorId) {
        let Some(bay) = self.depot.bay(connector) else { return };
        (bay.start_fault, bay.stop_ignored, bay.emergency) = (StartFault::None, false, false);
    }

    fn device(&mut self) -> (usize, String) {
        let place = self.trouble.random.usize(..self.plan.places.len());
        let kind = ["meter", "charger", "reader"][self.trouble.random.usize(..3)];
        (place, format!("{kind}-{}", place + 1))
    }

    /// A silent device delays its neighbours on the line, too.
    fn everybody_sick(&mut self, until: Instant) {
        self.reference.sick(None, until + Duration::from_secs(30));
    }

    fn line_trouble(&mut self) {
        let (_, name) = self.device();
        match self.trouble.random.u32(..10) {
            0..5 => {
                let fault = line::Fault::WORDS[self.trouble.random.usize(..line::Fault::WORDS.len())].1;
                self.reference.log(format!("trouble: {name} {fault:?}"));
                let wait = self.trouble.seconds(3..200);
                let until = self.later(wait, Relief::Device(name.clone()));
                self.everybody_sick(until);
                drop(self.depot.act(self.at, Act::Fault(name, fault)));
            }
            5..8 => {
                let share = self.trouble.random.u16(20..400);
                self.reference.log(format!("trouble: {name} flaky {share}"));
                let wait = self.trouble.seconds(20..900);
                let until = self.later(wait, Relief::Device(name.clone()));
                self.everybody_sick(until);
                drop(self.depot.act(self.at, Act::Flaky(name, share)));
            }
            _ => {
                let line = self.trouble.random.usize(..self.plan.lines.len());
                self.reference.log(format!("trouble: adapter of line {line} is pulled out"));
                let wait = self.trouble.seconds(1..240);
                let until = self.later(wait, Relief::Adapter(line));
                self.everybody_sick(until);
                self.plug_adapter(line, false);
            }
        }
    }

    fn charger_trouble(&mut self) {
        let place = self.trouble.random.usize(..self.plan.places.len());
        let connector = self.plan.places[place].connector;
        let what = self.trouble.random.u32(..9);
        let wait = self.trouble.seconds(10..150);
        if what == 8 {
            let register = Energy(self.trouble.random.i64(0..9_000) * 10_000);
            self.reference.log(format!("trouble: another meter at {connector}, at {register}"));
            self.reference.replaced(place);
            drop(self.depot.act(self.at, Act::ReplaceMeter(connector, register)));
            return;
        }
        let until = self.later(wait, Relief::Bay(connector));
        self.reference.sick(Some(place), until + Duration::from_secs(10));
        let at = self.at;
        let Some(bay) = self.depot.bay(connector) else { return };
        let name = match what {
            0 | 1 => {
                bay.start_fault = StartFault::Fails;
                "start fails"
            }
            2 | 3 => {
                bay.start_fault = StartFault::Ignored;
                "start ignored"
            }
            4 | 5 => {
                bay.stop_ignored = true;
                "stop ignored"
            }
            _ => {
                bay.emergency = true;
                bay.advance(at);
                "emergency stop"
            }
        };
        self.reference.log(format!("trouble: {connector} {name}"));
        self.watch_depot();
    }

    /// Charger and vehicle do not understand each other, a controller goes wrong, an adapter is pulled out.
    fn can_trouble(&mut self) {
        let on_can = |p: &&Place| matches!(p.charger, PlannedCharger::Controller { .. });
        let first = self.plan.places.iter().position(|p| on_can(&p)).unwrap_or(0);
        let place = self.trouble.random.usize(first..self.plan.places.len());
        let wait = self.trouble.seconds(5..200);
        let (name, word) = match self.trouble.random.u32(..10) {
            0..6 => {
                let words = plug::Trouble::WORDS;
                (format!("plug-{}", place + 1), words[self.trouble.random.usize(..words.len())].0)
            }
            6..9 => {
                let words = controller::Fault::WORDS;
                (format!("charger-{}", place + 1), words[self.trouble.random.usize(..words.len())].0)
            }
            _ => {
                let port = self.plan.lines.len() + self.trouble.random.usize(..self.plan.cans.len());
                self.reference.log(format!("trouble: adapter {port} is pulled out"));
                let until = self.later(wait, Relief::Adapter(port));
                self.everybody_sick(until);
                return self.plug_adapter(port, false);
            }
        };
        self.reference.log(format!("trouble: {name} {word}"));
        let until = self.later(wait, Relief::Device(name.clone()));
        self.everybody_sick(until);
        drop(self.depot.act(self.at, Act::Disturb(name, word.to_owned())));
        self.watch_depot();
    }

    fn link_trouble(&mut self) {
        let what = self.trouble.random.u32(..12);
        self.reference.log(format!("trouble: link {what}"));
        match what {
            0 | 1 => self.order(Order::Cut),
            2 => self.order(Order::Freeze),
            3 | 4 => {
                let down = self.trouble.seconds(20..1_200);
                self.network.down_until = self.at + down;
                self.order(Order::Cut);
            }
            5 => {
                self.order(Order::Disturbed);
                if let Some(id) = self.network.current()
                    && let Some(connection) = self.network.connections.get_mut(&id)
                {
                    connection.dark = true;
                }
            }
            6 => {
                self.order(Order::Disturbed);
                let stall = self.trouble.seconds(2..55);
                self.network.stalled_until = self.at + stall;
            }
            7 => {
                self.order(Order::Disturbed);
                if let Some(id) = self.network.current()
                    && let Some(at) = self.network.down(self.at, id)
                {
                    let noise =
                        (0..self.trouble.random.usize(1..400)).map(|_| self.trouble.random.u8(..)).collect();
                    self.calendar.put(at, Arrival::Down(id, noise));
                }
            }
            8 | 9 => {
                let fault = Fault::NAMES[self.trouble.random.usize(..Fault::NAMES.len())].1;
                let count = self.trouble.random.u32(1..4);
                self.order(Order::Fault(fault, count));
            }
            _ => {
                let permille = self.trouble.random.u16(10..150);
                let soft = Fault::NAMES.iter().filter(|(_, f)| !matches!(f, Fault::Freeze | Fault::Cut));
                self.order(Order::Faults(soft.map(|(_, f)| (*f, permille)).collect()));
                let wait = self.trouble.seconds(30..600);
                self.later(wait, Relief::Replies);
            }
        }
    }

    fn disk_trouble(&mut self) {
        let slow = self.trouble.random.bool();
        self.reference.log(format!("trouble: disk, slow {slow}"));
        (self.disk.slow, self.disk.fails) = (slow, !slow);
        let wait = self.trouble.seconds(1..120);
        let until = self.later(wait, Relief::Disk);
        self.disk.unsettled_until = self.disk.unsettled_until.max(until + Duration::from_secs(40));
        self.everybody_sick(until);
        self.order(Order::Disturbed); // answers wait for the disk
    }

    fn clock_trouble(&mut self) {
        let ms = self.trouble.random.i64(-20_000..20_000);
        match self.trouble.random.u32(..4) {
            0 => {
                self.clock.synchronise(true);
                self.reference.log("trouble: a time server".to_owned());
            }
            1 => {
                self.clock.synchronise(false);
                self.reference.log("trouble: no time server".to_owned());
            }
            _ => {
                self.reference.log(format!("trouble: the clock steps by {ms} ms"));
                self.clock.step(ms);
            }
        }
        self.clock_changed();
    }

    fn power_trouble(&mut self) {
        let away = match self.trouble.random.u32(..4) {
            0..3 => self.trouble.seconds(1..30),
            _ => self.trouble.seconds(30..600),
        };
        match self.trouble.random.u32(..5) {
            0 | 1 => {
                self.reference.log("trouble: the depot is without power".to_owned());
                self.kill(true, away);
                if self.trouble.random.bool() {
                    self.clock.forget(self.at);
                    let wait = self.trouble.seconds(600..3_000);
                    self.later(away + wait, Relief::Synchronised);
                }
            }
            2 | 3 => {
                self.reference.log("trouble: the program is killed".to_owned());
                self.kill(false, away);
            }
            _ => {
                let end_sessions = self.trouble.random.bool();
                self.reference.log(format!("the program is to end, sessions too: {end_sessions}"));
                let Some(run) = self.daemon.as_ref().map(|d| d.run) else { return };
                let wait = Duration::from_secs(if end_sessions { 70 } else { 10 });
                self.later(wait, Relief::End(run));
                self.shut_down(end_sessions);
            }
        }
    }

    fn people_trouble(&mut self) {
        let place = self.trouble.random.usize(..self.plan.places.len());
        let connector = self.plan.places[place].connector;
        let card = self.plan.cards[self.trouble.random.usize(..self.plan.cards.len())].uid;
        let by = "tester".to_owned();
        match self.trouble.random.u32(..7) {
            0 => self.operate(OperatorOrder::Stop { connector, by }),
            1 => self.operate(OperatorOrder::Start { connector, by }),
            2 => {
                let stranger = CardUid::new(&[0x5A, 1, 2, self.trouble.random.u8(..)]).expect("uid");
                drop(self.depot.act(self.at, Act::Swipe(format!("reader-{}", place + 1), stranger)));
            }
            3 => drop(self.depot.act(self.at, Act::Unplug(connector))),
            _ => drop(self.depot.act(self.at, Act::Swipe(format!("reader-{}", place + 1), card))),
        }
        self.watch_depot();
    }

    fn platform_wish(&mut self) {
        let place = self.trouble.random.usize(..self.plan.places.len());
        let connector = self.plan.places[place].connector;
        let card = self.plan.cards[self.trouble.random.usize(..self.plan.cards.len())].uid;
        let what = self.trouble.random.u32(..14);
        self.reference.log(format!("wish {what} at {connector}"));
        match what {
            0..4 => {
                let places = &self.plan.places;
                let idle = |c: &ConnectorId| {
                    self.depot.bays().any(|(id, bay)| {
                        id == *c && bay.vehicle().is_some() && bay.state() != ChargerState::Charging
                    })
                };
                let waiting: Vec<ConnectorId> = places.iter().map(|p| p.connector).filter(idle).collect();
                let connector = waiting.first().copied().unwrap_or(connector);
                let credential =
                    if self.trouble.random.bool() { Credential::Card(card) } else { Credential::None };
                self.order(Order::Start {
                    connector,
                    txn: None,
                    credential,
                    expected_vin: None,
                    limit: (0, 0),
                    expires: 0,
                });
            }
            4 | 5 => {
                let txn = self.platform.running(connector);
                self.order(Order::Stop { connector, txn });
            }
            6 => self.order(Order::Stop { connector, txn: None }),
            7 | 8 => {
                self.trouble.tariffs += 1;
                let mut tariff = household::tariff(self.trouble.tariffs);
                let dearer = self.trouble.tariffs * 7;
                tariff.tiers.iter_mut().for_each(|tier| tier.electricity.0 += dearer);
                self.order(Order::Tariff(tariff));
            }
            9 => {
                let mut cards = household::cards(&self.plan);
                let at = self.trouble.random.usize(..cards.len());
                cards[at].status = CardStatus::Lost;
                let full = self.trouble.random.bool();
                if self.platform.unanswered() == 0 && self.platform.is_online() {
                    self.platform.set_cards(cards);
                    self.order(Order::SyncCards { full });
                }
            }
            10 => {
                let balance = self.random.u32(1..100_000);
                self.order(Order::Balance { connector, balance });
            }
            11 => {
                let last = self.reference.records.keys().last().copied().unwrap_or(1);
                let first = self.random.u64(1..=last);
                self.order(Order::Recall(first, (first + 3).min(last)));
            }
            12 => self.order(Order::Time(None)),
            _ => {
                let what = self.random.u8(1..4);
                self.order(Order::Interrogate(what));
            }
        }
    }

    /// No more trouble: everything is mended, the program runs, the platform can be reached.
    pub(crate) fn heal(&mut self) {
        self.reference.log("everything is mended".to_owned());
        self.trouble.over = true;
        let names: Vec<String> = self.depot.devices().map(str::to_owned).collect();
        let count = self.plan.places.len();
        let plugs = (1..=count).flat_map(|n| [format!("plug-{n}"), format!("charger-{n}")]);
        for name in names.into_iter().chain(plugs) {
            drop(self.depot.act(self.at, Act::Heal(name)));
        }
        for line in 0..self.unplugged.len() {
            self.plug_adapter(line, true);
        }
        let places: Vec<ConnectorId> = self.plan.places.iter().map(|p| p.connector).collect();
        places.into_iter().for_each(|connector| self.heal_bay(connector));
        (self.disk.slow, self.disk.fails) = (false, false);
        self.order(Order::Faults([].into()));
        self.network.down_until = self.at;
        self.clock.synchronise(true);
        self.clock_changed();
        self.watch_depot();
    }
}
