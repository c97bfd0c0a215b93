//! A charger and a meter of pymodbus.

use crate::bench::{BAUD, Bench};
use depotd::driver::Driver;
use depotd::driver::modbus::{Charger, Meter, Profile, charger, meter};
use depotd::model::ident::DeviceId;
use depotd::model::quantity::{Current, Energy, Power, Voltage};
use depotd::model::report::{ChargerState, ChargerStatus, LinkState, MeterReading, OrderFault, Report};
use depotd::model::request::{Order, StartOrder};
use std::sync::Arc;
use std::time::Duration;

const CHARGER: DeviceId = DeviceId(1);
const METER: DeviceId = DeviceId(2);

fn profile(name: &str) -> Arc<Profile> {
    Arc::new(Profile::by_name(name).expect("built in"))
}

fn charger() -> (DeviceId, Box<dyn Driver>) {
    let config =
        charger::Config { address: 1, connector: 1, profile: profile("cn-pile-v2"), poll: charger::POLL };
    (CHARGER, Box::new(Charger::new(config).expect("fits")))
}

fn meter(address: u8) -> (DeviceId, Box<dyn Driver>) {
    let profile = profile("acrel-djsf1352-rn");
    let config = meter::Config { address, profile, poll: Duration::from_millis(500), ratio: 1 };
    (METER, Box::new(Meter::new(config).expect("fits")))
}

fn bench(devices: Vec<(DeviceId, Box<dyn Driver>)>) -> Bench {
    Bench::new("pymodbus_slaves.py", &[&BAUD.to_string()], devices)
}

#[test]
fn a_pymodbus_meter_is_read_to_the_last_digit() {
    let mut bench = bench(vec![meter(11)]);
    let read = bench.until("a live value", |r| matches!(r, Report::Meter(m) if m.voltage.is_some()));
    let Report::Meter(MeterReading { voltage, current, .. }) = read else { panic!("{read:?}") };
    assert_eq!((voltage, current), (Some(Voltage(598_700)), Some(Current(180_400))));
    assert_eq!(bench.order(METER, Order::ReadRegister), Ok(()));
    let billed = bench.until("the register", |r| matches!(r, Report::Meter(m) if m.order.is_some()));
    let Report::Meter(MeterReading { register, .. }) = billed else { panic!("{billed:?}") };
    assert_eq!(register, Some(Energy(123_456_700)), "12 345 670 Wh in steps of 0.1 Wh");
}

#[test]
fn a_pymodbus_charger_is_read_and_does_as_it_is_told() {
    let mut bench = bench(vec![charger(), meter(11)]);
    let status = bench.until("a status", |r| matches!(r, Report::Charger(_)));
    let Report::Charger(status) = status else { panic!("{status:?}") };
    let wanted = ChargerStatus {
        state: ChargerState::Charging,
        plugged: Some(true),
        soc: Some(88),
        voltage: Some(Voltage(598_700)),
        current: Some(Current(180_400)),
        power: Some(Power(108_000)),
        session_energy: Some(Energy(1_874_000)),
        raw: 2,
        ..ChargerStatus::default()
    };
    assert_eq!(status, wanted);
    assert_eq!(bench.order(CHARGER, Order::Start(StartOrder::default())), Ok(()));
    assert_eq!(bench.order(CHARGER, Order::Limit(Power(60_000))), Ok(()));
    assert_eq!(bench.order(CHARGER, Order::Stop), Ok(()));
    for written in ["wrote 1 3000 01AA", "wrote 1 2000 0258", "wrote 1 3000 0155"] {
        bench.peer.line_with(written);
    }
    let counters = bench.until_line("some questions", |s| s.counters.answered > 10).counters;
    let odd =
        [counters.noise_octets, counters.foreign_address, counters.foreign_question, counters.early_frames];
    assert_eq!(odd, [0; 4], "nothing of a good slave is odd: {counters:?}");
}

#[test]
fn registers_that_pymodbus_refuses_do_not_hold_up_the_others() {
    // a charger's registers behind a meter's map: most of them are not there
    let mut bench = bench(vec![meter(1), charger()]);
    bench.until("the charger's status", |r| matches!(r, Report::Charger(_)));
    let answered = |status: &depotd::bus::LineStatus| status.devices[0].counters.answered;
    let status = bench.until_line("refusals", |s| answered(s) > 3);
    assert_eq!(status.devices[0].link, LinkState::Good, "a refusal is an answer: {status:?}");
    assert!(!bench.seen().any(|r| matches!(r, Report::Meter(m) if m.register.is_some())));
}

#[test]
fn a_slave_that_is_not_there_is_silent_and_costs_the_others_little() {
    let mut bench = bench(vec![meter(12), charger()]);
    assert_eq!(bench.order(METER, Order::ReadRegister), Err(OrderFault::Silent));
    assert_eq!(bench.order(CHARGER, Order::Stop), Ok(()));
}
