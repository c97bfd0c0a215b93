//! From the controller's yes to a start until the charge is over: the vehicle's name, its admission, output, the end.
//!
//! ```text
//! None ──02──▶ Preparing ──11──▶ Charging ──13──▶ None
//!    ▲             │                 │
//!    └──11, 13─── Leaving ◀──stop────┘
//! ```
//!
//! Invariants: a vehicle that waits for an answer gets one within 28 s; no output is left running that the station did
//! not admit; an attempt never lasts without end.

use super::cause;
use super::frame::short;
use super::lanes::Lane;
use super::{Action, Controller, vehicle};
use crate::model::ident::Vin;
use crate::model::report::{ChargerState, OrderFault, OrderId, Report};
use crate::model::stop::StopReason;
use crate::model::time::Instant;
use crate::model::vehicle::{Admission, ChargerEnd, EndStage, VehicleReport};
use crate::wire::tcu::layout::{
    start_complete_ack, stop_complete, stop_complete_ack, vehicle_id, vin_result,
};
use crate::wire::tcu::reason::Version;
use crate::wire::tcu::{Kind, Message};
use std::time::Duration;

/// The controller waits 30 s for the answer to a vehicle's name (can.md 3.4); ours is there before.
const ADMISSION: Duration = Duration::from_secs(28);
/// 11 follows 02 or the admission within 60 to 120 s (can.md 3.4).
const OUTPUT: Duration = Duration::from_secs(120);
/// A name that is not repeated for so long (its period is 1 s) was answered.
const ANSWERED: Duration = Duration::from_millis(2_500);
/// A controller that goes on asking for so long did not take the answer.
const UNANSWERED: Duration = Duration::from_secs(5);
/// A refused vehicle's attempt ends by itself within this, else it is stopped.
const REFUSED: Duration = Duration::from_secs(5);
/// After a stop, 13 follows within this.
const LEAVING: Duration = Duration::from_secs(15);
/// A charge that the status words have denied for so long is over, even if 13 was lost.
const DENIED: Duration = Duration::from_secs(5);
/// A stopped attempt that the status words deny needs no 13.
const SETTLED: Duration = Duration::from_secs(2);

/// What was wanted of the controller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// Only the vehicle's name.
    Identify,
    /// A charge, after the vehicle was admitted.
    Verify,
    /// A charge of whatever is plugged in.
    Charge,
}

/// Where the connector is between two charges.
#[derive(Debug)]
pub(super) enum Attempt {
    /// Nothing runs.
    None,
    /// The controller said yes; output is not there.
    Preparing(Preparing),
    /// Output is there.
    Charging(Charging),
    /// It was stopped or refused; its end is awaited.
    Leaving(Leaving),
}

#[derive(Debug)]
pub(super) struct Preparing {
    pub(super) wish: Wish,
    pub(super) naming: Option<Naming>,
    /// What the vehicle is answered, or will be once it names itself.
    pub(super) answer: Option<Admission>,
    /// A start that goes on from an identification.
    pub(super) going: Option<Going>,
    /// It ran before we were there: what it is for is not known.
    found: bool,
    until: Instant,
}

/// A vehicle that names itself (17, 2D) and is repeated until it is answered.
#[derive(Debug)]
pub(super) struct Naming {
    kind: Kind,
    /// The 17 octets; what else it says may change from message to message.
    vin: Vec<u8>,
    first: Instant,
    last: Instant,
    told: bool,
}

/// A start that goes on from an identification.
#[derive(Debug)]
pub(super) struct Going {
    pub(super) ids: Vec<OrderId>,
    /// The vehicle may: the station knew its name when it ordered the start, or has judged it since.
    pub(super) admitted: bool,
    /// When the vehicle was first answered for it.
    answered: Option<Instant>,
}

#[derive(Debug)]
pub(super) struct Charging {
    /// Begun by an order of ours, not found running.
    pub(super) own: bool,
    /// Whose charge it is, where that is known.
    vin: Option<Vin>,
    naming: Option<Naming>,
    denied: Option<Instant>,
}

#[derive(Debug)]
pub(super) struct Leaving {
    /// Output was there.
    pub(super) began: bool,
    /// What the vehicle was refused for.
    refused: Option<Admission>,
    stopped: bool,
    denied: Option<Instant>,
    until: Instant,
}

