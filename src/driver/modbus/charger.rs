//! One connector of a charger: its state by a period, orders as writes.
//!
//! Orders are carried out in turn, each as the sequence of writes that the profile gives. A stop goes before everything
//! that waits and breaks off a start that has not finished: those orders are reported as overtaken.

use super::cycle::{Asked, Cycle};
use super::exchange::{Exchange, Judged};
use super::meter::{probe, with_late};
use super::plan::plan;
use super::profile::{Content, Found, Group, Kind, Ordered, Profile, Write, state};
use super::value::{Decimal, Form};
use super::{BUSY_TRIES, BUSY_WAIT, MOST_ORDERS, OLDEST_ORDER, Unfit, kind};
use crate::driver::{Class, Driver, Heard, PlannedQuestion, Question, Timing, Want};
use crate::model::quantity::{Current, Energy, Power, Voltage};
use crate::model::report::{ChargerState, ChargerStatus, OrderFault, OrderId, Report};
use crate::model::request::{Order, Request};
use crate::model::time::{Instant, Now};
use crate::wire::Cut;
use crate::wire::modbus::{self, Exception};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

/// Period of the state poll when nothing else is configured.
pub const POLL: Duration = Duration::from_millis(500);

/// What a connector is made of.
#[derive(Clone, Debug)]
pub struct Config {
    /// Modbus address of connector 1.
    pub address: u8,
    /// 1..; connector n answers at `address + n - 1`.
    pub connector: u8,
    /// What it looks like.
    pub profile: Arc<Profile>,
    /// Period of the state poll, [`POLL`] by default.
    pub poll: Duration,
}

/// One connector of a charger.
#[derive(Debug)]
pub struct Charger {
    profile: Arc<Profile>,
    exchange: Exchange,
    live: Cycle,
    watchdog: Option<Watchdog>,
    status: Gathered,
    orders: VecDeque<Pending>,
    asked: Option<Outstanding>,
    /// Outcomes found when no report could be made; at most as many as there can be orders.
    late: Vec<Report>,
}

/// An order and the writes that are left of it.
#[derive(Clone, Debug)]
struct Pending {
    id: OrderId,
    what: Ordered,
    writes: VecDeque<modbus::Request>,
    /// A stop came: the write that is out is the last one.
    broken: bool,
    told: Instant,
    due: Instant,
    busy: u8,
}

#[derive(Clone, Copy, Debug)]
enum Outstanding {
    Probe,
    Order,
    Watchdog,
    Live(Asked),
}

/// What is written again and again.
#[derive(Clone, Debug)]
struct Watchdog {
    writes: Vec<modbus::Request>,
    at: usize,
    every: Duration,
    due: Instant,
}

impl Watchdog {
    fn of(profile: &Profile) -> Option<Watchdog> {
        let of = || profile.writes.iter().filter(|w| w.order == Ordered::Watchdog);
        let every = of().map(|w| w.every).min()?;
        let writes = of().filter_map(|w| request(w, None)).collect();
        Some(Watchdog { writes, at: 0, every, due: Instant::default() })
    }

    /// The next of its writes; a round that was missed is not made up for.
    fn next(&mut self, now: Instant) -> Option<modbus::Request> {
        let write = self.writes.get(self.at)?.clone();
        self.at = (self.at + 1) % self.writes.len();
        if self.at == 0 {
            self.due = now + self.every;
        }
        Some(write)
    }
}

/// The status as the reads of one round fill it.
#[derive(Clone, Debug, Default)]
struct Gathered {
    status: ChargerStatus,
    has_state: bool,
    faulted: bool,
}

impl Charger {
    /// A connector of this configuration.
    pub fn new(config: Config) -> Result<Charger, Unfit> {
        let address = u16::from(config.address) + u16::from(config.connector.saturating_sub(1));
        let Some(slave) = u8::try_from(address).ok().filter(|a| (1..=247).contains(a)) else {
            return Err(Unfit::Address(address));
        };
        if config.profile.kind != Kind::Charger {
            return Err(Unfit::Kind);
        }
        Ok(Charger {
            exchange: Exchange::new(slave),
            live: Cycle::new(plan(&config.profile, &[Group::Live]), config.poll),
            watchdog: Watchdog::of(&config.profile),
            status: Gathered::default(),
            orders: VecDeque::new(),
            asked: None,
            late: Vec::new(),
            profile: config.profile,
        })
    }

