use super::*;
use crate::model::time::{ClockTrust, Utc};
use crate::wire::dlt645::{Control, Di, question};
use proptest::collection::vec;
use proptest::prelude::*;

const REGISTER: Di = Di(0x0001_0000);
const VOLTAGE: Di = Di(0x0201_0100);
const NUMBER: Di = Di(0x0400_0402);
const TARIFFS: Di = Di(0x0001_FF00);

fn address() -> Address {
    "000012345678".parse().unwrap()
}

fn meter(profile: &str) -> Meter {
    Meter::new(Config {
        address: address(),
        poll: Duration::from_secs(1),
        ratio: 1,
        profile: Profile::by_name(profile).unwrap(),
        octet: Duration::from_micros(4_583),
    })
}

fn at(ms: u64) -> Now {
    let midnight = Utc::from_local(jiff::civil::date(2026, 11, 22).at(0, 0, 0, 0));
    let mono = Instant(ms * 1_000);
    Now { mono, wall: midnight.plus_ms(ms as i64), trust: ClockTrust::Ntp }
}

/// What the meter was asked.
fn asked(question: &Question) -> Di {
    let frame = Frame::parse(&question.octets).unwrap();
    assert_eq!(frame.address(), address());
    Di::from_wire(frame.data()[..4].try_into().unwrap())
}

fn reply(control: Control, di: Di, value: &[u8]) -> Vec<u8> {
    let data = [&di.to_wire(), value].concat();
    Frame::new(address(), control, data).unwrap().encode(2)
}

fn value(di: Di, octets: &[u8]) -> Vec<u8> {
    reply(Control::READ.reply(), di, octets)
}

fn refusal() -> Vec<u8> {
    Frame::new(address(), Control::READ.refusal(), vec![0x02]).unwrap().encode(0)
}

fn order(id: u64, what: Order) -> Request {
    Request { order: OrderId(id), what }
}

/// A meter that has one order to read the register, already asked.
fn ordered() -> Meter {
    let mut meter = meter("dlt645-ac");
    assert_eq!(meter.tell(at(0), order(7, Order::ReadRegister)), []);
    let question = meter.ask(at(0)).unwrap();
    assert_eq!((question.class, question.tries, asked(&question)), (Class::Billing, 3, REGISTER));
    meter
}

fn registers(heard: &Heard) -> Vec<(Option<OrderId>, i64)> {
    let Heard::Answer(reports) = heard else { return Vec::new() };
    let register = |report: &Report| match report {
        Report::Meter(reading) => reading.register.map(|register| (reading.order, register.0)),
        _ => None,
    };
    reports.iter().filter_map(register).collect()
}

#[test]
fn an_ordered_register_is_asked_before_everything_and_answered_under_its_order() {
    let mut meter = ordered();
    let heard = meter.hear(at(200), &value(REGISTER, &[0x89, 0x67, 0x05, 0x01]));
    assert_eq!(registers(&heard), [(Some(OrderId(7)), 105_678_900)]);
}

#[test]
fn a_late_answer_to_another_question_is_never_taken_for_this_one() {
    let mut meter = ordered();
    let good = [0x89, 0x67, 0x05, 0x01];
    let other = Frame::new("000012345679".parse().unwrap(), Control::READ.reply(), Vec::new()).unwrap();
    let foreign = [
        (value(Di(0x0002_0000), &good), Foreign::Question),
        (value(VOLTAGE, &[0x01, 0x22]), Foreign::Question),
        (value(REGISTER, &good[..3]), Foreign::Question),
        (reply(Control::READ_FOLLOW_UP.reply(), REGISTER, &good), Foreign::Question),
        (reply(Control::WRITE.refusal(), REGISTER, &[]), Foreign::Question),
        (other.encode(0), Foreign::Address),
        (question::read(address(), REGISTER).encode(4), Foreign::Echo),
        (question::read(address(), VOLTAGE).encode(4), Foreign::Question),
        (b"no frame".to_vec(), Foreign::Question),
    ];
    for (frame, why) in foreign {
        assert_eq!(meter.hear(at(100), &frame), Heard::Foreign(why), "{frame:02X?}");
    }
    assert_eq!(registers(&meter.hear(at(200), &value(REGISTER, &good))).len(), 1);
    assert_eq!(meter.hear(at(210), &value(REGISTER, &good)), Heard::Foreign(Foreign::Question));
}

