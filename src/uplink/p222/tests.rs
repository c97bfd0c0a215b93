use super::*;
use crate::model::access::{
    Card, CardStatus, Departure, ListEntries, ListKind, ListStep, Plate, PlateStatus, Vehicle, VehicleStatus,
};
use crate::model::command::{Command, Recall};
use crate::model::ident::{CardUid, ConnectorId, Credential, TransactionNumber};
use crate::model::message::{Decision, Entry, EntryId, Lane, Owed, StartOutcome, StartResult, StationFacts};
use crate::model::money::{Balance, Money, Price};
use crate::model::quantity::Energy;
use crate::model::record::{BillingMode, Segment, StartMode, TransactionRecord, flag};
use crate::model::session::Limit;
use crate::model::stop::StopReason;
use crate::model::time::Utc;
use crate::uplink::Reply;
use crate::wire::hex;
use std::time::Duration;

const PILE: &str = "44030000010001";

fn station() -> DeviceCode {
    "44030012340001".parse().expect("code")
}

fn codec() -> P222 {
    P222::new(Config {
        station: station(),
        secret: Some(Zeroizing::new(b"depot-secret".to_vec())),
        crc: Variant::Ibm3740,
        little_endian: false,
        software: "1.0.0".to_owned(),
        piles: 20,
        connectors: 40,
    })
}

fn time(text: &str) -> Option<Utc> {
    Some(Utc::from_local(text.parse().expect("time")))
}

fn octets(text: &str) -> Vec<u8> {
    hex::parse(text).expect("hex")
}

/// A frame of the platform.
fn down(number: u16, sequence: u32, device: &str, body: &Body) -> Vec<u8> {
    let device: DeviceCode = device.parse().expect("code");
    frame::seal(
        Checksum::default(),
        &Header::request(number, sequence, device.0, false),
        &self::octets::write(body),
    )
}

fn one(codec: &mut P222, octets: &[u8]) -> Incoming {
    let mut all = codec.receive(octets);
    assert_eq!(all.len(), 1, "{all:?}");
    all.remove(0)
}

fn command(number: u16, device: &str, body: &Body) -> Command {
    match one(&mut codec(), &down(number, 1, device, body)) {
        Incoming::Command { command, .. } => command,
        other => panic!("{other:?}"),
    }
}

/// The record of the profile's vector "record".
fn encoded(codec: &mut P222, sequence: u32, outgoing: &Outgoing<'_>) -> Vec<u8> {
    match codec.encode(sequence, outgoing) {
        Encoded::Asked(octets) => octets,
        other => panic!("no question: {other:?}"),
    }
}

fn record() -> TransactionRecord {
    let segment = |code, price, energy, electricity, service| Segment {
        code,
        electricity_price: Price(price),
        service_price: Price(40_000),
        energy: Energy(energy),
        electricity_amount: Money(electricity),
        service_amount: Money(service),
    };
    TransactionRecord {
        txn: "44030000010001012611220830000001".parse().expect("txn"),
        connector: "44030000010001/1".parse().expect("connector"),
        start_mode: StartMode::CardOnline,
        credential: Credential::Card("04A1B2C3".parse().expect("uid")),
        account: "6230010000012345".to_owned(),
        vin: "LC06S24R0H1234567".parse().ok(),
        start_time: time("2026-11-22T08:30:00.000"),
        end_time: time("2026-11-22T09:41:12.250"),
        start_register: Some(Energy(12_345_678_901)),
        end_register: Some(Energy(12_346_802_024)),
        meter_number: "000000000001".to_owned(),
        start_soc: Some(31),
        end_soc: Some(97),
        stop_reason: StopReason::SAME_CARD,
        billing_mode: BillingMode::Pile,
        tariff_number: 20_261_101,
        energy_total: Energy(1_123_123),
        electricity_total: Money(1_072_381),
        service_total: Money(449_249),
        segments: vec![
            segment(2, 105_500, 700_123, 738_630, 280_049),
            segment(3, 78_901, 423_000, 333_751, 169_200),
        ],
        flags: 0,
        number: 1,
        previous_digest: chain_start(station()),
        protocol: Default::default(),
    }
}

