//! Devices and adapters that come and go.

use super::bench::*;
use crate::bus::{Config, LineState};
use crate::driver::{Class, Timing};
use crate::model::report::{LinkState, OrderFault};
use crate::model::request::Order;
use crate::model::time::{Instant, Now};
use std::cell::Cell;

/// All answer after 10 ms but one, which lives as long as the cell says.
fn all_but<'a>(dead: u8, lives: &'a Cell<bool>) -> Slaves<'a> {
    Box::new(move |asked, question| match question[0] == dead && !lives.get() {
        true => Vec::new(),
        false => vec![(asked + ms(10), answer(question))],
    })
}

fn sixteen() -> Vec<Script> {
    let group = |address| Group { due: at_ms(u64::from(address) * 60), ..live(ms(1_000)) };
    (1..=16).map(|address| Script::new(address, vec![group(address)])).collect()
}

fn now(bench: &Bench<'_>) -> Now {
    Now { mono: bench.now, ..Now::default() }
}

#[test]
fn a_silent_device_costs_one_time_out_per_probe_and_the_others_keep_their_cadence() {
    let lives = Cell::new(false);
    let mut bench = Bench::new(Config::default(), sixteen(), all_but(7, &lives));
    bench.run_to(at_ms(120_200));
    for address in (1..=16).filter(|address| *address != 7) {
        assert!(bench.asked(address).len() >= 114, "{address}: {} of 120", bench.asked(address).len());
    }
    let silent = *bench.link_changes(7).last().unwrap();
    assert_eq!(silent.1, LinkState::Silent);
    assert!(silent.0 < at_ms(15_000), "{silent:?}");
    let probes: Vec<Instant> = bench.asked(7).into_iter().filter(|at| *at > silent.0).collect();
    assert!(probes.windows(2).all(|pair| pair[1].since(pair[0]) <= ms(10_000)), "{probes:?}");
    assert!((10..=18).contains(&probes.len()), "{}", probes.len());
    for probe in probes {
        let next = bench.written.iter().find(|(at, _)| *at > probe).unwrap();
        assert_ne!(next.1[0], 7, "never repeated");
        let lost = next.0.since(probe);
        assert!(lost <= ms(400 + 150 + 130), "one time-out and its quarantine, {lost:?}");
    }
}

/// Slaves 9 to 16 are dead for as long as the cell says so.
fn half<'a>(lives: &'a Cell<bool>, delay: u64) -> Slaves<'a> {
    Box::new(move |asked, question| match question[0] > 8 && !lives.get() {
        true => Vec::new(),
        false => vec![(asked + ms(delay), answer(question))],
    })
}

/// Sixteen devices of a period, one after the other.
fn spread(period_ms: u64, timing: Timing) -> Vec<Script> {
    let group = |address| Group { due: at_ms(u64::from(address) * period_ms / 16), ..live(ms(period_ms)) };
    (1..=16).map(|address| Script::new(address, vec![group(address)]).with(timing)).collect()
}

/// As meters of DL/T 645 have it.
fn slow_to_answer() -> Timing {
    Timing {
        reply: ms(800),
        floor: ms(500),
        ceiling: ms(2_000),
        inter_octet: ms(200),
        turnaround: ms(30),
        ..timing()
    }
}

#[test]
fn with_half_of_sixteen_silent_the_others_keep_their_cadence_and_the_dead_are_probed_each_ten_seconds() {
    let modbus = (Config::default(), timing(), 1_000, 10, 10_000);
    // eight probes of meters take 8.4 s with their time-outs, the living ones half of the line: it has no room for 10 s
    let slow = Config { baud: 2_400, bits: 11, ..Config::default() };
    let meters = (slow, slow_to_answer(), 5_000, 100, 15_000);
    for (config, timing, period_ms, delay_ms, widest_ms) in [modbus, meters] {
        let lives = Cell::new(false);
        let mut bench = Bench::new(config, spread(period_ms, timing), half(&lives, delay_ms));
        bench.run_to(at_ms(180_000));
        assert!((9..=16).all(|d| *bench.links(d).last().unwrap() == LinkState::Silent));
        bench.run_to(at_ms(480_000));
        for device in 1..=8 {
            let polls = bench.valued(device).filter(|(at, _)| *at > at_ms(180_000)).count() as u64;
            assert!(polls * 100 >= 95 * 300_000 / period_ms, "{device}: {polls} of {}", 300_000 / period_ms);
        }
        for device in 9..=16 {
            let probes: Vec<Instant> =
                bench.asked(device).into_iter().filter(|at| *at > at_ms(180_000)).collect();
            let widest = probes.windows(2).map(|pair| pair[1].since(pair[0])).max().unwrap();
            assert!(widest <= ms(widest_ms), "{device}: {widest:?}");
        }
        lives.set(true);
        bench.run_to(at_ms(480_000 + widest_ms + 2 * period_ms));
        for device in 9..=16_u16 {
            let good = bench.link_changes(device).last().copied().unwrap();
            assert_eq!(good.1, LinkState::Good, "{device}");
            let first = bench.asked(device as u8).into_iter().find(|at| *at > at_ms(480_000)).unwrap();
            assert!(good.0.since(first) < ms(period_ms / 2), "{device}: at its first probe");
            let values = bench.valued(device).filter(|(at, _)| *at >= good.0).count();
            assert!(values >= 2, "{device}: live within two cycles");
        }
        assert_eq!(bench.wrong_values(), 0);
    }
}

