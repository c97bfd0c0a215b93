//! The drivers of card readers other than OSDP against simulated readers, without a bus between them.

mod bench;
mod hostile;

use bench::{Bench, card, done, feedback};
use depotd::driver::mt62x::{self, Beep};
use depotd::driver::uid_modbus::{self, Place};
use depotd::driver::{Class, Driver, uid_frame};
use depotd::model::report::{OrderFault, OrderId, ReaderStatus, Report};
use depotd::model::request::{Feedback, Order, Request};
use depotd::sim::mt62x::Mt62x;
use depotd::sim::uid_reader::UidReader;
use depotd::wire::modbus::Table;
use depotd::wire::uid_frame::Profile;
use std::sync::Arc;
use std::time::Duration;

const READY: Report = Report::Reader(ReaderStatus { tamper: false, power_failing: false, secure: false });

fn mingte() -> Bench<mt62x::Reader, Mt62x> {
    let beep = Some(Beep { parameter: 0x31, data: vec![0x05] });
    let config = mt62x::Config { beep, ..mt62x::Config::default() };
    let mut bench = Bench::new(mt62x::Reader::new(config), Mt62x::new(Some(0x31)));
    bench.exchange();
    assert_eq!(bench.take(), [READY], "told once, with the first answer");
    bench
}

fn described(text: &str) -> uid_frame::Reader {
    let profile = Arc::new(Profile::load(text).expect("a profile"));
    uid_frame::Reader::new(uid_frame::Config { profile })
}

fn modbus(counter: Option<u16>) -> Bench<uid_modbus::Reader, UidReader> {
    let config = uid_modbus::Config { counter, ..uid_modbus::Config::vrd485(7) };
    let mut bench = Bench::new(uid_modbus::Reader::new(config).expect("fits"), UidReader::new(7));
    bench.exchange();
    assert_eq!(bench.take(), [READY]);
    bench
}

#[test]
fn a_mingte_reader_tells_a_card_once_for_one_showing() {
    let mut bench = mingte();
    bench.device.card = Some(card("10A8DBFA"));
    bench.exchanges(20);
    assert_eq!(bench.take(), [Report::Card(card("10A8DBFA"))]);
    bench.device.card = None;
    bench.pass(2_500);
    bench.device.card = Some(card("10A8DBFA"));
    bench.exchanges(2);
    assert_eq!(bench.take(), [Report::Card(card("10A8DBFA"))], "taken away and shown again");
    bench.device.card = Some(card("04112233445566"));
    bench.exchanges(2);
    assert_eq!(bench.take(), [Report::Card(card("04112233445566"))], "another card at once");
    bench.assert_clean();
}

#[test]
fn text_before_frames_and_the_other_way_to_say_yes_disturb_nothing() {
    for (chatty, says_passed) in [(true, false), (false, true), (true, true)] {
        let mut bench = mingte();
        (bench.device.chatty, bench.device.says_passed) = (chatty, says_passed);
        bench.device.card = Some(card("0A0B0C0D"));
        bench.exchanges(4);
        assert_eq!(bench.take(), [Report::Card(card("0A0B0C0D"))]);
    }
}

#[test]
fn a_found_card_is_asked_its_number_at_once_and_then_rests() {
    let mut bench = mingte();
    bench.device.card = Some(card("10A8DBFA"));
    bench.exchange();
    let found = bench.now.mono;
    assert_eq!(bench.driver.wants().map(|w| w.due), Some(found));
    bench.exchange();
    assert!(bench.driver.wants().is_some_and(|w| w.due >= found + Duration::from_millis(490)));
}

#[test]
fn a_card_that_is_gone_before_it_tells_its_number_is_none() {
    let mut bench = mingte();
    bench.device.card = Some(card("10A8DBFA"));
    bench.exchange();
    bench.device.card = None;
    bench.exchanges(3);
    assert_eq!(bench.take(), []);
    assert_eq!(bench.driver.counters().gone, 1);
}

