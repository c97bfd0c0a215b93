//! Commands of the platform, records and their settlement, the clock.

use super::*;
use crate::model::command::Recall;
use crate::model::message::StartOutcome;
use crate::model::money::Balance;
use crate::model::record::StartMode;
use crate::model::stop::StopReason;

const ACCEPTED: Option<Answer> = Some(Answer::RemoteStart(0));

#[test]
fn a_remote_start_is_answered_after_it_is_durable_and_ends_in_one_record() {
    let mut depot = Depot::supplied(1);
    depot.online().plug(0);
    depot.store = Store::Slow;
    let ticket = depot.command_of(pile(), Command::RemoteStart(start(0, 1)));
    assert_eq!(depot.answer(ticket), None);
    depot.store = Store::AtOnce;
    depot.release(true);
    assert_eq!(depot.answer(ticket), ACCEPTED);
    depot.run(30);
    assert!(depot.charges(0));
    assert_eq!(depot.remote_stop(0, number(1)), Some(Answer::RemoteStop(0)));
    assert_eq!(depot.remote_stop(0, number(1)), Some(Answer::RemoteStop(0))); // while stopping
    depot.run(30);
    let [record] = depot.records()[..] else { panic!("{:?}", depot.records()) };
    assert_eq!((record.start_mode, record.stop_reason), (StartMode::Remote, StopReason::REMOTE_STOP));
    assert_eq!(depot.remote_stop(0, number(1)), Some(Answer::RemoteStop(1)));
}

#[test]
fn the_same_remote_start_again_gets_the_same_answer_and_no_second_session() {
    let mut depot = Depot::supplied(2);
    depot.online().plug(0).plug(1);
    assert_eq!(depot.remote_start(0, 1), ACCEPTED);
    depot.run(10);
    assert_eq!(depot.remote_start(0, 1), ACCEPTED);
    assert_eq!(depot.remote_start(1, 1), ACCEPTED); // known by its number
    assert!(!depot.charges(1));
    let mut depot = depot.restart();
    depot.online().run(5);
    assert_eq!(depot.remote_start(0, 1), ACCEPTED);
    depot.remote_stop(0, number(1));
    depot.run(60);
    assert_eq!((depot.records().len(), depot.remote_start(0, 1)), (1, Some(Answer::RemoteStart(10))));
    let mut depot = depot.restart();
    depot.online();
    assert_eq!(depot.remote_start(0, 1), Some(Answer::RemoteStart(10)));
}

#[test]
fn every_result_of_a_remote_start() {
    type Spoil = fn(&mut Depot);
    let table: [(u8, Spoil, RemoteStart); 9] = [
        (1, |_| {}, RemoteStart { connector: 9, ..start(0, 1) }),
        (
            1,
            |d| {
                d.says(FromLink::PileRegistered(pile(), 1));
            },
            start(0, 1),
        ),
        (9, |_| {}, RemoteStart { grant: grant(0), ..start(0, 1) }),
        (9, |_| {}, RemoteStart { unknown_limit: true, ..start(0, 1) }),
        (9, |_| {}, RemoteStart { aux_voltage: 48, ..start(0, 1) }),
        (2, |d| drop(d.remote_start(0, 5)), start(0, 1)),
        (
            3,
            |d| {
                d.field[0].state = ChargerState::Faulted;
                d.poll(0);
            },
            start(0, 1),
        ),
        (
            4,
            |d| {
                d.event(Event::Device(charger(0), Report::Link(LinkState::Silent)));
            },
            start(0, 1),
        ),
        (
            5,
            |d| {
                d.unplug(0);
            },
            start(0, 1),
        ),
    ];
    for (result, spoil, order) in table {
        let mut depot = Depot::supplied(1);
        depot.online().plug(0);
        spoil(&mut depot);
        depot.settle();
        assert_eq!(depot.command(pile(), Command::RemoteStart(order)), Some(Answer::RemoteStart(result)));
    }
    let mut depot = Depot::supplied(1);
    depot.online().plug(0);
    let elsewhere = depot.command(station_code(), Command::RemoteStart(start(0, 1)));
    assert_eq!(elsewhere, Some(Answer::RemoteStart(1)));
}

