//! What the platform hears of batteries (0206 to 0208), and what an offline start would do.

use super::*;
use crate::model::access::{Departure, ListEntries, ListKind, ListStep, ListUpdate};
use crate::model::message::{BatteryHandshake, BatteryProgress, EntryId, Lane};
use crate::model::vehicle::{End, Progress};

const BUS: &str = "LC06S24R0H1234567";

fn handshakes(depot: &Depot) -> Vec<&BatteryHandshake> {
    let mut told = Vec::new();
    for message in &depot.link {
        if let ToLink::BatteryHandshake(words) = message {
            told.push(&**words);
        }
    }
    told
}

fn progress(depot: &Depot) -> Vec<&BatteryProgress> {
    let mut told = Vec::new();
    for message in &depot.link {
        if let ToLink::BatteryProgress(words) = message {
            told.push(&**words);
        }
    }
    told
}

fn says(depot: &mut Depot, report: VehicleReport) {
    depot.event(Event::Device(charger(0), Report::Vehicle(report)));
}

/// The words of a vehicle each second.
fn chatter(depot: &mut Depot, seconds: u8) {
    for soc in 0..seconds {
        let words = Progress { soc: Some(soc), max_temperature_c: Some(31), ..Progress::default() };
        says(depot, VehicleReport::Progress(Box::new(words)));
        depot.run(1);
    }
}

#[test]
fn a_vehicle_is_told_of_once_and_its_progress_every_fifteen_seconds() {
    let mut depot = fleet(by_vin(1), vec![]);
    depot.online().plug(0).names(0, Some(BUS));
    assert!(handshakes(&depot).is_empty(), "no session yet");
    depot.accept(1).run(5);
    assert!(depot.charges(0));
    chatter(&mut depot, 31);
    let told = handshakes(&depot);
    assert_eq!((told.len(), told[0].txn, told[0].connector), (1, number(1), gun_id(0)));
    assert_eq!(told[0].handshake.vin, BUS.parse().ok());
    let socs: Vec<_> = progress(&depot).iter().map(|p| p.progress.soc).collect();
    assert_eq!(socs.len(), 3, "{socs:?}");
    assert_eq!(depot.realtimes(0).last().unwrap().battery_temperature_c, Some(31));
}

#[test]
fn a_vehicle_that_falls_silent_leaves_the_station_at_rest() {
    let mut depot = fleet(by_vin(1), vec![]);
    depot.online().plug(0).names(0, Some(BUS));
    depot.accept(1).run(5);
    chatter(&mut depot, 16);
    says(&mut depot, VehicleReport::Gone);
    depot.run(40);
    assert!(depot.charges(0));
    assert!(depot.station.wake_at().is_some_and(|at| at > depot.now.mono), "nothing is due again and again");
    let told = progress(&depot).len();
    chatter(&mut depot, 1);
    assert_eq!(progress(&depot).len(), told + 1, "heard again, told again");
}

#[test]
fn a_login_during_a_session_hears_of_the_vehicle_once_more_and_an_outage_of_nothing() {
    let mut depot = fleet(by_vin(1), vec![]);
    depot.online().plug(0).names(0, Some(BUS)).accept(1).run(5);
    chatter(&mut depot, 2);
    depot.says(FromLink::Offline);
    let before = progress(&depot).len();
    chatter(&mut depot, 40);
    assert_eq!((handshakes(&depot).len(), progress(&depot).len()), (1, before));
    depot.online().run(20);
    assert_eq!((handshakes(&depot).len(), progress(&depot).len()), (2, before + 2));
}

#[test]
fn how_it_ended_goes_with_the_record_and_waits_in_a_lane_of_its_own() {
    let mut depot = fleet(by_vin(1), vec![]);
    depot.online().plug(0).names(0, Some(BUS)).accept(1).run(20);
    let end = End { bst: Some([4, 0, 0, 0]), end_soc: Some(97), ..End::default() };
    says(&mut depot, VehicleReport::End(Box::new(end.clone())));
    depot.remote_stop(0, number(1));
    depot.run(60);
    let kept = &depot.disk.battery_ends;
    assert_eq!((kept.len(), kept[0].0, kept[0].1.txn), (1, 1, number(1)));
    assert_eq!((&kept[0].1.end.bst, kept[0].1.end.end_soc), (&end.bst, Some(97)));
    let id = EntryId { lane: Lane::BatteryEnd, id: 1 };
    assert!(depot.link.contains(&ToLink::Queued(id)));
    depot.says(FromLink::Acknowledged(id, Verdict::Taken)).run(1);
    assert!(depot.link.contains(&ToLink::Settled(id)));
    assert_eq!(depot.records().len(), 1);
}

