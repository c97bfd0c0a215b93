//! A card reader of libosdp.

use crate::bench::Bench;
use depotd::driver::Driver;
use depotd::driver::osdp::{Config, Key, Reader};
use depotd::model::ident::DeviceId;
use depotd::model::report::{ReaderStatus, Report};
use depotd::model::request::{Feedback, Order};
use std::time::Duration;

const READER: DeviceId = DeviceId(3);
const KEY: &str = "8F1D6A0B52C93E7740D1A9E6B38C5F24";
const OTHER_KEY: &str = "8F1D6A0B52C93E7740D1A9E6B38C5F25";

fn reader(key: Option<&str>) -> Vec<(DeviceId, Box<dyn Driver>)> {
    let key = key.map(|key| Key::from_secret(key.as_bytes()).expect("a good key"));
    let config = Config { key, poll: Duration::from_millis(100), ..Config::new(5) };
    let mut random = fastrand::Rng::with_seed(7);
    let nonce = Box::new(move || random.u64(..).to_le_bytes());
    vec![(READER, Box::new(Reader::new(config, nonce)))]
}

fn card(report: &Report, uid: &str) -> bool {
    matches!(report, Report::Card(card) if card.to_string() == uid)
}

#[test]
fn a_libosdp_reader_shows_cards_and_lamps_through_the_secure_channel() {
    let mut bench = Bench::new("libosdp_reader.py", &["5", KEY], reader(Some(KEY)));
    bench.until("a reader that is online", |r| {
        matches!(r, Report::Reader(ReaderStatus { secure: true, tamper: false, .. }))
    });
    bench.peer.line_with("secure");
    for uid in ["04A23B9C", "04112233445566"] {
        bench.peer.say(&format!("card {uid}"));
        bench.until("the card", |r| card(r, uid));
    }
    assert_eq!(bench.order(READER, Order::Feedback(Feedback::Accepted)), Ok(()));
    bench.peer.line_with("command led");
    assert_eq!(bench.order(READER, Order::Feedback(Feedback::Refused("Card unknown".to_owned()))), Ok(()));
    bench.peer.line_with("Card unknown");
    bench.peer.line_with("command buzzer");
    let status = bench.until_line("many polls", |s| s.counters.answered > 50);
    assert_eq!(status.counters.timeouts, 0, "every answer came and was believed: {:?}", status.counters);
}

#[test]
fn a_libosdp_reader_without_a_key_is_read_in_plain() {
    let mut bench = Bench::new("libosdp_reader.py", &["5"], reader(None));
    bench.until("a reader that is online", |r| matches!(r, Report::Reader(s) if !s.secure));
    bench.peer.say("card 04A23B9C");
    bench.until("the card", |r| card(r, "04A23B9C"));
}

#[test]
fn a_libosdp_reader_with_another_key_never_shows_a_card() {
    let mut bench = Bench::new("libosdp_reader.py", &["5", OTHER_KEY], reader(Some(KEY)));
    bench.until_line("two handshakes", |s| s.counters.answered >= 6);
    bench.peer.say("card 04A23B9C");
    bench.peer.line_with("shown");
    bench.until_line("one more", |s| s.counters.answered >= 9);
    assert!(
        !bench
            .seen()
            .any(|r| matches!(r, Report::Card(_) | Report::Reader(ReaderStatus { secure: true, .. })))
    );
    assert!(!bench.peer.out().lines().any(|line| line == "secure"));
}