#[test]
fn pile_billing_needs_a_tariff_to_start() {
    let mut config = config(1);
    config.connectors[0].billing = BillingMode::Pile;
    let mut depot = Depot::on(config, Disk::default());
    depot.online().plug(0);
    assert_eq!(depot.remote_start(0, 1), Some(Answer::RemoteStart(8)));
    depot.swipe(0, 1);
    assert_eq!(depot.refused(0), Some("not ready: no tariff"));
    depot.run(6);
    assert!(depot.alarms().contains(&"000D".to_owned()));
    depot.says(FromLink::Tariff(tariff(7)));
    assert_eq!(depot.remote_start(0, 1), ACCEPTED);
}

#[test]
fn a_second_start_on_a_busy_gun_is_refused_and_the_session_goes_on() {
    let mut depot = Depot::supplied(1);
    depot.online().plug(0).swipe(0, 1).accept(1).run(10);
    assert_eq!(depot.remote_start(0, 2), Some(Answer::RemoteStart(2)));
    assert_eq!(depot.remote_start(0, 1), Some(Answer::RemoteStart(2))); // begun by a card
    assert!(depot.operator(by_operator(0)).unwrap().is_err());
    depot.run(10);
    assert!(depot.charges(0));
}

#[test]
fn a_start_without_plug_waits_sixty_seconds_for_it() {
    let mut depot = Depot::supplied(1);
    depot.online();
    assert_eq!(depot.remote_start(0, 1), Some(Answer::RemoteStart(5)));
    assert_eq!(depot.state(0), ConnectorState::Idle);
    depot.run(50);
    assert_eq!(depot.remote_start(0, 1), Some(Answer::RemoteStart(5)));
    depot.plug(0).run(10);
    assert!(depot.charges(0));
    assert_eq!(depot.disk.outcomes(number(1)), [StartOutcome::Charging]);
    assert_eq!(depot.remote_start(0, 1), Some(Answer::RemoteStart(5))); // the first answer again
}

#[test]
fn a_start_that_waited_for_its_plug_takes_the_tariff_of_its_beginning() {
    let mut depot = Depot::supplied(1);
    depot.online();
    assert_eq!(depot.remote_start(0, 1), Some(Answer::RemoteStart(5)));
    assert_eq!(depot.command(station_code(), Command::SetTariff(tariff(8))), Some(Answer::Tariff(0)));
    depot.plug(0).run(10);
    let running = depot.station.guns[0].running().expect("it began");
    assert_eq!(running.session.opening().tariff.as_ref().map(|t| t.number), Some(8));
}

#[test]
fn a_plug_that_does_not_come_lets_the_start_lapse() {
    let mut depot = Depot::supplied(1);
    depot.online();
    depot.remote_start(0, 1);
    depot.run(61).plug(0).run(10);
    assert!(!depot.charges(0));
    assert_eq!(depot.disk.outcomes(number(1)), [StartOutcome::NotStarted(StopReason::NOT_PLUGGED)]);
    assert_eq!(depot.remote_start(0, 1), Some(Answer::RemoteStart(10)));
    assert!(depot.records().is_empty());
}

#[test]
fn a_short_expiry_ends_the_wait_for_the_plug() {
    let mut depot = Depot::supplied(1);
    depot.online();
    let order = RemoteStart { expires: Duration::from_secs(10), ..start(0, 1) };
    depot.command(pile(), Command::RemoteStart(order));
    depot.run(11).plug(0).run(5);
    assert!(!depot.charges(0));
}

