//! From the first cause to the record.

use super::bench::{Bench, close_of, limited, opening, orders, raised, reads, saves, seconds, stops, tariff};
use crate::model::message::StartOutcome;
use crate::model::money::Money;
use crate::model::quantity::{Energy, Power};
use crate::model::record::flag;
use crate::model::report::{ChargerState, LinkState};
use crate::model::request::{Feedback, Order};
use crate::model::session::{ConnectorState, Limit};
use crate::model::stop::StopReason;
use crate::model::time::Utc;
use crate::session::{Action, Config, Event, Tag, Target, record};

fn charged(count: u64) -> Bench {
    let mut bench = Bench::charging(&Config::default(), opening());
    bench.charge(count, 60_000);
    bench
}

#[test]
fn each_cause_has_its_reason_and_its_stop_order_at_once() {
    type Cause = fn(&mut Bench) -> Vec<Action>;
    let cases: [(Cause, StopReason); 11] = [
        (|b| b.event(Event::Stop(StopReason::SAME_CARD)), StopReason::SAME_CARD),
        (|b| b.event(Event::Stop(StopReason::REMOTE_STOP)), StopReason::REMOTE_STOP),
        (|b| b.event(Event::Stop(StopReason::LOCAL_OPERATOR)), StopReason::LOCAL_OPERATOR),
        (Bench::unplugged, StopReason::PLUG_PULLED),
        (|b| b.charger(ChargerState::Finished, 0), StopReason::CHARGER_CONDITION),
        (|b| b.charger(ChargerState::Idle, 0), StopReason::CHARGER_BY_HAND),
        (|b| b.charger(ChargerState::Faulted, 0), StopReason::CHARGER_FAULT),
        (|b| b.charger(ChargerState::StartFailed, 0), StopReason::CHARGER_FAULT),
        (
            |b| {
                let mut status = Bench::status(ChargerState::Faulted, 0);
                status.faults = 1;
                b.event(Event::Charger(&status))
            },
            StopReason::EMERGENCY_STOP,
        ),
        (
            |b| {
                let mut status = Bench::status(ChargerState::Faulted, 0);
                status.faults = 1 << 11;
                b.event(Event::Charger(&status))
            },
            StopReason::CONTACTOR,
        ),
        (
            |b| {
                b.link(LinkState::Silent);
                b.wait(300_000)
            },
            StopReason::CHARGER_LINK_LOST,
        ),
    ];
    for (cause, reason) in cases {
        let mut bench = charged(30);
        assert_eq!(orders(&cause(&mut bench)), [Order::Stop], "{reason:?}");
        assert_eq!(bench.session.state(), ConnectorState::Stopping);
        let record = bench.ends_for(reason);
        assert_eq!(record.energy_total, Energy(30 * 166), "{reason:?}");
    }
}

#[test]
fn the_final_register_is_read_after_output_is_off_and_stands_still_three_times() {
    let mut bench = charged(30);
    bench.event(Event::Stop(StopReason::SAME_CARD));
    bench.event(Event::Committed);
    let running_out = bench.register + 40;
    assert_eq!(bench.ordered(running_out), []);
    let off = bench.charger(ChargerState::Finished, 0);
    assert_eq!((reads(&off), saves(&off)), (1, 1));
    bench.event(Event::Committed);
    for register in [running_out + 7, running_out + 8, running_out + 8] {
        assert_eq!(bench.ordered(register), []);
        assert_eq!(reads(&bench.wait(1_000)), 1);
    }
    let end = bench.ordered(running_out + 8);
    assert!(end.iter().any(|action| close_of(action).is_some()));
    assert!(end.contains(&Action::Feedback(Feedback::Finished)));
    let (record, start_result) = bench.closed();
    assert_eq!(record.end_register, Some(Energy(running_out + 8)));
    assert_eq!(record.energy_total, Energy(running_out + 8 - 100_000));
    assert_eq!((start_result, record.flags), (None, 0));
    assert_eq!(record.end_time.map(|at| at.0 - record.start_time.expect("start").0), Some(30_000));
}

#[test]
fn a_register_that_does_not_settle_costs_15_seconds_and_a_flag() {
    let mut bench = charged(30);
    bench.event(Event::Stop(StopReason::SAME_CARD));
    bench.event(Event::Committed);
    bench.charger(ChargerState::Finished, 0);
    bench.event(Event::Committed);
    bench.wait(14_999);
    assert!(!bench.all.iter().any(|action| close_of(action).is_some()));
    bench.wait(1);
    let (record, _) = bench.closed();
    assert_eq!(record.flags, flag::NOT_SETTLED);
    assert_eq!(record.energy_total, Energy(30 * 166));
}

