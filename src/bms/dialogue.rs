//! The phases of one dialogue (can.md 1.5), message by message.

use super::picture::Picture;
use super::said::{Notice, Phase, Said, Stop, Timeout};
use super::stop;
use super::watch::Watch;
use crate::model::ident::Vin;
use crate::model::stop::StopReason;
use crate::model::time::Instant;
use crate::model::vehicle::{End, Handshake, Progress};
use crate::wire::field::Field;
use crate::wire::gbt27930::layout::{bsm, ccs, crm, ready};
use crate::wire::gbt27930::{Edition, Kind, Message, Side};

const READY: u32 = 0xAA;

/// What was last said of each kind, so that only changes are said again. Forgotten with every new attempt.
#[derive(Debug, Default)]
struct Last {
    picture: Picture,
    vehicle: Option<Handshake>,
    end: Option<End>,
    bsd: bool,
    csd: bool,
    bst: Option<[u8; 4]>,
    cst: Option<[u8; 4]>,
    cause: bool,
    alarms: [bool; stop::BSM.len()],
    bem: [bool; stop::BEM.len()],
    cem: [bool; stop::CEM.len()],
    bro: bool,
    cro: bool,
    vehicle_charges: bool,
    charger_charges: bool,
    vehicle_forbids: bool,
    charger_forbids: bool,
    paused: bool,
}

/// One plug and what is said over it.
#[derive(Debug, Default)]
pub(super) struct Dialogue {
    phase: Phase,
    watch: Watch,
    last: Last,
    /// As first heard since the plug was last silent.
    vin: Option<Vin>,
    retries: u8,
    /// Statistics are in: what still comes of this dialogue is its echo.
    over: bool,
}

impl Dialogue {
    pub(super) fn phase(&self) -> Phase {
        self.phase
    }

    pub(super) fn vin(&self) -> Option<Vin> {
        self.vin
    }

    pub(super) fn progress(&self) -> &Progress {
        &self.last.picture.progress
    }

    pub(super) fn wake_at(&self) -> Option<Instant> {
        self.watch.wake_at()
    }

    /// A frame of the two sides, whatever it holds.
    pub(super) fn sign_of_life(&mut self, now: Instant) {
        self.watch.sign_of_life(now);
    }

    /// What the clock alone brings about. True when the dialogue is over for want of a sound.
    pub(super) fn tick(&mut self, now: Instant, out: &mut Vec<Said>) -> bool {
        for reason in self.watch.missing(now) {
            self.notice(now, reason, out);
        }
        if self.watch.is_silent(now) {
            self.unplug(out);
            return true;
        }
        if self.watch.is_ended(now) {
            self.conclude(now, out);
        }
        false
    }

    /// The plug is out, or may as well be.
    pub(super) fn unplug(&mut self, out: &mut Vec<Said>) {
        let phase = self.phase;
        self.tell_end(out);
        let known = phase != Phase::Idle || self.over || self.vin.is_some();
        *self = Dialogue::default();
        if phase != Phase::Idle {
            out.push(Said::Phase(Phase::Idle));
        }
        if known {
            out.push(Said::Gone);
        }
    }

    /// The tap itself is lost.
    pub(super) fn lose(&mut self, now: Instant, out: &mut Vec<Said>) {
        if self.phase != Phase::Idle {
            self.notice(now, StopReason::BMS_LISTENER_SILENT, out);
        }
        self.unplug(out);
    }

    /// A message.
    pub(super) fn take(
        &mut self,
        now: Instant,
        message: &Message<'_>,
        edition: Edition,
        out: &mut Vec<Said>,
    ) {
        let kind = message.kind();
        out.extend(self.watch.heard(kind, now).map(Said::HeardAgain));
        if self.over && !matches!(kind, Kind::Chm | Kind::Crm) {
            return;
        }
        if !matches!(kind, Kind::Chm | Kind::Crm) {
            self.last.picture.take(message, edition);
        }
        match kind {
            Kind::Chm => self.chm(now, out),
            Kind::Bhm => self.at_least(Phase::Handshake, now, out),
            Kind::Crm => self.crm(now, message, out),
            Kind::Brm => self.brm(now, out),
            // The time of the charger is never believed.
            Kind::Cts => self.at_least(Phase::Config, now, out),
            Kind::Bcp | Kind::Cml => {
                self.at_least(Phase::Config, now, out);
                self.tell_vehicle(out);
            }
            Kind::Bro => self.bro(now, message, out),
            Kind::Cro => {
                self.at_least(Phase::Config, now, out);
                self.last.cro = message.raw(&ready::READY) == Some(READY);
            }
            Kind::Bcl => {
                self.last.vehicle_charges = true;
                self.charge(now, out);
            }
            Kind::Bcs => {
                self.last.vehicle_charges = true;
                self.charge(now, out);
            }
            Kind::Ccs => self.ccs(now, message, edition, out),
            Kind::Bsm => self.bsm(now, message, out),
            Kind::Bmv | Kind::Bmt | Kind::Bsp => {}
            Kind::Bst => self.stop(now, Side::Bms, message, stop::of_bst(message, edition), out),
            Kind::Cst => self.stop(now, Side::Charger, message, stop::of_cst(message, edition), out),
            Kind::Bsd => {
                self.last.bsd = true;
                self.count_statistics(now, out);
            }
            Kind::Csd => {
                self.last.csd = true;
                self.count_statistics(now, out);
            }
            Kind::Bem => self.timeouts(now, Side::Bms, message, stop::BEM, out),
            Kind::Cem => self.timeouts(now, Side::Charger, message, stop::CEM, out),
        }
    }