#[test]
fn a_register_without_digits_is_read_again_and_then_reported_as_unusable() {
    let mut meter = ordered();
    for read in 1..=3 {
        let Heard::Answer(reports) = meter.hear(at(200), &value(REGISTER, &[0xFF; 4])) else { panic!() };
        if read < 3 {
            assert_eq!(reports, []);
            assert_eq!(meter.wants().unwrap().class, Class::Billing);
            meter.ask(at(300));
        } else {
            assert_eq!(reports, [failed(OrderId(7), OrderFault::Refused(UNUSABLE))]);
        }
    }
    assert_eq!(meter.wants().unwrap().class, Class::Live);
}

#[test]
fn an_order_ends_with_silence_or_refusal_when_the_meter_is_silent_or_refuses() {
    let mut silent = ordered();
    assert_eq!(silent.unanswered(at(900)), [failed(OrderId(7), OrderFault::Silent)]);
    let mut refused = ordered();
    assert_eq!(
        refused.hear(at(100), &refusal()),
        Heard::Answer(vec![failed(OrderId(7), OrderFault::Refused(2))])
    );
}

#[test]
fn one_reading_serves_all_orders_that_waited_for_it() {
    let mut meter = meter("dlt645-ac");
    for id in [1, 2] {
        meter.tell(at(0), order(id, Order::ReadRegister));
    }
    meter.ask(at(0));
    meter.tell(at(50), order(3, Order::ReadRegister));
    let heard = meter.hear(at(100), &value(REGISTER, &[0x00, 0x01, 0x00, 0x00]));
    assert_eq!(registers(&heard), [(Some(OrderId(1)), 10_000), (Some(OrderId(2)), 10_000)]);
    assert_eq!(meter.wants().unwrap().class, Class::Billing);
}

#[test]
fn a_probe_of_a_silent_meter_carries_the_orders_that_wait() {
    let mut meter = meter("dlt645-ac");
    meter.tell(at(0), order(4, Order::ReadRegister));
    let probe = meter.probe(at(0));
    assert_eq!((probe.tries, asked(&probe)), (1, REGISTER));
    assert_eq!(meter.unanswered(at(900)), [failed(OrderId(4), OrderFault::Silent)]);
    assert_eq!(meter.probe(at(1_000)).class, Class::Live);
}

#[test]
fn a_meter_does_only_what_a_meter_can() {
    let mut meter = meter("dlt645-ac");
    let orders = [
        Order::Start(crate::model::request::StartOrder::default()),
        Order::Stop,
        Order::Limit(Power(1)),
        Order::Feedback(crate::model::request::Feedback::Idle),
    ];
    for what in orders {
        assert_eq!(meter.tell(at(0), order(9, what)), [failed(OrderId(9), OrderFault::Unsupported)]);
    }
}

#[test]
fn an_item_that_was_refused_twice_is_left_out_and_the_others_go_on() {
    let mut meter = meter("dlt645-ac");
    let mut asked_in = Vec::new();
    for round in 0..4 {
        let mut items = Vec::new();
        while meter.wants().unwrap().due <= at(round * 1_000).mono {
            let question = meter.ask(at(round * 1_000)).unwrap();
            let di = asked(&question);
            if question.class == Class::Live {
                items.push(di);
            }
            let answer = if di == REGISTER { value(di, &[0, 1, 0, 0]) } else { refusal() };
            assert!(matches!(meter.hear(at(round * 1_000 + 1), &answer), Heard::Answer(_)));
        }
        asked_in.push(items.len());
    }
    assert_eq!(asked_in, [4, 4, 1, 1]);
    // back after a silence, it may be another meter
    for _ in 0..3 {
        meter.probe(at(4_000));
        meter.unanswered(at(4_800));
    }
    meter.probe(at(5_000));
    meter.hear(at(5_100), &value(REGISTER, &[0, 1, 0, 0]));
    let number = meter.ask(at(5_200)).unwrap();
    assert_eq!(asked(&number), NUMBER);
    assert_eq!(
        meter.hear(at(5_300), &value(NUMBER, &[0x48, 0x04, 0x82, 0x96, 0x19, 0x64])),
        Heard::Answer(vec![Report::Meter(MeterReading {
            number: Some("641996820448".to_owned()),
            ..meter.reading()
        })])
    );
}

