//! What all phases share: the durable facts, the devices as last heard, orders, and the way to the store.

use super::cause::Cause;
use super::config::Config;
use super::metering::{Metering, Verdict, usable};
use super::record;
use super::storing::{Stored, Storing, Wanted};
use super::timeline::{Stamp, Timeline};
use super::{Action, Event, Opening, Tag, Target, vehicle};
use crate::model::message::StartOutcome;
use crate::model::quantity::Power;
use crate::model::record::flag;
use crate::model::report::{ChargerState, ChargerStatus, LinkState, MeterReading};
use crate::model::request::{Feedback, Order};
use crate::model::stop::StopReason;
use crate::model::time::{Instant, Now};
use crate::model::vehicle::VehicleReport;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::time::Duration;

/// Alarm codes of platform-222.md 13.6 that a session raises.
pub(super) mod alarm {
    pub(in crate::session) const INCONSISTENT: u16 = 0x0008;
    pub(in crate::session) const STOP_IGNORED: u16 = 0x0124;
    pub(in crate::session) const WENT_BACK: u16 = 0x0202;
    pub(in crate::session) const JUMPED: u16 = 0x0203;
    pub(in crate::session) const FROZEN: u16 = 0x0204;
    pub(in crate::session) const DIFFERS: u16 = 0x0205;
    pub(in crate::session) const REPLACED: u16 = 0x0206;
    pub(in crate::session) const BMS_TIMEOUT: u16 = 0x0402;
    pub(in crate::session) const CELL_VOLTAGE: u16 = 0x0403;
    pub(in crate::session) const PACK_HOT: u16 = 0x0404;
    pub(in crate::session) const PACK_CURRENT: u16 = 0x0405;
    pub(in crate::session) const PACK_INSULATION: u16 = 0x0406;
    pub(in crate::session) const SOC_IMPLAUSIBLE: u16 = 0x0409;
    pub(in crate::session) const VIN_DIFFERS: u16 = 0x040A;
    pub(in crate::session) const VIN_CHANGED: u16 = 0x040B;
}

/// Less current than this is none.
const NO_CURRENT_MA: i64 = 1_000;
/// Less power than this is none.
const NO_POWER_W: i64 = 500;

/// How far a session came, as it is kept on disk and shown to people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Stage {
    Opening,
    Reading,
    Arming,
    Starting,
    Charging,
    Paused,
    Stopping,
    Settling,
    Closing,
    Recovering,
    Closed,
}

impl Stage {
    pub(super) fn text(self) -> &'static str {
        match self {
            Stage::Opening => "opening",
            Stage::Reading => "reading",
            Stage::Arming => "arming",
            Stage::Starting => "starting",
            Stage::Charging => "charging",
            Stage::Paused => "paused",
            Stage::Stopping => "stopping",
            Stage::Settling => "settling",
            Stage::Closing => "closing",
            Stage::Recovering => "recovering",
            Stage::Closed => "closed",
        }
    }
}

/// What is kept on disk of a session. Moments are session time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Facts {
    pub(super) opening: Opening,
    pub(super) stage: Stage,
    pub(super) timeline: Timeline,
    pub(super) metering: Metering,
    /// Output was confirmed.
    pub(super) charging_ms: Option<i64>,
    pub(super) cause: Option<Cause>,
    /// Frozen once.
    pub(super) end_ms: Option<i64>,
    pub(super) start_soc: Option<u8>,
    pub(super) soc: Option<u8>,
    /// 0204 is queued.
    pub(super) told: bool,
    /// Bits of the record found so far.
    pub(super) flags: u16,
    /// When this was written.
    pub(super) saved: Stamp,
    #[serde(default)]
    pub(super) vehicle: vehicle::Known,
}

/// Orders a register again and again while a phase wants it.
#[derive(Clone, Debug, Default)]
struct Reads {
    asked: Option<Tag>,
    due: Instant,
}

/// The last word of the meter on whether anything flows.
#[derive(Clone, Copy, Debug, Default)]
struct Flow {
    at: Instant,
    power: Option<Power>,
    flows: Option<bool>,
}

/// Shared by all phases.
#[derive(Clone, Debug)]
pub(super) struct Core {
    pub(super) config: Config,
    pub(super) facts: Facts,
    pub(super) charger: Option<ChargerStatus>,
    pub(super) silent_since: Option<Instant>,
    pub(super) vehicle: vehicle::Heard,
    pub(super) online: bool,
    pub(super) storing: Storing,
    pub(super) out: Vec<Action>,
    meter: Flow,
    reads: Reads,
    next_tag: u32,
    raised: BTreeSet<u16>,
}

/// One event with what the shared part made of it.
pub(super) struct Heard<'a> {
    pub(super) now: Now,
    pub(super) event: Event<'a>,
    pub(super) stored: Option<Stored>,
    /// Why the session must end by what the vehicle says.
    pub(super) cause: Option<StopReason>,
    /// Charger or vehicle told something new of why it ended.
    pub(super) ended: bool,
}

