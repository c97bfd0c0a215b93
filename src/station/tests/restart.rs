//! What is found at the start, and how the program ends.

use super::*;
use crate::model::message::StartOutcome;
use crate::model::record::flag;
use crate::model::stop::StopReason;

fn shut(depot: &mut Depot, end_sessions: bool) {
    let close = if end_sessions { (0..4).map(gun_id).collect() } else { Vec::new() };
    depot.event(Event::Shutdown { close });
}

#[test]
fn a_session_that_still_charges_is_adopted_under_its_number() {
    let mut depot = Depot::supplied(1);
    depot.online().plug(0).swipe(0, 1).accept(1).run(60);
    let mut depot = depot.restart();
    depot.run(10);
    assert_eq!(depot.state(0), ConnectorState::Charging);
    depot.run(60).swipe(0, 1).run(30);
    let [record] = depot.records()[..] else { panic!("{:?}", depot.records()) };
    assert_eq!((record.txn, record.stop_reason), (number(1), StopReason::SAME_CARD));
    assert_eq!(record.energy_total, record.end_register.unwrap() - record.start_register.unwrap());
}

#[test]
fn what_0201_told_before_a_kill_is_not_taken_back_after_it() {
    for seconds in 40..80 {
        let mut depot = Depot::supplied(1);
        depot.online().plug(0).swipe(0, 1).accept(1).run(seconds);
        let told = (*depot.realtimes(0).last().unwrap()).clone();
        let mut depot = depot.restart();
        depot.link.clear();
        depot.online();
        let first = (*depot.realtimes(0).first().unwrap()).clone();
        assert_eq!((told.txn, first.txn), (number(1), number(1)));
        assert!(first.energy >= told.energy, "{} fell to {} after {seconds} s", told.energy, first.energy);
        assert!(first.elapsed >= told.elapsed, "{:?} fell to {:?}", told.elapsed, first.elapsed);
    }
}

#[test]
fn until_it_is_decided_a_recovered_session_is_unknown_and_nothing_new_begins() {
    let mut depot = Depot::supplied(1);
    depot.online().plug(0).swipe(0, 1).accept(1).run(60);
    depot.field[0].alive = false;
    let mut depot = depot.restart();
    assert_eq!(depot.state(0), ConnectorState::Unknown);
    assert_eq!(depot.station.status(depot.now).connectors[0].txn, Some(number(1)));
    depot.online();
    assert_eq!(depot.remote_start(0, 2), Some(Answer::RemoteStart(2)));
}

#[test]
fn a_session_that_ended_with_the_power_is_closed_once() {
    let mut depot = Depot::supplied(1);
    depot.online().plug(0).swipe(0, 1).accept(1).run(90);
    depot.field[0].state = ChargerState::Idle;
    let mut depot = depot.restart();
    depot.run(60);
    let [record] = depot.records()[..] else { panic!("{:?}", depot.records()) };
    assert_eq!(record.stop_reason, StopReason::POWER_LOSS);
    assert_ne!(record.flags & flag::POWER_LOSS, 0);
    let mut depot = depot.restart();
    depot.run(60);
    assert_eq!(depot.records().len(), 1);
}

#[test]
fn a_session_of_a_gun_that_is_not_configured_any_more_still_yields_its_record() {
    let mut depot = Depot::supplied(2);
    depot.online().plug(1).swipe(1, 1).accept(1).run(60);
    depot.config.connectors.pop();
    let mut depot = depot.restart();
    depot.run(400);
    assert_eq!(depot.records().len(), 1);
    assert_eq!(depot.station.status(depot.now).connectors.len(), 1);
}

#[test]
fn a_state_that_nobody_can_read_is_closed_with_an_alarm() {
    let mut depot = Depot::supplied(1);
    depot.online().plug(0).swipe(0, 1).accept(1).run(60);
    depot.disk.sessions.get_mut(&number(1)).unwrap().state = "{".into();
    let mut depot = depot.restart();
    let [record] = depot.records()[..] else { panic!("{:?}", depot.records()) };
    assert_eq!((record.txn, record.energy_total), (number(1), Energy::ZERO));
    assert_ne!(record.flags & flag::INCONSISTENT, 0);
    assert!(depot.alarms().contains(&"0008".to_owned()));
    depot.run(1);
    assert!(!depot.charges(0)); // what still charged there was without a session
}

