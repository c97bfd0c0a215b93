//! From a checked configuration to machines. Nothing is opened and nothing is started here: the simulation builds its
//! station with the same functions.

use super::Error;
use super::uplink::{self, BuiltLink};
use crate::bms::{self, Tap};
use crate::bus::Line;
use crate::canbus::{self, Bus};
use crate::config::devices::Nonce;
use crate::config::{self, CanWay, ChargerDriver, Config, Secret, SecretSource, StopSessions};
use crate::control::desk::Device;
use crate::control::probe::Pile;
use crate::driver::tcu::Controller;
use crate::driver::{Driver, osdp};
use crate::model::ident::{ConnectorId, DeviceId};
use crate::model::quantity::Energy;
use crate::model::time::Now;
use crate::port::can::{self, Way};
use crate::port::clock::BUILD;
use crate::port::serial::{ParityBit, Settings, is_unstable_name};
use crate::session;
use crate::station::{self, ConnectorConfig, Inventory};
use std::path::Path;

/// Offline sessions of the whole station until their records are acknowledged (parameter 0024).
const OFFLINE_SESSIONS: u32 = 1000;

/// What the world outside gives to machines.
pub struct Edge<'a> {
    /// Reads a secret.
    pub secret: &'a dyn Fn(&SecretSource) -> Result<Secret, Error>,
    /// Makes the source of nonces of one reader.
    pub nonce: fn() -> Nonce,
    /// For jitter and spreading.
    pub seed: u64,
    /// Why the program was started anew.
    pub restart: session::Restart,
}

/// Everything that runs.
pub struct Machines {
    /// One per RS-485 line, in the order of the configuration.
    pub lines: Vec<BuiltLine>,
    /// One per CAN bus, in the order of the configuration.
    pub buses: Vec<BuiltBus>,
    /// Settings of the station.
    pub station: station::Config,
    /// The connections to the platform: none, one, or one per pile.
    pub links: Vec<BuiltLink>,
    /// Every device, for people.
    pub devices: Vec<Device>,
    /// Chargers that are read by a profile.
    pub piles: Vec<Pile>,
}

/// A line with its master.
pub struct BuiltLine {
    /// Its name.
    pub name: String,
    /// How its port is opened.
    pub settings: Settings,
    /// The master.
    pub machine: Line,
    /// Its devices.
    pub devices: Vec<DeviceId>,
}

/// A CAN bus with its machine.
pub struct BuiltBus {
    /// Its name.
    pub name: String,
    /// How its adapter is opened.
    pub settings: can::Settings,
    /// The machine.
    pub machine: Bus,
    /// Its devices.
    pub devices: Vec<DeviceId>,
}

/// Nonces from the operating system's generator. Without it there are none, and no secure channel.
#[must_use]
pub fn system_nonce() -> Nonce {
    Box::new(|| {
        let mut nonce = [0; 8];
        getrandom::fill(&mut nonce)
            .expect("the kernel gives random octets on every machine that can run this program");
        nonce
    })
}

/// Builds them all.
pub fn machines(config: &Config, edge: &Edge<'_>) -> Result<Machines, Error> {
    let mut plan = Plan::new(config);
    let mut meters = Vec::new();
    for meter in &config.meters {
        let driver = meter.driver(&config.lines[meter.line]).map_err(|what| unfit(&meter.name, &what))?;
        let address = meter.address.to_string();
        let protocol = meter.address.word();
        meters.push(plan.on_line("meter", protocol, meter.name.clone(), meter.line, address, driver));
    }
    let mut readers = Vec::new();
    for reader in &config.readers {
        let key = reader.key().map(|source| reader_key(&reader.name, source, edge)).transpose()?;
        let driver = reader.driver(key, (edge.nonce)()).map_err(|what| unfit(&reader.name, &what))?;
        let address = reader.kind.to_string();
        let protocol = reader.kind.word();
        readers.push(plan.on_line("reader", protocol, reader.name.clone(), reader.line, address, driver));
    }
    let mut connectors = Vec::new();
    for charger in &config.chargers {
        for connector in &charger.connectors {
            connectors.push(ConnectorConfig {
                meter: meters[connector.meter],
                reader: connector.reader.map(|r| readers[r]),
                ..plan.connector(charger, connector)?
            });
        }
    }
    connectors.sort_by_key(|c| c.id);
    let inventory = plan.inventory(&meters, &readers);
    let (lines, buses) = (plan.lines(edge.seed), plan.buses);
    let lines = lines.into_iter().collect();
    let buses = buses.into_iter().zip(&config.cans).map(|(devices, can)| bus(can, devices)).collect();
    Ok(Machines {
        lines,
        buses,
        station: station::Config {
            code: config.code,
            connectors,
            inventory,
            clocks: clocks(config, &meters),
            offline: offline(&config.offline),
            session: session::Config { restart: edge.restart, ..session::Config::default() },
            protocol: config.uplink.as_ref().map_or_else(Default::default, |uplink| uplink.protocol),
            has_platform: config.uplink.is_some(),
            built: BUILD,
            seed: edge.seed,
        },
        links: uplink::links(config, edge)?,
        devices: plan.devices,
        piles: plan.piles,
    })
}

