//! Each rule is shown a station that breaks it.

use super::*;
use crate::model::access::CardStatus;
use crate::model::ident::Credential;
use crate::model::time::ClockTrust;
use crate::wire::platform222::{Receiver, cp56::LocalTime, reply, request};
use sha2::{Digest, Sha256};

const PILE: &str = "44030000010001";
const START: Utc = Utc(1_795_000_000_000);

/// A station made of frames.
struct Station {
    platform: Platform,
    mono: Instant,
    sequence: u32,
    connection: u64,
    previous: [u8; 8],
}

fn now(mono: Instant) -> Now {
    let ms = i64::try_from(mono.0 / 1000).expect("time");
    Now { mono, wall: START.plus_ms(ms), trust: ClockTrust::Ntp }
}

fn station() -> DeviceCode {
    "44030012340001".parse().expect("code")
}

fn pile() -> DeviceCode {
    PILE.parse().expect("code")
}

fn gun() -> ConnectorId {
    ConnectorId { pile: pile(), number: 1 }
}

fn card(uid: &str) -> Card {
    Card {
        uid: uid.parse().expect("uid"),
        account: "6230".into(),
        status: CardStatus::Allowed,
        group: 0,
        max_concurrent: 0,
        valid_until: None,
    }
}

impl Station {
    fn new(config: Config) -> Station {
        let mut previous = [0; 8];
        previous.copy_from_slice(&Sha256::digest(station().0)[..8]);
        let platform = Platform::new(config);
        let mut station = Station { platform, mono: Instant(0), sequence: 0, connection: 0, previous };
        station.connect();
        station
    }

    fn online(config: Config) -> Station {
        let mut station = Station::new(Config { piles: [(pile(), 2)].into(), ..config });
        station.log_in();
        station
    }

    fn connect(&mut self) {
        self.connection += 1;
        self.sequence = 0;
        let _ = self.platform.handle(now(self.mono), Event::Accepted(self.connection));
    }

    fn log_in(&mut self) {
        let mut nonce = [0; 16];
        nonce[0] = self.connection as u8;
        let replies = self.sends(0x0101, station(), request(0x0101).octets("nonce", &nonce), false);
        assert_eq!(replies[0].1[0], 0, "accepted");
        self.sends(0x0103, pile(), request(0x0103).number("kind", 1).number("connectors", 2), false);
        self.sends(0x0105, station(), request(0x0105), false);
    }

    fn later(&mut self, seconds: u64) {
        self.mono = self.mono + Duration::from_secs(seconds);
    }

    /// Sends a request; gives the replies and commands that come back.
    fn sends(&mut self, number: u16, device: DeviceCode, body: Body, stored: bool) -> Vec<(Header, Vec<u8>)> {
        self.sequence += 1;
        self.sends_as(self.sequence, number, device, &octets::write(&body), stored)
    }

    fn sends_as(
        &mut self,
        sequence: u32,
        number: u16,
        device: DeviceCode,
        body: &[u8],
        stored: bool,
    ) -> Vec<(Header, Vec<u8>)> {
        let header = Header::request(number, sequence, device.0, stored);
        self.octets(&frame::seal(Checksum::default(), &header, body))
    }

    fn octets(&mut self, octets: &[u8]) -> Vec<(Header, Vec<u8>)> {
        let actions = self.platform.handle(now(self.mono), Event::Octets(self.connection, octets));
        written(actions)
    }

    fn orders(&mut self, order: Order) -> Vec<(Header, Vec<u8>)> {
        let actions = self.platform.handle(now(self.mono), Event::Order(order));
        written(actions)
    }

    fn answers(&mut self, command: &Header, body: &[u8]) -> Vec<(Header, Vec<u8>)> {
        self.octets(&frame::seal(Checksum::default(), &command.reply(), body))
    }

    /// Exactly the complaints that contain these words, in order.
    #[track_caller]
    fn complains(&self, words: &[&str]) {
        let found = self.platform.complaints();
        let all = found.len() == words.len() && found.iter().zip(words).all(|(c, w)| c.contains(w));
        assert!(all, "wanted {words:?}, found {found:#?}");
    }

