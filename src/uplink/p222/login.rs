//! Login, life, piles (0101, 0102, 0103; platform-222.md 5.2, 7).

use super::values::{deciamperes, decivolts, local, utc};
use super::{Config, wire};
use crate::model::ident::DeviceCode;
use crate::model::message::{PileRegister, StationFacts};
use crate::model::record::BillingMode;
use crate::model::time::Utc;
use crate::uplink::{LoginReply, Reply};
use hmac::{Hmac, Mac};
use sha2::Sha256;
use std::time::Duration;
use wire::{Body, cp56};

/// 0101.
pub(super) fn login(config: &Config, facts: &StationFacts, nonce: &[u8; 16], time: Option<Utc>) -> Body {
    let secret = config.secret.as_ref().map(|secret| &secret[..]);
    wire::request(0x0101)
        .text("software", &config.software)
        .number("pile_count", config.piles)
        .number("connector_count", config.connectors)
        .number("boot_counter", facts.boot_counter)
        .number("unsent_records", facts.unsent_records)
        .number("tariff_number", facts.tariff_number)
        .number("card_list_version", facts.card_list_version)
        .number("vin_list_version", facts.vin_list_version)
        .number("plate_list_version", facts.plate_list_version)
        .octets("nonce", nonce)
        .time("time", local(time))
        .octets("digest", &proof(secret, config.station, nonce, time))
}

/// HMAC-SHA256 of station code as 14 digits, nonce, and the time field as sent; zeros without a secret.
pub(super) fn proof(
    secret: Option<&[u8]>,
    station: DeviceCode,
    nonce: &[u8; 16],
    time: Option<Utc>,
) -> [u8; 32] {
    let mac = secret.and_then(|secret| Hmac::<Sha256>::new_from_slice(secret).ok());
    let Some(mut mac) = mac else { return [0; 32] };
    mac.update(station.to_string().as_bytes());
    mac.update(nonce);
    mac.update(&cp56::write(local(time)));
    mac.finalize().into_bytes().into()
}

/// 0101r.
pub(super) fn login_reply(body: &Body) -> Reply {
    Reply::Login(LoginReply {
        result: body.int("result"),
        retry_after: body.int("retry_after"),
        time: utc(body.when("time")),
        heartbeat: body.int("heartbeat"),
        telemetry_charging: body.int("telemetry_charging"),
        telemetry_idle: body.int("telemetry_idle"),
        record_window: body.int("record_window"),
    })
}

/// 0102.
pub(super) fn heartbeat(uptime: Duration, facts: &StationFacts) -> Body {
    wire::request(0x0102)
        .number("uptime", uptime.as_secs())
        .number("unsent_records", facts.unsent_records)
        .number("open_sessions", facts.open_sessions)
        .number("alarm_level", facts.alarm_level)
}

/// 0102r.
pub(super) fn heartbeat_reply(body: &Body) -> Reply {
    Reply::Heartbeat(utc(body.when("time")))
}

/// 0103.
pub(super) fn pile_register(pile: &PileRegister) -> Body {
    let billing: u8 = match pile.billing_mode {
        BillingMode::Platform => 1,
        BillingMode::Pile => 2,
    };
    wire::request(0x0103)
        .number("kind", pile.kind)
        .number("connectors", pile.connectors)
        .number("rated_power", pile.rated_power.0)
        .known("max_voltage", decivolts(pile.max_voltage))
        .known("max_current", deciamperes(pile.max_current))
        .number("billing_mode", billing)
        .number("meter_kind", pile.meter_kind)
        .text("model", &pile.model)
}

/// 0103r.
pub(super) fn pile_register_reply(body: &Body) -> Reply {
    Reply::PileRegister(body.int("result"))
}
