//! What a controller is told: acknowledgements, and every rule that the other side breaks (can.md 3.2 to 3.4).

use super::session::Session;
use super::{Controller, Dialect, Fault};
use crate::model::quantity::Power;
use crate::model::time::Instant;
use crate::sim::bay::Bay;
use crate::wire::can::Frame;
use crate::wire::tcu::layout::{energy_time, power_limit, start, stop, vin_result};
use crate::wire::tcu::{Kind, Side};
use std::time::Duration;

/// An order is repeated after 250 ms; earlier than this it is hurry.
const HURRY: Duration = Duration::from_millis(200);
/// The heartbeat comes every second, give or take this.
const BEAT_SLACK: Duration = Duration::from_millis(400);
/// A repeat may cross our acknowledgement.
const CROSSING: Duration = Duration::from_millis(1_500);
/// What it shows may lag behind our meter by so much: 1 kWh.
const SHOWN_SLACK: i64 = 10_000;

/// Reasons of 02.
mod refused {
    pub(super) const BAD_DATA: u8 = 0x01;
    pub(super) const VERSION: u8 = 0x03;
    pub(super) const PARAMETERS: u8 = 0x04;
    pub(super) const SERVICE: u8 = 0x05;
    pub(super) const WORKING: u8 = 0x06;
    pub(super) const NOT_CONNECTED: u8 = 0x08;
    pub(super) const EMERGENCY: u8 = 0x09;
    pub(super) const DOOR: u8 = 0x0A;
}

/// What was agreed since the heartbeat is there.
#[derive(Clone, Debug, Default)]
pub(super) struct Orders {
    version: bool,
    parameters: bool,
    out_of_service: bool,
    counter: Option<u8>,
    beat: Option<Instant>,
    /// When each kind came last, and how.
    last: Vec<(Kind, Instant, [u8; 8])>,
    /// When an answer was last due and came.
    settled: Vec<(Kind, Instant)>,
    /// When the VIN was last told.
    pub(super) asked: Option<Instant>,
    /// The start that was taken, and when.
    taken: Option<(Instant, [u8; 8])>,
}

impl Orders {
    /// The heartbeat is lost.
    pub(super) fn forget(&mut self) {
        *self = Orders { out_of_service: self.out_of_service, asked: self.asked, ..Orders::default() };
    }

    /// How long ago the same was sent.
    fn gap(&mut self, now: Instant, kind: Kind, data: [u8; 8]) -> Option<Duration> {
        let at = self.last.iter().position(|(known, ..)| *known == kind);
        let before = at.map(|at| self.last.swap_remove(at));
        self.last.push((kind, now, data));
        before.filter(|(_, _, old)| *old == data).map(|(_, at, _)| now.since(at))
    }

    fn settle(&mut self, now: Instant, kind: Kind) {
        self.settled.retain(|(known, _)| *known != kind);
        self.settled.push((kind, now));
    }

    /// A second answer to what had to be said twice.
    fn crossed(&self, now: Instant, kind: Kind) -> bool {
        self.settled.iter().any(|(known, at)| *known == kind && now.since(*at) < CROSSING)
    }
}

/// Answers come as often as they are asked for.
fn is_answer(kind: Kind) -> bool {
    use Kind::{StartCompleteAck, StopCompleteAck, VehicleIdConfirm, VinResult};
    matches!(kind, StartCompleteAck | StopCompleteAck | VehicleIdConfirm | VinResult)
}

impl Controller {
    /// One frame of the billing control unit.
    pub(super) fn order(&mut self, now: Instant, frame: &Frame, bay: &mut Bay) {
        let pf = frame.id().pf();
        let Some(kind) = Kind::of(pf, Side::Tcu) else {
            return self.complain(format!("sent {pf:02X}, which is no message of a billing control unit"));
        };
        let Ok(data) = <[u8; 8]>::try_from(frame.data()) else {
            return self.complain(format!("sent {} in {} octets", kind.name(), frame.data().len()));
        };
        if kind.is_long() {
            return self.complain(format!("sent {}, which nobody asked for", kind.name()));
        }
        if frame.id() != kind.id(self.config.address) {
            self.complain(format!("sent {} as {}", kind.name(), frame.id()));
        }
        if data[0] != self.config.interface {
            return self.complain(format!("sent {} for interface {}", kind.name(), data[0]));
        }
        let gap = self.orders.gap(now, kind, data);
        if let Some(gap) = gap.filter(|gap| *gap < HURRY && !is_answer(kind)) {
            self.complain(format!("sent {} again after {} ms", kind.name(), gap.as_millis()));
        }
        self.obey(now, kind, data, bay);
    }

