//! The driver of a card reader against a simulated reader, frame by frame, without a bus between them.

mod bench;
mod hostile;
mod install;

use bench::{Bench, KEY, at, card};
use depotd::driver::osdp::{Config, Reader};
use depotd::driver::{Class, Driver, Foreign, Heard};
use depotd::model::report::{OrderFault, OrderId, ReaderStatus, Report};
use depotd::model::request::{Feedback, Order, Request};
use depotd::sim::slave::Slave;
use depotd::wire::osdp::reply::{Capability, Nak};
use depotd::wire::osdp::{Check, Frame, Header, Reply};

const SECURE: Report = Report::Reader(ReaderStatus { tamper: false, power_failing: false, secure: true });
const INSECURE: Report = Report::Reader(ReaderStatus { tamper: false, power_failing: false, secure: false });

fn feedback(order: u64, feedback: Feedback) -> Request {
    Request { order: OrderId(order), what: Order::Feedback(feedback) }
}

#[test]
fn a_reader_comes_online_through_its_secure_channel_in_four_questions() {
    let mut bench = Bench::secure();
    for _ in 0..4 {
        assert!(!bench.driver.is_online());
        bench.exchange();
    }
    assert!(bench.driver.is_online() && bench.device.is_secure());
    assert_eq!(bench.take(), [SECURE]);
    bench.exchanges(50);
    assert_eq!(bench.take(), []);
    bench.assert_clean();
}

#[test]
fn a_reader_without_a_key_comes_online_in_plain() {
    let mut bench = Bench::plain();
    bench.exchanges(2);
    assert!(bench.driver.is_online());
    assert_eq!(bench.take(), [INSECURE]);
    bench.device.present(card("04A23B9C"));
    bench.exchanges(3);
    assert_eq!(bench.take(), [Report::Card(card("04A23B9C"))]);
    bench.assert_clean();
}

#[test]
fn a_card_is_reported_once_for_one_showing() {
    let mut bench = Bench::online();
    for _ in 0..3 {
        bench.device.present(card("04112233445566"));
        bench.exchanges(5);
    }
    assert_eq!(bench.take(), [Report::Card(card("04112233445566"))]);
    bench.exchanges(15);
    bench.device.present(card("04112233445566"));
    bench.exchanges(2);
    assert_eq!(bench.take(), [Report::Card(card("04112233445566"))]);
    bench.device.present(card("08112233"));
    bench.exchanges(2);
    assert_eq!(bench.take(), [], "a number that the card made up is no name");
    assert_eq!(bench.driver.counters().no_card, 1);
    bench.assert_clean();
}

#[test]
fn an_opened_or_failing_reader_is_reported() {
    let mut bench = Bench::online();
    bench.device.tamper = true;
    bench.exchanges(2);
    let opened = ReaderStatus { tamper: true, power_failing: false, secure: true };
    assert_eq!(bench.take(), [Report::Reader(opened)]);
    bench.device.tamper = false;
    bench.device.power_failing = true;
    bench.exchanges(2);
    let failing = ReaderStatus { tamper: false, power_failing: true, secure: true };
    assert_eq!(bench.take(), [Report::Reader(failing)]);
}

#[test]
fn every_feedback_is_seen_at_the_reader_and_no_two_look_alike() {
    let all = [
        Feedback::Idle,
        Feedback::Asking,
        Feedback::Accepted,
        Feedback::Refused("CARD BLOCKED".to_owned()),
        Feedback::Charging,
        Feedback::Finished,
        Feedback::OutOfOrder,
    ];
    let mut seen = Vec::new();
    for (number, what) in all.into_iter().enumerate() {
        let mut bench = Bench::online();
        let beeps = bench.device.buzzes().len();
        bench.tell(feedback(number as u64, what.clone()));
        assert_eq!(bench.driver.wants().map(|w| w.class), Some(Class::Command));
        bench.exchanges(3);
        assert_eq!(bench.take(), [Report::Done(OrderId(number as u64), Ok(()))], "{what:?}");
        let lamp: Vec<u8> =
            (0..20).map(|n| bench.device.colour(at(bench.now.mono.0 / 1000 + 100 * n))).collect();
        let look = (lamp, bench.device.text(bench.now.mono).to_owned(), bench.device.buzzes().len() - beeps);
        assert!(!look.1.is_empty());
        seen.push(look);
        bench.assert_clean();
    }
    for (i, one) in seen.iter().enumerate() {
        assert!(seen[..i].iter().all(|other| other.0 != one.0), "two lamps look alike: {one:?}");
        assert!(seen[..i].iter().all(|other| other.1 != one.1), "two texts are alike: {one:?}");
    }
    assert_eq!(seen[3].1, "CARD BLOCKED");
}

