use super::wire::field::{Ascii, Bcd, Counted, Raw};
use super::wire::layout::Group;
use super::wire::message::card::{CardNumber, CardQuery, CardQueryReply, CardSync, OfflineCard};
use super::wire::message::charging::Realtime as Frame13;
use super::wire::message::login::{Heartbeat, Login, TimeReply, TimeSet};
use super::wire::message::maintenance::{Reboot, RebootReply};
use super::wire::message::record::{BalanceReply, BalanceUpdate};
use super::wire::message::start::{RemoteStart, RemoteStartReply, RemoteStop, RemoteStopReply};
use super::wire::message::tariff::ModelSet;
use super::wire::time::Cp56;
use super::*;
use crate::model::access::{Card, CardStatus, ListEntries, ListKind, ListStep};
use crate::model::alarm::{Alarm, AlarmEvent};
use crate::model::command::{self, Command};
use crate::model::ident::{CardUid, Credential};
use crate::model::message::{
    AuthoriseRequest, Decision, EntryId, Lane, Owed, Realtime, StartOutcome, StartResult, StationFacts,
    Verdict,
};
use crate::model::money::{Balance, Money, Price};
use crate::model::quantity::Energy;
use crate::model::record::{BillingMode, Protocol, Segment, StartMode, TransactionRecord};
use crate::model::session::ConnectorState;
use crate::model::stop::StopReason;
use crate::model::time::Utc;
use std::time::Duration;

const NOON: Utc = Utc(1_795_320_000_000);

fn code(text: &str) -> DeviceCode {
    text.parse().unwrap()
}

fn pile() -> DeviceCode {
    code("44030600000001")
}

fn station() -> DeviceCode {
    code("44030612340001")
}

fn codec() -> Ykc16 {
    let pile = |code, connectors: &[u8]| Pile { code, dc: true, connectors: connectors.to_vec() };
    let piles = vec![pile(pile_code(1), &[1, 2]), pile(pile_code(2), &[1])];
    Ykc16::new(Config { station: station(), piles, software: "1.2.3-long".to_owned() })
}

fn pile_code(n: u8) -> DeviceCode {
    code(&format!("4403060000000{n}"))
}

fn txn() -> TransactionNumber {
    "44030600000001012611220830000001".parse().unwrap()
}

fn connector() -> ConnectorId {
    ConnectorId { pile: pile(), number: 1 }
}

fn card() -> CardUid {
    "04A1B2C3".parse().unwrap()
}

fn read<M: Message>(octets: &[u8]) -> ([u8; 2], M) {
    let frame = frame::open(octets).unwrap();
    let message =
        wire::open(&frame).unwrap().read().unwrap_or_else(|| panic!("another type: {:02X}", octets[5]));
    (frame.header.sequence, message)
}

fn question<M: Message>(codec: &mut Ykc16, sequence: u32, outgoing: &Outgoing<'_>) -> ([u8; 2], M) {
    match codec.encode(sequence, outgoing) {
        Encoded::Asked(octets) => read(&octets),
        other => panic!("no question: {other:?}"),
    }
}

fn statement<M: Message>(codec: &mut Ykc16, outgoing: &Outgoing<'_>) -> M {
    match codec.encode(9, outgoing) {
        Encoded::Told(frames) => read(frames.first().expect("a frame")).1,
        other => panic!("no statement: {other:?}"),
    }
}

fn hear<M: Message>(codec: &mut Ykc16, message: &M, wire: [u8; 2]) -> Vec<Incoming> {
    codec.receive(&wire::write(message, wire))
}

/// A command that the station is to answer, and its frame with this answer.
fn commanded<M: Message>(codec: &mut Ykc16, message: &M, answer: &Answer) -> (Command, Option<Vec<u8>>) {
    match hear(codec, message, [7, 9]).pop() {
        Some(Incoming::Command { reply_to, command }) => (command, codec.answer(&reply_to, answer)),
        other => panic!("no command: {other:?}"),
    }
}

