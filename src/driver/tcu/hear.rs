//! What the controller says, message by message.

use super::attempt::{Attempt, done};
use super::lanes::Lane;
use super::steps::Answer;
use super::{Action, Controller, cause};
use crate::model::report::OrderFault;
use crate::model::time::Instant;
use crate::wire::can::Frame;
use crate::wire::field::Field;
use crate::wire::tcu::layout::{
    heartbeat, lock_ack, power_limit, power_limit_ack, result, service, service_ack, start_ack,
};
use crate::wire::tcu::{Heard, Kind, Message};

/// A message, taken out of the receiver so that the rest of the controller can be asked.
struct Owned {
    kind: Kind,
    payload: Vec<u8>,
}

impl Controller {
    /// One frame. What is for another connector, or says nothing, is counted and dropped.
    pub(super) fn hear(&mut self, now: Instant, frame: &Frame, out: &mut Vec<Action>) {
        if self.bus.is_none() || !self.hears(frame.id()) {
            return;
        }
        let owned = match self.receiver.hear(now.0, frame) {
            Heard::Message(_, message) => Owned { kind: message.kind(), payload: message.payload().to_vec() },
            Heard::Length(..) | Heard::Dropped(..) | Heard::Nothing => return,
        };
        let Some(message) = Message::new(owned.kind, &owned.payload) else { return };
        if message.interface() != 0 && message.interface() != self.config.interface {
            self.counters.interface = self.counters.interface.saturating_add(1);
            return;
        }
        self.take(now, &message, out);
    }

    fn take(&mut self, now: Instant, message: &Message<'_>, out: &mut Vec<Action>) {
        match message.kind() {
            Kind::CcuHeartbeat => {
                if let Some(bus) = &mut self.bus {
                    bus.beat.hear(now);
                    // It missed ours for three seconds: what it had checked is void there (can.md 3.4).
                    let missed = message.raw(&heartbeat::PEER_TIMEOUT) == Some(1);
                    if missed && bus.steps.are_done() {
                        bus.steps.clear();
                    }
                }
            }
            Kind::VersionAck | Kind::ParametersAck => self.step(now, message),
            Kind::StartAck => self.start_ack(now, message, out),
            Kind::StopAck => {
                self.ack(Lane::Stop, &[], message, &result::RESULT, None, out);
            }
            Kind::PowerLimitAck => self.limit_ack(now, message, out),
            Kind::ServiceAck => {
                let echo = [(service::SERVICE, service_ack::SERVICE)];
                self.ack(Lane::Service, &echo, message, &service_ack::RESULT, None, out);
            }
            Kind::LockAck => {
                let echo = [(lock_ack::ACTION, lock_ack::ACTION)];
                self.ack(Lane::Lock, &echo, message, &lock_ack::RESULT, None, out);
            }
            Kind::VehicleId | Kind::VinData => {
                self.taken_without_answer(now, out);
                self.hear_name(now, message, out);
            }
            Kind::StartComplete => {
                self.taken_without_answer(now, out);
                self.hear_complete(now, message, out);
            }
            Kind::StopComplete => self.hear_stopped(now, message, out),
            Kind::DcTelemetry => {
                self.seen.take_telemetry(now, message);
                self.note_progress();
            }
            Kind::DcStatus1 => {
                self.seen.take_word_1(now, message);
                self.hear_work(now, out);
            }
            Kind::DcStatus2 => self.seen.take_word_2(now, message),
            // Not asked for, or of no use to a DC charger.
            Kind::TimeAck | Kind::DcState | Kind::AcState | Kind::AuthorisationAck | Kind::AcTelemetry => {}
            Kind::AcTelemetry2 | Kind::AcStatus | Kind::AcStatus2 | Kind::CcuError | Kind::Configuration => {}
            // Ours: the receiver gives no such message of a frame that is addressed to us.
            Kind::Start | Kind::Stop | Kind::Time | Kind::Version | Kind::Parameters | Kind::Service => {}
            Kind::Lock | Kind::PowerLimit | Kind::StartCompleteAck | Kind::StopCompleteAck => {}
            Kind::VehicleIdConfirm | Kind::Authorisation | Kind::EnergyTime | Kind::VinResult => {}
            Kind::TcuHeartbeat | Kind::SetPoint | Kind::TcuError | Kind::ConfigurationQuery => {}
        }
    }

