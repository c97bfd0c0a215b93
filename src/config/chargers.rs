//! Chargers and their connectors: as written, and as relied on.

use super::check::{Unique, code, find};
use super::file::{billing_mode, small};
use super::profiles::{self, Family};
use super::reader::{At, Place, Problems, Section};
use super::{Can, Charger, ChargerDriver, Connector};
use crate::driver::tcu::Dialect;
use crate::model::quantity::Power;
use crate::model::record::BillingMode;
use crate::model::request::AuxVoltage;
use crate::wire::tcu::message::TCU;
use std::collections::BTreeMap;

/// Address of a controller alone on its pile, and of the first of several [2+] (can.md 3.1).
const ALONE: u8 = 0xF6;
const FIRST: u8 = 0xE0;

#[derive(Debug)]
pub(super) struct Written {
    pub(super) code: At<String>,
    dc: bool,
    pub(super) driver: Option<WrittenDriver>,
    rated_w: i64,
    billing: Option<BillingMode>,
    pub(super) connectors: Vec<WrittenConnector>,
}

/// What only one kind of driver has.
#[derive(Debug)]
pub(super) enum WrittenDriver {
    Modbus { line: At<String>, address: At<u8>, profile: At<String> },
    Tcu { can: At<String>, address: At<Option<u8>>, dialect: Dialect, dual_gun: At<bool> },
}

#[derive(Debug)]
pub(super) struct WrittenConnector {
    pub(super) number: At<u8>,
    pub(super) meter: At<String>,
    reader: Option<At<String>>,
    tap: Option<At<String>>,
    vin_start: At<Option<bool>>,
    pub(super) fallback_w: Option<i64>,
    aux: AuxVoltage,
}

#[derive(Clone, Copy)]
enum Kind {
    Modbus,
    Tcu,
}

/// Keys of one driver that mean nothing to the other.
const OF_MODBUS: [&str; 2] = ["line", "profile"];
const OF_TCU: [&str; 3] = ["can", "dialect", "dual_gun"];

pub(super) fn written(s: &mut Section<'_, '_, '_>) -> Written {
    let code = s.required("code", "\"44030000010001\"");
    let dc = s.choice("kind", &[("dc", true), ("ac", false)]).unwrap_or(true);
    s.required("driver", "\"modbus\"");
    let kind = s.choice("driver", &[("modbus", Kind::Modbus), ("tcu", Kind::Tcu)]);
    s.missing("rated_kw", "for example rated_kw = 120.0");
    let rated_w = s.decimal("rated_kw", 3, 1..=10_000);
    let driver = match kind {
        Some(Kind::Modbus) => Some(modbus(s)),
        Some(Kind::Tcu) => Some(tcu(s, dc)),
        None => {
            s.knows(&["address", OF_MODBUS[0], OF_MODBUS[1], OF_TCU[0], OF_TCU[1], OF_TCU[2]]);
            None
        }
    };
    let billing = billing_mode(s, "billing");
    let connectors = s.tables("connector", connector);
    if connectors.is_empty() {
        s.wrong("connector", "missing", "at least one [[charger.connector]]");
    }
    Written { code: s.at("code", code), dc, driver, rated_w: rated_w.unwrap_or(1000), billing, connectors }
}

fn modbus(s: &mut Section<'_, '_, '_>) -> WrittenDriver {
    not_of(s, &OF_TCU, "remove it: driver = \"modbus\" has none");
    let line = s.required("line", "\"rs485-1\"");
    let address = small(s, "address", 1..=247);
    let profile = s.required("profile", "\"cn-pile-v2\"");
    WrittenDriver::Modbus {
        line: s.at("line", line),
        address: s.at("address", address),
        profile: s.at("profile", profile),
    }
}

fn tcu(s: &mut Section<'_, '_, '_>, dc: bool) -> WrittenDriver {
    not_of(s, &OF_MODBUS, "remove it: driver = \"tcu\" has none");
    if !dc {
        s.wrong("kind", "is not what driver = \"tcu\" controls", "\"dc\", or no kind");
    }
    let can = s.required("can", "\"can-1\"");
    let address = s.integer("address", 0..=255).and_then(|a| u8::try_from(a).ok());
    let dialect = s
        .choice("dialect", &[("auto", Dialect::Auto), ("1.21", Dialect::V1_21), ("2.30", Dialect::V2_30)])
        .unwrap_or_default();
    let dual_gun = s.boolean("dual_gun").unwrap_or(false);
    WrittenDriver::Tcu {
        can: s.at("can", can),
        address: s.at("address", address),
        dialect,
        dual_gun: s.at("dual_gun", dual_gun),
    }
}