#[test]
fn numbers_that_a_card_makes_up_are_no_identity_in_any_byte_order() {
    let mut straight = mingte();
    let config = mt62x::Config { reversed: true, ..mt62x::Config::default() };
    let mut reversed = Bench::new(mt62x::Reader::new(config), Mt62x::new(None));
    reversed.exchange();
    reversed.take();
    for (told, one, other) in [
        ("08112233", None, Some("33221108")),
        ("33221108", Some("33221108"), None),
        ("FADBA810", Some("FADBA810"), Some("10A8DBFA")),
    ] {
        for (bench, wanted) in [(&mut straight, one), (&mut reversed, other)] {
            bench.device.card = Some(card(told));
            bench.exchanges(4);
            let wanted: Vec<Report> = wanted.map(|uid| Report::Card(card(uid))).into_iter().collect();
            assert_eq!(bench.take(), wanted, "{told}");
        }
    }
    assert!(straight.driver.counters().no_card > 0 && reversed.driver.counters().no_card > 0);
}

#[test]
fn a_person_hears_yes_no_and_the_end() {
    let mut bench = mingte();
    for (order, what, beeps) in [
        (1, Feedback::Accepted, 1),
        (2, Feedback::Finished, 2),
        (3, Feedback::Refused("BLOCKED".to_owned()), 3),
    ] {
        let before = bench.device.beeps().len();
        bench.tell(feedback(order, what));
        assert_eq!(bench.driver.wants().map(|w| (w.class, w.due)), Some((Class::Command, bench.now.mono)));
        bench.exchanges(8);
        assert_eq!(bench.take(), [done(order, Ok(()))]);
        let heard = &bench.device.beeps()[before..];
        assert_eq!(heard.len(), beeps);
        assert!(heard.windows(2).all(|two| two[1].0.since(two[0].0) >= Duration::from_millis(300)));
        assert!(heard.iter().all(|(_, data)| *data == [0x05]));
    }
    bench.assert_clean();
}

#[test]
fn what_a_reader_cannot_show_or_do_is_answered() {
    let mut bench = mingte();
    let unsupported = |order| done(order, Err(OrderFault::Unsupported));
    for (order, what) in
        [Feedback::Idle, Feedback::Asking, Feedback::Charging, Feedback::OutOfOrder].into_iter().enumerate()
    {
        bench.tell(feedback(order as u64, what));
        assert_eq!(bench.take(), [unsupported(order as u64)]);
    }
    bench.tell(Request { order: OrderId(9), what: Order::Stop });
    assert_eq!(bench.take(), [unsupported(9)]);
    let mut mute = mt62x::Reader::new(mt62x::Config::default());
    assert_eq!(mute.tell(bench.now, feedback(1, Feedback::Accepted)), [unsupported(1)]);
    let mut plain = described("mt625-uid");
    assert_eq!(plain.tell(bench.now, feedback(2, Feedback::Accepted)), [unsupported(2)]);
    let mut registers = modbus(None);
    registers.tell(feedback(3, Feedback::Accepted));
    assert_eq!(registers.take(), [unsupported(3)]);
}

#[test]
fn a_newer_feedback_overtakes_and_a_refusal_or_silence_is_told() {
    let mut bench = mingte();
    bench.tell(feedback(1, Feedback::Refused(String::new())));
    bench.exchange();
    bench.tell(feedback(2, Feedback::Accepted));
    assert_eq!(bench.take(), [done(1, Err(OrderFault::Overtaken))]);
    bench.device.sounder = None;
    bench.exchanges(3);
    assert_eq!(bench.take(), [done(2, Err(OrderFault::Refused(0x4E)))]);
    bench.deaf = true;
    bench.tell(feedback(3, Feedback::Accepted));
    bench.exchange();
    assert_eq!(bench.take(), [done(3, Err(OrderFault::Silent))]);
    bench.tell(feedback(4, Feedback::Accepted));
    assert_eq!(bench.take(), [done(4, Err(OrderFault::Silent))], "it is known not to answer");
    bench.deaf = false;
    bench.device.sounder = Some(0x31);
    bench.exchange();
    bench.tell(feedback(5, Feedback::Accepted));
    bench.exchanges(3);
    assert_eq!(bench.take(), [done(5, Ok(()))]);
}

#[test]
fn a_reader_that_was_lost_is_asked_again_and_tells_the_next_card() {
    let mut bench = mingte();
    bench.deaf = true;
    bench.device.card = Some(card("10A8DBFA"));
    bench.exchanges(30);
    assert_eq!(bench.take(), []);
    bench.deaf = false;
    bench.probe();
    bench.exchanges(3);
    assert_eq!(bench.take(), [Report::Card(card("10A8DBFA"))]);
}

