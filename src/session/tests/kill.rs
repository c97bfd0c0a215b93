//! The controller dies instead of each single action, in each way, and comes back.

use super::world::{Cut, World};
use crate::model::quantity::Energy;
use crate::model::record::flag;
use crate::model::stop::StopReason;

/// A charge of a minute and a half, ended by its card.
fn day(world: &mut World) {
    world.run(90_000);
    if world.session.is_some() && !world.is_over() {
        world.stop(StopReason::SAME_CARD);
    }
    world.run_until_over(60_000);
}

#[test]
fn a_plain_day_ends_in_one_record_that_bills_what_was_delivered() {
    let mut world = World::plain();
    day(&mut world);
    world.judge(true);
    let record = &world.records[0];
    assert_eq!((record.stop_reason, record.flags), (StopReason::SAME_CARD, 0));
    assert!(record.energy_total >= Energy(20_000));
    assert!((world.delivered() - record.energy_total).0.abs() <= 1);
}

#[test]
fn killed_at_every_action_each_session_ends_in_exactly_one_record() {
    let mut plain = World::plain();
    day(&mut plain);
    assert!(plain.actions > 15, "{}", plain.actions);
    let mut adopted = 0;
    // The first action is the save of the opening: what dies instead of it never was.
    for at in 2..=plain.actions {
        for (power, durable, off_ms) in
            [(true, true, 5_000), (true, false, 900_000), (false, true, 5_000), (false, false, 60_000)]
        {
            let mut world = World::plain();
            world.die_at = Some(at);
            day(&mut world);
            assert!(world.session.is_none(), "action {at} was reached");
            world.cut(Cut { power, durable, off_ms });
            world.run(30_000);
            let charges = world.state == crate::model::report::ChargerState::Charging;
            adopted += u32::from(charges && !world.is_over());
            world.stop(StopReason::SAME_CARD);
            world.run_until_over(400_000);
            if world.durable.is_some() {
                world.judge(true);
                let record = &world.records[0];
                if power && world.started {
                    let interrupted = record.flags & flag::POWER_LOSS != 0;
                    let ended_before = record.stop_reason == StopReason::SAME_CARD;
                    assert!(interrupted || ended_before, "action {at}: {record:#?}");
                }
            } else {
                assert!(!world.started && world.records.is_empty());
            }
        }
    }
    assert!(adopted > 10, "{adopted}");
}

#[test]
fn killed_again_and_again_it_stays_one_session() {
    for every_ms in [700, 2_300, 7_100, 31_000] {
        let mut world = World::plain();
        for cut in 0_u64..12 {
            world.run(every_ms);
            world.cut(Cut { power: false, durable: cut.is_multiple_of(2), off_ms: 2_000 });
        }
        world.run(10_000);
        world.stop(StopReason::SAME_CARD);
        world.run_until_over(400_000);
        world.judge(true);
    }
}
