//! Cards and plugs: online, offline, refused, stopped.

use super::*;
use crate::model::message::StartOutcome;
use crate::model::money::Money;
use crate::model::record::{StartMode, flag};
use crate::model::request::StartOrder;
use crate::model::session::Limit;
use crate::model::stop::StopReason;

#[test]
fn a_card_starts_and_stops_a_session_that_the_platform_granted() {
    let mut depot = Depot::supplied(1);
    depot.online().plug(0).swipe(0, 9);
    let (_, request) = depot.asked();
    assert_eq!((request.start_mode, request.credential), (StartMode::CardOnline, bound_card(9)));
    assert_eq!((depot.state(0), depot.told(0)), (ConnectorState::Authorising, Some(&Feedback::Asking)));
    depot.accept(1).run(120);
    assert!(depot.charges(0));
    assert_eq!(depot.state(0), ConnectorState::Charging);
    assert_eq!(depot.disk.outcomes(number(1)), [StartOutcome::Charging]);
    depot.swipe(0, 9).run(30);
    let [record] = depot.records()[..] else { panic!("{:?}", depot.records()) };
    assert_eq!((record.txn, record.stop_reason), (number(1), StopReason::SAME_CARD));
    assert_eq!((record.number, record.account.as_str()), (1, "101"));
    assert!(record.energy_total > Energy::ZERO && record.flags & flag::STARTED_OFFLINE == 0);
}

#[test]
fn no_contactor_closes_before_the_session_is_on_disk() {
    let mut depot = Depot::supplied(1);
    depot.online().plug(0).swipe(0, 9);
    depot.store = Store::Slow;
    depot.accept(1).run(10);
    assert_eq!(depot.ordered(0, &Order::Start(StartOrder::default())), 0);
    depot.store = Store::AtOnce;
    depot.release(true).run(5);
    assert!(depot.charges(0));
}

#[test]
fn the_platform_never_sees_a_free_gun_while_a_session_exists_or_its_record_is_unsent() {
    let mut depot = Depot::supplied(1);
    depot.online().plug(0).swipe(0, 9);
    let ticket = depot.asked().0;
    depot.link.clear();
    depot.says(FromLink::Decision(ticket, Decision::Accepted { grant: grant(1), wait_for_start: false }));
    depot.run(60).swipe(0, 9).run(5);
    while depot.records().is_empty() {
        depot.run(1);
    }
    let states: Vec<_> = depot.realtimes(0).iter().map(|r| (r.state, r.txn)).collect();
    assert!(states.contains(&(ConnectorState::Charging, number(1))));
    for (state, txn) in states {
        assert_eq!(txn, number(1));
        assert_eq!(crate::station::connector::of_a_session(state), state, "{state:?} during a session");
    }
    assert_eq!(depot.state(0), ConnectorState::Stopping);
    depot.acknowledge(1);
    assert_eq!(depot.state(0), ConnectorState::Finished);
    assert_eq!(depot.realtimes(0).last().unwrap().txn, number(1));
    depot.unplug(0);
    assert_eq!((depot.state(0), depot.realtimes(0).last().unwrap().txn), (ConnectorState::Idle, number(0)));
}

#[test]
fn realtime_goes_by_the_periods_of_the_login() {
    let mut depot = Depot::supplied(1);
    depot.online();
    depot.link.clear();
    depot.run(600);
    assert_eq!(depot.realtimes(0).len(), 2);
    depot.plug(0).swipe(0, 9).accept(1).run(20);
    depot.link.clear();
    depot.run(150);
    assert_eq!(depot.realtimes(0).len(), 10);
}

#[test]
fn nobody_hears_of_guns_while_the_link_is_down() {
    let mut depot = Depot::supplied(1);
    depot.plug(0).run(60);
    assert_eq!(depot.realtimes(0).len(), 0);
}

