//! One charge at a controller: handshake, the question for the VIN, start complete, output, stop complete (can.md 3.4).

use super::{Controller, Dialect, Fault, words};
use crate::model::time::Instant;
use crate::sim::bay::Bay;
use crate::sim::plug::{Ending, Stage as Talk, Why};
use crate::wire::gbt27930::Kind as Gbt;
use crate::wire::tcu::Kind;
use std::time::Duration;

const VIN_REPEAT: Duration = Duration::from_secs(1);
/// How long it waits for the decision on a vehicle.
const VIN_PATIENCE: Duration = Duration::from_secs(30);
const REPEAT: Duration = Duration::from_millis(250);
const PATIENCE: Duration = Duration::from_secs(5);
const START_PATIENCE: Duration = Duration::from_secs(120);

/// Reasons of 11.
mod failed {
    pub(super) const START_TIMEOUT: u8 = 0x36;
    pub(super) const VIN_TIMEOUT: u8 = 0x3D;
    pub(super) const VIN_REFUSED: u8 = 0x3E;
}

/// Reasons of 13.
mod stopped {
    pub(super) const NO_START_ACK: u8 = 0x04;
    pub(super) const HEARTBEAT: u8 = 0x06;
    pub(super) const MODULE: u8 = 0x1A;
}

/// Something that is said until it is acknowledged.
#[derive(Clone, Debug)]
struct Said {
    payload: Vec<u8>,
    next: Instant,
    until: Instant,
}

impl Said {
    fn new(now: Instant, payload: Vec<u8>) -> Said {
        Said { payload, next: now, until: now + PATIENCE }
    }
}

#[derive(Clone, Debug)]
enum Stage {
    /// Handshake, until the vehicle has named itself.
    Identifying,
    /// 17 or 2D is said until somebody decides.
    Asking { next: Instant, until: Instant },
    /// On the way to output.
    Starting,
    /// 11 is said. `reason` 0 = there is output.
    Completing { said: Said, reason: u8 },
    /// Output.
    Charging,
    /// It ends; `failed`: with 11 instead of 13.
    Ending { failed: Option<u8> },
    /// 13 is said.
    Ended { said: Said, reason: u8 },
    /// Nothing is left to say.
    Over,
}

/// A charge from its start.
#[derive(Clone, Debug)]
pub(super) struct Session {
    stage: Stage,
    began: Instant,
    /// Why it was stopped by this controller, where the plug does not know.
    why: Option<u8>,
}

impl Session {
    /// A start was taken. `asks`: somebody has to decide on the vehicle.
    pub(super) fn begin(now: Instant, asks: bool, bay: &mut Bay) -> Session {
        if asks {
            bay.start_held(now);
        } else {
            bay.start(now);
        }
        let stage = if asks { Stage::Identifying } else { Stage::Starting };
        Session { stage, began: now, why: None }
    }

    /// 03.
    pub(super) fn ordered(&mut self, now: Instant, reason: u8, bay: &mut Bay) {
        self.end(now, reason, bay);
    }

    /// The other side's heartbeat is lost.
    pub(super) fn unattended(&mut self, now: Instant, bay: &mut Bay) {
        self.end(now, stopped::HEARTBEAT, bay);
    }

    fn end(&mut self, now: Instant, reason: u8, bay: &mut Bay) {
        match self.stage {
            Stage::Identifying | Stage::Asking { .. } | Stage::Starting | Stage::Charging => {}
            Stage::Completing { reason: 0, .. } | Stage::Ending { failed: Some(_) } => {}
            Stage::Completing { .. } | Stage::Ending { .. } | Stage::Ended { .. } | Stage::Over => return,
        }
        self.why.get_or_insert(reason);
        bay.stop(now);
        self.stage = Stage::Ending { failed: None };
    }

