//! One depot, one program, one platform and everything between them on one virtual clock. Time goes from one wake-up
//! to the next; every run of one seed is the same run.

use crate::calendar::{Arrival, Calendar};
use crate::clock::WallClock;
use crate::daemon::{self, Daemon, Started};
use crate::network::Network;
use crate::reference::Reference;
use crate::tap::Tap;
use crate::trouble::{Density, Trouble};
use depotd::bus;
use depotd::canbus;
use depotd::config::{self, Config};
use depotd::link;
use depotd::model::access::VehicleStatus;
use depotd::model::batch::Batch;
use depotd::model::ident::{ConnectorId, DeviceId};
use depotd::model::message::{Lane, ToLink};
use depotd::model::report::Report;
use depotd::model::request::Request;
use depotd::model::time::{Instant, SLOT_MS, Utc};
use depotd::session::Restart;
use depotd::sim::bay::Electronics;
use depotd::sim::depot::Depot;
use depotd::sim::household;
use depotd::sim::people::Habits;
use depotd::sim::plan::{Place, Plan, PlannedMeter};
use depotd::sim::platform::{self, Platform};
use depotd::station;
use depotd::store::{self, Store};
use depotd::wire::slcan::Parser;
use std::collections::VecDeque;
use std::time::Duration;

const SECRET: &str = "simulated-secret";
/// 2026-11-25 05:00 local time.
const START: Utc = Utc(1_795_640_400_000);
const UPKEEP: Duration = Duration::from_secs(30);
/// So many turns without time going on: a machine wants to be woken again and again.
const SPIN: u32 = 5_000;

/// What a machine is handed next.
pub(crate) enum Job {
    Station(station::Event),
    Line(usize, bus::Event<'static>),
    Bus(usize, canbus::Event<'static>),
    Octets(usize, Vec<u8>),
    Tell(usize, DeviceId, Request),
    Say(ToLink),
    Goodbye,
}

/// How the disk does.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Disk {
    pub(crate) fails: bool,
    pub(crate) slow: bool,
    /// Whoever waits for it may wait until then: it went wrong, and what failed is tried again after half a minute.
    pub(crate) unsettled_until: Instant,
    free: Instant,
}

/// What a run is like.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) seed: u64,
    pub(crate) places: usize,
    /// Guns of chargers on CAN beside them.
    pub(crate) guns: usize,
    pub(crate) habits: Habits,
    pub(crate) density: Density,
}

pub(crate) struct World {
    pub(crate) at: Instant,
    pub(crate) clock: WallClock,
    pub(crate) plan: Plan,
    pub(crate) depot: Depot,
    pub(crate) platform: Platform,
    pub(crate) network: Network,
    pub(crate) calendar: Calendar,
    pub(crate) reference: Reference,
    pub(crate) disk: Disk,
    /// Adapters that are not plugged in: those of lines, then those of CAN buses.
    pub(crate) unplugged: Vec<bool>,
    /// What the adapters of the CAN buses say.
    pub(crate) ears: Vec<Parser>,
    pub(crate) daemon: Option<Daemon>,
    pub(crate) random: fastrand::Rng,
    pub(crate) trouble: Trouble,
    /// Events handed to machines.
    pub(crate) handed: u64,
    store: Option<Store>,
    config: Config,
    settings: Settings,
    runs: u32,
    restart: Restart,
    in_flight: Option<Batch>,
    pub(crate) jobs: VecDeque<Job>,
    pub(crate) held: VecDeque<(u64, Vec<u8>)>,
    pub(crate) tap: Tap,
    tickets: u64,
    pub(crate) nonces: u64,
    /// Of the platform, heard so far.
    pub(crate) complaints: usize,
    depot_wake: Option<Instant>,
    pub(crate) platform_wake: Option<Instant>,
    turns: u32,
    _folder: tempfile::TempDir,
}

