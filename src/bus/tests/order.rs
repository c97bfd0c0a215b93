//! Turns and silences.

use super::bench::*;
use crate::bus::{Action, Config, Event, Line, LineState};
use crate::driver::{Class, Driver, Heard, PlannedQuestion, Question, Timing, Want};
use crate::model::ident::DeviceId;
use crate::model::report::{LinkState, OrderFault, OrderId, Report};
use crate::model::request::{Order, Request};
use crate::model::time::{Instant, Now};
use crate::wire::Cut;
use std::time::Duration;

const SETTLED: Instant = Instant(200_000);

fn group(class: Class, period_ms: u64) -> Group {
    Group { class, period: ms(period_ms), due: Instant(0), tries: 1 }
}

#[test]
fn commands_go_before_billing_reads_before_live_values_before_slow_values() {
    let classes = [Class::Slow, Class::Live, Class::Billing, Class::Command];
    let scripts = (1..).zip(classes).map(|(address, class)| Script::new(address, vec![group(class, 60_000)]));
    let mut bench = Bench::new(Config::default(), scripts.collect(), answering(ms(5)));
    bench.run_to(at_ms(1_000));
    let order: Vec<u8> = bench.written.iter().map(|(_, octets)| octets[0]).collect();
    assert_eq!(order, [4, 3, 2, 1]);
}

#[test]
fn an_order_overtakes_every_poll_that_has_not_begun() {
    let scripts = (1..=4).map(|address| Script::new(address, vec![live(ms(1))])).collect();
    let mut bench = Bench::new(Config::default(), scripts, answering(ms(5)));
    bench.run_to(at_ms(2_000));
    let before = bench.written.len();
    bench.order(3, 9, Order::Stop);
    bench.run_to(at_ms(2_100));
    assert!(bench.written[before].1[..2] == [3, WRITE], "the next question is the order");
    assert_eq!(bench.done(), [(9, Ok(()))]);
}

#[test]
fn one_turn_in_thirty_two_is_slow_however_much_else_is_due() {
    let scripts = vec![
        Script::new(1, vec![group(Class::Command, 0)]),
        Script::new(2, vec![group(Class::Billing, 0)]),
        Script::new(3, vec![group(Class::Slow, 0)]),
    ];
    let mut bench = Bench::new(Config::default(), scripts, answering(ms(5)));
    bench.run_to(at_ms(20_000));
    let slow: Vec<usize> = (0..bench.written.len()).filter(|at| bench.written[*at].1[0] == 3).collect();
    assert!(slow.len() > 10);
    assert!(slow.windows(2).all(|pair| pair[1] - pair[0] == 32), "{slow:?}");
    assert_eq!(bench.asked(2).len(), 0, "otherwise classes are strict");
}

#[test]
fn a_chatty_device_goes_round_with_the_others() {
    let scripts = vec![
        Script::new(1, vec![live(ms(0))]),
        Script::new(2, vec![live(ms(0))]),
        Script::new(3, vec![live(ms(0)), live(ms(0)), live(ms(0))]),
    ];
    let mut bench = Bench::new(Config::default(), scripts, answering(ms(5)));
    bench.run_to(at_ms(5_000));
    let asked: Vec<usize> = (1..=3).map(|address| bench.asked(address).len()).collect();
    assert!(asked.iter().max().unwrap() - asked.iter().min().unwrap() <= 1, "{asked:?}");
}

#[test]
fn the_longest_due_of_a_class_goes_first() {
    let due = |address, due_ms| {
        Script::new(address, vec![Group { due: at_ms(due_ms), ..group(Class::Live, 60_000) }])
    };
    let scripts = vec![due(1, 150), due(2, 100), due(3, 120)];
    let mut bench = Bench::new(Config::default(), scripts, answering(ms(5)));
    bench.run_to(at_ms(1_000));
    let order: Vec<u8> = bench.written.iter().map(|(_, octets)| octets[0]).collect();
    assert_eq!(order, [2, 3, 1]);
}

