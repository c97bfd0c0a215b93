//! What is found at the start of the program (platform-222.md 15.6).

use super::bench::{Bench, opening, orders, stops};
use super::world::{Cut, World};
use crate::model::quantity::Energy;
use crate::model::record::flag;
use crate::model::report::{ChargerState, MeterReading, OrderId};
use crate::model::request::Order;
use crate::model::session::ConnectorState;
use crate::model::stop::StopReason;
use crate::model::time::ClockTrust;
use crate::session::{Config, Event, Restart, Session};

/// 65 s of charging, the last save at about 60 s, then the controller is away.
fn cut(power: bool, off_ms: u64) -> World {
    let mut world = World::plain();
    world.run(65_000);
    world.cut(Cut { power, durable: false, off_ms });
    world
}

#[test]
fn until_it_is_decided_the_connector_is_unknown_with_its_number() {
    let world = cut(false, 10_000);
    let session = world.session.as_ref().expect("found open");
    let shown = session.realtime(world.now());
    assert_eq!((shown.state, shown.txn), (ConnectorState::Unknown, opening().grant.txn));
    assert!(shown.elapsed <= std::time::Duration::from_secs(62), "it may have ended: {:?}", shown.elapsed);
}

#[test]
fn a_charger_that_still_charges_keeps_its_session_and_the_gap_is_billed_by_time() {
    let mut world = cut(false, 1_200_000);
    world.run(3_000);
    assert_eq!(world.session.as_ref().map(Session::state), Some(ConnectorState::Charging));
    world.run(10_000);
    world.stop(StopReason::SAME_CARD);
    world.run_until_over(60_000);
    world.judge(true);
    let record = &world.records[0];
    assert_eq!((record.stop_reason, record.flags), (StopReason::SAME_CARD, flag::INTERPOLATED));
    assert!((world.delivered() - record.energy_total).0.abs() <= 1);
    // 07:50:05 to 08:00:00 and on to about 08:11:20 at constant power.
    let parts: Vec<i64> = record.segments.iter().map(|segment| segment.energy.0).collect();
    let share = parts[0] * 1_000 / record.energy_total.0;
    assert!((455..=475).contains(&share), "{parts:?}");
}

#[test]
fn a_quick_restart_at_full_power_adopts_the_session_whatever_the_poll_was_about_to_tell() {
    for off_ms in [100, 500, 1_000, 2_000] {
        for into_poll_ms in (0..1_000).step_by(100) {
            let mut world = World::plain();
            world.power = world.config.rated.0;
            world.run(60_500 + into_poll_ms);
            world.store_now();
            world.cut(Cut { power: false, durable: true, off_ms });
            world.run(3_000);
            let state = world.session.as_ref().map(Session::state);
            assert_eq!(state, Some(ConnectorState::Charging), "{into_poll_ms} ms, away for {off_ms} ms");
        }
    }
}

#[test]
fn a_charger_that_lost_power_too_ends_the_session_at_the_present_register_and_the_last_durable_time() {
    let mut world = cut(true, 600_000);
    world.run_until_over(10_000);
    world.judge(true);
    let record = &world.records[0];
    assert_eq!((record.stop_reason, record.flags), (StopReason::POWER_LOSS, flag::POWER_LOSS));
    assert_eq!(record.end_register, Some(world.register()));
    assert!((world.delivered() - record.energy_total).0.abs() <= 1);
    let lasted = record.end_time.expect("end").0 - record.start_time.expect("start").0;
    assert!((35_000..=62_000).contains(&lasted), "the last durable moment, not the boot: {lasted}");
}

#[test]
fn the_reason_names_what_kind_of_restart_it_was() {
    for (restart, reason) in [
        (Restart::PowerLoss, StopReason::POWER_LOSS),
        (Restart::Ordered, StopReason::ORDERED_RESTART),
        (Restart::Unexpected, StopReason::UNEXPECTED_RESTART),
    ] {
        let mut world = World::open(Config { restart, ..Config::default() }, opening());
        world.run(30_000);
        world.cut(Cut { power: true, durable: true, off_ms: 1_000 });
        world.run_until_over(10_000);
        assert_eq!(world.records[0].stop_reason, reason);
    }
}

#[test]
fn a_wall_clock_that_lost_the_platforms_time_with_the_restart_stops_no_bus() {
    let mut bench = Bench::charging(&Config::default(), opening());
    bench.charge(60, 60_000);
    let row = bench.session.row(bench.now());
    let mut now = bench.now();
    now.wall = now.wall.plus_ms(-60_000);
    now.mono = now.mono + std::time::Duration::from_secs(1);
    let (session, all) = Session::recover(now, &Config::default(), &row).expect("ours");
    (bench.session, bench.all) = (session, all);
    bench.charger(ChargerState::Charging, 60_000);
    let stored = bench.session.energy();
    let register = bench.register.saturating_add(20_000); // a minute at full power, and the clock says: no time at all
    assert!(!orders(&bench.ordered(register)).contains(&Order::Stop));
    assert_eq!(bench.session.state(), ConnectorState::Charging);
    assert_eq!(bench.session.energy(), stored + Energy(20_000));
}