impl World {
    pub(crate) fn new(settings: Settings) -> World {
        let seed = settings.seed;
        daemon::seed_nonces(seed);
        let plan = match settings.guns {
            0 => Plan::depot(settings.places, seed),
            guns => Plan::depot(settings.places, seed).with_can(guns, seed),
        };
        let folder = tempfile::tempdir().expect("a folder for configuration and secrets");
        let file =
            household::write(&plan, folder.path(), Some("platform:7220"), SECRET, None).expect("written");
        let text = std::fs::read_to_string(file).expect("configuration");
        let config =
            config::load(&text, &|_| Err(std::io::ErrorKind::NotFound.into())).expect("configuration");
        let mut random = fastrand::Rng::with_seed(seed);
        let clock = WallClock::new(START.plus_ms(random.i64(0..48) * SLOT_MS + random.i64(0..SLOT_MS)));
        let at = Instant(10_000_000);
        let depot =
            Depot::new(&plan, Some(&settings.habits), Electronics::default(), clock.truth(Instant(0)), seed);
        let platform = household::platform(&plan, SECRET, seed);
        let (store, recovered) = Store::in_memory().expect("memory");
        drop(recovered);
        let connectors: Vec<ConnectorId> = plan.places.iter().map(|p| p.connector).collect();
        let mut world = World {
            at,
            reference: Reference::new(&connectors, household::tariff(1)),
            trouble: Trouble::new(settings.density, settings.guns > 0, seed),
            network: Network::new(seed),
            calendar: Calendar::default(),
            disk: Disk::default(),
            unplugged: vec![false; plan.lines.len() + plan.cans.len()],
            ears: plan.cans.iter().map(|_| Parser::default()).collect(),
            daemon: None,
            store: Some(store),
            runs: 0,
            restart: Restart::PowerLoss,
            in_flight: None,
            jobs: VecDeque::new(),
            held: VecDeque::new(),
            tap: Tap::default(),
            tickets: 0,
            nonces: 0,
            handed: 0,
            complaints: 0,
            depot_wake: Some(at),
            platform_wake: None,
            turns: 0,
            _folder: folder,
            clock,
            plan,
            depot,
            platform,
            config,
            random,
            settings,
        };
        let good = world.plan.vehicles.iter().filter(|v| v.status != VehicleStatus::Refused);
        world.reference.fleet = good.map(|v| v.vin).collect();
        let fine = |(_, place): &(usize, &Place)| matches!(place.meter, PlannedMeter::Modbus(..));
        world.reference.fine =
            world.plan.places.iter().enumerate().filter(fine).map(|(gun, _)| gun).collect();
        world.calendar.put(at, Arrival::Start);
        let slot = world.clock.moment(world.clock.truth(at).next_slot());
        world.calendar.put(slot, Arrival::Slot);
        world.begin_trouble();
        world
    }

    /// Lets time pass.
    pub(crate) fn run(&mut self, time: Duration) {
        let end = self.at + time;
        while let Some(at) = self.next_at().filter(|at| *at <= end) {
            self.turns = if at > self.at { 0 } else { self.turns + 1 };
            if self.turns > SPIN {
                let wants = [self.calendar.next_at(), self.depot_wake, self.platform_wake];
                let wakes = self.daemon.as_ref().map(Daemon::wakes);
                let what = format!("the machines want to be woken without end: {wants:?}, {wakes:?}");
                self.reference.blame("spin", what);
                break;
            }
            self.at = self.at.max(at);
            self.reference.at = self.at;
            self.turn();
        }
        self.at = end;
        self.reference.at = end;
    }

    fn next_at(&self) -> Option<Instant> {
        let daemon = self.daemon.as_ref().and_then(Daemon::wake_at);
        [self.calendar.next_at(), self.depot_wake, self.platform_wake, daemon].into_iter().flatten().min()
    }

    fn turn(&mut self) {
        while let Some(arrival) = self.calendar.take(self.at) {
            self.arrive(arrival);
            self.work();
        }
        let due = |wake: Option<Instant>| wake.is_some_and(|at| at <= self.at);
        let (depot, platform) = (due(self.depot_wake), due(self.platform_wake));
        if depot {
            self.depot_turn();
            self.work();
        }
        if let Some(daemon) = &self.daemon {
            let due = |wake: Option<Instant>| wake.is_some_and(|at| at <= self.at);
            for bus in 0..self.ears.len() {
                if due(daemon.bus_wake(bus)) {
                    self.jobs.push_back(Job::Bus(bus, canbus::Event::Woke));
                }
            }
            for line in 0..self.plan.lines.len() {
                if due(daemon.line_wake(line)) {
                    self.jobs.push_back(Job::Line(line, bus::Event::Woke));
                }
            }
            if due(daemon.station_wake()) {
                self.jobs.push_back(Job::Station(station::Event::Woke));
            }
            if due(daemon.link_wake()) {
                self.link_event(link::Event::Woke);
            }
        }
        if platform {
            self.platform_event(platform::Event::Woke);
        }
        self.work();
    }

