//! Alarms (platform-222.md 10, 13.6; domain.md 2.14): one open alarm per device, connector and code.
//!
//! The station says what is the case now ([`Alarms::set`]); an alarm is raised when that has held for its raise time,
//! and over when the contrary has held for its clear time. Each key is judged on its own (T42, T43). Of a pair inside
//! the debounce nothing is seen. What several things cause (two piles that the platform does not know) is one alarm
//! until the last of them is over.
//!
//! * **Latch**: the starred alarms of the table stay until a reset after their cause is gone.
//! * **Flap**: after more than five cycles in ten minutes an alarm stays open as it is, 0018 is raised, and both are
//!   judged anew when ten minutes were quiet. 0018 is one alarm of the controller (its high byte is its class): of
//!   several unstable alarms its value names one, its subject more.
//! * **Root cause**: while the link to a device is lost nobody knows how it is, so its alarms stay as they are; the
//!   same holds for lost links while the line itself is gone.
//! * **Bound**: at most 512 are open. Beyond that the oldest of level 3 makes room, and 0014 says so.
//!
//! Raises and clears become [`AlarmEvent`]s in the order in which they happened; the journal makes alarm and message
//! durable in one step, and nobody but people in the depot is told before. After a restart open alarms are open still:
//! latched ones until they are reset, others until their cause is found to be over or nobody has confirmed it for a
//! minute.

mod catalogue;
mod effect;
mod entry;
mod fault;
mod reset;
mod telling;
#[cfg(test)]
mod tests;

pub use catalogue::text;
pub(super) use effect::{SiteStop, Stops};
pub(super) use fault::Faults;
pub(super) use reset::Waiter;

use super::inventory::{Places, class};
use crate::model::alarm::{self, Alarm, AlarmEvent};
use crate::model::batch::{KnownAlarm, Recovered};
use crate::model::ident::{ConnectorId, TransactionNumber};
use crate::model::time::{Instant, Now};
use catalogue::kind;
use entry::Entry;
use std::collections::{BTreeMap, VecDeque};

/// Open alarms at most; beyond that the oldest of level 3 goes first.
pub(super) const OPEN: usize = 512;
/// Raises and clears that may wait for the disk; then nothing new is shown until there is room.
const NEWS: usize = 1024;
/// Longest text of 0401, octets.
const LONGEST_TEXT: usize = 64;
/// Alarm events that may wait for the platform (a bound of the store).
pub(super) const EVENTS: u64 = 10_000;

/// Codes that the station raises itself.
pub(super) mod code {
    pub(crate) const UPLINK_DOWN: u16 = 0x0001;
    pub(crate) const LOGIN_REFUSED: u16 = 0x0002;
    pub(crate) const QUEUE_FULL: u16 = 0x0003;
    pub(crate) const STORAGE_FAILURE: u16 = 0x0004;
    pub(crate) const STORAGE_LOW: u16 = 0x0005;
    pub(crate) const CLOCK_NOT_TRUSTED: u16 = 0x0006;
    pub(crate) const PLATFORM_CLOCK_DIFFERS: u16 = 0x0007;
    pub(crate) const RECORD_INCONSISTENT: u16 = 0x0008;
    pub(crate) const RECORD_REFUSED: u16 = 0x0009;
    pub(crate) const CARD_LIST_STALE: u16 = 0x000A;
    pub(crate) const VIN_LIST_STALE: u16 = 0x000B;
    pub(crate) const PLATE_LIST_STALE: u16 = 0x000C;
    pub(crate) const TARIFF_MISSING: u16 = 0x000D;
    pub(crate) const IMPLAUSIBLE_VALUE: u16 = 0x000E;
    pub(crate) const CONFIGURATION_DIFFERS: u16 = 0x0012;
    pub(crate) const ALARM_OVERFLOW: u16 = 0x0014;
    pub(crate) const MESSAGE_REFUSED: u16 = 0x0016;
    pub(crate) const UNSTABLE: u16 = 0x0018;
    pub(crate) const CHAIN_RESTARTED: u16 = 0x0019;
    pub(crate) const EMERGENCY_STOP: u16 = 0x0101;
    pub(crate) const SMOKE: u16 = 0x0102;
    pub(crate) const DOOR_UNDER_LOAD: u16 = 0x0118;
    pub(crate) const PULLED_UNDER_LOAD: u16 = 0x011B;
    pub(crate) const CHARGER_LINK_LOST: u16 = 0x011D;
    pub(crate) const CHARGING_WITHOUT_SESSION: u16 = 0x011F;
    pub(crate) const CHARGER_FAULT: u16 = 0x0124;
    pub(crate) const METER_LINK_LOST: u16 = 0x0201;
    pub(crate) const METER_CLOCK: u16 = 0x0207;
    pub(crate) const READER_LINK_LOST: u16 = 0x0301;
    pub(crate) const READER_OPENED: u16 = 0x0302;
    pub(crate) const READER_CHANNEL: u16 = 0x0303;
    pub(crate) const BMS_LISTENER_SILENT: u16 = 0x0401;
    pub(crate) const VIN_DIFFERS: u16 = 0x040A;
    pub(crate) const REFUSED_VEHICLE: u16 = 0x040C;
    pub(crate) const GREY_VEHICLE: u16 = 0x0410;
    pub(crate) const LINE_GONE: u16 = 0x0801;
    pub(crate) const LINE_ERRORS: u16 = 0x0802;
    pub(crate) const FIRE: u16 = 0x0901;
}

