//! Open alarms (platform-222.md 13.6, domain.md 2.14): one per code and subject, debounced, raise before clear.
//!
//! The station says what is the case now; an alarm is raised when that has held for its raise time, and cleared when
//! the contrary has held for its clear time. Of a pair inside the debounce nothing is seen.

use crate::model::alarm::Alarm;
use crate::model::ident::{ConnectorId, TransactionNumber};
use crate::model::time::{Instant, Now};
use std::collections::BTreeMap;
use std::time::Duration;

/// Open alarms at most; beyond that the oldest of level 3 goes first.
pub(super) const OPEN: usize = 512;

/// Codes that the station raises itself.
pub(super) mod code {
    pub(crate) const UPLINK_DOWN: u16 = 0x0001;
    pub(crate) const LOGIN_REFUSED: u16 = 0x0002;
    pub(crate) const STORAGE_FAILURE: u16 = 0x0004;
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
    pub(crate) const CHARGER_LINK_LOST: u16 = 0x011D;
    pub(crate) const CHARGING_WITHOUT_SESSION: u16 = 0x011F;
    pub(crate) const METER_LINK_LOST: u16 = 0x0201;
    pub(crate) const METER_CLOCK: u16 = 0x0207;
    pub(crate) const READER_LINK_LOST: u16 = 0x0301;
    pub(crate) const READER_OPENED: u16 = 0x0302;
    pub(crate) const BMS_LISTENER_SILENT: u16 = 0x0401;
}

/// What the catalogue says of a code.
struct Kind {
    level: u8,
    raise: Duration,
    clear: Duration,
    en: &'static str,
    zh: &'static str,
}

fn kind(code: u16) -> Kind {
    let (level, raise, clear, en, zh) = match code {
        0x0001 => (2, 300, 0, "uplink down", "平台通信中断"),
        0x0002 => (2, 0, 0, "login refused", "平台拒绝登录"),
        0x0004 => (1, 0, 30, "storage failure", "存储故障"),
        0x0006 => (2, 5, 10, "clock not trusted", "时钟不可信"),
        0x0007 => (2, 5, 10, "platform clock differs", "平台时钟不一致"),
        0x0008 => (2, 0, 0, "record inconsistent", "交易记录不一致"),
        0x0009 => (2, 0, 0, "record refused by the platform", "平台拒收交易记录"),
        0x000A => (3, 5, 10, "card list stale", "卡名单过期"),
        0x000B => (3, 5, 10, "VIN list stale", "车辆VIN名单过期"),
        0x000C => (3, 5, 10, "plate list stale", "车牌名单过期"),
        0x000D => (2, 5, 10, "tariff missing or not valid", "计费模型缺失或无效"),
        0x000E => (3, 0, 30, "implausible platform value", "平台数据不合理"),
        0x0012 => (2, 0, 0, "configuration differs", "配置不一致"),
        0x0014 => (3, 0, 30, "alarm table overflow", "告警表溢出"),
        0x0016 => (2, 0, 0, "message refused by the platform", "平台拒收报文"),
        0x0101 => (1, 0, 0, "emergency stop", "急停"),
        0x0103 => (1, 0, 0, "insulation fault", "绝缘故障"),
        0x0104 => (1, 0, 0, "contactor welded", "接触器粘连"),
        0x011B => (2, 0, 10, "plug pulled under load", "带载拔枪"),
        0x011D => (2, 5, 10, "charger link lost", "充电机通信中断"),
        0x011E => (2, 30, 30, "set-point not followed", "不跟随功率设定"),
        0x011F => (1, 2, 10, "charging without session", "无会话充电"),
        0x0124 => (2, 2, 10, "other charger fault", "充电机其他故障"),
        0x0201 => (2, 5, 10, "meter link lost", "电表通信中断"),
        0x0202 => (2, 0, 0, "register went back", "电表读数回退"),
        0x0203 => (2, 0, 0, "register jumped", "电表读数跳变"),
        0x0204 => (2, 60, 10, "register frozen under load", "带载电表读数不变"),
        0x0205 => (3, 60, 60, "meter differs from charger", "电表与充电机电量不一致"),
        0x0206 => (2, 0, 0, "meter number changed", "电表表号变化"),
        0x0207 => (3, 5, 30, "meter clock", "电表时钟偏差"),
        0x0301 => (3, 5, 10, "reader link lost", "读卡器通信中断"),
        0x0302 => (2, 0, 10, "reader opened", "读卡器被打开"),
        0x0303 => (3, 5, 10, "reader secure channel", "读卡器安全通道"),
        0x0401 => (3, 5, 10, "BMS listener silent", "BMS监听中断"),
        0x0402 => (2, 2, 10, "BMS communication timeout", "BMS通信超时"),
        0x0403 => (1, 2, 10, "cell voltage high", "单体电压过高"),
        0x0404 => (1, 2, 10, "pack over-temperature", "电池组过温"),
        0x0405 => (1, 2, 10, "pack over-current", "电池组过流"),
        0x0406 => (1, 0, 10, "pack insulation", "电池组绝缘异常"),
        0x0409 => (3, 5, 30, "SOC implausible", "SOC异常"),
        0x040A => (2, 0, 0, "VIN differs from the expected", "VIN不符"),
        0x040B => (1, 0, 0, "VIN changed in a session", "充电中VIN变化"),
        0x040C => (2, 0, 0, "refused vehicle tried to charge", "禁止车辆尝试充电"),
        0x0410 => (3, 0, 0, "grey vehicle charges", "灰名单车辆充电"),
        _ => (2, 0, 0, "alarm", "告警"),
    };
    Kind { level, raise: Duration::from_secs(raise), clear: Duration::from_secs(clear), en, zh }
}

