//! One bus with two plugs: two sessions, both or none.

use super::*;
use crate::model::message::StartOutcome;
use crate::model::request::StartOrder;
use crate::model::stop::StopReason;

const BUS: &str = "LC06S24R0H1234567";
const OTHER: &str = "LC06S24R0H7654321";

/// Guns 0 and 1 are partners, gun 2 is alone.
fn pairs() -> Config {
    let mut config = by_vin(3);
    config.connectors[0].partner = Some(gun_id(1));
    config.connectors[1].partner = Some(gun_id(0));
    config
}

/// Both plugs are in and the bus named itself at both.
fn plugged(depot: &mut Depot) {
    depot.plug(0).plug(1).names(0, Some(BUS));
    assert_eq!(asked(depot).len(), 0, "the other plug is waited for");
    depot.names(1, Some(BUS));
}

fn asked(depot: &Depot) -> Vec<(u64, u8)> {
    let asks = |m: &ToLink| match m {
        ToLink::Authorise(ticket, request) => Some((*ticket, request.connector.number)),
        _ => None,
    };
    depot.link.iter().filter_map(asks).collect()
}

fn decide(depot: &mut Depot, gun: u8, decision: Decision) {
    let of_gun = asked(depot).into_iter().rev().find(|(_, connector)| *connector == gun + 1);
    depot.says(FromLink::Decision(of_gun.expect("asked").0, decision));
}

fn accept(depot: &mut Depot, gun: u8) {
    decide(depot, gun, Decision::Accepted { grant: grant(gun + 1), wait_for_start: false });
}

/// Both charge.
fn charging(depot: &mut Depot) {
    plugged(depot);
    accept(depot, 0);
    accept(depot, 1);
    depot.run(5);
    assert!(depot.charges(0) && depot.charges(1));
}

fn dual_starts(depot: &Depot, gun: usize) -> usize {
    depot.ordered(gun, &Order::Start(StartOrder { verify_vin: true, dual: true, ..StartOrder::default() }))
}

#[test]
fn one_bus_with_two_plugs_has_two_sessions_that_begin_together() {
    let mut depot = fleet(pairs(), vec![]);
    depot.online();
    plugged(&mut depot);
    assert_eq!(asked(&depot).iter().map(|(_, gun)| *gun).collect::<Vec<_>>(), [1, 2]);
    accept(&mut depot, 0);
    depot.run(2);
    assert!(!depot.charges(0), "the platform has not decided about the other one");
    assert_eq!(depot.state(0), ConnectorState::Authorising);
    accept(&mut depot, 1);
    depot.run(5);
    assert_eq!((dual_starts(&depot, 0), dual_starts(&depot, 1)), (1, 1));
    assert!(depot.charges(0) && depot.charges(1));
    depot.unplug(0).run(30);
    assert!(depot.charges(1), "one pulled plug does not stop the other");
    depot.unplug(1).run(30);
    let numbers: Vec<_> = depot.records().iter().map(|r| r.txn).collect();
    assert_eq!(numbers, [number(1), number(2)]);
    assert!(depot.records().iter().all(|r| r.vin == Some(BUS.parse().unwrap())));
}

#[test]
fn one_refusal_refuses_both() {
    let mut depot = fleet(pairs(), vec![]);
    depot.online();
    plugged(&mut depot);
    accept(&mut depot, 0);
    decide(&mut depot, 1, Decision::Refused(3));
    depot.run(2);
    assert_eq!(depot.disk.outcomes(number(1)), [StartOutcome::NotStarted(StopReason::PARTNER_FAILED)]);
    for gun in 0..2 {
        assert_eq!(depot.ordered(gun, &Order::Admit(Admission::Refused)), 1);
        assert_eq!((dual_starts(&depot, gun), depot.state(gun)), (0, ConnectorState::Plugged));
    }
    let mut depot = fleet(pairs(), vec![]);
    depot.online();
    plugged(&mut depot);
    decide(&mut depot, 1, Decision::Refused(3));
    let ticket = asked(&depot).into_iter().find(|(_, gun)| *gun == 1).unwrap().0;
    depot.run(1);
    assert!(depot.link.contains(&ToLink::Forget(ticket)), "nobody waits for the answer about the first");
    accept(&mut depot, 0);
    depot.run(5);
    assert!(!depot.charges(0));
    assert_eq!(depot.disk.outcomes(number(1)), [StartOutcome::NotStarted(StopReason::DECISION_LATE)]);
}

#[test]
fn two_buses_at_a_pair_of_guns_are_no_pair() {
    let mut depot = fleet(pairs(), vec![]);
    depot.online().plug(0).plug(1).names(0, Some(BUS)).names(1, Some(OTHER));
    depot.run(1);
    accept(&mut depot, 0);
    depot.run(5);
    assert!(depot.charges(0) && !depot.charges(1));
    assert_eq!(dual_starts(&depot, 0), 0);
    accept(&mut depot, 1);
    depot.run(5);
    depot.swipe(0, 4).run(2);
    depot.operator(OperatorOrder::Stop { connector: gun_id(0), by: "li".into() });
    depot.run(30);
    assert!(!depot.charges(0) && depot.charges(1));
}