fn answered<M: Message, R: Message>(codec: &mut Ykc16, message: &M, answer: &Answer) -> (Command, R) {
    let (command, octets) = commanded(codec, message, answer);
    let (wire, reply) = read(&octets.expect("an answer"));
    assert_eq!(wire, [7, 9], "the answer repeats the number of the command");
    (command, reply)
}

fn refused<M: Message, R: Message>(codec: &mut Ykc16, message: &M) -> R {
    match hear(codec, message, [7, 9]).as_slice() {
        [Incoming::Respond(octets)] => read(octets).1,
        other => panic!("not refused: {other:?}"),
    }
}

fn login(codec: &mut Ykc16) -> ([u8; 2], Login) {
    let facts = StationFacts::default();
    question(codec, 1, &Outgoing::Login { facts: &facts, nonce: [0; 16], time: None })
}

fn asks(credential: Credential) -> AuthoriseRequest {
    AuthoriseRequest {
        connector: connector(),
        start_mode: StartMode::CardOnline,
        credential,
        plugged: Some(true),
        soc: None,
    }
}

fn decision(ok: u8, balance: u32) -> StartDecision {
    StartDecision {
        serial: values::serial(txn()),
        pile: Bcd(pile().0),
        gun: Bcd([1]),
        card_logic: Bcd([0, 0, 0, 0x62, 0x30, 0x10, 0x00, 0x01]),
        balance,
        ok,
        reason: 0,
    }
}

fn record() -> TransactionRecord {
    let segment = |code, electricity, energy: i64, amount| Segment {
        code,
        electricity_price: Price(electricity),
        service_price: Price(40_000),
        energy: Energy(energy),
        electricity_amount: Money(amount),
        service_amount: Money(energy * 4 / 10),
    };
    let segments = vec![
        segment(1, 120_000, 50_000, 60_000),
        segment(4, 30_000, 20_000, 6_000),
        segment(5, 20_000, 10_000, 2_000),
    ];
    TransactionRecord {
        txn: txn(),
        connector: connector(),
        start_mode: StartMode::CardOffline,
        credential: Credential::Card(card()),
        account: "6230100001".to_owned(),
        vin: Some("LTESTVANXBUS00001".parse().unwrap()),
        start_time: Some(NOON),
        end_time: Some(NOON.plus_ms(3_600_000)),
        start_register: Some(Energy(1_000_000)),
        end_register: Some(Energy(1_080_000)),
        meter_number: "000000000001".to_owned(),
        start_soc: Some(20),
        end_soc: Some(80),
        stop_reason: StopReason::SAME_CARD,
        billing_mode: BillingMode::Pile,
        tariff_number: 1,
        energy_total: Energy(80_000),
        electricity_total: Money(68_000),
        service_total: Money(32_000),
        segments,
        flags: 1,
        number: 5,
        previous_digest: [7; 8],
        protocol: Protocol::Ykc16,
    }
}

fn entry(content: Content) -> Entry {
    let id = EntryId { lane: Lane::Record, id: 5 };
    Entry { id, device: pile(), stored: true, txn: txn(), content }
}

fn owed(body: Vec<u8>, record: TransactionRecord) -> Entry {
    entry(Content::Record(Owed { body, record: Some(Box::new(record)) }))
}