#[test]
fn without_the_platform_the_list_decides_and_the_number_is_ours() {
    let mut depot = Depot::supplied(1);
    depot.charge_offline(0, 1);
    let [record] = depot.records()[..] else { panic!("{:?}", depot.records()) };
    assert_eq!((record.start_mode, &record.credential), (StartMode::CardOffline, &bound_card(1)));
    assert_eq!(record.flags & (flag::STARTED_OFFLINE | flag::ENDED_OFFLINE), 3);
    assert_eq!(&record.txn.0[..8], [0x44, 3, 0, 0, 1, 0, 1, 1]);
    assert!(depot.disk.records[0].stored);
}

#[test]
fn the_caps_of_a_card_last_until_all_its_records_are_acknowledged() {
    let mut depot = Depot::supplied(1);
    depot.charge_offline(0, 1).charge_offline(0, 1).plug(0).swipe(0, 1);
    assert_eq!(depot.refused(0), Some("offline: too many sessions"));
    depot.unplug(0).charge_offline(0, 2);
    depot.online().acknowledge(1).says(FromLink::Offline).plug(0).swipe(0, 1);
    assert_eq!(depot.refused(0), Some("offline: too many sessions"));
    depot.online().acknowledge(2).says(FromLink::Offline).swipe(0, 1).run(20);
    assert!(depot.charges(0));
}

#[test]
fn the_caps_outlive_a_restart() {
    let mut depot = Depot::supplied(1);
    depot.charge_offline(0, 1).charge_offline(0, 1);
    let mut depot = depot.restart();
    depot.plug(0).swipe(0, 1);
    assert_eq!(depot.refused(0), Some("offline: too many sessions"));
    depot.online().acknowledge(1).acknowledge(2).says(FromLink::Offline).swipe(0, 1).run(20);
    assert!(depot.charges(0));
}

#[test]
fn a_card_that_has_taken_all_its_energy_offline_is_stopped() {
    let mut config = config(1);
    config.offline.energy_per_card = Energy(10_000); // one minute of 60 kW
    let mut depot = Depot::supplied(1);
    depot = Depot::on(config, std::mem::take(&mut depot.disk));
    depot.plug(0).swipe(0, 1).run(180);
    let [record] = depot.records()[..] else { panic!("{:?}", depot.records()) };
    assert_eq!(record.stop_reason, StopReason::OFFLINE_CAP);
    assert!((10_000..11_000).contains(&record.energy_total.0), "{}", record.energy_total);
    depot.unplug(0).plug(0).swipe(0, 1);
    assert_eq!(depot.refused(0), Some("offline: energy used up"));
}

#[test]
fn local_refusals_come_in_their_order_and_ask_nobody() {
    type Spoil = fn(&mut Depot);
    let table: [(&str, Spoil); 6] = [
        ("not ready: plug in first", |d| {
            d.unplug(0);
        }),
        ("not ready: charger offline", |d| {
            d.event(Event::Device(charger(0), Report::Link(LinkState::Silent)));
        }),
        ("not ready: charger fault", |d| {
            d.field[0].state = ChargerState::Faulted;
            d.poll(0);
        }),
        ("card in use at gun 2", |d| {
            d.plug(1).swipe(1, 1).accept(1).run(5);
        }),
        ("card blocked", |d| {
            let blocked = Card { status: CardStatus::Blocked, ..listed(1) };
            let update = crate::model::access::ListUpdate {
                from_version: 1,
                to_version: 2,
                step: crate::model::access::ListStep::Put(vec![blocked]),
            };
            let commit = crate::model::access::ListStep::Commit;
            let committed = crate::model::access::ListUpdate { step: commit, ..update.clone() };
            d.command(station_code(), Command::CardList(update));
            d.command(station_code(), Command::CardList(committed));
        }),
        ("not ready: storage failure", |d| {
            d.store = Store::Full;
            d.operator(by_operator(1));
            d.plug(1).operator(by_operator(1));
        }),
    ];
    for (text, spoil) in table {
        let mut depot = Depot::supplied(2);
        depot.online().plug(0);
        spoil(&mut depot);
        depot.settle();
        depot.link.clear();
        depot.swipe(0, 1);
        assert_eq!(depot.refused(0), Some(text));
        assert!(!depot.link.iter().any(|m| matches!(m, ToLink::Authorise(..))), "asked although {text}");
    }
}