/// How the newest charge ended or failed, until the next one begins.
#[derive(Debug, Default)]
pub(super) struct Rest {
    pub(super) state: Option<ChargerState>,
    pub(super) end: Option<ChargerEnd>,
    pub(super) since: Option<Instant>,
    /// The 13 that was taken: its repetitions are only acknowledged.
    stop: Vec<u8>,
}

impl Naming {
    fn new(now: Instant, message: &Message<'_>) -> Naming {
        Naming { kind: message.kind(), vin: vin_of(message), first: now, last: now, told: false }
    }

    /// The station was told this name.
    pub(super) fn is_told(&self) -> bool {
        self.told
    }
}

impl Going {
    pub(super) fn new(id: OrderId, admitted: bool) -> Going {
        Going { ids: vec![id], admitted, answered: None }
    }
}

impl Attempt {
    fn leaving(now: Instant, began: bool) -> Attempt {
        let until = now + LEAVING;
        Attempt::Leaving(Leaving { began, refused: None, stopped: true, denied: None, until })
    }

    pub(super) fn is_none(&self) -> bool {
        matches!(self, Attempt::None)
    }

    /// It ran before we were there and nobody ordered anything since.
    pub(super) fn is_found(&self) -> bool {
        match self {
            Attempt::Preparing(preparing) => {
                preparing.found && preparing.going.is_none() && preparing.answer.is_none()
            }
            Attempt::None | Attempt::Charging(_) | Attempt::Leaving(_) => false,
        }
    }

    /// The next of its deadlines; `stop_free`: no stop waits for its answer.
    pub(super) fn wake_at(&self, stop_free: bool) -> Option<Instant> {
        match self {
            Attempt::None => None,
            Attempt::Charging(charging) => charging.denied.map(|since| since + DENIED),
            Attempt::Leaving(leaving) => {
                let settles = leaving.stopped && stop_free;
                let settled = leaving.denied.filter(|_| settles).map(|since| since + SETTLED);
                Some(settled.map_or(leaving.until, |at| at.min(leaving.until)))
            }
            Attempt::Preparing(preparing) => {
                let naming = preparing.naming.as_ref();
                let open = naming.filter(|_| preparing.answer.is_none()).map(|n| n.first + ADMISSION);
                let going = preparing.going.as_ref().and_then(|g| g.answered);
                let taken = going.and(naming).map(|n| n.last + ANSWERED);
                let lost = going.map(|at| at + UNANSWERED);
                [Some(preparing.until), open, taken, lost].into_iter().flatten().min()
            }
        }
    }
}

impl Controller {
    /// The controller took a start or an identification.
    pub(super) fn begin(&mut self, now: Instant, wish: Wish) {
        self.rest = Rest::default();
        self.told.handshake = None;
        self.vehicle = None;
        self.attempt = Attempt::Preparing(Preparing {
            wish,
            naming: None,
            answer: (wish == Wish::Charge).then_some(Admission::Admitted),
            going: None,
            found: false,
            until: now + OUTPUT,
        });
    }

    /// Work without an order of ours, found at the start of the program or begun by the controller: a charge where there
    /// is output; else it makes ready, and a vehicle that names itself then is not admitted by anybody yet.
    pub(super) fn find(&mut self, now: Instant) {
        if self.seen.gives_output(now) {
            self.adopt();
        } else if self.attempt.is_none() {
            self.begin(now, Wish::Identify);
            if let Attempt::Preparing(preparing) = &mut self.attempt {
                preparing.found = true;
            }
        }
    }

    /// A charge that runs without an order of ours.
    fn adopt(&mut self) {
        self.rest = Rest::default();
        let vin = self.vehicle.as_ref().and_then(|v| v.vin);
        self.attempt = Attempt::Charging(Charging { own: false, vin, naming: None, denied: None });
    }