#[test]
fn the_record_and_its_chain_are_those_of_the_profile() {
    let body = record_body(&record());
    let pile: DeviceCode = PILE.parse().expect("code");
    assert_eq!(body.len(), 193);
    assert_eq!(
        hex::lower(&record_digest(pile, &body)),
        "e7cddda27f25c0866ab147f20a84f52a792a9c00f4c92d1c7017376f6d479a90"
    );
    assert_eq!(hex::lower(&chain_start(station())), "d459cf43471fe2b6");
    let id = EntryId { lane: Lane::Record, id: 1 };
    let owed = Content::Record(Owed { body: body.clone(), record: Some(Box::new(record())) });
    let entry = Entry { id, device: pile, stored: true, txn: record().txn, content: owed.clone() };
    let sent = encoded(&mut codec(), 46, &Outgoing::Entry(&entry));
    let (header, told) = frame::open(Checksum::default(), &sent).expect("frame");
    assert_eq!(told, body, "the body travels as it was made");
    assert!(header.is_stored());
}

#[test]
fn a_value_that_does_not_fit_is_told_as_the_largest_and_flagged() {
    let told = |record: &TransactionRecord| {
        octets::read(wire::request(0x020A).layout(), &record_body(record), false).expect("record")
    };
    let mut big = record();
    big.energy_total = Energy(1 << 40);
    assert!(!record_fits(&big));
    assert_eq!(told(&big).num("energy_total"), u32::MAX.into());
    assert_eq!(told(&big).num("record_flags"), flag::INCONSISTENT.into());
    let mut negative = record();
    negative.start_register = Some(Energy(-1));
    assert!(!record_fits(&negative));
    assert_eq!(told(&negative).num("record_flags"), flag::INCONSISTENT.into());
    let mut unread = record();
    unread.start_register = None;
    assert!(record_fits(&unread));
    assert_eq!(told(&unread).maybe::<u64>("start_register"), None);
}

#[test]
fn the_login_proves_the_secret_as_the_profile_computes_it() {
    let nonce = std::array::from_fn(|i| i as u8);
    let proof = login::proof(Some(b"depot-secret"), station(), &nonce, time("2026-11-22T08:30:00"));
    assert_eq!(hex::lower(&proof), "ac82c2b438a5a3729df328eb286592ef0afd472fa679a10f0f68a9106abb3ad9");
    assert_eq!(login::proof(None, station(), &nonce, None), [0; 32]);
    let facts = StationFacts {
        boot_counter: 7,
        unsent_records: 3,
        tariff_number: 20_261_101,
        card_list_version: 12,
        vin_list_version: 7,
        plate_list_version: 3,
        ..StationFacts::default()
    };
    let login = Outgoing::Login { facts: &facts, nonce, time: time("2026-11-22T08:30:00") };
    let sent = hex::lower(&encoded(&mut codec(), 1, &login));
    assert!(sent.starts_with(
        "535a7200100001000000010144030012340001312e302e30000000000000000000000014002800070000000300"
    ));
    assert!(sent.contains(&hex::lower(&proof)));
    assert!(!format!("{:?}", codec()).contains("depot-secret"));
}

#[test]
fn the_heartbeat_is_the_frame_of_the_profile() {
    let facts = StationFacts { open_sessions: 2, alarm_level: 2, ..StationFacts::default() };
    let sent = encoded(
        &mut codec(),
        2,
        &Outgoing::Heartbeat { turn: 0, uptime: Duration::from_secs(86_400), facts: &facts },
    );
    assert_eq!(hex::lower(&sent), "535a1a001000020000000201440300123400018051010000000000020002b5ac");
}

