//! Identification, admission, and what is known of the vehicle.

use super::bench::*;
use crate::driver::tcu::Action;
use crate::model::report::{ChargerState, OrderFault};
use crate::model::request::{AuxVoltage, Order, StartOrder};
use crate::model::stop::StopReason;
use crate::model::vehicle::{Admission, ChargerEnd, EndStage, VehicleReport};
use crate::wire::tcu::Kind;

fn vins(out: &[Action]) -> Vec<String> {
    vehicles(out)
        .iter()
        .filter_map(|v| match v {
            VehicleReport::Handshake(h) => Some(h.vin.map(|vin| vin.to_string()).unwrap_or_default()),
            _ => None,
        })
        .collect()
}

fn identified(kind: Kind) -> Bench {
    let mut bench = Bench::ready();
    assert_eq!(sent(&bench.tell(Order::Identify(AuxVoltage::V24))), ["1001F68A#0102021801FFFFFF"]);
    assert_eq!(outcomes(&bench.hear(START_OK)), [(1, Ok(()))]);
    assert_eq!(vins(&bench.name(kind, VIN)), [""; 0], "once may be a mistake");
    let _ = bench.wait(1_000);
    let out = bench.name(kind, VIN);
    assert_eq!(vins(&out), ["LTESTVANXBUS00001"]);
    assert_eq!(sent(&out), [""; 0], "it waits");
    bench
}

#[test]
fn a_start_goes_on_from_an_identification_in_the_numbers_of_its_dialect() {
    for (named, answer) in
        [(Kind::VehicleId, "1818F68A#010000FFFFFFFFFF"), (Kind::VinData, "182EF68A#010000FFFFFFFFFF")]
    {
        let mut bench = identified(named);
        let out = bench.tell(Order::Start(StartOrder::default()));
        assert_eq!(sent(&out), [answer]);
        assert_eq!(outcomes(&out), []);
        let _ = bench.wait(600);
        assert_eq!(sent(&bench.name(named, VIN)), [answer], "the answer was lost");
        assert_eq!(outcomes(&bench.wait(2_400)), []);
        assert_eq!(outcomes(&bench.wait(200)), [(2, Ok(()))], "it asks no more");
        let out = bench.complete(0, 0);
        assert_eq!(bench.state(), ChargerState::Charging);
        assert_eq!(vins(&out), ["LTESTVANXBUS00001"], "more of it is known");
        assert!(sent_of(&out, Kind::Stop).is_empty());
    }
}

#[test]
fn a_start_that_is_told_again_answers_no_name_twice() {
    let mut bench = identified(Kind::VinData);
    let first = bench.tell(Order::Start(StartOrder::default()));
    assert_eq!(sent_of(&first, Kind::VinResult).len(), 1);
    let _ = bench.wait(2_800);
    let again = bench.tell(Order::Start(StartOrder::default()));
    assert_eq!(sent(&again), [""; 0], "the controller asks no more");
    assert_eq!(outcomes(&again).len() + outcomes(&bench.wait(3_000)).len(), 1);
}

#[test]
fn a_checked_start_during_an_identification_waits_until_the_vehicle_was_judged() {
    let started = || {
        let mut bench = Bench::ready();
        let _ = bench.tell(Order::Identify(AuxVoltage::V24));
        let _ = bench.hear(START_OK);
        let order = StartOrder { verify_vin: true, ..StartOrder::default() };
        let mut out = bench.tell(Order::Start(order));
        out.extend(bench.name(Kind::VehicleId, VIN));
        out.extend(bench.wait(1_000));
        out.extend(bench.name(Kind::VehicleId, VIN));
        assert_eq!(
            (vins(&out).len(), sent_of(&out, Kind::VehicleIdConfirm)),
            (1, vec![]),
            "nobody judged it"
        );
        assert_eq!(outcomes(&out), []);
        bench
    };
    let mut bench = started();
    let out = bench.tell(Order::Admit(Admission::Admitted));
    assert_eq!(sent(&out), ["1818F68A#010000FFFFFFFFFF"]);
    assert_eq!(outcomes(&bench.complete(0, 0)), [(2, Ok(()))]);
    let mut bench = started();
    let out = bench.tell(Order::Admit(Admission::Refused));
    assert_eq!(sent(&out), ["1818F68A#010102FFFFFFFFFF"]);
    assert_eq!(outcomes(&out), [(2, Err(OrderFault::Overtaken)), (3, Ok(()))]);
}