impl Core {
    pub(super) fn new(now: Now, config: &Config, facts: Facts) -> Core {
        Core {
            config: config.clone(),
            online: !facts.opening.offline,
            facts,
            charger: None,
            silent_since: None,
            vehicle: vehicle::Heard::default(),
            storing: Storing::default(),
            out: Vec::new(),
            meter: Flow::default(),
            reads: Reads { asked: None, due: now.mono },
            next_tag: 1,
            raised: BTreeSet::new(),
        }
    }

    /// Takes in what concerns every phase.
    pub(super) fn hear<'a>(&mut self, now: Now, event: Event<'a>) -> Heard<'a> {
        if let Some(origin) = self.facts.timeline.advance(now)
            && let Some(split) = self.facts.metering.split_mut()
        {
            split.map(origin);
        }
        let (mut stored, mut cause, mut ended) = (None, None, false);
        match &event {
            Event::Charger(status) => ended = self.hear_charger(status),
            Event::Vehicle { report, objection } => {
                cause = self.hear_vehicle(report, *objection);
                ended = matches!(report, VehicleReport::End(_));
            }
            Event::ChargerLink(link) => self.hear_link(now, *link),
            Event::Meter(reading) => self.hear_meter(now, reading),
            Event::Done(Target::Meter, tag, Err(_)) if self.reads.asked == Some(*tag) => self.read_ended(now),
            Event::Online(online) => self.online = *online,
            Event::Balance(balance) => {
                self.facts.opening.grant.balance = Some(*balance);
            }
            Event::Committed | Event::CommitFailed => stored = self.stored(now, event == Event::Committed),
            Event::MeterLink(_) | Event::Done(..) | Event::Stop(_) | Event::Woke => {}
        }
        Heard { now, event, stored, cause, ended }
    }

    fn hear_charger(&mut self, status: &ChargerStatus) -> bool {
        self.silent_since = None;
        self.facts.soc = status.soc.filter(|soc| *soc <= 100).or(self.facts.soc);
        self.charger = Some(status.clone());
        self.hear_charger_end(status)
    }

    fn hear_link(&mut self, now: Now, link: LinkState) {
        match link {
            LinkState::Silent => self.silent_since = self.silent_since.or(Some(now.mono)),
            LinkState::Unknown | LinkState::Good | LinkState::Degraded => self.silent_since = None,
        }
    }

    fn hear_meter(&mut self, now: Now, reading: &MeterReading) {
        if reading.order.is_some() {
            self.read_ended(now);
        }
        let flows = flows(reading.current.map(|c| c.0), reading.power);
        if flows.is_some() {
            self.meter = Flow { at: now.mono, power: reading.power, flows };
        }
    }

    fn read_ended(&mut self, now: Now) {
        self.reads = Reads { asked: None, due: now.mono + self.config.timers.read_gap };
    }

    fn stored(&mut self, now: Now, durable: bool) -> Option<Stored> {
        self.facts.told |= durable && self.storing.tells_start();
        self.storing.answer(now.mono, durable, &self.config.timers)
    }

    /// Session time now.
    pub(super) fn at(&self, now: Now) -> i64 {
        self.facts.timeline.at(now)
    }

    /// Wants the present state durable.
    pub(super) fn save(&mut self, step: impl Into<String>) {
        self.storing.want(Wanted { step: Some(step.into()), ..Wanted::default() });
    }

    /// As [`Core::save`], with 0204 in the same transaction.
    pub(super) fn save_started(&mut self, step: &str) {
        let start_result = (!self.facts.told).then_some(StartOutcome::Charging);
        self.storing.want(Wanted { step: Some(step.into()), start_result, close: false });
    }

    /// Hands the store what it can take now.
    pub(super) fn flush(&mut self, now: Now) {
        let Some(wanted) = self.storing.next(now.mono) else { return };
        if !wanted.close {
            let Wanted { step, start_result, .. } = wanted.clone();
            self.out.push(Action::Save { step, start_result });
            return;
        }
        let (record, consistent) = record::record(self, now);
        if !consistent {
            self.alarm(alarm::INCONSISTENT, true);
        }
        let start_result = (!self.facts.told).then(|| record::outcome(&self.facts));
        self.out.push(Action::Close { record: Box::new(record), start_result });
    }

    /// Something or somebody ends the session; the first cause wins.
    pub(super) fn stop(&mut self, now: Now, reason: StopReason) {
        let cause = Cause { reason, at_ms: self.at(now) };
        self.facts.cause = Some(self.facts.cause.map_or(cause, |first| first.or(cause)));
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.facts.cause.is_some()
    }

    /// The reason in force.
    pub(super) fn reason(&self) -> StopReason {
        self.facts.cause.map_or(StopReason::NONE, |cause| cause.reason)
    }

    pub(super) fn tell(&mut self, target: Target, order: Order) -> Tag {
        let tag = Tag(self.next_tag);
        self.next_tag = self.next_tag.wrapping_add(1);
        self.out.push(Action::Tell(target, tag, order));
        tag
    }

    pub(super) fn show(&mut self, feedback: Feedback) {
        self.out.push(Action::Feedback(feedback));
    }

    /// Raises or clears an alarm, once.
    pub(super) fn alarm(&mut self, code: u16, raised: bool) {
        let changed = if raised { self.raised.insert(code) } else { self.raised.remove(&code) };
        if changed {
            self.out.push(Action::Alarm { code, raised });
        }
    }

    /// Clears what is over with the session. An inconsistent record stays for a person.
    pub(super) fn clear_alarms(&mut self) {
        let open: Vec<u16> =
            self.raised.iter().copied().filter(|code| *code != alarm::INCONSISTENT).collect();
        open.into_iter().for_each(|code| self.alarm(code, false));
    }

    /// Begins to read at once.
    pub(super) fn read_now(&mut self, now: Now) {
        let tag = self.tell(Target::Meter, Order::ReadRegister);
        self.reads = Reads { asked: Some(tag), due: now.mono + self.config.timers.read_patience };
    }

    /// Keeps one ordered reading on its way, at the pace of `read_gap`.
    pub(super) fn keep_reading(&mut self, now: Now) {
        if now.mono >= self.reads.due {
            self.read_now(now);
        }
    }

    /// When [`Core::keep_reading`] wants to act.
    pub(super) fn read_due(&self) -> Instant {
        self.reads.due
    }

    /// Judges a register and raises what a person must know. Energy counts until the frozen end.
    pub(super) fn judge(&mut self, now: Now, reading: &MeterReading) -> Verdict {
        let at_ms = self.at(now);
        let bill_ms = self.facts.end_ms.map_or(at_ms, |end| end.min(at_ms));
        let verdict = self.facts.metering.judge(at_ms, bill_ms, reading, self.config.rated);
        let (code, what) = match verdict {
            Verdict::Nothing | Verdict::Good | Verdict::Doubtful => return verdict,
            Verdict::WentBack => (alarm::WENT_BACK, "the register went back: a new metering segment begins"),
            Verdict::Jumped => (alarm::JUMPED, "the register jumped: the jump is not billed"),
            Verdict::Replaced => (alarm::REPLACED, "another meter: a new metering segment begins"),
        };
        self.alarm(code, true);
        let register = usable(reading).unwrap_or_default();
        self.save(format!("{what} at {register}"));
        verdict
    }

    /// Output is confirmed: charging counts from here, once. Nothing flowed before.
    pub(super) fn output_confirmed(&mut self, at_ms: i64) {
        if self.facts.charging_ms.is_some() {
            return;
        }
        self.facts.charging_ms = Some(at_ms);
        self.facts.start_soc = self.facts.soc;
        if let Some(split) = self.facts.metering.split_mut() {
            split.reading(at_ms, split.last());
        }
    }

    /// Freezes the end, once.
    pub(super) fn end(&mut self, at_ms: i64) {
        if self.facts.end_ms.is_none() {
            self.facts.end_ms = Some(at_ms);
            self.facts.flags |= if self.online { 0 } else { flag::ENDED_OFFLINE };
        }
    }

    /// Whether the charger's words mean that something flows; `None` when they do not tell.
    pub(super) fn charger_flows(status: &ChargerStatus) -> Option<bool> {
        flows(status.current.map(|c| c.0), status.power)
    }

    /// The meter's fresh word on whether anything flows.
    pub(super) fn meter_flows(&self, now: Now) -> Option<bool> {
        const FRESH: Duration = Duration::from_secs(10);
        self.meter.flows.filter(|_| now.mono.since(self.meter.at) <= FRESH)
    }

    /// Power now, as far as charger or meter tell it; never negative.
    pub(super) fn power(&self) -> Option<Power> {
        let charger = self.charger.as_ref().and_then(|status| status.power.or_else(|| by_product(status)));
        charger.or(self.meter.power).map(|power| power.max(Power(0)))
    }

    /// A charger that does not give output any more.
    pub(super) fn is_off(status: &ChargerStatus) -> bool {
        let ended = match status.state {
            ChargerState::Idle
            | ChargerState::Finished
            | ChargerState::StartFailed
            | ChargerState::Faulted => true,
            ChargerState::Unknown | ChargerState::Preparing | ChargerState::Charging => false,
        };
        ended && Core::charger_flows(status) != Some(true)
    }
}

fn flows(current_ma: Option<i64>, power: Option<Power>) -> Option<bool> {
    current_ma.map(|ma| ma > NO_CURRENT_MA).or(power.map(|power| power.0 > NO_POWER_W))
}

fn by_product(status: &ChargerStatus) -> Option<Power> {
    let (voltage, current) = status.voltage.zip(status.current)?;
    let microwatts = i128::from(voltage.0) * i128::from(current.0);
    Some(Power(i64::try_from(microwatts / 1_000_000).unwrap_or(i64::MAX)))
}
