//! Shipped and user profiles of Modbus devices against a bank of registers.

use depotd::driver::modbus::profile::{BUILT_IN, Kind, Profile};
use depotd::driver::modbus::{Charger, Meter, charger, meter};
use depotd::driver::{Driver, Heard};
use depotd::model::quantity::{Current, Energy, Power, Voltage};
use depotd::model::report::{ChargerState, ChargerStatus, MeterReading, OrderId, Report};
use depotd::model::request::{Order, Request, StartOrder};
use depotd::model::time::{Instant, Now};
use depotd::wire::modbus::{self as wire, Response, Table};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// A device that is nothing but registers, all of them nought at first.
#[derive(Default)]
struct Bank {
    registers: BTreeMap<(bool, u16), u16>,
    written: Vec<(u16, Vec<u16>)>,
}

impl Bank {
    fn set(&mut self, input: bool, first: u16, values: &[u16]) {
        for (at, value) in (first..).zip(values) {
            self.registers.insert((input, at), *value);
        }
    }

    fn set_float(&mut self, input: bool, first: u16, value: f32) {
        let bits = value.to_bits();
        self.set(input, first, &[(bits >> 16) as u16, bits as u16]);
    }

    fn answer(&mut self, question: &[u8]) -> Vec<u8> {
        let (slave, request) = wire::Request::decode(question).expect("a question");
        let response = match request {
            wire::Request::Read { table, start, count } => {
                let input = table == Table::Input;
                let of = |at: u16| self.registers.get(&(input, at)).copied().unwrap_or(0);
                Response::Registers { table, registers: (start..start + count).map(of).collect() }
            }
            wire::Request::WriteRegister { address, value } => {
                self.written.push((address, vec![value]));
                Response::WriteRegister { address, value }
            }
            wire::Request::WriteRegisters { start, registers } => {
                let count = registers.len() as u16;
                self.written.push((start, registers));
                Response::WriteRegisters { start, count }
            }
            other => panic!("{other:?}"),
        };
        response.encode(slave)
    }

    /// Everything that is due up to this moment.
    fn serve(&mut self, driver: &mut dyn Driver, ms: u64) -> Vec<Report> {
        let at = Now { mono: Instant(ms * 1_000), ..Now::default() };
        let mut all = Vec::new();
        for _ in 0..100 {
            if driver.wants().is_none_or(|want| want.due > at.mono) {
                return all;
            }
            let question = driver.ask(at).expect("a question");
            let Heard::Answer(reports) = driver.hear(at, &self.answer(&question.octets)) else { panic!() };
            all.extend(reports);
        }
        panic!("it asks for ever");
    }
}

fn profile(name: &str) -> Arc<Profile> {
    Arc::new(Profile::by_name(name).expect("built in"))
}

fn a_meter(profile: Arc<Profile>) -> Meter {
    Meter::new(meter::Config { address: 1, profile, poll: Duration::from_secs(1), ratio: 1 }).expect("fits")
}

fn a_charger(profile: Arc<Profile>) -> Charger {
    Charger::new(charger::Config { address: 1, connector: 1, profile, poll: charger::POLL }).expect("fits")
}

/// What a whole round of a meter tells.
fn told(meter: &mut Meter, bank: &mut Bank) -> MeterReading {
    let mut all = MeterReading::default();
    for report in bank.serve(meter, 0) {
        let Report::Meter(told) = report else { panic!("{report:?}") };
        if told.register.is_some() {
            (all.register, all.resolution) = (told.register, told.resolution);
        }
        all.voltage = told.voltage.or(all.voltage);
        all.current = told.current.or(all.current);
        all.power = told.power.or(all.power);
    }
    all
}

fn status(reports: &[Report]) -> ChargerStatus {
    let found = reports.iter().find_map(|r| match r {
        Report::Charger(status) => Some(status.clone()),
        _ => None,
    });
    found.expect("a status")
}

fn order(id: u64, what: Order) -> Request {
    Request { order: OrderId(id), what }
}

