//! A vehicle as its own credential, and vehicles that are not the ones that may charge.

use super::*;
use crate::model::ident::Vin;
use crate::model::message::StartOutcome;
use crate::model::record::StartMode;
use crate::model::report::OrderFault;
use crate::model::request::{AuxVoltage, StartOrder};
use crate::model::stop::StopReason;
use crate::model::vehicle::Progress;

const BUS: &str = "LC06S24R0H1234567";
const OTHER: &str = "LC06S24R0H7654321";

fn identified(depot: &Depot, gun: usize) -> usize {
    depot.ordered(gun, &Order::Identify(AuxVoltage::V12))
}

fn admitted(depot: &Depot, gun: usize, admission: Admission) -> usize {
    depot.ordered(gun, &Order::Admit(admission))
}

fn starts(depot: &Depot, gun: usize) -> Vec<StartOrder> {
    let start = |(at, order): &(usize, Order)| match order {
        Order::Start(start) if *at == gun => Some(*start),
        _ => None,
    };
    depot.orders.iter().filter_map(start).collect()
}

fn asks(depot: &Depot) -> Vec<AuthoriseRequest> {
    let asked = |m: &ToLink| match m {
        ToLink::Authorise(_, request) => Some(request.clone()),
        _ => None,
    };
    depot.link.iter().filter_map(asked).collect()
}

/// A tap at gun 0 and a charger that cannot wait.
fn tapped() -> Config {
    let mut config = config(1);
    config.connectors[0].vin_start = true;
    config.connectors[0].tap = Some(DeviceId(3));
    config
}

#[test]
fn a_vehicle_that_the_platform_knows_charges_as_soon_as_it_is_plugged_in() {
    let mut depot = fleet(by_vin(1), vec![]);
    depot.online().plug(0);
    assert_eq!((identified(&depot, 0), depot.state(0)), (1, ConnectorState::Plugged));
    assert_eq!(asks(&depot), []);
    depot.names(0, Some(BUS));
    let request = depot.asked().1;
    assert_eq!((request.start_mode, request.soc), (StartMode::VinOnline, Some(50)));
    assert_eq!(request.credential, Credential::Vin(BUS.parse().unwrap()));
    let shown = depot.station.status(depot.now).connectors[0].vehicle.clone();
    assert_eq!(shown, Some(BUS.parse::<Vin>().unwrap().masked()), "people see who is plugged in, shortened");
    assert_eq!(depot.state(0), ConnectorState::Authorising);
    assert_eq!(starts(&depot, 0), [], "nothing flows before the platform said yes");
    depot.accept(1).run(3);
    assert_eq!(starts(&depot, 0), [StartOrder { verify_vin: true, ..StartOrder::default() }]);
    assert_eq!((admitted(&depot, 0, Admission::Admitted), depot.state(0)), (0, ConnectorState::Charging));
    depot.names(0, Some(BUS)).run(60);
    depot.unplug(0).run(30);
    let record = depot.records()[0];
    assert_eq!((record.start_mode, record.vin), (StartMode::VinOnline, Some(BUS.parse().unwrap())));
    assert_eq!(record.credential, Credential::Vin(BUS.parse().unwrap()));
    assert_eq!(depot.disk.outcomes(number(1)), [StartOutcome::Charging]);
}

#[test]
fn a_restart_of_the_program_is_no_new_plug_in_for_a_vehicle_that_had_its_charge() {
    for (by_person, again) in [(true, 0), (false, 1)] {
        let mut depot = fleet(by_vin(1), vec![]);
        depot.online().plug(0).names(0, Some(BUS)).accept(1).run(60);
        match by_person {
            true => drop(depot.remote_stop(0, number(1))),
            false => drop(depot.event(Event::Shutdown { close: vec![gun_id(0)] })),
        }
        depot.run(60);
        assert_eq!(depot.records().len(), 1);
        let mut depot = depot.restart();
        depot.online().run(60);
        assert_eq!(identified(&depot, 0), again, "stopped by a person: {by_person}");
    }
}

