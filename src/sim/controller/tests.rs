use super::*;
use crate::model::quantity::{Energy, Power};
use crate::model::report::ChargerState;
use crate::sim::bay::Electronics;
use crate::sim::plug::{self, Plug};
use crate::sim::vehicle::{Character, Vehicle};
use crate::wire::tcu::layout::{start_complete, status_1, stop_complete, telemetry, vehicle_id};
use crate::wire::tcu::receiver::Controllers;
use crate::wire::tcu::{Heard, Receiver};

const VIN: &str = "LTESTVANXBUS00001";

/// A billing control unit that keeps every rule unless told otherwise.
struct Bench {
    controller: Controller,
    bay: Bay,
    now: Instant,
    receiver: Receiver,
    heard: Vec<(Instant, Kind, Vec<u8>)>,
    counter: u8,
    beat: Option<Instant>,
    /// It answers 11 and 13.
    answers: bool,
}

impl Bench {
    fn new(dialect: Dialect) -> Bench {
        let plug = plug::Config {
            number: 1,
            rated: Power(120_000),
            insulation: Duration::from_millis(500),
            tapped: false,
            grant: 255,
        };
        let mut bay = Bay::new(Electronics::default(), Energy(0)).with_plug(Plug::new(plug, 1));
        let bus = Vehicle {
            name: "B7001".to_owned(),
            capacity: Energy(3_000_000),
            charge: Energy(1_200_000),
            max_power: Power(120_000),
            bms: Character::named(VIN.parse().expect("a VIN")),
        };
        bay.plug(Instant(0), bus);
        Bench {
            controller: Controller::new(Config { address: 0xE1, interface: 2, dialect }),
            bay,
            now: Instant(0),
            receiver: Receiver::new(Controllers::Only(0xE1)),
            heard: Vec::new(),
            counter: 0,
            beat: Some(Instant(0)),
            answers: true,
        }
    }

    /// The two steps are taken.
    fn ready(dialect: Dialect) -> Bench {
        let mut bench = Bench::new(dialect);
        bench.wait(100);
        bench.tell(Kind::Version, &[0x01, 0x21]);
        bench.tell(Kind::Parameters, &[0x44, 0x03, 0, 0, 1, 0, 5]);
        bench
    }

    fn wait(&mut self, ms: u64) {
        let until = self.now + Duration::from_millis(ms);
        loop {
            let moments = [self.controller.wake_at(), self.bay.wake_at(), self.beat, Some(until)];
            self.now = moments.into_iter().flatten().min().expect("the end").max(self.now);
            let out = self.controller.advance(self.now, &mut self.bay);
            self.take(&out);
            if self.beat.is_some_and(|at| at <= self.now) {
                self.counter = self.counter.wrapping_add(1);
                let counter = self.counter;
                self.beat = Some(self.now + Duration::from_secs(1));
                self.tell(Kind::TcuHeartbeat, &[counter, 0]);
            }
            if self.now >= until {
                return;
            }
        }
    }

    fn tell(&mut self, kind: Kind, octets: &[u8]) {
        let mut data = [0xFF; 8];
        data[0] = 2;
        data[1..=octets.len()].copy_from_slice(octets);
        self.send(&Frame::new(kind.id(0xE1), &data).expect("eight"));
    }

    fn send(&mut self, frame: &Frame) {
        let out = self.controller.hear(self.now, frame, &mut self.bay);
        self.take(&out);
    }

    fn take(&mut self, frames: &[Frame]) {
        for frame in frames {
            match self.receiver.hear(self.now.0, frame) {
                Heard::Message(_, message) => {
                    let (kind, payload) = (message.kind(), message.payload().to_vec());
                    self.heard.push((self.now, kind, payload.clone()));
                    self.answer(kind, &payload);
                }
                Heard::Length(kind, length) => panic!("{kind:?} of {length}"),
                Heard::Dropped(..) | Heard::Nothing => {}
            }
        }
    }

    fn answer(&mut self, kind: Kind, payload: &[u8]) {
        match kind {
            Kind::StartComplete if self.answers => self.tell(Kind::StartCompleteAck, &[2, 0]),
            Kind::StopComplete if self.answers => {
                let reason = stop_complete::STOP_REASON.raw(payload).unwrap_or_default() as u8;
                self.tell(Kind::StopCompleteAck, &[reason, 0]);
            }
            _ => {}
        }
    }

    fn last(&self, kind: Kind) -> Option<&[u8]> {
        self.heard.iter().rev().find(|(_, k, _)| *k == kind).map(|(_, _, payload)| payload.as_slice())
    }

    fn count(&self, kind: Kind) -> usize {
        self.heard.iter().filter(|(_, k, _)| *k == kind).count()
    }

    fn clean(&self) {
        assert_eq!(self.controller.complaints(), &[] as &[String]);
    }
}

