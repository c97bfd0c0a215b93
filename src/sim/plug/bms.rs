//! The vehicle's end of GB/T 27930: what a battery management system says, and what it waits for (can.md 1.2, 1.6).

use super::beat::Beat;
use super::transport::Sender;
use super::trouble::Trouble;
use super::words;
use crate::model::quantity::Current;
use crate::model::time::Instant;
use crate::sim::vehicle::{NO_VIN, Vehicle};
use crate::wire::can::Frame;
use crate::wire::field::Field;
use crate::wire::gbt27930::layout::{bem, bst, ready};
use crate::wire::gbt27930::{Edition, Kind, Message, transport};
use std::time::Duration;

/// From the first CML until its contactors are closed.
const CLOSING: Duration = Duration::from_millis(500);
const CHARGER_GONE: Duration = Duration::from_secs(30);
const ANSWER: Duration = Duration::from_secs(5);
const CHARGER_READY: Duration = Duration::from_secs(60);
const CHARGER_STATE: Duration = Duration::from_secs(1);
const STATISTICS: Duration = Duration::from_secs(10);
/// Statistics follow the stop after this long.
const COUNTING: Duration = Duration::from_millis(350);

/// Where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    /// No auxiliary supply.
    Asleep,
    /// Supplied; says BHM when it hears CHM.
    Awake,
    /// Says BRM.
    Identify,
    /// Says BCP.
    Config,
    /// Says BRO.
    Ready,
    /// Says BCL, BCS, BSM.
    Charging,
    /// Says BST.
    Stopping,
    /// Says BSD.
    Statistics,
    /// Says BEM.
    Failed,
    /// Says nothing more of this charge.
    Over,
}

/// A vehicle's end.
#[derive(Clone, Debug)]
pub(super) struct Bms {
    pub(super) stage: Stage,
    sender: Sender,
    beats: [(Kind, Beat); 11],
    /// What is missed at which moment.
    deadline: Option<(Instant, Field)>,
    closes: Option<Instant>,
    counts: Option<Instant>,
    is_ready: bool,
    /// CRO (AA) has to come by then.
    cro: Option<Instant>,
    bst: Vec<u8>,
    bem: Option<Field>,
    /// Handshakes so far.
    handshakes: u32,
    missed_once: bool,
    turn: u32,
    pub(super) trouble: Option<Trouble>,
}

fn beats() -> [(Kind, Beat); 11] {
    [
        (Kind::Bhm, 250),
        (Kind::Brm, 250),
        (Kind::Bcp, 500),
        (Kind::Bro, 250),
        (Kind::Bcl, 50),
        (Kind::Bcs, 250),
        (Kind::Bsm, 250),
        (Kind::Bmv, 10_000),
        (Kind::Bmt, 10_000),
        (Kind::Bst, 10),
        (Kind::Bsd, 250),
    ]
    .map(|(kind, ms)| (kind, Beat::every_ms(ms)))
}

impl Bms {
    pub(super) fn new() -> Bms {
        Bms {
            stage: Stage::Asleep,
            sender: Sender::default(),
            beats: beats(),
            deadline: None,
            closes: None,
            counts: None,
            is_ready: false,
            cro: None,
            bst: Vec::new(),
            bem: None,
            handshakes: 0,
            missed_once: false,
            turn: 0,
            trouble: None,
        }
    }

    /// With nobody on the wire but the charger it says the same less often: no time-out notices the difference.
    pub(super) fn unheard() -> Bms {
        let mut bms = Bms::new();
        for (kind, beat) in &mut bms.beats {
            match kind {
                Kind::Bcl => *beat = Beat::every_ms(400),
                Kind::Bcs | Kind::Bsm => *beat = Beat::every_ms(2_000),
                Kind::Bst => *beat = Beat::every_ms(100),
                _ => {}
            }
        }
        bms
    }

    /// Supply of the vehicle's electronics.
    pub(super) fn supply(&mut self, now: Instant, on: bool) {
        match (on, self.stage) {
            (true, Stage::Asleep) => {
                self.enter(now, Stage::Awake);
                self.deadline = Some((now + CHARGER_READY, bem::CRM00_TIMEOUT));
            }
            (false, _) => {
                let trouble = self.trouble.take();
                let beats = self.beats.map(|(kind, mut beat)| {
                    beat.stop();
                    (kind, beat)
                });
                *self = Bms { beats, trouble, ..Bms::new() };
            }
            (true, _) => {}
        }
    }

    /// Whether its contactors are closed.
    pub(super) fn is_closed(&self) -> bool {
        self.is_ready && matches!(self.stage, Stage::Ready | Stage::Charging)
    }

