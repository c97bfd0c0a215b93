//! From a start to its end.

use super::bench::*;
use crate::driver::tcu::Event;
use crate::model::quantity::{Current, Energy, Power, Voltage};
use crate::model::report::{ChargerState, OrderFault};
use crate::model::request::{Order, StartOrder};
use crate::model::stop::StopReason;
use crate::model::vehicle::{ChargerEnd, EndStage, VehicleReport};
use crate::wire::tcu::Kind;
use std::time::Duration;

#[test]
fn a_whole_charge_octet_by_octet() {
    let mut bench = Bench::ready();
    let out = bench.tell(Order::Start(StartOrder::default()));
    assert_eq!(sent(&out), ["1001F68A#0102010C01FFFFFF"]);
    assert_eq!(sent_of(&bench.wait(260), Kind::Start).len(), 1, "repeated after 250 ms");
    let out = bench.hear(START_OK);
    assert_eq!(outcomes(&out), [(1, Ok(()))]);
    assert_eq!(bench.state(), ChargerState::Preparing);
    let out = bench.complete(0, 0);
    assert_eq!(sent_of(&out, Kind::StartCompleteAck), ["1012F68A#010200FFFFFFFFFF"]);
    assert_eq!(states(&out), [ChargerState::Charging]);
    let [VehicleReport::Handshake(vehicle)] = &vehicles(&out)[..] else { panic!("{out:?}") };
    assert_eq!(vehicle.vin.map(|v| v.to_string()).as_deref(), Some("LTESTVANXBUS00001"));
    assert_eq!((vehicle.max_current, vehicle.charge_count), (Some(Current(300_000)), Some(1000)));
    assert_eq!((vehicle.battery_maker, vehicle.max_temperature_c), (Some(*b"CATL"), Some(55)));
    bench.word = Some(WORKING);
    assert_eq!(sent_of(&bench.wait(1_000), Kind::Start), Vec::<String>::new());

    let out = bench.tell(Order::Stop);
    assert_eq!(sent(&out), ["1003F68A#010100FFFFFFFFFF"]);
    assert_eq!(outcomes(&bench.hear(STOP_OK)), [(2, Ok(()))]);
    assert_eq!(bench.state(), ChargerState::Charging, "until the controller says that it is over");
    bench.word = Some(STANDBY);
    let out = bench.stopped(0x01, [0x40, 0, 0, 0xF0]);
    assert_eq!(sent(&out), ["1014F68A#010100FFFFFFFFFF"]);
    assert_eq!(states(&out), [ChargerState::Finished]);
    let [VehicleReport::End(end)] = &vehicles(&out)[..] else { panic!("{out:?}") };
    assert_eq!((end.bst, end.end_soc, end.reason), (Some([0x40, 0, 0, 0xF0]), Some(95), None));
    assert_eq!((end.bem, end.cem), (Some([0xF0, 0xF0, 0xF0, 0xFC]), Some([0xFC, 0xF0, 0xC0, 0xFC])));
    assert_eq!(sent(&bench.stopped(0x01, [0x40, 0, 0, 0xF0])).len(), 1, "acknowledged again");
    assert_eq!(vehicles(&bench.stopped(0x01, [0x40, 0, 0, 0xF0])), [], "and told once");
}

#[test]
fn a_refused_start_says_why_before_its_outcome() {
    let mut bench = Bench::ready();
    let _ = bench.tell(Order::Start(StartOrder::default()));
    let out = bench.hear("10028AF6#01020108010CFFFF");
    assert_eq!(outcomes(&out), [(1, Err(OrderFault::Refused(8)))]);
    assert_eq!(states(&out), [ChargerState::StartFailed]);
    let end = ChargerEnd { stage: EndStage::StartRefused, code: 8, reason: StopReason::NOT_PLUGGED };
    assert_eq!(bench.status().end, Some(end));
    assert_eq!(sent_of(&bench.wait(6_000), Kind::Start), Vec::<String>::new());
    let _ = bench.tell(Order::Start(StartOrder::default()));
    assert_eq!(bench.status().end, None, "another one begins");
}