#[test]
fn an_ordinary_start_leads_to_output_and_an_ordered_stop_to_its_statistics() {
    let mut bench = Bench::ready(Dialect::V121);
    bench.tell(Kind::Start, &[2, 1, 12, 1]);
    assert_eq!(bench.last(Kind::StartAck).map(|p| p[2]), Some(0));
    bench.wait(5_000);
    let complete = bench.last(Kind::StartComplete).expect("said").to_vec();
    assert_eq!(complete.len(), 84);
    assert_eq!(start_complete::RESULT.raw(&complete), Some(0));
    assert_eq!(start_complete::VIN.slice(&complete), Some(VIN.as_bytes()));
    assert_eq!(bench.count(Kind::VehicleId), 0, "an ordinary start asks nobody");
    bench.tell(Kind::PowerLimit, &[1, 0x68, 0x29]);
    bench.wait(60_000);
    assert_eq!(bench.bay.power(), Power(60_000));
    bench.tell(Kind::PowerLimit, &[2, 50, 0]);
    assert_eq!(bench.bay.power(), Power(60_000));
    bench.tell(Kind::EnergyTime, &[9, 0, 1, 0]);
    let shown = bench.last(Kind::DcTelemetry).expect("said");
    assert_eq!((shown.len(), telemetry::SOC.raw(shown)), (36, Some(40)));
    bench.tell(Kind::Stop, &[1, 0]);
    bench.wait(3_000);
    let stopped = bench.last(Kind::StopComplete).expect("said");
    assert_eq!((stopped.len(), stopped[1], &stopped[3..7]), (22, 1, &[0x40, 0, 0, 0xF0][..]));
    assert_eq!(bench.bay.state(), ChargerState::Finished);
    let status = bench.last(Kind::DcStatus1).expect("said");
    assert_eq!(status_1::WORK_STATE.raw(status), Some(2));
    bench.clean();
}

#[test]
fn a_vehicle_is_named_and_has_no_output_before_it_is_admitted() {
    for (dialect, asks, decides) in [
        (Dialect::V121, Kind::VehicleId, Kind::VehicleIdConfirm),
        (Dialect::V230, Kind::VinData, Kind::VinResult),
    ] {
        let mut bench = Bench::ready(dialect);
        bench.tell(Kind::Start, &[2, 2, 24, 1]);
        bench.wait(20_000);
        assert_eq!((bench.bay.starts, bench.bay.register()), (0, Energy(0)));
        let named = bench.last(asks).expect("said");
        assert_eq!(vehicle_id::VIN.slice(named), Some(VIN.as_bytes()));
        assert_eq!(vehicle_id::SOC.raw(named), Some(400));
        assert!((15..=20).contains(&bench.count(asks)), "once a second");
        bench.tell(decides, &[0, 0]);
        bench.wait(2_000);
        assert_eq!(bench.bay.state(), ChargerState::Charging);
        bench.bay.stop_in_vehicle(bench.now);
        bench.wait(5_000);
        let stopped = bench.last(Kind::StopComplete).expect("said");
        assert_eq!(stopped[1], 0x2A);
        assert_eq!(stopped.len(), if dialect == Dialect::V121 { 22 } else { 23 });
        bench.clean();
    }
}

#[test]
fn a_refused_vehicle_and_one_of_whom_nobody_decides_do_not_charge() {
    for (answer, reason, ms) in [(true, 0x3E, 2_000), (false, 0x3D, 33_000)] {
        let mut bench = Bench::ready(Dialect::V121);
        bench.tell(Kind::Start, &[2, 2, 12, 1]);
        bench.wait(2_000);
        if answer {
            bench.tell(Kind::VehicleIdConfirm, &[1, 2]);
        }
        bench.wait(ms);
        let complete = bench.last(Kind::StartComplete).expect("said");
        assert_eq!((complete[2], complete[3]), (1, reason));
        assert_eq!(bench.bay.starts, 0);
        bench.clean();
    }
}

#[test]
fn a_counter_that_jumps_is_complained_of_and_one_that_begins_anew_is_not() {
    for (counter, complaints) in [(u8::MAX, 0), (40, 1)] {
        let mut bench = Bench::ready(Dialect::V121);
        bench.wait(3_500);
        bench.counter = counter;
        bench.wait(2_000);
        assert_eq!(bench.controller.complaints().len(), complaints);
    }
}

#[test]
fn a_lost_heartbeat_stops_the_charge_in_three_seconds_and_voids_the_steps() {
    let mut bench = Bench::ready(Dialect::V121);
    bench.tell(Kind::Start, &[2, 1, 12, 1]);
    bench.wait(10_000);
    bench.beat = None;
    bench.wait(2_500);
    assert_eq!(bench.bay.state(), ChargerState::Charging);
    bench.wait(2_500);
    assert_eq!(bench.last(Kind::StopComplete).map(|p| p[1]), Some(0x06));
    assert_eq!(bench.last(Kind::CcuHeartbeat).map(|p| p[2]), Some(1));
    bench.clean();
    bench.counter = 9;
    bench.beat = Some(bench.now);
    bench.wait(100);
    bench.tell(Kind::Start, &[2, 1, 12, 1]);
    assert_eq!(bench.last(Kind::StartAck).map(|p| (p[2], p[3])), Some((1, 3)));
    assert_eq!(bench.controller.complaints().len(), 1);
}