    /// 17 or 2D. A controller that asks without having been told to is taken for an identification.
    pub(super) fn hear_name(&mut self, now: Instant, message: &Message<'_>, out: &mut Vec<Action>) {
        if self.attempt.is_none() && self.may_ask(now) {
            self.begin(now, Wish::Identify);
        }
        let slot = match &mut self.attempt {
            Attempt::Preparing(preparing) => &mut preparing.naming,
            Attempt::Charging(charging) => &mut charging.naming,
            Attempt::Leaving(leaving) => {
                let admission = leaving.refused.unwrap_or(Admission::Refused);
                out.push(self.answer(message.kind(), admission));
                return;
            }
            // What runs there is not ours to refuse; the status words will tell.
            Attempt::None => return,
        };
        let again = note(slot, now, message);
        if again {
            self.tell_name(vehicle::named(message), out);
            if let Attempt::Charging(charging) = &mut self.attempt {
                charging.vin = charging.vin.or(vehicle::named(message).vin);
            }
        }
        self.answer_name(now, message, out);
    }

    /// Whether nothing speaks against a vehicle that names itself unasked.
    fn may_ask(&self, now: Instant) -> bool {
        self.lanes.is_free(Lane::Stop) && self.seen.work(now).is_some_and(|work| !work.is_on())
    }

    /// Every name that has its answer is answered, once a message.
    fn answer_name(&mut self, now: Instant, message: &Message<'_>, out: &mut Vec<Action>) {
        let admission = match &mut self.attempt {
            Attempt::Preparing(preparing) => {
                if preparing.answer.is_some()
                    && let Some(going) = &mut preparing.going
                {
                    going.answered.get_or_insert(now);
                }
                preparing.answer
            }
            // A new handshake of the same vehicle goes on; another one waits for the station, which stops it.
            Attempt::Charging(charging) => {
                (charging.vin == vehicle::named(message).vin).then_some(Admission::Admitted)
            }
            Attempt::None | Attempt::Leaving(_) => None,
        };
        out.extend(admission.map(|admission| self.answer(message.kind(), admission)));
    }

    /// 18 to a 17, 2E to a 2D.
    fn answer(&self, kind: Kind, admission: Admission) -> Action {
        let answer = if kind == Kind::VinData { Kind::VinResult } else { Kind::VehicleIdConfirm };
        let (success, reason) = match admission {
            Admission::Admitted => (0, 0),
            Admission::Illegal => (1, 1),
            Admission::Refused => (1, 2),
            Admission::TimedOut => (1, 3),
        };
        let fields = [(vin_result::SUCCESS, success), (vin_result::REASON, reason)];
        Action::Send(short(&self.config, answer, &fields))
    }

    /// A start goes on from an identification, if the vehicle may and nothing goes before it: it is admitted, now or once
    /// it has named itself.
    pub(super) fn go_on(&mut self, now: Instant, out: &mut Vec<Action>) {
        let admitted = match &self.attempt {
            Attempt::Preparing(preparing) => preparing.going.as_ref().is_some_and(|going| going.admitted),
            Attempt::None | Attempt::Charging(_) | Attempt::Leaving(_) => false,
        };
        if admitted && self.after_limit.is_none() {
            self.decide(now, Admission::Admitted, out);
        }
    }

    /// The station decided about the vehicle of an attempt that has no output.
    fn decide(&mut self, now: Instant, admission: Admission, out: &mut Vec<Action>) {
        let Attempt::Preparing(preparing) = &mut self.attempt else { return };
        let again = preparing.answer.replace(admission) == Some(admission);
        preparing.until = now + OUTPUT;
        let Some(naming) = &preparing.naming else { return };
        if let Some(going) = &mut preparing.going {
            going.answered.get_or_insert(now);
        }
        let kind = naming.kind;
        if !again {
            out.push(self.answer(kind, admission)); // every further name is answered when it comes
        }
    }

    /// [`crate::model::request::Order::Admit`]. False when there is nothing to admit.
    pub(super) fn admit(&mut self, now: Instant, admission: Admission, out: &mut Vec<Action>) -> bool {
        match (&self.attempt, admission) {
            (Attempt::None, _) => return false,
            (Attempt::Leaving(_), Admission::Admitted) => return false,
            (Attempt::Leaving(_), _) | (Attempt::Charging(_), Admission::Admitted) => {}
            (Attempt::Preparing(_), Admission::Admitted) => self.admitted(now, out),
            (Attempt::Preparing(_), _) => self.refuse(now, admission, out),
            (Attempt::Charging(_), _) => self.halt(now, out),
        }
        true
    }

