//! The simulated controller and the daemon's driver on one bus: whatever goes wrong, neither breaks a rule of the other.

use super::{Config, Controller, Dialect, Fault};
use crate::driver::tcu;
use crate::model::ident::DeviceCode;
use crate::model::quantity::{Energy, Power};
use crate::model::report::{ChargerState, ChargerStatus, LinkState, OrderFault, OrderId, Report};
use crate::model::request::{AuxVoltage, Order, Request, StartOrder};
use crate::model::stop::StopReason;
use crate::model::time::{Instant, Now};
use crate::model::vehicle::{Admission, EndStage, VehicleReport};
use crate::sim::bay::{Bay, Electronics};
use crate::sim::can_bus::CanBus;
use crate::sim::plug::{self, Plug, Trouble};
use crate::sim::vehicle::{Character, Vehicle};
use std::time::Duration;

const VIN: &str = "LTESTVANXBUS00001";

struct Bench {
    driver: tcu::Controller,
    controller: Controller,
    bay: Bay,
    /// True: the driver sent it.
    bus: CanBus<bool>,
    now: Instant,
    reports: Vec<Report>,
    orders: u64,
}

impl Bench {
    fn new(dialect: Dialect) -> Bench {
        let plug = plug::Config {
            number: 1,
            rated: Power(120_000),
            insulation: Duration::from_secs(1),
            tapped: false,
            grant: 255,
        };
        let mut bay = Bay::new(Electronics::default(), Energy(0)).with_plug(Plug::new(plug, 1));
        bay.plug(Instant(0), bus());
        let config = tcu::Config {
            controller: 0xE1,
            interface: 2,
            pile: DeviceCode([0x44, 0x03, 0, 0, 0x02, 0, 0x01]),
            dialect: tcu::Dialect::Auto,
        };
        let mut bench = Bench {
            driver: tcu::Controller::new(Now::default(), config),
            controller: Controller::new(Config { address: 0xE1, interface: 2, dialect }),
            bay,
            bus: CanBus::new(250_000),
            now: Instant(0),
            reports: Vec::new(),
            orders: 0,
        };
        bench.drive(tcu::Event::BusUp);
        bench
    }

    fn wait(&mut self, ms: u64) {
        let until = self.now + Duration::from_millis(ms);
        loop {
            let moments =
                [self.driver.wake_at(), self.controller.wake_at(), self.bay.wake_at(), self.bus.wake_at()];
            let next = moments.into_iter().flatten().min().unwrap_or(until);
            self.now = next.max(self.now).min(until);
            for frame in self.controller.advance(self.now, &mut self.bay) {
                self.bus.send(self.now, false, frame);
            }
            while let Some((at, ours, frame)) = self.bus.take(self.now) {
                if ours {
                    for said in self.controller.hear(at, &frame, &mut self.bay) {
                        self.bus.send(at, false, said);
                    }
                } else {
                    self.drive(tcu::Event::Frame(&frame));
                }
            }
            self.drive(tcu::Event::Woke);
            if self.now >= until {
                return;
            }
        }
    }

    fn drive(&mut self, event: tcu::Event<'_>) {
        let now = Now { mono: self.now, ..Now::default() };
        for action in self.driver.handle(now, event) {
            match action {
                tcu::Action::Send(frame) => self.bus.send(self.now, true, frame),
                tcu::Action::Report(report) => self.reports.push(report),
            }
        }
    }

    fn tell(&mut self, what: Order) -> OrderId {
        self.orders += 1;
        let order = OrderId(self.orders);
        self.drive(tcu::Event::Tell(Request { order, what }));
        order
    }

    fn outcome(&self, id: OrderId) -> Option<Result<(), OrderFault>> {
        self.reports.iter().find_map(|report| match report {
            Report::Done(of, outcome) if *of == id => Some(*outcome),
            _ => None,
        })
    }

    fn status(&self) -> ChargerStatus {
        let status = self.reports.iter().rev().find_map(|report| match report {
            Report::Charger(status) => Some(status.clone()),
            _ => None,
        });
        status.unwrap_or_default()
    }

    fn named(&self) -> Option<String> {
        self.reports.iter().rev().find_map(|report| match report {
            Report::Vehicle(VehicleReport::Handshake(handshake)) => handshake.vin.map(|v| v.to_string()),
            _ => None,
        })
    }
}

fn bus() -> Vehicle {
    Vehicle {
        name: "B7001".to_owned(),
        capacity: Energy(3_000_000),
        charge: Energy(1_200_000),
        max_power: Power(120_000),
        bms: Character::named(VIN.parse().expect("a VIN")),
    }
}

#[test]
fn a_vehicle_names_itself_is_admitted_charges_and_ends_in_both_versions() {
    for dialect in [Dialect::V121, Dialect::V230] {
        let mut bench = Bench::new(dialect);
        bench.wait(3_000);
        assert!(bench.reports.contains(&Report::Link(LinkState::Good)));
        assert_eq!((bench.status().plugged, bench.status().state), (Some(true), ChargerState::Idle));
        let identify = bench.tell(Order::Identify(AuxVoltage::V24));
        bench.wait(5_000);
        assert_eq!(bench.outcome(identify), Some(Ok(())));
        assert_eq!(bench.named().as_deref(), Some(VIN));
        assert_eq!(bench.bay.starts, 0, "no output before somebody decided");
        let start = bench.tell(Order::Start(StartOrder {
            max_power: Some(Power(60_000)),
            aux_voltage: AuxVoltage::V24,
            ..StartOrder::default()
        }));
        bench.wait(60_000);
        assert_eq!(bench.outcome(start), Some(Ok(())));
        assert_eq!((bench.status().state, bench.bay.starts), (ChargerState::Charging, 1));
        assert_eq!((bench.bay.power(), bench.status().soc), (Power(60_000), Some(40)));
        let progress = |r: &&Report| matches!(r, Report::Vehicle(VehicleReport::Progress(_)));
        assert!((40..80).contains(&bench.reports.iter().filter(progress).count()), "one a second");
        bench.bay.stop_in_vehicle(bench.now);
        bench.wait(5_000);
        let status = bench.status();
        assert_eq!(status.state, ChargerState::Finished);
        let end = status.end.expect("why");
        assert_eq!((end.stage, end.code), (EndStage::Charging, 0x2A));
        let told = bench
            .reports
            .iter()
            .any(|r| matches!(r, Report::Vehicle(VehicleReport::End(e)) if e.bst.is_some()));
        assert!(told, "the words of the vehicle");
        assert_eq!(bench.controller.complaints(), &[] as &[String]);
    }
}