    /// A record of 1 kWh under platform billing, begun and ended just now by a local operator.
    fn record(&self, number: u64, serial: u8) -> Body {
        let time = |seconds: i64| Some(now(self.mono).wall.plus_ms(1000 * seconds).local());
        let segment = |entry: Body, _: &()| entry.number("energy", 10_000);
        request(0x020A)
            .octets("txn", &own_txn(serial).0)
            .number("connector", 1)
            .number("start_mode", 6)
            .time("start_time", time(-60))
            .time("end_time", time(0))
            .number("start_register", 1_000)
            .number("end_register", 11_000)
            .number("billing_mode", 1)
            .number("energy_total", 10_000)
            .list("segments", &[()], segment)
            .number("stop_reason", 0x0106)
            .number("record_number", number)
            .octets("previous_digest", &self.previous)
    }

    /// Start result and record of one session; the reply to the record.
    fn session(&mut self, number: u64, serial: u8, change: impl Fn(Body) -> Body) -> Vec<u8> {
        let record = change(self.record(number, serial));
        let start = request(0x0204)
            .octets("txn", record.raw("txn"))
            .number("connector", 1)
            .time("start_time", record.when("start_time"))
            .number("start_register", record.num("start_register"))
            .number("start_mode", 6);
        self.sends(0x0204, pile(), start, false);
        let body = octets::write(&record);
        let replies = self.sends(0x020A, pile(), record, false);
        let digest = Sha256::new().chain_update(pile().0).chain_update(&body).finalize();
        self.previous.copy_from_slice(&digest[..8]);
        replies.last().map(|(_, body)| body[16..].to_vec()).expect("a reply")
    }
}

fn own_txn(serial: u8) -> TransactionNumber {
    format!("{PILE}012611181200{serial:02}0000").parse().expect("txn")
}

fn written(actions: Vec<Action>) -> Vec<(Header, Vec<u8>)> {
    let mut receiver = Receiver::new(Checksum::default());
    let frames = actions.into_iter().filter_map(|action| match action {
        Action::Write(_, octets) => Some(octets),
        Action::Close(_) | Action::Say(_) => None,
    });
    let found: Vec<Found> = frames.flat_map(|octets| receiver.feed(&octets)).collect();
    found
        .into_iter()
        .filter_map(|one| match one {
            Found::Frame { header, body, .. } => Some((header, body)),
            Found::Bad { .. } | Found::Hopeless => None,
        })
        .collect()
}

fn config() -> Config {
    Config::new(station())
}

#[test]
fn a_good_station_hears_no_complaint() {
    let mut station = Station::online(config());
    assert_eq!(station.session(1, 1, |r| r), [0, 0]);
    assert_eq!(station.session(2, 2, |r| r), [0, 0]);
    station.complains(&[]);
    let summary = station.platform.summary();
    assert!(summary.is_clean(), "{summary}");
    assert_eq!((summary.records.len(), summary.energy), (2, 20_000));
}

#[test]
fn the_login_is_judged() {
    let secret = Config { secret: Some(b"x".to_vec()), ..config() };
    let login = |time: LocalTime| request(0x0101).octets("nonce", &[1; 16]).time("time", time);
    let mut one = Station::new(secret.clone());
    assert_eq!(one.sends(0x0101, station(), login(None), false)[0].1[0], 2, "a wrong proof");
    let mut two = Station::new(config());
    assert_eq!(two.sends(0x0101, pile(), login(None), false)[0].1[0], 1, "another station");
    let mut three = Station::new(config());
    let far = Some(START.plus_ms(11 * 60_000).local());
    assert_eq!(three.sends(0x0101, station(), login(far), false)[0].1[0], 2, "eleven minutes off");
    let mut four = Station::new(config());
    assert_eq!(four.sends(0x0101, station(), login(None), false)[0].1[0], 0);
    four.connect();
    assert_eq!(four.sends(0x0101, station(), login(None), false)[0].1[0], 2, "a nonce again");
    let mut five = Station::new(config());
    five.sends(0x0102, station(), request(0x0102), false);
    five.complains(&["0102 without a login"]);
    let mut six = Station::new(config());
    let header = Header { version: 0x20, ..Header::request(0x0101, 1, station().0, false) };
    let octets = frame::seal(Checksum::default(), &header, &octets::write(&login(None)));
    assert_eq!(six.octets(&octets)[0].1[0], 3, "the version is told");
}