#[test]
fn a_vehicle_is_asked_once_per_plug_in() {
    let mut depot = fleet(by_vin(1), vec![]);
    depot.online().plug(0).names(0, Some(BUS)).decide(Decision::Refused(9)).run(120);
    assert_eq!((identified(&depot, 0), admitted(&depot, 0, Admission::Refused)), (1, 1));
    assert!(depot.feedback.contains(&(0, Feedback::Refused("vehicle unknown".into()))));
    depot.names(0, Some(BUS)).run(60);
    assert_eq!(asks(&depot).len(), 1);
    depot.unplug(0).run(2).plug(0);
    assert_eq!(identified(&depot, 0), 2);
    depot.names(0, Some(BUS)).accept(2).run(5);
    assert!(depot.charges(0));
    depot.remote_stop(0, number(2));
    depot.run(120);
    assert_eq!((depot.state(0), identified(&depot, 0)), (ConnectorState::Finished, 2), "it had its charge");
}

#[test]
fn a_charger_that_asks_by_itself_is_plug_and_charge() {
    let mut config = by_vin(1);
    config.offline.enable = false;
    let mut depot = fleet(config, vec![]);
    depot.plug(0).run(5);
    assert_eq!(identified(&depot, 0), 0, "nobody could say yes");
    depot.field[0].waits = true;
    depot.names(0, Some(BUS));
    assert_eq!(asks(&depot), []);
    depot.online().run(31);
    assert_eq!(depot.asked().1.start_mode, StartMode::PlugAndCharge);
    depot.accept(1).run(5);
    assert!(depot.charges(0));
}

#[test]
fn a_vehicle_without_a_vin_is_asked_twice_more_and_then_a_card_is_needed() {
    let mut depot = fleet(by_vin(1), vec![]);
    depot.online().plug(0);
    for attempt in 1..=3 {
        assert_eq!(identified(&depot, 0), attempt);
        depot.names(0, None).run(6);
    }
    assert!(depot.feedback.contains(&(0, Feedback::Refused("no VIN: use a card".into()))));
    depot.run(600);
    assert_eq!((identified(&depot, 0), admitted(&depot, 0, Admission::Illegal)), (3, 3));
    assert_eq!(asks(&depot), []);
    depot.swipe(0, 1).accept(1).run(5);
    assert!(depot.charges(0), "a card is still possible");
}

#[test]
fn a_charger_that_cannot_identify_is_not_asked_again_and_one_that_fails_is_asked_twice_more() {
    let mut depot = fleet(by_vin(1), vec![]);
    depot.field[0].alive = false;
    depot.online();
    depot.field[0].plugged = true;
    let status = ChargerStatus { plugged: Some(true), state: ChargerState::Idle, ..ChargerStatus::default() };
    depot.event(Event::Device(charger(0), Report::Charger(status.clone())));
    let failed = ChargerStatus { state: ChargerState::StartFailed, ..status.clone() };
    for attempt in 1..=3 {
        assert_eq!(identified(&depot, 0), attempt);
        depot.event(Event::Device(charger(0), Report::Charger(failed.clone())));
        depot.event(Event::Device(charger(0), Report::Charger(status.clone())));
        depot.run(6);
    }
    depot.run(60);
    assert_eq!(identified(&depot, 0), 3);

    let mut depot = fleet(by_vin(1), vec![]);
    depot.online();
    depot.field[0].plugged = true;
    let actions = depot.station.handle(depot.now, Event::Device(charger(0), Report::Charger(status)));
    let order = actions.iter().find_map(|a| match a {
        Action::Tell(_, request) if matches!(request.what, Order::Identify(_)) => Some(request.order),
        _ => None,
    });
    let done = Report::Done(order.unwrap(), Err(OrderFault::Unsupported));
    depot.event(Event::Device(charger(0), done)).run(60);
    assert_eq!(identified(&depot, 0), 0, "no further one");
}