#[test]
fn the_platforms_reason_is_shown_and_no_session_begins() {
    let mut depot = Depot::supplied(1);
    depot.online().plug(0).swipe(0, 9).decide(Decision::Refused(3));
    assert_eq!(depot.refused(0), Some("balance too low"));
    assert_eq!(depot.state(0), ConnectorState::Plugged);
    depot.run(10);
    assert_eq!(depot.told(0), Some(&Feedback::Idle));
    assert!(depot.disk.sessions.is_empty());
}

#[test]
fn a_yes_that_comes_too_late_starts_nothing_and_the_platform_is_told() {
    let mut depot = Depot::supplied(1);
    depot.online().plug(0).swipe(0, 9).run(31);
    assert_eq!(depot.refused(0), Some("platform timeout"));
    let ticket = depot.asked().0;
    assert!(depot.link.contains(&ToLink::Forget(ticket)));
    depot.accept(1).run(60);
    assert_eq!(depot.disk.outcomes(number(1)), [StartOutcome::NotStarted(StopReason::DECISION_LATE)]);
    assert!(!depot.charges(0) && depot.disk.sessions.is_empty());
    assert_eq!(depot.remote_start(0, 1), Some(Answer::RemoteStart(10)));
    assert_eq!(depot.records().len(), 0);
}

#[test]
fn a_yes_at_the_very_end_of_its_time_is_late_even_before_the_timer_fired() {
    let mut depot = Depot::supplied(1);
    depot.online().plug(0).swipe(0, 9);
    depot.now.mono = depot.now.mono + Duration::from_secs(30);
    depot.accept(1).run(10);
    assert_eq!(depot.disk.outcomes(number(1)), [StartOutcome::NotStarted(StopReason::DECISION_LATE)]);
    assert!(!depot.charges(0));
    let mut depot = depot.restart();
    depot.online();
    assert_eq!(depot.remote_start(0, 1), Some(Answer::RemoteStart(10))); // known to have lapsed
}

#[test]
fn a_yes_for_somebody_who_pulled_the_plug_is_late() {
    let mut depot = Depot::supplied(1);
    depot.online().plug(0).swipe(0, 9).unplug(0).plug(0).accept(1).run(5);
    assert_eq!(depot.disk.outcomes(number(1)), [StartOutcome::NotStarted(StopReason::DECISION_LATE)]);
    assert!(!depot.charges(0));
}

#[test]
fn a_late_no_says_nothing() {
    let mut depot = Depot::supplied(1);
    depot.online().plug(0).swipe(0, 9).run(31).decide(Decision::TimedOut).decide(Decision::Refused(1));
    assert!(depot.disk.start_results.is_empty());
}

#[test]
fn when_the_link_goes_while_the_platform_is_asked_the_list_decides_at_once() {
    let mut depot = Depot::supplied(2);
    depot.online().plug(0).plug(1).swipe(0, 1).swipe(1, 9);
    let ticket = depot.asked().0;
    depot.says(FromLink::Decision(ticket - 1, Decision::LinkLost)).says(FromLink::Offline).run(20);
    assert!(depot.charges(0));
    assert_eq!(depot.disk.sessions.values().next().unwrap().txn.0[..7], pile().0);
    assert!(depot.feedback.contains(&(1, Feedback::Refused("offline: card not listed".into()))));
}

#[test]
fn a_used_number_is_never_opened_again() {
    let mut depot = Depot::supplied(1);
    depot.online().plug(0).swipe(0, 9).accept(1).run(30).swipe(0, 9).run(30);
    assert_eq!(depot.records().len(), 1);
    depot.swipe(0, 9).accept(1);
    assert_eq!(depot.refused(0), Some("refused by the platform"));
    depot.run(10);
    assert!(!depot.charges(0) && depot.disk.start_results.len() == 1);
}

