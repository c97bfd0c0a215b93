//! Commands of the platform and their answers (platform-222.md 7, 8, 14.3).

use super::values::{self, local, utc};
use super::wire::{self, Body, dialect, layout, octets};
use super::{lists, tariff};
use crate::model::access::ListKind;
use crate::model::command::{Answer, Command, Recall, RemoteStart};
use crate::model::ident::{DeviceCode, Vin};
use crate::model::money::Balance;
use crate::model::quantity::Power;
use crate::model::session::Grant;
use crate::uplink::ReplyTo;
use layout::Addressee;
use std::time::Duration;

/// `expires` of 0203 when it gives 0.
const EXPIRES: Duration = Duration::from_secs(90);
/// Result of 0203r: pile or connector unknown.
const DEVICE_MISMATCH: u8 = 1;

/// What becomes of a good request.
pub(super) enum Wanted {
    /// The station decides.
    Command(Command),
    /// Answered at once with this body.
    Answered(Vec<u8>),
}

/// A good request of the platform.
pub(super) fn wanted(station: DeviceCode, to: &ReplyTo, body: &Body) -> Wanted {
    if !is_for(station, to) {
        return Wanted::Answered(unknown_device(to.kind));
    }
    Wanted::Command(match to.kind {
        0x0104 => Command::SetTime(utc(body.when("time"))),
        0x0107 => Command::SetTariff(tariff::tariff(body)),
        0x0109 => Command::Interrogate(body.int("what")),
        0x0203 => Command::RemoteStart(remote_start(body)),
        0x0205 => Command::RemoteStop { txn: values::txn(body, "txn"), connector: body.int("connector") },
        0x020B => Command::Recall(recall(body)),
        0x020D => Command::BalanceUpdate {
            credential: values::credential(body, "cred"),
            connector: body.int("connector"),
            balance: Balance(body.int("balance")),
        },
        0x020E => Command::CardList(lists::update(body)),
        0x020F => Command::ListDigest(ListKind::Cards),
        0x0210 => Command::VehicleList(lists::update(body)),
        0x0211 => Command::ListDigest(ListKind::Vehicles),
        0x0212 => Command::DeparturePlan(lists::departures(body)),
        0x0403 => Command::ResetAlarm(body.int("id")),
        0x0504 => Command::PlateList(lists::update(body)),
        0x0505 => Command::ListDigest(ListKind::Plates),
        other => return Wanted::Answered(not_here(other)),
    })
}

/// Whether the device code can be one of ours: the station code where the message is for the station, any other where
/// it is for a pile (which piles there are, the station knows).
fn is_for(station: DeviceCode, to: &ReplyTo) -> bool {
    match layout::message(to.kind).map(|m| m.device) {
        Some(Addressee::Station) => to.device == station,
        Some(Addressee::Pile) => to.device != station,
        Some(Addressee::Either) | None => true,
    }
}

fn unknown_device(kind: u16) -> Vec<u8> {
    match kind {
        0x0203 => result(0x0203, DEVICE_MISMATCH),
        _ => vec![dialect::UNKNOWN_DEVICE],
    }
}

/// Parts of the depot that this version does not have: the refusal that the message provides, else "not supported".
fn not_here(kind: u16) -> Vec<u8> {
    match kind {
        0x0301 => result(kind, 1), // restart: not supported
        0x0502 => result(kind, 1), // unknown gate
        0x0602 => result(kind, 1), // unknown camera
        _ => vec![dialect::NOT_SUPPORTED],
    }
}

fn result(kind: u16, result: u8) -> Vec<u8> {
    octets::write(&wire::reply(kind).number("result", result))
}

/// A limit of unknown kind, and a text in place of the VIN that is none, ask for more than can be kept: refused with 9.
fn remote_start(body: &Body) -> RemoteStart {
    const NO_MAXIMUM: u32 = 0;
    let limit = values::limit(body);
    let expected = body.str("expected_vin");
    let expected_vin: Option<Vin> = expected.parse().ok();
    let unreadable_vin = expected.len() == 17 && !expected.trim().is_empty() && expected_vin.is_none();
    let max_power = body.maybe::<u32>("max_power").filter(|w| *w != NO_MAXIMUM).map(|w| Power(w.into()));
    RemoteStart {
        connector: body.int("connector"),
        grant: Grant {
            txn: values::txn(body, "txn"),
            balance: body.maybe("balance").map(Balance),
            limit: limit.unwrap_or_default(),
            max_power,
            also_stops: values::credential(body, "cred"),
            expected_vin,
            ..Grant::default()
        },
        unknown_limit: limit.is_none() || unreadable_vin,
        aux_voltage: body.int("aux_voltage"),
        expires: match body.int::<u16>("expires") {
            0 => EXPIRES,
            seconds => Duration::from_secs(seconds.into()),
        },
    }
}

fn recall(body: &Body) -> Recall {
    const BY_TXN: i128 = 1;
    const BY_TIME: i128 = 2;
    match body.num("kind") {
        BY_TXN => Recall::Transaction(values::txn(body, "txn")),
        BY_TIME => Recall::Time(utc(body.when("from_time")), utc(body.when("to_time"))),
        _ => Recall::Numbers(body.int("first_number"), body.int("last_number")),
    }
}

/// Body of the answer to a command of this kind. An answer to something else is "not supported": never silence.
pub(super) fn answer(kind: u16, answer: &Answer) -> Vec<u8> {
    let (of, body) = match answer {
        Answer::UnknownDevice => return unknown_device(kind),
        Answer::RemoteStart(n) => (0x0203, wire::reply(0x0203).number("result", *n)),
        Answer::RemoteStop(n) => (0x0205, wire::reply(0x0205).number("result", *n)),
        Answer::Time { result, before, offset_ms } => {
            let offset = offset_ms.unwrap_or(i32::MAX.into());
            let body = wire::reply(0x0104).number("result", *result).number("offset_ms", offset);
            (0x0104, body.time("time_before", local(*before)))
        }
        Answer::Tariff(n) => (0x0107, wire::reply(0x0107).number("result", *n)),
        Answer::List(kind, n, version) => {
            let number = lists::number(*kind);
            (number, wire::reply(number).number("result", *n).number("version", *version))
        }
        Answer::ListDigest(version, entries) => lists::digest_reply(*version, entries),
        Answer::DeparturePlan(n) => (0x0212, wire::reply(0x0212).number("result", *n)),
        Answer::Balance(n) => (0x020D, wire::reply(0x020D).number("result", *n)),
        Answer::ResetAlarm(n) => (0x0403, wire::reply(0x0403).number("result", *n)),
        Answer::Interrogate(n) => (0x0109, wire::reply(0x0109).number("result", *n)),
        Answer::Recall(n, count) => {
            (0x020B, wire::reply(0x020B).number("result", *n).number("count", *count))
        }
    };
    if of == kind { octets::write(&body) } else { vec![dialect::NOT_SUPPORTED] }
}