fn reading(register: i64, resolution: i64, voltage: i64, current: i64, power: i64) -> MeterReading {
    MeterReading {
        register: Some(Energy(register)),
        resolution: Energy(resolution),
        voltage: Some(Voltage(voltage)),
        current: Some(Current(current)),
        power: Some(Power(power)),
        ..MeterReading::default()
    }
}

#[test]
fn every_shipped_meter_and_charger_is_asked_and_understood() {
    for (name, _) in BUILT_IN {
        let (profile, mut bank) = (profile(name), Bank::default());
        match profile.kind {
            Kind::Meter => {
                let mut meter = a_meter(profile);
                assert_eq!(told(&mut meter, &mut bank).register, Some(Energy(0)), "{name}");
                assert!(meter.tell(Now::default(), order(1, Order::ReadRegister)).is_empty());
                let reports = bank.serve(&mut meter, 1);
                assert!(reports.contains(&Report::Done(OrderId(1), Ok(()))), "{name}");
            }
            Kind::Charger => {
                let mut charger = a_charger(profile);
                assert_eq!(status(&bank.serve(&mut charger, 0)).state, ChargerState::Idle, "{name}");
                let cap = Order::Start(StartOrder { max_power: Some(Power(7_000)), ..StartOrder::default() });
                assert!(charger.tell(Now::default(), order(1, cap)).is_empty());
                assert!(bank.serve(&mut charger, 1).contains(&Report::Done(OrderId(1), Ok(()))), "{name}");
            }
        }
    }
}

#[test]
fn values_of_the_shipped_meters_arrive_in_our_units() {
    let mut bank = Bank::default();
    bank.set(false, 0x203C, &[0x005B, 0x8D80, 0, 0, 0x0010, 0xC8E0, 0, 0, 0x000A, 0x037A]); // 600 V, 110 A, 65.6250 kW
    bank.set_float(false, 0x9A0A, 1_200.0);
    let dc = told(&mut a_meter(profile("enlyta-djsf2669d")), &mut bank);
    assert_eq!(dc, reading(12_000_000, 10, 600_000, 110_000, 65_625));

    let mut bank = Bank::default();
    for (at, value) in [(0x00, 230.5), (0x06, 12.25), (0x34, 2_820.0), (0x48, 131_072.0)] {
        bank.set_float(true, at, value);
    }
    // the stated step is 0.01 kWh; up there a float shows 0.0157
    let ac = told(&mut a_meter(profile("eastron-sdm630")), &mut bank);
    assert_eq!(ac, reading(1_310_720_000, 157, 230_500, 12_250, 2_820));

    let mut bank = Bank::default();
    for (at, value) in [(0x2006, 2_305.0), (0x200C, 12_250.0), (0x2012, 28_200.0), (0x101E, 100.5)] {
        bank.set_float(false, at, value);
    }
    let ac = told(&mut a_meter(profile("chint-dtsu666")), &mut bank);
    assert_eq!(ac, reading(1_005_000, 100, 230_500, 12_250, 2_820));

    let mut bank = Bank::default();
    for (at, values) in
        [(0x0131, &[23_142][..]), (0x0139, &[0, 12_250]), (0x0140, &[0, 2_820]), (0xA000, &[3, 1_328])]
    {
        bank.set(false, at, values);
    }
    let ac = told(&mut a_meter(profile("orno-we514")), &mut bank);
    assert_eq!(ac, reading(19_793_600, 100, 231_420, 12_250, 2_820));
}

#[test]
fn a_power_that_is_not_voltage_times_current_is_not_told() {
    let mut bank = Bank::default();
    bank.set(false, 0x203C, &[0x005B, 0x8D80, 0, 0, 0x0010, 0xC8E0, 0, 0, 0x0001, 0x0059]); // a tenth of it
    let dc = told(&mut a_meter(profile("enlyta-djsf2669d")), &mut bank);
    assert_eq!((dc.voltage, dc.current, dc.power), (Some(Voltage(600_000)), Some(Current(110_000)), None));
}