#[test]
fn no_question_is_asked_while_another_is_open() {
    let scripts = (1..=8).map(|address| Script::new(address, vec![live(ms(10))])).collect();
    let mut bench = Bench::new(Config::default(), scripts, answering(ms(30)));
    bench.run_to(at_ms(5_000));
    // 6 + 7 octets at 9600 8N1, 30 ms of the device, 5 ms of turnaround.
    let shortest = Duration::from_micros(6_250 + 7_291 + 30_000 + 5_000);
    assert!(bench.written.len() > 80);
    assert!(bench.written.windows(2).all(|pair| pair[1].0.since(pair[0].0) >= shortest));
}

/// The silence between the end of an answer and the next question, and how long the first exchange takes.
fn silence(config: Config, timing: Timing, devices: u8) -> Duration {
    let script = |address| Script::new(address, vec![live(ms(0))]).with(timing);
    let mut bench = Bench::new(config, (1..=devices).map(script).collect(), answering(ms(20)));
    bench.run_to(at_ms(3_000));
    let answered: Vec<Instant> =
        (1..=devices).flat_map(|d| bench.valued(d.into()).map(|(at, _)| at)).collect();
    let mut gaps = bench.written[1..].iter().map(|(at, _)| {
        let last = answered.iter().filter(|answered| **answered < *at).max().unwrap();
        at.since(*last)
    });
    let gap = gaps.next().unwrap();
    assert!(gaps.all(|other| other == gap), "every gap is the same");
    gap
}

#[test]
fn the_gap_is_what_the_rate_demands_to_the_microsecond() {
    let timing = Timing { turnaround: Duration::ZERO, ..timing() };
    for (baud, bits, gap_us) in [
        (1200, 11, 32_084),
        (2400, 11, 16_042),
        (4800, 11, 8_021),
        (9600, 10, 4_011),
        (19_200, 10, 2_006),
        (38_400, 10, 1_750),
        (115_200, 10, 1_750),
    ] {
        let config = Config { baud, bits, ..Config::default() };
        assert_eq!(silence(config, timing, 1), Duration::from_micros(gap_us), "{baud} baud");
    }
}

#[test]
fn turnaround_and_switch_of_device_lengthen_the_gap() {
    let timing = Timing { turnaround: ms(30), after_switch: ms(120), ..timing() };
    assert_eq!(silence(Config::default(), timing, 1), ms(30));
    assert_eq!(silence(Config::default(), timing, 2), ms(120));
}

#[test]
fn the_wire_is_used_to_ninety_seven_percent_of_what_gaps_and_devices_leave() {
    for (baud, bits) in [(2400, 11), (9600, 10), (19_200, 10), (115_200, 10)] {
        let config = Config { baud, bits, ..Config::default() };
        let scripts = (1..=8).map(|address| Script::new(address, vec![live(ms(0))])).collect();
        let mut bench = Bench::new(config, scripts, answering(ms(5)));
        bench.run_to(at_ms(60_200));
        let gap = (38_500_000 / u64::from(baud)).max(5_000);
        let one_us = 13 * u64::from(bits) * 1_000_000 / u64::from(baud) + 5_000 + gap;
        let best = 60_000_000 / one_us;
        let polls = bench.written.len() as u64;
        assert!(polls * 1_000 >= best * 999, "{baud}: {polls} of {best}");
    }
}

#[test]
fn polls_that_come_too_late_by_their_own_period_are_counted_and_not_queued() {
    let scripts = (1..=20).map(|address| Script::new(address, vec![live(ms(100))])).collect();
    let mut bench = Bench::new(Config::default(), scripts, answering(ms(20)));
    bench.run_to(at_ms(10_000));
    let status = bench.line.status(Now { mono: bench.now, ..Now::default() });
    assert!(status.counters.overruns > 200, "{status:?}");
    assert!(status.use_permille > 200 && status.polls_per_minute > 0, "{status:?}");
    assert!(status.planned_permille > 1_000, "the plan said so: {}", status.planned_permille);
}

