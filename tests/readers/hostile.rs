//! Damage on the line: nothing that was not on a reader may become a card.

use super::bench::{Bench, Mangle, card, now};
use super::{described, mingte, modbus};
use depotd::driver::{Driver, Foreign, Heard, mt62x};
use depotd::model::report::Report;
use depotd::sim::mt62x::Mt62x;
use depotd::wire::mt62x::{Command, Frame};
use proptest::prelude::*;

fn cards(reports: Vec<Report>) -> Vec<String> {
    reports
        .into_iter()
        .filter_map(|r| if let Report::Card(uid) = r { Some(uid.to_string()) } else { None })
        .collect()
}

#[test]
fn our_own_echo_is_never_an_answer() {
    let mut bench = mingte();
    bench.device.card = Some(card("10A8DBFA"));
    let mut drivers: [Box<dyn Driver>; 3] = [
        Box::new(mt62x::Reader::new(mt62x::Config::default())),
        Box::new(described("mt625-uid")),
        Box::new(modbus(None).driver),
    ];
    for driver in &mut drivers {
        let question = driver.ask(now(60_000)).expect("a question").octets;
        assert_eq!(driver.hear(now(60_000), &question), Heard::Foreign(Foreign::Echo));
    }
}

#[test]
fn an_answer_to_another_question_is_not_the_answer() {
    let mut driver = mt62x::Reader::new(mt62x::Config::default());
    let serial = Frame { command: Command::SERIAL, data: &[0x59, 1, 2, 3, 4] }.encode();
    assert_eq!(driver.hear(now(0), &serial), Heard::Foreign(Foreign::Question), "nothing was asked");
    driver.ask(now(0)).expect("the search");
    assert_eq!(driver.hear(now(10), &serial), Heard::Foreign(Foreign::Question), "a late number");
    let yes = Frame { command: Command::FIND, data: b"Y" }.encode();
    assert!(matches!(driver.hear(now(20), &yes), Heard::Answer(_)));
    driver.ask(now(20)).expect("the number");
    driver.unanswered(now(400));
    driver.ask(now(900)).expect("the search");
    assert_eq!(driver.hear(now(910), &serial), Heard::Foreign(Foreign::Question), "late after a time-out");
}

#[test]
fn a_register_reader_believes_its_own_answers_only() {
    let mut bench = modbus(None);
    bench.device.station.address = 8;
    let question = bench.driver.ask(bench.now).expect("a question");
    let foreign = [8_u8, 3, 4, 1, 2, 3, 4];
    let crc = depotd::wire::modbus::frame::checksum(&foreign);
    let frame = [&foreign[..], &crc].concat();
    assert_eq!(bench.driver.hear(bench.now, &frame), Heard::Foreign(Foreign::Address));
    let short = [7_u8, 3, 2, 1, 2];
    let crc = depotd::wire::modbus::frame::checksum(&short);
    let frame = [&short[..], &crc].concat();
    assert_eq!(bench.driver.hear(bench.now, &frame), Heard::Foreign(Foreign::Question));
    assert_eq!(question.octets[..6], [7, 3, 0, 2, 0, 2]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn one_damaged_octet_in_each_answer_never_makes_a_card(seed in any::<u64>()) {
        let mut random = fastrand::Rng::with_seed(seed);
        let mangle = move |mut answer: Vec<u8>| {
            let at = random.usize(..answer.len());
            answer[at] ^= random.u8(1..);
            answer
        };
        let mut mingte = mingte();
        mingte.device.card = Some(card("10A8DBFA"));
        mingte.mangle = Some(Box::new(mangle.clone()) as Mangle);
        mingte.exchanges(20);
        prop_assert_eq!(cards(mingte.take()), Vec::<String>::new());
        let mut bench = Bench::new(described("mt625-uid"), Mt62x::new(None));
        bench.device.card = Some(card("10A8DBFA"));
        bench.mangle = Some(Box::new(mangle.clone()));
        bench.exchanges(20);
        prop_assert_eq!(cards(bench.take()), Vec::<String>::new());
        let mut registers = modbus(Some(1));
        registers.device.present(card("10A8DBFA"));
        registers.mangle = Some(Box::new(mangle));
        registers.exchanges(20);
        prop_assert_eq!(cards(registers.take()), Vec::<String>::new());
    }

    #[test]
    fn noise_around_answers_never_makes_another_card(seed in any::<u64>()) {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut noise = move |longest| -> Vec<u8> { (0..random.usize(..longest)).map(|_| random.u8(..)).collect() };
        let mut bench = mingte();
        bench.device.card = Some(card("10A8DBFA"));
        bench.mangle = Some(Box::new(move |answer| [noise(6), answer, noise(6)].concat()));
        bench.exchanges(40);
        let found = cards(bench.take());
        prop_assert!(found.iter().all(|uid| uid == "10A8DBFA"), "{found:?}");
    }

    #[test]
    fn no_octets_upset_a_driver(octets in prop::collection::vec(any::<u8>(), 0..80)) {
        let mut drivers: [Box<dyn Driver>; 3] = [
            Box::new(mt62x::Reader::new(mt62x::Config::default())),
            Box::new(described("mt625-uid")),
            Box::new(modbus(Some(1)).driver),
        ];
        for driver in &mut drivers {
            driver.ask(now(60_000));
            let _ = (driver.cut(&octets), driver.cut_at_rest(&octets), driver.hear(now(60_010), &octets));
        }
    }
}