#[test]
fn a_wallbox_hears_from_its_station_as_often_as_it_must() {
    let (mut driver, mut bank) = (a_charger(profile("abb-terra-ac")), Bank::default());
    bank.set(false, 0x400D, &[0x8400]);
    bank.set(false, 0x401C, &[0, 11_000, 0, 5_250]);
    let status = status(&bank.serve(&mut driver, 0));
    assert_eq!((status.state, status.plugged), (ChargerState::Charging, Some(true)));
    assert_eq!((status.power, status.session_energy), (Some(Power(11_000)), Some(Energy(52_500))));
    for ms in (500..=60_000).step_by(500) {
        let _ = bank.serve(&mut driver, ms);
    }
    assert_eq!(bank.written, vec![(0x4106, vec![60]); 4]);
    // 11 kW over three phases of 230 V are 15.942 A, rounded down
    bank.written.clear();
    let later = Now { mono: Instant(60_100_000), ..Now::default() };
    let _ = driver.tell(later, order(1, Order::Limit(Power(11_000))));
    let _ = bank.serve(&mut driver, 60_100);
    assert_eq!(bank.written, [(0x4100, vec![0, 15_942])]);
}

#[test]
fn a_controller_with_a_fault_is_faulted_whatever_its_state_says() {
    let (mut driver, mut bank) = (a_charger(profile("cn-dc-controller-2015")), Bank::default());
    bank.set(true, 0, &[1, 1, 0, 7_500, 2_000, 2_500, 6_001, 1_795]);
    let charging = status(&bank.serve(&mut driver, 0));
    assert_eq!((charging.state, charging.voltage), (ChargerState::Charging, Some(Voltage(600_100))));
    bank.set(true, 2, &[0x0010]);
    assert_eq!(status(&bank.serve(&mut driver, 500)).state, ChargerState::Faulted);
    let _ = driver.tell(
        Now::default(),
        order(1, Order::Start(StartOrder { max_power: Some(Power(60_000)), ..StartOrder::default() })),
    );
    let _ = driver.tell(Now::default(), order(2, Order::Stop));
    let _ = bank.serve(&mut driver, 501);
    // the stop overtook the start
    assert_eq!(bank.written, [(19, vec![0])]);
    let _ = driver.tell(
        Now::default(),
        order(3, Order::Start(StartOrder { max_power: Some(Power(60_000)), ..StartOrder::default() })),
    );
    let _ = bank.serve(&mut driver, 502);
    assert_eq!(bank.written[1..], [(21, vec![800]), (19, vec![1])]);
}

#[test]
fn mistakes_in_what_is_new_are_told_with_their_line() {
    let abb = BUILT_IN.iter().find(|(name, _)| *name == "abb-terra-ac").expect("built in").1;
    for (from, to, part) in [
        ("every_s = 20", "every_s = 0", "a watchdog is written every 1 to 3600 seconds"),
        ("order = \"start\"", "order = \"start\"\nevery_s = 5", "is for the order watchdog"),
        ("watts_per_ampere = 690", "", "A with watts_per_ampere"),
        ("shift = 8", "shift = 16", "shift (0 to 15) and mask"),
        ("mask = 0x7F", "mask = 0", "shift (0 to 15) and mask"),
        ("addr = 0x4106", "addr = 0xB000", "is never written"),
        ("[limits]", "[[check]]\nkind = \"p_equals_ui\"\ntolerance = 2\nmin_w = 1\n\n[limits]", "0.001 to 1"),
        ("[limits]", "[[check]]\nkind = \"sum\"\ntolerance = 0.1\nmin_w = 1\n\n[limits]", "p_equals_ui"),
    ] {
        assert!(abb.contains(from));
        let found = Profile::parse(&abb.replacen(from, to, 1)).expect_err(to);
        assert!(found.iter().any(|p| p.what.contains(part) && p.line > 1), "{to}: {found:?}");
    }
}
