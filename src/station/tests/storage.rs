//! A disk that fails: new customers are refused, running sessions go on, what is owed is tried until it is kept.

use super::*;
use crate::model::message::StartOutcome;
use crate::model::stop::StopReason;

#[test]
fn an_opening_that_cannot_be_stored_is_refused_wherever_it_came_from() {
    let mut depot = Depot::supplied(1);
    depot.online().plug(0);
    depot.store = Store::Full;
    assert_eq!(depot.remote_start(0, 1), Some(Answer::RemoteStart(3)));
    assert_eq!(depot.refused(0), Some("storage failure"));
    assert!(depot.alarms().contains(&"0004".to_owned()));
    depot.store = Store::AtOnce;
    depot.run(40);
    assert!(!depot.alarms().contains(&"0004".to_owned()));
    assert_eq!(depot.remote_start(0, 1), Some(Answer::RemoteStart(0))); // judged afresh
}

#[test]
fn a_granted_start_that_cannot_be_stored_is_told_as_not_started() {
    let mut depot = Depot::supplied(1);
    depot.online().plug(0).swipe(0, 1);
    depot.store = Store::Full;
    depot.accept(1).run(20);
    assert!(!depot.charges(0) && depot.disk.start_results.is_empty());
    depot.store = Store::AtOnce;
    depot.run(40);
    assert_eq!(depot.disk.outcomes(number(1)), [StartOutcome::NotStarted(StopReason::STORAGE_FAILURE)]);
    assert_eq!(depot.orders.iter().filter(|(_, o)| matches!(o, Order::Start(_))).count(), 0);
}

#[test]
fn an_operator_is_told_that_the_store_failed() {
    let mut depot = Depot::supplied(1);
    depot.plug(0);
    depot.store = Store::Full;
    assert!(depot.operator(by_operator(0)).unwrap().unwrap_err().contains("stored"));
    assert!(depot.disk.sessions.is_empty());
}

#[test]
fn a_running_session_outlives_a_failing_store_and_its_record_is_kept_at_last() {
    let mut depot = Depot::supplied(1);
    depot.online().plug(0).swipe(0, 1).accept(1).run(30);
    depot.store = Store::Full;
    depot.run(120);
    assert!(depot.charges(0));
    depot.swipe(0, 1).run(120);
    assert!(!depot.charges(0) && depot.records().is_empty());
    assert_eq!(depot.state(0), ConnectorState::Stopping);
    depot.store = Store::AtOnce;
    depot.run(40);
    let [record] = depot.records()[..] else { panic!("{:?}", depot.records()) };
    assert_eq!((record.number, record.stop_reason), (1, StopReason::SAME_CARD));
}

#[test]
fn a_failed_batch_burns_no_record_number() {
    let mut depot = Depot::supplied(2);
    depot.online().plug(0).swipe(0, 1).accept(1).plug(1).swipe(1, 2).accept(2).run(30);
    depot.swipe(0, 1).swipe(1, 2);
    depot.store = Store::Full;
    depot.run(100);
    depot.store = Store::AtOnce;
    depot.run(60);
    let numbers: Vec<u64> = depot.records().iter().map(|r| r.number).collect();
    assert_eq!(numbers, [1, 2]);
}

#[test]
fn an_acknowledgement_that_cannot_be_stored_is_tried_again() {
    let mut depot = Depot::supplied(1);
    depot.charge_offline(0, 1).online();
    depot.store = Store::Full;
    depot.acknowledge(1).run(10);
    assert!(!depot.link.contains(&ToLink::Settled(EntryId { lane: Lane::Record, id: 1 })));
    depot.store = Store::AtOnce;
    depot.run(40);
    assert!(depot.link.contains(&ToLink::Settled(EntryId { lane: Lane::Record, id: 1 })));
}

#[test]
fn a_stop_is_obeyed_while_nothing_can_be_stored() {
    let mut depot = Depot::supplied(1);
    depot.online().plug(0).swipe(0, 1).accept(1).run(30);
    depot.store = Store::Full;
    assert_eq!(depot.remote_stop(0, number(1)), Some(Answer::RemoteStop(0)));
    assert!(!depot.charges(0));
}