#[test]
fn a_reader_that_does_not_know_a_command_stays_online_without_it() {
    let mut bench = Bench::online();
    bench.device.capabilities.retain(|c| c.function != Capability::TEXT);
    bench.tell(feedback(1, Feedback::Charging));
    bench.exchanges(2);
    assert_eq!(bench.take(), [Report::Done(OrderId(1), Ok(()))]);
    assert_eq!(bench.driver.abilities().text, 0);
    bench.device.capabilities.retain(|c| c.function != Capability::LED);
    bench.tell(feedback(2, Feedback::Idle));
    bench.exchanges(2);
    assert_eq!(bench.take(), [Report::Done(OrderId(2), Err(OrderFault::Refused(3)))]);
    bench.tell(feedback(3, Feedback::Idle));
    assert_eq!(bench.take(), [Report::Done(OrderId(3), Err(OrderFault::Unsupported))]);
    bench.device.present(card("04A23B9C"));
    bench.exchanges(2);
    assert_eq!(bench.take(), [Report::Card(card("04A23B9C"))]);
    assert_eq!(bench.driver.counters().lost, 0);
    bench.assert_clean();
}

#[test]
fn the_newest_feedback_is_shown_and_the_older_one_is_reported_as_overtaken() {
    let mut bench = Bench::online();
    bench.tell(feedback(1, Feedback::Asking));
    bench.exchange();
    bench.tell(feedback(2, Feedback::Accepted));
    assert_eq!(bench.take(), [Report::Done(OrderId(1), Err(OrderFault::Overtaken))]);
    bench.exchanges(4);
    assert_eq!(bench.take(), [Report::Done(OrderId(2), Ok(()))]);
    assert_eq!(bench.device.text(bench.now.mono), "CARD ACCEPTED");
}

#[test]
fn orders_for_other_devices_are_unsupported() {
    let mut bench = Bench::online();
    bench.tell(Request { order: OrderId(9), what: Order::Stop });
    assert_eq!(bench.take(), [Report::Done(OrderId(9), Err(OrderFault::Unsupported))]);
}

#[test]
fn a_reader_that_restarts_in_a_session_gets_a_new_one_and_its_lamp_back() {
    let mut bench = Bench::online();
    bench.tell(feedback(1, Feedback::Charging));
    bench.exchanges(3);
    bench.take();
    let beeps = bench.device.buzzes().len();
    bench.device.restart();
    assert_eq!(bench.device.text(bench.now.mono), "");
    bench.exchanges(1);
    assert_eq!(bench.take(), [INSECURE]);
    bench.exchanges(4);
    assert_eq!(bench.take(), [SECURE]);
    bench.exchanges(3);
    assert_eq!(bench.device.text(bench.now.mono), "CHARGING");
    assert_eq!((bench.device.permanent().on_colour, bench.device.buzzes().len()), (2, beeps));
    assert_eq!(bench.take(), []);
    bench.device.present(card("04A23B9C"));
    bench.exchanges(2);
    assert_eq!(bench.take(), [Report::Card(card("04A23B9C"))]);
    bench.assert_clean();
}

#[test]
fn a_feedback_that_waits_survives_the_restart_of_its_reader() {
    let mut bench = Bench::online();
    bench.device.restart();
    bench.tell(feedback(1, Feedback::Accepted));
    bench.exchanges(8);
    assert!(bench.take().contains(&Report::Done(OrderId(1), Ok(()))));
    assert_eq!(bench.device.text(bench.now.mono), "CARD ACCEPTED");
}