    fn enter(&mut self, now: Instant, stage: Stage) {
        self.stage = stage;
        self.deadline = None;
        let saying: &[Kind] = match stage {
            Stage::Identify => &[Kind::Brm],
            Stage::Config => &[Kind::Bcp],
            Stage::Ready => &[Kind::Bro],
            Stage::Charging => &[Kind::Bcl, Kind::Bcs, Kind::Bsm, Kind::Bmv, Kind::Bmt],
            Stage::Stopping => &[Kind::Bst],
            Stage::Statistics => &[Kind::Bsd],
            Stage::Asleep | Stage::Awake | Stage::Failed | Stage::Over => &[],
        };
        for (kind, beat) in &mut self.beats {
            if saying.contains(kind) {
                beat.start(now);
            } else {
                beat.stop();
            }
        }
        if !matches!(stage, Stage::Identify | Stage::Config | Stage::Charging) {
            self.sender.clear();
        }
    }

    fn wait(&mut self, now: Instant, limit: Duration, missing: Field) {
        self.deadline = Some((now + limit, missing));
    }

    fn fail(&mut self, now: Instant, missing: Field) {
        self.enter(now, Stage::Failed);
        self.is_ready = false;
        self.bem = Some(missing);
        // the message itself is the beat that is used for nothing else
        self.beat(Kind::Bhm).start(now);
        self.deadline = Some((now + CHARGER_GONE, missing));
    }

    fn beat(&mut self, kind: Kind) -> &mut Beat {
        let at = self.beats.iter().position(|(k, _)| *k == kind).unwrap_or(0);
        &mut self.beats[at].1
    }

    /// A frame of the charger.
    pub(super) fn hear(&mut self, now: Instant, frame: &Frame, vehicle: &Vehicle, out: &mut Vec<Frame>) {
        if self.stage == Stage::Asleep {
            return;
        }
        if frame.id().pf() == transport::CM {
            return self.sender.hear(now, frame.data(), out);
        }
        let kind = Kind::of(frame.id().pf(), crate::wire::gbt27930::Side::Charger);
        let Some(message) = kind.and_then(|kind| Message::new(kind, frame.data())) else { return };
        let is_ready = message.raw(&ready::READY) == Some(0xAA);
        match (message.kind(), self.stage) {
            (Kind::Chm, Stage::Awake) if vehicle.bms.edition == Edition::V2015 => {
                self.beat(Kind::Bhm).start(now);
                self.wait(now, CHARGER_GONE, bem::CRM00_TIMEOUT);
            }
            (Kind::Crm, Stage::Awake | Stage::Failed) if !is_ready => self.identify(now),
            (Kind::Crm, Stage::Over | Stage::Config | Stage::Ready | Stage::Charging) if !is_ready => {
                self.identify(now);
            }
            (Kind::Crm, Stage::Identify) if is_ready => {
                self.enter(now, Stage::Config);
                self.wait(now, ANSWER, bem::CTS_CML_TIMEOUT);
            }
            (Kind::Cml, Stage::Config) => {
                self.enter(now, Stage::Ready);
                self.closes = Some(now + CLOSING);
            }
            (Kind::Cro, Stage::Ready) => self.cro(now, is_ready),
            (Kind::Ccs, Stage::Charging) => self.ccs(now),
            (Kind::Cst, Stage::Charging | Stage::Ready | Stage::Config) => self.follow(now, vehicle),
            (Kind::Cst, Stage::Stopping) if self.counts.is_none() => {
                self.counts = Some(now + COUNTING);
                self.deadline = None;
            }
            (Kind::Csd, Stage::Statistics) => {
                self.enter(now, Stage::Over);
            }
            (Kind::Cem, stage) if stage < Stage::Stopping => {
                // the charger gives this attempt up: a new one begins with CRM
                self.enter(now, Stage::Awake);
                self.is_ready = false;
                self.wait(now, CHARGER_GONE, bem::CRM00_TIMEOUT);
            }
            _ => {}
        }
    }

    fn identify(&mut self, now: Instant) {
        self.handshakes += 1;
        self.is_ready = false;
        self.cro = None;
        self.closes = None;
        self.sender.aborts_once = self.trouble == Some(Trouble::Aborts) && self.handshakes == 1;
        self.enter(now, Stage::Identify);
        self.wait(now, ANSWER, bem::CRMAA_TIMEOUT);
    }

    fn cro(&mut self, now: Instant, is_ready: bool) {
        if is_ready && self.is_ready {
            self.enter(now, Stage::Charging);
            return self.wait(now, CHARGER_STATE, bem::CCS_TIMEOUT);
        }
        // any CRO within five seconds, the ready one within a minute
        if self.is_ready {
            let until = *self.cro.get_or_insert(now + CHARGER_READY);
            self.deadline = Some((until.min(now + ANSWER), bem::CRO_TIMEOUT));
        }
    }

    fn ccs(&mut self, now: Instant) {
        let anew = matches!(self.trouble, Some(Trouble::Rehandshake | Trouble::OtherVin));
        if anew && !self.missed_once && self.turn > 4 {
            self.missed_once = true;
            return self.fail(now, bem::CCS_TIMEOUT);
        }
        self.wait(now, CHARGER_STATE, bem::CCS_TIMEOUT);
    }

    /// The charger has stopped.
    fn follow(&mut self, now: Instant, vehicle: &Vehicle) {
        let edition = vehicle.bms.edition;
        let set: &[Field] = if edition == Edition::V2011 { &[] } else { &[bst::CHARGER_STOPPED] };
        self.stop(now, words::stop(Kind::Bst, edition, set));
        self.counts = Some(now + COUNTING);
        self.deadline = None;
    }