#[test]
fn the_order_after_login_is_judged() {
    let mut station = Station::new(Config { piles: [(pile(), 2)].into(), ..config() });
    station.sends(0x0101, self::station(), request(0x0101), false);
    station.sends(0x0201, pile(), request(0x0201).number("connector", 1).number("state", 1), false);
    station.complains(&["0201 before the tariff was settled"]);
    station.sends(0x0105, self::station(), request(0x0105), false);
    station.complains(&["0201 before", "0105 before 0103"]);
}

#[test]
fn sequences_and_repetitions_are_judged() {
    let mut station = Station::online(config());
    let body = octets::write(
        &request(0x0204)
            .octets("txn", &own_txn(1).0)
            .number("connector", 1)
            .number("result", 1)
            .number("reason", 0x0734)
            .number("start_mode", 6),
    );
    station.sends_as(4, 0x0204, pile(), &body, false);
    station.complains(&[]);
    station.later(2);
    station.sends_as(4, 0x0204, pile(), &body, false);
    station.complains(&["sent again after 2000 ms"]);
    for _ in 0..3 {
        station.later(10);
        station.sends_as(4, 0x0204, pile(), &body, false);
    }
    station.complains(&["2000 ms", "sent 5 times"]);
    station.later(10);
    station.sends_as(4, 0x0102, self::station(), &octets::write(&request(0x0102)), false);
    let found = station.platform.complaints();
    assert!(found[2].contains("with other octets"), "{found:#?}");
    station.sends_as(2, 0x0102, self::station(), &octets::write(&request(0x0102)), false);
    assert!(station.platform.complaints().iter().any(|c| c.contains("0102 sequence 2 was sent before")));
    let mut window = Station::online(Config { record_window: 2, ..config() });
    window.orders(Order::Fault(Fault::DropReply, 9));
    for number in 1..=3 {
        let record = window.record(number, number as u8);
        window.sends(0x020A, pile(), record, true);
    }
    assert!(window.platform.complaints().iter().any(|c| c.contains("while 2 of its lane are unanswered")));
}

#[test]
fn the_ledger_wants_every_number_once_and_the_chain_whole() {
    let mut gap = Station::online(config());
    gap.session(2, 1, |r| r);
    gap.complains(&["its number, 1 was due"]);
    assert_eq!(gap.platform.summary().missing, [1]);
    let mut chain = Station::online(config());
    chain.session(1, 1, |r| r.octets("previous_digest", &[7; 8]));
    chain.complains(&["breaks the chain"]);
    let mut twice = Station::online(config());
    twice.session(1, 1, |r| r);
    assert_eq!(twice.session(1, 2, |r| r), [2, 5]);
    assert_eq!(twice.session(2, 1, |r| r)[..1], [2]);
    assert!(twice.platform.complaints().iter().any(|c| c.contains("came again with other content")));
    assert!(twice.platform.complaints().iter().any(|c| c.contains("as record 1 had")));
    assert_eq!(twice.platform.records().len(), 1, "nothing is in the ledger twice");
}

