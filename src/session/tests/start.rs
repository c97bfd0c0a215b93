//! From the acceptance to output.

use super::bench::{Bench, limited, now, opening, orders, prepaid, raised, reads, start_tag, starts, stops};
use crate::model::ident::Credential;
use crate::model::message::StartOutcome;
use crate::model::quantity::{Energy, Power};
use crate::model::record::{BillingMode, flag};
use crate::model::report::{ChargerState, LinkState, MeterReading, OrderFault, OrderId};
use crate::model::request::{Feedback, Order, StartOrder};
use crate::model::session::{ConnectorState, Limit};
use crate::model::stop::StopReason;
use crate::model::time::ClockTrust;
use crate::session::{Action, Config, Event, Tag, Target};

fn save(step: &str) -> Action {
    Action::Save { step: Some(step.into()), start_result: None }
}

#[test]
fn no_energy_flows_before_the_session_and_its_first_register_are_on_disk() {
    let mut opening = opening();
    opening.grant.max_power = Some(Power(60_000));
    let mut bench = Bench::open(opening);
    assert_eq!(bench.all, [save("accepted, start mode 1")]);
    assert_eq!(
        bench.event(Event::Committed),
        [Action::Feedback(Feedback::Accepted), Action::Tell(Target::Meter, Tag(1), Order::ReadRegister)]
    );
    assert_eq!(bench.polled(100_000), [], "a polled value may be older than the order");
    assert_eq!(bench.ordered(100_000), [save("first register 10.0000 kWh")]);
    assert_eq!(
        bench.event(Event::Committed),
        [
            Action::Tell(
                Target::Charger,
                Tag(2),
                Order::Start(StartOrder { max_power: Some(Power(60_000)), ..StartOrder::default() })
            ),
            save("start ordered")
        ]
    );
    bench.event(Event::Committed);
    assert_eq!(bench.charger(ChargerState::Preparing, 0), []);
    assert_eq!(bench.session.state(), ConnectorState::Starting);
    bench.ms += 4_000;
    assert_eq!(
        bench.charger(ChargerState::Charging, 0),
        [
            Action::Feedback(Feedback::Charging),
            Action::Save { step: Some("charging".into()), start_result: Some(StartOutcome::Charging) },
        ]
    );
    assert_eq!(bench.session.state(), ConnectorState::Charging);
    let told = bench.session.start_result(StartOutcome::Charging);
    assert_eq!(told.start_time, Some(super::bench::START.plus_ms(4_000)));
    assert_eq!((told.start_register, told.soc), (Some(Energy(100_000)), Some(50)));
}

#[test]
fn a_save_that_fails_at_the_opening_leaves_no_session_and_no_order() {
    let mut bench = Bench::open(opening());
    let actions = bench.event(Event::CommitFailed);
    assert_eq!(
        actions,
        [
            Action::Abandon(StopReason::STORAGE_FAILURE),
            Action::Feedback(Feedback::Refused("storage failure".into()))
        ]
    );
    assert!(bench.session.is_closed());
    assert_eq!((bench.wait(600_000), bench.event(Event::Committed)), (vec![], vec![]));
}

#[test]
fn a_first_register_that_cannot_be_kept_starts_nothing_and_still_leaves_a_record() {
    let mut bench = Bench::open(opening());
    bench.event(Event::Committed);
    bench.ordered(100_000);
    bench.event(Event::CommitFailed);
    bench.wait(1_000);
    let (record, start_result) = bench.closed();
    assert_eq!(start_result, Some(StartOutcome::Failed(StopReason::STORAGE_FAILURE)));
    assert_eq!((record.energy_total, orders(&bench.all)), (Energy::ZERO, vec![]));
}

#[test]
fn a_meter_without_a_first_register_costs_30_seconds_and_no_baseline_of_zero() {
    let mut bench = Bench::open(opening());
    bench.event(Event::Committed);
    for _ in 0..3 {
        let missing = MeterReading { order: Some(OrderId(1)), ..MeterReading::default() };
        bench.event(Event::Meter(&missing));
        bench.wait(1_000);
    }
    bench.wait(26_999);
    assert_eq!(bench.session.state(), ConnectorState::Starting);
    bench.wait(1);
    let (record, start_result) = bench.closed();
    assert_eq!(start_result, Some(StartOutcome::Failed(StopReason::NO_FIRST_READING)));
    assert_eq!((record.start_register, record.end_register, record.energy_total), (None, None, Energy::ZERO));
    assert!((9..=15).contains(&reads(&bench.all)), "{}", reads(&bench.all));
    assert_eq!((orders(&bench.all), record.flags), (vec![], 0));
}