    /// Lets the depot go on, and hands over what its lines carried.
    fn depot_turn(&mut self) {
        self.depot.advance(self.at);
        for line in 0..self.unplugged.len() {
            while let Some(octets) = self.depot.take(self.at, line) {
                if !self.unplugged[line] {
                    self.jobs.push_back(Job::Octets(line, octets));
                }
            }
        }
        self.watch_depot();
    }

    /// Looks at the bays, and writes down what people did.
    pub(crate) fn watch_depot(&mut self) {
        for (_, event) in self.depot.events.drain(..) {
            self.reference.log(event);
        }
        self.reference.watch(self.depot.bays().map(|(_, bay)| bay));
        self.depot_wake = self.depot.wake_at();
    }

    /// Something was said to the depot.
    pub(crate) fn see_depot(&mut self) {
        self.depot_wake = self.depot.wake_at();
    }

    fn arrive(&mut self, arrival: Arrival) {
        let run = self.daemon.as_ref().map_or(0, |d| d.run);
        match arrival {
            Arrival::Accepted(id) => {
                self.platform_event(platform::Event::Accepted(id));
                if self.disk.unsettled_until > self.at || self.network.stalled_until > self.at {
                    self.order(platform::Order::Disturbed);
                }
            }
            Arrival::Up(id, octets) => self.platform_event(platform::Event::Octets(id, &octets)),
            Arrival::ClosedAbove(id) => self.platform_event(platform::Event::Closed(id)),
            Arrival::Connected(id) => self.connected(id),
            Arrival::NotConnected(of, epoch) if of == run => {
                self.link_event(link::Event::Closed(epoch, "nobody answers"));
            }
            Arrival::Down(id, octets) => self.down(id, octets),
            Arrival::ClosedBelow(id) => self.closed_below(id),
            Arrival::Disk(of) if of == run => self.disk_done(),
            Arrival::Load(of, lane, after, limit) if of == run => self.loaded(lane, after, limit),
            Arrival::Opened(of, line, done) if of == run => {
                self.jobs.push_back(match line.checked_sub(self.plan.lines.len()) {
                    Some(bus) if done => Job::Bus(bus, canbus::Event::Opened),
                    Some(bus) => Job::Bus(bus, canbus::Event::OpenFailed),
                    None if done => Job::Line(line, bus::Event::Opened),
                    None => Job::Line(line, bus::Event::OpenFailed),
                });
            }
            Arrival::Start => self.start(),
            Arrival::Upkeep(of) if of == run => {
                self.clock.judge(self.at);
                self.clock_changed();
                self.calendar.put(self.at + UPKEEP, Arrival::Upkeep(of));
            }
            Arrival::Slot => self.slot(),
            Arrival::Trouble => self.next_trouble(),
            Arrival::Relief(relief) => self.relieve(relief),
            Arrival::NotConnected(..)
            | Arrival::Disk(_)
            | Arrival::Load(..)
            | Arrival::Opened(..)
            | Arrival::Upkeep(_) => {} // for a program that has ended
        }
    }

    fn slot(&mut self) {
        let truth = self.clock.truth(self.at);
        for gun in 0..self.plan.places.len() {
            let connector = self.plan.places[gun].connector;
            let Some(bay) = self.depot.bay(connector) else { continue };
            bay.advance(self.at);
            let register = bay.register();
            self.reference.mark(gun, truth, register);
        }
        self.watch_depot();
        self.calendar.put(self.clock.moment(truth.next_slot()), Arrival::Slot);
    }

    // the program

    fn start(&mut self) {
        let Some(store) = self.store.take().filter(|_| self.daemon.is_none()) else { return };
        let (store, recovered) = store.reopen().expect("the store opens after any end");
        self.store = Some(store);
        self.runs += 1;
        self.clock.boot(self.at);
        self.clock_changed();
        self.reference.started(&recovered, self.restart == Restart::PowerLoss);
        let seed = self.settings.seed;
        let Started { daemon, station } =
            Daemon::start(&self.config, recovered, self.restart, &self.clock, self.at, self.runs, seed);
        self.reference.devices(&daemon.connectors);
        self.daemon = Some(daemon);
        self.restart = Restart::Unexpected;
        self.calendar.put(self.at + UPKEEP, Arrival::Upkeep(self.runs));
        self.obey_station(station);
    }

