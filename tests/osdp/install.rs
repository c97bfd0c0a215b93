//! The first key of a reader: once through the default one, and only where that is allowed.

use crate::bench::{Bench, KEY, card};
use depotd::driver::Driver;
use depotd::model::report::{ReaderStatus, Report};
use depotd::wire::osdp::{Block, Frame};

const INSECURE: Report = Report::Reader(ReaderStatus { tamper: false, power_failing: false, secure: false });
const SECURE: Report = Report::Reader(ReaderStatus { tamper: false, power_failing: false, secure: true });

/// Key kinds that a reader was challenged with, until the panel is online or gives up.
fn challenges(bench: &mut Bench, questions: usize) -> Vec<u8> {
    let mut kinds = Vec::new();
    for _ in 0..questions {
        let question = bench.ask();
        let frame = Frame::parse(&question).expect("a frame");
        let challenge = frame.security.filter(|s| s.block == Block::Challenge);
        kinds.extend(challenge.and_then(|s| s.data));
        match bench.answer(&question) {
            Some(answer) => drop(bench.driver.hear(bench.now, &answer)),
            None => drop(bench.driver.unanswered(bench.now)),
        }
    }
    kinds
}

#[test]
fn a_new_reader_is_given_our_key_once_and_must_show_it() {
    let mut bench = Bench::installing(None);
    bench.device.present(card("04A23B9C"));
    let kinds = challenges(&mut bench, 14);
    assert_eq!(kinds, [1, 0, 1], "ours, the default one, and ours again");
    assert!(bench.driver.is_online() && bench.device.is_secure());
    assert_eq!(bench.driver.counters().keys_set, 1);
    bench.assert_clean();
    bench.device.restart();
    let kinds = challenges(&mut bench, 8);
    assert_eq!(kinds, [1], "it has our key now");
    assert!(bench.driver.is_online());
}

#[test]
fn no_card_is_believed_and_nothing_called_secure_over_the_default_key() {
    let mut bench = Bench::installing(None);
    bench.device.present(card("04A23B9C"));
    while bench.driver.counters().keys_set == 0 {
        bench.exchange();
        assert!(!bench.driver.is_online());
    }
    assert_eq!(bench.take(), [INSECURE]);
    bench.exchanges(6);
    assert_eq!(bench.take(), [SECURE, Report::Card(card("04A23B9C"))], "behind our own key it is");
}

#[test]
fn without_leave_the_default_key_is_never_used() {
    let mut bench = Bench::new(Some(KEY), None);
    let kinds = challenges(&mut bench, 40);
    assert!(kinds.len() > 5 && kinds.iter().all(|kind| *kind == 1), "{kinds:?}");
    assert!(!bench.driver.is_online());
}

#[test]
fn a_reader_that_had_our_key_is_never_offered_the_default_one() {
    let mut bench = Bench::installing(Some(KEY));
    bench.exchanges(5);
    assert!(bench.driver.is_online());
    // somebody puts a reader without our key in its place
    bench.device = depotd::sim::reader::Reader::new(1, None, 9);
    let kinds = challenges(&mut bench, 40);
    assert!(kinds.len() > 5 && kinds.iter().all(|kind| *kind == 1), "{kinds:?}");
    assert!(!bench.driver.is_online());
}

#[test]
fn a_key_whose_acceptance_was_lost_is_found_to_be_ours() {
    let mut bench = Bench::installing(None);
    while !bench.ask_is_sealed() {
        bench.exchange();
    }
    let question = bench.ask(); // the key
    assert!(bench.answer(&question).is_some(), "it takes the key");
    drop(bench.driver.unanswered(bench.now)); // and nobody hears
    let kinds = challenges(&mut bench, 12);
    assert_eq!(kinds.last(), Some(&1), "{kinds:?}");
    assert!(bench.driver.is_online(), "{kinds:?}");
}

#[test]
fn the_key_itself_is_never_on_the_line() {
    let mut bench = Bench::installing(None);
    for _ in 0..14 {
        let question = bench.ask();
        assert!(!question.windows(16).any(|part| part == KEY), "{question:02X?}");
        if let Some(answer) = bench.answer(&question) {
            drop(bench.driver.hear(bench.now, &answer));
        }
    }
    assert!(bench.driver.is_online());
}
