use super::*;
use crate::driver::dlt645::{self, Profile};
use crate::driver::{Driver, Heard};
use crate::model::quantity::{Current, Power, Voltage};
use crate::model::report::{MeterReading, OrderFault, OrderId, Report};
use crate::model::request::{Order, Request};
use crate::model::time::{ClockTrust, Now};
use crate::sim::bay::Electronics;
use crate::sim::vehicle::{Character, Vehicle};
use crate::wire::dlt645::question;

fn address() -> Address {
    "000012345678".parse().unwrap()
}

fn noon() -> Utc {
    Utc::from_local(jiff::civil::date(2026, 11, 22).at(12, 0, 0, 0))
}

fn now(mono: Instant) -> Now {
    Now { mono, wall: noon().plus_ms((mono.0 / 1_000) as i64), trust: ClockTrust::Ntp }
}

/// A place where 120 kW flow, its meter, and the driver that reads it: no bus between them.
struct Desk {
    driver: dlt645::Meter,
    meter: Meter,
    bay: Bay,
    clock: Instant,
}

impl Desk {
    fn new(profile: &str, kind: Kind, change: impl Fn(&mut Config)) -> Desk {
        let mut config = Config::new(address(), kind, noon());
        change(&mut config);
        let ratio = u32::try_from(config.ratio).unwrap();
        let mut bay = Bay::new(Electronics::default(), Energy(105_678_901));
        let bus = Vehicle {
            name: "B1".to_owned(),
            capacity: Energy(3_000_000),
            charge: Energy(600_000),
            max_power: Power(120_000),
            bms: Character::default(),
        };
        bay.plug(Instant(0), bus);
        bay.start(Instant(0));
        let driver = dlt645::Meter::new(dlt645::Config {
            address: address(),
            poll: Duration::from_secs(1),
            ratio,
            profile: Profile::by_name(profile).unwrap(),
            octet: Duration::from_micros(4_583),
        });
        Desk { driver, meter: Meter::new(config), bay, clock: Instant(10_000_000) }
    }

    /// Asks once and gives what came of it.
    fn exchange(&mut self) -> Vec<Report> {
        let question = self.driver.ask(now(self.clock)).expect("a question");
        for _ in 0..question.tries {
            let reaction = self.meter.hear(self.clock, &question.octets, &mut self.bay);
            let Some(answer) = reaction.and_then(|r| r.answer).filter(|a| a.fault != Some(Fault::Silent))
            else {
                self.clock = self.clock + Duration::from_millis(800);
                continue;
            };
            self.clock = self.clock + answer.delay;
            let Cut::Frame(count) = self.driver.cut(&answer.octets) else { panic!("{:02X?}", answer.octets) };
            assert_eq!(count, answer.octets.len());
            match self.driver.hear(now(self.clock), &answer.octets) {
                Heard::Answer(reports) => return reports,
                Heard::Foreign(_) | Heard::Busy => self.clock = self.clock + Duration::from_millis(800),
            }
        }
        self.driver.unanswered(now(self.clock))
    }

    /// Everything that is due within so much time, as one reading.
    fn read_for(&mut self, time: Duration) -> MeterReading {
        let until = self.clock + time;
        let mut all = MeterReading::default();
        while self.clock < until {
            let due = self.driver.wants().expect("a meter always wants something").due;
            self.clock = self.clock.max(due);
            for report in self.exchange() {
                let Report::Meter(reading) = report else { panic!("{report:?}") };
                merge(&mut all, reading);
            }
        }
        all
    }
}

fn merge(all: &mut MeterReading, new: MeterReading) {
    all.resolution = new.resolution;
    all.register = new.register.or(all.register);
    all.voltage = new.voltage.or(all.voltage);
    all.current = new.current.or(all.current);
    all.power = new.power.or(all.power);
    all.number = new.number.or(all.number.take());
    all.clock_ahead_ms = new.clock_ahead_ms.or(all.clock_ahead_ms);
    if !new.tariffs.is_empty() {
        all.tariffs = new.tariffs;
    }
}

/// Everything that a healthy meter tells in two seconds agrees with its place.
fn tells_the_truth(mut desk: Desk) {
    let ratio = desk.meter.config.ratio;
    let told = desk.read_for(Duration::from_secs(2));
    let near = |told: i64, real: i64, by: i64| assert!((told - real).abs() <= by, "{told} for {real}");
    near(told.register.unwrap().0, desk.bay.register().0, 1_000 + told.resolution.0);
    near(told.voltage.unwrap().0, desk.bay.voltage().0, 200);
    near(told.current.unwrap().0, desk.bay.current().0, 200 * ratio);
    near(told.power.unwrap().0, 120_000, 200);
    let sum: i64 = told.tariffs.iter().map(|tariff| tariff.0).sum();
    near(sum, desk.bay.register().0, 1_000 + 100 * ratio);
    assert_eq!(told.tariffs.len(), 4);
    assert_eq!(told.number.as_deref(), Some("000012345678"));
    near(told.clock_ahead_ms.unwrap(), desk.meter.config.clock_ahead_ms, 1_100);
    assert_eq!(desk.meter.complaints(), Vec::<String>::new().as_slice());
}