#[test]
fn a_described_reader_tells_cards_like_the_one_that_is_known() {
    let mut bench = Bench::new(described("mt625-uid"), Mt62x::new(None));
    bench.exchanges(2);
    assert_eq!(bench.take(), [READY]);
    bench.device.chatty = true;
    bench.device.card = Some(card("10A8DBFA"));
    bench.exchanges(10);
    assert_eq!(bench.take(), [Report::Card(card("10A8DBFA"))]);
    bench.device.card = Some(card("08A8DBFA"));
    bench.exchanges(2);
    assert_eq!(bench.take(), []);
    assert_eq!(bench.driver.counters().no_card, 2);
    bench.assert_clean();
}

#[test]
fn a_described_reader_puts_octets_and_digits_in_the_order_on_air() {
    let told = |uid: &str, answer: &[u8]| {
        let text = format!(
            "[reader]\nkind = \"uid-frame\"\nmode = \"poll\"\npoll_hex = \"01\"\nframe.until = \"0D\"\nuid = {{ {uid} }}\n"
        );
        let mut driver = described(&text);
        let now = bench::now(0);
        driver.ask(now).expect("a question");
        match driver.hear(now, answer) {
            depotd::driver::Heard::Answer(reports) => {
                reports.into_iter().find(|r| matches!(r, Report::Card(_)))
            }
            other => panic!("{other:?}"),
        }
    };
    let wanted = |uid: &str| Some(Report::Card(card(uid)));
    assert_eq!(told("offset = 0, len = 4", &[1, 2, 3, 4, 0x0D]), wanted("01020304"));
    assert_eq!(told("offset = 0, order = \"lsb\"", &[1, 2, 3, 4, 0x0D]), wanted("04030201"));
    assert_eq!(told("offset = 0, ascii_hex = true", b"04a23B9C\r"), wanted("04A23B9C"));
    // the face of a card: the number of the reversed order
    assert_eq!(told("offset = 0, ascii_dec = true, order = \"lsb\"", b"2621153796\r"), wanted("04A23B9C"));
    assert_eq!(told("offset = 0, ascii_dec = true", b"4294967296\r"), None, "more than four octets");
    assert_eq!(told("offset = 0, ascii_hex = true", b"04a23G9C\r"), None);
}

#[test]
fn a_reader_that_speaks_when_it_likes_is_asked_nothing() {
    let mut reader = described("serial-text");
    assert!(reader.speaks_unasked() && reader.wants().is_none() && reader.load().is_empty());
    assert_eq!(reader.ask(depotd::model::time::Now::default()), None);
}

#[test]
fn frames_that_only_silence_ends_are_found_at_rest() {
    let text = "[reader]\nkind = \"uid-frame\"\nmode = \"poll\"\npoll_hex = \"3F\"\nframe.idle_ms = 20\n\
                frame.start = \"AA\"\nuid = { offset = 1 }\n";
    let driver = described(text);
    let answer = [0xAA, 4, 5, 6, 7];
    assert_eq!(driver.cut(&answer), depotd::wire::Cut::More);
    assert_eq!(driver.cut_at_rest(&answer), depotd::wire::Cut::Frame(5));
    assert_eq!(driver.timing().inter_octet, Duration::from_millis(20));
}

#[test]
fn a_register_reader_without_a_counter_tells_the_edge_to_a_card() {
    let mut bench = modbus(None);
    bench.device.present(card("04A23B9C"));
    bench.exchanges(12);
    assert_eq!(bench.take(), [Report::Card(card("04A23B9C"))], "lying there is one showing, however long");
    bench.device.present(card("10A8DBFA"));
    bench.exchanges(2);
    assert_eq!(bench.take(), [Report::Card(card("10A8DBFA"))]);
    bench.device.remove();
    bench.pass(3_000);
    bench.device.present(card("10A8DBFA"));
    bench.exchanges(2);
    assert_eq!(bench.take(), [Report::Card(card("10A8DBFA"))]);
    bench.device.present(card("08A8DBFA"));
    bench.exchanges(2);
    assert_eq!(bench.take(), []);
    assert_eq!(bench.driver.counters().no_card, 1);
    bench.assert_clean();
}

#[test]
fn a_register_reader_with_a_counter_tells_each_count() {
    let mut bench = modbus(Some(1));
    bench.device.present(card("04A23B9C"));
    bench.exchanges(12);
    assert_eq!(bench.take(), [Report::Card(card("04A23B9C"))]);
    bench.device.present(card("04A23B9C"));
    bench.exchanges(2);
    assert_eq!(bench.take(), [Report::Card(card("04A23B9C"))], "the same card again, never seen to be away");
    bench.device.restart();
    bench.exchanges(2);
    assert_eq!(bench.take(), [], "a counter that begins anew is no card");
    bench.assert_clean();
}

