//! A meter: live values by a period, the register when a session needs it.
//!
//! The ordered read asks for the register alone and is answered by a reading that bears the order and by
//! [`Report::Done`]; a value polled before the order never answers it.

use super::cycle::{Asked, Cycle};
use super::exchange::{Exchange, Judged};
use super::plan::{Read, plan, reads};
use super::profile::{Check, Group, Kind, Profile};
use super::{BUSY_TRIES, BUSY_WAIT, MOST_ORDERS, OLDEST_ORDER, Unfit, kind};
use crate::driver::{Class, Driver, Heard, PlannedQuestion, Question, Timing, Want};
use crate::model::quantity::{Current, Energy, Power, Voltage};
use crate::model::report::{MeterReading, OrderFault, OrderId, Report};
use crate::model::request::{Order, Request};
use crate::model::time::{Instant, Now};
use crate::wire::Cut;
use crate::wire::modbus::{Exception, Table};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

/// How often numbers and other slow values are read.
const SLOW: Duration = Duration::from_secs(600);

/// What a meter is made of.
#[derive(Clone, Debug)]
pub struct Config {
    /// 1..=247.
    pub address: u8,
    /// What it looks like.
    pub profile: Arc<Profile>,
    /// Period of the live values.
    pub poll: Duration,
    /// Current-transformer ratio where it reports secondary values, at least 1: multiplies energy, current and power.
    pub ratio: u32,
}

/// A meter.
#[derive(Debug)]
pub struct Meter {
    config: Config,
    exchange: Exchange,
    register: Cycle,
    live: Cycle,
    slow: Cycle,
    orders: VecDeque<Ordered>,
    asked: Option<Outstanding>,
    /// Outcomes found when no report could be made; at most as many as there can be orders.
    late: Vec<Report>,
}

#[derive(Clone, Copy, Debug)]
struct Ordered {
    id: OrderId,
    told: Instant,
    due: Instant,
    busy: u8,
}

#[derive(Clone, Copy, Debug)]
enum Outstanding {
    Probe,
    Order(Asked),
    Live(Asked),
    Slow(Asked),
}

impl Meter {
    /// A meter of this configuration.
    pub fn new(config: Config) -> Result<Meter, Unfit> {
        if !(1..=247).contains(&config.address) {
            return Err(Unfit::Address(config.address.into()));
        }
        if config.profile.kind != Kind::Meter {
            return Err(Unfit::Kind);
        }
        let profile = &config.profile;
        let register = reads(profile, profile.point("energy.forward").into_iter());
        Ok(Meter {
            exchange: Exchange::new(config.address),
            register: Cycle::new(register, config.poll),
            live: Cycle::new(plan(profile, &[Group::Live, Group::Billing]), config.poll),
            slow: Cycle::new(plan(profile, &[Group::Slow]), SLOW),
            orders: VecDeque::new(),
            asked: None,
            late: Vec::new(),
            config,
        })
    }

    /// What is wanted next. An order comes first, unless the meter was busy and its time has not come.
    fn next(&self) -> Option<Want> {
        let order = self.orders.front().map(|o| Want { class: Class::Billing, due: o.due });
        if self.orders.front().is_some_and(|o| o.busy == 0) {
            return order;
        }
        let live = self.live.due().map(|due| Want { class: Class::Live, due });
        let slow = self.slow.due().map(|due| Want { class: Class::Slow, due });
        [order, live, slow].into_iter().flatten().min_by_key(|w| (w.due, w.class))
    }

    /// Orders that waited too long are not asked any more.
    fn expire(&mut self, now: Instant) {
        while let Some(old) = self.orders.front().filter(|o| now.since(o.told) > OLDEST_ORDER) {
            self.late.push(Report::Done(old.id, Err(OrderFault::Overtaken)));
            self.orders.pop_front();
        }
    }