#[test]
fn a_refused_vehicle_does_not_charge_and_the_next_one_may() {
    let mut bench = Bench::new(Dialect::V121);
    bench.wait(3_000);
    bench.tell(Order::Identify(AuxVoltage::V12));
    bench.wait(4_000);
    bench.tell(Order::Admit(Admission::Refused));
    bench.wait(5_000);
    assert_eq!(bench.bay.starts, 0);
    let end = bench.status().end.expect("why");
    assert_eq!((end.stage, end.code), (EndStage::Starting, 0x3E));
    bench.bay.unplug(bench.now);
    bench.wait(2_000);
    bench.bay.plug(bench.now, bus());
    bench.wait(2_000);
    let start = bench.tell(Order::Start(StartOrder::default()));
    bench.wait(10_000);
    assert_eq!((bench.outcome(start), bench.bay.starts), (Some(Ok(())), 1));
    bench.bay.unplug(bench.now);
    bench.wait(5_000);
    assert_eq!(bench.status().end.map(|end| end.code), Some(0x05), "the plug was pulled");
    assert_eq!(bench.controller.complaints(), &[] as &[String]);
}

#[test]
fn a_stop_wins_over_everything_that_waits() {
    for ms in (0..7_000).step_by(230) {
        let mut bench = Bench::new(Dialect::V121);
        bench.wait(3_000);
        let start = bench.tell(Order::Start(StartOrder { verify_vin: true, ..StartOrder::default() }));
        bench.wait(ms);
        let stop = bench.tell(Order::Stop);
        bench.wait(10_000);
        assert!(bench.outcome(start).is_some() && bench.outcome(stop).is_some(), "after {ms} ms");
        assert_eq!(bench.bay.power(), Power(0), "after {ms} ms");
        assert_eq!(bench.controller.complaints(), &[] as &[String], "after {ms} ms");
    }
}

#[test]
fn every_trouble_of_the_plug_ends_with_a_stage_and_a_code() {
    for (word, trouble) in Trouble::WORDS {
        let mut bench = Bench::new(Dialect::V121);
        bench.wait(3_000);
        if let Some(plug) = bench.bay.plug_talk_mut() {
            plug.go_wrong(Instant(3_000_000), Some(trouble));
        }
        bench.tell(Order::Start(StartOrder::default()));
        bench.wait(150_000);
        bench.tell(Order::Stop);
        bench.wait(20_000);
        let end = bench.status().end.unwrap_or_else(|| panic!("{word}: no end"));
        let ordered = end.code == 0x01;
        assert!(end.code != 0 && (end.reason == StopReason::NONE) == ordered, "{word}: {end:?}");
        // a code of 13 is one of charging, whenever it came
        let began = bench.bay.starts > 0;
        assert!(ordered || (end.stage == EndStage::Charging) == began, "{word}: {end:?}");
        assert_eq!(bench.bay.power(), Power(0), "{word}");
        assert_eq!(bench.controller.complaints(), &[] as &[String], "{word}");
    }
}

#[test]
fn every_fault_of_a_controller_leaves_no_order_unanswered_and_no_output() {
    for (word, fault) in Fault::WORDS {
        let mut bench = Bench::new(Dialect::V121);
        bench.wait(3_000);
        bench.controller.go_wrong(Some(fault));
        let identify = bench.tell(Order::Identify(AuxVoltage::V12));
        bench.wait(4_000);
        let start = bench.tell(Order::Start(StartOrder::default()));
        bench.wait(10_000);
        let stop = bench.tell(Order::Stop);
        bench.wait(20_000);
        for id in [identify, start, stop] {
            assert!(bench.outcome(id).is_some(), "{word}: {id:?}");
        }
        assert_eq!(bench.bay.power(), Power(0), "{word}");
        let rules = bench.controller.complaints();
        assert!(rules.is_empty(), "{word}: {rules:?}");
        bench.controller.go_wrong(None);
        bench.wait(20_000);
        let again = bench.tell(Order::Start(StartOrder::default()));
        bench.wait(15_000);
        assert_eq!(bench.outcome(again), Some(Ok(())), "{word}: healed");
        assert_eq!(bench.status().state, ChargerState::Charging, "{word}: healed");
    }
}

#[test]
fn a_driver_that_is_gone_for_three_seconds_finds_the_charge_ended() {
    let mut bench = Bench::new(Dialect::V121);
    bench.wait(3_000);
    bench.tell(Order::Start(StartOrder::default()));
    bench.wait(10_000);
    bench.drive(tcu::Event::BusDown);
    bench.wait(8_000);
    assert_eq!((bench.bay.state(), bench.bay.power()), (ChargerState::Finished, Power(0)));
    bench.drive(tcu::Event::BusUp);
    bench.wait(5_000);
    assert_eq!(bench.status().state, ChargerState::Finished);
    assert_eq!(bench.controller.complaints(), &[] as &[String]);
}