#[test]
fn authorised_but_wait_starts_only_on_the_remote_start_of_the_same_number() {
    let mut depot = Depot::supplied(1);
    let wait = |n| Decision::Accepted { grant: grant(n), wait_for_start: true };
    depot.online().plug(0).swipe(0, 9).decide(wait(1)).run(20);
    assert!(!depot.charges(0));
    assert_eq!(depot.remote_start(0, 2), Some(Answer::RemoteStart(2)));
    assert_eq!(depot.remote_start(0, 1), ACCEPTED);
    depot.run(10);
    assert!(depot.charges(0));
    assert_eq!(depot.disk.sessions.len(), 1);
    depot.remote_stop(0, number(0));
    depot.run(30);
    depot.swipe(0, 9).decide(wait(3)).run(61);
    assert_eq!(depot.disk.outcomes(number(3)), [StartOutcome::NotStarted(StopReason::COMMAND_EXPIRED)]);
}

#[test]
fn a_stop_of_another_transaction_touches_nothing() {
    let mut depot = Depot::supplied(2);
    depot.online().plug(0).swipe(0, 1).accept(1).run(10);
    assert_eq!(depot.remote_stop(0, number(2)), Some(Answer::RemoteStop(2)));
    assert_eq!(depot.remote_stop(1, number(0)), Some(Answer::RemoteStop(1)));
    depot.run(10);
    assert!(depot.charges(0));
    assert_eq!(depot.remote_stop(0, number(0)), Some(Answer::RemoteStop(0)));
    depot.run(30);
    assert_eq!(depot.records().len(), 1);
}

#[test]
fn a_stop_for_a_silent_charger_is_kept() {
    let mut depot = Depot::supplied(1);
    depot.online().plug(0).swipe(0, 1).accept(1).run(10);
    depot.field[0].alive = false;
    depot.event(Event::Device(charger(0), Report::Link(LinkState::Silent)));
    assert_eq!(depot.remote_stop(0, number(1)), Some(Answer::RemoteStop(3)));
    depot.run(40);
    depot.field[0].alive = true;
    depot.event(Event::Device(charger(0), Report::Link(LinkState::Good))).run(40);
    assert!(!depot.charges(0));
    assert_eq!(depot.records()[0].stop_reason, StopReason::REMOTE_STOP);
}

#[test]
fn a_balance_is_for_the_session_of_that_credential() {
    let mut depot = Depot::supplied(1);
    let balance = |credential| Command::BalanceUpdate { credential, connector: 1, balance: Balance(500) };
    depot.online().plug(0);
    assert_eq!(depot.command(pile(), balance(Credential::None)), Some(Answer::Balance(1)));
    depot.swipe(0, 1).accept(1).run(10);
    assert_eq!(depot.command(pile(), balance(bound_card(2))), Some(Answer::Balance(2)));
    assert_eq!(depot.command(pile(), balance(bound_card(1))), Some(Answer::Balance(0)));
    assert_eq!(depot.command(pile(), balance(Credential::None)), Some(Answer::Balance(0)));
}

#[test]
fn a_device_that_is_not_ours_is_answered_so() {
    let mut depot = Depot::supplied(1);
    depot.online();
    let stop = || Command::RemoteStop { txn: number(0), connector: 1 };
    let commands = [
        (station_code(), stop()),
        ("99000000000001".parse().unwrap(), stop()),
        (pile(), Command::ListDigest(crate::model::access::ListKind::Cards)),
        (pile(), Command::SetTime(None)),
        (pile(), Command::Recall(Recall::Numbers(1, 2))),
    ];
    for (device, command) in commands {
        assert_eq!(depot.command(device, command), Some(Answer::UnknownDevice));
    }
}

