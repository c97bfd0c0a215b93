//! Stale replies: the fault that gives wrong numbers silently (rs485.md 6.4).
//!
//! A slave answers late, twice, damaged, cut, or under another address, and nothing in its answer says which question it
//! answers. No value may be taken for the answer to another question. The same slaves against a master without
//! quarantine show that the test would catch it.
//!
//! `PROPTEST_CASES` raises the number of faults; each case has at least a hundred. `make faults` runs a million.

use super::bench::*;
use crate::bus::Config;
use crate::model::request::Order;
use crate::model::time::{Instant, Now};
use proptest::prelude::*;
use std::cell::Cell;
use std::time::Duration;

/// Time-out of the profile.
const TIMEOUT_MS: u64 = 400;

/// Faults of one case, at least.
const FAULTS: u32 = 100;

/// What happens to one answer.
#[derive(Clone, Copy, Debug)]
enum Fault {
    None,
    /// Later than its time-out by this share of it, in permille: the delay is up to four time-outs.
    Late(u64),
    /// Twice, the second copy after this many ms.
    Double(u64),
    BitFlip(usize),
    /// One that is nobody's: who answers late *and* under the address of another device on the line cannot be known by
    /// anybody.
    WrongAddress(u8),
    Cut(usize),
    Noise(u8, usize),
    Silent,
}

fn fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        3 => Just(Fault::None),
        4 => (0..=3_000u64).prop_map(Fault::Late),
        2 => Just(Fault::Double(0)),
        1 => (0..56usize).prop_map(Fault::BitFlip),
        1 => (9..=200u8).prop_map(Fault::WrongAddress),
        1 => (1..7usize).prop_map(Fault::Cut),
        1 => (any::<u8>(), 1..6usize).prop_map(|(octet, count)| Fault::Noise(octet, count)),
        1 => Just(Fault::Silent),
    ]
}

/// What a slave puts on the wire.
fn sounds(fault: Fault, asked: Instant, question: &[u8], delay: Duration) -> Vec<Sound> {
    let mut octets = answer(question);
    let mut at = asked + delay;
    match fault {
        Fault::None => {}
        Fault::Late(permille) => at = asked + ms(TIMEOUT_MS + TIMEOUT_MS * permille / 1_000),
        Fault::Double(0) => octets.extend_from_within(..),
        Fault::Double(after) => return vec![(at, octets.clone()), (at + ms(after), octets)],
        Fault::BitFlip(bit) => octets[bit / 8 % 6] ^= 1 << (bit % 8), // an echo has six octets
        Fault::WrongAddress(address) => {
            let end = octets.len() - 2;
            octets[0] = address;
            octets = sealed(&octets[..end]);
        }
        Fault::Cut(left) => octets.truncate(left),
        Fault::Noise(octet, count) => {
            octets.splice(0..0, std::iter::repeat_n(octet, count));
        }
        Fault::Silent => return Vec::new(),
    }
    vec![(at, octets)]
}

/// Slaves that take their faults from a list, again and again. They do not wait for each other: what two of them say at
/// once arrives mixed.
fn faulty(faults: Vec<Fault>, delay: Duration) -> Slaves<'static> {
    let mut next = 0;
    Box::new(move |asked, question| {
        next += 1;
        sounds(faults[next % faults.len()], asked, question, delay)
    })
}

/// The same, and how often one of them did something wrong.
fn counted<'a>(faults: Vec<Fault>, delay: Duration, injected: &'a Cell<u32>) -> Slaves<'a> {
    let mut next = 0;
    Box::new(move |asked, question| {
        next += 1;
        let fault = faults[next % faults.len()];
        injected.set(injected.get() + u32::from(!matches!(fault, Fault::None)));
        sounds(fault, asked, question, delay)
    })
}

fn scripts() -> Vec<Script> {
    (1..=3).map(|address| Script::new(address, vec![live(ms(150)), live(ms(700))])).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_answer_is_taken_for_the_answer_to_another_question(
        faults in proptest::collection::vec(fault(), 50..120),
        delay in 1..60u64,
        piece in prop_oneof![Just(1usize), Just(7), Just(11), 2..20usize],
        orders in proptest::collection::vec((1..4u16, 1..4_000u64), 0..40),
    ) {
        let injected = Cell::new(0);
        let mut bench = Bench::new(Config::default(), scripts(), counted(faults, ms(delay), &injected));
        bench.piece = piece;
        for (order, (device, wait)) in (1..).zip(orders) {
            bench.order(device, order, Order::Stop);
            bench.run_to(bench.now + ms(wait));
        }
        bench.run_to(bench.now.max(at_ms(90_000)));
        while injected.get() < FAULTS {
            prop_assert!(bench.now < at_ms(3_600_000), "{} faults in an hour", injected.get());
            bench.run_to(bench.now + ms(10_000));
        }
        prop_assert_eq!(bench.wrong_values(), 0);
        prop_assert!(bench.written.len() >= 50, "{} questions", bench.written.len());
    }
}