#[test]
fn a_card_of_before_is_no_card_of_now() {
    for counter in [None, Some(1)] {
        let config = uid_modbus::Config { counter, ..uid_modbus::Config::vrd485(7) };
        let mut bench = Bench::new(uid_modbus::Reader::new(config).expect("fits"), UidReader::new(7));
        bench.device.present(card("04A23B9C"));
        bench.exchanges(3);
        assert_eq!(bench.take(), [READY], "it may have stood there for hours");
        bench.deaf = true;
        bench.device.present(card("10A8DBFA"));
        bench.pass(60_000);
        bench.deaf = false;
        bench.probe();
        bench.exchanges(2);
        assert_eq!(bench.take(), [], "shown while nobody listened");
        assert_eq!(bench.driver.counters().stale, 2);
        bench.device.present(card("0A0B0C0D"));
        bench.exchanges(2);
        assert_eq!(bench.take(), [Report::Card(card("0A0B0C0D"))]);
        // one lost answer is not a silence
        bench.deaf = true;
        bench.device.present(card("10A8DBFA"));
        bench.exchange();
        bench.deaf = false;
        bench.exchanges(2);
        assert_eq!(bench.take(), [Report::Card(card("10A8DBFA"))]);
    }
}

#[test]
fn registers_are_read_in_every_byte_order() {
    // 04 A2 3B 9C DD EE 77 in registers 2 to 5
    let told = |skip, octets, low_first, reversed| {
        let uid = Place { register: 2, skip, octets, low_first, reversed };
        let config = uid_modbus::Config { uid, counter: Some(1), ..uid_modbus::Config::vrd485(7) };
        let mut bench = Bench::new(uid_modbus::Reader::new(config).expect("fits"), UidReader::new(7));
        bench.exchange();
        bench.take();
        bench.device.present(card("04A23B9CDDEE77"));
        bench.exchange();
        match &bench.take()[..] {
            [Report::Card(uid)] => uid.to_string(),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(told(0, 7, false, false), "04A23B9CDDEE77");
    assert_eq!(told(0, 4, true, false), "A2049C3B");
    assert_eq!(told(0, 4, false, true), "9C3BA204");
    assert_eq!(told(0, 4, true, true), "3B9C04A2");
    assert_eq!(told(3, 4, false, false), "9CDDEE77");
}

#[test]
fn a_busy_reader_is_asked_again_and_a_refusing_one_is_counted() {
    let mut bench = modbus(None);
    bench.device.busy = 2;
    bench.exchanges(2);
    bench.device.present(card("04A23B9C"));
    bench.exchanges(1);
    assert_eq!(bench.take(), [Report::Card(card("04A23B9C"))]);
    let uid = Place { register: 5, skip: 0, octets: 10, low_first: false, reversed: false };
    let config = uid_modbus::Config { uid, ..uid_modbus::Config::vrd485(7) };
    let mut bench = Bench::new(uid_modbus::Reader::new(config).expect("fits"), UidReader::new(7));
    bench.exchanges(3);
    assert_eq!(bench.take(), []);
    assert_eq!((bench.driver.counters().refused, bench.driver.refusal().map(|e| e.0)), (3, Some(2)));
}

#[test]
fn settings_that_cannot_be_are_refused() {
    use uid_modbus::Unfit;
    let base = uid_modbus::Config::vrd485(7);
    let of = |config: uid_modbus::Config| uid_modbus::Reader::new(config).err();
    assert_eq!(of(uid_modbus::Config { address: 0, ..base.clone() }), Some(Unfit::Address(0)));
    assert_eq!(of(uid_modbus::Config { counter: Some(127), ..base.clone() }), Some(Unfit::Apart));
    assert_eq!(of(uid_modbus::Config { counter: Some(126), ..base.clone() }), None);
    assert_eq!(of(uid_modbus::Config { table: Table::Coils, ..base.clone() }), Some(Unfit::Table));
    let place = |register, octets| Place { register, octets, ..base.uid };
    assert_eq!(of(uid_modbus::Config { uid: place(2, 11), ..base.clone() }), Some(Unfit::Uid(11)));
    assert_eq!(of(uid_modbus::Config { uid: place(u16::MAX, 4), ..base.clone() }), Some(Unfit::Apart));
}