#[test]
fn output_after_an_identification_answers_the_start() {
    let mut bench = identified(Kind::VehicleId);
    let _ = bench.tell(Order::Start(StartOrder::default()));
    assert_eq!(outcomes(&bench.complete(0, 0)), [(2, Ok(()))]);
}

#[test]
fn a_controller_that_goes_on_asking_did_not_take_the_start() {
    let mut bench = identified(Kind::VinData);
    let mut out = bench.tell(Order::Start(StartOrder::default()));
    for _ in 0..5 {
        out.extend(bench.wait(1_000));
        out.extend(bench.name(Kind::VinData, VIN));
    }
    assert_eq!(outcomes(&out), [(2, Err(OrderFault::Silent))]);
}

#[test]
fn a_refused_vehicle_is_told_why_and_the_attempt_ends() {
    for (admission, answer, reason) in [
        (Admission::Illegal, "1818F68A#010101FFFFFFFFFF", StopReason::VIN_ABSENT),
        (Admission::Refused, "1818F68A#010102FFFFFFFFFF", StopReason::CREDENTIAL_REFUSED),
        (Admission::TimedOut, "1818F68A#010103FFFFFFFFFF", StopReason::DECISION_LATE),
    ] {
        let mut bench = identified(Kind::VehicleId);
        let out = bench.tell(Order::Admit(admission));
        assert_eq!((sent(&out), outcomes(&out)), (vec![answer.to_owned()], vec![(2, Ok(()))]));
        let out = bench.complete(1, 0x3E);
        assert_eq!(states(&out), [ChargerState::StartFailed]);
        let end = ChargerEnd { stage: EndStage::Starting, code: 0x3E, reason };
        assert_eq!(bench.status().end, Some(end));
    }
}

#[test]
fn a_refusal_that_the_controller_does_not_obey_becomes_a_stop() {
    let mut bench = identified(Kind::VehicleId);
    let _ = bench.tell(Order::Admit(Admission::Refused));
    assert_eq!(sent_of(&bench.wait(4_900), Kind::Stop).len(), 0);
    assert!(!sent_of(&bench.wait(400), Kind::Stop).is_empty());
    let _ = bench.hear(STOP_OK);
    let _ = bench.wait(2_500);
    let end = bench.status().end.map(|e| (e.stage, e.reason));
    assert_eq!(end, Some((EndStage::Starting, StopReason::CREDENTIAL_REFUSED)));
}

#[test]
fn nobody_decides_and_the_vehicle_is_refused_before_the_controller_gives_up() {
    let mut bench = identified(Kind::VinData);
    let mut out = Vec::new();
    for _ in 0..26 {
        out.extend(bench.wait(1_000));
        out.extend(bench.name(Kind::VinData, VIN));
    }
    assert_eq!(sent_of(&out, Kind::VinResult), [""; 0]);
    let out = bench.wait(1_100);
    assert_eq!(sent_of(&out, Kind::VinResult), ["182EF68A#010103FFFFFFFFFF"]);
    let _ = bench.complete(1, 0x3D);
    assert_eq!(bench.status().end.map(|e| e.reason), Some(StopReason::DECISION_LATE));
}

#[test]
fn a_stop_refuses_the_vehicle_that_waits() {
    let mut bench = identified(Kind::VehicleId);
    let out = bench.tell(Order::Stop);
    assert_eq!(sent(&out), ["1818F68A#010102FFFFFFFFFF", "1003F68A#010100FFFFFFFFFF"]);
    assert_eq!(sent(&bench.name(Kind::VehicleId, VIN)), ["1818F68A#010102FFFFFFFFFF"], "and again");
}