#[test]
fn an_answer_later_than_every_quarantine_is_not_taken_either() {
    for permille in (0..=3_000).step_by(25) {
        let faults = vec![Fault::None, Fault::None, Fault::Late(permille), Fault::None];
        let mut bench = Bench::new(Config::default(), vec![scripts().remove(0)], faulty(faults, ms(10)));
        bench.run_to(at_ms(60_000));
        assert_eq!(bench.wrong_values(), 0, "late by {permille} permille of the time-out");
        assert!(bench.values(1).len() > 20, "{} values", bench.values(1).len());
    }
}

/// The first sending of a write after this moment.
fn written_after(bench: &Bench<'_>, from: Instant) -> Option<Duration> {
    let write = bench.written.iter().find(|(at, octets)| *at >= from && octets[1] == WRITE);
    write.map(|(at, _)| at.since(from))
}

#[test]
fn a_stop_does_not_wait_for_what_a_device_owes() {
    for told_ms in (1_000..3_000).step_by(50) {
        let no_reads: Slaves<'_> = Box::new(|asked, question| match question[1] {
            READ => Vec::new(),
            _ => vec![(asked + ms(5), answer(question))],
        });
        let mut bench = Bench::new(Config::default(), vec![scripts().remove(0)], no_reads);
        bench.run_to(at_ms(told_ms));
        bench.order(1, 9, Order::Stop);
        bench.run_to(at_ms(told_ms + 2_000));
        let waited = written_after(&bench, at_ms(told_ms)).expect("the stop was never sent");
        assert!(waited < ms(1_200), "one time-out and one quarantine, not {waited:?}, told at {told_ms} ms");
        assert_eq!(bench.done(), [(9, Ok(()))]);
    }
}

#[test]
fn a_second_copy_that_the_adapter_held_back_is_not_taken() {
    for piece in 1..=16 {
        let faults = vec![Fault::None, Fault::Double(0)];
        let mut bench = Bench::new(Config::default(), vec![scripts().remove(0)], faulty(faults, ms(10)));
        bench.piece = piece;
        bench.run_to(at_ms(60_000));
        assert_eq!(bench.wrong_values(), 0, "pieces of {piece}");
        assert!(bench.values(1).len() > 150, "pieces of {piece}: {} values", bench.values(1).len());
        let counters = bench.line.status(Now { mono: bench.now, ..Now::default() }).counters;
        assert_eq!(counters.unanswered, 0);
    }
}

#[test]
fn late_octets_are_counted_and_teach_patience() {
    let faults = vec![Fault::None, Fault::None, Fault::None, Fault::Late(0)];
    let mut bench = Bench::new(Config::default(), vec![scripts().remove(0)], faulty(faults, ms(10)));
    bench.run_to(at_ms(60_000));
    let status = bench.line.status(Now { mono: bench.now, ..Now::default() });
    assert!(status.counters.late_octets > 0 || status.counters.timeouts == 0, "{status:?}");
    assert!(status.devices[0].timeout_ms >= 400, "{status:?}");
}

/// A master as one finds them: it waits for its time-out, throws away what is there, and asks the next question. It
/// checks the checksum, the address, the function and the length.
fn careless(faults: Vec<Fault>) -> (usize, usize) {
    let mut slaves = faulty(faults, ms(10));
    let mut on_wire: Vec<(Instant, Vec<u8>)> = Vec::new();
    let (mut now, mut right, mut wrong) = (Instant(0), 0, 0);
    for serial in 1..=400u16 {
        let [high, low] = serial.to_be_bytes();
        let question = sealed(&[1, READ, high, low]);
        on_wire.retain(|(at, _)| *at > now); // its TCIFLUSH
        let asked = now + Duration::from_micros(6_250);
        on_wire.extend(
            slaves(asked, &question).into_iter().map(|(at, o)| (at + Duration::from_micros(7_300), o)),
        );
        on_wire.sort_by_key(|(at, _)| *at);
        let deadline = asked + ms(TIMEOUT_MS);
        let good = |octets: &[u8]| {
            octets.len() == 7 && octets[..3] == [1, READ, 2] && sealed(&octets[..5]) == octets
        };
        let heard = on_wire.iter().position(|(at, octets)| *at <= deadline && good(octets));
        now = deadline;
        if let Some(heard) = heard {
            let (at, octets) = on_wire.remove(heard);
            now = at;
            if octets[3..5] == [high, low] { right += 1 } else { wrong += 1 }
        }
        now = now + ms(5);
    }
    (right, wrong)
}

#[test]
fn without_quarantine_the_same_slaves_give_wrong_values() {
    let faults = |permille| vec![Fault::None, Fault::None, Fault::Late(permille), Fault::None];
    let (right, wrong) = careless(faults(500));
    assert!(wrong > 10, "{right} right, {wrong} wrong: the test would not catch the fault");
    assert_eq!(careless(vec![Fault::None]), (400, 0), "and on a sound line it is right");
    let mut bench = Bench::new(Config::default(), vec![scripts().remove(0)], faulty(faults(500), ms(10)));
    bench.run_to(at_ms(60_000));
    assert_eq!(bench.wrong_values(), 0, "the line with quarantine, same slaves");
}