#[test]
fn a_charger_that_does_not_stop_is_told_each_two_seconds_and_left_after_thirty() {
    let mut bench = charged(10);
    bench.event(Event::Stop(StopReason::SAME_CARD));
    let mut told = 1;
    for _ in 0..29 {
        told += stops(&bench.wait(1_000));
        bench.charger(ChargerState::Charging, 60_000);
        bench.event(Event::Committed);
    }
    assert_eq!(told, 15);
    let end = bench.wait(1_000);
    assert!(raised(&end, 0x0124));
    let (record, _) = bench.closed();
    assert_eq!(record.flags & flag::NOT_SETTLED, flag::NOT_SETTLED);
    assert_eq!(record.stop_reason, StopReason::SAME_CARD);
    assert!(bench.all.contains(&Action::Alarm { code: 0x0124, raised: false }));
}

#[test]
fn a_stop_for_a_silent_charger_is_kept_until_it_answers() {
    let mut bench = charged(10);
    bench.link(LinkState::Silent);
    bench.event(Event::Stop(StopReason::REMOTE_STOP));
    bench.event(Event::Committed);
    assert_eq!(stops(&bench.wait(120_000)), 60);
    assert_eq!(bench.session.state(), ConnectorState::Stopping);
    assert_eq!(orders(&bench.link(LinkState::Good)), [Order::Stop], "at once");
    bench.charger(ChargerState::Charging, 60_000);
    bench.wait(4_000);
    let record = bench.ends_for(StopReason::REMOTE_STOP);
    assert_eq!(record.flags, 0);
}

#[test]
fn a_charger_that_stays_silent_is_left_after_five_minutes_or_when_the_meter_shows_that_nothing_flows() {
    let silent = || {
        let mut bench = charged(10);
        bench.link(LinkState::Silent);
        bench.event(Event::Stop(StopReason::REMOTE_STOP));
        bench.event(Event::Committed);
        bench.wait(299_000);
        bench.event(Event::Committed);
        assert_eq!(bench.session.state(), ConnectorState::Stopping);
        bench
    };
    let mut bench = silent();
    assert!(raised(&bench.wait(1_000), 0x0124));
    assert_eq!(bench.closed().0.flags, flag::NOT_SETTLED);

    let mut bench = silent();
    let idle = crate::model::report::MeterReading { power: Some(Power(0)), ..Default::default() };
    bench.event(Event::Meter(&idle));
    let end = bench.wait(1_000);
    assert_eq!((reads(&end), raised(&end, 0x0124)), (1, false));
    for _ in 0..3 {
        bench.event(Event::Committed);
        bench.ordered(bench.register);
        bench.wait(1_000);
    }
    assert_eq!(bench.closed().0.flags, 0);
}

#[test]
fn the_first_cause_wins_and_the_end_is_frozen_once() {
    let mut bench = charged(10);
    bench.event(Event::Stop(StopReason::REMOTE_STOP));
    bench.wait(500);
    bench.event(Event::Stop(StopReason::SAME_CARD));
    bench.wait(2_000);
    bench.event(Event::Stop(StopReason::BUTTON));
    bench.event(Event::Committed);
    bench.charger(ChargerState::Finished, 0);
    let end = bench.now().wall;
    bench.wait(5_000);
    bench.charger(ChargerState::Charging, 10_000);
    let record = bench.ends_for(StopReason::SAME_CARD);
    assert_eq!(record.end_time, Some(end));
}

#[test]
fn a_charger_that_gives_output_again_while_the_register_settles_is_stopped_again() {
    let mut bench = charged(10);
    bench.event(Event::Stop(StopReason::SAME_CARD));
    bench.charger(ChargerState::Finished, 0);
    assert_eq!(orders(&bench.charger(ChargerState::Charging, 30_000)), [Order::Stop]);
}

#[test]
fn state_goes_to_disk_each_minute_and_each_kilowatt_hour_and_at_each_pause() {
    let mut bench = charged(59);
    let before = saves(&bench.all);
    bench.charge(2, 60_000);
    assert_eq!(saves(&bench.all) - before, 1, "one kilowatt-hour at 60 kW is a minute");
    bench.charge(119, 0);
    let quiet = saves(&bench.all) - before;
    assert!((2..=4).contains(&quiet), "{quiet}");
    assert_eq!(bench.session.state(), ConnectorState::Paused);
    bench.charge(1, 60_000);
    assert_eq!(bench.session.state(), ConnectorState::Charging);
}

#[test]
fn a_pause_ends_after_ten_minutes_and_a_charge_without_any_current_says_so() {
    let mut bench = charged(10);
    bench.charge(601, 0);
    bench.ends_for(StopReason::PAUSE_TOO_LONG);
    let mut bench = Bench::charging(&Config::default(), opening());
    bench.charge(601, 0);
    bench.ends_for(StopReason::NO_CURRENT);
}

