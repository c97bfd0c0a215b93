//! What the vehicle says, and what becomes of the session.

use super::bench::{Bench, opening, orders, raised, start_tag, stops};
use crate::model::ident::{Credential, Vin};
use crate::model::message::StartOutcome;
use crate::model::quantity::Energy;
use crate::model::report::{ChargerState, ChargerStatus, OrderFault};
use crate::model::request::{AuxVoltage, Order, StartOrder};
use crate::model::session::Limit;
use crate::model::stop::StopReason;
use crate::model::time::ClockTrust;
use crate::model::vehicle::{Admission, ChargerEnd, End, EndStage, Handshake, Progress, VehicleReport};
use crate::session::{Action, Config, Event, Opening, Target};

const BUS: &str = "LC06S24R0H1234567";
const OTHER: &str = "LC06S24R0H7654321";

fn vin(text: &str) -> Vin {
    text.parse().expect("a VIN")
}

fn named(text: Option<&str>) -> VehicleReport {
    VehicleReport::Handshake(Box::new(Handshake { vin: text.map(vin), ..Handshake::default() }))
}

fn soc(percent: u8) -> VehicleReport {
    VehicleReport::Progress(Box::new(Progress { soc: Some(percent), ..Progress::default() }))
}

fn ended(bst: [u8; 4], reason: Option<StopReason>) -> VehicleReport {
    VehicleReport::End(Box::new(End { bst: Some(bst), reason, ..End::default() }))
}

fn waiting() -> Config {
    Config { waits: true, ..Config::default() }
}

fn expecting(text: &str) -> Opening {
    let mut opening = Opening { verify: true, ..opening() };
    opening.grant.expected_vin = Some(vin(text));
    opening
}

impl Bench {
    fn hears(&mut self, report: &VehicleReport) -> Vec<Action> {
        self.event(Event::Vehicle { report, objection: None })
    }

    /// Up to the start order.
    fn ordered_to_start(config: &Config, opening: Opening) -> Bench {
        let mut bench = Bench::with(config, opening, ClockTrust::Ntp);
        bench.event(Event::Committed);
        bench.ordered(100_000);
        bench.event(Event::Committed);
        bench.event(Event::Committed);
        bench
    }

    fn steps(&self) -> String {
        let step = |action: &Action| match action {
            Action::Save { step, .. } => step.clone(),
            _ => None,
        };
        self.all.iter().filter_map(step).collect::<Vec<_>>().join(" | ")
    }
}

#[test]
fn the_vehicle_that_was_expected_is_admitted_and_named_in_0204_and_in_the_record() {
    let mut bench = Bench::ordered_to_start(&waiting(), Opening { aux: AuxVoltage::V24, ..expecting(BUS) });
    let start = StartOrder { verify_vin: true, aux_voltage: AuxVoltage::V24, ..StartOrder::default() };
    assert_eq!(orders(&bench.all), [Order::Start(start)]);
    assert_eq!(orders(&bench.hears(&named(Some(BUS)))), [Order::Admit(Admission::Admitted)]);
    bench.charger(ChargerState::Charging, 0);
    assert_eq!(bench.session.start_result(StartOutcome::Charging).vin, Some(vin(BUS)));
    bench.event(Event::Committed);
    bench.event(Event::Stop(StopReason::REMOTE_STOP));
    assert_eq!(bench.settle().vin, Some(vin(BUS)));
}

#[test]
fn another_vehicle_than_the_expected_one_gets_no_contactor_and_a_record_of_zero_energy() {
    let mut bench = Bench::ordered_to_start(&waiting(), expecting(BUS));
    let actions = bench.hears(&named(Some(OTHER)));
    assert_eq!(orders(&actions), [Order::Admit(Admission::Refused), Order::Stop]);
    assert!(raised(&actions, 0x040A));
    let record = bench.settle();
    assert_eq!((record.stop_reason, record.energy_total), (StopReason::VIN_DIFFERS, Energy::ZERO));
    assert_eq!(record.vin, Some(vin(OTHER)), "the one that was there");
    assert_eq!(
        bench.all.iter().find_map(|a| super::bench::close_of(a)).expect("closed").1,
        Some(StartOutcome::Failed(StopReason::VIN_DIFFERS))
    );
}

#[test]
fn what_the_lists_have_against_a_vehicle_ends_the_start() {
    let mut bench = Bench::ordered_to_start(&waiting(), Opening { verify: true, ..opening() });
    let objection = Some(StopReason::CREDENTIAL_REFUSED);
    let actions = bench.event(Event::Vehicle { report: &named(Some(BUS)), objection });
    assert_eq!(orders(&actions), [Order::Admit(Admission::Refused), Order::Stop]);
    assert!(raised(&actions, 0x040A));
    assert_eq!(bench.settle().stop_reason, StopReason::CREDENTIAL_REFUSED);
}

