//! The machine alone: rules one by one, and any causes in any order against a plain model.

use super::*;
use crate::model::ident::DeviceId;
use crate::model::quantity::Power;
use crate::model::record::BillingMode;
use crate::station::{ConnectorConfig, Inventory};
use proptest::prelude::*;
use std::collections::BTreeSet;

fn at(seconds: u64) -> Now {
    Now { mono: Instant(seconds * 1_000_000), ..Now::default() }
}

fn gun(number: u8) -> ConnectorId {
    ConnectorId { pile: "44030000010001".parse().unwrap(), number }
}

fn places() -> Places {
    let connector = |number: u8| ConnectorConfig {
        id: gun(number),
        charger: DeviceId(number.into()),
        meter: DeviceId(10 + u16::from(number)),
        reader: Some(DeviceId(20)),
        rated: Power(120_000),
        billing: BillingMode::Platform,
        ..ConnectorConfig::default()
    };
    let inventory = Inventory {
        meters: vec![DeviceId(11), DeviceId(12)],
        readers: vec![(DeviceId(20), false)],
        lines: vec![("a".into(), vec![DeviceId(1), DeviceId(11)]), ("b".into(), vec![DeviceId(2)])],
    };
    Places::new(&[connector(1), connector(2)], &inventory)
}

fn alarms() -> Alarms {
    Alarms::new(at(0), places(), &Recovered::default())
}

fn lost() -> Key {
    Key::connector(code::CHARGER_LINK_LOST, gun(1), "charger")
}

fn emergency() -> Key {
    Key::connector(code::EMERGENCY_STOP, gun(1), "charger")
}

fn codes(changes: &[Change]) -> Vec<(bool, u16)> {
    let code = |change: &Change| match change {
        Change::Raised(a) => (true, a.code),
        Change::Cleared(a) => (false, a.code),
    };
    changes.iter().map(code).collect()
}

/// The identity of the one open alarm with this code.
fn id(alarms: &Alarms, code: u16) -> u64 {
    alarms.open().find(|a| a.code == code).map(|a| a.id).expect("open")
}

#[test]
fn an_alarm_is_raised_once_after_its_raise_time_and_cleared_after_its_clear_time() {
    let mut alarms = alarms();
    alarms.set(at(0), lost(), true);
    assert_eq!(alarms.wake_at(), Some(at(5).mono));
    assert_eq!(alarms.turn(at(4)), []);
    assert_eq!(codes(&alarms.turn(at(5))), [(true, 0x011D)]);
    alarms.set(at(6), lost(), true);
    assert_eq!(alarms.turn(at(6)), [], "a repeat sends nothing");
    alarms.set(at(7), lost(), false);
    assert_eq!(alarms.turn(at(16)), []);
    assert_eq!((alarms.level(), alarms.wake_at()), (2, Some(at(17).mono)));
    assert_eq!(codes(&alarms.turn(at(17))), [(false, 0x011D)]);
    assert_eq!((alarms.level(), alarms.wake_at()), (0, None));
}

#[test]
fn a_pair_inside_the_debounce_is_never_seen() {
    let mut alarms = alarms();
    alarms.set(at(0), lost(), true);
    alarms.set(at(3), lost(), false);
    assert_eq!(alarms.turn(at(60)), []);
    assert_eq!(alarms.unwritten().count(), 0);
}

#[test]
fn an_alarm_that_comes_back_before_it_is_cleared_stays_open() {
    let mut alarms = alarms();
    alarms.set(at(0), lost(), true);
    alarms.turn(at(5));
    alarms.set(at(6), lost(), false);
    alarms.set(at(10), lost(), true);
    assert_eq!(alarms.turn(at(100)), []);
    assert!(alarms.is_open(code::CHARGER_LINK_LOST));
}

