//! State of a connector, questions for a start, and what came of it (0201, 0202, 0204; platform-222.md 8).

use super::values::{self, deciamperes, decivolts, local, minutes, plugged, vin, with_credential};
use super::wire::{self, Body};
use crate::model::message::{AuthoriseRequest, Decision, LimitCause, Realtime, StartOutcome, StartResult};
use crate::model::money::Balance;
use crate::model::session::Grant;
use crate::uplink::Reply;

/// Reason of 0202r: other.
const OTHER: u8 = 13;
/// Reason of 0202r: mode not supported.
const NOT_SUPPORTED: u8 = 12;

/// 0201.
pub(super) fn realtime(now: &Realtime) -> Body {
    let limit_cause: u8 = match now.limit_cause {
        LimitCause::None => 0,
        LimitCause::Charger => 1,
        LimitCause::Bms => 2,
        LimitCause::Site => 3,
        LimitCause::Platform => 4,
    };
    wire::request(0x0201)
        .octets("txn", &now.txn.0)
        .number("connector", now.connector.number)
        .number("state", now.state.number())
        .number("plugged", plugged(now.plugged))
        .known("voltage", decivolts(now.voltage))
        .known("current", deciamperes(now.current))
        .known("power", now.power.map(|p| p.0))
        .known("soc", now.soc)
        .known("battery_temp", now.battery_temperature_c)
        .known("connector_temp", now.connector_temperature_c)
        .known("remaining", minutes(now.remaining))
        .number("energy", now.energy.0)
        .number("electricity_amount", now.electricity_amount.0)
        .number("service_amount", now.service_amount.0)
        .number("elapsed", now.elapsed.as_secs())
        .known("limit_power", now.limit.map(|p| p.0))
        .number("limit_cause", limit_cause)
        .number("faults", now.faults)
        .known("meter_register", now.register.map(|r| r.0))
}

/// 0202.
pub(super) fn authorise(asks: &AuthoriseRequest) -> Body {
    let body = wire::request(0x0202)
        .number("connector", asks.connector.number)
        .number("start_mode", asks.start_mode.number())
        .number("plugged", plugged(asks.plugged))
        .known("soc", asks.soc);
    with_credential(body, "cred", &asks.credential)
}

/// 0202r. An acceptance without a number or with a limit that nobody here can keep is no acceptance.
pub(super) fn decision(body: &Body) -> Reply {
    let txn = values::txn(body, "txn");
    Reply::Decision(match (body.num("decision"), values::limit(body)) {
        (0, _) if txn.is_none() => Decision::Refused(OTHER),
        (0, None) => Decision::Refused(NOT_SUPPORTED),
        (0, Some(limit)) => Decision::Accepted {
            grant: Grant {
                txn,
                account: body.str("account").to_owned(),
                balance: body.maybe("balance").map(Balance),
                limit,
                ..Grant::default()
            },
            wait_for_start: body.num("wait_for_start") != 0,
        },
        _ => Decision::Refused(body.int("reason")),
    })
}

/// 0204.
pub(super) fn start_result(result: &StartResult) -> Body {
    let (number, reason): (u8, u16) = match result.result {
        StartOutcome::Charging => (0, 0),
        StartOutcome::NotStarted(reason) => (1, reason.0),
        StartOutcome::Failed(reason) => (2, reason.0),
    };
    let charging = number == 0;
    wire::request(0x0204)
        .octets("txn", &result.txn.0)
        .number("connector", result.connector.number)
        .number("result", number)
        .number("reason", reason)
        .text("vin", vin(result.vin.as_ref()))
        .known("soc", result.soc)
        .time("start_time", local(result.start_time.filter(|_| charging)))
        .known("start_register", result.start_register.filter(|_| charging).map(|r| r.0))
        .number("start_mode", result.start_mode.number())
}