#[test]
fn a_platform_that_does_not_answer_is_told_of_a_late_yes() {
    let mut depot = fleet(by_vin(1), vec![]);
    depot.online().plug(0).names(0, Some(BUS));
    let ticket = depot.asked().0;
    depot.run(31);
    assert_eq!(admitted(&depot, 0, Admission::TimedOut), 1);
    assert!(depot.feedback.contains(&(0, Feedback::Refused("platform timeout".into()))));
    depot.says(FromLink::Decision(ticket, Decision::Accepted { grant: grant(3), wait_for_start: false }));
    depot.run(5);
    assert_eq!(depot.disk.outcomes(number(3)), [StartOutcome::NotStarted(StopReason::DECISION_LATE)]);
    assert_eq!(depot.disk.start_results.last().unwrap().1.start_mode, StartMode::VinOnline);
    assert!(!depot.charges(0));
}

#[test]
fn a_card_shown_meanwhile_goes_before_the_vehicle() {
    let mut depot = fleet(by_vin(1), vec![]);
    depot.online().plug(0).swipe(0, 1);
    assert_eq!(depot.asked().1.credential, bound_card(1));
    depot.accept(1).run(5);
    assert!(depot.charges(0));

    let mut depot = fleet(by_vin(1), vec![]);
    depot.online().plug(0).names(0, Some(BUS));
    let of_vehicle = depot.asked().0;
    depot.swipe(0, 1);
    assert!(depot.link.contains(&ToLink::Forget(of_vehicle)));
    assert_eq!(depot.asked().1.credential, bound_card(1));
    depot.decide(Decision::Refused(3)).run(2);
    assert_eq!(admitted(&depot, 0, Admission::Refused), 1, "the vehicle does not wait for ever");
    depot.says(FromLink::Decision(of_vehicle, Decision::Refused(9))).run(60);
    assert_eq!((depot.state(0), asks(&depot).len()), (ConnectorState::Plugged, 2));
}

#[test]
fn a_vehicle_that_the_list_refuses_or_binds_to_a_card_asks_nobody() {
    let refused = Vehicle { status: VehicleStatus::Refused, ..bus(BUS) };
    let mut depot = fleet(by_vin(1), vec![refused]);
    depot.online().plug(0).names(0, Some(BUS)).run(1);
    assert!(depot.feedback.contains(&(0, Feedback::Refused("vehicle not allowed".into()))));
    assert!(depot.alarms().contains(&"040C".to_owned()));
    depot.swipe(0, 1).accept(1).run(5);
    assert!(!depot.charges(0), "not by card either");
    assert_eq!(depot.disk.outcomes(number(1)), [StartOutcome::Failed(StopReason::CREDENTIAL_REFUSED)]);
    assert_eq!(depot.records()[0].energy_total, Energy::ZERO);
    depot.unplug(0).run(1);
    assert!(!depot.alarms().contains(&"040C".to_owned()));

    let bound = Vehicle { bound_card: Some(uid(2)), ..bus(BUS) };
    let mut depot = fleet(by_vin(1), vec![bound]);
    depot.online().plug(0).names(0, Some(BUS)).run(1);
    assert!(depot.feedback.contains(&(0, Feedback::Refused("bound to a card: use it".into()))));
    assert_eq!((asks(&depot), admitted(&depot, 0, Admission::Refused)), (vec![], 1));
    depot.swipe(0, 2).accept(1).run(5);
    depot.names(0, Some(BUS)).run(2);
    assert!(depot.charges(0), "its own card may");
}

