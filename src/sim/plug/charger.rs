//! The charger's end of GB/T 27930: handshake, configuration, charging, the end (can.md 1.2, 1.6, 1.7).

use super::beat::Beat;
use super::transport::Receiver;
use super::trouble::Trouble;
use super::words;
use crate::model::quantity::{Current, Energy, Voltage};
use crate::model::time::Instant;
use crate::wire::can::Frame;
use crate::wire::field::Field;
use crate::wire::gbt27930::layout::{bcp, brm, bsm, cem, cst, ready};
use crate::wire::gbt27930::{Edition, Kind, Message, Side, transport};
use std::time::Duration;

const OLD_VEHICLE: Duration = Duration::from_secs(5);
const ANSWER: Duration = Duration::from_secs(5);
const READY: Duration = Duration::from_secs(60);
const DEMAND: Duration = Duration::from_secs(1);
const STATISTICS: Duration = Duration::from_secs(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(600);
/// Output is gone this long after the stop.
const CURRENT_GONE: Duration = Duration::from_millis(100);
/// Pre-charge: from BRO(AA) to CRO(AA).
const PRECHARGE: Duration = Duration::from_millis(70);
/// Before a new attempt the error is told for this long.
const RETRY: Duration = Duration::from_secs(1);
/// An error of the attempt before may still come.
const STRAY: Duration = Duration::from_millis(300);
/// Its statistics are told until the vehicle has been quiet about its own for so long.
const TELLING: Duration = Duration::from_millis(700);
const LONGEST_TELLING: Duration = Duration::from_secs(12);
/// Reconnects after which the plug has to be reseated (can.md 1.7).
const RECONNECTS: u8 = 3;

/// Where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Nothing is plugged or wanted.
    Idle,
    /// Says CHM and tests the insulation.
    Handshake,
    /// Says CRM (00).
    Identify,
    /// Says CRM (AA), then CML.
    Config,
    /// Says CRO (00), then (AA).
    Ready,
    /// Says CCS.
    Charging,
    /// Says CST.
    Stopping,
    /// Says CSD.
    Statistics,
    /// Says CEM before the next attempt.
    Failed,
    /// This charge is over; how is in [`Ending`].
    Over,
}

/// Why it ended, as the charger's own electronics see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// It was ordered to.
    Ordered,
    /// Somebody pressed its button.
    ByHand,
    /// The emergency stop.
    Emergency,
    /// The vehicle stopped with its aim reached.
    VehicleDone,
    /// The vehicle stopped with a fault.
    VehicleFault,
    /// The battery called something abnormal.
    Abnormal,
    /// A message of the vehicle did not come.
    Missing(Kind),
    /// The vehicle missed something of the charger.
    VehicleMisses,
    /// The vehicle took back its BRO (AA).
    Withdrawn,
    /// Paused for more than ten minutes.
    PauseTooLong,
    /// The plug was pulled.
    Pulled,
}

/// What both sides said at the end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ending {
    /// Why; `None` while it goes on.
    pub why: Option<Why>,
    /// Octets of BST.
    pub bst: Option<[u8; 4]>,
    /// Octets of BSD.
    pub bsd: Option<[u8; 7]>,
    /// Octets of BEM.
    pub bem: Option<[u8; 4]>,
    /// Octets of CEM.
    pub cem: Option<[u8; 4]>,
    /// Whether there had been output.
    pub charged: bool,
}

/// What it is told to offer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Settings {
    pub(super) number: u32,
    pub(super) insulation: Duration,
    pub(super) max_voltage: Voltage,
    pub(super) min_voltage: Voltage,
    pub(super) max_current: Current,
    /// Packets that it grants a sender at a time.
    pub(super) grant: u8,
}

/// What flows, for its messages.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Output {
    pub(super) voltage: Voltage,
    pub(super) current: Current,
    pub(super) energy: Energy,
}

/// A charger's end.
#[derive(Clone, Debug)]
pub(super) struct Charger {
    pub(super) settings: Settings,
    pub(super) stage: Stage,
    pub(super) ending: Ending,
    /// It may go on past CRO (00): nobody has to decide, or it was decided.
    pub(super) released: bool,
    edition: Edition,
    receiver: Receiver,
    beats: [(Kind, Beat); 9],
    since: Instant,
    deadline: Option<(Instant, Kind)>,
    /// Limits of BCL and BCS while charging.
    heard: [Instant; 2],
    step: Option<Instant>,
    /// BRO (AA) has to come by then.
    ready_by: Option<Instant>,
    pub(super) brm: Option<Vec<u8>>,
    pub(super) bcp: Option<[u8; 13]>,
    pub(super) demand: Option<[u8; 5]>,
    identified: bool,
    vehicle_ready: bool,
    is_ready: bool,
    began: Option<Instant>,
    forbidden: bool,
    paused: Option<Instant>,
    cst: Vec<u8>,
    cem: Option<Field>,
    reconnects: u8,
    silenced: Option<Instant>,
    pub(super) trouble: Option<Trouble>,
}

