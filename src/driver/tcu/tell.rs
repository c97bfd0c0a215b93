//! What the station orders, as frames (can.md 3.3). Every order but [`Order::Delivered`] is answered exactly once.

use super::attempt::{Attempt, Going, Naming, Wish, done};
use super::frame::short;
use super::lanes::{Lane, Waiting};
use super::{Action, Config, Controller, cause};
use crate::model::quantity::Power;
use crate::model::report::{ChargerState, OrderFault, OrderId, Report};
use crate::model::request::{AuxVoltage, Order, Request, StartOrder};
use crate::model::time::Instant;
use crate::model::vehicle::{ChargerEnd, EndStage};
use crate::wire::can::Frame;
use crate::wire::tcu::Kind;
use crate::wire::tcu::layout::{lock, power_limit, service, start, stop};

/// The answer to an order that the controller would refuse with this code.
const WORKING: OrderFault = OrderFault::Refused(cause::ALREADY_WORKING as u16);

/// Load control off: power by kind of customer is not ours; a limit is 0F [2+].
const LOAD_CONTROL_OFF: u32 = 2;
/// Raw words of 01, start kind: ordinary, plug and charge; the same for two plugs in one vehicle [1].
const ORDINARY: u32 = 0x01;
const PLUG_AND_CHARGE: u32 = 0x02;
const DUAL: u32 = 0x05;
const DUAL_PLUG_AND_CHARGE: u32 = 0x06;
/// Absolute power counts from -1000.0 kW in steps of 0.1 kW.
const POWER_OFFSET: i64 = 10_000;
const ABSOLUTE: u32 = 1;
const PERCENT: u32 = 2;

/// Why a limit goes before a start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BeforeStart {
    /// The start has a cap: without it there is no start.
    Cap,
    /// An older cap is to be lifted: a start under it is better than none.
    Lift,
}

impl Controller {
    /// An order of the station.
    pub(super) fn tell(&mut self, now: Instant, request: Request, out: &mut Vec<Action>) {
        let id = request.order;
        if self.bus.is_none() {
            if !matches!(request.what, Order::Delivered { .. }) {
                done(vec![id], Err(OrderFault::Silent), out);
            }
            return;
        }
        match request.what {
            Order::Start(order) => self.start(now, id, order, out),
            Order::Identify(aux) => self.identify(now, id, aux, out),
            Order::Admit(admission) => {
                let outcome =
                    if self.admit(now, admission, out) { Ok(()) } else { Err(OrderFault::Overtaken) };
                done(vec![id], outcome, out);
            }
            Order::Stop => self.stop(now, Some(id), out),
            Order::Limit(power) => self.put(now, Lane::Limit, limit_frame(&self.config, power), id, out),
            Order::Service(on) => self.put(now, Lane::Service, service_frame(&self.config, on), id, out),
            Order::Lock(closed) => self.put(now, Lane::Lock, lock_frame(&self.config, closed), id, out),
            Order::Delivered { energy, elapsed } => self.display.show(energy, elapsed),
            Order::ReadRegister | Order::SetClock | Order::Feedback(_) => {
                done(vec![id], Err(OrderFault::Unsupported), out);
            }
        }
    }

    fn put(&mut self, now: Instant, lane: Lane, frame: Frame, id: OrderId, out: &mut Vec<Action>) {
        let overtaken = self.lanes.put(now, lane, frame, Some(id));
        done(overtaken, Err(OrderFault::Overtaken), out);
    }

    fn start(&mut self, now: Instant, id: OrderId, order: StartOrder, out: &mut Vec<Action>) {
        match &mut self.attempt {
            Attempt::Preparing(preparing) if preparing.wish == Wish::Identify => match &mut preparing.going {
                Some(going) => {
                    going.ids.push(id);
                    let many = going.ids.len().saturating_sub(MOST_GOING);
                    done(going.ids.drain(..many).collect(), Err(OrderFault::Overtaken), out);
                }
                None => {
                    // Somebody in particular is awaited and nobody was told who is there: the station judges first.
                    let known = preparing.naming.as_ref().is_some_and(Naming::is_told);
                    preparing.going = Some(Going::new(id, known || !order.verify_vin));
                    self.cap(now, order.max_power, out);
                    self.go_on(now, out);
                }
            },
            // The station repeats a start whose effect it has not seen yet.
            Attempt::Preparing(_) => done(vec![id], Ok(()), out),
            Attempt::Charging(charging) => {
                done(vec![id], if charging.own { Ok(()) } else { Err(WORKING) }, out);
            }
            Attempt::None | Attempt::Leaving(_) => self.ask_start(now, id, order, out),
        }
    }