    /// What is wanted next. An order comes first, unless the charger was busy and its time has not come.
    fn next(&self) -> Option<Want> {
        let order = self.orders.front().map(|o| Want { class: Class::Command, due: o.due });
        if self.orders.front().is_some_and(|o| o.busy == 0) {
            return order;
        }
        let live = self.live.due().map(|due| Want { class: Class::Live, due });
        let watchdog = self.watchdog.as_ref().map(|w| Want { class: Class::Live, due: w.due });
        [order, live, watchdog].into_iter().flatten().min_by_key(|w| (w.due, w.class))
    }

    /// Orders that waited too long are not sent any more; a stop always is.
    fn expire(&mut self, now: Instant) {
        let late = &mut self.late;
        self.orders.retain(|order| {
            let old = order.what != Ordered::Stop && now.since(order.told) > OLDEST_ORDER;
            if old {
                late.push(Report::Done(order.id, Err(OrderFault::Overtaken)));
            }
            !old
        });
    }

    /// The writes of an order; `None` when the profile does not offer it. A cap that cannot be kept is not offered.
    fn writes(&self, what: Ordered, power: Option<Power>) -> Option<VecDeque<modbus::Request>> {
        let of = |order: Ordered| self.profile.writes.iter().filter(move |w| w.order == order);
        let mut writes = VecDeque::new();
        if power.is_some() {
            of(Ordered::Limit).next()?;
            writes.extend(of(Ordered::Limit).filter_map(|w| request(w, power)));
        }
        if what != Ordered::Limit {
            of(what).next()?;
            writes.extend(of(what).filter_map(|w| request(w, power)));
        }
        Some(writes)
    }

    fn enter(
        &mut self,
        now: Now,
        id: OrderId,
        what: Ordered,
        power: Option<Power>,
    ) -> Result<(), OrderFault> {
        let writes = self.writes(what, power).ok_or(OrderFault::Unsupported)?;
        if self.orders.len() >= MOST_ORDERS {
            return Err(OrderFault::Overtaken);
        }
        let (told, due) = (now.mono, now.mono);
        self.orders.push_back(Pending { id, what, writes, broken: false, told, due, busy: 0 });
        Ok(())
    }

    /// Takes away the orders that a new one makes pointless. The one whose write is out is broken off behind it.
    fn overtake(&mut self, pointless: impl Fn(Ordered) -> bool) -> Vec<Report> {
        let out = matches!(self.asked, Some(Outstanding::Order));
        let mut overtaken = Vec::new();
        let mut first = true;
        self.orders.retain_mut(|order| {
            let is_out = std::mem::take(&mut first) && out;
            if !pointless(order.what) {
                return true;
            }
            if is_out {
                order.broken = true;
                return true;
            }
            overtaken.push(Report::Done(order.id, Err(OrderFault::Overtaken)));
            false
        });
        overtaken
    }

    fn written(&mut self, now: Instant) -> Vec<Report> {
        // people want to see the effect
        self.live.hurry(now);
        let Some(order) = self.orders.front_mut() else { return Vec::new() };
        order.writes.pop_front();
        order.busy = 0;
        if order.writes.is_empty() {
            return self.finished(Ok(()));
        }
        if order.broken {
            return self.finished(Err(OrderFault::Overtaken));
        }
        Vec::new()
    }

    fn finished(&mut self, outcome: Result<(), OrderFault>) -> Vec<Report> {
        self.orders.pop_front().map(|o| Report::Done(o.id, outcome)).into_iter().collect()
    }