    /// Somebody in the vehicle ends the charge.
    pub(super) fn stop_by_driver(&mut self, now: Instant, vehicle: &Vehicle) {
        if self.stage == Stage::Charging {
            self.stop(now, words::stop(Kind::Bst, vehicle.bms.edition, &[]));
        }
    }

    fn stop(&mut self, now: Instant, bst: Vec<u8>) {
        self.bst = bst;
        self.enter(now, Stage::Stopping);
        self.is_ready = false;
        self.wait(now, ANSWER, bem::CST_TIMEOUT);
    }

    /// Lets time pass.
    pub(super) fn advance(&mut self, now: Instant, vehicle: &Vehicle, flow: Current, out: &mut Vec<Frame>) {
        if self.stage == Stage::Asleep {
            return;
        }
        self.decide(now, vehicle);
        for at in 0..self.beats.len() {
            let (kind, beat) = &mut self.beats[at];
            let kind = *kind;
            if beat.due(now) {
                self.say(kind, vehicle, flow, out);
            }
        }
        self.sender.advance(now, out);
    }

    fn decide(&mut self, now: Instant, vehicle: &Vehicle) {
        if self.closes.is_some_and(|at| at <= now) {
            self.closes = None;
            if self.trouble != Some(Trouble::VehicleNotReady) {
                self.is_ready = true;
                self.wait(now, ANSWER, bem::CRO_TIMEOUT);
            }
        }
        if self.trouble == Some(Trouble::Withdrawn) && self.cro.is_some() && self.stage == Stage::Ready {
            self.is_ready = false;
        }
        if self.counts.is_some_and(|at| at <= now) {
            self.counts = None;
            self.enter(now, Stage::Statistics);
            self.wait(now, STATISTICS, bem::CSD_TIMEOUT);
        }
        if self.stage == Stage::Charging {
            let edition = vehicle.bms.edition;
            if self.trouble == Some(Trouble::RelayFault) && self.turn > 4 {
                self.stop(now, words::stop(Kind::Bst, edition, &[bst::HV_RELAY]));
            } else if vehicle.is_full() {
                self.stop(now, words::stop(Kind::Bst, edition, &[bst::SOC_TARGET]));
            }
        }
        match self.deadline {
            Some((at, _)) if at <= now && self.stage == Stage::Failed => self.enter(now, Stage::Over),
            Some((at, missing)) if at <= now => self.fail(now, missing),
            _ => {}
        }
    }

    fn say(&mut self, kind: Kind, vehicle: &Vehicle, flow: Current, out: &mut Vec<Frame>) {
        let kind = if kind == Kind::Bhm && self.stage == Stage::Failed { Kind::Bem } else { kind };
        if self.trouble.is_some_and(|t| t.withholds(kind)) {
            return;
        }
        let edition = vehicle.bms.edition;
        let payload = match kind {
            Kind::Bhm => words::bhm(vehicle),
            Kind::Brm => words::brm(vehicle, edition, &self.vin(vehicle)),
            Kind::Bcp => words::bcp(vehicle),
            Kind::Bro => words::ready(Kind::Bro, self.is_ready),
            Kind::Bcl => words::bcl(vehicle),
            Kind::Bcs => {
                self.turn += 1;
                words::bcs(vehicle, flow, self.turn)
            }
            Kind::Bsm => {
                let permit = self.trouble != Some(Trouble::VehicleForbids);
                let hot = self.trouble == Some(Trouble::BatteryHot) && self.turn > 4;
                words::bsm(vehicle, self.turn, permit, hot)
            }
            Kind::Bmv | Kind::Bmt if !vehicle.bms.tells_cells => return,
            Kind::Bmv => words::bmv(vehicle),
            Kind::Bmt => words::bmt(vehicle),
            Kind::Bst => self.bst.clone(),
            Kind::Bsd => words::bsd(vehicle),
            Kind::Bem => words::error(Kind::Bem, self.bem),
            _ => return,
        };
        match Frame::new(kind.id(), &payload) {
            Some(frame) => out.push(frame),
            None => self.sender.offer(kind, payload),
        }
    }

    fn vin(&self, vehicle: &Vehicle) -> [u8; 17] {
        match self.trouble {
            Some(Trouble::NoVin) => NO_VIN,
            Some(Trouble::BadVin) => *b"LTESTQIOXBUS 0001",
            Some(Trouble::OtherVin) if self.handshakes > 1 => *b"LANTHERVXBUS09999",
            _ => vehicle.bms.vin,
        }
    }

    /// When it acts next by itself.
    pub(super) fn wake_at(&self, now: Instant) -> Option<Instant> {
        if self.stage == Stage::Asleep {
            return None;
        }
        let beats = self.beats.iter().map(|(_, beat)| beat.wake_at());
        let others = [self.deadline.map(|(at, _)| at), self.closes, self.counts, self.sender.wake_at(now)];
        beats.chain(others).flatten().min()
    }
}