    /// The vehicle may. A name alone does not let it charge: that takes a start.
    fn admitted(&mut self, now: Instant, out: &mut Vec<Action>) {
        let Attempt::Preparing(preparing) = &mut self.attempt else { return };
        match &mut preparing.going {
            Some(going) => {
                going.admitted = true;
                self.go_on(now, out);
            }
            None if preparing.wish != Wish::Identify => self.decide(now, Admission::Admitted, out),
            None => {}
        }
    }

    /// The vehicle may not: its name is answered and the controller ends the attempt, or is made to.
    fn refuse(&mut self, now: Instant, admission: Admission, out: &mut Vec<Action>) {
        self.decide(now, admission, out);
        let named = match &self.attempt {
            Attempt::Preparing(preparing) => preparing.naming.is_some(),
            Attempt::None | Attempt::Charging(_) | Attempt::Leaving(_) => false,
        };
        self.give_up(OrderFault::Overtaken, out);
        self.attempt = Attempt::Leaving(Leaving {
            began: false,
            refused: Some(admission),
            stopped: false,
            denied: None,
            until: now + REFUSED,
        });
        if !named {
            self.halt(now, out);
        }
    }

    /// A start that was to go on from an identification does not.
    pub(super) fn give_up(&mut self, fault: OrderFault, out: &mut Vec<Action>) {
        if let Attempt::Preparing(preparing) = &mut self.attempt
            && let Some(going) = preparing.going.take()
        {
            done(going.ids, Err(fault), out);
        }
    }

    /// Stop what runs, by our own decision.
    pub(super) fn halt(&mut self, now: Instant, out: &mut Vec<Action>) {
        self.stop(now, None, out);
    }

    /// 03, and everything that waits gives way. A vehicle that waits for its answer is refused.
    pub(super) fn stop(&mut self, now: Instant, id: Option<OrderId>, out: &mut Vec<Action>) {
        let overtaken = self.lanes.take(Lane::Start).map(|w| w.ids).unwrap_or_default();
        done(overtaken, Err(OrderFault::Overtaken), out);
        self.give_up(OrderFault::Overtaken, out);
        self.after_limit = None;
        match &mut self.attempt {
            Attempt::None => {}
            Attempt::Preparing(preparing) => {
                let open = preparing.naming.as_ref().filter(|_| preparing.answer.is_none()).map(|n| n.kind);
                out.extend(open.map(|kind| self.answer(kind, Admission::Refused)));
                self.attempt = Attempt::leaving(now, false);
            }
            Attempt::Charging(_) => self.attempt = Attempt::leaving(now, true),
            Attempt::Leaving(leaving) => {
                if !std::mem::replace(&mut leaving.stopped, true) {
                    leaving.until = now + LEAVING;
                }
            }
        }
        let joined = self.lanes.put(now, Lane::Stop, super::tell::stop_frame(&self.config), id);
        done(joined, Err(OrderFault::Overtaken), out);
    }

    /// 11, every repetition of it acknowledged.
    pub(super) fn hear_complete(&mut self, now: Instant, message: &Message<'_>, out: &mut Vec<Action>) {
        use crate::wire::tcu::layout::start_complete as f;
        let load = message.raw(&f::LOAD_CONTROL).unwrap_or_default();
        let fields = [(start_complete_ack::LOAD_CONTROL, load), (start_complete_ack::RESULT, 0)];
        out.push(Action::Send(short(&self.config, Kind::StartCompleteAck, &fields)));
        if message.raw(&f::RESULT) == Some(0) {
            self.output(now, message, out);
        } else {
            self.no_output(now, message.raw(&f::REASON).unwrap_or_default() as u8, out);
        }
    }

    fn output(&mut self, now: Instant, message: &Message<'_>, out: &mut Vec<Action>) {
        if self.attempt.is_none() || self.attempt.is_found() {
            // Begun before we were there, or by the controller itself: the station judges it.
            self.adopt();
            self.report_status(now, out);
            self.tell_vehicle(vehicle::complete(message), out);
            return;
        }
        let bidden = match &mut self.attempt {
            Attempt::None | Attempt::Charging(_) => return,
            Attempt::Leaving(leaving) => {
                leaving.began = true;
                return;
            }
            Attempt::Preparing(preparing) => {
                preparing.answer == Some(Admission::Admitted) || preparing.going.is_some()
            }
        };
        self.tell_vehicle(vehicle::complete(message), out);
        if let Attempt::Preparing(preparing) = &mut self.attempt {
            let (wish, going) = (preparing.wish, preparing.going.take());
            done(going.map(|g| g.ids).unwrap_or_default(), Ok(()), out);
            let vin = self.vehicle.as_ref().and_then(|v| v.vin);
            self.attempt = Attempt::Charging(Charging { own: true, vin, naming: None, denied: None });
            if wish == Wish::Identify && !bidden {
                // It was asked for a name and gave output.
                self.counters.unbidden = self.counters.unbidden.saturating_add(1);
                self.halt(now, out);
            }
        }
    }