    /// The program is gone, without a word. The batch that is on its way to the disk arrives there, or does not.
    pub(crate) fn kill(&mut self, whole_depot: bool, away: Duration) {
        let Some(daemon) = self.daemon.take() else {
            if whole_depot {
                self.depot.power_cut(self.at);
                self.watch_depot();
            }
            return;
        };
        if let Some(batch) = self.in_flight.take()
            && self.random.bool()
            && !self.disk.fails
        {
            self.apply(&batch);
        }
        self.jobs.clear();
        self.held.clear();
        self.order(platform::Order::Disturbed);
        for id in self.network.abandon(daemon.run) {
            match self.network.connections.get_mut(&id) {
                Some(connection) if whole_depot => connection.dark = true,
                Some(_) | None => {
                    self.calendar.put(self.at + Duration::from_millis(20), Arrival::ClosedAbove(id))
                }
            }
        }
        if whole_depot {
            self.depot.power_cut(self.at);
            self.restart = Restart::PowerLoss;
        } else {
            self.depot.unplug_master(None);
        }
        self.reference.ended();
        self.watch_depot();
        self.calendar.put(self.at + away, Arrival::Start);
    }

    /// Somebody ends the program in order.
    pub(crate) fn shut_down(&mut self, end_sessions: bool) {
        self.order(platform::Order::Disturbed);
        let all = self.daemon.iter().flat_map(|daemon| &daemon.connectors).map(|connector| connector.id);
        let close = if end_sessions { all.collect() } else { Vec::new() };
        self.jobs.push_back(Job::Station(station::Event::Shutdown { close }));
        self.work();
    }

    pub(crate) fn operate(&mut self, order: station::OperatorOrder) {
        if self.daemon.as_ref().is_none_or(|d| d.station_ended) {
            return;
        }
        self.tickets += 1;
        self.reference.operated(&order);
        self.jobs.push_back(Job::Station(station::Event::Operator(self.tickets, order)));
        self.work();
    }

    pub(crate) fn work(&mut self) {
        while let Some(job) = self.jobs.pop_front() {
            self.handed += 1;
            match job {
                Job::Station(event) => self.station_event(event),
                Job::Line(line, event) => self.line_event(line, event),
                Job::Bus(bus, event) => self.bus_event(bus, event),
                Job::Octets(line, octets) => match line.checked_sub(self.plan.lines.len()) {
                    Some(bus) => self.adapter_said(bus, &octets),
                    None => self.line_event(line, bus::Event::Octets(&octets)),
                },
                Job::Tell(line, device, request) => match line.checked_sub(self.plan.lines.len()) {
                    Some(bus) => self.bus_event(bus, canbus::Event::Tell(device, request)),
                    None => self.line_event(line, bus::Event::Tell(device, request)),
                },
                Job::Say(message) => self.link_event(link::Event::Station(message)),
                Job::Goodbye => self.link_event(link::Event::Goodbye(1)),
            }
        }
    }

    fn station_event(&mut self, event: station::Event) {
        let Some(daemon) = self.daemon.as_mut().filter(|d| !d.station_ended) else { return };
        let now = daemon.now(&self.clock, self.at);
        if let station::Event::Device(device, Report::Card(card)) = &event {
            self.reference.card(*device, *card);
        }
        let actions = daemon.station(now, event);
        self.obey_station(actions);
    }

    fn obey_station(&mut self, actions: Vec<station::Action>) {
        for action in actions {
            match action {
                station::Action::Commit(batch) => self.commit(batch),
                station::Action::Tell(device, request) => {
                    self.reference.told(device, &request);
                    let Some(daemon) = &self.daemon else { return };
                    self.jobs.push_back(Job::Tell(daemon.way(device), device, request));
                }
                station::Action::Link(message) => self.jobs.push_back(Job::Say(message)),
                station::Action::SetClock(time) => {
                    self.clock.set(self.at, time);
                    self.clock_changed();
                }
                station::Action::ConfirmClock => {
                    self.clock.confirm(self.at);
                    self.clock_changed();
                }
                station::Action::Done(ticket, outcome) => {
                    self.reference.log(format!("operator {ticket}: {outcome:?}"));
                }
                station::Action::Note(note) => self.reference.noted(&note),
                station::Action::Ended => {
                    if let Some(daemon) = &mut self.daemon {
                        daemon.station_ended = true;
                    }
                    self.jobs.push_back(Job::Goodbye);
                }
            }
        }
    }

