//! The file as written: keys, types and ranges; references between tables are looked at in `check`.

use super::reader::{At, Place, Problems, Section};
use super::{Connections, Parity, SecretSource, StopSessions, can, chargers, readers};
use crate::driver::osdp::Language;
use crate::model::record::{BillingMode, Protocol};
use crate::wire::dlt645::control::Edition;
use std::time::Duration;
use toml::de::DeTable;

const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(86_400);

/// Everything that was written, with the places of what others refer to.
#[derive(Debug, Default)]
pub(super) struct Written {
    pub(super) code: At<String>,
    pub(super) name: String,
    pub(super) stop: StopSessions,
    pub(super) uplink: Option<super::Uplink>,
    pub(super) store_path: Option<String>,
    pub(super) keep_records: Option<Duration>,
    pub(super) billing: BillingMode,
    pub(super) offline: Option<super::Offline>,
    pub(super) site_limit: Option<At<i64>>,
    pub(super) site_meter: Option<At<String>>,
    pub(super) socket: Option<String>,
    pub(super) web: Option<(At<String>, Option<SecretSource>)>,
    pub(super) metrics: Option<At<String>>,
    pub(super) lines: Vec<WrittenLine>,
    pub(super) meters: Vec<WrittenMeter>,
    pub(super) readers: Vec<readers::Written>,
    pub(super) cans: Vec<can::Written>,
    pub(super) chargers: Vec<chargers::Written>,
}

#[derive(Debug)]
pub(super) struct WrittenLine {
    pub(super) name: At<String>,
    pub(super) device: At<String>,
    pub(super) baud: u32,
    pub(super) parity: Parity,
    pub(super) stop_bits: u8,
    pub(super) kernel_turns: bool,
    pub(super) set_meter_clocks: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MeterProtocol {
    Dlt645(Edition),
    Modbus,
}

#[derive(Debug)]
pub(super) struct WrittenMeter {
    pub(super) name: At<String>,
    pub(super) line: At<String>,
    pub(super) protocol: Option<MeterProtocol>,
    pub(super) address: At<Address>,
    pub(super) profile: Option<At<String>>,
    pub(super) poll: Duration,
    pub(super) ratio: u32,
}

/// An address as written: digits in quotes or a number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Address {
    #[default]
    Missing,
    Text(String),
    Number(i64),
}

/// Reads the text. Syntax errors are problems like all others.
pub(super) fn read(text: &str, problems: &mut Problems<'_>) -> Written {
    let (document, errors) = DeTable::parse_recoverable(text);
    for error in errors {
        let place = Place { offset: error.span().map_or(0, |s| s.start), key: "syntax".to_owned() };
        problems.add(&place, error.message().to_owned(), "TOML 1.0");
    }
    let mut root = Section::new(problems, document.get_ref(), "", 0..0);
    let written = whole(&mut root);
    root.close();
    written
}

fn whole(root: &mut Section<'_, '_, '_>) -> Written {
    let mut written = Written::default();
    let mut language = Language::default();
    match root.table("station", station) {
        Some((code, name, stop, spoken)) => {
            (written.code, written.name, written.stop) = (code, name, stop);
            language = spoken;
        }
        None => root.wrong("station", "missing", "a table [station] with code and name"),
    }
    written.uplink = root.table("uplink", uplink).flatten();
    if let Some((path, keep)) =
        root.table("store", |s| (s.text("path"), s.duration("keep_records", DAY * 90..=DAY * 4000)))
    {
        (written.store_path, written.keep_records) = (path, keep);
    }
    written.billing = root.table("billing", |s| billing_mode(s, "mode")).flatten().unwrap_or_default();
    written.offline = root.table("offline", offline);
    if let Some((limit, meter)) = root.table("site", |s| {
        let limit = s.decimal("limit_kw", 3, 0..=1_000_000).map(|w| s.at("limit_kw", w));
        (limit, s.text("meter").map(|m| s.at("meter", m)))
    }) {
        (written.site_limit, written.site_meter) = (limit, meter);
    }
    written.socket = root.table("control", |s| s.text("socket")).flatten();
    written.web = root
        .table("web", |s| {
            let listen = s.text("listen").map(|l| s.at("listen", l));
            let token = secret(s, "token");
            listen.map(|l| (l, token))
        })
        .flatten();
    written.metrics = root.table("metrics", |s| s.text("listen").map(|l| s.at("listen", l))).flatten();
    written.lines = root.tables("line", line);
    written.meters = root.tables("meter", meter);
    written.readers = root.tables("reader", |s| readers::written(s, language));
    written.cans = root.tables("can", can::written);
    written.chargers = root.tables("charger", chargers::written);
    for key in ["gate", "camera"] {
        root.not_served(key, "remove it; lines, CAN buses, meters, chargers and card readers are");
    }
    for key in ["transfer", "devices"] {
        root.not_served(key, "remove it");
    }
    written
}

