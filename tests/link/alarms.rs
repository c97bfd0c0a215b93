//! Alarms over the link: the list after login, events after the list, and what the platform refuses to know.

use crate::world::{World, config};
use depotd::model::message::{EntryId, FromLink, Lane, ToLink, Verdict};
use depotd::sim::platform::{Fault, Order};

fn taken(world: &World, event: u64) -> usize {
    let id = EntryId { lane: Lane::Alarm, id: event };
    world.count(|m| *m == FromLink::Acknowledged(id, Verdict::Taken))
}

fn refused(world: &World, event: u64) -> usize {
    let id = EntryId { lane: Lane::Alarm, id: event };
    world.count(|m| *m == FromLink::Acknowledged(id, Verdict::Refused(0xFF)))
}

#[test]
fn after_a_login_comes_the_whole_list_and_then_what_was_stored() {
    let mut world = World::new(config());
    world.refuse_connections = true;
    world.run(10);
    (1..=300).for_each(|id| world.alarm(id, true, true));
    (1..=20).for_each(|id| world.alarm(id, false, true));
    world.refuse_connections = false;
    world.run(60);
    world.assert_no_complaint();
    assert_eq!(world.platform.open_alarms().count(), 280, "three parts and 320 events");
    assert_eq!(world.count(|m| *m == FromLink::AlarmsTold(true)), 1);
    assert!(world.store.is_empty());
}

#[test]
fn what_is_raised_and_over_while_online_alternates_and_an_interrogation_tells_the_same() {
    let mut world = World::new(config());
    world.run(10);
    world.alarm(1, true, false);
    world.alarm(2, true, false);
    world.run(2);
    world.alarm(1, false, false);
    world.run(2);
    let from_events: Vec<u64> = world.platform.open_alarms().map(|(id, _)| id).collect();
    world.step_link(depotd::link::Event::Station(ToLink::TellAlarms));
    world.run(2);
    world.assert_no_complaint();
    assert_eq!(world.platform.open_alarms().map(|(id, _)| id).collect::<Vec<_>>(), from_events);
    assert_eq!(world.count(|m| *m == FromLink::AlarmsTold(true)), 2, "after the login, and now");
}

#[test]
fn an_event_that_the_platform_refuses_to_know_is_offered_once_more_at_the_next_login() {
    let mut world = World::new(config());
    world.run(10);
    world.order(Order::NotSupported([0x0401].into()));
    world.alarm(1, true, false);
    world.run(400);
    assert_eq!(refused(&world, 1), 1, "not in this connection");
    world.order(Order::Cut);
    world.run(20);
    assert_eq!(refused(&world, 1), 2, "once more at the next login");
    world.order(Order::NotSupported([].into()));
    world.order(Order::Cut);
    world.run(20);
    assert_eq!((refused(&world, 1), taken(&world, 1)), (2, 0), "the second refusal is the last word");
    world.assert_no_complaint();
}

#[test]
fn a_raise_that_was_refused_is_not_offered_after_its_clear() {
    let mut world = World::new(config());
    world.run(10);
    world.order(Order::NotSupported([0x0401].into()));
    world.alarm(1, true, false);
    world.run(2);
    world.order(Order::NotSupported([].into()));
    world.alarm(1, false, false);
    world.run(2);
    assert_eq!((taken(&world, 1), taken(&world, 2)), (1, 1), "with its clear the raise is settled, too");
    world.order(Order::Cut);
    world.run(20);
    assert_eq!(world.platform.open_alarms().count(), 0);
}

#[test]
fn a_platform_without_open_alarms_does_not_hold_up_the_order() {
    let mut world = World::new(config());
    world.order(Order::NotSupported([0x0402].into()));
    world.run(20);
    assert_eq!(world.count(|m| *m == FromLink::AlarmsTold(false)), 1);
    assert_eq!(world.count(|m| matches!(m, FromLink::Ready)), 1);
}

#[test]
fn open_alarms_that_nobody_answers_are_told_again_as_they_are_by_then() {
    let mut world = World::new(config());
    world.run(10);
    world.alarm(1, true, false);
    world.run(2);
    world.order(Order::Fault(Fault::DropReply, 6));
    world.step_link(depotd::link::Event::Station(ToLink::TellAlarms));
    world.run(60);
    world.alarm(2, true, false);
    world.run(10);
    assert_eq!(world.count(|m| *m == FromLink::AlarmsTold(true)), 1, "at the login");
    assert_eq!(taken(&world, 2), 1, "an unanswered list holds nothing up");
    world.run(300);
    assert_eq!(world.count(|m| *m == FromLink::AlarmsTold(true)), 2);
    assert_eq!(world.platform.open_alarms().count(), 2);
    world.assert_no_complaint();
}