#[test]
fn a_reader_with_another_key_is_never_online_and_asked_less_and_less() {
    for key in [Some([0; 16]), Some(*b"0123456789:;<=>?"), Some([0x11; 16]), None] {
        let mut bench = Bench::new(Some(KEY), key);
        let mut waits = Vec::new();
        for _ in 0..6 {
            bench.exchanges(3);
            let due = bench.driver.wants().expect("it is tried again").due;
            waits.push(due.since(bench.now.mono).as_secs_f32().round() as u64);
            assert!(!bench.driver.is_online());
        }
        assert_eq!(waits, [1, 2, 4, 8, 10, 10], "{key:?}");
        assert_eq!(bench.driver.counters().key_refused, 6);
        assert_eq!(bench.driver.counters().online, 0);
        assert_eq!(bench.take(), [INSECURE], "told once");
        bench.tell(feedback(1, Feedback::Idle));
        assert_eq!(bench.take(), [Report::Done(OrderId(1), Err(OrderFault::Silent))]);
    }
}

#[test]
fn the_default_key_offered_instead_of_ours_is_refused() {
    let mut bench = Bench::secure();
    // somebody on the line answers the challenge with a block that names the default key
    bench.mangle = Some(Box::new(|octets| {
        let frame = Frame::parse(&octets).expect("a frame");
        let security = frame.security.map(|s| depotd::wire::osdp::Security { data: Some(0), ..s });
        frame.header.frame(security, frame.code, frame.body)
    }));
    bench.exchanges(3);
    assert_eq!(bench.driver.counters().key_refused, 1);
    assert!(!bench.driver.is_online());
}

#[test]
fn a_busy_reader_is_asked_the_same_again_later() {
    for mut bench in [Bench::online(), Bench::online_plain()] {
        bench.device.present(card("04A23B9C"));
        bench.device.busy = 3;
        let question = bench.ask();
        for _ in 0..3 {
            assert_eq!(bench.hear(&question), Heard::Busy);
            let wants = bench.driver.wants().expect("it wants the same");
            assert!(wants.due > bench.now.mono);
            bench.now.mono = wants.due;
            assert_eq!(bench.ask(), question);
        }
        assert_eq!(bench.hear(&question), Heard::Answer(vec![Report::Card(card("04A23B9C"))]));
        assert_eq!(bench.driver.counters().busy, 3);
        bench.exchanges(10);
        bench.assert_clean();
    }
}

#[test]
fn a_reader_that_is_busy_for_ever_is_begun_anew() {
    let mut bench = Bench::online();
    bench.device.busy = u32::MAX;
    bench.tell(feedback(1, Feedback::Idle));
    bench.exchanges(200);
    assert!(!bench.driver.is_online());
    assert!(bench.take().contains(&Report::Done(OrderId(1), Err(OrderFault::Silent))));
}

#[test]
fn an_answer_that_was_lost_is_given_again_and_nothing_is_done_twice() {
    let mut bench = Bench::online();
    bench.device.present(card("04A23B9C"));
    let done = bench.device.carried_out;
    let question = bench.ask();
    bench.answer(&question);
    assert_eq!(bench.hear(&question), Heard::Answer(vec![Report::Card(card("04A23B9C"))]));
    assert_eq!(bench.device.carried_out, done + 1);
    bench.exchanges(10);
    bench.assert_clean();
}

#[test]
fn a_silent_reader_fails_its_order_and_comes_back_with_what_it_should_show() {
    let mut bench = Bench::online();
    bench.deaf = true;
    bench.tell(feedback(1, Feedback::Charging));
    bench.exchange();
    assert_eq!(bench.take(), [Report::Done(OrderId(1), Err(OrderFault::Silent)), INSECURE]);
    bench.tell(feedback(2, Feedback::OutOfOrder));
    assert_eq!(bench.take(), [Report::Done(OrderId(2), Err(OrderFault::Silent))]);
    bench.deaf = false;
    bench.now.mono = bench.now.mono + std::time::Duration::from_secs(5);
    let probe = bench.driver.probe(bench.now).octets;
    assert_eq!(Frame::parse(&probe).expect("a frame").header.sequence, 0);
    assert_eq!(bench.hear(&probe), Heard::Answer(vec![]));
    bench.exchanges(6);
    assert!(bench.driver.is_online());
    assert_eq!(bench.device.text(bench.now.mono), "OUT OF ORDER");
}