#[test]
fn a_bound_vehicle_and_another_card_end_with_0709_and_an_open_contactor() {
    let bound = Vehicle { bound_card: Some(uid(2)), ..bus(BUS) };
    let mut config = by_vin(1);
    config.connectors[0].vin_start = false;
    let mut depot = fleet(config, vec![bound]);
    depot.online().plug(0).swipe(0, 1).accept(1).run(5);
    assert!(starts(&depot, 0)[0].verify_vin && !depot.charges(0));
    depot.names(0, Some(BUS)).run(40);
    assert_eq!((admitted(&depot, 0, Admission::Refused), depot.charges(0)), (1, false));
    assert_eq!(depot.disk.outcomes(number(1)), [StartOutcome::Failed(StopReason::CREDENTIAL_REFUSED)]);
    let record = depot.records()[0];
    assert_eq!((record.stop_reason, record.energy_total), (StopReason::CREDENTIAL_REFUSED, Energy::ZERO));
    assert_eq!(record.vin, Some(BUS.parse().unwrap()));
}

#[test]
fn a_remote_start_for_one_vehicle_charges_that_one_only() {
    let expecting = |depot: &mut Depot, n: u8| {
        let mut start = start(0, n);
        start.grant.expected_vin = Some(BUS.parse().unwrap());
        start.aux_voltage = 24;
        depot.command(pile(), Command::RemoteStart(start))
    };
    let mut config = by_vin(1);
    config.connectors[0].vin_start = false;
    let mut depot = fleet(config, vec![]);
    depot.online().plug(0);
    assert_eq!(expecting(&mut depot, 1), Some(Answer::RemoteStart(0)));
    depot.run(5).names(0, Some(BUS)).run(2);
    assert!(depot.charges(0));
    let order = StartOrder { verify_vin: true, aux_voltage: AuxVoltage::V24, ..StartOrder::default() };
    assert_eq!(starts(&depot, 0), [order]);
    depot.unplug(0).run(30).plug(0);
    expecting(&mut depot, 2);
    depot.run(5).names(0, Some(OTHER)).run(1);
    assert!(depot.alarms().contains(&"040A".to_owned()) && !depot.charges(0));
    depot.run(30);
    assert_eq!(depot.disk.outcomes(number(2)), [StartOutcome::Failed(StopReason::VIN_DIFFERS)]);

    let mut deaf = Depot::supplied(1);
    deaf.online().plug(0);
    assert_eq!(expecting(&mut deaf, 1), Some(Answer::RemoteStart(9)), "nobody there hears a VIN");
}

#[test]
fn without_the_platform_the_list_lets_fleet_vehicles_charge() {
    let slow = Vehicle { status: VehicleStatus::Grey, power_percent: 50, ..bus(BUS) };
    let mut depot = fleet(by_vin(1), vec![slow]);
    depot.plug(0).names(0, Some(BUS)).run(5);
    assert!(depot.charges(0));
    assert_eq!(starts(&depot, 0)[0].max_power, Some(Power(60_000)));
    assert!(depot.alarms().contains(&"0410".to_owned()));
    depot.unplug(0).run(30);
    assert!(!depot.alarms().contains(&"0410".to_owned()));
    let record = depot.records()[0];
    assert_eq!((record.start_mode, record.flags & 1), (StartMode::VinOffline, 1));
    depot.plug(0).names(0, Some(BUS)).run(5);
    depot.unplug(0).run(30).plug(0).names(0, Some(BUS)).run(5);
    assert!(depot.feedback.contains(&(0, Feedback::Refused("offline: too many sessions".into()))));
    let mut depot = depot.restart();
    depot.run(31).names(0, Some(BUS)).run(5);
    assert!(!depot.charges(0), "the caps of a credential outlive a restart");
    depot.acknowledge(1).acknowledge(2).unplug(0).run(2).plug(0).names(0, Some(BUS)).run(5);
    assert!(depot.charges(0));
}

#[test]
fn whoever_the_list_does_not_let_charge_offline_is_asked_about_when_the_platform_is_back() {
    let mut no_vins = by_vin(1);
    no_vins.offline.vin = false;
    let mut depot = fleet(no_vins, vec![bus(BUS)]);
    depot.plug(0).run(5);
    assert_eq!(identified(&depot, 0), 0, "cards only");
    let mut depot = fleet(by_vin(1), vec![bus(BUS)]);
    depot.plug(0).names(0, Some(OTHER)).run(10);
    assert!(depot.feedback.contains(&(0, Feedback::Refused("offline: vehicle not listed".into()))));
    assert_eq!(admitted(&depot, 0, Admission::Refused), 1);
    depot.online().run(31).names(0, Some(OTHER));
    assert_eq!((asks(&depot).len(), identified(&depot, 0)), (1, 2));
    depot.says(FromLink::Offline).run(5);
    assert_eq!(depot.told(0), Some(&Feedback::Idle), "the link went: the list decides, at once");
    assert_eq!(admitted(&depot, 0, Admission::Refused), 2);
}