#[test]
fn a_session_without_a_vehicles_words_ends_without_them() {
    let mut depot = Depot::supplied(1);
    depot.charge_offline(0, 1).unplug(0).run(60);
    assert!(depot.records().len() == 1 && depot.disk.battery_ends.is_empty());
}

#[test]
fn a_vin_list_is_in_force_once_it_is_durable_and_survives_a_restart() {
    let mut depot = Depot::supplied(1);
    depot.online();
    let update =
        |from, to, step| Command::VehicleList(ListUpdate { from_version: from, to_version: to, step });
    let ok = |version| Some(Answer::List(ListKind::Vehicles, 0, version));
    assert_eq!(depot.command(station_code(), update(0, 6, ListStep::BeginFull)), ok(0));
    assert_eq!(depot.command(station_code(), update(0, 6, ListStep::Put(vec![bus(BUS)]))), ok(0));
    assert_eq!(depot.command(station_code(), update(0, 6, ListStep::Commit)), ok(6));
    let mut depot = depot.restart();
    let mut facts = depot.link.iter().filter_map(|m| if let ToLink::Facts(f) = m { Some(f) } else { None });
    assert_eq!(facts.next_back().unwrap().vin_list_version, 6);
    let entries = ListEntries::Vehicles(vec![bus(BUS)].into());
    depot.online();
    let digest = depot.command(station_code(), Command::ListDigest(ListKind::Vehicles));
    assert_eq!(digest, Some(Answer::ListDigest(6, entries)));
}

#[test]
fn an_old_vin_list_raises_its_own_alarm_and_a_missing_one_none() {
    let mut depot = fleet(by_vin(1), vec![bus(BUS)]);
    depot.run(6);
    assert!(!depot.alarms().contains(&"000B".to_owned()) && !depot.alarms().contains(&"000C".to_owned()));
    depot.now.wall = depot.now.wall.plus_ms(8 * 86_400_000);
    depot.run(6);
    assert!(depot.alarms().contains(&"000B".to_owned()) && !depot.alarms().contains(&"000C".to_owned()));
}

#[test]
fn departure_plans_are_durable_before_they_are_answered() {
    let mut depot = Depot::supplied(1);
    depot.online();
    let plan = |ms| Departure {
        vin: BUS.parse().unwrap(),
        depart: Some(depot.now.wall.plus_ms(ms)),
        target_soc: 90,
        priority: 1,
    };
    let (coming, past) = (plan(3_600_000), plan(-1));
    assert_eq!(
        depot.command(station_code(), Command::DeparturePlan(Some(vec![coming]))),
        Some(Answer::DeparturePlan(0))
    );
    assert_eq!(depot.disk.departures.len(), 1);
    let refused = depot.command(station_code(), Command::DeparturePlan(Some(vec![coming, past])));
    assert_eq!(refused, Some(Answer::DeparturePlan(1)));
    assert_eq!(depot.command(station_code(), Command::DeparturePlan(None)), Some(Answer::DeparturePlan(2)));
    depot.store = Store::Full;
    let lost = depot.command(station_code(), Command::DeparturePlan(Some(vec![coming])));
    assert_eq!(lost, Some(Answer::DeparturePlan(3)));
    depot.store = Store::AtOnce;
    assert_eq!(depot.restart().station.status(Now::default()).departures, 1);
}

#[test]
fn a_rehearsal_says_what_a_swipe_would_do_and_marks_the_first_condition_that_fails() {
    let mut depot = Depot::supplied(1);
    let rehearse = |depot: &Depot, card: u8| depot.station.rehearse(depot.now, &Credential::Card(uid(card)));
    let good = rehearse(&depot, 1);
    assert!(good.accepted && good.conditions.iter().all(|c| c.holds && c.mark == "ok"), "{good:?}");
    let unknown = rehearse(&depot, 99);
    assert_eq!((unknown.accepted, unknown.says.as_str()), (false, "offline: card not listed"));
    let first: Vec<_> = unknown.conditions.iter().filter(|c| c.mark == "FAILS").collect();
    assert_eq!((first.len(), first[0].condition), (1, "it is on the list"));
    depot.plug(0).swipe(0, 99);
    assert_eq!(depot.refused(0), Some("offline: card not listed"), "and so it is");
    depot.swipe(0, 1).run(10);
    assert!(depot.charges(0));
    let again = rehearse(&depot, 1);
    assert_eq!((again.accepted, again.says.as_str()), (false, "card in use"));
}

#[test]
fn a_rehearsal_of_a_vehicle_follows_the_vin_list() {
    let depot = fleet(by_vin(1), vec![bus(BUS)]);
    let rehearse = |vin: &str| depot.station.rehearse(depot.now, &Credential::Vin(vin.parse().unwrap()));
    assert!(rehearse(BUS).accepted, "{:?}", rehearse(BUS));
    assert_eq!(rehearse("LC06S24R0H7654321").says, "offline: vehicle not listed");
}