#[test]
fn a_long_answer_is_fetched_part_by_part() {
    let mut meter = meter("dlt645-ac");
    let question = loop {
        let question = meter.ask(at(0)).unwrap();
        if asked(&question) == TARIFFS {
            break question;
        }
        meter.unanswered(at(0));
    };
    assert_eq!(question.class, Class::Slow);
    let more = Control::READ.reply_with_more();
    assert_eq!(meter.hear(at(1), &reply(more, TARIFFS, &[0x00, 0x03, 0, 0, 0x00])), Heard::Answer(vec![]));
    let next = meter.ask(at(2)).unwrap();
    assert_eq!(Frame::parse(&next.octets).unwrap(), question::read_follow_up(address(), TARIFFS, 1));
    let part = |seq| [0x01, 0, 0, 0x00, 0x02, 0, 0, seq];
    let last = Control::READ_FOLLOW_UP.reply();
    assert_eq!(meter.hear(at(3), &reply(last, TARIFFS, &part(2))), Heard::Foreign(Foreign::Question));
    let Heard::Answer(reports) = meter.hear(at(3), &reply(last, TARIFFS, &part(1))) else { panic!() };
    let tariffs = vec![Energy(10_000), Energy(20_000)];
    assert_eq!(reports, [Report::Meter(MeterReading { tariffs, ..meter.reading() })]);
}

#[test]
fn an_answer_without_end_is_given_up() {
    let mut meter = meter("dlt645-ac");
    while asked(&meter.ask(at(0)).unwrap()) != TARIFFS {
        meter.unanswered(at(0));
    }
    let mut parts = 0_u8;
    meter.hear(at(1), &reply(Control::READ.reply_with_more(), TARIFFS, &[0; 4]));
    while meter.follow_up.is_some() {
        parts += 1;
        meter.ask(at(2));
        let endless = Control::READ_FOLLOW_UP.reply_with_more();
        assert!(matches!(
            meter.hear(at(3), &reply(endless, TARIFFS, &[0, 0, 0, 0, parts])),
            Heard::Answer(_)
        ));
    }
    assert_eq!(parts, u8::MAX);
}

#[test]
fn tariffs_that_are_not_their_total_are_not_reported() {
    let meter = meter("dlt645-ac");
    let block = |total: u8| [[total, 0x03, 0, 0], [0, 0x01, 0, 0], [0, 0x02, 0, 0]].concat();
    assert_eq!(meter.tariffs(&block(0x02)).unwrap().tariffs, [Energy(10_000), Energy(20_000)]);
    assert_eq!(meter.tariffs(&block(0x03)), None);
    assert_eq!(meter.tariffs(&[0xFF; 12]), None);
}

#[test]
fn power_of_a_meter_without_that_item_is_voltage_times_current() {
    let mut meter = meter("dlt645-dc-wh");
    let mut told = Vec::new();
    for octets in [[0x87, 0xD6, 0x12, 0x00], [0x00, 0x00, 0x00, 0x06], [0x00, 0x00, 0x50, 0x81]] {
        let question = meter.ask(at(0)).unwrap();
        let Heard::Answer(reports) = meter.hear(at(1), &value(asked(&question), &octets)) else { panic!() };
        told.extend(reports);
    }
    let reading = meter.reading();
    assert_eq!(reading.resolution, Energy(10));
    assert_eq!(
        told,
        [
            Report::Meter(MeterReading { register: Some(Energy(12_345_670)), ..reading.clone() }),
            Report::Meter(MeterReading { voltage: Some(Voltage(600_000)), ..reading.clone() }),
            Report::Meter(MeterReading {
                current: Some(Current(-150_000)),
                power: Some(Power(-90_000)),
                ..reading
            }),
        ]
    );
}

#[test]
fn the_plan_counts_every_item_that_is_polled() {
    let plan = meter("dlt645-ac").load();
    assert_eq!(plan.len(), 7);
    assert_eq!((plan[0].asked, plan[0].answered, plan[0].period), (20, 24, Duration::from_secs(1)));
}

