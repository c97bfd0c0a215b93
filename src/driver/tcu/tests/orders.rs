//! Limits, service, lock, stop; and what becomes of orders that cannot be.

use super::bench::*;
use crate::driver::tcu::Event;
use crate::model::quantity::Power;
use crate::model::report::OrderFault;
use crate::model::request::{AuxVoltage, Order, StartOrder};
use crate::wire::tcu::Kind;

#[test]
fn a_limit_is_rounded_down_and_answered_by_its_own_values() {
    let mut bench = Bench::ready();
    let out = bench.tell(Order::Limit(Power(60_099)));
    assert_eq!(sent(&out), ["100FF68A#01016829FFFFFFFF"]);
    assert_eq!(outcomes(&bench.hear("10108AF6#010199290000FFFF")), [], "an answer to another one");
    assert_eq!(outcomes(&bench.hear("10108AF6#010168290000FFFF")), [(1, Ok(()))]);
    let _ = bench.tell(Order::Limit(Power(-5)));
    let out = bench.wait(300);
    assert_eq!(sent_of(&out, Kind::PowerLimit), ["100FF68A#01011027FFFFFFFF"], "250 ms after the last");
    let out = bench.tell(Order::Limit(Power(7_000)));
    assert_eq!(outcomes(&out), [(2, Err(OrderFault::Overtaken))]);
    let _ = bench.wait(300);
    assert_eq!(outcomes(&bench.hear("10108AF6#010156270103FFFF")), [(3, Err(OrderFault::Refused(3)))]);
}

#[test]
fn service_and_lock_have_their_own_words() {
    let mut bench = Bench::ready();
    assert_eq!(sent(&bench.tell(Order::Service(true))), ["100BF68A#0102FFFFFFFFFFFF"]);
    assert_eq!(outcomes(&bench.hear("100C8AF6#010200FFFFFFFFFF")), [(1, Ok(()))]);
    assert_eq!(sent_of(&bench.tell(Order::Lock(true)), Kind::Lock), ["100DF68A#010101FFFFFFFFFF"]);
    assert_eq!(outcomes(&bench.hear("100E8AF6#01010101FFFFFFFF")), [(2, Err(OrderFault::Refused(1)))]);
    let out = bench.tell(Order::ReadRegister);
    assert_eq!(outcomes(&out), [(3, Err(OrderFault::Unsupported))]);
}

#[test]
fn a_capped_start_goes_out_behind_its_cap_and_not_without() {
    let capped = || Order::Start(StartOrder { max_power: Some(Power(60_000)), ..StartOrder::default() });
    let mut bench = Bench::ready();
    let out = bench.tell(capped());
    assert_eq!(sent(&out), ["100FF68A#01016829FFFFFFFF"]);
    let out = bench.hear("10108AF6#010168290000FFFF");
    assert_eq!(sent(&out), ["1001F68A#0102010C01FFFFFF"]);
    assert_eq!(outcomes(&bench.hear(START_OK)), [(1, Ok(()))]);

    let mut bench = Bench::ready();
    let _ = bench.tell(capped());
    let out = bench.hear("10108AF6#010168290102FFFF");
    assert_eq!(outcomes(&out), [(1, Err(OrderFault::Refused(2)))]);
    assert_eq!(sent_of(&bench.wait(6_000), Kind::Start), Vec::<String>::new());
}

#[test]
fn the_next_start_is_not_held_to_the_cap_of_the_last_one() {
    let mut bench = Bench::ready();
    let _ = bench.tell(Order::Limit(Power(60_000)));
    let _ = bench.hear("10108AF6#010168290000FFFF");
    let mut out = bench.tell(Order::Start(StartOrder::default()));
    out.extend(bench.wait(300));
    assert_eq!(
        sent(&out).iter().filter(|l| !l.starts_with("1840")).collect::<Vec<_>>(),
        ["100FF68A#01026400FFFFFFFF"]
    );
    let out = bench.hear("10108AF6#010264000101FFFF");
    assert_eq!(sent_of(&out, Kind::Start).len(), 1, "a charge under an old cap is better than none");
}

#[test]
fn two_plugs_and_24_volts_are_in_the_start() {
    let mut bench = Bench::ready();
    let order = StartOrder { aux_voltage: AuxVoltage::V24, dual: true, ..StartOrder::default() };
    assert_eq!(sent(&bench.tell(Order::Start(order))), ["1001F68A#0102051802FFFFFF"]);
    let mut bench = Bench::ready();
    let order = StartOrder { verify_vin: true, dual: true, ..StartOrder::default() };
    assert_eq!(sent(&bench.tell(Order::Start(order))), ["1001F68A#0102060C02FFFFFF"]);
}

#[test]
fn a_stop_wins_over_everything_that_waits() {
    let mut bench = Bench::new();
    let _ = bench.event(Event::BusUp);
    let _ = bench.tell(Order::Start(StartOrder::default()));
    let _ = bench.tell(Order::Limit(Power(1)));
    let out = bench.tell(Order::Stop);
    assert_eq!(sent(&out), ["1003F68A#010100FFFFFFFFFF"], "though no step was taken");
    assert_eq!(outcomes(&out), [(1, Err(OrderFault::Overtaken))]);
    let out = bench.sleep(5_000);
    assert_eq!(sent_of(&out, Kind::Stop).len(), 19);
    assert_eq!(outcomes(&out), [(3, Err(OrderFault::Silent))]);
}

#[test]
fn a_repeated_stop_is_one_stop_and_every_order_has_its_outcome() {
    let mut bench = Bench::charging();
    let _ = bench.tell(Order::Stop);
    let out = bench.tell(Order::Stop);
    assert_eq!(sent(&out), Vec::<String>::new(), "not faster than the protocol");
    assert_eq!(outcomes(&bench.hear(STOP_OK)), [(2, Ok(())), (3, Ok(()))]);
    let _ = bench.tell(Order::Stop);
    let _ = bench.wait(300);
    let out = bench.stopped(1, [0x40, 0, 0, 0xF0]);
    assert_eq!(outcomes(&out), [(4, Ok(()))], "the end is an answer, too");
}

#[test]
fn a_start_waits_for_a_stop_that_is_still_under_way() {
    let mut bench = Bench::charging();
    let _ = bench.tell(Order::Stop);
    let _ = bench.tell(Order::Start(StartOrder::default()));
    let _ = bench.hear(STOP_OK);
    assert_eq!(sent_of(&bench.wait(1_000), Kind::Start), Vec::<String>::new());
    let _ = bench.stopped(1, [0x40, 0, 0, 0xF0]);
    bench.word = Some(STANDBY);
    let out = bench.wait(1_000);
    assert!(!sent_of(&out, Kind::Start).is_empty());
}

#[test]
fn nothing_can_be_ordered_while_the_bus_is_down() {
    let mut bench = Bench::charging();
    let _ = bench.tell(Order::Limit(Power(50_000)));
    let out = bench.event(Event::BusDown);
    assert_eq!(outcomes(&out), [(2, Err(OrderFault::Silent))]);
    assert_eq!(outcomes(&bench.tell(Order::Stop)), [(3, Err(OrderFault::Silent))]);
    assert_eq!(bench.controller.wake_at(), None);
}
