//! Links of YKC V1.6 against a platform that judges every frame, on a virtual clock.

mod world;

use depotd::link::Note;
use depotd::model::access::{Card, CardStatus};
use depotd::model::ident::Credential;
use depotd::model::message::{Decision, FromLink, StartOutcome};
use depotd::model::record::{Protocol, StartMode};
use depotd::model::session::ConnectorState;
use depotd::sim::platform::{Fault, Order};
use depotd::sim::ykc16::Config;
use world::{World, config, gun, tariff};

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

fn each_once(world: &World, records: usize) {
    let summary = world.platform.summary();
    assert_eq!(summary.records.len(), records, "{summary}");
    assert!(summary.records.iter().all(|r| r.refused == 0), "{summary}");
    assert!(world.store.is_empty(), "{} are left", world.store.len());
}

#[test]
fn a_quiet_hour_breaks_no_rule_on_one_connection_or_on_two() {
    for mut world in [World::new(config()), World::apart(config())] {
        world.run(3600);
        world.assert_no_complaint();
        assert_eq!((world.platform.online(), world.platform.summary().logins), (2, 2));
        assert_eq!(world.count(|m| matches!(m, FromLink::PileRegistered(_, 0))), 2);
        assert_eq!(world.count(|m| matches!(m, FromLink::Online { .. })), 1);
        let fetched: Vec<_> = world
            .told
            .iter()
            .filter_map(|(_, m)| match m {
                FromLink::Tariff(tariff) => Some(tariff.tiers.clone()),
                _ => None,
            })
            .collect();
        assert!(!fetched.is_empty() && fetched.iter().all(|tiers| *tiers == tariff().tiers), "{fetched:?}");
    }
}

#[test]
fn a_card_is_let_in_charges_and_is_billed() {
    let mut world = World::new(Config { cards: vec![card()], ..config() });
    world.run(10);
    world.ask(1, gun(1, 2), Credential::Card(card().uid));
    world.ask(2, gun(2, 1), Credential::Card("04A1B2C4".parse().expect("uid")));
    world.run(1);
    assert_eq!(world.decision(2), Some(&Decision::Refused(1)));
    let txn = world.granted(1);
    world.charge(gun(1, 2), txn, StartMode::CardOnline);
    world.run(60);
    // the platform asks for the card that it let in
    assert_eq!(world.platform.complaints(), [format!("0x3B of {txn}: another card than in 0x31")]);
    each_once(&world, 1);
}

#[test]
fn records_of_an_offline_night_arrive_once_each_before_the_tariff_is_asked_for() {
    for mut world in [World::new(config()), World::apart(config())] {
        world.refuse_connections = true;
        for n in 0..100 {
            let at = gun(1 + n % 2, 1);
            let txn = world.own_txn(at);
            world.record(at, txn, StartMode::CardOffline, Protocol::Ykc16);
            world.run(60);
        }
        world.refuse_connections = false;
        world.run(60);
        world.assert_no_complaint();
        each_once(&world, 100);
        assert!(world.platform.summary().records.iter().all(|r| r.arrivals == 1 && r.stored));
    }
}

#[test]
fn records_that_were_made_for_profile_222_are_delivered_in_the_new_form() {
    let mut world = World::new(config());
    for n in 0..5 {
        let at = gun(1 + n % 2, 1);
        let txn = world.own_txn(at);
        world.record(at, txn, StartMode::CardOffline, Protocol::Profile222);
    }
    world.run(30);
    world.assert_no_complaint();
    each_once(&world, 5);
}

#[test]
fn a_remote_start_without_a_plug_is_answered_twice() {
    let mut world = World::new(config());
    world.run(10);
    world.remote_start = 5;
    let connector = gun(1, 1);
    world.order(Order::Start {
        connector,
        txn: None,
        credential: Credential::None,
        limit: (0, 0),
        expires: 0,
        expected_vin: None,
    });
    world.run(30);
    let txn = world.platform.answers().find_map(|a| a.txn).expect("answered");
    world.charge(connector, txn, StartMode::Remote);
    world.run(30);
    world.assert_no_complaint();
    each_once(&world, 1);
}

#[test]
fn a_record_that_is_never_answered_holds_up_no_other_and_comes_again_after_the_next_login() {
    let mut world = World::new(config());
    world.run(10);
    let at = gun(1, 1);
    let (first, second) = (world.own_txn(at), world.own_txn(at));
    world.order(Order::Fault(Fault::WrongVerdict, 4));
    world.record(at, first, StartMode::LocalOperator, Protocol::Ykc16);
    world.run(1);
    world.record(at, second, StartMode::LocalOperator, Protocol::Ykc16);
    world.run(95);
    assert_eq!(world.platform.records()[0].arrivals, 4, "at once and three times after 30 s");
    assert_eq!(world.platform.records().len(), 1);
    world.run(60);
    assert!(world.notes.iter().any(|note| matches!(note, Note::Aside(_))));
    let arrivals = |world: &World| world.platform.records().iter().map(|r| r.arrivals).collect::<Vec<_>>();
    assert_eq!(arrivals(&world), [4, 1], "the next one went");
    world.run(3600);
    assert_eq!(arrivals(&world), [4, 1], "not again on this connection");
    world.order(Order::Cut);
    world.run(30);
    assert_eq!(arrivals(&world), [5, 1]);
    each_once(&world, 2);
}

