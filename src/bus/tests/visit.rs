//! Guests with questions of a person.

use super::bench::*;
use crate::bus::{Config, Event};
use crate::driver::survey::{Finding, Survey, Trial};
use crate::model::ident::DeviceId;
use crate::model::request::Order;
use crate::model::time::Now;
use std::cell::Cell;
use std::sync::{Arc, Mutex};

type Told = Arc<Mutex<Vec<Finding>>>;

fn survey(trials: impl IntoIterator<Item = Trial>) -> (Box<Survey>, Told) {
    let told = Told::default();
    let sink = Arc::clone(&told);
    let tell = move |finding| {
        sink.lock().unwrap().push(finding);
        true
    };
    (Box::new(Survey::new(trials, Box::new(tell))), told)
}

fn sixteen() -> Vec<Script> {
    let group = |address| Group { due: at_ms(u64::from(address) * 60), ..live(ms(1_000)) };
    (1..=16).map(|address| Script::new(address, vec![group(address)])).collect()
}

/// Addresses 20 and above belong to nobody but 23, which speaks real Modbus.
fn slaves<'a>() -> Slaves<'a> {
    Box::new(|asked, question| match question[0] {
        23 if question[1] == READ => vec![(asked + ms(10), sealed(&[23, READ, 2, 0, 9]))],
        20.. => Vec::new(),
        _ => vec![(asked + ms(10), answer(question))],
    })
}

#[test]
fn a_survey_finds_who_is_there_between_the_polls_and_leaves_no_trace() {
    let mut bench = Bench::new(Config::default(), sixteen(), slaves());
    bench.run_to(at_ms(10_000));
    let (guest, told) = survey((20..=25).map(Trial::Register));
    bench.event(Event::Visit(guest, None));
    bench.run_to(at_ms(40_000));
    let told = told.lock().unwrap();
    let seen: Vec<_> = told.iter().map(|f| (f.address.as_str(), f.answer.as_deref())).collect();
    let wanted = [
        ("20", None),
        ("21", None),
        ("22", None),
        ("23", Some("0009H")),
        ("23", None),
        ("24", None),
        ("25", None),
    ];
    assert_eq!(seen, wanted);
    let status = bench.line.status(Now { mono: bench.now, ..Now::default() });
    assert_eq!(status.devices.len(), 16, "it has left");
    assert_eq!(status.counters.timeouts, 0, "and what it was not told is no failure of the line");
    assert!(bench.reports.iter().all(|(_, device, _)| device.0 <= 16));
    assert_eq!(bench.wrong_values(), 0);
    assert!((1..=16).all(|address| bench.values(address).len() >= 36), "the others were polled on");
}

#[test]
fn a_stop_waits_for_one_time_out_of_a_guest_at_most() {
    let mut bench = Bench::new(Config::default(), vec![Script::new(1, Vec::new())], slaves());
    bench.run_to(at_ms(1_000));
    bench.event(Event::Visit(survey((20..=60).map(Trial::Register)).0, None));
    bench.run_to(at_ms(3_010));
    bench.order(1, 1, Order::Stop);
    bench.run_to(at_ms(3_010 + 400 + 150 + 80));
    assert_eq!(bench.done(), [(1, Ok(()))]);
}

#[test]
fn there_is_one_guest_at_a_time_and_none_on_a_line_that_is_gone() {
    let mut bench = Bench::new(Config::default(), sixteen(), slaves());
    bench.run_to(at_ms(5_000));
    let (first, told) = survey((20..=60).map(Trial::Register));
    bench.event(Event::Visit(first, None));
    let (second, nothing) = survey([Trial::Register(23)]);
    bench.event(Event::Visit(second, None));
    assert_eq!(Arc::strong_count(&nothing), 1, "the second is turned away at once");
    bench.run_to(at_ms(7_000));
    assert_eq!(Arc::strong_count(&told), 2);
    bench.unplug();
    assert_eq!(Arc::strong_count(&told), 1, "the first leaves with the port");
    let (third, nothing) = survey([Trial::Register(23)]);
    bench.event(Event::Visit(third, None));
    assert_eq!(Arc::strong_count(&nothing), 1);
    bench.is_plugged = true;
    bench.run_to(at_ms(20_000));
    assert_eq!(bench.wrong_values(), 0);
}

#[test]
fn a_late_answer_to_a_guest_is_never_a_value_of_its_host() {
    // the device answers a guest after 1.2 s, behind every time-out; its own driver believes any read of its address
    let guests = Cell::new(0);
    let slaves: Slaves<'_> = Box::new(|asked, question| {
        let is_guests = question.len() == 8;
        guests.set(guests.get() + u32::from(is_guests));
        match is_guests {
            true => vec![(asked + ms(1_200), sealed(&[question[0], READ, 2, 0xEE, 0xEE]))],
            false => vec![(asked + ms(10), answer(question))],
        }
    });
    let mut bench = Bench::new(Config::default(), vec![Script::new(1, vec![live(ms(100))])], slaves);
    bench.run_to(at_ms(2_000));
    bench.event(Event::Visit(survey([Trial::Register(1), Trial::Register(1)]).0, Some(DeviceId(1))));
    bench.run_to(at_ms(20_000));
    assert_eq!(guests.get(), 2);
    assert_eq!(bench.wrong_values(), 0);
    assert!(bench.values(1).len() > 100);
}

#[test]
fn a_line_without_devices_can_be_asked_who_is_there() {
    let mut bench = Bench::new(Config::default(), Vec::new(), slaves());
    bench.run_to(at_ms(1_000));
    let (guest, told) = survey((20..=24).map(Trial::Register));
    bench.event(Event::Visit(guest, None));
    bench.run_to(at_ms(10_000));
    assert_eq!(told.lock().unwrap().iter().filter(|f| f.answer.is_some()).count(), 1);
    assert_eq!(told.lock().unwrap().len(), 6);
}
