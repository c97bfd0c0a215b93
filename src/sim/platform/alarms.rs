//! Raises, clears and lists of open alarms (0401, 0402; platform-222.md 10, 13.5, 13.6, I10 of domain.md).

use super::Platform;
use crate::model::ident::DeviceCode;
use crate::wire::platform222::{Body, Header, reply};
use std::collections::{BTreeMap, BTreeSet};

/// Codes of level 1 and of level 3; the others are of level 2.
const LEVEL_1: [u16; 26] = [
    0x0004, 0x0101, 0x0102, 0x0103, 0x0104, 0x0106, 0x010E, 0x0110, 0x0111, 0x0112, 0x0113, 0x0118, 0x0119,
    0x011C, 0x011F, 0x0120, 0x0121, 0x0403, 0x0404, 0x0405, 0x0406, 0x0407, 0x040B, 0x0901, 0x0902, 0x0905,
];
const LEVEL_3: [u16; 29] = [
    0x000A, 0x000B, 0x000C, 0x000E, 0x0014, 0x0018, 0x0109, 0x010A, 0x011A, 0x0123, 0x0205, 0x0207, 0x0208,
    0x0301, 0x0303, 0x0401, 0x0409, 0x040D, 0x0410, 0x0505, 0x0507, 0x0509, 0x050B, 0x0601, 0x0602, 0x0605,
    0x0706, 0x0802, 0x0906,
];
/// The last code of each class.
const LAST: [u16; 10] = [0x19, 0x24, 0x08, 0x03, 0x10, 0x0B, 0x05, 0x06, 0x03, 0x06];

/// Code, index, connector.
type Key = (u16, u16, u8);

/// What the station told of its alarms.
#[derive(Debug, Default)]
pub(super) struct Alarms {
    /// Open ones by identity.
    pub(super) open: BTreeMap<u64, Key>,
    /// Open ones by their key as raises and clears alone tell it: a list may be ahead of events that were stored.
    told: BTreeMap<Key, u64>,
    /// Every identity that was ever raised or listed.
    known: BTreeSet<u64>,
    /// Identities that were cleared.
    over: BTreeSet<u64>,
    /// Parts of the list under way: how many, and what they held so far.
    list: Option<(u8, u8, BTreeMap<u64, Key>)>,
    /// The connection on which a whole list has arrived.
    listed_on: Option<u64>,
}

impl Platform {
    /// Identity and code of every alarm that the station told and did not take back.
    pub fn open_alarms(&self) -> impl Iterator<Item = (u64, u16)> {
        self.alarms.open.iter().map(|(id, (code, _, _))| (*id, *code))
    }

    /// 0401.
    pub(super) fn alarm_event(&mut self, id: u64, header: &Header, body: &Body) -> Body {
        let alarm: u64 = body.int("id");
        let key: Key = (body.int("code"), body.int("index"), body.int("connector"));
        let class: u8 = body.int("device_class");
        self.judge_alarm(key.0, class, body.int("level"));
        let of_pile = (1..=4).contains(&class);
        if of_pile == (DeviceCode(header.device) == self.config.station) {
            self.complain(format!("0401: alarm {alarm} of class {class} speaks for the wrong device"));
        }
        if self.alarms.listed_on != Some(id) && !self.is_disturbed(id) {
            self.complain(format!("5.5: alarm {alarm} before the open alarms"));
        }
        match body.num("raised") {
            1 => self.raised(alarm, key),
            _ => self.cleared(alarm, key),
        }
        reply(0x0401).number("id", alarm)
    }

    fn judge_alarm(&mut self, code: u16, class: u8, level: u8) {
        let known = LAST.get(usize::from(class)).is_some_and(|last| (1..=*last).contains(&(code & 0xFF)));
        if code >> 8 != u16::from(class) || !known {
            self.complain(format!("13.6: code {code:04X} of class {class}"));
        }
        let wanted = if LEVEL_1.contains(&code) {
            1
        } else if LEVEL_3.contains(&code) {
            3
        } else {
            2
        };
        if level != wanted {
            self.complain(format!("13.6: code {code:04X} with level {level}"));
        }
    }

    fn raised(&mut self, alarm: u64, key: Key) {
        if alarm == 0 || self.alarms.over.contains(&alarm) {
            self.complain(format!("I10: alarm {alarm} is raised again"));
            return;
        }
        let other = self.alarms.told.insert(key, alarm).filter(|other| *other != alarm);
        if let Some(other) = other {
            self.complain(format!("I10: alarm {alarm} while {other} of the same key is open"));
        }
        if self.alarms.open.get(&alarm).is_some_and(|before| *before != key) {
            self.complain(format!("0401: alarm {alarm} is another one than before"));
        }
        self.alarms.known.insert(alarm);
        self.alarms.open.insert(alarm, key);
    }

    fn cleared(&mut self, alarm: u64, key: Key) {
        let before = self.alarms.open.remove(&alarm);
        self.alarms.told.retain(|_, id| *id != alarm);
        if !self.alarms.known.contains(&alarm) && self.config.from_first_record {
            self.complain(format!("I10: alarm {alarm} is cleared and was never raised"));
        }
        if before.is_some_and(|before| before != key) {
            self.complain(format!("0401: alarm {alarm} is another one than before"));
        }
        self.alarms.known.insert(alarm);
        self.alarms.over.insert(alarm);
    }

    /// 0402: all parts together replace what was known.
    pub(super) fn alarm_list(&mut self, id: u64, body: &Body) -> Body {
        const PART: usize = 128;
        let (part, parts): (u8, u8) = (body.int("part"), body.int("parts"));
        let entries = body.entries("entries");
        let (next, held) = match self.alarms.list.take() {
            Some((of, next, held)) if of == parts && part == next => (next, held),
            _ => (1, BTreeMap::new()),
        };
        let full = part == parts || entries.len() == PART;
        if part != next || part == 0 || part > parts || !full || (entries.is_empty() && parts != 1) {
            self.complain(format!("0402: part {part} of {parts} with {} entries", entries.len()));
            return reply(0x0402);
        }
        let mut held = held;
        for entry in entries {
            let alarm: u64 = entry.int("id");
            let key: Key = (entry.int("code"), entry.int("index"), entry.int("connector"));
            self.judge_alarm(key.0, entry.int("class"), entry.int("level"));
            if self.alarms.over.contains(&alarm) {
                self.complain(format!("T44: alarm {alarm} is listed and was cleared before"));
            }
            if held.values().any(|other| *other == key) || held.insert(alarm, key).is_some() {
                self.complain(format!("0402: alarm {alarm} is listed twice"));
            }
        }
        if part < parts {
            self.alarms.list = Some((parts, part + 1, held));
            return reply(0x0402);
        }
        self.alarms.known.extend(held.keys());
        self.alarms.open = held; // of what is missing the clear is still to come
        self.alarms.listed_on = Some(id);
        reply(0x0402)
    }
}