fn not_of(s: &mut Section<'_, '_, '_>, keys: &[&'static str], instead: &str) {
    for key in keys {
        if s.kind(key).is_some() {
            s.wrong(key, "is a key of another driver", instead);
        }
    }
    s.knows(keys);
}

fn connector(s: &mut Section<'_, '_, '_>) -> WrittenConnector {
    let number = small(s, "number", 1..=99);
    let meter = s.required("meter", "\"meter-1\"");
    let reader = s.text("reader").map(|r| s.at("reader", r));
    let tap = s.text("bms_tap").map(|t| s.at("bms_tap", t));
    let vin_start = s.boolean("vin_start");
    let aux = s.integer("aux_voltage", 12..=24).filter(|v| [12, 24].contains(v));
    if aux.is_none() && s.kind("aux_voltage").is_some() {
        s.wrong("aux_voltage", "is no voltage of an auxiliary supply", "12 or 24");
    }
    WrittenConnector {
        number: s.at("number", number),
        meter: s.at("meter", meter),
        reader,
        tap,
        vin_start: s.at("vin_start", vin_start),
        fallback_w: s.decimal("fallback_kw", 3, 0..=10_000),
        aux: if aux == Some(24) { AuxVoltage::V24 } else { AuxVoltage::V12 },
    }
}

/// What chargers refer to, and what only one of them may have.
pub(super) struct Known<'a> {
    pub(super) lines: &'a BTreeMap<String, usize>,
    pub(super) meters: &'a BTreeMap<String, usize>,
    pub(super) readers: &'a BTreeMap<String, usize>,
    pub(super) buses: &'a BTreeMap<String, usize>,
    pub(super) cans: &'a [Can],
    pub(super) read_file: &'a dyn Fn(&str) -> std::io::Result<String>,
    codes: Unique<String>,
    metered: Unique<String>,
    read: Unique<String>,
    tapped: Unique<usize>,
    controllers: Unique<(usize, u8)>,
}

impl<'a> Known<'a> {
    pub(super) fn new(
        lines: &'a BTreeMap<String, usize>,
        meters: &'a BTreeMap<String, usize>,
        readers: &'a BTreeMap<String, usize>,
        buses: &'a BTreeMap<String, usize>,
        cans: &'a [Can],
        read_file: &'a dyn Fn(&str) -> std::io::Result<String>,
    ) -> Known<'a> {
        Known {
            lines,
            meters,
            readers,
            buses,
            cans,
            read_file,
            codes: Unique::new("the same code has"),
            metered: Unique::new("the same meter is named by"),
            read: Unique::new("the same reader is named by"),
            tapped: Unique::new("the same bus is tapped by"),
            controllers: Unique::new("the same address on this bus has"),
        }
    }
}