#[test]
fn a_start_whose_answer_was_lost_is_not_refused_for_already_working() {
    let mut bench = Bench::ready();
    let _ = bench.tell(Order::Start(StartOrder::default()));
    let _ = bench.wait(300);
    let out = bench.hear("10028AF6#01020106010CFFFF");
    assert_eq!(outcomes(&out), [(1, Ok(()))]);
    let mut bench = Bench::ready();
    let _ = bench.tell(Order::Start(StartOrder::default()));
    let out = bench.hear("10028AF6#01020106010CFFFF");
    assert_eq!(outcomes(&out), [(1, Err(OrderFault::Refused(6)))], "the first one was refused");
}

#[test]
fn a_start_that_nobody_answers_is_silent_after_five_seconds_and_taken_back() {
    let mut bench = Bench::ready();
    let mut out = bench.tell(Order::Start(StartOrder::default()));
    out.extend(bench.wait(4_900));
    assert_eq!(sent_of(&out, Kind::Start).len(), 20);
    assert_eq!(outcomes(&out), []);
    let out = bench.wait(200);
    assert_eq!(outcomes(&out), [(1, Err(OrderFault::Silent))]);
    assert_eq!(sent_of(&out, Kind::Stop).len(), 1);
}

#[test]
fn a_start_that_fails_tells_stage_code_and_reason() {
    let mut bench = Bench::ready();
    let _ = bench.tell(Order::Start(StartOrder::default()));
    let _ = bench.hear(START_OK);
    let out = bench.complete(1, 0x0E);
    assert_eq!(sent_of(&out, Kind::StartCompleteAck).len(), 1);
    assert_eq!(states(&out), [ChargerState::StartFailed]);
    let end = ChargerEnd { stage: EndStage::Starting, code: 0x0E, reason: StopReason::INSULATION_TEST };
    assert_eq!(bench.status().end, Some(end));
    let out = bench.complete(1, 0x0E);
    assert_eq!(sent_of(&out, Kind::StartCompleteAck).len(), 1, "a repetition is acknowledged, too");
    let _ = bench.stopped(0x28, [0, 0, 0, 0xF0]);
    assert_eq!(bench.status().end, Some(end), "the first cause stands");
}

#[test]
fn a_start_that_never_gives_output_is_stopped() {
    let mut bench = Bench::ready();
    let _ = bench.tell(Order::Start(StartOrder::default()));
    let _ = bench.hear(START_OK);
    assert_eq!(sent_of(&bench.wait(119_000), Kind::Stop).len(), 0);
    assert_eq!(sent_of(&bench.wait(2_000), Kind::Stop).len(), 5);
    let _ = bench.hear(STOP_OK);
    let _ = bench.wait(3_000);
    assert_eq!(bench.state(), ChargerState::StartFailed);
}

#[test]
fn a_charge_that_stops_by_itself_names_its_cause() {
    let mut bench = Bench::charging();
    bench.word = Some(STANDBY);
    let out = bench.stopped(0x2A, [0x01, 0, 0, 0xF0]);
    let end = ChargerEnd { stage: EndStage::Charging, code: 0x2A, reason: StopReason::TARGET_SOC };
    assert_eq!(bench.status().end, Some(end));
    assert_eq!(states(&out), [ChargerState::Finished]);
    let [VehicleReport::End(end)] = &vehicles(&out)[..] else { panic!("{out:?}") };
    assert_eq!(end.reason, Some(StopReason::TARGET_SOC));
    assert_eq!(
        bench
            .wait(3_000)
            .iter()
            .filter(|a| matches!(a, crate::driver::tcu::Action::Send(f) if f.id().pf() == 0x21))
            .count(),
        0
    );
}

