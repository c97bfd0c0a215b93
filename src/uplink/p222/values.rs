//! Units and names: from the model to the scales of the profile and back (platform-222.md 2, 3).

use crate::model::ident::{CardUid, Credential, TransactionNumber, Vin};
use crate::model::quantity::{Current, Voltage};
use crate::model::session::Limit;
use crate::model::time::Utc;
use crate::model::{money::Money, quantity::Energy};
use crate::wire::platform222::cp56::LocalTime;
use crate::wire::platform222::{Body, Value};
use std::time::Duration;

/// Local time of the depot.
pub(super) fn local(time: Option<Utc>) -> LocalTime {
    time.map(Utc::local)
}

/// The moment that a local time names.
pub(super) fn utc(time: LocalTime) -> Option<Utc> {
    time.map(Utc::from_local)
}

/// Millivolts to 0.1 V.
pub(super) fn decivolts(voltage: Option<Voltage>) -> Option<i64> {
    voltage.map(|v| v.0.saturating_add(50).div_euclid(100))
}

/// Millivolts to 0.01 V.
pub(super) fn centivolts(voltage: Option<Voltage>) -> Option<i64> {
    voltage.map(|v| v.0.saturating_add(5).div_euclid(10))
}

/// Whole minutes; more than the field holds is the most that is no "none".
pub(super) fn minutes(time: Option<Duration>) -> Option<u16> {
    time.map(|t| u16::try_from(t.as_secs() / 60).unwrap_or(u16::MAX).min(u16::MAX - 1))
}

/// Milliamperes to 0.1 A.
pub(super) fn deciamperes(current: Option<Current>) -> Option<i64> {
    current.map(|c| c.0.saturating_add(50).div_euclid(100))
}

/// 0 no, 1 yes, 2 not known.
pub(super) fn plugged(plugged: Option<bool>) -> u8 {
    plugged.map_or(2, u8::from)
}

/// 17 characters or none.
pub(super) fn vin(vin: Option<&Vin>) -> &str {
    vin.map_or("", Vin::as_str)
}

pub(super) fn txn(body: &Body, name: &str) -> TransactionNumber {
    TransactionNumber(body.array(name))
}

/// With a credential in the kinds of the profile.
pub(super) fn with_credential(mut body: Body, name: &str, credential: &Credential) -> Body {
    let (kind, octets) = match credential {
        Credential::None => (0, &[][..]),
        Credential::Card(uid) => (1, uid.as_bytes()),
        Credential::Vin(vin) => (2, vin.as_str().as_bytes()),
        Credential::FleetNumber(text) => (3, text.as_bytes()),
        Credential::Account(text) => (4, text.as_bytes()),
        Credential::Plate(text) => (5, text.as_bytes()),
    };
    body.set(name, Value::Cred(kind, octets.to_vec()));
    body
}

/// A credential that this version can compare; anything else is none, and never taken for another.
pub(super) fn credential(body: &Body, name: &str) -> Credential {
    let (kind, octets) = body.credential(name);
    let text = || String::from_utf8(octets.to_vec()).ok().filter(|text| !text.is_empty());
    let credential = match kind {
        1 => CardUid::new(octets).ok().map(Credential::Card),
        2 => text().and_then(|text| text.parse().ok()).map(Credential::Vin),
        3 => text().map(Credential::FleetNumber),
        4 => text().map(Credential::Account),
        5 => text().map(Credential::Plate),
        _ => None,
    };
    credential.unwrap_or_default()
}

/// `limit_kind` and `limit_value`; `None` for a kind that the table does not hold.
pub(super) fn limit(body: &Body) -> Option<Limit> {
    let value = body.num("limit_value");
    let value = i64::try_from(value).unwrap_or(i64::MAX);
    Some(match body.num("limit_kind") {
        0 => Limit::None,
        1 => Limit::Energy(Energy(value)),
        2 => Limit::Amount(Money(value)),
        3 => Limit::Time(Duration::from_secs(value.unsigned_abs())),
        4 => Limit::Soc(u8::try_from(value).ok().filter(|soc| *soc <= 100)?),
        _ => return None,
    })
}