#[test]
fn an_ordinary_start_lets_every_vehicle_pass() {
    let mut bench = Bench::ready();
    let _ = bench.tell(Order::Start(StartOrder::default()));
    let out = bench.name(Kind::VehicleId, VIN);
    assert_eq!(outcomes(&out), [(1, Ok(()))], "the answer to the start was lost");
    assert_eq!(sent(&out), ["1818F68A#010000FFFFFFFFFF"]);
}

#[test]
fn a_checked_start_waits_for_its_admission() {
    let mut bench = Bench::ready();
    let order = StartOrder { verify_vin: true, ..StartOrder::default() };
    assert_eq!(sent(&bench.tell(Order::Start(order))), ["1001F68A#0102020C01FFFFFF"]);
    let _ = bench.hear(START_OK);
    let _ = bench.name(Kind::VehicleId, VIN);
    let out = bench.name(Kind::VehicleId, VIN);
    assert_eq!((vins(&out).len(), sent(&out).len()), (1, 0));
    let out = bench.tell(Order::Admit(Admission::Admitted));
    assert_eq!((sent(&out).len(), outcomes(&out)), (1, vec![(2, Ok(()))]));
    let _ = bench.complete(0, 0);
    assert_eq!(bench.state(), ChargerState::Charging);
}

#[test]
fn an_admission_before_the_name_is_kept_and_one_of_nothing_is_overtaken() {
    let mut bench = Bench::ready();
    let order = StartOrder { verify_vin: true, ..StartOrder::default() };
    let _ = bench.tell(Order::Start(order));
    let _ = bench.hear(START_OK);
    let _ = bench.tell(Order::Admit(Admission::Admitted));
    assert_eq!(sent(&bench.name(Kind::VehicleId, VIN)), ["1818F68A#010000FFFFFFFFFF"]);
    let mut bench = Bench::ready();
    let out = bench.tell(Order::Admit(Admission::Admitted));
    assert_eq!(outcomes(&out), [(1, Err(OrderFault::Overtaken))]);
}

#[test]
fn a_name_alone_is_no_start() {
    let mut bench = identified(Kind::VehicleId);
    assert_eq!(sent(&bench.tell(Order::Admit(Admission::Admitted))), [""; 0]);
    let out = bench.complete(0, 0);
    assert_eq!(sent_of(&out, Kind::Stop).len(), 1, "output that nobody ordered");
    assert_eq!(bench.controller.status(bench.now()).counters.unbidden, 1);
}

#[test]
fn a_vehicle_that_names_itself_unasked_is_identified() {
    let mut bench = Bench::ready();
    let _ = bench.name(Kind::VinData, VIN);
    assert_eq!(vins(&bench.name(Kind::VinData, VIN)), ["LTESTVANXBUS00001"]);
    assert_eq!(bench.state(), ChargerState::Preparing);
    let out = bench.tell(Order::Start(StartOrder::default()));
    assert_eq!(sent(&out), ["182EF68A#010000FFFFFFFFFF"]);
}

#[test]
fn another_vin_in_the_same_charge_is_told_and_not_answered() {
    let mut bench = Bench::charging();
    assert_eq!(sent(&bench.name(Kind::VehicleId, VIN)).len(), 1, "the same one goes on");
    assert_eq!(vins(&bench.name(Kind::VehicleId, VIN)), [""; 0]);
    let mut out = bench.name(Kind::VehicleId, OTHER_VIN);
    out.extend(bench.name(Kind::VehicleId, OTHER_VIN));
    assert_eq!(vins(&out), ["LTESTVANXBUS00002"]);
    assert_eq!(sent_of(&out, Kind::VehicleIdConfirm), [""; 0]);
}

#[test]
fn a_vin_that_is_none_is_told_as_none() {
    let mut bench = Bench::ready();
    let _ = bench.tell(Order::Identify(AuxVoltage::V12));
    let _ = bench.hear(START_OK);
    let _ = bench.name(Kind::VehicleId, &[0; 17]);
    assert_eq!(vins(&bench.name(Kind::VehicleId, &[0; 17])), [""]);
}
