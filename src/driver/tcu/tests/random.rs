//! Any frames and orders in any order: never a panic, never faster than the protocol, an outcome for every order.

use super::bench::{CONFIG, sent};
use crate::driver::tcu::{Action, Controller, Event};
use crate::model::quantity::{Energy, Power};
use crate::model::report::{OrderFault, OrderId, Report};
use crate::model::request::{AuxVoltage, Order, Request, StartOrder};
use crate::model::time::{Instant, Now};
use crate::model::vehicle::Admission;
use crate::wire::can::Frame;
use crate::wire::tcu::{Kind, long};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::time::Duration;

/// What happens next, and how long after the last thing.
#[derive(Clone, Debug)]
enum Step {
    Frame(Kind, [u8; 8]),
    Long(Kind, Vec<u8>, Option<usize>),
    Order(u8),
    Up,
    Down,
    Quiet,
}

fn ours() -> impl Strategy<Value = Kind> {
    let kinds: Vec<Kind> =
        Kind::ALL.iter().copied().filter(|k| k.side() == crate::wire::tcu::Side::Ccu).collect();
    proptest::sample::select(kinds)
}

/// Octets that mean something more often than not.
fn octet() -> impl Strategy<Value = u8> {
    prop_oneof![4 => Just(0u8), 3 => Just(1u8), 1 => Just(2u8), 2 => any::<u8>()]
}

fn step() -> impl Strategy<Value = Step> {
    let octets = prop::array::uniform8(octet());
    let long = prop::collection::vec(octet(), 22..90);
    prop_oneof![
        3 => Just(Step::Frame(Kind::CcuHeartbeat, [1, 0, 0, 0, 0, 0, 0, 0])),
        3 => octets.prop_map(|mut o| { o[0] = 1; Step::Frame(Kind::VersionAck, o) }),
        3 => Just(Step::Frame(Kind::ParametersAck, [1, 0, 0, 0, 0, 0, 0, 0])),
        3 => Just(Step::Frame(Kind::DcStatus1, [1, 0, 0, 0, 0, 0, 0, 0])),
        3 => Just(Step::Frame(Kind::StartAck, [1, 2, 0, 0, 1, 0, 0, 0])),
        6 => (ours(), prop::array::uniform8(octet())).prop_map(|(kind, octets)| Step::Frame(kind, octets)),
        6 => (ours(), long, prop::option::weighted(0.2, 0..4usize))
            .prop_map(|(kind, mut octets, lost)| { octets[0] = 1; Step::Long(kind, octets, lost) }),
        8 => (0..14u8).prop_map(Step::Order),
        2 => Just(Step::Up),
        1 => Just(Step::Down),
        3 => Just(Step::Quiet),
    ]
}

fn order(number: u8) -> Order {
    match number {
        0 | 1 => Order::Start(StartOrder::default()),
        2 => Order::Start(StartOrder { verify_vin: true, ..StartOrder::default() }),
        3 => Order::Start(StartOrder { max_power: Some(Power(40_000)), ..StartOrder::default() }),
        4 => Order::Identify(AuxVoltage::V24),
        5 => Order::Admit(Admission::Admitted),
        6 => Order::Admit(Admission::Refused),
        7 | 8 => Order::Stop,
        9 => Order::Limit(Power(60_000)),
        10 => Order::Service(false),
        11 => Order::Lock(true),
        12 => Order::Delivered { energy: Energy(i64::MAX), elapsed: Duration::MAX },
        _ => Order::SetClock,
    }
}

/// The controller, its clock, and everything that must be true of what it does.
struct Witness {
    controller: Controller,
    us: u64,
    up: bool,
    told: u64,
    open: BTreeMap<u64, bool>,
    last: BTreeMap<u32, u64>,
    /// The newest stop that was not sent yet, and until when it must be.
    stop_due: Option<(u64, u64)>,
}

/// How far apart frames of ours are at least; answers go out with what they answer.
fn pace_ms(pf: u8) -> Option<u64> {
    match pf {
        0x01 | 0x03 | 0x0B | 0x0D | 0x0F => Some(250),
        0x07 | 0x09 => Some(500),
        0x21 | 0x40 => Some(1000),
        _ => None,
    }
}

impl Witness {
    fn new() -> Witness {
        let controller = Controller::new(Now::default(), CONFIG);
        Witness {
            controller,
            us: 1_000_000,
            up: false,
            told: 0,
            open: BTreeMap::new(),
            last: BTreeMap::new(),
            stop_due: None,
        }
    }