#[test]
fn each_pile_logs_in_on_the_connection_and_each_connector_beats() {
    let mut codec = codec();
    let (wire, first) = login(&mut codec);
    assert_eq!((wire, first.pile, first.guns, first.proto_ver), ([0, 0], Bcd(pile().0), 2, 16));
    assert_eq!(first.sw_ver, Ascii::new("1.2.3-lo").unwrap());
    let accepted = |pile: DeviceCode| LoginReply { pile: Bcd(pile.0), result: 0 };
    let heard = hear(&mut codec, &accepted(pile()), wire);
    assert!(matches!(
        heard[..],
        [Incoming::Reply { kind: Kind::Login, sequence: 1, reply: Reply::Login(_) }]
    ));
    let register = |pile| crate::model::message::PileRegister {
        pile,
        kind: 1,
        connectors: 1,
        rated_power: crate::model::quantity::Power(1),
        max_voltage: None,
        max_current: None,
        billing_mode: BillingMode::Pile,
        meter_kind: 1,
        model: String::new(),
    };
    assert_eq!(codec.encode(2, &Outgoing::PileRegister(&register(pile_code(1)))), Encoded::Told(Vec::new()));
    let (wire, second) = question::<Login>(&mut codec, 3, &Outgoing::PileRegister(&register(pile_code(2))));
    assert_eq!((wire, second.pile), ([1, 0], Bcd(pile_code(2).0)));
    let refusal = LoginReply { result: 1, ..accepted(pile_code(2)) };
    let heard = hear(&mut codec, &refusal, wire);
    assert_eq!(
        heard,
        [Incoming::Reply { kind: Kind::PileRegister, sequence: 3, reply: Reply::PileRegister(1) }]
    );

    assert_eq!((codec.manners().heartbeats, codec.manners().tariff_checks), (3, 2));
    let faulted = Realtime { connector: connector(), state: ConnectorState::Faulted, ..Realtime::default() };
    assert_eq!(statement::<Frame13>(&mut codec, &Outgoing::Realtime(&faulted)).state, 1);
    let facts = StationFacts::default();
    let beats: Vec<_> = (0..4)
        .map(|turn| {
            statement::<Heartbeat>(
                &mut codec,
                &Outgoing::Heartbeat { turn, uptime: Duration::ZERO, facts: &facts },
            )
        })
        .map(|beat| (beat.pile.0[6], beat.gun.0[0], beat.state))
        .collect();
    assert_eq!(beats, [(1, 1, 1), (1, 2, 0), (2, 1, 0), (1, 1, 1)]);
}

#[test]
fn an_ascii_zero_is_not_an_accepted_login() {
    let mut codec = codec();
    let (wire, _) = login(&mut codec);
    let heard = hear(&mut codec, &LoginReply { pile: Bcd(pile().0), result: 0x30 }, wire);
    let [Incoming::Reply { reply: Reply::Login(reply), .. }] = &heard[..] else { panic!("{heard:?}") };
    assert_ne!(reply.result, 0);
}

#[test]
fn a_card_is_asked_about_and_the_decision_is_known_by_its_connector() {
    let mut codec = codec();
    let asks = asks(Credential::Card(card()));
    let (_, asked) = question::<StartRequest>(&mut codec, 4, &Outgoing::Authorise(&asks));
    assert_eq!((asked.mode, asked.card_phys), (1, Raw([0, 0, 0, 0, 4, 0xA1, 0xB2, 0xC3])));
    let heard = hear(&mut codec, &decision(1, 12_345), [0x55, 0x55]);
    let [Incoming::Departs(_), Incoming::Reply { kind: Kind::Authorise, sequence: 4, reply }] = &heard[..]
    else {
        panic!("{heard:?}")
    };
    let Reply::Decision(Decision::Accepted { grant, wait_for_start: false }) = reply else {
        panic!("{reply:?}")
    };
    assert_eq!(
        (grant.txn, grant.account.as_str(), grant.balance),
        (txn(), "6230100001", Some(Balance(12_345)))
    );
    assert_eq!(hear(&mut codec, &decision(1, 1), [0, 0]), [Incoming::Ignored("answered before")]);
}