#[test]
fn after_a_long_pause_of_the_line_both_ends_begin_anew() {
    let mut bench = Bench::online();
    bench.now.mono = bench.now.mono + std::time::Duration::from_secs(9);
    let question = bench.ask();
    assert_eq!(Frame::parse(&question).expect("a frame").header.sequence, 0);
    assert!(matches!(bench.hear(&question), Heard::Answer(_)));
    bench.exchanges(5);
    assert!(bench.driver.is_online());
    bench.assert_clean();
}

/// A reader in plain, online, and a reply to its open question.
fn nak(error: u8) -> (Reader, Heard) {
    let mut bench = Bench::online_plain();
    bench.tell(feedback(1, Feedback::Idle));
    let question = bench.ask();
    let asked = Frame::parse(&question).expect("a frame").header;
    let reply = Reply::Nak(Nak::new(error));
    let octets = Header { reply: true, ..asked }.frame(None, reply.code(), &reply.data());
    let heard = bench.driver.hear(bench.now, &octets);
    (bench.driver, heard)
}

#[test]
fn each_refusal_has_its_consequence() {
    for error in [Nak::UNKNOWN_COMMAND, Nak::BAD_LENGTH, 7, 8, Nak::CANNOT_PROCESS, 0xEE] {
        let (reader, heard) = nak(error);
        assert!(reader.is_online(), "NAK {error}");
        assert_eq!(heard, Heard::Answer(vec![]), "NAK {error}");
        assert_eq!(reader.abilities().led, error != Nak::UNKNOWN_COMMAND);
    }
    for error in [Nak::BAD_SEQUENCE, Nak::BLOCK_UNSUPPORTED, Nak::ENCRYPTION_REQUIRED] {
        let (mut reader, _) = nak(error);
        assert!(!reader.is_online(), "NAK {error}");
        let question = reader.ask(Bench::plain().now).expect("a question").octets;
        assert_eq!(Frame::parse(&question).expect("a frame").header.sequence, 0);
    }
    let (reader, heard) = nak(Nak::BAD_CHECKSUM);
    assert_eq!(heard, Heard::Busy);
    assert!(reader.is_online());
}

#[test]
fn what_is_not_the_answer_leaves_the_question_open() {
    let mut bench = Bench::online_plain();
    let question = bench.ask();
    let asked = Frame::parse(&question).expect("a frame").header;
    let reply = Header { reply: true, ..asked };
    let mut foreign = |header: Header| bench.driver.hear(bench.now, &header.frame(None, 0x40, &[]));
    assert_eq!(foreign(Header { address: 2, ..reply }), Heard::Foreign(Foreign::Address));
    assert_eq!(
        foreign(Header { sequence: asked.sequence % 3 + 1, ..reply }),
        Heard::Foreign(Foreign::Question)
    );
    assert_eq!(foreign(Header { sequence: 0, ..reply }), Heard::Foreign(Foreign::Question));
    assert_eq!(foreign(Header { check: Check::Sum, ..reply }), Heard::Foreign(Foreign::Question));
    assert_eq!(bench.driver.hear(bench.now, &question), Heard::Foreign(Foreign::Echo));
    assert_eq!(bench.driver.hear(bench.now, &question[1..]), Heard::Foreign(Foreign::Echo));
    assert_eq!(bench.hear(&question), Heard::Answer(vec![]));
    assert!(bench.device.complaints().is_empty());
}

#[test]
fn polls_are_live_and_as_far_apart_as_configured() {
    let mut bench = Bench::online();
    bench.exchanges(3);
    let mut last = bench.driver.wants().expect("a poll");
    for _ in 0..5 {
        assert_eq!(last.class, Class::Live);
        bench.exchange();
        let next = bench.driver.wants().expect("a poll");
        assert_eq!(next.due.since(last.due), Config::new(1).poll);
        last = next;
    }
}