/// What may be the case: a code, where, and whom it concerns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Key {
    code: u16,
    connector: Option<ConnectorId>,
    index: Option<u16>,
    /// The device, record or list, for people.
    subject: String,
    value: i32,
}

impl Key {
    /// Of the controller.
    pub(super) fn station(code: u16, subject: &str) -> Key {
        Key { code, connector: None, index: None, subject: subject.to_owned(), value: 0 }
    }

    /// Of a device at this connector.
    pub(super) fn connector(code: u16, connector: ConnectorId, subject: &str) -> Key {
        Key { connector: Some(connector), ..Key::station(code, subject) }
    }

    /// Of the device with this index, without a connector: a line, a part of the site.
    pub(super) fn device(code: u16, index: u16, subject: &str) -> Key {
        Key { index: Some(index), ..Key::station(code, subject) }
    }

    /// With a measured value or a detail.
    pub(super) fn with(self, value: i32) -> Key {
        Key { value, ..self }
    }
}

/// What makes an alarm one of its own: the key of 13.6 (the class is the high byte of the code).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) code: u16,
    pub(super) index: u16,
    pub(super) connector: Option<ConnectorId>,
}

/// What people are told of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Change {
    Raised(Alarm),
    Cleared(Alarm),
}

/// An open alarm as the disk has it.
#[derive(Debug)]
struct Durable {
    alarm: Alarm,
    /// The message of its raise.
    entry: Option<u64>,
    acknowledged: bool,
}

/// Every open alarm, and those that are not quite open yet.
#[derive(Debug)]
pub(super) struct Alarms {
    places: Places,
    entries: BTreeMap<Place, Entry>,
    last: u64,
    /// Raised since they were last asked for: they may stop sessions.
    raised: Vec<Place>,
    /// Raises and clears that are not durable yet, oldest first.
    news: VecDeque<AlarmEvent>,
    /// Some of them are on their way to the disk.
    writing: bool,
    /// What the disk has, by identity.
    durable: BTreeMap<u64, Durable>,
    /// Events that wait for the platform.
    queued: u64,
    /// Who waits for a reset to be durable.
    resets: Vec<(u64, Waiter)>,
}

impl Alarms {
    /// As the program left them.
    pub(super) fn new(now: Now, places: Places, recovered: &Recovered) -> Alarms {
        let mut alarms = Alarms {
            places,
            entries: BTreeMap::new(),
            last: recovered.last_alarm,
            raised: Vec::new(),
            news: VecDeque::new(),
            writing: false,
            durable: BTreeMap::new(),
            queued: recovered.alarm_events,
            resets: Vec::new(),
        };
        for KnownAlarm { alarm, acknowledged, entry } in &recovered.alarms {
            let Some(kind) = kind(alarm.code) else { continue };
            let place = Place { code: alarm.code, index: alarm.index, connector: alarm.connector };
            alarms.entries.insert(place, Entry::restored(kind, alarm.clone(), now.mono));
            alarms.raised.push(place);
            let durable = Durable { alarm: alarm.clone(), entry: *entry, acknowledged: *acknowledged };
            alarms.durable.insert(alarm.id, durable);
        }
        alarms
    }

    /// This is the case now, or no longer. Repeats change nothing.
    pub(super) fn set(&mut self, now: Now, key: Key, active: bool) {
        self.set_for(now, key, active, None);
    }