#[test]
fn a_start_order_is_repeated_once_and_given_up_after_90_seconds() {
    let mut bench = Bench::open(opening());
    bench.event(Event::Committed);
    bench.ordered(100_000);
    bench.event(Event::Committed);
    bench.event(Event::Committed);
    assert_eq!(starts(&bench.wait(29_999)), 0);
    assert_eq!(starts(&bench.wait(1)), 1);
    assert_eq!(orders(&bench.wait(59_999)), []);
    assert_eq!(
        orders(&bench.wait(1)),
        [Order::Stop],
        "a charger that starts late must not charge for nobody"
    );
    let record = bench.ends_for(StopReason::CHARGER_NOT_READY);
    assert_eq!((record.energy_total, record.segments.len()), (Energy::ZERO, 0));
    assert_eq!((record.start_register, record.end_register), (Some(Energy(100_000)), Some(Energy(100_000))));
}

#[test]
fn each_way_in_which_a_start_fails_has_its_reason_and_a_record_with_zero_energy() {
    type Fail = fn(&mut Bench);
    let cases: [(Fail, StopReason); 9] = [
        (|b| drop(b.charger(ChargerState::StartFailed, 0)), StopReason::CHARGER_NOT_READY),
        (|b| drop(b.charger(ChargerState::Faulted, 0)), StopReason::CHARGER_NOT_READY),
        (
            |b| {
                let mut status = Bench::status(ChargerState::Faulted, 0);
                status.faults = 1;
                b.event(Event::Charger(&status));
            },
            StopReason::EMERGENCY_ACTIVE,
        ),
        (
            |b| {
                let mut status = Bench::status(ChargerState::StartFailed, 0);
                status.faults = 1 << 4;
                b.event(Event::Charger(&status));
            },
            StopReason::INSULATION,
        ),
        (|b| drop(b.unplugged()), StopReason::PULLED_BEFORE_START),
        (|b| drop(b.event(Event::Stop(StopReason::SAME_CARD))), StopReason::SAME_CARD),
        (
            |b| {
                let tag = start_tag(&b.all);
                b.event(Event::Done(Target::Charger, tag, Err(OrderFault::Refused(4))));
            },
            StopReason::CHARGER_REFUSED,
        ),
        (
            |b| {
                b.link(LinkState::Silent);
                b.wait(90_000);
                b.link(LinkState::Good);
            },
            StopReason::CHARGER_LINK_LOST,
        ),
        (|b| drop(b.wait(90_000)), StopReason::CHARGER_NOT_READY),
    ];
    for (fail, reason) in cases {
        let mut bench = Bench::open(opening());
        bench.event(Event::Committed);
        bench.ordered(100_000);
        bench.event(Event::Committed);
        bench.event(Event::Committed);
        fail(&mut bench);
        bench.event(Event::Committed);
        bench.event(Event::Done(Target::Charger, Tag(9), Ok(())));
        bench.charger(ChargerState::Idle, 0);
        for _ in 0..3 {
            bench.event(Event::Committed);
            bench.ordered(100_000);
            bench.wait(1_000);
        }
        let (record, start_result) = bench.closed();
        assert_eq!(record.stop_reason, reason);
        assert_eq!(start_result, Some(StartOutcome::Failed(reason)));
        assert_eq!((record.energy_total, record.flags), (Energy::ZERO, 0), "{reason:?}");
        assert!(stops(&bench.all) > 0, "{reason:?}");
        assert!(matches!(bench.all.iter().rfind(|a| matches!(a, Action::Feedback(_))),
            Some(Action::Feedback(Feedback::Refused(text))) if text.len() <= 32 && text.is_ascii()));
    }
}

#[test]
fn what_a_charger_left_over_from_its_last_charge_is_no_answer_to_a_start() {
    let mut bench = Bench::open(opening());
    bench.charger(ChargerState::Finished, 0);
    bench.event(Event::Committed);
    bench.ordered(100_000);
    bench.event(Event::Committed);
    bench.charger(ChargerState::Finished, 0);
    assert_eq!(stops(&bench.all), 0);
    bench.charger(ChargerState::Preparing, 0);
    bench.charger(ChargerState::Finished, 0);
    assert_eq!(stops(&bench.all), 1);
}

#[test]
fn an_order_overtaken_on_its_line_is_given_again() {
    let mut bench = Bench::open(opening());
    bench.event(Event::Committed);
    bench.ordered(100_000);
    bench.event(Event::Committed);
    let tag = start_tag(&bench.all);
    bench.event(Event::Done(Target::Charger, tag, Err(OrderFault::Overtaken)));
    assert_eq!(starts(&bench.wait(2_000)), 1);
}