#[test]
fn t42_each_of_several_faults_clears_on_its_own_in_any_order() {
    let mut alarms = alarms();
    let faults = [0x0114, 0x0115, 0x0116];
    let key = |code| Key::connector(code, gun(1), "charger");
    faults.iter().for_each(|code| alarms.set(at(0), key(*code), true));
    assert_eq!(alarms.turn(at(2)).len(), 3);
    for (n, code) in [0x0115, 0x0116, 0x0114].into_iter().enumerate() {
        let now = 100 + 20 * n as u64;
        alarms.set(at(now), key(code), false);
        alarms.turn(at(now));
        assert_eq!(codes(&alarms.turn(at(now + 10))), [(false, code)]);
    }
    assert_eq!(alarms.open().count(), 0);
}

#[test]
fn t43_two_faults_a_moment_apart_have_each_their_own_debounce() {
    let mut alarms = alarms();
    let moment = |ms: u64| Now { mono: Instant(ms * 1_000), ..Now::default() };
    let keys = [0x0114, 0x0115].map(|code| Key::connector(code, gun(1), "charger"));
    alarms.set(moment(0), keys[0].clone(), true);
    alarms.set(moment(1), keys[1].clone(), true);
    assert_eq!(codes(&alarms.turn(moment(2_000))), [(true, 0x0114)]);
    assert_eq!(codes(&alarms.turn(moment(2_001))), [(true, 0x0115)]);
}

#[test]
fn the_same_code_at_two_connectors_is_two_alarms_and_of_one_shared_reader_one() {
    let mut alarms = alarms();
    for number in [1, 2] {
        alarms.set(at(0), Key::connector(code::EMERGENCY_STOP, gun(number), "charger"), true);
        alarms.set(at(0), Key::connector(code::READER_LINK_LOST, gun(number), "reader"), true);
    }
    alarms.turn(at(5));
    let seen: Vec<_> = alarms.open().map(|a| (a.code, a.index, a.connector)).collect();
    assert_eq!(seen, [(0x0101, 1, Some(gun(1))), (0x0101, 1, Some(gun(2))), (0x0301, 1, Some(gun(1)))]);
}

#[test]
fn what_two_things_cause_is_over_with_the_last_of_them() {
    let mut alarms = alarms();
    let pile = |name: &str| Key::station(code::CONFIGURATION_DIFFERS, name);
    alarms.set(at(0), pile("a"), true);
    assert_eq!(alarms.turn(at(0)).len(), 1);
    alarms.set(at(1), pile("b"), true);
    alarms.set(at(2), pile("a"), false);
    assert_eq!(alarms.turn(at(2)), []);
    alarms.set(at(3), pile("b"), false);
    assert_eq!(codes(&alarms.turn(at(3))), [(false, 0x0012)]);
}

#[test]
fn a_latched_alarm_stays_until_it_is_reset_after_its_cause() {
    let mut alarms = alarms();
    let insulation = Key::connector(0x0103, gun(1), "charger");
    alarms.set(at(0), insulation.clone(), true);
    alarms.turn(at(0));
    let id = id(&alarms, 0x0103);
    assert_eq!(alarms.reset(id, Waiter::Platform(1)), Err(reset::Refusal::CausePresent));
    alarms.set(at(1), insulation, false);
    assert_eq!(alarms.turn(at(3_600)), [], "it does not clear by itself");
    assert!(alarms.forbids(gun(1)));
    assert_eq!(alarms.reset(id, Waiter::Platform(2)), Ok(()));
    assert_eq!(codes(&alarms.turn(at(3_600))), [(false, 0x0103)]);
    assert!(!alarms.forbids(gun(1)));
    assert_eq!(alarms.reset(id, Waiter::Platform(3)), Err(reset::Refusal::Unknown));
    assert_eq!(alarms.written(2, Some(1)), [Waiter::Platform(2)], "told when both are durable");
}

#[test]
fn emergency_stop_smoke_and_fire_are_reset_in_the_depot_only() {
    for key in [
        emergency(),
        Key::connector(code::SMOKE, gun(1), "charger"),
        Key::device(code::FIRE, 1, "fire input"),
    ] {
        let mut alarms = alarms();
        alarms.set(at(0), key.clone(), true);
        alarms.turn(at(0));
        alarms.set(at(1), key.clone(), false);
        let id = id(&alarms, key.code);
        assert_eq!(alarms.reset(id, Waiter::Platform(1)), Err(reset::Refusal::OnlyHere));
        assert_eq!(alarms.reset(id, Waiter::Operator(1)), Ok(()));
        assert_eq!(alarms.turn(at(2)).len(), 1);
    }
}