    /// 18 or 2E; whether it was waited for.
    pub(super) fn decided(&mut self, now: Instant, admitted: bool, bay: &mut Bay) -> bool {
        if !matches!(self.stage, Stage::Asking { .. }) {
            return false;
        }
        if admitted {
            bay.release(now);
            self.stage = Stage::Starting;
        } else {
            self.fail(now, failed::VIN_REFUSED, bay);
        }
        true
    }

    fn fail(&mut self, now: Instant, reason: u8, bay: &mut Bay) {
        bay.stop(now);
        self.stage = Stage::Ending { failed: Some(reason) };
    }

    /// 12 or 14; whether it was waited for.
    pub(super) fn acknowledged(&mut self, kind: Kind) -> bool {
        match (&self.stage, kind) {
            (Stage::Completing { reason: 0, .. }, Kind::StartCompleteAck) => self.stage = Stage::Charging,
            (Stage::Completing { .. }, Kind::StartCompleteAck) => self.stage = Stage::Over,
            (Stage::Ended { reason, .. }, Kind::StopCompleteAck) => {
                self.why = Some(*reason);
                self.stage = Stage::Over;
            }
            _ => return false,
        }
        true
    }

    /// The reason that 13 named.
    pub(super) fn stop_reason(&self) -> Option<u8> {
        self.why
    }

    pub(super) fn is_paused(&self, bay: &Bay) -> bool {
        let charging = bay.plug_talk().is_some_and(|plug| plug.stage() == Talk::Charging);
        matches!(self.stage, Stage::Charging) && charging && bay.voltage().0 == 0
    }

    pub(super) fn wake_at(&self) -> Option<Instant> {
        match &self.stage {
            Stage::Asking { next, until } => Some(*next.min(until)),
            Stage::Completing { said, .. } | Stage::Ended { said, .. } => Some(said.next.min(said.until)),
            Stage::Starting | Stage::Identifying => Some(self.began + START_PATIENCE),
            Stage::Charging | Stage::Ending { .. } | Stage::Over => None,
        }
    }
}

impl Controller {
    /// Takes the charge on as far as it goes now.
    pub(super) fn carry_on(&mut self, now: Instant, bay: &mut Bay) {
        let Some(mut session) = self.session.take() else { return };
        self.step(now, &mut session, bay);
        if matches!(session.stage, Stage::Over) {
            self.finished = bay.vehicle().is_some();
        } else {
            self.session = Some(session);
        }
    }

    fn step(&mut self, now: Instant, session: &mut Session, bay: &mut Bay) {
        let talk = bay.plug_talk().map_or(Talk::Idle, |plug| plug.stage());
        let ending = bay.plug_talk().map(|plug| *plug.ending()).unwrap_or_default();
        let is_over = matches!(talk, Talk::Over | Talk::Idle);
        match &mut session.stage {
            Stage::Identifying | Stage::Asking { .. } | Stage::Starting if is_over => {
                let reason = start_reason(&ending);
                session.stage = self.completing(now, bay, reason);
            }
            Stage::Identifying | Stage::Starting if session.began + START_PATIENCE <= now => {
                session.fail(now, failed::START_TIMEOUT, bay);
            }
            Stage::Identifying => {
                if bay.plug_talk().is_some_and(|plug| plug.bcp().is_some()) {
                    session.stage = Stage::Asking { next: now, until: now + VIN_PATIENCE };
                    self.step(now, session, bay);
                }
            }
            Stage::Asking { until, .. } if *until <= now => session.fail(now, failed::VIN_TIMEOUT, bay),
            Stage::Asking { next, .. } if *next <= now => {
                *next = now + VIN_REPEAT;
                self.ask(now, bay);
            }
            Stage::Starting if talk == Talk::Charging => session.stage = self.completing(now, bay, 0),
            Stage::Completing { said, reason } => {
                if said.until <= now {
                    let reason = *reason;
                    session.stage = Stage::Over;
                    if reason == 0 {
                        session.stage = Stage::Charging;
                        session.end(now, stopped::NO_START_ACK, bay);
                    }
                } else {
                    self.repeat(now, Kind::StartComplete, said);
                }
            }
            Stage::Charging if is_over => {
                session.stage = Stage::Ending { failed: None };
                self.step(now, session, bay);
            }
            Stage::Charging if self.fault == Some(Fault::Module) => session.end(now, stopped::MODULE, bay),
            Stage::Ending { failed: Some(reason) } if is_over => {
                let reason = *reason;
                session.stage = self.completing(now, bay, reason);
            }
            Stage::Ending { failed: None } if is_over => {
                let reason = session.why.unwrap_or_else(|| stop_reason(&ending));
                let payload = words::stopped(self.config.dialect, self.config.interface, reason, &ending);
                session.stage = Stage::Ended { said: Said::new(now, payload), reason };
                self.step(now, session, bay);
            }
            Stage::Ended { said, .. } => {
                if said.until <= now {
                    session.stage = Stage::Over;
                } else {
                    self.repeat(now, Kind::StopComplete, said);
                }
            }
            Stage::Asking { .. } | Stage::Starting | Stage::Charging | Stage::Ending { .. } | Stage::Over => {
            }
        }
    }