#[test]
fn records_must_add_up() {
    let broken = |change: fn(Body) -> Body| {
        let mut station = Station::online(config());
        let verdict = station.session(1, 1, change);
        (verdict, station.platform.complaints().to_vec())
    };
    let (verdict, complaints) = broken(|r| r.number("energy_total", 9_999));
    assert_eq!(verdict, [2, 2]);
    assert!(complaints.iter().any(|c| c.contains("energy_total is not the sum")), "{complaints:#?}");
    let (verdict, _) = broken(|r| r.number("end_register", 11_001));
    assert_eq!(verdict, [2, 2]);
    let (verdict, _) = broken(|r| r.number("end_register", 11_001).number("record_flags", 1 << 6));
    assert_eq!(verdict, [0, 0], "flagged as inconsistent: taken");
    let (_, complaints) = broken(|r| r.number("electricity_total", 5));
    assert!(complaints.iter().any(|c| c.contains("electricity_total")));
    let (_, complaints) = broken(|r| r.octets("txn", &[0xAB; 16]));
    assert!(complaints.iter().any(|c| c.contains("a number that nobody made")));
    let (_, complaints) = broken(|r| r.number("start_mode", 1));
    assert!(complaints.iter().any(|c| c.contains("online start with a number of the station")));
    let (verdict, complaints) = broken(|r| r.number("billing_mode", 2).number("tariff_number", 9));
    assert_eq!(verdict, [2, 3]);
    assert!(complaints.iter().any(|c| c.contains("tariff 9 is not known")));
    let (_, complaints) = broken(|r| {
        let end = r.when("start_time");
        let start = r.when("end_time");
        r.time("start_time", start).time("end_time", end)
    });
    assert!(complaints.iter().any(|c| c.contains("ends before it begins")));
}

#[test]
fn pile_billing_is_computed_again() {
    use crate::model::money::Price;
    use crate::model::tariff::Tier;
    let tier = Tier { code: 3, electricity: Price(78_901), service: Price(40_000) };
    let tariff = Tariff { number: 7, valid_from: None, tiers: vec![tier], slots: vec![0; 48] };
    let billed = |electricity: i128, price: i128| {
        let mut station = Station::online(Config { tariff: Some(tariff.clone()), ..config() });
        station.sends(0x0106, self::station(), request(0x0106), false);
        let verdict = station.session(1, 1, |r| {
            let segment = |e: Body, _: &()| {
                e.number("code", 3)
                    .number("electricity_price", price)
                    .number("service_price", 40_000)
                    .number("energy", 10_000)
                    .number("electricity_amount", electricity)
                    .number("service_amount", 4_000)
            };
            r.number("billing_mode", 2)
                .number("tariff_number", 7)
                .number("electricity_total", electricity)
                .number("service_total", 4_000)
                .list("segments", &[()], segment)
        });
        (verdict, station.platform.complaints().to_vec())
    };
    assert_eq!(billed(7_890, 78_901), (vec![0, 0], vec![]));
    let (verdict, complaints) = billed(7_891, 78_901);
    assert_eq!(verdict, [2, 2]);
    assert!(complaints[0].contains("electricity_amount 7891 instead of 7890"), "{complaints:#?}");
    let (_, complaints) = billed(7_800, 78_000);
    assert!(complaints[0].contains("is no tier of tariff 7"), "{complaints:#?}");
}

#[test]
fn states_are_judged_against_the_session() {
    let mut station = Station::online(Config { cards: vec![card("04A1")], ..config() });
    let asks = request(0x0202).number("connector", 1).number("start_mode", 1).cred("cred", 1, &[0x04, 0xA1]);
    let decision = station.sends(0x0202, pile(), asks, false);
    let decision = octets::read(reply(0x0202).layout(), &decision[0].1, false).expect("0202r");
    assert_eq!(decision.num("decision"), 0);
    let txn: [u8; 16] = decision.array("txn");
    let state = |state: u8, energy: u32| {
        request(0x0201)
            .octets("txn", &txn)
            .number("connector", 1)
            .number("state", state)
            .number("energy", energy)
    };
    station.sends(0x0201, pile(), state(5, 0), false);
    station.complains(&["state 5 of"]);
    let start = request(0x0204)
        .octets("txn", &txn)
        .number("connector", 1)
        .number("start_register", 1)
        .number("start_mode", 1);
    station.sends(0x0204, pile(), start, false);
    station.sends(0x0201, pile(), state(5, 100), false);
    station.sends(0x0201, pile(), state(5, 99), false);
    station.complains(&["state 5 of", "fell from 100 to 99"]);
    station.sends(0x0201, pile(), state(8, 100), false);
    station.complains(&["state 5 of", "fell from", "state 8 while"]);
    station.sends(0x0201, pile(), request(0x0201).number("connector", 3), false);
    assert!(
        station.platform.complaints()[3].contains("1/3 is not registered")
            || station.platform.complaints()[3].contains("/3 is not registered")
    );
    assert_eq!(station.platform.summary().open.len(), 1);
}