/// Which device is where.
struct Plan<'a> {
    config: &'a Config,
    drivers: Vec<Vec<(DeviceId, Box<dyn Driver>)>>,
    buses: Vec<Vec<(DeviceId, canbus::Device)>>,
    devices: Vec<Device>,
    piles: Vec<Pile>,
}

impl<'a> Plan<'a> {
    fn new(config: &'a Config) -> Plan<'a> {
        Plan {
            config,
            drivers: config.lines.iter().map(|_| Vec::new()).collect(),
            buses: config.cans.iter().map(|_| Vec::new()).collect(),
            devices: Vec::new(),
            piles: Vec::new(),
        }
    }

    fn add(
        &mut self,
        kind: &'static str,
        protocol: &'static str,
        name: String,
        line: String,
        address: String,
    ) -> DeviceId {
        let id = DeviceId(self.devices.len() as u16);
        self.devices.push(Device { id, kind, protocol, name, line, address });
        id
    }

    fn on_line(
        &mut self,
        kind: &'static str,
        protocol: &'static str,
        name: String,
        line: usize,
        address: String,
        driver: Box<dyn Driver>,
    ) -> DeviceId {
        let id = self.add(kind, protocol, name, self.config.lines[line].name.clone(), address);
        self.drivers[line].push((id, driver));
        id
    }

    fn on_bus(
        &mut self,
        kind: &'static str,
        name: String,
        bus: usize,
        address: String,
        device: canbus::Device,
    ) -> DeviceId {
        let protocol = if kind == "tap" { "gbt27930" } else { "tcu" };
        let id = self.add(kind, protocol, name, self.config.cans[bus].name.clone(), address);
        self.buses[bus].push((id, device));
        id
    }

    /// A connector with its charger and its tap; meter and reader are filled in by the caller.
    fn connector(
        &mut self,
        charger: &config::Charger,
        connector: &config::Connector,
    ) -> Result<ConnectorConfig, Error> {
        let id = ConnectorId { pile: charger.code, number: connector.number };
        let (device, partner) = match charger.driver {
            ChargerDriver::Modbus { line, address, .. } => {
                let driver = charger.modbus(connector).unwrap_or_else(|| Err(Vec::new()));
                let driver = driver.map_err(|what| unfit(&id.to_string(), &what))?;
                let slave = address.saturating_add(connector.number - 1);
                let device =
                    self.on_line("charger", "modbus", id.to_string(), line, slave.to_string(), driver);
                if let Some(profile) = charger.profile() {
                    let line = self.config.lines[line].name.clone();
                    self.piles.push(Pile { connector: id, device, line, slave, profile });
                }
                (device, None)
            }
            ChargerDriver::Tcu { can, dual_gun, .. } => {
                let tcu = charger.tcu(connector).ok_or_else(|| unfit(&id.to_string(), &[]))?;
                let machine = canbus::Device::Controller(Box::new(Controller::new(Now::default(), tcu)));
                let address = format!("{:02X}", tcu.controller);
                let partner = ConnectorId { number: config::partner(id.number), ..id };
                (self.on_bus("charger", id.to_string(), can, address, machine), dual_gun.then_some(partner))
            }
        };
        let tap = connector.tap.map(|bus| {
            let machine = canbus::Device::Tap(Box::new(Tap::new(bms::Config::default())));
            self.on_bus("tap", id.to_string(), bus, "-".to_owned(), machine)
        });
        Ok(ConnectorConfig {
            id,
            charger: device,
            rated: charger.rated,
            billing: charger.billing,
            tap,
            vin_start: connector.vin_start,
            can_identify: charger.needs_heartbeats(),
            aux: connector.aux,
            partner,
            ..ConnectorConfig::default()
        })
    }

    /// Every device by class and index; CAN buses are counted behind the serial lines.
    fn inventory(&self, meters: &[DeviceId], readers: &[DeviceId]) -> Inventory {
        let lines = self.config.lines.iter().zip(&self.drivers);
        let lines = lines.map(|(line, drivers)| (line.name.clone(), ids(drivers)));
        let buses = self.config.cans.iter().zip(&self.buses);
        let buses = buses.map(|(can, devices)| (can.name.clone(), ids(devices)));
        let keyed = self.config.readers.iter().zip(readers).map(|(r, id)| (*id, r.key().is_some()));
        Inventory { meters: meters.to_vec(), readers: keyed.collect(), lines: lines.chain(buses).collect() }
    }

    fn lines(&mut self, seed: u64) -> Vec<BuiltLine> {
        let lines = std::mem::take(&mut self.drivers).into_iter().zip(&self.config.lines).enumerate();
        lines
            .map(|(index, (drivers, line))| BuiltLine {
                name: line.name.clone(),
                settings: settings(line),
                devices: ids(&drivers),
                machine: Line::new(line.bus(), drivers, seed.wrapping_add(index as u64)),
            })
            .collect()
    }
}

fn bus(can: &config::Can, devices: Vec<(DeviceId, canbus::Device)>) -> BuiltBus {
    let ids = ids(&devices);
    let machine = Bus::new(canbus::Config { bitrate: can.bitrate, listen_only: can.listen_only }, devices);
    let way = match &can.way {
        CanWay::Interface(name) => Way::Interface(name.clone()),
        CanWay::Serial(device, baud) => Way::Serial(device.clone(), *baud),
    };
    let filters = machine.filters();
    let settings = can::Settings { way, bitrate: can.bitrate, listen_only: can.listen_only, filters };
    BuiltBus { name: can.name.clone(), settings, machine, devices: ids }
}

/// What is allowed and yet worth a word at the start.
#[must_use]
pub fn cautions(config: &Config) -> Vec<String> {
    let lines = config.lines.iter().map(|line| (&line.name, &line.device));
    let adapters = config.cans.iter().filter_map(|can| match &can.way {
        CanWay::Serial(device, _) => Some((&can.name, device)),
        CanWay::Interface(_) => None,
    });
    let unstable = lines.chain(adapters).filter(|(_, device)| is_unstable_name(Path::new(device)));
    let unstable = unstable.map(|(name, device)| {
        format!("{name}: {device} may be another adapter after the next plug; name it by /dev/serial/by-path")
    });
    let billed = |index: usize| config.chargers.iter().flat_map(|c| &c.connectors).any(|c| c.meter == index);
    let floats =
        config.meters.iter().enumerate().filter(|(index, meter)| billed(*index) && meter.counts_in_floats());
    let floats = floats.map(|(_, meter)| {
        format!(
            "{}: its register is a float, whose steps grow with what it counts; bills are the platform's",
            meter.name
        )
    });
    unstable
        .chain(floats)
        .chain(installs(config))
        .chain(need_heartbeats(config))
        .chain(without_effect(config))
        .collect()
}

/// Readers that may be met through the key that everybody has.
fn installs(config: &Config) -> impl Iterator<Item = String> {
    let open = |r: &&config::Reader| matches!(r.kind, config::ReaderKind::Osdp { install: true, .. });
    config.readers.iter().filter(open).map(|reader| {
        format!(
            "{}: install = true: it may be given its key once through the default one, which everybody has; remove it when \
             depotctl readers shows the reader secure",
            reader.name
        )
    })
}

/// Chargers that stop by themselves when nobody speaks to them.
fn need_heartbeats(config: &Config) -> Option<String> {
    let some = config.chargers.iter().any(config::Charger::needs_heartbeats);
    (some && config.stop == StopSessions::Keep).then(|| {
        "station.stop.sessions = \"keep\": chargers with driver = \"tcu\" stop 3 s after the last heartbeat; a stop of \
         the program ends their sessions in order, a restart keeps them"
            .to_owned()
    })
}

/// What is written and checked, and has no effect in this version.
fn without_effect(config: &Config) -> Option<String> {
    let fallback = config.chargers.iter().flat_map(|c| &c.connectors).any(|c| c.fallback.is_some());
    (config.site_limit.is_some() || fallback).then(|| {
        "site.limit_kw and fallback_kw are checked but not yet enforced: this version does not share power".to_owned()
    })
}

fn ids<T>(devices: &[(DeviceId, T)]) -> Vec<DeviceId> {
    devices.iter().map(|(id, _)| *id).collect()
}

/// DL/T 645 meters by the line on which they hear one broadcast.
fn clocks(config: &Config, meters: &[DeviceId]) -> Vec<Vec<DeviceId>> {
    let hears = |index: usize, meter: &config::Meter| {
        meter.line == index && matches!(meter.address, config::MeterAddress::Dlt645(..))
    };
    let of_line = |(index, _): (usize, &config::Line)| {
        let all = config.meters.iter().zip(meters);
        all.filter(|(meter, _)| hears(index, meter)).map(|(_, id)| *id).collect()
    };
    config.lines.iter().enumerate().filter(|(_, line)| line.set_meter_clocks).map(of_line).collect()
}

/// Rules of offline charging as the station takes them.
#[must_use]
pub fn offline(rules: &config::Offline) -> station::Offline {
    station::Offline {
        enable: rules.enable,
        vin: rules.vin,
        list_max_age: rules.list_max_age,
        sessions_per_card: rules.sessions_per_card,
        energy_per_card: Energy(rules.energy_per_card),
        sessions: OFFLINE_SESSIONS,
    }
}

fn reader_key(name: &str, source: &SecretSource, edge: &Edge<'_>) -> Result<osdp::Key, Error> {
    let secret = (edge.secret)(source)?;
    osdp::Key::from_secret(secret.octets()).map_err(|e| Error::Config(format!("key of reader {name}: {e}")))
}

fn unfit(name: &str, what: &[String]) -> Error {
    Error::Config(format!("{name}: {}", what.join("; ")))
}

fn settings(line: &config::Line) -> Settings {
    let parity = match line.parity {
        config::Parity::None => ParityBit::None,
        config::Parity::Even => ParityBit::Even,
        config::Parity::Odd => ParityBit::Odd,
    };
    Settings {
        device: line.device.clone(),
        baud: line.baud,
        parity,
        stop_bits: line.stop_bits,
        kernel_turns: line.kernel_turns,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEPOT: &str = r#"
[station]
code = "44030012340001"
[[line]]
name = "a"
device = "/dev/ttyUSB0"
baud = 9600
[[line]]
name = "b"
device = "/dev/ttyS2"
baud = 9600
set_meter_clocks = false
[[meter]]
name = "m1"
line = "a"
protocol = "dlt645-1997"
address = "000000000001"
poll = "10s"
[[meter]]
name = "m2"
line = "a"
protocol = "modbus"
address = 1
profile = "eastron-sdm630"
poll = "10s"
[[meter]]
name = "m3"
line = "b"
protocol = "dlt645-2007"
address = "000000000003"
poll = "10s"
[[reader]]
name = "r1"
line = "a"
driver = "mt62x"
[[reader]]
name = "r2"
line = "b"
driver = "uid-modbus"
address = 7
[[charger]]
code = "44030000010001"
kind = "ac"
driver = "modbus"
line = "b"
address = 1
profile = "abb-terra-ac"
rated_kw = 11.0
[[charger.connector]]
number = 1
meter = "m2"
reader = "r1"
"#;

    fn depot() -> Config {
        config::load(DEPOT, &|_| Err(std::io::ErrorKind::NotFound.into()))
            .unwrap_or_else(|problems| panic!("{problems:#?}"))
    }

    #[test]
    fn every_device_of_the_configuration_is_on_its_line_and_on_the_list() {
        let secret = |_: &SecretSource| Err(Error::Io("none".to_owned()));
        let restart = session::Restart::Unexpected;
        let edge = Edge { secret: &secret, nonce: || Box::new(|| [0; 8]), seed: 1, restart };
        let machines = machines(&depot(), &edge).expect("good");
        let listed: Vec<_> = machines
            .devices
            .iter()
            .map(|d| (d.kind, d.name.as_str(), d.line.as_str(), d.address.as_str()))
            .collect();
        assert_eq!(
            listed,
            [
                ("meter", "m1", "a", "000000000001"),
                ("meter", "m2", "a", "1"),
                ("meter", "m3", "b", "000000000003"),
                ("reader", "r1", "a", "-"),
                ("reader", "r2", "b", "7"),
                ("charger", "44030000010001/1", "b", "1"),
            ]
        );
        let on_lines: Vec<usize> = machines.lines.iter().map(|l| l.devices.len()).collect();
        assert_eq!(on_lines, [3, 3]);
        // of the lines that may tell the time, the DL/T 645 meters
        assert_eq!(machines.station.clocks, [vec![DeviceId(0)]]);
    }

    #[test]
    fn what_is_allowed_but_unwise_is_said_once() {
        let cautions = cautions(&depot());
        assert_eq!(cautions.len(), 2, "{cautions:?}");
        assert!(cautions[0].starts_with("a: /dev/ttyUSB0 may be another adapter"));
        assert!(cautions[1].starts_with("m2: its register is a float"));
    }
}