#[test]
fn a_vehicle_found_unfit_before_any_order_is_given_none() {
    let mut bench = Bench::with(&waiting(), expecting(BUS), ClockTrust::Ntp);
    bench.event(Event::Committed);
    bench.hears(&named(Some(OTHER)));
    let (record, outcome) = bench.closed();
    assert_eq!(orders(&bench.all), []);
    assert_eq!(record.stop_reason, StopReason::VIN_DIFFERS);
    assert_eq!(outcome, Some(StartOutcome::Failed(StopReason::VIN_DIFFERS)));
}

#[test]
fn a_vehicle_named_while_the_opening_is_saved_closes_no_contactor_early() {
    let mut bench = Bench::with(&waiting(), expecting(BUS), ClockTrust::Ntp);
    bench.hears(&named(Some(BUS)));
    bench.event(Event::Committed);
    bench.hears(&named(Some(BUS)));
    bench.ordered(100_000);
    bench.hears(&named(Some(BUS)));
    assert_eq!(orders(&bench.all), [], "the first register is not on disk yet");
    bench.event(Event::Committed);
    assert_eq!(orders(&bench.all).len(), 1);
}

#[test]
fn no_vin_where_one_is_expected_ends_the_start_with_0707() {
    let mut waits = Bench::ordered_to_start(&waiting(), expecting(BUS));
    assert_eq!(orders(&waits.hears(&named(None))), [Order::Admit(Admission::Illegal), Order::Stop]);
    assert_eq!(waits.settle().stop_reason, StopReason::VIN_ABSENT);
    let mut tapped = Bench::ordered_to_start(&Config::default(), expecting(BUS));
    assert_eq!(orders(&tapped.hears(&named(None))), [], "it may still name itself");
    assert_eq!(stops(&tapped.charger(ChargerState::Charging, 0)), 1);
    let record = tapped.settle();
    assert_eq!((record.stop_reason, record.energy_total), (StopReason::VIN_ABSENT, Energy::ZERO));
}

#[test]
fn behind_a_tap_a_wrong_vehicle_is_stopped_at_once() {
    let mut bench = Bench::ordered_to_start(&Config::default(), expecting(BUS));
    let start = StartOrder::default();
    assert_eq!(orders(&bench.all), [Order::Start(start)], "a charger that cannot wait is not asked to");
    assert_eq!(orders(&bench.hears(&named(Some(OTHER)))), [Order::Stop]);
    bench.ends_for(StopReason::VIN_DIFFERS);
}

#[test]
fn a_vin_session_does_not_begin_with_another_vehicle() {
    let by_vin = Opening { credential: Credential::Vin(vin(BUS)), verify: true, ..opening() };
    let mut bench = Bench::ordered_to_start(&waiting(), by_vin);
    assert_eq!(orders(&bench.hears(&named(Some(OTHER)))), [Order::Admit(Admission::Refused), Order::Stop]);
    assert_eq!(bench.settle().stop_reason, StopReason::VIN_DIFFERS);
}

#[test]
fn another_vin_during_the_session_ends_it_with_0431() {
    let mut bench = Bench::charging(&Config::default(), opening());
    bench.hears(&named(Some(BUS)));
    assert_eq!(stops(&bench.hears(&named(Some(BUS)))), 0);
    assert_eq!(stops(&bench.hears(&named(None))), 0);
    let actions = bench.hears(&named(Some(OTHER)));
    assert!(raised(&actions, 0x040B) && stops(&actions) == 1);
    let record = bench.settle();
    assert_eq!((record.stop_reason, record.vin), (StopReason::VIN_CHANGED, Some(vin(BUS))));
    assert!(bench.all.contains(&Action::Alarm { code: 0x040B, raised: false }));
}

#[test]
fn the_vehicles_own_state_of_charge_counts_where_the_charger_tells_none() {
    let mut opening = opening();
    opening.grant.limit = Limit::Soc(80);
    let mut bench = Bench::charging(&Config::default(), opening);
    let silent = ChargerStatus { soc: None, ..Bench::status(ChargerState::Charging, 60_000) };
    bench.event(Event::Charger(&silent));
    assert_eq!(stops(&bench.hears(&soc(80))), 0, "once may be noise");
    bench.event(Event::Charger(&silent));
    assert_eq!(stops(&bench.all), 0, "it was told once, not twice");
    assert_eq!(stops(&bench.hears(&soc(81))), 1);
    let record = bench.ends_for(StopReason::SOC_REACHED);
    assert_eq!(record.end_soc, Some(50), "in the end the charger told its own");
}