    fn answered(&mut self, outstanding: Outstanding, registers: &[u16]) -> Vec<Report> {
        let (asked, read) = match outstanding {
            Outstanding::Probe => return Vec::new(),
            Outstanding::Order(asked) => (asked, self.register.read(asked.index)),
            Outstanding::Live(asked) => (asked, self.live.read(asked.index)),
            Outstanding::Slow(asked) => (asked, self.slow.read(asked.index)),
        };
        let Some(table) = read.map(|r| r.table) else { return Vec::new() };
        let mut reading = reading(&self.config, table, asked.window.start, registers);
        match outstanding {
            Outstanding::Order(_) => {
                let Some(order) = self.orders.pop_front() else { return Vec::new() };
                reading.order = Some(order.id);
                // a register that holds no number is an answer without use
                let outcome = reading.register.map(|_| ()).ok_or(OrderFault::Refused(0));
                vec![Report::Meter(reading), Report::Done(order.id, outcome)]
            }
            Outstanding::Probe | Outstanding::Live(_) | Outstanding::Slow(_) => vec![Report::Meter(reading)],
        }
    }

    fn refused(&mut self, now: Instant, outstanding: Outstanding, why: Exception) -> Heard {
        let busy = why == Exception::ACKNOWLEDGE || why == Exception::BUSY;
        let profile = Arc::clone(&self.config.profile);
        match outstanding {
            Outstanding::Probe => {}
            Outstanding::Live(_) | Outstanding::Slow(_) if busy => return Heard::Busy,
            Outstanding::Live(asked) => {
                self.live.refused(now, &profile, asked, why);
            }
            Outstanding::Slow(asked) => {
                self.slow.refused(now, &profile, asked, why);
            }
            Outstanding::Order(asked) => {
                let Some(order) = self.orders.front_mut() else { return Heard::Answer(Vec::new()) };
                if busy && order.busy < BUSY_TRIES {
                    order.busy += 1;
                    order.due = now + BUSY_WAIT;
                    return Heard::Busy;
                }
                if busy || !self.register.refused(now, &profile, asked, why) {
                    let id = order.id;
                    self.orders.pop_front();
                    return Heard::Answer(vec![Report::Done(id, Err(OrderFault::Refused(why.0.into())))]);
                }
            }
        }
        Heard::Answer(Vec::new())
    }
}

/// The values of a response.
fn reading(config: &Config, table: Table, start: u16, registers: &[u16]) -> MeterReading {
    let mut reading = MeterReading::default();
    let ratio = i64::from(config.ratio.max(1));
    for found in config.profile.values(table, start, registers) {
        let primary = || found.number().and_then(|n| n.checked_mul(ratio));
        match found.point.name.as_str() {
            "energy.forward" => {
                let step = found.step().and_then(|s| s.checked_mul(ratio));
                // a register without a known step is no register
                if let (Some(register), Some(step)) = (primary(), step) {
                    (reading.register, reading.resolution) = (Some(Energy(register)), Energy(step));
                }
            }
            "voltage" => reading.voltage = found.number().map(Voltage),
            "current" => reading.current = primary().map(Current),
            "power" => reading.power = primary().map(Power),
            "number" => reading.number = found.shown(),
            _ => {}
        }
    }
    if let Some(check) = config.profile.check {
        let product = reading.voltage.zip(reading.current).and_then(|(u, i)| power(u, i));
        reading.power =
            reading.power.filter(|told| product.is_none_or(|product| agrees(check, *told, product)));
    }
    if config.profile.power_from_voltage_and_current {
        reading.power = reading.voltage.zip(reading.current).and_then(|(u, i)| power(u, i));
    }
    reading
}

fn agrees(check: Check, told: Power, product: Power) -> bool {
    let (told, product) = (i128::from(told.0).abs(), i128::from(product.0).abs());
    told.max(product) < i128::from(check.least.0)
        || (told - product).abs() * 1_000 <= told.max(product) * i128::from(check.permille)
}

/// mV x mA is a millionth of a watt.
fn power(voltage: Voltage, current: Current) -> Option<Power> {
    voltage.0.checked_mul(current.0).map(|microwatt| Power(microwatt / 1_000_000))
}

impl Driver for Meter {
    fn wants(&self) -> Option<Want> {
        self.next()
    }