#[test]
fn a_meter_that_is_away_is_waited_for_ten_minutes() {
    let mut bench = charged(10);
    bench.event(Event::MeterLink(LinkState::Silent));
    for _ in 0..599 {
        bench.wait(1_000);
        bench.charger(ChargerState::Charging, 60_000);
        bench.event(Event::Committed);
    }
    assert_eq!(stops(&bench.all), 0);
    bench.wait(1_000);
    let record = bench.ends_for(StopReason::METER_LINK_LOST);
    assert_eq!(record.energy_total, Energy(1_660), "the charger's own count is never billed");
}

#[test]
fn a_meter_that_comes_back_bills_what_it_counted_meanwhile() {
    let mut bench = charged(10);
    for _ in 0..500 {
        bench.wait(1_000);
        bench.charger(ChargerState::Charging, 60_000);
        bench.event(Event::Committed);
    }
    bench.register += 500 * 166;
    bench.charge(100, 60_000);
    bench.event(Event::Stop(StopReason::SAME_CARD));
    let record = bench.ends_for(StopReason::SAME_CARD);
    assert_eq!(record.energy_total, Energy(610 * 166));
}

#[test]
fn a_frozen_register_is_an_alarm_after_a_minute_and_the_end_after_five() {
    let mut bench = charged(10);
    for second in 0..302 {
        bench.wait(1_000);
        bench.charger(ChargerState::Charging, 60_000);
        bench.polled(bench.register);
        bench.event(Event::Committed);
        assert_eq!(raised(&bench.all, 0x0204), second >= 60, "second {second}");
    }
    bench.ends_for(StopReason::METER_FAULT);
}

#[test]
fn a_new_meter_in_the_middle_is_two_segments_and_an_alarm() {
    let mut bench = charged(10);
    for register in [5, 171, 337] {
        bench.wait(1_000);
        bench.polled(register);
        bench.event(Event::Committed);
    }
    assert!(raised(&bench.all, 0x0202));
    bench.register = 337;
    bench.event(Event::Stop(StopReason::SAME_CARD));
    let record = bench.ends_for(StopReason::SAME_CARD);
    assert_eq!(record.flags, flag::METER_CHANGED);
    assert_eq!(record.energy_total, Energy(1_660 + 332));
    assert_eq!((record.start_register, record.end_register), (Some(Energy(100_000)), Some(Energy(337))));
}

#[test]
fn the_register_is_read_at_the_slot_boundary_and_energy_stands_on_its_side_of_it() {
    let mut bench = charged(595);
    let before = reads(&bench.all);
    bench.charge(10, 60_000);
    assert_eq!(reads(&bench.all) - before, 1, "08:00:00");
    bench.event(Event::Stop(StopReason::SAME_CARD));
    let record = bench.ends_for(StopReason::SAME_CARD);
    let parts: Vec<(u8, i64)> = record.segments.iter().map(|s| (s.code, s.energy.0)).collect();
    assert_eq!(parts, [(4, 600 * 166), (2, 5 * 166)]);
    assert_eq!(record.flags, 0);
    assert_eq!(record.electricity_total, Money(600 * 83 + 5 * 166));
}

#[test]
fn a_charger_that_counts_otherwise_is_an_alarm_and_bills_nothing() {
    let mut bench = charged(100);
    let mut status = Bench::status(ChargerState::Charging, 60_000);
    status.session_energy = Some(Energy(100 * 166 + 5_001));
    assert!(raised(&bench.event(Event::Charger(&status)), 0x0205));
    assert_eq!(bench.session.energy(), Energy(100 * 166));
}

#[test]
fn a_close_that_fails_is_tried_until_it_is_durable_and_stays_the_same() {
    let mut bench = charged(10);
    bench.event(Event::Stop(StopReason::SAME_CARD));
    bench.event(Event::Committed);
    bench.charger(ChargerState::Finished, 0);
    bench.event(Event::Committed);
    for _ in 0..3 {
        bench.ordered(bench.register);
        bench.wait(1_000);
    }
    for _ in 0..12 {
        bench.event(Event::CommitFailed);
        assert!(bench.session.row(bench.now()).open);
        bench.wait(60_000);
    }
    let closes: Vec<_> = bench.all.iter().filter_map(close_of).collect();
    assert_eq!(closes.len(), 13);
    assert!(closes.iter().all(|close| *close == closes[0]));
    bench.event(Event::Committed);
    assert!(bench.session.is_closed());
}

