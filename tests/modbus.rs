//! Modbus drivers against simulated devices, without a line between them.

use depotd::driver::modbus::profile::Profile;
use depotd::driver::modbus::{Charger, MOST_ORDERS, Meter, Unfit, charger, meter};
use depotd::driver::{Class, Driver, Foreign, Heard};
use depotd::model::quantity::{Current, Energy, Power, Voltage};
use depotd::model::report::{ChargerState, ChargerStatus, MeterReading, OrderFault, OrderId, Report};
use depotd::model::request::{Order, Request, StartOrder};
use depotd::model::time::{Instant, Now};
use depotd::sim;
use depotd::sim::bay::{Bay, Electronics, StartFault};
use depotd::sim::slave::Slave;
use depotd::sim::vehicle::{Character, Vehicle};
use depotd::wire::Cut;
use depotd::wire::modbus::{self as wire, Exception, Response, Table};
use proptest::prelude::*;
use std::sync::Arc;
use std::time::Duration;

fn now(ms: u64) -> Now {
    Now { mono: Instant(ms * 1000), ..Now::default() }
}

fn profile(name: &str) -> Arc<Profile> {
    Arc::new(Profile::by_name(name).expect("built in"))
}

fn bay_with_bus() -> Bay {
    let mut bay = Bay::new(Electronics::default(), Energy(12_345_670));
    let bus = Vehicle {
        name: "B7031".to_owned(),
        capacity: Energy(3_000_000),
        charge: Energy(600_000),
        max_power: Power(120_000),
        bms: Character::default(),
    };
    bay.plug(Instant(0), bus);
    bay
}

fn new_charger(connector: u8) -> Charger {
    let profile = profile("cn-pile-v2");
    Charger::new(charger::Config { address: 1, connector, profile, poll: charger::POLL }).expect("fits")
}

fn new_meter(name: &str, ratio: u32) -> Meter {
    let profile = profile(name);
    Meter::new(meter::Config { address: 1, profile, poll: Duration::from_secs(1), ratio }).expect("fits")
}

fn order(id: u64, what: Order) -> Request {
    Request { order: OrderId(id), what }
}

/// One question and its answer; the answer arrives octet by octet.
fn exchange(driver: &mut dyn Driver, at: Now, slave: &mut dyn Slave, bay: &mut Bay) -> Vec<Report> {
    let question = driver.ask(at).expect("a question");
    let reaction = slave.hear(at.mono, &question.octets, bay).expect("a whole question");
    assert_eq!(reaction.taken, question.octets.len());
    let answer = reaction.answer.expect("an answer").octets;
    for short in 0..answer.len() {
        assert_eq!(driver.cut(&answer[..short]), Cut::More, "cut too early");
    }
    assert_eq!(driver.cut(&answer), Cut::Frame(answer.len()));
    match driver.hear(at, &answer) {
        Heard::Answer(reports) => reports,
        other => panic!("{other:?} to {}", depotd::wire::hex::upper(&question.octets)),
    }
}

/// One question, answered with this response.
fn answered(driver: &mut dyn Driver, at: Now, response: &Response) -> Heard {
    driver.ask(at).expect("a question");
    driver.hear(at, &response.encode(1))
}

fn exception(function: u8, exception: Exception) -> Response {
    Response::Exception { function, exception }
}

fn status(reports: &[Report]) -> &ChargerStatus {
    match reports {
        [Report::Charger(status)] => status,
        other => panic!("no status: {other:?}"),
    }
}

fn reading(reports: &[Report]) -> &MeterReading {
    match reports {
        [Report::Meter(reading), ..] => reading,
        other => panic!("no reading: {other:?}"),
    }
}

fn done(id: u64, outcome: Result<(), OrderFault>) -> Report {
    Report::Done(OrderId(id), outcome)
}

