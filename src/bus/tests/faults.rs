//! Octets that should not be there.

use super::bench::*;
use crate::bus::{Config, Counters};
use crate::model::ident::DeviceId;
use crate::model::report::LinkState;
use crate::model::request::Order;
use crate::model::time::{Instant, Now};

fn one() -> Vec<Script> {
    vec![Script::new(1, vec![live(ms(100))])]
}

/// Runs ten seconds of one device polled each 100 ms; every poll must succeed.
fn healthy(mut bench: Bench<'_>) -> Counters {
    bench.run_to(at_ms(10_200));
    assert!(bench.values(1).len() >= 98, "{}", bench.values(1).len());
    assert_eq!(bench.wrong_values(), 0);
    assert_eq!(bench.links(1), [LinkState::Good]);
    bench.line.status(Now { mono: bench.now, ..Now::default() }).counters
}

#[test]
fn stray_octets_around_answers_cost_nothing() {
    let slaves: Slaves<'_> = Box::new(|asked, question| {
        let octets = [&[0, 0], &answer(question)[..], &[0]].concat();
        vec![(asked + ms(10), octets)]
    });
    let counters = healthy(Bench::new(Config::default(), one(), slaves));
    assert_eq!(counters.timeouts, 0);
    assert!(counters.noise_octets >= 196, "{counters:?}");
}

#[test]
fn noise_that_looks_like_the_begin_of_a_frame_costs_octets_and_not_the_answer() {
    // Address 1, function 3, a good length: a frame of seven octets may begin here and swallows the true one's begin.
    let slaves: Slaves<'_> = Box::new(|asked, question| {
        let octets = [&[1, 3, 2], &answer(question)[..]].concat();
        vec![(asked + ms(10), octets)]
    });
    let counters = healthy(Bench::new(Config::default(), one(), slaves));
    assert_eq!((counters.timeouts, counters.noise_octets / 3), (0, counters.answered));
}

#[test]
fn a_frame_that_ends_short_is_searched_for_one_inside_before_it_is_given_up() {
    // A stray octet before "busy" of device 3 looks like the begin of a frame of seven octets; only six come.
    let mut asked_before = 0;
    let slaves: Slaves<'_> = Box::new(move |asked, question| {
        asked_before += 1;
        let inside = [&[1], &busy(question)[..]].concat();
        vec![(asked + ms(5), if asked_before % 2 == 1 { inside } else { answer(question) })]
    });
    let mut bench = Bench::new(Config::default(), vec![Script::new(3, vec![live(ms(100))])], slaves);
    bench.run_to(at_ms(5_000));
    let counters = bench.line.status(Now { mono: bench.now, ..Now::default() }).counters;
    assert!(counters.busy > 10 && counters.timeouts == 0, "{counters:?}");
}

#[test]
fn answers_arrive_octet_by_octet_or_in_any_pieces() {
    for piece in [1, 2, 3, 5, 7, 64] {
        let mut bench = Bench::new(Config::default(), one(), answering(ms(10)));
        bench.piece = piece;
        assert_eq!(healthy(bench).timeouts, 0, "pieces of {piece}");
    }
}

#[test]
fn octets_further_apart_than_a_frame_allows_are_no_frame() {
    let slaves: Slaves<'_> = Box::new(|asked, question| {
        let answer = answer(question);
        vec![(asked + ms(5), answer[..3].to_vec()), (asked + ms(5 + 80), answer[3..].to_vec())]
    });
    let mut bench = Bench::new(Config::default(), one(), slaves);
    bench.run_to(at_ms(5_000));
    assert!(bench.values(1).is_empty());
}

#[test]
fn an_adapter_that_hears_itself_is_found_out_and_does_no_harm() {
    for piece in [1, 4, 64] {
        let slaves: Slaves<'_> = Box::new(|asked, question| {
            let begin = Instant(asked.0 - 6_250 + 200);
            vec![(begin, question.to_vec()), (asked + ms(10), answer(question))]
        });
        let mut bench = Bench::new(Config::default(), one(), slaves);
        bench.piece = piece;
        bench.run_to(at_ms(5_000));
        assert!(bench.line.status(Now { mono: bench.now, ..Now::default() }).echo, "pieces of {piece}");
        bench.order(1, 1, Order::Stop);
        bench.run_to(at_ms(5_200));
        assert_eq!(bench.done(), [(1, Ok(()))], "an answer like the question is one, behind the echo");
        assert_eq!((bench.links(1), bench.wrong_values()), (vec![LinkState::Good], 0));
    }
}

#[test]
fn an_echo_alone_does_not_carry_an_order_out() {
    let deaf = std::cell::Cell::new(false);
    let slaves: Slaves<'_> = Box::new(|asked, question| {
        let mut sounds = vec![(Instant(asked.0 - 6_250 + 200), question.to_vec())];
        if !deaf.get() {
            sounds.push((asked + ms(10), answer(question)));
        }
        sounds
    });
    let mut bench = Bench::new(Config::default(), one(), slaves);
    bench.run_to(at_ms(2_000));
    deaf.set(true);
    bench.order(1, 1, Order::Stop);
    bench.run_to(at_ms(8_000));
    assert!(bench.done().iter().all(|(_, outcome)| outcome.is_err()) && bench.done().len() == 1);
}

#[test]
fn a_device_that_repeats_writes_word_for_word_is_no_echo() {
    let mut bench = Bench::new(Config::default(), vec![Script::new(1, Vec::new())], answering(ms(10)));
    bench.run_to(at_ms(300));
    for order in 0..10 {
        bench.order(1, order, Order::Stop);
        bench.run_to(at_ms(400 + order * 100));
    }
    assert!(bench.done().len() == 10 && bench.done().iter().all(|(_, outcome)| outcome.is_ok()));
    assert!(!bench.line.status(Now { mono: bench.now, ..Now::default() }).echo);
}

#[test]
fn a_line_without_wire_time_works_like_any_other() {
    let slaves: Slaves<'_> = Box::new(|asked, question| vec![(asked, answer(question))]);
    let mut bench = Bench::new(Config::default(), one(), slaves);
    (bench.is_instant, bench.piece) = (true, 64);
    assert_eq!(healthy(bench).timeouts, 0);
}

#[test]
fn a_jammed_line_still_gets_its_questions() {
    let mut bench = Bench::new(Config::default(), one(), Box::new(|_, _| Vec::new()));
    for at in 0..10_000 {
        bench.sound((at_ms(at * 3), vec![0xA5]));
    }
    bench.run_to(at_ms(30_000));
    assert!(bench.written.len() >= 4, "{}", bench.written.len());
    assert_eq!(*bench.links(1).last().unwrap(), LinkState::Silent);
    assert_eq!(bench.reports.iter().filter(|(_, id, _)| *id != DeviceId(1)).count(), 0);
}

#[test]
fn octets_of_another_address_leave_the_question_open() {
    let slaves: Slaves<'_> = Box::new(|asked, question| {
        let foreign = sealed(&[9, READ, 2, 7, 7]);
        vec![(asked + ms(5), foreign), (asked + ms(20), answer(question))]
    });
    let counters = healthy(Bench::new(Config::default(), one(), slaves));
    assert_eq!(counters.timeouts, 0);
    assert!(counters.foreign_address >= counters.answered);
}