#[test]
fn a_register_that_was_read_long_before_the_charger_answered_is_read_again() {
    let mut bench = Bench::charging(&Config::default(), opening());
    bench.charge(60, 60_000);
    let row = bench.session.row(bench.now());
    let (session, all) = Session::recover(bench.now(), &Config::default(), &row).expect("ours");
    (bench.session, bench.all) = (session, all);
    let stale = bench.register;
    bench.ordered(stale);
    bench.ms += 30_000;
    bench.charger(ChargerState::Charging, 60_000);
    assert_eq!(
        bench.session.state(),
        ConnectorState::Unknown,
        "the energy of half a minute is not known yet"
    );
    let stored = bench.session.energy();
    bench.ordered(stale + 5_000);
    assert_eq!(bench.session.state(), ConnectorState::Charging);
    assert_eq!(bench.session.energy(), stored + Energy(5_000));
}

#[test]
fn a_register_that_cannot_be_explained_is_not_billed() {
    // Gone back; more than rated power can deliver in the gap.
    for register in [5, 9_000_000] {
        let mut world = cut(true, 1_000);
        let stored = world.session.as_ref().expect("open").energy();
        let reading =
            MeterReading { register: Some(Energy(register)), order: Some(OrderId(0)), ..Default::default() };
        world.meter_silent = true;
        world.give(Event::Meter(&reading));
        world.run_until_over(10_000);
        assert_eq!(world.records[0].energy_total, stored);
    }
}

#[test]
fn a_charger_that_never_answers_leaves_the_last_stored_values_after_five_minutes() {
    let mut world = cut(true, 10_000);
    let stored = world.session.as_ref().expect("open").energy();
    world.charger_silent = true;
    world.run(299_000);
    assert!(!world.is_over());
    world.run_until_over(2_000);
    world.judge(true);
    let record = &world.records[0];
    assert_eq!(record.flags, flag::POWER_LOSS | flag::NOT_SETTLED);
    assert_eq!(record.energy_total, stored);
}

#[test]
fn a_meter_that_never_answers_does_not_keep_a_charge_alive() {
    let mut world = cut(false, 10_000);
    world.meter_silent = true;
    world.run_until_over(330_000);
    world.judge(true);
    let record = &world.records[0];
    assert_eq!(record.stop_reason, StopReason::METER_LINK_LOST);
    assert_eq!(record.flags, flag::POWER_LOSS | flag::NOT_SETTLED);
    assert_ne!(world.state, ChargerState::Charging);
}

#[test]
fn a_cause_that_was_durable_stays_the_reason_after_a_restart() {
    let mut world = World::plain();
    world.run(60_000);
    world.stubborn = true;
    world.stop(StopReason::REMOTE_STOP);
    world.cut(Cut { power: false, durable: true, off_ms: 5_000 });
    world.stubborn = false;
    world.run_until_over(60_000);
    world.judge(true);
    assert_eq!(world.records[0].stop_reason, StopReason::REMOTE_STOP);
}

#[test]
fn an_end_that_was_durable_is_not_moved_by_a_restart() {
    let mut bench = Bench::charging(&Config::default(), opening());
    bench.charge(60, 60_000);
    bench.event(Event::Stop(StopReason::SAME_CARD));
    bench.event(Event::Committed);
    bench.charger(ChargerState::Finished, 0);
    let end = bench.now().wall;
    bench.wait(5_000);
    let row = bench.session.row(bench.now());
    let (session, all) = Session::recover(bench.now(), &Config::default(), &row).expect("ours");
    (bench.session, bench.all) = (session, all);
    bench.wait(1_000);
    bench.charger(ChargerState::Finished, 0);
    bench.ordered(bench.register + 3);
    let (record, _) = bench.closed();
    assert_eq!((record.end_time, record.stop_reason), (Some(end), StopReason::SAME_CARD));
    assert_eq!(record.energy_total, Energy(60 * 166 + 3));
}

#[test]
fn an_adopted_session_says_so_however_short_the_gap() {
    let mut world = World::plain();
    world.run(30_000);
    world.cut(Cut { power: false, durable: true, off_ms: 1_000 });
    world.run(5_000);
    world.stop(StopReason::SAME_CARD);
    world.run_until_over(60_000);
    assert_eq!(world.records[0].flags, flag::INTERPOLATED);
}

#[test]
fn a_stop_is_obeyed_before_it_is_known_what_it_stops() {
    let mut world = cut(false, 10_000);
    world.meter_silent = true;
    world.run(5_000);
    let before = world.stops;
    world.stop(StopReason::SAME_CARD);
    assert!(world.stops > before);
    world.meter_silent = false;
    world.run_until_over(60_000);
    world.judge(true);
}