#[test]
fn only_a_one_lets_charge_and_a_short_decision_is_none() {
    for (ok, balance, wanted) in [(0, 1, false), (0x31, 1, false), (1, 1, true), (1, u32::MAX, true)] {
        let Reply::Decision(told) = charging::decision(&decision(ok, balance)) else { panic!("no decision") };
        assert_eq!(matches!(told, Decision::Accepted { .. }), wanted, "{ok}");
        if let Decision::Accepted { grant, .. } = told {
            assert_eq!(grant.balance.is_some(), balance == 1, "an impossible balance is not known");
        }
    }
    let mut codec = codec();
    let asks = asks(Credential::Card(card()));
    let (wire, _) = question::<StartRequest>(&mut codec, 4, &Outgoing::Authorise(&asks));
    let mut body = decision(1, 1).body();
    body.truncate(36);
    let header = Header { sequence: wire, encryption: 0, kind: StartDecision::NUMBER };
    assert_eq!(codec.receive(&frame::seal(header, &body, Order::LowFirst)), [Incoming::Ignored("body")]);
}

#[test]
fn a_vin_is_asked_about_backwards_and_told_forwards() {
    let vin = "LTESTVANXBUS00001".parse().unwrap();
    let (_, asked) =
        question::<StartRequest>(&mut codec(), 4, &Outgoing::Authorise(&asks(Credential::Vin(vin))));
    assert_eq!((asked.mode, asked.vin.text()), (3, Some("10000SUBXNAVTSETL")));
    let plate = asks(Credential::Plate("粤B12345".to_owned()));
    assert_eq!(codec().encode(4, &Outgoing::Authorise(&plate)), Encoded::Unsayable);
}

#[test]
fn what_the_ledger_keeps_is_the_sent_body_and_its_place_in_the_chain() {
    let kept = record_body(&record());
    assert_eq!(kept.len(), 158 + 16);
    assert_eq!(kept[158..166], 5_u64.to_be_bytes());
    assert_eq!(kept[166..], [7; 8]);
    let (_, told) = question::<Record>(&mut codec(), 8, &Outgoing::Entry(&owed(kept.clone(), record())));
    assert_eq!(told.body(), kept[..158]);
    assert_eq!((told.flag, told.stop, told.total_kwh, told.total_amount), (4, 0x45, 80_000, 100_000));
    assert_eq!((told.tip_price, told.tip_kwh, told.tip_amount), (160_000, 50_000, 80_000));
    assert_eq!(
        (told.valley_price, told.valley_kwh, told.valley_amount),
        (70_000, 30_000, 20_000),
        "deep valley is valley"
    );
    assert_eq!((told.meter_start.get(), told.meter_end.get()), (1_000_000, 1_080_000));
    assert_eq!((values::utc(told.start), values::utc(told.end)), (Some(NOON), Some(NOON.plus_ms(3_600_000))));
    assert!(record_fits(&record()));
}

#[test]
fn a_record_that_was_made_for_profile_222_is_delivered_too() {
    let made = TransactionRecord { protocol: Protocol::Profile222, ..record() };
    let kept = crate::uplink::record::body(&made);
    let (_, told) = question::<Record>(&mut codec(), 8, &Outgoing::Entry(&owed(kept.clone(), made)));
    assert_eq!(told.body(), record_body(&record())[..158]);
    let unreadable = entry(Content::Record(Owed { body: kept, record: None }));
    assert_eq!(codec().encode(8, &Outgoing::Entry(&unreadable)), Encoded::Unsayable, "kept, never dropped");
}

#[test]
fn a_stored_body_is_sent_as_it_was_made_even_if_it_would_be_made_otherwise_today() {
    let mut kept = record_body(&record());
    kept[40] ^= 0x55;
    let (_, told) = question::<Record>(&mut codec(), 8, &Outgoing::Entry(&owed(kept.clone(), record())));
    assert_eq!(told.body(), kept[..158]);
}

#[test]
fn only_zero_takes_a_record_and_only_one_refuses_it() {
    for (result, verdict) in
        [(0, Some(Verdict::Taken)), (1, Some(Verdict::Refused(1))), (0x30, None), (2, None)]
    {
        let mut codec = codec();
        let body = record_body(&record());
        question::<Record>(&mut codec, 8, &Outgoing::Entry(&owed(body, record())));
        let heard = hear(&mut codec, &RecordAck { serial: values::serial(txn()), result }, [0, 0]);
        let reply = Reply::Record { txn: txn(), verdict };
        assert_eq!(heard, [Incoming::Reply { kind: Kind::Record, sequence: 8, reply }]);
    }
}