#[test]
fn a_0204_that_never_became_durable_goes_with_the_record() {
    let mut bench = Bench::open(opening());
    bench.event(Event::Committed);
    bench.ordered(100_000);
    bench.event(Event::Committed);
    bench.event(Event::Committed);
    bench.charger(ChargerState::Charging, 0);
    bench.event(Event::CommitFailed);
    bench.event(Event::Stop(StopReason::SAME_CARD));
    bench.charger(ChargerState::Finished, 0);
    for _ in 0..4 {
        bench.ordered(100_000);
        bench.wait(1_000);
        bench.event(Event::CommitFailed);
    }
    bench.wait(600_000);
    let start_result = bench.all.iter().rev().find_map(close_of).expect("a close").1;
    assert_eq!(start_result, Some(StartOutcome::Charging));
}

#[test]
fn a_session_that_began_or_ended_offline_says_so() {
    let mut away = opening();
    away.offline = true;
    let flags = |opening, online: Option<bool>| {
        let mut bench = Bench::charging(&Config::default(), opening);
        bench.charge(5, 60_000);
        online.map(|online| bench.event(Event::Online(online)));
        bench.event(Event::Stop(StopReason::SAME_CARD));
        bench.ends_for(StopReason::SAME_CARD).flags
    };
    assert_eq!(flags(opening(), None), 0);
    assert_eq!(flags(opening(), Some(false)), flag::ENDED_OFFLINE);
    assert_eq!(flags(away.clone(), None), flag::STARTED_OFFLINE | flag::ENDED_OFFLINE);
    assert_eq!(flags(away, Some(true)), flag::STARTED_OFFLINE);
}

#[test]
fn a_wild_start_order_that_is_still_on_its_line_is_not_taken_for_output_off() {
    let mut bench = Bench::open(opening());
    bench.event(Event::Committed);
    bench.ordered(100_000);
    bench.event(Event::Committed);
    bench.event(Event::Committed);
    bench.event(Event::Stop(StopReason::SAME_CARD));
    bench.event(Event::Committed);
    assert_eq!(reads(&bench.charger(ChargerState::Idle, 0)), 0);
    bench.event(Event::Done(Target::Charger, Tag(3), Ok(())));
    assert_eq!(reads(&bench.charger(ChargerState::Idle, 0)), 1);
}

#[test]
fn the_self_check_finds_each_inconsistency() {
    let mut bench = charged(10);
    bench.event(Event::Stop(StopReason::SAME_CARD));
    let good = bench.ends_for(StopReason::SAME_CARD);
    assert!(record::is_consistent(&good, Some(&tariff())));
    type Spoil = fn(&mut crate::model::record::TransactionRecord);
    let cases: [Spoil; 8] = [
        |r| r.txn = crate::model::ident::TransactionNumber::default(),
        |r| r.end_time = Some(Utc(0)),
        |r| r.end_register = Some(Energy(99_999)),
        |r| r.start_register = Some(Energy(99_999)),
        |r| r.energy_total += Energy(1),
        |r| r.electricity_total = Money(1),
        |r| r.segments[0].service_amount = Money(1),
        |r| r.segments[0].electricity_price = crate::model::money::Price(1),
    ];
    for (number, spoil) in cases.iter().enumerate() {
        let mut record = good.clone();
        spoil(&mut record);
        assert!(!record::is_consistent(&record, Some(&tariff())), "case {number}");
    }
}

#[test]
fn a_value_too_large_for_its_field_is_flagged_and_alarmed_and_the_record_still_goes_out() {
    let config = Config { rated: Power(i64::MAX), ..Config::default() };
    let mut bench = Bench::charging(&config, limited(Limit::Time(seconds(3_600))));
    bench.wait(1_000);
    bench.register += i64::from(u32::MAX) + 10;
    bench.polled(bench.register);
    bench.event(Event::Stop(StopReason::SAME_CARD));
    bench.charger(ChargerState::Finished, 0);
    let record = bench.settle();
    assert_eq!(record.energy_total, Energy(i64::from(u32::MAX)));
    assert_eq!(record.flags & flag::INCONSISTENT, flag::INCONSISTENT);
    assert!(raised(&bench.all, 0x0008));
    assert!(!bench.all.contains(&Action::Alarm { code: 0x0008, raised: false }));
}

#[test]
fn a_charger_that_goes_on_is_told_to_stop_for_as_long_as_the_record_waits_for_the_disk() {
    let mut bench = Bench::charging(&Config::default(), opening());
    bench.event(Event::Stop(StopReason::REMOTE_STOP));
    bench.event(Event::Committed);
    while bench.all.iter().all(|action| close_of(action).is_none()) {
        bench.event(Event::Committed);
        bench.wait(1_000);
        bench.charger(ChargerState::Charging, 60_000);
    }
    // The end was forced and its record asked for; the store does not answer.
    let mut told = 0;
    for _ in 0..20 {
        bench.wait(1_000);
        told += stops(&bench.charger(ChargerState::Charging, 60_000));
    }
    assert!((9..=11).contains(&told), "every two seconds, not {told} times in twenty");
}