#[test]
fn what_is_not_acknowledged_is_repeated_and_then_the_controller_decides() {
    let mut bench = Bench::ready(Dialect::V121);
    bench.answers = false;
    bench.tell(Kind::Start, &[2, 1, 12, 1]);
    bench.wait(15_000);
    assert!((18..=21).contains(&bench.count(Kind::StartComplete)), "{}", bench.count(Kind::StartComplete));
    assert_eq!(bench.last(Kind::StopComplete).map(|p| p[1]), Some(0x04));
    assert_eq!(bench.bay.state(), ChargerState::Finished);
    bench.clean();
}

#[test]
fn a_stop_wins_at_any_moment() {
    for ms in (0..6_000).step_by(170) {
        for kind in [1, 2] {
            let mut bench = Bench::ready(Dialect::V121);
            bench.tell(Kind::Start, &[2, kind, 12, 1]);
            bench.wait(ms);
            bench.tell(Kind::Stop, &[1, 0]);
            bench.wait(3_000);
            assert_eq!(bench.last(Kind::StopComplete).map(|p| p[1]), Some(1), "after {ms} ms");
            assert_eq!(bench.bay.power(), Power(0));
            bench.clean();
        }
    }
}

#[test]
fn every_broken_rule_is_a_complaint() {
    type Deed = fn(&mut Bench);
    let deeds: [(&str, Deed); 15] = [
        ("again after", |b| (0..2).for_each(|_| b.tell(Kind::Service, &[2]))),
        ("a second start", |b| {
            b.tell(Kind::Start, &[2, 1, 12, 1]);
            b.wait(8_000);
            b.tell(Kind::Start, &[2, 1, 12, 1]);
        }),
        ("for interface 1", |b| {
            let frame = Frame::new(Kind::Stop.id(0xE1), &[1, 1, 0, 0, 0, 0, 0, 0]).expect("eight");
            b.send(&frame);
        }),
        ("in 3 octets", |b| b.send(&Frame::new(Kind::Stop.id(0xE1), &[2, 1, 0]).expect("three"))),
        ("no message", |b| {
            let id = crate::wire::can::Id::pdu1(6, 0x77, 0xE1, 0x8A);
            b.send(&Frame::new(id, &[2; 8]).expect("eight"));
        }),
        ("a stop for reason", |b| b.tell(Kind::Stop, &[9, 0])),
        ("a start kind", |b| b.tell(Kind::Start, &[2, 9, 12, 1])),
        ("an auxiliary voltage", |b| b.tell(Kind::Start, &[2, 1, 36, 1])),
        ("two guns by half", |b| b.tell(Kind::Start, &[2, 5, 12, 1])),
        ("nobody waits for", |b| b.tell(Kind::StartCompleteAck, &[2, 0])),
        ("of another version", |b| b.tell(Kind::VinResult, &[0, 0])),
        ("a power limit", |b| b.tell(Kind::PowerLimit, &[2, 101, 0])),
        ("heartbeat 77 after", |b| b.tell(Kind::TcuHeartbeat, &[77, 0])),
        ("shows", |b| {
            b.tell(Kind::Start, &[2, 1, 12, 1]);
            b.tell(Kind::EnergyTime, &[99, 0, 1, 0]);
        }),
        ("no BCD", |b| b.tell(Kind::Parameters, &[0xAA; 7])),
    ];
    for (word, deed) in deeds {
        let mut bench = Bench::ready(Dialect::V121);
        bench.wait(1_000);
        deed(&mut bench);
        let complaints = bench.controller.complaints();
        assert!(complaints.iter().any(|c| c.contains(word)), "{word}: {complaints:?}");
    }
    let mut bench = Bench::new(Dialect::V121);
    bench.tell(Kind::Parameters, &[0; 7]);
    bench.wait(300);
    bench.tell(Kind::Parameters, &[0; 7]);
    assert_eq!(bench.controller.complaints().len(), 2, "no heartbeat, then no version");
}

#[test]
fn every_fault_by_name_is_felt_and_none_runs_wild() {
    for (word, fault) in Fault::WORDS {
        let mut bench = Bench::ready(Dialect::V121);
        bench.controller.go_wrong(Some(fault));
        bench.tell(Kind::Start, &[2, 2, 12, 1]);
        bench.wait(1_500);
        if bench.count(Kind::VehicleId) > 0 {
            bench.tell(Kind::VehicleIdConfirm, &[0, 0]);
        }
        bench.wait(3_000);
        bench.tell(Kind::Stop, &[1, 0]);
        bench.wait(15_000);
        let whole = bench.count(Kind::StartAck) == 1
            && bench.count(Kind::StopAck) == 1
            && bench.count(Kind::VehicleId) > 0
            && bench.count(Kind::StartComplete) > 0
            && bench.last(Kind::StopComplete).is_some_and(|p| p[1] == 1);
        assert!(!whole, "{word} is not felt");
        assert!(bench.heard.len() < 500, "{word}: {}", bench.heard.len());
        assert_eq!(bench.bay.power(), Power(0), "{word}");
    }
}