/// One turned bit never passes the sum; two that undo each other in it do. What the driver then still takes for an
/// answer is damaged in the value alone (or value and sum): its digits must be digits, and a register that fell or
/// leapt is not believed before a second reading.
#[test]
fn damage_that_the_sum_misses_is_caught_by_what_the_answer_must_be() {
    let good = Frame::parse(&value(REGISTER, &[0x89, 0x67, 0x05, 0x01])).unwrap().encode(0);
    let settled = || {
        let mut meter = meter("dlt645-ac");
        meter.ask(at(0));
        assert_eq!(registers(&meter.hear(at(0), &good)).len(), 1);
        meter.tell(at(1_000), order(7, Order::ReadRegister));
        meter.ask(at(1_000));
        meter
    };
    let bits = good.len() * 8;
    let turned = |octets: &[u8], bit: usize| {
        let mut octets = octets.to_vec();
        octets[bit / 8] ^= 1 << (bit % 8);
        octets
    };
    let (mut pairs, mut missed, mut taken, mut believed) = (0, 0, 0, 0);
    for a in 0..bits {
        assert!(!matches!(dlt645::cut(&turned(&good, a)), Cut::Frame(_)), "one bit: {a}");
        for b in a + 1..bits {
            pairs += 1;
            let bad = turned(&turned(&good, a), b);
            if !matches!(dlt645::cut(&bad), Cut::Frame(_)) {
                continue;
            }
            missed += 1;
            let mut meter = settled();
            let in_value = (14..18).contains(&(a / 8)) && (14..19).contains(&(b / 8));
            match meter.hear(at(1_200), &bad) {
                Heard::Foreign(_) | Heard::Busy => assert!(!in_value, "bits {a} and {b}"),
                Heard::Answer(reports) => {
                    assert!(in_value, "bits {a} and {b} outside the value were taken");
                    taken += 1;
                    believed += reports.len();
                }
            }
        }
    }
    // pairs of bits; those the sum misses; those that damage the value alone; those believed (a rise of a few steps)
    assert_eq!((pairs, missed, taken, believed), (12_720, 468, 40, 1));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn no_frame_panics_the_driver_and_no_wrong_answer_is_taken(
        steps in vec((0_u8..8, any::<u8>(), vec(any::<u8>(), 0..40), 0_u64..100_000), 1..60)
    ) {
        let mut meter = meter("dlt645-dc-wh");
        let mut clock = 0;
        for (what, control, data, later) in steps {
            clock += later;
            let di = meter.asked.as_ref().map_or(REGISTER, |asked| match asked.di {
                identifier::Identifier::Long(di) => di,
                identifier::Identifier::Short(di) => Di(di.into()),
            });
            match what {
                0 | 1 => drop(meter.ask(at(clock))),
                2 => drop(meter.probe(at(clock))),
                3 => drop(meter.unanswered(at(clock))),
                4 if control < 64 => drop(meter.tell(at(clock), order(later, Order::SetClock))),
                4 => drop(meter.tell(at(clock), order(later, Order::ReadRegister))),
                5 => drop(meter.hear(at(clock), &data)),
                6 => drop(meter.hear(at(clock), &reply(Control(control), di, &data))),
                _ => drop(meter.hear(at(clock), &value(di, &data))),
            }
            prop_assert!(meter.wants().is_some());
            prop_assert!(!matches!(meter.cut(&data), Cut::Frame(_)) || data.len() >= OVERHEAD);
        }
    }
}

/// What a meter of the edition of 1997 was asked.
fn asked_1997(question: &Question) -> u16 {
    let frame = Frame::parse(&question.octets).unwrap();
    assert_eq!((frame.address(), frame.control()), (address(), Control::READ_1997));
    u16::from_le_bytes(frame.data().try_into().unwrap())
}

fn value_1997(di: u16, octets: &[u8]) -> Vec<u8> {
    let data = [&di.to_le_bytes(), octets].concat();
    Frame::new(address(), Control::READ_1997.reply(), data).unwrap().encode(1)
}

