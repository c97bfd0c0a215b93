//! Clocks of meters (rs485.md 1.6, 2): watched always, told the time once a day at most.
//!
//! A broadcast reaches every meter of its line, and a meter takes it or not by the limits of the standard: off by no more
//! than five minutes, once a day, not around midnight or a settlement on the hour [R]. So it goes out only in a window
//! in the early afternoon that keeps clear of full hours, only where a clock is off by more than two seconds and by no
//! more than five minutes, only while our own time may be believed, and only when this program has run for longer than
//! the window: one that was started again inside it cannot tell whether the day's broadcast is spent. Every broadcast
//! and what came of it is audited.
//!
//! What is absent: writing a clock with a password. A clock that is off by more is a matter for a person: alarm 0207.

use super::alarms::{Alarms, Key, code};
use super::connector::Role;
use super::{Action, Station, sessions};
use crate::model::ident::DeviceId;
use crate::model::request::{Order, Request};
use crate::model::time::{Instant, Now};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::time::Duration;

/// A meter of a verified charger may be off by this (JJG 1149; rs485.md 2: alarm at 3 min).
const ALARM_MS: u64 = 180_000;
/// Left alone up to this, and out of reach of a broadcast beyond the other.
const SMALL_MS: u64 = 2_000;
const REACH_MS: u64 = 300_000;
/// 13:10 to 13:50, in milliseconds after local midnight.
const WINDOW: Range<i64> = 47_400_000..49_800_000;
/// What a meter told longer ago than this does not count; it is asked hourly.
const FRESH: Duration = Duration::from_secs(2 * 3_600);

/// Clocks of the meters.
#[derive(Debug)]
pub(super) struct MeterClocks {
    lines: Vec<Line>,
    ahead: BTreeMap<DeviceId, (Instant, i64)>,
    started: Instant,
}

/// Meters that hear one broadcast.
#[derive(Debug)]
struct Line {
    meters: Vec<DeviceId>,
    /// The local day of the last broadcast.
    told_on: Option<i64>,
    /// What is still to be seen of it.
    expected: BTreeSet<DeviceId>,
}

/// A broadcast that is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Broadcast {
    /// Who sends it.
    pub(super) by: DeviceId,
    /// Who needs it, and how far it is ahead, in milliseconds.
    pub(super) off: Vec<(DeviceId, i64)>,
}

impl MeterClocks {
    /// `lines`: meters that hear one another's broadcast; those that are in none are only watched.
    pub(super) fn new(now: Now, lines: &[Vec<DeviceId>]) -> MeterClocks {
        let line = |meters: &Vec<DeviceId>| Line {
            meters: meters.clone(),
            told_on: None,
            expected: BTreeSet::new(),
        };
        MeterClocks { lines: lines.iter().map(line).collect(), ahead: BTreeMap::new(), started: now.mono }
    }

    /// A meter told how far it is ahead. Gives how far it was before the broadcast whose effect this is.
    pub(super) fn told(&mut self, now: Now, meter: DeviceId, ahead_ms: i64) -> Option<i64> {
        let before = self.ahead.insert(meter, (now.mono, ahead_ms)).map(|(_, before)| before);
        let is_effect = self.lines.iter_mut().any(|line| line.expected.remove(&meter));
        before.filter(|_| is_effect)
    }

    /// The broadcasts to send now.
    pub(super) fn due(&mut self, now: Now) -> Vec<Broadcast> {
        let Some(wall) = now.stamp() else { return Vec::new() };
        let window = Duration::from_millis((WINDOW.end - WINDOW.start).unsigned_abs());
        if !WINDOW.contains(&wall.local_ms_of_day()) || now.mono.since(self.started) <= window {
            return Vec::new();
        }
        let (today, known) = (wall.local_day(), &self.ahead);
        let off = |meter: &DeviceId| {
            let (at, ahead) = known.get(meter).copied()?;
            let within = (SMALL_MS + 1..=REACH_MS).contains(&ahead.unsigned_abs());
            (within && now.mono.since(at) <= FRESH).then_some((*meter, ahead))
        };
        let mut due = Vec::new();
        for line in self.lines.iter_mut().filter(|line| line.told_on != Some(today)) {
            let off: Vec<(DeviceId, i64)> = line.meters.iter().filter_map(off).collect();
            let Some((by, _)) = off.first().copied() else { continue };
            line.told_on = Some(today);
            line.expected = off.iter().map(|(meter, _)| *meter).collect();
            due.push(Broadcast { by, off });
        }
        due
    }
}