#[test]
fn a_start_that_waited_for_its_plug_lapses_with_the_restart() {
    let mut depot = Depot::supplied(1);
    depot.online();
    depot.remote_start(0, 1);
    let mut depot = depot.restart();
    depot.online().plug(0).run(5);
    assert!(!depot.charges(0));
    assert_eq!(depot.disk.outcomes(number(1)), [StartOutcome::NotStarted(StopReason::NOT_PLUGGED)]);
    assert_eq!(depot.remote_start(0, 1), Some(Answer::RemoteStart(10)));
    let depot = depot.restart();
    assert_eq!(depot.disk.start_results.len(), 1);
}

#[test]
fn sessions_go_on_over_an_orderly_restart() {
    let mut depot = Depot::supplied(1);
    depot.online().plug(0).swipe(0, 1).accept(1).run(60);
    shut(&mut depot, false);
    assert!(depot.ended && depot.charges(0));
    let mut depot = depot.restart();
    depot.run(30);
    assert_eq!(depot.state(0), ConnectorState::Charging);
}

#[test]
fn an_end_with_sessions_closes_them_first() {
    let mut depot = Depot::supplied(2);
    depot.online().plug(0).swipe(0, 1).accept(1).run(60);
    depot.plug(1).swipe(1, 2);
    shut(&mut depot, true);
    assert!(!depot.ended);
    depot.run(30);
    assert!(depot.ended);
    let [record] = depot.records()[..] else { panic!("{:?}", depot.records()) };
    assert_eq!(record.stop_reason, StopReason::ORDERED_RESTART);
}

#[test]
fn while_it_ends_the_station_begins_nothing() {
    let mut depot = Depot::supplied(1);
    depot.online().plug(0);
    depot.store = Store::Slow;
    shut(&mut depot, false);
    let ticket = depot.command_of(pile(), Command::RemoteStart(start(0, 1)));
    assert_eq!(depot.answer(ticket), Some(Answer::RemoteStart(6)));
    depot.swipe(0, 1);
    assert_eq!(depot.refused(0), Some("not ready: shutting down"));
    depot.release(true);
    assert!(depot.ended);
}

#[test]
fn a_store_that_does_not_answer_cannot_hold_up_the_end() {
    let mut depot = Depot::supplied(1);
    depot.online();
    depot.store = Store::Full;
    shut(&mut depot, false);
    depot.run(9);
    assert!(!depot.ended);
    depot.run(2);
    assert!(depot.ended);
}

#[test]
fn operators_start_and_stop_and_are_written_down() {
    let mut depot = Depot::supplied(1);
    assert!(depot.operator(by_operator(0)).unwrap().unwrap_err().contains("plug in first"));
    depot.plug(0);
    assert_eq!(depot.operator(by_operator(0)), Some(Ok(())));
    depot.run(20);
    assert!(depot.charges(0));
    let stop = || OperatorOrder::Stop { connector: gun_id(0), by: "li".into() };
    assert_eq!(depot.operator(stop()), Some(Ok(())));
    depot.run(30);
    assert_eq!(depot.records()[0].stop_reason, StopReason::LOCAL_OPERATOR);
    assert!(depot.operator(stop()).unwrap().is_err());
    let nowhere = OperatorOrder::Stop { connector: gun_id(7), by: "li".into() };
    assert!(depot.operator(nowhere).unwrap().is_err());
    let by_li = depot.disk.audit.iter().filter(|(who, _)| who == "operator li").count();
    assert_eq!(by_li, 5);
}

#[test]
fn the_status_is_what_the_local_page_needs() {
    let mut depot = Depot::supplied(1);
    depot.online().plug(0).swipe(0, 1).accept(1).run(30);
    let status = serde_json::to_value(depot.station.status(depot.now)).unwrap();
    assert_eq!(status["link"]["online"], true);
    assert_eq!(status["clock"], "platform");
    assert_eq!((&status["card_list"]["version"], &status["card_list"]["count"]), (&1.into(), &4.into()));
    let gun = &status["connectors"][0];
    assert_eq!(gun["connector"], "44030000010001/1");
    assert_eq!((&gun["state"], &gun["card"]), (&"charging".into(), &"04AA····".into()));
    assert!(gun["power_w"].as_i64().unwrap() > 0 && gun["energy"].as_i64().unwrap() > 0);
}