#[test]
fn a_device_is_live_again_at_its_first_answered_probe() {
    let lives = Cell::new(false);
    let mut bench = Bench::new(Config::default(), sixteen(), all_but(7, &lives));
    bench.run_to(at_ms(60_000));
    assert_eq!(bench.links(7), [LinkState::Degraded, LinkState::Silent]);
    lives.set(true);
    let probes = bench.asked(7).len();
    bench.run_to(at_ms(70_100));
    assert_eq!(bench.links(7), [LinkState::Degraded, LinkState::Silent, LinkState::Good]);
    let good = bench.link_changes(7)[2].0;
    let next = bench.asked(7)[probes..].to_vec();
    assert!(good.since(next[0]) < ms(30), "at the first probe");
    assert!(next[1].since(next[0]) < ms(1_000), "and polled at once");
}

#[test]
fn a_command_goes_through_to_a_silent_device() {
    let lives = Cell::new(false);
    let mut bench = Bench::new(Config::default(), sixteen(), all_but(7, &lives));
    bench.run_to(at_ms(60_000));
    lives.set(true);
    bench.order(7, 1, Order::Stop);
    bench.run_to(at_ms(61_700));
    assert_eq!(bench.done(), [(1, Ok(()))]);
    assert_eq!(*bench.links(7).last().unwrap(), LinkState::Good);
}

#[test]
fn a_register_that_is_wanted_of_a_silent_device_is_tried_once_and_at_once() {
    let lives = Cell::new(false);
    let mut bench = Bench::new(Config::default(), sixteen(), all_but(7, &lives));
    bench.run_to(at_ms(60_000));
    let before = bench.asked(7).len();
    bench.order(7, 1, Order::ReadRegister);
    bench.run_to(at_ms(62_500));
    assert_eq!(bench.done(), [(1, Err(OrderFault::Silent))]);
    assert!(bench.asked(7).len() - before <= 2);
}

#[test]
fn a_failed_question_is_repeated_with_identical_octets_as_often_as_it_says() {
    let groups = vec![Group { class: Class::Billing, period: ms(60_000), due: Instant(0), tries: 3 }];
    let mut bench = Bench::new(Config::default(), vec![Script::new(1, groups)], Box::new(|_, _| Vec::new()));
    bench.run_to(at_ms(30_000));
    assert_eq!(bench.written.len(), 3);
    assert!(bench.written.iter().all(|(_, octets)| *octets == bench.written[0].1));
    let counters = bench.line.status(now(&bench)).counters;
    assert_eq!((counters.sent, counters.retries, counters.timeouts, counters.unanswered), (3, 2, 3, 1));
}

#[test]
fn the_second_try_is_taken_and_nothing_failed() {
    let mut lost = true;
    let slaves: Slaves<'_> = Box::new(move |asked, question| {
        lost = !lost;
        if lost { vec![(asked + ms(10), answer(question))] } else { Vec::new() }
    });
    let mut bench = Bench::new(Config::default(), vec![Script::new(1, vec![live(ms(4_000))])], slaves);
    bench.run_to(at_ms(40_000));
    assert_eq!(bench.links(1), [LinkState::Good]);
    assert!(bench.values(1).len() >= 9 && bench.wrong_values() == 0);
}

#[test]
fn the_time_out_follows_the_device() {
    let delay = Cell::new(ms(20));
    let slaves: Slaves<'_> = Box::new(|asked, question| vec![(asked + delay.get(), answer(question))]);
    let mut bench = Bench::new(Config::default(), vec![Script::new(1, vec![live(ms(1_000))])], slaves);
    let timeout_ms = |bench: &Bench<'_>| bench.line.status(now(bench)).devices[0].timeout_ms;
    assert_eq!(timeout_ms(&bench), 400);
    bench.run_to(at_ms(10_000));
    assert!((80..90).contains(&timeout_ms(&bench)), "{}", timeout_ms(&bench));
    delay.set(ms(300));
    bench.run_to(at_ms(30_000));
    assert!((450..=1_000).contains(&timeout_ms(&bench)), "{}", timeout_ms(&bench));
    let counters = bench.line.status(now(&bench)).counters;
    assert!(counters.unanswered <= 2 && counters.timeouts <= 4, "{counters:?}");
    assert_eq!(bench.wrong_values(), 0);
}