    /// The same, with the session concerned. A code that is not in the catalogue says nothing.
    pub(super) fn set_for(&mut self, now: Now, key: Key, active: bool, txn: Option<TransactionNumber>) {
        let Some(kind) = kind(key.code) else { return };
        let place = self.place(&key);
        let Key { connector, subject, value, .. } = key;
        let subject = match connector.filter(|_| place.connector.is_none()) {
            Some(connector) => format!("{subject} {connector}"),
            None => subject,
        };
        if active {
            let entry = self.entries.entry(place).or_insert_with(|| Entry::new(kind, now.mono));
            if !entry.is_caused() {
                (entry.txn, entry.value) = (txn, value);
            }
            entry.set(now.mono, &subject, true);
        } else if let Some(entry) = self.entries.get_mut(&place) {
            entry.set(now.mono, &subject, false);
        }
    }

    fn place(&self, key: &Key) -> Place {
        let class = alarm::class(key.code);
        let (index, connector) = match (class, key.index, key.connector) {
            (class::CONTROLLER, _, _) => (1, None),
            (_, Some(index), _) => (index, None),
            (class, None, Some(connector)) => {
                let (index, connector) = self.places.at(class, connector);
                (index, Some(connector))
            }
            (_, None, None) => (0, None),
        };
        Place { code: key.code, index, connector }
    }

    /// Raises and clears what is due.
    pub(super) fn turn(&mut self, now: Now) -> Vec<Change> {
        let places: Vec<Place> = self.entries.keys().copied().collect();
        for place in places {
            let held = self.is_held(place);
            let Some(entry) = self.entries.get_mut(&place) else { continue };
            if entry.judge(now.mono, held) == Some(true) {
                self.raised.push(place);
            }
        }
        self.watch_unstable(now);
        let changes = self.show(now);
        self.entries.retain(|_, entry| !entry.is_over(now.mono));
        changes
    }

    /// Whether nobody can know how this is, because the way to the device is lost.
    fn is_held(&self, place: Place) -> bool {
        let lost = |place: Place| self.entries.get(&place).is_some_and(Entry::is_caused);
        let class = alarm::class(place.code);
        let Some(connector) = place.connector else { return false };
        let parent = match class {
            class::CHARGER | class::VEHICLE => code::CHARGER_LINK_LOST,
            class::METER => code::METER_LINK_LOST,
            class::READER => code::READER_LINK_LOST,
            _ => return false,
        };
        if place.code == parent {
            let line = self.places.line(class, connector);
            return line != 0 && lost(Place { code: code::LINE_GONE, index: line, connector: None });
        }
        let (index, connector) = self.places.at(alarm::class(parent), connector);
        lost(Place { code: parent, index, connector: Some(connector) })
    }

    /// 0018: there is one as long as some alarm is unstable.
    fn watch_unstable(&mut self, now: Now) {
        let name = |place: &Place| {
            let at = place.connector.map_or_else(String::new, |c| format!(" at {c}"));
            format!("{:04X}{at}", place.code)
        };
        let unstable = self.entries.iter().filter(|(_, entry)| entry.is_unstable());
        let unstable: BTreeMap<String, u16> = unstable.map(|(place, _)| (name(place), place.code)).collect();
        let place = self.place(&Key::station(code::UNSTABLE, ""));
        if unstable.is_empty() && !self.entries.contains_key(&place) {
            return;
        }
        let Some(kind) = kind(code::UNSTABLE) else { return };
        let entry = self.entries.entry(place).or_insert_with(|| Entry::new(kind, now.mono));
        entry.keep_only(now.mono, |name| unstable.contains_key(name));
        for (name, code) in &unstable {
            if !entry.is_caused() {
                entry.value = i32::from(*code);
            }
            entry.set(now.mono, name, true);
        }
        entry.judge(now.mono, false);
    }

    /// When something is due by itself.
    pub(super) fn wake_at(&self) -> Option<Instant> {
        self.entries.values().filter_map(Entry::wake_at).min()
    }

    /// Open alarms in the order of their keys.
    pub(super) fn open(&self) -> impl Iterator<Item = &Alarm> {
        self.entries.values().filter_map(|e| e.open.as_ref())
    }

    pub(super) fn is_open(&self, code: u16) -> bool {
        self.open().any(|a| a.code == code)
    }

    /// Most severe open level 1, 2, 3; 0 none.
    pub(super) fn level(&self) -> u8 {
        self.open().map(|a| a.level).min().unwrap_or(0)
    }
}