#[test]
fn interrogation_tells_every_gun_at_once() {
    let mut depot = Depot::supplied(2);
    depot.online();
    depot.link.clear();
    assert_eq!(depot.command(station_code(), Command::Interrogate(1)), Some(Answer::Interrogate(0)));
    assert_eq!((depot.realtimes(0).len(), depot.realtimes(1).len()), (1, 1));
    assert_eq!(depot.command(station_code(), Command::Interrogate(4)), Some(Answer::Interrogate(1)));
}

#[test]
fn records_are_recalled_by_number_transaction_and_time() {
    let mut depot = Depot::supplied(1);
    depot.charge_offline(0, 1).charge_offline(0, 2).charge_offline(0, 3).online();
    for record in 1..=3 {
        depot.acknowledge(record);
    }
    let ends: Vec<Utc> = depot.records().iter().map(|r| r.end_time.unwrap()).collect();
    let second = depot.records()[1].txn;
    let cases = [
        (Recall::Numbers(2, 9), 0, 2),
        (Recall::Numbers(4, 9), 1, 0),
        (Recall::Numbers(3, 2), 1, 0),
        (Recall::Transaction(second), 0, 1),
        (Recall::Transaction(number(9)), 1, 0),
        (Recall::Time(Some(ends[0]), Some(ends[2])), 0, 2),
        (Recall::Time(None, None), 0, 3),
    ];
    for (recall, result, count) in cases {
        let answer = depot.command(station_code(), Command::Recall(recall.clone()));
        assert_eq!(answer, Some(Answer::Recall(result, count)), "{recall:?}");
    }
    assert_eq!(depot.station.status(depot.now).unsent_records, 3);
    depot.plug(0).swipe(0, 1).accept(1).run(5);
    let open = depot.command(station_code(), Command::Recall(Recall::Transaction(number(1))));
    assert_eq!(open, Some(Answer::Recall(2, 0)));
}

#[test]
fn a_recall_of_scattered_records_is_one_message_to_the_link() {
    let mut depot = Depot::supplied(1);
    depot.charge_offline(0, 1).charge_offline(0, 2).charge_offline(0, 3);
    depot.disk.records[1].record.end_time = None; // its clock was not trusted
    let mut depot = depot.restart();
    depot.online();
    depot.link.clear();
    let answer = depot.command(station_code(), Command::Recall(Recall::Time(None, None)));
    assert_eq!(answer, Some(Answer::Recall(0, 2)));
    let queued = depot.link.iter().filter(|m| matches!(m, ToLink::Queued(_))).count();
    assert_eq!(queued, 1);
}

#[test]
fn an_acknowledgement_is_durable_before_the_link_forgets_the_record() {
    let mut depot = Depot::supplied(1);
    depot.charge_offline(0, 1).online();
    let settled = ToLink::Settled(EntryId { lane: Lane::Record, id: 1 });
    depot.store = Store::Slow;
    depot.acknowledge(1);
    assert!(!depot.link.contains(&settled));
    depot.store = Store::AtOnce;
    depot.release(true);
    assert!(depot.link.contains(&settled));
    assert_eq!(depot.station.status(depot.now).unsent_records, 0);
}

#[test]
fn a_start_result_is_withdrawn_when_the_record_of_its_session_was_taken() {
    let mut depot = Depot::supplied(1);
    depot.charge_offline(0, 1).online().acknowledge(1);
    assert!(depot.link.contains(&ToLink::Settled(EntryId { lane: Lane::StartResult, id: 1 })));
    assert!(depot.disk.recovered().start_results.is_empty());
}

#[test]
fn a_refused_record_is_set_aside_with_an_alarm_until_it_is_taken() {
    let mut depot = Depot::supplied(1);
    depot.charge_offline(0, 1).online();
    let entry = EntryId { lane: Lane::Record, id: 1 };
    depot.says(FromLink::Acknowledged(entry, Verdict::Refused(2)));
    assert!(depot.alarms().contains(&"0009".to_owned()));
    assert_eq!(depot.station.status(depot.now).unsent_records, 1);
    depot.command(station_code(), Command::Recall(Recall::Numbers(1, 1)));
    depot.acknowledge(1);
    assert!(!depot.alarms().contains(&"0009".to_owned()));
    assert_eq!(depot.station.status(depot.now).unsent_records, 0);
}