#[test]
fn a_start_result_is_the_frame_of_the_profile() {
    let txn: TransactionNumber = "9f3c00ff1e7ad2b4c5d6e7f8091a2b3c".parse().expect("txn");
    let connector: ConnectorId = "44030000010001/2".parse().expect("connector");
    let result = StartResult {
        txn,
        connector,
        result: StartOutcome::Charging,
        vin: "LC06S24R0H1234567".parse().ok(),
        soc: Some(31),
        start_time: time("2026-11-22T08:30:00"),
        start_register: Some(Energy(12_345_678_901)),
        start_mode: StartMode::Remote,
    };
    let id = EntryId { lane: Lane::StartResult, id: 1 };
    let entry =
        Entry { id, device: connector.pile, stored: false, txn, content: Content::StartResult(result) };
    assert_eq!(
        hex::lower(&encoded(&mut codec(), 42, &Outgoing::Entry(&entry))),
        "535a450010002a0000000402440300000100019f3c00ff1e7ad2b4c5d6e7f8091a2b3c020000004c433036533234523048313233343536371f00001e08160b1a351cdcdf02000000026965"
    );
}

#[test]
fn only_a_decision_of_zero_with_a_number_and_a_known_limit_is_a_yes() {
    let accepted = "535a3f00100129000000020244030000010001000044030000010001012611220830000001363233303031303030303031323334350000000087d612000100350c00009fa6";
    let Incoming::Reply { kind: Kind::Authorise, sequence: 41, reply: Reply::Decision(decision) } =
        one(&mut codec(), &octets(accepted))
    else {
        panic!("no decision")
    };
    let Decision::Accepted { grant, wait_for_start: false } = decision else { panic!("{decision:?}") };
    assert_eq!(grant.limit, Limit::Energy(Energy(800_000)));
    assert_eq!((grant.balance, grant.account.as_str()), (Some(Balance(1_234_567)), "6230010000012345"));
    let decided = |body: Body| match charging::decision(&body) {
        Reply::Decision(decision) => decision,
        other => panic!("{other:?}"),
    };
    let yes = wire::reply(0x0202).octets("txn", &[1; 16]);
    assert!(matches!(decided(yes.clone()), Decision::Accepted { .. }));
    assert_eq!(decided(yes.clone().number("limit_kind", 9)), Decision::Refused(12));
    assert_eq!(decided(yes.clone().number("decision", 7).number("reason", 3)), Decision::Refused(3));
    assert_eq!(decided(wire::reply(0x0202)), Decision::Refused(13), "an acceptance without a number");
}

#[test]
fn a_record_is_acknowledged_by_zero_and_one_only() {
    use crate::model::message::Verdict;
    let verdict = |verdict: u8| match record::reply(
        &wire::reply(0x020A).number("verdict", verdict).number("reason", 4),
    ) {
        Reply::Record { verdict, .. } => verdict,
        other => panic!("{other:?}"),
    };
    assert_eq!(verdict(0), Some(Verdict::Taken));
    assert_eq!(verdict(1), Some(Verdict::Taken));
    assert_eq!(verdict(2), Some(Verdict::Refused(4)));
    assert_eq!(verdict(3), None);
    assert_eq!(verdict(255), None);
}

#[test]
fn a_remote_start_carries_its_limits_and_its_vehicle() {
    let frame = "535a4e001000040000000302440300000100019f3c00ff1e7ad2b4c5d6e7f8091a2b3c02040b3133383030303030303030045f00000060ea00004c4330365332345230483132333435363718ffffffff5a0038a5";
    let Incoming::Command { reply_to, command: Command::RemoteStart(start) } =
        one(&mut codec(), &octets(frame))
    else {
        panic!("no remote start")
    };
    assert_eq!((reply_to.kind, reply_to.sequence, start.connector, start.aux_voltage), (0x0203, 4, 2, 24));
    assert_eq!(start.grant.limit, Limit::Soc(95));
    assert_eq!(start.grant.balance, None);
    assert_eq!(start.grant.expected_vin.map(|v| v.to_string()).as_deref(), Some("LC06S24R0H1234567"));
    assert!(!start.unknown_limit);
    let start = |body: Body| match command(0x0203, PILE, &body) {
        Command::RemoteStart(start) => start,
        other => panic!("{other:?}"),
    };
    let plain = wire::request(0x0203).octets("txn", &[1; 16]).number("max_power", 0);
    assert_eq!(start(plain.clone()).expires, Duration::from_secs(90));
    assert_eq!(start(plain.clone()).grant.max_power, None);
    assert!(start(plain.clone().number("limit_kind", 9)).unknown_limit);
    assert!(
        start(plain.clone().text("expected_vin", "IOQ4567890123456I")).unknown_limit,
        "never started unseen"
    );
}