    fn event(&mut self, event: Event<'_>) -> Vec<Action> {
        match event {
            Event::BusUp => self.up = true,
            Event::BusDown => (self.up, self.stop_due) = (false, None),
            Event::Frame(_) | Event::Tell(_) | Event::Woke => {}
        }
        let now = Now { mono: Instant(self.us), ..Now::default() };
        let out = self.controller.handle(now, event);
        self.judge(&out);
        out
    }

    fn judge(&mut self, out: &[Action]) {
        for action in out {
            match action {
                Action::Send(frame) => {
                    assert!(self.up, "{frame} on a bus that is down");
                    let pf = frame.id().pf();
                    let before = self.last.insert(frame.id().raw(), self.us);
                    if let (Some(pace), Some(before)) = (pace_ms(pf), before) {
                        assert!(self.us - before >= pace * 1000, "{frame} after {} us", self.us - before);
                    }
                    if pf == Kind::Stop.pf() {
                        self.stop_due = None;
                    }
                }
                Action::Report(Report::Done(OrderId(id), outcome)) => {
                    // The answer to a stop that was out already is one to this one, too.
                    if *outcome != Err(OrderFault::Silent) && self.stop_due.is_some_and(|(of, _)| of == *id) {
                        self.stop_due = None;
                    }
                    assert_eq!(self.open.remove(id), Some(true), "order {id} has two outcomes");
                }
                Action::Report(_) => {}
            }
        }
        assert!(self.stop_due.is_none_or(|(_, due)| self.us <= due), "a stop that was not sent");
        assert!(out.len() < 40, "{out:?}");
    }

    fn tell(&mut self, what: Order) -> Vec<Action> {
        self.told += 1;
        let silent = matches!(what, Order::Delivered { .. });
        if !silent {
            self.open.insert(self.told, true);
        }
        if what == Order::Stop && self.up {
            self.stop_due = Some((self.told, self.us + 250_000));
        }
        self.event(Event::Tell(Request { order: OrderId(self.told), what }))
    }

    /// The clock goes on, with every wake-up that is asked for.
    fn wait(&mut self, us: u64) {
        let end = self.us + us;
        let mut stuck = 0;
        while let Some(at) = self.controller.wake_at().filter(|at| at.0 <= end) {
            stuck = if at.0 <= self.us { stuck + 1 } else { 0 };
            assert!(stuck < 8, "wake-ups that change nothing");
            self.us = self.us.max(at.0);
            let _ = self.event(Event::Woke);
        }
        self.us = end;
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Frame(kind, octets) => {
                let frame = Frame::new(kind.id(0xF6), octets).expect("eight octets");
                let _ = self.event(Event::Frame(&frame));
            }
            Step::Long(kind, payload, lost) => {
                for (i, octets) in long::frames(payload).expect("short").iter().enumerate() {
                    if *lost != Some(i) {
                        let _ = self.event(Event::Frame(&Frame::new(kind.id(0xF6), octets).expect("eight")));
                    }
                }
            }
            Step::Order(number) => {
                let _ = self.tell(order(*number));
            }
            Step::Up if !self.up => {
                let out = self.event(Event::BusUp);
                assert!(sent(&out)[0].starts_with("1840"), "the heartbeat first");
            }
            Step::Down => {
                let _ = self.event(Event::BusDown);
                // What is sent after the bus came back is a dialogue of its own.
                self.last.clear();
            }
            Step::Up | Step::Quiet => {}
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn any_traffic_leaves_the_driver_sane_its_pace_kept_and_every_order_answered(
        steps in prop::collection::vec((step(), prop_oneof![Just(0u64), 0..300u64, 0..2_000u64]), 1..120),
    ) {
        let mut witness = Witness::new();
        let _ = witness.event(Event::BusUp);
        for (step, wait_ms) in steps {
            witness.step(&step);
            witness.wait(wait_ms * 1000);
        }
        witness.wait(200_000_000);
        prop_assert!(witness.open.is_empty(), "orders without an outcome: {:?}", witness.open);
    }

    #[test]
    fn late_wake_ups_lose_nothing(waits in prop::collection::vec(0..5_000u64, 1..60)) {
        let mut witness = Witness::new();
        let _ = witness.event(Event::BusUp);
        let _ = witness.tell(Order::Start(StartOrder::default()));
        for wait_ms in waits {
            witness.us += wait_ms * 1000;
            let _ = witness.event(Event::Woke);
        }
        witness.us += 20_000_000;
        let _ = witness.event(Event::Woke);
        prop_assert!(witness.open.is_empty());
    }
}