#[test]
fn a_connector_is_not_told_as_free_before_its_record_was_sent() {
    let mut world = World::new(config());
    world.run(30);
    let places = [gun(1, 1), gun(1, 2), gun(2, 1)];
    let sessions = places.map(|at| (at, world.own_txn(at)));
    for (at, txn) in sessions {
        world.start_result(at, txn, StartOutcome::Charging);
        world.realtime(at, txn, ConnectorState::Charging, 10_000);
    }
    world.run(1);
    for (at, txn) in sessions {
        // all three end at once; one record is on its way at a time
        world.record(at, txn, StartMode::LocalOperator, Protocol::Ykc16);
        world.realtime(at, Default::default(), ConnectorState::Idle, 0);
    }
    world.run(10);
    world.assert_no_complaint();
    each_once(&world, 3);
    assert!(places.iter().all(|at| world.platform.running(*at).is_none()), "told as free in the end");
}

#[test]
fn a_pile_that_the_platform_does_not_know_keeps_no_other_from_charging() {
    let one = Config { piles: [(gun(2, 1).pile, vec![1])].into(), ..config() };
    let mut world = World::apart(one);
    world.run(120);
    assert_eq!(world.platform.online(), 1);
    assert!(world.count(|m| *m == FromLink::PileRegistered(gun(1, 1).pile, 1)) > 0);
    world.session(gun(2, 1));
    world.run(30);
    world.assert_no_complaint();
    each_once(&world, 1);
}

#[test]
fn a_tariff_with_other_prices_under_the_same_number_is_told_to_the_station() {
    let mut world = World::new(config());
    world.run(10);
    let mut dearer = tariff();
    dearer.tiers[2].service.0 += 1;
    world.order(Order::Tariff(dearer));
    world.order(Order::Time(None));
    world.order(Order::SyncCards { full: true });
    world.order(Order::CardDigest);
    world.order(Order::Balance { connector: gun(1, 1), balance: 5_000 });
    world.order(Order::Stop { connector: gun(1, 2), txn: None });
    world.run(30);
    world.assert_no_complaint();
    let mut numbers = Vec::new();
    for (_, message) in &world.told {
        if let FromLink::Command { command: depotd::model::command::Command::SetTariff(tariff), .. } = message
        {
            numbers.push(tariff.number);
        }
    }
    assert_eq!(numbers.len(), 2, "one per pile");
    assert!(world.count(|m| matches!(m, FromLink::Tariff(t) if numbers.contains(&t.number))) == 0);
}

/// Whatever a platform does wrong, every record is in its ledger once.
fn weather(seed: u64, permille: u16, kinds: &[Fault], apart: bool) -> World {
    let faults = kinds.iter().map(|fault| (*fault, permille)).collect();
    let platform = Config { faults, seed, ..config() };
    let mut world = if apart { World::apart(platform) } else { World::new(platform) };
    world.run(30);
    let mut random = fastrand::Rng::with_seed(seed);
    for n in 0..12 {
        let at = [gun(1, 1), gun(1, 2), gun(2, 1)][random.usize(..3)];
        world.session(at);
        world.run(random.u64(0..90));
        if n == 6 {
            world.order(Order::Cut);
        }
    }
    world.order(Order::Faults(Default::default()));
    world.order(Order::Cut);
    world.run(900);
    world
}

#[test]
fn each_fault_of_a_platform_costs_no_record() {
    for (name, fault) in Fault::NAMES {
        for apart in [false, true] {
            let world = weather(16, 200, &[fault], apart);
            let summary = world.platform.summary();
            assert_eq!(summary.records.len(), 12, "{name}: {summary}");
            assert!(world.store.is_empty(), "{name}: {} are left", world.store.len());
        }
    }
}

#[test]
fn all_faults_together_cost_no_record() {
    let all: Vec<Fault> = Fault::NAMES.iter().map(|(_, fault)| *fault).collect();
    for seed in 0..20 {
        let world = weather(seed, 20, &all, seed % 2 == 0);
        let summary = world.platform.summary();
        assert_eq!(summary.records.len(), 12, "seed {seed}: {summary}");
        assert!(world.store.is_empty(), "seed {seed}: {} are left", world.store.len());
        let wrong: Vec<&String> = summary.complaints.iter().filter(|c| c.contains("other content")).collect();
        assert!(wrong.is_empty(), "seed {seed}: {wrong:?}");
    }
}

#[test]
fn a_decision_for_one_card_is_never_taken_for_the_next() {
    let kinds = [Fault::DoubleReply, Fault::DelayReply, Fault::CutSequence, Fault::DropReply];
    let faults = kinds.iter().map(|fault| (*fault, 250)).collect();
    let mut world = World::new(Config { faults, cards: vec![card()], ..config() });
    world.run(30);
    let stranger = Credential::Card("04FFFFFF".parse().expect("uid"));
    for ticket in (0..60).step_by(2) {
        world.ask(ticket, gun(1, 1), Credential::Card(card().uid));
        world.run(3);
        world.ask(ticket + 1, gun(1, 1), stranger.clone());
        world.run(40);
        let answer = world.decision(ticket + 1);
        assert!(!matches!(answer, Some(Decision::Accepted { .. })), "ticket {}: {answer:?}", ticket + 1);
    }
    assert!((0..60).step_by(2).any(|t| matches!(world.decision(t), Some(Decision::Accepted { .. }))));
}

#[test]
fn a_stop_comes_through_while_the_connector_shows_its_state() {
    let mut world = World::new(config());
    world.run(10);
    let txn = world.own_txn(gun(1, 1));
    world.realtime(gun(1, 1), txn, ConnectorState::Charging, 5);
    world.start_result(gun(1, 1), txn, StartOutcome::Charging);
    for _ in 0..3 {
        world.order(Order::Stop { connector: gun(1, 1), txn: None });
        world.run(2);
    }
    let stops = world.count(|m| matches!(m, FromLink::Command { command, .. } if format!("{command:?}").starts_with("RemoteStop")));
    assert_eq!(stops, 3, "a stop is always obeyed");
    world.assert_no_complaint();
}