#[test]
fn without_a_believed_clock_only_what_this_boot_explains_is_billed() {
    let mut bench = Bench::with(&Config::default(), opening(), ClockTrust::None);
    bench.event(Event::Committed);
    bench.ordered(100_000);
    bench.event(Event::Committed);
    bench.event(Event::Committed);
    bench.charger(ChargerState::Charging, 0);
    bench.event(Event::Committed);
    bench.charge(60, 60_000);
    let row = bench.session.row(bench.now());
    let recover = |register: i64, state| {
        let mut again = Bench::with(&Config::default(), opening(), ClockTrust::None);
        let (session, all) = Session::recover(again.now(), &Config::default(), &row).expect("ours");
        (again.session, again.all) = (session, all);
        again.ordered(register);
        again.charger(state, 0);
        again
    };
    let last = bench.register;
    let mut far = recover(last + 20_000, ChargerState::Idle);
    let (record, _) = far.closed();
    assert_eq!(record.energy_total, Energy(60 * 166), "20 000 units cannot flow in no time");
    assert_eq!((record.start_time, record.end_time), (None, None));
    assert_eq!(record.flags, flag::POWER_LOSS | flag::CLOCK);
    let adopted = recover(last + 20_000, ChargerState::Charging);
    assert_eq!(adopted.session.state(), ConnectorState::Charging);
    assert_eq!(adopted.session.energy(), Energy(60 * 166 + 20_000));
}

#[test]
fn a_charge_that_cannot_be_the_same_is_stopped_and_closed() {
    let mut bench = Bench::charging(&Config::default(), opening());
    bench.charge(60, 60_000);
    let row = bench.session.row(bench.now());
    let (session, all) = Session::recover(bench.now(), &Config::default(), &row).expect("ours");
    (bench.session, bench.all) = (session, all);
    bench.charger(ChargerState::Charging, 60_000);
    let last = bench.register;
    assert_eq!(orders(&bench.ordered(5_000_000)), [Order::Stop]);
    bench.register = 5_000_000;
    let record = bench.ends_for(StopReason::POWER_LOSS);
    assert_eq!(record.energy_total, Energy(last - 100_000), "the jump is not billed");
    assert_eq!(record.flags, flag::POWER_LOSS | flag::METER_CHANGED);
}

#[test]
fn a_session_that_never_had_a_register_is_closed_without_asking_anybody() {
    let mut bench = Bench::open(opening());
    bench.event(Event::Committed);
    let row = bench.session.row(bench.now());
    let (session, all) = Session::recover(bench.now(), &Config::default(), &row).expect("ours");
    (bench.session, bench.all) = (session, all);
    let (record, start_result) = bench.closed();
    assert_eq!((record.stop_reason, stops(&bench.all)), (StopReason::POWER_LOSS, 0));
    assert!(start_result.is_some());
}

#[test]
fn a_row_that_is_not_ours_is_refused_and_never_panics() {
    let mut bench = Bench::charging(&Config::default(), opening());
    bench.charge(3, 60_000);
    let row = bench.session.row(bench.now());
    let mut other = row.clone();
    other.connector.number = 2;
    assert!(Session::recover(bench.now(), &Config::default(), &other).is_err());
    for cut in 0..row.state.len() {
        let mut broken = row.clone();
        broken.state.truncate(cut);
        assert!(Session::recover(bench.now(), &Config::default(), &broken).is_err(), "{cut}");
    }
}

#[test]
fn numbers_of_another_world_in_a_row_cost_no_panic() {
    let mut bench = Bench::charging(&Config::default(), opening());
    bench.charge(3, 60_000);
    let row = bench.session.row(bench.now());
    let digits = |text: &str| -> Vec<(usize, usize)> {
        let mut found = Vec::new();
        let octets = text.as_bytes();
        let mut at = 0;
        while at < octets.len() {
            let length = octets[at..].iter().take_while(|o| o.is_ascii_digit()).count();
            if length > 0 {
                found.push((at, at + length));
            }
            at += length.max(1);
        }
        found
    };
    for (from, to) in digits(&row.state) {
        for wild in [i64::MAX.to_string(), i64::MIN.to_string(), "0".into()] {
            let mut broken = row.clone();
            broken.state.replace_range(from..to, &wild);
            let Ok((session, all)) = Session::recover(bench.now(), &Config::default(), &broken) else {
                continue;
            };
            let mut again = Bench::open(opening());
            (again.session, again.all) = (session, all);
            again.ordered(100_600);
            again.charger(ChargerState::Charging, 60_000);
            again.charge(3, 60_000);
            again.event(Event::Stop(StopReason::SAME_CARD));
            again.charger(ChargerState::Finished, 0);
            again.wait(400_000);
        }
    }
}