fn beats(ccs_ms: u64, cst_ms: u64) -> [(Kind, Beat); 9] {
    [
        (Kind::Chm, 250),
        (Kind::Crm, 250),
        (Kind::Cts, 500),
        (Kind::Cml, 250),
        (Kind::Cro, 250),
        (Kind::Ccs, ccs_ms),
        (Kind::Cst, cst_ms),
        (Kind::Csd, 250),
        (Kind::Cem, 250),
    ]
    .map(|(kind, ms)| (kind, Beat::every_ms(ms)))
}

impl Charger {
    pub(super) fn new(settings: Settings, unheard: bool) -> Charger {
        Charger {
            settings,
            stage: Stage::Idle,
            ending: Ending::default(),
            released: true,
            edition: Edition::V2015,
            receiver: Receiver::new(settings.grant),
            beats: if unheard { beats(400, 100) } else { beats(50, 10) },
            since: Instant::default(),
            deadline: None,
            heard: [Instant::default(); 2],
            step: None,
            ready_by: None,
            brm: None,
            bcp: None,
            demand: None,
            identified: false,
            vehicle_ready: false,
            is_ready: false,
            began: None,
            forbidden: false,
            paused: None,
            cst: Vec::new(),
            cem: None,
            reconnects: 0,
            silenced: None,
            trouble: None,
        }
    }

    /// The auxiliary supply of the vehicle.
    pub(super) fn supplies(&self) -> bool {
        !matches!(self.stage, Stage::Idle | Stage::Over) && self.silenced.is_none()
    }

    /// The output contactor is closed and current may flow.
    pub(super) fn is_output(&self, now: Instant) -> bool {
        match self.stage {
            Stage::Charging => self.paused.is_none(),
            Stage::Stopping => self.began.is_some() && now < self.since + CURRENT_GONE,
            _ => false,
        }
    }

    /// How long there has been output.
    pub(super) fn minutes(&self, now: Instant) -> u64 {
        self.began.map_or(0, |at| now.since(at).as_secs() / 60)
    }

    pub(super) fn edition(&self) -> Edition {
        self.edition
    }

    /// A charge begins. `released`: it goes through to output by itself.
    pub(super) fn start(&mut self, now: Instant, released: bool) {
        let trouble = self.trouble;
        let beats = self.beats.map(|(kind, mut beat)| {
            beat.stop();
            (kind, beat)
        });
        *self = Charger { beats, trouble, released, ..Charger::new(self.settings, false) };
        self.enter(now, Stage::Handshake);
    }

    fn enter(&mut self, now: Instant, stage: Stage) {
        self.stage = stage;
        self.since = now;
        self.deadline = None;
        self.step = None;
        let saying: &[Kind] = match stage {
            Stage::Handshake => &[Kind::Chm],
            Stage::Identify => &[Kind::Crm],
            Stage::Config => &[Kind::Crm],
            Stage::Ready => &[Kind::Cro],
            Stage::Charging => &[Kind::Ccs],
            Stage::Stopping => &[Kind::Cst],
            Stage::Statistics => &[Kind::Csd],
            Stage::Failed => &[Kind::Cem],
            Stage::Idle | Stage::Over => &[],
        };
        for (kind, beat) in &mut self.beats {
            if saying.contains(kind) {
                beat.start(now);
            } else {
                beat.stop();
            }
        }
        match stage {
            Stage::Handshake => {
                self.step = Some(now + self.settings.insulation);
                self.deadline = Some((now + OLD_VEHICLE, Kind::Bhm));
            }
            Stage::Identify => {
                self.receiver.clear();
                (self.identified, self.vehicle_ready, self.is_ready) = (false, false, false);
                (self.brm, self.bcp, self.demand, self.ready_by) = (None, None, None, None);
                self.deadline = Some((now + ANSWER, Kind::Brm));
            }
            Stage::Config => self.deadline = Some((now + ANSWER, Kind::Bcp)),
            Stage::Ready => self.step = Some(now + PRECHARGE),
            Stage::Charging => {
                self.heard = [now; 2];
                self.began.get_or_insert(now);
                self.ending.charged = true;
            }
            Stage::Stopping => {
                self.deadline = Some((now + ANSWER, Kind::Bst));
                self.step = Some(now + CURRENT_GONE);
            }
            Stage::Statistics => self.step = Some(now + TELLING),
            Stage::Failed => self.step = Some(now + RETRY),
            Stage::Idle | Stage::Over => {}
        }
    }