#[test]
fn a_charge_is_started_with_its_limit_watched_and_stopped() {
    let (mut driver, mut pile, mut bay) =
        (new_charger(1), sim::charger::Charger::new(1, 1, 1), bay_with_bus());
    let first = exchange(&mut driver, now(0), &mut pile, &mut bay);
    assert_eq!(
        (status(&first).state, status(&first).plugged, status(&first).soc),
        (ChargerState::Idle, Some(true), Some(20))
    );

    assert_eq!(
        driver.tell(
            now(10),
            order(1, Order::Start(StartOrder { max_power: Some(Power(60_050)), ..StartOrder::default() }))
        ),
        []
    );
    assert_eq!(driver.wants().map(|w| w.class), Some(Class::Command));
    assert_eq!(exchange(&mut driver, now(10), &mut pile, &mut bay), [], "the limit goes first");
    assert_eq!(bay.state(), ChargerState::Idle);
    assert_eq!(exchange(&mut driver, now(20), &mut pile, &mut bay), [done(1, Ok(()))]);
    assert_eq!(bay.state(), ChargerState::Preparing);

    let charging = exchange(&mut driver, now(4_000), &mut pile, &mut bay);
    let charging = status(&charging);
    assert_eq!((charging.state, charging.raw), (ChargerState::Charging, 2));
    assert_eq!(charging.power, Some(Power(60_000)), "rounded down to a step of 0.1 kW");
    assert!(charging.voltage > Some(Voltage(500_000)) && charging.current > Some(Current(90_000)));

    assert_eq!(driver.tell(now(5_000), order(2, Order::Limit(Power(30_000)))), []);
    assert_eq!(exchange(&mut driver, now(5_000), &mut pile, &mut bay), [done(2, Ok(()))]);
    assert_eq!(bay.power(), Power(30_000));
    assert_eq!(driver.tell(now(3_600_000), order(3, Order::Stop)), []);
    assert_eq!(exchange(&mut driver, now(3_600_000), &mut pile, &mut bay), [done(3, Ok(()))]);
    let finished = exchange(&mut driver, now(3_601_000), &mut pile, &mut bay);
    assert_eq!(status(&finished).state, ChargerState::Finished);
    assert!(status(&finished).session_energy > Some(Energy(290_000)));
    assert_eq!(pile.complaints(), [] as [String; 0]);
}

#[test]
fn a_start_that_the_pile_cannot_carry_out_is_seen_in_its_state() {
    let (mut driver, mut pile, mut bay) =
        (new_charger(1), sim::charger::Charger::new(1, 1, 1), bay_with_bus());
    bay.start_fault = StartFault::Fails;
    let _ = driver.tell(now(0), order(1, Order::Start(StartOrder::default())));
    assert_eq!(exchange(&mut driver, now(0), &mut pile, &mut bay), [done(1, Ok(()))]);
    assert_eq!(status(&exchange(&mut driver, now(1), &mut pile, &mut bay)).state, ChargerState::StartFailed);
}

#[test]
fn connector_three_answers_at_address_three() {
    let (mut driver, mut bay) = (new_charger(3), bay_with_bus());
    let mut wrong = sim::charger::Charger::new(1, 1, 1);
    let question = driver.ask(now(0)).expect("a question");
    assert_eq!(question.octets[0], 3);
    assert!(wrong.hear(Instant(0), &question.octets, &mut bay).is_none());
    let profile = profile("cn-pile-v2");
    let of = |address, connector| {
        Charger::new(charger::Config { address, connector, profile: profile.clone(), poll: charger::POLL })
            .err()
    };
    assert_eq!(of(247, 2), Some(Unfit::Address(248)));
    assert_eq!(of(0, 1), Some(Unfit::Address(0)));
    let meter = meter::Config { address: 1, profile: profile.clone(), poll: charger::POLL, ratio: 1 };
    assert_eq!(Meter::new(meter).err(), Some(Unfit::Kind));
}

#[test]
fn a_stop_goes_before_what_waits_and_breaks_off_what_has_begun() {
    let mut driver = new_charger(1);
    let _ = driver.tell(
        now(0),
        order(1, Order::Start(StartOrder { max_power: Some(Power(50_000)), ..StartOrder::default() })),
    );
    let limit = driver.ask(now(0)).expect("the limit");
    assert_eq!(driver.tell(now(1), order(2, Order::Start(StartOrder::default()))), []);
    assert_eq!(driver.tell(now(2), order(3, Order::Stop)), [done(2, Err(OrderFault::Overtaken))]);
    // the write that was out is answered: the start is not sent any more
    assert_eq!(driver.hear(now(20), &limit.octets), Heard::Answer(vec![done(1, Err(OrderFault::Overtaken))]));
    let stop = driver.ask(now(21)).expect("the stop");
    assert_eq!(stop.octets[..6], [1, 6, 0x30, 0x00, 0x01, 0x55]);
    assert_eq!(driver.hear(now(22), &stop.octets), Heard::Answer(vec![done(3, Ok(()))]));
}

