//! Limits: the first one reached wins, with its reason.

use super::bench::{Bench, limited, opening, orders, prepaid, seconds, stops};
use crate::model::money::{Balance, Money};
use crate::model::quantity::{Energy, Power};
use crate::model::record::BillingMode;
use crate::model::request::Order;
use crate::model::session::Limit;
use crate::model::stop::StopReason;
use crate::session::{Config, Event, Opening};

fn charging(opening: Opening) -> Bench {
    Bench::charging(&Config::default(), opening)
}

/// Charges until the session ends by itself.
fn until_stopped(bench: &mut Bench, most_seconds: u64, power: i64) {
    for _ in 0..most_seconds {
        if stops(&bench.charge(1, power)) > 0 {
            return;
        }
    }
    panic!("never stopped");
}

#[test]
fn an_energy_limit_is_met_between_two_readings_and_not_overrun() {
    let mut bench = charging(limited(Limit::Energy(Energy(20_000))));
    until_stopped(&mut bench, 200, 120_000);
    let record = bench.ends_for(StopReason::ENERGY_REACHED);
    let overshoot = record.energy_total.0 - 20_000;
    assert!((-700..=1_000).contains(&overshoot), "0.1 kWh at most: {overshoot}");
}

#[test]
fn an_amount_limit_counts_electricity_and_service() {
    let mut bench = charging(limited(Limit::Amount(Money(20_000))));
    until_stopped(&mut bench, 300, 60_000);
    let record = bench.ends_for(StopReason::AMOUNT_REACHED);
    let amount = record.electricity_total.0 + record.service_total.0;
    assert!((19_600..=20_400).contains(&amount), "{amount}");
}

#[test]
fn a_balance_is_never_used_up_and_a_new_one_counts() {
    let mut bench = charging(prepaid(300));
    until_stopped(&mut bench, 300, 60_000);
    let record = bench.ends_for(StopReason::BALANCE_USED);
    let amount = record.electricity_total.0 + record.service_total.0;
    // 60 kW for 30 s are half a kilowatt-hour: half a yuan.
    assert!((24_500..=25_200).contains(&amount), "{amount}");

    let mut bench = charging(prepaid(300));
    bench.charge(100, 60_000);
    bench.event(Event::Balance(Balance(30_000)));
    assert_eq!(stops(&bench.charge(200, 60_000)), 0);
    bench.event(Event::Balance(Balance(1)));
    bench.ends_for(StopReason::BALANCE_USED);
}

#[test]
fn under_platform_billing_the_platform_watches_the_money() {
    let mut opening = prepaid(1);
    opening.billing_mode = BillingMode::Platform;
    opening.grant.limit = Limit::Amount(Money(1));
    assert_eq!(stops(&charging(opening).charge(120, 60_000)), 0);
}

#[test]
fn a_time_limit_ends_to_the_second_whatever_the_wall_clock_does() {
    let mut bench = charging(limited(Limit::Time(seconds(90))));
    bench.charge(89, 60_000);
    assert_eq!(orders(&bench.wait(999)), []);
    assert_eq!(orders(&bench.wait(1)), [Order::Stop]);
    bench.ends_for(StopReason::TIME_REACHED);
}

#[test]
fn a_state_of_charge_counts_when_it_was_told_twice() {
    let mut bench = charging(limited(Limit::Soc(80)));
    bench.soc(81);
    bench.soc(79);
    bench.soc(80);
    assert_eq!(stops(&bench.all), 0);
    assert_eq!(stops(&bench.soc(80)), 1);
    bench.ends_for(StopReason::SOC_REACHED);
}

#[test]
fn the_station_and_the_offline_rule_have_caps_of_their_own() {
    let station = Config { stop_soc: 90, ..Config::default() };
    let mut bench = Bench::charging(&station, opening());
    bench.soc(90);
    bench.soc(90);
    bench.ends_for(StopReason::STATION_SOC);

    let offline = Config { offline_soc: 60, offline_energy: Energy(5_000), ..Config::default() };
    let mut bench = Bench::charging(&offline, opening());
    assert_eq!(stops(&bench.charge(60, 60_000)) + stops(&bench.soc(70)) + stops(&bench.soc(70)), 0);
    bench.event(Event::Online(false));
    bench.soc(70);
    bench.soc(70);
    bench.ends_for(StopReason::STATION_SOC);

    let mut away = opening();
    away.offline = true;
    let mut bench = Bench::charging(&offline, away);
    until_stopped(&mut bench, 60, 60_000);
    bench.ends_for(StopReason::OFFLINE_CAP);
}

#[test]
fn full_is_100_percent_held_for_30_seconds() {
    let mut bench = charging(opening());
    bench.soc(100);
    bench.wait(20_000);
    bench.soc(99);
    bench.soc(100);
    assert_eq!(stops(&bench.wait(29_999)), 0);
    assert_eq!(stops(&bench.wait(1)), 1);
    bench.ends_for(StopReason::FULL);
}

#[test]
fn a_tail_current_of_ten_minutes_ends_a_charge_but_not_one_that_may_draw_no_more() {
    let mut bench = charging(opening());
    assert_eq!(stops(&bench.charge(600, 5_000)), 0);
    bench.charge(1, 5_000);
    bench.ends_for(StopReason::TAIL_CURRENT);
    let mut shared = opening();
    shared.grant.max_power = Some(Power(6_000));
    assert_eq!(stops(&charging(shared).charge(700, 5_000)), 0);
}

#[test]
fn limits_hold_while_the_meter_is_away_by_the_count_of_the_charger() {
    let mut bench = charging(limited(Limit::Energy(Energy(20_000))));
    for second in 1..200 {
        bench.wait(1_000);
        let mut status = Bench::status(crate::model::report::ChargerState::Charging, 120_000);
        status.session_energy = Some(Energy(second * 333));
        bench.event(Event::Charger(&status));
        if stops(&bench.all) > 0 {
            assert!((59..=63).contains(&second), "{second}");
            return;
        }
    }
    panic!("never stopped");
}