#[test]
fn what_ends_by_itself_needs_no_reset_and_what_only_happened_is_reset_in_the_depot() {
    let mut alarms = alarms();
    alarms.set(at(0), lost(), true);
    alarms.set(at(0), Key::connector(code::RECORD_INCONSISTENT, gun(1), "session"), true);
    alarms.turn(at(5));
    let (link, record) = (id(&alarms, 0x011D), id(&alarms, 0x0008));
    for waiter in [Waiter::Platform(1), Waiter::Operator(1)] {
        assert_eq!(alarms.reset(link, waiter), Err(reset::Refusal::NotLatched));
    }
    assert_eq!(alarms.reset(record, Waiter::Platform(1)), Err(reset::Refusal::NotLatched));
    assert_eq!(alarms.reset(record, Waiter::Operator(1)), Ok(()));
    assert_eq!(codes(&alarms.turn(at(6))), [(false, 0x0008)]);
}

#[test]
fn a_lost_charger_holds_its_alarms_as_they_are_and_nobody_elses() {
    let mut alarms = alarms();
    let lock = |number| Key::connector(0x0115, gun(number), "charger");
    let surge = Key::connector(0x0114, gun(1), "charger");
    alarms.set(at(0), lock(1), true);
    alarms.set(at(0), lock(2), true);
    alarms.turn(at(2));
    alarms.set(at(10), surge, true);
    alarms.set(at(11), lost(), true);
    alarms.set(at(11), lock(1), false);
    alarms.set(at(11), lock(2), false);
    let changes = [alarms.turn(at(11)), alarms.turn(at(600))].concat();
    assert_eq!(codes(&changes), [(false, 0x0115), (true, 0x011D)], "only the other gun's changes");
    assert!(alarms.open().any(|a| a.code == 0x0115 && a.connector == Some(gun(1))));
    alarms.set(at(700), lost(), false);
    assert_eq!(alarms.turn(at(700)), [], "what had begun before begins anew");
    assert_eq!(codes(&alarms.turn(at(702))), [(true, 0x0114)]);
    assert_eq!(codes(&alarms.turn(at(710))), [(false, 0x0115), (false, 0x011D)]);
}

#[test]
fn a_line_that_is_gone_is_one_alarm_and_not_one_for_every_device_on_it() {
    let mut alarms = alarms();
    let gone = |is| (Key::device(code::LINE_GONE, 1, "a"), is);
    let meter = Key::connector(code::METER_LINK_LOST, gun(1), "meter");
    let other = Key::connector(code::CHARGER_LINK_LOST, gun(2), "charger");
    for (key, active) in [gone(true), (lost(), true), (meter.clone(), true), (other, true)] {
        alarms.set(at(0), key, active);
    }
    let changes = [alarms.turn(at(2)), alarms.turn(at(60))].concat();
    assert_eq!(codes(&changes), [(true, 0x0801), (true, 0x011D)], "the charger on the other line is lost");
    alarms.set(at(61), gone(false).0, false);
    alarms.set(at(61), meter, false);
    alarms.turn(at(61));
    let changes = [alarms.turn(at(66)), alarms.turn(at(71))].concat();
    assert_eq!(codes(&changes), [(true, 0x011D), (false, 0x0801)], "one that stays away is seen now");
}

/// So many raise-clear cycles, 25 s each, from this second on. Gives what was seen of them.
fn flap(alarms: &mut Alarms, from: u64, cycles: u64) -> Vec<(bool, u16)> {
    let mut seen = Vec::new();
    for n in 0..cycles {
        let begin = from + 25 * n;
        for (second, active) in [(0, Some(true)), (5, None), (6, Some(false)), (16, None)] {
            if let Some(active) = active {
                alarms.set(at(begin + second), lost(), active);
            }
            seen.extend(codes(&alarms.turn(at(begin + second))));
        }
    }
    seen
}