#[test]
fn a_value_that_does_not_fit_is_told_as_the_largest() {
    let huge = TransactionRecord { energy_total: Energy(1 << 40), ..record() };
    assert!(!record_fits(&huge));
    assert!(record_body(&huge).windows(4).any(|w| w == [0xFF; 4]));
    let long = Credential::Card("04A1B2C3D4E5F6A7B8".parse().unwrap());
    assert!(!record_fits(&TransactionRecord { credential: long, ..record() }));
}

fn start(number: u8) -> RemoteStart {
    RemoteStart {
        serial: values::serial(txn()),
        pile: Bcd(pile().0),
        gun: values::gun(number),
        card_logic: Bcd([0x62; 8]),
        card_phys: values::card_phys(&card()).unwrap(),
        balance: 5_000,
    }
}

#[test]
fn a_remote_start_carries_the_card_that_may_stop_it() {
    let mut codec = codec();
    let (command, reply) = answered::<_, RemoteStartReply>(&mut codec, &start(1), &Answer::RemoteStart(0));
    let Command::RemoteStart(command::RemoteStart { connector: 1, grant, .. }) = command else {
        panic!("{command:?}")
    };
    assert_eq!(
        (grant.txn, grant.also_stops, grant.balance),
        (txn(), Credential::Card(card()), Some(Balance(5_000)))
    );
    assert_eq!((reply.serial, reply.ok, reply.reason), (values::serial(txn()), 1, 0));
    for (result, reason) in [(1, 1), (2, 2), (4, 4), (8, 3), (10, 2)] {
        let (_, reply) = answered::<_, RemoteStartReply>(&mut codec, &start(1), &Answer::RemoteStart(result));
        assert_eq!((reply.ok, reply.reason), (0, reason), "{result}");
    }
}

#[test]
fn a_plug_that_comes_in_time_is_told_once_and_a_start_without_wait_is_not() {
    let result = |outcome| {
        entry(Content::StartResult(StartResult {
            txn: txn(),
            connector: connector(),
            result: outcome,
            vin: None,
            soc: None,
            start_time: None,
            start_register: None,
            start_mode: StartMode::Remote,
        }))
    };
    let mut codec = codec();
    assert_eq!(codec.encode(1, &Outgoing::Entry(&result(StartOutcome::Charging))), Encoded::Told(Vec::new()));
    let (_, reply) = answered::<_, RemoteStartReply>(&mut codec, &start(1), &Answer::RemoteStart(5));
    assert_eq!((reply.ok, reply.reason), (0, 5));
    let second: RemoteStartReply = statement(&mut codec, &Outgoing::Entry(&result(StartOutcome::Charging)));
    assert_eq!((second.ok, second.reason, second.serial), (1, 0, values::serial(txn())));
    assert_eq!(codec.encode(3, &Outgoing::Entry(&result(StartOutcome::Charging))), Encoded::Told(Vec::new()));
    answered::<_, RemoteStartReply>(&mut codec, &start(1), &Answer::RemoteStart(5));
    let lapsed = result(StartOutcome::NotStarted(StopReason::NOT_PLUGGED));
    assert_eq!(codec.encode(4, &Outgoing::Entry(&lapsed)), Encoded::Told(Vec::new()));
}

