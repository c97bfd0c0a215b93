//! Tariffs (0105, 0106, 0107; platform-222.md 7).

use super::values::utc;
use super::wire::Body;
use crate::model::money::Price;
use crate::model::tariff::{Tariff, Tier};
use crate::uplink::Reply;

/// 0105r. A result that the table does not hold confirms nothing.
pub(super) fn check_reply(body: &Body) -> Reply {
    let number = body.int("tariff_number");
    match body.num("result") {
        0 => Reply::TariffCheck { same: true, number },
        1 => Reply::TariffCheck { same: false, number },
        _ => Reply::Refused(body.int("result")),
    }
}

/// 0106r: number 0 without tiers = the platform has none.
pub(super) fn request_reply(body: &Body) -> Reply {
    let tariff = tariff(body);
    Reply::Tariff(Some(tariff).filter(|t| t.number != 0 || !t.tiers.is_empty()))
}

/// The block of 0106r and 0107 as sent; whether it is a good tariff is for others to say.
pub(super) fn tariff(body: &Body) -> Tariff {
    let tier = |entry: &Body| Tier {
        code: entry.int("code"),
        electricity: Price(entry.int("electricity_price")),
        service: Price(entry.int("service_price")),
    };
    Tariff {
        number: body.int("number"),
        valid_from: utc(body.when("valid_from")),
        tiers: body.entries("tiers").iter().map(tier).collect(),
        slots: body.raw("slots").to_vec(),
    }
}