#[test]
fn an_alarm_that_flaps_becomes_one_unstable_alarm_until_ten_minutes_are_quiet() {
    let mut alarms = alarms();
    let pair = [(true, 0x011D), (false, 0x011D)];
    assert_eq!(flap(&mut alarms, 0, 5), pair.repeat(5));
    assert_eq!(flap(&mut alarms, 125, 1), [(true, 0x011D), (true, 0x0018)], "it stays open");
    assert_eq!(flap(&mut alarms, 150, 40), [], "cycles are suppressed");
    let last = 150 + 39 * 25 + 16;
    assert_eq!(alarms.open().find(|a| a.code == 0x0018).map(|a| a.value), Some(0x011D));
    assert_eq!(alarms.wake_at(), Some(at(last + 600).mono));
    assert_eq!(alarms.turn(at(last + 599)), []);
    assert_eq!(codes(&alarms.turn(at(last + 600))), [(false, 0x0018), (false, 0x011D)]);
    assert_eq!(flap(&mut alarms, last + 700, 2), pair.repeat(2), "and counting begins anew");
}

#[test]
fn a_slow_flap_of_an_unstable_alarm_is_no_quiet() {
    let mut alarms = alarms();
    flap(&mut alarms, 0, 6);
    for n in 1..6 {
        assert_eq!(flap(&mut alarms, 500 * n, 1), [], "suppressed still");
    }
    assert!(alarms.is_open(code::UNSTABLE));
}

#[test]
fn t46_a_link_that_comes_and_goes_every_minute_raises_nothing() {
    let mut alarms = alarms();
    let down = || Key::station(code::UPLINK_DOWN, "platform");
    for minute in 0..600 {
        alarms.set(at(minute * 60), down(), true);
        assert_eq!(alarms.turn(at(minute * 60 + 50)), []);
        alarms.set(at(minute * 60 + 50), down(), false);
        assert_eq!(alarms.turn(at(minute * 60 + 55)), []);
    }
    alarms.set(at(40_000), down(), true);
    assert_eq!(alarms.turn(at(40_299)), []);
    assert_eq!(codes(&alarms.turn(at(40_300))), [(true, 0x0001)]);
}

/// As many alarms as fit, of level 2, but the first few of level 3.
fn filled(count: u16, information: u16) -> Alarms {
    let mut alarms = alarms();
    for n in 0..count {
        let code = if n < information { 0x0706 } else { 0x0703 };
        alarms.set(at(n.into()), Key::device(code, n + 1, "recorder"), true);
        alarms.turn(at(n.into()));
    }
    alarms
}

#[test]
fn exactly_as_many_as_fit_are_open_without_a_word() {
    let alarms = filled(OPEN as u16, 3);
    assert_eq!((alarms.open().count(), alarms.is_open(code::ALARM_OVERFLOW)), (OPEN, false));
}