#[test]
fn a_platform_that_hangs_and_then_is_gone_leaves_the_vehicle_to_the_list() {
    let mut depot = fleet(by_vin(1), vec![bus(BUS)]);
    depot.online().plug(0).names(0, Some(BUS)).run(40);
    assert_eq!(admitted(&depot, 0, Admission::TimedOut), 1);
    depot.says(FromLink::Offline).run(31).names(0, Some(BUS)).run(10);
    assert!(depot.charges(0), "it is on the list");
    depot.unplug(0).run(30);
    assert_eq!(depot.records()[0].start_mode, StartMode::VinOffline);
}

#[test]
fn whoever_was_charged_by_a_card_meanwhile_is_not_asked_about_when_the_platform_is_back() {
    let mut depot = fleet(by_vin(1), vec![bus(BUS)]);
    depot.plug(0).names(0, Some(OTHER)).run(10);
    depot.swipe(0, 1).run(20);
    assert!(depot.charges(0));
    depot.swipe(0, 1).run(30);
    assert_eq!(depot.records().len(), 1);
    depot.online().run(60);
    assert_eq!((asks(&depot).len(), identified(&depot, 0), depot.charges(0)), (0, 1, false));
}

#[test]
fn after_a_start_of_the_program_plugged_vehicles_ask_within_half_a_minute_and_not_all_at_once() {
    let mut disk = Disk::default();
    disk.supply(vec![], tariff(7), Utc(1_800_000_000_000));
    let state = ChargerState::Idle;
    let field = Field {
        plugged: true,
        state,
        register: Energy(1),
        alive: true,
        faults: 0,
        waits: false,
        started: false,
    };
    let now = Now { mono: Instant(0), wall: Utc(1_800_000_000_000), trust: ClockTrust::Platform };
    let mut depot = Depot::begin(by_vin(20), disk, vec![field; 20], now);
    let mut asked = Vec::new();
    for _ in 0..31 {
        asked.push((0..20).map(|gun| identified(&depot, gun)).sum::<usize>());
        depot.run(1);
    }
    assert_eq!((asked[0], (0..20).map(|gun| identified(&depot, gun)).sum::<usize>()), (0, 20));
    let most = asked.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap();
    assert!(most < 10 && asked.windows(2).filter(|pair| pair[1] > pair[0]).count() > 5, "{asked:?}");
}

#[test]
fn a_tap_that_hears_a_vehicle_starts_it_and_stops_one_that_is_not_expected() {
    let mut depot = fleet(tapped(), vec![]);
    depot.online().plug(0).heard(DeviceId(3), None).heard(DeviceId(3), Some(BUS));
    assert_eq!(depot.asked().1.start_mode, StartMode::VinOnline);
    depot.accept(1).run(5);
    assert_eq!(starts(&depot, 0), [StartOrder::default()]);
    assert!(depot.charges(0));
    depot.heard(DeviceId(3), Some(OTHER)).run(30);
    assert_eq!(depot.records()[0].stop_reason, StopReason::VIN_CHANGED);
    assert!(!depot.alarms().contains(&"040B".to_owned()), "over with its session");
    assert_eq!(asks(&depot).len(), 1);
}

#[test]
fn a_tap_that_hears_nothing_is_an_alarm_and_a_bit_of_0201() {
    let mut depot = fleet(tapped(), vec![]);
    depot.online().event(Event::Device(DeviceId(3), Report::Link(LinkState::Silent))).run(6);
    assert!(depot.alarms().contains(&"0401".to_owned()));
    assert_eq!(depot.realtimes(0).last().unwrap().faults, 1 << 25);
}

