//! From the file as written to the configuration as relied on: names, references, addresses, unsafe sets.

use super::chargers::{self, Known, WrittenDriver};
use super::devices::FULL_PERMILLE;
use super::file::{Address, MeterProtocol, Written, WrittenMeter};
use super::profiles::{self, ALLOWED, Family};
use super::reader::{At, Place, Problems};
use super::{
    CanWay, Charger, ChargerDriver, Config, Line, Meter, MeterAddress, Offline, ReaderKind, Store, Web,
};
use crate::model::ident::DeviceCode;
use crate::model::quantity::Power;
use crate::model::record::BillingMode;
use crate::model::time::DAY_MS;
use crate::wire::dlt645::control::Edition;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

const KEEP_RECORDS: Duration = Duration::from_millis(400 * DAY_MS as u64);

pub(super) fn resolve(
    written: Written,
    problems: &mut Problems<'_>,
    read_file: &dyn Fn(&str) -> std::io::Result<String>,
) -> Config {
    let lines = names(problems, "line", written.lines.iter().map(|l| &l.name));
    let meters = names(problems, "meter", written.meters.iter().map(|m| &m.name));
    let readers = names(problems, "reader", written.readers.iter().map(|r| &r.name));
    let buses = names(problems, "can", written.cans.iter().map(|c| &c.name));
    for can in written.cans.iter().filter(|can| lines.contains_key(&can.name.value)) {
        problems.add(&can.name.place, "is the name of a line", "a name that no [[line]] has");
    }
    let places: Vec<Place> = written.lines.iter().map(|l| l.name.place.clone()).collect();
    let mut devices = Unique::new("the same device is used by");
    for line in &written.lines {
        devices.add(problems, line.device.value.clone(), &line.device.place, "one line per device");
    }
    let mut on_line = Unique::new("the same address on this line has");
    let mut config = Config {
        code: code(problems, &written.code),
        name: written.name,
        uplink: written.uplink,
        stop: written.stop,
        store: Store {
            path: written.store_path.unwrap_or_else(|| "/var/lib/depotd/depotd.db".to_owned()),
            keep_records: written.keep_records.unwrap_or(KEEP_RECORDS),
        },
        billing: written.billing,
        offline: written.offline.unwrap_or(Offline {
            enable: false,
            list_max_age: Duration::from_secs(7 * 86_400),
            sessions_per_card: 3,
            energy_per_card: 3_000_000,
            vin: true,
        }),
        site_limit: written.site_limit.as_ref().map(|w| Power(w.value)),
        socket: written.socket.unwrap_or_else(|| "/run/depotd/control.sock".to_owned()),
        web: None,
        metrics: None,
        lines: written
            .lines
            .into_iter()
            .map(|l| Line {
                name: l.name.value,
                device: l.device.value,
                baud: l.baud,
                parity: l.parity,
                stop_bits: l.stop_bits,
                kernel_turns: l.kernel_turns,
                set_meter_clocks: l.set_meter_clocks,
            })
            .collect(),
        meters: Vec::new(),
        readers: Vec::new(),
        cans: Vec::new(),
        chargers: Vec::new(),
    };
    let bus_places: Vec<Place> = written.cans.iter().map(|c| c.name.place.clone()).collect();
    let mut interfaces = Unique::new("the same interface is used by");
    for can in written.cans {
        let resolved = can.resolve(problems, |problems, name, way| match way.value {
            CanWay::Interface(_) => interfaces.add(problems, name, &way.place, "one bus per interface"),
            CanWay::Serial(..) => devices.add(problems, name, &way.place, "one line or bus per device"),
        });
        config.cans.push(resolved);
    }
    for meter in &written.meters {
        let line = find(problems, "line", &lines, &meter.line);
        let resolved = resolve_meter(problems, meter, line, read_file);
        let key = match resolved.address {
            MeterAddress::Dlt645(_, a) => (line, "dlt645", a.iter().fold(0, |n, o| n << 8 | u64::from(*o))),
            MeterAddress::Modbus(a) => (line, "modbus", u64::from(a)),
        };
        let zeros = Address::Text("0".repeat(12));
        if key.2 != 0 || meter.address.value == zeros {
            on_line.add(problems, key, &meter.address.place, "another address");
        } // else already reported
        config.meters.push(resolved);
    }
    for reader in written.readers {
        let line = find(problems, "line", &lines, &reader.line);
        let place = reader.address.place.clone();
        let Some(resolved) = reader.resolve(problems, line, read_file) else { continue };
        let (space, address) = resolved.kind.on_line();
        let allowed = match resolved.kind {
            ReaderKind::Osdp { .. } | ReaderKind::UidModbus { .. } => "another address",
            ReaderKind::Mt62x { .. } | ReaderKind::UidFrame { .. } => "one reader without address on a line",
        };
        on_line.add(problems, (line, space, address), &place, allowed);
        config.readers.push(resolved);
    }
    let mut known = Known::new(&lines, &meters, &readers, &buses, &config.cans, read_file);
    let resolve = |c: &chargers::Written| c.resolve(problems, written.billing, &mut known, &mut on_line);
    config.chargers = written.chargers.iter().map(resolve).collect();
    if let Some(meter) = &written.site_meter {
        find(problems, "meter", &meters, meter);
    }
    if let Some(limit) = &written.site_limit {
        let sum: i64 = written.chargers.iter().flat_map(|c| &c.connectors).filter_map(|c| c.fallback_w).sum();
        if sum > limit.value {
            let (sum, limit_w) = (Power(sum), Power(limit.value));
            problems.add(
                &limit.place,
                format!("the fallback powers add up to {sum}, more than the limit of {limit_w}"),
                "a sum of fallback_kw at or below limit_kw",
            );
        }
    }
    config.web = written.web.and_then(|(listen, token)| {
        let address = socket_address(problems, &listen)?;
        if !address.ip().is_loopback() && token.is_none() {
            problems.add(
                &listen.place,
                "a page for others than this machine needs a token",
                "127.0.0.1, or token = { file = \"…\" }",
            );
        }
        Some(Web { listen: address, token })
    });
    config.metrics = written.metrics.and_then(|listen| socket_address(problems, &listen));
    drivers(problems, &config, &written.meters, &written.chargers);
    buses_carry(problems, &config, &bus_places);
    super::ykc16::check(problems, &config, &written.chargers);
    if problems.found.is_empty() {
        for (share, line) in super::devices::plans(&config).into_iter().zip(&places) {
            if share > FULL_PERMILLE {
                problems.add(
                    line,
                    format!("the plan of this line needs {}.{} % of its wire time", share / 10, share % 10),
                    "at most 90 %: poll less often, raise the baud rate, or move devices to another line",
                );
            }
        }
    }
    config
}