    fn ask_start(&mut self, now: Instant, id: OrderId, order: StartOrder, out: &mut Vec<Action>) {
        let wish = if order.verify_vin { Wish::Verify } else { Wish::Charge };
        let frame = start_frame(&self.config, wish, order.aux_voltage, order.dual);
        let other = self.lanes.get(Lane::Start).is_some_and(|w| w.frame != frame || self.wish != wish);
        if other && self.lanes.is_out(Lane::Start) {
            // What is out cannot be taken back: the station gives the order again.
            return done(vec![id], Err(OrderFault::Overtaken), out);
        }
        if other {
            let ids = self.lanes.take(Lane::Start).map(|w| w.ids).unwrap_or_default();
            done(ids, Err(OrderFault::Overtaken), out);
        }
        if self.lanes.is_free(Lane::Start) {
            self.rest.end = None;
            self.cap(now, order.max_power, out);
        }
        self.wish = wish;
        self.put(now, Lane::Start, frame, id, out);
    }

    fn identify(&mut self, now: Instant, id: OrderId, aux: AuxVoltage, out: &mut Vec<Action>) {
        match &self.attempt {
            Attempt::Preparing(preparing) if preparing.wish == Wish::Identify => {
                return done(vec![id], Ok(()), out);
            }
            Attempt::Preparing(_) | Attempt::Charging(_) => return done(vec![id], Err(WORKING), out),
            Attempt::None | Attempt::Leaving(_) => {}
        }
        if !self.lanes.is_free(Lane::Start) && self.wish != Wish::Identify {
            return done(vec![id], Err(OrderFault::Overtaken), out);
        }
        self.wish = Wish::Identify;
        self.rest.end = None;
        let frame = start_frame(&self.config, Wish::Identify, aux, false);
        self.put(now, Lane::Start, frame, id, out);
    }

    /// The limit that goes before a start: its cap, or no cap where there was one.
    fn cap(&mut self, now: Instant, power: Option<Power>, out: &mut Vec<Action>) {
        let (frame, why) = match power {
            Some(power) => (limit_frame(&self.config, power), BeforeStart::Cap),
            None if self.limited => (lift_frame(&self.config), BeforeStart::Lift),
            None => {
                self.after_limit = None;
                return;
            }
        };
        self.after_limit = Some(why);
        let overtaken = self.lanes.put(now, Lane::Limit, frame, None);
        done(overtaken, Err(OrderFault::Overtaken), out);
    }

    /// 10, or none: a start that waits for its cap goes on or does not.
    pub(super) fn limit_over(
        &mut self,
        now: Instant,
        waiting: Waiting,
        outcome: Result<(), OrderFault>,
        out: &mut Vec<Action>,
    ) {
        if outcome.is_ok() {
            self.limited = waiting.frame != lift_frame(&self.config);
        }
        done(waiting.ids, outcome, out);
        let Some(why) = self.after_limit.take() else { return };
        match (outcome, why) {
            (Ok(()), _) | (Err(_), BeforeStart::Lift) => self.go_on(now, out),
            (Err(fault), BeforeStart::Cap) => {
                self.give_up(fault, out);
                let ids = self.lanes.take(Lane::Start).map(|w| w.ids).unwrap_or_default();
                done(ids, Err(fault), out);
            }
        }
    }

    /// 02 said no.
    pub(super) fn start_refused(&mut self, now: Instant, code: u8, out: &mut Vec<Action>) {
        let ids = self.lanes.take(Lane::Start).map(|w| w.ids).unwrap_or_default();
        self.last.start_refused = Some(code);
        let end = ChargerEnd { stage: EndStage::StartRefused, code, reason: cause::refused(code) };
        self.conclude(now, ChargerState::StartFailed, Some(end));
        self.report_status(now, out);
        done(ids, Err(OrderFault::Refused(code.into())), out);
    }