#[test]
fn a_meter_of_1997_tells_the_same_by_other_identifiers() {
    let mut meter = meter("dlt645-1997");
    let mut all = MeterReading::default();
    // the clock stands at 12:00:07, and the station's own at noon
    let noon = at(12 * 3_600_000);
    for _ in 0..9 {
        let question = meter.ask(noon).unwrap();
        let octets: &[u8] = match asked_1997(&question) {
            0x9010 => &[0x78, 0x56, 0x34, 0x12],
            0xB611 => &[0x31, 0x02],
            0xB621 => &[0x50, 0x12],
            0xB630 => &[0x34, 0x12, 0x00],
            0xC032 => &[0x48, 0x04, 0x82, 0x96, 0x19, 0x64],
            // total, two tariffs, and the mark behind a block
            0x901F => &[0, 3, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0xAA],
            0xC010 => &[0x00, 0x22, 0x11, 0x26],
            0xC011 => &[0x07, 0x00, 0x12],
            other => panic!("asked for {other:04X}"),
        };
        let heard = meter.hear(noon, &value_1997(asked_1997(&question), octets));
        let Heard::Answer(reports) = heard else { panic!("{heard:?}") };
        for report in reports {
            let Report::Meter(told) = report else { panic!("{report:?}") };
            all.register = told.register.or(all.register);
            all.voltage = told.voltage.or(all.voltage);
            all.current = told.current.or(all.current);
            all.power = told.power.or(all.power);
            all.number = told.number.or(all.number);
            all.clock_ahead_ms = told.clock_ahead_ms.or(all.clock_ahead_ms);
            if !told.tariffs.is_empty() {
                all.tariffs = told.tariffs;
            }
        }
    }
    let wanted = MeterReading {
        register: Some(Energy(1_234_567_800)),
        voltage: Some(Voltage(231_000)),
        current: Some(Current(12_500)),
        power: Some(Power(123)),
        number: Some("641996820448".to_owned()),
        tariffs: vec![Energy(10_000), Energy(20_000)],
        clock_ahead_ms: Some(7_000),
        ..MeterReading::default()
    };
    assert_eq!(all, wanted);
}

#[test]
fn an_answer_of_the_other_edition_is_none() {
    let mut meter = meter("dlt645-1997");
    meter.tell(at(0), order(7, Order::ReadRegister));
    meter.ask(at(0)).unwrap();
    assert_eq!(meter.hear(at(1), &value(REGISTER, &[0; 4])), Heard::Foreign(Foreign::Question));
    let more =
        Frame::new(address(), Control::READ_1997.reply_with_more(), vec![0x10, 0x90, 0, 0, 0, 0]).unwrap();
    assert_eq!(meter.hear(at(1), &more.encode(0)), Heard::Foreign(Foreign::Question));
    assert_eq!(registers(&meter.hear(at(1), &value_1997(0x9010, &[1, 0, 0, 0]))), [(Some(OrderId(7)), 100)]);
}

#[test]
fn a_clock_that_was_told_the_time_is_read_back_and_the_order_done() {
    let mut meter = meter("dlt645-ac");
    while meter.wants().unwrap().due <= at(0).mono {
        let question = meter.ask(at(0)).unwrap();
        meter.hear(at(0), &reply(Control::READ.refusal(), asked(&question), &[]));
        meter.unanswered(at(0));
    }
    assert_eq!(meter.tell(at(100), order(9, Order::SetClock)), []);
    assert_eq!(
        meter.wants().map(|w| (w.class, w.due)),
        Some((Class::Command, at(899).mono.max(at(900).mono)))
    );
    let question = meter.ask(at(900)).unwrap();
    assert!(!question.expects_reply);
    // polling goes on, and a few seconds later the clock is read
    let mut done = Vec::new();
    for ms in (1_000..9_000).step_by(100) {
        if meter.wants().is_some_and(|w| w.due <= at(ms).mono) {
            let question = meter.ask(at(ms)).unwrap();
            let clock = asked(&question) == Di(0x0400_010C);
            let octets =
                if clock { value(asked(&question), &[0x04, 0, 0, 0, 0x22, 0x11, 0x26]) } else { refusal() };
            let Heard::Answer(reports) = meter.hear(at(ms), &octets) else { panic!() };
            done.extend(reports.into_iter().filter(|r| matches!(r, Report::Done(..))).map(|r| (ms, r)));
        }
    }
    assert!(matches!(done[..], [(3_900..=5_000, Report::Done(OrderId(9), Ok(())))]), "{done:?}");
}
