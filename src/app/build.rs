//! From a checked configuration to machines. Nothing is opened and nothing is started here: the simulation builds its
//! station with the same functions.

use super::Error;
use crate::bus::Line;
use crate::config::devices::Nonce;
use crate::config::{self, Config, Secret, SecretSource};
use crate::control::desk::Device;
use crate::driver::{Driver, osdp};
use crate::link;
use crate::model::ident::{ConnectorId, DeviceId};
use crate::model::message::PileRegister;
use crate::model::quantity::{Energy, Power};
use crate::port::clock::BUILD;
use crate::port::serial::{ParityBit, Settings, is_unstable_name};
use crate::session;
use crate::station::{self, ConnectorConfig, Inventory};
use crate::uplink::Uplink;
use crate::uplink::p222::{self, P222};
use crate::wire::platform222::Variant;
use std::path::Path;
use std::time::Duration;
use zeroize::Zeroizing;

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
    /// Settings of the station.
    pub station: station::Config,
    /// The platform link: its settings and its protocol.
    pub link: Option<(link::Config, Box<dyn Uplink>)>,
    /// Every device, for people.
    pub devices: Vec<Device>,
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
    let mut lines: Vec<Vec<(DeviceId, Box<dyn Driver>)>> = config.lines.iter().map(|_| Vec::new()).collect();
    let mut devices = Vec::new();
    let mut add =
        |kind: &'static str, name: String, line: usize, address: String, driver: Box<dyn Driver>| {
            let id = DeviceId(devices.len() as u16);
            devices.push(Device { id, kind, name, line: config.lines[line].name.clone(), address });
            lines[line].push((id, driver));
            id
        };
    let mut meters = Vec::new();
    for meter in &config.meters {
        let driver = meter.driver(&config.lines[meter.line]).map_err(|what| unfit(&meter.name, &what))?;
        meters.push(add("meter", meter.name.clone(), meter.line, meter.address.to_string(), driver));
    }
    let mut readers = Vec::new();
    for reader in &config.readers {
        let key = reader.key().map(|source| reader_key(&reader.name, source, edge)).transpose()?;
        let driver = reader.driver(key, (edge.nonce)()).map_err(|what| unfit(&reader.name, &what))?;
        readers.push(add("reader", reader.name.clone(), reader.line, reader.kind.to_string(), driver));
    }
    let mut connectors = Vec::new();
    for charger in &config.chargers {
        for connector in &charger.connectors {
            let id = ConnectorId { pile: charger.code, number: connector.number };
            let driver = charger.driver(connector).map_err(|what| unfit(&id.to_string(), &what))?;
            let address = (u16::from(charger.address) + u16::from(connector.number) - 1).to_string();
            connectors.push(ConnectorConfig {
                id,
                charger: add("charger", id.to_string(), charger.line, address, driver),
                meter: meters[connector.meter],
                reader: connector.reader.map(|r| readers[r]),
                rated: charger.rated,
                billing: charger.billing,
            });
        }
    }
    connectors.sort_by_key(|c| c.id);
    let inventory = Inventory {
        readers: config.readers.iter().zip(&readers).map(|(r, id)| (*id, r.key().is_some())).collect(),
        lines: config
            .lines
            .iter()
            .zip(&lines)
            .map(|(line, drivers)| (line.name.clone(), ids(drivers)))
            .collect(),
        meters: meters.clone(),
    };
    let lines = lines.into_iter().zip(&config.lines).enumerate().map(|(index, (drivers, line))| BuiltLine {
        name: line.name.clone(),
        settings: settings(line),
        devices: ids(&drivers),
        machine: Line::new(line.bus(), drivers, edge.seed.wrapping_add(index as u64)),
    });
    Ok(Machines {
        lines: lines.collect(),
        station: station::Config {
            code: config.code,
            connectors,
            inventory,
            clocks: clocks(config, &meters),
            offline: offline(&config.offline),
            session: session::Config { restart: edge.restart, ..session::Config::default() },
            built: BUILD,
            seed: edge.seed,
        },
        link: config.uplink.as_ref().map(|uplink| platform(config, uplink, edge)).transpose()?,
        devices,
    })
}

/// What is allowed and yet worth a word at the start.
#[must_use]
pub fn cautions(config: &Config) -> Vec<String> {
    let unstable = config.lines.iter().filter(|line| is_unstable_name(Path::new(&line.device)));
    let unstable = unstable.map(|line| {
        format!(
            "{}: {} may be another adapter after the next plug; name it by /dev/serial/by-path",
            line.name, line.device
        )
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
    unstable.chain(floats).chain(without_effect(config)).collect()
}

/// What is written and checked, and has no effect in this version.
fn without_effect(config: &Config) -> Option<String> {
    let fallback = config.chargers.iter().flat_map(|c| &c.connectors).any(|c| c.fallback.is_some());
    (config.site_limit.is_some() || fallback).then(|| {
        "site.limit_kw and fallback_kw are checked but not yet enforced: this version does not share power".to_owned()
    })
}

fn ids(drivers: &[(DeviceId, Box<dyn Driver>)]) -> Vec<DeviceId> {
    drivers.iter().map(|(id, _)| *id).collect()
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
        list_max_age: rules.list_max_age,
        sessions_per_card: rules.sessions_per_card,
        energy_per_card: Energy(rules.energy_per_card),
        sessions: OFFLINE_SESSIONS,
    }
}

fn platform(
    config: &Config,
    uplink: &config::Uplink,
    edge: &Edge<'_>,
) -> Result<(link::Config, Box<dyn Uplink>), Error> {
    let secret = uplink.secret.as_ref().map(|source| (edge.secret)(source)).transpose()?;
    let connectors: usize = config.chargers.iter().map(|c| c.connectors.len()).sum();
    let codec = P222::new(p222::Config {
        station: config.code,
        secret: secret.map(|s| Zeroizing::new(s.octets().to_vec())),
        crc: Variant::by_name(&uplink.crc).unwrap_or_default(),
        little_endian: uplink.crc_little_endian,
        software: env!("CARGO_PKG_VERSION").to_owned(),
        piles: u16::try_from(config.chargers.len()).unwrap_or(u16::MAX),
        connectors: u16::try_from(connectors).unwrap_or(u16::MAX),
    });
    let mut piles: Vec<PileRegister> = config.chargers.iter().map(|charger| pile(config, charger)).collect();
    piles.sort_by_key(|p| p.pile);
    let link = link::Config {
        addresses: uplink.addresses.clone(),
        reconnect_max: uplink.reconnect_max,
        heartbeat: Duration::from_secs(20),
        resend_after: Duration::from_secs(10),
        resends: 3,
        lane_pause: Duration::from_secs(300),
        stored_per_second: 50,
        piles,
        seed: edge.seed,
    };
    Ok((link, Box::new(codec)))
}

fn pile(config: &Config, charger: &config::Charger) -> PileRegister {
    let meter = charger.connectors.first().map(|c| config.meters[c.meter].kind());
    PileRegister {
        pile: charger.code,
        kind: if charger.dc { 1 } else { 2 },
        connectors: u8::try_from(charger.connectors.len()).unwrap_or(u8::MAX),
        rated_power: Power(charger.rated.0),
        max_voltage: None,
        max_current: None,
        billing_mode: charger.billing,
        meter_kind: meter.unwrap_or(0),
        model: charger.model(),
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