#[test]
fn card_lists_keep_what_the_digest_covers() {
    let frame = "535a680010000a0000000e0244030012340001020c0000000d000000020404a1b2c3363233303031303030303031323334350000000001070000000378e63b171f0c1b07041122334455663632333030313030303030313233343600000000030000000000000000000000008214";
    let Incoming::Command { command: Command::CardList(update), .. } = one(&mut codec(), &octets(frame))
    else {
        panic!("no list")
    };
    let ListStep::Put(cards) = update.step else { panic!("{:?}", update.step) };
    assert_eq!((update.from_version, update.to_version, cards.len()), (12, 13, 2));
    assert_eq!((cards[1].status, cards[1].max_concurrent, cards[1].concurrent()), (CardStatus::Lost, 0, 1));
    let entries = &octets(frame)[19 + 10..octets(frame).len() - 2];
    let (first, second) = entries.split_at(5 + 33);
    let wanted: [u8; 32] = {
        use sha2::{Digest, Sha256};
        Sha256::new().chain_update(second).chain_update(first).finalize().into()
    };
    let sorted = ListEntries::Cards(vec![cards[1], cards[0]].into());
    assert_eq!(list_digest(&sorted), wanted, "sorted by UID: 0411… before 04A1…");
    assert_eq!(
        hex::lower(&list_digest(&ListEntries::Vehicles(Vec::new().into()))),
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    );
    let step = |op: u8, uids: &[&[u8]]| {
        let body =
            wire::request(0x020E).number("op", op).list("entries", uids, |e, uid| e.octets("uid", uid));
        lists::update::<Card>(&body).step
    };
    assert_eq!(step(1, &[]), ListStep::BeginFull);
    assert_eq!(step(4, &[]), ListStep::Commit);
    assert_eq!(step(9, &[]), ListStep::Malformed);
    assert_eq!(step(2, &[&[]]), ListStep::Malformed, "an entry without a key");
    assert_eq!(step(3, &[&[4, 1]]), ListStep::Delete(vec![CardUid::new(&[4, 1]).expect("uid")]));
}

/// What a frame of the profile's vectors asks for.
fn asked(frame: &str) -> Command {
    match one(&mut codec(), &octets(frame)) {
        Incoming::Command { command, .. } => command,
        other => panic!("{other:?}"),
    }
}