    fn refused(&mut self, now: Instant, outstanding: Outstanding, why: Exception) -> Heard {
        let busy = why == Exception::ACKNOWLEDGE || why == Exception::BUSY;
        match outstanding {
            Outstanding::Probe => Heard::Answer(Vec::new()),
            Outstanding::Watchdog if busy => Heard::Busy,
            Outstanding::Watchdog => Heard::Answer(Vec::new()),
            Outstanding::Live(asked) => {
                let profile = Arc::clone(&self.profile);
                let again = !busy && self.live.refused(now, &profile, asked, why);
                let reports = if again { Vec::new() } else { self.round_over(asked) };
                if busy && reports.is_empty() { Heard::Busy } else { Heard::Answer(reports) }
            }
            Outstanding::Order => match self.orders.front_mut() {
                Some(order) if order.broken => Heard::Answer(self.finished(Err(OrderFault::Overtaken))),
                Some(order) if busy && order.busy < BUSY_TRIES => {
                    order.busy += 1;
                    order.due = now + BUSY_WAIT;
                    Heard::Busy
                }
                Some(_) => Heard::Answer(self.finished(Err(OrderFault::Refused(why.0.into())))),
                None => Heard::Answer(Vec::new()),
            },
        }
    }

    fn read(&mut self, asked: Asked, registers: &[u16]) -> Vec<Report> {
        if let Some(table) = self.live.read(asked.index).map(|r| r.table) {
            for found in self.profile.values(table, asked.window.start, registers) {
                self.status.take(&found);
            }
        }
        self.round_over(asked)
    }

    /// The status, when this read was the last of its round and the round gave a state.
    fn round_over(&mut self, asked: Asked) -> Vec<Report> {
        if !self.live.ended(asked) {
            return Vec::new();
        }
        let gathered = std::mem::take(&mut self.status);
        let mut status = gathered.status;
        if gathered.faulted {
            status.state = ChargerState::Faulted;
        }
        gathered.has_state.then_some(Report::Charger(status)).into_iter().collect()
    }
}

impl Gathered {
    fn take(&mut self, found: &Found<'_>) {
        let status = &mut self.status;
        match found.point.name.as_str() {
            "state" => {
                if let Some(raw) = found.word() {
                    status.raw = raw;
                    status.state = found.name().and_then(state).unwrap_or(ChargerState::Unknown);
                    self.has_state = true;
                }
            }
            "fault" => self.faulted = found.number().is_some_and(|number| number != 0),
            "plugged" => {
                status.plugged = match found.name() {
                    Some("yes") => Some(true),
                    Some("no") => Some(false),
                    Some(_) | None => None,
                }
            }
            "soc" => {
                let soc = found.number().and_then(|n| u8::try_from(n).ok());
                status.soc = soc.filter(|percent| *percent <= 100);
            }
            "voltage" => status.voltage = found.number().map(Voltage),
            "current" => status.current = found.number().map(Current),
            "power" => status.power = found.number().map(Power),
            "session-energy" => status.session_energy = found.number().map(Energy),
            _ => {}
        }
    }
}

/// The request of one write. `None` only for a number that the profile's check lets not through.
fn request(write: &Write, power: Option<Power>) -> Option<modbus::Request> {
    let number = match write.content {
        Content::Fixed(number) => number,
        Content::Power(scale, tens, watts) => written_power(power?, scale, tens, watts, write.form),
    };
    let registers = write.form.write(write.octets, number)?;
    Some(match (write.multiple, registers.as_slice()) {
        (false, [value]) => modbus::Request::WriteRegister { address: write.address, value: *value },
        _ => modbus::Request::WriteRegisters { start: write.address, registers },
    })
}

/// A power in the steps of its register: rounded down, so that a cap is kept, and never above what the register holds.
fn written_power(power: Power, scale: Decimal, tens: i32, watts_of_unit: i64, form: Form) -> i64 {
    let exponent = scale.exponent.saturating_add(tens);
    let ten = |by: i32| 10_i128.checked_pow(by.unsigned_abs()).unwrap_or(i128::MAX);
    let watts = i128::from(power.0.max(0));
    let scaled = if exponent < 0 { watts.saturating_mul(ten(exponent)) } else { watts / ten(exponent) };
    let steps = scaled / (i128::from(scale.mantissa.max(1)) * i128::from(watts_of_unit.max(1)));
    i64::try_from(steps).unwrap_or(i64::MAX).min(form.largest())
}

impl Driver for Charger {
    fn wants(&self) -> Option<Want> {
        self.next()
    }