#[test]
fn a_card_that_is_not_known_or_not_allowed_gets_its_reason() {
    let lost = Card { status: CardStatus::Lost, ..card("04A2") };
    let mut station = Station::online(Config { cards: vec![card("04A1"), lost], ..config() });
    let mut reason = |kind: u8, uid: &[u8]| {
        let asks = request(0x0202).number("connector", 1).number("start_mode", 1).cred("cred", kind, uid);
        let replies = station.sends(0x0202, pile(), asks, false);
        (replies[0].1[0], replies[0].1[1])
    };
    assert_eq!(reason(1, &[4, 0xA1]), (0, 0));
    assert_eq!(reason(1, &[4, 0xA2]), (1, 2));
    assert_eq!(reason(1, &[4, 0xA3]), (1, 1));
    assert_eq!(reason(4, b"x"), (1, 12));
}

#[test]
fn commands_are_repeated_and_their_replies_judged() {
    let mut station = Station::online(config());
    let sent = station.orders(Order::Time(None));
    let command = sent[0].0;
    assert_eq!((command.number, command.sequence), (0x0104, 1));
    assert_eq!(station.orders(Order::Time(None)), [], "one unanswered per type and device");
    station.later(10);
    let again = written(station.platform.handle(now(station.mono), Event::Woke));
    assert_eq!(again, sent, "the same sequence and octets");
    station.complains(&["not answered in 5 s"]);
    let next = station.answers(&command, &octets::write(&reply(0x0104)));
    assert_eq!(next[0].0.sequence, 2, "now the second one");
    station.answers(&command, &octets::write(&reply(0x0104)));
    station.complains(&["not answered in 5 s"]);
    station.answers(&command, &octets::write(&reply(0x0104).number("result", 2)));
    station.complains(&["5 s", "another reply to the repeated", "more replies than commands"]);
    station.answers(&next[0].0, &octets::write(&reply(0x0104)));
    let start = Order::Start {
        connector: gun(),
        txn: None,
        credential: Credential::None,
        expected_vin: None,
        limit: (0, 0),
        expires: 0,
    };
    let sent = station.orders(start);
    assert_eq!(sent[0].0.number, 0x0203);
    station.answers(&sent[0].0, &[0]);
    assert_eq!(station.platform.answers().last().and_then(Answered::result), Some(0));
    station.later(30);
    station.sends(0x0102, self::station(), request(0x0102), false);
    let before = station.platform.complaints().len();
    for _ in 0..5 {
        station.later(20);
        station.sends(0x0102, self::station(), request(0x0102), false);
    }
    let found = &station.platform.complaints()[before..];
    assert!(found.iter().any(|c| c.contains("no start result of")), "{found:#?}");
}

#[test]
fn the_card_list_is_brought_over_in_order_and_its_digest_compared() {
    let cards: Vec<Card> = (0..100u8).map(|n| card(&format!("04A1{n:02X}"))).collect();
    let mut station = Station::online(Config { cards, card_list_version: 5, ..config() });
    let mut steps = Vec::new();
    let mut versions = 0;
    let mut next: Vec<(Header, Vec<u8>)> = Vec::new();
    // The list was due at login: its first message came with the reply; ask for it again by waiting.
    station.later(10);
    next.extend(written(station.platform.handle(now(station.mono), Event::Woke)));
    while let Some((command, body)) = next.pop() {
        steps.push((command.number, body.first().copied().unwrap_or(0)));
        let answer = match command.number {
            0x020E => {
                versions = u32::from_le_bytes([body[5], body[6], body[7], body[8]]);
                octets::write(&reply(0x020E).number("version", versions))
            }
            _ => octets::write(&reply(0x020F).number("version", versions).number("count", 100)),
        };
        next.extend(station.answers(&command, &answer));
    }
    assert_eq!(steps, [(0x020E, 1), (0x020E, 2), (0x020E, 2), (0x020E, 4), (0x020F, 0)]);
    assert_eq!(versions, 5);
    assert!(station.platform.complaints().iter().any(|c| c.contains("the digest of card list 5 differs")));
}