    pub(crate) fn clock_changed(&mut self) {
        self.reference.clock_is(self.clock.wall(self.at), self.clock.trust(), self.clock.error_ms());
    }

    // the disk

    fn commit(&mut self, batch: Batch) {
        if self.in_flight.is_some() {
            self.reference.blame("journal", format!("batch {} while another is on its way", batch.number));
        }
        let ms = if self.disk.slow { self.random.u64(200..5_000) } else { self.random.u64(2..12) };
        self.in_flight = Some(batch);
        let run = self.daemon.as_ref().map_or(0, |d| d.run);
        let at = self.disk_free(ms);
        self.calendar.put(at, Arrival::Disk(run));
    }

    /// The store does one thing after the other; when it is ready with the newest.
    fn disk_free(&mut self, ms: u64) -> Instant {
        self.disk.free = self.disk.free.max(self.at) + Duration::from_millis(ms);
        self.disk.free
    }

    fn disk_done(&mut self) {
        let Some(batch) = self.in_flight.take() else { return };
        let done = !self.disk.fails && self.apply(&batch);
        if !done {
            self.reference.log(format!("batch {} is not taken", batch.number));
        }
        let event = if done { station::Event::Committed } else { station::Event::CommitFailed };
        self.jobs.push_back(Job::Station(event(batch.number)));
    }

    fn apply(&mut self, batch: &Batch) -> bool {
        let Some(store) = &mut self.store else { return false };
        match store.apply(batch) {
            Ok(()) => {
                self.reference.committed(batch);
                true
            }
            Err(error) => {
                self.reference
                    .blame("store", format!("a batch contradicts what is stored: {error}: {batch:?}"));
                false
            }
        }
    }

    pub(crate) fn load(&mut self, lane: Lane, after: u64, limit: usize) {
        let run = self.daemon.as_ref().map_or(0, |d| d.run);
        let ms = self.random.u64(1..6);
        let at = self.disk_free(ms);
        self.calendar.put(at, Arrival::Load(run, lane, after, limit));
    }

    fn loaded(&mut self, lane: Lane, after: u64, limit: usize) {
        let unreadable = self.disk.fails && self.random.bool();
        let read = |store: &Store| store.entries(lane, after, limit).expect("memory can be read");
        let entries = self.store.as_ref().filter(|_| !unreadable).map(read);
        self.link_event(link::Event::Loaded(lane, entries));
    }

    pub(crate) fn store(&self) -> &Store {
        self.store.as_ref().expect("a run ends with its store")
    }

    /// Hash chain, totals, gaps.
    pub(crate) fn verify(&self) -> store::verify::Verification {
        self.store().verify(self.plan.station).expect("memory can be read")
    }

    // lines

    fn line_event(&mut self, line: usize, event: bus::Event<'_>) {
        let Some(daemon) = &mut self.daemon else { return };
        let now = daemon.now(&self.clock, self.at);
        let run = daemon.run;
        let mut wrote = false;
        for action in daemon.line(now, line, event) {
            match action {
                bus::Action::Open => {
                    let wait = Duration::from_millis(3);
                    self.calendar.put(self.at + wait, Arrival::Opened(run, line, !self.unplugged[line]));
                }
                bus::Action::DiscardInput => {}
                bus::Action::Write(octets) if self.unplugged[line] => {
                    drop(octets);
                    self.jobs.push_back(Job::Line(line, bus::Event::WriteFailed));
                }
                bus::Action::Write(octets) => {
                    self.depot.written(self.at, line, &octets);
                    wrote = true;
                }
                bus::Action::Report(device, report) => {
                    self.jobs.push_back(Job::Station(station::Event::Device(device, report)));
                }
            }
        }
        if wrote {
            self.depot_wake = self.depot.wake_at();
        }
    }

    /// The adapter of a line is pulled out, or plugged in again.
    pub(crate) fn plug_adapter(&mut self, line: usize, plugged: bool) {
        self.unplugged[line] = !plugged;
        if !plugged {
            self.depot.unplug_master(Some(line));
            self.jobs.push_back(match line.checked_sub(self.plan.lines.len()) {
                Some(bus) => Job::Bus(bus, canbus::Event::Lost),
                None => Job::Line(line, bus::Event::Lost),
            });
            self.work();
            self.depot_wake = self.depot.wake_at();
        }
    }
}