    fn ask(&mut self, now: Now) -> Option<Question> {
        self.expire(now.mono);
        let want = self.next()?;
        if want.class == Class::Command {
            let write = self.orders.front()?.writes.front()?.clone();
            let octets = self.exchange.ask(write);
            self.asked = Some(Outstanding::Order);
            return Some(Question {
                octets,
                class: want.class,
                kind: kind::WRITE,
                expects_reply: true,
                tries: 3,
            });
        }
        let live_due = self.live.due();
        let barks = |w: &&mut Watchdog| w.due <= now.mono && live_due.is_none_or(|due| w.due <= due);
        if let Some(write) = self.watchdog.as_mut().filter(barks).and_then(|w| w.next(now.mono)) {
            let octets = self.exchange.ask(write);
            self.asked = Some(Outstanding::Watchdog);
            return Some(Question {
                octets,
                class: want.class,
                kind: kind::WRITE,
                expects_reply: true,
                tries: 2,
            });
        }
        if self.live.begins() {
            self.status = Gathered::default();
        }
        let (asked, octets) = self.live.ask(now.mono, &mut self.exchange)?;
        self.asked = Some(Outstanding::Live(asked));
        let kind = kind::LIVE + asked.index as u16;
        Some(Question { octets, class: want.class, kind, expects_reply: true, tries: 2 })
    }

    fn probe(&mut self, now: Now) -> Question {
        self.expire(now.mono);
        self.asked = Some(Outstanding::Probe);
        probe(&mut self.exchange, self.live.read(0))
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
        let heard = match (judged, outstanding) {
            (Judged::Refused(why), _) => self.refused(now.mono, outstanding, why),
            (Judged::Written, Outstanding::Order) => Heard::Answer(self.written(now.mono)),
            (Judged::Registers(registers), Outstanding::Live(asked)) => {
                Heard::Answer(self.read(asked, &registers))
            }
            (Judged::Written | Judged::Registers(_) | Judged::Foreign(_), _) => Heard::Answer(Vec::new()),
        };
        with_late(heard, &mut self.late)
    }

    fn unanswered(&mut self, now: Now) -> Vec<Report> {
        self.exchange.close();
        let mut reports = match self.asked.take() {
            Some(Outstanding::Order) => self.finished(Err(OrderFault::Silent)),
            // a probe is asked of a silent charger: nothing that waits will reach it
            Some(Outstanding::Probe) => {
                self.orders.drain(..).map(|o| Report::Done(o.id, Err(OrderFault::Silent))).collect()
            }
            Some(Outstanding::Live(asked)) => self.round_over(asked),
            Some(Outstanding::Watchdog) | None => Vec::new(),
        };
        self.expire(now.mono);
        reports.append(&mut self.late);
        reports
    }

    fn tell(&mut self, now: Now, request: Request) -> Vec<Report> {
        let (what, power) = match request.what {
            Order::Start(start) => (Ordered::Start, start.max_power),
            Order::Stop => (Ordered::Stop, None),
            Order::Limit(power) => (Ordered::Limit, Some(power)),
            Order::Delivered { .. } => return Vec::new(),
            Order::Identify(_)
            | Order::Admit(_)
            | Order::Service(_)
            | Order::Lock(_)
            | Order::ReadRegister
            | Order::SetClock
            | Order::Feedback(_) => {
                return vec![Report::Done(request.order, Err(OrderFault::Unsupported))];
            }
        };
        let mut reports = self.overtake(|waiting| match what {
            Ordered::Stop => waiting != Ordered::Stop,
            Ordered::Limit => waiting == Ordered::Limit,
            Ordered::Start | Ordered::Watchdog => false,
        });
        if let Err(fault) = self.enter(now, request.order, what, power) {
            reports.push(Report::Done(request.order, Err(fault)));
        }
        reports
    }

    fn timing(&self) -> Timing {
        self.profile.timing
    }

    fn answers_name_commands(&self) -> bool {
        true // orders are writes, and only they
    }

    fn load(&self) -> Vec<PlannedQuestion> {
        let barks = self.watchdog.iter().flat_map(|w| {
            let every = w.every;
            w.writes.iter().map(move |write| PlannedQuestion {
                period: every,
                asked: write.encode(0).len(),
                answered: 8,
                delay: Duration::from_millis(30),
            })
        });
        self.live.load().chain(barks).collect()
    }
}