#[test]
fn the_vehicles_cause_goes_before_the_chargers_of_the_same_second_and_the_first_wins_else() {
    let of = |wait_ms| {
        let mut bench = Bench::charging(&Config::default(), opening());
        bench.charge(5, 60_000);
        bench.charger(ChargerState::Finished, 0);
        bench.wait(wait_ms);
        bench.hears(&ended([0, 0, 1, 0], Some(StopReason::TARGET_SOC)));
        bench.settle().stop_reason
    };
    assert_eq!(of(0), StopReason::TARGET_SOC);
    assert_eq!(of(1_500), StopReason::CHARGER_CONDITION);
    let mut bench = Bench::charging(&Config::default(), opening());
    bench.event(Event::Stop(StopReason::METER_LINK_LOST));
    bench.hears(&ended([0, 0, 0, 0], Some(StopReason::BMS_STOPPED)));
    bench.ends_for(StopReason::METER_LINK_LOST);
}

#[test]
fn both_sides_own_codes_are_kept_for_people() {
    let mut bench = Bench::charging(&Config::default(), opening());
    let end = ChargerEnd { stage: EndStage::Charging, code: 0x1F, reason: StopReason::BCL_TIMEOUT };
    let status = ChargerStatus { end: Some(end), ..Bench::status(ChargerState::Finished, 0) };
    bench.event(Event::Charger(&status));
    bench.hears(&ended([0; 4], None));
    bench.event(Event::Committed);
    bench.event(Event::Committed);
    let text = "charger: stop code 1F, BCL timeout; vehicle: BST 00 00 00 00";
    assert!(bench.steps().contains(text), "{}", bench.steps());
    let row = bench.session.row(bench.now());
    assert!(row.state.contains("\"code\":31") && row.state.contains("\"bst\":[0,0,0,0]"), "{}", row.state);
    assert_eq!(bench.settle().stop_reason, StopReason::BCL_TIMEOUT);
}

#[test]
fn what_a_charger_says_of_its_last_charge_is_not_of_this_one() {
    let end = ChargerEnd { stage: EndStage::Charging, code: 0x01, reason: StopReason::CHARGER_BY_HAND };
    let old = ChargerStatus { end: Some(end), ..Bench::status(ChargerState::Finished, 0) };
    let mut bench = Bench::open(opening());
    bench.event(Event::Charger(&old));
    bench.event(Event::Committed);
    bench.ordered(100_000);
    bench.event(Event::Committed);
    bench.event(Event::Charger(&old));
    assert_eq!(stops(&bench.all), 0);
    bench.charger(ChargerState::Preparing, 0);
    bench.event(Event::Charger(&ChargerStatus { state: ChargerState::StartFailed, ..old }));
    bench.ends_for(StopReason::CHARGER_BY_HAND);
}

#[test]
fn a_start_that_fails_has_the_cause_that_charger_or_vehicle_name() {
    let mut bench = Bench::ordered_to_start(&Config::default(), opening());
    bench.hears(&VehicleReport::End(Box::new(End {
        bem: Some([0, 0, 0, 1]),
        reason: Some(StopReason::CML_TIMEOUT),
        ..End::default()
    })));
    assert_eq!(stops(&bench.all), 0, "the charger may handshake anew");
    bench.charger(ChargerState::Preparing, 0);
    bench.charger(ChargerState::StartFailed, 0);
    bench.ends_for(StopReason::CML_TIMEOUT);
}

#[test]
fn a_second_start_that_is_refused_has_the_cause_that_the_charger_names() {
    let mut bench = Bench::open(opening());
    bench.charger(ChargerState::StartFailed, 0);
    bench.event(Event::Committed);
    bench.ordered(100_000);
    let ordered = bench.event(Event::Committed);
    let end = ChargerEnd { stage: EndStage::StartRefused, code: 0x0A, reason: StopReason::DOOR_OPEN };
    let refused = ChargerStatus { end: Some(end), ..Bench::status(ChargerState::StartFailed, 0) };
    bench.event(Event::Charger(&refused));
    let fault = Err(OrderFault::Refused(0x0A));
    bench.event(Event::Done(Target::Charger, start_tag(&ordered), fault));
    bench.ends_for(StopReason::DOOR_OPEN);
}

#[test]
fn after_three_new_handshakes_the_next_bms_timeout_ends_the_session() {
    let mut bench = Bench::charging(&Config::default(), opening());
    let timeout = StopReason::BMS_TIMEOUT;
    for _ in 0..3 {
        assert!(raised(&bench.hears(&VehicleReport::Fault(timeout, true)), 0x0402));
        assert_eq!(stops(&bench.hears(&VehicleReport::Fault(timeout, false))), 0);
    }
    assert_eq!(stops(&bench.hears(&VehicleReport::Fault(timeout, true))), 1);
    bench.ends_for(timeout);
}