/// A bus has room for what its controllers say and are told.
fn buses_carry(problems: &mut Problems<'_>, config: &Config, places: &[Place]) {
    for (share, bus) in super::devices::bus_plans(config).into_iter().zip(places) {
        if share > FULL_PERMILLE {
            problems.add(
                bus,
                format!("its controllers need {}.{} % of its time", share / 10, share % 10),
                "at most 90 %: raise the bit rate, or move chargers to another bus",
            );
        }
    }
}

/// Every device must have a driver: its profile is known and describes such a device.
fn drivers(
    problems: &mut Problems<'_>,
    config: &Config,
    meters: &[WrittenMeter],
    chargers: &[chargers::Written],
) {
    for (meter, written) in config.meters.iter().zip(meters) {
        if meter.profile.is_empty() || meter.address == MeterAddress::Modbus(0) {
            continue; // already reported
        }
        let place = written.profile.as_ref().map_or(&written.name.place, |p| &p.place);
        for what in
            config.lines.get(meter.line).and_then(|line| meter.driver(line).err()).into_iter().flatten()
        {
            problems.add(place, what, ALLOWED);
        }
    }
    for (charger, written) in config.chargers.iter().zip(chargers) {
        floats(problems, config, charger, written);
        let (ChargerDriver::Modbus { address, profile, .. }, Some(WrittenDriver::Modbus { profile: at, .. })) =
            (&charger.driver, &written.driver)
        else {
            continue;
        };
        if profile.is_empty() || *address == 0 {
            continue; // already reported
        }
        for connector in &charger.connectors {
            for what in charger.modbus(connector).and_then(Result::err).into_iter().flatten() {
                problems.add(&at.place, what, ALLOWED);
            }
        }
    }
}

/// A bill that is made here needs a register whose steps are known (rs485.md 2.2). Under platform billing the platform
/// sees the same registers and judges by its own rules: there it is a caution at the start, not an error.
fn floats(problems: &mut Problems<'_>, config: &Config, charger: &Charger, written: &chargers::Written) {
    if charger.billing != BillingMode::Pile {
        return;
    }
    for (connector, written) in charger.connectors.iter().zip(&written.connectors) {
        let meter = config.meters.get(connector.meter).filter(|m| m.name == written.meter.value);
        if meter.is_some_and(Meter::counts_in_floats) {
            problems.add(
                &written.meter.place,
                format!(
                    "{} counts energy in floats and is not fit for billing = \"pile\"",
                    written.meter.value
                ),
                "a meter with an integer register, or billing = \"platform\"",
            );
        }
    }
}