#[test]
fn a_stop_of_the_same_number_twice_is_two_stops() {
    let mut codec = codec();
    let stop = RemoteStop { pile: Bcd(pile().0), gun: Bcd([2]) };
    let names: Vec<u32> = (0..2)
        .map(|_| match hear(&mut codec, &stop, [0, 0]).as_slice() {
            [Incoming::Command { reply_to, command: Command::RemoteStop { connector: 2, .. } }] => {
                reply_to.sequence
            }
            other => panic!("{other:?}"),
        })
        .collect();
    assert_ne!(names[0], names[1], "platforms number all their frames 0");
    let (_, reply) = answered::<_, RemoteStopReply>(&mut codec, &stop, &Answer::RemoteStop(1));
    assert_eq!((reply.ok, reply.reason), (0, 2));
    let elsewhere: RemoteStopReply = refused(&mut codec, &RemoteStop { gun: Bcd([3]), ..stop });
    assert_eq!((elsewhere.ok, elsewhere.reason), (0, 1));
}

#[test]
fn a_tariff_is_taken_as_a_command_and_as_an_answer_nobody_asked_for() {
    let model = ModelSet {
        pile: Bcd(pile().0),
        model_no: Bcd([1, 0]),
        tip_elec: 1,
        tip_serv: 2,
        peak_elec: 3,
        peak_serv: 4,
        flat_elec: 5,
        flat_serv: 6,
        valley_elec: 7,
        valley_serv: 8,
        loss_ratio: 0,
        slots: [3; 48],
    };
    let mut codec = codec();
    let (command, set) =
        answered::<_, super::wire::message::tariff::ModelSetReply>(&mut codec, &model, &Answer::Tariff(0));
    assert_eq!(set.ok, 1);
    let Command::SetTariff(first) = command else { panic!("{command:?}") };
    let pushed = ModelReply::take_rows(&mut &model.body()[..]).unwrap();
    let (command, reply) = commanded(&mut codec, &pushed, &Answer::Tariff(0));
    assert_eq!((command, reply), (Command::SetTariff(first.clone()), None), "nothing is answered");

    let check = Outgoing::TariffCheck { turn: 1, number: first.number };
    let (wire, asked) = question::<ModelCheck>(&mut codec, 20, &check);
    assert_eq!((asked.pile, asked.model_no), (Bcd(pile_code(2).0), Bcd([1, 0])));
    let differs = ModelCheckReply { pile: asked.pile, model_no: Bcd([1, 0]), result: 1 };
    let heard = hear(&mut codec, &differs, wire);
    assert!(matches!(
        heard[..],
        [Incoming::Reply { sequence: 20, reply: Reply::TariffCheck { same: false, .. }, .. }]
    ));
    question::<ModelRequest>(&mut codec, 21, &Outgoing::TariffRequest { turn: 0 });
    let heard = hear(&mut codec, &pushed, [9, 9]);
    let reply = Reply::Tariff(Some(first));
    assert_eq!(heard[1..], [Incoming::Reply { kind: Kind::TariffRequest, sequence: 21, reply }]);
}

#[test]
fn cards_are_stored_asked_for_and_cleared_whatever_the_version() {
    let mut codec = codec();
    let phys = |uid: &str| values::card_phys(&uid.parse().unwrap()).unwrap();
    let items = vec![OfflineCard { card_logic: Bcd([0x11; 8]), card_phys: phys("04A1B2C3") }];
    let sync = CardSync { pile: Bcd(pile().0), items: Counted::new(items).unwrap() };
    let (command, octets) = commanded(&mut codec, &sync, &Answer::List(ListKind::Cards, 0, 3));
    let Command::CardList(update) = command else { panic!("{command:?}") };
    let listed = Card {
        uid: card(),
        account: "1111111111111111".into(),
        status: CardStatus::Allowed,
        group: 0,
        max_concurrent: 0,
        valid_until: None,
    };
    assert_eq!(update.step, ListStep::Change(vec![listed], Vec::new()));
    assert_eq!(octets.unwrap()[5], 0x43);
    let numbers = |all: &[&str]| {
        Counted::new(all.iter().map(|uid| CardNumber { card_phys: phys(uid) }).collect()).unwrap()
    };
    let query = CardQuery { pile: Bcd(pile().0), items: numbers(&["04A1B2C3", "04A1B2C4"]) };
    let held = Answer::ListDigest(3, ListEntries::Cards(std::sync::Arc::new(vec![listed])));
    let (_, reply) = answered::<_, CardQueryReply>(&mut codec, &query, &held);
    assert_eq!(reply.items.entries().iter().map(|c| c.exists).collect::<Vec<_>>(), [1, 0]);
    let nameless = vec![OfflineCard { card_logic: Bcd([0x11; 8]), card_phys: Raw([0; 8]) }];
    let spoiled = CardSync { pile: Bcd(pile().0), items: Counted::new(nameless).unwrap() };
    let reply: super::wire::message::card::CardSyncReply = refused(&mut codec, &spoiled);
    assert_eq!((reply.ok, reply.reason), (0, 1));
}