#[test]
fn an_amount_limit_is_not_possible_under_platform_billing() {
    let mut depot = Depot::supplied(1);
    depot.online().plug(0).swipe(0, 9);
    let grant = Grant { limit: Limit::Amount(Money(10_000)), ..grant(1) };
    depot.decide(Decision::Accepted { grant, wait_for_start: false });
    assert_eq!(depot.disk.outcomes(number(1)), [StartOutcome::NotStarted(StopReason::LIMIT_NOT_SUPPORTED)]);
}

#[test]
fn only_the_right_card_stops_a_session() {
    let mut disk = Disk::default();
    let group = |n| Card { group: 5, ..listed(n) };
    disk.supply(vec![group(1), group(2), listed(3)], tariff(7), Utc(1_800_000_000_000));
    let mut depot = Depot::on(config(1), disk);
    depot.online().plug(0).swipe(0, 1).accept(1).run(20).swipe(0, 3);
    assert_eq!(depot.refused(0), Some("started by another card"));
    assert!(depot.charges(0));
    depot.swipe(0, 2).run(30);
    assert_eq!(depot.records()[0].stop_reason, StopReason::GROUP_CARD);
}

#[test]
fn a_fleet_card_charges_at_as_many_guns_as_its_entry_says() {
    let mut disk = Disk::default();
    let fleet = Card { max_concurrent: 2, ..listed(1) };
    disk.supply(vec![fleet], tariff(7), Utc(1_800_000_000_000));
    let mut depot = Depot::on(config(3), disk);
    for gun in 0..3 {
        depot.plug(gun).swipe(gun, 1).run(10);
    }
    assert!(depot.charges(0) && depot.charges(1) && !depot.charges(2));
    assert_eq!(depot.refused(2), None); // its refusal was shown and is over
    depot.swipe(2, 1);
    assert_eq!(depot.refused(2), Some("card in use at gun 1"));
}

#[test]
fn a_clock_set_back_three_hours_repeats_no_number() {
    let mut depot = Depot::supplied(1);
    depot.config.offline.sessions_per_card = 50;
    depot = depot.restart();
    for round in 0..6 {
        depot.charge_offline(0, 1);
        if round == 2 {
            depot.now.wall = depot.now.wall.plus_ms(-3 * 3_600_000);
        }
        if round == 3 {
            depot = depot.restart();
        }
    }
    assert_eq!(depot.records().len(), 6); // the disk refuses a second record of one number
}

#[test]
fn an_untrusted_clock_allows_no_offline_start_and_stamps_nothing() {
    let mut depot = Depot::supplied(1);
    depot.now.trust = ClockTrust::None;
    depot.plug(0).swipe(0, 1);
    assert_eq!(depot.refused(0), Some("offline: clock not set"));
    depot.online().swipe(0, 1).accept(1).run(30).swipe(0, 1).run(30);
    let [record] = depot.records()[..] else { panic!("{:?}", depot.records()) };
    assert_eq!((record.start_time, record.end_time), (None, None));
    assert_ne!(record.flags & flag::CLOCK, 0);
}

#[test]
fn a_charger_that_charges_without_a_session_is_stopped_and_leaves_no_record() {
    let mut depot = Depot::supplied(1);
    depot.plug(0);
    depot.field[0].state = ChargerState::Charging;
    depot.poll(0);
    depot.settle();
    assert!(!depot.charges(0) && depot.ordered(0, &Order::Stop) == 1);
    depot.field[0].alive = false;
    let status =
        ChargerStatus { state: ChargerState::Charging, plugged: Some(true), ..ChargerStatus::default() };
    depot.event(Event::Device(charger(0), Report::Charger(status))).run(12);
    assert_eq!(depot.ordered(0, &Order::Stop), 4);
    assert!(depot.alarms().contains(&"011F".to_owned()));
    depot.online().swipe(0, 1);
    assert!(!depot.link.iter().any(|m| matches!(m, ToLink::Authorise(..))), "nobody begins on top of it");
    assert!(depot.records().is_empty());
}