#[test]
fn one_plug_alone_waits_for_nobody_and_a_silent_other_plug_is_not_waited_for_long() {
    let mut depot = fleet(pairs(), vec![]);
    depot.online().plug(0).names(0, Some(BUS));
    assert_eq!(asked(&depot).len(), 1, "nothing is plugged in beside it");
    let mut depot = fleet(pairs(), vec![]);
    depot.online().plug(1).plug(0).names(0, Some(BUS)).run(10);
    assert_eq!(asked(&depot).len(), 0);
    depot.run(6);
    assert_eq!(asked(&depot).len(), 1);
    accept(&mut depot, 0);
    depot.run(5);
    assert!(depot.charges(0));
    depot.names(1, Some(BUS)).run(1);
    accept(&mut depot, 1);
    depot.run(5);
    assert!(depot.charges(1), "it joins late");
    assert_eq!((dual_starts(&depot, 0), dual_starts(&depot, 1)), (0, 1));
}

#[test]
fn what_fails_before_charging_takes_the_other_along_and_what_fails_later_does_not() {
    let mut depot = fleet(pairs(), vec![]);
    depot.online();
    plugged(&mut depot);
    accept(&mut depot, 0);
    depot.store = Store::Slow;
    accept(&mut depot, 1);
    depot.field[1].state = ChargerState::Faulted;
    depot.poll(1);
    depot.settle();
    depot.release(true);
    depot.store = Store::AtOnce;
    while depot.held.is_some() {
        depot.release(true);
    }
    depot.run(60);
    assert_eq!(depot.disk.outcomes(number(1)), [StartOutcome::Failed(StopReason::PARTNER_FAILED)]);
    assert_eq!(depot.records().len(), 2);
    assert_eq!(depot.records().iter().map(|r| r.energy_total.0).sum::<i64>(), 0);

    let mut depot = fleet(pairs(), vec![]);
    depot.online();
    charging(&mut depot);
    depot.field[1].state = ChargerState::Faulted;
    depot.run(60);
    assert!(depot.charges(0));
    assert_eq!(depot.records().len(), 1);
}

#[test]
fn a_person_who_stops_one_plug_stops_both() {
    let mut depot = fleet(pairs(), vec![]);
    depot.online();
    charging(&mut depot);
    depot.operator(OperatorOrder::Stop { connector: gun_id(1), by: "li".into() });
    depot.run(30);
    let reasons: Vec<_> = depot.records().iter().map(|r| r.stop_reason).collect();
    assert_eq!(reasons, [StopReason::LOCAL_OPERATOR; 2]);
    let mut depot = fleet(pairs(), vec![]);
    depot.online();
    charging(&mut depot);
    depot.remote_stop(1, number(2));
    depot.run(30);
    assert!(depot.charges(0) && !depot.charges(1), "the platform stops what it names");
}

#[test]
fn a_pair_outlives_a_restart_and_an_identification_does_not() {
    let mut depot = fleet(pairs(), vec![]);
    depot.online();
    charging(&mut depot);
    let mut depot = depot.restart();
    depot.run(10);
    assert!(depot.charges(0) && depot.charges(1));
    depot.operator(OperatorOrder::Stop { connector: gun_id(0), by: "li".into() });
    depot.run(30);
    assert_eq!(depot.records().len(), 2);

    let mut depot = fleet(pairs(), vec![]);
    depot.online();
    plugged(&mut depot);
    accept(&mut depot, 0);
    let mut depot = depot.restart();
    depot.run(5);
    assert_eq!((depot.records().len(), depot.station.status(depot.now).open_sessions), (0, 0));
}

#[test]
fn without_the_platform_the_list_lets_both_plugs_charge_or_none() {
    let mut depot = fleet(pairs(), vec![bus(BUS)]);
    depot.plug(0).plug(1).names(0, Some(BUS)).names(1, Some(BUS)).run(5);
    assert!(depot.charges(0) && depot.charges(1));
    assert_eq!((dual_starts(&depot, 0), dual_starts(&depot, 1)), (1, 1));
    let mut config = pairs();
    config.offline.sessions_per_card = 1;
    let mut depot = fleet(config, vec![bus(BUS)]);
    depot.plug(0).plug(1).names(0, Some(BUS)).names(1, Some(BUS)).run(5);
    assert!(!depot.charges(0) && !depot.charges(1), "one of two is none");
    assert!(depot.disk.sessions.is_empty() && depot.disk.start_results.is_empty());
}

#[test]
fn the_link_that_goes_while_both_are_asked_about_leaves_it_to_the_list() {
    let mut depot = fleet(pairs(), vec![bus(BUS)]);
    depot.online();
    plugged(&mut depot);
    accept(&mut depot, 0);
    depot.says(FromLink::Offline).run(5);
    assert!(depot.charges(0) && depot.charges(1));
    let modes: Vec<_> = depot.disk.sessions.values().map(|s| s.state.contains("vin-offline")).collect();
    assert_eq!(modes.iter().filter(|offline| **offline).count(), 1);
}

#[test]
fn a_card_at_one_plug_ends_the_wait_of_the_other() {
    let mut depot = fleet(pairs(), vec![]);
    depot.online();
    plugged(&mut depot);
    accept(&mut depot, 0);
    depot.swipe(1, 1).run(2);
    assert_eq!(depot.disk.outcomes(number(1)), [StartOutcome::NotStarted(StopReason::PARTNER_FAILED)]);
    depot.accept(5).run(5);
    assert!(!depot.charges(0) && depot.charges(1));
}
