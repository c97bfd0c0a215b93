//! Heartbeats, version, parameters, and the link.

use super::bench::*;
use crate::driver::tcu::{Action, Config, Dialect, Event};
use crate::model::report::{LinkState, Report};
use crate::model::request::{Order, StartOrder};
use crate::wire::tcu::Kind;

fn links(out: &[Action]) -> Vec<LinkState> {
    out.iter().filter_map(|a| if let Action::Report(Report::Link(l)) = a { Some(*l) } else { None }).collect()
}

#[test]
fn the_heartbeat_is_the_first_thing_said_and_goes_on_each_second() {
    let mut bench = Bench::new();
    let out = bench.event(Event::BusUp);
    assert_eq!(out, [Action::Send(frame("1840F68A#010000FFFFFFFFFF"))]);
    let out = bench.sleep(3_500);
    assert_eq!(
        sent(&out),
        ["1840F68A#010100FFFFFFFFFF", "1840F68A#010200FFFFFFFFFF", "1840F68A#010301FFFFFFFFFF"],
        "and says that it hears nothing"
    );
    assert_eq!(links(&out), [LinkState::Silent]);
    let _ = bench.sleep(260_000);
    assert_eq!(sent_of(&bench.sleep(1_000), Kind::TcuHeartbeat).len(), 1);
}

#[test]
fn both_steps_are_repeated_until_they_are_answered_and_then_the_link_is_good() {
    let mut bench = Bench::new();
    let _ = bench.event(Event::BusUp);
    assert_eq!(sent(&bench.hear(BEAT)), ["1807F68A#010121FFFFFFFFFF"]);
    assert_eq!(sent_of(&bench.sleep(1_100), Kind::Version).len(), 2);
    assert_eq!(sent(&bench.hear(VERSION_OK)), ["1809F68A#0144030000010001"]);
    assert_eq!(sent_of(&bench.sleep(600), Kind::Parameters).len(), 1);
    let out = bench.hear(PARAMETERS_OK);
    assert_eq!(links(&out), [LinkState::Good]);
    bench.word = Some(STANDBY);
    let out = bench.wait(5_000);
    assert_eq!((sent_of(&out, Kind::Version).len(), sent_of(&out, Kind::Parameters).len()), (0, 0));
}

#[test]
fn three_seconds_without_heartbeat_clear_both_steps() {
    let mut bench = Bench::ready();
    assert_eq!(links(&bench.sleep(2_900)), []);
    assert_eq!(links(&bench.sleep(200)), [LinkState::Silent]);
    assert_eq!(sent_of(&bench.sleep(3_000), Kind::Version).len(), 0, "nobody is there to answer");
    assert_eq!(bench.controller.status(bench.now()).counters.heartbeat, 1);
    assert_eq!(sent_of(&bench.hear(BEAT), Kind::Version).len(), 1);
    let out = bench.hear_all(&[VERSION_OK, PARAMETERS_OK]);
    assert_eq!(links(&out), [LinkState::Good]);
}

#[test]
fn a_controller_that_lives_and_takes_no_step_is_degraded() {
    let mut bench = Bench::new();
    let _ = bench.event(Event::BusUp);
    bench.word = Some(STANDBY);
    assert_eq!(links(&bench.wait(5_000)), [LinkState::Degraded]);
    assert_eq!(links(&bench.event(Event::BusDown)), [LinkState::Silent]);
}

#[test]
fn no_start_is_sent_before_the_steps_are_done() {
    let mut bench = Bench::new();
    let _ = bench.event(Event::BusUp);
    let _ = bench.hear_all(&[BEAT, STANDBY]);
    bench.word = Some(STANDBY);
    let mut out = bench.tell(Order::Start(StartOrder::default()));
    out.extend(bench.wait(900));
    assert_eq!(sent_of(&out, Kind::Start), Vec::<String>::new());
    let _ = bench.hear(VERSION_OK);
    assert_eq!(sent_of(&bench.hear(PARAMETERS_OK), Kind::Start), ["1001F68A#0102010C01FFFFFF"]);
}