#[test]
fn an_impossible_balance_changes_nothing() {
    let mut codec = codec();
    let update = BalanceUpdate { pile: Bcd(pile().0), gun: Bcd([1]), card_phys: Raw([0; 8]), balance: 5_000 };
    let (command, reply) = answered::<_, BalanceReply>(&mut codec, &update, &Answer::Balance(2));
    assert!(matches!(
        command,
        Command::BalanceUpdate { credential: Credential::None, balance: Balance(5_000), .. }
    ));
    assert_eq!(reply.result, 2);
    let turned = BalanceUpdate { balance: 5_000_u32.swap_bytes(), ..update };
    let reply: BalanceReply = refused(&mut codec, &turned);
    assert_ne!(reply.result, 0);
}

#[test]
fn the_answer_to_a_time_is_the_own_clock_after_it() {
    let set = TimeSet { pile: Bcd(pile().0), time: Cp56::new(NOON.local()) };
    let own = NOON.plus_ms(-90_000);
    for (result, clock) in [(0, NOON), (1, own), (2, own)] {
        let answer = Answer::Time { result, before: Some(own), offset_ms: Some(90_000) };
        let (command, reply) = answered::<_, TimeReply>(&mut codec(), &set, &answer);
        assert_eq!(command, Command::SetTime(Some(NOON)));
        assert_eq!(reply.time, Cp56::new(clock.local()), "{result}");
    }
}

#[test]
fn what_the_vehicle_says_is_repeated_message_by_message() {
    use crate::model::message::{BatteryEnd, BatteryHandshake, BatteryProgress};
    let kinds = |encoded: Encoded| match encoded {
        Encoded::Told(frames) => frames.iter().map(|frame| frame[5]).collect::<Vec<_>>(),
        other => panic!("{other:?}"),
    };
    let (txn, connector) = (txn(), connector());
    let mut codec = codec();
    let who = BatteryHandshake { txn, connector, handshake: Default::default() };
    assert_eq!(kinds(codec.encode(1, &Outgoing::BatteryHandshake(&who))), [0x15, 0x17]);
    let how = BatteryProgress { txn, connector, progress: Default::default() };
    assert_eq!(kinds(codec.encode(2, &Outgoing::BatteryProgress(&how))), [0x23, 0x25]);
    let end = crate::model::vehicle::End { bst: Some([1, 0, 0, 0]), ..Default::default() };
    let why = entry(Content::BatteryEnd(Box::new(BatteryEnd { txn, connector, end })));
    assert_eq!(kinds(codec.encode(3, &Outgoing::Entry(&why))), [0x19, 0x1D]);
}

#[test]
fn a_restart_is_refused_in_words() {
    let reply: RebootReply = refused(&mut codec(), &Reboot { pile: Bcd(pile().0), mode: 1 });
    assert_eq!(reply.ok, 0);
}