#[test]
fn an_order_to_nobody_is_answered_at_once() {
    let mut line = Line::new(Config::default(), Vec::new(), 1);
    let request = Request { order: OrderId(5), what: Order::Stop };
    let actions = line.handle(Now::default(), Event::Tell(DeviceId(77), request));
    let refused = Report::Done(OrderId(5), Err(OrderFault::Unsupported));
    assert!(actions.contains(&Action::Report(DeviceId(77), refused)), "{actions:?}");
}

#[test]
fn a_line_opens_settles_discards_and_asks() {
    let mut bench =
        Bench::new(Config::default(), vec![Script::new(1, vec![live(ms(100))])], answering(ms(5)));
    bench.run_to(at_ms(400));
    assert_eq!(bench.opened, [Instant(0)]);
    assert_eq!(bench.asked(1), [SETTLED, at_ms(300), at_ms(400)]);
    assert_eq!(bench.links(1), [LinkState::Good]);
    let status = bench.line.status(Now { mono: bench.now, ..Now::default() });
    assert_eq!((status.state, status.opened), (LineState::Open, 1));
    assert!(serde_json::to_string(&status).unwrap().contains("\"link\":\"good\""));
}

/// Tells a group of devices something each second, which nobody answers.
struct Broadcast(Instant);

impl Driver for Broadcast {
    fn wants(&self) -> Option<Want> {
        Some(Want { class: Class::Slow, due: self.0 })
    }

    fn ask(&mut self, now: Now) -> Option<Question> {
        self.0 = now.mono + ms(1_000);
        Some(Question { octets: vec![0; 48], class: Class::Slow, kind: 0, expects_reply: false, tries: 3 })
    }

    fn probe(&mut self, _: Now) -> Question {
        panic!("it is never silent")
    }

    fn cut(&self, _: &[u8]) -> Cut {
        panic!("nothing is expected")
    }

    fn hear(&mut self, _: Now, _: &[u8]) -> Heard {
        panic!("nothing is expected")
    }

    fn unanswered(&mut self, _: Now) -> Vec<Report> {
        panic!("nothing is expected")
    }

    fn tell(&mut self, _: Now, _: Request) -> Vec<Report> {
        Vec::new()
    }

    fn timing(&self) -> Timing {
        timing()
    }

    fn load(&self) -> Vec<PlannedQuestion> {
        Vec::new()
    }
}

#[test]
fn a_broadcast_takes_its_wire_time_and_a_gap_and_nothing_else() {
    let asking = Script::new(1, vec![Group { due: at_ms(201), ..live(ms(1_000)) }]);
    let devices: Vec<(DeviceId, Box<dyn Driver>)> =
        vec![(DeviceId(0), Box::new(Broadcast(Instant(0)))), (DeviceId(1), Box::new(asking))];
    let mut bench = Bench::new(Config::default(), Vec::new(), answering(ms(5)));
    bench.slaves = Box::new(|asked, octets| match octets[0] {
        0 => Vec::new(),
        _ => vec![(asked + ms(5), answer(octets))],
    });
    bench.line = Line::new(Config::default(), devices, 1);
    bench.run_to(at_ms(900));
    let sent: Vec<(Instant, usize)> = bench.written.iter().map(|(at, octets)| (*at, octets.len())).collect();
    assert_eq!(sent, [(SETTLED, 48), (SETTLED + ms(50 + 5), 6)]);
}

#[test]
fn early_late_and_needless_wake_ups_change_nothing() {
    let scripts = || (1..=3).map(|address| Script::new(address, vec![live(ms(200))])).collect();
    let mut calm = Bench::new(Config::default(), scripts(), answering(ms(20)));
    calm.run_to(at_ms(3_000));
    let mut nervous = Bench::new(Config::default(), scripts(), answering(ms(20)));
    for step in 0..30_000 {
        nervous.run_to(Instant(step * 100));
        nervous.event(Event::Woke);
    }
    nervous.run_to(at_ms(3_000));
    assert_eq!(calm.written, nervous.written);
    assert_eq!(calm.reports, nervous.reports);
}