#[test]
fn only_the_newest_limit_is_written() {
    let mut driver = new_charger(1);
    assert_eq!(driver.tell(now(0), order(1, Order::Limit(Power(50_000)))), []);
    let overtaken = driver.tell(now(0), order(2, Order::Limit(Power(9_999_999_999))));
    assert_eq!(overtaken, [done(1, Err(OrderFault::Overtaken))]);
    let written = driver.ask(now(0)).expect("the limit").octets;
    assert_eq!(written[..6], [1, 6, 0x20, 0x00, 0xFF, 0xFF], "never above what the register holds");
}

#[test]
fn a_start_that_waited_too_long_is_not_sent_but_a_stop_is() {
    let mut driver = new_charger(1);
    let _ = driver.tell(now(0), order(1, Order::Start(StartOrder::default())));
    let poll = driver.ask(now(11_000)).expect("the poll");
    assert_eq!(poll.octets[1], 3);
    assert_eq!(driver.unanswered(now(12_000)), [done(1, Err(OrderFault::Overtaken))]);
    let _ = driver.tell(now(20_000), order(2, Order::Stop));
    assert_eq!(driver.ask(now(40_000)).expect("the stop").octets[1], 6);
    assert_eq!(driver.unanswered(now(41_000)), [done(2, Err(OrderFault::Silent))]);
}

#[test]
fn orders_that_a_device_does_not_offer_or_cannot_hold_are_told_at_once() {
    let mut driver = new_charger(1);
    assert_eq!(driver.tell(now(0), order(1, Order::ReadRegister)), [done(1, Err(OrderFault::Unsupported))]);
    let told: Vec<_> =
        (0..20).flat_map(|n| driver.tell(now(0), order(n, Order::Start(StartOrder::default())))).collect();
    assert_eq!(told.len(), 20 - MOST_ORDERS);
    let mut meter = new_meter("acrel-adl400", 1);
    assert_eq!(meter.tell(now(0), order(1, Order::Stop)), [done(1, Err(OrderFault::Unsupported))]);
    let told: Vec<_> = (0..20).flat_map(|n| meter.tell(now(0), order(n, Order::ReadRegister))).collect();
    assert_eq!(told.len(), 20 - MOST_ORDERS);
    let mut text = depotd::driver::modbus::profile::BUILT_IN[2].1.to_owned();
    text.truncate(text.rfind("[[write]]").expect("the limit"));
    let profile = Arc::new(Profile::load(&text).expect("a pile without limit"));
    let config = charger::Config { address: 1, connector: 1, profile, poll: charger::POLL };
    let mut bare = Charger::new(config).expect("fits");
    let capped = order(1, Order::Start(StartOrder { max_power: Some(Power(1000)), ..StartOrder::default() }));
    assert_eq!(bare.tell(now(0), capped), [done(1, Err(OrderFault::Unsupported))]);
    assert_eq!(bare.tell(now(0), order(2, Order::Start(StartOrder::default()))), []);
}

#[test]
fn a_refusal_is_told_with_its_code_and_a_busy_pile_is_asked_again_for_a_while() {
    let mut driver = new_charger(1);
    let _ = driver.tell(now(0), order(1, Order::Start(StartOrder::default())));
    let refused = answered(&mut driver, now(0), &exception(6, Exception(4)));
    assert_eq!(refused, Heard::Answer(vec![done(1, Err(OrderFault::Refused(4)))]));

    let _ = driver.tell(now(0), order(2, Order::Stop));
    let mut busy = 0;
    let mut at = 0;
    loop {
        assert!(at < 100_000, "it is never given up");
        let question = driver.ask(now(at)).expect("a question");
        at += 1_000;
        if question.class != Class::Command {
            let _ = driver.unanswered(now(at));
            continue;
        }
        match driver.hear(now(at), &exception(6, Exception::BUSY).encode(1)) {
            Heard::Busy => busy += 1,
            Heard::Answer(reports) => {
                assert_eq!(reports, [done(2, Err(OrderFault::Refused(6)))]);
                break;
            }
            Heard::Foreign(foreign) => panic!("{foreign:?}"),
        }
    }
    assert_eq!(busy, 10);
    assert_eq!(answered(&mut driver, now(at), &exception(3, Exception::ACKNOWLEDGE)), Heard::Busy);
}