impl Written {
    pub(super) fn resolve(
        &self,
        problems: &mut Problems<'_>,
        billing: BillingMode,
        known: &mut Known<'_>,
        on_line: &mut Unique<(usize, &'static str, u64)>,
    ) -> Charger {
        known.codes.add(problems, self.code.value.clone(), &self.code.place, "one code per charger");
        let mut numbers = Unique::new("the same number has");
        for connector in &self.connectors {
            let number = &connector.number;
            numbers.add(problems, number.value, &number.place, "each number once in a charger");
        }
        let driver = self.driver(problems, known, on_line);
        let is_tcu = matches!(driver, ChargerDriver::Tcu { .. });
        let connectors =
            self.connectors.iter().map(|c| c.resolve(problems, self.rated_w, is_tcu, known)).collect();
        Charger {
            code: code(problems, &self.code),
            dc: self.dc,
            driver,
            rated: Power(self.rated_w),
            billing: self.billing.unwrap_or(billing),
            connectors,
        }
    }

    fn driver(
        &self,
        problems: &mut Problems<'_>,
        known: &mut Known<'_>,
        on_line: &mut Unique<(usize, &'static str, u64)>,
    ) -> ChargerDriver {
        match &self.driver {
            // already reported
            None => ChargerDriver::Modbus { line: 0, address: 0, profile: String::new() },
            Some(WrittenDriver::Modbus { line, address, profile }) => {
                let at_line = find(problems, "line", known.lines, line);
                for connector in &self.connectors {
                    let n = u64::from(address.value) + u64::from(connector.number.value.saturating_sub(1));
                    let allowed = "connector n answers at address + n - 1";
                    on_line.add(problems, (at_line, "modbus", n), &address.place, allowed);
                }
                let profile = profiles::text(problems, profile, Family::Charger, known.read_file);
                ChargerDriver::Modbus { line: at_line, address: address.value, profile }
            }
            Some(WrittenDriver::Tcu { can, address, dialect, dual_gun }) => {
                let bus = find(problems, "can", known.buses, can);
                if known.cans.get(bus).is_some_and(|b| b.listen_only && b.name == can.value) {
                    let what = format!("{} is listen_only: nobody can be told to charge on it", can.value);
                    problems.add(&can.place, what, "a bus without listen_only");
                }
                let first = address.value.unwrap_or(if self.connectors.len() == 1 { ALONE } else { FIRST });
                self.controllers(problems, bus, first, &address.place, known);
                self.pairs(problems, dual_gun);
                ChargerDriver::Tcu { can: bus, address: first, dialect: *dialect, dual_gun: dual_gun.value }
            }
        }
    }

    fn controllers(
        &self,
        problems: &mut Problems<'_>,
        bus: usize,
        first: u8,
        place: &Place,
        known: &mut Known<'_>,
    ) {
        const ALLOWED: &str = "connector n sits at address + n - 1; 0 to 255 without 138, which is ours";
        for connector in &self.connectors {
            match first.checked_add(connector.number.value.saturating_sub(1)) {
                Some(TCU) | None => {
                    let what = format!("gives connector {} no address", connector.number.value);
                    problems.add(place, what, ALLOWED);
                }
                Some(address) => known.controllers.add(problems, (bus, address), place, ALLOWED),
            }
        }
    }

    /// Connectors 1 and 2, 3 and 4 … are in one vehicle.
    fn pairs(&self, problems: &mut Problems<'_>, dual_gun: &At<bool>) {
        let has = |number: u8| self.connectors.iter().any(|c| c.number.value == number);
        let alone = self.connectors.iter().map(|c| c.number.value).find(|n| !has(partner(*n)));
        if let Some(alone) = alone.filter(|_| dual_gun.value) {
            let what = format!("leaves connector {alone} without its partner {}", partner(alone));
            problems.add(&dual_gun.place, what, "connectors in pairs: 1 and 2, 3 and 4 …");
        }
    }
}

/// The other one of a pair.
#[must_use]
pub(crate) fn partner(number: u8) -> u8 {
    if number % 2 == 1 { number.saturating_add(1) } else { number.saturating_sub(1) }
}

impl WrittenConnector {
    fn resolve(
        &self,
        problems: &mut Problems<'_>,
        rated_w: i64,
        is_tcu: bool,
        known: &mut Known<'_>,
    ) -> Connector {
        known.metered.add(problems, self.meter.value.clone(), &self.meter.place, "one meter per connector");
        if let Some(reader) = &self.reader {
            known.read.add(problems, reader.value.clone(), &reader.place, "one connector per reader");
        }
        if self.fallback_w.is_some_and(|w| w > rated_w) {
            let key = self.number.place.key.replace("number", "fallback_kw");
            let place = Place { key, ..self.number.place.clone() };
            problems.add(&place, "is above the rating of the charger", "at most rated_kw");
        }
        let names_itself = is_tcu || self.tap.is_some();
        if self.vin_start.value == Some(true) && !names_itself {
            let what = "has nobody to learn the vehicle's VIN from";
            problems.add(&self.vin_start.place, what, "driver = \"tcu\", or a bms_tap");
        }
        Connector {
            number: self.number.value,
            meter: find(problems, "meter", known.meters, &self.meter),
            reader: self.reader.as_ref().map(|r| find(problems, "reader", known.readers, r)),
            tap: self.tap.as_ref().map(|tap| tapped(problems, tap, known)),
            vin_start: self.vin_start.value.unwrap_or(names_itself),
            fallback: self.fallback_w.map(Power),
            aux: self.aux,
        }
    }
}

fn tapped(problems: &mut Problems<'_>, tap: &At<String>, known: &mut Known<'_>) -> usize {
    let bus = find(problems, "can", known.buses, tap);
    if known.cans.get(bus).is_some_and(|b| !b.listen_only && b.name == tap.value) {
        let what = format!("{} would acknowledge what it hears; a tap must not", tap.value);
        problems.add(&tap.place, what, "a [[can]] with listen_only = true");
    }
    known.tapped.add(problems, bus, &tap.place, "one connector per tapped bus");
    bus
}