#[test]
fn a_battery_fault_ends_the_session_when_it_lasts_and_insulation_at_once() {
    let mut bench = Bench::charging(&Config::default(), opening());
    let hot = |began| VehicleReport::Fault(StopReason::BSM_HOT, began);
    bench.hears(&hot(true));
    bench.wait(1_500);
    bench.hears(&hot(false));
    bench.wait(1_500);
    bench.hears(&VehicleReport::Fault(StopReason::BSM_SOC, true));
    bench.wait(5_000);
    assert_eq!(stops(&bench.all), 0);
    bench.hears(&hot(true));
    assert_eq!(stops(&bench.wait(1_999)), 0);
    assert_eq!(stops(&bench.wait(1)), 1);
    bench.ends_for(StopReason::BSM_HOT);
    let mut bench = Bench::charging(&Config::default(), opening());
    bench.hears(&VehicleReport::Fault(StopReason::BSM_INSULATION, true));
    bench.ends_for(StopReason::BSM_INSULATION);
}

#[test]
fn a_vehicle_that_pauses_longer_than_ten_minutes_ends_its_session() {
    let mut bench = Bench::charging(&Config::default(), opening());
    bench.hears(&VehicleReport::Paused(true));
    for _ in 0..598 {
        bench.wait(1_000);
        bench.register += 1;
        bench.polled(bench.register);
        bench.charger(ChargerState::Charging, 60_000); // whatever the charger believes
        bench.event(Event::Committed);
    }
    assert_eq!(stops(&bench.all), 0);
    bench.wait(2_000);
    bench.ends_for(StopReason::PAUSE_TOO_LONG);
}

#[test]
fn a_controller_shows_each_new_energy_at_most_once_a_second() {
    let shown = |actions: &[Action]| {
        orders(actions).iter().filter(|order| matches!(order, Order::Delivered { .. })).count()
    };
    let mut bench = Bench::charging(&waiting(), opening());
    assert_eq!(shown(&bench.charge(10, 60_000)), 10);
    bench.register += 100;
    assert_eq!(shown(&bench.polled(bench.register)), 0, "within the same second");
    bench.wait(1_000);
    assert_eq!(shown(&bench.polled(bench.register)), 1);
    bench.wait(1_000);
    assert_eq!(shown(&bench.polled(bench.register)), 0, "nothing new");
    let mut plain = Bench::charging(&Config::default(), opening());
    assert_eq!(shown(&plain.charge(10, 60_000)), 0);
}

#[test]
fn what_was_heard_of_the_vehicle_survives_a_restart() {
    let mut bench = Bench::charging(&Config::default(), opening());
    bench.hears(&named(Some(BUS)));
    let row = bench.session.row(bench.now());
    let (session, _) =
        crate::session::Session::recover(bench.now(), &Config::default(), &row).expect("a row of ours");
    assert_eq!(session.vin(), Some(vin(BUS)));
    assert!(session.has_charged() && session.cause().is_none());
}

#[test]
fn after_a_restart_a_vehicle_that_waits_to_be_admitted_is_not_kept_waiting() {
    for (verify, state, stopped) in [
        (true, ChargerState::Preparing, 1),
        (false, ChargerState::Preparing, 0),
        (true, ChargerState::Charging, 0),
    ] {
        let checked = Opening { verify, ..opening() };
        let mut bench = Bench::ordered_to_start(&waiting(), checked);
        let row = bench.session.row(bench.now());
        bench.session = crate::session::Session::recover(bench.now(), &waiting(), &row).expect("ours").0;
        bench.charger(state, 0);
        assert_eq!(stops(&bench.hears(&named(Some(BUS)))), stopped, "{verify} {state:?}");
    }
}

#[test]
fn a_session_of_an_older_program_is_read_as_one_without_a_vehicle() {
    let mut bench = Bench::charging(&Config::default(), opening());
    let mut row = bench.session.row(bench.now());
    let mut state: serde_json::Value = serde_json::from_str(&row.state).expect("JSON");
    let facts = state.as_object_mut().expect("an object");
    assert!(facts.remove("vehicle").is_some());
    let opening = facts.get_mut("opening").and_then(|o| o.as_object_mut()).expect("an opening");
    for field in ["aux", "verify", "dual"] {
        assert!(opening.remove(field).is_some());
    }
    row.state = state.to_string();
    let now = bench.now();
    let (session, _) = crate::session::Session::recover(now, &Config::default(), &row).expect("readable");
    assert_eq!(session.vin(), None);
    bench.event(Event::Woke);
}