#[test]
fn a_running_charge_is_adopted_after_a_restart_and_never_started() {
    let mut bench = Bench::new();
    let out = bench.event(Event::BusUp);
    assert_eq!(sent_of(&out, Kind::TcuHeartbeat).len(), 1);
    let out = bench.hear_all(&[BEAT, WORKING]);
    assert_eq!(states(&out), [ChargerState::Charging]);
    bench.word = Some(WORKING);
    let mut out = bench.hear_all(&[VERSION_OK, PARAMETERS_OK]);
    out.extend(bench.wait(3_000));
    assert!(sent_of(&out, Kind::Start).is_empty() && sent_of(&out, Kind::EnergyTime).is_empty());
    let delivered = Order::Delivered { energy: Energy(1_874_999), elapsed: Duration::from_secs(3_779) };
    assert_eq!(sent_of(&bench.tell(delivered), Kind::EnergyTime), ["1821F68A#0152073E00FFFFFF"]);
    assert_eq!(sent_of(&bench.wait(3_000), Kind::EnergyTime).len(), 3);
    let out = bench.tell(Order::Start(StartOrder::default()));
    assert_eq!(outcomes(&out), [(2, Err(OrderFault::Refused(6)))]);
    assert_eq!(sent_of(&out, Kind::Start), Vec::<String>::new());
}

#[test]
fn a_controller_found_making_ready_is_no_charge_and_its_vehicle_waits_for_the_station() {
    let mut bench = Bench::new();
    let _ = bench.event(Event::BusUp);
    let _ = bench.hear_all(&[BEAT, VERSION_OK, PARAMETERS_OK, AT_WORK]);
    bench.word = Some(AT_WORK);
    assert_eq!(bench.state(), ChargerState::Preparing);
    let mut out = bench.name(Kind::VehicleId, VIN);
    for _ in 0..3 {
        out.extend(bench.wait(1_000));
        out.extend(bench.name(Kind::VehicleId, VIN));
    }
    assert_eq!(
        (vehicles(&out).len(), sent_of(&out, Kind::VehicleIdConfirm)),
        (1, vec![]),
        "nobody admitted it"
    );
    let out = bench.tell(Order::Start(StartOrder { verify_vin: true, ..StartOrder::default() }));
    assert_eq!(sent(&out), ["1818F68A#010000FFFFFFFFFF"]);
    let _ = bench.complete(0, 0);
    assert_eq!(bench.state(), ChargerState::Charging);
}

#[test]
fn a_controller_found_making_ready_that_comes_to_output_is_a_charge() {
    let found = || {
        let mut bench = Bench::new();
        let _ = bench.event(Event::BusUp);
        let _ = bench.hear_all(&[BEAT, VERSION_OK, PARAMETERS_OK, AT_WORK]);
        bench
    };
    let mut bench = found();
    let out = bench.complete(0, 0);
    assert_eq!((bench.state(), sent_of(&out, Kind::Stop)), (ChargerState::Charging, vec![]));
    let mut bench = found();
    let _ = bench.hear(WORKING);
    assert_eq!(bench.state(), ChargerState::Charging);
}

#[test]
fn a_lost_end_is_found_in_the_status_words() {
    let mut bench = Bench::charging();
    bench.word = Some(STANDBY);
    let out = bench.wait(4_900);
    assert_eq!(bench.state(), ChargerState::Charging);
    assert!(!states(&out).contains(&ChargerState::Finished));
    let _ = bench.wait(1_500);
    assert_eq!((bench.state(), bench.status().end), (ChargerState::Finished, None));
}

#[test]
fn status_words_on_their_way_at_the_end_are_no_new_charge() {
    let mut bench = Bench::charging();
    let _ = bench.stopped(0x2A, [0x01, 0, 0, 0xF0]);
    let _ = bench.hear(WORKING);
    assert_eq!(bench.state(), ChargerState::Finished);
    let _ = bench.wait(3_000);
    assert_eq!(bench.state(), ChargerState::Charging, "but one that goes on is");
}

