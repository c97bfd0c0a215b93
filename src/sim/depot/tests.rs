use super::*;
use crate::bms::{self, Listener, Said};
use crate::model::time::Now;
use crate::sim::controller as ccu;
use crate::sim::plug::Trouble;
use crate::wire::slcan::{Line, Parser};
use crate::wire::tcu::{Kind, Side};

fn at_ms(ms: u64) -> Instant {
    Instant(ms * 1_000)
}

/// A depot with a tapped Modbus charger and four guns on CAN, and a master that only listens.
struct Bench {
    depot: Depot,
    now: Instant,
    parser: Parser,
    heard: Vec<(Instant, crate::wire::can::Frame)>,
}

impl Bench {
    fn new() -> Bench {
        let plan = Plan::depot(1, 7).with_tap().with_can(4, 7);
        let depot = Depot::new(&plan, None, Electronics::default(), Utc(0), 7);
        Bench { depot, now: Instant(0), parser: Parser::default(), heard: Vec::new() }
    }

    fn run(&mut self, port: usize, ms: u64) {
        let until = self.now + Duration::from_millis(ms);
        loop {
            self.now = self.depot.wake_at().map_or(until, |at| at.max(self.now).min(until));
            self.depot.advance(self.now);
            for line in 0..self.depot.line_count() {
                while let Some(octets) = self.depot.take(self.now, line) {
                    for octet in octets.iter().filter(|_| line == port) {
                        if let Some(Ok(Line::Frame { frame, .. })) = self.parser.take(*octet) {
                            self.heard.push((self.now, frame));
                        }
                    }
                }
            }
            if self.now >= until {
                return;
            }
        }
    }
}

fn connector(text: &str) -> ConnectorId {
    text.parse().expect("a connector")
}

#[test]
fn a_tap_hears_what_a_modbus_charger_and_its_vehicle_say() {
    let mut bench = Bench::new();
    let tap = bench.depot.lines.len();
    bench.depot.written(Instant(0), tap, b"C\rS5\rL\r");
    let gun = connector("44030000010001/1");
    let vin: Vin = "LSMBTESTBUS000001".parse().expect("a VIN");
    bench.depot.act(at_ms(1), Act::Vin(gun, vin)).expect("a place");
    bench.depot.bay(gun).expect("a bay").start(at_ms(2));
    bench.run(tap, 20_000);
    let mut listener = Listener::new(bms::Config::default());
    let said: Vec<Said> = (bench.heard.iter())
        .flat_map(|(at, frame)| {
            listener.handle(Now { mono: *at, ..Now::default() }, bms::Event::Frame(frame))
        })
        .collect();
    assert_eq!(listener.status().vin, Some(vin));
    assert!(said.contains(&Said::Phase(bms::Phase::Charging)));
    assert_eq!(bench.depot.complaints(), [] as [String; 0]);
}

#[test]
fn every_controller_speaks_under_its_own_address() {
    let mut bench = Bench::new();
    let bus = bench.depot.lines.len() + 1;
    bench.depot.written(Instant(0), bus, b"C\rS5\rO\r");
    bench.run(bus, 2_500);
    for gun in 0..4 {
        let beats = bench.heard.iter().filter(|(_, f)| f.id() == Kind::CcuHeartbeat.id(0xE0 + gun)).count();
        assert!((2..=3).contains(&beats), "gun {gun}: {beats}");
    }
    let ours =
        |(_, frame): &(Instant, crate::wire::can::Frame)| Kind::of(frame.id().pf(), Side::Ccu).is_some();
    assert!(bench.heard.iter().all(ours));
}

#[test]
fn what_goes_wrong_is_found_by_name_and_mended() {
    let mut bench = Bench::new();
    let mut disturb =
        |name: &str, word: &str| bench.depot.act(at_ms(1), Act::Disturb(name.into(), word.into()));
    for (word, _) in Trouble::WORDS {
        assert_eq!(disturb("plug-2", word), Ok(()));
    }
    for (word, _) in ccu::Fault::WORDS {
        assert_eq!(disturb("charger-2", word), Ok(()));
    }
    assert_eq!(disturb("can-1", "bus-off"), Ok(()));
    assert_eq!(disturb("charger-1", "late"), Ok(()), "on a line");
    assert!(disturb("charger-1", "deaf").unwrap_err().contains("silent"));
    assert!(disturb("plug-2", "deaf").unwrap_err().contains("no-brm"));
    assert!(disturb("plug-9", "no-brm").is_err() && disturb("can-3", "silent").is_err());
    for name in ["plug-2", "charger-2", "can-1", "charger-1"] {
        assert_eq!(bench.depot.act(at_ms(2), Act::Heal(name.into())), Ok(()), "{name}");
    }
}

#[test]
fn a_bus_with_two_inlets_takes_both_guns_of_a_pair() {
    let mut bench = Bench::new();
    let (one, two) = (connector("44030000020002/1"), connector("44030000020002/2"));
    let vin: Vin = "LSMBTESTBUS000002".parse().expect("a VIN");
    bench.depot.act(at_ms(1), Act::Vin(one, vin)).expect("a place");
    let named = |bench: &mut Bench, at| bench.depot.bay(at).and_then(|b| b.vehicle().map(|v| v.bms.vin));
    assert_eq!(named(&mut bench, one), named(&mut bench, two));
    bench.depot.act(at_ms(2), Act::Unplug(one)).expect("a place");
    assert_eq!((named(&mut bench, one), named(&mut bench, two)), (None, None));
}
