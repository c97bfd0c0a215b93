//! The program between its devices, its platform and its disk: the machines of `app::build` without a runtime.
//!
//! Its monotonic clock begins when it is started; the world's moments are translated at this border.

use crate::clock::WallClock;
use depotd::app::uplink::BuiltLink;
use depotd::app::{self, build};
use depotd::bus::{self, Line};
use depotd::canbus::{self, Bus};
use depotd::config::Config;
use depotd::config::devices::Nonce;
use depotd::link::{self, Held, Link};
use depotd::model::batch::Recovered;
use depotd::model::ident::DeviceId;
use depotd::model::message::StationFacts;
use depotd::model::time::{Instant, Now};
use depotd::session::Restart;
use depotd::station::{self, ConnectorConfig, Station};
use std::cell::Cell;
use std::time::Duration;

thread_local! {
    /// Nonces of the OSDP handshake: never the same twice in a run, and the same run for the same seed.
    static NONCES: Cell<u64> = const { Cell::new(0) };
}

/// Begins the nonces of a run.
pub(crate) fn seed_nonces(seed: u64) {
    NONCES.set(seed);
}

fn nonce() -> Nonce {
    Box::new(|| {
        NONCES.set(
            NONCES.get().wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407),
        );
        NONCES.get().rotate_left(29).to_le_bytes()
    })
}

/// One run of the program.
pub(crate) struct Daemon {
    /// Which start of the program this is.
    pub(crate) run: u32,
    boot: Instant,
    station: Station,
    link: Link,
    lines: Vec<Line>,
    buses: Vec<Bus>,
    wakes: Wakes,
    /// Line of each device; CAN buses follow the lines.
    ways: Vec<usize>,
    pub(crate) connectors: Vec<ConnectorConfig>,
    /// The station said that it has ended.
    pub(crate) station_ended: bool,
    pub(crate) link_ended: bool,
}

/// When each machine wants to be woken, in moments of the world.
#[derive(Debug)]
pub(crate) struct Wakes {
    station: Option<Instant>,
    link: Option<Instant>,
    lines: Vec<Option<Instant>>,
    buses: Vec<Option<Instant>>,
}

/// What the machines wanted at their start.
pub(crate) struct Started {
    pub(crate) daemon: Daemon,
    pub(crate) station: Vec<station::Action>,
}

impl Daemon {
    pub(crate) fn start(
        config: &Config,
        recovered: Recovered,
        restart: Restart,
        clock: &WallClock,
        at: Instant,
        run: u32,
        seed: u64,
    ) -> Started {
        let edge =
            build::Edge { secret: &app::secret, nonce, seed: seed.wrapping_add(u64::from(run)), restart };
        let machines = build::machines(config, &edge).expect("the planned depot can be built");
        let boot = Instant(at.0.saturating_sub(1_000_000));
        let now = clock.now(at, boot);
        let held = Held::of(&recovered);
        let facts = StationFacts {
            boot_counter: recovered.boot_counter,
            unsent_records: u32::try_from(recovered.unsent_records).unwrap_or(u32::MAX),
            ..StationFacts::default()
        };
        let BuiltLink { config: link_config, uplink, .. } =
            machines.links.into_iter().next().expect("the planned depot has a platform");
        let link = Link::new(link_config, uplink, facts, &held, now);
        let mut ways = vec![0; machines.devices.len()];
        for (index, line) in machines.lines.iter().enumerate() {
            line.devices.iter().for_each(|id| ways[usize::from(id.0)] = index);
        }
        for (index, bus) in machines.buses.iter().enumerate() {
            bus.devices.iter().for_each(|id| ways[usize::from(id.0)] = machines.lines.len() + index);
        }
        let connectors = machines.station.connectors.clone();
        let lines: Vec<Line> = machines.lines.into_iter().map(|line| line.machine).collect();
        let buses: Vec<Bus> = machines.buses.into_iter().map(|bus| bus.machine).collect();
        let (station, actions) = Station::new(now, machines.station, recovered);
        let wakes = Wakes {
            station: Some(at),
            link: Some(at),
            lines: vec![Some(at); lines.len()],
            buses: vec![Some(at); buses.len()],
        };
        let daemon = Daemon {
            run,
            boot,
            station,
            link,
            lines,
            buses,
            wakes,
            ways,
            connectors,
            station_ended: false,
            link_ended: false,
        };
        Started { daemon, station: actions }
    }

    pub(crate) fn now(&self, clock: &WallClock, at: Instant) -> Now {
        clock.now(at, self.boot)
    }

    fn world(&self, wake: Option<Instant>) -> Option<Instant> {
        wake.map(|wake| wake + Duration::from_micros(self.boot.0))
    }

    pub(crate) fn station(&mut self, now: Now, event: station::Event) -> Vec<station::Action> {
        let actions = self.station.handle(now, event);
        self.wakes.station = self.world(self.station.wake_at());
        actions
    }

    pub(crate) fn link(&mut self, now: Now, event: link::Event<'_>) -> Vec<link::Action> {
        let actions = self.link.handle(now, event);
        self.wakes.link = self.world(self.link.wake_at());
        actions
    }

    pub(crate) fn line(&mut self, now: Now, line: usize, event: bus::Event<'_>) -> Vec<bus::Action> {
        let actions = self.lines[line].handle(now, event);
        self.wakes.lines[line] = self.world(self.lines[line].wake_at());
        actions
    }

    pub(crate) fn bus(&mut self, now: Now, bus: usize, event: canbus::Event<'_>) -> Vec<canbus::Action> {
        let actions = self.buses[bus].handle(now, event);
        self.wakes.buses[bus] = self.world(self.buses[bus].wake_at());
        actions
    }

    pub(crate) fn way(&self, device: DeviceId) -> usize {
        self.ways[usize::from(device.0)]
    }

    pub(crate) fn epoch(&self) -> u64 {
        self.link.epoch()
    }

    pub(crate) fn is_online(&self) -> bool {
        self.link.is_online()
    }

    pub(crate) fn wants_octets(&self) -> bool {
        self.link.wants_octets()
    }

    pub(crate) fn status(&self, now: Now) -> station::Status {
        self.station.status(now)
    }

    pub(crate) fn station_wake(&self) -> Option<Instant> {
        self.wakes.station
    }

    pub(crate) fn link_wake(&self) -> Option<Instant> {
        self.wakes.link.filter(|_| !self.link_ended)
    }

    pub(crate) fn line_wake(&self, line: usize) -> Option<Instant> {
        self.wakes.lines[line]
    }

    pub(crate) fn bus_wake(&self, bus: usize) -> Option<Instant> {
        self.wakes.buses[bus]
    }

    /// All of them.
    pub(crate) fn wakes(&self) -> &Wakes {
        &self.wakes
    }

    /// The earliest of all.
    pub(crate) fn wake_at(&self) -> Option<Instant> {
        let lines = self.wakes.lines.iter().chain(&self.wakes.buses).copied();
        lines.chain([self.station_wake(), self.link_wake()]).flatten().min()
    }
}