    /// The charge is to end.
    pub(super) fn stop(&mut self, now: Instant, why: Why) {
        match self.stage {
            Stage::Idle | Stage::Over | Stage::Stopping | Stage::Statistics => {}
            Stage::Handshake | Stage::Identify | Stage::Failed => self.finish(now, why),
            Stage::Config | Stage::Ready | Stage::Charging => {
                self.ending.why.get_or_insert(why);
                self.cst = self.cst_of(why);
                self.enter(now, Stage::Stopping);
            }
        }
    }

    fn cst_of(&self, why: Why) -> Vec<u8> {
        let set: &[Field] = match why {
            Why::Ordered | Why::ByHand => &[cst::MANUAL_STOP],
            Why::Emergency => &[cst::FAULT_STOP, cst::EMERGENCY_STOP],
            Why::VehicleDone | Why::VehicleFault if self.edition == Edition::V2011 => {
                &[cst::CONDITION_REACHED]
            }
            Why::VehicleDone | Why::VehicleFault => &[cst::BMS_STOPPED],
            Why::Abnormal | Why::Missing(_) | Why::VehicleMisses | Why::Withdrawn | Why::Pulled => {
                &[cst::FAULT_STOP, cst::OTHER_FAULT]
            }
            Why::PauseTooLong => &[cst::CONDITION_REACHED],
        };
        words::stop(Kind::Cst, self.edition, set)
    }

    /// It is over at once.
    pub(super) fn finish(&mut self, now: Instant, why: Why) {
        self.ending.why.get_or_insert(why);
        self.enter(now, Stage::Over);
    }

    /// A frame of the vehicle.
    pub(super) fn hear(&mut self, now: Instant, frame: &Frame, out: &mut Vec<Frame>) {
        if matches!(self.stage, Stage::Idle | Stage::Over) {
            return;
        }
        match frame.id().pf() {
            transport::CM => self.receiver.manage(frame.data(), out),
            transport::DT => {
                if let Some((kind, octets)) = self.receiver.data(frame.data(), out) {
                    self.take(now, kind, &octets);
                }
            }
            pf => {
                if let Some(kind) = Kind::of(pf, Side::Bms) {
                    self.take(now, kind, frame.data());
                }
            }
        }
    }

    fn take(&mut self, now: Instant, kind: Kind, octets: &[u8]) {
        let Some(message) = Message::new(kind, octets) else { return };
        let charges = matches!(kind, Kind::Bcl | Kind::Bcs | Kind::Bsm);
        if charges && self.stage == Stage::Ready && self.is_ready {
            self.enter(now, Stage::Charging);
        }
        match (kind, self.stage) {
            (Kind::Bhm, Stage::Handshake) if self.deadline.take().is_some() => {
                self.step = Some((self.since + self.settings.insulation).max(now));
            }
            (Kind::Brm, Stage::Identify) => self.identify(now, &message),
            (Kind::Bcp, Stage::Config)
                if message.raw(&bcp::BATTERY_VOLTAGE).is_some() && self.bcp.is_none() =>
            {
                self.bcp = <[u8; 13]>::try_from(octets).ok();
                self.beat(Kind::Crm).stop();
                self.beat(Kind::Cts).start(now);
                self.beat(Kind::Cml).start(now);
                self.deadline = Some((now + ANSWER, Kind::Bro));
            }
            (Kind::Bro, Stage::Config | Stage::Ready) => self.bro(now, &message),
            (Kind::Bcl, Stage::Charging) => {
                self.heard[0] = now;
                self.demand = <[u8; 5]>::try_from(octets).ok();
            }
            (Kind::Bcs, Stage::Charging) => self.heard[1] = now,
            (Kind::Bsm, Stage::Charging) => self.bsm(now, &message),
            (Kind::Bst, Stage::Config | Stage::Ready | Stage::Charging | Stage::Stopping) => {
                self.bst(now, octets)
            }
            (Kind::Bsd, Stage::Statistics) => {
                self.step = Some((now + TELLING).min(self.since + LONGEST_TELLING))
            }
            (Kind::Bsd, Stage::Stopping) if self.ending.bst.is_some() => {
                self.ending.bsd = octets.get(..7).and_then(|o| o.try_into().ok());
                self.enter(now, Stage::Statistics);
            }
            // what was still on its way when the new attempt began does not count
            (Kind::Bem, Stage::Identify) if now.since(self.since) < STRAY => {}
            (Kind::Bem, stage) if stage < Stage::Failed => {
                self.ending.bem = octets.get(..4).and_then(|o| o.try_into().ok());
                self.give_up(now, Why::VehicleMisses, None);
            }
            _ => {}
        }
    }

