//! What the people at the platform read of a message.

use crate::model::stop::StopReason;
use crate::wire::platform222::{Body, Header};

/// One line about a new message that they care for; `reply` is the body it is answered with.
pub(super) fn of(header: &Header, body: &Body, reply: Option<&[u8]>) -> Option<String> {
    let gun = || format!("{}/{}", hex(&header.device), body.num("connector"));
    match header.number {
        0x0202 => {
            let refused = reply.and_then(|r| r.first()).is_some_and(|decision| *decision != 0);
            Some(format!("{}  start asked for: {}", gun(), if refused { "refused" } else { "accepted" }))
        }
        0x0204 => {
            let reason = StopReason(body.int("reason"));
            let why = reason.text().map_or("", |(en, _)| en);
            Some(match body.num("result") {
                0 => format!("{}  charging", gun()),
                1 => format!("{}  not started: {why}", gun()),
                _ => format!("{}  start failed: {why}", gun()),
            })
        }
        0x020A => {
            let verdict = reply.and_then(|r| r.get(16)).copied();
            let taken = match verdict {
                Some(0) => "stored",
                Some(1) => "was here already",
                _ => "REFUSED",
            };
            let stored = if header.is_stored() { ", made offline" } else { "" };
            let (energy, amount) =
                (body.num("energy_total"), body.num("electricity_total") + body.num("service_total"));
            Some(format!(
                "{}  record {} {taken}: {}.{:02} kWh, {}.{:04} yuan{stored}",
                gun(),
                body.num("record_number"),
                energy / 10_000,
                energy % 10_000 / 100,
                amount / 10_000,
                amount % 10_000,
            ))
        }
        0x0401 => {
            let what = if body.num("raised") == 1 { "alarm" } else { "alarm over" };
            Some(format!(
                "{}  {what} {}: {:04X} level {}, {}",
                gun(),
                body.num("id"),
                body.num("code"),
                body.num("level"),
                body.str("text")
            ))
        }
        _ => None,
    }
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|o| format!("{o:02x}")).collect()
}