#[test]
fn a_busy_device_is_asked_again_soon_and_has_not_failed() {
    let mut asked_before = 0;
    let slaves: Slaves<'_> = Box::new(move |asked, question| {
        asked_before += 1;
        let octets = if asked_before <= 4 { busy(question) } else { answer(question) };
        vec![(asked + ms(10), octets)]
    });
    let mut bench = Bench::new(Config::default(), vec![Script::new(1, vec![live(ms(50))])], slaves);
    bench.run_to(at_ms(3_000));
    let waits: Vec<u64> = bench
        .asked(1)
        .windows(2)
        .take(4)
        .map(|pair| pair[1].since(pair[0]).as_millis() as u64 / 100)
        .collect();
    assert_eq!(waits, [1, 2, 4, 8], "doubled while it stays busy, at most a second");
    assert_eq!(bench.links(1), [LinkState::Good]);
    assert_eq!(bench.line.status(now(&bench)).counters.busy, 4);
}

#[test]
fn a_pulled_adapter_is_opened_again_and_everything_goes_on() {
    let mut bench = Bench::new(Config::default(), sixteen(), answering(ms(10)));
    bench.run_to(at_ms(10_005));
    bench.unplug();
    assert_eq!(*bench.links(3).last().unwrap(), LinkState::Silent);
    bench.order(3, 1, Order::Stop);
    bench.order(3, 2, Order::ReadRegister);
    bench.run_to(at_ms(30_000));
    assert_eq!(bench.done(), [(1, Err(OrderFault::Silent)), (2, Err(OrderFault::Silent))]);
    assert_eq!(bench.line.status(now(&bench)).state, LineState::Closed);
    let waits: Vec<u64> =
        bench.opened.windows(2).map(|pair| pair[1].since(pair[0]).as_millis() as u64).collect();
    assert_eq!(waits[1..], [2_000, 4_000, 8_000], "after 1, 2, 4, 8 s");
    bench.is_plugged = true;
    bench.run_to(at_ms(45_000));
    for address in 1..=16 {
        assert_eq!(bench.links(address), [LinkState::Good, LinkState::Silent, LinkState::Good]);
    }
    assert_eq!(bench.wrong_values(), 0);
    assert_eq!(bench.line.status(now(&bench)).state, LineState::Open);
}

#[test]
fn a_write_that_fails_is_a_lost_port() {
    let mut bench = Bench::new(Config::default(), sixteen(), answering(ms(10)));
    bench.run_to(at_ms(5_000));
    bench.is_plugged = false;
    bench.run_to(at_ms(6_000));
    bench.is_plugged = true;
    bench.run_to(at_ms(10_000));
    assert!(bench.line.status(now(&bench)).lost >= 1);
    assert_eq!(bench.line.status(now(&bench)).state, LineState::Open);
    assert_eq!(*bench.links(16).last().unwrap(), LinkState::Good);
}

#[test]
fn a_line_on_which_nobody_is_heard_is_reopened_once_and_then_each_five_minutes() {
    let mut bench = Bench::new(Config::default(), sixteen(), Box::new(|_, _| Vec::new()));
    bench.run_to(at_ms(700_000));
    let status = bench.line.status(now(&bench));
    assert_eq!((status.state, status.mute), (LineState::Mute, 1));
    let opened: Vec<u64> = bench.opened.iter().map(|at| at.0 / 1_000_000).collect();
    assert_eq!(opened.len(), 4, "{opened:?}");
    assert!((30..=34).contains(&opened[1]) && (330..=345).contains(&opened[2]), "{opened:?}");
}

#[test]
fn the_port_is_never_reopened_for_one_dead_device() {
    let lives = Cell::new(false);
    let mut bench = Bench::new(Config::default(), sixteen(), all_but(7, &lives));
    bench.run_to(at_ms(400_000));
    assert_eq!(bench.opened.len(), 1);
    assert_eq!(bench.line.status(now(&bench)).state, LineState::Open);
}

#[test]
fn a_slow_poll_of_a_dead_device_does_not_block_a_command_to_another() {
    let lives = Cell::new(false);
    let timing = Timing { silent_after: 200, ..timing() };
    let groups = vec![Group { class: Class::Billing, period: ms(0), due: Instant(0), tries: 3 }];
    let dead = Script::new(7, groups).with(timing);
    let mut bench = Bench::new(Config::default(), vec![dead, Script::new(1, Vec::new())], all_but(7, &lives));
    bench.run_to(at_ms(210));
    bench.order(1, 1, Order::Stop);
    bench.run_to(at_ms(210 + 400 + 150 + 40));
    assert_eq!(bench.done(), [(1, Ok(()))], "it goes between the repeats of the other");
}