/// Short English and Chinese text of a code.
pub(super) fn text(code: u16) -> (&'static str, &'static str) {
    let kind = kind(code);
    (kind.en, kind.zh)
}

/// What an alarm is about: one open alarm per key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) code: u16,
    pub(super) connector: Option<ConnectorId>,
    /// The device, record or list, for people.
    pub(super) subject: String,
}

impl Key {
    pub(super) fn station(code: u16, subject: &str) -> Key {
        Key { code, connector: None, subject: subject.to_owned() }
    }

    pub(super) fn connector(code: u16, connector: ConnectorId, subject: &str) -> Key {
        Key { code, connector: Some(connector), subject: subject.to_owned() }
    }
}

#[derive(Debug)]
struct Entry {
    open: Option<Alarm>,
    /// What is the case, and since when.
    active: bool,
    since: Instant,
    txn: Option<TransactionNumber>,
}

/// What people are told of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Change {
    Raised(Alarm),
    Cleared(Alarm),
}

/// Every open alarm, and those that are not quite open yet.
#[derive(Debug)]
pub(super) struct Alarms {
    entries: BTreeMap<Key, Entry>,
    boot_counter: u32,
    given: u32,
    /// Dropped for want of room since the last turn.
    dropped: Vec<Alarm>,
    overflowed: bool,
}

impl Alarms {
    pub(super) fn new(boot_counter: u32) -> Alarms {
        Alarms { entries: BTreeMap::new(), boot_counter, given: 0, dropped: Vec::new(), overflowed: false }
    }

    /// This is the case now, or no longer. Repeats change nothing.
    pub(super) fn set(&mut self, now: Now, key: Key, active: bool) {
        self.set_for(now, key, active, None);
    }

    /// The same, with the session concerned.
    pub(super) fn set_for(&mut self, now: Now, key: Key, active: bool, txn: Option<TransactionNumber>) {
        match self.entries.get_mut(&key) {
            Some(entry) if entry.active != active => {
                entry.active = active;
                entry.since = now.mono;
                entry.txn = txn.or(entry.txn);
            }
            Some(_) => {}
            None if active => {
                self.make_room();
                self.entries.insert(key, Entry { open: None, active, since: now.mono, txn });
            }
            None => {}
        }
    }

    /// Raises and clears what is due, in the order of the keys.
    pub(super) fn turn(&mut self, now: Now) -> Vec<Change> {
        if std::mem::take(&mut self.overflowed) {
            let key = Key::station(code::ALARM_OVERFLOW, "alarms");
            self.entries.entry(key).or_insert(Entry {
                open: None,
                active: false,
                since: now.mono,
                txn: None,
            });
        }
        let mut changes: Vec<Change> = self.dropped.drain(..).map(Change::Cleared).collect();
        let (boot_counter, given) = (self.boot_counter, &mut self.given);
        self.entries.retain(|key, entry| {
            let kind = kind(key.code);
            let is_overflow = key.code == code::ALARM_OVERFLOW;
            if entry.open.is_none() && (is_overflow || entry.active && now.mono >= entry.since + kind.raise) {
                *given = given.wrapping_add(1);
                let alarm = Alarm {
                    id: u64::from(boot_counter) << 32 | u64::from(*given),
                    code: key.code,
                    level: kind.level,
                    connector: key.connector,
                    subject: key.subject.clone(),
                    raised: now.stamp(),
                    txn: entry.txn,
                };
                changes.push(Change::Raised(alarm.clone()));
                entry.open = Some(alarm);
            }
            if entry.active {
                return true;
            }
            match &entry.open {
                Some(_) if now.mono < entry.since + kind.clear => true,
                Some(alarm) => {
                    changes.push(Change::Cleared(alarm.clone()));
                    false
                }
                None => false,
            }
        });
        changes
    }

    pub(super) fn wake_at(&self) -> Option<Instant> {
        let due = |(key, entry): (&Key, &Entry)| {
            let kind = kind(key.code);
            match (entry.active, entry.open.is_some()) {
                (true, false) => Some(entry.since + kind.raise),
                (false, _) => Some(entry.since + kind.clear),
                (true, true) => None,
            }
        };
        self.entries.iter().filter_map(due).min()
    }

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