fn resolve_meter(
    problems: &mut Problems<'_>,
    meter: &WrittenMeter,
    line: usize,
    read_file: &dyn Fn(&str) -> std::io::Result<String>,
) -> Meter {
    let place = &meter.address.place;
    let address = match (meter.protocol, &meter.address.value) {
        (Some(MeterProtocol::Dlt645(edition)), Address::Text(_) | Address::Number(_)) => {
            let written = match &meter.address.value {
                Address::Text(text) => format!("{text:?}"),
                Address::Number(number) => number.to_string(),
                Address::Missing => String::new(),
            };
            let digits = digits12(written.trim_matches('"')).filter(|_| written.starts_with('"'));
            if digits.is_none() {
                let allowed = "12 digits as printed on the meter, in quotes";
                problems.add(place, format!("{written} is no DL/T 645 address"), allowed);
            }
            MeterAddress::Dlt645(edition, digits.unwrap_or_default())
        }
        (Some(MeterProtocol::Modbus), Address::Number(number)) if (1..=247).contains(number) => {
            MeterAddress::Modbus(*number as u8)
        }
        (Some(MeterProtocol::Modbus), Address::Number(_) | Address::Text(_)) => {
            problems.add(place, "is no Modbus address", "a whole number from 1 to 247, without quotes");
            MeterAddress::Modbus(0)
        }
        (None, _) | (_, Address::Missing) => MeterAddress::Modbus(0),
    };
    let profile = match (&meter.profile, meter.protocol) {
        (Some(profile), protocol) => match protocol {
            Some(MeterProtocol::Dlt645(_)) => profiles::text(problems, profile, Family::Dlt645, read_file),
            Some(MeterProtocol::Modbus) => profiles::text(problems, profile, Family::ModbusMeter, read_file),
            None => String::new(), // already reported
        },
        (None, Some(MeterProtocol::Dlt645(Edition::Y2007))) => "dlt645-ac".to_owned(),
        (None, Some(MeterProtocol::Dlt645(Edition::Y1997))) => "dlt645-1997".to_owned(),
        (None, None) => String::new(), // already reported
        (None, Some(MeterProtocol::Modbus)) => {
            problems.add(
                &meter.name.place,
                "a Modbus meter needs a profile",
                "for example profile = \"acrel-adl400\"",
            );
            String::new()
        }
    };
    Meter { name: meter.name.value.clone(), line, address, profile, poll: meter.poll, ratio: meter.ratio }
}

pub(super) fn code(problems: &mut Problems<'_>, code: &At<String>) -> DeviceCode {
    if code.value.is_empty() {
        return DeviceCode::default(); // already reported as missing
    }
    code.value.parse().unwrap_or_else(|_| {
        problems.add(
            &code.place,
            format!("{:?} is no device code", code.value),
            "14 digits in quotes, as the platform gave them",
        );
        DeviceCode::default()
    })
}

fn socket_address(problems: &mut Problems<'_>, listen: &At<String>) -> Option<SocketAddr> {
    let parsed = listen.value.parse().ok();
    if parsed.is_none() {
        problems.add(
            &listen.place,
            format!("{:?} is no address to listen on", listen.value),
            "ADDRESS:PORT, for example \"127.0.0.1:8722\"",
        );
    }
    parsed
}

/// Names and their indices; bad and doubled ones are problems.
fn names<'a>(
    problems: &mut Problems<'_>,
    kind: &str,
    written: impl Iterator<Item = &'a At<String>>,
) -> BTreeMap<String, usize> {
    let mut found = BTreeMap::new();
    for (index, name) in written.enumerate() {
        if name.value.is_empty() {
            continue;
        }
        let good = name.value.len() <= 32
            && name.value.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if !good {
            problems.add(&name.place, format!("{:?} is no name", name.value), "1 to 32 of a-z, 0-9 and -");
        }
        if found.insert(name.value.clone(), index).is_some() {
            problems.add(&name.place, format!("two {kind}s are called {:?}", name.value), "each name once");
        }
    }
    found
}

pub(super) fn find(
    problems: &mut Problems<'_>,
    kind: &str,
    known: &BTreeMap<String, usize>,
    name: &At<String>,
) -> usize {
    if name.value.is_empty() {
        return 0; // already reported as missing
    }
    if let Some(index) = known.get(&name.value) {
        return *index;
    }
    let list = known.keys().cloned().collect::<Vec<_>>().join(", ");
    let allowed =
        if list.is_empty() { format!("a [[{kind}]] of that name") } else { format!("one of: {list}") };
    problems.add(&name.place, format!("there is no {kind} {:?}", name.value), allowed);
    0
}

/// Finds what stands twice.
pub(super) struct Unique<K> {
    seen: BTreeMap<K, String>,
    says: &'static str,
}

impl<K: Ord> Unique<K> {
    pub(super) fn new(says: &'static str) -> Self {
        Unique { seen: BTreeMap::new(), says }
    }

    pub(super) fn add(&mut self, problems: &mut Problems<'_>, key: K, place: &Place, allowed: &str) {
        if let Some(first) = self.seen.get(&key) {
            problems.add(place, format!("{} {first}", self.says), allowed);
            return;
        }
        self.seen.insert(key, place.key.clone());
    }
}

fn digits12(text: &str) -> Option<[u8; 6]> {
    if text.len() != 12 || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let mut address = [0; 6];
    for (octet, pair) in address.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *octet = (pair[0] - b'0') << 4 | (pair[1] - b'0');
    }
    Some(address)
}