#[test]
fn every_kind_of_meter_is_read_by_its_profile() {
    tells_the_truth(Desk::new("dlt645-ac", Kind::Ac, |c| c.ratio = 10));
    tells_the_truth(Desk::new("dlt645-dc", Kind::Dc, |c| c.clock_ahead_ms = -600_000));
    tells_the_truth(Desk::new("dlt645-dc-wh", Kind::DcVendor, |_| {}));
}

#[test]
fn behind_transformers_the_ratio_gives_the_primary_values() {
    tells_the_truth(Desk::new("dlt645-ac", Kind::Ac, |c| c.ratio = 40));
}

#[test]
fn an_older_meter_is_asked_for_date_and_time_apart_and_its_long_block_in_parts() {
    tells_the_truth(Desk::new("dlt645-ac", Kind::Ac, |c| {
        c.ratio = 10;
        c.joint_clock = false;
        c.clock_ahead_ms = 42_000;
        c.part = Some(7);
    }));
}

#[test]
fn a_value_that_the_meter_cannot_show_is_absent() {
    let told = Desk::new("dlt645-ac", Kind::Ac, |_| {}).read_for(Duration::from_secs(1));
    assert_eq!((told.power, told.current.is_some()), (None, true));
}

#[test]
fn an_ordered_register_is_the_one_of_that_moment() {
    let mut desk = Desk::new("dlt645-dc-wh", Kind::DcVendor, |_| {});
    desk.read_for(Duration::from_secs(1));
    desk.driver.tell(now(desk.clock), Request { order: OrderId(7), what: Order::ReadRegister });
    let asked = desk.clock;
    let reports = desk.exchange();
    desk.bay.advance(asked);
    let [Report::Meter(reading)] = &reports[..] else { panic!("{reports:?}") };
    assert_eq!(reading.order, Some(OrderId(7)));
    assert_eq!(reading.register, Some(Energy(desk.bay.register().0 / 10 * 10)));
}

#[test]
fn a_meter_that_answers_under_another_address_answers_nothing() {
    let mut desk = Desk::new("dlt645-ac", Kind::Ac, |_| {});
    desk.meter.fault = Some(Fault::WrongAddress);
    desk.driver.tell(now(desk.clock), Request { order: OrderId(7), what: Order::ReadRegister });
    assert_eq!(desk.exchange(), [Report::Done(OrderId(7), Err(OrderFault::Silent))]);
    assert_eq!(desk.meter.answered, 3);
}

#[test]
fn a_meter_that_lacks_an_item_is_read_without_it() {
    let mut desk = Desk::new("dlt645-dc", Kind::DcVendor, |_| {});
    let told = desk.read_for(Duration::from_secs(4));
    assert!(told.register.is_some());
    assert_eq!((told.voltage, told.current, told.power), (None::<Voltage>, None::<Current>, None::<Power>));
}

#[test]
fn what_no_station_may_send_is_refused_and_complained_of() {
    let mut meter = Meter::new(Config::new(address(), Kind::Ac, noon()));
    let mut bay = Bay::new(Electronics::default(), Energy(0));
    let mut send = |frame: &Frame| meter.hear(Instant(0), &frame.encode(4), &mut bay).and_then(|r| r.answer);
    for (code, _) in FORBIDDEN {
        let frame = Frame::new(address(), Control(code), vec![0; 8]).unwrap();
        let answer = Frame::parse(&send(&frame).unwrap().octets).unwrap();
        assert_eq!((answer.control(), answer.data()), (Control(code | 0xC0), &[NOT_AUTHORISED][..]));
    }
    assert!(send(&Frame::new(Address::BROADCAST, Control(0x1A), Vec::new()).unwrap()).is_none());
    assert!(send(&question::read("000000000001".parse().unwrap(), Di(0))).is_none());
    assert!(meter.complaints().len() > FORBIDDEN.len());
    assert!(meter.complaints().iter().any(|c| c.contains("clear meter")));
    assert!(!meter.complaints().iter().any(|c| c.contains("000000000001")));
}

#[test]
fn a_broadcast_sets_a_clock_that_is_nearly_right_and_no_other() {
    let mut bay = Bay::new(Electronics::default(), Energy(0));
    let time = question::broadcast_time(noon().local()).unwrap().encode(4);
    for (ahead, after, complaints) in [(60_000, 0, 0), (600_000, 600_000, 1)] {
        let mut config = Config::new(address(), Kind::Ac, noon());
        config.clock_ahead_ms = ahead;
        let mut meter = Meter::new(config);
        let reaction = meter.hear(Instant(0), &time, &mut bay).unwrap();
        assert!(reaction.answer.is_none());
        assert_eq!((meter.config.clock_ahead_ms, meter.complaints().len()), (after, complaints));
    }
}

#[test]
fn the_address_of_the_only_meter_can_be_asked() {
    let mut meter = Meter::new(Config::new(address(), Kind::Ac, noon()));
    let mut bay = Bay::new(Electronics::default(), Energy(0));
    let asked = question::read_address().encode(4);
    let answer = meter.hear(Instant(0), &asked, &mut bay).and_then(|r| r.answer).unwrap();
    assert_eq!(Frame::parse(&answer.octets).unwrap().data(), address().to_wire());
}
