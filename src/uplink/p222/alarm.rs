//! Alarms: raises and clears, and all that are open (0401, 0402; platform-222.md 10).

use super::values::local;
use super::wire::{self, Body};
use crate::model::alarm::{Alarm, AlarmEvent};
use crate::uplink::Reply;

/// 0401.
pub(super) fn event(event: &AlarmEvent) -> Body {
    let AlarmEvent { alarm, raised, at, text } = event;
    wire::request(0x0401)
        .number("id", alarm.id)
        .number("code", alarm.code)
        .number("level", alarm.level)
        .number("raised", u8::from(*raised))
        .number("device_class", alarm.class())
        .number("index", alarm.index)
        .number("connector", connector(alarm))
        .time("time", local(*at))
        .octets("txn", &alarm.txn.unwrap_or_default().0)
        .number("value", alarm.value)
        .text("text", text)
}

/// 0401r.
pub(super) fn event_reply(body: &Body) -> Reply {
    Reply::Alarm { id: body.int("id") }
}

/// 0402: one part of all.
pub(super) fn open(part: u8, parts: u8, alarms: &[Alarm]) -> Body {
    wire::request(0x0402).number("part", part).number("parts", parts).list(
        "entries",
        alarms,
        |entry, alarm| {
            entry
                .number("id", alarm.id)
                .number("code", alarm.code)
                .number("level", alarm.level)
                .number("class", alarm.class())
                .number("index", alarm.index)
                .number("connector", connector(alarm))
                .time("time", local(alarm.raised))
        },
    )
}

fn connector(alarm: &Alarm) -> u8 {
    alarm.connector.map_or(0, |connector| connector.number)
}