#[test]
fn a_failure_at_any_batch_loses_no_record_and_no_answer() {
    for failing in 1..24 {
        let mut depot = Depot::supplied(1);
        depot.online().plug(0);
        depot.store = Store::Slow;
        let ticket = depot.command_of(pile(), Command::RemoteStart(start(0, 1)));
        let mut batches = 0;
        for second in 0..240 {
            while depot.held.is_some() {
                batches += 1;
                depot.release(batches != failing);
            }
            if second == 60 {
                depot.command_of(pile(), Command::RemoteStop { txn: number(0), connector: 1 });
            }
            depot.run(1);
        }
        let answer = depot.answer(ticket).expect("an answer");
        assert!(
            (1..=depot.tickets).all(|t| depot.answer(t).is_some()),
            "batch {failing}: a command without answer"
        );
        match answer {
            Answer::RemoteStart(0) => assert_eq!(depot.records().len(), 1, "batch {failing}"),
            Answer::RemoteStart(3) => assert!(failing == 1 && depot.records().is_empty()),
            other => panic!("batch {failing}: {other:?}"),
        }
    }
}

#[test]
fn a_wait_for_a_plug_that_cannot_be_stored_is_refused_and_judged_afresh() {
    let mut depot = Depot::supplied(1);
    depot.online();
    depot.store = Store::Full;
    assert_eq!(depot.remote_start(0, 1), Some(Answer::RemoteStart(3)));
    depot.store = Store::AtOnce;
    depot.run(40);
    assert_eq!(depot.remote_start(0, 1), Some(Answer::RemoteStart(5)));
    depot.plug(0).run(10);
    assert!(depot.charges(0));
}

#[test]
fn a_record_that_contradicts_the_store_is_kept_aside_with_an_alarm_and_blocks_nobody() {
    let mut depot = Depot::supplied(2);
    depot.online().plug(0).swipe(0, 1).accept(1).run(30);
    depot.contradicts = Some(number(1));
    depot.swipe(0, 1).run(60);
    assert_eq!(depot.state(0), ConnectorState::Stopping, "the record is owed: the gun is not free");
    assert!(depot.alarms().contains(&"0008".to_owned()) && !depot.alarms().contains(&"0004".to_owned()));
    let told = depot.disk.audit.iter().filter(|(_, what)| what.contains("kept aside")).count();
    assert_eq!(told, 1, "its content is in the audit, once");
    depot.plug(1).swipe(1, 2).accept(2).run(30);
    assert!(depot.charges(1), "another customer: {:?}", depot.told(1));
    depot.swipe(1, 2).run(1_300);
    assert_eq!(depot.records().iter().map(|r| (r.number, r.txn)).collect::<Vec<_>>(), [(1, number(2))]);
    depot.contradicts = None;
    depot.run(601);
    assert_eq!(depot.records().last().map(|r| (r.number, r.txn)), Some((2, number(1))));
    assert!(!depot.alarms().contains(&"0008".to_owned()), "{:?}", depot.alarms());
}

#[test]
fn a_start_that_contradicts_the_store_is_refused_and_those_beside_it_are_not() {
    let mut depot = Depot::supplied(3);
    depot.online().plug(0).plug(1).plug(2);
    depot.store = Store::Slow;
    let tickets: Vec<u64> =
        (0..3).map(|gun| depot.command_of(pile(), Command::RemoteStart(start(gun, gun as u8 + 1)))).collect();
    depot.contradicts = Some(number(2));
    while depot.held.is_some() {
        depot.release(true);
    }
    let answers: Vec<_> = tickets.iter().map(|ticket| depot.answer(*ticket)).collect();
    assert_eq!(answers, [0, 3, 0].map(|result| Some(Answer::RemoteStart(result))));
    assert!(!depot.alarms().contains(&"0004".to_owned()), "the disk is sound");
    assert!(!depot.disk.sessions.contains_key(&number(2)));
}

#[test]
fn a_record_kept_aside_is_a_session_to_recover_at_the_next_start() {
    let mut depot = Depot::supplied(1);
    depot.online().plug(0).swipe(0, 1).accept(1).run(30);
    depot.contradicts = Some(number(1));
    depot.swipe(0, 1).run(60);
    let mut depot = depot.restart();
    depot.run(60);
    assert_eq!(depot.records().iter().map(|r| r.txn).collect::<Vec<_>>(), [number(1)]);
}