    fn obey(&mut self, now: Instant, kind: Kind, data: [u8; 8], bay: &mut Bay) {
        match kind {
            Kind::TcuHeartbeat => self.heartbeat(now, data),
            Kind::Version => self.version(data),
            Kind::Parameters => self.parameters(data),
            Kind::Time => self.say(Kind::TimeAck, &[0]),
            Kind::Service => self.service(data),
            Kind::Lock => self.lock(data, bay),
            Kind::Start => self.start(now, data, bay),
            Kind::Stop => self.stop(now, data, bay),
            Kind::PowerLimit => self.limit(now, data, bay),
            Kind::StartCompleteAck | Kind::StopCompleteAck => self.completed(now, kind, data),
            Kind::VehicleIdConfirm | Kind::VinResult => self.decided(now, kind, data, bay),
            Kind::EnergyTime => self.shown(data, bay),
            Kind::ConfigurationQuery => {
                let payload = [vec![self.config.interface], b"SIMC".to_vec(), vec![0; 30]].concat();
                self.say_long(Kind::Configuration, &payload);
            }
            Kind::TcuError => {}
            _ => self.complain(format!("sent {}, which this controller does not know", kind.name())),
        }
    }

    fn heartbeat(&mut self, now: Instant, data: [u8; 8]) {
        let before = self.orders.counter.replace(data[1]);
        let gap = self.orders.beat.replace(now).map(|at| now.since(at));
        // one that was restarted counts from 0, and what an adapter lost was sent all the same
        let lost = data[1] == 0 || gap.is_some_and(|gap| gap > CROSSING);
        if before.is_some_and(|before| data[1] != before.wrapping_add(1)) && !lost {
            self.complain(format!("heartbeat {} after {}", data[1], before.unwrap_or_default()));
        }
        if let Some(gap) = gap.filter(|gap| *gap + BEAT_SLACK < super::BEAT) {
            self.complain(format!("heartbeat after {} ms", gap.as_millis()));
        }
        self.heard = Some(now);
    }

    /// What may not be asked before the heartbeat is there.
    fn unheard(&mut self, what: &str) -> bool {
        // it may have been this controller that did not hear
        if self.heard.is_none() && !self.was_lost {
            self.complain(format!("{what} without a heartbeat"));
        }
        self.heard.is_none()
    }

    fn version(&mut self, data: [u8; 8]) {
        let bcd = |octet: u8| octet >> 4 <= 9 && octet & 15 <= 9;
        if !bcd(data[1]) || !bcd(data[2]) {
            self.complain(format!("version {:02X}.{:02X}", data[1], data[2]));
        }
        self.orders.version = true;
        match self.config.dialect {
            Dialect::V121 => self.say(Kind::VersionAck, &[0x01, 0x21]),
            Dialect::V230 => self.say(Kind::VersionAck, &[0x02, 0x30]),
        }
    }

    fn parameters(&mut self, data: [u8; 8]) {
        if self.unheard("parameters") {
            return self.say(Kind::ParametersAck, &[1, 2]);
        }
        if !self.orders.version {
            self.complain("parameters before the version".to_owned());
            return self.say(Kind::ParametersAck, &[1, 3]);
        }
        if data[1..].iter().any(|octet| octet >> 4 > 9 || octet & 15 > 9) {
            self.complain("a pile number that is no BCD".to_owned());
            return self.say(Kind::ParametersAck, &[1, 1]);
        }
        self.orders.parameters = true;
        self.say(Kind::ParametersAck, &[0, 0]);
    }

    fn service(&mut self, data: [u8; 8]) {
        let known = matches!(data[1], 1 | 2);
        if known {
            self.orders.out_of_service = data[1] == 1;
        } else {
            self.complain(format!("service {:02X}", data[1]));
        }
        self.say(Kind::ServiceAck, &[data[1], u8::from(!known)]);
    }

    fn lock(&mut self, data: [u8; 8], bay: &Bay) {
        let [_, lock, action, ..] = data;
        let known = matches!(action, 1 | 2);
        if !known {
            self.complain(format!("lock {action:02X}"));
        }
        // never open under load
        let done = known && !(action == 2 && bay.power().0 > 0);
        self.say(Kind::LockAck, &[lock, action, u8::from(!done)]);
    }

    fn start(&mut self, now: Instant, data: [u8; 8], bay: &mut Bay) {
        let repeated = self.orders.taken.filter(|(at, order)| now.since(*at) < CROSSING && *order == data);
        let reason = if repeated.is_some() && self.session.is_some() { 0 } else { self.judge(data, bay) };
        if reason == 0 && repeated.is_none() {
            self.orders.taken = Some((now, data));
            self.finished = false;
            let asks = matches!(data[2], 2 | 5 | 6) || self.config.dialect == Dialect::V230;
            self.session = Some(Session::begin(now, asks, bay));
        }
        if self.fault != Some(Fault::NoStartAck) {
            let octets = [data[1], u8::from(reason != 0), reason, data[2], data[3]];
            self.say(Kind::StartAck, &octets);
        }
    }