    fn identify(&mut self, now: Instant, message: &Message<'_>) {
        let minor = message.raw(&brm::PROTO_B1);
        let old = minor == Some(0) || message.payload().len() == 41;
        self.edition = if old { Edition::V2011 } else { Edition::V2015 };
        self.brm = Some(message.payload().to_vec());
        if self.trouble != Some(Trouble::NotIdentified) {
            self.identified = true;
            self.beat(Kind::Crm).stop();
            self.enter(now, Stage::Config);
        } else {
            self.deadline = Some((now + ANSWER, Kind::Brm));
        }
    }

    fn bro(&mut self, now: Instant, message: &Message<'_>) {
        let is = message.raw(&ready::READY) == Some(0xAA);
        if self.vehicle_ready && !is {
            return self.stop(now, Why::Withdrawn);
        }
        if self.stage == Stage::Config && self.bcp.is_some() {
            if is {
                self.vehicle_ready = true;
                self.enter(now, Stage::Ready);
            } else {
                let until = *self.ready_by.get_or_insert(now + READY);
                self.deadline = Some((until.min(now + ANSWER), Kind::Bro));
            }
        }
    }

    fn bsm(&mut self, now: Instant, message: &Message<'_>) {
        let states =
            [bsm::CELL_VOLTAGE_STATE, bsm::SOC_STATE, bsm::OVER_CURRENT, bsm::OVER_TEMP, bsm::INSULATION];
        if states.iter().chain([&bsm::CONNECTOR]).any(|field| matches!(message.raw(field), Some(1 | 2))) {
            return self.stop(now, Why::Abnormal);
        }
        self.forbidden = message.raw(&bsm::CHARGE_PERMIT) == Some(0);
    }

    fn bst(&mut self, now: Instant, octets: &[u8]) {
        let first = self.ending.bst.is_none();
        self.ending.bst = octets.get(..4).and_then(|o| o.try_into().ok());
        if first && self.stage != Stage::Stopping {
            let defined = if self.edition == Edition::V2011 { 0x05 } else { 0x55 };
            let fault = octets.get(1..3).is_some_and(|o| o[0] & 0x55 != 0 || o[1] & defined != 0);
            self.stop(now, if fault { Why::VehicleFault } else { Why::VehicleDone });
        }
        if self.stage == Stage::Stopping && first {
            self.deadline = Some((now + STATISTICS, Kind::Bsd));
        }
    }

    /// Output ends, the error is told, and a new attempt follows while there may be one.
    fn give_up(&mut self, now: Instant, why: Why, missing: Option<Field>) {
        self.cem = missing;
        if missing.is_some() {
            self.ending.cem = words::error(Kind::Cem, missing).try_into().ok();
        }
        let ending = self.stage >= Stage::Stopping;
        self.reconnects += 1;
        if ending || self.reconnects > RECONNECTS {
            self.ending.why.get_or_insert(why);
        }
        self.enter(now, Stage::Failed);
        if missing.is_none() {
            self.beat(Kind::Cem).stop();
        }
    }

    fn beat(&mut self, kind: Kind) -> &mut Beat {
        let at = self.beats.iter().position(|(k, _)| *k == kind).unwrap_or(0);
        &mut self.beats[at].1
    }

    /// Lets time pass.
    pub(super) fn advance(&mut self, now: Instant, output: Output, out: &mut Vec<Frame>) {
        self.decide(now);
        for at in 0..self.beats.len() {
            let (kind, beat) = &mut self.beats[at];
            let kind = *kind;
            if beat.due(now) {
                self.say(now, kind, output, out);
            }
        }
    }