    /// The oldest of level 3 goes first, then the oldest of all.
    fn make_room(&mut self) {
        if self.entries.len() < OPEN {
            return;
        }
        let first = |(key, entry): &(&Key, &Entry)| (kind(key.code).level != 3, entry.since);
        if let Some((key, _)) = self.entries.iter().min_by_key(first) {
            let key = key.clone();
            self.dropped.extend(self.entries.remove(&key).and_then(|e| e.open));
        }
        self.overflowed = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Now {
        Now { mono: Instant(seconds * 1_000_000), ..Now::default() }
    }

    fn lost() -> Key {
        Key::connector(code::CHARGER_LINK_LOST, "44030000010001/1".parse().unwrap(), "charger")
    }

    fn codes(changes: &[Change]) -> Vec<(bool, u16)> {
        changes
            .iter()
            .map(|c| match c {
                Change::Raised(a) => (true, a.code),
                Change::Cleared(a) => (false, a.code),
            })
            .collect()
    }

    #[test]
    fn an_alarm_is_raised_once_after_its_raise_time_and_cleared_after_its_clear_time() {
        let mut alarms = Alarms::new(3);
        alarms.set(at(0), lost(), true);
        assert_eq!(alarms.wake_at(), Some(at(5).mono));
        assert_eq!(alarms.turn(at(4)), []);
        assert_eq!(codes(&alarms.turn(at(5))), [(true, 0x011D)]);
        alarms.set(at(6), lost(), true);
        assert_eq!(alarms.turn(at(6)), []);
        alarms.set(at(7), lost(), false);
        assert_eq!(alarms.turn(at(16)), []);
        assert_eq!((alarms.level(), alarms.wake_at()), (2, Some(at(17).mono)));
        assert_eq!(codes(&alarms.turn(at(17))), [(false, 0x011D)]);
        assert_eq!((alarms.level(), alarms.wake_at()), (0, None));
    }

    #[test]
    fn a_pair_inside_the_debounce_is_never_seen() {
        let mut alarms = Alarms::new(1);
        alarms.set(at(0), lost(), true);
        alarms.set(at(3), lost(), false);
        assert_eq!(alarms.turn(at(60)), []);
        assert_eq!(alarms.open().count(), 0);
    }

    #[test]
    fn an_alarm_that_comes_back_before_it_is_cleared_stays_open() {
        let mut alarms = Alarms::new(1);
        alarms.set(at(0), lost(), true);
        alarms.turn(at(5));
        alarms.set(at(6), lost(), false);
        alarms.set(at(10), lost(), true);
        assert_eq!(alarms.turn(at(100)), []);
        assert!(alarms.is_open(code::CHARGER_LINK_LOST));
    }

    #[test]
    fn two_alarms_a_moment_apart_both_come_and_clear_in_any_order() {
        let mut alarms = Alarms::new(1);
        let refused = Key::station(code::LOGIN_REFUSED, "platform");
        alarms.set(at(0), lost(), true);
        alarms.set(at(0), refused.clone(), true);
        alarms.turn(at(5));
        assert_eq!(alarms.open().count(), 2);
        alarms.set(at(6), lost(), false);
        alarms.set(at(6), refused, false);
        assert_eq!(codes(&alarms.turn(at(6))), [(false, 0x0002)]);
        assert_eq!(codes(&alarms.turn(at(16))), [(false, 0x011D)]);
    }

    #[test]
    fn identities_are_never_reused_not_even_after_a_restart() {
        let mut ids = std::collections::BTreeSet::new();
        for boot in 1..4 {
            let mut alarms = Alarms::new(boot);
            for round in 0..5 {
                alarms.set(at(round * 100), lost(), true);
                alarms.turn(at(round * 100 + 5));
                assert!(alarms.open().all(|a| ids.insert(a.id)));
                alarms.set(at(round * 100 + 6), lost(), false);
                alarms.turn(at(round * 100 + 16));
            }
        }
        assert_eq!(ids.len(), 15);
    }

    #[test]
    fn beyond_the_bound_the_oldest_of_level_three_goes_and_the_overflow_is_told() {
        let mut alarms = Alarms::new(1);
        alarms.set(at(0), Key::station(code::CARD_LIST_STALE, "cards"), true);
        for n in 0..OPEN as u64 + 10 {
            alarms.set(at(n + 1), Key::station(code::RECORD_INCONSISTENT, &n.to_string()), true);
        }
        let changes = alarms.turn(at(10_000));
        assert!(alarms.open().count() <= OPEN + 1 && !changes.is_empty());
        assert!(alarms.is_open(code::ALARM_OVERFLOW) && !alarms.is_open(code::CARD_LIST_STALE));
        alarms.turn(at(20_000));
        assert!(!alarms.is_open(code::ALARM_OVERFLOW));
    }
}