impl Station {
    pub(super) fn meter_clock(&mut self, now: Now, meter: DeviceId, ahead_ms: i64) {
        for (gun, role) in self.roles.get(&meter).into_iter().flatten() {
            if *role == Role::Meter {
                let key = Key::connector(code::METER_CLOCK, self.guns[*gun].config.id, "meter");
                watch(&mut self.alarms, now, key, ahead_ms);
            }
        }
        if let Some(before) = self.meter_clocks.told(now, meter, ahead_ms) {
            let what = format!(
                "clock of {}: {} before the broadcast, {} after",
                self.meter_name(meter),
                shown(before),
                shown(ahead_ms)
            );
            self.audit(now, "station", what);
        }
    }

    /// Sends the broadcasts that are due.
    pub(super) fn tell_meters_the_time(&mut self, now: Now, out: &mut Vec<Action>) {
        for broadcast in self.meter_clocks.due(now) {
            let off = broadcast.off.iter();
            let off: Vec<String> =
                off.map(|(m, ahead)| format!("{} {}", self.meter_name(*m), shown(*ahead))).collect();
            self.audit(
                now,
                "station",
                format!("the time is told to the meters of a line: {}", off.join(", ")),
            );
            self.feedbacks = self.feedbacks.wrapping_add(1);
            let order = sessions::order_id(sessions::NO_SESSION, self.feedbacks);
            out.push(Action::Tell(broadcast.by, Request { order, what: Order::SetClock }));
        }
    }

    /// By the connector that it measures, else by its number on the list of devices.
    fn meter_name(&self, meter: DeviceId) -> String {
        let gun = self.guns.iter().find(|gun| gun.config.meter == meter);
        gun.map_or_else(|| format!("meter {}", meter.0), |gun| format!("the meter of {}", gun.config.id))
    }
}

fn watch(alarms: &mut Alarms, now: Now, key: Key, ahead_ms: i64) {
    alarms.set(now, key, ahead_ms.unsigned_abs() > ALARM_MS);
}

/// Seconds with one decimal, and which way.
fn shown(ahead_ms: i64) -> String {
    let tenths = (ahead_ms.unsigned_abs() + 50) / 100;
    let way = if ahead_ms < 0 { "behind" } else { "ahead" };
    format!("{}.{} s {way}", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::time::{ClockTrust, Utc};

    const A: DeviceId = DeviceId(1);
    const B: DeviceId = DeviceId(2);
    const C: DeviceId = DeviceId(3);

    /// So many minutes after 12:00, when the program was started.
    fn at(minutes: u64) -> Now {
        let noon = Utc::from_local(jiff::civil::date(2026, 11, 22).at(12, 0, 0, 0));
        Now {
            mono: Instant(minutes * 60_000_000),
            wall: noon.plus_ms(minutes as i64 * 60_000),
            trust: ClockTrust::Ntp,
        }
    }

    fn clocks(ahead: &[(DeviceId, i64)]) -> MeterClocks {
        let mut clocks = MeterClocks::new(at(0), &[vec![A, B], vec![C]]);
        for (meter, ahead) in ahead {
            assert_eq!(clocks.told(at(30), *meter, *ahead), None);
        }
        clocks
    }

    #[test]
    fn a_line_is_told_the_time_once_a_day_and_in_its_window() {
        let mut clocks = clocks(&[(A, 1_900), (B, -12_345), (C, 0)]);
        assert_eq!((clocks.due(at(69)), clocks.due(at(110))), (vec![], vec![]));
        assert_eq!(clocks.due(at(75)), [Broadcast { by: B, off: vec![(B, -12_345)] }]);
        assert_eq!(clocks.due(at(76)), []);
        assert_eq!(clocks.told(at(77), B, 100), Some(-12_345));
        assert_eq!(clocks.told(at(137), B, -4_000), None);
        assert_eq!(clocks.due(at(139)), []);
        // the next day, when it is off again
        clocks.told(at(1_440 + 70), B, -4_000);
        assert_eq!(clocks.due(at(1_440 + 75)).len(), 1);
    }

    #[test]
    fn a_clock_that_is_far_off_or_was_not_heard_of_lately_is_left_alone() {
        assert_eq!(clocks(&[(A, 300_001), (B, i64::MIN), (C, -2_000)]).due(at(75)), []);
        assert_eq!(clocks(&[(A, 300_000)]).due(at(75)).len(), 1);
        let mut silent = clocks(&[(A, 9_000)]);
        assert_eq!(silent.due(at(1_440 + 75)), []);
    }

    #[test]
    fn nothing_is_told_without_a_time_to_believe_or_right_after_a_start() {
        let mut before = clocks(&[(A, 9_000)]);
        assert_eq!(before.due(Now { trust: ClockTrust::None, ..at(75) }), []);
        let mut fresh = MeterClocks::new(at(72), &[vec![A]]);
        fresh.told(at(73), A, 9_000);
        assert!((73..=120).all(|minute| fresh.due(at(minute)).is_empty()));
        assert_eq!(
            (shown(-12_345), shown(i64::MAX).as_str()),
            ("12.3 s behind".to_owned(), "9223372036854775.8 s ahead")
        );
    }
}