    fn step(&mut self, now: Instant, message: &Message<'_>) {
        let Some(bus) = &mut self.bus else { return };
        let answer = match message.kind() {
            Kind::VersionAck => bus.steps.hear_version(now, &self.config, message),
            _ => bus.steps.hear_parameters(now, message),
        };
        match answer {
            Answer::Taken => self.last.parameters_refused = None,
            Answer::OtherVersion => self.counters.version = self.counters.version.saturating_add(1),
            Answer::Refused(reason) => self.last.parameters_refused = Some(reason),
            Answer::Unasked => {}
        }
    }

    /// 02. A controller that is "already working" answers the repetition of a start whose first answer was lost.
    fn start_ack(&mut self, now: Instant, message: &Message<'_>, out: &mut Vec<Action>) {
        let Some(waiting) = self.lanes.get(Lane::Start).filter(|w| w.sent > 0) else { return };
        let reason = message.raw(&start_ack::REASON).unwrap_or_default() as u8;
        let taken_before = reason == cause::ALREADY_WORKING && waiting.sent > 1;
        if message.raw(&start_ack::RESULT) == Some(0) || taken_before {
            self.start_taken(now, out);
        } else {
            self.start_refused(now, reason, out);
        }
    }

    fn start_taken(&mut self, now: Instant, out: &mut Vec<Action>) {
        let ids = self.lanes.take(Lane::Start).map(|w| w.ids).unwrap_or_default();
        self.begin(now, self.wish);
        done(ids, Ok(()), out);
    }

    /// What follows a start came before its answer: that was lost.
    fn taken_without_answer(&mut self, now: Instant, out: &mut Vec<Action>) {
        if self.lanes.is_out(Lane::Start) && self.attempt.is_none() {
            self.start_taken(now, out);
        }
    }

    fn limit_ack(&mut self, now: Instant, message: &Message<'_>, out: &mut Vec<Action>) {
        let echo = [(power_limit::TYPE, power_limit_ack::TYPE), (power_limit::RAW, power_limit_ack::RAW)];
        let reason = Some(&power_limit_ack::REASON);
        let Some((waiting, outcome)) =
            self.answered(Lane::Limit, &echo, message, &power_limit_ack::RESULT, reason)
        else {
            return;
        };
        self.limit_over(now, waiting, outcome, out);
    }

    fn ack(
        &mut self,
        lane: Lane,
        echo: &[(Field, Field)],
        message: &Message<'_>,
        result: &Field,
        reason: Option<&Field>,
        out: &mut Vec<Action>,
    ) {
        if let Some((waiting, outcome)) = self.answered(lane, echo, message, result, reason) {
            done(waiting.ids, outcome, out);
        }
    }

    /// The order that a message answers, and how. An answer that repeats other values belongs to an earlier one.
    fn answered(
        &mut self,
        lane: Lane,
        echo: &[(Field, Field)],
        message: &Message<'_>,
        result: &Field,
        reason: Option<&Field>,
    ) -> Option<(super::lanes::Waiting, Result<(), OrderFault>)> {
        let waiting = self.lanes.get(lane).filter(|w| w.sent > 0)?;
        let octets = waiting.frame.data();
        if echo.iter().any(|(asked, answered)| asked.raw(octets) != message.raw(answered)) {
            return None;
        }
        let result = message.raw(result).unwrap_or_default();
        let code = reason.and_then(|field| message.raw(field)).unwrap_or(result) as u16;
        let outcome = if result == 0 { Ok(()) } else { Err(OrderFault::Refused(code)) };
        Some((self.lanes.take(lane)?, outcome))
    }

    /// 22: what runs without us is taken up, a plug that was pulled ends what was known of the vehicle.
    fn hear_work(&mut self, now: Instant, out: &mut Vec<Action>) {
        let is_on = self.seen.work(now).is_some_and(|work| work.is_on());
        let settled = self.rest.since.is_none_or(|at| now >= at + SETTLING);
        let ours = !self.attempt.is_none() && !self.attempt.is_found();
        if is_on && !ours && settled && !self.lanes.is_out(Lane::Start) {
            self.find(now);
        }
        self.note_plug(now, out);
        self.note_pause(now, out);
        if self.attempt.is_none() && self.seen.plugged(now) == Some(false) {
            self.rest.state = None;
        }
        if matches!(self.attempt, Attempt::None) && !is_on && settled {
            self.rest.since = None;
        }
    }
}

/// Status words that were on their way when a charge ended are no new charge.
const SETTLING: std::time::Duration = std::time::Duration::from_secs(2);
