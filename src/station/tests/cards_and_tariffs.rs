//! Lists and tariffs through commands: durable before they are answered, durable before they are in force.

use super::*;
use crate::model::access::{ListEntries, ListKind, ListStep, ListUpdate};

fn update(from: u32, to: u32, step: ListStep<Card>) -> Command {
    Command::CardList(ListUpdate { from_version: from, to_version: to, step })
}

#[test]
fn a_card_list_is_answered_once_it_is_durable_and_in_force_from_then_on() {
    let mut depot = Depot::supplied(1);
    depot.online();
    let step = |d: &mut Depot, from, to, step| d.command(station_code(), update(from, to, step));
    assert_eq!(step(&mut depot, 0, 8, ListStep::BeginFull), Some(Answer::List(ListKind::Cards, 0, 1)));
    assert_eq!(
        step(&mut depot, 0, 8, ListStep::Put(vec![listed(9)])),
        Some(Answer::List(ListKind::Cards, 0, 1))
    );
    depot.store = Store::Slow;
    let commit = depot.command_of(station_code(), update(0, 8, ListStep::Commit));
    let next = depot.command_of(station_code(), update(8, 9, ListStep::Put(vec![listed(8)])));
    assert_eq!((depot.answer(commit), depot.answer(next)), (None, None));
    depot.store = Store::AtOnce;
    depot.release(true);
    assert_eq!(
        (depot.answer(commit), depot.answer(next)),
        (Some(Answer::List(ListKind::Cards, 0, 8)), Some(Answer::List(ListKind::Cards, 0, 8)))
    );
    assert_eq!((depot.disk.cards.version, depot.disk.cards.entries.len()), (8, 1));
    depot.says(FromLink::Offline).plug(0).swipe(0, 9).run(10);
    assert!(depot.charges(0));
}

#[test]
fn the_end_of_the_connection_discards_an_unfinished_update() {
    let mut depot = Depot::supplied(1);
    depot.online();
    depot.command(station_code(), update(1, 2, ListStep::Put(vec![listed(9)])));
    depot.says(FromLink::Offline).online();
    let commit = depot.command(station_code(), update(1, 2, ListStep::Commit));
    assert_eq!(commit, Some(Answer::List(ListKind::Cards, 1, 1)));
}

#[test]
fn the_digest_is_asked_of_the_list_in_force() {
    let mut depot = Depot::supplied(1);
    depot.online();
    let cards = (1..5).map(listed).collect();
    assert_eq!(
        depot.command(station_code(), Command::ListDigest(ListKind::Cards)),
        Some(Answer::ListDigest(1, ListEntries::Cards(std::sync::Arc::new(cards))))
    );
}

#[test]
fn a_list_that_does_not_fit_on_disk_leaves_the_old_one_in_force() {
    let mut depot = Depot::supplied(1);
    depot.online();
    depot.command(station_code(), update(1, 2, ListStep::Put(vec![listed(9)])));
    depot.store = Store::Full;
    let commit = depot.command(station_code(), update(1, 2, ListStep::Commit));
    assert_eq!(commit, Some(Answer::List(ListKind::Cards, 2, 1)));
    assert_eq!(depot.station.status(depot.now).card_list.count, 4);
}

#[test]
fn a_list_grows_stale_and_a_login_confirms_it() {
    let mut depot = Depot::supplied(1);
    depot.now.wall = depot.now.wall.plus_ms(8 * 86_400_000);
    depot.plug(0).swipe(0, 1);
    assert_eq!(depot.refused(0), Some("offline: card list too old"));
    depot.run(6);
    assert!(depot.alarms().contains(&"000A".to_owned()));
    depot.online().says(FromLink::Offline).swipe(0, 1).run(10);
    assert!(depot.charges(0) && !depot.alarms().contains(&"000A".to_owned()));
    assert_eq!(depot.restart().station.status(Now::default()).card_list.count, 4);
}

#[test]
fn tariffs_are_judged_stored_and_never_fall_back_to_none() {
    let mut depot = Depot::supplied(1);
    depot.online();
    let give = |d: &mut Depot, t: Tariff| d.command(station_code(), Command::SetTariff(t));
    assert_eq!(give(&mut depot, tariff(8)), Some(Answer::Tariff(0)));
    assert_eq!(depot.disk.in_force, (8, 0));
    let mut other = tariff(8);
    other.tiers[0].service = Price(1);
    let broken = Tariff { tiers: Vec::new(), ..tariff(9) };
    let mut dear = tariff(9);
    dear.tiers[0].electricity = Price(1_000_001);
    for (bad, result) in [(other, 2), (broken.clone(), 1), (dear, 2), (tariff(0), 1)] {
        assert_eq!(give(&mut depot, bad), Some(Answer::Tariff(result)));
    }
    depot.says(FromLink::Tariff(broken));
    assert_eq!(depot.station.status(depot.now).tariff, 8);
    assert!(depot.alarms().contains(&"000E".to_owned()));
    depot.store = Store::Full;
    assert_eq!(give(&mut depot, tariff(10)), Some(Answer::Tariff(3)));
    assert_eq!(depot.station.status(depot.now).tariff, 8);
}

#[test]
fn a_pending_tariff_comes_into_force_at_its_time_and_sessions_keep_theirs() {
    let mut depot = Depot::supplied(1);
    depot.online().plug(0).swipe(0, 1).accept(1).run(10);
    let from = depot.now.wall.plus_ms(60_000);
    let later = Tariff { valid_from: Some(from), ..tariff(8) };
    assert_eq!(depot.command(station_code(), Command::SetTariff(later)), Some(Answer::Tariff(0)));
    assert_eq!(depot.disk.in_force, (7, 8));
    depot.run(59);
    assert_eq!(depot.station.status(depot.now).tariff, 7);
    depot.run(2);
    assert_eq!((depot.station.status(depot.now).tariff, depot.disk.in_force), (8, (8, 0)));
    depot.swipe(0, 1).run(30);
    assert_eq!(depot.records()[0].tariff_number, 7);
}

#[test]
fn two_tariffs_at_once_are_taken_one_after_the_other() {
    let mut depot = Depot::supplied(1);
    depot.online();
    depot.store = Store::Slow;
    let first = depot.command_of(station_code(), Command::SetTariff(tariff(8)));
    let mut other = tariff(8);
    other.tiers[0].service = Price(1);
    let second = depot.command_of(station_code(), Command::SetTariff(other));
    assert_eq!((depot.answer(first), depot.answer(second)), (None, None));
    depot.store = Store::AtOnce;
    depot.release(true);
    assert_eq!(
        (depot.answer(first), depot.answer(second)),
        (Some(Answer::Tariff(0)), Some(Answer::Tariff(2)))
    );
}