    /// Whether a start is refused, and why; 0 = it is not.
    fn judge(&mut self, data: [u8; 8], bay: &Bay) -> u8 {
        let raw = |field: crate::wire::field::Field| field.raw(&data).unwrap_or_default();
        if self.unheard("a start") {
            return 0x02;
        }
        let before = [
            (!self.orders.version, "a start before the version", refused::VERSION),
            (!self.orders.parameters, "a start before the parameters", refused::PARAMETERS),
            (self.orders.out_of_service, "a start out of service", refused::SERVICE),
            (self.session.is_some(), "a second start in one session", refused::WORKING),
            (!matches!(raw(start::LOAD_CONTROL), 1 | 2), "load control that is none", refused::BAD_DATA),
            (
                !matches!(raw(start::START_KIND), 1 | 2 | 5 | 6),
                "a start kind that is none",
                refused::BAD_DATA,
            ),
            (
                !matches!(raw(start::AUX_VOLTAGE), 12 | 24),
                "an auxiliary voltage that is none",
                refused::BAD_DATA,
            ),
            (
                (raw(start::PARALLEL) == 2) != matches!(raw(start::START_KIND), 5 | 6),
                "two guns by half",
                refused::BAD_DATA,
            ),
        ];
        for (broken, what, reason) in before {
            if broken {
                self.complain(format!("{what} ({})", crate::wire::hex::upper(&data)));
                return reason;
            }
        }
        match () {
            () if self.fault == Some(Fault::Door) => refused::DOOR,
            () if bay.emergency => refused::EMERGENCY,
            () if bay.vehicle().is_none() => refused::NOT_CONNECTED,
            () => 0,
        }
    }

    fn stop(&mut self, now: Instant, data: [u8; 8], bay: &mut Bay) {
        let reason = stop::REASON.raw(&data).unwrap_or_default();
        if !matches!(reason, 1..=3) {
            self.complain(format!("a stop for reason {reason:02X}"));
        }
        if let Some(session) = &mut self.session {
            session.ordered(now, reason as u8, bay);
        }
        if self.fault != Some(Fault::NoStopAck) {
            self.say(Kind::StopAck, &[0]);
        }
    }

    fn limit(&mut self, now: Instant, data: [u8; 8], bay: &mut Bay) {
        let raw = i64::from(power_limit::RAW.raw(&data).unwrap_or_default());
        let rated = bay.rated();
        let limit = match power_limit::TYPE.raw(&data) {
            Some(1) => Some(Power((raw - 10_000) * 100)),
            Some(2) if raw <= 100 => Some(Power(rated.0 * raw / 100)),
            _ => None,
        };
        let good = limit.filter(|limit| limit.0 >= 0);
        match good {
            Some(limit) => bay.limit(now, limit),
            None => self.complain(format!("a power limit of {}", crate::wire::hex::upper(&data))),
        }
        let refused = u8::from(good.is_none());
        self.say(Kind::PowerLimitAck, &[data[1], data[2], data[3], refused, refused]);
    }

    fn completed(&mut self, now: Instant, kind: Kind, data: [u8; 8]) {
        let due = self.session.as_mut().is_some_and(|session| session.acknowledged(kind));
        let echo = self.session.as_ref().and_then(Session::stop_reason);
        if due && kind == Kind::StopCompleteAck && echo != Some(data[1]) {
            self.complain(format!("acknowledged a stop for reason {:02X}", data[1]));
        }
        self.settle_or_complain(now, kind, due);
    }

    fn settle_or_complain(&mut self, now: Instant, kind: Kind, due: bool) {
        if due {
            self.orders.settle(now, kind);
        } else if !self.orders.crossed(now, kind) && !self.asked_lately(now, kind) {
            self.complain(format!(
                "sent {}, which nobody waits for, at {:.3} s",
                kind.name(),
                now.0 as f64 / 1e6
            ));
        }
    }

    /// An answer to a question that was given up meanwhile.
    fn asked_lately(&self, now: Instant, kind: Kind) -> bool {
        let names = matches!(kind, Kind::VehicleIdConfirm | Kind::VinResult);
        names && self.orders.asked.is_some_and(|at| now.since(at) < CROSSING)
    }

    fn decided(&mut self, now: Instant, kind: Kind, data: [u8; 8], bay: &mut Bay) {
        let mine = match self.config.dialect {
            Dialect::V121 => Kind::VehicleIdConfirm,
            Dialect::V230 => Kind::VinResult,
        };
        if kind != mine {
            return self.complain(format!("sent {}, which is of another version", kind.name()));
        }
        let success = vin_result::SUCCESS.raw(&data);
        let reason = vin_result::REASON.raw(&data).unwrap_or_default();
        if !matches!((success, reason), (Some(0), _) | (Some(1), 1 | 2 | 3 | 0xFF)) {
            self.complain(format!("a VIN result of {success:?}, reason {reason:02X}"));
        }
        let due = self.session.as_mut().is_some_and(|session| session.decided(now, success == Some(0), bay));
        self.settle_or_complain(now, kind, due);
    }

    /// What the billing control unit shows to people is what the meter counted.
    fn shown(&mut self, data: [u8; 8], bay: &Bay) {
        let shown = i64::from(energy_time::ENERGY.raw(&data).unwrap_or_default()) * 1_000;
        let counted = bay.session_energy().0;
        if self.session.is_some() && shown > counted + SHOWN_SLACK {
            self.complain(format!("shows {shown} of {counted} (1e-4 kWh)"));
        }
    }
}
