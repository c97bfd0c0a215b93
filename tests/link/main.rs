//! The link machine over profile 222 against a platform that judges every frame, on a virtual clock.

mod alarms;
mod world;

use depotd::model::access::{Card, CardStatus};
use depotd::model::ident::Credential;
use depotd::model::message::{
    AuthoriseRequest, BatteryEnd, BatteryHandshake, BatteryProgress, Content, Decision, Entry, EntryId,
    FromLink, Lane, ToLink,
};
use depotd::model::quantity::Current;
use depotd::model::record::StartMode;
use depotd::model::session::ConnectorState;
use depotd::model::tariff::{Tariff, Tier};
use depotd::model::vehicle::{End, Handshake, Progress};
use depotd::sim::platform::{Config, Fault, Order};
use world::{World, config, gun};

fn card() -> Card {
    Card {
        uid: "04A1B2C3".parse().expect("uid"),
        account: "6230010000012345".into(),
        status: CardStatus::Allowed,
        group: 0,
        max_concurrent: 0,
        valid_until: None,
    }
}

fn tariff() -> Tariff {
    let tier = Tier { code: 3, electricity: Default::default(), service: Default::default() };
    Tariff { number: 7, valid_from: None, tiers: vec![tier], slots: vec![0; 48] }
}

fn asks() -> AuthoriseRequest {
    AuthoriseRequest {
        connector: gun(1, 1),
        start_mode: StartMode::CardOnline,
        credential: Credential::Card(card().uid),
        plugged: Some(true),
        soc: None,
    }
}

#[test]
fn a_quiet_hour_breaks_no_rule() {
    let mut world = World::new(Config { tariff: Some(tariff()), ..config() });
    world.run(3600);
    world.assert_no_complaint();
    assert!(world.link.is_online());
    assert_eq!(world.platform.logins(), 1);
    assert_eq!(world.count(|m| matches!(m, FromLink::Ready)), 1);
    assert_eq!(world.count(|m| matches!(m, FromLink::PileRegistered(_, 0))), 2);
    assert_eq!(
        world.count(|m| matches!(m, FromLink::Tariff(t) if t.number == 7)),
        1,
        "it differs: fetched once"
    );
}

#[test]
fn records_of_an_offline_night_arrive_once_each_in_order() {
    let mut world = World::new(config());
    world.refuse_connections = true;
    world.run(60);
    for n in 0..150 {
        world.offline_session(gun(1 + n % 2, 1));
    }
    world.run(60);
    world.refuse_connections = false;
    world.run(60);
    world.assert_no_complaint();
    let summary = world.platform.summary();
    assert!(summary.is_clean(), "{summary}");
    assert_eq!(summary.records.len(), 150);
    assert!(summary.records.iter().all(|r| r.arrivals == 1 && r.stored));
    assert!(world.store.is_empty());
}

#[test]
fn a_session_is_told_in_the_order_of_the_profile() {
    let mut world = World::new(Config { cards: vec![card()], ..config() });
    world.run(10);
    world.step_link(depotd::link::Event::Station(ToLink::Authorise(1, asks())));
    world.run(1);
    let Some(Decision::Accepted { grant, .. }) = world.decision(1).cloned() else {
        panic!("{:?}", world.decision(1))
    };
    let txn = grant.txn;
    let started = world.start_result(gun(1, 1), txn, StartMode::CardOnline, false);
    world.realtime(gun(1, 1), txn, ConnectorState::Charging); // the start result is not even read yet
    world.run(20);
    world.realtime(gun(1, 1), txn, ConnectorState::Charging);
    world.run(5);
    let credential = Credential::Card(card().uid);
    let number = world.record_of(gun(1, 1), txn, started, credential, &grant.account);
    world.realtime(gun(1, 1), txn, ConnectorState::Finished); // nor is the record
    world.run(5);
    world.assert_no_complaint();
    assert_eq!(world.platform.connector_state(gun(1, 1)), Some(8));
    assert!(world.platform.records().contains_key(&number));
    assert!(world.platform.summary().is_clean(), "{}", world.platform.summary());
}