#[test]
fn what_is_no_frame_is_a_complaint() {
    let mut station = Station::online(config());
    let good = |sequence: u32| {
        frame::seal(
            Checksum::default(),
            &Header::request(0x0102, sequence, self::station().0, false),
            &octets::write(&request(0x0102)),
        )
    };
    station.later(20);
    let mut noisy = vec![1, 2, 3];
    noisy.extend(good(4));
    assert_eq!(station.octets(&noisy).len(), 1);
    station.complains(&["octets between frames"]);
    let mut bad = good(5);
    bad[20] ^= 1;
    assert_eq!(station.octets(&bad).len(), 0);
    assert!(station.platform.complaints()[1].contains("bad_crc"));
    let refused = station.sends_as(6, 0x0104, self::station(), &[0; 7], false);
    assert_eq!(refused[0].1, [0xFF], "a request of the other direction");
}

#[test]
fn four_silent_periods_end_the_connection() {
    let mut station = Station::online(config());
    let until = station.platform.wake_at().expect("a deadline");
    assert_eq!(until, Instant(80_000_000));
    let actions = station.platform.handle(now(until), Event::Woke);
    assert!(actions.contains(&Action::Close(1)), "{actions:?}");
    assert!(!station.platform.is_online());
    assert!(!Station::online(config()).platform.complaints().iter().any(|c| c.contains("silent")));
}

fn alarm(id: u64, code: u16, level: u8, raised: u8) -> Body {
    request(0x0401)
        .number("id", id)
        .number("code", code)
        .number("level", level)
        .number("raised", raised)
        .number("device_class", code >> 8)
        .number("index", 1)
        .number("connector", 1)
}

fn listed(part: u8, parts: u8, ids: &[u64]) -> Body {
    request(0x0402).number("part", part).number("parts", parts).list("entries", ids, |entry, id| {
        let entry = entry.number("id", *id).number("code", 0x0115).number("level", 2).number("class", 1);
        entry.number("index", *id as u16).number("connector", 1)
    })
}

#[test]
fn alarms_alternate_by_key_after_a_whole_list_and_with_the_levels_of_the_table() {
    let mut station = Station::online(Config::new(station()));
    station.sends(0x0402, self::station(), listed(1, 1, &[]), false);
    for raised in [1, 0] {
        let replies = station.sends(0x0401, pile(), alarm(7, 0x0115, 2, raised), false);
        assert_eq!(replies[0].1, 7_u64.to_le_bytes());
    }
    station.complains(&[]);
    station.sends(0x0401, pile(), alarm(7, 0x0115, 2, 1), false);
    station.sends(0x0401, pile(), alarm(8, 0x0115, 2, 0), false);
    station.sends(0x0401, pile(), alarm(9, 0x0101, 2, 1), false);
    station.sends(0x0401, pile(), alarm(10, 0x0101, 1, 1), false);
    station.complains(&[
        "raised again",
        "never raised",
        "0101 with level 2",
        "while 9 of the same key is open",
    ]);
}

#[test]
fn a_list_is_whole_and_never_older_than_an_event() {
    let mut station = Station::online(Config::new(station()));
    station.sends(0x0401, pile(), alarm(3, 0x0115, 2, 1), false);
    station.complains(&["before the open alarms"]);
    let many: Vec<u64> = (1..=130).collect();
    station.sends(0x0402, self::station(), listed(1, 2, &many[..128]), false);
    assert_eq!(station.platform.open_alarms().count(), 1, "half a list is none");
    station.sends(0x0402, self::station(), listed(2, 2, &many[128..]), false);
    assert_eq!(station.platform.open_alarms().count(), 130);
    station.sends(0x0401, pile(), alarm(3, 0x0115, 2, 0), false);
    station.sends(0x0402, self::station(), listed(2, 2, &many[128..]), false);
    station.sends(0x0402, self::station(), listed(1, 1, &[3]), false);
    station.complains(&["before the open", "another one", "part 2 of 2", "3 is listed and was cleared"]);
}