#[test]
fn what_the_vehicle_tells_is_seen_in_0201() {
    let mut depot = fleet(tapped(), vec![]);
    depot.online().plug(0);
    let progress = Progress {
        soc: Some(61),
        max_temperature_c: Some(31),
        remaining: Some(Duration::from_secs(3_600)),
        ..Progress::default()
    };
    let report = VehicleReport::Progress(Box::new(progress));
    depot.event(Event::Device(DeviceId(3), Report::Vehicle(report)));
    let hot =
        ChargerStatus { plugged: Some(true), connector_temperature_c: Some(44), ..ChargerStatus::default() };
    depot.event(Event::Device(charger(0), Report::Charger(hot)));
    let seen = depot.station.realtime(depot.now, 0);
    assert_eq!((seen.soc, seen.battery_temperature_c), (Some(61), Some(31)));
    assert_eq!((seen.connector_temperature_c, seen.remaining), (Some(44), Some(Duration::from_secs(3_600))));
}

#[test]
fn a_balance_for_the_fleet_number_or_the_plate_is_for_the_vehicle_that_has_them() {
    let mut depot = fleet(by_vin(1), vec![bus(BUS)]);
    depot.online().plug(0).names(0, Some(BUS)).accept(1).run(5);
    let mut balance = |credential| {
        let balance = crate::model::money::Balance(500);
        depot.command(pile(), Command::BalanceUpdate { credential, connector: 1, balance })
    };
    for (credential, result) in [
        (Credential::FleetNumber("1024".into()), 0),
        (Credential::Plate("粤B12345".into()), 0),
        (Credential::Vin(BUS.parse().unwrap()), 0),
        (Credential::FleetNumber("1025".into()), 2),
        (Credential::Plate(String::new()), 2),
        (Credential::Vin(OTHER.parse().unwrap()), 2),
    ] {
        assert_eq!(balance(credential.clone()), Some(Answer::Balance(result)), "{credential:?}");
    }
}

#[test]
fn an_opening_that_cannot_be_stored_leaves_no_vehicle_waiting() {
    let mut depot = fleet(by_vin(1), vec![]);
    depot.online().plug(0).names(0, Some(BUS));
    depot.store = Store::Full;
    depot.accept(1).run(2);
    assert_eq!((starts(&depot, 0), admitted(&depot, 0, Admission::Refused)), (vec![], 1));
    depot.store = Store::AtOnce;
    depot.run(60);
    assert_eq!(depot.disk.outcomes(number(1)), [StartOutcome::NotStarted(StopReason::STORAGE_FAILURE)]);
}

#[test]
fn a_remote_start_takes_the_place_of_a_vehicle_that_has_not_named_itself() {
    let mut depot = fleet(by_vin(1), vec![]);
    depot.online().plug(0);
    assert_eq!(depot.remote_start(0, 1), Some(Answer::RemoteStart(0)));
    depot.run(5);
    assert!(depot.charges(0));
    depot.names(0, Some(BUS)).run(2);
    assert_eq!(asks(&depot), []);
    depot.unplug(0).run(30);
    assert_eq!(depot.records()[0].vin, Some(BUS.parse().unwrap()));
}

#[test]
fn a_session_cut_by_a_power_loss_lets_its_vehicle_ask_anew() {
    let mut depot = fleet(by_vin(1), vec![]);
    depot.online().plug(0).names(0, Some(BUS)).accept(1).run(60);
    depot.field[0].state = ChargerState::Idle;
    let mut depot = depot.restart();
    depot.online().run(40);
    assert_eq!(depot.records()[0].stop_reason, StopReason::POWER_LOSS);
    assert_eq!(identified(&depot, 0), 1);
    depot.names(0, Some(BUS)).accept(2).run(5);
    assert!(depot.charges(0), "under a new number, and only with a new yes");
}