#[test]
fn platform_time_sets_a_clock_that_differs_and_confirms_one_that_does_not() {
    let mut depot = Depot::new(1);
    depot.now.trust = ClockTrust::None;
    depot.run(6);
    assert!(depot.alarms().contains(&"0006".to_owned()));
    let told = depot.now.wall.plus_ms(3_600_000);
    let answer = depot.command(station_code(), Command::SetTime(Some(told)));
    assert_eq!(answer, Some(Answer::Time { result: 0, before: None, offset_ms: None }));
    assert_eq!(depot.clock_set, [told]);
    depot.run(20);
    assert!(!depot.alarms().contains(&"0006".to_owned()));
    let (before, told) = (depot.now.wall, depot.now.wall.plus_ms(-1_500));
    let answer = depot.command(station_code(), Command::SetTime(Some(told)));
    assert_eq!(answer, Some(Answer::Time { result: 0, before: Some(before), offset_ms: Some(-1_500) }));
    assert_eq!(depot.clock_set.len(), 1);
    for told in [None, Some(Utc(0))] {
        let answer = depot.command(station_code(), Command::SetTime(told));
        assert!(matches!(answer, Some(Answer::Time { result: 2, .. })));
    }
}

#[test]
fn ntp_beats_the_platform_and_a_large_difference_is_an_alarm() {
    let mut depot = Depot::new(1);
    depot.now.trust = ClockTrust::Ntp;
    let told = depot.now.wall.plus_ms(400_000);
    depot.says(FromLink::PlatformTime(told)).run(6);
    assert!(depot.clock_set.is_empty() && depot.alarms().contains(&"0007".to_owned()));
    let answer = depot.command(station_code(), Command::SetTime(Some(told)));
    assert!(matches!(answer, Some(Answer::Time { result: 1, .. })));
}

#[test]
fn link_alarms_come_after_their_time_and_go_with_their_cause() {
    let mut depot = Depot::supplied(1);
    depot.run(299);
    assert!(!depot.alarms().contains(&"0001".to_owned()));
    depot.run(2);
    assert!(depot.alarms().contains(&"0001".to_owned()));
    depot.says(FromLink::LoginRefused(2));
    assert!(depot.alarms().contains(&"0002".to_owned()));
    for (device, code) in [(charger(0), "011D"), (meter(0), "0201"), (reader(0), "0301")] {
        depot.event(Event::Device(device, Report::Link(LinkState::Silent))).run(6);
        assert!(depot.alarms().contains(&code.to_owned()), "{code}");
    }
    depot.online().says(FromLink::PileRegistered(pile(), 2));
    assert!(depot.alarms().contains(&"0012".to_owned()));
    assert!(!depot.alarms().contains(&"0001".to_owned()) && !depot.alarms().contains(&"0002".to_owned()));
    for device in [charger(0), meter(0), reader(0)] {
        depot.event(Event::Device(device, Report::Link(LinkState::Good)));
    }
    depot.says(FromLink::PileRegistered(pile(), 0)).run(11);
    assert_eq!(depot.alarms(), Vec::<String>::new());
}

#[test]
fn login_facts_follow_what_is_in_force() {
    let mut depot = Depot::supplied(1);
    depot.charge_offline(0, 1).plug(0).swipe(0, 2).run(5);
    let facts = depot.link.iter().rev().find_map(|m| match m {
        ToLink::Facts(facts) => Some(facts.clone()),
        _ => None,
    });
    let facts = facts.unwrap();
    assert_eq!((facts.boot_counter, facts.unsent_records, facts.open_sessions), (1, 1, 1));
    assert_eq!((facts.tariff_number, facts.card_list_version), (7, 1));
}