#[test]
fn a_connector_that_is_about_to_charge_or_charges_is_never_told_as_idle() {
    let told = |state, txn| {
        let now = Realtime { connector: connector(), txn, state, energy: Energy(7), ..Realtime::default() };
        charging::realtime(&now).map(|m| (m.state, m.serial, m.kwh))
    };
    let serial = values::serial(txn());
    assert_eq!(told(ConnectorState::Starting, txn()), None);
    assert_eq!(told(ConnectorState::Authorising, txn()), None);
    assert_eq!(told(ConnectorState::Charging, txn()), Some((3, serial, 7)));
    assert_eq!(told(ConnectorState::Stopping, txn()), Some((3, serial, 7)));
    assert_eq!(told(ConnectorState::Finished, txn()), Some((2, Bcd([0; 16]), 0)), "the record is made");
}

#[test]
fn a_frame_in_pieces_and_one_with_its_checksum_turned_are_understood() {
    let mut codec = codec();
    let stop = RemoteStop { pile: Bcd(pile().0), gun: Bcd([1]) };
    let header = Header { sequence: [1, 1], encryption: 0, kind: RemoteStop::NUMBER };
    let octets = frame::seal(header, &stop.body(), Order::HighFirst);
    assert_eq!(codec.receive(&octets[..5]), []);
    assert_eq!(codec.unfinished(), Some(0));
    let heard = codec.receive(&octets[5..]);
    assert!(matches!(heard[..], [Incoming::Departs(_), Incoming::Command { .. }]), "{heard:?}");
}

mod hostile {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

        #[test]
        fn whatever_a_platform_sends_every_command_has_an_answer_or_none_and_nothing_grows(
            frames in proptest::collection::vec((any::<u8>(), any::<[u8; 2]>(), proptest::collection::vec(any::<u8>(), 0..120), 0..4_u8), 1..60),
        ) {
            let mut codec = codec();
            login(&mut codec);
            for (kind, sequence, mut body, form) in frames {
                // half of them with a table's length and a pile that is ours
                if let Some(layout) = crate::wire::ykc16::layout::layout(kind).filter(|_| form != 0) {
                    body.resize(crate::wire::ykc16::layout::width(layout.rows), 0);
                    let at = if layout.rows.first().is_some_and(|row| row.name == "serial") { 16 } else { 0 };
                    body.iter_mut().skip(at).zip(pile().0).for_each(|(octet, ours)| *octet = ours);
                }
                let header = Header { sequence, encryption: 0, kind };
                for heard in codec.receive(&frame::seal(header, &body, Order::LowFirst)) {
                    if let Incoming::Command { reply_to, .. } = heard {
                        if let Some(answer) = codec.answer(&reply_to, &Answer::UnknownDevice) {
                            prop_assert_eq!(&answer[2..4], &sequence[..]);
                            prop_assert_eq!(answer[5] % 2, 1);
                        }
                        prop_assert_eq!(codec.answer(&reply_to, &Answer::UnknownDevice), None, "one answer each");
                    }
                }
            }
            prop_assert!(codec.waiting.len() <= WAITING && codec.waits_for_plug.len() <= UNPLUGGED);
        }
    }
}

#[test]
fn alarms_have_no_words_here() {
    let mut codec = codec();
    let open = Outgoing::OpenAlarms { part: 1, parts: 1, alarms: &[] };
    assert_eq!(codec.encode(1, &open), Encoded::Told(Vec::new()), "nobody waits for an answer");
    let alarm = Alarm {
        id: 1,
        code: 0x0101,
        level: 1,
        latched: true,
        index: 1,
        connector: Some(connector()),
        subject: "charger".to_owned(),
        raised: Some(NOON),
        txn: None,
        value: 0,
    };
    let event = AlarmEvent { alarm, raised: true, at: Some(NOON), text: String::new() };
    let entry = Entry {
        id: EntryId { lane: Lane::Alarm, id: 1 },
        device: pile(),
        stored: false,
        txn: TransactionNumber::default(),
        content: Content::Alarm(event),
    };
    assert_eq!(codec.encode(2, &Outgoing::Entry(&entry)), Encoded::Unsayable, "kept for another platform");
}