    fn no_output(&mut self, now: Instant, code: u8, out: &mut Vec<Action>) {
        self.last.start_complete = Some(code);
        let mapped = cause::not_started(code, self.version());
        let reason = match &mut self.attempt {
            Attempt::None | Attempt::Charging(_) => return,
            Attempt::Leaving(Leaving { refused: Some(admission), .. }) => refusal(*admission),
            Attempt::Leaving(_) => mapped,
            Attempt::Preparing(preparing) => {
                let going = preparing.going.take();
                done(going.map(|g| g.ids).unwrap_or_default(), Ok(()), out);
                mapped
            }
        };
        let end = ChargerEnd { stage: EndStage::Starting, code, reason };
        self.conclude(now, ChargerState::StartFailed, Some(end));
    }

    /// 13, every repetition of it acknowledged.
    pub(super) fn hear_stopped(&mut self, now: Instant, message: &Message<'_>, out: &mut Vec<Action>) {
        let code = message.raw(&stop_complete::STOP_REASON).unwrap_or_default();
        let fields = [(stop_complete_ack::STOP_REASON, code), (stop_complete_ack::RESULT, 0)];
        out.push(Action::Send(short(&self.config, Kind::StopCompleteAck, &fields)));
        if self.rest.stop == message.payload() {
            return;
        }
        let mut end = vehicle::end(message);
        let code = code as u8;
        self.last.stopped = Some(code);
        let reason = cause::stopped(code, end.bst, self.version());
        end.reason = Some(reason).filter(|reason| *reason != StopReason::NONE);
        out.push(Action::Report(Report::Vehicle(VehicleReport::End(Box::new(end)))));
        let stop = self.lanes.take_out(Lane::Stop).map(|w| w.ids).unwrap_or_default();
        let (began, refused) = self.attempt.ended();
        let end = match refused {
            Some(admission) => ChargerEnd { stage: EndStage::Starting, code, reason: refusal(admission) },
            None => ChargerEnd { stage: EndStage::Charging, code, reason },
        };
        self.give_up(OrderFault::Overtaken, out);
        // After a start that failed for a better reason it only says the same again.
        if !self.attempt.is_none() || self.rest.end.is_none() {
            let state = if began { ChargerState::Finished } else { ChargerState::StartFailed };
            self.conclude(now, state, Some(end));
        }
        self.rest.stop = message.payload().to_vec();
        self.report_status(now, out);
        done(stop, Ok(()), out);
    }

    /// The attempt is over; what was started is to be forgotten.
    pub(super) fn conclude(&mut self, now: Instant, state: ChargerState, end: Option<ChargerEnd>) {
        self.attempt = Attempt::None;
        self.after_limit = None;
        self.progress_waits = false;
        self.rest = Rest { state: Some(state), end, since: Some(now), stop: Vec::new() };
    }

    /// The controller or the bus was gone while it made ready: it has forgotten the start, or is made to.
    pub(super) fn lose_attempt(&mut self, now: Instant, out: &mut Vec<Action>) {
        let out_at = self.lanes.is_out(Lane::Start);
        if !out_at && !matches!(self.attempt, Attempt::Preparing(_)) {
            return;
        }
        let ids = self.lanes.take(Lane::Start).map(|w| w.ids).unwrap_or_default();
        done(ids, Err(OrderFault::Silent), out);
        self.give_up(OrderFault::Silent, out);
        let reason = StopReason::CHARGER_LINK_LOST;
        let end = ChargerEnd { stage: EndStage::Starting, code: 0, reason };
        self.conclude(now, ChargerState::StartFailed, Some(end));
        self.abandoned = true;
    }