    fn decide(&mut self, now: Instant) {
        if let Some((_, kind)) = self.deadline.filter(|(at, _)| *at <= now) {
            self.miss(now, kind);
        }
        if self.stage == Stage::Charging {
            self.charge(now);
        }
        if self.silenced.is_some_and(|at| at <= now) {
            self.silenced = None;
            self.enter(now, Stage::Identify);
        }
        if self.step.is_none_or(|at| at > now) {
            return;
        }
        self.step = None;
        match self.stage {
            Stage::Handshake if self.deadline.is_none() => self.enter(now, Stage::Identify),
            Stage::Handshake => self.step = self.deadline.map(|(at, _)| at),
            Stage::Ready if self.released && self.trouble != Some(Trouble::ChargerNotReady) => {
                self.is_ready = true;
                self.beat(Kind::Cro).stop();
                self.beat(Kind::Cro).start(now);
                self.deadline = Some((now + ANSWER + DEMAND, Kind::Bcl));
            }
            Stage::Ready => self.step = Some(now + PRECHARGE),
            Stage::Statistics => self.enter(now, Stage::Over),
            Stage::Failed if self.ending.why.is_some() => self.enter(now, Stage::Over),
            Stage::Failed => self.enter(now, Stage::Identify),
            Stage::Idle
            | Stage::Identify
            | Stage::Config
            | Stage::Charging
            | Stage::Stopping
            | Stage::Over => {}
        }
    }

    fn charge(&mut self, now: Instant) {
        if now.since(self.heard[0]) >= DEMAND {
            return self.miss(now, Kind::Bcl);
        }
        if now.since(self.heard[1]) >= ANSWER {
            return self.miss(now, Kind::Bcs);
        }
        let paused = self.forbidden || self.trouble == Some(Trouble::ChargerPauses);
        match (paused, self.paused) {
            (true, None) => self.paused = Some(now),
            (true, Some(since)) if now.since(since) >= LONGEST_PAUSE => self.stop(now, Why::PauseTooLong),
            (true, Some(_)) => {}
            (false, _) => self.paused = None,
        }
    }

    fn miss(&mut self, now: Instant, kind: Kind) {
        let field = match kind {
            // an old vehicle, which knows no CHM: its supply is switched off and on again
            Kind::Bhm => {
                self.edition = Edition::V2011;
                self.enter(now, Stage::Failed);
                self.beat(Kind::Cem).stop();
                self.step = None;
                self.silenced = Some(now + RETRY);
                return;
            }
            Kind::Brm => cem::BRM_TIMEOUT,
            Kind::Bcp => cem::BCP_TIMEOUT,
            Kind::Bro => cem::BRO_TIMEOUT,
            Kind::Bcs => cem::BCS_TIMEOUT,
            Kind::Bcl => cem::BCL_TIMEOUT,
            Kind::Bst => cem::BST_TIMEOUT,
            _ => cem::BSD_TIMEOUT,
        };
        self.give_up(now, Why::Missing(kind), Some(field));
    }

    fn say(&mut self, now: Instant, kind: Kind, output: Output, out: &mut Vec<Frame>) {
        if self.trouble.is_some_and(|t| t.withholds(kind)) {
            return;
        }
        let Settings { number, max_voltage, min_voltage, max_current, .. } = self.settings;
        let mut payload = match kind {
            Kind::Chm => words::chm(),
            Kind::Crm => words::crm(self.edition, self.identified, number),
            Kind::Cts => words::cts(),
            Kind::Cml => words::cml(self.edition, max_voltage, min_voltage, max_current),
            Kind::Cro => words::ready(Kind::Cro, self.is_ready),
            Kind::Ccs => {
                let permit = self.paused.is_none();
                words::ccs(self.edition, output.voltage, output.current, self.minutes(now), permit)
            }
            Kind::Cst => self.cst.clone(),
            Kind::Csd => words::csd(self.edition, self.minutes(now), output.energy, number),
            Kind::Cem => words::error(Kind::Cem, self.cem),
            _ => return,
        };
        if kind == Kind::Ccs && self.trouble == Some(Trouble::ShortState) {
            payload.truncate(7);
        }
        out.extend(Frame::new(kind.id(), &payload));
    }

    /// When it acts next by itself.
    pub(super) fn wake_at(&self) -> Option<Instant> {
        if self.stage == Stage::Idle || self.stage == Stage::Over {
            return None;
        }
        let charging =
            (self.stage == Stage::Charging).then(|| (self.heard[0] + DEMAND).min(self.heard[1] + ANSWER));
        let beats = self.beats.iter().map(|(_, beat)| beat.wake_at());
        let others = [self.deadline.map(|(at, _)| at), self.step, self.silenced, charging];
        beats.chain(others).flatten().min()
    }
}