#[test]
fn beyond_the_bound_the_oldest_of_level_three_goes_first_and_the_overflow_is_told() {
    let mut alarms = filled(OPEN as u16, 3);
    alarms.set(at(1_000), emergency(), true);
    let changes = alarms.turn(at(1_000));
    assert_eq!(codes(&changes), [(false, 0x0706), (false, 0x0706), (true, 0x0014), (true, 0x0101)]);
    let gone = |change: &Change| match change {
        Change::Cleared(alarm) => Some(alarm.index),
        Change::Raised(_) => None,
    };
    assert_eq!(changes.iter().filter_map(gone).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(alarms.open().count(), OPEN);
    assert_eq!(codes(&alarms.turn(at(1_030))), [(false, 0x0014)], "what went stays away");
    assert_eq!(alarms.open().count(), OPEN - 1);
}

#[test]
fn identities_rise_over_restarts_and_open_alarms_survive_them() {
    let mut alarms = alarms();
    alarms.set(at(0), emergency(), true);
    alarms.set(at(0), Key::connector(0x0115, gun(1), "charger"), true);
    alarms.set(at(0), Key::connector(0x0114, gun(1), "charger"), true);
    alarms.turn(at(2));
    let open: Vec<Alarm> = alarms.open().cloned().collect();
    let known = |alarm: &Alarm| KnownAlarm { alarm: alarm.clone(), acknowledged: false, entry: None };
    let recovered =
        Recovered { alarms: open.iter().map(known).collect(), last_alarm: 3, ..Recovered::default() };
    let mut alarms = Alarms::new(at(0), places(), &recovered);
    assert_eq!(alarms.listed().len(), 3, "the platform may be told at once");
    alarms.set(at(20), Key::connector(0x0115, gun(1), "charger"), false);
    alarms.set(at(20), Key::connector(0x0114, gun(1), "charger"), true);
    assert_eq!(alarms.turn(at(20)), []);
    assert_eq!(codes(&alarms.turn(at(30))), [(false, 0x0115)], "judged again by its cause");
    alarms.set(at(30), Key::connector(0x0116, gun(1), "charger"), true);
    alarms.turn(at(32));
    assert_eq!(id(&alarms, 0x0116), 4);
    alarms.turn(at(10_000));
    assert!(alarms.is_open(0x0101), "latched");
    assert!(alarms.is_open(0x0114), "confirmed");
}

#[test]
fn a_cause_that_nobody_confirms_after_a_restart_is_over_after_a_minute() {
    let mut before = alarms();
    before.set(at(0), Key::connector(0x0203, gun(1), "session"), true);
    before.set(at(0), emergency(), true);
    before.turn(at(0));
    let known = |alarm: &Alarm| KnownAlarm { alarm: alarm.clone(), acknowledged: true, entry: None };
    let recovered = Recovered { alarms: before.open().map(known).collect(), ..Recovered::default() };
    let mut alarms = Alarms::new(at(0), places(), &recovered);
    let latched = id(&alarms, 0x0101);
    assert_eq!(alarms.turn(at(59)), []);
    assert_eq!(alarms.reset(latched, Waiter::Operator(1)), Err(reset::Refusal::CausePresent));
    assert_eq!(codes(&alarms.turn(at(60))), [(false, 0x0203)]);
    assert_eq!(alarms.reset(latched, Waiter::Operator(1)), Ok(()));
}

#[test]
fn what_the_disk_does_not_have_is_not_told_to_the_platform() {
    let mut alarms = alarms();
    alarms.set(at(0), emergency(), true);
    alarms.turn(at(0));
    assert!(alarms.begin_writing() && !alarms.begin_writing(), "one piece at a time");
    assert_eq!(alarms.listed(), []);
    assert_eq!(alarms.written(1, Some(7)), []);
    assert_eq!(alarms.listed().len(), 1);
    let id = id(&alarms, 0x0101);
    assert!(!alarms.is_acknowledged(id));
    alarms.acknowledged(7);
    assert!(alarms.is_acknowledged(id));
}

#[test]
fn a_site_alarm_stops_all_in_waves_of_a_quarter_of_the_running_power() {
    let mut stop = SiteStop::default();
    let guns: Vec<(usize, Power)> = (0..8).map(|gun| (gun, Power(60_000))).collect();
    stop.begin(at(10).mono, guns);
    let waves: Vec<Vec<usize>> = (10..16).map(|second| stop.wave(at(second).mono)).collect();
    assert_eq!(waves[..4], [vec![0, 1], vec![2, 3], vec![4, 5], vec![6, 7]]);
    assert_eq!((waves[4].len(), stop.wake_at()), (0, None));
    let mut stop = SiteStop::default();
    stop.begin(at(0).mono, vec![(0, Power(500_000)), (1, Power(0)), (2, Power(10_000))]);
    assert_eq!(stop.wave(at(0).mono), [0], "one at least, however big");
    assert_eq!(stop.wave(at(0).mono), [] as [usize; 0], "not twice in a second");
    assert_eq!(stop.wave(at(1).mono), [1, 2]);
}

/// Debounce and latch of one key in the plainest words: what has held for so long is so.
#[derive(Clone, Default)]
struct Plain {
    active: bool,
    since: u64,
    raised: bool,
}

impl Plain {
    fn tick(&mut self, now: u64, (raise, clear): (u64, u64), latched: bool) {
        match (self.raised, self.active) {
            (false, true) if now >= self.since + raise => self.raised = true,
            (true, false) if !latched && now >= self.since + clear => self.raised = false,
            _ => {}
        }
    }
}

const KEYS: [(u16, (u64, u64), bool); 5] = [
    (0x0101, (0, 0), true),
    (0x0113, (2, 10), false),
    (0x0115, (2, 10), false),
    (0x0105, (3, 30), false),
    (0x0108, (3, 10), false),
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    /// I10: raises and clears of a key alternate, beginning with a raise; what is open is what holds after debounce,
    /// but for what is unstable, which is open.
    #[test]
    fn the_open_set_is_the_state_of_the_devices_after_debounce(
        steps in prop::collection::vec((0u64..20, 0usize..KEYS.len(), 1u8..3, any::<bool>()), 1..200)
    ) {
        let mut alarms = alarms();
        let mut plain = vec![Plain::default(); KEYS.len() * 2];
        let mut stream: Vec<(bool, u64)> = Vec::new();
        let mut open: BTreeSet<(u16, Option<ConnectorId>)> = BTreeSet::new();
        let mut now = 0;
        for (wait, key, number, active) in steps {
            for second in now..=now + wait {
                for (n, state) in plain.iter_mut().enumerate() {
                    let (_, times, latched) = KEYS[n / 2];
                    state.tick(second, times, latched);
                }
                for change in alarms.turn(at(second)) {
                    let (raised, alarm) = match change {
                        Change::Raised(alarm) => (true, alarm),
                        Change::Cleared(alarm) => (false, alarm),
                    };
                    let fits = match raised {
                        true => open.insert((alarm.code, alarm.connector)),
                        false => open.remove(&(alarm.code, alarm.connector)),
                    };
                    prop_assert!(fits, "{raised} twice: {alarm:?}");
                    stream.push((raised, alarm.id));
                }
                let wakes = alarms.wake_at();
                prop_assert!(wakes.is_none_or(|at| at.0 > second * 1_000_000), "it would turn without end");
            }
            now += wait;
            let unstable = alarms.entries.values().filter(|e| e.is_unstable()).count() > 0;
            prop_assert_eq!(alarms.is_open(code::UNSTABLE), unstable);
            for (n, state) in plain.iter().enumerate() {
                let place = (KEYS[n / 2].0, Some(gun(n as u8 % 2 + 1)));
                let entry = alarms.entries.iter().find(|(p, _)| (p.code, p.connector) == place);
                let is_unstable = entry.is_some_and(|(_, e)| e.is_unstable());
                prop_assert_eq!(open.contains(&place), state.raised || is_unstable, "{:?}", place);
            }
            alarms.set(at(now), Key::connector(KEYS[key].0, gun(number), "charger"), active);
            let state = &mut plain[key * 2 + usize::from(number) - 1];
            if state.active != active {
                (state.active, state.since) = (active, now);
            }
        }
        let raises: Vec<u64> = stream.iter().filter(|(raised, _)| *raised).map(|(_, id)| *id).collect();
        prop_assert!(raises.is_sorted_by(|a, b| a < b), "identities rise");
    }
}

#[test]
fn of_several_causes_before_a_restart_those_count_that_say_so_again() {
    let mut before = alarms();
    for subject in ["battery", "charger"] {
        before.set(at(0), Key::connector(0x0124, gun(1), subject), true);
    }
    before.turn(at(2));
    let known = |alarm: &Alarm| KnownAlarm { alarm: alarm.clone(), acknowledged: true, entry: None };
    let recovered = Recovered { alarms: before.open().map(known).collect(), ..Recovered::default() };
    let mut alarms = Alarms::new(at(0), places(), &recovered);
    alarms.set(at(1), Key::connector(0x0124, gun(1), "battery"), true);
    assert_eq!(alarms.turn(at(100)), [], "one of them is the case still");
    alarms.set(at(100), Key::connector(0x0124, gun(1), "battery"), false);
    assert_eq!(codes(&alarms.turn(at(110))), [(false, 0x0124)]);
}