    /// What the clock alone brings about.
    pub(super) fn attempt_deadlines(&mut self, now: Instant, out: &mut Vec<Action>) {
        let rest = self.seen.is_at_rest(now);
        match &mut self.attempt {
            Attempt::None => {}
            Attempt::Preparing(_) => self.preparing_deadlines(now, out),
            Attempt::Charging(charging) => {
                charging.denied = rest.then(|| charging.denied.unwrap_or(now));
                if charging.denied.is_some_and(|since| now >= since + DENIED) {
                    self.conclude(now, ChargerState::Finished, None);
                }
            }
            Attempt::Leaving(leaving) => {
                leaving.denied = rest.then(|| leaving.denied.unwrap_or(now));
                let settled = leaving.denied.is_some_and(|since| now >= since + SETTLED)
                    && leaving.stopped
                    && self.lanes.is_free(Lane::Stop);
                if now < leaving.until && !settled {
                    return;
                }
                if !leaving.stopped {
                    return self.halt(now, out);
                }
                let began = leaving.began;
                let end = leaving.refused.map(|admission| ChargerEnd {
                    stage: EndStage::Starting,
                    code: 0,
                    reason: refusal(admission),
                });
                let state = if began { ChargerState::Finished } else { ChargerState::StartFailed };
                self.conclude(now, state, end);
            }
        }
    }

    fn preparing_deadlines(&mut self, now: Instant, out: &mut Vec<Action>) {
        let Attempt::Preparing(preparing) = &mut self.attempt else { return };
        let open = preparing.naming.as_ref().filter(|_| preparing.answer.is_none());
        if open.is_some_and(|naming| now >= naming.first + ADMISSION) {
            return self.refuse(now, Admission::TimedOut, out);
        }
        if let Some(at) = preparing.going.as_ref().and_then(|g| g.answered) {
            let quiet = preparing.naming.as_ref().is_some_and(|naming| now >= naming.last + ANSWERED);
            if quiet || now >= at + UNANSWERED {
                let ids = preparing.going.take().map(|g| g.ids).unwrap_or_default();
                done(ids, if quiet { Ok(()) } else { Err(OrderFault::Silent) }, out);
            }
        }
        if now >= preparing.until {
            self.counters.no_output = self.counters.no_output.saturating_add(1);
            self.halt(now, out);
        }
    }

    pub(super) fn version(&self) -> Version {
        match self.dialect() {
            Some(super::Dialect::V2_30) => Version::V230,
            Some(super::Dialect::V1_21 | super::Dialect::Auto) | None => Version::V121,
        }
    }
}

impl Attempt {
    /// Whether output was there, and what the vehicle was refused for.
    fn ended(&self) -> (bool, Option<Admission>) {
        match self {
            Attempt::None | Attempt::Charging(_) => (true, None),
            Attempt::Preparing(_) => (false, None),
            Attempt::Leaving(leaving) => (leaving.began, leaving.refused),
        }
    }
}

/// Takes a name down. True when it was now said twice in a row and was not told before.
fn note(slot: &mut Option<Naming>, now: Instant, message: &Message<'_>) -> bool {
    let Some(naming) = slot else {
        *slot = Some(Naming::new(now, message));
        return false;
    };
    (naming.kind, naming.last) = (message.kind(), now);
    let vin = vin_of(message);
    if naming.vin == vin {
        return !std::mem::replace(&mut naming.told, true);
    }
    (naming.vin, naming.told) = (vin, false);
    false
}

fn vin_of(message: &Message<'_>) -> Vec<u8> {
    vehicle_id::VIN.slice(message.payload()).unwrap_or_default().to_vec()
}

/// What an admission that is none means for the start (platform-222.md 13.4).
fn refusal(admission: Admission) -> StopReason {
    match admission {
        Admission::Admitted => StopReason::NONE,
        Admission::Illegal => StopReason::VIN_ABSENT,
        Admission::Refused => StopReason::CREDENTIAL_REFUSED,
        Admission::TimedOut => StopReason::DECISION_LATE,
    }
}

/// One outcome for all of them.
pub(super) fn done(ids: Vec<OrderId>, outcome: Result<(), OrderFault>, out: &mut Vec<Action>) {
    out.extend(ids.into_iter().map(|id| Action::Report(Report::Done(id, outcome))));
}