#[test]
fn values_are_integers_with_charging_positive() {
    let mut bench = Bench::charging();
    let mut out = Vec::new();
    for line in [
        "18208AF6#0106240001631794",
        "18208AF6#020858475360014B",
        "18208AF6#03014B9001751793",
        "18208AF6#0408026217940825",
        "18208AF6#05005A5B32321002",
        "18208AF6#060850562D2508FF",
    ] {
        out.extend(bench.hear(line));
    }
    let status = bench.status();
    assert_eq!((status.voltage, status.current), (Some(Voltage(598_700)), Some(Current(180_400))));
    assert_eq!(status.power, Some(Power(108_005)));
    assert_eq!((status.soc, status.connector_temperature_c), (Some(88), Some(41)));
    assert_eq!((status.session_energy, status.raw), (None, 1));
    let [VehicleReport::Progress(progress)] = &vehicles(&out)[..] else { panic!("{out:?}") };
    assert_eq!((progress.demand_voltage, progress.demand_mode), (Some(Voltage(600_500)), Some(2)));
    assert_eq!((progress.max_temperature_c, progress.min_temperature_c), (Some(33), Some(21)));
    assert_eq!((progress.remaining, progress.permit), (Some(Duration::from_secs(37 * 60)), Some(true)));
    assert_eq!((progress.max_cell_voltage, progress.max_cell_number), (Some(Voltage(3_520)), Some(16)));
    bench.word = Some(WORKING);
    let _ = bench.wait(5_000);
    assert_eq!(bench.status().voltage, None, "old values are none");
}

#[test]
fn a_pause_and_the_pulled_plug_are_told_once() {
    let mut bench = Bench::charging();
    bench.word = Some(PAUSED);
    assert_eq!(vehicles(&bench.wait(2_000)), [VehicleReport::Paused(true)]);
    assert_eq!(bench.state(), ChargerState::Charging);
    bench.word = Some(WORKING);
    assert_eq!(vehicles(&bench.wait(2_000)), [VehicleReport::Paused(false)]);
    let _ = bench.stopped(0x05, [0, 0, 0, 0xF0]);
    bench.word = Some(UNPLUGGED);
    assert_eq!(vehicles(&bench.wait(2_000)), [VehicleReport::Gone]);
    let status = bench.status();
    assert_eq!((status.state, status.plugged), (ChargerState::Idle, Some(false)));
    assert_eq!(status.end.map(|e| e.reason), Some(StopReason::CONTROL_PILOT));
}

#[test]
fn a_status_is_told_each_second_and_at_every_change() {
    let mut bench = Bench::ready();
    let out = bench.wait(10_000);
    let told = out
        .iter()
        .filter(|a| matches!(a, crate::driver::tcu::Action::Report(crate::model::report::Report::Charger(_))))
        .count();
    assert!((9..=12).contains(&told), "{told}");
    let out = bench.hear("10228AF6#0110000000C00000");
    let [crate::driver::tcu::Action::Report(crate::model::report::Report::Charger(status))] = &out[..] else {
        panic!("{out:?}")
    };
    assert_eq!((status.faults, status.alarms.clone()), (1, [0x0101].into()));
}

#[test]
fn a_lost_controller_gives_up_a_start_and_keeps_a_charge() {
    let mut bench = Bench::ready();
    let _ = bench.tell(Order::Start(StartOrder::default()));
    let _ = bench.hear(START_OK);
    let out = bench.sleep(3_500);
    assert_eq!(bench.status().end.map(|e| e.reason), Some(StopReason::CHARGER_LINK_LOST));
    assert!(!sent_of(&out, Kind::Stop).is_empty(), "it may still hear us");
    let mut bench = Bench::charging();
    let out = bench.sleep(10_000);
    assert_eq!(bench.state(), ChargerState::Charging);
    assert!(sent_of(&out, Kind::Stop).is_empty());
    assert_eq!(sent_of(&out, Kind::TcuHeartbeat).len(), 10, "which keeps it charging");
}

#[test]
fn a_bus_that_falls_while_a_start_is_made_ready_takes_it_back_when_it_returns() {
    let mut bench = Bench::ready();
    let _ = bench.tell(Order::Start(StartOrder::default()));
    let _ = bench.hear(START_OK);
    let _ = bench.event(Event::BusDown);
    bench.ms += 1_000;
    let out = bench.event(Event::BusUp);
    assert_eq!(sent(&out), ["1840F68A#010000FFFFFFFFFF", "1003F68A#010100FFFFFFFFFF"]);
}