#[test]
fn a_late_reply_is_foreign_and_never_a_value() {
    let mut driver = new_charger(1);
    let registers = |count: usize| Response::Registers { table: Table::Holding, registers: vec![2; count] };
    driver.ask(now(0)).expect("13 registers");
    assert_eq!(driver.unanswered(now(400)), []);
    driver.ask(now(500)).expect("12 registers");
    // of the question before
    assert_eq!(driver.hear(now(510), &registers(13).encode(1)), Heard::Foreign(Foreign::Question));
    // of another function, another slave, and our own echo
    let input = Response::Registers { table: Table::Input, registers: vec![2; 12] };
    assert_eq!(driver.hear(now(511), &input.encode(1)), Heard::Foreign(Foreign::Question));
    assert_eq!(driver.hear(now(512), &registers(12).encode(2)), Heard::Foreign(Foreign::Address));
    let echo = wire::Request::Read { table: Table::Holding, start: 0, count: 12 }.encode(1);
    assert_eq!(driver.cut(&echo), Cut::Frame(8));
    assert_eq!(driver.hear(now(513), &echo), Heard::Foreign(Foreign::Echo));
    assert!(
        matches!(driver.hear(now(520), &registers(12).encode(1)), Heard::Answer(reports) if reports.len() == 1)
    );
    // nothing is outstanding now
    assert_eq!(driver.hear(now(521), &registers(12).encode(1)), Heard::Foreign(Foreign::Question));
}

#[test]
fn a_write_is_answered_only_by_its_own_echo() {
    let mut driver = new_charger(1);
    let _ = driver.tell(now(0), order(1, Order::Limit(Power(50_000))));
    let question = driver.ask(now(0)).expect("the limit").octets;
    let other = Response::WriteRegister { address: 0x2000, value: 300 }.encode(1);
    assert_eq!(driver.hear(now(1), &other), Heard::Foreign(Foreign::Question));
    assert_eq!(driver.hear(now(2), &question), Heard::Answer(vec![done(1, Ok(()))]));
}

#[test]
fn successive_questions_to_a_meter_never_have_one_length() {
    for name in ["acrel-djsf1352-rn", "acrel-adl400"] {
        let mut driver = new_meter(name, 1);
        let mut last = 0;
        for turn in 0..40 {
            if turn % 3 == 0 {
                let _ = driver.tell(now(turn * 300), order(turn, Order::ReadRegister));
            }
            let question = driver.ask(now(turn * 300)).expect("a question");
            let count = question.octets[5];
            assert_ne!(count, last, "{name}: turn {turn}");
            last = count;
            let _ = driver.unanswered(now(turn * 300 + 200));
        }
    }
}

/// The demonstration of rs485.md 6.4: every reply comes one or two questions late.
#[test]
fn a_device_that_is_always_late_gives_no_wrong_value() {
    let drivers: [Box<dyn Driver>; 3] = [
        Box::new(new_charger(1)),
        Box::new(new_meter("acrel-djsf1352-rn", 1)),
        Box::new(new_meter("acrel-adl400", 1)),
    ];
    for mut driver in drivers {
        let mut replies: Vec<Vec<u8>> = Vec::new();
        for turn in 0..60 {
            let question = driver.ask(now(turn * 400)).expect("a question");
            for late in replies.iter().rev().take(2) {
                assert_eq!(driver.cut(late), Cut::Frame(late.len()));
                assert_eq!(
                    driver.hear(now(turn * 400), late),
                    Heard::Foreign(Foreign::Question),
                    "turn {turn}"
                );
            }
            assert_eq!(driver.unanswered(now(turn * 400 + 399)), []);
            let count = usize::from(question.octets[5]);
            replies.push(Response::Registers { table: Table::Holding, registers: vec![7; count] }.encode(1));
        }
    }
}