fn station(s: &mut Section<'_, '_, '_>) -> (At<String>, String, StopSessions, Language) {
    let code = s.required("code", "\"44030012340001\"");
    let code = s.at("code", code);
    let name = s.text("name").unwrap_or_default();
    let stop = s
        .table("stop", |s| s.choice("sessions", &[("keep", StopSessions::Keep), ("end", StopSessions::End)]))
        .flatten()
        .unwrap_or_default();
    let language = s.choice("language", &readers::LANGUAGES).unwrap_or_default();
    (code, name, stop, language)
}

fn uplink(s: &mut Section<'_, '_, '_>) -> Option<super::Uplink> {
    let protocols = [("222", Protocol::Profile222), ("ykc16", Protocol::Ykc16)];
    let protocol = s.choice("protocol", &protocols).unwrap_or_default();
    let kinds = [("station", Connections::Station), ("pile", Connections::Pile)];
    let connections = s.choice("connections", &kinds);
    if connections == Some(Connections::Pile) && protocol == Protocol::Profile222 {
        s.wrong("connections", "is one of protocol = \"ykc16\"", "\"station\", or without this key");
    }
    let addresses = s.texts("address").unwrap_or_default();
    if addresses.is_empty() {
        s.wrong("address", "missing", "\"host:port\", or a list of them tried in order");
    }
    for address in &addresses {
        if !is_host_port(address) {
            s.wrong(
                "address",
                format!("{address:?} is no address"),
                "\"host:port\", for example \"platform.example:7220\"",
            );
        }
    }
    let secret = secret(s, "secret");
    let reconnect_max = s.duration("reconnect_max", SECOND..=SECOND * 600).unwrap_or(SECOND * 60);
    s.not_served("tls", "remove it: this version speaks plain TCP");
    let (crc, order) = s
        .table("dialect", |d| {
            let variants =
                ["ibm3740", "xmodem", "kermit", "x25", "aug-ccitt", "genibus", "mcrf4xx"].map(|v| (v, v));
            (d.choice("crc", &variants), d.choice("crc_order", &[("be", false), ("le", true)]))
        })
        .unwrap_or_default();
    Some(super::Uplink {
        protocol,
        connections: connections.unwrap_or_default(),
        addresses,
        secret,
        reconnect_max,
        crc: crc.unwrap_or("ibm3740").to_owned(),
        crc_little_endian: order.unwrap_or_default(),
    })
}

fn offline(s: &mut Section<'_, '_, '_>) -> super::Offline {
    super::Offline {
        enable: s.boolean("enable").unwrap_or(false),
        list_max_age: s.duration("list_max_age", Duration::from_secs(3_600)..=DAY * 90).unwrap_or(DAY * 7),
        sessions_per_card: s
            .integer("sessions_per_card", 1..=100)
            .and_then(|n| u32::try_from(n).ok())
            .unwrap_or(3),
        energy_per_card: s.decimal("energy_per_card_kwh", 4, 0..=10_000).unwrap_or(3_000_000),
        vin: s.boolean("vin").unwrap_or(true),
    }
}