    fn chm(&mut self, now: Instant, out: &mut Vec<Said>) {
        if !matches!(self.phase, Phase::Idle | Phase::Handshake) || self.over {
            self.retries = 0;
            self.begin_anew(out);
        }
        self.enter(Phase::Handshake, now, out);
    }

    /// 00 opens the identification, AA closes it. After charging, an error or half a configuration, 00 is another
    /// attempt; AA alone is met when listening begins in the middle.
    fn crm(&mut self, now: Instant, message: &Message<'_>, out: &mut Vec<Said>) {
        if message.raw(&crm::RESULT) == Some(READY) {
            if self.over {
                self.begin_anew(out);
            }
            return self.at_least(Phase::Config, now, out);
        }
        match self.phase {
            Phase::Identify => return,
            Phase::Idle | Phase::Handshake => self.begin_anew(out),
            Phase::Ending => {
                self.retries = 0;
                self.begin_anew(out);
            }
            Phase::Config | Phase::Charging | Phase::Error => {
                self.begin_anew(out);
                self.retries = self.retries.saturating_add(1);
                out.push(Said::Retry(self.retries));
            }
        }
        self.enter(Phase::Identify, now, out);
    }

    fn brm(&mut self, now: Instant, out: &mut Vec<Said>) {
        self.at_least(Phase::Identify, now, out);
        self.tell_vehicle(out);
        match (self.vin, self.last.picture.handshake.vin) {
            (Some(before), Some(now)) if before != now => {
                out.push(Said::VinChanged { before, now });
                self.vin = Some(now);
            }
            (None, Some(now)) => self.vin = Some(now),
            (Some(_), _) | (None, None) => {}
        }
    }

    fn bro(&mut self, now: Instant, message: &Message<'_>, out: &mut Vec<Said>) {
        self.at_least(Phase::Config, now, out);
        let is_ready = message.raw(&ready::READY) == Some(READY);
        if self.last.bro && !is_ready && self.phase == Phase::Config {
            out.push(Said::Withdrawn);
        }
        self.last.bro = is_ready;
    }

    fn ccs(&mut self, now: Instant, message: &Message<'_>, edition: Edition, out: &mut Vec<Said>) {
        self.last.charger_charges = true;
        self.charge(now, out);
        let permit = message.raw(&ccs::CHARGE_PERMIT).filter(|_| edition != Edition::V2011);
        if let Some(permit @ (0 | 1)) = permit {
            self.pause(now, Side::Charger, permit == 0, out);
        }
    }

    fn bsm(&mut self, now: Instant, message: &Message<'_>, out: &mut Vec<Said>) {
        for (i, (field, reason)) in stop::BSM.iter().enumerate() {
            let state = message.raw(field).and_then(|state| stop::abnormal(i, state));
            let before = self.last.alarms[i];
            let is = state.unwrap_or(before);
            self.last.alarms[i] = is;
            match (before, is) {
                (false, true) => out.push(Said::Alarm(*reason)),
                (true, false) => out.push(Said::AlarmOver(*reason)),
                (true, true) | (false, false) => {}
            }
        }
        // Forbidden with nothing abnormal is a pause; with something abnormal the charger stops.
        let normal = !self.last.alarms.contains(&true);
        if let Some(permit @ (0 | 1)) = message.raw(&bsm::CHARGE_PERMIT) {
            self.pause(now, Side::Bms, permit == 0 && normal, out);
        }
    }

    fn pause(&mut self, now: Instant, by: Side, forbids: bool, out: &mut Vec<Said>) {
        match by {
            Side::Bms => self.last.vehicle_forbids = forbids,
            Side::Charger => self.last.charger_forbids = forbids,
        }
        let is = (self.last.vehicle_forbids || self.last.charger_forbids) && self.phase == Phase::Charging;
        match (std::mem::replace(&mut self.last.paused, is), is) {
            (false, true) => {
                self.watch.paused(Some(now));
                out.push(Said::Paused(if self.last.vehicle_forbids { Side::Bms } else { Side::Charger }));
            }
            (true, false) => {
                self.watch.paused(None);
                out.push(Said::Resumed);
            }
            (true, true) | (false, false) => {}
        }
    }