#[test]
fn a_dc_meter_tells_live_values_and_the_register_when_ordered() {
    let (mut driver, mut device) =
        (new_meter("acrel-djsf1352-rn", 1), sim::modbus_meter::ModbusMeter::new(1));
    let mut bay = bay_with_bus();
    bay.start(Instant(0));
    let live = exchange(&mut driver, now(10_000), &mut device, &mut bay);
    assert_eq!(live.len(), 1);
    let live = reading(&live);
    assert_eq!(live.order, None);
    assert_eq!(live.resolution, Energy(10), "1 Wh");
    assert_eq!(live.register.map(|e| e.0 / 10), Some(bay.register().0 / 10));
    assert_eq!(live.voltage, Some(Voltage(578_000)));
    // 120 kW at 578.0 V, current in steps of 0.1 A
    assert_eq!((live.current, live.power), (Some(Current(207_600)), Some(Power(119_992))));

    assert_eq!(driver.tell(now(10_100), order(7, Order::ReadRegister)), []);
    let question = driver.wants().expect("wants");
    assert_eq!(question.class, Class::Billing);
    let ordered = exchange(&mut driver, now(10_100), &mut device, &mut bay);
    assert_eq!(ordered.len(), 2);
    assert_eq!(reading(&ordered).order, Some(OrderId(7)));
    assert_eq!(reading(&ordered).register.map(|e| e.0 / 10), Some(bay.register().0 / 10));
    assert_eq!(ordered[1], done(7, Ok(())));
    assert_eq!(device.complaints(), [] as [String; 0]);
}

#[test]
fn a_billing_read_is_tried_three_times_and_a_silent_meter_is_told() {
    let mut driver = new_meter("acrel-adl400", 1);
    let _ = driver.tell(now(0), order(1, Order::ReadRegister));
    let _ = driver.tell(now(0), order(2, Order::ReadRegister));
    let question = driver.ask(now(0)).expect("the register");
    assert_eq!((question.tries, question.class), (3, Class::Billing));
    assert_eq!(driver.unanswered(now(1_200)), [done(1, Err(OrderFault::Silent))]);
    let _ = driver.probe(now(2_000));
    assert_eq!(driver.unanswered(now(2_400)), [done(2, Err(OrderFault::Silent))]);
    assert_eq!(driver.ask(now(2_500)).expect("the poll").tries, 2);
}

#[test]
fn any_answer_to_a_probe_shows_that_the_device_lives() {
    let mut driver = new_meter("acrel-adl400", 1);
    let probe = driver.probe(now(0));
    assert_eq!(probe.octets.len(), 8);
    assert_eq!(driver.hear(now(10), &exception(3, Exception(2)).encode(1)), Heard::Answer(vec![]));
}

#[test]
fn secondary_values_are_multiplied_by_the_ratio_and_the_step_grows_too() {
    let mut driver = new_meter("acrel-adl400", 40);
    // 123456.78 kWh secondary
    driver.ask(now(0)).expect("the register");
    let energy = Response::Registers { table: Table::Holding, registers: vec![188, 24_910] };
    let Heard::Answer(reports) = driver.hear(now(1), &energy.encode(1)) else { panic!("no answer") };
    let told = reading(&reports);
    assert_eq!(told.register, Some(Energy(1_234_567_800 * 40)));
    assert_eq!(told.resolution, Energy(100 * 40));
    driver.ask(now(2)).expect("phases");
    let phases = Response::Registers { table: Table::Holding, registers: vec![2312, 2298, 2305, 1523] };
    let Heard::Answer(reports) = driver.hear(now(3), &phases.encode(1)) else { panic!("no answer") };
    let told = reading(&reports);
    assert_eq!((told.voltage, told.current), (Some(Voltage(231_200)), Some(Current(15_230 * 40))));
    assert_eq!(told.register, None);
}

#[test]
fn a_read_that_is_refused_is_split_and_the_split_is_remembered() {
    let mut driver = new_meter("acrel-djsf1352-rn", 1);
    let mut lengths = Vec::new();
    let mut at = 0;
    // a meter that gives no more than six registers at once
    while lengths.len() < 20 {
        let question = driver.ask(now(at)).expect("a question").octets;
        let count = usize::from(question[5]);
        lengths.push(count);
        at += 1_000;
        let response = if count > 6 {
            exception(3, Exception::ADDRESS)
        } else {
            Response::Registers { table: Table::Holding, registers: vec![2; count] }
        };
        assert!(matches!(driver.hear(now(at), &response.encode(1)), Heard::Answer(_)));
    }
    assert_eq!(lengths[..3], [14, 15, 16], "every window of the merged read is tried once");
    let refused = lengths.iter().rposition(|count| *count > 6).expect("some are refused");
    assert!(refused < 10, "{lengths:?}");
}