#[test]
fn a_stop_before_anything_was_ordered_orders_nothing() {
    for stage in 0..3 {
        let mut bench = Bench::open(opening());
        if stage > 0 {
            bench.event(Event::Committed);
        }
        if stage > 1 {
            bench.ordered(100_000);
        }
        bench.event(Event::Stop(StopReason::SAME_CARD));
        if stage != 1 {
            bench.event(Event::Committed);
        }
        let (record, start_result) = bench.closed();
        assert_eq!(start_result, Some(StartOutcome::Failed(StopReason::SAME_CARD)), "stage {stage}");
        assert_eq!((orders(&bench.all), record.energy_total), (vec![], Energy::ZERO));
    }
}

#[test]
fn pile_billing_without_a_tariff_starts_nothing() {
    let mut opening = opening();
    opening.tariff = None;
    let mut bench = Bench::open(opening.clone());
    bench.event(Event::Committed);
    let (record, start_result) = bench.closed();
    assert_eq!(start_result, Some(StartOutcome::Failed(StopReason::TARIFF_MISSING)));
    assert_eq!(record.flags & flag::INCONSISTENT, 0);
    opening.billing_mode = BillingMode::Platform;
    let mut bench = Bench::open(opening);
    assert_eq!(reads(&bench.event(Event::Committed)), 1);
}

#[test]
fn a_vehicle_that_is_not_the_expected_one_is_not_charged() {
    let mut opening = opening();
    opening.credential = Credential::Vin("LSVNV2182E2100001".parse().expect("vin"));
    opening.grant.expected_vin = Some("LSVNV2182E2100002".parse().expect("vin"));
    let mut bench = Bench::open(opening);
    assert!(raised(&bench.event(Event::Committed), 0x040A));
    let (record, start_result) = bench.closed();
    assert_eq!(start_result, Some(StartOutcome::Failed(StopReason::VIN_DIFFERS)));
    assert_eq!(record.vin.map(|vin| vin.to_string()).as_deref(), Some("LSVNV2182E2100001"));
}

#[test]
fn without_a_believed_clock_times_are_none_and_repaired_when_trust_comes_in_the_same_boot() {
    let mut platform = opening();
    platform.billing_mode = BillingMode::Platform;
    let run = |trust_comes: bool| {
        let mut bench = Bench::with(&Config::default(), platform.clone(), ClockTrust::None);
        bench.event(Event::Committed);
        bench.ordered(100_000);
        bench.event(Event::Committed);
        bench.event(Event::Committed);
        bench.ms = 3_000;
        bench.charger(ChargerState::Charging, 60_000);
        bench.event(Event::Committed);
        bench.charge(20, 60_000);
        if trust_comes {
            bench.trust = ClockTrust::Platform;
        }
        bench.charge(20, 60_000);
        bench.event(Event::Stop(StopReason::SAME_CARD));
        bench.settle()
    };
    let (blind, repaired) = (run(false), run(true));
    assert_eq!((blind.start_time, blind.end_time), (None, None));
    assert_eq!(repaired.start_time, Some(now(3_000, ClockTrust::None).wall));
    assert_eq!(repaired.end_time, Some(now(43_000, ClockTrust::None).wall));
    for record in [blind, repaired] {
        assert_eq!(record.flags, flag::CLOCK);
        assert_eq!(record.energy_total, Energy(40 * 166));
    }
}

#[test]
fn a_session_shows_its_money_only_under_pile_billing() {
    for (mode, money) in [(BillingMode::Pile, true), (BillingMode::Platform, false)] {
        let mut opening = limited(Limit::None);
        opening.billing_mode = mode;
        opening.grant.balance = prepaid(1_000_000).grant.balance;
        let mut bench = Bench::charging(&Config::default(), opening);
        bench.charge(60, 60_000);
        let shown = bench.session.realtime(bench.now());
        assert_eq!(shown.energy, Energy(60 * 166));
        assert_eq!(shown.electricity_amount.0 > 0, money);
        assert_eq!((shown.state, shown.elapsed.as_secs()), (ConnectorState::Charging, 60));
        assert_eq!(shown.txn, bench.session.opening().grant.txn);
    }
}

#[test]
fn energy_that_flowed_before_output_was_confirmed_late_is_no_jump() {
    let mut bench = Bench::with(&Config::default(), opening(), ClockTrust::Ntp);
    bench.event(Event::Committed);
    bench.ordered(100_000);
    bench.event(Event::Committed);
    bench.event(Event::Committed);
    bench.ms += 20_000; // the line is busy with somebody who does not answer
    bench.charger(ChargerState::Charging, 120_000);
    bench.event(Event::Committed);
    bench.ms += 1_000;
    bench.polled(105_500);
    assert_eq!(bench.session.energy(), Energy(5_500));
}