#[test]
fn vehicles_come_with_their_cards_and_a_text_that_is_no_vin_is_malformed() {
    let frame = "535a4e0010000c000000100244030012340001020000000006000000014c43303653323452304831323334353637423730333100000000000000e7b2a442443132333435000000000000010404a1b2c35005fca0";
    let Command::VehicleList(update) = asked(frame) else { panic!("no list") };
    let vehicle = Vehicle {
        vin: "LC06S24R0H1234567".parse().expect("VIN"),
        fleet_number: "B7031".into(),
        plate: "粤BD12345".into(),
        status: VehicleStatus::Allowed,
        bound_card: "04A1B2C3".parse().ok(),
        power_percent: 80,
        priority: 5,
    };
    assert_eq!((update.from_version, update.to_version), (0, 6));
    assert_eq!(update.step, ListStep::Put(vec![vehicle]));
    let step = |op: u8, vin: &str| {
        let body =
            wire::request(0x0210).number("op", op).list("entries", &[vin], |e, vin| e.text("vin", vin));
        lists::update::<Vehicle>(&body).step
    };
    assert_eq!(step(2, "LC06S24R0H123456"), ListStep::Malformed);
    assert_eq!(step(2, ""), ListStep::Malformed);
    assert_eq!(step(3, "LC06S24R0H1234567"), ListStep::Delete(vec![vehicle.vin]));
    let ListStep::Put(unknown) = step(2, "LC06S24R0H1234567") else { panic!("refused") };
    assert_eq!(unknown[0].status, VehicleStatus::Refused, "an unknown status refuses");
    let entry = &octets(frame)[19 + 10..octets(frame).len() - 2];
    let wanted: [u8; 32] = <sha2::Sha256 as sha2::Digest>::digest(entry).into();
    assert_eq!(list_digest(&ListEntries::Vehicles(vec![vehicle].into())), wanted);
}

#[test]
fn plates_and_their_digest_are_those_of_the_profile() {
    let frame = "535a440010001800000004054403001234000102020000000300000001e7b2a44231323334350000000000000001000000000000000000000001011b423730333100000000000000ac53";
    let Command::PlateList(update) = asked(frame) else { panic!("no list") };
    let ListStep::Put(plates) = update.step else { panic!("{:?}", update.step) };
    assert_eq!((plates[0].plate, plates[0].fleet_number), ("粤B12345".into(), "B7031".into()));
    assert_eq!((plates[0].valid_from, plates[0].valid_until), (None, time("2027-01-01T00:00:00")));
    let always = |plate: &str, fleet_number: &str| Plate {
        plate: plate.into(),
        status: PlateStatus::Open,
        valid_from: None,
        valid_until: None,
        fleet_number: fleet_number.into(),
    };
    let entries = vec![always("粤B00001", ""), always("粤B12345", "B7031")];
    assert_eq!(
        hex::lower(&list_digest(&ListEntries::Plates(entries.into()))),
        "6fc8590c446707a667b298d2fcef3e461f576826240c952e39877d3969baa241", // platform-222.md 21
    );
    let body = wire::request(0x0504).number("op", 2).list("entries", &[()], |e, ()| e);
    assert_eq!(lists::update::<Plate>(&body).step, ListStep::Malformed, "an entry without a key");
}

#[test]
fn a_departure_plan_names_vehicles_or_is_none() {
    let frame =
        "535a2a0010000e000000120244030012340001014c4330365332345230483132333435363700002805170b1a5f050957";
    let plan = Departure {
        vin: "LC06S24R0H1234567".parse().expect("VIN"),
        depart: time("2026-11-23T05:40:00"),
        target_soc: 95,
        priority: 5,
    };
    assert_eq!(asked(frame), Command::DeparturePlan(Some(vec![plan])));
    let body = wire::request(0x0212).list("entries", &["LC06S24R0H123456"], |e, vin| e.text("vin", vin));
    assert_eq!(lists::departures(&body), None);
}