#[test]
fn an_ordered_register_that_is_refused_is_told() {
    let mut driver = new_meter("acrel-adl400", 1);
    let _ = driver.tell(now(0), order(1, Order::ReadRegister));
    let mut turns = 0;
    loop {
        turns += 1;
        match answered(&mut driver, now(turns), &exception(3, Exception::ADDRESS)) {
            Heard::Answer(reports) if reports.is_empty() => assert!(turns < 10, "asked for ever"),
            Heard::Answer(reports) => {
                assert_eq!(reports, [done(1, Err(OrderFault::Refused(2)))]);
                break;
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(turns, 3);
}

#[test]
fn a_round_that_was_missed_is_skipped() {
    let (mut driver, mut pile, mut bay) =
        (new_charger(1), sim::charger::Charger::new(1, 1, 1), bay_with_bus());
    let _ = exchange(&mut driver, now(0), &mut pile, &mut bay);
    assert_eq!(driver.wants().map(|w| w.due), Some(Instant(500_000)));
    let _ = exchange(&mut driver, now(520), &mut pile, &mut bay);
    assert_eq!(driver.wants().map(|w| w.due), Some(Instant(1_000_000)), "it keeps its beat");
    let _ = exchange(&mut driver, now(1_700), &mut pile, &mut bay);
    assert_eq!(
        driver.wants().map(|w| w.due),
        Some(Instant(1_500_000)),
        "late by less than a period: made up for"
    );
    let _ = exchange(&mut driver, now(60_000), &mut pile, &mut bay);
    assert_eq!(driver.wants().map(|w| w.due), Some(Instant(60_500_000)));
}

#[test]
fn a_state_that_the_profile_does_not_name_is_unknown_and_told_raw() {
    let mut driver = new_charger(1);
    driver.ask(now(0)).expect("13 registers");
    let registers = vec![1, 1, 5, 1, 101, 3, 6001, 100, 60, 0, 0, 0, 0];
    let response = Response::Registers { table: Table::Holding, registers };
    let Heard::Answer(reports) = driver.hear(now(1), &response.encode(1)) else { panic!("no answer") };
    let told = status(&reports);
    assert_eq!((told.state, told.raw), (ChargerState::Unknown, 5));
    assert_eq!((told.plugged, told.soc), (None, None));
}

#[test]
fn a_pile_refuses_what_it_does_not_know_and_remembers_who_wrote_it() {
    let (mut pile, mut bay) = (sim::charger::Charger::new(1, 1, 1), bay_with_bus());
    let mut told = |request: wire::Request| {
        let reaction = pile.hear(Instant(0), &request.encode(1), &mut bay).expect("a whole question");
        wire::Response::decode(&reaction.answer.expect("answered").octets).expect("good").1
    };
    let write = |address, value| wire::Request::WriteRegister { address, value };
    assert_eq!(told(write(0x1001, 600)), exception(6, Exception::ADDRESS));
    assert_eq!(told(write(0x3000, 0x02AA)), exception(6, Exception::VALUE));
    let read = |start, count| wire::Request::Read { table: Table::Holding, start, count };
    assert_eq!(told(read(0, 14)), exception(3, Exception::ADDRESS));
    assert_eq!(
        told(wire::Request::DeviceId { read_code: 1, object: 0 }),
        exception(0x2B, Exception::FUNCTION)
    );
    assert_eq!(pile.complaints().len(), 2);
}

#[test]
fn profiles_give_the_physical_values_of_known_frames() {
    let shown = |name: &str, start: u16, registers: &[u16]| -> Vec<String> {
        let profile = profile(name);
        profile
            .values(Table::Holding, start, registers)
            .filter_map(|v| Some(format!("{}={}", v.point.name, v.shown()?)))
            .collect()
    };
    // constructed vectors cn_pile_v2-03-rep, acrel.djsf1352-rn-03-rep-6, acrel.adl400-03-rep and -2
    let pile = [1, 1, 2, 1, 88, 1, 5987, 1804, 1080, 3720, 1874, 0, 52_345];
    assert_eq!(
        shown("cn-pile-v2", 0, &pile).join(" "),
        "pile=1 gun=1 state=charging type=DC soc=88 plugged=yes voltage=598.7 current=180.4 power=108 time=3720 \
         session-energy=187.4 cost=0 meter=5234.5"
    );
    let dc = [6123, 2, 64_032, 2, 0, 412, 0, 0, 921, 3, 0, 0, 18, 54_919, 0, 42];
    assert_eq!(
        shown("acrel-djsf1352-rn", 0, &dc).join(" "),
        "voltage=612.3 current=-150.4 wire-break=0 temperature=41.2 power-register=921 energy.forward=1234567 \
         energy.reverse=42"
    );
    assert_eq!(shown("acrel-adl400", 0, &[188, 24_910]), ["energy.total=123456.78"]);
    assert_eq!(
        shown("acrel-adl400", 97, &[2312, 2298, 2305, 1523, 1498, 1510]).join(" "),
        "voltage=231.2 voltage.b=229.8 voltage.c=230.5 current=15.23 current.b=14.98 current.c=15.1"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn nothing_on_the_wire_upsets_a_simulated_device(
        noise in prop::collection::vec(any::<u8>(), 0..120),
        mut pdu in prop::collection::vec(any::<u8>(), 1..20),
        function in prop::sample::select(vec![3_u8, 6, 16, 43]),
    ) {
        let mut bay = bay_with_bus();
        let mut slaves: Vec<Box<dyn Slave>> =
            vec![Box::new(sim::charger::Charger::new(1, 1, 1)), Box::new(sim::modbus_meter::ModbusMeter::new(1))];
        pdu.splice(..0, [1, function]);
        pdu.extend(wire::frame::checksum(&pdu));
        for slave in &mut slaves {
            for octets in [&noise, &pdu, &[&noise[..], &pdu].concat()] {
                if let Some(reaction) = slave.hear(Instant(u64::MAX), octets, &mut bay) {
                    prop_assert!(reaction.taken >= 1 && reaction.taken <= octets.len());
                }
            }
        }
    }

    #[test]
    fn nothing_on_the_wire_upsets_a_driver(
        noise in prop::collection::vec(any::<u8>(), 0..300),
        registers in prop::collection::vec(any::<u16>(), 16),
        code in any::<u8>(),
        acts in prop::collection::vec(0_u8..8, 1..60),
    ) {
        let mut drivers: Vec<Box<dyn Driver>> =
            vec![Box::new(new_charger(1)), Box::new(new_meter("acrel-djsf1352-rn", u32::MAX)), Box::new(new_meter("acrel-adl400", 1))];
        for driver in &mut drivers {
            let mut told = 0;
            let mut done = 0;
            let mut open = false;
            let is_done = |reports: &[Report]| reports.iter().filter(|r| matches!(r, Report::Done(..))).count();
            for (turn, act) in acts.iter().enumerate() {
                let at = now(turn as u64 * 700);
                if !open {
                    match act {
                        0 => { let _ = driver.probe(at); }
                        _ => { prop_assert!(driver.ask(at).is_some()); }
                    }
                    open = true;
                }
                let what = match act { 1 => Order::Start(StartOrder { max_power: Some(Power(i64::from(code) - 9)), ..StartOrder::default() }), 2 => Order::Stop, 3 => Order::ReadRegister, _ => Order::Limit(Power(i64::MAX)) };
                told += 1;
                done += is_done(&driver.tell(at, order(turn as u64, what)));
                let _ = driver.cut(&noise);
                let frame = match act {
                    4 => exception(3, Exception(code)).encode(1),
                    5 => exception(6, Exception(code)).encode(1),
                    6 => Response::Registers { table: Table::Holding, registers: registers[..2 + usize::from(code % 14)].to_vec() }.encode(1),
                    _ => noise.clone(),
                };
                match driver.hear(at, &frame) {
                    Heard::Answer(reports) => { done += is_done(&reports); open = false; }
                    Heard::Busy => open = false,
                    Heard::Foreign(_) if *act == 7 => { done += is_done(&driver.unanswered(at)); open = false; }
                    Heard::Foreign(_) => {}
                }
            }
            // silence to the end: every order has exactly one outcome
            if open {
                done += is_done(&driver.unanswered(now(1_000_000)));
            }
            for _ in 0..=MOST_ORDERS {
                let _ = driver.probe(now(2_000_000));
                done += is_done(&driver.unanswered(now(2_000_001)));
            }
            prop_assert_eq!(done, told);
        }
    }
}