#[test]
fn what_a_vehicle_says_goes_after_its_start_result_and_its_end_is_kept_until_it_is_answered() {
    let mut world = World::new(config());
    world.run(10);
    let (connector, txn) = (gun(1, 1), world.own_txn(gun(1, 1)));
    let handshake = BatteryHandshake { txn, connector, handshake: Handshake::default() };
    let progress = || Progress { demand_current: Some(Current(180_000)), ..Progress::default() };
    let started = world.start_result(connector, txn, StartMode::LocalOperator, false);
    world.tell(ToLink::BatteryHandshake(Box::new(handshake))); // the start result is not even read yet
    world.run(1);
    for _ in 0..3 {
        world.tell(ToLink::BatteryProgress(Box::new(BatteryProgress {
            txn,
            connector,
            progress: progress(),
        })));
        world.run(15);
    }
    world.order(Order::Fault(Fault::DropReply, 1));
    let end = End { bst: Some([4, 0, 0, 0]), ..End::default() };
    world.queue(Entry {
        id: EntryId { lane: Lane::BatteryEnd, id: 1 },
        device: connector.pile,
        stored: false,
        txn,
        content: Content::BatteryEnd(Box::new(BatteryEnd { txn, connector, end })),
    });
    world.record(connector, txn, StartMode::LocalOperator, started, false, Credential::None);
    world.run(30);
    assert_eq!(world.platform.battery(&txn), (true, true, true));
    assert!(world.platform.summary().is_clean(), "{}", world.platform.summary());
    assert!(world.store.is_empty(), "{:?}", world.store.keys());
}

#[test]
fn a_charger_that_falls_silent_at_the_end_is_told_after_the_record() {
    let mut world = World::new(config());
    world.run(10);
    let txn = world.own_txn(gun(1, 1));
    let started = world.start_result(gun(1, 1), txn, StartMode::LocalOperator, false);
    world.realtime(gun(1, 1), txn, ConnectorState::Charging);
    world.run(3);
    world.record(gun(1, 1), txn, StartMode::LocalOperator, started, false, Credential::None);
    world.realtime(gun(1, 1), Default::default(), ConnectorState::Unknown); // the record is not even read yet
    world.run(5);
    world.assert_no_complaint();
    assert_eq!(world.platform.connector_state(gun(1, 1)), Some(0));
}

#[test]
fn a_lost_reply_costs_a_repetition_with_the_same_octets() {
    let mut world = World::new(config());
    world.run(10);
    world.order(Order::Fault(Fault::DropReply, 2));
    world.offline_session(gun(1, 1));
    world.run(60);
    let record = &world.platform.records()[&1];
    assert!(record.arrivals >= 2, "{record:?}");
    assert!(world.store.is_empty());
    assert!(world.platform.summary().missing.is_empty());
}

#[test]
fn a_wrong_verdict_is_no_acknowledgement() {
    let mut world = World::new(config());
    world.run(10);
    world.order(Order::Fault(Fault::WrongVerdict, 2));
    world.offline_session(gun(1, 1));
    world.run(5);
    assert!(!world.store.is_empty(), "nothing acknowledged it");
    world.run(30);
    assert!(world.store.is_empty());
    assert_eq!(world.platform.records()[&1].arrivals, 3);
}

#[test]
fn a_refused_login_waits_30_seconds_then_longer() {
    let mut world = World::with_secret(config(), b"another secret");
    world.run(600);
    let refusals: Vec<u64> = world
        .told
        .iter()
        .filter(|(_, m)| matches!(m, FromLink::LoginRefused(2)))
        .map(|(at, _)| at.0 / 1_000_000)
        .collect();
    let gaps: Vec<u64> = refusals.windows(2).map(|w| w[1] - w[0]).collect();
    assert_eq!(gaps[..4], [30, 60, 120, 240], "{refusals:?}");
    assert!(!world.link.is_online());
    assert_eq!(world.count(|m| matches!(m, FromLink::Online { .. })), 0);
}

#[test]
fn a_platform_of_another_version_is_tried_again_after_ten_minutes() {
    use depotd::wire::platform222::{Checksum, Header, frame, octets, reply};
    let mut world = World::new(config());
    world.refuse_connections = true;
    world.step_link(depotd::link::Event::Woke);
    let epoch = world.link.epoch();
    world.step_link(depotd::link::Event::Connected(epoch, [1; 16]));
    let header = Header { version: 0x20, ..Header::request(0x0101, 1, world::station().0, false).reply() };
    let told = frame::seal(Checksum::default(), &header, &octets::write(&reply(0x0101).number("result", 3)));
    let at = world.mono;
    world.step_link(depotd::link::Event::Octets(epoch, &told));
    assert_eq!(world.count(|m| matches!(m, FromLink::LoginRefused(3))), 1);
    assert_eq!(world.link.wake_at(), Some(at + std::time::Duration::from_secs(600)));
}