#[test]
fn the_answer_chooses_the_dialect_and_another_one_than_configured_is_counted() {
    for (configured, answer, spoken, odd) in [
        (Dialect::Auto, "18088AF6#010230FFFFFFFFFF", Dialect::V2_30, 0),
        (Dialect::Auto, VERSION_OK, Dialect::V1_21, 0),
        (Dialect::V1_21, "18088AF6#010230FFFFFFFFFF", Dialect::V2_30, 1),
        (Dialect::V2_30, VERSION_OK, Dialect::V1_21, 1),
        (Dialect::V2_30, "18088AF6#010230FFFFFFFFFF", Dialect::V2_30, 0),
        (Dialect::V2_30, "18088AF6#01FFFFFFFFFFFFFF", Dialect::V2_30, 1),
    ] {
        let mut bench = Bench::of(Config { dialect: configured, ..CONFIG });
        let _ = bench.event(Event::BusUp);
        let out = bench.hear(BEAT);
        let offered = if configured == Dialect::V2_30 { "0230" } else { "0121" };
        assert_eq!(sent(&out), [format!("1807F68A#01{offered}FFFFFFFFFF")]);
        let _ = bench.hear(answer);
        let status = bench.controller.status(bench.now());
        assert_eq!((status.dialect, status.counters.version), (Some(spoken), odd));
        assert!(status.version_checked && !status.parameters_set);
    }
}

#[test]
fn refused_parameters_are_offered_again_later_and_a_lost_version_step_is_taken_again() {
    let mut bench = Bench::new();
    let _ = bench.event(Event::BusUp);
    let _ = bench.hear_all(&[BEAT, VERSION_OK, "180A8AF6#010101FFFFFFFFFF"]);
    bench.word = Some(STANDBY);
    assert_eq!(bench.controller.status(bench.now()).parameters_refused, Some(1));
    assert_eq!(sent_of(&bench.wait(4_900), Kind::Parameters).len(), 0);
    assert_eq!(sent_of(&bench.wait(200), Kind::Parameters).len(), 1);
    let _ = bench.hear("180A8AF6#010103FFFFFFFFFF");
    assert_eq!(sent_of(&bench.wait(600), Kind::Version).len(), 1);
    let _ = bench.hear(VERSION_OK);
    let _ = bench.hear("180A8AF6#01FFFF00FFFFFFFF");
    assert!(bench.controller.status(bench.now()).parameters_set, "one firmware has the result in octet 3");
}

#[test]
fn another_connector_and_another_interface_are_not_heard() {
    let mut bench = Bench::new();
    let _ = bench.event(Event::BusUp);
    for foreign in ["18418AE0#010500FFFFFFFFFF", "18418AF6#020500FFFFFFFFFF", "1841F68A#010500FFFFFFFFFF"] {
        assert_eq!(bench.hear(foreign), []);
    }
    assert_eq!(bench.controller.status(bench.now()).counters.interface, 1);
    assert_eq!(sent(&bench.hear("18418AF6#000500FFFFFFFFFF")).len(), 1, "0 stands for the only one");
}

#[test]
fn people_see_steps_bits_and_reasons_in_words() {
    let mut bench = Bench::ready();
    let _ = bench.hear("10228AF6#0114000000000000");
    let _ = bench.tell(Order::Start(StartOrder::default()));
    let _ = bench.hear("10028AF6#01020109010CFFFF");
    let shown = serde_json::to_value(bench.controller.status(bench.now())).expect("plain values");
    assert_eq!(shown["bits"], serde_json::json!(["total fault", "emergency stop"]));
    assert_eq!(shown["start_refused"], serde_json::json!({"code": 9, "en": "emergency stop", "zh": "急停"}));
    assert_eq!((&shown["link"], &shown["dialect"]), (&"good".into(), &"1.21".into()));
}

fn frame(text: &str) -> crate::wire::can::Frame {
    let Ok(crate::wire::can::Line { content: crate::wire::can::Content::Frame(frame), .. }) =
        crate::wire::can::line(text)
    else {
        panic!("{text}")
    };
    frame
}