    /// Nobody answered an order, or its turn did not come.
    pub(super) fn order_late(&mut self, now: Instant, lane: Lane, waiting: Waiting, out: &mut Vec<Action>) {
        let asked = waiting.sent > 0;
        let alive = self.bus.as_ref().is_some_and(|bus| bus.alive);
        let fault = if alive && !asked { OrderFault::Overtaken } else { OrderFault::Silent };
        match lane {
            Lane::Limit => self.limit_over(now, waiting, Err(fault), out),
            Lane::Start => {
                self.after_limit = None;
                done(waiting.ids, Err(fault), out);
                if asked {
                    // It may have taken the start all the same (can.md 3.4).
                    self.halt(now, out);
                }
            }
            Lane::Stop | Lane::Service | Lane::Lock => done(waiting.ids, Err(fault), out),
        }
    }

    /// Which orders may go out now.
    pub(super) fn is_open(&self, now: Instant, lane: Lane) -> bool {
        let Some(bus) = self.bus.as_ref() else { return false };
        let ready = bus.alive && bus.steps.are_done();
        match lane {
            // Always legal, and never in anybody's way.
            Lane::Stop => true,
            Lane::Limit | Lane::Service | Lane::Lock => ready,
            Lane::Start => {
                let rests = self.seen.work(now).is_some_and(|work| !work.is_on());
                let sent = self.lanes.is_out(Lane::Start);
                let turn = self.attempt.is_none() && self.lanes.is_free(Lane::Stop);
                ready && turn && self.after_limit.is_none() && (rests || sent)
            }
        }
    }

    /// Tells people and the station the same thing.
    pub(super) fn report(report: Report, out: &mut Vec<Action>) {
        out.push(Action::Report(report));
    }
}

/// Starts that wait together for one vehicle to be admitted.
const MOST_GOING: usize = 8;

/// 03: stopped by the billing control unit, in order.
pub(super) fn stop_frame(config: &Config) -> Frame {
    short(config, Kind::Stop, &[(stop::REASON, 1), (stop::FAULT_CODE, 0)])
}

fn start_frame(config: &Config, wish: Wish, aux: AuxVoltage, dual: bool) -> Frame {
    let kind = match (wish, dual) {
        (Wish::Charge, false) => ORDINARY,
        (Wish::Charge, true) => DUAL,
        (Wish::Identify | Wish::Verify, false) => PLUG_AND_CHARGE,
        (Wish::Identify | Wish::Verify, true) => DUAL_PLUG_AND_CHARGE,
    };
    let volts = match aux {
        AuxVoltage::V12 => 12,
        AuxVoltage::V24 => 24,
    };
    let fields = [
        (start::LOAD_CONTROL, LOAD_CONTROL_OFF),
        (start::START_KIND, kind),
        (start::AUX_VOLTAGE, volts),
        (start::PARALLEL, if dual { 2 } else { 1 }),
    ];
    short(config, Kind::Start, &fields)
}

/// Never more than was meant: rounded down to 0.1 kW.
fn limit_frame(config: &Config, power: Power) -> Frame {
    let tenths = power.0.max(0) / 100;
    let raw = tenths.saturating_add(POWER_OFFSET).min(u16::MAX.into()) as u32;
    short(config, Kind::PowerLimit, &[(power_limit::TYPE, ABSOLUTE), (power_limit::RAW, raw)])
}

fn lift_frame(config: &Config) -> Frame {
    short(config, Kind::PowerLimit, &[(power_limit::TYPE, PERCENT), (power_limit::RAW, 100)])
}

fn service_frame(config: &Config, on: bool) -> Frame {
    short(config, Kind::Service, &[(service::SERVICE, if on { 2 } else { 1 })])
}

/// The lock of this interface is its number 1 [1].
fn lock_frame(config: &Config, closed: bool) -> Frame {
    short(config, Kind::Lock, &[(lock::LOCK, 1), (lock::ACTION, if closed { 1 } else { 2 })])
}