#[test]
fn a_half_open_connection_ends_after_three_silent_heartbeats() {
    let mut world = World::new(config());
    world.run(70);
    world.order(Order::Freeze);
    world.run(50);
    assert!(world.link.is_online(), "not given up yet");
    world.run(15);
    assert_eq!(world.count(|m| matches!(m, FromLink::Offline)), 1);
    assert_eq!(world.platform.logins(), 2, "the next connection stands");
    world.assert_no_complaint();
}

#[test]
fn octets_and_the_end_of_an_older_connection_have_no_effect() {
    let mut world = World::new(config());
    world.run(10);
    let old = world.link.epoch();
    world.order(Order::Cut);
    world.run(10);
    assert!(world.link.is_online());
    assert_ne!(world.link.epoch(), old);
    world.step_link(depotd::link::Event::Closed(old, "late"));
    world.step_link(depotd::link::Event::Octets(old, &[0x53, 0x5A, 0xFF, 0xFF]));
    world.step_link(depotd::link::Event::Connected(old, [9; 16]));
    world.run(60);
    assert!(world.link.is_online());
    assert_eq!(world.platform.logins(), 2);
    world.assert_no_complaint();
}

#[test]
fn commands_are_answered_once_each_and_ten_a_second_at_most() {
    let mut world = World::new(config());
    world.run(10);
    for what in 0..30 {
        world.order(Order::Interrogate(what % 5 + 1));
        world.order(Order::Stop { connector: gun(1 + what % 2, 1), txn: None });
    }
    world.run(60);
    world.assert_no_complaint();
    assert_eq!(world.platform.unanswered(), 0);
    let told: Vec<u64> = world
        .told
        .iter()
        .filter(|(_, m)| matches!(m, FromLink::Command { .. }))
        .map(|(at, _)| at.0)
        .collect();
    assert_eq!(told.len(), 60);
    assert!(told.windows(11).all(|w| w[10] - w[0] >= 1_000_000), "more than ten in one second");
}

#[test]
fn a_question_without_an_answer_ends_after_30_seconds_and_a_lost_link_ends_it_at_once() {
    let mut world = World::new(Config { cards: vec![card()], ..config() });
    world.run(10);
    world.order(Order::Fault(Fault::DropReply, 50));
    world.step_link(depotd::link::Event::Station(ToLink::Authorise(1, asks())));
    world.run(29);
    assert_eq!(world.decision(1), None);
    world.run(2);
    assert_eq!(world.decision(1), Some(&Decision::TimedOut));
    world.step_link(depotd::link::Event::Station(ToLink::Authorise(2, asks())));
    world.order(Order::Cut);
    world.run(1);
    assert_eq!(world.decision(2), Some(&Decision::LinkLost));
}

#[test]
fn a_bad_day_of_the_platform_loses_nothing_and_breaks_no_rule() {
    for seed in 0..12 {
        let faults = [
            (Fault::DropReply, 60),
            (Fault::DoubleReply, 40),
            (Fault::DelayReply, 60),
            (Fault::SplitWrites, 100),
            (Fault::MergeWrites, 40),
            (Fault::BadCrc, 40),
            (Fault::WrongVerdict, 80),
            (Fault::Freeze, 5),
            (Fault::Cut, 20),
        ];
        let mut world = World::new(Config { faults: faults.into(), seed, ..config() });
        let mut random = fastrand::Rng::with_seed(seed);
        for _ in 0..120 {
            world.run(random.u64(1..60));
            if random.bool() {
                world.session(gun(1 + random.u8(0..2), 1 + random.u8(0..2)));
            }
        }
        world.order(Order::Faults([].into()));
        world.run(900);
        let summary = world.platform.summary();
        assert!(summary.is_clean(), "seed {seed}\n{summary}");
        assert!(world.store.is_empty(), "seed {seed}: {} left", world.store.len());
        assert!(summary.records.len() > 20);
    }
}