fn line(s: &mut Section<'_, '_, '_>) -> WrittenLine {
    let name = s.required("name", "\"rs485-1\"");
    let device = s.required("device", "\"/dev/ttyS1\"");
    s.missing("baud", "for example baud = 9600");
    let baud = s.integer("baud", 300..=921_600);
    let parity = s
        .choice("parity", &[("none", Parity::None), ("even", Parity::Even), ("odd", Parity::Odd)])
        .unwrap_or_default();
    let stop_bits = s.integer("stop_bits", 1..=2).unwrap_or(1);
    let kernel_turns = s.choice("rs485", &[("auto", false), ("kernel", true)]).unwrap_or(false);
    let set_meter_clocks = s.boolean("set_meter_clocks").unwrap_or(true);
    WrittenLine {
        name: s.at("name", name),
        device: s.at("device", device),
        baud: baud.and_then(|b| u32::try_from(b).ok()).unwrap_or(9600),
        parity,
        stop_bits: u8::try_from(stop_bits).unwrap_or(1),
        kernel_turns,
        set_meter_clocks,
    }
}

fn meter(s: &mut Section<'_, '_, '_>) -> WrittenMeter {
    let name = s.required("name", "\"meter-1\"");
    let line = s.required("line", "\"rs485-1\"");
    s.required("protocol", "\"dlt645-2007\"");
    let protocol = s.choice(
        "protocol",
        &[
            ("dlt645-2007", MeterProtocol::Dlt645(Edition::Y2007)),
            ("dlt645-1997", MeterProtocol::Dlt645(Edition::Y1997)),
            ("modbus", MeterProtocol::Modbus),
        ],
    );
    let address = address(s);
    let profile = s.text("profile").map(|p| s.at("profile", p));
    WrittenMeter {
        name: s.at("name", name),
        line: s.at("line", line),
        protocol,
        address: s.at("address", address),
        profile,
        poll: s.duration("poll", Duration::from_millis(100)..=SECOND * 3_600).unwrap_or(SECOND),
        ratio: s.integer("ratio", 1..=100_000).and_then(|r| u32::try_from(r).ok()).unwrap_or(1),
    }
}

fn address(s: &mut Section<'_, '_, '_>) -> Address {
    match s.kind("address") {
        None => {
            s.required("address", "\"000000000001\", or a number for modbus");
            Address::Missing
        }
        Some("integer") => s.integer("address", 0..=255).map_or(Address::Missing, Address::Number),
        Some(_) => s.text("address").map_or(Address::Missing, Address::Text),
    }
}

pub(super) fn small(
    s: &mut Section<'_, '_, '_>,
    key: &'static str,
    range: std::ops::RangeInclusive<i64>,
) -> u8 {
    s.missing(key, "a number");
    s.integer(key, range).and_then(|n| u8::try_from(n).ok()).unwrap_or_default()
}

pub(super) fn billing_mode(s: &mut Section<'_, '_, '_>, key: &'static str) -> Option<BillingMode> {
    s.choice(key, &[("platform", BillingMode::Platform), ("pile", BillingMode::Pile)])
}

pub(super) fn secret(s: &mut Section<'_, '_, '_>, key: &'static str) -> Option<SecretSource> {
    if s.kind(key) == Some("string") {
        s.required(key, "");
        s.wrong(
            key,
            "a secret may not stand in the file",
            "{ file = \"/etc/depotd/….key\" } or { credential = \"…\" }",
        );
        return None;
    }
    let read = s.table(key, |s| (s.text("file"), s.text("credential")))?;
    match read {
        (Some(file), None) => Some(SecretSource::File(file)),
        (None, Some(name)) => Some(SecretSource::Credential(name)),
        _ => {
            s.wrong(key, "names no place, or two", "{ file = \"…\" } or { credential = \"…\" }");
            None
        }
    }
}

fn is_host_port(address: &str) -> bool {
    address
        .rsplit_once(':')
        .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok_and(|p| p > 0))
}