    fn ask(&mut self, now: Now) -> Option<Question> {
        self.expire(now.mono);
        let class = self.next()?.class;
        let (outstanding, octets, first, tries) = match class {
            Class::Billing => {
                let (asked, octets) = self.register.ask(now.mono, &mut self.exchange)?;
                (Outstanding::Order(asked), octets, kind::BILLING, 3)
            }
            Class::Live => {
                let (asked, octets) = self.live.ask(now.mono, &mut self.exchange)?;
                (Outstanding::Live(asked), octets, kind::LIVE + asked.index as u16, 2)
            }
            Class::Slow | Class::Command => {
                let (asked, octets) = self.slow.ask(now.mono, &mut self.exchange)?;
                (Outstanding::Slow(asked), octets, kind::SLOW + asked.index as u16, 1)
            }
        };
        self.asked = Some(outstanding);
        Some(Question { octets, class, kind: first, expects_reply: true, tries })
    }

    fn probe(&mut self, now: Now) -> Question {
        self.expire(now.mono);
        self.asked = Some(Outstanding::Probe);
        probe(&mut self.exchange, self.register.read(0))
    }

    fn cut(&self, received: &[u8]) -> Cut {
        self.exchange.cut(received)
    }

    fn hear(&mut self, now: Now, frame: &[u8]) -> Heard {
        let judged = self.exchange.judge(frame);
        if let Judged::Foreign(foreign) = judged {
            return Heard::Foreign(foreign);
        }
        let Some(outstanding) = self.asked.take() else { return Heard::Answer(Vec::new()) };
        let heard = match judged {
            Judged::Registers(registers) => Heard::Answer(self.answered(outstanding, &registers)),
            Judged::Refused(why) => self.refused(now.mono, outstanding, why),
            Judged::Written | Judged::Foreign(_) => Heard::Answer(Vec::new()),
        };
        with_late(heard, &mut self.late)
    }

    fn unanswered(&mut self, now: Now) -> Vec<Report> {
        self.exchange.close();
        let lost = match self.asked.take() {
            // a probe is asked of a silent meter: nobody else will be answered either
            Some(Outstanding::Probe) => self.orders.len(),
            Some(Outstanding::Order(_)) => 1,
            Some(Outstanding::Live(_) | Outstanding::Slow(_)) | None => 0,
        };
        let lost = self.orders.drain(..lost.min(self.orders.len()));
        let mut reports: Vec<_> = lost.map(|o| Report::Done(o.id, Err(OrderFault::Silent))).collect();
        self.expire(now.mono);
        reports.append(&mut self.late);
        reports
    }

    fn tell(&mut self, now: Now, request: Request) -> Vec<Report> {
        let fault = match request.what {
            Order::ReadRegister if self.orders.len() < MOST_ORDERS => {
                let (told, due) = (now.mono, now.mono);
                self.orders.push_back(Ordered { id: request.order, told, due, busy: 0 });
                return Vec::new();
            }
            Order::ReadRegister => OrderFault::Overtaken,
            Order::Start(_)
            | Order::Identify(_)
            | Order::Admit(_)
            | Order::Stop
            | Order::Limit(_)
            | Order::Service(_)
            | Order::Lock(_)
            | Order::Delivered { .. }
            | Order::SetClock
            | Order::Feedback(_) => OrderFault::Unsupported,
        };
        vec![Report::Done(request.order, Err(fault))]
    }

    fn timing(&self) -> Timing {
        self.config.profile.timing
    }

    fn load(&self) -> Vec<PlannedQuestion> {
        self.live.load().chain(self.slow.load()).collect()
    }
}

/// One register of a read: the shortest question, of a length that nothing else has where reads have two or more.
pub(super) fn probe(exchange: &mut Exchange, read: Option<&Read>) -> Question {
    let (table, start) = match read {
        Some(read) => (read.table, read.windows.first().map_or(0, |w| w.start)),
        None => (Table::Holding, 0),
    };
    let octets = exchange.read(table, super::plan::Window { start, count: 1 });
    Question { octets, class: Class::Live, kind: kind::PROBE, expects_reply: true, tries: 1 }
}

/// Adds outcomes that were found when nothing could be reported. While a device is busy they wait on.
pub(super) fn with_late(heard: Heard, late: &mut Vec<Report>) -> Heard {
    match heard {
        Heard::Answer(mut reports) => {
            reports.append(late);
            Heard::Answer(reports)
        }
        Heard::Busy | Heard::Foreign(_) => heard,
    }
}