    fn completing(&mut self, now: Instant, bay: &Bay, reason: u8) -> Stage {
        let payload = words::started(self.config.dialect, self.config.interface, bay, reason);
        let mut said = Said::new(now, payload);
        self.repeat(now, Kind::StartComplete, &mut said);
        Stage::Completing { said, reason }
    }

    fn repeat(&mut self, now: Instant, kind: Kind, said: &mut Said) {
        let withheld = match kind {
            Kind::StartComplete => self.fault == Some(Fault::NoStartComplete),
            _ => self.fault == Some(Fault::NoStopComplete),
        };
        if said.next <= now {
            said.next = now + REPEAT;
            if !withheld {
                self.say_long(kind, &said.payload);
            }
        }
    }

    fn ask(&mut self, now: Instant, bay: &Bay) {
        self.orders.asked = Some(now);
        let kind = match self.config.dialect {
            Dialect::V121 => Kind::VehicleId,
            Dialect::V230 => Kind::VinData,
        };
        if let Some(payload) = words::vehicle(self.config.interface, bay)
            && self.fault != Some(Fault::NoVin)
        {
            self.say_long(kind, &payload);
        }
    }
}

/// Why a start did not lead to output (11).
fn start_reason(ending: &Ending) -> u8 {
    match ending.why {
        Some(Why::Pulled) => 0x01,
        Some(Why::Emergency) => 0x03,
        Some(Why::Withdrawn) => 0x41,
        Some(Why::Missing(Gbt::Brm)) => 0x22,
        Some(Why::Missing(Gbt::Bcp)) => 0x24,
        Some(Why::Missing(Gbt::Bro)) => 0x27,
        Some(Why::Missing(Gbt::Bcl)) => 0x29,
        Some(Why::Missing(Gbt::Bcs)) => 0x2A,
        Some(
            Why::Missing(_)
            | Why::Ordered
            | Why::ByHand
            | Why::VehicleDone
            | Why::VehicleFault
            | Why::Abnormal
            | Why::VehicleMisses
            | Why::PauseTooLong,
        )
        | None => 0xFF,
    }
}

/// Why output ended (13).
fn stop_reason(ending: &Ending) -> u8 {
    match ending.why {
        Some(Why::Ordered) => 0x01,
        Some(Why::Pulled) => 0x05,
        Some(Why::PauseTooLong) => 0x07,
        Some(Why::Emergency) => 0x08,
        Some(Why::Missing(Gbt::Bcl)) => 0x1F,
        Some(Why::Missing(Gbt::Bcs)) => 0x20,
        Some(Why::Abnormal) => 0x27,
        Some(Why::VehicleDone) => 0x2A,
        Some(Why::VehicleFault | Why::VehicleMisses) => 0x2B,
        Some(Why::Missing(_) | Why::ByHand | Why::Withdrawn) | None => 0xFF,
    }
}