    fn stop(
        &mut self,
        now: Instant,
        by: Side,
        message: &Message<'_>,
        reason: Option<StopReason>,
        out: &mut Vec<Said>,
    ) {
        if self.phase != Phase::Error {
            self.enter(Phase::Ending, now, out);
        }
        let Some(octets) = message.payload().first_chunk::<4>() else { return };
        let last = match by {
            Side::Bms => &mut self.last.bst,
            Side::Charger => &mut self.last.cst,
        };
        if last.replace(*octets) == Some(*octets) {
            return;
        }
        let first = reason.is_some() && !self.last.cause;
        self.last.cause |= first;
        if let Some(reason) = reason {
            self.last.picture.cause(reason);
        }
        out.push(Said::Stop(Stop { by, octets: *octets, reason, first }));
    }

    fn timeouts(
        &mut self,
        now: Instant,
        at: Side,
        message: &Message<'_>,
        table: &[(Field, StopReason)],
        out: &mut Vec<Said>,
    ) {
        let (phase, ages) = (self.phase, self.watch.ages(now));
        let known = match at {
            Side::Bms => &mut self.last.bem,
            Side::Charger => &mut self.last.cem,
        };
        let mut any = false;
        for ((field, reason), known) in table.iter().zip(known) {
            let is = message.raw(field) == Some(1);
            any |= is;
            if is && !*known {
                self.last.picture.cause(*reason);
                out.push(Said::Timeout(Timeout { at, field: field.name, reason: *reason, phase, ages }));
            }
            *known = is;
        }
        if any {
            self.enter(Phase::Error, now, out);
        }
    }

    /// Both statistics are in.
    fn count_statistics(&mut self, now: Instant, out: &mut Vec<Said>) {
        if self.last.bsd && self.last.csd && self.phase == Phase::Ending {
            self.conclude(now, out);
        }
    }

    fn conclude(&mut self, now: Instant, out: &mut Vec<Said>) {
        self.tell_end(out);
        self.enter(Phase::Idle, now, out);
        self.over = true;
    }

    /// The vehicle, once it has named itself, and whenever more of it is known.
    fn tell_vehicle(&mut self, out: &mut Vec<Said>) {
        let handshake = &self.last.picture.handshake;
        if self.last.picture.is_named && self.last.vehicle.as_ref() != Some(handshake) {
            self.last.vehicle = Some(handshake.clone());
            out.push(Said::Vehicle(Box::new(handshake.clone())));
        }
    }

    /// What both sides said of the end, if there was one.
    fn tell_end(&mut self, out: &mut Vec<Said>) {
        let end = &self.last.picture.end;
        if *end != End::default() && self.last.end.as_ref() != Some(end) {
            self.last.end = Some(end.clone());
            out.push(Said::End(Box::new(end.clone())));
        }
    }

    /// Once both are ready, the first message of the phase is enough; before that, or in the middle, both sides must
    /// be heard charging.
    fn charge(&mut self, now: Instant, out: &mut Vec<Said>) {
        let pair = self.last.vehicle_charges && self.last.charger_charges;
        let begins = match self.phase {
            Phase::Config => self.last.cro || pair,
            Phase::Idle | Phase::Handshake | Phase::Identify => pair,
            Phase::Charging | Phase::Ending | Phase::Error => false,
        };
        if begins {
            self.enter(Phase::Charging, now, out);
        }
    }

    /// A message of an early phase: go there, unless the dialogue is already beyond it.
    fn at_least(&mut self, phase: Phase, now: Instant, out: &mut Vec<Said>) {
        if self.phase < phase {
            self.enter(phase, now, out);
        }
    }

    fn enter(&mut self, phase: Phase, now: Instant, out: &mut Vec<Said>) {
        if self.phase == phase {
            return;
        }
        self.phase = phase;
        self.watch.charging((phase == Phase::Charging).then_some(now));
        self.watch.ending((phase == Phase::Ending).then_some(now));
        if phase != Phase::Charging {
            self.watch.paused(None);
            self.last.paused = false;
        }
        out.push(Said::Phase(phase));
    }

    /// A dialogue that only failed goes on with the next attempt; one that was stopped is over.
    fn begin_anew(&mut self, out: &mut Vec<Said>) {
        let end = &self.last.picture.end;
        if end.bst.is_some() || end.cst.is_some() {
            self.tell_end(out);
        }
        self.last = Last::default();
        self.over = false;
    }

    fn notice(&mut self, now: Instant, reason: StopReason, out: &mut Vec<Said>) {
        let ages = self.watch.ages(now);
        out.push(Said::Notice(Notice { reason, phase: self.phase, ages }));
    }
}
