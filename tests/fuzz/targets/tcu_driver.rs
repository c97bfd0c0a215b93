#![no_main]
//! One charge controller's driver: eleven octets give what happens, how long after the last thing, and eight octets.
//! Every order has one outcome, and the driver never wakes itself without end.
use depotd::driver::tcu::{Action, Config, Controller, Dialect, Event};
use depotd::model::ident::DeviceCode;
use depotd::model::quantity::{Energy, Power};
use depotd::model::report::{OrderId, Report};
use depotd::model::request::{AuxVoltage, Order, Request, StartOrder};
use depotd::model::time::{Instant, Now};
use depotd::model::vehicle::Admission;
use depotd::wire::can::{Frame, Id};
use libfuzzer_sys::fuzz_target;
use std::collections::BTreeSet;
use std::time::Duration;

fn order(number: u8, value: u8) -> Order {
    let aux = if value & 1 == 0 { AuxVoltage::V12 } else { AuxVoltage::V24 };
    let power = Power(i64::from(value) * 1000);
    match number % 10 {
        0 => Order::Start(StartOrder { aux_voltage: aux, verify_vin: value & 2 != 0, ..StartOrder::default() }),
        1 => Order::Start(StartOrder { max_power: Some(power), dual: value & 2 != 0, ..StartOrder::default() }),
        2 => Order::Identify(aux),
        3 => Order::Admit(if value & 1 == 0 { Admission::Admitted } else { Admission::Refused }),
        4 => Order::Stop,
        5 => Order::Limit(power),
        6 => Order::Service(value & 1 == 0),
        7 => Order::Lock(value & 1 == 0),
        8 => Order::ReadRegister,
        _ => Order::Delivered { energy: Energy(power.0), elapsed: Duration::from_secs(power.0.unsigned_abs()) },
    }
}

struct Bench {
    controller: Controller,
    us: u64,
    open: BTreeSet<u64>,
}

impl Bench {
    fn event(&mut self, event: Event<'_>) {
        let now = Now { mono: Instant(self.us), ..Now::default() };
        for action in self.controller.handle(now, event) {
            if let Action::Report(Report::Done(OrderId(id), _)) = action {
                assert!(self.open.remove(&id), "order {id} has two outcomes");
            }
        }
    }

    fn wait(&mut self, us: u64) {
        let end = self.us + us;
        let mut stuck = 0;
        while let Some(at) = self.controller.wake_at().filter(|at| at.0 <= end) {
            stuck = if at.0 <= self.us { stuck + 1 } else { 0 };
            assert!(stuck < 8, "wake-ups that change nothing");
            self.us = self.us.max(at.0);
            self.event(Event::Woke);
        }
        self.us = end;
    }
}

fuzz_target!(|octets: &[u8]| {
    let config =
        Config { controller: 0xF6, interface: 1, pile: DeviceCode::default(), dialect: Dialect::Auto };
    let controller = Controller::new(Now::default(), config);
    let mut bench = Bench { controller, us: 0, open: BTreeSet::new() };
    bench.event(Event::BusUp);
    let mut told = 0;
    for [what, pf, wait, data @ ..] in octets.as_chunks::<11>().0 {
        match what & 15 {
            0 => bench.event(Event::BusDown),
            1 | 2 => bench.event(Event::BusUp),
            3..=6 => {
                told += 1;
                let what = order(*pf, data[0]);
                if !matches!(what, Order::Delivered { .. }) {
                    bench.open.insert(told);
                }
                bench.event(Event::Tell(Request { order: OrderId(told), what }));
            }
            _ => {
                let frame = Frame::new(Id::pdu1(6, *pf, 0x8A, 0xF6), data).expect("eight octets");
                bench.event(Event::Frame(&frame));
            }
        }
        bench.wait(u64::from(*wait) * 20_000);
    }
    bench.wait(200_000_000);
    assert!(bench.open.is_empty(), "orders without an outcome: {:?}", bench.open);
});