#[test]
fn what_is_malformed_unknown_or_for_another_station_is_refused_at_once() {
    let refusal = |octets: &[u8]| match one(&mut codec(), octets) {
        Incoming::Respond(answer) => {
            let (header, body) = frame::open(Checksum::default(), &answer).expect("frame");
            assert!(header.is_reply());
            body.to_vec()
        }
        other => panic!("{other:?}"),
    };
    let own = "44030012340001";
    assert_eq!(refusal(&down(0x0308, 30, own, &wire::request(0x0308))), [0xFF]);
    assert_eq!(refusal(&down(0x0101, 1, own, &wire::request(0x0101))), [0xFF], "our own direction");
    assert_eq!(refusal(&down(0x0502, 1, own, &wire::request(0x0502))), [1]);
    assert_eq!(refusal(&down(0x0301, 1, own, &wire::request(0x0301))), [1]);
    assert_eq!(refusal(&down(0x0602, 1, own, &wire::request(0x0602))), [1, 0, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(refusal(&down(0x0104, 1, PILE, &wire::request(0x0104))), [0xFD]);
    assert_eq!(refusal(&down(0x0205, 1, own, &wire::request(0x0205))), [0xFD]);
    assert_eq!(
        refusal(&down(0x0203, 1, own, &wire::request(0x0203))),
        [1],
        "0203 has its own number for that"
    );
    assert_eq!(refusal(&octets("535a170010000100000004014403001234000100001e08160b1a003886")), [0xFE]);
    let short = "535a160010013300000001044403000001000100000000000000169b";
    assert!(
        matches!(one(&mut codec(), &octets(short)), Incoming::Ignored("body_short")),
        "a reply gets none"
    );
}

#[test]
fn every_answer_is_read_by_the_table_of_its_command() {
    let cards = vec![Card {
        uid: "04A1".parse().expect("uid"),
        account: Default::default(),
        status: CardStatus::Allowed,
        group: 0,
        max_concurrent: 1,
        valid_until: None,
    }];
    let answers = [
        (0x0203, Answer::RemoteStart(5)),
        (0x0205, Answer::RemoteStop(2)),
        (0x0104, Answer::Time { result: 0, before: time("2026-11-22T08:29:57.500"), offset_ms: Some(2500) }),
        (0x0107, Answer::Tariff(2)),
        (0x020E, Answer::List(ListKind::Cards, 1, 12)),
        (0x0210, Answer::List(ListKind::Vehicles, 1, 12)),
        (0x0504, Answer::List(ListKind::Plates, 1, 12)),
        (0x020F, Answer::ListDigest(13, ListEntries::Cards(cards.into()))),
        (0x0211, Answer::ListDigest(13, ListEntries::Vehicles(Vec::new().into()))),
        (0x0505, Answer::ListDigest(13, ListEntries::Plates(Vec::new().into()))),
        (0x0212, Answer::DeparturePlan(2)),
        (0x020D, Answer::Balance(1)),
        (0x0109, Answer::Interrogate(0)),
        (0x020B, Answer::Recall(0, 20)),
    ];
    for (kind, answer) in answers {
        let to = ReplyTo { kind, sequence: 9, device: station() };
        let sent = codec().answer(&to, &answer).expect("an answer");
        let (header, body) = frame::open(Checksum::default(), &sent).expect("frame");
        assert_eq!((header.number, header.sequence, header.is_reply()), (kind, 9, true));
        assert!(matches!(wire::judge(Direction::Up, &header, body), Ok(Said::Reply(_))), "{kind:04X}");
        let unknown = codec().answer(&to, &Answer::UnknownDevice).expect("an answer");
        let (_, body) = frame::open(Checksum::default(), &unknown).expect("frame");
        assert_eq!(body, if kind == 0x0203 { [1] } else { [0xFD] });
    }
    let untrusted = commands::answer(0x0104, &Answer::Time { result: 0, before: None, offset_ms: None });
    assert_eq!(untrusted, [0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0x7F]);
}

#[test]
fn recalls_name_what_they_want() {
    let body = |kind: u8| wire::request(0x020B).number("kind", kind);
    let numbers = body(3).number("first_number", 1).number("last_number", 20);
    assert_eq!(command(0x020B, "44030012340001", &numbers), Command::Recall(Recall::Numbers(1, 20)));
    let txn = body(1).octets("txn", &[7; 16]);
    assert_eq!(
        command(0x020B, "44030012340001", &txn),
        Command::Recall(Recall::Transaction(TransactionNumber([7; 16])))
    );
    let times = body(2).time("from_time", time("2026-11-21T00:00:00").map(Utc::local));
    assert_eq!(
        command(0x020B, "44030012340001", &times),
        Command::Recall(Recall::Time(time("2026-11-21T00:00:00"), None))
    );
}
